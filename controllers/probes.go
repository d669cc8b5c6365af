// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/scorecard"
)

const (
	// suiteDeadline is how long a suite may take: a thousand requests at 300 ms each.
	suiteDeadline = 10 * time.Minute
	// maxRequests is the budget of one run: about ten times what a suite needs for an app with two kinds of resources.
	maxRequests = 20_000
	// probeLook is how often a Job is looked at without an event.
	probeLook = 5 * time.Second
	// probeAgain is when a suite is run again that could not measure a row for the app's sake.
	probeAgain = 10 * time.Minute
	// maxLogBytes is how much of a probe's log is read: its evidence, and some that its platform may have put there.
	maxLogBytes = probe.MaxEvidenceBytes + 64<<10
)

// ProbeRunner starts and collects the Jobs that use the app.
type ProbeRunner struct {
	// Image of the Jobs: the operator's own.
	Image string
	// Version of the operator, for the User-Agent.
	Version string
	// Limit is how many Jobs may run at once over the cluster.
	Limit int
	// APIServer is an address that a NetworkPolicy keeps a probe away from; empty if it is not known.
	APIServer string
	// Logs reads the end of a container's log.
	Logs LogReader
	// Suites give the version of each suite's attacks.
	Suites map[probe.Suite]string

	// starting is held from the look at what runs until the new Job is there, and started holds the Jobs that the cache may
	// not know yet, with when they were created.
	starting sync.Mutex
	started  map[types.UID]startedJob
}

type startedJob struct {
	owner types.UID
	at    time.Time
}

// cacheLag is how long the cache may not know of a Job that was created.
const cacheLag = 10 * time.Second

// LogReader reads at most limit bytes of a container's log.
type LogReader interface {
	Logs(ctx context.Context, namespace, pod, container string, limit int64) ([]byte, error)
}

// probed is what the phase of the probes found.
type probed struct {
	outcomes []scorecard.Outcome
	status   []v1alpha1.Probe
	// running is since when the rows are being measured.
	running map[v1alpha1.Row]time.Time
	// again is when to look next; zero where an event will tell.
	again time.Duration
}

// probeInputs gives the hashes of what the suites use, by row.
func (r *LaunchReadinessReconciler) probeInputs(ctx context.Context, app *launch.App, inputs map[v1alpha1.Row]string) error {
	if r.Probes == nil {
		return nil
	}
	versions, err := r.credentialVersions(ctx, app.Launch)
	if err != nil {
		return err
	}
	for suite, version := range r.Probes.Suites {
		hash, err := scorecard.HashInputs(suite.Rows()[0], struct {
			Suite       string            `json:"suite"`
			App         *v1alpha1.App     `json:"app"`
			Credentials map[string]string `json:"credentials"`
		}{version, app.Launch.Spec.App, versions})
		if err != nil {
			return err
		}
		for _, row := range suite.Rows() {
			inputs[row] = hash
		}
	}
	return nil
}

// credentialVersions gives the resourceVersions of the identities' Secrets: with other credentials, others are measured.
func (r *LaunchReadinessReconciler) credentialVersions(ctx context.Context, lr *v1alpha1.LaunchReadiness) (map[string]string, error) {
	versions := map[string]string{}
	if lr.Spec.App == nil {
		return versions, nil
	}
	for _, identity := range lr.Spec.App.Identities {
		name := identity.CredentialsSecretRef.Name
		secret := metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
		err := r.Resolver.Live.Get(ctx, client.ObjectKey{Namespace: lr.Namespace, Name: name}, &secret)
		switch {
		case apierrors.IsNotFound(err):
			versions[name] = "absent"
		case apierrors.IsForbidden(err):
			versions[name] = "unreadable"
		case err != nil:
			return nil, fmt.Errorf("reading Secret %s/%s: %w", lr.Namespace, name, err)
		default:
			versions[name] = secret.ResourceVersion
		}
	}
	return versions, nil
}

