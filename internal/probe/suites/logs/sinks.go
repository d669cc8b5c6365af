// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

const (
	// sinksPatience is how long sinks get to hold what was sent: those of tracing and of errors say that they take seconds.
	sinksPatience = time.Minute
	// askings is how often a sink is asked in that time. Each wait is twice the one before.
	askings = 5
	// skew is how much the clocks of a sink and of the probe may differ.
	skew = 30 * time.Second
	// unsent is the number of a request that is never sent: who answers with its id has it from our question.
	unsent = MaxRequests
)

// Sink is a place besides the containers' logs that the app logs to.
type Sink struct {
	Name  string
	Query v1alpha1.LogQuery
	// Target is its host.
	Target *httpstep.Target
	// Credentials are the keys of its Secret.
	Credentials map[string]string
}

// asking is what is known of a sink so far.
type asking struct {
	Sink
	step     *httpstep.Step
	searcher *logmark.Searcher // of all sinks
	seen     logmark.Seen
	// told is what the last round said.
	told probe.SeenSink
	// complete says that each request was shown, and done that it is not to be asked again.
	complete, done bool
}

// askSinks asks all sinks until each has shown every request and was asked once more, for an error may come later than the line of its
// request; or long enough, for an error tracker never holds those that went well.
func (r *run) askSinks(ctx context.Context) {
	if len(r.Sinks) == 0 {
		return
	}
	searcher, err := logmark.NewSearcher(r.markers, unsent+1)
	if err != nil {
		r.Unknown(v1alpha1.FaultOperator, v1alpha1.ReasonProbeError, err.Error())
		return
	}
	var all []*asking
	for _, sink := range r.Sinks {
		all = append(all, r.begin(ctx, sink, searcher))
	}
	wait := r.patience() / (1<<(askings-1) - 1)
	for round := range askings {
		for _, a := range all {
			if !a.done {
				r.ask(ctx, a)
			}
		}
		if round == askings-1 || ctx.Err() != nil || !slices.ContainsFunc(all, func(a *asking) bool { return !a.done }) {
			break
		}
		probe.Wait(ctx, wait)
		wait *= 2
	}
	for _, a := range all {
		r.sinks = append(r.sinks, a.result())
	}
}

func (r *run) patience() time.Duration {
	if r.SinksPatience > 0 {
		return r.SinksPatience
	}
	return sinksPatience
}

// begin compiles a query. One that asks by ids shows first that it does not answer with whatever it is asked for.
func (r *run) begin(ctx context.Context, sink Sink, searcher *logmark.Searcher) *asking {
	a := &asking{Sink: sink, searcher: searcher, told: probe.SeenSink{Name: sink.Name}}
	var err error
	if a.step, err = httpstep.CompileStep(v1alpha1.HTTPStep{Request: sink.Query.Request, Expect: sink.Query.Expect}); err != nil {
		a.misdescribed(err)
		return a
	}
	if httpstep.AsksByID(sink.Query) {
		if seen := r.askFor(ctx, a, unsent); seen.Requests[unsent] {
			a.told.Problem, a.done = probe.SinkEchoes, true
		}
	}
	return a
}

func (a *asking) misdescribed(err error) {
	a.told.Problem, a.told.Detail, a.done = probe.SinkMisdescribed, err.Error(), true
}

// ask asks once for everything, or for each request.
func (r *run) ask(ctx context.Context, a *asking) {
	a.told.Problem, a.told.Status = "", 0
	if !httpstep.AsksByID(a.Query) {
		a.seen.Add(r.askFor(ctx, a, unsent))
	} else {
		for _, m := range r.marked {
			if m.Answered && (a.complete || !a.seen.Requests[m.Number]) && !a.done {
				a.seen.Add(r.askFor(ctx, a, m.Number))
			}
		}
	}
	missing := func(m probe.Marked) bool { return m.Answered && !a.seen.Requests[m.Number] }
	complete := a.told.Problem == "" && !slices.ContainsFunc(r.marked, missing)
	a.done, a.complete = a.done || (complete && a.complete), complete
}

// askFor asks for what the sink holds, where the query wants to know of which request, and searches the answer.
func (r *run) askFor(ctx context.Context, a *asking, number int) logmark.Seen {
	id, err := r.markers.Request(number)
	if err != nil {
		a.misdescribed(err)
		return logmark.Seen{}
	}
	vars := httpstep.Vars{httpstep.Since: r.started.Add(-skew).UTC().Format(time.RFC3339), httpstep.RequestID: id.UUID, httpstep.TraceID: strings.ReplaceAll(id.UUID, "-", "")}
	for key, value := range a.Credentials {
		vars["credentials."+key] = value
	}
	_, resp, err := a.step.Run(ctx, a.Target, nil, vars, nil)
	a.note(resp, err)
	if resp == nil {
		return logmark.Seen{}
	}
	// Of a search that is ended by its context, what it saw counts: the row is Unknown by then.
	seen, _ := a.searcher.Search(ctx, bytes.NewReader(resp.Body))
	return seen
}

// note notes what is wrong with an answer.
func (a *asking) note(resp *httpstep.Response, err error) {
	var missing *httpstep.MissingError
	var unexpected *httpstep.UnexpectedError
	var left *httpstep.LeftError
	switch {
	case errors.As(err, &missing):
		a.misdescribed(err)
	case errors.As(err, &unexpected):
		if unexpected.Status == http.StatusNotFound && httpstep.AsksByID(a.Query) {
			return // it holds nothing of this request
		}
		a.told.Problem, a.told.Status = probe.SinkUnexpected, unexpected.Status
	case errors.As(err, &left) && resp != nil:
		a.told.Problem, a.told.Status = probe.SinkUnexpected, resp.Status
	case err != nil:
		a.told.Problem = probe.SinkUnreachable
	case resp.Truncated:
		a.told.Problem = probe.SinkTooLong
	}
}

// result gives what was seen.
func (a *asking) result() probe.SeenSink {
	a.told.Requests = slices.Sorted(maps.Keys(a.seen.Requests))
	a.told.Leaks = a.seen.Sorted()
	return a.told
}
