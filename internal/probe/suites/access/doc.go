// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access measures AuthEnforced and TenantIsolated: each identity plants a text that only it may see again, and then
// everybody else asks for it, in every way that has ever worked against somebody.
//
// Only the planted texts convict, or what the administrator alone was shown: a friendly reply of no content is no finding.
// Nothing is asked for by an identifier that this run did not create, and nothing that others wrote is kept.
package access
