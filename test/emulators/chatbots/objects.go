// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limits of the oddities pagination and delayed-writes.
const (
	pageSize   = 20
	writeDelay = 300 * time.Millisecond
)

var notSlug = regexp.MustCompile("[^a-z0-9]+")

// newID makes an object's id.
func (a *App) newID(title string) string {
	switch {
	case a.odd(IDsInt):
		return strconv.FormatInt(a.lastID.Add(1), 10)
	case a.odd(IDsSlug):
		return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(title), "-"), "-") + "-" + newUUID()[:8]
	}
	return newUUID()
}

// outID is an id as JSON has it.
func (a *App) outID(id string) any {
	if number, err := strconv.ParseInt(id, 10, 64); err == nil && a.odd(IDsInt) {
		return number
	}
	return id
}

// visible tells whether an object can be read yet.
func (a *App) visible(o object) bool {
	return !a.odd(DelayedWrites) || a.now().Sub(o.Created) >= writeDelay
}

// find gives an object on which the caller may do something.
func (a *App) find(c *call, does op, k kind, id string) (object, error) {
	o, err := a.store.object(c.ctx(), k, id)
	if isAbsent(err) {
		return o, a.notFound(c, k, id, object{})
	}
	if err != nil {
		return o, err
	}
	if !a.may(c, does, k, o) {
		return o, a.notFound(c, k, id, o)
	}
	if !a.visible(o) && does != opUpdate && does != opDelete {
		return o, a.notFound(c, k, id, object{})
	}
	return o, nil
}

// textOf is all that an object says, in one text.
func (a *App) textOf(ctx context.Context, k kind, o object) (string, error) {
	if k != conversations {
		return o.Text, nil
	}
	said, err := a.store.messages(ctx, o.ID)
	lines := make([]string, len(said))
	for i, m := range said {
		lines[i] = m.Text
	}
	return strings.Join(lines, "\n"), err
}

// summary is an object as lists have it; full as a whole.
func (a *App) summary(o object) fields {
	return fields{"id": a.outID(o.ID), "title": o.Title, "created": o.Created.UTC().Format(time.RFC3339)}
}

func (a *App) full(ctx context.Context, k kind, o object) (fields, error) {
	body := a.summary(o)
	body["owner"], body["tenant"] = o.Owner, o.Tenant
	if k != conversations {
		body["text"] = o.Text
		return body, nil
	}
	said, err := a.store.messages(ctx, o.ID)
	body["messages"] = listed(said)
	return body, err
}

func listed(said []message) []any {
	list := make([]any, len(said))
	for i, m := range said {
		list[i] = fields{"id": m.ID, "author": m.Author, "text": m.Text}
	}
	return list
}

// giveObject answers with an object as a whole.
func (a *App) giveObject(c *call, status int, o object) error {
	body, err := a.full(c.ctx(), c.route.kind, o)
	if err != nil {
		return err
	}
	return a.json(c, status, body)
}

func (a *App) giveObjects(c *call, list []object) error {
	items := make([]any, len(list))
	for i, o := range list {
		body, err := a.full(c.ctx(), c.route.kind, o)
		if err != nil {
			return err
		}
		items[i] = body
	}
	return a.json(c, http.StatusOK, fields{"items": items})
}

func (a *App) list(c *call) error {
	if ids := append(c.query["id"], c.query["id[]"]...); len(ids) > 0 {
		return a.getByQuery(c, ids)
	}
	in := c.scope
	asksAll := c.query.Get("scope") == "all" || c.query.Get("all") == "true"
	if a.weak(ListLeaksAll) || a.weak(ListScopeAll) && asksAll {
		in = scope{all: true}
	}
	if name := cmp.Or(c.query.Get("owner"), c.query.Get("user_id")); name != "" && a.weak(ListFilterInjection) {
		u, err := a.userNamed(c.ctx(), name)
		if err != nil && !isAbsent(err) {
			return err
		}
		in = scope{owner: u.ID}
	}
	return a.giveList(c, in)
}

// listOfTenant is another way to one's own list, for clients that have the tenant in their paths.
func (a *App) listOfTenant(c *call) error {
	tenant := c.r.PathValue("tenant")
	if a.weak(TenantPath) {
		return a.giveList(c, scope{tenant: tenant})
	}
	if tenant != c.user.Tenant {
		return &failure{status: http.StatusNotFound, code: "not_found", message: "tenant not found", kind: "tenant", id: tenant}
	}
	return a.giveList(c, c.scope)
}

