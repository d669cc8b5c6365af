// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/netguard"
	"github.com/launchready/launchready/test/emulators/chatbots"
)

//go:embed idplogin.yaml
var idpLogin []byte

// idp is an identity provider that knows the accounts of a chatbot, and the front of the chatbot that sends people there.
type idp struct {
	bot    http.Handler
	server *httptest.Server
	// host is the provider's, with its port.
	host string

	mu sync.Mutex
	// flows are what pages are to be answered with, and codes what the app is given for them.
	flows map[string]string
	codes map[string][]byte
	// logins counts them, and wrong is what nobody would have asked who only logs in.
	logins int
	wrong  []string
}

func newIDP(t *testing.T, r *rig) *idp {
	t.Helper()
	p := &idp{bot: r.bot, flows: map[string]string{}, codes: map[string][]byte{}}
	p.server = httptest.NewTLSServer(p)
	t.Cleanup(p.server.Close)
	at := netip.MustParseAddrPort(strings.TrimPrefix(p.server.URL, "https://"))
	p.host = fmt.Sprintf("idp.example.com:%d", at.Port())
	guard, err := netguard.New(netguard.Options{Hosts: []string{p.host}, Proven: []netip.AddrPort{at}, Resolver: loopback{}})
	if err != nil {
		t.Fatal(err)
	}
	transport, ok := p.server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the test server's client has another transport")
	}
	guarded := guard.Transport()
	guarded.TLSClientConfig = transport.TLSClientConfig.Clone()
	r.target.Visits = httpstep.NewVisits([]v1alpha1.PublicHost{v1alpha1.PublicHost(p.host)}, guarded)
	r.wire.app = p.front(r.wire.app)
	return p
}

// loopback is a resolver by which every name leads to this machine.
type loopback struct{}

func (loopback) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
}

// front lets people log in by the provider.
func (p *idp) front(app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/sso/login":
			state := rand.Text()
			http.SetCookie(w, &http.Cookie{Name: "sso_state", Value: state, Path: "/sso", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(w, r, "https://"+p.host+"/authorize?"+url.Values{"state": {state}}.Encode(), http.StatusFound)
		case "/sso/callback":
			state, err := r.Cookie("sso_state")
			p.mu.Lock()
			token := p.codes[r.URL.Query().Get("code")]
			delete(p.codes, r.URL.Query().Get("code"))
			p.mu.Unlock()
			if err != nil || state.Value != r.URL.Query().Get("state") || token == nil {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(token)
		default:
			app.ServeHTTP(w, r)
		}
	})
}

// ServeHTTP is the provider.
func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	no := func(why string) {
		p.wrong = append(p.wrong, fmt.Sprintf("%s %s: %s", r.Method, r.RequestURI, why))
		http.Error(w, "no", http.StatusBadRequest)
	}
	if r.Host != p.host || r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" || r.Header.Get(httpstep.ProbeHeader) != "test" {
		no(fmt.Sprintf("the headers %v", r.Header))
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /authorize":
		flow := rand.Text()
		p.flows[flow] = r.URL.Query().Get("state")
		_, _ = fmt.Fprintf(w, `<form method=post action="signin"><input type=hidden name=flow value=%s><input name=email><input type=password name=password></form>`, flow)
	case "POST /signin":
		state, ok := p.flows[r.FormValue("flow")]
		delete(p.flows, r.FormValue("flow"))
		token := p.tokenOf(r.Context(), r.FormValue("email"), r.FormValue("password"))
		if !ok || token == nil {
			no("no account's credentials, or another page's answer")
			return
		}
		p.logins++
		code := rand.Text()
		p.codes[code] = token
		http.Redirect(w, r, "https://app.example.com/sso/callback?"+url.Values{"code": {code}, "state": {state}}.Encode(), http.StatusSeeOther)
	default:
		no("no part of a login")
	}
}

// tokenOf gives what the chatbot answers to who logs in; nil for who must not.
func (p *idp) tokenOf(ctx context.Context, email, password string) []byte {
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		return nil
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/login", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	p.bot.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return nil
	}
	return w.Body.Bytes()
}

func TestLoginsByAnIdentityProvider(t *testing.T) {
	for _, c := range []struct {
		weakness string
		row      v1alpha1.Row
	}{
		{},
		{chatbots.JWTSignatureIgnored, v1alpha1.RowAuthEnforced},
		{chatbots.IDORConversationRead, v1alpha1.RowTenantIsolated},
	} {
		t.Run("with weakness "+c.weakness, func(t *testing.T) {
			t.Parallel()
			config := chatbots.Config{}
			if c.weakness != "" {
				config.Weaknesses = []string{c.weakness}
			}
			r := newRig(t, config)
			p := newIDP(t, r)
			app := describedWith(t, bytes.ReplaceAll(idpLogin, []byte("idp.example.com"), []byte(p.host)))
			for name, result := range r.safely(t, app) {
				want := v1alpha1.VerdictPass
				if name == c.row {
					want = v1alpha1.VerdictFail
				}
				if result.Verdict != want {
					t.Errorf("want %s of %s: %s", want, name, told(result))
				}
				t.Log(result.Control)
			}
			if len(p.wrong) > 0 {
				t.Errorf("the provider was asked %q", p.wrong)
			}
			if p.logins == 0 || p.logins > 24 {
				t.Errorf("the provider saw %d logins", p.logins)
			}
			t.Logf("%d logins", p.logins)
		})
	}
}
