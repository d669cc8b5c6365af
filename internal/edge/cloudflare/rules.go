// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/rulesets"
	"golang.org/x/sync/errgroup"

	"github.com/launchready/launchready/internal/edge"
)

const (
	// kindZone is the kind of a zone's entry points; "managed" and "custom" are executed by them.
	// Source: developers.cloudflare.com/ruleset-engine/about/rulesets/
	kindZone = "zone"
	// rulesetsPage is the most that the API gives on a page.
	rulesetsPage = 50
	// maxRulesetPages bounds the list: a zone has two or three dozen, with the managed ones.
	maxRulesetPages = 10
)

// fields are those of a rule by their names in JSON, as they came.
type fields map[string]json.RawMessage

// phaseRules are the rules of a phase as they were read last.
type phaseRules struct {
	ruleset edge.Ruleset
	// others are, by rule, the fields that edge.Rule doesn't have (logging, ...): an update must not lose them.
	others map[string]fields
}

// ruleCache keeps the rules of zones, so that only those are read again whose version changed.
type ruleCache struct {
	mu    sync.Mutex
	zones map[string]map[edge.Phase]phaseRules
}

func (r *ruleCache) get(zoneID string, phase edge.Phase) (phaseRules, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rules, ok := r.zones[zoneID][phase]
	return rules, ok
}

// replace keeps what a zone has now, and forgets what it had before.
func (r *ruleCache) replace(zoneID string, phases map[edge.Phase]phaseRules) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.zones == nil {
		r.zones = map[string]map[edge.Phase]phaseRules{}
	}
	r.zones[zoneID] = phases
}

// find gives the phase of a ruleset, and its rules.
func (r *ruleCache) find(zoneID, rulesetID string) (edge.Phase, phaseRules) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for phase, rules := range r.zones[zoneID] {
		if rules.ruleset.ID == rulesetID {
			return phase, rules
		}
	}
	return "", phaseRules{}
}

// outdate has the rules of a phase read again, whatever their version: the list of rulesets may lag behind a write of ours.
// The fields of its rules that an update must keep are kept.
func (r *ruleCache) outdate(zoneID string, phase edge.Phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rules, ok := r.zones[zoneID][phase]; ok {
		rules.ruleset.Version = ""
		r.zones[zoneID][phase] = rules
	}
}

type rulesetReply struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind"`
	Phase   edge.Phase `json:"phase"`
	Version string     `json:"version"`
	Rules   []fields   `json:"rules"`
}

