// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cloudflare is the way to Cloudflare's API: it implements edge.API by the service packages of cloudflare-go.
//
// Clients keeps one Client a token, with one limiter, so that all launches with one token share one budget of calls. A
// Client sends each request once: what to do about a failure is decided by those who observe before they try again. It knows
// nothing of what a launch wants, and changes nothing that it wasn't asked to change.
//
// A token stands in the header of a request, and nowhere else: in no error, log, metric or printed value. Of a reply that
// refuses, Cloudflare's code and message are kept, made harmless.
//
// Replies are decoded into types of this package, not into cloudflare-go's: those take anything for an empty answer (a reply
// without a result, with a field of another type), and an empty answer here means "the zone holds no record". They would also
// lose the fields of rules that they don't know.
package cloudflare
