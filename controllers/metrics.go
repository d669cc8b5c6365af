// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

var (
	reconciles = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "launchready_reconcile_total",
		Help: "Passes over a LaunchReadiness, by outcome: success, Stalled, Waiting, Wanted (suspended or deleted), conflict, transient.",
	}, []string{"outcome"})
	checkDuration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "launchready_check_duration_seconds",
		Help:    "How long a check of a row took.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
	}, []string{"row"})
)

var (
	rowStateDesc = prometheus.NewDesc("launchready_row_state",
		"1 for the state that a row's condition is in: True, False or Unknown, with its reason.",
		[]string{"namespace", "name", "row", "state", "reason"}, nil)
	conditionDesc = prometheus.NewDesc("launchready_condition",
		"1 for the state that a summary condition is in: True, False or Unknown, with its reason.",
		[]string{"namespace", "name", "condition", "state", "reason"}, nil)
	ageDesc = prometheus.NewDesc("launchready_row_measurement_age_seconds",
		"Seconds since the verdict on a row was given.",
		[]string{"namespace", "name", "row"}, nil)
	waiverDesc = prometheus.NewDesc("launchready_waiver_expiry_timestamp_seconds",
		"When a LaunchWaiver expires, in seconds since 1970.",
		[]string{"namespace", "name", "launch", "row", "active"}, nil)
)

// collectTimeout bounds a scrape: it reads from the cache alone.
const collectTimeout = 5 * time.Second

// Collector gives the state of all launches to Prometheus, read from the cache at every scrape, so that nothing has
// to be remembered or forgotten when resources come and go.
type Collector struct {
	Reader client.Reader
	// Elected is closed when this replica leads: the others stay silent, so that nothing is counted twice.
	Elected <-chan struct{}
	Now     func() time.Time
}

// Register registers the metrics of this package.
func (c *Collector) Register(registry prometheus.Registerer) error {
	for _, collector := range []prometheus.Collector{reconciles, checkDuration, c} {
		if err := registry.Register(collector); err != nil {
			return err
		}
	}
	return nil
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{rowStateDesc, conditionDesc, ageDesc, waiverDesc} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-c.Elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	var launches v1alpha1.LaunchReadinessList
	if err := c.Reader.List(ctx, &launches); err != nil {
		metrics <- prometheus.NewInvalidMetric(rowStateDesc, err)
		return
	}
	rows := map[string]bool{}
	for _, row := range scorecard.Rows() {
		rows[string(row.Name)] = true
	}
	for _, lr := range launches.Items {
		c.collectLaunch(metrics, &lr, rows)
	}
	var waivers v1alpha1.LaunchWaiverList
	if err := c.Reader.List(ctx, &waivers); err != nil {
		metrics <- prometheus.NewInvalidMetric(waiverDesc, err)
		return
	}
	for _, w := range waivers.Items {
		active := "False"
		if meta.IsStatusConditionTrue(w.Status.Conditions, v1alpha1.ConditionActive) {
			active = "True"
		}
		metrics <- prometheus.MustNewConstMetric(waiverDesc, prometheus.GaugeValue, float64(w.Spec.ExpiresAt.Unix()),
			w.Namespace, w.Name, w.Spec.LaunchReadinessRef.Name, string(w.Spec.Row), active)
	}
}

// collectLaunch gives the state of one launch; rows are the names of the conditions that are rows.
func (c *Collector) collectLaunch(metrics chan<- prometheus.Metric, lr *v1alpha1.LaunchReadiness, rows map[string]bool) {
	for _, condition := range lr.Status.Conditions {
		desc := conditionDesc
		if rows[condition.Type] {
			desc = rowStateDesc
		}
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, 1,
			lr.Namespace, lr.Name, condition.Type, string(condition.Status), condition.Reason)
	}
	for _, m := range lr.Status.Measurements {
		if !m.MeasuredAt.IsZero() {
			metrics <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, c.Now().Sub(m.MeasuredAt.Time).Seconds(),
				lr.Namespace, lr.Name, string(m.Row))
		}
	}
}
