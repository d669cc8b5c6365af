// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// Judgement is what EdgeProtected says of a launch, as far as Cloudflare's API tells.
type Judgement struct {
	// Cases is how many things were looked at.
	Cases int32
	// Control says what was read, so that nothing being wrong means something.
	Control string
	Drafts  []scorecard.Draft
}

// Judge says what of a launch's edge isn't as EdgeProtected demands, whoever set it up: a zone that was set up by hand, and well,
// passes.
func (e Evaluation) Judge(l Launch) Judgement {
	j := judging{e: e, l: l}
	j.records()
	for _, h := range l.Hosts() {
		j.host(h)
	}
	j.rates()
	j.zone()
	j.skips()
	changes, notes := e.PlanFor(l)
	for _, n := range notes {
		j.add(scorecard.Draft{Rule: n.Reason, Severity: n.Severity, Place: n.Place, Message: n.Message, Remedy: n.Remedy})
	}
	j.denied()
	j.drift(changes)
	n := 0
	for _, set := range e.State.Rulesets {
		n += len(set.Rules)
	}
	j.j.Control = fmt.Sprintf("By Cloudflare's API, the zone %s (%s, plan %s) has %d records and %d rules.", e.State.Zone.Name, e.State.Zone.Status, e.State.Zone.Plan, len(e.State.Records), n)
	return j.j
}

type judging struct {
	e Evaluation
	l Launch
	j Judgement
}

func (j *judging) add(d scorecard.Draft) {
	d.Message, d.Remedy = scorecard.Bounded(d.Message), scorecard.Bounded(d.Remedy)
	j.j.Drafts = append(j.j.Drafts, d)
}

// want counts a case, and adds a finding where it isn't so.
func (j *judging) want(holds bool, d scorecard.Draft) {
	j.j.Cases++
	if !holds {
		j.add(d)
	}
}

// remedy says how to come to what is wanted, by the launch's mode.
func (j *judging) remedy(area v1alpha1.EdgeArea, byHand string) string {
	if j.l.observes() {
		return fmt.Sprintf("Set spec.cloudflare.mode to Enforce, and where strangers use the host already add %s to spec.cloudflare.adopt; or by hand: %s", area, byHand)
	}
	return fmt.Sprintf("It is mended at the next look if nothing stands in the way; on a host that strangers used before, add %s to spec.cloudflare.adopt. By hand: %s", area, byHand)
}

func (j *judging) records() {
	for _, h := range slices.Concat(j.l.Hosts(), j.l.Redirects()) {
		records := addressRecords(j.e.State, h)
		j.want(len(records) > 0, scorecard.Draft{
			Rule: "RecordMissing", Severity: v1alpha1.SeverityHigh, Place: h, Message: "The zone has no record for it: nobody can reach it.",
			Remedy: j.remedy(v1alpha1.AreaDNS, "create a proxied record."),
		})
		for _, r := range records {
			j.want(r.Proxied, scorecard.Draft{
				Rule: "NotProxied", Severity: v1alpha1.SeverityHigh, Place: h + " " + r.Type, Identity: r.Type,
				Message: "Its record isn't proxied: visitors reach the origin itself, past everything that the edge does.",
				Remedy:  j.remedy(v1alpha1.AreaDNS, "turn the record's proxy on."),
			})
		}
	}
}

// host judges what is said per host, by a rule or by a setting of the whole zone.
func (j *judging) host(h string) {
	s := j.e.State
	ssl := s.Settings[SettingSSL].Text()
	j.want(s.StrictFor(h), scorecard.Draft{
		Rule: "SSLNotStrict", Severity: v1alpha1.SeverityHigh, Place: h,
		Message: "The edge doesn't verify the origin's certificate (SSL/TLS mode " + scorecard.Foreign(ssl) + "): who stands between the two can read and change everything.",
		Remedy:  j.remedy(v1alpha1.AreaTLS, "set the mode to Full (strict)."),
	})
	j.want(s.Settings[SettingAlwaysHTTPS].Text() == "on" || j.e.State.ruled(PhaseRedirect, h, redirectsToHTTPS), scorecard.Draft{
		Rule: "PlainHTTP", Severity: v1alpha1.SeverityHigh, Place: h, Message: "The edge doesn't send plain HTTP to HTTPS.",
		Remedy: j.remedy(v1alpha1.AreaRedirects, "turn Always Use HTTPS on."),
	})
	if LimitsOf(s.Zone.Plan).ManagedRules {
		j.want(j.managed(h), scorecard.Draft{
			Rule: "NoManagedRules", Severity: v1alpha1.SeverityHigh, Place: h, Message: "Cloudflare's managed rules aren't deployed for it.",
			Remedy: j.remedy(v1alpha1.AreaWAF, "deploy the Cloudflare Managed Ruleset."),
		})
	}
	j.want(!j.e.State.ruled(PhaseManagedWAF, h, weakensManaged), scorecard.Draft{
		Rule: "ManagedRulesWeakened", Severity: v1alpha1.SeverityHigh, Place: h, Message: "A rule runs managed rules with overrides that turn them off.",
		Remedy: "Remove the overrides.",
	})
}

