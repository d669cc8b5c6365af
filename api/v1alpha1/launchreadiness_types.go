// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LaunchReadinessSpec describes one app and what it is held to.
//
// +kubebuilder:validation:XValidation:rule="!has(self.cloudflare) || (has(self.domains) && (has(self.domains.canonical) || has(self.domains.hosts) || has(self.domains.retired)))",fieldPath=".cloudflare",message="cloudflare is about hosts, and there are none: list them in spec.domains, such as domains: {canonical: app.example.com}"
// +kubebuilder:validation:XValidation:rule="!has(self.cloudflare) || !has(self.cloudflare.mode) || self.cloudflare.mode != 'Enforce' || !has(self.domains) || (!has(self.domains.canonical) && !has(self.domains.hosts)) || has(self.domains.origin)",fieldPath=".cloudflare.mode",message="Enforce makes the records of the hosts, and has to know where they lead: set spec.domains.origin, such as origin: {hostname: lb.example.net}"
// +kubebuilder:validation:XValidation:rule="!has(self.cloudflare) || !has(self.domains) || !has(self.domains.canonical) || self.domains.canonical == self.cloudflare.zone || self.domains.canonical.endsWith('.' + self.cloudflare.zone)",fieldPath=".domains.canonical",message="must be cloudflare.zone itself or a name below it: list hosts of another zone in a launch of their own, or change zone"
// +kubebuilder:validation:XValidation:rule="!has(self.cloudflare) || !has(self.domains) || !has(self.domains.hosts) || self.domains.hosts.all(h, h == self.cloudflare.zone || h.endsWith('.' + self.cloudflare.zone))",fieldPath=".domains.hosts",message="each must be cloudflare.zone itself or a name below it: list hosts of another zone in a launch of their own, or change zone"
// +kubebuilder:validation:XValidation:rule="!has(self.cloudflare) || !has(self.domains) || !has(self.domains.redirects) || self.domains.redirects.all(h, h == self.cloudflare.zone || h.endsWith('.' + self.cloudflare.zone))",fieldPath=".domains.redirects",message="each must be cloudflare.zone itself or a name below it: list hosts of another zone in a launch of their own, or change zone"
// +kubebuilder:validation:XValidation:rule="!has(self.cloudflare) || !has(self.domains) || !has(self.domains.retired) || self.domains.retired.all(h, h.host == self.cloudflare.zone || h.host.endsWith('.' + self.cloudflare.zone))",fieldPath=".domains.retired",message="each must be cloudflare.zone itself or a name below it: list hosts of another zone in a launch of their own, or change zone"
// +kubebuilder:validation:XValidation:rule="!has(self.cloudflare) || !has(self.email) || self.email.all(e, e.domain == self.cloudflare.zone || e.domain.endsWith('.' + self.cloudflare.zone))",fieldPath=".email",message="each domain must be cloudflare.zone itself or a name below it: list mail of another zone in a launch of its own, or change zone"
// +kubebuilder:validation:XValidation:rule="!has(self.gate) || !has(self.gate.edge) || self.gate.edge == 'Off' || has(self.cloudflare)",fieldPath=".gate.edge",message="the edge can't be locked without spec.cloudflare: add it, with the zone of the hosts, or set edge to Off"
type LaunchReadinessSpec struct {
	// policyRef names a LaunchPolicy, or a built-in policy, that binds this app besides those whose namespaceSelector
	// selects the namespace. It can only add strictness: the strictest of all policies in force wins.
	// +optional
	PolicyRef *PolicyReference `json:"policyRef,omitempty"`

	// suspend stops the measuring while it is true. Verdicts age meanwhile, so that the app stops being Launchable
	// when they are no longer valid.
	// +optional
	// +kubebuilder:default=false
	Suspend *bool `json:"suspend,omitempty"`

	// workloads are the parts of the app that run: web, API, worker, and so on. Each belongs to one LaunchReadiness.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(w, self.exists_one(o, o.ref.kind == w.ref.kind && o.ref.name == w.ref.name))",message="each workload may be listed once: remove the second entry with the same ref"
	Workloads []Workload `json:"workloads,omitempty"`

	// domains are the names under which strangers reach the app. The gate holds what would expose them.
	// +optional
	Domains *Domains `json:"domains,omitempty"`

	// cloudflare says how the edge in front of the hosts is set up and kept. Where it is absent, nothing is asked of Cloudflare.
	// +optional
	Cloudflare *Cloudflare `json:"cloudflare,omitempty"`

	// email says which mail the app's domains send.
	// +optional
	// +listType=map
	// +listMapKey=domain
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Email []EmailDomain `json:"email,omitempty"`

	// app says how strangers and tenants use the app. Rows about the app itself are measured by it.
	// +optional
	App *App `json:"app,omitempty"`

	// logging says where the app logs besides what its containers print, and who may read it. That it logs nowhere else has to be
	// said: {sinks: []}.
	// +optional
	Logging *Logging `json:"logging,omitempty"`

	// gate says what is held back while rows do not pass.
	// +optional
	Gate *Gate `json:"gate,omitempty"`
}

