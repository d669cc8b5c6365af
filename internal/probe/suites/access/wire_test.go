// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/launchready/launchready/api/v1alpha1"
)

// renewing is a rest app whose sessions go on by refresh tokens.
type renewing struct {
	*rest
	mu        sync.Mutex
	refreshes map[string]*user
	// bySession gives the refresh token that came with a token.
	bySession map[string]string
	uses      map[string]int
	renewed   int
	// revives, careless and broken are what is wrong with it: it refreshes what was logged out, looks at half of a token, or never does.
	revives, careless, broken bool
	// lasts is how many requests a token is good for; 0 for any number.
	lasts int
}

func newRenewing() *renewing {
	return &renewing{rest: &rest{core: newCore()}, refreshes: map[string]*user{}, bySession: map[string]string{}, uses: map[string]int{}}
}

var refreshDescription = strings.Replace(restDescription, "capture: {token: response.json.token}}]}",
	`capture: {token: response.json.token, again: response.json.again}}],
  refresh: {request: {method: POST, path: /refresh, json: {again: $(again)}}, capture: {token: response.json.token, again: response.json.again}}}`, 1)

func (a *renewing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := a.token(r)
	switch r.URL.Path {
	case "/login":
		var body struct{ User, Password string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if token, ok := a.login(body.User, body.Password); ok {
			giveJSON(w, http.StatusOK, map[string]any{"token": token, "again": a.give(token)})
			return
		}
		giveJSON(w, http.StatusUnauthorized, nil)
	case "/refresh":
		a.refresh(w, r)
	default:
		a.mu.Lock()
		a.uses[token]++
		ended := a.lasts > 0 && a.uses[token] > a.lasts
		if r.URL.Path == "/logout" && !a.revives {
			delete(a.refreshes, a.bySession[token])
		}
		a.mu.Unlock()
		if ended {
			a.logout(token)
		}
		a.rest.ServeHTTP(w, r)
	}
}

// give makes a refresh token that goes with a token.
func (a *renewing) give(token string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	again := rand.Text()
	a.refreshes[again], a.bySession[token] = a.who(token), again
	return again
}

func (a *renewing) refresh(w http.ResponseWriter, r *http.Request) {
	var body struct{ Again string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	a.mu.Lock()
	var u *user
	for again, owner := range a.refreshes {
		if again == body.Again || a.careless && body.Again != "" && strings.HasPrefix(again, body.Again[:len(body.Again)/2]) {
			u = owner
			delete(a.refreshes, again)
		}
	}
	a.renewed++
	a.mu.Unlock()
	if u == nil || a.broken {
		giveJSON(w, http.StatusUnauthorized, nil)
		return
	}
	token, _ := a.login(u.name, u.password)
	giveJSON(w, http.StatusOK, map[string]any{"token": token, "again": a.give(token)})
}

func TestRefreshTokens(t *testing.T) {
	for _, c := range []struct {
		name    string
		with    func(*renewing)
		verdict v1alpha1.Verdict
		saying  string
	}{
		{"that end with the login", func(*renewing) {}, pass, "alice went on with its session by spec.app.login.refresh."},
		{"that outlive the logout", func(a *renewing) { a.revives = true }, fail, `SessionRevivedByRefresh at POST /refresh as nobody, after the logout: curl --path-as-is -X POST -H "Content-Type: application/json" --data "{\"again\":\"$ALICE_AGAIN\"}" "$APP""/refresh"`},
		{"of which half is enough", func(a *renewing) { a.careless = true }, fail, "InvalidCredentialAccepted at POST /refresh as nobody, with a changed again"},
		{"that are never taken", func(a *renewing) { a.broken = true }, unknown, "could not go on with its session before the logout: POST /refresh was answered 401"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := newRenewing()
			c.with(app)
			m := measure(t, app.core, app, refreshDescription)
			m.wants(t, auth, c.verdict, c.saying)
			m.wants(t, tenants, pass, "")
		})
	}
}

func TestASessionThatEndsIsRefreshed(t *testing.T) {
	app := newRenewing()
	app.lasts = 150
	measure(t, app.core, app, refreshDescription).passes(t)
	ended := newRenewing()
	measure(t, ended.core, ended, refreshDescription).passes(t)
	if app.renewed <= ended.renewed {
		t.Errorf("%d refreshes where sessions end, %d where they don't", app.renewed, ended.renewed)
	}
}

// shop is a rest app with payments, which hold no text of who pays.
type shop struct {
	*rest
	mu       sync.Mutex
	payments []*payment
	// receipt gives what a payment is known again by.
	receipt func(p *payment) any
	leaky   bool
	// quotes answers "not found" with the text by which the payment would be known.
	quotes bool
}

type payment struct {
	id    string
	n     int
	owner *user
	made  time.Time
}

var payments = strings.Replace(restDescription, "adminPaths:", `- name: payments
  create: {request: {method: POST, path: /payments, json: {amount: 5}}, capture: {id: response.json.id}}
  item: {path: /payments/$(id)}
  mark: response.json.receipt
adminPaths:`, 1)

func (a *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u := a.who(a.token(r))
	if u == nil || !strings.HasPrefix(r.URL.Path, "/payments") {
		a.rest.ServeHTTP(w, r)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method == http.MethodPost {
		p := &payment{id: strings.ToLower(rand.Text()), n: len(a.payments), owner: u, made: time.Now()}
		a.payments = append(a.payments, p)
		giveJSON(w, http.StatusCreated, map[string]any{"id": p.id})
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/payments/")
	for _, p := range a.payments {
		if p.id == id && (a.leaky || p.owner == u) {
			giveJSON(w, http.StatusOK, map[string]any{"id": p.id, "amount": 5, "receipt": a.receipt(p)})
			return
		}
	}
	if a.quotes {
		giveJSON(w, http.StatusNotFound, map[string]any{"error": "no payment " + id + " with the receipt rc_" + id})
		return
	}
	giveJSON(w, http.StatusNotFound, nil)
}

func TestThingsAreKnownAgainByATextOfTheAppsOwn(t *testing.T) {
	receipts := map[string]string{}
	random := func(p *payment) any {
		if receipts[p.id] == "" {
			receipts[p.id] = "rc_" + strings.ToLower(rand.Text())
		}
		return receipts[p.id]
	}
	const nothing = "By spec.app.resources[payments].mark nothing could be proven: "
	for _, c := range []struct {
		name          string
		receipt       func(*payment) any
		leaky, quotes bool
		verdict       v1alpha1.Verdict
		saying        string
	}{
		{name: "that nobody guesses", receipt: random, verdict: pass, saying: "payments (item)"},
		{name: "that others get", receipt: random, leaky: true, verdict: fail, saying: "ForeignObjectReadable at GET /payments/$(id) as "},
		{name: "that is not there", receipt: func(*payment) any { return nil }, verdict: unknown, saying: "mark found nothing in the reply to item"},
		{name: "that is the same for all", receipt: func(*payment) any { return "thank-you-for-your-payment" }, verdict: unknown, saying: nothing + "two of them have the same text"},
		{name: "that is the payer's", receipt: func(p *payment) any { return "customer-" + p.owner.password + p.owner.name }, verdict: unknown, saying: nothing + "two of them have the same text"},
		{name: "that is short", receipt: func(p *payment) any { return p.id[:8] }, verdict: unknown, saying: nothing + "two of them have the same text, a short one"},
		{name: "that is a time", receipt: func(p *payment) any { return p.made.Format(time.RFC3339Nano) }, verdict: unknown, saying: nothing + "two of them"},
		{name: "that is counted", receipt: func(p *payment) any { return fmt.Sprintf("invoice-2026-%08d", p.n) }, verdict: unknown, saying: nothing + "two of them"},
		{name: "that is the identifier", receipt: func(p *payment) any { return p.id }, verdict: unknown, saying: nothing + "the text stands in the request to item"},
		{name: "that is made of the identifier", receipt: func(p *payment) any { return "rc_" + p.id }, quotes: true, verdict: unknown, saying: nothing + "the text stands in the request to item"},
	} {
		t.Run(c.name, func(t *testing.T) {
			app := &shop{rest: &rest{core: newCore()}, receipt: c.receipt, leaky: c.leaky, quotes: c.quotes}
			description := payments + "indexingSeconds: 1\n"
			m := measure(t, app.core, app, description)
			m.wants(t, tenants, c.verdict, c.saying)
			for _, receipt := range receipts {
				if text := fmt.Sprintf("%+v", m.rows); strings.Contains(text, receipt) {
					t.Errorf("a receipt stands in what was said: %s", text)
				}
			}
		})
	}
}

// talking is a rest app with a bot that answers from notes, over HTTP and over WebSocket.
type talking struct {
	*rest
	mu    sync.Mutex
	asked map[string]int
	// blind: it knows no notes. gossip: it knows everybody's. open: it knows nobody as well as anybody.
	blind, gossip, open bool
	// quota is how many questions somebody may ask; 0 for any number.
	quota int
	// silent says nothing over a WebSocket to who may not ask; closes opens and closes it.
	silent, closes bool
	// firstMessage takes the token from the first message.
	firstMessage bool
}

const (
	chatOverHTTP = `
chat: {request: {method: POST, path: /chat, json: {message: $(prompt)}}, reply: response.json.reply}
`
	chatOverSocket = `
chat:
  request:
    path: /socket
    webSocket: {quietSeconds: 1, send: [{json: {message: $(prompt)}, until: 'response.json.?done.orValue(false)'}]}
  reply: response.events.map(e, e.?delta.orValue("")).join("")
`
	chatByFirstMessage = `
chat:
  request:
    path: /socket
    webSocket:
      quietSeconds: 1
      send: [{json: {token: $(token)}, until: 'has(response.json.ready)'}, {json: {message: $(prompt)}, until: 'response.json.?done.orValue(false)'}]
  reply: response.events.map(e, e.?delta.orValue("")).join("")
`
)

func expected(description string) string {
	return strings.Replace(description, "  list: {path: /notes}", "  list: {path: /notes}\n  inChat: Expected", 1)
}

func (a *talking) answer(u *user, question string) string {
	name := "nobody"
	if u != nil {
		name = u.name
	}
	a.mu.Lock()
	a.asked[name]++
	spent := a.quota > 0 && a.asked[name] > a.quota
	a.mu.Unlock()
	if a.blind || spent {
		return "Sorry, I can't help with that."
	}
	for _, n := range a.all() {
		if (n.owner == u || a.gossip || a.open && u == nil) && strings.Contains(n.text, strings.TrimSuffix(strings.TrimPrefix(question, "What is the code "), "?")) {
			return n.text
		}
	}
	return "I know nothing about that."
}

func (c *core) all() []note {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []note
	for _, n := range c.notes {
		found = append(found, *n)
	}
	return found
}

func (a *talking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u := a.who(a.token(r))
	switch {
	case r.URL.Path == "/chat" && (u != nil || a.open):
		var body struct{ Message string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		giveJSON(w, http.StatusOK, map[string]any{"reply": a.answer(u, body.Message)})
	case r.URL.Path == "/socket" && (u != nil || a.open || a.silent || a.closes || a.firstMessage):
		a.speak(w, r, u)
	default:
		a.rest.ServeHTTP(w, r)
	}
}

// speak answers over a WebSocket, a few letters at a time.
func (a *talking) speak(w http.ResponseWriter, r *http.Request, u *user) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow() //nolint:errcheck // it is over
	if u == nil && a.closes {
		_ = conn.Close(4401, "log in")
		return
	}
	for {
		var body struct{ Message, Token string }
		if wsjson.Read(r.Context(), conn, &body) != nil {
			return
		}
		if body.Message == "" {
			if u = a.who(body.Token); u != nil {
				_ = wsjson.Write(r.Context(), conn, map[string]any{"ready": true})
			}
			continue
		}
		if u == nil && !a.open {
			continue
		}
		answer := a.answer(u, body.Message)
		for i := 0; i < len(answer); i += 4 {
			_ = wsjson.Write(r.Context(), conn, map[string]any{"delta": answer[i:min(i+4, len(answer))]})
		}
		_ = wsjson.Write(r.Context(), conn, map[string]any{"done": true})
	}
}

func TestChats(t *testing.T) {
	const socket = `printf '%s\n' "{\"message\":\"What is the code ⟨canary:`
	for _, c := range []struct {
		name        string
		with        *talking
		description string
		row         v1alpha1.Row
		verdict     v1alpha1.Verdict
		saying      string
	}{
		{"sound", &talking{}, expected(restDescription) + chatOverHTTP, tenants, pass, "notes (item, list, chat, update, delete)"},
		{"gossip", &talking{gossip: true}, restDescription + chatOverHTTP, tenants, fail, "ForeignContentInChat at POST /chat as "},
		{"open", &talking{open: true}, restDescription + chatOverHTTP, auth, fail, "AnonymousAccess at POST /chat as nobody"},
		{"blind, where it should see", &talking{blind: true}, expected(restDescription) + chatOverHTTP + "indexingSeconds: 1\n", tenants, unknown, "The chatbot did not tell alice what it had planted in notes"},
		{"blind", &talking{blind: true}, restDescription + chatOverHTTP, tenants, pass, "The chatbot told nobody what they had planted, so that it was left out."},
		{"spent", &talking{quota: 2}, restDescription + chatOverHTTP, tenants, unknown, "The chatbot does not answer alice its own question (any more)"},
		{"sound over WebSocket", &talking{}, expected(restDescription) + chatOverSocket, tenants, pass, "notes (item, list, chat, update, delete)"},
		{"gossip over WebSocket", &talking{gossip: true}, restDescription + chatOverSocket, tenants, fail, socket},
		{"open over WebSocket", &talking{open: true}, restDescription + chatOverSocket, auth, fail, "AnonymousAccess at GET /socket as nobody: " + socket},
		{"closed over WebSocket", &talking{closes: true}, expected(restDescription) + chatOverSocket, auth, pass, ""},
		{"silent over WebSocket", &talking{silent: true}, expected(restDescription) + chatOverSocket, auth, pass, ""},
		{"blind over WebSocket", &talking{blind: true}, expected(restDescription) + chatOverSocket + "indexingSeconds: 1\n", tenants, unknown, "The chatbot did not tell alice"},
		{"sound by the first message", &talking{firstMessage: true}, expected(restDescription) + chatByFirstMessage, tenants, pass, "notes (item, list, chat, update, delete)"},
		{"open by the first message", &talking{firstMessage: true, open: true}, restDescription + chatByFirstMessage, auth, fail, `AnonymousAccess at GET /socket as nobody: printf '%s\n' "{\"token\":\"\"}" "{\"message\"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := c.with
			app.rest, app.asked = &rest{core: newCore()}, map[string]int{}
			m := measure(t, app.core, app, c.description)
			m.wants(t, c.row, c.verdict, c.saying)
			if c.verdict == pass {
				m.passes(t)
			}
		})
	}
}
