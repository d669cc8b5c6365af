// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// DefaultPatience is how long something may hold a pod back before the attempt is given up.
const DefaultPatience = 2 * time.Minute

// State is where a Job is in its life.
type State string

const (
	// StateRunning is a Job that may still give a result.
	StateRunning State = "Running"
	// StateFinished is a Job whose result counts.
	StateFinished State = "Finished"
	// StateFailed is a Job that gives no result any more. Its pod may still be there: delete the Job, and wait until it is
	// gone, before the next one is created.
	StateFailed State = "Failed"
)

// Event is what is read of an Event about the Job or its pod.
type Event struct {
	// About is the UID of the object.
	About   types.UID
	Reason  string
	Message string
	At      time.Time
}

// Sighting is what the operator sees of a Job.
type Sighting struct {
	// JobUID is what status holds since the Job was created.
	JobUID types.UID
	// Want is the Job as the operator describes it; nil where that can't be told any more. Then the Job itself says what its
	// pod has to be: a Job's template can't be changed, and the one with that UID was compared when it was created.
	Want *batchv1.Job
	// Job as it was read; nil if it is not there.
	Job *batchv1.Job
	// Pods of the namespace that carry the Job's labels, or at least those that it owns.
	Pods     []corev1.Pod
	Events   []Event
	Expected Expected
	// ImageIDs are those that the operator's own image has on nodes. Any other is refused; none means that it is not compared.
	ImageIDs []string
	Now      time.Time
	// Patience is how long something may hold the pod back; DefaultPatience where it is 0.
	Patience time.Duration
}

// Collected is what became of a Job.
type Collected struct {
	State State
	// Result is there in StateFinished only.
	Result Result
	// Pod is the name of the pod whose log holds the evidence.
	Pod string
	// Reason and Message say what it waits for, or why there is no result. The same state of affairs gives the same text.
	Reason  string
	Message string
	// Ran says that the container ran, as far as anybody knows: then it may have spent all that it was allowed.
	Ran bool
	// Fault says who is the cause, and Retryable whether another attempt may go better by itself.
	Fault     v1alpha1.Fault
	Retryable bool
}

// Outcomes gives what the attempt means to each row of the suite: what the result says, or Unknown; nothing while it runs.
func (c Collected) Outcomes(suite Suite, key []byte, evidence []Evidence) []scorecard.Outcome {
	var list []scorecard.Outcome
	switch c.State {
	case StateFinished:
		for _, r := range c.Result.Rows {
			list = append(list, r.Outcome(key, Findings(evidence, r.Row)))
		}
	case StateFailed:
		for _, row := range suite.Rows() {
			list = append(list, scorecard.Unmeasured(row, c.Fault, c.Reason, c.Message))
		}
	case StateRunning:
	}
	return list
}

// cause is why there is no result.
type cause struct {
	reason, message string
	fault           v1alpha1.Fault
	// final says that another attempt would end the same.
	final bool
}

// Judge says what became of a Job: it runs, it has finished with a result that counts, or it has failed. Nothing but the
// result of the pod that is provably the Job's own is ever taken for one.
func Judge(s Sighting) Collected {
	c := s.judge()
	c.Ran = s.ran()
	return c
}

// ran says whether the container may have sent requests: not if there is a Job that never had a pod, or a pod that never started.
func (s Sighting) ran() bool {
	if s.Job == nil || s.Job.UID != s.JobUID || s.Job.Status.Failed > 0 || s.Job.Status.Succeeded > 0 {
		return true
	}
	return slices.ContainsFunc(s.Pods, func(pod corev1.Pod) bool {
		status := containerStatus(&pod)
		return status != nil && (status.State.Running != nil || status.State.Terminated != nil || status.LastTerminationState.Terminated != nil)
	})
}

func (s Sighting) judge() Collected {
	s.Patience = cmp.Or(s.Patience, DefaultPatience)
	if s.Job == nil {
		return failed(cause{
			ReasonProbeDeleted, "The probe's Job is gone before its result was read: somebody deleted it, or the operator was away for long. It is started again.",
			v1alpha1.FaultOperator, false,
		})
	}
	if s.Job.UID != s.JobUID {
		return failed(forged(s.Job.Namespace, "another Job has the name of the one that the operator created"))
	}
	if s.Want == nil {
		s.Want = s.Job
	}
	if err := SameJob(s.Want, s.Job); err != nil {
		return failed(altered(err))
	}
	pod, c := s.pod()
	switch {
	case c != nil:
		return failed(*c)
	case pod == nil:
		return s.withoutPod()
	}
	if err := SameSpec(s.Want, pod); err != nil {
		return failed(altered(err))
	}
	if status := containerStatus(pod); status != nil && status.State.Terminated != nil {
		return s.ended(pod, status)
	}
	return s.alive(pod)
}

