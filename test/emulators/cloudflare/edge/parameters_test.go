// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"testing"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// FuzzParameters holds that no parameters of a rule, whatever they are, make the edge stumble.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{
		`{"headers": {"x": null}}`, `{"headers": {"x": {"operation": "set", "expression": "http.host"}}}`, `{"uri": {"path": {"value": "x"}}}`,
		`{"from_value": {"target_url": {"expression": "http.host"}}}`, `{"id": "4814384a9e5d4991b9815dcfc25d2f1f", "overrides": {"rules": [null], "categories": [{"category": "paranoia-level-9", "enabled": true}]}}`,
		`{"cache": true, "edge_ttl": {"mode": "respect_origin", "status_code_ttl": [{"status_code_range": null}]}}`, `null`, `[]`, ``, `{"id": "4814384a9e5d4991b9815dcfc25d2f1f", "overrides": {"categories": [{"category": "paranoia-level-999999999999", "enabled": true}]}}`, `{"response": null}`,
		`{"characteristics": ["cf.colo.id"], "period": 1, "requests_per_period": 1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for phase, names := range actions {
			for _, action := range names {
				z := &zone{Zone: Zone{Plan: "enterprise"}}
				r := z.compileRule(string(phase), Rule{
					Expression: "true", Action: action, ActionParameters: json.RawMessage(raw), RateLimit: json.RawMessage(raw), Enabled: true,
				})
				if r.paramErr != nil || r.params.rewrite == nil || r.params.rewrite.URI != nil {
					continue
				}
				x := &exchange{view: &expression.Request{Header: http.Header{}, Source: netip.IPv4Unspecified()}}
				if err := x.changeHeaders(r, http.Header{}); err != nil {
					t.Errorf("%s: %v", raw, err)
				}
			}
		}
	})
}
