// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/launchready/launchready/test/emulators/cloudflare/edge"
)

const app = "https://app.example.com"

func TestUnknownHosts(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	for host, want := range map[string]struct {
		status int
		code   string
	}{
		"none.example.com":        {409, "1001"},
		"inner.example.com":       {409, "1001"}, // DNS only
		"grey.wild.example.com":   {409, "1001"}, // DNS only, under a wildcard
		"x.grey.wild.example.com": {409, "1001"}, // below a name that exists, the wildcard doesn't apply
		"elsewhere.test":          {409, "1001"},
		"192.0.2.1":               {403, "1003"},
		"app.example.com":         {200, "GET /"},
		"APP.example.com":         {200, "GET /"},
		"a.wild.example.com":      {200, "GET /"},
		"a.b.wild.example.com":    {200, "GET /"},
		"alias.example.com":       {200, "GET /"},
	} {
		got := r.get("http://" + host + "/")
		got.want(t, host, want.status, "Server", "cloudflare", "X-Emulator-Error", "-")
		if !strings.Contains(got.body, want.code) {
			t.Errorf("%s: %q doesn't tell of %s", host, got.body, want.code)
		}
	}
	for _, host := range []string{"none.example.com", "inner.example.com", ""} {
		config := &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // a test
		c, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", r.edge.HTTPSAddr())
		if err == nil {
			_ = c.Close()
			t.Errorf("%q: the handshake succeeded", host)
		}
	}
}

func TestTLSVersions(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	tries := func(version uint16) error {
		config := &tls.Config{ServerName: "app.example.com", RootCAs: r.edge.Roots(), MinVersion: version, MaxVersion: version}
		c, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", r.edge.HTTPSAddr())
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	for _, tt := range []struct {
		settings      []string
		allow, refuse []uint16
	}{
		{nil, []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13}, nil},
		{[]string{"min_tls_version", `"1.2"`}, []uint16{tls.VersionTLS12, tls.VersionTLS13}, []uint16{tls.VersionTLS10, tls.VersionTLS11}},
		{[]string{"min_tls_version", `"1.3"`}, []uint16{tls.VersionTLS13}, []uint16{tls.VersionTLS12}},
		{[]string{"min_tls_version", `"1.2"`, "tls_1_3", `"off"`}, []uint16{tls.VersionTLS12}, []uint16{tls.VersionTLS13}},
	} {
		r.settings(tt.settings...)
		for _, v := range tt.allow {
			if err := tries(v); err != nil {
				t.Errorf("%v: %s: %v", tt.settings, tls.VersionName(v), err)
			}
		}
		for _, v := range tt.refuse {
			if tries(v) == nil {
				t.Errorf("%v: %s was allowed", tt.settings, tls.VersionName(v))
			}
		}
	}
}

