// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"slices"
	"strings"
)

const (
	// maxForeign is how many words of others may stand between two of a canary's, and farForeign how many where farWords of them are there.
	maxForeign = 3
	farForeign = 7
	farWords   = 10
)

// meaning is what a word may be: a canary's word, or a character spelled out.
type meaning struct {
	folding  int
	reversed bool
	canary   int // -1: spelled
	at       int
	symbol   byte
}

// vocabulary knows the words of canaries and those that spell, under every folding and in both directions.
type vocabulary struct {
	canaries int
	meanings map[uint64][]meaning
	filter   [1 << wordBits / 64]uint64
	names    []string
}

// spelled are the alphabets that spell characters: ICAO's with its usual spellings, and the digits in some languages.
func spelled() map[string]byte {
	words := map[string]byte{}
	for i, names := range strings.Fields("alfa,alpha bravo charlie delta echo foxtrot golf hotel india juliett,juliet kilo lima mike november " +
		"oscar papa quebec romeo sierra tango uniform victor whiskey,whisky xray yankee zulu") {
		for name := range strings.SplitSeq(names, ",") {
			words[name] = "abcdefghijklmnopqrstuvwxyz"[i]
		}
	}
	for i, names := range strings.Fields("zero,null,cero,nought,nul,noll one,eins,uno,wun,un,um,een,ett two,zwei,dos,deux,due,dois,twee,tva three,drei,tres,trois,tree,tre,drie " +
		"four,vier,cuatro,quatre,fower,quattro,quatro,fyra five,cinco,cinq,fife,funf,fuenf,cinque,vijf,fem six,sechs,seis,sei,zes,sex " +
		"seven,sieben,siete,sept,sette,sete,zeven,sju eight,acht,ocho,huit,ait,otto,oito,atta nine,neun,nueve,neuf,niner,nove,negen,nio") {
		for name := range strings.SplitSeq(names, ",") {
			words[name] = "0123456789"[i]
		}
	}
	return words
}

// uniquePrefix letters of BIP 39's words tell them apart.
const uniquePrefix = 4

func newVocabulary(canaries []Canary, folds []folding) *vocabulary {
	v := &vocabulary{canaries: len(canaries), meanings: map[uint64][]meaning{}}
	table := symbols()
	for i, fold := range folds {
		v.names = append(v.names, fold.name)
		for word, c := range spelled() {
			v.add(word, fold, meaning{folding: i, canary: -1, symbol: table[c]})
		}
		for j, c := range canaries {
			for at, word := range strings.Fields(c.Words) {
				v.add(word, fold, meaning{folding: i, canary: j, at: at})
				if i == 0 && len(word) > uniquePrefix {
					v.add(word[:uniquePrefix], fold, meaning{canary: j, at: at})
				}
			}
		}
	}
	return v
}

func (v *vocabulary) add(word string, fold folding, m meaning) {
	b := []byte(word)
	for i, c := range b {
		b[i] = fold.to[c-'a'+1] + 'a' - 1
	}
	for range 2 {
		key := packed(b)
		v.meanings[key] = append(v.meanings[key], m)
		at := hash(key)
		v.filter[at/64] |= 1 << (at % 64)
		slices.Reverse(b)
		m.reversed = true
	}
}

// wordBits make a filter of 32 KiB, which some 10 000 words and their foldings fill to 4 %.
const wordBits = 18

// letterBits of a letter in ASCII are its symbol.
const letterBits = 0x1f

// packed is a word, in letters or in symbols: at most longestWord of 5 bits.
func packed(word []byte) (key uint64) {
	for _, c := range word {
		key = key<<5 | uint64(c&letterBits)
	}
	return key
}

// hash is of wordBits.
func hash(key uint64) uint64 { return key * spread >> (64 - wordBits) }

// progress is how far one canary's words have come, in one folding and direction of spelling.
type progress struct {
	at, token int // the last word, and which token of the text that was
	up, down  int // how many words in a row, in their order or against it
	near      int // and how many of those in their order next to each other
	far       int // and how many in their order with farForeign between two of them
}

// spelling is a character that was spelled out, or one that stands alone and spells for itself, under every folding.
type spelling struct {
	key    int // 2*folding, +1 if reversed; -1 for all
	symbol byte
}

// minSpelled is how many words must spell before the rest is looked at: fewer are in any text.
const minSpelled = 6

// longestWord of the list of BIP 39 and the alphabets has 8 letters; pig latin adds 3.
const longestWord = 12

// wordwise looks for words of canaries with few others between them, and for digits spelled out.
func (f *finder) wordwise(via []string, r *streams) {
	if !f.spend(len(r.all)) {
		return
	}
	w := wordReader{finder: f, via: via, spellings: r.spellings}
	token, start := 0, 0
	for _, end := range r.ends {
		for at := start; at < end; {
			if s := r.all[at]; s > 26 { // digits number lists, and spell for themselves
				w.digit(s)
				at++
				continue
			}
			from, key := at, uint64(0)
			for at < end && r.all[at] <= 26 {
				key = key<<5 | uint64(r.all[at])
				at++
			}
			token++
			if at-from <= longestWord {
				w.token(r.all[from:at], key, token)
			}
		}
		start = end
	}
	w.finish()
	r.spellings = w.spellings
}

