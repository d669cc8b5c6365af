// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

// maxRollouts is the MaxItems of status.rollouts.
const maxRollouts = 10

// seen adds the revision that runs now to those that were seen, newest first.
//
// Digests become known a moment after a rollout, when its pods run, and unknown again when none does: as long as the
// configuration is the same, neither is a rollout.
func seen(rollouts []v1alpha1.Rollout, now Revision, at time.Time) []v1alpha1.Rollout {
	rollouts = slices.Clone(rollouts)
	if now.Hash == "" {
		return rollouts
	}
	if len(rollouts) > 0 && rollouts[0].Configuration == now.Configuration {
		head := &rollouts[0]
		if !now.Resolved || head.Revision == now.Hash {
			return rollouts
		}
		if head.Revision == head.Configuration {
			head.Revision = now.Hash
			return rollouts
		}
	}
	rollouts = slices.Insert(rollouts, 0, v1alpha1.Rollout{
		Revision: now.Hash, Configuration: now.Configuration, At: metav1.NewTime(at),
	})
	if len(rollouts) > maxRollouts {
		// The oldest says since when a measurement has been missing, so one in between goes.
		rollouts = slices.Delete(rollouts, 1, 2)
	}
	return rollouts
}

// current is the revision that runs, as far as it is known.
func current(rollouts []v1alpha1.Rollout) string {
	if len(rollouts) == 0 {
		return ""
	}
	return rollouts[0].Revision
}

// named gives a revision its full name: one that was measured while no pod ran to tell the digests is, by its
// configuration, the last that was seen with it.
func named(rollouts []v1alpha1.Rollout, revision string) string {
	for _, r := range rollouts {
		if r.Configuration == revision {
			return r.Revision
		}
	}
	return revision
}

// firstAfter is when the first revision after the given one was seen; zero if the given one is the newest or unknown.
func firstAfter(rollouts []v1alpha1.Rollout, revision string) time.Time {
	i := slices.IndexFunc(rollouts, func(r v1alpha1.Rollout) bool { return r.Revision == revision })
	if i < 1 {
		return time.Time{}
	}
	return rollouts[i-1].At.Time
}

// trimmed drops the rollouts that came before everything that was measured last: nobody asks for them any more.
func trimmed(rollouts []v1alpha1.Rollout, measurements []v1alpha1.Measurement) []v1alpha1.Rollout {
	needed := min(1, len(rollouts))
	for _, m := range measurements {
		if m.Revision == "" {
			return rollouts
		}
		if i := slices.IndexFunc(rollouts, func(r v1alpha1.Rollout) bool { return r.Revision == m.Revision }); i >= 0 {
			needed = max(needed, i+1)
		}
	}
	return rollouts[:needed]
}
