// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/probe"
)

// target is the app as probes reach it inside the cluster, proven to be the app.
type target struct {
	probe.Target
	// policy says whom the probes may talk to.
	policy probe.NetworkPolicyOptions
}

// unproven is why a target may not be attacked, for the rows that needed it.
type unproven struct{ reason, message string }

// findTarget proves that a Service leads to the app and to nothing else: every ready address is a pod of a declared workload at
// the revision that is measured.
func (r *LaunchReadinessReconciler) findTarget(ctx context.Context, app *launch.App) (target, *unproven, error) {
	service, port, wrong, err := findService(ctx, r.Client, app.Launch)
	if wrong != nil || err != nil {
		return target{}, wrong, err
	}
	addresses, wrong, err := r.provenAddresses(ctx, app, service, port)
	if wrong != nil || err != nil {
		return target{}, wrong, err
	}
	if ip, err := netip.ParseAddr(service.Spec.ClusterIP); err == nil {
		addresses = []netip.AddrPort{netip.AddrPortFrom(ip, uint16(port.Port))} //nolint:gosec // a port
	}
	return target{
		Target: probe.Target{
			// By address: what was proven is dialled, whatever a resolver says later.
			BaseURL: "http://" + addresses[0].String(), Addresses: addresses, Host: hostOf(app.Launch, service),
		},
		policy: confinement(app.Launch, service, port),
	}, nil, nil
}

