// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/api/v1alpha1"
)

func in(namespace string) func(*Launch) { return func(l *Launch) { l.Namespace = namespace } }

func refusals(e Evaluation, id LaunchID) []string {
	l, _ := e.Launch(id)
	var out []string
	for _, r := range l.Refused {
		out = append(out, r.Host+" "+r.Reason)
	}
	return out
}

func TestTheOlderLaunchKeepsAHost(t *testing.T) {
	m := newModel(PlanPro)
	input := inputOf(named("older", app), named("newer", app))
	e := m.converge(t, &input)
	if got := refusals(e, LaunchID{"shop", "newer"}); !slices.Equal(got, []string{app + " " + ReasonHostConflict}) {
		t.Errorf("the newer is refused %v", got)
	}
	if got := refusals(e, LaunchID{"shop", "older"}); got != nil {
		t.Errorf("the older is refused %v", got)
	}
	if len(m.state.Records) != 1 || !strings.Contains(m.state.Records[0].Comment, "uid-older") {
		t.Errorf("records: %v", m.state.Records)
	}
}

func TestAnotherInstallationsHostIsLeftAlone(t *testing.T) {
	m := newModel(PlanPro)
	m.state.Records = []Record{{ID: "o", Name: app, Type: "A", Content: "198.51.100.1", Proxied: true, Comment: Marker{Installation: ShortID("there")}.RecordComment("uid", claimHost)}}
	input := inputOf(named("chat", app, adopting(v1alpha1.AreaDNS)))
	e := m.converge(t, &input)
	if got := refusals(e, LaunchID{"shop", "chat"}); len(got) != 1 || len(m.calls) > 0 {
		t.Errorf("refused %v, calls %v", got, m.calls)
	}
}

func TestAClaimOutlivesItsLaunchForAWhile(t *testing.T) {
	m := newModel(PlanPro)
	input := inputOf(named("chat", app))
	m.converge(t, &input)
	input.Launches[0].Leaving, input.Launches[0].Spec.Cloudflare.DeletionPolicy = true, v1alpha1.EdgeDelete
	m.converge(t, &input)
	input.Launches = nil
	m.converge(t, &input)

	thief := named("thief", app, in("bank"))
	input.Launches = []Launch{thief}
	if e := m.converge(t, &input); len(refusals(e, thief.LaunchID)) != 1 {
		t.Error("another namespace takes the host at once")
	}
	again := input
	again.Launches = []Launch{named("chat", app, func(l *Launch) { l.UID = "uid-again" })}
	if e := m.converge(t, &again); len(refusals(e, LaunchID{"shop", "chat"})) != 0 {
		t.Error("the same namespace, created again, doesn't get its host back")
	}
	again.Launches[0].Leaving, again.Launches[0].Spec.Cloudflare.DeletionPolicy = true, v1alpha1.EdgeDelete
	m.converge(t, &again)
	input.Now = start.Add(time.Hour)
	if e := m.converge(t, &input); len(refusals(e, thief.LaunchID)) != 0 {
		t.Error("after its time the host is still kept")
	}
}

func TestARetiredNameOfAnotherLaunchStays(t *testing.T) {
	m := newModel(PlanPro)
	m.state.Records = []Record{{ID: "f", Name: "live.example.com", Type: "A", Content: "198.51.100.1"}}
	input := inputOf(named("chat", app, func(l *Launch) {
		l.Spec.Domains.Retired = []v1alpha1.RetiredHost{{Host: "live.example.com", OnForeign: v1alpha1.ForeignDelete}}
	}), named("live", "live.example.com"))
	m.converge(t, &input)
	if len(byName(m.state.Records)["live.example.com"]) != 1 {
		t.Error("the record of a live host was deleted")
	}
}

func TestRetiredNames(t *testing.T) {
	for name, test := range map[string]struct {
		on   v1alpha1.ForeignRecords
		left int
	}{"are told": {"", 1}, "are deleted on demand": {v1alpha1.ForeignDelete, 0}} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			m.state.Records = []Record{{ID: "f", Name: "old.example.com", Type: "A", Content: "198.51.100.1"}, {ID: "t", Name: "old.example.com", Type: "TXT", Content: "x"}}
			input := inputOf(named("chat", app, func(l *Launch) {
				l.Spec.Domains.Retired = []v1alpha1.RetiredHost{{Host: "old.example.com", OnForeign: test.on}}
			}))
			e := m.converge(t, &input)
			if got := byName(m.state.Records).addresses("old.example.com"); len(got) != test.left || len(byName(m.state.Records)["old.example.com"]) != test.left+1 {
				t.Errorf("left: %v", got)
			}
			_, notes := e.PlanFor(input.Launches[0])
			if told := slices.ContainsFunc(notes, func(n Note) bool { return n.Reason == ReasonForeignRecord }); told != (test.left > 0) {
				t.Errorf("told: %v", told)
			}
		})
	}
}