// probe collects the Jobs that have ended and starts those that are due. It sets what they found and what status says of them.
func (r *LaunchReadinessReconciler) probe(ctx context.Context, app *launch.App, inputs map[v1alpha1.Row]string, o *obstacle) (probed, error) {
	p := probed{status: app.Launch.Status.Probes, running: map[v1alpha1.Row]time.Time{}}
	if r.Probes == nil || (o != nil && o.Kind == scorecard.ObstacleWanted) {
		return p, nil
	}
	p.status = nil
	for _, suite := range []probe.Suite{probe.SuiteAccess} {
		one := suiteRun{r: r, app: app, suite: suite, inputs: inputs[suite.Rows()[0]]}
		found, err := one.reconcile(ctx, o)
		if err != nil {
			return probed{}, err
		}
		p.outcomes = append(p.outcomes, found.outcomes...)
		if found.status != nil {
			p.status = append(p.status, *found.status)
		}
		if found.running {
			for _, row := range suite.Rows() {
				p.running[row] = found.status.StartedAt.Time
			}
		}
		if found.again > 0 && (p.again == 0 || found.again < p.again) {
			p.again = found.again
		}
	}
	return p, nil
}

// suiteRun is a suite of an app in one pass.
type suiteRun struct {
	r      *LaunchReadinessReconciler
	app    *launch.App
	suite  probe.Suite
	inputs string
}

// suiteFound is what a pass found of a suite.
type suiteFound struct {
	outcomes []scorecard.Outcome
	status   *v1alpha1.Probe
	running  bool
	again    time.Duration
}

// reconcile goes through a suite's phases: is it asked for and possible, has its Job ended, is another one due.
func (s suiteRun) reconcile(ctx context.Context, o *obstacle) (suiteFound, error) {
	last := s.last()
	switch {
	case !s.asked():
		return suiteFound{status: last}, nil
	case !s.app.Measurable():
		return suiteFound{status: last, outcomes: s.unmeasured(o.fault, o.Reason, o.Message)}, nil
	}
	if reason, message := s.described(); reason != "" {
		return suiteFound{status: last, outcomes: s.unmeasured(v1alpha1.FaultApp, reason, message)}, nil
	}
	if last != nil && last.Outcome == v1alpha1.ProbeRunning {
		return s.collect(ctx, *last)
	}
	due, again := s.due(last)
	if !due {
		return suiteFound{status: last, again: again}, nil
	}
	return s.start(ctx, last)
}

// last gives the suite's last Job, as status has it.
func (s suiteRun) last() *v1alpha1.Probe {
	for _, p := range s.app.Launch.Status.Probes {
		if p.Suite == string(s.suite) {
			return p.DeepCopy()
		}
	}
	return nil
}

func (s suiteRun) asked() bool {
	for _, row := range s.suite.Rows() {
		if asked(s.app.Policy, row) {
			return true
		}
	}
	return false
}

// described says what is wrong with the description, before anything is sent by it.
func (s suiteRun) described() (reason, message string) {
	described := s.app.Launch.Spec.App
	if described == nil {
		return v1alpha1.ReasonNotConfigured, "Nobody said how the app is used. Describe it in spec.app (identities, login, resources, adminPaths): docs/probes.md has an example to copy."
	}
	if errs := httpstep.Validate(described, field.NewPath("spec", "app")); len(errs) > 0 {
		return v1alpha1.ReasonNotConfigured, scorecard.Bounded(errs[0].Error()) + "."
	}
	return "", ""
}

func (s suiteRun) unmeasured(fault v1alpha1.Fault, reason, message string) []scorecard.Outcome {
	var outcomes []scorecard.Outcome
	for _, row := range s.suite.Rows() {
		if asked(s.app.Policy, row) {
			o := scorecard.Unmeasured(row, fault, reason, message)
			o.Revision = s.app.Revision.Hash
			outcomes = append(outcomes, o)
		}
	}
	return outcomes
}

// due says whether the suite has to run now, and if not, when it may have to.
func (s suiteRun) due(last *v1alpha1.Probe) (bool, time.Duration) {
	now := s.r.Clock.Now()
	if last == nil || last.Revision != s.app.Revision.Hash || last.InputsHash != s.inputs {
		return true, 0
	}
	at := s.nextRun(*last)
	return !now.Before(at), max(at.Sub(now), time.Second)
}

