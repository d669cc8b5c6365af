// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/openapi"
)

// ask is an operation that names no thing, with what everybody asks it with, and what each was answered.
type ask struct {
	*operation
	attempt attempt
	views   map[*person]view
}

// silent says whether somebody got no reply.
func (a *ask) silent() bool {
	for _, v := range a.views {
		if v.failed != nil {
			return true
		}
	}
	return false
}

// view is what is kept of a reply: whose planted texts are in it, and nothing of what others wrote.
type view struct {
	failed error
	status int
	// nothing says that it is what the app gives where there is nothing.
	nothing bool
	// shows are the things whose texts are in it, holds the places of the identifiers of the others.
	shows map[*thing]bool
	holds map[*thing][]string
	// names says that it has the name of an account of ours, by which nobody else goes.
	names bool
	sum   [sha256.Size]byte
}

// askOperations asks operations that name no thing as everybody. What nobody described has no channel that the owner has to be shown
// its text by: whoever is answered at all is looked at for what others planted.
func (r *run) askOperations(ctx context.Context, operations []*operation) {
	var asks []*ask
	for _, o := range operations {
		if !onlyTenants(o) || !r.askable(o) {
			continue
		}
		if len(asks) >= maxAsked {
			o.why = "there were too many to ask"
			continue
		}
		asks = append(asks, r.asksOf(o)...)
	}
	for _, p := range append([]*person{nil}, r.people...) {
		t := r.victimOf(p)
		if t == nil {
			continue
		}
		// What did not answer one of them would keep all of them waiting.
		answering := slices.DeleteFunc(slices.Clone(asks), (*ask).silent)
		for batch := range slices.Chunk(answering, batchSize) {
			r.bracketed(ctx, t, p, func() bool { return r.lookAs(ctx, p, batch) })
		}
	}
	for _, a := range asks {
		r.judge(ctx, a)
	}
}

// asksOf gives the requests of an operation: one for each tenant of ours, where its path names one.
func (r *run) asksOf(o *operation) []*ask {
	var asks []*ask
	for _, p := range r.people {
		path := openapi.Fill(o.path, func(name string) string { return escaped(p.tenantAs(name)) })
		if slices.ContainsFunc(asks, func(a *ask) bool { return a.attempt.request.Path == path }) {
			continue
		}
		request := httpstep.Request{Method: o.Method, Path: path, Header: http.Header{}}
		if o.changes() {
			request.Header.Set("Content-Type", "application/json")
			request.Body = bodyOf(o.Fields, r.mark().Text()).Raw
		}
		asks = append(asks, &ask{operation: o, attempt: attempt{rule: foreignListed, request: request, shown: o.String()}, views: map[*person]view{}})
	}
	return asks
}

// victimOf gives a planted thing that somebody must not have, so that its owner's being shown it shows that the app is up.
func (r *run) victimOf(p *person) *thing {
	for _, t := range r.planted() {
		if p == nil || p != t.owner && !r.entitled(p, t) {
			return t
		}
	}
	return nil
}

// lookAs asks a batch as somebody. It says whether every request was answered.
func (r *run) lookAs(ctx context.Context, p *person, batch []*ask) bool {
	attempts := make([]attempt, len(batch))
	for i, a := range batch {
		attempts[i] = a.attempt
		if p == nil {
			attempts[i].rule = anonymousRead
		}
	}
	for i, reply := range r.sendAll(ctx, p, attempts) {
		// One that does not end, such as a stream of events, is no reason to send the others again.
		if ctx.Err() != nil || errors.Is(reply.err, httpstep.ErrBudgetSpent) || errors.Is(reply.err, errRateLimited) {
			return false
		}
		batch[i].views[p] = r.look(attempts[i], reply)
	}
	return true
}