func retainedZone(t *testing.T) (*model, Input) {
	t.Helper()
	m := newModel(PlanPro)
	input := inputOf(named("other", "other.example.com"), named("chat", app, func(l *Launch) {
		l.Spec.Domains.Redirects = []v1alpha1.HostName{"www.example.com"}
		l.Spec.App.Login.Steps[0].Request.Form = map[string]v1alpha1.HeaderValue{"password": "hunter2"}
	}))
	m.converge(t, &input)
	return m, input
}

func TestLeavingWithRetainChangesNothing(t *testing.T) {
	m, input := retainedZone(t)
	before := content(m)
	m.calls = nil
	input.Launches[1].Leaving = true
	m.converge(t, &input)
	input.Launches[1].Spec.Domains.Hosts = []v1alpha1.HostName{"new.example.com"} // a wish that came too late
	m.converge(t, &input)
	if diff := gocmp.Diff(before, content(m)); diff != "" || len(m.calls) > 0 {
		t.Errorf("calls %v: %s", m.calls, diff)
	}
}

func TestARetainedLaunchStaysSetUp(t *testing.T) {
	m, input := retainedZone(t)
	before := content(m)
	input.Ledger = input.Ledger.Retain(input.Launches[1], input.Marker.Group)
	data, err := json.Marshal(input.Ledger)
	if err != nil || strings.Contains(string(data), "hunter2") || strings.Contains(string(data), "secret-of") {
		t.Errorf("the ledger holds a secret: %s, %v", data, err)
	}
	input.Launches = input.Launches[:1]
	m.converge(t, &input)
	without := func(lines []string) []string {
		for i, l := range lines {
			lines[i] = strings.ReplaceAll(l, ` and not any(http.request.headers["x-launchready-edge"][*] eq "secret-of-chat")`, "")
		}
		return lines
	}
	if diff := gocmp.Diff(without(before), content(m)); diff != "" {
		t.Errorf("it isn't what it was, without the secret: %s", diff)
	}
	if _, found := Evaluate(input, m.state).Launch(LaunchID{"shop", "chat"}); found {
		t.Error("a launch that is gone is found")
	}
}

func TestRetainedHostsGoToLiveLaunches(t *testing.T) {
	m, input := retainedZone(t)
	input.Ledger = input.Ledger.Retain(input.Launches[1], input.Marker.Group)
	names := func(in Input) []string {
		var out []string
		for _, r := range in.Ledger.Retained {
			out = append(out, Launch{Spec: r.Spec}.Names()...)
		}
		return out
	}
	t.Run("of the same namespace", func(t *testing.T) {
		in := input
		in.Launches = []Launch{named("new", app)}
		in = Settle(m.look(in), m.state)
		if got := names(in); !slices.Equal(got, []string{"www.example.com"}) || len(in.Launches) != 2 {
			t.Errorf("retained: %v", got)
		}
	})
	t.Run("of another namespace after a while", func(t *testing.T) {
		thief := input
		thief.Launches = []Launch{named("thief", app, in("bank"))}
		thief = Settle(m.look(thief), m.state)
		if got := names(thief); len(got) != 2 {
			t.Errorf("at once: %v", got)
		}
		thief.Launches, thief.Now = []Launch{named("thief", app, in("bank"))}, start.Add(2*time.Hour)
		thief = Settle(m.look(thief), m.state)
		if got := names(thief); !slices.Equal(got, []string{"www.example.com"}) {
			t.Errorf("after: %v", got)
		}
	})
	t.Run("of the same name", func(t *testing.T) {
		in := Settle(m.look(input), m.state)
		if len(in.Ledger.Retained) > 0 || len(in.Launches) != 2 {
			t.Errorf("retained: %v", in.Ledger.Retained)
		}
	})
}

