// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

func TestExpandAsKubernetesDoes(t *testing.T) {
	vars := httpstep.Vars{"a": "1", "credentials.email": "x@example.com", "evil": "$(a)"}
	for _, c := range []struct{ text, want, missing string }{
		{text: "plain", want: "plain"},
		{text: "$(a)$(a)", want: "11"},
		{text: "Bearer $(credentials.email)!", want: "Bearer x@example.com!"},
		{text: "$$(a)", want: "$(a)"},
		{text: "$a $", want: "$a $"},
		{text: "$(a", want: "$(a"},
		{text: "$(evil)", want: "$(a)"},
		{text: "$(none)", missing: "none"},
	} {
		got, err := vars.Expand(c.text)
		var missing *httpstep.MissingError
		if errors.As(err, &missing) != (c.missing != "") || got != c.want {
			t.Errorf("%q: %q, %v, want %q", c.text, got, err, c.want)
		}
	}
}

func TestExpressionsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	for _, c := range []struct {
		source v1alpha1.CELExpression
		result httpstep.Result
		want   string
	}{
		{"response.status == 200", httpstep.Bool, ""},
		{"response.json.ok", httpstep.Bool, ""},
		{"response.json.items.map(i, i.id)[0]", httpstep.Text, ""},
		{`response.events.map(e, e.delta).join("")`, httpstep.Text, ""},
		{`regex.extract(response.text, 'value="([^"]+)"').orValue('')`, httpstep.Text, ""},
		{`response.headers['location']`, httpstep.Text, ""},
		{`response.duration < duration('1s')`, httpstep.Bool, ""},
		{"response.sttus == 200", httpstep.Bool, "line 1, column 9: undefined field 'sttus'"},
		{"reply.status == 200", httpstep.Bool, "line 1, column 1: undeclared reference to 'reply'"},
		{"response.status ==", httpstep.Bool, "line 1, column 19"},
		{"response.status", httpstep.Bool, "gives int, where true or false is wanted"},
		{"response.headers", httpstep.Text, "gives map(string, string), where a text is wanted"},
		{"response.status == '200'", httpstep.Bool, "no matching overload"},
	} {
		_, err := httpstep.Compile(c.source, c.result)
		if (err != nil) != (c.want != "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.source, err, c.want)
		}
	}
}

func TestTextOfAReply(t *testing.T) {
	r := &httpstep.Response{
		Status: 201, Header: http.Header{"X-A": {"1", "2"}, "Content-Type": {"text/event-stream; charset=utf-8"}},
		Body: []byte("data: {\"delta\":\"Hel\"}\n\nevent: x\ndata: {\"delta\":\"lo\"}\n\n: comment\ndata: [DONE]\n\n"),
	}
	doc := &httpstep.Response{Status: 200, Body: []byte(`{"id":17,"big":12345678901,"f":1.5,"b":true,"s":"x","l":[]}`)}
	nd := &httpstep.Response{Status: 200, Header: http.Header{"Content-Type": {"application/x-ndjson"}}, Body: []byte("{\"t\":\"a\"}\n\n{\"t\":\"b\"}\n")}
	for _, c := range []struct {
		r      *httpstep.Response
		source v1alpha1.CELExpression
		want   string
		fails  bool
	}{
		{r: r, source: `response.events.map(e, e.delta).join("")`, want: "Hello"},
		{r: nd, source: `response.events.map(e, e.t).join("")`, want: "ab"},
		{r: r, source: `response.headers["x-a"]`, want: "1, 2"},
		{r: r, source: `response.json.a`, fails: true},
		{r: doc, source: `response.json.id`, want: "17"},
		{r: doc, source: `response.json.big`, want: "12345678901"},
		{r: doc, source: `response.json.f`, want: "1.5"},
		{r: doc, source: `response.json.b`, want: "true"},
		{r: doc, source: `response.json.l`, fails: true},
		{r: doc, source: `response.json.none`, fails: true},
		{r: doc, source: `response.status`, want: "200"},
	} {
		e, err := httpstep.Compile(c.source, httpstep.Text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Text(t.Context(), c.r)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v, want %q", c.source, got, err, c.want)
		}
	}
}

