// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// front is the REST app behind a page with scripts. Nothing but these says what else there is.
type front struct {
	*rest
	// files are what it serves by their paths, with "/" as its page.
	files map[string]string
	// others answers what else there is; posts are paths that take POST alone.
	others http.HandlerFunc
	posts  []string
	// shell answers every other path with the page, as an app does that runs in the browser.
	shell bool
	mu    sync.Mutex
	// asked are the requests, "GET /x as alice".
	asked []string
}

func newFront(script string) *front {
	return &front{rest: &rest{core: newCore()}, files: map[string]string{
		"/":       `<!DOCTYPE html><title>Notes</title><link rel="stylesheet" href="/app.css"><div id="app"></div><script type="module" src="/app.js"></script>`,
		"/app.js": script,
	}}
}

func (a *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := "nobody"
	if u := a.who(a.token(r)); u != nil {
		name = u.name
	}
	a.mu.Lock()
	a.asked = append(a.asked, r.Method+" "+r.URL.RequestURI()+" as "+name)
	a.mu.Unlock()
	for _, path := range a.posts {
		if r.URL.Path == path && r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
			giveJSON(w, http.StatusMethodNotAllowed, map[string]any{"error": "method not allowed"})
			return
		}
	}
	if body, ok := a.files[r.URL.Path]; ok {
		http.ServeContent(w, r, r.URL.Path, time.Time{}, strings.NewReader(body))
		return
	}
	if a.others != nil {
		o := &answered{ResponseWriter: w}
		if a.others(o, r); o.done {
			return
		}
	}
	known := strings.HasPrefix(r.URL.Path, "/notes") || r.URL.Path == "/login" || r.URL.Path == "/logout" || r.URL.Path == "/admin"
	if a.shell && !known && !strings.HasPrefix(r.URL.Path, "/api/") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "%s<meta name=nonce content=%p>", a.files["/"], r)
		return
	}
	a.rest.ServeHTTP(w, r)
}

// everything answers a path with everybody's notes.
func (a *front) everything(path string, nobodyToo bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || !nobodyToo && a.who(a.token(r)) == nil {
			return
		}
		texts := []any{}
		for _, n := range a.all() {
			texts = append(texts, n.text)
		}
		giveJSON(w, http.StatusOK, map[string]any{"items": texts})
	}
}

// own is what its script asks for of what is described.
const own = "const api = '/notes'; export const all = () => fetch(api); export const one = id => fetch(`/notes/${id}`, {headers});\n" +
	"fetch('/login', {method: 'POST'}); "

func TestWhatOnlyABundleNamesIsAsked(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		leak   func(a *front) http.HandlerFunc
		row    v1alpha1.Row
		saying string
	}{
		"a list":                          {`fetch("/feed")`, func(a *front) http.HandlerFunc { return a.everything("/feed", false) }, tenants, "ForeignObjectListed at GET /feed as bob"},
		"a list whose method nobody says": {`const paths = {feed: "/feed"}`, func(a *front) http.HandlerFunc { return a.everything("/feed", false) }, tenants, "ForeignObjectListed at GET /feed as bob"},
		"a list for nobody":               {`axios.get("/feed")`, func(a *front) http.HandlerFunc { return a.everything("/feed", true) }, auth, "AnonymousAccess at GET /feed as nobody"},
		"a list asked for by HEAD":        {`fetch("/feed", {method: "HEAD"})`, func(a *front) http.HandlerFunc { return a.everything("/feed", false) }, tenants, "ForeignObjectListed at GET /feed as bob"},
		"a list among many names": {strings.Repeat("x();", 9) + words(300) + `fetch("/zz/api/feed")`, func(a *front) http.HandlerFunc { return a.everything("/zz/api/feed", false) }, tenants,
			"ForeignObjectListed at GET /zz/api/feed as bob"},
		"a list below auth":    {`fetch("/auth/people")`, func(a *front) http.HandlerFunc { return a.everything("/auth/people", false) }, tenants, "ForeignObjectListed at GET /auth/people as bob"},
		"a list behind a base": {`const c = axios.create({baseURL: "/v2"}); c.get("feed")`, func(a *front) http.HandlerFunc { return a.everything("/v2/feed", false) }, tenants, "ForeignObjectListed at GET /v2/feed as bob"},
		"a part of a note": {"fetch(`/notes/${note.id}/raw`)", func(a *front) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				for _, n := range a.all() {
					if r.URL.Path == "/notes/"+n.id+"/raw" && a.who(a.token(r)) != nil {
						giveJSON(w, http.StatusOK, map[string]any{"raw": n.text})
					}
				}
			}
		}, tenants, "ForeignObjectReadable at GET /notes/$(id)/raw as bob"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newFront(own + test.script)
			a.others = test.leak(a)
			m := measure(t, a.core, a, restDescription)
			m.wants(t, test.row, fail, test.saying)
			m.wants(t, test.row, fail, "in spec.app and the app's pages and scripts")
			quiet := newFront(own + test.script)
			measure(t, quiet.core, quiet, restDescription).passes(t)
		})
	}
}

