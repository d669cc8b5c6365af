// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// leading is an app that redirects whoever asks for /go to a place, and counts down from /loop/<n>.
func leading(to func() string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/go", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to())
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/loop/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n == 0 {
			return
		}
		w.Header().Set("Location", "/loop/"+strconv.Itoa(n-1))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/end", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func TestRedirectsStayWithTheTarget(t *testing.T) {
	var location string
	app := newServer(t, leading(func() string { return location }))
	pod, other := newServer(t, leading(nil)), newServer(t, nil)
	g := newGuard(t, Options{
		Hosts:  []string{"app.example", "login.example"},
		Proven: []netip.AddrPort{app.addr, pod.addr},
		Resolver: always(map[string][]string{
			"app.example": {"127.0.0.1"}, "login.example": {"127.0.0.1"}, "evil.example": {"127.0.0.1"},
		}),
	})
	self, evil := "app.example:"+app.port, "evil.example:"+other.port
	tests := []struct {
		name, location string
		// host is where a refused redirect would have gone.
		host string
	}{
		{"a path", "/end", ""},
		{"a relative path", "end", ""},
		{"the same host", "http://" + self + "/end", ""},
		{"the same host, spelled otherwise", "http://APP.example.:" + app.port + "/end", ""},
		{"another host of the target", "http://login.example:" + app.port + "/end", ""},
		{"another proven address", pod.URL + "/end", ""},
		{"a backslash in the path", `/\end`, ""},

		{"another host", "http://" + evil + "/end", evil},
		{"another host, no scheme", "//" + evil + "/end", evil},
		{"another host at the app's address", "http://evil.example:" + app.port + "/end", "evil.example:" + app.port},
		{"a host above", "http://example:" + app.port + "/end", "example:" + app.port},
		{"a host below", "http://x.app.example:" + app.port + "/end", "x.app.example:" + app.port},
		{"another port of the same host", "http://app.example:" + other.port + "/end", "app.example:" + other.port},
		{"the target as a user", "http://app.example@" + evil + "/end", evil},
		{"the address that is not proven", other.URL + "/end", other.addr.String()},
		{"metadata", "http://169.254.169.254/latest/meta-data/", "169.254.169.254:80"},
		{"metadata in disguise", "http://2852039166/latest/meta-data/", "2852039166"},
		{"localhost", "http://localhost:" + other.port, "localhost:" + other.port},
		{"a file", "file:///etc/passwd", "(no host)"},
		{"another protocol", "gopher://127.0.0.1:6379/_INFO", "127.0.0.1:6379"},
		{"foreign text", "http://\u202e①②⑦.evil.example/" + strings.Repeat("x", 300), `\u{202E}\u{2460}\u{2461}\u{2466}.evil.example`},
		{"very long", "http://" + strings.Repeat("x", 300) + ".example/", strings.Repeat("x", 197) + "..."},
	}
	client := newClient(t, g)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			location = tt.location
			status, err := get(t.Context(), client, "http://"+self+"/go")
			if tt.host == "" {
				if err != nil || status >= http.StatusInternalServerError || status == http.StatusFound {
					t.Errorf("got %d, %v", status, err)
				}
				return
			}
			refused := refusal(t, err)
			if diff := cmp.Diff(tt.host, refused.Host); diff != "" {
				t.Errorf("where it would have gone (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(refused.Reason, "a redirect leads there, and ") || strings.Contains(refused.Error(), "/end") {
				t.Errorf("the error is %q", refused)
			}
		})
	}
	if hits := other.seen(); len(hits) > 0 {
		t.Errorf("the other server saw %q", hits)
	}
}

func TestARedirectMayGoToHTTPSAndNotBack(t *testing.T) {
	var location string
	plainApp := newServer(t, leading(func() string { return location }))
	tlsApp := newTLSServer(t, leading(func() string { return location }))
	g := newGuard(t, Options{
		Hosts:    []string{"example.com"},
		Proven:   []netip.AddrPort{plainApp.addr, tlsApp.addr},
		Resolver: always(map[string][]string{"example.com": {"127.0.0.1"}}),
	})
	client := trusting(t, g, tlsApp)
	plainURL, tlsURL := "http://example.com:"+plainApp.port, "https://example.com:"+tlsApp.port

	location = tlsURL + "/end"
	if status, err := get(t.Context(), client, plainURL+"/go"); err != nil || status != http.StatusOK {
		t.Errorf("up: got %d, %v", status, err)
	}
	if diff := cmp.Diff([]string{"GET /end"}, tlsApp.seen()); diff != "" {
		t.Errorf("what the app saw by https (-want +got):\n%s", diff)
	}
	before := len(plainApp.seen())
	location = plainURL + "/end"
	_, err := get(t.Context(), client, tlsURL+"/go")
	if refused := refusal(t, err); !strings.Contains(refused.Reason, "from https to http") {
		t.Errorf("down: got %v", refused)
	}
	if hits := plainApp.seen()[before:]; len(hits) > 0 {
		t.Errorf("http saw %q", hits)
	}
}

func TestTheEleventhRedirectIsRefused(t *testing.T) {
	app := newServer(t, leading(nil))
	g := newGuard(t, Options{Proven: []netip.AddrPort{app.addr}})
	client := newClient(t, g)
	if status, err := get(t.Context(), client, app.URL+"/loop/9"); err != nil || status != http.StatusOK {
		t.Errorf("9 redirects: got %d, %v", status, err)
	}
	_, err := get(t.Context(), client, app.URL+"/loop/10")
	if err != nil {
		t.Errorf("10 redirects: got %v", err)
	}
	_, err = get(t.Context(), client, app.URL+"/loop/11")
	if refused := refusal(t, err); !strings.Contains(refused.Reason, "11th redirect") || refused.Host != app.addr.String() {
		t.Errorf("11 redirects: got %v", refused)
	}
}

// The first request is nobody's redirect, and CheckRedirect isn't asked about it. A caller that asks all the same is told.
func TestCheckRedirectNeedsNoEarlierRequest(t *testing.T) {
	g := newGuard(t, Options{Hosts: []string{"app.example"}})
	if err := g.CheckRedirect(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.example/", http.NoBody), nil); err != nil {
		t.Error(err)
	}
	wantRefused(t, g.CheckRedirect(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://evil.example/", http.NoBody), nil))
}
