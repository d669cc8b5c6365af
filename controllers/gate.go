// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// maxOverrides is the MaxItems of status.gate.overrides.
const maxOverrides = 10

// surroundings are what the gate needs to know of an app's namespace.
type surroundings struct {
	namespace *corev1.Namespace
	observed  gate.Observed
	// overrides stand on the app's objects.
	overrides []v1alpha1.Override
}

// lookAround reads what the namespace says of the app, what exposes it, and which overrides stand on its objects.
func (r *LaunchReadinessReconciler) lookAround(ctx context.Context, app *launch.App) (*surroundings, error) {
	name := app.Launch.Namespace
	s := &surroundings{namespace: &corev1.Namespace{}}
	if err := r.Client.Get(ctx, client.ObjectKey{Name: name}, s.namespace); err != nil {
		return nil, fmt.Errorf("reading namespace %s: %w", name, err)
	}
	alive, err := r.alive(ctx, name)
	if err != nil {
		return nil, err
	}
	claimed, err := r.claimedElsewhere(ctx, app.Launch)
	if err != nil {
		return nil, err
	}
	s.observed = gate.Observed{NamespaceUID: string(s.namespace.UID), Notes: s.namespace.Annotations, Alive: alive, Claimed: claimed}
	for _, w := range app.Workloads {
		s.overrides = append(s.overrides, gate.Override(string(w.Ref.Kind), w.Ref.Name, w.Annotations)...)
	}
	return s, r.lookForExposure(ctx, gate.Subjects(app), s)
}

// alive gives a function that says whether a launch of the namespace exists.
func (r *LaunchReadinessReconciler) alive(ctx context.Context, namespace string) (func(string) bool, error) {
	var launches v1alpha1.LaunchReadinessList
	if err := r.Client.List(ctx, &launches, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing LaunchReadinesses: %w", err)
	}
	names := map[string]bool{}
	for _, lr := range launches.Items {
		names[lr.Name] = true
	}
	return func(launch string) bool { return names[launch] }, nil
}

// claimedElsewhere gives the hosts of a launch to which a launch of another namespace has the better claim.
func (r *LaunchReadinessReconciler) claimedElsewhere(ctx context.Context, lr *v1alpha1.LaunchReadiness) ([]gate.Subject, error) {
	hosts := gate.Hosts(lr)
	if len(hosts) == 0 {
		return nil, nil
	}
	var launches v1alpha1.LaunchReadinessList
	// All launches are looked at and none is kept or changed, so that copying them would be waste.
	if err := r.Client.List(ctx, &launches, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing LaunchReadinesses: %w", err)
	}
	var claimed []gate.Subject
	for i := range launches.Items {
		other := &launches.Items[i]
		if other.Namespace == lr.Namespace || !gate.HasBetterClaim(other, lr) {
			continue
		}
		for _, host := range gate.Hosts(other) {
			if s := gate.HostSubject(host); slices.Contains(hosts, host) && !slices.Contains(claimed, s) {
				claimed = append(claimed, s)
			}
		}
	}
	return claimed, nil
}

// lookForExposure reads the Ingresses, routes and public Services of the namespace.
func (r *LaunchReadinessReconciler) lookForExposure(ctx context.Context, subjects []gate.Subject, s *surroundings) error {
	lists := []client.ObjectList{&networkingv1.IngressList{}, &corev1.ServiceList{}}
	for _, kind := range r.RouteKinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		lists = append(lists, list)
	}
	for _, list := range lists {
		if err := r.Client.List(ctx, list, client.InNamespace(s.namespace.Name)); err != nil {
			return fmt.Errorf("listing what exposes: %w", err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error { return s.exposedBy(item, subjects) })
		if err != nil {
			return fmt.Errorf("reading what exposes: %w", err)
		}
	}
	return nil
}

