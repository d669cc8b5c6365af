// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
)

var rules = v1alpha1.ProbeRules{MaxRequestsPerRun: ptr.To[int32](1000), MaxChatsPerDay: ptr.To[int32](25), MaxSignUpsPerDay: ptr.To[int32](7)}

// spent is what a budget has given out.
type spent struct {
	day               string
	runs, chats, sign int32
	requests          int64
}

func TestBudgetOfADay(t *testing.T) {
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	plan := probe.Plan{Chats: 10, SignUps: 3}
	result := func(requests, chats, signUps int) probe.Collected {
		return probe.Collected{State: probe.StateFinished, Result: probe.Result{Requests: requests, Chats: chats, SignUps: signUps}, Ran: true}
	}
	for name, test := range map[string]struct {
		ends     []probe.Collected // a run each; one that has no State runs on
		later    time.Duration
		want     spent
		shortage string
	}{
		"nothing yet":                     {nil, 0, spent{day: "2026-11-24"}, ""},
		"one that runs":                   {[]probe.Collected{{}}, 0, spent{day: "2026-11-24", runs: 1, requests: 1000, chats: 10, sign: 3}, ""},
		"one that told":                   {[]probe.Collected{result(400, 6, 2)}, 0, spent{day: "2026-11-24", runs: 1, requests: 400, chats: 6, sign: 2}, ""},
		"one that was killed":             {[]probe.Collected{{State: probe.StateFailed, Ran: true}}, 0, spent{day: "2026-11-24", runs: 1, requests: 1000, chats: 10, sign: 3}, ""},
		"one that never started":          {[]probe.Collected{{State: probe.StateFailed}}, 0, spent{day: "2026-11-24", runs: 1}, ""},
		"as much as there is":             {[]probe.Collected{result(1, 10, 0), result(1, 5, 0)}, 0, spent{day: "2026-11-24", runs: 2, requests: 2, chats: 15}, ""},
		"chats are used up":               {[]probe.Collected{result(1, 10, 0), result(1, 6, 0)}, 0, spent{day: "2026-11-24", runs: 2, requests: 2, chats: 16}, probe.ReasonProbeBudgetSpent},
		"sign-ups are used up":            {[]probe.Collected{result(1, 0, 3), result(1, 0, 2)}, 0, spent{day: "2026-11-24", runs: 2, requests: 2, sign: 5}, probe.ReasonProbeBudgetSpent},
		"the next day":                    {[]probe.Collected{result(1, 10, 3), result(1, 10, 3)}, 12 * time.Hour, spent{day: "2026-11-25"}, ""},
		"one that runs over midnight":     {[]probe.Collected{result(1, 10, 3), {}}, 12 * time.Hour, spent{day: "2026-11-25", requests: 1000, chats: 10, sign: 3}, ""},
		"a moment before the next day":    {[]probe.Collected{result(1, 10, 3), result(1, 10, 3)}, 12*time.Hour - 1, spent{day: "2026-11-24", runs: 2, requests: 2, chats: 20, sign: 6}, probe.ReasonProbeBudgetSpent},
		"two that ended without a result": {[]probe.Collected{{State: probe.StateFailed, Ran: true}, {State: probe.StateFailed, Ran: true}}, 0, spent{day: "2026-11-24", runs: 2, requests: 2000, chats: 20, sign: 6}, probe.ReasonProbeBudgetSpent},
	} {
		t.Run(name, func(t *testing.T) {
			var status v1alpha1.LaunchReadinessStatus
			pass := func(now time.Time) *budget { return budgetOf(status, rules, now) }
			for _, end := range test.ends {
				b := pass(noon)
				p := b.plan(plan)
				b.reserve(p)
				status.ProbeBudget, status.Probes = b.status(status.ProbeBudget, p), []v1alpha1.Probe{{Outcome: v1alpha1.ProbeRunning, Planned: &p}}
				if end.State == "" {
					continue
				}
				b = pass(noon)
				b.settle(status.Probes[0], end)
				status.ProbeBudget, status.Probes[0].Outcome = b.status(status.ProbeBudget, p), v1alpha1.ProbeFinished
			}
			b := pass(noon.Add(test.later))
			got := spent{day: b.Day, runs: *b.Runs, requests: *b.Requests, chats: *b.Chats, sign: *b.SignUps}
			if got != test.want {
				t.Errorf("spent %+v, want %+v", got, test.want)
			}
			if reason, message, again := b.shortage(b.plan(plan)); reason != test.shortage || (reason != "") != (message != "" && again > 0) {
				t.Errorf("the shortage is %q, %q, %s", reason, message, again)
			}
		})
	}
}

