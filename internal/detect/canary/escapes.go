// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescape gives to next a text without the escapes of a kind, where it has any. What is no escape stays as it is.
func unescape(text string, next func(kind, decoded string)) {
	change := func(kind, decoded string) {
		if decoded != text {
			next(kind, decoded)
		}
	}
	if strings.IndexByte(text, '&') >= 0 && strings.IndexByte(text, ';') >= 0 {
		change("HTML entities", html.UnescapeString(text))
	}
	next("markup", unmarked(text))
	if strings.IndexByte(text, '%') >= 0 {
		change("URL escapes", replaceEscapes(text, '%', func(rest string) (rune, int) { return digits(rest, 16, 2, true) }))
	}
	if hasQuoted(text) {
		change("quoted-printable", replaceEscapes(text, '=', quotedPrintableEscape))
	}
	if strings.IndexByte(text, '\\') >= 0 {
		change("escapes", replaceEscapes(text, '\\', backslashEscape))
	}
	if strings.Contains(text, "U+") || strings.Contains(text, "u+") {
		change("code points", replaceEscapes(strings.ReplaceAll(text, "u+", "U+"), 'U', codePoint))
	}
}

// replaceEscapes replaces what escape knows behind a mark: it gives a character, or a byte as a negative number, and how many
// bytes of the rest that took; 0 where it is no escape.
func replaceEscapes(text string, mark byte, escape func(rest string) (rune, int)) string {
	first := 0
	for ; first < len(text); first++ {
		if text[first] == mark {
			if _, n := escape(text[first+1:]); n > 0 {
				break
			}
		}
	}
	if first == len(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	b.WriteString(text[:first])
	for i := first; i < len(text); i++ {
		if text[i] != mark {
			b.WriteByte(text[i])
			continue
		}
		r, n := escape(text[i+1:])
		switch {
		case n == 0:
			b.WriteByte(mark)
		case r == nothing:
		case r <= 0:
			b.WriteByte(byte(-r & 0xff))
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// nothing is what a soft line break means.
const nothing rune = utf8.MaxRune + 1

// digits reads n digits; of bytes, as a negative number.
func digits(rest string, base, n int, ofByte bool) (rune, int) {
	if len(rest) < n {
		return 0, 0
	}
	v, err := strconv.ParseUint(rest[:n], base, 32)
	if err != nil || v > utf8.MaxRune || ofByte && v > 0xff {
		return 0, 0
	}
	if ofByte {
		return -rune(v), n
	}
	return rune(v), n
}

// hasQuoted says whether a text has a character in quoted-printable, and another or a soft line break: what stands in canaries is
// printed, so that in "timeout=10" there is none, and of a canary that one alone splits a half is enough.
func hasQuoted(text string) bool {
	escapes, chars := 0, 0
	for i := 0; ; i++ {
		at := strings.IndexByte(text[i:], '=')
		if at < 0 {
			return false
		}
		i += at
		r, n := quotedPrintableEscape(text[i+1:])
		if n == 0 {
			continue
		}
		escapes++
		if c := byte(-r & 0xff); r != nothing && (printable(c) || c >= utf8.RuneSelf) {
			chars++
		}
		if escapes > 1 && chars > 0 {
			return true
		}
	}
}

// quotedPrintableEscape is RFC 2045's, §6.7.
func quotedPrintableEscape(rest string) (rune, int) {
	if strings.HasPrefix(rest, "\n") {
		return nothing, 1
	}
	if strings.HasPrefix(rest, "\r\n") {
		return nothing, 2
	}
	return digits(rest, 16, 2, true)
}

// backslashEscape is what JSON, JavaScript, C, Python and the shell have for characters that they could also write. Line breaks
// and the like stay: they spell nothing.
func backslashEscape(rest string) (r rune, n int) {
	if rest == "" {
		return 0, 0
	}
	switch rest[0] {
	case 'u':
		if strings.HasPrefix(rest, "u{") {
			end := strings.IndexByte(rest[:min(len(rest), 10)], '}')
			if end < 3 {
				return 0, 0
			}
			r, n = digits(rest[2:], 16, end-2, false)
			return r, sum(n, 3)
		}
		r, n = digits(rest[1:], 16, 4, false)
		return r, sum(n, 1)
	case 'U':
		r, n = digits(rest[1:], 16, 8, false)
		return r, sum(n, 1)
	case 'x':
		r, n = digits(rest[1:], 16, 2, true)
		return r, sum(n, 1)
	case 'o':
		r, n = digits(rest[1:], 8, 3, true)
		return r, sum(n, 1)
	case '/', '"', '\'':
		return rune(rest[0]), 1
	}
	return digits(rest, 8, 3, true)
}

// codePoint is "U+0061", with the space that stands between two of them.
func codePoint(rest string) (rune, int) {
	if !strings.HasPrefix(rest, "+") {
		return 0, 0
	}
	end := 1
	for end < len(rest) && end < 7 && isHex(rest[end]) {
		end++
	}
	r, n := digits(rest[1:], 16, end-1, false)
	if n < 4 {
		return 0, 0
	}
	if strings.HasPrefix(rest[end:], " ") {
		end++
	}
	return r, end
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// sum adds what stands around some digits, if there are any.
func sum(n, around int) int {
	if n == 0 {
		return 0
	}
	return n + around
}
