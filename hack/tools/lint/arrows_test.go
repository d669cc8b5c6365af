// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// The house, from the outside in. An arrow is allowed from a level to every lower one.
var house = map[string]int{
	"cmd/launchready": 4,

	"controllers": 3,

	"internal/checks/rollback": 2,
	"internal/checks/secrets":  2,
	newRow:                     2,
	"internal/edge":            2,
	"internal/gate":            2,
	"internal/probe":           2,
	"internal/report":          2,
	"internal/webhook":         2,

	"internal/launch":    1,
	"internal/scorecard": 1,
	"internal/httpstep":  1,
	"internal/detect":    1,
	"internal/netguard":  1,

	"api/v1alpha1": 0,
}

// newRow is a check that .golangci.yml has no rule for yet. It is held like the others, but can't import itself: until it
// has a rule, its tests are in its own package.
const newRow = "internal/checks/newrow"

// Beside the house: these import what they like, and nobody imports them.
var scaffolding = []string{"test/emulators/dns", "hack/demo"}

// Not in the house: neither imports ours nor is imported, until .golangci.yml knows it. The first two have names that
// start like a folder that it knows.
var strangers = []string{"internal/launcher", "apiextra", "internal/util"}

// TestLinterHoldsTheImportArrows writes a module of stubs under the project's module path in which every folder imports
// every other, runs the linter with the project's configuration over it once, and compares its complaints with the
// house. Each import stands in product code below the folder, and in a test file in it; the latter's package is one
// apart, for else the imports would be cycles.
func TestLinterHoldsTheImportArrows(t *testing.T) {
	arrows := everyArrow()
	dir := t.TempDir()
	writeStubs(t, dir, arrows)
	reported := runDepguard(t, dir)

	for _, a := range arrows {
		for _, file := range []string{a.productFile(), a.testFile()} {
			t.Run(fmt.Sprintf("%s imports %s in %s", a.from, a.to, path.Base(file)), func(t *testing.T) {
				complaint, isReported := reported[file]
				switch {
				case !a.allowed && !isReported:
					t.Error("the import is against an arrow, but the linter lets it pass")
				case a.allowed && isReported:
					t.Errorf("the import follows an arrow, but the linter reports it: %s", complaint)
				case isReported && !strings.Contains(complaint, a.importPath()):
					t.Errorf("the complaint is about something else: %s", complaint)
				}
			})
		}
	}
}

const modulePath = "github.com/launchready/launchready"

// arrow is one import of a folder by a folder.
type arrow struct {
	from, to string
	allowed  bool
}

func (a arrow) importPath() string { return modulePath + "/" + a.to }

func (a arrow) name() string { return strings.ReplaceAll(a.to, "/", "_") }

func (a arrow) productFile() string { return path.Join(a.from, "below", a.name(), "product.go") }

func (a arrow) testFile() string { return path.Join(a.from, a.name()+"_test.go") }

func everyArrow() []arrow {
	var arrows []arrow
	add := func(from, to string, allowed bool) {
		arrows = append(arrows, arrow{from: from, to: to, allowed: allowed})
	}
	for from, fromLevel := range house {
		for to, toLevel := range house {
			add(from, to, fromLevel > toLevel || (from == to && from != newRow))
		}
		for _, outside := range scaffolding {
			add(from, outside, false)
			add(outside, from, true)
		}
		for _, stranger := range strangers {
			add(from, stranger, false)
			add(stranger, from, false)
		}
	}
	return arrows
}

func writeStubs(t *testing.T, dir string, arrows []arrow) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	write := func(name, content string) {
		t.Helper()
		if err := root.MkdirAll(path.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := root.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	config, err := os.ReadFile(filepath.Join("..", "..", "..", ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	write(".golangci.yml", string(config))
	write("go.mod", "module "+modulePath+"\n\ngo 1.26\n")

	for _, a := range arrows {
		for _, folder := range []string{a.from, a.to} {
			write(path.Join(folder, "stub.go"), "package "+path.Base(folder)+"\n")
		}
		importIt := fmt.Sprintf("\n\nimport _ %q\n", a.importPath())
		write(a.productFile(), "package below"+importIt)
		write(a.testFile(), "package "+path.Base(a.from)+"_test"+importIt)
	}
}

// runDepguard gives depguard's complaints by file, relative to dir.
func runDepguard(t *testing.T, dir string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), linter(t),
		"run", "--enable-only", "depguard", "--output.json.path", "stdout", "--show-stats=false", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	// 1 is golangci-lint's exit code for "there are issues".
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("want the linter to fail with exit code 1 for its findings, got %v\n%s", err, stderr.String())
	}

	var result struct {
		Issues []struct {
			FromLinter string
			Text       string
			Pos        struct{ Filename string }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("reading the linter's output: %v\n%s", err, stderr.String())
	}
	complaints := make(map[string]string)
	for _, issue := range result.Issues {
		if issue.FromLinter == "depguard" {
			complaints[filepath.ToSlash(issue.Pos.Filename)] = issue.Text
		}
	}
	return complaints
}

// linter is the program named by GOLANGCI_LINT, or else what this module pins.
func linter(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("GOLANGCI_LINT"); name != "" {
		return name
	}
	built, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "golangci-lint-kube-api-linter").Output()
	if err != nil {
		t.Fatalf("building the linter: %v", err)
	}
	return strings.TrimSpace(string(built))
}
