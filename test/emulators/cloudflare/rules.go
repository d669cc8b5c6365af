// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// ruleBody is a rule in a request.
type ruleBody struct {
	ID               string
	Ref              string
	Action           string
	ActionParameters map[string]any `json:"action_parameters"`
	Expression       string
	Description      string
	Enabled          *bool
	Ratelimit        map[string]any
	Logging          map[string]any
}

// readRule reads and checks a rule. It keeps the id of one of the old rules where the body, or the path, names it by id or ref.
func (c *request) readRule(phase string, b []byte, old []Rule, pathID ...string) (Rule, *apiError) {
	var in ruleBody
	if err := json.Unmarshal(b, &in); err != nil {
		return Rule{}, refuse(http.StatusBadRequest, 20000, "invalid JSON: %v", err)
	}
	rule := Rule{
		ID: newID(), Ref: in.Ref, Version: 1, Action: in.Action, ActionParameters: in.ActionParameters, Expression: in.Expression,
		Description: in.Description, Enabled: in.Enabled == nil || *in.Enabled, Ratelimit: in.Ratelimit, Logging: in.Logging, LastUpdated: c.now,
	}
	if len(pathID) > 0 {
		rule.ID = pathID[0]
	} else if i := slices.IndexFunc(old, func(o Rule) bool {
		return (in.ID != "" && o.ID == in.ID) || (in.ID == "" && in.Ref != "" && o.Ref == in.Ref)
	}); i >= 0 {
		rule.ID, rule.Version = old[i].ID, old[i].Version
		if sameRule(old[i], rule) {
			rule.LastUpdated = old[i].LastUpdated
		} else {
			rule.Version++
		}
	}
	if rule.Ref == "" {
		rule.Ref = rule.ID
	}
	return rule, c.checkRule(phase, rule)
}

