// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// live puts the records of an app that strangers use into a zone.
func live(z *cloudflare.Zone) error {
	z.Records = append(z.Records,
		cloudflare.Record{ID: strings.Repeat("1", 32), Name: "app.example.com", Type: "A", Content: "203.0.113.7", TTL: 300, Comment: "by hand", CreatedOn: z.CreatedOn, ModifiedOn: z.CreatedOn},
		cloudflare.Record{ID: strings.Repeat("2", 32), Name: "api.example.com", Type: "CNAME", Content: "old.example.net", Proxied: true, TTL: 1, CreatedOn: z.CreatedOn, ModifiedOn: z.CreatedOn},
		cloudflare.Record{ID: strings.Repeat("3", 32), Name: "www.example.com", Type: "CNAME", Content: "app.example.com", TTL: 1, CreatedOn: z.CreatedOn, ModifiedOn: z.CreatedOn},
		cloudflare.Record{ID: strings.Repeat("4", 32), Name: "example.com", Type: "A", Content: "203.0.113.7", Proxied: true, TTL: 1, CreatedOn: z.CreatedOn, ModifiedOn: z.CreatedOn},
	)
	return nil
}

// unlocked fails where a lock of ours stands in the zone.
func (r *rig) unlocked(t *testing.T, when string) {
	t.Helper()
	for _, rule := range r.state().Rules(string(edge.PhaseCustomWAF)) {
		if isOurs(rule) && strings.HasSuffix(rule.Ref, "-lock") {
			t.Errorf("%s: a live app is locked: %s", when, lockSecret.ReplaceAllString(rule.Expression, `$1…"`))
		}
	}
}

func (r *rig) isLocked(host string) bool {
	rule := r.rule(edge.PhaseCustomWAF, "lock")
	return rule != nil && rule.Enabled && strings.Contains(rule.Expression, `"`+host+`"`)
}

// update changes a launch's spec.
func (r *rig) update(lr *v1alpha1.LaunchReadiness, change func(*v1alpha1.LaunchReadiness)) {
	r.Helper()
	now := r.fresh(lr)
	change(now)
	if err := r.client.Update(r.Context(), now); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) ledger() *corev1.ConfigMap {
	r.Helper()
	var m corev1.ConfigMap
	if err := r.client.Get(r.Context(), client.ObjectKey{Namespace: r.operator, Name: "launchready-zone-" + zone}, &m); err != nil {
		r.Fatal(err)
	}
	return &m
}

// twoPasses has the zone looked at, and again a while later.
func (r *rig) twoPasses() {
	r.Helper()
	for range 2 {
		r.later(2 * time.Minute)
		r.sync()
	}
}

// failing notes in the status that a required row fails.
func (r *rig) failingRow(lr *v1alpha1.LaunchReadiness) {
	r.Helper()
	now := r.fresh(lr)
	meta.SetStatusCondition(&now.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionLaunchable, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRowsFailing, Message: "a row fails"})
	if err := r.client.Status().Update(r.Context(), now); err != nil {
		r.Fatal(err)
	}
}

