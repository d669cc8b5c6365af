// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	uidOfJob    = types.UID("uid-of-the-job")
	uidOfPod    = types.UID("uid-of-the-pod")
	imageOfOurs = "ghcr.io/launchready/launchready@sha256:1111111111111111111111111111111111111111111111111111111111111111"
)

// sighted is a Job half a minute after it was created, whose probe runs; each change makes something else of it.
func sighted(t *testing.T, changes ...func(*Sighting)) Sighting {
	t.Helper()
	want := testJob(t)
	job := fromServer(t, want)
	job.UID, job.CreationTimestamp = uidOfJob, metav1.NewTime(noon)
	// A condition of another type stands first, so that nobody gets by with an index.
	job.Status.Conditions = []batchv1.JobCondition{{Type: "Other", Status: corev1.ConditionTrue, Reason: "DeadlineExceeded"}}
	pod := testPod(t, want, uidOfJob)
	pod.UID = uidOfPod
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: "Other", Status: corev1.ConditionTrue, Reason: "DeletionByTaintManager"},
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "other", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}},
		{Name: ContainerName, ImageID: imageOfOurs, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
	}
	s := Sighting{
		JobUID: uidOfJob, Want: want, Job: job, Pods: []corev1.Pod{pod}, Expected: expected, Now: noon.Add(30 * time.Second),
		ImageIDs: []string{"docker-pullable://mirror.example.com/lr@sha256:" + strings.Repeat("1", 64)},
	}
	for _, c := range changes {
		c(&s)
	}
	return s
}

func goodMessage(t *testing.T) string {
	t.Helper()
	data, err := Encode(testResult())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func state(set corev1.ContainerState) func(*Sighting) {
	return func(s *Sighting) {
		s.Pods[0].Status.ContainerStatuses[1].State = set
	}
}

func end(code int32, reason, message string) func(*Sighting) {
	return func(s *Sighting) {
		state(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}})(s)
		s.Pods[0].Status.Phase = corev1.PodSucceeded
		if code != 0 {
			s.Pods[0].Status.Phase = corev1.PodFailed
		}
	}
}

func waits(reason, message string) func(*Sighting) {
	return func(s *Sighting) {
		state(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})(s)
		s.Pods[0].Status.Phase = corev1.PodPending
	}
}

func noPod(s *Sighting) { s.Pods = nil }

func later(d time.Duration) func(*Sighting) {
	return func(s *Sighting) { s.Now = noon.Add(d) }
}

func event(about types.UID, reason, message string) func(*Sighting) {
	return func(s *Sighting) {
		s.Events = append(s.Events, Event{About: about, Reason: reason, Message: message, At: noon.Add(time.Duration(len(s.Events)) * time.Second)})
	}
}

func jobIs(c batchv1.JobConditionType, reason string) func(*Sighting) {
	return func(s *Sighting) {
		s.Job.Status.Failed = 1
		s.Job.Status.Conditions = append(s.Job.Status.Conditions, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue, Reason: reason})
	}
}

func podIs(c corev1.PodConditionType, status corev1.ConditionStatus, reason, message string) func(*Sighting) {
	return func(s *Sighting) {
		conditions := &s.Pods[0].Status.Conditions
		*conditions = slices.DeleteFunc(*conditions, func(p corev1.PodCondition) bool { return p.Type == c })
		*conditions = append(*conditions, corev1.PodCondition{Type: c, Status: status, Reason: reason, Message: message})
	}
}

func unscheduled(s *Sighting) {
	s.Pods[0].Status.Phase, s.Pods[0].Status.ContainerStatuses = corev1.PodPending, nil
}

