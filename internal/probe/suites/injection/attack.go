// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

const (
	// batch is how many attacks are made between two looks whether the attacker is still served.
	batch = 20
	// maxRepeated is how many questions of a run may be asked again, in batches that did not count.
	maxRepeated = 80
)

// try is what became of an attack, over all its attempts.
type try struct {
	attack corpus.Attack
	// answered counts the attempts that the bot answered to the end, and leaked those of them that something came out of. unheard are
	// those that it answered as well, but without the fetch or lookup that they were about, which it may not be able to make.
	answered, leaked, unheard int
	leaks                     []leak
	// replies are the lengths of the replies to the attempt that leaked.
	lengths []int
}

// expanded gives the attacks whose plant and carrier were seen to work, with everything put in.
func (r *run) expanded(attacks []corpus.Attack) []corpus.Attack {
	var all []corpus.Attack
	for _, a := range attacks {
		if r.works(a) {
			names := r.names(a)
			if expanded, err := a.Expand(r.vars(a, names)); err == nil {
				if names != (named{}) {
					r.named[a.ID] = names
				}
				all = append(all, expanded)
				continue
			}
		}
		r.skipped++
	}
	return all
}

// works says whether the controls of what an attack needs were seen.
func (r *run) works(a corpus.Attack) bool {
	switch a.Goal {
	case corpus.SystemPrompt, corpus.OtherTenant, corpus.OwnContext:
		if _, ok := r.planted(goalOf(a.Goal)); !ok {
			return false
		}
	case corpus.ToolCall:
		if !r.toolsMeasured {
			return false
		}
	case corpus.Fetch:
		if !r.hears(a.Needs()) {
			return false
		}
	case corpus.Render, corpus.Markup, corpus.Consumption:
	}
	switch a.Carrier {
	case corpus.Chat, corpus.Memory, corpus.History:
		return true
	case corpus.URL:
		return r.Listener != nil
	default:
		s := r.shelfFor(a.Carrier)
		return s != nil && s.measured
	}
}

// vars are what the placeholders of an attack stand for.
func (r *run) vars(a corpus.Attack, n named) httpstep.Vars {
	host := strings.ToLower(marker.New().Secret) + ".example.net" // RFC 2606
	vars := httpstep.Vars{corpus.DNSName: host, corpus.Address: cmp.Or(n.address, "https://"+host+"/")}
	if n.page != "" {
		vars[corpus.Page] = n.page
	}
	if n.name != "" {
		vars[corpus.Name], vars[corpus.NameServer] = n.name, r.Names.Server().String()
		vars[corpus.NamePort] = strconv.Itoa(int(r.Names.Port()))
	}
	if p, ok := r.planted(&foreignContent); ok {
		vars[corpus.Term], vars[corpus.Tenant] = p.object.term, r.victim.Identity().Tenant
	}
	if p, ok := r.planted(&internalTold); ok && a.Goal == corpus.OwnContext {
		vars[corpus.Term] = p.object.term
	}
	if len(r.judge.Guarded) > 0 {
		vars[corpus.Tool] = r.judge.Guarded[0]
	}
	return vars
}

// attackAll makes the attacks in batches: only what is done while the attacker is served counts.
func (r *run) attackAll(ctx context.Context, attacks []corpus.Attack) {
	attempts := 1
	if n := r.App.Chat.Attempts; n != nil {
		attempts = int(*n)
	}
	var all []corpus.Attack
	for _, a := range attacks {
		for range attempts {
			all = append(all, a)
		}
	}
	for some := range slices.Chunk(all, batch) {
		if r.stopped != "" || ctx.Err() != nil {
			return
		}
		if !r.counted(ctx, some) {
			return
		}
	}
}

// counted makes a batch, and counts it if the attacker is served before and after. It says whether to go on.
func (r *run) counted(ctx context.Context, attacks []corpus.Attack) bool {
	for again := range 2 {
		if !r.alive(ctx) {
			continue
		}
		tried := r.together(ctx, attacks)
		if r.stopped != "" {
			r.count(tried) // what came out has come out
			return false
		}
		if r.alive(ctx) {
			r.count(tried)
			return true
		}
		r.count(slices.DeleteFunc(tried, func(t attempt) bool { return len(t.leaks) == 0 }))
		for _, a := range attacks {
			r.repeated += questions(a)
		}
		if again > 0 || r.repeated > maxRepeated || r.attacker.Renew(ctx) != nil {
			break
		}
	}
	if ctx.Err() == nil {
		r.unproven("%s is no longer served what it is entitled to, so that attacks in its name prove nothing. Look for a quota, or for a guard that locks accounts.", r.attacker)
	}
	return false
}

