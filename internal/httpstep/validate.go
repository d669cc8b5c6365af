// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/launchready/launchready/api/v1alpha1"
)

// The names that probes put in themselves.
const (
	// Canary is the text by which a thing is known again.
	Canary = "canary"
	// Query is a word of the canary, to search for.
	Query = "query"
	// ID is the captured identifier of a thing.
	ID = "id"
	// Prompt is a question to the chatbot.
	Prompt = "prompt"
	// History stands in a list of a chat's JSON for the messages before the question.
	History = "history"
	// Spoken is what was said in one of them.
	Spoken = "text"
	// Content is what is written for a chatbot to read.
	Content = "content"
	// Term is a word of it to ask for.
	Term = "term"
	// Internal is what stands beside it for the chatbot to read and not to tell.
	Internal = "internal"
)

// Validate finds what is wrong with a description before anything is sent: expressions that don't compile, with line and column,
// and names that nothing gives.
func Validate(app *v1alpha1.App, at *field.Path) field.ErrorList {
	v := &validation{}
	known := sets.New[string]()
	if app.Login != nil {
		v.login = app.Login
		for i, step := range app.Login.Steps {
			v.step(at.Child("login", "steps").Index(i), step, known.Clone().Insert(OneTime("KEY")))
			known.Insert(slices.Collect(maps.Keys(step.Capture))...)
		}
		v.refresh(at.Child("login", "refresh"), app.Login.Refresh, known)
		v.login = nil
	}
	if app.Authenticate != nil {
		v.values(at.Child("authenticate"), app.Authenticate.Headers, known)
	}
	if app.Logout != nil {
		v.step(at.Child("logout"), *app.Logout, known)
	}
	if app.SignUp != nil {
		captured := sets.New[string]()
		for i, step := range app.SignUp.Steps {
			v.step(at.Child("signUp", "steps").Index(i), step, captured)
			captured.Insert(slices.Collect(maps.Keys(step.Capture))...)
		}
	}
	if app.Profile != nil {
		v.request(at.Child("profile", "read"), app.Profile.Read, known)
		if app.Profile.Update != nil {
			v.request(at.Child("profile", "update"), *app.Profile.Update, known)
		}
	}
	if app.Chat != nil {
		v.chat(at.Child("chat"), *app.Chat, known)
		v.sources(at.Child("chat", "sources"), app, known)
	}
	for i, resource := range app.Resources {
		v.resource(at.Child("resources").Index(i), resource, known)
	}
	v.expression(at.Child("rateLimited"), app.RateLimited, Bool)
	v.paths(at.Child("adminPaths"), app.AdminPaths)
	if app.OpenAPI != nil {
		v.paths(at.Child("openAPI", "public"), app.OpenAPI.Public)
		v.paths(at.Child("openAPI", "untested"), app.OpenAPI.Untested)
	}
	return v.errs
}

// liveKey is how keys for real payments look.
var liveKey = regexp.MustCompile(`\b[a-z]{2}_live_[A-Za-z0-9]{8,}`)

type validation struct {
	errs field.ErrorList
	// login is the one whose steps are looked at; nil for any other request.
	login *v1alpha1.Login
}

// paths finds what only a step of a login may have as its path: the whole of a captured one.
func (v *validation) paths(at *field.Path, paths []v1alpha1.RequestPath) {
	for i, path := range paths {
		v.path(at.Index(i), path)
	}
}

func (v *validation) path(at *field.Path, path v1alpha1.RequestPath) {
	if path != "" && !strings.HasPrefix(string(path), "/") {
		v.errs = append(v.errs, field.Invalid(at, string(path), "only a step of login may have a whole path captured: write one that begins with '/'"))
	}
}

