// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	secretsSafe   = v1alpha1.RowSecretsSafe
	rollbackReady = v1alpha1.RowRollbackReady
	dnsConfigured = v1alpha1.RowDNSConfigured
)

// start is when every story begins.
var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// world is an app whose status is kept from one score to the next, as the API server keeps it.
type world struct {
	t fataler
	Situation
	last Score
	// lastOutcomes are the newest conclusive ones, by row.
	lastOutcomes map[v1alpha1.Row]Outcome
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// newWorld has SecretsSafe and RollbackReady Required, both measurable, on revision r1.
func newWorld(t fataler) *world {
	w := &world{t: t, lastOutcomes: map[v1alpha1.Row]Outcome{}, Situation: Situation{
		Now: start, Generation: 1,
		Policy: v1alpha1.LaunchPolicySpec{
			Rows:                   []v1alpha1.RowDemand{required(secretsSafe), required(rollbackReady)},
			RemeasureWithinSeconds: ptr.To[int32](900),
			Gate:                   &v1alpha1.GateRules{GraceSeconds: ptr.To[int32](86400)},
			Waivers:                &v1alpha1.WaiverRules{Mode: v1alpha1.WaiversAllowed, MaxDurationSeconds: ptr.To[int32](30 * 86400)},
		},
		Policies: []v1alpha1.PolicyInForce{{Name: "test"}},
		Inputs:   map[v1alpha1.Row]string{secretsSafe: "i1", rollbackReady: "i1"},
	}}
	w.rollOut("r1")
	return w
}

// launchedWorld has passed everything at the start.
func launchedWorld(t fataler) *world {
	w := newWorld(t)
	w.score(w.pass(secretsSafe), w.pass(rollbackReady))
	w.is("Launchable True AllRowsPass")
	return w
}

func required(row v1alpha1.Row) v1alpha1.RowDemand {
	return v1alpha1.RowDemand{Row: row, Enforcement: v1alpha1.EnforcementRequired, ValidForSeconds: ptr.To[int32](86400)}
}

func (w *world) rollOut(revision string) {
	w.Revision = Revision{Hash: revision, Configuration: "c" + revision, Images: []string{"sha256:" + revision}, Resolved: true}
}

// at sets the time, counted from the start.
func (w *world) at(d time.Duration) *world {
	w.Now = start.Add(d)
	return w
}

func (w *world) outcome(row v1alpha1.Row, verdict v1alpha1.Verdict, reason string) Outcome {
	return Outcome{
		Row: row, Verdict: verdict, Reason: reason, Message: "Said of " + string(row) + ": " + reason + ".",
		Revision: w.Revision.Hash, InputsHash: w.Inputs[row],
	}
}

func (w *world) pass(row v1alpha1.Row) Outcome {
	return w.outcome(row, v1alpha1.VerdictPass, v1alpha1.ReasonPassed)
}

// fail fails a row with a High finding for each fingerprint.
func (w *world) fail(row v1alpha1.Row, fingerprints ...string) Outcome {
	o := w.outcome(row, v1alpha1.VerdictFail, v1alpha1.ReasonTypedSecret)
	for _, f := range fingerprints {
		o.Findings = append(o.Findings, Finding{api: v1alpha1.Finding{Fingerprint: f, Severity: v1alpha1.SeverityHigh}})
	}
	return o
}

func (w *world) unknown(row v1alpha1.Row, fault v1alpha1.Fault) Outcome {
	o := w.outcome(row, v1alpha1.VerdictUnknown, v1alpha1.ReasonTargetUnreachable)
	o.Fault = fault
	return o
}

// on says that an outcome is about another revision than the one that runs.
func on(revision string, o Outcome) Outcome {
	o.Revision = revision
	return o
}

// score takes outcomes in, keeps the status, and holds the score to the invariants.
func (w *world) score(outcomes ...Outcome) Score {
	w.t.Helper()
	s := w.Situation
	s.Outcomes = outcomes
	score := Of(s)
	if broken := invariants(s, score); len(broken) > 0 {
		w.t.Fatalf("at %s invariants are broken:\n%s", s.Now.Sub(start), strings.Join(broken, "\n"))
	}
	for _, o := range outcomes {
		if o.Conclusive() {
			w.lastOutcomes[o.Row] = o
		}
	}
	w.last, w.Previous, w.LaunchedAt = score, stored(w.t, score.Status), score.Status.LaunchedAt.Time
	if again := Of(w.Situation); !equality.Semantic.DeepEqual(w.Previous, again.Status) || len(again.Transitions) > 0 {
		w.t.Fatalf("at %s the score is not at rest, transitions %v:\n%s", s.Now.Sub(start), again.Transitions, cmp.Diff(w.Previous, again.Status))
	}
	return score
}

// stored gives a status as it comes back from the API server.
func stored(t fataler, status v1alpha1.LaunchReadinessStatus) v1alpha1.LaunchReadinessStatus {
	t.Helper()
	data, err := json.Marshal(status)
	if err != nil {
		t.Fatalf("encoding the status: %v", err)
	}
	var back v1alpha1.LaunchReadinessStatus
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatalf("decoding the status: %v", err)
	}
	if !equality.Semantic.DeepEqual(status, back) {
		t.Fatalf("the API server would store another status:\n%s", cmp.Diff(status, back))
	}
	return back
}

