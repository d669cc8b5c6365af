// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/scorecard"
)

// EdgeBook is what the last look at each zone said of its launches. It is kept in memory: after a restart, zones are looked at anew.
type EdgeBook struct {
	mu      sync.Mutex
	entries map[edge.LaunchID]entry
	// changed gets the launches of which something else is found than before.
	changed chan event.TypedGenericEvent[*v1alpha1.LaunchReadiness]
}

// entry is what was found of one launch, and when.
type entry struct {
	Found
	at     time.Time
	status v1alpha1.EdgeStatus
	// drafts are the findings, to tell whether there are others than before.
	drafts []scorecard.Draft
}

// Found is what a look at a zone said of a launch.
type Found struct {
	// Evaluation of the zone; nil where it could not be read.
	Evaluation *edge.Evaluation
	// Obstacle is why it could not.
	Obstacle *EdgeObstacle
	// Failed are changes that could not be made.
	Failed []FailedChange
}

// FailedChange is a change that could not be made.
type FailedChange struct {
	Words string
	EdgeObstacle
}

// changesKept is how many launches may wait to be woken; more wait for room.
const changesKept = 1024

// NewEdgeBook gives an empty book.
func NewEdgeBook() *EdgeBook {
	return &EdgeBook{entries: map[edge.LaunchID]entry{}, changed: make(chan event.TypedGenericEvent[*v1alpha1.LaunchReadiness], changesKept)}
}

// write notes what was found for the launches of a group, and wakes those that find something new.
func (b *EdgeBook) write(ctx context.Context, g group, now time.Time, found func(member) Found) {
	for _, m := range g.members {
		e := entry{Found: found(m), at: now}
		e.status, e.drafts = e.summary(m.id()), draftsOf(e, m.id())
		b.mu.Lock()
		before, known := b.entries[m.id()]
		b.entries[m.id()] = e
		b.mu.Unlock()
		if known && equality.Semantic.DeepEqual(before.status, e.status) && equality.Semantic.DeepEqual(before.drafts, e.drafts) {
			continue
		}
		select {
		case b.changed <- event.TypedGenericEvent[*v1alpha1.LaunchReadiness]{Object: m.launch}:
		case <-ctx.Done():
		}
	}
}

// read gives what was found of a launch last.
func (b *EdgeBook) read(id edge.LaunchID) (entry, bool) {
	if b == nil {
		return entry{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[id]
	return e, ok
}

// Status gives what a launch's status is to say of its zone, if the zone was looked at.
func (b *EdgeBook) Status(id edge.LaunchID) (v1alpha1.EdgeStatus, bool) {
	e, ok := b.read(id)
	return e.status, ok
}

// forget drops a launch that is gone.
func (b *EdgeBook) forget(id edge.LaunchID) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, id)
}

// draftsOf judges what was found of a launch.
func draftsOf(e entry, id edge.LaunchID) []scorecard.Draft {
	if e.Evaluation == nil {
		return nil
	}
	l, ok := e.Evaluation.Launch(id)
	if !ok {
		return nil
	}
	return e.Evaluation.Judge(l).Drafts
}

// statusPlan is how many changes status tells of.
const (
	statusPlan      = 20
	statusPlanBytes = 256
)

// summary is what status says of a launch's edge.
func (e entry) summary(id edge.LaunchID) v1alpha1.EdgeStatus {
	if e.Obstacle != nil {
		return v1alpha1.EdgeStatus{Reason: e.Obstacle.Reason, Message: scorecard.Bounded(e.Obstacle.Message)}
	}
	l, ok := e.Evaluation.Launch(id)
	if !ok {
		return v1alpha1.EdgeStatus{}
	}
	changes, _ := e.Evaluation.PlanFor(l)
	status := v1alpha1.EdgeStatus{Drift: ptr.To(int32(len(changes)))} //nolint:gosec // bounded by the zone's size
	for _, c := range changes[:min(len(changes), statusPlan)] {
		status.Plan = append(status.Plan, shortened(c.Words, statusPlanBytes))
	}
	for _, host := range e.Evaluation.Locked(l) {
		status.Locked = append(status.Locked, v1alpha1.HostName(host))
	}
	if len(l.Refused) > 0 {
		status.Reason, status.Message = l.Refused[0].Reason, scorecard.Bounded(l.Refused[0].Message)
	}
	if len(e.Failed) > 0 {
		f := e.Failed[0]
		status.Reason, status.Message = f.Reason, scorecard.Bounded("Could not "+f.Words+". "+f.Message)
	}
	return status
}

// shortened cuts a text at a number of bytes.
func shortened(s string, most int) string {
	s = scorecard.Bounded(s)
	if len(s) <= most {
		return s
	}
	cut := most - len("…")
	for cut > 0 && s[cut]&0xC0 == 0x80 { // within a character (RFC 3629 §3)
		cut--
	}
	return s[:cut] + "…"
}
