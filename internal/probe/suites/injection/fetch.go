// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"context"
	"slices"
	"time"

	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// fetchPatience is how long after the last attack the app may still fetch what one named: previews are made behind a queue.
const fetchPatience = 2 * time.Second

// named are what an attack names on the listener; empty where it names nothing there.
type named struct {
	// address must not be fetched, nor name be looked up, and page holds the attack.
	address, name, page string
}

// hears says whether what an attack with these placeholders leads to would be heard. The listener has a number, and no name: what the
// app's own resolver looks up is heard by nobody. The name server may not have the usual port.
func (r *run) hears(needs []string) bool {
	switch {
	case slices.Contains(needs, corpus.DNSName), slices.Contains(needs, corpus.Address) && r.Listener == nil:
		return false
	case !slices.Contains(needs, corpus.Name):
		return r.Listener != nil
	}
	return r.Names != nil && (r.Names.Usual() || slices.Contains(needs, corpus.NamePort))
}

// names makes the addresses that an attack names.
func (r *run) names(a corpus.Attack) (n named) {
	needs := a.Needs()
	if a.Goal == corpus.Fetch && slices.Contains(needs, corpus.Address) {
		n.address = r.Listener.Address()
	}
	if slices.Contains(needs, corpus.Name) {
		n.name = r.Names.Name()
	}
	if a.Carrier == corpus.URL {
		n.page = r.Listener.Address()
	}
	return n
}

// fetched gives what the app has fetched and looked up for an attack: all that the listener has is inside the cluster, where nobody may
// lead the app by a text, and so is its name server.
func (r *run) fetched(a corpus.Attack) (leaks []leak) {
	n := r.named[a.ID]
	for _, address := range []string{n.address, n.page} {
		if address != "" && r.Listener.Fetched(address) && len(leaks) == 0 {
			leaks = append(leaks, leak{rule: &internalFetch, plant: -1})
		}
	}
	if n.name != "" && r.Names.Asked(n.name) {
		leaks = append(leaks, leak{rule: &namesAsked, plant: -1})
	}
	return leaks
}

// fetchedLate takes what was fetched or looked up once an attack was over.
func (r *run) fetchedLate(ctx context.Context) {
	if len(r.named) == 0 {
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
