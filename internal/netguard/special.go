// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"cmp"
	"net/netip"
	"slices"
)

// block is a range of addresses with a purpose of its own.
type block struct {
	prefix netip.Prefix
	kind   string
	// pods says whether a pod, a node or a Service may have such an address, on whatever network. An EndpointSlice may not
	// hold the others either; loopback is for tests, and for trying an app out at one's own desk.
	pods bool
}

// nat64 is the well-known prefix of translators: its last 32 bits are an IPv4 address (RFC 6052 §2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// globalUnicast is all of IPv6 that IANA has given out as global unicast; the rest has a purpose of its own or none yet
// (RFC 4291 §2.4, https://www.iana.org/assignments/ipv6-address-space).
var globalUnicast = netip.MustParsePrefix("2000::/3")

// specialBlocks are the IANA special-purpose address registries (RFC 6890, as updated by RFC 8190), and what they leave
// out: multicast, transition mechanisms that have been given up, and public addresses that a cloud keeps for its
// machines. What the registries call globally reachable is here as well (AS112, AMT, anycast): no app lives there.
// The narrower of two nested blocks stands first.
//
// https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
var specialBlocks = []block{
	// A connection to 0.0.0.0 goes to the machine itself on Linux.
	{netip.MustParsePrefix("0.0.0.0/32"), "the unspecified address", false},                          // RFC 1122 §3.2.1.3
	{netip.MustParsePrefix("0.0.0.0/8"), "an address of \"this network\"", false},                    // RFC 791 §3.2
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address", true},                                 // RFC 1918 §3
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's metadata service", false},               // Alibaba Cloud
	{netip.MustParsePrefix("100.64.0.0/10"), "a shared address (carrier-grade NAT)", true},           // RFC 6598 §7
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address", true},                               // RFC 1122 §3.2.1.3
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata service", false},                 // Azure's WireServer
	{netip.MustParsePrefix("169.254.169.254/32"), "a cloud's metadata service", false},               // AWS, Azure, Google and others
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address", false},                         // RFC 3927 §2.1
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address", true},                              // RFC 1918 §3
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud's metadata service", false},                   // Oracle Cloud
	{netip.MustParsePrefix("192.0.0.0/24"), "an address for protocols", true},                        // RFC 6890 §2.1
	{netip.MustParsePrefix("192.0.2.0/24"), "an address for documentation", true},                    // RFC 5737 §3
	{netip.MustParsePrefix("192.31.196.0/24"), "an AS112 address", false},                            // RFC 7535
	{netip.MustParsePrefix("192.52.193.0/24"), "a multicast tunnel's address", false},                // RFC 7450 §7
	{netip.MustParsePrefix("192.88.99.0/24"), "a 6to4 relay's address", false},                       // RFC 7526 §4
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address", true},                             // RFC 1918 §3
	{netip.MustParsePrefix("192.175.48.0/24"), "an AS112 address", false},                            // RFC 7534
	{netip.MustParsePrefix("198.18.0.0/15"), "an address for benchmarks", true},                      // RFC 2544 §C.2.2
	{netip.MustParsePrefix("198.51.100.0/24"), "an address for documentation", true},                 // RFC 5737 §3
	{netip.MustParsePrefix("203.0.113.0/24"), "an address for documentation", true},                  // RFC 5737 §3
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address", false},                             // RFC 5771 §3
	{netip.MustParsePrefix("255.255.255.255/32"), "the broadcast address", false},                    // RFC 919 §7
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address", true},                               // RFC 1112 §4
	{netip.MustParsePrefix("::/128"), "the unspecified address", false},                              // RFC 4291 §2.5.2
	{netip.MustParsePrefix("::1/128"), "a loopback address", true},                                   // RFC 4291 §2.5.3
	{netip.MustParsePrefix("::/96"), "an IPv4-compatible address", false},                            // RFC 4291 §2.5.5.1
	{netip.MustParsePrefix("::ffff:0:0/96"), "an IPv4-mapped address", false},                        // RFC 4291 §2.5.5.2
	{netip.MustParsePrefix("::ffff:0:0:0/96"), "an IPv4-translated address", false},                  // RFC 2765 §2.1
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a local NAT64 address", false},                        // RFC 8215
	{netip.MustParsePrefix("100::/64"), "a discard-only address", false},                             // RFC 6666
	{netip.MustParsePrefix("100:0:0:1::/64"), "a dummy address", false},                              // RFC 9780
	{netip.MustParsePrefix("2001::/32"), "a Teredo address", false},                                  // RFC 4380 §2.6
	{netip.MustParsePrefix("2001:2::/48"), "an address for benchmarks", true},                        // RFC 5180 §8
	{netip.MustParsePrefix("2001::/23"), "an address for protocols", true},                           // RFC 2928
	{netip.MustParsePrefix("2001:db8::/32"), "an address for documentation", true},                   // RFC 3849 §2
	{netip.MustParsePrefix("2002::/16"), "a 6to4 address", false},                                    // RFC 3056 §2, RFC 7526 §4
	{netip.MustParsePrefix("2620:4f:8000::/48"), "an AS112 address", false},                          // RFC 7534
	{netip.MustParsePrefix("3ffe::/16"), "an address of the 6bone, which has been given back", true}, // RFC 3701
	{netip.MustParsePrefix("3fff::/20"), "an address for documentation", true},                       // RFC 9637
	{netip.MustParsePrefix("5f00::/16"), "a segment routing identifier", true},                       // RFC 9602
	{netip.MustParsePrefix("fd00:ec2::/32"), "a cloud's metadata service", false},                    // AWS, [fd00:ec2::254] and its like
	{netip.MustParsePrefix("fd20:ce::254/128"), "a cloud's metadata service", false},                 // Google Cloud
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), "a cloud's metadata service", false},           // Oracle Cloud
	{netip.MustParsePrefix("fc00::/7"), "a private address", true},                                   // RFC 4193 §3.1
	{netip.MustParsePrefix("fe80::/10"), "a link-local address", false},                              // RFC 4291 §2.5.6
	{netip.MustParsePrefix("fec0::/10"), "a site-local address", true},                               // RFC 3879 §4
	{netip.MustParsePrefix("ff00::/8"), "a multicast address", false},                                // RFC 4291 §2.7
}