// managed says whether the managed rules run for a host, and do something: a rule that just logs protects nobody.
func (j *judging) managed(h string) bool {
	return j.e.State.ruled(PhaseManagedWAF, h, func(r Rule) bool {
		return r.Action == actionExecute && parameter(r, "id") == `"`+managedCloudflare+`"` && !weakensManaged(r) && !strings.Contains(parameter(r, "overrides"), `"log"`)
	})
}

// weakensManaged says whether a rule runs managed rules with overrides that turn them off.
func weakensManaged(r Rule) bool {
	var p struct {
		Overrides struct {
			Enabled *bool `json:"enabled"`
		} `json:"overrides"`
	}
	return r.Action == actionExecute && json.Unmarshal(r.Parameters, &p) == nil && p.Overrides.Enabled != nil && !*p.Overrides.Enabled
}

func redirectsToHTTPS(r Rule) bool {
	return r.Action == actionRedirect && strings.Contains(r.Expression, "not ssl") && strings.Contains(string(r.Parameters), `https://`)
}

// appliesTo says whether an expression may be about a host: it names it, or names none.
func appliesTo(expression, host string) bool {
	return namesHost(expression, host) || !strings.Contains(expression, "http.host") && !strings.Contains(expression, "full_uri")
}

func parameter(r Rule, name string) string {
	var p map[string]json.RawMessage
	if json.Unmarshal(r.Parameters, &p) != nil {
		return ""
	}
	return string(p[name])
}

// rates judges that what logs in and what chats is limited. A limit of somebody else's counts where it names the path and lets
// no more through.
func (j *judging) rates() {
	wanted := derivedRates(j.l)
	declared := len(j.l.Spec.Cloudflare.RateLimits) > 0
	for _, h := range j.l.Hosts() {
		for _, r := range wanted {
			j.want(j.limited(h, r, declared), scorecard.Draft{
				Rule: "NoRateLimit", Severity: v1alpha1.SeverityHigh, Place: h + ": " + r.name, Identity: r.name,
				Message: fmt.Sprintf("No rate limit of the edge covers the requests of app.%s: one address may make as many as it likes.", r.name),
				Remedy:  j.remedy(v1alpha1.AreaRateLimits, fmt.Sprintf("limit them to %d in %d seconds.", r.requests, r.period)),
			})
		}
	}
}

func (j *judging) limited(host string, wanted rate, declared bool) bool {
	paths := literalPaths(wanted.match)
	return slices.ContainsFunc(j.e.State.Rulesets[PhaseRateLimit].Rules, func(r Rule) bool {
		if !r.Enabled || !(namesHost(r.Expression, host) || !strings.Contains(r.Expression, "http.host")) {
			return false
		}
		var limit struct {
			Period   float64 `json:"period"`
			Requests float64 `json:"requests_per_period"`
		}
		if json.Unmarshal(r.RateLimit, &limit) != nil || limit.Period == 0 {
			return false
		}
		ours := j.e.Input.Marker.OwnsRule(r)
		if !ours && !declared && limit.Requests/limit.Period > wanted.perSecond() {
			return false
		}
		return !slices.ContainsFunc(paths, func(p string) bool { return !coversPath(r.Expression, p) })
	})
}

// literalPaths are the quoted paths of conditions of ours.
func literalPaths(matches []string) []string {
	var out []string
	for _, m := range matches {
		if _, after, ok := strings.Cut(m, `"`); ok {
			path, _, _ := strings.Cut(after, `"`)
			out = append(out, path)
		}
	}
	return out
}

// coversPath says whether an expression names a path, a beginning of it, or no path at all.
func coversPath(expression, path string) bool {
	if !strings.Contains(expression, "http.request.uri") {
		return true
	}
	if strings.Contains(expression, `"`+path+`"`) {
		return true
	}
	for i := len(path) - 1; i > 0; i-- {
		if strings.Contains(expression, `starts_with(http.request.uri.path, "`+path[:i]+`")`) {
			return true
		}
	}
	return false
}

