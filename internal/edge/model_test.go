// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// model is a zone that behaves as Cloudflare's do, as far as this package goes: records in transactions, rules by id and place,
// limits of plans, conflicts.
type model struct {
	state State
	next  int
	calls []string
	// fault is asked before each change: what becomes of it.
	fault func(n int) fault
	// after is told of the zone after each change.
	after func()
}

type fault int

const (
	noFault fault = iota
	// failsBefore answers with an error and does nothing, failsAfter does it and answers with an error, kills does it and is the last thing.
	failsBefore
	failsAfter
	kills
)

var (
	errKilled = errors.New("killed")
	errFault  = &APIError{Kind: KindTransient, Doing: "trying", Status: 502, Unsure: true}
)

func newModel(plan PlanName) *model {
	return &model{state: State{
		Zone:     Zone{ID: "zone", Name: "example.com", Plan: plan, Status: "active"},
		Rulesets: map[Phase]Ruleset{},
		Settings: map[Setting]SettingValue{
			SettingSSL: text("full"), SettingAlwaysHTTPS: text("off"), SettingMinTLS: text("1.0"), SettingTLS13: text("off"), SettingDevelopment: text("off"),
		},
	}}
}

func text(s string) SettingValue {
	return SettingValue{Value: json.RawMessage(`"` + s + `"`), Editable: true}
}

func (m *model) id() string {
	m.next++
	return fmt.Sprintf("id%d", m.next)
}

// do makes a change, unless a fault keeps it from being made.
func (m *model) do(call string, change func() error) error {
	m.calls = append(m.calls, call)
	f := noFault
	if m.fault != nil {
		f = m.fault(len(m.calls))
	}
	if f == failsBefore {
		return errFault
	}
	err := change()
	if m.after != nil {
		m.after()
	}
	switch {
	case err != nil:
		return err
	case f == failsAfter:
		return errFault
	case f == kills:
		return errKilled
	default:
		return nil
	}
}

func (m *model) Observe(context.Context, string) (State, error) {
	s := m.state
	s.Records = slices.Clone(s.Records)
	s.Rulesets = maps.Clone(s.Rulesets)
	for p, set := range s.Rulesets {
		set.Rules = slices.Clone(set.Rules)
		s.Rulesets[p] = set
	}
	s.Settings = maps.Clone(s.Settings)
	return s, nil
}

func refuse(kind Kind, format string, args ...any) error {
	return &APIError{Kind: kind, Doing: "changing the model", Status: 400, Code: 1, Message: fmt.Sprintf(format, args...)}
}

func (m *model) ChangeRecords(_ context.Context, _ Zone, b RecordBatch) error {
	return m.do(fmt.Sprintf("records -%d ~%d +%d", len(b.Delete), len(b.Patch), len(b.Post)), func() error {
		records := slices.Clone(m.state.Records)
		for _, id := range b.Delete {
			i := slices.IndexFunc(records, func(r Record) bool { return r.ID == id })
			if i < 0 {
				return refuse(KindConflict, "no record %s", id)
			}
			records = slices.Delete(records, i, i+1)
		}
		for _, p := range b.Patch {
			i := slices.IndexFunc(records, func(r Record) bool { return r.ID == p.ID })
			if i < 0 || records[i].Type != p.Type || records[i].Name != p.Name {
				return refuse(KindInvalid, "%s can't become %v", p.ID, p)
			}
			records[i] = p
		}
		for _, p := range b.Post {
			if p.ID != "" {
				return refuse(KindInvalid, "a new record with an id")
			}
			p.ID = m.id()
			records = append(records, p)
		}
		for i, a := range records {
			for _, b := range records[:i] {
				if a.Name != b.Name {
					continue
				}
				if a.Type == b.Type && a.Content == b.Content || leads(a) && leads(b) && (a.Type == "CNAME" || b.Type == "CNAME") {
					return refuse(KindConflict, "%v stands beside %v", a, b)
				}
			}
		}
		m.state.Records = records
		return nil
	})
}

// accept checks a rule as Cloudflare does.
func (m *model) accept(phase Phase, others []Rule, r Rule) error {
	l := LimitsOf(m.state.Zone.Plan)
	switch {
	case len(others) >= l.Rules[phase]:
		return refuse(KindEntitlement, "%d rules of %s are all", len(others), phase)
	case len(r.Expression) > maxExpression:
		return refuse(KindInvalid, "an expression of %d characters", len(r.Expression))
	case slices.ContainsFunc(others, func(o Rule) bool { return o.Ref == r.Ref && r.Ref != "" }):
		return refuse(KindInvalid, "two rules %s", r.Ref)
	case phase == PhaseRateLimit && m.state.Zone.Plan == PlanFree && strings.Contains(r.Expression, "http.host"),
		phase == PhaseRateLimit && m.state.Zone.Plan == PlanPro && strings.Contains(r.Expression, "http.request.method"):
		return refuse(KindEntitlement, "a field that the plan's rate limits don't have")
	}
	return nil
}

