// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
)

const (
	// leastPiece is how many characters of a random part, one after the other, give it away. Showing the first and the last four of
	// a value is accepted practice, so that somebody can see which one it was.
	leastPiece = 12
	// leastRequest is half of a trace id, which is what systems with 64 bits keep.
	leastRequest = 16
	// gram is how many bytes are looked at together.
	gram = 8
	// stride is how far apart the looks are. Whatever is at least leastPiece long has a whole gram at one of them: 8 + 5 - 1 = 12.
	stride = leastPiece - gram + 1
	// filterBits make a filter of 64 KiB, which stays in the second-level cache.
	filterBits = 19
	// spaces turns capitals into small letters. It also takes other characters together, which only costs a comparison.
	spaces = 0x2020202020202020
	// mix is 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, §6.4).
	mix = 0x9E3779B97F4A7C15
)

// needle is a text to find, in small letters, as a whole or in pieces of at least some length.
type needle struct {
	text  []byte
	least int
	// kind and encoding tell of a marker, request of a request; the kind is empty there.
	kind     Kind
	encoding string
	request  int
	// lead is what the marker has before its random part, where it stands as it was sent.
	lead []byte
}

// every is the distance of the blocks of offsets at which grams are in the index. Each piece of the least length holds a whole
// block of stride offsets, whatever its place.
func (n *needle) every() int { return n.least - gram + 1 - stride + 1 }

// indexed says whether the gram at an offset is in the index.
func (n *needle) indexed(offset int) bool {
	return offset%n.every() < stride && offset+gram <= len(n.text)
}

// ref is a place in a needle.
type ref struct{ needle, offset int }

// index finds needles. It looks at eight bytes in every five; what looks like a part of a needle is compared.
type index struct {
	filter  []uint64
	refs    map[uint64][]ref
	needles []needle
	longest int
}

func newIndex(needles []needle) *index {
	x := &index{filter: make([]uint64, 1<<filterBits/64), refs: map[uint64][]ref{}, needles: needles}
	for i := range needles {
		n := &needles[i]
		x.longest = max(x.longest, len(n.text))
		for offset := range len(n.text) - gram + 1 {
			if !n.indexed(offset) {
				continue
			}
			g := load(n.text, offset)
			h := hash(g)
			x.filter[h/64] |= 1 << (h % 64)
			x.refs[g] = append(x.refs[g], ref{i, offset})
		}
	}
	return x
}

// load gives the gram at a place.
func load(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:at+gram]) | spaces }

func hash(g uint64) uint64 { return g * mix >> (64 - filterBits) }

// next gives the first place at or behind from, in steps of stride, at which a needle may stand, or a place behind the last.
func (x *index) next(b []byte, from, last int) int {
	filter := x.filter
	for at := from; at <= last; at += stride {
		h := hash(load(b, at))
		if bits.RotateLeft64(filter[h/64], -int(h%64))&1 != 0 {
			return at
		}
	}
	return last + 1
}

// run is a stretch of bytes that equals a part of a needle.
type run struct {
	needle     *needle
	start, end int
}

func (r run) whole() bool { return r.end-r.start == len(r.needle.text) }

// at calls found for each run at a place that stands at no earlier place.
func (x *index) at(b []byte, place int, found func(run)) {
	for _, ref := range x.refs[load(b, place)] {
		n := &x.needles[ref.needle]
		r := n.extend(b, place, ref.offset)
		if r.end-r.start >= n.least && n.first(r.start, place, ref.offset) {
			found(r)
		}
	}
}

// extend gives the longest run around the place at which an offset of the needle stands.
func (n *needle) extend(b []byte, place, offset int) run {
	r := run{needle: n, start: place, end: place}
	for i := offset; i < len(n.text) && r.end < len(b) && lower(b[r.end]) == n.text[i]; i++ {
		r.end++
	}
	for i := offset - 1; i >= 0 && r.start > 0 && lower(b[r.start-1]) == n.text[i]; i-- {
		r.start--
	}
	return r
}

// first says whether a run that begins at start was not found at an earlier place already.
func (n *needle) first(start, place, offset int) bool {
	for back := stride; place-back >= start; back += stride {
		if n.indexed(offset - back) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// needles of the markers and the requests.
func needlesOf(markers []Marker, requests []RequestID) []needle {
	var all []needle
	seen := map[string]bool{}
	add := func(n needle) {
		if !seen[string(n.text)] {
			seen[string(n.text)] = true
			all = append(all, n)
		}
	}
	for _, m := range markers {
		if m.Kind == CardNumber {
			for _, e := range slices.Concat(encodings(m.Random), ofCard(m.Random), spread(m.Random, 0)) {
				// Of a card number parts are shown by right (PCI DSS 3.4.1: the first six or eight and the last four digits).
				add(needle{text: folded(e.text), least: len(e.text), kind: m.Kind, encoding: e.name})
			}
			continue
		}
		lead, _, _ := strings.Cut(m.Value, m.Random)
		for _, e := range append(encodings(m.Random), spread(m.Random, len(lead))...) {
			add(needle{text: folded(e.text), least: least(e, len(m.Random)), kind: m.Kind, encoding: e.name, lead: folded(lead)})
		}
	}
	for i, r := range requests {
		for _, form := range r.forms() {
			add(needle{text: folded(form), least: min(leastRequest, len(form)), request: i})
		}
	}
	return all
}

// least is how much of an encoded text stands for leastPiece of so many characters.
func least(e encoded, characters int) int {
	return max((len(e.text)+e.between)*leastPiece/characters-e.between, leastPiece)
}

func folded(s string) []byte {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return b
}
