// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

const (
	// maxWait is the longest Retry-After that is waited for.
	maxWait = 10 * time.Second
	// defaultWait is how long to wait where a refusal does not say.
	defaultWait = time.Second
	// maxTraits is how many names of a victim are tried: its tenant's, and what the token says.
	maxTraits = 4
	// maxTries is how often a request is sent that meets a rate limit.
	maxTries = 6
)

// session is what requests carry that makes the app take them for somebody's.
type session struct {
	jar     http.CookieJar
	headers http.Header
}

// person is an identity as the app knows it.
type person struct {
	v1alpha1.Identity
	session
	vars httpstep.Vars
	// traits are what the app may know the person by: the tenant, its id, the user's id, the address.
	traits []string
	// made is what the run made up for an account that it signed up itself; nil for one whose credentials stand in a Secret.
	made map[string]string
	at   *run
}

// credentials are what a person logs in with, under the names by which requests refer to them.
func (p *person) credentials() httpstep.Vars {
	secret := p.made
	if secret == nil {
		secret = p.at.Credentials[p.Name]
	}
	vars := httpstep.Vars{}
	for key, value := range secret {
		vars["credentials."+key] = value
	}
	return vars
}

func (p *person) admin() bool { return p.Role == v1alpha1.RoleAdmin }

func (p *person) String() string { return fmt.Sprintf("%s (tenant %s)", p.Name, p.Tenant) }

// prepare compiles the description and logs everybody in. It says whether there is anything to go on with.
func (r *run) prepare(ctx context.Context) bool {
	if err := r.compileLimited(); err != nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, "spec.app.rateLimited: "+err.Error(), both...)
		return false
	}
	if !r.reachable(ctx) {
		return false
	}
	r.baseline = r.measureBaseline(ctx)
	if !r.describedEnough(ctx) {
		return false
	}
	for _, identity := range r.App.Identities {
		p := &person{Identity: identity, at: r}
		if err := p.login(ctx); err != nil {
			r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
				fmt.Sprintf("%s could not log in: %s. Correct spec.app.login or the Secret %s.", identity.Name, plain(err), identity.CredentialsSecretRef.Name), both...)
			continue
		}
		r.people = append(r.people, p)
	}
	return len(r.people) > 0
}

// compileLimited compiles how a refusal because of too many requests looks.
func (r *run) compileLimited() error {
	limited := r.App.RateLimited
	if limited == "" {
		limited = "response.status == 429"
	}
	var err error
	r.limited, err = httpstep.Compile(limited, httpstep.Bool)
	return err
}

// reachable says whether the app answers at all.
func (r *run) reachable(ctx context.Context) bool {
	if _, err := r.send(ctx, session{}, httpstep.Request{Method: http.MethodGet, Path: "/", Header: http.Header{}}); err != nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonTargetUnreachable,
			fmt.Sprintf("The app did not answer at %s: %s.", r.Target.Base, plain(err)), both...)
		return false
	}
	return true
}

// plain gives an error without addresses that change and without anything that the app said.
func plain(err error) string {
	var unexpected *httpstep.UnexpectedError
	var missing *httpstep.MissingError
	var left *httpstep.LeftError
	var visit *httpstep.VisitError
	var authenticator *httpstep.AuthenticatorError
	switch {
	case errors.As(err, &unexpected):
		return unexpected.Error()
	case errors.As(err, &missing):
		return missing.Error()
	case errors.As(err, &authenticator):
		return authenticator.Error()
	case errors.Is(err, errNoMark):
		return errNoMark.Error()
	case errors.As(err, &left):
		return "a redirect leads away from the app (an identity provider's host belongs into spec.app.login.hosts)"
	case errors.Is(err, errLoginsSpent):
		return errLoginsSpent.Error()
	case errors.Is(err, httpstep.ErrElsewhere):
		return httpstep.ErrElsewhere.Error()
	case errors.Is(err, httpstep.ErrCarried):
		return httpstep.ErrCarried.Error()
	case errors.Is(err, httpstep.ErrNoPath):
		return httpstep.ErrNoPath.Error()
	case errors.Is(err, httpstep.ErrBudgetSpent):
		return "the budget of requests is spent"
	case errors.Is(err, context.DeadlineExceeded):
		return "no reply in time"
	case errors.As(err, &visit):
		return visit.Error()
	default:
		return "the connection failed"
	}
}

// login makes a new session: the steps of the login, and what each request carries from then on.
func (p *person) login(ctx context.Context) error {
	jar, err := newJar()
	if err != nil {
		return err
	}
	return p.loginWith(ctx, jar)
}

