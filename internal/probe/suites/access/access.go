// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// Version changes when the suite may give the same app another verdict.
const Version = "access-3"

// minimumCases is how many things have to be tried before a row passes: with fewer, hardly anything was described.
const minimumCases = 20

// maxWorkers is how many requests are under way at once, until the app says that they are too many.
const maxWorkers = 8

// cleanUpRequests are left of the budget for removing what was created: two for each thing, and logins.
const cleanUpRequests = 300

// Options are what a run needs.
type Options struct {
	App *v1alpha1.App
	// Target is the app, with a budget and a guarded transport.
	Target *httpstep.Target
	// Credentials are the keys of each identity's Secret, by identity and key.
	Credentials map[string]map[string]string
	// Found is told of each finding as it is made.
	Found func(v1alpha1.Row, probe.Finding)
	// Known are the attacks that succeeded before: a row passes only if each of them was tried again.
	Known []probe.KnownAttack
	// SignedUp is told of each account before it is made.
	SignedUp func()
	// MaxUndescribedPercent is how much of what spec.app.openAPI lists, and pages and scripts name, may be neither described nor
	// asked; DefaultMaxUndescribedPercent where it is nil.
	MaxUndescribedPercent *int32
}

// Run measures both rows. It always ends with an answer; where the context ends first, with Unknown.
func Run(ctx context.Context, o Options) []probe.RowResult {
	r := &run{
		Options: o, came: map[string][]string{}, attacked: map[string]bool{}, spentCodes: map[string]time.Time{}, cached: map[string]bool{}, ambiguous: map[string]bool{},
		rows: map[v1alpha1.Row]*probe.Tally{}, loginsLeft: new(int),
	}
	for _, name := range both {
		r.rows[name] = &probe.Tally{Row: name, Minimum: minimumCases, Advice: "describe more of the app in spec.app.resources and spec.app.adminPaths"}
	}
	r.App = o.Target.AtHome(o.App)
	*r.loginsLeft = maxProviderLogins
	r.workers.Store(maxWorkers)
	if budget := o.Target.Budget; budget != nil {
		spending := *o.Target
		spending.Budget = budget.Less(min(cleanUpRequests, budget.Limit()/4))
		r.Target = &spending
	}
	r.measure(ctx)
	r.Target = o.Target
	*r.loginsLeft += cleanUpLogins
	r.cleanUp(context.WithoutCancel(ctx))
	return []probe.RowResult{r.rows[v1alpha1.RowAuthEnforced].Result(), r.rows[v1alpha1.RowTenantIsolated].Result()}
}

// run is one run of the suite.
type run struct {
	Options
	rows      map[v1alpha1.Row]*probe.Tally
	resources []*resource
	people    []*person
	things    []*thing
	marks     []*marker.Marker
	limited   *httpstep.Expression
	baseline  baseline
	lastAlive aliveness
	// workers is how many requests are under way at once.
	workers atomic.Int32
	// attacked are the requests that were tried, as findings show them.
	attacked map[string]bool
	// owners got back what they planted, and came says by which channels, by resource.
	owners []string
	came   map[string][]string
	// cached says of a channel whether it is a cache that gives private replies to nobody.
	cached map[string]bool
	// ambiguous says that an identifier in somebody's list may be one of their own.
	ambiguous map[string]bool
	// pages are the administrative paths that tell something, and unmeasuredAdmin says that one could not be judged.
	pages           []adminPage
	unmeasuredAdmin bool
	// spentCodes are until when the last one-time passwords last, by identity and key: each is good for one login.
	spentCodes map[string]time.Time
	// newcomers are the accounts that the run signed up, and signUps is how often it tried.
	newcomers []*person
	signUps   int
	// loginsLeft is how many more logins an identity provider may be asked for.
	loginsLeft *int
}

// measure goes through the phases: those that end sessions come last.
func (r *run) measure(ctx context.Context) {
	if !r.prepare(ctx) {
		return
	}
	r.plant(ctx)
	r.attackReads(ctx)
	r.attackWrites(ctx)
	r.attackOperations(ctx)
	r.cameBackControl()
	r.attackAdmin(ctx)
	r.attackAccounts(ctx)
	r.replayKnown(ctx)
	if t := r.witness(ctx); t != nil {
		r.attackCredentials(ctx, t)
		r.attackSessions(ctx, t)
	}
	r.missKnown()
	if err := ctx.Err(); err != nil {
		r.unknown(v1alpha1.FaultOperator, v1alpha1.ReasonTimeout, "The suite did not end in time. If the app is slow by nature, describe fewer resources.", both...)
	}
}

var both = []v1alpha1.Row{v1alpha1.RowAuthEnforced, v1alpha1.RowTenantIsolated}

// unknown notes that something could not be measured.
func (r *run) unknown(fault v1alpha1.Fault, reason, message string, rows ...v1alpha1.Row) {
	for _, name := range rows {
		r.rows[name].Unknown(fault, reason, message)
	}
}

// find notes a finding, once.
func (r *run) find(name v1alpha1.Row, f probe.Finding) {
	if r.rows[name].Find(f) && r.Found != nil {
		r.Found(name, f)
	}
}

// tried counts a case, and notes the requests, as findings show them, that it was made of.
func (r *run) tried(name v1alpha1.Row, shown ...string) {
	r.rows[name].Cases++
	for _, s := range shown {
		r.attacked[s] = true
	}
}

func (r *run) control(name v1alpha1.Row, format string, args ...any) {
	r.rows[name].Control(format, args...)
}
