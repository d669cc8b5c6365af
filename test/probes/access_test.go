// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/test/emulators/chatbots"
)

func TestASafeAppPasses(t *testing.T) {
	r := newRig(t, chatbots.Config{})
	started := time.Now()
	results := r.access(t, described(t))
	t.Logf("%d requests in %s", r.target.Budget.Spent(), time.Since(started))
	for name, result := range results {
		if result.Verdict != v1alpha1.VerdictPass {
			t.Errorf("%s", told(result))
		}
		t.Logf("%s: %d cases. %s", name, result.Cases, result.Control)
	}
}

func TestASafeAppPassesByItsForm(t *testing.T) {
	r := newRig(t, chatbots.Config{})
	for _, result := range r.access(t, describedByForm(t)) {
		if result.Verdict != v1alpha1.VerdictPass {
			t.Errorf("%s", told(result))
		}
	}
}

func told(r probe.RowResult) string {
	text := fmt.Sprintf("%s: %s %s %s", r.Row, r.Verdict, r.Reason, r.Message)
	for _, f := range r.Findings {
		text += fmt.Sprintf("\n  %s at %s: %s\n    %s", f.Rule, f.Place, f.Message, f.Reproduce)
	}
	return text
}

// outOfReach are weaknesses that the description or the suite does not reach yet, and why.
var outOfReach = map[string]string{
	chatbots.MassAssignmentRoleUpdate: "no step describes how an account is changed",
	chatbots.MassAssignmentRoleSignup: "no step describes how one signs up",
	chatbots.MassAssignmentTenant:     "no step describes how one signs up",
	chatbots.RefreshRevivesToken:      "no step describes how a token is refreshed",
	chatbots.AnonymousWebSocket:       "WebSocket is not spoken",
	chatbots.WebSocketIDOR:            "WebSocket is not spoken",
	chatbots.PaymentIDOR:              "a payment holds no text to plant",
}

func TestEachWeaknessFailsItsRow(t *testing.T) {
	for _, w := range chatbots.Weaknesses() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			if why, out := outOfReach[w.Name]; out {
				t.Skip(why)
			}
			config := chatbots.Config{Weaknesses: []string{w.Name}}
			r := newRig(t, config)
			app := described(t)
			switch w.Name {
			case chatbots.SessionFixation, chatbots.SessionIDPredictable, chatbots.LogoutKeepsSession:
				app = describedByForm(t)
			}
			for name, result := range r.access(t, app) {
				want := v1alpha1.VerdictPass
				if string(name) == w.Row {
					want = v1alpha1.VerdictFail
				}
				if result.Verdict != want {
					t.Errorf("want %s of %s (%s): %s", want, name, w.Description, told(result))
				}
			}
		})
	}
}

func TestOdditiesChangeNothing(t *testing.T) {
	for _, o := range chatbots.Oddities() {
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{Oddities: []string{o.Name}, RequestsPerSecond: 100})
			for _, result := range r.access(t, described(t)) {
				if result.Verdict != v1alpha1.VerdictPass {
					t.Errorf("%s: %s", o.Description, told(result))
				}
			}
		})
	}
}

var _ probe.Suite
