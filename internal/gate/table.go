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

// table is the decision for some kinds of objects: what it is about, the facts that it looks at, and its rules. Both
// judges read it: Decide walks the rules over facts found in Go, Policies writes them down in CEL.
type table struct {
	// name of the policies that are made of it.
	name string
	// kinds that it judges.
	kinds []schema.GroupKind
	// resources by which the API server names them.
	resources []admissionregistrationv1.NamedRuleWithOperations
	// concerns says when a request is judged at all, so that the API server can skip the rest.
	concerns expression
	// variables in the order in which they build on each other. Facts are variables that are true or false, texts those
	// that messages quote.
	variables []variable
	// rules of which the first that matches decides.
	rules []rule
	// remarks are warnings that stand beside the decision.
	remarks []rule
	// overridable are the annotations by which a request may be let through.
	overridable []string
	// mode is the variable with the mode of the launch that the decision is about.
	mode string
	// unbreakable tables have no break-glass: what they deny is let through by a verb alone.
	unbreakable bool
	// everywhere is set where the table is not bound to Namespaces that hold a launch.
	everywhere bool
	// look finds the facts and texts in Go.
	look func(Request) findings
}

// expression is a CEL expression.
type expression string

// variable is a named expression.
type variable struct {
	name string
	expression
}

// findings are what a judge sees: facts by name, and texts by name.
type findings struct {
	// concerned is what the table's concerns says.
	concerned bool
	facts     map[string]bool
	texts     map[string]string
	// mode of the launch that the decision is about.
	mode v1alpha1.GateMode
}

// effect is what a rule does.
type effect string

const (
	allow effect = "allow"
	warn  effect = "warn"
	deny  effect = "deny"
)

// rule is a line of the decision table: where all its facts hold, it decides.
type rule struct {
	// row of the decision table in docs/gate.md.
	row int
	// when names facts that must hold; "!fact" one that must not.
	when    []string
	effect  effect
	message message
}

// message is made of literal parts and of texts, whose names stand behind a "$".
type message []string

// cel gives the message as an expression.
func (m message) cel() expression {
	var parts []string
	for _, part := range m {
		if name, is := strings.CutPrefix(part, "$"); is {
			parts = append(parts, "variables."+name)
		} else {
			parts = append(parts, "'"+strings.ReplaceAll(part, "'", `\'`)+"'")
		}
	}
	return expression(strings.Join(parts, " + "))
}

// text gives the message in words.
func (m message) text(texts map[string]string) string {
	var b strings.Builder
	for _, part := range m {
		if name, is := strings.CutPrefix(part, "$"); is {
			b.WriteString(texts[name])
		} else {
			b.WriteString(part)
		}
	}
	return b.String()
}

// heavy are the facts that a message does not ask for again, since the API server makes all messages of a policy for every
// request: those that cost much, and those that need its authorizer, which messages lack.
func heavy(fact string) bool {
	return slices.Contains([]string{"same", "verified", "remediated", "may", "mayAdopt", "touched"}, strings.TrimPrefix(fact, "!"))
}

// guarded gives the message of a rule as an expression that costs little where the rule does not match.
func (r rule) guarded(m message) string {
	light := rule{when: slices.DeleteFunc(slices.Clone(r.when), heavy)}
	return fmt.Sprintf("%s ? %s : ''", light.cel(), m.cel())
}

// holds says whether a rule matches what was found.
func (r rule) holds(f findings) bool {
	return !slices.ContainsFunc(r.when, func(fact string) bool {
		name, negated := strings.CutPrefix(fact, "!")
		return f.facts[name] == negated
	})
}

// cel gives the rule's condition as an expression.
func (r rule) cel() expression {
	if len(r.when) == 0 {
		return "true"
	}
	var parts []string
	for _, fact := range r.when {
		name, negated := strings.CutPrefix(fact, "!")
		if negated {
			parts = append(parts, "!variables."+name)
		} else {
			parts = append(parts, "variables."+name)
		}
	}
	return expression(strings.Join(parts, " && "))
}

// decide walks the table. Break-glass lets through whatever a rule denies.
func (t table) decide(r Request) Decision {
	f := t.look(r)
	if !f.concerned {
		return Decision{}
	}
	var d Decision
	if i := slices.IndexFunc(t.rules, func(r rule) bool { return r.holds(f) }); i >= 0 {
		d = t.rules[i].decision(f)
	}
	for _, remark := range t.remarks {
		if remark.holds(f) {
			d.Warnings = append(d.Warnings, remark.message.text(f.texts))
		}
	}
	if !t.warns(r) {
		d.Warnings = nil
	}
	return d
}

// warns says whether the API server looks for warnings at all: in a Namespace that holds a launch which is new or in mode
// Audit, and for a request that sets an override. Elsewhere nothing is evaluated twice.
func (t table) warns(r Request) bool {
	labels := r.Namespace.Labels
	return labels[v1alpha1.GatedLabel] == v1alpha1.GatedTrue && labels[v1alpha1.AuditedLabel] == v1alpha1.GatedTrue ||
		slices.ContainsFunc(t.overridable, func(annotation string) bool { return overridden(r, annotation) })
}

// decision gives what a rule that matched decides, by the launch's mode.
func (r rule) decision(f findings) Decision {
	d := Decision{Row: r.row}
	text := r.message.text(f.texts)
	switch {
	case f.mode == v1alpha1.GateOff, r.effect == allow:
	case r.effect == warn:
		d.Warnings = []string{text}
	case f.facts[factBypassed]:
		d.Row = rowBreakGlass
		d.Warnings = []string{breakGlassMessage(r.message).text(f.texts)}
	case f.mode == v1alpha1.GateEnforce:
		d.Denials = []string{text}
	default:
		d.Warnings = []string{auditMessage(r.message).text(f.texts)}
	}
	return d
}

// rowBreakGlass is the row of the decision table that lets through what another denies.
const rowBreakGlass = 14

// factBypassed says that somebody who may break the glass did.
const factBypassed = "bypassed"

// breakGlassMessage quotes what would be said, without why the glass is not broken.
func breakGlassMessage(held message) message {
	held = slices.DeleteFunc(slices.Clone(held), func(part string) bool { return part == "$glassRemark" })
	return append(message{"Break-glass lets this pass (", "$glass", "). Otherwise: "}, held...)
}

func auditMessage(held message) message {
	return append(message{"Would be refused, were the gate's mode Enforce: "}, held...)
}
