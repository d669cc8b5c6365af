// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/logs"
	"github.com/launchready/launchready/internal/scorecard"
)

func TestLogsOfTheAppAreJudged(t *testing.T) {
	asked := &v1alpha1.Logging{Sinks: []v1alpha1.LogSink{{Name: "tracker", Query: &v1alpha1.LogQuery{Host: "tracker.example.com", Request: v1alpha1.HTTPRequest{Path: "/events"}}}}}
	requests := func(_ logmark.Markers, id logmark.RequestID) string { return id.UUID }
	leak := logmark.Leak{Kind: logmark.Cookie, Encoding: "as it is", Whole: true, Place: logmark.Place{Form: logmark.JSONField, Path: "request.cookies"}}
	for name, test := range map[string]struct {
		log     func(m logmark.Markers, id logmark.RequestID) string
		logging *v1alpha1.Logging
		want    v1alpha1.Verdict
		reason  string
		sinks   []probe.SeenSink
	}{
		"requests alone": {func(_ logmark.Markers, id logmark.RequestID) string {
			return "GET /api/notes 401 request_id=" + id.UUID
		}, &v1alpha1.Logging{}, v1alpha1.VerdictPass, v1alpha1.ReasonPassed, nil},
		"a token": {func(m logmark.Markers, id logmark.RequestID) string {
			return "GET /api/notes 401 request_id=" + id.UUID + " authorization=" + m.Of(logmark.Token).Value
		}, &v1alpha1.Logging{}, v1alpha1.VerdictFail, "TokenLogged", nil},
		"nothing": {func(logmark.Markers, logmark.RequestID) string { return "started" }, &v1alpha1.Logging{}, v1alpha1.VerdictUnknown, v1alpha1.ReasonNoPositiveControl, nil},
		"sinks that nobody spoke of": {
			requests, nil, v1alpha1.VerdictUnknown, v1alpha1.ReasonNotConfigured, nil,
		},
		"a sink that can't be asked": {
			requests, &v1alpha1.Logging{Sinks: []v1alpha1.LogSink{{Name: "sentry"}}}, v1alpha1.VerdictUnknown, v1alpha1.ReasonNotConfigured,
			[]probe.SeenSink{{Name: "sentry", Requests: []int{0}}},
		},
		"a sink that the Job did not ask": {requests, asked, v1alpha1.VerdictUnknown, v1alpha1.ReasonNotConfigured, []probe.SeenSink{{Name: "another", Requests: []int{0}}}},
		"a sink that holds requests alone": {
			func(logmark.Markers, logmark.RequestID) string { return "started" }, asked, v1alpha1.VerdictPass, v1alpha1.ReasonPassed,
			[]probe.SeenSink{{Name: "tracker", Requests: []int{0}}},
		},
		"a sink that holds a cookie": {requests, asked, v1alpha1.VerdictFail, "CookieLogged", []probe.SeenSink{{Name: "tracker", Requests: []int{0}, Leaks: []logmark.Leak{leak}}}},
		"a sink that holds nothing":  {requests, asked, v1alpha1.VerdictUnknown, v1alpha1.ReasonNoPositiveControl, []probe.SeenSink{{Name: "tracker"}}},
		"a sink that can't be reached": {
			requests, asked, v1alpha1.VerdictUnknown, v1alpha1.ReasonTargetUnreachable, []probe.SeenSink{{Name: "tracker", Problem: probe.SinkUnreachable, Requests: []int{0}}},
		},
		"a sink that refuses":           {requests, asked, v1alpha1.VerdictUnknown, v1alpha1.ReasonNotConfigured, []probe.SeenSink{{Name: "tracker", Problem: probe.SinkUnexpected, Status: 403}}},
		"a sink that says too much":     {requests, asked, v1alpha1.VerdictUnknown, v1alpha1.ReasonNoPositiveControl, []probe.SeenSink{{Name: "tracker", Problem: probe.SinkTooLong, Requests: []int{0}}}},
		"a sink that echoes":            {requests, asked, v1alpha1.VerdictUnknown, v1alpha1.ReasonNoPositiveControl, []probe.SeenSink{{Name: "tracker", Problem: probe.SinkEchoes}}},
		"a sink that can't be asked so": {requests, asked, v1alpha1.VerdictUnknown, v1alpha1.ReasonNotConfigured, []probe.SeenSink{{Name: "tracker", Problem: probe.SinkMisdescribed, Detail: "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbed(t)
			p.launch.Spec.Logging = test.logging
			got, markers := p.logged(t, "default", test.log, test.sinks...)
			if got.Verdict != test.want || got.Reason != test.reason {
				t.Fatalf("%s %s, want %s %s: %s", got.Verdict, got.Reason, test.want, test.reason, got.Message)
			}
			for _, m := range markers.All() {
				if strings.Contains(fmt.Sprintf("%+v", got), m.Random) {
					t.Errorf("the outcome gives the %s away", m.Kind)
				}
			}
		})
	}
}

func TestASinkThatCanNotBeAskedKeepsTheProbeFromStarting(t *testing.T) {
	for name, test := range map[string]struct {
		query           v1alpha1.LogQuery
		reason, message string
	}{
		"a name that nothing gives": {
			v1alpha1.LogQuery{Host: "tracker.example.com", Request: v1alpha1.HTTPRequest{Path: "/events/$(eventId)"}},
			v1alpha1.ReasonNotConfigured, `spec.logging.sinks[tracker].query.request.path: Invalid value: "/events/$(eventId)": $(eventId) stands for nothing here`,
		},
		"no Secret": {
			v1alpha1.LogQuery{Host: "tracker.example.com", CredentialsSecretRef: &v1alpha1.SecretReference{Name: "tracker-reader"}, Request: v1alpha1.HTTPRequest{Path: "/events"}},
			probe.ReasonProbeSecretMissing, "/tracker-reader of spec.logging.sinks[tracker].query does not exist. Create it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbed(t)
			p.reconciler.Probes.Suites = map[probe.Suite]probe.Kind{probe.SuiteLogging: logs.Kind()}
			p.launch.Spec.Logging = &v1alpha1.Logging{Sinks: []v1alpha1.LogSink{{Name: "tracker", Query: &test.query}}}
			if c := p.expect(p.pass(), "LoggingSafe", metav1.ConditionUnknown, test.reason); !strings.Contains(c.Message, test.message) {
				t.Errorf("the message is %q", c.Message)
			}
			if jobs := p.jobs(); len(jobs) != 0 {
				t.Errorf("a Job was created: %s", jobs[0].Name)
			}
		})
	}
}

