// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// gatedNamespace reads the test's Namespace.
func (h *harness) gatedNamespace() *corev1.Namespace {
	h.Helper()
	ns := &corev1.Namespace{}
	if err := h.client.Get(h.Context(), client.ObjectKey{Name: h.namespace}, ns); err != nil {
		h.Fatal(err)
	}
	return ns
}

// checkGate holds what is true of the Namespace after every pass: it says what the status says.
func (h *harness) checkGate(lr *v1alpha1.LaunchReadiness) gate.Record {
	h.Helper()
	ns := h.gatedNamespace()
	r, found := gate.Notes(ns.Annotations).Record(lr.Name)
	switch g := lr.Status.Gate; {
	case g == nil:
		h.Error("invariant 13: the status says nothing of the gate")
	case g.Reason == gate.ReasonStateFull:
		return r
	case !found:
		h.Fatalf("invariant 14: the Namespace says nothing of %s: %v", lr.Name, ns.Annotations)
	case r.Mode != g.Mode:
		h.Errorf("invariant 15: the Namespace's mode is %s, the status says %s", r.Mode, g.Mode)
	}
	is := func(condition string) bool { return meta.IsStatusConditionTrue(lr.Status.Conditions, condition) }
	if launched := !lr.Status.LaunchedAt.IsZero(); (r.State == gate.StateNew) == launched || !r.LaunchedAt.Equal(lr.Status.LaunchedAt.Time) {
		h.Errorf("invariant 16: launched at %s, the Namespace says %s, %s", lr.Status.LaunchedAt, r.State, r.LaunchedAt)
	}
	if (len(r.Exposure) == 0) != is("Exposable") {
		h.Errorf("invariant 17: Exposable is %v, the Namespace holds exposure for %v", is("Exposable"), r.Exposure)
	}
	if (r.State == gate.StateFailing) != (!lr.Status.LaunchedAt.IsZero() && !is("Launchable")) {
		h.Errorf("invariant 18: Launchable is %v, the Namespace says %s", is("Launchable"), r.State)
	}
	gated, audited := gate.Notes(ns.Annotations).Labels()
	if (ns.Labels[v1alpha1.GatedLabel] == v1alpha1.GatedTrue) != gated || (ns.Labels[v1alpha1.AuditedLabel] == v1alpha1.GatedTrue) != audited {
		h.Errorf("invariant 19: the Namespace's labels are %v, want gated %v, audited %v", ns.Labels, gated, audited)
	}
	return r
}

// checkGateIsNoMoreOpen holds what is true at every moment: what the status says is not ready is held.
func (h *harness) checkGateIsNoMoreOpen(lr *v1alpha1.LaunchReadiness) {
	h.Helper()
	r, found := gate.Notes(h.gatedNamespace().Annotations).Record(lr.Name)
	if !found {
		return // nothing was opened or held yet
	}
	is := func(condition string) bool { return meta.IsStatusConditionTrue(lr.Status.Conditions, condition) }
	if len(r.Exposure) == 0 && !is("Exposable") {
		h.Errorf("exposure is open while Exposable is not True")
	}
	if (r.State == gate.StateOpen || r.State == gate.StateOpenVerifiedOnly) && !is("Launchable") {
		h.Errorf("rollouts are open while Launchable is not True")
	}
}

// switched is a check that passes or fails as it is told.
type switched struct {
	scripted
	fails bool
}

func newSwitched(row v1alpha1.Row) *switched {
	s := &switched{}
	s.scripted = scripted{row: row, measure: func(context.Context, *launch.App) scorecard.Outcome {
		if s.fails {
			return failure(row)
		}
		return scorecard.Judged(row, 1, "The control was seen.", nil, nil)
	}}
	return s
}

// host is one that no other test's launch declares.
func (h *harness) host() string { return h.namespace + ".example.com" }

