// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

const (
	// rulesVersion changes when the same workload may get another verdict: verdicts of older rules are Stale then.
	rulesVersion = "static-1"
	// defaultMinimumHistory stands in where a policy says nothing (LaunchPolicy, thresholds.minimumRevisionHistory).
	defaultMinimumHistory = 2
	// maxTold is how many workloads the control tells of one by one.
	maxTold = 3
	// patience is how long a measurement waits in all for controllers that have just been given a new spec. They need
	// tens of milliseconds, a few seconds when busy; without the wait each rollout would begin with an Unknown row.
	patience = 3 * time.Second
	// glance is the time between two looks: they go to the cache.
	glance = 50 * time.Millisecond
)

// Check measures RollbackReady.
type Check struct {
	cached client.Reader
	live   client.Reader
	// key is a function, so that no dump of a Check shows the key.
	key func() []byte
}

// New gives a check. It reads Deployments, StatefulSets, DaemonSets, ReplicaSets and ControllerRevisions through
// cached. It reads Secrets, ConfigMaps and Rollouts of Argo through live, by get alone, which must not be a cache: a
// cache of Secrets would keep every value in memory. The key is the operator's own, for fingerprints.
func New(cached, live client.Reader, key []byte) *Check {
	own := slices.Clone(key)
	return &Check{cached: cached, live: live, key: func() []byte { return own }}
}

// Row that is measured.
func (c *Check) Row() v1alpha1.Row { return v1alpha1.RowRollbackReady }

// inputs are what a verdict depends on besides the revision, which covers the pod templates but neither how many pods
// there are nor how they are replaced.
type inputs struct {
	Rules          string  `json:"rules"`
	MinimumHistory int32   `json:"minimumHistory"`
	Workloads      []input `json:"workloads"`
}

type input struct {
	Kind         v1alpha1.WorkloadKind `json:"kind"`
	Name         string                `json:"name"`
	HistoryLimit int32                 `json:"historyLimit"`
	Strategy     string                `json:"strategy"`
	Replicas     string                `json:"replicas"`
}

// Inputs are what a verdict depends on besides the revision.
func (c *Check) Inputs(app *launch.App) any {
	in := inputs{Rules: rulesVersion, MinimumHistory: minimumHistory(app)}
	for _, w := range app.Workloads {
		in.Workloads = append(in.Workloads, input{
			Kind: w.Ref.Kind, Name: w.Ref.Name, HistoryLimit: w.RevisionHistoryLimit, Strategy: w.Strategy, Replicas: replicas(w),
		})
	}
	return in
}

// replicas says no more of a count than a verdict depends on, so that an autoscaler does not make verdicts Stale.
func replicas(w launch.Workload) string {
	switch {
	case w.Ref.Kind == v1alpha1.KindDaemonSet || w.Ref.Kind == v1alpha1.KindRollout:
		return "any"
	case w.Replicas == 1:
		return "one"
	default:
		return "other"
	}
}

func minimumHistory(app *launch.App) int32 {
	if t := app.Policy.Thresholds; t != nil && t.MinimumRevisionHistory != nil {
		return *t.MinimumRevisionHistory
	}
	return defaultMinimumHistory
}

// Measure looks at every workload of the app. A workload that could not be looked at leaves the row without a verdict,
// whatever the others gave: a waiver of what was found must not cover what was not looked at.
func (c *Check) Measure(ctx context.Context, app *launch.App) scorecard.Outcome {
	if len(app.Workloads) == 0 {
		return scorecard.Unmeasured(c.Row(), v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
			"The launch has no workload to roll back. List its workloads in spec.workloads.")
	}
	m := &measurement{Check: c, minimumHistory: minimumHistory(app), objects: map[object]keys{}, waitsUntil: time.Now().Add(patience)}
	var missed []*unmeasuredError
	for _, w := range app.Workloads {
		if err := m.workload(ctx, w); err != nil {
			missed = append(missed, asUnmeasured(w, err))
		}
	}
	if len(missed) > 0 {
		return m.unmeasured(missed)
	}
	return scorecard.Judged(c.Row(), m.cases, m.control(), m.findings, reasonFor)
}

// measurement is one run of the check.
type measurement struct {
	*Check
	minimumHistory int32
	// waitsUntil is when patience with lagging controllers ends.
	waitsUntil time.Time
	// objects are those that were got, so that each is got once.
	objects  map[object]keys
	findings []scorecard.Finding
	cases    int32
	// told is a sentence on each workload, for the control.
	told []string
}

// workload looks at one workload.
func (m *measurement) workload(ctx context.Context, w launch.Workload) error {
	s, h, err := m.settled(ctx, w)
	if err != nil {
		return err
	}
	m.told = append(m.told, h.tell(s))
	m.historyKept(s)
	m.previousThere(s, h)
	m.notPaused(s)
	m.takesOver(s)
	m.seesReadiness(s, h)
	m.namesImages(s, h)
	return m.references(ctx, s, h)
}

// settled reads a workload and its history, once its controller has dealt with the newest spec.
func (m *measurement) settled(ctx context.Context, w launch.Workload) (state, history, error) {
	for {
		s, h, err := m.look(ctx, w)
		var missed *unmeasuredError
		if !errors.As(err, &missed) || !missed.passing || time.Now().After(m.waitsUntil) {
			return s, h, err
		}
		select {
		case <-ctx.Done():
			return s, h, err
		case <-time.After(glance):
		}
	}
}

// look reads a workload and its history as they are.
func (m *measurement) look(ctx context.Context, w launch.Workload) (state, history, error) {
	s, err := m.read(ctx, w)
	if err != nil {
		return s, history{}, err
	}
	revisions, err := m.revisions(ctx, w)
	if err != nil {
		return s, history{}, err
	}
	h, err := s.history(revisions)
	return s, h, err
}

func (m *measurement) add(d scorecard.Draft) {
	m.findings = append(m.findings, scorecard.NewFinding(m.key(), d))
}

// control tells what was seen: the revision that runs, by the look-up that found the one to go back to.
func (m *measurement) control() string {
	told := m.told
	rest := ""
	if len(told) > maxTold {
		rest = fmt.Sprintf(" So were those of %d more workloads.", len(told)-maxTold)
		told = told[:maxTold]
	}
	return "The revision that runs was found by the same look-up as the one to go back to: " + strings.Join(told, "; ") + "." + rest
}

// unmeasured tells of one workload that could not be looked at. What the app is the cause of comes first: it must not
// hide behind a fault of the operator, which gives grace.
func (m *measurement) unmeasured(missed []*unmeasuredError) scorecard.Outcome {
	first := slices.MinFunc(missed, func(a, b *unmeasuredError) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.message, b.message))
	})
	message := first.message
	failing := slices.DeleteFunc(slices.Clone(m.findings), func(f scorecard.Finding) bool { return !f.Fails() })
	if len(failing) > 0 {
		worst := slices.MinFunc(failing, func(a, b scorecard.Finding) int { return scorecard.CompareFindings(a.API(), b.API()) }).API()
		message = fmt.Sprintf("%s Already found: %s: %s", message, worst.Place, worst.Message)
	}
	return scorecard.Unmeasured(m.Row(), first.fault, first.reason, message)
}
