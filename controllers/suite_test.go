// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// apiServer is the API server that all tests of this package share; each has a namespace of its own.
var apiServer *rest.Config

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.UseDevMode(true)))
	environment := &envtest.Environment{
		CRDDirectoryPaths: []string{filepath.Join("..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute, // a machine that compiles beside the tests is slow
	}
	config, err := environment.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "These tests need an API server: run them with make test, which builds one. Starting it failed:", err)
		_ = environment.Stop() // what was started half-way must not stay
		os.Exit(1)
	}
	apiServer = config
	apiServer.QPS = -1
	code := m.Run()
	if err := environment.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the API server:", err)
		code = 1
	}
	os.Exit(code)
}

// newScheme gives a scheme with all types that the operator reads.
func newScheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return scheme
}

// harness runs reconciliations one by one against the API server, with a clock that the test moves.
type harness struct {
	testing.TB
	client     client.Client
	namespace  string
	clock      *clocktesting.FakePassiveClock
	events     *recorder
	checks     []Check
	reconciler *LaunchReadinessReconciler
}

func newHarness(t testing.TB, checks ...Check) *harness {
	t.Helper()
	c, err := client.New(apiServer, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shop-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	h := &harness{
		TB: t, client: c, namespace: ns.Name, events: &recorder{}, checks: checks,
		clock: clocktesting.NewFakePassiveClock(time.Now().Truncate(time.Second)),
	}
	h.restart(c)
	return h
}

// restart gives the operator a new life, as after a crash: nothing is left in its memory. It talks through the client.
func (h *harness) restart(c client.Client) {
	h.Helper()
	builtIn, err := launch.BuiltInPolicies()
	if err != nil {
		h.Fatal(err)
	}
	h.reconciler = &LaunchReadinessReconciler{
		Client: c, Resolver: &launch.Resolver{Cached: c, Live: c, BuiltIn: builtIn},
		Checks: &CheckRunner{Checks: h.checks, Timeout: 2 * time.Second},
		Events: h.events, Clock: h.clock, Resync: 5 * time.Minute, Key: []byte("a key of the test, 32 bytes long."),
	}
}

// create creates objects in the test's namespace.
func (h *harness) create(objects ...client.Object) {
	h.Helper()
	for _, obj := range objects {
		if obj.GetNamespace() == "" {
			obj.SetNamespace(h.namespace)
		}
		if err := h.client.Create(h.Context(), obj); err != nil {
			h.Fatalf("creating %T %s: %v", obj, obj.GetName(), err)
		}
	}
}

// reconcile makes one pass, which must succeed, and checks the invariants of the status.
func (h *harness) reconcile(name string) (*v1alpha1.LaunchReadiness, ctrl.Result) {
	h.Helper()
	result, err := h.reconciler.Reconcile(h.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: h.namespace, Name: name}})
	if err != nil {
		h.Fatalf("reconciling %s: %v", name, err)
	}
	lr := h.get(name)
	checkInvariants(h, lr)
	if lr.DeletionTimestamp.IsZero() {
		h.checkGate(lr)
	}
	return lr, result
}

func (h *harness) get(name string) *v1alpha1.LaunchReadiness {
	h.Helper()
	lr := &v1alpha1.LaunchReadiness{}
	if err := h.client.Get(h.Context(), client.ObjectKey{Namespace: h.namespace, Name: name}, lr); err != nil {
		h.Fatal(err)
	}
	return lr
}

// expect fails unless the condition has the status and reason.
func (h *harness) expect(lr *v1alpha1.LaunchReadiness, condition string, status metav1.ConditionStatus, reason string) *metav1.Condition {
	h.Helper()
	c := meta.FindStatusCondition(lr.Status.Conditions, condition)
	if c == nil {
		h.Fatalf("no condition %s", condition)
	}
	if c.Status != status || c.Reason != reason {
		h.Errorf("%s is %s, %s (%s), want %s, %s", condition, c.Status, c.Reason, c.Message, status, reason)
	}
	return c
}

