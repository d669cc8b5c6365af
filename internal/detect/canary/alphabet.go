// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// none is the value of what is no digit.
const none = 0xff

// alphabet is a way to write bits: 2, 16, 32 or 64 digits for one to six bits each.
type alphabet struct {
	name string
	bits int
	// values has the digits' values under each folding.
	values [][256]byte
	// foldedPhases is at how many digits of a run the bytes may begin under a folding: at all where the encoding is commonly
	// cut out of another, and else at the first.
	foldedPhases int
}

// alphabets are RFC 4648's, base64 with the digits of both its forms.
func alphabets(folds []folding) []alphabet {
	const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	std := upper + strings.ToLower(upper) + "0123456789"
	all := []alphabet{
		{name: "base64", bits: 6, foldedPhases: 4, values: foldedValues(folds, std+"+/", std+"-_")},
		{name: "hexadecimal", bits: 4, foldedPhases: 2, values: foldedValues(folds, "0123456789abcdef", "0123456789ABCDEF")},
		{name: "base32", bits: 5, foldedPhases: 1, values: foldedValues(folds, upper+"234567", strings.ToLower(upper)+"234567")},
		{name: "base32hex", bits: 5, foldedPhases: 1, values: foldedValues(folds, "0123456789"+upper[:22], "0123456789"+strings.ToLower(upper[:22]))},
	}
	return all
}

// foldedValues numbers the digits of some spellings of an alphabet, as each folding leaves them.
func foldedValues(folds []folding, spellings ...string) [][256]byte {
	out := make([][256]byte, len(folds))
	for i, fold := range folds {
		for c := range out[i] {
			out[i][c] = none
		}
		for _, digits := range spellings {
			for v := range len(digits) {
				out[i][fold.apply(digits[v])] = byte(v)
			}
		}
	}
	return out
}

// apply folds a character and keeps its case.
func (f folding) apply(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z':
		return f.to[c-'a'+1] + 'a' - 1
	case 'A' <= c && c <= 'Z':
		return f.to[c-'A'+1] + 'A' - 1
	case '0' <= c && c <= '9':
		return f.to[c-'0'+27] - 27 + '0'
	}
	return c
}

// all folds a text. Each folding's inverse is a folding as well, so that this also takes one away.
func (f folding) all(text string) string {
	b := []byte(text)
	for i, c := range b {
		b[i] = f.apply(c)
	}
	return string(b)
}

// decodeBits packs digits into bytes; what is none separates them.
func decodeBits(text string, values *[256]byte, bits int) []byte {
	out := make([]byte, 0, len(text)*bits/8)
	var held uint32
	have := 0
	for i := range len(text) {
		v := values[text[i]]
		if v == none {
			continue
		}
		held = held<<bits | uint32(v)
		if have += bits; have >= 8 {
			have -= 8
			out = append(out, byte(held>>have&0xff))
		}
	}
	return out
}

// likelyBytes that are text are no chance: of random ones, 38 of 100 are printable, and of so many in a row one in 800 000.
const likelyBytes = 14

// likely looks whether the first bytes are text, and says how many digits that took.
func likely(text string, values *[256]byte, bits int) (ok bool, looked int) {
	var held uint32
	var first [likelyBytes]byte
	have, n := 0, 0
	for i := range len(text) {
		v := values[text[i]]
		if v == none {
			return false, i + 1
		}
		held = held<<bits | uint32(v)
		if have += bits; have < 8 {
			continue
		}
		have -= 8
		first[n] = byte(held >> have & 0xff)
		if !printable(first[n]) && (first[n] < 0x80 || n == 0 && first[n] < 0xc2 || n == 4 && !validStart(first[:n])) {
			return false, i + 1
		}
		if n++; n == likelyBytes {
			return validStart(first[:]), i + 1
		}
	}
	return false, len(text)
}

// validStart says whether bytes may be the first of a text in UTF-8.
func validStart(b []byte) bool {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError {
			return !utf8.FullRune(b)
		}
		b = b[size:]
	}
	return true
}

func printable(b byte) bool { return 0x20 <= b && b < 0x7f || b == '\n' || b == '\r' || b == '\t' }

