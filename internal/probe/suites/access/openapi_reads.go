// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/openapi"
)

// askForThings asks operations that name one thing for what the run has made, as everybody who must not have it.
func (r *run) askForThings(ctx context.Context, operations []*operation) {
	n := 0
	for _, o := range operations {
		if !r.askable(o) || onlyTenants(o) {
			continue
		}
		kinds := r.kindsAt(o)
		switch {
		case len(kinds) == 0:
			o.why = "its parameters are not those of a described kind"
			continue
		case n == maxAsked:
			o.why = "there were too many to ask"
			continue
		}
		n++
		o.why = "its owner is not shown there what it planted"
		for _, k := range kinds {
			if r.askForKind(ctx, o, k); o.fate != fateLeft {
				break
			}
		}
	}
}

// onlyTenants says whether a path has no parameters but those that name a tenant.
func onlyTenants(o *operation) bool {
	return !slices.ContainsFunc(openapi.Parameters(o.path), func(name string) bool { return !ofTenant.MatchString(name) })
}

// kindAt is a described kind, things of which an operation takes under the name of a parameter.
type kindAt struct {
	*resource
	parameter string
	// rest is what stands behind the parameter.
	rest []string
}

// kindsAt gives the kinds whose things an operation takes: their identifiers stand at the same place in a described path.
func (r *run) kindsAt(o *operation) []kindAt {
	parts := strings.Split(strings.Trim(o.path, "/"), "/")
	var found []kindAt
	for _, res := range r.resources {
		for _, collection := range collections(res) {
			at := len(openapi.Segments(collection))
			if at >= len(parts) || openapi.Distance("/"+strings.Join(parts[:at], "/"), collection) < 0 {
				continue
			}
			names := openapi.Parameters(parts[at])
			others := openapi.Parameters(strings.Join(parts[:at], "/") + "/" + strings.Join(parts[at+1:], "/"))
			if len(names) != 1 || slices.ContainsFunc(others, func(name string) bool { return !ofTenant.MatchString(name) || name == names[0] }) {
				continue
			}
			found = append(found, kindAt{res, names[0], parts[at+1:]})
			break
		}
	}
	return found
}

// collections are the paths behind which the identifiers of a kind stand.
func collections(res *resource) []string {
	var found []string
	for _, request := range []*v1alpha1.HTTPRequest{&res.Item, res.Update, res.Delete, res.Export} {
		if request == nil {
			continue
		}
		path, _, _ := strings.Cut(string(request.Path), "?")
		parts := strings.Split(path, "/")
		if i := slices.Index(parts, "$("+httpstep.ID+")"); i > 1 {
			found = append(found, strings.Join(parts[:i], "/"))
		}
	}
	path, _, _ := strings.Cut(string(res.Create.Request.Path), "?")
	if path = strings.TrimRight(path, "/"); path != "" {
		found = append(found, path)
	}
	return found
}

// requestFor gives the request of an operation for things of a kind, as a description would have it.
func (r *run) requestFor(o *operation, k kindAt, owner *person) v1alpha1.HTTPRequest {
	path := openapi.Fill(o.path, func(name string) string {
		if name == k.parameter {
			return "$(" + httpstep.ID + ")"
		}
		return escaped(owner.tenantAs(name))
	})
	request := v1alpha1.HTTPRequest{Method: v1alpha1.HTTPMethod(o.Method), Path: v1alpha1.RequestPath(path)}
	if o.changes() {
		request.JSON = bodyOf(o.Fields, r.mark().Text())
	}
	return request
}

// bodyOf gives a JSON body with a text in each field.
func bodyOf(fields []string, text string) *apiextensionsv1.JSON {
	body := map[string]string{}
	for _, name := range fields {
		body[name] = text
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil // texts can be written
	}
	return &apiextensionsv1.JSON{Raw: data}
}

// escaped gives a text as a part of a path in which no name stands: a dollar sign would begin one.
func escaped(text string) string { return strings.ReplaceAll(url.PathEscape(text), "$", "%24") }

