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
}

// encodings gives the ways in which a secret can stand in a log. Texts hold nothing of what stood before or behind the secret.
func encodings(secret string) []encoded {
	all := []encoded{{plain, secret}, {"reversed", reversed(secret)}, {"ROT13", rot13(secret)}}
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
		all = append(all, encoded{"base64", once})
		for outer := range 3 {
			all = append(all, encoded{"base64 twice", base64Core(once, outer)})
		}
	}
	hexadecimal := hex.EncodeToString([]byte(secret))
	for offset := range 3 {
		// Basic authentication within a hexadecimal dump, and such.
		all = append(all, encoded{"base64 of hexadecimal", base64Core(hexadecimal, offset)})
	}
	for offset := range 5 {
		text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(strings.Repeat("x", offset) + secret))
		all = append(all, encoded{"base32", core(text, offset, len(secret), 5)})
	}
	return all
}

// ofCharacters are the encodings that write each character for itself. Those that most leave a letter as it is are there for the
// few that do not.
func ofCharacters(secret string) []encoded {
	one := func(format string) string {
		var b strings.Builder
		for i := range len(secret) {
			fmt.Fprintf(&b, format, secret[i])
		}
		return b.String()
	}
	return []encoded{
		{"hexadecimal", one("%02x")},
		{"URL encoding", one("%%%02x")},
		{"URL encoding twice", one("%%25%02x")},
		{"quoted-printable", one("=%02x")},
		{"escapes of JSON", one(`\u%04x`)},
		{"escapes of JSON in JSON", one(`\\u%04x`)},
		{"escapes of bytes", one(`\x%02x`)},
		{"escapes of bytes in JSON", one(`\\x%02x`)},
		{"octal escapes", one(`\%03o`)},
		{"HTML entities", one("&#%d;")},
		{"HTML entities", one("&#x%02x;")},
	}
}

// spaced are the forms with something between the characters, or between numbers that stand for them.
func spaced(secret string) []encoded {
	join := func(format, between string) string {
		parts := make([]string, len(secret))
		for i := range parts {
			parts[i] = fmt.Sprintf(format, secret[i])
		}
		return strings.Join(parts, between)
	}
	var all []encoded
	for _, between := range []string{" ", "-", "_", ".", ",", ":", "|", "/", "*", ", ", `","`, `", "`, "', '"} {
		all = append(all, encoded{"separated characters", join("%c", between)})
	}
	return append(all,
		encoded{"UTF-16", join("%c", "\x00")},
		encoded{"UTF-16 as escapes of JSON", join("%c", `\u0000`)},
		// What Go, Node and Java print of a slice of bytes, a Buffer and an array.
		encoded{"numbers of bytes", join("%d", " ")},
		encoded{"numbers of bytes", join("%d", ",")},
		encoded{"numbers of bytes", join("%d", ", ")},
		encoded{"hexadecimal", join("%02x", " ")},
		encoded{"hexadecimal", join("%02x", ":")},
		encoded{"hexadecimal", join("%02x", "-")},
		encoded{"hexadecimal", join("0x%02x", ", ")},
		encoded{"hexadecimal", join("0x%02x", ",")},
		encoded{"bits", join("%08b", " ")},
		encoded{"bits", join("%08b", "")},
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
		all = append(all, encoded{plain, strings.Join(groups, between)})
	}
	// A JSON number that went through a float64: 4.00000123456789e+15.
	return append(all, encoded{"a floating-point number", strings.TrimRight(number[:1]+"."+number[1:], "0")})
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
