// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// byHand is a zone that another team set up, and well.
func byHand() *model {
	m := newModel(PlanBusiness)
	m.state.Records = []Record{{ID: "w", Name: "*.example.com", Type: "CNAME", Content: "lb.example.net", Proxied: true}}
	m.state.Settings = map[Setting]SettingValue{
		SettingSSL: text("strict"), SettingAlwaysHTTPS: text("on"), SettingMinTLS: text("1.3"), SettingTLS13: text("zrt"), SettingDevelopment: text("off"),
	}
	m.state.Bots = &Bots{DefinitelyAutomated: "block"}
	m.rules(PhaseManagedWAF, Rule{Expression: "true", Action: actionExecute, Parameters: json.RawMessage(`{"id":"` + managedCloudflare + `","overrides":{"rules":[{"id":"x","action":"log"}]}}`)})
	m.rules(PhaseRateLimit, Rule{
		Expression: `(http.host wildcard "*.example.com" and starts_with(http.request.uri.path, "/api/"))`, Action: actionBlock,
		RateLimit: json.RawMessage(`{"characteristics":["ip.src","cf.colo.id"],"period":60,"requests_per_period":10,"mitigation_timeout":600}`),
	})
	return m
}

func (m *model) rules(phase Phase, rules ...Rule) {
	set := m.state.Rulesets[phase]
	set.ID = string(phase)
	for _, r := range rules {
		r.ID, r.Enabled = m.id(), true
		set.Rules = append(slices.Clone(set.Rules), r)
	}
	m.state.Rulesets[phase] = set
}

// findings are the rules of a judgement that fail the row.
func (m *model) findings(t *testing.T, l Launch, in Input) []string {
	t.Helper()
	in.Launches = []Launch{l}
	state, _ := m.Observe(t.Context(), "")
	e := Evaluate(m.look(in), state)
	settled, _ := e.Launch(l.LaunchID)
	j := e.Judge(settled)
	if j.Cases == 0 || j.Control == "" {
		t.Errorf("nothing was looked at: %+v", j)
	}
	var out []string
	for _, d := range j.Drafts {
		if d.Severity != v1alpha1.SeverityLow && !slices.Contains(out, d.Rule) {
			out = append(out, d.Rule)
		}
	}
	slices.Sort(out)
	return out
}

func observing(l *Launch) { l.Spec.Cloudflare.Mode = v1alpha1.EdgeObserve }

