// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

// failingNamespace makes a namespace with an enforced app that fails, as the operator would have written it, and gives a
// client of somebody without any verb of ours.
func failingNamespace(t *testing.T) (string, *gateClient) {
	t.Helper()
	installGate(t)
	dev := newGateClient(t, gateUsers()[0])
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "failing-"}}
	if err := server.client.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	app := simpleDeployment(ns.Name, "chat")
	rollout := content("argoproj.io/v1alpha1", "Rollout", "chat", fields(app, "spec"))
	rollout.SetNamespace(ns.Name)
	pod := content("v1", "Pod", "chat", fields(app, "spec", "template", "spec"))
	pod.SetNamespace(ns.Name)
	pod.SetLabels(map[string]string{"app": "chat"})
	for _, object := range []client.Object{app, rollout, pod} {
		if err := server.client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	failing := []gate.Hold{{Row: v1alpha1.RowTenantIsolated, Why: "2"}}
	key, value := gate.Record{
		Launch: "chat", State: gate.StateFailing, Mode: v1alpha1.GateEnforce, Rollouts: failing, Exposure: failing, NamespaceUID: string(ns.UID),
		Running: []string{digest("a")}, Verified: [][]string{{digest("b")}}, Pods: []map[string]string{{"app": "chat"}},
	}.Annotation()
	ns.Annotations = map[string]string{key: value}
	for _, subject := range []gate.Subject{gate.WorkloadSubject("Deployment", "chat"), gate.WorkloadSubject("Rollout", "chat"), gate.HostSubject("app.example.com"), gate.ServiceSubject("chat")} {
		key, value := gate.Pointer(subject, "chat", subject == gate.HostSubject("app.example.com"))
		ns.Annotations[key] = value
	}
	ns.Labels = map[string]string{v1alpha1.GatedLabel: v1alpha1.GatedTrue}
	if err := server.client.Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		denial, _, err := dev.try(t.Context(), func(ctx context.Context) error {
			return changed(ctx, dev, ns.Name, "Deployment", func(u *unstructured.Unstructured) { setImage(u, "example.com/web:2") })
		})
		if want := "holds this rollout: TenantIsolated (2)"; err != nil || !strings.Contains(denial, want) {
			return fmt.Sprintf("a new image is not held: %q, %v", denial, err)
		}
		return ""
	})
	return ns.Name, dev
}

// changed changes the app as a dry run.
func changed(ctx context.Context, c client.Client, namespace, kind string, change func(*unstructured.Unstructured)) error {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(map[string]string{"Deployment": "apps/v1", "Rollout": "argoproj.io/v1alpha1"}[kind])
	u.SetKind(kind)
	if err := server.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "chat"}, u); err != nil {
		return err
	}
	change(u)
	return c.Update(ctx, u, client.DryRunAll)
}

func firstContainer(u *unstructured.Unstructured) map[string]any {
	containers, _, err := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	if err != nil {
		panic(err)
	}
	first, ok := containers[0].(map[string]any)
	if !ok {
		panic("the first container is no object")
	}
	return first
}

func setContainer(u *unstructured.Unstructured, container map[string]any) {
	set(u, []any{container}, "spec", "template", "spec", "containers")
}

func setImage(u *unstructured.Unstructured, image string) {
	c := firstContainer(u)
	c["image"] = image
	setContainer(u, c)
}

func setVariable(u *unstructured.Unstructured, name, value string) {
	c := firstContainer(u)
	c["env"] = []any{map[string]any{"name": name, "value": value}}
	setContainer(u, c)
}