// is checks conditions, each given as "Type Status Reason".
func (w *world) is(wants ...string) {
	w.t.Helper()
	for _, want := range wants {
		c := meta.FindStatusCondition(w.Previous.Conditions, strings.Fields(want)[0])
		if c == nil {
			w.t.Fatalf("at %s want %q, but there is no such condition", w.Now.Sub(start), want)
		}
		if got := fmt.Sprintf("%s %s %s", c.Type, c.Status, c.Reason); got != want {
			w.t.Fatalf("at %s want %q, got %q: %s", w.Now.Sub(start), want, got, c.Message)
		}
	}
}

func (w *world) message(condition string) string {
	return meta.FindStatusCondition(w.Previous.Conditions, condition).Message
}

func (w *world) measurement(row v1alpha1.Row) v1alpha1.Measurement {
	return previousMeasurement(w.Previous, row)
}

// same fails unless a score leaves the status as it is.
func (w *world) same(outcomes ...Outcome) {
	w.t.Helper()
	before := w.Previous
	w.score(outcomes...)
	if !equality.Semantic.DeepEqual(before, w.Previous) {
		w.t.Fatalf("at %s the status changed:\n%s", w.Now.Sub(start), cmp.Diff(before, w.Previous))
	}
}

var reasonPattern = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

