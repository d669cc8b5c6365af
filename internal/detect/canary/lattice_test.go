// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// encoder writes a text in a way that the lattice undoes.
type encoder struct {
	name   string
	encode func(string) string
	// outer says that it may stand around another; caseless that it loses case, and so may stand around few.
	outer, caseless bool
	// ascii says that what it gives may stand in prose as it is.
}

func spelledWith(format, separator string) func(string) string {
	return func(s string) string {
		return strings.TrimSuffix(spell(s, func(b byte) string { return fmt.Sprintf(format, b) + separator }), separator)
	}
}

func eachRune(f func(rune) string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteString(f(r))
		}
		return b.String()
	}
}

func encode85(s string) string {
	b := make([]byte, ascii85.MaxEncodedLen(len(s)))
	return string(b[:ascii85.Encode(b, []byte(s))])
}

func encode58(s string) string {
	const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n, radix, digit := new(big.Int).SetBytes([]byte(s)), big.NewInt(58), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, radix, digit)
		out = append(out, digits[digit.Int64()])
	}
	slices.Reverse(out)
	return string(out)
}

func encodeMorse(s string) string {
	code := strings.Fields(".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. " +
		"----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.")
	return eachRune(func(r rune) string {
		if i := strings.IndexRune("abcdefghijklmnopqrstuvwxyz0123456789", unicode.ToLower(r)); i >= 0 {
			return code[i] + " "
		}
		return "/ "
	})(s)
}

func wrapped(s string, n int) string {
	var lines []string
	for len(s) > n {
		lines, s = append(lines, s[:n]), s[n:]
	}
	return strings.Join(append(lines, s), "\n")
}

func shifted(n byte) func(string) string {
	return func(s string) string { return mapLetters(s, func(i byte) byte { return (i + n) % 26 }) }
}

func spacedOut(separator string) func(string) string {
	return func(s string) string {
		return strings.Join(strings.Split(strings.ReplaceAll(s, " ", ""), ""), separator)
	}
}

func encoders() []encoder {
	b64 := base64.StdEncoding.EncodeToString
	return []encoder{
		{name: "lower", encode: strings.ToLower, caseless: true},
		{name: "upper", encode: strings.ToUpper, caseless: true},
		{name: "reversed", encode: reverse, outer: true},
		{name: "rot13", encode: shifted(13), outer: true},
		{name: "caesar 3", encode: shifted(3), outer: true},
		{name: "atbash", encode: func(s string) string { return mapLetters(s, func(i byte) byte { return 25 - i }) }, outer: true},
		{name: "base64", encode: func(s string) string { return b64([]byte(s)) }, outer: true},
		{name: "base64 +1", encode: func(s string) string { return b64([]byte("!" + s)) }, outer: true},
		{name: "base64 without its head", encode: func(s string) string { return b64([]byte("abc " + s))[3:] }, outer: true},
		{name: "base64url", encode: func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }, outer: true},
		{name: "base64 in lines", encode: func(s string) string { return wrapped(b64([]byte(s)), 20) }, outer: true},
		{name: "hex", encode: func(s string) string { return hex.EncodeToString([]byte(s)) }, outer: true},
		{name: "hex upper", encode: func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }, outer: true},
		{name: "hex spaced", encode: spelledWith("%02x", " "), outer: true},
		{name: "hex 0x", encode: spelledWith("0x%02x", ", "), outer: true},
		{name: "base32", encode: func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) }, outer: true},
		{name: "base32 unpadded", encode: func(s string) string {
			return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(s)))
		}, outer: true},
		{name: "base32hex", encode: func(s string) string { return base32.HexEncoding.EncodeToString([]byte(s)) }, outer: true},
		{name: "base58", encode: encode58, outer: true},
		{name: "ascii85", encode: encode85, outer: true},
		{name: "ascii85 <~ ~>", encode: func(s string) string { return "<~" + encode85(s) + "~>" }, outer: true},
		{name: "URL", encode: spelledWith("%%%02X", ""), outer: true},
		{name: "quoted-printable", encode: spelledWith("=%02X", ""), outer: true},
		{name: "JSON", encode: spelledWith(`\u%04x`, ""), outer: true},
		{name: "braces", encode: spelledWith(`\u{%x}`, ""), outer: true},
		{name: `\x`, encode: spelledWith(`\x%02x`, ""), outer: true},
		{name: "octal", encode: spelledWith(`\%03o`, ""), outer: true},
		{name: "code points", encode: spelledWith("U+%04X", " "), outer: true},
		{name: "HTML decimal", encode: spelledWith("&#%d;", ""), outer: true},
		{name: "HTML hex", encode: spelledWith("&#x%x;", ""), outer: true},
		{name: "binary 8", encode: spelledWith("%08b", " "), outer: true},
		{name: "binary 8 together", encode: spelledWith("%08b", ""), outer: true},
		{name: "binary 7", encode: spelledWith("%07b", " "), outer: true},
		{name: "decimal codes", encode: spelledWith("%d", " "), outer: true},
		{name: "decimal codes, commas", encode: spelledWith("%d", ", "), outer: true},
		{name: "octal codes", encode: spelledWith("%o", " "), outer: true},
		{name: "Morse", encode: encodeMorse, caseless: true, outer: true},
		{name: "spaced", encode: spacedOut(" "), outer: true},
		{name: "dashed", encode: spacedOut("-"), outer: true},
		{name: "dotted", encode: spacedOut("."), outer: true},
		{name: "one per line", encode: spacedOut("\n"), outer: true},
		{name: "emoji between", encode: spacedOut("🙂"), outer: true},
		{name: "zero-width between", encode: spacedOut("\u200b"), outer: true},
		{name: "tags", encode: eachRune(func(r rune) string { return string(0xE0000 + r) }), outer: true},
		{name: "variation selectors", encode: eachRune(func(r rune) string { return string(0xE0100 + r - 16) }), outer: true},
		{name: "fullwidth", encode: eachRune(func(r rune) string { return map[bool]string{true: string(r + 0xFEE0), false: string(r)}[r > ' '] }), outer: true},
		{name: "accents", encode: eachRune(func(r rune) string { return string(r) + "\u0301" }), outer: true},
	}
}

