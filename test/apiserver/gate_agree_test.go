// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

const (
	// gateWorlds times requestsPerWorld are the cases of `make test`; `make fuzz` has more (rapid.checks).
	gateWorlds       = 130
	requestsPerWorld = 20
	// sentinelHost is refused in every world: when it is, the API server has seen the world's state.
	sentinelHost = "sentinel.example.com"
)

// TestGoAndAPIServerAgree generates states of a Namespace and requests in it, and asks both judges.
func TestGoAndAPIServerAgree(t *testing.T) {
	installGate(t)
	var clients []*gateClient
	for _, u := range gateUsers() {
		clients = append(clients, newGateClient(t, u))
	}
	eventually(t, func() string { return policiesInForce(t, clients[0]) })
	if !wasSet("rapid.seed") {
		setFlag(t, "rapid.seed", "20261126")
	}
	if !wasSet("rapid.checks") {
		setFlag(t, "rapid.checks", fmt.Sprint(gateWorlds))
	}
	rows, cases, denied, claimed := map[int]int{}, 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		defer w.freeAddresses(rt)
		w.settle(t, clients[0])
		for range requestsPerWorld {
			request := w.request(rt)
			users := clients
			if request.object.GetKind() != "Namespace" {
				users = clients[:len(clients)-1] // the operator, which writes nothing else
			}
			c := rapid.SampledFrom(users).Draw(rt, "user")
			decision, valid := w.compare(t, rt, c, request)
			if !valid {
				continue
			}
			rows[decision.Row]++
			if strings.Contains(strings.Join(decision.Denials, ""), "of another namespace") {
				claimed++
			}
			cases++
			if len(decision.Denials) > 0 {
				denied++
			}
		}
	})
	t.Logf("%d cases, %d refused, by row of the decision table: %v", cases, denied, rows)
	if cases < 2000 {
		t.Errorf("only %d cases, want at least 2000", cases)
	}
	if claimed < 5 {
		t.Errorf("%d refusals of a host that another namespace claims", claimed)
	}
	for _, row := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14} {
		if rows[row] < 5 {
			t.Errorf("%d cases of row %d: the generator must reach every row", rows[row], row)
		}
	}
}

func wasSet(name string) bool {
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

func setFlag(t *testing.T, name, value string) {
	t.Helper()
	before := flag.Lookup(name).Value.String()
	if err := flag.Lookup(name).Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Lookup(name).Value.Set(before) })
}

// world is a Namespace with a generated state, and a twin without, in which requests get their defaults.
type world struct {
	namespace corev1.Namespace
	twin      string
	live      map[string]*unstructured.Unstructured // by kind
	// holds are the rows that hold rollouts, as a remediation names them.
	holds string
	// terminating says that the Namespace is being deleted.
	terminating bool
}

// freeAddresses gives the addresses of the Services back: envtest's API server has 254 of them.
func (w *world) freeAddresses(rt *rapid.T) {
	for _, ns := range []string{w.twin, w.namespace.Name} {
		if err := server.client.Delete(context.Background(), w.live[ns+"/Service"].DeepCopy()); err != nil {
			rt.Error(err)
		}
	}
}

// digest gives an image's digest that differs by a letter.
func digest(letter string) string { return "sha256:" + strings.Repeat(letter, 64) }

// newWorld generates a world.
func newWorld(t *testing.T, rt *rapid.T) *world {
	t.Helper()
	w := &world{namespace: corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "gated-"}}, live: map[string]*unstructured.Unstructured{}}
	twin := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "twin-"}}
	for _, ns := range []*corev1.Namespace{&w.namespace, twin} {
		if err := server.client.Create(t.Context(), ns); err != nil {
			rt.Fatal(err)
		}
	}
	w.twin = twin.Name
	for _, object := range w.objects(rt) {
		for _, ns := range []string{w.twin, w.namespace.Name} {
			u := object.DeepCopy()
			u.SetNamespace(ns)
			if err := server.client.Create(t.Context(), u); err != nil {
				rt.Fatalf("creating %s: %v", u.GetKind(), err)
			}
			w.live[ns+"/"+u.GetKind()] = u
		}
	}
	w.namespace.Annotations, w.namespace.Labels = w.state(rt), map[string]string{v1alpha1.GatedLabel: v1alpha1.GatedTrue}
	if rapid.IntRange(0, 2).Draw(rt, "audited") > 0 {
		w.namespace.Labels[v1alpha1.AuditedLabel] = v1alpha1.GatedTrue
	}
	if rapid.IntRange(0, 4).Draw(rt, "required") == 0 {
		w.namespace.Labels[v1alpha1.GateLabel] = v1alpha1.GateRequired
	}
	if err := server.client.Update(t.Context(), &w.namespace); err != nil {
		rt.Fatal(err)
	}
	w.terminating = rapid.IntRange(0, 14).Draw(rt, "terminating") == 0
	return w
}

