// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func authority(t *testing.T, name string, now time.Time) *Authority {
	t.Helper()
	a, err := NewAuthority(name, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *Authority, r Request) Pair {
	t.Helper()
	pair, err := a.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func parse(t *testing.T, pair Pair) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(pair.CertPEM)
	if block == nil || len(rest) > 0 {
		t.Fatal("not one PEM block")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func pool(a *Authority) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(a.Pair().CertPEM)
	return p
}

func TestCertificateIsGoodForWhatItWasAskedForOnly(t *testing.T) {
	now := time.Now()
	ours, other := authority(t, "same name", now), authority(t, "same name", now)
	cert := parse(t, issue(t, ours, Request{
		CommonName: "server", Hosts: []string{"localhost", "127.0.0.1"}, Usages: []x509.ExtKeyUsage{Server},
	}))
	tests := map[string]struct {
		options x509.VerifyOptions
		good    bool
	}{
		"its name":            {x509.VerifyOptions{Roots: pool(ours), DNSName: "localhost"}, true},
		"its address":         {x509.VerifyOptions{Roots: pool(ours), DNSName: "127.0.0.1"}, true},
		"until its last hour": {x509.VerifyOptions{Roots: pool(ours), CurrentTime: now.Add(Validity - time.Hour)}, true},
		"another name":        {x509.VerifyOptions{Roots: pool(ours), DNSName: "example.com"}, false},
		"another address":     {x509.VerifyOptions{Roots: pool(ours), DNSName: "127.0.0.2"}, false},
		"another authority":   {x509.VerifyOptions{Roots: pool(other), DNSName: "localhost"}, false},
		"no authority":        {x509.VerifyOptions{Roots: x509.NewCertPool(), DNSName: "localhost"}, false},
		"another use":         {x509.VerifyOptions{Roots: pool(ours), KeyUsages: []x509.ExtKeyUsage{Client}}, false},
		"after its time":      {x509.VerifyOptions{Roots: pool(ours), CurrentTime: now.Add(Validity + time.Hour)}, false},
		"before its time":     {x509.VerifyOptions{Roots: pool(ours), CurrentTime: now.Add(-time.Hour)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := cert.Verify(test.options); (err == nil) != test.good {
				t.Errorf("verified: %v, want good = %v", err, test.good)
			}
		})
	}
}

func TestCertificateSignsNoOther(t *testing.T) {
	now := time.Now()
	ours := authority(t, "authority", now)
	leaf := issue(t, ours, Request{CommonName: "leaf", Usages: []x509.ExtKeyUsage{Server}})
	pair, err := tls.X509KeyPair(leaf.CertPEM, leaf.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	victim := parse(t, issue(t, authority(t, "other", now), Request{CommonName: "victim", Usages: []x509.ExtKeyUsage{Server}}))
	der, err := x509.CreateCertificate(nil, victim, parse(t, leaf), victim.PublicKey, pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	between := x509.NewCertPool()
	between.AddCert(parse(t, leaf))
	if _, err := forged.Verify(x509.VerifyOptions{Roots: pool(ours), Intermediates: between}); err == nil {
		t.Error("a certificate signed by a leaf verifies")
	}
}

func TestUserIsNamedByItsCertificate(t *testing.T) {
	cert := parse(t, issue(t, authority(t, "authority", time.Now()), Request{CommonName: "jane", Groups: []string{"a", "b"}}))
	if cert.Subject.CommonName != "jane" || !slices.Equal(cert.Subject.Organization, []string{"a", "b"}) {
		t.Errorf("subject is %s", cert.Subject)
	}
	if cert.IsCA {
		t.Error("a user's certificate is an authority's")
	}
}

// TestBothSidesVerify runs a handshake as between the API server and etcd.
func TestBothSidesVerify(t *testing.T) {
	now := time.Now()
	ours, other := authority(t, "etcd", now), authority(t, "etcd", now)
	server := Request{CommonName: "etcd", Hosts: []string{"127.0.0.1"}, Usages: []x509.ExtKeyUsage{Server}}
	client := Request{CommonName: "client", Usages: []x509.ExtKeyUsage{Client}}
	tests := map[string]struct {
		server, client *Pair
		good           bool
	}{
		"both ours":                      {ptr(issue(t, ours, server)), ptr(issue(t, ours, client)), true},
		"client of another authority":    {ptr(issue(t, ours, server)), ptr(issue(t, other, client)), false},
		"server of another authority":    {ptr(issue(t, other, server)), ptr(issue(t, ours, client)), false},
		"client without a certificate":   {ptr(issue(t, ours, server)), nil, false},
		"server's certificate as client": {ptr(issue(t, ours, server)), ptr(issue(t, ours, server)), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := handshake(t, pool(ours), test.server, test.client)
			if (err == nil) != test.good {
				t.Errorf("handshake: %v, want good = %v", err, test.good)
			}
		})
	}
}

func ptr(p Pair) *Pair { return &p }

// handshake returns what either side has to object. A real connection is used, as net.Pipe has no buffer: both sides would wait
// for the other to read.
func handshake(t *testing.T, roots *x509.CertPool, server, client *Pair) error {
	t.Helper()
	clientConfig := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if client != nil {
		clientConfig.Certificates = []tls.Certificate{keyPair(t, *client)}
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{keyPair(t, *server)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	answered := make(chan error, 1)
	go func() { answered <- answer(listener) }()
	dialer := tls.Dialer{Config: clientConfig}
	conn, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		return errors.Join(err, <-answered)
	}
	// In TLS 1.3 the client has finished before the server has looked at its certificate.
	_, err = io.ReadAll(conn)
	return errors.Join(err, conn.Close(), <-answered)
}

func answer(listener net.Listener) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte("welcome"))
	return errors.Join(err, conn.Close())
}

func keyPair(t *testing.T, p Pair) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestKeysAreNeverPrinted(t *testing.T) {
	a := authority(t, "authority", time.Now())
	pair := issue(t, a, Request{CommonName: "leaf"})
	for _, secret := range [][]byte{pair.KeyPEM, a.Pair().KeyPEM} {
		block, _ := pem.Decode(secret)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			printed := fmt.Sprintf(verb+verb+verb+verb, pair, &pair, a, struct{ P Pair }{pair})
			for _, form := range []string{
				string(secret), string(secret[40:80]), hex.EncodeToString(block.Bytes[:20]), hex.EncodeToString(secret[40:60]),
				strings.Trim(fmt.Sprintf("%d", secret[40:60]), "[]"),
			} {
				if bytes.Contains([]byte(printed), []byte(form)) {
					t.Errorf("%s prints a private key", verb)
				}
			}
		}
	}
}

func TestSigningKeyMatchesItsPublicHalf(t *testing.T) {
	private, public, err := NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(private)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(public)
	half, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(half) {
		t.Error("the two halves are of different keys")
	}
}
