// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Plan is what would bring a zone to what is wanted, in the order in which it is done. Empty: no drift.
type Plan struct {
	Changes []Change
	// Notes are what can't be done, or isn't.
	Notes []Note
}

// Empty says whether the zone is as wanted.
func (p Plan) Empty() bool { return len(p.Changes) == 0 }

// Change is one change, with the words that a person reads and the launches that it serves.
type Change struct {
	Area     v1alpha1.EdgeArea
	Words    string
	Launches []LaunchID
	// Exactly one of the following is set.
	Record  *RecordChange
	Rule    *RuleChange
	Setting *SettingChange
	Bots    *Bots
	Leaked  *bool
	// Previous is kept before the change is made.
	Previous *Previous
	// Lock says that it puts up, or keeps, a lock; NeedsLock that it must not be made without one.
	Lock, NeedsLock bool
	// Diff shows what changes, line by line, without anything secret.
	Diff []string
}

// RecordChange creates, patches or deletes a record.
type RecordChange struct {
	Verb   Verb
	Record Record
}

// RuleChange creates, patches, moves or deletes a rule.
type RuleChange struct {
	Verb      Verb
	Phase     Phase
	RulesetID string
	Rule      Rule
	At        Position
}

// SettingChange changes a setting of the whole zone.
type SettingChange struct {
	Setting Setting
	Value   string
}

// Verb is what is done.
type Verb string

// What is done.
const (
	Create Verb = "create"
	Patch  Verb = "change"
	Delete Verb = "delete"
)

// planning compares.
type planning struct {
	in    Input
	want  Want
	state State
	plan  Plan
	// later are changes that come after the records.
	later []Change
}

// PlanOf gives the changes that bring a zone from what it is to what is wanted. It is pure.
//
// The order: what comes to cover a host, locks first, then the records, then what goes. So no host is reachable without what it
// is to have in front of it.
func PlanOf(in Input, want Want, state State) Plan {
	p := &planning{in: in, want: want, state: state, plan: Plan{Notes: want.Notes}}
	for _, phase := range Phases() {
		p.phase(phase)
	}
	p.records()
	p.settings()
	p.plan.Changes = append(p.plan.Changes, p.later...)
	return p.plan
}

// add plans a change, before or after the records.
func (p *planning) add(c Change, late bool) {
	if late {
		p.later = append(p.later, c)
		return
	}
	p.plan.Changes = append(p.plan.Changes, c)
}

// phase plans the rules of a phase: those that lack, differ or stand in the wrong place, and ours that nobody wants.
func (p *planning) phase(phase Phase) {
	if p.denied(PartOf(phase)) {
		return
	}
	set, exists := p.state.Rulesets[phase]
	for _, w := range p.want.Rules[phase] {
		i := slices.IndexFunc(set.Rules, func(r Rule) bool { return r.Ref == w.Ref })
		if i < 0 {
			p.create(phase, set, exists, w)
			continue
		}
		p.mend(phase, set, i, w)
	}
	for _, r := range set.Rules {
		wanted := slices.ContainsFunc(p.want.Rules[phase], func(w WantRule) bool { return w.Ref == r.Ref })
		if !p.in.Marker.OwnsRule(r) || wanted {
			continue
		}
		p.add(Change{
			Area: areaOf(phase), Words: "delete the rule \"" + strings.TrimPrefix(r.Description, "LaunchReady: ") + "\"", Launches: p.everyone(),
			Rule: &RuleChange{Verb: Delete, Phase: phase, RulesetID: set.ID, Rule: r}, Diff: diff(ruleLines(r), nil),
		}, true)
	}
}

func (p *planning) create(phase Phase, set Ruleset, exists bool, w WantRule) {
	at := Position{}
	if w.First && exists {
		at.First = true
	}
	p.add(Change{
		Area: w.Area, Words: w.Words, Launches: w.Launches,
		Rule: &RuleChange{Verb: Create, Phase: phase, RulesetID: set.ID, Rule: w.Rule, At: at}, Lock: w.First, Diff: diff(nil, ruleLines(w.Rule)),
	}, false)
}

