// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"pgregory.net/rapid"
)

// atTheEdge is what a launch says of names, zone and mail, in every part that the gate looks at.
func atTheEdge() map[string]any {
	limit := func(name string, requests, period int64, paths ...any) map[string]any {
		return map[string]any{"name": name, "paths": paths, "methods": []any{"POST", "PUT"}, "requests": requests, "periodSeconds": period}
	}
	return map[string]any{
		"domains": map[string]any{
			"canonical": "app.example.com", "hosts": []any{"api.example.com"}, "redirects": []any{"example.com", "www.example.com"},
			"retired": []any{map[string]any{"host": "old.example.com"}, map[string]any{"host": "older.example.com"}},
			"origin":  map[string]any{"hostname": "lb.example.net"},
		},
		"cloudflare": map[string]any{
			"zone": "example.com", "mode": "Enforce", "adopt": []any{"DNS", "WAF"}, "apiTokenSecretRef": map[string]any{"name": "token", "key": "a"},
			"tls":        map[string]any{"hsts": map[string]any{"maxAgeSeconds": int64(86400)}},
			"waf":        map[string]any{"managedRules": "On", "blockedPaths": []any{"/internal/", "/debug"}},
			"rateLimits": []any{limit("login", 10, 60, "/login", "/api/login"), limit("chat", 100, 600, "/api/chat")},
			"cache":      map[string]any{"staticPaths": []any{"/assets/"}, "privatePaths": []any{"/account/", "/me"}, "staticSeconds": int64(60)},
		},
		"email": []any{
			map[string]any{
				"domain": "example.com", "spf": map[string]any{"include": []any{"_spf.example.net"}},
				"dkim":  map[string]any{"selectors": []any{map[string]any{"name": "s1"}}},
				"dmarc": map[string]any{"policy": "quarantine", "rua": "mailto:dmarc@example.com"},
			},
			map[string]any{"domain": "mail.example.com"},
		},
		"gate": map[string]any{"mode": "Enforce", "edge": "LockedUntilLaunched"},
		"app": map[string]any{
			"login": map[string]any{"steps": []any{
				map[string]any{"request": map[string]any{"method": "POST", "path": "/login"}},
				map[string]any{"request": map[string]any{"path": "/elsewhere", "host": "idp.example.com"}},
			}},
			"chat": map[string]any{"request": map[string]any{"method": "POST", "path": "/api/chat"}, "ratePerMinute": int64(10)},
		},
	}
}

// edgeCase is a change of a spec, and whether it weakens the launch.
type edgeCase struct {
	name   string
	change func(spec map[string]any)
	weaker bool
	// before changes the spec that stood there.
	before func(spec map[string]any)
}

func drop(path ...string) func(map[string]any) {
	return func(spec map[string]any) { delete(fieldsAt(spec, path[:len(path)-1]...), path[len(path)-1]) }
}

func each(changes ...func(map[string]any)) func(map[string]any) {
	return func(spec map[string]any) {
		for _, change := range changes {
			change(spec)
		}
	}
}

// limited changes the first rate limit.
func limited(changes ...func(map[string]any)) func(map[string]any) {
	return func(spec map[string]any) {
		each(changes...)(fieldsAt(listAt(spec, "cloudflare", "rateLimits")[0]))
	}
}

// mailing changes the first domain of mail.
func mailing(changes ...func(map[string]any)) func(map[string]any) {
	return func(spec map[string]any) { each(changes...)(fieldsAt(listAt(spec, "email")[0])) }
}

