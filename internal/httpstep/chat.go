// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Chat is a described chat with its expressions compiled. It may be used by several goroutines at once.
type Chat struct {
	request      v1alpha1.HTTPRequest
	reply, calls *Expression
	conversation map[string]*Expression
}

// CompileChat compiles the expressions of a chat. The error names the field below spec.app.chat.
func CompileChat(described v1alpha1.Chat) (*Chat, error) {
	c := &Chat{request: described.Request, conversation: map[string]*Expression{}}
	var err error
	if c.reply, err = Compile(described.Reply, Text); err != nil {
		return nil, fmt.Errorf("reply: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(described.Conversation)) {
		if c.conversation[name], err = Compile(described.Conversation[name], Text); err != nil {
			return nil, fmt.Errorf("conversation.%s: %w", name, err)
		}
	}
	if described.Tools != nil {
		if c.calls, err = Compile(described.Tools.Calls, Texts); err != nil {
			return nil, fmt.Errorf("tools.calls: %w", err)
		}
	}
	return c, nil
}

// Turns says whether a conversation can have more than one question.
func (c *Chat) Turns() bool { return len(c.conversation) > 0 }

// Begin gives what the first question of a conversation refers to: names without a text.
func (c *Chat) Begin() Vars {
	begin := Vars{}
	for name := range c.conversation {
		begin[name] = ""
	}
	return begin
}

// Question gives the request that asks something, with what is known of whoever asks and of the conversation.
func (c *Chat) Question(vars, conversation Vars, prompt string) (Request, error) {
	return Prepare(c.request, vars.With(conversation).With(Vars{Prompt: prompt}))
}

// Next gives what the next question of the same conversation refers to. What a reply does not give stays as it was.
func (c *Chat) Next(ctx context.Context, conversation Vars, resp *Response) Vars {
	next := maps.Clone(conversation)
	for name, expression := range c.conversation {
		if text, err := expression.Text(ctx, resp); err == nil && text != "" {
			next[name] = text
		}
	}
	return next
}

// Reply gives the answer's text.
func (c *Chat) Reply(ctx context.Context, resp *Response) (string, error) {
	return c.reply.Text(ctx, resp)
}

// Calls gives the names of the tools that were called; none where the chat is described without tools.
func (c *Chat) Calls(ctx context.Context, resp *Response) ([]string, error) {
	if c.calls == nil {
		return nil, nil
	}
	return c.calls.Texts(ctx, resp)
}
