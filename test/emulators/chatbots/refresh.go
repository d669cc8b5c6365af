// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"context"
	"database/sql"
)

// refreshToken goes on with a login. Those of one login end with it.
type refreshToken struct {
	Token, Owner, Login string
	Used                bool
}

func scanRefreshToken(rows *sql.Rows) (refreshToken, error) {
	var t refreshToken
	err := rows.Scan(&t.Token, &t.Owner, &t.Login, &t.Used)
	return t, err
}

func (a *App) newRefreshToken(ctx context.Context, u user, login string) (string, error) {
	token := randomText()
	return token, a.store.exec(ctx, "INSERT INTO refresh_tokens (token, owner, login, used) VALUES (?,?,?,0)", token, u.ID, login)
}

// findRefreshToken looks a token up, whole.
func (a *App) findRefreshToken(ctx context.Context, token string) (refreshToken, error) {
	const query = "SELECT token, owner, login, used FROM refresh_tokens WHERE "
	if half := len(token) / 2; a.weak(RefreshTokenPrefix) && half >= 16 {
		return one(ctx, a.store, scanRefreshToken, query+"substr(token, 1, ?) = ?", half, token[:half])
	}
	return one(ctx, a.store, scanRefreshToken, query+"token = ?", token)
}

// refreshBy gives a new access token for a refresh token. Under the oddity refresh-rotates it is good once, and whoever comes with it
// again ends the login (RFC 9700 §4.14.2).
func (a *App) refreshBy(c *call, token string) error {
	t, err := a.findRefreshToken(c.ctx(), token)
	if isAbsent(err) {
		return errAnonymous
	}
	if err != nil {
		return err
	}
	revoked, err := a.store.isRevoked(c.ctx(), t.Login)
	if err != nil {
		return err
	}
	if revoked {
		if !a.weak(RefreshTokenSurvives) {
			return errAnonymous
		}
		t.Login = newUUID()
	}
	u, err := a.store.user(c.ctx(), t.Owner)
	if err != nil {
		return err
	}
	if !a.odd(RefreshRotates) {
		return a.giveToken(c, u, t.Login, "")
	}
	if t.Used {
		if err := a.store.revoke(c.ctx(), t.Login, t.Owner); err != nil {
			return err
		}
		return errAnonymous
	}
	if err := a.store.exec(c.ctx(), "UPDATE refresh_tokens SET used = 1 WHERE token = ?", t.Token); err != nil {
		return err
	}
	next, err := a.newRefreshToken(c.ctx(), u, t.Login)
	if err != nil {
		return err
	}
	return a.giveToken(c, u, t.Login, next)
}

// beginLogin answers a login that succeeded.
func (a *App) beginLogin(c *call, u user) error {
	login := newUUID()
	token, err := a.newRefreshToken(c.ctx(), u, login)
	if err != nil {
		return err
	}
	return a.giveToken(c, u, login, token)
}
