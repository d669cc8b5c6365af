// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/rollback"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// reader notes what it is asked for, and fails where it is told to.
type reader struct {
	client.Reader
	asked []string
	fail  func(asked string) error
}

func (r *reader) note(asked string) error {
	r.asked = append(r.asked, asked)
	if r.fail == nil {
		return nil
	}
	return r.fail(asked)
}

func (r *reader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if err := r.note(fmt.Sprintf("get %T %s", o, key.Name)); err != nil {
		return err
	}
	return r.Reader.Get(ctx, key, o, opts...)
}

func (r *reader) List(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	if err := r.note(fmt.Sprintf("list %T", l)); err != nil {
		return err
	}
	return r.Reader.List(ctx, l, opts...)
}

func TestMeasure_TellsWhatWasSeen(t *testing.T) {
	o := healthy(deployment).measure(t)
	want := "The revision that runs was found by the same look-up as the one to go back to: Deployment shop/chat runs revision 2 and can go back to 1, kept by ReplicaSet chat-1."
	if o.Control != want {
		t.Errorf("control:\n%s\nwant:\n%s", o.Control, want)
	}
	// History, previous, paused, strategy, readiness of the pod and of its container, two images, two references.
	if o.Cases != 10 {
		t.Errorf("cases = %d, want 10", o.Cases)
	}
}

func TestMeasure_AsksForSecretsAndConfigMapsByGetAloneAndOnce(t *testing.T) {
	for _, kind := range all() {
		t.Run(string(kind), func(t *testing.T) {
			w := healthy(kind)
			// The same Secret and ConfigMap at two more places.
			w.then.Spec.Containers[0].EnvFrom = append(w.then.Spec.Containers[0].EnvFrom,
				corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "llm"}}},
				corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
			)
			c := w.client(t)
			cached, live := &reader{Reader: c}, &reader{Reader: c}
			if o := rollback.New(cached, live, testKey).Measure(t.Context(), w.app()); o.Verdict != v1alpha1.VerdictPass {
				t.Fatalf("verdict %s: %s", o.Verdict, o.Message)
			}
			want := []string{"get *v1.ConfigMap settings", "get *v1.Secret llm"}
			if kind == rollout {
				want = append([]string{"get *unstructured.Unstructured chat"}, want...)
			}
			if diff := cmp.Diff(want, live.asked); diff != "" {
				t.Errorf("asked of the API server (-want +got):\n%s", diff)
			}
			for _, asked := range cached.asked {
				if strings.Contains(asked, "Secret") || strings.Contains(asked, "ConfigMap") {
					t.Errorf("asked of the cache: %s", asked)
				}
			}
		})
	}
}

func TestMeasure_GivesAwayNothingOfASecret(t *testing.T) {
	w := healthy(deployment)
	w.then.Spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Key = "gone"
	c := w.client(t)
	check := rollback.New(c, c, testKey)
	o := check.Measure(t.Context(), w.app())
	if len(o.Findings) != 1 {
		t.Fatalf("findings: %v", told(o))
	}
	written := fmt.Sprintf("%+v %+v %+v", o, check, o.Findings[0].API())
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	written += string(data)
	for _, secret := range []string{secretValue, string(testKey), fmt.Sprintf("%d", testKey)} {
		if strings.Contains(written, secret) {
			t.Errorf("%q is told", secret)
		}
	}
}

func TestMeasure_MakesForeignNamesHarmless(t *testing.T) {
	w := healthy(deployment)
	w.then.Spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name = "$(reboot)\u202e"
	o := w.measure(t)
	if len(o.Findings) != 1 {
		t.Fatalf("findings: %v", told(o))
	}
	f := o.Findings[0].API()
	if strings.Contains(f.Message, "\u202e") || !strings.Contains(f.Message, `\u{202E}`) {
		t.Errorf("message: %q", f.Message)
	}
	if strings.Contains(f.Remedy, "reboot") {
		t.Errorf("a command holds what others wrote: %q", f.Remedy)
	}
}

func TestMeasure_OffersAnotherRolloutOnlyWhereItHelps(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(w *world)
		want   bool
	}{
		{"the previous revision alone needs it", func(w *world) { w.now.Spec.Containers[0].Env = nil }, true},
		{"the present revision needs it too", func(*world) {}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := healthy(deployment)
			w.objects = w.objects[1:]
			c.change(w)
			o := w.measure(t)
			if len(o.Findings) != 1 {
				t.Fatalf("findings: %v", told(o))
			}
			if remedy := o.Findings[0].API().Remedy; strings.Contains(remedy, "roll out once more") != c.want {
				t.Errorf("remedy: %s", remedy)
			}
		})
	}
}

