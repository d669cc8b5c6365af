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

	"github.com/go-logr/logr"
	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/controllers"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// course is something that takes several calls of Cloudflare's API, each of which may fail.
type course struct {
	name string
	// begin brings the launch and its zone to where the course starts.
	begin func(*rig)
}

func courses() []course {
	deleted := strings.Replace(app, "mode: Enforce\napp:", "mode: Enforce\n  deletionPolicy: Delete\napp:", 1)
	return []course{
		{"first sync", func(r *rig) { r.launch("chat", app) }},
		{"repair", func(r *rig) {
			r.launch("chat", app)
			r.sync()
			r.whole = shape(r.state())
			r.edit(handMade)
			r.later(2 * time.Minute)
		}},
		{"deletion", func(r *rig) {
			lr := r.launch("chat", deleted)
			r.sync()
			if err := r.client.Delete(r.Context(), lr); err != nil {
				r.Fatal(err)
			}
			r.later(2 * time.Minute)
		}},
	}
}

// handMade is drift that takes a change of each kind to mend.
func handMade(z *cloudflare.Zone) error {
	for i := range z.Records {
		switch rec := &z.Records[i]; rec.Name {
		case "app.example.com":
			rec.Content = "203.0.113.99"
		case "api.example.com":
			rec.Proxied = false
		}
	}
	z.Records = slices.DeleteFunc(z.Records, func(r cloudflare.Record) bool { return r.Name == "www.example.com" && r.Type == "A" })
	for i := range z.Rulesets {
		set := &z.Rulesets[i]
		set.Rules = slices.DeleteFunc(set.Rules, func(r cloudflare.Rule) bool {
			return strings.HasSuffix(r.Ref, "-https") || strings.HasSuffix(r.Ref, "-waf")
		})
		for j := range set.Rules {
			if strings.HasSuffix(set.Rules[j].Ref, "-tls") {
				set.Rules[j].Enabled = false
			}
		}
	}
	return nil
}

var appHosts = []string{"app.example.com", "api.example.com"}

// begin gives the rig a zone with what is of others alone, an operator without memory, and no launch.
func (r *rig) begin() {
	r.Helper()
	r.cloudflare.SetOnCall(nil)
	r.cloudflare.ClearFaults()
	r.wipe()
	r.edit(func(z *cloudflare.Zone) error {
		z.Records, z.Rulesets = nil, nil
		return anotherTeam(z)
	})
	r.clock.SetTime(time.Now().Truncate(time.Second))
	r.restart()
}

// wipe removes the launches and the ledger.
func (r *rig) wipe() {
	r.Helper()
	var list v1alpha1.LaunchReadinessList
	if err := r.client.List(r.Context(), &list, client.InNamespace(r.namespace)); err != nil {
		r.Fatal(err)
	}
	for i := range list.Items {
		lr := &list.Items[i]
		if len(lr.Finalizers) > 0 {
			lr.Finalizers = nil
			if err := r.client.Update(r.Context(), lr); err != nil {
				r.Fatal(err)
			}
		}
		if err := r.client.Delete(r.Context(), lr); client.IgnoreNotFound(err) != nil {
			r.Fatal(err)
		}
	}
	r.dropLedger()
}

// dropLedger deletes the ConfigMap that holds the ledger.
func (r *rig) dropLedger() {
	r.Helper()
	ledger := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: r.operator, Name: "launchready-zone-" + zone}}
	if err := r.client.Delete(r.Context(), ledger); client.IgnoreNotFound(err) != nil {
		r.Fatal(err)
	}
}

