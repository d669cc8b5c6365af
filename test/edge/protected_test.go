// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func setting(name, value string) func(*cloudflare.Zone) error {
	return func(z *cloudflare.Zone) error {
		z.Settings[name] = cloudflare.Setting{Value: value}
		return nil
	}
}

// TestEdgeProtectedTellsWhatIsBroken breaks one thing after the other by hand, and looks at the zone without mending it.
func TestEdgeProtectedTellsWhatIsBroken(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	r.policy(managed)
	lr := r.launch("chat", strings.Replace(app, ownToken, "", 1))
	r.sync()
	r.launched(lr)
	r.twoPasses()
	if o := r.measure(lr); o.Verdict != v1alpha1.VerdictPass {
		t.Fatalf("a launched app that is enforced: %s, %v", o.Verdict, found(o))
	}
	// From here on it is looked at, and nothing is mended.
	r.update(lr, func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Cloudflare.Mode = v1alpha1.EdgeObserve })
	whole := r.state()
	for _, c := range []struct {
		name  string
		spoil func(*cloudflare.Zone) error
		rule  string
	}{
		{"proxied off", onRecord("app.example.com", func(r *cloudflare.Record) { r.Proxied = false }), "NotProxied"},
		{"the record deleted", withoutRecords("app.example.com"), "RecordMissing"},
		{"not strict", onRule("tls", func(r *cloudflare.Rule) { r.ActionParameters["ssl"] = "flexible" }), "SSLNotStrict"},
		{"managed rules off", onRule("managed", func(r *cloudflare.Rule) { r.Enabled = false }), "NoManagedRules"},
		{"managed rules overridden", onRule("managed", func(r *cloudflare.Rule) { r.ActionParameters["overrides"] = map[string]any{"enabled": false} }), "NoManagedRules"},
		{"rate limit off", withoutRule("rate"), "NoRateLimit"},
		{"development mode", setting("development_mode", "on"), edge.ReasonZoneSetting},
		{"TLS 1.0", setting("min_tls_version", "1.0"), edge.ReasonZoneSetting},
		{"bots let in", func(z *cloudflare.Zone) error {
			z.Bots["sbfm_definitely_automated"] = "allow"
			return nil
		}, "BotsLetIn"},
		{"a rule that skips", func(z *cloudflare.Zone) error {
			for i := range z.Rulesets {
				if set := &z.Rulesets[i]; set.Phase == string(edge.PhaseCustomWAF) {
					set.Rules = append(set.Rules, cloudflare.Rule{
						ID: strings.Repeat("e", 32), Ref: strings.Repeat("e", 32), Action: "skip", Expression: "true", Enabled: true, ActionParameters: map[string]any{"ruleset": "current"},
					})
				}
			}
			return nil
		}, edge.ReasonSkipRule},
		{"HTTPS redirect removed", withoutRule("https"), "PlainHTTP"},
		{"cache rule removed", withoutRule("private"), edge.ReasonDrift},
		{"the zone paused", func(z *cloudflare.Zone) error {
			z.Paused = true
			return nil
		}, edge.ReasonZoneNotActive},
	} {
		r.edit(c.spoil)
		// Where nobody asked for more than a look, drift alone fails nothing: an edge that was set up by hand, and well, passes.
		r.later(2 * time.Minute)
		r.sync()
		if o := r.measure(lr); o.Verdict == v1alpha1.VerdictPass && c.rule != edge.ReasonDrift || !slices.Contains(found(o), c.rule) {
			t.Errorf("%s: %s, %v, want %s", c.name, o.Verdict, found(o), c.rule)
		}
		r.edit(func(z *cloudflare.Zone) error {
			again := whole
			version := 0
			for _, set := range z.Rulesets {
				version = max(version, set.Version)
			}
			z.Records, z.Rulesets, z.Settings, z.Bots, z.Paused = again.Records, again.Rulesets, again.Settings, again.Bots, again.Paused
			for i := range z.Rulesets {
				z.Rulesets[i].Version = version + 1
			}
			return nil
		})
		whole = r.state() // a copy of its own each time
	}
	r.later(2 * time.Minute)
	r.sync()
	if o := r.measure(lr); o.Verdict != v1alpha1.VerdictPass {
		t.Errorf("at the end: %s, %v", o.Verdict, found(o))
	}
	r.later(time.Hour)
	if o := r.measure(lr); o.Verdict != v1alpha1.VerdictUnknown {
		t.Errorf("a look that is too old: %s", o.Verdict)
	}
}