func TestAnExpressionThatNeverEndsIsStopped(t *testing.T) {
	body := "[" + strings.Repeat("1,", 5000) + "1]"
	e, err := httpstep.Compile("response.json.all(a, response.json.all(b, response.json.all(c, c == 1)))", httpstep.Bool)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Bool(t.Context(), &httpstep.Response{Body: []byte(body)}); err == nil || !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("got %v, want the cost limit", err)
	}
}

// serve gives a target that a handler answers.
func serve(t *testing.T, handler http.HandlerFunc) *httpstep.Target {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &httpstep.Target{Base: base, Host: "app.example.com", Transport: server.Client().Transport, Timeout: 5 * time.Second, UserAgent: "LaunchReady/test", Run: "r1"}
}

func TestWhatGoesOverTheWire(t *testing.T) {
	var got string
	target := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.RequestURI + " " + r.Host + " " + r.Header.Get("X-T") + " " + string(body)
	})
	vars := httpstep.Vars{"id": "a/b c", "t": "tok", "n": `quote"s`}
	for _, c := range []struct {
		request v1alpha1.HTTPRequest
		want    string
	}{
		{v1alpha1.HTTPRequest{Path: "/x/$(id)?q=$(id)", Query: map[string]v1alpha1.HeaderValue{"z": "$(t)"}}, "GET /x/a%2Fb%20c?q=a%2Fb+c&z=tok app.example.com  "},
		{v1alpha1.HTTPRequest{Path: "/x%2fy//z;a=1/../q", Method: "DELETE", Headers: map[string]v1alpha1.HeaderValue{"X-T": "$(t)"}}, "DELETE /x%2fy//z;a=1/../q app.example.com tok "},
		{
			v1alpha1.HTTPRequest{Path: "/j", Method: "POST", JSON: &apiextensionsv1.JSON{Raw: []byte(`{"a":["$(n)",12345678901234567890]}`)}},
			`POST /j app.example.com  {"a":["quote\"s",12345678901234567890]}`,
		},
		{v1alpha1.HTTPRequest{Path: "/f", Method: "POST", Form: map[string]v1alpha1.HeaderValue{"a": "$(id)"}}, "POST /f app.example.com  a=a%2Fb+c"},
	} {
		r, err := httpstep.Prepare(c.request, vars)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := target.Send(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestABombIsReadToTheLimitAlone(t *testing.T) {
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = zip.Write(zeros)
	}
	_ = zip.Close()
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	r, err := target.Send(t.Context(), httpstep.Request{Method: "GET", Path: "/", Header: http.Header{}}, nil)
	if err != nil || len(r.Body) != 1<<20 || !r.Truncated {
		t.Errorf("%d bytes, truncated %v, %v: want 1 MiB and no more", len(r.Body), r.Truncated, err)
	}
}

func TestAReplyThatDripsIsCut(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		<-r.Context().Done()
	})
	target.Timeout = 50 * time.Millisecond
	if _, err := target.Send(t.Context(), httpstep.Request{Method: "GET", Path: "/", Header: http.Header{}}, nil); err == nil {
		t.Error("a reply without an end was taken")
	}
}

func TestRedirectsStayOnTheTarget(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/relative":
			w.Header().Set("Location", "/here?a=1")
		case "/absolute":
			w.Header().Set("Location", "https://app.example.com/here")
		case "/away":
			w.Header().Set("Location", other.URL+"/")
		case "/scheme":
			w.Header().Set("Location", "file:///etc/passwd")
		case "/loop":
			w.Header().Set("Location", "/loop")
		default:
			_, _ = io.WriteString(w, r.Method) //nolint:gosec // the test's own method
			return
		}
		w.WriteHeader(http.StatusFound)
	})
	for path, ok := range map[string]bool{"/relative": true, "/absolute": true, "/away": false, "/scheme": false, "/loop": false} {
		resp, err := target.Follow(t.Context(), httpstep.Request{Method: "POST", Path: path, Header: http.Header{}, Body: []byte("x")}, nil)
		if (err == nil) != ok || (ok && string(resp.Body) != "GET") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if elsewhere != 0 {
		t.Error("another host was asked")
	}
}