// nextRun says when a suite that has ended is due again, with nothing changed: after a failure by backoff, after an app that hid
// something later, and else when half of the shortest validity is over.
func (s suiteRun) nextRun(last v1alpha1.Probe) time.Time {
	finished := last.FinishedAt.Time
	if last.Outcome == v1alpha1.ProbeFailed {
		if wait, more := probe.Backoff(int(last.Attempt)); more {
			return finished.Add(wait)
		}
		return finished.Add(probeAgain)
	}
	next := finished.Add(s.validity() / 2)
	for _, m := range s.app.Launch.Status.Measurements {
		for _, row := range s.suite.Rows() {
			if m.Row == row && m.LastAttempt != nil && asked(s.app.Policy, row) {
				next = finished.Add(probeAgain)
			}
		}
	}
	return next.Add(probe.Jitter(string(s.app.Launch.UID), probeAgain/10))
}

// validity is the shortest that the policies give to the suite's rows.
func (s suiteRun) validity() time.Duration {
	shortest := scorecard.DefaultValidity
	for _, d := range s.app.Policy.Rows {
		for _, row := range s.suite.Rows() {
			if d.Row == row && d.ValidForSeconds != nil {
				shortest = min(shortest, time.Duration(*d.ValidForSeconds)*time.Second)
			}
		}
	}
	return shortest
}

// start proves the target, and creates the Job if it is the app's turn. The same pass done twice creates it once.
func (s suiteRun) start(ctx context.Context, last *v1alpha1.Probe) (suiteFound, error) {
	t, wrong, err := s.r.findTarget(ctx, s.app)
	if err != nil {
		return suiteFound{}, err
	}
	if wrong != nil {
		return suiteFound{status: last, again: mending, outcomes: s.unmeasured(v1alpha1.FaultApp, wrong.reason, wrong.message)}, nil
	}
	s.r.Probes.starting.Lock()
	defer s.r.Probes.starting.Unlock()
	turn, err := s.turn(ctx)
	if err != nil {
		return suiteFound{}, err
	}
	if !turn {
		return suiteFound{status: last, again: probeLook, outcomes: s.unmeasured(v1alpha1.FaultOperator, v1alpha1.ReasonProbeQueued,
			fmt.Sprintf("It waits for its turn: %d probes may run at once in the cluster (--max-concurrent-probes).", s.r.Probes.Limit))}, nil
	}
	spec := s.spec(last, t)
	job, err := probe.Job(probe.JobOptions{Launch: s.app.Launch, Spec: spec, Image: s.r.Probes.Image})
	if err != nil {
		return suiteFound{}, err
	}
	if err := s.confine(ctx, t); err != nil {
		return suiteFound{}, err
	}
	created, err := s.create(ctx, job)
	if err != nil {
		if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
			return suiteFound{status: last, again: mending, outcomes: s.unmeasured(v1alpha1.FaultOperator, v1alpha1.ReasonProbeError,
				"The probe's Job was refused: "+scorecard.Foreign(err.Error())+".")}, nil
		}
		return suiteFound{}, err
	}
	return suiteFound{running: true, again: probeLook, status: &v1alpha1.Probe{
		Suite: string(s.suite), JobName: created.Name, JobUID: string(created.UID), Revision: spec.Revision, InputsHash: s.inputs,
		Run: spec.Run, Attempt: spec.Attempt, StartedAt: metav1.NewTime(s.r.Clock.Now().Truncate(time.Second)), Outcome: v1alpha1.ProbeRunning,
	}}, nil
}

// spec tells the container what to do. Run and attempt follow from the last one, so that a pass that is cut off says the same again.
func (s suiteRun) spec(last *v1alpha1.Probe, t target) probe.Spec {
	spec := probe.Spec{
		SchemaVersion: probe.SchemaVersion, Suite: s.suite, Namespace: s.app.Launch.Namespace, Launch: s.app.Launch.Name,
		LaunchUID: string(s.app.Launch.UID), Revision: s.app.Revision.Hash, InputsHashes: map[v1alpha1.Row]string{},
		Run: 1, Attempt: 1, Target: t.Target, App: *s.app.Launch.Spec.App, DeadlineSeconds: int64(suiteDeadline / time.Second),
		MaxRequests: maxRequests, PolicyCanary: s.r.Probes.APIServer, Version: s.r.Probes.Version,
	}
	for _, row := range s.suite.Rows() {
		spec.InputsHashes[row] = s.inputs
	}
	if last != nil {
		spec.Run = last.Run + 1
		if _, more := probe.Backoff(int(last.Attempt)); more && last.Outcome == v1alpha1.ProbeFailed && last.Revision == spec.Revision && last.InputsHash == s.inputs {
			spec.Run, spec.Attempt = last.Run, last.Attempt+1
		}
	}
	spec.Nonce = probe.Nonce(s.r.Key, spec)
	return spec
}