// shown is a rule as Cloudflare shows it: with defaults that nobody wrote.
func shown(r Rule) Rule {
	if r.Action != actionExecute {
		return r
	}
	var p map[string]any
	if json.Unmarshal(r.Parameters, &p) == nil {
		p["version"] = "latest"
		r.Parameters = parameters(p)
	}
	return r
}

func (m *model) CreateRuleset(_ context.Context, _ Zone, phase Phase, rules []Rule) error {
	return m.do("create "+string(phase), func() error {
		if _, there := m.state.Rulesets[phase]; there {
			return refuse(KindConflict, "%s has an entry point", phase)
		}
		var all []Rule
		for _, r := range rules {
			if err := m.accept(phase, all, r); err != nil {
				return err
			}
			r.ID = m.id()
			all = append(all, shown(r))
		}
		m.state.Rulesets[phase] = Ruleset{ID: string(phase), Rules: all}
		return nil
	})
}

// place puts a rule where it is asked for.
func place(rules []Rule, r Rule, at Position) ([]Rule, error) {
	i := len(rules)
	switch {
	case at.First:
		i = 0
	case at.Before != "":
		i = slices.IndexFunc(rules, func(o Rule) bool { return o.ID == at.Before })
	case at.After != "":
		i = slices.IndexFunc(rules, func(o Rule) bool { return o.ID == at.After }) + 1
		if i == 0 {
			i = -1
		}
	}
	if i < 0 {
		return nil, refuse(KindInvalid, "no rule to stand beside: %v", at)
	}
	return slices.Insert(slices.Clone(rules), i, r), nil
}

func (m *model) CreateRule(_ context.Context, _ Zone, rulesetID string, r Rule, at Position) error {
	return m.do("create "+r.Ref, func() error {
		phase := Phase(rulesetID)
		set, there := m.state.Rulesets[phase]
		if !there {
			return refuse(KindInvalid, "no ruleset %s", rulesetID)
		}
		if err := m.accept(phase, set.Rules, r); err != nil {
			return err
		}
		r.ID = m.id()
		rules, err := place(set.Rules, shown(r), at)
		if err != nil {
			return err
		}
		set.Rules = rules
		m.state.Rulesets[phase] = set
		return nil
	})
}

func (m *model) UpdateRule(_ context.Context, _ Zone, rulesetID string, r Rule, at Position) error {
	return m.do("update "+r.Ref, func() error {
		phase := Phase(rulesetID)
		set := m.state.Rulesets[phase]
		i := slices.IndexFunc(set.Rules, func(o Rule) bool { return o.ID == r.ID })
		if i < 0 {
			return refuse(KindConflict, "no rule %s", r.ID)
		}
		others := slices.Delete(slices.Clone(set.Rules), i, i+1)
		if err := m.accept(phase, others, r); err != nil {
			return err
		}
		if at.IsZero() {
			set.Rules = slices.Insert(others, i, shown(r))
		} else {
			rules, err := place(others, shown(r), at)
			if err != nil {
				return err
			}
			set.Rules = rules
		}
		m.state.Rulesets[phase] = set
		return nil
	})
}

func (m *model) DeleteRule(_ context.Context, _ Zone, rulesetID, id string) error {
	return m.do("delete "+id, func() error {
		set := m.state.Rulesets[Phase(rulesetID)]
		set.Rules = slices.DeleteFunc(slices.Clone(set.Rules), func(r Rule) bool { return r.ID == id })
		m.state.Rulesets[Phase(rulesetID)] = set
		return nil
	})
}

func (m *model) ChangeSettings(_ context.Context, _ Zone, values map[Setting]string) error {
	return m.do("settings", func() error {
		for s, v := range values {
			m.state.Settings[s] = text(v)
		}
		return nil
	})
}

func (m *model) ChangeBots(_ context.Context, _ Zone, bots Bots) error {
	return m.do("bots", func() error {
		b := Bots{}
		if m.state.Bots != nil {
			b = *m.state.Bots
		}
		if bots.FightMode != nil {
			b.FightMode = bots.FightMode
		}
		if bots.DefinitelyAutomated != "" {
			b.DefinitelyAutomated = bots.DefinitelyAutomated
		}
		m.state.Bots = &b
		return nil
	})
}

