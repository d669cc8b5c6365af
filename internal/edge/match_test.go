// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatAnExpressionMatches(t *testing.T) {
	all := sample{host: app, path: "/api/login", method: "POST", tls: always, address: stranger()}
	for expression, want := range map[string]truth{
		`true`: always, `false`: never, `ssl`: always, `not ssl`: never, `(true)`: always, `not (false or false)`: always,
		`http.host eq "app.example.com"`: always, `http.host == "other"`: never, `http.host ne "other"`: always, `http.host in {"x" "app.example.com"}`: always,
		`http.host contains "example"`: always, `lower(http.host) eq "app.example.com"`: always,
		`http.host wildcard "*.EXAMPLE.com"`: always, `http.host strict wildcard "*.EXAMPLE.com"`: never, `http.request.uri.path strict wildcard r"/api/*"`: always,
		`http.request.uri.path eq r#"/api/"login"#`: never, `http.request.uri.path wildcard "/a\\*"`: never,
		`starts_with(http.request.uri.path, "/api")`: always, `ends_with(http.request.uri.path, "/logout")`: never,
		`true or false and false`: always, `(true or false) and false`: never, `true xor true`: never, `true && !false || false`: always,
		`ip.src in {10.0.0.0/8 192.0.2.1}`: never, `ip.src in {203.0.113.0/24}`: always, `ip.src in $office`: maybe, `not ip.src in {10.0.0.0/8}`: always,
		`ip.src in {192.0.2.1..192.0.2.9}`: maybe, `ip.src.country eq "DE"`: maybe, `cf.client.bot`: maybe,
		`any(http.request.headers["x"][*] eq "y")`: maybe, `not any(http.request.headers["x"][*] eq "y") and false`: never,
		`http.request.uri.path matches "^/api"`: maybe, `http.request.uri.path.extension in {"css"}`: maybe, `cf.threat_score gt 10`: maybe, `len(http.host) eq 3`: maybe,
		// What isn't understood is neither.
		``: maybe, `http.host eq`: maybe, `http.host eq "app.example.com`: maybe, `true true`: maybe, `(true`: maybe, `true)`: maybe, `"true"`: maybe,
		`starts_with(http.request.uri.path "/api")`: maybe, `http.host in {"x"`: maybe, `r"x`: maybe, `any(`: maybe,
		strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200): maybe, strings.Repeat("not ", 200) + "true": maybe,
	} {
		if got := matches(expression, all); got != want {
			t.Errorf("%.80s: %d, want %d", expression, got, want)
		}
	}
	if got := matches(`http.request.uri.path eq "/" or http.host eq "app.example.com"`, sample{host: app}); got != always {
		t.Errorf("what isn't known doesn't matter here: %d", got)
	}
}

func FuzzMatches(f *testing.F) {
	f.Add(`(http.host in {"a"} and not ssl)`)
	f.Add(`any(x["y"][*] eq r#"z"#)`)
	f.Fuzz(func(t *testing.T, expression string) {
		if got := matches(expression, sample{host: app, path: "/", method: "GET"}); got < never || got > always {
			t.Errorf("%d", got)
		}
	})
}

func TestDescribedPaths(t *testing.T) {
	for path, want := range map[string]struct {
		expression, beginning string
		not, is               []string
	}{
		"/login":                    {`http.request.uri.path eq "/login"`, "/login", []string{"/loginx"}, []string{"/login"}},
		"/login?next=$(x)":          {`http.request.uri.path eq "/login"`, "/login", nil, nil},
		"/$$/login":                 {`http.request.uri.path eq "/$/login"`, "/$/login", nil, nil},
		"/$a":                       {`http.request.uri.path eq "/$a"`, "/$a", nil, nil},
		"/u/$(id)/chat":             {`http.request.uri.path strict wildcard "/u/*/chat"`, "/u/", []string{"/u/1/x"}, []string{"/u/1/chat"}},
		"/u/$(a)$(b)/chat":          {`http.request.uri.path strict wildcard "/u/*/chat"`, "/u/", nil, nil},
		"/u/$(totp(credentials.k))": {`http.request.uri.path strict wildcard "/u/*"`, "/u/", nil, []string{"/u/1"}},
		"/u/$(id":                   {`http.request.uri.path strict wildcard "/u/*"`, "/u/", nil, nil},
		`/*\$(id)`:                  {`http.request.uri.path strict wildcard "/\\*\\\\*"`, `/*\`, []string{"/a\\1"}, []string{`/*\1`}},
		`/a"b\`:                     {`http.request.uri.path eq "/a\"b\\"`, `/a"b\`, nil, []string{`/a"b\`}},
		`/a") or ("1`:               {`http.request.uri.path eq "/a\") or (\"1"`, `/a") or ("1`, nil, nil},
		"$(formAction)":             {"", "", nil, nil},
	} {
		if got := pathMatch(path); got != want.expression {
			t.Errorf("%s: %s", path, got)
		}
		if got := fixedBeginning(path); got != want.beginning {
			t.Errorf("%s begins %s", path, got)
		}
		for _, p := range want.not {
			if matches(want.expression, sample{path: p}) != never {
				t.Errorf("%s matches %s", path, p)
			}
		}
		for _, p := range append(want.is, samplePaths(path)...) {
			if matches(want.expression, sample{path: p}) != always {
				t.Errorf("%s doesn't match %s", path, p)
			}
		}
	}
}

// TestNoPathEscapes writes any path into an expression: it stays one string, and means that path.
func TestNoPathEscapes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		path := "/" + rapid.StringMatching(`[a-z"\\*$()#?{}]{0,12}`).Draw(r, "path")
		for _, p := range samplePaths(path) {
			condition := all(hostIn([]string{app}), pathMatch(path))
			if got := matches(condition, sample{host: app, path: p}); got != always {
				r.Fatalf("%s doesn't match %s: %d", condition, p, got)
			}
			if got := matches(condition, sample{host: "x", path: p}); got != never {
				r.Fatalf("%s matches another host: %d", condition, got)
			}
			if got := matches(condition, sample{host: app, path: p + "/else"}); got == always && literals(path)[len(literals(path))-1] != "" {
				r.Fatalf("%s matches more: %d", condition, got)
			}
		}
	})
}