// pod finds the one pod that the Job controls.
func (s Sighting) pod() (*corev1.Pod, *cause) {
	var own, strange []*corev1.Pod
	for i := range s.Pods {
		pod := &s.Pods[i]
		owned := false
		if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
			owned = owner.UID == s.JobUID
		}
		switch {
		case owned && s.guarded(pod):
			own = append(own, pod)
		case owned:
			c := forged(s.Job.Namespace, "a pod says that the probe's Job made it, and lacks the labels or the name that the Job gives")
			return nil, &c
		case pod.Labels[batchv1.JobNameLabel] == s.Job.Name:
			strange = append(strange, pod)
		}
	}
	switch {
	case len(own) == 1:
		return own[0], nil
	case len(own) > 1:
		c := forged(s.Job.Namespace, fmt.Sprintf("the Job has %d pods, and it makes one", len(own)))
		return nil, &c
	case len(strange) > 0:
		c := forged(s.Job.Namespace, "a pod carries the label of the probe's Job, which did not make it")
		return nil, &c
	}
	return nil, nil
}

// guarded says whether a pod is one that the admission policy keeps everybody else away from: it has the labels of its Job's
// template, and a name that begins with the Job's.
func (s Sighting) guarded(pod *corev1.Pod) bool {
	for _, label := range []string{ManagedByLabel, LaunchLabel, SuiteLabel} {
		if pod.Labels[label] != s.Job.Spec.Template.Labels[label] {
			return false
		}
	}
	return strings.HasPrefix(pod.Name, s.Job.Name+"-")
}

// withoutPod judges a Job that has no pod, or none any more.
func (s Sighting) withoutPod() Collected {
	hadPod := s.Job.Status.Failed > 0 || s.Job.Status.Succeeded > 0
	refused, ok := s.newest(s.Job.UID, "FailedCreate")
	switch {
	case ok && !hadPod:
		c := notAdmitted(refused.Message)
		if finished(s.Job) {
			return failed(c)
		}
		return s.held(c)
	case deadlinePassed(s.Job):
		return failed(late())
	case hadPod || finished(s.Job):
		return failed(deleted())
	case s.Job.Spec.Suspend != nil && *s.Job.Spec.Suspend:
		return s.held(cause{
			ReasonProbeSuspended, "Something has suspended the probe's Job, such as a queue that takes each Job of the namespace. " +
				"Exempt Jobs with the label " + ManagedByLabel + "=" + ManagedBy + ".", v1alpha1.FaultOperator, false,
		})
	}
	return s.waiting(ReasonProbePending, "The probe's pod is about to be created.")
}

// ended judges a container that has ended.
func (s Sighting) ended(pod *corev1.Pod, status *corev1.ContainerStatus) Collected {
	end := status.State.Terminated
	clean := end.ExitCode == 0 && end.Signal == 0
	if clean && strings.TrimSpace(end.Message) != "" {
		r, err := Decode([]byte(end.Message), s.Expected)
		switch {
		case err != nil:
			return failed(misspoken(err))
		case !s.ownImage(status.ImageID):
			return failed(cause{
				ReasonProbeAltered, "The probe ran another image than the operator itself, under the same name. Pin the operator's image by its digest.",
				v1alpha1.FaultOperator, true,
			})
		}
		return Collected{State: StateFinished, Result: r, Pod: pod.Name}
	}
	if c := s.interrupted(pod); c != nil {
		return failed(*c)
	}
	switch {
	case end.Reason == "OOMKilled":
		return failed(cause{
			ReasonProbeOutOfMemory, "The probe needed more memory than its limit of " + memoryLimit(s.Want) +
				", which is a defect of LaunchReady if it repeats: please report it.", v1alpha1.FaultOperator, false,
		})
	case end.Reason == "ContainerStatusUnknown":
		return failed(nodeLost())
	case end.Reason == "StartError" || end.Reason == "ContainerCannotRun":
		return failed(notStarted(pod, end.Message))
	case end.Signal != 0 || end.ExitCode > 128:
		return failed(cause{
			ReasonProbeKilled, "A signal ended the probe before it had a result, and the node named no cause. It is started again; if it repeats, see who ends it: " +
				describe(pod.Namespace, "events") + ".", v1alpha1.FaultOperator, false,
		})
	case !clean:
		return failed(cause{
			v1alpha1.ReasonProbeError, fmt.Sprintf("The probe failed with exit code %d: %s. Its log says more; please report it if it repeats.",
				end.ExitCode, quoted(end.Message)), v1alpha1.FaultOperator, false,
		})
	}
	return failed(cause{
		ReasonProbeSilent, "The probe ended without a result, which is a defect of LaunchReady if it repeats: please report it with the pod's log.",
		v1alpha1.FaultOperator, false,
	})
}

