// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	// maxRedirects is how many redirects a step follows: ten, as net/http and browsers of old.
	maxRedirects = 10
	// ProbeHeader marks each request of ours, so that analytics and a SIEM can leave them out.
	ProbeHeader = "X-LaunchReady-Probe"
)

// Target is the app as requests reach it.
type Target struct {
	// Base is scheme, host and port.
	Base *url.URL
	// Host is what requests ask for, where that is another name than Base's.
	Host string
	// Transport dials, and decides which addresses it dials.
	Transport http.RoundTripper
	// Timeout of a request, its reply's body included.
	Timeout time.Duration
	// UserAgent of each request.
	UserAgent string
	// Run is the value of ProbeHeader.
	Run string
	// Budget is how many requests may be sent in all; nil for no limit.
	Budget *Budget
	// Chats bounds and paces the questions to the chat; nil for as many as there are.
	Chats *ChatAllowance
	// Visits are the hosts besides that a login may lead to; nil for none.
	Visits *Visits
}

// Budget is a number of requests. Several goroutines may spend it.
type Budget struct {
	limit int64
	spent *atomic.Int64
}

// NewBudget gives a budget of n requests.
func NewBudget(n int) *Budget { return &Budget{limit: int64(n), spent: &atomic.Int64{}} }

// Less gives a budget that is spent together with this one and ends n requests earlier: these are left for cleaning up.
func (b *Budget) Less(n int) *Budget { return &Budget{limit: max(b.limit-int64(n), 0), spent: b.spent} }

// Limit is how many requests may be sent in all.
func (b *Budget) Limit() int { return int(b.limit) }

// Spent is how many requests were sent.
func (b *Budget) Spent() int { return int(b.spent.Load()) }

// take spends one request, if there is one left.
func (b *Budget) take() bool {
	for {
		spent := b.spent.Load()
		if spent >= b.limit {
			return false
		}
		if b.spent.CompareAndSwap(spent, spent+1) {
			return true
		}
	}
}

// ErrBudgetSpent says that no more requests may be sent.
var ErrBudgetSpent = errors.New("the budget of requests is spent")

// Send sends a request to the app with the cookies of a jar, which may be nil, and reads the reply. It follows no redirect.
func (t *Target) Send(ctx context.Context, r Request, jar http.CookieJar) (*Response, error) {
	return t.sendTo(ctx, t.app(), r, jar)
}

