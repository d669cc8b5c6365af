// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// op is what a request wants to do, as far as guards tell it apart.
type op int

const (
	opOpen op = iota // for everybody
	opMe             // with one's own account
	opList
	opRead
	opReadCSV
	opReadMessages
	opQuery
	opBatch
	opCreate
	opUpdate
	opDelete
	opMessage
	opExport
	opDownload
	opSearch
	opAccount
	opChat
	opSocket
	opGraphQL
	opPay
	opPayment
	opAdmin
)

// route is a path and who answers there.
type route struct {
	method, path string // any method, where empty
	op           op
	kind         kind
	handle       func(*call) error
	summary      string
	// body is an example of what to send, for the OpenAPI description.
	body fields
}

// makeMux registers all routes.
func (a *App) makeMux() *http.ServeMux {
	a.routes = []route{
		{method: "GET", path: "/{$}", handle: a.home, summary: "The start page"},
		{method: "GET", path: "/healthz", handle: a.healthz, summary: "Whether the app is up"},
		{method: "GET", path: "/version", handle: a.version, summary: "The app's version"},
		{method: "GET", path: "/openapi.json", handle: a.openAPI, summary: "This description"},
		{method: "GET", path: "/.well-known/jwks.json", handle: a.jwks, summary: "The keys that tokens are signed with"},
		{method: "GET", path: "/login", handle: a.loginForm, summary: "The login form"},
		{method: "POST", path: "/login", handle: a.loginByForm, summary: "Logs in with a cookie"},
		{method: "POST", path: "/api/signup", handle: a.signUp, summary: "Makes an account", body: fields{"email": "", "password": "", "name": ""}},
		{method: "POST", path: "/api/login", handle: a.logIn, summary: "Logs in with a token", body: fields{"email": "", "password": ""}},
		{method: "POST", path: "/api/login/totp", handle: a.logInTwice, summary: "Logs in with a one-time password besides", body: fields{"email": "", "password": "", "code": ""}},
		{method: "POST", path: "/api/refresh", handle: a.refresh, summary: "Gives a new token"},
		{method: "POST", path: "/api/logout", op: opMe, handle: a.logOut, summary: "Ends the login"},
		{method: "GET", path: "/api/me", op: opMe, handle: a.me, summary: "One's account"},
		{method: "PATCH", path: "/api/me", op: opMe, handle: a.editMe, summary: "Changes one's account", body: fields{"name": ""}},
		{method: "GET", path: "/api/search", op: opSearch, handle: a.search, summary: "Searches one's objects (?q=)"},
		{method: "GET", path: "/api/export", op: opAccount, handle: a.exportAccount, summary: "All of one's data"},
		{method: "POST", path: "/api/chat", op: opChat, handle: a.chat, summary: "Asks the bot", body: fields{"message": "", "conversation": ""}},
		{method: "GET", path: "/api/chat/ws", op: opSocket, handle: a.chatSocket, summary: "Asks the bot over WebSocket"},
		{method: "POST", path: "/graphql", op: opGraphQL, handle: a.graphQL, summary: "GraphQL", body: fields{"query": ""}},
		{method: "GET", path: "/api/listings", handle: a.listings, summary: "What is for sale"},
		{method: "GET", path: "/api/listings/{id}", handle: a.listing, summary: "One thing that is for sale"},
		{method: "POST", path: "/api/payments", op: opPay, handle: a.pay, summary: "Pays, in test mode only", body: fields{"listing": "", "card": ""}},
		{method: "GET", path: "/api/payments/{id}", op: opPayment, handle: a.payment, summary: "One of one's payments"},
		{path: "/admin", op: opAdmin, handle: a.adminPage, summary: "The admin's page"},
		{path: "/api/admin/users", op: opAdmin, handle: a.adminUsers, summary: "The tenant's users"},
		{path: "/api/admin/settings", op: opAdmin, handle: a.adminSettings, summary: "The tenant's settings"},
		{path: "/api/admin/export", op: opAdmin, handle: a.adminExport, summary: "All of the tenant's data"},
	}
	a.routes = append(a.routes, a.objectRoutes(conversations, fields{"title": "", "message": ""})...)
	a.routes = append(a.routes, a.objectRoutes(documents, fields{"title": "", "text": ""})...)
	a.routes = append(a.routes,
		route{
			method: "GET", path: "/api/conversations/{id}/messages", op: opReadMessages, kind: conversations,
			handle: a.getMessages, summary: "A conversation's messages",
		},
		route{
			method: "POST", path: "/api/conversations/{id}/messages", op: opMessage, kind: conversations,
			handle: a.postMessage, summary: "Adds a message", body: fields{"message": ""},
		},
		route{
			method: "GET", path: "/api/documents/{id}/download", op: opDownload, kind: documents,
			handle: a.download, summary: "The text as a file",
		},
	)
	a.routes = append(a.routes, a.operationRoutes()...)
	if a.model.on {
		a.routes = append(a.routes,
			route{
				method: "POST", path: "/api/listings", op: opMe, handle: a.sell, summary: "Puts a thing up for sale",
				body: fields{"title": "", "description": "", "price": 0, "internalNotes": ""},
			},
			route{method: "GET", path: "/conversations/{id}", op: opRead, handle: a.talk, summary: "A conversation as a page"},
			route{method: "DELETE", path: "/api/listings/{id}", op: opMe, handle: a.withdraw, summary: "Takes a thing of one's own from sale"},
		)
	}
	if a.cfg.Bundle != "" {
		a.routes = append(a.routes, route{method: "GET", path: "/assets/app.js", handle: a.bundle, summary: "The script of the pages"})
	}
	if a.odd(PublicConversations) {
		a.routes = append(a.routes,
			route{method: "GET", path: "/api/public/conversations", handle: a.publicList, summary: "What is public"},
			route{method: "GET", path: "/api/public/conversations/{id}", handle: a.publicItem, summary: "One that is public"},
		)
	}
	if a.odd(SPAShell) {
		a.routes = append(slices.DeleteFunc(a.routes, func(rt route) bool { return rt.path == "/admin" }),
			route{method: "GET", path: "/admin", handle: a.unknownPath, summary: "The app"})
	}
	mux := http.NewServeMux()
	for _, rt := range a.routes {
		mux.HandleFunc(strings.TrimSpace(rt.method+" "+rt.path), a.serve(rt))
	}
	mux.HandleFunc("/", a.serve(route{handle: a.unknownPath}))
	return mux
}

