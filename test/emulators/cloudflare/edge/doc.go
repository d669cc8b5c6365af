// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package edge is the data plane of an emulated Cloudflare: it serves HTTP and HTTPS for the proxied names of zones, applies their
// rules phase by phase in Cloudflare's documented order, and passes what is left to the origin.
//
// It must not guess: a rule that it cannot evaluate makes the request fail with 500, marked by X-Emulator-Error. It must not be used
// outside tests, and it resolves no names: where an origin is found is told by Options.Dial.
package edge
