// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

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
	effectStatic     = "static"
	effectPaths      = "static-paths"
	effectPrivate    = "private"
)

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
	// Names are all names that are dealt with: records of ours at others are left alone.
	Names map[string]LaunchID
	// Retired are names at which nothing may be.
	Retired []WantRetired
	// Held are the hosts whose records have to wait, because their lock can't be put up.
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
	// Words say what it does: "block paths that nobody may ask for on app.example.com".
	Words string
}

// WantSetting is a setting that is wanted at least as strict.
type WantSetting struct {
	Setting  Setting
	Value    string
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
	in     Input
	state  State
	limits Limits
	want   Want
}

// Desired gives what the enforcing launches want of the zone, as settled. It is pure, and never fails: what can't be is a Note.
func Desired(in Input, state State) Want {
	d := &desired{in: in, state: state, limits: LimitsOf(state.Zone.Plan), want: Want{
		Rules: map[Phase][]WantRule{}, Names: map[string]LaunchID{}, Held: map[string]string{}, Locked: map[LaunchID][]string{},
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
	d.records()
	d.mail()
	d.settings()
	slices.SortFunc(d.want.Records, func(a, b WantRecord) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Content, b.Content))
	})
	return d.want
}

func (d *desired) note(l LaunchID, reason string, severity v1alpha1.Severity, place, message, remedy string) {
	d.want.Notes = append(d.want.Notes, Note{Launch: l, Reason: reason, Severity: severity, Place: place, Message: message, Remedy: remedy})
}

// served are a rule's hosts with the launches that they are of.
type served struct {
	hosts    []string
	launches []LaunchID
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

// mine are the hosts of a launch on which an area is enforced: all that are new, and others where the area is adopted.
func (d *desired) mine(l Launch, area v1alpha1.EdgeArea, hosts []string) []string {
	if l.Leaving || l.Mode() == v1alpha1.EdgeRevert {
		return nil
	}
	adopted := slices.Contains(l.Spec.Cloudflare.Adopt, area)
	var out []string
	for _, h := range hosts {
		if adopted || !d.existing(h) {
			out = append(out, h)
			continue
		}
		d.note(l.LaunchID, ReasonNotAdopted, v1alpha1.SeverityLow, h,
			fmt.Sprintf("Strangers could reach %s before this launch took it on, so that its %s is left as it is.", h, area),
			fmt.Sprintf("Look at the plan by `launchready edge plan`, then add %s to spec.cloudflare.adopt.", area))
	}
	return out
}

// rules adds a rule for hosts, or several where their expression would be too long for one.
func (d *desired) rules(phase Phase, effect string, area v1alpha1.EdgeArea, s served, condition string, rule Rule, words string) {
	for i, hosts := range hostChunks(s.sorted(), len(condition)+len(" and ")) {
		r := rule
		r.Ref = d.in.Marker.RuleRef(effect)
		if i > 0 {
			r.Ref += fmt.Sprintf("-%d", i+1)
		}
		r.Enabled = true
		r.Expression = hostIn(hosts)
		if condition != "" {
			r.Expression = all(hostIn(hosts), condition)
		}
		r.Description = "LaunchReady: " + words
		d.want.Rules[phase] = append(d.want.Rules[phase], WantRule{Rule: r, Area: area, Launches: s.launches, Words: words + " on " + listed(hosts)})
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
		if len(wanted) == 0 {
			continue
		}
		room := d.limits.Rules[phase]
		for _, r := range d.state.Rulesets[phase].Rules {
			if !d.in.Marker.OwnsRule(r) {
				room--
			}
		}
		room = max(room, 0)
		if len(wanted) <= room {
			continue
		}
		for _, r := range wanted[room:] {
			d.left(phase, r)
		}
		d.want.Rules[phase] = wanted[:room]
	}
}

// left notes a rule that there is no room for. Without its lock, a host gets no record.
func (d *desired) left(phase Phase, r WantRule) {
	severity := v1alpha1.SeverityMedium
	if r.Area == v1alpha1.AreaHeaders || phase == PhaseErrors {
		severity = v1alpha1.SeverityLow
	}
	zone := d.state.Zone
	for _, l := range r.Launches {
		message := fmt.Sprintf("The plan %s has room for %d rules of the phase %s in the zone %s, and others take them up: there is none left to %s.",
			zone.Plan, d.limits.Rules[phase], phase, zone.Name, r.Words)
		remedy := fmt.Sprintf("Remove a rule of that phase that nobody needs, or move the zone to the plan %s.", NextPlan(zone.Plan))
		if d.limits.Rules[phase] == 0 {
			message = fmt.Sprintf("The plan %s has no rules of the phase %s: none can %s.", zone.Plan, phase, r.Words)
			remedy = fmt.Sprintf("Move the zone to the plan %s.", NextPlan(zone.Plan))
		}
		d.note(l, ReasonDegradedByPlan, severity, zone.Name+": "+string(r.Area), message, remedy)
		if r.First {
			for _, h := range d.want.Locked[l] {
				d.want.Held[h] = message
			}
		}
	}
}
