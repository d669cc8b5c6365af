// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/launchready/launchready/api/v1alpha1"
)

// SetupWithManager registers the reconciler and everything that wakes it.
func (r *ZoneReconciler) SetupWithManager(mgr ctrl.Manager, options controller.TypedOptions[ZoneRequest]) error {
	onSpec := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return builder.TypedControllerManagedBy[ZoneRequest](mgr).
		Named("zone").
		Watches(&v1alpha1.LaunchReadiness{}, handler.TypedEnqueueRequestsFromMapFunc(r.zoneOfLaunch), builder.WithPredicates(concernsZone())).
		Watches(&v1alpha1.LaunchPolicy{}, handler.TypedEnqueueRequestsFromMapFunc(r.everyZone), onSpec).
		Watches(&corev1.Namespace{}, handler.TypedEnqueueRequestsFromMapFunc(r.everyZone), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Watches(&networkingv1.Ingress{}, handler.TypedEnqueueRequestsFromMapFunc(r.zonesOfOrigin), builder.WithPredicates(addressChanged())).
		Watches(&corev1.Service{}, handler.TypedEnqueueRequestsFromMapFunc(r.zonesOfOrigin), builder.WithPredicates(addressChanged())).
		WithOptions(options).
		Complete(r)
}

// concernsZone lets through the launches that want something else of their zone than before. Most changes of a status are none.
func concernsZone() predicate.Predicate {
	type concern struct {
		generation int64
		deleted    bool
		launched   time.Time
		annotated  string
		finalizers string
		failing    bool
		tls        time.Time
	}
	of := func(obj client.Object) concern {
		lr, ok := obj.(*v1alpha1.LaunchReadiness)
		if !ok {
			return concern{}
		}
		return concern{
			lr.Generation, !lr.DeletionTimestamp.IsZero(), lr.Status.LaunchedAt.Time, lr.Annotations[v1alpha1.LaunchedAtAnnotation],
			fmt.Sprint(lr.Finalizers), requiredRowFails(lr), trueSince(lr, string(v1alpha1.RowTLSEnforced)),
		}
	}
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return of(e.ObjectOld) != of(e.ObjectNew) }}
}

// addressChanged lets through what is new, gone, or found elsewhere.
func addressChanged() predicate.Predicate {
	at := func(obj client.Object) any {
		switch o := obj.(type) {
		case *networkingv1.Ingress:
			return o.Status.LoadBalancer
		case *corev1.Service:
			return o.Status.LoadBalancer
		default:
			return nil
		}
	}
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return !equality.Semantic.DeepEqual(at(e.ObjectOld), at(e.ObjectNew))
	}}
}

func (r *ZoneReconciler) zoneOfLaunch(_ context.Context, obj client.Object) []ZoneRequest {
	lr, ok := obj.(*v1alpha1.LaunchReadiness)
	if !ok || zoneOf(lr) == "" {
		return nil
	}
	return []ZoneRequest{{Zone: zoneOf(lr)}}
}

func (r *ZoneReconciler) everyZone(ctx context.Context, _ client.Object) []ZoneRequest {
	return r.zones(ctx)
}

// zonesOfOrigin gives the zones of the launches in a namespace: one of them may lead to what changed.
func (r *ZoneReconciler) zonesOfOrigin(ctx context.Context, obj client.Object) []ZoneRequest {
	return r.zones(ctx, client.InNamespace(obj.GetNamespace()))
}

func (r *ZoneReconciler) zones(ctx context.Context, options ...client.ListOption) []ZoneRequest {
	var list v1alpha1.LaunchReadinessList
	if err := r.Client.List(ctx, &list, options...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the launches that an event concerns")
		return nil
	}
	var found []ZoneRequest
	for i := range list.Items {
		if zone := zoneOf(&list.Items[i]); zone != "" && !slices.Contains(found, ZoneRequest{zone}) {
			found = append(found, ZoneRequest{zone})
		}
	}
	return found
}

// InstallationID tells this cluster's marks from those of others: it comes from what identifies the cluster, so that it outlives
// the operator. It is read once.
func InstallationID(reader client.Reader) func(context.Context) (string, error) {
	var mu sync.Mutex
	var known string
	return func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if known != "" {
			return known, nil
		}
		var ns corev1.Namespace
		if err := reader.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, &ns); err != nil {
			return "", fmt.Errorf("identifying the cluster by its namespace %s: %w", metav1.NamespaceSystem, err)
		}
		known = string(ns.UID)
		return known, nil
	}
}
