// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/secrets"
	"github.com/launchready/launchready/internal/detect"
	"github.com/launchready/launchready/internal/gate"
)

// errKilled is what a call meets that is made by an operator that is dead.
var errKilled = errors.New("the operator was killed")

// lifeline counts the calls of an operator to the API server, and cuts them off at one of them.
type lifeline struct {
	calls int
	// cutAt is the call at which the operator dies; 0 for never. With landed, that call still reaches the API server,
	// and only its answer is lost.
	cutAt  int
	landed bool
	dead   bool
	// writes are the calls that change something: only for these it matters whether they landed.
	writes []int
}

// call makes one call, unless the operator is dead.
func (l *lifeline) call(do func() error) error {
	if l.dead {
		return errKilled
	}
	l.calls++
	if l.calls != l.cutAt {
		return do()
	}
	l.dead = true
	if l.landed {
		_ = do() // nobody is left to hear the answer
	}
	return errKilled
}

// write makes one call that changes something, unless the operator is dead.
func (l *lifeline) write(do func() error) error {
	l.writes = append(l.writes, l.calls+1)
	return l.call(do)
}

// through gives a client whose calls all go through the lifeline.
func (l *lifeline) through(c client.WithWatch) client.Client {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			return l.call(func() error { return c.Get(ctx, key, obj, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return l.call(func() error { return c.List(ctx, list, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return l.write(func() error { return c.Patch(ctx, obj, patch, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return l.write(func() error { return c.Apply(ctx, obj, opts...) })
		},
		SubResourceApply: func(ctx context.Context, c client.Client, sub string, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			return l.write(func() error { return c.SubResource(sub).Apply(ctx, obj, opts...) })
		},
		Create: func(_ context.Context, _ client.WithWatch, _ client.Object, _ ...client.CreateOption) error {
			return errors.New("the loop creates by Apply alone, so that a second attempt is none")
		},
		Update: func(_ context.Context, _ client.WithWatch, _ client.Object, _ ...client.UpdateOption) error {
			return errors.New("the loop updates nothing as a whole")
		},
		Delete: func(_ context.Context, _ client.WithWatch, _ client.Object, _ ...client.DeleteOption) error {
			return errors.New("the loop deletes nothing")
		},
		SubResourceUpdate: func(context.Context, client.Client, string, client.Object, ...client.SubResourceUpdateOption) error {
			return errors.New("the loop updates nothing as a whole")
		},
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return errors.New("the status is applied")
		},
	})
}

// end is what a story leaves behind.
type end struct {
	Status  v1alpha1.LaunchReadinessStatus
	Report  v1alpha1.LaunchReportStatus
	Reports int
	// Gate is what the Namespace says of the launch.
	Gate gate.Record
	// told is how often each Event was told.
	told map[string]int
}

// TestKilledAtAnyCallConverges tells the same story again and again: an app with a typed secret is reported, mended
// and launched, and fails again when its Secret is lost. Each time the operator is killed at another call to the API server, and starts anew.
func TestKilledAtAnyCallConverges(t *testing.T) {
	undisturbed := &lifeline{}
	reference, calls := tellStory(t, undisturbed)
	if calls < 20 {
		t.Fatalf("the whole story takes only %d calls: is the lifeline in the way of all of them?", calls)
	}
	for _, landed := range []bool{false, true} {
		for n := 1; n <= calls; n++ {
			if landed && !slices.Contains(undisturbed.writes, n) {
				continue
			}
			t.Run(fmt.Sprintf("call %d, landed %v", n, landed), func(t *testing.T) {
				line := &lifeline{cutAt: n, landed: landed}
				got, _ := tellStory(t, line)
				if !line.dead {
					t.Fatal("the operator was not killed")
				}
				for _, note := range slices.Sorted(maps.Keys(got.told)) {
					if got.told[note] > reference.told[note] {
						t.Errorf("told %d times, undisturbed %d: %s", got.told[note], reference.told[note], note)
					}
				}
				if diff := cmp.Diff(reference, got, storyOptions()); diff != "" {
					t.Errorf("it ends otherwise (-undisturbed +killed):\n%s", diff)
				}
			})
		}
	}
	t.Logf("killed at each of %d calls before it reached the API server, and at each of %d writes after", calls, len(undisturbed.writes))
}

// storyOptions leave out what differs from telling to telling: times, names of namespaces, and what hangs on them.
func storyOptions() cmp.Options {
	return cmp.Options{
		cmpopts.IgnoreTypes(metav1.Time{}),
		cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(v1alpha1.Measurement{}, "Revision", "Message", "Fingerprints"),
		cmpopts.IgnoreFields(v1alpha1.LaunchReadinessStatus{}, "Revision", "Rollouts", "ObservedGeneration"),
		cmpopts.IgnoreFields(gate.Record{}, "NamespaceUID", "LaunchedAt"),
		cmpopts.IgnoreFields(v1alpha1.VerifiedRevision{}, "Revision"),
		cmpopts.IgnoreFields(metav1.Condition{}, "Message", "ObservedGeneration"),
		cmpopts.IgnoreFields(v1alpha1.RowReport{}, "Revision"),
		cmpopts.IgnoreFields(v1alpha1.Finding{}, "Place", "Fingerprint", "Remedy"),
		cmpopts.IgnoreFields(end{}, "told"),
	}
}

// tellStory tells the story once, with the operator's calls going through the lifeline until it is dead.
func tellStory(t *testing.T, line *lifeline) (end, int) {
	t.Helper()
	detector, err := detect.New()
	if err != nil {
		t.Fatal(err)
	}
	watching, err := client.NewWithWatch(apiServer, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, passing(v1alpha1.RowRollbackReady))
	h.live(line.through(watching), detector)

	typed := corev1.EnvVar{Name: "OPENAI_API_KEY", Value: "sk-proj-" + "Jw3Rk8Tq2Vn7Xb5Mz9Lc4Pd6Hf1Gs0AyT3BlbkFJQe8Uw2Ri5Ot7Yp1As4Df6Gh9Jk3Lz"}
	h.create(newDeployment("chat", typed), newLaunch("chat", "chat"))
	h.settle(line, detector)
	h.expect(h.get("chat"), "SecretsSafe", metav1.ConditionFalse, v1alpha1.ReasonTypedSecret)

	h.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "chat"}, StringData: map[string]string{"openai": typed.Value}})
	mended := newDeployment("chat", corev1.EnvVar{Name: typed.Name, ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "chat"}, Key: "openai"},
	}})
	mended.Namespace = h.namespace
	if err := h.client.Update(t.Context(), mended); err != nil {
		t.Fatal(err)
	}
	h.settle(line, detector)

	h.expect(h.get("chat"), "Launchable", metav1.ConditionTrue, v1alpha1.ReasonAllRowsPass)

	if err := h.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: h.namespace, Name: "chat"}}); err != nil {
		t.Fatal(err)
	}
	h.settle(line, detector)

	lr := h.get("chat")
	checkInvariants(t, lr)
	h.expect(lr, "Launchable", metav1.ConditionFalse, v1alpha1.ReasonRowsFailing)
	record := h.checkGate(lr)
	var reports v1alpha1.LaunchReportList
	if err := h.client.List(t.Context(), &reports, client.InNamespace(h.namespace)); err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, note := range h.events.notes {
		told[strings.ReplaceAll(note, h.namespace, "shop")]++
	}
	return end{Status: lr.Status, Report: reports.Items[0].Status, Reports: len(reports.Items), Gate: record, told: told}, line.calls
}