// words gives a script that holds n texts which may be paths.
func words(n int) (script string) {
	for i := range n {
		script += fmt.Sprintf("f('/word-%c%c/of-it');", 'a'+i%26, 'a'+i/26)
	}
	return script
}

// posting gives a script that posts to n paths, and the paths.
func posting(n int) (script string, paths []string) {
	for i := range n {
		path := fmt.Sprintf("/things%d", i)
		script += fmt.Sprintf("fetch('%s', {method: 'POST', body});\n", path)
		paths = append(paths, path)
	}
	return script, paths
}

func TestTooMuchThatABundleNamesIsLowCoverage(t *testing.T) {
	percent := func(n int32) *int32 { return &n }
	for name, test := range map[string]struct {
		named       int
		description string
		most        *int32
		verdict     v1alpha1.Verdict
		saying      string
	}{
		"none":                 {0, "", nil, pass, "Of 8 operations in spec.app and the app's pages and scripts 8 are described and 0 were asked besides"},
		"fewer than three":     {2, "", nil, pass, "2 could not be asked: POST /things0, POST /things1."},
		"three":                {3, "", nil, unknown, "3 of 11 operations in spec.app and the app's pages and scripts that are not public (28 %, where at most 20 % may be) are neither described nor could be asked: POST /things0, POST /things1, POST /things2."},
		"more than are listed": {9, "", nil, unknown, "POST /things4 and 4 more"},
		"by several names":     {3, "", nil, unknown, "3 of 11 operations"},
		"the policy allows it": {3, "", percent(30), pass, "3 could not be asked"},
		"it allows none":       {1, "", percent(0), unknown, "1 of 9 operations"},
		"they are left out":    {4, "openAPI: {untested: [/things0, /things1]}\n", nil, pass, "2 left out by spec.app.openAPI.untested"},
		"they are public":      {4, "openAPI: {public: [/things0, /things1]}\n", nil, pass, "2 are public"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script, paths := posting(test.named)
			a := newFront(own + script + "const s = ['/things1', '/things2']; f(`/notes/${x}`); fetch(`/notes/${y}`)")
			a.posts = paths
			m := measureWith(t, a.core, a, restDescription+test.description, test.most)
			for _, row := range []v1alpha1.Row{auth, tenants} {
				m.wants(t, row, test.verdict, test.saying)
				if test.verdict == unknown && m.rows[row].Reason != "LowCoverage" {
					t.Errorf("the reason is %s", m.rows[row].Reason)
				}
			}
			a.sentNothingUnsafe(t, "/things")
		})
	}
}

