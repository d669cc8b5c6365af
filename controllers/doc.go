// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers reconciles the resources of launchready.dev. The reconciler of LaunchReadiness reads like a table
// of contents: resolve, probe, measure, score, publish, requeue, each in a file of its own. No phase but publish writes, and
// probe, which creates Jobs.
//
// Secrets are read by get alone: nothing here may list or watch them, and no cache may hold them.
package controllers

// The permissions of the manager, from which config/rbac/role.yaml is generated.
//
// +kubebuilder:rbac:groups=launchready.dev,resources=launchreadinesses;launchpolicies;launchwaivers,verbs=get;list;watch
// +kubebuilder:rbac:groups=launchready.dev,resources=launchreadinesses,verbs=patch
// +kubebuilder:rbac:groups=launchready.dev,resources=launchreadinesses/status;launchpolicies/status;launchwaivers/status;launchreports/status,verbs=patch
// +kubebuilder:rbac:groups=launchready.dev,resources=launchreports,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=launchready.dev,resources=launchreadinesses/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups="",resources=configmaps;namespaces;pods,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=patch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,resourceNames=launchreadinesses.launchready.dev,verbs=get
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=get;list;watch
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes;grpcroutes;tlsroutes,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments;statefulsets;daemonsets;replicasets;controllerrevisions,verbs=get;list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;create;update
// +kubebuilder:rbac:groups="",resources=pods/log,verbs=get
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings;clusterroles;clusterrolebindings,verbs=list
// +kubebuilder:rbac:groups="",resources=events,verbs=list
// +kubebuilder:rbac:groups=argoproj.io,resources=rollouts,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingwebhookconfigurations,resourceNames=launchready-webhook,verbs=get;patch
// +kubebuilder:rbac:groups="",namespace=launchready-system,resources=secrets,verbs=get;create
// +kubebuilder:rbac:groups="",namespace=launchready-system,resources=secrets,resourceNames=launchready-webhook,verbs=update
// +kubebuilder:rbac:groups="",namespace=launchready-system,resources=configmaps,verbs=get;create;update
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=gateways,verbs=get
// +kubebuilder:rbac:groups="",namespace=launchready-system,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups="",namespace=launchready-system,resources=pods,verbs=get
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=launchready-system,resources=leases,verbs=get;create;update;patch
