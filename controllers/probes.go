// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
	// ImageIDs are those that the image has on nodes, as far as they are known: a probe of another one does not count.
	ImageIDs []string
	// Version of the operator, for the User-Agent.
	Version string
	// Limit is how many Jobs may run at once over the cluster.
	Limit int
	// APIServer is an address that a NetworkPolicy keeps a probe away from; empty if it is not known.
	APIServer string
	// Logs reads the log of a probe's container.
	Logs LogReader
	// Suites are those that can be run.
	Suites map[probe.Suite]probe.Kind

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

// LogReader reads logs of containers.
type LogReader interface {
	// Logs gives at most limit bytes of a container's log.
	Logs(ctx context.Context, namespace, pod, container string, limit int64) ([]byte, error)
	// Since gives what a container has logged since a time, or with previous the one before its last restart. It is to be closed.
	Since(ctx context.Context, namespace, pod, container string, since time.Time, previous bool) (io.ReadCloser, error)
}

// probed is what the phase of the probes found.
type probed struct {
	outcomes []scorecard.Outcome
	status   []v1alpha1.Probe
	budget   *v1alpha1.ProbeBudget
	known    []v1alpha1.KnownAttack
	// running is since when the rows are being measured.
	running map[v1alpha1.Row]time.Time
	// again is when to look next; zero where an event will tell.
	again time.Duration
}

// probeUse is what probes use besides what the launch itself says.
type probeUse struct {
	// credentials are the versions of the Secrets, by name.
	credentials map[string]string
	attacks     map[probe.Suite]ownAttacks
}

// probeInputs adds the hashes of what the suites use, by row, and gives what they use of other objects.
func (r *LaunchReadinessReconciler) probeInputs(ctx context.Context, app *launch.App, inputs map[v1alpha1.Row]string) (probeUse, error) {
	if r.Probes == nil {
		return probeUse{}, nil
	}
	versions, err := r.credentialVersions(ctx, app.Launch)
	if err != nil {
		return probeUse{}, err
	}
	use := probeUse{credentials: versions, attacks: map[probe.Suite]ownAttacks{}}
	for suite, kind := range r.Probes.Suites {
		own, err := r.ownAttacks(ctx, app, suite, kind)
		if err != nil {
			return probeUse{}, err
		}
		use.attacks[suite] = own
		used := map[string]string{}
		for _, name := range suite.Secrets(&app.Launch.Spec) {
			used[name] = versions[name]
		}
		hash, err := scorecard.HashInputs(suite.Rows()[0], struct {
			Suite       string            `json:"suite"`
			App         *v1alpha1.App     `json:"app"`
			Credentials map[string]string `json:"credentials"`
			Mesh        v1alpha1.Mesh     `json:"mesh,omitempty"`
			Undescribed *int32            `json:"undescribed"`
			Logging     *v1alpha1.Logging `json:"logging,omitempty"`
			Attacks     string            `json:"attacks,omitempty"`
		}{kind.Version, app.Launch.Spec.App, used, app.Policy.Probes.Mesh, app.Policy.Thresholds.MaxUndescribedPercent, loggingOf(suite, app), own.hash})
		if err != nil {
			return probeUse{}, err
		}
		for _, row := range suite.Rows() {
			inputs[row] = hash
		}
	}
	return use, nil
}

// loggingOf gives what is declared of logs, to the suite that uses it.
func loggingOf(suite probe.Suite, app *launch.App) *v1alpha1.Logging {
	if suite != probe.SuiteLogging {
		return nil
	}
	return app.Launch.Spec.Logging
}

// secretAbsent stands for the resourceVersion of a Secret that does not exist.
const secretAbsent = "absent"

