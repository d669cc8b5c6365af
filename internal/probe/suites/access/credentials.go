// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/base64"
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
func (r *run) attackCredentials(ctx context.Context, t *thing) {
	public := r.publicKeys(ctx)
	enough := r.sufficient(ctx, t)
	if len(enough) == 0 {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("Neither the headers of spec.app.authenticate nor the cookies of %s are enough to read its own of %s, so that no broken credential could be told from a good one.", t.owner.Name, t.Name), v1alpha1.RowAuthEnforced)
		return
	}
	for _, c := range enough {
		forged := r.forgeries(ctx, t, c, public)
		r.tryForged(ctx, t, forged)
		if len(forged) > 0 {
			r.control(v1alpha1.RowAuthEnforced, "%s's %s is enough, and every broken one was tried.", t.owner.Name, c.name)
		}
	}
}

// witness gives a thing by which credentials can be judged: its owner is shown it and nobody is, even after its owner has asked.
// What a cache in front gives to everybody tells nothing of credentials.
func (r *run) witness(ctx context.Context) *thing {
	var seen []*resource
	for _, t := range r.things {
		if len(t.ways) == 0 || t.gone || slices.Contains(seen, t.resource) {
			continue
		}
		seen = append(seen, t.resource)
		if !r.opens(ctx, t, t.owner.session) && (t.owner.login(ctx) != nil || !r.opens(ctx, t, t.owner.session)) {
			continue
		}
		if !r.opens(ctx, t, session{}) {
			return t
		}
	}
	if len(seen) > 0 && len(r.rows[v1alpha1.RowAuthEnforced].Findings) == 0 {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			"Of nothing that was planted it could be said that its owner is shown it and nobody is, so that credentials make no difference that could be judged. Look for a cache in front of the app that keeps private replies.", v1alpha1.RowAuthEnforced)
	}
	return nil
}

