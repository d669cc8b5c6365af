// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
)

// shapes are apps that have nothing in common but the core, and how each is described.
var shapes = map[string]struct {
	app         func(*core) http.Handler
	prepare     func(*core)
	description string
}{
	"an API of JSON":    {app: func(c *core) http.Handler { return &rest{core: c} }, description: restDescription},
	"integer ids":       {app: func(c *core) http.Handler { return &rest{core: c} }, prepare: func(c *core) { c.newID = strconv.Itoa }, description: restDescription},
	"GraphQL alone":     {app: graphQL, description: graphQLDescription},
	"pages and cookies": {app: pages, description: pagesDescription},
	"200 for all":       {app: alwaysOK, description: alwaysOKDescription},
}

func TestSoundAppsOfAllShapesPass(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCore()
			if shape.prepare != nil {
				shape.prepare(c)
			}
			measure(t, c, shape.app(c), shape.description).passes(t)
			if len(c.notes) > 0 {
				t.Errorf("%d notes were left behind", len(c.notes))
			}
		})
	}
}

func TestLeakyAppsOfAllShapesFail(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCore()
			c.leaky = true
			if shape.prepare != nil {
				shape.prepare(c)
			}
			m := measure(t, c, shape.app(c), shape.description)
			m.wants(t, v1alpha1.RowTenantIsolated, v1alpha1.VerdictFail, "ForeignObjectReadable")
			m.wants(t, v1alpha1.RowAuthEnforced, v1alpha1.VerdictPass, "")
		})
	}
}

const graphQLDescription = identities + `
login: {steps: [{request: {method: POST, path: /graphql, json: {query: 'mutation($u: String!, $p: String!) { login(u: $u, p: $p) }', variables: {u: $(credentials.user), p: $(credentials.password)}}}, capture: {token: response.json.data.login}}]}
authenticate: {headers: {X-Session: $(token)}}
logout: {request: {method: POST, path: /graphql, json: {query: 'mutation { logout }'}}}
resources:
- name: notes
  create: {request: {method: POST, path: /graphql, json: {query: 'mutation { create }', variables: {text: $(canary)}}}, capture: {id: response.json.data.create}}
  item: {method: POST, path: /graphql, json: {query: '{ note }', variables: {id: $(id)}}}
  list: {method: POST, path: /graphql, json: {query: '{ notes }'}}
  update: {method: POST, path: /graphql, json: {query: 'mutation { update }', variables: {id: $(id), text: $(canary)}}}
  delete: {method: POST, path: /graphql, json: {query: 'mutation { remove }', variables: {id: $(id)}}}
adminPaths: ['/graphql?query=admin']
`

// graphQL has one path for all, and says what went wrong with status 200.
func graphQL(c *core) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Query     string
			Variables struct{ U, P, ID, Text string }
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		give := func(name string, v any) { giveJSON(w, http.StatusOK, map[string]any{"data": map[string]any{name: v}}) }
		fail := func() {
			giveJSON(w, http.StatusOK, map[string]any{"errors": []any{map[string]any{"message": "not found"}}})
		}
		u := c.who(r.Header.Get("X-Session"))
		v := body.Variables
		word := func(q string) bool { return strings.Contains(body.Query, q) }
		switch {
		case r.URL.Path != "/graphql":
			giveJSON(w, http.StatusNotFound, nil)
		case word("login"):
			if token, ok := c.login(v.U, v.P); ok {
				give("login", token)
				return
			}
			fail()
		case u == nil:
			fail()
		case r.URL.Query().Get("query") == "admin" && u.admin:
			give("admin", map[string]any{"accounts": []string{"alice@acme.example", "bob@globex.example"}})
		case word("logout"):
			c.logout(r.Header.Get("X-Session"))
			give("logout", true)
		case word("create"):
			give("create", c.create(u, v.Text))
		case word("update") && c.update(u, v.ID, v.Text):
			give("update", true)
		case word("remove") && c.remove(u, v.ID):
			give("remove", true)
		case word("notes"):
			give("notes", fmt.Sprint(c.list(u)))
		case word("note"):
			if text, ok := c.read(u, v.ID); ok {
				give("note", text)
				return
			}
			fail()
		default:
			fail()
		}
	})
}

const pagesDescription = identities + `
login: {steps: [{request: {method: POST, path: /in, form: {user: $(credentials.user), password: $(credentials.password)}}, expect: response.status == 303}]}
logout: {request: {method: POST, path: /out}, expect: response.status < 400}
resources:
- name: notes
  create: {request: {method: POST, path: /n, form: {text: $(canary)}}, expect: response.status == 303, capture: {id: "response.headers['location'].split('/')[2]"}}
  item: {path: /n/$(id)/show}
  list: {path: /n}
  update: {method: POST, path: /n/$(id)/edit, form: {text: $(canary)}}
  delete: {method: POST, path: /n/$(id)/remove}
adminPaths: [/boss]
`

