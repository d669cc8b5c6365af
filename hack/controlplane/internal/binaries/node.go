// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package binaries

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// nodeVariable names the folder hack/node, where the working folder is not within this module.
const nodeVariable = "LAUNCHREADY_NODE_SOURCE"

// moduleFolder is how the folder of this module ends.
var moduleFolder = filepath.Join("hack", "controlplane")

// file is a file of a module, by its path in it.
type file struct {
	name    string
	content []byte
}

// OpenNode finds the folders for the programs of a node, which are pinned by modules of their own: what they need would move
// the pins of the control plane. It builds nothing.
func OpenNode(ctx context.Context) ([]*Set, error) {
	var sets []*Set
	for _, module := range []string{"kubernetes", "network", "image"} {
		set, err := OpenNodeModule(ctx, module)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// OpenNodeModule finds the folder for the programs of one of the node's modules.
func OpenNodeModule(ctx context.Context, module string) (*Set, error) {
	source, err := nodeSource(ctx)
	if err != nil {
		return nil, err
	}
	files, err := moduleFiles(filepath.Join(source, module))
	if err != nil {
		return nil, fmt.Errorf("reading the module to build: %w", err)
	}
	version := ""
	if module == "kubernetes" {
		goMod := slices.IndexFunc(files, func(f file) bool { return f.name == "go.mod" })
		if version, err = requiredVersion(files[max(goMod, 0)].content, kubernetesModule); err != nil {
			return nil, err
		}
	}
	return openModule(ctx, version, files, NodeTargets()[module])
}

// nodeSource is the folder hack/node. It can't be embedded as this module's own go.mod is: its modules are other ones.
func nodeSource(ctx context.Context) (string, error) {
	if dir := os.Getenv(nodeVariable); dir != "" {
		return filepath.Abs(dir)
	}
	cmd := exec.CommandContext(ctx, "go", "env", "GOMOD")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("looking for the folder hack/node: %w", err)
	}
	dir := filepath.Dir(strings.TrimSpace(string(out)))
	if !strings.HasSuffix(dir, moduleFolder) {
		return "", fmt.Errorf("no folder hack/node here: run this as go -C hack/controlplane run . (or name that folder in %s)", nodeVariable)
	}
	return filepath.Join(filepath.Dir(dir), "node"), nil
}

// moduleFiles reads what a module's programs are made from, in a fixed order.
func moduleFiles(dir string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := entry.Name()
		isSource := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !isSource && name != "go.mod" && name != "go.sum" {
			return nil
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // our own files
		files = append(files, file{relative, content})
		return err
	})
	return files, err
}
