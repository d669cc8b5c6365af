// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gate decides what admission lets through. Its tables of rules are the one home of the decision: Decide walks
// them in Go, and Policies writes them as ValidatingAdmissionPolicies, so that the API server says the same, word for
// word, without asking anybody. What the decision needs to know of an app stands on the app's Namespace, as annotations
// that this package writes and reads (Record). One policy decides nothing about an app, and only the API server knows it: it
// keeps everybody's hands off the probes, so that no verdict is forged.
//
// It is pure: it reads no cluster and has no clock. It never holds a secret: what it says of one is its place.
package gate
