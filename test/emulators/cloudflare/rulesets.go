// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	kindZone    = "zone"
	kindManaged = "managed"
)

// managedRuleset is a ruleset that Cloudflare keeps: waf/managed-rules/reference, ddos-protection/managed-rulesets/http.
type managedRuleset struct {
	id, name, phase string
	plan            Plan // the smallest that has it
}

func managedRulesets() []managedRuleset {
	return []managedRuleset{
		{"77454fe2d30c4220b5701f6fdfb893ba", "Cloudflare Managed Free Ruleset", phaseManaged, Free},
		{"efb7b8c949ac4650a09736fc376e9aee", "Cloudflare Managed Ruleset", phaseManaged, Pro},
		{"4814384a9e5d4991b9815dcfc25d2f1f", "Cloudflare OWASP Core Ruleset", phaseManaged, Pro},
		{"c2e184081120413c86c3ab7e14069605", "Cloudflare Exposed Credentials Check Ruleset", phaseManaged, Pro},
		{"4d21379b4f9f4bb088e0729962c8b3cf", "DDoS L7 ruleset", "ddos_l7", Free},
	}
}

func (s Ruleset) summary() map[string]any {
	out := map[string]any{
		"id": s.ID, "name": s.Name, "kind": s.Kind, "phase": s.Phase, "version": strconv.Itoa(s.Version), "last_updated": s.LastUpdated,
	}
	if s.Description != "" {
		out["description"] = s.Description
	}
	return out
}

// view is a ruleset with its rules, which the list of rulesets leaves out.
func (s Ruleset) view() map[string]any {
	out := s.summary()
	rules := make([]map[string]any, 0, len(s.Rules))
	for _, r := range s.Rules {
		rules = append(rules, r.view())
	}
	out["rules"] = rules
	return out
}

func (r Rule) view() map[string]any {
	out := map[string]any{
		"id": r.ID, "ref": r.Ref, "version": strconv.Itoa(r.Version), "action": r.Action, "expression": r.Expression,
		"description": r.Description, "enabled": r.Enabled, "last_updated": r.LastUpdated,
	}
	for key, v := range map[string]map[string]any{"action_parameters": r.ActionParameters, "ratelimit": r.Ratelimit, "logging": r.Logging} {
		if v != nil {
			out[key] = v
		}
	}
	return out
}

// allowed says whether the token may read or write the phase. Each phase has a permission group of its own.
func (c *request) allowed(phase string) *apiError {
	limit, ok := planTable.phases[phase]
	if !ok {
		return refuse(http.StatusBadRequest, 20016, "unknown phase %q", phase).at("/phase")
	}
	if !c.token.may(c.write(), limit.group) {
		return c.forbidden()
	}
	return nil
}

// listRulesets shows the zone's rulesets and Cloudflare's, without rules.
func listRulesets(c *request) (reply, *apiError) {
	if !c.token.may(false, phaseGroups()...) {
		return reply{}, c.forbidden()
	}
	out := []map[string]any{}
	for _, m := range managedRulesets() {
		if c.zone.Plan.atLeast(m.plan) {
			out = append(out, Ruleset{ID: m.id, Name: m.name, Kind: kindManaged, Phase: m.phase, Version: 1, LastUpdated: c.zone.CreatedOn}.summary())
		}
	}
	for _, s := range c.zone.Rulesets {
		if c.allowed(s.Phase) == nil {
			out = append(out, s.summary())
		}
	}
	// cursors, not pages; the emulator's zones fit into one
	return reply{result: out, info: map[string]any{"count": len(out), "per_page": 50, "cursors": map[string]any{}}}, nil
}

func (z *Zone) ruleset(id string) *Ruleset {
	for i := range z.Rulesets {
		if z.Rulesets[i].ID == id {
			return &z.Rulesets[i]
		}
	}
	return nil
}

