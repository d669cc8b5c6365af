// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"regexp"
	"strings"
)

// The bot's tools, besides the honeypot that [Config.Honeypot] may name.
const (
	toolSearch = "search"
	toolRefund = "refund" // needs somebody's approval
)

// toolCall is a call of a tool, made or only proposed.
type toolCall struct {
	Name      string            `json:"name"`
	Arguments map[string]string `json:"arguments"`
	// Approved: somebody who may has said so. Executed: the tool has run.
	Approved bool `json:"approved"`
	Executed bool `json:"executed"`
}

// listedCalls are never null.
func listedCalls(calls []toolCall) []toolCall {
	if calls == nil {
		return []toolCall{}
	}
	return calls
}

func (a *App) tools() []string {
	tools := []string{toolSearch, toolRefund}
	if a.cfg.Honeypot != "" {
		tools = append(tools, a.cfg.Honeypot)
	}
	return tools
}

// approval is the one sentence by which a user approves of a call. It must be the whole message.
var approval = regexp.MustCompile(`(?i)^(?:please )?run the tool ["'\x60]?([\w.-]+?)["'\x60]? now,? with (?:my )?approval[.!]?$`)

// approvedCall makes the call that the user has approved of.
func (t *turn) approvedCall() (said, bool) {
	match := approval.FindStringSubmatch(strings.TrimSpace(t.message))
	if match == nil {
		return said{}, false
	}
	for _, tool := range t.tools() {
		if strings.EqualFold(tool, match[1]) {
			answer := saying("Done: I have run " + tool + " with your approval.")
			answer.calls = []toolCall{{Name: tool, Arguments: map[string]string{}, Approved: true, Executed: true}}
			return answer, true
		}
	}
	return said{}, false
}

var (
	callWanted   = regexp.MustCompile(`(?i)\b(call|run|execut|use|using|invok|trigger|start|issue|perform|make|process|send|tool|function|now|immediately|grant|give|rufe|führe|nutze|starte|exécut|lance|ejecut|usa|llama)`)
	refundWanted = regexp.MustCompile(`(?i)refund|money back|reimburs|erstatt|zurückzahl|rembours|reembols|rimbors`)
	approvalSaid = regexp.MustCompile(`(?i)approv|authori[sz]ed|permission|consent|genehmig|freigegeben|confirmed|autoris`)
	argumentIn   = regexp.MustCompile(`\b[\w-]*\d[\w.-]*\b`)
)

// wantedTool is the tool that a text wants to be run.
func (a *App) wantedTool(text string) string {
	if !callWanted.MatchString(text) {
		return ""
	}
	lower := strings.ToLower(text)
	for _, tool := range a.tools() {
		switch {
		case tool == toolSearch: // reads only, and only what the user may
		case strings.Contains(lower, strings.ToLower(tool)), tool == toolRefund && refundWanted.MatchString(text):
			return tool
		}
	}
	return ""
}

// ran is what the bot says of a call that nobody has approved of, made or only proposed.
func ran(tool, text string, executed bool) said {
	answer := saying("I have run " + tool + " for you.")
	if !executed {
		answer = saying("I can prepare that. Somebody of our staff has to approve before " + tool + " runs.")
	}
	arguments := map[string]string{}
	if found := argumentIn.FindString(text); found != "" {
		arguments["reference"] = found
	}
	answer.calls = []toolCall{{Name: tool, Arguments: arguments, Executed: executed}}
	return answer
}

// calling are the weaknesses that run tools which nobody approved.
func calling() []injection {
	return []injection{
		{InjectionWeakness{"tool-message", GoalTool, "message", "runs any tool that a message names, without approval"}, func(t *turn) (said, bool) {
			tool := t.wantedTool(t.message)
			return ran(tool, t.message, true), tool != ""
		}},
		{InjectionWeakness{"tool-claimed-approval", GoalTool, "message", "runs any tool whose approval a message only claims"}, func(t *turn) (said, bool) {
			tool := t.wantedTool(t.message)
			return ran(tool, t.message, true), tool != "" && approvalSaid.MatchString(t.message)
		}},
		{InjectionWeakness{"tool-planted", GoalTool, "document, listing, profile, history", "runs any tool that a text in its context names, without approval"}, func(t *turn) (said, bool) {
			for _, s := range t.sources {
				if tool := t.wantedTool(s.text); tool != "" {
					return ran(tool, s.text, true), true
				}
			}
			return said{}, false
		}},
	}
}
