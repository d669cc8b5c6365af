// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
)

var created = metav1.NewTime(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))

// cluster is what a launch is resolved from.
type cluster struct {
	t       *testing.T
	objects []client.Object
	// calls are what was read, as "verb Kind name".
	calls []string
	// refuse fails calls.
	refuse func(call string) error
}

// newCluster has the namespace shop and the Deployment chat.
func newCluster(t *testing.T, objects ...client.Object) *cluster {
	t.Helper()
	return &cluster{t: t, objects: append([]client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"stage": "prod"}}},
		deployment("chat"),
	}, objects...)}
}

func deployment(name string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Annotations: map[string]string{"a": "b"}},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](3), RevisionHistoryLimit: ptr.To[int32](7), Strategy: appsv1.DeploymentStrategy{Type: "Recreate"},
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "shop/chat:1"}}},
			},
		},
	}
}

// lr is a launch of the Deployment chat.
func lr(name string, change ...func(*v1alpha1.LaunchReadiness)) *v1alpha1.LaunchReadiness {
	l := &v1alpha1.LaunchReadiness{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: created},
		Spec:       v1alpha1.LaunchReadinessSpec{Workloads: []v1alpha1.Workload{entry("Deployment", "chat")}},
	}
	for _, c := range change {
		c(l)
	}
	return l
}

func entry(kind v1alpha1.WorkloadKind, name string) v1alpha1.Workload {
	version := "apps/v1"
	if kind == v1alpha1.KindRollout {
		version = "argoproj.io/v1alpha1"
	}
	return v1alpha1.Workload{Name: name, Ref: v1alpha1.WorkloadReference{APIVersion: version, Kind: kind, Name: name}}
}

func (c *cluster) scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			c.t.Fatal(err)
		}
	}
	scheme.AddKnownTypeWithName(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"}, &unstructured.Unstructured{})
	return scheme
}

func (c *cluster) resolver() *Resolver {
	c.t.Helper()
	note := func(reader, verb string, obj runtime.Object, name string) error {
		call := strings.TrimSpace(fmt.Sprintf("%s %s %T %s", reader, verb, obj, name))
		c.calls = append(c.calls, call)
		if c.refuse != nil {
			return c.refuse(call)
		}
		return nil
	}
	reader := func(which string) client.Reader {
		return fake.NewClientBuilder().WithScheme(c.scheme()).WithObjects(c.copies()...).WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if err := note(which, "get", obj, key.Name); err != nil {
					return err
				}
				return under.Get(ctx, key, obj, opts...)
			},
			List: func(ctx context.Context, under client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				if err := note(which, "list", list, ""); err != nil {
					return err
				}
				return under.List(ctx, list, opts...)
			},
		}).Build()
	}
	builtIn, err := BuiltInPolicies()
	if err != nil {
		c.t.Fatal(err)
	}
	return &Resolver{Cached: reader("cached"), Live: reader("live"), BuiltIn: builtIn}
}

func (c *cluster) copies() []client.Object {
	copies := make([]client.Object, len(c.objects))
	for i, o := range c.objects {
		copies[i], _ = o.DeepCopyObject().(client.Object) // a copy is of the same type
	}
	return copies
}

func (c *cluster) resolve(l *v1alpha1.LaunchReadiness) (*App, error) {
	c.t.Helper()
	return c.resolver().Resolve(c.t.Context(), l)
}

// resolved resolves a launch without an error.
func (c *cluster) resolved(l *v1alpha1.LaunchReadiness) *App {
	c.t.Helper()
	app, err := c.resolve(l)
	if err != nil {
		c.t.Fatal(err)
	}
	return app
}

// kindOf gives the kind of an error with its reason.
func kindOf(err error) string {
	var stalled *StalledError
	var waiting *WaitingError
	var transient *TransientError
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &stalled):
		return "stalled " + stalled.Reason
	case errors.As(err, &waiting):
		return "waiting " + waiting.Reason
	case errors.As(err, &transient):
		return "transient"
	default:
		return "other"
	}
}

func policy(name, selector, spec string) *v1alpha1.LaunchPolicy {
	p := &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 3}}
	text := "{" + spec
	if selector != "" {
		text += ", namespaceSelector: {matchLabels: {stage: " + selector + "}}"
	}
	if err := yaml.Unmarshal([]byte(text+"}"), &p.Spec); err != nil {
		panic(err)
	}
	return p
}

