// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
	"github.com/launchready/launchready/internal/probe"
)

// Who asks. All may do everything by their roles, so that nothing but the policy is judged.
const (
	operator          = "the operator"
	jobController     = "the Job controller"
	controllerManager = "a controller manager whose controllers have no accounts"
	collector         = "the garbage collector"
	namespaces        = "the namespace controller"
	finished          = "the TTL controller"
	taints            = "the taint controller"
	replicas          = "the ReplicaSet controller"
	node              = "a node"
	scheduler         = "the scheduler"
	network           = "a network plugin outside kube-system"
	team              = "the namespace's admin"
	root              = "cluster-admin"
)

func probeUsers() map[string]rest.ImpersonationConfig {
	account := func(namespace, name string) rest.ImpersonationConfig {
		return rest.ImpersonationConfig{
			UserName: "system:serviceaccount:" + namespace + ":" + name,
			Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		}
	}
	return map[string]rest.ImpersonationConfig{
		operator:          account(operatorNamespace, "launchready-manager"),
		jobController:     account("kube-system", "job-controller"),
		controllerManager: {UserName: "system:kube-controller-manager", Groups: []string{"system:authenticated"}},
		collector:         account("kube-system", "generic-garbage-collector"),
		namespaces:        account("kube-system", "namespace-controller"),
		finished:          account("kube-system", "ttl-after-finished-controller"),
		taints:            account("kube-system", "taint-eviction-controller"),
		replicas:          account("kube-system", "replicaset-controller"),
		node:              {UserName: "system:node:node-1", Groups: []string{"system:nodes", "system:authenticated"}},
		scheduler:         {UserName: "system:kube-scheduler", Groups: []string{"system:authenticated"}},
		network:           account("calico-system", "calico-cni-plugin"),
		team:              {UserName: "dana", Groups: []string{"developers", "system:authenticated"}},
		root:              {UserName: "root", Groups: []string{"system:masters", "system:authenticated"}},
	}
}

// controllers are those of kube-system, and others are added to them.
func controllers(others ...string) []string {
	return append([]string{jobController, controllerManager, collector, namespaces, finished, taints, replicas}, others...)
}

func everybody() []string { return slices.Sorted(maps.Keys(probeUsers())) }

// asker makes requests as one user.
type asker struct {
	*gateClient
	pods rest.Interface
}

func newAskers(t *testing.T) map[string]asker {
	t.Helper()
	role := clusterRole(t, "probe-testers", []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}})
	grantUser(t, "probe", role, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "probe-testers"}, "testers")
	askers := map[string]asker{}
	for who, impersonated := range probeUsers() {
		config := rest.CopyConfig(server.config)
		config.QPS = -1
		impersonated.Groups = append(impersonated.Groups, "probe-testers")
		config.Impersonate = impersonated
		w := &warnings{}
		config.WarningHandler = w
		c, err := client.New(config, client.Options{Scheme: server.client.Scheme()})
		if err != nil {
			t.Fatal(err)
		}
		clientset, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		askers[who] = asker{gateClient: &gateClient{Client: c, warnings: w}, pods: clientset.CoreV1().RESTClient()}
	}
	return askers
}

// connect asks for a connection to a pod, as far as the API server lets it before it looks for the pod's node.
func (a asker) connect(ctx context.Context, pod *corev1.Pod, subresource string) error {
	err := a.pods.Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource(subresource).
		Param("command", "/bin/sh").Param("stdout", "true").Param("ports", "80").Do(ctx).Error()
	if err != nil && strings.Contains(err.Error(), "does not have a host assigned") {
		return nil
	}
	return err
}

func (a asker) patch(ctx context.Context, object client.Object, patch string) error {
	return a.Patch(ctx, copied(object), client.RawPatch(types.StrategicMergePatchType, []byte(patch)), client.DryRunAll)
}

func (a asker) patchPart(ctx context.Context, object client.Object, subresource, patch string) error {
	return a.SubResource(subresource).Patch(ctx, copied(object), client.RawPatch(types.StrategicMergePatchType, []byte(patch)), client.DryRunAll)
}

