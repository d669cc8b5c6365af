// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// heard is a request as a server saw it.
type heard struct {
	Method, Host, URI, Cookie, Body string
	Headers                         http.Header
}

// ear is a server, and what it heard.
type ear struct {
	server *httptest.Server
	heard  []heard
}

// newEar listens, by TLS for a provider: its certificate is for *.example.com, and its client dials it by such names.
func newEar(t *testing.T, tls bool, answer http.HandlerFunc) *ear {
	t.Helper()
	e := &ear{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		e.heard = append(e.heard, heard{Method: r.Method, Host: r.Host, URI: r.RequestURI, Cookie: r.Header.Get("Cookie"), Body: r.PostForm.Encode(), Headers: r.Header})
		answer(w, r)
	})
	if tls {
		e.server = httptest.NewTLSServer(handler)
	} else {
		e.server = httptest.NewServer(handler)
	}
	t.Cleanup(e.server.Close)
	return e
}

// asked gives method, host and URI of what was heard.
func (e *ear) asked() (all []string) {
	for _, h := range e.heard {
		all = append(all, h.Method+" "+h.Host+h.URI)
	}
	return all
}

func visiting(t *testing.T, app, provider *ear) *httpstep.Target {
	t.Helper()
	base, err := url.Parse(app.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &httpstep.Target{
		Base: base, Host: "chat.example.com", Transport: app.server.Client().Transport, Timeout: 5 * time.Second,
		UserAgent: "LaunchReady/test", Run: "shop/chat", Budget: httpstep.NewBudget(1000),
		Visits: httpstep.NewVisits([]v1alpha1.PublicHost{"idp.example.com"}, provider.server.Client().Transport),
	}
}

func newCookies(t *testing.T) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar
}

func steps(t *testing.T, text string) (all []*httpstep.Step) {
	t.Helper()
	var described []v1alpha1.HTTPStep
	if err := yaml.UnmarshalStrict([]byte(text), &described); err != nil {
		t.Fatal(err)
	}
	for _, d := range described {
		step, err := httpstep.CompileStep(d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, step)
	}
	return all
}

const page = `<html><form action="/search"><input name="q"></form>
<form method="post" action="authenticate?session_code=a%2Fb&amp;tab=1"><input type=hidden name="execution" value="e&amp;1">
<input name="username"><input type="password" name="password"><input type="checkbox" name="remember"><input type=checkbox name=terms checked>
<input type="submit" name="login" value="Sign in"></form></html>`

