// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden compares what is rendered, in the order of installation, and what Helm tells afterwards.
func TestGolden(t *testing.T) {
	for name, values := range settings(t) {
		t.Run(name, func(t *testing.T) {
			release := render(t, values)
			compare(t, name+".golden.yaml", abridged(release.Manifest))
			compare(t, name+".notes.golden.txt", release.Info.Notes)
		})
	}
}

// abridged leaves out what other tests compare with its source, and what is long.
func abridged(manifest string) string {
	var out strings.Builder
	for _, document := range documents(manifest) {
		head, _, found := strings.Cut(document, "\nspec:\n")
		if found && (strings.Contains(head, "kind: "+crdKind) || strings.Contains(head, "kind: "+policyKind+"\n")) {
			document = head + "\nspec: {} # as in config/"
		}
		out.WriteString("---\n" + strings.Trim(document, "\n") + "\n")
	}
	return out.String()
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	path := "testdata/" + file
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil { //nolint:gosec // as the other files of the repository
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -run Golden -update writes it anew):\n%s", file, difference(string(want), got))
	}
}

// difference gives the first lines that differ, and some before them.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	part := func(lines []string, sign string) string {
		var out strings.Builder
		for _, line := range lines[min(i, len(lines)):min(i+8, len(lines))] {
			out.WriteString(sign + line + "\n")
		}
		return out.String()
	}
	return "  " + strings.Join(a[max(0, i-5):i], "\n  ") + "\n" + part(a, "- ") + part(b, "+ ")
}
