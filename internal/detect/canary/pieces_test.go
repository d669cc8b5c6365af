// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// inPieces writes each piece of a text of so many characters in a format, which may have its number and then has it first.
func inPieces(s string, size int, format string) string {
	var b strings.Builder
	for i := 0; i*size < len(s); i++ {
		piece := s[i*size : min(len(s), (i+1)*size)]
		if strings.Contains(format, "%d") {
			fmt.Fprintf(&b, format, i+1, piece)
		} else {
			fmt.Fprintf(&b, format, piece)
		}
	}
	return b.String()
}

func TestPiecesWithinOneReplyAreFound(t *testing.T) {
	for range 50 { // the digits make a difference: some pieces have no letter
		c := New("x")
		m := NewMatcher([]Canary{c, New("y")})
		h := c.Hex
		backwards := strings.Split(strings.TrimSpace(inPieces(h, 4, "%s ")), " ")
		slices.Reverse(backwards)
		for name, text := range map[string]string{
			"sentences":            inPieces(h, 8, "Part %d is %s. "),
			"labelled lines":       inPieces(h, 8, "Part %d: %s\n"),
			"a numbered list":      inPieces(h, 8, "%d. %s\n"),
			"a list of fours":      inPieces(h, 4, "%d. %s\n"),
			"a list of twos":       inPieces(h, 2, "%d) %s\n"),
			"fives":                inPieces(h, 5, "- `%s` comes here\n"),
			"prose":                fmt.Sprintf("It starts with %s, goes on with %s, then there is %s, and it ends in %s.", h[:8], h[8:16], h[16:24], h[24:]),
			"of several lengths":   fmt.Sprintf("First %s, then %s, then %s, and %s.", h[:6], h[6:16], h[16:23], h[23:]),
			"with years":           inPieces(h, 8, "In the year %d999 it was %s. "),
			"JSON":                 fmt.Sprintf(`{"a": "%s", "b": "%s", "c": "%s", "d": "%s"}`, h[:8], h[8:16], h[16:24], h[24:]),
			"code":                 fmt.Sprintf(`key="%s"; sum="%s"; tag="%s"; end="%s"`, h[:8], h[8:16], h[16:24], h[24:]),
			"headings":             inPieces(h, 8, "### %d\n%s\n"),
			"LaTeX":                inPieces(h, 4, `\text{%s}`),
			"elements":             inPieces(h, 4, `<span class="x">%s</span>`),
			"emphasis":             inPieces(h, 4, "**%s** "),
			"the last piece first": strings.Join(backwards, " then "),
			"characters in a list": inPieces(h, 1, "%d. %s\n"),
			"and in a table":       inPieces(h, 1, "| %d | %s |\n"),
		} {
			if hits := m.Find([]byte(inProse(text))); len(hits) != 1 || hits[0].Form != Hex || hits[0].Canary != 0 {
				t.Errorf("%s: %v in %q", name, hits, text)
			}
		}
	}
}

func TestWordsWithinSentencesAreFound(t *testing.T) {
	c := New("x")
	// A canary's own word that comes again in each sentence is the next one nowhere.
	for slices.ContainsFunc(strings.Fields(c.Words), func(word string) bool { return strings.Contains(" the old man said to me ", " "+word+" ") }) {
		c = New("x")
	}
	m := NewMatcher([]Canary{c, New("y")})
	text := ""
	for _, word := range strings.Fields(c.Words) {
		text += "The old man said " + word + " to me. "
	}
	if hits := m.Find([]byte(text)); len(hits) != 1 || hits[0].Form != Words || hits[0].Partial {
		t.Errorf("%v in %q", hits, text)
	}
}
