// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap/zapcore"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
)

const appDescription = `
identities:
- {name: alice, tenant: acme, credentialsSecretRef: {name: probe-alice}}
- {name: bob, tenant: globex, credentialsSecretRef: {name: probe-bob}}
login:
  steps:
  - request: {method: POST, path: /api/login, json: {email: $(credentials.email), password: $(credentials.password)}}
    capture: {token: response.json.access_token}
authenticate: {headers: {Authorization: Bearer $(token)}}
resources:
- name: conversations
  create:
    request: {method: POST, path: /api/conversations, json: {title: $(canary)}}
    capture: {id: response.json.id}
  item: {path: /api/conversations/$(id)}
`

func describedApp(t testing.TB) *v1alpha1.App {
	t.Helper()
	app := &v1alpha1.App{}
	if err := yaml.UnmarshalStrict([]byte(appDescription), app); err != nil {
		t.Fatal(err)
	}
	return app
}

// probedApp is an app with a description, ready behind its Service, and the kubelet and the Job controller that the test plays.
type probedApp struct {
	*behind
	logs podLog
}

// podLog holds the logs of pods.
type podLog map[string][]byte

// Logs implements LogReader.
func (l podLog) Logs(_ context.Context, _, pod, _ string, limit int64) ([]byte, error) {
	log, ok := l[pod]
	if !ok {
		return nil, errors.New("the pod is gone")
	}
	return log[:min(int64(len(log)), limit)], nil
}

// Since implements LogReader.
func (l podLog) Since(_ context.Context, _, pod, container string, _ time.Time, previous bool) (io.ReadCloser, error) {
	log, ok := l[fmt.Sprintf("%s/%s/%t", pod, container, previous)]
	if !ok {
		return nil, errors.New("there is no such log")
	}
	return io.NopCloser(bytes.NewReader(log)), nil
}

func newProbed(t *testing.T) *probedApp {
	t.Helper()
	p := &probedApp{behind: newBehind(t), logs: podLog{}}
	p.launch.Spec.App = describedApp(t)
	for _, name := range []string{"alice", "bob"} {
		p.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "probe-" + name}, StringData: map[string]string{"email": name + "@example.com"}})
	}
	p.live(p.client)
	t.Cleanup(func() {
		// All tests share the API server, and all Jobs and launches count.
		ctx := context.WithoutCancel(t.Context())
		for _, kind := range []client.Object{&v1alpha1.LaunchReadiness{}, &batchv1.Job{}} {
			if err := p.client.DeleteAllOf(ctx, kind, client.InNamespace(p.namespace), client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
				t.Error(err)
			}
		}
	})
	return p
}

// live gives the operator a life.
func (p *probedApp) live(c client.Client) {
	p.Helper()
	p.restart(c)
	p.reconciler.Probes = &ProbeRunner{
		Image: "example.com/launchready@sha256:" + strings.Repeat("cd", 32), Version: "test", Limit: 4, Logs: p.logs,
		ImageIDs:  []string{"sha256:" + strings.Repeat("cd", 32)},
		APIServer: "10.96.0.1:443", Suites: map[probe.Suite]probe.Kind{probe.SuiteAccess: accessKind("access-test")},
	}
}

// pass makes a pass, creating the launch where it is not there yet.
func (p *probedApp) pass() *v1alpha1.LaunchReadiness {
	p.Helper()
	if p.launch.UID == "" {
		p.create(p.launch)
	}
	lr, _ := p.reconcile(p.launch.Name)
	return lr
}

func (p *probedApp) later(d time.Duration) { p.clock.SetTime(p.clock.Now().Add(d)) }

// change changes the launch.
func (p *probedApp) change(do func(*v1alpha1.LaunchReadiness)) {
	p.Helper()
	lr := p.get(p.launch.Name)
	do(lr)
	p.update(lr)
}

// jobs gives the Jobs that are there, oldest first.
func (p *probedApp) jobs() []batchv1.Job {
	p.Helper()
	var jobs batchv1.JobList
	if err := p.client.List(p.Context(), &jobs, client.InNamespace(p.namespace)); err != nil {
		p.Fatal(err)
	}
	slices.SortFunc(jobs.Items, func(a, b batchv1.Job) int {
		return strings.Compare(a.Annotations[probe.RunAnnotation]+"/"+a.Annotations[probe.AttemptAnnotation], b.Annotations[probe.RunAnnotation]+"/"+b.Annotations[probe.AttemptAnnotation])
	})
	return jobs.Items
}

// job gives the Job that the status names, which must be there and run.
func (p *probedApp) job() *batchv1.Job {
	p.Helper()
	status := p.status()
	if status.Outcome != v1alpha1.ProbeRunning {
		p.Fatalf("the probe does not run: %+v", status)
	}
	job := &batchv1.Job{}
	if err := p.client.Get(p.Context(), client.ObjectKey{Namespace: p.namespace, Name: status.JobName}, job); err != nil {
		p.Fatal(err)
	}
	if string(job.UID) != status.JobUID {
		p.Fatalf("the status names Job %s, there is %s", status.JobUID, job.UID)
	}
	return job
}

// status gives what the launch's status says of the probe.
func (p *probedApp) status() v1alpha1.Probe {
	p.Helper()
	probes := p.get(p.launch.Name).Status.Probes
	if len(probes) != 1 {
		p.Fatalf("the status has %d probes", len(probes))
	}
	return probes[0]
}

// makePod plays the Job controller: it makes the pod of a Job.
func (p *probedApp) makePod(job *batchv1.Job, changes ...func(*corev1.Pod)) *corev1.Pod {
	p.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: job.Name + "-x7f2k", Namespace: p.namespace, Labels: job.Spec.Template.Labels, Annotations: job.Spec.Template.Annotations,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: job.UID, Controller: ptr.To(true)}},
		},
		Spec: *job.Spec.Template.Spec.DeepCopy(),
	}
	for _, change := range changes {
		change(pod)
	}
	p.create(pod)
	return pod
}

// setState plays the kubelet.
func (p *probedApp) setState(pod *corev1.Pod, phase corev1.PodPhase, state corev1.ContainerState, changes ...func(*corev1.PodStatus)) {
	p.Helper()
	pod.Status.Phase = phase
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: probe.ContainerName, Image: pod.Spec.Containers[0].Image, ImageID: pod.Spec.Containers[0].Image, State: state,
	}}
	for _, change := range changes {
		change(&pod.Status)
	}
	p.writeStatus(pod)
}

// end plays a container that ends.
func (p *probedApp) end(pod *corev1.Pod, code int32, reason, message string) {
	p.Helper()
	phase := corev1.PodSucceeded
	if code != 0 {
		phase = corev1.PodFailed
	}
	p.setState(pod, phase, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}})
}

