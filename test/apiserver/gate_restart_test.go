// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
	"github.com/launchready/launchready/internal/gate/removal"
)

// restarts is how often the API server is restarted under writes.
const restarts = 5

// TestGateHoldsWithoutItsOperator writes to a held app, an open one and an unrelated Deployment without pause, with no
// operator there at all, while the API server is restarted, etcd is, and LaunchReady's CRDs are deleted. What the API server
// answers must be right from its first answer on.
func TestGateHoldsWithoutItsOperator(t *testing.T) {
	t.Parallel()
	environment := &envtest.Environment{
		CRDInstallOptions:        envtest.CRDInstallOptions{Paths: []string{crdFolder}, ErrorIfPathMissing: true, MaxTime: time.Minute},
		ControlPlaneStartTimeout: 2 * time.Minute,
	}
	// What is in folders of our own is there again after a restart: certificates and data.
	environment.ControlPlane.GetAPIServer().CertDir = t.TempDir()
	environment.ControlPlane.Etcd = &envtest.Etcd{DataDir: t.TempDir()}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Errorf("stopping the API server: %v", err)
		}
	})
	config, err := environment.Start()
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: server.client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	w := newWriters(t, c)
	stop := w.start(t)
	w.round(t, "at rest", func() {})
	for i := range restarts {
		w.round(t, fmt.Sprintf("restart %d of the API server", i+1), func() {
			restartAll(t, environment.ControlPlane.GetAPIServer().Stop, environment.ControlPlane.GetAPIServer().Start)
		})
	}
	w.round(t, "restart of etcd", func() { restartAll(t, environment.ControlPlane.Etcd.Stop, environment.ControlPlane.Etcd.Start) })
	w.round(t, "deletion of the CRDs", func() { deleteCRDs(t, c) })
	stop()
	w.uninstall(t)
	t.Logf("answers: %d held, %d open, %d unrelated; without answer: %d", w.held.Load(), w.open.Load(), w.unrelated.Load(), w.silent.Load())
}

func restartAll(t *testing.T, stop, start func() error) {
	t.Helper()
	if err := errors.Join(stop(), start()); err != nil {
		t.Fatalf("restarting: %v", err)
	}
}

func deleteCRDs(t *testing.T, c client.Client) {
	t.Helper()
	for _, crd := range server.crds {
		if err := c.Delete(t.Context(), &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: crd.Name}}); err != nil {
			t.Fatal(err)
		}
	}
}

// writers write without pause and judge each answer.
type writers struct {
	client                        client.Client
	held, open, unrelated, silent atomic.Int64
	wrong                         atomic.Pointer[string]
}

// newWriters makes a namespace with a held app and an open one, one with an unrelated Deployment, and installs the policies.
func newWriters(t *testing.T, c client.Client) *writers {
	t.Helper()
	w := &writers{client: c}
	for _, object := range shippedPolicies(t) {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	gated, plain := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gated"}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "plain"}}
	for _, object := range []client.Object{gated, plain, simpleDeployment("gated", "held"), simpleDeployment("gated", "open"), simpleDeployment("plain", "unrelated")} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	gated.Labels, gated.Annotations = map[string]string{v1alpha1.GatedLabel: v1alpha1.GatedTrue}, map[string]string{}
	for name, state := range map[string]gate.State{"held": gate.StateFailing, "open": gate.StateOpen} {
		record := gate.Record{Launch: name, State: state, Mode: v1alpha1.GateEnforce, NamespaceUID: string(gated.UID)}
		if state == gate.StateFailing {
			record.Rollouts = []gate.Hold{{Row: v1alpha1.RowTenantIsolated, Why: "1"}}
		}
		for _, annotation := range []func() (string, string){record.Annotation, func() (string, string) { return gate.Pointer(gate.WorkloadSubject("Deployment", name), name, false) }} {
			key, value := annotation()
			gated.Annotations[key] = value
		}
	}
	if err := c.Update(t.Context(), gated); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		if err := w.write(t.Context(), "gated", "held"); !apierrors.IsForbidden(err) {
			return fmt.Sprintf("the gate is not in force yet: %v", err)
		}
		return ""
	})
	return w
}

