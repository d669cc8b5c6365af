// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report makes the evidence readable: the LaunchReport that stands beside a LaunchReadiness. It is pure, and
// takes findings as they are: what others wrote was made harmless when they were made.
package report
