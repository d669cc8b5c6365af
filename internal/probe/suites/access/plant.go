// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

// pollEvery is how often the owner looks whether what it made is there.
const pollEvery = 50 * time.Millisecond

// resource is a described kind of thing.
type resource struct {
	v1alpha1.Resource
	create *httpstep.Step
	// mark takes the text by which a thing is known again out of the reply to item; nil where it is one of ours.
	mark *httpstep.Expression
}

// thing is something that this run created: the ledger is made of these, and nothing else is ever asked for by its identifier.
type thing struct {
	*resource
	owner *person
	// perhaps is who else it may belong to, after an attack that made it in somebody's name.
	perhaps *person
	id      string
	marker  *marker.Marker
	// ways are those of the described channels by which the owner got the marker back.
	ways []way
	// gone says that it was removed, so that it needs no cleaning up.
	gone bool
}

// way is a channel by which a thing may be got at.
type way struct {
	name    string
	request v1alpha1.HTTPRequest
	// byID says that the request names the thing; otherwise it gives those of whoever asks.
	byID bool
	// places are the JSON paths at which the owner found the identifier; empty where it found the marker itself.
	places []string
	// delay is how long it took until the owner got it.
	delay time.Duration
}

// described gives the channels by which the resource may be read.
func (res *resource) described() []way {
	ways := []way{{name: "item", request: res.Item, byID: true}}
	if res.List != nil {
		ways = append(ways, way{name: "list", request: *res.List})
	}
	if res.Search != nil {
		ways = append(ways, way{name: "search", request: *res.Search})
	}
	if res.Export != nil {
		ways = append(ways, way{name: "export", request: *res.Export, byID: httpstep.Uses(*res.Export, httpstep.ID)})
	}
	return ways
}

// plant lets every user create one thing of each kind, and get it back by every channel that is described.
func (r *run) plant(ctx context.Context) {
	for _, described := range r.App.Resources {
		step, err := httpstep.CompileStep(described.Create)
		if err != nil {
			r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, fmt.Sprintf("spec.app.resources[%s].create: %v", described.Name, err), both...)
			continue
		}
		res := &resource{Resource: described, create: step}
		if described.Mark != "" {
			if res.mark, err = httpstep.Compile(described.Mark, httpstep.Text); err != nil {
				r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured, fmt.Sprintf("spec.app.resources[%s].mark: %v", described.Name, err), both...)
				continue
			}
		}
		r.resources = append(r.resources, res)
	}
	for _, res := range r.resources {
		for _, p := range r.people {
			if p.admin() {
				continue
			}
			t, err := r.create(ctx, res, p)
			if err != nil {
				r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
					fmt.Sprintf("%s could not create one of %s: %s. Correct spec.app.resources[%s].create.", p.Name, res.Name, plain(err), res.Name), both...)
				continue
			}
			r.controlReads(ctx, t)
		}
		r.controlMarks(ctx, res)
	}
}

// mark makes a marker, and remembers it, so that no finding shows it.
func (r *run) mark() *marker.Marker {
	m := marker.New()
	r.marks = append(r.marks, m)
	return m
}

// create lets a person create a thing, and puts it into the ledger.
func (r *run) create(ctx context.Context, res *resource, p *person) (*thing, error) {
	m := r.mark()
	step := func() (httpstep.Vars, error) {
		return r.runStep(ctx, res.create, p.jar, p.vars.With(httpstep.Vars{httpstep.Canary: m.Text()}), p.headers)
	}
	captured, err := step()
	if refused := (*httpstep.UnexpectedError)(nil); errors.As(err, &refused) && p.renew(ctx) == nil {
		// The session may have ended meanwhile.
		captured, err = step()
	}
	if err != nil {
		return nil, err
	}
	t := &thing{resource: res, owner: p, id: captured[httpstep.ID], marker: m}
	r.things = append(r.things, t)
	if res.mark != nil {
		return t, r.recognise(ctx, t, p)
	}
	return t, nil
}

// controlReads sees by which channels the owner gets the thing back: by the others nothing could be proven.
func (r *run) controlReads(ctx context.Context, t *thing) {
	made := time.Now()
	deadline := made.Add(r.indexing())
	for _, w := range t.described() {
		var ok bool
		for {
			if w.places, ok = r.readsBack(ctx, t, w); ok || time.Now().After(deadline) || ctx.Err() != nil {
				break
			}
			probe.Wait(ctx, pollEvery)
		}
		if ok {
			w.delay = time.Since(made)
			t.ways = append(t.ways, w)
			continue
		}
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("%s did not get back what it had planted by spec.app.resources[%s].%s within %d s, so that a denial to others would prove nothing. Correct the request (of a list, ask for the newest first), or set spec.app.indexingSeconds.",
				t.owner.Name, t.Name, w.name, int(r.indexing().Seconds())), v1alpha1.RowTenantIsolated)
		if w.name == "item" {
			return
		}
	}
	for _, w := range t.ways {
		r.cameBack(t, w.name)
	}
}

