// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package programs finds the real programs for tests. Nothing else may import it.
package programs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/launchready/launchready/hack/controlplane/internal/binaries"
)

// Dir is the folder of the programs. What is missing is built first, which is printed, and may take longer than the ten minutes
// that "go test" gives: run the build command before.
func Dir(t *testing.T) string {
	t.Helper()
	goMod, goSum := Module(t)
	set, err := binaries.Open(t.Context(), goMod, goSum, binaries.Targets())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Ensure(t.Context(), os.Stderr); err != nil {
		t.Fatal(err)
	}
	return set.Dir()
}

// Module is the content of this module's go.mod and go.sum, for a test in a package two folders below them.
func Module(t *testing.T) (goMod, goSum []byte) {
	t.Helper()
	return read(t, "go.mod"), read(t, "go.sum")
}

// With is a folder with the real programs, but for one, which is the given shell script, or nothing at all.
func With(t *testing.T, name, script string) string {
	t.Helper()
	all, dir := Dir(t), t.TempDir()
	for _, target := range binaries.Targets() {
		if target.Name == name {
			continue
		}
		if err := os.Symlink(filepath.Join(all, target.Name), filepath.Join(dir, target.Name)); err != nil {
			t.Fatal(err)
		}
	}
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", name)) //nolint:gosec // our own file
	if err != nil {
		t.Fatal(err)
	}
	return content
}