// oneTime gives the one-time passwords that a step of the login refers to, for this moment. One that was used is not taken again
// (RFC 6238 §5.2), so that the next is waited for.
func (p *person) oneTime(ctx context.Context, request v1alpha1.HTTPRequest) (httpstep.Vars, error) {
	codes := httpstep.Vars{}
	for _, name := range references(request) {
		key, ok := httpstep.OneTimeKey(name)
		if !ok {
			continue
		}
		secret, ok := p.credentials()["credentials."+key]
		if !ok {
			return nil, &httpstep.MissingError{Name: "credentials." + key}
		}
		authenticator, err := httpstep.NewAuthenticator(key, secret)
		if err != nil {
			return nil, err
		}
		used := p.Name + "/" + key
		probe.Wait(ctx, time.Until(p.at.spentCodes[used]))
		step, left := authenticator.Step(time.Now())
		if left < authenticator.Period()/15 {
			// One that ends while it is under way may come too late.
			probe.Wait(ctx, left)
			step, left = authenticator.Step(time.Now())
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.at.spentCodes[used] = time.Now().Add(left)
		if codes[name], err = authenticator.Code(step); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

func newJar() (http.CookieJar, error) {
	return cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
}

// loginWith logs in with the cookies of a jar.
func (p *person) loginWith(ctx context.Context, jar http.CookieJar) error {
	vars := p.credentials()
	if login := p.at.App.Login; login != nil {
		if err := p.at.spendLogin(); err != nil {
			return err
		}
		for i, described := range login.Steps {
			step, err := httpstep.CompileStep(described)
			if err != nil {
				return fmt.Errorf("step %d: %w", i, err)
			}
			codes, err := p.oneTime(ctx, described.Request)
			if err != nil {
				return err
			}
			captured, err := p.at.runLogin(ctx, step, jar, vars.With(codes))
			if err != nil {
				return err
			}
			vars = vars.With(captured)
		}
	}
	return p.carry(jar, vars)
}

// carry begins a session of a jar and of what was captured.
func (p *person) carry(jar http.CookieJar, vars httpstep.Vars) error {
	headers := http.Header{}
	if authenticate := p.at.App.Authenticate; authenticate != nil {
		if err := httpstep.SetHeaders(headers, authenticate.Headers, vars); err != nil {
			return err
		}
	}
	p.session, p.vars = session{jar: jar, headers: headers}, vars
	p.traits = p.knownBy()
	return nil
}

// runStep runs a step, again where it meets a rate limit.
func (r *run) runStep(ctx context.Context, step *httpstep.Step, jar http.CookieJar, vars httpstep.Vars, headers http.Header) (httpstep.Vars, error) {
	return r.again(ctx, func() (httpstep.Vars, *httpstep.Response, error) { return step.Run(ctx, r.Target, jar, vars, headers) })
}

// again runs a step until it meets no rate limit.
func (r *run) again(ctx context.Context, step func() (httpstep.Vars, *httpstep.Response, error)) (httpstep.Vars, error) {
	var err error
	for range maxTries {
		var captured httpstep.Vars
		var resp *httpstep.Response
		captured, resp, err = step()
		if err == nil || resp == nil || !r.refusedByRate(ctx, resp) {
			return captured, err
		}
		probe.Wait(ctx, retryAfter(resp))
	}
	return nil, err
}

// send sends a request in a session, again where it meets a rate limit.
func (r *run) send(ctx context.Context, s session, request httpstep.Request) (*httpstep.Response, error) {
	request = request.Clone()
	for name, values := range s.headers {
		if _, own := request.Header[name]; !own {
			request.Header[name] = values
		}
	}
	r.addCookie(s, request)
	for try := 1; ; try++ {
		resp, err := r.Target.Send(ctx, request, s.jar)
		if err != nil || !r.refusedByRate(ctx, resp) {
			return resp, err
		}
		r.workers.Store(1)
		if try == maxTries {
			return nil, errRateLimited
		}
		probe.Wait(ctx, retryAfter(resp))
	}
}

// addCookie sends the cookie of an attempt beside those of the session.
func (r *run) addCookie(s session, request httpstep.Request) {
	extra := request.Header.Get(extraCookie)
	if extra == "" {
		return
	}
	request.Header.Del(extraCookie)
	all := []string{}
	for name, value := range s.cookies(r.Target) {
		all = append(all, name+"="+value)
	}
	request.Header.Set("Cookie", strings.Join(append(all, extra), "; "))
}

var errRateLimited = errors.New("rate limited")

func (r *run) refusedByRate(ctx context.Context, resp *httpstep.Response) bool {
	limited, err := r.limited.Bool(ctx, resp)
	return err == nil && limited
}

// retryAfter says how long a refusal asks to wait. RFC 9110 §10.2.3.
func retryAfter(resp *httpstep.Response) time.Duration {
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		return min(time.Duration(seconds)*time.Second+10*time.Millisecond, maxWait)
	}
	return defaultWait
}

// cookies are those of the session, by name.
func (s session) cookies(t *httpstep.Target) map[string]string {
	found := map[string]string{}
	if s.jar == nil {
		return found
	}
	host := t.Base.Hostname()
	if t.Host != "" {
		host = t.Host
	}
	for _, c := range s.jar.Cookies(&url.URL{Scheme: "https", Host: host, Path: "/"}) {
		found[c.Name] = c.Value
	}
	return found
}

// knownBy gives what the app may know the person by. The names of claims are those of RFC 7519, OpenID Connect and what
// identity providers use for tenants.
func (p *person) knownBy() (found []string) {
	found = []string{p.Tenant}
	add := func(name, value string) {
		if value != "" && len(value) <= 128 && identifying.MatchString(name) && !slices.Contains(found, value) {
			found = append(found, value)
		}
	}
	defer func() { found = found[:min(len(found), maxTraits)] }()
	for _, token := range p.tokens() {
		for name, value := range token.claims {
			add(name, scalar(value))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.vars)) {
		if name, ok := strings.CutPrefix(key, "credentials."); !ok || name == "email" || name == "username" {
			add(strings.TrimPrefix(key, "credentials."), p.vars[key])
		}
	}
	return found
}

var identifying = regexp.MustCompile(`(?i)^(sub|email|user(_?name|_?id)?|uid|owner(_?id)?|tid|tenant(_?id)?|org(anization)?(_?id)?|account(_?id)?|workspace(_?id)?|team(_?id)?|company(_?id)?|https?://.*)$`)

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return ""
	}
}