// sentNothingUnsafe fails where a path was asked for otherwise than to read.
func (a *front) sentNothingUnsafe(t *testing.T, path string) {
	t.Helper()
	for _, request := range a.asked {
		method, rest, _ := strings.Cut(request, " ")
		if strings.HasPrefix(rest, path) && method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions {
			t.Error(request)
		}
	}
}

func TestASandboxDoesNotMakeABundleADescription(t *testing.T) {
	script, paths := posting(3)
	a := newFront(own + script + "fetch(`/notes/${id}/title`, {method: 'PUT'}); fetch(`/notes/${id}/shred`, {method: 'DELETE'}); fetch('/jobs/run')")
	a.posts = paths
	a.others = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/jobs/run" || strings.HasSuffix(r.URL.Path, "/title") || strings.HasSuffix(r.URL.Path, "/shred") {
			w.Header().Set("Allow", "GET, PUT, DELETE")
			giveJSON(w, http.StatusOK, map[string]any{"done": true})
		}
	}
	m := measure(t, a.core, a, restDescription+"writes: Sandbox\n")
	m.wants(t, tenants, unknown, "PUT /notes/{id}/title")
	m.wants(t, tenants, unknown, "GET /jobs/run")
	a.sentNothingUnsafe(t, "/things")
	for _, request := range a.asked {
		if strings.HasPrefix(request, "GET /jobs/run") || strings.HasPrefix(request, "PUT /notes/") && strings.Contains(request, "/title") || strings.Contains(request, "/shred") && !strings.HasPrefix(request, "OPTIONS") {
			t.Error(request)
		}
	}
}

func TestWhatIsNotThereDoesNotCount(t *testing.T) {
	script := own + `const routes = [{path: "/notes/:id/edit"}, {path: "/settings"}, {path: "/pricing"}, {path: "/people/:id"}, {path: "/teams/:team/members/:id"}, {path: "/404"}];
const types = ["text/html", "application/json", "MM/DD/YYYY", "/*", "/^x/", "/dev/null", "/etc/passwd", "/index.html"];
fetch("/v1/traces", {method: "POST"}); fetch("/v1/metrics", {method: "POST"}); fetch("/v1/logs", {method: "POST"}); fetch("/oauth/token", {method: "POST"});
fetch("https://telemetry.example.org/envelope", {method: "POST"}); fetch("//cdn.example.org/x"); axios.put("/_next/" + x); f("/foo"); f("/bar/baz"); f("/qux/" + y);` +
		"fetch(`/api/${p}/envelope/`, {method: 'POST'}); n.delete(`/a/${b}/c`)"
	for _, shell := range []bool{false, true} {
		a := newFront(script)
		a.shell = shell
		m := measure(t, a.core, a, restDescription)
		m.passes(t)
		m.wants(t, tenants, pass, "Of 8 operations in spec.app and the app's pages and scripts 8 are described and 0 were asked besides; 0 are public, 0 not there, 0 left out by spec.app.openAPI.untested, 0 could not be asked.")
	}
}

