// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe/openapi"
)

// restPaths are those of the REST app, as its document lists them: eight operations, all described.
const restPaths = `"/login": {"post": {"security": []}}, "/logout": {"post": {}}, "/admin": {"get": {}},
	"/notes": {"get": {}, "post": {}}, "/notes/{id}": {"get": {}, "put": {}, "delete": {}}`

// documented is the REST app with a document that lists more paths, which others answer.
func documented(c *core, paths string, others http.HandlerFunc) http.Handler {
	return served(c, `{"openapi": "3.1.0", "security": [{"token": []}], "paths": {`+restPaths+paths+`}}`, others)
}

// served is the REST app with a document. What others leave alone, the app answers.
func served(c *core, doc string, others http.HandlerFunc) http.Handler {
	return between(&rest{core: c}, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/openapi.json" {
			_, _ = fmt.Fprint(w, doc)
			return true
		}
		if others == nil {
			return false
		}
		o := &answered{ResponseWriter: w}
		others(o, r)
		return o.done
	})
}

// answered notices whether anything was answered.
type answered struct {
	http.ResponseWriter
	done bool
}

func (w *answered) WriteHeader(status int) {
	w.done = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *answered) Write(data []byte) (int, error) {
	w.done = true
	return w.ResponseWriter.Write(data)
}

// unknownPosts are n operations that nobody described and that are not asked, for they may change something.
func unknownPosts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `, "/things%d": {"post": {}}`, i)
	}
	return b.String()
}

func TestTooMuchThatNobodyDescribedIsLowCoverage(t *testing.T) {
	const low = "LowCoverage"
	percent := func(n int32) *int32 { return &n }
	for name, test := range map[string]struct {
		undescribed int
		more        string
		most        *int32
		verdict     string
		saying      string
	}{
		"nothing is left":                 {0, "", nil, "Pass", "Of 8 operations in /openapi.json 8 are described and 0 were asked besides"},
		"a fifth is left":                 {2, "", nil, "Pass", "2 could not be asked: POST /things0, POST /things1."},
		"more than a fifth is left":       {3, "", nil, "Unknown", "3 of 11 operations in /openapi.json that are not public (28 %, where at most 20 % may be)"},
		"the routes are named":            {9, "", nil, "Unknown", "POST /things0, POST /things1, POST /things2, POST /things3, POST /things4 and 4 more"},
		"a policy allows more":            {3, "", percent(30), "Pass", ""},
		"a policy allows none":            {1, "", percent(0), "Unknown", low},
		"a policy allows none of none":    {0, "", percent(0), "Pass", ""},
		"they are left out":               {3, "untested: [/things0, /things1]", nil, "Pass", "2 left out by spec.app.openAPI.untested"},
		"they are public by description":  {3, "public: [/things0, /things1]", nil, "Pass", "2 are public"},
		"what is left out is not counted": {3, "untested: [/things9]", nil, "Unknown", low},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCore()
			m := measureWith(t, c, documented(c, unknownPosts(test.undescribed), nil), restDescription+"openAPI: {path: /openapi.json, "+test.more+"}\n", test.most)
			for _, row := range []v1alpha1.Row{auth, tenants} {
				if got := m.rows[row].Verdict; string(got) != test.verdict {
					t.Errorf("%s is %s, want %s", row, got, test.verdict)
				}
				m.wants(t, row, m.rows[row].Verdict, test.saying)
				if test.verdict == "Unknown" && m.rows[row].Reason != low {
					t.Errorf("the reason is %s", m.rows[row].Reason)
				}
			}
			for _, path := range m.paths {
				if strings.HasPrefix(path, "/things") {
					t.Errorf("%s was asked for", path)
				}
			}
		})
	}
}

func TestTheMessageSaysHowToDescribeWhatIsLeft(t *testing.T) {
	c := newCore()
	m := measure(t, c, documented(c, `, "/v1/invoices": {"post": {}}, "/v1/invoices/{nr}": {"get": {}, "put": {}, "delete": {}}`, nil), restDescription+"openAPI: {path: /openapi.json}\n")
	m.wants(t, tenants, unknown, "spec.app.resources: [{name: invoices, create: {request: {method: POST, path: /v1/invoices, json: {text: $(canary)}}, capture: {id: response.json.id}}, item: {path: /v1/invoices/$(id)}}]")
}

func TestAFindingWinsOverLowCoverage(t *testing.T) {
	c := newCore()
	c.leaky = true
	m := measure(t, c, documented(c, unknownPosts(9), nil), restDescription+"openAPI: {path: /openapi.json}\n")
	m.wants(t, tenants, fail, "ForeignObjectReadable")
	m.wants(t, auth, unknown, "things0")
}

