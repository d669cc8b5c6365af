// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
)

const app = "app.example.com"

// locks gives the lock's expression; empty where there is none.
func locks(t *testing.T, m *model) string {
	t.Helper()
	if r := m.rule(t, effectLock); r != nil {
		return r.Expression
	}
	return ""
}

func TestLockStandsBeforeTheRecordAndGoesAfterIt(t *testing.T) {
	m := newModel(PlanFree)
	in := inputOf(named("chat", app))
	m.converge(t, &in)
	lock, record := slices.Index(m.calls, "create http_request_firewall_custom"), slices.Index(m.calls, "records -0 ~0 +1")
	if lock < 0 || record < lock {
		t.Errorf("the record comes before the lock: %v", m.calls)
	}
	if !strings.Contains(locks(t, m), app) {
		t.Errorf("it isn't locked: %v", m.state.Rulesets)
	}
	m.calls = nil
	in.Launches[0].Leaving, in.Launches[0].Spec.Cloudflare.DeletionPolicy = true, v1alpha1.EdgeDelete
	in.Launches = append(in.Launches, named("other", "other.example.com")) // mends the lock meanwhile
	m.after = func() {
		if !strings.Contains(locks(t, m), app) && len(byName(m.state.Records)[app]) > 0 {
			t.Errorf("the lock goes before the record: %v", m.calls)
		}
	}
	m.converge(t, &in)
	if strings.Contains(locks(t, m), `"`+app+`"`) || len(byName(m.state.Records)[app]) > 0 {
		t.Errorf("something is left: %v", locks(t, m))
	}
}

func TestLaunchLiftsTheLock(t *testing.T) {
	m := newModel(PlanPro)
	in := inputOf(named("chat", app))
	e := m.converge(t, &in)
	if got := e.Locked(in.Launches[0]); !slices.Equal(got, []string{app}) {
		t.Fatalf("locked: %v", got)
	}
	in.Launches[0].Launched = true
	e = m.converge(t, &in)
	if locks(t, m) != "" || m.rule(t, effectHolding) != nil || m.rule(t, effectRetryAfter) != nil || m.rule(t, effectStrip) != nil || len(e.Locked(in.Launches[0])) > 0 {
		t.Error("it is still locked")
	}
}

func TestNothingThatIsLostLocksALiveApp(t *testing.T) {
	live := func(t *testing.T) (*model, Input) {
		m := newModel(PlanFree)
		in := inputOf(named("chat", app))
		m.converge(t, &in)
		in.Launches[0].Launched = true
		m.converge(t, &in)
		return m, in
	}
	for name, lose := range map[string]func(m *model, in *Input){
		"the ledger": func(_ *model, in *Input) { in.Ledger = Ledger{} },
		"the status": func(_ *model, in *Input) { in.Launches[0].Launched = false },
		"both":       func(_ *model, in *Input) { in.Ledger, in.Launches[0].Launched = Ledger{}, false },
		"the marks": func(m *model, in *Input) {
			in.Ledger, in.Launches[0].Launched = Ledger{}, false
			for i := range m.state.Records {
				m.state.Records[i].Comment = ""
			}
		},
		"the record, while a wildcard leads to the app": func(m *model, in *Input) {
			in.Launches[0].Launched = false
			m.state.Records = []Record{{ID: "w", Name: "*.example.com", Type: "A", Content: "203.0.113.7"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, in := live(t)
			lose(m, &in)
			m.converge(t, &in)
			if e := locks(t, m); e != "" {
				t.Errorf("a live app is locked: %s", e)
			}
		})
	}
}

func TestAHostThatMayExistIsNotLocked(t *testing.T) {
	for name, change := range map[string]func(m *model, in *Input){
		"DNS can't be asked": func(*model, *Input) {},
		"the zone holds a record": func(m *model, in *Input) {
			in.Launches[0].Nonexistent = []string{app}
			m.state.Records = []Record{{ID: "f", Name: app, Type: "A", Content: "198.51.100.1"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			in := inputOf(named("chat", app))
			change(m, &in)
			for range mostPasses {
				if _, err := m.pass(t, &in); err != nil {
					t.Fatal(err)
				}
			}
			if e := locks(t, m); e != "" {
				t.Errorf("it is locked: %s", e)
			}
		})
	}
}

func TestALockTakenAwayByHandStaysAway(t *testing.T) {
	for name, hand := range map[string]func(r *Ruleset){
		"deleted":    func(s *Ruleset) { s.Rules = slices.Delete(slices.Clone(s.Rules), 0, 1) },
		"turned off": func(s *Ruleset) { s.Rules[0].Enabled = false },
		"narrowed":   func(s *Ruleset) { s.Rules[0].Expression = `http.host in {"x.example.com"}` },
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			in := inputOf(named("chat", app))
			m.converge(t, &in)
			set := m.state.Rulesets[PhaseCustomWAF]
			hand(&set)
			m.state.Rulesets[PhaseCustomWAF] = set
			m.converge(t, &in)
			if e := locks(t, m); e != "" {
				t.Errorf("it is locked again: %s", e)
			}
		})
	}
}

