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

// maxSteps is how many steps may lead to a text. A run that was decoded, unfolded and turned around took three, and two more
// as that is less likely.
const maxSteps = 14

// all reads a text and what it decodes to.
func (f *finder) all(text string) {
	f.layersFrom(layer{text: text})
	f.substituted(text)
}

// layersFrom reads a text and what it decodes to, what took few steps first, as it is the likelier.
func (f *finder) layersFrom(l layer) {
	var queue [maxSteps + 1][]layer
	queue[0] = []layer{l}
	for steps := 0; steps <= maxSteps; steps++ {
		for i := 0; i < len(queue[steps]); i++ { // nothing comes of few steps from one of many
			l := queue[steps][i]
			queue[steps][i] = layer{}
			if !f.spend(len(l.text)) {
				return
			}
			f.layer(l, func(kind, decoded string) {
				if len(decoded) < gramLength {
					return
				}
				parts := strings.Split(kind, ", ")
				to := steps + 2*len(parts) - 1
				if to > maxSteps || !f.spend(len(decoded)) {
					return
				}
				queue[to] = append(queue[to], layer{text: decoded, via: append(slices.Clip(l.via), parts...), depth: l.depth + 1})
			})
		}
	}
}

// layer reads a text, and gives to next what it decodes to.
func (f *finder) layer(l layer, next func(kind, decoded string)) {
	if l.depth >= maxDepth {
		next = func(string, string) {}
	}
	plain := f.tables.fold(l.text, next)
	r, ok := f.spare.Get().(*streams)
	if !ok {
		r = new(streams)
	}
	defer f.spare.Put(r)
	r.reset()
	f.read(plain, l.via, r)
	if len(l.via) == 0 {
		f.chain(new(chains), r)
	}
	if l.depth < maxDepth {
		f.decode(plain, r, l.via, next)
	}
}

// streams are the readings of a text of which each takes some of its letters and digits.
type streams struct {
	all, leet                   []byte
	firstOfWord, lastOfWord     []byte
	firstOfLine, lastOfLine     []byte
	firstOfPhrase, lastOfPhrase []byte
	singles                     []byte
	// firstWords and lastWords are those of lines, and marked those between quotes and the like, or in capitals.
	firstWords, lastWords, marked []byte
	// ends are where in all the words end.
	ends []int
	// pieces are the words that hold hexadecimal digits alone, two or more, and lengths how long each is.
	pieces                       []byte
	lengths                      []int
	spellings                    []spelling
	digits, marks, spaces, words int
	// signs are dots and dashes that stand at no letter.
	signs int
	// alone is the most words in a row that are of one character, and alike the most characters of some words in a row that are of
	// the same length.
	alone, alike int
	// listed is the most lines in a row that have few words.
	listed int
}

// reset empties the streams and keeps their room.
func (r *streams) reset() {
	*r = streams{
		all: r.all[:0], leet: r.leet[:0], firstOfWord: r.firstOfWord[:0], lastOfWord: r.lastOfWord[:0], firstOfLine: r.firstOfLine[:0],
		lastOfLine: r.lastOfLine[:0], firstOfPhrase: r.firstOfPhrase[:0], lastOfPhrase: r.lastOfPhrase[:0], singles: r.singles[:0],
		spellings: r.spellings[:0], pieces: r.pieces[:0], lengths: r.lengths[:0], ends: r.ends[:0],
		firstWords: r.firstWords[:0], lastWords: r.lastWords[:0], marked: r.marked[:0],
	}
}

// read looks for canaries in all that a text may be read as without decoding it.
func (f *finder) read(text string, via []string, r *streams) {
	r.gather(text, &f.tables.symbols)
	enough := decodedNeed()
	if len(via) == 0 {
		enough = plainNeed()
	}
	f.stream(f.straight, r.all, 0, 1, enough, via)
	for step := 2; step <= 4; step++ {
		for from := range step {
			f.stream(f.straight, r.all, from, step, decodedNeed(), via, "every ", [...]string{"2nd", "3rd", "4th"}[step-2])
		}
	}
	for _, s := range []struct {
		name   string
		stream []byte
	}{
		{"first letters of words", r.firstOfWord},
		{"last letters of words", r.lastOfWord},
		{"first letters of lines", r.firstOfLine},
		{"last letters of lines", r.lastOfLine},
		{"first letters of sentences", r.firstOfPhrase},
		{"last letters of sentences", r.lastOfPhrase},
		{"single characters", r.singles},
		{"first words of lines", r.firstWords},
		{"last words of lines", r.lastWords},
		{"marked words", r.marked},
	} {
		f.stream(f.straight, s.stream, 0, 1, decodedNeed(), via, s.name)
	}
	f.pieces(r, via)
	// Leetspeak has digits or marks within words.
	if r.digits+r.marks >= 4 {
		r.leet = f.tables.leetspeak(r.leet, text)
		f.stream(f.leet, r.leet, 0, 1, leetNeed(), via, "leetspeak")
	}
	f.wordwise(via, r)
}

