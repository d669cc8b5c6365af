// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

// DefaultOperator is the user that the operator is in an ordinary installation.
const DefaultOperator = "system:serviceaccount:launchready-system:launchready-manager"

// tables are the whole decision.
func tables(operator string) []table {
	return []table{rolloutTable(), secretTable(), ingressTable(), routeTable(), serviceTable(), launchTable(), namespaceTable(operator)}
}

// Policies are what the API server needs in order to decide as Decide does.
type Policies struct {
	Policies []admissionregistrationv1.ValidatingAdmissionPolicy
	Bindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

// PoliciesFor gives the policies for an operator of the given user name. For each table one policy refuses, and two warn,
// where every request is looked at and where only overrides are: what a failed validation does is said by the binding, for
// all of a policy. One more guards the probes.
func PoliciesFor(operator string) Policies {
	var p Policies
	for _, t := range tables(operator) {
		p.add(t, t.name, admissionregistrationv1.Deny, t.denials(), t.concerns, inNamespaces(t.gated()...))
		if t.unbreakable {
			continue
		}
		p.add(t, t.name+"-warnings", admissionregistrationv1.Warn, t.warnings(), t.concerns, inNamespaces(audited()))
		p.add(t, t.name+"-overrides", admissionregistrationv1.Warn, t.warnings(), t.overridden()+" && ("+t.concerns+")", inNamespaces(t.unaudited()...))
	}
	probes := probeTable(operator)
	p.add(probes, probes.name, admissionregistrationv1.Deny, probes.denials(), probes.concerns, probeScopes())
	return p
}

// scope is what a binding is bound to, and what the binding's name says of it behind that of its policy. No match is everything
// that the policy looks at.
type scope struct {
	suffix string
	match  *admissionregistrationv1.MatchResources
}

// inNamespaces gives a scope for each selector of Namespaces; the second is of those that demand a launch. nil selects all.
func inNamespaces(selectors ...*metav1.LabelSelector) []scope {
	var scopes []scope
	for i, selector := range selectors {
		s := scope{suffix: []string{"", "-required"}[i]}
		if selector != nil {
			s.match = &admissionregistrationv1.MatchResources{NamespaceSelector: selector}
		}
		scopes = append(scopes, s)
	}
	return scopes
}

// add adds the policy that the validations make, and its bindings, one for each scope.
func (p *Policies) add(t table, name string, action admissionregistrationv1.ValidationAction, validations []admissionregistrationv1.Validation,
	concerns expression, scopes []scope,
) {
	p.Policies = append(p.Policies, admissionregistrationv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: partOf()},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    ptr.To(admissionregistrationv1.Fail),
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: t.resources},
			// One condition, since the API server evaluates all that there are.
			MatchConditions: []admissionregistrationv1.MatchCondition{{Name: "concerned", Expression: string(concerns)}},
			Variables:       inlined(t.variablesAndRule(), validations),
			Validations:     validations,
		},
	})
	actions := []admissionregistrationv1.ValidationAction{action}
	if action == admissionregistrationv1.Warn {
		actions = append(actions, admissionregistrationv1.Audit)
	}
	for _, s := range scopes {
		p.Bindings = append(p.Bindings, admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicyBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: name + s.suffix, Labels: partOf()},
			Spec:       admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: actions, MatchResources: s.match},
		})
	}
}

func partOf() map[string]string { return map[string]string{"app.kubernetes.io/part-of": "launchready"} }

// gated selects the Namespaces in which a table may refuse: those that hold a launch, and those that demand one and hold
// none yet. nil selects all.
func (t table) gated() []*metav1.LabelSelector {
	if t.everywhere {
		return []*metav1.LabelSelector{nil}
	}
	return t.withRequired(labelled(v1alpha1.GatedLabel, v1alpha1.GatedTrue))
}

// audited selects the Namespaces in which every request is looked at for warnings.
func audited() *metav1.LabelSelector {
	s := labelled(v1alpha1.GatedLabel, v1alpha1.GatedTrue)
	s.MatchLabels[v1alpha1.AuditedLabel] = v1alpha1.GatedTrue
	return s
}

