// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"slices"
	"testing"

	"github.com/google/cel-go/cel"
)

// describedApp is what spec.app says of an app, in every part that the gate looks at.
func describedApp() map[string]any {
	request := func(path string) map[string]any { return map[string]any{"path": path} }
	step := func(path string) map[string]any { return map[string]any{"request": request(path)} }
	identity := func(name, tenant string) map[string]any {
		return map[string]any{"name": name, "tenant": tenant, "credentialsSecretRef": map[string]any{"name": "probe-" + name}}
	}
	root := identity("root", "acme")
	root["role"] = "Admin"
	return map[string]any{
		"service": map[string]any{"name": "chat", "port": int64(80)}, "writes": "Sandbox", "indexingSeconds": int64(5),
		"identities":   []any{identity("alice", "acme"), identity("bob", "globex"), root},
		"login":        map[string]any{"steps": []any{step("/login")}, "refresh": step("/refresh")},
		"openAPI":      map[string]any{"path": "/openapi.json", "untested": []any{"/old"}},
		"logout":       step("/logout"),
		"authenticate": map[string]any{"headers": map[string]any{"Authorization": "Bearer $(token)"}},
		"signUp":       map[string]any{"steps": []any{step("/signup")}},
		"profile":      map[string]any{"read": request("/me"), "update": request("/me")},
		"chat": map[string]any{
			"request": request("/chat"), "reply": "response.text", "conversation": map[string]any{"conversation": "response.json.id"},
			"tools": map[string]any{"calls": "response.json.calls", "guarded": []any{"refund", "mail"}}, "fetches": []any{"cdn.example.com"},
			"history": map[string]any{"user": "u", "assistant": "a"}, "systemPrompt": map[string]any{"textSecretRef": map[string]any{"name": "p"}},
			"sources": []any{map[string]any{"name": "listings", "kind": "Listing"}, map[string]any{"name": "names", "kind": "Profile"}},
			"attacks": map[string]any{"configMapRefs": []any{map[string]any{"name": "ours"}, map[string]any{"name": "of-all"}}},
		},
		"resources": []any{map[string]any{
			"name": "chats", "create": step("/chats"), "item": request("/chats/$(id)"), "list": request("/chats"), "inChat": "Expected", "delete": request("/chats/$(id)"),
		}},
		"adminPaths": []any{"/admin", "/api/admin/users"}, "rateLimited": "response.status == 503",
	}
}

