// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
)

// LaunchPolicyReconciler says on each LaunchPolicy how many launches it binds.
type LaunchPolicyReconciler struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Reconcile writes the status of one policy.
func (r *LaunchPolicyReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	p := &v1alpha1.LaunchPolicy{}
	if err := r.Client.Get(ctx, req.NamespacedName, p); err != nil || !p.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	bound, err := r.bound(ctx, p)
	if err != nil {
		return ctrl.Result{}, err
	}
	status := *p.Status.DeepCopy()
	status.ObservedGeneration, status.Launches = ptr.To(p.Generation), &bound
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonBinding,
		Message: "It binds the launches in the namespaces that it selects, and those that name it.", ObservedGeneration: p.Generation,
		LastTransitionTime: metav1.NewTime(r.Clock.Now().Truncate(time.Second)),
	}
	if bound == 0 {
		ready.Reason, ready.Message = v1alpha1.ReasonBindsNothing, "No launch is bound by it: check spec.namespaceSelector, or name it in a launch's spec.policyRef."
	}
	meta.SetStatusCondition(&status.Conditions, ready)
	_, err = writeStatus(ctx, r.Client, p, "LaunchPolicy", p.Status, status)
	return ctrl.Result{}, err
}

// bound counts the launches that the policy binds.
func (r *LaunchPolicyReconciler) bound(ctx context.Context, p *v1alpha1.LaunchPolicy) (int32, error) {
	var namespaces corev1.NamespaceList
	if err := r.Client.List(ctx, &namespaces); err != nil {
		return 0, fmt.Errorf("listing namespaces: %w", err)
	}
	selected := make(map[string]bool, len(namespaces.Items))
	for _, ns := range namespaces.Items {
		selects, err := launch.Selects(p, ns.Labels)
		if err != nil {
			return 0, err
		}
		selected[ns.Name] = selects
	}
	var launches v1alpha1.LaunchReadinessList
	if err := r.Client.List(ctx, &launches); err != nil {
		return 0, fmt.Errorf("listing LaunchReadinesses: %w", err)
	}
	n := int32(0)
	for _, lr := range launches.Items {
		if selected[lr.Namespace] || (lr.Spec.PolicyRef != nil && lr.Spec.PolicyRef.Name == p.Name) {
			n++
		}
	}
	return n, nil
}
