// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

const (
	// samples is how many session identifiers are compared.
	samples = 4
	// nearby is how far apart two identifiers may be that are counted up.
	nearby = 1 << 20
	// shortest is the least length of an identifier: 64 bits in base64 (OWASP ASVS 5.0 7.2.3 asks for 128 bits of entropy).
	shortest = 11
	// chosen is an identifier that no server made.
	chosen = "lr0123456789abcdef0123456789abcdef"
)

// attackSessions sees that sessions end, begin anew and can't be guessed. It comes last, for it ends sessions.
func (r *run) attackSessions(ctx context.Context, t *thing) {
	if r.App.Login != nil {
		r.attackPassword(ctx, t)
		r.attackFixation(ctx, t)
		r.attackPrediction(ctx, t)
	}
	r.attackExpiry(ctx, t)
	r.attackLogout(ctx, t)
}

var passwordKey = regexp.MustCompile(`(?i)pass|pwd|secret|pin|key|code`)

// attackPassword logs in with each part of the credentials changed that should keep others out. One try for each part: nobody is
// locked out by that.
func (r *run) attackPassword(ctx context.Context, t *thing) {
	owner := t.owner
	good := r.Credentials[owner.Name]
	uses := func(name string) bool {
		return slices.ContainsFunc(r.App.Login.Steps, func(s v1alpha1.HTTPStep) bool { return httpstep.Uses(s.Request, name) })
	}
	for _, key := range slices.Sorted(maps.Keys(good)) {
		wrong := maps.Clone(good)
		switch {
		case r.provides(key):
			continue
		case uses(httpstep.OneTime(key)):
			wrong[key] = httpstep.WithSecret(good[key], anotherSecret)
		case passwordKey.MatchString(key) && uses("credentials."+key):
			wrong[key] = flipped(good[key])
		default:
			continue
		}
		r.tried(v1alpha1.RowAuthEnforced, Shown(r.App.Login.Steps[len(r.App.Login.Steps)-1].Request))
		again := &person{Identity: owner.Identity, at: &run{Options: r.Options, limited: r.limited, spentCodes: r.spentCodes, loginsLeft: r.loginsLeft}}
		again.at.Credentials = map[string]map[string]string{owner.Name: wrong}
		if again.login(ctx) != nil || !r.opensBy(ctx, t, again.session) {
			continue
		}
		step := r.App.Login.Steps[len(r.App.Login.Steps)-1]
		a := attempt{rule: anyPassword, request: httpstep.Request{Method: httpstep.Method(step.Request), Path: string(step.Request.Path)}, shown: Shown(step.Request), trick: "with a changed " + key}
		r.find(a.rule.row, r.finding(a, nobody, fmt.Sprintf("the login of %s succeeded with a changed %s", owner.Name, key)))
	}
}

// attackLogout logs out of a session of its own, and asks again with it.
func (r *run) attackLogout(ctx context.Context, t *thing) {
	if r.App.Login == nil {
		// To end a session that a Secret holds would leave the next run without one.
		r.control(v1alpha1.RowAuthEnforced, "Sessions come by Secret, so that their end is not measured.")
		return
	}
	if r.App.Logout == nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
			"Nobody said how to log out, so that nothing shows that a session ends. Set spec.app.logout, such as {request: {method: POST, path: /api/logout}}.", v1alpha1.RowAuthEnforced)
		return
	}
	step, err := httpstep.CompileStep(*r.App.Logout)
	if err != nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, "spec.app.logout: "+err.Error(), v1alpha1.RowAuthEnforced)
		return
	}
	owner := t.owner
	refreshes := r.attackRefresh(ctx, t)
	if owner.login(ctx) != nil || !r.opens(ctx, t, owner.session) {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s could not log in any more after the attacks, so that nothing shows that a session ends.", owner.Name), v1alpha1.RowAuthEnforced)
		return
	}
	before := credential{headers: owner.headers, cookies: owner.cookies(r.Target)}
	kept := owner.keep(r.jarURL())
	if _, err := r.runStep(ctx, step, owner.jar, owner.vars, owner.headers); err != nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s could not log out: %s. Correct spec.app.logout.", owner.Name, plain(err)), v1alpha1.RowAuthEnforced)
		return
	}
	r.tried(v1alpha1.RowAuthEnforced, Shown(t.Item))
	if r.opensBy(ctx, t, before.session()) {
		refreshes = false // there is nothing to be revived
		request, err := t.request(t.item(), owner)
		if err == nil {
			a := attempt{rule: logoutFails, request: request, shown: Shown(t.Item), trick: "after the logout"}
			r.find(a.rule.row, r.finding(a, owner.Name, "a session was still good after its logout"))
		}
	}
	if refreshes {
		r.attackRevival(ctx, t, kept)
	}
	r.control(v1alpha1.RowAuthEnforced, "%s logged out.", owner.Name)
	_ = owner.login(ctx) // for cleaning up
}

