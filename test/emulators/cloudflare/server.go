// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Base is the path under which the API stands.
const Base = "/client/v4"

// maxBody bounds what is read of a request; Cloudflare names no limit of its own.
const maxBody = 16 << 20

// Options say how the emulator behaves. The zero value keeps nothing on disk and validates no request.
type Options struct {
	// StateFile survives a restart; empty keeps the state in memory.
	StateFile string
	// Now is the clock.
	Now func() time.Time
	// ValidateExpression says what is wrong with a rule's expression for the phase and plan. Nil looks at quotes and parentheses only.
	ValidateExpression func(phase, plan, expression string) error
	// RateLimit is the number of calls a token has in five minutes: 0 is Cloudflare's 1,200, a negative one no limit.
	RateLimit int
	// OpenAPI is the path of Cloudflare's description of its API, against which each request is validated; FindOpenAPI looks for it.
	OpenAPI string
	// Validator is used instead of OpenAPI where it is given.
	Validator *Validator
	// NoAllSettings takes away GET and PATCH of all settings at once: the documentation has them, Cloudflare's own client no more.
	NoAllSettings bool
	// OnCall is called when a call's work is done and before its reply is sent, so that a client can be killed there. It must not block.
	OnCall func(Call)
	// TestAPI serves /_emulator/ as well, without any authentication.
	TestAPI bool
}

// Server is the emulator. It is an http.Handler, and safe for concurrent use.
type Server struct {
	opts    Options
	mux     *http.ServeMux
	openAPI *Validator

	mu       sync.Mutex
	state    *state
	windows  map[string]*window
	faults   []*fault
	nextID   int
	released chan struct{}
	held     int
	calls    []Call
	counts   map[string]int
	violated []string
	onCall   func(Call)
	snapshot []Zone
	snapAt   int64
}

// New makes an emulator, with what the state file holds.
func New(opts Options) (*Server, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.RateLimit = cmp.Or(opts.RateLimit, 1200) // fundamentals/api/reference/limits
	if opts.ValidateExpression == nil {
		opts.ValidateExpression = balanced
	}
	st, err := loadState(opts.StateFile)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: opts, state: st, mux: http.NewServeMux(), windows: map[string]*window{}, counts: map[string]int{},
		released: make(chan struct{}), onCall: opts.OnCall, snapAt: -1,
	}
	if s.openAPI = opts.Validator; s.openAPI == nil && opts.OpenAPI != "" {
		if s.openAPI, err = NewValidator(opts.OpenAPI); err != nil {
			return nil, err
		}
	}
	for _, rt := range routes() {
		if opts.NoAllSettings && rt.template == "/zones/{zone}/settings" {
			continue
		}
		s.mux.HandleFunc(rt.method+" "+Base+rt.template, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, rt) })
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, route{method: r.Method, template: "(none)", open: true, handle: noRoute})
	})
	if opts.TestAPI {
		s.routeTestAPI()
	}
	return s, nil
}

// ServeHTTP answers a call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// route is an endpoint.
type route struct {
	method, template string
	// groups are the permission groups of which the token needs one, Read or Write for GET, Write for the rest. Rulesets check the phase's
	// group themselves.
	groups []string
	// open is for everybody, with a token or without; signed for every good token.
	open, signed bool
	handle       func(*request) (reply, *apiError)
}

// reply is what a handler gives.
type reply struct {
	status int // 0 is 200
	result any
	info   any
	empty  bool // no body at all: 204
}

// request is a call in work.
type request struct {
	s     *Server
	http  *http.Request
	route route
	body  []byte
	json  map[string]any
	token *Token
	zone  *Zone // a copy, put into the state when changed is set
	now   time.Time

	changed bool
}

func (c *request) write() bool { return c.http.Method != http.MethodGet }

// dryRun is a call that checks and changes nothing (rulesets only).
func (c *request) dryRun() bool { return c.http.URL.Query().Get("dry_run") == "true" }