func (a *App) giveList(c *call, in scope) error {
	found, err := a.store.objects(c.ctx(), c.route.kind, in)
	if err != nil {
		return err
	}
	return a.giveSummaries(c, found)
}

func (a *App) giveSummaries(c *call, found []object) error {
	items := []any{}
	for _, o := range found {
		if a.visible(o) {
			items = append(items, a.summary(o))
		}
	}
	body := fields{}
	if a.odd(Pagination) {
		from, _ := strconv.Atoi(c.query.Get("from"))
		from = min(max(from, 0), len(items))
		to := min(from+pageSize, len(items))
		if to < len(items) {
			body["next"] = fmt.Sprintf("%s?from=%d", c.r.URL.Path, to)
		}
		items = items[from:to]
	}
	if a.odd(RandomOrder) {
		//nolint:gosec // an order guards nothing
		rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	}
	body["items"] = items
	return a.json(c, http.StatusOK, body)
}

// getByQuery gives the object named by ?id=, or all of several.
func (a *App) getByQuery(c *call, ids []string) error {
	found := make([]object, len(ids))
	for i, id := range ids {
		o, err := a.store.object(c.ctx(), c.route.kind, id)
		if err == nil && (i == 0 || !a.anyWeak(IDORIDArray, IDORDuplicateParameter)) {
			o, err = a.find(c, opQuery, c.route.kind, id)
		}
		if isAbsent(err) {
			err = a.notFound(c, c.route.kind, id, object{})
		}
		if err != nil {
			return err
		}
		found[i] = o
	}
	if len(found) == 1 || a.weak(IDORDuplicateParameter) {
		return a.giveObject(c, http.StatusOK, found[len(found)-1])
	}
	return a.giveObjects(c, found)
}

