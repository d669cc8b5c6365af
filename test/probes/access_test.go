// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/test/emulators/chatbots"
)

func TestASafeAppPasses(t *testing.T) {
	r := newRig(t, chatbots.Config{})
	started := time.Now()
	results := r.safely(t, described(t))
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
	for _, result := range r.safely(t, describedWith(t, formLogin)) {
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
	chatbots.RefreshRevivesToken: "no step describes how a token is refreshed",
	chatbots.AnonymousWebSocket:  "WebSocket is not spoken",
	chatbots.WebSocketIDOR:       "WebSocket is not spoken",
	chatbots.PaymentIDOR:         "a payment holds no text to plant",
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
				app = describedWith(t, formLogin)
			}
			for name, result := range r.safely(t, app) {
				want := v1alpha1.VerdictPass
				if string(name) == w.Row {
					want = v1alpha1.VerdictFail
				}
				if result.Verdict != want {
					t.Errorf("want %s of %s (%s): %s", want, name, w.Description, told(result))
				}
				for _, f := range result.Findings {
					t.Logf("%s → %s: %s at %s", w.Name, name, f.Rule, f.Place)
				}
			}
		})
	}
}

func TestOdditiesChangeNothing(t *testing.T) {
	for _, o := range chatbots.Oddities() {
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{Oddities: []string{o.Name}, RequestsPerSecond: 400})
			app := described(t)
			switch o.Name {
			case chatbots.CookieOnly:
				app = describedWith(t, cookieOnly)
			case chatbots.SlowReplies:
				// It is as slow with less of it.
				app.Resources, app.AdminPaths, app.Chat, app.SignUp = app.Resources[:1], app.AdminPaths[1:2], nil, nil
				app.Resources[0].Update, app.Resources[0].Export, app.Resources[0].Search = nil, nil, nil
				app.Identities = slices.DeleteFunc(app.Identities, func(i v1alpha1.Identity) bool { return i.Name == "anna" })
			case chatbots.Pagination:
				// The newest are on the second page, as whoever describes the app is told.
				for i := range app.Resources {
					if list := app.Resources[i].List; list != nil {
						list.Path += "?from=20"
					}
				}
			}
			for _, result := range r.safely(t, app) {
				if result.Verdict != v1alpha1.VerdictPass {
					t.Errorf("%s: %s", o.Description, told(result))
				}
			}
		})
	}
}