// textual says whether bytes have a stretch of text long enough to hold something. Zeros between letters are UTF-16's.
func textual(b []byte) bool {
	run := 0
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case printable(c):
			run++
		case c == 0 && i > 0 && b[i-1] != 0:
		case c >= utf8.RuneSelf && run > 0:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError {
				run = 0
			}
			i += size - 1
		default:
			run = 0
		}
		if run >= likelyBytes {
			return true
		}
	}
	// What is invisible, or in another dress. A word beside it may have been taken for a byte of it.
	b = withoutStrays(b)
	control := func(c byte) bool { return c < utf8.RuneSelf && !printable(c) }
	return len(b) >= likelyBytes && utf8.Valid(b) && !slices.ContainsFunc(b, control)
}

// withoutStrays cuts a few bytes off a text's ends that are no part of it.
func withoutStrays(b []byte) []byte {
	const most = 3
	for range most {
		if r, size := utf8.DecodeRune(b); r == utf8.RuneError && size == 1 {
			b = b[1:]
		}
		if r, size := utf8.DecodeLastRune(b); r == utf8.RuneError && size == 1 {
			b = b[:len(b)-1]
		}
	}
	return b
}

// alphabet85 has the values of an alphabet's digits under a folding.
type alphabet85 struct {
	name   string
	fold   int
	values [256]byte
}

// base85s are Ascii85 (Adobe's), RFC 1924's (Git's, Python's b85), and ZeroMQ's, under no folding, rot13 and atbash.
func base85s(folds []folding) []alphabet85 {
	const digits = "0123456789"
	const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower := strings.ToLower(upper)
	var ascii strings.Builder
	for c := byte('!'); c <= 'u'; c++ {
		ascii.WriteByte(c)
	}
	var out []alphabet85
	for _, a := range [][2]string{
		{"ascii85", ascii.String()},
		{"base85", digits + upper + lower + "!#$%&()*+-;<=>?@^_`{|}~"},
		{"z85", digits + lower + upper + ".-:+=^!/*?&<>()[]{}@%$#"},
	} {
		for _, fold := range []int{0, rot13, len(folds) - 1} {
			out = append(out, alphabet85{name: a[0], fold: fold, values: foldedValues(folds[fold:fold+1], a[1])[0]})
		}
	}
	return out
}

// decode85 gives the bytes of groups of five digits, up to the first that is none; the last group may be short.
func decode85(text string, values *[256]byte) []byte {
	out := make([]byte, 0, len(text))
	var group uint64
	n := 0
	for i := 0; i < len(text); i++ {
		if text[i] == 'z' && n == 0 && values['z'] == none { // Ascii85's four zeros
			out = append(out, 0, 0, 0, 0)
			continue
		}
		v := values[text[i]]
		if v == none {
			break
		}
		group = group*85 + uint64(v)
		if n++; n == 5 {
			out = append(out, byte(group>>24&0xff), byte(group>>16&0xff), byte(group>>8&0xff), byte(group&0xff))
			group, n = 0, 0
		}
	}
	if n > 1 {
		for i := n; i < 5; i++ {
			group = group*85 + 84
		}
		for i := range n - 1 {
			out = append(out, byte(group>>(24-8*i)&0xff))
		}
	}
	return out
}

// likely85 looks whether the first three groups are text.
func likely85(text string, values *[256]byte) bool {
	if len(text) < 15 {
		return false
	}
	var head [12]byte
	for i := range 3 {
		var group uint64
		for j := range 5 {
			v := values[text[5*i+j]]
			if v == none {
				return false
			}
			group = group*85 + uint64(v)
		}
		for j := range 4 {
			c := byte(group >> (24 - 8*j) & 0xff)
			if !printable(c) && c < utf8.RuneSelf {
				return false
			}
			head[4*i+j] = c
		}
	}
	return validStart(head[:])
}

// max58 keeps the conversion between radixes, which takes the square of the length, to what a canary needs.
const max58 = 140

// decode58 gives the bytes of a number in Bitcoin's base 58.
func decode58(text string) []byte {
	const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	var out []byte // the least significant first
	for i := range len(text) {
		v := strings.IndexByte(digits, text[i])
		if v < 0 {
			return nil
		}
		carry := v
		for j := range out {
			carry += 58 * int(out[j])
			out[j] = byte(carry & 0xff)
			carry >>= 8
		}
		for ; carry > 0; carry >>= 8 {
			out = append(out, byte(carry&0xff))
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
