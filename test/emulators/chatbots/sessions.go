// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const sessionCookie = "sid"

const (
	sessionLife = 12 * time.Hour
	// rotationGrace is how long a session id that was rotated out goes on, for requests that are on their way.
	rotationGrace = 5 * time.Second
)

func (a *App) newSessionID() string {
	if a.weak(SessionIDPredictable) {
		return strconv.FormatInt(a.lastSession.Add(1), 10)
	}
	return randomText()
}

// startSession begins a session for a user, or for somebody who has yet to log in, and gives it as a cookie.
func (a *App) startSession(c *call, owner string) (session, error) {
	n := session{ID: a.newSessionID(), Owner: owner, Login: newUUID(), CSRF: randomText(), Expires: a.now().Add(sessionLife)}
	a.setCookie(c, n.ID, int(sessionLife.Seconds()))
	return n, a.store.putSession(c.ctx(), n)
}

func (a *App) setCookie(c *call, value string, maxAge int) {
	//nolint:gosec // served without TLS in tests: Secure only with it
	http.SetCookie(c.w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: c.r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
}

// liveSession finds the session of the request's cookie, logged in or not; nil where there is none.
func (a *App) liveSession(c *call) (*session, error) {
	cookie, err := c.r.Cookie(sessionCookie)
	if err != nil {
		return nil, nil //nolint:nilerr // no cookie, no session
	}
	n, err := a.store.session(c.ctx(), cookie.Value)
	if isAbsent(err) || err == nil && a.now().After(n.Expires) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &n, nil
}

func (a *App) bySession(c *call, id string) error {
	n, err := a.liveSession(c)
	if err != nil || n == nil || n.Owner == "" {
		return err
	}
	c.session, c.login = n, n.Login
	if err := a.become(c, n.Owner); err != nil {
		return err
	}
	if !a.odd(CookiesRotate) || c.r.URL.Path == "/api/logout" {
		return nil
	}
	old := *n
	old.Expires = a.now().Add(rotationGrace)
	if n.Expires.Before(old.Expires) {
		// Rotated out before: whoever sent it has its successor already.
		return nil
	}
	n.ID = a.newSessionID()
	a.setCookie(c, n.ID, int(sessionLife.Seconds()))
	if err := a.store.putSession(c.ctx(), *n); err != nil {
		return err
	}
	old.ID = id
	return a.store.putSession(c.ctx(), old)
}

// checkCSRF wants the session's token with what changes something, where a cookie is all that a client has.
func (a *App) checkCSRF(c *call) error {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if !a.odd(CookieOnly) || c.session == nil || same(c.r.Header.Get("X-Csrf-Token"), c.session.CSRF) {
		return nil
	}
	return &failure{status: http.StatusForbidden, code: "csrf", message: "X-CSRF-Token is missing or wrong"}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (a *App) loginForm(c *call) error {
	if c.session != nil {
		http.Redirect(c.w, c.r, "/", http.StatusSeeOther)
		return nil
	}
	return a.showLogin(c, http.StatusOK, "")
}

// showLogin shows the form, in a session that begins here if there is none.
func (a *App) showLogin(c *call, status int, message string) error {
	n, err := a.liveSession(c)
	if err != nil {
		return err
	}
	if n == nil {
		fresh, err := a.freshSession(c)
		if err != nil {
			return err
		}
		n = &fresh
	}
	return a.html(c, status, loginPage, fields{"CSRF": n.CSRF, "Message": message})
}

// freshSession begins a session before a login.
func (a *App) freshSession(c *call) (session, error) {
	cookie, err := c.r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" || !a.weak(SessionFixation) {
		return a.startSession(c, "")
	}
	n := session{ID: cookie.Value, Login: newUUID(), CSRF: randomText(), Expires: a.now().Add(sessionLife)}
	return n, a.store.putSession(c.ctx(), n)
}

func (a *App) loginByForm(c *call) error {
	form, err := url.ParseQuery(string(c.sent))
	if err != nil {
		return badRequest("the body is not a form")
	}
	before, err := a.liveSession(c)
	if err != nil {
		return err
	}
	if before == nil || !same(form.Get("csrf"), before.CSRF) {
		return &failure{status: http.StatusForbidden, code: "csrf", message: "the form is too old: open it again"}
	}
	u, err := a.checkPassword(c.ctx(), form.Get("email"), form.Get("password"))
	if errors.Is(err, errCredentials) {
		return a.showLogin(c, errCredentials.status, errCredentials.message)
	}
	if err != nil {
		return err
	}
	if a.weak(SessionFixation) {
		before.Owner = u.ID
		err = a.store.putSession(c.ctx(), *before)
	} else {
		err = a.store.dropSession(c.ctx(), before.ID)
		if err == nil {
			_, err = a.startSession(c, u.ID)
		}
	}
	if err != nil {
		return err
	}
	http.Redirect(c.w, c.r, "/", http.StatusSeeOther)
	return nil
}
