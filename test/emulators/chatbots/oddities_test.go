// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

// wait moves the clock, and logs everybody in anew when they ask next.
func (x *rig) wait(by time.Duration) {
	x.clock.move(by)
	clear(x.logins)
}

// use is what a user does who means no harm.
func use(x *rig) {
	x.Helper()
	mine := x.get("alice", "/api/conversations").items(x.T)
	if len(mine) == 0 || !x.get("alice", x.item("alice", convs)).has("secret number") {
		x.Error("alice does not see her own")
	}
	made := x.send("alice", http.MethodPost, "/api/documents", map[string]string{"title": "Zebra", "text": "Zebras like clover."})
	if made.status != http.StatusCreated {
		x.Fatalf("no document: %d %s", made.status, made.text)
	}
	path := fmt.Sprint("/api/documents/", made.json(x.T)["id"])
	x.wait(3 * time.Second)
	for _, ask := range []string{path, "/api/search?q=clover", path + "/download", path + "/export", "/api/export"} {
		if !x.get("alice", ask).has("clover") {
			x.Errorf("nothing at %s", ask)
		}
	}
	if got := x.send("alice", http.MethodPost, "/api/chat", map[string]string{"message": "What do zebras like?"}); !got.has("clover") {
		x.Errorf("the bot says %d %s", got.status, got.text)
	}
	if got := x.send("alice", http.MethodPatch, path, map[string]string{"title": "Okapi"}); !got.has("Okapi") {
		x.Errorf("update: %d %s", got.status, got.text)
	}
	if x.get("bob", path).has("clover") || x.get("", path).has("clover") || x.get("bob", "/api/search?q=clover").has("Okapi") {
		x.Error("others see it")
	}
	if got := x.send("alice", http.MethodDelete, path, nil); got.status != http.StatusNoContent {
		x.Errorf("delete: %d %s", got.status, got.text)
	}
	if x.get("alice", path).has("clover") {
		x.Error("what was deleted is still there")
	}
	if !x.get("root", "/api/admin/users").has("root@acme.example") || x.get("alice", "/api/admin/users").has("root@acme.example") {
		x.Error("the admin's part is not the admin's alone")
	}
	if x.send("alice", http.MethodPost, "/api/logout", nil); x.get("alice", "/api/me").has("alice@acme.example") {
		x.Error("logout did nothing")
	}
}

func TestNormalUse(t *testing.T) {
	t.Parallel()
	use(newRig(t, chatbots.Config{}))
	use(newRig(t, chatbots.Config{Signing: chatbots.RS256}))
	for _, o := range chatbots.Oddities() {
		if o.Name == chatbots.SlowReplies {
			continue // TestSlowReplies has fewer of them
		}
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			use(newRig(t, chatbots.Config{Oddities: []string{o.Name}, RequestsPerSecond: 100}))
		})
	}
}

// TestOdditiesOpenNothing combines oddities, and no attack works.
func TestOdditiesOpenNothing(t *testing.T) {
	t.Parallel()
	groups := [][]string{
		{
			chatbots.Friendly200, chatbots.SoftLoginRedirect, chatbots.RandomOrder, chatbots.ExtraFields, chatbots.IDsInt,
			chatbots.PublicConversations, chatbots.TenantDocuments, chatbots.GraphQLErrors200, chatbots.EchoRequest,
		},
		{
			chatbots.NotFoundAs400, chatbots.LoginPage200, chatbots.HTMLErrors, chatbots.IDsSlug, chatbots.SPAShell, chatbots.EchoID,
			chatbots.ETag304, chatbots.OddContentTypes, chatbots.UppercaseHeaders, chatbots.OneUserATenant, chatbots.GzipReplies,
		},
		{
			chatbots.Foreign403, chatbots.Gone410, chatbots.Anonymous403, chatbots.WAF403, chatbots.Pagination,
			chatbots.CookiesRotate, chatbots.LateSearch,
		},
	}
	for i, group := range groups {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			resist(t, append(tenantAttacks(), authAttacks()...), group)
		})
	}
}

