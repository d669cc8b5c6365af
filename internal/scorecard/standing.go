// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Standing is where a row stands: what its condition says, and what it does to the summaries.
type Standing struct {
	Row
	Status          metav1.ConditionStatus
	Reason, Message string
	Effect          Effect
	// Until is when the effect ends by the clock alone; zero where it does not.
	Until time.Time
}

// Effect is what a row does to the summaries.
type Effect string

const (
	// NotCounted rows are Off or Advisory.
	NotCounted Effect = "NotCounted"
	// NotYetCounted rows are Required but new to an app that has launched: Advisory until they are measured once.
	NotYetCounted Effect = "NotYetCounted"
	// CountsPassed rows pass or do not apply.
	CountsPassed Effect = "Passed"
	// CountsWaived rows do not hold and are let off.
	CountsWaived Effect = "Waived"
	// KeepsPassed rows of a launched app passed when they were last measured, and are to be measured anew in time.
	KeepsPassed Effect = "KeepsPassed"
	// CountsFailed rows were measured and do not hold.
	CountsFailed Effect = "Failed"
	// CountsUnknown rows have no verdict that counts.
	CountsUnknown Effect = "Unknown"
)

// stand says where a row stands.
func stand(row Row, m v1alpha1.Measurement, s Situation, revision string) Standing {
	demand := s.demand(row.Name)
	st := Standing{Row: row, Status: metav1.ConditionUnknown, Effect: NotCounted}
	if demand.Enforcement == v1alpha1.EnforcementOff {
		st.Reason, st.Message = v1alpha1.ReasonOff, "No policy in force asks for it."
		return st
	}
	by := staleBy(row, m, s, revision)
	if _, supported := s.Inputs[row.Name]; !supported {
		m, by = v1alpha1.Measurement{Row: row.Name, Verdict: v1alpha1.VerdictUnknown}, neverMeasured
		st.Reason = v1alpha1.ReasonNotSupported
		st.Message = "This version of LaunchReady can't measure it: upgrade, or set the row to Off in the LaunchPolicy."
	} else {
		st.verdict(m, by, s, revision)
	}
	st.waiver(m, by, s)
	if counts(demand, s.Now) {
		st.effect(m, by, s)
	} else if demand.Enforcement == v1alpha1.EnforcementRequired {
		st.until(demand.RequiredFrom.Time)
	}
	return st
}

// until notes that something about the standing changes at a time.
func (st *Standing) until(t time.Time) { st.Until = earliest(st.Until, t) }

// kept says whether the last state of a launched app's row still counts although a newer verdict is wanted.
func kept(m v1alpha1.Measurement, s Situation) bool {
	return s.launched() && s.Now.Before(countsUntil(m, s))
}

// counts says whether the row is Required now.
func counts(d v1alpha1.RowDemand, now time.Time) bool {
	return d.Enforcement == v1alpha1.EnforcementRequired && !now.Before(d.RequiredFrom.Time)
}

// verdict sets what the row's condition says.
func (st *Standing) verdict(m v1alpha1.Measurement, by staleness, s Situation, revision string) {
	st.Reason = v1alpha1.ReasonStale
	switch {
	case by == fresh, by == otherRevision && kept(m, s):
		st.Status, st.Reason, st.Message = conditionStatus(m.Verdict), m.Reason, m.Message
		if by == otherRevision {
			st.Message += fmt.Sprintf(" Measured on revision %s; %s is to be measured.", m.Revision, revision)
			st.until(countsUntil(m, s))
		}
		return
	case by == neverMeasured && m.LastAttempt != nil:
		st.Reason, st.Message = m.LastAttempt.Reason, m.LastAttempt.Message
		return
	case by == neverMeasured:
		st.Reason, st.Message = v1alpha1.ReasonNotMeasured, "It has not been measured yet."
	case by == tooOld:
		st.Message = fmt.Sprintf("The verdict %s is no longer valid since %s.", m.Verdict, m.ValidUntil.UTC().Format(time.RFC3339))
	case by == otherInputs:
		st.Message = fmt.Sprintf("The verdict %s was given with other settings or rules.", m.Verdict)
	case by == otherRevision:
		st.Message = fmt.Sprintf("The verdict %s was given on revision %s; %s is to be measured.", m.Verdict, m.Revision, revision)
	}
	if m.LastAttempt != nil {
		st.Message = fmt.Sprintf("%s The last attempt gave none (%s): %s", st.Message, m.LastAttempt.Reason, m.LastAttempt.Message)
	}
}

// waiver lets the row off where waivers in force cover it. It stays what it is: it stops counting, it turns not green.
func (st *Standing) waiver(m v1alpha1.Measurement, by staleness, s Situation) {
	if st.Status == metav1.ConditionTrue {
		return
	}
	waivers := waivedBy(m, s, by == fresh || kept(m, s))
	if len(waivers) == 0 {
		return
	}
	names := make([]string, len(waivers))
	var ends time.Time
	for i, w := range waivers {
		names[i] = w.Name
		ends = earliest(ends, w.Spec.ExpiresAt.Time)
	}
	st.until(ends)
	if by != fresh && len(waivers[0].Spec.Findings) > 0 {
		// What was found is let off, but that it is all that there is counts only for a while.
		st.until(countsUntil(m, s))
	}
	st.Reason = v1alpha1.ReasonWaived
	st.Message = Bounded(fmt.Sprintf("Waived until %s by %s. %s", ends.UTC().Format(time.RFC3339), strings.Join(names, ", "), st.Message))
}

// effect sets what a Required row does to the summaries.
//
// After launch only a measured Fail closes the gate: a verdict that is to be renewed keeps its effect until
// countsUntil, and a row that was never measured counts only once the app has hidden for too long.
func (st *Standing) effect(m v1alpha1.Measurement, by staleness, s Situation) {
	switch {
	case st.Reason == v1alpha1.ReasonWaived:
		st.Effect = CountsWaived
	case by == fresh && m.Verdict == v1alpha1.VerdictFail:
		st.Effect = CountsFailed
	case by == fresh:
		st.Effect = CountsPassed
	case !s.launched():
		st.Effect = CountsUnknown
	case m.Verdict == v1alpha1.VerdictFail:
		st.Effect = CountsFailed
	case m.Verdict == v1alpha1.VerdictUnknown && !hides(m):
		st.Effect = NotYetCounted
	case !kept(m, s):
		st.Effect = CountsUnknown
	case m.Verdict == v1alpha1.VerdictUnknown:
		st.Effect = NotYetCounted
		st.until(countsUntil(m, s))
	default:
		st.Effect = KeepsPassed
		st.until(countsUntil(m, s))
	}
}

func conditionStatus(v v1alpha1.Verdict) metav1.ConditionStatus {
	switch v {
	case v1alpha1.VerdictPass, v1alpha1.VerdictNotApplicable:
		return metav1.ConditionTrue
	case v1alpha1.VerdictFail:
		return metav1.ConditionFalse
	default:
		return metav1.ConditionUnknown
	}
}