// endJob plays the Job controller: the Job completes, or fails for a reason.
func (p *probedApp) endJob(job *batchv1.Job, reason string) {
	p.Helper()
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	job.Status.StartTime = &job.CreationTimestamp
	conditions := []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed}
	if reason == "" {
		conditions = []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete}
		job.Status.Succeeded, job.Status.CompletionTime = 1, &now
	} else {
		job.Status.Failed = 1
	}
	for _, c := range conditions {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: c, Status: corev1.ConditionTrue, Reason: reason, LastProbeTime: now, LastTransitionTime: now,
		})
	}
	p.writeStatus(job)
}

// event plays whoever tells something of an object.
func (p *probedApp) event(about client.Object, kind, reason, message string) {
	p.Helper()
	p.create(&corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: "test-"},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: p.namespace, Name: about.GetName(), UID: about.GetUID()},
		Reason:         reason, Message: message, Type: corev1.EventTypeWarning, LastTimestamp: metav1.Now(),
	})
}

// specOf gives what a Job tells its container.
func specOf(t testing.TB, job *batchv1.Job) probe.Spec {
	t.Helper()
	spec, err := probe.ReadSpec(job.Spec.Template.Spec.Containers[0].Env[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// resultFor is a result in which both rows pass.
func resultFor(spec probe.Spec) probe.Result {
	r := probe.Result{SchemaVersion: probe.SchemaVersion, Nonce: spec.Nonce, Suite: spec.Suite, LaunchUID: spec.LaunchUID, Requests: 321}
	for _, row := range spec.Suite.Rows() {
		r.Rows = append(r.Rows, probe.RowResult{Row: row, Verdict: v1alpha1.VerdictPass, Cases: 40, Control: "alice got back what she planted."})
	}
	return r
}

var crossTenantRead = probe.Finding{
	Rule: "CrossTenantRead", Severity: v1alpha1.SeverityHigh, Place: "GET /api/conversations/$(id) as bob of globex",
	Message: "bob of globex reads what alice of acme wrote.", Remedy: "Compare the tenant of the session with the thing's.",
	Reproduce: `curl -H "Authorization: Bearer $BOB" "$APP/api/conversations/$ID"`,
}

// leaking makes TenantIsolated fail.
func leaking(r *probe.Result) {
	r.Rows[1].Verdict, r.Rows[1].Findings = v1alpha1.VerdictFail, []probe.Finding{crossTenantRead}
}

func encoded(t testing.TB, r probe.Result) string {
	t.Helper()
	data, err := probe.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// finish plays a run to its end, with a result.
func (p *probedApp) finish(job *batchv1.Job, changes ...func(*probe.Result)) {
	p.Helper()
	pod := p.makePod(job)
	result := resultFor(specOf(p, job))
	for _, change := range changes {
		change(&result)
	}
	p.end(pod, 0, "Completed", encoded(p, result))
	p.endJob(job, "")
}

// expectRows fails unless both rows are Unknown for a reason.
func (p *probedApp) expectRows(lr *v1alpha1.LaunchReadiness, reason string) *metav1.Condition {
	p.Helper()
	p.expect(lr, "AuthEnforced", metav1.ConditionUnknown, reason)
	return p.expect(lr, "TenantIsolated", metav1.ConditionUnknown, reason)
}

// versions identifies everything that the operator writes in the namespace.
func (p *probedApp) versions() string {
	p.Helper()
	all := p.get(p.launch.Name).ResourceVersion + " " + p.gatedNamespace().ResourceVersion
	for _, list := range []client.ObjectList{&v1alpha1.LaunchReportList{}, &batchv1.JobList{}, &networkingv1.NetworkPolicyList{}} {
		if err := p.client.List(p.Context(), list, client.InNamespace(p.namespace)); err != nil {
			p.Fatal(err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			p.Fatal(err)
		}
		for _, item := range items {
			obj, ok := item.(client.Object)
			if !ok {
				p.Fatalf("%T is no object", item)
			}
			all += fmt.Sprintf(" %s/%s", obj.GetName(), obj.GetResourceVersion())
		}
	}
	return all
}

// staysStill fails if a pass writes anything.
func (p *probedApp) staysStill() {
	p.Helper()
	before := p.versions()
	p.pass()
	if after := p.versions(); after != before {
		p.Errorf("a pass with nothing new wrote something:\n%s\n%s", before, after)
	}
}

func TestProbeOfAnAppEndsInVerdicts(t *testing.T) {
	p := newProbed(t)
	lr := p.pass()
	if n := len(p.jobs()); n != 1 {
		t.Fatalf("there are %d Jobs", n)
	}
	job := p.job()
	status := p.status()
	if status.Run != 1 || status.Attempt != 1 || status.Revision != lr.Status.Revision || status.InputsHash == "" || status.StartedAt.IsZero() {
		t.Errorf("the status says %+v", status)
	}
	spec := specOf(t, job)
	if spec.Target.Host != "chat."+p.namespace+".svc" || spec.Nonce == "" || spec.PolicyCanary != "10.96.0.1:443" || spec.LaunchUID != string(lr.UID) {
		t.Errorf("the Job is told %+v", spec)
	}
	policy := &networkingv1.NetworkPolicy{}
	if err := p.client.Get(t.Context(), client.ObjectKey{Namespace: p.namespace, Name: probe.NetworkPolicyName("chat")}, policy); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(policy, lr) || !metav1.IsControlledBy(job, lr) {
		t.Error("the Job and its NetworkPolicy do not go with the launch")
	}
	p.expectRows(p.pass(), probe.ReasonProbePending)
	p.staysStill()

	pod := p.makePod(job)
	p.setState(pod, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	p.pass()
	if got := p.status(); got.Reason != probe.ReasonProbeRunning {
		t.Errorf("while it runs the status says %q", got.Reason)
	}
	p.expectRows(p.get("chat"), probe.ReasonProbeRunning)
	p.staysStill()

	p.later(time.Minute)
	var log bytes.Buffer
	evidence := probe.NewEvidenceWriter(&log, probe.MaxEvidenceBytes)
	second := crossTenantRead
	second.Place = "GET /api/conversations as bob of globex"
	for _, f := range []probe.Finding{crossTenantRead, second} {
		if err := evidence.Write(probe.Evidence{Row: v1alpha1.RowTenantIsolated, Finding: &f}); err != nil {
			t.Fatal(err)
		}
	}
	p.logs[pod.Name] = append([]byte("the runtime's own line\n"), log.Bytes()...)
	result := resultFor(spec)
	leaking(&result) // has the first of both alone
	result.EvidenceSHA256, result.EvidenceLines = evidence.Sum()
	p.end(pod, 0, "Completed", encoded(t, result))

	lr = p.pass()
	p.expect(lr, "AuthEnforced", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	p.expect(lr, "TenantIsolated", metav1.ConditionFalse, "CrossTenantRead")
	if got := p.status(); got.Outcome != v1alpha1.ProbeFinished || ptr.Deref(got.Requests, 0) != 321 || got.FinishedAt.IsZero() {
		t.Errorf("the status says %+v", got)
	}
	for _, row := range probe.SuiteAccess.Rows() {
		m := measurementOf(lr, row)
		if m.Source == nil || m.Source.Kind != "Probe" || m.Revision != status.Revision || m.InputsHash != status.InputsHash {
			t.Errorf("%s was measured by %+v", row, m)
		}
	}
	checkFindings(p, 2)
	p.endJob(job, "")
	p.staysStill()
	p.later(time.Hour)
	p.staysStill()
	if n := len(p.jobs()); n != 1 {
		t.Errorf("there are %d Jobs", n)
	}
}

// checkFindings looks for the findings of TenantIsolated in the report, in full.
func checkFindings(p *probedApp, n int) {
	p.Helper()
	for _, row := range p.report().Rows {
		if row.Row != v1alpha1.RowTenantIsolated {
			continue
		}
		if len(row.Findings) != n {
			p.Errorf("the report has %d findings, want %d", len(row.Findings), n)
		}
		for _, f := range row.Findings {
			if f.Reproduce != crossTenantRead.Reproduce || f.Remedy != crossTenantRead.Remedy || f.Fingerprint == "" {
				p.Errorf("the report's finding is %+v", f)
			}
		}
		return
	}
	p.Error("the report has no row TenantIsolated")
}

func (p *probedApp) report() v1alpha1.LaunchReportStatus {
	p.Helper()
	report := &v1alpha1.LaunchReport{}
	if err := p.client.Get(p.Context(), client.ObjectKey{Namespace: p.namespace, Name: p.launch.Name}, report); err != nil {
		p.Fatal(err)
	}
	return report.Status
}

// bindNothing puts the namespace under a policy that does not ask for what probes measure.
func (p *probedApp) bindNothing(rows ...v1alpha1.RowDemand) *v1alpha1.LaunchPolicy {
	p.Helper()
	policy := &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: p.namespace, Namespace: ""}, Spec: v1alpha1.LaunchPolicySpec{
		NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{corev1.LabelMetadataName: v1alpha1.LabelValue(p.namespace)}},
		Rows:              append([]v1alpha1.RowDemand{{Row: v1alpha1.RowSecretsSafe, Enforcement: v1alpha1.EnforcementRequired}}, rows...),
	}}
	if err := p.client.Create(p.Context(), policy); err != nil {
		p.Fatal(err)
	}
	return policy
}

func TestWhatKeepsAProbeFromStarting(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(p *probedApp)
		reason  string
		message string
	}{
		"nobody said how the app is used": {
			func(p *probedApp) { p.launch.Spec.App = nil },
			v1alpha1.ReasonNotConfigured, "Describe it in spec.app (identities, login, resources, adminPaths)",
		},
		"an expression is wrong": {
			func(p *probedApp) { p.launch.Spec.App.Resources[0].Create.Capture["id"] = "response.jsn.id" },
			v1alpha1.ReasonNotConfigured, "spec.app.resources[0].create.capture[id]: Invalid value: \"response.jsn.id\": line 1, column 9: undefined field 'jsn'.",
		},
		"no policy asks for it": {func(p *probedApp) { p.bindNothing() }, v1alpha1.ReasonOff, "No policy in force asks for it."},
		"suspended": {
			func(p *probedApp) { p.launch.Spec.Suspend = ptr.To(true) }, v1alpha1.ReasonNotMeasured, "It has not been measured yet.",
		},
		"the workload is missing": {func(p *probedApp) { p.remove(p.deployment) }, v1alpha1.ReasonWorkloadNotFound, "create it"},
		"the target is not the app": {
			func(p *probedApp) { p.service.Spec.Selector = nil; p.update(p.service) }, v1alpha1.ReasonTargetNotWorkload, "selects no pods",
		},
		"an identity's Secret is missing": {
			func(p *probedApp) {
				p.remove(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "probe-bob"}})
			},
			probe.ReasonProbeSecretMissing, "/probe-bob of identity bob does not exist. Create it",
		},
		"the description is too long for a probe": {
			func(p *probedApp) {
				r := p.launch.Spec.App.Resources[0]
				r.Create.Request.JSON, r.Create.Request.Body = nil, "$(canary)"+strings.Repeat("x", 16_000)
				for i := range 7 {
					r.Name = fmt.Sprintf("more-%d", i)
					p.launch.Spec.App.Resources = append(p.launch.Spec.App.Resources, *r.DeepCopy())
				}
				p.launch.Spec.App.Login.Steps = append(p.launch.Spec.App.Login.Steps, v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/", Body: strings.Repeat("x", 16_000)}})
			},
			v1alpha1.ReasonNotConfigured, "shorten the bodies of its requests",
		},
		"somebody else's NetworkPolicy has the name": {
			func(p *probedApp) {
				p.create(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: probe.NetworkPolicyName("chat")}})
			},
			probe.ReasonProbeForged, "launchready-probe-chat has the name of one that probes need, and is not the operator's: remove it.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbed(t)
			test.change(p)
			lr := p.pass()
			if c := p.expectRows(lr, test.reason); !strings.Contains(c.Message, test.message) {
				t.Errorf("the message is %q", c.Message)
			}
			if jobs := p.jobs(); len(jobs) != 0 {
				t.Errorf("a Job was created: %s", jobs[0].Name)
			}
			p.staysStill()
		})
	}
}

