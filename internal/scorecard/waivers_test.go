// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

// waiver lets SecretsSafe off from the start for a while.
func waiver(name string, lasts time.Duration, fingerprints ...string) v1alpha1.LaunchWaiver {
	return v1alpha1.LaunchWaiver{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(start)},
		Spec: v1alpha1.LaunchWaiverSpec{
			LaunchReadinessRef: v1alpha1.LaunchReadinessReference{Name: "chat"}, Row: secretsSafe,
			ExpiresAt: metav1.NewTime(start.Add(lasts)), Findings: fingerprints,
		},
	}
}

func TestJudgeWaiver(t *testing.T) {
	for _, test := range []struct {
		name   string
		rules  *v1alpha1.WaiverRules
		now    time.Duration
		active bool
		reason string
		says   string
	}{
		{"without rules", nil, 0, true, "Waiving", "until 2026-11-02T10:00:00Z"},
		{"in its last moment", nil, time.Hour - 1, true, "Waiving", ""},
		{"at its end", nil, time.Hour, false, "Expired", "lets nothing off any more"},
		{"forbidden", &v1alpha1.WaiverRules{Mode: v1alpha1.WaiversForbidden}, 0, false, "WaiversForbidden", "mend the row"},
		{"of a row not to be waived", &v1alpha1.WaiverRules{NonWaivable: []v1alpha1.Row{rollbackReady, secretsSafe}}, 0, false, "RowNotWaivable", "SecretsSafe"},
		{"of another row than that", &v1alpha1.WaiverRules{NonWaivable: []v1alpha1.Row{rollbackReady}}, 0, true, "Waiving", "SecretsSafe of chat"},
		{"as long as may be", &v1alpha1.WaiverRules{MaxDurationSeconds: ptr.To[int32](3600)}, 0, true, "Waiving", ""},
		{"too long", &v1alpha1.WaiverRules{MaxDurationSeconds: ptr.To[int32](3599)}, 0, false, "TooLong", "2026-11-02T09:59:59Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := waiver("w", time.Hour)
			got := JudgeWaiver(w, test.rules, start.Add(test.now))
			if got.Active != test.active || got.Reason != test.reason || !strings.Contains(got.Message, test.says) {
				t.Errorf("got %+v", got)
			}
			if want := (map[bool]time.Time{true: w.Spec.ExpiresAt.Time})[test.active]; !got.ChangesAt.Equal(want) {
				t.Errorf("changes at %s, want %s", got.ChangesAt, want)
			}
		})
	}
}

func TestWaiversLetARowOff(t *testing.T) {
	many := func(n int) (prints []string) {
		for i := range n {
			prints = append(prints, fmt.Sprintf("%016x", i))
		}
		return prints
	}
	for _, test := range []struct {
		name    string
		found   []string
		waivers []v1alpha1.LaunchWaiver
		waived  bool
	}{
		{"none", []string{"f1"}, nil, false},
		{"the whole row", []string{"f1", "f2"}, []v1alpha1.LaunchWaiver{waiver("w", day)}, true},
		{"all findings", []string{"f1", "f2"}, []v1alpha1.LaunchWaiver{waiver("w", day, "f2", "f1", "f9")}, true},
		{"one finding is not listed", []string{"f1", "f2"}, []v1alpha1.LaunchWaiver{waiver("w", day, "f1")}, false},
		{"several together", []string{"f1", "f2"}, []v1alpha1.LaunchWaiver{waiver("v", day, "f1"), waiver("w", day, "f2")}, true},
		{"several, one expired", []string{"f1", "f2"}, []v1alpha1.LaunchWaiver{waiver("v", -1, "f1"), waiver("w", day, "f2")}, false},
		{"as many as are listed", many(32), []v1alpha1.LaunchWaiver{waiver("w", day, many(32)...)}, true},
		{"more findings than are listed", many(33), []v1alpha1.LaunchWaiver{waiver("v", day, many(32)...), waiver("w", day, many(33)[32])}, false},
		{"a Fail without fingerprints", nil, []v1alpha1.LaunchWaiver{waiver("w", day, "f1")}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.Waivers = test.waivers
			w.score(w.fail(secretsSafe, test.found...), w.pass(rollbackReady))
			if !test.waived {
				w.is("SecretsSafe False TypedSecret", "Launchable False RowsFailing")
				return
			}
			w.is("SecretsSafe False Waived", "Exposable True AllRowsPass", "Launchable True AllRowsPass")
			if want := "1/2 passed, 1 waived"; w.Previous.Summary != want {
				t.Errorf("summary %q", w.Previous.Summary)
			}
			if len(w.Previous.Verified) > 0 {
				t.Error("a revision was verified while a row is waived")
			}
		})
	}
}

