// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
)

// planName is a plan as the API shows it.
func planView(p Plan) map[string]any {
	name := map[Plan]string{Free: "Free Website", Pro: "Pro Website", Business: "Business Website", Enterprise: "Enterprise Website"}[p]
	price := map[Plan]int{Free: 0, Pro: 20, Business: 200, Enterprise: 0}[p]
	return map[string]any{
		"id": hexOf("plan " + string(p))[:32], "name": name, "price": price, "currency": "USD", "frequency": "monthly", "is_subscribed": true,
		"can_subscribe": false, "legacy_id": string(p), "legacy_discount": false, "externally_managed": false,
	}
}

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (c *request) zoneView(z *Zone) map[string]any {
	permissions := []string{}
	for group, name := range map[string]string{"Zone": "#zone", "Zone Settings": "#zone_settings", "DNS": "#dns_records", "Zone WAF": "#waf", "SSL and Certificates": "#ssl"} {
		if c.token.may(false, group) {
			permissions = append(permissions, name+":read")
		}
		if c.token.may(true, group) {
			permissions = append(permissions, name+":edit")
		}
	}
	slices.Sort(permissions)
	development := 0
	return map[string]any{
		"id": z.ID, "name": z.Name, "status": z.Status, "paused": z.Paused, "type": "full", "development_mode": development,
		"name_servers": z.NameServers, "original_name_servers": nil, "original_registrar": nil, "original_dnshost": nil,
		"created_on": z.CreatedOn, "modified_on": z.ModifiedOn, "activated_on": z.CreatedOn, "permissions": permissions,
		"plan": planView(z.Plan), "account": map[string]any{"id": hexOf("account")[:32], "name": "Emulated account"},
		"owner": map[string]any{"id": nil, "type": "user", "email": nil},
		"meta":  map[string]any{"step": 2, "custom_certificate_quota": 0, "page_rule_quota": perPlan{3, 20, 50, 125}.of(z.Plan), "phishing_detected": false},
	}
}