func (r *run) indexing() time.Duration { return probe.Indexing(r.App) }

// cameBack notes that a thing came back to its owner.
func (r *run) cameBack(t *thing, way string) {
	if !slices.Contains(r.owners, t.owner.Name) {
		r.owners = append(r.owners, t.owner.Name)
	}
	if !slices.Contains(r.came[t.Name], way) {
		r.came[t.Name] = append(r.came[t.Name], way)
	}
}

// cameBackControl says what came back to whom.
func (r *run) cameBackControl() {
	if len(r.owners) == 0 {
		return
	}
	var all []string
	for _, res := range r.resources {
		if ways := r.came[res.Name]; len(ways) > 0 {
			all = append(all, fmt.Sprintf("%s (%s)", res.Name, strings.Join(ways, ", ")))
		}
	}
	for _, name := range both {
		r.control(name, "What %s planted came back to them: %s.", strings.Join(r.owners, ", "), strings.Join(all, ", "))
	}
}

// readsBack says whether the owner gets its thing back by a channel, and if only its identifier, at which places.
func (r *run) readsBack(ctx context.Context, t *thing, w way) ([]string, bool) {
	request, err := t.request(w, t.owner)
	if err != nil {
		return nil, false
	}
	resp, err := r.send(ctx, t.owner.session, request)
	if err != nil || resp.Status >= 400 {
		return nil, false
	}
	if said(t.marker, resp) {
		return nil, true
	}
	if w.name == "list" {
		places := placesOf(resp, t.id)
		return places, len(places) > 0
	}
	return nil, false
}

// request gives the channel's request for the thing as a person would send it; nobody is a stranger.
func (t *thing) request(w way, p *person) (httpstep.Request, error) {
	return httpstep.Prepare(w.request, t.vars(p))
}

// vars are what $(name) stands for when a person, or nobody, asks for the thing.
func (t *thing) vars(p *person) httpstep.Vars {
	own := httpstep.Vars{httpstep.ID: t.id, httpstep.Query: t.marker.Term}
	if p == nil {
		return t.owner.withoutCredentials().With(own)
	}
	return p.vars.With(own)
}

// withoutCredentials are the variables as somebody has them who never logged in: a token in a request is empty then.
func (p *person) withoutCredentials() httpstep.Vars {
	vars := httpstep.Vars{}
	for name := range p.vars {
		vars[name] = ""
	}
	return vars.With(p.harmless())
}

// harmless are the variables by which the app knows the person and that are no credentials: a tenant's identifier in a path.
func (p *person) harmless() httpstep.Vars {
	vars := httpstep.Vars{}
	for name, value := range p.vars {
		if identifying.MatchString(name) {
			vars[name] = value
		}
	}
	return vars
}

// placesOf gives the JSON paths at which a value stands, array indexes left out: a list in another order is the same list.
func placesOf(resp *httpstep.Response, value string) []string {
	var doc any
	if json.Unmarshal(resp.Body, &doc) != nil {
		doc = resp.Events()
	}
	var places []string
	walkJSON(doc, "", func(path string, v any) {
		if scalar(v) == value && !slices.Contains(places, path) {
			places = append(places, path)
		}
	})
	return places
}

// walkJSON visits the scalars of a document.
func walkJSON(v any, path string, visit func(path string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			walkJSON(inner, path+"."+name, visit)
		}
	case []any:
		for _, inner := range v {
			walkJSON(inner, path+"[]", visit)
		}
	default:
		visit(path, v)
	}
}

// cleanUp removes what the run created, where it was said how. What stays is named by its marker.
func (r *run) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cleanUpPatience)
	defer cancel()
	renewed := map[*person]bool{}
	for _, t := range r.things {
		if t.Delete == nil || t.gone {
			continue
		}
		if r.removedBy(ctx, t, t.owner) {
			continue
		}
		if !renewed[t.owner] {
			// Its session may have ended.
			renewed[t.owner] = true
			if t.owner.renew(ctx) == nil && r.removedBy(ctx, t, t.owner) {
				continue
			}
		}
		if t.perhaps != nil {
			r.removedBy(ctx, t, t.perhaps)
		}
	}
}

// removedBy lets somebody remove a thing, and says whether the app agreed.
func (r *run) removedBy(ctx context.Context, t *thing, p *person) bool {
	request, err := httpstep.Prepare(*t.Delete, t.vars(p))
	if err != nil {
		return false
	}
	resp, err := r.send(ctx, p.session, request)
	return err == nil && resp.Status < 400
}

// cleanUpPatience is how long removing what was created may take.
const cleanUpPatience = 10 * time.Second
