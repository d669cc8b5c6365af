// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"

	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// attempt is one request of an attack.
type attempt struct {
	rule    rule
	request httpstep.Request
	// shown is the request as a finding shows it, with names for what a run makes up.
	shown string
	// trick says what is special about it; empty for a request as the app's own client would send it.
	trick string
	// carrier is what the request carries instead of the attacker's session.
	carrier *session
}

// finding makes a finding of an attempt.
func (r *run) finding(a attempt, who, what string) probe.Finding {
	place := a.shown + " as " + who
	if a.trick != "" {
		place += ", " + a.trick
	}
	return probe.Finding{
		Rule: a.rule.name, Severity: a.rule.severity, Place: place,
		Message: fmt.Sprintf("%s (%s).", what, a.rule.standard), Remedy: a.rule.remedy,
		Identity: "", Reproduce: r.curl(a, who),
	}
}