// alive judges a pod whose container has not ended, as far as anybody knows.
func (s Sighting) alive(pod *corev1.Pod) Collected {
	if c := s.interrupted(pod); c != nil {
		return failed(*c)
	}
	switch {
	case pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded:
		return failed(notStarted(pod, pod.Status.Reason+": "+pod.Status.Message))
	case pod.DeletionTimestamp != nil:
		// What it still writes counts, so that there is time until it is gone.
		if s.Now.Sub(pod.DeletionTimestamp.Time) > s.Patience {
			return failed(deleted())
		}
		return running(deleted())
	case pod.Status.Phase == corev1.PodUnknown:
		return s.held(nodeLost())
	}
	status := containerStatus(pod)
	if status != nil && status.State.Running != nil {
		return s.waiting(ReasonProbeRunning, "The probe runs.")
	}
	if c := s.heldBack(pod, status); c != nil {
		return s.held(*c)
	}
	return s.waiting(ReasonProbePending, "The probe's pod is about to start.")
}

// interrupted says what ended a pod from outside.
func (s Sighting) interrupted(pod *corev1.Pod) *cause {
	if deadlinePassed(s.Job) {
		c := late()
		return &c
	}
	disruption := podCondition(pod, corev1.DisruptionTarget)
	switch {
	case pod.Status.Reason == "NodeLost":
	case disruption != nil && disruption.Status == corev1.ConditionTrue &&
		(disruption.Reason == "DeletionByTaintManager" || disruption.Reason == "DeletionByPodGC"):
	case disruption != nil && disruption.Status == corev1.ConditionTrue, pod.Status.Reason == "Evicted", pod.Status.Reason == "Preempting":
		return &cause{
			ReasonProbeEvicted, "The probe's pod was evicted or preempted before it had a result. It is started again; if it repeats, give the cluster more room.",
			v1alpha1.FaultOperator, false,
		}
	default:
		return nil
	}
	c := nodeLost()
	return &c
}

// heldBack says what keeps a pod from starting, if anything is known to.
func (s Sighting) heldBack(pod *corev1.Pod, status *corev1.ContainerStatus) *cause {
	if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		return &cause{
			ReasonProbeUnschedulable, "No node takes the probe's pod: " + quoted(c.Message) + ". Make room for 100m CPU and 64Mi of memory, or take away what keeps pods of this namespace off the nodes.",
			v1alpha1.FaultOperator, false,
		}
	}
	var waiting corev1.ContainerStateWaiting
	if status != nil && status.State.Waiting != nil {
		waiting = *status.State.Waiting
	}
	mount, mountFails := s.newest(pod.UID, "FailedMount")
	if secret, identity := s.missingSecret(waiting.Message, mount.Message); secret != "" {
		return &cause{
			ReasonProbeSecretMissing, fmt.Sprintf("Secret %s/%s of identity %s does not exist. Create it, or correct credentialsSecretRef in spec.app.identities.",
				pod.Namespace, secret, identity), v1alpha1.FaultApp, false,
		}
	}
	switch waiting.Reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed":
		c := s.imagePull(pod, waiting)
		return &c
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff":
		c := notStarted(pod, waiting.Message)
		return &c
	}
	if mountFails {
		c := notStarted(pod, mount.Message)
		return &c
	}
	if sandbox, ok := s.newest(pod.UID, "FailedCreatePodSandBox"); ok {
		c := notStarted(pod, sandbox.Message)
		return &c
	}
	return nil
}

// imagePull tells the causes apart that people mend differently. The texts of a runtime change from one attempt to the next
// and go on forever, so that none of them is in the message.
func (s Sighting) imagePull(pod *corev1.Pod, waiting corev1.ContainerStateWaiting) cause {
	texts := []string{waiting.Reason, waiting.Message}
	for _, e := range s.Events {
		if e.About == pod.UID && e.Reason == "Failed" {
			texts = append(texts, e.Message)
		}
	}
	text := strings.ToLower(strings.Join(texts, "\n"))
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	remedy := "See why: " + describe(pod.Namespace, "pods") + "."
	switch {
	case has("invalidimagename"):
		remedy = "Its name is no name of an image: correct it where the operator is installed."
	case has("errimageneverpull"):
		remedy = "The pull policy is Never and the node does not have it: load it there, or change the policy where the operator is installed."
	case has("unauthorized", "denied", "authentication required", "403 forbidden"):
		remedy = "The registry wants credentials: add a pull secret to the ServiceAccount default of this namespace (imagePullSecrets)."
	case has("not found", "manifest unknown"):
		remedy = "The registry does not have it: push it, or correct its name where the operator is installed."
	case has("no such host", "i/o timeout", "connection refused", "deadline exceeded", "tls: ", "x509: "):
		remedy = "The node does not reach the registry: mirror the image, or open the way."
	}
	return cause{
		ReasonProbeImagePull, fmt.Sprintf("The probe's image %s can't be pulled. %s", container(s.Want.Spec.Template.Spec).Image, remedy),
		v1alpha1.FaultOperator, has("invalidimagename", "errimageneverpull"),
	}
}

