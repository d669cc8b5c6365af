// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What Git holds: the three parts of docs/gitops.md. NS stands for the namespace, which each test has of its own, and a host in it.
const (
	launchPart = `
apiVersion: v1
kind: Namespace
metadata: {name: NS, labels: {team: chat}}
---
apiVersion: launchready.dev/v1alpha1
kind: LaunchReadiness
metadata: {name: chat, namespace: NS}
spec:
  workloads:
  - name: api
    ref: {kind: Deployment, name: chat}
    services: [chat]
  domains: {canonical: NS.example.com}
  gate: {mode: Enforce}
`
	// Nothing runs pods here, and so the app wants none: it is as ready as a tool that waits for it can ask.
	appPart = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat, namespace: NS}
spec:
  replicas: 0
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers:
      - name: web
        image: example.com/chat@sha256:3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f
        env: [{name: DATABASE_URL, VALUE}]
---
apiVersion: v1
kind: Service
metadata: {name: chat, namespace: NS}
spec:
  selector: {app: chat}
  ports: [{port: 80}]
`
	secret = `
---
apiVersion: v1
kind: Secret
metadata: {name: chat, namespace: NS}
data: {url: cG9zdGdyZXM6Ly9kYi5leGFtcGxlLmNvbS9hcHA=}
`
	exposurePart = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: chat, namespace: NS}
spec:
  rules:
  - host: NS.example.com
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: chat, port: {number: 80}}}}]
`
	held = ".example.com, which is not Exposable yet: SecretsSafe (1)"
)

var (
	// brokenApp has a secret typed into it, mendedApp refers to one.
	brokenApp = strings.Replace(appPart, "VALUE", `value: "postgres://app:`+`Kd83hfQ0zLw7@db.example.com/app"`, 1)
	mendedApp = strings.Replace(appPart, "VALUE", "valueFrom: {secretKeyRef: {name: chat, key: url}}", 1) + secret
)

// tool is what brings Git's manifests into the cluster.
type tool interface {
	// sync tries once to sync what one Kustomization or Application holds, and waits as the tool does.
	sync(ctx context.Context, objects []*unstructured.Unstructured) error
	// drifted says whether the tool takes the object in the cluster for another than the one in Git.
	drifted(ctx context.Context, object *unstructured.Unstructured) (bool, error)
}

// app is an app in a namespace of its own, synced by a tool.
type app struct {
	t         *testing.T
	tool      tool
	namespace string
}

// newApp syncs a launch and an app with a typed secret, both of which must succeed: a failing row fails no sync. It is there
// when the gate holds its exposure.
func newApp(t *testing.T, with tool) *app {
	t.Helper()
	a := &app{t: t, tool: with, namespace: strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))}
	a.mustSync(launchPart)
	a.mustSync(brokenApp)
	ingress := a.parse(exposurePart)[0]
	a.eventually("the exposure is held", func() (bool, error) {
		err := server.client.Create(t.Context(), ingress.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), held), err
	})
	// The gate closes before the status says so.
	a.eventually("the launch is accepted, and a row fails", func() (bool, error) {
		failing, ready := a.condition("SecretsSafe"), a.condition("Ready")
		return failing == "False" && ready == "True", fmt.Errorf("SecretsSafe is %s, Ready is %s", failing, ready)
	})
	a.mustSync(launchPart) // again, now that a row fails
	return a
}

// parse gives the objects of some parts, as often as asked: the tools write into them.
func (a *app) parse(parts ...string) []*unstructured.Unstructured {
	a.t.Helper()
	objects, err := utils.ReadObjects(strings.NewReader(strings.ReplaceAll(strings.Join(parts, "\n---\n"), "NS", a.namespace)))
	if err != nil {
		a.t.Fatal(err)
	}
	return objects
}

func (a *app) mustSync(parts ...string) {
	a.t.Helper()
	if err := a.tool.sync(a.t.Context(), a.parse(parts...)); err != nil {
		a.t.Fatalf("the sync fails: %v", err)
	}
}

