// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/api/v1alpha1"
)

func TestOnlyAdoptedAreasOfAHostThatExisted(t *testing.T) {
	areas := []v1alpha1.EdgeArea{
		v1alpha1.AreaDNS, v1alpha1.AreaTLS, v1alpha1.AreaRedirects, v1alpha1.AreaHeaders, v1alpha1.AreaWAF, v1alpha1.AreaRateLimits, v1alpha1.AreaCache,
	}
	for _, area := range areas {
		t.Run(string(area), func(t *testing.T) {
			m := newModel(PlanBusiness)
			foreign := Record{ID: "f", Name: app, Type: "A", Content: "198.51.100.1", TTL: 300}
			m.state.Records = []Record{foreign}
			in := inputOf(named("chat", app, adopting(area)))
			e := m.converge(t, &in)
			for phase, set := range m.state.Rulesets {
				if areaOf(phase) != area && len(set.Rules) > 0 {
					t.Errorf("%s isn't adopted: %v", areaOf(phase), set.Rules)
				}
			}
			if changed := m.state.Records[0] != foreign; changed != (area == v1alpha1.AreaDNS) {
				t.Errorf("records: %v", m.state.Records)
			}
			_, notes := e.PlanFor(in.Launches[0])
			n := 0
			for _, note := range notes {
				if note.Reason == ReasonNotAdopted {
					n++
				}
			}
			if n != len(areas)-1 {
				t.Errorf("%d areas are told not to be adopted", n)
			}
		})
	}
}

func TestAHostThatExistedIsDealtWithGently(t *testing.T) {
	m := newModel(PlanBusiness)
	m.state.Records = []Record{
		{ID: "f", Name: app, Type: "A", Content: "198.51.100.1", TTL: 300}, {ID: "g", Name: "www.example.com", Type: "CNAME", Content: app, TTL: 300},
	}
	in := inputOf(named("chat", app, adopting(v1alpha1.AreaDNS, v1alpha1.AreaTLS, v1alpha1.AreaRedirects, v1alpha1.AreaWAF), func(l *Launch) {
		l.Spec.Domains.Redirects = []v1alpha1.HostName{"www.example.com"}
		l.Strict = map[string]Preflight{app: {OK: false, Why: "it expired"}}
	}))
	e := m.converge(t, &in)
	for _, r := range m.state.Rulesets[PhaseRedirect].Rules {
		for method, want := range map[string]truth{"GET": always, "HEAD": always, "POST": never} {
			host := app
			if strings.Contains(r.Ref, effectCanonical) {
				host = "www.example.com"
			}
			if got := matches(r.Expression, sample{host: host, path: "/", method: method, tls: never}); got != want {
				t.Errorf("%s %s: %d", method, r.Expression, got)
			}
		}
	}
	for _, r := range m.state.Rulesets[PhaseManagedWAF].Rules {
		if !strings.Contains(string(r.Parameters), "managed_challenge") {
			t.Errorf("managed rules aren't mild: %s", r.Parameters)
		}
	}
	if m.rule(t, effectTLS) != nil {
		t.Error("strict TLS without its pre-flight")
	}
	_, notes := e.PlanFor(in.Launches[0])
	if !slices.ContainsFunc(notes, func(n Note) bool { return n.Reason == ReasonOriginNotTrusted }) {
		t.Errorf("nobody is told: %v", notes)
	}

	in.Launches[0].Launched, in.Launches[0].Strict = true, map[string]Preflight{app: {OK: true}}
	m.converge(t, &in)
	if r := m.rule(t, effectManaged); r == nil || strings.Contains(string(r.Parameters), "challenge") {
		t.Errorf("after launch the managed rules are still mild: %v", r)
	}
	if m.rule(t, effectTLS) == nil {
		t.Error("after its pre-flight TLS isn't strict")
	}
	for name, strict := range map[string]map[string]Preflight{"not tried": nil, "failed": {app: {Why: "it expired"}}} {
		if in.Launches[0].Strict = strict; true {
			m.converge(t, &in)
		}
		if m.rule(t, effectTLS) == nil {
			t.Errorf("%s: TLS isn't strict any more", name)
		}
	}
}