// mend brings a rule of ours back to what is wanted. One that comes to cover a host is mended before the host's record comes;
// one that doesn't, after those of hosts that it no longer covers are gone.
func (p *planning) mend(phase Phase, set Ruleset, i int, w WantRule) {
	have := set.Rules[i]
	at := p.place(phase, set, i, w)
	if sameRule(w.Rule, have) && at.IsZero() {
		return
	}
	want := w.Rule
	want.ID = have.ID
	words := "mend the rule that is to " + w.Words
	if !at.IsZero() && sameRule(w.Rule, have) {
		words = "move to its place the rule that is to " + w.Words
	}
	p.add(Change{
		Area: w.Area, Words: words, Launches: w.Launches,
		Rule: &RuleChange{Verb: Patch, Phase: phase, RulesetID: set.ID, Rule: want, At: at}, Lock: w.First, Diff: diff(ruleLines(have), ruleLines(want)),
	}, !p.covering(have, w.Rule))
}

// covering says whether a rule comes to cover a host that it didn't.
func (p *planning) covering(have, want Rule) bool {
	return slices.ContainsFunc(p.want.Records, func(r WantRecord) bool {
		return namesHost(want.Expression, r.Name) && !(have.Enabled && namesHost(have.Expression, r.Name))
	})
}

// place says where a rule has to be moved to, if it has: locks before the rules of others, and the rules of ours in their order.
// The rules of others are never moved.
func (p *planning) place(phase Phase, set Ruleset, i int, w WantRule) Position {
	if w.First {
		for _, before := range set.Rules[:i] {
			if !p.in.Marker.OwnsRule(before) {
				return Position{First: true}
			}
		}
		return Position{}
	}
	// Of ours, the one that is wanted before this has to stand before it.
	wanted := p.want.Rules[phase]
	n := slices.IndexFunc(wanted, func(o WantRule) bool { return o.Ref == w.Ref })
	if n == 0 {
		return Position{}
	}
	j := slices.IndexFunc(set.Rules, func(r Rule) bool { return r.Ref == wanted[n-1].Ref })
	if j > i {
		return Position{After: set.Rules[j].ID}
	}
	return Position{}
}

// records plans the records of wanted names, and the end of those that are ours and that nobody wants.
func (p *planning) records() {
	if p.denied(PartRecords) {
		return
	}
	byName := map[string][]WantRecord{}
	for _, w := range p.want.Records {
		byName[w.Name] = append(byName[w.Name], w)
	}
	for _, name := range sortedKeys(byName) {
		p.name(name, byName[name])
	}
	p.retired()
	p.stale(byName)
}

// name plans the records of one name.
func (p *planning) name(name string, wanted []WantRecord) {
	var have []Record
	for _, r := range p.state.Records {
		if r.Name == name && competes(r, wanted) {
			have = append(have, r)
		}
	}
	var missing []WantRecord
	for _, w := range wanted {
		if i := slices.IndexFunc(have, func(r Record) bool { return sameTarget(w, r) }); i >= 0 {
			p.touch(w, have[i])
			have = slices.Delete(have, i, i+1)
		} else {
			missing = append(missing, w)
		}
	}
	p.replace(missing, have)
}

// competes says whether a record stands where wanted ones would: addresses for a host, the same type for mail.
func competes(r Record, wanted []WantRecord) bool {
	for _, w := range wanted {
		if w.Optional {
			if r.Type == w.Type && r.Comment == w.Comment {
				return true
			}
			continue
		}
		if r.Type == "A" || r.Type == "AAAA" || r.Type == "CNAME" {
			return true
		}
	}
	return false
}

func sameTarget(w WantRecord, r Record) bool {
	return w.Type == r.Type && (w.Content == r.Content || w.Optional && w.Content == unquoted(r.Content))
}

// touch mends a record that leads where it should: it isn't proxied, or not marked.
func (p *planning) touch(w WantRecord, have Record) {
	want := w.Record
	want.ID = have.ID
	ours := p.in.Marker.OwnsRecord(have)
	if have.Proxied == want.Proxied && ours && have.Comment == want.Comment && (want.Proxied || have.TTL == want.TTL) {
		return
	}
	if !ours && have.Proxied == want.Proxied {
		return // somebody else's, and as wanted: it stays theirs
	}
	if !ours && !w.Adopt {
		p.foreign(w, have)
		return
	}
	c := Change{
		Area: v1alpha1.AreaDNS, Launches: []LaunchID{w.Launch}, Words: fmt.Sprintf("mend the record %s %s: %s", have.Name, have.Type, difference(have, want)),
		Record: &RecordChange{Verb: Patch, Record: want}, Diff: diff(recordLines(have), recordLines(want)),
	}
	p.remember(&c, have, w.Launch)
	p.add(c, false)
}