func zoneCases() []edgeCase {
	mode := func(mode string) func(map[string]any) { return set(mode, "cloudflare", "mode") }
	return []edgeCase{
		{"nothing", each(), false, nil},
		{"no edge", drop("cloudflare"), true, nil},
		{"an edge that was only looked at goes", drop("cloudflare"), true, mode("Observe")},
		{"an edge goes of which nothing was said but its zone", drop("cloudflare"), true, set(map[string]any{"zone": "example.com"}, "cloudflare")},
		{"an edge that has reverted goes", drop("cloudflare"), false, mode("Revert")},
		{"an edge comes", each(), false, drop("cloudflare")},
		{"only looked at", mode("Observe"), true, nil},
		{"only looked at, without a word", drop("cloudflare", "mode"), true, nil},
		{"reverted", mode("Revert"), true, nil},
		{"reverted after it was looked at", mode("Revert"), true, mode("Observe")},
		{"enforced after it was looked at", mode("Enforce"), false, mode("Observe")},
		{"enforced after it was reverted", mode("Enforce"), false, mode("Revert")},
		{"an area less", set([]any{"DNS"}, "cloudflare", "adopt"), true, nil},
		{"no areas", drop("cloudflare", "adopt"), true, nil},
		{"an area more", set([]any{"WAF", "TLS", "DNS"}, "cloudflare", "adopt"), false, nil},
		{"another token", set("other", "cloudflare", "apiTokenSecretRef", "name"), false, nil},
		{"the token of a policy", drop("cloudflare", "apiTokenSecretRef"), false, nil},
		{"kept or deleted with the launch", set("Delete", "cloudflare", "deletionPolicy"), false, nil},
		{"another page", set("<p>Soon", "cloudflare", "holdingPage", "html"), false, nil},
		{"no managed rules", set("Off", "cloudflare", "waf", "managedRules"), true, nil},
		{"no managed rules where nothing was said", set("Off", "cloudflare", "waf", "managedRules"), true, drop("cloudflare", "waf")},
		{"managed rules as they are anyhow", each(), false, drop("cloudflare", "waf", "managedRules")},
		{"managed rules come back", set("On", "cloudflare", "waf", "managedRules"), false, set("Off", "cloudflare", "waf", "managedRules")},
		{"nothing said of the firewall", drop("cloudflare", "waf"), true, nil},
		{"a path less that is blocked", set([]any{"/debug"}, "cloudflare", "waf", "blockedPaths"), true, nil},
		{"a blocked path that is longer", set([]any{"/debug/", "/internal/"}, "cloudflare", "waf", "blockedPaths"), true, nil},
		{"a blocked path that is shorter", set([]any{"/debug", "/int"}, "cloudflare", "waf", "blockedPaths"), false, nil},
		{"no HSTS", set("Off", "cloudflare", "tls", "hsts", "mode"), true, nil},
		{"no HSTS where nothing was said", set("Off", "cloudflare", "tls", "hsts", "mode"), true, drop("cloudflare", "tls")},
		{"HSTS for less long", set(int64(3600), "cloudflare", "tls", "hsts", "maxAgeSeconds"), true, nil},
		{"HSTS for less than a year", each(), true, drop("cloudflare", "tls")},
		{"HSTS for a year", drop("cloudflare", "tls"), false, nil},
		{"HSTS for no more than a year", drop("cloudflare", "tls"), true, set(int64(63072000), "cloudflare", "tls", "hsts", "maxAgeSeconds")},
		{"HSTS for longer", set(int64(86401), "cloudflare", "tls", "hsts", "maxAgeSeconds"), false, nil},
		{"HSTS comes back", each(), false, set("Off", "cloudflare", "tls", "hsts", "mode")},
		{"a private path less", set([]any{"/me"}, "cloudflare", "cache", "privatePaths"), true, nil},
		{"no private paths", drop("cloudflare", "cache", "privatePaths"), true, nil},
		{"a private path that is shorter", set([]any{"/m", "/account/"}, "cloudflare", "cache", "privatePaths"), false, nil},
		{"a static path more", set([]any{"/assets/", "/a"}, "cloudflare", "cache", "staticPaths"), true, nil},
		{"a static path below", set([]any{"/assets/css/"}, "cloudflare", "cache", "staticPaths"), false, nil},
		{"no static paths", drop("cloudflare", "cache", "staticPaths"), false, nil},
		{"static paths for the first time", each(), true, drop("cloudflare", "cache", "staticPaths")},
		{"static for longer", set(int64(86400), "cloudflare", "cache", "staticSeconds"), false, nil},
		{"no cache", drop("cloudflare", "cache"), true, nil},
	}
}

