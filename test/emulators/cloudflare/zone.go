// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"slices"
	"time"
)

// Plan is a zone's plan, by its legacy_id.
type Plan string

// The plans, from the smallest to the largest.
const (
	Free       Plan = "free"
	Pro        Plan = "pro"
	Business   Plan = "business"
	Enterprise Plan = "enterprise"
)

// rank orders the plans; one that doesn't exist is -1.
func (p Plan) rank() int {
	return slices.Index([]Plan{Free, Pro, Business, Enterprise}, p)
}

// atLeast says whether the plan has what the other one has.
func (p Plan) atLeast(other Plan) bool { return p.rank() >= other.rank() }

// Zone is a zone with all that is configured in it. Values that the emulator hands out are copies.
type Zone struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Plan        Plan      `json:"plan"`
	Status      string    `json:"status"`
	Paused      bool      `json:"paused"`
	NameServers []string  `json:"name_servers"`
	CreatedOn   time.Time `json:"created_on"`
	ModifiedOn  time.Time `json:"modified_on"`

	Records  []Record  `json:"records"`
	Rulesets []Ruleset `json:"rulesets"`
	// Settings holds what was changed; Setting knows the defaults.
	Settings map[string]Setting `json:"settings"`
	// Bots is the configuration as the API shows it.
	Bots             map[string]any  `json:"bots"`
	LeakedChecks     bool            `json:"leaked_credential_checks"`
	AISecurity       bool            `json:"ai_security"`
	UniversalSSL     bool            `json:"universal_ssl"`
	DNSSEC           string          `json:"dnssec"`
	ManagedRequest   map[string]bool `json:"managed_request_headers"`
	ManagedResponse  map[string]bool `json:"managed_response_headers"`
	URLNormalization map[string]any  `json:"url_normalization"`
	// Purges are the bodies of purge_cache, in order, for a data plane that has a cache.
	Purges []map[string]any `json:"purges,omitempty"`

	// Changed rises with every change of this zone.
	Changed int64 `json:"changed"`
}

// Setting is a zone setting that was changed.
type Setting struct {
	Value      any       `json:"value"`
	ModifiedOn time.Time `json:"modified_on"`
}

// Record is a DNS record.
type Record struct {
	ID                string         `json:"id"`
	Type              string         `json:"type"`
	Name              string         `json:"name"`
	Content           string         `json:"content"`
	Priority          *int           `json:"priority,omitempty"`
	Proxied           bool           `json:"proxied"`
	TTL               int            `json:"ttl"`
	Comment           string         `json:"comment"`
	Tags              []string       `json:"tags,omitempty"`
	Data              map[string]any `json:"data,omitempty"`
	Settings          map[string]any `json:"settings,omitempty"`
	CreatedOn         time.Time      `json:"created_on"`
	ModifiedOn        time.Time      `json:"modified_on"`
	CommentModifiedOn *time.Time     `json:"comment_modified_on,omitempty"`
}

// Ruleset is a ruleset of the zone. At most one of kind "zone" exists in a phase: its entry point.
type Ruleset struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Kind        string    `json:"kind"`
	Phase       string    `json:"phase"`
	Version     int       `json:"version"`
	LastUpdated time.Time `json:"last_updated"`
	Rules       []Rule    `json:"rules"`
}

// Rule is a rule in a ruleset.
type Rule struct {
	ID               string         `json:"id"`
	Ref              string         `json:"ref"`
	Version          int            `json:"version"`
	Action           string         `json:"action"`
	ActionParameters map[string]any `json:"action_parameters,omitempty"`
	Expression       string         `json:"expression"`
	Description      string         `json:"description"`
	Enabled          bool           `json:"enabled"`
	Ratelimit        map[string]any `json:"ratelimit,omitempty"`
	Logging          map[string]any `json:"logging,omitempty"`
	LastUpdated      time.Time      `json:"last_updated"`
}

// Rules gives the rules of the phase's entry point, in order.
func (z Zone) Rules(phase string) []Rule {
	for _, set := range z.Rulesets {
		if set.Phase == phase && set.Kind == kindZone {
			return set.Rules
		}
	}
	return nil
}

// Setting gives the value of a zone setting, changed or by default, nil for one that doesn't exist.
func (z Zone) Setting(id string) any {
	if s, ok := z.Settings[id]; ok {
		return s.Value
	}
	def, ok := settingByID(id)
	if !ok {
		return nil
	}
	return clone(def.initial(z.Plan))
}

// copy copies all that a change could reach.
func (z Zone) copy() *Zone {
	z.NameServers = slices.Clone(z.NameServers)
	z.Records = slices.Clone(z.Records)
	for i := range z.Records {
		z.Records[i] = z.Records[i].copy()
	}
	z.Rulesets = slices.Clone(z.Rulesets)
	for i := range z.Rulesets {
		z.Rulesets[i] = z.Rulesets[i].copy()
	}
	settings := make(map[string]Setting, len(z.Settings))
	for id, s := range z.Settings {
		settings[id] = Setting{Value: clone(s.Value), ModifiedOn: s.ModifiedOn}
	}
	z.Settings = settings
	z.Bots = clone(z.Bots)
	z.ManagedRequest = clone(z.ManagedRequest)
	z.ManagedResponse = clone(z.ManagedResponse)
	z.URLNormalization = clone(z.URLNormalization)
	z.Purges = clone(z.Purges)
	return &z
}

func (r Record) copy() Record {
	r.Tags = slices.Clone(r.Tags)
	r.Data = clone(r.Data)
	r.Settings = clone(r.Settings)
	if r.Priority != nil {
		priority := *r.Priority
		r.Priority = &priority
	}
	return r
}

func (s Ruleset) copy() Ruleset {
	s.Rules = slices.Clone(s.Rules)
	for i := range s.Rules {
		r := &s.Rules[i]
		r.ActionParameters = clone(r.ActionParameters)
		r.Ratelimit = clone(r.Ratelimit)
		r.Logging = clone(r.Logging)
	}
	return s
}

// clone copies a value as encoding/json makes them.
func clone[T any](v T) T {
	out, _ := cloneAny(any(v)).(T)
	return out
}

func cloneAny(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = cloneAny(e)
		}
		return out
	case map[string]bool:
		out := make(map[string]bool, len(v))
		for k, e := range v {
			out[k] = e
		}
		return out
	case []any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = cloneAny(out[i])
		}
		return out
	case []map[string]any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = clone(out[i])
		}
		return out
	default:
		return v
	}
}
