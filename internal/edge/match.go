// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// truth is what can be said of an expression without knowing all of a request.
type truth int

const (
	never truth = iota - 1
	maybe
	always
)

func truthOf(b bool) truth {
	if b {
		return always
	}
	return never
}

// sample is as much of a request as is known. An empty field isn't.
type sample struct {
	host, path, method string
	// tls is always or never, or maybe where it isn't known.
	tls truth
	// address of whoever asks; the zero value isn't known.
	address netip.Addr
}

// stranger is an address that nobody lets pass on purpose (RFC 5737).
func stranger() netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, 77}) }

// matches says whether an expression of Cloudflare's Rules language is true of a request. What it doesn't understand, or what
// depends on something that isn't known, is maybe: nobody is to be called protected by it, and nobody exposed.
//
// Source: developers.cloudflare.com/ruleset-engine/rules-language/operators/, …/values/
func matches(expression string, of sample) truth {
	m := matching{tokens: tokens(expression), of: of}
	t := m.or()
	if m.failed || m.at != len(m.tokens) {
		return maybe
	}
	return t
}

// token is a word, a sign or a string of an expression.
type token struct {
	text string
	// quoted is a string: text is its value.
	quoted bool
}

// tokens cuts an expression up. What can't be is a token that nothing accepts.
func tokens(s string) []token {
	var out []token
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		t, rest := nextToken(s)
		out, s = append(out, t), rest
	}
	return out
}

//nolint:gochecknoglobals // compiled once, and never changed
var (
	rawString = regexp.MustCompile(`^r(#{0,255})"`)
	word      = regexp.MustCompile(`^[A-Za-z0-9_.:/$-]+`)
)

func nextToken(s string) (token, string) {
	broken := token{text: "\x00"}
	if m := rawString.FindStringSubmatch(s); m != nil {
		value, rest, found := strings.Cut(s[len(m[0]):], `"`+m[1])
		if !found {
			return broken, ""
		}
		return token{value, true}, rest
	}
	if s[0] == '"' {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '"':
				return token{b.String(), true}, s[i+1:]
			case s[i] == '\\' && i+1 < len(s):
				i++
			}
			b.WriteByte(s[i])
		}
		return broken, ""
	}
	if w := word.FindString(s); w != "" {
		return token{text: w}, s[len(w):]
	}
	for _, sign := range []string{"==", "!=", "<=", ">=", "&&", "||", "^^"} {
		if strings.HasPrefix(s, sign) {
			return token{text: sign}, s[len(sign):]
		}
	}
	return token{text: s[:1]}, s[1:]
}

// matching reads an expression from left to right. Of the operators, not binds closest, then and, xor, or.
type matching struct {
	tokens []token
	at     int
	of     sample
	failed bool
	depth  int
}

func (m *matching) peek() token {
	if m.at < len(m.tokens) {
		return m.tokens[m.at]
	}
	return token{}
}

// take goes on if the next token is one of those signs or words.
func (m *matching) take(texts ...string) bool {
	if t := m.peek(); !t.quoted && t.text != "" && slices.Contains(texts, t.text) {
		m.at++
		return true
	}
	return false
}

func (m *matching) expect(text string) {
	if !m.take(text) {
		m.failed = true
	}
}

func (m *matching) or() truth {
	t := m.xor()
	for m.take("or", "||") {
		t = max(t, m.xor())
	}
	return t
}

func (m *matching) xor() truth {
	t := m.and()
	for m.take("xor", "^^") {
		t = -t * m.and()
	}
	return t
}

func (m *matching) and() truth {
	t := m.not()
	for m.take("and", "&&") {
		t = min(t, m.not())
	}
	return t
}

// maxDepth is how deep brackets may be nested: an expression has 4,096 characters, and none that a person writes comes near.
const maxDepth = 64

func (m *matching) not() truth {
	if m.depth++; m.depth > maxDepth {
		m.failed, m.at = true, len(m.tokens)
		return maybe
	}
	defer func() { m.depth-- }()
	if m.take("not", "!") {
		return -m.not()
	}
	if m.take("(") {
		t := m.or()
		m.expect(")")
		return t
	}
	return m.comparison()
}

// comparison reads a field alone, a call, or a field that is compared.
func (m *matching) comparison() truth {
	t := m.peek()
	if t.quoted || t.text == "" || !word.MatchString(t.text) {
		m.failed = true
		return maybe
	}
	m.at++
	switch t.text {
	case "true":
		return always
	case "false":
		return never
	case "ssl":
		return m.of.tls
	case "starts_with", "ends_with":
		return m.affix(t.text)
	}
	value, known := m.value(t.text)
	return m.compared(t.text, value, known)
}

