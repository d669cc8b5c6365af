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
}

// resolve resolves the app. What a person or time must mend comes back as an obstacle; only what should work the next
// time comes back as an error.
func (r *LaunchReadinessReconciler) resolve(ctx context.Context, lr *v1alpha1.LaunchReadiness) (*launch.App, *obstacle, error) {
	app, err := r.Resolver.Resolve(ctx, lr)
	var stalled *launch.StalledError
	var waiting *launch.WaitingError
	switch {
	case errors.As(err, &stalled):
		return app, &obstacle{Obstacle: scorecard.Obstacle{
			Kind: scorecard.ObstacleStalled, Reason: stalled.Reason, Message: stalled.Message,
		}}, nil
	case err != nil && !errors.As(err, &waiting):
		return nil, nil, err
	case !lr.DeletionTimestamp.IsZero():
		return app, &obstacle{Obstacle: scorecard.Obstacle{
			Kind: scorecard.ObstacleWanted, Reason: v1alpha1.ReasonDeleting,
			Message: fmt.Sprintf("It is being deleted and no longer measured; it goes when its finalizers are gone: %s.", strings.Join(lr.Finalizers, ", ")),
		}}, nil
	case lr.Spec.Suspend != nil && *lr.Spec.Suspend:
		return app, &obstacle{Obstacle: scorecard.Obstacle{
			Kind: scorecard.ObstacleWanted, Reason: v1alpha1.ReasonSuspended,
			Message: "It is not measured and its verdicts age: set spec.suspend to false to go on.",
		}}, nil
	case waiting != nil:
		return app, &obstacle{again: waiting.Again, Obstacle: scorecard.Obstacle{
			Kind: scorecard.ObstacleWaiting, Reason: waiting.Reason, Message: waiting.Message,
		}}, nil
	default:
		return app, nil, nil
	}
}
