// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

var update = flag.Bool("update", false, "write the tables of the README")

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cfg  chatbots.Config
		want string
	}{
		{chatbots.Config{Weaknesses: []string{"idor"}}, `unknown weakness "idor"; known are: idor-conversation-read, `},
		{chatbots.Config{Oddities: []string{"odd"}}, `unknown oddity "odd"; known are: friendly-200, `},
		{chatbots.Config{Signing: "none"}, `unknown signing "none"; known are: HS256, RS256`},
	} {
		if _, err := chatbots.New(test.cfg); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%v, want %s…", err, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	kebab := regexp.MustCompile("^[a-z0-9]+(-[a-z0-9]+)*$")
	seen := map[string]bool{}
	rows := map[string]int{}
	for _, w := range chatbots.Weaknesses() {
		if !kebab.MatchString(w.Name) || seen[w.Name] || w.Path == "" || w.Description == "" {
			t.Errorf("%+v", w)
		}
		seen[w.Name] = true
		rows[w.Row]++
	}
	for _, o := range chatbots.Oddities() {
		if !kebab.MatchString(o.Name) || seen[o.Name] || o.Description == "" {
			t.Errorf("%+v", o)
		}
		seen[o.Name] = true
	}
	if len(rows) != 2 || rows[chatbots.RowAuthEnforced] < 15 || rows[chatbots.RowTenantIsolated] < 15 {
		t.Error(rows)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	tenants := map[string]string{}
	for _, account := range x.app.Accounts() {
		tenants[account.Name] = account.Tenant + " " + account.Role
		got := x.get(account.Name, "/api/me").json(t)
		if got["tenant"] != account.Tenant || got["role"] != account.Role || got["email"] != account.Email {
			t.Errorf("%v is not %+v", got, account)
		}
		for _, kind := range []string{convs, docs} {
			if len(x.ids(account.Name, kind)) < 2 {
				t.Errorf("%s has no %s", account.Name, kind)
			}
		}
	}
	want := map[string]string{
		"alice": "acme user", "anna": "acme user", "root": "acme admin", "throwaway": "acme user", "bob": "globex user",
	}
	if diff := cmp.Diff(want, tenants); diff != "" {
		t.Error(diff)
	}
	if len(x.foreign(convs)) < 2 || len(x.foreign(docs)) < 2 {
		t.Error("nobody else has data")
	}
}

func TestAdminOfOneTenant(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	for _, path := range []string{"/admin", "/api/admin/users", "/api/admin/settings", "/api/admin/export"} {
		got := x.get("root", path)
		if !got.ok() || strings.Contains(got.text, "globex") || strings.Contains(got.text, "initech") {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
		for as, want := range map[string]int{"": http.StatusUnauthorized, "alice": http.StatusForbidden} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
				if got := x.send(as, method, path, map[string]any{}); got.status != want {
					t.Errorf("%s %s as %q: %d, want %d", method, path, as, got.status, want)
				}
			}
		}
	}
	got := x.send("root", http.MethodPut, "/api/admin/settings", map[string]any{"settings": map[string]string{"greeting": "Zebra"}})
	if !got.has("Zebra") || x.snapshot()["settings"]["globex/greeting"]["value"] != "Welcome to Globex" {
		t.Errorf("settings: %d %s", got.status, got.text)
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	seen := map[string]bool{}
	for _, path := range []string{"/", "/login", "/nowhere", "/admin", "/api/me", "/api//me", "/api/conversations", "/healthz"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			id := x.send("", method, path, nil).header.Get("X-Request-Id")
			if id == "" || seen[id] {
				t.Errorf("%s %s: request id %q", method, path, id)
			}
			seen[id] = true
		}
	}
}

