// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// parameters of a rule's action: one of these is set.
type parameters struct {
	redirect *redirectTo
	rewrite  *rewrite
	config   *config
	block    *customReply
	skip     *skip
	execute  *execute
	cache    *cacheRule
	serve    *serveError
}

// actions that each phase has. Source: developers.cloudflare.com/ruleset-engine/rules-language/actions/
var actions = map[expression.Phase][]string{
	expression.PhaseRedirect:        {"redirect"},
	expression.PhaseTransform:       {"rewrite"},
	expression.PhaseConfig:          {"set_config"},
	expression.PhaseFirewallCustom:  {"block", "challenge", "js_challenge", "managed_challenge", "log", "skip"},
	expression.PhaseRateLimit:       {"block", "challenge", "js_challenge", "managed_challenge", "log"},
	expression.PhaseFirewallManaged: {"execute", "skip"},
	expression.PhaseLateTransform:   {"rewrite"},
	expression.PhaseCache:           {"set_cache_settings"},
	expression.PhaseCustomErrors:    {"serve_error"},
	expression.PhaseResponseHeaders: {"rewrite"},
}

func readParameters(z *zone, phase string, r Rule) (parameters, error) {
	var p parameters
	if !slices.Contains(actions[expression.Phase(phase)], r.Action) {
		return p, fmt.Errorf("the action %q isn't emulated in %s", r.Action, phase)
	}
	var err error
	switch r.Action {
	case "redirect":
		p.redirect, err = readRedirect(z, r.ActionParameters)
	case "rewrite":
		p.rewrite, err = readRewrite(z, phase, r.ActionParameters)
	case "set_config":
		p.config = &config{}
		err = strictly(r.ActionParameters, p.config)
	case "block":
		var block struct {
			Response *customReply `json:"response"`
		}
		err = strictly(r.ActionParameters, &block)
		p.block = block.Response
	case "skip":
		p.skip = &skip{}
		if err = strictly(r.ActionParameters, p.skip); err == nil {
			err = p.skip.check(phase)
		}
	case "execute":
		p.execute, err = readExecute(r.ActionParameters)
	case "set_cache_settings":
		p.cache, err = readCacheRule(r.ActionParameters)
	case "serve_error":
		p.serve, err = readServeError(r.ActionParameters)
	}
	return p, err
}

// text is a static value, or one by an expression.
type text struct {
	Value      *string `json:"value"`
	Expression string  `json:"expression"`
	parsed     *expression.Expression
}

func (t *text) parse(z *zone, phase string) error {
	if t.Value != nil {
		return nil
	}
	var err error
	t.parsed, err = expression.ParseValue(expression.Phase(phase), expression.Plan(z.Plan), t.Expression)
	return err
}

func (t *text) of(r *expression.Request) (string, error) {
	if t.Value != nil {
		return *t.Value, nil
	}
	s, _, err := t.parsed.Value(r)
	return s, err
}

// redirectTo is a single redirect's target.
// Source: developers.cloudflare.com/rules/url-forwarding/single-redirects/settings/
type redirectTo struct {
	Target        text `json:"target_url"`
	StatusCode    int  `json:"status_code"`
	PreserveQuery bool `json:"preserve_query_string"`
}

func readRedirect(z *zone, raw json.RawMessage) (*redirectTo, error) {
	p := struct {
		FromValue *redirectTo `json:"from_value"`
	}{}
	if err := strictly(raw, &p); err != nil {
		return nil, err
	}
	if p.FromValue == nil {
		return nil, fmt.Errorf("a redirect needs from_value")
	}
	if p.FromValue.StatusCode == 0 {
		p.FromValue.StatusCode = 301
	}
	return p.FromValue, p.FromValue.Target.parse(z, string(expression.PhaseRedirect))
}

// rewrite of a URL or of headers.
// Source: developers.cloudflare.com/rules/transform/
type rewrite struct {
	URI *struct {
		Path  *text `json:"path"`
		Query *text `json:"query"`
	} `json:"uri"`
	Headers map[string]*headerChange `json:"headers"`
}

type headerChange struct {
	Operation string `json:"operation"`
	text
}

