// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// attackWrites lets everybody else change and delete what an owner made for that, and looks through the owner's eyes whether it
// worked: what the attacker was answered proves nothing.
func (r *run) attackWrites(ctx context.Context) {
	for _, res := range r.resources {
		owner := r.firstOwner(res)
		if owner == nil {
			continue
		}
		if res.Update != nil {
			r.attackUpdate(ctx, res, owner)
		}
		if res.Delete != nil {
			r.attackDelete(ctx, res, owner)
		}
		r.attackAssignment(ctx, res, owner)
	}
}

// attackAssignment lets somebody of another tenant create a thing in the victim's name: mass assignment (OWASP API3:2023). The
// victim sees it in its list, or reads it, which it must not.
func (r *run) attackAssignment(ctx context.Context, res *resource, victim *person) {
	i := slices.IndexFunc(r.people, func(p *person) bool { return p.Tenant != victim.Tenant && !p.admin() })
	if i < 0 {
		return
	}
	for _, trait := range victim.traits {
		request, t, ok := r.createNaming(ctx, res, r.people[i], trait)
		if !ok {
			return
		}
		if t != nil && r.belongsTo(ctx, t, victim) {
			a := attempt{rule: assigned, request: request, shown: Shown(res.Create.Request), trick: "with the other's name in the body"}
			r.find(a.rule.row, r.finding(a, r.people[i].Name, fmt.Sprintf("%s created something in the name of %s", r.people[i], victim)))
			return
		}
	}
}

// createNaming lets somebody create a thing and name another as its owner. It says whether the request has a body for that, and
// gives the thing, nil where the app refused.
func (r *run) createNaming(ctx context.Context, res *resource, attacker *person, trait string) (httpstep.Request, *thing, bool) {
	m := r.mark()
	request, err := httpstep.Prepare(res.Create.Request, attacker.vars.With(httpstep.Vars{httpstep.Canary: m.Text()}))
	var doc map[string]any
	if err != nil || json.Unmarshal(request.Body, &doc) != nil {
		return request, nil, false
	}
	for _, name := range whose {
		if _, had := doc[name]; !had {
			doc[name] = trait
		}
	}
	if request.Body, err = json.Marshal(doc); err != nil {
		return request, nil, false
	}
	r.tried(v1alpha1.RowTenantIsolated, Shown(res.Create.Request))
	resp, err := r.send(ctx, attacker.session, request)
	if err != nil || resp.Status >= 300 {
		return request, nil, true
	}
	captured, err := res.create.Captured(ctx, resp)
	if err != nil {
		return request, nil, true
	}
	t := &thing{resource: res, owner: attacker, id: captured[httpstep.ID], marker: m}
	r.things = append(r.things, t)
	if res.mark != nil && r.recognise(ctx, t, append([]*person{attacker}, r.people...)...) != nil {
		return request, nil, true
	}
	return request, t, true
}

// belongsTo says whether somebody else reads a thing and who made it no longer does: it is the other's now.
func (r *run) belongsTo(ctx context.Context, t *thing, victim *person) bool {
	attacker := t.owner
	t.perhaps = victim
	planted := r.ownOf(victim, t.resource)
	request, err := t.request(t.item(), victim)
	if planted == nil || err != nil {
		return false
	}
	probe.Wait(ctx, planted.ways[0].delay)
	resp, err := r.send(ctx, victim.session, request)
	if err != nil || !t.marked(resp) || r.unchanged(ctx, t) {
		return false
	}
	t.owner, t.perhaps = victim, attacker
	return true
}

// firstOwner gives the first person who gets back what it plants.
func (r *run) firstOwner(res *resource) *person {
	for _, t := range r.things {
		if t.resource == res && len(t.ways) > 0 {
			return t.owner
		}
	}
	return nil
}

// sacrifice makes a thing that may be changed and removed.
func (r *run) sacrifice(ctx context.Context, res *resource, owner *person) *thing {
	t, err := r.create(ctx, res, owner)
	if err != nil {
		return nil
	}
	t.ways = nil // it is no example of what others must not read
	deadline := time.Now().Add(r.indexing())
	for !r.unchanged(ctx, t) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil
		}
		probe.Wait(ctx, pollEvery)
	}
	return t
}

