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
// passes. What the token may not read is told as such, and not judged.
func (e Evaluation) Judge(l Launch) Judgement {
	j := judging{e: e, l: l, records: byName(e.State.Records)}
	j.addresses()
	for _, h := range l.Hosts() {
		j.tls(h)
		j.managed(h)
		j.rates(h)
		j.skips(h)
	}
	j.zone()
	changes, notes := e.PlanFor(l)
	for _, n := range notes {
		j.note(n)
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
	e       Evaluation
	l       Launch
	records names
	j       Judgement
}

// readable says whether the token may read all of these parts.
func (j *judging) readable(parts ...Part) bool {
	return !slices.ContainsFunc(j.e.State.Denied, func(d Denied) bool { return slices.Contains(parts, d.Part) })
}

// note tells what can't be done, or isn't. Of a launch that only observes, that says nothing of how it is protected now, unless
// a host isn't its own.
func (j *judging) note(n Note) {
	if j.l.observes() && n.Reason != ReasonHostConflict && n.Reason != ReasonHostNotInZone && n.Reason != ReasonHostNotAllowed {
		n.Severity = v1alpha1.SeverityLow
	}
	j.add(scorecard.Draft{Rule: n.Reason, Severity: n.Severity, Place: n.Place, Message: n.Message, Remedy: n.Remedy})
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

func (j *judging) addresses() {
	if !j.readable(PartRecords) {
		return
	}
	for _, h := range slices.Concat(j.l.Hosts(), j.l.Redirects()) {
		records := j.records.addresses(h)
		if len(records) == 0 {
			records = j.records.wildcard(h)
		}
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

// tls judges encryption towards the origin and towards visitors, which is said per host by rules or for the whole zone by settings.
func (j *judging) tls(h string) {
	s := j.e.State
	if j.readable(PartSettings, PartOf(PhaseConfig)) {
		mode := s.Settings[SettingSSL].Text()
		j.want(j.strict(h, mode), scorecard.Draft{
			Rule: "SSLNotStrict", Severity: v1alpha1.SeverityHigh, Place: h,
			Message: "The edge doesn't verify the origin's certificate for all requests (SSL/TLS mode of the zone: " + scorecard.Foreign(mode) + "): who stands between the two can read and change everything.",
			Remedy:  j.remedy(v1alpha1.AreaTLS, "set the mode to Full (strict), and let no configuration rule say otherwise."),
		})
	}
	if j.readable(PartSettings, PartOf(PhaseRedirect)) {
		j.want(s.Settings[SettingAlwaysHTTPS].Text() == "on" || j.redirected(h), scorecard.Draft{
			Rule: "PlainHTTP", Severity: v1alpha1.SeverityHigh, Place: h, Message: "The edge doesn't send plain HTTP to HTTPS.",
			Remedy: j.remedy(v1alpha1.AreaRedirects, "turn Always Use HTTPS on."),
		})
	}
}

// strict says whether the origin's certificate is verified: of the rules that say something of it, the last that applies counts.
func (j *judging) strict(host, zone string) bool {
	isStrict := func(mode string) bool { return mode == "strict" || mode == "origin_pull" }
	strict := isStrict(zone)
	for _, r := range j.e.State.Rulesets[PhaseConfig].Rules {
		var p struct{ SSL string }
		if !r.Enabled || r.Action != actionSetConfig || json.Unmarshal(r.Parameters, &p) != nil || p.SSL == "" {
			continue
		}
		switch matches(r.Expression, sample{host: host, tls: always}) {
		case always:
			strict = isStrict(p.SSL)
		case maybe:
			strict = strict && isStrict(p.SSL)
		}
	}
	return strict
}

// somePath is one that no rule knows of.
const somePath = "/launchready-sample"

// redirected says whether rules send plain HTTP to HTTPS, whatever is asked for. The first that applies counts.
func (j *judging) redirected(host string) bool {
	for _, path := range []string{"/", somePath} {
		to := false
		for _, r := range j.e.State.Rulesets[PhaseRedirect].Rules {
			if r.Enabled && r.Action == actionRedirect && matches(r.Expression, sample{host: host, path: path, method: "GET", tls: never, address: stranger()}) == always {
				to = redirectsToHTTPS(r)
				break
			}
		}
		if !to {
			return false
		}
	}
	return true
}

func redirectsToHTTPS(r Rule) bool {
	var p struct {
		From struct {
			Target struct{ Value, Expression string } `json:"target_url"`
		} `json:"from_value"`
	}
	if json.Unmarshal(r.Parameters, &p) != nil {
		return false
	}
	to := p.From.Target
	return strings.HasPrefix(to.Value, "https://") || strings.Contains(to.Expression, `"https://`) && !strings.Contains(to.Expression, `"http://`)
}

// managedFree is the ruleset that Cloudflare runs by itself on the plan Free (waf/managed-rules/).
const managedFree = "77454fe2d30c4220b5701f6fdfb893ba"

// managed judges that Cloudflare's managed rules run for a host, and do something.
func (j *judging) managed(h string) {
	if !j.readable(PartOf(PhaseManagedWAF)) {
		return
	}
	d := scorecard.Draft{
		Rule: "NoManagedRules", Severity: v1alpha1.SeverityHigh, Place: h, Message: "Cloudflare's managed rules don't run for it, or do no more than log.",
		Remedy: j.remedy(v1alpha1.AreaWAF, "deploy the Cloudflare Managed Ruleset, without overrides that turn it off."),
	}
	if LimitsOf(j.e.State.Zone.Plan).ManagedRules {
		j.want(j.runs(h, managedCloudflare) == always, d)
		return
	}
	d.Message, d.Remedy = "A rule turns off the managed rules that Cloudflare runs by itself.", "Remove the rule's overrides."
	j.want(j.runs(h, managedFree) != never, d)
}

// runs says what is known of a managed ruleset for a host: always that it runs, never that it is turned off, maybe nothing.
func (j *judging) runs(host, id string) truth {
	state := maybe
	for _, r := range j.e.State.Rulesets[PhaseManagedWAF].Rules {
		if !r.Enabled || matches(r.Expression, sample{host: host, path: somePath, method: "GET", tls: always, address: stranger()}) != always {
			continue
		}
		if r.Action == actionSkip {
			return state // what comes after isn't run
		}
		var p struct {
			ID        string
			Overrides struct {
				Enabled *bool
				Action  string
			}
		}
		if r.Action != actionExecute || json.Unmarshal(r.Parameters, &p) != nil || p.ID != id {
			continue
		}
		if p.Overrides.Action == "log" || p.Overrides.Enabled != nil && !*p.Overrides.Enabled {
			state = max(state-1, never)
			continue
		}
		return always
	}
	return state
}

// rates judges that what logs in and what chats is limited. A limit of somebody else's counts where it certainly counts these
// requests, by address, and lets no more through.
func (j *judging) rates(h string) {
	if !j.readable(PartOf(PhaseRateLimit)) {
		return
	}
	for _, r := range appRequests(j.l) {
		paths := samplePaths(r.path)
		if r.limit == "" || len(paths) == 0 {
			continue
		}
		j.want(j.limited(h, r, paths), scorecard.Draft{
			Rule: "NoRateLimit", Severity: v1alpha1.SeverityHigh, Place: h + ": " + r.limit, Identity: r.limit + " " + r.method + " " + paths[0],
			Message: fmt.Sprintf("No rate limit of the edge covers the requests of app.%s: one address may make as many as it likes.", r.limit),
			Remedy:  j.remedy(v1alpha1.AreaRateLimits, fmt.Sprintf("limit %s to %d in a minute by address.", r.limit, r.requests)),
		})
	}
}

// samplePaths are two paths as a described one may be sent: what holds for both holds whatever was captured.
func samplePaths(path string) []string {
	if !strings.HasPrefix(path, "/") {
		return nil
	}
	parts := literals(path)
	return []string{strings.Join(parts, "launchready"), strings.Join(parts, "9-Q")}
}

func (j *judging) limited(host string, r appRequest, paths []string) bool {
	declared := len(j.l.cloudflare().RateLimits) > 0
	return slices.ContainsFunc(j.e.State.Rulesets[PhaseRateLimit].Rules, func(rule Rule) bool {
		accepted := j.e.Input.Marker.OwnsRule(rule) || declared
		if !rule.Enabled || !limits(rule, r, accepted) {
			return false
		}
		return !slices.ContainsFunc(paths, func(p string) bool {
			return matches(rule.Expression, sample{host: host, path: p, method: r.method, tls: always, address: stranger()}) != always
		})
	})
}

// limits says whether a rule holds off an address that makes more requests than it may. How many it lets through doesn't matter where
// that was said, and fitted to the plan, by the launch.
func limits(rule Rule, r appRequest, accepted bool) bool {
	var l struct {
		Characteristics    []string
		Period             float64
		Requests           float64 `json:"requests_per_period"`
		CountingExpression string  `json:"counting_expression"`
	}
	if json.Unmarshal(rule.RateLimit, &l) != nil || l.Period <= 0 || !slices.Contains([]string{actionBlock, "challenge", "js_challenge", "managed_challenge"}, rule.Action) {
		return false
	}
	visitor := []string{"cf.colo.id", "ip.src", "cf.unique_visitor_id"}
	if slices.ContainsFunc(l.Characteristics, func(c string) bool { return !slices.Contains(visitor, c) }) {
		return false // counted by what the visitor chooses
	}
	// Logins that failed may be what is counted; for anything else all requests have to be.
	if l.CountingExpression != "" && l.CountingExpression != rule.Expression && r.limit != "login" {
		return false
	}
	return accepted || l.Requests*max(1, minute/l.Period) <= float64(r.requests)
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
		if !known || !j.readable(PartSettings) {
			continue
		}
		j.want(!weaker(w.Setting, have.Text(), w.Value), scorecard.Draft{
			Rule: ReasonZoneSetting, Severity: v1alpha1.SeverityHigh, Place: s.Zone.Name + ": " + string(w.Setting), Identity: string(w.Setting),
			Message: fmt.Sprintf("The zone's %s is %s, and should be %s.", w.Setting, scorecard.Foreign(have.Text()), w.Value),
			Remedy:  "Change it in Cloudflare's dashboard, or say zoneSettings: Manage in the LaunchPolicy's credential for the zone.",
		})
	}
	if s.DNSSEC != "" && s.DNSSEC != "active" {
		j.add(scorecard.Draft{
			Rule: "DNSSECOff", Severity: v1alpha1.SeverityLow, Place: s.Zone.Name, Message: "The zone isn't signed (DNSSEC is " + scorecard.Foreign(s.DNSSEC) + ").",
			Remedy: "Turn DNSSEC on in Cloudflare's dashboard, and give the DS record to the domain's registrar.",
		})
	}
	if s.Bots != nil && (s.Bots.FightMode != nil || s.Bots.DefinitelyAutomated != "") && j.readable(PartBots) {
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
func (j *judging) skips(h string) {
	if !j.readable(PartOf(PhaseCustomWAF)) {
		return
	}
	j.j.Cases++
	for _, r := range j.e.State.Rulesets[PhaseCustomWAF].Rules {
		if !r.Enabled || r.Action != actionSkip || j.e.Input.Marker.OwnsRule(r) {
			continue
		}
		severity, skips := j.skip(r, h)
		if !skips {
			continue
		}
		j.add(scorecard.Draft{
			Rule: ReasonSkipRule, Severity: severity, Place: h + ": rule " + scorecard.Foreign(r.Description), Identity: r.ID,
			Message: "A custom rule of somebody else's skips protections for requests to it: when " + scorecard.Foreign(withoutValues(r.Expression)) + ".",
			Remedy:  "Narrow the rule to other hosts, or to known addresses; or delete it.",
		})
	}
}

// asksForSomebody says whether an expression asks for something that not everybody has: an address, a header, a cookie, a
// certificate, or being a bot that Cloudflare knows. A country is none.
func asksForSomebody(expression string) bool {
	for _, field := range []string{"ip.src ", "http.request.headers[", "http.request.cookies", "http.cookie", "cf.client.bot", "cf.bot_management", "cf.tls_client_auth"} {
		if strings.Contains(expression, field) {
			return true
		}
	}
	return false
}

// withoutValues shows an expression without what fields are compared with, but hosts and paths: a header's or a query's value lets in whoever
// knows it, and may be a secret of somebody else's.
func withoutValues(expression string) string {
	var b strings.Builder
	shown := false
	for i, t := range tokens(expression) {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch {
		case !t.quoted:
			b.WriteString(t.text)
			if strings.ContainsAny(t.text, "._") || t.text == "ssl" {
				shown = t.text == "http.host" || t.text == "http.request.uri.path"
			}
		case shown:
			b.WriteString(quoted(t.text))
		default:
			b.WriteString(`"…"`)
		}
	}
	return b.String()
}

// skipsLittle says whether a rule skips neither rules nor rate limits, but old products beside them.
func skipsLittle(r Rule) bool {
	var p struct {
		Ruleset          string
		Phases, Products []string
	}
	if json.Unmarshal(r.Parameters, &p) != nil {
		return false
	}
	return p.Ruleset == "" && len(p.Phases) == 0 && len(p.Products) > 0 && !slices.Contains(p.Products, "waf") && !slices.Contains(p.Products, "rateLimit")
}

// skip says whether a rule skips something on a host, and how bad that is.
func (j *judging) skip(r Rule, host string) (v1alpha1.Severity, bool) {
	if matches(r.Expression, sample{host: host, tls: always}) == never {
		return "", false
	}
	if skipsLittle(r) {
		return v1alpha1.SeverityLow, true
	}
	requests := []appRequest{{method: "GET", path: "/"}, {method: "GET", path: somePath}, {method: "POST", path: somePath}}
	for _, q := range append(requests, appRequests(j.l)...) {
		for _, path := range samplePaths(q.path) {
			switch matches(r.Expression, sample{host: host, path: path, method: q.method, tls: always, address: stranger()}) {
			case always:
				return v1alpha1.SeverityHigh, true
			case maybe:
				if !asksForSomebody(r.Expression) {
					return v1alpha1.SeverityHigh, true
				}
			}
		}
	}
	return v1alpha1.SeverityLow, true
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
	remedy, severity := "It is mended at the next look, if nothing stands in the way.", v1alpha1.SeverityMedium
	if j.l.observes() {
		severity = v1alpha1.SeverityLow // how well it is protected was judged by itself
		remedy = "Look at the whole plan by `launchready edge plan`, then set spec.cloudflare.mode to Enforce; or make the changes by hand."
	}
	j.add(scorecard.Draft{Rule: ReasonDrift, Severity: severity, Place: j.e.State.Zone.Name, Message: message, Remedy: remedy})
}
