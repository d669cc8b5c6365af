// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package sandbox

// UnavailableError says why no node can run on this machine.
type UnavailableError struct{ Reason string }

func (e *UnavailableError) Error() string { return "no node can run on this machine: " + e.Reason }
