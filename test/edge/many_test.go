// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/controllers"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
	"github.com/launchready/launchready/test/emulators/cloudflare"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"
)

// policy makes a LaunchPolicy whose credential, a token of the operator's namespace, grants hosts to all namespaces of the rig.
func (r *rig) policy(spec string) {
	r.Helper()
	p := &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{GenerateName: "edge-"}}
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		r.Fatal(err)
	}
	r.create(p)
	r.mu.Lock()
	r.policies[p.Name] = true
	r.mu.Unlock()
	r.token("zone", r.operator, cloudflare.AllPermissions()...)
}

const managed = `
namespaceSelector: {}
edge:
  credentials:
  - name: apps
    zones: [example.com]
    hosts: ["*.example.com", example.com]
    namespaceSelector: {}
    apiTokenSecretRef: {name: zone, key: token}
    zoneSettings: Manage
`

// ownToken is the line of a spec that names the launch's own token.
const ownToken = "  apiTokenSecretRef: {name: cloudflare, key: token}\n"

// measure is what EdgeProtected says of a launch.
func (r *rig) measure(lr *v1alpha1.LaunchReadiness) scorecard.Outcome {
	r.Helper()
	check := controllers.EdgeProtected{Book: r.zones.Book, Key: r.zones.Key, Stale: 15 * time.Minute, Clock: r.clock}
	return check.Measure(r.Context(), &launch.App{Launch: r.fresh(lr)})
}

// found are the rules of an outcome's findings.
func found(o scorecard.Outcome) []string {
	var out []string
	for _, f := range o.Findings {
		if !slices.Contains(out, f.API().Rule) {
			out = append(out, f.API().Rule)
		}
	}
	slices.Sort(out)
	return out
}

func numbered(i int) string {
	s := strings.ReplaceAll(app, "app.example.com", fmt.Sprintf("app%d.example.com", i))
	s = strings.Replace(s, "hosts: [api.example.com]", "hosts: []", 1)
	return strings.Replace(s, "redirects: [example.com, www.example.com]", "redirects: []", 1)
}

func TestFiftyLaunchesShareOneZone(t *testing.T) {
	t.Parallel()
	for _, plan := range []cloudflare.Plan{cloudflare.Free, cloudflare.Pro} {
		t.Run(string(plan), func(t *testing.T) {
			t.Parallel()
			fiftyLaunches(t, plan)
		})
	}
}

func fiftyLaunches(t *testing.T, plan cloudflare.Plan) {
	t.Helper()
	r := newQuickRig(t, plan, "")
	r.policy(managed)
	var launches []*v1alpha1.LaunchReadiness
	for i := range 50 {
		launches = append(launches, r.launch(fmt.Sprintf("chat%d", i), strings.Replace(numbered(i), ownToken, "", 1)))
	}
	r.cloudflare.ResetCalls()
	r.sync()
	reads := slices.DeleteFunc(r.cloudflare.Calls(), func(c cloudflare.Call) bool { return c.Template != "/zones/{zone}/dns_records" || c.Write() })
	if len(reads) > 3 {
		t.Errorf("the records were read %d times for 50 launches", len(reads))
	}
	r.merged(t, plan)
	for i := range launches {
		host := fmt.Sprintf("app%d.example.com", i)
		if len(r.records(host)) != 1 || len(reachableUnlocked(r.state(), host)) > 0 {
			t.Errorf("%s: %d records, unlocked: %v", host, len(r.records(host)), reachableUnlocked(r.state(), host))
		}
	}
	degraded := slices.Contains(found(r.measure(launches[7])), edge.ReasonDegradedByPlan)
	if plan == cloudflare.Free && !degraded {
		t.Errorf("nothing says that the plan limits less: %v", found(r.measure(launches[7])))
	}
	r.cloudflare.ResetCalls()
	r.later(2 * time.Minute)
	r.sync()
	if w := r.writes(); len(w) > 0 || len(r.cloudflare.Calls()) > 10 {
		t.Errorf("a steady look at the zone takes %d calls and writes %v", len(r.cloudflare.Calls()), w)
	}
}