func TestPoliciesInForce(t *testing.T) {
	binds := policy("binds", "prod", "rows: [{row: SecretsSafe, enforcement: Advisory}]")
	elsewhere := policy("elsewhere", "dev", "rows: [{row: AuthEnforced, enforcement: Required}]")
	named := policy("named", "", "rows: [{row: TLSEnforced, enforcement: Required}]")
	grants := policy("grants", "prod", "edge: {credentials: [{name: apps, zones: [example.com], hosts: [\"*.example.com\"], namespaceSelector: {}, apiTokenSecretRef: {name: a, key: b}}]}")
	based := policy("based", "prod", "base: starter-2026-11, rows: [{row: SecretsSafe, enforcement: Advisory}]")
	for _, test := range []struct {
		name, ref string
		policies  []client.Object
		inForce   string
		rows      string
		err       string
	}{
		{"none selects", "", []client.Object{elsewhere, named}, "marketplace-2026-11", "AuthEnforced=Advisory EdgeProtected=Advisory LoggingSafe=Advisory PromptInjectionResistant=Advisory RollbackReady=Required SecretsSafe=Required TenantIsolated=Advisory", "none"},
		{"one selects that only grants", "", []client.Object{grants}, "grants@3 marketplace-2026-11", "AuthEnforced=Advisory EdgeProtected=Advisory LoggingSafe=Advisory PromptInjectionResistant=Advisory RollbackReady=Required SecretsSafe=Required TenantIsolated=Advisory", "none"},
		{"one selects that grants, and one that demands", "", []client.Object{grants, binds}, "binds@3 grants@3", "SecretsSafe=Advisory", "none"},
		{"one selects", "", []client.Object{binds, elsewhere}, "binds@3", "SecretsSafe=Advisory", "none"},
		{"one is named besides", "named", []client.Object{binds, named}, "binds@3 named@3", "SecretsSafe=Advisory TLSEnforced=Required", "none"},
		{"the one that selects is named", "binds", []client.Object{binds}, "binds@3", "SecretsSafe=Advisory", "none"},
		{"a built-in is named", "starter-2026-11", []client.Object{binds}, "binds@3 starter-2026-11", "AuthEnforced=Advisory EdgeProtected=Advisory LoggingSafe=Advisory PromptInjectionResistant=Advisory RollbackReady=Advisory SecretsSafe=Required TenantIsolated=Advisory", "none"},
		{"the default is named", "marketplace-2026-11", nil, "marketplace-2026-11", "AuthEnforced=Advisory EdgeProtected=Advisory LoggingSafe=Advisory PromptInjectionResistant=Advisory RollbackReady=Required SecretsSafe=Required TenantIsolated=Advisory", "none"},
		{"a missing one is named", "gone", []client.Object{binds}, "binds@3", "SecretsSafe=Advisory", "stalled PolicyNotFound"},
		{"a missing one alone", "gone", nil, "marketplace-2026-11", "AuthEnforced=Advisory EdgeProtected=Advisory LoggingSafe=Advisory PromptInjectionResistant=Advisory RollbackReady=Required SecretsSafe=Required TenantIsolated=Advisory", "stalled PolicyNotFound"},
		{"one with a base", "", []client.Object{based}, "based@3", "AuthEnforced=Advisory EdgeProtected=Advisory LoggingSafe=Advisory PromptInjectionResistant=Advisory RollbackReady=Advisory SecretsSafe=Advisory TenantIsolated=Advisory", "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t, test.policies...)
			l := lr("chat")
			if test.ref != "" {
				l.Spec.PolicyRef = &v1alpha1.PolicyReference{Name: test.ref}
			}
			app, err := c.resolve(l)
			if kindOf(err) != test.err {
				t.Fatalf("error: %v", err)
			}
			var inForce, rows []string
			for _, p := range app.Policies {
				name := p.Name
				if p.Generation != nil {
					name += fmt.Sprintf("@%d", *p.Generation)
				}
				inForce = append(inForce, name)
			}
			for _, d := range app.Policy.Rows {
				rows = append(rows, fmt.Sprintf("%s=%s", d.Row, d.Enforcement))
			}
			if diff := cmp.Diff([]string{test.inForce, test.rows}, []string{strings.Join(inForce, " "), strings.Join(rows, " ")}); diff != "" {
				t.Error(diff)
			}
			if !app.Measurable() {
				t.Error("whatever becomes of the policy, the workload can be measured")
			}
			rules, err := c.resolver().Rules(t.Context(), l)
			if diff := cmp.Diff(app.Policy, rules); diff != "" || kindOf(err) != test.err {
				t.Errorf("Rules: %v\n%s", err, diff)
			}
		})
	}
}

