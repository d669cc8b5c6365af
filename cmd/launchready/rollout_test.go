// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
)

// rolloutNamespace is where the Rollout runs.
const rolloutNamespace = "mall"

// watchesARollout plays Argo's controller; its kind is served as its own definition has it, with the status apart.
func (m *managed) watchesARollout(t *testing.T) {
	m.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: rolloutNamespace}}, &v1alpha1.LaunchReadiness{
		ObjectMeta: metav1.ObjectMeta{Namespace: rolloutNamespace, Name: "chat"},
		Spec: v1alpha1.LaunchReadinessSpec{Workloads: []v1alpha1.Workload{{
			Name: "web", Ref: v1alpha1.WorkloadReference{APIVersion: "argoproj.io/v1alpha1", Kind: v1alpha1.KindRollout, Name: "chat"},
		}}},
	})
	m.awaitIn(t, rolloutNamespace, "the launch is there before its Rollout", "SecretsSafe", metav1.ConditionUnknown, v1alpha1.ReasonWorkloadNotFound)

	first := rolloutTemplate("a", corev1.EnvVar{Name: "DATABASE_URL", Value: "postgres://app:" + "Kd83hfQ0zLw7@db.example.com/app"})
	rollout := rolloutOf(t, first)
	m.create(t, rollout)
	m.awaitIn(t, rolloutNamespace, "the Rollout comes, with a typed secret", "SecretsSafe", metav1.ConditionFalse, v1alpha1.ReasonTypedSecret)
	m.awaitIn(t, rolloutNamespace, "Argo has not dealt with it yet", "RollbackReady", metav1.ConditionUnknown, v1alpha1.ReasonNoPositiveControl)

	second := rolloutTemplate("b", corev1.EnvVar{Name: "DATABASE_URL", Value: "postgres://db.example.com/app"})
	m.update(t, rollout, func(client.Object) { setTemplate(t, rollout, second) })
	m.awaitIn(t, rolloutNamespace, "the secret is gone", "SecretsSafe", metav1.ConditionTrue, v1alpha1.ReasonPassed)

	m.create(t, keptReplicaSet(rollout, 1, first), keptReplicaSet(rollout, 2, second))
	rollout.Object["status"] = map[string]any{"observedGeneration": fmt.Sprint(rollout.GetGeneration()), "currentPodHash": "h2"}
	if err := m.client.Status().Update(t.Context(), rollout); err != nil {
		t.Fatal(err)
	}
	m.awaitIn(t, rolloutNamespace, "Argo has dealt with it", "RollbackReady", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	m.awaitIn(t, rolloutNamespace, "both rows pass", "Launchable", metav1.ConditionTrue, v1alpha1.ReasonAllRowsPass)
}

// rolloutDefinition serves Rollouts with as much of Argo's own definition as matters here.
func rolloutDefinition() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "rollouts.argoproj.io"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "argoproj.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "rollouts", Singular: "rollout", Kind: "Rollout", ListKind: "RolloutList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1alpha1", Served: true, Storage: true,
				Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: ptr.To(true),
				}},
			}},
		},
	}
}

// rolloutTemplate has one container that is as it should be but for its variable; digest is the character that its
// image's digest is made of.
func rolloutTemplate(digest string, env corev1.EnvVar) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "chat"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: "registry.example.com/chat@sha256:" + strings.Repeat(digest, 64), Env: []corev1.EnvVar{env},
			ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromInt32(8080)}}},
		}}},
	}
}

func rolloutOf(t *testing.T, template corev1.PodTemplateSpec) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": map[string]any{"namespace": rolloutNamespace, "name": "chat"},
		"spec": map[string]any{
			"replicas": int64(2), "selector": map[string]any{"matchLabels": map[string]any{"app": "chat"}},
			"strategy": map[string]any{"canary": map[string]any{}},
		},
	}}
	setTemplate(t, u, template)
	return u
}

func setTemplate(t *testing.T, rollout *unstructured.Unstructured, template corev1.PodTemplateSpec) {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&template)
	if err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedMap(rollout.Object, content, "spec", "template"); err != nil {
		t.Fatal(err)
	}
}

// keptReplicaSet is what Argo's controller keeps of a revision.
func keptReplicaSet(rollout *unstructured.Unstructured, number int, template corev1.PodTemplateSpec) *appsv1.ReplicaSet {
	hash := fmt.Sprintf("h%d", number)
	labels := map[string]string{"app": "chat", "rollouts-pod-template-hash": hash}
	template.Labels = labels
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: rolloutNamespace, Name: "chat-" + hash, Labels: labels,
			Annotations:     map[string]string{"rollout.argoproj.io/revision": fmt.Sprint(number)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rollout, rollout.GroupVersionKind())},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](0), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}
}
