// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Effects are what the rules bring about; each is the end of a rule's ref.
const (
	effectLock       = "lock"
	effectWAF        = "waf"
	effectManaged    = "managed"
	effectOWASP      = "owasp"
	effectRate       = "rate"
	effectHTTPS      = "https"
	effectCanonical  = "canonical"
	effectTLS        = "tls"
	effectHSTS       = "hsts"
	effectRetryAfter = "retry-after"
	effectHolding    = "holding"
	effectStrip      = "strip"
	effectStatic     = "files"
	effectPaths      = "paths"
	effectPrivate    = "private"
	// gently ends the effects that are brought about in their mildest way.
	gently = "-gently"
)

// phaseOf is the phase that an effect's rules are in.
func phaseOf(effect string) Phase {
	base, _, _ := strings.Cut(effect, "-")
	switch base {
	case effectLock, effectWAF:
		return PhaseCustomWAF
	case effectManaged, effectOWASP:
		return PhaseManagedWAF
	case effectRate:
		return PhaseRateLimit
	case effectHTTPS, effectCanonical:
		return PhaseRedirect
	case effectTLS:
		return PhaseConfig
	case effectStrip:
		return PhaseRequestHeaders
	case effectHSTS:
		return PhaseResponseHeaders
	default:
		return PhaseCache
	}
}

// Actions of rules, by Cloudflare's names.
const (
	actionBlock     = "block"
	actionSkip      = "skip"
	actionExecute   = "execute"
	actionRedirect  = "redirect"
	actionSetConfig = "set_config"
	actionSetCache  = "set_cache_settings"
	actionRewrite   = "rewrite"
	actionError     = "serve_error"
)

// Want is what all launches of a credential want of a zone.
type Want struct {
	Records []WantRecord
	Rules   map[Phase][]WantRule
	// Settings are zone-wide; they are wanted at least as strict.
	Settings []WantSetting
	// Bots says that something is to be done about bots in the whole zone.
	Bots []LaunchID
	// Retired are names at which nothing may be.
	Retired []WantRetired
	// Held are the hosts whose records have to wait, because a rule that has to stand before them can't be put up, with why.
	Held map[string]string
	// Locked are the hosts that are locked, by launch.
	Locked map[LaunchID][]string
	// Notes are what can't be done, or isn't.
	Notes []Note
}

// WantRecord is a record and whom it serves.
type WantRecord struct {
	Record
	Launch LaunchID
	// Adopt says that a record of somebody else's in its place may be changed into it.
	Adopt bool
	// Optional records are created only where there is none of their kind (mail).
	Optional bool
}

// WantRetired is a name at which nothing may be.
type WantRetired struct {
	Name    string
	Launch  LaunchID
	Foreign bool
}

// WantRule is a rule and whom it serves.
type WantRule struct {
	Rule
	Area     v1alpha1.EdgeArea
	Launches []LaunchID
	// First says that it has to stand before all others.
	First bool
	// Needed are the hosts that get no record without it.
	Needed []string
	// Words say what it does: "block paths that nobody may ask for on app.example.com".
	Words string
}

// WantSetting is a setting that is wanted at least as strict.
type WantSetting struct {
	Setting  Setting
	Value    string
	Area     v1alpha1.EdgeArea
	Launches []LaunchID
}

// Note is something about a launch's zone that a person has to know.
type Note struct {
	Launch   LaunchID
	Reason   string
	Severity v1alpha1.Severity
	// Place is a host, or the zone, and the area.
	Place   string
	Message string
	Remedy  string
}

// desired gathers what launches want.
type desired struct {
	in      Input
	state   State
	records names
	limits  Limits
	want    Want
	// numbers count the rules of an effect.
	numbers map[string]int
}

