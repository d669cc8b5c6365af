// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
)

// state is a workload with what only this row asks of it.
type state struct {
	launch.Workload
	// observed says that the workload's controller has dealt with the newest spec: until then its revisions are those
	// of an older one.
	observed bool
	paused   bool
	// watched says that a rollout waits for a pod to stay ready for a while (minReadySeconds).
	watched bool
	// unavailable is how many pods a rolling update of a Deployment may take away before their successors are ready.
	unavailable int
	// partition is the first ordinal of a StatefulSet that a rollout reaches.
	partition int32
	// updateRevision is the name of the ControllerRevision that a StatefulSet is at, or going to.
	updateRevision string
	// podHash is the label by which a Rollout knows its own ReplicaSet.
	podHash string
}

// read reads the workload's object once more, and makes sure that it is the one that the launch was resolved from: a
// verdict is kept under the revision of that one.
func (m *measurement) read(ctx context.Context, w launch.Workload) (state, error) {
	s := state{Workload: w}
	var same bool
	var err error
	key := client.ObjectKey{Namespace: w.Namespace, Name: w.Ref.Name}
	what := access{verb: "get", group: appsv1.GroupName, what: w.String()}
	switch w.Ref.Kind {
	case v1alpha1.KindDeployment:
		what.resource = "deployments"
		var d appsv1.Deployment
		if err = m.cached.Get(ctx, key, &d); err == nil {
			same = isSame(w, d.UID, &d.Spec.Template)
			err = s.ofDeployment(&d)
		}
	case v1alpha1.KindStatefulSet:
		what.resource = "statefulsets"
		var d appsv1.StatefulSet
		if err = m.cached.Get(ctx, key, &d); err == nil {
			same = isSame(w, d.UID, &d.Spec.Template)
			s.ofStatefulSet(&d)
		}
	case v1alpha1.KindDaemonSet:
		what.resource = "daemonsets"
		var d appsv1.DaemonSet
		if err = m.cached.Get(ctx, key, &d); err == nil {
			same = isSame(w, d.UID, &d.Spec.Template)
			s.observed, s.watched = d.Status.ObservedGeneration >= d.Generation, d.Spec.MinReadySeconds > 0
		}
	case v1alpha1.KindRollout:
		what.resource, what.group = "rollouts", "argoproj.io"
		same, err = m.readRollout(ctx, key, &s)
	}
	switch {
	case apierrors.IsNotFound(err):
		return s, &unmeasuredError{fault: v1alpha1.FaultApp, reason: v1alpha1.ReasonWorkloadNotFound, message: w.String() + " does not exist any more: create it, or correct spec.workloads."}
	case err != nil:
		return s, what.failed(err)
	case !same:
		// Looking again shows the new one again: it is for the next measurement, which is resolved from it.
		return s, notYet("%s changed while it was being measured; it is measured again.", w)
	case !s.observed:
		return s, lagging("The controller of %s has not dealt with its newest spec yet, so its revisions are not known; it is measured again.", w)
	}
	return s, nil
}

func isSame(w launch.Workload, uid types.UID, template *corev1.PodTemplateSpec) bool {
	return w.UID == uid && equality.Semantic.DeepEqual(&w.Template, template)
}

func (s *state) ofDeployment(d *appsv1.Deployment) error {
	s.observed = d.Status.ObservedGeneration >= d.Generation
	s.paused, s.watched = d.Spec.Paused, d.Spec.MinReadySeconds > 0
	if r := d.Spec.Strategy.RollingUpdate; r != nil && r.MaxUnavailable != nil {
		// A share is rounded down, as the Deployment controller does: 25 % of one pod is none.
		n, err := intstr.GetScaledValueFromIntOrPercent(r.MaxUnavailable, int(s.Replicas), false)
		if err != nil {
			return fmt.Errorf("reading maxUnavailable: %w", err)
		}
		surge, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(r.MaxSurge, intstr.FromInt32(1)), int(s.Replicas), true)
		if err != nil {
			return fmt.Errorf("reading maxSurge: %w", err)
		}
		if n == 0 && surge == 0 {
			// Else nothing could ever move: the Deployment controller takes one away then.
			n = 1
		}
		s.unavailable = n
	}
	return nil
}

func (s *state) ofStatefulSet(d *appsv1.StatefulSet) {
	s.observed = d.Status.ObservedGeneration >= d.Generation
	s.watched, s.updateRevision = d.Spec.MinReadySeconds > 0, d.Status.UpdateRevision
	if r := d.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil {
		s.partition = *r.Partition
	}
}

// readRollout reads an Argo Rollout by its shape. It is read live, as the launch was: its kind may not be served.
func (m *measurement) readRollout(ctx context.Context, key client.ObjectKey, s *state) (same bool, err error) {
	var u unstructured.Unstructured
	u.SetAPIVersion(s.Ref.APIVersion)
	u.SetKind(string(s.Ref.Kind))
	if err := m.live.Get(ctx, key, &u); err != nil {
		return false, err
	}
	s.paused, _, _ = unstructured.NestedBool(u.Object, "spec", "paused")
	s.podHash, _, _ = unstructured.NestedString(u.Object, "status", "currentPodHash")
	seconds, _, _ := unstructured.NestedInt64(u.Object, "spec", "minReadySeconds")
	s.watched = seconds > 0
	s.observed = at(&u, "observedGeneration") == fmt.Sprint(u.GetGeneration())
	workload, _, _ := unstructured.NestedString(u.Object, "spec", "workloadRef", "name")
	if workload == "" {
		content, _, _ := unstructured.NestedMap(u.Object, "spec", "template")
		var template corev1.PodTemplateSpec
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &template); err != nil {
			return false, fmt.Errorf("reading spec.template: %w", err)
		}
		return isSame(s.Workload, u.GetUID(), &template), nil
	}
	// The template stands in a Deployment, which has a generation of its own.
	var d appsv1.Deployment
	if err := m.cached.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: workload}, &d); err != nil {
		return false, err
	}
	s.observed = s.observed && at(&u, "workloadObservedGeneration") == fmt.Sprint(d.Generation)
	return isSame(s.Workload, u.GetUID(), &d.Spec.Template), nil
}

// at gives a generation of a Rollout's status, which is a string there (argo-rollouts, RolloutStatus).
func at(u *unstructured.Unstructured, field string) string {
	v, _, _ := unstructured.NestedFieldNoCopy(u.Object, "status", field)
	return fmt.Sprint(v)
}
