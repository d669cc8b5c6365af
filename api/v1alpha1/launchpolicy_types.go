// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LaunchPolicySpec is what an organisation demands of the apps in some namespaces.
//
// +kubebuilder:validation:XValidation:rule="has(self.base) || has(self.rows) || has(self.thresholds) || has(self.waivers) || has(self.gate) || has(self.probes) || has(self.edge) || has(self.remeasureWithinSeconds)",message="the policy demands nothing: set base to a built-in policy such as marketplace-2026-11, or list rows"
// +kubebuilder:validation:XValidation:rule="!has(self.gate) || !has(self.gate.requireLaunch) || self.gate.requireLaunch != 'ForExposure' || has(self.namespaceSelector)",message="gate.requireLaunch ForExposure is about namespaces: say which in spec.namespaceSelector ({} selects all)"
// +kubebuilder:validation:XValidation:rule="!has(self.edge) || !has(self.edge.credentials) || has(self.namespaceSelector)",message="edge.credentials are for namespaces: say which in spec.namespaceSelector ({} selects all); an app that names the policy in spec.policyRef gets none"
type LaunchPolicySpec struct {
	// namespaceSelector selects the namespaces whose apps the policy binds: {} selects all of them. Where it is
	// absent, the policy binds only the apps that name it in spec.policyRef.
	// +optional
	NamespaceSelector *NamespaceSelector `json:"namespaceSelector,omitempty"`

	// base is a built-in policy that this one starts from; what is said here replaces what the base says.
	// +optional
	// +kubebuilder:validation:Enum=marketplace-2026-11;starter-2026-11
	Base string `json:"base,omitempty"`

	// rows are the demands, row by row. A row that is not listed is as the base says, or Off without a base.
	// +optional
	// +listType=map
	// +listMapKey=row
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Rows []RowDemand `json:"rows,omitempty"`

	// thresholds are the numbers that rows are judged by.
	// +optional
	Thresholds *Thresholds `json:"thresholds,omitempty"`

	// waivers says which exceptions may be made.
	// +optional
	Waivers *WaiverRules `json:"waivers,omitempty"`

	// gate says how the gate behaves when verdicts are missing.
	// +optional
	Gate *GateRules `json:"gate,omitempty"`

	// probes says how probes run, and how much they may ask of an app.
	// +optional
	Probes *ProbeRules `json:"probes,omitempty"`

	// edge says which zones are managed, by which token and for whom. A policy that says nothing else demands nothing: where no other
	// selects the namespace, the built-in one binds beside it.
	// +optional
	Edge *EdgeRules `json:"edge,omitempty"`

	// remeasureWithinSeconds is how long after a rollout of a launched app its rows may stay unmeasured through the
	// app's fault, or with a measurement under way, before they stop counting as passed. 900 unless a policy says otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	RemeasureWithinSeconds *int32 `json:"remeasureWithinSeconds,omitempty"`
}