func (t *thing) item() way { return way{name: "item", request: t.Item, byID: true} }

// unchanged says whether the owner still reads what it planted.
func (r *run) unchanged(ctx context.Context, t *thing) bool {
	_, ok := r.readsBack(ctx, t, t.item())
	return ok
}

// attackUpdate lets everybody else change a thing. Before, its owner changes it, which shows how long that takes to be seen.
func (r *run) attackUpdate(ctx context.Context, res *resource, owner *person) {
	t := r.sacrifice(ctx, res, owner)
	if t == nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s could not create one more of %s, so that it was not seen whether others may change it. Look for a limit to how many one may have.", owner.Name, res.Name), v1alpha1.RowTenantIsolated)
		return
	}
	delay, ok := r.controlUpdate(ctx, t)
	if !ok {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s changed its own of %s by spec.app.resources[%s].update, and item does not show it: correct the request.", owner.Name, res.Name, res.Name), v1alpha1.RowTenantIsolated)
		return
	}
	r.cameBack(t, "update")
	planted := r.ownOf(owner, res)
	for _, p := range r.others(t) {
		r.bracketed(ctx, planted, p, func() bool { return r.updateAs(ctx, t, p, delay) })
	}
}

// updateAs tries to change a thing as somebody who must not. It says whether every attempt was answered.
func (r *run) updateAs(ctx context.Context, t *thing, p *person, delay time.Duration) bool {
	theirs := r.mark()
	for _, a := range r.updateAttempts(t, p, theirs) {
		r.tried(a.rule.row, a.shown)
		if _, err := r.send(ctx, r.carried(a, p), a.request); fatal(err) {
			return false
		}
		probe.Wait(ctx, delay)
		if r.bears(ctx, t, theirs) {
			r.find(a.rule.row, r.finding(a, called(p), fmt.Sprintf("%s changed what belongs to %s, as its owner sees", called(p), t.owner)))
			break
		}
	}
	return true
}

// controlUpdate lets the owner change its thing, and gives how long it took to be seen.
func (r *run) controlUpdate(ctx context.Context, t *thing) (time.Duration, bool) {
	m := r.mark()
	request, err := httpstep.Prepare(*t.Update, t.vars(t.owner).With(httpstep.Vars{httpstep.Canary: m.Text()}))
	if err != nil {
		return 0, false
	}
	resp, err := r.send(ctx, t.owner.session, request)
	if err != nil || resp.Status >= 400 {
		return 0, false
	}
	started := time.Now()
	for {
		if r.bears(ctx, t, m) {
			return time.Since(started).Round(pollEvery), true
		}
		if time.Since(started) > r.indexing() || ctx.Err() != nil {
			return 0, false
		}
		probe.Wait(ctx, pollEvery)
	}
}

// bears says whether the owner sees the marker in its thing.
func (r *run) bears(ctx context.Context, t *thing, m *marker.Marker) bool {
	request, err := t.request(t.item(), t.owner)
	if err != nil {
		return false
	}
	resp, err := r.send(ctx, t.owner.session, request)
	return err == nil && said(m, resp)
}

// updateAttempts are the ways to change another's thing.
func (r *run) updateAttempts(t *thing, p *person, m *marker.Marker) []attempt {
	vars := t.vars(p).With(httpstep.Vars{httpstep.Canary: m.Text()})
	request, err := httpstep.Prepare(*t.Update, vars)
	if err != nil {
		return nil
	}
	rule := writeRule(p)
	attempts := []attempt{{rule: rule, request: request, shown: Shown(*t.Update)}}
	return append(attempts, overridden(rule, request, t)...)
}

func writeRule(p *person) rule {
	if p == nil {
		return anonymousWrite
	}
	return foreignWrite
}

