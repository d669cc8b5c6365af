// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
)

// bots is a zone's bot management, as far as it bears on requests here.
// Source: developers.cloudflare.com/api/resources/bot_management/
type bots struct {
	FightMode           bool   `json:"fight_mode"`
	DefinitelyAutomated string `json:"sbfm_definitely_automated"`
	LikelyAutomated     string `json:"sbfm_likely_automated"`
	VerifiedBots        string `json:"sbfm_verified_bots"`
	StaticResources     bool   `json:"sbfm_static_resource_protection"`
	AIBots              string `json:"ai_bots_protection"`

	err error
}

func readBots(raw json.RawMessage) bots {
	var b bots
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &b); err != nil {
			b.err = fmt.Errorf("reading it: %w", err)
		}
	}
	return b
}

// Programs that say who they are. Cloudflare finds automation by far more than this, and doesn't say how.
var (
	programs = regexp.MustCompile(`(?i)^$|^(curl|wget|python-requests|python-urllib|go-http-client|java|okhttp|libwww-perl|node-fetch|axios|scrapy|httpie|php|ruby)\b|headlesschrome|phantomjs`)
	aiBots   = regexp.MustCompile(`(?i)\b(GPTBot|ClaudeBot|CCBot|Bytespider|Amazonbot|PerplexityBot|Google-CloudVertexBot|Meta-ExternalAgent|Applebot-Extended)\b`)
)

// The bot scores of automation. Source: developers.cloudflare.com/bots/concepts/bot-score/
const (
	definitelyAutomated = 1
	likelyAutomated     = 29
)

// fightBots is Bot Fight Mode (Free), which can't be skipped, and Super Bot Fight Mode, which can.
// Source: developers.cloudflare.com/bots/get-started/
func (x *exchange) fightBots() (*http.Response, error) {
	agent := x.r.Header.Get("User-Agent")
	definitely, likely := programs.MatchString(agent), false
	if score := x.view.Scores.Bot; score > 0 {
		definitely, likely = score == definitelyAutomated, score > definitelyAutomated && score <= likelyAutomated
	}
	verified := x.view.Scores.VerifiedBot
	b := x.z.bots
	if b.AIBots == "block" && aiBots.MatchString(agent) {
		x.event(phaseSBFM, "ai_bots_protection", "block", agent)
		return x.block(nil, typeWAF), nil
	}
	if b.FightMode && definitely && !verified {
		x.event(phaseSBFM, "fight_mode", "managed_challenge", agent)
		return x.challenge(typeManaged), nil
	}
	if x.skipped[phaseSBFM] || !b.StaticResources && slices.Contains(cachedExtensions, extension(x)) {
		return nil, nil
	}
	for _, kind := range []struct {
		is           bool
		name, action string
	}{
		{verified, "sbfm_verified_bots", b.VerifiedBots},
		{!verified && definitely, "sbfm_definitely_automated", b.DefinitelyAutomated},
		{!verified && likely, "sbfm_likely_automated", b.LikelyAutomated},
	} {
		if kind.is && kind.action != "" && kind.action != "allow" {
			x.event(phaseSBFM, kind.name, kind.action, agent)
			if reply := x.act(kind.action, nil, typeWAF); reply != nil {
				return reply, nil
			}
			return nil, &failure{kind.name, fmt.Errorf("the action %q isn't emulated", kind.action)}
		}
	}
	return nil, nil
}
