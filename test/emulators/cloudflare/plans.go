// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"maps"
	"slices"
)

// The phases that the emulator knows. Rules of others are refused.
const (
	phaseCustom      = "http_request_firewall_custom"
	phaseManaged     = "http_request_firewall_managed"
	phaseRatelimit   = "http_ratelimit"
	phaseRedirect    = "http_request_dynamic_redirect"
	phaseConfig      = "http_config_settings"
	phaseCache       = "http_request_cache_settings"
	phaseURLRewrite  = "http_request_transform"
	phaseReqHeaders  = "http_request_late_transform"
	phaseRespHeaders = "http_response_headers_transform"
	phaseErrors      = "http_custom_errors"
	phaseOrigin      = "http_request_origin"
	phaseCompression = "http_response_compression"
)

// perPlan is a number for Free, Pro, Business and Enterprise.
type perPlan [4]int

func (p perPlan) of(plan Plan) int { return p[max(plan.rank(), 0)] }

// phaseLimit is what a phase allows. The sources are pages below https://developers.cloudflare.com/, as copies of 2026 had them.
type phaseLimit struct {
	rules   perPlan
	actions []string
	// group is the permission group of the API: fundamentals/api/reference/permissions.
	group string
	// source is the page with the number of rules.
	source string
}

type limits struct {
	phases map[string]phaseLimit
	// enterpriseOnly are the actions that only Enterprise has, in the two phases of the WAF: waf/custom-rules/#availability.
	enterpriseOnly []string
	ratelimit      ratelimitTable
}

// ratelimitTable is waf/rate-limiting-rules/#availability with the values of waf/rate-limiting-rules/parameters. The API names the periods of
// a plan in its refusals ("can only use a period among [10]"), which is how Free's are known to be pinned.
type ratelimitTable struct {
	periods  map[Plan][]int
	timeouts map[Plan][]int
	fields   map[Plan][]string // nil: all
	counting map[Plan][]string // characteristics beside cf.colo.id; nil: all
}

// planTable is the one place of all limits of plans.
//
//nolint:gochecknoglobals // a table that never changes
var planTable = limits{
	enterpriseOnly: []string{"log"},
	phases: map[string]phaseLimit{
		phaseCustom: {
			rules: perPlan{5, 20, 100, 1000}, group: "Zone WAF", source: "waf/custom-rules/#availability",
			actions: []string{"block", "challenge", "js_challenge", "managed_challenge", "log", "skip", "execute"},
		},
		phaseManaged: {
			// The documentation has no number for the zone's own rules here; 100 keeps a runaway client from filling the state.
			rules: perPlan{100, 100, 100, 100}, group: "Zone WAF", source: "waf/managed-rules/#availability",
			actions: []string{"execute", "skip"},
		},
		phaseRatelimit: {
			rules: perPlan{1, 2, 5, 100}, group: "Zone WAF", source: "waf/rate-limiting-rules/#availability",
			actions: []string{"block", "challenge", "js_challenge", "managed_challenge", "log"},
		},
		phaseRedirect: {
			rules: perPlan{10, 25, 50, 300}, group: "Dynamic URL Redirects", source: "rules/url-forwarding/single-redirects/#availability",
			actions: []string{"redirect"},
		},
		phaseConfig: {
			rules: perPlan{10, 25, 50, 300}, group: "Config Settings", source: "rules/configuration-rules/#availability",
			actions: []string{"set_config"},
		},
		phaseCache: {
			rules: perPlan{10, 25, 50, 300}, group: "Cache Settings", source: "cache/how-to/cache-rules/#availability",
			actions: []string{"set_cache_settings"},
		},
		phaseURLRewrite: {
			rules: perPlan{10, 25, 50, 300}, group: "Zone Transform Rules", source: "rules/transform/#availability",
			actions: []string{"rewrite"},
		},
		phaseReqHeaders: {
			rules: perPlan{10, 25, 50, 300}, group: "Zone Transform Rules", source: "rules/transform/#availability",
			actions: []string{"rewrite"},
		},
		phaseRespHeaders: {
			rules: perPlan{10, 25, 50, 300}, group: "Zone Transform Rules", source: "rules/transform/#availability",
			actions: []string{"rewrite"},
		},
		phaseErrors: {
			rules: perPlan{0, 25, 50, 300}, group: "Custom Errors", source: "rules/custom-errors/#availability",
			actions: []string{"serve_error"},
		},
		phaseOrigin: {
			rules: perPlan{10, 25, 50, 300}, group: "Origin", source: "rules/origin-rules/#availability",
			actions: []string{"route"},
		},
		phaseCompression: {
			rules: perPlan{10, 25, 50, 300}, group: "Response Compression", source: "rules/compression-rules/#availability",
			actions: []string{"compress_response"},
		},
	},
	ratelimit: ratelimitTable{
		periods: map[Plan][]int{
			Free: {10}, Pro: {10, 60}, Business: {10, 60, 120, 300, 600}, Enterprise: {10, 60, 120, 300, 600, 3600, 65535},
		},
		timeouts: map[Plan][]int{
			Free: {10}, Pro: {10, 60, 120, 300, 600, 3600}, Business: {10, 60, 120, 300, 600, 3600, 86400}, // Enterprise chooses freely
		},
		fields: map[Plan][]string{
			Free: {"http.request.uri.path", "cf.bot_management.verified_bot", "cf.client.bot"},
			Pro: {
				"http.request.uri.path", "cf.bot_management.verified_bot", "cf.client.bot", "http.host", "http.request.uri", "http.request.full_uri",
				"http.request.uri.query",
			},
			Business: {
				"http.request.uri.path", "cf.bot_management.verified_bot", "cf.client.bot", "http.host", "http.request.uri", "http.request.full_uri",
				"http.request.uri.query", "http.request.method", "ip.src", "http.user_agent",
			},
		},
		counting: map[Plan][]string{
			Free: {"ip.src"}, Pro: {"ip.src"}, Business: {"ip.src", "cf.unique_visitor_id"},
		},
	},
}

// batch is dns/manage-dns-records/how-to/batch-record-changes/#availability-and-limits.
func (limits) batch(p Plan) int { return perPlan{200, 3500, 3500, 3500}.of(p) }

// comment is dns/manage-dns-records/reference/record-attributes/#availability, in characters.
func (limits) comment(p Plan) int { return perPlan{100, 500, 500, 500}.of(p) }

// records is dns/manage-dns-records/#availability: "Number of records per zone".
func (limits) records(z *Zone) int {
	if z.Plan == Free && z.CreatedOn.Before(freeQuotaChange()) {
		return 1000
	}
	return perPlan{200, 3500, 3500, 3500}.of(z.Plan)
}

// phaseGroups are the permission groups of the phases, each once.
func phaseGroups() []string {
	var out []string
	for _, phase := range slices.Sorted(maps.Keys(planTable.phases)) {
		if g := planTable.phases[phase].group; !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}