// checkInvariants holds what is true of every status after every pass.
func checkInvariants(t testing.TB, lr *v1alpha1.LaunchReadiness) {
	t.Helper()
	s := lr.Status
	broken := func(number int, format string, args ...any) {
		t.Helper()
		t.Errorf("invariant %d: "+format, append([]any{number}, args...)...)
	}
	want := []string{"Ready", "Reconciling", "Stalled", "Exposable", "Launchable"}
	for _, row := range scorecard.Rows() {
		want = append(want, string(row.Name))
	}
	var have []string
	for _, c := range s.Conditions {
		have = append(have, c.Type)
		if c.ObservedGeneration != lr.Generation {
			broken(2, "%s is about generation %d of %d", c.Type, c.ObservedGeneration, lr.Generation)
		}
		if c.Reason == "" || c.Message == "" {
			broken(3, "%s has no reason or message: %+v", c.Type, c)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if diff := cmp.Diff(want, have); diff != "" {
		broken(1, "every condition is there once (-want +have):\n%s", diff)
	}
	is := func(condition string) bool { return meta.IsStatusConditionTrue(s.Conditions, condition) }
	if is("Reconciling") && is("Stalled") {
		broken(4, "Reconciling and Stalled are both True")
	}
	if is("Ready") == is("Stalled") {
		broken(5, "Ready and Stalled are both %v", is("Ready"))
	}
	if is("Launchable") && !is("Exposable") {
		broken(6, "Launchable without being Exposable")
	}
	if is("Launchable") && s.LaunchedAt.IsZero() {
		broken(7, "Launchable without launchedAt")
	}
	if !s.LaunchedAt.IsZero() && !strings.HasPrefix(lr.Annotations[v1alpha1.LaunchedAtAnnotation], s.LaunchedAt.UTC().Format(time.RFC3339)+",") {
		broken(8, "launchedAt is %s, its annotation %q", s.LaunchedAt, lr.Annotations[v1alpha1.LaunchedAtAnnotation])
	}
	for _, m := range s.Measurements {
		c := meta.FindStatusCondition(s.Conditions, string(m.Row))
		if c.Status == metav1.ConditionTrue && m.Verdict != v1alpha1.VerdictPass && m.Verdict != v1alpha1.VerdictNotApplicable {
			broken(9, "%s is True on a verdict %s", m.Row, m.Verdict)
		}
		if m.Verdict == v1alpha1.VerdictFail && (m.Failing == nil || *m.Failing == 0) {
			broken(10, "%s fails without a finding that fails it", m.Row)
		}
		if m.Verdict != v1alpha1.VerdictUnknown && (m.MeasuredAt.IsZero() || m.Revision == "" || m.InputsHash == "") {
			broken(11, "%s has a verdict that is tied to nothing: %+v", m.Row, m)
		}
	}
	if s.ObservedGeneration == nil || *s.ObservedGeneration != lr.Generation {
		broken(12, "observedGeneration is behind")
	}
}

// recorder keeps Events as they are recorded.
type recorder struct {
	mu    sync.Mutex
	notes []string
}

// Eventf implements events.EventRecorder.
func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf("%s %s %s", kind, reason, fmt.Sprintf(note, args...)))
}

// of gives the Events of one condition.
func (r *recorder) of(condition string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, n := range r.notes {
		if strings.Contains(n, " "+condition+": ") {
			found = append(found, n)
		}
	}
	return found
}

// scripted is a check that does what a test says.
type scripted struct {
	row     v1alpha1.Row
	inputs  any
	measure func(ctx context.Context, app *launch.App) scorecard.Outcome
}

func (s *scripted) Row() v1alpha1.Row      { return s.row }
func (s *scripted) Inputs(*launch.App) any { return s.inputs }
func (s *scripted) Measure(ctx context.Context, app *launch.App) scorecard.Outcome {
	return s.measure(ctx, app)
}

// passing passes and failing fails, as a check does that looked at one case.
func passing(row v1alpha1.Row) *scripted {
	return &scripted{row: row, measure: func(context.Context, *launch.App) scorecard.Outcome {
		return scorecard.Judged(row, 1, "The control was seen.", nil, nil)
	}}
}

func failing(row v1alpha1.Row) *scripted {
	return &scripted{row: row, measure: func(context.Context, *launch.App) scorecard.Outcome { return failure(row) }}
}

func failure(row v1alpha1.Row) scorecard.Outcome {
	finding := scorecard.NewFinding([]byte("key"), scorecard.Draft{
		Rule: "Broken", Severity: v1alpha1.SeverityHigh, Place: "somewhere", Message: "It is broken.", Remedy: "Mend it.",
	})
	return scorecard.Judged(row, 1, "The control was seen.", []scorecard.Finding{finding}, func(v1alpha1.Finding) string { return "Broken" })
}

// newLaunch is a launch of Deployments.
func newLaunch(name string, deployments ...string) *v1alpha1.LaunchReadiness {
	lr := &v1alpha1.LaunchReadiness{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, d := range deployments {
		lr.Spec.Workloads = append(lr.Spec.Workloads, v1alpha1.Workload{
			Name: d, Ref: v1alpha1.WorkloadReference{Kind: v1alpha1.KindDeployment, Name: d},
		})
	}
	return lr
}

// newDeployment is a Deployment with one container.
func newDeployment(name string, env ...corev1.EnvVar) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "web", Image: "example.com/chat@sha256:" + strings.Repeat("ab", 32), Env: env,
				}}},
			},
		},
	}
}
