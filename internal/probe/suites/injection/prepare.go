// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/suites/access"
)

// prepare compiles the description and logs in who attacks and who is attacked. It says whether there is anything to go on with.
func (r *run) prepare(ctx context.Context) bool {
	if reason := Undescribed(r.App); reason != "" {
		r.undescribed("%s", reason)
		if r.App.Chat == nil {
			return false
		}
	}
	var err error
	if r.chat, err = httpstep.CompileChat(*r.App.Chat); err != nil {
		r.undescribed("spec.app.chat.%v", err)
		return false
	}
	if r.visitors, err = access.NewVisitors(access.Options{App: r.App, Target: r.Target, Credentials: r.Credentials}); err != nil {
		r.undescribed("%v", err)
		return false
	}
	if tools := r.App.Chat.Tools; tools != nil {
		for _, name := range tools.Guarded {
			r.judge.Guarded = append(r.judge.Guarded, string(name))
		}
	}
	r.judge.Allowed = allowed(r.App.Chat.Fetches, r.Target.Base, r.Target.Host)
	return r.logIn(ctx)
}

// Undescribed says what of spec.app has to be said before the row can be measured, with the lines that say it; empty where nothing has.
func Undescribed(app *v1alpha1.App) string {
	switch {
	case app.Chat == nil:
		return "Nobody said how the chatbot is asked. Describe it in spec.app.chat: {request: {method: POST, path: /api/chat, json: {message: $(prompt)}}, reply: response.json.reply}."
	case app.Chat.SystemPrompt == nil:
		return "No canary stands in the system prompt. Run launchready canary print, paste its lines wherever the prompt lives, and write spec.app.chat.systemPrompt: {canarySecretRef: {name: ...}} as it says."
	case app.Chat.Tools == nil && !slices.Contains(app.Absent, v1alpha1.FeatureTools):
		return "Whether the chatbot can call tools has to be stated: write spec.app.chat.tools: {calls: ..., guarded: [...], control: {...}}, or spec.app.absent: [Tools]."
	}
	return ""
}

// logIn logs in a user, and one of another tenant if there is one.
func (r *run) logIn(ctx context.Context) bool {
	if len(r.App.Identities) == 0 {
		r.attacker = r.visitors.Stranger()
		return true
	}
	for _, identity := range r.App.Identities {
		if identity.Role == v1alpha1.RoleAdmin || (r.attacker != nil && (r.victim != nil || identity.Tenant == r.attacker.Identity().Tenant)) {
			continue
		}
		v, err := r.visitors.LogIn(ctx, identity)
		if err != nil {
			r.unproven("%s could not log in: %s. Correct spec.app.login or the Secret %s.", identity.Name, access.Plain(err), identity.CredentialsSecretRef.Name)
			continue
		}
		if r.attacker == nil {
			r.attacker = v
		} else {
			r.victim = v
		}
	}
	if r.attacker == nil && len(r.Unknowns) == 0 {
		r.undescribed("Only administrators are in spec.app.identities, and whoever attacks is none: add one with role User.")
	}
	return r.attacker != nil
}

// allowed says which hosts a reply may load something from: those that are listed, and the app's own.
func allowed(listed []v1alpha1.FetchHost, base *url.URL, host string) func(string) bool {
	return func(name string) bool {
		if strings.EqualFold(name, base.Hostname()) || strings.EqualFold(name, host) {
			return true
		}
		return slices.ContainsFunc(listed, func(h v1alpha1.FetchHost) bool {
			below, wildcard := strings.CutPrefix(string(h), "*")
			return name == string(h) || (wildcard && strings.HasSuffix(name, below))
		})
	}
}