// zone judges the settings of the whole zone.
func (j *judging) zone() {
	s := j.e.State
	j.want(s.Zone.Status == "active" && !s.Zone.Paused, scorecard.Draft{
		Rule: ReasonZoneNotActive, Severity: v1alpha1.SeverityCritical, Place: s.Zone.Name, Message: "Cloudflare doesn't stand in front of the zone: it is " + zoneState(s.Zone) + ".",
		Remedy: "Point the domain's name servers at those that Cloudflare names, and unpause the zone.",
	})
	for _, w := range zoneWanted {
		have, known := s.Settings[w.Setting]
		if !known {
			continue
		}
		j.want(!weaker(w.Setting, have.Text(), w.Value), scorecard.Draft{
			Rule: ReasonZoneSetting, Severity: v1alpha1.SeverityHigh, Place: s.Zone.Name + ": " + string(w.Setting), Identity: string(w.Setting),
			Message: fmt.Sprintf("The zone's %s is %s, and should be %s.", w.Setting, scorecard.Foreign(have.Text()), w.Value),
			Remedy:  "Change it in Cloudflare's dashboard, or say zoneSettings: Manage in the LaunchPolicy's credential for the zone.",
		})
	}
	if s.Bots != nil {
		j.want(s.Bots.On(), scorecard.Draft{
			Rule: "BotsLetIn", Severity: v1alpha1.SeverityMedium, Place: s.Zone.Name, Message: "Nothing is done about bots.",
			Remedy: "Turn Bot Fight Mode on (Super Bot Fight Mode on plans that are paid for), or say zoneSettings: Manage in the LaunchPolicy's credential for the zone.",
		})
	}
}

func zoneState(z Zone) string {
	if z.Paused {
		return "paused"
	}
	return scorecard.Foreign(z.Status)
}

// skips judges rules of others that let requests past what is closed. One that asks for an address, a header or a secret lets in
// whom somebody knows, and is told; one that asks for nothing of the kind opens the door.
func (j *judging) skips() {
	for _, h := range j.l.Hosts() {
		for _, r := range j.e.State.Rulesets[PhaseCustomWAF].Rules {
			if !r.Enabled || r.Action != actionSkip || j.e.Input.Marker.OwnsRule(r) || !appliesTo(r.Expression, h) {
				continue
			}
			severity := v1alpha1.SeverityHigh
			for _, asks := range []string{"ip.src", "http.request.headers", "cf.client.bot", "cf.bot_management", "http.request.cookies", "http.cookie", "cf.tls_client_auth"} {
				if strings.Contains(r.Expression, asks) {
					severity = v1alpha1.SeverityLow
				}
			}
			j.add(scorecard.Draft{
				Rule: ReasonSkipRule, Severity: severity, Place: h + ": rule " + scorecard.Foreign(r.Description), Identity: r.ID,
				Message: "A custom rule of somebody else's skips protections for requests to it: when " + scorecard.Foreign(r.Expression) + ".",
				Remedy:  "Narrow the rule to other hosts, or to known addresses; or delete it.",
			})
		}
	}
	j.j.Cases++
}

func (j *judging) denied() {
	for _, d := range j.e.State.Denied {
		j.add(scorecard.Draft{
			Rule: ReasonPermissionMissing, Severity: v1alpha1.SeverityMedium, Place: j.e.State.Zone.Name + ": " + string(d.Part), Identity: string(d.Part),
			Message: fmt.Sprintf("The API token lacks the permission %q.", d.Permission),
			Remedy:  "Add the permission to the token: see docs/edge.md#the-token.",
		})
	}
}

// drift tells what isn't as declared. While it is being mended it fails the row too: it isn't protected now.
func (j *judging) drift(changes []Change) {
	j.j.Cases++
	if len(changes) == 0 {
		return
	}
	words := make([]string, 0, len(changes))
	for _, c := range changes {
		words = append(words, c.Words)
	}
	const most = 3
	message := fmt.Sprintf("The zone differs from what is declared by %d changes: %s.", len(changes), strings.Join(words[:min(most, len(words))], "; "))
	if len(changes) == 1 {
		message = "The zone differs from what is declared by one change: " + words[0] + "."
	}
	remedy := "It is mended at the next look, if nothing stands in the way."
	if j.l.observes() {
		remedy = "Look at the whole plan by `launchready edge plan`, then set spec.cloudflare.mode to Enforce; or make the changes by hand."
	}
	j.add(scorecard.Draft{Rule: ReasonDrift, Severity: v1alpha1.SeverityMedium, Place: j.e.State.Zone.Name, Message: message, Remedy: remedy})
}