func TestObservedLaunchesKeepWhatTheyHad(t *testing.T) {
	m, input := retainedZone(t)
	before := content(m)
	m.calls = nil
	for i := range input.Launches {
		cf := *input.Launches[i].Spec.Cloudflare
		cf.Mode, cf.Adopt = v1alpha1.EdgeObserve, nil
		input.Launches[i].Spec.Cloudflare = &cf
	}
	m.converge(t, &input)
	if diff := gocmp.Diff(before, content(m)); diff != "" || len(m.calls) > 0 {
		t.Errorf("calls %v: %s", m.calls, diff)
	}
	input.Ledger = Ledger{}
	m.converge(t, &input)
	if len(m.calls) > 0 {
		t.Errorf("without the ledger: %v", m.calls)
	}
	cf := *input.Launches[0].Spec.Cloudflare
	cf.WAF = &v1alpha1.EdgeWAF{BlockedPaths: []v1alpha1.EdgePath{"/internal/"}}
	input.Launches[0].Spec.Cloudflare = &cf
	if e := m.converge(t, &input); len(e.Observed.Changes) == 0 || len(e.Plan.Changes) > 0 {
		t.Error("what would change isn't told")
	}
}

func TestHSTSRisesByTheClock(t *testing.T) {
	hsts := func(mode v1alpha1.Switch, age int32) func(*Launch) {
		return func(l *Launch) {
			l.Spec.Cloudflare.TLS = &v1alpha1.EdgeTLS{HSTS: &v1alpha1.EdgeHSTS{Mode: mode, MaxAgeSeconds: &age}}
		}
	}
	m := newModel(PlanPro)
	input := inputOf(named("chat", app, hsts("", DefaultHSTSSeconds), func(l *Launch) { l.Launched, l.TLSHeldSince = true, start }))
	for _, step := range []struct {
		name   string
		change func()
		want   string
	}{
		{"at first", func() {}, "max-age=300"},
		{"too early", func() { input.Now = start.Add(299 * time.Second) }, "max-age=300"},
		{"after five minutes", func() { input.Now = start.Add(300 * time.Second) }, "max-age=86400"},
		{"TLS didn't hold", func() { input.Now, input.Launches[0].TLSHeldSince = start.Add(48*time.Hour), time.Time{} }, "max-age=86400"},
		{"TLS holds since just now", func() { input.Launches[0].TLSHeldSince = start.Add(47 * time.Hour) }, "max-age=86400"},
		{"after a day", func() { input.Now = start.Add(72 * time.Hour) }, "max-age=31536000"},
		{"the ledger is lost", func() { input.Ledger = Ledger{} }, "max-age=31536000"},
		{"the goal is lowered", func() { hsts("", 3600)(&input.Launches[0]) }, "max-age=3600"},
		{"a goal below the first step", func() { hsts("", 301)(&input.Launches[0]) }, "max-age=301"},
		{"off", func() { hsts(v1alpha1.SwitchOff, 301)(&input.Launches[0]) }, ""},
		{"on again", func() { hsts(v1alpha1.SwitchOn, DefaultHSTSSeconds)(&input.Launches[0]) }, "max-age=300"},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.change()
			m.converge(t, &input)
			got := ""
			if r := m.rule(t, effectHSTS); r != nil {
				got = string(r.Parameters)
			}
			if step.want == "" && got != "" || !strings.Contains(got, `"`+step.want+`"`) && step.want != "" {
				t.Errorf("want %q, and it is %s", step.want, got)
			}
		})
	}
}

func TestHSTSOfTheWholeZoneIsNotLowered(t *testing.T) {
	for value, want := range map[string]string{
		`{"strict_transport_security":{"enabled":true,"max_age":63072000}}`:  "max-age=63072000",
		`{"strict_transport_security":{"enabled":false,"max_age":63072000}}`: "max-age=300",
	} {
		m := newModel(PlanPro)
		m.state.Settings[SettingSecurityHeader] = SettingValue{Value: json.RawMessage(value)}
		input := inputOf(named("chat", app, func(l *Launch) { l.Launched = true }))
		m.converge(t, &input)
		if r := m.rule(t, effectHSTS); r == nil || !strings.Contains(string(r.Parameters), `"`+want+`"`) {
			t.Errorf("%s: %v", value, r)
		}
	}
}

func adopting(areas ...v1alpha1.EdgeArea) func(*Launch) {
	return func(l *Launch) { l.Spec.Cloudflare.Adopt = areas }
}