// findService finds the Service that probes talk to, which must select pods, and the port of it.
func findService(ctx context.Context, reader client.Reader, lr *v1alpha1.LaunchReadiness) (*corev1.Service, corev1.ServicePort, *unproven, error) {
	var port corev1.ServicePort
	named := serviceNamed(&lr.Spec)
	name, wrong := serviceOf(&lr.Spec, named)
	if wrong != nil {
		return nil, port, wrong, nil
	}
	service := &corev1.Service{}
	err := reader.Get(ctx, client.ObjectKey{Namespace: lr.Namespace, Name: name}, service)
	if apierrors.IsNotFound(err) {
		return nil, port, &unproven{v1alpha1.ReasonTargetUnreachable, fmt.Sprintf("Service %s/%s does not exist: create it, or correct spec.app.service.", lr.Namespace, name)}, nil
	}
	if err != nil {
		return nil, port, nil, fmt.Errorf("reading the Service of the app: %w", err)
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName || len(service.Spec.Selector) == 0 {
		return nil, port, &unproven{v1alpha1.ReasonTargetNotWorkload, fmt.Sprintf(
			"Service %s/%s selects no pods, so that nobody can tell what it leads to: name one with a selector in spec.app.service.",
			service.Namespace, service.Name)}, nil
	}
	port, wrong = portOf(service, named)
	return service, port, wrong, nil
}

// confinement says whom the probes of a launch may talk to.
func confinement(lr *v1alpha1.LaunchReadiness, service *corev1.Service, port corev1.ServicePort) probe.NetworkPolicyOptions {
	return probe.NetworkPolicyOptions{Launch: lr, Selector: service.Spec.Selector, Ports: []intstr.IntOrString{targetPort(port)}}
}

// AdmittingNetworkPolicy gives, as YAML, the NetworkPolicy that lets the probes of a launch in where its namespace lets nothing in.
func AdmittingNetworkPolicy(ctx context.Context, reader client.Reader, key client.ObjectKey) (string, error) {
	var lr v1alpha1.LaunchReadiness
	if err := reader.Get(ctx, key, &lr); err != nil {
		return "", err
	}
	service, port, wrong, err := findService(ctx, reader, &lr)
	if err != nil {
		return "", err
	}
	if wrong != nil {
		return "", errors.New(wrong.message)
	}
	return probe.AdmittingYAML(confinement(&lr, service, port))
}

// serviceNamed gives the Service that the description names, if any. The description may be gone while a probe runs by it.
func serviceNamed(spec *v1alpha1.LaunchReadinessSpec) *v1alpha1.ServiceReference {
	if spec.App == nil {
		return nil
	}
	return spec.App.Service
}

// serviceOf gives the name of the Service that probes talk to.
func serviceOf(spec *v1alpha1.LaunchReadinessSpec, named *v1alpha1.ServiceReference) (string, *unproven) {
	var all []string
	for _, w := range spec.Workloads {
		all = append(all, w.Services...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	switch {
	case named != nil && !slices.Contains(all, named.Name):
		return "", &unproven{v1alpha1.ReasonNotConfigured, fmt.Sprintf("spec.app.service names %s, which no workload lists: add it to spec.workloads[].services.", named.Name)}
	case named != nil:
		return named.Name, nil
	case len(all) == 0:
		return "", &unproven{v1alpha1.ReasonNotConfigured, "No workload lists a Service that probes could talk to: add it to spec.workloads[].services."}
	case len(all) > 1:
		return "", &unproven{v1alpha1.ReasonNotConfigured, fmt.Sprintf("The workloads list several Services (%s): say which one people use in spec.app.service.", strings.Join(all, ", "))}
	}
	return all[0], nil
}

// portOf gives the port of the Service that speaks HTTP.
func portOf(service *corev1.Service, named *v1alpha1.ServiceReference) (corev1.ServicePort, *unproven) {
	var ports []corev1.ServicePort
	for _, port := range service.Spec.Ports {
		if port.Protocol == "" || port.Protocol == corev1.ProtocolTCP {
			ports = append(ports, port)
		}
	}
	if named != nil && named.Port != 0 {
		for _, port := range ports {
			if port.Port == named.Port {
				return port, nil
			}
		}
		return corev1.ServicePort{}, &unproven{v1alpha1.ReasonNotConfigured, fmt.Sprintf("Service %s/%s has no TCP port %d: correct spec.app.service.port.", service.Namespace, service.Name, named.Port)}
	}
	if len(ports) != 1 {
		return corev1.ServicePort{}, &unproven{v1alpha1.ReasonNotConfigured, fmt.Sprintf("Service %s/%s has %d TCP ports: say which one speaks HTTP in spec.app.service.port.", service.Namespace, service.Name, len(ports))}
	}
	return ports[0], nil
}

// targetPort is the port of the pods. Where a Service does not say, it is its own. (Service v1, ServicePort.targetPort)
func targetPort(port corev1.ServicePort) intstr.IntOrString {
	if port.TargetPort == (intstr.IntOrString{}) {
		return intstr.FromInt32(port.Port)
	}
	return port.TargetPort
}

// hostOf is the name that the app is asked for: that of its domain, as strangers will, or the Service's.
func hostOf(lr *v1alpha1.LaunchReadiness, service *corev1.Service) string {
	if lr.Spec.Domains != nil && lr.Spec.Domains.Canonical != "" {
		return string(lr.Spec.Domains.Canonical)
	}
	return service.Name + "." + service.Namespace + ".svc"
}

// provenAddresses gives the addresses behind a Service's port, if each is that of a pod of the app at its revision.
func (r *LaunchReadinessReconciler) provenAddresses(ctx context.Context, app *launch.App, service *corev1.Service, port corev1.ServicePort) ([]netip.AddrPort, *unproven, error) {
	var slicesOf discoveryv1.EndpointSliceList
	if err := r.Resolver.Live.List(ctx, &slicesOf, client.InNamespace(service.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service.Name}); err != nil {
		return nil, nil, fmt.Errorf("listing the EndpointSlices of Service %s/%s: %w", service.Namespace, service.Name, err)
	}
	pods, err := r.currentPods(ctx, app)
	if err != nil {
		return nil, nil, err
	}
	var found []netip.AddrPort
	for _, slice := range slicesOf.Items {
		number, ok := slicePort(slice, port)
		if !ok {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			if !ptr.Deref(endpoint.Conditions.Ready, true) {
				continue
			}
			addresses, ok := pods.addresses(endpoint)
			if !ok {
				return nil, &unproven{v1alpha1.ReasonTargetNotWorkload, fmt.Sprintf(
					"Service %s/%s leads to %s, which is no pod of a declared workload at the revision that is measured: wait for the rollout, declare the workload in spec.workloads, or narrow the Service's selector.",
					service.Namespace, service.Name, endpointName(endpoint))}, nil
			}
			for _, ip := range addresses {
				found = append(found, netip.AddrPortFrom(ip, number))
			}
		}
	}
	if len(found) == 0 {
		return nil, &unproven{v1alpha1.ReasonTargetUnreachable, fmt.Sprintf("No pod behind Service %s/%s is ready: see why with kubectl describe pods.", service.Namespace, service.Name)}, nil
	}
	slices.SortFunc(found, func(a, b netip.AddrPort) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Port(), b.Port()))
	})
	return slices.Compact(found), nil, nil
}

