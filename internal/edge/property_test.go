// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/api/v1alpha1"
)

// both is a test of rapid's that can also stand for one of the standard library's.
type both struct {
	*testing.T
	r *rapid.T
}

func (b both) Helper()                   {}
func (b both) Fatalf(f string, a ...any) { b.r.Fatalf(f, a...) }

var pool = []string{"app.example.com", "api.example.com", "www.example.com", "example.com", "old.example.com", "chat.example.com"}

func drawLaunch(r *rapid.T, name string) Launch {
	some := func(label string) []v1alpha1.HostName {
		var out []v1alpha1.HostName
		for _, h := range rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 0, 2, rapid.ID[string]).Draw(r, label) {
			out = append(out, v1alpha1.HostName(h))
		}
		return out
	}
	l := named(name, rapid.SampledFrom(pool).Draw(r, "canonical"))
	l.Namespace = rapid.SampledFrom([]string{"shop", "bank"}).Draw(r, "namespace")
	l.Spec.Domains.Hosts = some("hosts")
	l.Spec.Domains.Redirects = slices.DeleteFunc(some("redirects"), func(h v1alpha1.HostName) bool {
		return slices.Contains(l.Hosts(), string(h))
	})
	for _, h := range some("retired") {
		if !slices.Contains(l.Names(), string(h)) {
			l.Spec.Domains.Retired = append(l.Spec.Domains.Retired, v1alpha1.RetiredHost{
				Host: h, OnForeign: rapid.SampledFrom([]v1alpha1.ForeignRecords{"", v1alpha1.ForeignDelete}).Draw(r, "on foreign"),
			})
		}
	}
	cf := l.Spec.Cloudflare
	cf.Mode = rapid.SampledFrom([]v1alpha1.EdgeMode{v1alpha1.EdgeEnforce, v1alpha1.EdgeEnforce, v1alpha1.EdgeObserve, v1alpha1.EdgeRevert}).Draw(r, "mode")
	cf.DeletionPolicy = rapid.SampledFrom([]v1alpha1.EdgeDeletion{"", v1alpha1.EdgeDelete}).Draw(r, "deletion policy")
	cf.Adopt = rapid.SliceOfDistinct(rapid.SampledFrom([]v1alpha1.EdgeArea{
		v1alpha1.AreaDNS, v1alpha1.AreaTLS, v1alpha1.AreaRedirects, v1alpha1.AreaHeaders, v1alpha1.AreaWAF, v1alpha1.AreaRateLimits, v1alpha1.AreaCache,
	}), rapid.ID[v1alpha1.EdgeArea]).Draw(r, "adopt")
	l.Leaving = rapid.IntRange(0, 5).Draw(r, "leaving") == 0
	l.Launched = rapid.Bool().Draw(r, "launched")
	l.Failing = rapid.Bool().Draw(r, "failing")
	l.Spec.Gate.Edge = rapid.SampledFrom([]v1alpha1.EdgeLock{v1alpha1.EdgeLockOff, v1alpha1.EdgeLockedUntilLaunched, v1alpha1.EdgeLockedWhileFailing}).Draw(r, "lock")
	l.Targets = rapid.SampledFrom([][]Target{{{"A", "203.0.113.7"}}, {{"CNAME", "lb.example.net"}}, {{"A", "203.0.113.7"}, {"AAAA", "2001:db8::7"}}, nil}).Draw(r, "targets")
	l.Spec.Email = []v1alpha1.EmailDomain{{Domain: "example.com", DMARC: &v1alpha1.EmailDMARC{RUA: "mailto:dmarc@example.com"}, SPF: &v1alpha1.EmailSPF{}}}
	return l
}

func drawLaunches(r *rapid.T) []Launch {
	var out []Launch
	for i := range rapid.IntRange(1, 4).Draw(r, "launches") {
		out = append(out, drawLaunch(r, fmt.Sprintf("app%d", i)))
	}
	return out
}

