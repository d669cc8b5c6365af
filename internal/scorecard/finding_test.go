// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/launchready/launchready/api/v1alpha1"
)

func TestForeignTextIsMadeHarmless(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain text", "hello, Wörld ☃ 日本", "hello, Wörld ☃ 日本"},
		{"control characters", "a\x00b\tc\nd\re\x7f", `a\u{0}b\u{9}c\u{A}d\u{D}e\u{7F}`},
		{"escape sequences", "\x1b[31mred\u009b2J", `\u{1B}[31mred\u{9B}2J`},
		{"bidirectional", "a\u202eb\u2066c\u200fd\u061c", `a\u{202E}b\u{2066}c\u{200F}d\u{61C}`},
		{"zero width", "a\u200bb\u200dc\ufeffd\u2060e\u00adf", `a\u{200B}b\u{200D}c\u{FEFF}d\u{2060}e\u{AD}f`},
		{"invisible letters", "a\u3164b\u115fc\uffa0d\u034fe\u2800f\u17b4g", `a\u{3164}b\u{115F}c\u{FFA0}d\u{34F}e\u{2800}f\u{17B4}g`},
		{"line separators", "a\u2028b\u2029c\u0085", `a\u{2028}b\u{2029}c\u{85}`},
		{"variation selectors and tags", "a\ufe0fb\U000e0041c\U000e0100", `a\u{FE0F}b\u{E0041}c\u{E0100}`},
		{"private use and unassigned", "a\ue000b\U0010ffffc\u0378", `a\u{E000}b\u{10FFFF}c\u{378}`},
		{"invalid UTF-8", "a\xffb\xc3", `a\u{FFFD}b\u{FFFD}`},
		{"surrogates in UTF-8", "\xed\xa0\x80", `\u{FFFD}\u{FFFD}\u{FFFD}`},
		{"a mark on its letter", "e\u0301\u0323", "e\u0301\u0323"},
		{"a mark that would sit on our quote", "\u0301e", `\u{301}e`},
		{"a pile of marks", "e" + strings.Repeat("\u0301", 6), "e" + strings.Repeat("\u0301", 4) + `\u{301}\u{301}`},
		{"exactly 200 characters", strings.Repeat("é", 200), strings.Repeat("é", 200)},
		{"201 characters", strings.Repeat("é", 201), strings.Repeat("é", 199) + "…"},
		{"200 that grow", strings.Repeat("\x1b", 200), strings.Repeat(`\u{1B}`, 33) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Foreign(test.in); got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}

func TestBoundedCutsAtACharactersBorder(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"short", "as it is", "as it is"},
		{"exactly 1,024 bytes", strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		{"one more", strings.Repeat("x", 1025), strings.Repeat("x", 1021) + "…"},
		{"within a character", strings.Repeat("x", 1020) + "日本", strings.Repeat("x", 1020) + "…"},
		{"a line break", "a\nb", `a\u{A}b`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Bounded(test.in)
			if got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
			if again := Bounded(got); again != got {
				t.Errorf("a second time gives %q", again)
			}
		})
	}
}

func FuzzForeign(f *testing.F) {
	for _, seed := range []string{"", "a", "\x1b[2J", "\u202e", "\xff", strings.Repeat("é", 201), strings.Repeat("\u0301", 300), "\U000e0041"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, test := range map[string]struct {
			out   string
			bytes int
			runes int
		}{"Foreign": {Foreign(text), 800, 200}, "Bounded": {Bounded(text), 1024, 1024}} {
			if !utf8.ValidString(test.out) || len(test.out) > test.bytes || utf8.RuneCountInString(test.out) > test.runes {
				t.Errorf("%s: %d bytes, %d characters, valid: %v", name, len(test.out), utf8.RuneCountInString(test.out), utf8.ValidString(test.out))
			}
			for _, r := range test.out {
				if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Bidi_Control, unicode.Zl, unicode.Zp) || r == utf8.RuneError {
					t.Errorf("%s let %U through", name, r)
				}
			}
			if text != "" && test.out == "" {
				t.Errorf("%s lost all of %q", name, text)
			}
		}
	})
}

func TestFingerprints(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	draft := Draft{Rule: "Typed", Severity: v1alpha1.SeverityHigh, Place: "Deployment shop/chat", Message: "m", Remedy: "r", Identity: "id"}
	fingerprint := func(key []byte, change func(*Draft)) string {
		d := draft
		change(&d)
		return NewFinding(key, d).API().Fingerprint
	}
	same := fingerprint(key, func(*Draft) {})
	if len(same) != 16 || strings.Trim(same, "0123456789abcdef") != "" {
		t.Errorf("fingerprint %q", same)
	}
	// Waivers name fingerprints, so that they must stay the same from version to version.
	if want := "68836b116a0063c6"; same != want {
		t.Errorf("the fingerprint of a finding changed from %s to %s: every waiver that names one would lapse", want, same)
	}
	for name, change := range map[string]func(*Draft){
		"message": func(d *Draft) { d.Message = "other" }, "remedy": func(d *Draft) { d.Remedy = "other" },
		"severity": func(d *Draft) { d.Severity = v1alpha1.SeverityLow },
	} {
		if got := fingerprint(key, change); got != same {
			t.Errorf("another %s changes the fingerprint", name)
		}
	}
	for name, change := range map[string]func(*Draft){
		"rule": func(d *Draft) { d.Rule = "Other" }, "place": func(d *Draft) { d.Place = "other" }, "identity": func(d *Draft) { d.Identity = "" },
		"border between parts": func(d *Draft) { d.Place, d.Identity = d.Place+"i", "d" },
		"border in front":      func(d *Draft) { d.Rule, d.Place = d.Rule+"D", d.Place[1:] },
	} {
		if got := fingerprint(key, change); got == same {
			t.Errorf("another %s leaves the fingerprint", name)
		}
	}
	if fingerprint([]byte("another key of thirty-two bytes.."), func(*Draft) {}) == same {
		t.Error("another key leaves the fingerprint")
	}
}

