// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// flux syncs by the library of Flux's kustomize-controller, in the order in which that does it.
type flux struct{ manager *ssa.ResourceManager }

func newFlux() flux {
	poller := polling.NewStatusPoller(server.client, server.client.RESTMapper(), polling.Options{})
	return flux{ssa.NewResourceManager(server.client, poller, ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"})}
}

// sync is a Kustomization with `wait: true`.
func (f flux) sync(ctx context.Context, objects []*unstructured.Unstructured) error {
	f.own(objects...)
	options := ssa.DefaultApplyOptions()
	options.WaitInterval = 50 * time.Millisecond
	changes, err := f.manager.ApplyAllStaged(ctx, objects, options)
	if err != nil {
		return fmt.Errorf("applying: %w", err)
	}
	patience := ssa.WaitOptions{Interval: 50 * time.Millisecond, Timeout: 30 * time.Second, FailFast: true}
	if err := f.manager.WaitForSetWithContext(ctx, changes.ToObjMetadataSet(), patience); err != nil {
		return fmt.Errorf("waiting: %w", err)
	}
	return nil
}

// own sets the labels by which Flux knows what it has to prune.
func (f flux) own(objects ...*unstructured.Unstructured) {
	f.manager.SetOwnerLabels(objects, "shop", "flux-system")
}

func (f flux) drifted(ctx context.Context, object *unstructured.Unstructured) (bool, error) {
	f.own(object)
	change, _, _, err := f.manager.Diff(ctx, object, ssa.DefaultDiffOptions())
	if err != nil {
		return false, fmt.Errorf("comparing: %w", err)
	}
	return change.Action != ssa.UnchangedAction, nil
}

// TestOneKustomizationNeverConverges is why docs/gitops.md wants parts: Flux dry-runs all before it applies anything, so an
// exposure that is refused keeps back what would mend the app. Each try meets what the last one met.
func TestOneKustomizationNeverConverges(t *testing.T) {
	t.Parallel()
	a := newApp(t, newFlux())
	for range 3 {
		a.mustBeHeld(mendedApp, exposurePart)
		if a.mended() || a.exists("v1", "Secret") {
			t.Fatal("a part of what was refused as a whole was applied")
		}
	}
	a.converges(mendedApp, exposurePart) // in parts it does
}
