// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/netguard"
	"github.com/launchready/launchready/internal/probe/listener"
)

// NetworkPolicyOptions say whom the probes of a launch may talk to.
type NetworkPolicyOptions struct {
	Launch *v1alpha1.LaunchReadiness
	// Selector of the target's pods: that of its Service.
	Selector map[string]string
	// Ports of these pods, by number or name: the Service's target ports.
	Ports []intstr.IntOrString
}

func (o NetworkPolicyOptions) validate() error {
	switch {
	case o.Launch == nil || o.Launch.Name == "":
		return errors.New("there is no launch")
	case len(o.Selector) == 0:
		return errors.New("there is no selector, which would be every pod of the namespace")
	case len(o.Ports) == 0:
		return errors.New("there is no port, which would be every port")
	}
	return nil
}

// NetworkPolicy confines the probes of a launch: to the target's pods on its ports, to DNS, and where the login names hosts of an
// identity provider, or logs go to sinks that can be asked, to public addresses on their ports. Where the app has a chatbot, the target's
// pods alone may talk to them, on the listener's ports.
func NetworkPolicy(o NetworkPolicyOptions) (*networkingv1.NetworkPolicy, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("describing the NetworkPolicy of the probes: %w", err)
	}
	if o.Launch.UID == "" {
		return nil, errors.New("describing the NetworkPolicy of the probes: the launch has no uid")
	}
	policy := &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{
			Name:            NetworkPolicyName(o.Launch.Name),
			Namespace:       o.Launch.Namespace,
			Labels:          map[string]string{ManagedByLabel: ManagedBy, LaunchLabel: LaunchLabelValue(o.Launch.Name)},
			OwnerReferences: ownedBy(o.Launch),
		},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: probes(o.Launch.Name),
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Egress: []networkingv1.NetworkPolicyEgressRule{
				{
					To:    []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: maps.Clone(o.Selector)}}},
					Ports: tcp(o.Ports...),
				},
				{Ports: dns(listener.UsualPort)},
			},
		},
	}
	if app := o.Launch.Spec.App; app != nil && app.Chat != nil {
		policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{
			From:  []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: maps.Clone(o.Selector)}}},
			Ports: slices.Concat(tcp(intstr.FromInt32(listener.Port)), dns(listener.UsualPort, listener.NamesPort)),
		}}
	}
	if hosts := publicHosts(&o.Launch.Spec); len(hosts) > 0 {
		policy.Spec.Egress = append(policy.Spec.Egress, toPublic(hosts))
	}
	return policy, nil
}

// publicHosts are those that probes ask besides the app: identity providers and sinks of logs.
func publicHosts(launch *v1alpha1.LaunchReadinessSpec) []v1alpha1.PublicHost {
	var hosts []v1alpha1.PublicHost
	if launch.App != nil && launch.App.Login != nil {
		hosts = append(hosts, launch.App.Login.Hosts...)
	}
	for _, sink := range SuiteLogging.Sinks(launch.Logging) {
		hosts = append(hosts, sink.Query.Host)
	}
	return hosts
}

// toPublic lets probes out to hosts. A NetworkPolicy knows no names: any public address will do for it, and the probe itself dials
// none but those of the hosts.
func toPublic(hosts []v1alpha1.PublicHost) networkingv1.NetworkPolicyEgressRule {
	var ports []int32
	for _, h := range hosts {
		_, port := h.Address()
		ports = append(ports, port)
	}
	slices.Sort(ports)
	rule := networkingv1.NetworkPolicyEgressRule{}
	for _, port := range slices.Compact(ports) {
		rule.Ports = append(rule.Ports, tcp(intstr.FromInt32(port))...)
	}
	for _, public := range netguard.PublicPrefixes() {
		block := &networkingv1.IPBlock{CIDR: public.String()}
		for _, special := range netguard.SpecialPrefixes(public) {
			block.Except = append(block.Except, special.String())
		}
		rule.To = append(rule.To, networkingv1.NetworkPolicyPeer{IPBlock: block})
	}
	return rule
}

// AdmittingPolicy is what a team adds where its namespace lets nothing in: it lets the probes of the launch in to the app.
// It is for people to apply, and the operator owns none of it.
func AdmittingPolicy(o NetworkPolicyOptions) (*networkingv1.NetworkPolicy, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("describing the NetworkPolicy that lets probes in: %w", err)
	}
	from := probes(o.Launch.Name)
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: "launchready-admit-" + LaunchLabelValue(o.Launch.Name), Namespace: o.Launch.Namespace},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: maps.Clone(o.Selector)},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{
				From:  []networkingv1.NetworkPolicyPeer{{PodSelector: &from}},
				Ports: tcp(o.Ports...),
			}},
		},
	}, nil
}

// AdmittingYAML gives AdmittingPolicy as a team would paste it.
func AdmittingYAML(o NetworkPolicyOptions) (string, error) {
	p, err := AdmittingPolicy(o)
	if err != nil {
		return "", err
	}
	data, err := yaml.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("writing the NetworkPolicy that lets probes in: %w", err)
	}
	return "# Lets the probes of LaunchReady in. Apply it only where another NetworkPolicy selects these pods already: the first\n" +
		"# policy that selects a pod shuts out everybody whom it does not name.\n" + string(data), nil
}

// NetworkPolicyName gives the name of a launch's NetworkPolicy.
func NetworkPolicyName(launch string) string { return "launchready-probe-" + LaunchLabelValue(launch) }

// probes selects the pods of a launch's probes.
func probes(launch string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{ManagedByLabel: ManagedBy, LaunchLabel: LaunchLabelValue(launch)}}
}

func tcp(ports ...intstr.IntOrString) []networkingv1.NetworkPolicyPort {
	list := make([]networkingv1.NetworkPolicyPort, 0, len(ports))
	for _, p := range ports {
		list = append(list, networkingv1.NetworkPolicyPort{Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To(p)})
	}
	return list
}

// dns gives ports by both protocols that names are looked up by.
func dns(ports ...int32) []networkingv1.NetworkPolicyPort {
	var list []networkingv1.NetworkPolicyPort
	for _, p := range ports {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			list = append(list, networkingv1.NetworkPolicyPort{Protocol: ptr.To(protocol), Port: ptr.To(intstr.FromInt32(p))})
		}
	}
	return list
}
