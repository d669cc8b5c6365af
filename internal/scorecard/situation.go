// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Situation is everything that a score depends on.
type Situation struct {
	Now time.Time
	// MeasurableSince is since when the operator has been able to measure after an absence; zero where there was none.
	// What aged during an absence has its grace from then on.
	MeasurableSince time.Time

	Generation int64
	// Policy is what all policies in force demand together: every row, threshold and rule is there.
	Policy   v1alpha1.LaunchPolicySpec
	Policies []v1alpha1.PolicyInForce
	// Waivers of this launch, in force or not.
	Waivers []v1alpha1.LaunchWaiver

	// Previous is the status as it stands, or an empty one.
	Previous v1alpha1.LaunchReadinessStatus
	// LaunchedAt is kept outside the status; zero where the app has never been Launchable.
	LaunchedAt time.Time

	// Revision is what runs now; empty where it could not be resolved.
	Revision Revision
	// Inputs are the hashes of what a measurement would use now, for every row that this version can measure.
	Inputs map[v1alpha1.Row]string
	// Outcomes of the attempts that ended since the last score.
	Outcomes []Outcome
	// RunningSince is when the measurements started that are under way, by row.
	RunningSince map[v1alpha1.Row]time.Time

	// Obstacle is why nothing could be measured; nil where it could.
	Obstacle *Obstacle
}

// Revision is the identity of what runs. Revision equals Configuration as long as the digest of an image is not known.
type Revision struct {
	Hash          string
	Configuration string
	Images        []string
	Resolved      bool
}

// ObstacleKind says who can remove an obstacle.
type ObstacleKind string

const (
	// ObstacleStalled is for a person to remove: Ready is False and Stalled is True.
	ObstacleStalled ObstacleKind = "Stalled"
	// ObstacleWaiting goes away by itself or with a later step of the release: Ready stays True, so that no
	// GitOps tool waits for this resource before it applies the next.
	ObstacleWaiting ObstacleKind = "Waiting"
	// ObstacleWanted was asked for, such as spec.suspend: Ready stays True.
	ObstacleWanted ObstacleKind = "Wanted"
)

// Obstacle is why nothing could be measured.
type Obstacle struct {
	Kind            ObstacleKind
	Reason, Message string
}

// Score is what follows from a Situation.
type Score struct {
	Status v1alpha1.LaunchReadinessStatus
	// NextAt is when something falls due by the clock alone; zero where nothing does.
	NextAt time.Time
	// Transitions are the conditions that changed, in their order: each is worth an Event.
	Transitions []Transition
	// Rows are the standings that the summaries were made of, in the scorecard's order.
	Rows []Standing
}

// Transition is a condition that changed.
type Transition struct {
	Condition       string
	Bad             bool
	Reason, Message string
}

func (s Situation) launched() bool { return !s.LaunchedAt.IsZero() }

// demand gives what the policies demand of a row: Off where they say nothing.
func (s Situation) demand(row v1alpha1.Row) v1alpha1.RowDemand {
	for _, d := range s.Policy.Rows {
		if d.Row == row {
			return d
		}
	}
	return v1alpha1.RowDemand{Row: row, Enforcement: v1alpha1.EnforcementOff}
}

// seconds turns a number of seconds of the API into a duration.
func seconds(n *int32, otherwise time.Duration) time.Duration {
	if n == nil {
		return otherwise
	}
	return time.Duration(*n) * time.Second
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