func TestAStepCapturesOrSaysWhatIsWrong(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
			_, _ = io.WriteString(w, `{"token":"secret-token"}`)
		case "/me":
			c, err := r.Cookie("sid")
			if err != nil || c.Value != "s1" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
	})
	run := func(s v1alpha1.HTTPStep, jar http.CookieJar) (httpstep.Vars, error) {
		step, err := httpstep.CompileStep(s)
		if err != nil {
			t.Fatal(err)
		}
		vars, _, err := step.Run(t.Context(), target, jar, nil, nil)
		return vars, err
	}
	jar, _ := cookiejar.New(nil)
	vars, err := run(v1alpha1.HTTPStep{
		Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/login"},
		Capture: map[string]v1alpha1.CELExpression{"token": "response.json.token"},
	}, jar)
	if err != nil || vars["token"] != "secret-token" {
		t.Fatalf("%v, %v", vars, err)
	}
	me := v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Path: "/me"}}
	if _, err := run(me, jar); err != nil {
		t.Errorf("the cookie was not kept: %v", err)
	}
	var unexpected *httpstep.UnexpectedError
	if _, err := run(me, nil); !errors.As(err, &unexpected) || unexpected.Status != 401 {
		t.Errorf("without the cookie: %v", err)
	}
	_, err = run(v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Path: "/login"}, Capture: map[string]v1alpha1.CELExpression{"x": "response.json.nothing"}}, nil)
	if !errors.As(err, &unexpected) || strings.Contains(err.Error(), "secret-token") {
		t.Errorf("a capture that finds nothing: %v", err)
	}
}

func TestABudgetIsNotOverspent(t *testing.T) {
	n := 0
	target := serve(t, func(http.ResponseWriter, *http.Request) { n++ })
	target.Budget = httpstep.NewBudget(2)
	var err error
	for range 5 {
		_, err = target.Send(t.Context(), httpstep.Request{Method: "GET", Path: "/", Header: http.Header{}}, nil)
	}
	if n != 2 || !errors.Is(err, httpstep.ErrBudgetSpent) || target.Budget.Spent() != 2 {
		t.Errorf("%d requests, %v", n, err)
	}
}

