// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// credential is what makes the app take a request for its owner's: a set of headers and cookies that is enough.
type credential struct {
	name    string
	headers http.Header
	cookies map[string]string
}

// session gives the session that carries it, and nothing else.
func (c credential) session() session {
	headers := c.headers.Clone()
	if headers == nil {
		headers = http.Header{}
	}
	if len(c.cookies) > 0 {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(c.cookies)) {
			all = append(all, name+"="+c.cookies[name])
		}
		headers.Set("Cookie", strings.Join(all, "; "))
	}
	return session{headers: headers}
}

// forgedCredential is a credential that must not be taken.
type forgedCredential struct {
	rule  rule
	trick string
	credential
}

// attackCredentials asks for a thing with credentials that are broken, forged or somebody else's.
func (r *run) attackCredentials(ctx context.Context) {
	owner := r.ownerWithItem()
	if owner == nil {
		return
	}
	t := r.ownOf(owner, r.thingOf(owner).resource)
	if err := owner.login(ctx); err != nil {
		return
	}
	if r.opens(ctx, t, session{}) {
		// Nobody is shown it as well, which has been found: a credential makes no difference here.
		return
	}
	public := r.publicKeys(ctx)
	for _, c := range r.sufficient(ctx, t) {
		r.control(v1alpha1.RowAuthEnforced, "%s's %s is enough, and every broken one was tried.", owner.Name, c.name)
		for _, f := range r.forgeries(c, owner, public) {
			if !r.refuses(ctx, t, f) {
				// One finding of a kind tells what is wrong: its other forms would say the same.
				continue
			}
		}
	}
}

// ownerWithItem gives the first person who planted something.
func (r *run) ownerWithItem() *person {
	for _, t := range r.things {
		if len(t.ways) > 0 && !t.gone {
			return t.owner
		}
	}
	return nil
}

func (r *run) thingOf(p *person) *thing {
	for _, t := range r.things {
		if t.owner == p && len(t.ways) > 0 && !t.gone {
			return t
		}
	}
	return nil
}

// sufficient gives the credentials of a session that are enough by themselves; where none is, all of them together.
func (r *run) sufficient(ctx context.Context, t *thing) []credential {
	headers, cookies := t.owner.headers, t.owner.cookies(r.Target)
	var found []credential
	if len(headers) > 0 {
		found = append(found, credential{name: "credential in " + strings.Join(slices.Sorted(maps.Keys(headers)), " and "), headers: headers})
	}
	if len(cookies) > 0 {
		found = append(found, credential{name: "session cookie", cookies: cookies})
	}
	found = slices.DeleteFunc(found, func(c credential) bool { return !r.opens(ctx, t, c.session()) })
	if len(found) == 0 && len(headers) > 0 && len(cookies) > 0 {
		found = append(found, credential{name: "credential in headers with its cookies", headers: headers, cookies: cookies})
	}
	return found
}

// opens says whether a session is shown the thing.
func (r *run) opens(ctx context.Context, t *thing, s session) bool {
	request, err := t.request(t.item(), t.owner)
	if err != nil {
		return false
	}
	resp, err := r.send(ctx, s, request)
	return err == nil && t.holds(t.ways[0], resp)
}

// refuses says whether the app refuses a forged credential. What it takes is a finding.
func (r *run) refuses(ctx context.Context, t *thing, f forgedCredential) bool {
	r.tried(v1alpha1.RowAuthEnforced, 1)
	if !r.opens(ctx, t, f.session()) {
		return true
	}
	request, err := t.request(t.item(), t.owner)
	if err != nil {
		return true
	}
	a := attempt{rule: f.rule, request: request, shown: Shown(t.Item), trick: f.trick}
	r.find(f.rule.row, r.finding(a, t.owner.Name, "the app took a credential that it must refuse"))
	return false
}

