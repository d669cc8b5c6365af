// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"cmp"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const (
	roleUser  = "user"
	roleAdmin = "admin"
)

// tenantPublic is where those are who signed up by themselves.
const tenantPublic = "public"

// identify finds out who calls, and what they may see. It is no error to be nobody.
func (a *App) identify(c *call) error {
	if err := a.authenticate(c); err != nil {
		return err
	}
	if c.user == nil || c.scope.all {
		return nil
	}
	c.scope = ownScope(c.user)
	if tenant := a.namedTenant(c); tenant != "" {
		c.scope = scope{tenant: tenant}
	}
	return nil
}

func (a *App) authenticate(c *call) error {
	if name := a.namedUser(c.r); name != "" {
		return a.become(c, name)
	}
	if header := c.r.Header.Get("Authorization"); header != "" {
		scheme, credentials, _ := strings.Cut(header, " ")
		if strings.EqualFold(scheme, "Bearer") {
			return a.byToken(c, strings.TrimSpace(credentials))
		}
		if a.weak(SchemeIgnored) {
			if name, _, ok := c.r.BasicAuth(); ok && a.become(c, name) == nil && c.user != nil {
				return nil
			}
			a.trust(c)
		}
		return nil
	}
	if cookie, err := c.r.Cookie(sessionCookie); err == nil {
		return a.bySession(c, cookie.Value)
	}
	return nil
}

// namedUser is who the request says it is from, where a weakness believes it.
func (a *App) namedUser(r *http.Request) string {
	if a.weak(AuthUserHeader) {
		return cmp.Or(r.Header.Get("X-User-Id"), r.Header.Get("X-Forwarded-User"))
	}
	if cookie, err := r.Cookie("user_id"); err == nil && a.weak(AuthUserCookie) {
		return cookie.Value
	}
	return ""
}

// become makes the caller the user with this id or address, if there is one.
func (a *App) become(c *call, name string) error {
	u, err := a.userNamed(c.ctx(), name)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	c.user = &u
	return nil
}

func (a *App) userNamed(ctx context.Context, name string) (user, error) {
	u, err := a.store.user(ctx, name)
	if isAbsent(err) {
		return a.store.userByEmail(ctx, name)
	}
	return u, err
}

func (a *App) byToken(c *call, token string) error {
	claims, err := a.verify(c.ctx(), token)
	if err != nil {
		if errors.Is(err, errMalformed) && a.weak(AuthFailsOpen) {
			a.trust(c)
		}
		return nil
	}
	revoked, err := a.store.isRevoked(c.ctx(), claims.Login)
	if err != nil {
		return err
	}
	if revoked && !(a.weak(RefreshRevivesToken) && c.r.URL.Path == "/api/refresh") {
		return nil
	}
	c.login = claims.Login
	return a.become(c, claims.Subject)
}

// hash of a password. Nobody's real password is kept here: the rounds are few, so that tests are fast.
func hash(password, salt string) (string, error) {
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), 100, 32)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hex.EncodeToString(key), nil
}

// randomText is unguessable: 32 bytes in hex.
func randomText() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// newUser adds a user.
func (a *App) newUser(ctx context.Context, u user, password string) (user, error) {
	u.ID, u.salt = newUUID(), randomText()
	var err error
	if u.password, err = hash(password, u.salt); err != nil {
		return u, err
	}
	return u, a.store.addUser(ctx, u, a.now())
}

var errCredentials = &failure{status: http.StatusUnauthorized, code: "wrong_credentials", message: "wrong email or password"}

// checkPassword takes as long for an address that is not known.
func (a *App) checkPassword(ctx context.Context, email, password string) (user, error) {
	u, err := a.store.userByEmail(ctx, strings.ToLower(strings.TrimSpace(email)))
	if err != nil && !isAbsent(err) {
		return user{}, err
	}
	got, hashErr := hash(password, u.salt)
	if hashErr != nil {
		return user{}, hashErr
	}
	right := subtle.ConstantTimeCompare([]byte(got), []byte(u.password)) == 1
	if err != nil || !right && !a.weak(LoginAnyPassword) {
		return user{}, errCredentials
	}
	return u, nil
}

func profile(u user) fields {
	return fields{"id": u.ID, "email": u.Email, "name": u.Name, "role": u.Role, "tenant": u.Tenant}
}

