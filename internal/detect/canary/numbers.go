// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// minNumbers is the shortest list of numbers that is decoded: 64 bits of a canary's own bytes.
const minNumbers = 8

// numbers decodes lists of numbers, as bytes in decimal, octal or hexadecimal, and what has only zeros and ones.
func (f *finder) numbers(text string, via []string, next func(kind, decoded string)) {
	var list []string
	flush := func() {
		if len(list) >= 1 {
			f.list(list, via, next)
		}
		list = list[:0]
	}
	end := 0 // of the last number
	for i := 0; i < len(text); {
		if !alnum(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && alnum(text[i]) {
			i++
		}
		if start-end > 3 && len(list) > 0 { // no list, at least none with as much between its numbers
			flush()
		}
		if c := text[start]; c < '0' || c > '9' {
			flush()
			continue
		}
		list, end = append(list, text[start:i]), i
	}
	flush()
}

func (f *finder) list(list []string, via []string, next func(kind, decoded string)) {
	total := 0
	for _, n := range list {
		total += len(n)
	}
	if !f.spend(total) {
		return
	}
	if digits := strings.Join(list, ""); len(digits) >= 56 && strings.Trim(digits, "01") == "" {
		f.binary(digits, via, next)
	}
	if len(list) < minNumbers {
		return
	}
	var digits strings.Builder // hexadecimal in groups, maybe folded
	for _, n := range list {
		if len(n) == 4 && n[0] == '0' && n[1] >= 'A' {
			n = n[2:]
		}
		digits.WriteString(n)
	}
	if run := digits.String(); len(run) >= minRun && varied(run) {
		f.run(run, via, next)
	}
	for _, radix := range []struct {
		name string
		base int
	}{{"decimal codes", 10}, {"octal codes", 8}} {
		var b []byte
		for _, n := range list {
			v, err := strconv.ParseUint(strings.TrimPrefix(n, "0o"), radix.base, 8)
			if err != nil {
				break
			}
			b = append(b, byte(v))
		}
		f.codes(radix.name, b, via, next)
	}
}

// codes takes bytes for text or for a canary's own, whichever they are.
func (f *finder) codes(name string, b []byte, via []string, next func(kind, decoded string)) {
	if textual(b) {
		next(name, string(b))
	} else if f.spend(len(b)) {
		f.raw(b, append(slices.Clip(via), name))
	}
}

// binary decodes bits in groups of 8 and of 7, from any bit.
func (f *finder) binary(digits string, via []string, next func(kind, decoded string)) {
	for _, width := range []int{8, 7} {
		for phase := range width {
			if !f.spend(len(digits)) {
				return
			}
			b := make([]byte, 0, len(digits)/width)
			for i := phase; i+width <= len(digits); i += width {
				v := byte(0)
				for j := range width {
					v = v<<1 | digits[i+j]&1
				}
				b = append(b, v)
			}
			f.codes("binary", b, via, next)
		}
	}
}

// morse decodes Morse telegraphy (ITU-R M.1677-1): letters with spaces, slashes or bars between them.
func morse(text string, next func(kind, decoded string)) {
	code := strings.Fields(".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. " +
		"----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.")
	letters := map[string]byte{}
	for i, signal := range code {
		letters[signal] = "abcdefghijklmnopqrstuvwxyz0123456789"[i]
	}
	isBreak := func(r rune) bool { return strings.ContainsRune(" /|\n\t\r,;", r) }
	var b strings.Builder
	for signal := range strings.FieldsFuncSeq(strings.ReplaceAll(text, "_", "-"), isBreak) {
		// Marks around a signal are none of it; a full stop behind a word is no signal.
		if word := strings.IndexFunc(signal, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) >= 0; word {
			b.WriteByte(' ')
		} else if c, ok := letters[strings.TrimFunc(signal, func(r rune) bool { return r != '.' && r != '-' })]; ok {
			b.WriteByte(c)
		}
	}
	next("Morse", b.String())
}

// uudecode decodes lines that say their own length (POSIX uuencode).
func uudecode(text string) string {
	var out []byte
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 5 || line[0] <= ' ' || line[0] > 'M' || (len(line)-1)%4 != 0 || len(line)-1 < (int(line[0]-' ')+2)/3*4 {
			continue
		}
		n := int(line[0] - ' ')
		var b []byte
		for i := 1; i+4 <= len(line); i += 4 {
			v := 0
			for j := range 4 {
				v = v<<6 | int(line[i+j]-' ')&63
			}
			b = append(b, byte(v>>16), byte(v>>8), byte(v))
		}
		out = append(out, b[:min(n, len(b))]...)
	}
	return string(out)
}
