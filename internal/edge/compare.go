// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"reflect"
)

// sameRule says whether a rule is as wanted, wherever it stands.
func sameRule(want, have Rule) bool {
	return want.Expression == have.Expression && want.Action == have.Action && want.Enabled == have.Enabled &&
		want.Description == have.Description && covers(want.Parameters, have.Parameters) && covers(want.RateLimit, have.RateLimit) &&
		(want.Action != actionSetConfig || settingsIn(want) == settingsIn(have))
}

// settingsIn counts what a configuration rule sets: there, false is no default but turns something off.
func settingsIn(r Rule) int {
	var settings map[string]any
	if json.Unmarshal(r.Parameters, &settings) != nil {
		return 0
	}
	return len(settings)
}

// covers says whether what Cloudflare shows is what was written: all that is wanted is there, and nothing besides but what
// says nothing. Cloudflare shows fields that nobody wrote at their defaults; any other that was added changes what a rule does.
func covers(want, have json.RawMessage) bool {
	var w, h any
	if len(want) > 0 && json.Unmarshal(want, &w) != nil || len(have) > 0 && json.Unmarshal(have, &h) != nil {
		return false
	}
	return coversValue(w, h)
}

func coversValue(want, have any) bool {
	h, ok := have.(map[string]any)
	if !ok {
		empty, _ := want.(map[string]any)
		return reflect.DeepEqual(want, have) || (want == nil || empty != nil && len(empty) == 0) && saysNothing(have)
	}
	w, ok := want.(map[string]any)
	if !ok && want != nil {
		return false
	}
	for key, value := range w {
		if !coversValue(value, h[key]) {
			return false
		}
	}
	for key, value := range h {
		if _, wanted := w[key]; !wanted && (key == "enabled" || !saysNothing(value)) {
			return false
		}
	}
	return true
}

// saysNothing says whether a value is a default: null, false, zero, empty, or the newest version of a managed ruleset.
func saysNothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0
	case string:
		return v == "" || v == "latest"
	case []any:
		return len(v) == 0
	case map[string]any:
		for key, value := range v {
			// An override that turns a managed ruleset off says enabled: false, and a lot.
			if key == "enabled" && value != nil || !saysNothing(value) {
				return false
			}
		}
		return true
	default:
		return false
	}
}