func TestALiveAppIsNeverLocked(t *testing.T) {
	t.Parallel()
	launchedApp := func(r *rig) *v1alpha1.LaunchReadiness {
		lr := r.launch("chat", app)
		r.sync()
		r.launched(lr)
		r.later(time.Minute)
		r.sync()
		r.unlocked(t, "after its launch")
		return lr
	}
	for _, c := range []struct {
		name string
		// begin gives an app that strangers use; lose takes something away.
		begin func(*rig) *v1alpha1.LaunchReadiness
		lose  func(*rig, *v1alpha1.LaunchReadiness)
	}{
		{"the status is lost", launchedApp, func(r *rig, lr *v1alpha1.LaunchReadiness) {
			now := r.fresh(lr)
			now.Status = v1alpha1.LaunchReadinessStatus{}
			if err := r.client.Status().Update(r.Context(), now); err != nil {
				r.Fatal(err)
			}
		}},
		{"the ledger is deleted", launchedApp, func(r *rig, _ *v1alpha1.LaunchReadiness) { r.dropLedger() }},
		{"status and ledger are lost", launchedApp, func(r *rig, lr *v1alpha1.LaunchReadiness) {
			now := r.fresh(lr)
			now.Status = v1alpha1.LaunchReadinessStatus{}
			if err := r.client.Status().Update(r.Context(), now); err != nil {
				r.Fatal(err)
			}
			r.dropLedger()
		}},
		{"the cluster is restored from before the launch", func(r *rig) *v1alpha1.LaunchReadiness {
			lr := r.launch("chat", app)
			r.sync()
			r.whole = r.ledger().Data["ledger.json"]
			r.launched(lr)
			r.later(time.Minute)
			r.sync()
			return lr
		}, func(r *rig, lr *v1alpha1.LaunchReadiness) {
			now := r.fresh(lr)
			now.Status = v1alpha1.LaunchReadinessStatus{}
			if err := r.client.Status().Update(r.Context(), now); err != nil {
				r.Fatal(err)
			}
			old := r.ledger()
			old.Data["ledger.json"] = r.whole
			if err := r.client.Update(r.Context(), old); err != nil {
				r.Fatal(err)
			}
		}},
		{"the lock is removed by hand", func(r *rig) *v1alpha1.LaunchReadiness {
			lr := r.launch("chat", app)
			r.sync()
			return lr
		}, func(r *rig, _ *v1alpha1.LaunchReadiness) { r.edit(withoutRule("lock")) }},
		{"the lock is turned off by hand", func(r *rig) *v1alpha1.LaunchReadiness {
			lr := r.launch("chat", app)
			r.sync()
			return lr
		}, func(r *rig, _ *v1alpha1.LaunchReadiness) {
			r.edit(onRule("lock", func(rule *cloudflare.Rule) { rule.Enabled = false }))
		}},
		{"its records were there before", func(r *rig) *v1alpha1.LaunchReadiness {
			r.edit(live)
			lr := r.launch("chat", app)
			r.sync()
			return lr
		}, func(*rig, *v1alpha1.LaunchReadiness) {}},
		{"its records were there before, and the ledger is deleted", func(r *rig) *v1alpha1.LaunchReadiness {
			r.edit(live)
			lr := r.launch("chat", strings.Replace(app, "mode: Enforce\napp:", "mode: Enforce\n  adopt: [DNS, WAF]\napp:", 1))
			r.sync()
			return lr
		}, func(r *rig, _ *v1alpha1.LaunchReadiness) { r.dropLedger() }},
		{"no name server answers", func(r *rig) *v1alpha1.LaunchReadiness {
			r.names.Fail(true)
			lr := r.launch("chat", app)
			r.sync()
			return lr
		}, func(*rig, *v1alpha1.LaunchReadiness) {}},
		{"no name server answers, and later they do", func(r *rig) *v1alpha1.LaunchReadiness {
			r.names.Fail(true)
			lr := r.launch("chat", app)
			r.sync()
			return lr
		}, func(r *rig, _ *v1alpha1.LaunchReadiness) { r.names.Fail(false) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newQuickRig(t, cloudflare.Pro, "")
			lr := c.begin(r)
			c.lose(r, lr)
			r.restart()
			r.twoPasses()
			r.restart()
			r.twoPasses()
			r.unlocked(t, c.name)
			if s := r.status(lr); len(s.Locked) > 0 {
				t.Errorf("status says that it is locked: %v", s.Locked)
			}
		})
	}
}

func TestANewHostOfALockedAppIsLockedBeforeItsRecord(t *testing.T) {
	t.Parallel()
	r := newRig(t, cloudflare.Pro)
	open := r.watchLocks(nil)
	lr := r.launch("chat", strings.Replace(app, "hosts: [api.example.com]", "hosts: []", 1))
	r.sync()
	r.update(lr, func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Domains.Hosts = []v1alpha1.HostName{"api.example.com"} })
	r.later(time.Minute)
	r.sync()
	if !r.isLocked("api.example.com") || len(r.records("api.example.com")) == 0 {
		t.Error("the new host is not there, or not locked")
	}
	r.update(lr, func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Domains.Hosts = nil })
	r.later(time.Minute)
	r.sync()
	if len(r.records("api.example.com")) > 0 || r.isLocked("api.example.com") {
		t.Error("the host that is no longer named is still there")
	}
	r.cloudflare.SetOnCall(nil)
	if o := open(); len(o) > 0 {
		t.Errorf("reachable without a lock: %v", o)
	}
}

func TestALockThatHasNoRoomHoldsTheRecordsBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, cloudflare.Free)
	r.edit(func(z *cloudflare.Zone) error {
		set := cloudflare.Ruleset{ID: strings.Repeat("a", 32), Name: "default", Kind: "zone", Phase: string(edge.PhaseCustomWAF), Version: 1}
		for i := range 5 {
			id := strings.Repeat(string(rune('1'+i)), 32)
			set.Rules = append(set.Rules, cloudflare.Rule{ID: id, Ref: id, Version: 1, Action: "block", Expression: "ip.src eq 192.0.2.1", Enabled: true})
		}
		z.Rulesets = append(z.Rulesets, set)
		return nil
	})
	open := r.watchLocks(nil)
	r.launch("chat", app)
	r.sync()
	r.twoPasses()
	r.cloudflare.SetOnCall(nil)
	if o := open(); len(o) > 0 || len(r.records("app.example.com")) > 0 {
		t.Errorf("a host that can't be locked has a record: %v", o)
	}
}