// attackExpiry asks with a token whose time has passed, where the app's are that short.
func (r *run) attackExpiry(ctx context.Context, t *thing) {
	for _, token := range t.owner.tokens() {
		wait := time.Until(token.expires()) + time.Second
		if token.expires().IsZero() || wait > maxWait {
			continue
		}
		expired := t.owner.session
		probe.Wait(ctx, wait)
		r.tried(v1alpha1.RowAuthEnforced, Shown(t.Item))
		old := session{headers: expired.headers}
		if !r.opensBy(ctx, t, old) {
			continue
		}
		request, err := t.request(t.item(), t.owner)
		if err != nil {
			continue
		}
		a := attempt{rule: expiredToken, request: request, shown: Shown(t.Item), trick: "after exp had passed"}
		r.find(a.rule.row, r.finding(a, t.owner.Name, "the app took a token that had expired"))
	}
}

// attackFixation logs in with a session identifier that somebody else may know, and looks whether it became the session's.
func (r *run) attackFixation(ctx context.Context, t *thing) {
	owner := t.owner
	sessionCookies := r.sessionCookies(ctx, t)
	for _, name := range sessionCookies {
		for trick, value := range map[string]string{"chosen by a stranger": chosen, "made before the login": r.before(ctx, name)} {
			if value == "" {
				continue
			}
			r.tried(v1alpha1.RowAuthEnforced, Shown(t.Item))
			jar, err := newJar()
			if err != nil {
				return
			}
			jar.SetCookies(r.jarURL(), []*http.Cookie{{Name: name, Value: value, Path: "/"}}) //nolint:gosec // as a stranger would plant it
			if owner.loginWith(ctx, jar) != nil {
				continue
			}
			c := credential{cookies: owner.cookies(r.Target)}
			c.cookies[name] = value
			if !r.opensBy(ctx, t, c.session()) {
				continue
			}
			if request, err := t.request(t.item(), owner); err == nil {
				a := attempt{rule: fixedSession, request: request, shown: Shown(t.Item), trick: "with a session identifier " + trick}
				r.find(a.rule.row, r.finding(a, owner.Name, "a session identifier from before the login became the session's"))
			}
		}
	}
	_ = owner.login(ctx) // a session without anything of the attack
}

// jarURL is the URL that the jars of this run are asked for.
func (r *run) jarURL() *url.URL { return &url.URL{Scheme: "https", Host: r.host(), Path: "/"} }

// sessionCookies are the names of the cookies that are the session: each that is enough alone, else those without which it is none.
func (r *run) sessionCookies(ctx context.Context, t *thing) []string {
	var names []string
	for _, c := range r.sufficient(ctx, t) {
		if len(c.headers) > 0 {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(c.cookies)) {
			without := maps.Clone(c.cookies)
			delete(without, name)
			if !r.opens(ctx, t, credential{cookies: without}.session()) {
				names = append(names, name)
			}
		}
	}
	return names
}

// before gives the value that a cookie has before anybody has logged in.
func (r *run) before(ctx context.Context, name string) string {
	jar, err := newJar()
	if err != nil {
		return ""
	}
	for _, step := range r.App.Login.Steps {
		if httpstep.Method(step.Request) == http.MethodGet {
			request, err := httpstep.Prepare(step.Request, httpstep.Vars{})
			if err == nil {
				_, _ = r.Target.Follow(ctx, request, jar)
			}
		}
	}
	_, _ = r.Target.Follow(ctx, httpstep.Request{Method: http.MethodGet, Path: "/", Header: http.Header{}}, jar)
	return session{jar: jar}.cookies(r.Target)[name]
}

// attackPrediction compares the identifiers of some sessions.
func (r *run) attackPrediction(ctx context.Context, t *thing) {
	owner := t.owner
	names := r.sessionCookies(ctx, t)
	if len(names) == 0 {
		return
	}
	values := r.sampled(ctx, owner, names)
	for _, name := range names {
		r.tried(v1alpha1.RowAuthEnforced, Shown(t.Item))
		if guessable(values[name]) {
			if request, err := t.request(t.item(), owner); err == nil {
				a := attempt{rule: predictable, request: request, shown: Shown(t.Item), trick: "with a guessed session identifier"}
				r.find(a.rule.row, r.finding(a, owner.Name, "session identifiers are counted up or too short, so that they can be guessed"))
			}
		}
	}
}

// sampled gives the values that cookies have in some sessions: of logins for this, or where a provider would have to give them, of the
// sessions that there are.
func (r *run) sampled(ctx context.Context, owner *person, names []string) map[string][]string {
	values := map[string][]string{}
	note := func(p *person) {
		cookies := p.cookies(r.Target)
		for _, name := range names {
			if cookies[name] != "" {
				values[name] = append(values[name], cookies[name])
			}
		}
	}
	if r.hasProvider() {
		for _, p := range r.people {
			note(p)
		}
		return values
	}
	for range samples {
		if owner.login(ctx) != nil {
			return nil
		}
		note(owner)
	}
	return values
}

// guessable says whether identifiers are short, or numbers close to one another.
func guessable(values []string) bool {
	if len(values) < 2 {
		return false
	}
	for _, base := range []int{10, 16} {
		near := true
		for i := 1; i < len(values); i++ {
			a, errA := strconv.ParseUint(values[i-1], base, 64)
			b, errB := strconv.ParseUint(values[i], base, 64)
			if errA != nil || errB != nil || max(a, b)-min(a, b) > nearby {
				near = false
				break
			}
		}
		if near {
			return true
		}
	}
	return slices.ContainsFunc(values, func(v string) bool { return len(v) < shortest })
}