func (a asker) create(ctx context.Context, object client.Object) error {
	object = copied(object)
	object.SetResourceVersion("")
	object.SetUID("")
	if object.GetGenerateName() == "" {
		object.SetName(object.GetName() + "-2")
	} else {
		object.SetName("")
	}
	return a.Create(ctx, object, client.DryRunAll)
}

func copied(object client.Object) client.Object {
	o, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		panic("a copy of an object is none")
	}
	return o
}

// probeWorld has a probe as it runs, what resembles one, and what has nothing to do with it.
type probeWorld struct {
	namespace string
	askers    map[string]asker
	// job and pod are a probe; likeness is a pod with a probe's name and no labels.
	job, plainJob, waitingJob *batchv1.Job
	pod, plainPod, likeness   *corev1.Pod
}

func newProbeWorld(t *testing.T) *probeWorld {
	t.Helper()
	installGate(t)
	w := &probeWorld{namespace: newNamespace(t), askers: newAskers(t)}
	eventually(t, func() string {
		denial, _, err := w.askers[root].try(t.Context(), func(ctx context.Context) error {
			return w.askers[root].Create(ctx, w.podNamed("x", probeLabels()), client.DryRunAll)
		})
		if err != nil || denial == "" {
			return fmt.Sprintf("the guard is not in force yet: %q, %v", denial, err)
		}
		return ""
	})
	w.job = w.jobOf(t, "chat")
	w.plainJob, w.waitingJob = w.job.DeepCopy(), w.job.DeepCopy()
	for name, job := range map[string]*batchv1.Job{"report": w.plainJob, "waiting": w.waitingJob} {
		job.Name, job.Labels, job.Spec.Template.Labels = name, nil, map[string]string{"app": name}
		job.Spec.Suspend = ptr.To(name == "waiting")
	}
	w.mustCreate(t, operator, w.job)
	w.mustCreate(t, team, w.plainJob)
	w.mustCreate(t, team, w.waitingJob)

	w.pod = &corev1.Pod{ObjectMeta: *w.job.Spec.Template.ObjectMeta.DeepCopy(), Spec: *w.job.Spec.Template.Spec.DeepCopy()}
	w.pod.Namespace, w.pod.GenerateName, w.pod.Finalizers = w.namespace, w.job.Name+"-", []string{batchv1.JobTrackingFinalizer}
	w.pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(w.job, batchv1.SchemeGroupVersion.WithKind("Job"))}
	w.mustCreate(t, jobController, w.pod)
	w.plainPod, w.likeness = w.podNamed("web", map[string]string{probe.ManagedByLabel: probe.ManagedBy}), w.podNamed("launchready-probe-of-mine", nil)
	w.mustCreate(t, team, w.plainPod)
	w.mustCreate(t, team, w.likeness)
	return w
}

// jobOf gives the Job that the operator creates for a launch.
func (w *probeWorld) jobOf(t *testing.T, name string) *batchv1.Job {
	t.Helper()
	launch := &v1alpha1.LaunchReadiness{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace, UID: "8f6a3f0e"}}
	job, err := probe.Job(probe.JobOptions{
		Launch: launch, Image: "example.com/launchready:1",
		Spec: probe.Spec{
			SchemaVersion: probe.SchemaVersion, Suite: probe.SuiteAccess, Nonce: strings.Repeat("0f", 16), Namespace: w.namespace, Launch: name, LaunchUID: "8f6a3f0e",
			Revision: "0123456789abcdef", DeadlineSeconds: 60, MaxRequests: 1,
			Target: probe.Target{BaseURL: "http://chat.shop.svc:80", Addresses: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.7:8080")}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func probeLabels() map[string]string {
	return map[string]string{probe.ManagedByLabel: probe.ManagedBy, probe.SuiteLabel: "access"}
}

// podNamed gives a pod of one's own.
func (w *probeWorld) podNamed(name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: "example.com/web:1",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{}},
		}}},
	}
}

func (w *probeWorld) mustCreate(t *testing.T, who string, object client.Object) {
	t.Helper()
	if err := w.askers[who].Create(t.Context(), object); err != nil {
		t.Fatalf("%s creates %s: %v", who, object.GetName(), err)
	}
}

