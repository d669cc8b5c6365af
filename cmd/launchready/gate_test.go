// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

// gatedNamespace is where the gate's story happens.
const gatedNamespace = "market"

// keepsTheGate tells the story of an app whose gate is enforced, to the API server, as somebody of its team.
func (m *managed) keepsTheGate(t *testing.T) {
	m.create(t, secretsOnly(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: gatedNamespace}})
	dev := m.as(t, "dev", "edit-like")
	app, lr := gatedApp(), gatedLaunch()
	m.create(t, settingsOfApp(), app, gatedService(), lr)
	m.awaitIn(t, gatedNamespace, "a typed secret", "SecretsSafe", metav1.ConditionFalse, v1alpha1.ReasonTypedSecret)

	m.awaitRefusal(t, "an Ingress of an app that is not Exposable", "holds the exposure of host app.example.com, which is not Exposable yet: SecretsSafe (1)", func(ctx context.Context) error {
		return dev.Create(ctx, gatedIngress("early"), client.DryRunAll)
	})
	m.change(t, dev, app, func() { refer(app) })
	m.awaitIn(t, gatedNamespace, "a reference", "Launchable", metav1.ConditionTrue, v1alpha1.ReasonAllRowsPass)
	m.awaitPass(t, "an Ingress of an app that is Exposable", func(ctx context.Context) error { return dev.Create(ctx, gatedIngress("front")) })
	m.poll(t, "the operator sees that the app is exposed", func(ctx context.Context) (bool, error) {
		err := m.client.Get(ctx, client.ObjectKeyFromObject(lr), lr)
		return lr.Status.Gate != nil && lr.Status.Gate.Exposure == v1alpha1.ExposureVerified, err
	})

	t.Run("an annotation that is taken away comes back", m.mendsTheState)
	t.Run("a failing app is held, and what it exposes stays", func(t *testing.T) { m.holdsAFailingApp(t, dev, app) })
	t.Run("the team can't take the launch back", func(t *testing.T) { m.keepsTheLaunch(t, dev, lr) })
	t.Run("a deleted launch stays held until a new one takes over", func(t *testing.T) { m.takesOver(t, dev, app, lr) })
	t.Run("a policy demands a launch for what is exposed", m.demandsALaunch)
	t.Run("an open app rolls on when the definitions are deleted", func(t *testing.T) { m.losesItsDefinition(t, dev, app) })
}

// demandsALaunch makes a policy that lets nothing be exposed that no launch declares, and takes it away.
func (m *managed) demandsALaunch(t *testing.T) {
	const namespace = "demanding"
	m.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	policy := &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: v1alpha1.LaunchPolicySpec{
		NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": namespace}},
		Gate:              &v1alpha1.GateRules{RequireLaunch: v1alpha1.RequireForExposure},
	}}
	m.create(t, policy)
	ingress := gatedIngress("stray")
	ingress.Namespace = namespace
	expose := func(ctx context.Context) error { return m.client.Create(ctx, ingress.DeepCopy(), client.DryRunAll) }
	m.awaitRefusal(t, "an Ingress of what no launch declares", "no LaunchReadiness declares Service chat", expose)
	m.remove(t, policy)
	m.awaitPass(t, "the Ingress without the policy", expose)
}

// losesItsDefinition deletes the kind itself, and all launches with it, under the eyes of the operator: nobody took a launch back.
func (m *managed) losesItsDefinition(t *testing.T, dev client.Client, app *appsv1.Deployment) {
	before := m.notes(t)
	definition := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "launchreadinesses.launchready.dev"}}
	m.remove(t, definition)
	m.poll(t, "the definition is gone", func(ctx context.Context) (bool, error) {
		return apierrors.IsNotFound(m.client.Get(ctx, client.ObjectKeyFromObject(definition), definition.DeepCopy())), nil
	})
	// The operator heard of each launch's deletion before the definition went: it has a while to do the wrong thing.
	for range 40 {
		if diff := cmp.Diff(before, m.notes(t)); diff != "" {
			t.Fatalf("the state changed (-before +after):\n%s", diff)
		}
		<-time.After(50 * time.Millisecond)
	}
	m.awaitPass(t, "a rollout of an open app", func(ctx context.Context) error {
		return m.tryChange(ctx, dev, app, func() { app.Spec.Template.Spec.Containers[0].Image = "example.com/chat:4" })
	})
}

