// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

func TestSummaries(t *testing.T) {
	off, advisory := v1alpha1.EnforcementOff, v1alpha1.EnforcementAdvisory
	for _, test := range []struct {
		name                          string
		do                            func(w *world)
		exposable, launchable         string
		summary, exposes, launchesMsg string
	}{
		{
			"a failing row after exposure leaves Exposable alone", func(w *world) { w.score(w.pass(secretsSafe), w.fail(rollbackReady, "f1")) },
			"Exposable True AllRowsPass", "Launchable False RowsFailing", "1/2 passed, 1 failing: RollbackReady",
			"Every required row passes, is waived or does not apply.", "Failing: RollbackReady.",
		},
		{
			"a failing row before exposure closes both", func(w *world) { w.score(w.fail(secretsSafe, "f1"), w.pass(rollbackReady)) },
			"Exposable False RowsFailing", "Launchable False RowsFailing", "1/2 passed, 1 failing: SecretsSafe",
			"Failing: SecretsSafe.", "Failing: SecretsSafe.",
		},
		{
			"failing weighs more than unknown", func(w *world) { w.score(w.fail(rollbackReady, "f1")) },
			"Exposable Unknown RowsUnknown", "Launchable False RowsFailing", "0/2 passed, 1 failing: RollbackReady, 1 unknown: SecretsSafe",
			"Not measured: SecretsSafe.", "Failing: RollbackReady.",
		},
		{
			"what does not apply counts as passed", func(w *world) {
				w.score(w.outcome(secretsSafe, v1alpha1.VerdictNotApplicable, v1alpha1.ReasonNotApplicable), w.pass(rollbackReady))
				w.is("SecretsSafe True NotApplicable")
			},
			"Exposable True AllRowsPass", "Launchable True AllRowsPass", "2/2 passed",
			"Every required row passes, is waived or does not apply.", "Every required row passes, is waived or does not apply.",
		},
		{
			"advice holds nothing back", func(w *world) {
				w.Policy.Rows[0].Enforcement = advisory
				w.score(w.fail(secretsSafe, "f1"), w.pass(rollbackReady))
				w.is("SecretsSafe False TypedSecret")
			},
			"Exposable True AllRowsPass", "Launchable True AllRowsPass", "1/1 passed",
			"Every required row passes, is waived or does not apply.", "Every required row passes, is waived or does not apply.",
		},
		{
			"nothing required proves nothing", func(w *world) {
				w.Policy.Rows[0].Enforcement, w.Policy.Rows[1].Enforcement = advisory, off
				w.score(w.pass(secretsSafe), w.pass(rollbackReady))
			},
			"Exposable False NothingRequired", "Launchable False NothingRequired", "0/0 passed",
			"The policies in force require no row that counts now, so nothing is proven: require at least one row in a LaunchPolicy.",
			"The policies in force require no row that counts now, so nothing is proven: require at least one row in a LaunchPolicy.",
		},
		{
			"but after launch that closes nothing", func(w *world) {
				w.score(w.pass(secretsSafe), w.pass(rollbackReady))
				w.Policy.Rows = nil
				w.score()
			},
			"Exposable True KeepingLastState", "Launchable True KeepingLastState", "0/0 passed",
			"The app has launched, and the policies in force require no row that counts now.",
			"The app has launched, and the policies in force require no row that counts now.",
		},
		{
			"what is kept is named", func(w *world) {
				w.score(w.pass(secretsSafe), w.pass(rollbackReady))
				w.rollOut("r2")
				w.Policy.Rows = append(w.Policy.Rows, required(dnsConfigured))
				w.score(w.pass(secretsSafe))
			},
			"Exposable True AllRowsPass", "Launchable True KeepingLastState", "2/3 passed, 1 not measured yet: DNSConfigured",
			"Every required row passes, is waived or does not apply.", "The last verdict still counts for: RollbackReady. To be measured before they count: DNSConfigured.",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.do(w)
			w.is(test.exposable, test.launchable)
			got := []string{w.Previous.Summary, w.message("Exposable"), w.message("Launchable")}
			if diff := cmp.Diff([]string{test.summary, test.exposes, test.launchesMsg}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPoliciesInForceAreListedAndSummarised(t *testing.T) {
	for _, test := range []struct {
		inForce, listed int
		summary         string
	}{
		{0, 0, ""},
		{1, 1, "p00"},
		{3, 3, "p00, p01, p02"},
		{4, 4, "p00, p01, p02 and 1 more"},
		// Beyond what the schema takes: a status that is refused would tell nothing at all.
		{70, 64, "p00, p01, p02 and 67 more"},
	} {
		w := newWorld(t)
		w.Policies = nil
		for i := range test.inForce {
			w.Policies = append(w.Policies, v1alpha1.PolicyInForce{Name: fmt.Sprintf("p%02d", i)})
		}
		w.score()
		if got := len(w.Previous.Policies); got != test.listed || w.Previous.PolicySummary != test.summary {
			t.Errorf("of %d policies %d are listed as %q, want %d as %q", test.inForce, got, w.Previous.PolicySummary, test.listed, test.summary)
		}
	}
}

func TestObstacles(t *testing.T) {
	for kind, want := range map[ObstacleKind][]string{
		ObstacleStalled: {"Ready False WorkloadInvalid", "Stalled True WorkloadInvalid", "Reconciling False Idle"},
		ObstacleWaiting: {"Ready True WorkloadInvalid", "Stalled False Idle", "Reconciling False Idle"},
		ObstacleWanted:  {"Ready True WorkloadInvalid", "Stalled False Idle", "Reconciling False Idle"},
	} {
		w := launchedWorld(t)
		w.Obstacle = &Obstacle{Kind: kind, Reason: v1alpha1.ReasonWorkloadInvalid, Message: "Mend it."}
		w.score()
		w.is(append(want, "Launchable True AllRowsPass")...)
		if w.message("Ready") != "Mend it." {
			t.Errorf("message %q", w.message("Ready"))
		}
	}
}

func TestTransitionsAreTheConditionsThatChanged(t *testing.T) {
	w := newWorld(t)
	var got []string
	step := func(outcomes ...Outcome) {
		for _, tr := range w.score(outcomes...).Transitions {
			got = append(got, fmt.Sprintf("%s %s bad=%v", tr.Condition, tr.Reason, tr.Bad))
		}
		got = append(got, "-")
	}
	step()
	step()
	step(w.pass(secretsSafe), w.fail(rollbackReady, "f1"))
	w.at(day)
	step(w.pass(secretsSafe), w.fail(rollbackReady, "f1"))
	w.Waivers = []v1alpha1.LaunchWaiver{waiver("w", 2*day)}
	w.Waivers[0].Spec.Row = rollbackReady
	step()
	w.Obstacle = &Obstacle{Kind: ObstacleStalled, Reason: "PolicyNotFound", Message: "m"}
	step()
	want := []string{
		"Ready Measuring bad=false", "-", "-",
		"Exposable AllRowsPass bad=false", "Launchable RowsFailing bad=true", "SecretsSafe Passed bad=false", "RollbackReady TypedSecret bad=true", "-",
		"-",
		"Launchable AllRowsPass bad=false", "RollbackReady Waived bad=false", "-",
		"Ready PolicyNotFound bad=true", "Stalled PolicyNotFound bad=true", "-",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVerifiedRevisions(t *testing.T) {
	names := func(w *world) (got []string) {
		for _, v := range w.Previous.Verified {
			got = append(got, v.Revision)
		}
		return got
	}
	t.Run("newest first, at most ten, each once", func(t *testing.T) {
		w := launchedWorld(t)
		for i := 2; i <= 12; i++ {
			w.rollOut(fmt.Sprintf("r%d", i))
			w.at(time.Duration(i)*time.Minute).score(w.pass(secretsSafe), w.pass(rollbackReady))
		}
		w.rollOut("r5")
		w.at(time.Hour).score(w.pass(secretsSafe), w.pass(rollbackReady))
		want := []string{"r5", "r12", "r11", "r10", "r9", "r8", "r7", "r6", "r4", "r3"}
		if diff := cmp.Diff(want, names(w)); diff != "" {
			t.Error(diff)
		}
		want2 := v1alpha1.VerifiedRevision{Revision: "r5", Images: []string{"sha256:r5"}, At: metav1.NewTime(start.Add(time.Hour))}
		if v := w.Previous.Verified[0]; !v.At.Equal(&want2.At) || v.Images[0] != want2.Images[0] {
			t.Errorf("got %+v", v)
		}
	})
	for name, do := range map[string]func(w *world){
		"a row failed":          func(w *world) { w.score(w.fail(secretsSafe, "f1"), w.pass(rollbackReady)) },
		"a row is not measured": func(w *world) { w.score(w.pass(secretsSafe)) },
		"measured on another":   func(w *world) { w.score(on("r0", w.pass(secretsSafe)), w.pass(rollbackReady)) },
		"digests are not known": func(w *world) { w.Revision.Resolved = false; w.score(w.pass(secretsSafe), w.pass(rollbackReady)) },
		"there are no images":   func(w *world) { w.Revision.Images = nil; w.score(w.pass(secretsSafe), w.pass(rollbackReady)) },
		"there are too many": func(w *world) {
			w.Revision.Images = make([]string, 65)
			w.score(w.pass(secretsSafe), w.pass(rollbackReady))
		},
		"nothing is required":     func(w *world) { w.Policy.Rows = nil; w.score() },
		"launched, not yet on it": func(w *world) { w.LaunchedAt = start; w.score(w.pass(rollbackReady)) },
	} {
		t.Run("none when "+name, func(t *testing.T) {
			w := newWorld(t)
			do(w)
			if got := names(w); len(got) > 0 {
				t.Errorf("verified: %v", got)
			}
		})
	}
}

func TestConditionsOfAnEarlierVersionGo(t *testing.T) {
	w := newWorld(t)
	w.Previous.Conditions = []metav1.Condition{{Type: "RenamedSince", Status: "True", Reason: "Passed", Message: "m", ObservedGeneration: 1}}
	w.score()
	w.is("Ready True Measuring")
}

// The moment of the launch leaves nothing for the next score: world.score checks it.
func TestAnAppThatLaunchesIsScoredAsLaunchedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.Policy.Rows[1].Enforcement = v1alpha1.EnforcementAdvisory
	w.score(w.pass(rollbackReady))
	w.rollOut("r2")
	w.at(time.Minute).score()
	w.is("RollbackReady Unknown Stale")
	w.score(w.pass(secretsSafe))
	w.is("Launchable True AllRowsPass", "RollbackReady True Passed")
}
