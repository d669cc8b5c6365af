// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/launchready/launchready/controllers"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
	servededge "github.com/launchready/launchready/test/emulators/cloudflare/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare/whole"
)

// origin is an app behind the edge. It counts what reaches it, and keeps the last request's headers.
type origin struct {
	requests atomic.Int32
	header   atomic.Pointer[http.Header]
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.requests.Add(1)
	h := r.Header.Clone()
	o.header.Store(&h)
	switch {
	case strings.HasPrefix(r.URL.Path, "/assets/"):
		w.Header().Set("Content-Type", "text/css")
		_, _ = io.WriteString(w, "body{}")
	case strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/"):
		_, _ = io.WriteString(w, "token.thumbprint")
	default:
		w.Header().Set("Set-Cookie", "session=1")
		_, _ = fmt.Fprintf(w, "hello from %s", r.Host) //nolint:gosec // the test itself asks
	}
}

// newServedRig is a rig whose Cloudflare has an edge, in front of an origin with a certificate that a strict edge accepts.
func newServedRig(t *testing.T, plan cloudflare.Plan) (*rig, *whole.Whole, *origin) {
	t.Helper()
	app := &origin{}
	server := httptest.NewUnstartedServer(app)
	server.StartTLS()
	t.Cleanup(server.Close)
	plain := httptest.NewServer(app)
	t.Cleanup(plain.Close)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs //nolint:errcheck,forcetypeassert // net/http/httptest makes it so
	r := newBareRig(t)
	w, err := whole.Start(whole.Options{
		API: cloudflare.Options{Now: r.clock.Now, RateLimit: -1, OpenAPI: cloudflare.FindOpenAPI()},
		Edge: servededge.Options{
			OriginRoots: roots, TrustClientIP: true, Now: r.clock.Now,
			Dial: map[string]string{"203.0.113.7:443": server.Listener.Addr().String(), "203.0.113.7:80": plain.Listener.Addr().String()},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := w.API.AddZone(zone, plan); err != nil {
		t.Fatal(err)
	}
	r.cloudflare, r.url, r.nameServer, r.names = w.API, "http://"+w.APIAddr+cloudflare.Base, w.NameAddr, w.Names
	r.token("cloudflare", r.namespace, cloudflare.AllPermissions()...)
	r.restart()
	return r, w, app
}

// stranger asks the edge as a browser would, and follows nothing.
type stranger struct {
	testing.TB
	whole *whole.Whole
	http  *http.Client
}

func newStranger(t *testing.T, w *whole.Whole) *stranger {
	t.Helper()
	dialer := func(ctx context.Context, network, address string) (net.Conn, error) {
		to := w.Edge.HTTPAddr()
		if strings.HasSuffix(address, ":443") {
			to = w.Edge.HTTPSAddr()
		}
		return new(net.Dialer).DialContext(ctx, network, to)
	}
	return &stranger{TB: t, whole: w, http: &http.Client{
		Transport:     &http.Transport{DialContext: dialer, TLSClientConfig: &tls.Config{RootCAs: w.Edge.Roots(), MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *stranger) ask(method, target string, header http.Header, body string) answer {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, target, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if host := header["Host"]; host != nil {
		req.Host = host[0]
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	if e := resp.Header.Get(servededge.HeaderError); e != "" {
		s.Fatalf("%s %s: the emulator failed: %s", method, target, e)
	}
	return answer{resp.StatusCode, resp.Header, string(data)}
}

func (s *stranger) get(target string) answer {
	s.Helper()
	return s.ask(http.MethodGet, target, nil, "")
}

const served = `
domains:
  canonical: app.example.com
  redirects: [www.example.com]
  origin: {addresses: [203.0.113.7]}
cloudflare:
  zone: example.com
  apiTokenSecretRef: {name: cloudflare, key: token}
  mode: Enforce
  cache: {staticPaths: [/assets/]}
app:
  login:
    steps:
    - request: {method: POST, path: /login, form: {password: $(credentials.password)}}
  chat:
    request: {method: POST, path: /api/chat, json: {message: $(prompt)}}
    reply: response.json.reply
    ratePerMinute: 30
gate: {mode: Enforce, edge: LockedUntilLaunched}
`

func TestAStrangerMeetsTheHoldingPageUntilLaunchAndTheAppBehindItsEdgeAfter(t *testing.T) {
	r, w, app := newServedRig(t, cloudflare.Pro)
	lr := r.launch("chat", served)
	r.sync()
	s := newStranger(t, w)
	const home = "https://app.example.com/"

	held := s.get(home)
	if held.status != 503 || held.header.Get("Retry-After") != "3600" || !strings.Contains(held.body, "Not open yet") {
		t.Errorf("a stranger meets %d %v %q", held.status, held.header, held.body)
	}
	if n := app.requests.Load(); n != 0 {
		t.Errorf("%d requests reached the app while it was locked", n)
	}
	challenge := "/.well-known/acme-challenge/x"
	for _, target := range []string{"http://app.example.com" + challenge, "https://app.example.com" + challenge} {
		if got := s.get(target); got.status != 200 || got.body != "token.thumbprint" {
			t.Errorf("%s while locked: %d %q", target, got.status, got.body)
		}
	}
	secret := controllers.LockSecret([]byte("a key of the test, 32 bytes long."), string(lr.UID), r.clock.Now())
	if got := s.ask(http.MethodGet, home, http.Header{http.CanonicalHeaderKey(edge.LockHeader): {secret}}, ""); got.status != 200 {
		t.Errorf("the probe meets %d %q", got.status, got.body)
	}
	if h := app.header.Load(); h == nil || h.Get(edge.LockHeader) != "" {
		t.Error("the origin sees the lock's secret")
	}
	if got := s.ask(http.MethodGet, home, http.Header{"Host": {"APP.Example.com"}}, ""); got.status != 503 {
		t.Errorf("a stranger who writes the host in capitals meets %d", got.status)
	}
	for _, wrong := range []string{"", "x", secret[:31]} {
		if got := s.ask(http.MethodGet, home, http.Header{http.CanonicalHeaderKey(edge.LockHeader): {wrong}}, ""); got.status != 503 {
			t.Errorf("with the secret %q strangers meet %d", wrong, got.status)
		}
	}

	r.launched(lr)
	r.sync()
	if got := s.get(home); got.status != 200 || !strings.Contains(got.header.Get("Strict-Transport-Security"), "max-age=300") {
		t.Errorf("after the launch: %d %v", got.status, got.header)
	}
	if got := s.get("http://app.example.com/a?b=c"); got.status != 308 || got.header.Get("Location") != "https://app.example.com/a?b=c" {
		t.Errorf("plain HTTP: %d %s", got.status, got.header.Get("Location"))
	}
	if got := s.get("https://www.example.com/a?b=c"); got.status != 301 || got.header.Get("Location") != "https://app.example.com/a?b=c" {
		t.Errorf("another name: %d %s", got.status, got.header.Get("Location"))
	}
	if got := s.get(home + "?q=" + url.QueryEscape("1' UNION SELECT password FROM users--")); got.status != 403 {
		t.Errorf("an SQL injection: %d", got.status)
	}
	if got := s.get(home + ".git/config"); got.status != 403 {
		t.Errorf("/.git/config: %d", got.status)
	}
	for i := range 11 {
		got := s.ask(http.MethodPost, home+"login", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "password=wrong")
		if want := map[bool]int{false: 200, true: 429}[i == 10]; got.status != want {
			t.Errorf("login %d: %d, want %d", i+1, got.status, want)
		}
	}
	s.get(home + "assets/app.css")
	if got := s.get(home + "assets/app.css").header.Get("Cf-Cache-Status"); got != "HIT" {
		t.Errorf("a static file, the second time: %s", got)
	}
	s.get(home + "api/me")
	if got := s.get(home + "api/me").header.Get("Cf-Cache-Status"); got == "HIT" || got == "MISS" {
		t.Errorf("the API: %s", got)
	}

	r.edit(func(z *cloudflare.Zone) error {
		for i := range z.Rulesets {
			for j := range z.Rulesets[i].Rules {
				if strings.HasSuffix(z.Rulesets[i].Rules[j].Ref, "-waf") {
					z.Rulesets[i].Rules[j].Enabled = false
				}
			}
		}
		return nil
	})
	if got := s.get(home + ".hidden"); got.status != 200 {
		t.Fatalf("with the rule turned off by hand: %d", got.status)
	}
	r.later(5 * time.Minute)
	r.sync()
	if got := s.get(home + ".hidden"); got.status != 403 {
		t.Errorf("an interval later: %d", got.status)
	}
}