// state generates the annotations of the Namespace.
func (w *world) state(rt *rapid.T) map[string]string {
	holds := rapid.SliceOfNDistinct(rapid.SampledFrom([]v1alpha1.Row{v1alpha1.RowTenantIsolated, v1alpha1.RowSecretsSafe, v1alpha1.RowRateLimited, "NothingRequired", "LaunchDeleted"}), 0, 3, rapid.ID[v1alpha1.Row])
	why := rapid.SampledFrom([]string{"1", "2", "NotMeasured"})
	list := func(name string) []gate.Hold {
		var found []gate.Hold
		for _, row := range holds.Draw(rt, name) {
			found = append(found, gate.Hold{Row: row, Why: why.Draw(rt, "why")})
		}
		return found
	}
	r := gate.Record{
		Launch: "chat", NamespaceUID: string(w.namespace.UID),
		State:    rapid.SampledFrom([]gate.State{gate.StateNew, gate.StateOpen, gate.StateOpenVerifiedOnly, gate.StateFailing, gate.StateFailing}).Draw(rt, "state"),
		Rollouts: list("holds rollouts"), Exposure: list("holds exposure"),
		Mode:     rapid.SampledFrom([]v1alpha1.GateMode{v1alpha1.GateEnforce, v1alpha1.GateEnforce, v1alpha1.GateEnforce, v1alpha1.GateAudit, v1alpha1.GateOff}).Draw(rt, "mode"),
		Running:  []string{digest("a")},
		Verified: rapid.SampledFrom([][][]string{nil, {{digest("b")}}, {{digest("b"), digest("c")}, {digest("d")}}}).Draw(rt, "verified"),
		Pods:     rapid.SampledFrom([][]map[string]string{nil, {{"app": "chat", "tier": "web"}, {"app": "worker"}}}).Draw(rt, "pods"),
	}
	if r.State == gate.StateFailing && len(r.Rollouts) == 0 {
		r.Rollouts = []gate.Hold{{Row: v1alpha1.RowTenantIsolated, Why: "2"}}
	}
	var names []string
	for _, hold := range r.Rollouts {
		names = append(names, string(hold.Row))
	}
	w.holds = strings.Join(names, ",")
	if r.State != gate.StateNew {
		r.LaunchedAt = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	}
	if rapid.IntRange(0, 9).Draw(rt, "restored") == 0 {
		r.NamespaceUID = "another0-uid"
	}
	if rapid.Bool().Draw(rt, "excludes") {
		r.ExcludedUsers, r.ExcludedGroups = []string{"somebody"}, []string{"robots"}
	}
	other := gate.Record{Launch: "other", State: gate.StateOpen, Mode: v1alpha1.GateEnforce, NamespaceUID: string(w.namespace.UID), Pods: []map[string]string{{"app": "other"}}}
	sentinel := gate.Record{Launch: "sentinel", State: gate.StateNew, Mode: v1alpha1.GateEnforce, Exposure: list("sentinel"), NamespaceUID: string(w.namespace.UID)}
	if len(sentinel.Exposure) == 0 {
		sentinel.Exposure = []gate.Hold{{Row: v1alpha1.RowSecretsSafe, Why: "1"}}
	}
	notes := map[string]string{}
	for _, record := range []gate.Record{r, other, sentinel} {
		key, value := record.Annotation()
		notes[key] = value
	}
	if rapid.IntRange(0, 14).Draw(rt, "grammar") == 0 {
		key, value := r.Annotation()
		notes[key] = "v9" + strings.TrimPrefix(value, "v1")
	}
	point := func(subject gate.Subject, launch string) {
		key, value := gate.Pointer(subject, launch, rapid.IntRange(0, 3).Draw(rt, "exposed") == 0)
		notes[key] = value
		if rapid.IntRange(0, 9).Draw(rt, "claimed") == 0 {
			notes[key] = value[:len("v1;")+len(launch)] + ";claimed"
		}
	}
	for _, name := range []string{"chat", "second"} {
		for _, kind := range []string{"Deployment", "Rollout"} {
			point(gate.WorkloadSubject(kind, name), "chat")
		}
		point(gate.ServiceSubject(name), "chat")
	}
	point(gate.HostSubject("app.example.com"), "chat")
	point(gate.HostSubject("other.example.com"), "other")
	point(gate.ServiceSubject("other"), "other")
	if rapid.IntRange(0, 9).Draw(rt, "foreign pointer") == 0 {
		key, _ := gate.Pointer(gate.ServiceSubject("chat"), "chat", false)
		notes[key] = "v9;chat"
	}
	key, value := gate.Pointer(gate.HostSubject(sentinelHost), "sentinel", false)
	notes[key] = value
	return notes
}