type unknownCase struct {
	name    string
	kinds   []v1alpha1.WorkloadKind
	change  func(w *world)
	cached  func(asked string) error
	live    func(asked string) error
	fault   v1alpha1.Fault
	reason  string
	message string
}

func on(part string, err error) func(string) error {
	return func(asked string) error {
		if strings.Contains(asked, part) {
			return err
		}
		return nil
	}
}

func unknownCases() []unknownCase {
	nothing := func(*world) {}
	ours, theirs := v1alpha1.FaultOperator, v1alpha1.FaultApp
	gr := func(resource string) schema.GroupResource { return schema.GroupResource{Resource: resource} }
	return []unknownCase{
		{
			name: "the controller has not seen the newest spec", kinds: all(), change: func(w *world) { w.observed = 6 },
			fault: ours, reason: v1alpha1.ReasonNoPositiveControl, message: "has not dealt with its newest spec yet",
		},
		{
			name: "the present revision is not among those that are kept", kinds: all(), change: func(w *world) { w.kept = w.kept[:1] },
			fault: ours, reason: v1alpha1.ReasonNoPositiveControl, message: "was not found among those that are kept",
		},
		{
			name: "nothing is kept", kinds: all(), change: func(w *world) { w.kept = nil },
			fault: ours, reason: v1alpha1.ReasonNoPositiveControl, message: "was not found among those that are kept",
		},
		{
			name: "the present revision has no number yet", kinds: only(deployment, rollout), change: func(w *world) { w.kept[1].number = 0; w.running = 0 },
			fault: ours, reason: v1alpha1.ReasonNoPositiveControl, message: "was not found among those that are kept",
		},
		{
			name: "the present revision can't be read", kinds: only(statefulSet, daemonSet), change: func(w *world) { w.kept[1].raw = "{}" },
			fault: ours, reason: v1alpha1.ReasonNoPositiveControl, message: "was not found among those that are kept",
		},
		{
			name: "paused with a change that is not rolled out", kinds: only(deployment, rollout), change: func(w *world) { w.paused, w.kept = true, w.kept[:1] },
			fault: theirs, reason: v1alpha1.ReasonNoPositiveControl, message: "Resume it: `kubectl",
		},
		{
			name: "changed while it was measured", kinds: all(), change: func(w *world) { w.resolved = ptr.To(template("f")) },
			fault: ours, reason: v1alpha1.ReasonNoPositiveControl, message: "changed while it was being measured",
		},
		{
			name: "a Rollout whose Deployment has moved on", kinds: only(rollout), change: func(w *world) { refersTo(w, 9, "8") },
			fault: ours, reason: v1alpha1.ReasonNoPositiveControl, message: "has not dealt with its newest spec yet",
		},
		{
			name: "deleted meanwhile", kinds: only(deployment, statefulSet, daemonSet), change: nothing,
			cached: on("get", apierrors.NewNotFound(gr("deployments"), "chat")),
			fault:  theirs, reason: v1alpha1.ReasonWorkloadNotFound, message: "does not exist any more",
		},
		{
			name: "revisions may not be listed", kinds: only(deployment), change: nothing,
			cached: on("list", apierrors.NewForbidden(gr("replicasets"), "", errors.New("no"))),
			fault:  ours, reason: v1alpha1.ReasonNotConfigured, message: `the verb "list" on "replicasets" of API group "apps"`,
		},
		{
			name: "Secrets may not be read", kinds: all(), change: nothing,
			live:  on("Secret", apierrors.NewForbidden(gr("secrets"), "llm", errors.New("no"))),
			fault: ours, reason: v1alpha1.ReasonNotConfigured, message: `the verb "get" on "secrets" of API group ""`,
		},
		{
			name: "ConfigMaps take too long", kinds: only(statefulSet), change: nothing,
			live:  on("ConfigMap", fmt.Errorf("reading: %w", context.DeadlineExceeded)),
			fault: ours, reason: v1alpha1.ReasonTimeout, message: "ConfigMap shop/settings took too long",
		},
		{
			name: "the cache does not fill", kinds: only(daemonSet), change: nothing,
			cached: on("list", apierrors.NewTimeoutError("no sync", 0)),
			fault:  ours, reason: v1alpha1.ReasonTimeout, message: "the revisions of DaemonSet shop/chat took too long",
		},
		{
			name: "the API server fails", kinds: only(deployment), change: nothing,
			live:  on("Secret", apierrors.NewInternalError(errors.New("etcd said "+secretValue))),
			fault: ours, reason: v1alpha1.ReasonProbeError, message: "Reading Secret shop/llm failed (InternalError)",
		},
		{
			name: "the API server does not answer", kinds: only(deployment), change: nothing,
			live:  on("Secret", errors.New("read tcp 127.0.0.1:40312->127.0.0.1:6443: connection reset")),
			fault: ours, reason: v1alpha1.ReasonProbeError, message: "Reading Secret shop/llm failed (no answer from the API server)",
		},
	}
}

