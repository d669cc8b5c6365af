// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// tables are what texts are read by.
type tables struct {
	*dresses
	symbols, leet [256]byte
	// run are the digits of base64, and visible is all but white space.
	run, visible [256]bool
	// ink says what each byte is for those that read words.
	ink       [256]byte
	alphabets []alphabet
	base85    []alphabet85
	// in85 says of which of them a character is a digit, the first in the lowest bit; Ascii85's z counts.
	in85 [256]uint16
}

// dresses are what characters are folded by, whatever the canaries.
type dresses struct {
	confusables map[rune]byte
	// common has the one character that stands for another, or unwritten; 0 where that is not so simple.
	common [commonRunes]byte
}

// lookalikes are letters of other scripts that look like a Latin one, of the Unicode Consortium's confusables (UTS #39, §4),
// those that keyboards have; the Latin letters stand below them. Compatibility forms (fullwidth, mathematical) and accents
// are normalisation's.
const (
	lookalikes = "аАеЕоОрРсСхХуУіІјЈѕЅкКмМтТнНвВгԁԛԝһӏʟɡɑıɩαΑβΒεΕζΖηΗιΙκΚμΜνΝοΟρΡτΤυΥχΧγωлЬЗО○◯ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"
	looksLike  = "aAeEoOpPcCxXyYiIjJsSkKmMtTnNbBrdqwhllgaiiaAbBeEzZnHiIkKmMvNoOpPtTuYxXywnb3Oooabcdefghijkmnoprstuvwyz"
)

func newTables(folds []folding) *tables {
	t := &tables{dresses: dressed(), symbols: symbols(), alphabets: alphabets(folds), base85: base85s(folds)}
	for c := range t.run {
		t.visible[c] = !unicode.IsSpace(rune(c))
		t.run[c] = c < utf8.RuneSelf && (t.symbols[c] != 0 || strings.IndexByte("+/-_", byte(c)) >= 0)
	}
	for i, a := range t.base85 {
		for c, v := range a.values {
			if v != none || c == 'z' {
				t.in85[c] |= 1 << i
			}
		}
	}
	to := leet()
	for i, s := range t.symbols {
		t.leet[i] = to.to[s]
	}
	for _, pair := range []string{"@a", "$s", "!i", "|l", "+t", "(c"} {
		t.leet[pair[0]] = to.to[t.symbols[pair[1]]]
	}
	t.ink = inks()
	return t
}

// commonRunes are those of the Basic Multilingual Plane: replies of some languages have little else.
const commonRunes = 0x10000

// unwritten is what stands in common for a character of which nothing is left.
const unwritten = 0x80

// dressed folds the common characters once for all matchers: it takes some milliseconds.
var dressed = sync.OnceValue(func() *dresses {
	d := &dresses{confusables: map[rune]byte{}}
	i := 0
	for _, r := range lookalikes {
		d.confusables[r] = looksLike[i]
		i++
	}
	for _, r := range "‐‑‒–—―−﹣－ー" {
		d.confusables[r] = '-'
	}
	for _, r := range "·•∙⋅●․‧・" {
		d.confusables[r] = '.'
	}
	for _, r := range "“”„‟«»‹›「」『』" {
		d.confusables[r] = '"'
	}
	var b strings.Builder
	for r := rune(utf8.RuneSelf); r < commonRunes; r++ {
		b.Reset()
		d.foldRune(&b, string(r), r)
		switch s := b.String(); len(s) {
		case 0:
			d.common[r] = unwritten
		case 1:
			d.common[r] = s[0]
		}
	}
	return d
})

func (t *tables) symbolsOf(text string) []byte {
	out := make([]byte, 0, len(text))
	for i := range len(text) {
		if s := t.symbols[text[i]]; s != 0 {
			out = append(out, s)
		}
	}
	return out
}

func (t *tables) leetspeak(out []byte, text string) []byte {
	for i := range len(text) {
		if s := t.leet[text[i]]; s != 0 {
			out = append(out, s)
		}
	}
	return out
}