func (z *Zone) entrypoint(phase string) *Ruleset {
	for i := range z.Rulesets {
		if z.Rulesets[i].Phase == phase && z.Rulesets[i].Kind == kindZone {
			return &z.Rulesets[i]
		}
	}
	return nil
}

func getEntrypoint(c *request) (reply, *apiError) {
	phase := c.http.PathValue("phase")
	if e := c.allowed(phase); e != nil {
		return reply{}, e
	}
	set := c.zone.entrypoint(phase)
	if set == nil {
		return reply{}, refuse(http.StatusNotFound, 10003, "could not find entrypoint ruleset in the %s phase", phase)
	}
	return reply{result: set.view()}, nil
}

// rulesetBody is a ruleset in a request.
type rulesetBody struct {
	Name        string
	Description string
	Kind        string
	Phase       string
	Rules       []json.RawMessage
}

func (c *request) rulesetBody() (rulesetBody, *apiError) {
	var in rulesetBody
	if err := json.Unmarshal(c.body, &in); err != nil {
		return in, refuse(http.StatusBadRequest, 20000, "invalid JSON: %v", err)
	}
	return in, nil
}

// putEntrypoint replaces all rules of a phase, and makes its ruleset where there is none.
func putEntrypoint(c *request) (reply, *apiError) {
	phase := c.http.PathValue("phase")
	if e := c.allowed(phase); e != nil {
		return reply{}, e
	}
	in, e := c.rulesetBody()
	if e != nil {
		return reply{}, e
	}
	set := c.zone.entrypoint(phase)
	if set == nil {
		c.zone.Rulesets = append(c.zone.Rulesets, Ruleset{ID: newID(), Name: "default", Kind: kindZone, Phase: phase})
		set = &c.zone.Rulesets[len(c.zone.Rulesets)-1]
	}
	return c.putRules(set, in)
}

func createRuleset(c *request) (reply, *apiError) {
	in, e := c.rulesetBody()
	if e != nil {
		return reply{}, e
	}
	if e := c.allowed(in.Phase); e != nil {
		return reply{}, e
	}
	switch {
	case in.Kind != kindZone:
		return reply{}, refuse(http.StatusBadRequest, 20217, "'%s' is not a valid value for kind because the emulator knows zone rulesets only", in.Kind).at("/kind")
	case in.Name == "":
		return reply{}, refuse(http.StatusBadRequest, 20218, "'' is not a valid value for name because the name cannot be blank").at("/name")
	case c.zone.entrypoint(in.Phase) != nil:
		return reply{}, refuse(http.StatusBadRequest, 20217, "'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase %s", in.Phase).at("/kind")
	}
	c.zone.Rulesets = append(c.zone.Rulesets, Ruleset{ID: newID(), Name: in.Name, Kind: kindZone, Phase: in.Phase})
	return c.putRules(&c.zone.Rulesets[len(c.zone.Rulesets)-1], in)
}

// putRules replaces the rules. A rule that names the id or the ref of one that was there stays that rule.
func (c *request) putRules(set *Ruleset, in rulesetBody) (reply, *apiError) {
	old := set.Rules
	set.Rules = nil
	for i, b := range in.Rules {
		rule, e := c.readRule(set.Phase, b, old)
		if e != nil {
			return reply{}, prefixed(e, fmt.Sprintf("/rules/%d", i))
		}
		set.Rules = append(set.Rules, rule)
	}
	if in.Name != "" {
		set.Name = in.Name
	}
	if in.Description != "" {
		set.Description = in.Description
	}
	return c.finishRuleset(set)
}

func prefixed(e *apiError, pointer string) *apiError {
	if e.Source != nil {
		return e.at(pointer + e.Source.Pointer)
	}
	return e.at(pointer)
}