func limitCases() []edgeCase {
	limits := func(limits ...any) func(map[string]any) { return set(limits, "cloudflare", "rateLimits") }
	limit := func(requests, period int64, paths ...any) map[string]any {
		return map[string]any{"name": "x", "paths": paths, "requests": requests, "periodSeconds": period}
	}
	number := func(field string, n int64) func(map[string]any) { return set(n, field) }
	chat := limit(100, 600, "/api/chat")
	return []edgeCase{
		{"a limit less", limits(limit(10, 60, "/login", "/api/login")), true, nil},
		{"a limit under another name", limited(set("signin", "name")), false, nil},
		{"more requests", limited(number("requests", 11)), true, nil},
		{"fewer requests", limited(number("requests", 9)), false, nil},
		{"a shorter time", limited(number("periodSeconds", 10)), true, nil},
		{"a longer time", limited(number("periodSeconds", 600)), false, nil},
		{"the time that is meant anyhow", limited(drop("periodSeconds")), false, nil},
		{"as many a second, and more at once", limited(number("requests", 100), number("periodSeconds", 600)), true, nil},
		{"more a second, and fewer at once", limited(number("requests", 2), number("periodSeconds", 10)), true, nil},
		{"fewer a second, and fewer at once", limited(number("requests", 1), number("periodSeconds", 10)), false, nil},
		{"a path less", limited(set([]any{"/login"}, "paths")), true, nil},
		{"a longer path", limited(set([]any{"/login/", "/api/login"}, "paths")), true, nil},
		{"a shorter path", limited(set([]any{"/log", "/api/"}, "paths")), false, nil},
		{"a method less", limited(set([]any{"POST"}, "methods")), true, nil},
		{"all methods", limited(drop("methods")), false, nil},
		{"some of all methods", each(), true, limited(drop("methods"))},
		{"one for all", limits(limit(10, 600, "/")), false, nil},
		{"one for all that lets more through", limits(limit(11, 600, "/")), true, nil},
		{"two for one", limits(limit(10, 60, "/login"), limit(10, 60, "/api/login"), chat), false, nil},
		{"two for one, one of them looser", limits(limit(10, 60, "/login"), limit(20, 60, "/api/login"), chat), true, nil},
		{"a strict one beside a looser one", limits(limit(20, 60, "/login", "/api/login"), limit(10, 60, "/"), chat), false, nil},
		{"those of the app, which are fewer", drop("cloudflare", "rateLimits"), true, nil},
		{"those of the app, which are the same", drop("cloudflare", "rateLimits"), false, limits(map[string]any{"name": "l", "paths": []any{"/login"}, "methods": []any{"POST"}, "requests": int64(10)})},
		{"its own instead of those of the app", each(), true, drop("cloudflare", "rateLimits")}, // chat: 100 in 600 s lets more through at once than 10 a minute
		{"its own that are as strict as those of the app", limits(limit(10, 60, "/login"), limit(10, 60, "/api/")), false, drop("cloudflare", "rateLimits")},
		{"its own without the chat", limits(limit(10, 60, "/login")), true, drop("cloudflare", "rateLimits")},
		{"its own without the login", limits(limit(10, 60, "/api/chat")), true, drop("cloudflare", "rateLimits")},
		{"its own where the app has none", each(limits(limit(1000, 60, "/x")), drop("app")), false, each(drop("cloudflare", "rateLimits"), drop("app"))},
		{"other paths of the app", each(drop("cloudflare", "rateLimits"), set("/api/v2/chat", "app", "chat", "request", "path")), false, drop("cloudflare", "rateLimits")},
	}
}

func nameCases() []edgeCase {
	retired := func(hosts ...string) func(map[string]any) {
		var list []any
		for _, h := range hosts {
			list = append(list, map[string]any{"host": h})
		}
		return set(list, "domains", "retired")
	}
	redirects := func(hosts ...any) func(map[string]any) { return set(hosts, "domains", "redirects") }
	serving := set([]any{"api.example.com", "www.example.com"}, "domains", "hosts")
	return []edgeCase{
		{"a redirect less", redirects("example.com"), true, nil},
		{"no redirects", drop("domains", "redirects"), true, nil},
		{"a redirect that serves the app", each(redirects("example.com"), serving), false, nil},
		{"a redirect that retires", each(redirects("example.com"), retired("old.example.com", "older.example.com", "www.example.com")), false, nil},
		{"a redirect more", redirects("example.com", "a.example.com", "www.example.com"), false, nil},
		{"a retired name less", retired("old.example.com"), true, nil},
		{"no retired names", drop("domains", "retired"), true, nil},
		{"a retired name that serves the app again", each(retired("old.example.com", "www.example.com"), set([]any{"api.example.com", "older.example.com"}, "domains", "hosts"), redirects("example.com")), false, nil},
		{"a retired name that redirects", each(retired("old.example.com"), redirects("example.com", "www.example.com", "older.example.com")), false, nil},
		{"a retired name more", retired("old.example.com", "older.example.com", "oldest.example.com"), false, nil},
		{"what is left of a retired name is only told of", retired("old.example.com", "older.example.com"), false, set([]any{map[string]any{"host": "old.example.com", "onForeign": "Delete"}}, "domains", "retired")},
		{"no origin", drop("domains", "origin"), true, nil},
		{"another origin", set(map[string]any{"addresses": []any{"203.0.113.7"}}, "domains", "origin"), false, nil},
		{"no lock", set("Off", "gate", "edge"), true, nil},
		{"nothing said of a lock", drop("gate", "edge"), true, nil},
		{"a lock until launched alone", each(), true, set("LockedWhileFailing", "gate", "edge")},
		{"a lock while failing", set("LockedWhileFailing", "gate", "edge"), false, nil},
		{"a lock comes", each(), false, drop("gate", "edge")},
		{"mail of a domain less", set([]any{map[string]any{"domain": "mail.example.com"}}, "email"), true, nil},
		{"no mail", drop("email"), true, nil},
		{"no SPF", mailing(drop("spf")), true, nil},
		{"no DKIM", mailing(drop("dkim")), true, nil},
		{"no DMARC", mailing(drop("dmarc")), true, nil},
		{"DMARC that lets all through", mailing(set("none", "dmarc", "policy")), true, nil},
		{"DMARC that rejects", mailing(set("reject", "dmarc", "policy")), false, nil},
		{"DMARC as it is meant anyhow", mailing(drop("dmarc", "policy")), false, nil},
		{"DMARC that was stricter", each(), true, mailing(set("reject", "dmarc", "policy"))},
		{"DMARC for the first time", each(), false, mailing(drop("dmarc"))},
		{"other senders", mailing(set([]any{"_spf.example.org"}, "spf", "include")), false, nil},
		{"another key", mailing(set([]any{map[string]any{"name": "s2"}}, "dkim", "selectors")), false, nil},
		{"other reports", mailing(set("mailto:d@example.com", "dmarc", "rua")), false, nil},
		{"mail of a domain more", func(spec map[string]any) {
			spec["email"] = append([]any{map[string]any{"domain": "a.example.com"}}, listAt(spec, "email")...)
		}, false, nil},
		{"in another order", func(spec map[string]any) {
			slices.Reverse(listAt(spec, "email"))
			slices.Reverse(listAt(spec, "domains", "retired"))
			slices.Reverse(listAt(spec, "cloudflare", "rateLimits"))
		}, false, nil},
	}
}

