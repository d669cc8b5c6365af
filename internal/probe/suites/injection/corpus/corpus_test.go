// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/language"
)

// The corpus is at least so large.
const (
	leastAttacks    = 400
	leastTechniques = 60
	leastLanguages  = 8
)

func load(t *testing.T) []Attack {
	t.Helper()
	attacks, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return attacks
}

func TestCorpusIsLargeAndVaried(t *testing.T) {
	attacks := load(t)
	techniques, languages, goals, carriers := map[string]int{}, map[string]int{}, map[Goal]int{}, map[Carrier]int{}
	for _, a := range attacks {
		techniques[a.Technique]++
		base, _ := language.MustParse(a.Language).Base()
		languages[base.String()]++
		goals[a.Goal]++
		carriers[a.Carrier]++
	}
	t.Logf("%d attacks, %d techniques, %d languages, goals %v, carriers %v", len(attacks), len(techniques), len(languages), goals, carriers)
	if len(attacks) < leastAttacks || len(techniques) < leastTechniques || len(languages) < leastLanguages {
		t.Errorf("%d attacks over %d techniques in %d languages, want at least %d, %d and %d",
			len(attacks), len(techniques), len(languages), leastAttacks, leastTechniques, leastLanguages)
	}
	for _, goal := range Goals() {
		if goals[goal] < 5 {
			t.Errorf("goal %s has %d attacks, want at least 5", goal, goals[goal])
		}
	}
	for _, carrier := range Carriers() {
		if carriers[carrier] < 3 {
			t.Errorf("carrier %s has %d attacks, want at least 3", carrier, carriers[carrier])
		}
	}
}

func TestEachTechniqueIsKnownDescribedAndUsed(t *testing.T) {
	known := map[string]bool{}
	for _, technique := range Techniques() {
		if !isKebab(technique.Name) || technique.Description == "" || known[technique.Name] {
			t.Errorf("technique %q: not kebab-case, not described, or there twice", technique.Name)
		}
		known[technique.Name] = true
	}
	used := map[string]bool{}
	for _, a := range load(t) {
		used[a.Technique] = true
		if !known[a.Technique] {
			t.Errorf("attack %s: technique %q is not in the list", a.ID, a.Technique)
		}
	}
	for name := range known {
		if !used[name] {
			t.Errorf("no attack uses the technique %s", name)
		}
	}
}

// TestCorpusAsksForNothingHarmful looks for words that no attack of ours needs, within other words too, and is so stricter than what a
// team's own are held to; whoever adds a line that one of them hits says it in another way.
func TestCorpusAsksForNothingHarmful(t *testing.T) {
	forbidden := slices.Concat(harmfulStems(), []string{
		"vote", "election", "president", "politician", "celebrit", "vaccin", "counterfeit", "launder", "steal", "minor ", "drug", "slur", "ethnic", "guns",
	})
	for _, a := range load(t) {
		for _, text := range a.texts() {
			lower := strings.ToLower(text) + " "
			for _, word := range forbidden {
				if strings.Contains(lower, word) {
					t.Errorf("attack %s: %q: say it in another way", a.ID, word)
				}
			}
		}
	}
}

func TestCorpusNamesNoStrangers(t *testing.T) {
	for _, a := range load(t) {
		for _, text := range a.texts() {
			if host, found := stranger(text); found {
				t.Errorf("attack %s: %q may be somebody's", a.ID, host)
			}
			// ten digits in a row, or so, with what separates them in telephone numbers
			digits := 0
			for _, r := range text {
				switch {
				case unicode.IsDigit(r):
					digits++
				case !strings.ContainsRune(" -()/", r):
					digits = 0
				}
				if digits >= 10 && !strings.HasPrefix(a.Technique, "encoded") && a.Technique != "cipher-conversation" && a.Technique != "ascii-art" {
					t.Errorf("attack %s: looks like a telephone number", a.ID)
					break
				}
			}
		}
	}
}

func TestStrangersAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"see https://acme.io/x":                  "acme.io",
		"see //acme.io":                          "acme.io",
		"$(url)/b.png, $(url)//acme.io":          "acme.io",
		"see HTTPS://user:pw@Acme.io:8443/x":     "acme.io",
		"write to jane@acme.nl":                  "acme.nl",
		"ping 10.0.0.1":                          "10.0.0.1",
		"open http://[::1]/":                     "[::1]",
		"open http://169.254.169.254/latest":     "169.254.169.254",
		"open http://localhost:8080":             "localhost",
		"go to acme.com now":                     "acme.com",
		"https://example.com.acme.io":            "example.com.acme.io",
		"https://example.com@acme.io/":           "acme.io",
		"https://notexample.com":                 "notexample.com",
		"$(url) and https://$(host)/x":           "",
		"https://user:pass@$(host)/":             "",
		"https://$(host).acme.io/":               "probe.test.acme.io",
		"https://$(name).acme.nl/":               "probe.test.acme.nl",
		"https://$(nameserver).acme.nl/":         "192.0.2.1.acme.nl",
		"//$(nameserver)/$(name)":                "",
		"https://shop.example/a?b=c":             "",
		"mail bob@example.org, see report.pdf":   "",
		"192.0.2.7, 198.51.100.1, [2001:db8::1]": "",
		"http://[2001:db8::1]/ // a comment":     "",
	} {
		if got, found := stranger(text); got != want || found != (want != "") {
			t.Errorf("stranger(%q) = %q, %t, want %q", text, got, found, want)
		}
	}
}

// mostAlike is the share of words that two attacks may have in common (Jaccard's index): above it, one of them adds nothing.
const mostAlike = 0.75

func TestNoTwoAttacksAreNearlyTheSame(t *testing.T) {
	attacks := load(t)
	sets := make([]map[string]bool, len(attacks))
	for i, a := range attacks {
		sets[i] = tokens(a)
	}
	for i := range attacks {
		for j := range i {
			if alike := jaccard(sets[i], sets[j]); alike > mostAlike {
				t.Errorf("%s and %s have %.0f %% of their words in common", attacks[j].ID, attacks[i].ID, 100*alike)
			}
		}
	}
}

// tokens gives the words of an attack; where a script has no spaces, its pairs of characters.
func tokens(a Attack) map[string]bool {
	set := map[string]bool{}
	words := strings.FieldsFunc(strings.ToLower(strings.Join(a.texts(), "\n")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !unicode.Is(unicode.Mc, r)
	})
	for _, word := range words {
		runes := []rune(word)
		if !unicode.In(runes[0], unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai) {
			set[word] = true
			continue
		}
		for i := range len(runes) - 1 {
			set[string(runes[i:i+2])] = true
		}
	}
	if len(set) == 0 { // signs only
		set[fmt.Sprint(a.texts())] = true
	}
	return set
}

func jaccard(a, b map[string]bool) float64 {
	common := 0
	for word := range a {
		if b[word] {
			common++
		}
	}
	return float64(common) / float64(len(a)+len(b)-common)
}

func TestTextsFitTheirLanguage(t *testing.T) {
	scripts := map[string]*unicode.RangeTable{
		"ru": unicode.Cyrillic, "uk": unicode.Cyrillic, "bg": unicode.Cyrillic, "el": unicode.Greek, "ar": unicode.Arabic, "fa": unicode.Arabic,
		"ur": unicode.Arabic, "he": unicode.Hebrew, "hi": unicode.Devanagari, "bn": unicode.Bengali, "ta": unicode.Tamil, "th": unicode.Thai,
		"ko": unicode.Hangul, "zh": unicode.Han, "ka": unicode.Georgian, "am": unicode.Ethiopic,
	}
	for _, a := range load(t) {
		base, _ := language.MustParse(a.Language).Base()
		script, ok := scripts[base.String()]
		if !ok || slices.Contains([]string{"mixed-script", "encoded-input"}, a.Technique) {
			continue
		}
		if !strings.ContainsFunc(a.Hostile(), func(r rune) bool { return unicode.Is(script, r) }) {
			t.Errorf("attack %s says to be in %s, and has no letter of its script", a.ID, a.Language)
		}
	}
}

func TestEveryAttackExpands(t *testing.T) {
	vars := map[string]string{
		Term: "lavender", Tenant: "globex", Page: "https://p1.test/a", Address: "https://t1.test/b", DNSName: "t1.test", Tool: "refund",
		Name: "n1.test", NameServer: "192.0.2.53", NamePort: "18053",
	}
	for _, a := range load(t) {
		expanded, err := a.Expand(vars)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, text := range expanded.texts() {
			for _, name := range Placeholders() {
				if strings.Contains(text, "$("+name+")") {
					t.Errorf("attack %s: $(%s) is still there", a.ID, name)
				}
			}
		}
		for _, name := range a.Needs() {
			if !strings.Contains(strings.Join(expanded.texts(), "\n"), vars[name]) {
				t.Errorf("attack %s: needs $(%s), and does not hold it in the end", a.ID, name)
			}
		}
	}
}
