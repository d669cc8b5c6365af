// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// Options of an edge.
type Options struct {
	// Source of the zones. It is needed.
	Source Source
	// HTTP and HTTPS are where visitors come to; nil for a free port on loopback.
	HTTP, HTTPS net.Listener
	// Dial says where origins really are, by the content of a proxied record: "203.0.113.7:443" or "origin.example.net:80" for
	// one port, "203.0.113.7" for both. The values are host:port. An address on loopback needs no entry.
	Dial map[string]string
	// OriginRoots are the authorities that ssl mode strict trusts; nil for none.
	OriginRoots *x509.CertPool
	// TrustClientIP makes the header X-Emulator-Client-IP say where a visitor comes from.
	TrustClientIP bool
	// Now is the clock of rate limits and of the cache; nil for the real one.
	Now func() time.Time
	// Log gets the emulator's own errors; nil for none.
	Log *slog.Logger
	// OnEvent is told what security rules did; nil for nobody. It is called from many goroutines.
	OnEvent func(Event)
	// Scores stands for Cloudflare's detections; nil for none: nothing is scored then.
	Scores func(*http.Request) expression.Scores
	// ConnectTimeout and ReplyTimeout are how long an origin is waited for; 0 for Cloudflare's 19 and 120 seconds.
	// Source: developers.cloudflare.com/fundamentals/reference/connection-limits/
	ConnectTimeout, ReplyTimeout time.Duration
}

// Event is a security event: a rule that matched, or a detection.
type Event struct {
	Zone, Host, Method, Path, RayID string
	Source                          string
	Phase, Rule, Action             string
	// Detail names what a managed ruleset found.
	Detail string
}

// The headers of the emulator's own.
const (
	HeaderError    = "X-Emulator-Error"
	HeaderClientIP = "X-Emulator-Client-IP"
)

// Edge serves zones.
type Edge struct {
	options     Options
	ca          *authority
	limits      limiter
	cache       store
	engines     engines
	origins     origins
	http, https net.Listener
	servers     []*http.Server
	done        sync.WaitGroup

	mu    sync.Mutex
	zones map[string]*zone
}

// Cloudflare's limits of connections to origins.
const (
	defaultConnect = 19 * time.Second
	defaultReply   = 120 * time.Second
)

// New starts an edge. Close stops it.
func New(o Options) (*Edge, error) {
	if o.Source == nil {
		return nil, errors.New("an edge needs a source of zones")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = defaultConnect
	}
	if o.ReplyTimeout == 0 {
		o.ReplyTimeout = defaultReply
	}
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	e := &Edge{options: o, ca: ca, zones: map[string]*zone{}, http: o.HTTP, https: o.HTTPS}
	if err := e.listen(); err != nil {
		return nil, err
	}
	e.serveOn(e.http, 80, nil)
	e.serveOn(e.https, 443, e.tlsConfig())
	return e, nil
}

func (e *Edge) listen() error {
	var listen net.ListenConfig
	for _, l := range []*net.Listener{&e.http, &e.https} {
		if *l != nil {
			continue
		}
		opened, err := listen.Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listening for visitors: %w", err)
		}
		*l = opened
	}
	return nil
}

func (e *Edge) serveOn(l net.Listener, port int, config *tls.Config) {
	s := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.serve(w, r, port) }),
		TLSConfig:         config,
		ReadHeaderTimeout: e.options.ReplyTimeout,
		// Handshakes that fail are the visitors' business.
		ErrorLog: log.New(discard{}, "", 0),
	}
	e.servers = append(e.servers, s)
	e.done.Go(func() {
		if config != nil {
			_ = s.ServeTLS(l, "", "")
		} else {
			_ = s.Serve(l)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Close stops serving and ends the connections.
func (e *Edge) Close() error {
	var errs []error
	for _, s := range e.servers {
		errs = append(errs, s.Close())
	}
	e.done.Wait()
	e.origins.close()
	return errors.Join(errs...)
}

// HTTPAddr is where plain HTTP is served.
func (e *Edge) HTTPAddr() string { return e.http.Addr().String() }

// HTTPSAddr is where HTTPS is served.
func (e *Edge) HTTPSAddr() string { return e.https.Addr().String() }

// CAPEM is the certificate of the authority that signs what visitors see.
func (e *Edge) CAPEM() []byte { return e.ca.pem }

// Roots is a pool that holds this authority.
func (e *Edge) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(e.ca.certificate)
	return pool
}

// Purge empties the cache.
func (e *Edge) Purge() { e.cache.purge() }
