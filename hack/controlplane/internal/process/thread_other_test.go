// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

// Only Linux ties children to threads.
func threadID() int         { return 0 }
func threadExists(int) bool { return false }