// enforced makes a launch enforce its gate.
func (h *harness) enforced(lr *v1alpha1.LaunchReadiness) *v1alpha1.LaunchReadiness {
	lr.Spec.Gate = &v1alpha1.Gate{Mode: v1alpha1.GateEnforce}
	lr.Spec.Domains = &v1alpha1.Domains{Canonical: v1alpha1.HostName(h.host())}
	lr.Spec.Workloads[0].Services = []string{"chat"}
	return lr
}

// writesOf makes passes and gives what was written in each: to the Namespace and to the status, in their order.
func (h *harness) writesOf(name string, passes int) []string {
	h.Helper()
	watching, err := client.NewWithWatch(apiServer, client.Options{Scheme: newScheme(h)})
	if err != nil {
		h.Fatal(err)
	}
	var writes []string
	counting := interceptor.NewClient(watching, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if _, is := obj.(*corev1.Namespace); is {
				writes = append(writes, "Namespace")
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
		SubResourceApply: func(ctx context.Context, c client.Client, sub string, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			data, err := json.Marshal(obj)
			if err != nil {
				return err
			}
			if strings.Contains(string(data), `"kind":"LaunchReadiness"`) {
				writes = append(writes, "status")
			}
			return c.SubResource(sub).Apply(ctx, obj, opts...)
		},
	})
	h.restart(counting)
	for range passes {
		h.reconcile(name)
	}
	return writes
}

func TestGateClosesBeforeAndOpensAfterTheStatus(t *testing.T) {
	row := newSwitched(v1alpha1.RowSecretsSafe)
	h := newHarness(t, row, passing(v1alpha1.RowRollbackReady))
	row.fails = true
	h.create(newDeployment("chat"), h.enforced(newLaunch("chat", "chat")))
	for _, step := range []struct {
		what  string
		fails bool
		want  []string
	}{
		{"the first pass holds", true, []string{"Namespace", "status"}},
		{"nothing changed", true, nil},
		{"it is mended", false, []string{"status", "Namespace"}},
		{"nothing changed", false, nil},
		{"it fails", true, []string{"Namespace", "status"}},
		{"nothing changed", true, nil},
		{"it is mended again", false, []string{"status", "Namespace"}},
	} {
		row.fails = step.fails
		if diff := cmp.Diff(step.want, h.writesOf("chat", 1)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

func TestGateAuditsUntilEverythingWasMeasuredOnce(t *testing.T) {
	unknown := true
	row := &scripted{row: v1alpha1.RowSecretsSafe, measure: func(context.Context, *launch.App) scorecard.Outcome {
		if unknown {
			return scorecard.Unmeasured(v1alpha1.RowSecretsSafe, v1alpha1.FaultOperator, v1alpha1.ReasonTimeout, "It took too long.")
		}
		return failure(v1alpha1.RowSecretsSafe)
	}}
	h := newHarness(t, row, passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), h.enforced(newLaunch("chat", "chat")))
	lr, _ := h.reconcile("chat")
	if g := lr.Status.Gate; g.Mode != v1alpha1.GateAudit || g.Reason != gate.ReasonNotMeasuredYet {
		t.Errorf("before it was measured the gate is %+v", g)
	}
	unknown = false
	lr, _ = h.reconcile("chat")
	if g := lr.Status.Gate; g.Mode != v1alpha1.GateEnforce || g.Reason != gate.ReasonAsDeclared {
		t.Errorf("measured, the gate is %+v", g)
	}
	unknown = true
	h.clock.SetTime(h.clock.Now().Add(48 * time.Hour))
	lr, _ = h.reconcile("chat")
	if g := lr.Status.Gate; g.Mode != v1alpha1.GateEnforce {
		t.Errorf("what was enforced once is %+v when its verdict is stale", g)
	}
}

func TestLostStatusLosesNoFactOfTheGate(t *testing.T) {
	row := newSwitched(v1alpha1.RowSecretsSafe)
	h := newHarness(t, row, passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), h.enforced(newLaunch("chat", "chat")), ingressTo("front", h.host()))
	lr, _ := h.reconcile("chat")
	before := h.checkGate(lr)
	if lr.Status.Gate.Exposure != v1alpha1.ExposureVerified || len(before.Verified) != 1 {
		t.Fatalf("the app is not exposed and verified: %+v, %+v", lr.Status.Gate, before)
	}
	lr.Annotations, lr.Status = nil, v1alpha1.LaunchReadinessStatus{}
	if err := h.client.Update(t.Context(), lr); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Status().Update(t.Context(), lr); err != nil {
		t.Fatal(err)
	}
	row.fails = true
	h.clock.SetTime(h.clock.Now().Add(time.Hour))
	lr, _ = h.reconcile("chat")
	after := h.checkGate(lr)
	if !after.LaunchedAt.Equal(before.LaunchedAt) || after.State != gate.StateFailing {
		t.Errorf("launched at %s before, %s after, %s", before.LaunchedAt, after.LaunchedAt, after.State)
	}
	if diff := cmp.Diff(before.Verified, after.Verified); diff != "" {
		t.Errorf("verified images (-before +after):\n%s", diff)
	}
	if !gate.Notes(h.gatedNamespace().Annotations).Exposed(gate.HostSubject(h.host())) {
		t.Error("the host is no longer known to be exposed")
	}
}

func TestExposureThatTheGateDidNotLetIn(t *testing.T) {
	h := newHarness(t, failing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), h.enforced(newLaunch("chat", "chat")), ingressTo("front", h.host()))
	lr, _ := h.reconcile("chat")
	if lr.Status.Gate.Exposure != v1alpha1.ExposureUnverified {
		t.Errorf("exposure is %s", lr.Status.Gate.Exposure)
	}
	lr.Spec.Gate.Adoption = v1alpha1.AdoptLive
	if err := h.client.Update(t.Context(), lr); err != nil {
		t.Fatal(err)
	}
	lr, _ = h.reconcile("chat")
	if lr.Status.Gate.Exposure != v1alpha1.ExposureVerified {
		t.Errorf("adopted as live, exposure is %s", lr.Status.Gate.Exposure)
	}
}

