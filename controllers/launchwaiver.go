// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// LaunchWaiverReconciler says on each LaunchWaiver whether it is in force, and why not.
type LaunchWaiverReconciler struct {
	Client   client.Client
	Resolver *launch.Resolver
	Clock    clock.PassiveClock
}

// Reconcile writes the condition Active of one waiver.
func (r *LaunchWaiverReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	w := &v1alpha1.LaunchWaiver{}
	if err := r.Client.Get(ctx, req.NamespacedName, w); err != nil || !w.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	state, err := r.state(ctx, w)
	if err != nil {
		return ctrl.Result{}, err
	}
	status := *w.Status.DeepCopy()
	status.ObservedGeneration = ptr.To(w.Generation)
	active := metav1.Condition{
		Type: v1alpha1.ConditionActive, Status: metav1.ConditionFalse, Reason: state.Reason, Message: state.Message,
		ObservedGeneration: w.Generation, LastTransitionTime: metav1.NewTime(r.Clock.Now().Truncate(time.Second)),
	}
	if state.Active {
		active.Status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&status.Conditions, active)
	if _, err := writeStatus(ctx, r.Client, w, "LaunchWaiver", w.Status, status); err != nil {
		return ctrl.Result{}, err
	}
	if state.ChangesAt.IsZero() {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(state.ChangesAt.Sub(r.Clock.Now()), time.Second)}, nil
}

// state judges a waiver under the policies that bind its launch.
func (r *LaunchWaiverReconciler) state(ctx context.Context, w *v1alpha1.LaunchWaiver) (scorecard.WaiverState, error) {
	lr := &v1alpha1.LaunchReadiness{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: w.Spec.LaunchReadinessRef.Name}, lr)
	if apierrors.IsNotFound(err) {
		return scorecard.WaiverState{
			Reason:  v1alpha1.ReasonLaunchNotFound,
			Message: fmt.Sprintf("LaunchReadiness %s/%s does not exist: create it, or delete this waiver.", w.Namespace, w.Spec.LaunchReadinessRef.Name),
		}, nil
	}
	if err != nil {
		return scorecard.WaiverState{}, fmt.Errorf("reading the launch: %w", err)
	}
	rules, err := r.Resolver.Rules(ctx, lr)
	var stalled *launch.StalledError
	if err != nil && !errors.As(err, &stalled) {
		return scorecard.WaiverState{}, err
	}
	return scorecard.JudgeWaiver(*w, rules.Waivers, r.Clock.Now()), nil
}