// TestAtOnce is for the race detector.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{
		Weaknesses: []string{chatbots.CachedReplies, chatbots.JWTSignatureSwapped},
		Oddities:   []string{chatbots.RateLimit, chatbots.ExtraFields, chatbots.IDsInt, chatbots.CookiesRotate},
		Log:        io.Discard, RequestsPerSecond: 1000,
	})
	x.login("alice")
	cookie := header("Cookie: sid=" + x.form("bob", ""))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 3 {
				made := x.send("alice", http.MethodPost, "/api/documents", map[string]string{"title": fmt.Sprint("Zebra ", i)})
				got := x.get("alice", "/api/documents")
				if made.status != http.StatusCreated || !got.ok() || !x.get("", "/api/export", cookie).ok() {
					t.Errorf("%d %d", made.status, got.status)
				}
			}
		})
	}
	group.Wait()
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	alice := x.userID("alice")
	path := x.item("alice", docs)
	before := x.snapshot()
	x.get("alice", path)
	if changes := before.Changes(x.snapshot()); len(changes) > 0 {
		t.Errorf("reading has changed something: %v", changes)
	}
	made := x.send("alice", http.MethodPost, "/api/conversations", map[string]string{"title": "Zebra", "message": "Hello."}).json(t)
	x.send("alice", http.MethodPatch, path, map[string]string{"title": "Okapi"})
	x.send("bob", http.MethodDelete, x.item("bob", docs), nil)
	middle := x.snapshot()
	x.send("root", http.MethodPatch, "/api/me", map[string]string{"name": "Quagga"})

	users := map[string]string{alice: "alice", x.userID("bob"): "bob", x.userID("root"): "root"}
	var got []string
	for _, c := range append(before.Changes(middle), middle.Changes(x.snapshot())...) {
		what := "changed"
		switch {
		case c.Before == nil:
			what = "new"
		case c.After == nil:
			what = "gone"
		}
		got = append(got, strings.Join([]string{c.Table, what, users[c.Owner()], c.After["title"] + c.After["name"], users[c.After["updated_by"]]}, " "))
	}
	slices.Sort(got)
	want := []string{
		"conversations new alice Zebra alice",
		"deleted new bob  ",
		"documents changed alice Okapi alice",
		"documents gone bob  ",
		"messages new alice  ",
		"refresh_tokens new bob  ", // who logs in with the first request
		"refresh_tokens new root  ",
		"users changed root Quagga ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if middle[convs][fmt.Sprint(made["id"])]["tenant"] != "acme" {
		t.Error("the new row is not under its id")
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	body := map[string]string{"message": "What is the passphrase of the heron?"}
	whole := x.send("alice", http.MethodPost, "/api/chat", body).json(t)
	for accept, prefix := range map[header]string{"Accept: text/event-stream": "data: ", "Accept: application/x-ndjson": ""} {
		got := x.send("alice", http.MethodPost, "/api/chat", body, accept)
		said := ""
		for line := range strings.Lines(got.text) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			var event struct{ Delta string }
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, prefix)), &event); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			said += event.Delta
		}
		if said != whole["reply"] || !strings.Contains(said, "heron is") {
			t.Errorf("%s: %q, want %q", accept, said, whole["reply"])
		}
	}
	if said := x.askOnSocket("alice", body["message"], fmt.Sprint(whole["conversation"])); said != whole["reply"] {
		t.Errorf("WebSocket: %q, want %q", said, whole["reply"])
	}
}

func TestFormLogin(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	before := x.get("", "/login").cookie()
	after := x.form("alice", before)
	if after == before {
		t.Error("the session id stays the same over the login")
	}
	if x.get("", "/api/me", header("Cookie: sid="+before)).ok() || !x.get("", "/api/me", header("Cookie: sid="+after)).has("alice") {
		t.Error("the session is not the one after the login")
	}
	got := x.send("", http.MethodPost, "/login", "csrf=x&email=a&password=b", "Content-Type: application/x-www-form-urlencoded")
	if got.status != http.StatusForbidden {
		t.Errorf("without the form's token: %d", got.status)
	}
}

