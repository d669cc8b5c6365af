// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package edge runs the reconciler of zones, with its real client, against an emulated Cloudflare and a real API server.
package edge

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/controllers"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/edge/authority"
	api "github.com/launchready/launchready/internal/edge/cloudflare"
	"github.com/launchready/launchready/test/emulators/cloudflare"
	"github.com/launchready/launchready/test/emulators/cloudflare/nameserver"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"
)

// apiServer is the API server that all tests share; each has a namespace of its own.
var apiServer *rest.Config

func TestMain(m *testing.M) {
	environment := &envtest.Environment{
		CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute,
	}
	config, err := environment.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "These tests need an API server: run them with make test, which builds one. Starting it failed:", err)
		_ = environment.Stop() // what was started half-way must not stay
		os.Exit(1)
	}
	apiServer = config
	apiServer.QPS = -1
	log.SetLogger(logr.Discard())
	code := m.Run()
	if err := environment.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the API server:", err)
		code = 1
	}
	os.Exit(code)
}

const (
	zone = "example.com"
	// tokenMark is in every token, so that one that leaks is found.
	tokenMark = "cfTokenOfTheTestThatMustNotLeakAnywhere0123456789"
)

// rig is an operator in front of an emulated Cloudflare.
type rig struct {
	testing.TB
	client     client.Client
	namespace  string
	operator   string
	cloudflare *cloudflare.Server
	names      *nameserver.Server
	url        string
	nameServer netip.AddrPort
	clock      *clocktesting.FakeClock
	events     *events.FakeRecorder
	origins    *origins
	zones      *controllers.ZoneReconciler
	// namespaces and policies are all that this rig's operators see: the API server is shared with other tests.
	mu         sync.Mutex
	namespaces map[string]bool
	policies   map[string]bool
	// timeout of one call to Cloudflare.
	timeout time.Duration
	// whole is the shape of the zone before it was spoilt.
	whole string
	// log gets what the operator logs.
	log logr.Logger
}

// own shows an operator the objects of its rig alone.
type own struct {
	client.Client
	rig *rig
}

func (o own) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := o.Client.List(ctx, list, opts...); err != nil {
		return err
	}
	o.rig.mu.Lock()
	defer o.rig.mu.Unlock()
	switch l := list.(type) {
	case *v1alpha1.LaunchReadinessList:
		l.Items = slices.DeleteFunc(l.Items, func(lr v1alpha1.LaunchReadiness) bool { return !o.rig.namespaces[lr.Namespace] })
	case *v1alpha1.LaunchPolicyList:
		l.Items = slices.DeleteFunc(l.Items, func(p v1alpha1.LaunchPolicy) bool { return !o.rig.policies[p.Name] })
	}
	return nil
}

// origins answers for every origin alike, unless told otherwise.
type origins struct {
	mu sync.Mutex
	by map[string]edge.Preflight
}

func (o *origins) Try(_ context.Context, _ edge.Target, host string) edge.Preflight {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p, ok := o.by[host]; ok {
		return p
	}
	return edge.Preflight{OK: true}
}

// newRig makes a rig whose calls are held against Cloudflare's own description of its API.
func newRig(t testing.TB, plan cloudflare.Plan) *rig {
	t.Helper()
	description := cloudflare.FindOpenAPI()
	if description == "" {
		t.Log("NOT VALIDATED: Cloudflare's description of its API is not at hand (LAUNCHREADY_SHARED_DATA)")
	}
	r := newQuickRig(t, plan, description)
	t.Cleanup(func() {
		if v := r.cloudflare.Violations(); len(v) > 0 {
			t.Errorf("requests that Cloudflare's description doesn't allow: %v", v)
		}
	})
	return r
}

// newQuickRig makes a rig whose calls are held against a description, if any. Reading it takes longer than most tests.
func newQuickRig(t testing.TB, plan cloudflare.Plan, description string) *rig {
	t.Helper()
	r := newBareRig(t)
	var err error
	r.cloudflare, err = cloudflare.New(cloudflare.Options{Now: r.clock.Now, RateLimit: -1, OpenAPI: description})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.cloudflare.AddZone(zone, plan); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.cloudflare)
	t.Cleanup(server.Close)
	r.url = server.URL + cloudflare.Base
	r.serveNames()
	r.token("cloudflare", r.namespace, cloudflare.AllPermissions()...)
	r.restart()
	return r
}