// watchLocks looks at the zone after each call, and gives the hosts that could be reached without their lock.
func (r *rig) watchLocks(more func(cloudflare.Call)) func() []string {
	var mu sync.Mutex
	var open []string
	r.cloudflare.SetOnCall(func(c cloudflare.Call) {
		if c.Write() {
			if z, ok := r.cloudflare.Zone(zone); ok {
				mu.Lock()
				for _, host := range reachableUnlocked(z, appHosts...) {
					open = append(open, fmt.Sprintf("%s after call %d, %s %s", host, c.N, c.Method, c.Path))
				}
				mu.Unlock()
			}
		}
		if more != nil {
			more(c)
		}
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return open
	}
}

// reference takes a course without a fault: the calls that it takes, and what comes of it.
func (r *rig) reference(c course) (calls []cloudflare.Call, want string) {
	r.Helper()
	r.begin()
	c.begin(r)
	r.cloudflare.ResetCalls()
	r.sync()
	calls = r.cloudflare.Calls()
	if c.name == "repair" && shape(r.state()) != r.whole {
		r.Fatalf("the hand-made drift isn't mended:\n%s", differ(r.whole, shape(r.state())))
	}
	return calls, shape(r.state())
}

// converged holds a course's end against what it should be.
func (r *rig) converged(t *testing.T, what, want, theirs string, open []string) {
	t.Helper()
	sameShape(t, what, want, shape(r.state()))
	if now := foreign(r.state()); now != theirs {
		t.Errorf("%s: what is of others was touched:\n%s", what, differ(theirs, now))
	}
	if len(open) > 0 {
		t.Errorf("%s: reachable without a lock: %v", what, open)
	}
}

// nth says how many calls of the same endpoint came before one.
func nth(calls []cloudflare.Call, i int) int {
	n := 0
	for _, c := range calls[:i] {
		if c.Method == calls[i].Method && c.Template == calls[i].Template {
			n++
		}
	}
	return n
}

// TestEveryCallMayFailInEveryWay fails each call of each course in each way, and looks whether the next passes come to the same.
func TestEveryCallMayFailInEveryWay(t *testing.T) {
	t.Parallel()
	faults := []cloudflare.Fault{
		{Kind: cloudflare.FaultRateLimit, RetryAfter: 60},
		{Kind: cloudflare.FaultError},
		{Kind: cloudflare.FaultErrorAfter, Status: 502},
		{Kind: cloudflare.FaultDrop},
		{Kind: cloudflare.FaultDropAfter},
		{Kind: cloudflare.FaultTruncate},
		{Kind: cloudflare.FaultSlowAfter},
	}
	for _, c := range courses() {
		for kind, f := range faults {
			t.Run(c.name+"/"+string(f.Kind), func(t *testing.T) {
				t.Parallel()
				r := newQuickRig(t, cloudflare.Pro, "")
				calls, want := r.reference(c)
				if f.Kind == cloudflare.FaultSlowAfter {
					r.timeout = 300 * time.Millisecond
				}
				for i, call := range calls {
					if !worthFailing(c, calls, i, kind) {
						continue
					}
					r.failing(t, c, calls, i, f, want)
					if t.Failed() {
						t.Fatalf("call %d, %s %s", i, call.Method, call.Path)
					}
				}
			})
		}
	}
}

// worthFailing leaves out what other cases show: a call that reads is the same call in each observation, so that those of the first
// one are failed in every way in one course, and each of the others in one way. Every write is failed in every way.
func worthFailing(c course, calls []cloudflare.Call, i, kind int) bool {
	const first = 9 // calls of the first observation
	return calls[i].Write() || i < first && c.name == "repair" || i%7 == kind
}

func (r *rig) failing(t *testing.T, c course, calls []cloudflare.Call, i int, f cloudflare.Fault, want string) {
	t.Helper()
	r.begin()
	theirs := foreign(r.state())
	open := r.watchLocks(nil)
	c.begin(r)
	f.Method, f.Path, f.Skip = calls[i].Method, calls[i].Template, nth(calls, i)
	r.cloudflare.Inject(f)
	for range 3 {
		if err := r.pass(r.zones); err != nil {
			t.Fatal(err)
		}
		r.later(2 * time.Minute)
	}
	r.cloudflare.SetOnCall(nil)
	r.converged(t, string(f.Kind), want, theirs, open())
	r.gone(t, c)
}

// gone looks whether a launch that was deleted was let go.
func (r *rig) gone(t *testing.T, c course) {
	t.Helper()
	var lr v1alpha1.LaunchReadiness
	err := r.client.Get(r.Context(), client.ObjectKey{Namespace: r.namespace, Name: "chat"}, &lr)
	if c.name == "deletion" && !apierrors.IsNotFound(err) {
		t.Errorf("the launch that was deleted is still there: %v", err)
	}
}

// TestTheOperatorMayDieAfterEveryCall kills the operator after each call of each course, and starts it anew with nothing in its memory.
func TestTheOperatorMayDieAfterEveryCall(t *testing.T) {
	t.Parallel()
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newQuickRig(t, cloudflare.Pro, "")
			calls, want := r.reference(c)
			for n := range calls {
				r.begin()
				theirs := foreign(r.state())
				c.begin(r)
				var mu sync.Mutex
				seen := 0
				ctx, kill := context.WithCancel(logr.NewContext(t.Context(), r.log))
				open := r.watchLocks(func(cloudflare.Call) {
					mu.Lock()
					defer mu.Unlock()
					if seen++; seen == n+1 {
						kill()
					}
				})
				_, _ = r.zones.Reconcile(ctx, controllers.ZoneRequest{Zone: zone}) // it dies
				kill()
				r.restart()
				for range 2 {
					r.later(2 * time.Minute)
					if err := r.pass(r.zones); err != nil {
						t.Fatal(err)
					}
				}
				r.cloudflare.SetOnCall(nil)
				r.converged(t, fmt.Sprintf("killed after call %d, %s %s", n+1, calls[n].Method, calls[n].Path), want, theirs, open())
				r.gone(t, c)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// dying is a client of Kubernetes that dies with its operator, before or after the n-th write.
type dying struct {
	client.Client
	kill  func()
	mu    *sync.Mutex
	left  *int
	after bool
}

func (d dying) write(do func() error) error {
	d.mu.Lock()
	*d.left--
	now := *d.left == 0
	d.mu.Unlock()
	if now && !d.after {
		d.kill()
		return context.Canceled
	}
	err := do()
	if now {
		d.kill()
		return context.Canceled
	}
	return err
}

func (d dying) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	return d.write(func() error { return d.Client.Create(ctx, o, opts...) })
}

func (d dying) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	return d.write(func() error { return d.Client.Update(ctx, o, opts...) })
}

func (d dying) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	return d.write(func() error { return d.Client.Patch(ctx, o, p, opts...) })
}

