// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// fingerprintDomain keeps these fingerprints apart from any other use of the
// same key. The version changes when the input of the hash does.
const fingerprintDomain = "launchready.dev/detect/fingerprint/v1\x00"

// fingerprintLength is in hexadecimal characters: 64 bits, enough to tell a few
// thousand findings apart, too few to be of use as an oracle without the key.
const fingerprintLength = 16

// Match is one secret that was found. However it is printed, encoded or logged,
// it shows its kind, rule and place, never the secret.
type Match struct {
	// Kind says in words what was found.
	Kind Kind
	// Rule names the rule that found it, for people who tune rules.
	Rule string
	// Arg is the index of the argument, for matches of Detector.Args; otherwise 0.
	Arg int
	// Index is the byte offset at which the secret begins in the text that was
	// handed in (in argument Arg, for Args). Where the secret stood in encoded
	// form, it is the offset of the encoded form.
	Index int

	// reveal is a closure, not a string, because fmt and dumpers read unexported
	// strings by reflection when a Match sits in an unexported field of another
	// struct, and then no method of ours is asked.
	reveal func() string
}

// Fingerprint returns a keyed, truncated HMAC-SHA-256 of the secret: equal
// secrets have equal fingerprints under one key, and nobody without the key can
// test a guess. It is all that a finding may show of the secret.
func (m Match) Fingerprint(key []byte) string {
	mac := hmac.New(sha256.New, key)
	// hash.Hash never returns an error.
	_, _ = io.WriteString(mac, fingerprintDomain)
	if m.reveal != nil {
		_, _ = io.WriteString(mac, m.reveal())
	}
	return hex.EncodeToString(mac.Sum(nil))[:fingerprintLength]
}

// String describes the match without the secret.
func (m Match) String() string {
	return fmt.Sprintf("%s (rule %s, argument %d, offset %d)", m.Kind, m.Rule, m.Arg, m.Index)
}

// Format answers every verb with String, so that %#v and %x reveal nothing either.
func (m Match) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, m.String())
}

// matchView is what encoders see of a Match.
type matchView struct {
	Kind  Kind   `json:"kind"`
	Rule  string `json:"rule"`
	Arg   int    `json:"arg,omitempty"`
	Index int    `json:"index"`
}

// MarshalJSON encodes the match without the secret.
func (m Match) MarshalJSON() ([]byte, error) {
	return json.Marshal(matchView{Kind: m.Kind, Rule: m.Rule, Arg: m.Arg, Index: m.Index})
}

// LogValue logs the match without the secret.
func (m Match) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("kind", string(m.Kind)),
		slog.String("rule", m.Rule),
		slog.Int("arg", m.Arg),
		slog.Int("index", m.Index),
	)
}
