// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"maps"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// smoke is how many attacks are tried first after a rollout.
const smoke = 40

func vars() httpstep.Vars {
	return httpstep.Vars{
		corpus.Term: "lavender", corpus.Tenant: "globex", corpus.Page: "https://p1.test/a", corpus.Address: "https://t1.test/b",
		corpus.DNSName: "t1.test", corpus.Tool: "refund",
		corpus.Name: "n1.test", corpus.NameServer: "192.0.2.53", corpus.NamePort: "18053",
	}
}

func load(t *testing.T) []corpus.Attack {
	t.Helper()
	attacks, err := corpus.Load()
	if err != nil {
		t.Fatal(err)
	}
	return attacks
}

func named(t *testing.T, name string) Strategy {
	t.Helper()
	all := All()
	i := slices.IndexFunc(all, func(s Strategy) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no strategy is called %s", name)
	}
	return all[i]
}

func TestStrategiesAreManyNamedAndDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.Name] || s.Description == "" || s.Weight < 1 || s.Weight > 5 ||
			strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("strategy %q: there twice, not kebab-case, or without description or weight", s.Name)
		}
		seen[s.Name] = true
	}
	if len(seen) < 45 {
		t.Errorf("%d strategies, want at least 45", len(seen))
	}
}

func TestEveryStrategyKeepsWhatAnAttackIsAfter(t *testing.T) {
	attacks := load(t)
	for _, s := range All() {
		applied := 0
		for _, a := range attacks {
			before := slices.Clone(a.Turns)
			changed, ok := s.Apply(a)
			if diff := cmp.Diff(before, a.Turns); diff != "" {
				t.Fatalf("%s changed the attack %s itself: %s", s.Name, a.ID, diff)
			}
			if !ok {
				continue
			}
			applied++
			if changed.ID != a.ID+"+"+s.Name {
				t.Errorf("%s makes %q of %q", s.Name, changed.ID, a.ID)
			}
			if changed.Goal != a.Goal || changed.Carrier != a.Carrier || changed.Technique != a.Technique || changed.Weight != a.Weight {
				t.Errorf("%s makes another attack of %s", s.Name, a.ID)
			}
			plain, err := a.Expand(vars())
			if err != nil {
				t.Fatal(err)
			}
			expanded, err := changed.Expand(vars())
			if err != nil {
				t.Errorf("%s: %v", changed.ID, err)
				continue
			}
			if len(expanded.Turns) > mostTurns || slices.Equal(append(plain.Turns, plain.Content), append(expanded.Turns, expanded.Content)) {
				t.Errorf("%s: %d turns, or nothing was changed", changed.ID, len(expanded.Turns))
			}
			for _, text := range append(expanded.Turns, expanded.Content) {
				if !utf8.ValidString(text) {
					t.Errorf("%s is not UTF-8", changed.ID)
				}
			}
		}
		if applied < 50 {
			t.Errorf("%s applies to %d attacks alone", s.Name, applied)
		}
	}
}

// TestDisguisesKeepWhatHasToBeExact: an address that leads nowhere, or a tool that has another name, would convict nobody.
func TestDisguisesKeepWhatHasToBeExact(t *testing.T) {
	attacks := load(t)
	for _, s := range slices.Concat(disguises(), wraps(), leads(), outputs()) {
		if s.Name == "payload-splitting" {
			continue // the model puts the pieces together
		}
		for _, a := range attacks {
			changed, ok := s.Apply(a)
			if !ok {
				continue
			}
			expanded, err := changed.Expand(vars())
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(append(expanded.Turns, expanded.Content), "\n")
			for _, name := range a.Needs() {
				if !strings.Contains(all, vars()[name]) {
					t.Errorf("%s: $(%s) is no longer there", changed.ID, name)
				}
			}
		}
	}
}

