// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package probes_test runs the probes' suites against the emulated chatbot, with each of its weaknesses and oddities. It is a
// module of its own, so that nobody who builds LaunchReady has to fetch a database.
package probes_test
