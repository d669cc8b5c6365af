// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// patternLength digits in a row are known by where they repeat, whatever stands for each: emoji, words of any language, another digit. Of 28
// random digits there are 2^112 rows, and at most 16!, 2^44.3, ways to dress them alike: a row of signs has the pattern of one place of a canary
// with probability 2^-67.7. There are 2^16 places, 3 rows of signs for each text, 2 directions, 2^3 canaries and 5 places of each: 2^-43.8.
// Words and keys repeat too little for that.
const patternLength = 28

// pattern is a stretch of a canary's digits, maybe backwards: how far back each stood before, 0 where it did not.
type pattern struct {
	canary, at int
	reversed   bool
	gaps       [patternLength]byte
}

// patterns knows them by their last three gaps, of five bits each.
type patterns struct {
	of     map[uint16][]pattern
	filter [1 << 15 / 64]uint64
}

func newPatterns(canaries []Canary) *patterns {
	p := &patterns{of: map[uint16][]pattern{}}
	for i, c := range canaries {
		for _, text := range []string{c.Hex, reverseBytes(c.Hex)} {
			for at := 0; at+patternLength <= len(text); at++ {
				p.add(pattern{canary: i, at: at, reversed: text != c.Hex}, text[at:at+patternLength])
			}
		}
	}
	return p
}

func (p *patterns) add(one pattern, digits string) {
	for i := range len(digits) {
		if before := strings.LastIndexByte(digits[:i], digits[i]); before >= 0 {
			one.gaps[i] = byte((i - before) & 0xff)
		}
	}
	const last = patternLength - 1
	// In a longer row, what is new here may have stood just before.
	for _, third := range []byte{one.gaps[last-2], last - 1, last} {
		for _, second := range []byte{one.gaps[last-1], last} {
			if third != one.gaps[last-2] && one.gaps[last-2] != 0 || second != one.gaps[last-1] && one.gaps[last-1] != 0 {
				continue
			}
			key := uint16(third)<<10 | uint16(second)<<5 | uint16(one.gaps[last])
			p.of[key] = append(p.of[key], one)
			p.filter[key/64] |= 1 << (key % 64)
		}
	}
}

// rowLength is a power of two that holds a pattern.
const rowLength = 32

// row is a row of signs as it comes, of which the last are kept.
type row struct {
	*finder
	// n is how many signs there were, and start how many of them in rows before.
	n, start int
	signs    [rowLength]uint32
	gaps     [rowLength]byte
	// key has the last three gaps, and again a bit for each sign that stood before.
	key   uint16
	again uint32
	// recent is which sign of a kind stood last, and where, from 1 on.
	recent [4 * rowLength]recent
	// last is the pattern that ended with the sign before, first where its row of patterns began.
	last  pattern
	first int
	ended int
}

type recent struct {
	sign uint32
	at   int
}

// reset begins a new row.
func (r *row) reset() { r.start = r.n }

// sign takes the next one.
func (r *row) sign(s uint32) {
	i := r.n
	gap := 0
	known := &r.recent[s%uint32(len(r.recent))]
	if at := known.at; at > max(r.start, i+1-patternLength) {
		gap = i + 1 - at
		if known.sign != s {
			gap = r.before(s)
		}
	}
	*known = recent{s, i + 1}
	r.signs[i%rowLength], r.gaps[i%rowLength] = s, byte(gap)
	r.key, r.again = r.key<<5&0x7fff|uint16(gap), r.again<<1
	if gap > 0 {
		r.again |= 1
	}
	r.n++
	if r.patterns.filter[r.key/64]&(1<<(r.key%64)) != 0 && r.repeats() && r.n-r.start >= patternLength {
		r.matches()
	}
}

// repeats says whether there are no more kinds of signs among the last than digits.
func (r *row) repeats() bool {
	const kinds = 16
	return bits.OnesCount32(r.again<<(32-patternLength)) >= patternLength-kinds
}

// before says how far back the next sign stood.
func (r *row) before(s uint32) int {
	for back := 1; back < patternLength && back <= r.n-r.start; back++ {
		if r.signs[(r.n-back)%rowLength] == s {
			return back
		}
	}
	return 0
}

