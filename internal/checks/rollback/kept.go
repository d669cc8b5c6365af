// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"fmt"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// historyKept looks at how many old revisions the workload keeps.
func (m *measurement) historyKept(s state) {
	m.cases++
	if s.RevisionHistoryLimit >= m.minimumHistory {
		return
	}
	d := scorecard.Draft{
		Rule: ruleHistoryTooShort, Severity: v1alpha1.SeverityMedium, Place: s.place("spec.revisionHistoryLimit"),
		Message: fmt.Sprintf("Of old revisions %d may be kept; the policies in force ask for %d, so that a bad mend of a bad release leaves one to go back to.", s.RevisionHistoryLimit, m.minimumHistory),
		Remedy:  "Remove the field (10 are kept by default), or: " + s.patch(fmt.Sprintf(`{"revisionHistoryLimit":%d}`, max(m.minimumHistory, defaultMinimumHistory))),
	}
	if s.RevisionHistoryLimit <= 0 {
		d.Rule, d.Severity = ruleHistoryDisabled, v1alpha1.SeverityHigh
		d.Message = "No old revision is kept once a rollout is through, so there is nothing to go back to."
	}
	m.add(d)
}

// previousThere looks for a revision to go back to.
func (m *measurement) previousThere(s state, h history) {
	m.cases++
	switch {
	case h.first():
		m.add(scorecard.Draft{
			Rule: ruleFirstRevision, Severity: v1alpha1.SeverityLow, Place: s.String(),
			Message: "This is the first revision: there is nothing to go back to yet.",
			Remedy:  "Nothing to mend. Until the next rollout the way back is to take the app out of service.",
		})
	case h.previous == nil:
		m.add(scorecard.Draft{
			Rule: ruleNoPreviousRevision, Severity: v1alpha1.SeverityHigh, Place: s.String(),
			Message: s.whyNone(h),
			Remedy: fmt.Sprintf("Keep old revisions (spec.revisionHistoryLimit of %d or more) and leave their %ss alone: the next rollout of a change then leaves the present revision to go back to.",
				max(m.minimumHistory, defaultMinimumHistory), h.current.kind),
		})
	default:
		m.previousIsReal(s, h)
	}
}

func (s state) whyNone(h history) string {
	switch {
	case h.unreadable > 0:
		return fmt.Sprintf("Revision %d runs, and no older one can be read as a pod template.", h.current.number)
	case h.restarts:
		return fmt.Sprintf("Revision %d runs, and the others that are kept are restarts of it: those before them are gone.", h.current.number)
	default:
		return fmt.Sprintf("Revision %d runs, and no %s of an older one is there any more.", h.current.number, h.current.kind)
	}
}

// previousIsReal tells of a previous revision that is there and less than it seems.
func (m *measurement) previousIsReal(s state, h history) {
	if h.restarts && h.previous.number < h.current.number {
		m.add(scorecard.Draft{
			Rule: ruleUndoNeedsRevision, Severity: v1alpha1.SeverityLow, Place: s.String(),
			Message: "The revision just before this one is a restart of the same: going back by one changes nothing.",
			Remedy:  "Name the revision when you go back: " + s.undo(h.previous.number),
		})
	}
	if differInAnnotations(h.previous.template, h.current.template) {
		m.add(scorecard.Draft{
			Rule: ruleOnlyAnnotationsDiffer, Severity: v1alpha1.SeverityLow, Place: s.String(),
			Message: "The revision before this one has the same containers and settings: only annotations of its pods differ. What ConfigMaps and Secrets held then does not come back with it.",
			Remedy:  "Where settings are what changed, put them into ConfigMaps and Secrets with a new name for each version (kustomize's generators do), so that a revision takes its settings with it.",
		})
	}
}

// notPaused looks whether a rollout, and so the way back, would start at all.
func (m *measurement) notPaused(s state) {
	m.cases++
	if !s.paused {
		return
	}
	m.add(scorecard.Draft{
		Rule: rulePaused, Severity: v1alpha1.SeverityMedium, Place: s.place("spec.paused"),
		Message: "Rollouts are paused: going back is refused, or does not begin.",
		Remedy:  "Resume: " + s.resume(),
	})
}
