// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"testing"

	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
)

func TestPlanIsWhatTheDescriptionMayNeed(t *testing.T) {
	request := func(method v1alpha1.HTTPMethod, path v1alpha1.RequestPath) v1alpha1.HTTPRequest {
		return v1alpha1.HTTPRequest{Method: method, Path: path}
	}
	app := func(change func(*v1alpha1.App)) *v1alpha1.App {
		a := &v1alpha1.App{
			Identities: []v1alpha1.Identity{{Name: "alice"}, {Name: "bob"}, {Name: "root", Role: v1alpha1.RoleAdmin}},
			Chat:       &v1alpha1.Chat{Request: request("POST", "/chat")},
			Resources:  []v1alpha1.Resource{{Name: "notes", Create: v1alpha1.HTTPStep{Request: request("POST", "/notes")}, Item: request("GET", "/notes/$(id)")}},
		}
		change(a)
		return a
	}
	leaked := []probe.KnownAttack{{Rule: "ForeignContentInChat"}}
	for name, test := range map[string]struct {
		app   *v1alpha1.App
		known []probe.KnownAttack
		want  probe.Plan
	}{
		"two owners of one kind":  {app(func(*v1alpha1.App) {}), nil, probe.Plan{Chats: 2*2*(1+3) + 2*2*3}},
		"another attack is known": {app(func(*v1alpha1.App) {}), []probe.KnownAttack{{Rule: "ForeignObjectListed"}}, probe.Plan{Chats: 28}},
		"the chat has leaked":     {app(func(*v1alpha1.App) {}), leaked, probe.Plan{Chats: 28 + 2*4*31}},
		"no chat":                 {app(func(a *v1alpha1.App) { a.Chat = nil }), leaked, probe.Plan{}},
		"sign-up":                 {app(func(a *v1alpha1.App) { a.Chat, a.SignUp = nil, &v1alpha1.SignUp{} }), nil, probe.Plan{SignUps: 3}},
		"the chat is never asked": {app(func(a *v1alpha1.App) { a.Resources[0].InChat = v1alpha1.InChatNever }), nil, probe.Plan{Chats: 12}},
		"it may take ten seconds": {app(func(a *v1alpha1.App) {
			a.Resources[0].InChat, a.IndexingSeconds = v1alpha1.InChatExpected, ptr.To[int32](10)
		}), nil, probe.Plan{Chats: 2*2*(12+3) + 12}},
		"things are made by asking": {app(func(a *v1alpha1.App) { a.Resources[0].Create.Request = a.Chat.Request }), nil, probe.Plan{Chats: 28 + 2*creations}},
		"one path for everything": {app(func(a *v1alpha1.App) {
			a.Resources[0].Create.Request, a.Resources[0].Item = a.Chat.Request, a.Chat.Request
		}), nil, probe.Plan{Chats: 28}},
	} {
		if got := Plan(test.app, test.known); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}