func TestJobOfTheSameNameThatIsNotOursIsLeftAlone(t *testing.T) {
	p := newProbed(t)
	p.pass()
	squatter := p.job().DeepCopy()
	p.remove(p.job())
	// The status is lost, so that the same Job is wanted again, and somebody was faster.
	lr := p.get("chat")
	lr.Status = v1alpha1.LaunchReadinessStatus{}
	p.writeStatus(lr)
	p.create(&batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: squatter.Name, Labels: squatter.Labels},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "x", Image: "example.com/x"}},
		}}},
	})
	if c := p.expectRows(p.pass(), probe.ReasonProbeForged); !strings.Contains(c.Message, squatter.Name+" has the name") {
		t.Errorf("the message is %q", c.Message)
	}
	if n := len(p.jobs()); n != 1 {
		t.Errorf("there are %d Jobs", n)
	}
	p.staysStill()
}

func TestProbeIsRunAgainWhenSomethingChanged(t *testing.T) {
	for name, test := range map[string]struct {
		change func(p *probedApp)
		run    int64 // 1 where none is due
	}{
		"nothing":                        {func(*probedApp) {}, 1},
		"less than half of the validity": {func(p *probedApp) { p.later(12*time.Hour - time.Second) }, 1},
		"half of the validity":           {func(p *probedApp) { p.later(12*time.Hour + time.Minute) }, 2},
		"revision":                       {func(p *probedApp) { p.newRevision() }, 2},
		"Secret": {func(p *probedApp) {
			p.update(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "probe-bob"}, StringData: map[string]string{"email": "bobby@example.com"}})
		}, 2},
		"description": {func(p *probedApp) {
			p.change(func(lr *v1alpha1.LaunchReadiness) { lr.Spec.App.IndexingSeconds = ptr.To[int32](7) })
		}, 2},
		"version of the suite": {func(p *probedApp) { p.reconciler.Probes.Suites[probe.SuiteAccess] = accessKind("access-next") }, 2},
		"everything, but it is suspended": {func(p *probedApp) {
			p.newRevision()
			p.later(24 * time.Hour)
			p.change(func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Suspend = ptr.To(true) })
		}, 1},
		"a policy that wants it fresher": {func(p *probedApp) {
			p.bindNothing(v1alpha1.RowDemand{Row: v1alpha1.RowTenantIsolated, Enforcement: v1alpha1.EnforcementAdvisory, ValidForSeconds: ptr.To[int32](3600)})
			p.later(31 * time.Minute)
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbed(t)
			p.pass()
			p.finish(p.job())
			p.expect(p.pass(), "TenantIsolated", metav1.ConditionTrue, v1alpha1.ReasonPassed)
			test.change(p)
			p.pass()
			status := p.status()
			if status.Run != test.run || status.Attempt != 1 {
				t.Errorf("it is at run %d, attempt %d, want run %d", status.Run, status.Attempt, test.run)
			}
			if n := len(p.jobs()); int64(n) != test.run {
				t.Errorf("there are %d Jobs", n)
			}
		})
	}
}