// objects are what lives in the world before the requests.
func (w *world) objects(rt *rapid.T) []*unstructured.Unstructured {
	image := rapid.SampledFrom([]string{"r.example/chat:v1", "r.example/chat@" + digest("a"), "r.example/chat@" + digest("b")}).Draw(rt, "image")
	template := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app": "chat", "tier": "web"}},
		"spec": map[string]any{"containers": []any{map[string]any{
			"name": "web", "image": image, "args": []any{"--serve"},
			"env": settingsBefore(rt),
		}}},
	}
	workload := func(api, kind string) *unstructured.Unstructured {
		return content(api, kind, "chat", map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"app": "chat"}}, "template": template})
	}
	service := content("v1", "Service", "chat", map[string]any{"selector": map[string]any{"app": "chat"}, "ports": []any{map[string]any{"port": int64(80)}}})
	ingress := content("networking.k8s.io/v1", "Ingress", "chat", map[string]any{"rules": []any{ingressRule(rapid.SampledFrom(hosts()).Draw(rt, "live host"), "/", "old")}})
	route := content("gateway.networking.k8s.io/v1", "HTTPRoute", "chat", map[string]any{"hostnames": []any{"live.example.com"}, "rules": []any{routeRule("/", "old")}})
	launch := content("launchready.dev/v1alpha1", "LaunchReadiness", "chat", map[string]any{
		"workloads": []any{map[string]any{"name": "web", "ref": map[string]any{"kind": "Deployment", "name": "chat"}, "services": []any{"chat"}}},
		"domains": map[string]any{
			"canonical": "app.example.com", "hosts": []any{"www.example.com"}, "redirects": []any{"example.com"}, "retired": []any{map[string]any{"host": "old.example.com"}},
			"origin": map[string]any{"hostname": "lb.example.net"},
		},
		"cloudflare": atTheEdge(),
		"email":      []any{map[string]any{"domain": "example.com", "spf": map[string]any{"include": []any{"_spf.example.net"}}, "dmarc": map[string]any{"rua": "mailto:dmarc@example.com"}}},
		"policyRef":  map[string]any{"name": "starter-2026-11"},
		"gate":       map[string]any{"mode": "Enforce", "rollouts": "VerifiedOnly", "edge": "LockedUntilLaunched"},
		"app":        describedApp(),
		"logging":    map[string]any{"sinks": []any{map[string]any{"name": "tracker"}, map[string]any{"name": "traces"}}},
	})
	return []*unstructured.Unstructured{workload("apps/v1", "Deployment"), workload("argoproj.io/v1alpha1", "Rollout"), service, ingress, route, launch}
}

func content(api, kind, name string, spec map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": api, "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}}
	return u.DeepCopy()
}

func hosts() []string {
	return []string{"app.example.com", "other.example.com", "stray.example.com", "*.example.com", ""}
}

func ingressRule(host, path, service string) map[string]any {
	rule := map[string]any{"http": map[string]any{"paths": []any{map[string]any{
		"path": path, "pathType": "Prefix", "backend": map[string]any{"service": map[string]any{"name": service, "port": map[string]any{"number": int64(80)}}},
	}}}}
	if host != "" {
		rule["host"] = host
	}
	return rule
}

func routeRule(path, service string) map[string]any {
	return map[string]any{
		"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": path}}},
		"backendRefs": []any{map[string]any{"name": service, "port": int64(80)}},
	}
}

// gateRequest is a generated write.
type gateRequest struct {
	operation string // create, update or delete
	object    *unstructured.Unstructured
	old       *unstructured.Unstructured
}