// merged looks whether rules of one effect are one rule, so that they fit into the plan.
func (r *rig) merged(t *testing.T, plan cloudflare.Plan) {
	t.Helper()
	rules := map[edge.Phase]int{}
	for _, set := range r.state().Rulesets {
		rules[edge.Phase(set.Phase)] = len(set.Rules)
	}
	most := map[cloudflare.Plan]int{cloudflare.Free: 5, cloudflare.Pro: 20}[plan]
	if rules[edge.PhaseCustomWAF] > most || rules[edge.PhaseRedirect] > 10 {
		t.Errorf("the rules aren't merged: %v", rules)
	}
	if n := rules[edge.PhaseRateLimit]; plan == cloudflare.Free && n != 1 || n == 0 || n > 2 {
		t.Errorf("%d rate limits", n)
	}
}

// TestTwoOperatorsAtOnce has two replicas of one installation work on one zone, as where a lease was lost.
func TestTwoOperatorsAtOnce(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	r.edit(anotherTeam)
	r.launch("chat", app)
	r.sync()
	want := shape(r.state())
	for range 5 {
		r.begin()
		theirs := foreign(r.state())
		open := r.watchLocks(nil)
		r.launch("chat", app)
		both := []*controllers.ZoneReconciler{r.newOperator("installation-1", r.client), r.newOperator("installation-1", r.client)}
		var wg sync.WaitGroup
		for _, zones := range both {
			wg.Go(func() {
				for range 3 {
					if err := r.pass(zones); err != nil && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !strings.Contains(err.Error(), "already exists") {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for range 2 {
			r.later(2 * time.Minute)
			for _, zones := range both {
				if err := r.pass(zones); err != nil {
					t.Error(err)
				}
			}
		}
		r.cloudflare.SetOnCall(nil)
		r.converged(t, "two operators", want, theirs, open())
	}
}

func TestTwoClustersInOneZone(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	one := r.launch("chat", numbered(1))
	r.sync()
	// The other cluster has its own namespaces, ledgers and installation.
	second := newBareRig(t)
	second.cloudflare, second.names, second.url, second.nameServer, second.clock = r.cloudflare, r.names, r.url, r.nameServer, r.clock
	second.token("cloudflare", second.namespace, cloudflare.AllPermissions()...)
	second.zones = second.newOperator("installation-2", second.client)
	two := second.launch("chat", numbered(2))
	thief := second.launch("thief", numbered(1))
	for range 3 {
		r.later(2 * time.Minute)
		second.sync()
		r.sync()
	}
	for i, host := range []string{"app1.example.com", "app2.example.com"} {
		if len(r.records(host)) != 1 || len(reachableUnlocked(r.state(), host)) > 0 {
			t.Errorf("%s of cluster %d: %+v", host, i+1, r.records(host))
		}
	}
	if s := second.status(thief); s.Reason != edge.ReasonHostConflict {
		t.Errorf("two clusters have one host: %+v", s)
	}
	for _, lr := range []struct {
		r  *rig
		lr *v1alpha1.LaunchReadiness
	}{{r, one}, {second, two}} {
		if s := lr.r.status(lr.lr); s.Reason != "" {
			t.Errorf("%+v", s)
		}
	}
	r.cloudflare.ResetCalls()
	r.later(2 * time.Minute)
	r.sync()
	second.sync()
	if w := r.writes(); len(w) > 0 {
		t.Errorf("two clusters undo each other's work: %v", w)
	}
}

func TestOfTwoLaunchesTheOlderHasTheHost(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	r.policy(managed)
	spec := strings.Replace(numbered(1), ownToken, "", 1)
	older := r.launch("older", spec)
	// Creation times have seconds.
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 5*time.Second, true, func(context.Context) (bool, error) {
		return time.Now().Unix() > older.CreationTimestamp.Unix(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	newer := r.launchIn(r.newNamespace("other-"), "newer", spec)
	r.sync()
	r.twoPasses()
	if s := r.status(older); s.Reason != "" {
		t.Errorf("the older: %+v", s)
	}
	if s := r.status(newer); s.Reason != edge.ReasonHostConflict {
		t.Errorf("the newer: %+v", s)
	}
	recs := r.records("app1.example.com")
	if len(recs) != 1 || !strings.Contains(recs[0].Comment, string(older.UID)) {
		t.Errorf("%+v", recs)
	}
}

// TestATenantCannotTakeAnothersNameAway lists names of others as retired and as redirects.
func TestATenantCannotTakeAnothersNameAway(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"retired: [{host: team0.example.com, onForeign: Delete}]", "redirects: [team0.example.com]", "hosts: [team0.example.com]"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := newQuickRig(t, cloudflare.Pro, "")
			r.edit(anotherTeam)
			theirs := foreign(r.state())
			r.policy(strings.Replace(managed, `["*.example.com", example.com]`, `[app1.example.com]`, 1))
			spec := strings.Replace(numbered(1), ownToken, "", 1)
			key, _, _ := strings.Cut(how, ":")
			spec = strings.Replace(spec, "  "+key+": []\n", "", 1)
			lr := r.launch("chat", strings.Replace(spec, "domains:\n", "domains:\n  "+how+"\n", 1))
			r.sync()
			r.twoPasses()
			if now := foreign(r.state()); now != theirs {
				t.Errorf("what is of others was touched:\n%s", differ(theirs, now))
			}
			if s := r.status(lr); s.Reason != edge.ReasonHostNotAllowed || !strings.Contains(s.Message, "team0.example.com") {
				t.Errorf("status: %+v", s)
			}
			for _, set := range r.state().Rulesets {
				for _, rule := range set.Rules {
					if isOurs(rule) && strings.Contains(rule.Expression, "team0") {
						t.Errorf("a rule of ours names it: %s", rule.Ref)
					}
				}
			}
		})
	}
	t.Run("a launch that may have nothing asks nothing", func(t *testing.T) {
		t.Parallel()
		r := newQuickRig(t, cloudflare.Pro, "")
		r.policy(strings.Replace(managed, `["*.example.com", example.com]`, `[else.example.com]`, 1))
		lr := r.launch("chat", strings.Replace(numbered(1), ownToken, "", 1))
		r.cloudflare.ResetCalls()
		r.sync()
		if s := r.status(lr); s.Reason != edge.ReasonHostNotAllowed || len(r.cloudflare.Calls()) > 0 {
			t.Errorf("status %+v, %d calls", s, len(r.cloudflare.Calls()))
		}
	})
}

// TestNoRuleStandsInTheWayOfCertificates looks at the expressions of all rules that refuse, redirect or limit.
func TestNoRuleStandsInTheWayOfCertificates(t *testing.T) {
	t.Parallel()
	r := newQuickRig(t, cloudflare.Pro, "")
	r.policy(managed)
	r.launch("chat", strings.Replace(app, ownToken, "  waf: {blockedPaths: [/internal]}\n", 1))
	r.sync()
	n := 0
	for _, phase := range []edge.Phase{edge.PhaseRedirect, edge.PhaseCustomWAF, edge.PhaseManagedWAF} {
		for _, rule := range r.state().Rules(string(phase)) {
			n++
			if !strings.HasSuffix(rule.Expression, `and not starts_with(http.request.uri.path, "/.well-known/acme-challenge/")`) {
				t.Errorf("%s matches what certificate authorities ask for: %s", rule.Ref, rule.Expression)
			}
		}
	}
	if n < 5 {
		t.Errorf("only %d rules were looked at", n)
	}
	for _, rule := range r.state().Rules(string(edge.PhaseRateLimit)) {
		if !strings.Contains(rule.Expression, "http.request.uri.path eq") || strings.Contains(rule.Expression, ".well-known") {
			t.Errorf("%s may limit certificate authorities: %s", rule.Ref, rule.Expression)
		}
	}
}
