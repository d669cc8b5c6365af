// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

var at = metav1.NewTime(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))

func finding(severity v1alpha1.Severity, place, text string) scorecard.Finding {
	return scorecard.NewFinding([]byte("k"), scorecard.Draft{Rule: strings.Repeat("R", 64), Severity: severity, Place: place, Message: text, Remedy: text})
}

// status has a verdict on each of the rows.
func status(rows ...v1alpha1.Row) v1alpha1.LaunchReadinessStatus {
	var s v1alpha1.LaunchReadinessStatus
	for _, row := range rows {
		s.Measurements = append(s.Measurements, v1alpha1.Measurement{
			Row: row, Verdict: v1alpha1.VerdictFail, Reason: strings.Repeat("R", 64), MeasuredAt: at, Revision: strings.Repeat("f", 64),
		})
	}
	return s
}

func outcome(row v1alpha1.Row, findings ...scorecard.Finding) scorecard.Outcome {
	return scorecard.Outcome{Row: row, Verdict: v1alpha1.VerdictFail, Reason: "R", Message: "m", Findings: findings, Cases: 7, Control: "The control was seen."}
}

func allRows() (rows []v1alpha1.Row) {
	for _, row := range scorecard.Rows() {
		rows = append(rows, row.Name)
	}
	return rows
}

// severe gives n findings of each severity, the least bad first.
func severe(n int, text string) (findings []scorecard.Finding) {
	for _, s := range []v1alpha1.Severity{v1alpha1.SeverityLow, v1alpha1.SeverityMedium, v1alpha1.SeverityHigh, v1alpha1.SeverityCritical} {
		for i := range n {
			findings = append(findings, finding(s, fmt.Sprintf("place %05d", i), text))
		}
	}
	return findings
}

// object is the largest object that holds a report.
func object(status v1alpha1.LaunchReportStatus) v1alpha1.LaunchReport {
	fields := `{"f:status":{"f:counts":{"f:critical":{},"f:high":{},"f:low":{},"f:medium":{}},"f:rows":{}}}`
	return v1alpha1.LaunchReport{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "LaunchReport"},
		ObjectMeta: metav1.ObjectMeta{
			Name: strings.Repeat("n", 253), Namespace: strings.Repeat("n", 63), UID: "00000000-0000-0000-0000-000000000000", ResourceVersion: "18446744073709551615", CreationTimestamp: at, Generation: 1,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "LaunchReadiness", Name: strings.Repeat("n", 253), UID: "00000000-0000-0000-0000-000000000000"}},
			ManagedFields: slices.Repeat([]metav1.ManagedFieldsEntry{{
				Manager: "launchready-manager", Operation: "Apply", APIVersion: v1alpha1.GroupVersion.String(), Time: &at, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields), Subresource: "status",
			}}, 2),
		},
		Status: status,
	}
}

func TestAReportStaysWithin64KiB(t *testing.T) {
	for name, text := range map[string]string{
		"plain":                 strings.Repeat("x", 1024),
		"six bytes a character": strings.Repeat("<", 1024),
		"short":                 "x",
		"many bytes":            strings.Repeat("日", 400),
	} {
		t.Run(name, func(t *testing.T) {
			var outcomes []scorecard.Outcome
			findings := severe(100, text)
			for _, row := range allRows() {
				o := outcome(row, findings...)
				o.Control, o.Cases = text, 1<<31-1
				outcomes = append(outcomes, o)
			}
			built := Build(status(allRows()...), outcomes, v1alpha1.LaunchReportStatus{})
			data, err := json.Marshal(object(built))
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > 64<<10 {
				t.Errorf("the object takes %d bytes", len(data))
			}
			checkCounts(t, built, 100)
			shown := 0
			for _, row := range built.Rows {
				shown += len(row.Findings)
				if len(row.Findings) > 256 {
					t.Errorf("%s shows %d findings", row.Row, len(row.Findings))
				}
			}
			if shown == 0 || name == "short" && shown < 100 {
				t.Errorf("%d findings are shown", shown)
			}
			if diff := cmp.Diff(built, Build(status(allRows()...), outcomes, built)); diff != "" {
				t.Errorf("the same again gives another report:\n%s", diff)
			}
			if diff := cmp.Diff(built, Build(status(allRows()...), nil, built)); diff != "" {
				t.Errorf("nothing new gives another report:\n%s", diff)
			}
		})
	}
}