// finishRuleset checks the ruleset as a whole and raises its version.
func (c *request) finishRuleset(set *Ruleset) (reply, *apiError) {
	if limit := planTable.phases[set.Phase].rules.of(c.zone.Plan); len(set.Rules) > limit {
		return reply{}, refuse(http.StatusBadRequest, 50001, "exceeded the maximum number of rules in the phase %s: %d out of %d", set.Phase, len(set.Rules), limit)
	}
	seen := map[string]bool{}
	for i, r := range set.Rules {
		if seen[r.Ref] {
			return reply{}, refuse(http.StatusBadRequest, 20121, "'%s' is not a valid value for ref because it is used by another rule of the ruleset", r.Ref).at(fmt.Sprintf("/rules/%d/ref", i))
		}
		seen[r.Ref] = true
	}
	set.Version++
	set.LastUpdated = c.now
	c.changed = true
	return reply{result: set.view()}, nil
}

// rulesetOf finds the ruleset of the path and checks the phase's permission.
func (c *request) rulesetOf() (*Ruleset, *apiError) {
	id := c.http.PathValue("ruleset")
	if !c.token.may(c.write(), phaseGroups()...) {
		return nil, c.forbidden()
	}
	set := c.zone.ruleset(id)
	if set == nil {
		return nil, refuse(http.StatusNotFound, 10001, "could not find ruleset %s", id)
	}
	return set, c.allowed(set.Phase)
}

func getRuleset(c *request) (reply, *apiError) {
	for _, m := range managedRulesets() {
		if m.id == c.http.PathValue("ruleset") && c.zone.Plan.atLeast(m.plan) && c.token.may(false, phaseGroups()...) {
			return reply{result: Ruleset{ID: m.id, Name: m.name, Kind: kindManaged, Phase: m.phase, Version: 1, LastUpdated: c.zone.CreatedOn}.view()}, nil
		}
	}
	set, e := c.rulesetOf()
	if e != nil {
		return reply{}, e
	}
	return reply{result: set.view()}, nil
}

func putRuleset(c *request) (reply, *apiError) {
	set, e := c.rulesetOf()
	if e != nil {
		return reply{}, e
	}
	in, e := c.rulesetBody()
	if e != nil {
		return reply{}, e
	}
	return c.putRules(set, in)
}

func deleteRuleset(c *request) (reply, *apiError) {
	set, e := c.rulesetOf()
	if e != nil {
		return reply{}, e
	}
	id := set.ID
	c.zone.Rulesets = slices.DeleteFunc(c.zone.Rulesets, func(o Ruleset) bool { return o.ID == id })
	c.changed = true
	return reply{empty: true}, nil
}

func addRule(c *request) (reply, *apiError) {
	set, e := c.rulesetOf()
	if e != nil {
		return reply{}, e
	}
	rule, e := c.readRule(set.Phase, c.body, nil)
	if e != nil {
		return reply{}, e
	}
	set.Rules = append(set.Rules, rule)
	if e := c.move(set, rule.ID); e != nil {
		return reply{}, e
	}
	return c.finishRuleset(set)
}

// patchRule moves a rule, or replaces its definition, or both. What a new definition leaves out is gone: the documentation says "You must
// include all the rule fields that you want to be part of the new rule definition" (ruleset-engine/rulesets-api/update-rule).
func patchRule(c *request) (reply, *apiError) {
	set, e := c.rulesetOf()
	if e != nil {
		return reply{}, e
	}
	i, e := set.rule(c.http.PathValue("rule"))
	if e != nil {
		return reply{}, e
	}
	id := set.Rules[i].ID
	if definition(c.json) {
		old := set.Rules[i]
		rule, e := c.readRule(set.Phase, c.body, []Rule{old}, id)
		if e != nil {
			return reply{}, e
		}
		rule.Version = old.Version + 1
		set.Rules[i] = rule
	}
	if e := c.move(set, id); e != nil {
		return reply{}, e
	}
	return c.finishRuleset(set)
}

// definition says whether a PATCH holds more than a position.
func definition(body map[string]any) bool {
	for key := range body {
		if key != "position" && key != "id" {
			return true
		}
	}
	return false
}

