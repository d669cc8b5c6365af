// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

func TestAppThatPassesIsLaunched(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), newLaunch("chat", "chat"))

	lr, _ := h.reconcile("chat")
	h.expect(lr, "Ready", metav1.ConditionTrue, v1alpha1.ReasonMeasuring)
	h.expect(lr, "SecretsSafe", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	h.expect(lr, "DNSConfigured", metav1.ConditionUnknown, v1alpha1.ReasonOff)
	h.expect(lr, "Exposable", metav1.ConditionTrue, v1alpha1.ReasonAllRowsPass)
	h.expect(lr, "Launchable", metav1.ConditionTrue, v1alpha1.ReasonAllRowsPass)
	if lr.Status.Summary != "2/2 passed" {
		t.Errorf("summary is %q", lr.Status.Summary)
	}
	if len(lr.Status.Verified) != 1 || lr.Status.Verified[0].Revision != lr.Status.Revision {
		t.Errorf("the revision is not verified: %+v", lr.Status.Verified)
	}
	if len(lr.Status.Policies) != 1 || lr.Status.Policies[0].Name != launch.DefaultPolicy {
		t.Errorf("policies are %+v", lr.Status.Policies)
	}
}

func TestFailingRowLeavesReadyTrueAndSaysHowToMendIt(t *testing.T) {
	h := newHarness(t, failing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), newLaunch("chat", "chat"))

	lr, result := h.reconcile("chat")
	h.expect(lr, "Ready", metav1.ConditionTrue, v1alpha1.ReasonMeasuring)
	c := h.expect(lr, "SecretsSafe", metav1.ConditionFalse, "Broken")
	if !strings.Contains(c.Message, "Mend it.") {
		t.Errorf("the message has no remedy: %s", c.Message)
	}
	h.expect(lr, "Launchable", metav1.ConditionFalse, v1alpha1.ReasonRowsFailing)
	if lr.Status.Summary != "1/2 passed, 1 failing: SecretsSafe" {
		t.Errorf("summary is %q", lr.Status.Summary)
	}
	if result.RequeueAfter > mending+mending/5 {
		t.Errorf("looks again only after %s", result.RequeueAfter)
	}
	report := &v1alpha1.LaunchReport{}
	if err := h.client.Get(t.Context(), client.ObjectKeyFromObject(lr), report); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(report, lr) || len(report.Status.Rows) != 2 || len(report.Status.Rows[0].Findings) != 1 {
		t.Errorf("the report does not tell: %+v", report.Status)
	}
	if notes := h.events.of("SecretsSafe"); len(notes) != 1 || !strings.HasPrefix(notes[0], corev1.EventTypeWarning) {
		t.Errorf("Events of SecretsSafe: %v", notes)
	}
}

func TestUnchangedAppWritesNothing(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), failing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), newLaunch("chat", "chat"))
	before, _ := h.reconcile("chat")
	report := &v1alpha1.LaunchReport{}
	if err := h.client.Get(t.Context(), client.ObjectKeyFromObject(before), report); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		h.clock.SetTime(h.clock.Now().Add(time.Minute))
		after, _ := h.reconcile("chat")
		if after.ResourceVersion != before.ResourceVersion {
			t.Fatalf("the launch was written:\n%+v\n%+v", before.Status, after.Status)
		}
	}
	again := &v1alpha1.LaunchReport{}
	if err := h.client.Get(t.Context(), client.ObjectKeyFromObject(before), again); err != nil {
		t.Fatal(err)
	}
	if again.ResourceVersion != report.ResourceVersion {
		t.Error("the report was written")
	}
	if notes := h.events.of("RollbackReady"); len(notes) != 1 {
		t.Errorf("Events of RollbackReady: %v", notes)
	}
}

