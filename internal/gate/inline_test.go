// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

func TestVariablesThatAreReadOnceAreWrittenOut(t *testing.T) {
	validations := []admissionregistrationv1.Validation{
		{Expression: "variables.twice && variables.a", MessageExpression: "variables.twice ? 'x' : ''"},
		{Expression: "[1].all(i, i == variables.looped)", MessageExpression: "variables.ab"},
	}
	kept := inlined([]admissionregistrationv1.Variable{
		{Name: "unread", Expression: "1"},
		{Name: "inner", Expression: "2 > 1 || false"},
		{Name: "a", Expression: "variables.inner && true"},
		{Name: "ab", Expression: "'ab'"}, // variables.a is no part of its name
		{Name: "twice", Expression: "true"},
		{Name: "looped", Expression: "3"},
	}, validations)
	want := []admissionregistrationv1.Variable{{Name: "twice", Expression: "true"}, {Name: "looped", Expression: "3"}}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]admissionregistrationv1.Validation{
		{Expression: "variables.twice && ((2 > 1 || false) && true)", MessageExpression: "variables.twice ? 'x' : ''"},
		{Expression: "[1].all(i, i == variables.looped)", MessageExpression: "('ab')"},
	}, validations); diff != "" {
		t.Errorf("validations (-want +got):\n%s", diff)
	}
}
