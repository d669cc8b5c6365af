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

// Rate is a limit that a launch wants.
type Rate struct {
	Name     string
	Requests int32
	// Period in seconds.
	Period int32
	// requests that are counted: one of these.
	match []match
	// rank orders what is given up last: login before chat before others.
	rank int
}

// match selects requests by their path and, where it says so, their methods.
type match struct {
	path    string
	methods []string
}

// expression leaves the methods out where the plan's rate limits may not look at them.
func (m match) expression(limits Limits) string {
	if len(m.methods) == 0 || !limits.RateByMethod {
		return m.path
	}
	return "(" + all(m.path, "http.request.method in "+set(m.methods)) + ")"
}

// perSecond compares limits: of two, the one that lets more through is the laxer.
func (r Rate) perSecond() float64 { return float64(r.Requests) / float64(r.Period) }

// RatesOf are the limits that a launch wants: what it declares, else 10 logins in a minute and the declared rate of its chat.
func RatesOf(l Launch) []Rate {
	declared := l.cloudflare().RateLimits
	if len(declared) == 0 {
		return derivedRates(l)
	}
	var out []Rate
	for i, r := range declared {
		period := int32(minute)
		if r.PeriodSeconds != nil {
			period = *r.PeriodSeconds
		}
		out = append(out, Rate{
			Name: r.Name, Requests: r.Requests, Period: period, match: []match{{anyOf(pathBegins(texts(r.Paths))), texts(r.Methods)}}, rank: i,
		})
	}
	return out
}

