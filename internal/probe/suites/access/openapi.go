// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/openapi"
)

const (
	// DefaultMaxUndescribedPercent is how much of what the app's own document lists, and its pages and scripts name, may be neither described nor asked, where no
	// policy says. One in five leaves room for what an app has beside its users' data: settings, webhooks, what its frontend
	// alone uses. With more than that, a kind of data that nobody looked at fits in.
	DefaultMaxUndescribedPercent = 20
	// maxAsked is how many operations are asked of those that nobody described: the rest is left, and counts so.
	maxAsked = 100
	// maxChanged is how many operations are tried that change something.
	maxChanged = 16
	// maxTold is how many operations that were left are told one by one, and maxNamed how many a message names.
	maxTold, maxNamed = 20, 5
)

// fate is what became of an operation.
type fate int

const (
	// fateLeft: neither described nor asked.
	fateLeft fate = iota
	// fateDescribed: it stands in spec.app, and the other attacks are on it.
	fateDescribed
	// fateAsked: everybody asked it, besides what is described.
	fateAsked
	// fateOpen: it is for everybody by design, as the description or the document says.
	fateOpen
	// fateUntested: the description leaves it out.
	fateUntested
	// fateAbsent: it is not there, whatever the document says.
	fateAbsent
)

// operation is one that the app's document lists.
type operation struct {
	openapi.Operation
	// path with what stands in front of it.
	path string
	fate fate
	// why it could not be asked.
	why string
	// named says that pages or scripts alone name it, guessed that they do so without a method, silent that it did not answer, and
	// page that it is one for people.
	named, guessed, silent, page bool
}

func (o *operation) String() string { return shortened(o.Method + " " + o.path) }

func shortened(text string) string {
	const most = 80
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// changes says whether the method may change something. RFC 9110 §9.2.1.
func (o *operation) changes() bool { return o.Method != http.MethodGet && o.Method != http.MethodHead }

// attackOperations asks for what the app's own document lists, or its pages and scripts name, and nobody described, and sees how much of
// it is left.
func (r *run) attackOperations(ctx context.Context) {
	if len(r.planted()) == 0 {
		return // it has been said
	}
	var operations []*operation
	if r.App.OpenAPI != nil && r.App.OpenAPI.Path != "" {
		doc, ok := r.fetchDocument(ctx)
		if !ok {
			return
		}
		operations = r.sorted(doc)
	}
	operations = append(operations, r.namedOperations(ctx, operations)...)
	r.askForThings(ctx, operations)
	r.askOperations(ctx, operations)
	r.changeByOperations(ctx, operations)
	if ctx.Err() != nil {
		return // it is said that there was no time
	}
	for _, o := range operations {
		// HEAD is GET without the body, and shows no text.
		if i := slices.IndexFunc(operations, func(get *operation) bool { return get.Method == http.MethodGet && get.path == o.path }); o.Method == http.MethodHead && i >= 0 {
			o.fate = operations[i].fate
		}
	}
	// A page is for people: what it shows is looked at, and which there are says nothing of the app's data.
	r.cover(slices.DeleteFunc(operations, func(o *operation) bool { return o.named && (o.page || o.fate == fateAbsent) }))
}

// planted are the things that their owners get back, one for each owner and kind.
func (r *run) planted() []*thing {
	var found []*thing
	for _, t := range r.things {
		if len(t.ways) > 0 && !t.gone && !slices.ContainsFunc(found, func(o *thing) bool { return o.owner == t.owner && o.resource == t.resource }) {
			found = append(found, t)
		}
	}
	return found
}

// fetchDocument asks for the document as nobody, and then as each identity, until somebody gets one that can be read.
func (r *run) fetchDocument(ctx context.Context) (*openapi.Document, bool) {
	path, why := string(r.App.OpenAPI.Path), ""
	for _, p := range append([]*person{nil}, r.people...) {
		resp, err := r.send(ctx, r.carried(attempt{}, p), httpstep.Request{
			Method: http.MethodGet, Path: path, Header: http.Header{"Accept": {"application/json, application/yaml;q=0.9, */*;q=0.8"}},
		})
		switch {
		case err != nil:
			why = plain(err)
		case resp.Status != http.StatusOK:
			why = fmt.Sprintf("it was answered %d to %s", resp.Status, called(p))
		case resp.Truncated:
			why = "it is larger than 1 MiB"
		default:
			doc, err := openapi.Read(ctx, resp.Body)
			if err == nil {
				return doc, true
			}
			why = err.Error()
		}
	}
	r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
		fmt.Sprintf("%s gave no OpenAPI document: %s. Correct spec.app.openAPI.path or the document, or remove spec.app.openAPI.", shortened(path), why), both...)
	return nil, false
}

