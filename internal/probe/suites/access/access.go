// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
		rows: map[v1alpha1.Row]*row{
			v1alpha1.RowAuthEnforced:   {name: v1alpha1.RowAuthEnforced},
			v1alpha1.RowTenantIsolated: {name: v1alpha1.RowTenantIsolated},
		},
	}
	r.workers.Store(maxWorkers)
	if budget := o.Target.Budget; budget != nil {
		spending := *o.Target
		spending.Budget = budget.Less(min(cleanUpRequests, budget.Limit()/4))
		r.Target = &spending
	}
	r.measure(ctx)
	r.Target = o.Target
	r.cleanUp(context.WithoutCancel(ctx))
	return []probe.RowResult{r.rows[v1alpha1.RowAuthEnforced].result(), r.rows[v1alpha1.RowTenantIsolated].result()}
}

// run is one run of the suite.
type run struct {
	Options
	rows      map[v1alpha1.Row]*row
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

// row gathers what was found about a row.
type row struct {
	name     v1alpha1.Row
	cases    int32
	findings []probe.Finding
	unknowns []unmeasured
	controls []string
	na       string
}

// unmeasured is a part of a row that could not be measured.
type unmeasured struct {
	fault           v1alpha1.Fault
	reason, message string
}

// unknown notes that something could not be measured.
func (r *run) unknown(fault v1alpha1.Fault, reason, message string, rows ...v1alpha1.Row) {
	for _, name := range rows {
		u := unmeasured{fault: fault, reason: reason, message: message}
		if !slices.Contains(r.rows[name].unknowns, u) {
			r.rows[name].unknowns = append(r.rows[name].unknowns, u)
		}
	}
}

// find notes a finding, once.
func (r *run) find(name v1alpha1.Row, f probe.Finding) {
	for _, had := range r.rows[name].findings {
		if had.Rule == f.Rule && had.Place == f.Place {
			return
		}
	}
	r.rows[name].findings = append(r.rows[name].findings, f)
	if r.Found != nil {
		r.Found(name, f)
	}
}

// tried counts a case, and notes the requests, as findings show them, that it was made of.
func (r *run) tried(name v1alpha1.Row, shown ...string) {
	r.rows[name].cases++
	for _, s := range shown {
		r.attacked[s] = true
	}
}

func (r *run) control(name v1alpha1.Row, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(r.rows[name].controls, text) {
		r.rows[name].controls = append(r.rows[name].controls, text)
	}
}

// result gives the row's answer: a finding fails it, whatever else could not be measured.
func (w *row) result() probe.RowResult {
	result := probe.RowResult{Row: w.name, Cases: w.cases, Findings: w.findings, Control: strings.Join(w.controls, " ")}
	fails := slices.ContainsFunc(w.findings, func(f probe.Finding) bool { return f.Severity != v1alpha1.SeverityLow })
	switch {
	case fails:
		result.Verdict = v1alpha1.VerdictFail
	case len(w.unknowns) > 0:
		u := w.unknowns[0]
		result.Verdict, result.Fault, result.Reason, result.Message = v1alpha1.VerdictUnknown, u.fault, u.reason, u.message
		if n := len(w.unknowns) - 1; n > 0 {
			result.Message += fmt.Sprintf(" (and %d more)", n)
		}
	case w.na != "":
		result.Verdict, result.Reason, result.Message = v1alpha1.VerdictNotApplicable, v1alpha1.ReasonNotApplicable, w.na
	case w.cases < minimumCases || len(w.controls) == 0:
		result.Verdict, result.Fault, result.Reason = v1alpha1.VerdictUnknown, v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl
		result.Message = fmt.Sprintf("Only %d cases could be tried, of at least %d: describe more of the app in spec.app.resources and spec.app.adminPaths.", w.cases, minimumCases)
	default:
		result.Verdict, result.Reason = v1alpha1.VerdictPass, v1alpha1.ReasonPassed
	}
	return result
}

// within waits, or until the context ends.
func within(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