// batch gives those of several objects that the caller may see.
func (a *App) batch(c *call) error {
	var body struct {
		IDs []textID `json:"ids"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	guarded := true
	if first := firstIDs(c.sent); a.weak(IDORJSONDuplicateKey) && len(first) > 0 {
		for _, id := range first {
			if _, err := a.find(c, opBatch, c.route.kind, string(id)); err != nil {
				return err
			}
		}
		guarded = false
	}
	var found []object
	for _, id := range body.IDs {
		o, err := a.store.object(c.ctx(), c.route.kind, string(id))
		if isAbsent(err) || err == nil && guarded && !(a.may(c, opBatch, c.route.kind, o) && a.visible(o)) {
			continue
		}
		if err != nil {
			return err
		}
		found = append(found, o)
	}
	return a.giveObjects(c, found)
}

// firstIDs are those of the first key "ids", where a plain reader takes the last.
func firstIDs(body []byte) []textID {
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil
		}
		var ids []textID
		if key == "ids" && json.Unmarshal(value, &ids) == nil {
			return ids
		}
	}
	return nil
}

func (a *App) get(c *call) error {
	does := opRead
	asCSV := strings.Contains(c.r.Header.Get("Accept"), "text/csv")
	if asCSV {
		does = opReadCSV
	}
	o, err := a.find(c, does, c.route.kind, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	if id := c.r.Header.Get(c.route.kind.header); id != "" && a.weak(IDORHeaderID) {
		if o, err = a.store.object(c.ctx(), c.route.kind, id); err != nil {
			return a.notFound(c, c.route.kind, id, object{})
		}
	}
	if asCSV {
		return a.giveCSV(c, o)
	}
	return a.giveObject(c, http.StatusOK, o)
}

func (a *App) giveCSV(c *call, o object) error {
	text, err := a.textOf(c.ctx(), c.route.kind, o)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll([][]string{{"id", "title", "text"}, {o.ID, o.Title, text}}); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return a.write(c, http.StatusOK, "text/csv; charset=utf-8", out.Bytes())
}

// content is what a client sends of an object.
type content struct {
	Title, Text, Message, Owner string
}

func (a *App) create(c *call) error {
	var body content
	if err := a.uploaded(c, &body); err != nil {
		return err
	}
	if body.Title == "" || len(body.Title) > 200 {
		return badRequest("a title of 200 characters or less is needed")
	}
	o := object{
		ID: a.newID(body.Title), Owner: c.user.ID, Tenant: cmp.Or(a.namedTenant(c), c.user.Tenant),
		Title: body.Title, Text: body.Text, Created: a.now(),
	}
	if body.Owner != "" && a.weak(MassAssignmentOwner) {
		u, err := a.userNamed(c.ctx(), body.Owner)
		if err != nil {
			return badRequest("no such owner")
		}
		o.Owner, o.Tenant = u.ID, u.Tenant
	}
	if err := a.store.addObject(c.ctx(), c.route.kind, o); err != nil {
		return err
	}
	if c.route.kind == conversations && body.Message != "" {
		if _, err := a.say(c.ctx(), o.ID, c.user.ID, byUser, body.Message); err != nil {
			return err
		}
	}
	c.w.Header().Set("Location", "/api/"+c.route.kind.table+"/"+url.PathEscape(o.ID))
	return a.giveObject(c, http.StatusCreated, o)
}

func (a *App) update(c *call) error {
	var body content
	if err := c.decode(&body); err != nil {
		return err
	}
	o, denied := a.find(c, opUpdate, c.route.kind, c.r.PathValue("id"))
	if denied != nil && (o.ID == "" || !a.weak(ForeignUpdateSilent)) {
		return denied
	}
	o.Title, o.Text = cmp.Or(body.Title, o.Title), cmp.Or(body.Text, o.Text)
	if err := a.store.updateObject(c.ctx(), c.route.kind, o, c.user.ID); err != nil {
		return err
	}
	if denied != nil {
		return denied
	}
	return a.giveObject(c, http.StatusOK, o)
}

func (a *App) remove(c *call) error {
	o, denied := a.find(c, opDelete, c.route.kind, c.r.PathValue("id"))
	if denied != nil && (o.ID == "" || !a.weak(ForeignDeleteSilent)) {
		return denied
	}
	if err := a.store.deleteObject(c.ctx(), c.route.kind, o); err != nil {
		return err
	}
	if denied != nil {
		return denied
	}
	return a.none(c)
}

// say adds a message to a conversation.
func (a *App) say(ctx context.Context, conversation, owner, author, text string) (message, error) {
	m := message{ID: newUUID(), Conversation: conversation, Owner: owner, Author: author, Text: text, Created: a.now()}
	return m, a.store.addMessage(ctx, m)
}

func (a *App) getMessages(c *call) error {
	o, err := a.find(c, opReadMessages, c.route.kind, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	said, err := a.store.messages(c.ctx(), o.ID)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, fields{"items": listed(said)})
}

func (a *App) postMessage(c *call) error {
	var body content
	if err := c.decode(&body); err != nil {
		return err
	}
	if body.Message == "" {
		return badRequest("a message is needed")
	}
	o, err := a.find(c, opMessage, c.route.kind, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	m, err := a.say(c.ctx(), o.ID, c.user.ID, byUser, body.Message)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusCreated, fields{"id": m.ID, "author": m.Author, "text": m.Text})
}

func (a *App) exportObject(c *call) error {
	o, err := a.find(c, opExport, c.route.kind, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Disposition", "attachment; filename=export.json")
	return a.giveObject(c, http.StatusOK, o)
}

func (a *App) download(c *call) error {
	o, err := a.find(c, opDownload, c.route.kind, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Disposition", "attachment; filename=document.txt")
	return a.write(c, http.StatusOK, "text/plain; charset=utf-8", []byte(o.Title+"\n\n"+o.Text+"\n"))
}

func (a *App) publicList(c *call) error {
	found, err := a.store.public(c.ctx(), conversations)
	if err != nil {
		return err
	}
	return a.giveSummaries(c, found)
}

func (a *App) publicItem(c *call) error {
	id := c.r.PathValue("id")
	o, err := a.store.object(c.ctx(), conversations, id)
	if isAbsent(err) || err == nil && o.Shared != sharedPublic {
		return a.notFound(c, conversations, id, object{})
	}
	if err != nil {
		return err
	}
	c.route.kind = conversations
	return a.giveObject(c, http.StatusOK, o)
}