// request generates a write.
func (w *world) request(rt *rapid.T) gateRequest {
	kind := rapid.SampledFrom([]string{"Deployment", "Deployment", "Deployment", "Rollout", "Ingress", "Ingress", "HTTPRoute", "Service", "LaunchReadiness", "Namespace"}).Draw(rt, "kind")
	if kind == "Namespace" {
		return w.namespaceRequest(rt)
	}
	live := w.live[w.namespace.Name+"/"+kind]
	r := gateRequest{operation: "update", object: live.DeepCopy(), old: live}
	change := map[string]func(*rapid.T, *unstructured.Unstructured){
		"Deployment": changeWorkload, "Rollout": changeWorkload, "Ingress": changeIngress, "HTTPRoute": changeRoute,
		"Service": changeService, "LaunchReadiness": changeLaunch,
	}[kind]
	switch {
	case kind == "LaunchReadiness" && rapid.IntRange(0, 3).Draw(rt, "delete") == 0:
		return gateRequest{operation: "delete", object: live.DeepCopy(), old: live}
	case kind == "LaunchReadiness" && !w.terminating && rapid.IntRange(0, 3).Draw(rt, "create") == 0:
		r = gateRequest{operation: "create", object: content(live.GetAPIVersion(), kind, "second", fields(live, "spec"))}
	case kind != "LaunchReadiness" && !w.terminating && rapid.IntRange(0, 3).Draw(rt, "create") == 0:
		name := rapid.SampledFrom([]string{"second", "second", "third"}).Draw(rt, "name") // third is no part of a launch
		r = gateRequest{operation: "create", object: content(live.GetAPIVersion(), kind, name, fields(live, "spec"))}
		unstructured.RemoveNestedField(r.object.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(r.object.Object, "spec", "clusterIPs")
	}
	for range rapid.IntRange(1, 2).Draw(rt, "changes") {
		change(rt, r.object)
	}
	w.override(rt, r.object)
	return r
}

func fields(u *unstructured.Unstructured, path ...string) map[string]any {
	found, _, err := unstructured.NestedMap(u.Object, path...)
	if err != nil {
		panic(err)
	}
	return found
}

func set(u *unstructured.Unstructured, value any, path ...string) {
	if err := unstructured.SetNestedField(u.Object, value, path...); err != nil {
		panic(err)
	}
}

// override may put a break-glass or a remediation on the object.
func (w *world) override(rt *rapid.T, u *unstructured.Unstructured) {
	notes := map[string]any{}
	if rapid.IntRange(0, 2).Draw(rt, "glass") == 0 {
		notes[v1alpha1.BreakGlassAnnotation] = rapid.SampledFrom([]string{"incident 42", "incident 43", " ", strings.Repeat("x", 600)}).Draw(rt, "reason")
	}
	switch rapid.IntRange(0, 3).Draw(rt, "remedy") {
	case 0: // as it should be
		notes[v1alpha1.RemediatesAnnotation] = w.holds + ";generation=2"
	case 1:
		rows := rapid.SampledFrom([]string{"TenantIsolated", "SecretsSafe", "RateLimited", "TenantIsolated, SecretsSafe", "TenantIsolated,SecretsSafe,RateLimited", "Nonsense", "NothingRequired", w.holds, w.holds}).Draw(rt, "rows")
		tie := rapid.SampledFrom([]string{"", ";generation=2", ";generation=2", ";generation=1", ";image=r.example/chat@" + digest("e"), "; generation=2", ";nonsense", ";generation=2;x"}).Draw(rt, "tie")
		notes[v1alpha1.RemediatesAnnotation] = rows + tie
	}
	for name, value := range notes {
		set(u, value, "metadata", "annotations", name)
	}
}

// typedSecret is one by its shape.
const typedSecret = "sk-proj-" + "Zk3v9QpL2mXw8RtY5uBn1cVd7sFgHj4KZk3v9QpL2mXw8RtY" // #nosec G101 -- invented

// settingsBefore are the variables of a container before the requests, more of them than are compared at once. Now and then a
// secret is among them from the start.
func settingsBefore(rt *rapid.T) []any {
	env := []any{map[string]any{"name": "MODE", "value": "fast"}, map[string]any{"name": "OLD_PASSWORD", "value": "short"}}
	for i := range 9 {
		env = append(env, map[string]any{"name": fmt.Sprintf("FEATURE_%d", i), "value": fmt.Sprintf("https://feature-0123456789-%d.example.com", i)})
	}
	if rapid.IntRange(0, 4).Draw(rt, "a secret from the start") == 0 {
		env = append(env, map[string]any{"name": "LEGACY_TOKEN", "value": typedSecret})
	}
	return env
}

// changeWorkload changes a workload as people and controllers do.
func changeWorkload(rt *rapid.T, u *unstructured.Unstructured) {
	containers, _, err := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	if err != nil {
		panic(err)
	}
	web := firstContainer(u)
	containers[0] = web
	add := func(field string, item any) {
		list, _ := web[field].([]any)
		web[field] = append(list, item)
	}
	variable := func(name, value string) {
		env, _ := web["env"].([]any)
		at := rapid.IntRange(0, len(env)).Draw(rt, "place")
		web["env"] = slices.Insert(slices.Clone(env), at, any(map[string]any{"name": name, "value": value}))
	}
	const secret = typedSecret
	switch rapid.SampledFrom([]string{"scale", "label", "restart", "restart", "template label", "env", "order", "secret", "arg", "flag", "annotation", "suspect", "reloader", "image", "image", "image", "image", "sidecar"}).Draw(rt, "change") {
	case "scale":
		set(u, int64(3), "spec", "replicas")
	case "sinks":
		sinks := rapid.SampledFrom([][]any{{}, {map[string]any{"name": "traces"}}, {map[string]any{"name": "traces"}, map[string]any{"name": "files"}, map[string]any{"name": "tracker"}}})
		set(u, sinks.Draw(rt, "sinks"), "spec", "logging", "sinks")
	case "label":
		set(u, "x", "metadata", "labels", "team")
	case "restart":
		set(u, "2026-11-26T09:00:00Z", "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
	case "annotation":
		set(u, secret, "spec", "template", "metadata", "annotations", "example.com/token")
	case "template label":
		set(u, "2", "spec", "template", "metadata", "labels", "version")
	case "env":
		variable("LEVEL", "debug")
	case "order":
		if env, _ := web["env"].([]any); len(env) > 0 {
			at := rapid.IntRange(0, len(env)-1).Draw(rt, "turn")
			web["env"] = slices.Concat(env[at:], env[:at])
		}
	case "secret":
		variable("OPENAI_API_KEY", secret)
	case "suspect":
		variable("DB_PASSWORD", "short")
	case "arg":
		add("args", "key is "+secret)
	case "flag":
		add("args", "--api-key="+secret)
	case "reloader":
		variable("STAKATER_CHAT_SECRET", rapid.SampledFrom([]string{strings.Repeat("0a", 20), "anything"}).Draw(rt, "hash"))
	case "image":
		web["image"] = rapid.SampledFrom([]string{
			"r.example/chat@" + digest("a"), "r.example/chat:v1@" + digest("a"), "r.example/chat@" + digest("b"), "r.example/chat@" + digest("c"),
			"r.example/chat@" + digest("e"), "r.example/chat:v2", "r.example/chat@sha256:short", "r.example/chat@" + digest("d"),
		}).Draw(rt, "new image")
	case "sidecar":
		containers = append(containers, map[string]any{"name": "side", "image": "r.example/side@" + digest(rapid.SampledFrom([]string{"b", "c", "e"}).Draw(rt, "side"))})
		if len(containers) > 2 {
			containers = containers[:2]
		}
	}
	set(u, containers, "spec", "template", "spec", "containers")
}

func changeIngress(rt *rapid.T, u *unstructured.Unstructured) {
	rules, _, err := unstructured.NestedSlice(u.Object, "spec", "rules")
	if err != nil {
		panic(err)
	}
	rule := ingressRule(rapid.SampledFrom(hosts()).Draw(rt, "host"),
		rapid.SampledFrom([]string{"/", "/api", "/.well-known/acme-challenge/tok-en_1", "/.well-known/acme-challenge/.*"}).Draw(rt, "path"),
		rapid.SampledFrom([]string{"chat", "other", "old", "solver"}).Draw(rt, "service"))
	switch rapid.SampledFrom([]string{"add", "add", "replace", "default", "no paths", "label"}).Draw(rt, "change") {
	case "add":
		rules = append(rules, rule)
	case "replace":
		rules = []any{rule}
	case "default":
		set(u, map[string]any{"service": map[string]any{"name": rapid.SampledFrom([]string{"chat", "old"}).Draw(rt, "default"), "port": map[string]any{"number": int64(80)}}}, "spec", "defaultBackend")
	case "no paths":
		delete(rule, "http")
		if rule["host"] != nil {
			rules = append(rules, rule)
		}
	case "label":
		set(u, "x", "metadata", "labels", "team")
	}
	set(u, rules, "spec", "rules")
}

func changeRoute(rt *rapid.T, u *unstructured.Unstructured) {
	rules, _, err := unstructured.NestedSlice(u.Object, "spec", "rules")
	if err != nil {
		panic(err)
	}
	names, _, err := unstructured.NestedStringSlice(u.Object, "spec", "hostnames")
	if err != nil {
		panic(err)
	}
	rule := routeRule(rapid.SampledFrom([]string{"/", "/.well-known/acme-challenge/x"}).Draw(rt, "path"), rapid.SampledFrom([]string{"chat", "other", "old"}).Draw(rt, "service"))
	switch rapid.SampledFrom([]string{"host", "host", "rule", "replace", "no hosts", "elsewhere", "no matches"}).Draw(rt, "change") {
	case "host":
		if host := rapid.SampledFrom(hosts()[:4]).Draw(rt, "host"); len(names) < 3 {
			names = append(names, host)
		}
	case "rule":
		rules = append(rules, rule)
	case "replace":
		rules = []any{rule}
	case "no hosts":
		names = nil
	case "elsewhere":
		rule["backendRefs"] = []any{map[string]any{"name": "chat", "namespace": "elsewhere", "port": int64(80)}}
		rules = append(rules, rule)
	case "no matches":
		delete(rule, "matches")
		rules = append(rules, rule)
	}
	set(u, rules, "spec", "rules")
	if names == nil {
		unstructured.RemoveNestedField(u.Object, "spec", "hostnames")
		return
	}
	var list []any
	for _, name := range names {
		list = append(list, name)
	}
	set(u, list, "spec", "hostnames")
}

func changeService(rt *rapid.T, u *unstructured.Unstructured) {
	switch rapid.SampledFrom([]string{"type", "selector", "external", "label"}).Draw(rt, "change") {
	case "type":
		set(u, rapid.SampledFrom([]string{"LoadBalancer", "NodePort", "ClusterIP"}).Draw(rt, "type"), "spec", "type")
	case "selector":
		set(u, rapid.SampledFrom([]map[string]any{
			{"app": "chat"}, {"app": "green"}, {"app": "worker"}, {"tier": "web"}, {}, {"app": "chat", "rollouts-pod-template-hash": "abc"}, {"rollouts-pod-template-hash": "abc"},
		}).Draw(rt, "selector"), "spec", "selector")
	case "external":
		set(u, []any{"192.0.2.1"}, "spec", "externalIPs")
	case "label":
		set(u, "x", "metadata", "labels", "team")
	}
}

func changeLaunch(rt *rapid.T, u *unstructured.Unstructured) {
	switch rapid.SampledFrom([]string{"mode", "rollouts", "policy", "no policy", "service", "host", "workload", "more", "label", "sinks", "adopt", "app", "app", "app", "edge", "edge", "edge"}).Draw(rt, "change") {
	case "app":
		changeDescription(rt, u)
	case "edge":
		changeEdge(rt, u)
	case "adopt":
		set(u, "Live", "spec", "gate", "adoption")
	case "mode":
		set(u, rapid.SampledFrom([]string{"Off", "Audit", "Enforce"}).Draw(rt, "mode"), "spec", "gate", "mode")
	case "rollouts":
		set(u, "WhileLaunchable", "spec", "gate", "rollouts")
	case "policy":
		set(u, "marketplace-2026-11", "spec", "policyRef", "name")
	case "no policy":
		unstructured.RemoveNestedField(u.Object, "spec", "policyRef")
	case "service":
		set(u, []any{map[string]any{"name": "web", "ref": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}}}, "spec", "workloads")
	case "workload":
		set(u, []any{map[string]any{"name": "api", "ref": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}}}, "spec", "workloads")
	case "more":
		list, _, _ := unstructured.NestedSlice(u.Object, "spec", "workloads")
		set(u, append(list, map[string]any{"name": "second", "ref": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "second"}}), "spec", "workloads")
	case "host":
		set(u, map[string]any{
			"canonical": rapid.SampledFrom([]string{"www.example.com", "app.example.com"}).Draw(rt, "canonical"), "origin": map[string]any{"hostname": "lb.example.net"},
		}, "spec", "domains")
	case "label":
		set(u, "x", "metadata", "labels", "team")
	}
}

