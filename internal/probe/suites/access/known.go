// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/openapi"
)

// replays is how often everybody asks a chatbot again that has once told somebody too much: a model may keep silent by chance.
const replays = 30

// chatReplays gives how often somebody asks for one thing of each kind, so that the replays come together over all kinds.
func (r *run) chatReplays(told []*thing) int {
	if !knowsChatLeak(r.Known) {
		return 1
	}
	kinds := map[*resource]bool{}
	for _, t := range told {
		kinds[t.resource] = true
	}
	return (replays + len(kinds) - 1) / max(len(kinds), 1)
}

func knowsChatLeak(known []probe.KnownAttack) bool {
	return slices.ContainsFunc(known, func(k probe.KnownAttack) bool { return k.Rule == chatLeaks.name })
}

// replayKnown sends what gave something away before, and is no part of the description any more. Where it is still there, leaving it
// out of the description mends nothing.
func (r *run) replayKnown(ctx context.Context) {
	for _, k := range r.Known {
		method, path, _ := strings.Cut(k.Request, " ")
		if r.attacked[k.Request] || (method != http.MethodGet && method != http.MethodHead) || r.stillDescribed(k.Request) {
			continue
		}
		gone := true
		paths := r.filled(path)
		for _, path := range paths {
			described := v1alpha1.HTTPRequest{Method: v1alpha1.HTTPMethod(method), Path: v1alpha1.RequestPath(path)}
			gone = r.isGone(ctx, described) && gone
		}
		if gone && len(paths) > 0 {
			r.tried(k.Row, k.Request)
		}
	}
}

// filled gives what a path stands for. Operations of a document, and routes that pages name, have {names}, of which those of tenants are
// known; and they may be shortened. There is none where another can't be told.
func (r *run) filled(path string) []string {
	switch o := (&operation{path: path}); {
	case strings.HasSuffix(path, "...") || !onlyTenants(o):
		return nil
	case len(openapi.Parameters(path)) == 0:
		return []string{path}
	}
	var paths []string
	for _, p := range r.people {
		filled := openapi.Fill(path, func(name string) string { return escaped(p.tenantAs(name)) })
		if !slices.Contains(paths, filled) {
			paths = append(paths, filled)
		}
	}
	return paths
}

// stillDescribed says whether a request is one that accounts begin or end by: those are tried last.
func (r *run) stillDescribed(shown string) bool {
	var steps []v1alpha1.HTTPStep
	if r.App.Login != nil {
		steps = append(steps, r.App.Login.Steps...)
		if r.App.Login.Refresh != nil {
			steps = append(steps, *r.App.Login.Refresh)
		}
	}
	return slices.ContainsFunc(steps, func(s v1alpha1.HTTPStep) bool { return s.Request.Host == "" && Shown(s.Request) == shown })
}

// isGone asks as nobody and as everybody, for all that was planted, and says whether nobody gets an answer. What somebody gets of
// others is a finding.
func (r *run) isGone(ctx context.Context, described v1alpha1.HTTPRequest) bool {
	gone := true
	for _, t := range r.things {
		if len(t.ways) == 0 {
			continue
		}
		for _, p := range append([]*person{nil}, r.people...) {
			request, err := httpstep.Prepare(described, t.vars(p))
			if err != nil {
				return false
			}
			resp, err := r.send(ctx, r.carried(attempt{}, p), request)
			switch {
			case fatal(err):
				return false
			case err != nil || resp.Status >= http.StatusMultipleChoices || r.baseline.shell(request.Path, resp):
				continue
			}
			gone = false
			if p != t.owner && (p == nil || !r.entitled(p, t)) && t.marked(resp) {
				a := attempt{rule: rulesFor(way{byID: true}, p).plain, request: request, shown: Shown(described)}
				r.find(a.rule.row, r.finding(a, called(p), fmt.Sprintf("%s got what %s had planted, by what is described no more", called(p), t.owner)))
			}
		}
	}
	return gone
}

// missKnown says which attacks that succeeded before were not tried: that nothing was found says nothing of them.
func (r *run) missKnown() {
	for _, k := range r.Known {
		if r.attacked[k.Request] || r.rows[k.Row] == nil {
			continue
		}
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonKnownAttackNotTried, fmt.Sprintf(
			"%s succeeded before (%s), and could not be tried again: it is described no more, or could not be measured, and the app may still answer it. Describe it again in spec.app, or take it out of the app.",
			k.Request, k.Rule), k.Row)
	}
}
