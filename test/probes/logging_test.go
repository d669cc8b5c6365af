// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/logging"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/suites/logs"
	"github.com/launchready/launchready/internal/scorecard"
	"github.com/launchready/launchready/test/emulators/chatbots"
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

// logged runs the suite, and judges the log as the operator does.
func logged(t *testing.T, weaknesses, oddities []string, change func(*v1alpha1.App)) (scorecard.Outcome, string) {
	t.Helper()
	app := described(t)
	if change != nil {
		change(app)
	}
	var out writer
	r := newRig(t, chatbots.Config{Weaknesses: weaknesses, Oddities: oddities, Log: &out})
	r.target.Chats = httpstep.NewChatAllowance(app, logs.Kind().Plan(app, nil, false).Chats, 0)
	results, marked := logs.Run(t.Context(), logs.Options{App: app, Target: r.target, Credentials: r.credentials(), Nonce: nonce})
	if len(results) != 1 || results[0].Verdict != v1alpha1.VerdictUnknown || results[0].Reason != v1alpha1.ReasonNotMeasured {
		t.Fatalf("the logs tell the rest; got %+v", results)
	}
	markers, err := logmark.NewMarkers([]byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	searcher, err := logmark.NewSearcher(markers, len(marked))
	if err != nil {
		t.Fatal(err)
	}
	seen, err := searcher.Search(t.Context(), &out.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	in := logging.Input{
		Key: []byte(nonce), Namespace: "shop", Described: true, Sinks: logging.Sinks{Declared: true},
		Containers: []logging.Container{{Workload: "Deployment shop/chat", Name: "chat", Seen: seen}},
	}
	for _, m := range marked {
		request := logging.Request{Number: m.Number, Name: m.Name, Answered: m.Answered}
		for _, kind := range m.Kinds {
			request.Kinds = append(request.Kinds, logmark.Kind(kind))
		}
		in.Requests = append(in.Requests, request)
	}
	outcome := logging.Judge(in)
	text := outcome.Message
	for _, f := range outcome.Findings {
		text += "\n" + f.API().Rule + " " + f.API().Place + " " + f.API().Message
	}
	for _, m := range markers.All() {
		if strings.Contains(text, m.Random) {
			t.Errorf("the finding gives the marker away: %s", text)
		}
	}
	return outcome, text
}

// elsewhere are weaknesses that show on ways which the suite does not take: docs/rows/LoggingSafe.md names them.
var elsewhere = []string{"log-query", "log-response-token"}

func TestLoggingMatrix(t *testing.T) {
	for _, w := range chatbots.LoggingWeaknesses() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			outcome, text := logged(t, []string{w.Name}, nil, nil)
			want := v1alpha1.VerdictFail
			if slices.Contains(elsewhere, w.Name) {
				want = v1alpha1.VerdictPass // once there is a way to it, it belongs to the others
			}
			if outcome.Verdict != want {
				t.Fatalf("%s: %s", outcome.Verdict, text)
			}
			t.Log(text)
		})
	}
}

func TestSafeLogsPass(t *testing.T) {
	for _, oddity := range []string{"", "log-redacted", "log-json"} {
		var oddities []string
		if oddity != "" {
			oddities = []string{oddity}
		}
		if outcome, text := logged(t, nil, oddities, nil); outcome.Verdict != v1alpha1.VerdictPass {
			t.Errorf("%s: %s: %s", oddity, outcome.Verdict, text)
		}
	}
}

func TestLogsWithoutRequestsProveNothing(t *testing.T) {
	outcome, text := logged(t, nil, []string{"log-no-request-ids"}, nil)
	if outcome.Verdict != v1alpha1.VerdictUnknown || outcome.Reason != v1alpha1.ReasonNoPositiveControl {
		t.Errorf("%s: %s", outcome.Verdict, text)
	}
}
