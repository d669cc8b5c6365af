// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"bytes"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Encoded is a secret as it stands in one encoding.
type Encoded struct {
	// Name says which: "base64+1" is base64 where the secret begins one byte into a group of three.
	Name string
	Text []byte
}

// Encodings gives every form in which a log or another plain copy shows a secret by one direct encoding (URL and JSON also
// twice), each text once, under the first name that gives it. Search for all of them at once with a byte search that heeds
// case: where an encoding has two usual cases, both are here, and so is the secret in lower and in upper case.
//
// Of an encoding by groups of bits (base64, base32) there is one text per offset, of the characters that hang on the secret
// alone, so that what stands before and behind it does not matter. Ascii85 and gzip are no such encodings: the one is here
// only for a secret at a group's start, the other not at all. A text that got shorter than the secret, as a base64 of one
// letter would be nothing, is left out; the caller sees to it that the secret itself is long enough to be no chance find.
func Encodings(secret string) []Encoded {
	if secret == "" {
		return nil
	}
	var all []Encoded
	add := func(name, text string) {
		same := func(e Encoded) bool { return string(e.Text) == text }
		if len(text) >= len(secret) && !slices.ContainsFunc(all, same) {
			all = append(all, Encoded{Name: name, Text: []byte(text)})
		}
	}
	add("raw", secret)
	add("lower", strings.ToLower(secret))
	add("upper", strings.ToUpper(secret))
	addEscapes(add, secret)
	addRadixes(add, secret)
	add("rot13", mapLetters(secret, func(i byte) byte { return (i + 13) % 26 }))
	add("atbash", mapLetters(secret, func(i byte) byte { return 25 - i }))
	add("reversed", reverse(secret))
	add("utf16le", utf16Text(secret, false))
	add("utf16be", utf16Text(secret, true))
	return all
}

// addEscapes adds what leaves harmless characters as they are, and what spells each of them.
func addEscapes(add func(name, text string), secret string) {
	add("url-query", url.QueryEscape(secret))
	add("url-path", url.PathEscape(secret))
	add("url-form", formEscape(secret))
	add("url-lower", lowerEscapes(url.QueryEscape(secret)))
	add("url-twice", url.QueryEscape(url.QueryEscape(secret)))
	add("url-all", spell(secret, func(b byte) string { return fmt.Sprintf("%%%02X", b) }))
	add("url-all-lower", spell(secret, func(b byte) string { return fmt.Sprintf("%%%02x", b) }))

	plain, safe := jsonString(secret, false), jsonString(secret, true)
	add("json", plain)
	add("json-html-safe", safe)
	add("json-slashes", strings.ReplaceAll(plain, "/", `\/`))
	add("json-twice", jsonString(plain, false))
	add("json-html-safe-twice", jsonString(safe, true))
	ascii := strconv.QuoteToASCII(secret)
	add("quoted", strings.Trim(strconv.Quote(secret), `"`))
	add("quoted-ascii", ascii[1:len(ascii)-1])
	add("json-all", spellUnits(secret, `\u%04x`))
	add("json-all-upper", spellUnits(secret, `\u%04X`))
	add("escaped-hex", spell(secret, func(b byte) string { return fmt.Sprintf(`\x%02x`, b) }))
	add("escaped-hex-upper", spell(secret, func(b byte) string { return fmt.Sprintf(`\x%02X`, b) }))
	add("escaped-octal", spell(secret, func(b byte) string { return fmt.Sprintf(`\%03o`, b) }))

	add("html", html.EscapeString(secret))
	add("html-named", htmlNamed.Replace(secret))
	add("html-decimal", spellRunes(secret, "&#%d;"))
	add("html-hex", spellRunes(secret, "&#x%x;"))
	add("html-hex-upper", spellRunes(secret, "&#x%X;"))
	add("quoted-printable", quotedPrintable(secret))
	add("quoted-printable-all", spell(secret, func(b byte) string { return fmt.Sprintf("=%02X", b) }))
}

