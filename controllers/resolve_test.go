// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
)

// Only where the app has no part in it, a launched one has grace instead of the shorter window.
func TestWhoseFaultAnObstacleIs(t *testing.T) {
	lr := newLaunch("chat", "chat")
	for what, c := range map[string]struct {
		stalled *launch.StalledError
		waiting *launch.WaitingError
		want    v1alpha1.Fault
	}{
		"a workload that is missing":     {nil, &launch.WaitingError{Reason: v1alpha1.ReasonWorkloadNotFound}, v1alpha1.FaultApp},
		"a permission that we lack":      {nil, &launch.WaitingError{Reason: v1alpha1.ReasonNotConfigured, Ours: true}, v1alpha1.FaultOperator},
		"what a person is to mend first": {&launch.StalledError{Reason: v1alpha1.ReasonWorkloadInvalid}, &launch.WaitingError{Ours: true}, v1alpha1.FaultApp},
	} {
		if got := obstacleTo(lr, c.stalled, c.waiting).fault; got != c.want {
			t.Errorf("%s is the fault of %q, want %q", what, got, c.want)
		}
	}
}
