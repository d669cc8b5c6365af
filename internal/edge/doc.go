// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package edge sets up, keeps and judges a zone of Cloudflare's in front of apps. The unit is the zone: what all launches
// want of it is gathered (Desired), compared with what is there (State) into a Plan of changes, each with the words that a
// person reads and the launches that it serves, and a plan is applied call by call. Desired and Plan are pure.
//
// It touches only what carries its mark, tightens only, and never replaces the rules of a phase as a whole. It reads no
// object of Kubernetes and dials nobody but through API.
package edge
