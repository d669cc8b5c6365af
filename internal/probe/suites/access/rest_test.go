// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"encoding/json"
	"net/http"
	"strings"
)

// rest is the core as an API of JSON with tokens. The zero value of everything else is a sound app.
type rest struct {
	*core
	// admin answers /admin to the administrator; to everybody, if open.
	admin func(w http.ResponseWriter)
	open  bool
}

// restDescription describes it.
const restDescription = identities + `
login: {steps: [{request: {method: POST, path: /login, json: {user: $(credentials.user), password: $(credentials.password)}}, capture: {token: response.json.token}}]}
authenticate: {headers: {Authorization: Bearer $(token)}}
logout: {request: {method: POST, path: /logout}}
resources:
- name: notes
  create: {request: {method: POST, path: /notes, json: {text: $(canary)}}, capture: {id: response.json.id}}
  item: {path: /notes/$(id)}
  list: {path: /notes}
  update: {method: PUT, path: /notes/$(id), json: {text: $(canary)}}
  delete: {method: DELETE, path: /notes/$(id)}
adminPaths: [/admin]
`

func (a *rest) token(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func giveJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (a *rest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ User, Password, Text string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	if r.URL.Path == "/login" {
		if token, ok := a.login(body.User, body.Password); ok {
			giveJSON(w, http.StatusOK, map[string]any{"token": token, "lang": "en"})
			return
		}
		giveJSON(w, http.StatusUnauthorized, nil)
		return
	}
	u := a.who(a.token(r))
	switch {
	case r.URL.Path == "/":
		giveJSON(w, http.StatusOK, map[string]any{"name": "notes"})
	case r.URL.Path == "/admin" && a.open:
		a.admin(w)
	case u == nil:
		giveJSON(w, http.StatusUnauthorized, nil)
	case r.URL.Path == "/logout":
		a.logout(a.token(r))
	case r.URL.Path == "/admin" && u.admin:
		a.giveAdmin(w)
	case r.URL.Path == "/admin":
		giveJSON(w, http.StatusForbidden, nil)
	default:
		a.serveNotes(w, r, u, body.Text)
	}
}

func (a *rest) giveAdmin(w http.ResponseWriter) {
	if a.admin != nil {
		a.admin(w)
		return
	}
	giveJSON(w, http.StatusOK, map[string]any{"accounts": []string{"alice@acme.example", "root@acme.example"}, "seats": 17})
}

func (a *rest) serveNotes(w http.ResponseWriter, r *http.Request, u *user, text string) {
	id, one := strings.CutPrefix(r.URL.Path, "/notes/")
	ok := true
	answer := map[string]any{"id": id}
	switch {
	case r.URL.Path == "/notes" && r.Method == http.MethodPost:
		answer["id"] = a.create(u, text)
	case r.URL.Path == "/notes" && r.Method == http.MethodGet:
		items := []any{}
		for _, n := range a.list(u) {
			items = append(items, map[string]any{"id": n.id, "text": n.text})
		}
		answer = map[string]any{"items": items}
	case one && r.Method == http.MethodGet:
		answer["text"], ok = a.read(u, id)
	case one && r.Method == http.MethodPut:
		ok = a.update(u, id, text)
	case one && r.Method == http.MethodDelete:
		ok = a.remove(u, id)
	default:
		ok = false
	}
	if !ok {
		giveJSON(w, http.StatusNotFound, map[string]any{"error": "not found"})
		return
	}
	giveJSON(w, http.StatusOK, answer)
}

// between puts something in front of an app.
func between(app http.Handler, before func(w http.ResponseWriter, r *http.Request) (done bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !before(w, r) {
			app.ServeHTTP(w, r)
		}
	})
}
