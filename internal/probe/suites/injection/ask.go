// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"context"
	"net/http"
	"regexp"
	"slices"

	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/suites/access"
)

// outcome says what became of a question.
type outcome int

const (
	// answered: the bot said something, or the app itself refused.
	answered outcome = iota
	// blocked: something in front of the app refused, or it was too many requests.
	blocked
	// failed: there was no reply, an error, or one that is not as described.
	failed
	// banned: the provider of the model refused because of its policy. It may close the account.
	banned
	// unread: the app did not fetch the page that the attack stood on.
	unread
)

// said is what came back for one question.
type said struct {
	Reply
	outcome outcome
	// next is what the next question of the conversation refers to.
	next httpstep.Conversation
}

// ask asks one question in a conversation.
func (r *run) ask(ctx context.Context, v *access.Visitor, conversation httpstep.Conversation, prompt string) said {
	request, err := r.chat.Question(v.Vars(), conversation, prompt)
	if err != nil {
		return said{outcome: failed}
	}
	resp, err := v.Send(httpstep.AsQuestion(ctx), request)
	switch {
	case access.RateLimited(err):
		return said{outcome: blocked}
	case err != nil:
		return said{outcome: failed}
	}
	s := said{outcome: outcomeOf(resp), Reply: Reply{More: append([]string{resp.Text()}, resp.Streams()...), CutOff: resp.Truncated}}
	text, err := r.chat.Reply(ctx, resp)
	if err != nil && s.outcome == answered && resp.Status < http.StatusBadRequest {
		s.outcome = failed // a success without an answer is not as described
	}
	s.Text, s.next = text, r.chat.Next(ctx, conversation, prompt, resp)
	s.More = slices.DeleteFunc(s.More, func(more string) bool { return more == text })
	s.Calls, _ = r.chat.Calls(ctx, resp) // a reply without calls may lack the field
	return s
}

// outcomeOf sorts replies by who made them. Of a 4xx, what the app itself says is an answer: it is the bot's guard.
func outcomeOf(resp *httpstep.Response) outcome {
	switch {
	case resp.Header.Get("cf-mitigated") != "", resp.Status == http.StatusTooManyRequests:
		return blocked
	case resp.Status >= http.StatusBadRequest && !shielded.Match(resp.Body) && forbidden.Match(resp.Body):
		return banned
	case resp.Status >= http.StatusInternalServerError, resp.Status == http.StatusUnauthorized, resp.Status == http.StatusNotFound:
		return failed
	case resp.Status >= http.StatusMultipleChoices && resp.Status < http.StatusBadRequest:
		return failed
	default:
		return answered
	}
}

var (
	// forbidden is how providers say that a request is against their policy, which may cost the account: OpenAI's and Azure's codes,
	// Google's block reason, and what OpenAI and Anthropic write. An app may hand it on within a text.
	forbidden = regexp.MustCompile(`\b(content_policy_violation|ResponsibleAIPolicyViolation|cyber_policy|PROHIBITED_CONTENT)\b|(?i:violat\w+ (our|the) usage polic(y|ies))`)
	// shielded is how Azure says that its shield took a prompt for an attack: that is what the shield is for.
	// https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
	shielded = regexp.MustCompile(`"(jailbreak|indirect_attack)\\?"\s*:\s*\{[^}]*(filtered|detected)\\?"\s*:\s*true`)
)
