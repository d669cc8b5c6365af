// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package detect

// raceEnabled tells that the race detector, which slows everything, is in.
const raceEnabled = true
