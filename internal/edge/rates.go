// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// LoginRequests is how many logins one address may try in a minute: the scorecard wants the next one refused.
const (
	LoginRequests = 10
	minute        = 60
)

// rate is a limit that a launch wants.
type rate struct {
	name     string
	requests int32
	// period in seconds.
	period int32
	match  []string
	// rank orders what is given up last: login before chat before others.
	rank int
}

// perSecond compares limits: of two, the one that lets more through is the laxer.
func (r rate) perSecond() float64 { return float64(r.requests) / float64(r.period) }

// RatesOf are the limits that a launch wants: what it declares, else 10 logins in a minute and the declared rate of its chat.
func RatesOf(l Launch) []rate { //nolint:revive // the type is for this package and its judge
	if declared := l.Spec.Cloudflare.RateLimits; len(declared) > 0 {
		var out []rate
		for i, r := range declared {
			period := int32(minute)
			if r.PeriodSeconds != nil {
				period = *r.PeriodSeconds
			}
			match := anyOf(pathBegins(texts(r.Paths)))
			if len(r.Methods) > 0 {
				match = "(" + all(match, "http.request.method in "+set(texts(r.Methods))) + ")"
			}
			out = append(out, rate{name: r.Name, requests: r.Requests, period: period, match: []string{match}, rank: i})
		}
		return out
	}
	return derivedRates(l)
}

func derivedRates(l Launch) []rate {
	byName := map[string]*rate{}
	for _, r := range appRequests(l) {
		if r.limit == "" {
			continue
		}
		match := pathMatch(r.path)
		if match == "" {
			continue
		}
		match = "(" + all(match, "http.request.method eq "+quoted(r.method)) + ")"
		if have := byName[r.limit]; have != nil {
			if !slices.Contains(have.match, match) {
				have.match = append(have.match, match)
			}
			continue
		}
		byName[r.limit] = &rate{name: r.limit, requests: r.requests, period: minute, match: []string{match}, rank: r.rank}
	}
	var out []rate
	for _, name := range sortedKeys(byName) {
		out = append(out, *byName[name])
	}
	slices.SortStableFunc(out, func(a, b rate) int { return cmp.Compare(a.rank, b.rank) })
	return out
}

// appRequest is a request that the launch describes.
type appRequest struct {
	method, path string
	// limit names the rate limit that it counts for; empty where it counts for none.
	limit    string
	requests int32
	rank     int
}

// appRequests are the requests to the app that matter to the edge: those that log in and sign up, and the chat's.
func appRequests(l Launch) []appRequest {
	app := l.Spec.App
	if app == nil {
		return nil
	}
	var out []appRequest
	add := func(r v1alpha1.HTTPRequest, limit string, requests int32, rank int) {
		if r.Host == "" {
			method := cmp.Or(string(r.Method), "GET")
			// Reading the form of a login is no attempt.
			if limit == "login" && method == "GET" {
				limit = ""
			}
			out = append(out, appRequest{method: method, path: string(r.Path), limit: limit, requests: requests, rank: rank})
		}
	}
	if app.Login != nil {
		for _, s := range app.Login.Steps {
			add(s.Request, "login", LoginRequests, 0)
		}
	}
	if app.Chat != nil {
		limit, requests := "", int32(0)
		if app.Chat.RatePerMinute != nil {
			limit, requests = "chat", *app.Chat.RatePerMinute
		}
		add(app.Chat.Request, limit, requests, 1)
	}
	return out
}

// pathMatch selects the requests of a described path: $(name) stands for anything but the rest has to be the same. A path that
// is captured as a whole selects nothing.
func pathMatch(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	if !strings.Contains(path, "$") {
		return "http.request.uri.path eq " + quoted(path)
	}
	var b strings.Builder
	for rest := path; rest != ""; {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(strings.NewReplacer("*", `\*`, `\`, `\\`).Replace(before))
		if !found {
			break
		}
		if tail, dollar := strings.CutPrefix(after, "$"); dollar {
			b.WriteString("$")
			rest = tail
			continue
		}
		_, rest, _ = strings.Cut(after, ")")
		b.WriteString("*")
	}
	return "http.request.uri.path strict wildcard r" + rawQuoted(b.String())
}

// rawQuoted writes a raw string of the Rules language; a path holds no quotes.
func rawQuoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, "") + `"` }

// fixedBeginning is as much of a described path as is the same in every request.
func fixedBeginning(path string) string {
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "$")
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	return path
}

// rateGroup are the limits of several launches that one rule serves.
type rateGroup struct {
	rate
	conditions []string
	served
	// laxer names the launches that wanted less than the group lets through.
	laxer []LaunchID
}

// rates wants rate limits: one rule for all launches that want the same, and fewer where the plan has fewer.
func (d *desired) rates() {
	groups := d.rateGroups()
	room := max(d.limits.Rules[PhaseRateLimit]-d.foreignRules(PhaseRateLimit), 0)
	for len(groups) > max(room, 1) {
		groups = d.merge(groups)
	}
	for i, g := range groups {
		d.rateRule(i, g)
	}
}

func (d *desired) rateGroups() []rateGroup {
	var groups []rateGroup
	for _, l := range d.in.Launches {
		hosts := d.mine(l, v1alpha1.AreaRateLimits, l.Hosts())
		if len(hosts) == 0 {
			continue
		}
		for _, r := range RatesOf(l) {
			match := r.match
			if !d.limits.RateByMethod {
				match = pathsOnly(match)
			}
			condition := "(" + all(hostIn(hosts), anyOf(match)) + ")"
			if !d.limits.RateByHost {
				condition = anyOf(match)
			}
			i := slices.IndexFunc(groups, func(g rateGroup) bool { return g.requests == r.requests && g.period == r.period && g.name == r.name })
			if i < 0 {
				groups = append(groups, rateGroup{rate: r})
				i = len(groups) - 1
			}
			if !slices.Contains(groups[i].conditions, condition) {
				groups[i].conditions = append(groups[i].conditions, condition)
			}
			groups[i].add(l.LaunchID, hosts...)
		}
	}
	slices.SortStableFunc(groups, func(a, b rateGroup) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.name, b.name)) })
	return groups
}