func TestDriftByHandIsMended(t *testing.T) {
	for name, drift := range map[string]func(r *Rule){
		"turned off":          func(r *Rule) { r.Enabled = false },
		"another expression":  func(r *Rule) { r.Expression = "false" },
		"another action":      func(r *Rule) { r.Action = "log" },
		"overrides":           func(r *Rule) { r.Parameters = withOverrides(r.Parameters) },
		"without parameters":  func(r *Rule) { r.Parameters = nil },
		"another description": func(r *Rule) { r.Description = "mine now" },
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanBusiness)
			in := inputOf(named("chat", app, func(l *Launch) { l.Launched = true }))
			m.converge(t, &in)
			want := content(m)
			n := 0
			for _, set := range m.state.Rulesets {
				for i := range set.Rules {
					if name != "without parameters" || set.Rules[i].Parameters != nil {
						drift(&set.Rules[i])
						n++
					}
				}
			}
			m.calls = nil
			m.converge(t, &in)
			if diff := gocmp.Diff(want, content(m)); diff != "" {
				t.Errorf("it isn't mended: %s", diff)
			}
			if len(m.calls) != n {
				t.Errorf("%d rules drifted, %d calls: %v", n, len(m.calls), m.calls)
			}
		})
	}
}

func withOverrides(p json.RawMessage) json.RawMessage {
	var v map[string]any
	if json.Unmarshal(p, &v) != nil {
		v = map[string]any{}
	}
	v["overrides"] = map[string]any{"enabled": false}
	return parameters(v)
}

func TestAMovedRuleComesBack(t *testing.T) {
	m := newModel(PlanBusiness)
	m.rules(PhaseCustomWAF, Rule{Ref: "a", Expression: "true", Action: actionSkip}, Rule{Ref: "b", Expression: "true", Action: "log"})
	in := inputOf(named("chat", app))
	m.converge(t, &in)
	refs := func() []string {
		var out []string
		for _, r := range m.state.Rulesets[PhaseCustomWAF].Rules {
			out = append(out, strings.TrimPrefix(r.Ref, in.Marker.rulePrefix()))
		}
		return out
	}
	if got := refs(); !slices.Equal(got, []string{"lock", "a", "b", "waf"}) {
		t.Fatalf("%v", got)
	}
	set := m.state.Rulesets[PhaseCustomWAF]
	slices.Reverse(set.Rules)
	m.converge(t, &in)
	if got := refs(); got[0] != "lock" || slices.Index(got, "b") > slices.Index(got, "a") {
		t.Errorf("%v", got)
	}
	cache := m.state.Rulesets[PhaseCache]
	slices.Reverse(cache.Rules)
	m.converge(t, &in)
	if got := m.state.Rulesets[PhaseCache].Rules; !strings.HasSuffix(got[len(got)-1].Ref, effectPrivate) {
		t.Errorf("what is private isn't last: %v", got)
	}
}

func TestDefaultsThatCloudflareShowsAreNoDrift(t *testing.T) {
	for _, test := range []struct {
		want, have string
		same       bool
	}{
		{`{"id":"x"}`, `{"id":"x","version":"latest","overrides":{}}`, true},
		{`{"id":"x"}`, `{"id":"x","overrides":{"rules":[]},"n":0,"s":null}`, true},
		{``, `{}`, true},
		{``, `null`, true},
		{`{}`, ``, true},
		{`{"id":"x"}`, `{"id":"x","overrides":{"enabled":true}}`, false},
		{`{"id":"x"}`, `{"id":"x","overrides":{"enabled":false}}`, false},
		{`{"id":"x"}`, `{"id":"x","enabled":false}`, false},
		{`{"id":"x"}`, `{"id":"x","version":"2"}`, false},
		{`{"id":"x"}`, `{"id":"y"}`, false},
		{`{"id":"x"}`, ``, false},
		{`{"cache":true}`, `{"cache":false}`, false},
		{`{"cache":false}`, `{}`, false},
		{`{"cache":false}`, ``, false},
		{`{"l":[1,2]}`, `{"l":[2,1]}`, false},
		{``, `{"x":1}`, false},
		{``, `{`, false},
	} {
		if got := covers(json.RawMessage(test.want), json.RawMessage(test.have)); got != test.same {
			t.Errorf("%s as %s: %v", test.want, test.have, got)
		}
	}
}