// Logging says where the app logs besides what its containers print, and who may read it.
type Logging struct {
	// sinks are where else it logs: tracing, an error tracker, files. Empty where there is no other. LoggingSafe is Unknown with one
	// that has no query.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Sinks []LogSink `json:"sinks,omitempty"`

	// readers are those whose work it is to read the logs of this namespace's pods, as the subjects of RoleBindings name them: for
	// example [{kind: Group, name: platform-team}, {kind: ServiceAccount, name: log-shipper, namespace: logging}]. Whoever else may
	// read them is a finding of LoggingSafe, but for the cluster's administrators and control plane, and this operator. That all of
	// the cluster may can't be put right here.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Readers []LogReader `json:"readers,omitempty"`
}

// LogReader is somebody who reads logs. It names nobody by being in a group: each subject of a RoleBinding is looked for as it stands.
//
// +kubebuilder:validation:XValidation:rule="!has(self.namespace) || self.kind == 'ServiceAccount'",message="only a ServiceAccount has a namespace: remove it"
// +kubebuilder:validation:XValidation:rule="self.kind != 'ServiceAccount' || !format.dns1123Subdomain().validate(self.name).hasValue()",message="must name the ServiceAccount alone, such as log-shipper: its namespace goes into the field namespace"
// +kubebuilder:validation:XValidation:rule="self.kind != 'User' || !self.name.startsWith('system:serviceaccount:')",message="write a ServiceAccount as one, such as {kind: ServiceAccount, name: log-shipper, namespace: logging}"
// +kubebuilder:validation:XValidation:rule="!(self.name in ['system:anonymous', 'system:unauthenticated', 'system:authenticated', 'system:serviceaccounts'])",message="that is everybody: name those whose work is to read logs, or let the row LoggingSafe off by a LaunchWaiver"
type LogReader struct {
	// kind of the subject.
	// +required
	Kind LogReaderKind `json:"kind,omitempty"`

	// name of it: for example platform-team.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// namespace of a ServiceAccount: for example logging. Where it is left out, it is that of the launch.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be the name of a namespace, such as logging"
	Namespace string `json:"namespace,omitempty"`
}

// LogReaderKind is a kind of subject of a RoleBinding.
//
// +kubebuilder:validation:Enum=User;Group;ServiceAccount
type LogReaderKind string

const (
	// ReaderUser is a person or program by the name of its certificate or token.
	ReaderUser LogReaderKind = "User"
	// ReaderGroup is all who are in a group.
	ReaderGroup LogReaderKind = "Group"
	// ReaderServiceAccount is what runs in pods of one namespace.
	ReaderServiceAccount LogReaderKind = "ServiceAccount"
)

// LogSink is a place that an app logs to.
type LogSink struct {
	// name of it, for people: for example sentry.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be a DNS label such as sentry: lower-case letters, digits and '-', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// query asks for what the sink holds of the last minutes. Without one, nobody can say that no secret is among it.
	// +optional
	Query *LogQuery `json:"query,omitempty"`
}