func TestOverridesAreToldOnce(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	d := newDeployment("chat")
	d.Annotations = map[string]string{v1alpha1.BreakGlassAnnotation: "incident 42"}
	h.create(d, h.enforced(newLaunch("chat", "chat")))
	for range 3 {
		h.clock.SetTime(h.clock.Now().Add(time.Minute))
		lr, _ := h.reconcile("chat")
		if o := lr.Status.Gate.Overrides; len(o) != 1 || o[0].Value != "incident 42" || o[0].Name != "chat" {
			t.Errorf("overrides: %+v", o)
		}
	}
	if notes := h.events.of("Gate"); len(notes) != 1 || notes[0] != "Warning BreakGlass Gate: Deployment chat breaks the glass: incident 42" {
		t.Errorf("Events: %v", notes)
	}
}

func TestDeletedLaunchLeavesNothingUnlessItHadLaunched(t *testing.T) {
	row := newSwitched(v1alpha1.RowSecretsSafe)
	h := newHarness(t, row, passing(v1alpha1.RowRollbackReady))
	row.fails = true
	h.create(newDeployment("chat"), newDeployment("desk"), h.enforced(newLaunch("chat", "chat")), newLaunch("desk", "desk"))
	h.reconcile("chat")
	row.fails = false
	h.reconcile("desk")
	for _, name := range []string{"chat", "desk"} {
		if err := h.client.Delete(t.Context(), h.get(name)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: h.namespace, Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	notes := gate.Notes(h.gatedNamespace().Annotations)
	if launches := notes.Launches(); !slices.Equal(launches, []string{"desk"}) {
		t.Errorf("the Namespace tells of %v, want the launched one alone", launches)
	}
	r, _ := notes.Record("desk")
	if r.State != gate.StateFailing || len(r.Rollouts) != 1 || len(r.Exposure) != 1 {
		t.Errorf("the deleted launch does not stay held: %+v", r)
	}
}

// TestDeletedDefinitionLeavesTheStateAsItIs lets all launches go because their kind does.
func TestDeletedDefinitionLeavesTheStateAsItIs(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), h.enforced(newLaunch("chat", "chat")))
	lr, _ := h.reconcile("chat")
	before := h.gatedNamespace().Annotations
	if err := h.client.Delete(t.Context(), lr); err != nil {
		t.Fatal(err)
	}
	for what, deleted := range map[string]func(*metav1.PartialObjectMetadata) error{
		"it is being deleted": func(d *metav1.PartialObjectMetadata) error {
			now := metav1.Now()
			d.DeletionTimestamp = &now
			return nil
		},
		"it is gone": func(*metav1.PartialObjectMetadata) error {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "customresourcedefinitions"}, launchesDefinition)
		},
	} {
		watching, err := client.NewWithWatch(apiServer, client.Options{Scheme: newScheme(t)})
		if err != nil {
			t.Fatal(err)
		}
		h.restart(interceptor.NewClient(watching, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if d, is := obj.(*metav1.PartialObjectMetadata); is && key.Name == launchesDefinition {
					return deleted(d)
				}
				return c.Get(ctx, key, obj, opts...)
			},
		}))
		if _, err := h.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(lr)}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, h.gatedNamespace().Annotations); diff != "" {
			t.Errorf("%s, and the state changed:\n%s", what, diff)
		}
	}
}

