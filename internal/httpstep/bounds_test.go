// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
)

// What a tenant writes is compiled by the operator: none of it may cost more than its length.
func TestWhatWouldGrowWhileItIsCompiledIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"a macro that doubles":      {"optional.of(1)" + strings.Repeat(".optMap(a,a)", 30) + ".value()", "undeclared reference to 'optMap'"},
		"another that doubles":      {"optional.of(1)" + strings.Repeat(".optFlatMap(a,optional.of(a))", 30) + ".value()", "undeclared reference to 'optFlatMap'"},
		"lists in lists":            {strings.Repeat("[", 240) + "1" + strings.Repeat("]", 240) + " == 1", "recursion limit exceeded: 50"},
		"comprehensions in another": {strings.Repeat("[1].map(a,", 85) + "1" + strings.Repeat(")", 85) + "==1", "recursion limit exceeded: 50"},
		"optionals in optionals":    {strings.Repeat("optional.of(", 70) + "1" + strings.Repeat(")", 70) + "==1", "recursion limit exceeded: 50"},
		"a chain":                   {strings.Repeat("1+", 500) + "1", "max recursion depth exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(v1alpha1.CELExpression(c.source), Text)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "line -1") {
				t.Errorf("got %.300v, want %q", err, c.want)
			}
		})
	}
}

func TestOptionalTypesAndMacrosThatDoNotGrowStayThere(t *testing.T) {
	for _, source := range []v1alpha1.CELExpression{
		"response.json.?reply.orValue('none')", "has(response.json.reply)", "response.events.map(e, e.delta).join('')",
		"response.events.filter(e, has(e.delta)).map(e, e.delta).join('')", "[3, 1].sort()[0]", "math.greatest(1, 2)",
		"response.events.exists(e, e.done) && response.events.all(e, e.n > 0)", "response.json.?a.hasValue()", "[{'n': 1}].sortBy(e, e.n)[0].n",
	} {
		if _, err := Compile(source, Text); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}
