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

// Multiply gives the attacks and what the strategies make of them, worst first, at most limit of them; 0 gives all. What else a
// technique has counts less than its worst attack, and of equals the technique is next that was chosen least so far, then the
// goal, then the strategy: so any beginning of the list is as diverse as its length allows.
func Multiply(attacks []corpus.Attack, strategies []Strategy, limit int) []corpus.Attack {
	candidates := multiplied(attacks, strategies)
	slices.SortFunc(candidates, worstFirst)
	discount(candidates)
	slices.SortFunc(candidates, worstFirst)
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
// failure is easier to understand. Even a strategy of weight 5 makes no more of an attack of weight 5 than between 4 and 5.
func multiplied(attacks []corpus.Attack, strategies []Strategy) []candidate {
	candidates := make([]candidate, 0, len(attacks)*(len(strategies)+1))
	for _, attack := range attacks {
		candidates = append(candidates, candidate{attack: attack, rank: perWeight*attack.Weight - foreign(attack), tie: hash(attack.ID)})
		for _, s := range strategies {
			if changed, ok := s.Apply(attack); ok {
				candidates = append(candidates, candidate{
					attack: changed, strategy: s.Name, rank: 2*attack.Weight*s.Weight - 5 - foreign(attack), tie: hash(changed.ID),
				})
			}
		}
	}
	return candidates
}

// foreign lets English come first where all else is equal: most apps are set up in it.
func foreign(a corpus.Attack) int {
	if a.Language == "en" || strings.HasPrefix(a.Language, "en-") {
		return 0
	}
	return 1
}

func worstFirst(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.tie, b.tie), cmp.Compare(a.attack.ID, b.attack.ID))
}

// discount makes the second attack of a technique count for as much as the first of one that works less often by one weight,
// and what follows for as much as that of one less often still.
func discount(sorted []candidate) {
	const most = 2
	count := map[string]int{}
	for i, c := range sorted {
		sorted[i].rank -= perWeight * min(count[c.attack.Technique], most)
		count[c.attack.Technique]++
	}
}

// perWeight is what one more in weight adds to the rank of a plain attack.
const perWeight = 10

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
	for _, queue := range waiting {
		interleave(queue)
	}
	for len(techniques) > 0 && len(chosen) < limit {
		i := t.next(techniques, waiting)
		technique := techniques[i]
		c := waiting[technique][0]
		chosen = append(chosen, c.attack)
		t.techniques[technique]++
		t.goals[c.attack.Goal]++
		t.strategies[c.strategy]++
		if waiting[technique] = waiting[technique][1:]; len(waiting[technique]) == 0 {
			techniques = slices.Delete(techniques, i, i+1)
		}
	}
	return chosen
}

// interleave orders the candidates of one technique so that its goals and strategies take turns.
func interleave(queue []candidate) {
	type kind struct {
		strategy string
		goal     corpus.Goal
	}
	count, turn := map[kind]int{}, map[string]int{}
	for _, c := range queue {
		k := kind{c.strategy, c.attack.Goal}
		turn[c.attack.ID] = count[k]
		count[k]++
	}
	slices.SortStableFunc(queue, func(a, b candidate) int { return cmp.Compare(turn[a.attack.ID], turn[b.attack.ID]) })
}

// next gives the place of the technique that comes next.
func (t tally) next(techniques []string, waiting map[string][]candidate) int {
	best := 0
	for i := range techniques {
		was, is := techniques[best], techniques[i]
		if n := cmp.Compare(t.techniques[is], t.techniques[was]); n < 0 || n == 0 && t.before(waiting[is][0], waiting[was][0]) {
			best = i
		}
	}
	return best
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
