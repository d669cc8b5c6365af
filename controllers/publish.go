// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/report"
	"github.com/launchready/launchready/internal/scorecard"
)

// publish writes what was found: what the gate is to hold before anything else; the status in one patch, the time of the
// launch beside it, the transitions as Events; what the gate is to open; the report. An unchanged app writes nothing.
// Events come after the patch went through, so that none tells of what the status does not say.
func (r *LaunchReadinessReconciler) publish(ctx context.Context, app *launch.App, score scorecard.Score, outcomes []scorecard.Outcome, plan gatePlan) error {
	lr := app.Launch
	leaving := !lr.DeletionTimestamp.IsZero()
	if !leaving {
		if err := r.closeGate(ctx, plan); err != nil {
			return err
		}
	}
	written, err := writeStatus(ctx, r.Client, lr, "LaunchReadiness", lr.Status, score.Status)
	if err != nil {
		return err
	}
	if written {
		r.tell(ctx, lr, score.Transitions)
	}
	if leaving {
		return nil
	}
	if err := r.keepLaunchedAt(ctx, lr, score.Status.LaunchedAt); err != nil {
		return fmt.Errorf("keeping the time of the launch: %w", err)
	}
	if err := r.openGate(ctx, plan); err != nil {
		return err
	}
	if err := r.publishReport(ctx, lr, score, outcomes); err != nil {
		return fmt.Errorf("writing the LaunchReport: %w", err)
	}
	return nil
}

// tell records transitions as Events, and in the log those of Launchable.
func (r *LaunchReadinessReconciler) tell(ctx context.Context, lr *v1alpha1.LaunchReadiness, transitions []scorecard.Transition) {
	for _, t := range transitions {
		kind := corev1.EventTypeNormal
		if t.Bad {
			kind = corev1.EventTypeWarning
		}
		note := scorecard.Bounded(t.Condition + ": " + t.Message)
		// The condition is the action, for Events that differ in nothing but their note are told as one.
		r.Events.Eventf(lr, nil, kind, t.Reason, t.Condition, "%s", note)
		if t.Condition == v1alpha1.ConditionLaunchable {
			ctrl.LoggerFrom(ctx).Info("launchable changed", "reason", t.Reason, "message", t.Message)
		}
	}
}

// publishReport rewrites the report in place where the evidence changed.
func (r *LaunchReadinessReconciler) publishReport(ctx context.Context, lr *v1alpha1.LaunchReadiness, score scorecard.Score, outcomes []scorecard.Outcome) error {
	have := &v1alpha1.LaunchReport{}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(lr), have)
	switch {
	case apierrors.IsNotFound(err):
		have.Namespace, have.Name = lr.Namespace, lr.Name
	case err != nil:
		return err
	case !metav1.IsControlledBy(have, lr):
		// The report of an earlier resource of the same name: the garbage collector takes it away, which brings us back.
		ctrl.LoggerFrom(ctx).V(1).Info("waiting for an earlier report to be collected")
		return nil
	}
	want := report.Build(score.Status, outcomes, have.Status)
	if len(want.Rows) == 0 {
		return nil
	}
	if have.UID == "" {
		u := identified(have, "LaunchReport")
		u.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(lr, v1alpha1.GroupVersion.WithKind("LaunchReadiness"))})
		if err := r.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), FieldOwner, client.ForceOwnership); err != nil {
			return err
		}
	}
	_, err = writeStatus(ctx, r.Client, have, "LaunchReport", have.Status, want)
	return err
}