// sorted says of each operation whether it is described, or left out by design.
func (r *run) sorted(doc *openapi.Document) []*operation {
	requests := describedRequests(r.App)
	with, without := place(doc, true), place(doc, false)
	markDescribed(with, requests)
	markDescribed(without, requests)
	operations := with
	// Something in front of the app may have taken the prefix away: then more of what is described is found without it.
	if count(without, fateDescribed) > count(with, fateDescribed) {
		operations = without
	}
	r.markLeftOut(operations)
	return operations
}

// markLeftOut says of each operation whether the description leaves it out.
func (r *run) markLeftOut(operations []*operation) {
	if r.App.OpenAPI == nil {
		return
	}
	for _, o := range operations {
		named := func(path v1alpha1.RequestPath) bool {
			return openapi.Distance(o.path, string(path)) >= 0 || openapi.Distance(o.Path, string(path)) >= 0
		}
		switch {
		case o.fate == fateDescribed:
		case slices.ContainsFunc(r.App.OpenAPI.Public, named):
			o.fate = fateOpen
		case slices.ContainsFunc(r.App.OpenAPI.Untested, named):
			o.fate = fateUntested
		}
	}
}

func place(doc *openapi.Document, prefixed bool) []*operation {
	all := make([]*operation, len(doc.Operations))
	for i, o := range doc.Operations {
		all[i] = &operation{Operation: o, path: o.Path}
		if prefixed {
			all[i].path = o.Prefix + o.Path
		}
	}
	return all
}

func count(operations []*operation, which fate) int {
	n := 0
	for _, o := range operations {
		if o.fate == which {
			n++
		}
	}
	return n
}

// asking is a described request as far as it tells which operation it is: any method, where it names none.
type asking struct{ method, path string }

// describedRequests are those of the whole description, wherever in it they stand: each object in it that has a path is one.
func describedRequests(app *v1alpha1.App) []asking {
	var found []asking
	var doc any
	if data, err := json.Marshal(app); err == nil && json.Unmarshal(data, &doc) == nil {
		found = requestsIn(doc)
	}
	for _, path := range app.AdminPaths {
		found = append(found, asking{http.MethodGet, string(path)})
		if app.Writes == v1alpha1.WritesSandbox {
			found = append(found, asking{"", string(path)})
		}
	}
	return found
}

func requestsIn(v any) (found []asking) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			found = append(found, requestsIn(inner)...)
		}
	case map[string]any:
		if path, ok := v["path"].(string); ok {
			method, _ := v["method"].(string)
			found = append(found, asking{cmp.Or(method, http.MethodGet), path})
		}
		for name, inner := range v {
			if name != "json" { // what a body holds is no description
				found = append(found, requestsIn(inner)...)
			}
		}
	}
	return found
}

// markDescribed finds for each described request the operations that it is: those whose paths are most exactly its own.
func markDescribed(operations []*operation, requests []asking) {
	for _, request := range requests {
		nearest := -1
		for _, o := range operations {
			if d := openapi.Distance(o.path, request.path); d >= 0 && (nearest < 0 || d < nearest) && request.is(o) {
				nearest = d
			}
		}
		for _, o := range operations {
			if nearest >= 0 && request.is(o) && openapi.Distance(o.path, request.path) == nearest {
				o.fate = fateDescribed
			}
		}
	}
}

func (a asking) is(o *operation) bool { return a.method == "" || o.guessed || a.method == o.Method }

