// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the resources of the launchready.dev API group: LaunchReadiness (one app), LaunchPolicy
// (what an organisation demands), LaunchWaiver (an exception with an end) and LaunchReport (the evidence), and the
// names that they share: rows, verdicts, conditions and reasons. It imports nothing else of this module, and holds
// no logic beyond what reading its own types needs.
//
// +kubebuilder:object:generate=true
// +groupName=launchready.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the types in this package.
var GroupVersion = schema.GroupVersion{Group: "launchready.dev", Version: "v1alpha1"}

// AddToScheme registers the types of this package with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&LaunchReadiness{}, &LaunchReadinessList{},
		&LaunchPolicy{}, &LaunchPolicyList{},
		&LaunchWaiver{}, &LaunchWaiverList{},
		&LaunchReport{}, &LaunchReportList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
