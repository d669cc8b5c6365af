// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/scorecard"
)

func TestWhatHasSucceededStaysKnown(t *testing.T) {
	const row = v1alpha1.RowTenantIsolated
	at := func(minute int) metav1.Time {
		return metav1.NewTime(time.Date(2026, 11, 24, 12, minute, 0, 0, time.UTC))
	}
	failed := func(severity v1alpha1.Severity, places ...string) []scorecard.Outcome {
		o := scorecard.Outcome{Row: row, Verdict: v1alpha1.VerdictFail}
		for _, place := range places {
			o.Findings = append(o.Findings, scorecard.NewFinding([]byte("key"), scorecard.Draft{Rule: "ForeignObjectReadable", Severity: severity, Place: place, Message: "m", Remedy: "r"}))
		}
		return []scorecard.Outcome{o}
	}
	known := withFailures(nil, failed(v1alpha1.SeverityHigh, "GET /a/$(id) as bob", "GET /a/$(id) as carol, spelled otherwise", "no request"), at(1))
	known = withFailures(known, failed(v1alpha1.SeverityLow, "GET /low as bob"), at(2))
	passed := failed(v1alpha1.SeverityHigh, "GET /passed as bob")
	passed[0].Verdict = v1alpha1.VerdictPass
	known = withFailures(known, passed, at(2))
	known = withFailures(known, failed(v1alpha1.SeverityHigh, "GET /b as nobody"), at(3))
	known = withFailures(known, failed(v1alpha1.SeverityHigh, "GET /a/$(id) as dora"), at(4))
	want := []v1alpha1.KnownAttack{
		{Row: row, Rule: "ForeignObjectReadable", Request: "GET /a/$(id)", Failures: 2, LastFailedAt: at(4)},
		{Row: row, Rule: "ForeignObjectReadable", Request: "GET /b", Failures: 1, LastFailedAt: at(3)},
	}
	if diff := cmp.Diff(want, known); diff != "" {
		t.Error(diff)
	}
	var many []string
	for i := range maxKnownAttacks {
		many = append(many, fmt.Sprintf("GET /%d as bob", i))
	}
	known = withFailures(known, failed(v1alpha1.SeverityHigh, many...), at(5))
	if len(known) != maxKnownAttacks || slices.ContainsFunc(known, func(k v1alpha1.KnownAttack) bool { return k.Request == "GET /b" }) {
		t.Errorf("of too many, the oldest stays: %d", len(known))
	}
}

func TestNextRunIsToldWhatHasSucceeded(t *testing.T) {
	p := newProbed(t)
	p.pass()
	if known := specOf(t, p.job()).Known; len(known) != 0 {
		t.Errorf("the first run knows %v", known)
	}
	p.finish(p.job(), leaking)
	p.pass()
	p.staysStill()
	p.newRevision()
	p.pass()
	want := []probe.KnownAttack{{Row: v1alpha1.RowTenantIsolated, Rule: "CrossTenantRead", Request: "GET /api/conversations/$(id)"}}
	if diff := cmp.Diff(want, specOf(t, p.job()).Known); diff != "" {
		t.Errorf("the second run knows (-want +got):\n%s", diff)
	}
	p.finish(p.job())
	lr := p.pass()
	p.expect(lr, "TenantIsolated", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	if got := lr.Status.KnownAttacks; len(got) != 1 || got[0].Failures != 1 {
		t.Errorf("after a pass the status knows %+v", got)
	}
}
