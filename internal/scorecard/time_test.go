// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	app      = v1alpha1.FaultApp
	operator = v1alpha1.FaultOperator
	day      = 24 * time.Hour
)

// keep measures RollbackReady anew, so that a story is about SecretsSafe alone.
func (w *world) keep(outcomes ...Outcome) {
	w.t.Helper()
	w.score(append(outcomes, w.pass(rollbackReady))...)
}

func TestVerdictsAgeByTheClockAlone(t *testing.T) {
	w := newWorld(t)
	w.score(w.pass(secretsSafe))
	w.is("SecretsSafe True Passed", "Launchable Unknown RowsUnknown", "Exposable True AllRowsPass")
	w.at(day - time.Nanosecond).same()
	w.at(day).score()
	w.is("SecretsSafe Unknown Stale", "Exposable Unknown RowsUnknown")
	if m := w.message("SecretsSafe"); m != "The verdict Pass is no longer valid since 2026-11-03T09:00:00Z." {
		t.Errorf("message: %q", m)
	}
	if w.measurement(secretsSafe).Verdict != v1alpha1.VerdictPass {
		t.Error("the measurement lost its verdict")
	}
}

func TestAnAttemptWithoutVerdictErasesNone(t *testing.T) {
	w := newWorld(t)
	w.score(w.pass(secretsSafe), w.fail(rollbackReady, "f1"))
	w.at(time.Hour).score(w.unknown(secretsSafe, app), w.unknown(rollbackReady, operator))
	w.is("SecretsSafe True Passed", "RollbackReady False TypedSecret", "Exposable True AllRowsPass")
	last := w.measurement(secretsSafe).LastAttempt
	if last == nil || !last.At.Time.Equal(start.Add(time.Hour)) || last.Reason != v1alpha1.ReasonTargetUnreachable || last.Fault != app {
		t.Fatalf("lastAttempt: %+v", last)
	}
	w.at(2*time.Hour).same(w.unknown(secretsSafe, app), w.unknown(rollbackReady, operator))
	other := w.unknown(secretsSafe, app)
	other.Reason, other.Message = v1alpha1.ReasonTimeout, "It took too long."
	w.at(3 * time.Hour).score(other)
	if last = w.measurement(secretsSafe).LastAttempt; !last.At.Time.Equal(start.Add(time.Hour)) || last.Reason != v1alpha1.ReasonTimeout {
		t.Errorf("another reason of the same fault is the same series: %+v", last)
	}
	w.at(4 * time.Hour).score(w.unknown(secretsSafe, operator))
	if last = w.measurement(secretsSafe).LastAttempt; !last.At.Time.Equal(start.Add(4 * time.Hour)) {
		t.Errorf("another fault begins another series: %+v", last)
	}
	w.at(day).score()
	w.is("SecretsSafe Unknown Stale")
	for _, part := range []string{"no longer valid", "TargetUnreachable"} {
		if !strings.Contains(w.message("SecretsSafe"), part) {
			t.Errorf("message lacks %q: %q", part, w.message("SecretsSafe"))
		}
	}
	w.at(day + time.Minute).score(w.pass(secretsSafe))
	w.is("SecretsSafe True Passed")
	if w.measurement(secretsSafe).LastAttempt != nil {
		t.Error("a verdict ends the series of attempts")
	}
}

func TestARowThatCouldNotBeMeasuredSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.score()
	w.is("SecretsSafe Unknown NotMeasured", "AuthEnforced Unknown Off", "Launchable Unknown RowsUnknown", "Ready True Measuring")
	w.score(w.unknown(secretsSafe, app))
	w.is("SecretsSafe Unknown TargetUnreachable", "Launchable Unknown RowsUnknown")
}