// replace turns records that lead elsewhere into wanted ones, creates what lacks and deletes what is left of ours.
func (p *planning) replace(missing []WantRecord, have []Record) {
	for _, w := range missing {
		i := slices.IndexFunc(have, func(r Record) bool { return p.in.Marker.OwnsRecord(r) || w.Adopt })
		if i < 0 {
			if len(have) > 0 {
				p.foreign(w, have[0])
				continue
			}
			p.add(Change{
				Area: v1alpha1.AreaDNS, Launches: []LaunchID{w.Launch},
				Words:  fmt.Sprintf("create the record %s %s %s%s", w.Name, w.Type, w.Content, proxiedWord(w.Proxied)),
				Record: &RecordChange{Verb: Create, Record: w.Record}, NeedsLock: p.locked(w.Name), Diff: diff(nil, recordLines(w.Record)),
			}, false)
			continue
		}
		want := w.Record
		want.ID = have[i].ID
		c := Change{
			Area: v1alpha1.AreaDNS, Launches: []LaunchID{w.Launch},
			Words:  fmt.Sprintf("change the record %s %s: %s", have[i].Name, have[i].Type, difference(have[i], want)),
			Record: &RecordChange{Verb: Patch, Record: want}, Diff: diff(recordLines(have[i]), recordLines(want)),
		}
		p.remember(&c, have[i], w.Launch)
		p.add(c, false)
		have = slices.Delete(slices.Clone(have), i, i+1)
	}
	for _, r := range have {
		if p.in.Marker.OwnsRecord(r) {
			p.remove(r, p.everyone(), "it leads where no declared origin is")
		}
	}
}

// locked says whether a host is to be locked.
func (p *planning) locked(host string) bool {
	for _, hosts := range p.want.Locked {
		if slices.Contains(hosts, host) {
			return true
		}
	}
	return false
}

// foreign notes a record of somebody else's where ours would be.
func (p *planning) foreign(w WantRecord, have Record) {
	p.plan.Notes = append(p.plan.Notes, Note{
		Launch: w.Launch, Reason: ReasonForeignRecord, Severity: v1alpha1.SeverityHigh, Place: w.Name,
		Message: fmt.Sprintf("There is %s record of somebody else's for %s: it is left as it is, and %s %s%s isn't set.", article(have.Type), w.Name, w.Type, w.Content, proxiedWord(w.Proxied)),
		Remedy:  "If the record may be changed, add DNS to spec.cloudflare.adopt; else remove it, or the host here.",
	})
}

// remember keeps what a record of somebody else's was.
func (p *planning) remember(c *Change, have Record, l LaunchID) {
	if !p.in.Marker.OwnsRecord(have) && !p.in.Ledger.remembers(have.ID) {
		c.Previous = &Previous{Record: &have, Launch: l.String()}
	}
}

func (p *planning) remove(r Record, launches []LaunchID, why string) {
	p.add(Change{
		Area: v1alpha1.AreaDNS, Launches: launches, Words: fmt.Sprintf("delete the record %s %s %s: %s", r.Name, r.Type, r.Content, why),
		Record: &RecordChange{Verb: Delete, Record: r}, Diff: diff(recordLines(r), nil),
	}, false)
}

// retired plans that nothing is at retired names: what this launch made goes; what others made is a finding, or goes where the
// launch says so.
func (p *planning) retired() {
	for _, w := range p.want.Retired {
		for _, r := range addressRecords(p.state, w.Name) {
			switch {
			case p.madeFor(r, w.Launch):
				p.remove(r, []LaunchID{w.Launch}, "the name is retired")
			case w.Foreign && !p.in.Marker.otherInstallation(r) && !p.in.Marker.OwnsRecord(r):
				c := len(p.plan.Changes)
				p.remove(r, []LaunchID{w.Launch}, "the name is retired, and onForeign says Delete")
				p.plan.Changes[c].Previous = &Previous{Record: &r, Launch: w.Launch.String()}
			default:
				p.plan.Notes = append(p.plan.Notes, Note{
					Launch: w.Launch, Reason: ReasonForeignRecord, Severity: v1alpha1.SeverityMedium, Place: w.Name,
					Message: fmt.Sprintf("%s is retired, but has %s record that this launch did not create.", w.Name, article(r.Type)),
					Remedy:  "Delete it, or say onForeign: Delete at the entry of spec.domains.retired.",
				})
			}
		}
	}
}

// madeFor says whether a record was made for a launch, or for one of its name that is gone.
func (p *planning) madeFor(r Record, l LaunchID) bool {
	uid, _, ours := p.in.Marker.owner(r)
	if !ours {
		return false
	}
	for _, launch := range p.in.Launches {
		if launch.UID == uid {
			return launch.LaunchID == l
		}
	}
	c := p.in.Ledger.claim(r.Name)
	return c != nil && c.Namespace == l.Namespace
}

