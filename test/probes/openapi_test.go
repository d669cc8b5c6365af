// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/test/emulators/chatbots"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

//go:embed openapi.yaml
var byDocument []byte

// describedByDocument gives the description that leaves the rest to the app's OpenAPI document.
func describedByDocument(t testing.TB) *v1alpha1.App {
	t.Helper()
	app := &v1alpha1.App{}
	if err := yaml.UnmarshalStrict(byDocument, app); err != nil {
		t.Fatal(err)
	}
	if errs := httpstep.Validate(app, field.NewPath("spec", "app")); len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	return app
}

func TestASafeAppPassesByItsDocument(t *testing.T) {
	r := newRig(t, chatbots.Config{Operations: true})
	for name, result := range r.safely(t, describedByDocument(t)) {
		if result.Verdict != v1alpha1.VerdictPass {
			t.Errorf("%s", told(result))
		}
		t.Logf("%s: %d cases. %s", name, result.Cases, result.Control)
		t.Logf("%d requests %s", r.target.Budget.Spent(), told(result))
	}
}

// byDocumentAlone are weaknesses of operations that this description leaves out and that are not of Config.Operations.
var byDocumentAlone = []string{
	chatbots.IDORMessages, chatbots.DownloadUnguarded, chatbots.ExportLeaks, chatbots.TenantPath,
	chatbots.ForeignUpdate, chatbots.ForeignUpdateSilent, chatbots.ForeignDelete, chatbots.ForeignDeleteSilent,
	chatbots.AnonymousDownload, chatbots.AnonymousExport,
}

func weaknessesOfOperations() []chatbots.Weakness {
	return append(chatbots.OperationWeaknesses(), slices.DeleteFunc(chatbots.Weaknesses(), func(w chatbots.Weakness) bool {
		return !slices.Contains(byDocumentAlone, w.Name)
	})...)
}

// placeholder is whatever stands in a path for something else.
var placeholder = regexp.MustCompile(`\{\w+\}|\$\(\w+\)`)

func TestEachWeaknessOfAnOperationThatNobodyDescribedFailsItsRow(t *testing.T) {
	for _, w := range weaknessesOfOperations() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{Operations: true, Weaknesses: []string{w.Name}})
			for name, result := range r.safely(t, describedByDocument(t)) {
				want := v1alpha1.VerdictPass
				if string(name) == w.Row {
					want = v1alpha1.VerdictFail
				}
				if result.Verdict != want {
					t.Errorf("want %s of %s (%s): %s", want, name, w.Description, told(result))
				}
				for _, f := range result.Findings {
					if !f.Fails() {
						continue
					}
					t.Logf("%s → %s: %s at %s", w.Name, name, f.Rule, f.Place)
					if !placeIs(w.Path, f.Place) && w.Name != chatbots.TenantPath { // a trick on what is described finds that one too
						t.Errorf("%s is found at %s, and it is at %s", w.Name, f.Place, w.Path)
					}
				}
			}
		})
	}
}

// placeIs says whether a finding's place is one of the paths of a weakness.
func placeIs(paths, place string) bool {
	_, place, _ = strings.Cut(place, " ")
	place, _, _ = strings.Cut(place, " as ")
	place = placeholder.ReplaceAllString(place, "*")
	for path := range strings.SplitSeq(paths, ", ") {
		for _, kind := range []string{"conversations", "documents"} {
			if placeholder.ReplaceAllString(strings.ReplaceAll(path, "{kind}", kind), "*") == place {
				return true
			}
		}
	}
	return false
}

func TestWithoutTheDocumentTheyAreNotFound(t *testing.T) {
	r := newRig(t, chatbots.Config{Operations: true, Weaknesses: []string{chatbots.OperationPreviewIDOR, chatbots.OperationStatsOpen, chatbots.OperationSearchAll}})
	app := describedByDocument(t)
	app.OpenAPI = nil
	// It is why the matrix above says something of the document. What is planted stays, for no delete is described.
	for _, result := range r.access(t, app) {
		if result.Verdict == v1alpha1.VerdictFail {
			t.Errorf("%s", told(result))
		}
	}
}

// telling are the oddities of the app that change what an operation is answered, or with what it is asked.
var telling = []string{
	chatbots.Friendly200, chatbots.NotFoundAs400, chatbots.LoginPage200, chatbots.SoftLoginRedirect, chatbots.SPAShell, chatbots.IDsInt, chatbots.IDsSlug,
	chatbots.ShortLivedTokens, chatbots.EchoRequest, chatbots.EchoID, chatbots.HTMLErrors, chatbots.ExtraFields, chatbots.TenantDocuments, chatbots.OneUserATenant,
	chatbots.PublicConversations, chatbots.WAF403, chatbots.RateLimit, chatbots.OddContentTypes, chatbots.DelayedWrites,
}

func TestOdditiesOfADocumentChangeNothing(t *testing.T) {
	for _, o := range append(chatbots.DocumentOddities(), chatbots.Oddities()...) {
		if !strings.HasPrefix(o.Name, "openapi-") && !slices.Contains(telling, o.Name) {
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{Operations: true, Oddities: []string{o.Name}, RequestsPerSecond: 400})
			app := describedByDocument(t)
			if o.Name == chatbots.OneUserATenant {
				// As whoever describes it is told: the paths of some operations name the tenant.
				for i := range app.Identities {
					app.Identities[i].Tenant = app.Identities[i].Name
				}
			}
			for _, result := range r.safely(t, app) {
				if result.Verdict != v1alpha1.VerdictPass {
					t.Errorf("%s: %s", o.Description, told(result))
				}
				if !strings.Contains(result.Control, "operations in /openapi.json") {
					t.Errorf("the document was not read: %s", result.Control)
				}
			}
		})
	}
}

func TestAWeaknessIsFoundWhateverTheDocumentIsLike(t *testing.T) {
	for _, o := range chatbots.DocumentOddities() {
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{
				Operations: true, Oddities: []string{o.Name},
				Weaknesses: []string{chatbots.OperationPreviewIDOR, chatbots.OperationTitleForeign, chatbots.OperationSearchAll, chatbots.OperationStatsOpen},
			})
			results := r.safely(t, describedByDocument(t))
			for _, path := range []string{"GET /api/documents/$(id)/preview as bob", "PATCH /api/documents/$(id)/title as bob", "GET /api/search/all as bob"} {
				if said := told(results[v1alpha1.RowTenantIsolated]); !strings.Contains(said, path) {
					t.Errorf("%s is not found: %s", path, said)
				}
			}
			if said := told(results[v1alpha1.RowAuthEnforced]); !strings.Contains(said, "AnonymousAccess at GET /api/stats as nobody") {
				t.Errorf("/api/stats is not found: %s", said)
			}
		})
	}
}