func TestOriginSees(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.do(http.MethodPost, app+"/a%2fb/../c?x=%20y&z", "hello", "X-Forwarded-For", "192.0.2.9", "Cf-Connecting-Ip", "6.6.6.6",
		edge.HeaderClientIP, "198.51.100.5").want(t, "a request", 200, "X-Origin", "yes", "Cf-Cache-Status", "DYNAMIC")
	got, _ := r.asked()
	if got.RequestURI != "/a%2fb/../c?x=%20y&z" || got.Host != "app.example.com" || got.TLS == nil {
		t.Errorf("the origin was asked for %s of %s, over TLS: %v", got.RequestURI, got.Host, got.TLS != nil)
	}
	for name, want := range map[string]string{
		"Cf-Connecting-Ip": "198.51.100.5", "X-Forwarded-For": "192.0.2.9,198.51.100.5", "X-Forwarded-Proto": "https", "Cf-Visitor": `{"scheme":"https"}`,
		"Cdn-Loop": "cloudflare; loops=1", edge.HeaderClientIP: "", "Cf-Ipcountry": "XX",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	r.get("http://app.example.com/", "Connection", "X-Hop", "X-Hop", "1")
	if got, _ = r.asked(); got.Header.Get("X-Hop") != "" || got.Header.Get("Cf-Visitor") != `{"scheme":"http"}` {
		t.Errorf("over HTTP the origin saw %v", got.Header)
	}
	back := r.get(app + "//a/%7e")
	got, _ = r.asked()
	if got.RequestURI != "//a/%7e" {
		t.Errorf("the origin was asked for %s", got.RequestURI)
	}
	if ray := back.header.Get("Cf-Ray"); ray == "" || ray != got.Header.Get("Cf-Ray") {
		t.Errorf("the ray is %q for the visitor and %q for the origin", ray, got.Header.Get("Cf-Ray"))
	}
}

func TestClientIPIsNotTrusted(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone(), func(o *edge.Options) { o.TrustClientIP = false })
	r.get(app+"/", edge.HeaderClientIP, "198.51.100.5")
	if got, _ := r.asked(); got.Header.Get("Cf-Connecting-Ip") != "127.0.0.1" {
		t.Errorf("the visitor is %s", got.Header.Get("Cf-Connecting-Ip"))
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	const toHTTPS = `{"from_value": {"target_url": {"expression": "concat(\"https://\", http.host, http.request.uri.path)"}, "status_code": 308, "preserve_query_string": true}}`
	const toName = `{"from_value": {"target_url": {"value": "https://example.com/?a=b"}, "preserve_query_string": true}}`
	r.rules("http_request_dynamic_redirect",
		on(`not ssl and http.host in {"app.example.com"} and not starts_with(http.request.uri.path, "/.well-known/acme-challenge/")`, "redirect", toHTTPS),
		on(`http.request.uri.path eq "/x"`, "redirect", toName))
	r.get("http://app.example.com/x?q=1").want(t, "HTTP", 308, "Location", "https://app.example.com/x?q=1", "Cf-Cache-Status", "-")
	r.get(app+"/x?q=1").want(t, "the second rule", 301, "Location", "https://example.com/?a=b&q=1")
	r.get(app+"/x").want(t, "no query", 301, "Location", "https://example.com/?a=b")
	r.get("http://app.example.com/.well-known/acme-challenge/t").want(t, "ACME", 200, "X-Origin", "yes")
	r.get("http://a.wild.example.com/").want(t, "another host", 200)
	r.get(app+"/").want(t, "HTTPS", 200)

	r.settings("always_use_https", `"on"`)
	r.get("http://a.wild.example.com/p%2f?q").want(t, "always HTTPS", 301, "Location", "https://a.wild.example.com/p%2f?q")
	r.get("http://app.example.com/").want(t, "always HTTPS comes first", 301)
	r.get("https://a.wild.example.com/").want(t, "HTTPS", 200)

	r.settings("ssl", `"off"`)
	r.get("https://a.wild.example.com/p?q").want(t, "ssl off", 301, "Location", "http://a.wild.example.com/p?q")
	r.get("http://a.wild.example.com/").want(t, "ssl off, HTTP", 200)
}

func TestSSLModes(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	overTLS := func(what, url string, want bool) {
		t.Helper()
		r.get(url).want(t, what, 200)
		if got, _ := r.asked(); (got.TLS != nil) != want {
			t.Errorf("%s: the origin was asked over TLS: %v", what, got.TLS != nil)
		}
	}
	overTLS("full, HTTPS", app, true)
	overTLS("full, HTTP", "http://app.example.com", false)
	r.settings("ssl", `"flexible"`)
	overTLS("flexible, HTTPS", app, false)
	r.settings("ssl", `"strict"`)
	got := r.get(app)
	got.want(t, "strict, untrusted", 526, "Cf-Cache-Status", "-")
	overTLS("strict, HTTP", "http://app.example.com", false)
	r.settings("ssl", `"flexible"`)
	r.rules("http_config_settings", on(`http.host eq "app.example.com"`, "set_config", `{"ssl": "full"}`),
		on(`http.host eq "app.example.com"`, "set_config", `{"ssl": "strict", "automatic_https_rewrites": true}`))
	r.get(app).want(t, "strict by a rule, the last one", 526)
	overTLS("another host", "https://a.wild.example.com", false)
	r.rules("http_config_settings")
	r.settings("ssl", `"origin_pull"`)
	r.get("http://app.example.com").want(t, "origin pull, HTTP", 526)
}

func TestStrictTrusts(t *testing.T) {
	t.Parallel()
	z := zone()
	z.Settings["ssl"] = json.RawMessage(`"strict"`)
	// The test server's certificate is for example.com and *.example.com.
	z.Records = append(z.Records, edge.Record{Name: "a.b.example.com", Type: "A", Content: "203.0.113.7", Proxied: true},
		edge.Record{Name: "c.d.example.com", Type: "CNAME", Content: "inner.example.com", Proxied: true})
	other := httptest.NewTLSServer(http.NotFoundHandler())
	defer other.Close()
	r := newRig(t, z, func(o *edge.Options) { o.OriginRoots = pool(other) })
	r.get(app).want(t, "trusted, for the host", 200)
	r.get("https://a.b.example.com").want(t, "trusted, for another host", 526)
	r.get("https://c.d.example.com").want(t, "trusted, for the name pointed to", 200)
}

func TestOriginErrors(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	rude := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer rude.Close()
	z := zone()
	for name, address := range map[string]string{"silent": "203.0.113.20", "rude": "203.0.113.21", "plain": "203.0.113.22"} {
		z.Records = append(z.Records, edge.Record{Name: name + ".example.com", Type: "A", Content: address, Proxied: true})
	}
	r := newRig(t, z, func(o *edge.Options) {
		o.Dial["203.0.113.20"] = silent.Addr().String()
		o.Dial["203.0.113.21"] = rude.Listener.Addr().String()
		o.Dial["203.0.113.22"] = rude.Listener.Addr().String()
		o.ReplyTimeout = 300 * time.Millisecond
	})
	for url, want := range map[string]struct {
		status int
		code   string
	}{
		"http://gone.example.com":   {530, "1016"},
		"http://down.example.com":   {521, "521"},
		"http://dark.example.com":   {522, "522"},
		"http://silent.example.com": {524, "524"},
		"http://rude.example.com":   {520, "520"},
		"https://plain.example.com": {525, "525"},
	} {
		got := r.get(url, "Accept", "application/json")
		got.want(t, url, want.status, "Content-Type", "application/json; charset=utf-8")
		if !strings.Contains(got.body, `"error_code":`+want.code) {
			t.Errorf("%s: %s", url, got.body)
		}
	}
}

func TestTransforms(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.rules("http_request_transform",
		on(`http.request.uri.path eq "/old"`, "rewrite", `{"uri": {"path": {"value": "/new"}}}`),
		on(`http.request.uri.path eq "/old"`, "rewrite", `{"uri": {"query": {"expression": "concat(\"from=\", http.request.uri.path)"}}}`))
	r.rules("http_request_late_transform",
		on(`http.request.uri.path eq "/new"`, "rewrite", `{"headers": {"X-Set": {"operation": "set", "value": "static"},
			"X-From": {"operation": "set", "expression": "to_string(ip.src)"}, "X-Bad": {"operation": "remove"}, "X-Empty": {"operation": "set", "expression": "http.request.headers[\"none\"][0]"}}}`))
	// Redirects come before rewrites, custom rules after them.
	r.rules("http_request_dynamic_redirect", on(`http.request.uri.path eq "/new" and raw.http.request.uri.path eq "/old"`, "redirect", `{"from_value": {"target_url": {"value": "https://example.com/"}}}`))
	r.rules("http_request_firewall_custom", on(`http.request.uri.path eq "/old"`, "block", ""), on(`raw.http.request.uri.path eq "/blocked"`, "block", ""))
	r.get(app+"/old", "X-Bad", "1", "X-Empty", "1", edge.HeaderClientIP, "198.51.100.5").want(t, "rewritten", 200)
	got, _ := r.asked()
	if got.RequestURI != "/new?from=/old" {
		t.Errorf("the origin was asked for %s", got.RequestURI)
	}
	for name, want := range map[string]string{"X-Set": "static", "X-From": "198.51.100.5", "X-Bad": "", "X-Empty": ""} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Old", "1")
		w.Header().Add("X-Many", "a")
		w.Header().Set("X-Accel-Redirect", "/secret")
		w.Header().Set("Server", "nginx")
		w.WriteHeader(http.StatusTeapot)
	})
	r.rules("http_response_headers_transform",
		on("ssl", "rewrite", `{"headers": {"strict-transport-security": {"operation": "set", "value": "max-age=300"}}}`),
		on(`http.response.code eq 418`, "rewrite", `{"headers": {"x-old": {"operation": "remove"}, "x-many": {"operation": "add", "value": "b"},
			"x-code": {"operation": "set", "expression": "concat(\"was \", http.response.headers[\"x-old\"][0])"}}}`),
		on(`not any(http.response.headers["x-old"][*] eq "1")`, "rewrite", `{"headers": {"x-later": {"operation": "set", "value": "changed within the phase"}}}`),
		on(`cf.response.error_type eq "waf"`, "rewrite", `{"headers": {"x-type": {"operation": "set", "expression": "cf.response.error_type"}}}`))
	r.rules("http_request_firewall_custom", on(`http.request.uri.path eq "/no"`, "block", ""))
	r.get(app+"/").want(t, "an origin's reply", 418, "Strict-Transport-Security", "max-age=300", "X-Old", "-", "X-Many", "a|b", "X-Code", "was 1",
		"X-Type", "-", "Server", "cloudflare", "X-Accel-Redirect", "-", "X-Later", "-")
	r.get("http://app.example.com/").want(t, "plain HTTP", 418, "Strict-Transport-Security", "-")
	r.get(app+"/no").want(t, "a block", 403, "Strict-Transport-Security", "max-age=300", "X-Type", "waf")
	r.get("https://gone.example.com/").want(t, "an error", 530, "Strict-Transport-Security", "max-age=300")

	r.rules("http_response_headers_transform")
	r.settings("security_header", `{"strict_transport_security": {"enabled": true, "max_age": 86400, "include_subdomains": true, "preload": false, "nosniff": true}}`)
	r.get(app+"/no").want(t, "HSTS of the zone", 403, "Strict-Transport-Security", "max-age=86400; includeSubDomains", "X-Content-Type-Options", "nosniff")
	r.get("http://app.example.com/").want(t, "HSTS over HTTP", 418, "Strict-Transport-Security", "-")
}

func TestCustomErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	serve := func(status int, content string) string {
		return fmt.Sprintf(`{"status_code": %d, "content": %q, "content_type": "text/plain"}`, status, content)
	}
	r.answer(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Kept", "yes")
		if req.URL.Path == "/500" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, "from the origin")
	})
	r.rules("http_request_firewall_custom", on(`http.request.uri.path eq "/waf"`, "block", ""),
		on(`http.request.uri.path eq "/own"`, "block", `{"response": {"status_code": 404, "content": "own", "content_type": "text/plain"}}`),
		on(`http.request.uri.path eq "/challenge"`, "managed_challenge", ""))
	r.rules("http_custom_errors", on("true", "serve_error", serve(0, "everything ::RAY_ID::")))
	got := r.get(app + "/500")
	got.want(t, "the origin's error", 500, "X-Kept", "yes", "Content-Type", "text/plain")
	if got.body != "everything "+strings.TrimSuffix(got.header.Get("Cf-Ray"), "-EMU") {
		t.Errorf("the body is %q", got.body)
	}
	if got := r.get("https://gone.example.com/"); got.status != 530 || !strings.HasPrefix(got.body, "everything") {
		t.Errorf("error 1016: %d %q", got.status, got.body)
	}
	if got := r.get(app + "/"); got.body != "from the origin" {
		t.Errorf("no error: %q", got.body)
	}
	if got := r.get(app + "/waf"); !strings.Contains(got.body, "you have been blocked") {
		t.Errorf("a block's default page was replaced by a rule for everything: %q", got.body)
	}
	r.rules("http_custom_errors", on(`cf.response.error_type eq "5xx"`, "serve_error", serve(0, "5xx")),
		on(`cf.response.error_type in {"waf" "managed_challenge"} and cf.response.1xxx_code in {0 1020}`, "serve_error", serve(499, "blocked")),
		on(`cf.response.error_type eq "1xxx"`, "serve_error", serve(999, "1xxx")), on("true", "serve_error", serve(0, "last")))
	for url, want := range map[string]struct {
		status int
		body   string
	}{
		app + "/waf":               {499, "blocked"},
		app + "/own":               {404, "own"},
		app + "/500":               {500, "last"},
		"https://down.example.com": {521, "5xx"},
		"https://gone.example.com": {999, "1xxx"},
	} {
		if got := r.get(url); got.status != want.status || got.body != want.body {
			t.Errorf("%s: %d %q, want %d %q", url, got.status, got.body, want.status, want.body)
		}
	}
	r.get(app+"/challenge").want(t, "a challenge", 403, "Cf-Mitigated", "challenge")
	r.rules("http_response_headers_transform", on(`http.response.code eq 499`, "rewrite", `{"headers": {"x-after": {"operation": "set", "value": "custom errors"}}}`))
	r.get(app+"/waf").want(t, "header rules see the custom error's status", 499, "X-After", "custom errors")
	r.set(func(z *edge.Zone) { z.Plan = "free" })
	r.get(app+"/").want(t, "no error, on Free", 200)
	if got := r.get(app + "/500"); got.status != 500 || !strings.Contains(got.header.Get(edge.HeaderError), "paid plan") {
		t.Errorf("custom errors on Free: %d %v", got.status, got.header)
	}
}

