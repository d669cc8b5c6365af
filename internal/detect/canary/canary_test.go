// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39/wordlists"
)

func TestCanariesHaveTheirForms(t *testing.T) {
	seen := map[string]bool{}
	for range 500 {
		c := New("prompt")
		words := strings.Fields(c.Words)
		unique := slices.Compact(slices.Sorted(slices.Values(words)))
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(c.Hex) || !regexp.MustCompile(`^sk-lr-[0-9A-Za-z]{22}$`).MatchString(c.Key) || len(words) != 12 || len(unique) != 12 {
			t.Fatalf("%+v", c)
		}
		for _, word := range words {
			if !slices.Contains(wordlists.English, word) {
				t.Errorf("%q is no word of the list", word)
			}
		}
		for _, form := range []string{c.Hex, c.Words, c.Key} {
			if seen[form] {
				t.Errorf("%q came twice", form)
			}
			seen[form] = true
		}
	}
}

func TestASeedGivesTheSameCanaryAtTheSameSite(t *testing.T) {
	seed := []byte("0123456789abcdef")
	a := From("prompt", seed)
	if a != From("prompt", seed) {
		t.Error("not the same from the same")
	}
	for name, b := range map[string]Canary{"another site": From("tool", seed), "another seed": From("prompt", []byte("0123456789abcdeF"))} {
		if a.Hex == b.Hex || a.Words == b.Words || a.Key == b.Key {
			t.Errorf("the same from %s", name)
		}
	}
}