// readRulesets gives the entry points of a zone by phase. What may not be read is added to denied.
func (c *Client) readRulesets(ctx context.Context, zoneID string, denied *denials) (map[edge.Phase]edge.Ruleset, error) {
	entries, err := c.listEntryPoints(ctx, zoneID)
	if err != nil {
		var all []edge.Part
		for _, phase := range edge.Phases() {
			all = append(all, edge.PartOf(phase))
		}
		return nil, denied.unless(err, all...)
	}
	var mu sync.Mutex
	read := map[edge.Phase]phaseRules{}
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(sideBySide)
	for phase, entry := range entries {
		if known, ok := c.rules.get(zoneID, phase); ok && known.ruleset.ID == entry.ID && known.ruleset.Version == entry.Version {
			mu.Lock()
			read[phase] = known
			mu.Unlock()
			continue
		}
		reading.Go(func() error {
			rules, err := c.readPhase(ctx, zoneID, phase, entry.ID)
			if err != nil {
				return denied.unless(unlessAbsent(err), edge.PartOf(phase))
			}
			mu.Lock()
			defer mu.Unlock()
			read[phase] = rules
			return nil
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	c.rules.replace(zoneID, read)
	found := map[edge.Phase]edge.Ruleset{}
	for phase, rules := range read {
		found[phase] = rules.ruleset
	}
	return found, nil
}

// listEntryPoints gives the entry points of the phases that are used, without their rules.
func (c *Client) listEntryPoints(ctx context.Context, zoneID string) (map[edge.Phase]rulesetReply, error) {
	used := map[edge.Phase]bool{}
	for _, phase := range edge.Phases() {
		used[phase] = true
	}
	var params rulesets.RulesetListParams
	params.ZoneID.Value = zoneID
	params.PerPage.Value, params.PerPage.Present = rulesetsPage, true
	entries := map[edge.Phase]rulesetReply{}
	for range maxRulesetPages {
		got, err := ask[[]rulesetReply](ctx, c, actionRulesets, func(ctx context.Context, opts ...option.RequestOption) error {
			_, err := c.rulesets.List(ctx, params, opts...)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, r := range *got.Result {
			if r.Kind == kindZone && used[r.Phase] {
				entries[r.Phase] = r
			}
		}
		next := got.Info.Cursors.After
		if next == "" {
			return entries, nil
		}
		params.Cursor.Value, params.Cursor.Present = next, true
	}
	return nil, &edge.APIError{Kind: edge.KindInvalid, Doing: actionRulesets.doing, Err: errTooMany}
}

func (c *Client) readPhase(ctx context.Context, zoneID string, phase edge.Phase, rulesetID string) (phaseRules, error) {
	a := actionRules.of(phase)
	if err := checkIDs(a, rulesetID); err != nil {
		return phaseRules{}, err
	}
	var params rulesets.RulesetGetParams
	params.ZoneID.Value = zoneID
	got, err := ask[rulesetReply](ctx, c, a, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.rulesets.Get(ctx, rulesetID, params, opts...)
		return err
	})
	if err != nil {
		return phaseRules{}, err
	}
	rules := phaseRules{
		ruleset: edge.Ruleset{ID: got.Result.ID, Version: got.Result.Version}, others: map[string]fields{},
	}
	if rules.ruleset.ID != rulesetID {
		return phaseRules{}, &edge.APIError{Kind: edge.KindTransient, Doing: a.doing, Err: errUnreadable}
	}
	for _, f := range got.Result.Rules {
		rule, others, err := ruleOf(f)
		if err != nil {
			return phaseRules{}, &edge.APIError{Kind: edge.KindTransient, Doing: a.doing, Err: errUnreadable}
		}
		rules.ruleset.Rules = append(rules.ruleset.Rules, rule)
		if len(others) > 0 {
			rules.others[rule.ID] = others
		}
	}
	return rules, nil
}

// ruleOf takes a rule apart: what edge.Rule has, and the rest that can be written.
func ruleOf(f fields) (edge.Rule, fields, error) {
	// A rule that doesn't say otherwise is enabled. Source: developers.cloudflare.com/ruleset-engine/rulesets-api/json-object/
	rule, others := edge.Rule{Enabled: true}, fields{}
	for name, raw := range f {
		if string(raw) == "null" {
			continue
		}
		var err error
		switch name {
		case "id":
			err = json.Unmarshal(raw, &rule.ID)
		case "ref":
			err = json.Unmarshal(raw, &rule.Ref)
		case "description":
			err = json.Unmarshal(raw, &rule.Description)
		case "expression":
			err = json.Unmarshal(raw, &rule.Expression)
		case "action":
			err = json.Unmarshal(raw, &rule.Action)
		case "enabled":
			err = json.Unmarshal(raw, &rule.Enabled)
		case "action_parameters":
			rule.Parameters = raw
		case "ratelimit":
			rule.RateLimit = raw
		case "version", "last_updated":
			// Cloudflare sets them.
		default:
			others[name] = raw
		}
		if err != nil {
			return edge.Rule{}, nil, err
		}
	}
	return rule, others, nil
}

// ruleBody is a rule as it is sent.
func ruleBody(rule edge.Rule, at edge.Position, others fields) (fields, error) {
	body := fields{}
	for name, raw := range others {
		body[name] = raw
	}
	rule.ID = ""
	raw, err := json.Marshal(rule)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, err
	}
	if !at.IsZero() {
		if body["position"], err = json.Marshal(placeOf(at)); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// placeOf is a position as Cloudflare takes it: before an id, or after one; before none is the first place.
// Source: developers.cloudflare.com/ruleset-engine/rulesets-api/add-rule/
func placeOf(at edge.Position) map[string]string {
	if at.After != "" {
		return map[string]string{"after": at.After}
	}
	return map[string]string{"before": at.Before}
}

// CreateRuleset implements edge.API. It is a POST: a PUT would replace the rules of an entry point that somebody made meanwhile.
func (c *Client) CreateRuleset(ctx context.Context, zone edge.Zone, phase edge.Phase, rules []edge.Rule) error {
	a := actionCreateRuleset.of(phase)
	if err := checkIDs(a, zone.ID); err != nil {
		return err
	}
	body := struct {
		Name  string     `json:"name"`
		Kind  string     `json:"kind"`
		Phase edge.Phase `json:"phase"`
		Rules []fields   `json:"rules"`
	}{Name: "LaunchReady", Kind: kindZone, Phase: phase, Rules: []fields{}}
	for _, rule := range rules {
		f, err := ruleBody(rule, edge.Position{}, nil)
		if err != nil {
			return &edge.APIError{Kind: edge.KindInvalid, Doing: a.doing, Err: err}
		}
		body.Rules = append(body.Rules, f)
	}
	var params rulesets.RulesetNewParams
	params.ZoneID.Value = zone.ID
	return c.change(ctx, a, zone, body, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.rulesets.New(ctx, params, opts...)
		return err
	})
}

// CreateRule implements edge.API.
func (c *Client) CreateRule(
	ctx context.Context, zone edge.Zone, rulesetID string, rule edge.Rule, at edge.Position,
) error {
	phase, _ := c.rules.find(zone.ID, rulesetID)
	a := actionChangeRules.of(phase)
	if err := checkIDs(a, zone.ID, rulesetID); err != nil {
		return err
	}
	body, err := ruleBody(rule, at, nil)
	if err != nil {
		return &edge.APIError{Kind: edge.KindInvalid, Doing: a.doing, Err: err}
	}
	defer c.rules.outdate(zone.ID, phase)
	params := rulesets.RuleNewParams{Body: rulesets.RuleNewParamsBody{}}
	params.ZoneID.Value = zone.ID
	return c.change(ctx, a, zone, body, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.rule.New(ctx, rulesetID, params, opts...)
		return err
	})
}

// UpdateRule implements edge.API. Fields of the rule that edge.Rule doesn't have stay as they were read last, unless the action
// changes, whose fields they may be.
func (c *Client) UpdateRule(
	ctx context.Context, zone edge.Zone, rulesetID string, rule edge.Rule, at edge.Position,
) error {
	phase, known := c.rules.find(zone.ID, rulesetID)
	a := actionChangeRules.of(phase)
	if err := checkIDs(a, zone.ID, rulesetID, rule.ID); err != nil {
		return err
	}
	var others fields
	for _, was := range known.ruleset.Rules {
		if was.ID == rule.ID && was.Action == rule.Action {
			others = known.others[rule.ID]
		}
	}
	body, err := ruleBody(rule, at, others)
	if err != nil {
		return &edge.APIError{Kind: edge.KindInvalid, Doing: a.doing, Err: err}
	}
	defer c.rules.outdate(zone.ID, phase)
	params := rulesets.RuleEditParams{Body: rulesets.RuleEditParamsBody{}}
	params.ZoneID.Value = zone.ID
	return c.change(ctx, a, zone, body, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.rule.Edit(ctx, rulesetID, rule.ID, params, opts...)
		return err
	})
}

// DeleteRule implements edge.API.
func (c *Client) DeleteRule(ctx context.Context, zone edge.Zone, rulesetID, ruleID string) error {
	phase, _ := c.rules.find(zone.ID, rulesetID)
	a := actionChangeRules.of(phase)
	if err := checkIDs(a, zone.ID, rulesetID, ruleID); err != nil {
		return err
	}
	defer c.rules.outdate(zone.ID, phase)
	var params rulesets.RuleDeleteParams
	params.ZoneID.Value = zone.ID
	err := c.change(ctx, a, zone, nil, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.rule.Delete(ctx, rulesetID, ruleID, params, opts...)
		return err
	})
	if gone(err) {
		return nil
	}
	return err
}
