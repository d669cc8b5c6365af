// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// inlined gives a policy's variables without those that nothing reads, and with those that are read once written into where
// they are read: for every request the API server makes a list of all of a policy's variables, several times, whether or not
// they are read, which costs more than what most of them say. The validations are changed in place.
func inlined(variables []admissionregistrationv1.Variable, validations []admissionregistrationv1.Validation) []admissionregistrationv1.Variable {
	var kept []admissionregistrationv1.Variable
	for _, v := range slices.Backward(variables) {
		name := regexp.MustCompile(`\bvariables\.` + v.Name + `\b`)
		var readers []*string
		for later := range kept {
			readers = append(readers, &kept[later].Expression)
		}
		for j := range validations {
			readers = append(readers, &validations[j].Expression, &validations[j].MessageExpression)
		}
		reads := 0
		readers = slices.DeleteFunc(readers, func(reader *string) bool {
			n := len(name.FindAllStringIndex(*reader, -1))
			reads += n
			return n == 0
		})
		switch {
		case reads == 0:
		case reads == 1 && !repeats(*readers[0]):
			*readers[0] = name.ReplaceAllLiteralString(*readers[0], fmt.Sprintf("(%s)", v.Expression))
		default:
			kept = append(kept, v)
		}
	}
	slices.Reverse(kept)
	return kept
}

// repeats says whether an expression evaluates a part of itself more than once.
func repeats(expression string) bool {
	return slices.ContainsFunc([]string{".map(", ".filter(", ".all(", ".exists("}, func(macro string) bool { return strings.Contains(expression, macro) })
}