func TestMeasure_GivesNoVerdictOnWhatItDidNotSee(t *testing.T) {
	for _, c := range unknownCases() {
		for _, kind := range c.kinds {
			inFakeTime(t, c.name+"/"+string(kind), func(t *testing.T) {
				w := healthy(kind)
				c.change(w)
				fake := w.client(t)
				check := rollback.New(&reader{Reader: fake, fail: c.cached}, &reader{Reader: fake, fail: c.live}, testKey)
				o := check.Measure(t.Context(), w.app())
				if o.Verdict != v1alpha1.VerdictUnknown || o.Fault != c.fault || o.Reason != c.reason {
					t.Errorf("got %s %s %s (%s), want Unknown %s %s", o.Verdict, o.Fault, o.Reason, o.Message, c.fault, c.reason)
				}
				if !strings.Contains(o.Message, c.message) || strings.Contains(o.Message, secretValue) {
					t.Errorf("message %q, want it to hold %q", o.Message, c.message)
				}
			})
		}
	}
}

// inFakeTime runs a subtest whose clock goes on only where everything waits.
func inFakeTime(t *testing.T, name string, test func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// A rollout's first moments are no reason to say that a row can't be measured.
func TestMeasure_WaitsAMomentForTheController(t *testing.T) {
	for name, c := range map[string]struct {
		// behind makes the world one whose controller has not acted yet.
		behind func(w *world)
		after  time.Duration
		want   v1alpha1.Verdict
		atMost time.Duration
	}{
		"which observes the spec":   {func(w *world) { w.observed = 6 }, time.Second, v1alpha1.VerdictPass, 2 * time.Second},
		"which makes the revision":  {func(w *world) { w.kept = w.kept[:1] }, time.Second, v1alpha1.VerdictPass, 2 * time.Second},
		"but not for long":          {func(w *world) { w.observed = 6 }, time.Minute, v1alpha1.VerdictUnknown, 5 * time.Second},
		"and not for what stays so": {func(w *world) { w.resolved = ptr.To(template("f")) }, time.Second, v1alpha1.VerdictUnknown, 0},
	} {
		inFakeTime(t, name, func(t *testing.T) {
			lagging, caughtUp := healthy(deployment), healthy(deployment)
			c.behind(lagging)
			began := time.Now()
			cached := &turning{Reader: lagging.client(t), at: began.Add(c.after), to: caughtUp.client(t)}
			o := rollback.New(cached, cached, testKey).Measure(t.Context(), lagging.app())
			if o.Verdict != c.want {
				t.Errorf("got %s: %s", o.Verdict, o.Message)
			}
			if took := time.Since(began); took > c.atMost {
				t.Errorf("it waited %s, want at most %s", took, c.atMost)
			}
		})
	}
}

// turning reads from another world from a moment on.
type turning struct {
	client.Reader
	at time.Time
	to client.Reader
}

func (r *turning) now() client.Reader {
	if time.Now().Before(r.at) {
		return r.Reader
	}
	return r.to
}

func (r *turning) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return r.now().Get(ctx, key, o, opts...)
}

func (r *turning) List(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	return r.now().List(ctx, l, opts...)
}

func TestMeasure_NoWorkloadProvesNothing(t *testing.T) {
	c := healthy(deployment).client(t)
	o := rollback.New(c, c, testKey).Measure(t.Context(), &launch.App{})
	if o.Verdict != v1alpha1.VerdictUnknown || o.Reason != v1alpha1.ReasonNotConfigured {
		t.Errorf("got %s %s", o.Verdict, o.Reason)
	}
}

// refersTo makes a Rollout take its template from a Deployment of some generation, of which it has observed another.
func refersTo(w *world, generation int64, observed string) {
	w.rollout = map[string]any{
		"spec.template":                     nil,
		"spec.workloadRef":                  map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat-template"},
		"status.workloadObservedGeneration": observed,
	}
	w.objects = append(w.objects, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat-template", Generation: generation},
		Spec:       appsv1.DeploymentSpec{Selector: w.selector(), Template: *w.now.DeepCopy()},
	})
}

