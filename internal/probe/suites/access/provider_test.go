// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/suites/access"
)

// provider is an identity provider on a host of its own. It keeps a strict eye on who asks it for what.
type provider struct {
	core *core
	key  []byte

	mu sync.Mutex
	// flows are the pages that were given out: what each is to be answered with, and where it leads then.
	flows map[string]flow
	// codes and refreshes are whose they are.
	codes, refreshes map[string]*user
	logins           int
	// wrong is what nobody who only logs in would have asked.
	wrong []string
	// slow answers 429 to each login.
	busy bool
}

type flow struct{ cookie, hidden, redirect, state string }

func newProvider(c *core) *provider {
	return &provider{core: c, key: []byte(rand.Text()), flows: map[string]flow{}, codes: map[string]*user{}, refreshes: map[string]*user{}}
}

func (p *provider) user(name, password string) *user {
	for _, u := range p.core.users {
		if u.name == name && u.password == password {
			return u
		}
	}
	return nil
}

// token gives a token of somebody, signed by the provider.
func (p *provider) token(u *user) string {
	part := func(v any) string {
		data, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	input := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + part(map[string]any{"sub": u.name, "jti": rand.Text(), "iss": "https://idp.example.com"})
	return input + "." + p.sign(input)
}

func (p *provider) sign(input string) string {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(input))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = r.ParseForm()
	no := func(why string) {
		p.wrong = append(p.wrong, fmt.Sprintf("%s %s: %s", r.Method, r.RequestURI, why))
		w.WriteHeader(http.StatusBadRequest)
	}
	sso, _ := r.Cookie("sso")
	for _, c := range r.Cookies() {
		if c.Name != "sso" {
			no("the cookie " + c.Name)
			return
		}
	}
	if r.Header.Get("Authorization") != "" || r.Host != "idp.example.com" || r.Header.Get(httpstep.ProbeHeader) == "" || r.Header.Get("User-Agent") != "LaunchReady/test" {
		no(fmt.Sprintf("the headers %v", r.Header))
		return
	}
	if p.busy {
		p.logins++
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /authorize":
		p.authorize(w, r)
	case "POST /signin":
		f, ok := p.flows[r.URL.Query().Get("flow")]
		u := p.user(r.PostForm.Get("user"), r.PostForm.Get("password"))
		if !ok || sso == nil || sso.Value != f.cookie || r.PostForm.Get("hidden") != f.hidden || u == nil {
			no("no good answer to a page")
			return
		}
		p.logins++
		delete(p.flows, r.URL.Query().Get("flow"))
		code := rand.Text()
		p.codes[code] = u
		http.Redirect(w, r, f.redirect+"?"+url.Values{"code": {code}, "state": {f.state}}.Encode(), http.StatusFound)
	case "POST /token":
		u := p.user(r.PostForm.Get("user"), r.PostForm.Get("password"))
		if again := r.PostForm.Get("refresh_token"); again != "" {
			u = p.refreshes[again]
		}
		if u == nil {
			no("nobody's credentials")
			return
		}
		p.logins++
		again := rand.Text()
		p.refreshes[again] = u
		giveJSON(w, http.StatusOK, map[string]any{"access_token": p.token(u), "refresh_token": again})
	default:
		no("no part of a login")
	}
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	id, q := rand.Text(), r.URL.Query()
	f := flow{cookie: rand.Text(), hidden: rand.Text() + "&=", redirect: q.Get("redirect_uri"), state: q.Get("state")}
	p.flows[id] = f
	http.SetCookie(w, &http.Cookie{Name: "sso", Value: f.cookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	w.Header().Set("Content-Type", "text/html")
	_, _ = fmt.Fprintf(w, `<form method="post" action="/signin?flow=%s"><input type="hidden" name="hidden" value="%s"><input name="user"><input type="password" name="password"></form>`,
		id, strings.ReplaceAll(f.hidden, "&", "&amp;"))
}

// federated is a rest app that leaves logins to a provider: it takes its codes and its tokens.
type federated struct {
	*rest
	idp *provider

	mu sync.Mutex
	// sessions are the rest app's tokens, by the cookie or the token that a request carries; "" for one that has ended.
	sessions map[string]string
	uses     map[string]int
	// trusting takes tokens without a look at their signature; adopting goes on with a session that was there before the login;
	// counting gives sessions numbers.
	trusting, adopting, counting bool
	// lasts is how many requests a session is good for; 0 for any number.
	lasts int
	// pins are asked for after the login, and looked at if strict: cleared are the sessions that gave one.
	pins, strict bool
	cleared      map[string]bool
}

func newFederated() *federated {
	c := newCore()
	return &federated{rest: &rest{core: c}, idp: newProvider(c), sessions: map[string]string{}, uses: map[string]int{}, cleared: map[string]bool{}}
}

const federatedHosts = `
  hosts: [idp.example.com]
`

var (
	byCode = strings.NewReplacer(`login: {steps: [{request: {method: POST, path: /login, json: {user: $(credentials.user), password: $(credentials.password)}}, capture: {token: response.json.token}}]}`,
		`login:`+federatedHosts+`  steps:
  - request: {path: /login}
    capture: {action: response.formAction, hidden: response.form.hidden}
  - request: {method: POST, host: idp.example.com, path: $(action), form: {hidden: $(hidden), user: $(credentials.user), password: $(credentials.password)}}
    expect: '!response.url.startsWith("https://idp.example.com/")'`,
		"authenticate: {headers: {Authorization: Bearer $(token)}}\n", "").Replace(restDescription)
	byPassword = strings.Replace(restDescription, `login: {steps: [{request: {method: POST, path: /login, json: {user: $(credentials.user), password: $(credentials.password)}}, capture: {token: response.json.token}}]}`,
		`login:`+federatedHosts+`  steps:
  - request: {method: POST, host: idp.example.com, path: /token, form: {user: $(credentials.user), password: $(credentials.password)}}
    capture: {token: response.json.access_token, again: response.json.refresh_token}`, 1)
	byPIN = strings.Replace(byCode, "logout:", `  - request: {method: POST, path: /pin, form: {pin: $(credentials.pin)}}
logout:`, 1)
	byRefresh = strings.Replace(byPassword, "authenticate:", `  refresh: {request: {method: POST, host: idp.example.com, path: /token, form: {refresh_token: $(again)}}, capture: {token: response.json.access_token, again: response.json.refresh_token}}
authenticate:`, 1)
)

func (a *federated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/login":
		state := rand.Text()
		http.SetCookie(w, &http.Cookie{Name: "state", Value: state, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, "https://idp.example.com/authorize?"+url.Values{"redirect_uri": {"https://app.example.com/callback"}, "state": {state}}.Encode(), http.StatusFound)
	case "/callback":
		a.callback(w, r)
	case "/pin":
		a.takePIN(w, r)
	default:
		session, key := a.session(r)
		if r.URL.Path == "/logout" {
			a.mu.Lock()
			a.sessions[key] = ""
			a.mu.Unlock()
		}
		r.Header.Set("Authorization", "Bearer "+session)
		a.rest.ServeHTTP(w, r)
	}
}

// begin begins a session of somebody.
func (a *federated) begin(key string, u *user) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, had := a.sessions[key]; !had {
		a.sessions[key], _ = a.core.login(u.name, u.password)
	}
}

func (a *federated) callback(w http.ResponseWriter, r *http.Request) {
	state, err := r.Cookie("state")
	a.idp.mu.Lock()
	code := r.URL.Query().Get("code")
	u := a.idp.codes[code]
	delete(a.idp.codes, code)
	a.idp.mu.Unlock()
	if err != nil || state.Value != r.URL.Query().Get("state") || u == nil {
		giveJSON(w, http.StatusForbidden, nil)
		return
	}
	key := rand.Text()
	if a.counting {
		a.mu.Lock()
		key = fmt.Sprint(4_000_000_017 + len(a.sessions))
		a.mu.Unlock()
	}
	if c, err := r.Cookie("sid"); err == nil && a.adopting {
		key = c.Value
	}
	a.begin(key, u)
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: key, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// takePIN asks for what the app itself knows of somebody, besides what the provider does.
func (a *federated) takePIN(w http.ResponseWriter, r *http.Request) {
	pin := r.PostFormValue("pin")
	_, key := a.session(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.who(a.sessions[key])
	if u == nil || (a.strict && pin != "pin-of-"+u.name) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	a.cleared[key] = true
}

// session gives the rest app's token for what a request carries.
func (a *federated) session(r *http.Request) (session, key string) {
	if c, err := r.Cookie("sid"); err == nil {
		key = c.Value
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if parts := strings.Split(token, "."); len(parts) == 3 && (a.trusting || a.idp.sign(parts[0]+"."+parts[1]) == parts[2]) {
		var claims struct{ Sub, JTI string }
		data, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(data, &claims)
		for _, u := range a.core.users {
			if u.name == claims.Sub {
				key = claims.JTI
				a.begin(key, u)
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.uses[key]++
	if (a.lasts > 0 && a.uses[key] > a.lasts) || (a.pins && !a.cleared[key]) {
		return "", key
	}
	return a.sessions[key], key
}

// federate runs the suite with a provider, and sees that nobody but who logs in came to it.
func (a *federated) federate(t *testing.T, description string) *measured {
	t.Helper()
	server := httptest.NewTLSServer(a.idp)
	t.Cleanup(server.Close)
	m := measureBy(t, a.core, a, description, func(o *access.Options) {
		for name, keys := range o.Credentials {
			keys["pin"] = "pin-of-" + name
		}
		o.Target.Visits = httpstep.NewVisits(o.App.Login.Hosts, server.Client().Transport)
	})
	if len(a.idp.wrong) > 0 {
		t.Errorf("the provider was asked %q", a.idp.wrong)
	}
	if a.idp.logins == 0 || a.idp.logins > 32 {
		t.Errorf("the provider saw %d logins", a.idp.logins)
	}
	return m
}

func TestAppsWithAnIdentityProvider(t *testing.T) {
	const untouched = "What identities log in with is judged by idp.example.com, which is not attacked: nothing was changed in it."
	for _, c := range []struct {
		name, description string
		with              func(*federated)
		verdict           v1alpha1.Verdict
		saying            string
		// most is how many logins are enough.
		most int
	}{
		{"by a code", byCode, func(*federated) {}, pass, untouched, 8},
		{"by a password", byPassword, func(*federated) {}, pass, untouched, 7},
		{"by a refresh token", byRefresh, func(*federated) {}, pass, "Sessions are refreshed by idp.example.com, which is not attacked", 9},
		{"whose tokens need no signature", byPassword, func(a *federated) { a.trusting = true }, fail, "ForgedTokenAccepted at GET /notes/$(id) as ", 7},
		{"with a session from before the login", byCode, func(a *federated) { a.adopting = true }, fail, "SessionFixation at GET /notes/$(id) as ", 8},
		{"with sessions that are counted", byCode, func(a *federated) { a.counting = true }, fail, "PredictableSession at GET /notes/$(id) as ", 8},
		{"and a PIN of the app's own", byPIN, func(a *federated) { a.pins, a.strict = true, true }, pass, untouched, 9},
		{"and a PIN of the app's own that nobody looks at", byPIN, func(a *federated) { a.pins = true }, fail, "LoginWithoutPassword at POST /pin as nobody, with a changed pin", 9},
		{"with sessions that end at once", byCode, func(a *federated) { a.lasts = 6 }, unknown, "", 32},
		{"that is busy", byPassword, func(a *federated) { a.idp.busy = true }, unknown, "POST idp.example.com/token was answered 429: expect does not hold", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := newFederated()
			c.with(app)
			m := app.federate(t, c.description)
			m.wants(t, auth, c.verdict, c.saying)
			if c.verdict != unknown {
				m.wants(t, tenants, pass, "")
			}
			if app.idp.logins > c.most {
				t.Errorf("%d logins", app.idp.logins)
			}
			t.Logf("%d logins", app.idp.logins)
		})
	}
}

// What goes wrong on the way to a provider is told without a word of what others sent.
func TestAProviderThatCanNotBeReached(t *testing.T) {
	for _, c := range []struct{ name, description, saying string }{
		{"for its address", byPassword, "alice could not log in: idp.example.com could not be reached: it has to answer by HTTPS"},
		{
			"by a redirect, for its name", strings.ReplaceAll(strings.Replace(byCode, "[idp.example.com]", "[id.example.com]", 1), "host: idp.", "host: id."),
			"alice could not log in: a redirect leads away from the app (an identity provider's host belongs into spec.app.login.hosts)",
		},
		{"for what was captured", strings.Replace(byCode, "response.formAction", "response.url", 1), "alice could not log in: what was captured is no path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			app := newFederated()
			server := httptest.NewTLSServer(app.idp)
			t.Cleanup(server.Close)
			m := measureBy(t, app.core, app, c.description, func(o *access.Options) {
				transport := server.Client().Transport
				if c.description == byPassword {
					transport = unreachable{}
				}
				o.Target.Visits = httpstep.NewVisits(o.App.Login.Hosts, transport)
			})
			m.wants(t, auth, unknown, c.saying)
			m.wants(t, tenants, unknown, c.saying)
		})
	}
}

type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("the address is refused")
}

// Where the app itself is named as provider, it is attacked as any other: to say so is no way out.
func TestAnAppThatIsItsOwnProviderIsAttacked(t *testing.T) {
	app := &rest{core: newCore()}
	careless := between(app, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/login" {
			return false
		}
		var body struct{ User string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		i := slices.IndexFunc(app.users, func(u *user) bool { return u.name == body.User })
		if i < 0 {
			return false
		}
		token, _ := app.login(app.users[i].name, app.users[i].password)
		giveJSON(w, http.StatusOK, map[string]any{"token": token})
		return true
	})
	description := strings.Replace(restDescription, "{steps: [{request: {", "{hosts: [app.example.com], steps: [{request: {host: app.example.com, ", 1)
	m := measureBy(t, app.core, careless, description, func(*access.Options) {})
	m.wants(t, auth, fail, "LoginWithoutPassword at POST /login as nobody")
}
