// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
)

// settingDef is a zone setting: what it may be, what it is at first, and who may edit it.
type settingDef struct {
	id     string
	values []any                       // nil: valid decides
	valid  func(plan Plan, v any) bool // nil: values decide
	def    any
	onPaid any  // the default on paid plans, where it differs
	plan   Plan // the smallest plan that may edit it; "" is all of them
	never  bool // Cloudflare decides
}

func (d settingDef) initial(plan Plan) any {
	if d.onPaid != nil && plan != Free {
		return d.onPaid
	}
	return d.def
}

func (d settingDef) editable(plan Plan) bool {
	return !d.never && (d.plan == "" || plan.atLeast(d.plan))
}

func (d settingDef) allows(plan Plan, v any) bool {
	if d.valid != nil {
		return d.valid(plan, v)
	}
	return slices.ContainsFunc(d.values, func(o any) bool { return reflect.DeepEqual(o, v) })
}

func onOff() []any { return []any{"on", "off"} }

func whole(values ...int) func(Plan, any) bool {
	return func(_ Plan, v any) bool {
		n, ok := number(v)
		return ok && slices.Contains(values, n)
	}
}

// settings are what GET /zones/{id}/settings lists. Values and plans are those of the API's description of each setting
// (api/resources/zones/subresources/settings) and of fundamentals' plan table.
func settings() []settingDef {
	challenge := []int{300, 900, 1800, 2700, 3600, 7200, 10800, 14400, 28800, 57600, 86400, 604800, 2592000, 31536000}
	browser := []int{0, 30, 60, 120, 300, 1200, 1800, 3600, 7200, 10800, 14400, 18000, 28800, 43200, 57600, 72000, 86400, 172800, 259200, 345600, 432000, 691200, 1382400, 2073600, 2678400, 5356800, 16070400, 31536000}
	return []settingDef{
		{id: "0rtt", values: onOff(), def: "off"},
		{id: "advanced_ddos", values: onOff(), def: "on", never: true},
		{id: "always_online", values: onOff(), def: "off"},
		{id: "always_use_https", values: onOff(), def: "off"},
		{id: "automatic_https_rewrites", values: onOff(), def: "on"},
		{id: "brotli", values: onOff(), def: "on"},
		{id: "browser_cache_ttl", valid: whole(browser...), def: float64(14400)},
		{id: "browser_check", values: onOff(), def: "on"},
		{id: "cache_level", values: []any{"aggressive", "basic", "simplified"}, def: "aggressive"},
		{id: "challenge_ttl", valid: whole(challenge...), def: float64(1800)},
		{id: "ciphers", valid: texts, def: []any{}, plan: Enterprise}, // with Advanced Certificate Manager
		{id: "cname_flattening", values: []any{"flatten_at_root", "flatten_all"}, def: "flatten_at_root", plan: Pro},
		{id: "development_mode", values: onOff(), def: "off"},
		{id: "early_hints", values: onOff(), def: "off"},
		{id: "edge_cache_ttl", valid: whole(30, 60, 300, 1200, 1800, 3600, 7200, 10800, 14400, 18000, 28800, 43200, 57600, 72000, 86400, 172800, 259200, 345600, 432000, 518400, 604800), def: float64(7200)},
		{id: "email_obfuscation", values: onOff(), def: "on"},
		{id: "h2_prioritization", values: []any{"on", "off", "custom"}, def: "off", plan: Pro},
		{id: "hotlink_protection", values: onOff(), def: "off"},
		{id: "http2", values: onOff(), def: "on", plan: Pro}, // "Free customers cannot disable"
		{id: "http3", values: onOff(), def: "on"},
		{id: "image_resizing", values: []any{"on", "off", "open"}, def: "off", plan: Pro},
		{id: "ip_geolocation", values: onOff(), def: "on"},
		{id: "ipv6", values: onOff(), def: "on", plan: Enterprise}, // only Enterprise can change it
		{id: "max_upload", valid: uploads, def: float64(100)},
		{id: "min_tls_version", values: []any{"1.0", "1.1", "1.2", "1.3"}, def: "1.0"},
		{id: "mirage", values: onOff(), def: "off", plan: Pro},
		{id: "nel", valid: isObject, def: map[string]any{"enabled": true}},
		{id: "opportunistic_encryption", values: onOff(), def: "on"},
		{id: "opportunistic_onion", values: onOff(), def: "on"},
		{id: "orange_to_orange", values: onOff(), def: "off", plan: Enterprise},
		{id: "origin_error_page_pass_thru", values: onOff(), def: "off", plan: Enterprise},
		{id: "polish", values: []any{"off", "lossless", "lossy"}, def: "off", plan: Pro},
		{id: "prefetch_preload", values: onOff(), def: "off", plan: Enterprise},
		{id: "privacy_pass", values: onOff(), def: "on"},
		{id: "proxy_read_timeout", valid: between(1, 6000), def: float64(100), plan: Enterprise},
		{id: "pseudo_ipv4", values: []any{"off", "add_header", "overwrite_header"}, def: "off"},
		{id: "replace_insecure_js", values: onOff(), def: "on"},
		{id: "response_buffering", values: onOff(), def: "off", plan: Enterprise},
		{id: "rocket_loader", values: onOff(), def: "off"},
		{id: "security_header", valid: hsts, def: map[string]any{"strict_transport_security": map[string]any{
			"enabled": false, "max_age": float64(0), "include_subdomains": false, "preload": false, "nosniff": false,
		}}},
		{id: "security_level", valid: securityLevel, def: "medium"},
		{id: "server_side_exclude", values: onOff(), def: "on"},
		{id: "sort_query_string_for_cache", values: onOff(), def: "off", plan: Enterprise},
		{id: "ssl", valid: sslMode, def: "full"},
		{id: "tls_1_2_only", values: onOff(), def: "off"},
		{id: "tls_1_3", values: []any{"on", "off", "zrt"}, def: "on"},
		{id: "tls_client_auth", values: onOff(), def: "off"},
		{id: "true_client_ip_header", values: onOff(), def: "off", plan: Enterprise},
		{id: "visitor_ip", values: onOff(), def: "on", never: true},
		{id: "waf", values: onOff(), def: "off", onPaid: "on", plan: Pro},
		{id: "webp", values: onOff(), def: "off", plan: Pro},
		{id: "websockets", values: onOff(), def: "on"},
	}
}