// codeFlow is an app that logs in by an authorization code, and its provider.
func codeFlow(t *testing.T) (app, provider *ear) {
	t.Helper()
	app = newEar(t, false, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			http.SetCookie(w, &http.Cookie{Name: "state", Value: "s-of-app", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(w, r, "https://idp.example.com/realms/x/login?client_id=chat&state=s-of-app", http.StatusFound)
		case "/callback":
			if c, err := r.Cookie("state"); err != nil || c.Value != r.URL.Query().Get("state") || r.URL.Query().Get("code") != "c-1" {
				http.Error(w, "no", http.StatusBadRequest)
				return
			}
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "s-1", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			_, _ = fmt.Fprint(w, "welcome")
		}
	})
	provider = newEar(t, true, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/realms/x/login":
			http.SetCookie(w, &http.Cookie{Name: "sso", Value: "s-of-idp", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, page)
		case "/realms/x/authenticate":
			c, err := r.Cookie("sso")
			if err != nil || c.Value != "s-of-idp" || r.FormValue("execution") != "e&1" || r.FormValue("password") != "pw/1" || r.URL.Query().Get("session_code") != "a/b" {
				_, _ = fmt.Fprint(w, page)
				return
			}
			http.Redirect(w, r, "https://chat.example.com/callback?code=c-1&state=s-of-app", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	})
	return app, provider
}

const codeFlowSteps = `
- request: {path: /login, headers: {X-Tenant: acme}}
  capture: {action: response.formAction, execution: response.form.execution}
- request: {method: POST, host: idp.example.com, path: $(action), form: {execution: $(execution), username: $(credentials.email), password: $(credentials.password)}}
  expect: '!response.url.startsWith("https://idp.example.com/")'
  capture: {greeting: response.text, at: response.url}
`

func TestALoginGoesToTheProviderAndBack(t *testing.T) {
	app, provider := codeFlow(t)
	target, jar := visiting(t, app, provider), newCookies(t)
	vars := httpstep.Vars{"credentials.email": "alice@example.com", "credentials.password": "pw/1"}
	for i, step := range steps(t, codeFlowSteps) {
		captured, _, err := step.LogIn(t.Context(), target, jar, vars)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		vars = vars.With(captured)
	}
	if vars["greeting"] != "welcome" || vars["at"] != app.server.URL+"/" {
		t.Errorf("%q at %q", vars["greeting"], vars["at"])
	}
	want := []string{"GET idp.example.com/realms/x/login?client_id=chat&state=s-of-app", "POST idp.example.com/realms/x/authenticate?session_code=a%2Fb&tab=1"}
	if diff := cmp.Diff(want, provider.asked()); diff != "" {
		t.Errorf("the provider heard (-want +got):\n%s", diff)
	}
	for _, h := range provider.heard {
		if strings.Contains(h.Cookie, "of-app") || strings.Contains(h.Cookie, "session") || h.Headers.Get("X-Tenant") != "" {
			t.Errorf("the provider got what is the app's: %+v", h)
		}
		if h.Headers.Get("User-Agent") != "LaunchReady/test" || h.Headers.Get(httpstep.ProbeHeader) != "shop/chat" {
			t.Errorf("the provider can't tell who came: %v", h.Headers)
		}
	}
	want = []string{"GET chat.example.com/login", "GET chat.example.com/callback?code=c-1&state=s-of-app", "GET chat.example.com/"}
	if diff := cmp.Diff(want, app.asked()); diff != "" {
		t.Errorf("the app heard (-want +got):\n%s", diff)
	}
	for _, h := range app.heard {
		if strings.Contains(h.Cookie, "of-idp") {
			t.Errorf("the app got what is the provider's: %+v", h)
		}
	}
	if got := target.Budget.Spent(); got != 5 {
		t.Errorf("%d requests were counted", got)
	}
}

// What is no login never leaves the app, whatever it is answered.
func TestNothingButALoginGoesToTheProvider(t *testing.T) {
	app, provider := codeFlow(t)
	target := visiting(t, app, provider)
	login := httpstep.Request{Method: http.MethodGet, Path: "/login", Header: http.Header{}}
	var left *httpstep.LeftError
	if _, err := target.Follow(t.Context(), login, nil); !errors.As(err, &left) || left.Host != "idp.example.com" {
		t.Errorf("Follow: %v", err)
	}
	if resp, err := target.Send(t.Context(), login, nil); err != nil || resp.Status != http.StatusFound {
		t.Errorf("Send: %v, %v", resp, err)
	}
	all := steps(t, codeFlowSteps)
	if _, _, err := all[0].Run(t.Context(), target, nil, nil, nil); !errors.As(err, &left) {
		t.Errorf("Run: %v", err)
	}
	vars := httpstep.Vars{"action": "/realms/x/login", "execution": "", "credentials.email": "", "credentials.password": ""}
	if _, _, err := all[1].Run(t.Context(), target, nil, vars, nil); !errors.Is(err, httpstep.ErrElsewhere) {
		t.Errorf("Run of a step to the provider: %v", err)
	}
	if _, err := httpstep.Prepare(v1alpha1.HTTPRequest{Host: "idp.example.com", Path: "/"}, nil); !errors.Is(err, httpstep.ErrElsewhere) {
		t.Errorf("Prepare: %v", err)
	}
	target.Visits = nil
	if _, _, err := all[0].LogIn(t.Context(), target, nil, nil); !errors.As(err, &left) {
		t.Errorf("LogIn without hosts: %v", err)
	}
	if _, _, err := all[1].LogIn(t.Context(), target, nil, vars); !errors.As(err, &left) {
		t.Errorf("LogIn to a host that is not named: %v", err)
	}
	if len(provider.heard) > 0 {
		t.Errorf("the provider heard %v", provider.asked())
	}
}

func TestRedirectsOfALogin(t *testing.T) {
	for _, c := range []struct {
		name, to string
		status   int
		// heard says that the provider is asked.
		heard bool
		wrong error
		left  bool
	}{
		{name: "to the provider", to: "https://idp.example.com/x", status: 303, heard: true},
		{name: "to the provider's port by number", to: "https://IDP.example.com:443/x", status: 303, heard: true},
		{name: "to the provider without TLS", to: "http://idp.example.com/x", status: 303, left: true},
		{name: "to another port of the provider", to: "https://idp.example.com:8443/x", status: 303, left: true},
		{name: "to a neighbour of the provider", to: "https://evil.idp.example.com/x", status: 303, left: true},
		{name: "with a user before the provider", to: "https://chat.example.com@idp.example.com/x", status: 303, left: true},
		{name: "with the body", to: "https://idp.example.com/x", status: 307, wrong: httpstep.ErrCarried},
		{name: "with the body for good", to: "https://idp.example.com/x", status: 308, wrong: httpstep.ErrCarried},
	} {
		t.Run(c.name, func(t *testing.T) {
			provider := newEar(t, true, func(http.ResponseWriter, *http.Request) {})
			app := newEar(t, false, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", c.to)
				w.WriteHeader(c.status)
			})
			step := steps(t, `[{request: {method: POST, path: /login, headers: {Authorization: Bearer $(token)}, form: {password: $(token)}}}]`)[0]
			_, _, err := step.LogIn(t.Context(), visiting(t, app, provider), newCookies(t), httpstep.Vars{"token": "t-1"})
			var left *httpstep.LeftError
			if errors.As(err, &left) != c.left || (c.wrong != nil && !errors.Is(err, c.wrong)) || (err != nil && !c.left && c.wrong == nil) {
				t.Errorf("%v", err)
			}
			if (len(provider.heard) > 0) != c.heard {
				t.Errorf("the provider heard %v", provider.asked())
			}
			for _, h := range provider.heard {
				if h.Headers.Get("Authorization") != "" || h.Body != "" || h.Method != http.MethodGet {
					t.Errorf("the provider got what is the app's: %+v", h)
				}
			}
		})
	}
}