// mustBeHeld syncs, and wants it refused by the gate, in its words.
func (a *app) mustBeHeld(parts ...string) {
	a.t.Helper()
	a.mustBeRefused(held, parts...)
}

func (a *app) mustBeRefused(words string, parts ...string) {
	a.t.Helper()
	if err := a.tool.sync(a.t.Context(), a.parse(parts...)); err == nil || !strings.Contains(err.Error(), words) {
		a.t.Fatalf("the sync was not refused with %q: %v", words, err)
	}
}

// converges syncs each part on its own, again and again, until all of them pass. Only the gate may refuse one meanwhile.
func (a *app) converges(parts ...string) {
	a.t.Helper()
	a.eventually("every part is synced", func() (bool, error) {
		var refused error
		for _, part := range parts {
			if err := a.tool.sync(a.t.Context(), a.parse(part)); err != nil {
				refused = err
			}
		}
		if refused != nil && !strings.Contains(refused.Error(), held) {
			a.t.Fatalf("refused for another reason: %v", refused)
		}
		return refused == nil, refused
	})
	if !a.exists("networking.k8s.io/v1", "Ingress") || !a.mended() || a.condition("Exposable") != "True" {
		a.t.Error("all was synced, but the app is not mended, Exposable and exposed")
	}
}

// eventually polls until something is so, and tells the last error if it never is.
func (a *app) eventually(what string, is func() (bool, error)) {
	a.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(a.t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (done bool, err error) {
		done, last = is()
		return done, nil
	})
	if err != nil {
		a.t.Fatalf("%s: not so in time: %v", what, last)
	}
}

// get reads the object chat of a kind.
func (a *app) get(apiVersion, kind string) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(apiVersion)
	object.SetKind(kind)
	key := client.ObjectKey{Namespace: a.namespace, Name: "chat"}
	if kind == "Namespace" {
		key = client.ObjectKey{Name: a.namespace}
	}
	return object, server.client.Get(a.t.Context(), key, object)
}

func (a *app) mustGet(apiVersion, kind string) *unstructured.Unstructured {
	a.t.Helper()
	object, err := a.get(apiVersion, kind)
	if err != nil {
		a.t.Fatal(err)
	}
	return object
}

func (a *app) exists(apiVersion, kind string) bool {
	a.t.Helper()
	_, err := a.get(apiVersion, kind)
	if client.IgnoreNotFound(err) != nil {
		a.t.Fatal(err)
	}
	return err == nil
}

// mended says whether the Deployment in the cluster refers to its secret.
func (a *app) mended() bool {
	a.t.Helper()
	containers, _, _ := unstructured.NestedSlice(a.mustGet("apps/v1", "Deployment").Object, "spec", "template", "spec", "containers")
	container, _ := containers[0].(map[string]any)
	env, _, _ := unstructured.NestedSlice(container, "env")
	variable, _ := env[0].(map[string]any)
	return variable["valueFrom"] != nil && variable["value"] == nil
}

// condition gives a condition's status.
func (a *app) condition(kind string) string {
	a.t.Helper()
	conditions, _, _ := unstructured.NestedSlice(a.mustGet("launchready.dev/v1alpha1", "LaunchReadiness").Object, "status", "conditions")
	for _, condition := range conditions {
		if c, _ := condition.(map[string]any); c["type"] == kind {
			status, _ := c["status"].(string)
			return status
		}
	}
	return "missing"
}

// state gives the names of what the operator has written on the Namespace.
func (a *app) state() []string {
	a.t.Helper()
	namespace := a.mustGet("v1", "Namespace")
	names := slices.Concat(slices.Collect(maps.Keys(namespace.GetAnnotations())), slices.Collect(maps.Keys(namespace.GetLabels())))
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(name, "launchready.dev/") })
	slices.Sort(names)
	return names
}
