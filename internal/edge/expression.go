// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import "strings"

// maxExpression is the length that a rule's expression may have, in characters.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/expressions/
const maxExpression = 4096

// notACME leaves alone what certificate authorities ask for (RFC 8555 §8.3): no rule that refuses or redirects may stand in
// the way of a certificate.
const notACME = `not starts_with(http.request.uri.path, "/.well-known/acme-challenge/")`

// quoted writes a string of Cloudflare's Rules language.
func quoted(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}

// set writes a set of strings.
func set(values []string) string {
	return "{" + strings.Join(quotedAll(values), " ") + "}"
}

// lowerHost is the host of a request in lower case: Cloudflare shows it as the visitor wrote it, and a lock that APP.EXAMPLE.COM
// passes is none.
const lowerHost = "lower(http.host)"

// hostIn selects the requests for some hosts.
func hostIn(hosts []string) string { return lowerHost + " in " + set(hosts) }

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

// pieces cuts things into runs whose sizes, with what separates them, add up to no more than most. One that is too big by itself is
// left out.
func pieces(things []string, separator string, most int) [][]string {
	var out [][]string
	size := 0
	for _, t := range things {
		if len(t) > most {
			continue
		}
		if n := len(separator) + len(t); len(out) > 0 && size+n <= most {
			out[len(out)-1], size = append(out[len(out)-1], t), size+n
			continue
		}
		out, size = append(out, []string{t}), len(t)
	}
	return out
}

// chunks cuts what is joined by or into expressions that are not too long, in order. tail is appended to each.
func chunks(parts []string, tail string) []string {
	var out []string
	for _, p := range pieces(parts, " or ", maxExpression-len("()")-len(tail)) {
		out = append(out, anyOf(p)+tail)
	}
	return out
}

// hostChunks cuts hosts into sets whose expressions, with what is joined to them, are not too long.
func hostChunks(hosts []string, rest int) [][]string {
	var out [][]string
	for _, p := range pieces(quotedAll(hosts), " ", maxExpression-len(hostIn(nil))-rest) {
		out = append(out, hosts[:len(p)])
		hosts = hosts[len(p):]
	}
	return out
}

func quotedAll(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = quoted(v)
	}
	return out
}

// conditions selects the requests for some hosts to which one of several things applies; all, where none is given. What is too long
// for one rule is cut into several conditions, each with room for what is joined to it.
func conditions(hosts, alternatives []string) []string {
	const room = maxExpression - 256
	var out []string
	if len(alternatives) == 0 {
		for _, h := range hostChunks(hosts, maxExpression-room) {
			out = append(out, "("+hostIn(h)+")")
		}
		return out
	}
	for _, some := range pieces(alternatives, " or ", room*3/4) {
		what := anyOf(some)
		for _, h := range hostChunks(hosts, maxExpression-room+len("( and )")+len(what)) {
			out = append(out, "("+all(hostIn(h), what)+")")
		}
	}
	return out
}