// logged judges a run whose markers went through one request, and whose app runs as a ServiceAccount and logs what is given.
// In the sinks, its Job has seen what is given.
func (p *probedApp) logged(t *testing.T, account string, log func(m logmark.Markers, id logmark.RequestID) string, sinks ...probe.SeenSink) (scorecard.Outcome, logmark.Markers) {
	t.Helper()
	const token = "8c1f"
	p.pass()
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{ServiceAccountName: account}}
	s := suiteRun{r: p.reconciler, app: &launch.App{Launch: p.launch, Workloads: []launch.Workload{{
		Name: "api", Ref: v1alpha1.WorkloadReference{Kind: "Deployment", Name: "chat"}, Namespace: p.launch.Namespace, Template: template,
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"logged": token}},
	}}}, suite: probe.SuiteLogging}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.launch.Namespace, Name: "chat-logged", Labels: map[string]string{"logged": token}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "x"}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{Name: "web", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, {Name: "waits", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}},
		}},
	}
	status := pod.Status
	if err := p.client.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	pod.Status = status
	if err := p.client.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	last := v1alpha1.Probe{Suite: string(probe.SuiteLogging), Run: 1, Attempt: 1}
	markers, err := logmark.NewMarkers([]byte(s.nonce(last)))
	if err != nil {
		t.Fatal(err)
	}
	id, err := markers.Request(0)
	if err != nil {
		t.Fatal(err)
	}
	p.logs[fmt.Sprintf("%s/%s/%t", pod.Name, "web", false)] = []byte(log(markers, id))
	kinds := []string{}
	for _, kind := range logmark.Kinds() {
		kinds = append(kinds, string(kind))
	}
	result := probe.Result{Marked: []probe.Marked{{Name: "GET /api/notes", Kinds: kinds, Answered: true}}, Sinks: sinks}
	return s.logged(t.Context(), last, probe.Collected{Result: result}), markers
}