// LogQuery asks a sink for what it holds: over HTTPS, at a public address. The reply is searched as a log is, up to 1 MiB of it, and
// nothing of it is kept. It has to hold events in full, not a list of them.
//
// +kubebuilder:validation:XValidation:rule="!has(self.request.host)",message="the sink's host stands in query.host: remove request.host"
// +kubebuilder:validation:XValidation:rule="!has(self.request.webSocket)",message="a sink is asked over HTTP: remove webSocket"
// +kubebuilder:validation:XValidation:rule="!has(self.request.method) || self.request.method in ['GET', 'POST']",message="a query reads: its method must be GET, or POST for a search that takes a body"
type LogQuery struct {
	// host that is asked, with a port where it is not 443: for example sentry.io.
	// +required
	Host PublicHost `json:"host,omitempty"`

	// credentialsSecretRef names a Secret of the same namespace. Its keys are used as $(credentials.KEY). Where the sink has such, let
	// its key read events and nothing else.
	// +optional
	CredentialsSecretRef *SecretReference `json:"credentialsSecretRef,omitempty"`

	// request that is sent to the host. In it $(since) stands for when the probe began, as 2006-01-02T15:04:05Z (RFC 3339), and
	// $(requestId) or $(traceId) for the id of a request of the probe, as X-Request-Id and traceparent carried it: with one of these, it
	// is sent once for each such request.
	// +required
	Request HTTPRequest `json:"request,omitzero"`

	// expect says whether the reply is what was asked for: response.status >= 200 && response.status < 300 where it is absent.
	// +optional
	Expect CELExpression `json:"expect,omitempty"`
}

// Domains are the names of an app. Each is listed once.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.redirects) || has(self.canonical)",fieldPath=".redirects",message="redirects lead to the canonical host: set canonical, such as canonical: app.example.com"
// +kubebuilder:validation:XValidation:rule="!has(self.canonical) || !((has(self.hosts) && self.canonical in self.hosts) || (has(self.redirects) && self.canonical in self.redirects) || (has(self.retired) && self.retired.exists(r, r.host == self.canonical)))",fieldPath=".canonical",message="is listed a second time in hosts, redirects or retired: remove it there"
// +kubebuilder:validation:XValidation:rule="!has(self.hosts) || !has(self.redirects) || !self.redirects.exists(h, h in self.hosts)",fieldPath=".redirects",message="a host serves the app or redirects to the canonical one: remove it from hosts or from redirects"
// +kubebuilder:validation:XValidation:rule="!has(self.retired) || !((has(self.hosts) && self.retired.exists(r, r.host in self.hosts)) || (has(self.redirects) && self.retired.exists(r, r.host in self.redirects)))",fieldPath=".retired",message="a host is in use or retired: remove it from retired, or from hosts and redirects"
// +kubebuilder:validation:XValidation:rule="!has(self.origin) || !has(self.origin.hostname) || !((has(self.canonical) && self.origin.hostname == self.canonical) || (has(self.hosts) && self.origin.hostname in self.hosts) || (has(self.redirects) && self.origin.hostname in self.redirects) || (has(self.retired) && self.retired.exists(r, r.host == self.origin.hostname)))",fieldPath=".origin.hostname",message="is one of the app's own hosts, so that the edge would lead to itself: write the load balancer's name, such as lb.example.net"
type Domains struct {
	// canonical is the name that the app is known by, such as app.example.com.
	// +optional
	Canonical HostName `json:"canonical,omitempty"`

	// hosts are further names that the app serves, such as api.example.com.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Hosts []HostName `json:"hosts,omitempty"`

	// redirects are names that lead to the canonical one, such as example.com and www.example.com.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Redirects []HostName `json:"redirects,omitempty"`

	// retired are names that must not resolve any more.
	// +optional
	// +listType=map
	// +listMapKey=host
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Retired []RetiredHost `json:"retired,omitempty"`

	// origin is where the edge finds the app.
	// +optional
	Origin *Origin `json:"origin,omitempty"`
}

// HostName is a fully qualified domain name in lower case, without a trailing dot and without wildcards.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue() && self.contains('.')",message="must be a host name such as app.example.com: lower-case letters, digits, '-' and '.', without a wildcard, a scheme, a port or a trailing dot"
type HostName string

