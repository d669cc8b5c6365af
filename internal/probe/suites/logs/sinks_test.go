// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// store is a sink that holds what the app was sent, if that matters to it, from a while later on.
type store struct {
	app *app
	// holds says whether it keeps what the app was sent, and redacts what it keeps of it.
	holds   func(sent string) bool
	redacts func(sent string) string
	// answers replaces the whole reply.
	answers http.HandlerFunc
	// late is how many askings it takes until it holds anything, and down how many it doesn't answer at first.
	late, down int
	// careful is how many askings it redacts, before more comes in.
	careful int
	asked   []string
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.URL.Query().Get("id"))
	switch {
	case len(s.asked) <= s.down:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case s.answers != nil:
		s.answers(w, r)
		return
	case r.Header.Get("Authorization") != "Bearer reader":
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if since := r.URL.Query().Get("since"); since != "" {
		if at, err := time.Parse(time.RFC3339, since); err != nil || time.Since(at) < 20*time.Second || time.Since(at) > time.Minute {
			http.Error(w, "since", http.StatusBadRequest)
			return
		}
	}
	events := []map[string]string{}
	if len(s.asked) > s.late {
		s.app.mu.Lock()
		defer s.app.mu.Unlock()
		for _, sent := range s.app.sent {
			id := r.URL.Query().Get("id")
			if strings.Contains(sent, id) && (s.holds == nil || s.holds(sent)) {
				if s.redacts != nil && (s.careful == 0 || len(s.asked) <= s.careful) {
					sent = s.redacts(sent)
				}
				events = append(events, map[string]string{"request": sent})
			}
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"events": events}) // to a test
}

// trial is a store, and what is changed of the sink that asks it.
type trial struct {
	store  store
	change func(*Sink)
}

// searched runs the suite once with all sinks, and gives what was seen in each.
func searched(t *testing.T, trials map[string]*trial) (map[string]probe.SeenSink, Sent) {
	t.Helper()
	a := &app{}
	var sinks []Sink
	for name, trial := range trials {
		trial.store.app = a
		server := httptest.NewServer(&trial.store)
		t.Cleanup(server.Close)
		base, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		sink := Sink{
			Name: name, Credentials: map[string]string{"token": "reader"},
			Query: v1alpha1.LogQuery{Request: v1alpha1.HTTPRequest{
				Path: "/events", Query: map[string]v1alpha1.HeaderValue{"since": "$(since)"}, Headers: map[string]v1alpha1.HeaderValue{"Authorization": "Bearer $(credentials.token)"},
			}},
			Target: &httpstep.Target{Base: base, Transport: http.DefaultTransport, Timeout: 5 * time.Second},
		}
		if trial.change != nil {
			trial.change(&sink)
		}
		sinks = append(sinks, sink)
	}
	_, sent, markers := measured(t, a, described(), sinks...)
	seen := map[string]probe.SeenSink{}
	for _, s := range sent.Sinks {
		seen[s.Name] = s
	}
	if len(seen) != len(trials) {
		t.Fatalf("%+v", sent.Sinks)
	}
	for _, m := range markers.All() {
		if strings.Contains(fmt.Sprintf("%+v", sent.Sinks), m.Random) {
			t.Errorf("what was seen gives the %s away", m.Kind)
		}
	}
	return seen, sent
}

// onlyID leaves of what was sent nothing but method, path and id.
func onlyID(sent string) string { return strings.Join(strings.Fields(sent)[:3], " ") }

// byID makes the query one for a single request.
func byID(s *Sink) {
	s.Query.Request.Query = map[string]v1alpha1.HeaderValue{"id": "$(requestId)"}
}

func kindsOf(leaks []logmark.Leak) []logmark.Kind {
	var kinds []logmark.Kind
	for _, leak := range leaks {
		if leak.Whole && leak.Place.Form == logmark.JSONField {
			kinds = append(kinds, leak.Kind)
		}
	}
	return slices.Compact(kinds)
}

