// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tools are those that docs/gitops.md speaks of.
func tools() map[string]tool {
	return map[string]tool{"flux": newFlux(), "argo-client": argo{}, "argo-server": argo{serverSide: true}}
}

// TestPartsConverge: one commit mends an app and exposes it. The exposure is refused, and passes when it is tried again.
func TestPartsConverge(t *testing.T) {
	t.Parallel()
	for name, with := range tools() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, with)
			a.mustBeHeld(exposurePart) // whichever part is tried first
			a.converges(launchPart, mendedApp, exposurePart)
		})
	}
}

// TestStateSurvives: what the operator writes is no drift to the tools, and stays when they write to the same objects.
func TestStateSurvives(t *testing.T) {
	t.Parallel()
	for name, with := range tools() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, with)
			before := a.state()
			if len(before) < 5 { // three pointers, a record and a label, at least
				t.Fatalf("the operator has written only %q", before)
			}
			a.hasNoDrift(launchPart)
			changed := strings.Replace(launchPart, "team: chat", "team: web", 1)
			a.mustSync(changed)
			if team := a.mustGet("v1", "Namespace").GetLabels()["team"]; team != "web" {
				t.Errorf("the Namespace was not written: team is %q", team)
			}
			a.keeps(before)
			a.hasNoDrift(changed)
		})
	}
}

// hasNoDrift compares what is in Git with what is in the cluster.
func (a *app) hasNoDrift(part string) {
	a.t.Helper()
	for _, object := range a.parse(part) {
		if drifted, err := a.tool.drifted(a.t.Context(), object); drifted || err != nil {
			a.t.Errorf("%s %s has drifted: %v, %v", object.GetKind(), object.GetName(), drifted, err)
		}
	}
}

// keeps wants the same names of the gate's state on the Namespace as before.
func (a *app) keeps(before []string) {
	a.t.Helper()
	if diff := cmp.Diff(before, a.state()); diff != "" {
		a.t.Errorf("what the operator wrote on the Namespace changed (-before +after):\n%s", diff)
	}
}
