// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// FuzzCheckURL holds CheckURL to what other readers of the same URL would make of it: the C library, a browser, and our
// own dialer.
func FuzzCheckURL(f *testing.F) {
	for _, tt := range tricks {
		f.Add(tt.raw)
	}
	f.Add("https://app.example/")
	f.Add("https://1.1.1.1:443/x?y#z")
	f.Add("https://[2606:4700:4700::1111]/")
	f.Add(`http://1.1.1.1/\@127.0.0.1`)
	wide := newGuard(f, Options{Public: true, Resolver: always(nil)})
	narrow := newGuard(f, Options{Hosts: []string{"app.example"}})
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		if narrow.CheckURL(u) == nil {
			if got := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."); got != "app.example" {
				t.Fatalf("%q passed as the target", got)
			}
		}
		if err := wide.CheckURL(u); err != nil {
			if refused := refusal(t, err); len(refused.Host) > maxForeign || strings.ContainsFunc(refused.Error(), isUnprintable) {
				t.Fatalf("the error is %q", refused)
			}
			return
		}
		name := u.Hostname()
		if addr, ok := asLibc(name); ok {
			if kind, special := Special(addr); special {
				t.Fatalf("%q passed: the C library reads %s, %s", raw, addr, kind)
			}
		}
		if browser := asBrowser(raw); !strings.EqualFold(browser, name) {
			t.Fatalf("%q passed: a browser reads the host %q, we read %q", raw, browser, name)
		}
		// What passes here and is an address is one that the dialer takes.
		port := u.Port()
		if port == "" {
			port = "443"
		}
		if _, err := netip.ParseAddr(name); err == nil {
			if _, err := wide.Lookup(t.Context(), "tcp", net.JoinHostPort(name, port)); err != nil {
				t.Fatalf("%q passed, and its address didn't: %v", raw, err)
			}
		}
	})
}

func isUnprintable(r rune) bool { return r < ' ' || r > '~' }

// asLibc reads a host as getaddrinfo(3) does before it asks a name server: IPv6 with or without a zone, and inet_aton(3),
// of which glibc's ignores what comes after white space.
func asLibc(name string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr, true
	}
	name, _, _ = strings.Cut(name, " ")
	parts := strings.Split(strings.TrimSuffix(name, "."), ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, part := range parts {
		n, err := number(part)
		limit := uint64(math.MaxUint8)
		if i == len(parts)-1 {
			// The last one fills all bytes that are left.
			limit = 1<<(8*(5-len(parts))) - 1
		}
		if err != nil || n > limit {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			sum += n
		} else {
			sum += n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}

// number reads decimal, 0 for octal, 0x for hexadecimal; 0x alone is 0 to a browser.
func number(s string) (uint64, error) {
	s = strings.ToLower(s)
	switch {
	case s == "0x":
		return 0, nil
	case strings.HasPrefix(s, "0x"):
		return strconv.ParseUint(s[2:], 16, 64)
	case len(s) > 1 && s[0] == '0':
		return strconv.ParseUint(s[1:], 8, 64)
	}
	return strconv.ParseUint(s, 10, 64)
}

// asBrowser finds the host as the URL standard does for http and https (https://url.spec.whatwg.org/#url-parsing): tabs and
// line breaks don't count, backslashes are slashes, and the last @ before the path ends the userinfo.
func asBrowser(raw string) string {
	raw = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.TrimFunc(raw, func(r rune) bool { return r <= ' ' }))
	_, rest, _ := strings.Cut(raw, ":")
	rest = strings.TrimLeft(rest, "/")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		inner, _, _ = strings.Cut(inner, "]")
		return inner
	}
	rest, _, _ = strings.Cut(rest, ":")
	return rest
}
