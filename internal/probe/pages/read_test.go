// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ours(u *url.URL) bool { return u.Host == "app.example.com" }

func here(t *testing.T, path string) *url.URL {
	t.Helper()
	u, err := url.Parse("https://app.example.com" + path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func told(f *Finder) string {
	var all []string
	for _, r := range f.Routes() {
		all = append(all, strings.TrimSpace(r.Method+" "+r.Path))
	}
	return strings.Join(all, ", ")
}

func TestWhatAScriptAsksFor(t *testing.T) {
	for script, want := range map[string]string{
		// Calls.
		`fetch("/api/notes")`: "GET /api/notes",
		`fetch('/api/notes', {method: "post", body: JSON.stringify(x)})`:            "POST /api/notes",
		`fetch("/api/notes", options)`:                                              "/api/notes",
		"fetch(`/api/notes/${id}`)":                                                 "GET /api/notes/{id}",
		"fetch(`/api/notes/${note.id}/text`, {headers: h, method: 'DELETE'})":       "DELETE /api/notes/{id}/text",
		"fetch(`/api/notes/${encodeURIComponent(noteId)}`)":                         "GET /api/notes/{noteId}",
		"fetch(`/api/notes?page=${n}&x=1`)":                                         "GET /api/notes",
		"fetch(`/api/notes${query}`)":                                               "GET /api/notes",
		`fetch("/api/notes/" + id + "/text")`:                                       "GET /api/notes/{id}/text",
		`fetch("/api/notes/".concat(id, "/text"))`:                                  "GET /api/notes/{id}/text",
		`fetch("/api/notes/:id".replace(":id", id))`:                                "GET /api/notes/{id}",
		`fetch("api/notes")`:                                                        "GET /api/notes",
		`fetch(all ? "/api/all" : "/api/mine")`:                                     "GET /api/all, /api/mine",
		`axios.get("/api/notes", {params: {page: 1}})`:                              "GET /api/notes",
		`t.A.delete("/api/notes/" + e)`:                                             "DELETE /api/notes/{e}",
		`axios({url: "/api/notes", method: "put", data: x})`:                        "PUT /api/notes",
		`$.ajax({type: "POST", url: "/api/notes"})`:                                 "POST /api/notes",
		`x.open("PATCH", "/api/notes/" + id, true)`:                                 "PATCH /api/notes/{id}",
		`navigator.sendBeacon("/api/seen", b)`:                                      "POST /api/seen",
		`new EventSource("/api/events")`:                                            "GET /api/events",
		`new URL("/api/notes", location.origin)`:                                    "/api/notes",
		`new WebSocket("/api/socket")`:                                              "",
		`const q = useSWR("/api/notes", get)`:                                       "/api/notes",
		`n(e.t, "/api/notes", {method: "POST"})`:                                    "/api/notes",
		`fetch("/a", {method: "POST"}).then(r => r.json()).then(() => fetch("/b"))`: "POST /a, GET /b",
		"fetch(`/api/x/${f(`/api/y/${z}`)}`)":                                       "GET /api/x/{f}, /api/y/{z}",
		`fetch("\u002fapi\/notes")`:                                                 "GET /api/notes",
		// What stands in front.
		"const API = '/api/v1'; fetch(`${API}/notes`)":                                            "/api/v1, GET /api/v1/notes, GET /notes",
		`var e="/api";t.get(e+"/notes/"+n)`:                                                       "/api, GET /api/notes/{n}, GET /notes/{n}",
		`const c = axios.create({baseURL: "/api/v2"}); c.get("/notes"); c.post("notes/" + id)`:    "/api/v2, GET /api/v2/notes, POST /api/v2/notes/{id}, GET /notes",
		`const base = import.meta.env.VITE_URL || "/api"; fetch(base + "/notes")`:                 "/api, GET /api/notes, GET /notes",
		`const BASE_URL = "https://app.example.com/api"; fetch(BASE_URL + "/notes")`:              "/api, GET /api/notes, GET /notes",
		`fetch("https://app.example.com/api/notes?x"); fetch("https://api.example.org/v1/notes")`: "GET /api/notes",
		`fetch("https://app.example.com@evil.example/api/notes")`:                                 "",
		`fetch("//evil.example/api/notes")`:                                                       "",
		"const version = 'v3'; fetch(`/api/${version}/notes`)":                                    "GET /api/v3/notes",
		// What is no route.
		`a = "text/html"; b = "application/json"; c = "MM/DD/YYYY"; d = "/"; e = "//"; f = "/*"; g = "/^x$/"; h = "/a b"; i = "@scope/pkg"; j = "/.."`: "",
		`x = /["'/]api\/notes/; y = a / b / "/z".length; fetch("/api/after")`:                                                                          "GET /api/after, /z",
		`if (x) /"/.test(y); fetch("/api/after")`:                                                                                                      "GET /api/after",
		`x = "/logo.svg"; y = "/assets/app.css"; z = "/fonts/a.woff2"`:                                                                                 "",
		`// fetch("/api/comment")` + "\n/* '/api/comment' */":                                                                                          "",
		`a.innerHTML = "<a href='/x'>" + b + "</a>"; c = d + "</div>"`:                                                                                 "",
		`map.get("key"); headers.get("content-type"); params.delete("a/b c"); cache.get("users/" + id)`:                                                "",
		// What does not fit together.
		`}}]) fetch("/api/notes")`:                                     "GET /api/notes",
		"fetch('/api/notes\nfetch('/api/files')":                       "GET /api/files",
		"return <p>Don't</p>\nfetch('/api/files')":                     "GET /api/files",
		"const x: Array<string> = await api.get<Note[]>('/api/files')": "/api/files",
	} {
		f := &Finder{}
		f.Script(here(t, "/app.js"), []byte(script), ours)
		if diff := cmp.Diff(want, told(f)); diff != "" {
			t.Errorf("%s:\n%s", script, diff)
		}
	}
}

func TestWhatAPageNames(t *testing.T) {
	f := &Finder{}
	links := f.Page(here(t, "/app/"), []byte(`<!DOCTYPE html><base href="/b/"><link rel=modulepreload href=m.js><link rel="preload" as="script" href="/p.js"><link rel=stylesheet href=s.css>
<a href="one">1</a><a href="/two#x">2</a><a href="https://app.example.com/three">3</a><a href="//other.example/x">o</a><a href="javascript:alert(1)">j</a>
<a href="https://app.example.com@other.example/">u</a><a href="https://user:pw@app.example.com/u">u</a><a href="mailto:a@example.com">m</a><a href="data:text/html,x">d</a>
<form action="/login" method=post></form><form action="/find"></form><button hx-delete="/items/1">x</button>
<iframe src="/frame"></iframe><script src="a.js"></script><script type="module">fetch("/api/inline"); import("./lazy.js")</script>
<script type="text/template"><a href="/api/no"></script><script id="d" type="application/json">{"page": "/api/data"}</script>`), ours)
	var got []string
	for _, list := range [][]*url.URL{links.Pages, links.Scripts, links.Maps} {
		for _, u := range list {
			got = append(got, u.String())
		}
	}
	want := []string{
		"https://app.example.com/b/one", "https://app.example.com/two", "https://app.example.com/three", "https://app.example.com/frame",
		"https://app.example.com/b/m.js", "https://app.example.com/p.js", "https://app.example.com/b/a.js", "https://app.example.com/b/lazy.js",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("/api/data, GET /api/inline, GET /find, DELETE /items/1, POST /login", told(f)); diff != "" {
		t.Error(diff)
	}
}

func TestSourceMaps(t *testing.T) {
	full := `{"version": 3, "names": ["sources", "x"], "sources": ["src/a.ts", "../node_modules/lib/x.js"], "sourcesContent": ["fetch('/api/mine')", "fetch('/api/theirs')"], "mappings": "AAAA"}`
	for name, test := range map[string]struct{ doc, want string }{
		"whole":             {full, "GET /api/mine"},
		"against including": {")]}'\n" + full, "GET /api/mine"},
		"in another order":  {`{"sourcesContent": ["fetch('/api/mine')", null, "fetch('/api/theirs')"], "sources": ["a", "b", "node_modules/c"]}`, "GET /api/mine"},
		"in sections":       {`{"sections": [{"map": ` + full + `}, {"map": ` + strings.ReplaceAll(full, "mine", "yours") + `}]}`, "GET /api/mine, GET /api/yours"},
		"cut off":           {strings.TrimSuffix(full, `, "fetch('/api/theirs')"], "mappings": "AAAA"}`), "GET /api/mine"},
		"deep":              {strings.Repeat("[", 100_000), ""},
		"no map":            {`"sources"`, ""},
		"odd":               {`{"sources": 7, "sourcesContent": [[["fetch('/x')"]]]}`, ""},
	} {
		f := &Finder{}
		f.Map([]byte(test.doc), ours)
		if diff := cmp.Diff(test.want, told(f)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	f := &Finder{}
	links := f.Script(here(t, "/js/a.js"), []byte("x()\n//# sourceMappingURL=a.js.map"), ours)
	if len(links.Maps) != 1 || links.Maps[0].Path != "/js/a.js.map" {
		t.Errorf("%v", links.Maps)
	}
	f.Script(here(t, "/js/b.js"), []byte("//# sourceMappingURL=data:application/json;base64,"+base64.StdEncoding.EncodeToString([]byte(full))), ours)
	if diff := cmp.Diff("GET /api/mine", told(f)); diff != "" {
		t.Error(diff)
	}
}

func TestHostileDocumentsEnd(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, script := range map[string]string{
		"brackets": strings.Repeat("([{", 500_000), "templates": strings.Repeat("`${", 500_000), "pluses": strings.Repeat(`"/a"+`, 500_000), "quotes": strings.Repeat("'", 1_000_000),
		"slashes": strings.Repeat("/", 1_000_000), "paths": strings.Repeat(`"/a/b",`, 500_000), "a long path": `fetch("/` + long + `")`, "zeros": strings.Repeat("\x00", 1_000_000),
		"names": func() string {
			var b strings.Builder
			for i := range 200_000 {
				fmt.Fprintf(&b, `var a%d="/p%d";`, i, i)
			}
			return b.String()
		}(), "concat": `"/a"` + strings.Repeat(".concat(", 100_000), "braces": strings.Repeat("}", 1_000_000), "no expressions": strings.Repeat("/\n", 500_000), "comments": strings.Repeat("/*", 500_000),
	} {
		f := &Finder{}
		f.Script(here(t, "/a.js"), []byte(script), ours)
		f.Page(here(t, "/"), []byte("<script>"+script), ours)
		f.Page(here(t, "/"), []byte(strings.Repeat("<a href='"+script[:100]+"'>", 20_000)), ours)
		if n := len(f.Routes()); n > 2*maxRoutes {
			t.Errorf("%s: %d routes", name, n)
		}
	}
}

func FuzzDocuments(f *testing.F) {
	f.Add(`fetch("/api/" + id).then(x => { y = "/z" ? a : b })`)
	f.Add("`${a}${`/x/${b}`}`")
	f.Add(`<script>"/a".concat("/b", [c])</script><a href="/x">`)
	f.Add("<script>\"/a\"\xe0\xe0\xe0\xe0.concat(\"/b\", [c]#</sCript 0000000000000")
	f.Fuzz(func(t *testing.T, doc string) {
		finder := &Finder{}
		finder.Script(here(t, "/a.js"), []byte(doc), ours)
		finder.Page(here(t, "/"), []byte(doc), ours)
		finder.Map([]byte(doc), ours)
		text, _ := json.Marshal([]string{doc})
		finder.Map([]byte(`{"sources": [], "sourcesContent": `+string(text)+`}`), ours)
		for _, r := range finder.Routes() {
			if _, ok := Clean(r.Path); !ok || strings.ContainsAny(r.Path, " \n\"'<>$") {
				t.Errorf("%q is no path", r.Path)
			}
		}
	})
}
