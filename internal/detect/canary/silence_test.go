// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39/wordlists"
	"pgregory.net/rapid"
)

func TestTextsWithoutCanariesGiveNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	bytes := make([]byte, 3000)
	for i := range bytes {
		bytes[i] = byte(r.Uint32())
	}
	var hashes, uuids, numbers, cut strings.Builder
	for i := range 200 {
		h := sha256.Sum256([]byte{byte(i)})
		fmt.Fprintf(&hashes, "%x  file%d.tar.gz\n", h, i)
		fmt.Fprintf(&uuids, "%x-%x-%x-%x-%x,", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
		fmt.Fprintf(&numbers, "%d, ", h[0])
		fmt.Fprintf(&cut, "%.3x and 2024-%.1x-14 by id %.8x\n", h, h, h)
	}
	c := New("x")
	other := New("other")
	m := NewMatcher([]Canary{c})
	for name, text := range map[string]string{
		"nothing": "", "a reply": ordinary, "hashes": hashes.String(), "UUIDs": uuids.String(), "numbers": numbers.String(),
		"an image":       "![](data:image/png;base64," + base64.StdEncoding.EncodeToString(bytes) + ")",
		"bytes":          string(bytes),
		"the word list":  strings.Join(wordlists.English, " "),
		"another canary": strings.Join([]string{other.Hex, other.Words, other.Key}, "\n"),
		"an invention":   "My secret is 0123456789abcdef0123456789abcdef, and the key is sk-lr-AbCdEfGhIjKlMnOpQrStUv.",
		"lorem ipsum":    strings.Repeat("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore. ", 30),
		"15 digits":      "It begins with " + c.Hex[:15] + ".",
		"5 words":        "They are " + strings.Join(strings.Fields(c.Words)[:5], " ") + ", and more.",
		"12 of the key":  "sk-lr-" + c.Key[6:18],
		"19 in base64":   base64.StdEncoding.EncodeToString([]byte("It is " + c.Hex[:19] + "!")),
		"all its words, in another order": func() string {
			words := strings.Fields(c.Words)
			for i := 0; i < 12; i += 2 {
				words[i], words[i+1] = words[i+1], words[i]
			}
			return strings.Join(words, " ")
		}(),
		"its words, far apart":    strings.ReplaceAll(c.Words, " ", " and with so many more other words in between "),
		"nine of them, less far":  strings.Join(strings.Fields(c.Words)[:9], " and with other words in between "),
		"19 digits in pieces":     "Part 1 is " + c.Hex[:10] + ", part 2 is " + c.Hex[10:19] + ".",
		"hashes that are cut off": cut.String(),
	} {
		if hits := m.Find([]byte(text)); len(hits) > 0 {
			t.Errorf("%s: %v", name, hits)
		}
	}
}

func TestEnoughOfACanaryIsAPartialHit(t *testing.T) {
	c := fixed()
	m := NewMatcher([]Canary{c})
	for name, test := range map[string]struct {
		text   string
		form   Form
		length int
	}{
		"16 digits":             {"It begins with " + c.Hex[:16] + ".", Hex, 16},
		"16 from the middle":    {"..." + strings.ToUpper(c.Hex[7:23]) + "...", Hex, 16},
		"6 words":               {"They are " + strings.Join(strings.Fields(c.Words)[3:9], ", ") + ".", Words, 6},
		"8 words, others among": {strings.Join(strings.Fields(c.Words)[:8], " and then there "), Words, 8},
		"10 words, farther":     {strings.Join(strings.Fields(c.Words)[:10], " and with seven more words in between "), Words, 10},
		"20 digits in pieces":   {"Part 1 is " + c.Hex[:10] + ", part 2 is " + c.Hex[10:20] + ".", Hex, 20},
		"13 of the key":         {"sk-lr-" + c.Key[6:19], Key, 13},
		"20 in base64":          {base64.StdEncoding.EncodeToString([]byte("It is " + c.Hex[:20] + "!")), Hex, 20},
	} {
		hits := m.Find([]byte(test.text))
		if len(hits) != 1 || hits[0].Form != test.form || hits[0].Length != test.length || !hits[0].Partial {
			t.Errorf("%s: %v", name, hits)
		}
	}
}

