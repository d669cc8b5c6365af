// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxForeign is how many characters of a host that others wrote stand in an error.
const maxForeign = 200

// RefusedError says what was not reached, and why. Its texts may stand in a finding: what others wrote is cut to 200
// printable characters. A *url.Error around it holds their text as it came: take this one out of it by errors.As.
type RefusedError struct {
	// Host is the host asked for, with its port where there is one. Of a URL nothing else is kept.
	Host string
	// Addr is the address that was refused; not valid where the host was refused before it was resolved.
	Addr netip.AddrPort
	// Reason says why, and what to do.
	Reason string
}

func (e *RefusedError) Error() string {
	at := ""
	if e.Addr.IsValid() && e.Addr.String() != e.Host {
		at = fmt.Sprintf(" (%s)", e.Addr)
	}
	return fmt.Sprintf("refused to reach %s%s: %s", e.Host, at, e.Reason)
}

// refuse is the only maker of a RefusedError: no foreign text gets into one as it came.
func refuse(host string, addr netip.AddrPort, reason string) *RefusedError {
	return &RefusedError{Host: printable(host), Addr: addr, Reason: reason}
}

// printable cuts foreign text, and makes whatever is not printable ASCII visible. No host needs more, and a look-alike
// letter shows.
func printable(s string) string {
	const ellipsis = "..."
	if s == "" {
		return "(no host)"
	}
	var b strings.Builder
	for _, r := range s {
		c := string(r)
		if r <= ' ' || r > '~' {
			c = fmt.Sprintf(`\u{%X}`, r)
		}
		if b.Len()+len(c) > maxForeign-len(ellipsis) {
			return b.String() + ellipsis
		}
		b.WriteString(c)
	}
	return b.String()
}

// hostPort joins a host and a port for people to read.
func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
