// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/launchready/launchready/internal/edge"
)

// metrics are what is counted of the calls of all clients.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	limited   prometheus.Counter
}

// newMetrics gives metrics that are not registered yet.
func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "launchready_cloudflare_requests_total",
			Help: "Requests to Cloudflare's API, by what was asked for and how it went: success, or the kind of error.",
		}, []string{"action", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "launchready_cloudflare_request_duration_seconds",
			Help:    "How long a request to Cloudflare's API took, without the wait for our own limiter.",
			Buckets: prometheus.ExponentialBuckets(0.025, 2, 11),
		}, []string{"action"}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "launchready_cloudflare_rate_limited_total",
			Help: "Requests that Cloudflare refused for its limit on calls.",
		}),
	}
}

// register registers the metrics.
func (m *metrics) register(registry prometheus.Registerer) error {
	var errs []error
	for _, c := range []prometheus.Collector{m.requests, m.durations, m.limited} {
		errs = append(errs, registry.Register(c))
	}
	return errors.Join(errs...)
}

// outcomes are the labels of the kinds of errors.
var outcomes = map[edge.Kind]string{
	edge.KindAuth:         "auth",
	edge.KindPermission:   "permission",
	edge.KindZoneNotFound: "zone_not_found",
	edge.KindEntitlement:  "entitlement",
	edge.KindRateLimit:    "rate_limit",
	edge.KindConflict:     "conflict",
	edge.KindInvalid:      "invalid",
	edge.KindTransient:    "transient",
}

// seen counts a request.
func (m *metrics) seen(a action, took time.Duration, fault *edge.APIError) {
	outcome := "success"
	if fault != nil {
		outcome = outcomes[fault.Kind]
		if fault.Kind == edge.KindRateLimit {
			m.limited.Inc()
		}
	}
	m.requests.WithLabelValues(a.name, outcome).Inc()
	m.durations.WithLabelValues(a.name).Observe(took.Seconds())
}