// mendsTheState takes the whole state away as somebody who may.
func (m *managed) mendsTheState(t *testing.T) {
	before := m.notes(t)
	taken := map[string]any{}
	for name := range before {
		if gate.Owns(name) {
			taken[name] = nil
		}
	}
	m.patchNamespace(t, map[string]any{"annotations": taken, "labels": map[string]any{v1alpha1.GatedLabel: nil}})
	m.poll(t, "the state is back", func(ctx context.Context) (bool, error) {
		var ns corev1.Namespace
		err := m.client.Get(ctx, client.ObjectKey{Name: gatedNamespace}, &ns)
		record, ok := gate.Notes(ns.Annotations).Record("chat")
		return ok && record.State == gate.StateOpen && ns.Labels[v1alpha1.GatedLabel] == v1alpha1.GatedTrue &&
			gate.Notes(ns.Annotations).Exposed(gate.HostSubject("app.example.com")), err
	})
}

// holdsAFailingApp breaks the reference that the app needs.
func (m *managed) holdsAFailingApp(t *testing.T, dev client.Client, app *appsv1.Deployment) {
	m.remove(t, settingsOfApp())
	m.awaitIn(t, gatedNamespace, "the reference leads nowhere", "Launchable", metav1.ConditionFalse, v1alpha1.ReasonRowsFailing)
	m.awaitRefusal(t, "a rollout of a failing app", "holds this rollout: SecretsSafe (1). See: kubectl describe lr chat -n market", func(ctx context.Context) error {
		return m.tryChange(ctx, dev, app, func() { app.Spec.Template.Spec.Containers[0].Image = "example.com/chat:2" })
	})
	m.checksARelease(t)
	for what, change := range map[string]func(){
		"a restart": func() { app.Spec.Template.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "now"} },
		"a scale":   func() { app.Spec.Replicas = ptr.To[int32](5) },
		"a label":   func() { app.Labels = map[string]string{"team": "x"} },
		"a remedy": func() {
			app.Annotations = map[string]string{v1alpha1.RemediatesAnnotation: "SecretsSafe;image=example.com/chat:3"}
			app.Spec.Template.Spec.Containers[0].Image = "example.com/chat:3"
		},
	} {
		if err := m.tryChange(t.Context(), dev, app, change); err != nil {
			t.Errorf("%s is held: %v", what, err)
		}
	}
	if err := dev.Create(t.Context(), gatedIngress("renamed"), client.DryRunAll); err != nil {
		t.Errorf("an Ingress of a host that was exposed before is held: %v", err)
	}
	m.create(t, settingsOfApp())
	m.awaitIn(t, gatedNamespace, "the reference is mended", "Launchable", metav1.ConditionTrue, v1alpha1.ReasonAllRowsPass)
}

