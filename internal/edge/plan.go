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
	// Needed are the hosts that get no record without it: those that it locks, or redirects.
	Needed []string
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
	in      Input
	want    Want
	state   State
	records names
	plan    Plan
	// planned are the records about which something is planned.
	planned map[string]bool
	// later are changes that come after the records.
	later []Change
}

// PlanOf gives the changes that bring a zone from what it is to what is wanted. It is pure.
//
// The order: what comes to cover a host, locks first, then the records, then what goes. So no host is reachable without what it
// is to have in front of it. Changes that serve nobody but launches for which nothing may be changed are left out.
func PlanOf(in Input, want Want, state State) Plan {
	p := &planning{in: in, want: want, state: state, records: byName(state.Records), plan: Plan{Notes: slices.Clone(want.Notes)}, planned: map[string]bool{}}
	for _, phase := range Phases() {
		p.phase(phase)
	}
	p.allRecords()
	p.settings()
	p.plan.Changes = append(p.plan.Changes, p.later...)
	frozen := map[LaunchID]bool{}
	for _, l := range in.Launches {
		frozen[l.LaunchID] = l.frozen()
	}
	p.plan.Changes = slices.DeleteFunc(p.plan.Changes, func(c Change) bool {
		return len(in.Launches) > 0 && !slices.ContainsFunc(c.Launches, func(l LaunchID) bool { return !frozen[l] })
	})
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
	set := p.state.Rulesets[phase]
	wanted := map[string]int{}
	for i, w := range p.want.Rules[phase] {
		wanted[w.Ref] = i
	}
	have := map[string]int{}
	var doubled []Rule
	for i, r := range set.Rules {
		_, want := wanted[r.Ref]
		_, twice := have[r.Ref]
		switch {
		case want && !twice:
			have[r.Ref] = i
		case p.in.Marker.OwnsRule(r):
			doubled = append(doubled, r)
		}
	}
	// Where there is no room for what comes beside what goes, that goes first: but locks, which go after the records.
	comes := len(wanted) - len(have)
	crowded := comes > 0 && len(set.Rules)+comes > LimitsOf(p.state.Zone.Plan).Rules[phase]
	for _, r := range doubled {
		if p.in.keptFor(r) {
			continue
		}
		p.unwanted(phase, set, r, !crowded || p.in.Marker.effects(r, effectLock))
	}
	for _, w := range p.want.Rules[phase] {
		if i, found := have[w.Ref]; found {
			p.mend(phase, set, i, w, have)
		} else {
			p.create(phase, set, w, have)
		}
	}
}

// keptFor says whether a rule that is inherited serves a launch for which nothing may be changed: one in its place isn't made for that
// launch alone.
func (in Input) keptFor(r Rule) bool {
	return in.Marker.OwnsRule(r) && !strings.HasPrefix(r.Ref, in.Marker.rulePrefix()) && slices.ContainsFunc(in.Launches, func(l Launch) bool {
		return l.frozen() && slices.ContainsFunc(l.Names(), func(host string) bool { return namesHost(r.Expression, host) })
	})
}

// unwanted plans the end of a rule of ours that nobody wants.
func (p *planning) unwanted(phase Phase, set Ruleset, r Rule, late bool) {
	p.add(Change{
		Area: areaOf(phase), Words: "delete the rule \"" + strings.TrimPrefix(r.Description, "LaunchReady: ") + "\"", Launches: p.everyone(),
		Rule: &RuleChange{Verb: Delete, Phase: phase, RulesetID: set.ID, Rule: r}, Diff: diff(ruleLines(r), nil),
	}, late)
}

