// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package launch resolves one launch: the policies in force, the waivers, the workloads and the revision that runs.
// What can't be resolved becomes an error of a kind that says who must act. It reads, and never writes; values of
// Secrets pass through it only to be handed to whoever asked, and are never kept.
package launch