// look keeps of a reply what it says of ours.
func (r *run) look(a attempt, reply reply) view {
	if reply.err != nil {
		return view{failed: reply.err}
	}
	resp := reply.Response
	v := view{
		status: resp.Status, nothing: r.baseline.shell(a.request.Path, resp),
		shows: map[*thing]bool{}, holds: map[*thing][]string{}, sum: sha256.Sum256(resp.Body),
	}
	for _, t := range r.planted() {
		v.shows[t] = t.marked(resp)
		if unguessable(t.id) && !carries(a.request, t.id) {
			v.holds[t] = placesOf(resp, t.id)
		}
	}
	for _, p := range r.people {
		for _, trait := range p.traits {
			// A tenant's name may stand anywhere, an address or a random identifier only where the account is meant.
			if trait != p.Tenant && unguessable(trait) && !carries(a.request, trait) && bytes.Contains(resp.Body, []byte(trait)) {
				v.names = true
			}
		}
	}
	return v
}

// answered says whether there was a reply that is neither a refusal nor what is given where there is nothing.
func (v view) answered() bool {
	return v.failed == nil && v.status >= 200 && v.status < 300 && !v.nothing
}

// judge says what became of an operation that everybody asked.
func (r *run) judge(ctx context.Context, a *ask) {
	for _, p := range append([]*person{nil}, r.people...) {
		v, looked := a.views[p]
		if !looked {
			continue
		}
		if v.failed == nil {
			r.attacked[a.attempt.shown] = true
		}
		switch {
		case v.answered():
			a.fate = fateAsked
		case v.failed != nil:
			a.why = "it did not answer: " + plain(v.failed)
		case a.why == "":
			a.why = "nobody got anything by it"
		}
		for _, t := range r.planted() {
			if p != nil && (p == t.owner || r.entitled(p, t)) || !a.leaked(v, p, t) {
				continue
			}
			found := a.attempt
			if p == nil {
				found.rule = anonymousRead
			}
			r.find(found.rule.row, r.finding(found, called(p), called(p)+" got what "+t.owner.String()+" had planted"))
			break
		}
	}
	r.judgeProtection(a)
	if a.fate == fateLeft {
		r.sayAbsent(ctx, a)
	}
}

// leaked says whether a reply shows a thing: its text, or to somebody of another tenant its identifier at a place where its owner is
// shown it.
func (a *ask) leaked(v view, p *person, t *thing) bool {
	if v.shows[t] {
		return true
	}
	if p != nil && p.Tenant == t.owner.Tenant {
		return false
	}
	owners := a.views[t.owner].holds[t]
	return slices.ContainsFunc(v.holds[t], func(place string) bool { return slices.Contains(owners, place) })
}

// judgeProtection looks whether nobody is answered what the document protects.
func (r *run) judgeProtection(a *ask) {
	nobodys := a.views[nil]
	for _, shown := range nobodys.shows {
		if shown {
			return // that is worse, and has been told
		}
	}
	if a.Access != openapi.Protected || a.Method != http.MethodGet || !nobodys.answered() {
		return
	}
	if nobodys.names {
		r.sayOpen(a.attempt, true)
		return
	}
	for _, p := range r.people {
		if v := a.views[p]; v.answered() && v.sum == nobodys.sum {
			r.sayOpen(a.attempt, false)
			return
		}
	}
}

// sayAbsent sees whether an operation that answered nobody is not there at all.
func (r *run) sayAbsent(ctx context.Context, a *ask) {
	for _, p := range r.people {
		if v := a.views[p]; v.failed != nil || v.status < 300 && !v.nothing || v.status == http.StatusUnauthorized || v.status == http.StatusForbidden {
			return
		}
	}
	p := r.people[0]
	resp, err := r.send(ctx, p.session, a.attempt.request)
	if err == nil && r.isNothing(ctx, p, a.operation, a.attempt.request.Path, resp) {
		a.fate = fateAbsent
	}
}

// sayOpen tells of an operation that the document protects and that nobody was answered. It convicts where an account of ours is named in
// it; where it is only the same for everybody, either the guard or the document is wrong, and it is told.
func (r *run) sayOpen(a attempt, names bool) {
	a.rule = protectedOpen
	if names {
		r.find(a.rule.row, r.finding(a, nobody, "nobody was shown an account of ours, and the app's own document says that it needs credentials"))
		return
	}
	a.rule.severity = v1alpha1.SeverityLow
	r.find(a.rule.row, r.finding(a, nobody, "nobody got the same as a user, and the app's own document says that it needs credentials"))
}
