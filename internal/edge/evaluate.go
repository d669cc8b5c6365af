// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Evaluation is a zone compared with what is wanted of it.
type Evaluation struct {
	// Input as settled: with the claims, and what launches may not have.
	Input Input
	State State
	// Plan is what is to be applied, for the launches that enforce, revert or leave.
	Plan Plan
	// Observed is what would be applied if those that observe enforced too.
	Observed Plan
}

// Evaluate compares a zone with what is wanted of it. It is pure.
func Evaluate(in Input, state State) Evaluation {
	settled := Settle(in, state)
	e := Evaluation{Input: settled, State: state}
	e.Plan = PlanOf(settled, Desired(settled, state), state)
	e.Observed = e.Plan
	if slices.ContainsFunc(state.Denied, func(d Denied) bool { return d.Part == PartRecords }) {
		// Of a host whose records can't be seen the worst is taken, but not for good.
		e.Input.Ledger.Claims = slices.DeleteFunc(slices.Clone(settled.Ledger.Claims), func(c Claim) bool { return in.Ledger.claim(c.Host) == nil })
	}
	if slices.ContainsFunc(settled.Launches, func(l Launch) bool { return l.observes() && !l.Leaving }) {
		as := Settle(asEnforced(in), state)
		e.Observed = PlanOf(as, Desired(as, state), state)
	}
	return e
}

// asEnforced is what would be if those that observe enforced.
func asEnforced(in Input) Input {
	out := in
	out.Launches = slices.Clone(in.Launches)
	for i, l := range out.Launches {
		if l.observes() && !l.Leaving {
			enforced := l.cloudflare()
			enforced.Mode = v1alpha1.EdgeEnforce
			out.Launches[i].Spec.Cloudflare = &enforced
		}
	}
	return out
}

// PlanFor gives the changes that serve a launch: those that are to be made, or those that would be if it enforced; and what can't
// be done for it.
func (e Evaluation) PlanFor(l Launch) ([]Change, []Note) {
	plan := e.Plan
	if l.observes() {
		plan = e.Observed
	}
	var notes []Note
	for _, n := range plan.Notes {
		if n.Launch == l.LaunchID && !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	return plan.ForLaunch(l.LaunchID), notes
}

// Locked are the hosts of a launch that strangers meet the holding page on, as the zone is now.
func (e Evaluation) Locked(l Launch) []string {
	s := settling{in: e.Input, state: e.State} // the rules alone are looked at
	return slices.DeleteFunc(l.Hosts(), func(h string) bool { return !s.locked(h) })
}

// Launch finds a launch as settled.
func (e Evaluation) Launch(id LaunchID) (Launch, bool) {
	i := slices.IndexFunc(e.Input.Launches, func(l Launch) bool { return l.LaunchID == id && !l.Retained })
	if i < 0 {
		return Launch{}, false
	}
	return e.Input.Launches[i], true
}
