// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// corpusCase is one case of testdata/corpus; README.md there describes the fields.
type corpusCase struct {
	ID     string   `json:"id"`
	Place  string   `json:"place"`
	Name   string   `json:"name"`
	Value  string   `json:"value"`
	Args   []string `json:"args"`
	Secret bool     `json:"secret"`
	// Missed marks a secret that is known not to be found.
	Missed bool   `json:"missed"`
	Why    string `json:"why"`
}

// loadCorpus reads the cases of one file and fills their templates in.
func loadCorpus(t testing.TB, path string) []corpusCase {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []corpusCase
	if err := yaml.UnmarshalStrict(raw, &cases); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for i := range cases {
		c := &cases[i]
		h := fnv.New64a()
		_, _ = h.Write([]byte(c.ID))
		random := rand.New(rand.NewPCG(h.Sum64(), 1))
		c.Value = fill(t, c.Value, random)
		for j := range c.Args {
			c.Args[j] = fill(t, c.Args[j], random)
		}
	}
	return cases
}

// fill removes the markers that keep scanners from taking the corpus for leaked
// secrets, and replaces the templates, innermost first.
func fill(t testing.TB, v string, random *rand.Rand) string {
	t.Helper()
	v = strings.ReplaceAll(v, "‖", "")
	for {
		end := strings.Index(v, "⟧")
		if end < 0 {
			return v
		}
		start := strings.LastIndex(v[:end], "⟦")
		if start < 0 {
			t.Fatalf("unbalanced template in %q", v)
		}
		inside := v[start+len("⟦") : end]
		v = v[:start] + template1(t, inside, random) + v[end+len("⟧"):]
	}
}

func template1(t testing.TB, inside string, random *rand.Rand) string {
	t.Helper()
	kind, arg, ok := strings.Cut(inside, ":")
	if !ok {
		t.Fatalf("template %q has no argument", inside)
	}
	switch kind {
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(arg))
	case "base64url":
		return base64.RawURLEncoding.EncodeToString([]byte(arg))
	case "hexof":
		return hex.EncodeToString([]byte(arg))
	case "jwt":
		enc := base64.RawURLEncoding
		return enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString([]byte(arg)) + "." + randomOf(t, "b64url", 43, random)
	case "pem", "pem1":
		lines := []string{"-----BEGIN " + arg + "-----"}
		for range 6 {
			lines = append(lines, randomOf(t, "b64", 64, random))
		}
		lines = append(lines, "-----END "+arg+"-----")
		if kind == "pem1" {
			return strings.Join(lines, `\n`)
		}
		return strings.Join(lines, "\n")
	}
	var n int
	if _, err := fmt.Sscanf(arg, "%d", &n); err != nil {
		t.Fatalf("template %q: %v", inside, err)
	}
	return randomOf(t, kind, n, random)
}

const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	allDigits    = "0123456789"
)

var alphabets = map[string]string{
	"alnum": lowerLetters + upperLetters + allDigits, "lower": lowerLetters + allDigits, "upper": upperLetters + allDigits,
	"hex": allDigits + "abcdef", "HEX": allDigits + "ABCDEF", "digits": allDigits, "b64": lowerLetters + upperLetters + allDigits + "+/",
	"b64url": lowerLetters + upperLetters + allDigits + "-_", "base32": upperLetters + "234567", "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
	"letters": lowerLetters,
}

func randomOf(t testing.TB, kind string, n int, random *rand.Rand) string {
	t.Helper()
	alphabet, ok := alphabets[kind]
	if !ok {
		t.Fatalf("no alphabet %q", kind)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[random.IntN(len(alphabet))]
	}
	// The first and last bytes are letters or digits, as providers make them.
	for _, i := range []int{0, n - 1} {
		for strings.IndexByte("+/-_", b[i]) >= 0 {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
	}
	return string(b)
}

// look runs the detector as its users do for the place.
func look(d *Detector, c corpusCase) []Match {
	switch c.Place {
	case "args":
		return d.Args(c.Args)
	case "file":
		return d.Text(c.Value)
	}
	return d.Value(c.Name, c.Value)
}

type tally struct{ secrets, found, clean, alarms int }

func TestCorpus(t *testing.T) {
	d := newDetector(t)
	files, err := filepath.Glob("testdata/corpus/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tallies := map[string]*tally{"all": {}}
	seen := map[string]bool{}
	for _, file := range files {
		for _, c := range loadCorpus(t, file) {
			if seen[c.ID] || c.Why == "" {
				t.Errorf("case %s is there twice, or says not why", c.ID)
			}
			seen[c.ID] = true
			if tallies[c.Place] == nil {
				tallies[c.Place] = &tally{}
			}
			found := judgeCase(t, d, c)
			tallies[c.Place].count(c.Secret, found)
			tallies["all"].count(c.Secret, found)
		}
	}
	report(t, tallies)
}

// judgeCase tells whether a secret is found, and says so if that is wrong.
func judgeCase(t *testing.T, d *Detector, c corpusCase) bool {
	t.Helper()
	matches := look(d, c)
	switch {
	case c.Secret && len(matches) == 0 && c.Missed:
		t.Logf("known to be missed: %s (%s)", c.ID, c.Why)
	case c.Secret && len(matches) == 0:
		t.Errorf("missed: %s (%s)", c.ID, c.Why)
	case c.Missed:
		t.Errorf("found at last: %s; take its mark away", c.ID)
	}
	if !c.Secret && len(matches) > 0 {
		t.Errorf("false alarm: %s: %v (%s)", c.ID, matches, c.Why)
	}
	return len(matches) > 0
}

func (t *tally) count(secret, found bool) {
	switch {
	case secret && found:
		t.secrets++
		t.found++
	case secret:
		t.secrets++
	case found:
		t.clean++
		t.alarms++
	default:
		t.clean++
	}
}

// report prints the table and holds it to the figures that are promised.
func report(t *testing.T, tallies map[string]*tally) {
	t.Helper()
	places := make([]string, 0, len(tallies))
	for p := range tallies {
		if p != "all" {
			places = append(places, p)
		}
	}
	slices.Sort(places)
	t.Logf("%-12s %8s %8s %8s %8s %8s", "place", "secrets", "found", "recall", "clean", "alarms")
	for _, p := range append(places, "all") {
		c := tallies[p]
		t.Logf("%-12s %8d %8d %7.1f%% %8d %8d", p, c.secrets, c.found, percent(c.found, c.secrets), c.clean, c.alarms)
	}
	all := tallies["all"]
	if all.secrets < 220 || all.clean < 450 {
		t.Errorf("the corpus has %d secret and %d clean cases, want 220 and 450", all.secrets, all.clean)
	}
	if got := percent(all.found, all.secrets); got < 98 {
		t.Errorf("recall is %.1f%%, want 98%%", got)
	}
	if all.alarms > 0 {
		t.Errorf("%d false alarms, want none", all.alarms)
	}
}

func percent(n, of int) float64 {
	if of == 0 {
		return 100
	}
	return 100 * float64(n) / float64(of)
}
