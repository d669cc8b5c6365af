// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// gaveAway says whether a reply to an attempt gives the thing away: by its marker, which nobody else can know, or by its
// identifier at a place of the list where its owner found it.
func (r *run) gaveAway(ctx context.Context, t *thing, w way, p *person, a attempt, resp *httpstep.Response) bool {
	if t.marked(resp) {
		// A text of the app's own may stand in what was sent, and come back from there; ours never does.
		return t.mark == nil || !carriesMark(a.request, t)
	}
	if !t.holds(w, resp) || carries(a.request, t.id) {
		// What was sent may come back: an identifier that was asked for by name proves nothing.
		return false
	}
	if unguessable(t.id) {
		return true
	}
	key := t.Name + "/" + w.name + "/" + t.owner.Name + "/" + called(p)
	if r.ambiguous[key] || !r.followsOwner(ctx, t, w, p, a) {
		// The attacker has a thing of that identifier itself, by whatever trick it asks.
		r.ambiguous[key] = true
		return false
	}
	return true
}

// marked says whether the marker stands in a reply, whatever part of it.
func (t *thing) marked(resp *httpstep.Response) bool {
	return said(t.marker, resp) || t.marker.In([]byte(headerText(resp.Header))) || t.marker.In([]byte(resp.Closed.Reason))
}

// said says whether a marker stands in what a reply says, at once or piece by piece.
func said(m *marker.Marker, resp *httpstep.Response) bool {
	return m.In(resp.Body) || slices.ContainsFunc(resp.Streams(), func(text string) bool { return m.In([]byte(text)) })
}

// carries says whether a request names a text, such as an identifier.
func carries(request httpstep.Request, text string) bool {
	return strings.Contains(request.Path, text) || strings.Contains(headerText(request.Header), text) ||
		slices.ContainsFunc(request.Messages(), func(m []byte) bool { return strings.Contains(string(m), text) })
}

// unguessable says whether two things, of whatever tenants, never share an identifier. Numbers may be counted for each tenant.
func unguessable(id string) bool {
	return len(id) >= 12 && strings.ContainsFunc(id, func(c rune) bool { return c < '0' || c > '9' })
}

// followsOwner tells somebody else's identifier from an equal one of the attacker's own: it comes up in the attacker's list only
// when the owner makes one more.
func (r *run) followsOwner(ctx context.Context, t *thing, w way, p *person, a attempt) bool {
	before, err := r.send(ctx, r.carried(a, p), a.request)
	if err != nil {
		return false
	}
	fresh, err := r.create(ctx, t.resource, t.owner)
	if err != nil || fresh.holdsAt(w, before) {
		return false
	}
	deadline := time.Now().Add(2*w.delay + grace)
	for {
		after, err := r.send(ctx, r.carried(a, p), a.request)
		if err == nil && (fresh.marked(after) || fresh.holdsAt(w, after)) {
			return true
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return false
		}
		probe.Wait(ctx, pollEvery)
	}
}

// holds says whether a reply shows the thing: its marker, or at the places where the owner found it, its identifier.
func (t *thing) holds(w way, resp *httpstep.Response) bool {
	return t.marked(resp) || t.holdsAt(w, resp)
}

func (t *thing) holdsAt(w way, resp *httpstep.Response) bool {
	if len(w.places) == 0 {
		return false
	}
	found := placesOf(resp, t.id)
	return slices.ContainsFunc(found, func(place string) bool { return slices.Contains(w.places, place) })
}

func headerText(h http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		b.WriteString(strings.Join(h[name], "\n") + "\n")
	}
	return b.String()
}
