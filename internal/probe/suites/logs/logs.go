// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logs is the suite that LoggingSafe begins with: it sends requests through the app that carry made-up passwords, tokens,
// cookies, addresses and the like, on the ways on which apps get real ones. What the app's containers print of them, the operator looks up; a
// probe can't. What else the app logs to, the suite asks itself, where that is described.
//
// It must send nothing that could lock somebody out, and no value that belongs to anybody.
package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/access"
)

const (
	// Version changes when the suite may give the same app another verdict.
	Version = "logging-2"
	// MaxRequests is how many requests carry markers at most.
	MaxRequests = 8
	// settle is how long the app gets after the last request to write its log.
	settle = 2 * time.Second
)

// Options are what a run needs.
type Options struct {
	App         *v1alpha1.App
	Target      *httpstep.Target
	Credentials map[string]map[string]string
	// Nonce of the Job: operator and probe make the same markers of it.
	Nonce string
	// Sinks are where else the app logs, as far as that can be asked.
	Sinks []Sink
	// SinksPatience is how long they get to hold what was sent; a minute where it is 0.
	SinksPatience time.Duration
}

// Sent is what a run leaves to be judged.
type Sent struct {
	// Marked are the requests whose traces in the app's logs count.
	Marked []probe.Marked
	// Sinks are what was seen in those of the Options.
	Sinks []probe.SeenSink
}

// Kind is what the operator knows of the suite.
func Kind() probe.Kind {
	return probe.Kind{Version: Version, Plan: plan, Undescribed: Undescribed}
}

// plan gives the questions: one, one that is broken, and one where a thing is created by the chat.
func plan(app *v1alpha1.App, _ []probe.KnownAttack, _ bool) probe.Plan {
	p := probe.Plan{ProviderLogins: access.ProviderLogins(app)}
	if app.Chat != nil {
		p.Chats = MaxRequests
	}
	return p
}

// Undescribed says what is missing in a description; empty where nothing is.
func Undescribed(app *v1alpha1.App) string {
	if app.Chat == nil && app.Login == nil {
		return "Nothing is described that people put secrets into. Describe the login or the chat in spec.app: docs/probes.md has an example to copy."
	}
	return ""
}

// Run sends the requests. Where that was possible, the row waits for what the operator finds in the logs.
func Run(ctx context.Context, o Options) ([]probe.RowResult, Sent) {
	r := &run{Options: o, Tally: &probe.Tally{Row: v1alpha1.RowLoggingSafe}, started: time.Now()}
	if r.prepare(ctx) {
		r.sendAll(ctx)
		r.askSinks(ctx)
	}
	if len(r.Unknowns) == 0 {
		r.Unknown(v1alpha1.FaultOperator, v1alpha1.ReasonNotMeasured, "The requests were sent; the app's logs tell the rest.")
	}
	return []probe.RowResult{r.Result()}, Sent{Marked: r.marked, Sinks: r.sinks}
}

type run struct {
	Options
	*probe.Tally
	markers  logmark.Markers
	visitors *access.Visitors
	// user is logged in; a stranger where the app has no accounts.
	user    *access.Visitor
	started time.Time
	marked  []probe.Marked
	sinks   []probe.SeenSink
}

func (r *run) prepare(ctx context.Context) bool {
	var err error
	if r.markers, err = logmark.NewMarkers([]byte(r.Nonce)); err != nil {
		r.Unknown(v1alpha1.FaultOperator, v1alpha1.ReasonProbeError, err.Error())
		return false
	}
	if r.visitors, err = access.NewVisitors(access.Options{App: r.App, Target: r.Target, Credentials: r.Credentials}); err != nil {
		r.Unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, err.Error())
		return false
	}
	r.user = r.visitors.Stranger()
	i := slices.IndexFunc(r.App.Identities, func(i v1alpha1.Identity) bool { return i.Role != v1alpha1.RoleAdmin })
	if i < 0 {
		return true
	}
	if r.user, err = r.visitors.LogIn(ctx, r.App.Identities[i]); err != nil {
		r.Unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl, fmt.Sprintf("%s could not log in: %s. Correct spec.app.login or the Secret %s.",
			r.App.Identities[i].Name, access.Plain(err), r.App.Identities[i].CredentialsSecretRef.Name))
		return false
	}
	return true
}

// sendAll sends a request on each way.
func (r *run) sendAll(ctx context.Context) {
	r.wrongLogin(ctx)
	r.question(ctx)
	r.brokenQuestion(ctx)
	r.creation(ctx)
	r.payment(ctx)
	r.strangers(ctx)
	probe.Wait(ctx, settle)
}

// value gives a marker's value.
func (r *run) value(kind logmark.Kind) string { return r.markers.Of(kind).Value }