func (s *Server) serve(w http.ResponseWriter, r *http.Request, rt route) {
	w.Header().Set("Cf-Ray", newID()[:16]+"-LHR")
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil { // the client went away before it had said what it wanted
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	violation := s.openAPI.check(r, body)

	done := s.work(&request{s: s, http: r, route: rt, body: body}, violation)
	if done.fault != nil && done.fault.waits() {
		s.hold(r)
		if done.fault.Kind == FaultSlow {
			done = s.workAgain(&request{s: s, http: r, route: rt, body: body}, violation, done.call)
		}
	}
	if hook := s.hook(); hook != nil {
		hook(done.call)
	}
	send(w, done)
}

// outcome is a call whose work is done.
type outcome struct {
	call   Call
	answer answer
	fault  *Fault
}

// work does a call under the lock and writes it down.
func (s *Server) work(c *request, violation error) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.opts.Now().UTC()
	token, authErr := s.authenticate(c.http, c.now)
	c.token = token
	call := Call{Time: c.now, Method: c.route.method, Template: c.route.template, Path: c.http.URL.Path}
	if token != nil {
		call.Token = token.Name
	}
	f := s.matchFault(call)
	if f != nil {
		call.Fault = string(f.Kind)
	}
	out := outcome{fault: f}
	switch {
	case f != nil && f.Kind == FaultSlow:
		out.call = call
		return out // nothing is done, and nothing counted, until it is released
	case f != nil && f.before():
		out.answer = f.answer()
	default:
		out.answer = s.do(c, authErr, violation)
	}
	s.finish(&out, call)
	return out
}

// workAgain does the work of a call that a slow fault had held up.
func (s *Server) workAgain(c *request, violation error, call Call) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.opts.Now().UTC()
	token, authErr := s.authenticate(c.http, c.now)
	c.token = token
	out := outcome{answer: s.do(c, authErr, violation)}
	s.finish(&out, call)
	return out
}

func (s *Server) finish(out *outcome, call Call) {
	if out.fault != nil && !out.fault.before() {
		out.answer = out.fault.after(out.answer)
	}
	call.Status = out.answer.status
	call.N = len(s.calls) + 1
	s.calls = append(s.calls, call)
	s.counts[call.Method+" "+call.Template]++
	out.call = call
}

// do answers a call: who is it, is it too fast, may it, what comes of it.
func (s *Server) do(c *request, authErr *apiError, violation error) answer {
	header := http.Header{}
	if c.token != nil {
		if e := s.limit(c.token, c.now, header); e != nil {
			return withHeader(answerError(e), header)
		}
	}
	if authErr != nil && !c.route.open {
		return withHeader(answerError(authErr), header)
	}
	rep, e := s.handle(c)
	switch {
	case e != nil:
		return withHeader(answerError(e), header)
	case violation != nil:
		s.violated = append(s.violated, violation.Error())
		return withHeader(answerError(refuse(http.StatusBadRequest, CodeViolation, "emulator: against Cloudflare's description of its API: %v", violation)), header)
	}
	if c.changed && !c.dryRun() {
		c.zone.ModifiedOn = c.now
		s.state.put(c.zone)
		if err := s.state.save(s.opts.StateFile); err != nil {
			return withHeader(answerError(refuse(http.StatusInternalServerError, 500, "emulator: %v", err)), header)
		}
	}
	if rep.empty {
		return withHeader(answer{status: http.StatusNoContent, header: http.Header{}}, header)
	}
	if c.dryRun() && c.write() {
		rep.result = nil
	}
	return withHeader(answerJSONInfo(cmp.Or(rep.status, http.StatusOK), rep), header)
}

func answerJSONInfo(status int, rep reply) answer {
	env := struct {
		envelope
		ResultInfo any `json:"result_info,omitempty"`
	}{envelope{Result: rep.result, Success: true}, rep.info}
	env.Errors, env.Messages = []apiError{}, []any{}
	a := answerJSON(status, envelope{Success: true})
	if body, err := json.Marshal(env); err == nil {
		a.body = body
	}
	return a
}

func withHeader(a answer, header http.Header) answer {
	for k, v := range header {
		a.header[k] = v
	}
	return a
}

var identifier = regexp.MustCompile("^[0-9a-f]{32}$")

// handle finds the zone, checks the token's permissions and calls the endpoint.
func (s *Server) handle(c *request) (reply, *apiError) {
	if id := c.http.PathValue("zone"); id != "" {
		if !identifier.MatchString(id) {
			return reply{}, routeError(c)
		}
		z := s.state.zone(id)
		if z == nil || !c.token.covers(z) {
			return reply{}, c.forbidden()
		}
		c.zone = z
		if c.write() {
			c.zone = z.copy()
		}
	}
	if !c.route.open && !c.route.signed && c.route.groups != nil && !c.token.may(c.write(), c.route.groups...) {
		return reply{}, c.forbidden()
	}
	if e := c.parse(); e != nil {
		return reply{}, e
	}
	return c.route.handle(c)
}