// newRevision rolls a new revision out.
func (p *probedApp) newRevision() {
	p.Helper()
	p.deployment.Spec.Template.Spec.Containers[0].Args = append(p.deployment.Spec.Template.Spec.Containers[0].Args, "--new")
	p.update(p.deployment)
	n := len(p.deployment.Spec.Template.Spec.Containers[0].Args)
	p.set = p.rollOut(p.deployment, fmt.Sprintf("new%d", n))
	p.remove(p.pod)
	p.pod = p.another(fmt.Sprintf("chat-new%d-1", n), fmt.Sprintf("10.1.1.%d", n))
	p.leadTo("chat", "http", endpoint(p.pod))
}

// another is a pod of the present ReplicaSet.
func (b *behind) another(name, ip string) *corev1.Pod {
	b.Helper()
	return b.harness.pod(name, ip, b.set.Spec.Template, controlledBy(b.set, "ReplicaSet"))
}

func TestRowThatIsAskedForLaterIsMeasuredThen(t *testing.T) {
	p := newProbed(t)
	policy := p.bindNothing(v1alpha1.RowDemand{Row: v1alpha1.RowAuthEnforced, Enforcement: v1alpha1.EnforcementAdvisory})
	p.pass()
	p.finish(p.job())
	lr := p.pass()
	p.expect(lr, "AuthEnforced", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	p.expect(lr, "TenantIsolated", metav1.ConditionUnknown, v1alpha1.ReasonOff)
	p.staysStill()
	policy.Spec.Rows = append(policy.Spec.Rows, v1alpha1.RowDemand{Row: v1alpha1.RowTenantIsolated, Enforcement: v1alpha1.EnforcementRequired})
	p.update(policy)
	p.pass()
	if got := p.status(); got.Run != 2 || got.Outcome != v1alpha1.ProbeRunning {
		t.Errorf("it is %+v", got)
	}
}

func TestVerdictThatWasFoundAgainIsRenewedInTime(t *testing.T) {
	p := newProbed(t)
	p.pass()
	hidden := func(r *probe.Result) {
		r.Rows[0] = probe.RowResult{
			Row: v1alpha1.RowAuthEnforced, Verdict: v1alpha1.VerdictUnknown, Reason: v1alpha1.ReasonNoPositiveControl, Message: "Nothing.", Fault: v1alpha1.FaultApp,
		}
	}
	p.finish(p.job(), hidden)
	p.pass()
	p.staysStill()
	// The row that could not be measured is tried again until shortly before the other one's half time, when it works.
	p.later(12*time.Hour - 2*time.Minute)
	p.pass()
	p.finish(p.job())
	lr := p.pass()
	p.expect(lr, "AuthEnforced", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	p.later(4 * time.Minute)
	p.pass()
	if got := p.status(); got.Run != 3 {
		t.Errorf("it is at run %d: the verdict of TenantIsolated, measured 12 hours ago, is not renewed", got.Run)
	}
}

// fault is what can become of a probe, and what is said then.
type fault struct {
	happen func(p *probedApp, job *batchv1.Job)
	// held says that it may still go on by itself for a while.
	held   bool
	reason string
	fault  v1alpha1.Fault
	// ended says that the Job has ended by itself, so that it stays. Else nothing may be left of it.
	ended bool
	// final says that another attempt would end the same.
	final bool
}

func faults() map[string]fault {
	ours, app := v1alpha1.FaultOperator, v1alpha1.FaultApp
	ended := func(code int32, reason string, message func(p *probedApp, job *batchv1.Job) string) func(*probedApp, *batchv1.Job) {
		return func(p *probedApp, job *batchv1.Job) {
			p.end(p.makePod(job), code, reason, message(p, job))
		}
	}
	says := func(text string) func(*probedApp, *batchv1.Job) string {
		return func(*probedApp, *batchv1.Job) string { return text }
	}
	good := func(changes ...func(*probe.Result)) func(p *probedApp, job *batchv1.Job) string {
		return func(p *probedApp, job *batchv1.Job) string {
			r := resultFor(specOf(p, job))
			for _, change := range changes {
				change(&r)
			}
			return encoded(p, r)
		}
	}
	waits := func(reason, message string) func(*probedApp, *batchv1.Job) {
		return func(p *probedApp, job *batchv1.Job) {
			p.setState(p.makePod(job), corev1.PodPending, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
		}
	}
	refused := func(message string) func(*probedApp, *batchv1.Job) {
		return func(p *probedApp, job *batchv1.Job) {
			p.event(job, "Job", "FailedCreate", `Error creating: pods "`+job.Name+`-x7f2k" is forbidden: `+message)
		}
	}
	disrupted := func(reason string) func(*corev1.PodStatus) {
		return func(s *corev1.PodStatus) {
			s.Conditions = append(s.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason})
		}
	}
	runs := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	return map[string]fault{
		"killed":                {happen: ended(137, "Error", says("")), reason: probe.ReasonProbeKilled, fault: ours},
		"killed, with a result": {happen: ended(143, "Error", good()), reason: probe.ReasonProbeKilled, fault: ours},
		"crashed":               {happen: ended(2, "Error", says("panic")), reason: v1alpha1.ReasonProbeError, fault: ours},
		"out of memory":         {happen: ended(137, "OOMKilled", says("")), reason: probe.ReasonProbeOutOfMemory, fault: ours},
		"evicted": {happen: func(p *probedApp, job *batchv1.Job) {
			p.setState(p.makePod(job), corev1.PodFailed, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error"}}, func(s *corev1.PodStatus) { s.Reason = "Evicted" })
			p.endJob(job, batchv1.JobReasonBackoffLimitExceeded)
		}, reason: probe.ReasonProbeEvicted, fault: ours, ended: true},
		"preempted": {happen: func(p *probedApp, job *batchv1.Job) {
			p.setState(p.makePod(job), corev1.PodRunning, runs, disrupted("PreemptionByScheduler"))
		}, reason: probe.ReasonProbeEvicted, fault: ours},
		"node lost": {happen: func(p *probedApp, job *batchv1.Job) {
			p.setState(p.makePod(job), corev1.PodRunning, runs, disrupted("DeletionByTaintManager"))
		}, reason: probe.ReasonProbeNodeLost, fault: ours},
		"no image": {happen: waits("ImagePullBackOff", "Back-off pulling image"), held: true, reason: probe.ReasonProbeImagePull, fault: ours},
		"unschedulable": {happen: func(p *probedApp, job *batchv1.Job) {
			pod := p.makePod(job)
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available"}}
			p.writeStatus(pod)
		}, held: true, reason: probe.ReasonProbeUnschedulable, fault: ours},
		"no room in the quota": {
			happen: refused("exceeded quota: compute, requested: limits.cpu=1, used: limits.cpu=4, limited: limits.cpu=4"), held: true,
			reason: probe.ReasonProbeQuotaExceeded, fault: ours,
		},
		"Pod Security": {
			happen: refused(`violates PodSecurity "restricted:latest": runAsNonRoot != true`), held: true,
			reason: probe.ReasonProbePodRefused, fault: ours, final: true,
		},
		"late": {happen: func(p *probedApp, job *batchv1.Job) {
			p.endJob(job, batchv1.JobReasonDeadlineExceeded)
		}, reason: v1alpha1.ReasonTimeout, fault: ours, ended: true},
		"Job deleted": {happen: func(p *probedApp, job *batchv1.Job) { p.remove(job) }, reason: probe.ReasonProbeDeleted, fault: ours},
		"pod deleted": {happen: func(p *probedApp, job *batchv1.Job) {
			p.remove(p.makePod(job))
			p.endJob(job, batchv1.JobReasonBackoffLimitExceeded)
		}, reason: probe.ReasonProbeDeleted, fault: ours, ended: true},
		"nonsense": {happen: ended(0, "Completed", says(`{"verdict":"Pass"}`)), reason: probe.ReasonProbeGarbled, fault: ours},
		"no word":  {happen: ended(0, "Completed", says("")), reason: probe.ReasonProbeSilent, fault: ours},
		"Secret gone": {happen: func(p *probedApp, job *batchv1.Job) {
			pod := p.makePod(job)
			p.event(pod, "Pod", "FailedMount", `MountVolume.SetUp failed for volume "credentials-1" : secret "probe-bob" not found`)
			p.setState(pod, corev1.PodPending, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}})
		}, held: true, reason: probe.ReasonProbeSecretMissing, fault: app},
		"a pod with the right labels that the Job does not own": {happen: func(p *probedApp, job *batchv1.Job) {
			pod := p.makePod(job, func(pod *corev1.Pod) { pod.OwnerReferences = nil })
			p.end(pod, 0, "Completed", good()(p, job))
		}, reason: probe.ReasonProbeForged, fault: app},
		"a pod of the Job with another image": {happen: func(p *probedApp, job *batchv1.Job) {
			pod := p.makePod(job, func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = "example.com/forger" })
			p.end(pod, 0, "Completed", good()(p, job))
		}, reason: probe.ReasonProbeAltered, fault: ours, final: true},
		"another image under the same name": {happen: func(p *probedApp, job *batchv1.Job) {
			p.reconciler.Probes.ImageIDs = []string{"sha256:" + strings.Repeat("ef", 32)}
			p.end(p.makePod(job), 0, "Completed", good()(p, job))
		}, reason: probe.ReasonProbeAltered, fault: ours, final: true},
		"another Job of the same name": {happen: func(p *probedApp, job *batchv1.Job) {
			p.remove(job)
			again := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: job.Name, Labels: job.Labels, OwnerReferences: job.OwnerReferences}, Spec: *job.Spec.DeepCopy()}
			again.Spec.Selector = nil
			for _, label := range []string{batchv1.JobNameLabel, batchv1.ControllerUidLabel, "job-name", "controller-uid"} {
				delete(again.Spec.Template.Labels, label)
			}
			p.create(again)
			p.end(p.makePod(again), 0, "Completed", good()(p, again))
		}, reason: probe.ReasonProbeForged, fault: app},
		"the result of another Job":    {happen: ended(0, "Completed", good(func(r *probe.Result) { r.Nonce = strings.Repeat("0", 32) })), reason: probe.ReasonProbeReplayed, fault: app},
		"the result of another launch": {happen: ended(0, "Completed", good(func(r *probe.Result) { r.LaunchUID = "another" })), reason: probe.ReasonProbeGarbled, fault: ours},
	}
}