func TestLockedWhileFailing(t *testing.T) {
	m := newModel(PlanPro)
	in := inputOf(named("chat", app, func(l *Launch) { l.Spec.Gate.Edge = v1alpha1.EdgeLockedWhileFailing }))
	for _, step := range []struct{ launched, failing, locked bool }{
		{false, false, true}, {true, false, false}, {true, true, true}, {true, false, false},
	} {
		in.Launches[0].Launched, in.Launches[0].Failing = step.launched, step.failing
		m.converge(t, &in)
		if got := locks(t, m) != ""; got != step.locked {
			t.Errorf("%+v: locked is %v", step, got)
		}
	}
}

func TestWithoutItsLockAHostGetsNoRecord(t *testing.T) {
	full := func(m *model) {
		set := Ruleset{ID: string(PhaseCustomWAF)}
		for i := range 5 {
			set.Rules = append(set.Rules, Rule{ID: fmt.Sprint(i), Ref: fmt.Sprint(i), Expression: "false", Action: "log", Enabled: true})
		}
		m.state.Rulesets[PhaseCustomWAF] = set
	}
	for name, hinder := range map[string]func(m *model){
		"no room":       full,
		"no permission": func(m *model) { m.state.Denied = []Denied{{PartOf(PhaseCustomWAF), "Zone WAF Write"}} },
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanFree)
			hinder(m)
			in := inputOf(named("chat", app))
			e := m.converge(t, &in)
			if len(m.state.Records) > 0 || slices.Contains(m.calls, "create "+string(PhaseCustomWAF)) {
				t.Errorf("it has a record, and no lock: %v, %v", m.state.Records, m.calls)
			}
			_, notes := e.PlanFor(in.Launches[0])
			if !slices.ContainsFunc(notes, func(n Note) bool { return n.Place == app && strings.Contains(n.Message, "held back") }) {
				t.Errorf("nobody is told: %v", notes)
			}
		})
	}
	t.Run("Cloudflare refuses the lock", func(t *testing.T) {
		m := newModel(PlanFree)
		in := m.look(inputOf(named("chat", app)))
		state, _ := m.Observe(t.Context(), "")
		full(m)
		err := Apply(t.Context(), m, state, Evaluate(in, state).Plan)
		if err == nil || len(m.state.Records) > 0 {
			t.Errorf("err %v, records %v", err, m.state.Records)
		}
	})
}

func TestTheLocksSecretIsNotTold(t *testing.T) {
	m := newModel(PlanEnterprise)
	in := m.look(inputOf(named("chat", app), named("other", "other.example.com")))
	before, _ := m.pass(t, &in)
	set := m.state.Rulesets[PhaseCustomWAF]
	set.Rules[0].Description = "changed"
	in = m.look(in)
	state, _ := m.Observe(t.Context(), "")
	for _, e := range []Evaluation{before, Evaluate(in, state)} {
		for _, c := range e.Plan.Changes {
			if told := c.Words + strings.Join(c.Diff, "\n"); strings.Contains(told, "secret-of-") {
				t.Errorf("%s", told)
			}
		}
		if notes := fmt.Sprint(e.Plan.Notes); strings.Contains(notes, "secret-of-") {
			t.Errorf("%s", notes)
		}
	}
	if !strings.Contains(locks(t, m), "secret-of-chat") {
		t.Error("the lock doesn't let the probe through")
	}
}

func TestALockWithoutSecretLetsNobodyThrough(t *testing.T) {
	m := newModel(PlanPro)
	in := inputOf(named("chat", app, func(l *Launch) { l.Secret = "" }))
	m.converge(t, &in)
	if got := matches(locks(t, m), sample{host: app, path: "/"}); got != always {
		t.Errorf("it may let somebody through: %s", locks(t, m))
	}
}

func TestCertificateAuthoritiesPass(t *testing.T) {
	m := newModel(PlanPro)
	in := inputOf(named("chat", app, func(l *Launch) {
		l.Secret = ""
		l.Spec.Domains.Redirects = []v1alpha1.HostName{"www.example.com"}
		l.Spec.Cloudflare.WAF = &v1alpha1.EdgeWAF{BlockedPaths: []v1alpha1.EdgePath{"/."}}
	}))
	m.converge(t, &in)
	for _, phase := range []Phase{PhaseCustomWAF, PhaseRedirect, PhaseManagedWAF} {
		for _, r := range m.state.Rulesets[phase].Rules {
			for _, host := range []string{app, "www.example.com"} {
				if got := matches(r.Expression, sample{host: host, path: "/.well-known/acme-challenge/x", method: "GET", tls: never}); got != never {
					t.Errorf("%s stands in the way of a certificate for %s: %s", r.Ref, host, r.Expression)
				}
			}
		}
	}
	if got := matches(m.rule(t, effectWAF).Expression, sample{host: app, path: "/.git/config"}); got != always {
		t.Errorf("/.git is let through: %v", got)
	}
}

