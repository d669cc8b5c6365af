// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// Strategy changes an attack into another with the same goal.
type Strategy struct {
	// Name is kebab-case, and stays: it is a part of the identifiers of the attacks that it makes.
	Name string
	// Description says in a few words what is done.
	Description string
	// Weight says how often it helps in the field, 5 most often.
	Weight int
	// Apply gives the changed attack, whose identifier is <id>+<name>, or false where it makes no sense.
	Apply func(corpus.Attack) (corpus.Attack, bool)
}

// joint joins the name of an attack and those of the strategies that were applied to it.
const joint = "+"

// All gives the strategies, in an order that stays.
func All() []Strategy {
	return slices.Concat(encodings(), smugglings(), disguises(), wraps(), leads(), outputs())
}

// Base gives the identifier of the attack that the strategies were applied to, and their names.
func Base(id string) (string, []string) {
	names := strings.Split(id, joint)
	return names[0], names[1:]
}

// Find gives the attack of that identifier, which may name strategies. It is how a failed attack is found again.
func Find(attacks []corpus.Attack, strategies []Strategy, id string) (corpus.Attack, bool) {
	base, names := Base(id)
	i := slices.IndexFunc(attacks, func(a corpus.Attack) bool { return a.ID == base })
	if i < 0 {
		return corpus.Attack{}, false
	}
	attack := attacks[i]
	for _, name := range names {
		j := slices.IndexFunc(strategies, func(s Strategy) bool { return s.Name == name })
		if j < 0 {
			return corpus.Attack{}, false
		}
		changed, ok := strategies[j].Apply(attack)
		if !ok {
			return corpus.Attack{}, false
		}
		attack = changed
	}
	return attack, true
}

// candidate is an attack that waits to be chosen.
type candidate struct {
	attack   corpus.Attack
	strategy string
	rank     int
	tie      uint64
}

// Multiply gives the attacks and what the strategies make of them, worst first, at most limit of them; 0 gives all. Of equals,
// the technique is next that was chosen least so far, then the goal, then the strategy, so that any beginning of the list is
// as diverse as its length allows.
func Multiply(attacks []corpus.Attack, strategies []Strategy, limit int) []corpus.Attack {
	candidates := multiplied(attacks, strategies)
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.tie, b.tie), cmp.Compare(a.attack.ID, b.attack.ID))
	})
	if limit <= 0 || limit > len(candidates) {
		limit = len(candidates)
	}
	chosen := make([]corpus.Attack, 0, limit)
	seen := tally{techniques: map[string]int{}, goals: map[corpus.Goal]int{}, strategies: map[string]int{}}
	for len(chosen) < limit {
		end := slices.IndexFunc(candidates, func(c candidate) bool { return c.rank != candidates[0].rank })
		if end < 0 {
			end = len(candidates)
		}
		chosen = seen.spread(candidates[:end], chosen, limit)
		candidates = candidates[end:]
	}
	return chosen
}

// multiplied gives all candidates. What is plain comes before what is not, at the same weight: it works more often, and its
// failure is easier to understand.
func multiplied(attacks []corpus.Attack, strategies []Strategy) []candidate {
	candidates := make([]candidate, 0, len(attacks)*(len(strategies)+1))
	for _, attack := range attacks {
		candidates = append(candidates, candidate{attack: attack, rank: 10 * attack.Weight, tie: hash(attack.ID)})
		for _, s := range strategies {
			if changed, ok := s.Apply(attack); ok {
				candidates = append(candidates, candidate{
					attack: changed, strategy: s.Name, rank: 2*attack.Weight*s.Weight - 5, tie: hash(changed.ID),
				})
			}
		}
	}
	return candidates
}

// tally counts what was chosen.
type tally struct {
	techniques map[string]int
	goals      map[corpus.Goal]int
	strategies map[string]int
}

// spread chooses from candidates of one rank until there are limit, or none is left.
func (t tally) spread(candidates []candidate, chosen []corpus.Attack, limit int) []corpus.Attack {
	waiting := map[string][]candidate{}
	var techniques []string
	for _, c := range candidates {
		technique := c.attack.Technique
		if len(waiting[technique]) == 0 {
			techniques = append(techniques, technique)
		}
		waiting[technique] = append(waiting[technique], c)
	}
	for len(techniques) > 0 && len(chosen) < limit {
		technique, next := t.next(techniques, waiting)
		c := waiting[technique][next]
		chosen = append(chosen, c.attack)
		t.techniques[technique]++
		t.goals[c.attack.Goal]++
		t.strategies[c.strategy]++
		waiting[technique] = slices.Delete(waiting[technique], next, next+1)
		if len(waiting[technique]) == 0 {
			techniques = slices.DeleteFunc(techniques, func(name string) bool { return name == technique })
		}
	}
	return chosen
}

// next gives the technique that comes next, and which of its candidates.
func (t tally) next(techniques []string, waiting map[string][]candidate) (technique string, index int) {
	least := t.techniques[techniques[0]]
	for _, name := range techniques {
		least = min(least, t.techniques[name])
	}
	var best candidate
	for _, name := range techniques {
		if t.techniques[name] != least {
			continue
		}
		for i, c := range waiting[name] {
			if technique == "" || t.before(c, best) {
				technique, index, best = name, i, c
			}
		}
	}
	return technique, index
}

func (t tally) before(a, b candidate) bool {
	return cmp.Or(
		cmp.Compare(t.goals[a.attack.Goal], t.goals[b.attack.Goal]),
		cmp.Compare(t.strategies[a.strategy], t.strategies[b.strategy]),
		cmp.Compare(a.tie, b.tie),
		cmp.Compare(a.attack.ID, b.attack.ID),
	) < 0
}

// hash spreads by name, the same in every run and on every machine.
func hash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}