// many are launches of one zone that want all that there is.
func many(n int) []Launch {
	var out []Launch
	for i := range n {
		name := fmt.Sprintf("app%d", i)
		out = append(out, named(name, name+".a-rather-long-name-for-a-team.example.com", func(l *Launch) {
			l.Spec.Domains.Redirects = []v1alpha1.HostName{v1alpha1.HostName("www." + name + ".example.com")}
			l.Spec.App.Login.Steps[0].Request.Path = v1alpha1.RequestPath(fmt.Sprintf("/v%d/$(tenant)/login", i%7))
			l.Spec.App.Chat.RatePerMinute = new(int32(20 + i%3))
			l.Spec.Cloudflare.WAF = &v1alpha1.EdgeWAF{BlockedPaths: []v1alpha1.EdgePath{"/internal/", "/metrics"}}
		}))
	}
	return out
}

func TestFiftyLaunchesInOneZone(t *testing.T) {
	for plan, reach := range map[PlanName]int{PlanFree: 50, PlanPro: 50} {
		t.Run(string(plan), func(t *testing.T) {
			m := newModel(plan)
			in := inputOf(many(50)...)
			in.ManageSettings = true
			e := m.converge(t, &in)
			if _, missing := m.theirRules()[PhaseCustomWAF]; missing {
				t.Fatal("nobody else is here")
			}
			locked := 0
			for _, l := range in.Launches {
				locked += len(e.Locked(l))
				_, notes := e.PlanFor(l)
				for _, n := range notes {
					if n.Reason == ReasonDegradedByPlan && !strings.Contains(n.Remedy+n.Message, string(NextPlan(plan))) && !strings.Contains(n.Message, "held back") {
						t.Errorf("the plan needed isn't named: %+v", n)
					}
				}
			}
			if locked != reach {
				t.Errorf("%d hosts are locked", locked)
			}
			// Of redirects there is room for some: the others get no record that leads nowhere.
			for _, r := range m.state.Records {
				if r.Content != nowhereV4 {
					continue
				}
				to := slices.ContainsFunc(m.state.Rulesets[PhaseRedirect].Rules, func(rule Rule) bool {
					return strings.Contains(rule.Ref, effectCanonical) && namesHost(rule.Expression, r.Name)
				})
				if !to {
					t.Errorf("%s leads nowhere", r.Name)
				}
			}
		})
	}
}