// pathsOnly leaves the methods out, which rate limits of the plans Free and Pro can't look at.
func pathsOnly(matches []string) []string {
	out := make([]string, len(matches))
	for i, m := range matches {
		m, _, _ = strings.Cut(strings.TrimPrefix(m, "("), " and http.request.method")
		out[i] = m
	}
	return out
}

// merge makes one group of two: of those with one name if there are any, else of the two that matter least. The laxer limit
// counts, so that no app is held back more than it asked for.
func (d *desired) merge(groups []rateGroup) []rateGroup {
	a, b := len(groups)-2, len(groups)-1
	for i := len(groups) - 1; i > 0; i-- {
		if groups[i].name == groups[i-1].name {
			a, b = i-1, i
			break
		}
	}
	into, from := groups[a], groups[b]
	strict := from
	if from.perSecond() > into.perSecond() {
		strict = into
		into.requests, into.period = from.requests, from.period
	}
	if strict.perSecond() != into.perSecond() {
		into.laxer = append(into.laxer, strict.launches...)
	}
	into.laxer = append(into.laxer, from.laxer...)
	for _, c := range from.conditions {
		if !slices.Contains(into.conditions, c) {
			into.conditions = append(into.conditions, c)
		}
	}
	for _, l := range from.launches {
		into.add(l, from.hosts...)
	}
	groups[a] = into
	return slices.Delete(groups, b, b+1)
}

func (d *desired) rateRule(n int, g rateGroup) {
	zone := d.state.Zone
	if !d.limits.RateByHost && !d.in.ManageSettings {
		for _, l := range g.launches {
			d.note(l, ReasonDegradedByPlan, v1alpha1.SeverityMedium, zone.Name+": RateLimits",
				"On the plan Free the one rate limit of a zone looks at paths alone, so that it would count the requests to all apps in the zone: none is set.",
				"Say zoneSettings: Manage in the LaunchPolicy's credential for the zone, or move the zone to the plan pro.")
		}
		return
	}
	requests, period := d.fitRate(g.rate)
	for _, l := range slices.Compact(g.laxer) {
		d.note(l, ReasonDegradedByPlan, v1alpha1.SeverityLow, zone.Name+": RateLimits",
			fmt.Sprintf("The plan %s has too few rate limits for those of all apps in the zone: %s is limited to %d in %d seconds, which is laxer than wanted.", zone.Plan, g.name, requests, period),
			fmt.Sprintf("Move the zone to the plan %s, or let the apps want the same.", NextPlan(zone.Plan)))
	}
	words := fmt.Sprintf("limit %s to %d requests in %d seconds by one address", g.name, requests, period)
	limit := map[string]any{
		"characteristics": []string{"cf.colo.id", "ip.src"}, "period": period, "requests_per_period": requests, "mitigation_timeout": d.timeout(period),
	}
	for i, expression := range chunks(g.conditions, "") {
		r := d.rule(effectRate+"-"+g.name, i, expression, actionBlock, nil, words)
		r.RateLimit = parameters(limit)
		d.want.Rules[PhaseRateLimit] = append(d.want.Rules[PhaseRateLimit], WantRule{
			Rule: r, Area: v1alpha1.AreaRateLimits, Launches: g.launches, Words: words + " on " + listed(g.sorted()),
		})

	}
}

// minRequests is the least that a limit is brought down to for a plan's sake: a page of one login takes a few requests.
const minRequests = 3

// fitRate brings a limit to a period that the plan has, and says so where it is another one.
func (d *desired) fitRate(r rate) (requests, period int32) {
	if slices.Contains(d.limits.RatePeriods, r.period) {
		return r.requests, r.period
	}
	period = d.limits.RatePeriods[0]
	for _, p := range d.limits.RatePeriods {
		if p <= r.period {
			period = p
		}
	}
	scaled := (int64(r.requests)*int64(period) + int64(r.period) - 1) / int64(r.period)
	return max(int32(scaled), min(minRequests, r.requests)), period //nolint:gosec // at most requests
}

// timeout is how long a visitor is held off: the period, or the next time that the plan has.
func (d *desired) timeout(period int32) int32 {
	for _, t := range d.limits.RateTimeouts {
		if t >= period {
			return t
		}
	}
	return d.limits.RateTimeouts[len(d.limits.RateTimeouts)-1]
}

// foreignRules counts the rules of a phase that aren't ours.
func (d *desired) foreignRules(phase Phase) int {
	n := 0
	for _, r := range d.state.Rulesets[phase].Rules {
		if !d.in.Marker.OwnsRule(r) {
			n++
		}
	}
	return n
}