func TestHowWhatIsThereIsNoticed(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		others func(a *front, w http.ResponseWriter, r *http.Request)
		posts  []string
		saying string
	}{
		"one of a list that is there": {"fetch('/invoices'); fetch(`/invoices/${nr}`)", func(a *front, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/invoices" && a.who(a.token(r)) != nil {
				giveJSON(w, http.StatusOK, map[string]any{"items": []any{}})
			}
		}, nil, "1 were asked besides; 0 are public, 0 not there, 0 left out by spec.app.openAPI.untested, 1 could not be asked: GET /invoices/{nr}."},
		"one that says what it misses": {"fetch(`/invoices/${nr}`)", func(a *front, w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/invoices/") && a.who(a.token(r)) != nil {
				giveJSON(w, http.StatusNotFound, map[string]any{"error": "no such invoice"})
			}
		}, nil, "1 could not be asked: GET /invoices/{nr}."},
		"for administrators alone": {"fetch('/usage')", func(a *front, w http.ResponseWriter, r *http.Request) {
			if u := a.who(a.token(r)); r.URL.Path == "/usage" && u != nil && u.admin {
				giveJSON(w, http.StatusOK, map[string]any{"seats": 17})
			}
		}, nil, "1 were asked besides"},
		"one that says more": {"fetch(`/invoices/${nr}`)", func(_ *front, w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/invoices/") {
				giveJSON(w, http.StatusNotFound, map[string]any{"error": "not found", "kind": "invoice"})
			}
		}, nil, "1 could not be asked: GET /invoices/{nr}."},
		"by PUT": {"const u = '/things'", func(_ *front, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/things" {
				w.Header().Set("Allow", "OPTIONS, PUT")
				giveJSON(w, http.StatusMethodNotAllowed, map[string]any{"error": "method not allowed"})
			}
		}, nil, "1 could not be asked: PUT /things."},
		"by what may be done there": {"fetch('/things', {method: 'POST'})", func(_ *front, w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions {
				w.Header().Set("Allow", map[bool]string{true: "OPTIONS, POST", false: "OPTIONS"}[r.URL.Path == "/things"])
				giveJSON(w, http.StatusOK, map[string]any{})
			}
		}, nil, "1 could not be asked: POST /things."},
		"not where a page is shown": {"fetch('/buy', {method: 'POST'})", func(_ *front, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/buy" {
				_, _ = fmt.Fprint(w, "<!DOCTYPE html>Buy something")
			}
		}, nil, "0 could not be asked."},
		"not by the method that is named": {"fetch('/things')", nil, []string{"/things"}, "0 could not be asked."},
		"not by GET":                      {"const u = '/things'", nil, []string{"/things"}, "1 could not be asked: POST /things."},
		"how accounts begin":              {"f('/auth/magic', {method: 'POST'}); f('/register', {method: 'POST'}); f('/password/reset', {method: 'POST'}); f('/oauth/token', {method: 'POST'})", nil, []string{"/auth/magic", "/register", "/password/reset", "/oauth/token"}, "0 could not be asked."},
		"that does not end": {"fetch('/events')", func(_ *front, _ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/events" {
				panic(http.ErrAbortHandler)
			}
		}, nil, "1 could not be asked: GET /events."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newFront(own + test.script)
			a.posts = test.posts
			if test.others != nil {
				a.others = func(w http.ResponseWriter, r *http.Request) { test.others(a, w, r) }
			}
			m := measure(t, a.core, a, restDescription)
			m.passes(t)
			m.wants(t, tenants, pass, test.saying)
			events := 0
			for _, request := range a.asked {
				if strings.HasPrefix(request, "GET /events") {
					events++
				}
			}
			if events > 3 { // the transport tries again by itself on a connection that was kept
				t.Errorf("what does not end was asked for %d times", events)
			}
		})
	}
}

func TestPagesAndFilesDoNotCount(t *testing.T) {
	a := newFront(own + `go("/prices"); go("/imprint"); go("/terms"); go("/logo"); go("/moved"); go("/prices/" + id)`)
	a.others = func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/prices", "/imprint", "/terms":
			_, _ = fmt.Fprintf(w, "<!DOCTYPE html><h1>%d words</h1><p>%s</p>", 10*len(r.URL.Path), strings.Repeat("All that there is to say. ", 40)) //nolint:gosec // a number alone comes from the request
		case "/logo":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte{1, 2, 3})
		case "/moved":
			http.Redirect(w, r, "/prices", http.StatusFound)
		}
	}
	m := measure(t, a.core, a, restDescription)
	m.passes(t)
	m.wants(t, tenants, pass, "Of 8 operations in")
}

