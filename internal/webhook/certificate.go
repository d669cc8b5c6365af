// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// lifetime of a certificate.
	lifetime = 90 * 24 * time.Hour
	// renewBefore is how long before its end a certificate is replaced: an operator that is down for weeks comes back in time.
	renewBefore = 30 * 24 * time.Hour
	// backdate allows for clocks that disagree.
	backdate = time.Hour
	// caField of the Secret holds the certificates that the API server is to trust, the newest first.
	caField = "ca.crt"
)

const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "EC PRIVATE KEY"
)

// material is what the webhook serves with.
type material struct {
	certificate tls.Certificate
	// bundle is what the API server has to trust, as PEM.
	bundle []byte
	// until is the end of the certificate.
	until time.Time
}

// due says whether it is time for another certificate.
func (m *material) due(now time.Time) bool { return now.After(m.until.Add(-renewBefore)) }

// read reads what a Secret holds, and sees that it fits: the key to the certificate, the certificate to the host, the time and what
// is to be trusted. Its errors tell nothing of the content.
func read(data map[string][]byte, host string, now time.Time) (*material, error) {
	certificate, err := tls.X509KeyPair(data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, errors.New("it holds no certificate with its key")
	}
	roots := x509.NewCertPool()
	for _, ca := range certificates(data[caField]) {
		roots.AddCert(ca)
	}
	_, err = certificate.Leaf.Verify(x509.VerifyOptions{
		DNSName: host, Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, fmt.Errorf("its certificate is not valid for %s, now, by its own %s", host, caField)
	}
	return &material{certificate: certificate, bundle: data[caField], until: certificate.Leaf.NotAfter}, nil
}

// issue makes a certificate for a host, signed by a new authority whose key nobody keeps. What is to be trusted is the new
// authority and the one before, so that replicas that serve the certificate before are trusted until they have the new one.
func issue(host string, now time.Time, before []byte) (map[string][]byte, error) {
	authority := &x509.Certificate{
		Subject: pkix.Name{CommonName: "launchready webhook"}, NotBefore: now.Add(-backdate), NotAfter: now.Add(lifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		// It is trusted for this host alone, whoever gets hold of it.
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{host},
	}
	served := &x509.Certificate{
		Subject: pkix.Name{CommonName: "launchready webhook"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		DNSNames: []string{host}, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, template := range []*x509.Certificate{authority, served} {
		// RFC 5280 §4.1.2.2: at most 20 octets.
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
		if err != nil {
			return nil, fmt.Errorf("making a serial number: %w", err)
		}
		template.SerialNumber = serial
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, fmt.Errorf("making the authority's certificate: %w", err)
	}
	// As it was made: with the identifier of its key, by which the other one names it.
	if authority, err = x509.ParseCertificate(authorityDER); err != nil {
		return nil, fmt.Errorf("making the authority's certificate: %w", err)
	}
	servedDER, err := x509.CreateCertificate(rand.Reader, served, authority, key.Public(), authorityKey)
	if err != nil {
		return nil, fmt.Errorf("making the certificate: %w", err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, errors.New("encoding the key") // an error about a key is not passed on
	}
	bundle := pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: authorityDER})
	if old := newest(before, now); old != nil {
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: old.Raw})...)
	}
	return map[string][]byte{
		caField:                 bundle,
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: servedDER}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: keyDER}),
	}, nil
}

// newest gives the first certificate of a bundle, if it still is in force.
func newest(bundle []byte, now time.Time) *x509.Certificate {
	all := certificates(bundle)
	if len(all) == 0 || now.After(all[0].NotAfter) {
		return nil
	}
	return all[0]
}

// certificates reads PEM. What is no certificate is passed over.
func certificates(text []byte) []*x509.Certificate {
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(bytes.TrimSpace(rest)) {
		if block.Type != certificateBlock {
			continue
		}
		if parsed, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, parsed)
		}
	}
	return all
}
