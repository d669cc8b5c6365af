// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// Kind is what the operator knows of the suite without running it.
func Kind() probe.Kind { return probe.Kind{Version: Version, Plan: Plan} }

// creations is how often a thing of a kind is created for somebody in a run at most: to be asked for, written to and compared.
const creations = 40

// Plan gives what a run asks at most.
func Plan(app *v1alpha1.App) probe.Plan {
	var plan probe.Plan
	if app.SignUp != nil {
		plan.SignUps = maxSignUps
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
	things := owners * len(app.Resources)
	// The owner asks, then everybody else and nobody; whoever is refused asks for its own as well.
	plan.Chats = things * (1 + 2*len(app.Identities))
	for _, r := range app.Resources {
		if Shown(r.Create.Request) == Shown(app.Chat.Request) && !httpstep.ChatSharesPath(app) {
			plan.Chats += owners * creations
		}
	}
	return plan
}
