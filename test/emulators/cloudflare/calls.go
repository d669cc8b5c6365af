// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"maps"
	"slices"
	"time"
)

// Call is a call that was made. It never holds a token's value.
type Call struct {
	N        int       `json:"n"`
	Time     time.Time `json:"time"`
	Method   string    `json:"method"`
	Template string    `json:"template"` // "/zones/{zone}/dns_records"
	Path     string    `json:"path"`
	Token    string    `json:"token,omitempty"`
	Status   int       `json:"status"` // as sent; 0 where none was
	Fault    string    `json:"fault,omitempty"`
}

// Write says whether the call would change something.
func (c Call) Write() bool { return c.Method != "GET" }

// Calls gives the calls since the last reset.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Counts gives how often each endpoint was called, by "METHOD template".
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// ResetCalls forgets the calls, the counts and the violations, not the rate limit.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.counts, s.violated = nil, map[string]int{}, nil
}

// ResetRateLimit gives all tokens their full quota.
func (s *Server) ResetRateLimit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows = map[string]*window{}
}

// Violations are the requests that Cloudflare's own description of its API does not allow, though all else was in order.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violated)
}

// SetOnCall replaces Options.OnCall.
func (s *Server) SetOnCall(hook func(Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = hook
}

func (s *Server) hook() func(Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.onCall
}