// newBareRig is a rig that has no Cloudflare yet.
func newBareRig(t testing.TB) *rig {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(apiServer, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		TB: t, namespaces: map[string]bool{}, policies: map[string]bool{}, timeout: 5 * time.Second, log: logr.Discard(),
		clock: clocktesting.NewFakeClock(time.Now().Truncate(time.Second)), events: events.NewFakeRecorder(1000), origins: &origins{by: map[string]edge.Preflight{}},
	}
	r.client = own{c, r}
	r.namespace, r.operator = r.newNamespace("shop-"), r.newNamespace("operator-")
	return r
}

// serveNames answers for the emulated zones, with authority.
func (r *rig) serveNames() {
	r.names = nameserver.New(nameserver.Options{Edge: netip.MustParseAddr("127.0.0.9"), Zones: func() []nameserver.Zone {
		var zones []nameserver.Zone
		for _, z := range r.cloudflare.Zones() {
			own := nameserver.Zone{Name: z.Name}
			for _, rec := range z.Records {
				own.Records = append(own.Records, nameserver.Record{Name: rec.Name, Type: rec.Type, Content: rec.Content, Proxied: rec.Proxied})
			}
			zones = append(zones, own)
		}
		return zones
	}})
	ctx, stop := context.WithCancel(context.Background())
	at, ended := make(chan netip.AddrPort, 1), make(chan error, 1)
	go func() { ended <- r.names.Serve(ctx, "127.0.0.1:0", func(a netip.AddrPort) { at <- a }) }()
	select {
	case r.nameServer = <-at:
		r.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				r.Error(err)
			}
		})
	case err := <-ended:
		stop()
		r.Fatal(err)
	}
}

type oneServer netip.Addr

func (o oneServer) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.Addr(o)}, nil
}

// restart gives the operator a new life, as after a crash: nothing is left in its memory.
func (r *rig) restart() { r.zones = r.newOperator("installation-1", r.client) }

// newOperator makes an operator of an installation.
func (r *rig) newOperator(installation string, c client.Client) *controllers.ZoneReconciler {
	r.Helper()
	clients, err := api.New(api.Options{BaseURL: r.url, Version: "test", Clock: r.clock, Timeout: r.timeout})
	if err != nil {
		r.Fatal(err)
	}
	return &controllers.ZoneReconciler{
		Client: c, Live: c, Namespace: r.operator,
		API:     func(token string) (controllers.ZoneAPI, error) { return clients.For(token) },
		Names:   authority.Servers{Resolver: oneServer(r.nameServer.Addr()), Port: fmt.Sprint(r.nameServer.Port())},
		Origins: r.origins, Key: []byte("a key of the test, 32 bytes long."), Installation: func(context.Context) (string, error) { return installation, nil },
		Interval: 5 * time.Minute, Clock: r.clock, Events: r.events, Book: controllers.NewEdgeBook(),
	}
}

func (r *rig) newNamespace(prefix string) string {
	r.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	if err := r.client.Create(r.Context(), ns); err != nil {
		r.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.namespaces[ns.Name] = true
	return ns.Name
}

// token makes a token with permissions, and its Secret.
func (r *rig) token(name, namespace string, permissions ...string) {
	r.Helper()
	made, err := r.cloudflare.AddToken(cloudflare.Token{Name: name + "." + namespace, Value: tokenMark + name + namespace, Zones: []string{"*"}, Permissions: permissions})
	if err != nil {
		r.Fatal(err)
	}
	r.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: map[string]string{"token": made.Value + "\n"}})
}

func (r *rig) create(objects ...client.Object) {
	r.Helper()
	for _, o := range objects {
		if err := r.client.Create(r.Context(), o); err != nil {
			r.Fatalf("creating %T %s: %v", o, o.GetName(), err)
		}
	}
}

// launch makes a LaunchReadiness of a spec in YAML, without its workloads.
func (r *rig) launch(name, spec string) *v1alpha1.LaunchReadiness {
	r.Helper()
	return r.launchIn(r.namespace, name, spec)
}

