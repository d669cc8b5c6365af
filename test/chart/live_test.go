// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// cluster is an API server with Helm at work on it. There is no kubelet, and nothing waits for pods.
type cluster struct {
	t      *testing.T
	client client.Client
	helm   *action.Configuration
	// caBundle of the webhook, as JSON has it, once it is there.
	caBundle string
}

// start starts etcd and an API server, from where hack/controlplane has built them.
func start(t *testing.T) *cluster {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("KUBEBUILDER_ASSETS names no control plane: see hack/controlplane")
	}
	environment := &envtest.Environment{}
	if _, err := environment.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, environment.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	flags := genericclioptions.NewConfigFlags(true)
	flags.KubeConfig = &kubeconfig
	ns := namespace
	flags.Namespace = &ns
	c := &cluster{t: t, helm: new(action.Configuration)}
	if err := c.helm.Init(flags, namespace, "secret"); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.client, err = client.New(environment.Config, client.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{namespace, "shop"} {
		if err := c.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *cluster) install(values object) {
	c.t.Helper()
	install := action.NewInstall(c.helm)
	install.ReleaseName, install.Namespace, install.WaitStrategy = "launchready", namespace, kube.HookOnlyStrategy
	if _, err := run(install, load(c.t), values); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) upgrade(values object) {
	c.t.Helper()
	upgrade := action.NewUpgrade(c.helm)
	upgrade.Namespace, upgrade.WaitStrategy, upgrade.ServerSideApply = namespace, kube.HookOnlyStrategy, "auto"
	upgrade.ResetThenReuseValues = true
	if _, err := upgrade.Run("launchready", load(c.t), values); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) uninstall() {
	c.t.Helper()
	uninstall := action.NewUninstall(c.helm)
	uninstall.WaitStrategy, uninstall.Timeout = kube.HookOnlyStrategy, time.Minute
	if _, err := uninstall.Run("launchready"); err != nil {
		c.t.Fatal(err)
	}
}

// names gives the names of the objects of a kind that belong to the chart, but for those that were deleted and still have to go.
func (c *cluster) names(group, version, kind string) []string {
	c.t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(strings.TrimPrefix(group+"/"+version, "/"))
	list.SetKind(kind + "List")
	if err := c.client.List(c.t.Context(), list, client.MatchingLabels{partOf: "launchready"}); err != nil {
		c.t.Fatal(err)
	}
	var names []string
	for _, o := range list.Items {
		if o.GetDeletionTimestamp() == nil {
			names = append(names, o.GetName())
		}
	}
	slices.Sort(names)
	return names
}

func (c *cluster) bindings() []string {
	return c.names("admissionregistration.k8s.io", "v1", bindingKind)
}

func (c *cluster) wantCount(what string, got []string, want int) {
	c.t.Helper()
	if len(got) != want {
		c.t.Errorf("%s: %d: %q, want %d", what, len(got), got, want)
	}
}

// TestOnAServer does what only an API server can tell.
func TestOnAServer(t *testing.T) {
	c := start(t)
	t.Run("it takes every object", func(t *testing.T) { c.in(t).takesEverything() })
	t.Run("the life of a release", func(t *testing.T) { c.in(t).life() })
}

// in gives the same cluster for a test in the test.
func (c *cluster) in(t *testing.T) *cluster {
	inner := *c
	inner.t = t
	return &inner
}

// takesEverything: the API server accepts every object, with every option on, field by field.
func (c *cluster) takesEverything() {
	t := c.t
	if err := c.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "123"}}); err != nil {
		t.Fatal(err)
	}
	strict := client.NewDryRunClient(client.WithFieldValidation(c.client, metav1.FieldValidationStrict))
	for name, values := range settings(t) {
		for _, o := range parse(t, render(t, values).Manifest) {
			if slices.Contains([]string{"ServiceMonitor", "Certificate", "Issuer"}, kindOf(o)) { // their CRDs are not here
				continue
			}
			if err := strict.Create(t.Context(), &unstructured.Unstructured{Object: o}); err != nil {
				t.Errorf("%s: %s: %v", name, refOf(o), err)
			}
		}
	}
}

