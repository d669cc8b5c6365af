// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/launchready/launchready/api/v1alpha1"
)

// serviceTable decides on Services: whether strangers may reach one, and whether it may lead to other pods.
func serviceTable() table {
	public := func(object string) string {
		return "(" + object + ".spec.?type.orValue('') in ['LoadBalancer', 'NodePort'] || " + object + ".spec.?externalIPs.orValue([]).size() > 0)"
	}
	return table{
		name:      "launchready-services",
		kinds:     []schema.GroupKind{{Kind: "Service"}},
		resources: []admissionregistrationv1.NamedRuleWithOperations{named("", []string{"v1"}, writes(), "services")},
		concerns: "oldObject == null || object.spec.?type != oldObject.spec.?type || object.spec.?selector != oldObject.spec.?selector || " +
			"object.spec.?externalIPs != oldObject.spec.?externalIPs || object.spec.?externalName != oldObject.spec.?externalName",
		variables: slices.Concat(recordVariables("object.metadata.name", "'"+kindService+"'"), []variable{
			{"required", requiredCEL},
			{"published", expression(public("object") + " && (oldObject == null || !" + public("oldObject") + ")")},
			{"undeclared", "variables.required && variables.published && variables.pointer[0] == ''"},
			{"closed", expression("variables.known && variables.published && variables.record[4] != '' && !(variables.pointer.size() > 2 && variables.pointer[2] == '" + exposedMark + "')")},
			{"restoringService", "variables.restoring && !variables.required"},
			{"exposureHolds", expression("variables.known ? " + holdsCEL("variables.record[4]") + " : ''")},
			{"selector", "object.spec.?selector.orValue({})"},
			{"turned", expression("variables.known && variables.record[2] != '" + string(StateNew) + "' && variables.record[10] != '' && (oldObject == null || object.spec.?selector != oldObject.spec.?selector || object.spec.?externalName != oldObject.spec.?externalName) && " +
				"!variables.record[10].split('|').exists(p, variables.selector.exists(k, k != '" + rolloutsHash + "') && variables.selector.all(k, k == '" + rolloutsHash + "' || (k + '=' + variables.selector[k]) in p.split(',')))")},
			{"name", "object.metadata.name"},
			{"effectiveMode", "variables.undeclared ? 'Enforce' : variables.mode"},
		}, breakGlassVariables("launch")),
		rules: []rule{
			{3, []string{"terminating"}, allow, nil},
			{10, []string{"undeclared"}, deny, message{"Namespace ", "$ns", " is labelled ", v1alpha1.GateLabel + "=" + v1alpha1.GateRequired, ", and no LaunchReadiness declares Service ", "$name", ": declare it in spec.workloads[].services of one.", "$glassRemark"}},
			{0, []string{"!known"}, allow, nil},
			{3, []string{"restoringService"}, allow, nil},
			{10, []string{"closed"}, deny, message{"LaunchReadiness ", "$subject", " holds the exposure of Service ", "$name", ", which is not Exposable yet: ", "$exposureHolds", ".", "$glassRemark", "$next"}},
			{12, []string{"turned"}, deny, message{"LaunchReadiness ", "$subject", " holds this change: Service ", "$name", " would lead to pods of no workload of the launch. Declare the workload in spec.workloads.", "$glassRemark"}},
			{11, nil, allow, nil},
		},
		overridable: breakGlassOnly(),
		remarks:     []rule{foreignRemark()},
		mode:        "effectiveMode",
		look:        lookAtService,
	}
}

// rolloutsHash is the label by which Argo Rollouts turns a Service from one ReplicaSet of a Rollout to the next
// (argo-rollouts, pkg/apis/rollouts/v1alpha1: DefaultRolloutUniqueLabelKey).
const rolloutsHash = "rollouts-pod-template-hash"

// lookAtService finds the facts and texts of a write of a Service.
func lookAtService(r Request) findings {
	f := findings{facts: map[string]bool{}, texts: map[string]string{}}
	differs := func(fields ...string) bool {
		return slices.ContainsFunc(fields, func(field string) bool { return !equal(at(r.Object, "spec", field), at(r.Old, "spec", field)) })
	}
	f.concerned = r.Old == nil || differs("type", "selector", "externalIPs", "externalName")
	name := textAt(r.Object, "metadata", "name")
	own := key(name, kindService)
	w := lookUp(r, own, &f)
	f.texts["name"], f.texts["ns"] = name, textAt(r.Object, "metadata", "namespace")
	f.texts["subject"] = f.texts["ns"] + "/" + w.launch

	required := r.Namespace.Labels[v1alpha1.GateLabel] == v1alpha1.GateRequired
	published := public(r.Object) && !public(r.Old)
	pointer := strings.Split(r.Namespace.Annotations[own], ";")
	f.facts["undeclared"] = required && published && pointer[0] == ""
	f.facts["restoringService"] = f.facts["restoring"] && !required
	if w.known {
		exposed := len(pointer) > 2 && pointer[2] == exposedMark
		f.facts["closed"] = published && w.record[4] != "" && !exposed
		f.texts["exposureHolds"] = holdsInWords(w.record[4])
		f.facts["turned"] = State(w.record[2]) != StateNew && w.record[10] != "" && (r.Old == nil || differs("selector", "externalName")) &&
			!selectsOne(fieldsAt(r.Object, "spec", "selector"), strings.Split(w.record[10], "|"))
	}
	if f.facts["undeclared"] {
		f.mode = v1alpha1.GateEnforce
	}
	lookForBreakGlass(r, w.launch, &f)
	return f
}

// public says whether strangers reach a Service without an Ingress.
func public(service map[string]any) bool {
	kind := textAt(service, "spec", "type")
	return kind == "LoadBalancer" || kind == "NodePort" || len(listAt(service, "spec", "externalIPs")) > 0
}

// selectsOne says whether a selector selects the pods of one of the workloads, of which it gives the labels.
func selectsOne(selector map[string]any, pods []string) bool {
	return slices.ContainsFunc(pods, func(pod string) bool {
		labels, some := strings.Split(pod, ","), false
		for name, value := range selector {
			if name == rolloutsHash {
				continue
			}
			some = true
			if !slices.Contains(labels, fmt.Sprintf("%s=%s", name, value)) {
				return false
			}
		}
		return some
	})
}
