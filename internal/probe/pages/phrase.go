// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"slices"
	"strconv"
	"strings"
)

// piece is a part of a text that a script puts together: a text, or a hole for a value.
type piece struct {
	text string
	// hole says that text is the name of a value.
	hole bool
}

// phrase is a text that a script puts together.
type phrase []piece

// maxPieces is how many parts a phrase may have: a URL has few, and markup put together line by line is none.
const maxPieces = 40

// said says whether there is any text in a phrase.
func (p phrase) said() bool {
	return slices.ContainsFunc(p, func(part piece) bool { return !part.hole })
}

// whole gives the text of a phrase that has no holes.
func (p phrase) whole() (string, bool) {
	var b strings.Builder
	for _, part := range p {
		if part.hole {
			return "", false
		}
		b.WriteString(part.text)
	}
	return b.String(), len(p) > 0
}

// looksLikePath says whether a phrase may be a path or a URL: it begins with a slash or a scheme, or with a value and then a slash.
func (p phrase) looksLikePath() bool {
	if len(p) == 0 {
		return false
	}
	first := p[0]
	if first.hole {
		return len(p) > 1 && !p[1].hole && strings.HasPrefix(p[1].text, "/") && len(p[1].text) > 1
	}
	if strings.HasPrefix(first.text, "https://") || strings.HasPrefix(first.text, "http://") {
		return true
	}
	return strings.HasPrefix(first.text, "/") && !strings.HasPrefix(first.text, "//") && (len(first.text) > 1 || len(p) > 2)
}

// relative says whether a phrase may be a path that goes on from a base, such as "notes/" and a value.
func (p phrase) relative() bool {
	return len(p) > 0 && !p[0].hole && p[0].text != "" && isNameByte(p[0].text[0]) && !strings.Contains(p[0].text, ":")
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// unquoted gives the value of a string or of a part of a template, without what encloses it.
func unquoted(text string) (string, bool) {
	if !strings.Contains(text, `\`) {
		return text, true
	}
	text = strings.ReplaceAll(text, `\/`, "/")
	if !strings.Contains(text, `\`) {
		return text, true
	}
	// Go and JavaScript write the escapes that a URL may need alike.
	value, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	return value, err == nil
}
