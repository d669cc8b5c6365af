// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package probe is the probe Job seen from both ends: what the operator creates (the Job, its NetworkPolicy), what the
// container is told (Spec), what it answers (Result, Evidence), and what the operator makes of a Job's life (Judge), down
// to when the next one starts (Next).
//
// It is pure: it reads no cluster, opens no connection and has no clock. It never makes a Pass: it hands on what a probe
// that is provably the operator's own has said, and everything else is a reason why there is no result. A credential never
// passes through it: a Job refers to Secrets by name, and what they hold is mounted.
//
// The suites, which do the asking inside the Job, are the packages below suites.
package probe
