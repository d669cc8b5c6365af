// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
	"github.com/launchready/launchready/internal/launch"
)

// RequirementReconciler labels the Namespaces in which a LaunchPolicy demands a launch for whatever is exposed. The label has
// a field owner of its own: when no policy demands it any more it goes, and one that somebody else has set stays.
type RequirementReconciler struct {
	Client client.Client
	// Live reads past the cache, which does not keep who manages what.
	Live client.Reader
	// WatchNamespaces are those that may be labelled; empty for all.
	WatchNamespaces []string
}

// Reconcile labels one Namespace, or takes the label back.
func (r *RequirementReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ns := &corev1.Namespace{}
	if err := r.Client.Get(ctx, req.NamespacedName, ns); err != nil || !ns.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !watches(r.WatchNamespaces, ns.Name) {
		return ctrl.Result{}, nil
	}
	var policies v1alpha1.LaunchPolicyList
	if err := r.Client.List(ctx, &policies); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing LaunchPolicies: %w", err)
	}
	wanted, err := launch.RequiresLaunch(policies.Items, ns.Labels)
	if err != nil {
		return ctrl.Result{}, err
	}
	switch labelled := ns.Labels[v1alpha1.GateLabel] == v1alpha1.GateRequired; {
	case wanted && !labelled:
		return ctrl.Result{}, r.apply(ctx, ns, map[string]string{v1alpha1.GateLabel: v1alpha1.GateRequired})
	case !wanted && labelled:
		return ctrl.Result{}, r.takeBack(ctx, ns)
	default:
		return ctrl.Result{}, nil
	}
}

// takeBack removes the label if it was set here.
func (r *RequirementReconciler) takeBack(ctx context.Context, ns *corev1.Namespace) error {
	live := &corev1.Namespace{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(ns), live); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !gate.RequiredByPolicy(live) {
		return nil
	}
	return r.apply(ctx, live, nil)
}

// apply makes these labels all that this owner has on the Namespace. The UID keeps a Namespace that is gone from being made.
func (r *RequirementReconciler) apply(ctx context.Context, ns *corev1.Namespace, labels map[string]string) error {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	u.SetName(ns.Name)
	u.SetUID(ns.UID)
	u.SetLabels(labels)
	err := r.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(gate.RequirementOwner), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("labelling Namespace %s: %w", ns.Name, err)
	}
	return nil
}

// SetupWithManager registers the reconciler and everything that wakes it.
func (r *RequirementReconciler) SetupWithManager(mgr ctrl.Manager) error {
	m := mapper{reader: mgr.GetClient()}
	return ctrl.NewControllerManagedBy(mgr).
		Named("requirement").
		For(&corev1.Namespace{}, builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Watches(&v1alpha1.LaunchPolicy{}, handler.EnqueueRequestsFromMapFunc(m.everyNamespace), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(r)
}
