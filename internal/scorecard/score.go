// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	// maxVerified is the MaxItems of status.verified, maxImages that of its images, maxPolicies that of status.policies.
	maxVerified = 10
	maxImages   = 64
	maxPolicies = 64
)

// Of derives the whole status from a situation. It is the one place where verdicts become conditions.
func Of(s Situation) Score {
	score := derive(s)
	if !s.launched() && meta.IsStatusConditionTrue(score.Status.Conditions, v1alpha1.ConditionLaunchable) {
		// It has launched this moment, and is told so at once: the next score finds nothing new.
		s.LaunchedAt = s.Now.Truncate(time.Second)
		return derive(s)
	}
	return score
}

func derive(s Situation) Score {
	rollouts := seen(s.Previous.Rollouts, s.Revision, s.Now.Truncate(time.Second))
	revision := current(rollouts)
	score := Score{Status: v1alpha1.LaunchReadinessStatus{
		ObservedGeneration: ptr.To(s.Generation),
		Revision:           revision,
		Policies:           s.Policies[:min(len(s.Policies), maxPolicies)],
		PolicySummary:      policySummary(s.Policies),
		ReportRef:          s.Previous.ReportRef,
	}}
	var bound []v1alpha1.Measurement
	for _, row := range Rows() {
		m := measured(row, s, rollouts)
		st := stand(row, m, s, revision)
		score.Rows = append(score.Rows, st)
		score.NextAt = earliest(score.NextAt, after(s.Now, st.Until))
		if _, supported := s.Inputs[row.Name]; !supported || st.Reason == v1alpha1.ReasonOff {
			continue
		}
		score.NextAt = earliest(score.NextAt, due(m, staleBy(row, m, s, revision), s))
		score.Status.Measurements = append(score.Status.Measurements, m)
		score.Status.LastMeasuredAt = metav1.NewTime(latest(score.Status.LastMeasuredAt.Time, m.MeasuredAt.Time))
		if row.BoundTo == BoundToRevision {
			bound = append(bound, m)
		}
	}
	score.Status.Rollouts = trimmed(rollouts, bound)
	score.conclude(s)
	return score
}

// conclude fills in what follows from the rows' standings.
func (score *Score) conclude(s Situation) {
	status := &score.Status
	exposable := summarise(v1alpha1.ConditionExposable, score.Rows, s.launched(), func(st Standing) bool { return st.Stage == BeforeExposure })
	launchable := summarise(v1alpha1.ConditionLaunchable, score.Rows, s.launched(), func(Standing) bool { return true })
	status.LaunchedAt = metav1.NewTime(s.LaunchedAt)
	status.Verified = verified(s, score.Rows, *status)
	status.Summary = summary(score.Rows)

	conditions := append(progress(s), exposable, launchable)
	for _, st := range score.Rows {
		conditions = append(conditions, metav1.Condition{Type: string(st.Name), Status: st.Status, Reason: st.Reason, Message: st.Message})
	}
	// What an earlier version left goes. The others keep their order, for the API server keeps it too.
	status.Conditions = slices.DeleteFunc(slices.Clone(s.Previous.Conditions), func(old metav1.Condition) bool {
		return meta.FindStatusCondition(conditions, old.Type) == nil
	})
	for _, c := range conditions {
		c.ObservedGeneration = s.Generation
		c.LastTransitionTime = metav1.NewTime(s.Now.Truncate(time.Second))
		before := meta.FindStatusCondition(s.Previous.Conditions, c.Type)
		meta.SetStatusCondition(&status.Conditions, c)
		if worthTelling(before, c) {
			score.Transitions = append(score.Transitions, Transition{
				Condition: c.Type, Bad: bad(c), Reason: c.Reason, Message: c.Message,
			})
		}
	}
}

// progress gives Ready, Reconciling and Stalled (kstatus).
func progress(s Situation) []metav1.Condition {
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonMeasuring,
		Message: "The spec is accepted and its rows are being measured.",
	}
	reconciling := metav1.Condition{
		Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonIdle,
		Message: "The spec has been dealt with.",
	}
	stalled := metav1.Condition{
		Type: v1alpha1.ConditionStalled, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonIdle,
		Message: "Nothing stands in the way.",
	}
	if o := s.Obstacle; o != nil {
		ready.Reason, ready.Message = o.Reason, o.Message
		if o.Kind == ObstacleStalled {
			ready.Status, stalled.Status = metav1.ConditionFalse, metav1.ConditionTrue
			stalled.Reason, stalled.Message = o.Reason, o.Message
		}
	}
	return []metav1.Condition{ready, reconciling, stalled}
}

// tally gives the names of the rows by what they do to the summaries, in the scorecard's order.
func tally(rows []Standing) map[Effect][]string {
	by := map[Effect][]string{}
	for _, st := range rows {
		by[st.Effect] = append(by[st.Effect], string(st.Name))
	}
	return by
}

