// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package whole

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// Balancer stands for the load balancer of a cloud in front of an app: it ends TLS with a certificate that a strict edge accepts, and
// hands requests on over plain HTTP.
type Balancer struct {
	// Addr is where it listens.
	Addr string
	// Certificate that it shows, which is its own authority's.
	Certificate *x509.Certificate
	server      *http.Server
}

// certificateLife is longer than any emulator runs.
const certificateLife = 30 * 24 * time.Hour

// NewBalancer starts a balancer for hosts, in front of an upstream such as chat.market.svc:80. Close ends it.
func NewBalancer(ctx context.Context, hosts []string, upstream string) (*Balancer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "emulated load balancer"}, DNSNames: hosts,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making the balancer's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the edge: %w", err)
	}
	b := &Balancer{Addr: listener.Addr().String(), Certificate: leaf}
	b.server = &http.Server{
		Handler: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(&url.URL{Scheme: "http", Host: upstream})
				r.Out.Host = r.In.Host
				r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
				r.SetXForwarded()
			},
		},
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}},
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	go func() { _ = b.server.ServeTLS(listener, "", "") }() // Close ends it
	return b, nil
}

// Close ends the balancer.
func (b *Balancer) Close() error { return b.server.Close() }