func TestAProviderOnAPortOfItsOwn(t *testing.T) {
	provider := newEar(t, true, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			http.Redirect(w, r, "/token", http.StatusFound)
			return
		}
		_, _ = fmt.Fprint(w, `{"access_token":"t-1"}`)
	})
	app := newEar(t, false, func(http.ResponseWriter, *http.Request) {})
	target := visiting(t, app, provider)
	host := strings.TrimPrefix(provider.server.URL, "https://")
	target.Visits = httpstep.NewVisits([]v1alpha1.PublicHost{v1alpha1.PublicHost(host)}, provider.server.Client().Transport)
	step := steps(t, `[{request: {host: "`+host+`", path: /first}, capture: {token: response.json.access_token, at: response.url}}]`)[0]
	captured, _, err := step.LogIn(t.Context(), target, newCookies(t), nil)
	if err != nil || captured["token"] != "t-1" || captured["at"] != provider.server.URL+"/token" {
		t.Errorf("%v, %v", captured, err)
	}
	if len(app.heard) > 0 {
		t.Errorf("the app heard %v", app.asked())
	}
}

// A description that takes the app itself for its provider would keep it from being attacked.
func TestTheAppIsNoProviderOfItsOwn(t *testing.T) {
	provider := newEar(t, true, func(http.ResponseWriter, *http.Request) {})
	app := newEar(t, false, func(http.ResponseWriter, *http.Request) {})
	target := visiting(t, app, provider)
	target.Visits = httpstep.NewVisits([]v1alpha1.PublicHost{"chat.example.com", "idp.example.com"}, provider.server.Client().Transport)
	text := `[{request: {host: chat.example.com, path: /a}}, {request: {host: "chat.example.com:443", path: /b}}, {request: {host: idp.example.com, path: /c}}]`
	for _, step := range steps(t, text) {
		if _, _, err := step.LogIn(t.Context(), target, nil, nil); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(app.asked(), []string{"GET chat.example.com/a", "GET chat.example.com/b"}) || !slices.Equal(provider.asked(), []string{"GET idp.example.com/c"}) {
		t.Errorf("the app heard %v, the provider %v", app.asked(), provider.asked())
	}
	described := &v1alpha1.App{Login: &v1alpha1.Login{Hosts: []v1alpha1.PublicHost{"chat.example.com:443", "idp.example.com"}}}
	if err := yaml.UnmarshalStrict([]byte(text), &described.Login.Steps); err != nil {
		t.Fatal(err)
	}
	described.Login.Refresh = described.Login.Steps[0].DeepCopy()
	home := target.AtHome(described)
	hosts := []string{home.Login.Refresh.Request.Host}
	for _, step := range home.Login.Steps {
		hosts = append(hosts, step.Request.Host)
	}
	if diff := cmp.Diff([]string{"", "", "", "idp.example.com"}, hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]v1alpha1.PublicHost{"idp.example.com"}, home.Login.Hosts); diff != "" {
		t.Errorf("providers (-want +got):\n%s", diff)
	}
	if described.Login.Steps[0].Request.Host == "" || len(described.Login.Hosts) != 2 {
		t.Error("the description itself was changed")
	}
}

func TestAProviderWithoutAGoodCertificate(t *testing.T) {
	provider := newEar(t, true, func(http.ResponseWriter, *http.Request) {})
	app := newEar(t, false, func(http.ResponseWriter, *http.Request) {})
	target := visiting(t, app, provider)
	host := strings.TrimPrefix(provider.server.URL, "https://")
	target.Visits = httpstep.NewVisits([]v1alpha1.PublicHost{v1alpha1.PublicHost(host)}, &http.Transport{})
	var visit *httpstep.VisitError
	_, _, err := steps(t, `[{request: {host: "`+host+`", path: /}}]`)[0].LogIn(t.Context(), target, nil, nil)
	if !errors.As(err, &visit) || visit.Host != host || len(provider.heard) > 0 {
		t.Errorf("%v, and the provider heard %v", err, provider.asked())
	}
}