var (
	// identifier is how a part of a path looks that names one thing: what the run did not make is never asked for.
	identifier = regexp.MustCompile(`(?i)^([0-9]+|[0-9a-f]{12,}|[0-9a-z_-]{20,})$`)
	// deed is how a part of a path begins that does something, though it be asked by GET.
	deed = regexp.MustCompile(`^(?i:log-?out|log-?off|sign-?out|sign-?off|delete|remove|destroy|purge|clear|flush|wipe|drop|subscribe|unsubscribe|publish|unpublish|join|leave|deploy|migrate|revoke|reset|cancel|confirm|verify|approve|accept|decline|reject|activate|deactivate|enable|disable|send|resend|pay|charge|refund|buy|start|stop|restart|shutdown|reboot|callback|authorize|refresh|rotate|import|sync|run|trigger|execute|impersonate|switch)([-_.A-Z].*)?$`)
	// ofTenant is what a parameter is called that names a tenant.
	ofTenant = regexp.MustCompile(`(?i)^(tenant|org|organi[sz]ation|workspace|team|account|company|customer)[-_]?(id|name|slug|key)?$`)
	// ending is what ends sessions or accounts of the identities, which no sandbox makes up for.
	ending = regexp.MustCompile(`(?i)log-?(out|off)|sign-?(out|off)|password|credential|session|token|deactivate`)
)

// isIdentifier says whether a part of a path names one thing. Words have no digits, however long they are.
func isIdentifier(part string) bool {
	return identifier.MatchString(part) && strings.ContainsAny(part, "0123456789")
}

// askable says whether an operation may be asked with what the run has, and if not, notes why.
func (r *run) askable(o *operation) bool {
	sandbox := r.App.Writes == v1alpha1.WritesSandbox
	parts := strings.Split(o.path, "/")
	switch {
	case o.fate != fateLeft:
		return false
	case o.silent:
		return false
	case o.named && o.changes():
		o.why = "it may change something, and pages or scripts alone name it"
	case o.Elsewhere:
		o.why = "it is described in another document, which is not fetched, or there are too many"
	case o.changes() && !sandbox:
		o.why = "it may change something, which needs spec.app.writes: Sandbox"
	case o.changes() && (o.Opaque || o.Method == http.MethodDelete || !onlyTenants(o) || ending.MatchString(o.path)):
		o.why = "it may change what no sandbox makes up for, or needs a body of more than texts"
	case len(o.Needs) > 0:
		o.why = "it needs the " + shortened(o.Needs[0])
	case slices.ContainsFunc(parts, isIdentifier):
		o.why = "its path has an identifier that the run did not make"
	case slices.ContainsFunc(parts, deed.MatchString) && (!sandbox || o.named || ending.MatchString(o.path)):
		o.why = "its path says that it does something"
	default:
		return true
	}
	return false
}

// cover says how much of what the app has was looked at, and what was left.
func (r *run) cover(operations []*operation) {
	path := ""
	if r.App.OpenAPI != nil {
		path = string(r.App.OpenAPI.Path)
	}
	where := shortened(path)
	switch named := slices.ContainsFunc(operations, func(o *operation) bool { return o.named }); {
	case named && path == "":
		where = "spec.app and the app's pages and scripts"
		operations = r.withDescribed(operations)
	case named:
		where += " and the app's pages and scripts"
	case path == "":
		return // nothing is known but what was described
	}
	var missed []*operation
	for _, o := range operations {
		if o.fate == fateLeft && o.Access == openapi.Public {
			o.fate = fateOpen
		}
		if o.fate == fateLeft {
			missed = append(missed, o)
		}
	}
	said := fmt.Sprintf("Of %d operations in %s %d are described and %d were asked besides; %d are public, %d not there, %d left out by spec.app.openAPI.untested, %d could not be asked",
		len(operations), where, count(operations, fateDescribed), count(operations, fateAsked), count(operations, fateOpen), count(operations, fateAbsent), count(operations, fateUntested), len(missed))
	if len(missed) > 0 {
		said += ": " + listed(missed)
	}
	for _, name := range both {
		r.control(name, "%s.", said)
	}
	for _, o := range missed[:min(len(missed), maxTold)] {
		r.find(notDescribed.row, probe.Finding{
			Rule: notDescribed.name, Severity: notDescribed.severity, Place: o.String(), Remedy: notDescribed.remedy,
			Message: fmt.Sprintf("it is not described, and was not asked: %s (%s).", o.why, notDescribed.standard),
		})
	}
	r.judgeCoverage(operations, missed, where, path)
}

