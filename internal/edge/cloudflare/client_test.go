// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/launchready/launchready/internal/edge"
)

func logrContext(t *testing.T, log logr.Logger) context.Context {
	t.Helper()
	return logr.NewContext(t.Context(), log)
}

// The root package links all products of Cloudflare's, some 130 packages.
func TestRootPackageIsNotLinked(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, pkg := range strings.Fields(string(out)) {
		if pkg == "github.com/cloudflare/cloudflare-go/v7" {
			t.Error("the root client is linked")
		}
		if strings.HasPrefix(pkg, "github.com/cloudflare/cloudflare-go/v7/") {
			n++
		}
	}
	if n == 0 || n > 25 {
		t.Errorf("%d packages of cloudflare-go are linked", n)
	}
}

func TestClientsAreByToken(t *testing.T) {
	w := newWorld(t)
	a, b := w.client(t), w.client(t)
	if a != b {
		t.Error("one token has two clients, so two budgets")
	}
	other := clientOf(t, w.clients, "another-token")
	if other == a || other.limits == a.limits {
		t.Error("two tokens share a budget")
	}
	w.clock.Step(forgetAfter)
	if w.client(t) != a {
		t.Error("a client was forgotten that was asked for in time")
	}
	w.clock.Step(time.Second)
	if clientOf(t, w.clients, "third-token") == other || len(w.clients.byToken) != 2 {
		t.Errorf("%d clients are kept", len(w.clients.byToken))
	}
	if clientOf(t, w.clients, "another-token") == other {
		t.Error("a client that nobody asked for was kept")
	}
	for _, bad := range []string{"", "LEAKME\n", "LEAK ME", "LEAKME\x00", "LEAKMEé"} {
		_, err := w.clients.For(bad)
		if edge.KindOf(err) != edge.KindAuth || err == nil {
			t.Errorf("%q: %v", bad, err)
		}
		secretless(t, err)
	}
}

func TestPrintingAClientPrintsNoToken(t *testing.T) {
	w := newWorld(t)
	c := w.client(t)
	if _, err := c.Observe(t.Context(), testZone); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{c, w.clients} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(format, v); strings.Contains(text, "LEAKME") || strings.Contains(text, "{") {
				t.Errorf("%s of %T shows what it holds", format, v)
			}
		}
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	c := w.client(t)
	if _, err := c.Observe(t.Context(), testZone); err != nil {
		t.Fatal(err)
	}
	w.server.on("*", refusing(400, 81058, "An identical record already exists."))
	if err := c.ChangeRecords(t.Context(), zoneOfTest, edge.RecordBatch{Delete: []string{"a"}}); err == nil {
		t.Fatal("no error")
	}
	w.server.on("*", refusing(429, 971, "slower"))
	for range 2 {
		if err := c.ChangeRecords(t.Context(), zoneOfTest, edge.RecordBatch{Delete: []string{"a"}}); err == nil {
			t.Fatal("no error")
		}
	}
	const want = `
# HELP launchready_cloudflare_rate_limited_total Requests that Cloudflare refused for its limit on calls.
# TYPE launchready_cloudflare_rate_limited_total counter
launchready_cloudflare_rate_limited_total 1
# HELP launchready_cloudflare_requests_total Requests to Cloudflare's API, by what was asked for and how it went: success, or the kind of error.
# TYPE launchready_cloudflare_requests_total counter
launchready_cloudflare_requests_total{action="change_records",outcome="conflict"} 1
launchready_cloudflare_requests_total{action="change_records",outcome="rate_limit"} 1
launchready_cloudflare_requests_total{action="list_records",outcome="success"} 1
launchready_cloudflare_requests_total{action="list_rulesets",outcome="success"} 1
launchready_cloudflare_requests_total{action="observe_zone",outcome="success"} 1
launchready_cloudflare_requests_total{action="read_bots",outcome="success"} 1
launchready_cloudflare_requests_total{action="read_dnssec",outcome="success"} 1
launchready_cloudflare_requests_total{action="read_leaked_credentials",outcome="success"} 1
launchready_cloudflare_requests_total{action="read_settings",outcome="success"} 1
`
	if err := testutil.GatherAndCompare(w.metrics, strings.NewReader(want),
		"launchready_cloudflare_requests_total", "launchready_cloudflare_rate_limited_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(w.metrics); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if _, err := New(Options{Registerer: w.metrics}); err == nil {
		t.Error("metrics were registered twice")
	}
}

func TestEveryKindHasAnOutcome(t *testing.T) {
	for _, r := range refusals {
		if outcomes[r.kind] == "" {
			t.Errorf("%q has none", r.kind)
		}
	}
}

func TestEveryPhaseHasAPermission(t *testing.T) {
	for _, phase := range edge.Phases() {
		if actionChangeRules.of(phase).permission() == "" {
			t.Errorf("%s has none", phase)
		}
	}
}

