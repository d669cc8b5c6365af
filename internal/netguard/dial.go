// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

const (
	// maxDialled is how many addresses of a host are tried, in the resolver's order (RFC 6724). All of them are judged.
	maxDialled = 4
	// dialTimeout is for one address; the context bounds the whole.
	dialTimeout = 5 * time.Second
)

// DialContext connects to an address of the target by TCP, as net.Dialer's does. It resolves a name once and dials only
// what it has judged. One bad address among a name's answers refuses them all: the good one is no excuse for the other.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	addrs, err := g.Lookup(ctx, network, address)
	if err != nil {
		return nil, err
	}
	var first error
	for _, ap := range addrs[:min(len(addrs), maxDialled)] {
		conn, err := dialer(ap).DialContext(ctx, network, ap.String())
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	// As net.Dialer does: the first address is the one that should have answered.
	return nil, first
}

// Lookup gives the addresses that DialContext would dial, and connects to none.
func (g *Guard) Lookup(ctx context.Context, network, address string) ([]netip.AddrPort, error) {
	family, ok := map[string]string{"tcp": "ip", "tcp4": "ip4", "tcp6": "ip6"}[network]
	if !ok {
		return nil, refuse(address, netip.AddrPort{}, "only TCP is dialled; use tcp, tcp4 or tcp6")
	}
	h, port, err := parseAddress(address)
	if err != nil {
		return nil, refuse(address, netip.AddrPort{}, err.Error())
	}
	if err := g.admit(h, port); err != nil {
		return nil, err
	}
	if h.addr.IsValid() {
		return []netip.AddrPort{netip.AddrPortFrom(h.addr, port)}, nil
	}
	return g.resolve(ctx, family, h, port)
}

// parseAddress reads host:port as a dialer gets it.
func parseAddress(address string) (host, uint16, error) {
	name, given, err := net.SplitHostPort(address)
	if err != nil {
		return host{}, 0, errors.New("it is not host:port; write it so")
	}
	h, err := parseHost(name)
	if err != nil {
		return host{}, 0, err
	}
	port, err := parsePort(given)
	return h, port, err
}

// resolve looks a name up, once, and judges every answer.
func (g *Guard) resolve(ctx context.Context, family string, h host, port uint16) ([]netip.AddrPort, error) {
	query := h.name
	if _, ours := g.hosts[h.name]; !ours {
		// A public name is complete: the dot keeps the pod's search list from finding a Service of that name.
		query += "."
	}
	answers, err := g.resolver.LookupNetIP(ctx, family, query)
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", h.name, err)
	}
	if len(answers) == 0 {
		return nil, fmt.Errorf("looking up %s: it has no address; add an A or AAAA record", h.name)
	}
	addrs := make([]netip.AddrPort, 0, len(answers))
	for _, a := range answers {
		addrs = append(addrs, plain(netip.AddrPortFrom(a, port)))
	}
	// In order of the addresses, so that the error is the same whatever order a server answers in.
	for _, ap := range slices.SortedFunc(slices.Values(addrs), netip.AddrPort.Compare) {
		if err := g.judge(h, ap); err != nil {
			return nil, err
		}
	}
	return addrs, nil
}

// dialer connects to the address that was judged, and to no other.
func dialer(judged netip.AddrPort) *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, ControlContext: only(judged)}
}

// only looks at the socket itself, after whatever the layers between have made of the address.
func only(judged netip.AddrPort) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || plain(ap) != judged || (network != "tcp4" && network != "tcp6") {
			return refuse(address, plain(ap), fmt.Sprintf("the socket is for another address than %s, which was checked; dial again", judged))
		}
		return nil
	}
}