func TestWaiversOfALaunch(t *testing.T) {
	waiver := func(namespace, name, launch string) *v1alpha1.LaunchWaiver {
		return &v1alpha1.LaunchWaiver{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       v1alpha1.LaunchWaiverSpec{LaunchReadinessRef: v1alpha1.LaunchReadinessReference{Name: launch}},
		}
	}
	going := waiver("shop", "going", "chat")
	going.DeletionTimestamp, going.Finalizers = &created, []string{"example.com/f"}
	app := newCluster(t, waiver("shop", "b", "chat"), waiver("shop", "a", "chat"), waiver("shop", "c", "other"), waiver("bank", "d", "chat"), going).resolved(lr("chat"))
	var names []string
	for _, w := range app.Waivers {
		names = append(names, w.Name)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestTheOlderLaunchKeepsAWorkload(t *testing.T) {
	at := func(seconds int) func(*v1alpha1.LaunchReadiness) {
		return func(l *v1alpha1.LaunchReadiness) {
			l.CreationTimestamp = metav1.NewTime(created.Add(time.Duration(seconds) * time.Second))
		}
	}
	deleted := func(l *v1alpha1.LaunchReadiness) {
		l.DeletionTimestamp, l.Finalizers = &created, []string{"example.com/f"}
	}
	other := func(l *v1alpha1.LaunchReadiness) {
		l.Spec.Workloads = []v1alpha1.Workload{entry("Deployment", "else"), entry("StatefulSet", "chat")}
	}
	for _, test := range []struct {
		name  string
		other *v1alpha1.LaunchReadiness
		want  string
	}{
		{"an older one", lr("zoo", at(-1)), "stalled WorkloadConflict"},
		{"a younger one", lr("ant", at(1)), "none"},
		{"of the same second, earlier in the alphabet", lr("ant"), "stalled WorkloadConflict"},
		{"of the same second, later in the alphabet", lr("zoo"), "none"},
		{"an older one that is being deleted", lr("zoo", at(-1), deleted), "none"},
		{"an older one with other workloads", lr("zoo", at(-1), other), "none"},
		{"an earlier resource of our name", lr("chat", at(-1), func(l *v1alpha1.LaunchReadiness) { l.UID = "earlier" }), "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			app, err := newCluster(t, test.other).resolve(lr("chat"))
			if kindOf(err) != test.want {
				t.Fatalf("error: %v", err)
			}
			if app.Measurable() != (err == nil) {
				t.Errorf("measurable: %v", app.Measurable())
			}
			if err != nil && !strings.Contains(err.Error(), test.other.Name) {
				t.Errorf("the message does not name the other launch: %v", err)
			}
		})
	}
}

func rollout(spec string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte("{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {namespace: shop, name: chat, uid: uid-r, annotations: {a: b}}, spec: "+spec+"}"), &u.Object); err != nil {
		panic(err)
	}
	return u
}