// addRadixes adds what writes the bytes of the secret as digits.
func addRadixes(add func(name, text string), secret string) {
	digits := hex.EncodeToString([]byte(secret))
	add("hex", digits)
	add("hex-upper", strings.ToUpper(digits))
	add("hex-spaced", spaced(secret, "%02x", " "))
	add("hex-spaced-upper", spaced(secret, "%02X", " "))
	add("hex-colons", spaced(secret, "%02x", ":"))
	add("hex-0x", spaced(secret, "0x%02x", ", "))
	add("decimal", spaced(secret, "%d", " "))
	add("decimal-commas", spaced(secret, "%d", ","))
	add("decimal-list", spaced(secret, "%d", ", ")) // as JSON, Python and Rust print bytes; Go has spaces
	for offset := range 3 {
		add(fmt.Sprintf("base64+%d", offset), core(base64.StdEncoding.EncodeToString, 6, secret, offset))
		add(fmt.Sprintf("base64url+%d", offset), core(base64.URLEncoding.EncodeToString, 6, secret, offset))
	}
	for offset := range 5 {
		std := core(base32.StdEncoding.EncodeToString, 5, secret, offset)
		add(fmt.Sprintf("base32+%d", offset), std)
		add(fmt.Sprintf("base32-lower+%d", offset), strings.ToLower(std))
		add(fmt.Sprintf("base32hex+%d", offset), core(base32.HexEncoding.EncodeToString, 5, secret, offset))
	}
	a85 := make([]byte, ascii85.MaxEncodedLen(len(secret)))
	a85 = a85[:ascii85.Encode(a85, []byte(secret))]
	if whole := len(secret) / 4 * 5; whole < len(a85) {
		a85 = a85[:whole]
	}
	add("ascii85", string(a85))
}

// core gives the characters of bits each that encode the secret alone where it begins at an offset of bytes.
func core(encode func([]byte) string, bits int, secret string, offset int) string {
	encoded := encode([]byte(strings.Repeat("x", offset) + secret))
	return encoded[(offset*8+bits-1)/bits : (offset+len(secret))*8/bits]
}

// htmlNamed is what libraries write that name the quotes; html.EscapeString numbers them.
var htmlNamed = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// formEscape leaves what encodeURIComponent of JavaScript leaves (ECMA-262 §19.2.6.4), which url.QueryEscape does not.
func formEscape(s string) string {
	return strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(url.QueryEscape(s))
}

// lowerEscapes puts the digits of percent-escapes into lower case, and nothing else.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

// jsonString is a string as JSON has it between its quotes; safe also escapes <, > and &, as Go does by itself.
func jsonString(s string, safe bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(safe)
	_ = e.Encode(s) // a string always encodes, into a buffer that takes all
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`)
}

func quotedPrintable(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // into a builder, which takes all
	_ = w.Close()
	return strings.ReplaceAll(b.String(), "=\r\n", "")
}

func utf16Text(s string, bigEndian bool) string {
	units := utf16.Encode([]rune(s))
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		low, high := byte(u&0xff), byte(u>>8)
		if bigEndian {
			low, high = high, low
		}
		b = append(b, low, high)
	}
	return string(b)
}

func spell(s string, escape func(byte) string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString(escape(s[i]))
	}
	return b.String()
}

func spellRunes(s, format string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

// spellUnits spells UTF-16 units: JSON has surrogates beyond the basic plane (RFC 8259 §7).
func spellUnits(s, format string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, format, u)
	}
	return b.String()
}

func spaced(s, format, separator string) string {
	parts := make([]string, len(s))
	for i := range parts {
		parts[i] = fmt.Sprintf(format, s[i])
	}
	return strings.Join(parts, separator)
}

// mapLetters maps the number of each Latin letter, in its case.
func mapLetters(s string, to func(byte) byte) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z':
			b[i] = 'a' + to(c-'a')
		case 'A' <= c && c <= 'Z':
			b[i] = 'A' + to(c-'A')
		}
	}
	return string(b)
}

func reverse(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}