// exposedBy notes what an object exposes of the app.
func (s *surroundings) exposedBy(item runtime.Object, subjects []gate.Subject) error {
	obj, ok := item.(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", item)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(item)
	if err != nil {
		return err
	}
	kind := kindOf(item)
	for _, subject := range gate.Exposes(kind, content) {
		if !slices.Contains(subjects, subject) {
			continue
		}
		if !slices.Contains(s.observed.Exposed, subject) {
			s.observed.Exposed = append(s.observed.Exposed, subject)
		}
		for _, o := range gate.Override(kind.Kind, obj.GetName(), obj.GetAnnotations()) {
			if !slices.ContainsFunc(s.overrides, func(have v1alpha1.Override) bool { return sameOverride(have, o) }) {
				s.overrides = append(s.overrides, o)
			}
		}
	}
	return nil
}

// kindOf gives the kind of an item of a list, which typed lists leave out.
func kindOf(item runtime.Object) schema.GroupKind {
	switch item.(type) {
	case *networkingv1.Ingress:
		return networkingv1.SchemeGroupVersion.WithKind("Ingress").GroupKind()
	case *corev1.Service:
		return corev1.SchemeGroupVersion.WithKind("Service").GroupKind()
	default:
		return item.GetObjectKind().GroupVersionKind().GroupKind()
	}
}

func sameOverride(a, b v1alpha1.Override) bool {
	return a.Kind == b.Kind && a.Name == b.Name && a.Annotation == b.Annotation && a.Value == b.Value
}

// gatePlan is what the Namespace is to say of a launch.
type gatePlan struct {
	launch       gate.Launch
	surroundings *surroundings
}

// planGate derives what the Namespace is to say of the app, and what the app's status says of the gate. It writes nothing.
func (r *LaunchReadinessReconciler) planGate(app *launch.App, score *scorecard.Score, s *surroundings) gatePlan {
	plan := gatePlan{launch: gate.For(app, *score, s.observed), surroundings: s}
	want, conflicts, full := s.observed.Notes.With(plan.launch, s.observed.Alive)
	status := gate.Status(app, *score, s.observed, want, conflicts, full)
	status.Overrides = r.overrides(app.Launch, s.overrides, score)
	score.Status.Gate = status
	return plan
}

// overrides gives those that stand on the app's objects, with the time at which they were first seen. A new one is told of.
func (r *LaunchReadinessReconciler) overrides(lr *v1alpha1.LaunchReadiness, standing []v1alpha1.Override, score *scorecard.Score) []v1alpha1.Override {
	var known, fresh []v1alpha1.Override
	if lr.Status.Gate != nil {
		known = slices.Clone(lr.Status.Gate.Overrides)
	}
	known = slices.DeleteFunc(known, func(o v1alpha1.Override) bool {
		return !slices.ContainsFunc(standing, func(now v1alpha1.Override) bool { return sameOverride(o, now) })
	})
	for _, o := range standing {
		if slices.ContainsFunc(known, func(have v1alpha1.Override) bool { return sameOverride(have, o) }) || len(known)+len(fresh) == maxOverrides {
			continue
		}
		o.At = metav1.NewTime(r.Clock.Now().Truncate(time.Second))
		fresh = append(fresh, o)
		score.Transitions = append(score.Transitions, overrideTransition(o))
	}
	return append(fresh, known...)
}

// overrideTransition tells of an override.
func overrideTransition(o v1alpha1.Override) scorecard.Transition {
	t := scorecard.Transition{Condition: "Gate", Bad: true, Reason: v1alpha1.ReasonBreakGlass}
	verb := "breaks the glass"
	if o.Annotation == v1alpha1.RemediatesAnnotation {
		t.Bad, t.Reason, verb = false, v1alpha1.ReasonRemediation, "is said to be a remedy"
	}
	t.Message = fmt.Sprintf("%s %s %s: %s", o.Kind, o.Name, verb, o.Value)
	return t
}

// closeGate writes what the Namespace is to hold more than it does, before anything else tells of it.
func (r *LaunchReadinessReconciler) closeGate(ctx context.Context, plan gatePlan) error {
	return r.writeGate(ctx, plan.surroundings.namespace, func(have gate.Notes) gate.Notes {
		want, _, _ := have.With(plan.launch, plan.surroundings.observed.Alive)
		return have.Closing(want, plan.launch.Launch)
	})
}

// openGate writes the rest, after the status tells of it.
func (r *LaunchReadinessReconciler) openGate(ctx context.Context, plan gatePlan) error {
	return r.writeGate(ctx, plan.surroundings.namespace, func(have gate.Notes) gate.Notes {
		want, _, _ := have.With(plan.launch, plan.surroundings.observed.Alive)
		return want
	})
}

// launchesDefinition is the CustomResourceDefinition of LaunchReadinesses.
const launchesDefinition = "launchreadinesses.launchready.dev"

// forget takes back what the Namespace says of a launch that is gone; what it held for an app that had launched stays held.
// Where all launches go because their definition does, nobody took this one back: the Namespace stays as it is.
func (r *LaunchReadinessReconciler) forget(ctx context.Context, key client.ObjectKey) error {
	var namespace corev1.Namespace
	if err := r.Client.Get(ctx, client.ObjectKey{Name: key.Namespace}, &namespace); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !slices.Contains(gate.Notes(namespace.Annotations).Launches(), key.Name) {
		return nil
	}
	if defined, err := r.launchesAreDefined(ctx); !defined || err != nil {
		return err
	}
	return r.writeGate(ctx, &namespace, func(have gate.Notes) gate.Notes { return have.Without(key.Name) })
}

// launchesAreDefined says whether the kind LaunchReadiness is there, and there to stay.
func (r *LaunchReadinessReconciler) launchesAreDefined(ctx context.Context) (bool, error) {
	definition := &metav1.PartialObjectMetadata{}
	definition.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	err := r.Resolver.Live.Get(ctx, client.ObjectKey{Name: launchesDefinition}, definition)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the definition of LaunchReadinesses: %w", err)
	}
	return definition.DeletionTimestamp.IsZero(), nil
}