func settingByID(id string) (settingDef, bool) {
	all := settings()
	i := slices.IndexFunc(all, func(d settingDef) bool { return d.id == id })
	if i < 0 {
		return settingDef{}, false
	}
	return all[i], true
}

func texts(_ Plan, v any) bool {
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(e any) bool { _, ok := e.(string); return !ok })
}

func isObject(_ Plan, v any) bool { _, ok := v.(map[string]any); return ok }

func between(low, high int) func(Plan, any) bool {
	return func(_ Plan, v any) bool {
		n, ok := number(v)
		return ok && n >= low && n <= high
	}
}

// uploads is network/max_upload_size of the plan table, in MB.
func uploads(plan Plan, v any) bool {
	n, ok := number(v)
	return ok && n >= 100 && n%25 == 0 && n <= perPlan{100, 100, 200, 1000}.of(plan)
}

func securityLevel(plan Plan, v any) bool {
	if v == "off" {
		return plan == Enterprise
	}
	return slices.Contains([]any{"essentially_off", "low", "medium", "high", "under_attack"}, v)
}

// sslMode: origin_pull is "Strict (SSL-Only Origin Pull)", Enterprise only (ssl/origin-configuration/ssl-modes).
func sslMode(plan Plan, v any) bool {
	if v == "origin_pull" {
		return plan == Enterprise
	}
	return slices.Contains([]any{"off", "flexible", "full", "strict"}, v)
}

