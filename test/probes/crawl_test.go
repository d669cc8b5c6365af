// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	_ "embed"
	"slices"
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/test/emulators/chatbots"
)

//go:embed bundle.js
var bundle string

func TestASafeAppPassesByItsBundle(t *testing.T) {
	r := newRig(t, chatbots.Config{Operations: true, Bundle: bundle})
	for name, result := range r.safely(t, described(t)) {
		if result.Verdict != v1alpha1.VerdictPass || !strings.Contains(result.Control, "in spec.app and the app's pages and scripts") {
			t.Errorf("%s: %s", told(result), result.Control)
		}
		t.Logf("%s: %d cases, %d requests. %s", name, result.Cases, r.target.Budget.Spent(), result.Control)
	}
}

func TestAWeaknessThatOnlyTheBundleTellsOfFailsItsRow(t *testing.T) {
	for _, w := range chatbots.OperationWeaknesses() {
		// The bundle doesn't say how a title is changed, nor that members are for users alone.
		if slices.Contains([]string{chatbots.OperationTitleForeign, chatbots.OperationTitleAnonymous, chatbots.OperationMembersOpen}, w.Name) {
			continue
		}
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			r, mended := newRig(t, chatbots.Config{Operations: true, Bundle: bundle, Weaknesses: []string{w.Name}}), newRig(t, chatbots.Config{Operations: true, Bundle: bundle})
			for name, result := range r.safely(t, described(t)) {
				want := v1alpha1.VerdictPass
				if string(name) == w.Row {
					want = v1alpha1.VerdictFail
				}
				if result.Verdict != want {
					t.Errorf("want %s of %s (%s): %s", want, name, w.Description, told(result))
				}
				for _, f := range result.Findings {
					if f.Fails() && !placeIs(w.Path, f.Place) {
						t.Errorf("%s is found at %s, and it is at %s", w.Name, f.Place, w.Path)
					}
					if known, ok := probe.NewKnownAttack(name, f.Rule, f.Place); ok && f.Fails() {
						mended.known = append(mended.known, known)
					}
				}
			}
			// What was found is tried again.
			for _, result := range mended.access(t, described(t)) {
				if result.Verdict != v1alpha1.VerdictPass {
					t.Errorf("mended: %s", told(result))
				}
			}
		})
	}
}

func TestABundleThatNamesMuchMoreThanIsDescribedIsLowCoverage(t *testing.T) {
	r := newRig(t, chatbots.Config{Operations: true, Bundle: bundle + `
fetch("/graphql",{method:"POST"});fetch("/api/payments",{method:"POST"});o("/api/payments/"+x.id);fetch("/api/documents/batch",{method:"POST"});
fetch("/api/conversations/batch",{method:"POST"});fetch("/api/documents/"+d,{method:"PATCH"});fetch("/api/documents/"+d,{method:"DELETE"});fetch("/api/me",{method:"PATCH"});
fetch("/api/chat",{method:"POST"});`})
	app := describedByDocument(t)
	app.OpenAPI = nil
	// What is planted stays, for no delete is described.
	for _, result := range r.access(t, app) {
		if said := told(result); result.Verdict != v1alpha1.VerdictUnknown || result.Reason != v1alpha1.ReasonLowCoverage || !strings.Contains(said, "PATCH /api/documents/{d}, DELETE /api/documents/{d} and 5 more") {
			t.Errorf("%s", said)
		}
		t.Log(told(result))
	}
	for _, request := range r.wire.requests {
		for _, path := range []string{"/graphql", "/api/payments", "/api/documents/batch", "/api/me"} {
			if strings.Contains(request, path+" ") && !strings.HasPrefix(request, "GET ") && !strings.HasPrefix(request, "OPTIONS ") && !strings.HasPrefix(request, "HEAD ") {
				t.Errorf("%s was sent", request)
			}
		}
	}
}

func TestOdditiesOfAnAppWithABundleChangeNothing(t *testing.T) {
	for _, o := range chatbots.Oddities() {
		if !slices.Contains(telling, o.Name) {
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{Bundle: bundle, Oddities: []string{o.Name}, RequestsPerSecond: 400})
			for _, result := range r.safely(t, described(t)) {
				if result.Verdict != v1alpha1.VerdictPass {
					t.Errorf("%s: %s", o.Description, told(result))
				}
			}
		})
	}
}