// NamespaceSelector selects namespaces by their labels, in the form of metav1.LabelSelector, which can't stand here
// itself: it bounds nothing, so that no rule on it fits the API server's budget. All parts of it must hold; {} selects
// every namespace.
//
// +structType=atomic
type NamespaceSelector struct {
	// matchLabels are labels that a namespace must have.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() <= 317 && !format.qualifiedName().validate(k).hasValue())",message="each key must be a label key such as tier or example.com/tier: at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit, after an optional DNS name and '/'"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`

	// matchExpressions are demands on labels that a namespace must meet.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []LabelRequirement `json:"matchExpressions,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="!format.labelValue().validate(self).hasValue()",message="must be a label's value: at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit"
type LabelValue string

// LabelRequirement is a demand on one label.
//
// +kubebuilder:validation:XValidation:rule="self.operator in ['In', 'NotIn'] ? has(self.values) : !has(self.values)",message="operators In and NotIn need values; Exists and DoesNotExist take none: remove values"
type LabelRequirement struct {
	// key of the label.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="!format.qualifiedName().validate(self).hasValue()",message="must be a label key such as tier or example.com/tier: at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit, after an optional DNS name and '/'"
	Key string `json:"key,omitempty"`

	// operator says how the label's value relates to values: In, NotIn, Exists or DoesNotExist.
	// +required
	// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
	Operator metav1.LabelSelectorOperator `json:"operator,omitempty"`

	// values that In and NotIn compare with.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Values []LabelValue `json:"values,omitempty"`
}

// LabelSelector is the selector in the form that Kubernetes' libraries take.
func (s *NamespaceSelector) LabelSelector() *metav1.LabelSelector {
	if s == nil {
		return nil
	}
	var selector metav1.LabelSelector
	if len(s.MatchLabels) > 0 {
		selector.MatchLabels = make(map[string]string, len(s.MatchLabels))
	}
	for key, value := range s.MatchLabels {
		selector.MatchLabels[key] = string(value)
	}
	for _, r := range s.MatchExpressions {
		requirement := metav1.LabelSelectorRequirement{Key: r.Key, Operator: r.Operator}
		for _, value := range r.Values {
			requirement.Values = append(requirement.Values, string(value))
		}
		selector.MatchExpressions = append(selector.MatchExpressions, requirement)
	}
	return &selector
}

// Enforcement says how much a row counts.
//
// +kubebuilder:validation:Enum=Required;Advisory;Off
type Enforcement string

const (
	// EnforcementRequired rows must pass before the app is Launchable.
	EnforcementRequired Enforcement = "Required"
	// EnforcementAdvisory rows are measured and reported, and hold nothing back.
	EnforcementAdvisory Enforcement = "Advisory"
	// EnforcementOff rows are not measured.
	EnforcementOff Enforcement = "Off"
)

// RowDemand is what a policy demands of one row.
//
// +kubebuilder:validation:XValidation:rule="!has(self.requiredFrom) || self.enforcement == 'Required'",message="requiredFrom goes with enforcement Required: until then the row is Advisory"
type RowDemand struct {
	// row that the demand is about.
	// +required
	Row Row `json:"row,omitempty"`

	// enforcement says how much the row counts: Required, Advisory or Off.
	// +required
	Enforcement Enforcement `json:"enforcement,omitempty"`

	// requiredFrom is when a Required row begins to count; until then it is Advisory.
	// +optional
	RequiredFrom metav1.Time `json:"requiredFrom,omitzero"`

	// validForSeconds is how long a verdict stays valid. 86400 unless a policy says otherwise; the shortest wins.
	// +optional
	// +kubebuilder:validation:Minimum=300
	// +kubebuilder:validation:Maximum=2592000
	ValidForSeconds *int32 `json:"validForSeconds,omitempty"`
}

// Thresholds are the numbers that rows are judged by. Of several policies, the strictest number wins.
//
// +kubebuilder:validation:MinProperties=1
type Thresholds struct {
	// minimumRevisionHistory is how many old revisions a workload must keep for RollbackReady
	// (spec.revisionHistoryLimit). 2 unless a policy says otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MinimumRevisionHistory *int32 `json:"minimumRevisionHistory,omitempty"`

	// maxUndescribedPercent is how much of the operations that an app's OpenAPI document lists, and its pages and scripts name, may be
	// neither described nor asked before AuthEnforced and TenantIsolated are Unknown, LowCoverage. 20 unless a policy says otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MaxUndescribedPercent *int32 `json:"maxUndescribedPercent,omitempty"`
}

// WaiverMode says whether exceptions may be made.
//
// +kubebuilder:validation:Enum=Allowed;Forbidden
type WaiverMode string

const (
	// WaiversAllowed lets whoever may create LaunchWaivers let rows off.
	WaiversAllowed WaiverMode = "Allowed"
	// WaiversForbidden lets nobody.
	WaiversForbidden WaiverMode = "Forbidden"
)

// WaiverRules say which exceptions may be made. Of several policies, the strictest rule wins.
//
// +kubebuilder:validation:MinProperties=1
type WaiverRules struct {
	// mode says whether exceptions may be made at all. Allowed unless a policy says otherwise.
	// +optional
	Mode WaiverMode `json:"mode,omitempty"`

	// maxDurationSeconds is the longest time from a waiver's creation to its expiresAt. 2592000 (30 days) unless a
	// policy says otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=3600
	// +kubebuilder:validation:Maximum=31536000
	MaxDurationSeconds *int32 `json:"maxDurationSeconds,omitempty"`

	// nonWaivable rows can't be let off.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	NonWaivable []Row `json:"nonWaivable,omitempty"`
}

// GateRules say how the gate behaves when verdicts are missing. Of several policies, the strictest rule wins.
//
// +kubebuilder:validation:MinProperties=1
type GateRules struct {
	// graceSeconds is how long a launched app keeps its last state when rows can't be measured through no fault of
	// its own. 86400 unless a policy says otherwise; the shortest wins.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=604800
	GraceSeconds *int32 `json:"graceSeconds,omitempty"`

	// minimumMode is the least that the gate of an app may do, whatever its spec.gate.mode says. Off unless a policy says
	// otherwise.
	// +optional
	MinimumMode GateMode `json:"minimumMode,omitempty"`

	// requireLaunch says what needs a launch in the namespaces that namespaceSelector selects: ForExposure refuses Ingresses,
	// routes and public Services that lead to a Service which no LaunchReadiness declares, by the label
	// launchready.dev/gate=required, which the operator sets and takes back. None unless a policy says otherwise.
	// +optional
	RequireLaunch LaunchRequirement `json:"requireLaunch,omitempty"`

	// breakGlass says who may not break the glass although they hold the verb bypass.
	// +optional
	BreakGlass *BreakGlassRules `json:"breakGlass,omitempty"`
}

// BreakGlassRules say who may not break the glass although they hold the verb bypass: deployers that hold every verb,
// such as a GitOps controller that is cluster-admin. The lists of all policies in force count together.
//
// +kubebuilder:validation:MinProperties=1
type BreakGlassRules struct {
	// excludedUsers are user names, such as system:serviceaccount:argocd:argocd-application-controller.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	ExcludedUsers []Subject `json:"excludedUsers,omitempty"`

	// excludedGroups are groups of users, such as system:serviceaccounts:flux-system.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	ExcludedGroups []Subject `json:"excludedGroups,omitempty"`
}

// Subject is the name of a user or a group, as the API server knows it.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[^,;]+$')",message="must be a user or a group without ',' and ';'"
type Subject string

// ProbeRules say how probes run, and how much they may ask of an app. Of several policies, the smallest number wins; of image,
// imagePullSecrets and mesh, what the first by name says of those that select the namespace, and after them that of policyRef.
//
// +kubebuilder:validation:MinProperties=1
type ProbeRules struct {
	// image of the probes' Jobs by its digest, such as registry.example.com/launchready@sha256:0f3e… (64 digits): a mirror of the
	// operator's own, of the same version. The operator's own unless a policy says otherwise.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$')",message="must be an image with its digest, such as registry.example.com/launchready@sha256: and 64 hexadecimal digits: a tag may become another image"
	Image string `json:"image,omitempty"`

	// imagePullSecrets are names of Secrets to pull the image with. They are in the namespace of each app.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	ImagePullSecrets []SecretName `json:"imagePullSecrets,omitempty"`

	// mesh says what a probe does in a service mesh: Exclude (no sidecar, like a stranger), or Join (with whatever the mesh
	// injects, where apps answer to its members only). Exclude unless a policy says otherwise.
	// +optional
	Mesh Mesh `json:"mesh,omitempty"`

	// maxRequestsPerRun is how many requests a probe sends at most. 20000 unless a policy says otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=500
	// +kubebuilder:validation:Maximum=100000
	MaxRequestsPerRun *int32 `json:"maxRequestsPerRun,omitempty"`

	// maxChatsPerDay is how many questions all probes together ask the chat of an app at most, in a day of UTC. 3000 unless a
	// policy says otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxChatsPerDay *int32 `json:"maxChatsPerDay,omitempty"`

	// maxSignUpsPerDay is how many accounts all probes together make at most, in a day of UTC. 100 unless a policy says otherwise.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxSignUpsPerDay *int32 `json:"maxSignUpsPerDay,omitempty"`
}

// SecretName is the name of a Secret.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
type SecretName string

// Mesh says what a probe's pod does in a service mesh.
//
// +kubebuilder:validation:Enum=Exclude;Join
type Mesh string

const (
	// MeshExclude keeps sidecars away: strangers have none either.
	MeshExclude Mesh = "Exclude"
	// MeshJoin lets the mesh inject what it wants.
	MeshJoin Mesh = "Join"
)

// LaunchPolicyStatus says what the policy binds.
type LaunchPolicyStatus struct {
	// conditions of the policy: Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that this status is about; -1 before there is one.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// launches is how many LaunchReadiness resources the policy binds.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Launches *int32 `json:"launches,omitempty"`
}

// LaunchPolicy is what an organisation demands of its apps before they meet strangers.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=launchpolicies,singular=launchpolicy,shortName=lpol,categories=launch,scope=Cluster
// +kubebuilder:subresource:status
// +kubebuilder:selectablefield:JSONPath=`.spec.base`
// +kubebuilder:printcolumn:name="Base",type=string,JSONPath=`.spec.base`,description="built-in policy that it starts from"
// +kubebuilder:printcolumn:name="Launches",type=integer,JSONPath=`.status.launches`,description="apps that it binds"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="!self.metadata.name.matches('^(marketplace|starter)-[0-9]{4}-[0-9]{2}$')",message="metadata.name: names such as marketplace-2026-11 belong to built-in policies: choose another name, and set spec.base to start from a built-in policy"
type LaunchPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what is demanded.
	// +required
	Spec LaunchPolicySpec `json:"spec,omitzero"`

	// status says what the policy binds. Until the operator has written it, its observedGeneration is -1, so that
	// tools that wait by kstatus wait.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status LaunchPolicyStatus `json:"status,omitzero"`
}

// LaunchPolicyList is a list of LaunchPolicy.
//
// +kubebuilder:object:root=true
type LaunchPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []LaunchPolicy `json:"items"`
}