func TestWorkloads(t *testing.T) {
	template := deployment("chat").Spec.Template
	selector := deployment("chat").Spec.Selector
	stateful := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat"}, Spec: appsv1.StatefulSetSpec{
		Selector: selector, Template: template, UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: "OnDelete"},
	}}
	daemon := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat"}, Spec: appsv1.DaemonSetSpec{
		Selector: selector, Template: template, UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: "RollingUpdate"},
	}, Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 4}}
	const inline = "selector: {matchLabels: {app: chat}}, template: {metadata: {labels: {app: chat}}, spec: {containers: [{name: web, image: 'shop/chat:1'}]}}"
	for _, test := range []struct {
		name    string
		kind    v1alpha1.WorkloadKind
		object  client.Object
		want    Workload
		err     string
		message string
	}{
		{"Deployment", "Deployment", nil, Workload{UID: "uid-chat", Annotations: map[string]string{"a": "b"}, Replicas: 3, RevisionHistoryLimit: 7, Strategy: "Recreate"}, "none", ""},
		{"StatefulSet", "StatefulSet", stateful, Workload{Replicas: 1, RevisionHistoryLimit: 10, Strategy: "OnDelete"}, "none", ""},
		{"DaemonSet", "DaemonSet", daemon, Workload{Replicas: 4, RevisionHistoryLimit: 10, Strategy: "RollingUpdate"}, "none", ""},
		{"Rollout", "Rollout", rollout("{replicas: 2, revisionHistoryLimit: 4, strategy: {canary: {}}, " + inline + "}"), Workload{UID: "uid-r", Annotations: map[string]string{"a": "b"}, Replicas: 2, RevisionHistoryLimit: 4, Strategy: "Canary"}, "none", ""},
		{"Rollout with defaults", "Rollout", rollout("{strategy: {blueGreen: {activeService: chat}}, " + inline + "}"), Workload{UID: "uid-r", Annotations: map[string]string{"a": "b"}, Replicas: 1, RevisionHistoryLimit: 10, Strategy: "BlueGreen"}, "none", ""},
		{"Rollout with workloadRef", "Rollout", rollout("{workloadRef: {apiVersion: apps/v1, kind: Deployment, name: chat}}"), Workload{UID: "uid-r", Annotations: map[string]string{"a": "b"}, TemplateFrom: "chat", Replicas: 1, RevisionHistoryLimit: 10, Strategy: "Canary"}, "none", ""},
		{"Rollout with a workloadRef to nothing", "Rollout", rollout("{workloadRef: {kind: Deployment, name: gone}}"), Workload{}, "waiting WorkloadNotFound", "Deployment gone"},
		{"Rollout with a workloadRef of another kind", "Rollout", rollout("{workloadRef: {kind: ReplicaSet, name: chat}}"), Workload{}, "stalled WorkloadInvalid", "ReplicaSet"},
		{"Rollout with no template", "Rollout", rollout("{replicas: 2}"), Workload{}, "stalled WorkloadInvalid", "neither"},
		{"Rollout of another shape", "Rollout", rollout("{replicas: many}"), Workload{}, "stalled WorkloadInvalid", "correct its spec"},
		{"Rollout whose spec is none", "Rollout", rollout("7"), Workload{}, "stalled WorkloadInvalid", "correct its spec"},
		{"missing StatefulSet", "StatefulSet", nil, Workload{}, "waiting WorkloadNotFound", "StatefulSet shop/chat does not exist: create it, or correct spec.workloads[0].ref."},
		{"missing Rollout", "Rollout", nil, Workload{}, "waiting WorkloadNotFound", "Rollout shop/chat"},
		{"a kind of a later version", "CronJob", nil, Workload{}, "stalled WorkloadInvalid", "CronJob"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			if test.object != nil {
				c.objects = append(c.objects, test.object)
			}
			app, err := c.resolve(lr("chat", func(l *v1alpha1.LaunchReadiness) { l.Spec.Workloads = []v1alpha1.Workload{entry(test.kind, "chat")} }))
			if kindOf(err) != test.err || err != nil && !strings.Contains(err.Error(), test.message) {
				t.Fatalf("error: %v", err)
			}
			if err != nil {
				if len(app.Workloads) > 0 || app.Measurable() {
					t.Errorf("got %+v", app)
				}
				return
			}
			want := test.want
			want.Name, want.Namespace, want.Ref, want.Template, want.Selector = "chat", "shop", entry(test.kind, "chat").Ref, template, selector
			if diff := cmp.Diff([]Workload{want}, app.Workloads); diff != "" {
				t.Error(diff)
			}
			if got := app.Workloads[0].String(); got != string(test.kind)+" shop/chat" {
				t.Errorf("String: %q", got)
			}
		})
	}
}

func TestAKindThatIsNotServed(t *testing.T) {
	c := newCluster(t)
	c.refuse = func(call string) error {
		if strings.Contains(call, "unstructured") {
			return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"}}
		}
		return nil
	}
	l := lr("chat", func(l *v1alpha1.LaunchReadiness) {
		l.Spec.Workloads = append(l.Spec.Workloads, entry("Rollout", "canary"))
	})
	app, err := c.resolve(l)
	if kindOf(err) != "waiting WorkloadKindNotServed" || !strings.Contains(err.Error(), "spec.workloads[1].ref") {
		t.Errorf("error: %v", err)
	}
	if len(app.Workloads) != 1 || app.Measurable() {
		t.Errorf("got %+v", app)
	}
}

