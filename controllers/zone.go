// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
)

// ZoneAPI is what is asked of Cloudflare with one token.
type ZoneAPI interface {
	edge.API
	// Observation gives what a zone holds, as it was at most a minute ago, or as it is if it was invalidated since. It is not changed.
	Observation(ctx context.Context, zone string) (edge.State, error)
	// Invalidate says that the zone was changed.
	Invalidate(zone string)
}

// NameServers tell of names that don't exist.
type NameServers interface {
	// Nonexistent says whether every one of a zone's name servers says that a host doesn't exist. An error proves nothing.
	Nonexistent(ctx context.Context, zone string, nameServers []string, host string) (bool, error)
}

// Origins are tried before the edge is told to be strict with them.
type Origins interface {
	// Try makes one TLS handshake with an origin, by the name of a host, and judges the certificate as a strict edge would.
	Try(ctx context.Context, origin edge.Target, host string) edge.Preflight
}

// ZoneReconciler keeps zones of Cloudflare as the launches in them want them. A zone is synced by one worker at a time.
type ZoneReconciler struct {
	Client client.Client
	// Live reads Secrets and ConfigMaps, by get alone.
	Live client.Reader
	// Namespace of the operator, where the ledgers are and the Secrets of policies' credentials.
	Namespace string
	// API gives what is asked with a token.
	API func(token string) (ZoneAPI, error)
	// Names and Origins are asked before a host is locked, or its edge strict.
	Names   NameServers
	Origins Origins
	// Key signs what lets probes through locks.
	Key []byte
	// Installation tells this operator's marks from those of others.
	Installation func(ctx context.Context) (string, error)
	// Interval is how often a zone is looked at without an event.
	Interval time.Duration
	Clock    clock.PassiveClock
	Events   events.EventRecorder
	// Book is where launches read what was found.
	Book *EdgeBook
}

// ZoneRequest names a zone.
type ZoneRequest struct{ Zone string }

const (
	// rounds is how often a zone is observed and changed in one pass: the second finds that all is done, the third takes away what
	// had to stay until then.
	rounds = 3
	// patienceOfLeaving is how long a launch that is deleted waits for Cloudflare before it goes, and leaves behind what is its.
	patienceOfLeaving = 10 * time.Minute
	// unreachablePause is how soon a zone is tried again that could not be read or written.
	unreachablePause = 15 * time.Second
)

// Reconcile brings a zone to what its launches want, and tells them what was found.
func (r *ZoneReconciler) Reconcile(ctx context.Context, req ZoneRequest) (ctrl.Result, error) {
	launches, err := r.launchesIn(ctx, req.Zone)
	if err != nil {
		return ctrl.Result{}, err
	}
	if len(launches) == 0 {
		return ctrl.Result{}, nil
	}
	ledger, err := r.readLedger(ctx, req.Zone)
	if err != nil {
		return ctrl.Result{}, err
	}
	groups, err := r.groups(ctx, req.Zone, launches, ledger.Ledger)
	if err != nil {
		return ctrl.Result{}, err
	}
	again := r.Interval
	var errs []error
	for _, g := range groups {
		after, err := r.sync(ctx, g, ledger)
		if err != nil {
			errs = append(errs, err)
		}
		if after > 0 {
			again = min(again, after)
		}
	}
	for _, err := range errs {
		if !apierrors.IsConflict(err) {
			return ctrl.Result{}, errors.Join(errs...)
		}
		// Somebody wrote in between: the next pass begins with what they wrote.
		again = conflictPause
	}
	return ctrl.Result{RequeueAfter: wait.Jitter(again, jitter)}, nil
}