func TestADescriptionIsNotTakenBack(t *testing.T) {
	open := gated(in(StateOpen))
	before := changed(launchObject(), set(describedApp(), "spec", "app"))
	weak := refused(13, "LaunchReadiness shop/chat has launched or is exposed, and is enforced: this change takes away a part of what is proven (spec.gate, policyRef, cloudflare, or an entry of workloads, services, domains, email, app or logging.sinks), which needs the verb bypass on it.")
	now := func(changes ...func(map[string]any)) Request {
		return update(open, before, changed(before, func(o map[string]any) {
			for _, change := range changes {
				change(fieldsAt(o, "spec", "app"))
			}
		}))
	}
	sink := func(name string) map[string]any { return map[string]any{"name": name} }
	drop := func(field string) func(map[string]any) { return func(app map[string]any) { delete(app, field) } }
	identity := func(at int, field string, value any) func(map[string]any) {
		return func(app map[string]any) { fieldsAt(listAt(app, "identities")[at])[field] = value }
	}
	resource := func(field string, value any) func(map[string]any) {
		return func(app map[string]any) { fieldsAt(listAt(app, "resources")[0])[field] = value }
	}
	cases := []decisionCase{
		{"no description", update(open, before, changed(before, func(o map[string]any) { delete(fieldsAt(o, "spec"), "app") })), weak},
		{"fewer identities", now(func(app map[string]any) { app["identities"] = listAt(app, "identities")[1:] }), weak},
		{"an identity of another tenant", now(identity(1, "tenant", "acme")), weak},
		{"an identity of another role", now(identity(0, "role", "Admin")), weak},
		{"no administrator", now(func(app map[string]any) { delete(fieldsAt(listAt(app, "identities")[2]), "role") }), weak},
		{"a path of the administration less", now(set([]any{"/admin"}, "adminPaths")), weak},
		{"a kind of thing less", now(resource("name", "others")), weak},
		{"a channel less", now(func(app map[string]any) { delete(fieldsAt(listAt(app, "resources")[0]), "list") }), weak},
		{"things are shared", now(resource("sharing", "Tenant")), weak},
		{"a part is said to be absent", now(drop("adminPaths"), set([]any{"Admin"}, "absent")), weak},
		{"absent besides", now(set([]any{"Login"}, "absent")), weak},
		{"no update of the profile", now(func(app map[string]any) { delete(fieldsAt(app, "profile"), "update") }), weak},
		{"no refresh", now(func(app map[string]any) { delete(fieldsAt(app, "login"), "refresh") }), weak},
		{"more is left untested", now(set([]any{"/old", "/new"}, "openAPI", "untested")), weak},
		{"more is public", now(set([]any{"/new"}, "openAPI", "public")), weak},
		{"no document, and its paths left out", now(func(app map[string]any) { delete(fieldsAt(app, "openAPI"), "path") }), weak},
		{"a tool less that is guarded", now(set([]any{"refund"}, "chat", "tools", "guarded")), weak},
		{"no tools", now(func(app map[string]any) { delete(fieldsAt(app, "chat"), "tools") }), weak},
		{"another host to load from", now(set([]any{"cdn.example.com", "cdn.example.net"}, "chat", "fetches")), weak},
		{"a conversation that the client brings alone", now(func(app map[string]any) { delete(fieldsAt(app, "chat"), "conversation") }), allowed(13)},
		{"no history", now(func(app map[string]any) { delete(fieldsAt(app, "chat"), "history") }), weak},
		{"conversations of one question", now(func(app map[string]any) {
			delete(fieldsAt(app, "chat"), "conversation")
			delete(fieldsAt(app, "chat"), "history")
		}), weak},
		{"a prompt that is told", now(func(app map[string]any) { delete(fieldsAt(app, "chat", "systemPrompt"), "textSecretRef") }), weak},
		{"a source less", now(set([]any{map[string]any{"name": "names", "kind": "Profile"}}, "chat", "sources")), weak},
		{"a source of another kind", now(set([]any{map[string]any{"name": "names", "kind": "Profile"}, map[string]any{"name": "listings", "kind": "Profile"}}, "chat", "sources")), weak},
		{"a ConfigMap of attacks less", now(set([]any{map[string]any{"name": "of-all"}}, "chat", "attacks", "configMapRefs")), weak},
		{"another ConfigMap of attacks", now(set([]any{map[string]any{"name": "ours"}, map[string]any{"name": "easy"}}, "chat", "attacks", "configMapRefs")), weak},
		{"no attacks of the team's own", now(func(app map[string]any) { delete(fieldsAt(app, "chat"), "attacks") }), weak},
		{"a ConfigMap of attacks more", now(set([]any{map[string]any{"name": "new"}, map[string]any{"name": "of-all"}, map[string]any{"name": "ours"}}, "chat", "attacks", "configMapRefs")), allowed(13)},
		{"a tool more that is guarded", now(set([]any{"refund", "mail", "search"}, "chat", "tools", "guarded")), allowed(13)},
		{"no host to load from", now(func(app map[string]any) { delete(fieldsAt(app, "chat"), "fetches") }), allowed(13)},
		{"the chat answers nobody", now(resource("inChat", "Never")), weak},
		{"another Service", now(set("other", "service", "name")), weak},
		{"another port", now(set(int64(81), "service", "port")), weak},
		{"fewer writes", now(set("OwnObjects", "writes")), weak},
		{"an entry less with the verb", by(now(drop("chat")), VerbBypass), allowed(13)},
		{"other credentials", now(identity(0, "credentialsSecretRef", map[string]any{"name": "other"})), allowed(13)},
		{"the role that is meant anyhow", now(identity(0, "role", "User")), allowed(13)},
		{"other requests", now(set("/v2/chat", "chat", "request", "path"), resource("item", map[string]any{"path": "/v2/chats/$(id)"})), allowed(13)},
		{"more channels", now(resource("search", map[string]any{"path": "/chats?q=$(query)"}), resource("sharing", "None")), allowed(13)},
		{"an unlisted time and refusal", now(drop("indexingSeconds"), drop("rateLimited"), drop("authenticate")), allowed(13)},
		{"logins by an identity provider", now(set([]any{"idp.example.com"}, "login", "hosts")), allowed(13)},
		{"logins by another identity provider", update(open, changed(before, set([]any{"idp.example.com"}, "spec", "app", "login", "hosts")), changed(before, set([]any{"id.example.com"}, "spec", "app", "login", "hosts"))), allowed(13)},
		{"no more logins by an identity provider", update(open, changed(before, set([]any{"idp.example.com"}, "spec", "app", "login", "hosts")), before), allowed(13)},
		{"less is left untested", now(func(app map[string]any) { delete(fieldsAt(app, "openAPI"), "untested") }), allowed(13)},
		{"a sink of logs less", update(open, changed(before, set([]any{sink("tracker"), sink("traces")}, "spec", "logging", "sinks")), changed(before, set([]any{sink("traces")}, "spec", "logging", "sinks"))), weak},
		{"no sink of logs any more", update(open, changed(before, set([]any{sink("tracker")}, "spec", "logging", "sinks")), changed(before, set([]any{}, "spec", "logging", "sinks"))), weak},
		{"nothing said of sinks any more", update(open, changed(before, set([]any{sink("tracker")}, "spec", "logging", "sinks")), before), weak},
		{"a sink of logs more", update(open, changed(before, set([]any{sink("tracker")}, "spec", "logging", "sinks")), changed(before, set([]any{sink("traces"), sink("tracker")}, "spec", "logging", "sinks"))), allowed(13)},
		{"in another order", now(func(app map[string]any) {
			slices.Reverse(listAt(app, "identities"))
			slices.Reverse(listAt(app, "adminPaths"))
		}), allowed(13)},
		{"described for the first time", update(open, launchObject(), before), allowed(13)},
		{"before launch", update(gated(in(StateNew)), before, launchObject()), allowed(0)},
	}
	for _, field := range []string{"login", "logout", "signUp", "profile", "chat", "resources", "adminPaths", "identities", "service", "writes", "openAPI"} {
		cases = append(cases, decisionCase{"no " + field, now(drop(field)), weak})
	}
	decide(t, cases)
	description, launch := celFunction(t, appWeakenedCEL), celFunction(t, weakenedCEL(t))
	for _, c := range cases {
		old, now := fieldsAt(c.request.Old, "spec", "app"), fieldsAt(c.request.Object, "spec", "app")
		if now == nil {
			now = map[string]any{}
		}
		if old == nil {
			old = map[string]any{}
		}
		got := description(map[string]any{"variables": map[string]any{"appNow": now, "appBefore": old}})
		if want := appWeakened(now, old); got != want {
			t.Errorf("%s: CEL says weakened %t, Go %t", c.name, got, want)
		}
		got = launch(map[string]any{"variables": map[string]any{"appWeakened": got, "edgeWeakened": false}, "object": c.request.Object, "oldObject": c.request.Old})
		if want := weakened(c.request.Object, c.request.Old); got != want {
			t.Errorf("%s: CEL says of the launch that it is weakened: %t, Go %t", c.name, got, want)
		}
	}
}

// weakenedCEL says of a whole launch whether it is weakened.
func weakenedCEL(t *testing.T) string {
	t.Helper()
	variables := launchTable().variables
	i := slices.IndexFunc(variables, func(v variable) bool { return v.name == "weakened" })
	if i < 0 {
		t.Fatal("there is no variable of that name")
	}
	return string(variables[i].expression)
}

// celFunction gives an expression as a function of what it refers to.
func celFunction(t *testing.T, source string) func(map[string]any) bool {
	t.Helper()
	env, err := cel.NewEnv(cel.OptionalTypes(), cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		t.Fatal(err)
	}
	return func(given map[string]any) bool {
		t.Helper()
		value, _, err := program.Eval(given)
		if err != nil {
			t.Fatal(err)
		}
		return value.Value() == true
	}
}
