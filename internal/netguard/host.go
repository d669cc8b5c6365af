// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// host is what stands before a port: a name or an address, never both.
type host struct {
	// name is lower case, without the dot at its end.
	name string
	addr netip.Addr
}

func (h host) String() string {
	if h.addr.IsValid() {
		return h.addr.String()
	}
	return h.name
}

// parseHost reads a host without brackets. It takes one spelling of each address and leaves no room for a second reading:
// what inet_aton(3), a browser (https://url.spec.whatwg.org/#host-parsing) or IDNA would turn into an address, and
// netip does not read as one, is refused.
func parseHost(s string) (host, error) {
	if s == "" {
		return host{}, errors.New("it names no host; write https://host/path")
	}
	for i := range len(s) {
		// Fullwidth digits, circled letters and ideographic dots become ASCII in IDNA (UTS #46 §4): ①②⑦.0.0.1.
		if s[i] <= ' ' || s[i] > '~' {
			return host{}, errors.New("its host has characters that no host name has; write an international name in its ASCII form (xn--...)")
		}
	}
	if strings.Contains(s, ":") {
		return parseIPv6(s)
	}
	// One dot at the end means that the name is complete (RFC 3986 §3.2.2): the same host.
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if last := name[strings.LastIndexByte(name, '.')+1:]; last != "" && isDigit(last[0]) {
		// No top-level domain begins with a digit (RFC 1123 §2.1), and all numbers do: 2130706433, 0x7f.1, 0177.0.0.1.
		addr, err := netip.ParseAddr(name)
		if err != nil {
			return host{}, errors.New("its host ends in a number and is no address; write an IPv4 address as four decimal numbers without leading zeros")
		}
		return host{addr: addr}, nil
	}
	if !isName(name) {
		return host{}, errors.New("its host is not a host name; write letters, digits and hyphens between dots")
	}
	return host{name: name}, nil
}

func parseIPv6(s string) (host, error) {
	addr, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return host{}, errors.New("its host is not an IPv6 address; write [2001:db8::1], and only hexadecimal digits and colons in the brackets")
	case addr.Zone() != "":
		// RFC 6874 would allow them; they name an interface of this machine.
		return host{}, errors.New("its address has a zone, which names one of our own links; leave the zone out")
	case addr.Is4In6():
		return host{}, errors.New("its host is an IPv4 address in an IPv6 spelling; write the IPv4 address itself")
	}
	return host{addr: addr}, nil
}

// isName follows RFC 1123 §2.1 and RFC 1035 §2.3.4: labels of 1 to 63 letters, digits and inner hyphens, 253 in all.
func isName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isDigit(c) && (c < 'a' || c > 'z') && c != '-' {
				return false
			}
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func parsePort(s string) (uint16, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("its port is not a number from 1 to 65535; write one")
	}
	return uint16(port), nil
}

// parseURL gives the host and the port that an HTTP client would connect to.
func parseURL(u *url.URL) (host, uint16, error) {
	var port uint16
	switch u.Scheme {
	case "http":
		port = 80 // RFC 9110 §4.2.1
	case "https":
		port = 443 // RFC 9110 §4.2.2
	default:
		return host{}, 0, errors.New("its scheme is neither http nor https; write one of them")
	}
	switch {
	case u.Opaque != "":
		return host{}, 0, errors.New("it has no // after its scheme; write https://host/path")
	case u.User != nil:
		// RFC 9110 §4.2.4: userinfo serves to make one host look like another.
		return host{}, 0, errors.New("it has a user or password before its host; leave them out")
	}
	name, given := u.Hostname(), u.Port()
	h, err := parseHost(name)
	if err != nil {
		return host{}, 0, err
	}
	// Brackets around a name, a colon without a port, a second colon: whatever does not come together again.
	again := name
	if strings.Contains(name, ":") {
		again = "[" + name + "]"
	}
	if given != "" {
		again += ":" + given
		if port, err = parsePort(given); err != nil {
			return host{}, 0, err
		}
	}
	if again != u.Host {
		return host{}, 0, errors.New("its host can be read in more than one way; write host or host:port")
	}
	return h, port, nil
}
