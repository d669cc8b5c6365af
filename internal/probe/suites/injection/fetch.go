// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"context"
	"time"

	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// fetchPatience is how long after the last attack the app may still fetch what one named: previews are made behind a queue.
const fetchPatience = 2 * time.Second

// named are what an attack names on the listener; empty where it names nothing there.
type named struct {
	// address must not be fetched, and page holds the attack.
	address, page string
}

// names makes the addresses that an attack names.
func (r *run) names(a corpus.Attack) (n named) {
	if r.Listener == nil {
		return n
	}
	if a.Goal == corpus.Fetch {
		n.address = r.Listener.Address()
	}
	if a.Carrier == corpus.URL {
		n.page = r.Listener.Address()
	}
	return n
}

// fetched gives what the app has fetched for an attack: all that the listener has is inside the cluster, where nobody may lead the app by
// a text.
func (r *run) fetched(a corpus.Attack) (leaks []leak) {
	n := r.named[a.ID]
	for _, address := range []string{n.address, n.page} {
		if address != "" && r.Listener.Fetched(address) {
			leaks = append(leaks, leak{rule: &internalFetch, plant: -1})
		}
	}
	return leaks[:min(len(leaks), 1)]
}

// fetchedLate takes what was fetched once an attack was over.
func (r *run) fetchedLate(ctx context.Context) {
	if len(r.named) == 0 || r.Listener == nil {
		return
	}
	probe.Wait(ctx, fetchPatience)
	for _, id := range r.order {
		if t := r.tries[id]; t.leaked == 0 {
			if leaks := r.fetched(t.attack); len(leaks) > 0 {
				t.answered, t.leaked, t.leaks = t.answered+1, 1, append(t.leaks, leaks...)
			}
		}
	}
}