// live gives the operator a life with the real check of SecretsSafe.
func (h *harness) live(c client.Client, detector *detect.Detector) {
	h.Helper()
	h.checks = []Check{passing(v1alpha1.RowRollbackReady), secrets.New(c, detector, []byte("a key of the test, 32 bytes long."))}
	h.restart(c)
}

// settle reconciles until a pass succeeds and the next writes nothing. An operator that is killed starts anew.
func (h *harness) settle(line *lifeline, detector *detect.Detector) {
	h.Helper()
	request := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: h.namespace, Name: "chat"}}
	for before := ""; ; {
		_, err := h.reconciler.Reconcile(h.Context(), request)
		if line.dead && errors.Is(h.reconciler.Client.Get(h.Context(), request.NamespacedName, &v1alpha1.LaunchReadiness{}), errKilled) {
			h.checkGateIsNoMoreOpen(h.get("chat"))
			h.live(h.client, detector)
			continue
		}
		if err != nil {
			h.Fatal(err)
		}
		after := h.written()
		if after == before {
			return
		}
		before = after
	}
}

// written identifies what the operator has written so far.
func (h *harness) written() string {
	h.Helper()
	var reports v1alpha1.LaunchReportList
	if err := h.client.List(h.Context(), &reports, client.InNamespace(h.namespace)); err != nil {
		h.Fatal(err)
	}
	versions := h.get("chat").ResourceVersion + " " + h.gatedNamespace().ResourceVersion
	for _, r := range reports.Items {
		versions += " " + r.ResourceVersion
	}
	return versions
}
