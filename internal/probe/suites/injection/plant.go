// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"context"
	"slices"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/canary"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/suites/access"
)

// pollEvery is how long to wait until a bot is asked again for what it may not have indexed yet.
const pollEvery = time.Second

// shelf is a kind of thing that the bot answers from, and that its user can put texts on.
type shelf struct {
	v1alpha1.Resource
	create *httpstep.Step
}

// object is a thing that the run has created.
type object struct {
	*shelf
	owner *access.Visitor
	id    string
	// term may be asked for; secret is what only somebody who reads the object knows.
	term   string
	secret canary.Canary
}

// plant puts canaries where the bot keeps what is not for everybody.
func (r *run) plant(ctx context.Context) {
	if r.Seed != "" {
		handshake, err := NewHandshake(r.Seed)
		if err != nil {
			r.undescribed("spec.app.chat.systemPrompt: %v", err)
		} else {
			r.handshake = handshake
			r.addPlant(plant{canary: handshake.Secret, rule: &systemPromptLeaked, site: "the system prompt"})
		}
	}
	for i := range r.App.Resources {
		described := r.App.Resources[i]
		if described.Mark != "" {
			continue
		}
		step, err := httpstep.CompileStep(described.Create)
		if err != nil {
			r.undescribed("spec.app.resources[%s].create: %v", described.Name, err)
			continue
		}
		s := &shelf{Resource: described, create: step}
		if r.own == nil {
			r.own = r.createCode(ctx, s, r.attacker)
		}
		if described.InChat != v1alpha1.InChatExpected {
			continue
		}
		if r.library == nil {
			r.library, r.shelved = s, r.createCode(ctx, s, r.attacker)
		}
		if r.victim == nil {
			continue
		}
		if o := r.createCode(ctx, s, r.victim); o != nil {
			r.addPlant(plant{canary: o.secret, rule: &foreignContent, site: described.Name + " of another tenant", object: o})
		}
	}
	r.arm()
}

// createCode creates a thing that holds a canary, or notes that it could not.
func (r *run) createCode(ctx context.Context, s *shelf, owner *access.Visitor) *object {
	term, secret := marker.New().Term, canary.New(s.Name)
	o, err := r.create(ctx, s, owner, "Code "+term+" is "+secret.Hex)
	if err != nil {
		r.unproven("%s could not create one of %s: %s. Correct spec.app.resources[%s].create.", owner.Identity().Name, s.Name, access.Plain(err), s.Name)
		return nil
	}
	o.term, o.secret = term, secret
	return o
}

// create creates a thing with a text.
func (r *run) create(ctx context.Context, s *shelf, owner *access.Visitor, text string) (*object, error) {
	captured, err := owner.Run(ctx, s.create, httpstep.Vars{httpstep.Canary: text})
	if err != nil {
		return nil, err
	}
	o := &object{shelf: s, owner: owner, id: captured[httpstep.ID]}
	r.keep(o)
	return o, nil
}

// keep notes what has to be removed in the end.
func (r *run) keep(o *object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made = append(r.made, o)
}

// remove removes a thing, where the description says how.
func (r *run) remove(ctx context.Context, o *object) {
	if o == nil || o.Delete == nil {
		return
	}
	request, err := httpstep.Prepare(*o.Delete, o.owner.Vars().With(httpstep.Vars{httpstep.ID: o.id}))
	if err != nil {
		return
	}
	resp, err := o.owner.Send(ctx, request)
	if err != nil || resp.Status >= 400 {
		return // it is tried again in the end
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made = slices.DeleteFunc(r.made, func(made *object) bool { return made == o })
}

// cleanUpPatience is how long the removal may take in all.
const cleanUpPatience = 10 * time.Second

// cleanUp removes what the run has created, where the description says how.
func (r *run) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cleanUpPatience)
	defer cancel()
	for _, o := range slices.Clone(r.made) {
		r.remove(ctx, o)
	}
}
