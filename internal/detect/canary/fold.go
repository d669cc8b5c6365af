// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// tables are what texts are read by.
type tables struct {
	symbols, leet [256]byte
	confusables   map[rune]byte
	// common has the one character that stands for a common one; 0 where that is not so simple.
	common [commonRunes]byte
	// run are the digits of base64, and visible is all but white space.
	run, visible [256]bool
	// ink says what each byte is for those that read words.
	ink       [256]byte
	alphabets []alphabet
	base85    []alphabet85
	// in85 says of which of them a character is a digit, the first in the lowest bit; Ascii85's z counts.
	in85 [256]uint16
}

// lookalikes are letters of other scripts that look like a Latin one, of the Unicode Consortium's confusables (UTS #39, §4),
// those that keyboards have; the Latin letters stand below them. Compatibility forms (fullwidth, mathematical) and accents
// are normalisation's.
const (
	lookalikes = "аАеЕоОрРсСхХуУіІјЈѕЅкКмМтТнНвВгԁԛԝһӏʟɡɑıɩαΑβΒεΕζΖηΗιΙκΚμΜνΝοΟρΡτΤυΥχΧγωлЬЗО○◯"
	looksLike  = "aAeEoOpPcCxXyYiIjJsSkKmMtTnNbBrdqwhllgaiiaAbBeEzZnHiIkKmMvNoOpPtTuYxXywnb3Ooo"
)

func newTables(folds []folding) *tables {
	t := &tables{symbols: symbols(), confusables: map[rune]byte{}, alphabets: alphabets(folds), base85: base85s(folds)}
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
	i := 0
	for _, r := range lookalikes {
		t.confusables[r] = looksLike[i]
		i++
	}
	for _, r := range "‐‑‒–—―−﹣－ー" {
		t.confusables[r] = '-'
	}
	for _, r := range "·•∙⋅●․‧・" {
		t.confusables[r] = '.'
	}
	to := leet()
	for i, s := range t.symbols {
		t.leet[i] = to.to[s]
	}
	for _, pair := range []string{"@a", "$s", "!i", "|l", "+t", "(c"} {
		t.leet[pair[0]] = to.to[t.symbols[pair[1]]]
	}
	t.ink = inks()
	t.commonly()
	return t
}

// commonRunes are those below the end of the Unicode block General Punctuation: Latin, Greek, Cyrillic, and typographic marks.
const commonRunes = 0x2070

// commonly folds the common characters once: replies of some languages have little else.
func (t *tables) commonly() {
	var b strings.Builder
	for r := rune(utf8.RuneSelf); r < commonRunes; r++ {
		b.Reset()
		t.foldRune(&b, string(r), r)
		if s := b.String(); len(s) == 1 {
			t.common[r] = s[0]
		}
	}
}

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
		case r == 0xAD || r == 0x200D || r == 0x2060 || r == 0xFEFF || r == 0x180E || 0x200E <= r && r <= 0x200F || 0x202A <= r && r <= 0x202E || 0x2061 <= r && r <= 0x206F:
		case r == 0x2028 || r == 0x2029 || r == 0x85:
			plain.WriteByte('\n')
		case r < commonRunes && t.common[r] != 0:
			plain.WriteByte(t.common[r])
		default:
			t.foldRune(&plain, text[i:i+size], r)
		}
		i += size
	}
	next("tag characters", tags.String())
	next("variation selectors", string(selected))
	next("zero-width characters", bits.String())
	return plain.String()
}

// squared are the letters in circles, squares and flags that have no compatibility form: the first of 26.
func squared() []rune { return []rune{0x1F150, 0x1F170, 0x1F1E6} }

func (t *tables) foldRune(out *strings.Builder, text string, r rune) {
	if c, ok := t.confusables[r]; ok {
		out.WriteByte(c)
		return
	}
	for _, first := range squared() {
		if first <= r && r < first+26 {
			out.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[r-first])
			return
		}
	}
	d := norm.NFKD.PropertiesString(text).Decomposition()
	if d == nil {
		if r < 0x300 || r > 0x36F { // a combining mark sits on a letter
			out.WriteByte(' ')
		}
		return
	}
	// The longest decompositions are phrases of 18 characters (U+FDFA): of those nothing is wanted.
	for _, r := range string(d[:min(len(d), 8)]) {
		if c, ok := t.confusables[r]; ok {
			out.WriteByte(c)
		} else if r < utf8.RuneSelf {
			out.WriteByte(byte(r & 0x7f))
		}
	}
}
