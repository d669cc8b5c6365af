// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/api/v1alpha1"
)

// some rows of every stage and binding.
func someRows() []v1alpha1.Row {
	return []v1alpha1.Row{secretsSafe, v1alpha1.RowAuthEnforced, dnsConfigured, v1alpha1.RowMonitoringLive, rollbackReady}
}

func pick[T any](t *rapid.T, what string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, what)
}

// events are what may happen to a world.
func events() map[string]func(t *rapid.T, w *world) {
	return map[string]func(t *rapid.T, w *world){
		"time passes": func(t *rapid.T, w *world) {
			w.Now = w.Now.Add(pick(t, "by", time.Nanosecond, time.Second, 10*time.Minute, 7*time.Hour, 30*time.Hour) +
				time.Duration(rapid.IntRange(0, 2000).Draw(t, "and milliseconds"))*time.Millisecond)
		},
		"something falls due": func(_ *rapid.T, w *world) {
			if !w.last.NextAt.IsZero() {
				w.Now = w.last.NextAt
			}
		},
		"a rollout": func(t *rapid.T, w *world) {
			name := pick(t, "to", "", "a", "a:1", "a:2", "b", "b:1", "c:1", "d:1")
			w.Revision = running(name)
		},
		"the policy": func(t *rapid.T, w *world) {
			w.Policy.Rows = nil
			for _, row := range someRows() {
				d := required(row)
				d.Enforcement = pick(t, string(row), v1alpha1.EnforcementRequired, v1alpha1.EnforcementRequired, v1alpha1.EnforcementAdvisory, v1alpha1.EnforcementOff)
				d.ValidForSeconds = ptr.To(pick[int32](t, "valid for", 300, 86400, 86400, 2592000))
				if d.Enforcement == v1alpha1.EnforcementRequired && rapid.Bool().Draw(t, "from a date") {
					d.RequiredFrom = metav1.NewTime(w.Now.Truncate(time.Second).Add(pick(t, "from", -time.Hour, time.Minute, day)))
				}
				w.Policy.Rows = append(w.Policy.Rows, d)
			}
			w.Policy.Gate.GraceSeconds = ptr.To(pick[int32](t, "grace", 0, 600, 86400))
			w.Generation++
		},
		"what can be measured": func(t *rapid.T, w *world) {
			for _, row := range someRows() {
				delete(w.Inputs, row)
				if hash := pick(t, string(row), "", "i1", "i1", "i2"); hash != "" {
					w.Inputs[row] = hash
				}
			}
		},
		"a waiver": func(t *rapid.T, w *world) {
			if len(w.Waivers) == 3 {
				w.Waivers = w.Waivers[1:]
			}
			wv := waiver(fmt.Sprintf("w%d", w.Generation), 0, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"f1", "f2", "f3"}), 0, 3, rapid.ID).Draw(t, "of")...)
			wv.CreationTimestamp = metav1.NewTime(w.Now.Truncate(time.Second))
			wv.Spec.Row = pick(t, "for", someRows()...)
			wv.Spec.ExpiresAt = metav1.NewTime(wv.CreationTimestamp.Add(pick(t, "for", time.Minute, time.Hour, 3*day)))
			w.Waivers = append(w.Waivers, wv)
			w.Generation++
		},
		"suites": func(t *rapid.T, w *world) {
			w.RunningSince = map[v1alpha1.Row]time.Time{}
			for _, row := range someRows() {
				if rapid.Bool().Draw(t, string(row)) {
					w.RunningSince[row] = w.Now.Add(-pick(t, "since", 0, time.Minute, time.Hour))
				}
			}
		},
		"an absence": func(_ *rapid.T, w *world) { w.MeasurableSince = w.Now },
		"an obstacle": func(t *rapid.T, w *world) {
			w.Obstacle = pick(t, "kind", nil, &Obstacle{Kind: ObstacleStalled, Reason: "PolicyNotFound", Message: "m"}, &Obstacle{Kind: ObstacleWaiting, Reason: "WorkloadNotFound", Message: "m"})
		},
		"a lost status": func(t *rapid.T, w *world) {
			if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				w.Previous = v1alpha1.LaunchReadinessStatus{}
			}
		},
	}
}

