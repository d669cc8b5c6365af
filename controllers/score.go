// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// score derives the new status from what the phases found.
func (r *LaunchReadinessReconciler) score(app *launch.App, inputs map[v1alpha1.Row]string, outcomes []scorecard.Outcome, probed probed, o *obstacle, around *surroundings) scorecard.Score {
	s := scorecard.Situation{
		Now:             r.Clock.Now(),
		MeasurableSince: r.MeasurableSince,
		Generation:      app.Launch.Generation,
		Policy:          app.Policy,
		Policies:        app.Policies,
		Waivers:         app.Waivers,
		Previous:        app.Launch.Status,
		LaunchedAt:      r.launchedAt(app, around),
		Revision:        scorecard.Revision(app.Revision),
		Inputs:          inputs,
		Outcomes:        outcomes,
		RunningSince:    probed.running,
	}
	if o != nil {
		s.Obstacle = &o.Obstacle
	}
	score := scorecard.Of(s)
	score.Status.Probes, score.Status.ProbeBudget = probed.status, probed.budget
	score.Status.KnownAttacks = probed.known
	score.Status.Edge = r.edgeStatus(app.Launch)
	score.Status.ReportRef = &v1alpha1.ReportReference{Name: app.Launch.Name}
	return score
}