// sync brings a zone to what the launches of one credential want, in a few rounds. It gives when to come back, if that is
// sooner than usual.
func (r *ZoneReconciler) sync(ctx context.Context, g group, ledger *zoneLedger) (time.Duration, error) {
	if g.obstacle != nil {
		return unreachablePause, r.hindered(ctx, g, ledger, *g.obstacle)
	}
	token, o, err := r.token(ctx, g)
	if err != nil {
		return 0, err
	}
	if o != nil {
		return unreachablePause, r.hindered(ctx, g, ledger, *o)
	}
	api, err := r.API(token)
	if err != nil {
		return unreachablePause, r.hindered(ctx, g, ledger, obstacleOf(err, g.zone))
	}
	for range rounds {
		state, err := api.Observation(ctx, g.zone)
		if err != nil {
			return pauseAfter(err), r.hindered(ctx, g, ledger, obstacleOf(err, g.zone))
		}
		in, err := r.input(ctx, g, state, ledger.Ledger)
		if err != nil {
			return 0, err
		}
		evaluation := edge.Evaluate(in, state)
		if evaluation.Plan.Empty() {
			return 0, r.settled(ctx, g, ledger, evaluation)
		}
		if err := r.prepare(ctx, g, ledger, evaluation); err != nil {
			return 0, err
		}
		err = edge.Apply(ctx, api, state, evaluation.Plan)
		api.Invalidate(g.zone)
		if err != nil {
			return pauseAfter(err), r.notApplied(ctx, g, ledger, evaluation, err)
		}
		ctrl.LoggerFrom(ctx).Info("changed the zone", "zone", g.zone, "changes", len(evaluation.Plan.Changes))
	}
	// Somebody else changes it as fast as we do.
	return unreachablePause, r.abandon(ctx, g, ledger, EdgeObstacle{
		Reason: edge.ReasonCloudflareError, Message: "somebody else changes it all the time.",
	})
}

// prepare writes what has to be known before the zone is changed: that launches have something in it, and what stood there.
func (r *ZoneReconciler) prepare(ctx context.Context, g group, ledger *zoneLedger, e edge.Evaluation) error {
	for _, m := range g.members {
		if m.launch.DeletionTimestamp.IsZero() && m.mode() == v1alpha1.EdgeEnforce {
			if err := r.hold(ctx, m.launch, g.zone); err != nil {
				return fmt.Errorf("adding the finalizer: %w", err)
			}
		}
	}
	return r.writeLedger(ctx, ledger, edge.Remembered(e.Input.Ledger, e.Plan).WithGroup(g.id()))
}

// settled notes what a zone that is as wanted says, and lets launches go that have left it.
func (r *ZoneReconciler) settled(ctx context.Context, g group, ledger *zoneLedger, e edge.Evaluation) error {
	next := e.Input.Ledger
	var leaving []*v1alpha1.LaunchReadiness
	for _, m := range g.members {
		if !m.leaving() {
			continue
		}
		leaving = append(leaving, m.launch)
		if l, ok := e.Launch(m.id()); ok && m.retains() {
			next = next.Retain(l, e.Input.Marker.Group)
		}
	}
	if err := r.writeLedger(ctx, ledger, next); err != nil {
		return err
	}
	for _, lr := range leaving {
		if err := r.letGo(ctx, lr); err != nil {
			return err
		}
	}
	r.Book.write(ctx, g, r.Clock.Now(), func(member) Found { return Found{Evaluation: &e} })
	return nil
}

// notApplied tells the launches whose changes were refused. The rest of the plan is tried again.
func (r *ZoneReconciler) notApplied(ctx context.Context, g group, ledger *zoneLedger, e edge.Evaluation, err error) error {
	ctrl.LoggerFrom(ctx).Info("could not change the zone as planned", "zone", g.zone, "error", err.Error())
	// What is refused again and again must not keep a launch for ever, be it another's in the same zone.
	if err := r.abandon(ctx, g, ledger, obstacleOf(err, g.zone)); err != nil {
		return err
	}
	var failures edge.Failures
	errors.As(err, &failures)
	r.Book.write(ctx, g, r.Clock.Now(), func(m member) Found {
		found := Found{Evaluation: &e}
		for _, f := range failures {
			if slices.Contains(f.Change.Launches, m.id()) {
				o := obstacleOf(f.Err, g.zone)
				found.Failed = append(found.Failed, FailedChange{Words: f.Change.Words, EdgeObstacle: o})
			}
		}
		return found
	})
	return nil
}

// hindered tells the launches why their zone can't be read, and lets those go whose zone never will be.
func (r *ZoneReconciler) hindered(ctx context.Context, g group, ledger *zoneLedger, o EdgeObstacle) error {
	if err := r.abandon(ctx, g, ledger, o); err != nil {
		return err
	}
	r.Book.write(ctx, g, r.Clock.Now(), func(member) Found { return Found{Obstacle: &o} })
	return nil
}

