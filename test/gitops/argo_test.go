// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const argoManager = "argocd-controller"

// argo syncs by Argo CD's gitops-engine, in the way in which its application controller does it: a context for each look,
// which goes on from the state of the last one.
type argo struct {
	// serverSide is the sync option ServerSideApply=true, replace is Replace=true.
	serverSide, replace bool
}

// sync is one sync operation, without the retries that follow it.
func (a argo) sync(ctx context.Context, objects []*unstructured.Unstructured) error {
	var phase common.OperationPhase
	var message string
	var results []common.ResourceSyncResult
	started := metav1.Now()
	for {
		live, err := liveOf(ctx, objects)
		if err != nil {
			return err
		}
		look, cleanup, err := sync.NewSyncContext("main", sync.Reconcile(objects, live, "", scopes{}), server.config, server.config, newKubectl(), "",
			sync.WithInitialState(phase, message, results, started), sync.WithLogr(logr.Discard()), sync.WithReplace(a.replace),
			sync.WithServerSideApply(a.serverSide), sync.WithServerSideApplyManager(argoManager))
		if err != nil {
			return fmt.Errorf("beginning to sync: %w", err)
		}
		look.Sync()
		cleanup()
		phase, message, results = look.GetState()
		if phase.Completed() {
			return outcome(phase, message, results)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("syncing, %s: %w", message, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// outcome gives what Argo CD shows of a sync that failed.
func outcome(phase common.OperationPhase, message string, results []common.ResourceSyncResult) error {
	if phase == common.OperationSucceeded {
		return nil
	}
	for _, result := range results {
		message += "\n" + result.ResourceKey.String() + ": " + result.Message
	}
	return fmt.Errorf("the sync has %s: %s", phase, message)
}

func (a argo) drifted(ctx context.Context, object *unstructured.Unstructured) (bool, error) {
	live, err := liveOf(ctx, []*unstructured.Unstructured{object})
	if err != nil {
		return false, err
	}
	_, parser, err := newKubectl().LoadOpenAPISchema(server.config)
	if err != nil {
		return false, fmt.Errorf("reading the API server's schema: %w", err)
	}
	result, err := diff.Diff(object, live[kube.GetResourceKey(object)], diff.WithStructuredMergeDiff(a.serverSide), diff.WithGVKParser(parser), diff.WithManager(argoManager))
	if err != nil {
		return false, fmt.Errorf("comparing: %w", err)
	}
	return result.Modified, nil
}

func newKubectl() *kube.KubectlCmd {
	return &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
}

// liveOf reads objects from the cluster, those that are there.
func liveOf(ctx context.Context, objects []*unstructured.Unstructured) (map[kube.ResourceKey]*unstructured.Unstructured, error) {
	live := map[kube.ResourceKey]*unstructured.Unstructured{}
	for _, object := range objects {
		found := &unstructured.Unstructured{}
		found.SetGroupVersionKind(object.GroupVersionKind())
		switch err := server.client.Get(ctx, client.ObjectKeyFromObject(object), found); {
		case err == nil:
			live[kube.GetResourceKey(object)] = found
		case client.IgnoreNotFound(err) != nil:
			return nil, fmt.Errorf("reading %s: %w", object.GetName(), err)
		}
	}
	return live, nil
}

// scopes knows the scope of the kinds that are synced here.
type scopes struct{}

func (scopes) IsNamespaced(kind schema.GroupKind) (bool, error) { return kind.Kind != "Namespace", nil }

// inWave puts the objects of a part into a sync wave.
func inWave(wave, part string) string {
	return strings.ReplaceAll(part, "namespace: NS}", `namespace: NS, annotations: {argocd.argoproj.io/sync-wave: "`+wave+`"}}`)
}

// TestOneApplicationConverges: Argo CD dry-runs on the client, where the gate is not asked, and applies all of a wave although
// one object of it is refused. So the app is mended, and the next try passes.
func TestOneApplicationConverges(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]argo{"client": {}, "server": {serverSide: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, with)
			a.mustBeHeld(mendedApp, exposurePart)
			if !a.mended() {
				t.Error("what is beside a refused object was not applied")
			}
			a.converges(mendedApp + "\n---\n" + exposurePart)
		})
	}
}

// TestLaterWavesWait: what is in a later wave than a refused object is not applied, and if it is what mends the app, never.
func TestLaterWavesWait(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]argo{"client": {}, "server": {serverSide: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, with)
			for range 3 {
				a.mustBeHeld(inWave("0", exposurePart), inWave("1", mendedApp))
				if a.mended() || a.exists("v1", "Secret") {
					t.Fatal("a later wave was applied")
				}
			}
			a.converges(inWave("0", mendedApp) + "\n---\n" + inWave("1", exposurePart)) // the other way round it does
		})
	}
}

// TestReplaceIsRefused: Replace=true writes the Namespace as it is in Git. The guard keeps the gate's state on it.
func TestReplaceIsRefused(t *testing.T) {
	t.Parallel()
	a := newApp(t, argo{})
	a.tool = argo{replace: true}
	before := a.state()
	a.mustBeRefused("launchready-namespaces", strings.Replace(launchPart, "team: chat", "team: web", 1))
	a.keeps(before)
}
