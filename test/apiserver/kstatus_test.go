// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// kstatus is how Flux, Argo CD, kpt and others know whether to wait for a resource, to give up or to go on.
func TestKstatusReadsALaunch(t *testing.T) {
	stalled := &scorecard.Obstacle{Kind: scorecard.ObstacleStalled, Reason: v1alpha1.ReasonPolicyNotFound, Message: "Create the LaunchPolicy."}
	waiting := &scorecard.Obstacle{Kind: scorecard.ObstacleWaiting, Reason: v1alpha1.ReasonWorkloadNotFound, Message: "The Deployment is not there yet."}
	suspended := &scorecard.Obstacle{Kind: scorecard.ObstacleWanted, Reason: v1alpha1.ReasonSuspended, Message: "Set spec.suspend to false."}
	scored := func(s scorecard.Situation) func(*v1alpha1.LaunchReadiness) {
		return func(lr *v1alpha1.LaunchReadiness) {
			s.Now, s.Generation = time.Now(), lr.Generation
			lr.Status = scorecard.Of(s).Status
		}
	}
	set := func(kind string, value metav1.ConditionStatus) func(*v1alpha1.LaunchReadiness) {
		return func(lr *v1alpha1.LaunchReadiness) {
			scored(scorecard.Situation{})(lr)
			meta.SetStatusCondition(&lr.Status.Conditions, condition(kind, value, "SaidByATest", "Said by a test."))
		}
	}
	tests := []struct {
		name string
		// status as it is written; nothing is written without it.
		status func(*v1alpha1.LaunchReadiness)
		// then changes the object after that.
		then func(*testing.T, *v1alpha1.LaunchReadiness)
		want status.Status
	}{
		{name: "just created, before the operator has seen it", want: status.InProgressStatus},
		{name: "accepted, nothing measured yet", status: scored(scorecard.Situation{}), want: status.CurrentStatus},
		{name: "Ready True", status: set(v1alpha1.ConditionReady, metav1.ConditionTrue), want: status.CurrentStatus},
		{name: "Ready False, Stalled False", status: set(v1alpha1.ConditionReady, metav1.ConditionFalse), want: status.InProgressStatus},
		{name: "Reconciling True", status: set(v1alpha1.ConditionReconciling, metav1.ConditionTrue), want: status.InProgressStatus},
		{name: "Stalled True", status: set(v1alpha1.ConditionStalled, metav1.ConditionTrue), want: status.FailedStatus},
		{name: "a row fails", status: set(string(v1alpha1.RowSecretsSafe), metav1.ConditionFalse), want: status.CurrentStatus},
		{name: "not launchable", status: set(v1alpha1.ConditionLaunchable, metav1.ConditionFalse), want: status.CurrentStatus},
		{name: "a person must act", status: scored(scorecard.Situation{Obstacle: stalled}), want: status.FailedStatus},
		{name: "the workload is not there yet", status: scored(scorecard.Situation{Obstacle: waiting}), want: status.CurrentStatus},
		{name: "suspended", status: scored(scorecard.Situation{Obstacle: suspended}), want: status.CurrentStatus},
		{name: "the spec has changed since", status: scored(scorecard.Situation{}), want: status.InProgressStatus, then: func(t *testing.T, lr *v1alpha1.LaunchReadiness) {
			lr.Spec.Suspend = ptr.To(true)
			if err := server.client.Update(t.Context(), lr); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "being deleted", status: scored(scorecard.Situation{}), want: status.TerminatingStatus, then: func(t *testing.T, lr *v1alpha1.LaunchReadiness) {
			holdDeletion(t, lr)
		}},
		{name: "the status is lost", status: scored(scorecard.Situation{}), want: status.InProgressStatus, then: func(t *testing.T, lr *v1alpha1.LaunchReadiness) {
			patch := client.RawPatch(client.Merge.Type(), []byte(`{"status":null}`))
			if err := server.client.Status().Patch(t.Context(), lr, patch); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lr := newLaunch(t, newNamespace(t), "chat")
			if tt.status != nil {
				writeStatus(t, lr, func() { tt.status(lr) })
			}
			if tt.then != nil {
				tt.then(t, lr)
			}
			is(t, lr, "LaunchReadiness", tt.want)
		})
	}
}

func TestKstatusWaitsForTheOperatorWithPoliciesAndWaiversToo(t *testing.T) {
	policy := &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: "awaited"}, Spec: v1alpha1.LaunchPolicySpec{Base: "starter-2026-11"}}
	waiver := &v1alpha1.LaunchWaiver{
		ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(t), Name: "awaited"},
		Spec: v1alpha1.LaunchWaiverSpec{
			LaunchReadinessRef: v1alpha1.LaunchReadinessReference{Name: "chat"}, Row: v1alpha1.RowRollbackReady, Owner: "shop team",
			Reason: "The database allows one writer.", ExpiresAt: metav1.NewTime(time.Now().Add(time.Hour)),
		},
	}
	create(t, policy)
	create(t, waiver)
	is(t, policy, "LaunchPolicy", status.InProgressStatus)
	is(t, waiver, "LaunchWaiver", status.InProgressStatus)

	writeStatus(t, policy, func() {
		policy.Status.ObservedGeneration = ptr.To(policy.Generation)
		policy.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonBindsNothing, "It binds nothing.")}
	})
	writeStatus(t, waiver, func() {
		waiver.Status.ObservedGeneration = ptr.To(waiver.Generation)
		waiver.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionActive, metav1.ConditionFalse, v1alpha1.ReasonLaunchNotFound, "No such launch.")}
	})
	is(t, policy, "LaunchPolicy", status.CurrentStatus)
	is(t, waiver, "LaunchWaiver", status.CurrentStatus)
}

// is reads an object back from the API server and compares what kstatus makes of it.
func is(t *testing.T, obj client.Object, kind string, want status.Status) {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	if err := server.client.Get(t.Context(), client.ObjectKeyFromObject(obj), u); err != nil {
		t.Fatal(err)
	}
	result, err := status.Compute(u)
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != want {
		t.Errorf("kstatus says %s (%s), want %s", result.Status, result.Message, want)
	}
}

// holdDeletion deletes an object that a finalizer keeps until the test ends.
func holdDeletion(t *testing.T, obj client.Object) {
	t.Helper()
	obj.SetFinalizers([]string{"launchready.dev/test"})
	if err := server.client.Update(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	if err := server.client.Delete(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		patch := client.RawPatch(client.Merge.Type(), []byte(`{"metadata":{"finalizers":null}}`))
		if err := server.client.Patch(context.WithoutCancel(t.Context()), obj, patch); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
}