// stale plans the end of records that were made for a launch that no longer names them, or that leaves with all that is its.
// Records of launches that nobody knows stay.
func (p *planning) stale(wanted map[string][]WantRecord) {
	for _, r := range p.state.Records {
		uid, claim, ours := p.in.Marker.owner(r)
		if !ours || p.planned(r.ID) {
			continue
		}
		i := slices.IndexFunc(p.in.Launches, func(l Launch) bool { return l.UID == uid })
		if i < 0 || p.in.Launches[i].Retained {
			continue
		}
		l := p.in.Launches[i]
		if _, named := wanted[r.Name]; named && claim != claimMail {
			continue
		}
		if claim == claimMail && slices.ContainsFunc(wanted[r.Name], func(w WantRecord) bool { return w.Type == r.Type && w.Comment == r.Comment }) {
			continue
		}
		switch {
		case l.Leaving || l.Mode() == v1alpha1.EdgeRevert:
			p.giveBack(r, l)
		case l.Mode() == v1alpha1.EdgeEnforce && !slices.Contains(l.Hosts(), r.Name) && !slices.Contains(l.Redirects(), r.Name) || claim == claimMail:
			p.remove(r, []LaunchID{l.LaunchID}, "the launch no longer names it")
		}
	}
}

// giveBack plans that a record becomes again what it was, or goes if it was nothing.
func (p *planning) giveBack(r Record, l Launch) {
	for _, prev := range p.in.Ledger.Previous {
		if prev.Record != nil && prev.Record.ID == r.ID {
			p.add(Change{
				Area: v1alpha1.AreaDNS, Launches: []LaunchID{l.LaunchID},
				Words:  fmt.Sprintf("put back the record %s %s %s%s", prev.Record.Name, prev.Record.Type, prev.Record.Content, proxiedWord(prev.Record.Proxied)),
				Record: &RecordChange{Verb: Patch, Record: *prev.Record}, Diff: diff(recordLines(r), recordLines(*prev.Record)),
			}, false)
			return
		}
	}
	p.remove(r, []LaunchID{l.LaunchID}, "it is taken back")
}

// planned says whether something is planned about a record already.
func (p *planning) planned(id string) bool {
	return slices.ContainsFunc(p.plan.Changes, func(c Change) bool { return c.Record != nil && id != "" && c.Record.Record.ID == id })
}

// settings plans settings of the whole zone: tightened where wanted, put back where nobody wants them any more.
func (p *planning) settings() {
	if p.denied(PartSettings) {
		return
	}
	for _, w := range p.want.Settings {
		have, known := p.state.Settings[w.Setting]
		if !known || !have.Editable || !weaker(w.Setting, have.Text(), w.Value) {
			continue
		}
		p.add(Change{
			Area: v1alpha1.AreaTLS, Launches: w.Launches, Words: fmt.Sprintf("set %s of the whole zone from %s to %s", w.Setting, have.Text(), w.Value),
			Setting: &SettingChange{w.Setting, w.Value}, Previous: p.formerSetting(w, have.Text()),
			Diff: []string{"- " + string(w.Setting) + ": " + have.Text(), "+ " + string(w.Setting) + ": " + w.Value},
		}, true)
	}
	p.settingsBack()
	p.bots()
}

func (p *planning) formerSetting(w WantSetting, have string) *Previous {
	if _, kept := p.in.Ledger.setting(w.Setting); kept {
		return nil
	}
	return &Previous{Setting: w.Setting, Value: have, Set: w.Value}
}

// settingsBack puts settings back where the last launch that wanted them reverts, unless somebody changed them meanwhile.
func (p *planning) settingsBack() {
	if !slices.ContainsFunc(p.in.Launches, func(l Launch) bool { return l.Mode() == v1alpha1.EdgeRevert }) {
		return
	}
	for _, prev := range p.in.Ledger.Previous {
		wanted := slices.ContainsFunc(p.want.Settings, func(w WantSetting) bool { return w.Setting == prev.Setting })
		if prev.Record != nil || wanted || p.state.Settings[prev.Setting].Text() != prev.Set {
			continue
		}
		p.add(Change{
			Area: v1alpha1.AreaTLS, Launches: p.everyone(), Words: fmt.Sprintf("put %s of the whole zone back from %s to %s", prev.Setting, prev.Set, prev.Value),
			Setting: &SettingChange{prev.Setting, prev.Value},
			Diff:    []string{"- " + string(prev.Setting) + ": " + prev.Set, "+ " + string(prev.Setting) + ": " + prev.Value},
		}, true)
	}
}