// TestWritersThatAreNeverHeld writes as those do who keep a cluster running, to an app whose rollouts are held.
func TestWritersThatAreNeverHeld(t *testing.T) {
	namespace, dev := failingNamespace(t)
	template := map[string]func(*unstructured.Unstructured){
		"kubectl scale":    func(u *unstructured.Unstructured) { set(u, int64(5), "spec", "replicas") },
		"kubectl label":    func(u *unstructured.Unstructured) { set(u, "x", "metadata", "labels", "team") },
		"kubectl annotate": func(u *unstructured.Unstructured) { set(u, "x", "metadata", "annotations", "example.com/note") },
		"rollout restart": func(u *unstructured.Unstructured) {
			set(u, "2026-11-26T09:00:00Z", "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
		},
		"Reloader by annotations": func(u *unstructured.Unstructured) {
			set(u, `{"type":"SECRET"}`, "spec", "template", "metadata", "annotations", "reloader.stakater.com/last-reloaded-from")
		},
		"Reloader by variables": func(u *unstructured.Unstructured) { setVariable(u, "STAKATER_CHAT_SECRET", strings.Repeat("0f", 20)) },
		"certificate rotation by a checksum": func(u *unstructured.Unstructured) {
			set(u, strings.Repeat("ab", 32), "spec", "template", "metadata", "annotations", "checksum/config")
		},
		"a mutator that pins what runs":  func(u *unstructured.Unstructured) { setImage(u, "example.com/web:1@"+digest("a")) },
		"a rollback to a verified image": func(u *unstructured.Unstructured) { setImage(u, "example.com/web@"+digest("b")) },
		"a pause":                        func(u *unstructured.Unstructured) { set(u, true, "spec", "paused") },
	}
	for what, change := range template {
		for _, kind := range []string{"Deployment", "Rollout"} {
			t.Run(what+" of a "+kind, func(t *testing.T) {
				mustPass(t, dev, func(ctx context.Context) error { return changed(ctx, dev, namespace, kind, change) })
			})
		}
	}
	app := simpleDeployment(namespace, "chat")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "chat"}}
	for what, write := range map[string]func(context.Context) error{
		"HPA, through the scale subresource": func(ctx context.Context) error {
			scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 7}}
			return dev.SubResource("scale").Update(ctx, app.DeepCopy(), client.WithSubResourceBody(scale), client.DryRunAll)
		},
		"the Deployment controller's status": func(ctx context.Context) error {
			patch := client.RawPatch(client.Merge.Type(), []byte(`{"status":{"observedGeneration":1}}`))
			return dev.Status().Patch(ctx, app.DeepCopy(), patch, client.DryRunAll)
		},
		"VPA, by a pod in place": func(ctx context.Context) error {
			patch := client.RawPatch(client.Merge.Type(), []byte(`{"metadata":{"annotations":{"vpaUpdates":"x"}}}`))
			return dev.Patch(ctx, pod.DeepCopy(), patch, client.DryRunAll)
		},
		"a sidecar's restart, by its pod's image": func(ctx context.Context) error {
			patch := client.RawPatch("application/strategic-merge-patch+json", []byte(`{"spec":{"containers":[{"name":"web","image":"example.com/web:9"}]}}`))
			return dev.Patch(ctx, pod.DeepCopy(), patch, client.DryRunAll)
		},
		"node drain, by eviction": func(ctx context.Context) error {
			return dev.SubResource("eviction").Create(ctx, pod.DeepCopy(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "chat"}}, client.DryRunAll)
		},
		"a pod's deletion":        func(ctx context.Context) error { return dev.Delete(ctx, pod.DeepCopy(), client.DryRunAll) },
		"the workload's deletion": func(ctx context.Context) error { return dev.Delete(ctx, app.DeepCopy(), client.DryRunAll) },
		"the namespace's deletion": func(ctx context.Context) error {
			return dev.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, client.DryRunAll)
		},
		"an Ingress of a host that was exposed before": func(ctx context.Context) error {
			return dev.Create(ctx, in(namespace, content("networking.k8s.io/v1", "Ingress", "again", map[string]any{"rules": []any{ingressRule("app.example.com", "/", "chat")}})), client.DryRunAll)
		},
		"cert-manager's solver": func(ctx context.Context) error {
			return dev.Create(ctx, in(namespace, content("networking.k8s.io/v1", "Ingress", "cm-acme-http-solver-x", map[string]any{"rules": []any{ingressRule("app.example.com", "/.well-known/acme-challenge/tok_en-1", "cm-acme-http-solver-x")}})), client.DryRunAll)
		},
		"a ConfigMap": func(ctx context.Context) error {
			return dev.Create(ctx, in(namespace, content("v1", "ConfigMap", "x", nil)), client.DryRunAll)
		},
	} {
		t.Run(what, func(t *testing.T) { mustPass(t, dev, write) })
	}
}

func in(namespace string, u *unstructured.Unstructured) *unstructured.Unstructured {
	u.SetNamespace(namespace)
	return u
}

