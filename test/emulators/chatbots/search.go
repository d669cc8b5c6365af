// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// indexDelay is how late an object is found under the oddity late-search.
const indexDelay = 2 * time.Second

// indexed tells whether search and the bot know of something that was written then.
func (a *App) indexed(written time.Time) bool {
	return !a.odd(LateSearch) || a.now().Sub(written) >= indexDelay
}

func (a *App) search(c *call) error {
	wanted := strings.ToLower(strings.TrimSpace(c.query.Get("q")))
	if wanted == "" {
		return badRequest("?q= is needed")
	}
	in := c.scope
	if a.weak(SearchLeaks) {
		in = scope{all: true}
	}
	items := []any{}
	for _, k := range []kind{conversations, documents} {
		found, err := a.store.objects(c.ctx(), k, in)
		if err != nil {
			return err
		}
		for _, o := range found {
			text, err := a.textOf(c.ctx(), k, o)
			if err != nil {
				return err
			}
			if a.visible(o) && a.indexed(o.Created) && strings.Contains(strings.ToLower(o.Title+"\n"+text), wanted) {
				items = append(items, fields{"kind": k.name, "id": a.outID(o.ID), "title": o.Title, "snippet": snippet(text)})
			}
		}
	}
	return a.json(c, http.StatusOK, fields{"items": items})
}

// snippet is the beginning of a text.
func snippet(text string) string {
	if letters := []rune(text); len(letters) > 200 {
		return string(letters[:200]) + "…"
	}
	return text
}

// exportAccount gives all that belongs to the caller.
func (a *App) exportAccount(c *call) error {
	who, in := *c.user, c.scope
	if name := cmp.Or(c.query.Get("user_id"), c.query.Get("user")); name != "" && a.weak(AccountExportByUser) {
		u, err := a.userNamed(c.ctx(), name)
		if err != nil {
			return badRequest("no such user")
		}
		who, in = u, ownScope(&u)
	}
	body, err := a.everything(c, in)
	if err != nil {
		return err
	}
	body["user"] = profile(who)
	return a.json(c, http.StatusOK, body)
}

// everything in a scope, as a whole.
func (a *App) everything(c *call, in scope) (fields, error) {
	body := fields{}
	for _, k := range []kind{conversations, documents} {
		found, err := a.store.objects(c.ctx(), k, in)
		if err != nil {
			return nil, err
		}
		items := []any{}
		for _, o := range found {
			item, err := a.full(c.ctx(), k, o)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		body[k.table] = items
	}
	return body, nil
}
