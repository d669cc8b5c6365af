// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/rollback"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

const (
	theUID      = "5c2e6f9a-0b0e-4c43-9d0a-6f2f0a7c1e11"
	secretValue = "hunter2-correct-horse"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

// world is a workload as the API server would show it, with what is kept of it. It starts healthy, on revision 2.
type world struct {
	kind      v1alpha1.WorkloadKind
	replicas  int32
	limit     int32
	minimum   *int32
	paused    bool
	minReady  int32
	observed  int64
	now, then corev1.PodTemplateSpec
	kept      []kept
	objects   []client.Object

	deployment  appsv1.DeploymentStrategy
	statefulSet appsv1.StatefulSetUpdateStrategy
	daemonSet   appsv1.DaemonSetUpdateStrategy
	rollout     map[string]any

	// running names the revision that a StatefulSet or a Rollout says it runs.
	running int64
	// resolved is the template of the launch, where it differs from the object's.
	resolved *corev1.PodTemplateSpec
}

// kept is one ReplicaSet or ControllerRevision.
type kept struct {
	number   int64
	template *corev1.PodTemplateSpec
	earlier  string
	foreign  bool
	deleting bool
	raw      string
}

func healthy(kind v1alpha1.WorkloadKind) *world {
	w := &world{
		kind: kind, replicas: 3, limit: 10, observed: 7, running: 2,
		now: template("b"), then: template("a"),
		deployment:  appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType},
		statefulSet: appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType},
		daemonSet:   appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType},
	}
	w.kept = []kept{{number: 1, template: &w.then}, {number: 2, template: &w.now}}
	w.objects = []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "llm"}, Data: map[string][]byte{"token": []byte(secretValue)}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "settings"}, Data: map[string]string{"app.env": "A=1"}, BinaryData: map[string][]byte{"logo": {1}}},
	}
	return w
}

// template has one container that is as it should be; digest is the character that its image's digest is made of.
func template(digest string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "chat"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: "registry.example.com:5000/chat@sha256:" + strings.Repeat(digest, 64),
			Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
			ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Path: "/ready", Port: intstr.FromInt32(8080),
			}}},
			Env: []corev1.EnvVar{{Name: "TOKEN", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: "llm"}, Key: "token",
			}}}},
			EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "settings"},
			}}},
		}}},
	}
}

func (w *world) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": "chat"}}
}

func (w *world) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: "chat", UID: theUID, Generation: 7}
}

// app is the launch as it is resolved from the world.
func (w *world) app() *launch.App {
	part := launch.Workload{
		Name: "web", UID: theUID, Namespace: "shop", Template: *w.now.DeepCopy(), Selector: w.selector(),
		Replicas: w.replicas, RevisionHistoryLimit: w.limit,
	}
	part.Ref = v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: w.kind, Name: "chat"}
	if w.resolved != nil {
		part.Template = *w.resolved
	}
	switch w.kind {
	case v1alpha1.KindDeployment:
		part.Strategy = string(w.deployment.Type)
	case v1alpha1.KindStatefulSet:
		part.Strategy = string(w.statefulSet.Type)
	case v1alpha1.KindDaemonSet:
		part.Strategy = string(w.daemonSet.Type)
	case v1alpha1.KindRollout:
		part.Strategy, part.Ref.APIVersion = "Canary", "argoproj.io/v1alpha1"
	}
	app := &launch.App{Workloads: []launch.Workload{part}}
	app.Policy.Thresholds = &v1alpha1.Thresholds{MinimumRevisionHistory: w.minimum}
	return app
}

// object is the workload itself.
func (w *world) object(t *testing.T) client.Object {
	t.Helper()
	switch w.kind {
	case v1alpha1.KindDeployment:
		return &appsv1.Deployment{
			ObjectMeta: w.meta(),
			Spec: appsv1.DeploymentSpec{
				Replicas: &w.replicas, Selector: w.selector(), Template: *w.now.DeepCopy(), Strategy: w.deployment,
				RevisionHistoryLimit: &w.limit, Paused: w.paused, MinReadySeconds: w.minReady,
			},
			Status: appsv1.DeploymentStatus{ObservedGeneration: w.observed},
		}
	case v1alpha1.KindStatefulSet:
		return &appsv1.StatefulSet{
			ObjectMeta: w.meta(),
			Spec: appsv1.StatefulSetSpec{
				Replicas: &w.replicas, Selector: w.selector(), Template: *w.now.DeepCopy(), UpdateStrategy: w.statefulSet,
				RevisionHistoryLimit: &w.limit, MinReadySeconds: w.minReady,
			},
			Status: appsv1.StatefulSetStatus{ObservedGeneration: w.observed, UpdateRevision: name(w.running)},
		}
	case v1alpha1.KindDaemonSet:
		return &appsv1.DaemonSet{
			ObjectMeta: w.meta(),
			Spec: appsv1.DaemonSetSpec{
				Selector: w.selector(), Template: *w.now.DeepCopy(), UpdateStrategy: w.daemonSet,
				RevisionHistoryLimit: &w.limit, MinReadySeconds: w.minReady,
			},
			Status: appsv1.DaemonSetStatus{ObservedGeneration: w.observed},
		}
	default:
		return w.rolloutObject(t)
	}
}