func TestMeasuredAtIsLeftAloneUntilHalfOfTheValidity(t *testing.T) {
	w := launchedWorld(t)
	for _, d := range []time.Duration{time.Second, time.Hour, 12*time.Hour - time.Nanosecond} {
		w.at(d).same(w.pass(secretsSafe), w.pass(rollbackReady))
	}
	w.at(12*time.Hour).score(w.pass(secretsSafe), w.pass(rollbackReady))
	m := w.measurement(secretsSafe)
	if !m.MeasuredAt.Time.Equal(start.Add(12*time.Hour)) || !m.ValidUntil.Time.Equal(start.Add(36*time.Hour)) {
		t.Errorf("measured at %s, valid until %s", m.MeasuredAt, m.ValidUntil)
	}
	if len(w.last.Transitions) > 0 {
		t.Errorf("transitions of a verdict that only was renewed: %v", w.last.Transitions)
	}
	changed := w.pass(secretsSafe)
	changed.Message = "Other words."
	w.at(13 * time.Hour).score(changed)
	if m := w.measurement(secretsSafe); !m.MeasuredAt.Time.Equal(start.Add(13 * time.Hour)) {
		t.Errorf("another outcome was measured at %s", m.MeasuredAt)
	}
}

func TestNextAt(t *testing.T) {
	w := newWorld(t)
	w.score()
	if !w.last.NextAt.IsZero() {
		t.Errorf("nothing is due, but next at %s", w.last.NextAt)
	}
	w.score(w.pass(secretsSafe))
	for _, test := range []struct{ now, next time.Duration }{
		{0, 12 * time.Hour}, {12*time.Hour - 1, 12 * time.Hour}, {12 * time.Hour, day}, {day - 1, day}, {day, 0},
	} {
		want := time.Time{}
		if test.next > 0 {
			want = start.Add(test.next)
		}
		if w.at(test.now).score(); !w.last.NextAt.Equal(want) {
			t.Errorf("at %s: want %s, got %s", test.now, want, w.last.NextAt)
		}
	}
}

// A stale row of a launched app: how long its last state counts.
func TestHowLongALaunchedAppKeepsItsState(t *testing.T) {
	const rollout = time.Hour
	for _, test := range []struct {
		name string
		do   func(w *world)
		// keeps is how long after the rollout.
		keeps time.Duration
	}{
		{"nothing is heard of a measurement", func(*world) {}, day},
		{"our own fault", func(w *world) { w.keep(w.unknown(secretsSafe, operator)) }, day},
		{"the app's fault", func(w *world) { w.keep(w.unknown(secretsSafe, app)) }, 15 * time.Minute},
		{"the app's fault, after ours", func(w *world) {
			w.keep(w.unknown(secretsSafe, operator))
			w.at(rollout + 5*time.Hour).keep(w.unknown(secretsSafe, app))
		}, 5*time.Hour + 15*time.Minute},
		{"the app's fault, after ours had lasted for nearly the grace", func(w *world) {
			w.at(rollout + day - time.Minute).keep(w.unknown(secretsSafe, app))
		}, day},
		{"the app hides in changing ways", func(w *world) {
			w.keep(w.unknown(secretsSafe, app))
			other := w.unknown(secretsSafe, app)
			other.Reason = v1alpha1.ReasonTimeout
			w.at(rollout + 10*time.Minute).keep(other)
		}, 15 * time.Minute},
		{"the app hid already before", func(w *world) {
			w.Revision = running("r1")
			w.Previous.Measurements[0].LastAttempt = &v1alpha1.Attempt{
				At: metav1.NewTime(start), Outcome: v1alpha1.VerdictUnknown, Reason: "Timeout", Message: "It took too long.", Fault: app,
			}
			w.rollOut("r2")
			w.keep()
		}, 15 * time.Minute},
		{"a suite that started later is under way", func(w *world) {
			w.at(rollout + 10*time.Minute)
			w.RunningSince = map[v1alpha1.Row]time.Time{secretsSafe: w.Now}
			w.keep()
		}, 25 * time.Minute},
		{"a suite that started before is under way", func(w *world) {
			w.RunningSince = map[v1alpha1.Row]time.Time{secretsSafe: start}
			w.keep()
		}, 15 * time.Minute},
		{"a second rollout changes nothing", func(w *world) {
			w.rollOut("r3")
			w.at(rollout + 14*time.Minute).keep(w.unknown(secretsSafe, app))
			w.at(rollout + 14*time.Minute).keep(w.unknown(secretsSafe, app))
		}, 29 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.Policy.Rows[0].ValidForSeconds = ptr.To[int32](3 * 86400)
			w.score(w.pass(secretsSafe), w.pass(rollbackReady))
			w.at(rollout)
			w.rollOut("r2")
			w.keep()
			w.is("SecretsSafe True Passed", "Launchable True KeepingLastState", "Exposable True KeepingLastState")
			test.do(w)
			end := rollout + test.keeps
			w.at(end - time.Nanosecond).keep()
			w.is("SecretsSafe True Passed", "Launchable True KeepingLastState")
			if !w.last.NextAt.Equal(start.Add(end)) && test.keeps < 11*time.Hour {
				t.Errorf("next at %s, want %s", w.last.NextAt.Sub(start), end)
			}
			w.at(end).keep()
			w.is("SecretsSafe Unknown Stale", "Launchable Unknown RowsUnknown", "Exposable Unknown RowsUnknown")
			w.at(end+time.Hour).score(w.pass(secretsSafe), w.pass(rollbackReady))
			w.is("SecretsSafe True Passed", "Launchable True AllRowsPass")
		})
	}
}

