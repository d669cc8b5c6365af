// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
)

// TestRestoreIntoAnEmptyCluster backs up a launched and exposed app, and brings it into a cluster that never saw it, as
// Velero does: Namespace first, then the rest by the names of the resources, without status, as somebody who may create
// and no more. One ConfigMap is late, so that the app fails there at first: what it exposed stays exposed all the same.
func TestRestoreIntoAnEmptyCluster(t *testing.T) {
	t.Parallel()
	old := newCluster(t)
	lr := old.launches(t)
	backup := old.backUp(t)

	empty := newCluster(t)
	empty.create(t, secretsOnly())
	empty.replicas(t).start(t)
	restorer := empty.restorer(t)
	for _, object := range backup {
		if err := restorer.Create(t.Context(), object); err != nil {
			t.Fatalf("restoring %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
	empty.awaitIn(t, gatedNamespace, "a ConfigMap is not restored yet", "Launchable", metav1.ConditionFalse, v1alpha1.ReasonRowsFailing)
	restored := &v1alpha1.LaunchReadiness{}
	empty.poll(t, "the launch is what it was", func(ctx context.Context) (bool, error) {
		err := empty.client.Get(ctx, client.ObjectKeyFromObject(lr), restored)
		return restored.Status.LaunchedAt.Equal(&lr.Status.LaunchedAt) && restored.Status.Gate != nil &&
			restored.Status.Gate.Exposure == v1alpha1.ExposureVerified && restored.Status.Gate.Mode == v1alpha1.GateEnforce, err
	})
	dev := empty.as(t, "dev", "edit-like")
	if err := dev.Create(t.Context(), gatedIngress("renamed"), client.DryRunAll); err != nil {
		t.Errorf("another Ingress of the host is held: %v", err)
	}
	app := gatedApp()
	rollout := func(ctx context.Context) error {
		return empty.tryChange(ctx, dev, app, func() { app.Spec.Template.Spec.Containers[0].Image = "example.com/chat:2" })
	}
	empty.awaitRefusal(t, "a rollout while the app fails", "holds this rollout: SecretsSafe (1)", rollout)
	empty.create(t, settingsOfApp())
	empty.awaitPass(t, "a rollout after all is restored", rollout)
	empty.wasNeverRefused(t)
}

// launches makes an app with an operator that launches it, and waits until strangers reach it by right.
func (m *managed) launches(t *testing.T) *v1alpha1.LaunchReadiness {
	t.Helper()
	m.replicas(t).start(t)
	m.create(t, secretsOnly(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: gatedNamespace}})
	app, lr := gatedApp(), gatedLaunch()
	refer(app)
	m.create(t, settingsOfApp(), app, gatedService(), lr)
	m.awaitIn(t, gatedNamespace, "all is well", "Launchable", metav1.ConditionTrue, v1alpha1.ReasonAllRowsPass)
	m.awaitPass(t, "the Ingress", func(ctx context.Context) error { return m.client.Create(ctx, gatedIngress("front")) })
	m.poll(t, "the app is exposed by right", func(ctx context.Context) (bool, error) {
		err := m.client.Get(ctx, client.ObjectKeyFromObject(lr), lr)
		return lr.Status.Gate != nil && lr.Status.Gate.Exposure == v1alpha1.ExposureVerified, err
	})
	return lr
}

// backUp gives the objects of the app's namespace as Velero restores them, but for the ConfigMap that is late.
func (m *managed) backUp(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	var backup []*unstructured.Unstructured
	for _, object := range []client.Object{&corev1.Namespace{}, &appsv1.Deployment{}, &networkingv1.Ingress{}, &v1alpha1.LaunchReadiness{}, &corev1.Service{}} {
		gvk, err := m.client.GroupVersionKindFor(object)
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(gvk)
		key := client.ObjectKey{Namespace: gatedNamespace, Name: "chat"}
		switch gvk.Kind {
		case "Namespace":
			key = client.ObjectKey{Name: gatedNamespace}
		case "Ingress":
			key.Name = "front"
		}
		if err := m.client.Get(t.Context(), key, u); err != nil {
			t.Fatal(err)
		}
		restored := &unstructured.Unstructured{Object: map[string]any{"spec": u.Object["spec"]}}
		restored.SetGroupVersionKind(gvk)
		restored.SetNamespace(u.GetNamespace())
		restored.SetName(u.GetName())
		restored.SetLabels(u.GetLabels())
		restored.SetAnnotations(u.GetAnnotations())
		unstructured.RemoveNestedField(restored.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(restored.Object, "spec", "clusterIPs")
		backup = append(backup, restored)
	}
	return backup
}

// restorer gives a client of a user who may create what a backup holds, and has none of the gate's verbs.
func (m *managed) restorer(t *testing.T) client.Client {
	t.Helper()
	const name = "restorer"
	m.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"", "apps", "networking.k8s.io", "launchready.dev"}, Verbs: []string{"create"},
		Resources: []string{"namespaces", "deployments", "ingresses", "launchreadinesses", "services"},
	}}}, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}},
	})
	return m.impersonating(t, name)
}
