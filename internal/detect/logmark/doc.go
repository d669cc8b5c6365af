// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logmark makes the values that a probe sends through an app to see whether they land in its logs, and finds them there
// again, as they are or encoded, whole or in pieces.
//
// Probe and operator derive the same values from the nonce of a Job, so that none has to be passed on or kept. What is said of a
// log are counts and places: a field's name, or the shape of a line. No text of a log leaves this package, for other people's
// secrets stand beside ours.
package logmark
