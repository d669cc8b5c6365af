// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"strings"
	"testing"
)

func TestFindPlain(t *testing.T) {
	cs := []Canary{New("a"), New("b")}
	m := NewMatcher(cs)
	for i, c := range cs {
		for f, s := range []string{c.Hex, c.Words, c.Key} {
			hits := m.Find([]byte("Well, it is: " + s + " as you know"))
			if len(hits) != 1 || hits[0].Canary != i || hits[0].Form != Form(f) || hits[0].Partial || len(hits[0].Via) != 0 {
				t.Errorf("%q: %v", s, hits)
			}
			if hits := m.Find([]byte(strings.ToUpper(reverse(s)))); len(hits) != 1 || hits[0].Partial || hits[0].Via[0] != "reversed" {
				t.Errorf("%q: %v", s, hits)
			}
		}
	}
}
