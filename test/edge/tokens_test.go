// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/controllers"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestWhatIsWrongWithATokenIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		spoil  func(*rig)
		spec   string
		reason string
		says   string
	}{
		{"the Secret is missing", func(*rig) {}, strings.Replace(app, "{name: cloudflare, key: token}", "{name: nothing, key: token}", 1), edge.ReasonTokenMissing, "nothing"},
		{"the key is missing", func(*rig) {}, strings.Replace(app, "{name: cloudflare, key: token}", "{name: cloudflare, key: other}", 1), edge.ReasonTokenMissing, "other"},
		{"neither a Secret nor a policy", func(*rig) {}, strings.Replace(app, ownToken, "", 1), edge.ReasonTokenMissing, "apiTokenSecretRef"},
		{"both a Secret and a policy", func(r *rig) { r.policy(managed) }, app, edge.ReasonZoneManagedByPolicy, "apiTokenSecretRef"},
		{"it is revoked", func(r *rig) {
			if err := r.cloudflare.RevokeToken("cloudflare." + r.namespace); err != nil {
				r.Fatal(err)
			}
		}, app, edge.ReasonTokenInvalid, "token"},
		{"it is for another zone", func(r *rig) {
			if err := r.cloudflare.EditToken("cloudflare."+r.namespace, func(t *cloudflare.Token) { t.Zones = []string{"example.net"} }); err != nil {
				r.Fatal(err)
			}
		}, app, edge.ReasonZoneNotFound, zone},
		{"the zone is unknown", func(*rig) {}, strings.ReplaceAll(app, "example.com", "nowhere.example"), edge.ReasonZoneNotFound, "nowhere.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newQuickRig(t, cloudflare.Pro, "")
			c.spoil(r)
			before := shape(r.state())
			lr := r.launch("chat", c.spec)
			for range 2 {
				if _, err := r.zones.Reconcile(t.Context(), controllers.ZoneRequest{Zone: string(lr.Spec.Cloudflare.Zone)}); err != nil {
					t.Fatal(err)
				}
				r.later(time.Minute)
			}
			if s := r.status(lr); s.Reason != c.reason || !strings.Contains(s.Message, c.says) {
				t.Errorf("status: %+v, want %s that names %s", s, c.reason, c.says)
			}
			if o := r.measure(lr); o.Verdict != v1alpha1.VerdictUnknown {
				t.Errorf("EdgeProtected is %s", o.Verdict)
			}
			sameShape(t, c.name, before, shape(r.state()))
		})
	}
}

func TestATokenIsRotatedWithoutARestart(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	lr := r.launch("chat", app)
	r.sync()
	if err := r.cloudflare.RevokeToken("cloudflare." + r.namespace); err != nil {
		t.Fatal(err)
	}
	r.later(2 * time.Minute)
	r.sync()
	if s := r.status(lr); s.Reason != edge.ReasonTokenInvalid {
		t.Errorf("a revoked token: %+v", s)
	}
	made, err := r.cloudflare.AddToken(cloudflare.Token{Name: "new", Value: tokenMark + "new", Zones: []string{"*"}, Permissions: cloudflare.AllPermissions()})
	if err != nil {
		t.Fatal(err)
	}
	secret := r.secret("cloudflare", r.namespace)
	secret.Data = map[string][]byte{"token": []byte(made.Value)}
	if err := r.client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	r.cloudflare.ResetCalls()
	r.sync()
	if s := r.status(lr); s.Reason != "" {
		t.Errorf("the new token isn't used: %+v", s)
	}
	if calls := r.cloudflare.Calls(); len(calls) == 0 || slices.ContainsFunc(calls, func(c cloudflare.Call) bool { return c.Token != "new" }) {
		t.Errorf("calls with another token: %+v", calls)
	}
}

