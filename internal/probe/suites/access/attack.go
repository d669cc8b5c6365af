// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

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
		if replies[i].err != nil || leaked[a.rule.name] || !r.gaveAway(ctx, t, w, p, a, replies[i].Response) {
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
		r.tried(a.rule.row, a.shown)
		all.Go(func() error {
			resp, err := r.send(ctx, r.carried(a, p), a.request)
			replies[i] = reply{resp, err}
			return nil
		})
	}
	_ = all.Wait() // each has its own error
	return replies
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
		// What was seen after the last batch need not be seen again before the next.
		before := r.lastAlive == aliveness{t, p} || r.alive(ctx, t, p)
		r.lastAlive = aliveness{}
		if before && send() && r.alive(ctx, t, p) {
			r.lastAlive = aliveness{t, p}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
	}
	r.void(t, p)
	return false
}

// void notes that a batch proves nothing. Where a cache was found that mixes up replies, it is the cause, and TenantIsolated has
// the finding: who may come in is then judged by what is not cached (see witness).
func (r *run) void(t *thing, p *person) {
	if slices.Contains(slices.Collect(maps.Values(r.cached)), true) {
		r.control(v1alpha1.RowAuthEnforced, "A cache mixes up replies of %s, which were left out.", t.Name)
		return
	}
	who := called(p)
	if p == nil {
		who = t.owner.Name
	}
	r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
		fmt.Sprintf("%s lost access to its own during the attacks on %s, so that denials prove nothing. Look for a lockout, a rate limit that says something else than spec.app.rateLimited, or a session that ends early.", who, t.Name),
		both...)
}

// aliveness is a thing whose owner got at it, and an attacker who got at its own, by the last request that was sent.
type aliveness struct {
	thing    *thing
	attacker *person
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
		return r.stillAdmin(ctx, p)
	}
	_, ok := r.readsBack(ctx, own, own.ways[0])
	return ok
}

// stillAdmin says whether an administrator, who has planted nothing, is still shown its administration.
func (r *run) stillAdmin(ctx context.Context, p *person) bool {
	if !p.admin() || len(r.App.AdminPaths) == 0 {
		return true
	}
	resp, err := r.get(ctx, p.session, string(r.App.AdminPaths[0]))
	return err == nil && resp.Status < 400
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
	if err := t.owner.renew(ctx); err != nil {
		return false
	}
	return p == nil || p.renew(ctx) == nil
}

// readAttempts gives the attempts on a channel: those as the app's own client would send them, and the tricks.
func (r *run) readAttempts(t *thing, w way, p *person) (plain, tricks []attempt) {
	request, err := t.request(w, p)
	if err != nil {
		return nil, nil
	}
	rules := rulesFor(w, p)
	shown := Shown(w.request)
	plain = []attempt{{rule: rules.plain, request: request, shown: shown}}
	if p != nil && w.byID {
		// The app may tell tenants apart by a part of the path: then the victim's is asked for.
		vars := p.vars.With(t.owner.harmless()).With(httpstep.Vars{httpstep.ID: t.id, httpstep.Query: t.marker.Term})
		if other, err := httpstep.Prepare(w.request, vars); err == nil && other.Path != request.Path {
			plain = append(plain, attempt{rule: rules.plain, request: other, shown: shown, trick: "with the other tenant's path"})
		}
	}
	add := func(rule rule, variants []variant) {
		for _, v := range variants {
			tricks = append(tricks, attempt{rule: rule, request: v.request, shown: shown, trick: v.trick})
		}
	}
	add(rules.chosen, r.chosenVariants(t, w, request))
	if w.byID {
		add(rules.trick, pathVariants(request, t.id))
	}
	if own := r.ownOrNil(p, t.resource); own != nil && w.byID {
		if ownRequest, err := own.request(w, p); err == nil {
			add(rules.plain, movedVariants(ownRequest, own.id, t.id, t.Name))
		}
	}
	if w.name == "list" {
		add(rules.plain, filterVariants(request, t.id, t.Name, t.owner.traits))
	}
	return plain, tricks
}

// chosenVariants name the victim in the request. Who somebody is, is found out in one place for all kinds, so that headers are
// tried on the first. The header that the app is described to go by is no trick: to name somebody there is to log in as them.
func (r *run) chosenVariants(t *thing, w way, request httpstep.Request) []variant {
	var all []variant
	first := t.resource == r.resources[0]
	if first && (w.name == "item" || w.name == "list") {
		all = append(all, chosenByHeader(request, t.owner.traits, r.host())...)
		all = append(all, chosenByBody(request, t.owner.traits)...)
	}
	if first || !w.byID {
		all = append(all, chosenByQuery(request, t.owner.traits)...)
	}
	if w.byID && len(request.Body) > 0 {
		all = append(all, chosenByBody(request, t.owner.traits)...)
	}
	return slices.DeleteFunc(all, func(v variant) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(v.request.Header)), r.sessionHeader)
	})
}

// ruleSet are the rules that a channel's attempts may break.
type ruleSet struct{ plain, trick, chosen rule }

func rulesFor(w way, p *person) ruleSet {
	switch {
	case p == nil:
		return ruleSet{anonymousRead, anonymousTrick, anonymousTrick}
	case w.byID:
		return ruleSet{foreignRead, pathTrick, tenantChosen}
	default:
		return ruleSet{foreignListed, pathTrick, tenantChosen}
	}
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
