// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression_test

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

const (
	free, pro, business, enterprise = expression.Free, expression.Pro, expression.Business, expression.Enterprise

	custom = expression.PhaseFirewallCustom
)

// sample is the request that the tables ask about.
func sample() *expression.Request {
	return &expression.Request{
		Method: "POST", Host: "App.example.com", Path: "/Apps/a/login.PHP", Query: "filter=waf&filter=botm&filter=cdn&search=red+apples",
		RawPath: "/Apps//a/login.PHP", RawQuery: "filter=raw", Proto: "HTTP/1.1",
		Header: http.Header{
			"Accept": {"application/json"}, "X-Many": {"one", "two"}, "User-Agent": {"curl/8"}, "Cookie": {"app=test; s%20t=1; app=again"},
			"Content-Type": {"application/x-www-form-urlencoded"}, "X-Data": {`{"a": {"b": ["x", 7, 1.5]}}`}, "X-Code": {"MTIzYWJj"},
			"X-Empty": {""}, "X-Forwarded-For": {"192.0.2.1, 192.0.2.2"},
		},
		TLS: true, TLSVersion: "TLSv1.3", Port: 443, Source: netip.MustParseAddr("198.51.100.5"), Time: time.Unix(1484063137, 857e6),
		RayID: "ray", BodySize: 40, Body: func() ([]byte, bool, error) { return []byte("user=alice&user=bob&x=%20"), true, nil },
		Scores: expression.Scores{
			Bot: 12, VerifiedBot: true, VerifiedBotCategory: "Search Engine Crawler",
			LLM: expression.LLM{Detected: true, InjectionScore: 5, PIICategories: []string{"US_SSN"}},
		},
	}
}