type wordReader struct {
	*finder
	via       []string
	states    map[int]*progress
	spellings []spelling
	// spelled counts the words that spell, by the key of their stream.
	spelled [2 * maxFoldings]int
}

// token takes a word of letters, in symbols and packed.
func (w *wordReader) token(word []byte, key uint64, token int) {
	const a, y = 'a' & letterBits, 'y' & letterBits
	if len(word) == 1 {
		w.digit(word[0])
		return
	}
	w.meant(key, token, "")
	if n := len(word); n > 4 && word[n-2] == a && word[n-1] == y {
		w.pigLatin(word, token)
	}
}

// pigLatin is "away" behind a word that begins with a vowel, or "ay" behind one whose first consonants have moved to its end.
func (w *wordReader) pigLatin(word []byte, token int) {
	stem := word[:len(word)-2]
	if last := stem[len(stem)-1]; last == 'w'&letterBits || last == 'y'&letterBits {
		w.meant(packed(stem[:len(stem)-1]), token, "pig latin")
	}
	for moved := range min(4, len(stem)) {
		w.meant(packed(append(slices.Clone(stem[len(stem)-moved:]), stem[:len(stem)-moved]...)), token, "pig latin")
	}
}

func (w *wordReader) meant(key uint64, token int, how string) {
	at := hash(key)
	if w.words.filter[at/64]&(1<<(at%64)) == 0 {
		return
	}
	for _, m := range w.words.meanings[key] {
		if m.canary < 0 {
			w.spelledOut(m)
			continue
		}
		w.advance(m, token, how)
	}
}

func (w *wordReader) advance(m meaning, token int, how string) {
	key := (m.canary*len(w.words.names)+m.folding)*2 + asInt(m.reversed)
	p := w.states[key]
	if p == nil {
		if w.states == nil {
			w.states = map[int]*progress{}
		}
		p = &progress{at: -2}
		w.states[key] = p
	}
	gap := token - p.token
	if gap == 0 {
		return // two readings of one word
	}
	p.step(m.at, token, gap)
	path := slices.Clip(w.via)
	for _, step := range []string{how, map[bool]string{true: "reversed"}[m.reversed], w.words.names[m.folding]} {
		if step != "" {
			path = append(slices.Clip(path), step)
		}
	}
	at := formOf{m.canary, Words}
	if len(path) == 0 {
		w.report(at, m.at-p.near+1, m.at+1, plainNeed(), path)
	}
	if p.up > 1 {
		w.report(at, m.at-p.up+1, m.at+1, decodedNeed(), path)
	}
	if p.far > max(p.up, farWords-1) {
		w.report(at, m.at-p.far+1, m.at+1, need{words: farWords}, path)
	}
	if p.down > 1 {
		w.report(at, m.at, m.at+p.down, decodedNeed(), append(slices.Clip(path), "words reversed"))
	}
}

// step goes on to a word of the canary, so many words behind the last one.
func (p *progress) step(at, token, gap int) {
	next := progress{at: at, token: token, up: 1, down: 1, near: 1, far: 1}
	if gap <= farForeign+1 && at-p.at == 1 {
		next.far = p.far + 1
	}
	if gap <= maxForeign+1 {
		switch at - p.at {
		case 1:
			next.up = p.up + 1
			if gap == 1 {
				next.near = p.near + 1
			}
		case -1:
			next.down = p.down + 1
		}
	}
	*p = next
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// spelledOut takes a spelled character into the stream of its folding and direction.
func (w *wordReader) spelledOut(m meaning) {
	key := m.folding*2 + asInt(m.reversed)
	w.spelled[key]++
	w.spellings = append(w.spellings, spelling{key, m.symbol})
}

// digit takes a character that stands alone into every stream that spells.
func (w *wordReader) digit(s byte) {
	w.spellings = append(w.spellings, spelling{-1, s})
}

func (w *wordReader) finish() {
	for key, n := range w.spelled {
		if n < minSpelled || !w.spend(len(w.spellings)) {
			continue
		}
		var stream []byte
		before := spelling{}
		for _, s := range w.spellings {
			// "D as in Delta" has it once.
			if s.key < 0 || s.key == key && (before.key >= 0 || before.symbol != s.symbol) {
				stream = append(stream, s.symbol)
				before = s
			}
		}
		path := append(slices.Clip(w.via), "spelled out")
		if key%2 == 1 {
			path = append(path, "reversed")
		}
		if name := w.words.names[key/2]; name != "" {
			path = append(path, name)
		}
		w.stream(w.straight, stream, 0, 1, decodedNeed(), path)
	}
}
