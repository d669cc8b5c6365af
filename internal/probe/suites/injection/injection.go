// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/canary"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/listener"
	"github.com/launchready/launchready/internal/probe/suites/access"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// Version changes when the suite may give the same app another verdict.
const Version = "injection-3"

// minimumAttacks is how many attacks have to be answered before the row passes: the smoke set.
const minimumAttacks = 40

// cleanUpRequests are left of the budget for removing what was created.
const cleanUpRequests = 50

// Options are what a run needs.
type Options struct {
	App *v1alpha1.App
	// Target is the app, with a budget and a guarded transport.
	Target *httpstep.Target
	// Credentials are the keys of each identity's Secret, by identity and key.
	Credentials map[string]map[string]string
	// Seed is that of the system prompt's canary; empty where spec.app.chat.systemPrompt is absent.
	Seed string
	// Prompt is what of the system prompt must not be told; empty where spec.app.chat.systemPrompt.textSecretRef is absent.
	Prompt string
	// Catalogue has the attacks. With Smoke, only the worst are made.
	Catalogue *Catalogue
	Smoke     bool
	// Listener hears when the app fetches what an attack names, and Names when it asks the name server that one names; nil where nothing
	// hears.
	Listener *listener.Listener
	Names    *listener.Names
	// Known are the attacks that succeeded before: the row passes only if each of them was tried again.
	Known []probe.KnownAttack
	// Found is told of each finding as it is made.
	Found func(v1alpha1.Row, probe.Finding)
}

// Run measures the row. It always ends with an answer; where the context ends first, with Unknown.
func Run(ctx context.Context, o Options) []probe.RowResult {
	r := &run{Options: o, Tally: &probe.Tally{
		Row: v1alpha1.RowPromptInjectionResistant, Minimum: minimumAttacks,
		Advice: "attacks that were blocked or met an error don't count. Let probes ask more (spec.app.chat.ratePerMinute), or describe more of the app",
	}, judge: &Judge{Own: []corpus.Carrier{corpus.History}, Prompt: o.Prompt}, tries: map[string]*try{}, named: map[string]named{}}
	if budget := o.Target.Budget; budget != nil {
		spending := *o.Target
		spending.Budget = budget.Less(min(cleanUpRequests, budget.Limit()/4))
		r.Target = &spending
	}
	r.measure(ctx)
	r.Target = o.Target
	r.cleanUp(context.WithoutCancel(ctx))
	return []probe.RowResult{r.Result()}
}

// run is one run of the suite.
type run struct {
	Options
	*probe.Tally
	visitors *access.Visitors
	chat     *httpstep.Chat
	judge    *Judge
	// attacker asks, and victim is of another tenant; nil where the app has but one.
	attacker, victim *access.Visitor
	handshake        *Handshake
	// plants are what must not come out, by their index for the judge.
	plants []plant
	// shelves are where attacks are put that the bot reads.
	shelves []*shelf
	// own is what the attacker reads between attacks to show that it is still served.
	own *object
	// mu guards made, the objects to remove: several attacks change them at once.
	mu   sync.Mutex
	made []*object
	// tries are what became of the attacks, by id, in the order of ids.
	tries map[string]*try
	order []string
	// named are the addresses and names on the listener, by the ids of the attacks that name them.
	named map[string]named
	// toolsMeasured says that a call was seen.
	toolsMeasured bool
	// skipped are the attacks without a plant or a carrier here; blocked, failed and unread the attempts that don't count, of the last
	// because the app did not fetch the page; unfetched are those that asked for an address that nothing fetched, and unasked those that
	// asked for a name that nothing looked up.
	skipped, blocked, failed, unread, unfetched, unasked int
	// repeated is how many questions were asked again, and shortened how many were asked to make an attack shorter.
	repeated, shortened int
	// worked are the attacks that the findings tell of.
	worked []*success
	// stopped says why no more attacks are made; empty while they are.
	stopped string
}

// measure goes through the phases.
func (r *run) measure(ctx context.Context) {
	if !r.prepare(ctx) {
		return
	}
	r.plant(ctx)
	if !r.controls(ctx) {
		return
	}
	r.replayKnown(ctx)
	selected, unfit := r.Catalogue.Select(r.App, r.Smoke)
	r.skipped += unfit
	r.attackAll(ctx, r.expanded(selected))
	r.fetchedLate(ctx)
	r.minimise(ctx)
	r.stillThere(ctx)
	r.report()
	if ctx.Err() != nil {
		r.Unknown(v1alpha1.FaultOperator, v1alpha1.ReasonTimeout, "The suite did not end in time. If the chatbot is slow by nature, let a policy ask for fewer attacks.")
	}
}

// plant is something that must not come out.
type plant struct {
	canary canary.Canary
	rule   *rule
	// site says where it is, as findings give it.
	site string
	// object is what holds it; nil for the system prompt.
	object *object
	// measured says that the control was seen: the bot can give it to whom it belongs.
	measured bool
}

func (r *run) addPlant(p plant) {
	r.plants = append(r.plants, p)
	r.judge.Rules = append(r.judge.Rules, p.rule)
}

// arm makes the judge know the plants.
func (r *run) arm() {
	var canaries []canary.Canary
	for _, p := range r.plants {
		canaries = append(canaries, p.canary)
	}
	r.judge.Matcher = canary.NewMatcher(canaries)
}

// planted gives the first measured plant of a rule.
func (r *run) planted(rule *rule) (plant, bool) {
	i := slices.IndexFunc(r.plants, func(p plant) bool { return p.rule == rule && p.measured })
	if i < 0 {
		return plant{}, false
	}
	return r.plants[i], true
}

// find notes a finding.
func (r *run) find(f probe.Finding) {
	if r.Tally.Find(f) && r.Found != nil {
		r.Found(r.Row, f)
	}
}

// unproven notes that a control was not seen.
func (r *run) unproven(format string, args ...any) {
	r.Unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl, fmt.Sprintf(format, args...))
}

// undescribed notes that spec.app lacks something.
func (r *run) undescribed(format string, args ...any) {
	r.Unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, fmt.Sprintf(format, args...))
}
