// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/internal/gate"
)

// gateUser is a user of the gate's tests, and the verbs that it holds besides those of its objects.
type gateUser struct {
	name, group string
	verbs       []gate.Verb
}

func gateUsers() []gateUser {
	return []gateUser{
		{"dev", "developers", nil},
		{"mender", "developers", []gate.Verb{gate.VerbRemediate}},
		{"oncall", "developers", []gate.Verb{gate.VerbBypass, gate.VerbRemediate}},
		{"deployer", "robots", []gate.Verb{gate.VerbBypass, gate.VerbRemediate, gate.VerbAdopt}},
		{gate.DefaultOperator, "system:serviceaccounts", nil},
	}
}

// installGate installs the shipped policies and gives the users their permissions.
func installGate(t *testing.T) {
	t.Helper()
	for _, object := range append(shippedPolicies(t), absentKinds()...) {
		if err := server.client.Create(t.Context(), object); client.IgnoreAlreadyExists(err) != nil {
			t.Fatalf("creating %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
	anything := []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "create", "update", "patch", "delete"}}}
	everybody := clusterRole(t, "gate-objects", anything)
	// The operator's roles are judged by other tests of this package: here it gets the one permission that it lacks for an update.
	namespaces := clusterRole(t, "gate-namespaces", []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"update"}}})
	for _, u := range gateUsers() {
		role := everybody
		if u.name == gate.DefaultOperator {
			role = namespaces
		}
		grantUser(t, "gate-objects-"+u.group, role, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: u.name}, u.name)
		for _, verb := range u.verbs {
			role := clusterRole(t, "gate-"+string(verb), []rbacv1.PolicyRule{{APIGroups: []string{"launchready.dev"}, Resources: []string{"launchreadinesses"}, Verbs: []string{string(verb)}}})
			grantUser(t, "gate-"+string(verb), role, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: u.name}, u.name)
		}
	}
}

func clusterRole(t *testing.T, name string, rules []rbacv1.PolicyRule) string {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
	if err := server.client.Create(t.Context(), role); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
	return name
}

func grantUser(t *testing.T, prefix, role string, subject rbacv1.Subject, user string) {
	t.Helper()
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: prefix + "-" + strings.ReplaceAll(user, ":", "-")},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}, Subjects: []rbacv1.Subject{subject},
	}
	if err := server.client.Create(t.Context(), binding); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
}

// shippedPolicies reads config/admission.
func shippedPolicies(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repository, "config", "admission", "policies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for _, document := range strings.Split(string(data), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, u)
	}
	return objects
}

// absentKinds are the kinds of the gate that this API server lacks, by their shape.
func absentKinds() []*unstructured.Unstructured {
	var crds []*unstructured.Unstructured
	for _, k := range []struct{ group, version, kind string }{
		{"gateway.networking.k8s.io", "v1", "HTTPRoute"},
		{"gateway.networking.k8s.io", "v1", "GRPCRoute"},
		{"gateway.networking.k8s.io", "v1", "TLSRoute"},
		{"argoproj.io", "v1alpha1", "Rollout"},
	} {
		plural := strings.ToLower(k.kind) + "s"
		crds = append(crds, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{
				"name":        plural + "." + k.group,
				"annotations": map[string]any{"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/0"},
			},
			"spec": map[string]any{
				"group": k.group, "scope": "Namespaced",
				"names": map[string]any{"kind": k.kind, "plural": plural, "singular": strings.ToLower(k.kind)},
				"versions": []any{map[string]any{
					"name": k.version, "served": true, "storage": true,
					"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
				}},
			},
		}})
	}
	return crds
}

// gateClient talks as one user and gathers the warnings of a request.
type gateClient struct {
	client.Client
	user     gateUser
	warnings *warnings
}

// warnings gathers the warnings of the API server.
type warnings struct {
	mu   sync.Mutex
	said []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(code int, _, text string) {
	if code == 299 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.said = append(w.said, text)
	}
}

func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.said
	w.said = nil
	return said
}

func newGateClient(t *testing.T, user gateUser) *gateClient {
	t.Helper()
	config := rest.CopyConfig(server.config)
	config.QPS = -1
	config.Impersonate = rest.ImpersonationConfig{UserName: user.name, Groups: []string{user.group, "system:authenticated"}}
	w := &warnings{}
	config.WarningHandler = w
	c, err := client.New(config, client.Options{Scheme: server.client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return &gateClient{Client: c, user: user, warnings: w}
}

// may says what the API server's authorizer says of the user.
func (c *gateClient) may(verb gate.Verb, _ string) bool { return slices.Contains(c.user.verbs, verb) }

// try makes a request as a dry run and gives what our policies said of it.
func (c *gateClient) try(ctx context.Context, request func(context.Context) error) (denial string, warned []string, err error) {
	c.warnings.take()
	err = request(ctx)
	for _, text := range c.warnings.take() {
		if said, ours := said(text); ours {
			warned = append(warned, said)
		}
	}
	if err == nil {
		return "", warned, nil
	}
	var status apierrors.APIStatus
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) {
		return "", warned, err
	}
	denial, ours := said(status.Status().Message)
	if !ours {
		return "", warned, err
	}
	return denial, warned, nil
}

// said gives what one of our policies said, without what the API server puts before it.
func said(text string) (string, bool) {
	if !strings.Contains(text, "ValidatingAdmissionPolicy 'launchready-") {
		return "", false
	}
	for _, separator := range []string{" denied request: ", "': "} {
		if _, message, found := strings.Cut(text, separator); found {
			return message, true
		}
	}
	return text, true
}