// affix reads the call of starts_with or ends_with.
func (m *matching) affix(name string) truth {
	m.expect("(")
	field := m.peek().text
	m.at++
	value, known := m.value(field)
	m.expect(",")
	part := m.peek()
	m.at++
	m.expect(")")
	switch {
	case !known || !part.quoted:
		return maybe
	case name == "starts_with":
		return truthOf(strings.HasPrefix(value, part.text))
	default:
		return truthOf(strings.HasSuffix(value, part.text))
	}
}

// value gives a field's value in the request, if it is known. Calls of functions and indexes are read over: lower and upper are
// understood, others aren't.
func (m *matching) value(field string) (string, bool) {
	switch {
	case (field == "lower" || field == "upper") && m.take("("):
		inner := m.peek().text
		m.at++
		value, known := m.value(inner)
		m.expect(")")
		if field == "lower" {
			return strings.ToLower(value), known
		}
		return strings.ToUpper(value), known
	case m.peek().text == "(" && !m.peek().quoted, m.peek().text == "[" && !m.peek().quoted:
		for m.skipGroup() {
		}
		return "", false
	}
	switch field {
	case "http.host":
		return m.of.host, m.of.host != ""
	case "http.request.uri.path", "raw.http.request.uri.path":
		return m.of.path, m.of.path != ""
	case "http.request.method":
		return m.of.method, m.of.method != ""
	case "ip.src":
		return m.of.address.String(), m.of.address.IsValid()
	default:
		return "", false
	}
}

// skipGroup reads over what stands in brackets.
func (m *matching) skipGroup() bool {
	if !m.take("(", "[") {
		return false
	}
	for depth := 1; depth > 0; m.at++ {
		switch t := m.peek(); {
		case m.at >= len(m.tokens):
			m.failed = true
			return false
		case t.quoted:
		case t.text == "(" || t.text == "[":
			depth++
		case t.text == ")" || t.text == "]":
			depth--
		}
	}
	return true
}

// compared reads the operator and what stands on its right.
func (m *matching) compared(field, value string, known bool) truth {
	switch {
	case m.take("eq", "=="):
		return m.operand(known, func(o string) truth { return equal(field, value, o) })
	case m.take("ne", "!="):
		return -m.operand(known, func(o string) truth { return equal(field, value, o) })
	case m.take("contains"):
		return m.operand(known, func(o string) truth { return truthOf(strings.Contains(value, o)) })
	case m.take("wildcard"):
		return m.operand(known, func(o string) truth { return wildcard(strings.ToLower(value), strings.ToLower(o)) })
	case m.take("strict"):
		m.expect("wildcard")
		return m.operand(known, func(o string) truth { return wildcard(value, o) })
	case m.take("in"):
		return m.in(field, value, known)
	case m.take("matches", "~", "lt", "le", "gt", "ge", "<", ">", "<=", ">="):
		return m.operand(false, nil) // regular expressions are Rust's, and fields that are numbers aren't known
	default:
		return maybe // a field that is true or false
	}
}

func (m *matching) operand(known bool, compare func(string) truth) truth {
	o := m.peek()
	m.at++
	if !o.quoted && !word.MatchString(o.text) {
		m.failed = true
	}
	if !known || m.failed {
		return maybe
	}
	return compare(o.text)
}

func (m *matching) in(field, value string, known bool) truth {
	if !m.take("{") {
		m.at++ // a list of the account's, by its name
		return maybe
	}
	found := never
	for !m.take("}") {
		if m.at >= len(m.tokens) {
			m.failed = true
			return maybe
		}
		found = max(found, equal(field, value, m.peek().text))
		m.at++
	}
	if !known {
		return maybe
	}
	return found
}

// equal compares values, and addresses with what they are in.
func equal(field, value, with string) truth {
	if field != "ip.src" {
		return truthOf(value == with)
	}
	address, err := netip.ParseAddr(value)
	if err != nil {
		return maybe
	}
	if prefix, err := netip.ParsePrefix(with); err == nil {
		return truthOf(prefix.Contains(address))
	}
	other, err := netip.ParseAddr(with)
	if err != nil {
		return maybe // a range
	}
	return truthOf(other == address)
}

// wildcard matches a value as a whole: * is anything, \* and \\ are themselves.
func wildcard(value, pattern string) truth {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '*':
			b.WriteString(".*")
			continue
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
		}
		b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
	}
	re, err := regexp.Compile(b.String() + `$`)
	if err != nil {
		return maybe
	}
	return truthOf(re.MatchString(value))
}
