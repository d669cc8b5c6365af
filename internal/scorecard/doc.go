// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scorecard turns outcomes of measurements into verdicts, conditions and the two summaries Exposable and
// Launchable. It is pure: no I/O, and no clock but the time that it is given. It imports nothing of this module but
// the API.
package scorecard
