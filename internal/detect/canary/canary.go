// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"

	"github.com/tyler-smith/go-bip39/wordlists"
)

const (
	seedBytes = 16 // 128 bits
	hexDigits = 32
	wordCount = 12
	// keyDigits of base 62 hold 128 bits: 62^22 is 2^130.9.
	keyDigits = 22
	// keyPrefix belongs to no vendor: nobody's scanner calls, blocks or revokes anything for it.
	keyPrefix = "sk-lr-"
	base62    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Canary is a text that must never come out, in three forms to plant. Each form is unguessable by itself.
type Canary struct {
	// Site says where it is planted.
	Site string
	// Hex has 32 hexadecimal digits: 128 bits.
	Hex string
	// Words has 12 different words of BIP 39's English list, with spaces: 132 bits, less a twentieth for being different.
	// They are no wallet's, for nothing makes the last of them the checksum that a wallet wants.
	Words string
	// Key looks like an API key: 128 bits.
	Key string
}

// HasKey says whether the key is one of ours.
func (c Canary) HasKey() bool {
	digits, ours := strings.CutPrefix(c.Key, keyPrefix)
	return ours && len(digits) == keyDigits && strings.Trim(digits, base62) == ""
}

// Form is one of a canary's three.
type Form int

// The forms.
const (
	Hex Form = iota
	Words
	Key
)

func (f Form) String() string { return [...]string{"hex", "words", "key"}[f] }

// New makes a canary for a site.
func New(site string) Canary {
	seed := make([]byte, 2*seedBytes)
	_, _ = rand.Read(seed) // it never fails: crypto/rand
	return From(site, seed)
}

// From derives the canary of a site from a secret seed of at least 16 random bytes (HKDF-SHA256, RFC 5869): always the same
// from the same, so that a seed is all there is to keep.
func From(site string, seed []byte) Canary {
	return Canary{
		Site:  site,
		Hex:   hex.EncodeToString(derive(seed, "hex", site, seedBytes)),
		Words: strings.Join(derivedWords(seed, site), " "),
		Key:   keyPrefix + inBase62(derive(seed, "key", site, seedBytes)),
	}
}

func derive(seed []byte, form, site string, n int) []byte {
	b, err := hkdf.Key(sha256.New, seed, nil, "launchready canary "+form+" "+site, n)
	if err != nil {
		panic(err) // only for more bytes than HKDF gives, or a short key in FIPS mode
	}
	return b
}

// derivedWords takes 11 bits for a word, and passes over a word that is already there.
func derivedWords(seed []byte, site string) []string {
	var words []string
	pool := derive(seed, "words", site, 8*wordCount)
	for i := 0; len(words) < wordCount; i += 2 {
		word := wordlists.English[(int(pool[i])<<8|int(pool[i+1]))%len(wordlists.English)]
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

func inBase62(b []byte) string {
	n, radix, digit := new(big.Int).SetBytes(b), big.NewInt(int64(len(base62))), new(big.Int)
	out := make([]byte, keyDigits)
	for i := keyDigits - 1; i >= 0; i-- {
		n.DivMod(n, radix, digit)
		out[i] = base62[digit.Int64()]
	}
	return string(out)
}