// sufficient gives the credentials of a session that are enough: each header and cookie that is so alone, else those of a kind
// together, else all.
func (r *run) sufficient(ctx context.Context, t *thing) []credential {
	headers, cookies := t.owner.headers, t.owner.cookies(r.Target)
	opens := func(c credential) bool { return r.opens(ctx, t, c.session()) }
	var found []credential
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		c := credential{name: "credential in " + name, headers: http.Header{name: headers[name]}}
		if opens(c) {
			found = append(found, c)
		}
	}
	if c := (credential{name: "credential in " + strings.Join(slices.Sorted(maps.Keys(headers)), " and "), headers: headers}); len(found) == 0 && len(headers) > 1 && opens(c) {
		found = append(found, c)
	}
	inHeaders := len(found)
	for _, name := range slices.Sorted(maps.Keys(cookies)) {
		c := credential{name: "session cookie", cookies: map[string]string{name: cookies[name]}}
		if opens(c) {
			found = append(found, c)
		}
	}
	if c := (credential{name: "session cookies", cookies: cookies}); len(found) == inHeaders && len(cookies) > 1 && opens(c) {
		found = append(found, c)
	}
	if c := (credential{name: "credential in headers with its cookies", headers: headers, cookies: cookies}); len(found) == 0 && len(headers) > 0 && len(cookies) > 0 && opens(c) {
		found = append(found, c)
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

// opensBy says whether it is the session that is shown the thing: nobody is not.
func (r *run) opensBy(ctx context.Context, t *thing, s session) bool {
	return r.opens(ctx, t, s) && !r.opens(ctx, t, session{})
}

// tryForged asks with forged credentials, side by side. Whichever the app takes is a finding, if nobody is not taken as well.
func (r *run) tryForged(ctx context.Context, t *thing, forged []forgedCredential) {
	request, err := t.request(t.item(), t.owner)
	if err != nil {
		return
	}
	attempts := make([]attempt, len(forged))
	for i, f := range forged {
		carrier := f.session()
		attempts[i] = attempt{rule: f.rule, request: request, shown: Shown(t.Item), trick: f.trick, carrier: &carrier}
	}
	for i, reply := range r.sendAll(ctx, nil, attempts) {
		if reply.err == nil && t.holds(t.ways[0], reply.Response) && r.opensBy(ctx, t, *attempts[i].carrier) {
			r.find(attempts[i].rule.row, r.finding(attempts[i], t.owner.Name, "the app took a credential that it must refuse"))
		}
	}
	// Refusals mean something only from an app that still takes the good one.
	if !r.opens(ctx, t, t.owner.session) && (t.owner.login(ctx) != nil || !r.opens(ctx, t, t.owner.session)) {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s lost access to its own while broken credentials were tried, so that refusals prove nothing. Look for a lockout.", t.owner.Name), v1alpha1.RowAuthEnforced)
	}
}

// part is a header or cookie of a credential, and the credential with another value in it.
type part struct {
	name, value string
	broken      []forgery
	with        func(value string) credential
}

// parts gives those of a credential, in a fixed order.
func (c credential) parts() []part {
	var all []part
	for _, name := range slices.Sorted(maps.Keys(c.headers)) {
		value := c.headers.Get(name)
		all = append(all, part{name: name, value: value, broken: brokenValues(value), with: func(value string) credential {
			changed := c.headers.Clone()
			changed.Set(name, value)
			if value == "" {
				changed.Del(name)
			}
			return credential{headers: changed, cookies: c.cookies}
		}})
	}
	for _, name := range slices.Sorted(maps.Keys(c.cookies)) {
		all = append(all, part{name: "the cookie " + name, value: c.cookies[name], broken: brokenCookies(c.cookies[name]), with: func(value string) credential {
			changed := maps.Clone(c.cookies)
			changed[name] = value
			if value == "" {
				delete(changed, name)
			}
			return credential{headers: c.headers, cookies: changed}
		}})
	}
	return all
}

// forgeries are the credentials to try in the place of a good one. What may be left out, such as a cookie for the language or a
// token against cross-site requests, is no part of it, and neither is what is the same for everybody, such as a client's version.
func (r *run) forgeries(ctx context.Context, t *thing, c credential, public []publicKey) []forgedCredential {
	var all []forgedCredential
	for _, p := range c.parts() {
		if r.opens(ctx, t, p.with("").session()) || r.common(p, t.owner) {
			continue
		}
		for _, broken := range p.broken {
			all = append(all, forgedCredential{brokenCredential, fmt.Sprintf("with %s in %s", broken.trick, p.name), p.with(broken.raw)})
		}
		for _, f := range r.tokenForgeries(p.value, t.owner, public) {
			all = append(all, forgedCredential{f.rule, f.trick + " in " + p.name, p.with(f.raw)})
		}
	}
	return all
}

// common says whether somebody else has the same value there.
func (r *run) common(p part, owner *person) bool {
	return slices.ContainsFunc(r.people, func(o *person) bool {
		if o == owner {
			return false
		}
		c := credential{headers: o.headers, cookies: o.cookies(r.Target)}
		return slices.ContainsFunc(c.parts(), func(q part) bool { return q.name == p.name && q.value == p.value })
	})
}

// brokenValues break a header's value, with or without a scheme (RFC 9110 §11.4).
func brokenValues(value string) []forgery {
	scheme, rest, hasScheme := strings.Cut(value, " ")
	if !hasScheme {
		return brokenCookies(value)
	}
	if strings.EqualFold(scheme, "Basic") {
		return append(brokenBasic(rest), forgery{"the scheme alone", scheme}, forgery{"an unknown scheme", "LaunchReady " + rest})
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

// brokenBasic keeps the user and breaks the password (RFC 7617 §2). A character of the whole would not do: it might be the case of
// a letter in the user's name.
func brokenBasic(encoded string) []forgery {
	plain, err := base64.StdEncoding.DecodeString(encoded)
	user, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return nil
	}
	var all []forgery
	for _, f := range []forgery{{"a changed password", flipped(password)}, {"no password", ""}, {"the user's name as password", user}} {
		if f.raw != password {
			all = append(all, forgery{f.trick, "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+f.raw))})
		}
	}
	return append(all, forgery{"nothing behind the scheme", "Basic Og=="})
}

// brokenCookies break a credential: an identifier cut short or changed in the middle is nobody's.
func brokenCookies(value string) []forgery {
	all := []forgery{
		{"an empty text", " "},
		{"null", "null"},
		{"undefined", "undefined"},
		{"0", "0"},
		{"1", "1"},
		{"true", "true"},
		{"admin", "admin"},
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
	host := r.host()
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
