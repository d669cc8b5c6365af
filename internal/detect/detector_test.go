// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zricethezav/gitleaks/v8/config"
)

// newDetector is one detector for all tests of the package, as New compiles for 0.1 s.
func newDetector(tb testing.TB) *Detector {
	tb.Helper()
	d, err := sharedDetector()
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

var sharedDetector = sync.OnceValues(New)

// seen is what tests compare of a match; they may look at the secret.
type seen struct {
	Kind   Kind
	Arg    int
	Index  int
	Secret string
}

func seenOf(ms []Match) []seen {
	var out []seen
	for _, m := range ms {
		out = append(out, seen{m.Kind, m.Arg, m.Index, m.reveal()})
	}
	return out
}

func invented(kind string, n int) string {
	b := make([]byte, n)
	random := rand.New(rand.NewPCG(7, uint64(n)))
	for i := range b {
		b[i] = alphabets[kind][random.IntN(len(alphabets[kind]))]
	}
	return string(b)
}

func TestKindPlaceAndText(t *testing.T) {
	d := newDetector(t)
	openai := "sk-" + "proj-" + invented("alnum", 40)
	stripe := "sk_" + "live_" + invented("alnum", 24)
	github := "ghp" + "_" + invented("alnum", 36)
	tests := map[string]struct {
		name, value string
		want        []seen
	}{
		"the provider's prefix wins over the name": {"API_KEY", openai, []seen{{KindOpenAI, 0, 0, openai}}},
		"the longer prefix wins":                   {"X", openai, []seen{{KindOpenAI, 0, 0, openai}}},
		"a prefix inside text":                     {"X", "use " + stripe + " now", []seen{{KindStripe, 0, 4, stripe}}},
		"the name":                                 {"DB_PASSWORD", "hunter2", []seen{{KindPassword, 0, 0, "hunter2"}}},
		"a password in a URL":                      {"URL", "postgres://app:hunter2@db/x", []seen{{KindDatabaseURL, 0, 15, "hunter2"}}},
		"a percent-encoded one":                    {"URL", "https://a:p%40ss99@h/", []seen{{KindURLPassword, 0, 10, "p@ss99"}}},
		"a URL under a name that claims":           {"DB_PASSWORD_URL", "redis://:hunter2@r", []seen{{KindDatabaseURL, 0, 9, "hunter2"}}},
		"one secret named twice is one match":      {"X", "a_password=hunter2 b_password=hunter2", []seen{{KindPassword, 0, 11, "hunter2"}}},
		"two secrets are two, in order":            {"X", "a_password=hunter2 token=" + github, []seen{{KindPassword, 0, 11, "hunter2"}, {KindGitHub, 0, 25, github}}},
		"base64 is placed at its beginning":        {"X", "x=" + b64("DB_PASSWORD=hunter2"), []seen{{KindPassword, 0, 2, "hunter2"}}},
		"JSON":                                     {"X", `{"a":{"password":"hunter2"}}`, []seen{{KindPassword, 0, 18, "hunter2"}}},
		"a Kubernetes reference":                   {"URL", "postgres://app:$(PW)@db/x", nil},
		"a literal beside a reference":             {"URL", "postgres://app:hunter2@$(HOST)/x", []seen{{KindDatabaseURL, 0, 15, "hunter2"}}},
		"a typed default":                          {"PASSWORD", "${PW:-hunter2}", []seen{{KindPassword, 0, 6, "hunter2"}}},
		"bearer":                                   {"Authorization", "Bearer hunter2-correct", []seen{{KindBearerToken, 0, 7, "hunter2-correct"}}},
		"basic":                                    {"Authorization", "Basic " + b64("bob:hunter2"), []seen{{KindBasicAuth, 0, 6, "hunter2"}}},
		"the provider by gitleaks' rule for names": {"OKTA_API_TOKEN", "00" + invented("alnum", 40), []seen{{KindOkta, 0, 0, "00" + invented("alnum", 40)}}},
		"AWS": {"AWS_SECRET_ACCESS_KEY", invented("alnum", 40), []seen{{KindAWSSecret, 0, 0, invented("alnum", 40)}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, seenOf(d.Value(tc.name, tc.value))); diff != "" {
				t.Errorf("Value(%q, …) (-want +got):\n%s", tc.name, diff)
			}
		})
	}
}