func endpointName(e discoveryv1.Endpoint) string {
	if e.TargetRef != nil {
		return fmt.Sprintf("%s %s at %s", e.TargetRef.Kind, e.TargetRef.Name, strings.Join(e.Addresses, ", "))
	}
	return "an address without a pod"
}

// podsOfApp are the IPs of the app's pods at its revision, by the pods' UIDs.
type podsOfApp map[types.UID][]string

// addresses gives those of an endpoint, if they are the pod's own: whoever may write EndpointSlices can give any address the
// name of any pod.
func (p podsOfApp) addresses(e discoveryv1.Endpoint) ([]netip.Addr, bool) {
	if e.TargetRef == nil || e.TargetRef.Kind != "Pod" {
		return nil, false
	}
	ips, current := p[e.TargetRef.UID]
	var found []netip.Addr
	for _, address := range e.Addresses {
		ip, err := netip.ParseAddr(address)
		if err != nil || !slices.Contains(ips, address) {
			return nil, false
		}
		found = append(found, ip)
	}
	return found, current
}

// slicePort finds the port of a slice that belongs to a Service's port, by its name.
func slicePort(slice discoveryv1.EndpointSlice, port corev1.ServicePort) (uint16, bool) {
	for _, p := range slice.Ports {
		if ptr.Deref(p.Name, "") == port.Name && p.Port != nil && *p.Port > 0 && *p.Port <= 65535 {
			return uint16(*p.Port), true
		}
	}
	return 0, false
}

