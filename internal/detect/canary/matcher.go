// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// How much of a canary is a find. A canary is random and independent of a text that does not know it, so that a text shows
// b of its bits at a given place, in a given reading, with probability 2^-b. The union bound over all the places and
// readings that are tried, 2^t of them, gives 2^(t-b), which must be below 2^-40 for a text of 64 KiB and 8 canaries.
//
// Plain, that is forwards, as it is but for case and what separates the digits or words: there are 2^16 places in the text,
// 2^3 canaries, and 17 places in a canary.
//   - 16 hex digits: 64 bits against 16+3+4.1: 2^-40.9.
//   - 13 digits of a key: with case lost, a letter has 2/62 or 4.95 bits: 64.4 against 16+3+3.3: 2^-42.1.
//   - 6 words next to each other: 66 bits against 14 (a word has four characters at least) +3+2.8: 2^-46.2.
//
// In any other reading: a text gets at most 2^7 times its length in readings (workPerByte), under 28 foldings in two
// directions, 2^5.8.
//   - 20 hex digits: 80 bits against 16+3+3.7+7+5.8: 2^-44.5.
//   - 17 digits of a key: 84.2 against 16+3+2.6+7+5.8: 2^-49.8.
//   - 8 words with up to 3 foreign words before each: 88 bits against 14+3+2.3+14 (7 gaps of 4)+7+5.8+1 (either order):
//     2^-40.9.
//   - 10 words with up to 7 foreign words before each: 110 bits against 14+3+1.6+27 (9 gaps of 8)+7+5.8+1: 2^-50.6.
//   - in leetspeak, which leaves a hex digit 3 bits at the least and a key's digit 3.6, but has no other folding: 24 hex
//     digits, 72 bits against 16+3+3.2+7+1: 2^-41.8; 20 digits of a key, 72 against 16+3+1.6+7+1: 2^-43.4.
//
// The first letters of the words alone count for nothing: 12 letters of English words have no 60 bits. Nor do translations.
type need struct{ hex, words, key int }

func plainNeed() need   { return need{hex: 16, words: 6, key: 13} }
func decodedNeed() need { return need{hex: 20, words: 8, key: 17} }
func leetNeed() need    { return need{hex: 24, words: 8, key: 20} }

func (n need) of(f Form) int { return [...]int{n.hex, n.words, n.key}[f] }

// whole is how long a form is, in digits or words.
func whole(f Form) int { return [...]int{hexDigits, wordCount, keyDigits}[f] }

// Hit is a canary, or enough of one, in a text.
type Hit struct {
	// Canary is its place among those that the matcher was made with.
	Canary int
	Form   Form
	// Via are the decodings that led to it, the outermost first; nothing where it stands as it is.
	Via []string
	// Partial says that it is not there from end to end.
	Partial bool
	// Length is how many hex digits, words or digits of the key stand there in a row.
	Length int
}

// Matcher finds canaries. It may be used by many at once.
type Matcher struct {
	straight *index
	leet     *index
	folds    []folding
	tables   *tables
	words    *vocabulary
	// chainIndex has what comes in pieces.
	chainIndex *chainIndex
	// patterns have what comes in signs of its own.
	patterns *patterns
	// spare are streams that a search has done with.
	spare *sync.Pool
	// ignored are the stretches of canaries that are known to the attacker, from where to where.
	ignored map[formOf][][2]int
}

type formOf struct {
	canary int
	form   Form
}

// NewMatcher makes a matcher of some canaries. What of them stands in a text to ignore is no leak: the attack's own words,
// which an app may well echo. It takes some milliseconds and MiB: of one, Ignoring makes others cheaply.
func NewMatcher(canaries []Canary, ignore ...string) *Matcher {
	folds := foldings()
	m := &Matcher{
		straight: newIndex(canaries, folds), leet: newIndex(canaries, []folding{leet()}),
		folds: folds, tables: newTables(folds), words: newVocabulary(canaries, folds),
		spare: &sync.Pool{New: func() any { return new(streams) }},
	}
	m.chainIndex, m.patterns = newChainIndex(canaries, &m.tables.symbols), newPatterns(canaries)
	return m.Ignoring(ignore...)
}

