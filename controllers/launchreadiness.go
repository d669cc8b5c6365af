// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/launch"
)

// FieldOwner is the field manager of everything that the operator applies.
const FieldOwner = client.FieldOwner("launchready-manager")

// LaunchReadinessReconciler keeps the status of each LaunchReadiness true.
type LaunchReadinessReconciler struct {
	Client   client.Client
	Resolver *launch.Resolver
	Checks   *CheckRunner
	// Probes start and collect Jobs; nil where no row is measured by Jobs.
	Probes *ProbeRunner
	Events events.EventRecorder
	Clock  clock.PassiveClock
	// Key signs what the operator keeps outside the status.
	Key []byte
	// MeasurableSince is when the operator came back after an absence; zero where there was none.
	MeasurableSince time.Time
	// Resync is how often an app that passes is looked at without an event, since changes of Secrets can't be watched.
	Resync time.Duration
	// WatchNamespaces are the namespaces that the cache holds; empty for all.
	WatchNamespaces []string
	// Edge is what the last look at each zone said; nil where zones aren't looked at.
	Edge *EdgeBook
	// RouteKinds are the kinds of the Gateway API that the API server serves.
	RouteKinds []schema.GroupVersionKind
}

// Reconcile measures one app and publishes what it found.
func (r *LaunchReadinessReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	lr := &v1alpha1.LaunchReadiness{}
	if err := r.Client.Get(ctx, req.NamespacedName, lr); err != nil {
		if apierrors.IsNotFound(err) {
			r.Edge.forget(edge.LaunchID{Namespace: req.Namespace, Name: req.Name})
			err = r.forget(ctx, req.NamespacedName)
		}
		return ctrl.Result{}, err
	}
	app, obstacle, err := r.resolve(ctx, lr)
	if err != nil {
		return r.failed(ctx, err)
	}
	surroundings, err := r.lookAround(ctx, app)
	if err != nil {
		return r.failed(ctx, err)
	}
	inputs, err := r.Checks.Inputs(app)
	if err != nil {
		return r.failed(ctx, err)
	}
	use, err := r.probeInputs(ctx, app, inputs)
	if err != nil {
		return r.failed(ctx, err)
	}
	probed, err := r.probe(ctx, app, inputs, use, obstacle)
	if err != nil {
		return r.failed(ctx, err)
	}
	outcomes := append(r.measure(ctx, app, inputs, obstacle), probed.outcomes...)
	score := r.score(app, inputs, outcomes, probed, obstacle, surroundings)
	plan := r.planGate(app, &score, surroundings)
	if err := r.publish(ctx, app, score, outcomes, plan); err != nil {
		return r.failed(ctx, err)
	}
	return r.requeue(score, obstacle, probed.again), nil
}

// failed ends a pass that could not be brought to its end. A conflict means that somebody wrote in between: the next
// pass begins with what they wrote, and nothing went wrong. Anything else is tried again with backoff.
func (r *LaunchReadinessReconciler) failed(ctx context.Context, err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) {
		ctrl.LoggerFrom(ctx).V(1).Info("the resource changed meanwhile, starting over")
		reconciles.WithLabelValues("conflict").Inc()
		return ctrl.Result{RequeueAfter: conflictPause}, nil
	}
	reconciles.WithLabelValues("transient").Inc()
	return ctrl.Result{}, err
}
