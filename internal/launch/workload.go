// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
)

// lookAgain is when to look for a workload again that was not there: its coming is watched, but for a Rollout whose
// kind was not served when the operator started.
const lookAgain = 30 * time.Second

// rolloutDefaultHistory is what Argo Rollouts keeps where revisionHistoryLimit is not set
// (argo-rollouts, utils/defaults: DefaultRevisionHistoryLimit).
const rolloutDefaultHistory = 10

// Measurable says whether every workload was found, belongs to this launch, and has a known revision.
func (a *App) Measurable() bool { return a.Revision.Hash != "" }

// resolveWorkloads sets the workloads that exist.
func (r *Resolver) resolveWorkloads(ctx context.Context, app *App) error {
	var errs []error
	for i, entry := range app.Launch.Spec.Workloads {
		w, err := r.workload(ctx, app.Launch.Namespace, entry)
		switch {
		case apierrors.IsNotFound(err):
			err = &WaitingError{
				Reason: v1alpha1.ReasonWorkloadNotFound, Again: lookAgain,
				Message: fmt.Sprintf("%s %s/%s does not exist: create it, or correct spec.workloads[%d].ref.", entry.Ref.Kind, app.Launch.Namespace, entry.Ref.Name, i),
			}
		case meta.IsNoMatchError(err):
			err = &WaitingError{
				Reason: v1alpha1.ReasonWorkloadKindNotServed, Again: lookAgain,
				Message: fmt.Sprintf("The API server serves no %s of %s: install it, or correct spec.workloads[%d].ref.", entry.Ref.Kind, entry.Ref.APIVersion, i),
			}
		case apierrors.IsForbidden(err):
			err = &WaitingError{
				Reason: v1alpha1.ReasonNotConfigured, Again: lookAgain, Ours: true,
				Message: fmt.Sprintf("The operator may not read %s %s/%s: grant its ServiceAccount the verb \"get\" on the %ss of %s.",
					entry.Ref.Kind, app.Launch.Namespace, entry.Ref.Name, strings.ToLower(string(entry.Ref.Kind)), entry.Ref.APIVersion),
			}
		case err == nil:
			app.Workloads = append(app.Workloads, w)
		}
		errs = append(errs, err)
	}
	return weightiest(errs)
}

// workload reads one workload. Not found, no match and forbidden come back as they are.
func (r *Resolver) workload(ctx context.Context, namespace string, entry v1alpha1.Workload) (Workload, error) {
	key := client.ObjectKey{Namespace: namespace, Name: entry.Ref.Name}
	var w Workload
	var err error
	switch entry.Ref.Kind {
	case v1alpha1.KindDeployment:
		var d appsv1.Deployment
		if err = r.Cached.Get(ctx, key, &d); err == nil {
			w = ofDeployment(&d)
		}
	case v1alpha1.KindStatefulSet:
		var s appsv1.StatefulSet
		if err = r.Cached.Get(ctx, key, &s); err == nil {
			w = ofStatefulSet(&s)
		}
	case v1alpha1.KindDaemonSet:
		var d appsv1.DaemonSet
		if err = r.Cached.Get(ctx, key, &d); err == nil {
			w = ofDaemonSet(&d)
		}
	case v1alpha1.KindRollout:
		w, err = r.rollout(ctx, key, entry.Ref)
	default:
		// The API server may already know a later version of our API, while the operator is being upgraded.
		err = &StalledError{Reason: v1alpha1.ReasonWorkloadInvalid, Message: fmt.Sprintf("This version of LaunchReady can't read a %s: upgrade it.", entry.Ref.Kind)}
	}
	if err != nil {
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) || apierrors.IsForbidden(err) {
			return Workload{}, err
		}
		return Workload{}, transient(fmt.Sprintf("reading %s %s", entry.Ref.Kind, key), err)
	}
	w.Name, w.Ref, w.Namespace = entry.Name, entry.Ref, namespace
	return w, nil
}

// transient wraps an error that has no kind of its own yet.
func transient(doing string, err error) error {
	switch err.(type) { //nolint:errorlint // only our own kinds, never wrapped here
	case *StalledError, *WaitingError:
		return err
	}
	return &TransientError{Doing: doing, Err: err}
}

func ofDeployment(d *appsv1.Deployment) Workload {
	return Workload{
		UID: d.UID, Annotations: d.Annotations, Template: d.Spec.Template, Selector: d.Spec.Selector,
		Replicas: ptr.Deref(d.Spec.Replicas, 1), RevisionHistoryLimit: ptr.Deref(d.Spec.RevisionHistoryLimit, 10),
		Strategy: string(d.Spec.Strategy.Type),
	}
}