// atTheEdge says what is asked of Cloudflare.
func atTheEdge() map[string]any {
	return map[string]any{
		"zone": "example.com", "mode": "Enforce", "adopt": []any{"DNS", "WAF"}, "waf": map[string]any{"blockedPaths": []any{"/internal/"}},
		"rateLimits": []any{
			map[string]any{"name": "login", "paths": []any{"/login", "/api/login"}, "methods": []any{"POST"}, "requests": int64(10)},
			map[string]any{"name": "chat", "paths": []any{"/api/chat"}, "requests": int64(100), "periodSeconds": int64(600)},
		},
		"cache": map[string]any{"staticPaths": []any{"/assets/"}, "privatePaths": []any{"/account/"}},
	}
}

// changeEdge adds, takes away or alters a part of what is asked of the edge, of names and of mail.
func changeEdge(rt *rapid.T, u *unstructured.Unstructured) {
	drop := func(path ...string) { unstructured.RemoveNestedField(u.Object, append([]string{"spec"}, path...)...) }
	one := func(path ...string) {
		if rapid.Bool().Draw(rt, "gone") {
			drop(path...)
			return
		}
		values := map[string][]any{
			"mode": {"Enforce", "Observe", "Revert"}, "adopt": {[]any{"DNS"}, []any{"WAF", "DNS", "TLS"}}, "managedRules": {"On", "Off"},
			"blockedPaths": {[]any{"/int"}, []any{"/internal/x"}}, "hsts": {map[string]any{"mode": "Off"}, map[string]any{"maxAgeSeconds": int64(63072000)}},
			"staticPaths": {[]any{"/assets/css/"}, []any{"/a"}}, "privatePaths": {[]any{"/acc"}, []any{"/me"}},
			"rateLimits": {
				[]any{map[string]any{"name": "all", "paths": []any{"/login", "/api/"}, "requests": int64(10), "periodSeconds": int64(60)}},
				[]any{map[string]any{"name": "all", "paths": []any{"/lo", "/api/"}, "requests": int64(10), "periodSeconds": int64(600)}},
			},
			"redirects": {[]any{"a.example.com"}, []any{"example.com", "a.example.com"}}, "retired": {[]any{map[string]any{"host": "older.example.com"}}},
			"edge": {"Off", "LockedUntilLaunched", "LockedWhileFailing"},
			"chat": {map[string]any{"request": map[string]any{"path": "/api/chat"}, "reply": "response.text", "ratePerMinute": int64(10)}},
		}[path[len(path)-1]]
		set(u, rapid.SampledFrom(values).Draw(rt, "value"), append([]string{"spec"}, path...)...)
	}
	parts := [][]string{
		{"cloudflare", "mode"},
		{"cloudflare", "adopt"},
		{"cloudflare", "waf", "managedRules"},
		{"cloudflare", "waf", "blockedPaths"},
		{"cloudflare", "tls", "hsts"},
		{"cloudflare", "cache", "staticPaths"},
		{"cloudflare", "cache", "privatePaths"},
		{"cloudflare", "rateLimits"},
		{"domains", "redirects"},
		{"domains", "retired"},
		{"gate", "edge"},
		{"app", "chat"},
	}
	switch what := rapid.IntRange(0, len(parts)+3).Draw(rt, "what"); what {
	default:
		if _, there, _ := unstructured.NestedMap(u.Object, "spec", parts[what][0]); there {
			one(parts[what]...)
		}
		for _, part := range []string{"waf", "tls"} { // an empty one is refused by the CRD
			if fields, there, _ := unstructured.NestedMap(u.Object, "spec", "cloudflare", part); there && len(fields) == 0 {
				drop("cloudflare", part)
			}
		}
	case len(parts):
		drop("cloudflare")
		drop("gate", "edge")
	case len(parts) + 1:
		drop("email")
	case len(parts) + 2:
		mail := map[string]any{"domain": "example.com", "spf": map[string]any{"include": []any{"_spf.example.net"}}}
		if policy := rapid.SampledFrom([]string{"", "none", "quarantine", "reject"}).Draw(rt, "dmarc"); policy != "" {
			mail["dmarc"] = map[string]any{"policy": policy, "rua": "mailto:dmarc@example.com"}
		}
		set(u, []any{mail}, "spec", "email")
	case len(parts) + 3:
		set(u, map[string]any{"canonical": "app.example.com", "hosts": []any{"www.example.com", "example.com"}, "origin": map[string]any{"addresses": []any{"203.0.113.7"}}}, "spec", "domains")
	}
}