func (t *Target) sendTo(ctx context.Context, at place, r Request, jar http.CookieJar) (*Response, error) {
	if err := t.spend(ctx, at, r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	req, err := r.on(ctx, at.base, at.host)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", strings.TrimSpace(t.UserAgent+" "+req.Header.Get("User-Agent"))) // ours comes first (RFC 9110 §10.1.5)
	req.Header.Set(ProbeHeader, t.Run)
	here := at.jarURL(r.Path)
	if jar != nil && req.Header.Get("Cookie") == "" {
		for _, cookie := range jar.Cookies(here) {
			req.AddCookie(cookie)
		}
	}
	var resp *Response
	if r.Socket != nil {
		resp, err = t.converse(ctx, r, req)
	} else {
		resp, err = at.exchange(req)
	}
	if resp != nil {
		resp.Visited = at.visited
	}
	if resp != nil && jar != nil {
		jar.SetCookies(here, (&http.Response{Header: resp.Header}).Cookies())
	}
	if err != nil && at.visited {
		err = &VisitError{Host: at.base.Host, Err: err}
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// exchange sends a request and reads the reply. Beside an error there may be a reply whose body was cut off.
func (p place) exchange(req *http.Request) (*Response, error) {
	started := time.Now()
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	return read(resp, started)
}

// spend takes a request out of what may be sent, and waits until it may.
func (t *Target) spend(ctx context.Context, at place, r Request) error {
	if t.Budget != nil && !t.Budget.take() {
		return ErrBudgetSpent
	}
	if at.visited {
		return nil // the app's chat is elsewhere
	}
	return t.Chats.await(ctx, r)
}

// Follow sends a request and follows the redirects of its reply, within the target: one that leads elsewhere is an error.
func (t *Target) Follow(ctx context.Context, r Request, jar http.CookieJar) (*Response, error) {
	return t.follow(ctx, t.app(), r, jar, nil)
}

// follow follows redirects within the target, and to hosts that are visited.
func (t *Target) follow(ctx context.Context, at place, r Request, jar http.CookieJar, visits *Visits) (*Response, error) {
	for range maxRedirects {
		resp, err := t.sendTo(ctx, at, r, jar)
		if err != nil || !redirects(resp) {
			return resp, err
		}
		if at, r, err = t.redirected(at, r, resp, visits); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("more than %d redirects", maxRedirects)
}

func redirects(resp *Response) bool {
	return resp.Status >= 300 && resp.Status < 400 && resp.Header.Get("Location") != ""
}

// redirected gives the request that a redirect asks for, and where it goes. RFC 9110 §15.4: 307 and 308 keep method and body.
func (t *Target) redirected(at place, r Request, resp *Response, visits *Visits) (place, Request, error) {
	to, err := at.from(r.Path).Parse(resp.Header.Get("Location"))
	if err != nil {
		return place{}, Request{}, errors.New("a redirect to what is no URL")
	}
	there, ok := t.placeOf(to, visits)
	if !ok {
		return place{}, Request{}, &LeftError{Host: to.Host}
	}
	next := r.Clone()
	next.Path = to.EscapedPath()
	if next.Path == "" {
		next.Path = "/"
	}
	if to.RawQuery != "" {
		next.Path += "?" + to.RawQuery
	}
	if resp.Status != http.StatusTemporaryRedirect && resp.Status != http.StatusPermanentRedirect && r.Method != http.MethodHead {
		next.Method = http.MethodGet
		if next.Socket == nil {
			// What goes over a WebSocket is no body, and is sent once the handshake has succeeded.
			next.Body = nil
			next.Header.Del("Content-Type")
		}
	}
	if *there.base == *at.base {
		return there, next, nil
	}
	if len(next.Body) > 0 || next.Socket != nil {
		return place{}, Request{}, ErrCarried
	}
	// What the one is shown is none of the other's business, whatever the headers are called that hold it.
	next.Header = http.Header{}
	return there, next, nil
}

// ours says whether a URL is on the target, by either of its names. The scheme doesn't matter: behind an edge that ends TLS, an
// app speaks of https and means itself.
func (t *Target) ours(u *url.URL) bool {
	if u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	return strings.EqualFold(u.Host, t.Base.Host) || (t.Host != "" && strings.EqualFold(u.Hostname(), t.Host)) ||
		(t.Host == "" && strings.EqualFold(u.Hostname(), t.Base.Hostname()))
}

// LeftError says that a redirect led away from the target.
type LeftError struct{ Host string }

func (e *LeftError) Error() string {
	return fmt.Sprintf("a redirect leads away from the app, to %q", e.Host)
}

// Step is a compiled HTTPStep.
type Step struct {
	described v1alpha1.HTTPStep
	expect    *Expression
	capture   map[string]*Expression
}

// CompileStep compiles a step. Errors name the field.
func CompileStep(described v1alpha1.HTTPStep) (*Step, error) {
	s := &Step{described: described, capture: map[string]*Expression{}}
	expect := described.Expect
	switch {
	case expect != "":
	case described.Request.WebSocket != nil:
		expect = "response.status == 101"
	default:
		expect = "response.status >= 200 && response.status < 300"
	}
	var err error
	if s.expect, err = Compile(expect, Bool); err != nil {
		return nil, fmt.Errorf("expect: %w", err)
	}
	for name, source := range described.Capture {
		if s.capture[name], err = Compile(source, Text); err != nil {
			return nil, fmt.Errorf("capture.%s: %w", name, err)
		}
	}
	return s, nil
}

// UnexpectedError says that a reply was not what the step expects.
type UnexpectedError struct {
	Method, Path string
	Status       int
	// Why says what was wrong, without any of the reply's content.
	Why string
}

func (e *UnexpectedError) Error() string {
	return fmt.Sprintf("%s %s was answered %d: %s", e.Method, e.Path, e.Status, e.Why)
}

// Run sends the step's request with more headers, and gives what it captured. Redirects are followed within the target where the
// step's expectation does not hold for the redirect itself.
func (s *Step) Run(ctx context.Context, t *Target, jar http.CookieJar, vars Vars, headers http.Header) (Vars, *Response, error) {
	r, err := Prepare(s.described.Request, vars)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	return s.run(ctx, t, t.app(), r, jar, nil)
}

func (s *Step) run(ctx context.Context, t *Target, at place, r Request, jar http.CookieJar, visits *Visits) (Vars, *Response, error) {
	resp, err := t.sendTo(ctx, at, r, jar)
	if err != nil {
		return nil, nil, err
	}
	ok, evalErr := s.expect.Bool(ctx, resp)
	if !ok && redirects(resp) {
		there, next, err := t.redirected(at, r, resp, visits)
		if err != nil {
			return nil, resp, err
		}
		if resp, err = t.follow(ctx, there, next, jar, visits); err != nil {
			return nil, nil, err
		}
		ok, evalErr = s.expect.Bool(ctx, resp)
	}
	if evalErr != nil || !ok {
		return nil, resp, s.unexpected(resp, "expect does not hold")
	}
	captured, err := s.Captured(ctx, resp)
	return captured, resp, err
}

// unexpected says what is wrong with a reply to the step.
func (s *Step) unexpected(resp *Response, why string) error {
	return &UnexpectedError{
		Method: Method(s.described.Request), Path: s.described.Request.Host + string(s.described.Request.Path), Status: resp.Status, Why: why,
	}
}

// Captured takes out of a reply what the step captures.
func (s *Step) Captured(ctx context.Context, resp *Response) (Vars, error) {
	captured := Vars{}
	for name, expression := range s.capture {
		text, err := expression.Text(ctx, resp)
		if err != nil || text == "" {
			return nil, s.unexpected(resp, "capture."+name+" found nothing in the reply")
		}
		captured[name] = text
	}
	return captured, nil
}