// TestStateOfOthersStaysAsItIs brings launches to one Namespace side by side, with annotations of others on it.
func TestStateOfOthersStaysAsItIs(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	ns := h.gatedNamespace()
	ns.Annotations = map[string]string{"example.com/owner": "us", "gate.example.com/state": "v1;chat"}
	ns.Labels["team"] = "us"
	if err := h.client.Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	const launches = 8
	for i := range launches {
		name := fmt.Sprintf("chat-%d", i)
		h.create(newDeployment(name), newLaunch(name, name))
	}
	errs := make(chan error, launches)
	for i := range launches {
		go func() {
			_, err := h.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: h.namespace, Name: fmt.Sprintf("chat-%d", i)}})
			errs <- err
		}()
	}
	for range launches {
		if err := <-errs; err != nil && !apierrors.IsConflict(err) {
			t.Error(err)
		}
	}
	for i := range launches {
		h.reconcile(fmt.Sprintf("chat-%d", i))
	}
	ns = h.gatedNamespace()
	if len(gate.Notes(ns.Annotations).Launches()) != launches || ns.Annotations["example.com/owner"] != "us" || ns.Annotations["gate.example.com/state"] != "v1;chat" || ns.Labels["team"] != "us" {
		t.Errorf("labels %v, annotations %v", ns.Labels, ns.Annotations)
	}
}

// TestNamespaceWithoutRoom fills a Namespace's annotations.
func TestNamespaceWithoutRoom(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), h.enforced(newLaunch("chat", "chat")))
	h.reconcile("chat")
	ns := h.gatedNamespace()
	used := 0
	for name, value := range ns.Annotations {
		used += len(name) + len(value)
	}
	filling, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{"example.com/full": strings.Repeat("x", 256<<10-used-len("example.com/full"))}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.client.Patch(t.Context(), ns, client.RawPatch(client.Merge.Type(), filling)); err != nil {
		t.Fatal(err)
	}
	h.create(newDeployment("desk"), newLaunch("desk", "desk"))
	lr, _ := h.reconcile("desk")
	if g := lr.Status.Gate; g.Reason != gate.ReasonStateFull || g.Mode != v1alpha1.GateOff {
		t.Errorf("a launch that finds no room: %+v", g)
	}
	h.reconcile("chat")
}

