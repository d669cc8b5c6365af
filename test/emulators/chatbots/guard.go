// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// scope is which objects somebody may see.
type scope struct {
	all    bool
	tenant string // all of a tenant
	owner  string // those of a user
	team   string // those that are shared with this tenant
}

func (s scope) covers(o object) bool {
	return s.all ||
		s.tenant != "" && o.Tenant == s.tenant ||
		s.owner != "" && o.Owner == s.owner ||
		s.team != "" && o.Shared == sharedTenant && o.Tenant == s.team
}

// ownScope is what a user may see: what is theirs, and what is shared with their tenant.
func ownScope(u *user) scope { return scope{owner: u.ID, team: u.Tenant} }

// trust lets a request in of which nobody knows whose it is. Weaknesses alone do that.
func (a *App) trust(c *call) {
	c.user = &user{Name: "nobody"}
	c.scope = scope{all: true}
}

// nobodyPasses: by which weakness an operation works without credentials.
var nobodyPasses = map[op]string{
	opRead:         AnonymousRead,
	opReadMessages: AnonymousRead,
	opBatch:        AnonymousRead,
	opList:         AnonymousList,
	opCreate:       AnonymousWrite,
	opUpdate:       AnonymousWrite,
	opDelete:       AnonymousWrite,
	opMessage:      AnonymousWrite,
	opSearch:       AnonymousSearch,
	opExport:       AnonymousExport,
	opAccount:      AnonymousExport,
	opDownload:     AnonymousDownload,
	opChat:         AnonymousChat,
	opSocket:       AnonymousWebSocket,
	opGraphQL:      AnonymousGraphQL,
	opTitle:        OperationTitleAnonymous,
	opStats:        OperationStatsOpen,
	opMembers:      OperationMembersOpen,
}

// anyonesPass: by which weakness an operation works on objects that are not the caller's.
var anyonesPass = map[op]string{
	opReadCSV:      IDORAccept,
	opReadMessages: IDORMessages,
	opQuery:        IDORQueryID,
	opBatch:        IDORBatchBody,
	opUpdate:       ForeignUpdate,
	opDelete:       ForeignDelete,
	opMessage:      ForeignMessage,
	opExport:       ExportLeaks,
	opDownload:     DownloadUnguarded,
	opChat:         ChatForeignConversation,
	opSocket:       WebSocketIDOR,
	opGraphQL:      GraphQLIDOR,
	opPayment:      PaymentIDOR,
	opPreview:      OperationPreviewIDOR,
	opTitle:        OperationTitleForeign,
}

// may is the guard of objects. What is shared may be read only.
func (a *App) may(c *call, does op, k kind, o object) bool {
	writes := does == opUpdate || does == opDelete || does == opMessage || does == opChat || does == opSocket || does == opTitle
	reach := c.scope
	if writes {
		reach.team = ""
	}
	if reach.covers(o) || c.pastOwner || a.weak(anyonesPass[does]) {
		return true
	}
	if does != opRead {
		return false
	}
	return a.weak(IDORConversationRead) && k == conversations ||
		a.weak(IDORDocumentRead) && k == documents ||
		a.weak(IDORSameTenantRead) && o.Tenant == c.user.Tenant
}

// namedTenant is the tenant that the request says it is for, where a weakness believes it.
func (a *App) namedTenant(c *call) string {
	if a.weak(TenantHeader) {
		for _, name := range []string{"X-Tenant-Id", "X-Tenant"} {
			if tenant := c.r.Header.Get(name); tenant != "" {
				return tenant
			}
		}
	}
	if a.weak(TenantHost) {
		tenant, _, _ := strings.Cut(cmp.Or(c.r.Header.Get("X-Forwarded-Host"), c.r.Host), ".")
		if slices.Contains(a.tenants(), tenant) {
			return tenant
		}
	}
	if a.weak(TenantQuery) {
		return c.query.Get("tenant")
	}
	if a.weak(TenantBody) {
		var body struct {
			Tenant string `json:"tenant"`
		}
		if json.Unmarshal(c.sent, &body) == nil {
			return body.Tenant
		}
	}
	return ""
}

// admit is the guard of the admin's part: nobody gets 401, any other role 403.
func (a *App) admit(c *call) error {
	if c.pastAdmin || a.adminOpen(c) {
		if c.user == nil {
			a.trust(c)
		}
		return nil
	}
	if c.user == nil {
		return errAnonymous
	}
	if c.user.Role != roleAdmin && !a.weak(AdminAnyUser) {
		return errForbidden
	}
	return a.checkCSRF(c)
}

// adminOpen tells whether a weakness lets the request past the admin's guard.
func (a *App) adminOpen(c *call) bool {
	path, h := c.r.URL.Path, c.r.Header
	for name, fits := range map[string]bool{
		AdminAnonymous:       true,
		AdminMethod:          c.r.Method != http.MethodGet,
		AdminXForwardedFor:   h.Get("X-Forwarded-For") == "127.0.0.1" || h.Get("X-Real-Ip") == "127.0.0.1",
		AdminReferer:         strings.Contains(h.Get("Referer"), "/admin"),
		AdminAPIUnguarded:    strings.HasPrefix(path, "/api/"),
		AdminPageUnguarded:   path == "/admin",
		AdminExportUnguarded: path == "/api/admin/export",
		AdminClientRole:      claimsAdmin(c),
	} {
		if fits && a.weak(name) {
			return true
		}
	}
	return false
}

// claimsAdmin tells whether the request itself says that it is an admin's.
func claimsAdmin(c *call) bool {
	if c.query.Get("admin") == "true" || c.query.Get("role") == roleAdmin || c.r.Header.Get("X-Role") == roleAdmin {
		return true
	}
	for _, cookie := range c.r.Cookies() {
		if cookie.Name == "role" && cookie.Value == roleAdmin || cookie.Name == "admin" && cookie.Value == "true" {
			return true
		}
	}
	return false
}
