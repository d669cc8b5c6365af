// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"strconv"
	"strings"
)

// atString says whether a quoted or raw string comes next.
func (p *parser) atString() bool {
	rest := p.text[p.pos:]
	if strings.HasPrefix(rest, `"`) {
		return true
	}
	raw, ok := strings.CutPrefix(rest, "r")
	return ok && strings.HasPrefix(strings.TrimLeft(raw, "#"), `"`)
}

// str reads a string with basic escapes, or a raw one.
func (p *parser) str() (string, error) {
	if p.text[p.pos] == 'r' {
		return p.raw()
	}
	at := p.pos
	p.pos++
	var b strings.Builder
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		switch c {
		case '"':
			return b.String(), nil
		case '\\':
			decoded, err := p.escape()
			if err != nil {
				return "", err
			}
			b.WriteByte(decoded)
		default:
			b.WriteByte(c)
		}
	}
	return "", p.invalid(at, "a string doesn't end")
}

// escape reads what follows a backslash: \" and \\ are documented, \xHH too by example.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/values/#quoted-string-syntax and functions/#remove_bytes
func (p *parser) escape() (byte, error) {
	at := p.pos - 1
	if p.pos >= len(p.text) {
		return 0, p.invalid(at, "a string doesn't end")
	}
	c := p.text[p.pos]
	p.pos++
	switch {
	case c == '"' || c == '\\':
		return c, nil
	case c == 'x' && p.pos+2 <= len(p.text):
		n, err := strconv.ParseUint(p.text[p.pos:p.pos+2], 16, 8)
		if err != nil {
			return 0, p.invalid(at, `\x needs two hexadecimal digits`)
		}
		p.pos += 2
		return byte(n), nil
	case c >= '0' && c <= '7':
		return 0, p.unsupported(at, "an octal escape in a string")
	}
	return 0, p.invalid(at, `\%c is no escape: use \" or \\, or a raw string r"..."`, c)
}

// maxHashes of a raw string's delimiter.
const maxHashes = 255

func (p *parser) raw() (string, error) {
	at := p.pos
	p.pos++
	hashes := 0
	for p.text[p.pos] == '#' {
		hashes++
		p.pos++
	}
	if hashes > maxHashes {
		return "", p.invalid(at, "a raw string has at most %d # characters", maxHashes)
	}
	p.pos++
	closing := `"` + strings.Repeat("#", hashes)
	end := strings.Index(p.text[p.pos:], closing)
	if end < 0 {
		return "", p.invalid(at, "a string doesn't end")
	}
	s := p.text[p.pos : p.pos+end]
	p.pos += end + len(closing)
	return s, nil
}

// pattern reads the string behind matches, which is left as it is but for \", since the backslashes are the regular expression's.
func (p *parser) pattern() (string, error) {
	if p.text[p.pos] == 'r' {
		return p.raw()
	}
	at := p.pos
	p.pos++
	var b strings.Builder
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		if c == '"' {
			return b.String(), nil
		}
		if c == '\\' && p.pos < len(p.text) {
			next := p.text[p.pos]
			p.pos++
			if next != '"' {
				b.WriteByte(c)
			}
			c = next
		}
		b.WriteByte(c)
	}
	return "", p.invalid(at, "a string doesn't end")
}

// integer reads a decimal number.
func (p *parser) integer() (int64, error) {
	p.space()
	at := p.pos
	if p.pos < len(p.text) && p.text[p.pos] == '-' {
		p.pos++
	}
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	digits := p.text[at:p.pos]
	if p.pos < len(p.text) && wordByte(p.text[p.pos]) && !strings.HasPrefix(p.text[p.pos:], "..") {
		if digits == "0" && p.text[p.pos] == 'x' {
			return 0, p.unsupported(at, "a hexadecimal number")
		}
		return 0, p.invalid(at, "%q is no Integer", excerpt(p.text[at:]))
	}
	if unsigned := strings.TrimPrefix(digits, "-"); len(unsigned) > 1 && unsigned[0] == '0' {
		return 0, p.unsupported(at, "a number that begins with 0")
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, p.invalid(at, "%q is no Integer", excerpt(p.text[at:]))
	}
	return n, nil
}