func (w *world) rolloutObject(t *testing.T) client.Object {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&w.now)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
		"metadata": map[string]any{"namespace": "shop", "name": "chat", "uid": theUID, "generation": int64(7)},
		"spec":     map[string]any{"template": content, "paused": w.paused, "minReadySeconds": int64(w.minReady)},
		"status":   map[string]any{"observedGeneration": fmt.Sprint(w.observed), "currentPodHash": fmt.Sprintf("h%d", w.running)},
	}}
	for path, value := range w.rollout {
		fields := strings.Split(path, ".")
		if value == nil {
			unstructured.RemoveNestedField(u.Object, fields...)
			continue
		}
		if err := unstructured.SetNestedField(u.Object, value, fields...); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func name(number int64) string { return fmt.Sprintf("chat-%d", number) }

// keeps is the object that keeps a revision.
func (w *world) keeps(t *testing.T, k kept) client.Object {
	t.Helper()
	controller := true
	meta := metav1.ObjectMeta{
		Namespace: "shop", Name: name(k.number), Labels: map[string]string{"app": "chat"}, Annotations: map[string]string{},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: string(w.kind), Name: "chat", UID: theUID, Controller: &controller}},
	}
	if k.foreign {
		meta.OwnerReferences[0].UID = "another"
	}
	if k.deleting {
		now := metav1.Now()
		meta.DeletionTimestamp, meta.Finalizers = &now, []string{"foregroundDeletion"}
	}
	if w.kind == v1alpha1.KindStatefulSet || w.kind == v1alpha1.KindDaemonSet {
		raw := []byte(k.raw)
		if k.raw == "" {
			raw = patch(t, k.template)
		}
		return &appsv1.ControllerRevision{ObjectMeta: meta, Revision: k.number, Data: runtime.RawExtension{Raw: raw}}
	}
	prefix, label := "deployment.kubernetes.io/", "pod-template-hash"
	if w.kind == v1alpha1.KindRollout {
		prefix, label = "rollout.argoproj.io/", "rollouts-pod-template-hash"
	}
	if k.number > 0 {
		meta.Annotations[prefix+"revision"] = fmt.Sprint(k.number)
	}
	if k.earlier != "" {
		meta.Annotations[prefix+"revision-history"] = k.earlier
	}
	rs := &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Template: *k.template.DeepCopy()}}
	rs.Labels[label] = fmt.Sprintf("h%d", k.number)
	rs.Spec.Template.Labels[label] = fmt.Sprintf("h%d", k.number)
	return rs
}

// patch is what a ControllerRevision holds, as the StatefulSet and DaemonSet controllers write it.
func patch(t *testing.T, template *corev1.PodTemplateSpec) []byte {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(template)
	if err != nil {
		t.Fatal(err)
	}
	content["$patch"] = "replace"
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"template": content}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (w *world) client(t *testing.T) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	rollouts := schema.GroupVersion{Group: "argoproj.io", Version: "v1alpha1"}
	scheme.AddKnownTypeWithName(rollouts.WithKind("Rollout"), &unstructured.Unstructured{})
	scheme.AddKnownTypeWithName(rollouts.WithKind("RolloutList"), &unstructured.UnstructuredList{})
	objects := append([]client.Object{w.object(t)}, w.objects...)
	for _, k := range w.kept {
		objects = append(objects, w.keeps(t, k))
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func (w *world) measure(t *testing.T) scorecard.Outcome {
	t.Helper()
	c := w.client(t)
	return rollback.New(c, c, testKey).Measure(t.Context(), w.app())
}

// told gives the findings, one a line: severity, rule, place.
func told(o scorecard.Outcome) []string {
	var lines []string
	for _, f := range o.Findings {
		a := f.API()
		lines = append(lines, fmt.Sprintf("%s %s %s", a.Severity, a.Rule, a.Place))
	}
	return lines
}
