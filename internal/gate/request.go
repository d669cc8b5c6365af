// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Verb is a permission on a LaunchReadiness that is none of the API server's own.
type Verb string

const (
	// VerbBypass lets its holder break the glass.
	VerbBypass Verb = "bypass"
	// VerbRemediate lets its holder roll out a remedy while rows fail.
	VerbRemediate Verb = "remediate"
	// VerbAdopt lets its holder say that an app is exposed already.
	VerbAdopt Verb = "adopt"
)

// User is who makes a request.
type User struct {
	Name   string
	Groups []string
}

// Request is a write as admission sees it, after defaults were set.
type Request struct {
	// Kind of the object.
	Kind schema.GroupKind
	// Object is the object's content as written, nil for a deletion; Old that before, nil for a creation.
	Object, Old map[string]any
	// Namespace that the object is in. For a write of a Namespace itself it is not looked at.
	Namespace corev1.Namespace
	User      User
	// May says whether the user holds a verb on a LaunchReadiness of the namespace; an empty name asks for all of them,
	// and for a Namespace's own annotations for those in all namespaces.
	May func(verb Verb, launch string) bool
}

// Decision is what the gate says of a request.
type Decision struct {
	// Row of the decision table that decided, 0 where the gate has no say.
	Row int
	// Denials are why the request is refused, one a table; none where it is let through. The API server says one of them.
	Denials []string
	// Warnings are shown to whoever makes the request.
	Warnings []string
}

// Decide says what becomes of a request.
func Decide(r Request) Decision {
	var all Decision
	for _, t := range tables(DefaultOperator) {
		if !t.judges(r.Kind) {
			continue
		}
		d := t.decide(r)
		if len(all.Denials) == 0 && (len(d.Denials) > 0 || all.Row == 0 || d.Row == 4 || d.Row == rowBreakGlass) && d.Row != 0 {
			all.Row = d.Row
		}
		all.Denials, all.Warnings = append(all.Denials, d.Denials...), append(all.Warnings, d.Warnings...)
	}
	return all
}

// judges says whether the table is about objects of a kind.
func (t table) judges(kind schema.GroupKind) bool {
	return slices.Contains(t.kinds, kind)
}
