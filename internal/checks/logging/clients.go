// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import "strings"

// client is a library that sends logs, errors or traces away, and the environment variables that set it up.
type client struct {
	name string
	// exact names, and beginnings of names.
	exact, prefixes []string
	// harmless names that begin so and send nothing by themselves.
	harmless []string
}

// clients are the well-known ones, by the variables of their documentation.
func clients() []client {
	return []client{
		{name: "Sentry", exact: []string{"SENTRY_DSN", "NEXT_PUBLIC_SENTRY_DSN", "VITE_SENTRY_DSN", "SENTRY_AUTH_TOKEN"}, prefixes: []string{"SENTRY_"}, harmless: []string{"SENTRY_ENVIRONMENT", "SENTRY_RELEASE"}},
		{name: "Datadog", exact: []string{"DATADOG_API_KEY"}, prefixes: []string{"DD_", "DATADOG_"}, harmless: []string{"DD_ENV", "DD_SERVICE", "DD_VERSION", "DD_TAGS"}},
		{name: "OpenTelemetry", prefixes: []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_JAEGER_", "OTEL_EXPORTER_ZIPKIN_"}},
		{name: "Jaeger", exact: []string{"JAEGER_AGENT_HOST", "JAEGER_ENDPOINT", "JAEGER_COLLECTOR_ENDPOINT"}},
		{name: "Zipkin", exact: []string{"ZIPKIN_ENDPOINT", "ZIPKIN_BASE_URL"}},
		{name: "New Relic", prefixes: []string{"NEW_RELIC_", "NEWRELIC_"}},
		{name: "Honeycomb", prefixes: []string{"HONEYCOMB_"}},
		{name: "Rollbar", prefixes: []string{"ROLLBAR_"}},
		{name: "Bugsnag", prefixes: []string{"BUGSNAG_"}},
		{name: "Airbrake", prefixes: []string{"AIRBRAKE_"}},
		{name: "Honeybadger", prefixes: []string{"HONEYBADGER_"}},
		{name: "Raygun", prefixes: []string{"RAYGUN_"}},
		{name: "Better Stack", prefixes: []string{"LOGTAIL_", "BETTER_STACK_", "BETTERSTACK_"}},
		{name: "Elastic APM", prefixes: []string{"ELASTIC_APM_"}},
		{name: "Elastic Cloud", exact: []string{"ELASTIC_CLOUD_ID"}},
		{name: "Logstash", exact: []string{"LOGSTASH_HOST", "LOGSTASH_URL"}},
		{name: "Loki", exact: []string{"LOKI_URL", "LOKI_HOST", "LOKI_ENDPOINT"}},
		{name: "Fluentd", exact: []string{"FLUENTD_HOST", "FLUENT_HOST", "FLUENTD_ADDRESS"}},
		{name: "Graylog", exact: []string{"GRAYLOG_HOST", "GELF_HOST", "GELF_URL"}},
		{name: "Splunk", exact: []string{"SPLUNK_ACCESS_TOKEN", "SPLUNK_URL"}, prefixes: []string{"SPLUNK_HEC_"}},
		{name: "Sumo Logic", prefixes: []string{"SUMO_LOGIC_", "SUMOLOGIC_"}},
		{name: "Papertrail", prefixes: []string{"PAPERTRAIL_"}},
		{name: "Loggly", prefixes: []string{"LOGGLY_"}},
		{name: "LogDNA", prefixes: []string{"LOGDNA_", "MEZMO_"}},
		{name: "Logz.io", prefixes: []string{"LOGZIO_", "LOGZ_IO_"}},
		{name: "Coralogix", prefixes: []string{"CORALOGIX_", "CX_API_KEY"}},
		{name: "Axiom", exact: []string{"AXIOM_TOKEN", "AXIOM_DATASET", "AXIOM_URL"}},
		{name: "Dynatrace", exact: []string{"DT_TENANT", "DT_CONNECTION_POINT", "DT_API_TOKEN", "DT_API_URL"}},
		{name: "AppDynamics", prefixes: []string{"APPDYNAMICS_"}},
		{name: "Application Insights", prefixes: []string{"APPLICATIONINSIGHTS_", "APPINSIGHTS_"}},
		{name: "AWS X-Ray", exact: []string{"AWS_XRAY_DAEMON_ADDRESS"}},
		{name: "Lightstep", prefixes: []string{"LS_ACCESS_TOKEN", "LIGHTSTEP_"}},
		{name: "LogRocket", prefixes: []string{"LOGROCKET_"}},
		{name: "PostHog", prefixes: []string{"POSTHOG_", "NEXT_PUBLIC_POSTHOG_"}},
		{name: "LangSmith", exact: []string{"LANGCHAIN_TRACING_V2", "LANGCHAIN_ENDPOINT"}, prefixes: []string{"LANGSMITH_"}},
		{name: "Langfuse", prefixes: []string{"LANGFUSE_"}},
		{name: "Helicone", prefixes: []string{"HELICONE_"}},
		{name: "Phoenix", exact: []string{"PHOENIX_COLLECTOR_ENDPOINT"}},
		{name: "Traceloop", prefixes: []string{"TRACELOOP_"}},
	}
}

// sinkOf gives the client that a variable sets up, or nothing.
func sinkOf(variable string) string {
	name := strings.ToUpper(variable)
	for _, c := range clients() {
		if c.has(name) {
			return c.name
		}
	}
	return ""
}

func (c client) has(name string) bool {
	for _, n := range c.harmless {
		if n == name {
			return false
		}
	}
	for _, n := range c.exact {
		if n == name {
			return true
		}
	}
	for _, p := range c.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