func deleteRule(c *request) (reply, *apiError) {
	set, e := c.rulesetOf()
	if e != nil {
		return reply{}, e
	}
	i, e := set.rule(c.http.PathValue("rule"))
	if e != nil {
		return reply{}, e
	}
	set.Rules = slices.Delete(set.Rules, i, i+1)
	return c.finishRuleset(set)
}

func (s *Ruleset) rule(id string) (int, *apiError) {
	i := slices.IndexFunc(s.Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return 0, refuse(http.StatusNotFound, 10002, "could not find rule %s in ruleset %s", id, s.ID)
	}
	return i, nil
}

// move puts a rule where the body's position says: before or after a rule ("" is the first or last place), or at an index that counts from 1.
func (c *request) move(set *Ruleset, id string) *apiError {
	var in struct {
		Position *struct {
			Before, After *string
			Index         *int
		}
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return refuse(http.StatusBadRequest, 20000, "invalid JSON: %v", err)
	}
	if in.Position == nil {
		return nil
	}
	from, e := set.rule(id)
	if e != nil {
		return e
	}
	rule := set.Rules[from]
	rest := slices.Delete(slices.Clone(set.Rules), from, from+1)
	others := Ruleset{ID: set.ID, Rules: rest}
	to := len(rest)
	switch p := in.Position; {
	case p.Before != nil && *p.Before == "":
		to = 0
	case p.Before != nil:
		to, e = others.rule(*p.Before)
	case p.After != nil && *p.After != "":
		to, e = others.rule(*p.After)
		to++
	case p.Index != nil:
		if *p.Index < 1 || *p.Index > len(rest)+1 {
			return refuse(http.StatusBadRequest, 20119, "'%d' is not a valid value for index because it is out of range", *p.Index).at("/position/index")
		}
		to = *p.Index - 1
	}
	if e != nil {
		e.Status = http.StatusBadRequest
		return e.at("/position")
	}
	set.Rules = slices.Insert(rest, to, rule)
	return nil
}

// balanced is the check of an expression where no better one was given: quotes are closed and parentheses match.
func balanced(_, _, expression string) error {
	depth, quoted := 0, false
	for i := 0; i < len(expression); i++ {
		switch ch := expression[i]; {
		case quoted && ch == '\\':
			i++
		case ch == '"':
			quoted = !quoted
		case quoted:
		case ch == '(':
			depth++
		case ch == ')':
			depth--
		}
		if depth < 0 {
			break
		}
	}
	if depth != 0 || quoted {
		return fmt.Errorf("Filter parsing error (1:%d): quotes or parentheses do not match", len(expression)) //nolint:staticcheck // Cloudflare's words
	}
	return nil
}

// outside gives an expression without its strings, so that words in a value aren't taken for the language.
func outside(expression string) string {
	var out strings.Builder
	quoted := false
	for i := 0; i < len(expression); i++ {
		switch ch := expression[i]; {
		case quoted && ch == '\\':
			i++
		case ch == '"':
			quoted = !quoted
			out.WriteByte(' ')
		case !quoted:
			out.WriteByte(ch)
		}
	}
	return out.String()
}

// fieldsOf lists the fields that an expression names.
func fieldsOf(expression string) []string {
	words := strings.FieldsFunc(outside(expression), func(r rune) bool {
		return r != '.' && r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return slices.DeleteFunc(words, func(word string) bool {
		return word != "ssl" && !strings.HasPrefix(word, "http.") && !strings.HasPrefix(word, "ip.") && !strings.HasPrefix(word, "cf.")
	})
}

// usesMatches says whether an expression uses regular expressions: the operator matches, its other name ~, or regex_replace.
func usesMatches(expression string) bool {
	words := strings.FieldsFunc(outside(expression), func(r rune) bool { return strings.ContainsRune(" \t\n()", r) })
	return slices.ContainsFunc(words, func(word string) bool { return word == "matches" || word == "~" || word == "regex_replace" })
}