func TestJudge(t *testing.T) {
	set := func(s Setting, v string) func(*model) { return func(m *model) { m.state.Settings[s] = text(v) } }
	skip := func(expression string) func(*model) {
		return func(m *model) {
			m.rules(PhaseCustomWAF, Rule{Expression: expression, Action: actionSkip, Parameters: json.RawMessage(`{"phases":["http_ratelimit"]}`)})
		}
	}
	config := func(expression, ssl string) Rule {
		return Rule{Expression: expression, Action: actionSetConfig, Parameters: json.RawMessage(`{"ssl":"` + ssl + `"}`)}
	}
	execute := func(expression, parameters string) Rule {
		return Rule{Expression: expression, Action: actionExecute, Parameters: json.RawMessage(parameters)}
	}
	limit := func(expression, rate string) func(*model) {
		return func(m *model) {
			delete(m.state.Rulesets, PhaseRateLimit)
			m.rules(PhaseRateLimit, Rule{Expression: expression, Action: actionBlock, RateLimit: json.RawMessage(rate)})
		}
	}
	const rate = `{"characteristics":["ip.src"],"period":60,"requests_per_period":10}`
	for name, test := range map[string]struct {
		change func(*model)
		want   []string
	}{
		"set up well by hand": {},
		"no record":           {func(m *model) { m.state.Records = nil }, []string{"RecordMissing"}},
		"not proxied":         {func(m *model) { m.state.Records[0].Proxied = false }, []string{"NotProxied"}},
		"full, not strict":    {set(SettingSSL, "full"), []string{"SSLNotStrict"}},
		"strict by a rule for the host": {func(m *model) {
			set(SettingSSL, "full")(m)
			m.rules(PhaseConfig, config(`http.host eq "app.example.com"`, "strict"))
		}, nil},
		"strict by a rule for a path of it": {func(m *model) {
			set(SettingSSL, "full")(m)
			m.rules(PhaseConfig, config(`http.host eq "app.example.com" and http.request.uri.path eq "/x"`, "strict"))
		}, []string{"SSLNotStrict"}},
		"strict, but for a path of it": {func(m *model) { m.rules(PhaseConfig, config(`http.request.uri.path eq "/x"`, "flexible")) }, []string{"SSLNotStrict"}},
		"strict, but for another host": {func(m *model) { m.rules(PhaseConfig, config(`http.host eq "x.example.com"`, "flexible")) }, nil},
		"a rule that is named but not for it": {func(m *model) {
			set(SettingSSL, "full")(m)
			m.rules(PhaseConfig, config(`not http.host in {"app.example.com"}`, "strict"))
		}, []string{"SSLNotStrict"}},
		"plain HTTP": {set(SettingAlwaysHTTPS, "off"), []string{"PlainHTTP"}},
		"a redirect to HTTPS": {func(m *model) {
			set(SettingAlwaysHTTPS, "off")(m)
			m.rules(PhaseRedirect, Rule{Expression: `(http.request.full_uri wildcard r"http://*") or not ssl`, Action: actionRedirect, Parameters: json.RawMessage(`{"from_value":{"target_url":{"expression":"concat(\"https://\", http.host)"}}}`)})
		}, nil},
		"a redirect of one path to HTTPS": {func(m *model) {
			set(SettingAlwaysHTTPS, "off")(m)
			m.rules(PhaseRedirect, Rule{Expression: `not ssl and http.request.uri.path eq "/"`, Action: actionRedirect, Parameters: json.RawMessage(`{"from_value":{"target_url":{"value":"https://app.example.com/"}}}`)})
		}, []string{"PlainHTTP"}},
		"a redirect of some visitors to HTTPS": {func(m *model) {
			set(SettingAlwaysHTTPS, "off")(m)
			m.rules(PhaseRedirect, Rule{Expression: `not ssl and ip.src.country eq "DE"`, Action: actionRedirect, Parameters: json.RawMessage(`{"from_value":{"target_url":{"value":"https://app.example.com/"}}}`)})
		}, []string{"PlainHTTP"}},
		"a wildcard that a name of its own hides": {func(m *model) {
			m.state.Records = append(m.state.Records, Record{ID: "t", Name: app, Type: "TXT", Content: "x"})
		}, []string{"RecordMissing"}},
		"a redirect to HTTP": {func(m *model) {
			set(SettingAlwaysHTTPS, "off")(m)
			m.rules(PhaseRedirect, Rule{Expression: `not ssl`, Action: actionRedirect, Parameters: json.RawMessage(`{"from_value":{"target_url":{"value":"http://x/?https://"}}}`)})
		}, []string{"PlainHTTP"}},
		"old TLS":          {set(SettingMinTLS, "1.1"), []string{ReasonZoneSetting}},
		"TLS 1.3 off":      {set(SettingTLS13, "off"), []string{ReasonZoneSetting}},
		"development mode": {set(SettingDevelopment, "on"), []string{ReasonZoneSetting}},
		"bots let in":      {func(m *model) { m.state.Bots.DefinitelyAutomated = "allow" }, []string{"BotsLetIn"}},
		"bots by rules":    {func(m *model) { m.state.Bots = &Bots{} }, nil},
		"pending":          {func(m *model) { m.state.Zone.Status = "pending" }, []string{ReasonZoneNotActive}},
		"paused":           {func(m *model) { m.state.Zone.Paused = true }, []string{ReasonZoneNotActive}},
		"no managed rules": {func(m *model) { delete(m.state.Rulesets, PhaseManagedWAF) }, []string{"NoManagedRules"}},
		"managed rules turned off": {func(m *model) {
			m.state.Rulesets[PhaseManagedWAF].Rules[0].Parameters = json.RawMessage(`{"id":"` + managedCloudflare + `","overrides":{"enabled":false}}`)
		}, []string{"NoManagedRules"}},
		"managed rules that log": {func(m *model) {
			m.state.Rulesets[PhaseManagedWAF].Rules[0].Parameters = json.RawMessage(`{"id":"` + managedCloudflare + `","overrides":{"action":"log"}}`)
		}, []string{"NoManagedRules"}},
		"managed rules that are skipped": {func(m *model) {
			delete(m.state.Rulesets, PhaseManagedWAF)
			m.rules(PhaseManagedWAF, Rule{Expression: `http.host eq "app.example.com"`, Action: actionSkip}, execute("true", `{"id":"`+managedCloudflare+`"}`))
		}, []string{"NoManagedRules"}},
		"managed rules with an exception": {func(m *model) {
			delete(m.state.Rulesets, PhaseManagedWAF)
			m.rules(PhaseManagedWAF, Rule{Expression: `http.request.uri.path eq "/upload"`, Action: actionSkip}, execute("true", `{"id":"`+managedCloudflare+`"}`))
		}, nil},
		"no rate limit":              {func(m *model) { delete(m.state.Rulesets, PhaseRateLimit) }, []string{"NoRateLimit"}},
		"a limit on everything":      {limit(`true`, rate), nil},
		"a limit on login alone":     {limit(`http.request.uri.path eq "/api/login"`, rate), []string{"NoRateLimit"}},
		"a limit on both":            {limit(`http.request.uri.path in {"/api/login" "/api/chat"} and http.request.method eq "POST"`, rate), nil},
		"a limit on reads":           {limit(`http.request.method eq "GET"`, rate), []string{"NoRateLimit"}},
		"a limit on everything else": {limit(`not http.request.uri.path in {"/api/login" "/api/chat"}`, rate), []string{"NoRateLimit"}},
		"a limit on another host":    {limit(`http.host eq "x.example.com"`, rate), []string{"NoRateLimit"}},
		"a limit on some visitors":   {limit(`ip.src.country eq "DE"`, rate), []string{"NoRateLimit"}},
		"a lax limit":                {limit(`true`, `{"characteristics":["ip.src"],"period":60,"requests_per_period":11}`), []string{"NoRateLimit"}},
		"a lax limit on a long time": {limit(`true`, `{"characteristics":["ip.src"],"period":3600,"requests_per_period":100}`), []string{"NoRateLimit"}},
		"a limit of a short time":    {limit(`true`, `{"characteristics":["ip.src"],"period":10,"requests_per_period":1}`), nil},
		"a limit by a header":        {limit(`true`, `{"characteristics":["http.request.headers[\"x\"]"],"period":60,"requests_per_period":5}`), []string{"NoRateLimit"}},
		"a limit on what failed":     {limit(`true`, `{"characteristics":["ip.src"],"period":60,"requests_per_period":5,"counting_expression":"http.response.code eq 401"}`), []string{"NoRateLimit"}},
		"a limit that logs":          {func(m *model) { m.state.Rulesets[PhaseRateLimit].Rules[0].Action = "log" }, []string{"NoRateLimit"}},
		"a limit that is off":        {func(m *model) { m.state.Rulesets[PhaseRateLimit].Rules[0].Enabled = false }, []string{"NoRateLimit"}},
		"everybody skips":            {skip(`true`), []string{ReasonSkipRule}},
		"the chat skips":             {skip(`http.request.uri.path eq "/api/chat"`), []string{ReasonSkipRule}},
		"a country skips":            {skip(`ip.src.country eq "DE"`), []string{ReasonSkipRule}},
		"all but an address skip":    {skip(`not ip.src in {192.0.2.1}`), []string{ReasonSkipRule}},
		"an address skips":           {skip(`ip.src in {192.0.2.1}`), nil},
		"whom a header tells skips":  {skip(`any(http.request.headers["x-key"][*] eq "k")`), nil},
		"another host skips":         {skip(`http.host eq "x.example.com"`), nil},
		"a webhook skips":            {skip(`http.request.uri.path eq "/webhook"`), nil},
		"a token that may not read": {func(m *model) {
			m.state.Denied = []Denied{{PartSettings, "Zone Settings Read"}, {PartOf(PhaseRateLimit), "Zone WAF Read"}}
			m.state.Settings = nil
			delete(m.state.Rulesets, PhaseRateLimit)
		}, []string{ReasonPermissionMissing}},
	} {
		t.Run(name, func(t *testing.T) {
			m := byHand()
			if test.change != nil {
				test.change(m)
			}
			if got := m.findings(t, named("chat", app, observing), inputOf()); !slices.Equal(got, test.want) {
				t.Errorf("found %v, want %v", got, test.want)
			}
		})
	}
}

