// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// chatApp has a chat at a path, and a list of conversations at another.
func chatApp(chat, list v1alpha1.RequestPath) *v1alpha1.App {
	return &v1alpha1.App{
		Chat: &v1alpha1.Chat{Request: v1alpha1.HTTPRequest{Method: "POST", Path: chat}},
		Resources: []v1alpha1.Resource{{
			Create: v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Method: "POST", Path: chat}},
			Item:   v1alpha1.HTTPRequest{Path: "/api/conversations/$(id)"},
			List:   &v1alpha1.HTTPRequest{Method: "POST", Path: list},
		}},
	}
}

func TestQuestionsAreCountedAndBounded(t *testing.T) {
	type sent struct {
		method, path string
		marked       bool
	}
	for name, test := range map[string]struct {
		app  *v1alpha1.App
		sent []sent
		want int // questions among them
	}{
		"by their path": {chatApp("/api/chat", "/api/list"), []sent{{"POST", "/api/chat", false}, {"POST", "/api/chat?stream=1", false}, {"GET", "/api/chat", false}, {"POST", "/api/list", false}}, 2},
		"with anything for a name": {
			chatApp("/api/c/$(id)/ask?stream=$(x)", "/api/list"),
			[]sent{{"POST", "/api/c/17/ask", false}, {"POST", "/api/c//ask", false}, {"POST", "/api/c/1/2/ask", false}, {"POST", "/api/cx17/ask", false}},
			2,
		},
		"a dot is a dot":                  {chatApp("/api/chat.json", "/api/list"), []sent{{"POST", "/api/chatXjson", false}, {"POST", "/api/chat.json", false}}, 1},
		"by their mark on a shared path":  {chatApp("/graphql", "/graphql"), []sent{{"POST", "/graphql", true}, {"POST", "/graphql", false}}, 1},
		"by their mark on any other path": {chatApp("/api/chat", "/api/list"), []sent{{"POST", "/elsewhere", true}}, 1},
		"none without a chat":             {&v1alpha1.App{}, []sent{{"POST", "/api/chat", true}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			target, arrived := counting(t)
			target.Chats = httpstep.NewChatAllowance(test.app, test.want, 0)
			for _, s := range test.sent {
				ctx := t.Context()
				if s.marked {
					ctx = httpstep.AsQuestion(ctx)
				}
				if _, err := target.Send(ctx, httpstep.Request{Method: s.method, Path: s.path, Header: http.Header{}}, nil); err != nil {
					t.Errorf("%s %s: %v", s.method, s.path, err)
				}
			}
			if got := target.Chats.Spent(); got != test.want {
				t.Errorf("%d questions, want %d", got, test.want)
			}
			if test.want == 0 {
				return
			}
			before := arrived.Load()
			if _, err := target.Send(httpstep.AsQuestion(t.Context()), httpstep.Request{Method: "POST", Path: "/api", Header: http.Header{}}, nil); !errors.Is(err, httpstep.ErrBudgetSpent) {
				t.Errorf("one more gives %v", err)
			}
			if arrived.Load() != before {
				t.Error("one more was sent")
			}
		})
	}
}

// counting gives a target, and how many requests it got.
func counting(t *testing.T) (*httpstep.Target, *atomic.Int32) {
	t.Helper()
	var arrived atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &httpstep.Target{Base: base, Transport: server.Client().Transport, Timeout: 10 * time.Second}, &arrived
}

func TestQuestionsArePaced(t *testing.T) {
	target, arrived := counting(t)
	const interval = 30 * time.Millisecond
	target.Chats = httpstep.NewChatAllowance(chatApp("/api/chat", "/api/list"), 10, interval)
	// The pause is no part of the time that the app has for a reply.
	target.Timeout = interval * 2 / 3
	started := time.Now()
	for range 5 {
		if _, err := target.Send(t.Context(), httpstep.Request{Method: "POST", Path: "/api/chat", Header: http.Header{}}, nil); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if took := time.Since(started); took < 4*interval {
		t.Errorf("five questions took %s, with %s from one to the next", took, interval)
	}
	if arrived.Load() == 0 {
		t.Error("none arrived")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	slow := httpstep.NewChatAllowance(chatApp("/api/chat", "/api/list"), 10, time.Hour)
	target.Chats = slow
	for i, want := range []error{nil, context.DeadlineExceeded} {
		target.Timeout = 10 * time.Second
		if _, err := target.Send(ctx, httpstep.Request{Method: "POST", Path: "/api/chat", Header: http.Header{}}, nil); !errors.Is(err, want) {
			t.Errorf("question %d, with an hour to wait and a minute of time: %v", i+1, err)
		}
	}
}