func TestAnotherTokenTakesTheLockOver(t *testing.T) {
	m := newModel(PlanFree)
	in := inputOf(named("chat", app))
	m.converge(t, &in)
	old := locks(t, m)
	in.Marker.Group, in.Marker.Former = ShortID("another token"), []string{ShortID("token")}
	m.after = func() {
		if len(m.state.Rulesets[PhaseCustomWAF].Rules) == 0 {
			t.Error("the lock is away for a while")
		}
	}
	e := m.converge(t, &in)
	if got := e.Locked(in.Launches[0]); !slices.Equal(got, []string{app}) || old == "" {
		t.Errorf("locked: %v", got)
	}
	in.Launches[0].Launched = true
	m.converge(t, &in)
	for phase, set := range m.state.Rulesets {
		for _, r := range set.Rules {
			if !strings.HasPrefix(r.Ref, in.Marker.rulePrefix()) || strings.Contains(r.Ref, effectLock) {
				t.Errorf("%s holds %s after launch", phase, r.Ref)
			}
		}
	}
}

func TestRulesOfOtherTokensThatAreInUseStay(t *testing.T) {
	for name, change := range map[string]func(*Marker){
		"a name is another's": func(m *Marker) { m.Theirs = []string{app} },
		"it isn't former":     func(m *Marker) { m.Former = nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			theirs := inputOf(named("chat", app))
			m.converge(t, &theirs)
			before := locks(t, m)
			in := inputOf(named("other", "other.example.com"))
			in.Ledger, in.Marker.Group, in.Marker.Former = theirs.Ledger, ShortID("another token"), []string{ShortID("token")}
			in.Elsewhere = []string{app}
			change(&in.Marker)
			m.converge(t, &in)
			if locks(t, m) != before || before == "" {
				t.Errorf("the lock of another group is now %q", locks(t, m))
			}
		})
	}
}

func TestInheritedRulesStayForWhoOnlyObserves(t *testing.T) {
	m := newModel(PlanPro)
	in := inputOf(named("chat", app))
	m.converge(t, &in)
	before := locks(t, m)
	in.Launches[0].Spec.Cloudflare.Mode = v1alpha1.EdgeObserve
	in.Launches = append(in.Launches, named("other", "other.example.com"))
	in.Marker.Group, in.Marker.Former = ShortID("another token"), []string{ShortID("token")}
	for range mostPasses {
		in = m.look(in)
		if _, err := m.pass(t, &in); err != nil {
			t.Fatal(err)
		}
	}
	if locks(t, m) != before {
		t.Errorf("the lock is now %q", locks(t, m))
	}
}

func TestALockStaysUntilTheRecordOfALaunchThatIsGoneIsGone(t *testing.T) {
	m := newModel(PlanPro)
	in := inputOf(named("chat", app), named("other", "other.example.com"))
	m.converge(t, &in)
	in.Launches = in.Launches[1:] // let go, though its record could not be deleted
	m.converge(t, &in)
	if !strings.Contains(locks(t, m), quoted(app)) {
		t.Errorf("strangers are let in to a host that didn't launch: %s", locks(t, m))
	}
	m.state.Records = slices.DeleteFunc(m.state.Records, func(r Record) bool { return r.Name == app })
	m.converge(t, &in)
	if strings.Contains(locks(t, m), quoted(app)) {
		t.Errorf("the lock outlives the record: %s", locks(t, m))
	}
}

func TestWhatCouldNotBeReadLocksAndUnlocksNothing(t *testing.T) {
	m := newModel(PlanPro)
	in := inputOf(named("chat", app))
	m.state.Denied = []Denied{{PartRecords, "DNS Read"}}
	in = m.look(in)
	e, err := m.pass(t, &in)
	if err != nil || locks(t, m) != "" || len(e.Locked(in.Launches[0])) > 0 {
		t.Errorf("a host is locked whose records nobody saw: %v, %s", err, locks(t, m))
	}
	m.state.Denied = nil
	m.converge(t, &in)
	if locks(t, m) == "" || len(m.state.Records) != 1 {
		t.Error("once they are seen, it isn't set up and locked")
	}
	m.state.Denied = []Denied{{PartOf(PhaseCustomWAF), "Zone WAF Read"}}
	kept := m.state.Rulesets[PhaseCustomWAF]
	delete(m.state.Rulesets, PhaseCustomWAF)
	for n := range 3 {
		if n > 0 {
			m.state.Records = nil
		}
		in = m.look(in)
		if _, err := m.pass(t, &in); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.state.Records) > 0 {
		t.Error("a record is made before a lock that nobody sees")
	}
	m.state.Denied, m.state.Rulesets[PhaseCustomWAF] = nil, kept
	m.converge(t, &in)
	if locks(t, m) == "" || in.Ledger.claim(app).Lock != LockHeld {
		t.Error("it is forgotten that it is locked")
	}
}