// pages has HTML and a session cookie, redirects to what was created, and names things in the middle of its paths.
func pages(c *core) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		show := func(status int, text string) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "<!DOCTYPE html><html><body><h1>Notes</h1><p>%s</p></body></html>", html.EscapeString(text))
		}
		sendTo := func(place string) {
			w.Header().Set("Location", place)
			w.WriteHeader(http.StatusSeeOther)
		}
		cookie := func(value string) {
			http.SetCookie(w, &http.Cookie{Name: "notes", Value: value, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
		}
		if r.URL.Path == "/in" {
			token, ok := c.login(r.PostFormValue("user"), r.PostFormValue("password"))
			if !ok {
				show(http.StatusOK, "Who are you?")
				return
			}
			cookie(token)
			sendTo("/n")
			return
		}
		had, err := r.Cookie("notes")
		if err != nil || c.who(had.Value) == nil {
			sendTo("/in")
			return
		}
		u := c.who(had.Value)
		parts := strings.Split(r.URL.Path+"//", "/")
		id, verb := parts[2], parts[3]
		switch {
		case r.URL.Path == "/out":
			c.logout(had.Value)
			sendTo("/in")
		case r.URL.Path == "/boss" && u.admin:
			show(http.StatusOK, "Accounts: alice of acme, bob of globex, and root")
		case r.URL.Path == "/n" && r.Method == http.MethodPost:
			sendTo("/n/" + c.create(u, r.PostFormValue("text")) + "/show")
		case r.URL.Path == "/n":
			show(http.StatusOK, fmt.Sprint(c.list(u)))
		case parts[1] == "n" && verb == "edit" && r.Method == http.MethodPost && c.update(u, id, r.PostFormValue("text")),
			parts[1] == "n" && verb == "remove" && r.Method == http.MethodPost && c.remove(u, id):
			sendTo("/n")
		case parts[1] == "n" && verb == "show":
			if text, ok := c.read(u, id); ok {
				show(http.StatusOK, text)
				return
			}
			show(http.StatusNotFound, "There is none.")
		default:
			show(http.StatusNotFound, "There is none.")
		}
	})
}

const alwaysOKDescription = identities + `
login: {steps: [{request: {method: POST, path: /rpc/login, json: {user: $(credentials.user), password: $(credentials.password)}}, expect: response.json.ok, capture: {token: response.json.token}}]}
authenticate: {headers: {Authorization: Token $(token)}}
logout: {request: {method: POST, path: /rpc/logout}}
resources:
- name: notes
  create: {request: {method: POST, path: /rpc/create, json: {text: $(canary)}}, expect: response.json.ok, capture: {id: response.json.id}}
  item: {method: POST, path: /rpc/read, json: {id: $(id)}}
  update: {method: POST, path: /rpc/update, json: {id: $(id), text: $(canary)}}
  delete: {method: POST, path: /rpc/remove, json: {id: $(id)}}
adminPaths: [/rpc/accounts]
`

// alwaysOK answers 200 whatever happens, and repeats what was sent when it refuses.
func alwaysOK(c *core) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ User, Password, ID, Text string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		give := func(ok bool, more map[string]any) {
			answer := map[string]any{"ok": ok}
			if !ok {
				answer["you_sent"] = body.Text + body.ID
			}
			for name, v := range more {
				answer[name] = v
			}
			giveJSON(w, http.StatusOK, answer)
		}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Token ")
		u := c.who(token)
		verb := strings.TrimPrefix(r.URL.Path, "/rpc/")
		switch {
		case verb == "login":
			made, ok := c.login(body.User, body.Password)
			give(ok, map[string]any{"token": made})
		case u == nil:
			give(false, nil)
		case verb == "accounts" && u.admin:
			give(true, map[string]any{"accounts": []string{"alice@acme.example", "bob@globex.example"}})
		case verb == "logout":
			c.logout(token)
			give(true, nil)
		case verb == "create":
			give(true, map[string]any{"id": c.create(u, body.Text)})
		case verb == "read":
			text, ok := c.read(u, body.ID)
			give(ok, map[string]any{"text": text})
		case verb == "update":
			give(c.update(u, body.ID, body.Text), nil)
		case verb == "remove":
			give(c.remove(u, body.ID), nil)
		default:
			give(false, nil)
		}
	})
}
