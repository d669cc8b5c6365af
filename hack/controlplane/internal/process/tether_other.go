// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

// newTether takes a guard process where the kernel has no parent death signal.
func newTether(guard []string) (tether, error) { return newGuardTether(guard) }
