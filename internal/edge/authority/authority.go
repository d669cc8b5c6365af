// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package authority asks a zone's authoritative name servers whether a host exists. Its one answer is a proof that it does not:
// anything else, an error among it, proves nothing. It asks no resolver about the host, whose caches would answer for others.
package authority

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Resolver finds the addresses of name servers, as *net.Resolver does.
type Resolver interface {
	// LookupNetIP gives the addresses of a host.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Servers asks name servers.
type Servers struct {
	// Resolver is net.DefaultResolver where nil.
	Resolver Resolver
	// Port is 53 where it is empty.
	Port string
}

// timeout bounds one exchange: a server that needs longer has not answered.
const timeout = 3 * time.Second

// Nonexistent says whether every name server of a zone says, with authority, that the host doesn't exist (NXDOMAIN, RFC 8020), or of the
// zone's own name, which always exists, that it leads nowhere (no A, no AAAA, no CNAME; RFC 2308 §2.2). One that says so without
// authority, answers anything else or doesn't answer proves nothing.
func (s Servers) Nonexistent(ctx context.Context, zone string, nameServers []string, host string) (bool, error) {
	if len(nameServers) == 0 {
		return false, errors.New("the zone has no name servers that could be asked")
	}
	for _, server := range nameServers {
		gone, err := s.ask(ctx, server, host, host == zone)
		if err != nil {
			return false, fmt.Errorf("asking the name server %s: %w", server, err)
		}
		if !gone {
			return false, nil
		}
	}
	return true, nil
}

// ask asks one name server, at each of its addresses: they may stand on different machines.
func (s Servers) ask(ctx context.Context, server, host string, apex bool) (bool, error) {
	resolver := s.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip4", server)
	if err != nil {
		return false, fmt.Errorf("looking it up: %w", err)
	}
	port := s.Port
	if port == "" {
		port = "53"
	}
	for _, addr := range addrs {
		address := net.JoinHostPort(addr.Unmap().String(), port)
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
			reply, err := exchange(ctx, address, host, kind)
			if err != nil {
				return false, err
			}
			gone := reply.Rcode == dns.RcodeNameError || apex && reply.Rcode == dns.RcodeSuccess && len(reply.Answer) == 0
			if !gone || !reply.Authoritative {
				return false, nil
			}
		}
	}
	return len(addrs) > 0, nil
}

// exchange asks for the addresses of a host, over TCP where the answer doesn't fit (RFC 7766).
func exchange(ctx context.Context, address, host string, kind uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(host), kind)
	question.RecursionDesired = false
	client := dns.Client{Net: "udp", Timeout: timeout}
	reply, _, err := client.ExchangeContext(ctx, question, address)
	if err == nil && reply.Truncated {
		client.Net = "tcp"
		reply, _, err = client.ExchangeContext(ctx, question, address)
	}
	return reply, err
}
