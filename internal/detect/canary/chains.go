// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"math/bits"
	"strings"
)

// How much the pieces of a chain have to show, in tenths of a bit. A word that stands in a canary shows 4 bits a hexadecimal digit and 4.95 a
// digit of a key, of which case is lost. Each way to choose the pieces costs what it takes to write down which one was chosen, so that the sum
// over all ways is bounded (Kraft): how many words were passed over takes Elias' gamma code, and a bit says whether a piece begins where the
// last one has ended, or else within it, at one of 32 places. There are 2^14 words in 64 KiB, 2^3 replies, 2^3 canaries, 2^5 places of
// a canary, and 2 directions: 67 bits leave 2^-41.
const (
	chainNeed  = 670
	hexBits    = 40
	keyBits    = 49
	meets      = 10
	overlaps   = 60
	knownChain = 240 // of a text to ignore, 8 digits or so are known
)

// chained is a form of a canary, in symbols.
type chained struct {
	at   formOf
	text []byte
	// bits are what a symbol shows.
	bits int
}

// spot is a place in a form.
type spot struct{ chained, at int }

// chainIndex finds words in canaries by their first two symbols.
type chainIndex struct {
	forms []chained
	spots [37 << 6][]spot
	// pairs and triples say of two and of three symbols whether they stand anywhere: most words of a text have none.
	pairs   [37 << 6 / 64]uint64
	triples [37 << 12 / 64]uint64
}

// may says whether a word may stand in a canary.
func (x *chainIndex) may(word []byte) bool {
	at := int(word[0])<<6 | int(word[1])
	if len(word) == 2 {
		return x.pairs[at/64]&(1<<(at%64)) != 0
	}
	at = at<<6 | int(word[2])
	return x.triples[at/64]&(1<<(at%64)) != 0
}

func newChainIndex(canaries []Canary, symbols *[256]byte) *chainIndex {
	x := &chainIndex{}
	for i, c := range canaries {
		x.add(chained{at: formOf{i, Hex}, bits: hexBits}, c.Hex, symbols)
		x.add(chained{at: formOf{i, Key}, bits: keyBits}, strings.TrimPrefix(c.Key, keyPrefix), symbols)
	}
	return x
}

func (x *chainIndex) add(form chained, text string, symbols *[256]byte) {
	for i := range len(text) {
		form.text = append(form.text, symbols[text[i]])
		if i > 0 {
			at := int(form.text[i-1])<<6 | int(form.text[i])
			x.spots[at] = append(x.spots[at], spot{len(x.forms), i - 1})
			x.pairs[at/64] |= 1 << (at % 64)
		}
		if i > 1 {
			at := int(form.text[i-2])<<12 | int(form.text[i-1])<<6 | int(form.text[i])
			x.triples[at/64] |= 1 << (at % 64)
		}
	}
	x.forms = append(x.forms, form)
}

// link is the best chain that ends at a place: what it shows, from where it comes, and its last word.
type link struct{ shows, from, word int }

// chain is how far the pieces of one form have come, by where the last piece ended; and backwards, by where it began.
type chain struct{ forward, backward [hexDigits + 1]link }

// chains are all that is kept of the words so far.
type chains struct {
	words int
	// of are the chains of each form, or nil.
	of []*chain
	// found are the links of one word: a word is no piece twice, so that they are kept when all are there.
	found []found
}

// found is a link for a place.
type found struct {
	place *link
	link  link
}

// chain joins words that are pieces of a canary, where each goes on from the one before or overlaps with it, whatever stands between: "It
// starts with sk-lr-7Qm2xZ and goes on with 9aLk4T". Words of other things change nothing.
func (f *finder) chain(c *chains, r *streams) {
	if !f.spend(len(r.ends)) {
		return
	}
	start := 0
	for _, end := range r.ends {
		word := r.all[start:end]
		start = end
		c.words++
		if len(word) < 2 || len(word) > hexDigits {
			continue
		}
		if bare := bareNumber(word); len(bare) > 1 && len(bare) < len(word) && f.chainIndex.may(bare) && !f.piece(c, bare) {
			return
		}
		if f.chainIndex.may(word) && !f.piece(c, word) {
			return
		}
		for _, l := range c.found {
			l.place.keep(l.link)
		}
		c.found = c.found[:0]
	}
}

// piece adds a word wherever it stands in a canary, and says whether there is work left to do.
func (f *finder) piece(c *chains, word []byte) bool {
	for _, s := range f.chainIndex.spots[int(word[0])<<6|int(word[1])] {
		form := &f.chainIndex.forms[s.chained]
		if rest := form.text[s.at:]; len(rest) < len(word) || string(rest[:len(word)]) != string(word) {
			continue
		}
		if !f.spend(2 * hexDigits) {
			return false
		}
		if c.of == nil {
			c.of = make([]*chain, len(f.chainIndex.forms))
		}
		if c.of[s.chained] == nil {
			c.of[s.chained] = &chain{}
		}
		f.joinChain(c, s, len(word))
	}
	return true
}

// bareNumber takes "0x" and "U" away from a number in C's hexadecimal.
func bareNumber(word []byte) []byte {
	const zero, x, f = 27, 'x' - 'a' + 1, 'f' - 'a' + 1
	if len(word) < 4 || word[0] != zero || word[1] != x {
		return word
	}
	word = word[2:]
	for len(word) > 0 && word[len(word)-1] > f && word[len(word)-1] < zero {
		word = word[:len(word)-1]
	}
	return word
}

// joinChain adds the word that stands as a piece at a place of a form.
func (f *finder) joinChain(all *chains, s spot, length int) {
	c, form, start, end, word := all.of[s.chained], &f.chainIndex.forms[s.chained], s.at, s.at+length, all.words
	ahead := link{shows: form.bits * length, from: start, word: word}
	for p := start; p < end; p++ {
		if l := c.forward[p]; l.shows > 0 && l.from < start {
			ahead.best(l, form.bits*(end-p), p == start)
		}
	}
	back := link{shows: form.bits * length, from: end, word: word}
	for p := end; p > start; p-- {
		if l := c.backward[p]; l.shows > 0 && l.from > end {
			back.best(l, form.bits*(p-start), p == end)
		}
	}
	all.found = append(all.found, found{&c.forward[end], ahead}, found{&c.backward[start], back})
	least := chainNeed
	if f.seen != nil {
		least = knownChain
	}
	if ahead.shows >= least {
		f.report(form.at, ahead.from, end, decodedNeed(), []string{"pieces"})
	}
	if back.shows >= least && back.from-start > end-ahead.from {
		f.report(form.at, start, back.from, decodedNeed(), []string{"pieces, the last first"})
	}
}

// best takes a chain that the piece adds to, if that shows more.
func (l *link) best(before link, adds int, meet bool) {
	shows := before.after(l.word) + adds - overlaps
	if meet {
		shows += overlaps - meets
	}
	if shows > l.shows {
		l.shows, l.from = shows, before.from
	}
}

// keep takes a chain in the place of one that shows less by now.
func (l *link) keep(other link) {
	if l.shows == 0 || other.shows >= l.after(other.word) {
		*l = other
	}
}

// after is what is left of a chain at a later word: the words between are passed over.
func (l *link) after(word int) int {
	const tenth = 10
	return l.shows - tenth*(2*bits.Len(uint(max(1, word-l.word)))-1)
}