func TestEval(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want bool
	}{
		{`true`, true},
		{`false`, false},
		{`not false`, true},
		{`! false`, true},
		{`!false`, true},
		{`!(false)`, true},
		{`not not true`, true},
		{`true and false`, false},
		{`true && true`, true},
		{`true or false`, true},
		{`false || false`, false},
		{`true xor true`, false},
		{`true ^^ false`, true},
		// Precedence: not, and, xor, or.
		{`true or true and false`, true},
		{`(true or true) and false`, false},
		{`false and false xor true`, true},
		{`true xor true or true`, true},
		{`true xor (true or true)`, false},
		{`not false and false`, false},
		{`not (false and false)`, true},
		{`not http.host eq "x"`, true},
		{"ssl\n\tand\r\nhttp.request.method eq \"POST\"", true},
		{`(ssl)and(ssl)`, true},

		{`http.host eq "App.example.com"`, true},
		{`http.host == "app.example.com"`, false},
		{`lower(http.host) == "app.example.com"`, true},
		{`upper(http.host)=="APP.EXAMPLE.COM"`, true},
		{`http.host ne "x"`, true},
		{`http.host != "App.example.com"`, false},
		{`http.host lt "B"`, true},
		{`http.host <= "App.example.com"`, true},
		{`http.host > "App.example.com"`, false},
		{`http.host ge "App.example.com"`, true},
		{`http.host contains "example"`, true},
		{`http.host contains "EXAMPLE"`, false},
		{`http.host in {"a" "App.example.com"}`, true},
		{`not http.host in {"a" "b"}`, true},
		{`http.host in {"a" "a"}`, false},
		{`http.user_agent eq "curl/8"`, true},
		{`http.referer eq ""`, true},
		{`http.x_forwarded_for contains "192.0.2.2"`, true},
		{`http.cookie contains "app=test"`, true},
		{`http.request.version eq "HTTP/1.1"`, true},

		{`http.request.uri.path eq "/Apps/a/login.PHP"`, true},
		{`raw.http.request.uri.path eq "/Apps//a/login.PHP"`, true},
		{`http.request.uri.path.extension eq "php"`, true},
		{`http.request.uri.path.extension in {"css" "php"}`, true},
		{`starts_with(http.request.uri.path, "/Apps/")`, true},
		{`starts_with(http.request.uri.path, "/apps/")`, false},
		{`ends_with(http.request.uri.path, ".PHP")`, true},
		{`http.request.uri eq "/Apps/a/login.PHP?filter=waf&filter=botm&filter=cdn&search=red+apples"`, true},
		{`http.request.full_uri wildcard "https://*.example.com/apps/*"`, true},
		{`http.request.full_uri strict wildcard "https://*.example.com/apps/*"`, false},
		{`http.request.full_uri strict  wildcard "https://App.*/Apps/*"`, true},
		{`http.request.uri.path wildcard "apps"`, false},
		{`http.request.uri.path wildcard r"/apps/a/login.php"`, true},
		{`http.request.uri.path wildcard r"/apps/\*/login.php"`, false},
		{`http.request.uri.path matches "^/Apps/[a-z]/"`, true},
		{`http.request.uri.path ~ r"login\.PHP$"`, true},
		{`http.request.uri.path ~ "login\.PHP$"`, true},
		{`http.request.uri.path ~ "a\"b"`, false},

		{`http.request.uri.args["filter"][0] eq "waf"`, true},
		{`http.request.uri.args["search"][0] eq "red+apples"`, true},
		{`len(http.request.uri.args["filter"][1]) eq 4`, true},
		{`all(len(http.request.uri.args["filter"][*])[*] in {3 4})`, true},
		{`all(not len(http.request.uri.args["filter"][*])[*] in {3 4})`, false},
		{`len(http.request.uri.args["filter"]) >= 0`, true},
		{`not len(http.request.uri.args["order"]) >= 0`, true},
		{`any(http.request.uri.args.names[*] == "search")`, true},
		{`any(http.request.uri.args.values[*] == "botm")`, true},

		{`http.request.headers["accept"][0] eq "application/json"`, true},
		{`http.request.headers["Accept"][0] eq "application/json"`, false}, // keys are in lower case
		{`http.request.headers["x-many"][1] eq "two"`, true},
		{`http.request.headers["x-many"][2] eq "two"`, false},
		{`http.request.headers["x-many"][2] ne "two"`, false}, // a missing value passes no test
		{`not http.request.headers["x-many"][2] eq "two"`, true},
		{`http.request.headers["host"][0] eq "App.example.com"`, true},
		{`any(http.request.headers["x-many"][*] eq "two")`, true},
		{`all(http.request.headers["x-many"][*] eq "two")`, false},
		{`any(http.request.headers["x-none"][*] eq "two")`, false},
		{`not any(http.request.headers["x-none"][*] eq "two")`, true},
		{`any(http.request.headers.names[*] eq "Accept")`, true},
		{`any(http.request.headers.names[*] eq "accept")`, false}, // HTTP/1.1: not in lower case
		{`any(lower(http.request.headers.names[*])[*] eq "accept")`, true},
		{`any(starts_with(http.request.headers["x-many"][*], "tw"))`, true},
		{`any(http.request.headers.values[*] contains "curl")`, true},
		{`len(http.request.headers["x-empty"]) eq 1`, true},
		{`http.request.headers["x-empty"][0] eq ""`, true},
		{`any(http.request.cookies["app"][*] == "again")`, true},
		{`http.request.cookies["s t"][0] eq "1"`, true},

		{`ip.src eq 198.51.100.5`, true},
		{`ip.src ne 198.51.100.5`, false},
		{`ip.src == 198.51.100.6`, false},
		{`ip.src in {198.51.100.0/24 2001:db8::/32}`, true},
		{`ip.src in {198.51.100.3..198.51.100.7}`, true},
		{`ip.src in {198.51.100.6..198.51.100.7 192.0.2.1 2001:0db8::/32}`, false},
		{`cidr(ip.src, 24, 24) eq 198.51.100.0`, true},
		{`cidr6(ip.src, 24) eq 198.51.100.5`, true},

		{`cf.edge.server_port in {80 440..445}`, true},
		{`cf.edge.server_port in {80 444..445}`, false},
		{`cf.edge.server_port ge 443`, true},
		{`cf.threat_score > 0`, false},
		{`cf.threat_score > -1`, true},
		{`http.request.timestamp.sec eq 1484063137`, true},
		{`http.request.timestamp.msec eq 857`, true},
		{`cf.client.bot`, true},
		{`cf.bot_management.score lt 30`, true},
		{`cf.waf.score eq 100`, true}, // not scored
		{`cf.llm.prompt.injection_score lt 20`, true},
		{`any(cf.llm.prompt.pii_categories[*] in {"US_SSN" "EMAIL_ADDRESS"})`, true},
		{`cf.tls_version eq "TLSv1.3"`, true},
		{`http.request.body.raw contains "alice"`, true},
		{`http.request.body.truncated`, true},
		{`http.request.body.size eq 40`, true},
		{`any(http.request.body.form["user"][*] eq "bob")`, true},
		{`any(url_decode(http.request.body.form.values[*])[*] eq " ")`, true},

		{`substring(http.host, 0, 3) eq "App"`, true},
		{`substring(http.host, -3) eq "com"`, true},
		{`substring(http.host, 4, -4) eq "example"`, true},
		{`concat(http.host, "/", http.request.headers["x-none"][0]) eq "App.example.com/"`, true},
		{`lookup_json_string(http.request.headers["x-data"][0], "a", "b", 0) eq "x"`, true},
		{`lookup_json_integer(http.request.headers["x-data"][0], "a", "b", 1) eq 7`, true},
		{`lookup_json_integer(http.request.headers["x-data"][0], "a", "b", 2) eq 1`, false},
		{`lookup_json_string(http.request.headers["x-data"][0], "a", "b", 1) eq "7"`, false},
		{`any(decode_base64(http.request.headers["x-code"][*])[*] eq "123abc")`, true},
		{`remove_bytes(http.host, "\x2e\x65") eq "Appxamplcom"`, true},
		{`join(http.request.headers["x-many"], ",") eq "one,two"`, true},
		{`url_decode(http.request.uri.args["search"][0]) eq "red apples"`, true},

		{`http.host eq r"App.example.com"`, true},
		{`http.host eq r##"a"#b"##`, false},
		{`http.host ne "a\"b\\"`, true},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			e, err := expression.Parse(custom, enterprise, tt.text)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			got, err := e.Eval(sample())
			if err != nil || got != tt.want {
				t.Errorf("Eval = %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestHeaderNamesInHTTP2(t *testing.T) {
	t.Parallel()
	e, err := expression.Parse(custom, free, `any(http.request.headers.names[*] eq "accept") and not any(http.request.headers.names[*] eq "Accept")`)
	if err != nil {
		t.Fatal(err)
	}
	r := sample()
	r.Proto = "HTTP/2"
	if got, err := e.Eval(r); !got || err != nil {
		t.Errorf("Eval = %v, %v, want names in lower case", got, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	invalid, unsupported := true, false
	tests := []struct {
		phase   expression.Phase
		plan    expression.Plan
		text    string
		invalid bool
		reason  string
	}{
		{custom, free, ``, invalid, "empty"},
		{custom, free, `  `, invalid, "empty"},
		{custom, free, `http.host`, invalid, "no condition"},
		{custom, free, `http.host eq`, invalid, "nothing"},
		{custom, free, `http.host eq x`, invalid, "no literal"},
		{custom, free, `http.host eq 1`, invalid, "no literal"},
		{custom, free, `http.host = "x"`, invalid, "unexpected"},
		{custom, free, `http.host EQ "x"`, invalid, "unexpected"},
		{custom, free, `ssl AND ssl`, invalid, "unexpected"},
		{custom, free, `ssl eq true`, invalid, "Boolean"},
		{custom, free, `"a" eq "a"`, invalid, "literal"},
		{custom, free, `http.hots eq "x"`, invalid, "no field"},
		{custom, free, `no_such(http.host)`, invalid, "no function"},
		{custom, free, `ssl and`, invalid, "ends"},
		{custom, free, `(ssl`, invalid, "parenthesis"},
		{custom, free, `ssl)`, invalid, "unexpected"},
		{custom, free, `(http.host) eq "x"`, invalid, "conditions"},
		{custom, free, `http.host eq "x`, invalid, "end"},
		{custom, free, `http.host eq r#"x"`, invalid, "end"},
		{custom, free, `http.host eq "\n"`, invalid, "escape"},
		{custom, free, `http.host in {}`, invalid, "empty"},
		{custom, free, `http.host in {"a""b"}`, invalid, "spaces"},
		{custom, free, `http.host in {"a", "b"}`, invalid, "separated"},
		{custom, free, `http.host in {"a" 1}`, invalid, "String"},
		{custom, free, `http.host in "a"`, invalid, "{...}"},
		{custom, free, `http.host in {"a"`, invalid, "end"},
		{custom, free, `ip.src eq 192.0.2.0/24`, invalid, "ranges"},
		{custom, free, `ip.src lt 192.0.2.0`, invalid, "can't be used"},
		{custom, free, `ip.src contains "1"`, invalid, "can't be used"},
		{custom, free, `ip.src in 192.0.2.0/24`, invalid, "{...}"},
		{custom, free, `ip.src in {192.0.2.9..192.0.2.1}`, invalid, "range"},
		{custom, free, `ip.src in {192.0.2.999}`, invalid, "address"},
		{custom, free, `cf.edge.server_port contains 4`, invalid, "can't be used"},
		{custom, free, `cf.edge.server_port in {9..1}`, invalid, "before it begins"},
		{custom, free, `http.request.headers.names eq "x"`, invalid, "can't be used"},
		{custom, free, `http.request.headers.names[*] eq "x"`, invalid, "any()"},
		{custom, free, `http.request.headers["x"] eq "x"`, invalid, "can't be used"},
		{custom, free, `http.request.headers[0][0] eq "x"`, invalid, "key"},
		{custom, free, `http.request.headers.names["x"] eq "x"`, invalid, "Integer"},
		{custom, free, `http.host[0] eq "x"`, invalid, "index"},
		{custom, free, `any(ssl)`, invalid, "Array<Boolean>"},
		{custom, free, `any(http.request.headers.names[*])`, invalid, "String"},
		{custom, free, `starts_with("a", "a")`, invalid, "literal"},
		{custom, free, `starts_with(http.host)`, invalid, "arguments"},
		{custom, free, `starts_with(http.host, http.request.headers.names[*])`, invalid, "first argument"},
		{custom, free, `starts_with(http.host, 1)`, invalid, "not a String"},
		{custom, free, `http.request.uri.path starts_with "/a"`, invalid, "unexpected"},
		{custom, free, `http.request.uri.path wildcard "/**"`, invalid, "**"},
		{custom, free, `http.request.uri.path wildcard r"/\a"`, invalid, "escapes"},
		{custom, free, `http.host strict "x"`, invalid, "wildcard"},
		{custom, pro, `http.host matches "x"`, invalid, "Business"},
		{custom, free, `http.host ~ "x"`, invalid, "Business"},
		{custom, free, `http.request.cookies["a"][0] eq "x"`, invalid, "pro"},
		{custom, business, `cf.bot_management.score lt 30`, invalid, "enterprise"},
		{custom, business, `cf.llm.prompt.injection_score lt 20`, invalid, "enterprise"},
		{custom, pro, `cf.waf.score.class eq "attack"`, invalid, "business"},
		{custom, enterprise, `http.response.code eq 403`, invalid, "available"},
		{custom, enterprise, `cf.response.error_type eq "waf"`, invalid, "available"},
		{custom, enterprise, `regex_replace(http.host, "a", "b") eq "c"`, invalid, "available"},
		{custom, enterprise, `split(http.host, ".", 2)[0] eq "c"`, invalid, "available"},
		{expression.PhaseCache, enterprise, `cidr(ip.src, 24, 24) eq 192.0.2.0`, invalid, "available"},
		{custom, free, strings.Repeat(" ", expression.MaxLength) + "ssl", invalid, "4099 characters"},
		{custom, free, `cidr(ip.src, 33, 24) eq 192.0.2.0`, invalid, "network bits"},
		{expression.PhaseRateLimit, free, `http.host eq "x"`, invalid, "pro"},
		{expression.PhaseRateLimit, free, `http.request.method eq "POST"`, invalid, "business"},
		{expression.PhaseRateLimit, pro, `http.request.method eq "POST"`, invalid, "business"},
		{expression.PhaseRateLimit, business, `any(http.request.headers["a"][*] eq "x")`, invalid, "enterprise"},
		{expression.PhaseRateLimit, enterprise, `http.response.code eq 403`, invalid, "available"},
		{expression.PhaseRateLimitCounting, pro, `http.response.code eq 403`, invalid, "counting"},

		{custom, free, `ip.src in $office`, unsupported, "lists"},
		{custom, free, `ip.src.country eq "GB"`, unsupported, "ip.src.country"},
		{custom, free, `ip.geoip.asnum eq 1`, unsupported, "asnum"},
		{custom, enterprise, `cf.waf.content_scan.has_obj`, unsupported, "content_scan"},
		{custom, enterprise, `http.host ~ "(?=x)"`, unsupported, "regular expression"},
		{custom, enterprise, `http.host ~ "(?u)x"`, unsupported, "regular expression"},
		{custom, pro, `is_timed_hmac_valid_v0("k", http.request.uri, 1, http.request.timestamp.sec)`, unsupported, "hmac"},
		{custom, free, `cf.edge.server_port eq 0x50`, unsupported, "hexadecimal"},
		{custom, free, `any(http.request.headers.names[*] eq "a" or http.request.headers.names[*] eq "b")`, unsupported, "lists"},
		{custom, "gold", `ssl`, unsupported, "plan"},
		{custom, free, strings.Repeat("(", 1000) + "ssl" + strings.Repeat(")", 1000), unsupported, "nesting"},
	}
	for _, tt := range tests {
		t.Run(string(tt.plan)+" "+tt.text, func(t *testing.T) {
			t.Parallel()
			_, err := expression.Parse(tt.phase, tt.plan, tt.text)
			check(t, err, tt.invalid, tt.reason)
		})
	}
}

func check(t *testing.T, err error, invalid bool, reason string) {
	t.Helper()
	var i *expression.InvalidError
	var u *expression.UnsupportedError
	if errors.As(err, &i) != invalid || errors.As(err, &u) == invalid {
		t.Fatalf("error %v (%T), want invalid: %v", err, err, invalid)
	}
	if !strings.Contains(err.Error(), reason) {
		t.Errorf("error %q, want it to tell of %q", err, reason)
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		phase expression.Phase
		plan  expression.Plan
		text  string
	}{
		{custom, business, `http.host matches "x"`},
		{custom, pro, `http.request.cookies["a"][0] eq "x"`},
		{expression.PhaseRateLimit, free, `http.request.uri.path eq "/login" and not cf.client.bot`},
		{expression.PhaseRateLimit, free, `lower(http.request.uri.path) eq "/login" and not cf.bot_management.verified_bot`},
		{expression.PhaseRateLimit, pro, `http.host eq "x" and http.request.uri.query contains "a"`},
		{expression.PhaseRateLimit, business, `http.request.method eq "POST" and ip.src eq 192.0.2.1`},
		{expression.PhaseRateLimit, enterprise, `any(http.request.headers["a"][*] eq "x")`},
		{expression.PhaseRateLimitCounting, business, `http.request.uri.path eq "/login" and http.response.code in {401 403}`},
		{expression.PhaseCustomErrors, pro, `cf.response.error_type eq "waf" and cf.response.1xxx_code eq 1020`},
		{expression.PhaseResponseHeaders, free, `http.response.code eq 404 and any(http.response.headers["server"][*] eq "x")`},
		{custom, free, `http.host in {` + strings.Repeat(`"a" `, 1000) + `}`},
	}
	for _, tt := range tests {
		if _, err := expression.Parse(tt.phase, tt.plan, tt.text); err != nil {
			t.Errorf("%s on %s: %v", tt.text, tt.plan, err)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		phase expression.Phase
		text  string
		want  string
	}{
		{expression.PhaseRedirect, `concat("https://", http.host, http.request.uri.path)`, "https://App.example.com/Apps/a/login.PHP"},
		{expression.PhaseRedirect, `concat("https://x", http.request.uri)`, "https://x/Apps/a/login.PHP?filter=waf&filter=botm&filter=cdn&search=red+apples"},
		{expression.PhaseRedirect, `http.request.uri.path`, "/Apps/a/login.PHP"},
		{expression.PhaseLateTransform, `ip.src`, "198.51.100.5"},
		{expression.PhaseLateTransform, `to_string(cf.edge.server_port)`, "443"},
		{expression.PhaseRedirect, `to_string(ssl)`, "true"},
		{
			expression.PhaseRedirect, `wildcard_replace(http.request.full_uri, "https://*.example.com/apps/*?*", "https://example.com/${1}/${2}?${3}")`,
			"https://example.com/App/a/login.PHP?filter=waf&filter=botm&filter=cdn&search=red+apples",
		},
		{expression.PhaseTransform, `wildcard_replace(http.request.uri.path, "/apps/*/login*", "/${1}$$${2}")`, "/a$.PHP"},
		{expression.PhaseTransform, `wildcard_replace(http.request.uri.path, "/apps/*", "/${1}", "s")`, "/Apps/a/login.PHP"},
		{expression.PhaseTransform, `regex_replace("/foo/bar", "/bar$", "/baz")`, "/foo/baz"},
		{expression.PhaseTransform, `regex_replace("/a/a", "/a", "/b")`, "/b/a"},
		{expression.PhaseTransform, `regex_replace("/b", "^/b$", "/b$$")`, "/b$"},
		{expression.PhaseTransform, `regex_replace("/foo/a/path", "^/foo/([^/]*)/(.*)$", "/bar/${2}/${1}")`, "/bar/path/a"},
		{expression.PhaseTransform, `remove_query_args(http.request.uri.query, "filter")`, "search=red+apples"},
		{expression.PhaseTransform, `remove_query_args(http.request.uri.query, "none")`, "filter=waf&filter=botm&filter=cdn&search=red+apples"},
		{expression.PhaseResponseHeaders, `split(http.host, ".", 2)[1]`, "example.com"},
		{expression.PhaseResponseHeaders, `concat(http.host, http.request.headers["none"][0])`, "App.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			e, err := expression.ParseValue(tt.phase, free, tt.text)
			if err != nil {
				t.Fatalf("ParseValue: %v", err)
			}
			got, present, err := e.Value(sample())
			if err != nil || !present || got != tt.want {
				t.Errorf("Value = %q, %v, %v, want %q", got, present, err, tt.want)
			}
		})
	}
	e, err := expression.ParseValue(expression.PhaseLateTransform, free, `http.request.headers["none"][0]`)
	if err != nil {
		t.Fatal(err)
	}
	if _, present, err := e.Value(sample()); present || err != nil {
		t.Errorf("a missing header's value: present %v, error %v", present, err)
	}
}

func TestValueRefused(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		`ssl`:                          "String",
		`http.host eq "x"`:             "unexpected",
		`http.request.headers.names`:   "String",
		`concat("a", cf.threat_score)`: "Strings",
		`regex_replace(regex_replace(http.host, "a", "b"), "a", "b")`: "once",
		`regex_replace(http.host, "a", "$1")`:                         "$$",
		`wildcard_replace("a", "a", "b")`:                             "literal",
		`wildcard_replace(http.host, "**", "b")`:                      "**",
		`remove_query_args(http.host, "a")`:                           "available",
	} {
		_, err := expression.ParseValue(expression.PhaseRedirect, enterprise, text)
		if err == nil {
			t.Errorf("%s: no error", text)
			continue
		}
		check(t, err, true, reason)
	}
}

func TestExtension(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/foo": "", "/foo.mp3": "mp3", "/.mp3": "", "/.foo.mp3": "mp3", "/foo.tar.bz2": "bz2", "/foo.": "", "/foo.MP3": "mp3", "/a.b/c": "", "": "",
	} {
		if got := expression.Extension(path); got != want {
			t.Errorf("Extension(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestBodyError(t *testing.T) {
	t.Parallel()
	e, err := expression.Parse(custom, enterprise, `not http.request.body.raw contains "x"`)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	r := sample()
	r.Body = func() ([]byte, bool, error) { return nil, false, broken }
	if _, err := e.Eval(r); !errors.Is(err, broken) {
		t.Errorf("error %v, want the body's", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`(http.host eq "x" and not ip.src in {192.0.2.0/24 1.2.3.4..1.2.3.5}) or any(lower(http.request.headers["a"][*])[*] contains r#"b"#)`,
		`concat("a", substring(http.request.uri.path, -2, 1))`, `cf.edge.server_port in {1..2 -3}`, `http.request.uri.path wildcard "/*\\*"`,
		`wildcard_replace(http.request.uri.path, "/*", "${1}")`, `url_decode(http.request.uri, "ru")`, `http.host ~ "\"(" ^^ ssl`,
	} {
		f.Add(seed)
	}
	r := sample()
	r.Response = &expression.Response{Code: 403, Header: http.Header{"A": {"b"}}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, phase := range []expression.Phase{custom, expression.PhaseResponseHeaders, expression.PhaseTransform} {
			if e, err := expression.Parse(phase, enterprise, text); err == nil {
				if _, err := e.Eval(r); err != nil {
					t.Errorf("evaluating %q: %v", text, err)
				}
				// What is accepted in parentheses is accepted with not, and gives the opposite.
				opposite, err := expression.Parse(phase, enterprise, "not ("+text+")")
				if err == nil {
					a, _ := e.Eval(r)
					b, _ := opposite.Eval(r)
					if a == b {
						t.Errorf("%q and its opposite are both %v", text, a)
					}
				}
			}
			if e, err := expression.ParseValue(phase, enterprise, text); err == nil {
				if _, _, err := e.Value(r); err != nil {
					t.Errorf("evaluating %q: %v", text, err)
				}
			}
		}
	})
}
