// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/logging"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/suites/logs"
	"github.com/launchready/launchready/internal/scorecard"
	"github.com/launchready/launchready/test/emulators/chatbots"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// nonce of the Job that the probe would run in.
var nonce = strings.Repeat("c4", 16)

// writer is the app's standard output.
type writer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (w *writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Buffer.Write(b)
}

// lines gives what was written so far.
func (w *writer) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Split(strings.TrimSpace(w.String()), "\n")
}

// ServeHTTP gives it as Grafana Loki does, to whom it knows. https://grafana.com/docs/loki/latest/reference/loki-http-api/
func (w *writer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start, err := time.Parse(time.RFC3339, r.URL.Query().Get("start"))
	switch {
	case r.Header.Get("Authorization") != "Bearer a-reader-of-logs":
		rw.WriteHeader(http.StatusUnauthorized)
		return
	case err != nil || r.URL.Path != "/loki/api/v1/query_range" || r.URL.Query().Get("query") == "":
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	values := [][2]string{}
	for i, line := range w.lines() {
		values = append(values, [2]string{strconv.FormatInt(start.UnixNano()+int64(i), 10), line})
	}
	result := []any{map[string]any{"stream": map[string]string{"app": "chat"}, "values": values}}
	_ = json.NewEncoder(rw).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "streams", "result": result}}) // to a test
}

// loki is the sink that is asked for what was written.
func loki(t *testing.T, out *writer) logs.Sink {
	t.Helper()
	const query = `
host: loki.example.com
credentialsSecretRef: {name: loki-reader}
request:
  path: /loki/api/v1/query_range
  query: {query: '{app="chat"}', start: $(since), limit: "5000"}
  headers: {Authorization: Bearer $(credentials.token)}
`
	sink := v1alpha1.LogSink{Name: "loki", Query: &v1alpha1.LogQuery{}}
	if err := yaml.UnmarshalStrict([]byte(query), sink.Query); err != nil {
		t.Fatal(err)
	}
	if errs := httpstep.ValidateSinks([]v1alpha1.LogSink{sink}, field.NewPath("spec", "logging", "sinks")); len(errs) > 0 {
		t.Fatal(errs)
	}
	server := httptest.NewServer(out)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return logs.Sink{
		Name: sink.Name, Query: *sink.Query, Credentials: map[string]string{"token": "a-reader-of-logs"},
		Target: &httpstep.Target{Base: base, Transport: http.DefaultTransport, Timeout: 5 * time.Second},
	}
}

// verdict is an outcome, and all that is told of it.
type verdict struct {
	scorecard.Outcome
	text string
}

// logged runs the suite once, and judges the log as the operator does: where it is what a container prints, and where it goes to a
// sink alone.
func logged(t *testing.T, weaknesses, oddities []string) (printed, sunk verdict) {
	t.Helper()
	app := described(t)
	var out writer
	r := newRig(t, chatbots.Config{Weaknesses: weaknesses, Oddities: oddities, Log: &out})
	r.target.Chats = httpstep.NewChatAllowance(app, logs.Kind().Plan(app, nil, false).Chats, 0)
	results, sent := logs.Run(t.Context(), logs.Options{
		App: app, Target: r.target, Credentials: r.credentials(), Nonce: nonce, Sinks: []logs.Sink{loki(t, &out)}, SinksPatience: 300 * time.Millisecond,
	})
	if len(results) != 1 || results[0].Verdict != v1alpha1.VerdictUnknown || results[0].Reason != v1alpha1.ReasonNotMeasured {
		t.Fatalf("the logs tell the rest; got %+v", results)
	}
	markers, err := logmark.NewMarkers([]byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	searcher, err := logmark.NewSearcher(markers, len(sent.Marked))
	if err != nil {
		t.Fatal(err)
	}
	seen, err := searcher.Search(t.Context(), &out.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	in := logging.Input{Key: []byte(nonce), Namespace: "shop", Described: true, Sinks: logging.Sinks{Declared: true}}
	for _, m := range sent.Marked {
		request := logging.Request{Number: m.Number, Name: m.Name, Answered: m.Answered}
		for _, kind := range m.Kinds {
			request.Kinds = append(request.Kinds, logmark.Kind(kind))
		}
		in.Requests = append(in.Requests, request)
	}
	container := logging.Container{Workload: "Deployment shop/chat", Name: "chat", Seen: seen}
	in.Containers = []logging.Container{container}
	printed = verdictOf(t, markers, logging.Judge(in))
	container.Seen = logmark.Seen{}
	shown := sent.Sinks[0]
	in.Containers, in.Sinks.List = []logging.Container{container}, []logging.Sink{{Name: shown.Name, Asked: true, Seen: shown.Seen(), Problem: logging.Problem(shown.Problem)}}
	return printed, verdictOf(t, markers, logging.Judge(in))
}

// verdictOf gives all that is said of an outcome, which must not give a marker away.
func verdictOf(t *testing.T, markers logmark.Markers, outcome scorecard.Outcome) verdict {
	t.Helper()
	text := outcome.Message
	for _, f := range outcome.Findings {
		text += "\n" + f.API().Rule + " " + f.API().Place + " " + f.API().Message
	}
	for _, m := range markers.All() {
		if strings.Contains(text, m.Random) {
			t.Errorf("the finding gives the marker away: %s", text)
		}
	}
	return verdict{outcome, text}
}

// elsewhere are weaknesses that show on ways which the suite does not take: docs/rows/LoggingSafe.md names them.
var elsewhere = []string{"log-query", "log-response-token"}

func TestLoggingMatrix(t *testing.T) {
	for _, w := range chatbots.LoggingWeaknesses() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			want := v1alpha1.VerdictFail
			if slices.Contains(elsewhere, w.Name) {
				want = v1alpha1.VerdictPass // once there is a way to it, it belongs to the others
			}
			printed, sunk := logged(t, []string{w.Name}, nil)
			if printed.Verdict != want {
				t.Errorf("printed: %s: %s", printed.Verdict, printed.text)
			}
			if sunk.Verdict != want {
				t.Errorf("in a sink: %s: %s", sunk.Verdict, sunk.text)
			}
			t.Log(printed.text + "\n" + sunk.text)
		})
	}
}

func TestSafeLogsPass(t *testing.T) {
	for _, oddity := range []string{"", "log-redacted", "log-json"} {
		var oddities []string
		if oddity != "" {
			oddities = []string{oddity}
		}
		printed, sunk := logged(t, nil, oddities)
		if printed.Verdict != v1alpha1.VerdictPass || sunk.Verdict != v1alpha1.VerdictPass {
			t.Errorf("%s: %s: %s\nin a sink: %s: %s", oddity, printed.Verdict, printed.text, sunk.Verdict, sunk.text)
		}
	}
}

func TestLogsWithoutRequestsProveNothing(t *testing.T) {
	printed, sunk := logged(t, nil, []string{"log-no-request-ids"})
	for _, v := range []verdict{printed, sunk} {
		if v.Verdict != v1alpha1.VerdictUnknown || v.Reason != v1alpha1.ReasonNoPositiveControl {
			t.Errorf("%s: %s", v.Verdict, v.text)
		}
	}
}
