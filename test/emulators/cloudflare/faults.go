// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"cmp"
	"net/http"
	"path"
	"slices"
	"strconv"
)

// FaultKind is a way to fail.
type FaultKind string

// The ways to fail.
const (
	// FaultRateLimit answers 429 with Retry-After; nothing is done.
	FaultRateLimit FaultKind = "rateLimit"
	// FaultError answers Status (500 unless given); nothing is done.
	FaultError FaultKind = "error"
	// FaultErrorAfter does the work, then answers Status.
	FaultErrorAfter FaultKind = "errorAfter"
	// FaultDrop closes the connection; nothing is done.
	FaultDrop FaultKind = "drop"
	// FaultDropAfter does the work, then closes the connection without a reply.
	FaultDropAfter FaultKind = "dropAfter"
	// FaultTruncate does the work, then sends half of the reply and closes the connection.
	FaultTruncate FaultKind = "truncate"
	// FaultSlow does nothing until Release is called or the client has gone, then the work.
	FaultSlow FaultKind = "slow"
	// FaultSlowAfter does the work, then holds the reply until Release is called or the client has gone: a time-out with the write done.
	FaultSlowAfter FaultKind = "slowAfter"
)

// Fault makes calls fail. What is left empty matches every call.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	Method string    `json:"method,omitempty"`
	// Path is a pattern of path.Match for the template ("/zones/{zone}/dns_records*") or the path without /client/v4.
	Path  string `json:"path,omitempty"`
	Token string `json:"token,omitempty"` // by name
	// Skip lets that many matching calls pass first; Times is how many fail then: 0 is one, negative all.
	Skip  int `json:"skip,omitempty"`
	Times int `json:"times,omitempty"`
	// Status is for the errors, RetryAfter in seconds for FaultRateLimit.
	Status     int `json:"status,omitempty"`
	RetryAfter int `json:"retryAfter,omitempty"`
}

type fault struct {
	Fault
	id   int
	seen int
}

func (f *Fault) waits() bool { return f.Kind == FaultSlow || f.Kind == FaultSlowAfter }

// before says that the work isn't done.
func (f *Fault) before() bool {
	return slices.Contains([]FaultKind{FaultRateLimit, FaultError, FaultDrop}, f.Kind)
}

func (f *Fault) matches(c Call) bool {
	if (f.Method != "" && f.Method != c.Method) || (f.Token != "" && f.Token != c.Token) {
		return false
	}
	if f.Path == "" {
		return true
	}
	byTemplate, _ := path.Match(f.Path, c.Template)
	byPath, _ := path.Match(Base+f.Path, c.Path)
	return byTemplate || byPath
}

// answer is what a call gets whose work isn't done.
func (f *Fault) answer() answer {
	switch f.Kind {
	case FaultRateLimit:
		e := refuse(http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed")
		a := answerError(e)
		a.header.Set("Retry-After", strconv.Itoa(f.RetryAfter))
		return a
	case FaultDrop:
		return answer{header: http.Header{}}
	default:
		return f.failure()
	}
}

// after turns the reply of a call whose work is done into what the client is to see.
func (f *Fault) after(a answer) answer {
	switch f.Kind {
	case FaultErrorAfter:
		return f.failure()
	case FaultDropAfter:
		a.body, a.status = nil, 0
	}
	return a
}

func (f *Fault) failure() answer {
	status := cmp.Or(f.Status, http.StatusInternalServerError)
	if status == http.StatusInternalServerError {
		return answerError(refuse(status, 10001, "An internal server error has occurred"))
	}
	// Cloudflare's own edge answers these, in HTML.
	header := http.Header{}
	header.Set("Content-Type", "text/html")
	return answer{status: status, header: header, body: []byte("<html><head><title>" + strconv.Itoa(status) + " " + http.StatusText(status) + "</title></head></html>\n")}
}

// Inject adds a fault, and gives its number.
func (s *Server) Inject(f Fault) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextID++
	s.faults = append(s.faults, &fault{Fault: f, id: s.nextID})
	return s.nextID
}

// ClearFaults removes all faults; calls that are held stay so until Release.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Release lets go all calls that are held now.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.released)
	s.released = make(chan struct{})
}

// Held is the number of calls that are held now.
func (s *Server) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// matchFault finds the fault for a call and counts it. The first that matches counts the call, and only that one.
func (s *Server) matchFault(c Call) *Fault {
	for _, f := range s.faults {
		if !f.matches(c) {
			continue
		}
		f.seen++
		if f.seen <= f.Skip {
			continue
		}
		if f.Times >= 0 && f.seen > f.Skip+max(f.Times, 1) {
			continue
		}
		found := f.Fault
		return &found
	}
	return nil
}

// hold waits until somebody releases the call, or its client is gone: a client that has gone does not take its write along.
func (s *Server) hold(r *http.Request) {
	s.mu.Lock()
	released := s.released
	s.held++
	s.mu.Unlock()
	select {
	case <-released:
	case <-r.Context().Done():
	}
	s.mu.Lock()
	s.held--
	s.mu.Unlock()
}

// send writes the reply, or breaks off as the fault wants.
func send(w http.ResponseWriter, done outcome) {
	if done.fault != nil && (done.fault.Kind == FaultDrop || done.fault.Kind == FaultDropAfter) {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	for k, v := range done.answer.header {
		w.Header()[k] = v
	}
	body := done.answer.body
	if done.answer.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	truncated := done.fault != nil && done.fault.Kind == FaultTruncate
	if truncated {
		body = body[:len(body)/2]
	}
	w.WriteHeader(done.answer.status)
	_, _ = w.Write(body) // a client that has gone is its own affair
	if truncated {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
