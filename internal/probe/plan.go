// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Plan is what one run of a suite asks of an app at most, besides requests.
type Plan struct {
	// Chats are questions to the app's chat, and SignUps accounts that are made.
	Chats, SignUps int
	// Characters are how many a model reads of what the questions say, and of what was said before them in the same conversation.
	Characters int
	// ProviderLogins are those that an identity provider is asked for.
	ProviderLogins int
}

// With gives what both ask together.
func (p Plan) With(o Plan) Plan {
	return Plan{Chats: p.Chats + o.Chats, SignUps: p.SignUps + o.SignUps, Characters: p.Characters + o.Characters, ProviderLogins: p.ProviderLogins + o.ProviderLogins}
}

// Kind is what the operator knows of a suite without running it.
type Kind struct {
	// Version changes when the suite may give the same app another verdict.
	Version string
	// Plan gives what a run asks at most of an app that is described so; of a smoke run, where the suite has such.
	Plan func(app *v1alpha1.App, known []KnownAttack, smoke bool) Plan
	// Undescribed says what is missing in the description of an app, so that no run can measure all; empty where nothing is. It is nil
	// for a suite that tells by itself.
	Undescribed func(app *v1alpha1.App) string
	// Own gives the same with a team's own attacks, which AttackConfigMaps names; an error says each mistake in them. It is nil for a
	// suite that takes none.
	Own func(files []AttackFile) (Kind, error)
}

const (
	// suiteDeadline is how long a suite may take, pauses not counted: a thousand requests at 600 ms each.
	suiteDeadline = 10 * time.Minute
	// MaxPause is how long it may pause in all so as not to ask a chat too often.
	MaxPause = 2 * time.Hour
	// perChat is what a question adds to the deadline: a real model takes seconds for a reply, and several are asked at once.
	perChat = 3 * time.Second
	// defaultIndexing is how long an app may take where indexingSeconds does not say.
	defaultIndexing = 5 * time.Second
	// pace is which part of the rate that a chat takes is used, in percent: customers have the rest.
	pace = 80
)

// ChatInterval gives how long to wait from one question to the next; 0 where the app does not say what it takes.
func ChatInterval(app *v1alpha1.App) time.Duration {
	if app.Chat == nil || app.Chat.RatePerMinute == nil {
		return 0
	}
	return time.Minute * 100 / pace / time.Duration(*app.Chat.RatePerMinute)
}

// Indexing gives how long an app may take until what was created is found.
func Indexing(app *v1alpha1.App) time.Duration {
	if n := app.IndexingSeconds; n != nil {
		return time.Duration(*n) * time.Second
	}
	return defaultIndexing
}

// Wait waits, or until the context ends.
func Wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Pause gives how long a run waits between questions in all.
func (p Plan) Pause(app *v1alpha1.App) time.Duration {
	return time.Duration(p.Chats) * ChatInterval(app)
}

// Deadline gives when a run has to end.
func (p Plan) Deadline(app *v1alpha1.App) time.Duration {
	return suiteDeadline + max(p.Pause(app), time.Duration(p.Chats)*perChat)
}
