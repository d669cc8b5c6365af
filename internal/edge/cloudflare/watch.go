// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"

	"github.com/launchready/launchready/internal/edge"
)

const (
	// defaultFresh is how long an observation serves all launches of a zone.
	defaultFresh = time.Minute
	// failedFor is how long a failure serves them: long enough that a crowd asks once, short enough that what was mended
	// (a permission given) is soon seen.
	failedFor = 10 * time.Second
	// observeTimeout bounds an observation, which goes on when the one who asked first goes away.
	observeTimeout = 2 * time.Minute
)

// watcher shares observations of zones.
type watcher struct {
	observe func(ctx context.Context, zone string) (edge.State, error)
	clock   clock.PassiveClock
	// fresh is how long an observation serves.
	fresh   time.Duration
	flights singleflight.Group

	mu sync.Mutex
	// changes counts what made observations of a zone worthless.
	changes map[string]uint64
	seen    map[string]sighting
}

// sighting is how an observation ended.
type sighting struct {
	state edge.State
	err   error
	at    time.Time
}

func newWatcher(observe func(context.Context, string) (edge.State, error), c clock.PassiveClock, fresh time.Duration) *watcher {
	return &watcher{observe: observe, clock: c, fresh: fresh, changes: map[string]uint64{}, seen: map[string]sighting{}}
}

// Observation gives what was observed of a zone within Options.Fresh, or observes it now, once for all who ask. The State is
// shared: it is to be read only. After a write by this client, or Invalidate, the zone is observed anew.
func (c *Client) Observation(ctx context.Context, zone string) (edge.State, error) {
	return c.watch.get(ctx, zone)
}

// Invalidate has the next Observation observe the zone.
func (c *Client) Invalidate(zone string) { c.watch.invalidate(zone) }

func zoneKey(zone string) string { return strings.ToLower(strings.TrimSuffix(zone, ".")) }

func (w *watcher) get(ctx context.Context, zone string) (edge.State, error) {
	zone = zoneKey(zone)
	last, change, fresh := w.last(zone)
	if fresh {
		return last.state, last.err
	}
	// The number of the change is in the key: who asks after a change must not be given what was observed before it.
	flight := w.flights.DoChan(fmt.Sprintf("%d %s", change, zone), func() (any, error) {
		// Others wait for the same flight: it must not end with the context of the one who asked first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), observeTimeout)
		defer cancel()
		if last, now, fresh := w.last(zone); fresh && now == change {
			return last, nil
		}
		s := sighting{at: w.clock.Now()}
		s.state, s.err = w.observe(ctx, zone)
		w.keep(zone, change, s)
		return s, nil
	})
	select {
	case <-ctx.Done():
		return edge.State{}, &edge.APIError{Kind: edge.KindTransient, Doing: "observing the zone", Err: ctx.Err()}
	case result := <-flight:
		s, ok := result.Val.(sighting)
		if !ok {
			return edge.State{}, errors.Join(errors.New("observing the zone"), result.Err)
		}
		return s.state, s.err
	}
}

// last gives what was seen of a zone last, the number of the last change, and whether it still counts.
func (w *watcher) last(zone string) (s sighting, change uint64, fresh bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.seen[zone]
	return s, w.changes[zone], ok && !w.stale(s)
}

func (w *watcher) stale(s sighting) bool {
	age := w.clock.Since(s.at)
	if s.err != nil {
		return age >= failedFor
	}
	return age >= w.fresh
}

// keep keeps what was seen, unless the zone was changed since it was asked for. What is stale of other zones is dropped.
func (w *watcher) keep(zone string, change uint64, s sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for other, seen := range w.seen {
		if w.stale(seen) {
			delete(w.seen, other)
		}
	}
	if w.changes[zone] == change {
		w.seen[zone] = s
	}
}

func (w *watcher) invalidate(zone string) {
	zone = zoneKey(zone)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes[zone]++
	delete(w.seen, zone)
}