// trustWebhook writes the webhook's caBundle as the operator does.
func (c *cluster) trustWebhook() {
	authority, _, err := cert.GenerateSelfSignedCertKey("launchready-webhook", nil, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.caBundle = base64.StdEncoding.EncodeToString(authority)
	apply := &unstructured.Unstructured{Object: object{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": hookKind, "metadata": object{"name": "launchready-webhook"},
		"webhooks": []any{object{"name": "validate.launchready.dev", "clientConfig": object{"caBundle": c.caBundle}}},
	}}
	if err := c.client.Apply(c.t.Context(), client.ApplyConfigurationFromUnstructured(apply), client.FieldOwner("launchready-webhook"), client.ForceOwnership); err != nil {
		c.t.Fatal(err)
	}
}

// wantTrust looks for what trustWebhook wrote: an upgrade leaves it.
func (c *cluster) wantTrust(when string) {
	config := &unstructured.Unstructured{}
	config.SetAPIVersion("admissionregistration.k8s.io/v1")
	config.SetKind(hookKind)
	if err := c.client.Get(c.t.Context(), client.ObjectKey{Name: "launchready-webhook"}, config); err != nil {
		c.t.Fatal(err)
	}
	hook := hookOf(c.t, config.Object)
	if got := at(hook, "clientConfig", "caBundle"); got != c.caBundle {
		c.t.Errorf("%s: the caBundle is %v", when, got)
	}
	if hook["namespaceSelector"] == nil {
		c.t.Errorf("%s: the rest is not the chart's: %v", when, hook)
	}
}

// life goes through the life of a release: the gate off and on in the two ways that NOTES.txt tells, fewer namespaces and
// all of them again, the end, and another beginning with the CRDs that were kept.
func (c *cluster) life() {
	t := c.t
	crds := func() []string { return c.names("apiextensions.k8s.io", "v1", crdKind) }
	policies := func() []string { return c.names("admissionregistration.k8s.io", "v1", policyKind) }
	roleBindings := func() []string { return c.names("rbac.authorization.k8s.io", "v1", "RoleBinding") }
	rendered := parse(t, render(t, object{}).Manifest)
	allPolicies, allBindings := len(ofKind(rendered, policyKind)), len(ofKind(rendered, bindingKind))

	c.install(object{})
	c.wantCount("CRDs", crds(), 4)
	c.wantCount("policies", policies(), allPolicies)
	c.wantCount("bindings", c.bindings(), allBindings)

	// kubectl delete validatingadmissionpolicybinding -l app.kubernetes.io/part-of=launchready
	binding := &unstructured.Unstructured{}
	binding.SetAPIVersion("admissionregistration.k8s.io/v1")
	binding.SetKind(bindingKind)
	if err := c.client.DeleteAllOf(t.Context(), binding, client.MatchingLabels{partOf: "launchready"}); err != nil {
		t.Fatal(err)
	}
	c.wantCount("bindings, turned off by hand", c.bindings(), 0)
	c.trustWebhook()
	c.upgrade(object{})
	c.wantCount("bindings, turned on by an upgrade", c.bindings(), allBindings)

	c.upgrade(object{"gate": object{"enabled": false}, "watchNamespaces": []any{"shop"}})
	c.wantCount("policies, without the gate", policies(), 0)
	c.wantCount("bindings, without the gate", c.bindings(), 0)
	c.wantCount("role bindings, one namespace watched", roleBindings(), 2)
	c.wantTrust("after upgrades, one with another selector")
	c.upgrade(object{"gate": object{"enabled": true}, "watchNamespaces": []any{}})
	c.wantCount("bindings, with the gate", c.bindings(), allBindings)
	c.wantCount("role bindings, all namespaces watched", roleBindings(), 1)
	c.wantCount("cluster role bindings", c.names("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"), 1)

	c.uninstall()
	c.wantCount("CRDs, kept", crds(), 4)
	c.wantCount("policies, uninstalled", policies(), 0)
	c.wantCount("bindings, uninstalled", c.bindings(), 0)
	c.wantCount("webhooks, uninstalled", c.names("admissionregistration.k8s.io", "v1", hookKind), 0)
	c.wantCount("cluster roles, uninstalled", c.names("rbac.authorization.k8s.io", "v1", "ClusterRole"), 0)

	c.install(object{"crds": object{"keep": false}})
	c.uninstall()
	// That they are deleted is the release's doing; when they are gone is the API server's, which may take minutes to see that a CRD
	// as young as these has no objects, for its storage is not ready yet.
	c.wantCount("CRDs, not kept", crds(), 0)
}
