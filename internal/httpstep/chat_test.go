// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep_test

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

func raw(s string) *apiextensionsv1.JSON { return &apiextensionsv1.JSON{Raw: []byte(s)} }

func TestAClientThatBringsTheConversation(t *testing.T) {
	chat, err := httpstep.CompileChat(v1alpha1.Chat{
		Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/chat", JSON: raw(`{"model": 1.50, "messages": [{"role": "system", "content": "Hi, $(name)"}, "$(history)", {"role": "user", "content": "$(prompt)"}]}`)},
		Reply:   "response.json.reply",
		History: &v1alpha1.ChatHistory{User: *raw(`{"role": "user", "parts": [{"text": "$(text)"}]}`), Assistant: *raw(`{"role": "assistant", "content": "$(text)"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	asks := func(conversation httpstep.Conversation, prompt, want string) {
		t.Helper()
		request, err := chat.Question(httpstep.Vars{"name": "Al"}, conversation, prompt)
		if err != nil || string(request.Body) != want {
			t.Errorf("%v\n got %s\nwant %s", err, request.Body, want)
		}
	}
	const system = `{"messages":[{"content":"Hi, Al","role":"system"},`
	begin := chat.Begin()
	asks(begin, "one", system+`{"content":"one","role":"user"}],"model":1.50}`)
	// What was said may look like a reference, or like half of one.
	second := chat.Next(t.Context(), begin, "$(prompt) and $(password)", &httpstep.Response{Status: 200, Body: []byte(`{"reply": "$$(name) costs 5 $"}`)})
	asks(second, "two", system+`{"parts":[{"text":"$(prompt) and $(password)"}],"role":"user"},{"content":"$$(name) costs 5 $","role":"assistant"},{"content":"two","role":"user"}],"model":1.50}`)
	// Conversations that begin alike go apart.
	later := chat.Said(chat.Said(begin, "e", "f"), "g", "h")
	later = chat.Said(later, "i", "j")
	one, another := chat.Said(later, "a", "b"), chat.Said(later, "c", "d")
	var bodies []string
	for _, c := range []httpstep.Conversation{one, another, one} {
		request, err := chat.Question(httpstep.Vars{"name": "Al"}, c, "x")
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(request.Body))
	}
	if bodies[0] == bodies[1] || bodies[0] != bodies[2] {
		t.Errorf("one conversation writes into another: %s", bodies)
	}
	third, other := chat.Said(second, "a", "b"), chat.Said(second, "c", "d")
	asks(begin, "one", system+`{"content":"one","role":"user"}],"model":1.50}`)
	middle := system + `{"parts":[{"text":"$(prompt) and $(password)"}],"role":"user"},{"content":"$$(name) costs 5 $","role":"assistant"},`
	asks(third, "x", middle+`{"parts":[{"text":"a"}],"role":"user"},{"content":"b","role":"assistant"},{"content":"x","role":"user"}],"model":1.50}`)
	asks(other, "x", middle+`{"parts":[{"text":"c"}],"role":"user"},{"content":"d","role":"assistant"},{"content":"x","role":"user"}],"model":1.50}`)
}