// gather makes the streams in one pass.
func (r *streams) gather(text string, symbols *[256]byte) {
	g := gatherer{streams: r, lineStart: true, phraseStart: true, number: true}
	for i := range len(text) {
		c := text[i]
		if s := symbols[c]; s != 0 {
			if g.length == 0 {
				g.start = i
				g.begin(s)
			}
			r.all = append(r.all, s)
			if s > 26 {
				r.digits++
			} else {
				g.number = false
				g.hex = g.hex && s <= 6
			}
			g.length++
			g.last = s
			continue
		}
		if g.length > 0 {
			if first := text[g.start]; first < 'a' || marksWords[c] {
				g.stands(text[:i], c)
			}
			g.end(c)
		} else if c == '.' || c == '-' || c == '_' {
			r.signs++
		}
		g.mark(c)
	}
	if g.length > 0 {
		g.end(0)
	}
	g.mark('\n')
}

// gatherer is where gather is.
type gatherer struct {
	*streams
	start  int  // where the word begins
	last   byte // the last symbol of the word, or before it
	length int  // of the word so far
	before int  // the length of the word before
	// number says that a word is all digits, and hex that it is all hexadecimal ones.
	number, hex                     bool
	lineStart, phraseStart          bool
	aloneSoFar, alikeSoFar, ofLines int
	// line is how many words there were before the line, and listedSoFar how many lines in a row have few.
	line, listedSoFar int
}

// begin begins a word.
func (g *gatherer) begin(s byte) {
	g.words++
	g.number, g.hex = true, true
	g.firstOfWord = append(g.firstOfWord, s)
	if g.phraseStart {
		g.firstOfPhrase, g.phraseStart = append(g.firstOfPhrase, s), false
	}
	if g.lineStart {
		g.firstOfLine, g.lineStart = append(g.firstOfLine, s), false
		g.ofLines = g.words
	}
}

// end ends a word, at a character.
func (g *gatherer) end(c byte) {
	g.ends = append(g.ends, len(g.all))
	g.lastOfWord = append(g.lastOfWord, g.last)
	if g.length != g.before {
		g.alikeSoFar = 0
	}
	g.alikeSoFar++
	g.aloneSoFar++
	if g.length == 1 {
		g.singles = append(g.singles, g.last)
	} else {
		g.aloneSoFar = 0
	}
	g.alone = max(g.alone, g.aloneSoFar)
	if g.alikeSoFar >= minGroups {
		// Marks may stand alone as well, and are no words.
		g.alike = max(g.alike, g.alikeSoFar*max(g.length, 2))
	}
	// The number of a list's item begins no line: "12. foo".
	if g.number && (c == '.' || c == ')') && g.ofLines == g.words {
		g.firstOfLine, g.lineStart = g.firstOfLine[:len(g.firstOfLine)-1], true
	} else {
		if g.ofLines == g.words {
			g.firstWords = append(g.firstWords, g.word()...)
		}
		if g.hex && g.length > 1 {
			g.pieces, g.lengths = append(g.pieces, g.word()...), append(g.lengths, g.length)
		}
	}
	g.before, g.length = g.length, 0
}

// word is the one that ends.
func (g *gatherer) word() []byte { return g.all[len(g.all)-g.length:] }

// stands looks how a word stands that a text ends in: "**word**", "WORD".
func (g *gatherer) stands(text string, behind byte) {
	around := g.start > 0 && marksWords[behind] && marksWords[text[g.start-1]]
	if !around && !('A' <= text[g.start] && text[g.start] <= 'Z' && g.length > 2 && capitals(text[g.start:]) == g.length) {
		return
	}
	g.marked = append(g.marked, g.word()...)
}

// marksWords are quotes and Markdown's emphasis.
var marksWords = [256]bool{'*': true, '_': true, '"': true, '\'': true, '`': true, '~': true}

// mark takes what is no letter or digit.
func (g *gatherer) mark(c byte) {
	switch c {
	case ' ', '\t', '\r':
		g.spaces++
		return
	case '\n':
		g.spaces++
		if !g.lineStart {
			g.lastOfLine = append(g.lastOfLine, g.last)
			from := 0
			if n := len(g.ends); n > 1 {
				from = g.ends[n-2]
			}
			g.lastWords = append(g.lastWords, g.all[from:g.ends[len(g.ends)-1]]...)
			g.listedSoFar++
			if g.words-g.line > fewWords {
				g.listedSoFar = 0
			}
			g.line, g.listed = g.words, max(g.listed, g.listedSoFar)
		}
		g.lineStart = true
	case '.', '!', '?':
		g.marks++
	default:
		g.marks++
		return
	}
	if !g.phraseStart {
		g.lastOfPhrase = append(g.lastOfPhrase, g.last)
	}
	g.phraseStart = true
}