func TestRateLimitsOfPlans(t *testing.T) {
	run := func(t *testing.T, plan PlanName, manage bool, launches ...Launch) (*model, Evaluation) {
		m := newModel(plan)
		in := inputOf(launches...)
		in.ManageSettings = manage
		return m, m.converge(t, &in)
	}
	t.Run("Free has one, that hits everybody, with consent", func(t *testing.T) {
		l := named("chat", app)
		if m, e := run(t, PlanFree, false, l); len(m.state.Rulesets[PhaseRateLimit].Rules) > 0 || !slices.ContainsFunc(e.Plan.Notes, func(n Note) bool {
			return n.Reason == ReasonDegradedByPlan && n.Severity == v1alpha1.SeverityMedium && strings.Contains(n.Remedy, "Manage")
		}) {
			t.Errorf("without consent: %v", m.state.Rulesets[PhaseRateLimit])
		}
		m, _ := run(t, PlanFree, true, l)
		rules := m.state.Rulesets[PhaseRateLimit].Rules
		if len(rules) != 1 || strings.Contains(rules[0].Expression, "host") || !strings.Contains(string(rules[0].RateLimit), `"mitigation_timeout":10,"period":10`) {
			t.Errorf("with consent: %v", rules)
		}
	})
	t.Run("merged, the laxer counts", func(t *testing.T) {
		rates := func(n int32) func(*Launch) { return func(l *Launch) { l.Spec.App.Chat.RatePerMinute = &n } }
		m, e := run(t, PlanPro, false, named("a", app, rates(20)), named("b", "b.example.com", rates(30)), named("c", "c.example.com", rates(25)))
		rules := m.state.Rulesets[PhaseRateLimit].Rules
		if len(rules) != 2 || !strings.Contains(string(rules[1].RateLimit), `"requests_per_period":30`) || !strings.Contains(string(rules[0].RateLimit), `"requests_per_period":10`) {
			t.Errorf("%v", rules)
		}
		for name, want := range map[string]bool{"a": true, "b": false, "c": true} {
			_, notes := e.PlanFor(Launch{LaunchID: LaunchID{"shop", name}})
			if got := slices.ContainsFunc(notes, func(n Note) bool { return strings.Contains(n.Message, "laxer") }); got != want {
				t.Errorf("%s is told of a laxer limit: %v", name, got)
			}
		}
	})
	t.Run("two launches want other limits of one name", func(t *testing.T) {
		rate := func(n int32) func(*Launch) {
			return func(l *Launch) {
				l.Spec.Cloudflare.RateLimits = []v1alpha1.EdgeRateLimit{{Name: "login", Paths: []v1alpha1.EdgePath{"/login"}, Requests: n}, {Name: "login-2", Paths: []v1alpha1.EdgePath{"/x"}, Requests: n}}
			}
		}
		m, _ := run(t, PlanBusiness, false, named("a", app, rate(5)), named("b", "b.example.com", rate(6)))
		if rules := m.state.Rulesets[PhaseRateLimit].Rules; len(rules) != 4 {
			t.Errorf("%v", rules)
		}
	})
	t.Run("methods are counted where the plan may look at them", func(t *testing.T) {
		for plan, want := range map[PlanName]bool{PlanPro: false, PlanBusiness: true} {
			m, _ := run(t, plan, false, named("chat", app))
			if got := strings.Contains(m.state.Rulesets[PhaseRateLimit].Rules[0].Expression, "http.request.method"); got != want {
				t.Errorf("%s: %v", plan, got)
			}
		}
	})
	t.Run("periods are fitted, and that is told", func(t *testing.T) {
		m, e := run(t, PlanPro, false, named("chat", app, func(l *Launch) {
			l.Spec.Cloudflare.RateLimits = []v1alpha1.EdgeRateLimit{{Name: "login", Paths: []v1alpha1.EdgePath{"/login"}, Requests: 600, PeriodSeconds: new(int32(3600))}}
		}))
		if got := string(m.state.Rulesets[PhaseRateLimit].Rules[0].RateLimit); !strings.Contains(got, `"period":60,"requests_per_period":10`) {
			t.Error(got)
		}
		if !slices.ContainsFunc(e.Plan.Notes, func(n Note) bool { return strings.Contains(n.Message, "doesn't count over 3600 seconds") }) {
			t.Errorf("%v", e.Plan.Notes)
		}
	})
}

