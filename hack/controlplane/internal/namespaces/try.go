// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package namespaces tries what new namespaces can do on this machine. It must not know what they are for.
package namespaces

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// tryTimeout bounds a try.
const tryTimeout = 30 * time.Second

// Try runs a command in new namespaces, with a folder of its own as the last argument, and gives what it said.
func Try(ctx context.Context, command []string, attr *syscall.SysProcAttr) ([]byte, error) {
	dir, err := os.MkdirTemp("", "launchready-node-check-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], dir)...)
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	return bytes.TrimSpace(out), err
}
