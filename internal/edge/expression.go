// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
)

// maxExpression is the length that a rule's expression may have, in characters.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/expressions/
const maxExpression = 4096

// notACME leaves alone what certificate authorities ask for (RFC 8555 §8.3): no rule that refuses or redirects may stand in
// the way of a certificate.
const notACME = `not starts_with(http.request.uri.path, "/.well-known/acme-challenge/")`

// quoted writes a string of Cloudflare's Rules language.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// set writes a set of strings.
func set(values []string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = quoted(v)
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// hostIn selects the requests for some hosts.
func hostIn(hosts []string) string { return "http.host in " + set(hosts) }

// namesHost says whether an expression of ours names a host.
func namesHost(expression, host string) bool { return strings.Contains(expression, quoted(host)) }

// all joins conditions that have to hold together.
func all(conditions ...string) string { return strings.Join(conditions, " and ") }

// anyOf joins conditions of which one has to hold.
func anyOf(conditions []string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return "(" + strings.Join(conditions, " or ") + ")"
}

// pathBegins selects requests by the beginnings of their paths.
func pathBegins(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = "starts_with(http.request.uri.path, " + quoted(p) + ")"
	}
	return out
}

// chunks cuts what is joined by or into expressions that are not too long, in order. tail is appended to each.
func chunks(parts []string, tail string) []string {
	var out []string
	var current []string
	size := 0
	flush := func() {
		if len(current) > 0 {
			out = append(out, anyOf(current)+tail)
		}
		current, size = nil, 0
	}
	for _, p := range parts {
		if size+len(p)+len(" or ")+len("()")+len(tail) > maxExpression {
			flush()
		}
		current = append(current, p)
		size += len(p) + len(" or ")
	}
	flush()
	return out
}

// hostChunks cuts hosts into sets whose expressions, with what is joined to them, are not too long.
func hostChunks(hosts []string, rest int) [][]string {
	var out [][]string
	var current []string
	size := rest + len("http.host in {}")
	for _, h := range hosts {
		if n := len(quoted(h)) + 1; size+n > maxExpression && len(current) > 0 {
			out, current, size = append(out, current), nil, rest+len("http.host in {}")
		}
		current = append(current, h)
		size += len(quoted(h)) + 1
	}
	if len(current) > 0 {
		out = append(out, current)
	}
	return out
}
