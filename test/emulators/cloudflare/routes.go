// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import "net/http"

// routes are the endpoints. The permission groups are those that the API reference names under "Accepted Permissions" of each.
func routes() []route {
	const z = "/zones/{zone}"
	const sets = z + "/rulesets"
	const set = sets + "/{ruleset}"
	leakedGet, leakedSet := flag(func(z *Zone) *bool { return &z.LeakedChecks }, Free)
	aiGet, aiSet := flag(func(z *Zone) *bool { return &z.AISecurity }, Enterprise) // waf/detections/ai-security-for-apps/#availability
	tlsGet, tlsSet := flag(func(z *Zone) *bool { return &z.UniversalSSL }, Free)
	groups := func(names ...string) []string { return names }
	return []route{
		{method: http.MethodGet, template: "/ips", open: true, handle: listIPs},
		{method: http.MethodGet, template: "/user/tokens/verify", signed: true, handle: verifyToken},
		{method: http.MethodGet, template: "/zones", groups: groups("Zone"), handle: listZones},
		{method: http.MethodGet, template: z, groups: groups("Zone"), handle: getZone},

		{method: http.MethodGet, template: z + "/dns_records", groups: groups("DNS"), handle: listRecords},
		{method: http.MethodPost, template: z + "/dns_records", groups: groups("DNS"), handle: createRecord},
		{method: http.MethodPost, template: z + "/dns_records/batch", groups: groups("DNS"), handle: batchRecords},
		{method: http.MethodGet, template: z + "/dns_records/{record}", groups: groups("DNS"), handle: getRecord},
		{method: http.MethodPut, template: z + "/dns_records/{record}", groups: groups("DNS"), handle: replaceRecord},
		{method: http.MethodPatch, template: z + "/dns_records/{record}", groups: groups("DNS"), handle: patchRecord},
		{method: http.MethodDelete, template: z + "/dns_records/{record}", groups: groups("DNS"), handle: deleteRecord},
		{method: http.MethodGet, template: z + "/dnssec", groups: groups("DNS"), handle: getDNSSEC},
		{method: http.MethodPatch, template: z + "/dnssec", groups: groups("DNS"), handle: patchDNSSEC},

		{method: http.MethodGet, template: sets, handle: listRulesets},
		{method: http.MethodPost, template: sets, handle: createRuleset},
		{method: http.MethodGet, template: sets + "/phases/{phase}/entrypoint", handle: getEntrypoint},
		{method: http.MethodPut, template: sets + "/phases/{phase}/entrypoint", handle: putEntrypoint},
		{method: http.MethodGet, template: set, handle: getRuleset},
		{method: http.MethodPut, template: set, handle: putRuleset},
		{method: http.MethodDelete, template: set, handle: deleteRuleset},
		{method: http.MethodPost, template: set + "/rules", handle: addRule},
		{method: http.MethodPatch, template: set + "/rules/{rule}", handle: patchRule},
		{method: http.MethodDelete, template: set + "/rules/{rule}", handle: deleteRule},

		{method: http.MethodGet, template: z + "/settings", groups: groups("Zone Settings"), handle: listSettings},
		{method: http.MethodPatch, template: z + "/settings", groups: groups("Zone Settings"), handle: patchSettings},
		{method: http.MethodGet, template: z + "/settings/{setting}", groups: groups("Zone Settings"), handle: getSetting},
		{method: http.MethodPatch, template: z + "/settings/{setting}", groups: groups("Zone Settings"), handle: patchSetting},

		{method: http.MethodGet, template: z + "/bot_management", groups: groups("Bot Management"), handle: getBots},
		{method: http.MethodPut, template: z + "/bot_management", groups: groups("Bot Management"), handle: putBots},
		{method: http.MethodGet, template: z + "/leaked-credential-checks", groups: groups("Zone WAF"), handle: leakedGet},
		{method: http.MethodPost, template: z + "/leaked-credential-checks", groups: groups("Zone WAF"), handle: leakedSet},
		{method: http.MethodGet, template: z + "/ai-security/settings", groups: groups("Zone WAF"), handle: aiGet},
		{method: http.MethodPut, template: z + "/ai-security/settings", groups: groups("Zone WAF"), handle: aiSet},

		{method: http.MethodPost, template: z + "/purge_cache", groups: groups("Cache Purge"), handle: purgeCache},
		{method: http.MethodGet, template: z + "/ssl/universal/settings", groups: groups("SSL and Certificates"), handle: tlsGet},
		{method: http.MethodPatch, template: z + "/ssl/universal/settings", groups: groups("SSL and Certificates"), handle: tlsSet},
		{method: http.MethodGet, template: z + "/managed_headers", groups: groups("Managed headers", "Zone Transform Rules"), handle: getManagedHeaders},
		{method: http.MethodPatch, template: z + "/managed_headers", groups: groups("Managed headers", "Zone Transform Rules"), handle: patchManagedHeaders},
		{method: http.MethodGet, template: z + "/url_normalization", groups: groups("Zone Transform Rules"), handle: getURLNormalization},
		{method: http.MethodPut, template: z + "/url_normalization", groups: groups("Zone Transform Rules"), handle: putURLNormalization},
	}
}
