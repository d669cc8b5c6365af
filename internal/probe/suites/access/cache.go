// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// grace is what is added to the time in which a thing came back to its owner, before its absence means anything.
const grace = 200 * time.Millisecond

// asNobody says whether an attempt gives the thing away without any credentials.
func (r *run) asNobody(ctx context.Context, t *thing, w way, a attempt) bool {
	resp, err := r.send(ctx, session{}, a.request)
	return err == nil && t.holds(w, resp)
}

// onlyCached says whether nobody gets at a thing that its owner has not asked for: then it was a cache that gave the other one
// away. It is a property of the channel, found out once.
func (r *run) onlyCached(ctx context.Context, t *thing, w way, a attempt) bool {
	if a.request.Socket != nil {
		return false // no cache keeps what comes over a WebSocket
	}
	key := t.Name + "/" + w.name + "/" + a.rule.name
	cached, known := r.cached[key]
	if !known {
		cached = r.needsOwner(ctx, t, w, a)
		r.cached[key] = cached
	}
	return cached
}

// needsOwner says whether nobody is refused a thing that nobody has asked for before.
func (r *run) needsOwner(ctx context.Context, t *thing, w way, a attempt) bool {
	fresh, err := r.create(ctx, t.resource, t.owner)
	if err != nil {
		return false
	}
	again, ok := sameOf(a, t, fresh, w)
	if !ok {
		return false
	}
	deadline := time.Now().Add(2*w.delay + grace)
	for !r.asNobody(ctx, fresh, w, attempt{request: again}) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		probe.Wait(ctx, pollEvery)
	}
	return false
}

// sameOf gives the request of an attempt for another thing. It says whether that makes a difference: a list is asked for without
// an identifier, but anything else has to change.
func sameOf(a attempt, old, fresh *thing, w way) (httpstep.Request, bool) {
	swap := func(text string) string {
		for _, spelt := range []func(string) string{func(id string) string { return id }, strings.ToUpper, encodedFirst} {
			text = replaceWord(text, spelt(old.id), spelt(fresh.id))
		}
		return strings.ReplaceAll(text, old.marker.Term, fresh.marker.Term)
	}
	again := a.request.Clone()
	changed := false
	put := func(text string) string {
		with := swap(text)
		changed = changed || with != text
		return with
	}
	again.Path = put(again.Path)
	again.Body = []byte(put(string(again.Body)))
	if again.Socket != nil {
		for i, m := range again.Socket.Before {
			again.Socket.Before[i].Text = []byte(put(string(m.Text)))
		}
	}
	for name, values := range again.Header {
		for i, value := range values {
			again.Header[name][i] = put(value)
		}
	}
	return again, changed || !w.byID
}

// cacheSuffixes make a path look like a static file's (PortSwigger, "Gotta cache 'em all", 2024).
var cacheSuffixes = []string{"/x.css", ".css", ";x.css", "%2fx.css", "%0ax.css", "%3fx.css", "/..%2fx.css"}

// attackCache lets the owner ask for its thing as if that were a static file, and then nobody: a cache in front may go by the
// path's end ("web cache deception", CWE-525). What nobody is shown unasked is no cache's doing.
func (r *run) attackCache(ctx context.Context, t *thing) {
	w := t.ways[0]
	request, err := t.request(w, t.owner)
	if err != nil || request.Method != http.MethodGet || request.Socket != nil {
		return
	}
	path, _, _ := strings.Cut(request.Path, "?")
	for _, end := range cacheSuffixes {
		a := attempt{
			rule: cachedReply, request: on(request, "", path+end).request, shown: Shown(w.request),
			trick: "with " + end + " behind it, after its owner had asked so",
		}
		r.tried(a.rule.row, a.shown)
		resp, err := r.send(ctx, t.owner.session, a.request)
		if err != nil || !t.holds(w, resp) || !r.asNobody(ctx, t, w, a) {
			continue
		}
		if r.needsOwner(ctx, t, w, a) {
			r.find(a.rule.row, r.finding(a, nobody, fmt.Sprintf("a cache gave nobody what %s had planted", t.owner)))
			return
		}
	}
}
