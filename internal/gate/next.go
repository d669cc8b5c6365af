// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import "strings"

// A refusal ends with what to do next: look at the launch, or, where that was deleted, make one.
const (
	nextLook = " See: kubectl describe lr "
	nextMake = " Make a LaunchReadiness that declares what the deleted one did: it takes over."
)

// tombstone is how the rows begin that a deleted launch leaves behind.
func tombstone() string { return codeOf(holdDeleted) + "=" }

// next gives the end of a refusal for which some rows of a launch are the reason.
func next(rows, launch, namespace string) string {
	if strings.HasPrefix(rows, tombstone()) {
		return nextMake
	}
	return nextLook + launch + " -n " + namespace
}

// nextCEL is next as an expression, for one that gives the rows.
func nextCEL(rows string) expression {
	return expression(rows + ".startsWith('" + tombstone() + "') ? '" + nextMake + "' : '" + nextLook + "' + variables.launch + ' -n ' + variables.ns")
}
