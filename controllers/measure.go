// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// Check answers one row from inside the operator.
type Check interface {
	// Row that is answered.
	Row() v1alpha1.Row
	// Inputs are what a measurement uses besides the revision, such as thresholds and the version of its rules. They
	// are marshalled as JSON and hold nothing secret.
	Inputs(app *launch.App) any
	// Measure answers the row. It must end soon after its context does.
	Measure(ctx context.Context, app *launch.App) scorecard.Outcome
}

// CheckRunner runs checks side by side, so that one that panics or hangs hurts no other.
type CheckRunner struct {
	Checks []Check
	// Timeout is the deadline of a single check.
	Timeout time.Duration

	// hanging holds the measurements that ran into their deadline and have not ended yet, so that they are not
	// started over and over.
	hanging sync.Map
}

// Inputs gives the hash of each check's inputs, by row.
func (c *CheckRunner) Inputs(app *launch.App) (map[v1alpha1.Row]string, error) {
	inputs := make(map[v1alpha1.Row]string, len(c.Checks))
	for _, check := range c.Checks {
		hash, err := scorecard.HashInputs(check.Row(), check.Inputs(app))
		if err != nil {
			return nil, err
		}
		inputs[check.Row()] = hash
	}
	return inputs, nil
}

// measure runs the checks of the rows that the policies ask for. Where a workload is missing, every row is Unknown by
// that reason; where measuring was called off, there is nothing new.
func (r *LaunchReadinessReconciler) measure(ctx context.Context, app *launch.App, inputs map[v1alpha1.Row]string, o *obstacle) []scorecard.Outcome {
	if o != nil && o.Kind == scorecard.ObstacleWanted {
		return nil
	}
	var wanted []Check
	for _, check := range r.Checks.Checks {
		if asked(app.Policy, check.Row()) {
			wanted = append(wanted, check)
		}
	}
	outcomes := make([]scorecard.Outcome, len(wanted))
	var all sync.WaitGroup
	for i, check := range wanted {
		if !app.Measurable() {
			outcomes[i] = scorecard.Unmeasured(check.Row(), o.fault, o.Reason, o.Message)
			continue
		}
		all.Go(func() {
			outcomes[i] = r.Checks.confirmed(ctx, check, app)
			// Whatever a check says, it is about its own row and what was resolved.
			outcomes[i].Row, outcomes[i].Revision, outcomes[i].InputsHash = check.Row(), app.Revision.Hash, inputs[check.Row()]
		})
	}
	all.Wait()
	return outcomes
}

// asked says whether the policies ask for the row.
func asked(policy v1alpha1.LaunchPolicySpec, row v1alpha1.Row) bool {
	for _, d := range policy.Rows {
		if d.Row == row {
			return d.Enforcement != v1alpha1.EnforcementOff
		}
	}
	return false
}

// confirmed runs a check. Where the network has a say, a row that passed fails only if a second measurement at once
// says the same.
func (c *CheckRunner) confirmed(ctx context.Context, check Check, app *launch.App) scorecard.Outcome {
	o := c.run(ctx, check, app)
	if o.Verdict != v1alpha1.VerdictFail || !scorecard.Networked(check.Row()) {
		return o
	}
	for _, m := range app.Launch.Status.Measurements {
		if m.Row == check.Row() && m.Verdict == v1alpha1.VerdictPass {
			return c.run(ctx, check, app)
		}
	}
	return o
}

// run runs a check once, with its deadline.
func (c *CheckRunner) run(ctx context.Context, check Check, app *launch.App) scorecard.Outcome {
	key := string(app.Launch.UID) + "/" + string(check.Row())
	if _, hangs := c.hanging.Load(key); hangs {
		return scorecard.Unmeasured(check.Row(), v1alpha1.FaultOperator, v1alpha1.ReasonTimeout, timeoutMessage)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	started := time.Now()
	result := make(chan scorecard.Outcome, 1)
	go func() {
		defer c.hanging.Delete(key)
		defer cancel()
		result <- guarded(ctx, check, app)
	}()
	select {
	case o := <-result:
		checkDuration.WithLabelValues(string(check.Row())).Observe(time.Since(started).Seconds())
		return o
	case <-ctx.Done():
	}
	// It may have ended at the same moment, or may end in a moment: what it says then is as good.
	c.hanging.Store(key, struct{}{})
	select {
	case o := <-result:
		c.hanging.Delete(key)
		return o
	case <-time.After(deadlineSlack):
		checkDuration.WithLabelValues(string(check.Row())).Observe(time.Since(started).Seconds())
		return scorecard.Unmeasured(check.Row(), v1alpha1.FaultOperator, v1alpha1.ReasonTimeout, timeoutMessage)
	}
}

const (
	timeoutMessage = "The measurement did not end in time: it is tried again. If this stays, look at the operator's log."
	// deadlineSlack is how long a check may take to notice that its context has ended.
	deadlineSlack = 50 * time.Millisecond
)

// guarded turns a panic into Unknown. What was panicked with goes nowhere: it could hold a secret.
func guarded(ctx context.Context, check Check, app *launch.App) (o scorecard.Outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			ctrl.LoggerFrom(ctx).Info("a check panicked", "row", check.Row(), "type", fmt.Sprintf("%T", cause))
			o = scorecard.Unmeasured(check.Row(), v1alpha1.FaultOperator, v1alpha1.ReasonProbeError,
				"The measurement itself failed, which is a defect of LaunchReady: please report it with the operator's log.")
		}
	}()
	return check.Measure(ctx, app)
}
