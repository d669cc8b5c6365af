// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package marker makes the texts that probes plant in an app, and finds them again in whatever encoding they come out. What it
// finds was planted by us: it tells nothing about anybody's data.
package marker

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

const (
	// alphabet has no letters that look alike, and none that any encoding of a URL or of JSON would touch.
	alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
	// termLength gives 2^39 terms, so that two of a run are never the same and no text has one by chance.
	termLength = 8
	// secretLength gives 2^79 secrets.
	secretLength = 16
)

// Marker is a text to plant. Term may be searched for; Secret is what only somebody who sees the text knows.
type Marker struct {
	Term, Secret string
	needles      [][]byte
}

// New makes a marker.
func New() *Marker { return Of("lr"+random(termLength), "lr"+random(secretLength)) }

// Of gives the marker of a term and a secret.
func Of(term, secret string) *Marker {
	m := &Marker{Term: term, Secret: secret}
	raw := []byte(strings.ToLower(secret))
	m.needles = append(m.needles, raw, []byte(hex.EncodeToString([]byte(secret))), reversed(raw))
	for offset := range 3 {
		m.needles = append(m.needles, bytes.ToLower(base64Core(secret, offset)))
	}
	return m
}

// Text is what is planted: short enough for a title, and a sentence that a retrieval can answer from.
func (m *Marker) Text() string { return "Code " + m.Term + " is " + m.Secret }

// In says whether the secret stands in a text: as it is in any case, in base64 at any offset, in hexadecimal, or backwards.
func (m *Marker) In(text []byte) bool {
	lower := bytes.ToLower(text)
	for _, needle := range m.needles {
		if bytes.Contains(lower, needle) {
			return true
		}
	}
	return false
}

// base64Core gives the characters that encode the secret alone where it begins at the offset of a group of three bytes.
func base64Core(secret string, offset int) []byte {
	encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
	start := []int{0, 2, 3}[offset]
	end := (offset + len(secret)) / 3 * 4
	return []byte(encoded[start:end])
}

func reversed(b []byte) []byte {
	r := make([]byte, len(b))
	for i, c := range b {
		r[len(b)-1-i] = c
	}
	return r
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails: crypto/rand
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}
