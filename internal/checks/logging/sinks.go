// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"fmt"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// sinks asks for what is said of logs that go elsewhere, and for what was seen there.
func (j *judgement) sinks() {
	if !j.Sinks.Declared {
		j.gaps.app(v1alpha1.ReasonNotConfigured,
			"Logs are more than what containers print. Say where else the app writes (tracing, an error tracker, files), or that it does not: `logging: {sinks: []}`.")
		return
	}
	var unasked, unseen []string
	for _, s := range j.Sinks.List {
		switch {
		case !s.Asked:
			unasked = append(unasked, scorecard.Foreign(s.Name))
		case s.Problem != Complete:
			reason, message := s.trouble()
			j.gaps.app(reason, "spec.logging.sinks["+scorecard.Foreign(s.Name)+"]: "+message)
		case len(s.Seen.Requests) == 0:
			unseen = append(unseen, scorecard.Foreign(s.Name))
		}
	}
	if len(unasked) > 0 {
		j.gaps.app(v1alpha1.ReasonNotConfigured, "spec.logging.sinks names "+listed(unasked)+", and does not say how to search it: add a query. Where it can't be asked, "+
			"search it by hand and let the row off by a LaunchWaiver; or send nothing there, and remove it.")
	}
	if len(unseen) > 0 {
		j.gaps.app(v1alpha1.ReasonNoPositiveControl, "The id of no request was found in "+listed(unseen)+": see that its query gives what it holds since $(since), in full, with ids of requests or traces.")
	}
}

// trouble says what is wrong with what a sink answered.
func (s Sink) trouble() (reason, message string) {
	switch s.Problem {
	case Unexpected:
		return v1alpha1.ReasonNotConfigured, fmt.Sprintf("It answered %d: see that its query is right, and that the key in its Secret may read events.", s.Status)
	case TooLong:
		return v1alpha1.ReasonNoPositiveControl, "It answered more than the 1 MiB that is read: let the query ask for fewer events, or for one request's by $(requestId) or $(traceId)."
	case Echoes:
		return v1alpha1.ReasonNoPositiveControl, "Its answers have the id that was asked for, whatever it holds, so that they show nothing: ask for all since $(since) instead."
	case Misdescribed:
		return v1alpha1.ReasonNotConfigured, "Its query can't be sent: " + scorecard.Foreign(s.Detail) + "."
	default:
		return v1alpha1.ReasonTargetUnreachable, "It could not be asked: query.host has to answer by HTTPS, with a certificate that public authorities vouch for, at a public address."
	}
}
