// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

const (
	// maxBytes is how large a report's status may be as JSON. The object has to stay within 64 KiB, and names, owner
	// and managed fields take their part.
	maxBytes = 60 << 10
	// maxControlBytes is how large a control may be as JSON, so that those of all rows leave room for findings.
	maxControlBytes = 2 << 10
	// maxFindings is the MaxItems of a row's findings.
	maxFindings = 256
)

// Build gives the report that goes with a status: for each row that was measured its evidence, from the outcome where
// there is a new one, else as the report had it. Where it would not fit, the least bad findings are left out and counted.
func Build(status v1alpha1.LaunchReadinessStatus, outcomes []scorecard.Outcome, had v1alpha1.LaunchReportStatus) v1alpha1.LaunchReportStatus {
	var built v1alpha1.LaunchReportStatus
	for _, m := range status.Measurements {
		if m.Verdict == v1alpha1.VerdictUnknown {
			continue
		}
		row := evidence(m.Row, outcomes, had)
		row.Row, row.Verdict, row.Reason, row.MeasuredAt, row.Revision = m.Row, m.Verdict, m.Reason, m.MeasuredAt, m.Revision
		built.Rows = append(built.Rows, row)
	}
	built.Counts = total(built.Rows)
	fit(&built)
	return built
}

// evidence gives what is known of a row: from the newest outcome, else from the report as it was.
func evidence(name v1alpha1.Row, outcomes []scorecard.Outcome, had v1alpha1.LaunchReportStatus) v1alpha1.RowReport {
	for _, o := range slices.Backward(outcomes) {
		if o.Row != name || !o.Conclusive() {
			continue
		}
		row := v1alpha1.RowReport{Cases: ptr.To(o.Cases), Control: short(o.Control)}
		for _, f := range o.Findings {
			row.Findings = append(row.Findings, f.API())
		}
		slices.SortFunc(row.Findings, scorecard.CompareFindings)
		row.Counts = counted(row.Findings)
		return row
	}
	for _, row := range had.Rows {
		if row.Row == name {
			return *row.DeepCopy()
		}
	}
	return v1alpha1.RowReport{}
}

// short cuts a control. A character takes up to six bytes as JSON.
func short(control string) string {
	text := []rune(scorecard.Bounded(control))
	for size(string(text)) > maxControlBytes {
		text = text[:len(text)/2]
	}
	return string(text)
}

// counted gives the numbers of findings by severity.
func counted(findings []v1alpha1.Finding) *v1alpha1.SeverityCounts {
	var n v1alpha1.SeverityCounts
	for _, f := range findings {
		switch f.Severity {
		case v1alpha1.SeverityCritical:
			n.Critical++
		case v1alpha1.SeverityHigh:
			n.High++
		case v1alpha1.SeverityMedium:
			n.Medium++
		case v1alpha1.SeverityLow:
			n.Low++
		}
	}
	return &n
}

// total gives the numbers of findings of all rows.
func total(rows []v1alpha1.RowReport) *v1alpha1.SeverityCounts {
	var n v1alpha1.SeverityCounts
	for _, row := range rows {
		if c := row.Counts; c != nil {
			n.Critical += c.Critical
			n.High += c.High
			n.Medium += c.Medium
			n.Low += c.Low
		}
	}
	return &n
}

// fit leaves out the least bad findings until the report is small enough.
func fit(report *v1alpha1.LaunchReportStatus) {
	for i := range report.Rows {
		for len(report.Rows[i].Findings) > maxFindings {
			omit(&report.Rows[i])
		}
	}
	for left := size(report); left > maxBytes; {
		least := -1
		for i := range report.Rows {
			if findings := report.Rows[i].Findings; len(findings) > 0 && (least < 0 || worse(report.Rows[least].Findings, findings)) {
				least = i
			}
		}
		if least < 0 {
			return
		}
		left -= size(omit(&report.Rows[least]))
	}
}

// worse says whether the last of a is worse than the last of b. On a tie the longer list gives way.
func worse(a, b []v1alpha1.Finding) bool {
	c := scorecard.CompareSeverity(a[len(a)-1].Severity, b[len(b)-1].Severity)
	return c < 0 || (c == 0 && len(a) < len(b))
}

// omit takes the last finding away, and gives it.
func omit(row *v1alpha1.RowReport) v1alpha1.Finding {
	last := len(row.Findings) - 1
	omitted := row.Findings[last]
	row.Findings = row.Findings[:last]
	row.OmittedFindings = ptr.To(ptr.Deref(row.OmittedFindings, 0) + 1)
	return omitted
}

// size is how many bytes a part of the report takes as JSON.
func size(part any) int {
	data, err := json.Marshal(part)
	if err != nil {
		// Plain strings and numbers always encode.
		return 0
	}
	return len(data)
}
