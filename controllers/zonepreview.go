// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
)

// Preview is what a zone would be changed by for one launch.
type Preview struct {
	Zone    edge.Zone
	Mode    v1alpha1.EdgeMode
	Changes []edge.Change
	Notes   []edge.Note
}

// Preview looks at the zone of a launch and gives what would be changed for it. It writes nothing, neither to Cloudflare nor to the
// cluster.
func (r *ZoneReconciler) Preview(ctx context.Context, key client.ObjectKey) (Preview, error) {
	var lr v1alpha1.LaunchReadiness
	if err := r.Client.Get(ctx, key, &lr); err != nil {
		return Preview{}, err
	}
	zone := zoneOf(&lr)
	if zone == "" {
		return Preview{}, fmt.Errorf("LaunchReadiness %s has no spec.cloudflare: give it the zone that its hosts are in", key)
	}
	launches, err := r.launchesIn(ctx, zone)
	if err != nil {
		return Preview{}, err
	}
	ledger, err := r.readLedger(ctx, zone)
	if err != nil {
		return Preview{}, err
	}
	groups, err := r.groups(ctx, zone, launches, ledger.Ledger)
	if err != nil {
		return Preview{}, err
	}
	i := slices.IndexFunc(groups, func(g group) bool {
		return slices.ContainsFunc(g.members, func(m member) bool { return client.ObjectKeyFromObject(m.launch) == key })
	})
	if i < 0 {
		return Preview{}, fmt.Errorf("LaunchReadiness %s is being deleted, and has nothing in the zone %s", key, zone)
	}
	return r.preview(ctx, groups[i], ledger.Ledger, edge.LaunchID{Namespace: key.Namespace, Name: key.Name})
}

func (r *ZoneReconciler) preview(ctx context.Context, g group, ledger edge.Ledger, id edge.LaunchID) (Preview, error) {
	if g.obstacle != nil {
		return Preview{}, fmt.Errorf("%s: %s", g.obstacle.Reason, g.obstacle.Message)
	}
	token, o, err := r.token(ctx, g)
	if err != nil {
		return Preview{}, err
	}
	if o != nil {
		return Preview{}, fmt.Errorf("%s: %s", o.Reason, o.Message)
	}
	api, err := r.API(token)
	if err != nil {
		return Preview{}, err
	}
	state, err := api.Observation(ctx, g.zone)
	if err != nil {
		o := obstacleOf(err, g.zone)
		return Preview{}, fmt.Errorf("%s: %s", o.Reason, o.Message)
	}
	in, err := r.input(ctx, g, state, ledger)
	if err != nil {
		return Preview{}, err
	}
	evaluation := edge.Evaluate(in, state)
	l, _ := evaluation.Launch(id)
	changes, notes := evaluation.PlanFor(l)
	return Preview{Zone: state.Zone, Mode: l.Mode(), Changes: changes, Notes: notes}, nil
}
