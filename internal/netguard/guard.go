// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Resolver looks up the addresses of a name, as *net.Resolver does.
type Resolver interface {
	// LookupNetIP gives the addresses of a host; the network is ip, ip4 or ip6.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options say what may be reached. Without any, nothing may.
type Options struct {
	// Hosts are the target's, as host or host:port: chat.example.com, chat.shop.svc.cluster.local:8080. A host without a
	// port has ports 80 and 443. A name may lead to public addresses on its ports, and to proven ones.
	Hosts []string
	// Proven are addresses and ports that were proven to be the app's: of its pods or its Service. They may be private,
	// and are reached by themselves or through Hosts.
	Proven []netip.AddrPort
	// Public makes every public name and address a target too, on ports 80 and 443: for fetching what a tenant gave the
	// URL of, never for attacking.
	Public bool
	// ClusterPrefixes are ranges that are ours though they may look public: of pods, Services, nodes, the API server, and
	// a NAT64 prefix of one's own. Nothing in them is reached unless it is proven.
	ClusterPrefixes []netip.Prefix
	// Resolver is net.DefaultResolver where nil.
	Resolver Resolver
}

// Guard decides what may be reached. It holds no state, and may be used from many goroutines.
type Guard struct {
	// hosts are the ports of each host of the target, by its name or the text of its address.
	hosts    map[string][]uint16
	proven   map[netip.AddrPort]bool
	public   bool
	cluster  []netip.Prefix
	resolver Resolver
}

// webPorts are those of a host that gives none.
func webPorts() []uint16 { return []uint16{80, 443} }

// New makes a guard. An option that can't be meant is an error.
func New(o Options) (*Guard, error) {
	g := &Guard{
		hosts:    map[string][]uint16{},
		proven:   map[netip.AddrPort]bool{},
		public:   o.Public,
		resolver: o.Resolver,
	}
	if g.resolver == nil {
		g.resolver = net.DefaultResolver
	}
	for _, s := range o.Hosts {
		h, ports, err := parseTarget(s)
		if err != nil {
			return nil, fmt.Errorf("host %s of the target: %w", printable(s), err)
		}
		g.hosts[h.String()] = append(g.hosts[h.String()], ports...)
	}
	for _, ap := range o.Proven {
		ap = plain(ap)
		if ap.Port() == 0 || ap.Addr().Zone() != "" || !ap.Addr().IsValid() {
			return nil, fmt.Errorf("proven address %s: it needs an address without a zone, and a port", ap)
		}
		if b, special := purpose(ap.Addr()); special && !b.pods {
			return nil, fmt.Errorf("proven address %s: it is %s, which no pod and no Service has; prove the app's own address", ap, b.kind)
		}
		g.proven[ap] = true
	}
	for _, p := range o.ClusterPrefixes {
		if !p.IsValid() || p.Addr().Is4In6() {
			return nil, fmt.Errorf("cluster prefix %s: write it as 10.96.0.0/12 or fd00::/108", p)
		}
		g.cluster = append(g.cluster, p.Masked())
	}
	return g, nil
}

// parseTarget reads host, host:port, an IPv6 address, or one in brackets with a port.
func parseTarget(s string) (host, []uint16, error) {
	if name, given, err := net.SplitHostPort(s); err == nil {
		h, err := parseHost(name)
		if err != nil {
			return host{}, nil, err
		}
		port, err := parsePort(given)
		return h, []uint16{port}, err
	}
	h, err := parseHost(s)
	return h, webPorts(), err
}

// plain gives an IPv4 address as one: resolvers and sockets also write it as an IPv6 address (RFC 4291 §2.5.5.2).
func plain(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// CheckURL says whether a URL leads to the target, and can be read in one way only. It resolves nothing: the addresses
// behind a name are judged when they are dialled. The error is a *RefusedError.
func (g *Guard) CheckURL(u *url.URL) error {
	if u == nil {
		return refuse("", netip.AddrPort{}, "there is no URL; give one")
	}
	h, port, err := parseURL(u)
	if err != nil {
		return refuse(u.Host, netip.AddrPort{}, err.Error())
	}
	return g.admit(h, port)
}

// admit judges a host and a port by themselves, before a name is resolved.
func (g *Guard) admit(h host, port uint16) error {
	if h.addr.IsValid() {
		return g.judge(h, netip.AddrPortFrom(h.addr, port))
	}
	no := func(reason string) error { return refuse(hostPort(h.name, port), netip.AddrPort{}, reason) }
	if _, ours := g.hosts[h.name]; !ours {
		if !g.public {
			return no("it is not a host of the target; add it to the launch if it is the app's")
		}
		if local(h.name) {
			return no("its name means something on our own network only; use a name that is public")
		}
	}
	if !g.declares(h, port) && !g.provesPort(h, port) {
		return no("its port is not one of the target's; declare it as host:port if it is the app's")
	}
	return nil
}

// declares says whether a host may be reached on a port at public addresses.
func (g *Guard) declares(h host, port uint16) bool {
	return slices.Contains(g.hosts[h.String()], port) || (g.public && slices.Contains(webPorts(), port))
}

// provesPort says whether a name of the target may lead to a proven address with this port.
func (g *Guard) provesPort(h host, port uint16) bool {
	if _, ours := g.hosts[h.String()]; !ours {
		return false
	}
	for ap := range g.proven {
		if ap.Port() == port {
			return true
		}
	}
	return false
}

// judge decides on one address of a host.
func (g *Guard) judge(h host, ap netip.AddrPort) error {
	if g.proven[ap] {
		return nil
	}
	no := func(format string, args ...any) error {
		return refuse(hostPort(h.String(), ap.Port()), ap, fmt.Sprintf(format, args...))
	}
	if kind, special := Special(ap.Addr()); special {
		return no("it is %s, and not proven to be the app's; point the host at the app's Service or at public addresses only", kind)
	}
	for _, p := range g.cluster {
		inner, ok := translated(ap.Addr())
		if p.Contains(ap.Addr()) || (ok && p.Contains(inner)) {
			return no("it is in the cluster's own %s, and not proven to be the app's; point the host at the app's Service or at public addresses only", p)
		}
	}
	if _, ours := g.hosts[h.String()]; !ours && !g.public {
		return no("it is not a host of the target; add it to the launch if it is the app's")
	}
	if !g.declares(h, ap.Port()) {
		return no("its port is not one of the target's; declare it as host:port if it is the app's")
	}
	return nil
}

// local knows names that no public DNS server answers: single labels, which search lists complete, and special-use
// domains. Their addresses are judged all the same; this keeps our resolver from being asked.
func local(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case name:
		return true
	case "localhost", "invalid", "test", // RFC 6761 §6
		"local",    // RFC 6762 §3, and the cluster's own cluster.local
		"onion",    // RFC 7686 §2
		"alt",      // RFC 9476 §2
		"internal", // ICANN, 2024: for private use
		"svc":      // completed by the search list of every pod
		return true
	}
	return name == "home.arpa" || strings.HasSuffix(name, ".home.arpa") // RFC 8375 §3
}
