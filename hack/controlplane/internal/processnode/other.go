// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

// Package processnode says whether the process node can run on this machine.
package processnode

import (
	"context"
	"errors"
)

var errLinux = errors.New("it needs Linux")

// Available says that it needs Linux.
func Available(context.Context, []string) error { return errLinux }

// Check fails.
func Check(string) error { return errLinux }
