// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cloudflare/cloudflare-go/v7/rulesets"
	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/test/emulators/cloudflare"
)

// sets is Cloudflare's client for the rulesets of one zone.
type sets struct {
	*rulesets.RulesetService
	zone string
}

func (r *rig) sets(token cloudflare.Token) sets {
	return sets{rulesets.NewRulesetService(r.options(token)...), r.zone.ID}
}

// body is a rule as a test wants it; a rule's other fields have working values.
type body map[string]any

func (b body) action() string {
	action, _ := b["Action"].(string)
	return action
}

func (b body) fields() fields {
	f := fields{"Expression": `http.host eq "chat.example.com"`, "Enabled": true}
	for k, v := range b {
		f[k] = v
	}
	return f
}

func (s sets) entrypoint(t *testing.T, phase rulesets.Phase) (*rulesets.PhaseGetResponse, error) {
	t.Helper()
	return s.Phases.Get(t.Context(), phase, with(rulesets.PhaseGetParams{}, fields{"ZoneID": s.zone}))
}

// create makes the phase's ruleset, with rules.
func (s sets) create(t *testing.T, phase string, rules ...body) (*rulesets.RulesetNewResponseEnvelopeResult, error) {
	t.Helper()
	list := []rulesets.RulesetNewParamsRuleUnion{}
	for _, b := range rules {
		f := b.fields()
		f["Action"] = rulesets.RulesetNewParamsRulesAction(b.action())
		list = append(list, with(rulesets.RulesetNewParamsRule{}, f))
	}
	return s.New(t.Context(), with(rulesets.RulesetNewParams{}, fields{
		"ZoneID": s.zone, "Kind": rulesets.KindZone, "Name": "default", "Phase": rulesets.Phase(phase), "Rules": list,
	}))
}

func (s sets) add(t *testing.T, set string, b body) (*rulesets.RuleNewResponseEnvelopeResult, error) {
	t.Helper()
	f := b.fields()
	f["Action"] = rulesets.RuleNewParamsBodyAction(b.action())
	return s.Rules.New(t.Context(), set, with(rulesets.RuleNewParams{}, fields{"ZoneID": s.zone, "Body": with(rulesets.RuleNewParamsBody{}, f)}))
}

func (s sets) edit(t *testing.T, set, rule string, f fields) (*rulesets.RuleEditResponseEnvelopeResult, error) {
	t.Helper()
	if action, ok := f["Action"].(string); ok {
		f["Action"] = rulesets.RuleEditParamsBodyAction(action)
	}
	return s.Rules.Edit(t.Context(), set, rule, with(rulesets.RuleEditParams{}, fields{"ZoneID": s.zone, "Body": with(rulesets.RuleEditParamsBody{}, f)}))
}

// refs are the refs of the phase's rules, in order.
func (r *rig) refs(phase string) string {
	z, _ := r.Zone("example.com")
	var out []string
	for _, rule := range z.Rules(phase) {
		out = append(out, rule.Ref)
	}
	return strings.Join(out, " ")
}

const custom = "http_request_firewall_custom"

func TestRulesetLife(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	s := r.sets(r.token)

	_, err := s.entrypoint(t, custom)
	if diff := cmp.Diff(refusal{404, 10003}, refused(err)); diff != "" {
		t.Fatalf("a phase without rules: %v: %s", err, diff)
	}
	set, err := s.create(t, custom, body{"Action": "block", "Ref": "one"})
	if err != nil || set.Version != "1" || len(set.Rules) != 1 || set.Rules[0].Ref != "one" {
		t.Fatalf("%+v, %v", set, err)
	}
	_, err = s.create(t, custom)
	if diff := cmp.Diff(refusal{400, 20217}, refused(err)); diff != "" {
		t.Errorf("a second ruleset in the phase: %v: %s", err, diff)
	}
	added, err := s.add(t, set.ID, body{"Action": "managed_challenge"})
	if err != nil || added.Version != "2" || added.Rules[1].Ref != added.Rules[1].ID {
		t.Fatalf("a rule without ref has its id as ref: %+v, %v", added, err)
	}
	_, err = s.add(t, set.ID, body{"Action": "block", "Ref": "one"})
	if refused(err).Status != 400 {
		t.Errorf("the same ref again: %v", err)
	}
	got, err := s.entrypoint(t, custom)
	if err != nil || got.Version != "2" || len(got.Rules) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.Delete(t.Context(), set.ID, with(rulesets.RulesetDeleteParams{}, fields{"ZoneID": s.zone})); err != nil {
		t.Error(err)
	}
	if _, err = s.entrypoint(t, custom); refused(err).Status != 404 {
		t.Errorf("after its deletion: %v", err)
	}
	r.noViolations(t)
}

