// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/scorecard"
)

// The rules, each a kind of finding of docs/rows/LoggingSafe.md.
const (
	rulePassword  = "PasswordLogged"
	ruleToken     = "TokenLogged"
	ruleCookie    = "CookieLogged"
	ruleAPIKey    = "APIKeyLogged"
	ruleCard      = "CardNumberLogged"
	ruleEmail     = "EmailLogged"
	rulePrompt    = "PromptLogged"
	ruleSink      = "SinkNotDeclared"
	ruleReaders   = "LogsReadable"
	ruleEverybody = "LogsReadableByAll"
)

// maxReaders is how many of those who may read logs are told one by one.
const maxReaders = 20

// subject is what a rule says of a kind of marker.
type subject struct {
	rule     string
	severity v1alpha1.Severity
	remedy   string
}

// subjectOf a kind. What opens an account or takes money is High: not Critical, for a stranger would have to get at the logs first.
// Email addresses and prompts are Medium: they are people's data, and open nothing.
func subjectOf(kind logmark.Kind) subject {
	switch kind {
	case logmark.Password:
		return subject{rule: rulePassword, severity: v1alpha1.SeverityHigh, remedy: "Log no bodies of logins and sign-ups: name the fields that you log one by one, and let the logger remove `password` wherever it stands. Then have the passwords changed that are in the log."}
	case logmark.Token:
		return subject{rule: ruleToken, severity: v1alpha1.SeverityHigh, remedy: "Remove `Authorization` from what is logged of headers, and tokens from URLs and error messages. Then end the sessions whose tokens are in the log."}
	case logmark.Cookie:
		return subject{rule: ruleCookie, severity: v1alpha1.SeverityHigh, remedy: "Remove `Cookie` and `Set-Cookie` from what is logged of headers; to tell sessions apart, log a hash. Then end the sessions that are in the log."}
	case logmark.APIKey:
		return subject{rule: ruleAPIKey, severity: v1alpha1.SeverityHigh, remedy: "Remove `X-Api-Key` from what is logged of headers, and take keys by no URL; to tell keys apart, log the first four characters. Then rotate the keys that are in the log."}
	case logmark.CardNumber:
		return subject{rule: ruleCard, severity: v1alpha1.SeverityHigh, remedy: "Mask whatever is a card number (13 to 19 digits that pass the Luhn check) before a line is written, in free text too, to the last four digits (PCI DSS 3.4.1, 3.5.1). Then remove it from the logs that are kept."}
	case logmark.Email:
		return subject{rule: ruleEmail, severity: v1alpha1.SeverityMedium, remedy: "Log the user's id in place of the address; where it has to be, mask it (`a***@example.com`)."}
	case logmark.Prompt:
		return subject{rule: rulePrompt, severity: v1alpha1.SeverityMedium, remedy: "Log of a prompt its length and an id, not its text; switch off in tracing and model clients what records contents. What has to be kept belongs into a store with the access rules of conversations."}
	}
	return subject{}
}

// found is what findings of one place have in common.
type found struct {
	place string
	kind  logmark.Kind
}

// leaks makes a finding of each place at which a kind of marker stands.
func (j *judgement) leaks() {
	at := map[found][]logmark.Leak{}
	for _, c := range j.Containers {
		for _, leak := range c.Seen.Sorted() {
			f := found{fmt.Sprintf("%s: log of container %s, %s", scorecard.Foreign(c.Workload), scorecard.Foreign(c.Name), scorecard.Foreign(leak.Place.String())), leak.Kind}
			at[f] = append(at[f], leak)
		}
	}
	for _, s := range j.Sinks.List {
		for _, leak := range s.Seen.Sorted() {
			f := found{fmt.Sprintf("spec.logging.sinks[%s]: %s", scorecard.Foreign(s.Name), scorecard.Foreign(leak.Place.String())), leak.Kind}
			at[f] = append(at[f], leak)
		}
	}
	for f, leaks := range at {
		j.leak(f, leaks)
	}
}

func (j *judgement) leak(f found, leaks []logmark.Leak) {
	s := subjectOf(f.kind)
	var encodings []string
	whole := false
	for _, leak := range leaks {
		encodings = append(encodings, leak.Encoding)
		whole = whole || leak.Whole
	}
	slices.Sort(encodings)
	encodings = slices.Compact(encodings)
	what, severity := "", s.severity
	if !whole {
		// A part makes guessing easier, and opens nothing yet.
		what, severity = "twelve or more characters of ", v1alpha1.SeverityMedium
	}
	j.add(scorecard.Draft{
		Rule: s.rule, Severity: severity, Place: f.place,
		Message: fmt.Sprintf("The log holds %sa planted %s (%s).", what, f.kind, strings.Join(encodings, ", ")),
		Remedy:  s.remedy,
	})
}

// variableName is an environment variable's name that may be told: others could hold anything.
var variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,62}$`)

// contradictions finds clients of sinks where the spec says that there are none.
func (j *judgement) contradictions() {
	if !j.Sinks.Declared || len(j.Sinks.List) > 0 {
		return
	}
	for _, v := range j.Variables {
		sink := sinkOf(v.Name)
		if sink == "" {
			continue
		}
		name := v.Name
		if !variableName.MatchString(name) {
			name = sink
		}
		j.add(scorecard.Draft{
			Rule: ruleSink, Severity: v1alpha1.SeverityMedium,
			Place:   fmt.Sprintf("%s: containers[%s].env[%s]", scorecard.Foreign(v.Workload), scorecard.Foreign(v.Container), name),
			Message: fmt.Sprintf("spec.logging.sinks says that logs go nowhere else, and this variable sets up %s.", sink),
			Remedy:  "Remove the variable, so that nothing goes there, or list the sink in spec.logging.sinks.",
		})
	}
}
