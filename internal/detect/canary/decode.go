// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"iter"
	"slices"
	"strings"
)

const (
	// minRun is the shortest run of digits that is decoded: 15 bytes in base64, less than any find.
	minRun = 20
	// minLine is the shortest line that may go on in the next.
	minLine = 16
)

// decode gives to next what a text may hold in an encoding.
func (f *finder) decode(text string, r *streams, via []string, next func(kind, decoded string)) {
	if !f.spend(len(text)) {
		return
	}
	unescape(text, next)
	f.runs(text, via, next)
	if r.listed >= minListed {
		next("lines of a list", listed(text, &f.tables.run))
	}
	if r.marks > 0 {
		f.base85(text, next)
	}
	if r.digits >= minRun {
		f.numbers(text, via, next)
		f.dump(text, via, next)
	}
	if r.signs >= 2*minRun {
		morse(text, next)
	}
	if r.alone >= minRun {
		next("spaced out", joined(text))
	}
	if r.alike >= minRun {
		next("in groups", groups(text))
	}
	if strings.Contains(text, "begin ") || strings.Contains(text, "\nM") {
		if b := uudecode(text); textual(b) { // a line of prose may well begin like one of uuencode
			next("uuencode", string(b))
		}
	}
	// Text backwards is found as it is; what is encoded and then turned around has many digits or marks.
	if 3*(r.digits+r.marks) > len(text)-r.spaces && (len(via) == 0 || via[len(via)-1] != "reversed") {
		b := []byte(text)
		slices.Reverse(b)
		next("reversed", string(b))
	}
}

// runs decodes what is written in the digits of base64, which are also those of base 16, 32 and 58.
func (f *finder) runs(text string, via []string, next func(kind, decoded string)) {
	class := &f.tables.run
	for i := 0; ; {
		start, end := stretch(text, i, minLine, class)
		if end == start {
			return
		}
		i = end
		run := text[start:i]
		f.run58(run, next)
		f.radixes(run, via)
		if end := f.joinLines(text, start, i); end > i {
			run = unbroken(text[start:end], class)
			i = end
		}
		if len(run) >= minRun && f.spend(len(run)) && varied(run) {
			f.run(run, via, next)
		}
	}
}

// joinLines gives the end of a run that goes on over line breaks, each line but the last being long.
func (f *finder) joinLines(text string, start, end int) int {
	for end-start >= minLine && end < len(text) && (text[end] == '\n' || text[end] == '\r') {
		next := end
		for breaks := 0; next < len(text) && strings.IndexByte("\r\n \t>", text[next]) >= 0; next++ {
			if text[next] == '\n' {
				breaks++
			}
			if breaks > 1 { // a new paragraph
				return end
			}
		}
		start = next
		for next < len(text) && f.tables.run[text[next]] {
			next++
		}
		if next == start || next < len(text) && strings.IndexByte("\r\n\"'`<=", text[next]) < 0 {
			break
		}
		end = next
	}
	return end
}

// stretch gives where the first characters of a class begin and end from i on of which so many stand in a row; nothing where none do.
// It looks at few of the others: where one is of another class, none before it can begin.
func stretch(text string, i, least int, class *[256]bool) (start, end int) {
	for i+least <= len(text) {
		last := i + least - 1
		for last >= i && class[text[last]] {
			last--
		}
		if last >= i {
			i = last + 1
			continue
		}
		end = i + least
		for end < len(text) && class[text[end]] {
			end++
		}
		return i, end
	}
	return len(text), len(text)
}

// stretches are those of a class that are as long.
func stretches(text string, least int, class *[256]bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		for start, end := stretch(text, 0, least, class); end > start; start, end = stretch(text, end, least, class) {
			if !yield(text[start:end]) {
				return
			}
		}
	}
}

func unbroken(text string, class *[256]bool) string {
	b := make([]byte, 0, len(text))
	for i := range len(text) {
		if class[text[i]] {
			b = append(b, text[i])
		}
	}
	return string(b)
}

// run decodes a run from every digit at which its bytes may begin, as it is, folded, and backwards. Whether it is folded or
// backwards is seen by its first bytes; as it is, it may hold anything before the text.
func (f *finder) run(run string, via []string, next func(kind, decoded string)) {
	backwards := reverseBytes(run)
	has := classify(run)
	for i := range f.tables.alphabets {
		a := &f.tables.alphabets[i]
		if !has.may(a) {
			continue
		}
		f.phases(a, run, via, next)
		for fold := range f.folds {
			// Without letters, only rot18 changes anything.
			if !has.letters && fold != 0 && f.folds[fold].to[27] == 27 {
				continue
			}
			if fold != 0 {
				f.folded("", a, fold, run, next)
			}
			f.folded("reversed, ", a, fold, backwards, next)
		}
	}
}

