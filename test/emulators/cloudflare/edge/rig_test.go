// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare/edge"
)

// source is a zone that tests change.
type source struct {
	mu   sync.Mutex
	zone edge.Zone
}

func (s *source) Zones() []edge.Zone {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []edge.Zone{{ID: "other", Name: "com.test"}, s.zone}
}

// clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is an edge before an origin, and a visitor.
type rig struct {
	t      testing.TB
	edge   *edge.Edge
	source *source
	clock  *clock
	client *http.Client
	// plain and secure are the origin on its two ports.
	plain, secure *httptest.Server

	mu      sync.Mutex
	handler http.HandlerFunc
	seen    []*http.Request
	events  []edge.Event
}

// zone that tests begin with: on the plan Enterprise, so that plans don't stand in the way.
func zone() edge.Zone {
	return edge.Zone{
		ID: "z1", Name: "example.com", Plan: "enterprise", Version: 1, Rules: map[string][]edge.Rule{}, Settings: map[string]json.RawMessage{},
		Records: []edge.Record{
			{Name: "app.example.com", Type: "A", Content: "203.0.113.7", Proxied: true},
			{Name: "*.wild.example.com", Type: "CNAME", Content: "origin.example.net", Proxied: true},
			{Name: "grey.wild.example.com", Type: "A", Content: "203.0.113.7"},
			{Name: "gone.example.com", Type: "CNAME", Content: "nowhere.example.net", Proxied: true},
			{Name: "dark.example.com", Type: "A", Content: "203.0.113.99", Proxied: true},
			{Name: "alias.example.com", Type: "CNAME", Content: "inner.example.com", Proxied: true},
			{Name: "inner.example.com", Type: "A", Content: "203.0.113.7"},
			{Name: "down.example.com", Type: "A", Content: "203.0.113.8", Proxied: true},
		},
	}
}

func newRig(t testing.TB, z edge.Zone, change ...func(*edge.Options)) *rig {
	t.Helper()
	r := &rig{t: t, source: &source{zone: z}, clock: &clock{now: time.Now()}}
	serve := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.seen = append(r.seen, req)
		handler := r.handler
		r.mu.Unlock()
		if handler != nil {
			handler(w, req)
			return
		}
		w.Header().Set("X-Origin", "yes")
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintf(w, "%s %s", req.Method, req.RequestURI) //nolint:gosec // plain text
	})
	r.plain, r.secure = httptest.NewUnstartedServer(serve), httptest.NewUnstartedServer(serve)
	quiet := log.New(io.Discard, "", 0)
	r.plain.Config.ErrorLog, r.secure.Config.ErrorLog = quiet, quiet
	r.plain.Start()
	r.secure.StartTLS()
	closed := httptest.NewServer(serve)
	closed.Close()
	o := edge.Options{
		Source: r.source, Now: r.clock.Now, TrustClientIP: true,
		Dial: map[string]string{
			"203.0.113.7:80": r.plain.Listener.Addr().String(), "203.0.113.7:443": r.secure.Listener.Addr().String(),
			"origin.example.net:80": r.plain.Listener.Addr().String(), "origin.example.net:443": r.secure.Listener.Addr().String(),
			"203.0.113.8": closed.Listener.Addr().String(),
		},
		OnEvent: func(e edge.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		},
	}
	for _, c := range change {
		c(&o)
	}
	e, err := edge.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	r.edge = e
	transport := r.transport()
	r.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		r.plain.Close()
		r.secure.Close()
	})
	return r
}

// transport leads every name to the edge.
func (r *rig) transport() *http.Transport {
	return &http.Transport{
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: r.edge.Roots(), MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return r.dial(ctx, addr) },
	}
}

func (r *rig) dial(ctx context.Context, addr string) (net.Conn, error) {
	to := r.edge.HTTPAddr()
	if strings.HasSuffix(addr, ":443") {
		to = r.edge.HTTPSAddr()
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", to)
}

// set changes the zone.
func (r *rig) set(change func(*edge.Zone)) {
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	change(&r.source.zone)
	r.source.zone.Version++
}

// rules puts rules in the place of a phase's.
func (r *rig) rules(phase string, rules ...edge.Rule) {
	r.set(func(z *edge.Zone) {
		all := map[string][]edge.Rule{}
		for p, old := range z.Rules {
			all[p] = old
		}
		all[phase] = rules
		z.Rules = all
	})
}

// settings puts settings in the place of the zone's.
func (r *rig) settings(pairs ...string) {
	r.set(func(z *edge.Zone) {
		z.Settings = map[string]json.RawMessage{}
		for i := 0; i+1 < len(pairs); i += 2 {
			z.Settings[pairs[i]] = json.RawMessage(pairs[i+1])
		}
	})
}

func (r *rig) answer(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handler = h
}

// asked is what the origin was asked last, and how often it was asked.
func (r *rig) asked() (last *http.Request, times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		return nil, 0
	}
	return r.seen[len(r.seen)-1], len(r.seen)
}

func (r *rig) happened() []edge.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(method, url, body string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: reading the reply: %v", method, url, err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: string(b)}
}

func (r *rig) get(url string, headers ...string) reply {
	r.t.Helper()
	return r.do(http.MethodGet, url, "", headers...)
}

// want checks a reply's status and headers; a header with the value "-" has to be absent.
func (p reply) want(t testing.TB, what string, status int, headers ...string) {
	t.Helper()
	if p.status != status {
		t.Errorf("%s: status %d, want %d (%s%s)", what, p.status, status, p.header.Get(edge.HeaderError), first(p.body))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		want := headers[i+1]
		if want == "-" {
			want = ""
		}
		if got := strings.Join(p.header.Values(headers[i]), "|"); got != want {
			t.Errorf("%s: %s is %q, want %q", what, headers[i], got, want)
		}
	}
}

func first(s string) string {
	return s[:min(len(s), 200)]
}

func on(expression, action, params string) edge.Rule {
	r := edge.Rule{ID: "id-" + action, Ref: "ref-" + action, Expression: expression, Action: action, Enabled: true}
	if params != "" {
		r.ActionParameters = json.RawMessage(params)
	}
	return r
}

func pool(s *httptest.Server) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(s.Certificate())
	return p
}

// lockedBuffer is a log that is written while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