// missingSecret names the Secret of ours that a text says is not there, and whose it is.
func (s Sighting) missingSecret(texts ...string) (secret, identity string) {
	spec := s.Want.Spec.Template.Spec
	for _, v := range spec.Volumes {
		if v.Secret == nil {
			continue
		}
		missing := fmt.Sprintf("secret %q not found", v.Secret.SecretName)
		if !slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, missing) }) {
			continue
		}
		for _, m := range container(spec).VolumeMounts {
			if m.Name == v.Name {
				return v.Secret.SecretName, strings.TrimPrefix(m.MountPath, CredentialsDir+"/")
			}
		}
	}
	return "", ""
}

// held is a Job that something holds back: for a while it may still go on by itself.
func (s Sighting) held(c cause) Collected {
	if s.Now.Sub(s.Job.CreationTimestamp.Time) > s.Patience {
		return failed(c)
	}
	return running(c)
}

// waiting is a Job that nothing is known to hold back. If its deadline is long over, nobody watches over it.
func (s Sighting) waiting(reason, message string) Collected {
	if d := s.Job.Spec.ActiveDeadlineSeconds; d != nil &&
		s.Now.Sub(s.Job.CreationTimestamp.Time) > time.Duration(*d)*time.Second+s.Patience {
		return failed(late())
	}
	return Collected{State: StateRunning, Reason: reason, Message: message}
}

// newest gives the newest Event about an object with the reason.
func (s Sighting) newest(about types.UID, reason string) (Event, bool) {
	var found Event
	ok := false
	for _, e := range s.Events {
		if e.About == about && e.Reason == reason && (!ok || e.At.After(found.At)) {
			found, ok = e, true
		}
	}
	return found, ok
}

func (s Sighting) ownImage(id string) bool {
	if len(s.ImageIDs) == 0 {
		return true
	}
	got := imageDigest(id)
	return got != "" && slices.ContainsFunc(s.ImageIDs, func(own string) bool { return imageDigest(own) == got })
}

var imageDigestPattern = regexp.MustCompile(`sha256:[0-9a-f]{64}$`)

// imageDigest gives the digest in an image id, which runtimes write with and without a name in front.
func imageDigest(id string) string { return imageDigestPattern.FindString(id) }

func running(c cause) Collected {
	collected := failed(c)
	collected.State = StateRunning
	return collected
}

func failed(c cause) Collected {
	return Collected{State: StateFailed, Reason: c.reason, Message: scorecard.Bounded(c.message), Fault: c.fault, Retryable: !c.final}
}

// misspoken is for a message that is no result of this Job.
func misspoken(err error) cause {
	var p *ProtocolError
	if errors.As(err, &p) && p.Problem == ProblemNonce {
		return cause{
			ReasonProbeReplayed, "The probe's pod gave the result of another Job, so that it counts for nothing. See who can write to pods of this namespace: only the operator's probe should.",
			v1alpha1.FaultApp, false,
		}
	}
	return cause{
		ReasonProbeGarbled, "What the probe left is no result: " + quoted(err.Error()) + ". It is started again; please report it if it repeats.",
		v1alpha1.FaultOperator, false,
	}
}

