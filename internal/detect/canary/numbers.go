// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// minNumbers is the shortest list of numbers that is decoded: 64 bits of a canary's own bytes.
const minNumbers = 8

// minDigits is how many a shorter list must have: of a number of 10 or of 7 come 16 or 8 hexadecimal digits, of which 20 are needed.
const minDigits = 17

// numbers decodes lists of numbers, as bytes in decimal, octal or hexadecimal, and what has only zeros and ones.
func (f *finder) numbers(text string, via []string, next func(kind, decoded string)) {
	var list []string
	flush := func() {
		if len(list) >= 1 {
			f.list(list, via, next)
		}
		list = list[:0]
	}
	end, between, words := 0, "", false // the end of the last number, what stood before it, and whether words have come since
	symbols := &f.tables.symbols
	for i := 0; i < len(text); {
		if symbols[text[i]] == 0 {
			i++
			continue
		}
		start := i
		for i < len(text) && symbols[text[i]] != 0 {
			i++
		}
		if c := text[start]; c < '0' || c > '9' {
			words = true
			continue
		}
		// A list has little between its numbers, or always the same: "chr(52)+chr(53)".
		apart := text[end:start]
		if (words || len(apart) > 3) && (len(apart) > maxBetween || apart != between) {
			flush()
		}
		list, end, between, words = append(list, text[start:i]), i, apart, false
	}
	flush()
}

// maxBetween is the most that stands between two numbers of a list.
const maxBetween = 24

func (f *finder) list(list []string, via []string, next func(kind, decoded string)) {
	total := 0
	for _, n := range list {
		total += len(n)
	}
	if total < minDigits && len(list) < minNumbers || !f.spend(total) {
		return
	}
	if digits := strings.TrimPrefix(strings.Join(list, ""), "0b"); len(digits) >= 56 && strings.Trim(digits, "01") == "" {
		f.binary(digits, via, next)
	}
	f.large(list, via)
	if len(list) < minNumbers {
		return
	}
	f.small(list, via, next)
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
func uudecode(text string) []byte {
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
	return out
}

// large takes numbers for parts of a canary's own number: two of 64 bits, four of 32, or all of it, maybe in groups of three.
func (f *finder) large(list []string, via []string) {
	var digits strings.Builder
	for _, n := range list {
		if len(n) < 7 || len(n) > 20 {
			break
		}
		v, err := strconv.ParseUint(n, 10, 64)
		if err != nil {
			break
		}
		if len(n) <= 10 && v <= math.MaxUint32 {
			fmt.Fprintf(&digits, "%08x", v)
		} else {
			fmt.Fprintf(&digits, "%016x", v)
		}
	}
	f.stream(f.straight, f.tables.symbolsOf(digits.String()), 0, 1, decodedNeed(), via, "large numbers")
	for i, n := range list[1:] {
		if len(n) != 3 || i > 0 && len(list) > maxRadix/3 {
			f.radix(list[0], 10, via)
			return
		}
	}
	f.radix(strings.Join(list, ""), 10, via)
}

// small takes numbers for hexadecimal digits, 0 to 15, or for letters, 1 to 26.
func (f *finder) small(list []string, via []string, next func(kind, decoded string)) {
	const most = 26
	var digits, letters []byte
	for _, n := range list {
		v, err := strconv.Atoi(n)
		if err != nil || v > most {
			break
		}
		if v < 16 && len(digits) == len(letters) {
			digits = append(digits, f.tables.symbols["0123456789abcdef"[v]])
		}
		letters = append(letters, " abcdefghijklmnopqrstuvwxyz"[v])
	}
	f.stream(f.straight, digits, 0, 1, decodedNeed(), via, "numbers of digits")
	if len(letters) >= minRun {
		next("numbers of letters", string(letters))
	}
}

// A number of 128 bits has 22 digits in base 62 and 39 in base 10; in base 36, 25.
const (
	minRadix = 20
	maxRadix = 40
)

// radixes takes a run of letters and digits for a canary's own number.
func (f *finder) radixes(run string, via []string) {
	const fewest = 26
	if len(run) < minRadix || len(run) > fewest {
		return
	}
	f.radix(run, 36, via)
	f.radix(run, 62, via)
	if b := decode58(run); b != nil {
		f.raw(b, append(slices.Clip(via), "base58"))
	}
}

// radix takes digits for a number of 128 bits.
func (f *finder) radix(digits string, base int, via []string) {
	if len(digits) < minRadix || len(digits) > maxRadix || !f.spend(len(digits)*len(digits)/8) {
		return
	}
	if n, ok := new(big.Int).SetString(digits, base); ok {
		f.raw(n.FillBytes(make([]byte, maxRadix)), append(slices.Clip(via), fmt.Sprintf("base %d", base)))
	}
}

// dump reads the bytes of hexadecimal dumps, which have where they stand before them, and maybe the text behind.
func (f *finder) dump(text string, via []string, next func(kind, decoded string)) {
	var digits strings.Builder
	lines := 0
	for line := range strings.Lines(text) {
		bytes, ok := dumped(strings.TrimSpace(line))
		if !ok {
			continue
		}
		lines++
		digits.WriteString(bytes)
	}
	if lines < 2 || !f.spend(digits.Len()) {
		return
	}
	b := decodeBits(digits.String(), &f.tables.alphabets[1].values[0], 4)
	f.codes("hex dump", b, via, next)
}

// dumped gives the digits of a line of a dump.
func dumped(line string) (string, bool) {
	end := 0
	for end < len(line) && isHex(line[end]) {
		end++
	}
	rest := line[end:]
	if end < 4 || end > 16 || !strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "  ") {
		return "", false
	}
	var digits strings.Builder
	rest = strings.TrimLeft(rest, ": ")
	for rest != "" {
		end = 0
		for end < len(rest) && isHex(rest[end]) {
			end++
		}
		if end != 2 && end != 4 || end < len(rest) && rest[end] != ' ' {
			break
		}
		digits.WriteString(rest[:end])
		rest = rest[end:]
		apart := len(rest) - len(strings.TrimLeft(rest, " "))
		if apart > 2 || apart == 2 && digits.Len() != 16 { // the text stands there
			break
		}
		rest = rest[apart:]
	}
	return digits.String(), digits.Len() > 0
}
