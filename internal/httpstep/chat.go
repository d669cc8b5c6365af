// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Chat is a described chat with its expressions compiled. It may be used by several goroutines at once.
type Chat struct {
	request      v1alpha1.HTTPRequest
	reply, calls *Expression
	conversation map[string]*Expression
	history      *v1alpha1.ChatHistory
}

// Conversation is what the next question goes on from. The zero value is no beginning: see Chat.Begin.
type Conversation struct {
	// refers has what the app gave to refer to it by.
	refers Vars
	// said are the messages so far, as the client writes them.
	said []json.RawMessage
}

// CompileChat compiles the expressions of a chat. The error names the field below spec.app.chat.
func CompileChat(described v1alpha1.Chat) (*Chat, error) {
	c := &Chat{request: described.Request, conversation: map[string]*Expression{}, history: described.History}
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

// Begin begins a conversation: names without a text, and nothing said.
func (c *Chat) Begin() Conversation {
	begin := Conversation{refers: Vars{}}
	for name := range c.conversation {
		begin.refers[name] = ""
	}
	return begin
}

// Question gives the request that asks something, with what is known of whoever asks and of the conversation.
func (c *Chat) Question(vars Vars, conversation Conversation, prompt string) (Request, error) {
	request, err := c.withHistory(conversation)
	if err != nil {
		return Request{}, err
	}
	return Prepare(request, vars.With(conversation.refers).With(Vars{Prompt: prompt}))
}

// Next gives the conversation behind a question and its reply. What a reply does not give stays as it was.
func (c *Chat) Next(ctx context.Context, conversation Conversation, prompt string, resp *Response) Conversation {
	next := Conversation{refers: maps.Clone(conversation.refers), said: conversation.said}
	for name, expression := range c.conversation {
		if text, err := expression.Text(ctx, resp); err == nil && text != "" {
			next.refers[name] = text
		}
	}
	reply, _ := c.Reply(ctx, resp) // without one, the chatbot has said nothing
	return c.Said(next, prompt, reply)
}

// Said gives the conversation with a question and a reply that need never have been: the client says so. Without a described history
// it stays as it was.
func (c *Chat) Said(conversation Conversation, prompt, reply string) Conversation {
	if c.history == nil {
		return conversation
	}
	next := Conversation{refers: conversation.refers, said: slices.Clip(conversation.said)}
	for _, m := range []struct {
		as   apiextensionsv1.JSON
		text string
	}{{c.history.User, prompt}, {c.history.Assistant, reply}} {
		if message, err := prepareJSON(m.as.Raw, Vars{Spoken: m.text}); err == nil { // the description was compiled
			next.said = append(next.said, message)
		}
	}
	return next
}

// withHistory gives the described request with what was said so far in the place of $(history).
func (c *Chat) withHistory(conversation Conversation) (v1alpha1.HTTPRequest, error) {
	if c.history == nil || c.request.JSON == nil {
		return c.request, nil
	}
	var doc any
	if err := decodeJSON(c.request.JSON.Raw, &doc); err != nil {
		return c.request, err
	}
	var said []any
	for _, message := range conversation.said {
		var m any
		if err := decodeJSON(message, &m); err != nil {
			return c.request, err
		}
		said = append(said, literal(m))
	}
	raw, err := json.Marshal(spliced(doc, said))
	request := c.request
	request.JSON = &apiextensionsv1.JSON{Raw: raw}
	return request, err
}

// spliced gives a JSON document with the elements in the place of each $(history) in a list.
func spliced(doc any, elements []any) any {
	switch doc := doc.(type) {
	case []any:
		all := []any{}
		for _, v := range doc {
			if v == reference(History) {
				all = append(all, elements...)
			} else {
				all = append(all, spliced(v, elements))
			}
		}
		return all
	case map[string]any:
		for name, v := range doc {
			doc[name] = spliced(v, elements)
		}
	}
	return doc
}

// literal gives a JSON document whose texts stand for themselves: what a chatbot has said may look like a reference.
func literal(doc any) any {
	switch doc := doc.(type) {
	case string:
		return strings.ReplaceAll(doc, "$", "$$")
	case []any:
		for i, v := range doc {
			doc[i] = literal(v)
		}
	case map[string]any:
		for name, v := range doc {
			doc[name] = literal(v)
		}
	}
	return doc
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
