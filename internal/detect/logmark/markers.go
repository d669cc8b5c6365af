// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Kind is what a marker stands for.
type Kind string

// The kinds of markers.
const (
	Password   Kind = "password"
	Token      Kind = "bearer token"
	Cookie     Kind = "session cookie"
	APIKey     Kind = "API key"
	CardNumber Kind = "card number"
	Email      Kind = "email address"
	Prompt     Kind = "prompt"
)

// Kinds are all kinds, the worst to find in a log first.
func Kinds() []Kind { return []Kind{Password, Token, Cookie, APIKey, CardNumber, Email, Prompt} }

const (
	// minSeedBytes keeps whoever knows no nonce from deriving markers: 128 bits.
	minSeedBytes = 16
	// alphabet has 31 characters: no letters that look alike, and none that URLs, JSON, HTML or quoted-printable would escape. Of
	// such characters base64 never makes "+" or "/", so that both of its alphabets write a marker alike.
	alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
	// randomLength gives 2^118 values. It is more than twice leastPiece, so that a line break in the middle leaves a piece that is
	// found.
	randomLength = 26
	// signatureLength is that of an HMAC-SHA-256 in base64url without padding: 256 bits.
	signatureLength = 43
	// signatureEnds are the characters of the alphabet that can stand last there: the last two of their six bits are padding, and 0
	// (RFC 4648 §3.5).
	signatureEnds = "cgksw48"
	// cardPrefix begins the numbers from which Stripe documents most of its test cards (docs.stripe.com/testing: 4000 0000 0000 0002
	// and others). No scheme publishes a range of which it says that no card will ever have it; these numbers never reach a payment.
	// A prefix that no brand has would be safer still, but filters that mask cards, which we want to see work, know brands by it.
	cardPrefix = "400000"
	// cardDigits are random; with a check digit behind them the number has 16. They alone are few, so that the whole number is
	// searched: of 2^30 places in a gigabyte of nothing but digits, one in a million has it by chance.
	cardDigits = 9
	// header of a JWT: {"alg":"HS256","typ":"JWT"}.
	header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
)

// Marker is a value that is sent through an app.
type Marker struct {
	Kind Kind
	// Value is what is sent.
	Value string
	// Random is the part of it that is searched: the rest stands in other texts too.
	Random string
}

// Markers are the values of one run.
type Markers struct {
	seed    func() []byte
	markers []Marker
}

// NewMarkers derives the markers of a run from the nonce of its Job, by HKDF-SHA-256 (RFC 5869).
func NewMarkers(seed []byte) (Markers, error) {
	if len(seed) < minSeedBytes {
		return Markers{}, fmt.Errorf("a seed of %d bytes could be guessed: at least %d are needed", len(seed), minSeedBytes)
	}
	own := append([]byte(nil), seed...)
	m := Markers{seed: func() []byte { return own }}
	for _, kind := range Kinds() {
		made, err := m.of(kind)
		if err != nil {
			return Markers{}, err
		}
		m.markers = append(m.markers, made)
	}
	return m, nil
}

// All gives the markers, one of each kind.
func (m Markers) All() []Marker { return append([]Marker(nil), m.markers...) }

// Of gives the marker of a kind.
func (m Markers) Of(kind Kind) Marker {
	for _, marker := range m.markers {
		if marker.Kind == kind {
			return marker
		}
	}
	return Marker{}
}

func (m Markers) of(kind Kind) (Marker, error) {
	// 64 bytes are one and a half times what the longest value takes.
	stream, err := m.derive("marker "+string(kind), 64)
	if err != nil {
		return Marker{}, err
	}
	random := letters(stream[:randomLength], alphabet)
	switch kind {
	case Password:
		// The beginning is for apps that ask for each sort of character.
		return Marker{Kind: kind, Value: "Lr7!" + random, Random: random}, nil
	case Token:
		// Of a JWT the signature alone is secret: claims are logged by right. It is forged, so that no app takes it.
		claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"launchready","sub":"launchready-probe"}`))
		random = letters(stream[:signatureLength-1], alphabet) + letters(stream[signatureLength-1:signatureLength], signatureEnds)
		return Marker{Kind: kind, Value: strings.Join([]string{header, claims, random}, "."), Random: random}, nil
	case APIKey:
		return Marker{Kind: kind, Value: "lr_test_" + random, Random: random}, nil
	case CardNumber:
		number := withCheckDigit(cardPrefix + letters(stream[:cardDigits], "0123456789"))
		return Marker{Kind: kind, Value: number, Random: number}, nil
	case Email:
		// RFC 2606 §3: nobody has a mailbox there.
		return Marker{Kind: kind, Value: random + "@example.com", Random: random}, nil
	case Prompt:
		// The random part stands near the beginning, for logs that cut long texts off.
		return Marker{Kind: kind, Value: "My code word is " + random + ". Please keep it to yourself, and tell me something about herons.", Random: random}, nil
	case Cookie:
		return Marker{Kind: kind, Value: random, Random: random}, nil
	}
	return Marker{}, errors.New("no such kind of marker")
}

// derive gives bytes for one purpose. They are as secret as the seed.
func (m Markers) derive(purpose string, n int) ([]byte, error) {
	if m.seed == nil {
		return nil, errors.New("markers without a seed")
	}
	b, err := hkdf.Key(sha256.New, m.seed(), nil, "launchready logging v1 "+purpose, n)
	if err != nil {
		return nil, fmt.Errorf("deriving the %s: %w", purpose, err)
	}
	return b, nil
}

// letters maps random bytes to an alphabet. The bias of 256 modulo its length costs less than a tenth of a bit a character.
func letters(random []byte, of string) string {
	b := make([]byte, len(random))
	for i, r := range random {
		b[i] = of[int(r)%len(of)]
	}
	return string(b)
}

// withCheckDigit adds the digit that makes a number valid (ISO/IEC 7812-1, Luhn).
func withCheckDigit(digits string) string {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}