func sameRule(a, b Rule) bool {
	a.Version, a.LastUpdated = b.Version, b.LastUpdated
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func (c *request) checkRule(phase string, r Rule) *apiError {
	plan := c.zone.Plan
	limit := planTable.phases[phase]
	switch {
	case limit.rules.of(plan) == 0:
		return refuse(http.StatusBadRequest, 50002, "not entitled to use the phase %s", phase)
	case r.Action == "" && r.ActionParameters != nil:
		return refuse(http.StatusBadRequest, 20013, "action is required for action parameters").at("/action")
	case !slices.Contains(limit.actions, r.Action):
		return refuse(http.StatusBadRequest, 20120, "'%s' is not a valid value for action because it is not allowed in the phase %s", r.Action, phase).at("/action")
	case r.Expression == "":
		return refuse(http.StatusBadRequest, 20125, "'' is not a valid value for expression because the expression cannot be blank").at("/expression")
	case len(r.Expression) > 4096: // ruleset-engine/rules-language/expressions/#maximum-rule-expression-length
		return refuse(http.StatusBadRequest, 20126, "the expression is longer than 4096 characters").at("/expression")
	case slices.Contains(planTable.enterpriseOnly, r.Action) && plan != Enterprise:
		return refuse(http.StatusBadRequest, 20015, "not entitled to use the %s action", r.Action).at("/action")
	case r.Ratelimit == nil && phase == phaseRatelimit:
		return refuse(http.StatusBadRequest, 20202, "ratelimit is required in the phase %s", phase).at("/ratelimit")
	case r.Ratelimit != nil && phase != phaseRatelimit:
		return refuse(http.StatusBadRequest, 20203, "ratelimit is not allowed in the phase %s", phase).at("/ratelimit")
	}
	if e := c.checkExpression(phase, r.Expression); e != nil {
		return e
	}
	if phase == phaseRatelimit {
		if e := checkRatelimit(plan, r); e != nil {
			return e.at("/ratelimit")
		}
	}
	if e := checkParameters(plan, phase, r); e != nil {
		return e.at("/action_parameters")
	}
	return nil
}

func (c *request) checkExpression(phase, expression string) *apiError {
	plan := c.zone.Plan
	invalid := func(code int, format string, args ...any) *apiError {
		return refuse(http.StatusBadRequest, code, format, args...).at("/expression")
	}
	if err := c.s.opts.ValidateExpression(phase, string(plan), expression); err != nil {
		return invalid(20127, "'%s' is not a valid value for expression because could not parse filter expression: %v", expression, err)
	}
	if usesMatches(expression) && !plan.atLeast(Business) {
		return invalid(20015, "not entitled: the use of operator Matches is not allowed, a Business plan or a WAF Advanced plan is required")
	}
	for _, field := range fieldsOf(expression) {
		if phase == phaseRatelimit {
			if fields := planTable.ratelimit.fields[plan]; fields != nil && !slices.Contains(fields, field) {
				return invalid(20015, "not entitled: the use of field %s is not allowed, an higher Advanced Rate Limiting plan is required", field)
			}
		}
		if strings.HasPrefix(field, "http.response.") && !slices.Contains([]string{phaseRespHeaders, phaseErrors, phaseCompression}, phase) {
			return invalid(20127, "'%s' is not a valid value for expression because the use of field %s is not allowed", expression, field)
		}
		if !plan.atLeast(planOfField(field)) {
			return invalid(20015, "not entitled: the use of field %s is not allowed", field)
		}
	}
	return nil
}

// planOfField is the smallest plan that has a field. Enterprise has, some by an add-on, Bot Management's (bots/reference/bot-management-variables),
// the attack scores (waf/detections/attack-score: Business has the class only), AI Security for Apps (waf/detections/ai-security-for-apps), the
// body (ruleset-engine/rules-language/fields/reference/http.request.body.raw); leaked credentials are in waf/detections/leaked-credentials.
func planOfField(field string) Plan {
	switch field {
	case "cf.bot_management.verified_bot", "cf.waf.credential_check.password_leaked":
		return Free
	case "cf.waf.credential_check.username_and_password_leaked":
		return Pro
	case "cf.waf.score.class":
		return Business
	}
	for _, prefix := range []string{"cf.bot_management.", "cf.waf.score", "cf.llm.", "cf.waf.content_scan.", "cf.waf.credential_check.", "http.request.body."} {
		if strings.HasPrefix(field, prefix) {
			return Enterprise
		}
	}
	return Free
}

func number(v any) (int, bool) {
	f, ok := v.(float64)
	return int(f), ok && f == float64(int(f))
}

// checkRatelimit is the table in waf/rate-limiting-rules/#availability.
func checkRatelimit(plan Plan, r Rule) *apiError {
	bad := func(code int, format string, args ...any) *apiError {
		return refuse(http.StatusBadRequest, code, format, args...)
	}
	table := planTable.ratelimit
	if plan == Free && r.Action != "block" {
		return bad(20015, "not entitled to use the %s action in ratelimiting", r.Action)
	}
	period, ok := number(r.Ratelimit["period"])
	if !ok || !slices.Contains(table.periods[plan], period) {
		return bad(20015, "not entitled to use the period %v, can only use a period among %v", r.Ratelimit["period"], table.periods[plan])
	}
	if n, ok := number(r.Ratelimit["requests_per_period"]); !ok || n < 1 {
		return bad(20156, "requests_per_period must be a whole number above 0")
	}
	if e := checkTimeout(plan, r); e != nil {
		return e
	}
	if v, ok := r.Ratelimit["counting_expression"].(string); ok && v != "" {
		if !plan.atLeast(Business) {
			return bad(20015, "not entitled to use a custom counting expression")
		}
		if err := balanced("", "", v); err != nil {
			return bad(20127, "'%s' is not a valid value for counting_expression because could not parse filter expression: %v", v, err)
		}
	}
	return checkCharacteristics(plan, r)
}

// checkTimeout: a challenge has no duration below Enterprise, where it throttles instead (waf/rate-limiting-rules/parameters/#for-duration).
func checkTimeout(plan Plan, r Rule) *apiError {
	timeout, ok := number(r.Ratelimit["mitigation_timeout"])
	challenge := strings.HasSuffix(r.Action, "challenge")
	allowed := planTable.ratelimit.timeouts[plan]
	switch {
	case plan == Enterprise:
		if r.Ratelimit["mitigation_timeout"] != nil && (!ok || timeout < 0 || timeout > 86400) {
			return refuse(http.StatusBadRequest, 20157, "mitigation_timeout must be between 0 and 86400")
		}
	case challenge && timeout != 0:
		return refuse(http.StatusBadRequest, 20157, "mitigation_timeout must be 0 for the action %s on this plan", r.Action)
	case challenge:
	case len(allowed) == 1 && timeout != allowed[0]:
		return refuse(http.StatusBadRequest, 20015, "not entitled to use a mitigation timeout different from %d", allowed[0])
	case !slices.Contains(allowed, timeout):
		return refuse(http.StatusBadRequest, 20015, "not entitled to use the mitigation timeout %d, can only use one among %v", timeout, allowed)
	}
	return nil
}

func checkCharacteristics(plan Plan, r Rule) *apiError {
	list, _ := r.Ratelimit["characteristics"].([]any)
	if !slices.Contains(list, any("cf.colo.id")) {
		return refuse(http.StatusBadRequest, 20155, "missing cf.colo.id: rate limiting is processed at colocation level only")
	}
	if slices.Contains(list, any("ip.src")) && slices.Contains(list, any("cf.unique_visitor_id")) {
		return refuse(http.StatusBadRequest, 20158, "ip.src and cf.unique_visitor_id cannot be used together")
	}
	if len(list) < 2 && plan != Enterprise {
		return refuse(http.StatusBadRequest, 20158, "characteristics must name what is counted beside cf.colo.id")
	}
	allowed := planTable.ratelimit.counting[plan]
	for _, v := range list {
		name, ok := v.(string)
		if !ok || (allowed != nil && name != "cf.colo.id" && !slices.Contains(allowed, name)) {
			return refuse(http.StatusBadRequest, 20015, "not entitled to use the characteristic %v, can only use %v", v, allowed)
		}
	}
	return nil
}

// checkParameters looks at what an action is given.
func checkParameters(plan Plan, phase string, r Rule) *apiError {
	switch r.Action {
	case "block":
		return checkBlock(plan, r)
	case "execute":
		return checkExecute(plan, phase, r)
	case "redirect":
		return checkRedirect(r)
	case "set_config":
		return checkConfig(r)
	case "rewrite":
		return checkRewrite(phase, r)
	case "skip", "set_cache_settings", "serve_error", "route", "compress_response":
		if len(r.ActionParameters) == 0 {
			return missing("action_parameters", r.Action)
		}
	}
	return nil
}

func missing(what, action string) *apiError {
	return refuse(http.StatusBadRequest, 20014, "%s is required for the action %s", what, action)
}

// checkBlock: a custom response needs a paid plan and a status of 400 to 499 (waf/custom-rules/create-dashboard, "Configure a custom response
// for blocked requests"; waf/rate-limiting-rules/parameters).
func checkBlock(plan Plan, r Rule) *apiError {
	response, ok := r.ActionParameters["response"].(map[string]any)
	if !ok {
		return nil
	}
	if plan == Free {
		return refuse(http.StatusBadRequest, 20015, "not entitled to use a custom response")
	}
	if status, ok := number(response["status_code"]); !ok || status < 400 || status > 499 {
		return refuse(http.StatusBadRequest, 20060, "'%v' is not a valid value for status_code because it must be between 400 and 499", response["status_code"])
	}
	types := []any{"application/json", "text/html", "text/xml", "text/plain"}
	if !slices.Contains(types, response["content_type"]) {
		return refuse(http.StatusBadRequest, 20061, "'%v' is not a valid value for content_type", response["content_type"])
	}
	content, _ := response["content"].(string)
	if limit := 30 << 10; len(content) > limit {
		return refuse(http.StatusBadRequest, 20062, "the response's content is longer than 30 KB")
	}
	return nil
}

func checkExecute(plan Plan, phase string, r Rule) *apiError {
	id, _ := r.ActionParameters["id"].(string)
	for _, m := range managedRulesets() {
		if m.id != id || m.phase != phase {
			continue
		}
		if !plan.atLeast(m.plan) {
			return refuse(http.StatusBadRequest, 20015, "not entitled to use the ruleset %s", id)
		}
		return nil
	}
	return refuse(http.StatusBadRequest, 20018, "could not find ruleset %q to execute in the phase %s", id, phase)
}

func checkRedirect(r Rule) *apiError {
	from, _ := r.ActionParameters["from_value"].(map[string]any)
	target, _ := from["target_url"].(map[string]any)
	_, value := target["value"].(string)
	_, expression := target["expression"].(string)
	if value == expression {
		return refuse(http.StatusBadRequest, 20073, "target_url needs a value or an expression, and not both")
	}
	if status, ok := number(from["status_code"]); from["status_code"] != nil && (!ok || !slices.Contains([]int{301, 302, 303, 307, 308}, status)) {
		return refuse(http.StatusBadRequest, 20074, "'%v' is not a valid value for status_code", from["status_code"])
	}
	return nil
}

// configSettings are rules/configuration-rules/settings; nil takes on or off.
func configSettings() map[string][]any {
	return map[string][]any{
		"automatic_https_rewrites": nil, "autominify": {}, "bic": nil, "content_converter": nil, "disable_apps": nil, "disable_pay_per_crawl": nil,
		"disable_rum": nil, "disable_zaraz": nil, "email_obfuscation": nil, "fonts": nil, "hotlink_protection": nil, "mirage": nil,
		"opportunistic_encryption": nil, "polish": {"off", "lossless", "lossy", "webp"}, "redirects_for_ai_training": nil, "request_body_buffering": {"none", "standard", "full"},
		"response_body_buffering": {"none", "standard"}, "rocket_loader": nil,
		"security_level": {"off", "essentially_off", "low", "medium", "high", "under_attack"}, "server_side_excludes": nil,
		"ssl": {"off", "flexible", "full", "strict", "origin_pull"}, "sxg": nil,
	}
}

func checkConfig(r Rule) *apiError {
	if len(r.ActionParameters) == 0 {
		return missing("action_parameters", r.Action)
	}
	known := configSettings()
	for _, name := range slices.Sorted(maps.Keys(r.ActionParameters)) {
		v := r.ActionParameters[name]
		values, ok := known[name]
		_, boolean := v.(bool)
		switch {
		case !ok:
			return refuse(http.StatusBadRequest, 20080, "'%s' is not a setting of configuration rules", name)
		case values == nil && !boolean, len(values) > 0 && !slices.Contains(values, v):
			return refuse(http.StatusBadRequest, 20081, "'%v' is not a valid value for %s", v, name)
		}
	}
	return nil
}

func checkRewrite(phase string, r Rule) *apiError {
	headers, _ := r.ActionParameters["headers"].(map[string]any)
	if phase == phaseURLRewrite {
		if _, ok := r.ActionParameters["uri"].(map[string]any); !ok {
			return missing("uri", r.Action)
		}
		return nil
	}
	if len(headers) == 0 {
		return missing("headers", r.Action)
	}
	for name, v := range headers {
		h, _ := v.(map[string]any)
		operation := fmt.Sprint(h["operation"])
		_, value := h["value"].(string)
		_, expression := h["expression"].(string)
		switch {
		case !slices.Contains([]string{"set", "add", "remove"}, operation), operation == "add" && phase == phaseReqHeaders:
			return refuse(http.StatusBadRequest, 20090, "'%s' is not a valid operation for the header %s", operation, name)
		case operation == "remove" && (value || expression), operation != "remove" && value == expression:
			return refuse(http.StatusBadRequest, 20091, "the header %s needs a value or an expression to be set, and none to be removed", name)
		}
	}
	return nil
}