// Gate says what is held back while rows do not pass.
//
// +kubebuilder:validation:MinProperties=1
type Gate struct {
	// mode is Off, Audit (let everything pass, with a warning where it would be refused) or Enforce. Audit where it is
	// absent, and until every Required row was measured once. A policy's minimumMode counts where it is stricter.
	// +optional
	Mode GateMode `json:"mode,omitempty"`

	// rollouts says which rollouts of the launched app are let through while no Required row fails: WhileLaunchable (any;
	// it is measured at once), or VerifiedOnly (only images that were verified). WhileLaunchable where it is absent.
	// +optional
	Rollouts RolloutMode `json:"rollouts,omitempty"`

	// adoption says how an app is taken on that strangers may reach already: Unverified (what exposes it stays, more of it
	// is held), or Live (what exposes it counts as exposed before, so that it may also be moved and made anew). Setting Live
	// needs the verb adopt. Unverified where it is absent.
	// +optional
	Adoption Adoption `json:"adoption,omitempty"`

	// edge says when the edge answers strangers with a holding page: Off, LockedUntilLaunched or LockedWhileFailing. It needs
	// cloudflare, and locks nothing unless cloudflare.mode is Enforce. Off where it is absent.
	// +optional
	Edge EdgeLock `json:"edge,omitempty"`
}

// PolicyReference names a policy.
type PolicyReference struct {
	// name of a LaunchPolicy in the cluster, or of a built-in policy (marketplace-2026-11, starter-2026-11).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a LaunchPolicy: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`
}

// Workload is one part of the app that runs.
//
// +kubebuilder:validation:XValidation:rule="self.ref.kind == oldSelf.ref.kind && self.ref.apiVersion == oldSelf.ref.apiVersion",message="a workload's kind can't change: remove this entry and add one under another name"
type Workload struct {
	// name of this part within the launch, as findings give it: for example web, api or worker.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be a DNS label such as web or api: lower-case letters, digits and '-', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// ref is the object that runs it, in the same namespace.
	// +required
	Ref WorkloadReference `json:"ref,omitzero"`

	// services lead to this part, in the same namespace. The gate holds what would expose them to strangers.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1035Label().validate(self).hasValue()",message="must be the name of a Service such as chat: lower-case letters, digits and '-', starting with a letter and ending with a letter or digit"
	Services []string `json:"services,omitempty"`
}

// WorkloadReference names the object that runs a part of the app.
//
// +kubebuilder:validation:XValidation:rule="self.kind == 'Rollout' ? self.apiVersion == 'argoproj.io/v1alpha1' : self.apiVersion == 'apps/v1'",message="apiVersion must be apps/v1 for a Deployment, StatefulSet or DaemonSet, and argoproj.io/v1alpha1 for a Rollout"
type WorkloadReference struct {
	// apiVersion of the object: apps/v1, or argoproj.io/v1alpha1 for a Rollout.
	// +optional
	// +kubebuilder:default="apps/v1"
	// +kubebuilder:validation:Enum=apps/v1;argoproj.io/v1alpha1
	APIVersion string `json:"apiVersion,omitempty"`

	// kind of the object.
	// +required
	Kind WorkloadKind `json:"kind,omitempty"`

	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be an object's name: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`
}

// WorkloadKind is a kind of object that runs pods of one template.
//
// +kubebuilder:validation:Enum=Deployment;StatefulSet;DaemonSet;Rollout
type WorkloadKind string

const (
	// KindDeployment is a Deployment of apps/v1.
	KindDeployment WorkloadKind = "Deployment"
	// KindStatefulSet is a StatefulSet of apps/v1.
	KindStatefulSet WorkloadKind = "StatefulSet"
	// KindDaemonSet is a DaemonSet of apps/v1.
	KindDaemonSet WorkloadKind = "DaemonSet"
	// KindRollout is a Rollout of argoproj.io/v1alpha1 (Argo Rollouts).
	KindRollout WorkloadKind = "Rollout"
)

