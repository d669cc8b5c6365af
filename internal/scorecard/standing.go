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
	// NotCounted rows are Off or Advisory, or new to an app that has launched.
	NotCounted Effect = "NotCounted"
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
	if _, supported := s.Inputs[row.Name]; !supported {
		st.Reason = v1alpha1.ReasonNotSupported
		st.Message = "This version of LaunchReady can't measure it: upgrade, or set the row to Off in the LaunchPolicy."
		if counts(demand, s.Now) && !s.launched() {
			st.Effect = CountsUnknown
		}
		return st
	}
	by := staleBy(row, m, s, revision)
	st.verdict(m, by, s, revision)
	st.waiver(m, s, by == fresh)
	if counts(demand, s.Now) {
		st.effect(m, by, s)
	} else if demand.Enforcement == v1alpha1.EnforcementRequired {
		st.Until = demand.RequiredFrom.Time
	}
	return st
}

// counts says whether the row is Required now.
func counts(d v1alpha1.RowDemand, now time.Time) bool {
	return d.Enforcement == v1alpha1.EnforcementRequired && !now.Before(d.RequiredFrom.Time)
}

// verdict sets what the row's condition says.
func (st *Standing) verdict(m v1alpha1.Measurement, by staleness, s Situation, revision string) {
	switch {
	case by == fresh, by == otherRevision && s.launched() && s.Now.Before(countsUntil(m, s)):
		st.Status, st.Reason, st.Message = conditionStatus(m.Verdict), m.Reason, m.Message
		if by == otherRevision {
			st.Message += fmt.Sprintf(" Measured on revision %s; %s is to be measured.", m.Revision, revision)
		}
	case m.LastAttempt != nil:
		st.Reason, st.Message = m.LastAttempt.Reason, m.LastAttempt.Message
	case by == neverMeasured:
		st.Reason, st.Message = v1alpha1.ReasonNotMeasured, "It has not been measured yet."
	case by == tooOld:
		st.Reason = v1alpha1.ReasonStale
		st.Message = fmt.Sprintf("The verdict %s is no longer valid since %s.", m.Verdict, m.ValidUntil.UTC().Format(time.RFC3339))
	case by == otherInputs:
		st.Reason = v1alpha1.ReasonStale
		st.Message = fmt.Sprintf("The verdict %s was given with other settings or rules.", m.Verdict)
	case by == otherRevision:
		st.Reason = v1alpha1.ReasonStale
		st.Message = fmt.Sprintf("The verdict %s was given on revision %s; %s is to be measured.", m.Verdict, m.Revision, revision)
	}
}

// waiver lets the row off where waivers in force cover it. It stays what it is: it stops counting, it turns not green.
func (st *Standing) waiver(m v1alpha1.Measurement, s Situation, measuredNow bool) {
	if st.Status == metav1.ConditionTrue {
		return
	}
	waivers := waivedBy(m, s, measuredNow)
	if len(waivers) == 0 {
		return
	}
	names := make([]string, len(waivers))
	for i, w := range waivers {
		names[i] = w.Name
		st.Until = earliest(st.Until, w.Spec.ExpiresAt.Time)
	}
	st.Reason = v1alpha1.ReasonWaived
	st.Message = Bounded(fmt.Sprintf("Waived until %s by %s. %s", st.Until.UTC().Format(time.RFC3339), strings.Join(names, ", "), st.Message))
}

// effect sets what a Required row does to the summaries.
//
// After launch only a measured Fail closes the gate: a verdict that is to be renewed keeps its effect until
// countsUntil, and a row that was never measured counts only once the app has hidden for too long.
func (st *Standing) effect(m v1alpha1.Measurement, by staleness, s Situation) {
	hidden := m.LastAttempt != nil && m.LastAttempt.Fault == v1alpha1.FaultApp
	until := countsUntil(m, s)
	inTime := s.Now.Before(until)
	switch {
	case st.Reason == v1alpha1.ReasonWaived:
		st.Effect = CountsWaived
	case by == fresh:
		st.Effect = map[v1alpha1.Verdict]Effect{
			v1alpha1.VerdictPass: CountsPassed, v1alpha1.VerdictNotApplicable: CountsPassed, v1alpha1.VerdictFail: CountsFailed,
		}[m.Verdict]
	case !s.launched():
		st.Effect = CountsUnknown
	case m.Verdict == v1alpha1.VerdictFail:
		st.Effect = CountsFailed
	case m.Verdict == v1alpha1.VerdictUnknown && !hidden:
		st.Effect = NotCounted
	case m.Verdict == v1alpha1.VerdictUnknown && inTime:
		st.Effect, st.Until = NotCounted, until
	case inTime:
		st.Effect, st.Until = KeepsPassed, until
	default:
		st.Effect = CountsUnknown
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