// send sends a request that carries markers, with ids by which its line in the log is known.
func (r *run) send(ctx context.Context, v *access.Visitor, name string, request httpstep.Request, kinds ...logmark.Kind) *httpstep.Response {
	number := len(r.marked)
	id, err := r.markers.Request(number)
	if err != nil || number == MaxRequests {
		return nil
	}
	request = request.Clone()
	for header, value := range map[string]string{
		"X-Request-Id": id.UUID, "X-Correlation-Id": id.UUID, "Traceparent": id.Traceparent, "User-Agent": id.UserAgent,
	} {
		request.Header.Set(header, value)
	}
	resp, err := v.Send(ctx, request)
	marked := probe.Marked{Number: number, Name: name, Answered: err == nil}
	for _, kind := range kinds {
		marked.Kinds = append(marked.Kinds, string(kind))
	}
	r.marked = append(r.marked, marked)
	return resp
}

var (
	passwords = regexp.MustCompile(`(?i)pass|pwd|secret|pin`)
	addresses = regexp.MustCompile(`(?i)mail|user|login|name`)
)

// wrongLogin logs in with an address and a password that nobody has: at an address that doesn't exist nobody is locked out.
func (r *run) wrongLogin(ctx context.Context) {
	if r.App.Login == nil || len(r.App.Identities) == 0 {
		return
	}
	vars, kinds := httpstep.Vars{}, []logmark.Kind{}
	for _, key := range slices.Sorted(maps.Keys(r.Credentials[r.App.Identities[0].Name])) {
		name := "credentials." + key
		switch {
		case passwords.MatchString(key):
			vars[name], kinds = r.value(logmark.Password), append(kinds, logmark.Password)
		case addresses.MatchString(key):
			vars[name], kinds = r.value(logmark.Email), append(kinds, logmark.Email)
		default:
			vars[name] = "x"
		}
	}
	if !slices.Contains(kinds, logmark.Password) {
		return
	}
	for _, step := range r.App.Login.Steps {
		request, err := httpstep.Prepare(step.Request, vars)
		if err != nil {
			return // it needs what a page before gives, or a one-time password
		}
		carries := func(name string) bool { return httpstep.Uses(step.Request, name) && passwords.MatchString(name) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(vars)), carries) {
			continue
		}
		r.send(ctx, r.visitors.Stranger(), access.Shown(step.Request), request, slices.Compact(slices.Sorted(slices.Values(kinds)))...)
		return
	}
}

// sentence is what somebody might well write into a chat.
func (r *run) sentence() string {
	return fmt.Sprintf("%s My address is %s, my card is %s, and my key is %s.",
		r.value(logmark.Prompt), r.value(logmark.Email), r.value(logmark.CardNumber), r.value(logmark.APIKey))
}

// inSentence are the kinds of markers in the sentence.
func inSentence() []logmark.Kind {
	return []logmark.Kind{logmark.Prompt, logmark.Email, logmark.CardNumber, logmark.APIKey}
}

// question asks the chat as a user.
func (r *run) question(ctx context.Context) {
	if r.App.Chat == nil {
		return
	}
	chat, err := httpstep.CompileChat(*r.App.Chat)
	if err != nil {
		r.Unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, "spec.app.chat."+err.Error())
		return
	}
	request, err := chat.Question(r.user.Vars(), chat.Begin(), r.sentence())
	if err != nil {
		return
	}
	kinds := append(inSentence(), r.addHeaders(request.Header, r.App.Authenticate)...)
	r.send(httpstep.AsQuestion(ctx), r.user, access.Shown(r.App.Chat.Request), request, kinds...)
}

// addHeaders adds a key and, where the app takes none by itself, a token: what reads them is what logs them.
func (r *run) addHeaders(header http.Header, authenticate *v1alpha1.Authenticate) []logmark.Kind {
	kinds := []logmark.Kind{}
	used := func(name string) bool {
		if header.Get(name) != "" {
			return true
		}
		return authenticate != nil && slices.ContainsFunc(slices.Collect(maps.Keys(authenticate.Headers)), func(h string) bool { return strings.EqualFold(h, name) })
	}
	if !used("X-Api-Key") {
		header.Set("X-Api-Key", r.value(logmark.APIKey))
		kinds = append(kinds, logmark.APIKey)
	}
	if !used("Authorization") {
		header.Set("Authorization", "Bearer "+r.value(logmark.Token))
		kinds = append(kinds, logmark.Token)
	}
	return kinds
}

