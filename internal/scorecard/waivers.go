// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"fmt"
	"slices"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// WaiverState says whether a waiver is in force, and why.
type WaiverState struct {
	Active          bool
	Reason, Message string
	// ChangesAt is when the clock alone changes it; zero where it does not.
	ChangesAt time.Time
}

// JudgeWaiver says whether a waiver is in force under what the policies allow.
func JudgeWaiver(w v1alpha1.LaunchWaiver, rules *v1alpha1.WaiverRules, now time.Time) WaiverState {
	if rules == nil {
		rules = &v1alpha1.WaiverRules{}
	}
	expires := w.Spec.ExpiresAt.Time
	longest := seconds(rules.MaxDurationSeconds, 0)
	switch {
	case rules.Mode == v1alpha1.WaiversForbidden:
		return WaiverState{Reason: v1alpha1.ReasonWaiversForbidden, Message: "The policies in force allow no waivers: mend the row instead."}
	case slices.Contains(rules.NonWaivable, w.Spec.Row):
		return WaiverState{Reason: v1alpha1.ReasonRowNotWaivable, Message: fmt.Sprintf("The policies in force do not let %s be waived: mend the row instead.", w.Spec.Row)}
	case longest > 0 && expires.Sub(w.CreationTimestamp.Time) > longest:
		latest := w.CreationTimestamp.Add(longest).UTC().Format(time.RFC3339)
		return WaiverState{Reason: v1alpha1.ReasonWaiverTooLong, Message: fmt.Sprintf("The policies in force let it run until %s at most: set spec.expiresAt to that or earlier.", latest)}
	case !now.Before(expires):
		return WaiverState{Reason: v1alpha1.ReasonExpired, Message: "It has expired and lets nothing off any more: delete it, or create another with a new reason."}
	default:
		return WaiverState{
			Active: true, Reason: v1alpha1.ReasonWaiving, ChangesAt: expires,
			Message: fmt.Sprintf("It lets %s of %s off until %s.", w.Spec.Row, w.Spec.LaunchReadinessRef.Name, expires.UTC().Format(time.RFC3339)),
		}
	}
}

// waivedBy gives the waivers in force that together let the row off as it was measured, or none.
//
// A waiver without fingerprints lets off whatever is found, and a row that can't be measured; of several the one that
// lasts longest is named. With fingerprints, all that fails the row must be among them, and the measurement must count.
func waivedBy(m v1alpha1.Measurement, s Situation, measured bool) []v1alpha1.LaunchWaiver {
	var whole, partial []v1alpha1.LaunchWaiver
	listed := map[string]bool{}
	for _, w := range s.Waivers {
		if w.Spec.Row != m.Row || !JudgeWaiver(w, s.Policy.Waivers, s.Now).Active {
			continue
		}
		if len(w.Spec.Findings) == 0 {
			whole = append(whole, w)
			continue
		}
		if slices.ContainsFunc(w.Spec.Findings, func(f string) bool { return slices.Contains(m.Fingerprints, f) }) {
			partial = append(partial, w)
		}
		for _, f := range w.Spec.Findings {
			listed[f] = true
		}
	}
	if len(whole) > 0 {
		return []v1alpha1.LaunchWaiver{slices.MaxFunc(whole, func(a, b v1alpha1.LaunchWaiver) int {
			return a.Spec.ExpiresAt.Compare(b.Spec.ExpiresAt.Time)
		})}
	}
	if !measured || m.Verdict != v1alpha1.VerdictFail || m.Failing == nil || int(*m.Failing) != len(m.Fingerprints) {
		return nil
	}
	for _, f := range m.Fingerprints {
		if !listed[f] {
			return nil
		}
	}
	return partial
}