// notAdmitted is for a pod that the API server refused.
func notAdmitted(message string) cause {
	// The name of the pod that was refused is another one each time.
	text := message
	if _, after, ok := strings.Cut(message, "is forbidden: "); ok {
		text = after
	}
	if name, ok := strings.CutPrefix(text, "exceeded quota: "); ok {
		// What is used up differs from one attempt to the next.
		name, _, _ = strings.Cut(name, ",")
		return cause{
			ReasonProbeQuotaExceeded, "ResourceQuota " + quoted(name) + " of the namespace has no room for the probe's pod: it needs 1 pod, 100m CPU (limit 1) and 64Mi of memory (limit 128Mi). Raise the quota, or free some of it.",
			v1alpha1.FaultOperator, false,
		}
	}
	switch {
	case strings.Contains(text, "violates PodSecurity"):
		return cause{
			ReasonProbePodRefused, "Pod Security refuses the probe's pod, which keeps to the profile restricted: " + quoted(text) + ". A webhook may have changed it: exempt pods with the label " + ManagedByLabel + "=" + ManagedBy + ".",
			v1alpha1.FaultOperator, true,
		}
	case strings.Contains(text, "failed quota: "):
		return cause{
			ReasonProbeQuotaExceeded, "A ResourceQuota wants what the probe's pod does not say: " + quoted(text) + ". Add a LimitRange with a default for it.",
			v1alpha1.FaultOperator, false,
		}
	case text != message, strings.Contains(text, "denied the request"):
		return cause{
			ReasonProbePodRefused, "The probe's pod is refused: " + quoted(text) + ". Exempt pods with the label " + ManagedByLabel + "=" + ManagedBy + ", or raise the limit that is named.",
			v1alpha1.FaultOperator, true,
		}
	}
	return cause{
		ReasonProbePodRefused, "The probe's pod can't be created: " + quoted(text) + ". Mend what is named.",
		v1alpha1.FaultOperator, false,
	}
}

func notStarted(pod *corev1.Pod, message string) cause {
	return cause{
		ReasonProbeNotStarted, "The node could not start the probe: " + quoted(message) + ". See what the node says: " + describe(pod.Namespace, "pods") + ".",
		v1alpha1.FaultOperator, false,
	}
}

func forged(namespace, what string) cause {
	return cause{
		ReasonProbeForged, "A probe is not the operator's own, so that its result counts for nothing: " + what + ". See who can create Jobs and pods in namespace " + namespace + ".",
		v1alpha1.FaultApp, false,
	}
}

func altered(err error) cause {
	return cause{
		ReasonProbeAltered, "Something changed the probe on its way, so that its result counts for nothing: it is " + quoted(err.Error()) + ". Exempt pods with the label " +
			ManagedByLabel + "=" + ManagedBy + " from what injects or rewrites.",
		v1alpha1.FaultOperator, true,
	}
}

func late() cause {
	return cause{
		v1alpha1.ReasonTimeout, "The probe did not end before its deadline. It is started again; if it repeats, give the suite more time.",
		v1alpha1.FaultOperator, false,
	}
}

func deleted() cause {
	return cause{
		ReasonProbeDeleted, "The probe's pod was deleted before its result was read. It is started again; see who deletes pods of this namespace if it repeats.",
		v1alpha1.FaultOperator, false,
	}
}

func nodeLost() cause {
	return cause{
		ReasonProbeNodeLost, "The node that the probe ran on is gone or does not answer. It is started again on another.",
		v1alpha1.FaultOperator, false,
	}
}

func memoryLimit(job *batchv1.Job) string {
	return container(job.Spec.Template.Spec).Resources.Limits.Memory().String()
}

func describe(namespace, what string) string {
	if what == "events" {
		return "kubectl events -n " + namespace
	}
	return "kubectl describe pods -n " + namespace + " -l " + ManagedByLabel + "=" + ManagedBy
}

// quoted marks text that others wrote as such.
func quoted(text string) string {
	text = strings.TrimRight(strings.TrimSpace(text), ".:")
	if text == "" {
		return "it left no word"
	}
	return "“" + scorecard.Foreign(text) + "”"
}

func deadlinePassed(job *batchv1.Job) bool {
	c := jobCondition(job, batchv1.JobFailed)
	if c == nil {
		c = jobCondition(job, batchv1.JobFailureTarget)
	}
	return c != nil && c.Reason == batchv1.JobReasonDeadlineExceeded
}

func finished(job *batchv1.Job) bool {
	return jobCondition(job, batchv1.JobFailed) != nil || jobCondition(job, batchv1.JobComplete) != nil
}

// jobCondition gives a condition of the Job that is True.
func jobCondition(job *batchv1.Job, t batchv1.JobConditionType) *batchv1.JobCondition {
	i := slices.IndexFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == t && c.Status == corev1.ConditionTrue
	})
	if i < 0 {
		return nil
	}
	return &job.Status.Conditions[i]
}

func podCondition(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == t })
	if i < 0 {
		return nil
	}
	return &pod.Status.Conditions[i]
}

func containerStatus(pod *corev1.Pod) *corev1.ContainerStatus {
	i := slices.IndexFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.Name == ContainerName })
	if i < 0 {
		return nil
	}
	return &pod.Status.ContainerStatuses[i]
}