// TestALiveAppsWholeLife takes an app that strangers use through everything, and looks at each call whether a name of it leads nowhere or is
// locked. A record may become one of another type in one transaction.
func TestALiveAppsWholeLife(t *testing.T) {
	t.Parallel()
	r := newRig(t, cloudflare.Pro)
	r.edit(live)
	r.edit(anotherTeam)
	before := r.state().Records
	lost := map[string]bool{}
	r.cloudflare.SetOnCall(func(cloudflare.Call) {
		z, _ := r.cloudflare.Zone(zone)
		for _, rec := range before {
			if !slices.ContainsFunc(z.Records, func(now cloudflare.Record) bool {
				return now.Name == rec.Name && (strings.Contains("A AAAA CNAME", now.Type) || now.ID == rec.ID)
			}) {
				lost[rec.Name] = true
			}
		}
		for _, rule := range z.Rules(string(edge.PhaseCustomWAF)) {
			if isOurs(rule) && strings.HasSuffix(rule.Ref, "-lock") {
				lost["locked"] = true
			}
		}
	})
	lr := r.launch("chat", strings.Replace(app, "  mode: Enforce\n", "", 1))
	r.sync()
	if w := r.writes(); len(w) > 0 {
		t.Errorf("written while observing: %v", w)
	}
	r.update(lr, func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Cloudflare.Mode = v1alpha1.EdgeEnforce })
	r.twoPasses()
	if w := r.writes(); len(w) > 0 {
		t.Errorf("written before anything was adopted: %v", w)
	}
	for _, area := range []v1alpha1.EdgeArea{v1alpha1.AreaWAF, v1alpha1.AreaCache, v1alpha1.AreaTLS, v1alpha1.AreaHeaders, v1alpha1.AreaRateLimits, v1alpha1.AreaDNS, v1alpha1.AreaRedirects} {
		r.cloudflare.ResetCalls()
		r.update(lr, func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Cloudflare.Adopt = append(lr.Spec.Cloudflare.Adopt, area) })
		r.twoPasses()
		if len(r.writes()) == 0 {
			t.Errorf("%s was adopted, and nothing was done", area)
		}
	}
	for _, host := range appHosts {
		if recs := r.records(host); len(recs) != 1 || !recs[0].Proxied || recs[0].Content != "203.0.113.7" {
			t.Errorf("the adopted record of %s: %+v", host, recs)
		}
	}
	r.launched(lr)
	r.twoPasses()
	r.failingRow(lr)
	r.twoPasses()
	if len(lost) > 0 {
		t.Errorf("on the way, a live app lost its records or was locked: %v", lost)
	}
	t.Run("Revert puts everything back", func(t *testing.T) { r.revert(t, lr, before) })
}

func (r *rig) revert(t *testing.T, lr *v1alpha1.LaunchReadiness, before []cloudflare.Record) {
	t.Helper()
	r.update(lr, func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Cloudflare.Mode = v1alpha1.EdgeRevert })
	r.twoPasses()
	plain := func(records []cloudflare.Record) string {
		var lines []string
		for _, rec := range records {
			lines = append(lines, rec.Name+" "+rec.Type+" "+rec.Content+" "+asJSON(rec.Proxied)+" "+asJSON(rec.TTL)+" "+rec.Comment)
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	if want, got := plain(before), plain(r.state().Records); want != got {
		t.Errorf("the records aren't as they were:\n%s", differ(want, got))
	}
	for _, set := range r.state().Rulesets {
		for _, rule := range set.Rules {
			if isOurs(rule) {
				t.Errorf("a rule of ours is left: %s", rule.Ref)
			}
		}
	}
	r.cloudflare.ResetCalls()
	r.twoPasses()
	if w := r.writes(); len(w) > 0 {
		t.Errorf("written after everything was put back: %v", w)
	}
}

func TestALiveAppThatIsRetainedKeepsEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t, cloudflare.Pro)
	r.edit(live)
	lr := r.launch("chat", strings.Replace(app, "mode: Enforce\napp:", "mode: Enforce\n  adopt: [DNS, TLS, WAF, Redirects]\napp:", 1))
	r.sync()
	r.launched(lr)
	r.twoPasses()
	whole := shape(r.state())
	r.cloudflare.ResetCalls()
	if err := r.client.Delete(r.Context(), lr); err != nil {
		t.Fatal(err)
	}
	r.twoPasses()
	sameShape(t, "deleted, and retained", whole, shape(r.state()))
	if w := r.writes(); len(w) > 0 {
		t.Errorf("written: %v", w)
	}
	var ledger edge.Ledger
	if err := json.Unmarshal([]byte(r.ledger().Data["ledger.json"]), &ledger); err != nil || len(ledger.Retained) != 1 {
		t.Errorf("the ledger doesn't remember what stays: %v, %d", err, len(ledger.Retained))
	}
}
