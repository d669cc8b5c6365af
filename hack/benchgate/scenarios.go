// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

// scenario is a namespace to which requests are sent.
type scenario struct {
	name, namespace string
	deployment      *appsv1.Deployment
}

// stateLabel binds the policies without the rule on typed secrets.
const stateLabel = "launchready.dev/bench-state"

// prepare installs the policies without the rule on typed secrets beside those that are shipped, and makes the namespaces.
func prepare(ctx context.Context, c *kubernetes.Clientset) ([]scenario, error) {
	if err := install(ctx, c, reduced()); err != nil {
		return nil, err
	}
	var scenarios []scenario
	for _, s := range []struct {
		name     string
		launches int
		label    string
	}{
		{"no launch", 0, ""},
		{"state decision, 1 launch", 1, stateLabel},
		{"state decision, 100 launches", 100, stateLabel},
		{"state decision, 500 launches", 500, stateLabel},
		{"whole table, 1 launch", 1, v1alpha1.GatedLabel},
		{"whole table, 100 launches", 100, v1alpha1.GatedLabel},
		{"whole table, 500 launches", 500, v1alpha1.GatedLabel},
	} {
		made, err := makeNamespace(ctx, c, s.name, s.launches, s.label)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		scenarios = append(scenarios, made)
	}
	return scenarios, nil
}

// reduced are the shipped policies without the rule on typed secrets and the guard of probes, bound to a label of their own.
func reduced() gate.Policies {
	reduced := gate.PoliciesFor(gate.DefaultOperator)
	others := func(name string) bool {
		return strings.HasPrefix(name, "launchready-secrets") || strings.HasPrefix(name, "launchready-probes")
	}
	reduced.Policies = slices.DeleteFunc(reduced.Policies, func(p admissionregistrationv1.ValidatingAdmissionPolicy) bool { return others(p.Name) })
	reduced.Bindings = slices.DeleteFunc(reduced.Bindings, func(b admissionregistrationv1.ValidatingAdmissionPolicyBinding) bool { return others(b.Name) })
	for i := range reduced.Policies {
		reduced.Policies[i].Name = "state-" + reduced.Policies[i].Name
	}
	for i := range reduced.Bindings {
		b := &reduced.Bindings[i]
		b.Name, b.Spec.PolicyName = "state-"+b.Name, "state-"+b.Spec.PolicyName
		if b.Spec.MatchResources != nil {
			labels := b.Spec.MatchResources.NamespaceSelector.MatchLabels
			delete(labels, v1alpha1.GatedLabel)
			labels[stateLabel] = v1alpha1.GatedTrue
		}
	}
	return reduced
}