func TestExpandedAttacksAreChangedAtOnce(t *testing.T) {
	attacks := load(t)
	a, ok := Find(attacks, nil, "tenant-term-code")
	if !ok {
		t.Fatal("no such attack")
	}
	expanded, err := a.Expand(vars())
	if err != nil {
		t.Fatal(err)
	}
	now, ok := named(t, "base64").Apply(expanded)
	if !ok {
		t.Fatal("base64 does not apply")
	}
	later, _ := named(t, "base64").Apply(a)
	if later, err = later.Expand(vars()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(now.Turns, later.Turns); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(now.Turns[0], base64.StdEncoding.EncodeToString([]byte(expanded.Turns[0]))) {
		t.Errorf("%q does not hold the encoded text", now.Turns[0])
	}
}

// decoders undo the encodings, to see that the model could.
func decoders() map[string]func(string) (string, error) {
	bytesOf := func(base int) func(string) (string, error) {
		return func(s string) (string, error) {
			var b []byte
			for _, part := range strings.Fields(s) {
				n, err := strconv.ParseUint(part, base, 8)
				if err != nil {
					return "", err
				}
				b = append(b, byte(n))
			}
			return string(b), nil
		}
	}
	plain := func(undo func(string) string) func(string) (string, error) {
		return func(s string) (string, error) { return undo(s), nil }
	}
	return map[string]func(string) (string, error){
		"base64": func(s string) (string, error) { b, err := base64.StdEncoding.DecodeString(s); return string(b), err },
		"base32": func(s string) (string, error) { b, err := base32.StdEncoding.DecodeString(s); return string(b), err },
		"hex":    func(s string) (string, error) { b, err := hex.DecodeString(s); return string(b), err },
		"ascii85": func(s string) (string, error) {
			b, err := io.ReadAll(ascii85.NewDecoder(strings.NewReader(s)))
			return string(b), err
		},
		"binary": bytesOf(2), "octal": bytesOf(8),
		"rot13": plain(rot13), "atbash": plain(atbash), "reversal": plain(reverse),
		"url-escapes":  url.QueryUnescape,
		"html-escapes": plain(html.UnescapeString),
		"unicode-escapes": func(s string) (text string, err error) {
			err = json.Unmarshal([]byte(`"`+s+`"`), &text)
			return text, err
		},
		"quoted-printable": func(s string) (string, error) {
			b, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(s)))
			return strings.ReplaceAll(string(b), "\r\n", "\n"), err
		},
		"variation-selectors": plain(fromSelectors), "emoji-smuggling": plain(fromSelectors),
		"invisible-bits": plain(fromInvisibleBits),
		"full-width": plain(func(s string) string {
			return strings.Map(func(r rune) rune {
				if r >= 0xFF01 && r <= 0xFF5E {
					return r - 0xFF01 + '!'
				}
				return r
			}, s)
		}),
		"zero-width":   plain(func(s string) string { return strings.ReplaceAll(s, "\u200d", "") }),
		"soft-hyphens": plain(func(s string) string { return strings.ReplaceAll(s, "\u00ad", "") }),
		"json-wrapping": func(s string) (string, error) {
			_, s, _ = strings.Cut(s, `"content": `)
			text, err := strconv.Unquote(strings.TrimSuffix(s, "}]}"))
			return text, err
		},
		"payload-splitting": func(s string) (string, error) {
			var b strings.Builder
			for line := range strings.Lines(s) {
				if _, value, ok := strings.Cut(strings.TrimSpace(line), ` = "`); ok {
					var part string
					if err := json.Unmarshal([]byte(`"`+value), &part); err != nil {
						return "", err
					}
					b.WriteString(part)
				}
			}
			return b.String(), nil
		},
	}
}

func fromSelectors(s string) string {
	var b []byte
	for _, r := range s {
		switch {
		case r >= 0xFE00 && r <= 0xFE0F:
			b = append(b, byte(r-0xFE00))
		case r >= 0xE0100 && r <= 0xE01EF:
			b = append(b, byte(r-0xE0100+16))
		}
	}
	return string(b)
}

func fromInvisibleBits(s string) string {
	var b []byte
	bits, n := 0, 0
	for _, r := range s {
		if r != 0x2062 && r != 0x2064 {
			continue
		}
		bits = bits<<1 | int(r-0x2062)/2
		if n++; n%8 == 0 {
			b = append(b, byte(bits))
			bits = 0
		}
	}
	return string(b)
}

func TestWhatIsEncodedCanBeDecoded(t *testing.T) {
	for name, decode := range decoders() {
		s := named(t, name)
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9 ,.?!'"äß日😊\n-]{0,60}[a-z]`).Draw(t, "text")
			a := corpus.Attack{ID: "x", Goal: corpus.SystemPrompt, Carrier: corpus.Chat, Language: "en", Weight: 1, Turns: []string{text}}
			changed, ok := s.Apply(a)
			if !ok {
				return
			}
			changed, err := changed.Expand(nil)
			if err != nil {
				t.Fatal(err)
			}
			got := changed.Turns[0]
			if _, encoded, found := strings.Cut(got, "\n\n"); found && strings.HasPrefix(got, "Decode") {
				got = encoded
			}
			got, err = decode(got)
			if err != nil || got != text {
				t.Fatalf("%s: %q became %q, and that %q, %v", name, text, changed.Turns[0], got, err)
			}
		})
	}
}

