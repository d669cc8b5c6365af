// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"
	"slices"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// The error types of cf.response.error_type.
const (
	typeWAF       = "waf"
	typeRateLimit = "ratelimit"
	typeManaged   = "managed_challenge"
	typeIUAM      = "iuam"
	typeLegacy    = "legacy_challenge"
	type1xxx      = "1xxx"
	type5xx       = "5xx"
)

// underAttack challenges everybody where the security level says so, unless a rule exempted the request: skip rules come later, and
// Cloudflare exempts by the product securityLevel, which is why this looks at the custom rules' outcome too.
// Source: developers.cloudflare.com/fundamentals/reference/under-attack-mode/
func (x *exchange) underAttack() (*http.Response, error) {
	if x.securityLevel != "under_attack" {
		return nil, nil
	}
	exempt := false
	err := x.each(expression.PhaseFirewallCustom, func(r *rule) (bool, error) {
		s := r.params.skip
		exempt = exempt || s != nil && slices.Contains(s.Products, "securityLevel")
		return exempt, nil
	})
	if exempt || err != nil {
		return nil, err
	}
	x.event("security_level", "under_attack", "managed_challenge", "")
	return x.challenge(typeIUAM), nil
}

// firewall applies custom rules. Source: developers.cloudflare.com/waf/custom-rules/
func (x *exchange) firewall() (reply *http.Response, err error) {
	err = x.each(expression.PhaseFirewallCustom, func(r *rule) (bool, error) {
		x.event(r.phase, r.name(), r.Action, "")
		if s := r.params.skip; s != nil {
			for _, phase := range s.Phases {
				x.skipped[phase] = true
			}
			return s.Ruleset == "current" || s.Phase == "current", nil
		}
		reply = x.act(r.Action, r.params.block, typeWAF) //nolint:bodyclose // write closes it
		return reply != nil, nil
	})
	return reply, err
}

// act gives the reply of a security action; nil for log.
func (x *exchange) act(action string, custom *customReply, errorType string) *http.Response {
	switch action {
	case "block":
		return x.block(custom, errorType)
	case "managed_challenge":
		return x.challenge(typeManaged)
	case "challenge", "js_challenge":
		return x.challenge(typeLegacy)
	}
	return nil
}

// block refuses a request, with the rule's own reply if it has one.
func (x *exchange) block(custom *customReply, errorType string) *http.Response {
	x.errorType = errorType
	p := problem{status: http.StatusForbidden, code: 1020, name: "access_denied", title: "Access denied"}
	if errorType == typeRateLimit {
		p = problem{status: http.StatusTooManyRequests, code: 1015, name: "rate_limited", title: "You are being rate limited", retryable: true}
	}
	x.code1xxx = p.code
	if custom == nil {
		return x.errorReply(p)
	}
	x.customReply = true
	if custom.StatusCode != 0 {
		p.status = custom.StatusCode
	}
	return x.reply(p.status, custom.ContentType, custom.Content)
}

// challenge is a challenge page, which nobody can pass here.
// Source: developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/
func (x *exchange) challenge(errorType string) *http.Response {
	x.errorType = errorType
	reply := x.reply(http.StatusForbidden, "text/html; charset=UTF-8", "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"+
		"<body><noscript>Enable JavaScript and cookies to continue</noscript></body></html>\n")
	reply.Header.Set("Cf-Mitigated", "challenge")
	reply.Header.Set("Cache-Control", "private, max-age=0, no-store, no-cache, must-revalidate, post-check=0, pre-check=0")
	return reply
}
