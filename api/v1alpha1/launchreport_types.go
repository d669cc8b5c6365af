// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Finding is one concrete thing that is wrong. It never holds a secret's value, its length or a part of it, and text
// that others wrote stands in it quoted and harmless.
type Finding struct {
	// fingerprint identifies the finding over measurements: 16 hexadecimal digits of a keyed hash.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`

	// severity says how bad it is.
	// +required
	Severity Severity `json:"severity,omitempty"`

	// rule is the kind of finding, a CamelCase word.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Rule string `json:"rule,omitempty"`

	// place is where it is: an object and, where that says more, a field in it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Place string `json:"place,omitempty"`

	// message says what is wrong.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// remedy says how to mend it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Remedy string `json:"remedy,omitempty"`

	// reproduce is a command that shows it, with variables in the place of credentials and identifiers.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reproduce string `json:"reproduce,omitempty"`
}

// RowReport is the evidence for one row.
type RowReport struct {
	// row that the evidence is for.
	// +required
	Row Row `json:"row,omitempty"`

	// verdict that the evidence led to.
	// +required
	Verdict Verdict `json:"verdict,omitempty"`

	// reason of the verdict.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// measuredAt is when the verdict was given.
	// +optional
	MeasuredAt metav1.Time `json:"measuredAt,omitzero"`

	// revision of the app that was measured.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`

	// cases is how many things were looked at.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Cases *int32 `json:"cases,omitempty"`

	// control is what was seen that gives a Pass its meaning.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Control string `json:"control,omitempty"`

	// counts are the numbers of findings of this row, those that were left out included.
	// +optional
	Counts *SeverityCounts `json:"counts,omitempty"`

	// findings of the row, worst first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Findings []Finding `json:"findings,omitempty"`

	// omittedFindings is how many more there are than the report has room for.
	// +optional
	// +kubebuilder:validation:Minimum=1
	OmittedFindings *int32 `json:"omittedFindings,omitempty"`
}

// SeverityCounts are numbers of findings.
type SeverityCounts struct {
	// critical is the number of Critical findings.
	// +required
	// +kubebuilder:validation:Minimum=0
	Critical int32 `json:"critical"`

	// high is the number of High findings.
	// +required
	// +kubebuilder:validation:Minimum=0
	High int32 `json:"high"`

	// medium is the number of Medium findings.
	// +required
	// +kubebuilder:validation:Minimum=0
	Medium int32 `json:"medium"`

	// low is the number of Low findings.
	// +required
	// +kubebuilder:validation:Minimum=0
	Low int32 `json:"low"`
}

// LaunchReportStatus is the evidence for every row that was measured.
type LaunchReportStatus struct {
	// counts are the numbers of findings of all rows, those that were left out included.
	// +optional
	Counts *SeverityCounts `json:"counts,omitempty"`

	// rows are the evidence, row by row, in the order of the scorecard.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Rows []RowReport `json:"rows,omitempty"`
}

// LaunchReport is the evidence for the verdicts on one app: every finding with its remedy. It is written by the
// operator alone, has the name of its LaunchReadiness and goes with it, and takes at most 64 KiB.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=launchreports,singular=launchreport,shortName=lrep,categories=launch,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Critical",type=integer,JSONPath=`.status.counts.critical`
// +kubebuilder:printcolumn:name="High",type=integer,JSONPath=`.status.counts.high`
// +kubebuilder:printcolumn:name="Medium",type=integer,JSONPath=`.status.counts.medium`
// +kubebuilder:printcolumn:name="Low",type=integer,JSONPath=`.status.counts.low`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LaunchReport struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// status is the evidence.
	// +optional
	Status LaunchReportStatus `json:"status,omitzero"`
}

// LaunchReportList is a list of LaunchReport.
//
// +kubebuilder:object:root=true
type LaunchReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []LaunchReport `json:"items"`
}