// LaunchReadinessStatus is what was found. It is written by the operator alone, and can be rebuilt: deleting it loses
// nothing but time.
type LaunchReadinessStatus struct {
	// conditions are Ready, Reconciling and Stalled (kstatus), Exposable and Launchable (the verdict), and one for each row.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that this status is about; -1 before there is one.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// summary says in one line how many of the Required rows pass, and which do not.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Summary string `json:"summary,omitempty"`

	// revision is the identity of what runs now: the pod templates with their image digests, the data of the
	// ConfigMaps and the versions of the Secrets that they refer to.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`

	// measurements are what the conditions are derived from, one a row.
	// +optional
	// +listType=map
	// +listMapKey=row
	// +kubebuilder:validation:MaxItems=32
	Measurements []Measurement `json:"measurements,omitempty"`

	// rollouts are the revisions seen since the oldest that is not measured yet, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Rollouts []Rollout `json:"rollouts,omitempty"`

	// verified are the last revisions on which every Required row was measured and passed, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Verified []VerifiedRevision `json:"verified,omitempty"`

	// policies are in force for this app, by name; the strictest of each demand wins. The first 64 are listed.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Policies []PolicyInForce `json:"policies,omitempty"`

	// policySummary names the policies in one line, for kubectl: the first three, and how many more there are.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	PolicySummary string `json:"policySummary,omitempty"`

	// lastMeasuredAt is the newest measuredAt of all measurements.
	// +optional
	LastMeasuredAt metav1.Time `json:"lastMeasuredAt,omitzero"`

	// launchedAt is the first time that the app was Launchable.
	// +optional
	LaunchedAt metav1.Time `json:"launchedAt,omitzero"`

	// probes are the Jobs that use the app, one a suite: the last one, whether it runs or has ended.
	// +optional
	// +listType=map
	// +listMapKey=suite
	// +kubebuilder:validation:MaxItems=8
	Probes []Probe `json:"probes,omitempty"`

	// probeBudget says what probes have asked of the app today, and what the next one may.
	// +optional
	ProbeBudget *ProbeBudget `json:"probeBudget,omitempty"`

	// knownAttacks are the attacks of probes that have succeeded. Each is tried again in every run, over revisions too: no row passes
	// in which one could not be tried.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	KnownAttacks []KnownAttack `json:"knownAttacks,omitempty"`

	// edge says how the zone compares with what this launch wants.
	// +optional
	Edge *EdgeStatus `json:"edge,omitempty"`

	// gate says what the gate does for this app.
	// +optional
	Gate *GateStatus `json:"gate,omitempty"`

	// reportRef names the LaunchReport with the findings of this app.
	// +optional
	ReportRef *ReportReference `json:"reportRef,omitempty"`
}

// Probe is a Job that uses the app as strangers and tenants would.
type Probe struct {
	// suite that it runs.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Suite string `json:"suite,omitempty"`

	// jobName is the Job's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	JobName string `json:"jobName,omitempty"`

	// jobUID is the Job's UID: the result of no other one counts.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	JobUID string `json:"jobUID,omitempty"`

	// revision of the app that is measured.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`

	// inputsHash identifies the description, the credentials and the suite that the measurement uses.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	InputsHash string `json:"inputsHash,omitempty"`

	// run counts the measurements, attempt the Jobs of one of them; both begin with 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Run int64 `json:"run,omitempty"`

	// attempt counts the Jobs of the measurement.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3
	Attempt int32 `json:"attempt,omitempty"`

	// startedAt is when the Job was created.
	// +required
	StartedAt metav1.Time `json:"startedAt,omitzero"`

	// finishedAt is when its result was read, or given up.
	// +optional
	FinishedAt metav1.Time `json:"finishedAt,omitzero"`

	// outcome says what came of it: Running, Finished (with a result that counts) or Failed.
	// +required
	Outcome ProbeOutcome `json:"outcome,omitempty"`

	// reason of a failure, or what it waits for.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// requests is how many requests the app got.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Requests *int32 `json:"requests,omitempty"`

	// planned is what it may ask at most.
	// +optional
	Planned *ProbePlan `json:"planned,omitempty"`
}

// KnownAttack is an attack that has succeeded.
type KnownAttack struct {
	// row that it failed.
	// +required
	Row Row `json:"row,omitempty"`

	// rule of the finding, such as ForeignObjectReadable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Rule string `json:"rule,omitempty"`

	// request that it is made of, such as GET /api/conversations/$(id).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Request string `json:"request,omitempty"`

	// failures is in how many runs it has succeeded.
	// +required
	// +kubebuilder:validation:Minimum=1
	Failures int64 `json:"failures,omitempty"`

	// lastFailedAt is when a run ended in which it succeeded.
	// +required
	LastFailedAt metav1.Time `json:"lastFailedAt,omitzero"`
}

