// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

// Package sandbox runs a control plane with a node, on Linux.
package sandbox

import (
	"context"
	"io"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
)

func unavailable() error { return &UnavailableError{"it needs Linux"} }

// Config says what to run.
type Config struct {
	Bin          string
	NodeBin      []string
	Dir          string
	Pause        string
	Init, Inside []string
	Launcher     *process.Launcher
}

// Sandbox is a running control plane with a node.
type Sandbox struct{}

// Start fails.
func Start(context.Context, Config) (*Sandbox, error) { return nil, unavailable() }

// Failed is never called.
func (*Sandbox) Failed() <-chan error { return nil }

// Kubeconfig is never called.
func (*Sandbox) Kubeconfig() string { return "" }

// Components is never called.
func (*Sandbox) Components() []*process.Process { return nil }

// Delays is never called.
func (*Sandbox) Delays() []cluster.Delay { return nil }

// Stop is never called.
func (*Sandbox) Stop(context.Context) error { return nil }

// Available says that it needs Linux.
func Available(context.Context, []string) error { return unavailable() }

// Install fails.
func Install(context.Context, io.Writer) error { return unavailable() }

// Load fails.
func Load(context.Context, string, int, []string) error { return unavailable() }

// Init fails.
func Init(string) (int, error) { return 1, unavailable() }

// Inside fails.
func Inside(context.Context, string) error { return unavailable() }

// Check fails.
func Check(string) error { return unavailable() }
