// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cloudflare emulates the part of Cloudflare's API (client/v4) that the operator calls, and behaves: it keeps state, refuses what
// Cloudflare refuses with the codes that Cloudflare gives, knows what each plan and each token may do, pages, limits the rate, and fails
// on command. It must not serve traffic (package edge does), must not be kinder than Cloudflare where the documentation is silent, and
// must never write a token's value into a log, an error or a reply, except the one that hands a new token out.
package cloudflare
