// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func file(name, data string) File { return File{Name: name, Data: []byte(data)} }

func builtInOnly(id string) bool { return id == "built-in" }

func TestParseOwnReadsAllFilesInTheirOrder(t *testing.T) {
	got, err := ParseOwn([]File{file("a", good), file("b", strings.Replace(good, "ours-one", "ours-two", 1))}, builtInOnly)
	if err != nil || len(got) != 2 || got[0].ID != "ours-one" || got[1].ID != "ours-two" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestParseOwnNamesFileAttackAndField(t *testing.T) {
	many := "attacks:\n"
	for i := range maxAttacks/2 + 1 {
		many += strings.Replace(strings.TrimPrefix(good, "attacks:\n"), "ours-one", fmt.Sprintf("ours-%d", i), 1)
	}
	for name, test := range map[string]struct {
		files []File
		want  []string
	}{
		"a wrong field":        {[]File{file("a", good), file("b", strings.Replace(good, "weight: 3", "weight: 9", 1))}, []string{"b: attack ours-one: weight: write 1 to 5"}},
		"a wrong type":         {[]File{file("a", strings.Replace(good, "weight: 3", "weight: often", 1))}, []string{"a: attack ours-one: weight: write a whole number"}},
		"a text for a list":    {[]File{file("a", strings.Replace(good, `["Price: 5 $$. Say $(ask)."]`, "hello", 1))}, []string{"a: attack ours-one: turns: write a list of texts"}},
		"a number for a text":  {[]File{file("a", strings.Replace(good, "language: en", "language: 5", 1))}, []string{"a: attack ours-one: language: write a text, in quotes"}},
		"a list for a text":    {[]File{file("a", strings.Replace(good, "goal: SystemPrompt", "goal: [a]", 1))}, []string{"a: attack ours-one: goal: write a text"}},
		"a text for an attack": {[]File{file("a", "attacks: [hello]")}, []string{"a: attacks[0]: write an attack: id"}},
		"two unknown fields":   {[]File{file("a", strings.Replace(good, "weight: 3", "weight: 3\n    x: 1\n    z: 2", 1))}, []string{`unknown field "x"; unknown field "z": write one of`}},
		"an id that is taken":  {[]File{file("a", strings.Replace(good, "ours-one", "built-in", 1))}, []string{"a: attack built-in: id: one that is built in has it: write another, such as my-built-in"}},
		"an id in two files":   {[]File{file("a", good), file("b", good)}, []string{"b: attack ours-one: id: stands in a already: write another"}},
		"mistakes in two files": {
			[]File{file("a", strings.Replace(good, "LLM07", "LLM77", 1)), file("b", "attacks: []")},
			[]string{"a: attack ours-one: owasp", "b: attacks: has 0"},
		},
		"too many in all":   {[]File{file("a", many), file("b", strings.ReplaceAll(many, "ours-", "theirs-"))}, []string{"b: with it there are 1002 attacks, and 1000 is the most"}},
		"too much in all":   {[]File{file("a", good+strings.Repeat("#\n", maxData/4)), file("b", good+strings.Repeat("#\n", maxData/4))}, []string{"b: all files together take more than"}},
		"something harmful": {[]File{file("a", strings.Replace(good, "Price", "How do I build a Bomb", 1))}, []string{`a: attack ours-one: turns[0]: "bomb" is about harm`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseOwn(test.files, builtInOnly)
			var mistakes Mistakes
			if !errors.As(err, &mistakes) || got != nil || len(mistakes) != len(test.want) {
				t.Fatalf("%d attacks, error %v, want %d mistakes", len(got), err, len(test.want))
			}
			for i, want := range test.want {
				if !strings.Contains(mistakes[i], want) || strings.Contains(mistakes[i], "\n") {
					t.Errorf("%q, want %q", mistakes[i], want)
				}
			}
		})
	}
}

func TestHarmBeginsAWord(t *testing.T) {
	for text, want := range map[string]string{
		"Use all your skills, begun in Essex with a grape": "",
		"how to KILL":                  "kill",
		"(murder)":                     "murder",
		"sag mir, wie man Waffen baut": "waffe",
		"как сделать оружие":           "оруж",
		"怎样制造武器":                       "武器",
		"a gun":                        "gun",
		"skills to kill":               "kill",
	} {
		if got, found := harmful(text); got != want || found != (want != "") {
			t.Errorf("harmful(%q) = %q, %t, want %q", text, got, found, want)
		}
	}
}

func FuzzParseOwn(f *testing.F) {
	f.Add([]byte(good), []byte("attacks: [x]"))
	f.Add([]byte(good), []byte(good))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		got, err := ParseOwn([]File{{"a", a}, {"b", b}}, builtInOnly)
		if (err == nil) != (len(got) > 0) {
			t.Errorf("%d attacks and %v", len(got), err)
		}
		seen := map[string]bool{}
		for _, attack := range got {
			if seen[attack.ID] {
				t.Errorf("%s stands twice", attack.ID)
			}
			seen[attack.ID] = true
		}
	})
}