func TestATokenThatIsBlockedIsLeftInPeace(t *testing.T) {
	tests := map[string]struct {
		header string
		want   time.Duration
	}{
		"seconds":            {"30", 30 * time.Second},
		"a date":             {"Fri, 27 Nov 2026 12:02:00 GMT", 2 * time.Minute},
		"nothing said":       {"", 5 * time.Minute},
		"nonsense":           {"soon", 5 * time.Minute},
		"now":                {"0", time.Second},
		"a date long past":   {"Fri, 27 Nov 2020 12:02:00 GMT", time.Second},
		"longer than an age": {"99999999", time.Hour},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.on("GET /zones", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Retry-After", tt.header)
				refuse(rw, http.StatusTooManyRequests, 971, "slower")
			})
			c := w.client(t)
			_, err := c.Observe(t.Context(), testZone)
			f := faultOf(t, err)
			if f.Kind != edge.KindRateLimit || f.RetryAfter != tt.want || f.Status != 429 || f.Unsure {
				t.Errorf("%+v", f)
			}
			w.server.on("GET /zones", nil)
			w.server.got()
			w.clock.Step(tt.want - 500*time.Millisecond)
			err = c.EnableLeakedCredentials(t.Context(), zoneOfTest, true)
			f = faultOf(t, err)
			if f.Kind != edge.KindRateLimit || f.RetryAfter != 500*time.Millisecond || !errors.Is(err, errHeldBack) || f.Doing == "" {
				t.Errorf("held back: %+v", f)
			}
			if got := w.server.got(); len(got) != 0 {
				t.Errorf("a blocked token sent %v", got)
			}
			if _, err := clientOf(t, w.clients, "another-token").Observe(t.Context(), testZone); err != nil {
				t.Errorf("another token: %v", err)
			}
			w.clock.Step(500 * time.Millisecond)
			if _, err := c.Observe(t.Context(), testZone); err != nil {
				t.Errorf("after the time: %v", err)
			}
		})
	}
}

