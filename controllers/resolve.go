// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// obstacle is why an app is not measured, and when to look again.
type obstacle struct {
	scorecard.Obstacle
	again time.Duration
	// fault of what rows can't be measured for; empty where measuring was called off.
	fault v1alpha1.Fault
}

// resolve resolves the app. What a person or time must mend comes back as an obstacle; only what should work the next
// time comes back as an error.
func (r *LaunchReadinessReconciler) resolve(ctx context.Context, lr *v1alpha1.LaunchReadiness) (*launch.App, *obstacle, error) {
	app, err := r.Resolver.Resolve(ctx, lr)
	var stalled *launch.StalledError
	var waiting *launch.WaitingError
	if err != nil && !errors.As(err, &stalled) && !errors.As(err, &waiting) {
		return nil, nil, err
	}
	return app, obstacleTo(lr, stalled, waiting), nil
}

// obstacleTo gives what keeps a launch from being measured: the weightiest of what there is, or nil.
func obstacleTo(lr *v1alpha1.LaunchReadiness, stalled *launch.StalledError, waiting *launch.WaitingError) *obstacle {
	switch {
	case stalled != nil:
		return &obstacle{fault: v1alpha1.FaultApp, Obstacle: scorecard.Obstacle{
			Kind: scorecard.ObstacleStalled, Reason: stalled.Reason, Message: stalled.Message,
		}}
	case !lr.DeletionTimestamp.IsZero():
		return &obstacle{Obstacle: scorecard.Obstacle{
			Kind: scorecard.ObstacleWanted, Reason: v1alpha1.ReasonDeleting,
			Message: fmt.Sprintf("It is being deleted and no longer measured; it goes when its finalizers are gone: %s.", strings.Join(lr.Finalizers, ", ")),
		}}
	case lr.Spec.Suspend != nil && *lr.Spec.Suspend:
		return &obstacle{Obstacle: scorecard.Obstacle{
			Kind: scorecard.ObstacleWanted, Reason: v1alpha1.ReasonSuspended,
			Message: "It is not measured and its verdicts age: set spec.suspend to false to go on.",
		}}
	case waiting != nil:
		fault := v1alpha1.FaultApp
		if waiting.Ours {
			fault = v1alpha1.FaultOperator
		}
		return &obstacle{again: waiting.Again, fault: fault, Obstacle: scorecard.Obstacle{
			Kind: scorecard.ObstacleWaiting, Reason: waiting.Reason, Message: waiting.Message,
		}}
	default:
		return nil
	}
}