// checkCounts checks that every finding is counted, that what is shown is the worst, and that the rest is counted.
func checkCounts(t *testing.T, built v1alpha1.LaunchReportStatus, each int32) {
	t.Helper()
	n := int32(len(built.Rows)) * each
	if want := (v1alpha1.SeverityCounts{Critical: n, High: n, Medium: n, Low: n}); *built.Counts != want {
		t.Errorf("counts %+v, want %+v", *built.Counts, want)
	}
	worstOmitted := v1alpha1.SeverityLow
	for _, row := range built.Rows {
		if want := (v1alpha1.SeverityCounts{Critical: each, High: each, Medium: each, Low: each}); *row.Counts != want {
			t.Errorf("%s counts %+v", row.Row, *row.Counts)
		}
		if !slices.IsSortedFunc(row.Findings, scorecard.CompareFindings) {
			t.Errorf("findings of %s are not in order", row.Row)
		}
		if got := int32(len(row.Findings)) + *row.OmittedFindings; got != 4*each {
			t.Errorf("%s shows and omits %d findings, want %d", row.Row, got, 4*each)
		}
		if s := v1alpha1.SeverityCritical; int32(len(row.Findings)) < each && scorecard.CompareSeverity(s, worstOmitted) < 0 {
			worstOmitted = s
		}
	}
	for _, row := range built.Rows {
		for _, f := range row.Findings {
			if scorecard.CompareSeverity(f.Severity, worstOmitted) > 0 {
				t.Fatalf("%s shows a %s finding while a %s one of another row is omitted", row.Row, f.Severity, worstOmitted)
			}
		}
	}
}

func TestTheLeastBadOfAllRowsGoesFirst(t *testing.T) {
	text := strings.Repeat("x", 1000)
	var bad []scorecard.Finding
	for i := range 20 {
		bad = append(bad, finding(v1alpha1.SeverityCritical, fmt.Sprint(i), text))
	}
	var mild []scorecard.Finding
	for i := range 20 {
		mild = append(mild, finding(v1alpha1.SeverityLow, fmt.Sprint(i), text))
	}
	built := Build(status("SecretsSafe", "RollbackReady"), []scorecard.Outcome{outcome("SecretsSafe", mild...), outcome("RollbackReady", bad...)}, v1alpha1.LaunchReportStatus{})
	if got := len(built.Rows[1].Findings); got != 20 || built.Rows[1].OmittedFindings != nil {
		t.Errorf("%d of 20 Critical findings are shown", got)
	}
	if got := len(built.Rows[0].Findings); got == 0 || got > 10 || *built.Rows[0].OmittedFindings != int32(20-got) {
		t.Errorf("%d Low findings are shown", got)
	}
}

func TestEvidence(t *testing.T) {
	high, low := finding(v1alpha1.SeverityHigh, "h", "m"), finding(v1alpha1.SeverityLow, "l", "m")
	first := Build(status("SecretsSafe", "RollbackReady"), []scorecard.Outcome{outcome("RollbackReady", low), outcome("SecretsSafe", low, high)}, v1alpha1.LaunchReportStatus{})
	secrets := first.Rows[0]
	if secrets.Row != "SecretsSafe" || secrets.Verdict != v1alpha1.VerdictFail || *secrets.Cases != 7 || secrets.Control != "The control was seen." || !secrets.MeasuredAt.Equal(&at) || len(secrets.Findings) != 2 {
		t.Errorf("got %+v", secrets)
	}
	if want := (v1alpha1.SeverityCounts{High: 1, Low: 2}); *first.Counts != want {
		t.Errorf("counts: %+v", *first.Counts)
	}
	unknown := scorecard.Unmeasured("SecretsSafe", v1alpha1.FaultApp, "Timeout", "m")
	for name, test := range map[string]struct {
		status   v1alpha1.LaunchReadinessStatus
		outcomes []scorecard.Outcome
		want     []v1alpha1.RowReport
	}{
		"a row not measured this time keeps its evidence":   {status("SecretsSafe", "RollbackReady"), []scorecard.Outcome{outcome("RollbackReady", low)}, first.Rows},
		"an attempt without verdict leaves the evidence":    {status("SecretsSafe", "RollbackReady"), []scorecard.Outcome{unknown}, first.Rows},
		"the newest of two outcomes counts":                 {status("SecretsSafe", "RollbackReady"), []scorecard.Outcome{outcome("SecretsSafe"), outcome("SecretsSafe", low, high)}, first.Rows},
		"a row that nobody asks for any more goes":          {status("RollbackReady"), nil, first.Rows[1:]},
		"a row that was never measured has no evidence yet": {v1alpha1.LaunchReadinessStatus{Measurements: []v1alpha1.Measurement{{Row: "SecretsSafe", Verdict: v1alpha1.VerdictUnknown}}}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Build(test.status, test.outcomes, first).Rows); diff != "" {
				t.Error(diff)
			}
		})
	}
	mended := Build(status("SecretsSafe", "RollbackReady"), []scorecard.Outcome{outcome("SecretsSafe")}, first)
	if want := (v1alpha1.SeverityCounts{Low: 1}); len(mended.Rows[0].Findings) != 0 || *mended.Counts != want {
		t.Errorf("after mending: %+v", mended)
	}
	if len(first.Rows[0].Findings) != 2 {
		t.Error("the earlier report was changed")
	}
}

func BenchmarkBuild(b *testing.B) {
	var outcomes []scorecard.Outcome
	for _, row := range allRows() {
		outcomes = append(outcomes, outcome(row, severe(64, strings.Repeat("x", 200))...))
	}
	s := status(allRows()...)
	b.ReportAllocs()
	for b.Loop() {
		Build(s, outcomes, v1alpha1.LaunchReportStatus{})
	}
}
