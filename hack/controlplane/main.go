// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command controlplane builds a real Kubernetes control plane from source, and runs it on this machine for tests and demos.
package main

import (
	_ "embed"
	"os"

	"github.com/launchready/launchready/hack/controlplane/internal/command"
)

// The module that builds this program also pins what it builds.
var (
	//go:embed go.mod
	goMod []byte
	//go:embed go.sum
	goSum []byte
)

func main() {
	os.Exit(command.Main(os.Args[1:], command.Environment{GoMod: goMod, GoSum: goSum, Stdout: os.Stdout, Stderr: os.Stderr}))
}