func TestAPageThatShowsWhatOthersHaveIsFound(t *testing.T) {
	a := newFront(own)
	a.files["/"] += `<a href="/board">Board</a>`
	a.others = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/board" {
			w.Header().Set("Content-Type", "text/html")
			for _, n := range a.all() {
				_, _ = fmt.Fprintf(w, "<p>%s</p>", n.text)
			}
		}
	}
	measure(t, a.core, a, restDescription).wants(t, auth, fail, "AnonymousAccess at GET /board as nobody")
}

func TestWhereAScriptLeadsIsFollowed(t *testing.T) {
	const leads = `fetch("/feed")`
	for name, files := range map[string]map[string]string{
		"a chunk":                   {"/app.js": own + `const x = () => import("./chunk-4f.js")`, "/chunk-4f.js": leads},
		"a chunk of a chunk":        {"/app.js": own + `m(["assets/a.js"])`, "/assets/a.js": `import "./b.js"`, "/assets/b.js": leads},
		"a source map":              {"/app.js": own + "\n//# sourceMappingURL=app.js.map", "/app.js.map": `{"version": 3, "sources": ["a.ts"], "sourcesContent": ["fetch(\"/feed\")"]}`},
		"a link":                    {"/": `<!DOCTYPE html><a href="/about">About</a>`, "/about": `<!DOCTYPE html><script>` + leads + `</script>`},
		"a redirect":                {"/": `<!DOCTYPE html><a href="/old">x</a>`, "/new": `<!DOCTYPE html><script>` + leads + `</script>`},
		"a preloaded module":        {"/": `<!DOCTYPE html><link rel="modulepreload" href="/m.js">`, "/m.js": leads},
		"the end of a large script": {"/app.js": own + strings.Repeat("x();", 600_000) + leads},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newFront(own)
			for path, body := range files {
				a.files[path] = body
			}
			leak := a.everything("/feed", false)
			a.others = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/old" {
					http.Redirect(w, r, "/new", http.StatusMovedPermanently)
					return
				}
				leak(w, r)
			}
			measure(t, a.core, a, restDescription).wants(t, tenants, fail, "ForeignObjectListed at GET /feed as bob")
		})
	}
}

func TestEverybodyIsShownTheirOwnPages(t *testing.T) {
	for _, to := range []string{"nobody", "alice"} {
		a := newFront(own)
		leak := a.everything("/feed", false)
		delete(a.files, "/")
		a.others = func(w http.ResponseWriter, r *http.Request) {
			name := "nobody"
			if u := a.who(a.token(r)); u != nil {
				name = u.name
			}
			switch {
			case r.URL.Path == "/" && name == to:
				w.WriteHeader(http.StatusUnauthorized) // as pages that ask for a login have it
				_, _ = fmt.Fprint(w, `<!DOCTYPE html><script>fetch("/feed")</script>`)
			case r.URL.Path == "/":
				_, _ = fmt.Fprint(w, `<!DOCTYPE html>Hello`)
			default:
				leak(w, r)
			}
		}
		measure(t, a.core, a, restDescription).wants(t, tenants, fail, "ForeignObjectListed at GET /feed as bob")
	}
}

func TestTheSourceMapMayStandInAHeader(t *testing.T) {
	a := newFront(own)
	leak := a.everything("/feed", false)
	delete(a.files, "/app.js")
	a.others = func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/app.js":
			w.Header().Set("SourceMap", "/maps/app.map")
			_, _ = fmt.Fprint(w, own)
		case "/maps/app.map":
			_, _ = fmt.Fprint(w, `{"sourcesContent": ["fetch('/feed')"]}`)
		default:
			leak(w, r)
		}
	}
	measure(t, a.core, a, restDescription).wants(t, tenants, fail, "ForeignObjectListed at GET /feed as bob")
}