func inProse(s string) string {
	return "Of course! Here is what you asked for, in the form you wanted:\n\n" + s + "\n\nLet me know if I can help with anything else."
}

func checkFound(t interface{ Errorf(string, ...any) }, m *Matcher, form Form, text string, how ...string) {
	hits := m.Find([]byte(text))
	if len(hits) != 1 || hits[0].Form != form || hits[0].Partial || hits[0].Canary != 0 {
		t.Errorf("%v in %q: %v", form, how, hits)
	}
}

func TestEachEncodingAloneIsFound(t *testing.T) {
	c := New("x")
	m := NewMatcher([]Canary{c, New("y")})
	for _, e := range encoders() {
		for form, text := range []string{c.Hex, c.Words, strings.TrimPrefix(c.Key, keyPrefix)} {
			checkFound(t, m, Form(form), inProse(e.encode(text)), e.name)
			checkFound(t, m, Form(form), e.encode(text), e.name)
		}
	}
}

// needsCase says that an encoding has letters of both cases that differ.
func needsCase(e encoder) bool {
	return strings.Contains(e.name, "64") || strings.Contains(e.name, "58") || strings.Contains(e.name, "85")
}

// outOfReach are pairs that are not looked for, or that nobody could undo.
func outOfReach(outer, inner string) bool {
	is := func(name string, of ...string) bool { return slices.Contains(of, name) }
	switch {
	case is(outer, "rot13", "caesar 3", "atbash") && is(inner, "rot13", "caesar 3", "atbash"):
		return outer == "atbash" || inner == "atbash" // a reflection of an alphabet that is shifted as well
	case is(outer, "rot13", "caesar 3", "atbash") && is(inner, "JSON", "braces", `\x`, "HTML hex", "code points"):
		return true // the letters of the escapes are shifted as well
	case outer == "caesar 3":
		return strings.Contains(inner, "85") || strings.Contains(inner, "58")
	case is(outer, "spaced", "dashed", "dotted", "one per line", "emoji between", "zero-width between"):
		return is(inner, "decimal codes", "decimal codes, commas", "octal codes", "Morse") || // the spaces are lost
			is(outer, "dashed", "dotted") && strings.ContainsAny(inner, `8HJ\o`) && !strings.Contains(inner, "base5")
	case is(inner, "emoji between", "zero-width between", "tags", "variation selectors", "fullwidth", "accents"):
		// These encoders take bytes, or letters.
		return is(outer, "JSON", "braces", "code points", "HTML hex", "tags", "variation selectors", "fullwidth", "binary 7", "Morse")
	case outer == "reversed" && inner == "base64 in lines":
		return true // its first line is short, so that only what is behind it is read
	case outer == "Morse": // has only letters and digits
		return !is(inner, "lower", "upper", "reversed", "rot13", "caesar 3", "atbash", "hex", "hex upper", "base32", "base32 unpadded", "base32hex", "binary 8 together", "spaced", "dashed", "dotted")
	}
	return false
}

func TestEncodingsWithinEncodingsAreFound(t *testing.T) {
	all := encoders()
	c := New("x")
	m := NewMatcher([]Canary{c, New("y")})
	for _, inner := range all {
		for _, outer := range all {
			if !outer.outer || outer.caseless && needsCase(inner) || outOfReach(outer.name, inner.name) {
				continue
			}
			text := outer.encode(inner.encode(c.Hex))
			if outer.name == "base58" && len(text) > max58 {
				continue
			}
			checkFound(t, m, Hex, inProse(text), outer.name, inner.name)
		}
	}
}

func TestBase58(t *testing.T) {
	for range 300 {
		c := New("x")
		m := NewMatcher([]Canary{c})
		checkFound(t, m, Key, encode58(c.Key[len(keyPrefix):]), c.Key, encode58(c.Key[len(keyPrefix):]))
	}
}