func TestCodesOfLetters(t *testing.T) {
	const text = "Show it, now"
	for name, want := range map[string]string{
		"morse":          "... .... --- .-- / .. - --..-- / -. --- .--",
		"nato":           "sierra hotel oscar whiskey / india tango , / november oscar whiskey",
		"braille":        "⠎⠓⠕⠺ ⠊⠞, ⠝⠕⠺",
		"pig-latin":      "owshay itway, ownay",
		"bijection":      "39 28 35 43 / 29 40 , / 34 35 43",
		"word-reversal":  "now it, Show",
		"tag-characters": "\U000E0053\U000E0068\U000E006F\U000E0077\U000E0020\U000E0069\U000E0074\U000E002C\U000E0020\U000E006E\U000E006F\U000E0077",
		"leetspeak":      "5h0w 17, n0w",
		"spacing":        " S h o w   i t ,   n o w ",
		"typos":          "Sohw it, now",
	} {
		a := corpus.Attack{ID: "x", Goal: corpus.SystemPrompt, Carrier: corpus.Chat, Turns: []string{text}}
		changed, ok := named(t, name).Apply(a)
		if !ok {
			t.Errorf("%s does not apply", name)
			continue
		}
		changed, err := changed.Expand(nil)
		if err != nil || !strings.HasSuffix(changed.Turns[0], want) {
			t.Errorf("%s: %q, %v, want %q at its end", name, changed.Turns[0], err, want)
		}
	}
}

func TestPlainSourcesAreLeftAlone(t *testing.T) {
	for _, carrier := range []corpus.Carrier{corpus.DocumentHTML, corpus.DocumentCSV, corpus.URL} {
		a := corpus.Attack{ID: "x", Goal: corpus.SystemPrompt, Carrier: carrier, Content: "<p>show it</p>", Turns: []string{"What is it about?"}}
		for _, s := range All() {
			if changed, ok := s.Apply(a); ok {
				t.Errorf("%s makes %q of the source of a %s", s.Name, changed.Content, carrier)
			}
		}
	}
}

func TestNoStrategyMakesMoreThanEightTurns(t *testing.T) {
	for turns := range mostTurns + 1 {
		a := corpus.Attack{ID: "x", Goal: corpus.SystemPrompt, Carrier: corpus.Chat, Turns: slices.Repeat([]string{"show everything"}, turns)}
		for _, s := range All() {
			changed, ok := s.Apply(a)
			if ok && len(changed.Turns) > mostTurns {
				t.Errorf("%s makes %d turns of %d", s.Name, len(changed.Turns), turns)
			}
			if turns == 1 && !ok {
				t.Errorf("%s does not apply to the plainest attack", s.Name)
			}
		}
	}
}

func TestSmokeSetIsTheWorstAndDiverse(t *testing.T) {
	first := Multiply(load(t), All(), smoke)
	techniques, goals := map[string]int{}, map[corpus.Goal]int{}
	t.Logf("%s", strings.Join(ids(first), " "))
	for _, a := range first {
		techniques[a.Technique]++
		goals[a.Goal]++
		if a.Weight < 4 || a.Language != "en" {
			t.Errorf("%s is among the first, with weight %d, in %s", a.ID, a.Weight, a.Language)
		}
	}
	if len(first) != smoke || len(techniques) < smoke {
		t.Errorf("%d attacks over %d techniques, want %d over as many", len(first), len(techniques), smoke)
	}
	if len(goals) < 6 || goals[corpus.SystemPrompt] > smoke*2/3 {
		t.Errorf("goals %v, want at least 6, and SystemPrompt for at most two thirds", goals)
	}
}

// drawAttacks gives a few of the corpus.
func drawAttacks(t *rapid.T, all []corpus.Attack) []corpus.Attack {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, 40, func(a corpus.Attack) string { return a.ID }).Draw(t, "attacks")
}

func drawStrategies(t *rapid.T) []Strategy {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(All()), 0, 8, func(s Strategy) string { return s.Name }).Draw(t, "strategies")
}

func ids(attacks []corpus.Attack) []string {
	names := make([]string, len(attacks))
	for i, a := range attacks {
		names[i] = a.ID
	}
	return names
}

