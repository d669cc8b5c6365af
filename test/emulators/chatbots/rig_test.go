// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

// clock stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

// rig is an app and what talks to it.
type rig struct {
	*testing.T

	app   *chatbots.App
	clock *clock
	// logins are what each user sends along.
	logins map[string][]header
}

func newRig(t *testing.T, cfg chatbots.Config) *rig {
	t.Helper()
	x := &rig{T: t, clock: &clock{at: time.Now()}, logins: map[string][]header{}}
	cfg.Now = x.clock.now
	app, err := chatbots.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	})
	x.app = app
	return x
}

func (x *rig) account(name string) chatbots.Account {
	for _, account := range x.app.Accounts() {
		if account.Name == name {
			return account
		}
	}
	x.Fatalf("no account %q", name)
	return chatbots.Account{}
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	text   string
}

func (r reply) ok() bool { return r.status >= 200 && r.status < 300 }

// has tells whether a good reply contains a text.
func (r reply) has(text string) bool { return r.ok() && strings.Contains(r.text, text) }

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	body := map[string]any{}
	if err := json.Unmarshal([]byte(r.text), &body); err != nil {
		t.Fatalf("status %d: %v in %s", r.status, err, r.text)
	}
	return body
}

func (r reply) items(t *testing.T) []map[string]any {
	t.Helper()
	list, ok := r.json(t)["items"].([]any)
	if !ok {
		t.Fatalf("status %d: no items in %s", r.status, r.text)
	}
	var items []map[string]any
	for _, each := range list {
		item, ok := each.(map[string]any)
		if !ok {
			t.Fatalf("not an object: %v", each)
		}
		items = append(items, item)
	}
	return items
}

// cookie is the session cookie that a reply sets.
func (r reply) cookie() string {
	for _, cookie := range (&http.Response{Header: r.header}).Cookies() {
		if cookie.Name == "sid" {
			return cookie.Value
		}
	}
	return ""
}

// header is "Name: value", to be sent.
type header string

// send sends a request as a user, or as nobody. The body is text as it is, or something to be JSON.
func (x *rig) send(as, method, path string, body any, headers ...header) reply {
	x.Helper()
	if as != "" {
		headers = append(slices.Clone(x.login(as)), headers...)
	}
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			x.Fatal(err)
		}
		content = strings.NewReader(string(data))
	}
	r := httptest.NewRequestWithContext(x.Context(), method, path, content)
	for _, h := range headers {
		name, value, _ := strings.Cut(string(h), ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	x.app.ServeHTTP(w, r)
	return reply{status: w.Code, header: w.Header(), text: w.Body.String()}
}

func (x *rig) get(as, path string, headers ...header) reply {
	x.Helper()
	return x.send(as, http.MethodGet, path, nil, headers...)
}

// login logs a user in, once.
func (x *rig) login(name string) []header {
	x.Helper()
	if x.logins[name] == nil {
		account := x.account(name)
		got := x.send("", http.MethodPost, "/api/login", map[string]string{"email": account.Email, "password": account.Password})
		if !got.ok() {
			x.Fatalf("login of %s: %d %s", name, got.status, got.text)
		}
		body := got.json(x.T)
		if token, ok := body["access_token"]; ok {
			x.logins[name] = []header{header(fmt.Sprint("Authorization: Bearer ", token))}
		} else {
			x.logins[name] = []header{header("Cookie: sid=" + got.cookie()), header(fmt.Sprint("X-CSRF-Token: ", body["csrf_token"]))}
		}
	}
	return x.logins[name]
}

// logInAnew logs a user in, not to be used again.
func (x *rig) logInAnew(name string) reply {
	x.Helper()
	account := x.account(name)
	return x.send("", http.MethodPost, "/api/login", map[string]string{"email": account.Email, "password": account.Password})
}

// token is a user's.
func (x *rig) token(name string) string {
	x.Helper()
	return strings.TrimPrefix(string(x.login(name)[0]), "Authorization: Bearer ")
}

// form logs a user in by the form, in the session of a cookie if there is one, and gives the cookie that came.
func (x *rig) form(name, cookie string) string {
	x.Helper()
	var headers []header
	if cookie != "" {
		headers = append(headers, header("Cookie: sid="+cookie))
	}
	page := x.get("", "/login", headers...)
	if fresh := page.cookie(); fresh != "" {
		cookie = fresh
	}
	_, rest, _ := strings.Cut(page.text, `name="csrf" value="`)
	csrf, _, _ := strings.Cut(rest, `"`)
	account := x.account(name)
	got := x.send("", http.MethodPost, "/login",
		fmt.Sprintf("csrf=%s&email=%s&password=%s", csrf, account.Email, account.Password),
		header("Cookie: sid="+cookie), "Content-Type: application/x-www-form-urlencoded")
	if got.status != http.StatusSeeOther {
		x.Fatalf("form login of %s: %d %s", name, got.status, got.text)
	}
	if fresh := got.cookie(); fresh != "" {
		cookie = fresh
	}
	return cookie
}

// ids are a user's, of conversations or documents.
func (x *rig) ids(name, kind string) []string {
	x.Helper()
	if name == "ines" {
		return x.foreign(kind)
	}
	var ids []string
	for _, item := range x.get(name, "/api/"+kind).items(x.T) {
		ids = append(ids, fmt.Sprint(item["id"]))
	}
	return ids
}

// foreign are those of somebody for whom there is no account.
func (x *rig) foreign(kind string) []string {
	x.Helper()
	var ids []string
	s := x.snapshot()
	for id, row := range s[kind] {
		if strings.HasSuffix(s["users"][row["owner"]]["email"], "@initech.example") {
			ids = append(ids, id)
		}
	}
	return ids
}

func (x *rig) snapshot() chatbots.Snapshot {
	x.Helper()
	s, err := x.app.Snapshot(x.Context())
	if err != nil {
		x.Fatal(err)
	}
	return s
}

// item is the path of a user's first object.
func (x *rig) item(name, kind string) string { return "/api/" + kind + "/" + x.ids(name, kind)[0] }

// userID is a user's.
func (x *rig) userID(name string) string {
	x.Helper()
	return fmt.Sprint(x.get(name, "/api/me").json(x.T)["id"])
}
