// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

// Reasons why a probe has no result (yet). Those of the API that also come up here are Timeout (it was late) and ProbeError
// (it failed by itself).
const (
	// ReasonProbePending: the probe has not started yet, and nothing is known to stand in its way.
	ReasonProbePending = "ProbePending"
	// ReasonProbeRunning: the probe runs.
	ReasonProbeRunning = "ProbeRunning"
	// ReasonProbeSuspended: something has suspended the Job, such as a queue.
	ReasonProbeSuspended = "ProbeSuspended"
	// ReasonProbeUnschedulable: no node takes the pod.
	ReasonProbeUnschedulable = "ProbeUnschedulable"
	// ReasonProbeImagePull: the image can't be pulled.
	ReasonProbeImagePull = "ProbeImagePull"
	// ReasonProbeQuotaExceeded: the namespace's quota has no room for the pod.
	ReasonProbeQuotaExceeded = "ProbeQuotaExceeded"
	// ReasonProbePodRefused: Pod Security, a limit range or an admission policy refuses the pod.
	ReasonProbePodRefused = "ProbePodRefused"
	// ReasonProbeSecretMissing: the Secret of an identity does not exist.
	ReasonProbeSecretMissing = "ProbeSecretMissing"
	// ReasonProbeNotStarted: the node could not start the container.
	ReasonProbeNotStarted = "ProbeNotStarted"
	// ReasonProbeKilled: a signal ended the probe.
	ReasonProbeKilled = "ProbeKilled"
	// ReasonProbeOutOfMemory: the probe needed more memory than its limit.
	ReasonProbeOutOfMemory = "ProbeOutOfMemory"
	// ReasonProbeEvicted: the pod was evicted or preempted.
	ReasonProbeEvicted = "ProbeEvicted"
	// ReasonProbeNodeLost: the node of the pod is gone or does not answer.
	ReasonProbeNodeLost = "ProbeNodeLost"
	// ReasonProbeDeleted: the Job or its pod was deleted before its result was read.
	ReasonProbeDeleted = "ProbeDeleted"
	// ReasonProbeSilent: the probe ended without a result.
	ReasonProbeSilent = "ProbeSilent"
	// ReasonProbeGarbled: what the probe left is no result.
	ReasonProbeGarbled = "ProbeGarbled"
	// ReasonProbeReplayed: the result is another Job's.
	ReasonProbeReplayed = "ProbeReplayed"
	// ReasonProbeForged: the Job or the pod is not one that the operator had made.
	ReasonProbeForged = "ProbeForged"
	// ReasonProbeBudgetSpent: probes have asked of the app what the policies allow a day.
	ReasonProbeBudgetSpent = "ProbeBudgetSpent"
	// ReasonProbeBudgetTooSmall: one run needs more than the policies allow a day.
	ReasonProbeBudgetTooSmall = "ProbeBudgetTooSmall"
	// ReasonProbeAttacksChanged: the ConfigMaps with a team's own attacks were changed after the run was planned.
	ReasonProbeAttacksChanged = "ProbeAttacksChanged"
	// ReasonProviderRefused: the provider of the app's model refused an attack by its policy, and the suite stopped.
	ReasonProviderRefused = "ProviderRefused"
	// ReasonProbeAltered: something changed the pod on its way, such as a webhook that injects a sidecar.
	ReasonProbeAltered = "ProbeAltered"
)
