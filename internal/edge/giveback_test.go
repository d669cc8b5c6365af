// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/api/v1alpha1"
)

// adopted is a zone in which a launch adopted a host that had two addresses, and the ledger that tells what they were.
func adopted(t *testing.T, areas ...v1alpha1.EdgeArea) (*model, Input, []string) {
	t.Helper()
	m := newModel(PlanBusiness)
	m.state.Records = []Record{
		{ID: "f1", Name: app, Type: "A", Content: "198.51.100.1", TTL: 300, Comment: "by hand"},
		{ID: "f2", Name: app, Type: "A", Content: "198.51.100.2", TTL: 300},
		{ID: "f3", Name: app, Type: "AAAA", Content: "2001:db8::1", TTL: 300},
	}
	before := content(m)
	in := inputOf(named("chat", app, adopting(append(areas, v1alpha1.AreaDNS)...)))
	m.converge(t, &in)
	if got := m.state.Records; len(got) != 1 || got[0].Content != "203.0.113.7" || got[0].ID != "f1" || !got[0].Proxied {
		t.Fatalf("adopted: %v", got)
	}
	return m, in, before
}

func revert(in *Input) {
	cf := *in.Launches[0].Spec.Cloudflare
	cf.Mode = v1alpha1.EdgeRevert
	in.Launches[0].Spec.Cloudflare = &cf
}

func TestAdoptedRecordsArePutBack(t *testing.T) {
	for name, leave := range map[string]func(in *Input){
		"by Revert": revert,
		"by deletion": func(in *Input) {
			in.Launches[0].Leaving, in.Launches[0].Spec.Cloudflare.DeletionPolicy = true, v1alpha1.EdgeDelete
		},
		"by a launch created again": func(in *Input) { revert(in); in.Launches[0].UID = "uid-again" },
	} {
		t.Run(name, func(t *testing.T) {
			m, in, before := adopted(t)
			leave(&in)
			m.converge(t, &in)
			if diff := gocmp.Diff(before, content(m)); diff != "" || len(in.Ledger.Previous) > 0 {
				t.Errorf("%v %s", in.Ledger.Previous, diff)
			}
		})
	}
}

func TestWithoutTheLedgerAnAdoptedRecordStays(t *testing.T) {
	m, in, _ := adopted(t)
	in.Ledger = Ledger{}
	m.converge(t, &in)
	for phase, set := range m.state.Rulesets {
		if len(set.Rules) > 0 {
			t.Errorf("%s isn't adopted: %v", phase, set.Rules)
		}
	}
	revert(&in)
	m.converge(t, &in)
	if got := m.state.Records; len(got) != 1 || got[0].Content != "203.0.113.7" || in.Marker.OwnsRecord(got[0]) {
		t.Errorf("what leads to the app is gone, or still ours: %v", got)
	}
}

func TestARecordThatComesLaterIsSomebodyElses(t *testing.T) {
	for name, late := range map[string]Record{
		"as wanted, but not proxied": {ID: "late", Name: app, Type: "A", Content: "203.0.113.7", TTL: 300},
		"leading elsewhere":          {ID: "late", Name: app, Type: "A", Content: "198.51.100.1", TTL: 300},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			in := inputOf(named("chat", app))
			m.converge(t, &in)
			m.state.Records = []Record{late} // ours was deleted
			e := m.converge(t, &in)
			if got := m.state.Records; len(got) != 1 || got[0] != late {
				t.Errorf("%v", got)
			}
			if !slices.ContainsFunc(e.Plan.Notes, func(n Note) bool { return n.Reason == ReasonForeignRecord }) {
				t.Error("nobody is told")
			}
		})
	}
}

func TestAWildcardThatComesBeforeTheLockKeepsItAway(t *testing.T) {
	m := newModel(PlanPro)
	in := m.look(inputOf(named("chat", app)))
	state, _ := m.Observe(t.Context(), "")
	in.Ledger = Evaluate(in, state).Input.Ledger // and then a crash
	m.state.Records = []Record{{ID: "w", Name: "*.example.com", Type: "A", Content: "203.0.113.7", TTL: 300}}
	m.converge(t, &in)
	if e := locks(t, m); e != "" {
		t.Errorf("a live app is locked: %s", e)
	}
}

func TestWhatCoversAHostComesBeforeItsRecord(t *testing.T) {
	m := newModel(PlanPro)
	m.rules(PhaseCustomWAF, Rule{Ref: "theirs", Expression: "true", Action: actionSkip})
	in := inputOf(named("chat", app))
	m.converge(t, &in)
	if slices.Contains(m.calls, "update "+in.Marker.RuleRef(effectLock)) {
		t.Errorf("the lock isn't put up at its place: %v", m.calls)
	}
	m.calls = nil
	in.Launches = append(in.Launches, named("other", "other.example.com"))
	m.converge(t, &in)
	record := slices.Index(m.calls, "records -0 ~0 +1")
	for i, call := range m.calls {
		if strings.HasPrefix(call, "update ") && i > record {
			t.Errorf("%s comes after the record: %v", call, m.calls)
		}
	}
}

func TestInAFullPhaseWhatGoesGoesFirst(t *testing.T) {
	m := newModel(PlanFree)
	var launches []Launch
	for i := range 9 {
		name := fmt.Sprintf("app%d", i)
		launches = append(launches, named(name, name+".example.com", func(l *Launch) {
			l.Spec.Domains.Redirects = []v1alpha1.HostName{v1alpha1.HostName("www." + name + ".example.com")}
		}))
	}
	in := inputOf(launches...)
	m.converge(t, &in)
	if n := len(m.state.Rulesets[PhaseRedirect].Rules); n != 10 {
		t.Fatalf("%d redirects", n)
	}
	in.Launches[0].Spec.Domains = &v1alpha1.Domains{Canonical: "new.example.com", Redirects: []v1alpha1.HostName{"www.app0.example.com"}}
	m.converge(t, &in)
	if !slices.ContainsFunc(m.state.Rulesets[PhaseRedirect].Rules, func(r Rule) bool { return strings.Contains(string(r.Parameters), "https://new.example.com") }) {
		t.Error("the redirect doesn't lead to the new name")
	}
}

func TestSettingsOfTheZoneStayWhileAnotherCredentialWantsThem(t *testing.T) {
	in := inputOf(named("chat", app, func(l *Launch) { l.Spec.Cloudflare.Mode = v1alpha1.EdgeRevert }))
	in.Ledger.Previous = []Previous{{Setting: SettingMinTLS, Value: "1.0", Set: "1.2"}}
	m := newModel(PlanPro)
	m.state.Settings[SettingMinTLS] = text("1.2")
	for elsewhere, back := range map[string]bool{"": true, "other.example.com": false} {
		if in.Elsewhere = nil; elsewhere != "" {
			in.Elsewhere = []string{elsewhere}
		}
		put := slices.ContainsFunc(Evaluate(in, m.state).Plan.Changes, func(c Change) bool { return c.Setting != nil })
		if put != back {
			t.Errorf("with %q elsewhere, put back: %v", elsewhere, put)
		}
	}
}
