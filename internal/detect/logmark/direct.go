// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"encoding/base32"
	"slices"
	"strings"
)

// direct gives a secret as it is, and in one encoding.
func direct(secret string) []encoded {
	all := []encoded{{name: plain, text: secret}, {name: "reversed", text: reversed(secret)}, {name: "ROT13", text: rot13(secret)}}
	// Of what takes several bytes together there is a text for each place in a group at which the secret can begin.
	for offset := range 3 {
		all = append(all, encoded{name: "base64", text: base64Core(secret, offset)})
	}
	for offset := range 5 {
		text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(strings.Repeat("x", offset) + secret))
		all = append(all, encoded{name: "base32", text: core(text, offset, len(secret), 5)})
	}
	// Most encoders leave a letter as it is; these are for the few that do not.
	return append(all,
		joined("hexadecimal", secret, "%02x", ""),
		joined("hexadecimal", secret, "%02x", " "),
		joined("hexadecimal", secret, "%02x", ":"),
		joined("hexadecimal", secret, "0x%02x", ", "),
		joined("URL encoding", secret, "%%%02x", ""),
		joined("quoted-printable", secret, "=%02x", ""),
		joined("escapes of JSON", secret, `\u%04x`, ""),
		joined("escapes of bytes", secret, `\x%02x`, ""),
		joined("octal escapes", secret, `\%03o`, ""),
		joined("HTML entities", secret, "&#%d;", ""),
		joined("HTML entities", secret, "&#x%02x;", ""),
		joined("UTF-16", secret, "%c", "\x00"),
		// What Go, Node and Java print of a slice of bytes, a Buffer and an array.
		joined("numbers of bytes", secret, "%d", " "),
		joined("numbers of bytes", secret, "%d", ","),
		joined("numbers of bytes", secret, "%d", ", "),
	)
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func rot13(s string) string {
	b := []byte(s)
	for i, c := range b {
		if letter(c) {
			b[i] = 'a' + (c|0x20-'a'+13)%26
		}
	}
	return string(b)
}