// forgeries are the credentials to try in the place of a good one.
func (r *run) forgeries(c credential, owner *person, public []publicKey) []forgedCredential {
	var all []forgedCredential
	values := map[string]func(string) credential{}
	for name := range c.headers {
		values[name] = func(value string) credential {
			changed := c.headers.Clone()
			changed.Set(name, value)
			return credential{headers: changed, cookies: c.cookies}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := c.headers.Get(name)
		for _, broken := range brokenValues(value) {
			all = append(all, forgedCredential{brokenCredential, fmt.Sprintf("with %s in %s", broken.trick, name), values[name](broken.raw)})
		}
		for _, f := range r.tokenForgeries(value, owner, public) {
			all = append(all, forgedCredential{f.rule, f.trick + " in " + name, values[name](f.raw)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.cookies)) {
		with := func(value string) credential {
			changed := maps.Clone(c.cookies)
			changed[name] = value
			return credential{headers: c.headers, cookies: changed}
		}
		if !r.matters(c, name) {
			continue
		}
		for _, broken := range brokenCookies(c.cookies[name]) {
			all = append(all, forgedCredential{brokenCredential, fmt.Sprintf("with %s in the session cookie", broken.trick), with(broken.raw)})
		}
		for _, f := range r.tokenForgeries(c.cookies[name], owner, public) {
			all = append(all, forgedCredential{f.rule, f.trick + " in the session cookie", with(f.raw)})
		}
	}
	return all
}

// matters says whether a cookie is a part of the credential: one for the language may be broken as one likes. Whether it is
// shows when it is left out.
func (r *run) matters(c credential, name string) bool {
	without := maps.Clone(c.cookies)
	delete(without, name)
	t := r.thingOf(r.ownerWithItem())
	return t != nil && !r.opens(context.Background(), t, credential{headers: c.headers, cookies: without}.session())
}

// brokenValues break a header's value, with or without a scheme (RFC 9110 §11.4).
func brokenValues(value string) []forgery {
	scheme, rest, hasScheme := strings.Cut(value, " ")
	if !hasScheme {
		return brokenCookies(value)
	}
	var all []forgery
	for _, broken := range brokenCookies(rest) {
		all = append(all, forgery{broken.trick, scheme + " " + broken.raw})
	}
	return append(all,
		forgery{"the scheme alone", scheme},
		forgery{"another scheme", "Basic YWRtaW46YWRtaW4="},
		forgery{"another scheme without a value", "Basic"},
		forgery{"an unknown scheme", "LaunchReady x"},
	)
}

// brokenCookies break a credential: an identifier cut short or changed in the middle is nobody's.
func brokenCookies(value string) []forgery {
	all := []forgery{
		{"nothing", ""}, {"null", "null"}, {"undefined", "undefined"}, {"0", "0"}, {"1", "1"}, {"true", "true"}, {"admin", "admin"},
		{"a text nobody made", "lr-not-a-credential"},
	}
	if len(parseTokens(value)) == 0 && len(value) >= 8 {
		all = append(all, forgery{"a changed character", flipped(value)}, forgery{"half of it", value[:len(value)/2]})
	}
	return all
}

// tokenForgery is a forged token, and what it would show if it were taken.
type tokenForgery struct {
	rule       rule
	trick, raw string
}

// tokenForgeries forge the tokens in a value.
func (r *run) tokenForgeries(value string, owner *person, public []publicKey) []tokenForgery {
	var all []tokenForgery
	for _, t := range parseTokens(value) {
		in := func(raw string) string { return strings.ReplaceAll(value, t.raw, raw) }
		for _, f := range t.broken(r.tokenOfAnother(owner)) {
			all = append(all, tokenForgery{forgedToken, "a token " + f.trick, in(f.raw)})
		}
		for _, f := range t.forged(public) {
			all = append(all, tokenForgery{forgedToken, "a token " + f.trick, in(f.raw)})
		}
		if key, weak := t.weakKeyOf(r.guesses(owner)...); weak {
			again := t
			again.claimsPart = encodePart(withClaim(t.claims))
			all = append(all, tokenForgery{weakKey, "a token signed with a key from a list of known ones", in(again.signed(t.header, key))})
		}
	}
	return all
}

// guesses are keys made of what everybody knows of the app.
func (r *run) guesses(owner *person) []string {
	host := r.Target.Host
	if host == "" {
		host = r.Target.Base.Hostname()
	}
	guesses := strings.FieldsFunc(host, func(c rune) bool { return c == '.' })
	guesses = append(guesses, host, owner.Tenant)
	for _, g := range slices.Clone(guesses) {
		guesses = append(guesses, g+"-secret", g+"_secret", g+"secret", g+"-jwt-secret")
	}
	return guesses
}

// tokenOfAnother gives a token of somebody else, for its signature.
func (r *run) tokenOfAnother(owner *person) *token {
	for _, p := range r.people {
		if p == owner {
			continue
		}
		if tokens := p.tokens(); len(tokens) > 0 {
			return &tokens[0]
		}
	}
	return nil
}

// publicKeys fetches the key sets that the app publishes.
func (r *run) publicKeys(ctx context.Context) []publicKey {
	var found []publicKey
	for _, path := range keySetPaths {
		resp, err := r.Target.Send(ctx, httpstep.Request{Method: http.MethodGet, Path: path, Header: http.Header{}}, nil)
		if err == nil && resp.Status == http.StatusOK {
			found = append(found, parseKeys(resp.Body)...)
		}
	}
	return found
}
