// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"

	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// ServerOptions say where the webhook is served, and with which certificate.
type ServerOptions struct {
	// Address to listen at, such as :9443.
	Address string
	// CertDir holds tls.crt and tls.key, which are read again when they change. Unused with GetCertificate.
	CertDir        string
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// ParseAddress takes an address apart. A port of the system's choice is none: nobody would find it.
func ParseAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no address: give host and port, such as :9443", address)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("%q has no port from 1 to 65535", address)
	}
	return host, port, nil
}

// NewServer makes the server with the handler. It runs on every replica.
func NewServer(o ServerOptions, handler admission.Handler) (ctrlwebhook.Server, error) {
	host, port, err := ParseAddress(o.Address)
	if err != nil {
		return nil, err
	}
	server := ctrlwebhook.NewServer(ctrlwebhook.Options{
		Host: host, Port: port, CertDir: o.CertDir,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) {
			c.MinVersion = tls.VersionTLS12
			// As for metrics: HTTP/2 brings nothing here, and had CVE-2023-44487.
			c.NextProtos = []string{"http/1.1"}
			c.GetCertificate = o.GetCertificate
		}},
	})
	server.Register(Path, &admission.Webhook{Handler: handler})
	return server, nil
}
