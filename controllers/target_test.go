// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
)

// controlledBy makes an object a child of another, as a controller does.
func controlledBy(owner client.Object, kind string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "apps/v1", Kind: kind, Name: owner.GetName(), UID: owner.GetUID(), Controller: ptr.To(true)}
}

// rollOut plays the Deployment controller: it makes the ReplicaSet of the present template.
func (h *harness) rollOut(d *appsv1.Deployment, hash string) *appsv1.ReplicaSet {
	h.Helper()
	template := *d.Spec.Template.DeepCopy()
	template.Labels = maps.Clone(template.Labels)
	template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: d.Name + "-" + hash, OwnerReferences: []metav1.OwnerReference{controlledBy(d, "Deployment")}},
		Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template},
	}
	h.create(rs)
	return rs
}

// pod plays a workload's controller and a kubelet: a pod of the owner, with an address.
func (h *harness) pod(name, ip string, template corev1.PodTemplateSpec, owners ...metav1.OwnerReference) *corev1.Pod {
	h.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: template.Labels, OwnerReferences: owners},
		Spec:       template.Spec,
	}
	h.create(pod)
	pod.Status.Phase, pod.Status.PodIP, pod.Status.PodIPs = corev1.PodRunning, ip, []corev1.PodIP{{IP: ip}}
	h.writeStatus(pod)
	return pod
}

func (h *harness) writeStatus(obj client.Object) {
	h.Helper()
	if err := h.client.Status().Update(h.Context(), obj); err != nil {
		h.Fatalf("writing the status of %T %s: %v", obj, obj.GetName(), err)
	}
}

func (h *harness) update(obj client.Object) {
	h.Helper()
	if err := h.client.Update(h.Context(), obj); err != nil {
		h.Fatalf("updating %T %s: %v", obj, obj.GetName(), err)
	}
}

func (h *harness) remove(objects ...client.Object) {
	h.Helper()
	for _, obj := range objects {
		if err := h.client.Delete(h.Context(), obj, client.GracePeriodSeconds(0), client.PropagationPolicy(metav1.DeletePropagationBackground)); client.IgnoreNotFound(err) != nil {
			h.Fatalf("removing %T %s: %v", obj, obj.GetName(), err)
		}
	}
}

// endpoint is what the EndpointSlice controller makes of a ready pod.
func endpoint(pod *corev1.Pod) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses: []string{pod.Status.PodIP}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
	}
}

// leadTo makes the Service lead to the endpoints and to nothing else.
func (h *harness) leadTo(service, port string, endpoints ...discoveryv1.Endpoint) {
	h.Helper()
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: service, Namespace: h.namespace, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: endpoints,
		Ports: []discoveryv1.EndpointPort{{Name: ptr.To(port), Port: ptr.To[int32](8080), Protocol: ptr.To(corev1.ProtocolTCP)}},
	}
	h.remove(&discoveryv1.EndpointSlice{ObjectMeta: slice.ObjectMeta})
	h.create(slice)
}

func newService(name string, ports ...corev1.ServicePort) *corev1.Service {
	if len(ports) == 0 {
		ports = []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080)}}
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "chat"}, Ports: ports},
	}
}

// behind is a Deployment whose only pod is ready behind a Service, and what a test changes of it.
type behind struct {
	*harness
	deployment *appsv1.Deployment
	set        *appsv1.ReplicaSet
	pod        *corev1.Pod
	service    *corev1.Service
	launch     *v1alpha1.LaunchReadiness
}

func newBehind(t *testing.T) *behind {
	t.Helper()
	b := &behind{harness: newHarness(t), deployment: newDeployment("chat"), service: newService("chat"), launch: newLaunch("chat", "chat")}
	b.launch.Spec.Workloads[0].Services = []string{"chat"}
	b.launch.Spec.App = &v1alpha1.App{AdminPaths: nil, Absent: []v1alpha1.AppFeature{v1alpha1.FeatureAdmin}}
	b.create(b.deployment, b.service)
	b.set = b.rollOut(b.deployment, "7f9c")
	b.pod = b.harness.pod("chat-7f9c-1", "10.1.0.1", b.set.Spec.Template, controlledBy(b.set, "ReplicaSet"))
	b.leadTo("chat", "http", endpoint(b.pod))
	return b
}

