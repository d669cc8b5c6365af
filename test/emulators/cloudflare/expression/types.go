// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import "strings"

// Type of a value.
type Type string

// The types of the language. Bytes and strings are not told apart.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/values/
const (
	Boolean Type = "Boolean"
	Integer Type = "Integer"
	Text    Type = "String"
	Address Type = "IP address"
)

func arrayOf(t Type) Type { return "Array<" + t + ">" }
func mapOf(t Type) Type   { return "Map<" + t + ">" }

// item is the type of an array's elements.
func (t Type) item() (Type, bool) { return t.inner("Array<") }

// entry is the type of a map's values.
func (t Type) entry() (Type, bool) { return t.inner("Map<") }

func (t Type) inner(prefix string) (Type, bool) {
	s, ok := strings.CutPrefix(string(t), prefix)
	return Type(strings.TrimSuffix(s, ">")), ok
}

// Plan of a zone.
type Plan string

// Cloudflare's plans, from the least.
const (
	Free       Plan = "free"
	Pro        Plan = "pro"
	Business   Plan = "business"
	Enterprise Plan = "enterprise"
)

func (p Plan) rank() int {
	switch p {
	case Free, "":
		return 0
	case Pro:
		return 1
	case Business:
		return 2
	case Enterprise:
		return 3
	}
	return -1
}

// Phase that an expression stands in.
type Phase string

// The phases that differ in what they offer.
// Source: developers.cloudflare.com/ruleset-engine/reference/phases-list/
const (
	PhaseRedirect        Phase = "http_request_dynamic_redirect"
	PhaseTransform       Phase = "http_request_transform"
	PhaseLateTransform   Phase = "http_request_late_transform"
	PhaseConfig          Phase = "http_config_settings"
	PhaseOrigin          Phase = "http_request_origin"
	PhaseFirewallCustom  Phase = "http_request_firewall_custom"
	PhaseRateLimit       Phase = "http_ratelimit"
	PhaseFirewallManaged Phase = "http_request_firewall_managed"
	PhaseCache           Phase = "http_request_cache_settings"
	PhaseCustomErrors    Phase = "http_custom_errors"
	PhaseResponseHeaders Phase = "http_response_headers_transform"
	// PhaseRateLimitCounting is no phase of Cloudflare's: it is what a rate limit's counting_expression is parsed as, which may use
	// fields of the response. Source: developers.cloudflare.com/waf/rate-limiting-rules/parameters/#increment-counter-when
	PhaseRateLimitCounting Phase = "http_ratelimit counting_expression"
	// PhaseRateLimitCharacteristic is what a rate limit's characteristics are parsed as.
	PhaseRateLimitCharacteristic Phase = "http_ratelimit characteristics"
)

// node is a part of a parsed expression.
type node struct {
	typ Type
	// each says that the node was unpacked by [*]: it gives a list of values of the type.
	each    bool
	literal bool
	// field is the name of the field where the node is one and nothing else.
	field string
	at    int
	// eval gives the value: bool, int64, string, netip.Addr, []any or table. nil is Cloudflare's "missing value".
	eval func(*Request) (any, error)
}

// table is a map's value: what stands under a key, nil if nothing does.
type table func(key string) any

// as gives a value as what it was found to be when the expression was parsed.
func as[T any](v any) T {
	t, _ := v.(T)
	return t
}
