// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"fmt"
	"strings"
)

// gramLength symbols of six bits fill a machine word. Nothing is found by a gram alone: it says where to look.
const gramLength = 10

// gramsOfCanary is about how many a canary has, in its three forms.
const gramsOfCanary = 100

const (
	gramMask = 1<<(6*gramLength) - 1
	// gramStride is how far grams are apart in a text: the shortest find, of 13 symbols, has 4 grams and so one of these.
	gramStride = 4
	filterBits = 20 // 128 KiB, which stay in a core's own cache; some 40 000 grams of 8 canaries fill it to 4 %
	spread     = 0x9E3779B97F4A7C15
)

// symbols numbers letters, whatever their case, and digits; all else is 0.
func symbols() (t [256]byte) {
	for i := range byte(26) {
		t['a'+i], t['A'+i] = i+1, i+1
	}
	for i := range byte(10) {
		t['0'+i] = 27 + i
	}
	return t
}

// folding is a change of symbols that keeps their number: a Caesar shift, for one.
type folding struct {
	name string
	to   [37]byte
}

func identity() (f folding) {
	for i := range f.to {
		f.to[i] = byte(i)
	}
	return f
}

// rot13 is where it stands among the foldings; atbash is the last.
const rot13 = 13

// maxFoldings is how many there may be.
const maxFoldings = 32

// foldings are those that a canary is looked for under. The first changes nothing.
func foldings() []folding {
	all := []folding{identity()}
	for shift := range 25 {
		f := identity()
		f.name = fmt.Sprintf("caesar+%d", shift+1)
		if shift+1 == rot13 {
			f.name = "rot13"
		}
		for i := range 26 {
			f.to[i+1] = byte((i+shift+1)%26) + 1
		}
		all = append(all, f)
		if shift+1 == rot13 {
			f.name = "rot18"
			for i := range 10 {
				f.to[27+i] = byte(27 + (i+5)%10)
			}
			all = append(all, f)
		}
	}
	f := identity()
	f.name = "atbash"
	for i := range 26 {
		f.to[i+1] = byte(26 - i)
	}
	return append(all, f)
}

// leet is one symbol for each letter and the digit that stands for it. Of hex digits it leaves 13, so that more are needed.
func leet() folding {
	f := identity()
	f.name = "leetspeak"
	for _, pair := range []string{"o0", "i1", "l1", "z2", "e3", "a4", "s5", "t7", "b8", "g9"} {
		f.to[pair[0]-'a'+1] = 27 + pair[1] - '0'
	}
	return f
}

// needle is one form of a canary under one folding, in symbols.
type needle struct {
	canary   int
	form     Form
	folding  string
	reversed bool
	text     []byte
	// bounds are where words begin, and the end.
	bounds []int
}

type place struct{ needle, at int }

// index finds where needles might be.
type index struct {
	needles []needle
	grams   map[uint64]place
	filter  []uint64
}

func newIndex(canaries []Canary, folds []folding) *index {
	x := &index{grams: make(map[uint64]place, len(canaries)*len(folds)*2*gramsOfCanary), filter: make([]uint64, 1<<filterBits/64)}
	table := symbols()
	for _, fold := range folds {
		for i, c := range canaries {
			for form, text := range []string{c.Hex, c.Words, strings.TrimPrefix(c.Key, keyPrefix)} {
				n := needle{canary: i, form: Form(form), folding: fold.name}
				n.write(text, fold, &table)
				x.add(n)
				x.add(n.backwards())
			}
		}
	}
	return x
}

// write gives a needle its text.
func (n *needle) write(text string, fold folding, table *[256]byte) {
	for word := range strings.FieldsSeq(text) {
		n.bounds = append(n.bounds, len(n.text))
		for i := range len(word) {
			n.text = append(n.text, fold.to[table[word[i]]])
		}
	}
	n.bounds = append(n.bounds, len(n.text))
}

func (n needle) backwards() needle {
	text := make([]byte, len(n.text))
	for i, s := range n.text {
		text[len(text)-1-i] = s
	}
	n.text, n.reversed = text, true
	return n
}

// add keeps the first needle of a gram: foldings that change little come first.
func (x *index) add(n needle) {
	x.needles = append(x.needles, n)
	var gram uint64
	for i, s := range n.text {
		gram = (gram<<6 | uint64(s)) & gramMask
		if _, taken := x.grams[gram]; taken || i+1 < gramLength {
			continue
		}
		x.grams[gram] = place{needle: len(x.needles) - 1, at: i + 1 - gramLength}
		at := gram * spread >> (64 - filterBits)
		x.filter[at/64] |= 1 << (at % 64)
	}
}

// search calls found with each stretch of a needle in every step-th symbol of a stream: of the needle, and from where to
// where in its own, unreversed text.
func (x *index) search(stream []byte, from, step int, found func(n *needle, start, end int)) {
	var gram uint64
	filter := x.filter
	stride, done := gramStride*step, 0
	for i := from; i+stride-step < len(stream); i += stride {
		gram = (gram<<24 | uint64(stream[i])<<18 | uint64(stream[i+step])<<12 | uint64(stream[i+2*step])<<6 | uint64(stream[i+3*step])) & gramMask
		at := gram * spread >> (64 - filterBits)
		if filter[at/64]&(1<<(at%64)) == 0 {
			continue
		}
		if p, ok := x.grams[gram]; ok && i+3*step >= done {
			done = x.stretch(stream, i+3*step, step, p, found)
		}
	}
}

// stretch calls found with the stretch of a needle that has a gram whose last symbol is at i, and gives the place behind it.
func (x *index) stretch(stream []byte, i, step int, p place, found func(n *needle, start, end int)) int {
	n := &x.needles[p.needle]
	start, end := p.at, p.at+gramLength
	for j := i - gramLength*step; j >= 0 && start > 0 && stream[j] == n.text[start-1]; j -= step {
		start--
	}
	next := i + step
	for ; next < len(stream) && end < len(n.text) && stream[next] == n.text[end]; next += step {
		end++
	}
	if n.reversed {
		start, end = len(n.text)-end, len(n.text)-start
	}
	found(n, start, end)
	return next
}