func TestALongLaunchIsCutIntoRules(t *testing.T) {
	m := newModel(PlanEnterprise)
	long := strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + ".example.com"
	in := inputOf(named("chat", app, func(l *Launch) {
		for i := range 32 {
			l.Spec.Domains.Hosts = append(l.Spec.Domains.Hosts, v1alpha1.HostName(fmt.Sprintf("h%d.%s", i, long)))
		}
		var paths []v1alpha1.EdgePath
		for i := range 16 {
			paths = append(paths, v1alpha1.EdgePath(fmt.Sprintf("/%d%s", i, strings.Repeat("p", 250))))
		}
		l.Spec.Cloudflare.WAF = &v1alpha1.EdgeWAF{BlockedPaths: paths}
		l.Spec.Cloudflare.Cache = &v1alpha1.EdgeCache{StaticPaths: paths, PrivatePaths: paths}
		l.Spec.App.Login.Steps[0].Request.Path = v1alpha1.RequestPath("/" + strings.Repeat(`\`, 2047))
	}))
	m.converge(t, &in)
	for _, h := range in.Launches[0].Hosts() {
		if got := e2e(m, PhaseCustomWAF, sample{host: h, path: "/15" + strings.Repeat("p", 250) + "/x"}); !got {
			t.Errorf("%.10s isn't covered", h)
		}
	}
}

func e2e(m *model, phase Phase, of sample) bool {
	return slices.ContainsFunc(m.state.Rulesets[phase].Rules, func(r Rule) bool {
		return strings.Contains(r.Ref, effectWAF) && matches(r.Expression, of) == always
	})
}

func TestMailRecords(t *testing.T) {
	email := v1alpha1.EmailDomain{
		Domain: "example.com", SPF: &v1alpha1.EmailSPF{Include: []v1alpha1.SPFDomain{"_spf.example.net"}, Addresses: []v1alpha1.SPFAddress{"203.0.113.0/28", "2001:db8::/64"}},
		DKIM:  &v1alpha1.EmailDKIM{Selectors: []v1alpha1.DKIMSelector{{Name: "s1", Target: "s1.dkim.example.net"}, {Name: "s2"}}},
		DMARC: &v1alpha1.EmailDMARC{RUA: "mailto:d@example.com", Policy: "reject"},
	}
	const spf = "v=spf1 ip4:203.0.113.0/28 ip6:2001:db8::/64 include:_spf.example.net ~all"
	for name, test := range map[string]struct {
		have []Record
		// want are the contents of what is created, notes how many are left as they are, and said.
		want  []string
		notes int
	}{
		"nothing there": {nil, []string{spf, "v=DMARC1; p=none; rua=mailto:d@example.com", "s1.dkim.example.net"}, 0},
		"all there": {[]Record{
			{Name: "example.com", Type: "TXT", Content: `"v=spf1 ip4:203.0.113.0/28 ip6:2001:db8::/64 incl" "ude:_spf.example.net ~all"`},
			{Name: "_dmarc.example.com", Type: "TXT", Content: `"v=DMARC1; p=none; rua=mailto:d@example.com"`},
			{Name: "s1._domainkey.example.com", Type: "CNAME", Content: "s1.dkim.example.net"},
		}, nil, 0},
		"others there": {[]Record{
			{Name: "example.com", Type: "TXT", Content: "V=SPF1 -all"},
			{Name: "_dmarc.example.com", Type: "TXT", Content: "v=DMARC1;p=reject"},
			{Name: "s1._domainkey.example.com", Type: "TXT", Content: "v=DKIM1; p=x"},
		}, nil, 3},
		"something else there": {[]Record{
			{Name: "example.com", Type: "TXT", Content: "v=spf10 -all"}, {Name: "example.com", Type: "TXT", Content: "google-site-verification=x"}, {Name: "_dmarc.example.com", Type: "TXT", Content: "x"},
		}, []string{spf, "v=DMARC1; p=none; rua=mailto:d@example.com", "s1.dkim.example.net"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			for i, r := range test.have {
				r.ID = fmt.Sprint("f", i)
				m.state.Records = append(m.state.Records, r)
			}
			in := inputOf(named("chat", app, func(l *Launch) {
				l.Spec.Email = []v1alpha1.EmailDomain{email, {Domain: "example.net", SPF: &v1alpha1.EmailSPF{}}}
			}))
			e := m.converge(t, &in)
			var got []string
			for _, r := range m.state.Records {
				if _, claim, _ := in.Marker.owner(r); claim == claimMail {
					got = append(got, r.Content)
				}
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("created: %q", got)
			}
			n := 0
			for _, note := range e.Plan.Notes {
				if note.Reason == ReasonForeignRecord {
					n++
				}
			}
			if n != test.notes {
				t.Errorf("notes: %v", e.Plan.Notes)
			}
		})
	}
	t.Run("raised by hand", func(t *testing.T) {
		m := newModel(PlanPro)
		in := inputOf(named("chat", app, func(l *Launch) { l.Spec.Email = []v1alpha1.EmailDomain{email} }))
		m.converge(t, &in)
		for i, r := range m.state.Records {
			if r.Name == "_dmarc.example.com" {
				m.state.Records[i].Content = "v=DMARC1; p=reject; rua=mailto:d@example.com"
			}
		}
		before := content(m)
		m.converge(t, &in)
		if diff := gocmp.Diff(before, content(m)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestZoneSettingsAreOnlyTightenedWithConsent(t *testing.T) {
	for name, test := range map[string]struct {
		consent  bool
		min, tls string
		want     string
	}{
		"without consent": {false, "1.0", "off", "1.0 off"}, "lax": {true, "1.0", "off", "1.2 on"},
		"stricter already": {true, "1.3", "zrt", "1.3 zrt"}, "unknown": {true, "1.4", "new", "1.4 new"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(PlanPro)
			m.state.Settings[SettingMinTLS], m.state.Settings[SettingTLS13] = text(test.min), text(test.tls)
			in := inputOf(named("chat", app))
			in.ManageSettings = test.consent
			m.converge(t, &in)
			if got := m.state.Settings[SettingMinTLS].Text() + " " + m.state.Settings[SettingTLS13].Text(); got != test.want {
				t.Error(got)
			}
		})
	}
}

func TestASettingThatSomebodyChangedSinceIsNotPutBack(t *testing.T) {
	m := newModel(PlanPro)
	in := inputOf(named("chat", app))
	in.ManageSettings = true
	m.converge(t, &in)
	m.state.Settings[SettingMinTLS] = text("1.3")
	in.Launches[0].Spec.Cloudflare.Mode = v1alpha1.EdgeRevert
	m.converge(t, &in)
	if got := m.state.Settings[SettingMinTLS].Text() + m.state.Settings[SettingTLS13].Text(); got != "1.3off" {
		t.Error(got)
	}
}

func TestARecordThatIsRefusedHoldsBackNobodyElse(t *testing.T) {
	m := newModel(PlanPro)
	in := m.look(inputOf(named("bad", app), named("good", "good.example.com")))
	state, _ := m.Observe(t.Context(), "")
	plan := Evaluate(in, state).Plan
	m.state.Records = []Record{{ID: "late", Name: app, Type: "CNAME", Content: "x.example.net"}} // somebody was faster
	if err := Apply(t.Context(), m, state, plan); err == nil {
		t.Error("nobody is told")
	}
	if len(byName(m.state.Records)["good.example.com"]) != 1 {
		t.Errorf("%v", m.state.Records)
	}
}

func TestApplyStopsWhereCloudflareCannotBeAsked(t *testing.T) {
	for kind, want := range map[Kind]int{KindTransient: 1, KindRateLimit: 1, KindAuth: 1, KindPermission: 9} {
		m := newModel(PlanPro)
		in := m.look(inputOf(named("chat", app, func(l *Launch) { l.Spec.Gate.Edge = v1alpha1.EdgeLockOff })))
		state, _ := m.Observe(t.Context(), "")
		plan := Evaluate(in, state).Plan
		err := Apply(t.Context(), refusing{m, &APIError{Kind: kind, Doing: "trying"}}, state, plan)
		var failures Failures
		if !errors.As(err, &failures) || KindOf(err) != kind {
			t.Errorf("%s: %v", kind, err)
		}
		if got := len(failures); got < want || want == 1 && len(m.calls) > 0 {
			t.Errorf("%s: %d failures of %d changes, calls %v", kind, got, len(plan.Changes), m.calls)
		}
	}
}

// refusing makes no rulesets.
type refusing struct {
	*model
	err error
}

func (r refusing) CreateRuleset(context.Context, Zone, Phase, []Rule) error { return r.err }

// withoutPhase makes no ruleset of one phase: the token may not.
type withoutPhase struct {
	*model
	phase Phase
}

func (w withoutPhase) CreateRuleset(ctx context.Context, zone Zone, phase Phase, rules []Rule) error {
	if phase == w.phase {
		return &APIError{Kind: KindPermission, Doing: "trying"}
	}
	return w.model.CreateRuleset(ctx, zone, phase, rules)
}

func TestOnlyWhatNeedsARuleIsHeldBackWithoutIt(t *testing.T) {
	const other = "www.example.com"
	for phase, want := range map[Phase]map[string]bool{
		PhaseCustomWAF: {app: false, other: true},
		PhaseRedirect:  {app: true, other: false},
		PhaseCache:     {app: true, other: true},
	} {
		m := newModel(PlanPro)
		in := m.look(inputOf(named("chat", app, func(l *Launch) { l.Spec.Domains.Redirects = []v1alpha1.HostName{other} })))
		state, _ := m.Observe(t.Context(), "")
		err := Apply(t.Context(), withoutPhase{m, phase}, state, Evaluate(in, state).Plan)
		if KindOf(err) != KindPermission {
			t.Errorf("%s: %v", phase, err)
		}
		for host, there := range want {
			if got := slices.ContainsFunc(m.state.Records, func(r Record) bool { return r.Name == host }); got != there {
				t.Errorf("without %s, %s has a record: %t", phase, host, got)
			}
		}
	}
}

func TestASettingThatIsTurnedOffByHandIsDrift(t *testing.T) {
	rule := func(parameters string) Rule {
		return Rule{Action: actionSetConfig, Parameters: json.RawMessage(parameters)}
	}
	want := rule(`{"ssl":"strict","automatic_https_rewrites":true}`)
	for parameters, same := range map[string]bool{
		`{"automatic_https_rewrites":true,"ssl":"strict"}`:             true,
		`{"automatic_https_rewrites":true,"ssl":"strict","bic":false}`: false,
		`{"automatic_https_rewrites":false,"ssl":"strict"}`:            false,
		`{"ssl":"strict"}`: false,
	} {
		if got := sameRule(want, rule(parameters)); got != same {
			t.Errorf("%s: %t", parameters, got)
		}
	}
}

func TestLimitsOfPlans(t *testing.T) {
	for plan, want := range map[PlanName][7]int{ // custom, rate limits, redirects, errors, longest period, longest time-out, least time kept
		PlanFree: {5, 1, 10, 0, 10, 10, 7200}, PlanPro: {20, 2, 25, 25, 60, 3600, 3600},
		PlanBusiness: {100, 5, 50, 50, 600, 86400, 1}, PlanEnterprise: {1000, 100, 300, 300, 3600, 86400, 1}, "other": {5, 1, 10, 0, 10, 10, 7200},
	} {
		l := LimitsOf(plan)
		got := [7]int{
			l.Rules[PhaseCustomWAF], l.Rules[PhaseRateLimit], l.Rules[PhaseRedirect], l.Rules[PhaseErrors],
			int(slices.Max(l.RatePeriods)), int(slices.Max(l.RateTimeouts)), int(l.MinCacheSeconds),
		}
		if got != want {
			t.Errorf("%s: %v", plan, got)
		}
	}
}

// big is a zone with 3,500 records and 100 rules, as Cloudflare holds at most without asking.
func big(b *testing.B) (Input, State) {
	b.Helper()
	m := newModel(PlanEnterprise)
	in := inputOf(many(100)...)
	for i := range 3500 {
		m.state.Records = append(m.state.Records, Record{ID: fmt.Sprint("f", i), Name: fmt.Sprintf("n%d.example.com", i), Type: "A", Content: "198.51.100.1", Proxied: true, TTL: 1})
	}
	for i := range 60 {
		m.rules(Phases()[i%len(Phases())], Rule{Ref: fmt.Sprint("theirs", i), Expression: `http.host eq "x.example.com"`, Action: "log"})
	}
	m.converge(b, &in)
	m.state.Records = m.state.Records[:3400] // most of ours are to be created
	state, _ := m.Observe(b.Context(), "")
	return m.look(in), state
}

// BenchmarkPlan evaluates a big zone. It takes at most 20 ms and 16 MiB.
func BenchmarkPlan(b *testing.B) {
	in, state := big(b)
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(in, state)
	}
}