func derivedRates(l Launch) []Rate {
	var out []Rate
	for _, r := range appRequests(l) {
		m := match{pathMatch(r.path), []string{r.method}}
		if r.limit == "" || m.path == "" {
			continue
		}
		i := slices.IndexFunc(out, func(o Rate) bool { return o.Name == r.limit })
		if i < 0 {
			i = len(out)
			out = append(out, Rate{Name: r.limit, Requests: r.requests, Period: minute, rank: r.rank})
		}
		if !slices.ContainsFunc(out[i].match, func(o match) bool { return o.path == m.path && slices.Equal(o.methods, m.methods) }) {
			out[i].match = append(out[i].match, m)
		}
	}
	slices.SortStableFunc(out, func(a, b Rate) int { return cmp.Compare(a.rank, b.rank) })
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

// pathMatch selects the requests of a described path: $(name) stands for anything, but the rest has to be the same, and $$ is a dollar
// sign. A path that is captured as a whole selects nothing.
func pathMatch(path string) string {
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	parts := literals(path)
	if len(parts) == 1 {
		return "http.request.uri.path eq " + quoted(parts[0])
	}
	for i, p := range parts {
		parts[i] = strings.NewReplacer("*", `\*`, `\`, `\\`).Replace(p)
	}
	// Two stars in a row are refused (ruleset-engine/rules-language/operators/#wildcard-matching): of what was captured in a row, one stays.
	last := len(parts) - 1
	between := slices.DeleteFunc(slices.Clone(parts[1:last]), func(p string) bool { return p == "" })
	pattern := strings.Join(slices.Concat(parts[:1], between, parts[last:]), "*")
	return "http.request.uri.path strict wildcard " + quoted(pattern)
}

// literals are the parts of a described path between what was captured, as they are sent; without the query. An end that isn't closed is
// taken for captured.
func literals(path string) []string {
	out := []string{""}
	add := func(s string) { out[len(out)-1] += s }
	for path != "" {
		i := strings.IndexAny(path, "?$")
		if i < 0 {
			add(path)
			break
		}
		add(path[:i])
		switch rest := path[i:]; {
		case rest[0] == '?':
			return out
		case strings.HasPrefix(rest, "$$"):
			add("$")
			path = rest[2:]
		case strings.HasPrefix(rest, "$("):
			path = afterReference(rest[2:])
			out = append(out, "")
		default:
			add("$")
			path = rest[1:]
		}
	}
	return out
}

// afterReference is what follows a reference such as $(totp(credentials.key)), of which brackets may be nested.
func afterReference(s string) string {
	depth := 1
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[i+1:]
			}
		}
	}
	return ""
}

// fixedBeginning is as much of a described path as is the same in every request.
func fixedBeginning(path string) string {
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	return literals(path)[0]
}

// rateGroup are the limits of several launches that one rule serves.
type rateGroup struct {
	Rate
	served
	// counted are the hosts by what is counted on them.
	counted map[string][]string
	// lax are the launches that wanted less than the group lets through.
	lax []LaunchID
}

func (g *rateGroup) count(l LaunchID, hosts []string, what string) {
	g.add(l, hosts...)
	for _, h := range hosts {
		if !slices.Contains(g.counted[what], h) {
			g.counted[what] = append(g.counted[what], h)
		}
	}
}

// rates wants rate limits: one rule for all launches that want the same, and fewer where the plan has fewer.
func (d *desired) rates() {
	groups := d.rateGroups()
	room := max(d.limits.Rules[PhaseRateLimit]-d.foreignRules(PhaseRateLimit), 1)
	for len(groups) > room {
		groups = mergeRates(groups)
	}
	for _, g := range groups {
		d.rateRule(g)
	}
}

func (d *desired) rateGroups() []rateGroup {
	var groups []rateGroup
	for _, l := range d.in.Launches {
		hosts := d.mine(l, v1alpha1.AreaRateLimits, effectRate, l.Hosts())
		if len(hosts) == 0 {
			continue
		}
		for _, r := range RatesOf(l) {
			i := slices.IndexFunc(groups, func(g rateGroup) bool { return g.Requests == r.Requests && g.Period == r.Period && g.Name == r.Name })
			if i < 0 {
				i = len(groups)
				groups = append(groups, rateGroup{Rate: r, counted: map[string][]string{}})
			}
			what := make([]string, len(r.match))
			for n, m := range r.match {
				what[n] = m.expression(d.limits)
			}
			groups[i].count(l.LaunchID, hosts, anyOf(slices.Compact(what)))
		}
	}
	slices.SortStableFunc(groups, func(a, b rateGroup) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Name, b.Name)) })
	return groups
}

// mergeRates makes one group of two: of those with one name if there are any, else of the two that matter least. The laxer limit
// counts, so that no app is held back more than it asked for.
func mergeRates(groups []rateGroup) []rateGroup {
	a, b := len(groups)-2, len(groups)-1
	for i := len(groups) - 1; i > 0; i-- {
		if groups[i].Name == groups[i-1].Name {
			a, b = i-1, i
			break
		}
	}
	into, from := &groups[a], groups[b]
	switch {
	case from.perSecond() > into.perSecond():
		into.lax = append(into.lax, into.launches...)
		into.Requests, into.Period = from.Requests, from.Period
	case from.perSecond() < into.perSecond():
		into.lax = append(into.lax, from.launches...)
	}
	into.lax = append(into.lax, from.lax...)
	for _, l := range from.launches {
		into.add(l, from.hosts...)
	}
	for _, what := range sortedKeys(from.counted) {
		for _, h := range from.counted[what] {
			if !slices.Contains(into.counted[what], h) {
				into.counted[what] = append(into.counted[what], h)
			}
		}
	}
	return slices.Delete(groups, b, b+1)
}

func (d *desired) rateRule(g rateGroup) {
	place := d.state.Zone.Name + ": RateLimits"
	if !d.limits.RateByHost && !d.in.ManageSettings {
		for _, l := range g.launches {
			d.note(l, ReasonDegradedByPlan, v1alpha1.SeverityMedium, place,
				"On the plan Free the one rate limit of a zone looks at paths alone, so that it would count the requests to all apps in the zone: none is set.",
				"Say zoneSettings: Manage in the LaunchPolicy's credential for the zone, or move the zone to the plan pro.")
		}
		return
	}
	requests, period := d.fitRate(g.Rate)
	d.rateNotes(g, requests, period, place)
	var counted []string
	for _, what := range sortedKeys(g.counted) {
		if d.limits.RateByHost {
			slices.Sort(g.counted[what])
			counted = append(counted, conditions(g.counted[what], []string{what})...)
		} else {
			counted = append(counted, what)
		}
	}
	d.add(PhaseRateLimit, effectRate, g.served, chunks(counted, ""), Rule{Action: actionBlock, RateLimit: parameters(map[string]any{
		"characteristics": []string{"cf.colo.id", "ip.src"}, "period": period, "requests_per_period": requests, "mitigation_timeout": d.timeout(period),
	})}, fmt.Sprintf("limit %s to %d requests in %d seconds by one address", g.Name, requests, period))
}

// rateNotes tells who gets another limit than was asked for.
func (d *desired) rateNotes(g rateGroup, requests, period int32, place string) {
	plan := d.state.Zone.Plan
	noted := map[LaunchID]bool{}
	for _, l := range g.lax {
		if noted[l] {
			continue
		}
		noted[l] = true
		d.note(l, ReasonDegradedByPlan, v1alpha1.SeverityLow, place,
			fmt.Sprintf("The plan %s has too few rate limits for those of all apps in the zone: %s is limited to %d in %d seconds, which is laxer than wanted.", plan, g.Name, requests, period),
			fmt.Sprintf("Move the zone to the plan %s, or let the apps want the same.", NextPlan(plan)))
	}
	if period == g.Period {
		return
	}
	for _, l := range g.launches {
		d.note(l, ReasonDegradedByPlan, v1alpha1.SeverityLow, place,
			fmt.Sprintf("The plan %s doesn't count over %d seconds: %s is limited to %d in %d seconds.", plan, g.Period, g.Name, requests, period),
			fmt.Sprintf("Move the zone to the plan %s.", NextPlan(plan)))
	}
}

// minRequests is the least that a limit is brought down to for a plan's sake: a page of one login takes a few requests.
const minRequests = 3

// fitRate brings a limit to a period that the plan has, and says so where it is another one.
func (d *desired) fitRate(r Rate) (requests, period int32) {
	if slices.Contains(d.limits.RatePeriods, r.Period) {
		return r.Requests, r.Period
	}
	period = d.limits.RatePeriods[0]
	for _, p := range d.limits.RatePeriods {
		if p <= r.Period {
			period = p
		}
	}
	scaled := (int64(r.Requests)*int64(period) + int64(r.Period) - 1) / int64(r.Period)
	return max(int32(scaled), min(minRequests, r.Requests)), period //nolint:gosec // at most requests
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