// drawForeign puts records and rules of others into a zone.
func drawForeign(r *rapid.T, m *model) {
	for i := range rapid.IntRange(0, 6).Draw(r, "foreign records") {
		rec := Record{
			ID: fmt.Sprintf("foreign%d", i), Name: rapid.SampledFrom(append(pool, "*.example.com", "_dmarc.example.com")).Draw(r, "name"),
			Type: rapid.SampledFrom([]string{"A", "AAAA", "CNAME", "TXT"}).Draw(r, "type"), Proxied: rapid.Bool().Draw(r, "proxied"), TTL: 300, Comment: "by hand",
		}
		rec.Content = map[string][]string{
			"A": {"203.0.113.7", "198.51.100.1"}, "AAAA": {"2001:db8::7", "2001:db8::1"}, "CNAME": {"lb.example.net", "other.example.net"},
			"TXT": {`"v=spf1 " "-all"`, "v=DMARC1; p=reject"},
		}[rec.Type][rapid.IntRange(0, 1).Draw(r, "content")]
		if rec.Type == "TXT" {
			rec.Proxied = false
		}
		clash := func(o Record) bool {
			return o.Name == rec.Name && (o.Type == rec.Type && o.Content == rec.Content || leads(o) && leads(rec) && (o.Type == "CNAME" || rec.Type == "CNAME"))
		}
		if !slices.ContainsFunc(m.state.Records, clash) {
			m.state.Records = append(m.state.Records, rec)
		}
	}
	for _, phase := range Phases() {
		n := rapid.IntRange(-1, LimitsOf(m.state.Zone.Plan).Rules[phase]).Draw(r, "foreign rules of "+string(phase))
		if n < 0 {
			continue
		}
		set := Ruleset{ID: string(phase)}
		for i := range min(n, 12) {
			set.Rules = append(set.Rules, Rule{
				ID: fmt.Sprintf("%s%d", phase, i), Ref: fmt.Sprintf("theirs%d", i), Expression: fmt.Sprintf(`http.host eq "other%d.example.com"`, i), Action: "log", Enabled: i%2 == 0,
			})
		}
		m.state.Rulesets[phase] = set
	}
}

func drawZone(r *rapid.T) *model {
	m := newModel(rapid.SampledFrom([]PlanName{PlanFree, PlanPro, PlanBusiness, PlanEnterprise}).Draw(r, "plan"))
	if m.state.Bots = (&Bots{DefinitelyAutomated: "allow"}); m.state.Zone.Plan == PlanFree {
		m.state.Bots = &Bots{FightMode: new(false)}
	}
	m.state.LeakedCredentials = new(false)
	drawForeign(r, m)
	return m
}

// touchable says whether a record of somebody else's may be changed for one of the launches.
func touchable(launches []Launch, r Record) bool {
	return leads(r) && slices.ContainsFunc(launches, func(l Launch) bool {
		if slices.Contains(l.Names(), r.Name) && l.adopts(v1alpha1.AreaDNS) {
			return l.enforces()
		}
		return l.enforces() && slices.ContainsFunc(l.domains().Retired, func(d v1alpha1.RetiredHost) bool {
			return string(d.Host) == r.Name && d.OnForeign == v1alpha1.ForeignDelete
		})
	})
}

// TestAnyZoneConverges brings random launches about in random zones: nothing of others is touched, and nothing goes on changing.
func TestAnyZoneConverges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := drawZone(r)
		in := inputOf(drawLaunches(r)...)
		in.ManageSettings = rapid.Bool().Draw(r, "manage settings")
		rules, records := m.theirRules(), slices.Clone(m.state.Records)
		m.converge(both{t, r}, &in)
		if diff := gocmp.Diff(rules, m.theirRules()); diff != "" {
			r.Fatalf("rules of others changed: %s", diff)
		}
		for _, was := range records {
			if !touchable(in.Launches, was) && !slices.ContainsFunc(m.state.Records, func(is Record) bool { return gocmp.Equal(is, was) }) {
				r.Fatalf("a record of somebody else's changed: %v", was)
			}
		}
		if !slices.ContainsFunc(in.Launches, func(l Launch) bool { return !l.frozen() }) && len(m.calls) > 0 {
			r.Fatalf("nothing may be changed, and was: %v", m.calls)
		}
	})
}