// fold gives a text in ASCII: without accents and what nobody sees, with the Latin letter for one that looks like it and for
// one in another dress, and a space for all else. What was hidden in invisible characters goes to next.
func (t *tables) fold(text string, next func(kind, decoded string)) string {
	ascii := 0
	for ascii < len(text) && text[ascii] < utf8.RuneSelf {
		ascii++
	}
	if ascii == len(text) {
		return text
	}
	var plain, tags, bits strings.Builder
	var selected []byte
	plain.Grow(len(text))
	plain.WriteString(text[:ascii])
	for i := ascii; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r < utf8.RuneSelf:
			plain.WriteByte(byte(r & 0x7f))
		case 0xE0000 <= r && r <= 0xE007F: // tag characters: ASCII, unseen
			tags.WriteByte(byte(r & 0x7f))
		case 0xFE00 <= r && r <= 0xFE0F: // variation selectors 1 to 16
			selected = append(selected, byte(r-0xFE00))
		case 0xE0100 <= r && r <= 0xE01EF: // variation selectors 17 to 256
			selected = append(selected, byte(r-0xE0100+16))
		case r == 0x200B || r == 0x200C: // zero width space and non-joiner: the usual 0 and 1
			bits.WriteByte("01"[r-0x200B])
		case unseen(r):
		case r == 0x2028 || r == 0x2029 || r == 0x85:
			plain.WriteByte('\n')
		case r < commonRunes && t.common[r] != 0:
			if c := t.common[r]; c != unwritten {
				plain.WriteByte(c)
			}
		default:
			t.foldRune(&plain, text[i:i+size], r)
		}
		i += size
	}
	next("tag characters", tags.String())
	next("variation selectors", string(selected))
	next("zero-width characters", bits.String())
	if cells := cellsOf(text); len(cells) > 0 {
		next("Braille", braille(cells, true))
		next("Braille", braille(cells, false))
	}
	return plain.String()
}

// unseen says whether a character is there for what stands beside it alone: joiners, marks of direction, operators that nobody sees.
func unseen(r rune) bool {
	switch r {
	case 0xAD, 0x180E, 0x200D, 0x200E, 0x200F, 0xFEFF:
		return true
	}
	return 0x202A <= r && r <= 0x202E || 0x2060 <= r && r <= 0x206F
}

// cellsOf gives the dots of Braille in a text, and 0 for a space behind a cell.
func cellsOf(text string) (cells []byte) {
	// U+2800 to U+28FF begin so in UTF-8.
	found := false
	for _, lead := range []string{"\xe2\xa0", "\xe2\xa1", "\xe2\xa2", "\xe2\xa3"} {
		found = found || strings.Contains(text, lead)
	}
	if !found {
		return nil
	}
	for _, r := range text {
		switch {
		case 0x2800 <= r && r <= 0x28FF:
			cells = append(cells, byte(r&0xff))
		case r == ' ' && len(cells) > 0 && cells[len(cells)-1] != 0:
			cells = append(cells, 0)
		}
	}
	return cells
}

// braille reads cells as letters and digits: behind the sign of numbers the first ten letters are digits, in a whole row of them or in the next
// cell alone.
func braille(cells []byte, rows bool) string {
	const (
		letters      = "\x01\x03\x09\x19\x11\x0b\x1b\x13\x0a\x1a\x05\x07\x0d\x1d\x15\x0f\x1f\x17\x0e\x1e\x25\x27\x3a\x2d\x3d\x35"
		numberSign   = 0x3c
		brailleDigit = "1234567890"
	)
	var out []byte
	number := false
	for _, cell := range cells {
		at := strings.IndexByte(letters, cell)
		switch {
		case cell == numberSign:
			number = true
			continue
		case at < 0:
			if cell == 0 {
				out = append(out, ' ')
			}
			number = false
			continue
		case number && at < len(brailleDigit):
			out = append(out, brailleDigit[at])
		default:
			out = append(out, "abcdefghijklmnopqrstuvwxyz"[at])
			number = false
		}
		number = number && rows
	}
	return string(out)
}

// squared are the letters in circles, squares and flags that have no compatibility form: the first of 26.
func squared() []rune { return []rune{0x1F150, 0x1F170, 0x1F1E6} }

// digitOf gives the digit that stands for a decimal one of another script. Unicode has them in tens, each from 0 on.
func digitOf(r rune) (byte, bool) {
	if !unicode.IsDigit(r) {
		return 0, false
	}
	zero := r
	for unicode.IsDigit(zero - 1) {
		zero--
	}
	return "0123456789"[(r-zero)%10], true
}

func (d *dresses) foldRune(out *strings.Builder, text string, r rune) {
	if c, ok := d.confusables[r]; ok {
		out.WriteByte(c)
		return
	}
	for _, first := range squared() {
		if first <= r && r < first+26 {
			out.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[r-first])
			return
		}
	}
	if digit, ok := digitOf(r); ok {
		out.WriteByte(digit)
		return
	}
	parts := norm.NFKD.PropertiesString(text).Decomposition()
	if parts == nil {
		if r < 0x300 || r > 0x36F { // a combining mark sits on a letter
			out.WriteByte(' ')
		}
		return
	}
	// The longest decompositions are phrases of 18 characters (U+FDFA): of those nothing is wanted.
	for _, r := range string(parts[:min(len(parts), 8)]) {
		if c, ok := d.confusables[r]; ok {
			out.WriteByte(c)
		} else if r < utf8.RuneSelf {
			out.WriteByte(byte(r & 0x7f))
		}
	}
}