func TestVerdictGoesStaleByTheClock(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	lr := newLaunch("chat", "chat")
	h.create(newDeployment("chat"), lr)
	before, _ := h.reconcile("chat")

	before.Spec.Suspend = ptr.To(true)
	if err := h.client.Update(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	suspended, result := h.reconcile("chat")
	h.expect(suspended, "Ready", metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	h.expect(suspended, "SecretsSafe", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	if result.RequeueAfter <= 0 {
		t.Error("a suspended launch is never looked at again")
	}

	h.clock.SetTime(h.clock.Now().Add(25 * time.Hour))
	stale, _ := h.reconcile("chat")
	h.expect(stale, "SecretsSafe", metav1.ConditionUnknown, v1alpha1.ReasonStale)
	h.expect(stale, "Launchable", metav1.ConditionTrue, v1alpha1.ReasonKeepingLastState)

	h.clock.SetTime(h.clock.Now().Add(25 * time.Hour))
	closed, _ := h.reconcile("chat")
	h.expect(closed, "Launchable", metav1.ConditionUnknown, v1alpha1.ReasonRowsUnknown)
}

func TestObstaclesSayWhatToDo(t *testing.T) {
	tests := map[string]struct {
		objects   []client.Object
		ready     metav1.ConditionStatus
		reason    string
		message   string
		rowReason string
	}{
		"missing workload leaves Ready True, so that the release that brings it is not held up": {
			objects: []client.Object{newLaunch("chat", "chat")},
			ready:   metav1.ConditionTrue, reason: v1alpha1.ReasonWorkloadNotFound, message: "create it, or correct spec.workloads[0].ref",
			rowReason: v1alpha1.ReasonWorkloadNotFound,
		},
		"missing policy": {
			objects: []client.Object{newDeployment("chat"), func() client.Object {
				lr := newLaunch("chat", "chat")
				lr.Spec.PolicyRef = &v1alpha1.PolicyReference{Name: "nobody-wrote-it"}
				return lr
			}()},
			ready: metav1.ConditionFalse, reason: v1alpha1.ReasonPolicyNotFound, message: "change spec.policyRef",
			rowReason: v1alpha1.ReasonPassed,
		},
		"workload of an older launch": {
			objects: []client.Object{newDeployment("chat"), newLaunch("a-older", "chat"), newLaunch("chat", "chat")},
			ready:   metav1.ConditionFalse, reason: v1alpha1.ReasonWorkloadConflict, message: "belongs to LaunchReadiness a-older",
			rowReason: v1alpha1.ReasonWorkloadConflict,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, passing(v1alpha1.RowSecretsSafe))
			h.create(test.objects...)
			lr, result := h.reconcile("chat")
			c := h.expect(lr, "Ready", test.ready, test.reason)
			if !strings.Contains(c.Message, test.message) {
				t.Errorf("message is %q", c.Message)
			}
			row := meta.FindStatusCondition(lr.Status.Conditions, "SecretsSafe")
			if row.Reason != test.rowReason {
				t.Errorf("SecretsSafe is %s, %s", row.Status, row.Reason)
			}
			if result.RequeueAfter <= 0 {
				t.Error("is never looked at again")
			}
		})
	}
}

func TestWorkloadIsTakenOverWhenTheOlderLaunchGoes(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe))
	older := newLaunch("a-older", "chat")
	h.create(newDeployment("chat"), older, newLaunch("chat", "chat"))
	lr, _ := h.reconcile("chat")
	h.expect(lr, "Stalled", metav1.ConditionTrue, v1alpha1.ReasonWorkloadConflict)
	if err := h.client.Delete(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	lr, _ = h.reconcile("chat")
	h.expect(lr, "Stalled", metav1.ConditionFalse, v1alpha1.ReasonIdle)
	h.expect(lr, "SecretsSafe", metav1.ConditionTrue, v1alpha1.ReasonPassed)
}

func TestDeletionThatIsHeldUpSaysSo(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe))
	lr := newLaunch("chat", "chat")
	lr.Finalizers = []string{"example.com/hold"}
	h.create(newDeployment("chat"), lr)
	h.reconcile("chat")
	if err := h.client.Delete(t.Context(), lr); err != nil {
		t.Fatal(err)
	}
	held, _ := h.reconcile("chat")
	c := h.expect(held, "Ready", metav1.ConditionTrue, v1alpha1.ReasonDeleting)
	if !strings.Contains(c.Message, "example.com/hold") {
		t.Errorf("message is %q", c.Message)
	}
}

func TestChecksThatPanicOrHangHurtNoOtherRow(t *testing.T) {
	ended := make(chan struct{})
	hanging := &scripted{row: v1alpha1.RowTLSEnforced, measure: func(context.Context, *launch.App) scorecard.Outcome {
		<-ended
		return scorecard.Outcome{}
	}}
	panicking := &scripted{row: v1alpha1.RowDNSConfigured, measure: func(context.Context, *launch.App) scorecard.Outcome {
		panic("with a secret: hunter2-correct")
	}}
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), hanging, panicking)
	t.Cleanup(func() { close(ended) })
	h.reconciler.Checks.Timeout = 200 * time.Millisecond
	lr := newLaunch("chat", "chat")
	lr.Spec.PolicyRef = &v1alpha1.PolicyReference{Name: h.namespace}
	h.create(newDeployment("chat"), lr, &v1alpha1.LaunchPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: h.namespace, Namespace: ""},
		Spec: v1alpha1.LaunchPolicySpec{Rows: []v1alpha1.RowDemand{
			{Row: v1alpha1.RowTLSEnforced, Enforcement: v1alpha1.EnforcementRequired},
			{Row: v1alpha1.RowDNSConfigured, Enforcement: v1alpha1.EnforcementRequired},
		}},
	})
	for range 2 { // the second time, the first run of the hanging check has not ended yet
		status, _ := h.reconcile("chat")
		h.expect(status, "SecretsSafe", metav1.ConditionTrue, v1alpha1.ReasonPassed)
		h.expect(status, "TLSEnforced", metav1.ConditionUnknown, v1alpha1.ReasonTimeout)
		c := h.expect(status, "DNSConfigured", metav1.ConditionUnknown, v1alpha1.ReasonProbeError)
		if strings.Contains(c.Message, "hunter2") {
			t.Error("what was panicked with came out")
		}
		h.expect(status, "Launchable", metav1.ConditionUnknown, v1alpha1.ReasonRowsUnknown)
	}
}

