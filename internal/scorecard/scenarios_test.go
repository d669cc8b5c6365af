// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

// ci rolls out every ten minutes, and measures SecretsSafe by suites of a given length, one after the other. A suite
// finishes on the revision on which it started.
type ci struct {
	*world
	suite    time.Duration
	verdict  func(revision string) Outcome
	started  time.Duration
	revision string
	running  bool
}

// minute does what happens in one minute.
func (c *ci) minute(m int) {
	now := time.Duration(m) * time.Minute
	c.at(now)
	if m%10 == 0 {
		c.rollOut(fmt.Sprintf("r%d", m/10+1))
	}
	var outcomes []Outcome
	if c.running && now == c.started+c.suite {
		outcomes = append(outcomes, on(c.revision, c.verdict(c.revision)))
		c.running = false
	}
	if !c.running {
		c.running, c.started, c.revision = true, now, c.Revision.Hash
	}
	c.RunningSince = map[v1alpha1.Row]time.Time{secretsSafe: start.Add(c.started)}
	c.keep(outcomes...)
}

func TestRolloutsEveryTenMinutesWithSuitesOfTwelve(t *testing.T) {
	newCI := func(suite time.Duration, verdict func(w *world, revision string) Outcome) *ci {
		w := launchedWorld(t)
		return &ci{world: w, suite: suite, verdict: func(r string) Outcome { return verdict(w, r) }}
	}
	passes := func(w *world, _ string) Outcome { return w.pass(secretsSafe) }

	t.Run("the gate stays open while each suite ends in time", func(t *testing.T) {
		c := newCI(12*time.Minute, passes)
		measured := map[string]bool{}
		for m := 1; m <= 24*60; m++ {
			c.minute(m)
			if c.message("Launchable") == "" || c.last.Rows[4].Effect != KeepsPassed && c.last.Rows[4].Effect != CountsPassed {
				t.Fatalf("minute %d: %s", m, c.last.Rows[4].Effect)
			}
			c.is("SecretsSafe True Passed")
			measured[c.measurement(secretsSafe).Revision] = true
		}
		if len(measured) < 100 {
			t.Errorf("%d revisions counted as measured in a day: a suite in hand must count for its revision", len(measured))
		}
	})
	t.Run("it closes when a suite passes its window", func(*testing.T) {
		c := newCI(16*time.Minute, passes)
		// The first suite starts in minute 1 and ends in minute 17, on the revision before the rollout of minute 10. The
		// next starts then, and its window ends in minute 32.
		for m := 1; m < 32; m++ {
			c.minute(m)
			if m >= 10 {
				c.is("Launchable True KeepingLastState", "Exposable True KeepingLastState")
			}
		}
		c.minute(32)
		c.is("Launchable Unknown RowsUnknown")
		c.minute(33)
		c.is("SecretsSafe True Passed", "Launchable True KeepingLastState")
	})
	t.Run("it closes when a suite fails, and opens when one passes", func(t *testing.T) {
		c := newCI(12*time.Minute, func(w *world, revision string) Outcome {
			if revision == "r2" {
				return w.fail(secretsSafe, "f1")
			}
			return w.pass(secretsSafe)
		})
		var closed []int
		for m := 1; m <= 120; m++ {
			c.minute(m)
			if c.last.Rows[4].Effect == CountsFailed {
				c.is("Launchable False RowsFailing", "SecretsSafe False TypedSecret")
				closed = append(closed, m)
			}
		}
		// r2 is measured from minute 13 to 25, the next suite ends in minute 37.
		if len(closed) != 12 || closed[0] != 25 {
			t.Errorf("closed in minutes %v", closed)
		}
	})
}