func TestBeforeLaunchOnlyFreshVerdictsCount(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(w *world)
		reason string
	}{
		{"rollout", func(w *world) { w.rollOut("r2") }, "given on revision r1; r2 is to be measured"},
		{"inputs", func(w *world) { w.Inputs[secretsSafe] = "i2" }, "given with other settings or rules"},
		{"age", func(w *world) { w.at(day) }, "no longer valid since"},
		{"shorter validity", func(w *world) { w.at(time.Hour).Policy.Rows[0].ValidForSeconds = ptr.To[int32](3600) }, "no longer valid since"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.score(w.pass(secretsSafe))
			w.is("Exposable True AllRowsPass")
			test.change(w)
			w.score()
			w.is("SecretsSafe Unknown Stale", "Exposable Unknown RowsUnknown")
			if !strings.Contains(w.message("SecretsSafe"), test.reason) {
				t.Errorf("message: %q", w.message("SecretsSafe"))
			}
		})
	}
}

func TestOtherInputsAreStaleAtOnceAndKeptForTheGrace(t *testing.T) {
	w := launchedWorld(t)
	w.Inputs[secretsSafe] = "i2"
	w.at(time.Hour).score()
	w.is("SecretsSafe Unknown Stale", "Launchable True KeepingLastState")
	w.Inputs[secretsSafe] = "i1"
	w.at(2 * time.Hour).score()
	w.is("SecretsSafe True Passed", "Launchable True AllRowsPass")
}

func TestAnOutcomeOfOtherInputsWinsNoTime(t *testing.T) {
	w := launchedWorld(t)
	old := w.pass(secretsSafe)
	w.Inputs[secretsSafe] = "i2"
	w.at(time.Hour).score()
	w.at(2 * time.Hour).same(old)
	if since := w.measurement(secretsSafe).UnmeasuredSince; !since.Time.Equal(start.Add(time.Hour)) {
		t.Errorf("unmeasured since %s", since)
	}
}

func TestARolloutLeavesRowsOfSpecAndTimeAlone(t *testing.T) {
	w := newWorld(t)
	w.Policy.Rows = []v1alpha1.RowDemand{required(dnsConfigured), required(v1alpha1.RowMonitoringLive)}
	w.Inputs = map[v1alpha1.Row]string{dnsConfigured: "i1", v1alpha1.RowMonitoringLive: "i1"}
	w.score(w.pass(dnsConfigured), w.pass(v1alpha1.RowMonitoringLive))
	w.rollOut("r2")
	w.at(time.Hour).score()
	w.is("DNSConfigured True Passed", "MonitoringLive True Passed", "Launchable True AllRowsPass")
}