func TestNetworkedRowFailsOnlyIfMeasuredTwice(t *testing.T) {
	var outcomes []scorecard.Outcome
	flapping := &scripted{row: v1alpha1.RowDNSConfigured, measure: func(context.Context, *launch.App) scorecard.Outcome {
		o := outcomes[0]
		outcomes = outcomes[1:]
		return o
	}}
	h := newHarness(t, flapping)
	lr := newLaunch("chat", "chat")
	lr.Spec.PolicyRef = &v1alpha1.PolicyReference{Name: h.namespace}
	h.create(newDeployment("chat"), lr, &v1alpha1.LaunchPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: h.namespace},
		Spec: v1alpha1.LaunchPolicySpec{Rows: []v1alpha1.RowDemand{
			{Row: v1alpha1.RowDNSConfigured, Enforcement: v1alpha1.EnforcementRequired},
		}},
	})
	pass, fail := scorecard.Judged(v1alpha1.RowDNSConfigured, 1, "Seen.", nil, nil), failure(v1alpha1.RowDNSConfigured)
	for _, step := range []struct {
		outcomes []scorecard.Outcome
		want     metav1.ConditionStatus
	}{
		{[]scorecard.Outcome{fail}, metav1.ConditionFalse}, // never passed: nothing to be kept from flapping
		{[]scorecard.Outcome{pass}, metav1.ConditionTrue},
		{[]scorecard.Outcome{fail, pass}, metav1.ConditionTrue},
		{[]scorecard.Outcome{fail, fail}, metav1.ConditionFalse},
	} {
		outcomes = step.outcomes
		status, _ := h.reconcile("chat")
		if c := meta.FindStatusCondition(status.Status.Conditions, "DNSConfigured"); c.Status != step.want {
			t.Errorf("after %d outcomes it is %s (%s), want %s", len(step.outcomes), c.Status, c.Message, step.want)
		}
		if len(outcomes) != 0 {
			t.Errorf("%d outcomes were not asked for", len(outcomes))
		}
	}
}

func TestLostStatusIsRebuiltAndLocksNothing(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), newLaunch("chat", "chat"))
	launched, _ := h.reconcile("chat")

	lost := launched.DeepCopy()
	lost.Status = v1alpha1.LaunchReadinessStatus{}
	if err := h.client.Status().Update(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	h.clock.SetTime(h.clock.Now().Add(time.Hour))
	rebuilt, _ := h.reconcile("chat")
	if !rebuilt.Status.LaunchedAt.Equal(&launched.Status.LaunchedAt) {
		t.Errorf("launchedAt is %s, was %s", rebuilt.Status.LaunchedAt, launched.Status.LaunchedAt)
	}
	h.expect(rebuilt, "Launchable", metav1.ConditionTrue, v1alpha1.ReasonAllRowsPass)
}

func TestForgedLaunchDoesNotCount(t *testing.T) {
	h := newHarness(t, passing(v1alpha1.RowSecretsSafe), passing(v1alpha1.RowRollbackReady))
	h.create(newDeployment("chat"), newDeployment("copy"), newLaunch("chat", "chat"))
	launched, _ := h.reconcile("chat")
	for name, value := range map[string]string{
		"a time alone":                   "2026-11-01T12:00:00Z",
		"an invented signature":          "2026-11-01T12:00:00Z,0123456789abcdef0123456789abcdef",
		"the annotation of another":      launched.Annotations[v1alpha1.LaunchedAtAnnotation],
		"something else than a time":     "yes",
		"the signature of nobody at all": ",",
	} {
		t.Run(name, func(t *testing.T) {
			lr := newLaunch("copy", "copy")
			lr.Annotations = map[string]string{v1alpha1.LaunchedAtAnnotation: value}
			lr.Spec.Suspend = ptr.To(true) // nothing is measured: only the annotation could make it Launchable
			h.create(lr)
			forged, _ := h.reconcile("copy")
			h.expect(forged, "Launchable", metav1.ConditionUnknown, v1alpha1.ReasonRowsUnknown)
			if !forged.Status.LaunchedAt.IsZero() {
				t.Errorf("launchedAt is %s", forged.Status.LaunchedAt)
			}
			if err := h.client.Delete(t.Context(), forged); err != nil {
				t.Fatal(err)
			}
		})
	}
}
