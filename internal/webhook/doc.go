// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package webhook answers the API server, which asks whether a LaunchReadiness may be written: no, if its description of the app
// has an expression that does not compile or a name that stands for nothing. It says so where the person who writes it looks,
// with the words of `launchready check`.
//
// It is a courtesy and no guard. Whatever goes wrong here lets the object pass, and the operator tells the same in a condition:
// nothing in this package may hold up a cluster, or refuse what it does not understand.
package webhook