func TestADescriptionIsValidatedBeforeItIsUsed(t *testing.T) {
	good := func() *v1alpha1.App {
		return &v1alpha1.App{
			Login: &v1alpha1.Login{Steps: []v1alpha1.HTTPStep{{
				Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/login", JSON: &apiextensionsv1.JSON{Raw: []byte(`{"p":"$(credentials.password)"}`)}},
				Capture: map[string]v1alpha1.CELExpression{"token": "response.json.token"},
			}}},
			Authenticate: &v1alpha1.Authenticate{Headers: map[string]v1alpha1.HeaderValue{"Authorization": "Bearer $(token)"}},
			Identities:   []v1alpha1.Identity{{Name: "alice", Tenant: "acme"}},
			Chat: &v1alpha1.Chat{
				Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/chat", JSON: raw(`{"messages": ["$(history)", {"role": "user", "content": "$(prompt)"}]}`)},
				Reply:   "response.text",
				History: &v1alpha1.ChatHistory{User: *raw(`{"role": "user", "content": "$(text)"}`), Assistant: *raw(`{"role": "assistant", "content": "$(text)"}`)},
				Sources: []v1alpha1.ChatSource{{
					Name: "listings", Kind: v1alpha1.ChatSourceListing, Author: "alice", Control: "Where is $(term)?",
					Create: v1alpha1.HTTPStep{
						Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/listings", Body: "$(content)"},
						Capture: map[string]v1alpha1.CELExpression{"listing": "response.text"},
					},
					Delete: v1alpha1.HTTPRequest{Method: "DELETE", Path: "/listings/$(listing)"},
				}},
			},
			Resources: []v1alpha1.Resource{{
				Name:   "notes",
				Create: v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/notes", Body: "$(canary)"}, Capture: map[string]v1alpha1.CELExpression{"id": "response.json.id"}},
				Item:   v1alpha1.HTTPRequest{Path: "/notes/$(id)"},
				Search: &v1alpha1.HTTPRequest{Path: "/search?q=$(query)"},
				Update: &v1alpha1.HTTPRequest{Method: "PUT", Path: "/notes/$(id)", Body: "$(canary)"},
			}},
		}
	}
	if errs := httpstep.Validate(good(), field.NewPath("spec", "app")); len(errs) != 0 {
		t.Fatalf("the good one: %v", errs.ToAggregate())
	}
	for want, spoil := range map[string]func(*v1alpha1.App){
		"spec.app.login.steps[0].expect: Invalid value: \"response.sttus == 200\": line 1, column 9: undefined field 'sttus'": func(a *v1alpha1.App) { a.Login.Steps[0].Expect = "response.sttus == 200" },
		"spec.app.authenticate.headers.headers[Authorization]":                                                                nil,
		"$(tokn) stands for nothing here: what there is is $(credentials.KEY), $(token)":                                      func(a *v1alpha1.App) { a.Authenticate.Headers["Authorization"] = "Bearer $(tokn)" },
		"spec.app.resources[0].create.capture[id]: Required value":                                                            func(a *v1alpha1.App) { a.Resources[0].Create.Capture = nil },
		"spec.app.resources[0].item: Required value: put $(id) into the request":                                              func(a *v1alpha1.App) { a.Resources[0].Item.Path = "/notes/1" },
		"spec.app.resources[0].create.request: Required value: put $(canary) into the request":                                func(a *v1alpha1.App) { a.Resources[0].Create.Request.Body = "hello" },
		"spec.app.resources[0].search: Required value: put $(query) into the request":                                         func(a *v1alpha1.App) { a.Resources[0].Search.Path = "/search" },
		"spec.app.chat.request.json: Required value: put $(history) into the list": func(a *v1alpha1.App) {
			a.Chat.Request.JSON = raw(`{"messages": "$(history)", "q": "$(prompt)"}`)
		},
		"spec.app.chat.request.json: Invalid value: \"$(history)\": $(history) stands for nothing here": func(a *v1alpha1.App) { a.Chat.History = nil },
		"spec.app.chat.history.assistant: Required value: put $(text) where the message has its text":   func(a *v1alpha1.App) { a.Chat.History.Assistant = *raw(`{"role": "assistant"}`) },
		"spec.app.chat.sources[0].author: Unsupported value: \"alise\": supported values: \"alice\"":    func(a *v1alpha1.App) { a.Chat.Sources[0].Author = "alise" },
		"spec.app.chat.sources[0].create.request: Required value: put $(content) into the request":      func(a *v1alpha1.App) { a.Chat.Sources[0].Create.Request.Body = "hello" },
		"spec.app.chat.sources[0].delete.path: Invalid value: \"/listings/$(id)\": $(id) stands for nothing here: what there is is $(credentials.KEY), $(listing), $(token)": func(a *v1alpha1.App) {
			a.Chat.Sources[0].Delete.Path = "/listings/$(id)"
		},
		"spec.app.chat.sources[0].control: Invalid value: \"What is $(code)?\": $(code) stands for nothing here: what there is is $(term)": func(a *v1alpha1.App) { a.Chat.Sources[0].Control = "What is $(code)?" },
		"spec.app.chat.reply: Invalid value": func(a *v1alpha1.App) { a.Chat.Reply = "response.tex" },
	} {
		if spoil == nil {
			continue
		}
		app := good()
		spoil(app)
		errs := httpstep.Validate(app, field.NewPath("spec", "app"))
		if len(errs) != 1 || !strings.Contains(errs.ToAggregate().Error(), want) {
			t.Errorf("got %v, want %s", errs.ToAggregate(), want)
		}
	}
}

func TestAMultipartBodyIsWhole(t *testing.T) {
	binary := "%PDF-1.3\n%\xb5\xb6\r\n--x"
	r, err := httpstep.Prepare(v1alpha1.HTTPRequest{Path: "/f", Method: "POST", Multipart: []v1alpha1.FormPart{
		{Name: "title", Value: "A $(t)"}, {Name: "file", Value: "$(content)", FileName: `a "b".pdf`, ContentType: "application/pdf"},
	}}, httpstep.Vars{"t": "title", "content": binary})
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	form, err := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		t.Fatalf("%v:\n%q", err, r.Body)
	}
	file, err := form.File["file"][0].Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(file)
	if err != nil || string(got) != binary || form.Value["title"][0] != "A title" || form.File["file"][0].Header.Get("Content-Type") != "application/pdf" {
		t.Errorf("%v %q %v", err, got, form)
	}
}
