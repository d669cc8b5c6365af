// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// worst are texts that look like as much as can be.
func worst(n int) map[string]string {
	r := rand.New(rand.NewPCG(9, 10))
	of := func(alphabet string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	nested := strings.Repeat("a fine text ", n/12)
	for len(nested) < 8*n {
		nested = base64.StdEncoding.EncodeToString([]byte(nested))
	}
	return map[string]string{
		"hex": of("0123456789abcdef"), "bits": of("01"), "bits spaced": of("01  "), "base64": of("ABCDEFGHabcdefgh0123+/"), "signs": of(".- "),
		"numbers": strings.Repeat("97 32 48 ", n/9), "escapes": strings.Repeat(`%25\x41&#65;=41`, n/15), "nested": nested[:n],
		"lines": strings.Repeat("QUJDREVGR0hJSktM\n", n/17), "85": of("!#$%&()*+-;<=>?@ABCabc012"), "compatibility": strings.Repeat("\ufdfa", n/3),
		"base64 of base64 of text": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("41 42 43 ", n/16))))),
		"words":                    strings.Repeat("one alpha a ", n/12), "tags": strings.Repeat("\U000E0041", n/4), "short runs": strings.Repeat("AbCdEfGhIjKlMnOpQrStUv1 ", n/24),
	}
}

// The work on a text is counted, and is no more than its length allows.
func TestWorkIsBounded(t *testing.T) {
	m := NewMatcher(eight())
	for _, n := range []int{1 << 10, 1 << 14, 1 << 16} {
		for name, text := range worst(n) {
			f := m.newFinder(len(text))
			f.all(text)
			if f.spent > workPerByte*len(text)+workAnyway {
				t.Errorf("%s of %d bytes: %d spent", name, len(text), f.spent)
			}
		}
	}
}

func FuzzFind(f *testing.F) {
	c := fixed()
	m := NewMatcher([]Canary{c}, "a text")
	for _, e := range encoders() {
		f.Add(e.encode(c.Hex), uint8(0))
	}
	for _, text := range worst(500) {
		f.Add(text, uint8(3))
	}
	f.Add(ordinary, uint8(1))
	f.Fuzz(func(t *testing.T, text string, cut uint8) {
		finder := m.newFinder(len(text))
		finder.all(text)
		if finder.spent > workPerByte*len(text)+workAnyway {
			t.Errorf("%d spent on %d bytes", finder.spent, len(text))
		}
		for _, hit := range finder.hits() {
			if hit.Length > whole(hit.Form) || hit.Partial != (hit.Length < whole(hit.Form)) || hit.Canary != 0 {
				t.Errorf("%+v", hit)
			}
		}
		s := m.Session()
		at := min(int(cut), len(text))
		s.Add([]byte(text[:at]))
		s.Add([]byte(text[at:]))
		SharedRun(text, prompt, text[:at])
	})
}

func BenchmarkFindWorst(b *testing.B) {
	m := NewMatcher(eight())
	for name, text := range worst(1 << 14) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m.Find([]byte(text))
			}
		})
	}
}