// currentPods gives the app's pods that run its present templates. They are read from the API server: the cache does not hold
// their addresses.
func (r *LaunchReadinessReconciler) currentPods(ctx context.Context, app *launch.App) (podsOfApp, error) {
	found := podsOfApp{}
	for _, w := range app.Workloads {
		selector, err := metav1.LabelSelectorAsSelector(w.Selector)
		if err != nil {
			return nil, fmt.Errorf("reading the selector of %s: %w", w, err)
		}
		var pods corev1.PodList
		if err := r.Resolver.Live.List(ctx, &pods, client.InNamespace(w.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
			return nil, fmt.Errorf("listing the pods of %s: %w", w, err)
		}
		current, err := r.currentOwners(ctx, w)
		if err != nil {
			return nil, err
		}
		for _, pod := range pods.Items {
			if owner := metav1.GetControllerOf(&pod); owner == nil || !current(owner, pod.Labels[appsv1.ControllerRevisionHashLabelKey]) {
				continue
			}
			ips := []string{}
			for _, ip := range pod.Status.PodIPs {
				ips = append(ips, ip.IP)
			}
			found[pod.UID] = ips
		}
	}
	return found, nil
}

// currentOwners says which pods run the workload's present template, by their owner and, where that is the workload itself, by
// the revision in their labels.
func (r *LaunchReadinessReconciler) currentOwners(ctx context.Context, w launch.Workload) (func(owner *metav1.OwnerReference, revision string) bool, error) {
	if w.Ref.Kind == v1alpha1.KindStatefulSet || w.Ref.Kind == v1alpha1.KindDaemonSet {
		newest, err := r.newestRevision(ctx, w)
		return func(owner *metav1.OwnerReference, revision string) bool {
			return owner.UID == w.UID && revision != "" && slices.Contains(newest, revision)
		}, err
	}
	var sets appsv1.ReplicaSetList
	if err := r.Client.List(ctx, &sets, client.InNamespace(w.Namespace)); err != nil {
		return nil, fmt.Errorf("listing the ReplicaSets of %s: %w", w, err)
	}
	current := map[types.UID]bool{}
	for _, rs := range sets.Items {
		if owner := metav1.GetControllerOf(&rs); owner != nil && owner.UID == w.UID && sameTemplate(rs.Spec.Template, w.Template) {
			current[rs.UID] = true
		}
	}
	return func(owner *metav1.OwnerReference, _ string) bool { return current[owner.UID] }, nil
}

// newestRevision gives what pods of the newest ControllerRevision carry as label: a StatefulSet's its name, a DaemonSet's its
// hash. As long as the controller has not seen the present template there is none: the newest is that of the one before.
func (r *LaunchReadinessReconciler) newestRevision(ctx context.Context, w launch.Workload) ([]string, error) {
	if seen, err := r.templateSeen(ctx, w); err != nil || !seen {
		return nil, err
	}
	var revisions appsv1.ControllerRevisionList
	if err := r.Client.List(ctx, &revisions, client.InNamespace(w.Namespace)); err != nil {
		return nil, fmt.Errorf("listing the ControllerRevisions of %s: %w", w, err)
	}
	var newest *appsv1.ControllerRevision
	for i, revision := range revisions.Items {
		if owner := metav1.GetControllerOf(&revision); owner != nil && owner.UID == w.UID && (newest == nil || revision.Revision > newest.Revision) {
			newest = &revisions.Items[i]
		}
	}
	if newest == nil {
		return nil, nil
	}
	return []string{newest.Name, newest.Labels[appsv1.ControllerRevisionHashLabelKey]}, nil
}

// templateSeen says whether the controller of a StatefulSet or DaemonSet has dealt with its present template.
func (r *LaunchReadinessReconciler) templateSeen(ctx context.Context, w launch.Workload) (bool, error) {
	key := client.ObjectKey{Namespace: w.Namespace, Name: w.Ref.Name}
	var err error
	var seen bool
	if w.Ref.Kind == v1alpha1.KindStatefulSet {
		var set appsv1.StatefulSet
		err = r.Client.Get(ctx, key, &set)
		seen = set.UID == w.UID && set.Status.ObservedGeneration >= set.Generation
	} else {
		var set appsv1.DaemonSet
		err = r.Client.Get(ctx, key, &set)
		seen = set.UID == w.UID && set.Status.ObservedGeneration >= set.Generation
	}
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading %s: %w", w, err)
	}
	return err == nil && seen, nil
}

// sameTemplate compares a ReplicaSet's template with its workload's, but for the label that tells ReplicaSets apart.
func sameTemplate(set, workload corev1.PodTemplateSpec) bool {
	bare := set.DeepCopy()
	delete(bare.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	delete(bare.Labels, rolloutUniqueLabelKey)
	return equality.Semantic.DeepEqual(*bare, workload)
}

// rolloutUniqueLabelKey tells the ReplicaSets of an Argo Rollout apart (argo-rollouts, DefaultRolloutUniqueLabelKey).
const rolloutUniqueLabelKey = "rollouts-pod-template-hash"

// APIServerAddress is that of the API server's Service inside the cluster, from the environment that every pod gets: what a
// NetworkPolicy keeps a probe away from.
func APIServerAddress(host, port string) string {
	if _, err := strconv.Atoi(port); err != nil || net.ParseIP(host) == nil {
		return ""
	}
	return net.JoinHostPort(host, port)
}
