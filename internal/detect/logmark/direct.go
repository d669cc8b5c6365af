// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"strings"

	"github.com/launchready/launchready/internal/detect/canary"
)

// direct gives a secret as it is, and in one encoding.
func direct(secret string) []encoded {
	var all []encoded
	for _, e := range canary.Encodings(secret) {
		all = append(all, encoded{name: told(e.Name), text: strings.Trim(string(e.Text), "\x00")}) // UTF-16 of either order is one text but for its ends
	}
	return all
}

// told gives the name of an encoding as findings tell it.
func told(name string) string {
	for _, n := range [][2]string{
		{"raw", plain},
		{"lower", plain},
		{"upper", plain},
		{"base64", "base64"},
		{"base32", "base32"},
		{"hex", "hexadecimal"},
		{"decimal", "numbers of bytes"},
		{"url", "URL encoding"},
		{"json", "escapes of JSON"},
		{"escaped-hex", "escapes of bytes"},
		{"escaped-octal", "octal escapes"},
		{"html", "HTML entities"},
		{"quoted-printable", "quoted-printable"},
		{"utf16", "UTF-16"},
		{"rot13", "ROT13"},
	} {
		if strings.HasPrefix(name, n[0]) {
			return n[1]
		}
	}
	return name
}