// credentialVersions gives the resourceVersions of the Secrets that probes mount: with other credentials, others are measured.
func (r *LaunchReadinessReconciler) credentialVersions(ctx context.Context, lr *v1alpha1.LaunchReadiness) (map[string]string, error) {
	versions := map[string]string{}
	var names []string
	for suite := range r.Probes.Suites {
		names = append(names, suite.Secrets(&lr.Spec)...)
	}
	for _, name := range names {
		if _, known := versions[name]; known {
			continue
		}
		secret := metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
		err := r.Resolver.Live.Get(ctx, client.ObjectKey{Namespace: lr.Namespace, Name: name}, &secret)
		switch {
		case apierrors.IsNotFound(err):
			versions[name] = secretAbsent
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
func (r *LaunchReadinessReconciler) probe(ctx context.Context, app *launch.App, inputs map[v1alpha1.Row]string, use probeUse, o *obstacle) (probed, error) {
	p := probed{running: map[v1alpha1.Row]time.Time{}, budget: app.Launch.Status.ProbeBudget, known: app.Launch.Status.KnownAttacks}
	if r.Probes == nil {
		p.status = app.Launch.Status.Probes
		return p, nil
	}
	budget := budgetOf(app.Launch.Status, *app.Policy.Probes, r.Clock.Now())
	var next probe.Plan
	for _, suite := range probe.Suites() {
		if _, ok := r.Probes.Suites[suite]; !ok {
			continue
		}
		own := use.attacks[suite]
		one := suiteRun{
			r: r, app: app, suite: suite, kind: own.kind, inputs: inputs[suite.Rows()[0]], credentials: use.credentials, attacks: own, budget: budget,
		}
		found, err := one.reconcile(ctx, o)
		if err != nil {
			return probed{}, err
		}
		p.add(suite, found)
		next = next.With(one.next(p.known))
	}
	if app.Launch.Spec.App != nil {
		p.budget = budget.status(p.budget, budget.plan(next))
	}
	return p, nil
}

// add adds what was found of a suite.
func (p *probed) add(suite probe.Suite, found suiteFound) {
	p.outcomes = append(p.outcomes, found.outcomes...)
	if found.ended {
		p.known = withFailures(p.known, found.outcomes, found.status.FinishedAt)
	}
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

// suiteRun is a suite of an app in one pass.
type suiteRun struct {
	r      *LaunchReadinessReconciler
	app    *launch.App
	suite  probe.Suite
	kind   probe.Kind
	inputs string
	// credentials are the versions of the identities' Secrets, by name.
	credentials map[string]string
	// attacks are the team's own.
	attacks ownAttacks
	budget  *budget
}

// plan gives what a run may ask of the app.
func (s suiteRun) plan() probe.Plan {
	return s.kind.Plan(s.app.Launch.Spec.App, s.known(), s.smoke())
}

// next gives what the next run may ask, with what is known after this pass; nothing where no policy asks for the suite.
func (s suiteRun) next(known []v1alpha1.KnownAttack) probe.Plan {
	described := s.app.Launch.Spec.App
	if described == nil || !s.asked() {
		return probe.Plan{}
	}
	return s.kind.Plan(described, knownTo(s.suite, known), s.smoke())
}

// smoke says whether the worst attacks are enough: the app that passed was rolled out anew, and nothing else has changed. The next
// run on schedule makes them all.
func (s suiteRun) smoke() bool {
	last := s.last()
	return last != nil && last.InputsHash == s.inputs && !s.runs(last.Revision)
}

// known gives the attacks that succeeded before.
func (s suiteRun) known() []probe.KnownAttack {
	return knownTo(s.suite, s.app.Launch.Status.KnownAttacks)
}

// suiteFound is what a pass found of a suite.
type suiteFound struct {
	outcomes []scorecard.Outcome
	status   *v1alpha1.Probe
	running  bool
	// ended says that the outcomes are those of a run that has just ended.
	ended bool
	again time.Duration
}

// reconcile goes through a suite's phases: is it asked for and possible, has its Job ended, is another one due.
func (s suiteRun) reconcile(ctx context.Context, o *obstacle) (suiteFound, error) {
	last := s.last()
	if err := s.removeFailed(ctx, last); err != nil {
		return suiteFound{}, err
	}
	switch {
	case !s.asked() || (o != nil && o.Kind == scorecard.ObstacleWanted):
		return suiteFound{status: last}, nil
	case !s.app.Measurable():
		return suiteFound{status: last, outcomes: s.unmeasured(o.fault, o.Reason, o.Message)}, nil
	}
	reason, message := s.described()
	if reason != "" && (last == nil || last.Outcome != v1alpha1.ProbeRunning) {
		// A Secret that is missing can't be watched for.
		return suiteFound{status: last, again: mending, outcomes: s.unmeasured(v1alpha1.FaultApp, reason, message)}, nil
	}
	if last != nil && last.Outcome == v1alpha1.ProbeRunning {
		return s.collect(ctx, *last)
	}
	due, again := s.due(last)
	if !due {
		outcomes, err := s.retold(ctx, *last)
		return suiteFound{status: last, outcomes: outcomes, again: again}, err
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
	errs := httpstep.Validate(described, field.NewPath("spec", "app"))
	errs = append(errs, httpstep.ValidateSinks(s.suite.Sinks(s.app.Launch.Spec.Logging), field.NewPath("spec", "logging", "sinks"))...)
	if len(errs) > 0 {
		return v1alpha1.ReasonNotConfigured, scorecard.Bounded(errs[0].Error()) + "."
	}
	if s.kind.Undescribed != nil {
		if missing := s.kind.Undescribed(described); missing != "" {
			return v1alpha1.ReasonNotConfigured, missing
		}
	}
	if s.attacks.wrong != "" {
		return v1alpha1.ReasonNotConfigured, s.attacks.wrong
	}
	if p := s.plan(); p.Pause(described) > probe.MaxPause {
		fewer := "Describe fewer identities or resources"
		if s.attacks.hash != "" {
			fewer += ", name fewer attacks in spec.app.chat.attacks"
		}
		return v1alpha1.ReasonNotConfigured, fmt.Sprintf(
			"spec.app.chat.ratePerMinute: a run may need %d questions, which takes %s at 80 %% of that rate, and a run may pause for %s in all. %s, or let probes ask more.",
			p.Chats, p.Pause(described).Round(time.Minute), probe.MaxPause, fewer)
	}
	for _, identity := range described.Identities {
		if name := identity.CredentialsSecretRef.Name; s.credentials[name] == secretAbsent {
			return probe.ReasonProbeSecretMissing, fmt.Sprintf("Secret %s/%s of identity %s does not exist. Create it, or correct credentialsSecretRef in spec.app.identities.",
				s.app.Launch.Namespace, name, identity.Name)
		}
	}
	if name, ok := s.suite.CanarySecret(described); ok && s.credentials[name] == secretAbsent {
		return probe.ReasonProbeSecretMissing, fmt.Sprintf("Secret %s/%s of spec.app.chat.systemPrompt does not exist. Make it by launchready canary print, and paste what that prints into the system prompt.",
			s.app.Launch.Namespace, name)
	}
	if ref, ok := s.suite.PromptText(described); ok && s.credentials[ref.Name] == secretAbsent {
		return probe.ReasonProbeSecretMissing, fmt.Sprintf("Secret %s/%s of spec.app.chat.systemPrompt.textSecretRef does not exist. Create it with what must not be told under the key %s, or leave textSecretRef out.",
			s.app.Launch.Namespace, ref.Name, ref.Key)
	}
	for _, sink := range s.suite.Sinks(s.app.Launch.Spec.Logging) {
		if ref := sink.Query.CredentialsSecretRef; ref != nil && s.credentials[ref.Name] == secretAbsent {
			return probe.ReasonProbeSecretMissing, fmt.Sprintf("Secret %s/%s of spec.logging.sinks[%s].query does not exist. Create it, or correct credentialsSecretRef there.",
				s.app.Launch.Namespace, ref.Name, sink.Name)
		}
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

// underWay says what the probe is doing, for rows that have no verdict yet: it is better than why there was none before. Whose
// fault that was stays, for an app that hides gains no time by being asked again.
func (s suiteRun) underWay(c probe.Collected) []scorecard.Outcome {
	var outcomes []scorecard.Outcome
	for _, o := range s.unmeasured(v1alpha1.FaultOperator, c.Reason, c.Message) {
		m := measurementOf(s.app.Launch, o.Row)
		if m.Verdict != v1alpha1.VerdictUnknown {
			continue
		}
		if m.LastAttempt != nil {
			o.Fault = m.LastAttempt.Fault
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// due says whether the suite has to run now, and if not, when it may have to.
func (s suiteRun) due(last *v1alpha1.Probe) (bool, time.Duration) {
	now := s.r.Clock.Now()
	if last == nil || !s.runs(last.Revision) || last.InputsHash != s.inputs || s.unanswered(*last) {
		return true, time.Second
	}
	at := s.nextRun(*last)
	return !now.Before(at), max(at.Sub(now), time.Second)
}

// runs says whether a revision is the one that runs. While no pod tells the digests it goes by its configuration.
func (s suiteRun) runs(revision string) bool {
	now := s.app.Revision
	if revision == now.Hash || revision == now.Configuration {
		return true
	}
	return !now.Resolved && slices.ContainsFunc(s.app.Launch.Status.Rollouts, func(r v1alpha1.Rollout) bool {
		return r.Configuration == now.Configuration && r.Revision == revision
	})
}

// unanswered says whether the policies have begun to ask for a row since the suite ran.
func (s suiteRun) unanswered(last v1alpha1.Probe) bool {
	return last.Outcome == v1alpha1.ProbeFinished && slices.ContainsFunc(s.suite.Rows(), func(row v1alpha1.Row) bool {
		m := measurementOf(s.app.Launch, row)
		return asked(s.app.Policy, row) && m.Verdict == v1alpha1.VerdictUnknown && m.LastAttempt == nil
	})
}

// measurementOf gives what the status says of a row.
func measurementOf(lr *v1alpha1.LaunchReadiness, row v1alpha1.Row) v1alpha1.Measurement {
	for _, m := range lr.Status.Measurements {
		if m.Row == row {
			return m
		}
	}
	return v1alpha1.Measurement{Row: row, Verdict: v1alpha1.VerdictUnknown}
}

// nextRun says when a suite that has ended is due again, with nothing changed: after a failure by backoff, after an app that hid
// something later, and else when half of the validity of a row's verdict is over.
func (s suiteRun) nextRun(last v1alpha1.Probe) time.Time {
	finished := last.FinishedAt.Time
	if last.Outcome == v1alpha1.ProbeFailed {
		if wait, more := probe.Backoff(int(last.Attempt)); more {
			return finished.Add(wait)
		}
		return finished.Add(probeAgain)
	}
	jitter := probe.Jitter(string(s.app.Launch.UID), probeAgain/10)
	next := finished.Add(scorecard.DefaultValidity)
	for _, d := range s.app.Policy.Rows {
		if !slices.Contains(s.suite.Rows(), d.Row) || d.Enforcement == v1alpha1.EnforcementOff {
			continue
		}
		m := measurementOf(s.app.Launch, d.Row)
		if m.LastAttempt != nil {
			return finished.Add(probeAgain + jitter)
		}
		// A run that found the same has left the time of the verdict as it was: by that it ages.
		measured := finished
		if m.Verdict != v1alpha1.VerdictUnknown && m.MeasuredAt.Time.Before(finished) {
			measured = m.MeasuredAt.Time
		}
		if at := measured.Add(s.validity(d.Row) / 2); at.Before(next) {
			next = at
		}
	}
	return next.Add(jitter)
}

// validity is what the policies give to a row.
func (s suiteRun) validity(row v1alpha1.Row) time.Duration {
	for _, d := range s.app.Policy.Rows {
		if d.Row == row && d.ValidForSeconds != nil {
			return time.Duration(*d.ValidForSeconds) * time.Second
		}
	}
	return scorecard.DefaultValidity
}

// start proves the target, and creates the Job if it is the app's turn. The same pass done twice creates it once.
func (s suiteRun) start(ctx context.Context, last *v1alpha1.Probe) (suiteFound, error) {
	t, wrong, err := s.r.findTarget(ctx, s.app)
	if err != nil {
		return suiteFound{}, err
	}
	if wrong != nil {
		return s.held(last, mending, v1alpha1.FaultApp, wrong.reason, wrong.message), nil
	}
	plan := s.budget.plan(s.plan())
	if reason, message, again := s.budget.shortage(plan); reason != "" {
		return s.held(last, again, v1alpha1.FaultApp, reason, message), nil
	}
	spec, rules := s.spec(last, t), s.app.Policy.Probes
	job, err := probe.Job(probe.JobOptions{
		Launch: s.app.Launch, Spec: spec, Image: cmp.Or(rules.Image, s.r.Probes.Image), PullSecrets: rules.ImagePullSecrets, Mesh: rules.Mesh,
	})
	if err != nil {
		return s.held(last, mending, v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, "No probe can be made of it: "+err.Error()+"."), nil
	}
	s.r.Probes.starting.Lock()
	defer s.r.Probes.starting.Unlock()
	turn, err := s.turn(ctx, job)
	if err != nil {
		return suiteFound{}, err
	}
	if !turn {
		return s.held(last, probeLook, v1alpha1.FaultOperator, v1alpha1.ReasonProbeQueued, fmt.Sprintf(
			"It waits for its turn: an app has one probe at once, and the cluster %d (--max-concurrent-probes).", s.r.Probes.Limit)), nil
	}
	if err := s.confine(ctx, t); err != nil {
		return s.refused(last, err)
	}
	created, err := s.create(ctx, job)
	if err != nil {
		return s.refused(last, err)
	}
	started := v1alpha1.Probe{
		Suite: string(s.suite), JobName: created.Name, JobUID: string(created.UID), Revision: spec.Revision, InputsHash: s.inputs,
		Run: spec.Run, Attempt: spec.Attempt, StartedAt: metav1.NewTime(s.r.Clock.Now().Truncate(time.Second)), Outcome: v1alpha1.ProbeRunning,
		Planned: &plan,
	}
	if err := probe.SameJob(job, created); err != nil {
		// It can't be changed any more: only on its way here could it become another. It would be altered each time.
		started.FinishedAt, started.Outcome = started.StartedAt, v1alpha1.ProbeFailed
		started.Reason, started.Attempt = probe.ReasonProbeAltered, probe.MaxAttempts
		found := s.held(&started, time.Second, v1alpha1.FaultOperator, probe.ReasonProbeAltered, fmt.Sprintf(
			"Something changed the probe's Job as it was created, so that its result would count for nothing: it is “%s”. Exempt Jobs with the label %s=%s from what injects or rewrites.",
			scorecard.Foreign(err.Error()), probe.ManagedByLabel, probe.ManagedBy))
		return found, nil
	}
	s.budget.reserve(plan)
	return suiteFound{running: true, again: probeLook, status: &started}, nil
}

// held is a suite that does not run now, for a reason that somebody can mend or that passes.
func (s suiteRun) held(status *v1alpha1.Probe, again time.Duration, fault v1alpha1.Fault, reason, message string) suiteFound {
	return suiteFound{status: status, again: again, outcomes: s.unmeasured(fault, reason, scorecard.Bounded(message))}
}

// inTheWay is an object of somebody else with the name of one that the operator needs.
type inTheWay struct{ what, namespace, name string }

func (e *inTheWay) Error() string {
	return fmt.Sprintf("%s %s/%s has the name of one that probes need, and is not the operator's: remove it", e.what, e.namespace, e.name)
}

// refused sorts the errors out that stay until somebody does something: the launch may not keep its place in the queue by them.
func (s suiteRun) refused(last *v1alpha1.Probe, err error) (suiteFound, error) {
	var other *inTheWay
	switch {
	case errors.As(err, &other):
		return s.held(last, mending, v1alpha1.FaultApp, probe.ReasonProbeForged, "No probe is started: "+other.Error()+"."), nil
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return s.held(last, mending, v1alpha1.FaultOperator, v1alpha1.ReasonProbeError,
			"The API server refused what a probe needs: "+scorecard.Foreign(err.Error())+"."), nil
	}
	return suiteFound{}, err
}

// spec tells the container what to do. Run and attempt follow from the last one, so that a pass that is cut off says the same again.
func (s suiteRun) spec(last *v1alpha1.Probe, t target) probe.Spec {
	plan := s.plan()
	spec := probe.Spec{
		SchemaVersion: probe.SchemaVersion, Suite: s.suite, Namespace: s.app.Launch.Namespace, Launch: s.app.Launch.Name,
		LaunchUID: string(s.app.Launch.UID), Revision: s.app.Revision.Hash, InputsHashes: map[v1alpha1.Row]string{},
		Run: 1, Attempt: 1, Target: t.Target, App: *s.app.Launch.Spec.App, Sinks: s.suite.Sinks(s.app.Launch.Spec.Logging), DeadlineSeconds: int64(plan.Deadline(s.app.Launch.Spec.App) / time.Second),
		MaxRequests: int(*s.app.Policy.Probes.MaxRequestsPerRun), MaxChats: plan.Chats, MaxUndescribedPercent: s.app.Policy.Thresholds.MaxUndescribedPercent,
		Smoke: s.smoke(), Known: s.known(), AttacksSHA256: s.attacks.hash, PolicyCanary: s.r.Probes.APIServer, Version: s.r.Probes.Version,
	}
	for _, row := range s.suite.Rows() {
		spec.InputsHashes[row] = s.inputs
	}
	if last != nil {
		spec.Run = last.Run + 1
		if _, more := probe.Backoff(int(last.Attempt)); more && last.Outcome == v1alpha1.ProbeFailed && s.runs(last.Revision) && last.InputsHash == s.inputs {
			spec.Run, spec.Attempt = last.Run, last.Attempt+1
		}
	}
	spec.Nonce = probe.Nonce(s.r.Key, spec)
	return spec
}

// turn says whether it is this app's turn among all that wait, within the cluster's limit.
func (s suiteRun) turn(ctx context.Context, want *batchv1.Job) (bool, error) {
	running, forgotten, err := s.running(ctx, want)
	if err != nil {
		return false, err
	}
	if forgotten {
		return true, nil
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
	return slices.Contains(probe.Next(waiting, running, s.r.Probes.Limit, s.r.Clock.Now()), own), nil
}

// running gives the Jobs of the cluster that have not ended. One that is as wanted is there if it was created before the operator
// was killed: it is taken up by its name.
func (s suiteRun) running(ctx context.Context, want *batchv1.Job) (running []probe.Running, forgotten bool, err error) {
	var jobs batchv1.JobList
	if err := s.r.Client.List(ctx, &jobs, client.MatchingLabels{probe.ManagedByLabel: probe.ManagedBy}, client.HasLabels{probe.SuiteLabel}); err != nil {
		return nil, false, fmt.Errorf("listing the Jobs of probes: %w", err)
	}
	own := s.app.Launch.UID
	for i := range jobs.Items {
		job := &jobs.Items[i]
		delete(s.r.Probes.started, job.UID)
		owner := metav1.GetControllerOf(job)
		if owner == nil || owner.Kind != launchKind {
			continue
		}
		if owner.UID == own && job.Name == want.Name {
			return nil, true, nil
		}
		if jobEnded(job) {
			continue
		}
		running = append(running, probe.Running{Key: string(owner.UID)})
		if owner.UID == own && job.Labels[probe.SuiteLabel] == string(s.suite) {
			if err := s.removeForgotten(ctx, job); err != nil {
				return nil, false, err
			}
		}
	}
	for uid, job := range s.r.Probes.started {
		if s.r.Clock.Now().Sub(job.at) > cacheLag {
			delete(s.r.Probes.started, uid)
		} else if job.owner != own {
			running = append(running, probe.Running{Key: string(job.owner)})
		}
	}
	return running, false, nil
}

// removeForgotten removes a Job that was created before the operator was killed, for what is not wanted any more: nobody would
// ever collect it. The status in the cache may be older than the Job, so that it is read anew.
func (s suiteRun) removeForgotten(ctx context.Context, job *batchv1.Job) error {
	var lr v1alpha1.LaunchReadiness
	if err := s.r.Resolver.Live.Get(ctx, client.ObjectKeyFromObject(s.app.Launch), &lr); err != nil {
		return client.IgnoreNotFound(err)
	}
	for _, p := range lr.Status.Probes {
		if p.JobUID == string(job.UID) {
			return nil
		}
	}
	ctrl.LoggerFrom(ctx).V(1).Info("removing a probe that nobody waits for", "job", job.Name)
	return s.remove(ctx, job)
}

// mayWait says whether another launch waits for its turn, as far as its status tells.
func (s suiteRun) mayWait(lr *v1alpha1.LaunchReadiness) bool {
	return !ptr.Deref(lr.Spec.Suspend, false) && lr.DeletionTimestamp.IsZero() && !s.queuedSince(lr).IsZero()
}

// queuedSince is since when a launch has been told that it waits for its turn; zero where it has not.
func (s suiteRun) queuedSince(lr *v1alpha1.LaunchReadiness) time.Time {
	for _, row := range s.suite.Rows() {
		if last := measurementOf(lr, row).LastAttempt; last != nil && last.Reason == v1alpha1.ReasonProbeQueued {
			return last.At.Time
		}
	}
	return time.Time{}
}

// waiting tells how long a launch has waited, and how old its verdicts are.
func (s suiteRun) waiting(lr *v1alpha1.LaunchReadiness) probe.Waiting {
	w := probe.Waiting{Key: string(lr.UID), Since: s.r.Clock.Now()}
	if since := s.queuedSince(lr); !since.IsZero() {
		w.Since = since
	}
	for _, p := range lr.Status.Probes {
		// A series of attempts without a verdict is told with the time of its first: the Jobs in between were turns.
		if p.Suite == string(s.suite) && p.FinishedAt.After(w.Since) {
			w.Since = p.FinishedAt.Time
		}
	}
	for _, row := range s.suite.Rows() {
		m := measurementOf(lr, row)
		switch {
		case m.Verdict == v1alpha1.VerdictUnknown:
			w.Unmeasured = true
		case w.OldestVerdict.IsZero() || m.MeasuredAt.Time.Before(w.OldestVerdict):
			w.OldestVerdict = m.MeasuredAt.Time
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
		return &inTheWay{"NetworkPolicy", have.Namespace, have.Name}
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
	if !metav1.IsControlledBy(job, s.app.Launch) {
		return nil, &inTheWay{"Job", job.Namespace, job.Name}
	}
	if err := probe.SameJob(want, job); err != nil {
		// Of an earlier life of this operator, with another image or target.
		if removeErr := s.remove(ctx, job); removeErr != nil {
			return nil, fmt.Errorf("removing Job %s/%s, which is not as it should be: %w", want.Namespace, want.Name, removeErr)
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
		return suiteFound{status: &last, running: true, again: probeLook, outcomes: s.underWay(collected)}, nil
	}
	s.budget.settle(last, collected)
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
	} else {
		last.Requests = ptr.To(int32(collected.Result.Requests)) //nolint:gosec // a budget's worth
	}
	_, again := s.due(&last)
	return suiteFound{status: &last, outcomes: outcomes, again: again, ended: true}, nil
}

// removeFailed removes a Job that failed: its pod may still attack. It is done after the status has told of the failure, for
// nobody could tell any more from a Job that is gone why it failed.
func (s suiteRun) removeFailed(ctx context.Context, last *v1alpha1.Probe) error {
	if last == nil || last.Outcome != v1alpha1.ProbeFailed {
		return nil
	}
	var job batchv1.Job
	err := s.r.Client.Get(ctx, client.ObjectKey{Namespace: s.app.Launch.Namespace, Name: last.JobName}, &job)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	if string(job.UID) != last.JobUID || jobEnded(&job) {
		return nil
	}
	return s.remove(ctx, &job)
}

// remove removes a Job and its pod.
func (s suiteRun) remove(ctx context.Context, job *batchv1.Job) error {
	if !job.DeletionTimestamp.IsZero() {
		return nil
	}
	err := s.r.Client.Delete(ctx, job, client.Preconditions{UID: &job.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing Job %s/%s: %w", job.Namespace, job.Name, err)
	}
	return nil
}

// outcomes gives what the Job found out, for the rows that were asked for, if it was the app that it talked to.
func (s suiteRun) outcomes(ctx context.Context, last v1alpha1.Probe, collected probe.Collected) ([]scorecard.Outcome, error) {
	if collected.State != probe.StateFinished {
		return s.told(ctx, last, collected), nil
	}
	if s.runs(last.Revision) {
		_, wrong, err := s.r.findTarget(ctx, s.app)
		if err != nil {
			return nil, err
		}
		if wrong != nil {
			return s.unmeasured(v1alpha1.FaultApp, wrong.reason, wrong.message), nil
		}
		return s.told(ctx, last, collected), nil
	}
	outcomes := s.told(ctx, last, collected)
	for i, o := range outcomes {
		// What was found is there in one of the revisions. That nothing was found says nothing of either, for nobody knows which
		// of them the requests met.
		if o.Conclusive() && o.Verdict != v1alpha1.VerdictFail {
			outcomes[i] = scorecard.Unmeasured(o.Row, v1alpha1.FaultOperator, v1alpha1.ReasonTargetNotWorkload,
				"The app became another revision while it was probed, so that the result is that of neither. The new one is probed next.")
		}
	}
	return outcomes, nil
}

// told gives what the Job says, for the rows that were asked for.
func (s suiteRun) told(ctx context.Context, last v1alpha1.Probe, collected probe.Collected) []scorecard.Outcome {
	outcomes := s.saidByJob(ctx, last, collected)
	if s.suite == probe.SuiteLogging && collected.State == probe.StateFinished {
		for i, o := range outcomes {
			if o.Reason == v1alpha1.ReasonNotMeasured {
				outcomes[i] = s.bound(s.logged(ctx, last, collected), last)
			}
		}
	}
	return outcomes
}

// bound says what an outcome was measured on.
func (s suiteRun) bound(o scorecard.Outcome, last v1alpha1.Probe) scorecard.Outcome {
	o.Revision, o.InputsHash, o.Source = last.Revision, last.InputsHash, scorecard.FromProbe
	return o
}

// saidByJob gives what the Job itself found out.
func (s suiteRun) saidByJob(ctx context.Context, last v1alpha1.Probe, collected probe.Collected) []scorecard.Outcome {
	var evidence []probe.Evidence
	if sum := collected.Result.EvidenceSHA256; sum != "" {
		log, err := s.r.Probes.Logs.Logs(ctx, s.app.Launch.Namespace, collected.Pod, probe.ContainerName, maxLogBytes)
		if err == nil {
			evidence, err = probe.ReadEvidence(log, sum)
		}
		if err != nil {
			ctrl.LoggerFrom(ctx).Info("a probe's log does not give the evidence that its result speaks of", "pod", collected.Pod, "err", err.Error())
		}
	}
	var outcomes []scorecard.Outcome
	for _, o := range collected.Outcomes(s.suite, s.r.Key, evidence) {
		if asked(s.app.Policy, o.Row) {
			outcomes = append(outcomes, s.bound(o, last))
		}
	}
	return outcomes
}

// retold gives once more what the last Job found, where the status has the verdict and the report does not know of it: the
// operator was killed between the two.
func (s suiteRun) retold(ctx context.Context, last v1alpha1.Probe) ([]scorecard.Outcome, error) {
	if last.Outcome != v1alpha1.ProbeFinished {
		return nil, nil
	}
	var report v1alpha1.LaunchReport
	err := s.r.Client.Get(ctx, client.ObjectKeyFromObject(s.app.Launch), &report)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the LaunchReport: %w", err)
	}
	untold := func(row v1alpha1.Row) bool {
		m := measurementOf(s.app.Launch, row)
		return asked(s.app.Policy, row) && m.Verdict != v1alpha1.VerdictUnknown && m.LastAttempt == nil && m.InputsHash == last.InputsHash &&
			!m.MeasuredAt.Before(&last.FinishedAt) && s.r.Clock.Now().Before(m.MeasuredAt.Add(s.validity(row)/2)) &&
			!slices.ContainsFunc(report.Status.Rows, func(r v1alpha1.RowReport) bool {
				return r.Row == row && r.Cases != nil && r.Verdict == m.Verdict && r.Revision == m.Revision && r.MeasuredAt.Equal(&m.MeasuredAt)
			})
	}
	if !slices.ContainsFunc(s.suite.Rows(), untold) {
		return nil, nil
	}
	sighting, err := s.sight(ctx, last)
	if err != nil {
		return nil, err
	}
	collected := probe.Judge(sighting)
	if collected.State != probe.StateFinished {
		return nil, nil // It has been too long: the next run tells.
	}
	return slices.DeleteFunc(s.told(ctx, last, collected), func(o scorecard.Outcome) bool {
		return !untold(o.Row) || o.Verdict != measurementOf(s.app.Launch, o.Row).Verdict
	}), nil
}

// sight reads everything about a Job. Its pods are read from the API server: the cache holds little of them.
func (s suiteRun) sight(ctx context.Context, last v1alpha1.Probe) (probe.Sighting, error) {
	ns := s.app.Launch.Namespace
	sighting := probe.Sighting{
		JobUID: types.UID(last.JobUID), ImageIDs: s.r.Probes.ImageIDs, Now: s.r.Clock.Now(),
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
	if image := job.Spec.Template.Spec.Containers[0].Image; image != s.r.Probes.Image {
		// A policy's, whose digest says what has to run.
		sighting.ImageIDs = []string{image}
	}
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

// launchKind is the kind of what owns probes.
const launchKind = "LaunchReadiness"

// jobEnded says whether a Job has come to its end.
func jobEnded(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