func TestProbeThatGivesNoResultIsUnknownAndTriedAgain(t *testing.T) {
	for name, test := range faults() {
		t.Run(name, func(t *testing.T) {
			p := newProbed(t)
			p.pass()
			job := p.job()
			test.happen(p, job)
			p.isGivenUp(test)
			p.pass()
			if there := slices.ContainsFunc(p.jobs(), func(j batchv1.Job) bool { return j.UID == job.UID }); there != test.ended {
				t.Errorf("the Job is there: %v, want %v", there, test.ended)
			}
			p.staysStill()
			p.isTriedAgain(test)
			if p.job().UID == job.UID {
				t.Error("it is the same Job")
			}
			p.reconciler.Probes.ImageIDs = nil
			p.finish(p.job())
			p.expect(p.pass(), "TenantIsolated", metav1.ConditionTrue, v1alpha1.ReasonPassed)
		})
	}
}

// isGivenUp sees that a fault makes both rows Unknown, for its reason.
func (p *probedApp) isGivenUp(f fault) {
	p.Helper()
	lr := p.pass()
	p.expectRows(lr, f.reason)
	if f.held {
		if got := p.status(); got.Outcome != v1alpha1.ProbeRunning {
			p.Fatalf("it is given up at once: %+v", got)
		}
		p.staysStill()
		p.later(probe.DefaultPatience + time.Minute)
		lr = p.pass()
		p.expectRows(lr, f.reason)
	}
	for _, row := range probe.SuiteAccess.Rows() {
		if m := measurementOf(lr, row); m.Verdict != v1alpha1.VerdictUnknown || m.LastAttempt == nil || m.LastAttempt.Fault != f.fault {
			p.Errorf("%s is %+v", row, m)
		}
	}
	if got := p.status(); got.Outcome != v1alpha1.ProbeFailed || got.Reason != f.reason {
		p.Errorf("the status says %+v", got)
	}
}

