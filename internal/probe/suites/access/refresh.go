// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// anotherSecret is one for one-time passwords that nobody has.
const anotherSecret = "LAUNCHREADYLAUNCHREADYLAUNCHREAD"

var errNoRefresh = errors.New("spec.app.login.refresh is not described")

// renew gives a person a session again: by its refresh token, where there is one, else by another login.
func (p *person) renew(ctx context.Context) error {
	if p.jar != nil && p.refresh(ctx, p.jar, p.vars) == nil {
		return nil
	}
	return p.login(ctx)
}

// refresh goes on with the session of a jar and of what was captured.
func (p *person) refresh(ctx context.Context, jar http.CookieJar, vars httpstep.Vars) error {
	login := p.at.App.Login
	if login == nil || login.Refresh == nil {
		return errNoRefresh
	}
	step, err := httpstep.CompileStep(*login.Refresh)
	if err != nil {
		return err
	}
	if login.Refresh.Request.Host != "" {
		if err := p.at.spendLogin(); err != nil {
			return err
		}
	}
	captured, err := p.at.runLogin(ctx, step, jar, vars)
	if err != nil {
		return err
	}
	return p.carry(jar, vars.With(captured))
}

// kept is what somebody has who has taken down a session before its logout.
type kept struct {
	jar  http.CookieJar
	vars httpstep.Vars
}

// keep takes the person's session down. The jar is another one, so that what the logout does to cookies does not reach it.
func (p *person) keep(at *url.URL) kept {
	jar, err := newJar()
	if err != nil {
		return kept{vars: p.vars}
	}
	var cookies []*http.Cookie
	for name, value := range p.cookies(p.at.Target) {
		cookies = append(cookies, &http.Cookie{Name: name, Value: value, Path: "/"}) //nolint:gosec // for a jar of ours
	}
	jar.SetCookies(at, cookies)
	return kept{jar: jar, vars: p.vars}
}

// attackRefresh sees, in a session of its own, that a refresh gives a session that opens the thing, and that a changed refresh token
// gives none. It says whether there is a refresh that works.
func (r *run) attackRefresh(ctx context.Context, t *thing) bool {
	if r.App.Login.Refresh == nil {
		return false
	}
	owner := t.owner
	err := owner.login(ctx)
	if err == nil {
		if host := r.App.Login.Refresh.Request.Host; host != "" {
			r.control(v1alpha1.RowAuthEnforced, "Sessions are refreshed by %s, which is not attacked: no refresh token was changed, and none was used after the logout.", host)
		} else {
			r.attackChangedRefresh(ctx, t)
		}
		if err = owner.refresh(ctx, owner.jar, owner.vars); err == nil && !r.opensBy(ctx, t, owner.session) {
			err = &httpstep.UnexpectedError{
				Method: httpstep.Method(r.App.Login.Refresh.Request), Path: string(r.App.Login.Refresh.Request.Path), Status: http.StatusOK,
				Why: "what it gave opens nothing",
			}
		}
	}
	if err != nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s could not go on with its session before the logout: %s. Correct spec.app.login.refresh.", owner.Name, plain(err)), v1alpha1.RowAuthEnforced)
		return false
	}
	r.control(v1alpha1.RowAuthEnforced, "%s went on with its session by spec.app.login.refresh.", owner.Name)
	return true
}

// attackChangedRefresh tries each text that the login gave and that the refresh alone uses, changed by a character.
func (r *run) attackChangedRefresh(ctx context.Context, t *thing) {
	owner, described := t.owner, r.App.Login.Refresh.Request
	good := owner.keep(r.jarURL())
	for _, name := range references(described) {
		value, ok := good.vars[name]
		carried := r.App.Authenticate != nil && slices.ContainsFunc(references(v1alpha1.HTTPRequest{Headers: r.App.Authenticate.Headers}), func(n string) bool { return n == name })
		if !ok || carried || len(value) < shortest {
			continue
		}
		r.tried(v1alpha1.RowAuthEnforced, Shown(r.App.Login.Refresh.Request))
		empty, err := newJar()
		if err != nil {
			return
		}
		again := &person{Identity: owner.Identity, at: r}
		if again.refresh(ctx, empty, good.vars.With(httpstep.Vars{name: flipped(value)})) != nil || !r.opensBy(ctx, t, again.session) {
			continue
		}
		a, ok := r.refreshAttempt(brokenCredential, good.vars, "with a changed "+name)
		if ok {
			r.find(a.rule.row, r.finding(a, nobody, fmt.Sprintf("a refresh with a changed %s gave a session of %s", name, owner.Name)))
		}
	}
}

// attackRevival tries after the logout to go on with the session that it ended.
func (r *run) attackRevival(ctx context.Context, t *thing, k kept) {
	if r.App.Login.Refresh.Request.Host != "" {
		return // what it gives after the logout is not the app's to decide
	}
	r.tried(v1alpha1.RowAuthEnforced, Shown(r.App.Login.Refresh.Request))
	again := &person{Identity: t.owner.Identity, at: r}
	if k.jar == nil || again.refresh(ctx, k.jar, k.vars) != nil || !r.opensBy(ctx, t, again.session) {
		return
	}
	if a, ok := r.refreshAttempt(revived, k.vars, "after the logout"); ok {
		r.find(a.rule.row, r.finding(a, nobody, fmt.Sprintf("a session of %s that was logged out was revived", t.owner.Name)))
	}
}

// refreshAttempt gives the refresh as findings show it.
func (r *run) refreshAttempt(rule rule, vars httpstep.Vars, trick string) (attempt, bool) {
	request, err := httpstep.Prepare(r.App.Login.Refresh.Request, vars)
	return attempt{rule: rule, request: request, shown: Shown(r.App.Login.Refresh.Request), trick: trick}, err == nil
}
