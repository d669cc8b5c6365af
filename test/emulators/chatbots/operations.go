// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"net/http"
	"slices"
)

// The operations that Config.Operations adds: what an app's frontend uses, and whoever describes the app for a test forgets.
const (
	opTitle op = 100 + iota
	opStats
	opMembers
	opPreview
)

// The names of the weaknesses of these operations. What each is, [OperationWeaknesses] says.
const (
	OperationSearchAll      = "operation-search-all"
	OperationRecentIDs      = "operation-recent-ids"
	OperationTenantActivity = "operation-tenant-activity"
	OperationPreviewIDOR    = "operation-preview-idor"
	OperationTitleForeign   = "operation-title-foreign"
	OperationTitleAnonymous = "operation-title-anonymous"
	OperationStatsOpen      = "operation-stats-open"
	OperationMembersOpen    = "operation-members-open"
)

// OperationWeaknesses are those that Config.Weaknesses may name besides, and that show only under Config.Operations.
func OperationWeaknesses() []Weakness {
	return []Weakness{
		{OperationSearchAll, RowTenantIsolated, "/api/search/all", "gives everybody's objects"},
		{OperationRecentIDs, RowTenantIsolated, "/api/documents/recent", "gives the ids of everybody's documents"},
		{OperationTenantActivity, RowTenantIsolated, "/api/tenants/{tenant}/activity", "the tenant in the path is believed"},
		{OperationPreviewIDOR, RowTenantIsolated, "/api/documents/{id}/preview", "the preview of a document is not guarded"},
		{OperationTitleForeign, RowTenantIsolated, "/api/documents/{id}/title", "anybody's document can be given another title"},
		{OperationTitleAnonymous, RowAuthEnforced, "/api/documents/{id}/title", "a document can be given another title without credentials"},
		{OperationStatsOpen, RowAuthEnforced, "/api/stats", "gives nobody what everybody has"},
		{OperationMembersOpen, RowAuthEnforced, "/api/members", "gives nobody the accounts"},
	}
}

// The names of the oddities of the OpenAPI document. What each is, [DocumentOddities] says.
const (
	OpenAPIServers        = "openapi-servers"
	OpenAPISwagger        = "openapi-swagger-2"
	OpenAPIYAML           = "openapi-yaml"
	OpenAPIParameterNames = "openapi-parameter-names"
	OpenAPIDeprecated     = "openapi-deprecated"
	OpenAPIDead           = "openapi-dead-operations"
	OpenAPILoginOnly      = "openapi-login-only"
	OpenAPIReferences     = "openapi-references"
	OpenAPIGlobalSecurity = "openapi-global-security"
	OpenAPIHealthGuarded  = "openapi-health-guarded"
	OpenAPIStripped       = "openapi-stripped-prefix"
)

// DocumentOddities are those that Config.Oddities may name besides: they are about the OpenAPI document alone.
func DocumentOddities() []Oddity {
	return []Oddity{
		{OpenAPIServers, "servers have a path, and operations on other paths servers of their own"},
		{OpenAPISwagger, "the document is Swagger 2.0, with a basePath"},
		{OpenAPIYAML, "the document is YAML"},
		{OpenAPIParameterNames, "each kind's id has a name of its own"},
		{OpenAPIDeprecated, "all operations are deprecated"},
		{OpenAPIDead, "some operations are not there"},
		{OpenAPILoginOnly, "the document is for users"},
		{OpenAPIReferences, "parameters and bodies are references, some in circles and some to elsewhere"},
		{OpenAPIGlobalSecurity, "credentials are asked for the document as a whole, and what needs none says so"},
		{OpenAPIHealthGuarded, "the document says that /healthz and /version need credentials, and they don't"},
		{OpenAPIStripped, "servers name a prefix that something in front of the app takes away"},
	}
}

// operationRoutes are those that Config.Operations adds.
func (a *App) operationRoutes() []route {
	if !a.cfg.Operations {
		return nil
	}
	return []route{
		{method: "GET", path: "/api/search/all", op: opMe, handle: a.searchAll, summary: "All of one's objects"},
		{method: "GET", path: "/api/documents/recent", op: opMe, kind: documents, handle: a.recent, summary: "The ids of one's documents"},
		{method: "GET", path: "/api/tenants/{tenant}/activity", op: opMe, handle: a.activity, summary: "What one has in a tenant"},
		{method: "GET", path: "/api/documents/{id}/preview", op: opPreview, kind: documents, handle: a.preview, summary: "A document as a page"},
		{method: "PATCH", path: "/api/documents/{id}/title", op: opTitle, kind: documents, handle: a.retitle, summary: "Changes a title", body: fields{"title": ""}},
		{method: "GET", path: "/api/stats", op: opStats, handle: a.stats, summary: "How much one has, and the newest"},
		{method: "GET", path: "/api/members", op: opMembers, handle: a.members, summary: "The tenant's users"},
	}
}

func (a *App) searchAll(c *call) error {
	in := c.scope
	if a.weak(OperationSearchAll) {
		in = scope{all: true}
	}
	body, err := a.everything(c, in)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, body)
}

func (a *App) recent(c *call) error {
	in := c.scope
	if a.weak(OperationRecentIDs) {
		in = scope{all: true}
	}
	found, err := a.store.objects(c.ctx(), documents, in)
	if err != nil {
		return err
	}
	items := []any{}
	for _, o := range slices.Backward(found) {
		if a.visible(o) {
			items = append(items, fields{"id": a.outID(o.ID)})
		}
	}
	return a.json(c, http.StatusOK, fields{"items": items})
}

func (a *App) activity(c *call) error {
	tenant, in := c.r.PathValue("tenant"), c.scope
	switch {
	case a.weak(OperationTenantActivity):
		in = scope{tenant: tenant}
	case tenant != c.user.Tenant:
		return &failure{status: http.StatusNotFound, code: "not_found", message: "tenant not found", kind: "tenant", id: tenant}
	}
	body, err := a.everything(c, in)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, body)
}

func (a *App) preview(c *call) error {
	o, err := a.find(c, opPreview, documents, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return a.html(c, http.StatusOK, previewPage, o)
}

func (a *App) retitle(c *call) error {
	var body content
	if err := c.decode(&body); err != nil {
		return err
	}
	if body.Title == "" {
		return badRequest("a title is needed")
	}
	o, err := a.find(c, opTitle, documents, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	o.Title = body.Title
	if err := a.store.updateObject(c.ctx(), documents, o, c.user.ID); err != nil {
		return err
	}
	return a.none(c)
}

func (a *App) stats(c *call) error {
	body := fields{}
	for _, k := range []kind{conversations, documents} {
		found, err := a.store.objects(c.ctx(), k, c.scope)
		if err != nil {
			return err
		}
		titles := []any{}
		for _, o := range found {
			titles = append(titles, o.Title)
		}
		body[k.table] = fields{"count": len(found), "titles": titles}
	}
	return a.json(c, http.StatusOK, body)
}

func (a *App) members(c *call) error {
	tenants := []string{c.user.Tenant}
	if c.scope.all {
		tenants = a.tenants()
	}
	items := []any{}
	for _, tenant := range tenants {
		users, err := a.store.users(c.ctx(), tenant)
		if err != nil {
			return err
		}
		for _, u := range users {
			items = append(items, fields{"name": u.Name, "email": u.Email})
		}
	}
	return a.json(c, http.StatusOK, fields{"items": items})
}