// brokenQuestion sends the chat a body that no parser takes: what fails is logged more than what works.
func (r *run) brokenQuestion(ctx context.Context) {
	if r.App.Chat == nil || r.App.Chat.Request.JSON == nil || r.App.Chat.Request.WebSocket != nil {
		return
	}
	text, err := json.Marshal(r.sentence())
	if err != nil {
		return
	}
	described := r.App.Chat.Request
	request := httpstep.Request{
		Method: httpstep.Method(described), Path: string(described.Path), Header: http.Header{"Content-Type": {"application/json"}},
		Body: []byte(`{"message": ` + string(text) + `, "broken": `),
	}
	if strings.Contains(request.Path, "$(") {
		return
	}
	r.send(httpstep.AsQuestion(ctx), r.user, access.Shown(described)+" with a broken body", request, inSentence()...)
}

// creation creates a thing, and removes it where the description says how.
func (r *run) creation(ctx context.Context) {
	i := slices.IndexFunc(r.App.Resources, func(res v1alpha1.Resource) bool { return res.Mark == "" && res.Create.Request.WebSocket == nil })
	if i < 0 {
		return
	}
	described := r.App.Resources[i]
	text := "Reach me at " + r.value(logmark.Email) + ", card " + r.value(logmark.CardNumber)
	request, err := httpstep.Prepare(described.Create.Request, r.user.Vars().With(httpstep.Vars{httpstep.Canary: text}))
	if err != nil {
		return
	}
	resp := r.send(ctx, r.user, access.Shown(described.Create.Request), request, logmark.Email, logmark.CardNumber)
	captured, ok := described.Create.Capture[httpstep.ID]
	if resp == nil || !ok || described.Delete == nil {
		return
	}
	expression, err := httpstep.Compile(captured, httpstep.Text)
	if err != nil {
		return
	}
	id, err := expression.Text(ctx, resp)
	if err != nil {
		return
	}
	if removal, err := httpstep.Prepare(*described.Delete, r.user.Vars().With(httpstep.Vars{httpstep.ID: id})); err == nil {
		_, _ = r.user.Send(ctx, removal) // what stays is named so that it can be found
	}
}

// cardNumber finds what may be one: 13 to 19 digits (ISO/IEC 7812-1).
var cardNumber = regexp.MustCompile(`\b[0-9]{13,19}\b`)

// payment pays as it is described, with a card that nobody has in the place of the test card: it will be declined.
func (r *run) payment(ctx context.Context) {
	for _, res := range r.App.Resources {
		described := res.Create.Request
		if described.JSON == nil || described.WebSocket != nil || !cardNumber.Match(described.JSON.Raw) {
			continue
		}
		described.JSON = described.JSON.DeepCopy()
		described.JSON.Raw = cardNumber.ReplaceAllLiteral(described.JSON.Raw, []byte(r.value(logmark.CardNumber)))
		request, err := httpstep.Prepare(described, r.user.Vars().With(httpstep.Vars{httpstep.Canary: "LaunchReady"}))
		if err == nil {
			r.send(ctx, r.user, access.Shown(described), request, logmark.CardNumber)
		}
		return
	}
}

// strangers asks as nobody, with credentials that nobody has: at a path that is guarded, and at one that does not exist.
func (r *run) strangers(ctx context.Context) {
	header := http.Header{
		"Authorization": {"Bearer " + r.value(logmark.Token)}, "Cookie": {"session=" + r.value(logmark.Cookie)}, "X-Api-Key": {r.value(logmark.APIKey)},
	}
	kinds := []logmark.Kind{logmark.Token, logmark.Cookie, logmark.APIKey}
	if guarded, ok := r.guarded(); ok {
		r.send(ctx, r.visitors.Stranger(), "GET "+guarded+" with a wrong token", httpstep.Request{Method: http.MethodGet, Path: guarded, Header: header}, kinds...)
	}
	id, err := r.markers.Request(len(r.marked))
	if err != nil {
		return
	}
	r.send(ctx, r.visitors.Stranger(), "GET of a path that does not exist",
		httpstep.Request{Method: http.MethodGet, Path: "/launchready-does-not-exist?" + id.Query, Header: header}, kinds...)
}

// guarded gives a path that only users may read.
func (r *run) guarded() (string, bool) {
	var candidates []v1alpha1.HTTPRequest
	for _, res := range r.App.Resources {
		if res.List != nil {
			candidates = append(candidates, *res.List)
		}
	}
	if r.App.Profile != nil {
		candidates = append(candidates, r.App.Profile.Read)
	}
	for _, path := range r.App.AdminPaths {
		candidates = append(candidates, v1alpha1.HTTPRequest{Path: path})
	}
	for _, c := range candidates {
		if httpstep.Method(c) == http.MethodGet && !strings.Contains(string(c.Path), "$(") && c.WebSocket == nil {
			return string(c.Path), true
		}
	}
	return "", false
}
