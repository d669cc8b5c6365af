// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package corpus holds the attacks that the injection suite tries on an app, as data, and reads those that a team adds.
//
// Each attack asks for a text that the probe planted, or for a sink of the probe's own: nothing harmful, nobody's real name,
// no real host. What is said is judged by what comes out, never by its tone; so an attack says here what it is after, and
// how it gets there, and nothing about how the reply is judged.
package corpus
