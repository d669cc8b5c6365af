// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package canary makes texts that must never come out of an app, and finds them again in what comes out: as they are,
// in an encoding, in encodings of encodings, in part, or in pieces over several replies. What it finds was made by us and
// is unguessable, so that a find is proof and no matter of taste.
//
// The package is pure: no I/O but the random numbers of New, no clock, no logging. It must not find a canary in a text
// that has none (matcher.go derives the chance), nor spend more on a text than its length allows (workPerByte).
package canary