// isTriedAgain sees that there is another attempt after the backoff, or another run later where that would end the same.
func (p *probedApp) isTriedAgain(f fault) {
	p.Helper()
	p.later(29 * time.Second)
	p.pass()
	if got := p.status(); got.Outcome != v1alpha1.ProbeFailed {
		p.Fatalf("it is tried again at once: %+v", got)
	}
	run, attempt := int64(1), int32(2)
	if f.final {
		run, attempt = 2, 1
		p.later(probeAgain - 30*time.Second)
		p.pass()
		if got := p.status(); got.Outcome != v1alpha1.ProbeFailed {
			p.Fatalf("it is tried again, which gives the same: %+v", got)
		}
	}
	p.later(2 * time.Second)
	p.pass()
	p.pass() // the first may have had to clear the way
	if got := p.status(); got.Outcome != v1alpha1.ProbeRunning || got.Run != run || got.Attempt != attempt {
		p.Fatalf("it is not tried again: %+v", got)
	}
}

func TestAfterTheThirdFailureItIsTriedLater(t *testing.T) {
	p := newProbed(t)
	names := map[string]bool{}
	for attempt, wait := range []time.Duration{31 * time.Second, 121 * time.Second, probeAgain + time.Second} {
		p.pass()
		job := p.job()
		names[job.Name] = true
		if got := p.status(); got.Run != 1 || int(got.Attempt) != attempt+1 {
			t.Fatalf("it is at %+v", got)
		}
		p.end(p.makePod(job), 137, "OOMKilled", "")
		p.pass()
		p.pass()
		p.later(wait - 3*time.Second)
		p.pass()
		if got := p.status(); got.Outcome != v1alpha1.ProbeFailed {
			t.Fatalf("it is tried again too early: %+v", got)
		}
		p.later(3 * time.Second)
	}
	p.pass()
	if got := p.status(); got.Run != 2 || got.Attempt != 1 || got.Outcome != v1alpha1.ProbeRunning {
		t.Errorf("it is at %+v", got)
	}
	if now := p.job().Name; len(names) != 3 || names[now] {
		t.Errorf("the Jobs were %v, now %s", names, now)
	}
}

func TestEvidenceThatIsNotTheResultsOwnIsLeftOut(t *testing.T) {
	var log bytes.Buffer
	forged := probe.NewEvidenceWriter(&log, probe.MaxEvidenceBytes)
	invented := crossTenantRead
	invented.Place = "somewhere else"
	if err := forged.Write(probe.Evidence{Row: v1alpha1.RowTenantIsolated, Finding: &invented}); err != nil {
		t.Fatal(err)
	}
	for name, log := range map[string][]byte{"another's": log.Bytes(), "cut off": log.Bytes()[:40], "none": nil} {
		t.Run(name, func(t *testing.T) {
			p := newProbed(t)
			p.pass()
			p.logs[p.job().Name+"-x7f2k"] = log
			p.finish(p.job(), leaking, func(r *probe.Result) { r.EvidenceSHA256, r.EvidenceLines = strings.Repeat("a", 64), 1 })
			lr := p.pass()
			p.expect(lr, "AuthEnforced", metav1.ConditionTrue, v1alpha1.ReasonPassed)
			p.expect(lr, "TenantIsolated", metav1.ConditionFalse, "CrossTenantRead")
			checkFindings(p, 1)
		})
	}
}

func TestResultDoesNotCountIfTheTargetChangedMeanwhile(t *testing.T) {
	p := newProbed(t)
	p.pass()
	p.finish(p.job())
	stranger := p.harness.pod("stranger", "10.1.0.9", p.deployment.Spec.Template)
	p.leadTo("chat", "http", endpoint(p.pod), endpoint(stranger))
	lr := p.pass()
	if c := p.expectRows(lr, v1alpha1.ReasonTargetNotWorkload); !strings.Contains(c.Message, "leads to Pod stranger") {
		t.Errorf("the message is %q", c.Message)
	}
	p.staysStill()
	p.leadTo("chat", "http", endpoint(p.pod))
	p.staysStill()
	p.later(probeAgain + 2*time.Minute)
	p.pass()
	if got := p.status(); got.Run != 2 || got.Outcome != v1alpha1.ProbeRunning {
		t.Errorf("it is not measured again: %+v", got)
	}
}

// TestRolloutDuringARun is about a result that may be that of two revisions: what it found is the old one's, that it found
// nothing is nobody's.
func TestRolloutDuringARun(t *testing.T) {
	p := newProbed(t)
	lr := p.pass()
	old := lr.Status.Revision
	job := p.job()
	p.newRevision()
	running := p.pass()
	if got := p.status(); got.Outcome != v1alpha1.ProbeRunning || got.JobUID != string(job.UID) || running.Status.Revision == old {
		t.Fatalf("the run does not go on: %+v", got)
	}
	p.finish(job, leaking)
	lr = p.pass()
	m := measurementOf(lr, v1alpha1.RowTenantIsolated)
	if m.Verdict != v1alpha1.VerdictFail || m.Revision != old {
		t.Errorf("TenantIsolated is %+v, want a Fail of %s", m, old)
	}
	p.expect(lr, "TenantIsolated", metav1.ConditionUnknown, v1alpha1.ReasonStale)
	p.expect(lr, "AuthEnforced", metav1.ConditionUnknown, v1alpha1.ReasonTargetNotWorkload)
	lr = p.pass()
	if got := p.status(); got.Run != 2 || got.Revision != lr.Status.Revision || got.Outcome != v1alpha1.ProbeRunning {
		t.Errorf("the new revision is not measured: %+v", got)
	}
	p.finish(p.job())
	lr = p.pass()
	p.expect(lr, "TenantIsolated", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	p.expect(lr, "AuthEnforced", metav1.ConditionTrue, v1alpha1.ReasonPassed)
}

func TestJobThatIsAlteredOnItsWayIsNoProbe(t *testing.T) {
	p := newProbed(t)
	watching, err := client.NewWithWatch(apiServer, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	// As a mutating webhook does.
	p.live(interceptor.NewClient(watching, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if job, ok := obj.(*batchv1.Job); ok {
				job.Spec.Template.Spec.Containers[0].Image = "mirror.example.com/launchready"
			}
			return c.Create(ctx, obj, opts...)
		},
	}))
	if c := p.expectRows(p.pass(), probe.ReasonProbeAltered); !strings.Contains(c.Message, "containers[probe].image") {
		t.Errorf("the message is %q", c.Message)
	}
	p.pass()
	if jobs := p.jobs(); len(jobs) != 0 {
		t.Errorf("it runs on: %s", jobs[0].Name)
	}
	p.later(time.Minute)
	p.staysStill()
}

