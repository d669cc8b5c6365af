// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare/edge"
)

const cacheRules = "http_request_cache_settings"

// headersBack makes the origin answer with what the query says: ?Name=value&...
func headersBack(w http.ResponseWriter, req *http.Request) {
	for name, values := range req.URL.Query() {
		w.Header()[name] = values
	}
	_, _ = io.WriteString(w, "body of "+req.URL.Path) //nolint:gosec // nobody looks at it
}

func TestCacheDefaults(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		path    string
		request []string
		first   string
		second  string
	}{
		"a page":            {"/", nil, "DYNAMIC", "DYNAMIC"},
		"HTML":              {"/a.html", nil, "DYNAMIC", "DYNAMIC"},
		"a style sheet":     {"/a.css", nil, "MISS", "HIT"},
		"a script, shouted": {"/a.JS", nil, "MISS", "HIT"},
		"robots.txt":        {"/robots.txt", nil, "MISS", "HIT"},
		"public":            {"/a.css?Cache-Control=public,max-age%3D60", nil, "MISS", "HIT"},
		"private":           {"/a.css?Cache-Control=private", nil, "BYPASS", "BYPASS"},
		"no-store":          {"/a.css?Cache-Control=no-store", nil, "BYPASS", "BYPASS"},
		"no-cache":          {"/a.css?Cache-Control=no-cache", nil, "BYPASS", "BYPASS"},
		"max-age 0":         {"/a.css?Cache-Control=max-age%3D0", nil, "BYPASS", "BYPASS"},
		"a cookie":          {"/a.css?Set-Cookie=a%3Db", nil, "BYPASS", "BYPASS"},
		"authorisation":     {"/a.css", []string{"Authorization", "Bearer x"}, "BYPASS", "BYPASS"},
		"expired":           {"/a.css?Expires=Thu,+01+Jan+1970+00:00:00+GMT", nil, "BYPASS", "BYPASS"},
		"s-maxage wins":     {"/a.css?Cache-Control=max-age%3D0,s-maxage%3D60", nil, "MISS", "HIT"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, zone())
			r.answer(headersBack)
			first := r.get(app+tt.path, tt.request...)
			first.want(t, "first", 200, "Cf-Cache-Status", tt.first, "Age", "-")
			second := r.get(app+tt.path, tt.request...)
			second.want(t, "second", 200, "Cf-Cache-Status", tt.second)
			if second.body != first.body || second.body == "" {
				t.Errorf("bodies %q and %q", first.body, second.body)
			}
			_, times := r.asked()
			if want := map[bool]int{true: 1, false: 2}[tt.second == "HIT"]; times != want {
				t.Errorf("the origin was asked %d times, want %d", times, want)
			}
		})
	}
}

func TestCacheAges(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.answer(headersBack)
	const css = app + "/a.css?Cache-Control=max-age%3D60"
	r.do(http.MethodHead, css, "").want(t, "HEAD fills", 200, "Cf-Cache-Status", "MISS")
	if got, _ := r.asked(); got.Method != http.MethodGet {
		t.Errorf("the origin was asked with %s", got.Method)
	}
	r.clock.pass(59 * time.Second)
	if got := r.get(css, "If-None-Match", "x"); got.header.Get("Cf-Cache-Status") != "HIT" || got.header.Get("Age") != "59" || got.body != "body of /a.css" {
		t.Errorf("after 59 s: %v %q", got.header, got.body)
	}
	r.do(http.MethodHead, css, "").want(t, "HEAD", 200, "Cf-Cache-Status", "HIT")
	r.do(http.MethodPost, css, "x").want(t, "POST", 200, "Cf-Cache-Status", "DYNAMIC")
	r.get("https://a.wild.example.com/a.css?Cache-Control=max-age%3D60").want(t, "another host", 200, "Cf-Cache-Status", "MISS")
	r.get("http://app.example.com/a.css?Cache-Control=max-age%3D60").want(t, "HTTP", 200, "Cf-Cache-Status", "MISS")
	r.clock.pass(time.Second)
	r.get(css).want(t, "after 60 s", 200, "Cf-Cache-Status", "EXPIRED", "Age", "-")
	r.get(css).want(t, "afterwards", 200, "Cf-Cache-Status", "HIT")
	r.settings("development_mode", `"on"`)
	r.get(css).want(t, "development mode", 200, "Cf-Cache-Status", "BYPASS")
	r.settings()
	r.edge.Purge()
	r.get(css).want(t, "purged", 200, "Cf-Cache-Status", "MISS")
	r.get(app+"/b.css").want(t, "no headers", 200, "Cf-Cache-Status", "MISS")
	r.clock.pass(119 * time.Minute)
	r.get(app+"/b.css").want(t, "no headers, nearly two hours later", 200, "Cf-Cache-Status", "HIT")
	r.clock.pass(time.Minute)
	r.get(app+"/b.css").want(t, "no headers, two hours later", 200, "Cf-Cache-Status", "EXPIRED")
}

func TestCacheRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.answer(headersBack)
	twice := func(what, path, first, second string, headers ...string) {
		t.Helper()
		r.edge.Purge()
		r.get(app+path).want(t, what+", first", 200, "Cf-Cache-Status", first)
		r.get(app+path).want(t, what+", second", 200, append(headers, "Cf-Cache-Status", second)...)
	}
	set := func(params ...string) {
		var rules []edge.Rule
		for _, p := range params {
			rules = append(rules, on("true", "set_cache_settings", p))
		}
		r.rules(cacheRules, rules...)
	}
	set(`{"cache": true}`)
	twice("everything", "/page", "MISS", "HIT")
	twice("everything, private", "/page?Cache-Control=private", "BYPASS", "BYPASS")
	twice("everything, a cookie", "/page?Set-Cookie=a%3Db", "MISS", "MISS", "Set-Cookie", "a=b")
	set(`{"cache": true, "edge_ttl": {"mode": "override_origin", "default": 60}, "browser_ttl": {"mode": "override_origin", "default": 5}}`)
	twice("override, private", "/page?Cache-Control=private", "MISS", "HIT", "Cache-Control", "max-age=5")
	twice("override, a cookie", "/page?Set-Cookie=a%3Db", "MISS", "HIT", "Set-Cookie", "-")
	set(`{"cache": true, "edge_ttl": {"mode": "bypass_by_default"}}`)
	twice("bypass by default", "/page", "BYPASS", "BYPASS")
	twice("bypass by default, fresh", "/page?Cache-Control=max-age%3D9", "MISS", "HIT")
	set(`{"cache": true, "edge_ttl": {"mode": "respect_origin", "status_code_ttl": [{"status_code_range": {"from": 200, "to": 299}, "value": 30}]}}`)
	twice("by status", "/page?Cache-Control=no-store", "MISS", "HIT")
	set(`{"cache": true}`, `{"cache": false}`)
	twice("the last rule counts", "/a.css", "DYNAMIC", "DYNAMIC")
	set(`{"cache": false}`, `{"cache": true}`)
	twice("the last rule counts, otherwise", "/page", "MISS", "HIT")
	set(`{"cache": true, "cache_key": {"cache_deception_armor": true}}`)
	twice("deceived", "/account/a.css?Content-Type=text/html", "BYPASS", "BYPASS")
	twice("not deceived", "/a.css?Content-Type=text/css%3B+charset%3Dutf-8", "MISS", "HIT")
	set()
	r.settings("browser_cache_ttl", `14400`)
	twice("the zone's browser TTL", "/a.css?Cache-Control=max-age%3D60", "MISS", "HIT", "Cache-Control", "max-age=14400")
	twice("the zone's browser TTL, shorter", "/a.css?Cache-Control=max-age%3D99999", "MISS", "HIT", "Cache-Control", "max-age=99999")
	twice("the zone's browser TTL, a page", "/page", "DYNAMIC", "DYNAMIC", "Cache-Control", "-")
}
