// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"slices"
	"strings"
)

// maxDepth is how many decodings within one another are undone, before those that need none (foldings, reversal, acrostics).
const maxDepth = 4

// layer is a text that came of decoding.
type layer struct {
	text  string
	via   []string
	depth int
}

// all reads a text and what it decodes to, shallow ones first.
func (f *finder) all(text string) {
	queue := []layer{{text: text}}
	for len(queue) > 0 {
		l := queue[0]
		queue = queue[1:]
		if !f.spend(len(l.text)) {
			return
		}
		next := func(kind, decoded string) {
			if len(decoded) < gramLength || l.depth >= maxDepth || !f.spend(len(decoded)) {
				return
			}
			via := append(slices.Clip(l.via), strings.Split(kind, ", ")...)
			queue = append(queue, layer{text: decoded, via: via, depth: l.depth + 1})
		}
		plain := f.tables.fold(l.text, next)
		r := f.read(plain, l.via)
		if l.depth < maxDepth {
			f.decode(plain, r, l.via, next)
		}
	}
}

// streams are the readings of a text of which each takes some of its letters and digits.
type streams struct {
	all                          []byte
	firstOfWord, lastOfWord      []byte
	firstOfLine, lastOfLine      []byte
	firstOfPhrase, lastOfPhrase  []byte
	singles                      []byte
	digits, marks, spaces, words int
}

func (f *finder) read(text string, via []string) *streams {
	r := &streams{all: make([]byte, 0, len(text))}
	r.gather(text, &f.tables.symbols)
	enough := decodedNeed()
	if len(via) == 0 {
		enough = plainNeed()
	}
	with := func(name string) []string { return append(slices.Clip(via), name) }
	f.stream(f.straight, r.all, 0, 1, enough, via)
	for step, name := range map[int]string{2: "every 2nd", 3: "every 3rd", 4: "every 4th"} {
		for from := range step {
			f.stream(f.straight, r.all, from, step, decodedNeed(), with(name))
		}
	}
	for _, s := range []struct {
		name   string
		stream []byte
	}{
		{"first letters of words", r.firstOfWord}, {"last letters of words", r.lastOfWord},
		{"first letters of lines", r.firstOfLine}, {"last letters of lines", r.lastOfLine},
		{"first letters of sentences", r.firstOfPhrase}, {"last letters of sentences", r.lastOfPhrase},
		{"single characters", r.singles},
	} {
		f.stream(f.straight, s.stream, 0, 1, decodedNeed(), with(s.name))
	}
	// Leetspeak has digits or marks within words.
	if r.digits+r.marks >= 4 {
		f.stream(f.leet, f.tables.leetspeak(text), 0, 1, leetNeed(), with("leetspeak"))
	}
	f.wordwise(text, via)
	return r
}

// gather makes the streams in one pass.
func (r *streams) gather(text string, symbols *[256]byte) {
	var last byte // the last symbol of the word, or before it
	length, lineStart, phraseStart := 0, true, true
	number, labels := true, 0
	for i := range len(text) {
		c := text[i]
		if s := symbols[c]; s != 0 {
			r.all = append(r.all, s)
			if s > 26 {
				r.digits++
			}
			if length == 0 {
				r.words++
				r.firstOfWord = append(r.firstOfWord, s)
				if phraseStart {
					r.firstOfPhrase, phraseStart = append(r.firstOfPhrase, s), false
				}
				if lineStart {
					r.firstOfLine, lineStart = append(r.firstOfLine, s), false
					number, labels = true, len(r.all)
				}
			}
			number = number && s > 26
			length++
			last = s
			continue
		}
		if length > 0 {
			r.lastOfWord = append(r.lastOfWord, last)
			if length == 1 {
				r.singles = append(r.singles, last)
			}
			// The number of a list's item begins no line: "12. foo".
			if number && (c == '.' || c == ')') && labels == len(r.all)-length+1 {
				r.firstOfLine, lineStart = r.firstOfLine[:len(r.firstOfLine)-1], true
			}
			length = 0
		}
		switch c {
		case ' ', '\t', '\r':
			r.spaces++
		case '\n':
			r.spaces++
			if last != 0 && !lineStart {
				r.lastOfLine = append(r.lastOfLine, last)
			}
			lineStart, phraseStart = true, true
		case '.', '!', '?':
			if last != 0 && !phraseStart {
				r.lastOfPhrase = append(r.lastOfPhrase, last)
			}
			phraseStart = true
			r.marks++
		default:
			r.marks++
		}
	}
	if length > 0 {
		r.lastOfWord, r.lastOfLine, r.lastOfPhrase = append(r.lastOfWord, last), append(r.lastOfLine, last), append(r.lastOfPhrase, last)
		if length == 1 {
			r.singles = append(r.singles, last)
		}
	}
}