func TestJobsStayWithinTheLimitOfTheCluster(t *testing.T) {
	const limit = 2
	var apps []*probedApp
	for range 5 {
		apps = append(apps, newProbed(t))
	}
	shared := apps[0].reconciler.Probes
	shared.Limit = limit
	start := apps[0].clock.Now()
	for i, p := range apps {
		p.reconciler.Probes = shared
		p.clock.SetTime(start.Add(time.Duration(i) * time.Second)) // the first has waited longest
	}
	pods := podLog{}
	shared.Logs = pods
	unfinished := func() (running []int) {
		for i, p := range apps {
			n := 0
			for _, job := range p.jobs() {
				if !jobEnded(&job) {
					n++
				}
			}
			if n > 1 {
				t.Errorf("app %d has %d Jobs at once", i, n)
			}
			if n > 0 {
				running = append(running, i)
			}
		}
		if len(running) > limit {
			t.Fatalf("%d Jobs run at once: %v", len(running), running)
		}
		return running
	}
	all := func(order ...int) []int {
		for _, i := range order {
			apps[i].pass()
			unfinished()
		}
		return unfinished()
	}
	if diff := cmp.Diff([]int{0, 1}, all(0, 1, 2, 3, 4)); diff != "" {
		t.Fatalf("the first that run (-want +got):\n%s", diff)
	}
	for _, i := range []int{2, 3, 4} {
		if c := apps[i].expectRows(apps[i].get("chat"), v1alpha1.ReasonProbeQueued); !strings.Contains(c.Message, "the cluster 2 (--max-concurrent-probes)") {
			t.Errorf("the message is %q", c.Message)
		}
		apps[i].staysStill()
	}
	apps[1].finish(apps[1].job())
	// The last is looked at first, and has waited less than the others.
	if diff := cmp.Diff([]int{0, 2}, all(4, 3, 2, 1)); diff != "" {
		t.Fatalf("those that run after one has ended (-want +got):\n%s", diff)
	}
	// One that is queued and gone or suspended holds up nobody.
	apps[3].change(func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Suspend = ptr.To(true) })
	apps[0].finish(apps[0].job())
	if diff := cmp.Diff([]int{2, 4}, all(4, 3, 2, 1, 0)); diff != "" {
		t.Fatalf("those that run at the end (-want +got):\n%s", diff)
	}
}

func TestOneThatCanNotStartHoldsUpNobody(t *testing.T) {
	first, second := newProbed(t), newProbed(t)
	first.reconciler.Probes.Limit = 0 // so that it is queued
	first.expectRows(first.pass(), v1alpha1.ReasonProbeQueued)
	first.create(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: probe.NetworkPolicyName("chat")}})
	shared := second.reconciler.Probes
	shared.Limit, first.reconciler.Probes = 1, shared
	second.later(time.Second)
	second.expectRows(second.pass(), v1alpha1.ReasonProbeQueued)
	first.expectRows(first.pass(), probe.ReasonProbeForged)
	second.pass()
	second.job()
}

func TestProbeThatNobodyWaitsForIsRemoved(t *testing.T) {
	p := newProbed(t)
	p.pass()
	forgotten := p.job()
	// The operator was killed before it wrote the status, and meanwhile something changed.
	lr := p.get("chat")
	lr.Status = v1alpha1.LaunchReadinessStatus{}
	p.writeStatus(lr)
	p.newRevision()
	p.live(p.client)
	p.expectRows(p.pass(), v1alpha1.ReasonProbeQueued)
	if n := len(p.jobs()); n != 0 {
		t.Fatalf("there are %d Jobs", n)
	}
	p.pass()
	if job := p.job(); job.UID == forgotten.UID || len(p.jobs()) != 1 {
		t.Errorf("it is still Job %s", job.Name)
	}
}

// throughForProbes gives a client whose calls all go through the lifeline, those that only probes need among them.
func (l *lifeline) throughForProbes(c client.WithWatch) client.Client {
	others, ok := l.through(c).(client.WithWatch)
	if !ok {
		panic("an intercepted client watches")
	}
	return interceptor.NewClient(others, interceptor.Funcs{
		Create: func(ctx context.Context, _ client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return l.write(func() error { return c.Create(ctx, obj, opts...) })
		},
		Update: func(ctx context.Context, _ client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			return l.write(func() error { return c.Update(ctx, obj, opts...) })
		},
		Delete: func(ctx context.Context, _ client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return l.write(func() error { return c.Delete(ctx, obj, opts...) })
		},
	})
}

// counting gives a client that counts the Jobs that it has created, by name.
func counting(t testing.TB, created map[string]int) client.WithWatch {
	t.Helper()
	watching, err := client.NewWithWatch(apiServer, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return interceptor.NewClient(watching, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			err := c.Create(ctx, obj, opts...)
			if job, ok := obj.(*batchv1.Job); ok && err == nil {
				created[job.Name]++
			}
			return err
		},
	})
}

// probeEnd is what the story of a probe leaves behind.
type probeEnd struct {
	Status   v1alpha1.LaunchReadinessStatus
	Report   v1alpha1.LaunchReportStatus
	Attempts []string
	Jobs     int
}

// TestKilledAtAnyCallOfAProbeConverges tells the same story again and again: a first attempt runs out of memory, the second finds
// a leak, and a new Secret brings about another run. Each time the operator is killed at another call to the API server: right
// after each write has landed, and before the first. To be killed at a read, or before a later write lands, leaves behind the
// same as to be killed right after the write before.
func TestKilledAtAnyCallOfAProbeConverges(t *testing.T) {
	undisturbed := &lifeline{}
	reference, calls := tellProbeStory(t, undisturbed)
	if calls < 100 || len(undisturbed.writes) < 15 {
		t.Fatalf("the whole story takes only %d calls, %d of them writes: is the lifeline in the way of all of them?", calls, len(undisturbed.writes))
	}
	options := append(storyOptions(),
		cmpopts.IgnoreFields(v1alpha1.Probe{}, "JobName", "JobUID", "Revision", "InputsHash"),
		cmpopts.IgnoreFields(v1alpha1.Measurement{}, "InputsHash"),
	)
	for i, n := range append([]int{undisturbed.writes[0]}, undisturbed.writes...) {
		landed := i > 0
		t.Run(fmt.Sprintf("call %d, landed %v", n, landed), func(t *testing.T) {
			line := &lifeline{cutAt: n, landed: landed}
			got, _ := tellProbeStory(t, line)
			if !line.dead {
				t.Fatal("the operator was not killed")
			}
			if diff := cmp.Diff(reference, got, options); diff != "" {
				t.Errorf("it ends otherwise (-undisturbed +killed):\n%s", diff)
			}
		})
	}
	t.Logf("killed after each of %d writes among %d calls", len(undisturbed.writes), calls)
}

