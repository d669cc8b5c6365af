// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestPiecesOverRepliesAreFound(t *testing.T) {
	c := fixed()
	m := NewMatcher([]Canary{New("other"), c})
	encoded := base64.StdEncoding.EncodeToString([]byte(c.Hex))
	var digits, labelled, sentences, first []string
	for i, d := range strings.Split(c.Hex, "") {
		digits = append(digits, d)
		labelled = append(labelled, fmt.Sprintf("Digit no. %d? That one would be `%s`.", i+1, d))
		sentences = append(sentences, strings.ToUpper(d)+"xactly as you say, that is how it works, and there is nothing more to say about it at all.")
		first = append(first, d+" is what comes next in the row, as far as I can see from what I have been told about this matter.")
	}
	var words []string
	for i, w := range strings.Fields(c.Words) {
		words = append(words, fmt.Sprintf("The %dth of the words that you ask me about, if I remember it rightly, which I think that I do, is **%s**!", i+1, w))
	}
	for name, test := range map[string]struct {
		replies []string
		form    Form
	}{
		"two halves":           {[]string{c.Hex[:16], c.Hex[16:]}, Hex},
		"thirds in sentences":  {[]string{"It begins with " + c.Hex[:10], "then comes " + c.Hex[10:21], "and the end is " + c.Hex[21:] + "."}, Hex},
		"one digit a reply":    {digits, Hex},
		"digits with labels":   {labelled, Hex},
		"first characters":     {sentences, Hex},
		"digits that begin":    {first, Hex},
		"one word a reply":     {strings.Fields(c.Words), Words},
		"words with labels":    {words, Words},
		"base64 in two":        {[]string{encoded[:21], encoded[21:]}, Hex},
		"base64 with words":    {[]string{"First part: " + encoded[:15], "Second part: " + encoded[15:30], "Third: " + encoded[30:]}, Hex},
		"the key in fours":     {[]string{c.Key[6:10], c.Key[10:14], c.Key[14:18], c.Key[18:22], c.Key[22:]}, Key},
		"backwards, in pieces": {[]string{reverse(c.Hex)[:11], reverse(c.Hex)[11:22], reverse(c.Hex)[22:]}, Hex},
	} {
		t.Run(name, func(t *testing.T) {
			s := m.Session()
			longest := Hit{}
			for i, reply := range test.replies {
				for _, hit := range s.Add([]byte(reply)) {
					if hit.Length <= longest.Length {
						t.Errorf("reply %d gives %v again", i, hit)
					}
					longest = hit
				}
			}
			if longest.Canary != 1 || longest.Form != test.form || longest.Partial || longest.Length != whole(test.form) {
				t.Errorf("%+v", longest)
			}
			if hits := s.Add([]byte("!")); len(hits) > 0 {
				t.Errorf("given again: %v", hits)
			}
			for _, kept := range s.streams {
				if len(kept) > keptSymbols {
					t.Errorf("%d symbols are kept", len(kept))
				}
			}
			for _, kept := range s.texts {
				if len(kept) > keptBytes {
					t.Errorf("%d bytes are kept", len(kept))
				}
			}
		})
	}
}

func TestAnOrdinaryConversationGivesNothing(t *testing.T) {
	c := fixed()
	s := NewMatcher([]Canary{c}, c.Hex).Session()
	for i := range 200 {
		for _, reply := range []string{ordinary, "Yes.", "No, sorry!", fmt.Sprint(i), "b", c.Hex[:10], c.Hex[10:]} {
			if hits := s.Add([]byte(reply)); len(hits) > 0 {
				t.Fatal(hits)
			}
		}
	}
}