// turn says whether it is this app's turn among all that wait, within the cluster's limit.
func (s suiteRun) turn(ctx context.Context) (bool, error) {
	var jobs batchv1.JobList
	if err := s.r.Client.List(ctx, &jobs, client.MatchingLabels{probe.ManagedByLabel: probe.ManagedBy}, client.HasLabels{probe.SuiteLabel}); err != nil {
		return false, fmt.Errorf("listing the Jobs of probes: %w", err)
	}
	var running []probe.Running
	for _, job := range jobs.Items {
		delete(s.r.Probes.started, job.UID)
		owner := metav1.GetControllerOf(&job)
		if owner == nil || jobEnded(&job) {
			continue
		}
		if owner.UID == s.app.Launch.UID {
			// One that the status has forgotten: created, and then the operator was killed. It is taken up by its name.
			continue
		}
		running = append(running, probe.Running{Key: string(owner.UID)})
	}
	for uid, job := range s.r.Probes.started {
		if s.r.Clock.Now().Sub(job.at) > cacheLag {
			delete(s.r.Probes.started, uid)
		} else if job.owner != s.app.Launch.UID {
			running = append(running, probe.Running{Key: string(job.owner)})
		}
	}
	var launches v1alpha1.LaunchReadinessList
	if err := s.r.Client.List(ctx, &launches); err != nil {
		return false, fmt.Errorf("listing the launches that wait for a probe: %w", err)
	}
	own := string(s.app.Launch.UID)
	waiting := []probe.Waiting{s.waiting(s.app.Launch)}
	for i := range launches.Items {
		if lr := &launches.Items[i]; string(lr.UID) != own && lr.Spec.App != nil && s.mayWait(lr) {
			waiting = append(waiting, s.waiting(lr))
		}
	}
	for _, key := range probe.Next(waiting, running, s.r.Probes.Limit, s.r.Clock.Now()) {
		if key == own {
			return true, nil
		}
	}
	return false, nil
}

// mayWait says whether another launch waits for its turn, as far as its status tells.
func (s suiteRun) mayWait(lr *v1alpha1.LaunchReadiness) bool {
	if ptr.Deref(lr.Spec.Suspend, false) || !lr.DeletionTimestamp.IsZero() {
		return false
	}
	for _, m := range lr.Status.Measurements {
		for _, row := range s.suite.Rows() {
			if m.Row == row && m.LastAttempt != nil && m.LastAttempt.Reason == v1alpha1.ReasonProbeQueued {
				return true
			}
		}
	}
	return false
}

// waiting tells how long a launch has waited.
func (s suiteRun) waiting(lr *v1alpha1.LaunchReadiness) probe.Waiting {
	w := probe.Waiting{Key: string(lr.UID), Since: lr.CreationTimestamp.Time, Unmeasured: true}
	for _, m := range lr.Status.Measurements {
		for _, row := range s.suite.Rows() {
			if m.Row == row && !m.MeasuredAt.IsZero() {
				w.OldestVerdict, w.Unmeasured = m.MeasuredAt.Time, false
			}
			if m.Row == row && !m.UnmeasuredSince.IsZero() {
				w.Since = m.UnmeasuredSince.Time
			}
		}
	}
	return w
}