// describedApp says how the app is used.
func describedApp() map[string]any {
	request := map[string]any{"path": "/api"}
	identity := func(name, tenant, role string) any {
		return map[string]any{"name": name, "tenant": tenant, "role": role, "credentialsSecretRef": map[string]any{"name": name}}
	}
	return map[string]any{
		"service": map[string]any{"name": "chat"}, "writes": "Sandbox", "absent": []any{"Login"}, "adminPaths": []any{"/admin", "/users"},
		"identities": []any{identity("alice", "acme", "User"), identity("bob", "globex", "User"), identity("root", "acme", "Admin")},
		"profile":    map[string]any{"read": request, "update": request}, "logout": map[string]any{"request": request},
		"chat":      map[string]any{"request": request, "reply": "response.text"},
		"resources": []any{map[string]any{"name": "chats", "create": map[string]any{"request": request}, "item": request, "list": request, "search": request}},
	}
}

// changeDescription adds, takes away or alters a part of spec.app.
func changeDescription(rt *rapid.T, u *unstructured.Unstructured) {
	app, _, _ := unstructured.NestedMap(u.Object, "spec", "app")
	entry := func(list string) map[string]any {
		entries, _ := app[list].([]any)
		if len(entries) == 0 {
			return map[string]any{}
		}
		chosen, _ := rapid.SampledFrom(entries).Draw(rt, "entry").(map[string]any)
		return chosen
	}
	for range rapid.IntRange(1, 2).Draw(rt, "changes") {
		switch rapid.IntRange(0, 8).Draw(rt, "what") {
		case 0:
			delete(app, rapid.SampledFrom([]string{"service", "writes", "absent", "adminPaths", "identities", "profile", "logout", "chat", "resources"}).Draw(rt, "part"))
		case 1:
			entry("identities")[rapid.SampledFrom([]string{"name", "tenant", "role"}).Draw(rt, "field")] = rapid.SampledFrom([]any{"alice", "acme", "User", "Admin"}).Draw(rt, "value")
		case 2:
			delete(entry("identities"), "role")
		case 3:
			resource := entry("resources")
			delete(resource, rapid.SampledFrom([]string{"list", "search", "export"}).Draw(rt, "channel"))
			resource["update"] = map[string]any{"path": "/other"}
		case 4:
			entry("resources")["sharing"] = rapid.SampledFrom([]any{"None", "Tenant"}).Draw(rt, "sharing")
		case 5:
			app["adminPaths"] = rapid.SampledFrom([]any{[]any{"/admin"}, []any{"/users", "/admin"}, []any{"/users", "/admin", "/more"}}).Draw(rt, "paths")
		case 6:
			app["absent"] = rapid.SampledFrom([]any{[]any{"Admin"}, []any{"Login", "Admin"}, []any{"Login"}}).Draw(rt, "absent")
		case 7:
			app["service"] = rapid.SampledFrom([]any{map[string]any{"name": "chat"}, map[string]any{"name": "chat", "port": int64(80)}, map[string]any{"name": "other"}}).Draw(rt, "service")
		case 8:
			if profile, ok := app["profile"].(map[string]any); ok {
				delete(profile, "update")
			}
		}
	}
	set(u, app, "spec", "app")
}