func hsts(_ Plan, v any) bool {
	outer, _ := v.(map[string]any)
	h, ok := outer["strict_transport_security"].(map[string]any)
	if !ok {
		return false
	}
	for key, v := range h {
		_, boolean := v.(bool)
		age, isNumber := number(v)
		switch key {
		case "enabled", "include_subdomains", "preload", "nosniff":
			ok = ok && boolean
		case "max_age":
			ok = ok && isNumber && age >= 0 && age <= 31536000
		default:
			return false
		}
	}
	return ok
}

func (z *Zone) settingView(d settingDef) map[string]any {
	out := map[string]any{"id": d.id, "value": z.Setting(d.id), "editable": d.editable(z.Plan), "modified_on": nil}
	if s, ok := z.Settings[d.id]; ok {
		out["modified_on"] = s.ModifiedOn
	}
	if d.id == "development_mode" {
		out["time_remaining"] = 0
	}
	return out
}

func listSettings(c *request) (reply, *apiError) {
	out := []map[string]any{}
	for _, d := range settings() {
		out = append(out, c.zone.settingView(d))
	}
	return reply{result: out}, nil
}

func unknownSetting(id string) *apiError {
	return refuse(http.StatusBadRequest, 1006, "Undefined zone setting: %s", id)
}

func getSetting(c *request) (reply, *apiError) {
	d, ok := settingByID(c.http.PathValue("setting"))
	if !ok {
		return reply{}, unknownSetting(c.http.PathValue("setting"))
	}
	return reply{result: c.zone.settingView(d)}, nil
}

// patchSetting takes "value", or "enabled" as the newer form of on and off.
func patchSetting(c *request) (reply, *apiError) {
	id := c.http.PathValue("setting")
	v, ok := c.json["value"]
	if enabled, isBool := c.json["enabled"].(bool); !ok && isBool {
		v = "off"
		if enabled {
			v = "on"
		}
	}
	view, e := c.set(id, v)
	if e != nil {
		return reply{}, e
	}
	return reply{result: view}, nil
}

// patchSettings changes many settings or none.
func patchSettings(c *request) (reply, *apiError) {
	type item struct {
		ID    string
		Value any
	}
	var in struct{ Items []item }
	err := json.Unmarshal(c.body, &in)
	if err != nil { // Cloudflare's description wants an array
		err = json.Unmarshal(c.body, &in.Items)
	}
	if err != nil || len(in.Items) == 0 {
		return reply{}, refuse(http.StatusBadRequest, 1007, "Invalid value for items")
	}
	out := []map[string]any{}
	for _, item := range in.Items {
		view, e := c.set(item.ID, item.Value)
		if e != nil {
			return reply{}, e
		}
		out = append(out, view)
	}
	return reply{result: out}, nil
}

func (c *request) set(id string, v any) (map[string]any, *apiError) {
	d, ok := settingByID(id)
	switch {
	case !ok:
		return nil, unknownSetting(id)
	case !d.editable(c.zone.Plan):
		return nil, refuse(http.StatusBadRequest, 1015, "Not allowed to edit setting for %s", id)
	case !d.allows(c.zone.Plan, v):
		return nil, refuse(http.StatusBadRequest, 1007, "Invalid value for zone setting %s", id)
	}
	if id == "security_header" {
		v = merged(c.zone.Setting(id), v)
	}
	c.zone.Settings[id] = Setting{Value: v, ModifiedOn: c.now}
	c.changed = true
	return c.zone.settingView(d), nil
}

// merged keeps what a partial security_header leaves out.
func merged(old, v any) any {
	have, ok := old.(map[string]any)
	want, ok2 := v.(map[string]any)
	if !ok || !ok2 {
		return v
	}
	out := clone(have)
	for k, e := range want {
		out[k] = merged(have[k], e)
	}
	return out
}
