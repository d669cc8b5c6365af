// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/logging"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/scorecard"
)

// world is a run against an app whose logs are text.
type world struct {
	t        *testing.T
	markers  logmark.Markers
	searcher *logmark.Searcher
	in       logging.Input
	// logs are those of the container web.
	logs []string
}

// healthy gives a run in which all markers went through four requests, each of which was logged, and nothing else.
func healthy(t *testing.T) *world {
	t.Helper()
	m, err := logmark.NewMarkers([]byte("a nonce of thirty-two characters"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, markers: m, in: logging.Input{
		Key: []byte("key"), Namespace: "shop", Described: true,
		Requests: []logging.Request{
			{Number: 0, Name: "POST /api/login", Kinds: []logmark.Kind{logmark.Password, logmark.Email}, Answered: true},
			{Number: 1, Name: "GET /api/conversations", Kinds: []logmark.Kind{logmark.Token, logmark.Cookie}, Answered: true},
			{Number: 2, Name: "POST /api/chat", Kinds: []logmark.Kind{logmark.Prompt, logmark.CardNumber}, Answered: true},
			{Number: 3, Name: "GET /api/models", Kinds: []logmark.Kind{logmark.APIKey}, Answered: true},
		},
		Sinks: logging.Sinks{Declared: true}, Access: bound(),
	}}
	for i := range 4 {
		w.logs = append(w.logs, fmt.Sprintf(`{"level":"info","status":401,"request_id":%q}`, w.request(i).UUID))
	}
	w.in.Containers = []logging.Container{{Workload: "Deployment shop/chat", Name: "web"}}
	return w
}

func (w *world) request(i int) logmark.RequestID {
	r, err := w.markers.Request(i)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// search gives what is seen in lines.
func (w *world) search(lines ...string) logmark.Seen {
	if w.searcher == nil {
		s, err := logmark.NewSearcher(w.markers, 4)
		if err != nil {
			w.t.Fatal(err)
		}
		w.searcher = s
	}
	seen, err := w.searcher.Search(w.t.Context(), strings.NewReader(strings.Join(lines, "\n")+"\n"))
	if err != nil {
		w.t.Fatal(err)
	}
	return seen
}

func (w *world) judge() scorecard.Outcome {
	if len(w.in.Containers) > 0 {
		w.in.Containers[0].Seen = w.search(w.logs...)
	}
	o := logging.Judge(w.in)
	if o.Row != v1alpha1.RowLoggingSafe || o.Message == "" || o.Reason == "" {
		w.t.Errorf("an outcome without row, reason or message: %+v", o)
	}
	for _, m := range w.markers.All() {
		if strings.Contains(fmt.Sprintf("%+v", o), m.Random) {
			w.t.Errorf("the %s stands in %+v", m.Kind, o)
		}
	}
	return o
}

// told gives the findings as "severity rule place".
func told(o scorecard.Outcome) []string {
	var lines []string
	for _, f := range o.Findings {
		a := f.API()
		lines = append(lines, fmt.Sprintf("%s %s %s", a.Severity, a.Rule, a.Place))
	}
	return lines
}

func expect(t *testing.T, o scorecard.Outcome, verdict v1alpha1.Verdict, reason string, fault v1alpha1.Fault, words ...string) {
	t.Helper()
	if o.Verdict != verdict || o.Reason != reason || o.Fault != fault {
		t.Errorf("%s %s %s, want %s %s %s: %s", o.Verdict, o.Reason, o.Fault, verdict, reason, fault, o.Message)
	}
	for _, word := range words {
		if !strings.Contains(o.Message, word) {
			t.Errorf("the message does not say %q: %s", word, o.Message)
		}
	}
}

func TestJudge_PassesWhenNothingIsThereButTheRequests(t *testing.T) {
	o := healthy(t).judge()
	expect(t, o, v1alpha1.VerdictPass, v1alpha1.ReasonPassed, "")
	if o.Control == "" || o.Cases != 7 || len(o.Findings) > 0 {
		t.Errorf("%+v", o)
	}
}

func TestJudge_PassesHowever(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"the trace id is logged, not the request's": func(w *world) {
			w.logs[0] = "trace_id=" + strings.Split(w.request(0).Traceparent, "-")[1]
		},
		"a request is logged by a sidecar alone": func(w *world) {
			w.in.Containers = append(w.in.Containers, logging.Container{Workload: "Deployment shop/chat", Name: "proxy", Seen: w.search(w.logs[1])})
			w.logs[1] = ""
		},
		"a request is logged elsewhere alone": func(w *world) {
			w.in.Sinks.List = []logging.Sink{{Name: "tracing", Asked: true, Seen: w.search(w.logs[1])}}
			w.logs[1] = ""
		},
		"secrets are masked": func(w *world) {
			for _, m := range w.markers.All() {
				w.logs = append(w.logs, fmt.Sprintf("%s=%s...%s", m.Kind, m.Random[:4], m.Random[len(m.Random)-4:]))
			}
		},
		"a kind is declared absent": func(w *world) {
			w.in.Requests, w.in.Absent = w.in.Requests[:3], []logmark.Kind{logmark.APIKey}
		},
		"a client is set up that is declared": func(w *world) {
			w.in.Sinks.List = []logging.Sink{{Name: "sentry", Asked: true, Seen: w.search(w.logs...)}}
			w.in.Variables = []logging.Variable{{Workload: "Deployment shop/chat", Container: "web", Name: "SENTRY_DSN"}}
		},
		"variables set up no client": func(w *world) {
			for _, name := range []string{"PATH", "LOG_LEVEL", "DD_ENV", "OTEL_SERVICE_NAME", "SENTRY_RELEASE", "DATABASE_URL", "ADD_DD_HOST"} {
				w.in.Variables = append(w.in.Variables, logging.Variable{Workload: "Deployment shop/chat", Container: "web", Name: name})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			change(w)
			expect(t, w.judge(), v1alpha1.VerdictPass, v1alpha1.ReasonPassed, "")
		})
	}
}

func TestJudge_FailsByKind(t *testing.T) {
	rules := map[logmark.Kind]string{
		logmark.Password: "High PasswordLogged", logmark.Token: "High TokenLogged", logmark.Cookie: "High CookieLogged", logmark.APIKey: "High APIKeyLogged",
		logmark.CardNumber: "High CardNumberLogged", logmark.Email: "Medium EmailLogged", logmark.Prompt: "Medium PromptLogged",
	}
	encodings := map[string]func(string) string{
		"as it is":         func(s string) string { return s },
		"base64":           func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u:" + s)) },
		"hexadecimal":      func(s string) string { return hex.EncodeToString([]byte(s)) },
		"numbers of bytes": func(s string) string { return fmt.Sprintf("%d", []byte(s)) },
		"reversed":         func(s string) string { b := []byte(s); slices.Reverse(b); return string(b) },
	}
	lines := map[string]string{
		"JSON field request.body":                `{"level":"debug","request":{"body":"%s"}}`,
		"logfmt key payload":                     `level=debug payload="%s"`,
		"line … POST … request … body:":          `10.0.0.7 POST /v1 HTTP/1.1 request 17 body: %s`,
		`JSON field msg, after "password"`:       `{"msg":"got password=%s"}`,
		"line ERROR … payload … exception form:": "\terror in payload 4711: exception form: %s",
	}
	w := healthy(t)
	clean := slices.Clone(w.logs)
	for kind, rule := range rules {
		for encoding, encode := range encodings {
			for place, line := range lines {
				w.logs = append(slices.Clone(clean), fmt.Sprintf(line, encode(w.markers.Of(kind).Random)))
				o := w.judge()
				name := strings.Fields(rule)[1]
				expect(t, o, v1alpha1.VerdictFail, name, "", string(kind), encoding)
				if diff := cmp.Diff([]string{rule + " Deployment shop/chat: log of container web, " + place}, told(o)); diff != "" {
					t.Errorf("%s, %s (-want +got):\n%s", kind, encoding, diff)
				}
				for _, f := range o.Findings {
					if f.API().Remedy == "" {
						t.Errorf("%s has no remedy", kind)
					}
				}
			}
		}
	}
}

func TestJudge_FailsWherever(t *testing.T) {
	const web = "Deployment shop/chat: log of container web, "
	for _, c := range []struct {
		name   string
		change func(w *world)
		reason string
		want   []string
	}{
		{"a half of it is Medium", func(w *world) {
			w.logs = append(w.logs, "token="+w.markers.Of(logmark.Token).Random[:20])
		}, "TokenLogged", []string{"Medium TokenLogged " + web + "logfmt key token"}},
		{"a half and the whole are the whole", func(w *world) {
			w.logs = append(w.logs, "token="+w.markers.Of(logmark.Token).Random[:20], "token="+w.markers.Of(logmark.Token).Value)
		}, "TokenLogged", []string{"High TokenLogged " + web + "logfmt key token"}},
		{"two pods of a template have one finding", func(w *world) {
			w.logs = append(w.logs, "password="+w.markers.Of(logmark.Password).Value)
			w.in.Containers = append(w.in.Containers, logging.Container{Workload: "Deployment shop/chat", Name: "web", Seen: w.search(w.logs...)})
		}, "PasswordLogged", []string{"High PasswordLogged " + web + "logfmt key password"}},
		{"two containers have two", func(w *world) {
			w.logs = append(w.logs, "password="+w.markers.Of(logmark.Password).Value)
			w.in.Containers = append(w.in.Containers, logging.Container{Workload: "Deployment shop/chat", Name: "proxy", Seen: w.search(w.logs...)})
		}, "PasswordLogged", []string{
			"High PasswordLogged Deployment shop/chat: log of container proxy, logfmt key password", "High PasswordLogged " + web + "logfmt key password",
		}},
		{"the worst gives the reason", func(w *world) {
			w.logs = append(w.logs, "email="+w.markers.Of(logmark.Email).Value, "sid="+w.markers.Of(logmark.Cookie).Value)
		}, "CookieLogged", []string{"High CookieLogged " + web + "logfmt key sid", "Medium EmailLogged " + web + "logfmt key email"}},
		{"a sink has it", func(w *world) {
			w.in.Sinks.List = []logging.Sink{{Name: "sentry", Asked: true, Seen: w.search(append(w.logs, `{"extra":{"prompt":"`+w.markers.Of(logmark.Prompt).Value+`"}}`)...)}}
		}, "PromptLogged", []string{"Medium PromptLogged spec.logging.sinks[sentry]: JSON field extra.prompt"}},
		{"a client is set up though none is declared", func(w *world) {
			w.in.Variables = []logging.Variable{
				{Workload: "Deployment shop/chat", Container: "web", Name: "SENTRY_DSN"}, {Workload: "Deployment shop/chat", Container: "web", Name: "dd_agent\u202ehost"},
			}
		}, "SinkNotDeclared", []string{"Medium SinkNotDeclared Deployment shop/chat: containers[web].env[Datadog]", "Medium SinkNotDeclared Deployment shop/chat: containers[web].env[SENTRY_DSN]"}},
		{"what could not be measured hides nothing", func(w *world) {
			w.logs = append(w.logs[1:], "password="+w.markers.Of(logmark.Password).Value)
			w.in.Sinks.Declared = false
			w.in.Containers[0].Problem = logging.Rotated
		}, "PasswordLogged", []string{"High PasswordLogged " + web + "logfmt key password"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := healthy(t)
			c.change(w)
			o := w.judge()
			expect(t, o, v1alpha1.VerdictFail, c.reason, "")
			if diff := cmp.Diff(c.want, told(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// sink declares a sink in which all that was logged is seen, and something is wrong.
func (w *world) sink(s logging.Sink) {
	s.Name, s.Asked, s.Seen = "sentry", true, w.search(w.logs...)
	w.in.Sinks.List = []logging.Sink{s}
}

func TestJudge_IsUnknown(t *testing.T) {
	const (
		app, operator = v1alpha1.FaultApp, v1alpha1.FaultOperator
		control       = v1alpha1.ReasonNoPositiveControl
		configured    = v1alpha1.ReasonNotConfigured
		reachable     = v1alpha1.ReasonTargetUnreachable
	)
	for _, c := range []struct {
		name   string
		change func(w *world)
		reason string
		fault  v1alpha1.Fault
		words  []string
	}{
		{"nothing is described", func(w *world) { w.in.Described = false }, configured, app, []string{"spec.app"}},
		{"no log was there", func(w *world) { w.in.Containers, w.in.Requests = nil, nil }, reachable, app, []string{"pods"}},
		{"a request was not logged", func(w *world) { w.logs[2] = "POST /api/chat 200" }, control, app, []string{"POST /api/chat", "X-Request-Id", "traceparent", "spec.logging.sinks"}},
		{"no request was logged", func(w *world) { w.logs = nil }, control, app, []string{"and 1 more"}},
		{"a request was not answered", func(w *world) { w.in.Requests[1].Answered = false }, reachable, app, []string{"GET /api/conversations"}},
		{"a kind was not carried", func(w *world) { w.in.Requests = w.in.Requests[1:] }, configured, app, []string{"planted password, email address"}},
		{"no request was made", func(w *world) { w.in.Requests = nil }, configured, app, []string{"describe the login and the chat"}},
		{"nothing is there to be sent", func(w *world) { w.in.Requests, w.in.Absent = nil, logmark.Kinds() }, control, operator, nil},
		{"the log was rotated", func(w *world) { w.in.Containers[0].Problem = logging.Rotated }, control, app, []string{"container web of Deployment shop/chat", "containerLogMaxSize"}},
		{"the log is too long", func(w *world) { w.in.Containers[0].Problem = logging.TooLong }, control, app, []string{"container web"}},
		{"the container restarted", func(w *world) { w.in.Containers[0].Problem = logging.Restarted }, control, app, []string{"container web", "restart"}},
		{"the log may not be read", func(w *world) { w.in.Containers[0].Problem = logging.Forbidden }, configured, operator, []string{`"pods/log"`, "namespace shop"}},
		{"the log could not be read", func(w *world) { w.in.Containers[0].Problem = logging.Unreadable }, reachable, operator, []string{"container web"}},
		{"nothing is said of sinks", func(w *world) { w.in.Sinks.Declared = false }, configured, app, []string{"logging: {sinks: []}"}},
		{"a sink was not searched", func(w *world) { w.in.Sinks.List = []logging.Sink{{Name: "sentry"}} }, configured, app, []string{"names sentry", "add a query", "LaunchWaiver"}},
		{"a sink has no request", func(w *world) { w.in.Sinks.List = []logging.Sink{{Name: "sentry", Asked: true}} }, control, app, []string{"sentry"}},
		{"a sink can't be reached", func(w *world) { w.sink(logging.Sink{Problem: logging.Unreachable}) }, reachable, app, []string{"spec.logging.sinks[sentry]", "HTTPS", "public address"}},
		{"a sink refuses", func(w *world) { w.sink(logging.Sink{Problem: logging.Unexpected, Status: 403}) }, configured, app, []string{"answered 403", "may read events"}},
		{"a sink says too much", func(w *world) { w.sink(logging.Sink{Problem: logging.TooLong}) }, control, app, []string{"1 MiB", "$(requestId)"}},
		{"a sink says what it was asked", func(w *world) { w.sink(logging.Sink{Problem: logging.Echoes}) }, control, app, []string{"whatever it holds", "$(since)"}},
		{"a sink can't be asked so", func(w *world) {
			w.sink(logging.Sink{Problem: logging.Misdescribed, Detail: "$(credentials.token) stands for nothing"})
		}, configured, app, []string{"$(credentials.token) stands for nothing"}},
		{"the app's fault comes first", func(w *world) {
			w.in.Containers[0].Problem = logging.Forbidden
			w.logs[0] = ""
		}, control, app, []string{"No log has the id of POST /api/login", "may not read the log"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := healthy(t)
			c.change(w)
			expect(t, w.judge(), v1alpha1.VerdictUnknown, c.reason, c.fault, c.words...)
		})
	}
}

func TestJudge_IsTheSameForTheSameStateOfAffairs(t *testing.T) {
	build := func(times int) scorecard.Outcome {
		w := healthy(t)
		for range times {
			for _, m := range w.markers.All() {
				w.logs = append(w.logs, "user="+m.Value, fmt.Sprintf(`{"a":%q}`, m.Value))
			}
		}
		return w.judge()
	}
	one, many := build(1), build(5)
	if one.Message != many.Message || !slices.Equal(told(one), told(many)) || one.Findings[0].API().Fingerprint != many.Findings[0].API().Fingerprint {
		t.Errorf("%+v\n%+v", one, many)
	}
}