// abandon lets launches go that are deleted and whose zone can't be tidied: at once where no time will change that, after a
// while otherwise. It says what stays behind.
func (r *ZoneReconciler) abandon(ctx context.Context, g group, ledger *zoneLedger, o EdgeObstacle) error {
	for _, m := range g.members {
		// One that no longer says which token is its won't ever.
		unserved := g.obstacle != nil && m.leaving() && m.launch.DeletionTimestamp.IsZero()
		if m.launch.DeletionTimestamp.IsZero() && !unserved {
			continue
		}
		if !unserved && !o.Final && r.Clock.Since(m.launch.DeletionTimestamp.Time) < patienceOfLeaving {
			continue
		}
		r.Events.Eventf(m.launch, nil, "Warning", o.Reason, "Edge", "%s",
			fmt.Sprintf("What was set up in the zone %s stays behind: %s", g.zone, o.Message))
		if m.retains() {
			// Else launches that stay would take its rules away, the lock among them.
			gone := r.wish(ctx, m, edge.State{Zone: edge.Zone{Name: g.zone}}, ledger.Ledger)
			if err := r.writeLedger(ctx, ledger, ledger.Retain(gone, g.id())); err != nil {
				return err
			}
		}
		if err := r.letGo(ctx, m.launch); err != nil {
			return err
		}
	}
	return nil
}

// EdgeObstacle is why a zone can't be read or written.
type EdgeObstacle struct {
	Reason, Message string
	// Final says that waiting doesn't help.
	Final bool
}

// obstacleOf says what an error of Cloudflare's means.
func obstacleOf(err error, zone string) EdgeObstacle {
	var e *edge.APIError
	if !errors.As(err, &e) {
		return EdgeObstacle{Reason: edge.ReasonCloudflareError, Message: fmt.Sprintf("Cloudflare could not be asked about the zone %s: it is tried again.", zone)}
	}
	o := EdgeObstacle{Final: finalKind(e.Kind)}
	switch e.Kind {
	case edge.KindAuth:
		o.Reason, o.Message = edge.ReasonTokenInvalid, fmt.Sprintf("Cloudflare doesn't accept the API token for the zone %s: make a new one, and put it into the Secret.", zone)
	case edge.KindPermission:
		o.Reason, o.Message = edge.ReasonPermissionMissing, fmt.Sprintf("The API token for the zone %s lacks a permission (%s): add it in Cloudflare's dashboard; see docs/edge.md#the-token.", zone, e.Permission)
	case edge.KindZoneNotFound:
		o.Reason, o.Message = edge.ReasonZoneNotFound, fmt.Sprintf("There is no zone %s, or the API token can't see it: correct spec.cloudflare.zone, or give the token Zone Read for it.", zone)
	case edge.KindEntitlement:
		o.Reason, o.Message = edge.ReasonDegradedByPlan, fmt.Sprintf("The plan of the zone %s doesn't have it: %s.", zone, e.Message)
	default:
		o.Reason, o.Message = edge.ReasonCloudflareError, fmt.Sprintf("Cloudflare failed or refused (%s): it is tried again.", e.Error())
	}
	return o
}

func finalKind(k edge.Kind) bool {
	return k == edge.KindAuth || k == edge.KindPermission || k == edge.KindZoneNotFound
}

// pauseAfter says how soon to try again.
func pauseAfter(err error) time.Duration {
	var e *edge.APIError
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	return unreachablePause
}

// policiesOf gives all LaunchPolicies.
func (r *ZoneReconciler) policiesOf(ctx context.Context) ([]v1alpha1.LaunchPolicy, error) {
	var list v1alpha1.LaunchPolicyList
	if err := r.Client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing LaunchPolicies: %w", err)
	}
	return list.Items, nil
}

// claimTTL is the longest that the policies give; a week where none says anything.
func claimTTL(policies []v1alpha1.LaunchPolicy) time.Duration {
	const week = 7 * 24 * time.Hour
	longest := time.Duration(-1)
	for _, p := range policies {
		if p.Spec.Edge != nil && p.Spec.Edge.ClaimTTLSeconds != nil {
			longest = max(longest, time.Duration(*p.Spec.Edge.ClaimTTLSeconds)*time.Second)
		}
	}
	if longest < 0 {
		return week
	}
	return longest
}
