// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"fmt"
	"slices"
	"strings"
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

func TestASafeAppPassesInOtherWords(t *testing.T) {
	for name, app := range map[string]*v1alpha1.App{
		"with one-time passwords":  describedWith(t, totpLogin),
		"refreshed by its token":   describedWith(t, tokenRefresh),
		"asked over WebSocket":     asked(t, described(t), chatSocket),
		"that answers in a stream": asked(t, described(t), chatStream),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{})
			for _, result := range r.safely(t, app) {
				if result.Verdict != v1alpha1.VerdictPass {
					t.Errorf("%s", told(result))
				}
				t.Log(result.Control)
			}
		})
	}
}

func TestChatsOverWebSocketAreJudged(t *testing.T) {
	for _, c := range []struct {
		weakness, rule string
		row            v1alpha1.Row
	}{
		{chatbots.AnonymousWebSocket, "AnonymousAccess", v1alpha1.RowAuthEnforced},
		{chatbots.ChatRetrievesAcrossTenants, "ForeignContentInChat", v1alpha1.RowTenantIsolated},
	} {
		t.Run(c.weakness, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, chatbots.Config{Weaknesses: []string{c.weakness}, Oddities: []string{chatbots.TinyDeltas}})
			result := r.safely(t, asked(t, described(t), chatSocket))[c.row]
			if !slices.ContainsFunc(result.Findings, func(f probe.Finding) bool {
				return f.Rule == c.rule && strings.HasPrefix(f.Place, "GET /api/chat/ws as ") && strings.HasPrefix(f.Reproduce, "printf ")
			}) {
				t.Error(told(result))
			}
		})
	}
}

func told(r probe.RowResult) string {
	text := fmt.Sprintf("%s: %s %s %s", r.Row, r.Verdict, r.Reason, r.Message)
	for _, f := range r.Findings {
		text += fmt.Sprintf("\n  %s at %s: %s\n    %s", f.Rule, f.Place, f.Message, f.Reproduce)
	}
	return text
}

func TestEachWeaknessFailsItsRow(t *testing.T) {
	for _, w := range chatbots.Weaknesses() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			config := chatbots.Config{Weaknesses: []string{w.Name}}
			r, mended := newRig(t, config), newRig(t, chatbots.Config{})
			app := described(t)
			switch w.Name {
			case chatbots.SessionFixation, chatbots.SessionIDPredictable, chatbots.LogoutKeepsSession:
				app = describedWith(t, formLogin)
			case chatbots.RefreshRevivesToken:
				app = describedWith(t, tokenRefresh)
			case chatbots.TOTPUnchecked:
				app = describedWith(t, totpLogin)
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
					if known, ok := probe.NewKnownAttack(name, f.Rule, f.Place); ok && f.Fails() {
						mended.known = append(mended.known, known)
					}
				}
			}
			// What has succeeded is known from then on, and a mended app passes all the same.
			for _, result := range mended.access(t, app) {
				if result.Verdict != v1alpha1.VerdictPass {
					t.Errorf("mended: %s", told(result))
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
			case chatbots.TinyDeltas:
				app = asked(t, app, chatStream)
			case chatbots.WebSocketCloses4401:
				app = asked(t, app, chatSocket)
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
