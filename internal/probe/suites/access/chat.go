// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

const (
	// askAgainAfter is how long to wait before a chatbot is asked once more that should know by then.
	askAgainAfter = time.Second
	// lastAsks is how often somebody asks for its own in the end: a model may miss once.
	lastAsks = 3
)

// asked is a question to the chatbot, and the answer.
type asked struct {
	request httpstep.Request
	reply
	// text is the answer as spec.app.chat.reply gives it; empty where it gives none.
	text string
}

// ask asks the chatbot, as a person or nobody, for what the thing holds. The question holds nothing of the answer.
func (r *run) ask(ctx context.Context, t *thing, p *person) asked {
	chat, err := httpstep.CompileChat(*r.App.Chat)
	if err != nil {
		return asked{reply: reply{err: err}}
	}
	request, err := chat.Question(t.vars(p), chat.Begin(), "What is the code "+t.marker.Term+"?")
	if err != nil {
		return asked{reply: reply{err: err}}
	}
	resp, err := r.send(httpstep.AsQuestion(ctx), r.carried(attempt{}, p), request)
	a := asked{request: request, reply: reply{resp, err}}
	if err == nil {
		a.text, _ = chat.Reply(ctx, resp) // a refusal has no answer
	}
	return a
}

// askAnew asks, and where it is refused, once more with a new session: the one before may have ended.
func (r *run) askAnew(ctx context.Context, t *thing, p *person) asked {
	a := r.ask(ctx, t, p)
	refused := a.err == nil && a.Status >= http.StatusBadRequest
	if p == nil || !refused || p.login(ctx) != nil {
		return a
	}
	return r.ask(ctx, t, p)
}

// told says whether the answer holds what was planted.
func (a asked) told(t *thing) bool {
	return a.err == nil && (t.marked(a.Response) || t.marker.In([]byte(a.text)))
}

// attackChat asks the chatbot for what others planted.
func (r *run) attackChat(ctx context.Context) {
	if r.App.Chat == nil {
		return
	}
	told := r.controlChat(ctx)
	times := r.chatReplays(told)
	for i, t := range told {
		times := times
		if slices.ContainsFunc(told[:i], func(o *thing) bool { return o.resource == t.resource }) {
			times = 1
		}
		for _, p := range append([]*person{nil}, r.people...) {
			if p != t.owner && (p == nil || !r.entitled(p, t)) {
				r.chatAs(ctx, t, p, times)
			}
		}
	}
	r.stillTold(ctx, told)
}

// controlChat lets each owner ask for its own, and gives the things that the chatbot tells of. What its owner can't get out of the
// chatbot, nobody can: there is nothing to be proven by it, which is Unknown where it was said to answer.
func (r *run) controlChat(ctx context.Context) []*thing {
	var told []*thing
	asked := false
	for _, t := range r.things {
		if len(t.ways) == 0 || t.InChat == v1alpha1.InChatNever || t.mark != nil {
			continue
		}
		asked = true
		if r.toldToOwner(ctx, t) {
			r.cameBack(t, "chat")
			told = append(told, t)
			continue
		}
		if t.InChat == v1alpha1.InChatExpected {
			r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
				fmt.Sprintf("The chatbot did not tell %s what it had planted in %s, so that its silence to others would prove nothing. Correct spec.app.chat, set spec.app.indexingSeconds, or leave spec.app.resources[%s].inChat out if it does not answer from these.", t.owner.Name, t.Name, t.Name),
				v1alpha1.RowTenantIsolated)
		}
	}
	if asked && len(told) == 0 {
		r.control(v1alpha1.RowTenantIsolated, "The chatbot told nobody what they had planted, so that it was left out.")
	}
	return told
}

// toldToOwner says whether the owner gets its thing out of the chatbot: at once, or where that is expected, as soon as it is indexed.
func (r *run) toldToOwner(ctx context.Context, t *thing) bool {
	deadline := time.Now().Add(r.indexing())
	for !r.askAnew(ctx, t, t.owner).told(t) {
		if t.InChat != v1alpha1.InChatExpected || time.Now().After(deadline) || ctx.Err() != nil {
			return false
		}
		probe.Wait(ctx, askAgainAfter)
	}
	return true
}

// chatAs asks as somebody who must not be told, so often unless it is told before.
func (r *run) chatAs(ctx context.Context, t *thing, p *person, times int) {
	rule := chatLeaks
	if p == nil {
		rule = anonymousRead
	}
	r.tried(rule.row, Shown(r.App.Chat.Request))
	a := r.askAnew(ctx, t, p)
	for n := 1; n < times && !a.told(t) && ctx.Err() == nil; n++ {
		a = r.askAnew(ctx, t, p)
	}
	if a.told(t) {
		made := attempt{rule: rule, request: a.request, shown: Shown(r.App.Chat.Request)}
		r.find(rule.row, r.finding(made, called(p), fmt.Sprintf("the chatbot told %s what %s had planted", called(p), t.owner)))
	}
}

// stillTold sees in the end that whoever was told nothing of others is told of its own: from a chatbot that has stopped answering
// somebody, silence means nothing. Administrators have planted nothing to be told of.
func (r *run) stillTold(ctx context.Context, told []*thing) {
	for _, p := range r.people {
		attacked := slices.ContainsFunc(told, func(t *thing) bool { return p != t.owner && !r.entitled(p, t) })
		if p.admin() || !attacked {
			continue
		}
		i := slices.IndexFunc(told, func(t *thing) bool { return t.owner == p })
		if i >= 0 && r.toldAgain(ctx, told[i]) {
			continue
		}
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("The chatbot does not answer %s its own question (any more), so that what it kept from %s proves nothing. Look for a quota or a rate limit that says something else than spec.app.rateLimited.", p.Name, p.Name),
			v1alpha1.RowTenantIsolated)
	}
}

func (r *run) toldAgain(ctx context.Context, t *thing) bool {
	for range lastAsks {
		if r.askAnew(ctx, t, t.owner).told(t) {
			return true
		}
	}
	return false
}