// mustPass makes a request that nothing may refuse.
func mustPass(t *testing.T, c *gateClient, write func(context.Context) error) {
	t.Helper()
	denial, _, err := c.try(t.Context(), write)
	if denial != "" || err != nil {
		t.Errorf("it is held: %q, %v", denial, err)
	}
}

// TestReplacingByForceIsNoWayAround creates the workload anew under its name.
func TestReplacingByForceIsNoWayAround(t *testing.T) {
	namespace, dev := failingNamespace(t)
	app := simpleDeployment(namespace, "chat")
	if err := dev.Delete(t.Context(), app.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	setImage(app, "example.com/web:2")
	denial, _, err := dev.try(t.Context(), func(ctx context.Context) error { return dev.Create(ctx, app) })
	if err != nil || !strings.Contains(denial, "holds this rollout") {
		t.Errorf("it passed: %q, %v", denial, err)
	}
}

// TestOtherNamespacesNeverEvaluate sets a trap beside each shipped policy, bound as it is, that fails whenever it is evaluated,
// and counts by the API server's own metric, which counts failures alone.
func TestOtherNamespacesNeverEvaluate(t *testing.T) {
	namespace, dev := failingNamespace(t)
	setTraps(t, func(policy string) bool {
		// These look at our own resources, at Namespaces and at probes, everywhere.
		return policy != "launchready-launches" && policy != "launchready-namespaces" && policy != "launchready-probes"
	})
	eventually(t, func() string {
		before := evaluations(t)
		mustPass(t, dev, func(ctx context.Context) error {
			return changed(ctx, dev, namespace, "Deployment", func(u *unstructured.Unstructured) { set(u, "x", "metadata", "labels", "a") })
		})
		if evaluations(t) == before {
			return "the traps are not in force yet"
		}
		return ""
	})
	plain := newNamespace(t)
	apps := []*unstructured.Unstructured{simpleDeployment(plain, "chat"), in("kube-system", simpleDeployment(plain, "chat"))}
	before := evaluations(t)
	for _, app := range apps {
		for _, object := range []*unstructured.Unstructured{
			app, in(app.GetNamespace(), content("networking.k8s.io/v1", "Ingress", "x", map[string]any{"rules": []any{ingressRule("app.example.com", "/", "chat")}})),
			in(app.GetNamespace(), content("v1", "Service", "x", map[string]any{"type": "NodePort", "ports": []any{map[string]any{"port": int64(80)}}})),
		} {
			mustPass(t, dev, func(ctx context.Context) error { return dev.Create(ctx, object.DeepCopy(), client.DryRunAll) })
		}
	}
	if now := evaluations(t); now != before {
		t.Errorf("%d evaluations for namespaces that hold no launch", now-before)
	}
}

// setTraps makes a trap of each policy that is chosen, until the test ends.
func setTraps(t *testing.T, chosen func(policy string) bool) {
	t.Helper()
	var traps []*unstructured.Unstructured
	for _, object := range shippedPolicies(t) {
		policy, isBinding, err := unstructured.NestedString(object.Object, "spec", "policyName")
		if err != nil {
			t.Fatal(err)
		}
		if !isBinding {
			policy = object.GetName()
		}
		if !chosen(policy) {
			continue
		}
		object.SetName("trap-" + object.GetName())
		if !isBinding {
			set(object, []any{map[string]any{"expression": "false"}}, "spec", "validations")
			unstructured.RemoveNestedField(object.Object, "spec", "matchConditions")
			unstructured.RemoveNestedField(object.Object, "spec", "variables")
		} else {
			set(object, "trap-"+policy, "spec", "policyName")
			set(object, []any{"Warn"}, "spec", "validationActions")
		}
		traps = append(traps, object)
	}
	for _, trap := range traps {
		if err := server.client.Create(t.Context(), trap); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.client.Delete(context.Background(), trap); err != nil {
				t.Error(err)
			}
		})
	}
}

var evaluated = regexp.MustCompile(`(?m)^apiserver_validating_admission_policy_check_total\{[^}]*policy="trap-[^}]*\} (\d+)$`)

// evaluations counts the traps' evaluations.
func evaluations(t *testing.T) int {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(server.config)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := clientset.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, match := range evaluated.FindAllStringSubmatch(string(metrics), -1) {
		n, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}
