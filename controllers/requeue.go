// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/launchready/launchready/internal/scorecard"
)

const (
	// conflictPause lets the cache catch up with what somebody else wrote.
	conflictPause = 100 * time.Millisecond
	// mending is how often an app is looked at that has something to mend: a Secret that it waits for can't be watched.
	mending = 15 * time.Second
	// jitter spreads the passes of many apps: up to a tenth later, never earlier.
	jitter = 0.1
)

// requeue says when to look again without an event: at the earliest time that anything falls due, and now and then
// for what can't be watched.
func (r *LaunchReadinessReconciler) requeue(score scorecard.Score, o *obstacle, probe time.Duration) ctrl.Result {
	after := r.Resync
	outcome := "success"
	for _, st := range score.Rows {
		if st.Effect == scorecard.CountsFailed || st.Effect == scorecard.CountsUnknown {
			after = min(after, mending)
		}
	}
	if o != nil {
		outcome = string(o.Kind)
		after = r.Resync
		if o.again > 0 {
			after = min(after, o.again)
		}
	}
	if probe > 0 {
		after = min(after, probe)
	}
	if !score.NextAt.IsZero() {
		after = min(after, max(score.NextAt.Sub(r.Clock.Now()), time.Second))
	}
	reconciles.WithLabelValues(outcome).Inc()
	return ctrl.Result{RequeueAfter: wait.Jitter(after, jitter)}
}