func TestFormsOfAPage(t *testing.T) {
	const at = "https://idp.example.com/realms/x/login?tab=1"
	for _, c := range []struct {
		name, body string
		fields     map[string]string
		action     string
	}{
		{"with a password", page, map[string]string{"execution": "e&1", "username": "", "password": "", "terms": "on"}, "/realms/x/authenticate?session_code=a%2Fb&tab=1"},
		{"without one", `<form action="https://chat.example.com/callback" method=post><input type="hidden" name="code" value="c"/></form><form><input name=b></form>`, map[string]string{"code": "c"}, "/callback"},
		{"without an action", `<FORM><INPUT NAME=a VALUE="1" disabled><input name=b value=2></FORM><input name=c value=3>`, map[string]string{"b": "2"}, "/realms/x/login?tab=1"},
		{"with an action that is no URL", `<form action="https://[">`, map[string]string{}, ""},
		{"with nothing but a host", `<form action="https://idp.example.com">`, map[string]string{}, "/"},
		{"none", `{"a": 1}`, map[string]string{}, ""},
	} {
		r := &httpstep.Response{Status: 200, Body: []byte(c.body), URL: at}
		if diff := cmp.Diff(c.fields, r.Form()); diff != "" || r.FormAction() != c.action {
			t.Errorf("%s: to %q (-want +got):\n%s", c.name, r.FormAction(), diff)
		}
	}
}

func TestAWholePathThatWasCaptured(t *testing.T) {
	for captured, want := range map[string]string{
		"/a/b?c=d%2Fe":             "/a/b?c=d%2Fe&more=1+2",
		"/a%20b":                   "/a%20b?more=1+2",
		"//evil.example.com/":      "",
		"https://evil.example.com": "",
		"a":                        "",
		"":                         "",
		"/a b":                     "",
		"/a\r\nHost: x":            "",
		"/\\evil.example.com":      "",
		"/a#b":                     "",
	} {
		r, err := httpstep.Prepare(v1alpha1.HTTPRequest{Path: "$(action)", Query: map[string]v1alpha1.HeaderValue{"more": "1 2"}}, httpstep.Vars{"action": captured})
		if r.Path != want || (want == "") != errors.Is(err, httpstep.ErrNoPath) {
			t.Errorf("%q: %q, %v", captured, r.Path, err)
		}
	}
}

const providerDescription = `
login:
  hosts: [idp.example.com]
  steps:
  - request: {path: /login}
    capture: {action: response.formAction, again: response.form.again}
  - request: {method: POST, host: idp.example.com, path: $(action), form: {password: $(credentials.password)}}
    capture: {token: response.json.token}
  refresh:
    request: {method: POST, host: idp.example.com, path: /token, form: {again: $(again)}}
    capture: {token: response.json.token}
authenticate: {headers: {Authorization: Bearer $(token)}}
logout: {request: {path: /logout}}
adminPaths: [/admin]
`

func TestADescriptionOfAProviderIsValidated(t *testing.T) {
	for _, c := range []struct{ old, with, want string }{
		{old: "hosts: [idp.example.com]", with: "hosts: [idp.example.org]", want: `spec.app.login.steps[1].request.host: Invalid value: "idp.example.com": login.hosts does not name it`},
		{old: "/token, form", with: "/token, webSocket: {send: [{text: a}]}, form", want: "spec.app.login.refresh.request.host: Forbidden: a WebSocket is opened to the app"},
		{old: "{path: /logout}", with: "{path: /logout, host: idp.example.com}", want: "spec.app.logout.request.host: Forbidden: only login.steps and login.refresh may go to another host"},
		{old: "{path: /logout}", with: "{path: $(action)}", want: `spec.app.logout.request.path: Invalid value: "$(action)": only a step of login may have a whole path captured`},
		{old: "[/admin]", with: "[$(action)]", want: `spec.app.adminPaths[0]: Invalid value: "$(action)": only a step of login`},
		{old: "response.form.again", with: "response.fom.again", want: `spec.app.login.steps[0].capture[again]: Invalid value: "response.fom.again": line 1, column 9: undefined field 'fom'`},
		{old: "path: $(action)", with: "path: $(axtion)", want: "$(axtion) stands for nothing here"},
		{old: "", with: "", want: ""},
	} {
		app := &v1alpha1.App{}
		if err := yaml.UnmarshalStrict([]byte(strings.Replace(providerDescription, c.old, c.with, 1)), app); err != nil {
			t.Fatalf("%s: %v", c.with, err)
		}
		got := ""
		if errs := httpstep.Validate(app, field.NewPath("spec", "app")); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if !strings.Contains(got, c.want) || (c.want == "" && got != "") {
			t.Errorf("%s: %s\nwant %s", c.with, got, c.want)
		}
	}
}