// host finds a request that goes where it must not.
func (v *validation) host(at *field.Path, r v1alpha1.HTTPRequest) {
	host := r.Host
	switch {
	case host == "":
	case v.login == nil:
		v.errs = append(v.errs, field.Forbidden(at, "only login.steps and login.refresh may go to another host than the app: leave host out"))
	case !slices.Contains(v.login.Hosts, v1alpha1.PublicHost(host)):
		v.errs = append(v.errs, field.Invalid(at, host, "login.hosts does not name it: add it there, or write it as it stands there"))
	case r.WebSocket != nil:
		v.errs = append(v.errs, field.Forbidden(at, "a WebSocket is opened to the app: leave host or webSocket out"))
	}
}

// refresh may only give anew what the login gave.
func (v *validation) refresh(at *field.Path, step *v1alpha1.HTTPStep, known sets.Set[string]) {
	if step == nil {
		return
	}
	v.step(at, *step, known)
	for _, name := range slices.Sorted(maps.Keys(step.Capture)) {
		if !known.Has(name) {
			v.errs = append(v.errs, field.Invalid(at.Child("capture").Key(name), string(step.Capture[name]),
				fmt.Sprintf("login.steps captures no %s, so that nothing would use it: capture it under the name that authenticate refers to", name)))
		}
	}
}

func (v *validation) chat(at *field.Path, c v1alpha1.Chat, known sets.Set[string]) {
	names := slices.Sorted(maps.Keys(c.Conversation))
	asks := known.Clone().Insert(names...)
	if c.History != nil {
		asks.Insert(History)
		v.history(at, c)
	}
	v.request(at.Child("request"), c.Request, asks, Prompt)
	v.expression(at.Child("reply"), c.Reply, Text)
	for _, name := range names {
		v.expression(at.Child("conversation").Key(name), c.Conversation[name], Text)
		if !Uses(c.Request, name) {
			v.errs = append(v.errs, field.Required(at.Child("request"), fmt.Sprintf("conversation captures %s: put $(%s) into the request, or each question begins a conversation of its own", name, name)))
		}
	}
	if c.Tools != nil {
		v.expression(at.Child("tools", "calls"), c.Tools.Calls, Texts)
	}
}

// history finds messages without what was said, and a request that has no list for them.
func (v *validation) history(at *field.Path, c v1alpha1.Chat) {
	var doc any
	if c.Request.JSON == nil || json.Unmarshal(c.Request.JSON.Raw, &doc) != nil || !lists(doc, reference(History)) {
		v.errs = append(v.errs, field.Required(at.Child("request", "json"), "put $(history) into the list that has the messages, in front of the question: {messages: [$(history), {role: user, content: $(prompt)}]}"))
	}
	for name, message := range map[string]apiextensionsv1.JSON{"user": c.History.User, "assistant": c.History.Assistant} {
		as := v1alpha1.HTTPRequest{Path: "/", JSON: &message}
		v.request(at.Child("history", name), as, sets.New(Spoken))
		if !Uses(as, Spoken) {
			v.errs = append(v.errs, field.Required(at.Child("history", name), "put $(text) where the message has its text"))
		}
	}
}

// lists says whether a text is an element of some list of a JSON document.
func lists(doc any, text string) bool {
	switch doc := doc.(type) {
	case []any:
		return slices.ContainsFunc(doc, func(e any) bool { return e == text || lists(e, text) })
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(doc)), func(e any) bool { return lists(e, text) })
	}
	return false
}