func TestRulesAreMoved(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	s := r.sets(r.token)
	set, err := s.create(t, custom, body{"Action": "block", "Ref": "a"}, body{"Action": "block", "Ref": "b"}, body{"Action": "block", "Ref": "c"})
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := set.Rules[0].ID, set.Rules[1].ID, set.Rules[2].ID
	for _, step := range []struct {
		rule string
		to   map[string]any
		want string
	}{
		{c, map[string]any{"before": ""}, "c a b"},
		{c, map[string]any{"after": ""}, "a b c"},
		{c, map[string]any{"before": b}, "a c b"},
		{a, map[string]any{"after": b}, "c b a"},
		{a, map[string]any{"index": 2}, "c a b"},
	} {
		if _, err := s.edit(t, set.ID, step.rule, fields{"Position": step.to}); err != nil {
			t.Fatal(err)
		}
		if got := r.refs(custom); got != step.want {
			t.Fatalf("%v: %s, want %s", step.to, got, step.want)
		}
	}
	for _, bad := range []map[string]any{{"index": 0}, {"index": 4}, {"before": "00000000000000000000000000000000"}} {
		if _, err := s.edit(t, set.ID, a, fields{"Position": bad}); refused(err).Status != 400 {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := s.add(t, set.ID, body{"Action": "block", "Ref": "d", "Position": map[string]any{"index": 1}}); err != nil || r.refs(custom) != "d c a b" {
		t.Errorf("%s, %v", r.refs(custom), err)
	}
	r.noViolations(t)
}

func TestPatchReplacesTheWholeDefinition(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	s := r.sets(r.token)
	set, err := s.create(t, custom, body{"Action": "block", "Ref": "a", "Description": "words"})
	if err != nil {
		t.Fatal(err)
	}
	id := set.Rules[0].ID
	if _, err := s.edit(t, set.ID, id, fields{"Description": "other words"}); refused(err).Status != 400 {
		t.Errorf("without action and expression: %v", err)
	}
	got, err := s.edit(t, set.ID, id, fields{"Action": "managed_challenge", "Expression": "true"})
	if err != nil {
		t.Fatal(err)
	}
	rule := got.Rules[0]
	if rule.ID != id || rule.Ref != id || rule.Description != "" || rule.Version != "2" || got.Version != "2" {
		t.Errorf("%+v", rule)
	}
}

func TestPutKeepsTheIDsOfKnownRules(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	s := r.sets(r.token)
	set, err := s.create(t, custom, body{"Action": "block", "Ref": "a"}, body{"Action": "block", "Ref": "b"})
	if err != nil {
		t.Fatal(err)
	}
	put := []rulesets.PhaseUpdateParamsRuleUnion{
		with(rulesets.PhaseUpdateParamsRule{}, fields{"Ref": "b", "Action": rulesets.PhaseUpdateParamsRulesActionBlock, "Expression": "true"}),
		with(rulesets.PhaseUpdateParamsRule{}, fields{"Action": rulesets.PhaseUpdateParamsRulesActionBlock, "Expression": "true"}),
	}
	got, err := s.Phases.Update(t.Context(), custom, with(rulesets.PhaseUpdateParams{}, fields{"ZoneID": s.zone, "Rules": put}))
	if err != nil || len(got.Rules) != 2 || got.Rules[0].ID != set.Rules[1].ID || got.Rules[0].Version != "2" || got.Rules[1].ID == set.Rules[0].ID {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	s := r.sets(r.token)
	before := r.Version()
	params := fields{"ZoneID": s.zone, "DryRun": true, "Rules": []rulesets.PhaseUpdateParamsRuleUnion{}}
	if _, err := s.Phases.Update(t.Context(), custom, with(rulesets.PhaseUpdateParams{}, params)); err != nil {
		t.Error(err)
	}
	if r.Version() != before {
		t.Error("a dry run changed the zone")
	}
}

func TestRulesetsAreListedWithoutRules(t *testing.T) {
	for plan, want := range map[cloudflare.Plan]int{cloudflare.Free: 2, cloudflare.Pro: 5} {
		t.Run(string(plan), func(t *testing.T) {
			r := newRig(t, plan)
			s := r.sets(r.token)
			if _, err := s.create(t, custom, body{"Action": "block"}); err != nil {
				t.Fatal(err)
			}
			page, err := s.List(t.Context(), with(rulesets.RulesetListParams{}, fields{"ZoneID": s.zone}))
			if err != nil {
				t.Fatal(err)
			}
			managed := 0
			for _, set := range page.Result {
				if set.Kind == rulesets.KindManaged {
					managed++
				}
				if strings.Contains(set.JSON.RawJSON(), `"rules"`) {
					t.Errorf("the list shows rules: %s", set.JSON.RawJSON())
				}
			}
			if managed != want || len(page.Result) != want+1 {
				t.Errorf("%d managed of %d rulesets, want %d", managed, len(page.Result), want)
			}
		})
	}
}

func limit(change map[string]any) body {
	rate := map[string]any{
		"characteristics": []any{"cf.colo.id", "ip.src"}, "period": 10, "requests_per_period": 20, "mitigation_timeout": 10,
	}
	b := body{"Action": "block", "Expression": `http.request.uri.path eq "/api/login"`, "Ratelimit": rate}
	for k, v := range change {
		if k == "Action" || k == "Expression" || k == "ActionParameters" {
			b[k] = v
		} else {
			rate[k] = v
		}
	}
	return b
}

func TestRulesAreRefused(t *testing.T) {
	const (
		free, pro, business, enterprise = cloudflare.Free, cloudflare.Pro, cloudflare.Business, cloudflare.Enterprise
		rate                            = "http_ratelimit"
		redirect                        = "http_request_dynamic_redirect"
		config                          = "http_config_settings"
		managed                         = "http_request_firewall_managed"
	)
	response := func(status int) map[string]any {
		return map[string]any{"response": map[string]any{"status_code": status, "content": "no", "content_type": "text/plain"}}
	}
	target := map[string]any{"from_value": map[string]any{"status_code": 301, "target_url": map[string]any{"value": "https://example.com/"}}}
	tests := map[string]struct {
		phase string
		rule  body
		code  map[cloudflare.Plan]int64 // 0: it is taken
	}{
		"log":        {custom, body{"Action": "log"}, map[cloudflare.Plan]int64{business: 20015, enterprise: 0}},
		"action":     {custom, body{"Action": "redirect"}, map[cloudflare.Plan]int64{enterprise: 20120}},
		"blank":      {custom, body{"Action": "block", "Expression": ""}, map[cloudflare.Plan]int64{enterprise: 20125}},
		"quotes":     {custom, body{"Action": "block", "Expression": `http.host eq "x`}, map[cloudflare.Plan]int64{enterprise: 20127}},
		"long":       {custom, body{"Action": "block", "Expression": strings.Repeat("not ", 1025) + "ssl"}, map[cloudflare.Plan]int64{enterprise: 20126}},
		"matches":    {custom, body{"Action": "block", "Expression": `http.host matches "x"`}, map[cloudflare.Plan]int64{free: 20015, pro: 20015, business: 0}},
		"in a value": {custom, body{"Action": "block", "Expression": `http.host eq "a matches b"`}, map[cloudflare.Plan]int64{free: 0}},
		"escaped":    {custom, body{"Action": "block", "Expression": `http.user_agent eq "a \" matches cf.bot_management.score"`}, map[cloudflare.Plan]int64{free: 0}},
		"score":      {custom, body{"Action": "block", "Expression": "cf.waf.score.class eq \"attack\""}, map[cloudflare.Plan]int64{pro: 20015, business: 0}},
		"leaked":     {custom, body{"Action": "block", "Expression": "cf.waf.credential_check.password_leaked"}, map[cloudflare.Plan]int64{free: 0}},
		"leaked too": {custom, body{"Action": "block", "Expression": "cf.waf.credential_check.username_and_password_leaked"}, map[cloudflare.Plan]int64{free: 20015, pro: 0}},
		"the body":   {custom, body{"Action": "block", "Expression": `http.request.body.raw contains "x"`}, map[cloudflare.Plan]int64{business: 20015, enterprise: 0}},
		"bot score":  {custom, body{"Action": "block", "Expression": "cf.bot_management.score lt 30"}, map[cloudflare.Plan]int64{business: 20015, enterprise: 0}},
		"response":   {custom, body{"Action": "block", "ActionParameters": response(403)}, map[cloudflare.Plan]int64{free: 20015, pro: 0}},
		"status 503": {custom, body{"Action": "block", "ActionParameters": response(503)}, map[cloudflare.Plan]int64{pro: 20060}},
		"skip all":   {custom, body{"Action": "skip", "ActionParameters": map[string]any{"ruleset": "current"}}, map[cloudflare.Plan]int64{free: 0}},
		"the phase":  {"http_custom_errors", body{"Action": "serve_error", "ActionParameters": map[string]any{"content": "x", "content_type": "text/plain", "status_code": 503}}, map[cloudflare.Plan]int64{free: 50002, pro: 0}},

		"limit":              {rate, limit(nil), map[cloudflare.Plan]int64{free: 0, pro: 0, business: 0, enterprise: 0}},
		"without limit":      {rate, body{"Action": "block"}, map[cloudflare.Plan]int64{enterprise: 20202}},
		"period 60":          {rate, limit(map[string]any{"period": 60}), map[cloudflare.Plan]int64{free: 20015, pro: 0}},
		"period 600":         {rate, limit(map[string]any{"period": 600}), map[cloudflare.Plan]int64{pro: 20015, business: 0}},
		"period 3600":        {rate, limit(map[string]any{"period": 3600}), map[cloudflare.Plan]int64{business: 20015, enterprise: 0}},
		"period 11":          {rate, limit(map[string]any{"period": 11}), map[cloudflare.Plan]int64{enterprise: 20015}},
		"timeout 60":         {rate, limit(map[string]any{"mitigation_timeout": 60}), map[cloudflare.Plan]int64{free: 20015, pro: 0}},
		"timeout of a day":   {rate, limit(map[string]any{"mitigation_timeout": 86400}), map[cloudflare.Plan]int64{pro: 20015, business: 0}},
		"challenge":          {rate, limit(map[string]any{"Action": "managed_challenge", "mitigation_timeout": 0}), map[cloudflare.Plan]int64{free: 20015, pro: 0}},
		"challenge for 10 s": {rate, limit(map[string]any{"Action": "managed_challenge"}), map[cloudflare.Plan]int64{pro: 20157, business: 20157, enterprise: 0}},
		"host":               {rate, limit(map[string]any{"Expression": `http.host eq "x"`}), map[cloudflare.Plan]int64{free: 20015, pro: 0}},
		"method":             {rate, limit(map[string]any{"Expression": `http.request.method eq "POST"`}), map[cloudflare.Plan]int64{pro: 20015, business: 0}},
		"response code":      {rate, limit(map[string]any{"Expression": `http.response.code eq 404`}), map[cloudflare.Plan]int64{enterprise: 20127}},
		"by cookie":          {rate, limit(map[string]any{"characteristics": []any{"cf.colo.id", `http.request.cookies["s"]`}}), map[cloudflare.Plan]int64{business: 20015, enterprise: 0}},
		"without colo":       {rate, limit(map[string]any{"characteristics": []any{"ip.src"}}), map[cloudflare.Plan]int64{enterprise: 20155}},
		"counting":           {rate, limit(map[string]any{"counting_expression": "http.response.code eq 401"}), map[cloudflare.Plan]int64{pro: 20015, business: 0}},

		"redirect":    {redirect, body{"Action": "redirect", "ActionParameters": target}, map[cloudflare.Plan]int64{free: 0}},
		"to nowhere":  {redirect, body{"Action": "redirect", "ActionParameters": map[string]any{"from_value": map[string]any{"target_url": map[string]any{}}}}, map[cloudflare.Plan]int64{free: 20073}},
		"config":      {config, body{"Action": "set_config", "ActionParameters": map[string]any{"ssl": "strict", "automatic_https_rewrites": true}}, map[cloudflare.Plan]int64{free: 0}},
		"ssl unknown": {config, body{"Action": "set_config", "ActionParameters": map[string]any{"ssl": "strictest"}}, map[cloudflare.Plan]int64{free: 20081}},
		"OWASP":       {managed, body{"Action": "execute", "Expression": "true", "ActionParameters": map[string]any{"id": "4814384a9e5d4991b9815dcfc25d2f1f"}}, map[cloudflare.Plan]int64{free: 20015, pro: 0}},
	}
	for name, tt := range tests {
		for plan, code := range tt.code {
			t.Run(fmt.Sprintf("%s on %s", name, plan), func(t *testing.T) {
				r := newRig(t, plan)
				_, err := r.sets(r.token).create(t, tt.phase, tt.rule)
				if got := refused(err); got.Code != code || (err == nil) != (code == 0) {
					t.Errorf("%v, want code %d", err, code)
				}
				r.noViolations(t)
			})
		}
	}
}

func TestPlansHaveRoomForSoManyRules(t *testing.T) {
	response := map[string]any{"headers": map[string]any{"X-A": map[string]any{"operation": "set", "value": "b"}}}
	redirect := map[string]any{"from_value": map[string]any{"target_url": map[string]any{"value": "https://example.com/"}}}
	for phase, tt := range map[string]struct {
		rule  body
		rooms map[cloudflare.Plan]int
	}{
		custom:                            {body{"Action": "block"}, map[cloudflare.Plan]int{cloudflare.Free: 5, cloudflare.Pro: 20, cloudflare.Business: 100, cloudflare.Enterprise: 1000}},
		"http_ratelimit":                  {limit(nil), map[cloudflare.Plan]int{cloudflare.Free: 1, cloudflare.Pro: 2, cloudflare.Business: 5, cloudflare.Enterprise: 100}},
		"http_config_settings":            {body{"Action": "set_config", "ActionParameters": map[string]any{"ssl": "full"}}, map[cloudflare.Plan]int{cloudflare.Free: 10, cloudflare.Pro: 25, cloudflare.Business: 50, cloudflare.Enterprise: 300}},
		"http_request_dynamic_redirect":   {body{"Action": "redirect", "ActionParameters": redirect}, map[cloudflare.Plan]int{cloudflare.Free: 10, cloudflare.Pro: 25}},
		"http_request_cache_settings":     {body{"Action": "set_cache_settings", "ActionParameters": map[string]any{"cache": true}}, map[cloudflare.Plan]int{cloudflare.Free: 10, cloudflare.Pro: 25}},
		"http_response_headers_transform": {body{"Action": "rewrite", "ActionParameters": response}, map[cloudflare.Plan]int{cloudflare.Free: 10, cloudflare.Enterprise: 300}},
	} {
		for plan, room := range tt.rooms {
			t.Run(phase+" on "+string(plan), func(t *testing.T) {
				r := newRig(t, plan)
				rules := make([]body, room)
				for i := range rules {
					rules[i] = tt.rule
				}
				set, err := r.sets(r.token).create(t, phase, rules...)
				if err != nil {
					t.Fatal(err)
				}
				_, err = r.sets(r.token).add(t, set.ID, tt.rule)
				if diff := cmp.Diff(refusal{400, 50001}, refused(err)); diff != "" {
					t.Errorf("one more: %v: %s", err, diff)
				}
				want := fmt.Sprintf("exceeded the maximum number of rules in the phase %s: %d out of %d", phase, room+1, room)
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %s", err, want)
				}
			})
		}
	}
}

func TestExpressionsAreCheckedByTheHook(t *testing.T) {
	var asked []string
	r := newRig(t, cloudflare.Pro, func(o *cloudflare.Options) {
		o.ValidateExpression = func(phase, plan, expression string) error {
			asked = append(asked, phase+"|"+plan+"|"+expression)
			return errors.New("Filter parsing error (1:1)")
		}
	})
	_, err := r.sets(r.token).create(t, custom, body{"Action": "block", "Expression": "nonsense"})
	if diff := cmp.Diff(refusal{400, 20127}, refused(err)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{custom + "|pro|nonsense"}, asked); diff != "" {
		t.Error(diff)
	}
}