func TestWhatIsAskedOfTheEdgeIsNotTakenBack(t *testing.T) {
	open := gated(in(StateOpen))
	weak := refused(13, "LaunchReadiness shop/chat has launched or is exposed, and is enforced: this change takes away a part of what is proven (spec.gate, policyRef, cloudflare, or an entry of workloads, services, domains, email, app or logging.sinks), which needs the verb bypass on it.")
	judge := edgeCEL(t)
	whole := celFunction(t, weakenedCEL(t))
	for _, c := range slices.Concat(zoneCases(), limitCases(), nameCases()) {
		t.Run(c.name, func(t *testing.T) {
			before := content(launchKind, "chat", atTheEdge())
			if c.before != nil {
				c.before(fieldsAt(before, "spec"))
			}
			now := changed(before, func(o map[string]any) {
				// What comes and goes is compared with the whole.
				if c.before != nil {
					o["spec"] = atTheEdge()
				}
				c.change(fieldsAt(o, "spec"))
			})
			request := update(open, before, changed(now, set("x", "spec", "suspend")))
			want := allowed(13)
			if c.weaker {
				want = weak
			}
			if got := edgeWeakened(fieldsAt(now, "spec"), fieldsAt(before, "spec")); got != c.weaker {
				t.Errorf("Go says weakened: %t", got)
			}
			got := judge(now, before)
			if got != c.weaker {
				t.Errorf("CEL says weakened: %t", got)
			}
			launch := map[string]any{"variables": map[string]any{"appWeakened": false, "edgeWeakened": got}, "object": now, "oldObject": before}
			if whole(launch) != c.weaker {
				t.Errorf("CEL says of the launch that it is weakened: %t", !c.weaker)
			}
			decide(t, []decisionCase{
				{"refused", request, want},
				{"with the verb", by(request, VerbBypass), allowed(13)},
				{"before launch", update(gated(in(StateNew)), before, now), allowed(0)},
			})
		})
	}
}

// edgeCEL gives the policy's own view of whether a launch asks less of the edge.
func edgeCEL(t *testing.T) func(now, old map[string]any) bool {
	t.Helper()
	judge := celVariables(t, func(name string) bool { return name == "appNow" })
	return func(now, old map[string]any) bool {
		t.Helper()
		weakened, _ := judge(t, now, old)
		return weakened
	}
}