// checksARelease asks the gate about a release beforehand, as its administrator.
func (m *managed) checksARelease(t *testing.T) {
	t.Helper()
	release := `
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: harmless}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec: {containers: [{name: web, image: "example.com/chat:2"}]}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: early, namespace: not-there-yet}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: unknown}}
`
	var out strings.Builder
	err := checkFiles(t.Context(), rest.CopyConfig(m.config), gatedNamespace, []string{"-"}, strings.NewReader(release), &out)
	if !errors.Is(err, errHeld) || exitCode(err) != 1 {
		t.Errorf("the check ends with %v", err)
	}
	want := `passes   ConfigMap market/harmless
held     Deployment market/chat: LaunchReadiness market/chat holds this rollout: SecretsSafe (1). See: kubectl describe lr chat -n market
skipped  ConfigMap not-there-yet/early: its namespace does not exist yet
skipped  Widget unknown: its kind is not served (yet)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the check says (-want +got):\n%s", diff)
	}
	err = checkFiles(t.Context(), rest.CopyConfig(m.config), gatedNamespace, []string{"-"}, strings.NewReader("{a: b}"), &out)
	if err == nil || !strings.Contains(err.Error(), "document 1 has no kind") {
		t.Errorf("what is no manifest: %v", err)
	}
}

// keepsTheLaunch tries to weaken and delete an enforced launch.
func (m *managed) keepsTheLaunch(t *testing.T, dev client.Client, lr *v1alpha1.LaunchReadiness) {
	m.awaitRefusal(t, "deleting the launch", "needs the verb bypass", func(ctx context.Context) error { return dev.Delete(ctx, lr.DeepCopy(), client.DryRunAll) })
	m.awaitRefusal(t, "weakening the launch", "takes away a part of what is proven", func(ctx context.Context) error {
		if err := m.client.Get(ctx, client.ObjectKeyFromObject(lr), lr); err != nil {
			return err
		}
		weaker := lr.DeepCopy()
		weaker.Spec.Gate.Mode = v1alpha1.GateAudit
		return dev.Update(ctx, weaker, client.DryRunAll)
	})
	m.awaitRefusal(t, "adopting", "needs the verb adopt", func(ctx context.Context) error {
		adopting := lr.DeepCopy()
		adopting.Spec.Gate.Adoption = v1alpha1.AdoptLive
		return dev.Update(ctx, adopting, client.DryRunAll)
	})
}

// takesOver deletes the launch as somebody who may, and makes it anew under another name.
func (m *managed) takesOver(t *testing.T, dev client.Client, app *appsv1.Deployment, lr *v1alpha1.LaunchReadiness) {
	if err := m.client.Get(t.Context(), client.ObjectKeyFromObject(lr), lr); err != nil {
		t.Fatal(err)
	}
	launched := lr.Status.LaunchedAt
	m.remove(t, lr)
	m.awaitRefusal(t, "a rollout after the launch was deleted", "holds this rollout: LaunchDeleted (1)", func(ctx context.Context) error {
		return m.tryChange(ctx, dev, app, func() { app.Spec.Template.Spec.Containers[0].Image = "example.com/chat:2" })
	})
	heir := gatedLaunch()
	heir.Name = "heir"
	m.create(t, heir)
	m.awaitPass(t, "a rollout under the new launch", func(ctx context.Context) error {
		return m.tryChange(ctx, dev, app, func() { app.Spec.Template.Spec.Containers[0].Image = "example.com/chat:2" })
	})
	m.poll(t, "the new launch is launched since the old one was", func(ctx context.Context) (bool, error) {
		err := m.client.Get(ctx, client.ObjectKeyFromObject(heir), heir)
		return heir.Status.LaunchedAt.Equal(&launched), err
	})
	if names := gate.Notes(m.notes(t)).Launches(); len(names) != 1 || names[0] != "heir" {
		t.Errorf("the Namespace tells of %v", names)
	}
}

// as gives a client of a user who may do what a team may in its namespace.
func (m *managed) as(t *testing.T, user, role string) client.Client {
	t.Helper()
	write := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	m.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: write},
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"ingresses"}, Verbs: write},
		{APIGroups: []string{"launchready.dev"}, Resources: []string{"launchreadinesses"}, Verbs: append(write, "remediate")},
	}}, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: gatedNamespace, Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	})
	return m.impersonating(t, user)
}

// impersonating gives a client of a user.
func (m *managed) impersonating(t *testing.T, user string) client.Client {
	t.Helper()
	config := rest.CopyConfig(m.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	config.WarningHandler = rest.NoWarnings{}
	c, err := client.New(config, client.Options{Scheme: m.client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// awaitRefusal waits until the gate refuses a request with these words.
func (m *managed) awaitRefusal(t *testing.T, what, words string, request func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = request(ctx)
		return apierrors.IsForbidden(last) && strings.Contains(last.Error(), words), nil
	})
	if err != nil {
		t.Fatalf("%s was not refused with %q: %v", what, words, last)
	}
}

// awaitPass waits until a request passes.
func (m *managed) awaitPass(t *testing.T, what string, request func(context.Context) error) {
	t.Helper()
	var last error
	m.poll(t, what, func(ctx context.Context) (bool, error) {
		last = request(ctx)
		if last != nil && !apierrors.IsForbidden(last) && !apierrors.IsConflict(last) {
			return false, last
		}
		return last == nil, nil
	})
}

// change changes an object as somebody, in earnest.
func (m *managed) change(t *testing.T, c client.Client, app *appsv1.Deployment, change func()) {
	t.Helper()
	if err := m.client.Get(t.Context(), client.ObjectKeyFromObject(app), app); err != nil {
		t.Fatal(err)
	}
	change()
	if err := c.Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
}

// tryChange tries a change as somebody, as a dry run.
func (m *managed) tryChange(ctx context.Context, c client.Client, app *appsv1.Deployment, change func()) error {
	if err := m.client.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil {
		return err
	}
	change()
	return c.Update(ctx, app.DeepCopy(), client.DryRunAll)
}

func (m *managed) remove(t *testing.T, obj client.Object) {
	t.Helper()
	if err := m.client.Delete(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
}

func (m *managed) notes(t *testing.T) map[string]string {
	t.Helper()
	var ns corev1.Namespace
	if err := m.client.Get(t.Context(), client.ObjectKey{Name: gatedNamespace}, &ns); err != nil {
		t.Fatal(err)
	}
	return ns.Annotations
}

func (m *managed) patchNamespace(t *testing.T, metadata map[string]any) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: gatedNamespace}}
	if err := m.client.Patch(t.Context(), ns, client.RawPatch(client.Merge.Type(), patch)); err != nil {
		t.Fatal(err)
	}
}

// applyPolicies installs the shipped policies.
func (m *managed) applyPolicies(t *testing.T) {
	t.Helper()
	m.apply(t, filepath.Join("..", "..", "config", "admission", "policies.yaml"))
}

// secretsOnly asks of the apps in the namespace no more than what can be measured without a node.
func secretsOnly() *v1alpha1.LaunchPolicy {
	return &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: "secrets-only"}, Spec: v1alpha1.LaunchPolicySpec{
		NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": gatedNamespace}},
		Rows:              []v1alpha1.RowDemand{{Row: v1alpha1.RowSecretsSafe, Enforcement: v1alpha1.EnforcementRequired}},
	}}
}

func gatedApp() *appsv1.Deployment {
	app := deployment(corev1.EnvVar{Name: "DATABASE_URL", Value: "postgres://app:" + "Kd83hfQ0zLw7@db.example.com/app"})
	app.Namespace = gatedNamespace
	return app
}

// refer turns the app's typed secret into a reference, and makes what it refers to.
func refer(app *appsv1.Deployment) {
	app.Spec.Template.Spec.Containers[0].Env[0] = corev1.EnvVar{Name: "DATABASE_URL", ValueFrom: &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "chat"}, Key: "url"},
	}}
}

func settingsOfApp() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: gatedNamespace, Name: "chat"}, Data: map[string]string{"url": "postgres://db.example.com/app"}}
}

func gatedService() *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: gatedNamespace, Name: "chat"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "chat"}, Ports: []corev1.ServicePort{{Port: 80}},
	}}
}

func gatedLaunch() *v1alpha1.LaunchReadiness {
	return &v1alpha1.LaunchReadiness{ObjectMeta: metav1.ObjectMeta{Namespace: gatedNamespace, Name: "chat"}, Spec: v1alpha1.LaunchReadinessSpec{
		Workloads: []v1alpha1.Workload{{Name: "web", Ref: v1alpha1.WorkloadReference{Kind: v1alpha1.KindDeployment, Name: "chat"}, Services: []string{"chat"}}},
		Domains:   &v1alpha1.Domains{Canonical: "app.example.com"}, Gate: &v1alpha1.Gate{Mode: v1alpha1.GateEnforce},
	}}
}

func gatedIngress(name string) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: gatedNamespace, Name: name}, Spec: networkingv1.IngressSpec{
		Rules: []networkingv1.IngressRule{{Host: "app.example.com", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix), Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "chat", Port: networkingv1.ServiceBackendPort{Number: 80}},
			}}},
		}}}},
	}}
}