// TestAMissingPermissionStopsNothingElse takes each permission away in turn.
func TestAMissingPermissionStopsNothingElse(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"DNS Write", "Zone WAF Write", "Cache Settings Write", "Config Settings Write", "Dynamic URL Redirects Write", "Zone Settings Write", "Bot Management Write"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			r := newQuickRig(t, cloudflare.Pro, "")
			all := cloudflare.AllPermissions()
			some := slices.DeleteFunc(slices.Clone(all), func(p string) bool { return p == missing })
			if len(some) == len(all) {
				t.Fatalf("there is no permission %q among %v", missing, all)
			}
			if err := r.cloudflare.EditToken("cloudflare."+r.namespace, func(t *cloudflare.Token) { t.Permissions = some }); err != nil {
				t.Fatal(err)
			}
			open := r.watchLocks(nil)
			lr := r.launch("chat", app)
			r.sync()
			r.twoPasses()
			r.cloudflare.SetOnCall(nil)
			if o := open(); len(o) > 0 {
				t.Errorf("reachable without a lock: %v", o)
			}
			o := r.measure(lr)
			// What the API calls one way, the dashboard calls another.
			group := strings.NewReplacer("Dynamic URL Redirects", "Single Redirect", "Cache Settings", "Cache Rules", "Config Settings", "Config Rules", " Write", "").Replace(missing)
			named := false
			for _, f := range o.Findings {
				named = named || f.API().Rule == edge.ReasonPermissionMissing && strings.Contains(f.API().Message+f.API().Remedy, group)
			}
			if !named {
				t.Errorf("no finding names %s: %v", missing, found(o))
			}
			// Where records can't be read, strangers may reach the hosts already: only what is adopted is set up.
			if missing != "Cache Settings Write" && missing != "DNS Write" && r.rule(edge.PhaseCache, "private") == nil {
				t.Error("what the token may do wasn't done")
			}
			if missing != "DNS Write" && missing != "Zone WAF Write" && missing != "Dynamic URL Redirects Write" && len(r.records("app.example.com")) == 0 {
				t.Error("there is no record")
			}
		})
	}
}

// TestNoSecretIsShown looks for tokens and for the lock's secret in everything that people see.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	var mu sync.Mutex
	var shown bytes.Buffer
	r.log = funcr.New(func(prefix, args string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&shown, prefix, args)
	}, funcr.Options{Verbosity: 10})
	lr := r.launch("chat", app)
	look := func() {
		t.Helper()
		preview, err := r.zones.Preview(t.Context(), client.ObjectKeyFromObject(lr))
		for _, c := range preview.Changes {
			fmt.Fprintln(&shown, c.Words, strings.Join(c.Diff, "\n"))
		}
		fmt.Fprintln(&shown, preview.Notes, err, asJSON(r.status(lr)), asJSON(r.fresh(lr)), asJSON(r.measure(lr)), r.told())
		for _, f := range r.measure(lr).Findings {
			fmt.Fprintln(&shown, asJSON(f.API()))
		}
		var maps corev1.ConfigMapList
		if err := r.client.List(t.Context(), &maps, client.InNamespace(r.operator)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&shown, asJSON(maps))
	}
	if p, err := r.zones.Preview(t.Context(), client.ObjectKeyFromObject(lr)); err != nil || len(p.Changes) == 0 {
		t.Errorf("%d changes, %v", len(p.Changes), err)
	} else {
		for _, c := range p.Changes {
			fmt.Fprintln(&shown, c.Words, strings.Join(c.Diff, "\n"))
		}
	}
	r.sync()
	look()
	r.edit(onRule("lock", func(rule *cloudflare.Rule) { rule.Expression += " and ip.src ne 192.0.2.1" }))
	for _, f := range []cloudflare.Fault{
		{Kind: cloudflare.FaultError, Times: 3}, {Kind: cloudflare.FaultDrop, Times: 3}, {Kind: cloudflare.FaultRateLimit, RetryAfter: 1}, {Kind: cloudflare.FaultError, Method: "PATCH", Status: 400},
	} {
		r.later(2 * time.Minute)
		r.cloudflare.Inject(f)
		if err := r.pass(r.zones); err != nil {
			fmt.Fprintln(&shown, err)
		}
		look()
	}
	if err := r.cloudflare.RevokeToken("cloudflare." + r.namespace); err != nil {
		t.Fatal(err)
	}
	r.later(2 * time.Minute)
	r.sync()
	r.delete(lr)
	r.later(2 * time.Minute)
	r.sync()
	fmt.Fprintln(&shown, r.told())
	mu.Lock()
	defer mu.Unlock()
	text := shown.String()
	if len(text) < 1000 || !strings.Contains(text, "lock") {
		t.Fatal("nothing was shown: this proves nothing")
	}
	if strings.Contains(text, tokenMark) {
		t.Error("a token is shown")
	}
	if secret := controllers.LockSecret(r.zones.Key, string(lr.UID), r.clock.Now()); strings.Contains(text, secret) {
		t.Error("the lock's secret is shown")
	}
}

