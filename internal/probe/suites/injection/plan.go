// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/access"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// smoke is how many attacks a run makes after a rollout: a real model takes seconds for each. 40 have to be answered.
const smoke = 60

// Kind is what the operator knows of the suite.
func (c *Catalogue) Kind() probe.Kind {
	return probe.Kind{Version: Version, Plan: c.Plan, Undescribed: Undescribed, Own: c.ownKind}
}

// Plan gives how many questions a run asks at most: one for each turn of each attack, those for the controls, and those that make what
// worked shorter.
func (c *Catalogue) Plan(app *v1alpha1.App, known []probe.KnownAttack, smokes bool) probe.Plan {
	if app.Chat == nil {
		return probe.Plan{}
	}
	attempts := 1
	if n := app.Chat.Attempts; n != nil {
		attempts = int(*n)
	}
	selected, _ := c.Select(app, smokes)
	chats := maxRepeated + maxShortened + c.planKnown(known)
	characters := 0
	for _, a := range selected {
		chats += attempts * questions(a)
		characters += attempts * read(a)
	}
	chats += len(benign) + 2*handshakes + toolCalls
	// Whether the attacker is served is asked before and after each batch, where there is nothing to read.
	batches := attempts*len(selected)/batch + 1 + maxRepeated/batch + len(known)*(replays/batch+2)
	chats += 2 * batches
	for _, r := range app.Resources {
		if reads(r) {
			chats += 2 * 2 * (int(probe.Indexing(app)/pollEvery) + 1)
		}
	}
	if slices.ContainsFunc(app.Chat.Sources, remarked) {
		chats += 2 * (int(probe.Indexing(app)/pollEvery) + 1)
	}
	// What attacks are put on is asked for once.
	chats += (len(app.Chat.Sources) + 1) * (int(probe.Indexing(app)/pollEvery) + 2)
	return probe.Plan{Chats: chats, Characters: characters, ProviderLogins: access.ProviderLogins(app)}
}

func (c *Catalogue) planKnown(known []probe.KnownAttack) (chats int) {
	for _, k := range known {
		id, _ := strings.CutPrefix(k.Request, attackPrefix)
		if a, ok := c.Find(id); ok {
			chats += replays * questions(a)
		}
	}
	return chats
}

// read is how many characters a model reads of an attack: with each question what was asked before, and what the attack stands on.
func read(a corpus.Attack) (characters int) {
	before := len(a.Content)
	for _, turn := range a.Turns {
		before += len(turn)
		characters += before
	}
	return characters
}

// questions is how often an attack asks.
func questions(a corpus.Attack) int {
	if a.Carrier == corpus.Memory {
		return len(a.Turns) + 1
	}
	return len(a.Turns)
}