// tenantAs gives the tenant of a person as a parameter calls it: what the login captured under that name, else what the identity says.
func (p *person) tenantAs(name string) string {
	for _, known := range sortedNames(p.vars) {
		if sameName(known, name) {
			return p.vars[known]
		}
	}
	return p.Tenant
}

func sortedNames(vars httpstep.Vars) []string {
	names := make([]string, 0, len(vars))
	for name := range vars {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sameName says whether two names differ in how they are written alone: tenant_id is tenantId.
func sameName(a, b string) bool {
	bare := strings.NewReplacer("_", "", "-", "")
	return strings.EqualFold(bare.Replace(a), bare.Replace(b))
}

// askForKind asks an operation for the things of a kind: first their owners, who have to be shown what they planted.
func (r *run) askForKind(ctx context.Context, o *operation, k kindAt) {
	for _, t := range r.planted() {
		if t.resource != k.resource {
			continue
		}
		w := way{name: o.String(), request: r.requestFor(o, k, t.owner), byID: true}
		resp, err := r.asOwner(ctx, t, w)
		switch {
		case err != nil:
			o.why = "it did not answer: " + plain(err)
			return
		case t.marked(resp):
			o.fate = fateAsked
			r.askAsOthers(ctx, t, w)
		case o.named && (looksLikePage(resp) || resp.Status >= 300 && resp.Status < 400):
			o.page = true
			o.why = "its owner is shown a page without it"
			return
		case r.isNothing(ctx, t.owner, o, string(w.request.Path), resp):
			o.fate = fateAbsent
			return
		}
	}
}

// asOwner asks for a thing as its owner, once more with a new session where it is refused.
func (r *run) asOwner(ctx context.Context, t *thing, w way) (*httpstep.Response, error) {
	request, err := t.request(w, t.owner)
	if err != nil {
		return nil, err
	}
	resp, err := r.send(ctx, t.owner.session, request)
	if err == nil && (resp.Status == http.StatusUnauthorized || resp.Status == http.StatusForbidden) && t.owner.login(ctx) == nil {
		resp, err = r.send(ctx, t.owner.session, request)
	}
	return resp, err
}

// askAsOthers asks for a thing as nobody, and as all who must not have it.
func (r *run) askAsOthers(ctx context.Context, t *thing, w way) {
	for _, p := range append([]*person{nil}, r.people...) {
		if p == nil || p != t.owner && !r.entitled(p, t) {
			plain, _ := r.readAttempts(t, w, p)
			r.leaks(ctx, t, w, p, plain)
		}
	}
}

// isNothing says whether the reply is what the app gives where there is no operation: that of a path beside it that can't exist.
func (r *run) isNothing(ctx context.Context, p *person, o *operation, path string, resp *httpstep.Response) bool {
	if resp.Status == http.StatusMethodNotAllowed || resp.Status == http.StatusNotImplemented {
		return true
	}
	shell := resp.Status < http.StatusBadRequest && r.baseline.shell(path, resp)
	if !shell && resp.Status != http.StatusNotFound && resp.Status != http.StatusGone {
		return false
	}
	if shell {
		return true
	}
	beside := r.beside(ctx, p, o)
	again := r.beside(ctx, p, o)
	if beside == nil || again == nil || beside.Status != resp.Status {
		return false
	}
	// What differs from one path to the next, such as a request's identifier, tells nothing.
	same, got := words(beside), words(resp)
	same.keep(words(again))
	for word := range same {
		if !got[word] {
			return false
		}
	}
	return len(same) > 0 || len(beside.Body) == 0 && len(resp.Body) == 0
}

// beside asks for a path like that of an operation, with a text nobody made in the place of its last word.
func (r *run) beside(ctx context.Context, p *person, o *operation) *httpstep.Response {
	path := besidePath(o.path)(func() string { return marker.New().Secret })
	resp, err := r.send(ctx, r.carried(attempt{}, p), httpstep.Request{Method: http.MethodGet, Path: path, Header: http.Header{}})
	if err != nil {
		return nil
	}
	return resp
}

// besidePath gives paths like one, with a text in the place of its last word and of each parameter.
func besidePath(path string) func(text func() string) string {
	parts := strings.Split(path, "/")
	last := 0
	for i, part := range parts {
		if part != "" && len(openapi.Parameters(part)) == 0 {
			last = i
		}
	}
	return func(text func() string) string {
		if last == 0 {
			return "/" + text()
		}
		other := slices.Clone(parts)
		other[last] = text()
		return openapi.Fill(strings.Join(other, "/"), func(string) string { return text() })
	}
}

// changeByOperations lets others change and remove what the run has made, by operations of the shape of a described kind's: one that
// sets the fields of a thing, or the one that it is called after, and one that removes a thing.
func (r *run) changeByOperations(ctx context.Context, operations []*operation) {
	n := 0
	for _, o := range operations {
		if o.fate != fateLeft || o.named || o.Elsewhere || len(o.Needs) > 0 || onlyTenants(o) || n == maxChanged {
			continue
		}
		for _, k := range r.kindsAt(o) {
			owner := r.firstOwner(k.resource)
			if owner == nil || o.fate != fateLeft {
				continue
			}
			switch fields := settable(o, k); {
			case len(fields) > 0:
				n++
				r.changeBy(ctx, o, k, owner, fields)
			case o.Method == http.MethodDelete && len(k.rest) == 0:
				n++
				r.removeBy(ctx, o, k, owner)
			}
		}
	}
}

// maxFields is how many fields are set at once.
const maxFields = 8

// settable gives the fields that an operation plainly sets: those of the thing, or the one of the path's last word.
func settable(o *operation, k kindAt) []string {
	switch {
	case o.Method != http.MethodPut && o.Method != http.MethodPatch || o.Opaque:
		return nil
	case len(k.rest) == 0:
		return o.Fields[:min(len(o.Fields), maxFields)]
	case len(k.rest) == 1 && slices.Contains(o.Fields, k.rest[0]):
		return k.rest
	default:
		return nil
	}
}

// spare makes one more of a kind, which has another request to be changed or removed by.
func (r *run) spare(ctx context.Context, k kindAt, owner *person, change func(*resource)) *thing {
	t := r.sacrifice(ctx, k.resource, owner)
	if t == nil {
		return nil
	}
	other := *k.resource
	change(&other)
	t.resource = &other
	return t
}

func (r *run) changeBy(ctx context.Context, o *operation, k kindAt, owner *person, fields []string) {
	update := r.requestFor(o, k, owner)
	update.JSON = bodyOf(fields, "$("+httpstep.Canary+")")
	planted := r.ownOf(owner, k.resource)
	t := r.spare(ctx, k, owner, func(res *resource) { res.Update = &update })
	if t == nil || planted == nil {
		return
	}
	delay, ok := r.controlUpdate(ctx, t)
	if !ok {
		o.why = "its owner changed nothing by it that item shows"
		return
	}
	o.fate = fateAsked
	for _, p := range r.others(t) {
		r.bracketed(ctx, planted, p, func() bool { return r.updateAs(ctx, t, p, delay) })
	}
}

func (r *run) removeBy(ctx context.Context, o *operation, k kindAt, owner *person) {
	request := r.requestFor(o, k, owner)
	request.JSON = nil
	removing := func(res *resource) { res.Delete = &request }
	planted := r.ownOf(owner, k.resource)
	t := r.spare(ctx, k, owner, removing)
	if t == nil || planted == nil {
		return
	}
	delay, ok := r.controlDelete(ctx, t)
	if !ok {
		o.why = "its owner removed nothing by it"
		return
	}
	o.fate = fateAsked
	if k.Delete == nil {
		// By what was seen to remove one, the others are cleaned up.
		removing(k.resource)
	}
	for _, p := range r.others(t) {
		if t = r.spare(ctx, k, owner, removing); t == nil {
			return
		}
		r.bracketed(ctx, planted, p, func() bool { return r.deleteAs(ctx, t, planted, p, delay) })
	}
}