func TestWhatBecameOfAJob(t *testing.T) {
	const (
		quota    = `Error creating: pods "launchready-probe-chat-access-4b7711bf-x7f2k" is forbidden: exceeded quota: compute, requested: limits.cpu=1, used: limits.cpu=4, limited: limits.cpu=4`
		security = `Error creating: pods "launchready-probe-chat-access-4b7711bf-x7f2k" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true`
		limits   = `Error creating: pods "launchready-probe-chat-access-4b7711bf-x7f2k" is forbidden: maximum cpu usage per Container is 500m, but limit is 1`
		webhook  = `Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: no \x1b[31m`
		account  = `Error creating: pods "launchready-probe-chat-access-4b7711bf-x7f2k" is forbidden: failed quota: pods-quota: must specify requests.ephemeral-storage for: probe`
		mount    = `MountVolume.SetUp failed for volume "credentials-1" : secret "probe-bob" not found`
	)
	past := later(DefaultPatience + time.Second)
	overdue := later(time.Hour)
	for name, test := range map[string]struct {
		seen      []func(*Sighting)
		state     State
		reason    string
		says      string
		fault     v1alpha1.Fault
		retryable bool
	}{
		"it runs":  {nil, StateRunning, ReasonProbeRunning, "runs", "", false},
		"it waits": {[]func(*Sighting){waits("ContainerCreating", "")}, StateRunning, ReasonProbePending, "start", "", false},
		"no pod yet": {
			[]func(*Sighting){noPod}, StateRunning, ReasonProbePending, "created", "", false,
		},
		"nobody watches over it": {[]func(*Sighting){overdue}, StateFailed, v1alpha1.ReasonTimeout, "deadline", v1alpha1.FaultOperator, true},
		"nobody makes its pod":   {[]func(*Sighting){noPod, overdue}, StateFailed, v1alpha1.ReasonTimeout, "deadline", v1alpha1.FaultOperator, true},
		"it is late": {
			[]func(*Sighting){noPod, jobIs(batchv1.JobFailed, "DeadlineExceeded")},
			StateFailed, v1alpha1.ReasonTimeout, "more time", v1alpha1.FaultOperator, true,
		},
		"it is late and its pod ends": {
			[]func(*Sighting){jobIs(batchv1.JobFailureTarget, "DeadlineExceeded"), end(137, "Error", "")},
			StateFailed, v1alpha1.ReasonTimeout, "more time", v1alpha1.FaultOperator, true,
		},
		"it was late but had its result": {
			[]func(*Sighting){jobIs(batchv1.JobFailed, "DeadlineExceeded"), func(s *Sighting) { end(0, "Completed", goodMessage(t))(s) }},
			StateFinished, "", "", "", false,
		},
		"killed": {
			[]func(*Sighting){end(137, "Error", "")}, StateFailed, ReasonProbeKilled, "kubectl events -n shop", v1alpha1.FaultOperator, true,
		},
		"killed with a result": {
			[]func(*Sighting){func(s *Sighting) { end(143, "Error", goodMessage(t))(s) }}, StateFailed, ReasonProbeKilled, "signal", v1alpha1.FaultOperator, true,
		},
		"killed by a signal that the runtime names": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "", goodMessage(t))(s)
				s.Pods[0].Status.ContainerStatuses[1].State.Terminated.Signal = 9
			}}, StateFailed, ReasonProbeKilled, "signal", v1alpha1.FaultOperator, true,
		},
		"out of memory": {
			[]func(*Sighting){end(137, "OOMKilled", "")}, StateFailed, ReasonProbeOutOfMemory, "128Mi", v1alpha1.FaultOperator, true,
		},
		"evicted by the kubelet": {
			[]func(*Sighting){end(137, "Error", ""), func(s *Sighting) { s.Pods[0].Status.Reason = "Evicted" }},
			StateFailed, ReasonProbeEvicted, "evicted", v1alpha1.FaultOperator, true,
		},
		"evicted before it started": {
			[]func(*Sighting){unscheduled, func(s *Sighting) { s.Pods[0].Status.Phase, s.Pods[0].Status.Reason = corev1.PodFailed, "Evicted" }},
			StateFailed, ReasonProbeEvicted, "evicted", v1alpha1.FaultOperator, true,
		},
		"preempted": {
			[]func(*Sighting){end(143, "Error", ""), podIs(corev1.DisruptionTarget, corev1.ConditionTrue, "PreemptionByScheduler", "")},
			StateFailed, ReasonProbeEvicted, "room", v1alpha1.FaultOperator, true,
		},
		"its node is gone": {
			[]func(*Sighting){podIs(corev1.DisruptionTarget, corev1.ConditionTrue, "DeletionByTaintManager", "")},
			StateFailed, ReasonProbeNodeLost, "node", v1alpha1.FaultOperator, true,
		},
		"its node forgot": {
			[]func(*Sighting){end(137, "ContainerStatusUnknown", "")}, StateFailed, ReasonProbeNodeLost, "node", v1alpha1.FaultOperator, true,
		},
		"its node does not answer": {
			[]func(*Sighting){func(s *Sighting) { s.Pods[0].Status.Phase = corev1.PodUnknown }},
			StateRunning, ReasonProbeNodeLost, "node", v1alpha1.FaultOperator, true,
		},
		"its node refuses it": {
			[]func(*Sighting){unscheduled, func(s *Sighting) {
				s.Pods[0].Status.Phase, s.Pods[0].Status.Reason, s.Pods[0].Status.Message = corev1.PodFailed, "OutOfcpu", "Node didn't have enough resource"
			}},
			StateFailed, ReasonProbeNotStarted, "OutOfcpu", v1alpha1.FaultOperator, true,
		},
		"its pod is being deleted": {
			[]func(*Sighting){func(s *Sighting) { s.Pods[0].DeletionTimestamp = ptr.To(metav1.NewTime(noon)) }},
			StateRunning, ReasonProbeDeleted, "deleted", v1alpha1.FaultOperator, true,
		},
		"its pod is deleted and stays": {
			[]func(*Sighting){past, func(s *Sighting) { s.Pods[0].DeletionTimestamp = ptr.To(metav1.NewTime(noon)) }},
			StateFailed, ReasonProbeDeleted, "deleted", v1alpha1.FaultOperator, true,
		},
		"its pod was deleted": {
			[]func(*Sighting){noPod, jobIs(batchv1.JobFailed, "BackoffLimitExceeded")},
			StateFailed, ReasonProbeDeleted, "who deletes", v1alpha1.FaultOperator, true,
		},
		"its pod was deleted after it had ended well": {
			[]func(*Sighting){noPod, jobIs(batchv1.JobComplete, "")}, StateFailed, ReasonProbeDeleted, "deleted", v1alpha1.FaultOperator, true,
		},
		"its Job was deleted": {
			[]func(*Sighting){func(s *Sighting) { s.Job = nil }}, StateFailed, ReasonProbeDeleted, "gone", v1alpha1.FaultOperator, true,
		},
		"no word": {
			[]func(*Sighting){end(0, "Completed", " \n")}, StateFailed, ReasonProbeSilent, "report it", v1alpha1.FaultOperator, true,
		},
		"a crash": {
			[]func(*Sighting){end(2, "Error", "panic: \x1b[31m")}, StateFailed, v1alpha1.ReasonProbeError, `exit code 2: “panic: \u{1B}[31m”`, v1alpha1.FaultOperator, true,
		},
		"a crash after a result": {
			[]func(*Sighting){func(s *Sighting) { end(2, "Error", goodMessage(t))(s) }}, StateFailed, v1alpha1.ReasonProbeError, "exit code 2", v1alpha1.FaultOperator, true,
		},
		"nonsense": {
			[]func(*Sighting){end(0, "Completed", `{"verdict":"Pass"}`)}, StateFailed, ReasonProbeGarbled, "schema version", v1alpha1.FaultOperator, true,
		},
		"a replay": {
			[]func(*Sighting){func(s *Sighting) { end(0, "Completed", goodMessage(t))(s); s.Expected.Nonce = "another" }},
			StateFailed, ReasonProbeReplayed, "another Job", v1alpha1.FaultApp, true,
		},
		"another Job of that name": {
			[]func(*Sighting){func(s *Sighting) { s.Job.UID = "x" }}, StateFailed, ReasonProbeForged, "another Job", v1alpha1.FaultApp, true,
		},
		"a pod that nobody made": {
			[]func(*Sighting){func(s *Sighting) { end(0, "Completed", goodMessage(t))(s); s.Pods[0].OwnerReferences = nil }},
			StateFailed, ReasonProbeForged, "did not make it", v1alpha1.FaultApp, true,
		},
		"a pod of an earlier Job": {
			[]func(*Sighting){func(s *Sighting) { end(0, "Completed", goodMessage(t))(s); s.Pods[0].OwnerReferences[0].UID = "x" }},
			StateFailed, ReasonProbeForged, "did not make it", v1alpha1.FaultApp, true,
		},
		"a pod that owns itself in part": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "Completed", goodMessage(t))(s)
				s.Pods[0].OwnerReferences[0].Controller = nil
			}},
			StateFailed, ReasonProbeForged, "did not make it", v1alpha1.FaultApp, true,
		},
		"a pod that claims the Job without its labels": {
			[]func(*Sighting){func(s *Sighting) { end(0, "Completed", goodMessage(t))(s); delete(s.Pods[0].Labels, SuiteLabel) }},
			StateFailed, ReasonProbeForged, "lacks the labels or the name", v1alpha1.FaultApp, true,
		},
		"a pod that claims the Job by another name": {
			[]func(*Sighting){func(s *Sighting) { end(0, "Completed", goodMessage(t))(s); s.Pods[0].Name = "foo" }},
			StateFailed, ReasonProbeForged, "lacks the labels or the name", v1alpha1.FaultApp, true,
		},
		"a pod that takes its time to end": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "Completed", goodMessage(t))(s)
				s.Pods[0].Spec.TerminationGracePeriodSeconds = ptr.To[int64](3600)
			}},
			StateFailed, ReasonProbeAltered, "terminationGracePeriodSeconds", v1alpha1.FaultOperator, false,
		},
		"two pods": {
			[]func(*Sighting){func(s *Sighting) { end(0, "Completed", goodMessage(t))(s); s.Pods = append(s.Pods, s.Pods[0]) }},
			StateFailed, ReasonProbeForged, "2 pods", v1alpha1.FaultApp, true,
		},
		"a stranger beside it": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "Completed", goodMessage(t))(s)
				stranger := *s.Pods[0].DeepCopy()
				stranger.OwnerReferences = nil
				s.Pods = append([]corev1.Pod{stranger}, s.Pods...)
			}},
			StateFinished, "", "", "", false,
		},
		"a sidecar": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "Completed", goodMessage(t))(s)
				s.Pods[0].Spec.Containers = append(s.Pods[0].Spec.Containers, corev1.Container{Name: "istio-proxy"})
			}},
			StateFailed, ReasonProbeAltered, "istio-proxy was added", v1alpha1.FaultOperator, false,
		},
		"another template": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "Completed", goodMessage(t))(s)
				s.Job.Spec.Template.Spec.Containers[0].Image = "evil"
				s.Pods[0].Spec.Containers[0].Image = "evil"
			}},
			StateFailed, ReasonProbeAltered, "image", v1alpha1.FaultOperator, false,
		},
		"a Job that was widened": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "Completed", goodMessage(t))(s)
				s.Job.Spec.Parallelism = ptr.To[int32](5)
			}},
			StateFailed, ReasonProbeAltered, "limits of the Job", v1alpha1.FaultOperator, false,
		},
		"another image under the same name": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "Completed", goodMessage(t))(s)
				s.Pods[0].Status.ContainerStatuses[1].ImageID = "sha256:" + strings.Repeat("2", 64)
			}},
			StateFailed, ReasonProbeAltered, "digest", v1alpha1.FaultOperator, false,
		},
		"no image id": {
			[]func(*Sighting){func(s *Sighting) {
				end(0, "Completed", goodMessage(t))(s)
				s.Pods[0].Status.ContainerStatuses[1].ImageID = ""
			}},
			StateFailed, ReasonProbeAltered, "digest", v1alpha1.FaultOperator, false,
		},
		"it has finished": {
			[]func(*Sighting){func(s *Sighting) { end(0, "Completed", goodMessage(t))(s) }}, StateFinished, "", "", "", false,
		},
		"it has finished, and its operator knows no Job any more": {
			[]func(*Sighting){func(s *Sighting) { end(0, "Completed", goodMessage(t))(s); s.Want = nil }}, StateFinished, "", "", "", false,
		},
		"the image is not there": {
			[]func(*Sighting){waits("ErrImagePull", `failed to pull image: ghcr.io/launchready/launchready:v0.2.0: not found`)},
			StateRunning, ReasonProbeImagePull, "does not have it", v1alpha1.FaultOperator, true,
		},
		"the image is still not there": {
			[]func(*Sighting){past, waits("ImagePullBackOff", `Back-off pulling image`), event(uidOfPod, "Failed", "Failed to pull image: not found")},
			StateFailed, ReasonProbeImagePull, "does not have it", v1alpha1.FaultOperator, true,
		},
		"the registry refuses": {
			[]func(*Sighting){past, waits("ImagePullBackOff", `pull access denied, 401 Unauthorized`)},
			StateFailed, ReasonProbeImagePull, "imagePullSecrets", v1alpha1.FaultOperator, true,
		},
		"the registry is away": {
			[]func(*Sighting){past, waits("ErrImagePull", `dial tcp: lookup ghcr.io: no such host`)},
			StateFailed, ReasonProbeImagePull, "mirror", v1alpha1.FaultOperator, true,
		},
		"the image has no name": {
			[]func(*Sighting){past, waits("InvalidImageName", `couldn't parse image name`)},
			StateFailed, ReasonProbeImagePull, "no name of an image", v1alpha1.FaultOperator, false,
		},
		"the image may not be pulled": {
			[]func(*Sighting){past, waits("ErrImageNeverPull", ``)}, StateFailed, ReasonProbeImagePull, "Never", v1alpha1.FaultOperator, false,
		},
		"a Secret is missing": {
			[]func(*Sighting){waits("ContainerCreating", ""), event(uidOfPod, "FailedMount", mount)},
			StateRunning, ReasonProbeSecretMissing, "Secret shop/probe-bob of identity bob", v1alpha1.FaultApp, true,
		},
		"a Secret is still missing": {
			[]func(*Sighting){past, waits("CreateContainerConfigError", `secret "probe-alice" not found`)},
			StateFailed, ReasonProbeSecretMissing, "Secret shop/probe-alice of identity alice", v1alpha1.FaultApp, true,
		},
		"a Secret that is not ours": {
			[]func(*Sighting){past, waits("CreateContainerConfigError", `secret "other" not found`)},
			StateFailed, ReasonProbeNotStarted, `“secret "other" not found”`, v1alpha1.FaultOperator, true,
		},
		"a volume that can't be mounted": {
			[]func(*Sighting){past, waits("ContainerCreating", ""), event(uidOfPod, "FailedMount", "timed out")},
			StateFailed, ReasonProbeNotStarted, "timed out", v1alpha1.FaultOperator, true,
		},
		"no sandbox": {
			[]func(*Sighting){past, waits("ContainerCreating", ""), event(uidOfPod, "FailedCreatePodSandBox", "no addresses left")},
			StateFailed, ReasonProbeNotStarted, "no addresses left", v1alpha1.FaultOperator, true,
		},
		"the program is not there": {
			[]func(*Sighting){end(128, "StartError", "exec: no such file")}, StateFailed, ReasonProbeNotStarted, "no such file", v1alpha1.FaultOperator, true,
		},
		"no node": {
			[]func(*Sighting){unscheduled, podIs(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/3 nodes are available: 3 Insufficient cpu.")},
			StateRunning, ReasonProbeUnschedulable, "3 Insufficient cpu", v1alpha1.FaultOperator, true,
		},
		"still no node": {
			[]func(*Sighting){past, unscheduled, podIs(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/3 nodes are available")},
			StateFailed, ReasonProbeUnschedulable, "Make room", v1alpha1.FaultOperator, true,
		},
		"no node yet, and more patience": {
			[]func(*Sighting){past, func(s *Sighting) { s.Patience = time.Hour }, unscheduled, podIs(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "m")},
			StateRunning, ReasonProbeUnschedulable, "Make room", v1alpha1.FaultOperator, true,
		},
		"the quota is full": {
			[]func(*Sighting){noPod, event(uidOfJob, "FailedCreate", quota)},
			StateRunning, ReasonProbeQuotaExceeded, "ResourceQuota “compute” of the namespace", v1alpha1.FaultOperator, true,
		},
		"the quota is still full": {
			[]func(*Sighting){noPod, past, event(uidOfJob, "FailedCreate", security), event(uidOfJob, "FailedCreate", quota)},
			StateFailed, ReasonProbeQuotaExceeded, "Raise the quota", v1alpha1.FaultOperator, true,
		},
		"the quota was full until the deadline": {
			[]func(*Sighting){noPod, event(uidOfJob, "FailedCreate", quota), jobIs(batchv1.JobFailed, "DeadlineExceeded"), func(s *Sighting) { s.Job.Status.Failed = 0 }},
			StateFailed, ReasonProbeQuotaExceeded, "Raise the quota", v1alpha1.FaultOperator, true,
		},
		"the quota wants more said": {
			[]func(*Sighting){noPod, past, event(uidOfJob, "FailedCreate", account)}, StateFailed, ReasonProbeQuotaExceeded, "LimitRange", v1alpha1.FaultOperator, true,
		},
		"the quota of another Job": {
			[]func(*Sighting){noPod, event("x", "FailedCreate", quota)}, StateRunning, ReasonProbePending, "created", "", false,
		},
		"Pod Security refuses": {
			[]func(*Sighting){noPod, past, event(uidOfJob, "FailedCreate", security)},
			StateFailed, ReasonProbePodRefused, "Pod Security", v1alpha1.FaultOperator, false,
		},
		"a limit range refuses": {
			[]func(*Sighting){noPod, past, event(uidOfJob, "FailedCreate", limits)},
			StateFailed, ReasonProbePodRefused, "“maximum cpu usage", v1alpha1.FaultOperator, false,
		},
		"a webhook refuses": {
			[]func(*Sighting){noPod, past, event(uidOfJob, "FailedCreate", webhook)},
			StateFailed, ReasonProbePodRefused, "denied the request", v1alpha1.FaultOperator, false,
		},
		"the API server errs": {
			[]func(*Sighting){noPod, past, event(uidOfJob, "FailedCreate", "Error creating: etcdserver: timeout")},
			StateFailed, ReasonProbePodRefused, "etcdserver", v1alpha1.FaultOperator, true,
		},
		"a queue holds it": {
			[]func(*Sighting){noPod, past, func(s *Sighting) { s.Job.Spec.Suspend = ptr.To(true) }},
			StateFailed, ReasonProbeSuspended, "queue", v1alpha1.FaultOperator, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Judge(sighted(t, test.seen...))
			if got.State != test.state || got.Reason != test.reason || got.Fault != test.fault || got.Retryable != test.retryable {
				t.Errorf("it is %s %s, fault %q, retryable %t: %s", got.State, got.Reason, got.Fault, got.Retryable, got.Message)
			}
			if !strings.Contains(got.Message, test.says) {
				t.Errorf("it says %q and not %q", got.Message, test.says)
			}
			if strings.Contains(got.Message, "x7f2k") || strings.ContainsRune(got.Message, '\x1b') || len(got.Message) > 1024 {
				t.Errorf("what others wrote stands in %q as it came", got.Message)
			}
			if (got.State == StateFinished) != (got.Result.Nonce != "") {
				t.Errorf("state %s with result %+v", got.State, got.Result)
			}
			for _, o := range got.Outcomes(SuiteAccess, testKey, nil) {
				if o.Verdict == v1alpha1.VerdictPass && got.State != StateFinished {
					t.Errorf("%s passes without a result", o.Row)
				}
			}
		})
	}
}

func TestACollectedResultIsTheProbes(t *testing.T) {
	got := Judge(sighted(t, func(s *Sighting) { end(0, "Completed", goodMessage(t))(s) }))
	if diff := cmp.Diff(testResult(), got.Result); diff != "" {
		t.Errorf("(-written +collected):\n%s", diff)
	}
	if !strings.HasPrefix(got.Pod, "launchready-probe-chat-access-") {
		t.Errorf("the evidence is looked for in pod %q", got.Pod)
	}
	var verdicts []string
	for _, o := range got.Outcomes(SuiteAccess, testKey, nil) {
		verdicts = append(verdicts, string(o.Row)+" "+string(o.Verdict))
	}
	if diff := cmp.Diff([]string{"AuthEnforced Pass", "TenantIsolated Fail"}, verdicts); diff != "" {
		t.Error(diff)
	}
	late := Judge(sighted(t, noPod, jobIs(batchv1.JobFailed, "DeadlineExceeded")))
	for _, o := range late.Outcomes(SuiteAccess, testKey, nil) {
		if o.Verdict != v1alpha1.VerdictUnknown || o.Reason != v1alpha1.ReasonTimeout || o.Fault != v1alpha1.FaultOperator {
			t.Errorf("%+v", o)
		}
	}
}

func TestWhatOthersWroteIsShort(t *testing.T) {
	got := Judge(sighted(t, end(2, "Error", strings.Repeat("long ", 800))))
	if len(got.Message) > 400 || !strings.HasSuffix(got.Message, "please report it if it repeats.") {
		t.Errorf("it says %q", got.Message)
	}
}

// The texts of a runtime alternate while it tries again; the message does not, for each change would be a write.
func TestTheMessageOfAPullStaysTheSame(t *testing.T) {
	failed := event(uidOfPod, "Failed", `Failed to pull image "x": rpc error: code = NotFound desc = not found`)
	a := Judge(sighted(t, failed, waits("ErrImagePull", "rpc error: code = NotFound desc = not found")))
	b := Judge(sighted(t, failed, waits("ImagePullBackOff", `Back-off pulling image "x"`), later(40*time.Second)))
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}
