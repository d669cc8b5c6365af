// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// Kind is what the operator knows of the suite without running it.
func Kind() probe.Kind {
	return probe.Kind{Version: Version, Plan: func(app *v1alpha1.App, known []probe.KnownAttack, _ bool) probe.Plan { return Plan(app, known) }}
}

// creations is how often a thing of a kind is created for somebody in a run at most: to be asked for, written to and compared.
const creations = 40

// anew is how often each question is asked at most: once more in a new session.
const anew = 2

// Plan gives what a run asks at most.
func Plan(app *v1alpha1.App, known []probe.KnownAttack) probe.Plan {
	var plan probe.Plan
	if app.SignUp != nil {
		plan.SignUps = maxSignUps
	}
	if app.Login != nil && len(app.Login.Hosts) > 0 {
		plan.ProviderLogins = maxProviderLogins + cleanUpLogins
	}
	if app.Chat == nil {
		return plan
	}
	owners := 0
	for _, i := range app.Identities {
		if i.Role != v1alpha1.RoleAdmin {
			owners++
		}
	}
	for _, r := range app.Resources {
		if r.Mark != "" || r.InChat == v1alpha1.InChatNever {
			continue
		}
		// The owner asks once, or until what it made is indexed, and everybody else and nobody.
		control := 1
		if r.InChat == v1alpha1.InChatExpected {
			control += int(probe.Indexing(app)/askAgainAfter) + 1
		}
		plan.Chats += anew * owners * (control + len(app.Identities))
	}
	if knowsChatLeak(known) {
		plan.Chats += anew * (len(app.Identities) + 1) * (replays + len(app.Resources))
	}
	plan.Chats += anew * owners * lastAsks
	for _, r := range app.Resources {
		if Shown(r.Create.Request) == Shown(app.Chat.Request) && !httpstep.ChatSharesPath(app) {
			plan.Chats += owners * creations
		}
	}
	return plan
}
