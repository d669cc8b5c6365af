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
	return slices.Concat(direct(secret), nested(secret), separated(secret))
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
	}
	return append(all,
		joined("URL encoding twice", secret, "%%25%02x", ""),
		joined("escapes of JSON in JSON", secret, `\\u%04x`, ""),
		joined("escapes of bytes in JSON", secret, `\\x%02x`, ""),
		joined("UTF-16 as escapes of JSON", secret, "%c", `\u0000`),
	)
}

// separated are the forms with something between the characters, or between numbers that stand for them.
func separated(secret string) []encoded {
	var all []encoded
	for _, between := range []string{" ", "-", "_", ".", ",", ":", "|", "/", "*", ", ", `","`, `", "`, "', '"} {
		all = append(all, joined("separated characters", secret, "%c", between))
	}
	return append(all,
		joined("hexadecimal", secret, "%02x", "-"),
		joined("hexadecimal", secret, "0x%02x", ","),
		joined("bits", secret, "%08b", " "),
		joined("bits", secret, "%08b", ""),
	)
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
