// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// checkMatches holds what must be true of every answer.
func checkMatches(t *testing.T, ms []Match, length func(arg int) int) {
	t.Helper()
	secrets := map[string]bool{}
	for i, m := range ms {
		secret := m.reveal()
		if m.Index < 0 || m.Index >= length(m.Arg) {
			t.Fatalf("the offset %d of a match is outside of %d bytes", m.Index, length(m.Arg))
		}
		if m.Kind == "" || m.Rule == "" || secret == "" {
			t.Fatalf("match %d lacks its kind, its rule or its secret", i)
		}
		if secrets[secret] {
			t.Fatal("a secret is reported twice")
		}
		secrets[secret] = true
		if i > 0 && ms[i-1].Arg == m.Arg && ms[i-1].Index > m.Index {
			t.Fatal("matches are out of order")
		}
		checkRedacted(t, m)
	}
}

// checkRedacted compares what a match prints with what one without a secret prints: if
// they are equal, nothing of the secret is shown.
func checkRedacted(t *testing.T, m Match) {
	t.Helper()
	empty := Match{Kind: m.Kind, Rule: m.Rule, Arg: m.Arg, Index: m.Index}
	const verbs = "%v %+v %#v %s %q %x"
	if fmt.Sprintf(verbs, m, m, m, m, m, m) != fmt.Sprintf(verbs, empty, empty, empty, empty, empty, empty) {
		t.Fatal("a match prints differently for its secret")
	}
	a, errA := json.Marshal(m)
	b, errB := json.Marshal(empty)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Fatal("a match marshals differently for its secret")
	}
}

func seedCorpus(f *testing.F, add func(c corpusCase)) {
	f.Helper()
	files, err := filepath.Glob("testdata/corpus/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		for i, c := range loadCorpus(f, file) {
			if i%5 == 0 {
				add(c)
			}
		}
	}
}

func FuzzText(f *testing.F) {
	d := newDetector(f)
	seedCorpus(f, func(c corpusCase) { f.Add(c.Value) })
	f.Add("token:, 0")
	f.Add("Apikey:!!!!!!!!")
	f.Fuzz(func(t *testing.T, text string) {
		checkMatches(t, d.Text(text), func(int) int { return len(text) })
		args := []string{"sh", "-c", text}
		checkMatches(t, d.Args(args), func(i int) int { return len(args[i]) })
	})
}

func FuzzValue(f *testing.F) {
	d := newDetector(f)
	seedCorpus(f, func(c corpusCase) { f.Add(c.Name, c.Value) })
	f.Fuzz(func(t *testing.T, name, value string) {
		checkMatches(t, d.Value(name, value), func(int) int { return len(value) })
		args := []string{name, value, "--" + name, value, "--" + name + "=" + value}
		checkMatches(t, d.Args(args), func(i int) int { return len(args[i]) })
	})
}

func FuzzPlaceholder(f *testing.F) {
	d := newDetector(f)
	for _, v := range []string{"", "changeme", "your-api-key", "hunter2", "${X:-y}", "<a>", "AKIAXXXXXXXXXXXXXXXX"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if !Placeholder(v) || inSet(weakPasswords, strings.TrimSpace(v)) {
			return // words such as "password" are in force under a password's name, and left out elsewhere
		}
		for _, m := range d.Value("DB_PASSWORD", v) {
			if m.Rule == "name" && m.reveal() == v {
				t.Fatal("a placeholder is taken for a password by its name")
			}
		}
	})
}