// unaudited selects the others, in which only overrides are.
func (t table) unaudited() []*metav1.LabelSelector {
	s := labelled(v1alpha1.GatedLabel, v1alpha1.GatedTrue)
	s.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: v1alpha1.AuditedLabel, Operator: metav1.LabelSelectorOpNotIn, Values: []string{v1alpha1.GatedTrue}}}
	return t.withRequired(s)
}

func labelled(name, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{name: value}}
}

// withRequired adds the Namespaces that demand a launch and hold none yet, where the table knows of them.
func (t table) withRequired(s *metav1.LabelSelector) []*metav1.LabelSelector {
	if !t.hasFact("undeclared") {
		return []*metav1.LabelSelector{s}
	}
	required := labelled(v1alpha1.GateLabel, v1alpha1.GateRequired)
	required.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: v1alpha1.GatedLabel, Operator: metav1.LabelSelectorOpNotIn, Values: []string{v1alpha1.GatedTrue}}}
	return []*metav1.LabelSelector{s, required}
}

// overridden says that a request sets an override.
func (t table) overridden() expression {
	var set []string
	for _, annotation := range t.overridable {
		set = append(set, overriddenCEL(annotation))
	}
	return expression("(" + strings.Join(set, " || ") + ")")
}

func (t table) hasFact(name string) bool {
	for _, v := range t.variables {
		if v.name == name {
			return true
		}
	}
	return false
}

// variablesAndRule gives the table's variables, and behind them the place of the rule that decides, or -1.
func (t table) variablesAndRule() []admissionregistrationv1.Variable {
	var variables []admissionregistrationv1.Variable
	for _, v := range t.variables {
		variables = append(variables, admissionregistrationv1.Variable{Name: v.name, Expression: string(v.expression)})
	}
	var chain strings.Builder
	for i, r := range t.rules {
		fmt.Fprintf(&chain, "%s ? %d : ", r.cel(), i)
	}
	return append(variables, admissionregistrationv1.Variable{Name: "rule", Expression: chain.String() + "-1"})
}

// denials are the validations that refuse.
func (t table) denials() []admissionregistrationv1.Validation {
	var validations []admissionregistrationv1.Validation
	for i, r := range t.rules {
		if r.effect != deny {
			continue
		}
		validations = append(validations, validation(t.unless(i, string(v1alpha1.GateEnforce))+t.orBroken(), r.guarded(r.message)))
	}
	return validations
}

// warnings are the validations that warn: of what a rule says itself, of what it would refuse, and of broken glass.
func (t table) warnings() []admissionregistrationv1.Validation {
	var validations []admissionregistrationv1.Validation
	for i, r := range t.rules {
		switch {
		case r.effect == warn:
			validations = append(validations, validation(fmt.Sprintf("variables.rule != %d || variables.%s == '%s'", i, t.mode, v1alpha1.GateOff), r.guarded(r.message)))
		case r.effect == deny && !t.unbreakable:
			validations = append(validations,
				validation(fmt.Sprintf("variables.rule != %d || variables.%s == '%s' || !variables.%s", i, t.mode, v1alpha1.GateOff, factBypassed), r.guarded(breakGlassMessage(r.message))),
				validation(t.unless(i, string(v1alpha1.GateAudit))+t.orBroken(), r.guarded(auditMessage(r.message))))
		}
	}
	for _, remark := range t.remarks {
		validations = append(validations, validation("!("+string(remark.cel())+")", remark.guarded(remark.message)))
	}
	return validations
}

// unless says that a rule does not decide, or not in this mode.
func (t table) unless(rule int, mode string) string {
	return fmt.Sprintf("variables.rule != %d || variables.%s != '%s'", rule, t.mode, mode)
}

func (t table) orBroken() string {
	if t.unbreakable {
		return ""
	}
	return " || variables." + factBypassed
}

func validation(valid, message string) admissionregistrationv1.Validation {
	return admissionregistrationv1.Validation{Expression: valid, MessageExpression: message, Reason: ptr.To(metav1.StatusReasonForbidden)}
}

// named gives the rule that selects resources of a group.
func named(group string, versions []string, operations []admissionregistrationv1.OperationType, resources ...string) admissionregistrationv1.NamedRuleWithOperations {
	return admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: operations,
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: versions, Resources: resources},
	}}
}
