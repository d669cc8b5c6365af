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
	attacker := r.people[i]
	for _, trait := range victim.traits {
		m := marker.New()
		request, err := httpstep.Prepare(res.Create.Request, attacker.vars.With(httpstep.Vars{httpstep.Canary: m.Text()}))
		var doc map[string]any
		if err != nil || json.Unmarshal(request.Body, &doc) != nil {
			return
		}
		for _, name := range whose {
			if _, had := doc[name]; !had {
				doc[name] = trait
			}
		}
		if request.Body, err = json.Marshal(doc); err != nil {
			return
		}
		r.tried(v1alpha1.RowTenantIsolated, 1)
		resp, err := r.send(ctx, attacker.session, request)
		if err != nil || resp.Status >= 300 {
			continue
		}
		captured, err := res.create.Captured(ctx, resp)
		if err != nil {
			continue
		}
		t := &thing{resource: res, owner: attacker, id: captured[httpstep.ID], marker: m}
		r.things = append(r.things, t)
		if read, err := t.request(t.item(), victim); err == nil {
			resp, err := r.send(ctx, victim.session, read)
			if err == nil && m.In(resp.Body) && !r.unchanged(ctx, t) {
				// It belongs to the victim now, and no longer to who made it.
				t.owner = victim
				a := attempt{rule: assigned, request: request, shown: Shown(res.Create.Request), trick: "with the other's name in the body"}
				r.find(a.rule.row, r.finding(a, attacker.Name, fmt.Sprintf("%s created something in the name of %s", attacker, victim)))
				return
			}
		}
	}
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
		within(ctx, pollEvery)
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
		return
	}
	delay, ok := r.controlUpdate(ctx, t)
	if !ok {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s changed its own of %s by spec.app.resources[%s].update, and item does not show it: correct the request.", owner.Name, res.Name, res.Name), v1alpha1.RowTenantIsolated)
		return
	}
	r.cameBack(t, "update")
	for _, p := range r.others(t) {
		theirs := marker.New()
		for _, a := range r.updateAttempts(t, p, theirs) {
			r.tried(a.rule.row, 1)
			if _, err := r.send(ctx, r.carried(a, p), a.request); err != nil && fatal(err) {
				return
			}
			within(ctx, delay)
			if r.bears(ctx, t, theirs) {
				r.find(a.rule.row, r.finding(a, called(p), fmt.Sprintf("%s changed what belongs to %s, as its owner sees", called(p), owner)))
				break
			}
		}
	}
}

// controlUpdate lets the owner change its thing, and gives how long it took to be seen.
func (r *run) controlUpdate(ctx context.Context, t *thing) (time.Duration, bool) {
	m := marker.New()
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
		within(ctx, pollEvery)
	}
}

// bears says whether the owner sees the marker in its thing.
func (r *run) bears(ctx context.Context, t *thing, m *marker.Marker) bool {
	request, err := t.request(t.item(), t.owner)
	if err != nil {
		return false
	}
	resp, err := r.send(ctx, t.owner.session, request)
	return err == nil && m.In(resp.Body)
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

// attackDelete lets everybody else remove a thing, and a new one after each that is gone. In the end the owner removes it, which
// shows that it could be removed and seen to be.
func (r *run) attackDelete(ctx context.Context, res *resource, owner *person) {
	t := r.sacrifice(ctx, res, owner)
	if t == nil {
		return
	}
	var tried []rule
	for _, p := range r.others(t) {
		request, err := httpstep.Prepare(*res.Delete, t.vars(p))
		if err != nil {
			return
		}
		rule := writeRule(p)
		attempts := append([]attempt{{rule: rule, request: request, shown: Shown(*res.Delete)}}, overridden(rule, request, t)...)
		for _, a := range attempts {
			tried = append(tried, a.rule)
			if _, err := r.send(ctx, r.carried(a, p), a.request); err != nil && fatal(err) {
				return
			}
			if r.unchanged(ctx, t) {
				continue
			}
			if !r.stays(ctx, t) {
				r.find(a.rule.row, r.finding(a, called(p), fmt.Sprintf("%s removed what belongs to %s, as its owner sees", called(p), owner)))
				t.gone = true
				if t = r.sacrifice(ctx, res, owner); t == nil {
					return
				}
			}
			break
		}
	}
	if !r.controlDelete(ctx, t) {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s removed its own of %s by spec.app.resources[%s].delete, and item still shows it: correct the request.", owner.Name, res.Name, res.Name), v1alpha1.RowTenantIsolated)
		return
	}
	for _, rule := range tried {
		r.tried(rule.row, 1)
	}
	r.cameBack(t, "delete")
}

// stays says whether the thing is there after all, once the owner's session was made anew: a lost session is no lost thing.
func (r *run) stays(ctx context.Context, t *thing) bool {
	return t.owner.login(ctx) == nil && r.unchanged(ctx, t)
}

// controlDelete lets the owner remove its thing.
func (r *run) controlDelete(ctx context.Context, t *thing) bool {
	request, err := httpstep.Prepare(*t.Delete, t.vars(t.owner))
	if err != nil {
		return false
	}
	if resp, err := r.send(ctx, t.owner.session, request); err != nil || resp.Status >= 400 {
		return false
	}
	deadline := time.Now().Add(r.indexing())
	for r.unchanged(ctx, t) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return false
		}
		within(ctx, pollEvery)
	}
	t.gone = true
	return true
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
