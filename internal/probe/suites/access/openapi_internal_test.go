// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/openapi"
)

// mapped is a run that knows two kinds and one person, and has sent nothing.
func mapped() (*run, *person) {
	app := &v1alpha1.App{OpenAPI: &v1alpha1.OpenAPI{Path: "/openapi.json"}, AdminPaths: []v1alpha1.RequestPath{"/admin"}}
	created := func(path string) v1alpha1.HTTPStep {
		return v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Method: "POST", Path: v1alpha1.RequestPath(path)}}
	}
	app.Resources = []v1alpha1.Resource{
		{Name: "notes", Create: created("/v1/notes"), Item: v1alpha1.HTTPRequest{Path: "/v1/notes?id=$(id)"}},
		{Name: "files", Create: created("/upload"), Item: v1alpha1.HTTPRequest{Path: "/t/$(tenantId)/files/$(id)"}},
	}
	r := &run{Options: Options{App: app}}
	p := &person{Identity: v1alpha1.Identity{Name: "alice", Tenant: "acme $(credentials.password)/../x"}, at: r, vars: httpstep.Vars{"tenant_id": "t-1"}}
	r.people = []*person{p}
	for _, described := range app.Resources {
		r.resources = append(r.resources, &resource{Resource: described})
	}
	return r, p
}

func TestAnOperationTakesTheThingsOfTheKindAtItsPlace(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/notes/{noteId}":                        "notes /v1/notes/$(id)",
		"/v1/notes/{noteId}/text.txt":               "notes /v1/notes/$(id)/text.txt",
		"/v1/notes/{noteId}.json":                   "notes /v1/notes/$(id).json",
		"/t/{tenant-id}/files/{file}":               "files /t/t-1/files/$(id)",
		"/t/{org}/files/{file}":                     "files /t/acme%20%24%28credentials.password%29%2F..%2Fx/files/$(id)",
		"/upload/{file}/status":                     "files /upload/$(id)/status",
		"/v1/notes":                                 "",
		"/v1/notes/latest":                          "",
		"/v1/notes/{noteId}/parts/{part}":           "",
		"/v1/notes/{a}-{b}":                         "",
		"/v2/notes/{noteId}":                        "",
		"/v1/notes/latest/{noteId}":                 "",
		"/v1/notes/{tenant}/of/{tenant}":            "",
		"/v1/notes/{noteId}/for/{organization_id}":  "notes /v1/notes/$(id)/for/acme%20%24%28credentials.password%29%2F..%2Fx",
		"/v1/notes/{noteId}/by/{userId}":            "",
		"/t/{tenant}/files/{file}/of/{workspaceId}": "files /t/acme%20%24%28credentials.password%29%2F..%2Fx/files/$(id)/of/acme%20%24%28credentials.password%29%2F..%2Fx",
	} {
		r, p := mapped()
		o := &operation{Operation: openapi.Operation{Method: http.MethodGet, Path: path}, path: path}
		got := ""
		if kinds := r.kindsAt(o); len(kinds) > 0 {
			got = kinds[0].Name + " " + string(r.requestFor(o, kinds[0], p).Path)
		}
		// PathEscape leaves parentheses as they are, which mean nothing without a dollar sign.
		got = strings.NewReplacer("24(", "24%28", "password)", "password%29").Replace(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestWhatLooksLikeAnIdentifierOrADeed(t *testing.T) {
	for part, want := range map[string]string{
		"7": "identifier", "2024": "identifier", "3f2b8a52-9d0a-4c55-8f0e-2b7a7e1f9c11": "identifier", "01J9ZQ4M7T8W2X5Y6A3B": "identifier", "507f1f77bcf86cd799439011": "identifier",
		"v1": "", "notes": "", "subscription-preferences": "", "oauth2": "", "top10": "",
		"logout": "deed", "log-out": "deed", "delete-me": "deed", "deleteAll": "deed", "Send": "deed", "run.now": "deed",
		"deleted": "", "sender": "", "runs": "", "subscribers": "", "orders": "", "imports": "", "payments": "", "cancelled": "", "export": "", "joined": "",
	} {
		got := ""
		if isIdentifier(part) {
			got = "identifier"
		}
		if deed.MatchString(part) {
			got = "deed"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", part, got, want)
		}
	}
}

func TestWhichOperationADescribedRequestIs(t *testing.T) {
	doc := &openapi.Document{Operations: []openapi.Operation{
		{Method: "GET", Path: "/notes/{id}"},
		{Method: "GET", Path: "/notes/batch"},
		{Method: "POST", Path: "/notes/{id}"},
		{Method: "PUT", Path: "/admin"},
		{Method: "GET", Path: "/admin"},
		{Method: "GET", Path: "/users/{id}"},
	}}
	for path, want := range map[string][]string{
		"/notes/$(id)":          {"GET /notes/{id}"},
		"/notes/batch?x=$(id)":  {"GET /notes/batch"},
		"/users/7":              {"GET /users/{id}"},
		"/notes":                nil,
		"/notes/$(id)/messages": nil,
	} {
		operations := place(doc, true)
		markDescribed(operations, []asking{{http.MethodGet, path}})
		var got []string
		for _, o := range operations {
			if o.fate == fateDescribed {
				got = append(got, o.String())
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// FuzzMapping maps whatever a document lists: no request may refer to a name but that of the run's own thing, or leave the app.
func FuzzMapping(f *testing.F) {
	for _, seed := range []string{
		`{"openapi":"3.0.0","paths":{"/v1/notes/{id}/$(credentials.password)":{"get":{}},"/t/{tenant}/files/{x}":{"patch":{}},"/{tenant}":{"get":{}}}}`,
		`{"openapi":"3.0.0","servers":[{"url":"//evil.example/$(x)"}],"paths":{"/v1/notes/{$(id)}":{"get":{}},"/v1/notes/$$(id)":{"get":{}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := openapi.Read(t.Context(), data)
		if err != nil {
			return
		}
		r, p := mapped()
		for _, o := range r.sorted(doc) {
			r.askable(o)
			for _, k := range r.kindsAt(o) {
				request := r.requestFor(o, k, p)
				request.JSON = nil
				for _, name := range httpstep.References(string(request.Path)) {
					if name != httpstep.ID {
						t.Errorf("%q refers to %s", request.Path, name)
					}
				}
				made, err := httpstep.Prepare(request, httpstep.Vars{httpstep.ID: "our/own?#"})
				if err != nil || !strings.HasPrefix(made.Path, "/") || strings.HasPrefix(made.Path, "//") || strings.Contains(made.Path, "our/own") {
					t.Errorf("%q becomes %q: %v", request.Path, made.Path, err)
				}
			}
			if onlyTenants(o) {
				for _, a := range r.asksOf(o) {
					if path := a.attempt.request.Path; strings.ContainsAny(path, "$ \r\n") || strings.HasPrefix(path, "//") {
						t.Errorf("%q", path)
					}
				}
			}
		}
	})
}