// probeRequest is a request that everybody makes.
type probeRequest struct {
	do func(context.Context, asker) error
	// by are who may.
	by []string
	// says is what the others are told.
	says string
}

const (
	takeLabel  = `{"metadata":{"labels":{"launchready.dev/suite":null}}}`
	giveLabels = `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"launchready","launchready.dev/suite":"access"}}}`
	relabelled = "together are those of LaunchReady's probes, and are neither given to a"
	forgery    = `{"status":{"phase":"Succeeded","containerStatuses":[{"name":"probe","image":"x","imageID":"x","state":{"terminated":{"exitCode":0,"message":"{}"}}}]}}`
	debugger   = `{"spec":{"ephemeralContainers":[{"name":"debug","image":"example.com/shell:1"}]}}`
	bigger     = `{"spec":{"containers":[{"name":"probe","resources":{"limits":{"cpu":"2"}}}]}}`
	rerun      = "To run a probe again, delete its Job: it is started again."
	again      = "Delete its Job instead: it is started again."
)

// podRequests are those that have to do with a probe's pod.
func (w *probeWorld) podRequests() map[string]probeRequest {
	unowned := "nobody but its node and the cluster's controllers may "
	return map[string]probeRequest{
		"create a probe's pod": {
			func(ctx context.Context, a asker) error { return a.create(ctx, w.pod) },
			[]string{jobController, controllerManager},
			"only the Job controller creates these, from a Job of the operator. Leave the labels off. " + rerun,
		},
		"create a pod with the labels under another name": {
			func(ctx context.Context, a asker) error { return a.create(ctx, w.podNamed("web", probeLabels())) },
			nil, "only the Job controller creates these, from a Job of the operator. Leave the labels off. " + rerun,
		},
		"change the image": {
			func(ctx context.Context, a asker) error {
				return a.patch(ctx, w.pod, `{"spec":{"containers":[{"name":"probe","image":"example.com/forger:1"}]}}`)
			},
			controllers(node), unowned + "change it, so that no result can be forged. " + again,
		},
		"take the finalizer": {
			func(ctx context.Context, a asker) error {
				return a.patch(ctx, w.pod, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["batch.kubernetes.io/job-tracking"]}}`)
			},
			controllers(node), unowned + "change it",
		},
		"annotate": {
			func(ctx context.Context, a asker) error {
				return a.patch(ctx, w.pod, `{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"mine"}}}`)
			},
			controllers(node), unowned + "change it",
		},
		"take a label": {
			func(ctx context.Context, a asker) error { return a.patch(ctx, w.pod, takeLabel) }, controllers(node), relabelled + " pod nor taken from one. Leave them as they were. " + rerun,
		},
		"give an ordinary pod the labels": {
			func(ctx context.Context, a asker) error { return a.patch(ctx, w.plainPod, giveLabels) }, controllers(node), relabelled + " pod nor taken from one",
		},
		"give an ordinary pod the labels through its status": {
			func(ctx context.Context, a asker) error {
				return a.patchPart(ctx, w.plainPod, "status", giveLabels)
			}, controllers(node), relabelled + " pod nor taken from one",
		},
		"change nothing": {
			func(ctx context.Context, a asker) error { return a.patch(ctx, w.pod, `{}`) }, everybody(), "",
		},
		"forge a result": {
			func(ctx context.Context, a asker) error { return a.patchPart(ctx, w.pod, "status", forgery) }, controllers(node),
			unowned + "write its status, where the result stands. " + again,
		},
		"take the finalizer through the status": {
			func(ctx context.Context, a asker) error {
				return a.patchPart(ctx, w.pod, "status", `{"metadata":{"$deleteFromPrimitiveList/finalizers":["batch.kubernetes.io/job-tracking"]}}`)
			}, controllers(node), unowned + "write its status",
		},
		"say that no node takes it": {
			func(ctx context.Context, a asker) error {
				return a.patchPart(ctx, w.pod, "status", `{"status":{"nominatedNodeName":"node-1","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable"}]}}`)
			}, everybody(), "",
		},
		"say which address it has": {
			func(ctx context.Context, a asker) error {
				return a.patchPart(ctx, w.pod, "status", `{"metadata":{"annotations":{"cni.projectcalico.org/podIP":"10.0.0.9/32"}}}`)
			}, everybody(), "",
		},
		"add a debugger": {
			func(ctx context.Context, a asker) error {
				return a.patchPart(ctx, w.pod, "ephemeralcontainers", debugger)
			},
			nil, "nobody may add a container to it or resize it, so that no result can be forged. Read it by kubectl logs, or delete its Job: it is started again.",
		},
		"resize it": {
			func(ctx context.Context, a asker) error { return a.patchPart(ctx, w.pod, "resize", bigger) }, nil, "nobody may add a container to it or resize it",
		},
		"evict it": {
			func(ctx context.Context, a asker) error {
				return a.SubResource("eviction").Create(ctx, w.pod.DeepCopy(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: w.pod.Name}}, client.DryRunAll)
			}, everybody(), "",
		},
		"delete it": {
			func(ctx context.Context, a asker) error { return a.Delete(ctx, w.pod.DeepCopy(), client.DryRunAll) }, everybody(), "",
		},
	}
}

// connections are those into a pod.
func (w *probeWorld) connections() map[string]probeRequest {
	requests := map[string]probeRequest{}
	for _, subresource := range []string{"exec", "attach", "portforward", "proxy"} {
		for what, pod := range map[string]*corev1.Pod{"probe": w.pod, "pod of a probe's name": w.likeness} {
			requests[subresource+" into a "+what] = probeRequest{
				func(ctx context.Context, a asker) error { return a.connect(ctx, pod, subresource) }, nil,
				"nobody may exec or attach, forward a port or proxy into one, so that no result can be forged. Read it by kubectl logs, or delete its Job: it is started again. " +
					"If the pod is your own, give it another name.",
			}
		}
	}
	return requests
}

// jobRequests are those that have to do with a probe's Job.
func (w *probeWorld) jobRequests() map[string]probeRequest {
	onlyOperator := "only the operator, " + gate.DefaultOperator + ", creates these. Give it another name, and leave the labels off. " + rerun
	unowned := "nobody but the operator, " + gate.DefaultOperator + ", and the cluster's controllers may change it. " + again
	variant := func(change func(*batchv1.Job)) *batchv1.Job {
		job := w.plainJob.DeepCopy()
		job.Spec.Selector = nil
		job.Spec.Template.Labels = nil
		change(job)
		return job
	}
	return map[string]probeRequest{
		"create a probe's Job": {
			func(ctx context.Context, a asker) error {
				return a.create(ctx, variant(func(j *batchv1.Job) {
					j.Name, j.Labels, j.Spec.Template.Labels = w.job.Name, probeLabels(), probeLabels()
				}))
			},
			[]string{operator},
			onlyOperator,
		},
		"create a Job of a probe's name": {
			func(ctx context.Context, a asker) error {
				return a.create(ctx, variant(func(j *batchv1.Job) { j.Name = "launchready-probe-mine" }))
			}, []string{operator}, onlyOperator,
		},
		"create a Job whose name is generated from a probe's": {
			func(ctx context.Context, a asker) error {
				return a.create(ctx, variant(func(j *batchv1.Job) { j.GenerateName = "launchready-probe-" }))
			}, []string{operator}, onlyOperator,
		},
		"create a Job that would make pods with the labels": {
			func(ctx context.Context, a asker) error {
				return a.create(ctx, variant(func(j *batchv1.Job) { j.Spec.Template.Labels = probeLabels() }))
			}, []string{operator}, onlyOperator,
		},
		"suspend it": {
			func(ctx context.Context, a asker) error { return a.patch(ctx, w.job, `{"spec":{"suspend":true}}`) }, controllers(operator), unowned,
		},
		"disown it": {
			func(ctx context.Context, a asker) error {
				return a.patch(ctx, w.job, `{"metadata":{"ownerReferences":null}}`)
			}, controllers(operator), unowned,
		},
		"take a label": {
			func(ctx context.Context, a asker) error { return a.patch(ctx, w.job, takeLabel) }, controllers(operator), relabelled + " Job nor taken from one. Leave them as they were. " + rerun,
		},
		"give an ordinary Job the labels": {
			func(ctx context.Context, a asker) error { return a.patch(ctx, w.plainJob, giveLabels) }, controllers(operator), relabelled + " Job nor taken from one",
		},
		"give the pods of a Job that waits the labels": {
			func(ctx context.Context, a asker) error {
				return a.patch(ctx, w.waitingJob, `{"spec":{"template":`+giveLabels+`}}`)
			}, controllers(operator), "or would make one by the labels of its pod template: " + unowned,
		},
		"change nothing": {
			func(ctx context.Context, a asker) error { return a.patch(ctx, w.job, `{}`) }, everybody(), "",
		},
		"write its status": {
			func(ctx context.Context, a asker) error {
				return a.patchPart(ctx, w.job, "status", `{"status":{"active":1}}`)
			}, controllers(), "nobody but the cluster's controllers may write its status. " + again,
		},
		"delete it": {
			func(ctx context.Context, a asker) error { return a.Delete(ctx, w.job.DeepCopy(), client.DryRunAll) }, everybody(), "",
		},
	}
}

// ordinaryRequests are nobody's business.
func (w *probeWorld) ordinaryRequests() map[string]probeRequest {
	all := map[string]func(context.Context, asker) error{
		"create a pod": func(ctx context.Context, a asker) error { return a.create(ctx, w.plainPod) },
		"create a pod of a probe's name": func(ctx context.Context, a asker) error {
			return a.create(ctx, w.likeness)
		},
		"create a pod that carries one of the labels": func(ctx context.Context, a asker) error {
			return a.create(ctx, w.podNamed("one", map[string]string{probe.SuiteLabel: "access"}))
		},
		"label a pod": func(ctx context.Context, a asker) error {
			return a.patch(ctx, w.plainPod, `{"metadata":{"labels":{"app":"web"}}}`)
		},
		"change a pod's image": func(ctx context.Context, a asker) error {
			return a.patch(ctx, w.plainPod, `{"spec":{"containers":[{"name":"web","image":"example.com/web:2"}]}}`)
		},
		"change the image of a pod of a probe's name": func(ctx context.Context, a asker) error {
			return a.patch(ctx, w.likeness, `{"spec":{"containers":[{"name":"web","image":"example.com/web:2"}]}}`)
		},
		"write a pod's status": func(ctx context.Context, a asker) error {
			return a.patchPart(ctx, w.plainPod, "status", `{"status":{"phase":"Running"}}`)
		},
		"add a debugger": func(ctx context.Context, a asker) error {
			return a.patchPart(ctx, w.plainPod, "ephemeralcontainers", debugger)
		},
		"exec": func(ctx context.Context, a asker) error { return a.connect(ctx, w.plainPod, "exec") },
		"create a Job": func(ctx context.Context, a asker) error {
			job := w.plainJob.DeepCopy()
			job.Spec.Selector, job.Spec.Template.Labels = nil, map[string]string{"app": "report"}
			return a.create(ctx, job)
		},
		"suspend a Job": func(ctx context.Context, a asker) error { return a.patch(ctx, w.plainJob, `{"spec":{"suspend":true}}`) },
		"write a Job's status": func(ctx context.Context, a asker) error {
			return a.patchPart(ctx, w.plainJob, "status", `{"status":{"active":1}}`)
		},
	}
	requests := map[string]probeRequest{}
	for what, do := range all {
		requests[what] = probeRequest{do, everybody(), ""}
	}
	return requests
}

func TestNobodyForgesAProbe(t *testing.T) {
	w := newProbeWorld(t)
	for kind, requests := range map[string]map[string]probeRequest{
		"pod": w.podRequests(), "connection": w.connections(), "Job": w.jobRequests(), "ordinary": w.ordinaryRequests(),
	} {
		for what, request := range requests {
			for who, a := range w.askers {
				t.Run(kind+": "+what+", by "+who, func(t *testing.T) {
					denial, warned, err := a.try(t.Context(), func(ctx context.Context) error { return request.do(ctx, a) })
					if err != nil {
						t.Fatalf("it failed for reasons of its own: %v", err)
					}
					if len(warned) > 0 {
						t.Errorf("warnings: %q", warned)
					}
					may := slices.Contains(request.by, who)
					switch {
					case may && denial != "":
						t.Errorf("it is refused: %s", denial)
					case !may && denial == "":
						t.Error("it passes")
					case !may && (!strings.Contains(denial, request.says) || !strings.Contains(denial, " "+w.namespace+"/") || strings.Contains(denial, "\n")):
						t.Errorf("the refusal is %q, want one line about what is in namespace %s with %q", denial, w.namespace, request.says)
					}
				})
			}
		}
	}
}

// The guard has names and labels of its own, which must be those that the operator gives its Jobs, whatever the launch is called.
func TestTheGuardKnowsEveryProbe(t *testing.T) {
	w := newProbeWorld(t)
	for _, launch := range []string{"chat", "a", "with.dots", strings.Repeat("long.", 40) + "x"} {
		unlabelled, renamed := w.jobOf(t, launch), w.jobOf(t, launch)
		unlabelled.Labels, unlabelled.Spec.Template.Labels = nil, nil
		renamed.Name, renamed.Spec.Template.Labels = "report-again", nil
		made := w.jobOf(t, launch)
		made.Name, made.Labels = "report-again", nil
		for by, job := range map[string]*batchv1.Job{"name": unlabelled, "labels": renamed, "pod's labels": made} {
			denial, _, err := w.askers[team].try(t.Context(), func(ctx context.Context) error { return w.askers[team].Create(ctx, job, client.DryRunAll) })
			if err != nil || denial == "" {
				t.Errorf("a Job of launch %s is not known by its %s: %q, %v", launch, by, denial, err)
			}
		}
	}
}

// TestOrdinaryPodsNeverReachTheGuard sets a trap that fails whenever an expression of the guard would be evaluated. Connections
// and writes of Jobs do reach it: what they would have to be selected by is no label.
func TestOrdinaryPodsNeverReachTheGuard(t *testing.T) {
	w := newProbeWorld(t)
	setTraps(t, func(policy string) bool { return policy == "launchready-probes" })
	dana, kubelet, job := w.askers[team], w.askers[node], w.askers[jobController]
	eventually(t, func() string {
		before := evaluations(t)
		if err := kubelet.patchPart(t.Context(), w.pod, "status", `{"status":{"phase":"Running"}}`); err != nil {
			return err.Error()
		}
		if evaluations(t) == before {
			return "the trap is not in force yet"
		}
		return ""
	})
	before := evaluations(t)
	for what, err := range map[string]error{
		"create a pod":           dana.create(t.Context(), w.plainPod),
		"label a pod":            dana.patch(t.Context(), w.plainPod, `{"metadata":{"labels":{"app":"web"}}}`),
		"write a pod's status":   kubelet.patchPart(t.Context(), w.plainPod, "status", `{"status":{"phase":"Running"}}`),
		"add a debugger":         dana.patchPart(t.Context(), w.plainPod, "ephemeralcontainers", debugger),
		"write a Job's status":   job.patchPart(t.Context(), w.plainJob, "status", `{"status":{"active":1}}`),
		"delete a probe's pod":   dana.Delete(t.Context(), w.pod.DeepCopy(), client.DryRunAll),
		"create a ConfigMap":     dana.Create(t.Context(), in(w.namespace, content("v1", "ConfigMap", "x", nil)), client.DryRunAll),
		"create a Deployment":    dana.Create(t.Context(), simpleDeployment(w.namespace, "chat"), client.DryRunAll),
		"delete a probe's Job":   dana.Delete(t.Context(), w.job.DeepCopy(), client.DryRunAll),
		"delete an ordinary pod": dana.Delete(t.Context(), w.plainPod.DeepCopy(), client.DryRunAll),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if now := evaluations(t); now != before {
		t.Errorf("%d evaluations for what has nothing to do with probes", now-before)
	}
}