// TestTheOperatorMayDieAroundEveryWriteToTheCluster kills it before and after each of its own writes: finalizer, ledger.
func TestTheOperatorMayDieAroundEveryWriteToTheCluster(t *testing.T) {
	t.Parallel()
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newQuickRig(t, cloudflare.Pro, "")
			_, want := r.reference(c)
			for n := 1; ; n++ {
				died := false
				for _, after := range []bool{false, true} {
					r.begin()
					theirs := foreign(r.state())
					c.begin(r)
					open := r.watchLocks(nil)
					ctx, kill := context.WithCancel(logr.NewContext(t.Context(), r.log))
					left := n
					zones := r.newOperator("installation-1", dying{r.client, func() { died = true; kill() }, &sync.Mutex{}, &left, after})
					_, _ = zones.Reconcile(ctx, controllers.ZoneRequest{Zone: zone}) // it dies
					kill()
					r.restart()
					for range 2 {
						r.later(2 * time.Minute)
						if err := r.pass(r.zones); err != nil {
							t.Fatal(err)
						}
					}
					r.cloudflare.SetOnCall(nil)
					r.converged(t, fmt.Sprintf("killed at write %d of the cluster (after it: %t)", n, after), want, theirs, open())
					r.gone(t, c)
				}
				if !died || t.Failed() {
					break
				}
			}
		})
	}
}

// TestTheHookSeesAnOpenDoor shows that the watch over locks is none that sleeps.
func TestTheHookSeesAnOpenDoor(t *testing.T) {
	z := cloudflare.Zone{Records: []cloudflare.Record{{Name: "app.example.com", Type: "A", Proxied: true}}}
	if open := reachableUnlocked(z, appHosts...); !slices.Equal(open, []string{"app.example.com"}) {
		t.Error(open)
	}
	z.Rulesets = []cloudflare.Ruleset{{Kind: "zone", Phase: string(edge.PhaseCustomWAF), Rules: []cloudflare.Rule{
		{Ref: "launchready-1-2-lock", Enabled: true, Action: "block", Expression: `http.host in {"app.example.com"}`},
	}}}
	if open := reachableUnlocked(z, appHosts...); len(open) > 0 {
		t.Error(open)
	}
}