// matches reports the patterns that end here, together with those just before.
func (r *row) matches() {
	for _, p := range r.patterns.of[r.key] {
		same := true
		for i := 0; same && i < patternLength; i++ {
			gap := r.gaps[(r.n-patternLength+i)%rowLength]
			if int(gap) > i {
				gap = 0
			}
			same = p.gaps[i] == gap
		}
		if !same {
			continue
		}
		if r.ended != r.n-1 || r.last.canary != p.canary || r.last.reversed != p.reversed || r.last.at != p.at-1 {
			r.first = p.at
		}
		r.last, r.ended = p, r.n
		start, end, via := r.first, p.at+patternLength, []string{"substitution"}
		if p.reversed {
			start, end, via = hexDigits-end, hexDigits-start, append(via, "reversed")
		}
		at := formOf{p.canary, Hex}
		if end-start > r.best[at].Length { // another reading says better how it came
			r.report(at, start, end, need{hex: patternLength}, via)
		}
		return
	}
}

// substituted looks for a canary's digits of which each is written as something else, always the same: characters with nothing between, words, or
// the last words of lines. It takes time in proportion to the text.
func (f *finder) substituted(text string) {
	var characters, words, lines row
	characters.finder, words.finder, lines.finder = f, f, f
	var word wordSign
	last, start := uint32(0), 0
	for i := 0; i <= len(text); i++ {
		c := byte('\n')
		if i < len(text) {
			c = text[i]
		}
		ink := f.tables.ink[c]
		if ink == inkOfWord {
			word.letters = bits.RotateLeft32(word.letters, 5) ^ uint32(c|0x20)
			continue
		}
		if ink == inkMark {
			word.marks = bits.RotateLeft32(word.marks, 5) ^ uint32(c)
			continue
		}
		if word != (wordSign{}) {
			last = word.sign()
			words.sign(last)
			word = wordSign{}
		}
		if ink == inkBetween {
			continue
		}
		if i-start >= patternLength {
			characters.of(text[start:i])
			f.twoSigns(text[start:i])
		}
		start = i + 1
		if c == '\n' && last != 0 {
			lines.sign(last)
			last = 0
		}
	}
}

// twoSigns reads what has two signs alone as bits.
func (f *finder) twoSigns(text string) {
	var of [2]rune
	var bits [2][]byte
	seen := 0
	for _, c := range text {
		if beside(c) {
			continue
		}
		which := 0
		for which < seen && of[which] != c {
			which++
		}
		if which == len(of) {
			return
		}
		of[which], seen = c, max(seen, which+1)
		bits[0], bits[1] = append(bits[0], "01"[which]), append(bits[1], "10"[which])
	}
	if seen < len(of) || len(bits[0]) < hexDigits {
		return
	}
	for i := range bits {
		f.binary(string(bits[i]), nil, func(kind, decoded string) {
			f.layersFrom(layer{text: decoded, via: []string{"two signs", kind}, depth: 1})
		})
	}
}

// of takes the characters of a text for signs.
func (r *row) of(text string) {
	r.reset()
	for _, c := range text {
		if !beside(c) {
			r.sign(uint32(c & unicode.MaxRune))
		}
	}
}

// beside says whether a character only changes how the one before looks, or stands between two as a comma does.
func beside(c rune) bool {
	return c == '、' || c == '，' || c == '・' || c == '；' || c == 0x200D || 0xFE00 <= c && c <= 0xFE0F || 0x300 <= c && c <= 0x36F || c == 0x20E3 || 0x200B <= c && c <= 0x200F || c == 0x2060 || c == 0xFEFF
}

// wordSign makes a number of a word, whatever its case and the marks around it; of marks alone, that of the marks. It is fast and not fine: two
// words of one number make no find, for that takes a canary's pattern.
type wordSign struct{ letters, marks uint32 }

func (w wordSign) sign() uint32 {
	if w.letters != 0 {
		return w.letters * spread32
	}
	return w.marks * spread32
}

// spread32 spreads the numbers of words that differ in the first letters alone.
const spread32 = 0x9E3779B1

// What a byte is for those that read words: a space, what may stand between words or be one sign of many, a mark, or part of a word.
const (
	inkSpace = iota
	inkBetween
	inkMark
	inkOfWord
)

// inks says what each byte is.
func inks() (ink [256]byte) {
	for b := range ink {
		c := byte(b)
		switch {
		case c >= utf8.RuneSelf || alnum(c):
			ink[c] = inkOfWord
		case strings.IndexByte(" \t\r\n\v\f,", c) >= 0:
			ink[c] = inkSpace
		case strings.IndexByte(";|/", c) >= 0:
			ink[c] = inkBetween
		default:
			ink[c] = inkMark
		}
	}
	return ink
}