func TestAHostThatWasAnothersIsLockedAnew(t *testing.T) {
	for name, next := range map[string]Launch{
		"another namespace":   named("new", app, in("bank")),
		"the same namespace":  named("new", app),
		"the same name again": named("chat", app, func(l *Launch) { l.UID = "uid-again" }),
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			input := inputOf(named("chat", app))
			m.converge(t, &input)
			input.Launches[0].Launched = true
			m.converge(t, &input)
			input.Launches[0].Leaving, input.Launches[0].Spec.Cloudflare.DeletionPolicy = true, v1alpha1.EdgeDelete
			m.converge(t, &input)
			input.Launches = nil
			m.converge(t, &input) // it is noted that it left
			input.Now = start.Add(time.Hour)
			input.Launches = []Launch{next}
			m.converge(t, &input)
			if !strings.Contains(locks(t, m), quoted(app)) {
				t.Errorf("its record is there, and no lock: %v", m.state.Records)
			}
		})
	}
}

func TestMailOfADomainThatWasNotGivenIsNotPublished(t *testing.T) {
	mail := func(l *Launch) {
		l.Spec.Email = []v1alpha1.EmailDomain{{Domain: "example.com", DMARC: &v1alpha1.EmailDMARC{RUA: "mailto:x@example.org"}}}
	}
	for name, change := range map[string]func(*Input){
		"by the policy":            func(in *Input) { in.Launches[0].NoMail = []string{"example.com"} },
		"it is another credential": func(in *Input) { in.Elsewhere = []string{"example.com"} },
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			input := inputOf(named("chat", app, mail))
			change(&input)
			m.converge(t, &input)
			if got := byName(m.state.Records)["_dmarc.example.com"]; len(got) > 0 {
				t.Errorf("published: %v", got)
			}
		})
	}
}

func TestWhoObservedWhenItWentKeepsItsLock(t *testing.T) {
	m := newModel(PlanPro)
	input := inputOf(named("chat", app), named("other", "other.example.com"))
	m.converge(t, &input)
	input.Launches[0].Spec.Cloudflare.Mode = v1alpha1.EdgeObserve
	input.Launches[0].Spec.Cloudflare.Cache = &v1alpha1.EdgeCache{StaticPaths: []v1alpha1.EdgePath{"/static/"}} // wished for while it observed
	input.Launches[0].Leaving = true
	e := m.converge(t, &input)
	before := len(m.state.Rulesets[PhaseConfig].Rules[0].Expression)
	l, _ := e.Launch(LaunchID{"shop", "chat"})
	input.Ledger = e.Input.Ledger.Retain(l, input.Marker.Group)
	input.Launches = input.Launches[1:]
	m.converge(t, &input)
	if !strings.Contains(locks(t, m), quoted(app)) || len(m.state.Rulesets[PhaseConfig].Rules[0].Expression) != before || m.rule(t, effectPaths) != nil {
		t.Errorf("what it had goes: %v", m.state.Rulesets)
	}
}

func TestNothingIsRetainedThatWasNotClaimed(t *testing.T) {
	l := named("chat", app)
	for name, claims := range map[string][]Claim{"nobody's": nil, "another's": {{Host: app, Namespace: "bank", Name: "chat"}}} {
		if got := (Ledger{Claims: claims}).Retain(l, "g"); len(got.Retained) > 0 {
			t.Errorf("%s: retained %v", name, got.Retained)
		}
	}
}

func TestAClaimCountsMoreThanAge(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	left := at.Add(-time.Hour)
	l := Ledger{
		Claims:   []Claim{{Host: "gone.example.com", Namespace: "shop", LeftAt: &left}, {Host: "live.example.com", Namespace: "shop"}},
		Retained: []Retained{{Group: "a", Spec: named("chat", app).Spec}},
	}
	for _, c := range []struct {
		namespace, host string
		ttl             time.Duration
		want            bool
	}{
		{"shop", "live.example.com", 0, true},
		{"bank", "live.example.com", 0, false},
		{"bank", "free.example.com", 0, true},
		{"bank", "gone.example.com", 2 * time.Hour, false},
		{"bank", "gone.example.com", time.Hour, true},
		{"shop", "gone.example.com", 2 * time.Hour, true},
	} {
		if got := l.HeldBy(c.namespace, c.host, at, c.ttl); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
	if got := l.RetainedElsewhere("b"); !slices.Contains(got, app) {
		t.Errorf("to another group it isn't elsewhere: %v", got)
	}
	if got := l.RetainedElsewhere("a"); len(got) > 0 {
		t.Errorf("its own is elsewhere: %v", got)
	}
}