// create plans a rule that lacks, at its place among ours.
func (p *planning) create(phase Phase, set Ruleset, w WantRule, have map[string]int) {
	at := Position{}
	wanted := p.want.Rules[phase]
	n := slices.IndexFunc(wanted, func(o WantRule) bool { return o.Ref == w.Ref })
	if w.First && len(set.Rules) > 0 {
		at.First = true
	} else if n > 0 && !wanted[n-1].First { // what stands before the rules of others draws nothing else there
		if i, found := have[wanted[n-1].Ref]; found {
			at.After = set.Rules[i].ID
		}
	}
	for _, next := range wanted[n+1:] {
		if i, found := have[next.Ref]; found && at.IsZero() {
			at.Before = set.Rules[i].ID
		}
	}
	p.add(Change{
		Area: w.Area, Words: w.Words, Launches: w.Launches,
		Rule: &RuleChange{Verb: Create, Phase: phase, RulesetID: set.ID, Rule: w.Rule, At: at}, Needed: w.Needed, Diff: diff(nil, ruleLines(w.Rule)),
	}, false)
}

// mend brings a rule of ours back to what is wanted. One that comes to cover a host is mended before the host's record comes;
// one that doesn't, after those of hosts that it no longer covers are gone.
func (p *planning) mend(phase Phase, set Ruleset, i int, w WantRule, places map[string]int) {
	have := set.Rules[i]
	at := p.place(phase, set, i, w, places)
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
		Rule: &RuleChange{Verb: Patch, Phase: phase, RulesetID: set.ID, Rule: want, At: at}, Needed: w.Needed, Diff: diff(ruleLines(have), ruleLines(want)),
	}, !p.covering(have, w.Rule))
}

// covering says whether a rule comes to cover a host that it didn't.
func (p *planning) covering(have, want Rule) bool {
	return slices.ContainsFunc(p.want.Records, func(r WantRecord) bool {
		return namesHost(want.Expression, r.Name) && !(have.Enabled && namesHost(have.Expression, r.Name))
	})
}

// place says where a rule has to be moved to, if it has: locks before the rules of others, and the rules of ours in their order.
// The rules of others are never moved, and with another installation nobody fights for the first place.
func (p *planning) place(phase Phase, set Ruleset, i int, w WantRule, places map[string]int) Position {
	if w.First {
		if slices.ContainsFunc(set.Rules[:i], func(r Rule) bool { return !p.in.Marker.OwnsRule(r) && !strings.HasPrefix(r.Ref, markOfRules) }) {
			return Position{First: true}
		}
		return Position{}
	}
	// Of ours, the one that is wanted before this has to stand before it.
	wanted := p.want.Rules[phase]
	n := slices.IndexFunc(wanted, func(o WantRule) bool { return o.Ref == w.Ref })
	if n == 0 {
		return Position{}
	}
	if j, found := places[wanted[n-1].Ref]; found && j > i {
		return Position{After: set.Rules[j].ID}
	}
	return Position{}
}

// allRecords plans the records of wanted names, and the end of those that are ours and that nobody wants.
func (p *planning) allRecords() {
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
	p.putBack()
}

