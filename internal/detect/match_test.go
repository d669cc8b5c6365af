// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const planted = "Zq7-planted-Secret!9"

func matchOf(secret string) Match {
	return Match{Kind: KindPassword, Rule: "name", Index: 3, reveal: func() string { return secret }}
}

// holder has a Match where fmt must not call its methods.
type holder struct {
	m  Match
	ms []Match
	by map[string]Match
}

func TestMatchNeverShowsItsSecret(t *testing.T) {
	m := matchOf(planted)
	h := holder{m: m, ms: []Match{m}, by: map[string]Match{"a": m}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3v", "%p"} {
		for _, v := range []any{m, &m, []Match{m}, h, &h, struct{ M Match }{m}, fmt.Errorf("found: %v", m)} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, v := range []any{m, &m, []Match{m}, map[string]Match{"a": m}, struct{ M Match }{m}} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(raw)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("found", "match", m, "matches", []Match{m}, "holder", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("found", "match", m, "matches", []Match{m}, "holder", h)
	for _, shown := range []string{planted, fmt.Sprintf("%x", planted), fmt.Sprintf("%X", planted), "planted"} {
		if strings.Contains(out.String(), shown) {
			t.Errorf("a printed match holds its secret as %q", shown)
		}
	}
	if !strings.Contains(out.String(), "password (rule name, argument 0, offset 3)") || !strings.Contains(out.String(), `"kind":"password"`) {
		t.Error("a printed match says neither kind, rule nor place")
	}
}

func TestFingerprint(t *testing.T) {
	a, b, other := matchOf(planted), matchOf(planted), matchOf(planted+"x")
	key1, key2 := []byte("key one"), []byte("key two")
	if a.Fingerprint(key1) != b.Fingerprint(key1) {
		t.Error("equal secrets have different fingerprints")
	}
	if a.Fingerprint(key1) == other.Fingerprint(key1) || a.Fingerprint(key1) == a.Fingerprint(key2) {
		t.Error("another secret or another key gives the same fingerprint")
	}
	// Computed with: printf 'launchready.dev/detect/fingerprint/v1\0hunter2' |
	// openssl dgst -sha256 -hmac 'key one', first 16 characters. Fingerprints stand in
	// waivers, so a change of this value breaks them.
	if diff := cmp.Diff("d263a7f5c6bf220d", matchOf("hunter2").Fingerprint(key1)); diff != "" {
		t.Error(diff)
	}
	if got := (Match{}).Fingerprint(key1); len(got) != fingerprintLength {
		t.Errorf("the fingerprint of an empty match is %q", got)
	}
}