func TestLoudErrors(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		phase string
		rule  edge.Rule
		tells string
	}{
		"an invalid expression":      {"http_request_firewall_custom", on(`http.hots eq "x"`, "block", ""), "ref-block"},
		"an unsupported field":       {"http_request_firewall_custom", on(`ip.src.country eq "GB"`, "block", ""), "ip.src.country"},
		"an unsupported list":        {"http_request_firewall_custom", on(`ip.src in $office`, "block", ""), "lists"},
		"an unknown action":          {"http_request_firewall_custom", on(`true`, "dance", ""), "dance"},
		"unknown parameters":         {"http_request_firewall_custom", on(`true`, "block", `{"new": 1}`), "new"},
		"an unsupported phase":       {"http_request_origin", on(`true`, "route", `{}`), "http_request_origin"},
		"a foreign managed ruleset":  {"http_request_firewall_managed", on(`true`, "execute", `{"id": "c2e184081120413c86c3ab7e14069605"}`), "c2e184081120413c86c3ab7e14069605"},
		"a custom cache key":         {"http_request_cache_settings", on(`true`, "set_cache_settings", `{"cache": true, "cache_key": {"custom_key": {}}}`), "custom_key"},
		"a header that can't be set": {"http_response_headers_transform", on(`true`, "rewrite", `{"headers": {"cf-ray": {"operation": "remove"}}}`), "cf-ray"},
		"a field of the reply":       {"http_request_firewall_custom", on(`http.response.code eq 200`, "block", ""), "http.response.code"},
		"a rate limit of no kind":    {"http_ratelimit", on(`true`, "block", ""), "period"},
		"serve_error without a body": {"http_custom_errors", on(`true`, "serve_error", `{"asset_name": "x"}`), "asset_name"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, zone())
			r.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
			r.rules(tt.phase, tt.rule)
			got := r.get(app + "/")
			if got.status != 500 || !strings.Contains(got.header.Get(edge.HeaderError), tt.tells) {
				t.Errorf("status %d, error %q, want it to tell of %q", got.status, got.header.Get(edge.HeaderError), tt.tells)
			}
			tt.rule.Enabled = false
			r.rules(tt.phase, tt.rule)
			r.get(app+"/").want(t, "the rule turned off", 502, edge.HeaderError, "-")
		})
	}
	var log lockedBuffer
	r := newRig(t, zone(), func(o *edge.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	r.rules("http_request_firewall_custom", on(`http.hots eq "secret"`, "block", ""))
	r.get(app+"/").want(t, "a wrong rule", 500)
	if line := log.String(); !strings.Contains(line, "ref-block") || !strings.Contains(line, "http.hots") || strings.Contains(line, "secret") {
		t.Errorf("the log says %q", line)
	}
	r.rules("http_request_firewall_custom", on(`true`, "block", ""), on(`http.hots eq "x"`, "block", ""))
	r.get(app+"/").want(t, "a rule that isn't come to", 403, edge.HeaderError, "-")
	r.settings("ssl", `"quantum"`)
	r.get(app+"/").want(t, "an unknown setting", 500)
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	r.answer(func(w http.ResponseWriter, req *http.Request) {
		c, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		kind, m, err := c.Read(req.Context())
		if err == nil {
			_ = c.Write(req.Context(), kind, append([]byte("echo "), m...))
		}
		_ = c.Close(websocket.StatusNormalClosure, "")
	})
	transport := r.transport()
	transport.ForceAttemptHTTP2 = false
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, "wss://app.example.com/ws", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}}) //nolint:bodyclose // the connection owns it
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	if resp.Header.Get("Server") != "cloudflare" {
		t.Errorf("the reply's headers are %v", resp.Header)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, m, err := c.Read(ctx); err != nil || string(m) != "echo hello" {
		t.Errorf("Read = %q, %v", m, err)
	}
}

func TestStreaming(t *testing.T) {
	t.Parallel()
	r := newRig(t, zone())
	more := make(chan struct{})
	r.answer(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
		case <-req.Context().Done():
		}
		if req.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "data: two\n")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for path, want := range map[string]error{"/": nil, "/cut": errors.New("cut off")} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, app+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(resp.Body)
		// The first line comes while the origin still waits.
		if line, err := lines.ReadString('\n'); line != "data: one\n" || err != nil {
			t.Errorf("the first line is %q, %v", line, err)
		}
		select {
		case more <- struct{}{}:
		case <-ctx.Done():
			t.Fatal("the origin didn't go on")
		}
		if _, err := io.ReadAll(lines); (err != nil) != (want != nil) {
			t.Errorf("%s: the rest: %v", path, err)
		}
		_ = resp.Body.Close()
	}
}