func TestOddities(t *testing.T) {
	t.Parallel()
	absent := "/api/documents/00000000-0000-4000-8000-000000000000"
	foreign := func(x *rig) string { return x.item("bob", docs) }
	status := func(want int) func(reply) string {
		return func(r reply) string { return cmp.Diff(want, r.status) }
	}
	says := func(status int, text string) func(reply) string {
		return func(r reply) string {
			if r.status == status && strings.Contains(r.text, text) {
				return ""
			}
			return fmt.Sprintf("%d %s", r.status, r.text)
		}
	}
	type ask = func(x *rig) reply
	gets := func(as, path string, headers ...header) ask {
		return func(x *rig) reply { return x.get(as, path, headers...) }
	}
	for _, test := range []struct {
		oddity string
		ask    ask
		wrong  func(reply) string
	}{
		{"", gets("alice", absent), says(404, `"message":"document not found"`)},
		{"", gets("", absent), says(401, "unauthenticated")},
		{"", func(x *rig) reply { return x.get("alice", foreign(x)) }, says(404, `"message":"document not found"`)},
		{"", gets("alice", "/api/admin/users"), says(403, "forbidden")},
		{"", gets("", "/nowhere?x=y"), says(404, "no_such_page")},
		{"", gets("alice", "/api/documents//x"), status(404)},
		{"", func(x *rig) reply { return x.send("", http.MethodPost, "/healthz", nil) }, says(405, "method_not_allowed")},
		{"", gets("root", "/%61dmin"), says(200, "anna@acme.example")},
		{chatbots.Friendly200, gets("alice", absent), says(200, `"items":[]`)},
		{chatbots.Friendly200, func(x *rig) reply { return x.get("alice", foreign(x)) }, says(200, `"items":[]`)},
		{chatbots.NotFoundAs400, gets("alice", absent), status(400)},
		{chatbots.Foreign403, gets("alice", absent), status(404)},
		{chatbots.Foreign403, func(x *rig) reply { return x.get("alice", foreign(x)) }, status(403)},
		{chatbots.Gone410, func(x *rig) reply {
			path := x.item("alice", docs)
			x.send("alice", http.MethodDelete, path, nil)
			return x.get("alice", path)
		}, status(410)},
		{chatbots.Anonymous403, gets("", absent), status(403)},
		{chatbots.SoftLoginRedirect, gets("", absent), status(302)},
		{chatbots.LoginPage200, gets("", absent), says(200, `name="csrf"`)},
		{chatbots.ExtraFields, gets("alice", "/api/me"), says(200, "served_at")},
		{chatbots.HTMLErrors, gets("alice", absent), says(404, "<h1>404 Not Found</h1>")},
		{chatbots.IDsInt, gets("alice", "/api/documents"), says(200, `"id":10`)},
		{chatbots.IDsSlug, gets("alice", "/api/documents"), says(200, `"id":"notes-on-the-heron-1-`)},
		{chatbots.PublicConversations, gets("", "/api/public/conversations"), says(200, "saffron")},
		{chatbots.PublicConversations, func(x *rig) reply {
			return x.get("", fmt.Sprint("/api/public/conversations/", x.get("", "/api/public/conversations").items(x.T)[0]["id"]))
		}, says(200, "messages")},
		{chatbots.TenantDocuments, gets("anna", "/api/documents"), says(200, "Acme handbook")},
		{chatbots.SPAShell, gets("", "/admin"), says(200, `<div id="app">`)},
		{chatbots.SPAShell, gets("", "/nowhere"), says(200, `<div id="app">`)},
		{chatbots.SPAShell, gets("", "/api/documents//x"), says(200, `<div id="app">`)},
		{chatbots.GraphQLErrors200, func(x *rig) reply {
			return x.send("", http.MethodPost, "/graphql", map[string]string{"query": "{ me { id } }"})
		}, says(200, "UNAUTHENTICATED")},
		{chatbots.WAF403, gets("alice", "/", "X-Original-URL: /admin"), says(403, "blocked")},
		{chatbots.WAF403, gets("alice", "/x/../admin"), says(403, "blocked")},
		{chatbots.ShortLivedTokens, func(x *rig) reply {
			x.token("alice")
			x.clock.move(3 * time.Second)
			return x.get("alice", "/api/me")
		}, status(401)},
		{chatbots.LateSearch, func(x *rig) reply {
			x.send("alice", http.MethodPost, "/api/documents", map[string]string{"title": "Zebra", "text": "clover"})
			return x.get("alice", "/api/search?q=clover")
		}, says(200, `"items":[]`)},
		{chatbots.OneUserATenant, gets("anna", "/api/me"), says(200, `"tenant":"anna"`)},
		{chatbots.EchoID, gets("alice", "/api/documents/zebra"), says(404, "document zebra not found")},
		{chatbots.EchoRequest, gets("alice", "/nowhere?q=zebra"), says(404, "/nowhere?q=zebra")},
		{chatbots.Pagination, gets("alice", "/api/documents"), says(200, `"next":"/api/documents?from=20"`)},
		{chatbots.Pagination, func(x *rig) reply {
			if n := len(x.get("alice", "/api/documents").items(x.T)); n != 20 {
				x.Errorf("%d items", n)
			}
			return x.get("alice", "/api/documents?from=20")
		}, says(200, "Notes on the saffron 23")},
		{chatbots.DelayedWrites, func(x *rig) reply {
			made := x.send("alice", http.MethodPost, "/api/documents", map[string]string{"title": "Zebra"})
			return x.get("alice", fmt.Sprint("/api/documents/", made.json(x.T)["id"]))
		}, status(404)},
		{chatbots.ETag304, func(x *rig) reply {
			return x.get("alice", "/api/me", header("If-None-Match: "+x.get("alice", "/api/me").header.Get("ETag")))
		}, status(304)},
		{chatbots.CookieOnly, func(x *rig) reply {
			return x.send("", http.MethodPost, "/api/documents", map[string]string{"title": "Zebra"}, x.login("alice")[0])
		}, says(403, "X-CSRF-Token")},
	} {
		t.Run(test.oddity, func(t *testing.T) {
			t.Parallel()
			cfg := chatbots.Config{}
			if test.oddity != "" {
				cfg.Oddities = []string{test.oddity}
			}
			if wrong := test.wrong(test.ask(newRig(t, cfg))); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

func TestSlowReplies(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{Oddities: []string{chatbots.SlowReplies}})
	began := time.Now()
	if got := x.get("", "/healthz"); !got.ok() {
		t.Errorf("status %d", got.status)
	}
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func TestRandomOrder(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{Oddities: []string{chatbots.RandomOrder, chatbots.Pagination}})
	first := x.get("alice", "/api/documents").text
	for range 100 {
		if x.get("alice", "/api/documents").text != first {
			return
		}
	}
	t.Error("always the same order")
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{Oddities: []string{chatbots.RateLimit}, RequestsPerSecond: 3})
	for range 3 {
		if got := x.get("", "/healthz"); !got.ok() {
			t.Errorf("status %d below the limit", got.status)
		}
	}
	if got := x.get("", "/healthz"); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" {
		t.Errorf("above the limit: %d %v", got.status, got.header)
	}
	x.clock.move(time.Second)
	if got := x.get("", "/healthz"); !got.ok() {
		t.Errorf("status %d a second later", got.status)
	}
}

func TestCookiesRotate(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{Oddities: []string{chatbots.CookiesRotate}})
	first := x.form("alice", "")
	got := x.get("", "/api/me", header("Cookie: sid="+first))
	second := got.cookie()
	if !got.ok() || second == "" || second == first {
		t.Fatalf("%d, cookie %q after %q", got.status, second, first)
	}
	if !x.get("", "/api/me", header("Cookie: sid="+first)).ok() {
		t.Error("a request on its way is refused")
	}
	x.clock.move(time.Minute)
	if x.get("", "/api/me", header("Cookie: sid="+first)).ok() {
		t.Error("the old cookie stays valid")
	}
	if !x.get("", "/api/me", header("Cookie: sid="+second)).ok() {
		t.Error("the new cookie is refused")
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{Oddities: []string{chatbots.GzipReplies}})
	got := x.get("alice", "/api/me", "Accept-Encoding: gzip")
	z, err := gzip.NewReader(strings.NewReader(got.text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(plain), "alice@acme.example") {
		t.Errorf("%v in %s", err, plain)
	}
}