func install(ctx context.Context, c *kubernetes.Clientset, policies gate.Policies) error {
	for _, p := range policies.Policies {
		if _, err := c.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(ctx, &p, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, b := range policies.Bindings {
		if _, err := c.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(ctx, &b, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// makeNamespace makes a namespace with a Deployment and as many launches as are wanted, open as those of most apps are, and
// waits until the gate knows them.
func makeNamespace(ctx context.Context, c *kubernetes.Clientset, name string, launches int, label string) (scenario, error) {
	ns, err := c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-"}}, metav1.CreateOptions{})
	if err != nil {
		return scenario{}, err
	}
	d, err := c.AppsV1().Deployments(ns.Name).Create(ctx, app(), metav1.CreateOptions{})
	if err != nil {
		return scenario{}, err
	}
	d.ManagedFields = nil
	d.Kind, d.APIVersion = "Deployment", "apps/v1"
	s := scenario{name: name, namespace: ns.Name, deployment: d}
	if launches == 0 {
		return s, nil
	}
	if err := setState(ctx, c, ns.Name, label, launches, gate.StateFailing); err != nil {
		return s, err
	}
	if err := awaitDecision(ctx, c, s, true); err != nil {
		return s, err
	}
	if err := setState(ctx, c, ns.Name, label, launches, gate.StateOpen); err != nil {
		return s, err
	}
	return s, awaitDecision(ctx, c, s, false)
}

// setState writes the state of all launches of a namespace; the first is in the given one.
func setState(ctx context.Context, c *kubernetes.Clientset, namespace, label string, launches int, state gate.State) error {
	ns, err := c.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if err != nil {
		return err
	}
	notes := gate.Notes{}
	for i := range launches {
		l := ordinary(fmt.Sprintf("chat-%d", i), string(ns.UID))
		if i == 0 && state == gate.StateFailing {
			l.State, l.Rollouts = state, []gate.Hold{{Row: v1alpha1.RowTenantIsolated, Why: "2"}}
		}
		var full bool
		if notes, _, full = notes.With(l, func(string) bool { return true }); full {
			return fmt.Errorf("no room for launch %d", i)
		}
	}
	ns.Annotations, ns.Labels[label] = notes, v1alpha1.GatedTrue
	_, err = c.CoreV1().Namespaces().Update(ctx, ns, metav1.UpdateOptions{})
	return err
}

// ordinary is a launch of ordinary size: a workload of two containers, a Service, a host, five verified revisions.
func ordinary(name, uid string) gate.Launch {
	l := gate.Launch{Record: gate.Record{
		Launch: name, State: gate.StateOpen, Mode: v1alpha1.GateEnforce, NamespaceUID: uid, LaunchedAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Running: []string{digest(name, 0), digest("sidecar", 0)},
	}, Subjects: []gate.Subject{gate.WorkloadSubject("Deployment", name), gate.ServiceSubject(name), gate.HostSubject(name + ".example.com")}}
	for i := range 5 {
		l.Verified = append(l.Verified, []string{digest(name, i), digest("sidecar", i)})
	}
	return l
}

func digest(name string, revision int) string {
	return fmt.Sprintf("sha256:%064x", []byte(fmt.Sprintf("%s%d", name, revision)))[:71]
}

// app is a Deployment of ordinary size: two containers with twenty variables each.
func app() *appsv1.Deployment {
	variables := func() []corev1.EnvVar {
		var env []corev1.EnvVar
		for i := range 18 {
			env = append(env, corev1.EnvVar{Name: fmt.Sprintf("FEATURE_%d_ENDPOINT", i), Value: fmt.Sprintf("https://service-%d.example.com/v1/things", i)})
		}
		return append(env, corev1.EnvVar{Name: "ROUND", Value: "0"}, corev1.EnvVar{Name: "API_TOKEN", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "chat"}, Key: "token"},
		}})
	}
	labels := map[string]string{"app": "chat-0"}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "chat-0"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "web", Image: "example.com/chat@" + digest("chat-0", 0), Env: variables()},
			{Name: "sidecar", Image: "example.com/sidecar@" + digest("sidecar", 0), Env: variables()},
		}}},
	}}
}

// body is the Deployment with one variable changed in each container: the gate has to look at all of them.
func (s scenario) body(n int) []byte {
	d := s.deployment.DeepCopy()
	for i := range d.Spec.Template.Spec.Containers {
		d.Spec.Template.Spec.Containers[i].Env[18].Value = fmt.Sprint(n + 1)
	}
	data, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return data
}

// awaitDecision waits until the gate decides as it should.
func awaitDecision(ctx context.Context, c *kubernetes.Clientset, s scenario, held bool) error {
	return wait.PollUntilContextTimeout(ctx, time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := c.AppsV1().RESTClient().Put().Namespace(s.namespace).Resource("deployments").Name("chat-0").Param("dryRun", "All").Body(s.body(0)).Do(ctx).Error()
		if err != nil && !apierrors.IsForbidden(err) {
			return false, err
		}
		return (err != nil) == held, nil
	})
}

// flips are how long it takes from the write of a verdict until a request is refused by it.
func flips(ctx context.Context, c *kubernetes.Clientset) ([]time.Duration, error) {
	s, err := makeNamespace(ctx, c, "flips", 1, v1alpha1.GatedLabel)
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for range 200 {
		if err := setState(ctx, c, s.namespace, v1alpha1.GatedLabel, 1, gate.StateFailing); err != nil {
			return nil, err
		}
		start := time.Now()
		if err := awaitDecision(ctx, c, s, true); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
		if err := setState(ctx, c, s.namespace, v1alpha1.GatedLabel, 1, gate.StateOpen); err != nil {
			return nil, err
		}
		if err := awaitDecision(ctx, c, s, false); err != nil {
			return nil, err
		}
	}
	return took, nil
}
