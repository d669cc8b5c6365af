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
	// maxVerified is the MaxItems of status.verified, maxImages that of its images.
	maxVerified = 10
	maxImages   = 64
)

// Of derives the whole status from a situation. It is the one place where verdicts become conditions.
func Of(s Situation) Score {
	rollouts := seen(s.Previous.Rollouts, s.Revision, s.Now.Truncate(time.Second))
	revision := current(rollouts)
	score := Score{Status: v1alpha1.LaunchReadinessStatus{
		ObservedGeneration: ptr.To(s.Generation),
		Revision:           revision,
		Policies:           s.Policies,
		ReportRef:          s.Previous.ReportRef,
	}}
	var bound []v1alpha1.Measurement
	for _, row := range Rows() {
		m := measured(row, s, rollouts)
		st := stand(row, m, s, revision)
		score.Rows = append(score.Rows, st)
		score.NextAt = earliest(score.NextAt, due(m, st, s))
		if st.Reason == v1alpha1.ReasonOff || st.Reason == v1alpha1.ReasonNotSupported {
			continue
		}
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
	exposable := summarise(v1alpha1.ConditionExposable, score.Rows, func(st Standing) bool { return st.Stage == BeforeExposure })
	launchable := summarise(v1alpha1.ConditionLaunchable, score.Rows, func(Standing) bool { return true })
	status.LaunchedAt = metav1.NewTime(s.LaunchedAt)
	if !s.launched() && launchable.Status == metav1.ConditionTrue {
		status.LaunchedAt = metav1.NewTime(s.Now.Truncate(time.Second))
	}
	status.Verified = verified(s, score.Rows, *status)
	status.Summary = summary(score.Rows)

	conditions := append(progress(s), exposable, launchable)
	for _, st := range score.Rows {
		conditions = append(conditions, metav1.Condition{Type: string(st.Name), Status: st.Status, Reason: st.Reason, Message: st.Message})
	}
	status.Conditions = slices.Clone(s.Previous.Conditions)
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

// summarise gives Exposable or Launchable from the rows that count for it.
func summarise(condition string, rows []Standing, counted func(Standing) bool) metav1.Condition {
	by := map[Effect][]string{}
	required := 0
	for _, st := range rows {
		if st.Effect != NotCounted {
			required++
		}
		if counted(st) {
			by[st.Effect] = append(by[st.Effect], string(st.Name))
		}
	}
	c := metav1.Condition{Type: condition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllRowsPass}
	switch {
	case len(by[CountsFailed]) > 0:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonRowsFailing
		c.Message = "Failing: " + strings.Join(by[CountsFailed], ", ") + "."
	case len(by[CountsUnknown]) > 0:
		c.Status, c.Reason = metav1.ConditionUnknown, v1alpha1.ReasonRowsUnknown
		c.Message = "Not measured: " + strings.Join(by[CountsUnknown], ", ") + "."
	case required == 0:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonNothingRequired
		c.Message = "The policies in force require no row that counts now, so nothing is proven: require at least one row in a LaunchPolicy."
	case len(by[KeepsPassed]) > 0:
		c.Reason = v1alpha1.ReasonKeepingLastState
		c.Message = "The last verdict still counts for: " + strings.Join(by[KeepsPassed], ", ") + "."
	default:
		c.Message = "Every required row passes, is waived or does not apply."
	}
	return c
}

// summary says in one line how many Required rows pass, and which do not.
func summary(rows []Standing) string {
	n := map[Effect]int{}
	names := map[Effect][]string{}
	required := 0
	for _, st := range rows {
		if st.Effect != NotCounted {
			required++
		}
		n[st.Effect]++
		names[st.Effect] = append(names[st.Effect], string(st.Name))
	}
	parts := []string{fmt.Sprintf("%d/%d passed", n[CountsPassed]+n[KeepsPassed], required)}
	if n[CountsWaived] > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", n[CountsWaived]))
	}
	for _, e := range []struct {
		Effect
		word string
	}{{CountsFailed, "failing"}, {CountsUnknown, "unknown"}} {
		if n[e.Effect] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s: %s", n[e.Effect], e.word, strings.Join(names[e.Effect], ", ")))
		}
	}
	return strings.Join(parts, ", ")
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
		case CountsWaived, KeepsPassed, CountsFailed, CountsUnknown:
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

// due is when a row needs to be looked at again by the clock alone.
func due(m v1alpha1.Measurement, st Standing, s Situation) time.Time {
	next := st.Until
	if m.Verdict != v1alpha1.VerdictUnknown && st.Reason != v1alpha1.ReasonOff {
		next = earliest(next, m.MeasuredAt.Add(validity(s, st.Name)/2))
		if s.Now.After(m.MeasuredAt.Add(validity(s, st.Name) / 2)) {
			next = earliest(st.Until, m.ValidUntil.Time)
		}
	}
	if !next.IsZero() && !next.After(s.Now) {
		return time.Time{}
	}
	return next
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
