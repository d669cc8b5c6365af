// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"net/netip"
	"slices"
	"testing"
)

func TestSpecialAddressesAreKnownByTheirPurpose(t *testing.T) {
	tests := map[string]string{
		"0.0.0.0":         "the unspecified address",
		"0.1.2.3":         `an address of "this network"`,
		"10.0.0.1":        "a private address",
		"10.255.255.255":  "a private address",
		"100.64.0.0":      "a shared address (carrier-grade NAT)",
		"100.127.255.255": "a shared address (carrier-grade NAT)",
		"100.100.100.200": "a cloud's metadata service",
		"127.0.0.1":       "a loopback address",
		"127.255.255.254": "a loopback address",
		"168.63.129.16":   "a cloud's metadata service",
		"169.254.169.254": "a cloud's metadata service",
		"169.254.170.2":   "a link-local address",
		"172.16.0.1":      "a private address",
		"172.31.255.255":  "a private address",
		"192.0.0.8":       "an address for protocols",
		"192.0.0.192":     "a cloud's metadata service",
		"192.0.2.1":       "an address for documentation",
		"192.31.196.1":    "an AS112 address",
		"192.52.193.1":    "a multicast tunnel's address",
		"192.88.99.1":     "a 6to4 relay's address",
		"192.168.1.1":     "a private address",
		"192.175.48.1":    "an AS112 address",
		"198.18.0.1":      "an address for benchmarks",
		"198.19.255.255":  "an address for benchmarks",
		"198.51.100.1":    "an address for documentation",
		"203.0.113.1":     "an address for documentation",
		"224.0.0.1":       "a multicast address",
		"239.255.255.255": "a multicast address",
		"240.0.0.1":       "a reserved address",
		"255.255.255.255": "the broadcast address",

		"::":                      "the unspecified address",
		"::1":                     "a loopback address",
		"::7f00:1":                "an IPv4-compatible address",
		"::ffff:8.8.8.8":          "an IPv4-mapped address",
		"::ffff:7f00:1":           "an IPv4-mapped address",
		"::ffff:0:127.0.0.1":      "an IPv4-translated address",
		"64:ff9b::a9fe:a9fe":      "a NAT64 spelling of a cloud's metadata service",
		"64:ff9b::10.0.0.1":       "a NAT64 spelling of a private address",
		"64:ff9b:1::1.1.1.1":      "a local NAT64 address",
		"100::1":                  "a discard-only address",
		"100:0:0:1::1":            "a dummy address",
		"2001:0:7f00:1::":         "a Teredo address",
		"2001:2::1":               "an address for benchmarks",
		"2001:1::1":               "an address for protocols",
		"2001:20::1":              "an address for protocols",
		"2001:db8::1":             "an address for documentation",
		"2002:7f00:1::":           "a 6to4 address",
		"2002:808:808::":          "a 6to4 address",
		"2620:4f:8000::1":         "an AS112 address",
		"3ffe::1":                 "an address of the 6bone, which has been given back",
		"3fff:fff::1":             "an address for documentation",
		"5f00::1":                 "a segment routing identifier",
		"fc00::1":                 "a private address",
		"fd00:ec2::254":           "a cloud's metadata service",
		"fd20:ce::254":            "a cloud's metadata service",
		"fd00:c1::a9fe:a9fe":      "a cloud's metadata service",
		"fdff:ffff::1":            "a private address",
		"fe80::1":                 "a link-local address",
		"febf::1":                 "a link-local address",
		"fec0::1":                 "a site-local address",
		"ff02::1":                 "a multicast address",
		"4000::1":                 "an address that nobody has been given",
		"200::1":                  "an address that nobody has been given",
		"2606:4700::5efe:a00:1":   "an ISATAP address",
		"2606:4700::200:5efe:1:1": "an ISATAP address",
		"2606:4700::1%eth0":       "an address on one of our own links",
	}
	for addr, want := range tests {
		t.Run(addr, func(t *testing.T) {
			if got, special := Special(netip.MustParseAddr(addr)); got != want || !special {
				t.Errorf("got %q, %v, want %q, true", got, special, want)
			}
		})
	}
	if kind, special := Special(netip.Addr{}); kind != "no address" || !special {
		t.Errorf("no address: got %q, %v", kind, special)
	}
}

// The neighbours of the special ranges: whoever refuses too much can't measure anything.
func TestPublicAddressesAreNotSpecial(t *testing.T) {
	for _, addr := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0",
		"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111", "2620:4f:8001::1", "3fff:1000::1",
		"64:ff9b::8.8.8.8",
	} {
		if kind, special := Special(netip.MustParseAddr(addr)); kind != "" || special {
			t.Errorf("%s: got %q, %v, want a public address", addr, kind, special)
		}
	}
}

// What a NetworkPolicy lets through must be what the guard takes for public, and no more.
func TestPublicRangesAreWhatTheGuardTakesForPublic(t *testing.T) {
	ranges := map[netip.Prefix][]netip.Prefix{}
	for _, public := range PublicPrefixes() {
		ranges[public] = SpecialPrefixes(public)
		for i, p := range ranges[public] {
			if !public.Contains(p.Addr()) || p.Bits() <= public.Bits() || (i > 0 && ranges[public][i-1].Overlaps(p)) {
				t.Errorf("%s takes %s out of %s", p, ranges[public], public)
			}
		}
	}
	through := func(addr netip.Addr) bool {
		for public, without := range ranges {
			if public.Contains(addr) && !slices.ContainsFunc(without, func(p netip.Prefix) bool { return p.Contains(addr) }) {
				return true
			}
		}
		return false
	}
	var addrs []netip.Addr
	for _, b := range specialBlocks {
		addrs = append(addrs, b.prefix.Addr(), b.prefix.Addr().Prev(), last(b.prefix), last(b.prefix).Next())
		if b.prefix.Addr().Is4() {
			p := spelledNAT64(b.prefix)
			addrs = append(addrs, p.Addr(), p.Addr().Prev(), last(p), last(p).Next())
		}
	}
	for _, s := range []string{"1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::1.1.1.1", "4000::1", "::1", "64:ff9c::1"} {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	for _, addr := range addrs {
		if _, special := Special(addr); addr.IsValid() && through(addr) == special {
			t.Errorf("%s is special: %t, and let through: %t", addr, special, through(addr))
		}
	}
}

// last gives the last address of a range.
func last(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}