// Desired gives what the launches want of the zone, as settled. It is pure, and never fails: what can't be is a Note. For those
// for which nothing may be changed, that is what is there.
func Desired(in Input, state State) Want {
	d := &desired{in: in, state: state, records: byName(state.Records), limits: LimitsOf(state.Zone.Plan), numbers: map[string]int{}, want: Want{
		Rules: map[Phase][]WantRule{}, Held: map[string]string{}, Locked: map[LaunchID][]string{},
	}}
	for _, l := range d.in.Launches {
		for _, r := range l.Refused {
			d.note(l.LaunchID, r.Reason, v1alpha1.SeverityHigh, r.Host, r.Message, "One launch has a host: see docs/edge.md.")
		}
	}
	d.lock()
	d.redirects()
	d.tls()
	d.waf()
	d.rates()
	d.cache()
	d.headers()
	d.fit()
	d.addresses()
	d.mail()
	d.settings()
	slices.SortFunc(d.want.Records, func(a, b WantRecord) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Content, b.Content))
	})
	return d.want
}

// note tells a person something.
func (d *desired) note(l LaunchID, reason string, severity v1alpha1.Severity, place, message, remedy string) {
	d.want.Notes = append(d.want.Notes, Note{Launch: l, Reason: reason, Severity: severity, Place: place, Message: message, Remedy: remedy})
}

// served are a rule's hosts with the launches that they are of.
type served struct {
	hosts    []string
	launches []LaunchID
	// needed says that the hosts get no record without the rule.
	needed bool
}

func (s *served) add(l LaunchID, hosts ...string) {
	s.hosts = append(s.hosts, hosts...)
	if len(hosts) > 0 && !slices.Contains(s.launches, l) {
		s.launches = append(s.launches, l)
	}
}

// sorted gives the hosts once each, in order.
func (s *served) sorted() []string {
	slices.Sort(s.hosts)
	return slices.Compact(s.hosts)
}

// existing says whether strangers could reach a host before.
func (d *desired) existing(host string) bool {
	c := d.in.Ledger.claim(host)
	return c != nil && c.Existing
}

// mine are the hosts of a launch on which an effect of an area is wanted: all that are new, and others where the area is adopted.
// Where nothing may be changed, those on which it is brought about now.
func (d *desired) mine(l Launch, area v1alpha1.EdgeArea, effect string, hosts []string) []string {
	if l.takesBack() {
		return nil
	}
	var out []string
	for _, h := range hosts {
		switch {
		case l.frozen():
			if d.covered(effect, h) {
				out = append(out, h)
			}
		case l.adopts(area) || !d.existing(h):
			out = append(out, h)
		default:
			d.note(l.LaunchID, ReasonNotAdopted, v1alpha1.SeverityLow, h,
				fmt.Sprintf("Strangers could reach %s before this launch took it on, so that its %s is left as it is.", h, area),
				fmt.Sprintf("Look at the plan by `launchready edge plan`, then add %s to spec.cloudflare.adopt.", area))
		}
	}
	return out
}

// covered says whether a rule of ours brings an effect about on a host now.
func (d *desired) covered(effect, host string) bool {
	return slices.ContainsFunc(d.state.Rulesets[phaseOf(effect)].Rules, func(r Rule) bool {
		return d.in.Marker.effects(r, effect) && namesHost(r.Expression, host)
	})
}

// careful says whether a host is one that strangers could reach before and that isn't launched: what is done there is done gently.
func (d *desired) careful(l Launch, gently, host string) bool {
	if l.frozen() {
		return d.covered(gently, host)
	}
	return d.existing(host) && !l.Launched
}

// rules wants a rule for some hosts, or several where their expression would be too long for one.
func (d *desired) rules(phase Phase, effect string, s served, condition string, rule Rule, words string) {
	var expressions []string
	for _, hosts := range hostChunks(s.sorted(), len(condition)+len(" and ")) {
		expression := hostIn(hosts)
		if condition != "" {
			expression = all(expression, condition)
		}
		expressions = append(expressions, expression)
	}
	d.add(phase, effect, s, expressions, rule, words)
}