// find resolves the launch and looks for its target.
func (b *behind) find() (target, *unproven) {
	b.Helper()
	if b.launch.UID == "" {
		b.create(b.launch)
	}
	app, _, err := b.reconciler.resolve(b.Context(), b.launch)
	if err != nil {
		b.Fatal(err)
	}
	found, wrong, err := b.reconciler.findTarget(b.Context(), app)
	if err != nil {
		b.Fatal(err)
	}
	return found, wrong
}

func TestTargetIsTheAppAndNothingElse(t *testing.T) {
	const notTheApp, unconfigured = v1alpha1.ReasonTargetNotWorkload, v1alpha1.ReasonNotConfigured
	for name, test := range map[string]struct {
		change  func(b *behind)
		reason  string
		message string
	}{
		"a Service of the workload's pods": {},
		"it is named": {change: func(b *behind) {
			b.launch.Spec.Workloads[0].Services = []string{"chat", "other"}
			b.launch.Spec.App.Service = &v1alpha1.ServiceReference{Name: "chat", Port: 80}
		}},
		"pods that are not ready do not count": {change: func(b *behind) {
			other := b.harness.pod("stranger", "10.1.0.9", b.deployment.Spec.Template)
			away := endpoint(other)
			away.Conditions.Ready = ptr.To(false)
			b.leadTo("chat", "http", endpoint(b.pod), away)
		}},
		"a port for something else than TCP does not count": {change: func(b *behind) {
			b.service.Spec.Ports = append(b.service.Spec.Ports, corev1.ServicePort{Name: "quic", Port: 443, Protocol: corev1.ProtocolUDP})
			b.update(b.service)
		}},
		"no Service is listed": {
			func(b *behind) { b.launch.Spec.Workloads[0].Services = nil },
			unconfigured, "No workload lists a Service that probes could talk to: add it to spec.workloads[].services.",
		},
		"several, and none is named": {
			func(b *behind) { b.launch.Spec.Workloads[0].Services = []string{"web", "chat"} },
			unconfigured, "The workloads list several Services (chat, web): say which one people use in spec.app.service.",
		},
		"named but not listed": {
			func(b *behind) { b.launch.Spec.App.Service = &v1alpha1.ServiceReference{Name: "other"} },
			unconfigured, "spec.app.service names other, which no workload lists: add it to spec.workloads[].services.",
		},
		"it does not exist": {
			func(b *behind) { b.remove(b.service) },
			v1alpha1.ReasonTargetUnreachable, "does not exist: create it, or correct spec.app.service.",
		},
		"another port is named": {
			func(b *behind) { b.launch.Spec.App.Service = &v1alpha1.ServiceReference{Name: "chat", Port: 81} },
			unconfigured, "has no TCP port 81: correct spec.app.service.port.",
		},
		"several ports": {
			func(b *behind) {
				b.service.Spec.Ports = append(b.service.Spec.Ports, corev1.ServicePort{Name: "metrics", Port: 9090})
				b.update(b.service)
			},
			unconfigured, "has 2 TCP ports: say which one speaks HTTP in spec.app.service.port.",
		},
		"ExternalName": {
			func(b *behind) {
				b.remove(b.service)
				b.create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "chat"}, Spec: corev1.ServiceSpec{
					Type: corev1.ServiceTypeExternalName, ExternalName: "example.com", Selector: map[string]string{"app": "chat"},
				}})
			},
			notTheApp, "selects no pods, so that nobody can tell what it leads to: name one with a selector in spec.app.service.",
		},
		"no selector": {
			func(b *behind) { b.service.Spec.Selector = nil; b.update(b.service) },
			notTheApp, "selects no pods",
		},
		"a pod of another workload": {
			func(b *behind) {
				d := newDeployment("other")
				d.Spec.Template.Labels["app"], d.Spec.Selector.MatchLabels["app"] = "chat", "chat"
				b.create(d)
				set := b.rollOut(d, "5d5d")
				b.leadTo("chat", "http", endpoint(b.pod), endpoint(b.harness.pod("other-1", "10.1.0.9", set.Spec.Template, controlledBy(set, "ReplicaSet"))))
			},
			notTheApp, "leads to Pod other-1 at 10.1.0.9, which is no pod of a declared workload at the revision that is measured: wait for the rollout, declare the workload in spec.workloads, or narrow the Service's selector.",
		},
		"a pod that nobody controls": {
			func(b *behind) {
				b.leadTo("chat", "http", endpoint(b.pod), endpoint(b.harness.pod("stranger", "10.1.0.9", b.deployment.Spec.Template)))
			},
			notTheApp, "leads to Pod stranger",
		},
		"a pod that pretends to be of the ReplicaSet's name": {
			func(b *behind) {
				pretended := controlledBy(b.set, "ReplicaSet")
				pretended.UID = "00000000-0000-0000-0000-000000000000"
				b.leadTo("chat", "http", endpoint(b.harness.pod("stranger", "10.1.0.9", b.set.Spec.Template, pretended)))
			},
			notTheApp, "leads to Pod stranger",
		},
		"a pod of the previous ReplicaSet": {
			func(b *behind) {
				b.deployment.Spec.Template.Spec.Containers[0].Args = []string{"--new"}
				b.update(b.deployment)
				set := b.rollOut(b.deployment, "8888")
				b.leadTo("chat", "http", endpoint(b.pod), endpoint(b.harness.pod("chat-8888-1", "10.1.0.2", set.Spec.Template, controlledBy(set, "ReplicaSet"))))
			},
			notTheApp, "leads to Pod chat-7f9c-1",
		},
		"an address without a pod": {
			func(b *behind) {
				e := endpoint(b.pod)
				e.TargetRef = nil
				b.leadTo("chat", "http", e)
			},
			notTheApp, "leads to an address without a pod",
		},
		"another address under a pod's name": {
			func(b *behind) {
				e := endpoint(b.pod)
				e.Addresses = []string{"10.6.6.6"}
				b.leadTo("chat", "http", e)
			},
			notTheApp, "leads to Pod chat-7f9c-1 at 10.6.6.6",
		},
		"a second slice": {
			func(b *behind) {
				e := endpoint(b.harness.pod("stranger", "10.1.0.9", b.deployment.Spec.Template))
				slice := &discoveryv1.EndpointSlice{
					ObjectMeta:  metav1.ObjectMeta{Name: "by-hand", Labels: map[string]string{discoveryv1.LabelServiceName: "chat"}},
					AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{e},
					Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080)}},
				}
				b.create(slice)
			},
			notTheApp, "leads to Pod stranger",
		},
		"no pod is ready": {
			func(b *behind) {
				e := endpoint(b.pod)
				e.Conditions.Ready = ptr.To(false)
				b.leadTo("chat", "http", e)
			},
			v1alpha1.ReasonTargetUnreachable, "is ready: see why with kubectl describe pods.",
		},
		"no slice": {
			func(b *behind) {
				b.remove(&discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "chat"}})
			},
			v1alpha1.ReasonTargetUnreachable, "is ready",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBehind(t)
			if test.change != nil {
				test.change(b)
			}
			found, wrong := b.find()
			if test.reason != "" {
				if wrong == nil || wrong.reason != test.reason || !strings.Contains(wrong.message, test.message) {
					t.Fatalf("it is %+v, %+v, want %s: %s", found.Target, wrong, test.reason, test.message)
				}
				return
			}
			if wrong != nil {
				t.Fatalf("it is refused: %+v", wrong)
			}
			address := netip.AddrPortFrom(netip.MustParseAddr(b.service.Spec.ClusterIP), 80)
			if found.BaseURL != "http://"+address.String() || found.Host != "chat."+b.namespace+".svc" {
				t.Errorf("it is %s at %s", found.Host, found.BaseURL)
			}
			if diff := cmp.Diff([]netip.AddrPort{address}, found.Addresses, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
				t.Errorf("addresses (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]intstr.IntOrString{intstr.FromInt32(8080)}, found.policy.Ports); diff != "" {
				t.Errorf("ports of the pods (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]string{"app": "chat"}, found.policy.Selector); diff != "" {
				t.Errorf("selector (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicyThatLetsProbesInIsThatOfTheService(t *testing.T) {
	p := newProbed(t)
	p.pass()
	key := client.ObjectKeyFromObject(p.launch)
	text, err := AdmittingNetworkPolicy(t.Context(), p.client, key)
	if err != nil {
		t.Fatal(err)
	}
	var policy networkingv1.NetworkPolicy
	if err := yaml.UnmarshalStrict([]byte(text), &policy); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	if err := p.client.Create(t.Context(), &policy, client.DryRunAll); err != nil {
		t.Errorf("it can't be applied: %v", err)
	}
	rule := policy.Spec.Ingress[0]
	if got := policy.Spec.PodSelector.MatchLabels["app"]; got != "chat" || rule.Ports[0].Port.IntValue() != 8080 || rule.From[0].PodSelector.MatchLabels[probe.LaunchLabel] != "chat" {
		t.Errorf("it is\n%s", text)
	}
	for _, test := range []struct {
		name, want string
		remove     client.Object
	}{
		{"no Service", "does not exist", &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "chat", Namespace: p.namespace}}},
		{"no launch", "not found", p.launch},
	} {
		p.remove(test.remove)
		if _, err := AdmittingNetworkPolicy(t.Context(), p.client, key); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestTargetIsAskedForByItsDomain(t *testing.T) {
	b := newBehind(t)
	b.launch.Spec.Domains = &v1alpha1.Domains{Canonical: "chat.example.com"}
	if found, wrong := b.find(); wrong != nil || found.Host != "chat.example.com" {
		t.Errorf("it is asked for as %q, %+v", found.Host, wrong)
	}
}

func TestPodsOfAHeadlessServiceAreDialledThemselves(t *testing.T) {
	b := newBehind(t)
	b.remove(b.service)
	headless := newService("chat", corev1.ServicePort{Name: "http", Port: 80, TargetPort: intstr.FromString("web")})
	headless.Spec.ClusterIP = corev1.ClusterIPNone
	b.create(headless)
	b.leadTo("chat", "http", endpoint(b.harness.pod("chat-7f9c-2", "10.1.0.2", b.set.Spec.Template, controlledBy(b.set, "ReplicaSet"))), endpoint(b.pod))
	found, wrong := b.find()
	if wrong != nil {
		t.Fatalf("it is refused: %+v", wrong)
	}
	want := []netip.AddrPort{netip.MustParseAddrPort("10.1.0.1:8080"), netip.MustParseAddrPort("10.1.0.2:8080")}
	if diff := cmp.Diff(want, found.Addresses, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if found.BaseURL != "http://10.1.0.1:8080" {
		t.Errorf("it is at %s", found.BaseURL)
	}
	if diff := cmp.Diff([]intstr.IntOrString{intstr.FromString("web")}, found.policy.Ports); diff != "" {
		t.Errorf("a port by name stays one in the NetworkPolicy (-want +got):\n%s", diff)
	}
}

// TestPodsOfWorkloadsWithRevisions is about workloads that own their pods themselves: these tell their revision by a label, a
// StatefulSet's by the name of the ControllerRevision, a DaemonSet's by its hash.
func TestPodsOfWorkloadsWithRevisions(t *testing.T) {
	template := newDeployment("chat").Spec.Template
	selector := newDeployment("chat").Spec.Selector
	stateful := func(h *harness) (client.Object, func()) {
		set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "chat"}, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template, ServiceName: "chat"}}
		h.create(set)
		return set, func() { set.Status.ObservedGeneration = set.Generation; h.writeStatus(set) }
	}
	daemon := func(h *harness) (client.Object, func()) {
		set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "chat"}, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}}
		h.create(set)
		return set, func() { set.Status.ObservedGeneration = set.Generation; h.writeStatus(set) }
	}
	for name, test := range map[string]struct {
		kind   v1alpha1.WorkloadKind
		make   func(*harness) (client.Object, func())
		label  string
		unseen bool
		proven bool
	}{
		"StatefulSet, its newest":                        {kind: v1alpha1.KindStatefulSet, make: stateful, label: "chat-new", proven: true},
		"StatefulSet, the one before":                    {kind: v1alpha1.KindStatefulSet, make: stateful, label: "chat-old"},
		"StatefulSet, no revision":                       {kind: v1alpha1.KindStatefulSet, make: stateful},
		"StatefulSet whose template nobody has seen yet": {kind: v1alpha1.KindStatefulSet, make: stateful, label: "chat-new", unseen: true},
		"DaemonSet, its newest":                          {kind: v1alpha1.KindDaemonSet, make: daemon, label: "new", proven: true},
		"DaemonSet, the one before":                      {kind: v1alpha1.KindDaemonSet, make: daemon, label: "old"},
		"DaemonSet whose template nobody has seen yet":   {kind: v1alpha1.KindDaemonSet, make: daemon, label: "new", unseen: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			owner, observe := test.make(h)
			if !test.unseen {
				observe()
			}
			for i, revision := range []string{"old", "new"} {
				h.create(&appsv1.ControllerRevision{
					ObjectMeta: metav1.ObjectMeta{
						Name: "chat-" + revision, OwnerReferences: []metav1.OwnerReference{controlledBy(owner, string(test.kind))},
						Labels: map[string]string{appsv1.ControllerRevisionHashLabelKey: revision},
					},
					Revision: int64(i + 1), Data: runtime.RawExtension{Raw: []byte(`{}`)},
				})
			}
			labelled := *template.DeepCopy()
			if test.label != "" {
				labelled.Labels[appsv1.ControllerRevisionHashLabelKey] = test.label
			}
			pod := h.pod("chat-0", "10.1.0.1", labelled, controlledBy(owner, string(test.kind)))
			h.create(newService("chat"))
			h.leadTo("chat", "http", endpoint(pod))
			lr := newLaunch("chat", "chat")
			lr.Spec.Workloads[0].Ref.Kind, lr.Spec.Workloads[0].Services = test.kind, []string{"chat"}
			lr.Spec.App = &v1alpha1.App{Absent: []v1alpha1.AppFeature{v1alpha1.FeatureAdmin}}
			b := &behind{harness: h, launch: lr}
			found, wrong := b.find()
			if test.proven && wrong != nil {
				t.Errorf("it is refused: %+v", wrong)
			}
			if !test.proven && (wrong == nil || wrong.reason != v1alpha1.ReasonTargetNotWorkload) {
				t.Errorf("it is %+v, %+v", found.Target, wrong)
			}
		})
	}
}

func TestAPIServerAddressNeedsAnAddressAndAPort(t *testing.T) {
	for _, test := range []struct{ host, port, want string }{
		{"10.96.0.1", "443", "10.96.0.1:443"},
		{"fd00::1", "443", "[fd00::1]:443"},
		{"kubernetes.default", "443", ""},
		{"10.96.0.1", "https", ""},
		{"", "", ""},
	} {
		if got := APIServerAddress(test.host, test.port); got != test.want {
			t.Errorf("%q, %q: %q, want %q", test.host, test.port, got, test.want)
		}
	}
}