func TestArgs(t *testing.T) {
	d := newDetector(t)
	tests := map[string]struct {
		args []string
		want []seen
	}{
		"with an equals sign":  {[]string{"app", "--password=hunter2"}, []seen{{KindPassword, 1, 11, "hunter2"}}},
		"with the next":        {[]string{"app", "--password", "hunter2"}, []seen{{KindPassword, 2, 0, "hunter2"}}},
		"stuck to the flag":    {[]string{"mysql", "-uroot", "-phunter2"}, []seen{{KindPassword, 2, 2, "hunter2"}}},
		"a pair":               {[]string{"curl", "-u", "bob:hunter2", "https://x"}, []seen{{KindBasicAuth, 2, 4, "hunter2"}}},
		"a pair behind -a":     {[]string{"http", "-a", "bob:hunter2", "https://x"}, []seen{{KindBasicAuth, 2, 4, "hunter2"}}},
		"in a script":          {[]string{"sh", "-c", "mysql -phunter2 x"}, []seen{{KindPassword, 2, 8, "hunter2"}}},
		"a name and a value":   {[]string{"helm", "--set", "db.password=hunter2"}, []seen{{KindPassword, 2, 12, "hunter2"}}},
		"no password behind":   {[]string{"mysql", "-u", "root", "-p"}, nil},
		"a reference":          {[]string{"app", "--password=$(PW)"}, nil},
		"a flag is no value":   {[]string{"app", "--password", "--verbose"}, nil},
		"a port is none":       {[]string{"docker", "run", "-p", "8080:80"}, nil},
		"a file is none":       {[]string{"app", "--password-file=/run/pw"}, nil},
		"nothing":              {nil, nil},
		"an empty argument":    {[]string{"", "--password", ""}, nil},
		"once for every place": {[]string{"app", "--password=hunter2", "--db-password=hunter2"}, []seen{{KindPassword, 1, 11, "hunter2"}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, seenOf(d.Args(tc.args))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDetectorIsDeterministicAndConcurrent(t *testing.T) {
	d := newDetector(t)
	cases := loadCorpus(t, "testdata/corpus/secrets.yaml")
	want := make([][]seen, len(cases))
	for i, c := range cases {
		want[i] = seenOf(look(d, c))
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i, c := range cases {
				if diff := cmp.Diff(want[i], seenOf(look(d, c))); diff != "" {
					t.Errorf("%s differs on another run (-first +now):\n%s", c.ID, diff)
				}
			}
		})
	}
	wait.Wait()
}

func TestEveryRuleOfGitleaksIsDecided(t *testing.T) {
	external, named, err := loadGitleaks()
	if err != nil {
		t.Fatal(err)
	}
	if len(external) > 256 {
		t.Fatalf("%d rules do not fit into the bits that scan.go has for them", len(external))
	}
	total := strings.Count(config.DefaultConfig, "[[rules]]")
	if got := len(external) + len(named) + len(droppedRules); got != total {
		t.Errorf("%d rules are used, %d beside a name, %d dropped, of %d", len(external), len(named), len(droppedRules), total)
	}
	for _, r := range external {
		if externalKinds[r.id] == "" {
			t.Errorf("rule %s has no kind: decide on it in gitleaks_policy.go", r.id)
		}
		if len(r.keywords) == 0 {
			t.Errorf("rule %s has no keyword, so it would never run", r.id)
		}
	}
	for id := range droppedRules {
		if externalKinds[id] != "" {
			t.Errorf("rule %s is dropped and has a kind", id)
		}
		if !strings.Contains(config.DefaultConfig, `id = "`+id+`"`) {
			t.Errorf("gitleaks has no rule %s any more", id)
		}
	}
	for id := range externalKinds {
		if !strings.Contains(config.DefaultConfig, `id = "`+id+`"`) {
			t.Errorf("gitleaks has no rule %s any more", id)
		}
	}
}
