// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// replays is how often an attack is made again that has once succeeded: what leaks 1 time in 10 stays silent 30 times with a
// probability of 4 %.
const replays = 30

// attackPrefix begins what a known attack is known by, before the attack's id.
const attackPrefix = "attack "

// replayKnown makes the attacks first that have succeeded before. One that can't be made any more keeps the row from passing. Of those
// about a fetch it is known that the app could make it.
func (r *run) replayKnown(ctx context.Context) {
	for _, k := range r.Known {
		id, _ := strings.CutPrefix(k.Request, attackPrefix)
		a, ok := r.Catalogue.Find(id)
		if ok && fits(r.App, a) {
			if expanded := r.expanded([]corpus.Attack{a}); len(expanded) > 0 {
				r.attackTimes(ctx, expanded[0], replays)
			}
		}
		if !ok {
			r.Unknown(v1alpha1.FaultApp, v1alpha1.ReasonKnownAttackNotTried, goneMessage(id, k.Rule))
			continue
		}
		had := r.tries[id]
		if had == nil || (had.leaked == 0 && had.answered+had.unheard < replays) {
			r.Unknown(v1alpha1.FaultApp, v1alpha1.ReasonKnownAttackNotTried, fmt.Sprintf(
				"The attack %s succeeded before (%s), and could not be made %d times again: what it needs is described no more, or the app did not answer. Describe it again in spec.app.", id, k.Rule, replays))
		}
	}
}

// attackTimes makes one attack several times, until something comes out.
func (r *run) attackTimes(ctx context.Context, a corpus.Attack, times int) {
	for some := range slices.Chunk(slices.Repeat([]corpus.Attack{a}, times), batch) {
		if r.stopped != "" || ctx.Err() != nil || !r.counted(ctx, some) || r.tries[a.ID].leaked > 0 {
			return
		}
	}
}