// listZones shows the zones that the token has, and no error where it has none.
func listZones(c *request) (reply, *apiError) {
	q := c.http.URL.Query()
	page, perPage, e := paging(q.Get("page"), q.Get("per_page"), 20, 50) // api/resources/zones/methods/list
	if e != nil {
		return reply{}, refuse(http.StatusBadRequest, 1068, "page or per_page is out of range (per_page between 5 and 50)")
	}
	found := []*Zone{}
	for _, z := range c.s.state.Zones {
		name, status := q.Get("name"), q.Get("status")
		if c.token.covers(z) && (name == "" || name == z.Name) && (status == "" || status == z.Status) {
			found = append(found, z)
		}
	}
	slices.SortStableFunc(found, func(a, b *Zone) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	items, info := pageOf(found, page, perPage)
	out := []map[string]any{}
	for _, z := range items {
		out = append(out, c.zoneView(z))
	}
	return reply{result: out, info: info}, nil
}

func getZone(c *request) (reply, *apiError) { return reply{result: c.zoneView(c.zone)}, nil }

// flag makes the two endpoints of something that is on or off. Who is not entitled to it may not even read it.
func flag(field func(*Zone) *bool, plan Plan) (get, set func(*request) (reply, *apiError)) {
	get = func(c *request) (reply, *apiError) {
		if !c.zone.Plan.atLeast(plan) {
			return reply{}, refuse(http.StatusForbidden, 13101, "not entitled to access this resource")
		}
		return reply{result: map[string]any{"enabled": *field(c.zone)}}, nil
	}
	set = func(c *request) (reply, *apiError) {
		v, ok := c.json["enabled"].(bool)
		if !ok {
			return reply{}, refuse(http.StatusBadRequest, 10001, "enabled must be true or false")
		}
		*field(c.zone) = v
		out, e := get(c)
		c.changed = e == nil
		return out, e
	}
	return get, set
}

func getDNSSEC(c *request) (reply, *apiError) {
	out := map[string]any{"status": c.zone.DNSSEC, "dnssec_multi_signer": false, "dnssec_presigned": false, "dnssec_use_nsec3": false, "modified_on": c.zone.ModifiedOn}
	if c.zone.DNSSEC != "disabled" {
		digest := hexOf("dnssec " + c.zone.ID)
		out["algorithm"], out["digest_algorithm"], out["digest_type"], out["flags"], out["key_tag"], out["key_type"] = "13", "SHA256", "2", 257, 42, "ECDSAP256SHA256"
		out["digest"] = digest
		out["ds"] = c.zone.Name + ". 3600 IN DS 42 13 2 " + digest
		out["public_key"] = "oXiGYrSTO+LSCJ3mohc8EP+CzF9KxBj8/ydXJ22pKuZP3VAC3/Md/k7xZfz470CoRyZJ6gV6vml07IC3d8xqhA=="
	}
	return reply{result: out}, nil
}

// patchDNSSEC: a zone that is to be signed is pending until the DS record stands in the parent; a test activates it with EditZone.
func patchDNSSEC(c *request) (reply, *apiError) {
	switch status := c.json["status"]; {
	case status == "active" && c.zone.DNSSEC != "active":
		c.zone.DNSSEC, c.changed = "pending", true
	case status == "active":
	case status == "disabled":
		c.zone.DNSSEC, c.changed = "disabled", true
	case status != nil:
		return reply{}, refuse(http.StatusBadRequest, 1004, "DNS Validation Error: status must be active or disabled")
	}
	return getDNSSEC(c)
}

// listIPs is cloudflare.com/ips, as mirrors of it had it in 2026.
func listIPs(*request) (reply, *apiError) {
	return reply{result: map[string]any{
		"etag": "38f79d050aa027e3be3865e495dcc9bc",
		"ipv4_cidrs": []string{
			"173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18", "108.162.192.0/18", "190.93.240.0/20",
			"188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22",
		},
		"ipv6_cidrs": []string{"2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29", "2c0f:f248::/32"},
	}}, nil
}

// purgeCache remembers what was purged, for a data plane that has a cache. 100 at a time, 500 URLs on Enterprise (cache/how-to/purge-cache,
// "Max operations per request").
func purgeCache(c *request) (reply, *apiError) {
	if everything, _ := c.json["purge_everything"].(bool); !everything {
		limit, n := 100, 0
		for _, key := range []string{"files", "tags", "hosts", "prefixes"} {
			list, _ := c.json[key].([]any)
			n += len(list)
		}
		if c.json["files"] != nil {
			limit = perPlan{100, 100, 100, 500}.of(c.zone.Plan)
		}
		if n == 0 || n > limit {
			return reply{}, refuse(http.StatusBadRequest, 1012, "Request must contain one of purge_everything, files, tags, hosts or prefixes, at most %d of them", limit)
		}
	}
	const kept = 100
	c.zone.Purges = append(c.zone.Purges, clone(c.json))
	c.zone.Purges = c.zone.Purges[max(0, len(c.zone.Purges)-kept):]
	c.changed = true
	return reply{result: map[string]any{"id": c.zone.ID}}, nil
}

// managedTransforms are rules/transform/managed-transforms/reference.
func managedTransforms() (requests, responses []string) {
	return []string{"add_bot_protection_headers", "add_client_certificate_headers", "add_true_client_ip_headers", "add_visitor_location_headers", "remove_visitor_ip_headers", "add_waf_credential_check_status_header"},
		[]string{"remove_x-powered-by_header", "add_security_headers"}
}

func getManagedHeaders(c *request) (reply, *apiError) {
	list := func(ids []string, have map[string]bool) []map[string]any {
		out := []map[string]any{}
		for _, id := range ids {
			out = append(out, map[string]any{"id": id, "enabled": have[id], "has_conflict": false})
		}
		return out
	}
	requests, responses := managedTransforms()
	return reply{result: map[string]any{
		"managed_request_headers": list(requests, c.zone.ManagedRequest), "managed_response_headers": list(responses, c.zone.ManagedResponse),
	}}, nil
}

func patchManagedHeaders(c *request) (reply, *apiError) {
	requests, responses := managedTransforms()
	for key, have := range map[string]map[string]bool{"managed_request_headers": c.zone.ManagedRequest, "managed_response_headers": c.zone.ManagedResponse} {
		known := requests
		if key == "managed_response_headers" {
			known = responses
		}
		list, _ := c.json[key].([]any)
		for _, e := range list {
			m, _ := e.(map[string]any)
			id, _ := m["id"].(string)
			enabled, ok := m["enabled"].(bool)
			if !ok || !slices.Contains(known, id) {
				return reply{}, refuse(http.StatusBadRequest, 10004, "'%s' is not a managed transform", id)
			}
			have[id] = enabled
		}
	}
	c.changed = true
	return getManagedHeaders(c)
}

func getURLNormalization(c *request) (reply, *apiError) {
	return reply{result: c.zone.URLNormalization}, nil
}

func putURLNormalization(c *request) (reply, *apiError) {
	if !slices.Contains([]any{"cloudflare", "rfc3986"}, c.json["type"]) || !slices.Contains([]any{"incoming", "both", "none"}, c.json["scope"]) {
		return reply{}, refuse(http.StatusBadRequest, 10005, "type or scope is not valid")
	}
	maps.Copy(c.zone.URLNormalization, map[string]any{"type": c.json["type"], "scope": c.json["scope"]})
	c.changed = true
	return getURLNormalization(c)
}