// namespaceRequest generates a write of the Namespace itself.
func (w *world) namespaceRequest(rt *rapid.T) gateRequest {
	data, err := json.Marshal(w.namespace)
	if err != nil {
		panic(err)
	}
	old := &unstructured.Unstructured{}
	if err := json.Unmarshal(data, &old.Object); err != nil {
		panic(err)
	}
	old.SetAPIVersion("v1")
	old.SetKind("Namespace")
	u := old.DeepCopy()
	key, _ := gate.Pointer(gate.ServiceSubject("chat"), "chat", false)
	switch rapid.SampledFrom([]string{"note", "remove", "add", "unlabel", "require", "label", "annotation", "both"}).Draw(rt, "change") {
	case "note":
		set(u, "v1;chat;exposed", "metadata", "annotations", key)
	case "remove":
		unstructured.RemoveNestedField(u.Object, "metadata", "annotations", key)
	case "add":
		set(u, "x", "metadata", "annotations", "gate.launchready.dev/anything")
	case "unlabel":
		unstructured.RemoveNestedField(u.Object, "metadata", "labels", v1alpha1.GatedLabel)
	case "require":
		set(u, v1alpha1.GateRequired, "metadata", "labels", v1alpha1.GateLabel)
	case "label":
		set(u, "x", "metadata", "labels", "team")
	case "annotation":
		set(u, "x", "metadata", "annotations", "notgate.launchready.dev.example.com/state")
	case "both":
		set(u, "x", "metadata", "labels", "team")
		set(u, "v1;chat;exposed", "metadata", "annotations", key)
	}
	return gateRequest{operation: "update", object: u, old: old}
}

