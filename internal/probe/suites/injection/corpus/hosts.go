// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// hostPatterns find what could be somebody's host: behind a scheme or two slashes, behind @, or by itself with a common ending.
var hostPatterns = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(?:[a-z][a-z0-9+.-]*:)?//(?:[^\s/@"'<>()]*@)?(\[[0-9a-f:.]+\]|[^\s/:?#"'<>()\[\]{}\\,;$]+)`),
	regexp.MustCompile(`(?i)[a-z0-9._%+-]@([a-z0-9.-]+\.[a-z]{2,})`),
	regexp.MustCompile(`(?i)\b((?:[a-z0-9-]+\.)+(?:com|net|org|io|ai|dev|app|info|biz|co|me|cloud|site|xyz|online|tech|gov|edu|mil|int|eu|de|fr|uk|us|ru|cn|jp|kr|br|in))\b`),
	regexp.MustCompile(`\b(\d{1,3}(?:\.\d{1,3}){3})\b`),
}

// reservedNames and reservedRanges belong to nobody. RFC 2606 §2 and §3, RFC 5737, RFC 3849. Of the names, localhost is left
// out: it is the app's own host.
func reservedNames() []string {
	return []string{"test", "example", "invalid", "example.com", "example.net", "example.org"}
}

func reservedRanges() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("2001:db8::/32"),
	}
}

// stranger gives a host in the text that is neither reserved nor the probe's own.
func stranger(text string) (string, bool) {
	// What the placeholders stand for is the probe's own.
	text = strings.NewReplacer("$("+Address+")", "https://probe.test", "$("+Page+")", "https://probe.test", "$("+DNSName+")", "probe.test",
		"$("+Name+")", "probe.test", "$("+NameServer+")", "192.0.2.1").Replace(text)
	for _, pattern := range hostPatterns {
		for _, found := range pattern.FindAllStringSubmatch(text, -1) {
			host := strings.ToLower(strings.TrimRight(found[1], ".!*_`"))
			if host != "" && !reserved(host) {
				return host, true
			}
		}
	}
	return "", false
}

func reserved(host string) bool {
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return slices.ContainsFunc(reservedRanges(), func(p netip.Prefix) bool { return p.Contains(address) })
	}
	return slices.ContainsFunc(reservedNames(), func(name string) bool {
		return host == name || strings.HasSuffix(host, "."+name)
	})
}