// phases decodes a run from every digit at which its bytes may begin.
func (f *finder) phases(a *alphabet, run string, via []string, next func(kind, decoded string)) {
	phases := 8
	if a.bits == 6 || a.bits == 4 {
		phases = a.foldedPhases
	}
	// What was glued to it from a word in front may have digits as well: "ga" of "ga 36 cc".
	behind := a.behindForeign(run)
	for phase := range phases {
		f.whole(a, run[phase:], via, next)
		if behind > 0 && behind+phase < len(run) {
			f.whole(a, run[behind+phase:], via, next)
		}
	}
}

// folded decodes a run under a folding if its first bytes are text.
func (f *finder) folded(direction string, a *alphabet, fold int, run string, next func(kind, decoded string)) {
	for phase := range a.foldedPhases {
		ok, looked := likely(run[phase:], &a.values[fold], a.bits)
		if !f.spend(looked) {
			return
		}
		if ok {
			next(direction+f.kind(fold, a.name), string(decodeBits(run[phase:], &a.values[fold], a.bits)))
		}
	}
}

// classes of characters in a run. A letter or two in the other case stood before it.
type classes struct{ letters, lower, upper, digit, beyond bool }

func classify(run string) (has classes) {
	const strays = 2
	lower, upper := 0, 0
	for i := range len(run) {
		c := run[i]
		has.beyond = has.beyond || !isHex(c)
		switch {
		case 'a' <= c && c <= 'z':
			lower++
		case 'A' <= c && c <= 'Z':
			upper++
		case '0' <= c && c <= '9':
			has.digit = true
		}
	}
	has.letters, has.lower, has.upper = lower+upper > 0, lower > strays, upper > strays
	return has
}

// may says whether a run may be of an alphabet: base64 of text has letters of both cases, or of one and digits, which a path or
// a name has not; the others have letters of one case. What has only hexadecimal digits is in nothing else.
func (has classes) may(a *alphabet) bool {
	if !has.beyond && (!has.lower || !has.upper) {
		return a.bits == 4
	}
	if a.bits == 6 {
		return has.lower && has.upper || has.digit && (has.lower || has.upper)
	}
	return !has.lower || !has.upper
}

// head is how much of a run is looked at for what is no digit: a third of it may be.
const head = 12

// behindForeign gives where a run goes on behind the last character of its head that is no digit; 0 where all are.
func (a *alphabet) behindForeign(run string) int {
	for i := min(head, len(run)) - 1; i >= 0; i-- {
		if a.values[0][run[i]] == none {
			return i + 1
		}
	}
	return 0
}

// whole decodes all of a run: its bytes may be text, or a canary's own.
func (f *finder) whole(a *alphabet, run string, via []string, next func(kind, decoded string)) {
	foreign := 0
	for i := range min(head, len(run)) {
		if a.values[0][run[i]] == none {
			foreign++
		}
	}
	if foreign > head/3 || !f.spend(len(run)) {
		return
	}
	b := decodeBits(run, &a.values[0], a.bits)
	if !f.spend(len(b)) {
		return
	}
	if textual(b) {
		next(a.name, string(b))
	} else if a.bits != 4 {
		f.raw(b, append(slices.Clip(via), a.name))
	}
}

// raw looks for the bytes whose hexadecimal digits a canary is.
func (f *finder) raw(b []byte, via []string) {
	if len(b) < hexDigits/4 || !f.spend(len(b)) {
		return
	}
	const digits = "0123456789abcdef"
	stream := make([]byte, 0, 2*len(b))
	for _, c := range b {
		stream = append(stream, f.tables.symbols[digits[c>>4]], f.tables.symbols[digits[c&15]])
	}
	f.stream(f.straight, stream, 0, 1, decodedNeed(), append(slices.Clip(via), "bytes"))
}

