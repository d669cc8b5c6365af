// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package expression parses and evaluates Cloudflare's Rules language, as far as its documentation describes it
// (developers.cloudflare.com/ruleset-engine/rules-language/).
//
// It must not guess. What the language doesn't allow is an InvalidError; what Cloudflare would accept but this package can't evaluate
// as Cloudflare does is an UnsupportedError. Types, plans and phases are checked when an expression is parsed, so that evaluating one
// only fails where the request's body can't be read.
package expression
