// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"time"

	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
)

// budget is what the probes of an app have asked of it today, and may ask.
type budget struct {
	v1alpha1.ProbeBudget
	rules v1alpha1.ProbeRules
	now   time.Time
	// touched says that something was spent or given back, so that the status has to tell.
	touched bool
}

// budgetOf gives what was spent on the day that it is, by what the status says. What a probe may still ask that runs over midnight
// counts for both days.
func budgetOf(status v1alpha1.LaunchReadinessStatus, rules v1alpha1.ProbeRules, now time.Time) *budget {
	b := &budget{rules: rules, now: now.UTC()}
	if have := status.ProbeBudget; have != nil && have.Day == b.today() {
		have.DeepCopyInto(&b.ProbeBudget)
		return b
	}
	b.Day = b.today()
	b.Runs, b.Requests, b.Chats, b.SignUps = ptr.To[int32](0), ptr.To[int64](0), ptr.To[int32](0), ptr.To[int32](0)
	for _, p := range status.Probes {
		if p.Outcome == v1alpha1.ProbeRunning && p.Planned != nil {
			b.add(*p.Planned, 1)
		}
	}
	return b
}

func (b *budget) today() string { return b.now.Format(time.DateOnly) }

// plan gives what a run of a suite may ask at most.
func (b *budget) plan(p probe.Plan) v1alpha1.ProbePlan {
	return v1alpha1.ProbePlan{
		Requests: b.rules.MaxRequestsPerRun,
		Chats:    ptr.To(int32(p.Chats)),   //nolint:gosec // bounded by the description's lists
		SignUps:  ptr.To(int32(p.SignUps)), //nolint:gosec // three
	}
}

// reserve takes out what a run may ask.
func (b *budget) reserve(p v1alpha1.ProbePlan) {
	b.touched = true
	*b.Runs++
	b.add(p, 1)
}

// settle gives back what a run did not ask. One that ended without telling may have asked everything, if it ran at all.
func (b *budget) settle(last v1alpha1.Probe, c probe.Collected) {
	if last.Planned == nil {
		return
	}
	b.touched = true
	switch {
	case c.State == probe.StateFinished:
		b.add(*last.Planned, -1)
		*b.Requests += int64(c.Result.Requests)
		*b.Chats += int32(c.Result.Chats)     //nolint:gosec // at most what was planned
		*b.SignUps += int32(c.Result.SignUps) //nolint:gosec // at most three
	case !c.Ran:
		b.add(*last.Planned, -1)
	}
}

func (b *budget) add(p v1alpha1.ProbePlan, sign int32) {
	*b.Requests = max(*b.Requests+int64(sign)*int64(*p.Requests), 0)
	*b.Chats = max(*b.Chats+sign**p.Chats, 0)
	*b.SignUps = max(*b.SignUps+sign**p.SignUps, 0)
}

// status gives what the status says: what it said already, while nothing happened but that time has passed.
func (b *budget) status(have *v1alpha1.ProbeBudget, next v1alpha1.ProbePlan) *v1alpha1.ProbeBudget {
	if !b.touched && have != nil {
		kept := have.DeepCopy()
		kept.Planned = next
		return kept
	}
	told := b.ProbeBudget.DeepCopy()
	told.Planned = next
	return told
}

// shortage says what there is too little of for another run, and when there is enough again.
func (b *budget) shortage(p v1alpha1.ProbePlan) (reason, message string, again time.Duration) {
	for _, k := range []struct {
		what, limit        string
		planned, had, most int32
	}{
		{"questions to the chat", "maxChatsPerDay", *p.Chats, *b.Chats, *b.rules.MaxChatsPerDay},
		{"sign-ups", "maxSignUpsPerDay", *p.SignUps, *b.SignUps, *b.rules.MaxSignUpsPerDay},
	} {
		switch {
		case k.planned > k.most:
			return probe.ReasonProbeBudgetTooSmall, fmt.Sprintf(
				"A run may need %d %s, and the policies in force allow %d a day. Raise spec.probes.%s in the LaunchPolicy, or describe fewer identities or resources.",
				k.planned, k.what, k.most, k.limit), mending
		case k.had+k.planned > k.most:
			midnight := b.now.Truncate(24 * time.Hour).Add(24 * time.Hour)
			return probe.ReasonProbeBudgetSpent, fmt.Sprintf(
				"Probes had %d %s on %s (UTC), and another run may need %d of the %d that the policies in force allow a day. It goes on the next day; raise spec.probes.%s in the LaunchPolicy to go on now.",
				k.had, k.what, b.Day, k.planned, k.most, k.limit), midnight.Sub(b.now)
		}
	}
	return "", "", 0
}
