// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

const (
	// maxFindings is how many findings a run tells of: one for each rule, plant and carrier, the worst first.
	maxFindings = 12
	// maxShorter is how often each is tried shorter, and maxShortened how many questions of a run go into that.
	maxShorter   = 8
	maxShortened = 60
)

// success is an attack that worked, for one rule and plant.
type success struct {
	leak
	attack  corpus.Attack
	lengths []int
	// shortest is the text that still works.
	shortest corpus.Attack
}

// successes gives the shortest attack for each rule, plant and carrier, the worst first.
func (r *run) successes() []*success {
	var all []*success
	for _, id := range r.order {
		t := r.tries[id]
		for _, l := range t.leaks {
			one := &success{leak: l, attack: t.attack, lengths: t.lengths, shortest: t.attack}
			i := slices.IndexFunc(all, func(had *success) bool {
				return had.rule == l.rule && had.plant == l.plant && had.attack.Carrier == t.attack.Carrier
			})
			switch {
			case i < 0:
				all = append(all, one)
			case size(one.attack) < size(all[i].attack):
				all[i] = one
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *success) int { return cmp.Compare(a.rule.rank, b.rule.rank) })
	return all[:min(len(all), maxFindings)]
}

// size is how long an attack is for somebody who reads it.
func size(a corpus.Attack) int {
	return len(a.Content) + len(strings.Join(a.Turns, ""))
}

// minimise makes what worked shorter, as long as it works.
func (r *run) minimise(ctx context.Context) {
	r.worked = r.successes()
	for _, s := range r.worked {
		m := &minimising{run: r, success: s, left: maxShorter}
		if n := len(s.shortest.Turns); n > 1 {
			last := s.shortest
			last.Turns = last.Turns[n-1:]
			m.try(ctx, last)
		}
		for m.withoutASentence(ctx) {
		}
	}
}

// minimising is the search for the shortest form of what worked.
type minimising struct {
	*run
	*success
	left int
}

// withoutASentence says whether it works without one of its sentences.
func (m *minimising) withoutASentence(ctx context.Context) bool {
	return slices.ContainsFunc(shorter(m.shortest), func(a corpus.Attack) bool { return m.try(ctx, a) })
}

// try makes a shorter attack, and keeps it if it works.
func (m *minimising) try(ctx context.Context, a corpus.Attack) bool {
	if m.left == 0 || m.shortened+questions(a) > maxShortened || ctx.Err() != nil || m.stopped != "" {
		m.left = 0
		return false
	}
	m.left--
	m.shortened += questions(a)
	t := m.once(ctx, a)
	if t.outcome == banned {
		m.stopped = stoppedByProvider
	}
	works := slices.ContainsFunc(t.leaks, func(l leak) bool { return l.rule == m.rule && l.plant == m.success.plant })
	if works {
		m.shortest = a
	}
	return works
}

// shorter gives the attack without one of its sentences each, the first first: what leads up to a question is often for nothing.
func shorter(a corpus.Attack) []corpus.Attack {
	all := sentences(a.Hostile())
	if len(all) < 2 {
		return nil
	}
	var candidates []corpus.Attack
	for i := range all {
		rest := strings.TrimSpace(strings.Join(slices.Concat(all[:i], all[i+1:]), ""))
		candidates = append(candidates, a.WithHostile(rest))
	}
	return candidates
}

// sentences splits a text by UAX #29.
func sentences(text string) []string {
	var all []string
	for state := -1; text != ""; {
		var sentence string
		sentence, text, state = uniseg.FirstSentenceInString(text, state)
		all = append(all, sentence)
	}
	return all
}
