// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Tally gathers what a suite finds out about a row.
type Tally struct {
	Row      v1alpha1.Row
	Cases    int32
	Findings []Finding
	Unknowns []Unmeasured
	Controls []string
	// NotApplicable is what the counter-check saw of an app that lacks what the row is about; empty for any other.
	NotApplicable string
	// Minimum is how many cases a Pass needs, and Advice what to describe where there are fewer.
	Minimum int32
	Advice  string
}

// Unmeasured is a part of a row that could not be measured.
type Unmeasured struct {
	Fault           v1alpha1.Fault
	Reason, Message string
}

// Unknown notes that something could not be measured.
func (t *Tally) Unknown(fault v1alpha1.Fault, reason, message string) {
	u := Unmeasured{Fault: fault, Reason: reason, Message: message}
	if !slices.Contains(t.Unknowns, u) {
		t.Unknowns = append(t.Unknowns, u)
	}
}

// Find notes a finding. It says whether it is a new one.
func (t *Tally) Find(f Finding) bool {
	if slices.ContainsFunc(t.Findings, func(had Finding) bool { return had.Rule == f.Rule && had.Place == f.Place }) {
		return false
	}
	t.Findings = append(t.Findings, f)
	return true
}

// Control notes what gives a Pass its meaning.
func (t *Tally) Control(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(t.Controls, text) {
		t.Controls = append(t.Controls, text)
	}
}

// Result gives the row's answer: a finding fails it, whatever else could not be measured.
func (t *Tally) Result() RowResult {
	result := RowResult{Row: t.Row, Cases: t.Cases, Findings: t.Findings, Control: strings.Join(t.Controls, " ")}
	switch {
	case slices.ContainsFunc(t.Findings, Finding.Fails):
		result.Verdict = v1alpha1.VerdictFail
	case len(t.Unknowns) > 0:
		u := t.Unknowns[0]
		result.Verdict, result.Fault, result.Reason, result.Message = v1alpha1.VerdictUnknown, u.Fault, u.Reason, u.Message
		if n := len(t.Unknowns) - 1; n > 0 {
			result.Message += fmt.Sprintf(" (and %d more)", n)
		}
	case t.NotApplicable != "":
		result.Verdict, result.Reason, result.Message = v1alpha1.VerdictNotApplicable, v1alpha1.ReasonNotApplicable, t.NotApplicable
	case t.Cases < t.Minimum || len(t.Controls) == 0:
		result.Verdict, result.Fault, result.Reason = v1alpha1.VerdictUnknown, v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl
		result.Message = fmt.Sprintf("Only %d cases could be tried, of at least %d: %s.", t.Cases, t.Minimum, t.Advice)
	default:
		result.Verdict, result.Reason = v1alpha1.VerdictPass, v1alpha1.ReasonPassed
	}
	return result
}