func TestThatAZoneIsNotSignedIsTold(t *testing.T) {
	for status, want := range map[string]bool{"disabled": true, "pending": true, "active": false, "": false} {
		m := byHand()
		m.state.DNSSEC = status
		e := Evaluate(inputOf(named("chat", app, observing)), m.state)
		l, _ := e.Launch(LaunchID{"shop", "chat"})
		told := slices.ContainsFunc(e.Judge(l).Drafts, func(d scorecard.Draft) bool { return d.Rule == "DNSSECOff" && d.Severity == v1alpha1.SeverityLow })
		if told != want {
			t.Errorf("DNSSEC is %q: told %t", status, told)
		}
	}
}

func TestJudgeOfWhatIsOurs(t *testing.T) {
	for _, plan := range []PlanName{PlanFree, PlanPro, PlanBusiness, PlanEnterprise} {
		for _, adopted := range []bool{false, true} {
			m := newModel(plan)
			m.state.Bots = &Bots{DefinitelyAutomated: "allow"}
			l := named("chat", app)
			if plan == PlanFree {
				m.state.Bots = &Bots{FightMode: new(false)}
			}
			if adopted {
				m.state.Records = []Record{{ID: "f", Name: app, Type: "A", Content: "198.51.100.1"}}
				adopting(v1alpha1.AreaDNS, v1alpha1.AreaTLS, v1alpha1.AreaRedirects, v1alpha1.AreaHeaders, v1alpha1.AreaWAF, v1alpha1.AreaRateLimits, v1alpha1.AreaCache)(&l)
				if plan == PlanEnterprise {
					l.Launched = true // until then the managed rules log, and that is no protection
				}
			}
			in := inputOf(l)
			in.ManageSettings = true
			m.converge(t, &in)
			if got := m.findings(t, l, in); len(got) > 0 {
				// No page of its own on Free is Medium, and said.
				if plan != PlanFree || adopted || !slices.Equal(got, []string{ReasonDegradedByPlan}) {
					t.Errorf("%s, adopted %v: %v", plan, adopted, got)
				}
			}
		}
	}
}