// attempts are what measurements gave.
func attempts(t *rapid.T, w *world) []Outcome {
	var outcomes []Outcome
	for _, row := range someRows() {
		came := []string{"none", "app", "operator", "pass", "pass", "fail", "inapplicable"}
		if w.Revision.Hash == "" {
			// What does not run gives no verdict.
			came = came[:3]
		}
		switch rapid.SampledFrom(came).Draw(t, string(row)) {
		case "pass":
			outcomes = append(outcomes, w.pass(row))
		case "fail":
			outcomes = append(outcomes, w.fail(row, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"f1", "f2", "f3"}), 0, 3, rapid.ID).Draw(t, "with")...))
		case "app":
			outcomes = append(outcomes, w.unknown(row, app))
		case "operator":
			outcomes = append(outcomes, w.unknown(row, operator))
		case "inapplicable":
			outcomes = append(outcomes, w.outcome(row, v1alpha1.VerdictNotApplicable, v1alpha1.ReasonNotApplicable))
		}
	}
	return outcomes
}

// lived draws a life: what happened to an app, one thing after the other, each scored and held to the invariants.
func lived(t *rapid.T) *world {
	w := newWorld(t)
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		happens := rapid.SampledFrom([]string{
			"time passes", "something falls due", "a rollout", "the policy", "what can be measured", "a waiver", "suites", "an absence", "an obstacle", "a lost status",
		}).Draw(t, "then")
		events()[happens](t, w)
		w.score(attempts(t, w)...)
	}
	return w
}

// Every score holds the invariants, and a second one right after finds nothing to change: world.score checks both.
func TestEveryLifeHoldsTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { lived(t) })
}

// The clock alone changes nothing before NextAt; at NextAt something is due: a change of the status, or a measurement
// that would be taken in.
func TestNothingChangesBeforeNextAtAndSomethingDoesThen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := lived(t)
		w.score()
		next, before := w.last.NextAt, w.Previous
		horizon := next
		if next.IsZero() {
			horizon = w.Now.Add(1000 * day)
		}
		s := w.Situation
		s.Now = w.Now.Add(time.Duration(rapid.Int64Range(0, int64(horizon.Sub(w.Now))-1).Draw(t, "later")))
		if got := Of(s).Status; !equality.Semantic.DeepEqual(before, got) {
			t.Fatalf("at %s, before %s, the status changed:\n%s", s.Now, next, cmp.Diff(before, got))
		}
		if next.IsZero() {
			return
		}
		s.Now = next
		byClock := Of(s).Status
		for _, o := range w.lastOutcomes {
			s.Outcomes = append(s.Outcomes, o)
		}
		if equality.Semantic.DeepEqual(before, byClock) && equality.Semantic.DeepEqual(before, Of(s).Status) {
			t.Fatalf("at %s nothing was due", next)
		}
	})
}

// An app at rest writes nothing: the same outcomes, pass after pass, change no status until something is due.
func TestTheSameOutcomesChangeNothingUntilSomethingIsDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := lived(t)
		outcomes := attempts(t, w)
		w.score(outcomes...)
		for range 6 {
			next := w.last.NextAt
			w.Now = w.Now.Add(pick(t, "later", time.Millisecond, time.Minute, 5*time.Hour))
			before := w.Previous
			w.score(outcomes...)
			if (next.IsZero() || w.Now.Before(next)) && !equality.Semantic.DeepEqual(before, w.Previous) {
				t.Fatalf("at %s, before %s, the status changed:\n%s", w.Now, next, cmp.Diff(before, w.Previous))
			}
		}
	})
}