// sources finds what can't be written, taken away or asked for, and authors whom nobody knows.
func (v *validation) sources(at *field.Path, app *v1alpha1.App, known sets.Set[string]) {
	for i, s := range app.Chat.Sources {
		at := at.Index(i)
		v.request(at.Child("create", "request"), s.Create.Request, known.Clone().Insert(Internal), Content)
		if _, stands := s.Create.Capture[ID]; !stands && Uses(s.Create.Request, Internal) {
			v.errs = append(v.errs, field.Required(at.Child("create", "capture").Key(ID), "$(internal) stands in a text that stays while others come and go beside it: say where its identifier stands, such as response.json.id; a place that holds one text at a time can't have it"))
		}
		v.expectation(at.Child("create"), s.Create)
		if s.Kind == v1alpha1.ChatSourcePDF && Uses(s.Create.Request, Content) && !Uses(v1alpha1.HTTPRequest{Path: "/", Multipart: s.Create.Request.Multipart, Body: s.Create.Request.Body}, Content) {
			v.errs = append(v.errs, field.Required(at.Child("create", "request"), "put $(content) into a part of multipart, or write it as body: a PDF is a file, and no text"))
		}
		captured := known.Clone().Insert(slices.Collect(maps.Keys(s.Create.Capture))...)
		if len(s.Create.Capture) == 0 && Uses(s.Delete, ID) {
			captured.Insert(ID)
			v.errs = append(v.errs, field.Required(at.Child("create", "capture").Key(ID), "say where the new thing's identifier stands, such as response.json.id: delete refers to it"))
		}
		v.request(at.Child("delete"), s.Delete, captured)
		for _, name := range References(s.Control) {
			if name != Term {
				v.errs = append(v.errs, field.Invalid(at.Child("control"), s.Control, fmt.Sprintf("$(%s) stands for nothing here: what there is is $(term)", name)))
			}
		}
		var names []string
		for _, identity := range app.Identities {
			names = append(names, identity.Name)
		}
		if s.Author != "" && !slices.Contains(names, s.Author) {
			v.errs = append(v.errs, field.NotSupported(at.Child("author"), s.Author, names))
		}
	}
}

func (v *validation) resource(at *field.Path, r v1alpha1.Resource, known sets.Set[string]) {
	creates := known
	if r.Mark == "" {
		creates = known.Clone().Insert(Canary)
		if !Uses(r.Create.Request, Canary) {
			v.errs = append(v.errs, field.Required(at.Child("create", "request"),
				"put $(canary) into the request, in path, query, headers, body or a message; where the thing can hold no text, set mark, such as response.json.receipt"))
		}
	}
	v.request(at.Child("create", "request"), r.Create.Request, creates)
	v.expression(at.Child("mark"), r.Mark, Text)
	v.expectation(at.Child("create"), r.Create)
	if _, ok := r.Create.Capture[ID]; !ok {
		v.errs = append(v.errs, field.Required(at.Child("create", "capture").Key(ID), "say where the new thing's identifier stands, such as response.json.id"))
	}
	v.request(at.Child("item"), r.Item, known, ID)
	for _, optional := range []struct {
		name    string
		request *v1alpha1.HTTPRequest
		needs   []string
		may     string
	}{
		{name: "list", request: r.List},
		{name: "search", request: r.Search, needs: []string{Query}},
		{name: "export", request: r.Export, may: ID},
		{name: "update", request: r.Update, needs: []string{ID, Canary}},
		{name: "delete", request: r.Delete, needs: []string{ID}},
	} {
		if optional.request != nil {
			v.request(at.Child(optional.name), *optional.request, known.Clone().Insert(optional.may), optional.needs...)
		}
	}
}

func (v *validation) step(at *field.Path, s v1alpha1.HTTPStep, known sets.Set[string]) {
	v.request(at.Child("request"), s.Request, known)
	v.expectation(at, s)
}

func (v *validation) expectation(at *field.Path, s v1alpha1.HTTPStep) {
	v.expression(at.Child("expect"), s.Expect, Bool)
	for _, name := range slices.Sorted(maps.Keys(s.Capture)) {
		v.expression(at.Child("capture").Key(name), s.Capture[name], Text)
	}
}

func (v *validation) expression(at *field.Path, source v1alpha1.CELExpression, result Result) {
	if source == "" {
		return
	}
	if _, err := Compile(source, result); err != nil {
		v.errs = append(v.errs, field.Invalid(at, string(source), err.Error()))
	}
}