func (a *App) signUp(c *call) error {
	var body struct{ Email, Password, Name, Tenant, Role string }
	if err := c.decode(&body); err != nil {
		return err
	}
	email := strings.ToLower(strings.TrimSpace(body.Email))
	if !strings.Contains(email, "@") || len(body.Password) < 10 {
		return badRequest("an email address and a password of 10 characters or more are needed")
	}
	if _, err := a.store.userByEmail(c.ctx(), email); err == nil {
		return &failure{status: http.StatusConflict, code: "taken", message: "there is such an account"}
	} else if !isAbsent(err) {
		return err
	}
	u := user{Email: email, Name: cmp.Or(body.Name, "New user"), Tenant: tenantPublic, Role: roleUser}
	if a.odd(OneUserATenant) {
		u.Tenant = "t-" + newUUID()
	}
	if a.weak(MassAssignmentTenant) {
		u.Tenant = cmp.Or(body.Tenant, u.Tenant)
	}
	if a.weak(MassAssignmentRoleSignup) {
		u.Role = cmp.Or(body.Role, u.Role)
	}
	u, err := a.newUser(c.ctx(), u, body.Password)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusCreated, profile(u))
}

func (a *App) logIn(c *call) error {
	var body struct{ Email, Password string }
	if err := c.decode(&body); err != nil {
		return err
	}
	u, err := a.checkPassword(c.ctx(), body.Email, body.Password)
	if err != nil {
		return err
	}
	if a.odd(CookieOnly) {
		n, err := a.startSession(c, u.ID)
		if err != nil {
			return err
		}
		return a.json(c, http.StatusOK, fields{"user": profile(u), "csrf_token": n.CSRF})
	}
	return a.beginLogin(c, u)
}

// giveToken answers with a token that belongs to a login, and a refresh token if there is one to be given.
func (a *App) giveToken(c *call, u user, login, refreshToken string) error {
	token, err := a.issue(u, login)
	if err != nil {
		return err
	}
	c.issued = token
	body := fields{
		"access_token": token, "token_type": "Bearer", "expires_in": int(a.tokenLife().Seconds()), "user": profile(u),
	}
	if refreshToken != "" {
		body["refresh_token"] = refreshToken
	}
	return a.json(c, http.StatusOK, body)
}

// refresh goes on with a login, by a refresh token or by what the request carries.
func (a *App) refresh(c *call) error {
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	if len(c.sent) > 0 {
		if err := c.decode(&body); err != nil {
			return err
		}
	}
	if body.RefreshToken != "" {
		return a.refreshBy(c, body.RefreshToken)
	}
	if c.user == nil {
		return errAnonymous
	}
	if err := a.checkCSRF(c); err != nil {
		return err
	}
	if a.odd(CookieOnly) && c.session != nil {
		return a.json(c, http.StatusOK, fields{"user": profile(*c.user), "csrf_token": c.session.CSRF})
	}
	login := c.login
	if login == "" || a.weak(RefreshRevivesToken) {
		login = newUUID()
	}
	return a.giveToken(c, *c.user, login, "")
}

// logOut ends everything that came from the same login.
func (a *App) logOut(c *call) error {
	if c.login != "" && !a.weak(LogoutDoesNothing) {
		if err := a.store.revoke(c.ctx(), c.login, c.user.ID); err != nil {
			return err
		}
		if !a.weak(LogoutKeepsSession) {
			if err := a.store.dropLogin(c.ctx(), c.login); err != nil {
				return err
			}
		}
	}
	a.setCookie(c, "", -1)
	return a.none(c)
}

func (a *App) me(c *call) error {
	body := profile(*c.user)
	if c.session != nil {
		body["csrf_token"] = c.session.CSRF
	}
	return a.json(c, http.StatusOK, body)
}

func (a *App) editMe(c *call) error {
	var body struct{ Name, Tenant, Role string }
	if err := c.decode(&body); err != nil {
		return err
	}
	u := *c.user
	u.Name = cmp.Or(body.Name, u.Name)
	if a.weak(MassAssignmentTenant) {
		u.Tenant = cmp.Or(body.Tenant, u.Tenant)
	}
	if a.weak(MassAssignmentRoleUpdate) {
		u.Role = cmp.Or(body.Role, u.Role)
	}
	if err := a.store.updateUser(c.ctx(), u); err != nil {
		return err
	}
	return a.json(c, http.StatusOK, profile(u))
}
