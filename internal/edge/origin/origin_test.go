// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/launchready/launchready/internal/edge"
)

const host = "app.example.com"

// issued makes a certificate of an authority.
func issued(t *testing.T, ca *x509.Certificate, signer *ecdsa.PrivateKey, template x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if ca == nil {
		ca, signer = &template, key
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	der, err := x509.CreateCertificate(rand.Reader, &template, ca, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// dialer leads to one listener, whatever is dialled.
type dialer struct {
	address string
	dials   atomic.Int32
}

func (d *dialer) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	d.dials.Add(1)
	if d.address == "" {
		return nil, errors.New("refused")
	}
	return new(net.Dialer).DialContext(ctx, network, d.address)
}

func listen(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if config == nil {
				_ = conn.Close()
				continue
			}
			go func() {
				_ = tls.Server(conn, config).HandshakeContext(t.Context())
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func TestAnOriginIsJudgedAsAStrictEdgeWould(t *testing.T) {
	now := time.Now()
	valid := func(names ...string) x509.Certificate {
		return x509.Certificate{DNSNames: names, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour)}
	}
	authority := func(unit string) x509.Certificate {
		c := valid()
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		c.Subject = pkix.Name{CommonName: "Test", OrganizationalUnit: []string{unit}}
		return c
	}
	public := issued(t, nil, nil, authority("public"))
	cloudflare := issued(t, nil, nil, authority("CloudFlare Origin SSL ECC Certificate Authority"))
	roots := x509.NewCertPool()
	roots.AddCert(public.Leaf)
	signed := func(ca tls.Certificate, c x509.Certificate) *tls.Config {
		key, _ := ca.PrivateKey.(*ecdsa.PrivateKey)
		return &tls.Config{Certificates: []tls.Certificate{issued(t, ca.Leaf, key, c)}, MinVersion: tls.VersionTLS10} //nolint:gosec // what origins do
	}
	over, early, soonOver, old := valid(host), valid(host), valid(host), signed(public, valid(host))
	over.NotAfter, early.NotBefore, soonOver.NotAfter = now.Add(-time.Minute), now.Add(time.Hour), now.Add(time.Hour)
	old.MaxVersion = tls.VersionTLS11
	for name, c := range map[string]struct {
		config *tls.Config
		ok     bool
		why    string
	}{
		"a public authority's":              {signed(public, valid(host)), true, ""},
		"a wildcard":                        {signed(public, valid("*.example.com")), true, ""},
		"of Cloudflare's for origins":       {signed(cloudflare, valid(host)), true, ""},
		"of Cloudflare's, for another name": {signed(cloudflare, valid("other.example.com")), false, "not for app.example.com"},
		"its own":                           {&tls.Config{Certificates: []tls.Certificate{issued(t, nil, nil, valid(host))}}, false, "no public authority"},
		"for another name":                  {signed(public, valid("other.example.com")), false, "not for app.example.com"},
		"over":                              {signed(public, over), false, "is over"},
		"about to be over":                  {signed(public, soonOver), false, "about to be"},
		"not good yet":                      {signed(public, early), false, "not good yet"},
		"too old a protocol":                {old, false, "no TLS 1.2"},
		"no TLS at all":                     {nil, false, "no TLS 1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Prober{Dialer: &dialer{address: listen(t, c.config)}, Roots: roots, Clock: clocktesting.NewFakePassiveClock(now)}
			got := p.Try(t.Context(), edge.Target{Type: "CNAME", Content: "lb.example.net"}, host)
			if got.OK != c.ok || got.Unreachable || !strings.Contains(got.Why, c.why) || c.ok != (got.Why == "") {
				t.Errorf("got %+v, want %t %q", got, c.ok, c.why)
			}
		})
	}
}

func TestAnOriginThatCannotBeReachedIsNoVerdict(t *testing.T) {
	p := &Prober{Dialer: &dialer{}, Clock: clocktesting.NewFakePassiveClock(time.Now())}
	if got := p.Try(t.Context(), edge.Target{Type: "A", Content: "203.0.113.7"}, host); got.OK || !got.Unreachable {
		t.Errorf("got %+v", got)
	}
}

func TestAnOriginIsTriedOnceInAMinute(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Now())
	d := &dialer{}
	p := &Prober{Dialer: d, Clock: clock}
	try := func(content, host string) { p.Try(t.Context(), edge.Target{Type: "A", Content: content}, host) }
	try("203.0.113.7", host)
	try("203.0.113.7", host)
	if got := d.dials.Load(); got != 1 {
		t.Errorf("tried %d times, want once", got)
	}
	try("203.0.113.8", host)
	try("203.0.113.7", "api.example.com")
	if got := d.dials.Load(); got != 3 {
		t.Errorf("tried %d times, want once for each origin and name", got)
	}
	clock.SetTime(clock.Now().Add(time.Minute))
	try("203.0.113.7", host)
	if got := d.dials.Load(); got != 4 {
		t.Errorf("tried %d times, want again after a minute", got)
	}
}