// name plans the records of one name.
func (p *planning) name(name string, wanted []WantRecord) {
	var have []Record
	for _, r := range p.records[name] {
		if p.competes(r, wanted) {
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

// competes says whether a record stands where wanted ones would: addresses for a host, our own for mail.
func (p *planning) competes(r Record, wanted []WantRecord) bool {
	_, claim, _ := p.in.Marker.owner(r)
	for _, w := range wanted {
		if w.Optional {
			if r.Type == w.Type && claim == claimMail {
				return true
			}
			continue
		}
		if leads(r) {
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
	want := p.marked(w, have)
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
	p.patch(have, w, fmt.Sprintf("mend the record %s %s: %s", have.Name, have.Type, difference(have, want)))
}

// replace turns records that lead elsewhere into wanted ones, creates what lacks and deletes what is left of ours, and of others
// where the launch adopts them: a visitor must not be led there by chance.
func (p *planning) replace(missing []WantRecord, have []Record) {
	adopt := slices.ContainsFunc(missing, func(w WantRecord) bool { return w.Adopt })
	for _, w := range missing {
		// A record keeps its type: one of another type is another record.
		i := slices.IndexFunc(have, func(r Record) bool { return r.Type == w.Type && (p.in.Marker.OwnsRecord(r) || w.Adopt) })
		if i < 0 {
			if i := slices.IndexFunc(have, func(r Record) bool { return !p.in.Marker.OwnsRecord(r) && !w.Adopt }); i >= 0 {
				p.foreign(w, have[i])
				continue
			}
			p.add(Change{
				Area: v1alpha1.AreaDNS, Launches: []LaunchID{w.Launch},
				Words:  fmt.Sprintf("create the record %s %s %s%s", w.Name, w.Type, w.Content, proxiedWord(w.Proxied)),
				Record: &RecordChange{Verb: Create, Record: w.Record}, Diff: diff(nil, recordLines(w.Record)),
			}, false)
			continue
		}
		p.patch(have[i], w, fmt.Sprintf("change the record %s %s: %s", have[i].Name, have[i].Type, difference(have[i], p.marked(w, have[i]))))
		have = slices.Delete(slices.Clone(have), i, i+1)
	}
	for _, r := range have {
		switch {
		case p.in.Marker.OwnsRecord(r):
			p.remove(r, p.everyone(), "it leads where no declared origin is", nil)
		case adopt && !p.in.Marker.otherInstallation(r):
			p.remove(r, []LaunchID{missing[0].Launch}, "it leads where no declared origin is, and the launch adopts DNS", p.former(r, missing[0].Launch))
		}
	}
}

// marked is a wanted record in the place of another. One that was somebody else's once is known by its mark.
func (p *planning) marked(w WantRecord, have Record) Record {
	want := w.Record
	want.ID = have.ID
	if _, claim, ours := p.in.Marker.owner(have); !ours || claim == claimAdopted {
		uid, _, _ := p.in.Marker.owner(w.Record)
		want.Comment = p.in.Marker.RecordComment(uid, claimAdopted)
	}
	return want
}

// patch plans that a record becomes a wanted one.
func (p *planning) patch(have Record, w WantRecord, words string) {
	want := p.marked(w, have)
	p.planned[have.ID] = true
	p.add(Change{
		Area: v1alpha1.AreaDNS, Launches: []LaunchID{w.Launch}, Words: words, Previous: p.former(have, w.Launch),
		Record: &RecordChange{Verb: Patch, Record: want}, Diff: diff(recordLines(have), recordLines(want)),
	}, false)
}

// foreign notes a record of somebody else's where ours would be.
func (p *planning) foreign(w WantRecord, have Record) {
	p.plan.Notes = append(p.plan.Notes, Note{
		Launch: w.Launch, Reason: ReasonForeignRecord, Severity: v1alpha1.SeverityHigh, Place: w.Name,
		Message: fmt.Sprintf("There is %s record of somebody else's for %s: it is left as it is, and %s %s%s isn't set.", article(have.Type), w.Name, w.Type, w.Content, proxiedWord(w.Proxied)),
		Remedy:  "If the record may be changed, add DNS to spec.cloudflare.adopt; else remove it, or the host here.",
	})
}

// former is what a record of somebody else's was, unless it is kept already: the first counts.
func (p *planning) former(have Record, l LaunchID) *Previous {
	if p.in.Marker.OwnsRecord(have) || p.in.Ledger.remembers(have.ID) {
		return nil
	}
	return &Previous{Record: &have, Launch: l.String()}
}

func (p *planning) remove(r Record, launches []LaunchID, why string, former *Previous) {
	if p.planned[r.ID] {
		return
	}
	p.planned[r.ID] = true
	p.add(Change{
		Area: v1alpha1.AreaDNS, Launches: launches, Words: fmt.Sprintf("delete the record %s %s %s: %s", r.Name, r.Type, r.Content, why), Previous: former,
		Record: &RecordChange{Verb: Delete, Record: r}, Diff: diff(recordLines(r), nil),
	}, false)
}

// retired plans that nothing is at retired names: what this launch made goes; what others made is a finding, or goes where the
// launch says so.
func (p *planning) retired() {
	for _, w := range p.want.Retired {
		for _, r := range p.records.addresses(w.Name) {
			switch {
			case p.madeFor(r, w.Launch):
				p.remove(r, []LaunchID{w.Launch}, "the name is retired", nil)
			case w.Foreign && !p.in.Marker.otherInstallation(r) && !p.in.Marker.OwnsRecord(r):
				p.remove(r, []LaunchID{w.Launch}, "the name is retired, and onForeign says Delete", p.former(r, w.Launch))
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
		if !ours || p.planned[r.ID] {
			continue
		}
		l, known := p.launchOf(r.Name, uid)
		if !known || l.Retained || l.frozen() {
			continue
		}
		named := slices.Contains(l.Hosts(), r.Name) || slices.Contains(l.Redirects(), r.Name)
		if claim == claimMail {
			named = slices.ContainsFunc(wanted[r.Name], func(w WantRecord) bool { return w.Type == r.Type && w.Optional })
		} else if slices.ContainsFunc(wanted[r.Name], func(w WantRecord) bool { return !w.Optional }) {
			continue // dealt with there
		}
		switch {
		case l.takesBack():
			p.giveBack(r, claim, l, "it is taken back")
		case !named:
			p.giveBack(r, claim, l, "the launch no longer names it")
		}
	}
}

// launchOf finds the launch that a record was made for: by its id, or by the claim on the name where it was created anew.
func (p *planning) launchOf(name, uid string) (Launch, bool) {
	i := slices.IndexFunc(p.in.Launches, func(l Launch) bool { return l.UID == uid })
	if c := p.in.Ledger.claim(name); i < 0 && c != nil {
		i = slices.IndexFunc(p.in.Launches, func(l Launch) bool { return l.Namespace == c.Namespace && l.Name == c.Name })
	}
	if i < 0 {
		return Launch{}, false
	}
	return p.in.Launches[i], true
}

// giveBack plans that a record becomes again what it was, or goes if it was nothing. Where it isn't known what it was, it stays as it
// is, but is no longer ours.
func (p *planning) giveBack(r Record, claim string, l Launch, why string) {
	back := r
	back.Comment = ""
	words := fmt.Sprintf("leave the record %s %s %s to whoever had it: %s", r.Name, r.Type, r.Content, why)
	i := slices.IndexFunc(p.in.Ledger.Previous, func(prev Previous) bool { return prev.Record != nil && prev.Record.ID == r.ID })
	switch {
	case i >= 0:
		back = *p.in.Ledger.Previous[i].Record
		words = fmt.Sprintf("put back the record %s %s %s%s", back.Name, back.Type, back.Content, proxiedWord(back.Proxied))
	case claim != claimAdopted:
		p.remove(r, []LaunchID{l.LaunchID}, why, nil)
		return
	}
	p.planned[r.ID] = true
	p.add(Change{
		Area: v1alpha1.AreaDNS, Launches: []LaunchID{l.LaunchID}, Words: words,
		Record: &RecordChange{Verb: Patch, Record: back}, Diff: diff(recordLines(r), recordLines(back)),
	}, false)
}

// putBack plans that records of others come again that were deleted for a launch that takes back what it did.
func (p *planning) putBack() {
	for _, prev := range p.in.Ledger.Previous {
		if prev.Record == nil {
			continue
		}
		i := slices.IndexFunc(p.in.Launches, func(l Launch) bool { return l.String() == prev.Launch })
		if i < 0 || !p.in.Launches[i].takesBack() {
			continue
		}
		there := func(r Record) bool { return r.ID == prev.Record.ID || sameRecord(r, *prev.Record) }
		if slices.ContainsFunc(p.records[prev.Record.Name], there) || p.inTheWay(*prev.Record) {
			continue
		}
		back := *prev.Record
		back.ID = ""
		p.add(Change{
			Area: v1alpha1.AreaDNS, Launches: []LaunchID{p.in.Launches[i].LaunchID},
			Words:  fmt.Sprintf("put back the record %s %s %s%s", back.Name, back.Type, back.Content, proxiedWord(back.Proxied)),
			Record: &RecordChange{Verb: Create, Record: back}, Diff: diff(nil, recordLines(back)),
		}, false)
	}
}

// inTheWay says whether a record stands, and stays, where another can't be put beside it: a CNAME beside an address.
func (p *planning) inTheWay(back Record) bool {
	return slices.ContainsFunc(p.records.addresses(back.Name), func(r Record) bool {
		return !p.planned[r.ID] && (r.Type == "CNAME" || back.Type == "CNAME")
	})
}

// settings plans settings of the whole zone: tightened where wanted, put back where nobody wants them any more.
func (p *planning) settings() {
	for _, w := range p.want.Settings {
		have, known := p.state.Settings[w.Setting]
		known = known && !p.denied(PartSettings)
		// A value that isn't known may be a stricter one.
		if !known || !have.Editable || !slices.Contains(strength[w.Setting], have.Text()) || !weaker(w.Setting, have.Text(), w.Value) {
			continue
		}
		p.zoneWide(w.Area, w.Launches, w.Setting, w.Value)
	}
	p.settingsBack()
	p.bots()
}

// zoneWide plans that a value of the whole zone changes.
func (p *planning) zoneWide(area v1alpha1.EdgeArea, launches []LaunchID, s Setting, value string) {
	have := zoneValue(p.state, s)
	c := Change{
		Area: area, Launches: launches, Words: fmt.Sprintf("set %s of the whole zone from %s to %s", s, have, value),
		Diff: []string{"- " + string(s) + ": " + have, "+ " + string(s) + ": " + value},
	}
	// Development mode ends by itself after three hours: nobody wants it back.
	if _, kept := p.in.Ledger.setting(s); !kept && s != SettingDevelopment {
		c.Previous = &Previous{Setting: s, Value: have, Set: value}
	}
	on := value == "on"
	switch s {
	case settingFightMode:
		c.Bots = &Bots{FightMode: &on}
	case settingAutomated:
		c.Bots = &Bots{DefinitelyAutomated: value}
	case settingLeaked:
		c.Leaked = &on
	default:
		c.Setting = &SettingChange{s, value}
	}
	p.add(c, true)
}

// settingsBack puts values back where the last launch that wanted them takes back what it did. Those that somebody changed
// meanwhile are forgotten already.
func (p *planning) settingsBack() {
	if len(p.want.Bots) > 0 || slices.ContainsFunc(p.in.Launches, Launch.enforces) {
		return
	}
	if !p.in.ManageSettings && len(p.in.Elsewhere) > 0 {
		return // launches of a credential that may are in the zone
	}
	var back []LaunchID
	for _, l := range p.in.Launches {
		if l.takesBack() {
			back = append(back, l.LaunchID)
		}
	}
	for _, prev := range p.in.Ledger.Previous {
		if prev.Record != nil || len(back) == 0 {
			continue
		}
		p.zoneWide(v1alpha1.AreaTLS, back, prev.Setting, prev.Value)
	}
}

// bots plans what is done about bots in the whole zone, in the mildest way, and that logins are compared with leaked ones.
func (p *planning) bots() {
	if len(p.want.Bots) == 0 {
		return
	}
	if b := p.state.Bots; b != nil && !b.On() {
		switch {
		case p.state.Zone.Plan == PlanFree && b.FightMode != nil:
			p.zoneWide(v1alpha1.AreaBots, p.want.Bots, settingFightMode, "on")
		case b.DefinitelyAutomated != "":
			p.zoneWide(v1alpha1.AreaBots, p.want.Bots, settingAutomated, "managed_challenge")
		}
	}
	if on := p.state.LeakedCredentials; on != nil && !*on {
		p.zoneWide(v1alpha1.AreaBots, p.want.Bots, settingLeaked, "on")
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
		if !l.frozen() && !l.Retained {
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