func TestOneTokensLimitDoesNotHoldOthersUp(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	other := r.newNamespace("other-")
	r.token("cloudflare", other, cloudflare.AllPermissions()...)
	held, free := r.launch("held", numbered(1)), r.launchIn(other, "free", numbered(2))
	r.cloudflare.Inject(cloudflare.Fault{Kind: cloudflare.FaultRateLimit, RetryAfter: 240, Token: "cloudflare." + r.namespace})
	r.sync()
	calls := func() (n int) {
		for _, c := range r.cloudflare.Calls() {
			if c.Token == "cloudflare."+r.namespace {
				n++
			}
		}
		return n
	}
	if s := r.status(held); s.Reason != edge.ReasonCloudflareError {
		t.Errorf("held: %+v", s)
	}
	if s := r.status(free); s.Reason != "" || len(r.records("app2.example.com")) != 1 {
		t.Errorf("free: %+v", s)
	}
	before := calls()
	for range 3 {
		r.later(time.Minute)
		r.sync()
	}
	if n := calls(); n != before {
		t.Errorf("%d calls although Retry-After says to wait", n-before)
	}
	r.later(2 * time.Minute)
	r.sync()
	if s := r.status(held); s.Reason != "" || len(r.records("app1.example.com")) != 1 {
		t.Errorf("held, after the wait: %+v", s)
	}
}

func TestCallsAreFew(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	r.edit(func(z *cloudflare.Zone) error {
		for i := range 200 {
			z.Records = append(z.Records, cloudflare.Record{ID: fmt.Sprintf("%032x", 0xd00+i), Name: fmt.Sprintf("r%d.%s", i, zone), Type: "A", Content: "198.51.100.9", TTL: 1, CreatedOn: z.CreatedOn, ModifiedOn: z.CreatedOn})
		}
		return nil
	})
	r.launch("chat", app)
	r.cloudflare.ResetCalls()
	r.sync()
	dns := 0
	for _, c := range r.cloudflare.Calls() {
		if strings.Contains(c.Template, "dns_records") {
			dns++
		}
	}
	if dns > 4 || dns == 0 {
		t.Errorf("the first sync of 200 records takes %d DNS calls", dns)
	}
	r.cloudflare.ResetCalls()
	r.later(2 * time.Minute)
	r.sync()
	if n := len(r.cloudflare.Calls()); n > 10 || n == 0 || len(r.writes()) > 0 {
		t.Errorf("a steady look takes %d calls, and writes %v", n, r.writes())
	}
	r.cloudflare.ResetCalls()
	for range 200 {
		r.sync()
		r.later(250 * time.Millisecond)
	}
	if n := len(r.cloudflare.Calls()); n > 0 {
		t.Errorf("a storm of looks within a minute makes %d calls", n)
	}
}