func TestRequiredFrom(t *testing.T) {
	w := newWorld(t)
	w.Policy.Rows[1].RequiredFrom = metav1.NewTime(start.Add(time.Hour))
	w.score(w.pass(secretsSafe), w.fail(rollbackReady, "f1"))
	w.is("RollbackReady False TypedSecret", "Launchable True AllRowsPass")
	if want := "1/1 passed"; w.Previous.Summary != want {
		t.Errorf("summary %q, want %q", w.Previous.Summary, want)
	}
	if !w.last.NextAt.Equal(start.Add(time.Hour)) {
		t.Errorf("next at %s", w.last.NextAt)
	}
	w.at(time.Hour - 1).same()
	w.at(time.Hour).score()
	w.is("Launchable False RowsFailing", "Exposable True AllRowsPass")
}

func TestARowNewToALaunchedAppCountsOnceMeasured(t *testing.T) {
	w := launchedWorld(t)
	w.Policy.Rows = append(w.Policy.Rows, required(v1alpha1.RowAuthEnforced))
	w.Inputs[v1alpha1.RowAuthEnforced] = "i1"
	w.at(time.Hour).score()
	w.is("AuthEnforced Unknown NotMeasured", "Launchable True KeepingLastState", "Exposable True KeepingLastState")
	if want := "2/3 passed, 1 not measured yet: AuthEnforced"; w.Previous.Summary != want {
		t.Errorf("summary %q, want %q", w.Previous.Summary, want)
	}
	w.at(11 * time.Hour).score(w.unknown(v1alpha1.RowAuthEnforced, operator))
	w.is("Launchable True KeepingLastState")
	w.score(w.fail(v1alpha1.RowAuthEnforced, "f1"))
	w.is("AuthEnforced False TypedSecret", "Launchable False RowsFailing")
}

func TestAMeasuredFailAlwaysClosesAndStaysSoWhenStale(t *testing.T) {
	w := launchedWorld(t)
	w.at(time.Hour).score(w.fail(secretsSafe, "f1"))
	w.is("SecretsSafe False TypedSecret", "Launchable False RowsFailing", "Exposable False RowsFailing")
	w.rollOut("r2")
	w.at(2 * time.Hour).keep()
	w.is("SecretsSafe False TypedSecret", "Launchable False RowsFailing")
	w.at(3 * day).keep(w.unknown(secretsSafe, operator))
	w.is("SecretsSafe Unknown Stale", "Launchable False RowsFailing")
	w.keep(w.pass(secretsSafe))
	w.is("SecretsSafe True Passed", "Launchable True AllRowsPass")
}

func TestAnOutcomeThatIsNoneIsAnUnknownOfOurs(t *testing.T) {
	for name, o := range map[string]Outcome{
		"nothing":             {Row: secretsSafe},
		"no reason":           {Row: secretsSafe, Verdict: v1alpha1.VerdictPass, Message: "m"},
		"a reason too long":   {Row: secretsSafe, Verdict: v1alpha1.VerdictFail, Reason: strings.Repeat("R", 65), Message: "m"},
		"a verdict not known": {Row: secretsSafe, Verdict: "Perhaps", Reason: "Perhaps", Message: "m"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.score(o, w.pass(rollbackReady))
			w.is("SecretsSafe Unknown ProbeError", "RollbackReady True Passed")
			if last := w.measurement(secretsSafe).LastAttempt; last.Fault != operator {
				t.Errorf("lastAttempt: %+v", last)
			}
		})
	}
	w := newWorld(t)
	w.score(w.unknown(secretsSafe, ""))
	w.is("SecretsSafe Unknown TargetUnreachable")
}