func (r *rig) launchIn(namespace, name, spec string) *v1alpha1.LaunchReadiness {
	r.Helper()
	lr := &v1alpha1.LaunchReadiness{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := yaml.UnmarshalStrict([]byte(spec), &lr.Spec); err != nil {
		r.Fatal(err)
	}
	lr.Spec.Workloads = []v1alpha1.Workload{{Name: "api", Ref: v1alpha1.WorkloadReference{Kind: v1alpha1.KindDeployment, Name: name}}}
	r.create(lr)
	return lr
}

// sync makes passes over the zone until nothing more is done.
func (r *rig) sync() {
	r.Helper()
	if err := r.pass(r.zones); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) pass(zones *controllers.ZoneReconciler) error {
	// The clock stands still: whoever waits for leave to call waits for ever, and is to be told.
	ctx, stop := context.WithTimeout(logr.NewContext(r.Context(), r.log), time.Minute)
	defer stop()
	_, err := zones.Reconcile(ctx, controllers.ZoneRequest{Zone: zone})
	return err
}

// later lets time pass, so that the zone is looked at anew.
func (r *rig) later(d time.Duration) { r.clock.Step(d) }

// state is the zone as it is.
func (r *rig) state() cloudflare.Zone {
	r.Helper()
	z, ok := r.cloudflare.Zone(zone)
	if !ok {
		r.Fatal("the zone is gone")
	}
	return z
}

// record finds the records of a name.
func (r *rig) records(name string) []cloudflare.Record {
	var found []cloudflare.Record
	for _, rec := range r.state().Records {
		if rec.Name == name {
			found = append(found, rec)
		}
	}
	return found
}

// rule finds the rule of an effect in a phase.
func (r *rig) rule(phase edge.Phase, effect string) *cloudflare.Rule {
	for _, rule := range r.state().Rules(string(phase)) {
		if strings.HasPrefix(rule.Ref, "launchready-") && strings.HasSuffix(rule.Ref, "-"+effect) {
			return &rule
		}
	}
	return nil
}

// writes are the calls since the last reset that would change something.
func (r *rig) writes() []string {
	var out []string
	for _, c := range r.cloudflare.Calls() {
		if c.Write() {
			out = append(out, c.Method+" "+c.Template)
		}
	}
	return out
}

// edit does something to the zone by another team's hand.
func (r *rig) edit(change func(*cloudflare.Zone) error) {
	r.Helper()
	err := r.cloudflare.EditZone(zone, func(z *cloudflare.Zone) error {
		for i := range z.Rulesets {
			z.Rulesets[i].Version++ // as Cloudflare does with every change: unchanged versions aren't read again
		}
		return change(z)
	})
	if err != nil {
		r.Fatal(err)
	}
}

// fresh reads a launch.
func (r *rig) fresh(lr *v1alpha1.LaunchReadiness) *v1alpha1.LaunchReadiness {
	r.Helper()
	now := &v1alpha1.LaunchReadiness{}
	if err := r.client.Get(r.Context(), client.ObjectKeyFromObject(lr), now); err != nil {
		r.Fatal(err)
	}
	return now
}

// launched notes in the status that the app is Launchable.
func (r *rig) launched(lr *v1alpha1.LaunchReadiness) {
	r.Helper()
	now := r.fresh(lr)
	now.Status.LaunchedAt = metav1.NewTime(r.clock.Now())
	if err := r.client.Status().Update(r.Context(), now); err != nil {
		r.Fatal(err)
	}
}

// status is what a launch is told of its zone.
func (r *rig) status(lr *v1alpha1.LaunchReadiness) v1alpha1.EdgeStatus {
	r.Helper()
	status, ok := r.zones.Book.Status(edge.LaunchID{Namespace: lr.Namespace, Name: lr.Name})
	if !ok {
		r.Fatal("the zone was not looked at")
	}
	return status
}

func (r *rig) secret(name, namespace string) *corev1.Secret {
	r.Helper()
	var s corev1.Secret
	if err := r.client.Get(r.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &s); err != nil {
		r.Fatal(err)
	}
	return &s
}