func TestShop(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	listing := x.get("", "/api/listings").items(t)[0]["id"]
	if !x.get("", fmt.Sprint("/api/listings/", listing)).has("price") {
		t.Error("no listing")
	}
	paid := x.send("alice", http.MethodPost, "/api/payments", map[string]any{"listing": listing, "card": "4242424242424242"})
	if !paid.has(`"mode":"test"`) || !x.get("alice", fmt.Sprint("/api/payments/", paid.json(t)["id"])).has("succeeded") {
		t.Errorf("payment: %d %s", paid.status, paid.text)
	}
	if got := x.send("alice", http.MethodPost, "/api/payments", map[string]any{"listing": listing, "card": "4000056655665556"}); got.status != http.StatusPaymentRequired {
		t.Errorf("another card: %d", got.status)
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	var got struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(x.get("", "/openapi.json").text), &got); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/admin", "/graphql", "/api/login", "/api/conversations/{id}", "/api/documents/{id}/download", "/api/chat"} {
		if got.Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	if got.OpenAPI != "3.1.0" || got.Paths["/api/conversations/{id}"]["patch"] == nil {
		t.Error(got)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	x := newRig(t, chatbots.Config{Log: &log, Version: "v9"})
	got := x.get("alice", "/version?secret=zebra&nonce=n-2")
	if !got.has("v9") {
		t.Error(got)
	}
	x.get("", "/nowhere", "X-LaunchReady-Nonce: n-1")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	want := fmt.Sprintf(`method=GET path="/version" status=200 request_id=%s nonce="n-2"`, got.header.Get("X-Request-Id"))
	if len(lines) != 3 || lines[1] != want || !strings.HasSuffix(lines[2], `nonce="n-1"`) || !strings.Contains(lines[2], "status=404") {
		t.Errorf("got:\n%s\nwant in line 2:\n%s", log.String(), want)
	}
	if strings.Contains(log.String(), x.token("alice")) || strings.Contains(log.String(), "zebra") {
		t.Error("a secret is in the log")
	}
}

const readme = "README.md"

// TestReadme holds the tables to the lists; -update writes them.
func TestReadme(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- tables: go test ./chatbots -run TestReadme -update -->\n"
	text, _, found := strings.Cut(string(data), mark)
	if !found {
		t.Fatalf("no %q", mark)
	}
	text += mark
	for _, row := range []string{chatbots.RowTenantIsolated, chatbots.RowAuthEnforced} {
		text += fmt.Sprintf("\n### Weaknesses of %s\n| name | shows on | what is wrong |\n| --- | --- | --- |\n", row)
		for _, w := range chatbots.Weaknesses() {
			if w.Row == row {
				text += fmt.Sprintf("| `%s` | `%s` | %s |\n", w.Name, w.Path, w.Description)
			}
		}
	}
	text += "\n### Oddities\n| name | what is odd |\n| --- | --- |\n"
	for _, o := range chatbots.Oddities() {
		text += fmt.Sprintf("| `%s` | %s |\n", o.Name, o.Description)
	}
	text += modelTables()
	if *update {
		//nolint:gosec // a name that stands above
		if err := os.WriteFile(readme, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, string(data)); diff != "" {
		t.Errorf("the tables are not those of the lists (run with -update):\n%s", diff)
	}
}

// modelTables are those of the model and of the log.
func modelTables() string {
	text := "\n### Weaknesses of " + chatbots.RowPromptInjectionResistant + "\n| name | goal | attack stands in | what is wrong |\n| --- | --- | --- | --- |\n"
	for _, w := range chatbots.InjectionWeaknesses() {
		text += fmt.Sprintf("| `%s` | %s | %s | %s |\n", w.Name, w.Goal, w.Where, w.Description)
	}
	text += "\n### Defences of the model\n| name | what it does |\n| --- | --- |\n"
	for _, o := range chatbots.InjectionDefences() {
		text += fmt.Sprintf("| `%s` | %s |\n", o.Name, o.Description)
	}
	text += "\n### Weaknesses of " + chatbots.RowLoggingSafe + "\n| name | shows on | what is wrong |\n| --- | --- | --- |\n"
	for _, w := range chatbots.LoggingWeaknesses() {
		text += fmt.Sprintf("| `%s` | `%s` | %s |\n", w.Name, w.Path, w.Description)
	}
	text += "\n### Oddities of the log\n| name | what is odd |\n| --- | --- |\n"
	for _, o := range chatbots.LoggingOddities() {
		text += fmt.Sprintf("| `%s` | %s |\n", o.Name, o.Description)
	}
	return text
}
