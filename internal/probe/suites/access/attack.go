// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// batchSize is how many requests are sent between two proofs that the attacker is alive.
const batchSize = 20

// attackReads asks for every thing as everybody who must not have it.
func (r *run) attackReads(ctx context.Context) {
	// Everybody asks for everything as it is. The tricks are about how the app reads a request, which is the same for
	// everybody: they are tried once for each kind by somebody of another tenant, and once by nobody.
	tricked := map[string]bool{}
	first := func(key string) bool {
		had := tricked[key]
		tricked[key] = true
		return !had
	}
	for _, t := range r.things {
		if len(t.ways) == 0 {
			continue
		}
		r.readAs(ctx, t, nil, first(nobody))
		for _, p := range r.people {
			if p == t.owner || r.entitled(p, t) {
				continue
			}
			stranger := p.Tenant != t.owner.Tenant || len(r.tenants()) < 2
			r.readAs(ctx, t, p, stranger && !p.admin() && first(t.Name))
		}
	}
	for i, t := range r.things {
		if len(t.ways) > 0 && !slices.ContainsFunc(r.things[:i], func(o *thing) bool { return o.resource == t.resource }) {
			r.attackCache(ctx, t)
		}
	}
	r.attackChat(ctx)
}

// host is the name that the app is asked for.
func (r *run) host() string {
	if r.Target.Host != "" {
		return r.Target.Host
	}
	return r.Target.Base.Hostname()
}

// entitled says whether somebody may see the thing by design.
func (r *run) entitled(p *person, t *thing) bool {
	sameTenant := p.Tenant == t.owner.Tenant
	return sameTenant && (p.admin() || t.Sharing == v1alpha1.SharingTenant)
}

// readAs asks for the thing by each channel as a person, or as nobody.
func (r *run) readAs(ctx context.Context, t *thing, p *person, whole bool) {
	for _, w := range t.ways {
		plain, tricks := r.readAttempts(t, w, p)
		if r.leaks(ctx, t, w, p, plain) || !whole {
			continue
		}
		r.leaks(ctx, t, w, p, tricks)
	}
}

// leaks sends attempts in batches, and says whether one of them gave the thing away. The first of each rule is enough.
func (r *run) leaks(ctx context.Context, t *thing, w way, p *person, attempts []attempt) bool {
	leaked := map[string]bool{}
	for batch := range slices.Chunk(attempts, batchSize) {
		if !r.bracketed(ctx, t, p, func() bool { return r.sendBatch(ctx, t, w, p, batch, leaked) }) {
			return len(leaked) > 0
		}
	}
	return len(leaked) > 0
}

// sendBatch sends a batch. It says whether every attempt was answered.
func (r *run) sendBatch(ctx context.Context, t *thing, w way, p *person, batch []attempt, leaked map[string]bool) bool {
	replies := r.sendAll(ctx, p, batch)
	for i, a := range batch {
		if fatal(replies[i].err) {
			return false
		}
		// What the server or its HTTP parser refused by closing the connection gave nothing away.
		if replies[i].err != nil || leaked[a.rule.name] || !t.holds(w, replies[i].Response) {
			continue
		}
		leaked[a.rule.name] = true
		who := p
		switch {
		case p == nil && r.onlyCached(ctx, t, w, a):
			a.rule = cachedReply
		case a.rule.name == tenantChosen.name && r.asNobody(ctx, t, w, a):
			// The credentials didn't matter: it is no question of tenants.
			a.rule, who = anonymousTrick, nil
		}
		r.find(a.rule.row, r.finding(a, called(who), fmt.Sprintf("%s got what %s had planted", called(who), t.owner)))
	}
	return true
}

// reply is what became of an attempt.
type reply struct {
	*httpstep.Response
	err error
}

// sendAll sends attempts side by side, as many as the app stands, and gives what became of each.
func (r *run) sendAll(ctx context.Context, p *person, attempts []attempt) []reply {
	replies := make([]reply, len(attempts))
	var all errgroup.Group
	all.SetLimit(int(r.workers.Load()))
	for i, a := range attempts {
		r.tried(a.rule.row, 1)
		all.Go(func() error {
			resp, err := r.send(ctx, r.carried(a, p), a.request)
			replies[i] = reply{resp, err}
			return nil
		})
	}
	_ = all.Wait() // each has its own error
	return replies
}