// invariants gives what is wrong with a score, whatever the situation.
func invariants(s Situation, score Score) []string {
	var broken []string
	check := func(number int, holds bool, format string, args ...any) {
		if !holds {
			broken = append(broken, fmt.Sprintf("%d. ", number)+fmt.Sprintf(format, args...))
		}
	}
	conditions := map[string]metav1.Condition{}
	for _, c := range score.Status.Conditions {
		_, twice := conditions[c.Type]
		check(1, !twice, "%s is there twice", c.Type)
		conditions[c.Type] = c
		check(2, c.ObservedGeneration == s.Generation, "observedGeneration of %s is %d, want %d", c.Type, c.ObservedGeneration, s.Generation)
		check(3, len(c.Reason) <= 1024 && reasonPattern.MatchString(c.Reason), "reason of %s: %q", c.Type, c.Reason)
		check(3, c.Message != "" && len(c.Message) <= 32768, "message of %s: %q", c.Type, c.Message)
		before := meta.FindStatusCondition(s.Previous.Conditions, c.Type)
		want := metav1.NewTime(s.Now.Truncate(time.Second))
		if before != nil && before.Status == c.Status {
			want = before.LastTransitionTime
		}
		check(8, c.LastTransitionTime.Equal(&want), "lastTransitionTime of %s is %s, want %s", c.Type, c.LastTransitionTime, want)
	}
	want := []string{"Ready", "Reconciling", "Stalled", "Exposable", "Launchable"}
	for _, row := range Rows() {
		want = append(want, string(row.Name))
	}
	for _, c := range want {
		_, there := conditions[c]
		check(1, there, "%s is missing", c)
	}
	check(1, len(conditions) == len(want), "%d conditions, want %d", len(conditions), len(want))
	check(2, ptr.Deref(score.Status.ObservedGeneration, -1) == s.Generation, "status.observedGeneration")
	is := func(c string) metav1.ConditionStatus { return conditions[c].Status }
	check(4, (is("Stalled") == "True") == (is("Ready") == "False"), "Stalled is %s and Ready is %s", is("Stalled"), is("Ready"))
	check(4, is("Stalled") == "False" || is("Reconciling") == "False", "Stalled and Reconciling are both True")
	check(5, is("Launchable") != "True" || is("Exposable") == "True", "Launchable is True and Exposable is %s", is("Exposable"))
	counting := 0
	for _, d := range s.Policy.Rows {
		if d.Enforcement != v1alpha1.EnforcementRequired || s.Now.Before(d.RequiredFrom.Time) {
			continue
		}
		counting++
		c := conditions[string(d.Row)]
		holds := c.Status == "True" || c.Reason == v1alpha1.ReasonWaived
		check(6, s.launched() || is("Launchable") != "True" || holds, "Launchable for the first time with %s %s %s", c.Type, c.Status, c.Reason)
		check(7, c.Status != "False" || c.Reason == v1alpha1.ReasonWaived || is("Launchable") == "False", "Launchable is %s with %s False", is("Launchable"), c.Type)
	}
	check(6, s.launched() || is("Launchable") != "True" || counting > 0, "Launchable for the first time with nothing required")
	check(9, len(score.Status.Rollouts) <= 10 && len(score.Status.Verified) <= 10 && len(score.Status.Measurements) <= 16 && len(score.Status.Summary) <= 1024, "a list or text is too long")
	for _, m := range score.Status.Measurements {
		check(9, len(m.Reason) <= 64 && len(m.Message) <= 1024 && len(m.Fingerprints) <= 32, "measurement of %s is too long", m.Row)
		check(10, m.LastAttempt == nil || m.LastAttempt.Outcome == v1alpha1.VerdictUnknown && (m.LastAttempt.Fault == v1alpha1.FaultApp || m.LastAttempt.Fault == v1alpha1.FaultOperator),
			"lastAttempt of %s: %+v", m.Row, m.LastAttempt)
	}
	check(11, score.NextAt.IsZero() || score.NextAt.After(s.Now), "NextAt %s is not after %s", score.NextAt, s.Now)
	return broken
}

func TestInvariantsSeeWhatIsBroken(t *testing.T) {
	w := launchedWorld(t)
	good := w.last
	for name, spoil := range map[string]func(*Score){
		"1. Ready is missing":        func(s *Score) { meta.RemoveStatusCondition(&s.Status.Conditions, "Ready") },
		"1. Ready is there twice":    func(s *Score) { s.Status.Conditions = append(s.Status.Conditions, s.Status.Conditions[0]) },
		"2. observedGeneration":      func(s *Score) { s.Status.Conditions[0].ObservedGeneration = 7 },
		"2. status.observed":         func(s *Score) { s.Status.ObservedGeneration = nil },
		"3. reason of":               func(s *Score) { s.Status.Conditions[4].Reason = "not one word" },
		"3. message of":              func(s *Score) { s.Status.Conditions[4].Message = "" },
		"4. Stalled is True":         func(s *Score) { s.Status.Conditions[2].Status = "True" },
		"5. Launchable is True":      func(s *Score) { s.Status.Conditions[3].Status = "Unknown" },
		"7. Launchable is True with": func(s *Score) { meta.FindStatusCondition(s.Status.Conditions, "SecretsSafe").Status = "False" },
		"8. lastTransitionTime":      func(s *Score) { s.Status.Conditions[4].LastTransitionTime = metav1.NewTime(start.Add(time.Hour)) },
		"11. NextAt":                 func(s *Score) { s.NextAt = start },
	} {
		t.Run(name, func(t *testing.T) {
			score := good
			score.Status = *good.Status.DeepCopy()
			spoil(&score)
			if got := strings.Join(invariants(w.Situation, score), "\n"); !strings.Contains(got, name) {
				t.Errorf("want %q, got %q", name, got)
			}
		})
	}
}