func TestAWaiverOfTheWholeRowCoversWhatCantBeMeasured(t *testing.T) {
	w := newWorld(t)
	w.Waivers = []v1alpha1.LaunchWaiver{waiver("w", day)}
	w.score(w.unknown(secretsSafe, app), w.pass(rollbackReady))
	w.is("SecretsSafe Unknown Waived", "Launchable True AllRowsPass")

	w = newWorld(t)
	w.Waivers = []v1alpha1.LaunchWaiver{waiver("w", day, "f1")}
	w.score(w.unknown(secretsSafe, app), w.pass(rollbackReady))
	w.is("SecretsSafe Unknown TargetUnreachable", "Launchable Unknown RowsUnknown")

	w = newWorld(t)
	delete(w.Inputs, secretsSafe)
	w.score(w.pass(rollbackReady))
	w.is("SecretsSafe Unknown NotSupported", "Launchable Unknown RowsUnknown")
	w.Waivers = []v1alpha1.LaunchWaiver{waiver("w", day)}
	w.score(w.pass(rollbackReady))
	w.is("SecretsSafe Unknown Waived", "Launchable True AllRowsPass")
}

func TestAWaiverEndsByItself(t *testing.T) {
	w := newWorld(t)
	w.Waivers = []v1alpha1.LaunchWaiver{waiver("short", time.Hour), waiver("long", 2*time.Hour)}
	w.score(w.fail(secretsSafe, "f1"), w.pass(rollbackReady))
	if m := w.message("SecretsSafe"); !strings.HasPrefix(m, "Waived until 2026-11-02T11:00:00Z by long. Said of SecretsSafe") {
		t.Errorf("message %q", m)
	}
	if !w.last.NextAt.Equal(start.Add(2 * time.Hour)) {
		t.Errorf("next at %s", w.last.NextAt)
	}
	w.at(2*time.Hour - 1).same()
	w.at(2 * time.Hour).score()
	w.is("SecretsSafe False TypedSecret", "Launchable False RowsFailing")
	if len(w.last.Transitions) != 3 {
		t.Errorf("transitions: %+v", w.last.Transitions)
	}
}

func TestANewFindingFailsAWaivedRow(t *testing.T) {
	w := newWorld(t)
	w.Waivers = []v1alpha1.LaunchWaiver{waiver("w", day, "f1")}
	w.score(w.fail(secretsSafe, "f1"), w.pass(rollbackReady))
	w.is("Launchable True AllRowsPass")
	w.score(w.fail(secretsSafe, "f1", "f2"))
	w.is("SecretsSafe False TypedSecret", "Launchable False RowsFailing")
}

func TestARolloutDoesNotCloseTheGateOfAWaivedRow(t *testing.T) {
	w := newWorld(t)
	w.Waivers = []v1alpha1.LaunchWaiver{waiver("w", 20*day, "f1")}
	w.score(w.fail(secretsSafe, "f1"), w.pass(rollbackReady))
	w.rollOut("r2")
	w.at(time.Hour).keep(w.unknown(secretsSafe, app))
	w.is("SecretsSafe False Waived", "Launchable True AllRowsPass")
	if !w.last.NextAt.Equal(start.Add(75 * time.Minute)) {
		t.Errorf("next at %s", w.last.NextAt)
	}
	w.at(75*time.Minute - 1).keep()
	w.is("SecretsSafe False Waived")
	w.at(75 * time.Minute).keep()
	w.is("SecretsSafe Unknown Stale", "Launchable False RowsFailing")
}

func TestAWaivedPassIsAPass(t *testing.T) {
	w := newWorld(t)
	w.Waivers = []v1alpha1.LaunchWaiver{waiver("w", day)}
	w.score(w.pass(secretsSafe), w.pass(rollbackReady))
	w.is("SecretsSafe True Passed")
	if want := "2/2 passed"; w.Previous.Summary != want {
		t.Errorf("summary %q", w.Previous.Summary)
	}
}
