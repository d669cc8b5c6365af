// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/test/emulators/chatbots"
)

func TestLeavingAnAttackOutOfTheDescriptionMendsNothing(t *testing.T) {
	const isolated = v1alpha1.RowTenantIsolated
	undescribed := func(do func(r *v1alpha1.Resource)) func(*v1alpha1.App) {
		return func(app *v1alpha1.App) {
			for i := range app.Resources {
				do(&app.Resources[i])
			}
		}
	}
	noExport := undescribed(func(r *v1alpha1.Resource) { r.Export = nil })
	noUpdate := undescribed(func(r *v1alpha1.Resource) { r.Update = nil })
	for name, test := range map[string]struct {
		weakness string
		leave    func(*v1alpha1.App)
		mended   bool
		known    []probe.KnownAttack
		want     v1alpha1.Verdict
		says     string
	}{
		"a read that still leaks":         {chatbots.ExportLeaks, noExport, false, nil, v1alpha1.VerdictFail, "by what is described no more"},
		"a read that still answers":       {chatbots.ExportLeaks, noExport, true, nil, v1alpha1.VerdictUnknown, "and could not be tried again: it is described no more"},
		"a write":                         {chatbots.ForeignUpdate, noUpdate, false, nil, v1alpha1.VerdictUnknown, " succeeded before (ForeignObjectWritable)"},
		"a read that is gone":             {"", noExport, true, []probe.KnownAttack{{Row: isolated, Rule: "ForeignObjectReadable", Request: "GET /api/v0/conversations/$(id)"}}, v1alpha1.VerdictPass, ""},
		"what can't be put together":      {"", noExport, true, []probe.KnownAttack{{Row: isolated, Rule: "ForeignObjectReadable", Request: "GET /api/v0/$(lost)"}}, v1alpha1.VerdictUnknown, "GET /api/v0/$(lost)"},
		"an operation of a tenant":        {"", noExport, true, []probe.KnownAttack{{Row: isolated, Rule: "ForeignObjectListed", Request: "GET /api/v0/{tenant}/notes"}}, v1alpha1.VerdictPass, ""},
		"an operation of a document":      {"", noExport, true, []probe.KnownAttack{{Row: isolated, Rule: "ForeignObjectListed", Request: "GET /api/v0/{thing}/notes"}}, v1alpha1.VerdictUnknown, "GET /api/v0/{thing}/notes"},
		"nothing was known, so it passes": {"", noExport, true, nil, v1alpha1.VerdictPass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known := test.known
			if test.weakness != "" {
				for _, f := range newRig(t, chatbots.Config{Weaknesses: []string{test.weakness}}).access(t, described(t))[isolated].Findings {
					if k, ok := probe.NewKnownAttack(isolated, f.Rule, f.Place); ok {
						known = append(known, k)
					}
				}
			}
			config := chatbots.Config{}
			if !test.mended {
				config.Weaknesses = []string{test.weakness}
			}
			r, app := newRig(t, config), described(t)
			r.known = known
			test.leave(app)
			result := r.safely(t, app)[isolated]
			said := result.Message
			for _, f := range result.Findings {
				said += f.Message
			}
			if result.Verdict != test.want || !strings.Contains(said, test.says) {
				t.Errorf("known %v: %s", known, told(result))
			}
			if result.Verdict == v1alpha1.VerdictUnknown && result.Reason != v1alpha1.ReasonKnownAttackNotTried {
				t.Errorf("the reason is %s", result.Reason)
			}
		})
	}
}

func TestAChatThatHasLeakedIsAskedAgainAndAgain(t *testing.T) {
	asks := func(known ...probe.KnownAttack) int {
		r := newRig(t, chatbots.Config{})
		r.known = known
		for _, result := range r.access(t, described(t)) {
			if result.Verdict != v1alpha1.VerdictPass {
				t.Error(told(result))
			}
		}
		return r.target.Chats.Spent()
	}
	once := asks()
	often := asks(probe.KnownAttack{Row: v1alpha1.RowTenantIsolated, Rule: "ForeignContentInChat", Request: "POST /api/chat"})
	t.Logf("%d questions, and %d after it has leaked", once, often)
	if once == 0 || often < once+3*28 {
		t.Errorf("it was asked %d times instead of %d", often, once)
	}
}