func TestMeasure_TakesARolloutsTemplateFromItsDeployment(t *testing.T) {
	w := healthy(rollout)
	refersTo(w, 9, "9")
	if o := w.measure(t); o.Verdict != v1alpha1.VerdictPass || len(o.Findings) > 0 {
		t.Errorf("got %s: %s %v", o.Verdict, o.Message, told(o))
	}
}

// A verdict on one workload, and a waiver of it, must not cover one that was not looked at.
func TestMeasure_OneWorkloadThatWasNotSeenLeavesNoVerdict(t *testing.T) {
	w := healthy(deployment)
	w.limit = 0
	app := w.app()
	other := app.Workloads[0]
	other.Name, other.Ref.Name = "worker", "gone"
	app.Workloads = append(app.Workloads, other)
	c := w.client(t)
	o := rollback.New(c, c, testKey).Measure(t.Context(), app)
	if o.Verdict != v1alpha1.VerdictUnknown || o.Reason != v1alpha1.ReasonWorkloadNotFound {
		t.Errorf("got %s %s", o.Verdict, o.Reason)
	}
	if !strings.Contains(o.Message, "Already found: Deployment shop/chat: spec.revisionHistoryLimit") {
		t.Errorf("message: %s", o.Message)
	}
}

func TestMeasure_SaysTheSameOfTheSame(t *testing.T) {
	w := healthy(statefulSet)
	w.limit = 1
	w.now.Spec.Containers[0].ReadinessProbe = nil
	w.then.Spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name = "gone"
	first, second := w.measure(t), w.measure(t)
	if first.Message != second.Message || first.Control != second.Control {
		t.Errorf("two messages:\n%s\n%s", first.Message, second.Message)
	}
	prints := func(o scorecard.Outcome) []string {
		var all []string
		for _, f := range o.Findings {
			all = append(all, f.API().Fingerprint)
		}
		return all
	}
	if diff := cmp.Diff(prints(first), prints(second)); diff != "" || len(prints(first)) != 3 {
		t.Errorf("fingerprints (-first +second):\n%s", diff)
	}
	// The worst decides the reason, whatever else there is.
	if first.Reason != impossible {
		t.Errorf("reason %s, want %s", first.Reason, impossible)
	}
}

func TestInputs_ChangeWithWhatTheRevisionDoesNotCover(t *testing.T) {
	hash := func(w *world) string {
		c := rollback.New(nil, nil, testKey)
		h, err := scorecard.HashInputs(c.Row(), c.Inputs(w.app()))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	same := hash(healthy(deployment))
	changes := map[string]func(w *world){
		"the policy's minimum": func(w *world) { w.minimum = ptr.To[int32](5) },
		"the history":          func(w *world) { w.limit = 3 },
		"the strategy":         func(w *world) { w.deployment.Type = appsv1.RecreateDeploymentStrategyType },
		"one replica":          func(w *world) { w.replicas = 1 },
	}
	for name, change := range changes {
		w := healthy(deployment)
		change(w)
		if hash(w) == same {
			t.Errorf("%s does not change the inputs", name)
		}
	}
	scaled := healthy(deployment)
	scaled.replicas = 30
	if hash(scaled) != same {
		t.Error("an autoscaler between 3 and 30 replicas makes verdicts Stale")
	}
	scaled = healthy(daemonSet)
	scaled.replicas = 1
	if hash(scaled) != hash(healthy(daemonSet)) {
		t.Error("the number of nodes makes a DaemonSet's verdict Stale")
	}
}

func TestMeasure_LooksAtEveryWorkload(t *testing.T) {
	w := healthy(deployment)
	app := w.app()
	for range 4 {
		app.Workloads = append(app.Workloads, app.Workloads[0])
	}
	c := w.client(t)
	live := &reader{Reader: c}
	o := rollback.New(c, live, testKey).Measure(t.Context(), app)
	if o.Verdict != v1alpha1.VerdictPass || o.Cases != 50 {
		t.Errorf("%s, %d cases", o.Verdict, o.Cases)
	}
	if !strings.HasSuffix(o.Control, "So were those of 2 more workloads.") {
		t.Errorf("control: %s", o.Control)
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(live.asked)))); n != len(live.asked) {
		t.Errorf("asked twice for the same: %v", live.asked)
	}
}