// ProbeBudget says what probes have asked of an app in a day, and what the next one may ask. What a probe may still ask that runs
// counts as asked, and so does what one may have asked that ended without telling.
type ProbeBudget struct {
	// day that the numbers are about, in UTC, such as 2026-11-24.
	// +required
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=10
	Day string `json:"day,omitempty"`

	// runs is how many probes were started.
	// +required
	// +kubebuilder:validation:Minimum=0
	Runs *int32 `json:"runs,omitempty"`

	// requests is how many requests the app got.
	// +required
	// +kubebuilder:validation:Minimum=0
	Requests *int64 `json:"requests,omitempty"`

	// chats is how many of them were questions to its chat.
	// +required
	// +kubebuilder:validation:Minimum=0
	Chats *int32 `json:"chats,omitempty"`

	// signUps is how many accounts were made.
	// +required
	// +kubebuilder:validation:Minimum=0
	SignUps *int32 `json:"signUps,omitempty"`

	// planned is what the next probe may ask at most.
	// +required
	Planned ProbePlan `json:"planned,omitzero"`
}

// ProbePlan is what a probe may ask of an app at most.
type ProbePlan struct {
	// requests in all.
	// +required
	// +kubebuilder:validation:Minimum=0
	Requests *int32 `json:"requests,omitempty"`

	// chats are the questions to the app's chat among them.
	// +required
	// +kubebuilder:validation:Minimum=0
	Chats *int32 `json:"chats,omitempty"`

	// signUps are the accounts made.
	// +required
	// +kubebuilder:validation:Minimum=0
	SignUps *int32 `json:"signUps,omitempty"`
}

// ProbeOutcome says what came of a probe.
//
// +kubebuilder:validation:Enum=Running;Finished;Failed
type ProbeOutcome string

const (
	// ProbeRunning says that the Job has not ended.
	ProbeRunning ProbeOutcome = "Running"
	// ProbeFinished says that its result counts.
	ProbeFinished ProbeOutcome = "Finished"
	// ProbeFailed says that it gave no result that counts.
	ProbeFailed ProbeOutcome = "Failed"
)

// GateStatus says what the gate does for an app.
type GateStatus struct {
	// mode that is in force: what spec.gate and the policies demand together.
	// +required
	Mode GateMode `json:"mode,omitempty"`

	// reason why it is so: AsDeclared, PolicyMinimum, NotMeasuredYet, StateFull, Conflict or HostConflict.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message says it in words, and what to do about it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// exposure says how strangers reach the app: None, Verified (let in while it was Exposable, or adopted as Live), or
	// ExposedUnverified (something exposes it that the gate did not let in).
	// +required
	Exposure ExposureState `json:"exposure,omitempty"`

	// overrides are the break-glasses and remediations that were used, newest first, at most 10.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Overrides []Override `json:"overrides,omitempty"`
}

// ExposureState says how strangers reach an app.
//
// +kubebuilder:validation:Enum=None;Verified;ExposedUnverified
type ExposureState string

const (
	// ExposureNone says that nothing in the namespace exposes the app.
	ExposureNone ExposureState = "None"
	// ExposureVerified says that what exposes the app was let in while it was Exposable, or adopted as Live.
	ExposureVerified ExposureState = "Verified"
	// ExposureUnverified says that something exposes the app that the gate did not let in: it was there before, or came in Audit mode.
	ExposureUnverified ExposureState = "ExposedUnverified"
)

// Override is a use of break-glass or of a remediation.
type Override struct {
	// kind of the object that it stands on.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// name of the object that it stands on.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// annotation that was used: launchready.dev/break-glass or launchready.dev/remediates.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Annotation string `json:"annotation,omitempty"`

	// value of the annotation: the reason, or the rows.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Value string `json:"value,omitempty"`

	// at is when the operator saw it.
	// +required
	At metav1.Time `json:"at,omitzero"`
}

// Measurement is the last verdict on a row, and what came of later attempts.
type Measurement struct {
	// row that was measured.
	// +required
	Row Row `json:"row,omitempty"`

	// verdict of the last measurement that gave one; Unknown where none has.
	// +required
	Verdict Verdict `json:"verdict,omitempty"`

	// reason of the verdict, as the row's condition gives it.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message of the verdict, as the row's condition gives it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// measuredAt is when the verdict was given. A later measurement that found the same leaves it as it is until half
	// of the validity is over.
	// +optional
	MeasuredAt metav1.Time `json:"measuredAt,omitzero"`

	// validUntil is when the verdict becomes Stale.
	// +optional
	ValidUntil metav1.Time `json:"validUntil,omitzero"`

	// revision of the app that was measured.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`

	// inputsHash identifies the spec fields, thresholds and rules that the measurement used.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	InputsHash string `json:"inputsHash,omitempty"`

	// findings is how many things are wrong, Low ones included.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Findings *int32 `json:"findings,omitempty"`

	// fingerprints of the findings that fail the row, worst first, at most 32.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	Fingerprints []string `json:"fingerprints,omitempty"`

	// failing is how many findings fail the row. Above the length of fingerprints, those beyond are not listed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failing *int32 `json:"failing,omitempty"`

	// source is where the verdict comes from.
	// +optional
	Source *MeasurementSource `json:"source,omitempty"`

	// lastAttempt is there while the newest attempt gave no verdict.
	// +optional
	LastAttempt *Attempt `json:"lastAttempt,omitempty"`

	// unmeasuredSince is since when a newer verdict is wanted and missing, by the revision, the inputs or the age.
	// +optional
	UnmeasuredSince metav1.Time `json:"unmeasuredSince,omitzero"`
}