// summarise gives Exposable or Launchable from the rows that count for it.
func summarise(condition string, rows []Standing, launched bool, counted func(Standing) bool) metav1.Condition {
	required := len(rows) - len(tally(rows)[NotCounted])
	by := tally(slices.DeleteFunc(slices.Clone(rows), func(st Standing) bool { return !counted(st) }))
	list := func(prefix string, e Effect) string { return prefix + strings.Join(by[e], ", ") + "." }
	c := metav1.Condition{Type: condition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllRowsPass}
	switch {
	case len(by[CountsFailed]) > 0:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonRowsFailing
		c.Message = list("Failing: ", CountsFailed)
	case len(by[CountsUnknown]) > 0:
		c.Status, c.Reason = metav1.ConditionUnknown, v1alpha1.ReasonRowsUnknown
		c.Message = list("Not measured: ", CountsUnknown)
	case required == 0 && launched:
		// After launch only a measured Fail closes the gate.
		c.Reason = v1alpha1.ReasonKeepingLastState
		c.Message = "The app has launched, and the policies in force require no row that counts now."
	case required == 0:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonNothingRequired
		c.Message = "The policies in force require no row that counts now, so nothing is proven: require at least one row in a LaunchPolicy."
	case len(by[KeepsPassed])+len(by[NotYetCounted]) > 0:
		c.Reason = v1alpha1.ReasonKeepingLastState
		var parts []string
		if len(by[KeepsPassed]) > 0 {
			parts = append(parts, list("The last verdict still counts for: ", KeepsPassed))
		}
		if len(by[NotYetCounted]) > 0 {
			parts = append(parts, list("To be measured before they count: ", NotYetCounted))
		}
		c.Message = strings.Join(parts, " ")
	default:
		c.Message = "Every required row passes, is waived or does not apply."
	}
	return c
}

// summary says in one line how many Required rows pass, and which do not.
func summary(rows []Standing) string {
	by := tally(rows)
	parts := []string{fmt.Sprintf("%d/%d passed", len(by[CountsPassed])+len(by[KeepsPassed]), len(rows)-len(by[NotCounted]))}
	if n := len(by[CountsWaived]); n > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", n))
	}
	for _, e := range []struct {
		Effect
		word string
	}{{CountsFailed, "failing"}, {CountsUnknown, "unknown"}, {NotYetCounted, "not measured yet"}} {
		if names := by[e.Effect]; len(names) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s: %s", len(names), e.word, strings.Join(names, ", ")))
		}
	}
	return strings.Join(parts, ", ")
}

// policySummary names the policies in force in one line. kubectl's columns show no more than the first of a list, so
// that a column of names would hide the other policies.
func policySummary(policies []v1alpha1.PolicyInForce) string {
	const named = 3
	var names []string
	for _, p := range policies[:min(named, len(policies))] {
		names = append(names, p.Name)
	}
	line := strings.Join(names, ", ")
	if more := len(policies) - named; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return line
}

// verified adds the revision that runs to the verified ones, where every Required row was measured on it and passed.
func verified(s Situation, rows []Standing, status v1alpha1.LaunchReadinessStatus) []v1alpha1.VerifiedRevision {
	known := slices.Clone(s.Previous.Verified)
	if !s.Revision.Resolved || s.Revision.Hash != status.Revision || len(s.Revision.Images) == 0 || len(s.Revision.Images) > maxImages {
		return known
	}
	passed := 0
	for _, st := range rows {
		switch st.Effect {
		case NotCounted:
		case CountsPassed:
			passed++
		case NotYetCounted, CountsWaived, KeepsPassed, CountsFailed, CountsUnknown:
			return known
		}
	}
	if passed == 0 {
		return known
	}
	if len(known) > 0 && known[0].Revision == status.Revision {
		return known
	}
	known = slices.DeleteFunc(known, func(v v1alpha1.VerifiedRevision) bool { return v.Revision == status.Revision })
	known = slices.Insert(known, 0, v1alpha1.VerifiedRevision{
		Revision: status.Revision, Images: s.Revision.Images, At: status.LastMeasuredAt,
	})
	return known[:min(len(known), maxVerified)]
}

// due is when a row's measurement changes by the clock alone, or is to be renewed.
func due(m v1alpha1.Measurement, by staleness, s Situation) time.Time {
	if m.Verdict == v1alpha1.VerdictUnknown {
		return time.Time{}
	}
	ends := after(s.Now, m.ValidUntil.Time)
	if by != fresh {
		return ends
	}
	return earliest(after(s.Now, m.MeasuredAt.Add(validity(s, m.Row)/2)), ends)
}

// after gives a time that is still to come, or zero.
func after(now, t time.Time) time.Time {
	if t.After(now) {
		return t
	}
	return time.Time{}
}

func worthTelling(before *metav1.Condition, now metav1.Condition) bool {
	if before == nil {
		return now.Status != metav1.ConditionUnknown && now.Type != v1alpha1.ConditionReconciling && !(now.Type == v1alpha1.ConditionStalled && now.Status == metav1.ConditionFalse)
	}
	waived := (before.Reason == v1alpha1.ReasonWaived) != (now.Reason == v1alpha1.ReasonWaived)
	return before.Status != now.Status || waived
}

// bad says whether a condition's state is one to warn of.
func bad(c metav1.Condition) bool {
	if c.Type == v1alpha1.ConditionStalled || c.Type == v1alpha1.ConditionReconciling {
		return c.Status == metav1.ConditionTrue
	}
	return c.Status != metav1.ConditionTrue && c.Reason != v1alpha1.ReasonWaived
}