func TestShortageSaysWhatToRaise(t *testing.T) {
	b := budgetOf(v1alpha1.LaunchReadinessStatus{}, rules, time.Date(2026, 11, 24, 23, 59, 0, 0, time.UTC))
	reason, message, _ := b.shortage(b.plan(probe.Plan{Chats: 26}))
	if reason != probe.ReasonProbeBudgetTooSmall || !strings.Contains(message, "A run may need 26 questions to the chat, and the policies in force allow 25 a day. Raise spec.probes.maxChatsPerDay") {
		t.Errorf("%s: %s", reason, message)
	}
	*b.SignUps = 6
	reason, message, again := b.shortage(b.plan(probe.Plan{SignUps: 3}))
	if reason != probe.ReasonProbeBudgetSpent || !strings.Contains(message, "6 sign-ups on 2026-11-24 (UTC)") || !strings.Contains(message, "spec.probes.maxSignUpsPerDay") || again != time.Minute {
		t.Errorf("%s: %s; again in %s", reason, message, again)
	}
}

// ask describes a chat, with what it takes a minute where that is not 0.
func ask(rate int32) func(*v1alpha1.LaunchReadiness) {
	return func(lr *v1alpha1.LaunchReadiness) {
		lr.Spec.App.Chat = &v1alpha1.Chat{Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/api/chat", Body: "$(prompt)"}, Reply: "response.text"}
		if rate > 0 {
			lr.Spec.App.Chat.RatePerMinute = &rate
		}
	}
}

// bindProbes binds the app to rules of probes, and to advice about its rows.
func (p *probedApp) bindProbes(rules v1alpha1.ProbeRules) {
	p.Helper()
	policy := p.bindNothing(v1alpha1.RowDemand{Row: v1alpha1.RowTenantIsolated, Enforcement: v1alpha1.EnforcementAdvisory}, v1alpha1.RowDemand{Row: v1alpha1.RowAuthEnforced, Enforcement: v1alpha1.EnforcementAdvisory})
	policy.Spec.Probes = &rules
	if err := p.client.Update(p.Context(), policy); err != nil {
		p.Fatal(err)
	}
}

func TestQuestionsOfADayAreSharedByAllRuns(t *testing.T) {
	p := newProbed(t)
	ask(0)(p.launch)
	p.bindProbes(v1alpha1.ProbeRules{MaxChatsPerDay: ptr.To[int32](25), MaxRequestsPerRun: ptr.To[int32](600)})
	// Noon, so that the day does not end within the test; of yesterday, for the API server's clock tells the age of a Job.
	p.clock.SetTime(time.Now().Truncate(24 * time.Hour).Add(-12 * time.Hour))
	lr := p.pass()
	if got := *lr.Status.ProbeBudget.Chats; got != 10 {
		t.Errorf("while it runs, %d questions count", got)
	}
	if spec := specOf(t, p.job()); spec.MaxChats != 10 || spec.MaxRequests != 600 {
		t.Errorf("the container may ask %d questions of %d requests", spec.MaxChats, spec.MaxRequests)
	}
	p.finish(p.job(), func(r *probe.Result) { r.Chats = 8 })
	if got := *p.pass().Status.ProbeBudget.Chats; got != 8 {
		t.Errorf("%d questions were asked", got)
	}
	p.staysStill()
	p.newRevision()
	p.pass()
	pod := p.makePod(p.job())
	p.setState(pod, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	// The operator is killed; the next life goes on with what the status says.
	p.live(p.client)
	p.pass()
	p.end(pod, 137, "Error", "")
	p.endJob(p.job(), "BackoffLimitExceeded")
	p.pass()
	p.later(time.Minute)
	held := p.pass()
	if got := measurementOf(held, v1alpha1.RowTenantIsolated).LastAttempt; got == nil || got.Reason != probe.ReasonProbeBudgetSpent {
		t.Errorf("the last attempt is %+v", got)
	}
	if got := held.Status.ProbeBudget; *got.Chats != 18 || *got.Runs != 2 || *got.Planned.Chats != 10 {
		t.Errorf("the status tells %+v", got)
	}
	p.staysStill()
	p.later(24 * time.Hour)
	if next := p.pass(); *next.Status.ProbeBudget.Chats != 10 || p.status().Outcome != v1alpha1.ProbeRunning {
		t.Errorf("on the next day: %+v", next.Status.ProbeBudget)
	}
}

func TestSlowChatGetsMoreTime(t *testing.T) {
	p := newProbed(t)
	ask(2)(p.launch)
	p.pass()
	// Ten questions at 80 % of two a minute take 375 seconds.
	if got := specOf(t, p.job()).DeadlineSeconds; got != 600+375 {
		t.Errorf("the suite may take %d s", got)
	}
	slow := newProbed(t)
	slow.live(slow.client)
	kind := accessKind("access-test")
	kind.Plan = func(*v1alpha1.App, []probe.KnownAttack, bool) probe.Plan { return probe.Plan{Chats: 100} }
	slow.reconciler.Probes.Suites[probe.SuiteAccess] = kind
	ask(1)(slow.launch)
	if c := slow.expectRows(slow.pass(), v1alpha1.ReasonNotConfigured); !strings.Contains(c.Message, "spec.app.chat.ratePerMinute: a run may need 100 questions, which takes 2h5m0s") {
		t.Errorf("the message is %q", c.Message)
	}
}

func TestJobIsMadeAsThePolicySays(t *testing.T) {
	mirror := "mirror.example.com/launchready@sha256:" + strings.Repeat("ef", 32)
	p := newProbed(t)
	p.bindProbes(v1alpha1.ProbeRules{Image: mirror, ImagePullSecrets: []v1alpha1.SecretName{"mirror"}, Mesh: v1alpha1.MeshJoin})
	p.pass()
	job := p.job()
	pod := job.Spec.Template.Spec
	if diff := cmp.Diff([]any{mirror, []corev1.LocalObjectReference{{Name: "mirror"}}, "Join"},
		[]any{pod.Containers[0].Image, pod.ImagePullSecrets, job.Spec.Template.Annotations[probe.MeshAnnotation]}); diff != "" {
		t.Errorf("the pod is another:\n%s", diff)
	}
	p.finish(job)
	p.expect(p.pass(), "TenantIsolated", metav1.ConditionTrue, v1alpha1.ReasonPassed)

	other := newProbed(t)
	other.bindProbes(v1alpha1.ProbeRules{Image: mirror})
	other.pass()
	made := other.makePod(other.job())
	message := encoded(t, resultFor(specOf(t, other.job())))
	other.setState(made, corev1.PodSucceeded, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message}}, func(s *corev1.PodStatus) {
		s.ContainerStatuses[0].ImageID = other.reconciler.Probes.Image
	})
	var ended batchv1.Job
	if err := other.client.Get(t.Context(), client.ObjectKeyFromObject(other.job()), &ended); err != nil {
		t.Fatal(err)
	}
	other.endJob(&ended, "")
	other.expectRows(other.pass(), probe.ReasonProbeAltered)
}