func TestTheCrawlGoesWhereNothingCanChange(t *testing.T) {
	a := newFront(own)
	carol := &user{name: "carol", password: "pw-of-carol-2384", tenant: "initech"}
	foreign := a.create(carol, "The merger is on the ninth")
	never := []string{
		"/account/logout", "/sign-out", "/delete", "/unsubscribe", "/jobs/run", "/list?do=delete", "/list?", "/notes/" + foreign, "/people/1234567", "/notes/slug-of-a-note",
		"/files/3f2b8a52-9d0a-4c55-8f0e-2b7a7e1f9c11/text",
	}
	page := a.files["/"]
	for _, path := range never {
		page += fmt.Sprintf(`<a href="%s">x</a>`, path)
	}
	for i := range 30 {
		page += fmt.Sprintf(`<a href="/articles/title-%c%c">x</a>`, 'a'+i%26, 'a'+i/26)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked for elsewhere", r.URL) }))
	defer elsewhere.Close()
	host := strings.TrimPrefix(elsewhere.URL, "http://")
	for _, href := range []string{
		elsewhere.URL + "/u", "//" + host + "/u", "https://app.example.com@" + host + "/u", "http:\\\\" + host + "\\u", "javascript:location='" + elsewhere.URL + "'",
		"https://app.example.com:pw@" + host, "data:text/html,<script src=" + elsewhere.URL + ">", "https://app.example.com." + host + "/u", "file:///etc/passwd",
	} {
		page += fmt.Sprintf(`<a href="%s">x</a><script src="%s"></script><iframe src="%s"></iframe>`, href, href, href)
	}
	a.files["/"] = page + `<a href="/away">x</a>`
	a.others = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, elsewhere.URL+"/u", http.StatusFound)
		}
	}
	measure(t, a.core, a, restDescription)
	if !slices.Contains(a.asked, "GET /away as nobody") {
		t.Error("the redirect was not met, so that the test says nothing of it")
	}
	for _, request := range a.asked {
		for _, path := range append(never, "/u") {
			if strings.HasPrefix(request, "GET "+path+" ") {
				t.Error(request)
			}
		}
		if strings.Contains(request, "/articles/title-") || strings.Contains(request, "etc/passwd") {
			t.Error(request)
		}
	}
}

func TestADescribedLogoutIsNoPageToVisit(t *testing.T) {
	a := newFront(own)
	a.files["/"] += `<a href="/bye">Leave</a><a href="/adieu">Partir</a>`
	ended := 0
	a.others = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/bye" && r.URL.Path != "/adieu" {
			return
		}
		ended++
		a.logout(a.token(r))
		_, _ = fmt.Fprint(w, "<!DOCTYPE html>Bye")
	}
	m := measure(t, a.core, a, strings.Replace(restDescription, "{method: POST, path: /logout}", "{path: /bye}", 1))
	m.passes(t)
	for _, request := range a.asked {
		if request == "GET /bye as nobody" { // a user logs out in the end, nobody never does
			t.Error(request)
		}
	}
	m.wants(t, auth, pass, "A link in the app's pages ended the session of alice, so that links were left out.")
	if ended < 2 {
		t.Error("what only looks like a page was not visited, so that the test says nothing")
	}
}

