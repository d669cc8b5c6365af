// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pki makes the certificates of a control plane that lives for a test or a demo.
//
// It only makes them; which component gets which is decided by its caller. Nothing here may be used for anything that is
// reachable from another machine: the keys lie in a temporary folder.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Validity is how long certificates are valid: a demo may be left up for some days, a key that was forgotten somewhere is
// soon worth nothing.
const Validity = 7 * 24 * time.Hour

// backdate allows for clocks that are set back a little.
const backdate = 5 * time.Minute

// Usages of certificates.
const (
	Server = x509.ExtKeyUsageServerAuth
	Client = x509.ExtKeyUsageClientAuth
)

// Pair is a certificate with its private key, both in PEM.
type Pair struct {
	CertPEM []byte
	KeyPEM  []byte
}

// Format keeps the key out of everything that is printed, whatever the verb.
func (p Pair) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "certificate of %d bytes with its private key", len(p.CertPEM))
}

// Authority is a certificate authority. Its key is held in memory; write it only where a component signs with it.
type Authority struct {
	pair Pair
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  time.Time
}

// Format keeps the key out of everything that is printed.
func (a *Authority) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "authority %s", a.cert.Subject)
}

// Request says what a certificate is for.
type Request struct {
	CommonName string
	// Groups are what Kubernetes reads as the groups of a user.
	Groups []string
	// Hosts are the names and addresses of a server.
	Hosts  []string
	Usages []x509.ExtKeyUsage
}

// NewAuthority makes an authority whose certificates are valid from now on.
func NewAuthority(commonName string, now time.Time) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(pkix.Name{CommonName: commonName}, now)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	// It signs leaves only.
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	a := &Authority{cert: template, key: key, now: now}
	if a.pair, err = a.sign(template, key); err != nil {
		return nil, fmt.Errorf("authority %s: %w", commonName, err)
	}
	block, _ := pem.Decode(a.pair.CertPEM)
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, fmt.Errorf("authority %s: %w", commonName, err)
	}
	return a, nil
}

// Pair is the authority's own certificate and key.
func (a *Authority) Pair() Pair { return a.pair }

// Issue makes a key and a certificate for it.
func (a *Authority) Issue(r Request) (Pair, error) {
	key, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	template, err := newTemplate(pkix.Name{CommonName: r.CommonName, Organization: r.Groups}, a.now)
	if err != nil {
		return Pair{}, err
	}
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, r.Usages
	for _, host := range r.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	pair, err := a.sign(template, key)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate for %s: %w", r.CommonName, err)
	}
	return pair, nil
}

// NewSigningKey makes the key with which service account tokens are signed, and its public half, both in PEM.
func NewSigningKey() (private, public []byte, err error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	if private, err = encodeKey(key); err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a public key: %w", err)
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

func (a *Authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) (Pair, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), KeyPEM: keyPEM}, nil
}

// newKey makes an ECDSA key: RSA would take longer to make than etcd to start.
func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}

// encodeKey writes SEC 1, the one form in which etcd, the API server and Go's tls all take ECDSA keys.
func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func newTemplate(subject pkix.Name, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      subject,
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(Validity),
	}, nil
}
