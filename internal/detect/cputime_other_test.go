// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package detect

import "time"

// threadTime is the time that run took.
func threadTime(run func()) time.Duration {
	start := time.Now()
	run()
	return time.Since(start)
}