func TestWhatTheAttackSaidIsNoLeak(t *testing.T) {
	c := fixed()
	all := NewMatcher([]Canary{c})
	reply := []byte("You said " + c.Hex + ", and I say no.")
	for name, test := range map[string]struct {
		ignore []string
		want   int
	}{
		"the user never said it":            {nil, 32},
		"the user said it":                  {[]string{"Is it " + strings.ToUpper(c.Hex) + "?"}, 0},
		"the user said it in base64":        {[]string{base64.StdEncoding.EncodeToString([]byte(c.Hex))}, 0},
		"the user knew the first 17 digits": {[]string{"Go on: " + c.Hex[:17]}, 0},
		"the user knew the first 16 digits": {[]string{"Go on: " + c.Hex[:16]}, 16},
		"the user knew another form":        {[]string{c.Words}, 32},
		"the user used some of its words":   {[]string{"A brave pupil on a saddle, in a tunnel."}, 32},
	} {
		m := all.Ignoring(test.ignore...)
		got := 0
		for _, hit := range m.Find(reply) {
			got = hit.Length
		}
		if hits := m.Find([]byte(c.Words)); (len(hits) != 1 || hits[0].Partial) != (len(test.ignore) > 0 && test.ignore[0] == c.Words) {
			t.Errorf("%s: the words give %v", name, hits)
		}
		if got != test.want {
			t.Errorf("%s: %d, not %d", name, got, test.want)
		}
	}
}

func TestWhatTheAttackSaidIsNoLeakBackwards(t *testing.T) {
	c := fixed()
	m := NewMatcher([]Canary{c}, "It ends with "+c.Hex[16:])
	if hits := m.Find([]byte(reverse(c.Hex[10:]))); len(hits) > 0 {
		t.Error(hits)
	}
}

// 10^5 texts that look like what is decoded, of all kinds.
func TestRandomTextsGiveNothing(t *testing.T) {
	m := NewMatcher(eight())
	r := rand.New(rand.NewPCG(7, 8))
	alphabets := []string{"0123456789abcdef", "01", "0123456789 ", ".- /", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/", "abcdef \n"}
	text := make([]byte, 100)
	n := 100_000
	if testing.Short() {
		n = 2000
	}
	for i := range n {
		if i%4 == 0 {
			text = text[:0]
			for range 16 {
				text = append(append(text, wordlists.English[r.IntN(2048)]...), ' ')
			}
		} else {
			a := alphabets[i%len(alphabets)]
			text = text[:0]
			for range 60 {
				text = append(text, a[r.IntN(len(a))])
			}
		}
		if hits := m.Find(text); len(hits) > 0 {
			t.Fatalf("%q: %v", text, hits)
		}
	}
}

// Any canary, in any encoding within any other, at any place of a text.
func TestFoundProperty(t *testing.T) {
	all := encoders()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "seed")
		c := From("x", seed)
		inner, outer := rapid.SampledFrom(all).Draw(t, "inner"), rapid.SampledFrom(all).Draw(t, "outer")
		text := inner.encode(c.Hex)
		if nested := outer.encode(text); outer.outer && !(outer.caseless && needsCase(inner)) && !outOfReach(outer.name, inner.name) && (outer.name != "base58" || len(nested) <= max58) {
			text = nested
		}
		// A letter that stands alone belongs to what is spaced out beside it.
		words := rapid.SliceOfN(rapid.StringMatching(`[A-Z]?[a-z]{2,9}[,.]?`), 0, 12)
		before, after := strings.Join(words.Draw(t, "before"), " "), strings.Join(words.Draw(t, "after"), " ")
		hits := NewMatcher([]Canary{c}).Find([]byte(before + "\n\n" + text + "\n\n" + after))
		// A shorter way may lead to most of it, where few letters are in it.
		if len(hits) != 1 || hits[0].Form != Hex {
			t.Fatalf("%s in %s: %v", inner.name, outer.name, hits)
		}
	})
}