// TestTwoNamespacesClaimOneHost: who launched earlier keeps it, and among those who did not the older one.
func TestTwoNamespacesClaimOneHost(t *testing.T) {
	first, second := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady)), newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	host := gate.HostSubject(first.host())
	claim := func(h *harness) {
		lr := h.enforced(newLaunch("chat", "chat"))
		lr.Spec.Domains.Canonical = v1alpha1.HostName(first.host())
		h.create(newDeployment("chat"), lr)
	}
	claim(second)
	lr, _ := second.reconcile("chat")
	if g := lr.Status.Gate; g.Reason != gate.ReasonAsDeclared {
		t.Fatalf("alone it has the best claim: %+v", g)
	}
	first.clock.SetTime(second.clock.Now().Add(time.Minute))
	claim(first)
	lr, _ = first.reconcile("chat")
	if g := lr.Status.Gate; g.Reason != gate.ReasonHostConflict || !strings.Contains(g.Message, "host "+first.host()) || strings.Contains(g.Message, second.namespace) {
		t.Errorf("the later one: %+v", g)
	}
	annotation, claimed := gate.Claimed(host, "chat")
	if got := first.gatedNamespace().Annotations[annotation]; got != claimed {
		t.Errorf("its Namespace says %q of the host, want %q", got, claimed)
	}
	if lr, _ = second.reconcile("chat"); lr.Status.Gate.Reason != gate.ReasonAsDeclared {
		t.Errorf("a later claim took the host away: %+v", lr.Status.Gate)
	}

	// What strangers reach by right stays, whoever comes: the host is exposed, then a launch appears that launched before.
	second.create(ingressTo("front", first.host()))
	if lr, _ = second.reconcile("chat"); lr.Status.Gate.Exposure != v1alpha1.ExposureVerified {
		t.Fatalf("not exposed: %+v", lr.Status.Gate)
	}
	earlier := first.get("chat")
	earlier.Status.LaunchedAt = metav1.NewTime(lr.Status.LaunchedAt.Add(-time.Hour))
	if err := first.client.Status().Update(t.Context(), earlier); err != nil {
		t.Fatal(err)
	}
	if lr, _ = second.reconcile("chat"); lr.Status.Gate.Reason != gate.ReasonHostConflict || lr.Status.Gate.Exposure != v1alpha1.ExposureVerified {
		t.Errorf("who launched earlier has the better claim, and what is exposed stays: %+v", lr.Status.Gate)
	}

	if err := first.client.Delete(t.Context(), first.get("chat")); err != nil {
		t.Fatal(err)
	}
	if lr, _ = second.reconcile("chat"); lr.Status.Gate.Reason != gate.ReasonAsDeclared {
		t.Errorf("a claim that is gone still counts: %+v", lr.Status.Gate)
	}
}

func TestGateChangesNameTheLaunches(t *testing.T) {
	note := func(record gate.Record) gate.Notes {
		key, value := record.Annotation()
		return gate.Notes{key: value}
	}
	pointer := func(launch string, exposed bool) gate.Notes {
		key, value := gate.Pointer(gate.HostSubject("app.example.com"), launch, exposed)
		return gate.Notes{key: value}
	}
	for what, test := range map[string]struct {
		before, now gate.Notes
		want        []string
	}{
		"nothing changed":   {note(gate.Record{Launch: "a"}), note(gate.Record{Launch: "a"}), nil},
		"a record changed":  {note(gate.Record{Launch: "a"}), note(gate.Record{Launch: "a", State: gate.StateFailing}), []string{"a"}},
		"a record is gone":  {note(gate.Record{Launch: "a"}), nil, []string{"a"}},
		"a record is new":   {nil, note(gate.Record{Launch: "a"}), []string{"a"}},
		"a host has moved":  {pointer("a", false), pointer("b", false), []string{"a", "b"}},
		"others' are not":   {gate.Notes{"example.com/a": "1"}, gate.Notes{"example.com/a": "2"}, nil},
		"something foreign": {gate.Notes{"x.host.gate.launchready.dev/state": "v9;a"}, nil, nil},
	} {
		if diff := cmp.Diff(test.want, gateChanges(test.before, test.now)); diff != "" && len(test.want)+len(gateChanges(test.before, test.now)) > 0 {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// ingressTo leads a host to the Service chat.
func ingressTo(name, host string) *networkingv1.Ingress {
	prefix := networkingv1.PathTypePrefix
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.IngressSpec{
		Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "chat", Port: networkingv1.ServiceBackendPort{Number: 80}},
			}}},
		}}}},
	}}
}
