// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// edgeRulesVersion changes when the same zone may get another verdict: verdicts of older rules are Stale then.
const edgeRulesVersion = "edge-1"

// EdgeProtected measures the row of that name by what Cloudflare's API says of the zone. It asks nothing itself: the zone is
// looked at once for all of its launches.
type EdgeProtected struct {
	Book *EdgeBook
	Key  []byte
	// Stale is how old a look at the zone may be.
	Stale time.Duration
	Clock clock.PassiveClock
}

// Row that is measured.
func (c *EdgeProtected) Row() v1alpha1.Row { return v1alpha1.RowEdgeProtected }

// edgeInputs are what a verdict depends on besides the revision.
type edgeInputs struct {
	Rules      string               `json:"rules"`
	Domains    *v1alpha1.Domains    `json:"domains,omitempty"`
	Cloudflare *v1alpha1.Cloudflare `json:"cloudflare,omitempty"`
	Login      *v1alpha1.Login      `json:"login,omitempty"`
	Chat       *v1alpha1.Chat       `json:"chat,omitempty"`
}

// Inputs are what a verdict depends on besides the revision.
func (c *EdgeProtected) Inputs(app *launch.App) any { return inputsOf(app.Launch.Spec) }

func inputsOf(spec v1alpha1.LaunchReadinessSpec) edgeInputs {
	in := edgeInputs{Rules: edgeRulesVersion, Domains: spec.Domains, Cloudflare: spec.Cloudflare}
	if spec.App != nil {
		in.Login = spec.App.Login
		if spec.App.Chat != nil {
			in.Chat = &v1alpha1.Chat{Request: spec.App.Chat.Request, RatePerMinute: spec.App.Chat.RatePerMinute}
		}
	}
	return in
}

const (
	edgeNotConfigured = "Nothing says which zone stands in front of the app. In the LaunchReadiness, write `spec: {domains: {canonical: app.example.com, origin: {hostname: lb.example.net}}, " +
		"cloudflare: {zone: example.com, apiTokenSecretRef: {name: cloudflare, key: token}}}`: with mode Observe, the default, nothing is changed."
	edgeNotLookedAt = "The zone has not been looked at yet."
	edgeTooOld      = "The zone was looked at too long ago: if this stays, look at the operator's log."
)

// Measure judges what was found at the last look.
func (c *EdgeProtected) Measure(_ context.Context, app *launch.App) scorecard.Outcome {
	lr := app.Launch
	if lr.Spec.Cloudflare == nil || lr.Spec.Domains == nil {
		return scorecard.Unmeasured(c.Row(), v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, edgeNotConfigured)
	}
	id := edge.LaunchID{Namespace: lr.Namespace, Name: lr.Name}
	e, known := c.Book.read(id)
	if !known {
		return scorecard.Unmeasured(c.Row(), v1alpha1.FaultOperator, v1alpha1.ReasonNotMeasured, edgeNotLookedAt)
	}
	if e.Obstacle != nil {
		return scorecard.Unmeasured(c.Row(), v1alpha1.FaultApp, e.Obstacle.Reason, e.Obstacle.Message)
	}
	if c.Clock.Since(e.at) > c.Stale {
		return scorecard.Unmeasured(c.Row(), v1alpha1.FaultOperator, v1alpha1.ReasonTargetUnreachable, edgeTooOld)
	}
	l, ok := e.Evaluation.Launch(id)
	// What was found of another of that name, or of what it wanted before, says nothing of this one.
	if !ok || l.UID != string(lr.UID) || !equality.Semantic.DeepEqual(inputsOf(l.Spec), inputsOf(lr.Spec)) {
		return scorecard.Unmeasured(c.Row(), v1alpha1.FaultOperator, v1alpha1.ReasonNotMeasured, edgeNotLookedAt)
	}
	return c.judged(*e.Evaluation, l, e.Failed)
}

func (c *EdgeProtected) judged(evaluation edge.Evaluation, l edge.Launch, failed []FailedChange) scorecard.Outcome {
	j := evaluation.Judge(l)
	for _, f := range failed {
		j.Drafts = append(j.Drafts, scorecard.Draft{
			Rule: f.Reason, Severity: v1alpha1.SeverityHigh, Place: evaluation.State.Zone.Name, Identity: f.Words,
			Message: "Could not " + f.Words + ".", Remedy: f.Message,
		})
	}
	findings := make([]scorecard.Finding, len(j.Drafts))
	for i, d := range j.Drafts {
		findings[i] = scorecard.NewFinding(c.Key, d)
	}
	return scorecard.Judged(c.Row(), j.Cases, j.Control, findings, func(worst v1alpha1.Finding) string { return worst.Rule })
}

// edgeStatus is what status says of the edge: what was found last, or what it said before where nothing was yet.
func (r *LaunchReadinessReconciler) edgeStatus(lr *v1alpha1.LaunchReadiness) *v1alpha1.EdgeStatus {
	if lr.Spec.Cloudflare == nil {
		return nil
	}
	e, known := r.Edge.read(edge.LaunchID{Namespace: lr.Namespace, Name: lr.Name})
	if !known {
		return lr.Status.Edge
	}
	return &e.status
}