// parse reads the body; a body that isn't JSON is refused as Cloudflare does.
func (c *request) parse() *apiError {
	if len(bytes.TrimSpace(c.body)) == 0 {
		c.json = map[string]any{}
		return nil
	}
	if c.route.template == "(none)" {
		return nil
	}
	err := json.Unmarshal(c.body, &c.json)
	array := c.route.method == http.MethodPatch && strings.HasSuffix(c.route.template, "/settings") && bytes.HasPrefix(bytes.TrimSpace(c.body), []byte("["))
	if err != nil && (!array || !json.Valid(c.body)) {
		return refuse(http.StatusBadRequest, 6007, "Malformed JSON in request body")
	}
	if c.json == nil {
		c.json = map[string]any{}
	}
	return nil
}

// forbidden is what a token gets that lacks the zone or the permission; Cloudflare does not tell which.
func (c *request) forbidden() *apiError {
	switch {
	case strings.Contains(c.route.template, "/rulesets"):
		return refuse(http.StatusForbidden, 10000, "request is not authorized")
	case c.route.template == "/zones", c.route.template == "/zones/{zone}":
		return refuse(http.StatusForbidden, 9109, "Unauthorized to access requested resource")
	default:
		return refuse(http.StatusForbidden, 10000, "Authentication error")
	}
}

func routeError(c *request) *apiError {
	e := refuse(http.StatusBadRequest, 7003, "Could not route to %s, perhaps your object identifier is invalid?", strings.TrimPrefix(c.http.URL.Path, Base))
	e.Chain = []chainEntry{{Code: 7000, Message: "No route for that URI"}}
	return e
}

// noRoute is a path that doesn't exist, or not with this method.
func noRoute(c *request) (reply, *apiError) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := &http.Request{Method: method, URL: c.http.URL, Host: c.http.Host}
		if _, pattern := c.s.mux.Handler(other); pattern != "/" && pattern != "" {
			return reply{}, refuse(http.StatusMethodNotAllowed, 7001, "Method %s not available for that URI.", c.http.Method)
		}
	}
	return reply{}, routeError(c)
}

// Zones gives all zones as they are, for a data plane or a test. The copy is made once for each version of the state and shared: read it,
// don't change it.
func (s *Server) Zones() []Zone {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapAt == s.state.Version {
		return s.snapshot
	}
	out := make([]Zone, 0, len(s.state.Zones))
	for _, z := range s.state.Zones {
		out = append(out, *z.copy())
	}
	s.snapshot, s.snapAt = out, s.state.Version
	return out
}

// Version rises with every change of any zone.
func (s *Server) Version() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Version
}

// Zone gives a copy of a zone by name or id.
func (s *Server) Zone(name string) (Zone, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.state.zoneNamed(name)
	if z == nil {
		return Zone{}, false
	}
	return *z.copy(), true
}

// AddZone makes a zone, active at once, with Cloudflare's defaults for the plan.
func (s *Server) AddZone(name string, plan Plan) (Zone, error) {
	if plan.rank() < 0 {
		return Zone{}, fmt.Errorf("add zone %s: no plan %q", name, plan)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.zoneNamed(name) != nil {
		return Zone{}, fmt.Errorf("add zone %s: it exists", name)
	}
	now := s.opts.Now().UTC()
	z := &Zone{
		ID: newID(), Name: strings.ToLower(name), Plan: plan, Status: "active", CreatedOn: now, ModifiedOn: now,
		NameServers: []string{"ada.ns.cloudflare.com", "leo.ns.cloudflare.com"},
		Settings:    map[string]Setting{}, Bots: initialBots(plan), UniversalSSL: true, DNSSEC: "disabled",
		ManagedRequest: map[string]bool{}, ManagedResponse: map[string]bool{},
		URLNormalization: map[string]any{"type": "cloudflare", "scope": "incoming"},
	}
	s.state.put(z)
	return *z.copy(), s.state.save(s.opts.StateFile)
}

var errNoZone = errors.New("no such zone")

func pageOf[T any](items []T, page, perPage int) ([]T, *resultInfo) {
	total := len(items)
	from := min((page-1)*perPage, total)
	to := min(from+perPage, total)
	info := &resultInfo{Page: page, PerPage: perPage, TotalCount: total, Count: to - from, TotalPages: (total + perPage - 1) / perPage}
	return slices.Clip(items[from:to]), info
}
