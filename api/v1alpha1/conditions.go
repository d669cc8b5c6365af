// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The summary conditions of a LaunchReadiness. Each row adds a condition of its own name.
const (
	// ConditionReady follows kstatus: the spec is accepted and being worked on. A failing row never makes it False.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the controller works towards a spec that it has not yet dealt with.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True while a person must act before the controller can go on.
	ConditionStalled = "Stalled"
	// ConditionExposable is True while every Required row of the stage BeforeExposure passes, is waived or does not apply.
	ConditionExposable = "Exposable"
	// ConditionLaunchable is True while every Required row passes, is waived or does not apply.
	ConditionLaunchable = "Launchable"
	// ConditionActive is the condition of a LaunchWaiver: True while it lets a row off.
	ConditionActive = "Active"
)

// Reasons of Ready, Reconciling and Stalled.
const (
	// ReasonMeasuring: the spec is accepted and the rows are being measured.
	ReasonMeasuring = "Measuring"
	// ReasonIdle: nothing stands in the way (of Reconciling and Stalled that are False).
	ReasonIdle = "Idle"
	// ReasonSuspended: spec.suspend is true; nothing is measured and verdicts age.
	ReasonSuspended = "Suspended"
	// ReasonWorkloadNotFound: a declared workload does not exist (yet). Also the reason of rows that need it.
	ReasonWorkloadNotFound = "WorkloadNotFound"
	// ReasonWorkloadKindNotServed: the API server does not serve the kind of a declared workload.
	ReasonWorkloadKindNotServed = "WorkloadKindNotServed"
	// ReasonWorkloadInvalid: a declared workload can't be read as one.
	ReasonWorkloadInvalid = "WorkloadInvalid"
	// ReasonWorkloadConflict: an older LaunchReadiness has the same workload.
	ReasonWorkloadConflict = "WorkloadConflict"
	// ReasonPolicyNotFound: spec.policyRef names a LaunchPolicy that does not exist.
	ReasonPolicyNotFound = "PolicyNotFound"
	// ReasonDeleting: the resource is being deleted; nothing is measured any more.
	ReasonDeleting = "Deleting"
)

// Reasons of Exposable and Launchable.
const (
	// ReasonAllRowsPass: every Required row that counts here passes, is waived or does not apply.
	ReasonAllRowsPass = "AllRowsPass"
	// ReasonRowsFailing: at least one Required row fails.
	ReasonRowsFailing = "RowsFailing"
	// ReasonRowsUnknown: no Required row fails, but at least one has no verdict that counts.
	ReasonRowsUnknown = "RowsUnknown"
	// ReasonKeepingLastState: the app has launched, and a verdict that has aged still counts for a while.
	ReasonKeepingLastState = "KeepingLastState"
	// ReasonNothingRequired: the policies in force require no row, so nothing was proven.
	ReasonNothingRequired = "NothingRequired"
)