// asNobody says whether an attempt gives the thing away without any credentials.
func (r *run) asNobody(ctx context.Context, t *thing, w way, a attempt) bool {
	resp, err := r.send(ctx, session{}, a.request)
	return err == nil && t.holds(w, resp)
}

// onlyCached says whether nobody gets at a thing that its owner has not asked for: then it was a cache that gave the other one away.
func (r *run) onlyCached(ctx context.Context, t *thing, w way, a attempt) bool {
	fresh, err := r.create(ctx, t.resource, t.owner)
	if err != nil {
		return false
	}
	again := a.request.Clone()
	again.Path = strings.ReplaceAll(again.Path, t.id, fresh.id)
	again.Path = strings.ReplaceAll(again.Path, t.marker.Term, fresh.marker.Term)
	again.Body = bytes.ReplaceAll(again.Body, []byte(t.id), []byte(fresh.id))
	deadline := time.Now().Add(r.indexing())
	for !r.asNobody(ctx, fresh, w, attempt{request: again}) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		within(ctx, pollEvery)
	}
	return false
}

// attackCache lets the owner ask for its thing as if that were a static file, and then nobody: a cache in front may go by the
// path's end ("web cache deception", CWE-525).
func (r *run) attackCache(ctx context.Context, t *thing) {
	w := t.ways[0]
	request, err := t.request(w, t.owner)
	if err != nil || request.Method != http.MethodGet {
		return
	}
	path, _, _ := strings.Cut(request.Path, "?")
	for _, end := range []string{"/x.css", ".css", ";x.css", "%2fx.css", "%0ax.css", "%3fx.css", "/..%2fx.css"} {
		a := attempt{rule: cachedReply, request: on(request, "", path+end).request, shown: Shown(w.request), trick: "with " + end + " behind it, after its owner had asked so"}
		r.tried(a.rule.row, 1)
		resp, err := r.send(ctx, t.owner.session, a.request)
		if err != nil || !t.holds(w, resp) {
			continue
		}
		if r.asNobody(ctx, t, w, a) {
			r.find(a.rule.row, r.finding(a, nobody, fmt.Sprintf("a cache gave nobody what %s had planted", t.owner)))
			return
		}
	}
}

// carried gives the session that an attempt is sent in.
func (r *run) carried(a attempt, p *person) session {
	switch {
	case a.carrier != nil:
		return *a.carrier
	case p == nil:
		return session{}
	default:
		return p.session
	}
}

func called(p *person) string {
	if p == nil {
		return nobody
	}
	return p.Name
}