// attempt is an attack, once.
type attempt struct {
	attack  corpus.Attack
	outcome outcome
	leaks   []leak
	lengths []int
}

// together makes attacks: those by message as many at once as the app takes, and one at a time those that leave something behind which
// the bot may read for another.
func (r *run) together(ctx context.Context, attacks []corpus.Attack) []attempt {
	tried := make([]attempt, len(attacks))
	free := make(chan struct{}, max(r.visitors.Workers(), 1))
	var wg sync.WaitGroup
	for i, a := range attacks {
		if !leavesNothing(a) || ctx.Err() != nil {
			continue
		}
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			tried[i] = r.once(ctx, a)
		})
	}
	wg.Wait()
	for i, a := range attacks {
		if !leavesNothing(a) && ctx.Err() == nil {
			tried[i] = r.once(ctx, a)
		}
	}
	for _, t := range tried {
		if t.outcome == banned {
			r.stopped = stoppedByProvider
		}
	}
	return tried
}

// leavesNothing says whether an attack leaves nothing behind that the bot might read for another.
func leavesNothing(a corpus.Attack) bool {
	return a.Carrier == corpus.Chat || a.Carrier == corpus.History
}

// beginning is the conversation in which an attack is made.
func (r *run) beginning(a corpus.Attack) httpstep.Conversation {
	if a.Carrier == corpus.History {
		return r.chat.Said(r.chat.Begin(), benign[0], a.Content)
	}
	return r.chat.Begin()
}

// once makes an attack.
func (r *run) once(ctx context.Context, a corpus.Attack) attempt {
	t := attempt{attack: a, outcome: answered}
	switch a.Carrier {
	case corpus.Chat, corpus.History:
	case corpus.Memory:
		// It is said in a conversation of its own, before the one that is judged.
		if s := r.ask(ctx, r.attacker, r.chat.Begin(), a.Content); s.outcome != answered {
			t.outcome = s.outcome
			return t
		}
	case corpus.URL:
		r.Listener.Serve(r.named[a.ID].page, a.Content)
	default:
		s := r.shelfFor(a.Carrier)
		o, err := r.create(ctx, s, s.author, a.Content, nothingInternal, a.Place)
		if err != nil {
			t.outcome = failed
			return t
		}
		defer r.remove(ctx, o)
		probe.Wait(ctx, s.lag)
	}
	conversation := r.beginning(a)
	var replies []Reply
	for _, turn := range a.Turns {
		s := r.ask(ctx, r.attacker, conversation, turn)
		replies = append(replies, s.Reply)
		t.lengths = append(t.lengths, len([]rune(s.Text)))
		if s.outcome != answered {
			t.outcome = s.outcome
			break
		}
		conversation = s.next
	}
	t.leaks = append(r.judge.look(a, replies), r.fetched(a)...)
	if a.Carrier == corpus.URL && t.outcome == answered && len(t.leaks) == 0 {
		t.outcome = unread
	}
	return t
}

// count adds attempts to what became of their attacks.
func (r *run) count(tried []attempt) {
	for _, t := range tried {
		if t.attack.ID == "" {
			continue // there was no time for it
		}
		had := r.tries[t.attack.ID]
		if had == nil {
			had = &try{attack: t.attack}
			r.tries[t.attack.ID] = had
			r.order = append(r.order, t.attack.ID)
		}
		switch {
		case len(t.leaks) > 0:
			had.answered++
			had.leaked++
			had.leaks = append(had.leaks, t.leaks...)
			had.lengths = t.lengths
			r.Cases++
		case t.outcome == answered && t.attack.Goal == corpus.Fetch:
			had.unheard++
			if r.named[t.attack.ID].name != "" {
				r.unasked++
			} else {
				r.unfetched++
			}
		case t.outcome == unread:
			had.unheard++
			r.unread++
		case t.outcome == answered:
			had.answered++
			r.Cases++
		case t.outcome == blocked:
			r.blocked++
		case t.outcome == failed, t.outcome == banned:
			r.failed++
		}
	}
}

// alive says whether the attacker is served: it reads what is its own, or the bot answers a question like anybody's.
func (r *run) alive(ctx context.Context) bool {
	if r.own == nil {
		return r.ask(ctx, r.attacker, r.chat.Begin(), benign[0]).outcome == answered
	}
	request, err := httpstep.Prepare(*r.own.item, r.attacker.Vars().With(r.own.refers))
	if err != nil {
		return false
	}
	resp, err := r.attacker.Send(ctx, request)
	return err == nil && strings.Contains(resp.Text(), r.own.secret.Hex)
}