// celVariables compiles the variables of the policy from the first that is wanted to edgeWeakened, and gives a function that evaluates
// them one after another, as the API server does, and says what the dearest costs.
func celVariables(t *testing.T, first func(name string) bool) func(t testingT, now, old map[string]any) (bool, uint64) {
	t.Helper()
	env, err := cel.NewEnv(cel.OptionalTypes(), cel.HomogeneousAggregateLiterals(), cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	type compiled struct {
		name    string
		program cel.Program
	}
	var all []compiled
	variables := launchTable().variables
	for _, v := range variables[slices.IndexFunc(variables, func(v variable) bool { return first(v.name) }):] {
		if v.name == "appWeakened" || v.name == "weakened" || v.name == "may" {
			continue
		}
		ast, issues := env.Compile(string(v.expression))
		if issues.Err() != nil {
			t.Fatalf("%s: %v", v.name, issues.Err())
		}
		program, err := env.Program(ast, cel.CostTracking(nil))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, compiled{v.name, program})
	}
	return func(t testingT, now, old map[string]any) (bool, uint64) {
		t.Helper()
		values := map[string]any{}
		var dearest uint64
		for _, v := range all {
			value, details, err := v.program.Eval(map[string]any{"variables": values, "object": now, "oldObject": old})
			if err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			values[v.name] = value
			dearest = max(dearest, *details.ActualCost())
		}
		weakened, _ := values["edgeWeakened"].(interface{ Value() any })
		return weakened.Value() == true, dearest
	}
}

type testingT interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Any two specs: the policy and the Go decision say the same, a spec never weakens itself, and what a spec of the same parts adds to
// another never weakens it twice over.
func TestTheEdgeOfAnyTwoLaunchesIsComparedAlike(t *testing.T) {
	judge := celVariables(t, func(name string) bool { return name == "appNow" })
	var all []func(map[string]any)
	for _, c := range slices.Concat(zoneCases(), limitCases(), nameCases()) {
		for _, change := range []func(map[string]any){c.change, c.before} {
			if change != nil {
				all = append(all, change)
			}
		}
	}
	spec := rapid.Custom(func(t *rapid.T) map[string]any {
		object := content(launchKind, "chat", atTheEdge())
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(all)-1), 0, 4).Draw(t, "changes") {
			func() {
				// A change of what another one has taken away changes nothing.
				defer func() { _ = recover() }()
				all[i](fieldsAt(object, "spec"))
			}()
		}
		return object
	})
	rapid.Check(t, func(t *rapid.T) {
		old, now := spec.Draw(t, "old"), spec.Draw(t, "now")
		got, _ := judge(t, now, old)
		if want := edgeWeakened(fieldsAt(now, "spec"), fieldsAt(old, "spec")); got != want {
			t.Fatalf("CEL says weakened %t, Go %t", got, want)
		}
		if edgeWeakened(fieldsAt(old, "spec"), fieldsAt(old, "spec")) {
			t.Fatal("a launch is weaker than itself")
		}
	})
}

// The largest launch that the CRD lets in is judged within what the API server spends on one expression.
func TestTheLargestEdgeIsJudgedWithinTheBudget(t *testing.T) {
	// k8s.io/apiserver/pkg/apis/cel/config.go: PerCallLimit.
	const limit = 1_000_000
	paths := func(n int, kind string) []any {
		var list []any
		for i := range n {
			list = append(list, fmt.Sprintf("/%s%02d%s", kind, i, strings.Repeat("p", 256-len(kind)-3)))
		}
		return list
	}
	spec := atTheEdge()
	var limits, mail, hosts, retired []any
	for i := range 8 {
		limits = append(limits, map[string]any{"name": fmt.Sprint(i), "paths": paths(8, fmt.Sprint("l", i)), "requests": int64(1), "methods": []any{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}})
		mail = append(mail, map[string]any{"domain": fmt.Sprint(i) + strings.Repeat("d", 250), "dmarc": map[string]any{"rua": "x"}})
	}
	for i := range 32 {
		name := fmt.Sprintf("%02d%s", i, strings.Repeat("h", 250))
		hosts = append(hosts, name)
		retired = append(retired, map[string]any{"host": "r" + name})
	}
	set(hosts, "domains", "hosts")(spec)
	set(hosts, "domains", "redirects")(spec)
	set(retired, "domains", "retired")(spec)
	set(limits, "cloudflare", "rateLimits")(spec)
	set(paths(16, "b"), "cloudflare", "waf", "blockedPaths")(spec)
	set(paths(16, "s"), "cloudflare", "cache", "staticPaths")(spec)
	set(paths(16, "v"), "cloudflare", "cache", "privatePaths")(spec)
	spec["email"] = mail
	old := content(launchKind, "chat", spec)
	now := changed(old)
	slices.Reverse(listAt(now, "spec", "cloudflare", "rateLimits"))
	weakened, dearest := celVariables(t, func(name string) bool { return name == "appNow" })(t, now, old)
	if weakened {
		t.Error("the same is weaker")
	}
	t.Logf("the dearest expression costs %d", dearest)
	if dearest > limit/2 {
		t.Errorf("the dearest expression costs %d of %d", dearest, limit)
	}
}