// overridden sends an unsafe method under the name of another, which a guard may have let pass by its own.
func overridden(rule rule, request httpstep.Request, t *thing) []attempt {
	var attempts []attempt
	if request.Socket != nil {
		return nil // a handshake is a GET, and nothing else
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if method == request.Method {
			continue
		}
		for _, name := range overrideHeaders {
			changed := withHeader(request, name, request.Method)
			changed.Method = method
			attempts = append(attempts, attempt{rule: rule, request: changed, shown: method + " " + string(t.Item.Path), trick: "with " + request.Method + " in " + name})
		}
		changed := withQuery(request, "_method="+request.Method)
		changed.Method = method
		attempts = append(attempts, attempt{rule: rule, request: changed, shown: method + " " + string(t.Item.Path), trick: "with " + request.Method + " in the query's _method"})
	}
	return attempts
}

// attackDelete lets everybody else remove a thing, and a new one after each that is gone. Before, the owner removes one of its
// own, which shows how long that takes to be seen.
func (r *run) attackDelete(ctx context.Context, res *resource, owner *person) {
	planted := r.ownOf(owner, res)
	t := r.sacrifice(ctx, res, owner)
	if t == nil || planted == nil {
		return
	}
	delay, ok := r.controlDelete(ctx, t)
	if !ok {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s removed its own of %s by spec.app.resources[%s].delete, and item still shows it: correct the request.", owner.Name, res.Name, res.Name), v1alpha1.RowTenantIsolated)
		return
	}
	r.cameBack(t, "delete")
	for _, p := range r.others(t) {
		t = r.sacrifice(ctx, res, owner)
		if t == nil {
			return
		}
		r.bracketed(ctx, planted, p, func() bool { return r.deleteAs(ctx, t, planted, p, delay) })
	}
}

// deleteAs tries to remove a thing as somebody who must not. It says whether every attempt was answered.
func (r *run) deleteAs(ctx context.Context, t, planted *thing, p *person, delay time.Duration) bool {
	request, err := httpstep.Prepare(*t.Delete, t.vars(p))
	if err != nil || t.gone {
		return err == nil
	}
	rule := writeRule(p)
	attempts := append([]attempt{{rule: rule, request: request, shown: Shown(*t.Delete)}}, overridden(rule, request, t)...)
	for _, a := range attempts {
		r.tried(a.rule.row, a.shown)
		if _, err := r.send(ctx, r.carried(a, p), a.request); fatal(err) {
			return false
		}
		probe.Wait(ctx, delay)
		if r.removed(ctx, t, planted) {
			t.gone = true
			r.find(a.rule.row, r.finding(a, called(p), fmt.Sprintf("%s removed what belongs to %s, as its owner sees", called(p), t.owner)))
			break
		}
	}
	return true
}

// removed says whether a thing is gone while its owner still gets at another of the kind: an owner who is shown nothing at all has
// lost its session, or the app has shut everybody out.
func (r *run) removed(ctx context.Context, t, planted *thing) bool {
	for range 2 {
		if r.unchanged(ctx, t) {
			return false
		}
		if _, alive := r.readsBack(ctx, planted, planted.ways[0]); alive {
			return !r.unchanged(ctx, t)
		}
		if t.owner.renew(ctx) != nil {
			return false
		}
	}
	return false
}

// controlDelete lets the owner remove its thing, and gives how long it took to be seen.
func (r *run) controlDelete(ctx context.Context, t *thing) (time.Duration, bool) {
	request, err := httpstep.Prepare(*t.Delete, t.vars(t.owner))
	if err != nil {
		return 0, false
	}
	if resp, err := r.send(ctx, t.owner.session, request); err != nil || resp.Status >= 400 {
		return 0, false
	}
	started := time.Now()
	for r.unchanged(ctx, t) {
		if time.Since(started) > r.indexing() || ctx.Err() != nil {
			return 0, false
		}
		probe.Wait(ctx, pollEvery)
	}
	t.gone = true
	return time.Since(started).Round(pollEvery), true
}

// others are all who must not change the thing, and nobody. One identity for each tenant is enough.
func (r *run) others(t *thing) []*person {
	all := []*person{nil}
	for _, p := range r.people {
		if p != t.owner && !r.entitled(p, t) && !p.admin() {
			all = append(all, p)
		}
	}
	return all
}
