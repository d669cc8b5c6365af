// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import "github.com/launchready/launchready/internal/edge"

// action is one thing that is asked of Cloudflare: a small closed set, for metrics and words.
type action struct {
	// name is the label in metrics.
	name string
	// doing stands in front of errors.
	doing string
	// part that a permission is needed for; empty where none is.
	part edge.Part
	// writes says whether it changes something.
	writes bool
}

var (
	actionVerify      = action{name: "verify_token", doing: "verifying the token"}
	actionZone        = action{name: "observe_zone", doing: "looking up the zone", part: edge.PartZone}
	actionRecords     = action{name: "list_records", doing: "listing DNS records", part: edge.PartRecords}
	actionRulesets    = action{name: "list_rulesets", doing: "listing rulesets"}
	actionRules       = action{name: "read_rules", doing: "reading rules"}
	actionSettings    = action{name: "read_settings", doing: "reading zone settings", part: edge.PartSettings}
	actionBots        = action{name: "read_bots", doing: "reading bot management", part: edge.PartBots}
	actionCredentials = action{
		name: "read_leaked_credentials", doing: "reading the leaked credential checks", part: edge.PartLeakedCredentials,
	}
	actionDNSSEC = action{name: "read_dnssec", doing: "reading DNSSEC", part: edge.PartDNSSEC}

	actionChangeRecords  = action{name: "change_records", doing: "changing DNS records", part: edge.PartRecords, writes: true}
	actionCreateRuleset  = action{name: "create_ruleset", doing: "creating a ruleset", writes: true}
	actionChangeRules    = action{name: "change_rules", doing: "changing rules", writes: true}
	actionChangeSettings = action{
		name: "change_settings", doing: "changing zone settings", part: edge.PartSettings, writes: true,
	}
	actionChangeBots        = action{name: "change_bots", doing: "changing bot management", part: edge.PartBots, writes: true}
	actionChangeCredentials = action{
		name: "change_leaked_credentials", doing: "changing the leaked credential checks",
		part: edge.PartLeakedCredentials, writes: true,
	}
)

// of is the action on rules of a phase, which decides the permission.
func (a action) of(phase edge.Phase) action {
	a.part = edge.PartOf(phase)
	return a
}

// permission is what a token needs for the action.
func (a action) permission() string {
	group := permissionGroup(a.part)
	switch {
	case group == "":
		return ""
	case a.writes:
		return group + " Write"
	default:
		return group + " Read"
	}
}

// permissionGroup is Cloudflare's name of the permissions for a part of a zone.
// Source: developers.cloudflare.com/fundamentals/api/reference/permissions/ (zone permissions). DNSSEC: its operations are
// marked #zone_settings:read and #zone_settings:edit in Cloudflare's OpenAPI description. Leaked credentials:
// developers.cloudflare.com/waf/detections/leaked-credentials/api-calls/
func permissionGroup(part edge.Part) string {
	switch part {
	case edge.PartZone:
		return "Zone"
	case edge.PartRecords:
		return "DNS"
	case edge.PartSettings, edge.PartDNSSEC:
		return "Zone Settings"
	case edge.PartBots:
		return "Bot Management"
	case edge.PartLeakedCredentials, edge.PartOf(edge.PhaseCustomWAF), edge.PartOf(edge.PhaseRateLimit),
		edge.PartOf(edge.PhaseManagedWAF):
		return "Zone WAF"
	case edge.PartOf(edge.PhaseRedirect):
		return "Single Redirect"
	case edge.PartOf(edge.PhaseConfig):
		return "Config Rules"
	case edge.PartOf(edge.PhaseCache):
		return "Cache Rules"
	case edge.PartOf(edge.PhaseRequestHeaders), edge.PartOf(edge.PhaseResponseHeaders):
		return "Transform Rules"
	case edge.PartOf(edge.PhaseErrors):
		return "Custom Error Rules"
	default:
		return ""
	}
}