// Special says which special purpose an address has, such as "a loopback address", and false of the addresses that the
// public internet is made of. An IPv4 address within an IPv6 one is judged where it can be reached so, else refused with it.
func Special(addr netip.Addr) (kind string, special bool) {
	b, special := purpose(addr)
	return b.kind, special
}

// SpecialPrefixes are the ranges of these addresses within a range that leads to the public internet: within 0.0.0.0/0, 2000::/3, and
// 64:ff9b::/96, where each IPv4 range stands in the spelling of NAT64. None of them lies within another.
func SpecialPrefixes(within netip.Prefix) []netip.Prefix {
	var found []netip.Prefix
	for _, b := range specialBlocks {
		p := b.prefix
		if within == nat64 {
			if !p.Addr().Is4() {
				continue
			}
			p = spelledNAT64(p)
		}
		if within.Bits() < p.Bits() && within.Contains(p.Addr()) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	var widest []netip.Prefix
	for _, p := range found { // the wider of two nested ones comes first
		if n := len(widest); n == 0 || !widest[n-1].Contains(p.Addr()) {
			widest = append(widest, p)
		}
	}
	return widest
}

// spelledNAT64 gives an IPv4 range as one of the well-known prefix. RFC 6052 §2.2.
func spelledNAT64(p netip.Prefix) netip.Prefix {
	all, inner := nat64.Addr().As16(), p.Addr().As4()
	copy(all[12:], inner[:])
	return netip.PrefixFrom(netip.AddrFrom16(all), nat64.Bits()+p.Bits())
}

// PublicPrefixes are the ranges that the public internet is made of, with what SpecialPrefixes takes out of them.
func PublicPrefixes() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), globalUnicast, nat64}
}

func purpose(addr netip.Addr) (block, bool) {
	switch {
	case !addr.IsValid():
		return block{kind: "no address"}, true
	case addr.Zone() != "":
		// A zone names an interface of this machine (RFC 4007 §11).
		return block{kind: "an address on one of our own links"}, true
	}
	for _, b := range specialBlocks {
		if b.prefix.Contains(addr) {
			return b, true
		}
	}
	if inner, ok := translated(addr); ok {
		// RFC 6052 §3.1: the well-known prefix must not stand for an address that is not global. Who attacks writes it so.
		b, special := purpose(inner)
		if !special {
			return block{}, false
		}
		return block{kind: "a NAT64 spelling of " + b.kind}, true
	}
	if isatap(addr) {
		return block{kind: "an ISATAP address"}, true
	}
	if addr.Is6() && !globalUnicast.Contains(addr) {
		return block{kind: "an address that nobody has been given", pods: true}, true
	}
	return block{}, false
}

// translated gives the IPv4 address that a NAT64 address of the well-known prefix leads to. On a network that has only
// IPv6, that is how every IPv4 host is reached (RFC 6147).
func translated(addr netip.Addr) (netip.Addr, bool) {
	if !nat64.Contains(addr) {
		return netip.Addr{}, false
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// isatap knows a tunnel into a site by its interface identifier, 0000:5efe or 0200:5efe and an IPv4 address, under any
// prefix (RFC 5214 §6.1).
func isatap(addr netip.Addr) bool {
	b := addr.As16()
	return addr.Is6() && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}