func TestAFindingNeverShowsItsIdentity(t *testing.T) {
	f := NewFinding([]byte("k"), Draft{Rule: "Typed", Severity: v1alpha1.SeverityHigh, Place: "p\n", Message: strings.Repeat("m", 2000), Remedy: "r\x1b", Identity: "hunter2-correct"}).API()
	if f.Place != `p\u{A}` || f.Remedy != `r\u{1B}` || len(f.Message) != 1024 {
		t.Errorf("got %q, %q, a message of %d bytes", f.Place, f.Remedy, len(f.Message))
	}
	for _, text := range []string{f.Place, f.Message, f.Remedy, f.Rule, f.Fingerprint} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the identity stands in %q", text)
		}
	}
}

// found gives a finding with a fingerprint of its own.
func found(severity v1alpha1.Severity, place string) Finding {
	return NewFinding([]byte("k"), Draft{Rule: "Typed", Severity: severity, Place: place, Message: "is wrong.", Remedy: "Mend it."})
}

func TestCompareFindingsPutsTheWorstFirst(t *testing.T) {
	want := []Finding{
		found(v1alpha1.SeverityCritical, "z"), found(v1alpha1.SeverityHigh, "a"), found(v1alpha1.SeverityHigh, "b"),
		found(v1alpha1.SeverityHigh, "c"), found(v1alpha1.SeverityHigh, "d"), found(v1alpha1.SeverityHigh, "e"),
		found(v1alpha1.SeverityMedium, "a"), found(v1alpha1.SeverityLow, "a"),
	}
	for i := range want {
		got := slices.Concat(want[i:], want[:i])
		slices.Reverse(got)
		slices.SortFunc(got, func(a, b Finding) int { return CompareFindings(a.API(), b.API()) })
		if !slices.Equal(got, want) {
			t.Fatalf("got %v", got)
		}
	}
}

func TestJudged(t *testing.T) {
	reason := func(worst v1alpha1.Finding) string { return "For" + string(worst.Severity) }
	high, low := found(v1alpha1.SeverityHigh, "b"), found(v1alpha1.SeverityLow, "a")
	for _, test := range []struct {
		name     string
		control  string
		findings []Finding
		verdict  v1alpha1.Verdict
		reason   string
		message  string
		count    int
	}{
		{"nothing found", "The control was seen.", nil, v1alpha1.VerdictPass, "Passed", "3 cases. The control was seen.", 0},
		{"Low findings inform", "The control was seen.", []Finding{low}, v1alpha1.VerdictPass, "Passed", "3 cases. The control was seen.", 1},
		{"one fails", "The control was seen.", []Finding{low, high}, v1alpha1.VerdictFail, "ForHigh", "b: is wrong. Mend it.", 2},
		{"the same twice", "The control was seen.", []Finding{high, low, high}, v1alpha1.VerdictFail, "ForHigh", "b: is wrong. Mend it.", 2},
		{"the same, once worse", "The control was seen.", []Finding{found(v1alpha1.SeverityLow, "b"), found(v1alpha1.SeverityMedium, "c"), high}, v1alpha1.VerdictFail, "ForHigh", "2 findings, the first at b: is wrong. Mend it.", 2},
		{"nothing found without control", "", []Finding{low}, v1alpha1.VerdictUnknown, "NoPositiveControl", "Nothing was found, but nothing shows that it would have been.", 0},
		{"found without control", "", []Finding{high}, v1alpha1.VerdictFail, "ForHigh", "b: is wrong. Mend it.", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			given := slices.Clone(test.findings)
			o := Judged(secretsSafe, 3, test.control, test.findings, reason)
			if o.Row != secretsSafe || o.Verdict != test.verdict || o.Reason != test.reason || o.Message != test.message || len(o.Findings) != test.count {
				t.Errorf("got %+v", o)
			}
			if !slices.Equal(given, test.findings) {
				t.Error("the findings that were given have changed")
			}
		})
	}
}

func TestHashInputs(t *testing.T) {
	hash := func(row v1alpha1.Row, inputs any) string {
		t.Helper()
		h, err := HashInputs(row, inputs)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	a := hash(secretsSafe, map[string]int{"a": 1, "b": 2})
	if len(a) != 16 || a != hash(secretsSafe, map[string]int{"b": 2, "a": 1}) {
		t.Errorf("hash %q is not stable", a)
	}
	if a == hash(rollbackReady, map[string]int{"a": 1, "b": 2}) || a == hash(secretsSafe, map[string]int{"a": 1, "b": 3}) {
		t.Error("another row or another input gives the same hash")
	}
	if _, err := HashInputs(secretsSafe, func() {}); err == nil {
		t.Error("what can't be marshalled gives no error")
	}
}

func TestRowsAreThoseOfTheScorecard(t *testing.T) {
	before := 0
	seen := map[v1alpha1.Row]bool{}
	for _, row := range Rows() {
		seen[row.Name] = true
		if row.Stage == BeforeExposure {
			before++
		}
		if Networked(row.Name) != row.Networked {
			t.Errorf("Networked(%s)", row.Name)
		}
	}
	if len(seen) != 16 || len(Rows()) != 16 || before != 7 {
		t.Errorf("%d rows, %d names, %d before exposure", len(Rows()), len(seen), before)
	}
	if Networked("Unheard") || !Networked(dnsConfigured) || Networked(secretsSafe) {
		t.Error("Networked")
	}
}
