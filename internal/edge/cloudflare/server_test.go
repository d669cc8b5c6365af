// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/launchready/launchready/internal/edge"
)

const (
	// testToken is marked: wherever LEAKME shows, a token came through.
	testToken = "cfut_LEAKME0123456789LEAKME0123456789LEAKME01"
	testZone  = "example.com"
	testID    = "023e105f4ecef8ad9ca31a8372d0c353"
)

// request is what the server got.
type request struct {
	Method, Path, Query string
	Body                string
	Header              http.Header
}

// server behaves as Cloudflare does for one zone, as far as the client can tell.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
	// instead answers in place of the zone, by "METHOD path"; a path ends with * for all that begin so.
	instead map[string]http.HandlerFunc
	// records of the zone, as raw JSON objects; perPage caps a page.
	records []string
	perPage int
	plan    string
	// rules by phase.
	rules    map[edge.Phase][]string
	versions map[edge.Phase]int
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{
		plan: "free", perPage: pageSize, instead: map[string]http.HandlerFunc{},
		rules: map[edge.Phase][]string{}, versions: map[edge.Phase]int{},
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/client/v4")
	s.mu.Lock()
	s.requests = append(s.requests, request{
		Method: r.Method, Path: path, Query: r.URL.RawQuery, Body: string(body), Header: r.Header.Clone(),
	})
	handler := s.instead[r.Method+" "+path]
	if handler == nil {
		handler = s.instead["*"]
	}
	s.mu.Unlock()
	if handler == nil {
		handler = s.zone
	}
	handler(w, r)
}

// zone answers as Cloudflare does.
func (s *server) zone(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch path := strings.TrimPrefix(r.URL.Path, "/client/v4/zones"); {
	case path == "":
		ok(w, `[{"id":"`+testID+`","name":"example.com","status":"active","paused":false,"name_servers":["a.ns.cloudflare.com"],
			"plan":{"legacy_id":"`+s.plan+`"},"account":{"id":"acc1"}}]`)
	case strings.HasSuffix(path, "/dns_records"):
		s.listRecords(w, r)
	case strings.HasSuffix(path, "/rulesets"):
		s.listRulesets(w)
	case strings.Contains(path, "/rulesets/rs_"):
		phase := edge.Phase(path[strings.Index(path, "rs_")+3:])
		ok(w, fmt.Sprintf(`{"id":"rs_%s","kind":"zone","phase":%q,"version":"%d","rules":[%s]}`,
			phase, phase, s.versions[phase], strings.Join(s.rules[phase], ",")))
	case strings.HasSuffix(path, "/settings"):
		ok(w, `[{"id":"ssl","value":"full","editable":true},{"id":"brotli","value":"on","editable":true},
			{"id":"security_header","value":{"strict_transport_security":{"enabled":false}},"editable":true}]`)
	case strings.HasSuffix(path, "/bot_management"):
		ok(w, `{"fight_mode":true,"enable_js":true}`)
	case strings.HasSuffix(path, "/leaked-credential-checks"):
		ok(w, `{"enabled":true}`)
	case strings.HasSuffix(path, "/dnssec"):
		ok(w, `{"status":"active"}`)
	case strings.HasSuffix(path, "/verify"):
		ok(w, `{"id":"t","status":"active"}`)
	default:
		ok(w, `{}`)
	}
}

func (s *server) listRecords(w http.ResponseWriter, r *http.Request) {
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		refuse(w, http.StatusBadRequest, 9207, "bad page")
		return
	}
	size, err := strconv.Atoi(r.URL.Query().Get("per_page"))
	if err != nil {
		refuse(w, http.StatusBadRequest, 9207, "bad per_page")
		return
	}
	size = min(size, s.perPage)
	from := min((page-1)*size, len(s.records))
	to := min(from+size, len(s.records))
	answer(w, http.StatusOK, fmt.Sprintf(`{"success":true,"errors":[],"messages":[],"result":[%s],
		"result_info":{"page":%d,"per_page":%d,"count":%d,"total_count":%d}}`,
		strings.Join(s.records[from:to], ","), page, size, to-from, len(s.records)))
}

func (s *server) listRulesets(w http.ResponseWriter) {
	items := []string{
		`{"id":"managed1","kind":"managed","phase":"http_request_firewall_managed","version":"42"}`,
		`{"id":"other","kind":"zone","phase":"http_request_origin","version":"1"}`,
	}
	for phase := range s.rules {
		items = append(items, fmt.Sprintf(`{"id":"rs_%s","kind":"zone","phase":%q,"version":"%d"}`, phase, phase, s.versions[phase]))
	}
	ok(w, "["+strings.Join(items, ",")+"]")
}

func ok(w http.ResponseWriter, result string) {
	answer(w, http.StatusOK, `{"success":true,"errors":[],"messages":[],"result":`+result+`}`)
}

func refuse(w http.ResponseWriter, status int, code int64, message string) {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	answer(w, status, fmt.Sprintf(`{"success":false,"errors":[{"code":%d,"message":%s}],"messages":[],"result":null}`, code, text))
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) //nolint:gosec // a test answers itself
}

func refusing(status int, code int64, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, code, message) }
}

func answering(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// on answers a request otherwise than the zone would.
func (s *server) on(what string, handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instead[what] = handler
}

// got gives the requests since the last time.
func (s *server) got() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.requests
	s.requests = nil
	return got
}

// paths gives the requests since the last time as "METHOD path", sorted: many are side by side.
func (s *server) paths() []string {
	var paths []string
	for _, r := range s.got() {
		paths = append(paths, r.Method+" "+strings.ReplaceAll(r.Path, testID, "Z"))
	}
	slices.Sort(paths)
	return paths
}

// setRules sets the rules of a phase, and its version.
func (s *server) setRules(phase edge.Phase, rules ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules[phase] = rules
	s.versions[phase]++
}

// setRecords gives the zone n records.
func (s *server) setRecords(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = nil
	for i := range n {
		s.records = append(s.records, fmt.Sprintf(`{"id":"%032x","name":"h%d.example.com","type":"A","content":"192.0.2.1",
			"proxied":true,"proxiable":true,"ttl":1,"comment":null,"tags":[],"settings":{},"meta":{}}`, i, i))
	}
}

// world is a server, the clients and the clock of a test.
type world struct {
	server  *server
	clients *Clients
	clock   *clocktesting.FakeClock
	metrics *prometheus.Registry
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		server: newServer(t), clock: clocktesting.NewFakeClock(time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)),
		metrics: prometheus.NewRegistry(),
	}
	w.clients = w.open(t, Options{Registerer: w.metrics})
	return w
}

// open gives clients of the world's server.
func (w *world) open(t *testing.T, o Options) *Clients {
	t.Helper()
	o.BaseURL, o.Version, o.Clock = w.server.URL+"/client/v4/", "1.2.3", w.clock
	clients, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return clients
}

func (w *world) client(t *testing.T) *Client { return clientOf(t, w.clients, testToken) }

func clientOf(t *testing.T, clients *Clients, token string) *Client {
	t.Helper()
	c, err := clients.For(token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var zoneOfTest = edge.Zone{ID: testID, Name: testZone, Plan: edge.PlanFree}
