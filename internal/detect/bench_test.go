// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// templateVariables is what a pod template has in it: the clean environment cases of
// the corpus, in their order, forty to a container, with one secret in each container.
func templateVariables(tb testing.TB) [][2]string {
	tb.Helper()
	var clean []corpusCase
	for _, c := range loadCorpus(tb, "testdata/corpus/clean.yaml") {
		if c.Place == "env" || c.Place == "annotation" || c.Place == "url" {
			clean = append(clean, c)
		}
	}
	var vars [][2]string
	for i := range 10 * 40 {
		if i%40 == 39 {
			vars = append(vars, [2]string{fmt.Sprintf("DB_%d_PASSWORD", i), "hunter2-correct"})
			continue
		}
		c := clean[i%len(clean)]
		vars = append(vars, [2]string{c.Name, c.Value})
	}
	return vars
}

// BenchmarkPodTemplate reads ten containers of forty variables. The budget is 3 ms and
// 1 MiB an operation.
func BenchmarkPodTemplate(b *testing.B) {
	d, err := New()
	if err != nil {
		b.Fatal(err)
	}
	vars := templateVariables(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, v := range vars {
			d.Value(v[0], v[1])
		}
	}
}

// BenchmarkText reads a megabyte of minified JavaScript on one line.
func BenchmarkText(b *testing.B) {
	d, err := New()
	if err != nil {
		b.Fatal(err)
	}
	text := minified(1 << 20)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d.Text(text)
	}
}

func minified(n int) string {
	const piece = `function t(e,n){return e.key=n.token||"",{a:1,b:e["x-api-key"],url:"https://example.com/a?b=c"}}var a=t({},{token:null});`
	return strings.Repeat(piece, n/len(piece)+1)[:n]
}

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

// BenchmarkHostile reads each piece repeated, in two sizes: work that is proportional to
// the text gives the same MB/s for both.
func BenchmarkHostile(b *testing.B) {
	d, err := New()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		for _, size := range []int{16 << 10, 128 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) {
				text := strings.Repeat(hostile[name], size/len(hostile[name]))
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					d.Text(text)
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}