// run58 decodes base 58, which has letters of both cases, and of the larger more than a name in camel case has.
func (f *finder) run58(run string, next func(kind, decoded string)) {
	if len(run) > max58 || strings.ToLower(run) == run || !strings.ContainsAny(run, "123456789") && 5*capitals(run) < len(run) {
		return
	}
	for direction, text := range [...]string{run, reverseBytes(run)} {
		for _, fold := range []int{0, rot13, len(f.folds) - 1} {
			if !f.spend(len(run) * len(run) / 8) {
				return
			}
			if decoded := decode58(f.folds[fold].all(text)); textual(decoded) {
				next([...]string{"", "reversed, "}[direction]+f.kind(fold, "base58"), string(decoded))
			}
		}
	}
}

func capitals(s string) int {
	n := 0
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			n++
		}
	}
	return n
}

func reverseBytes(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// base85 decodes words with marks in them.
func (f *finder) base85(text string, next func(kind, decoded string)) {
	for word := range stretches(text, minRun, &f.tables.visible) {
		word = unquoted(word)
		if len(word) < minRun {
			continue
		}
		if !f.spend(len(word)) {
			return
		}
		may := ^uint16(0)
		for i := range max(0, len(word)-1) { // a sentence's mark may stand behind it
			if may &= f.tables.in85[word[i]]; may == 0 {
				break
			}
		}
		backwards := ""
		if may != 0 {
			backwards = reverseBytes(word)
		}
		for i := 0; may != 0; i, may = i+1, may>>1 {
			if may&1 != 0 {
				f.word85("", &f.tables.base85[i], word, next)
				f.word85("reversed, ", &f.tables.base85[i], backwards, next)
			}
		}
	}
}

// unquoted takes away quotes around a word, not those that are digits, and Adobe's brackets, also those of a word backwards.
func unquoted(word string) string {
	if n := len(word); word[0] == word[n-1] && strings.IndexByte("\"'`", word[0]) >= 0 {
		word = word[1 : n-1]
	}
	for _, brackets := range [][2]string{{"<~", "~>"}, {">~", "~<"}} {
		if i := strings.Index(word, brackets[0]); i >= 0 {
			word = word[i+2:]
			if i := strings.LastIndex(word, brackets[1]); i >= 0 {
				word = word[:i]
			}
		}
	}
	return word
}

// kind names an encoding under a folding.
func (f *finder) kind(fold int, name string) string {
	if fold == 0 {
		return name
	}
	return f.folds[fold].name + ", " + name
}

// word85 decodes a word if its first bytes are text: a word of code or of a URL is no base 85.
func (f *finder) word85(direction string, a *alphabet85, word string, next func(kind, decoded string)) {
	for phase := range 5 {
		if !f.spend(5) {
			return
		}
		if likely85(word[phase:], &a.values) {
			next(direction+f.kind(a.fold, a.name), string(decode85(word[phase:], &a.values)))
		}
	}
}

// joined gives the characters that stand alone, without what separates them.
func joined(text string) string {
	b := make([]byte, 0, len(text))
	is := func(i int) bool {
		return i >= 0 && i < len(text) && (alnum(text[i]) || strings.IndexByte("+/=", text[i]) >= 0)
	}
	for i := range len(text) {
		switch {
		case !is(i):
		case is(i-1) || is(i+1):
			if len(b) > 0 && b[len(b)-1] != ' ' {
				b = append(b, ' ')
			}
		default:
			b = append(b, text[i])
		}
	}
	return string(b)
}

func alnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// minGroups of one length in a row are no words.
const minGroups = 4

// groups joins words of one length that stand in a row, as in what was split into fours; the last may be shorter.
func groups(text string) string {
	var b strings.Builder
	var row []string
	flush := func(last string) {
		if len(row) >= minGroups {
			b.WriteString(strings.Join(row, ""))
			if len(last) < len(row[0]) {
				b.WriteString(last)
			}
			b.WriteByte(' ')
		}
		row = row[:0]
	}
	for word := range strings.FieldsSeq(text) {
		if len(row) > 0 && len(row[0]) != len(word) {
			flush(word)
		}
		row = append(row, word)
	}
	flush("")
	return b.String()
}

// varied says that a text has more characters than a number in base 2 or a line has: zeros and ones in hexadecimal have three.
func varied(text string) bool {
	var seen [256 / 64]uint64
	n := 0
	for i := range len(text) {
		bit := uint64(1) << (text[i] % 64)
		if seen[text[i]/64]&bit == 0 {
			seen[text[i]/64] |= bit
			if n++; n >= 3 {
				return true
			}
		}
	}
	return false
}
