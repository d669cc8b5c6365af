// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// plain names a marker that stands there as it was sent. Case counts in no encoding.
const plain = "as it is"

// encoded is one way in which a marker can stand in a log.
type encoded struct {
	name, text string
	// between is the length of what stands between two characters.
	between int
}

// encodings gives the ways in which a secret can stand in a log. Texts hold nothing of what stood before or behind the secret.
func encodings(secret string) []encoded {
	all := []encoded{{name: plain, text: secret}, {name: "reversed", text: reversed(secret)}, {name: "ROT13", text: rot13(secret)}}
	all = append(all, ofGroups(secret)...)
	all = append(all, ofCharacters(secret)...)
	all = append(all, spaced(secret)...)
	return all
}

// ofGroups are the encodings that take several characters together. What stands before the secret shifts them, so that each has
// as many texts as a group has bytes.
func ofGroups(secret string) []encoded {
	var all []encoded
	for offset := range 3 {
		once := base64Core(secret, offset)
		all = append(all, encoded{name: "base64", text: once})
		for outer := range 3 {
			all = append(all, encoded{name: "base64 twice", text: base64Core(once, outer)})
		}
	}
	hexadecimal := hex.EncodeToString([]byte(secret))
	for offset := range 3 {
		// Basic authentication within a hexadecimal dump, and such.
		all = append(all, encoded{name: "base64 of hexadecimal", text: base64Core(hexadecimal, offset)})
	}
	for offset := range 5 {
		text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(strings.Repeat("x", offset) + secret))
		all = append(all, encoded{name: "base32", text: core(text, offset, len(secret), 5)})
	}
	return all
}

// ofCharacters are the encodings that write each character for itself. Those that most leave a letter as it is are there for the
// few that do not.
func ofCharacters(secret string) []encoded {
	one := func(name, format string) encoded {
		var b strings.Builder
		for i := range len(secret) {
			fmt.Fprintf(&b, format, secret[i])
		}
		return encoded{name: name, text: b.String()}
	}
	return []encoded{
		one("hexadecimal", "%02x"),
		one("URL encoding", "%%%02x"),
		one("URL encoding twice", "%%25%02x"),
		one("quoted-printable", "=%02x"),
		one("escapes of JSON", `\u%04x`),
		one("escapes of JSON in JSON", `\\u%04x`),
		one("escapes of bytes", `\x%02x`),
		one("escapes of bytes in JSON", `\\x%02x`),
		one("octal escapes", `\%03o`),
		one("HTML entities", "&#%d;"),
		one("HTML entities", "&#x%02x;"),
	}
}

// spaced are the forms with something between the characters, or between numbers that stand for them.
func spaced(secret string) []encoded {
	join := func(name, format, between string) encoded {
		parts := make([]string, len(secret))
		for i := range parts {
			parts[i] = fmt.Sprintf(format, secret[i])
		}
		return encoded{name: name, text: strings.Join(parts, between), between: len(between)}
	}
	var all []encoded
	for _, between := range []string{" ", "-", "_", ".", ",", ":", "|", "/", "*", ", ", `","`, `", "`, "', '"} {
		all = append(all, join("separated characters", "%c", between))
	}
	return append(all,
		join("UTF-16", "%c", "\x00"),
		join("UTF-16 as escapes of JSON", "%c", `\u0000`),
		// What Go, Node and Java print of a slice of bytes, a Buffer and an array.
		join("numbers of bytes", "%d", " "),
		join("numbers of bytes", "%d", ","),
		join("numbers of bytes", "%d", ", "),
		join("hexadecimal", "%02x", " "),
		join("hexadecimal", "%02x", ":"),
		join("hexadecimal", "%02x", "-"),
		join("hexadecimal", "0x%02x", ", "),
		join("hexadecimal", "0x%02x", ","),
		join("bits", "%08b", " "),
		join("bits", "%08b", ""),
	)
}

// ofCard are the forms of card numbers that others do not have.
func ofCard(number string) []encoded {
	var all []encoded
	for _, between := range []string{" ", "-", ".", "%20", "+", "\u00a0", "\u202f"} {
		groups := slices.Collect(func(yield func(string) bool) {
			for group := range slices.Chunk([]byte(number), 4) {
				if !yield(string(group)) {
					return
				}
			}
		})
		all = append(all, encoded{name: plain, text: strings.Join(groups, between)})
	}
	// A JSON number that went through a float64: 4.00000123456789e+15.
	return append(all, encoded{name: "a floating-point number", text: strings.TrimRight(number[:1]+"."+number[1:], "0")})
}

// base64Core gives the characters that encode the secret alone, where it begins at an offset of a group of three bytes.
func base64Core(secret string, offset int) string {
	text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
	return core(text, offset, len(secret), 6)
}

// core cuts off the characters that hold bits of what stands before or behind n bytes at an offset.
func core(text string, offset, n, bits int) string {
	return text[(8*offset+bits-1)/bits : 8*(offset+n)/bits]
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func rot13(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c|0x20 >= 'a' && c|0x20 <= 'z' {
			b[i] = 'a' + (c|0x20-'a'+13)%26
		}
	}
	return string(b)
}