// Reasons of rows. A failing row carries a reason of its own kind, listed with the row in docs/rows.
const (
	// ReasonPassed: measured, and it holds.
	ReasonPassed = "Passed"
	// ReasonNotApplicable: declared absent, and the counter-check agrees.
	ReasonNotApplicable = "NotApplicable"
	// ReasonWaived: it does not hold, and a LaunchWaiver lets it off.
	ReasonWaived = "Waived"
	// ReasonOff: no policy in force asks for the row.
	ReasonOff = "Off"
	// ReasonNotSupported: this version has no code that measures the row.
	ReasonNotSupported = "NotSupported"
	// ReasonNotMeasured: it has not been measured yet.
	ReasonNotMeasured = "NotMeasured"
	// ReasonStale: the last verdict is too old, or was given on another revision or with other inputs.
	ReasonStale = "Stale"
	// ReasonTargetUnreachable: what was to be measured did not answer.
	ReasonTargetUnreachable = "TargetUnreachable"
	// ReasonNoPositiveControl: the control that would give a Pass its meaning was not seen.
	ReasonNoPositiveControl = "NoPositiveControl"
	// ReasonProbeError: the measuring code itself failed.
	ReasonProbeError = "ProbeError"
	// ReasonTimeout: the measuring code did not finish in time.
	ReasonTimeout = "Timeout"
	// ReasonTargetNotWorkload: the Service leads to something that is no pod of the app at the measured revision.
	ReasonTargetNotWorkload = "TargetNotWorkload"
	// ReasonProbeQueued: the probe waits for others to end.
	ReasonProbeQueued = "ProbeQueued"
	// ReasonNotConfigured: the spec does not say what would be needed to measure the row, or the operator lacks a permission.
	ReasonNotConfigured = "NotConfigured"
	// ReasonLowCoverage: too much of what the app itself says that it has was neither described nor asked.
	ReasonLowCoverage = "LowCoverage"
	// ReasonKnownAttackNotTried: an attack that succeeded before could not be tried again.
	ReasonKnownAttackNotTried = "KnownAttackNotTried"
)

// Reasons of a failing SecretsSafe.
const (
	// ReasonTypedSecret: a secret's value is typed into the pod template or a ConfigMap that it uses.
	ReasonTypedSecret = "TypedSecret"
	// ReasonSecretReferenceBroken: a referenced Secret or ConfigMap, or a key in it, does not exist.
	ReasonSecretReferenceBroken = "SecretReferenceBroken"
	// ReasonSecretValueUnusable: a referenced Secret's value is empty or a placeholder.
	ReasonSecretValueUnusable = "SecretValueUnusable"
)

// Reasons of a failing RollbackReady.
const (
	// ReasonRollbackImpossible: no previous revision could be started again as it was.
	ReasonRollbackImpossible = "RollbackImpossible"
	// ReasonRollbackUnsafe: a previous revision is there, but going back to it would interrupt the service or go unseen.
	ReasonRollbackUnsafe = "RollbackUnsafe"
)

// Reasons of Events of the gate.
const (
	// ReasonBreakGlass: an object carries launchready.dev/break-glass, which lets it through if whoever set it may.
	ReasonBreakGlass = "BreakGlass"
	// ReasonRemediation: a workload carries launchready.dev/remediates.
	ReasonRemediation = "Remediation"
)

// Reasons of a LaunchWaiver's condition Active.
const (
	// ReasonWaiving: the waiver is in force.
	ReasonWaiving = "Waiving"
	// ReasonExpired: spec.expiresAt has passed.
	ReasonExpired = "Expired"
	// ReasonLaunchNotFound: spec.launchReadinessRef names no LaunchReadiness of this namespace.
	ReasonLaunchNotFound = "LaunchNotFound"
	// ReasonRowNotWaivable: a policy in force names the row in waivers.nonWaivable.
	ReasonRowNotWaivable = "RowNotWaivable"
	// ReasonWaiversForbidden: a policy in force has waivers.mode Forbidden.
	ReasonWaiversForbidden = "WaiversForbidden"
	// ReasonWaiverTooLong: the waiver runs longer than waivers.maxDurationSeconds of a policy in force.
	ReasonWaiverTooLong = "TooLong"
)

// Reasons of a LaunchPolicy's condition Ready.
const (
	// ReasonBinding: at least one LaunchReadiness is bound by the policy.
	ReasonBinding = "Binding"
	// ReasonBindsNothing: no LaunchReadiness is bound by the policy.
	ReasonBindsNothing = "BindsNothing"
)

// LaunchedAtAnnotation keeps on a LaunchReadiness the time (RFC 3339) at which it was Launchable for the first time,
// so that a lost status neither locks nor un-launches the app. Behind a comma stands the operator's signature: a value
// that it did not write for this app counts for nothing.
const LaunchedAtAnnotation = "launchready.dev/launched-at"