func TestAKindThatMayNotBeRead(t *testing.T) {
	c := newCluster(t)
	c.refuse = func(call string) error {
		if strings.Contains(call, "unstructured") {
			return apierrors.NewForbidden(schema.GroupResource{Group: "argoproj.io", Resource: "rollouts"}, "canary", errors.New("no"))
		}
		return nil
	}
	l := lr("chat", func(l *v1alpha1.LaunchReadiness) {
		l.Spec.Workloads = append(l.Spec.Workloads, entry("Rollout", "canary"))
	})
	app, err := c.resolve(l)
	const want = `The operator may not read Rollout shop/canary: grant its ServiceAccount the verb "get" on the rollouts of argoproj.io/v1alpha1.`
	var waiting *WaitingError
	if !errors.As(err, &waiting) || !waiting.Ours || kindOf(err) != "waiting NotConfigured" || !strings.Contains(err.Error(), want) {
		t.Errorf("error: %v", err)
	}
	if len(app.Workloads) != 1 || app.Measurable() {
		t.Errorf("got %+v", app)
	}
}

// Whatever fails to be read is tried again, and never asks for a person.
func TestWhatFailsToBeReadIsTransient(t *testing.T) {
	newFull := func() (*cluster, *v1alpha1.LaunchReadiness) {
		c := newCluster(t, rollout("{workloadRef: {kind: Deployment, name: chat}}"), policy("named", "", "rows: [{row: SecretsSafe, enforcement: Required}]"),
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s"}}, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "m"}})
		c.change(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].EnvFrom = envFrom("s", "m") })
		return c, lr("chat", func(l *v1alpha1.LaunchReadiness) {
			l.Spec.PolicyRef = &v1alpha1.PolicyReference{Name: "named"}
			l.Spec.Workloads = append(l.Spec.Workloads, entry("Rollout", "chat"))
		})
	}
	c, l := newFull()
	c.resolved(l)
	calls := slices.Compact(slices.Sorted(slices.Values(c.calls)))
	if len(calls) < 10 {
		t.Fatalf("only %d kinds of call: %v", len(calls), calls)
	}
	for _, failing := range calls {
		t.Run(failing, func(t *testing.T) {
			for _, cause := range []error{
				apierrors.NewInternalError(errors.New("boom")), apierrors.NewTooManyRequests("slow down", 1), context.DeadlineExceeded,
			} {
				c, l := newFull()
				c.t, c.refuse = t, func(call string) error {
					if call == failing {
						return cause
					}
					return nil
				}
				if _, err := c.resolve(l); kindOf(err) != "transient" || !errors.Is(err, cause) {
					t.Errorf("%v came back as %s: %v", cause, kindOf(err), err)
				}
			}
		})
	}
}

func TestSecretsAreOnlyGotAndTheirValuesNever(t *testing.T) {
	c := newCluster(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s"}, Data: map[string][]byte{"k": []byte("v")}})
	c.change(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].EnvFrom = envFrom("s", "gone") })
	c.resolved(lr("chat"))
	n := 0
	for _, call := range c.calls {
		if strings.Contains(call, "Secret") {
			t.Errorf("a Secret was read whole: %s", call)
		}
		if strings.Contains(call, "PartialObjectMetadata") {
			n++
			if call != "live get *v1.PartialObjectMetadata s" {
				t.Errorf("a Secret was read by %q", call)
			}
		}
	}
	if n != 1 {
		t.Errorf("the Secret was read %d times: %v", n, c.calls)
	}
}

func TestTheWeightiestErrorWins(t *testing.T) {
	stalled, waiting := &StalledError{Reason: "S", Message: "m"}, &WaitingError{Reason: "W", Message: "m"}
	transient := &TransientError{Doing: "reading", Err: errors.New("boom")}
	for _, test := range []struct {
		in   []error
		want error
	}{
		{nil, nil},
		{[]error{nil, nil}, nil},
		{[]error{nil, waiting}, waiting},
		{[]error{waiting, stalled}, stalled},
		{[]error{stalled, waiting, transient}, transient},
		{[]error{transient, stalled}, transient},
	} {
		if got := weightiest(test.in); !errors.Is(got, test.want) {
			t.Errorf("of %v: want %v, got %v", test.in, test.want, got)
		}
	}
	for err, want := range map[error]string{stalled: "S: m", waiting: "W: m", transient: "reading: boom"} {
		if err.Error() != want {
			t.Errorf("want %q, got %q", want, err)
		}
	}
}
