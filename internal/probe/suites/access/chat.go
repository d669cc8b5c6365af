// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// asked is a question to the chatbot, and the answer.
type asked struct {
	request httpstep.Request
	reply
}

// ask asks the chatbot, as a person or nobody, for what the thing holds. The question holds nothing of the answer.
func (r *run) ask(ctx context.Context, t *thing, p *person) asked {
	request, err := httpstep.Prepare(r.App.Chat.Request, t.vars(p).With(httpstep.Vars{httpstep.Prompt: "What is the code " + t.marker.Term + "?"}))
	if err != nil {
		return asked{reply: reply{err: err}}
	}
	resp, err := r.send(httpstep.AsQuestion(ctx), r.carried(attempt{}, p), request)
	return asked{request, reply{resp, err}}
}

// told says whether the answer holds what was planted.
func (a asked) told(t *thing) bool { return a.err == nil && t.marked(a.Response) }

// attackChat asks the chatbot for what others planted.
func (r *run) attackChat(ctx context.Context) {
	if r.App.Chat == nil {
		return
	}
	for _, t := range r.things {
		if len(t.ways) == 0 || !r.ask(ctx, t, t.owner).told(t) {
			// What its owner can't get out of the chatbot, nobody can: there is nothing to be proven by this channel.
			continue
		}
		r.cameBack(t, "chat")
		for _, p := range append([]*person{nil}, r.people...) {
			if p != t.owner && (p == nil || !r.entitled(p, t)) {
				r.chatAs(ctx, t, p)
			}
		}
	}
}

// chatAs asks as somebody who must not be told.
func (r *run) chatAs(ctx context.Context, t *thing, p *person) {
	rule := chatLeaks
	if p == nil {
		rule = anonymousRead
	}
	r.tried(rule.row)
	a := r.ask(ctx, t, p)
	if a.told(t) {
		made := attempt{rule: rule, request: a.request, shown: Shown(r.App.Chat.Request)}
		r.find(rule.row, r.finding(made, called(p), fmt.Sprintf("the chatbot told %s what %s had planted", called(p), t.owner)))
		return
	}
	if p == nil || (a.err == nil && a.Status < 400) {
		return
	}
	// A refusal means something only from a chatbot that answers the same person its own question.
	if own := r.ownOf(p, t.resource); own != nil && !r.ask(ctx, own, p).told(own) {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("The chatbot stopped answering %s during the attacks, so that its refusals prove nothing. Look for a quota or a rate limit that says something else than spec.app.rateLimited.", p.Name),
			v1alpha1.RowTenantIsolated)
	}
}