func ofStatefulSet(s *appsv1.StatefulSet) Workload {
	return Workload{
		UID: s.UID, Annotations: s.Annotations, Template: s.Spec.Template, Selector: s.Spec.Selector,
		Replicas: ptr.Deref(s.Spec.Replicas, 1), RevisionHistoryLimit: ptr.Deref(s.Spec.RevisionHistoryLimit, 10),
		Strategy: string(s.Spec.UpdateStrategy.Type),
	}
}

func ofDaemonSet(d *appsv1.DaemonSet) Workload {
	return Workload{
		UID: d.UID, Annotations: d.Annotations, Template: d.Spec.Template, Selector: d.Spec.Selector,
		Replicas: d.Status.DesiredNumberScheduled, RevisionHistoryLimit: ptr.Deref(d.Spec.RevisionHistoryLimit, 10),
		Strategy: string(d.Spec.UpdateStrategy.Type),
	}
}

// rolloutSpec is the part of an Argo Rollout's spec that we read.
type rolloutSpec struct {
	Replicas             *int32                  `json:"replicas"`
	RevisionHistoryLimit *int32                  `json:"revisionHistoryLimit"`
	Selector             *metav1.LabelSelector   `json:"selector"`
	Template             *corev1.PodTemplateSpec `json:"template"`
	WorkloadRef          *struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"workloadRef"`
	Strategy struct {
		BlueGreen *struct{} `json:"blueGreen"`
		Canary    *struct{} `json:"canary"`
	} `json:"strategy"`
}

// rollout reads an Argo Rollout by its shape. Its template may stand in a Deployment that it refers to.
func (r *Resolver) rollout(ctx context.Context, key client.ObjectKey, ref v1alpha1.WorkloadReference) (Workload, error) {
	var u unstructured.Unstructured
	u.SetAPIVersion(ref.APIVersion)
	u.SetKind(string(ref.Kind))
	if err := r.Live.Get(ctx, key, &u); err != nil {
		return Workload{}, err
	}
	content, _, err := unstructured.NestedMap(u.Object, "spec")
	var spec rolloutSpec
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(content, &spec)
	}
	if err != nil {
		return Workload{}, &StalledError{Reason: v1alpha1.ReasonWorkloadInvalid, Message: fmt.Sprintf("Rollout %s can't be read as an Argo Rollout: correct its spec.", key)}
	}
	w := Workload{
		UID: u.GetUID(), Annotations: u.GetAnnotations(), Selector: spec.Selector, Replicas: ptr.Deref(spec.Replicas, 1),
		RevisionHistoryLimit: ptr.Deref(spec.RevisionHistoryLimit, rolloutDefaultHistory), Strategy: "Canary",
	}
	if spec.Strategy.BlueGreen != nil {
		w.Strategy = "BlueGreen"
	}
	switch {
	case spec.WorkloadRef == nil && spec.Template == nil:
		return Workload{}, &StalledError{Reason: v1alpha1.ReasonWorkloadInvalid, Message: fmt.Sprintf("Rollout %s has neither spec.template nor spec.workloadRef: set one.", key)}
	case spec.WorkloadRef == nil:
		w.Template = *spec.Template
		return w, nil
	case spec.WorkloadRef.Kind != string(v1alpha1.KindDeployment):
		return Workload{}, &StalledError{Reason: v1alpha1.ReasonWorkloadInvalid, Message: fmt.Sprintf("Rollout %s takes its template from a %s: only a Deployment is supported in spec.workloadRef.", key, spec.WorkloadRef.Kind)}
	}
	var d appsv1.Deployment
	err = r.Cached.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: spec.WorkloadRef.Name}, &d)
	if apierrors.IsNotFound(err) {
		return Workload{}, &WaitingError{
			Reason: v1alpha1.ReasonWorkloadNotFound, Again: lookAgain,
			Message: fmt.Sprintf("Rollout %s takes its template from Deployment %s, which does not exist: create it, or correct spec.workloadRef.", key, spec.WorkloadRef.Name),
		}
	}
	if err != nil {
		return Workload{}, err
	}
	w.Template, w.TemplateFrom = d.Spec.Template, spec.WorkloadRef.Name
	if w.Selector == nil {
		w.Selector = d.Spec.Selector
	}
	return w, nil
}
