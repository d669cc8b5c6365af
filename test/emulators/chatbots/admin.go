// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"database/sql"
	"net/http"
)

// reading tells whether an admin route is only read from. Under the weakness admin-method each method reads.
func (a *App) reading(c *call) bool {
	return c.r.Method == http.MethodGet || c.r.Method == http.MethodHead || a.weak(AdminMethod)
}

// adminScope is the admin's tenant; for nobody, whom only weaknesses let in here, it is all.
func adminScope(c *call) scope {
	if c.user.Tenant == "" {
		return scope{all: true}
	}
	return scope{tenant: c.user.Tenant}
}

func (a *App) adminPage(c *call) error {
	if !a.reading(c) {
		return errMethod
	}
	users, err := a.store.users(c.ctx(), c.user.Tenant)
	if err != nil {
		return err
	}
	return a.html(c, http.StatusOK, adminHTML, fields{"Tenant": c.user.Tenant, "Users": users})
}

func (a *App) adminUsers(c *call) error {
	if !a.reading(c) {
		return errMethod
	}
	items, err := a.profiles(c)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, fields{"items": items})
}

func (a *App) profiles(c *call) ([]any, error) {
	users, err := a.store.users(c.ctx(), c.user.Tenant)
	items := []any{}
	for _, u := range users {
		items = append(items, profile(u))
	}
	return items, err
}

func (a *App) adminSettings(c *call) error {
	if c.r.Method == http.MethodPut {
		return a.changeSettings(c)
	}
	if !a.reading(c) {
		return errMethod
	}
	settings, err := a.settings(c)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, fields{"settings": settings})
}

func (a *App) settings(c *call) (map[string]string, error) {
	type setting struct{ name, value string }
	found, err := all(c.ctx(), a.store, func(rows *sql.Rows) (setting, error) {
		var s setting
		err := rows.Scan(&s.name, &s.value)
		return s, err
	}, "SELECT name, value FROM settings WHERE ? IN ('', tenant)", c.user.Tenant)
	settings := map[string]string{}
	for _, s := range found {
		settings[s.name] = s.value
	}
	return settings, err
}

func (a *App) changeSettings(c *call) error {
	var body struct {
		Settings map[string]string `json:"settings"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	for name, value := range body.Settings {
		err := a.store.exec(c.ctx(), "INSERT OR REPLACE INTO settings (tenant, name, value, updated_by) VALUES (?,?,?,?)",
			c.user.Tenant, name, value, c.user.ID)
		if err != nil {
			return err
		}
	}
	settings, err := a.settings(c)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, fields{"settings": settings})
}

func (a *App) adminExport(c *call) error {
	if !a.reading(c) {
		return errMethod
	}
	body, err := a.everything(c, adminScope(c))
	if err != nil {
		return err
	}
	if body["users"], err = a.profiles(c); err != nil {
		return err
	}
	return a.json(c, http.StatusOK, body)
}
