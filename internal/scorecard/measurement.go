// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	// DefaultValidity is how long a verdict stays valid where no policy says.
	DefaultValidity = 24 * time.Hour
	// maxFingerprints is the MaxItems of a measurement's fingerprints.
	maxFingerprints = 32
)

// staleness says why a measurement does not answer for what is there now.
type staleness int

const (
	fresh staleness = iota
	neverMeasured
	otherRevision
	otherInputs
	tooOld
)

// measured gives a row's measurement after the attempts of this score.
func measured(row Row, s Situation, rollouts []v1alpha1.Rollout) v1alpha1.Measurement {
	m := previousMeasurement(s.Previous, row.Name)
	for _, o := range s.Outcomes {
		if o.Row == row.Name {
			o.Revision = named(rollouts, o.Revision)
			m = attempted(m, o.sound(), s)
		}
	}
	if m.Verdict != v1alpha1.VerdictUnknown {
		m.ValidUntil = metav1.NewTime(m.MeasuredAt.Add(validity(s, row.Name)))
	}
	m.UnmeasuredSince = metav1.NewTime(unmeasuredSince(row, m, s, rollouts))
	return m
}

func previousMeasurement(status v1alpha1.LaunchReadinessStatus, row v1alpha1.Row) v1alpha1.Measurement {
	for _, m := range status.Measurements {
		if m.Row == row {
			return *m.DeepCopy()
		}
	}
	return v1alpha1.Measurement{Row: row, Verdict: v1alpha1.VerdictUnknown}
}

// attempted takes the outcome of an attempt into a measurement. An attempt without a verdict erases none.
func attempted(m v1alpha1.Measurement, o Outcome, s Situation) v1alpha1.Measurement {
	at := metav1.NewTime(s.Now.Truncate(time.Second))
	if !o.Conclusive() {
		attempt := &v1alpha1.Attempt{At: at, Outcome: o.Verdict, Reason: o.Reason, Message: Bounded(o.Message), Fault: o.Fault}
		if last := m.LastAttempt; last != nil && last.Fault == attempt.Fault {
			// One series, whatever else is said each time: an app that hides in changing ways gains no time by it.
			attempt.At = last.At
		}
		m.LastAttempt = attempt
		return m
	}
	next := v1alpha1.Measurement{
		Row: o.Row, Verdict: o.Verdict, Reason: o.Reason, Message: Bounded(o.Message),
		MeasuredAt: at, Revision: o.Revision, InputsHash: o.InputsHash,
		Findings: ptr.To(int32(len(o.Findings))), //nolint:gosec // a count of findings is far below 2^31
		Source:   &v1alpha1.MeasurementSource{Kind: string(cmp.Or(o.Source, FromCheck))},
	}
	next.Fingerprints, next.Failing = failing(o.Findings)
	if sameVerdict(m, next) {
		next.UnmeasuredSince = m.UnmeasuredSince
		if s.Now.Before(m.MeasuredAt.Add(validity(s, o.Row) / 2)) {
			// Nothing new: the older time stands, so that an unchanged app writes nothing.
			next.MeasuredAt = m.MeasuredAt
		}
	}
	return next
}

// failing gives the fingerprints of the findings that fail the row, worst first, and how many there are.
func failing(findings []Finding) ([]string, *int32) {
	var prints []string
	for _, f := range findings {
		if f.Fails() {
			prints = append(prints, f.api.Fingerprint)
		}
	}
	n := int32(len(prints)) //nolint:gosec // a count of findings is far below 2^31
	return prints[:min(len(prints), maxFingerprints)], &n
}

func sameVerdict(a, b v1alpha1.Measurement) bool {
	return a.Verdict == b.Verdict && a.Reason == b.Reason && a.Message == b.Message &&
		a.Revision == b.Revision && a.InputsHash == b.InputsHash &&
		ptr.Equal(a.Findings, b.Findings) && ptr.Equal(a.Failing, b.Failing) && slices.Equal(a.Fingerprints, b.Fingerprints)
}

func validity(s Situation, row v1alpha1.Row) time.Duration {
	return seconds(s.demand(row).ValidForSeconds, DefaultValidity)
}

// staleBy says why a measurement does not answer for what is there now; of several reasons the weightiest.
func staleBy(row Row, m v1alpha1.Measurement, s Situation, revision string) staleness {
	switch {
	case m.Verdict == v1alpha1.VerdictUnknown:
		return neverMeasured
	case !s.Now.Before(m.ValidUntil.Time):
		return tooOld
	case m.InputsHash != s.Inputs[row.Name]:
		return otherInputs
	case row.BoundTo == BoundToRevision && revision != "" && m.Revision != revision:
		return otherRevision
	default:
		return fresh
	}
}

// unmeasuredSince is since when a newer verdict has been wanted: zero while the last one is fresh.
//
// After a rollout it is the time of the first revision that has not been measured, however many followed. A suite
// that ends on its own revision while newer ones run moves it on to the next.
func unmeasuredSince(row Row, m v1alpha1.Measurement, s Situation, rollouts []v1alpha1.Rollout) time.Time {
	if staleBy(row, m, s, current(rollouts)) == fresh {
		return time.Time{}
	}
	since := m.UnmeasuredSince.Time
	if row.BoundTo == BoundToRevision && m.Verdict != v1alpha1.VerdictUnknown {
		since = earliest(since, firstAfter(rollouts, m.Revision))
	}
	if since.IsZero() {
		// First seen now: what aged while the operator was away, or by a policy made stricter, has its time from now on.
		since = s.Now.Truncate(time.Second)
	}
	return since
}

// countsUntil is how long the last verdict of a launched app's row counts although a newer one is wanted: for the
// grace where it is our fault. The app's fault and a measurement under way have the window, from when they began, for
// what was lost before is ours; but all of that together does not last beyond the grace.
func countsUntil(m v1alpha1.Measurement, s Situation) time.Time {
	from := latest(m.UnmeasuredSince.Time, s.MeasurableSince)
	window := seconds(s.Policy.RemeasureWithinSeconds, 0)
	grace := time.Duration(0)
	if s.Policy.Gate != nil {
		grace = seconds(s.Policy.Gate.GraceSeconds, 0)
	}
	started, running := s.RunningSince[m.Row]
	switch {
	case hides(m):
		started = m.LastAttempt.At.Time
	case !running:
		return from.Add(grace)
	}
	return earliest(latest(from, started).Add(window), from.Add(max(grace, window)))
}

// hides says whether it is the app that kept the newest attempt from a verdict.
func hides(m v1alpha1.Measurement) bool {
	return m.LastAttempt != nil && m.LastAttempt.Fault == v1alpha1.FaultApp
}
