// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

const (
	nonce    = "a-nonce-of-the-job"
	password = "the-real-password-4711"
)

// app takes logins, questions, notes and payments, and keeps what it was sent.
type app struct {
	mu   sync.Mutex
	sent []string // "POST /login alice@example.com the-body"
	// notes that are there.
	notes int
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // of a test
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = append(a.sent, r.Method+" "+r.URL.RequestURI()+" "+strings.Join(r.Header.Values("X-Request-Id"), "")+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Cookie")+" "+string(body))
	switch {
	case r.URL.Path == "/login" && strings.Contains(string(body), password):
		_, _ = io.WriteString(w, `{"token": "the-real-token"}`)
	case r.URL.Path == "/login", r.URL.Path == "/notes" && r.Method == http.MethodGet:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/chat" && !json.Valid(body):
		w.WriteHeader(http.StatusBadRequest)
	case r.URL.Path == "/chat":
		_, _ = io.WriteString(w, `{"reply": "Hello"}`)
	case r.URL.Path == "/notes":
		a.notes++
		_, _ = io.WriteString(w, `{"id": "n1"}`)
	case r.URL.Path == "/notes/n1" && r.Method == http.MethodDelete:
		a.notes--
	case r.URL.Path == "/payments":
		w.WriteHeader(http.StatusPaymentRequired)
	default:
		http.NotFound(w, r)
	}
}

func raw(s string) *apiextensionsv1.JSON { return &apiextensionsv1.JSON{Raw: []byte(s)} }

func described() *v1alpha1.App {
	step := func(method v1alpha1.HTTPMethod, path v1alpha1.RequestPath, body string, capture, expression string) v1alpha1.HTTPStep {
		return v1alpha1.HTTPStep{
			Request: v1alpha1.HTTPRequest{Method: method, Path: path, JSON: raw(body)}, Capture: map[string]v1alpha1.CELExpression{capture: v1alpha1.CELExpression(expression)},
		}
	}
	return &v1alpha1.App{
		Identities:   []v1alpha1.Identity{{Name: "alice", Tenant: "acme", CredentialsSecretRef: v1alpha1.SecretReference{Name: "probe-alice"}}},
		Login:        &v1alpha1.Login{Steps: []v1alpha1.HTTPStep{step("POST", "/login", `{"email": "$(credentials.email)", "password": "$(credentials.password)"}`, "token", "response.json.token")}},
		Authenticate: &v1alpha1.Authenticate{Headers: map[string]v1alpha1.HeaderValue{"Authorization": "Bearer $(token)"}},
		Chat:         &v1alpha1.Chat{Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/chat", JSON: raw(`{"message": "$(prompt)"}`)}, Reply: "response.json.reply"},
		Resources: []v1alpha1.Resource{
			{
				Name: "notes", Create: step("POST", "/notes", `{"text": "$(canary)"}`, "id", "response.json.id"), Item: v1alpha1.HTTPRequest{Path: "/notes/$(id)"},
				List: &v1alpha1.HTTPRequest{Path: "/notes"}, Delete: &v1alpha1.HTTPRequest{Method: "DELETE", Path: "/notes/$(id)"},
			},
			{
				Name: "payments", Mark: "response.json.receipt", Item: v1alpha1.HTTPRequest{Path: "/payments/$(id)"},
				Create: step("POST", "/payments", `{"card": "4242424242424242", "amount": 5}`, "id", "response.json.id"),
			},
		},
	}
}

// measured runs the suite against the app.
func measured(t *testing.T, a *app, described *v1alpha1.App, sinks ...Sink) (probe.RowResult, Sent, logmark.Markers) {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	markers, err := logmark.NewMarkers([]byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rows, sent := Run(ctx, Options{
		App: described, Nonce: nonce, Sinks: sinks, SinksPatience: 300 * time.Millisecond, Credentials: map[string]map[string]string{"alice": {"email": "alice@example.com", "password": password}},
		Target: &httpstep.Target{
			Base: base, Transport: http.DefaultTransport, Timeout: 5 * time.Second, Budget: httpstep.NewBudget(100), Chats: httpstep.NewChatAllowance(described, MaxRequests, 0),
		},
	})
	if len(rows) != 1 || rows[0].Row != v1alpha1.RowLoggingSafe {
		t.Fatalf("%+v", rows)
	}
	return rows[0], sent, markers
}

func TestMarkersGoOnEachWay(t *testing.T) {
	a := &app{}
	result, sent, markers := measured(t, a, described())
	marked := sent.Marked
	if result.Verdict != v1alpha1.VerdictUnknown || result.Reason != v1alpha1.ReasonNotMeasured || result.Fault != v1alpha1.FaultOperator {
		t.Errorf("the row waits for the operator: %+v", result)
	}
	want := map[string][]logmark.Kind{
		"POST /login":                       {logmark.Email, logmark.Password},
		"POST /chat":                        {logmark.Prompt, logmark.Email, logmark.CardNumber, logmark.APIKey},
		"POST /chat with a broken body":     {logmark.Prompt, logmark.Email, logmark.CardNumber, logmark.APIKey},
		"POST /notes":                       {logmark.Email, logmark.CardNumber},
		"POST /payments":                    {logmark.CardNumber},
		"GET /notes with a wrong token":     {logmark.Token, logmark.Cookie, logmark.APIKey},
		"GET of a path that does not exist": {logmark.Token, logmark.Cookie, logmark.APIKey},
	}
	if len(marked) != len(want) {
		t.Errorf("%d requests carry markers, want %d: %+v", len(marked), len(want), marked)
	}
	for _, m := range marked {
		id, err := markers.Request(m.Number)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(a.sent, func(sent string) bool { return strings.Contains(sent, id.UUID) })
		if i < 0 || !m.Answered {
			t.Errorf("%s was not seen, or not answered: %+v", m.Name, m)
			continue
		}
		for _, kind := range want[m.Name] {
			if !slices.Contains(m.Kinds, string(kind)) {
				t.Errorf("%s is not said to carry %s", m.Name, kind)
			}
		}
		for _, kind := range m.Kinds {
			// A header that the app does not read is not kept here.
			if value := markers.Of(logmark.Kind(kind)).Value; !strings.Contains(a.sent[i], value) && kind != string(logmark.APIKey) {
				t.Errorf("%s does not carry %s", m.Name, kind)
			}
		}
		if strings.Contains(a.sent[i], password) {
			t.Errorf("%s has a real password in it", m.Name)
		}
	}
	if a.notes != 0 {
		t.Errorf("%d notes were left behind", a.notes)
	}
}

func TestWhatIsNotDescribedIsNotSent(t *testing.T) {
	only := described()
	only.Login, only.Authenticate, only.Identities, only.Resources = nil, nil, nil, nil
	a := &app{}
	_, sent, markers := measured(t, a, only)
	marked := sent.Marked
	names := []string{}
	for _, m := range marked {
		names = append(names, m.Name)
	}
	if want := []string{"POST /chat", "POST /chat with a broken body", "GET of a path that does not exist"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	// Where nobody logs in, a token goes with the question.
	if token := markers.Of(logmark.Token).Value; !slices.Contains(marked[0].Kinds, string(logmark.Token)) || !strings.Contains(a.sent[0], "Bearer "+token) {
		t.Errorf("the question carries no token: %+v", marked[0])
	}
}

func TestALoginThatFailsIsTold(t *testing.T) {
	wrong := described()
	wrong.Login.Steps[0].Capture["token"] = "response.json.missing"
	result, sent, _ := measured(t, &app{}, wrong)
	if result.Reason != v1alpha1.ReasonNoPositiveControl || !strings.Contains(result.Message, "alice could not log in") || len(sent.Marked) > 0 {
		t.Errorf("%+v %+v", result, sent)
	}
	if strings.Contains(result.Message, password) {
		t.Error("the message has the password in it")
	}
}
