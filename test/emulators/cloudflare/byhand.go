// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// EditZone changes a zone as somebody would who needs no token: another team by hand, a support engineer, or a change of plan. Nothing is
// checked; what a record, a ruleset or a rule lacks of ids, times and versions is filled in, and a ruleset whose rules changed has a new
// version. It returns what edit returns, and then nothing is changed.
func (s *Server) EditZone(name string, edit func(*Zone) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.state.zoneNamed(name)
	if old == nil {
		return fmt.Errorf("edit zone %s: %w", name, errNoZone)
	}
	z := old.copy()
	if err := edit(z); err != nil {
		return fmt.Errorf("edit zone %s: %w", name, err)
	}
	z.complete(old, s.opts.Now().UTC())
	s.state.put(z)
	return s.state.save(s.opts.StateFile)
}

// SetRules replaces the rules of a phase's entry point, and makes it where there is none: for EditZone.
func (z *Zone) SetRules(phase string, rules []Rule) {
	if set := z.entrypoint(phase); set != nil {
		set.Rules = rules
		return
	}
	z.Rulesets = append(z.Rulesets, Ruleset{Phase: phase, Rules: rules})
}

// complete fills in what an edit by hand left out.
func (z *Zone) complete(old *Zone, now time.Time) {
	z.ModifiedOn = now
	for i := range z.Records {
		r := &z.Records[i]
		r.ID = cmp.Or(r.ID, newID())
		r.Name = fullName(r.Name, z.Name)
		r.TTL = cmp.Or(r.TTL, 1)
		if r.CreatedOn.IsZero() {
			r.CreatedOn, r.ModifiedOn = now, now
		}
	}
	for i := range z.Rulesets {
		set := &z.Rulesets[i]
		set.ID, set.Kind, set.Name = cmp.Or(set.ID, newID()), cmp.Or(set.Kind, kindZone), cmp.Or(set.Name, "default")
		for j := range set.Rules {
			rule := &set.Rules[j]
			rule.ID = cmp.Or(rule.ID, newID())
			rule.Ref, rule.Version = cmp.Or(rule.Ref, rule.ID), cmp.Or(rule.Version, 1)
			if rule.LastUpdated.IsZero() {
				rule.LastUpdated = now
			}
		}
		before := old.ruleset(set.ID)
		changed := before == nil || !slices.EqualFunc(before.Rules, set.Rules, func(a, b Rule) bool { return a.ID == b.ID && sameRule(a, b) })
		if changed && (before == nil || before.Version == set.Version) {
			set.Version++
			set.LastUpdated = now
		}
	}
}