// bots plans what is done about bots in the whole zone, in the mildest way, and that logins are compared with leaked ones.
func (p *planning) bots() {
	if len(p.want.Bots) == 0 {
		return
	}
	if b := p.state.Bots; b != nil && !b.On() {
		change := Bots{DefinitelyAutomated: "managed_challenge"}
		if b.FightMode != nil {
			on := true
			change = Bots{FightMode: &on}
		}
		p.add(Change{Area: v1alpha1.AreaBots, Launches: p.want.Bots, Words: "challenge bots in the whole zone", Bots: &change, Diff: []string{"+ bots are challenged"}}, true)
	}
	if on := p.state.LeakedCredentials; on != nil && !*on {
		yes := true
		p.add(Change{
			Area: v1alpha1.AreaBots, Launches: p.want.Bots, Words: "compare logins in the whole zone with leaked ones", Leaked: &yes,
			Diff: []string{"+ leaked credentials are detected"},
		}, true)
	}
}

// On says whether something is done about bots that are surely such.
func (b Bots) On() bool {
	return b.FightMode != nil && *b.FightMode || b.DefinitelyAutomated == "block" || b.DefinitelyAutomated == "managed_challenge"
}

func (p *planning) denied(part Part) bool {
	return slices.ContainsFunc(p.state.Denied, func(d Denied) bool { return d.Part == part })
}

// everyone are the launches that a change serves that is nobody's in particular.
func (p *planning) everyone() []LaunchID {
	var ids []LaunchID
	for _, l := range p.in.Launches {
		if l.Mode() != v1alpha1.EdgeObserve && !l.Retained {
			ids = append(ids, l.LaunchID)
		}
	}
	return ids
}

func areaOf(phase Phase) v1alpha1.EdgeArea {
	switch phase {
	case PhaseRedirect:
		return v1alpha1.AreaRedirects
	case PhaseConfig:
		return v1alpha1.AreaTLS
	case PhaseRateLimit:
		return v1alpha1.AreaRateLimits
	case PhaseCache:
		return v1alpha1.AreaCache
	case PhaseCustomWAF, PhaseManagedWAF:
		return v1alpha1.AreaWAF
	default:
		return v1alpha1.AreaHeaders
	}
}

func proxiedWord(proxied bool) string {
	if proxied {
		return ", proxied"
	}
	return ""
}

// difference says in words what changes about a record.
func difference(have, want Record) string {
	var parts []string
	if have.Type != want.Type || have.Content != want.Content {
		parts = append(parts, fmt.Sprintf("from %s %s to %s %s", have.Type, have.Content, want.Type, want.Content))
	}
	if have.Proxied != want.Proxied {
		parts = append(parts, map[bool]string{true: "proxied", false: "not proxied"}[want.Proxied])
	}
	if have.Comment != want.Comment {
		parts = append(parts, "marked as ours")
	}
	if len(parts) == 0 {
		return "its TTL"
	}
	return strings.Join(parts, ", ")
}

func recordLines(r Record) []string {
	return []string{fmt.Sprintf("%s %s %s%s ttl=%d comment=%q", r.Name, r.Type, r.Content, proxiedWord(r.Proxied), r.TTL, r.Comment)}
}

// ruleLines show a rule. What lets a probe through the lock is left out.
func ruleLines(r Rule) []string {
	lines := []string{"rule " + r.Ref + ": " + r.Action, "  when " + masked(r.Expression)}
	if len(r.Parameters) > 0 {
		lines = append(lines, "  with "+compact(r.Parameters))
	}
	if len(r.RateLimit) > 0 {
		lines = append(lines, "  rate "+compact(r.RateLimit))
	}
	if !r.Enabled {
		lines = append(lines, "  turned off")
	}
	return lines
}

func compact(raw json.RawMessage) string {
	const most = 200
	s := string(raw)
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// masked hides what the lock's header is compared with.
func masked(expression string) string {
	start := `["` + LockHeader + `"][*] eq "`
	var b strings.Builder
	for {
		before, after, found := strings.Cut(expression, start)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(start + "⟨secret⟩")
		_, expression, _ = strings.Cut(after, `"`)
		expression = `"` + expression
	}
}

// diff shows what goes and what comes.
func diff(before, after []string) []string {
	var lines []string
	for _, l := range before {
		if !slices.Contains(after, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range after {
		sign := "+ "
		if slices.Contains(before, l) {
			sign = "  "
		}
		lines = append(lines, sign+l)
	}
	return lines
}