func (m *model) EnableLeakedCredentials(_ context.Context, _ Zone, on bool) error {
	return m.do("leaked credentials", func() error {
		m.state.LeakedCredentials = &on
		return nil
	})
}

var _ API = (*model)(nil)

// start is when the tests begin.
var start = time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)

func inputOf(launches ...Launch) Input {
	return Input{Marker: Marker{Installation: ShortID("here"), Group: ShortID("token")}, Launches: launches, ClaimTTL: time.Hour, Now: start}
}

// named gives a launch that enforces what it wants on a host.
func named(name, host string, changes ...func(*Launch)) Launch {
	l := Launch{
		LaunchID: LaunchID{"shop", name}, UID: "uid-" + name, Secret: "secret-of-" + name, Targets: []Target{{"A", "203.0.113.7"}},
		Spec: v1alpha1.LaunchReadinessSpec{
			Domains:    &v1alpha1.Domains{Canonical: v1alpha1.HostName(host)},
			Gate:       &v1alpha1.Gate{Edge: v1alpha1.EdgeLockedUntilLaunched},
			Cloudflare: &v1alpha1.Cloudflare{Zone: "example.com", Mode: v1alpha1.EdgeEnforce},
			App: &v1alpha1.App{
				Login: &v1alpha1.Login{Steps: []v1alpha1.HTTPStep{{Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/api/login"}}}},
				Chat:  &v1alpha1.Chat{Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/api/chat"}, RatePerMinute: new(int32(20))},
			},
		},
		Strict: map[string]Preflight{host: {OK: true}},
	}
	for _, change := range changes {
		change(&l)
	}
	return l
}

// look tells launches what DNS says of their hosts.
func (m *model) look(in Input) Input {
	in.Launches = slices.Clone(in.Launches)
	records := byName(m.state.Records)
	for i, l := range in.Launches {
		in.Launches[i].Nonexistent = nil
		for _, n := range l.Names() {
			if len(records[n]) == 0 && records.wildcard(n) == nil {
				in.Launches[i].Nonexistent = append(in.Launches[i].Nonexistent, n)
			}
		}
	}
	return in
}

// pass looks, remembers and applies once.
func (m *model) pass(t testing.TB, in *Input) (Evaluation, error) {
	t.Helper()
	state, _ := m.Observe(t.Context(), "example.com")
	e := Evaluate(*in, state)
	in.Ledger = Remembered(e.Input.Ledger, e.Plan)
	return e, Apply(t.Context(), m, state, e.Plan)
}

// mostPasses is how many it may take until the zone is as wanted: a record goes before its lock, and a lock before another rule.
const mostPasses = 4

type fataler interface {
	testing.TB
}

// converge passes until nothing is to be changed, and once more.
func (m *model) converge(t fataler, in *Input) Evaluation {
	t.Helper()
	for range mostPasses {
		*in = m.look(*in)
		e, err := m.pass(t, in)
		if err != nil {
			t.Fatalf("applying: %v", err)
		}
		if !e.Plan.Empty() {
			continue
		}
		state, _ := m.Observe(t.Context(), "example.com")
		if again := Evaluate(*in, state); !again.Plan.Empty() {
			t.Fatalf("it starts again: %s", words(again.Plan))
		}
		return e
	}
	state, _ := m.Observe(t.Context(), "example.com")
	t.Fatalf("after %d passes there is still to do: %s", mostPasses, words(Evaluate(*in, state).Plan))
	return Evaluation{}
}

func words(p Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		b.WriteString("\n" + c.Words + "\n  " + strings.Join(c.Diff, "\n  "))
	}
	return b.String()
}

// ours and theirs part what the zone holds.
func (m *model) theirRules() map[Phase][]Rule {
	out := map[Phase][]Rule{}
	for p, set := range m.state.Rulesets {
		for _, r := range set.Rules {
			if !strings.HasPrefix(r.Ref, markOfRules) {
				out[p] = append(out[p], r)
			}
		}
	}
	return out
}

func (m *model) rule(t testing.TB, effect string) *Rule {
	t.Helper()
	for p, set := range m.state.Rulesets {
		for i, r := range set.Rules {
			if r.Ref == inputOf().Marker.RuleRef(effect) {
				return &m.state.Rulesets[p].Rules[i]
			}
		}
	}
	return nil
}
