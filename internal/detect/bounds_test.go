// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// hostile are pieces that, repeated, make a careless scanner look at the rest of the
// text again for each of them.
var hostile = map[string]string{
	"quotes": `"`, "equals": "=", "assignments": "password=", "quoted assignments": `"password":"`, "open references": "${", "open commands": "$(", "templates": "{{",
	"tags": "<password>", "open tags": "<a ", "URLs": "a://", "users": "http://a:b@", "commas": ",", "calls": "('a',", "JWT headers": "eyJ.", "armour": "-----BEGIN PRIVATE KEY-----\n",
	"open armour": "-----BEGIN ", "prefixes": "sk-", "prefixes with dots": "ghs_.", "prefixes with equals": "whsec_=", "licences": "nral", "Square": "EAAA", "base64": "QUJD",
	"double base64": "VVVKRA", "percent": "%41", "hexadecimal": "4142", "JSON": `{"a":`, "arrays": "[", "pairs": "a: b ", "flags": "--password ", "words": "a ", "lines": "a\n", "list": "- ",
	"keys": "password:\n  ", "bearer": "bearer ", "bearer in URLs": "bearer%20", "hashes": "$2a$", "putty": "PuTTY-User-Key-File-", "SQL": "identified by ", "hooks": "hooks.slack.com/",
	"colons": ":", "stars": "*", "backslashes": `\`, "escaped quotes": `\"`, "nulls": "\x00", "bytes": "\xff", "echo": "echo a ", "typed": "password: str = ", "Mailchimp": "-us1",
}

// TestWorkIsProportional feeds each piece in two sizes: eight times the text may cost
// eight times as much, with room for noise, and not sixty-four times.
func TestWorkIsProportional(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("measures time")
	}
	d := newDetector(t)
	const small, factor = 16 << 10, 8
	for name, piece := range hostile {
		t.Run(name, func(t *testing.T) {
			short, long := strings.Repeat(piece, small/len(piece)), strings.Repeat(piece, factor*small/len(piece))
			a, b := fastest(func() { d.Text(short) }), fastest(func() { d.Text(long) })
			if b > 3*factor*max(a, 2*time.Millisecond) {
				t.Errorf("%d bytes take %v, %d bytes %v", len(short), a, len(long), b)
			}
			t.Logf("%v, %v", a, b)
			if b > 2*time.Second {
				t.Errorf("%d bytes take %v", len(long), b)
			}
		})
	}
}

// fastest is the shortest of three runs: what the machine does besides only adds.
func fastest(run func()) time.Duration {
	best := time.Hour
	for range 3 {
		best = min(best, threadTime(run))
	}
	return best
}

// TestDecodingIsBounded wraps a secret in base64 until it is out of reach: two layers
// are undone, and a bomb of many costs no more than its length.
func TestDecodingIsBounded(t *testing.T) {
	d := newDetector(t)
	text := "DB_PASSWORD=hunter2"
	for depth := range 6 {
		if found := len(d.Text(text)) > 0; found != (depth <= 2) {
			t.Errorf("after %d encodings found is %v", depth, found)
		}
		text = base64.StdEncoding.EncodeToString([]byte(text))
	}
}

// TestWorkThatIsSpentIsNotDone holds the bound on decoded and nested text: without it
// text that unfolds would be read as often as it can be unfolded.
func TestWorkThatIsSpentIsNotDone(t *testing.T) {
	text := "DB_PASSWORD=hunter2\n" + b64("TOKEN=hunter3-correct") + "\nghp" + "_" + invented("alnum", 36)
	for work, want := range map[int]int{workFloor: 3, 0: 1} {
		s := scan{d: newDetector(t)}
		s.begin(len(text))
		s.work = work
		s.free(region{text: text})
		if got := len(s.matches(0)); got != want {
			t.Errorf("with %d bytes of work left, %d secrets are found, want %d", work, got, want)
		}
	}
}

func TestASecretOnTheSeamOfWindowsIsFound(t *testing.T) {
	d := newDetector(t)
	token := "ghp" + "_" + invented("alnum", 36)
	aws := "AKIA" + invented("base32", 16)
	for _, seam := range []int{maxLine, windowSize, windowSize - windowOverlap, 2*windowSize - windowOverlap} {
		for _, shift := range []int{-45, -20, -4, 0, 4} {
			pad := strings.Repeat("x,", (seam+shift)/2)
			for _, secret := range []string{token, aws, `"password":"hunter2"`} {
				if len(d.Text(pad+" "+secret+" "+pad)) == 0 {
					t.Errorf("%.4s… at %d%+d is not found", secret, seam, shift)
				}
			}
		}
	}
}

// TestPodTemplateBudget holds the budget of BenchmarkPodTemplate: 3 ms and 1 MiB.
func TestPodTemplateBudget(t *testing.T) {
	if raceEnabled {
		t.Skip("measures time and memory")
	}
	d := newDetector(t)
	vars := templateVariables(t)
	read := func() {
		for _, v := range vars {
			d.Value(v[0], v[1])
		}
	}
	const times = 60 // the clock of threads ticks in milliseconds
	best := fastest(func() {
		for range times {
			read()
		}
	}) / times
	if best > 3*time.Millisecond {
		t.Errorf("a pod template takes %v, want 3ms", best)
	}
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			read()
		}
	})
	if got := result.AllocedBytesPerOp(); got > 1<<20 {
		t.Errorf("a pod template allocates %d bytes, want 1 MiB", got)
	}
	t.Logf("a pod template of %d variables takes %v of a processor and %d bytes", len(vars), best, result.AllocedBytesPerOp())
}