func readRewrite(z *zone, phase string, raw json.RawMessage) (*rewrite, error) {
	p := &rewrite{}
	if err := strictly(raw, p); err != nil {
		return nil, err
	}
	if (p.URI != nil) != (phase == string(expression.PhaseTransform)) {
		return nil, fmt.Errorf("a rewrite in %s has no such parameters", phase)
	}
	if p.URI != nil {
		for _, t := range []*text{p.URI.Path, p.URI.Query} {
			if t != nil {
				if err := t.parse(z, phase); err != nil {
					return nil, err
				}
			}
		}
	}
	for name, change := range p.Headers {
		if err := change.check(z, phase, name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// check refuses what can't be changed: headers that begin with cf- or x-cf-, and server.
// Source: developers.cloudflare.com/rules/transform/response-header-modification/#important-remarks
func (c *headerChange) check(z *zone, phase, name string) error {
	response := phase == string(expression.PhaseResponseHeaders)
	if c == nil {
		return fmt.Errorf("what to do with the header %s isn't said", name)
	}
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "cf-") || strings.HasPrefix(lower, "x-cf-") || response && lower == "server" {
		return fmt.Errorf("the header %s can't be changed", name)
	}
	switch {
	case c.Operation == "remove":
		return nil
	case c.Operation == "set", c.Operation == "add" && response:
		return c.parse(z, phase)
	}
	return fmt.Errorf("the operation %q on a header isn't emulated in %s", c.Operation, phase)
}

// config of a configuration rule. Those without an effect here change what this emulator doesn't do: see README.md.
type config struct {
	SSL                 string          `json:"ssl"`
	SecurityLevel       string          `json:"security_level"`
	HTTPSRewrites       *bool           `json:"automatic_https_rewrites"`
	BIC                 *bool           `json:"bic"`
	EmailObfuscation    *bool           `json:"email_obfuscation"`
	OpportunisticEnc    *bool           `json:"opportunistic_encryption"`
	HotlinkProtection   *bool           `json:"hotlink_protection"`
	RocketLoader        *bool           `json:"rocket_loader"`
	Mirage              *bool           `json:"mirage"`
	Fonts               *bool           `json:"fonts"`
	Polish              string          `json:"polish"`
	AutoMinify          json.RawMessage `json:"autominify"`
	DisableApps         *bool           `json:"disable_apps"`
	DisableRUM          *bool           `json:"disable_rum"`
	DisableZaraz        *bool           `json:"disable_zaraz"`
	ServerSideExcludes  *bool           `json:"server_side_excludes"`
	SignedHTTPExchanges *bool           `json:"sxg"`
}

// customReply of a block. Sources: developers.cloudflare.com/waf/custom-rules/create-dashboard/ and
// /waf/rate-limiting-rules/parameters/#with-response-type-for-block-action
type customReply struct {
	StatusCode  int    `json:"status_code"`
	ContentType string `json:"content_type"`
	Content     string `json:"content"`
}

// skip of other rules. Source: developers.cloudflare.com/waf/custom-rules/skip/options/
type skip struct {
	Ruleset  string              `json:"ruleset"`
	Rulesets []string            `json:"rulesets"`
	Phases   []string            `json:"phases"`
	Products []string            `json:"products"`
	Phase    string              `json:"phase"`
	Rules    map[string][]string `json:"rules"`
}

func (s *skip) check(phase string) error {
	switch {
	case len(s.Rules) > 0:
		return fmt.Errorf("skipping single rules of managed rulesets isn't emulated")
	case s.Ruleset != "" && s.Ruleset != "current", s.Phase != "" && s.Phase != "current":
		return fmt.Errorf("only the current ruleset or phase can be skipped")
	case len(s.Rulesets) > 0 && phase != string(expression.PhaseFirewallManaged):
		return fmt.Errorf("rulesets can be skipped in %s", expression.PhaseFirewallManaged)
	}
	for _, p := range s.Phases {
		if !slices.Contains([]string{string(expression.PhaseRateLimit), phaseSBFM, string(expression.PhaseFirewallManaged)}, p) {
			return fmt.Errorf("the phase %q can't be skipped", p)
		}
	}
	return nil
}

// serveError of a custom error rule.
// Source: developers.cloudflare.com/rules/custom-errors/reference/parameters/
type serveError struct {
	StatusCode  int    `json:"status_code"`
	Content     string `json:"content"`
	ContentType string `json:"content_type"`
}

func readServeError(raw json.RawMessage) (*serveError, error) {
	const maxContent = 10 << 10
	p := &serveError{}
	if err := strictly(raw, p); err != nil {
		return nil, err
	}
	switch {
	case p.StatusCode != 0 && (p.StatusCode < 400 || p.StatusCode > 999):
		return nil, fmt.Errorf("status_code %d isn't between 400 and 999", p.StatusCode)
	case p.Content == "" || len(p.Content) > maxContent:
		return nil, fmt.Errorf("content has 1 to %d bytes", maxContent)
	case !slices.Contains([]string{"text/html", "text/plain", "application/json", "text/xml"}, p.ContentType):
		return nil, fmt.Errorf("content_type %q isn't one that custom errors have", p.ContentType)
	}
	return p, nil
}