// MeasurementSource is where a verdict comes from.
type MeasurementSource struct {
	// kind of the source: Check (inside the operator) or Probe (a Job that uses the app).
	// +required
	// +kubebuilder:validation:Enum=Check;Probe
	Kind string `json:"kind,omitempty"`
}

// Attempt is a measurement that gave no verdict.
type Attempt struct {
	// at is when the first of a series of attempts with the same outcome was made.
	// +required
	At metav1.Time `json:"at,omitzero"`

	// outcome of the attempt.
	// +required
	Outcome Verdict `json:"outcome,omitempty"`

	// reason why there is no verdict.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message says what to do about it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// fault says whether the app or the operator is the cause, which decides how long a launched app keeps its state.
	// +required
	Fault Fault `json:"fault,omitempty"`
}

// Rollout is a revision that was seen.
type Rollout struct {
	// revision that was seen.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`

	// configuration is the part of the revision that is known before the images have been pulled.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Configuration string `json:"configuration,omitempty"`

	// at is when it was first seen.
	// +required
	At metav1.Time `json:"at,omitzero"`
}

// VerifiedRevision is a revision on which every Required row was measured and passed.
type VerifiedRevision struct {
	// revision that was verified.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`

	// images of the revision, as digests (sha256:...), sorted. At most 64.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=128
	Images []string `json:"images,omitempty"`

	// at is when the last row of it passed.
	// +required
	At metav1.Time `json:"at,omitzero"`
}

// PolicyInForce is a policy that binds the app.
type PolicyInForce struct {
	// name of the policy.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// generation of the LaunchPolicy; absent for a built-in policy, which never changes.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Generation *int64 `json:"generation,omitempty"`
}

// ReportReference names a LaunchReport of the same namespace.
type ReportReference struct {
	// name of the LaunchReport.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// LaunchReadiness is one app that is to be launched, and its launch scorecard.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=launchreadinesses,singular=launchreadiness,shortName=lr,categories=launch,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:selectablefield:JSONPath=`.spec.policyRef.name`
// +kubebuilder:printcolumn:name="Launchable",type=string,JSONPath=`.status.conditions[?(@.type=="Launchable")].status`,description="True when every Required row passes, is waived or does not apply"
// +kubebuilder:printcolumn:name="Exposable",type=string,JSONPath=`.status.conditions[?(@.type=="Exposable")].status`,description="True when every Required row that is measured before exposure does"
// +kubebuilder:printcolumn:name="Summary",type=string,JSONPath=`.status.summary`,description="how many of the Required rows pass, and which do not"
// +kubebuilder:printcolumn:name="Launched",type=date,JSONPath=`.status.launchedAt`,description="time since the app was Launchable for the first time"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Policies",type=string,priority=1,JSONPath=`.status.policySummary`,description="policies in force"
// +kubebuilder:printcolumn:name="Measured",type=date,priority=1,JSONPath=`.status.lastMeasuredAt`,description="time since the newest verdict"
// +kubebuilder:printcolumn:name="Ready",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="True when the spec is accepted and being worked on"
type LaunchReadiness struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec describes the app and what it is held to.
	// +required
	Spec LaunchReadinessSpec `json:"spec,omitzero"`

	// status is what was found. Until the operator has written it, its observedGeneration is -1, so that
	// tools that wait by kstatus wait.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status LaunchReadinessStatus `json:"status,omitzero"`
}

// LaunchReadinessList is a list of LaunchReadiness.
//
// +kubebuilder:object:root=true
type LaunchReadinessList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []LaunchReadiness `json:"items"`
}
