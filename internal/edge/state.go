// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import "encoding/json"

// State is what a zone holds, as far as it was read.
type State struct {
	Zone    Zone
	Records []Record
	// Rulesets are the zone's entry points by phase. A phase that has none is absent.
	Rulesets map[Phase]Ruleset
	// Settings are those of the whole zone, by Cloudflare's name of them.
	Settings map[Setting]SettingValue
	// Bots is what is done about bots; nil where it could not be read.
	Bots *Bots
	// LeakedCredentials says whether logins are compared with leaked ones; nil where it could not be read.
	LeakedCredentials *bool
	// DNSSEC is its status: active, pending, disabled, ...; empty where it could not be read.
	DNSSEC string
	// Denied are the parts that the token may not read, with the permission that it lacks.
	Denied []Denied
}

// Part is what is read, or written, with a permission of its own.
type Part string

// The parts of a zone.
const (
	PartZone              Part = "zone"
	PartRecords           Part = "records"
	PartSettings          Part = "settings"
	PartBots              Part = "bots"
	PartLeakedCredentials Part = "leaked credentials" //nolint:gosec // a name, and no credential
	PartDNSSEC            Part = "DNSSEC"
)

// PartOf is the part that a phase's rules are.
func PartOf(p Phase) Part { return Part(p) }

// Denied is a part that a token may not read or write.
type Denied struct {
	Part Part
	// Permission that the token lacks, as Cloudflare's dashboard names it: for example "Zone WAF Write".
	Permission string
}

// Zone is what Cloudflare says of a zone.
type Zone struct {
	ID, Name string
	Plan     PlanName
	// Status is active, pending, moved, ...: only an active zone answers for its names.
	Status string
	// Paused zones are served by DNS alone.
	Paused      bool
	NameServers []string
}

// PlanName is Cloudflare's name of a plan (legacy_id).
type PlanName string

// Cloudflare's plans.
const (
	PlanFree       PlanName = "free"
	PlanPro        PlanName = "pro"
	PlanBusiness   PlanName = "business"
	PlanEnterprise PlanName = "enterprise"
)

// Record is a DNS record.
type Record struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content string `json:"content"`
	Proxied bool   `json:"proxied,omitempty"`
	// TTL in seconds; 1 is automatic.
	TTL int `json:"ttl,omitempty"`
	// Priority of MX and the like; nil for other types.
	Priority *int `json:"priority,omitempty"`
	// Comment holds the mark of what is ours.
	Comment string `json:"comment,omitempty"`
}

// Phase is where in the handling of a request rules run, by Cloudflare's name.
// Source: developers.cloudflare.com/ruleset-engine/reference/phases-list/
type Phase string

// The phases that are used.
const (
	PhaseRedirect        Phase = "http_request_dynamic_redirect"
	PhaseConfig          Phase = "http_config_settings"
	PhaseCustomWAF       Phase = "http_request_firewall_custom"
	PhaseRateLimit       Phase = "http_ratelimit"
	PhaseManagedWAF      Phase = "http_request_firewall_managed"
	PhaseCache           Phase = "http_request_cache_settings"
	PhaseRequestHeaders  Phase = "http_request_late_transform"
	PhaseResponseHeaders Phase = "http_response_headers_transform"
	PhaseErrors          Phase = "http_custom_errors"
)

// Phases are all that are used, in the order in which a request meets them.
func Phases() []Phase {
	return []Phase{
		PhaseRedirect, PhaseConfig, PhaseCustomWAF, PhaseRateLimit, PhaseManagedWAF, PhaseCache, PhaseRequestHeaders,
		PhaseResponseHeaders, PhaseErrors,
	}
}

// Ruleset are the rules of a phase.
type Ruleset struct {
	ID string
	// Version changes with every change of the rules.
	Version string
	Rules   []Rule
}

// Rule is one rule of a phase.
type Rule struct {
	ID          string `json:"id,omitempty"`
	Ref         string `json:"ref,omitempty"`
	Description string `json:"description,omitempty"`
	Expression  string `json:"expression"`
	Action      string `json:"action"`
	// Parameters is action_parameters: an object, or nil.
	Parameters json.RawMessage `json:"action_parameters,omitempty"`
	// RateLimit is ratelimit: an object, or nil.
	RateLimit json.RawMessage `json:"ratelimit,omitempty"`
	Enabled   bool            `json:"enabled"`
}

// Setting is Cloudflare's name of a setting of the whole zone.
type Setting string

// The settings that are looked at.
const (
	SettingSSL            Setting = "ssl"
	SettingAlwaysHTTPS    Setting = "always_use_https"
	SettingMinTLS         Setting = "min_tls_version"
	SettingTLS13          Setting = "tls_1_3"
	SettingDevelopment    Setting = "development_mode"
	SettingSecurityHeader Setting = "security_header"
	SettingSecurityLevel  Setting = "security_level"
	SettingHTTPSRewrites  Setting = "automatic_https_rewrites"
)

// SettingValue is the value of a setting.
type SettingValue struct {
	// Value as JSON: most are strings.
	Value json.RawMessage
	// Editable says whether the plan lets it be changed.
	Editable bool
}

// Text is a value that is a string; otherwise empty.
func (v SettingValue) Text() string {
	var s string
	if json.Unmarshal(v.Value, &s) != nil {
		return ""
	}
	return s
}

// Bots is what is done about bots in the whole zone (bot_management). A field that the plan does not have is nil or empty.
type Bots struct {
	// FightMode is Bot Fight Mode, on the plan Free.
	FightMode *bool
	// DefinitelyAutomated is what Super Bot Fight Mode does about bots that are surely such: allow, block or managed_challenge.
	DefinitelyAutomated string
	// LikelyAutomated is what it does about those that are likely such.
	LikelyAutomated string
	// VerifiedBots is what it does about search engines and the like: allow or block.
	VerifiedBots string
}