// add wants rules of an effect, numbered on from those that are wanted already: numbers keep a rule's place and id when what it
// says changes, so that it never has to go and come back.
func (d *desired) add(phase Phase, effect string, s served, expressions []string, rule Rule, words string) {
	for _, expression := range expressions {
		d.numbers[effect]++
		r := rule
		r.Ref = d.in.Marker.RuleRef(effect)
		if n := d.numbers[effect]; n > 1 {
			r.Ref += "-" + strconv.Itoa(n)
		}
		r.Enabled, r.Expression, r.Description = true, expression, "LaunchReady: "+words
		w := WantRule{Rule: r, Area: areaOf(phase), Launches: s.launches, First: effect == effectLock, Words: words + " on " + listed(s.sorted())}
		if s.needed {
			w.Needed = s.hosts
		}
		d.want.Rules[phase] = append(d.want.Rules[phase], w)
	}
}

// parameters writes what a rule's action is given.
func parameters(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("parameters of a rule: %v", err)) // maps of plain values: it can't fail
	}
	return data
}

// listed names some hosts.
func listed(hosts []string) string {
	const most = 3
	if len(hosts) <= most {
		return joined(hosts)
	}
	return fmt.Sprintf("%s and %d more", joined(hosts[:most]), len(hosts)-most)
}

func joined(hosts []string) string {
	switch len(hosts) {
	case 0:
		return ""
	case 1:
		return hosts[0]
	case 2:
		return hosts[0] + " and " + hosts[1]
	default:
		return hosts[0] + ", " + joined(hosts[1:])
	}
}

// fit leaves out the rules that the plan has no room for beside those of others, the least important first, and says so.
func (d *desired) fit() {
	for _, phase := range Phases() {
		wanted := d.want.Rules[phase]
		if i := slices.IndexFunc(d.state.Denied, func(x Denied) bool { return x.Part == PartOf(phase) }); i >= 0 {
			for _, r := range wanted {
				d.hold(r, fmt.Sprintf("the API token lacks the permission %q that is needed to %s.", d.state.Denied[i].Permission, r.Words))
			}
			continue
		}
		room := max(d.limits.Rules[phase]-d.foreignRules(phase), 0)
		if len(wanted) <= room {
			continue
		}
		for _, r := range wanted[room:] {
			d.left(phase, r)
		}
		d.want.Rules[phase] = wanted[:room]
	}
}

// foreignRules counts the rules of a phase that aren't ours.
func (d *desired) foreignRules(phase Phase) int {
	n := 0
	for _, r := range d.state.Rulesets[phase].Rules {
		if !d.in.Marker.OwnsRule(r) || d.in.keptFor(r) {
			n++
		}
	}
	return n
}

// left notes a rule that there is no room for.
func (d *desired) left(phase Phase, r WantRule) {
	severity := v1alpha1.SeverityMedium
	if r.Area == v1alpha1.AreaHeaders {
		severity = v1alpha1.SeverityLow
	}
	zone, limit := d.state.Zone, d.limits.Rules[phase]
	message := fmt.Sprintf("The plan %s has room for %d rules of the phase %s in the zone %s, and they are taken up: there is none left to %s.",
		zone.Plan, limit, phase, zone.Name, r.Words)
	remedy := fmt.Sprintf("Remove a rule of that phase that nobody needs, or move the zone to the plan %s.", NextPlan(zone.Plan))
	if limit == 0 {
		message = fmt.Sprintf("The plan %s has no rules of the phase %s: none can %s.", zone.Plan, phase, r.Words)
		remedy = fmt.Sprintf("Move the zone to the plan %s.", NextPlan(zone.Plan))
	}
	for _, l := range r.Launches {
		d.note(l, ReasonDegradedByPlan, severity, zone.Name+": "+string(r.Area), message, remedy)
	}
	d.hold(r, message)
}

// hold keeps hosts from getting a record whose rule can't be put up.
func (d *desired) hold(r WantRule, why string) {
	for _, h := range r.Needed {
		d.want.Held[h] = why
	}
}