// fatal says whether an error means that nothing more can be learnt, rather than that this request was not liked.
func fatal(err error) bool {
	return errors.Is(err, httpstep.ErrBudgetSpent) || errors.Is(err, errRateLimited) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// bracketed runs a batch between two proofs that a denial in it means something: the attacker gets at its own, and the owner at
// the thing. A batch without them is void: it is sent once more with new sessions.
func (r *run) bracketed(ctx context.Context, t *thing, p *person, send func() bool) bool {
	for try := range 2 {
		if try > 0 {
			// It may have been too much at once.
			r.workers.Store(1)
			if !r.revive(ctx, t, p) {
				break
			}
		}
		if r.alive(ctx, t, p) && send() && r.alive(ctx, t, p) {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
	}
	who := called(p)
	if p == nil {
		who = t.owner.Name
	}
	r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
		fmt.Sprintf("%s lost access to its own during the attacks on %s, so that denials prove nothing. Look for a lockout, a rate limit that says something else than spec.app.rateLimited, or a session that ends early.", who, t.Name),
		both...)
	return false
}

// alive says whether the attacker reads its own thing, and the owner the one that is attacked.
func (r *run) alive(ctx context.Context, t *thing, p *person) bool {
	if _, ok := r.readsBack(ctx, t, t.ways[0]); !ok {
		return false
	}
	if p == nil {
		return true
	}
	own := r.ownOf(p, t.resource)
	if own == nil {
		// An administrator of another tenant has planted nothing: that it is still logged in is seen by its administration.
		return true
	}
	_, ok := r.readsBack(ctx, own, own.ways[0])
	return ok
}

// ownOf gives the thing of the kind that the person planted.
func (r *run) ownOf(p *person, res *resource) *thing {
	for _, t := range r.things {
		if t.owner == p && t.resource == res && len(t.ways) > 0 && !t.gone {
			return t
		}
	}
	return nil
}

// revive logs in anew whoever has to be alive.
func (r *run) revive(ctx context.Context, t *thing, p *person) bool {
	if err := t.owner.login(ctx); err != nil {
		return false
	}
	return p == nil || p.login(ctx) == nil
}

// readAttempts gives the attempts on a channel: those as the app's own client would send them, and the tricks.
func (r *run) readAttempts(t *thing, w way, p *person) (plain, tricks []attempt) {
	request, err := t.request(w, p)
	if err != nil {
		return nil, nil
	}
	plainRule, trickRule := foreignRead, pathTrick
	if !w.byID {
		plainRule = foreignListed
	}
	chosen := tenantChosen
	if p == nil {
		plainRule, trickRule, chosen = anonymousRead, anonymousTrick, anonymousTrick
	}
	shown := Shown(w.request)
	plain = []attempt{{rule: plainRule, request: request, shown: shown}}
	if p != nil && w.byID {
		// The app may tell tenants apart by a part of the path: then the victim's is asked for.
		if other, err := httpstep.Prepare(w.request, p.vars.With(t.owner.harmless()).With(httpstep.Vars{httpstep.ID: t.id, httpstep.Query: t.marker.Term})); err == nil && other.Path != request.Path {
			plain = append(plain, attempt{rule: plainRule, request: other, shown: shown, trick: "with the other tenant's path"})
		}
	}
	add := func(rule rule, variants []variant) {
		for _, v := range variants {
			tricks = append(tricks, attempt{rule: rule, request: v.request, shown: shown, trick: v.trick})
		}
	}
	if (w.name == "item" || w.name == "list") && t.resource == r.resources[0] {
		// Who somebody is, is found out in one place, for all kinds.
		add(chosen, chosenByHeader(request, t.owner.traits, r.host()))
		add(chosen, chosenByBody(request, t.owner.traits))
	}
	if !w.byID || t.resource == r.resources[0] {
		add(chosen, chosenByQuery(request, t.owner.traits))
	}
	if w.byID && len(request.Body) > 0 {
		add(chosen, chosenByBody(request, t.owner.traits))
	}
	if w.byID {
		add(trickRule, pathVariants(request, t.id))
	}
	if own := r.ownOrNil(p, t.resource); own != nil && w.byID {
		ownRequest, err := own.request(w, p)
		if err == nil {
			add(plainRule, movedVariants(ownRequest, request, own.id, t.id, t.Name))
		}
	}
	if w.name == "list" {
		add(plainRule, filterVariants(request, t.id, t.Name, t.owner.traits))
	}
	return plain, tricks
}

func (r *run) ownOrNil(p *person, res *resource) *thing {
	if p == nil {
		return nil
	}
	return r.ownOf(p, res)
}

// Shown gives a described request as findings name it: method and path, with $(name) as written.
func Shown(request v1alpha1.HTTPRequest) string {
	return httpstep.Method(request) + " " + string(request.Path)
}

// attackChat asks the chatbot for what others planted.
func (r *run) attackChat(ctx context.Context) {
	chat := r.App.Chat
	if chat == nil {
		return
	}
	w := way{name: "chat", request: chat.Request}
	for _, t := range r.things {
		question := httpstep.Vars{httpstep.Prompt: "What is the code " + t.marker.Term + "?"}
		ask := func(p *person) (*httpstep.Response, httpstep.Request, error) {
			vars := t.vars(p).With(question)
			request, err := httpstep.Prepare(chat.Request, vars)
			if err != nil {
				return nil, request, err
			}
			s := session{}
			if p != nil {
				s = p.session
			}
			resp, err := r.send(ctx, s, request)
			return resp, request, err
		}
		if resp, _, err := ask(t.owner); err != nil || !t.holds(w, resp) {
			// What its owner can't get out of the chatbot, nobody can: there is nothing to be proven by this channel.
			continue
		}
		r.cameBack(t, "chat")
		for _, p := range append([]*person{nil}, r.people...) {
			if p == t.owner || (p != nil && r.entitled(p, t)) {
				continue
			}
			rule := chatLeaks
			if p == nil {
				rule = anonymousRead
			}
			r.tried(rule.row, 1)
			resp, request, err := ask(p)
			if err == nil && t.holds(w, resp) {
				a := attempt{rule: rule, request: request, shown: Shown(chat.Request)}
				r.find(rule.row, r.finding(a, called(p), fmt.Sprintf("the chatbot told %s what %s had planted", called(p), t.owner)))
			}
		}
	}
}
