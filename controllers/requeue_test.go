// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/launchready/launchready/internal/scorecard"
)

func TestRequeueAtTheEarliestThatFallsDue(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	r := &LaunchReadinessReconciler{Clock: clocktesting.NewFakePassiveClock(now), Resync: 5 * time.Minute}
	row := func(e scorecard.Effect) []scorecard.Standing { return []scorecard.Standing{{Effect: e}} }
	tests := map[string]struct {
		score    scorecard.Score
		obstacle *obstacle
		want     time.Duration
	}{
		"passing":                            {scorecard.Score{Rows: row(scorecard.CountsPassed)}, nil, 5 * time.Minute},
		"failing is looked at often":         {scorecard.Score{Rows: row(scorecard.CountsFailed)}, nil, mending},
		"unknown is looked at often":         {scorecard.Score{Rows: row(scorecard.CountsUnknown)}, nil, mending},
		"something falls due before":         {scorecard.Score{Rows: row(scorecard.CountsPassed), NextAt: now.Add(20 * time.Second)}, nil, 20 * time.Second},
		"something falls due after":          {scorecard.Score{Rows: row(scorecard.CountsPassed), NextAt: now.Add(time.Hour)}, nil, 5 * time.Minute},
		"due this moment is no busy loop":    {scorecard.Score{Rows: row(scorecard.CountsPassed), NextAt: now}, nil, time.Second},
		"waiting says when":                  {scorecard.Score{Rows: row(scorecard.CountsUnknown)}, &obstacle{again: 30 * time.Second}, 30 * time.Second},
		"stalled waits for a change":         {scorecard.Score{Rows: row(scorecard.CountsUnknown)}, &obstacle{}, 5 * time.Minute},
		"suspended, and something falls due": {scorecard.Score{NextAt: now.Add(time.Minute)}, &obstacle{}, time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for range 50 {
				after := r.requeue(test.score, test.obstacle, 0).RequeueAfter
				seen[after] = true
				if after < test.want || after > test.want+test.want/10 {
					t.Fatalf("looks again after %s, want %s and up to a tenth more", after, test.want)
				}
			}
			if len(seen) < 10 {
				t.Error("many apps would come at once: there is no jitter")
			}
		})
	}
}