func TestHostilePagesAreSurvived(t *testing.T) {
	const most = 2500 // requests, those of what is described included
	links := func(format string, n int) string {
		var b bytes.Buffer
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	large := map[string]string{"/": "<!DOCTYPE html>" + links(`<script src="/large%d.js"></script>`, 40)}
	for i := range 40 {
		large[fmt.Sprintf("/large%d.js", i)] = strings.Repeat("x();", 750_000)
	}
	for name, files := range map[string]map[string]string{
		"ten thousand links":   {"/": "<!DOCTYPE html>" + links(`<a href="/p%d">x</a>`, 10_000)},
		"ten thousand scripts": {"/": "<!DOCTYPE html>" + links(`<script src="/p%d.js"></script>`, 10_000)},
		"ten thousand routes":  {"/app.js": own + links(`fetch("/api/r%d");`, 10_000)},
		"many large scripts":   large,
		"a cycle":              {"/": `<!DOCTYPE html><a href="/a">x</a>`, "/a": `<!DOCTYPE html><a href="/">x</a><a href="/a">x</a><a href="/a/./">x</a><a href="a/a">x</a>`},
		"deep markup":          {"/": "<!DOCTYPE html>" + strings.Repeat("<div>", 200_000)},
		"an open template":     {"/app.js": own + strings.Repeat("`${", 300_000)},
		"a large script":       {"/app.js": own + strings.Repeat(`f("/a/b");`, 800_000)},
		"a deep map":           {"/app.js": own + "\n//# sourceMappingURL=x.map", "/x.map": strings.Repeat(`{"sections":[`, 80_000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newFront(own)
			for path, body := range files {
				a.files[path] = body
			}
			begun := time.Now()
			m := measure(t, a.core, a, restDescription)
			m.wants(t, tenants, pass, map[bool]string{true: "more routes that the app's pages and scripts name were not looked for"}[name == "ten thousand routes"])
			if n := len(m.paths); n > most {
				t.Errorf("%d requests were sent", n)
			}
			scripts := 0
			for _, request := range a.asked {
				if strings.Contains(request, ".js ") {
					scripts++
				}
			}
			if most := map[bool]int{false: 60, true: 30}[name == "many large scripts"]; scripts > most {
				t.Errorf("%d scripts were asked for, want %d at most", scripts, most)
			}
			t.Logf("%d requests in %s", len(m.paths), time.Since(begun))
		})
	}
}

func TestADocumentAndABundleAreOneList(t *testing.T) {
	a := newFront(own + "const p = '/plan'; fetch('/api/quota'); fetch('/api/usage'); fetch('/feed'); fetch(`/notes/${n}/raw`); fetch('/feed', {method: 'POST'});" +
		"fetch('/things0', {method: 'POST'}); fetch('/things1', {method: 'POST'})")
	feed := a.everything("/feed", false)
	a.others = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/feed" && r.Method == http.MethodGet:
			feed(w, r)
		case r.URL.Path == "/feed" && r.Method == http.MethodOptions:
			w.Header().Set("Allow", "GET, POST")
			giveJSON(w, http.StatusOK, map[string]any{})
		case slices.Contains([]string{"/plan", "/api/quota", "/api/usage"}, r.URL.Path) && a.who(a.token(r)) != nil:
			giveJSON(w, http.StatusOK, map[string]any{"left": 3})
		}
	}
	a.posts = []string{"/things0", "/things1"}
	a.files["/openapi.json"] = `{"openapi": "3.1.0", "security": [{"token": []}], "paths": {` + restPaths + `, "/plan": {"get": {}}, "/feed": {"get": {}}, "/notes/{noteId}/raw": {"get": {}}, "/things0": {"post": {}}}}`
	m := measure(t, a.core, a, restDescription+"openAPI: {path: /openapi.json}\n")
	m.wants(t, tenants, fail, "Of 16 operations in /openapi.json and the app's pages and scripts 8 are described and 4 were asked besides; 0 are public, 1 not there, 0 left out by spec.app.openAPI.untested, 3 could not be asked: POST /things0, POST /feed, POST /things1.")
	m.wants(t, auth, pass, "")
}

func TestADocumentBelowAPathAndABundleAreOneList(t *testing.T) {
	a := newFront(own + "fetch('/api/quota')")
	a.others = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/quota" && a.who(a.token(r)) != nil {
			giveJSON(w, http.StatusOK, map[string]any{"left": 3})
		}
	}
	a.files["/openapi.json"] = `{"openapi": "3.1.0", "servers": [{"url": "/api"}], "paths": {"/quota": {"get": {}}}}`
	measure(t, a.core, a, restDescription+"openAPI: {path: /openapi.json}\n").wants(t, tenants, pass,
		"1 were asked besides; 0 are public, 0 not there, 0 left out by spec.app.openAPI.untested, 0 could not be asked")
}