func TestASinkIsSearched(t *testing.T) {
	failed := func(sent string) bool { return strings.Contains(sent, "does-not-exist") }
	trials, requests, kinds := map[string]*trial{}, map[string]int{}, map[string][]logmark.Kind{}
	for name, c := range map[string]struct {
		trial
		requests int
		kinds    []logmark.Kind
	}{
		"what it holds":                     {trial{store{}, nil}, 7, logmark.Kinds()},
		"each request":                      {trial{store{}, byID}, 7, logmark.Kinds()},
		"what it holds later":               {trial{store{late: 3, redacts: onlyID}, nil}, 7, nil},
		"each request, later":               {trial{store{late: 20, redacts: onlyID}, byID}, 7, nil},
		"one that is down at first":         {trial{store{down: 2, redacts: onlyID}, nil}, 7, nil},
		"more that comes after the ids":     {trial{store{redacts: onlyID, careful: 1}, nil}, 7, logmark.Kinds()},
		"more of each, after the ids":       {trial{store{redacts: onlyID, careful: 8}, byID}, 7, logmark.Kinds()},
		"nothing but ids":                   {trial{store{redacts: onlyID}, nil}, 7, nil},
		"errors alone":                      {trial{store{holds: failed}, nil}, 1, []logmark.Kind{logmark.Token, logmark.Cookie}},
		"errors alone, with nothing in it":  {trial{store{holds: failed, redacts: onlyID}, byID}, 1, nil},
		"nothing at all":                    {trial{store{holds: func(string) bool { return false }}, nil}, 0, nil},
		"one that does not know of it: 404": {trial{store{answers: http.NotFound}, byID}, 0, nil},
	} {
		trials[name], requests[name], kinds[name] = &c.trial, c.requests, c.kinds
	}
	all, _ := searched(t, trials)
	for name, seen := range all {
		if seen.Problem != "" || len(seen.Requests) != requests[name] {
			t.Errorf("%s: %+v, want %d requests", name, seen, requests[name])
		}
		if got := kindsOf(seen.Leaks); !slices.Equal(got, kinds[name]) {
			t.Errorf("%s: leaks of %v, want %v: %+v", name, got, kinds[name], seen.Leaks)
		}
	}
}

func TestASinkThatShowsNothingSaysWhy(t *testing.T) {
	reply := func(status int, body string) store {
		return store{answers: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://login.example.com/")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body)) // to a test
		}}
	}
	echo := store{answers: func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"query": r.URL.Query().Get("id"), "hits": []any{}}) // to a test
	}}
	trials, wants := map[string]*trial{}, map[string]probe.SeenSink{}
	for name, c := range map[string]struct {
		trial
		want probe.SeenSink
	}{
		"a wrong key": {trial{store{}, func(s *Sink) { s.Credentials["token"] = "wrong" }}, probe.SeenSink{Problem: probe.SinkUnexpected, Status: 403}},
		"no key": {
			trial{store{}, func(s *Sink) { s.Credentials = nil }},
			probe.SeenSink{Problem: probe.SinkMisdescribed, Detail: "header Authorization: $(credentials.token) stands for nothing: add the key token to the identity's Secret"},
		},
		"a wrong path":     {trial{reply(404, "?"), nil}, probe.SeenSink{Problem: probe.SinkUnexpected, Status: 404}},
		"too many at once": {trial{reply(429, "slow down"), byID}, probe.SeenSink{Problem: probe.SinkUnexpected, Status: 429}},
		"a page to log in": {trial{reply(302, ""), nil}, probe.SeenSink{Problem: probe.SinkUnexpected, Status: 302}},
		"too much":         {trial{reply(200, strings.Repeat("x", 1<<20+1)), nil}, probe.SeenSink{Problem: probe.SinkTooLong}},
		"an echo":          {trial{echo, byID}, probe.SeenSink{Problem: probe.SinkEchoes}},
		"an expectation":   {trial{reply(200, `{"error": "quota"}`), func(s *Sink) { s.Query.Expect = "has(response.json.events)" }}, probe.SeenSink{Problem: probe.SinkUnexpected, Status: 200}},
		"nobody there":     {trial{store{}, func(s *Sink) { s.Target.Base = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} }}, probe.SeenSink{Problem: probe.SinkUnreachable}},
	} {
		trials[name], wants[name] = &c.trial, c.want
	}
	all, _ := searched(t, trials)
	for name, seen := range all {
		if want := wants[name]; seen.Problem != want.Problem || seen.Status != want.Status || seen.Detail != want.Detail || len(seen.Requests) > 0 {
			t.Errorf("%s: %+v, want %+v", name, seen, want)
		}
	}
}

// Of a sink that is asked for single requests, nothing is asked again that has been found until all have, then once, and nothing that was
// not sent.
func TestASinkIsAskedNoMoreThanNeeded(t *testing.T) {
	// The first round gets to the fifth of seven before the sink holds anything.
	asks := &trial{store{late: 5, redacts: onlyID}, byID}
	_, sent := searched(t, map[string]*trial{"tracker": asks})
	asked := map[string]int{}
	for _, id := range asks.store.asked {
		asked[id]++
	}
	if len(asked) != len(sent.Marked)+1 || len(asks.store.asked) != 1+len(sent.Marked)+4+len(sent.Marked) {
		t.Errorf("it was asked %d times for %d ids: %v", len(asks.store.asked), len(asked), asked)
	}
}