// Ignoring gives a matcher of the same canaries that ignores these texts instead.
func (m *Matcher) Ignoring(ignore ...string) *Matcher {
	other := *m
	other.ignored = map[formOf][][2]int{}
	for _, text := range ignore {
		f := m.newFinder(len(text))
		f.seen = func(at formOf, start, end int) { other.ignored[at] = append(other.ignored[at], [2]int{start, end}) }
		f.all(text)
	}
	return &other
}

// Find gives what a text shows of the canaries: the longest stretch of each form, by the shortest way to it.
func (m *Matcher) Find(text []byte) []Hit {
	f := m.newFinder(len(text))
	f.all(string(text))
	return f.hits()
}

// finder is one search.
type finder struct {
	*Matcher
	// work is what may still be spent, and spent what was.
	work, spent int
	best        map[formOf]Hit
	// seen is told of every stretch, long enough or not.
	seen func(at formOf, start, end int)
}

// A text's readings and decodings may come to workPerByte times its length, and a little more for short ones.
const (
	workPerByte = 1 << 7
	workAnyway  = 1 << 17
)

func (m *Matcher) newFinder(length int) *finder {
	return &finder{Matcher: m, work: workPerByte*length + workAnyway}
}

// spend says whether n bytes may still be read.
func (f *finder) spend(n int) bool {
	if f.work < n {
		f.work = 0
		return false
	}
	f.work -= n
	f.spent += n
	return true
}

// report keeps a stretch of a canary's form that was found, if there is enough of it that the attack did not have.
func (f *finder) report(at formOf, start, end int, enough need, via []string) {
	if f.seen != nil {
		// A word or two of a canary stand in any text.
		if at.form != Words || end-start >= 3 {
			f.seen(at, start, end)
		}
		return
	}
	length := f.unknown(at, start, end)
	if length < enough.of(at.form) {
		return
	}
	if old, ok := f.best[at]; ok && (old.Length > length || old.Length == length && len(old.Via) <= len(via)) {
		return
	}
	if f.best == nil {
		f.best = map[formOf]Hit{}
	}
	f.best[at] = Hit{Canary: at.canary, Form: at.form, Via: slices.Clone(via), Partial: length < whole(at.form), Length: length}
}

// unknown is the longest part of a stretch that stands in nothing to ignore.
func (f *finder) unknown(at formOf, start, end int) int {
	longest, run := 0, 0
	for i := start; i < end; i++ {
		run++
		for _, known := range f.ignored[at] {
			if known[0] <= i && i < known[1] {
				run = 0
			}
		}
		longest = max(longest, run)
	}
	return longest
}

func (f *finder) hits() []Hit {
	hits := make([]Hit, 0, len(f.best))
	for _, h := range f.best {
		hits = append(hits, h)
	}
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Or(a.Canary-b.Canary, int(a.Form-b.Form)) })
	return hits
}

// stream looks for canaries in a stream of symbols, at every step-th of them. How says how the stream came of a text.
func (f *finder) stream(x *index, symbols []byte, from, step int, enough need, via []string, how ...string) {
	if len(symbols)/step < gramLength || !f.spend(len(symbols)/step) {
		return
	}
	x.search(symbols, from, step, func(n *needle, start, end int) {
		path, least := slices.Clone(via), enough
		if name := strings.Join(how, ""); name != "" {
			path = append(path, name)
		}
		if n.reversed {
			path = append(path, "reversed")
		}
		if n.folding != "" && !slices.Contains(path, n.folding) {
			path = append(path, n.folding)
		}
		if len(path) > 0 && enough == plainNeed() {
			least = decodedNeed()
		}
		if n.form == Words {
			start, end = n.wordsWithin(start, end)
		}
		if end > start {
			f.report(formOf{n.canary, n.form}, start, end, least, path)
		}
	})
}

// wordsWithin gives which words lie whole within a stretch of symbols.
func (n *needle) wordsWithin(start, end int) (first, last int) {
	first, _ = slices.BinarySearch(n.bounds, start)
	last, exact := slices.BinarySearch(n.bounds, end)
	if !exact {
		last--
	}
	return first, last
}
