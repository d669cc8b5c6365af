// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
)

// TestAPolicyDemandsALaunch: the label comes with the policy and goes with it, nothing is written at rest, and a label that
// somebody else has set stays.
func TestAPolicyDemandsALaunch(t *testing.T) {
	h := newHarness(t)
	r := &RequirementReconciler{Client: h.client, Live: h.client}
	reconcile := func() *corev1.Namespace {
		t.Helper()
		if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Name: h.namespace}}); err != nil {
			t.Fatal(err)
		}
		return h.gatedNamespace()
	}
	expect := func(what, label string) *corev1.Namespace {
		t.Helper()
		ns := reconcile()
		if got := ns.Labels[v1alpha1.GateLabel]; got != label {
			t.Errorf("%s: the label is %q, want %q", what, got, label)
		}
		if version := reconcile().ResourceVersion; version != ns.ResourceVersion {
			t.Errorf("%s: a second pass wrote something", what)
		}
		return ns
	}
	expect("no policy", "")
	selector := &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": v1alpha1.LabelValue(h.namespace)}}
	policy := &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: h.namespace}, Spec: v1alpha1.LaunchPolicySpec{
		NamespaceSelector: selector, Gate: &v1alpha1.GateRules{RequireLaunch: v1alpha1.RequireForExposure},
	}}
	h.create(policy)
	expect("a policy demands it", v1alpha1.GateRequired)

	r.WatchNamespaces = []string{"another"}
	policy.Spec.Gate.RequireLaunch = v1alpha1.RequireNone
	if err := h.client.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	expect("the namespace is not watched", v1alpha1.GateRequired)
	r.WatchNamespaces = nil
	ns := expect("the policy demands it no more", "")

	ns.Labels[v1alpha1.GateLabel] = v1alpha1.GateRequired
	if err := h.client.Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	expect("somebody has set it", v1alpha1.GateRequired)
	policy.Spec.Gate.RequireLaunch = v1alpha1.RequireForExposure
	if err := h.client.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	expect("somebody has set it, and a policy demands it too", v1alpha1.GateRequired)
	if err := h.client.Delete(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	expect("somebody has set it, and the policy is gone", v1alpha1.GateRequired)
}