// content is what a zone holds, without ids and marks.
func content(m *model) []string {
	var out []string
	for _, r := range m.state.Records {
		out = append(out, fmt.Sprintf("%s %s %s proxied=%v ttl=%d %s", r.Name, r.Type, r.Content, r.Proxied, r.TTL, r.Comment))
	}
	for p, set := range m.state.Rulesets {
		for i, r := range set.Rules {
			out = append(out, fmt.Sprintf("%s %03d %s %s %s %v %s %s", p, i, r.Ref, r.Expression, r.Action, r.Enabled, r.Parameters, r.RateLimit))
		}
	}
	for s := range m.state.Settings {
		out = append(out, fmt.Sprintf("%s=%s", s, m.state.Settings[s].Text()))
	}
	for _, s := range []Setting{settingFightMode, settingAutomated, settingLeaked} {
		out = append(out, string(s)+"="+zoneValue(m.state, s))
	}
	slices.Sort(out)
	return out
}

// TestTakingBackLeavesNothing sets launches up and takes them back: the zone is what it was.
func TestTakingBackLeavesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := drawZone(r)
		m.state.Settings[SettingDevelopment] = text("off")
		before := content(m)
		in := inputOf(drawLaunches(r)...)
		in.ManageSettings = true
		m.converge(both{t, r}, &in)
		leave := rapid.Bool().Draw(r, "leave")
		for i := range in.Launches {
			cf := in.Launches[i].Spec.Cloudflare.DeepCopy()
			if in.Launches[i].Leaving = leave; leave {
				cf.DeletionPolicy = v1alpha1.EdgeDelete
			} else {
				cf.Mode = v1alpha1.EdgeRevert
			}
			in.Launches[i].Spec.Cloudflare = cf
		}
		m.converge(both{t, r}, &in)
		if diff := gocmp.Diff(before, content(m)); diff != "" {
			r.Fatalf("the zone isn't what it was: %s", diff)
		}
		if len(in.Ledger.Previous) > 0 {
			r.Fatalf("what was put back isn't forgotten: %v", in.Ledger.Previous)
		}
	})
}

// TestAnyFaultConverges fails at every call, in every way: the zone comes out as without, and nothing doubled.
func TestAnyFaultConverges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := drawZone(r)
		in := inputOf(drawLaunches(r)...)
		in.ManageSettings = true
		faultless := &model{next: m.next}
		faultless.state, _ = m.Observe(t.Context(), "")
		want := in
		faultless.converge(both{t, r}, &want)

		at, kind := rapid.IntRange(1, max(1, len(faultless.calls))).Draw(r, "at"), rapid.SampledFrom([]fault{failsBefore, failsAfter, kills}).Draw(r, "fault")
		m.fault = func(n int) fault {
			if n == at {
				return kind
			}
			return noFault
		}
		m.after = func() { unlocked(r, m, in.Ledger) }
		in = m.look(in)
		_, err := m.pass(t, &in)
		if err != nil && !errors.Is(err, errKilled) && !errors.Is(err, errFault) {
			r.Fatalf("applying: %v", err)
		}
		m.fault = nil
		m.converge(both{t, r}, &in)
		if diff := gocmp.Diff(content(faultless), content(m)); diff != "" {
			r.Fatalf("after fault %d at call %d it comes out otherwise: %s", kind, at, diff)
		}
	})
}

// unlocked finds a host that is to be locked, and that a record of ours leads to without.
func unlocked(r *rapid.T, m *model, ledger Ledger) {
	s := settling{in: inputOf(), state: m.state}
	for _, c := range ledger.Claims {
		if c.Lock != LockHeld || c.Existing || s.locked(c.Host) {
			continue
		}
		for _, rec := range byName(m.state.Records).addresses(c.Host) {
			if s.in.Marker.OwnsRecord(rec) {
				r.Fatalf("%s is to be locked, and isn't, while its record stands: %v", c.Host, m.calls)
			}
		}
	}
}