// settle waits until the API server has seen the state of the world.
func (w *world) settle(t *testing.T, c *gateClient) {
	t.Helper()
	eventually(t, func() string {
		probe := content("networking.k8s.io/v1", "Ingress", "sentinel", map[string]any{"rules": []any{ingressRule(sentinelHost, "/", "x")}})
		probe.SetNamespace(w.namespace.Name)
		denial, _, err := c.try(t.Context(), func(ctx context.Context) error { return c.Create(ctx, probe, client.DryRunAll) })
		if err != nil {
			return err.Error()
		}
		if denial == "" {
			return "the API server has not seen the state of the namespace"
		}
		return ""
	})
	if !w.terminating {
		return
	}
	// Nothing runs here that would empty it, so that it stays as it is.
	if err := server.client.Delete(t.Context(), w.namespace.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		probe := content("v1", "ConfigMap", "probe", nil)
		probe.SetNamespace(w.namespace.Name)
		if err := server.client.Create(t.Context(), probe, client.DryRunAll); !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return "the API server has not seen that the namespace is being deleted"
		}
		return ""
	})
	if err := server.client.Get(t.Context(), client.ObjectKeyFromObject(&w.namespace), &w.namespace); err != nil {
		t.Fatal(err)
	}
}

// policiesInForce says what is missing until the policies are enforced.
func policiesInForce(t *testing.T, c *gateClient) string {
	t.Helper()
	ns := &corev1.Namespace{}
	if err := server.client.Get(t.Context(), client.ObjectKey{Name: "default"}, ns); err != nil {
		return err.Error()
	}
	ns.Annotations = map[string]string{"gate.launchready.dev/probe": "x"}
	denial, _, err := c.try(t.Context(), func(ctx context.Context) error { return c.Update(ctx, ns, client.DryRunAll) })
	if err != nil {
		return err.Error()
	}
	if denial == "" {
		return "the policies are not in force yet"
	}
	return ""
}

// compare asks both judges. Requests that the API server refuses for reasons of its own are no cases.
func (w *world) compare(t *testing.T, rt *rapid.T, c *gateClient, r gateRequest) (decision gate.Decision, valid bool) {
	defaulted := w.defaulted(t, rt, r)
	if defaulted == nil {
		return gate.Decision{}, false
	}
	denial, warned, err := c.try(t.Context(), func(ctx context.Context) error {
		u := r.object.DeepCopy()
		if u.GetKind() != "Namespace" {
			u.SetNamespace(w.namespace.Name)
		}
		switch r.operation {
		case "create":
			return c.Create(ctx, u, client.DryRunAll)
		case "delete":
			return c.Delete(ctx, u, client.DryRunAll)
		default:
			return c.Update(ctx, u, client.DryRunAll)
		}
	})
	if err != nil {
		rt.Fatalf("%s of %s as %s failed for reasons of its own: %v", r.operation, r.object.GetKind(), c.user.name, err)
	}
	request := gate.Request{
		Kind: schema.GroupKind{Group: r.object.GroupVersionKind().Group, Kind: r.object.GetKind()}, Object: defaulted.Object,
		Namespace: w.namespace, User: gate.User{Name: c.user.name, Groups: []string{c.user.group, "system:authenticated"}}, May: c.may,
	}
	if r.old != nil {
		request.Old = r.old.Object
	}
	if r.operation == "delete" {
		request.Object = nil
	}
	want := gate.Decide(request)
	got := gate.Decision{Row: want.Row, Denials: want.Denials, Warnings: warned}
	if !slices.Contains(want.Denials, denial) && (denial != "" || len(want.Denials) > 0) {
		got.Denials = []string{denial}
	}
	// Each policy gives its warnings in order, but which policy comes first is the API server's affair.
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.SortSlices(strings.Compare)); diff != "" {
		object, _ := json.MarshalIndent(r.object.Object, "", " ")
		rt.Fatalf("%s as %s: the judges differ (-Go +API server):\n%s\nannotations of the Namespace: %v\nlabels: %v\nrequest: %s", r.operation, c.user.name, diff, w.namespace.Annotations, w.namespace.Labels, object)
	}
	return want, true
}

// defaulted gives the object of a request as admission sees it: with the API server's defaults, found in the twin.
func (w *world) defaulted(t *testing.T, rt *rapid.T, r gateRequest) *unstructured.Unstructured {
	if r.object.GetKind() == "Namespace" || r.operation == "delete" {
		return r.object
	}
	u := r.object.DeepCopy()
	u.SetNamespace(w.twin)
	u.SetUID("")
	var err error
	if r.operation == "create" {
		err = server.client.Create(t.Context(), u, client.DryRunAll)
	} else {
		twin := w.live[w.twin+"/"+u.GetKind()]
		u.SetResourceVersion(twin.GetResourceVersion())
		u.SetUID(twin.GetUID())
		err = server.client.Update(t.Context(), u, client.DryRunAll)
	}
	if apierrors.IsInvalid(err) {
		return nil
	}
	if err != nil {
		rt.Fatalf("finding the defaults of %s: %v", u.GetKind(), err)
	}
	u.SetNamespace(w.namespace.Name)
	return u
}