// Half of Cloudflare's quota in any five minutes, the first ones included.
func TestBudget(t *testing.T) {
	w := newWorld(t)
	l := newLimiter(w.clock)
	sent, start := 0, w.clock.Now()
	for w.clock.Since(start) < quotaWindow {
		done := make(chan *edge.APIError, 1)
		go func() { done <- l.wait(t.Context()) }()
		for waiting := true; waiting; {
			select {
			case f := <-done:
				if f != nil {
					t.Fatal(f)
				}
				waiting = false
			default:
				if w.clock.HasWaiters() {
					w.clock.Step(50 * time.Millisecond)
				}
			}
		}
		sent++
	}
	if sent > quota+1 || sent < quota-10 {
		t.Errorf("%d calls in %s", sent, quotaWindow)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	w := newWorld(t)
	l := newLimiter(w.clock)
	for range burst {
		if f := l.wait(t.Context()); f != nil {
			t.Fatal(f)
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if f := l.wait(soon); f == nil || f.Kind != edge.KindRateLimit || f.RetryAfter <= 0 || !errors.Is(f, errTooBusy) {
		t.Errorf("a turn after the deadline: %+v", f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan *edge.APIError, 1)
	go func() { done <- l.wait(ctx) }()
	waitFor(t, w.clock.HasWaiters)
	cancel()
	if f := <-done; f == nil || !errors.Is(f, context.Canceled) {
		t.Errorf("cancelled: %+v", f)
	}
	// What wasn't sent is not counted: the next turn is as near as before.
	now := w.clock.Now()
	if d := l.rate.ReserveN(now, 1).DelayFrom(now); d > time.Second {
		t.Errorf("the next turn is in %s", d)
	}
}

func TestWhoWaitedIsHeldBackToo(t *testing.T) {
	w := newWorld(t)
	l := newLimiter(w.clock)
	for range burst {
		if f := l.wait(t.Context()); f != nil {
			t.Fatal(f)
		}
	}
	done := make(chan *edge.APIError, 1)
	go func() { done <- l.wait(t.Context()) }()
	waitFor(t, w.clock.HasWaiters)
	l.block(time.Minute)
	// Another reply under way that asked for less doesn't end it earlier.
	l.block(time.Second)
	w.clock.Step(time.Second)
	if f := <-done; f == nil || !errors.Is(f, errHeldBack) || f.RetryAfter != 59*time.Second {
		t.Errorf("%+v", f)
	}
}

// waitFor polls until something is so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline:
			t.Fatal("it never was so")
		case <-tick.C:
		}
	}
}

func TestObservationIsSharedForAMinute(t *testing.T) {
	w := newWorld(t)
	c := w.client(t)
	observation := func() int {
		t.Helper()
		if _, err := c.Observation(t.Context(), testZone); err != nil {
			t.Fatal(err)
		}
		return len(w.server.got())
	}
	var crowd sync.WaitGroup
	for range 50 {
		crowd.Go(func() {
			if _, err := c.Observation(t.Context(), "Example.com."); err != nil {
				t.Error(err)
			}
		})
	}
	crowd.Wait()
	if got := len(w.server.got()); got != 7 {
		t.Errorf("a crowd made %d calls", got)
	}
	w.clock.Step(defaultFresh - time.Second)
	if got := observation(); got != 0 {
		t.Errorf("%d calls within the minute", got)
	}
	w.clock.Step(time.Second)
	if got := observation(); got != 7 {
		t.Errorf("%d calls after the minute", got)
	}
	if err := c.EnableLeakedCredentials(t.Context(), zoneOfTest, true); err != nil {
		t.Fatal(err)
	}
	w.server.got()
	if got := observation(); got != 7 {
		t.Errorf("%d calls after a write", got)
	}
	c.Invalidate("EXAMPLE.com")
	if got := observation(); got != 7 {
		t.Errorf("%d calls after Invalidate", got)
	}
	w.clock.Step(defaultFresh / 2)
	if _, err := c.Observe(t.Context(), testZone); err != nil {
		t.Fatal(err)
	}
	if got := len(w.server.got()); got != 7 {
		t.Errorf("Observe made %d calls", got)
	}
	w.clock.Step(defaultFresh - time.Second)
	if got := observation(); got != 0 {
		t.Errorf("%d calls within a minute of Observe", got)
	}
}

func TestAFailureServesACrowdForAShortWhile(t *testing.T) {
	w := newWorld(t)
	c := w.client(t)
	w.server.on("GET /zones", refusing(403, 9109, "Invalid access token"))
	for range 5 {
		if _, err := c.Observation(t.Context(), testZone); edge.KindOf(err) != edge.KindAuth || err == nil {
			t.Fatal(err)
		}
	}
	if got := len(w.server.got()); got != 1 {
		t.Errorf("%d calls", got)
	}
	w.server.on("GET /zones", nil)
	w.clock.Step(failedFor)
	if _, err := c.Observation(t.Context(), testZone); err != nil {
		t.Error(err)
	}
}

// slowWatcher is a watcher whose observations end when the test says so, with the id that it says.
type slowWatcher struct {
	*watcher
	started chan struct{}
	release chan string
}

func newSlowWatcher(w *world) *slowWatcher {
	s := &slowWatcher{started: make(chan struct{}, 9), release: make(chan string)}
	s.watcher = newWatcher(func(ctx context.Context, _ string) (edge.State, error) {
		s.started <- struct{}{}
		select {
		case <-ctx.Done():
			return edge.State{}, ctx.Err()
		case id := <-s.release:
			return edge.State{Zone: edge.Zone{ID: id}}, nil
		}
	}, w.clock, defaultFresh)
	return s
}

// ask gives the id that is observed, or the error's text.
func (s *slowWatcher) ask(ctx context.Context) chan string {
	got := make(chan string, 1)
	go func() {
		state, err := s.get(ctx, testZone)
		if err != nil {
			state.Zone.ID = err.Error()
		}
		got <- state.Zone.ID
	}()
	return got
}

// Who asks after a write must not get what was observed before it, nor may that be kept.
func TestAnObservationUnderWayDoesNotOutliveAWrite(t *testing.T) {
	s := newSlowWatcher(newWorld(t))
	before := s.ask(t.Context())
	<-s.started
	s.invalidate(testZone)
	after := s.ask(t.Context())
	<-s.started
	// Each of the two gets one answer, whichever.
	s.release <- "a"
	s.release <- "b"
	if b, a := <-before, <-after; a == b {
		t.Errorf("both were given %q", a)
	}
	s.invalidate(testZone)
	late := s.ask(t.Context())
	<-s.started
	s.invalidate(testZone)
	s.release <- "late"
	<-late
	if _, _, fresh := s.last(testZone); fresh {
		t.Error("what was observed before a write was kept")
	}
}

func TestAnObservationOutlivesWhoAskedFirst(t *testing.T) {
	s := newSlowWatcher(newWorld(t))
	ctx, cancel := context.WithCancel(t.Context())
	first := s.ask(ctx)
	<-s.started
	cancel()
	if got := <-first; !strings.Contains(got, "canceled") {
		t.Errorf("the first one: %s", got)
	}
	second := s.ask(t.Context())
	s.release <- "a"
	if got := <-second; got != "a" {
		t.Errorf("the second one: %s", got)
	}
	if len(s.started) != 0 {
		t.Error("the zone was observed twice")
	}
}
