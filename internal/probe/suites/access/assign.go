// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// ambition is what a new account tries to become by fields that it adds to its requests: mass assignment (OWASP API3:2023).
type ambition struct {
	rule   rule
	what   string
	claims claims
	proofs []proof
	// reached says whether a person is shown what only those are shown who are so.
	reached func(ctx context.Context, p *person) bool
}

// attackAccounts signs up, and tries to become an administrator or somebody of another's tenant by naming that in the request.
// Only what such a person alone is shown convicts, or a profile that then says so where it said otherwise before.
func (r *run) attackAccounts(ctx context.Context) {
	if r.App.SignUp == nil {
		return
	}
	p, fresh, ok := r.controlSignUp(ctx)
	if !ok {
		return
	}
	var ambitions []ambition
	for _, a := range []ambition{r.toBeAdmin(ctx, fresh), r.toBeOfTenant(ctx, fresh)} {
		// What a new account is shown anyway is no proof.
		if a.claims != nil && !a.reached(ctx, p) {
			ambitions = append(ambitions, a)
		}
	}
	for _, a := range ambitions {
		r.assignAtSignUp(ctx, a)
	}
	if r.App.Profile == nil || r.App.Profile.Update == nil {
		return
	}
	for _, a := range ambitions {
		r.assignByUpdate(ctx, a, p)
	}
}

// toBeAdmin is to have the administrator's role.
func (r *run) toBeAdmin(ctx context.Context, fresh account) ambition {
	i := slices.IndexFunc(r.people, (*person).admin)
	if i < 0 {
		return ambition{}
	}
	a := ambition{rule: roleAssigned, what: "a role", claims: roleClaims()}
	if theirs, ok := r.profile(ctx, r.people[i]); ok {
		a.proofs = a.claims.learn(fresh, theirs, roleName, roleName, innerName)
	}
	// What any user's profile says as well is no role of an administrator's.
	for _, p := range r.people {
		if said, ok := r.profile(ctx, p); ok && !p.admin() {
			a.proofs = slices.DeleteFunc(a.proofs, func(pr proof) bool { return pr.shows(said) })
		}
	}
	a.reached = func(ctx context.Context, p *person) bool {
		return slices.ContainsFunc(r.pages, func(page adminPage) bool {
			resp, err := r.get(ctx, p.session, page.path)
			known := page.unknownTo(ctx, r, p)
			return err == nil && page.telling && known.secret.text() >= leastText && known.shownIn(resp)
		})
	}
	return a
}

// toBeOfTenant is to belong to the tenant of somebody who planted something, best something that the tenant shares.
func (r *run) toBeOfTenant(ctx context.Context, fresh account) ambition {
	var victim *thing
	var shared []*thing
	for _, t := range r.things {
		if len(t.ways) == 0 || t.gone || t.owner.Name == newcomer {
			continue
		}
		if victim == nil || (victim.Sharing != v1alpha1.SharingTenant && t.Sharing == v1alpha1.SharingTenant) {
			victim = t
		}
	}
	if victim == nil {
		return ambition{}
	}
	for _, t := range r.things {
		if t.Sharing == v1alpha1.SharingTenant && len(t.ways) > 0 && !t.gone && t.owner.Tenant == victim.owner.Tenant {
			shared = append(shared, t)
		}
	}
	a := ambition{rule: tenantAssigned, what: "a tenant", claims: tenantClaims(victim.owner.Tenant)}
	if theirs, ok := r.profile(ctx, victim.owner); ok {
		a.proofs = a.claims.learn(fresh, theirs, tenantName, tenantObject, innerID)
	}
	a.reached = func(ctx context.Context, p *person) bool {
		return slices.ContainsFunc(shared, func(t *thing) bool {
			request, err := t.request(t.item(), p)
			if err != nil {
				return false
			}
			resp, err := r.send(ctx, p.session, request)
			return err == nil && t.marked(resp)
		})
	}
	return a
}

// proven says whether a person became what it claimed to be. A field that the described body has anyway is the client's to say,
// so that the profile proves nothing by it.
func (r *run) proven(ctx context.Context, a ambition, p *person, theirs []string) bool {
	if a.reached(ctx, p) {
		return true
	}
	said, ok := r.profile(ctx, p)
	return ok && slices.ContainsFunc(a.proofs, func(pr proof) bool { return !slices.Contains(theirs, pr.field) && pr.shows(said) })
}

// assignAtSignUp signs up with the claims.
func (r *run) assignAtSignUp(ctx context.Context, a ambition) {
	var theirs, shown []string
	for _, step := range r.App.SignUp.Steps {
		theirs, shown = append(theirs, fieldsOf(step.Request)...), append(shown, Shown(step.Request))
	}
	r.tried(a.rule.row, shown...)
	p, sent, err := r.signUp(ctx, a.claims)
	if err != nil || !r.proven(ctx, a, p, theirs) {
		return // to refuse the whole is as good as to leave the fields out
	}
	last := r.App.SignUp.Steps[len(r.App.SignUp.Steps)-1]
	for _, step := range r.App.SignUp.Steps {
		if _, added := a.claims.added(step.Request); added {
			last = step
		}
	}
	made := attempt{rule: a.rule, request: sent, shown: Shown(last.Request), trick: "with " + a.what + " in the body"}
	r.find(a.rule.row, r.finding(made, nobody, fmt.Sprintf("whoever signs up may name %s", a.what)))
}

// assignByUpdate changes the profile of the new account with the claims: with all of them, and where that is refused, with each.
func (r *run) assignByUpdate(ctx context.Context, a ambition, p *person) {
	described := *r.App.Profile.Update
	each := []claims{a.claims}
	for _, field := range slices.Sorted(maps.Keys(a.claims)) {
		each = append(each, claims{field: a.claims[field]})
	}
	for i, c := range each {
		changed, added := c.added(described)
		if !added {
			return
		}
		request, err := httpstep.Prepare(changed, p.vars)
		if err != nil {
			return
		}
		r.tried(a.rule.row, Shown(described))
		resp, err := r.send(ctx, p.session, request)
		if fatal(err) {
			return
		}
		if err != nil || resp.Status >= http.StatusBadRequest {
			continue
		}
		// What a token says of its owner is from the login.
		if p.login(ctx) == nil && r.proven(ctx, a, p, fieldsOf(described)) {
			made := attempt{rule: a.rule, request: request, shown: Shown(described), trick: "with " + a.what + " in the body"}
			r.find(a.rule.row, r.finding(made, newcomer, fmt.Sprintf("whoever edits their profile may name %s", a.what)))
			return
		}
		if i == 0 {
			return // all of them were taken, and made no difference
		}
	}
}
