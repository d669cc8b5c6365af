// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
)

// watchedMark stands for the list of watched namespaces, until the YAML is written.
const watchedMark = "- launchready-watched-mark"

// scopes says of every resource that the operator's ClusterRole names whether it lies in no namespace. A new one has to
// be put here: guessing wrong would grant it nowhere, or everywhere.
func scopes() map[string]bool {
	return map[string]bool{
		"configmaps": false, "pods": false, "secrets": false, "services": false, "events.events.k8s.io": false,
		"pods/log": false, "events": false, "jobs.batch": false, "endpointslices.discovery.k8s.io": false, "networkpolicies.networking.k8s.io": false,
		"controllerrevisions.apps": false, "daemonsets.apps": false, "deployments.apps": false, "replicasets.apps": false, "statefulsets.apps": false,
		"rollouts.argoproj.io":            false,
		"roles.rbac.authorization.k8s.io": false, "rolebindings.rbac.authorization.k8s.io": false,
		"ingresses.networking.k8s.io":          false,
		"grpcroutes.gateway.networking.k8s.io": false, "httproutes.gateway.networking.k8s.io": false, "tlsroutes.gateway.networking.k8s.io": false,
		"gateways.gateway.networking.k8s.io": false,
		"launchreadinesses.launchready.dev":  false, "launchreadinesses/status.launchready.dev": false, "launchreadinesses/finalizers.launchready.dev": false,
		"launchreports.launchready.dev": false, "launchreports/status.launchready.dev": false,
		"launchwaivers.launchready.dev": false, "launchwaivers/status.launchready.dev": false,

		"namespaces":                                    true,
		"launchpolicies.launchready.dev":                true,
		"launchpolicies/status.launchready.dev":         true,
		"tokenreviews.authentication.k8s.io":            true,
		"subjectaccessreviews.authorization.k8s.io":     true,
		"clusterroles.rbac.authorization.k8s.io":        true,
		"clusterrolebindings.rbac.authorization.k8s.io": true,

		"customresourcedefinitions.apiextensions.k8s.io":               true,
		"validatingwebhookconfigurations.admissionregistration.k8s.io": true,
	}
}

// clusterScoped gives what the rules say of resources that lie in no namespace. Namespaces are written by their names.
func clusterScoped(rules any) ([]any, error) {
	var kept []any
	for _, r := range asList(rules) {
		rule, _ := r.(object)
		var resources []any
		for _, group := range asList(rule["apiGroups"]) {
			for _, resource := range asList(rule["resources"]) {
				name := fmt.Sprint(resource)
				if group != "" {
					name += "." + fmt.Sprint(group)
				}
				inNone, known := scopes()[name]
				if !known {
					return nil, fmt.Errorf("resource %s is new: say in hack/chart/scope.go whether it lies in a namespace", name)
				}
				if inNone {
					resources = append(resources, resource)
				}
			}
		}
		if len(resources) > 0 {
			here := maps.Clone(rule)
			here["resources"] = resources
			kept = append(kept, byName(here)...)
		}
	}
	return kept, nil
}

// byName splits a rule for namespaces: all may be read, those that are watched may be written.
func byName(rule object) []any {
	if !slices.Contains(asList(rule["resources"]), any("namespaces")) {
		return []any{rule}
	}
	var reads, writes []any
	for _, verb := range asList(rule["verbs"]) {
		if slices.Contains([]any{"get", "list", "watch"}, verb) {
			reads = append(reads, verb)
		} else {
			writes = append(writes, verb)
		}
	}
	split := []any{object{"apiGroups": rule["apiGroups"], "resources": rule["resources"], "verbs": reads}}
	if len(writes) > 0 {
		split = append(split, object{
			"apiGroups": rule["apiGroups"], "resources": rule["resources"], "verbs": writes,
			"resourceNames": []any{watchedMark[2:]},
		})
	}
	return split
}

func asList(value any) []any {
	list, _ := value.([]any)
	return list
}