func simpleDeployment(namespace, name string) *unstructured.Unstructured {
	u := content("apps/v1", "Deployment", name, map[string]any{
		"selector": map[string]any{"matchLabels": map[string]any{"app": name}},
		"template": map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"app": name}},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "web", "image": "example.com/web:1"}}},
		},
	})
	u.SetNamespace(namespace)
	return u
}

// write changes an app's image, as a dry run, without the help of a cache.
func (w *writers) write(ctx context.Context, namespace, name string) error {
	patch := client.RawPatch(client.Merge.Type(), []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"example.com/web:2"}]}}}}`))
	return w.client.Patch(ctx, simpleDeployment(namespace, name), patch, client.DryRunAll)
}

// start starts the writers; what it gives ends them.
func (w *writers) start(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	write := func(namespace, name string, answers *atomic.Int64, right func(error) bool) {
		for ctx.Err() == nil {
			err := w.write(ctx, namespace, name)
			switch {
			case unanswered(err):
				w.silent.Add(1)
				<-time.After(10 * time.Millisecond) // it is away: no need to ask at full speed
			case right(err):
				answers.Add(1)
			default:
				text := fmt.Sprintf("%s/%s: %v", namespace, name, err)
				w.wrong.Store(&text)
			}
		}
	}
	passes := func(err error) bool { return err == nil }
	all.Go(func() { write("gated", "held", &w.held, apierrors.IsForbidden) })
	all.Go(func() { write("gated", "open", &w.open, passes) })
	all.Go(func() { write("plain", "unrelated", &w.unrelated, passes) })
	return func() { cancel(); all.Wait() }
}

// unanswered says whether a request failed because nobody answered it, or only to say that it can't be answered yet: while
// an API server starts or lacks etcd, it says so, to unrelated requests too.
func unanswered(err error) bool {
	if err == nil {
		return false
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true // no answer of an API server: the connection failed
	}
	return utilnet.IsConnectionRefused(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsTimeout(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsUnauthorized(err)
}

// round does something under writes, and waits until each writer was answered many times after it.
func (w *writers) round(t *testing.T, what string, something func()) {
	t.Helper()
	something()
	held, open, unrelated := w.held.Load(), w.open.Load(), w.unrelated.Load()
	const answers = 50
	eventually(t, func() string {
		if wrong := w.wrong.Load(); wrong != nil {
			t.Fatalf("%s: a wrong answer to %s", what, *wrong)
		}
		if w.held.Load() < held+answers || w.open.Load() < open+answers || w.unrelated.Load() < unrelated+answers {
			return fmt.Sprintf("%s: not all writers were answered: %d held, %d open, %d unrelated", what, w.held.Load()-held, w.open.Load()-open, w.unrelated.Load()-unrelated)
		}
		return ""
	})
}

// uninstall takes the gate out, as `launchready uninstall` does: told first, done then, and nothing left the second time.
func (w *writers) uninstall(t *testing.T) {
	t.Helper()
	run := func(dryRun bool) (told []string) {
		err := removal.Run(t.Context(), w.client, removal.Options{Namespace: operatorNamespace, DryRun: dryRun, Tell: func(what string) { told = append(told, what) }})
		if err != nil {
			t.Fatal(err)
		}
		return told
	}
	announced := run(true)
	if err := w.write(t.Context(), "gated", "held"); !apierrors.IsForbidden(err) {
		t.Errorf("a dry run of the uninstallation opened the gate: %v", err)
	}
	if diff := cmp.Diff(announced, run(false)); diff != "" {
		t.Errorf("announced and done differ (-announced +done):\n%s", diff)
	}
	if again := run(false); len(again) > 0 {
		t.Errorf("the second time there was still something: %v", again)
	}
	eventually(t, func() string {
		if err := w.write(t.Context(), "gated", "held"); err != nil {
			return err.Error()
		}
		return ""
	})
	var ns corev1.Namespace
	if err := w.client.Get(t.Context(), client.ObjectKey{Name: "gated"}, &ns); err != nil {
		t.Fatal(err)
	}
	if len(ns.Annotations) > 0 || ns.Labels[v1alpha1.GatedLabel] != "" {
		t.Errorf("left on the Namespace: %v, %v", ns.Annotations, ns.Labels)
	}
}