func TestEdgeProtectedIsUnknownWithoutAZone(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	lr := r.launch("chat", "domains: {canonical: app.example.com}")
	if o := r.measure(lr); o.Verdict != v1alpha1.VerdictUnknown || o.Fault != v1alpha1.FaultApp || !strings.Contains(o.Message, "cloudflare:") {
		t.Errorf("%+v", o)
	}
	other := r.launch("other", app)
	if o := r.measure(other); o.Verdict != v1alpha1.VerdictUnknown || o.Fault != v1alpha1.FaultOperator {
		t.Errorf("not looked at: %+v", o)
	}
}

// TestBadInputIsSaidAndNothingIsHalfDone gives what can't be set up.
func TestBadInputIsSaidAndNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	origin := "origin: {addresses: [203.0.113.7]}"
	for _, c := range []struct {
		name  string
		begin func(*rig)
		spec  string
		plan  cloudflare.Plan
		rule  string
		says  string
		// hosts that have no record of ours.
		none []string
	}{
		{"somebody's record", func(r *rig) { r.edit(live) }, app, cloudflare.Pro, edge.ReasonNotAdopted, "api.example.com", nil},
		{"a self-signed origin", func(r *rig) {
			r.origins.by["app.example.com"] = edge.Preflight{Why: "it is signed by itself."}
		}, app, cloudflare.Pro, edge.ReasonOriginNotTrusted, "signed by itself", nil},
		{"no address yet", func(r *rig) {
			class := "nginx"
			r.create(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "web"}, Spec: networkingv1.IngressSpec{
				IngressClassName: &class, Rules: []networkingv1.IngressRule{{Host: "app.example.com"}},
			}})
		}, strings.Replace(app, origin, "origin: {ingressRef: {name: web}}", 1), cloudflare.Pro, edge.ReasonOriginUnknown, "no address yet", []string{"app.example.com", "api.example.com"}},
		{"no such Ingress", func(*rig) {}, strings.Replace(app, origin, "origin: {ingressRef: {name: web}}", 1), cloudflare.Pro, edge.ReasonOriginUnknown, "does not exist", []string{"app.example.com", "api.example.com"}},
		{"a private address", func(r *rig) {
			class := "nginx"
			ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "web"}, Spec: networkingv1.IngressSpec{
				IngressClassName: &class, Rules: []networkingv1.IngressRule{{Host: "app.example.com"}},
			}}
			r.create(ingress)
			ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "10.0.0.5"}}
			if err := r.client.Status().Update(r.Context(), ingress); err != nil {
				r.Fatal(err)
			}
		}, strings.Replace(app, origin, "origin: {ingressRef: {name: web}}", 1), cloudflare.Pro, edge.ReasonOriginUnknown, "10.0.0.5", []string{"app.example.com", "api.example.com"}},
		{"mail that clashes", func(r *rig) { r.edit(anotherTeam) }, app + "email:\n- domain: example.com\n  spf: {addresses: [203.0.113.9]}\n", cloudflare.Pro, edge.ReasonForeignRecord, "SPF", nil},
		{"a period that the plan lacks", func(*rig) {}, strings.Replace(app, "  mode: Enforce\n", "  mode: Enforce\n  rateLimits: [{name: slow, paths: [/login], requests: 100, periodSeconds: 3600}]\n", 1), cloudflare.Pro, edge.ReasonDegradedByPlan, "3600", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newQuickRig(t, c.plan, "")
			c.begin(r)
			theirs := foreign(r.state())
			lr := r.launch("chat", c.spec)
			r.sync()
			r.twoPasses()
			if now := foreign(r.state()); now != theirs {
				t.Errorf("what is of others was touched:\n%s", differ(theirs, now))
			}
			said := false
			var all []string
			for _, f := range r.measure(lr).Findings {
				all = append(all, f.API().Rule+": "+f.API().Message)
				said = said || f.API().Rule == c.rule && strings.Contains(f.API().Place+f.API().Message, c.says)
			}
			if !said {
				t.Errorf("no finding %s that says %q:\n%s", c.rule, c.says, strings.Join(all, "\n"))
			}
			for _, host := range c.none {
				if recs := r.records(host); len(recs) > 0 {
					t.Errorf("%s has %+v", host, recs)
				}
			}
			if rule := r.rule(edge.PhaseConfig, "tls"); c.rule == edge.ReasonOriginNotTrusted && rule != nil && strings.Contains(rule.Expression, "app.example.com") {
				t.Error("the edge was told to be strict with an origin that it would refuse")
			}
			r.cloudflare.ResetCalls()
			r.twoPasses()
			if w := r.writes(); len(w) > 0 {
				t.Errorf("it is written again and again: %v", w)
			}
		})
	}
}
