// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"fmt"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
	"github.com/launchready/launchready/internal/probe/suites/injection/strategy"
)

// Catalogue has all attacks: those that are written down, and what the strategies make of them.
type Catalogue struct {
	written []corpus.Attack
	// worst are all attacks, the worst first, so that each beginning has many techniques.
	worst []corpus.Attack
}

// NewCatalogue loads the attacks that are built in, and adds a team's own.
func NewCatalogue(own ...corpus.Attack) (*Catalogue, error) {
	builtIn, err := corpus.Load()
	if err != nil {
		return nil, err
	}
	for _, a := range own {
		if slices.ContainsFunc(builtIn, func(b corpus.Attack) bool { return b.ID == a.ID }) {
			return nil, fmt.Errorf("attack %s: id: one that is built in has it: choose another", a.ID)
		}
	}
	c := &Catalogue{written: slices.Concat(own, builtIn)}
	c.worst = strategy.Multiply(c.written, strategy.All(), maxMultiplied)
	return c, nil
}

// maxMultiplied bounds what the strategies make.
const maxMultiplied = 5_000

// Select gives the n worst attacks for which an app as it is described has something to find and a way there, and how many there are
// for which it has none.
func (c *Catalogue) Select(app *v1alpha1.App, n int) (selected []corpus.Attack, unfit int) {
	for _, a := range c.worst {
		switch {
		case !fits(app, a):
			unfit++
		case len(selected) < n:
			selected = append(selected, a)
		}
	}
	return selected, unfit
}

// fits says whether an app as it is described has something for an attack to find, and a way there.
func fits(app *v1alpha1.App, a corpus.Attack) bool {
	chat := app.Chat
	if len(a.Turns) > 1 && len(chat.Conversation) == 0 {
		return false
	}
	switch a.Carrier {
	case corpus.Chat, corpus.Memory:
	case corpus.Document, corpus.DocumentHTML, corpus.DocumentCSV, corpus.Listing:
		if !slices.ContainsFunc(app.Resources, reads) {
			return false
		}
	case corpus.History, corpus.DocumentPDF, corpus.URL, corpus.Profile, corpus.ToolOutput:
		return false
	}
	switch a.Goal {
	case corpus.SystemPrompt:
		return chat.SystemPrompt != nil
	case corpus.OtherTenant:
		return tenants(app) > 1 && slices.ContainsFunc(app.Resources, reads)
	case corpus.ToolCall:
		return chat.Tools != nil
	case corpus.Render, corpus.Markup, corpus.Consumption:
		return true
	case corpus.OwnContext, corpus.Fetch:
		return false
	}
	return false
}

// reads says whether the bot answers from things of a kind that can hold a text of ours.
func reads(r v1alpha1.Resource) bool { return r.Mark == "" && r.InChat == v1alpha1.InChatExpected }

// tenants is how many there are that have a user.
func tenants(app *v1alpha1.App) int {
	names := map[string]bool{}
	for _, i := range app.Identities {
		if i.Role != v1alpha1.RoleAdmin {
			names[i.Tenant] = true
		}
	}
	return len(names)
}

// Find gives an attack by its id.
func (c *Catalogue) Find(id string) (corpus.Attack, bool) {
	return strategy.Find(c.written, strategy.All(), id)
}