// writeGate brings a Namespace's annotations to what a function makes of them, in one patch of what differs, and none where
// nothing does. The patch carries the version that was read: where somebody wrote in between, the function decides anew.
func (r *LaunchReadinessReconciler) writeGate(ctx context.Context, namespace *corev1.Namespace, change func(gate.Notes) gate.Notes) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		patch, err := gatePatch(namespace, change(namespace.Annotations))
		if err != nil || patch == nil {
			return err
		}
		err = r.Client.Patch(ctx, namespace, client.RawPatch(client.Merge.Type(), patch), FieldOwner)
		if apierrors.IsConflict(err) {
			// What the cache knows may be old: the API server knows better.
			if getErr := r.Resolver.Live.Get(ctx, client.ObjectKeyFromObject(namespace), namespace); getErr != nil {
				return getErr
			}
		}
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil // nothing is held in a namespace that is gone
	}
	if err != nil {
		return fmt.Errorf("writing the gate's state: %w", err)
	}
	return nil
}

// gatePatch gives the merge patch that brings a Namespace to the annotations wanted, or nil.
func gatePatch(namespace *corev1.Namespace, want gate.Notes) ([]byte, error) {
	annotations, labels := map[string]any{}, map[string]any{}
	for name, value := range want {
		if have, there := namespace.Annotations[name]; !there || have != value {
			annotations[name] = value
		}
	}
	for name := range namespace.Annotations {
		if _, wanted := want[name]; !wanted {
			annotations[name] = nil
		}
	}
	gated, audited := want.Labels()
	for label, wanted := range map[string]bool{v1alpha1.GatedLabel: gated, v1alpha1.AuditedLabel: audited} {
		switch have := namespace.Labels[label]; {
		case wanted && have != v1alpha1.GatedTrue:
			labels[label] = v1alpha1.GatedTrue
		case !wanted && have != "":
			labels[label] = nil
		}
	}
	if len(annotations)+len(labels) == 0 {
		return nil, nil
	}
	return json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": namespace.ResourceVersion, "uid": namespace.UID, "annotations": annotations, "labels": labels,
	}})
}

// gateChanges are the launches of which a Namespace's annotations tell something else than before.
func gateChanges(before, now gate.Notes) []string {
	differing := func(a, b gate.Notes) gate.Notes {
		differs := maps.Clone(a)
		maps.DeleteFunc(differs, func(name, value string) bool { other, there := b[name]; return there && other == value })
		return differs
	}
	launches := append(differing(before, now).Launches(), differing(now, before).Launches()...)
	slices.Sort(launches)
	return slices.Compact(launches)
}
