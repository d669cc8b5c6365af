// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRenderPrintsTheChartWithTheValuesGiven(t *testing.T) {
	for name, c := range map[string]struct{ values, want, fails string }{
		"an image":         {"replicas: 1\nimage: {repository: example.com/operator, tag: mine}\n", "image: example.com/operator:mine", ""},
		"no values":        {"", "image: ghcr.io/launchready/launchready:", ""},
		"a misspelt value": {"replica: 1\n", "", "replica"},
		"what is no YAML":  {"a: [", "", "reading values"},
	} {
		t.Run(name, func(t *testing.T) {
			// As it is run: from the module's folder.
			t.Chdir(filepath.Dir(workingDir(t)))
			var out bytes.Buffer
			err := render(strings.NewReader(c.values), &out)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Fatalf("render: %v, want %q", err, c.fails)
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("no %q in what it prints", c.want)
			}
		})
	}
}

func workingDir(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
