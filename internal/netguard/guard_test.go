// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"sync"
	"testing"
)

// TestMain runs all tests behind a proxy that would see everything, if anybody asked it: http.ProxyFromEnvironment reads
// the environment once in the life of a process.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		if err := os.Setenv(name, "http://proxy.test:3128"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// zone is a resolver: names, the addresses they have now, and where aliases lead. A name's answers come one after the
// other, the last for ever: that is how rebinding works.
type zone struct {
	answers map[string][][]string
	aliases map[string]string

	mu    sync.Mutex
	asked []string
}

func (z *zone) LookupNetIP(_ context.Context, network, name string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked = append(z.asked, network+" "+name)
	for alias, ok := z.aliases[name]; ok; alias, ok = z.aliases[name] {
		name = alias
	}
	rounds, ok := z.answers[name]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	if len(rounds) > 1 {
		z.answers[name] = rounds[1:]
	}
	var addrs []netip.Addr
	for _, s := range rounds[0] {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs, nil
}

// questions are what was asked so far.
func (z *zone) questions() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.asked)
}

// always is a zone of names with one answer each.
func always(names map[string][]string) *zone {
	z := &zone{answers: map[string][][]string{}}
	for name, addrs := range names {
		z.answers[name] = [][]string{addrs}
	}
	return z
}

func newGuard(t testing.TB, o Options) *Guard {
	t.Helper()
	if o.Resolver == nil {
		o.Resolver = always(nil)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func refusal(t testing.TB, err error) *RefusedError {
	t.Helper()
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok {
		t.Fatalf("got %v, want a *RefusedError", err)
	}
	return refused
}

func wantRefused(t testing.TB, err error) {
	t.Helper()
	_ = refusal(t, err)
}

func closeAtEnd(t testing.TB, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func mustParse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// server is an HTTP server on loopback that counts what reaches it.
type server struct {
	*httptest.Server
	addr netip.AddrPort
	port string

	mu   sync.Mutex
	hits []string
}

func (s *server) serve(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.hits = append(s.hits, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if handler != nil {
			handler.ServeHTTP(w, r)
		}
	})
}

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hits)
}

func (s *server) started(t testing.TB) *server {
	t.Helper()
	t.Cleanup(s.Close)
	s.addr = netip.MustParseAddrPort(s.Listener.Addr().String())
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.port = port
	return s
}

func newServer(t testing.TB, handler http.Handler) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(s.serve(handler))
	return s.started(t)
}

func newTLSServer(t testing.TB, handler http.Handler) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(s.serve(handler))
	s.EnableHTTP2 = true
	s.StartTLS()
	return s.started(t)
}

// newClient is what the probe makes of a guard.
func newClient(t testing.TB, g *Guard) *http.Client {
	t.Helper()
	transport := g.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: g.CheckRedirect}
}

// get gives the status of a GET, after redirects.
func get(ctx context.Context, client *http.Client, target string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
