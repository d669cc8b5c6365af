// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package removal takes LaunchReady out of a cluster: first what could hold anything, then who would write it again, then
// what was written. It can be run again at any time, and finds nothing the second time.
package removal

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

// Options say what is taken out.
type Options struct {
	// Namespace that the operator runs in.
	Namespace string
	// CRDs are deleted too, and every LaunchReadiness, LaunchPolicy, LaunchWaiver and LaunchReport with them.
	CRDs bool
	// DryRun only tells what would be done.
	DryRun bool
	// Tell is called with each thing that is done, in words.
	Tell func(string)
}

// partOf selects what an installation consists of.
func partOf() client.MatchingLabels {
	return client.MatchingLabels{"app.kubernetes.io/part-of": "launchready"}
}

// gateAndOperator are taken out first: nothing is held from there on, and nobody writes what is cleaned up next.
func gateAndOperator() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicyBinding"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration"},
		{Group: "apps", Version: "v1", Kind: "Deployment"},
	}
}

// rest is what else an installation consists of.
func rest() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
		{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"},
		{Version: "v1", Kind: "Service"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBinding"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"},
		{Version: "v1", Kind: "ServiceAccount"},
	}
}

// crds is the kind of our resources' definitions.
var crds = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// Run takes LaunchReady out.
func Run(ctx context.Context, c client.Client, o Options) error {
	for _, kind := range gateAndOperator() {
		if err := o.remove(ctx, c, kind); err != nil {
			return err
		}
	}
	if err := o.clean(ctx, c); err != nil {
		return err
	}
	others := rest()
	if o.CRDs {
		others = append(others, crds)
	}
	for _, kind := range others {
		if err := o.remove(ctx, c, kind); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes what an installation has of a kind.
func (o Options) remove(ctx context.Context, c client.Client, kind schema.GroupVersionKind) error {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	scope := []client.ListOption{partOf()}
	probe := &unstructured.Unstructured{}
	probe.SetGroupVersionKind(kind)
	namespaced, err := c.IsObjectNamespaced(probe)
	if meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking for %s: %w", kind.Kind, err)
	}
	if namespaced {
		scope = append(scope, client.InNamespace(o.Namespace))
	}
	if err := c.List(ctx, list, scope...); err != nil {
		return fmt.Errorf("listing %ss: %w", kind.Kind, err)
	}
	for i := range list.Items {
		item := &list.Items[i]
		o.Tell(fmt.Sprintf("delete %s %s", kind.Kind, item.GetName()))
		if o.DryRun {
			continue
		}
		if err := c.Delete(ctx, item); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting %s %s: %w", kind.Kind, item.GetName(), err)
		}
	}
	return nil
}

// clean takes the gate's annotations and its own labels from every Namespace. A label by which somebody demands a launch in one
// stays; one that a LaunchPolicy had set goes.
func (o Options) clean(ctx context.Context, c client.Client) error {
	var namespaces corev1.NamespaceList
	if err := c.List(ctx, &namespaces); err != nil {
		return fmt.Errorf("listing namespaces: %w", err)
	}
	for i := range namespaces.Items {
		ns := &namespaces.Items[i]
		annotations, labels := left(ns)
		if len(annotations)+len(labels) == 0 {
			continue
		}
		o.Tell(fmt.Sprintf("clean Namespace %s of %d annotations and %d labels", ns.Name, len(annotations), len(labels)))
		if o.DryRun {
			continue
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations, "labels": labels}})
		if err != nil {
			return err
		}
		if err := c.Patch(ctx, ns, client.RawPatch(client.Merge.Type(), patch)); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("cleaning Namespace %s: %w", ns.Name, err)
		}
	}
	return nil
}

// left gives what the gate left on a Namespace, as parts of a patch that takes it away.
func left(ns *corev1.Namespace) (annotations, labels map[string]any) {
	annotations, labels = map[string]any{}, map[string]any{}
	for name := range ns.Annotations {
		if gate.Owns(name) {
			annotations[name] = nil
		}
	}
	for _, label := range []string{v1alpha1.GatedLabel, v1alpha1.AuditedLabel} {
		if _, set := ns.Labels[label]; set {
			labels[label] = nil
		}
	}
	if gate.RequiredByPolicy(ns) {
		labels[v1alpha1.GateLabel] = nil
	}
	return annotations, labels
}