func tellProbeStory(t *testing.T, line *lifeline) (probeEnd, int) {
	t.Helper()
	p := newProbed(t)
	created := map[string]int{}
	api := counting(t, created)
	p.live(line.throughForProbes(api))
	p.create(p.launch)
	settle := func() {
		t.Helper()
		p.settleProbe(line, api)
	}
	settle()

	p.end(p.makePod(p.job()), 137, "OOMKilled", "")
	settle()
	p.expectRows(p.get("chat"), probe.ReasonProbeOutOfMemory)
	p.later(31 * time.Second)
	settle()

	var log bytes.Buffer
	evidence := probe.NewEvidenceWriter(&log, probe.MaxEvidenceBytes)
	for _, place := range []string{crossTenantRead.Place, "elsewhere"} {
		f := crossTenantRead
		f.Place = place
		if err := evidence.Write(probe.Evidence{Row: v1alpha1.RowTenantIsolated, Finding: &f}); err != nil {
			t.Fatal(err)
		}
	}
	p.logs[p.job().Name+"-x7f2k"] = log.Bytes()
	p.finish(p.job(), leaking, func(r *probe.Result) { r.EvidenceSHA256, r.EvidenceLines = evidence.Sum() })
	settle()
	p.expect(p.get("chat"), "TenantIsolated", metav1.ConditionFalse, "CrossTenantRead")
	checkFindings(p, 2)

	p.update(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "probe-bob"}, StringData: map[string]string{"email": "bobby@example.com"}})
	settle()
	p.finish(p.job())
	settle()

	lr := p.get("chat")
	checkInvariants(t, lr)
	p.expect(lr, "TenantIsolated", metav1.ConditionTrue, v1alpha1.ReasonPassed)
	found := probeEnd{Status: lr.Status, Report: p.report(), Jobs: len(p.jobs())}
	for name, n := range created {
		if n != 1 {
			t.Errorf("Job %s was created %d times", name, n)
		}
	}
	if len(created) != 3 {
		t.Errorf("%d Jobs were created: %v", len(created), created)
	}
	for _, job := range p.jobs() {
		found.Attempts = append(found.Attempts, job.Annotations[probe.RunAnnotation]+"/"+job.Annotations[probe.AttemptAnnotation])
	}
	return found, line.calls
}

// settleProbe reconciles until a pass writes nothing. An operator that is killed starts anew, and is not killed again.
func (p *probedApp) settleProbe(line *lifeline, api client.Client) {
	p.Helper()
	request := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: p.namespace, Name: "chat"}}
	for before := ""; ; {
		killed := line.dead
		_, err := p.reconciler.Reconcile(p.Context(), request)
		if line.dead && !killed {
			p.live(api)
			before = ""
			continue
		}
		if err != nil {
			p.Fatal(err)
		}
		after := p.versions()
		if after == before {
			return
		}
		before = after
	}
}

// TestSecretsOfIdentitiesAreNowhere plants secrets in what the probes use and in what surrounds their evidence, and looks for
// them in everything that the operator writes.
func TestSecretsOfIdentitiesAreNowhere(t *testing.T) {
	planter := &planter{TB: t}
	p := newProbed(t)
	for _, name := range []string{"probe-alice", "probe-bob"} {
		p.update(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: name}, StringData: map[string]string{
			"email": planter.secret("", 20) + "@example.com", "password": planter.secret("", 30), "token": planter.secret("sk-proj-", 40),
		}})
	}
	var written bytes.Buffer
	ctx := ctrl.LoggerInto(t.Context(), zap.New(zap.WriteTo(&written), zap.Level(zapcore.Level(-2))))
	pass := func() {
		_, err := p.reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(p.launch)})
		fmt.Fprintln(&written, err)
		for _, list := range []client.ObjectList{&v1alpha1.LaunchReadinessList{}, &v1alpha1.LaunchReportList{}, &batchv1.JobList{}, &networkingv1.NetworkPolicyList{}} {
			if err := p.client.List(ctx, list, client.InNamespace(p.namespace)); err != nil {
				t.Fatal(err)
			}
			if err := json.NewEncoder(&written).Encode(list); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.create(p.launch)
	pass()
	// The first attempt leaves rubbish in its log, and ends without a word.
	pod := p.makePod(p.job())
	p.logs[pod.Name] = []byte("login failed for " + planter.secret("", 30) + "\n" + probe.EvidencePrefix + planter.secret("", 30) + "\n")
	p.end(pod, 0, "Completed", encoded(t, func() probe.Result {
		r := resultFor(specOf(t, p.job()))
		leaking(&r)
		r.EvidenceSHA256, r.EvidenceLines = strings.Repeat("b", 64), 1
		return r
	}()))
	pass()
	pass()
	for _, note := range p.events.notes {
		fmt.Fprintln(&written, note)
	}
	scrape(t, p.client, &written)
	for _, expected := range []string{"CrossTenantRead", "a probe's log does not give the evidence", "probe started", probe.SpecEnv} {
		if !strings.Contains(written.String(), expected) {
			t.Errorf("%q was not caught: is everything looked at?", expected)
		}
	}
	if len(planter.planted) != 8 {
		t.Fatalf("%d secrets are planted", len(planter.planted))
	}
	for i, secret := range planter.planted {
		if found := leaked(written.String(), secret); found != "" {
			t.Errorf("secret %d came out, as %s", i, found)
		}
	}
}

// TestProbeThatTheStatusNamesIsNotForgotten is about a cache that is older than the Job: the status in the API server decides.
func TestProbeThatTheStatusNamesIsNotForgotten(t *testing.T) {
	p := newProbed(t)
	lr := p.pass()
	job := p.job()
	stale := lr.DeepCopy()
	stale.Status.Probes = nil
	app, _, err := p.reconciler.resolve(t.Context(), stale)
	if err != nil {
		t.Fatal(err)
	}
	if err := (suiteRun{r: p.reconciler, app: app, suite: probe.SuiteAccess}).removeForgotten(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if p.job().UID != job.UID {
		t.Error("it is removed")
	}
}

// accessKind is a suite that asks the chat ten questions and makes three accounts, if it can.
func accessKind(version string) probe.Kind {
	return probe.Kind{Version: version, Plan: func(app *v1alpha1.App, _ []probe.KnownAttack, _ bool) (p probe.Plan) {
		if app.Chat != nil {
			p.Chats = 10
		}
		if app.SignUp != nil {
			p.SignUps = 3
		}
		return p
	}}
}
