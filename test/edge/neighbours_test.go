// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
)

// drift is something that somebody did by hand to what is ours.
type drift struct {
	name string
	do   func(*cloudflare.Zone) error
}

// onRule changes our rules of an effect.
func onRule(effect string, change func(*cloudflare.Rule)) func(*cloudflare.Zone) error {
	return func(z *cloudflare.Zone) error {
		for i := range z.Rulesets {
			for j := range z.Rulesets[i].Rules {
				if rule := &z.Rulesets[i].Rules[j]; isOurs(*rule) && strings.HasSuffix(rule.Ref, "-"+effect) {
					change(rule)
				}
			}
		}
		return nil
	}
}

func withoutRule(effect string) func(*cloudflare.Zone) error {
	return func(z *cloudflare.Zone) error {
		for i := range z.Rulesets {
			z.Rulesets[i].Rules = slices.DeleteFunc(z.Rulesets[i].Rules, func(r cloudflare.Rule) bool { return isOurs(r) && strings.HasSuffix(r.Ref, "-"+effect) })
		}
		return nil
	}
}

// onRecord changes the records of a host.
func onRecord(host string, change func(*cloudflare.Record)) func(*cloudflare.Zone) error {
	return func(z *cloudflare.Zone) error {
		for i := range z.Records {
			if z.Records[i].Name == host {
				change(&z.Records[i])
			}
		}
		return nil
	}
}

func withoutRecords(host string) func(*cloudflare.Zone) error {
	return func(z *cloudflare.Zone) error {
		z.Records = slices.DeleteFunc(z.Records, func(r cloudflare.Record) bool { return r.Name == host })
		return nil
	}
}

func drifts() []drift {
	return []drift{
		{"a record not proxied", onRecord("app.example.com", func(r *cloudflare.Record) { r.Proxied = false })},
		{"a record that leads elsewhere", onRecord("app.example.com", func(r *cloudflare.Record) { r.Content = "203.0.113.250" })},
		{"a record deleted", withoutRecords("api.example.com")},
		{"a redirect's records deleted", withoutRecords("www.example.com")},
		{"a record of another type", onRecord("app.example.com", func(r *cloudflare.Record) { r.Type, r.Content = "CNAME", "evil.example.net" })},
		{"a rule deleted", withoutRule("https")},
		{"a rule turned off", onRule("waf", func(r *cloudflare.Rule) { r.Enabled = false })},
		{"a rule's expression narrowed", onRule("waf", func(r *cloudflare.Rule) { r.Expression = "(" + r.Expression + `) and ip.src ne 192.0.2.9` })},
		{"a rule's action changed", onRule("waf", func(r *cloudflare.Rule) { r.Action = "managed_challenge" })},
		{"a parameter changed", onRule("tls", func(r *cloudflare.Rule) { r.ActionParameters["ssl"] = "flexible" })},
		{"a parameter added", onRule("private", func(r *cloudflare.Rule) {
			r.ActionParameters["browser_ttl"] = map[string]any{"mode": "override_origin", "default": 60.0}
		})},
		{"a rate raised", onRule("rate", func(r *cloudflare.Rule) { r.Ratelimit["requests_per_period"] = 10000.0 })},
		{"a description changed", onRule("files", func(r *cloudflare.Rule) { r.Description = "whatever" })},
		{"the managed rules overridden", onRule("managed", func(r *cloudflare.Rule) { r.ActionParameters["overrides"] = map[string]any{"enabled": false} })},
		{"our cache rules reordered", func(z *cloudflare.Zone) error {
			for i := range z.Rulesets {
				if set := &z.Rulesets[i]; set.Phase == string(edge.PhaseCache) {
					n := len(set.Rules)
					set.Rules[n-1], set.Rules[n-2] = set.Rules[n-2], set.Rules[n-1]
				}
			}
			return nil
		}},
		{"the lock moved behind a rule of theirs", func(z *cloudflare.Zone) error {
			for i := range z.Rulesets {
				if set := &z.Rulesets[i]; set.Phase == string(edge.PhaseCustomWAF) {
					j := slices.IndexFunc(set.Rules, func(r cloudflare.Rule) bool { return strings.HasSuffix(r.Ref, "-lock") })
					lock := set.Rules[j]
					set.Rules = append(slices.Delete(set.Rules, j, j+1), lock)
				}
			}
			return nil
		}},
	}
}

func TestDriftByHandIsMendedAndNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, cloudflare.Pro)
	r.edit(func(z *cloudflare.Zone) error {
		z.Settings["min_tls_version"] = cloudflare.Setting{Value: "1.3"}
		z.Settings["ssl"] = cloudflare.Setting{Value: "strict"}
		return anotherTeam(z)
	})
	theirs := foreign(r.state())
	r.launch("chat", app)
	r.sync()
	want := shape(r.state())
	for _, d := range drifts() {
		r.edit(d.do)
		if shape(r.state()) == want {
			t.Errorf("%s: nothing was spoilt", d.name)
		}
		r.later(2 * time.Minute)
		r.sync()
		sameShape(t, d.name, want, shape(r.state()))
		if now := foreign(r.state()); now != theirs {
			t.Errorf("%s: what is of others was touched:\n%s", d.name, differ(theirs, now))
		}
	}
	if tls, ssl := r.state().Setting("min_tls_version"), r.state().Setting("ssl"); tls != "1.3" || ssl != "strict" {
		t.Errorf("stricter settings of others were changed: min_tls_version %v, ssl %v", tls, ssl)
	}
	// Their own order is theirs to change.
	r.edit(func(z *cloudflare.Zone) error {
		for i := range z.Rulesets {
			if set := &z.Rulesets[i]; set.Phase == string(edge.PhaseCustomWAF) {
				var at []int
				for j, rule := range set.Rules {
					if !isOurs(rule) {
						at = append(at, j)
					}
				}
				set.Rules[at[0]], set.Rules[at[1]] = set.Rules[at[1]], set.Rules[at[0]]
			}
		}
		return nil
	})
	theirs = foreign(r.state())
	r.cloudflare.ResetCalls()
	r.later(2 * time.Minute)
	r.sync()
	if w := r.writes(); len(w) > 0 || foreign(r.state()) != theirs {
		t.Errorf("rules of others in another order were answered by %v", w)
	}
}

func TestObserveWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, cloudflare.Pro)
	r.edit(anotherTeam)
	before := shape(r.state())
	lr := r.launch("chat", strings.Replace(app, "mode: Enforce\napp:", "mode: Observe\napp:", 1))
	r.cloudflare.ResetCalls()
	for range 3 {
		r.sync()
		r.edit(func(z *cloudflare.Zone) error {
			z.Records = append(z.Records, cloudflare.Record{ID: strings.Repeat("c", 31) + string('a'+rune(len(z.Records)%6)), Name: "app.example.com", Type: "A", Content: "203.0.113.8", TTL: 1})
			return nil
		})
		before = shape(r.state())
		r.later(2 * time.Minute)
	}
	if w := r.writes(); len(w) > 0 {
		t.Errorf("written while observing: %v", w)
	}
	if n := len(r.cloudflare.Calls()); n == 0 {
		t.Error("the zone was not looked at")
	}
	sameShape(t, "Observe", before, shape(r.state()))
	if s := r.status(lr); s.Drift == nil || *s.Drift == 0 || len(s.Plan) == 0 {
		t.Errorf("status tells of no plan: %+v", s)
	}
	if f := r.fresh(lr); len(f.Finalizers) > 0 {
		t.Errorf("a launch that only observes has a finalizer: %v", f.Finalizers)
	}
}
