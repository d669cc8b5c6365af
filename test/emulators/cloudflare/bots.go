// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"maps"
	"net/http"
	"slices"
)

// initialBots is the bot configuration of a new zone: bots/plans.
func initialBots(plan Plan) map[string]any {
	bots := map[string]any{
		"enable_js": false, "ai_bots_protection": "disabled", "crawler_protection": "disabled", "content_bots_protection": "disabled",
		"is_robots_txt_managed": false, "cf_robots_variant": "off",
	}
	if plan == Free {
		bots["fight_mode"] = false
		return bots
	}
	bots["sbfm_definitely_automated"] = "allow"
	bots["sbfm_verified_bots"] = "allow"
	bots["sbfm_static_resource_protection"] = false
	bots["optimize_wordpress"] = false
	if plan.atLeast(Business) {
		bots["sbfm_likely_automated"] = "allow"
	}
	return bots
}

// codeBots is ours: Cloudflare documents none, and no report of a refusal was found.
const codeBots = 20901

// botField is a field of the bot configuration and who has it. Free has Bot Fight Mode, paid plans have Super Bot Fight Mode
// (bots/plans); likely automated traffic is Business's.
type botField struct {
	values []any // nil: true or false
	plan   Plan
	only   Plan
	still  []any // values that a smaller plan may set, to clean up after a change of plan
}

func botFields() map[string]botField {
	actions := []any{"allow", "block", "managed_challenge"}
	return map[string]botField{
		"enable_js":                       {},
		"fight_mode":                      {only: Free, still: []any{false}},
		"ai_bots_protection":              {values: []any{"block", "disabled", "only_on_ad_pages"}},
		"crawler_protection":              {values: []any{"enabled", "disabled"}},
		"content_bots_protection":         {values: []any{"block", "disabled"}},
		"is_robots_txt_managed":           {},
		"cf_robots_variant":               {values: []any{"off", "policy_only"}},
		"sbfm_definitely_automated":       {values: actions, plan: Pro, still: []any{"allow"}},
		"sbfm_likely_automated":           {values: actions, plan: Business, still: []any{"allow"}},
		"sbfm_verified_bots":              {values: []any{"allow", "block"}, plan: Pro, still: []any{"allow"}},
		"sbfm_static_resource_protection": {plan: Pro, still: []any{false}},
		"optimize_wordpress":              {plan: Pro, still: []any{false}},
		"suppress_session_score":          {plan: Enterprise, still: []any{false}},
		"auto_update_model":               {plan: Enterprise},
		"bm_cookie_enabled":               {plan: Enterprise},
	}
}

func getBots(c *request) (reply, *apiError) {
	out := clone(c.zone.Bots)
	out["using_latest_model"] = true
	return reply{result: out}, nil
}

// putBots sets what the body names and keeps the rest, though it is a PUT: that is what Cloudflare does.
func putBots(c *request) (reply, *apiError) {
	fields := botFields()
	for _, name := range slices.Sorted(maps.Keys(c.json)) {
		v := c.json[name]
		if name == "using_latest_model" || name == "stale_zone_configuration" {
			continue // read-only
		}
		field, ok := fields[name]
		_, boolean := v.(bool)
		switch {
		case !ok, field.values == nil && !boolean, field.values != nil && !slices.Contains(field.values, v):
			return reply{}, refuse(http.StatusBadRequest, codeBots, "bot_management: '%v' is not a valid value for %s", v, name)
		case slices.Contains(field.still, v):
		case field.plan != "" && !c.zone.Plan.atLeast(field.plan), field.only != "" && c.zone.Plan != field.only:
			return reply{}, refuse(http.StatusBadRequest, codeBots, "bot_management: the zone is not entitled to set %s", name)
		}
		if _, has := c.zone.Bots[name]; has || !slices.Contains(field.still, v) {
			c.zone.Bots[name] = v
		}
	}
	c.changed = len(c.json) > 0
	return getBots(c)
}
