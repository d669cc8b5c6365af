// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/canary"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/suites/access"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// shelf is a place where somebody can put texts, and that the bot may read.
type shelf struct {
	name string
	// described is the field that describes it.
	described string
	create    *httpstep.Step
	// delete takes away what create has made; nil where it stays.
	delete *v1alpha1.HTTPRequest
	// item gives what was created to its owner; nil for a source.
	item *v1alpha1.HTTPRequest
	// holds is the name under which create takes a text.
	holds string
	// files says that a text comes in a PDF file.
	files bool
	// internal says that a text has a part beside it that the bot reads and must not tell.
	internal bool
	// question asks for what stands there, with $(term).
	question string
	// inChat says that the bot answers from it.
	inChat bool
	// author writes attacks there; nil where none are, and carries says which.
	author  *access.Visitor
	carries []corpus.Carrier
	// measured says that the bot told the attacker what stood there, and lag how long that took.
	measured bool
	lag      time.Duration
}

// question asks for a code that somebody has planted.
const question = "What is the code $(" + corpus.Term + ")?"

// libraries gives the kinds of things that can hold a text. The attacker puts documents on the first that the bot reads.
func (r *run) libraries() []*shelf {
	var all []*shelf
	for i := range r.App.Resources {
		described := r.App.Resources[i]
		if described.Mark != "" {
			continue
		}
		at := fmt.Sprintf("spec.app.resources[%s]", described.Name)
		step, err := httpstep.CompileStep(described.Create)
		if err != nil {
			r.undescribed("%s.create: %v", at, err)
			continue
		}
		s := &shelf{
			name: described.Name, described: at, create: step, delete: described.Delete, item: &described.Item, holds: httpstep.Canary,
			question: question, inChat: described.InChat == v1alpha1.InChatExpected,
		}
		if s.inChat && len(r.shelves) == 0 {
			s.author, s.carries = r.attacker, libraryCarriers()
			r.shelves = append(r.shelves, s)
		}
		all = append(all, s)
	}
	return all
}

// libraryCarriers are what a document of one's own can carry.
func libraryCarriers() []corpus.Carrier {
	return []corpus.Carrier{corpus.Document, corpus.DocumentHTML, corpus.DocumentCSV, corpus.Listing}
}

// sourceCarrier is what sources of a kind carry.
func sourceCarrier(kind v1alpha1.ChatSourceKind) corpus.Carrier {
	switch kind {
	case v1alpha1.ChatSourceListing:
		return corpus.Listing
	case v1alpha1.ChatSourceProfile:
		return corpus.Profile
	case v1alpha1.ChatSourcePDF:
		return corpus.DocumentPDF
	default:
		return corpus.ToolOutput
	}
}

// addSources adds what is described as such: it is the way of its attacks rather than a document.
func (r *run) addSources(ctx context.Context) {
	var sources []*shelf
	for i := range r.App.Chat.Sources {
		described := r.App.Chat.Sources[i]
		at := fmt.Sprintf("spec.app.chat.sources[%s]", described.Name)
		step, err := httpstep.CompileStep(described.Create)
		if err != nil {
			r.undescribed("%s.create: %v", at, err)
			continue
		}
		author, err := r.authorOf(ctx, described)
		if err != nil {
			r.unproven("%s: %s could not log in: %s.", at, described.Author, access.Plain(err))
			continue
		}
		if author == r.attacker && described.Kind == v1alpha1.ChatSourceProfile {
			r.judge.Own = append(r.judge.Own, corpus.Profile)
		}
		sources = append(sources, &shelf{
			name: described.Name, described: at, create: step, delete: &described.Delete, holds: httpstep.Content,
			question: cmp.Or(described.Control, question), author: author, carries: []corpus.Carrier{sourceCarrier(described.Kind)},
			files: described.Kind == v1alpha1.ChatSourcePDF, internal: remarked(described),
		})
	}
	if i := slices.IndexFunc(sources, func(s *shelf) bool { return s.internal }); i >= 0 {
		r.plantInternal(ctx, sources[i])
	}
	r.shelves = append(sources, r.shelves...)
}

// authorOf gives who writes a source.
func (r *run) authorOf(ctx context.Context, s v1alpha1.ChatSource) (*access.Visitor, error) {
	if s.Author == "" {
		if s.Kind == v1alpha1.ChatSourceListing && r.victim != nil {
			return r.victim, nil
		}
		return r.attacker, nil
	}
	for _, known := range []*access.Visitor{r.attacker, r.victim} {
		if known != nil && known.Identity().Name == s.Author {
			return known, nil
		}
	}
	i := slices.IndexFunc(r.App.Identities, func(i v1alpha1.Identity) bool { return i.Name == s.Author })
	if i < 0 {
		return nil, fmt.Errorf("spec.app.identities has no %s", s.Author)
	}
	return r.visitors.LogIn(ctx, r.App.Identities[i])
}

// shelfFor gives where attacks by a carrier are put; nil where there is no such place.
func (r *run) shelfFor(carrier corpus.Carrier) *shelf {
	i := slices.IndexFunc(r.shelves, func(s *shelf) bool { return slices.Contains(s.carries, carrier) })
	if i < 0 {
		return nil
	}
	return r.shelves[i]
}

// controlShelf sees that the bot reads what stands there, and how soon.
func (r *run) controlShelf(ctx context.Context, s *shelf) {
	o := r.createCode(ctx, s, s.author, canary.Hex)
	if o == nil {
		return
	}
	defer r.remove(ctx, o)
	told, lag := r.toldBack(ctx, r.attacker, o)
	if s.measured, s.lag = told, lag; told {
		r.Control("It read what %s had put into %s.", s.author, s.name)
		return
	}
	correct := s.described + ".control"
	if s.item != nil {
		correct = "leave " + s.described + ".inChat out if it does not answer from these"
	}
	r.unproven("The chatbot did not tell %s what %s had put into %s, so that attacks by what it reads would prove nothing. Correct spec.app.chat, set spec.app.indexingSeconds, or %s.",
		r.attacker, s.author, s.name, correct)
}
