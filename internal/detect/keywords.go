// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"strings"

	ahocorasick "github.com/BobuSumisu/aho-corasick"
)

// trigger is what to try where a keyword was seen.
type trigger struct {
	shape    int // index into Detector.shapes, or -1
	external int // index into Detector.external, or -1
	probe    probe
}

// probe looks at the text around a keyword; nil if there is none.
type probe func(s *scan, r region, at int)

// keywords is one automaton over the keywords of all rules, so that a value that has
// none of them, as nearly all have, costs one pass over its bytes.
type keywords struct {
	trie     *ahocorasick.Trie
	triggers [][]trigger
}

func newKeywords(shapes []shape, external []externalRule) *keywords {
	byWord := map[string][]trigger{}
	var words []string
	add := func(word string, t trigger) {
		lowered := lowerASCII(word)
		if _, ok := byWord[lowered]; !ok {
			words = append(words, lowered)
		}
		byWord[lowered] = append(byWord[lowered], t)
	}
	for i, s := range shapes {
		add(s.prefix, trigger{shape: i, external: -1})
	}
	for i, r := range external {
		for _, k := range r.keywords {
			add(k, trigger{shape: -1, external: i})
		}
	}
	for _, p := range probes() {
		for _, w := range p.words {
			add(w, trigger{shape: -1, external: -1, probe: p.look})
		}
	}
	k := &keywords{trie: ahocorasick.NewTrieBuilder().AddStrings(words).Build()}
	for _, w := range words {
		k.triggers = append(k.triggers, byWord[w])
	}
	return k
}

// each calls visit for every keyword in text, with the triggers and the offset at
// which the keyword begins.
func (k *keywords) each(text string, visit func(ts []trigger, at int)) {
	var store [512]byte
	var lowered []byte
	if len(text) <= len(store) {
		lowered = store[:len(text)]
	} else {
		lowered = make([]byte, len(text))
	}
	for i := range len(text) {
		c := text[i]
		if upper.has(c) {
			c += 'a' - 'A'
		}
		lowered[i] = c
	}
	k.trie.Walk(lowered, func(end, n, pattern int64) bool {
		visit(k.triggers[pattern], int(end-n)+1)
		return true
	})
}

// lowerASCII lowers the ASCII letters of s; it allocates only if there are capitals.
func lowerASCII(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if upper.has(c) {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
