// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/scorecard"
)

const row = v1alpha1.RowLoggingSafe

// Judge gives the verdict on a run. A marker that was found fails the row, whatever could not be measured. Without one, everything
// that could have hidden it makes the row Unknown.
func Judge(in Input) scorecard.Outcome {
	if !in.Described {
		return scorecard.Unmeasured(row, v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
			"Nothing can be sent through the app whose logs should stay clean of it: describe the app in spec.app, at least a chat or a login.")
	}
	j := judgement{Input: in}
	j.leaks()
	j.contradictions()
	j.readers()
	j.logs()
	j.sinks()
	j.carried()
	j.logged()

	o := scorecard.Judged(row, j.cases(), j.control(), j.findings, func(worst v1alpha1.Finding) string { return worst.Rule })
	if len(j.gaps) == 0 {
		return o
	}
	if o.Verdict == v1alpha1.VerdictFail {
		o.Message = scorecard.Bounded(o.Message + " Besides, not everything could be measured: " + j.gaps.message())
		return o
	}
	first := j.gaps.first()
	unknown := scorecard.Unmeasured(row, first.fault, first.reason, scorecard.Bounded(j.gaps.message()))
	unknown.Cases = o.Cases
	return unknown
}

// judgement is one call of Judge.
type judgement struct {
	Input
	findings []scorecard.Finding
	gaps     gaps
}

func (j *judgement) add(d scorecard.Draft) {
	j.findings = append(j.findings, scorecard.NewFinding(j.Key, d))
}

// cases are the markers that went through, each request's own.
func (j *judgement) cases() int32 {
	var n int32
	for _, r := range j.Requests {
		if r.Answered {
			n += int32(len(r.Kinds)) //nolint:gosec // seven kinds
		}
	}
	return n
}

func (j *judgement) control() string {
	if len(j.Requests) == 0 {
		return ""
	}
	control := "None of them stands in a log, while the id of every request that carried them does."
	if unknown := j.unknownReaders(); unknown != "" {
		control += " " + unknown
	}
	return control
}

// logs looks for logs that may hold what was not seen.
func (j *judgement) logs() {
	if len(j.Containers) == 0 {
		j.gaps.app(v1alpha1.ReasonTargetUnreachable, "No pod of the app has a log that could be read: see that its workloads have ready pods.")
	}
	for _, problem := range []Problem{Restarted, Rotated, TooLong, Forbidden, Unreadable} {
		names := j.with(problem)
		if len(names) == 0 {
			continue
		}
		where := listed(names)
		switch problem {
		case Restarted:
			j.gaps.app(v1alpha1.ReasonNoPositiveControl, "The log from before a restart during the run is gone, of "+where+": see why it restarts; the next run tries again.")
		case Rotated:
			j.gaps.app(v1alpha1.ReasonNoPositiveControl, "The log was rotated during the run, and its beginning is gone, of "+where+
				": log less at each request, or raise the kubelet's containerLogMaxSize.")
		case TooLong:
			j.gaps.app(v1alpha1.ReasonNoPositiveControl, "More was logged during the run than is read, of "+where+": log less at each request.")
		case Forbidden:
			j.gaps.operator(v1alpha1.ReasonNotConfigured, fmt.Sprintf(
				"The operator may not read the log of %s: grant its ServiceAccount the verb \"get\" on \"pods/log\" of API group \"\" in namespace %s.", where, scorecard.Foreign(j.Namespace)))
		case Unreadable:
			j.gaps.operator(v1alpha1.ReasonTargetUnreachable, "The log could not be read, of "+where+"; it is tried again.")
		case Complete:
		}
	}
}

// with gives the containers whose log has a problem.
func (j *judgement) with(problem Problem) []string {
	var names []string
	for _, c := range j.Containers {
		if c.Problem == problem {
			names = append(names, fmt.Sprintf("container %s of %s", scorecard.Foreign(c.Name), scorecard.Foreign(c.Workload)))
		}
	}
	return names
}

// carried looks for kinds of markers that never went through the app.
func (j *judgement) carried() {
	var missing []string
	var unanswered []string
	for _, r := range j.Requests {
		if !r.Answered {
			unanswered = append(unanswered, scorecard.Foreign(r.Name))
		}
	}
	for _, kind := range logmark.Kinds() {
		if !slices.Contains(j.Absent, kind) && !slices.ContainsFunc(j.Requests, func(r Request) bool { return slices.Contains(r.Kinds, kind) }) {
			missing = append(missing, string(kind))
		}
	}
	if len(unanswered) > 0 {
		j.gaps.app(v1alpha1.ReasonTargetUnreachable, "The app did not answer "+listed(unanswered)+", so that what it would have logged is not known.")
	}
	if len(missing) > 0 {
		j.gaps.app(v1alpha1.ReasonNotConfigured, "Nothing that spec.app describes takes a planted "+strings.Join(missing, ", ")+": describe the login and the chat. A login with a page or an identity provider before it can't be sent a planted password yet.")
	}
}

// logged looks for requests of which no log has the id.
func (j *judgement) logged() {
	var unseen []string
	for _, r := range j.Requests {
		if r.Answered && !j.saw(r.Number) {
			unseen = append(unseen, scorecard.Foreign(r.Name))
		}
	}
	if len(unseen) == 0 {
		return
	}
	j.gaps.app(v1alpha1.ReasonNoPositiveControl, fmt.Sprintf(
		"No log has the id of %s, so that a clean log proves nothing. Log one line a request, errors included, with X-Request-Id, the trace id of traceparent or the User-Agent; or say in spec.logging.sinks where the app logs.",
		listed(unseen)))
}

func (j *judgement) saw(request int) bool {
	return slices.ContainsFunc(j.Containers, func(c Container) bool { return c.Seen.Requests[request] }) ||
		slices.ContainsFunc(j.Sinks.List, func(s Sink) bool { return s.Seen.Requests[request] })
}

// maxListed is how many names a message tells.
const maxListed = 3

// listed tells names, each once.
func listed(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	if more := len(names) - maxListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), more)
	}
	return strings.Join(names, ", ")
}
