// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LaunchWaiverSpec lets one row of one app off, for a reason, by somebody, until a date.
//
// +kubebuilder:validation:XValidation:rule="self.launchReadinessRef == oldSelf.launchReadinessRef && self.row == oldSelf.row",message="launchReadinessRef and row can't change: create another LaunchWaiver"
type LaunchWaiverSpec struct {
	// launchReadinessRef names the app.
	// +required
	LaunchReadinessRef LaunchReadinessReference `json:"launchReadinessRef,omitzero"`

	// row that is let off.
	// +required
	Row Row `json:"row,omitempty"`

	// reason why, for whoever reads it in a year.
	// +required
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.trim().size() >= 10",message="say in at least 10 characters why the row is let off"
	Reason string `json:"reason,omitempty"`

	// owner is who answers for the exception: a person or a team.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.trim().size() >= 2",message="name the person or team who answers for the exception"
	Owner string `json:"owner,omitempty"`

	// expiresAt is when the exception ends by itself.
	// +required
	ExpiresAt metav1.Time `json:"expiresAt,omitzero"`

	// findings are the fingerprints of the findings that are let off, as the LaunchReport gives them, so that a new
	// finding still fails the row. Without them the whole row is let off, whatever is found.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(f, f.matches('^[0-9a-f]{16}$'))",message="findings are fingerprints of 16 hexadecimal digits: copy them from the LaunchReport"
	Findings []string `json:"findings,omitempty"`
}

// LaunchReadinessReference names a LaunchReadiness of the same namespace.
type LaunchReadinessReference struct {
	// name of the LaunchReadiness.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a LaunchReadiness: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`
}

// LaunchWaiverStatus says whether the exception is in force.
type LaunchWaiverStatus struct {
	// conditions of the waiver: Active.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that this status is about; -1 before there is one.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`
}

// LaunchWaiver is an exception with an end.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=launchwaivers,singular=launchwaiver,shortName=lw,categories=launch,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:selectablefield:JSONPath=`.spec.launchReadinessRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.row`
// +kubebuilder:printcolumn:name="Launch",type=string,JSONPath=`.spec.launchReadinessRef.name`
// +kubebuilder:printcolumn:name="Row",type=string,JSONPath=`.spec.row`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].status`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.owner`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.spec.reason`
type LaunchWaiver struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the exception.
	// +required
	Spec LaunchWaiverSpec `json:"spec,omitzero"`

	// status says whether it is in force. Until the operator has written it, its observedGeneration is -1, so that
	// tools that wait by kstatus wait.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status LaunchWaiverStatus `json:"status,omitzero"`
}

// LaunchWaiverList is a list of LaunchWaiver.
//
// +kubebuilder:object:root=true
type LaunchWaiverList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []LaunchWaiver `json:"items"`
}