// request finds names that nothing gives, and those that have to be there and are not.
func (v *validation) request(at *field.Path, r v1alpha1.HTTPRequest, known sets.Set[string], needs ...string) {
	used := sets.New[string]()
	note := func(at *field.Path, text string) {
		if liveKey.MatchString(text) {
			v.errs = append(v.errs, field.Forbidden(at, "this is a key for real payments: probes pay in test mode alone, with a test key"))
			return
		}
		for _, name := range References(text) {
			used.Insert(name)
			if key, ok := OneTimeKey(name); ok && known.Has(OneTime("KEY")) && key != "" {
				continue
			}
			if !known.Has(name) && !slices.Contains(needs, name) && !strings.HasPrefix(name, credentialsPrefix) {
				v.errs = append(v.errs, field.Invalid(at, text, unknown(name, known, needs)))
			}
		}
	}
	v.host(at.Child("host"), r)
	if v.login == nil {
		v.path(at.Child("path"), r.Path)
	}
	v.parts(at, r, note)
	for _, name := range needs {
		if !used.Has(name) {
			v.errs = append(v.errs, field.Required(at, fmt.Sprintf("put $(%s) into the request, in path, query, headers, body or a message", name)))
		}
	}
}

// parts visits the texts of a request in which names may stand.
func (v *validation) parts(at *field.Path, r v1alpha1.HTTPRequest, note func(*field.Path, string)) {
	note(at.Child("path"), string(r.Path))
	note(at.Child("body"), r.Body)
	for name, value := range r.Query {
		note(at.Child("query").Key(name), string(value))
	}
	for name, value := range r.Headers {
		note(at.Child("headers").Key(name), string(value))
	}
	for name, value := range r.Form {
		note(at.Child("form").Key(name), string(value))
	}
	for i, part := range r.Multipart {
		note(at.Child("multipart").Index(i).Child("value"), part.Value)
	}
	if r.JSON != nil {
		var doc any
		if err := json.Unmarshal(r.JSON.Raw, &doc); err == nil {
			texts(doc, func(text string) { note(at.Child("json"), text) })
		}
	}
	if r.WebSocket != nil {
		v.socket(at.Child("webSocket"), *r.WebSocket, note)
	}
}

// socket visits the messages, and compiles what says when their replies are complete.
func (v *validation) socket(at *field.Path, s v1alpha1.WebSocket, note func(*field.Path, string)) {
	for i, message := range s.Send {
		at := at.Child("send").Index(i)
		note(at.Child("text"), message.Text)
		var doc any
		if message.JSON != nil && json.Unmarshal(message.JSON.Raw, &doc) == nil {
			texts(doc, func(text string) { note(at.Child("json"), text) })
		}
		v.expression(at.Child("until"), message.Until, Bool)
	}
}

func (v *validation) values(at *field.Path, values map[string]v1alpha1.HeaderValue, known sets.Set[string]) {
	v.request(at, v1alpha1.HTTPRequest{Headers: values}, known)
}

func texts(doc any, note func(string)) {
	switch doc := doc.(type) {
	case string:
		note(doc)
	case []any:
		for _, v := range doc {
			texts(v, note)
		}
	case map[string]any:
		for _, v := range doc {
			texts(v, note)
		}
	}
}

func unknown(name string, known sets.Set[string], needs []string) string {
	names := []string{"$(credentials.KEY)"}
	for _, k := range sets.List(known.Clone().Insert(needs...)) {
		if k != "" {
			names = append(names, "$("+k+")")
		}
	}
	return fmt.Sprintf("$(%s) stands for nothing here: what there is is %s; write $$ for a dollar sign", name, strings.Join(names, ", "))
}

// Uses says whether a request refers to a name.
func Uses(r v1alpha1.HTTPRequest, name string) bool {
	v := &validation{}
	v.request(field.NewPath(""), r, sets.New[string](), name)
	for _, err := range v.errs {
		if err.Type == field.ErrorTypeRequired {
			return false
		}
	}
	return true
}
