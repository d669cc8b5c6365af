// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/test/emulators/chatbots"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// byReadySession gives the description of whoever puts a session into a Secret: how to log in, out and up stands nowhere.
func byReadySession(t testing.TB) *v1alpha1.App {
	t.Helper()
	app := describedWith(t, readySession)
	app.Logout, app.SignUp, app.Profile = nil, nil, nil
	if errs := httpstep.Validate(app, field.NewPath("spec", "app")); len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	return app
}

func TestASafeAppPassesByAReadySession(t *testing.T) {
	r := newRig(t, chatbots.Config{})
	for name, result := range r.safely(t, byReadySession(t)) {
		if result.Verdict != v1alpha1.VerdictPass {
			t.Errorf("%s", told(result))
		}
		if said := "Sessions come by Secret, so that their end is not measured."; name == v1alpha1.RowAuthEnforced && !strings.Contains(result.Control, said) {
			t.Errorf("it is not said that the end of sessions was left out: %s", result.Control)
		}
		t.Logf("%s: %d cases. %s", name, result.Cases, result.Control)
	}
}

func TestAReadySessionFindsWhatALoginDoes(t *testing.T) {
	for weakness, want := range map[string]struct {
		row   v1alpha1.Row
		place string
	}{
		chatbots.IDORDocumentRead: {v1alpha1.RowTenantIsolated, "ForeignObjectReadable at GET /api/documents/$(id) as bob"},
		chatbots.JWTAlgNone:       {v1alpha1.RowAuthEnforced, "ForgedTokenAccepted at "},
	} {
		t.Run(weakness, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{Weaknesses: []string{weakness}})
			for name, result := range r.safely(t, byReadySession(t)) {
				verdict := v1alpha1.VerdictPass
				if name == want.row {
					verdict = v1alpha1.VerdictFail
				}
				if said := told(result); result.Verdict != verdict || name == want.row && !strings.Contains(said, want.place) {
					t.Errorf("want %s of %s: %s", verdict, name, said)
				}
			}
		})
	}
}
