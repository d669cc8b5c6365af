// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/launchready/launchready/internal/detect/logmark"
)

func TestTheSameNonceGivesTheSameMarkers(t *testing.T) {
	a, b := markers(t), markers(t)
	if !slices.Equal(a.All(), b.All()) {
		t.Error("two derivations from one nonce differ")
	}
	other, err := logmark.NewMarkers([]byte("another nonce of so many letters"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range append(a.All(), other.All()...) {
		if seen[m.Random] {
			t.Errorf("%s: the random part stands in two markers", m.Kind)
		}
		seen[m.Random] = true
	}
	one, _ := a.Request(1)
	same, _ := b.Request(1)
	two, _ := a.Request(2)
	foreign, _ := other.Request(1)
	if one != same || one == two || one == foreign {
		t.Errorf("requests: %v, %v, %v, %v", one, same, two, foreign)
	}
}

func TestANonceThatCouldBeGuessedIsRefused(t *testing.T) {
	for _, nonce := range []string{"", "short", "fifteen letters"} {
		if _, err := logmark.NewMarkers([]byte(nonce)); err == nil {
			t.Errorf("%q is taken", nonce)
		}
	}
	if _, err := logmark.NewSearcher(logmark.Markers{}, 1); err == nil {
		t.Error("a search for nothing is taken")
	}
	if _, err := (logmark.Markers{}).Request(1); err == nil {
		t.Error("a request of no run has an id")
	}
}

func TestMarkersLookLikeWhatTheyStandFor(t *testing.T) {
	m := markers(t)
	shapes := map[logmark.Kind]string{
		logmark.Password:   `^Lr7![a-z2-9]{26}$`,
		logmark.Token:      `^eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[a-z2-9]{43}$`,
		logmark.Cookie:     `^[a-z2-9]{26}$`,
		logmark.APIKey:     `^lr_test_[a-z2-9]{26}$`,
		logmark.CardNumber: `^400000\d{10}$`,
		logmark.Email:      `^[a-z2-9]{26}@example\.com$`,
		logmark.Prompt:     `^My code word is [a-z2-9]{26}\. Please .*\.$`,
	}
	if len(m.All()) != len(shapes) || len(logmark.Kinds()) != len(shapes) {
		t.Fatalf("%d markers of %d kinds", len(m.All()), len(logmark.Kinds()))
	}
	for _, marker := range m.All() {
		if !regexp.MustCompile(shapes[marker.Kind]).MatchString(marker.Value) {
			t.Errorf("%s: %q", marker.Kind, marker.Value)
		}
		if !strings.Contains(marker.Value, marker.Random) || m.Of(marker.Kind) != marker {
			t.Errorf("%s: %+v", marker.Kind, marker)
		}
	}
	for i, part := range strings.Split(m.Of(logmark.Token).Value, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			t.Errorf("part %d of the token: %v", i, err)
		}
	}
}

func TestCardNumbersAreValid(t *testing.T) {
	for i := range 200 {
		m, err := logmark.NewMarkers(fmt.Appendf(nil, "a nonce of this run, number %d", i))
		if err != nil {
			t.Fatal(err)
		}
		number := m.Of(logmark.CardNumber).Value
		sum := 0
		for i, c := range number {
			d := int(c - '0')
			if i%2 == 0 { // of 16 digits the first is doubled
				d = d*2/10 + d*2%10
			}
			sum += d
		}
		if sum%10 != 0 {
			t.Errorf("%s is not valid", number)
		}
	}
}

func TestRequestIDsHaveTheFormsOfTheirStandards(t *testing.T) {
	m := markers(t)
	for i := range 50 {
		r, err := m.Request(i)
		if err != nil {
			t.Fatal(err)
		}
		trace := strings.ReplaceAll(r.UUID, "-", "")
		for form, value := range map[string]string{
			`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`: r.UUID,
			`^00-` + trace + `-[0-9a-f]{16}-01$`:                                    r.Traceparent,
			`^lr/` + trace + `$`:                                                    r.UserAgent,
			`^lr_request=` + trace + `$`:                                            r.Query,
		} {
			if !regexp.MustCompile(form).MatchString(value) {
				t.Errorf("%q is not of the form %s", value, form)
			}
		}
	}
}
