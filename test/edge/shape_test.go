// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
)

// What differs from one life of the same launch to the next: its UID, and the secret that is made of it.
var (
	markedUID  = regexp.MustCompile(`^(lr:[0-9a-f]{8}:)[^:]+(:\w+)$`)
	lockSecret = regexp.MustCompile(`(\[\*\] eq ")[0-9a-f]{32}"`)
)

// shape writes down all that a zone does, without ids, times, UIDs and secrets: two zones of one shape do the same.
func shape(z cloudflare.Zone) string {
	var lines []string
	for _, rec := range z.Records {
		lines = append(lines, fmt.Sprintf("record %s %s %s proxied=%t ttl=%d %s", rec.Name, rec.Type, rec.Content, rec.Proxied, rec.TTL, markedUID.ReplaceAllString(rec.Comment, "${1}uid$2")))
	}
	slices.Sort(lines)
	for _, phase := range edge.Phases() {
		var of, theirs []string
		for i, rule := range z.Rules(string(phase)) {
			rule.Expression = lockSecret.ReplaceAllString(rule.Expression, `${1}secret"`)
			line := fmt.Sprintf("rule %s %s %s enabled=%t %q when %s with %s limit %s", phase, rule.Ref, rule.Action, rule.Enabled, rule.Description, rule.Expression,
				asJSON(rule.ActionParameters), asJSON(rule.Ratelimit))
			switch {
			case !isOurs(rule):
				theirs = append(theirs, line)
			case strings.HasSuffix(rule.Ref, "-lock"):
				of = append(of, fmt.Sprintf("%s at place %d", line, i))
			default:
				of = append(of, line)
			}
		}
		if phase != edge.PhaseCustomWAF && phase != edge.PhaseCache {
			slices.Sort(of) // their order makes no difference: each acts on what no other does
		}
		lines = append(lines, slices.Concat(of, theirs)...)
	}
	for _, setting := range []string{"ssl", "always_use_https", "min_tls_version", "tls_1_3", "development_mode", "security_level"} {
		lines = append(lines, fmt.Sprintf("setting %s=%v", setting, z.Setting(setting)))
	}
	lines = append(lines, "bots "+asJSON(z.Bots), fmt.Sprintf("leaked credentials %t", z.LeakedChecks))
	return strings.Join(lines, "\n")
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// differ says which lines two texts don't share.
func differ(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for _, l := range w {
		if !slices.Contains(g, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range g {
		if !slices.Contains(w, l) {
			out = append(out, "+ "+l)
		}
	}
	if len(out) == 0 && want != got {
		out = append(out, fmt.Sprintf("the same lines in another order or number: %d, want %d:\n%s", len(g), len(w), got))
	}
	return strings.Join(out, "\n")
}

func sameShape(t testing.TB, what, want, got string) {
	t.Helper()
	if want != got {
		t.Errorf("%s: the zone isn't as it should be (- lacks, + is too much):\n%s", what, differ(want, got))
	}
}

// isOurs says whether a rule carries a mark of ours.
func isOurs(r cloudflare.Rule) bool { return strings.HasPrefix(r.Ref, "launchready-") }

// foreign writes down all that is of others, with ids, order and every field but the ruleset's version.
func foreign(z cloudflare.Zone) string {
	var lines []string
	for _, rec := range z.Records {
		if !strings.HasPrefix(rec.Comment, "lr:") {
			lines = append(lines, "record "+asJSON(rec))
		}
	}
	for _, set := range z.Rulesets {
		for _, rule := range set.Rules {
			if !isOurs(rule) {
				lines = append(lines, "rule "+set.Phase+" "+set.ID+" "+asJSON(rule))
			}
		}
	}
	return strings.Join(lines, "\n")
}

// anotherTeam puts what belongs to others into a zone: 20 records, and 10 rules over phases.
func anotherTeam(z *cloudflare.Zone) error {
	for i := range 20 {
		rec := cloudflare.Record{
			ID: fmt.Sprintf("%032x", 0xf00+i), Name: fmt.Sprintf("team%d.%s", i, zone), Type: "A", Content: fmt.Sprintf("198.51.100.%d", i), Proxied: i%2 == 0, TTL: 1,
			Comment: "theirs", CreatedOn: z.CreatedOn, ModifiedOn: z.CreatedOn,
		}
		switch i {
		case 1:
			rec.Type, rec.Content, rec.Name = "MX", "mail."+zone, zone
		case 3:
			rec.Type, rec.Content, rec.Name = "TXT", `"v=spf1 -all"`, zone
		case 5:
			rec.Type, rec.Content = "CNAME", "elsewhere.example.net"
		case 7:
			rec.Type, rec.Content, rec.Name = "CAA", `0 issue "letsencrypt.org"`, zone
		}
		z.Records = append(z.Records, rec)
	}
	theirs := []struct {
		phase edge.Phase
		rules []cloudflare.Rule
	}{
		{edge.PhaseCustomWAF, []cloudflare.Rule{
			{Action: "block", Expression: `ip.src eq 192.0.2.66`}, {Action: "managed_challenge", Expression: `http.host eq "team1.example.com"`}, {Action: "block", Expression: `http.host eq "team2.example.com"`},
		}},
		{edge.PhaseRedirect, []cloudflare.Rule{
			{Action: "redirect", Expression: `http.host eq "team3.example.com"`, ActionParameters: map[string]any{"from_value": map[string]any{"status_code": 302.0, "target_url": map[string]any{"value": "https://team4.example.com/"}}}},
			{Action: "redirect", Expression: `http.host eq "team5.example.com"`, ActionParameters: map[string]any{"from_value": map[string]any{"status_code": 302.0, "target_url": map[string]any{"value": "https://team4.example.com/"}}}},
		}},
		{edge.PhaseCache, []cloudflare.Rule{
			{Action: "set_cache_settings", Expression: `http.host eq "team6.example.com"`, ActionParameters: map[string]any{"cache": true}},
			{Action: "set_cache_settings", Expression: `http.host eq "team7.example.com"`, ActionParameters: map[string]any{"cache": false}},
		}},
		{edge.PhaseConfig, []cloudflare.Rule{
			{Action: "set_config", Expression: `http.host eq "team8.example.com"`, ActionParameters: map[string]any{"ssl": "flexible"}},
			{Action: "set_config", Expression: `http.host eq "team9.example.com"`, ActionParameters: map[string]any{"security_level": "high"}},
		}},
		{edge.PhaseResponseHeaders, []cloudflare.Rule{
			{Action: "rewrite", Expression: `http.host eq "team10.example.com"`, ActionParameters: map[string]any{"headers": map[string]any{"x-team": map[string]any{"operation": "set", "value": "10"}}}},
		}},
	}
	n := 0
	for _, of := range theirs {
		set := cloudflare.Ruleset{ID: fmt.Sprintf("%032x", 0xa00+n), Name: "default", Kind: "zone", Phase: string(of.phase), Version: 1, LastUpdated: z.CreatedOn}
		for _, rule := range of.rules {
			n++
			rule.ID, rule.Ref = fmt.Sprintf("%032x", 0xb00+n), fmt.Sprintf("%032x", 0xb00+n)
			rule.Version, rule.Enabled, rule.Description, rule.LastUpdated = 1, n%4 != 0, fmt.Sprintf("theirs %d", n), z.CreatedOn
			set.Rules = append(set.Rules, rule)
		}
		z.Rulesets = slices.DeleteFunc(z.Rulesets, func(have cloudflare.Ruleset) bool { return have.Phase == set.Phase && have.Kind == set.Kind })
		z.Rulesets = append(z.Rulesets, set)
	}
	return nil
}

// reachableUnlocked gives the hosts that strangers reach through Cloudflare without a lock of ours in front.
func reachableUnlocked(z cloudflare.Zone, hosts ...string) []string {
	var out []string
	for _, host := range hosts {
		there := slices.ContainsFunc(z.Records, func(r cloudflare.Record) bool { return r.Name == host && strings.Contains("A AAAA CNAME", r.Type) })
		locked := slices.ContainsFunc(z.Rules(string(edge.PhaseCustomWAF)), func(r cloudflare.Rule) bool {
			return isOurs(r) && strings.Contains(r.Ref, "-lock") && r.Enabled && r.Action == "block" && strings.Contains(r.Expression, `"`+host+`"`)
		})
		if there && !locked {
			out = append(out, host)
		}
	}
	return out
}
