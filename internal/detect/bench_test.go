// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
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
// 1 MiB an operation; TestPodTemplateBudget holds it.
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

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}
