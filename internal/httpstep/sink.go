// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/launchready/launchready/api/v1alpha1"
)

// The names that the query of a sink of logs may use.
const (
	// Since is when the probe began, in RFC 3339.
	Since = "since"
	// RequestID is the X-Request-Id of a request of the probe.
	RequestID = "requestId"
	// TraceID is the trace id of its traceparent.
	TraceID = "traceId"
)

// AsksByID says whether a query asks for one request of the probe alone.
func AsksByID(query v1alpha1.LogQuery) bool {
	return Uses(query.Request, RequestID) || Uses(query.Request, TraceID)
}

// ValidateSpec finds what is wrong with what a launch says of requests: to its app, and to its sinks of logs.
func ValidateSpec(spec *v1alpha1.LaunchReadinessSpec) field.ErrorList {
	at := field.NewPath("spec")
	var wrong field.ErrorList
	if spec.App != nil {
		wrong = Validate(spec.App, at.Child("app"))
	}
	if spec.Logging != nil {
		wrong = append(wrong, ValidateSinks(spec.Logging.Sinks, at.Child("logging", "sinks"))...)
	}
	return wrong
}

// ValidateSinks finds what is wrong with the queries of sinks before any is sent.
func ValidateSinks(sinks []v1alpha1.LogSink, at *field.Path) field.ErrorList {
	v := &validation{}
	for _, sink := range sinks {
		if sink.Query != nil {
			v.query(at.Key(sink.Name).Child("query"), *sink.Query)
		}
	}
	return v.errs
}

func (v *validation) query(at *field.Path, q v1alpha1.LogQuery) {
	v.request(at.Child("request"), q.Request, sets.New(Since, RequestID, TraceID))
	v.expression(at.Child("expect"), q.Expect, Bool)
	if q.CredentialsSecretRef != nil {
		return
	}
	v.parts(at.Child("request"), q.Request, func(at *field.Path, text string) {
		for _, name := range References(text) {
			if strings.HasPrefix(name, credentialsPrefix) {
				v.errs = append(v.errs, field.Required(at, "query.credentialsSecretRef is not there: name the Secret that has "+reference(name)))
			}
		}
	})
}
