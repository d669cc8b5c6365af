// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
)

// maxReasonBytes is the MaxLength of a measurement's reason.
const maxReasonBytes = 64

// Outcome is what one attempt to measure a row gave.
type Outcome struct {
	Row     v1alpha1.Row
	Verdict v1alpha1.Verdict
	// Reason is a CamelCase word from the documented list of the row.
	Reason string
	// Message is one or two sentences, the same for the same state of affairs: no times, no request ids.
	Message  string
	Findings []Finding
	// Fault says who is the cause of an Unknown.
	Fault v1alpha1.Fault
	// Cases is how many things were looked at.
	Cases int32
	// Control is what was seen that gives a Pass its meaning.
	Control string
	// Source is what gave the outcome; a check where it is empty.
	Source Source
	// Revision of the app that was measured, and InputsHash of what the measurement used: whoever ran it fills them in.
	Revision   string
	InputsHash string
}

// Source is what gave an outcome: the kind of a MeasurementSource.
type Source string

const (
	// FromCheck is code inside the operator.
	FromCheck Source = "Check"
	// FromProbe is a Job that uses the app.
	FromProbe Source = "Probe"
)

// Conclusive says whether the attempt gave a verdict.
func (o Outcome) Conclusive() bool {
	switch o.Verdict {
	case v1alpha1.VerdictPass, v1alpha1.VerdictFail, v1alpha1.VerdictNotApplicable:
		return true
	case v1alpha1.VerdictUnknown:
	}
	return false
}

// sound gives an outcome that the API takes: what a check made of nothing is an Unknown of ours, and spoils no other
// row by a status that can't be written.
func (o Outcome) sound() Outcome {
	if o.Reason == "" || len(o.Reason) > maxReasonBytes || (!o.Conclusive() && o.Verdict != v1alpha1.VerdictUnknown) {
		return Unmeasured(o.Row, v1alpha1.FaultOperator, v1alpha1.ReasonProbeError,
			"The measurement gave no outcome, which is a defect of LaunchReady: please report it.")
	}
	if !o.Conclusive() && o.Fault != v1alpha1.FaultApp {
		o.Fault = v1alpha1.FaultOperator
	}
	return o
}

// Judged gives the outcome of a measurement that was carried out: Fail with the reason that failing gives for the
// worst finding where one fails the row, else Pass, or Unknown without a control, for then it means nothing. Findings with the same fingerprint count once, as the worst of them.
func Judged(row v1alpha1.Row, cases int32, control string, findings []Finding, failing func(worst v1alpha1.Finding) string) Outcome {
	findings = slices.SortedFunc(slices.Values(findings), func(a, b Finding) int { return CompareFindings(a.api, b.api) })
	counts := map[string]bool{}
	findings = slices.DeleteFunc(findings, func(f Finding) bool {
		again := counts[f.api.Fingerprint]
		counts[f.api.Fingerprint] = true
		return again
	})
	o := Outcome{
		Row: row, Verdict: v1alpha1.VerdictPass, Reason: v1alpha1.ReasonPassed,
		Findings: findings, Cases: cases, Control: control,
	}
	fails := 0
	for _, f := range findings {
		if f.Fails() {
			fails++
		}
	}
	if fails == 0 && control == "" {
		return Unmeasured(row, v1alpha1.FaultOperator, v1alpha1.ReasonNoPositiveControl, "Nothing was found, but nothing shows that it would have been.")
	}
	if fails == 0 {
		o.Message = fmt.Sprintf("%s. %s", counted(int(cases), "case"), control)
		return o
	}
	worst := findings[0].api
	o.Verdict, o.Reason = v1alpha1.VerdictFail, failing(worst)
	o.Message = fmt.Sprintf("%s: %s %s", worst.Place, worst.Message, worst.Remedy)
	if fails > 1 {
		o.Message = fmt.Sprintf("%s, the first at %s", counted(fails, "finding"), o.Message)
	}
	return o
}

// Unmeasured gives the outcome of an attempt that led to no verdict.
func Unmeasured(row v1alpha1.Row, fault v1alpha1.Fault, reason, message string) Outcome {
	return Outcome{Row: row, Verdict: v1alpha1.VerdictUnknown, Fault: fault, Reason: reason, Message: message}
}

// HashInputs identifies what a measurement used: inputs are marshalled as JSON and hashed with the row's name.
func HashInputs(row v1alpha1.Row, inputs any) (string, error) {
	data, err := json.Marshal(inputs)
	if err != nil {
		return "", fmt.Errorf("hashing the inputs of %s: %w", row, err)
	}
	sum := sha256.Sum256(append([]byte(row+"\x00"), data...))
	return hex.EncodeToString(sum[:8]), nil
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
