// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "slices"

const (
	// GatedLabel is the label of a Namespace whose writes the gate looks at. The operator sets it, with the gate's state.
	GatedLabel = "launchready.dev/gated"
	// GatedTrue is the value of GatedLabel and of AuditedLabel.
	GatedTrue = "true"
	// AuditedLabel is the label of a gated Namespace that holds a launch which is new or in mode Audit: its writes are also
	// looked at for warnings. The operator sets it.
	AuditedLabel = "launchready.dev/audited"
	// GateLabel is the label by which a Namespace demands that whatever is exposed in it is declared by a LaunchReadiness.
	GateLabel = "launchready.dev/gate"
	// GateRequired is the value of GateLabel.
	GateRequired = "required"

	// RemediatesAnnotation on a workload names the failing rows that this rollout mends, and what it is:
	// "TenantIsolated,RateLimited;image=<an image that is new>" or "...;generation=<the new metadata.generation>". It needs the
	// verb remediate on the LaunchReadiness, and counts only in the request that adds or changes it.
	RemediatesAnnotation = "launchready.dev/remediates"
	// BreakGlassAnnotation on an object that the gate holds gives the reason why it must pass all the same. It needs the
	// verb bypass on the LaunchReadiness, and counts only in the request that adds or changes it.
	BreakGlassAnnotation = "launchready.dev/break-glass"
)

// GateMode says what the gate does with what it would refuse.
//
// +kubebuilder:validation:Enum=Off;Audit;Enforce
type GateMode string

const (
	// GateOff holds nothing and says nothing.
	GateOff GateMode = "Off"
	// GateAudit lets everything pass, with a warning and an audit annotation where it would refuse.
	GateAudit GateMode = "Audit"
	// GateEnforce refuses.
	GateEnforce GateMode = "Enforce"
)

// StricterMode gives the stricter of two modes; none at all is the least.
func StricterMode(a, b GateMode) GateMode {
	strictness := []GateMode{GateOff, GateAudit, GateEnforce}
	if slices.Index(strictness, b) > slices.Index(strictness, a) {
		return b
	}
	return a
}

// LaunchRequirement says what needs a launch.
//
// +kubebuilder:validation:Enum=None;ForExposure
type LaunchRequirement string

const (
	// RequireNone demands no launch.
	RequireNone LaunchRequirement = "None"
	// RequireForExposure demands a launch for whatever is exposed.
	RequireForExposure LaunchRequirement = "ForExposure"
)

// RolloutMode says which rollouts of a launched app are let through while no required row fails.
//
// +kubebuilder:validation:Enum=WhileLaunchable;VerifiedOnly
type RolloutMode string

const (
	// RolloutsWhileLaunchable lets any rollout through; it is measured at once.
	RolloutsWhileLaunchable RolloutMode = "WhileLaunchable"
	// RolloutsVerifiedOnly lets through only images that were verified.
	RolloutsVerifiedOnly RolloutMode = "VerifiedOnly"
)

// Adoption says how an app is taken on that strangers may reach already.
//
// +kubebuilder:validation:Enum=Unverified;Live
type Adoption string

const (
	// AdoptUnverified leaves what exposes the app as it is, and holds what would expose more of it.
	AdoptUnverified Adoption = "Unverified"
	// AdoptLive also takes what is exposed already as exposed before, so that it may be moved and made anew.
	AdoptLive Adoption = "Live"
)
