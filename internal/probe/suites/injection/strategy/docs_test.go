// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// docs is the folder of the pages, from here.
const docs = "../../../../../docs/"

var update = flag.Bool("update", false, "write docs/reference/attack-techniques.md")

func TestPageOfTechniquesIsUpToDate(t *testing.T) {
	const path = docs + "reference/attack-techniques.md"
	want := page(load(t))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("run go test ./internal/probe/suites/injection/strategy -update: %s", diff)
	}
}

func page(attacks []corpus.Attack) string {
	var b strings.Builder
	b.WriteString(`# Attack techniques

What the suite of PromptInjectionResistant tries, and in how many ways. Attacks are data: each asks for a text that the probe planted, or
for a sink of the probe's own, never for anything harmful. Strategies are code, and say an attack in another way; the identifier is then
` + "`<attack>+<strategy>`" + `. What of other tools this covers is on a [page of its own](../rows/prompt-injection-coverage.md).

This page is written by a test; don't edit it.

## Techniques

`)
	count, languages := map[string]int{}, map[string]bool{}
	for _, a := range attacks {
		count[a.Technique]++
		languages[a.Language] = true
	}
	fmt.Fprintf(&b, "%d attacks over %d techniques, in %d languages and scripts.\n\n", len(attacks), len(count), len(languages))
	b.WriteString("| technique | attacks | what it does |\n| --- | --- | --- |\n")
	for _, technique := range corpus.Techniques() {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", technique.Name, count[technique.Name], technique.Description)
	}
	b.WriteString("\n## Strategies\n\n")
	fmt.Fprintf(&b, "%d strategies. The weight says how often one helps in the field, 5 most often.\n\n", len(All()))
	b.WriteString("| strategy | weight | how the attack is said |\n| --- | --- | --- |\n")
	for _, s := range All() {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", s.Name, s.Weight, s.Description)
	}
	return b.String()
}

func TestCoverageNamesWhatThereIs(t *testing.T) {
	data, err := os.ReadFile(docs + "rows/prompt-injection-coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, technique := range corpus.Techniques() {
		known[technique.Name] = true
	}
	for _, s := range All() {
		known[s.Name] = true
	}
	rows, columns := 0, 0
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 3 {
			continue
		}
		if strings.Contains(line, "| ours |") {
			columns = len(cells)
			continue
		}
		if strings.Contains(line, "---") {
			continue
		}
		rows++
		if len(cells) != columns {
			t.Errorf("%q has %d cells, want %d", line, len(cells), columns)
			continue
		}
		ours, remark := strings.TrimSpace(cells[columns-2]), strings.TrimSpace(cells[columns-1])
		names := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(ours+remark, -1)
		if ours == "–" && remark == "" {
			t.Errorf("%q says neither what covers it nor why nothing does", line)
		}
		if ours != "–" && len(names) == 0 {
			t.Errorf("%q names nothing of ours", line)
		}
		for _, name := range names {
			if !known[name[1]] {
				t.Errorf("%q names %s, which is neither a technique nor a strategy", line, name[1])
			}
		}
	}
	// All of theirs that the page was made from: 40 modules of probes, 156 plugins, 30 strategies.
	if rows < 226 {
		t.Errorf("%d rows, want one for each module, plugin and strategy", rows)
	}
}