// objectRoutes are those that conversations and documents have in common.
func (a *App) objectRoutes(k kind, body fields) []route {
	base, item := "/api/"+k.table, "/api/"+k.table+"/{id}"
	return []route{
		{method: "GET", path: base, op: opList, kind: k, handle: a.list, summary: "One's " + k.table},
		{method: "POST", path: base, op: opCreate, kind: k, handle: a.create, summary: "Makes a " + k.name, body: body},
		{method: "GET", path: item, op: opRead, kind: k, handle: a.get, summary: "One " + k.name},
		{method: "PATCH", path: item, op: opUpdate, kind: k, handle: a.update, summary: "Changes a " + k.name, body: body},
		{method: "DELETE", path: item, op: opDelete, kind: k, handle: a.remove, summary: "Deletes a " + k.name},
		{method: "GET", path: item + "/export", op: opExport, kind: k, handle: a.exportObject, summary: "One " + k.name + " with all that belongs to it"},
		{method: "POST", path: base + "/batch", op: opBatch, kind: k, handle: a.batch, summary: "Several " + k.table, body: fields{"ids": []any{}}},
		{method: "GET", path: "/api/tenants/{tenant}/" + k.table, op: opList, kind: k, handle: a.listOfTenant, summary: "One's " + k.table + " in a tenant"},
	}
}

// serve makes a handler of a route: who is it, may they come in, and what do they get.
func (a *App) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := r.Context().Value(frontKey{}).(*front)
		if !ok {
			http.Error(w, "no front", http.StatusInternalServerError)
			return
		}
		c := &call{front: f, w: w, r: r, route: rt}
		err := a.enter(c) //nolint:contextcheck // the call carries the request, and so its context
		if err == nil {
			err = rt.handle(c)
		}
		if err != nil {
			// What cannot be written any more, nobody reads.
			_ = a.fail(c, err) //nolint:contextcheck // see above
		}
	}
}

// enter does what comes before each handler.
func (a *App) enter(c *call) error {
	if err := c.readBody(); err != nil {
		return err
	}
	if err := a.identify(c); err != nil {
		return err
	}
	switch c.route.op {
	case opOpen:
		return nil
	case opAdmin:
		return a.admit(c)
	}
	if c.user == nil && a.weak(nobodyPasses[c.route.op]) {
		a.trust(c)
	}
	if c.user == nil && !(c.route.op == opGraphQL && a.odd(GraphQLErrors200)) {
		return errAnonymous
	}
	return a.checkCSRF(c)
}

// unknownPath answers where there is no route.
func (a *App) unknownPath(c *call) error {
	if a.odd(SPAShell) && c.r.Method == http.MethodGet {
		return a.shell(c)
	}
	if allowed := a.methodsAt(c.r); len(allowed) > 0 {
		c.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return errMethod
	}
	message := "no such page"
	if a.odd(EchoRequest) {
		message = "no such page: " + c.path + "?" + c.r.URL.RawQuery
	}
	return &failure{status: http.StatusNotFound, code: "no_such_page", message: message}
}

// methodsAt are those that a path has routes for.
func (a *App) methodsAt(r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := a.mux.Handler(&other); pattern != "/" && pattern != "" && routable(r.URL.EscapedPath()) {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// notFound is the answer for an object that is absent, or that the caller may not know of.
func (a *App) notFound(c *call, k kind, id string, o object) error {
	f := &failure{status: http.StatusNotFound, code: "not_found", message: k.name + " not found", kind: k.name, id: id}
	f.foreign = o.ID != ""
	f.gone = !f.foreign && a.store.wasDeleted(c.ctx(), id)
	if f.foreign && a.weak(ErrorLeaksContent) {
		text, err := a.textOf(c.ctx(), k, o)
		if err != nil {
			return err
		}
		f.content = o.Title + ": " + text
	}
	return f
}

func isAbsent(err error) bool { return errors.Is(err, errAbsent) }
