// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"math"
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

// recent is small so that all of a row's stay near.
type recent struct{ sign, at uint32 }

// reset begins a new row.
func (r *row) reset() { r.start = r.n }

// sign takes the next one.
func (r *row) sign(s uint32) {
	i := r.n
	gap := 0
	known := &r.recent[s%uint32(len(r.recent))]
	if at := int(known.at); at > max(r.start, i+1-patternLength) {
		gap = i + 1 - at
		if known.sign != s {
			gap = r.before(s)
		}
	}
	*known = recent{s, uint32((i + 1) & math.MaxUint32)}
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
	if len(text) < patternLength || !f.spend(len(text)) {
		return
	}
	var characters, words, lines row
	characters.finder, words.finder, lines.finder = f, f, f
	last, start := uint32(0), 0
	for i := 0; i <= len(text); i++ {
		sign, end := f.tables.word(text, i)
		if i = end; sign != 0 {
			last = sign
			words.sign(sign)
		}
		c := byte('\n')
		if i < len(text) {
			c = text[i]
		}
		if f.tables.ink[c] == inkBetween {
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

// word makes a number of the word at a place, whatever its case and the marks around it; of marks alone, that of the marks; 0 of nothing. It
// also gives where the word ends. It is fast and not fine: two words of one number make no find, for that takes a canary's pattern.
func (t *tables) word(text string, i int) (sign uint32, end int) {
	letters, marks := uint32(0), uint32(0)
	for ; i < len(text); i++ {
		c := text[i]
		switch t.ink[c] {
		case inkOfWord:
			letters = bits.RotateLeft32(letters, 5) ^ uint32(c|0x20)
			continue
		case inkMark:
			marks = bits.RotateLeft32(marks, 5) ^ uint32(c)
			continue
		}
		break
	}
	if letters != 0 {
		return letters * spread32, i
	}
	return marks * spread32, i
}

// twoSigns reads what has two signs alone as bits.
func (f *finder) twoSigns(text string) {
	one, other, only := twoOf(text)
	if !only {
		return
	}
	var bits [2][]byte
	for _, c := range text {
		switch c {
		case one:
			bits[0], bits[1] = append(bits[0], '0'), append(bits[1], '1')
		case other:
			bits[0], bits[1] = append(bits[0], '1'), append(bits[1], '0')
		}
	}
	if len(bits[0]) < hexDigits {
		return
	}
	for i := range bits {
		f.binary(string(bits[i]), nil, func(kind, decoded string) {
			f.layersFrom(layer{text: decoded, via: []string{"two signs", kind}, depth: 1})
		})
	}
}

// twoOf gives the signs of a text, and says whether there are just two.
func twoOf(text string) (one, other rune, only bool) {
	one, other = -1, -1
	for _, c := range text {
		switch {
		case c == one || c == other || beside(c):
		case one < 0:
			one = c
		case other < 0:
			other = c
		default:
			return one, other, false
		}
	}
	return one, other, other >= 0
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
	if c < 0x300 || '、' < c && c < '・' || '・' < c && c < 0xFE00 { // most are
		return false
	}
	return c <= 0x36F || 0x200B <= c && c <= 0x200F || c == 0x2060 || c == 0x20E3 || c == '、' || c == '・' || 0xFE00 <= c && c <= 0xFE0F ||
		c == 0xFEFF || c == '，' || c == '；'
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
