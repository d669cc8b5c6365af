// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/internal/detect/logmark"
)

func TestPlaces(t *testing.T) {
	const (
		field  = logmark.JSONField
		logfmt = logmark.LogfmtKey
		line   = logmark.Line
	)
	for _, c := range []struct {
		before string
		want   logmark.Place
	}{
		// JSON, and what looks like it.
		{`{"password":"`, logmark.Place{Form: field, Path: "password"}},
		{`{"level":"info","headers":{"host":"x","authorization":"Bearer `, logmark.Place{Form: field, Path: "headers.authorization", After: "Bearer"}},
		{`{"a":{"b":1},"messages":[{"role":"system"},{"role":"user","content":"`, logmark.Place{Form: field, Path: "messages[].content"}},
		{`{"tags":["x","`, logmark.Place{Form: field, Path: "tags[]"}},
		{`{"msg":"quote \" and \\","user":"`, logmark.Place{Form: field, Path: "user"}},
		{`{"msg":"login with password=`, logmark.Place{Form: field, Path: "msg", After: "password"}},
		{`{"msg":"{\"headers\":{\"cookie\":\"`, logmark.Place{Form: field, Path: "msg", After: "Cookie"}},
		{`{"card":`, logmark.Place{Form: field, Path: "card"}},
		{`{"ok":true,"ms":1.5e-3,"card":`, logmark.Place{Form: field, Path: "card"}},
		{`{"`, logmark.Place{Form: field, Path: "(a key)"}},
		{`{"sessions":{"`, logmark.Place{Form: field, Path: "sessions.(a key)"}},
		{`2026-11-26T21:00:00Z INFO handled {"email": "`, logmark.Place{Form: field, Path: "email"}},
		{`{'user': {'email': '`, logmark.Place{Form: field, Path: "user.email"}},
		{`req { headers: { cookie: 'sid=`, logmark.Place{Form: field, Path: "headers.cookie", After: "sid"}},
		{`{"a":{"b":{"c":{"d":{"e":{"f":{"g":"`, logmark.Place{Form: field, Path: "a.b.c.d.e.…g"}},
		{"{\"password\":\"x\"}\n{\"token\":\"", logmark.Place{Form: field, Path: "token"}},
		// logfmt, and klog.
		{`level=info password=`, logmark.Place{Form: logfmt, Path: "password"}},
		{`level=info msg="user \"x\" logged in with password=`, logmark.Place{Form: logfmt, Path: "msg", After: "password"}},
		{`I1126 21:00:00.000000       1 login.go:10] "Logged in" user="bob" token="`, logmark.Place{Form: logfmt, Path: "token"}},
		{`level=info http.request.header="Authorization: Bearer `, logmark.Place{Form: logfmt, Path: "http.request.header", After: "Bearer"}},
		// Lines.
		{``, logmark.Place{Form: line}},
		{`10.0.0.1 - bob [26/Nov/2026:21:00:00 +0000] "GET /login?user=bob&password=`, logmark.Place{Form: line, Path: "… GET login user= … password="}},
		{`Authorization: Bearer `, logmark.Place{Form: line, Path: "Authorization: Bearer"}},
		{`  "authorization": "Bearer `, logmark.Place{Form: line, Path: "Authorization: Bearer"}},
		{`map[User-Agent:[curl/8] Authorization:[Bearer `, logmark.Place{Form: line, Path: "… User-Agent: … Authorization: Bearer"}},
		{`{"a":1} trailing `, logmark.Place{Form: line, Path: "…"}},
		{`broken {"a" "b":`, logmark.Place{Form: line, Path: "…"}},
	} {
		if diff := cmp.Diff(c.want, logmark.Locate(c.before)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.before, diff)
		}
	}
}

func TestOthersSecretsStayOut(t *testing.T) {
	s, m := searcher(t), markers(t)
	secrets := []string{
		"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "hunter2hunter2", "alice.smith@corp.example", "4242424242424242",
		"c2VjcmV0cGFzcw==", "dGhlcGFzcw==", "c2VjcmV0cGFzc3dvcmQ=", "9f86d081-884c-4d63-9a2f-eaa0c55ad015", "correct horse battery staple", "sk_live_51H8abcdefghijklmnop",
	}
	forms := []string{
		`{"%s":{"%s":"%s","token":"MARKER"}}`, `{"msg":"%s %s","password":"%s MARKER"}`, `%s %s %s MARKER`, `user=%s %s="%s MARKER"`, `key=%s%s&x=%sMARKER`,
		`"GET /%s?%s=%s&password=MARKER HTTP/1.1"`, `%s: %s: %s: MARKER`, `{"%s":["%s",{"%s":"MARKER"}]}`, `{'%s': '%s', %s: 'MARKER'}`, `%s=%s=%s=MARKER`, `%s%s%sMARKER`,
		`Authorization: Basic %s, Bearer %s %sMARKER`, `map[%s:%s %s:MARKER]`,
	}
	for _, form := range forms {
		for _, secret := range secrets {
			for _, kind := range logmark.Kinds() {
				text := strings.ReplaceAll(fmt.Sprintf(form, secret, secret, secret), "MARKER", m.Of(kind).Value)
				seen := search(t, s, text+" "+secret+"\n")
				if len(seen.Leaks) == 0 {
					t.Errorf("%s: not found in %s", kind, form)
				}
				for _, leak := range seen.Sorted() {
					told := fmt.Sprintf("%+v %s", leak, leak.Place)
					for _, word := range append(strings.FieldsFunc(secret, func(r rune) bool { return strings.ContainsRune(" @./=", r) }), m.Of(kind).Random) {
						// A word alone, behind which "=" stands, can't be told from a key.
						if len(word) > 4 && word != "example" && word != "staple" && strings.Contains(strings.ToLower(told), strings.ToLower(word)) {
							t.Errorf("%s with %q tells %s", form, secret, told)
						}
					}
				}
			}
		}
	}
}

// place is what a place may look like.
var place = regexp.MustCompile(`^[A-Za-z0-9_.()\[\] …:="',-]{0,320}$`)

func FuzzLocate(f *testing.F) {
	for _, line := range []string{`{"a":{"b":["c`, `a=b c="d`, `GET /x?password=`, `{'a': [`, `{a:{"b\`, "}{][,:", `x "y" =`, `="`, strings.Repeat(`{"a":`, 50)} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p := logmark.Locate(line)
		if !place.MatchString(p.String()) {
			t.Fatalf("%q of %q", p, line)
		}
		if p.Form != logmark.Line {
			return
		}
		for _, word := range strings.Fields(p.Path) {
			if word != logmark.Masked && !slices.Contains(logmark.Words(), strings.TrimRight(word, ":=")) {
				t.Fatalf("%q of %q has a word that is not ours: %q", p, line, word)
			}
		}
	})
}
