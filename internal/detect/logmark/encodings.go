// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
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
	return slices.Concat(direct(secret), nested(secret), escapes(secret), separated(secret))
}

// nested are encodings of encodings, as far as they are cheap.
func nested(secret string) []encoded {
	var all []encoded
	hexadecimal := hex.EncodeToString([]byte(secret))
	for offset := range 3 {
		for outer := range 3 {
			all = append(all, encoded{name: "base64 twice", text: base64Core(base64Core(secret, offset), outer)})
		}
		all = append(all, encoded{name: "base64 of hexadecimal", text: base64Core(hexadecimal, offset)})
		// The zero of the last character may stand before or behind it, and belongs to neither then.
		all = append(all, encoded{name: "base64 of UTF-16", text: base64Core(joined("", secret, "%c", "\x00").text, offset)})
	}
	return append(all,
		joined("URL encoding twice", secret, "%%25%02x", ""),
		joined("escapes of JSON in JSON", secret, `\\u%04x`, ""),
		joined("escapes of bytes in JSON", secret, `\\x%02x`, ""),
		joined("UTF-16 as escapes of JSON", secret, "%c", `\u0000`),
		joined("octal escapes in JSON", secret, `\\%03o`, ""),
		joined("hexadecimal of UTF-16", secret, "%02x", "00"),
	)
}

// escapes are spellings of single characters that libraries of other languages have.
func escapes(secret string) []encoded {
	return []encoded{
		joined("escapes of JavaScript", secret, `\u{%x}`, ""),
		joined("escapes of C", secret, `\U%08x`, ""),
		joined("escapes of bytes", secret, `\%02x`, ""), // LDAP, RFC 4515
		joined("URL encoding", secret, "%%u%04x", ""),   // escape() of JavaScript
		joined("HTML entities", secret, "&#x%04x;", ""), // of four digits
		joined("code points", secret, "U+%04X", " "),    // Go's %U
		joined("UTF-32", secret, "%c", "\x00\x00\x00"),  // of either order
	}
}

// separated are the forms with something between the characters, or between numbers that stand for them.
func separated(secret string) []encoded {
	var all []encoded
	for _, between := range []string{" ", "-", "_", ".", ",", ":", "|", "/", "*", ", ", `","`, `", "`, "', '", "' '", "   "} {
		all = append(all, joined("separated characters", secret, "%c", between))
	}
	for _, bytes := range []int{2, 4} {
		for first := range bytes {
			all = append(all, encoded{name: "hexadecimal", text: inGroups(hex.EncodeToString([]byte(secret)), 2*(first+1), 2*bytes), between: 1})
		}
	}
	return append(all,
		joined("hexadecimal", secret, "%02x", "-"),
		joined("hexadecimal", secret, "0x%02x", ","),
		joined("hexadecimal", secret, "0x%02x", " "),
		joined("bits", secret, "%08b", " "),
		joined("bits", secret, "%08b", ""),
	)
}

// inGroups puts a space behind each group, of which the first may be shorter.
func inGroups(text string, first, size int) string {
	groups := []string{text[:first]}
	for group := range slices.Chunk([]byte(text[first:]), size) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, " ")
}

// spread is what becomes of a text that somebody takes for an object: each character with its number, from the first on.
func spread(secret string, first int) []encoded {
	var all []encoded
	for _, form := range [][2]string{{`"%d":"%c"`, ","}, {`'%d': '%c'`, ", "}, {`"%d":%d`, ","}} {
		parts := make([]string, len(secret))
		for i := range parts {
			parts[i] = fmt.Sprintf(form[0], first+i, secret[i])
		}
		all = append(all, encoded{name: "an object of characters", text: strings.Join(parts, form[1]), between: len(form[1])})
	}
	return all
}

// joined writes each character in a format, with something between them.
func joined(name, secret, format, between string) encoded {
	parts := make([]string, len(secret))
	for i := range parts {
		parts[i] = fmt.Sprintf(format, secret[i])
	}
	return encoded{name: name, text: strings.Join(parts, between), between: len(between)}
}

// ofCard are the forms of card numbers that others do not have.
func ofCard(number string) []encoded {
	var all []encoded
	for _, between := range []string{" ", "-", ".", "\t", "%20", "+", "\u00a0", "\u202f", `\u00a0`} {
		all = append(all, encoded{name: plain, text: strings.ReplaceAll(inGroups(number, 4, 4), " ", between)})
	}
	// A number that was written for people, as some languages do.
	for _, between := range []string{",", ".", "'", "’", "_", " ", "\u00a0", "\u202f"} {
		all = append(all, encoded{name: "with separators of thousands", text: strings.ReplaceAll(inGroups(number, len(number)%3, 3), " ", between)})
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