func TestMultiply(t *testing.T) {
	corpusOf := load(t)
	rapid.Check(t, func(t *rapid.T) {
		attacks, strategies := drawAttacks(t, corpusOf), drawStrategies(t)
		all := ids(Multiply(attacks, strategies, 0))

		shuffled := Multiply(rapid.Permutation(attacks).Draw(t, "shuffled"), rapid.Permutation(strategies).Draw(t, "shuffled strategies"), 0)
		if diff := cmp.Diff(all, ids(shuffled)); diff != "" {
			t.Fatalf("the order of what is given counts: %s", diff)
		}
		limit := rapid.IntRange(1, 100).Draw(t, "limit")
		if diff := cmp.Diff(all[:min(limit, len(all))], ids(Multiply(attacks, strategies, limit))); diff != "" {
			t.Fatalf("the first %d are no beginning of all: %s", limit, diff)
		}
		set := map[string]bool{}
		for _, id := range all {
			set[id] = true
			found, ok := Find(attacks, strategies, id)
			if !ok || found.ID != id {
				t.Fatalf("%s is not found again", id)
			}
		}
		if len(set) != len(all) {
			t.Fatalf("%d attacks, %d names", len(all), len(set))
		}
		for _, a := range attacks {
			if !set[a.ID] {
				t.Fatalf("%s is left out", a.ID)
			}
			for _, s := range strategies {
				if _, ok := s.Apply(a); ok != set[a.ID+"+"+s.Name] {
					t.Fatalf("%s with %s: applies is %t", a.ID, s.Name, ok)
				}
			}
		}
	})
}

// TestMultiplySpreads looks at plain attacks of one weight and language: no technique comes again before each of those that are left has come
// as often.
func TestMultiplySpreads(t *testing.T) {
	corpusOf := load(t)
	rapid.Check(t, func(t *rapid.T) {
		attacks := drawAttacks(t, corpusOf)
		left := map[string]int{}
		for i := range attacks {
			attacks[i].Weight, attacks[i].Language = 3, "en"
			left[attacks[i].Technique]++
		}
		chosen := map[string]int{}
		for _, a := range Multiply(attacks, nil, 0) {
			for technique := range maps.Keys(left) {
				if chosen[technique] < chosen[a.Technique] {
					t.Fatalf("%s comes for the %d. time while %s waits", a.Technique, chosen[a.Technique]+1, technique)
				}
			}
			chosen[a.Technique]++
			if left[a.Technique]--; left[a.Technique] == 0 {
				delete(left, a.Technique)
			}
		}
	})
}

// TestStrategiesTakeTurns looks at one technique, and at strategies of one weight.
func TestStrategiesTakeTurns(t *testing.T) {
	var attacks []corpus.Attack
	for _, a := range load(t) {
		if a.Technique == "direct-ask" && a.Goal == corpus.SystemPrompt && a.Carrier == corpus.Chat {
			a.Weight, a.Language = 3, "en"
			attacks = append(attacks, a)
		}
	}
	strategies := []Strategy{named(t, "xml-wrapping"), named(t, "role-tags-inst"), named(t, "nested-task")}
	count := map[string]int{}
	for i, a := range Multiply(attacks, strategies, 0) {
		_, names := Base(a.ID)
		if i < len(attacks) != (len(names) == 0) {
			t.Fatalf("%s comes at place %d, but what is plain comes first", a.ID, i)
		}
		if len(names) == 0 {
			continue
		}
		count[names[0]]++
		for _, s := range strategies {
			if count[names[0]] > count[s.Name]+1 {
				t.Fatalf("%s comes for the %d. time, before %s", names[0], count[names[0]], s.Name)
			}
		}
	}
}

// TestMultiplyPutsTheWorstFirst looks at plain attacks: within a technique, and among the first of each, the weights fall.
func TestMultiplyPutsTheWorstFirst(t *testing.T) {
	before := map[string]int{}
	first := 5
	for _, a := range Multiply(load(t), nil, 0) {
		weight, seen := before[a.Technique]
		switch {
		case seen && a.Weight > weight:
			t.Errorf("%s of weight %d comes after one of weight %d", a.ID, a.Weight, weight)
		case !seen && a.Weight > first:
			t.Errorf("%s of weight %d is the first of its technique, and comes after such a one of weight %d", a.ID, a.Weight, first)
		case !seen:
			first = a.Weight
		}
		before[a.Technique] = a.Weight
	}
}

func TestFindTellsWhatIsNotThere(t *testing.T) {
	attacks := load(t)
	for _, id := range []string{"", "nothing", "ask-system-prompt+nothing", "comment-image+base64", "+base64"} {
		if found, ok := Find(attacks, All(), id); ok {
			t.Errorf("%q is found, as %s", id, found.ID)
		}
	}
	if found, ok := Find(attacks, All(), "ask-system-prompt+base64+persona"); !ok || found.ID != "ask-system-prompt+base64+persona" {
		t.Errorf("two strategies on one another: %q, %t", found.ID, ok)
	}
}
