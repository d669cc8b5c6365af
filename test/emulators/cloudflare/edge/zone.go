// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import "encoding/json"

// Source tells the edge what it serves. It is asked on every request, from many goroutines, and what it returns is not changed
// afterwards: a changed zone is a new value with another Version.
type Source interface {
	// Zones are all that are served.
	Zones() []Zone
}

// Zone is what the edge knows of a zone.
type Zone struct {
	// ID is the zone's identifier. It must not be empty.
	ID string
	// Name is the zone's domain, in lower case, without a trailing dot.
	Name string
	// Plan is "free", "pro", "business" or "enterprise"; empty counts as "free".
	Plan string
	// Records are the zone's DNS records: the proxied A, AAAA and CNAME records are served by the edge.
	Records []Record
	// Rules are the rules of the zone's entry point rulesets by phase, in order: for example Rules["http_ratelimit"].
	Rules map[string][]Rule
	// Settings are the values of zone settings by their id, as the API returns them in "value": for example
	// Settings["ssl"] = `"strict"`, Settings["always_use_https"] = `"on"`, Settings["security_header"] = `{"strict_transport_security": {...}}`.
	Settings map[string]json.RawMessage
	// Bots is the zone's bot management configuration, as the API returns it in "result".
	Bots json.RawMessage
	// Version is another one whenever anything else in here changed: what is derived from a zone (parsed expressions) is kept by it.
	Version uint64
}

// Record is a DNS record.
type Record struct {
	// Name is the full name, in lower case, without a trailing dot; a first label "*" is a wildcard.
	Name string
	// Type is A, AAAA, CNAME, ...
	Type string
	// Content is the origin: an address, or a name.
	Content string
	// Proxied records are served by the edge; others are unknown to it.
	Proxied bool
}

// Rule is a rule of a ruleset.
type Rule struct {
	ID, Ref string
	// Description is only logged.
	Description string
	Expression  string
	Action      string
	// ActionParameters are "action_parameters" as in the API; nil where there are none.
	ActionParameters json.RawMessage
	Enabled          bool
	// RateLimit is "ratelimit" as in the API; nil except in http_ratelimit.
	RateLimit json.RawMessage
}