func TestADocumentThatCantBeReadIsUnknownNeverAPass(t *testing.T) {
	for name, test := range map[string]struct{ doc, path, saying string }{
		"is not there":      {"{}", "/swagger.json", "it was answered 404 to root"},
		"is a page":         {"<!DOCTYPE html><h1>Welcome</h1>", "/openapi.json", "neither a JSON object nor a YAML mapping"},
		"is something else": {`{"name": "notes"}`, "/openapi.json", "it says neither openapi"},
		"is too large":      {`{"openapi": "3.1.0", "x": "` + strings.Repeat("x", openapi.MaxBytes) + `"}`, "/openapi.json", "larger than 1 MiB"},
		"is too deep":       {`{"openapi": "3.1.0", "x": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, "/openapi.json", "deeper than 100 levels"},
		"lists nothing":     {`{"openapi": "3.1.0", "paths": {}}`, "/openapi.json", "it has no paths"},
		"is another app's":  {`{"openapi": "3.1.0", "paths": {"/pets": {"post": {}}, "/pets/{id}": {"get": {}}}}`, "/openapi.json", "None of the 2 operations"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCore()
			m := measure(t, c, served(c, test.doc, nil), restDescription+"openAPI: {path: "+test.path+"}\n")
			for _, row := range []v1alpha1.Row{auth, tenants} {
				m.wants(t, row, unknown, test.saying)
			}
		})
	}
}

func TestAHostileDocumentIsSurvived(t *testing.T) {
	var paths strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&paths, `, "/p%d": {"get": {}}, "/notes/{id}/p%d": {"get": {}}`, i, i)
	}
	c := newCore()
	m := measure(t, c, documented(c, paths.String(), nil), restDescription+"openAPI: {path: /openapi.json}\n")
	m.wants(t, tenants, unknown, "20 % may be")
	if n := len(m.paths); n > 5_000 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestWhatADocumentNamesIsNotAskedForUnlessTheRunMadeIt(t *testing.T) {
	never := []string{
		`"/notes/3f2b8a52-9d0a-4c55-8f0e-2b7a7e1f9c11": {"get": {}}`, `"/notes/1234567/text": {"get": {}}`, `"/files/0123456789abcdef0123": {"get": {}}`,
		`"/x/$(credentials.password)": {"post": {}}`, `"/auth/logout": {"get": {}}`, `"/account/delete-me": {"get": {}}`, `"/jobs/run": {"get": {}}`,
		`"/people/{id}": {"get": {}, "delete": {}}`, `"/notes/{id}/parts/{part}": {"get": {}, "delete": {}}`, `"/notes/{id}/publish": {"post": {}, "put": {}}`,
		`"/notes/find": {"get": {"parameters": [{"name": "q", "in": "query", "required": true}]}}`,
		`"/elsewhere": {"$ref": "https://schemas.example.org/paths.json"}`,
	}
	c := newCore()
	carol := &user{name: "carol", password: "pw-of-carol-2384", tenant: "initech"}
	foreign := c.create(carol, "The merger is on the ninth")
	m := measure(t, c, documented(c, ", "+strings.Join(never, ", ")+fmt.Sprintf(`, "/notes/%s": {"get": {}, "put": {}, "delete": {}}`, foreign), nil), restDescription+"openAPI: {path: /openapi.json}\n")
	for _, path := range m.paths {
		for _, part := range []string{
			foreign, "3f2b8a52", "1234567", "0123456789abcdef0123", "credentials", "pw-of", "/auth/logout", "delete-me", "/jobs", "/people", "/parts", "/publish", "/notes/find", "/elsewhere",
		} {
			if strings.Contains(path, part) {
				t.Errorf("%s was asked for", path)
			}
		}
	}
	if text, ok := c.read(carol, foreign); !ok || text != "The merger is on the ninth" {
		t.Errorf("what somebody else has was changed: %q", text)
	}
	m.wants(t, tenants, unknown, "neither described nor could be asked")
}

func TestWhatIsPublicByDescriptionIsLeftAlone(t *testing.T) {
	c := newCore()
	shared := func(w http.ResponseWriter, r *http.Request) {
		// Whoever has the link may read: by design, as the description says.
		if id, ok := strings.CutPrefix(r.URL.Path, "/notes/"); ok && strings.HasSuffix(id, "/shared") {
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, n := range c.notes {
				if n.id+"/shared" == id {
					giveJSON(w, http.StatusOK, map[string]any{"text": n.text})
				}
			}
		}
	}
	for public, verdict := range map[string]string{`public: ["/notes/{note}/shared"]`: "Pass", "": "Fail"} {
		m := measure(t, c, documented(c, `, "/notes/{id}/shared": {"get": {"security": []}}`, shared), restDescription+"openAPI: {path: /openapi.json, "+public+"}\n")
		if got := m.rows[auth].Verdict; string(got) != verdict {
			t.Errorf("%q: %s, want %s", public, got, verdict)
		}
	}
}

func TestWhatTheDocumentProtectsAndNobodyIsShown(t *testing.T) {
	for name, test := range map[string]struct {
		operation, reply string
		verdict          string
		saying           string
	}{
		"a health check":              {`"get": {}`, `{"status": "ok"}`, "Pass", "ProtectedOperationOpen at GET /extra as nobody"},
		"a health check that is open": {`"get": {"security": []}`, `{"status": "ok"}`, "Pass", ""},
		"the accounts":                {`"get": {}`, `{"users": ["alice.of.acme@example.com"]}`, "Fail", "ProtectedOperationOpen at GET /extra as nobody"},
		"accounts of nobody of ours":  {`"get": {}`, `{"users": ["carol@initech.example"]}`, "Pass", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCore()
			app := documented(c, `, "/extra": {`+test.operation+`}`, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/extra" {
					_, _ = fmt.Fprint(w, test.reply)
				}
			})
			description := strings.Replace(restDescription, "capture: {token: response.json.token}", `capture: {token: response.json.token, email: '"alice.of.acme@example.com"'}`, 1)
			m := measure(t, c, app, description+"openAPI: {path: /openapi.json}\n")
			m.wants(t, auth, m.rows[auth].Verdict, test.saying)
			if got := m.rows[auth].Verdict; string(got) != test.verdict {
				t.Errorf("%s, want %s: %+v", got, test.verdict, m.rows[auth])
			}
			if strings.Contains(fmt.Sprintf("%+v", m.rows), "alice.of.acme") {
				t.Errorf("the account stands in what was said: %+v", m.rows)
			}
		})
	}
}

func TestAnOperationThatDoesNotEndIsAskedOnceAndLeft(t *testing.T) {
	c := newCore()
	var mu sync.Mutex
	times := 0
	app := documented(c, `, "/events": {"get": {}}`, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			mu.Lock()
			times++
			mu.Unlock()
			// As an app that sends nothing until something happens: whoever asks gives up.
			panic(http.ErrAbortHandler)
		}
	})
	m := measure(t, c, app, restDescription+"openAPI: {path: /openapi.json}\n")
	m.passes(t)
	m.wants(t, tenants, pass, "1 could not be asked: GET /events")
	// The transport tries again by itself on a connection that was kept.
	if times > 3 {
		t.Errorf("it was asked %d times", times)
	}
}

func TestASandboxLetsOperationsBeAskedThatMayChangeSomething(t *testing.T) {
	for writes, verdict := range map[string]string{"Sandbox": "Fail", "OwnObjects": "Pass"} {
		c := newCore()
		app := documented(c, `, "/query": {"post": {"requestBody": {"content": {"application/json": {"schema": {"required": ["text"], "properties": {"text": {"type": "string"}}}}}}}}`, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/query" {
				return
			}
			if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.ContentLength < 20 {
				t.Errorf("%s with %s and %d bytes", r.Method, r.Header.Get("Content-Type"), r.ContentLength)
			}
			all := []any{}
			c.mu.Lock()
			for _, n := range c.notes {
				all = append(all, n.text)
			}
			c.mu.Unlock()
			giveJSON(w, http.StatusOK, all)
		})
		m := measure(t, c, app, restDescription+"openAPI: {path: /openapi.json}\nwrites: "+writes+"\n")
		if got := m.rows[auth].Verdict; string(got) != verdict {
			t.Errorf("%s: %s, want %s", writes, got, verdict)
		}
	}
}

func TestWhoMaySeeAThingMayGetItByAnyOperation(t *testing.T) {
	for sharing, verdict := range map[string]string{"Tenant": "Pass", "None": "Fail"} {
		c := newCore()
		c.shared = true
		app := &rest{core: c}
		feed := func(w http.ResponseWriter, r *http.Request) {
			u := c.who(app.token(r))
			if r.URL.Path != "/feed" || u == nil {
				return
			}
			all := []any{}
			for _, n := range c.list(u) {
				all = append(all, n.text)
			}
			giveJSON(w, http.StatusOK, all)
		}
		description := strings.Replace(restDescription, "- name: notes\n", "- name: notes\n  sharing: "+sharing+"\n", 1)
		m := measure(t, c, documented(c, `, "/feed": {"get": {}}`, feed), description+"openAPI: {path: /openapi.json}\n")
		if got := m.rows[tenants].Verdict; string(got) != verdict {
			t.Errorf("%s: %s, want %s: %+v", sharing, got, verdict, m.rows[tenants])
		}
		m.wants(t, tenants, m.rows[tenants].Verdict, "1 were asked besides")
	}
}