func TestManagedRulesOfTheFreePlan(t *testing.T) {
	m := byHand()
	m.state.Zone.Plan, m.state.Bots = PlanFree, &Bots{FightMode: new(true)}
	m.state.Rulesets[PhaseManagedWAF] = Ruleset{}
	if got := m.findings(t, named("chat", app, observing), inputOf()); len(got) > 0 {
		t.Errorf("Cloudflare's own are there, but: %v", got)
	}
	m.rules(PhaseManagedWAF, Rule{Expression: "true", Action: actionExecute, Parameters: json.RawMessage(`{"id":"` + managedFree + `","overrides":{"enabled":false}}`)})
	if got := m.findings(t, named("chat", app, observing), inputOf()); !slices.Equal(got, []string{"NoManagedRules"}) {
		t.Errorf("turned off: %v", got)
	}
}

func TestASkipRulesSecretIsNotTold(t *testing.T) {
	m := byHand()
	m.state.Rulesets[PhaseCustomWAF] = Ruleset{ID: "c", Rules: []Rule{{
		ID: "s", Action: actionSkip, Enabled: true, Parameters: []byte(`{"ruleset":"current"}`),
		Expression: `http.host eq "` + app + `" and any(http.request.headers["x-pass"][*] eq "hunter2hunter2") or http.request.uri.query contains r#"k=hunter2"#`,
	}}}
	state, _ := m.Observe(t.Context(), "example.com")
	e := Evaluate(inputOf(named("chat", app, observing)), state)
	l, _ := e.Launch(LaunchID{"shop", "chat"})
	told := false
	for _, d := range e.Judge(l).Drafts {
		if strings.Contains(d.Message+d.Place+d.Identity+d.Remedy, "hunter2") {
			t.Errorf("it says %q", d.Message)
		}
		told = told || d.Rule == ReasonSkipRule && strings.Contains(d.Message, app)
	}
	if !told {
		t.Error("the rule isn't told")
	}
}
