// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package origin tries an origin as a strict edge would meet it: one TLS handshake with the name of a host, and the verdict on the
// certificate. It sends no request.
package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/launchready/launchready/internal/edge"
)

// Dialer dials what may be reached.
type Dialer interface {
	// DialContext connects, or says why it may not.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Prober tries origins, each once in a while.
type Prober struct {
	// Dialer refuses addresses that an origin must not have.
	Dialer Dialer
	// Roots are the authorities that are trusted; the system's where nil.
	Roots *x509.CertPool
	// Port is 443 where it is empty.
	Port  string
	Clock clock.PassiveClock

	mu   sync.Mutex
	seen map[string]tried
}

type tried struct {
	at time.Time
	edge.Preflight
}

const (
	// timeout bounds a handshake. Cloudflare gives an origin 15 s to connect (error 522); one that needs this long is no better than
	// one that is down.
	timeout = 5 * time.Second
	// remembered is how long what came of a handshake counts: a zone is looked at more often than a certificate changes.
	remembered = time.Minute
	// soon is how long a certificate has to be good for.
	soon = 24 * time.Hour
)

// Try makes one handshake with an origin, by the name of a host.
func (p *Prober) Try(ctx context.Context, target edge.Target, host string) edge.Preflight {
	key := target.Content + " " + host
	p.mu.Lock()
	have, known := p.seen[key]
	p.mu.Unlock()
	if known && p.Clock.Since(have.at) < remembered {
		return have.Preflight
	}
	result := p.handshake(ctx, target, host)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]tried{}
	}
	for k, t := range p.seen {
		if p.Clock.Since(t.at) >= remembered {
			delete(p.seen, k)
		}
	}
	p.seen[key] = tried{p.Clock.Now(), result}
	return result
}

func (p *Prober) handshake(ctx context.Context, target edge.Target, host string) edge.Preflight {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	port := p.Port
	if port == "" {
		port = "443"
	}
	conn, err := p.Dialer.DialContext(ctx, "tcp", net.JoinHostPort(target.Content, port))
	if err != nil {
		return edge.Preflight{Unreachable: true, Why: "port " + port + " of the origin " + target.Content + " can't be reached from here."}
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	var chain []*x509.Certificate
	tlsConn := tls.Client(conn, &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // the chain is verified below, so that what is wrong can be told
		VerifyConnection: func(s tls.ConnectionState) error {
			chain = s.PeerCertificates
			return nil
		},
	})
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		return edge.Preflight{Why: "no TLS 1.2 or 1.3 handshake with the origin " + target.Content + " by the name " + host + " came about."}
	}
	return p.verdict(chain, host)
}

// verdict judges a chain as Cloudflare's mode Full (strict) does: the certificate is good, for this name, and of a public authority or
// of Cloudflare's own for origins (developers.cloudflare.com/ssl/origin-configuration/ssl-modes/full-strict/).
func (p *Prober) verdict(chain []*x509.Certificate, host string) edge.Preflight {
	if len(chain) == 0 {
		return edge.Preflight{Why: "the origin shows no certificate."}
	}
	leaf := chain[0]
	if err := leaf.VerifyHostname(host); err != nil {
		return edge.Preflight{Why: "the origin's certificate is not for " + host + "."}
	}
	if now := p.Clock.Now(); now.After(leaf.NotAfter.Add(-soon)) || now.Before(leaf.NotBefore) {
		return edge.Preflight{Why: "the origin's certificate is over, about to be, or not good yet."}
	}
	if ofCloudflare(leaf) {
		return edge.Preflight{OK: true}
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: p.Roots, Intermediates: intermediates, CurrentTime: p.Clock.Now()})
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return edge.Preflight{OK: true}
	case errors.As(err, &unknown):
		return edge.Preflight{Why: "the origin's certificate is of no public authority, or its chain is incomplete."}
	default:
		return edge.Preflight{Why: fmt.Sprintf("the origin's certificate doesn't stand: %T.", err)}
	}
}

// ofCloudflare says whether a certificate names Cloudflare's authority for origins as its issuer: the edge trusts it, and nobody else
// does (developers.cloudflare.com/ssl/origin-configuration/origin-ca/). The name alone is looked at: who forges it harms but himself.
func ofCloudflare(c *x509.Certificate) bool {
	for _, unit := range c.Issuer.OrganizationalUnit {
		if strings.HasPrefix(strings.ToLower(unit), "cloudflare origin") {
			return true
		}
	}
	return false
}