func TestTwoDaysOfAbsence(t *testing.T) {
	const back = 2*day + 10*time.Hour
	for name, before := range map[string]func(w *world){
		"staleness began during the absence": func(w *world) { w.at(10 * time.Hour).score() },
		"staleness began before the absence": func(w *world) {
			w.rollOut("r2")
			w.at(10*time.Hour).score(w.unknown(secretsSafe, operator), w.unknown(rollbackReady, operator))
			w.is("Launchable True KeepingLastState")
		},
		"nobody was back when measuring became possible": func(w *world) { w.at(time.Hour).score() },
	} {
		t.Run(name, func(t *testing.T) {
			w := launchedWorld(t)
			before(w)
			w.MeasurableSince = start.Add(back)
			w.at(back).score()
			w.is("SecretsSafe Unknown Stale", "Launchable True KeepingLastState")
			w.at(back+day-1).score(w.unknown(secretsSafe, operator), w.unknown(rollbackReady, operator))
			w.is("Launchable True KeepingLastState")
			w.at(back + day).score()
			w.is("Launchable Unknown RowsUnknown")
			w.score(w.pass(secretsSafe), w.pass(rollbackReady))
			w.is("Launchable True AllRowsPass")
		})
	}
	t.Run("the app hides when the operator is back", func(t *testing.T) {
		w := launchedWorld(t)
		w.MeasurableSince = start.Add(back)
		w.at(back).score(w.unknown(secretsSafe, app), w.pass(rollbackReady))
		w.is("Launchable True KeepingLastState")
		w.at(back + 15*time.Minute - 1).keep(w.unknown(secretsSafe, app))
		w.is("Launchable True KeepingLastState")
		w.at(back + 15*time.Minute).keep(w.unknown(secretsSafe, app))
		w.is("Launchable Unknown RowsUnknown")
	})
	t.Run("a Fail outlasts the absence", func(t *testing.T) {
		w := launchedWorld(t)
		w.at(time.Hour).score(w.fail(secretsSafe, "f1"))
		w.MeasurableSince = start.Add(back)
		w.at(back).score()
		w.is("SecretsSafe Unknown Stale", "Launchable False RowsFailing")
	})
}

func TestAPolicyMadeStricterOverManyLaunchedApps(t *testing.T) {
	const change = 10 * time.Hour
	for name, stricter := range map[string]func(w *world){
		"a new row": func(w *world) {
			w.Policy.Rows = append(w.Policy.Rows, required(v1alpha1.RowAuthEnforced))
			w.Inputs[v1alpha1.RowAuthEnforced] = "i1"
		},
		"a shorter validity": func(w *world) { w.Policy.Rows[0].ValidForSeconds = ptr.To[int32](3600) },
		"a threshold":        func(w *world) { w.Inputs[secretsSafe] = "stricter" },
	} {
		t.Run(name, func(t *testing.T) {
			row := secretsSafe
			if name == "a new row" {
				row = v1alpha1.RowAuthEnforced
			}
			worlds := make([]*world, 200)
			for i := range worlds {
				w := launchedWorld(t)
				w.at(change)
				stricter(w)
				w.score()
				w.is("Launchable True KeepingLastState", "Exposable True KeepingLastState")
				worlds[i] = w
			}
			for i, w := range worlds {
				w.at(change + time.Duration(i)*time.Second)
				switch i % 3 {
				case 0:
					w.score(w.pass(row))
					w.is("Launchable True AllRowsPass")
				case 1:
					w.score(w.fail(row, "f1"))
					w.is("Launchable False RowsFailing")
				case 2:
					w.score(w.unknown(row, operator))
					w.is("Launchable True KeepingLastState")
					w.at(change+day-time.Second).score(w.unknown(row, operator), w.pass(rollbackReady))
					w.is("Launchable True KeepingLastState")
				}
			}
		})
	}
}

func TestALostStatus(t *testing.T) {
	lost := func() *world {
		w := launchedWorld(t)
		w.Previous = v1alpha1.LaunchReadinessStatus{}
		w.at(time.Hour).score()
		w.is("SecretsSafe Unknown NotMeasured", "Launchable True KeepingLastState", "Exposable True KeepingLastState")
		if !w.Previous.LaunchedAt.Time.Equal(start) {
			t.Errorf("launchedAt became %s", w.Previous.LaunchedAt)
		}
		return w
	}
	t.Run("nothing closes until measured", func(t *testing.T) {
		w := lost()
		w.at(3*day).score(w.unknown(secretsSafe, operator), w.pass(rollbackReady))
		w.is("Launchable True KeepingLastState")
		if len(w.Previous.Verified) > 0 {
			t.Error("a revision was verified without a Required row measured on it")
		}
		w.score(w.pass(secretsSafe))
		w.is("Launchable True AllRowsPass")
		if len(w.Previous.Verified) != 1 {
			t.Errorf("verified: %v", w.Previous.Verified)
		}
	})
	t.Run("a Fail closes", func(*testing.T) {
		w := lost()
		w.score(w.fail(secretsSafe, "f1"), w.pass(rollbackReady))
		w.is("Launchable False RowsFailing")
	})
	t.Run("an app that hides closes after its window", func(*testing.T) {
		w := lost()
		w.at(time.Hour + time.Minute).keep(w.unknown(secretsSafe, app))
		w.is("SecretsSafe Unknown TargetUnreachable", "Launchable True KeepingLastState")
		w.at(time.Hour + 16*time.Minute - 1).keep(w.unknown(secretsSafe, app))
		w.is("Launchable True KeepingLastState")
		w.at(time.Hour + 16*time.Minute).keep(w.unknown(secretsSafe, app))
		w.is("Launchable Unknown RowsUnknown")
	})
}