// withDescribed adds what is described and nothing names, where no document lists what there is: it is looked at all the same.
func (r *run) withDescribed(operations []*operation) []*operation {
	// A path that is named without a method stands for any of those that are described.
	operations = slices.DeleteFunc(operations, func(o *operation) bool { return o.guessed && o.fate == fateDescribed })
	for _, request := range describedRequests(r.App) {
		path, _, _ := strings.Cut(request.path, "?")
		o := &operation{Operation: openapi.Operation{Method: cmp.Or(request.method, http.MethodGet), Path: path}, path: path, fate: fateDescribed}
		if !slices.ContainsFunc(operations, func(had *operation) bool {
			return had.fate == fateDescribed && had.Method == o.Method && openapi.Distance(had.path, path) >= 0
		}) {
			operations = append(operations, o)
		}
	}
	return operations
}

// judgeCoverage says whether too much was left.
func (r *run) judgeCoverage(operations, missed []*operation, where, path string) {
	most := DefaultMaxUndescribedPercent
	if r.MaxUndescribedPercent != nil {
		most = int(*r.MaxUndescribedPercent)
	}
	// A policy that allows nothing means each of them.
	if byName := func(o *operation) bool { return o.named }; most > 0 && len(slices.DeleteFunc(slices.Clone(missed), func(o *operation) bool { return !o.named })) < leastNamed {
		missed = slices.DeleteFunc(slices.Clone(missed), byName)
	}
	seen := count(operations, fateDescribed) + count(operations, fateAsked)
	counted := seen + len(missed)
	switch listed := slices.DeleteFunc(slices.Clone(operations), func(o *operation) bool { return o.named }); {
	case path != "" && count(listed, fateDescribed)+count(listed, fateAsked) == 0:
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonLowCoverage,
			fmt.Sprintf("None of the %d operations in %s is one that spec.app describes, or could be asked: correct spec.app.openAPI.path, or servers in the document.", len(listed), shortened(path)), both...)
		return
	case len(missed)*100 <= most*counted:
		return
	}
	r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonLowCoverage,
		fmt.Sprintf("%d of %d operations in %s that are not public (%d %%, where at most %d %% may be) are neither described nor could be asked: %s. Describe them, such as by %s.",
			len(missed), counted, where, (len(missed)*100+counted-1)/counted, most, listed(missed), suggestion(missed)), both...)
}

// listed names some operations.
func listed(operations []*operation) string {
	var names []string
	for _, o := range operations[:min(len(operations), maxNamed)] {
		names = append(names, o.String())
	}
	text := strings.Join(names, ", ")
	if n := len(operations) - len(names); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// suggestion gives the YAML that would describe one of the operations.
func suggestion(missed []*operation) string {
	for _, o := range missed {
		names := openapi.Parameters(o.path)
		if o.Method != http.MethodGet || len(names) != 1 || !strings.HasSuffix(o.path, "/{"+names[0]+"}") || len(o.path) > maxSuggested {
			continue
		}
		collection := strings.TrimSuffix(o.path, "/{"+names[0]+"}")
		name := strings.ToLower(collection[strings.LastIndexByte(collection, '/')+1:])
		return fmt.Sprintf("spec.app.resources: [{name: %s, create: {request: {method: POST, path: %s, json: {text: $(canary)}}, capture: {id: response.json.id}}, item: {path: %s/$(id)}}], or leave them out by spec.app.openAPI.untested",
			name, collection, collection)
	}
	return fmt.Sprintf("spec.app.adminPaths if they are for administrators, or leave them out by spec.app.openAPI: {untested: [%s]}", shortened(missed[0].path))
}

// maxSuggested is how long a path may be that is suggested.
const maxSuggested = 80
