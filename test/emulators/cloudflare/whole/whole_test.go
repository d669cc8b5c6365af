// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package whole

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/launchready/launchready/test/emulators/cloudflare"
	"github.com/launchready/launchready/test/emulators/cloudflare/edge"
)

// behind starts a Cloudflare in front of a load balancer in front of an app.
func behind(t *testing.T, zone func(*cloudflare.Zone)) *Whole {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Host, r.URL.Path, r.Header.Get("X-Forwarded-Proto")) //nolint:gosec // the test itself asks
	}))
	t.Cleanup(app.Close)
	b, err := NewBalancer(t.Context(), []string{"*.example.com"}, strings.TrimPrefix(app.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	roots := x509.NewCertPool()
	roots.AddCert(b.Certificate)
	w, err := Start(Options{
		API:         cloudflare.Options{RateLimit: -1},
		Edge:        edge.Options{Dial: map[string]string{"203.0.113.7": b.Addr}, OriginRoots: roots},
		EdgeAddress: netip.MustParseAddr("127.0.0.9"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := w.API.AddZone("example.com", cloudflare.Pro); err != nil {
		t.Fatal(err)
	}
	err = w.API.EditZone("example.com", func(z *cloudflare.Zone) error {
		z.Records = append(z.Records, cloudflare.Record{ID: "1", Type: "A", Name: "app.example.com", Content: "203.0.113.7", Proxied: true})
		z.Settings["ssl"] = cloudflare.Setting{Value: "strict"}
		zone(z)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func get(t *testing.T, w *Whole) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, w.Edge.HTTPSAddr())
		},
		TLSClientConfig: &tls.Config{RootCAs: w.Edge.Roots(), MinVersion: tls.VersionTLS12},
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://app.example.com/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error() // no certificate is shown for a name that isn't served
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestWhatTheAPISaysTheEdgeServesAtOnce(t *testing.T) {
	w := behind(t, func(*cloudflare.Zone) {})
	if status, body := get(t, w); status != 200 || body != "app.example.com /a https" {
		t.Errorf("behind a balancer: %d %q", status, body)
	}
	err := w.API.EditZone("example.com", func(z *cloudflare.Zone) error {
		z.SetRules("http_request_firewall_custom", []cloudflare.Rule{{Action: "block", Expression: `http.request.uri.path eq "/a"`, Enabled: true}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, w); status != 403 {
		t.Errorf("with a rule that blocks: %d", status)
	}
	if err := w.API.EditZone("example.com", func(z *cloudflare.Zone) error { z.Paused = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, w); status == 200 || status == 403 {
		t.Errorf("a paused zone is served: %d", status)
	}
}

func TestTheNameServerLeadsToTheEdge(t *testing.T) {
	w := behind(t, func(*cloudflare.Zone) {})
	question := new(dns.Msg)
	question.SetQuestion("app.example.com.", dns.TypeA)
	reply, _, err := new(dns.Client).ExchangeContext(t.Context(), question, w.NameAddr.String())
	if err != nil || len(reply.Answer) != 1 || dns.Field(reply.Answer[0], 1) != "127.0.0.9" {
		t.Errorf("got %v, %v", reply, err)
	}
}

func TestOnlyWhatCloudflareRefusesIsRefused(t *testing.T) {
	for text, refused := range map[string]bool{
		`http.host eq "a"`:         false,
		`http.host eq`:             true,
		`no.such.field eq "a"`:     true,
		`ip.geoip.country eq "DE"`: false, // the edge has no map of the world
		`http.host matches "^a"`:   true,  // not on Pro
	} {
		if err := Understood("http_request_firewall_custom", "pro", text); (err != nil) != refused {
			t.Errorf("%s: %v", text, err)
		}
	}
}
