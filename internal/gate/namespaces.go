// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"maps"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/launchready/launchready/api/v1alpha1"
)

// namespaceTable guards the gate's state: nobody but the operator writes it, and the operator writes nothing else. A
// Namespace that is created with it is let in, for a restored one brings it along.
func namespaceTable(operator string) table {
	const (
		ours        = "(k.split('/')[0] == '" + Domain + "' || k.split('/')[0].endsWith('." + Domain + "'))"
		ownLabels   = "['" + v1alpha1.GatedLabel + "', '" + v1alpha1.AuditedLabel + "', '" + v1alpha1.GateLabel + "']"
		annotations = ".metadata.?annotations.orValue({})"
		labels      = ".metadata.?labels.orValue({})"
	)
	// differing says whether the entries of a map that a condition on k selects differ.
	differing := func(field, selects string) string {
		return "object" + field + ".exists(k, " + selects + " && oldObject" + field + "[?k].orValue('-') != object" + field + "[k] || " + selects + " && !(k in oldObject" + field + ")) || " +
			"oldObject" + field + ".exists(k, " + selects + " && !(k in object" + field + "))"
	}
	touched := differing(annotations, ours) + " || " + differing(labels, "k in "+ownLabels)
	return table{
		name:      "launchready-namespaces",
		kinds:     []schema.GroupKind{{Kind: "Namespace"}},
		resources: []admissionregistrationv1.NamedRuleWithOperations{named("", []string{"v1"}, []admissionregistrationv1.OperationType{admissionregistrationv1.Update}, "namespaces", "namespaces/status", "namespaces/finalize")},
		concerns:  expression("request.userInfo.username == '" + operator + "' || " + touched),
		variables: []variable{
			{"operator", expression("request.userInfo.username == '" + operator + "'")},
			{"mode", "'" + expression(v1alpha1.GateEnforce) + "'"},
			{"beyond", expression(differing(annotations, "!"+ours) + " || " + differing(labels, "!(k in "+ownLabels+")") +
				" || object.metadata.?finalizers != oldObject.metadata.?finalizers || object.metadata.?ownerReferences != oldObject.metadata.?ownerReferences || object.?spec != oldObject.?spec")},
			{"may", "authorizer.group('launchready.dev').resource('launchreadinesses').namespace(object.metadata.name).check('bypass').allowed()"},
		},
		rules: []rule{
			{0, []string{"operator", "beyond"}, deny, message{"LaunchReady's operator may change nothing of a Namespace but the annotations of " + Domain + " and the labels of its gate."}},
			{0, []string{"operator"}, allow, nil},
			{0, []string{"!may"}, deny, message{"The annotations of " + Domain + " and the labels " + v1alpha1.GatedLabel + ", " + v1alpha1.AuditedLabel + " and " + v1alpha1.GateLabel +
				" hold the state of LaunchReady's gate: its operator writes them. Changing them by hand needs the verb bypass on launchreadinesses in this namespace."}},
			{0, nil, allow, nil},
		},
		mode: "mode", unbreakable: true, everywhere: true,
		look: func(r Request) findings { return lookAtNamespace(r, operator) },
	}
}

// RequirementOwner is the field manager of the label by which a LaunchPolicy demands a launch in a Namespace.
const RequirementOwner = "launchready-requirement"

// RequiredByPolicy says whether the label that demands a launch in a Namespace was set for a LaunchPolicy. What is read from a
// cache may not say.
func RequiredByPolicy(ns *corev1.Namespace) bool {
	return slices.ContainsFunc(ns.ManagedFields, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == RequirementOwner })
}

// lookAtNamespace finds the facts of an update of a Namespace.
func lookAtNamespace(r Request, operator string) findings {
	ownLabel := func(name string) bool {
		return name == v1alpha1.GatedLabel || name == v1alpha1.AuditedLabel || name == v1alpha1.GateLabel
	}
	not := func(selects func(string) bool) func(string) bool {
		return func(name string) bool { return !selects(name) }
	}
	annotations, oldAnnotations := fieldsAt(r.Object, "metadata", "annotations"), fieldsAt(r.Old, "metadata", "annotations")
	labels, oldLabels := fieldsAt(r.Object, "metadata", "labels"), fieldsAt(r.Old, "metadata", "labels")
	differs := func(path ...string) bool { return !equal(at(r.Object, path...), at(r.Old, path...)) }

	touched := differing(annotations, oldAnnotations, Owns) || differing(labels, oldLabels, ownLabel)
	isOperator := r.User.Name == operator
	return findings{
		concerned: isOperator || touched, mode: v1alpha1.GateEnforce, texts: map[string]string{},
		facts: map[string]bool{
			"operator": isOperator,
			"beyond": differing(annotations, oldAnnotations, not(Owns)) || differing(labels, oldLabels, not(ownLabel)) ||
				differs("metadata", "finalizers") || differs("metadata", "ownerReferences") || differs("spec"),
			"may": r.May(VerbBypass, ""),
		},
	}
}

// differing says whether the entries that are selected by their name differ.
func differing(now, old map[string]any, selects func(string) bool) bool {
	selected := func(entries map[string]any) map[string]any {
		entries = maps.Clone(entries)
		maps.DeleteFunc(entries, func(name string, _ any) bool { return !selects(name) })
		return entries
	}
	a, b := selected(now), selected(old)
	return len(a) != len(b) || slices.ContainsFunc(slices.Collect(maps.Keys(a)), func(name string) bool { return a[name] != b[name] })
}