// confine applies the NetworkPolicy of the launch's probes, where it is not as it should be.
func (s suiteRun) confine(ctx context.Context, t target) error {
	want, err := probe.NetworkPolicy(t.policy)
	if err != nil {
		return err
	}
	var have networkingv1.NetworkPolicy
	err = s.r.Resolver.Live.Get(ctx, client.ObjectKeyFromObject(want), &have)
	switch {
	case apierrors.IsNotFound(err):
		err = s.r.Client.Create(ctx, want)
	case err == nil && !metav1.IsControlledBy(&have, s.app.Launch):
		return fmt.Errorf("NetworkPolicy %s/%s is not ours: remove it", have.Namespace, have.Name)
	case err == nil && !equality.Semantic.DeepEqual(have.Spec, want.Spec):
		want.ResourceVersion = have.ResourceVersion
		err = s.r.Client.Update(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("confining the probes of %s/%s: %w", s.app.Launch.Namespace, s.app.Launch.Name, err)
	}
	return nil
}

// create creates the Job, or takes up the one that was created before the operator was killed.
func (s suiteRun) create(ctx context.Context, want *batchv1.Job) (*batchv1.Job, error) {
	job := want.DeepCopy()
	err := s.r.Client.Create(ctx, job)
	if !apierrors.IsAlreadyExists(err) {
		if err != nil {
			return nil, fmt.Errorf("creating Job %s/%s: %w", want.Namespace, want.Name, err)
		}
		if s.r.Probes.started == nil {
			s.r.Probes.started = map[types.UID]startedJob{}
		}
		s.r.Probes.started[job.UID] = startedJob{owner: s.app.Launch.UID, at: s.r.Clock.Now()}
		ctrl.LoggerFrom(ctx).V(1).Info("probe started", "job", job.Name, "suite", s.suite)
		return job, nil
	}
	if err := s.r.Resolver.Live.Get(ctx, client.ObjectKeyFromObject(want), job); err != nil {
		return nil, fmt.Errorf("reading Job %s/%s: %w", want.Namespace, want.Name, err)
	}
	if err := probe.SameJob(want, job); err != nil {
		// Of an earlier life of this operator, with another image or target, or somebody else's: it is in the way.
		if deleteErr := s.r.Client.Delete(ctx, job, client.Preconditions{UID: &job.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground)); client.IgnoreNotFound(deleteErr) != nil {
			return nil, fmt.Errorf("removing Job %s/%s, which is not as it should be: %w", want.Namespace, want.Name, deleteErr)
		}
		return nil, fmt.Errorf("job %s/%s was not as it should be and is removed: %w", want.Namespace, want.Name, err)
	}
	return job, nil
}

// collect looks what became of the Job, and proves the target once more before its result counts.
func (s suiteRun) collect(ctx context.Context, last v1alpha1.Probe) (suiteFound, error) {
	sighting, err := s.sight(ctx, last)
	if err != nil {
		return suiteFound{}, err
	}
	collected := probe.Judge(sighting)
	last.Reason = collected.Reason
	if collected.State == probe.StateRunning {
		return suiteFound{status: &last, running: true, again: probeLook}, nil
	}
	last.FinishedAt, last.Outcome = metav1.NewTime(s.r.Clock.Now().Truncate(time.Second)), v1alpha1.ProbeFinished
	outcomes, err := s.outcomes(ctx, last, collected)
	if err != nil {
		return suiteFound{}, err
	}
	if collected.State == probe.StateFailed {
		last.Outcome = v1alpha1.ProbeFailed
		if !collected.Retryable {
			last.Attempt = probe.MaxAttempts
		}
		if err := s.remove(ctx, sighting.Job); err != nil {
			return suiteFound{}, err
		}
	} else {
		last.Requests = ptr.To(int32(collected.Result.Requests)) //nolint:gosec // a budget's worth
	}
	_, again := s.due(&last)
	return suiteFound{status: &last, outcomes: outcomes, again: again}, nil
}

// remove removes a Job that failed: its pod may still attack.
func (s suiteRun) remove(ctx context.Context, job *batchv1.Job) error {
	if job == nil || jobEnded(job) {
		return nil
	}
	err := s.r.Client.Delete(ctx, job, client.Preconditions{UID: &job.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	return client.IgnoreNotFound(err)
}

// outcomes gives what the Job found out, for the rows that were asked for.
func (s suiteRun) outcomes(ctx context.Context, last v1alpha1.Probe, collected probe.Collected) ([]scorecard.Outcome, error) {
	var evidence []probe.Evidence
	if collected.State == probe.StateFinished {
		_, wrong, err := s.r.findTarget(ctx, s.app)
		if err != nil {
			return nil, err
		}
		if wrong != nil && last.Revision == s.app.Revision.Hash {
			return s.unmeasured(v1alpha1.FaultApp, wrong.reason, wrong.message), nil
		}
		log, err := s.r.Probes.Logs.Logs(ctx, s.app.Launch.Namespace, collected.Pod, probe.ContainerName, maxLogBytes)
		if err != nil {
			ctrl.LoggerFrom(ctx).Info("the evidence of a probe could not be read", "pod", collected.Pod, "err", err.Error())
		}
		if evidence, err = probe.ReadEvidence(log, collected.Result.EvidenceSHA256); err != nil {
			ctrl.LoggerFrom(ctx).Info("the evidence of a probe is not as its result says", "pod", collected.Pod, "err", err.Error())
		}
	}
	var outcomes []scorecard.Outcome
	for _, o := range collected.Outcomes(s.suite, s.r.Key, evidence) {
		if asked(s.app.Policy, o.Row) {
			o.Revision, o.InputsHash, o.Source = last.Revision, last.InputsHash, scorecard.FromProbe
			outcomes = append(outcomes, o)
		}
	}
	return outcomes, nil
}

// sight reads everything about a Job. Its pods are read from the API server: the cache holds little of them.
func (s suiteRun) sight(ctx context.Context, last v1alpha1.Probe) (probe.Sighting, error) {
	ns := s.app.Launch.Namespace
	sighting := probe.Sighting{
		JobUID: types.UID(last.JobUID), Now: s.r.Clock.Now(),
		Expected: probe.Expected{Suite: s.suite, LaunchUID: string(s.app.Launch.UID), Nonce: s.nonce(last)},
	}
	var job batchv1.Job
	err := s.r.Resolver.Live.Get(ctx, client.ObjectKey{Namespace: ns, Name: last.JobName}, &job)
	if apierrors.IsNotFound(err) {
		return sighting, nil
	}
	if err != nil {
		return sighting, fmt.Errorf("reading Job %s/%s: %w", ns, last.JobName, err)
	}
	sighting.Job = &job
	var pods corev1.PodList
	if err := s.r.Resolver.Live.List(ctx, &pods, client.InNamespace(ns), client.MatchingLabels{batchv1.JobNameLabel: job.Name}); err != nil {
		return sighting, fmt.Errorf("listing the pods of Job %s/%s: %w", ns, job.Name, err)
	}
	sighting.Pods = pods.Items
	about := []types.UID{job.UID}
	for _, pod := range pods.Items {
		about = append(about, pod.UID)
	}
	for _, uid := range about {
		var events corev1.EventList
		if err := s.r.Resolver.Live.List(ctx, &events, client.InNamespace(ns), client.MatchingFields{"involvedObject.uid": string(uid)}); err != nil {
			return sighting, fmt.Errorf("listing the Events of Job %s/%s: %w", ns, job.Name, err)
		}
		for _, e := range events.Items {
			at := e.LastTimestamp.Time
			if at.IsZero() {
				at = e.EventTime.Time
			}
			sighting.Events = append(sighting.Events, probe.Event{About: uid, Reason: e.Reason, Message: e.Message, At: at})
		}
	}
	return sighting, nil
}

// nonce gives the nonce that the Job was given.
func (s suiteRun) nonce(last v1alpha1.Probe) string {
	spec := probe.Spec{
		Suite: s.suite, Namespace: s.app.Launch.Namespace, Launch: s.app.Launch.Name, LaunchUID: string(s.app.Launch.UID),
		Revision: last.Revision, Run: last.Run, Attempt: last.Attempt, InputsHashes: map[v1alpha1.Row]string{},
	}
	for _, row := range s.suite.Rows() {
		spec.InputsHashes[row] = last.InputsHash
	}
	return probe.Nonce(s.r.Key, spec)
}

// jobEnded says whether a Job has come to its end.
func jobEnded(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
