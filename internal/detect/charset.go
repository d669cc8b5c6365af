// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

// charset is a set of bytes, as bits of charsets.
type charset uint16

const (
	lower charset = 1 << iota
	upper
	digit
	hexLower // a-f and digits
	hexUpper // A-F and digits
	dash     // - and _
	dot
	slash // + and /
	equals
	colon
	blank // space and tab

	letter    = lower | upper
	alnum     = letter | digit
	hexDigit  = hexLower | hexUpper
	wordChar  = alnum | dash
	base64Std = alnum | slash
	base64Any = alnum | slash | dash
)

// charsets gives every byte the sets that it belongs to.
var charsets = func() (table [256]charset) {
	for c := 'a'; c <= 'z'; c++ {
		table[c] |= lower
		table[c-'a'+'A'] |= upper
	}
	for c := 'a'; c <= 'f'; c++ {
		table[c] |= hexLower
		table[c-'a'+'A'] |= hexUpper
	}
	for c := '0'; c <= '9'; c++ {
		table[c] |= digit | hexLower | hexUpper
	}
	table['-'] |= dash
	table['_'] |= dash
	table['.'] |= dot
	table['+'] |= slash
	table['/'] |= slash
	table['='] |= equals
	table[':'] |= colon
	table[' '] |= blank
	table['\t'] |= blank
	return table
}()

// has tells whether b belongs to one of the sets.
func (c charset) has(b byte) bool { return charsets[b]&c != 0 }

// run returns the end of the longest run of bytes of the set that begins at from.
func (c charset) run(s string, from int) int {
	for from < len(s) && charsets[s[from]]&c != 0 {
		from++
	}
	return from
}

// runBack returns the start of the longest run of bytes of the set that ends before end.
func (c charset) runBack(s string, end int) int {
	for end > 0 && charsets[s[end-1]]&c != 0 {
		end--
	}
	return end
}

// all tells whether s consists of bytes of the set only, and is not empty.
func (c charset) all(s string) bool { return s != "" && c.run(s, 0) == len(s) }

// nextOf returns the offset of the next b in s, or the length of s.
func nextOf(s string, from int, b byte) int {
	for from < len(s) && s[from] != b {
		from++
	}
	return from
}
