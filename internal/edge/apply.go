// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Failure is a change that wasn't made, and why.
type Failure struct {
	Change Change
	Err    error
}

// Failures are changes that weren't made.
type Failures []Failure

// Error names the first.
func (f Failures) Error() string {
	if len(f) == 1 {
		return fmt.Sprintf("%s: %v", f[0].Change.Words, f[0].Err)
	}
	return fmt.Sprintf("%s: %v (and %d more)", f[0].Change.Words, f[0].Err, len(f)-1)
}

// Unwrap gives the causes.
func (f Failures) Unwrap() []error {
	errs := make([]error, len(f))
	for i := range f {
		errs[i] = f[i].Err
	}
	return errs
}

// Apply executes a plan in its order. A change that fails holds back what depends on it: without its lock no record is created;
// everything else is tried. Where Cloudflare can't be reached, or may no more be asked, it stops at once: the next pass observes
// first, and finds what was done.
func Apply(ctx context.Context, api API, state State, plan Plan) error {
	a := applying{api: api, state: state, bare: map[string]bool{}}
	for _, step := range steps(plan.Changes) {
		if err := a.step(ctx, step); err != nil {
			return err
		}
	}
	if len(a.failures) > 0 {
		return a.failures
	}
	return nil
}

type applying struct {
	api      API
	state    State
	failures Failures
	// bare are the hosts whose lock, or redirect, could not be set up.
	bare map[string]bool
}

// steps gathers the changes that are one call: all records, all settings, the rules of a phase that has no entry point yet.
func steps(changes []Change) [][]Change {
	var out [][]Change
	index := map[string]int{}
	for _, c := range changes {
		key := ""
		switch {
		case c.Record != nil:
			key = "records"
		case c.Setting != nil:
			key = "settings"
		case c.Rule != nil && c.Rule.Verb == Create && c.Rule.RulesetID == "":
			key = string(c.Rule.Phase)
		}
		if i, ok := index[key]; ok && key != "" {
			out[i] = append(out[i], c)
			continue
		}
		if key != "" {
			index[key] = len(out)
		}
		out = append(out, []Change{c})
	}
	return out
}

// step makes one call. It gives an error where nothing more is to be tried.
func (a *applying) step(ctx context.Context, step []Change) error {
	c := step[0]
	if c.Record != nil {
		step = slices.DeleteFunc(step, func(c Change) bool { return c.Record.Verb == Create && a.bare[c.Record.Record.Name] })
	}
	if len(step) == 0 {
		return nil
	}
	err := a.call(ctx, step)
	if err == nil {
		return nil
	}
	if parts := byLaunch(step); len(parts) > 1 && refused(err) {
		// All or nothing: what one launch wants and can't have is not to hold back what others do.
		for _, part := range parts {
			if err := a.failed(ctx, part, a.call(ctx, part)); err != nil {
				return err
			}
		}
		return nil
	}
	return a.failed(ctx, step, err)
}

// failed notes what wasn't done, if it wasn't. It gives an error where nothing more is to be tried.
func (a *applying) failed(ctx context.Context, step []Change, err error) error {
	if err == nil {
		return nil
	}
	for _, c := range step {
		a.failures = append(a.failures, Failure{c, err})
		for _, host := range c.Needed {
			a.bare[host] = true
		}
	}
	switch KindOf(err) {
	case KindAuth, KindRateLimit, KindTransient, KindZoneNotFound:
		return a.failures
	default:
		return ctx.Err()
	}
}

// refused says whether Cloudflare didn't like what it was asked for, so that a part of it may do.
func refused(err error) bool {
	k := KindOf(err)
	return k == KindInvalid || k == KindConflict
}

// byLaunch parts changes of records by whom they serve first.
func byLaunch(step []Change) [][]Change {
	var out [][]Change
	index := map[LaunchID]int{}
	for _, c := range step {
		if c.Record == nil || len(c.Launches) == 0 {
			return nil
		}
		i, known := index[c.Launches[0]]
		if !known {
			i = len(out)
			index[c.Launches[0]], out = i, append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}

func (a *applying) call(ctx context.Context, step []Change) error {
	c := step[0]
	zone := a.state.Zone
	switch {
	case c.Record != nil:
		return a.api.ChangeRecords(ctx, zone, batch(step))
	case c.Setting != nil:
		values := map[Setting]string{}
		for _, c := range step {
			values[c.Setting.Setting] = c.Setting.Value
		}
		return a.api.ChangeSettings(ctx, zone, values)
	case c.Bots != nil:
		return a.api.ChangeBots(ctx, zone, *c.Bots)
	case c.Leaked != nil:
		return a.api.EnableLeakedCredentials(ctx, zone, *c.Leaked)
	case c.Rule != nil && c.Rule.Verb == Create && c.Rule.RulesetID == "":
		rules := make([]Rule, len(step))
		for i, c := range step {
			rules[i] = c.Rule.Rule
		}
		return a.api.CreateRuleset(ctx, zone, c.Rule.Phase, rules)
	case c.Rule != nil:
		return a.rule(ctx, *c.Rule)
	default:
		return errors.New("a change that says nothing")
	}
}

func (a *applying) rule(ctx context.Context, c RuleChange) error {
	switch c.Verb {
	case Create:
		return a.api.CreateRule(ctx, a.state.Zone, c.RulesetID, c.Rule, c.At)
	case Patch:
		return a.api.UpdateRule(ctx, a.state.Zone, c.RulesetID, c.Rule, c.At)
	default:
		return a.api.DeleteRule(ctx, a.state.Zone, c.RulesetID, c.Rule.ID)
	}
}

func batch(step []Change) RecordBatch {
	var b RecordBatch
	for _, c := range step {
		switch c.Record.Verb {
		case Create:
			b.Post = append(b.Post, c.Record.Record)
		case Patch:
			b.Patch = append(b.Patch, c.Record.Record)
		default:
			b.Delete = append(b.Delete, c.Record.Record.ID)
		}
	}
	return b
}

// Remembered gives the ledger with what a plan's changes replace. It is written before the plan is applied.
func Remembered(l Ledger, plan Plan) Ledger {
	out := l.clone()
	for _, c := range plan.Changes {
		if c.Previous != nil {
			out.Previous = append(out.Previous, *c.Previous)
		}
	}
	return out
}

// ForLaunch are the changes that serve a launch.
func (p Plan) ForLaunch(l LaunchID) []Change {
	var out []Change
	for _, c := range p.Changes {
		if slices.Contains(c.Launches, l) {
			out = append(out, c)
		}
	}
	return out
}
