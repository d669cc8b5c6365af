// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/internal/probe/openapi"
)

const modern = `
openapi: 3.1.0
info: {title: Notes, version: "1"}
servers: [{url: "https://{host}/{base}", variables: {host: {default: api.example.com}, base: {default: v1}}}]
security: [{token: []}]
paths:
  /notes:
    get: {responses: {"200": {description: fine}}}
    post:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Note"}}}}
      responses: {}
  /notes/{noteId}:
    parameters: [{$ref: "#/components/parameters/note"}]
    get: {deprecated: true, parameters: [{name: lang, in: query, required: true, schema: {type: string}}]}
    delete: {}
  /health:
    servers: [{url: /}]
    get: {security: []}
  /maybe: {get: {security: [{}, {token: []}]}}
components:
  parameters: {note: {name: noteId, in: path, required: true, schema: {type: string}}}
  schemas:
    Note:
      allOf: [{$ref: "#/components/schemas/Base"}]
      required: [title]
      properties: {title: {type: [string, "null"]}, made: {type: string, format: date-time}, size: {type: integer}, next: {$ref: "#/components/schemas/Note"}}
    Base: {properties: {text: {type: string}, state: {type: string, enum: [a]}}}
`

const old = `{"swagger": "2.0", "host": "api.example.com", "basePath": "/v2", "info": {"title": "n", "version": "1"},
"securityDefinitions": {"k": {"type": "apiKey", "in": "header", "name": "X"}}, "consumes": ["application/json"],
"paths": {"/notes/{id}": {"get": {"security": [{"k": []}], "parameters": [{"name": "id", "in": "path", "required": true, "type": "string"}], "responses": {"200": {"description": ""}}},
 "put": {"parameters": [{"$ref": "#/parameters/note"}, {"name": "id", "in": "path", "required": true, "type": "string"}], "responses": {}}}},
"parameters": {"note": {"name": "note", "in": "body", "schema": {"$ref": "#/definitions/Note"}}},
"definitions": {"Note": {"type": "object", "required": ["title", "size"], "properties": {"title": {"type": "string"}, "size": {"type": "integer"}}}}}`

func read(t *testing.T, text string) (*openapi.Document, error) {
	t.Helper()
	started := time.Now()
	doc, err := openapi.Read(t.Context(), []byte(text))
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	return doc, err
}

func TestOperationsOfEachGeneration(t *testing.T) {
	protected, public := openapi.Protected, openapi.Public
	for name, test := range map[string]struct {
		text string
		want []openapi.Operation
	}{
		"OpenAPI 3.1 as YAML": {modern, []openapi.Operation{
			{Method: "GET", Path: "/health", Access: public},
			{Method: "GET", Prefix: "/v1", Path: "/maybe", Access: public},
			{Method: "GET", Prefix: "/v1", Path: "/notes", Access: protected},
			{Method: "POST", Prefix: "/v1", Path: "/notes", Access: protected, Fields: []string{"text", "title"}},
			{Method: "DELETE", Prefix: "/v1", Path: "/notes/{noteId}", Access: protected},
			{Method: "GET", Prefix: "/v1", Path: "/notes/{noteId}", Access: protected, Needs: []string{"query lang"}},
		}},
		"Swagger 2.0 as JSON": {old, []openapi.Operation{
			{Method: "GET", Prefix: "/v2", Path: "/notes/{id}", Access: protected},
			{Method: "PUT", Prefix: "/v2", Path: "/notes/{id}", Access: public, Fields: []string{"title"}, Opaque: true},
		}},
		"nothing is said of who may use it": {`{"openapi": "3.0.3", "paths": {"/a": {"get": {}}}}`, []openapi.Operation{{Method: "GET", Path: "/a"}}},
		"some operations say who may": {`{"openapi": "3.0.3", "paths": {"/a": {"get": {}}, "/b": {"get": {"security": [{"k": []}]}}}}`, []openapi.Operation{
			{Method: "GET", Path: "/a", Access: public}, {Method: "GET", Path: "/b", Access: protected},
		}},
		"slips elsewhere": {
			`{"openapi": "3.0.3", "info": 7, "tags": {}, "paths": {"/a": {"get": {"responses": 3, "summary": [], "parameters": {"a": 1},
			"requestBody": {"content": {"application/json": {"schema": {"required": true, "example": 1, "properties": {"t": {"type": "string", "required": true}}}}}}}, "post": 7}, "/b": []}}`,
			[]openapi.Operation{{Method: "GET", Path: "/a", Fields: []string{"t"}}},
		},
		"a path that is described elsewhere": {
			`{"openapi": "3.0.3", "paths": {"/a": {"$ref": "https://example.org/a.json"}, "/b": {"$ref": "#/x/b"}, "/c": {"$ref": "../../etc/passwd"}}, "x": {"b": {"get": {}}}}`,
			[]openapi.Operation{{Method: "ANY", Path: "/a", Elsewhere: true}, {Method: "GET", Path: "/b"}, {Method: "ANY", Path: "/c", Elsewhere: true}},
		},
		"a path that means something to a described request": {
			`{"openapi": "3.0.3", "paths": {"/a/$(credentials.password)/\r\nHost: evil?x=1#y": {"get": {}}, "//evil.example/x": {"get": {}}}}`,
			[]openapi.Operation{{Method: "GET", Path: "/a/%24(credentials.password)/%0D%0AHost:%20evil"}, {Method: "GET", Path: "/evil.example/x"}},
		},
		"a field that means something to a shell": {
			`{"openapi": "3.0.3", "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": {"required": ["$(id)"], "properties": {"$(id)": {"type": "string"}, "a b": {"type": "string"}, "c": {"type": "string"}}}}}}}}}}`,
			[]openapi.Operation{{Method: "POST", Path: "/a", Fields: []string{"c"}, Opaque: true}},
		},
		"YAML with anchors and merges": {"openapi: 3.0.3\npaths:\n  /a: &a {get: {security: []}, post: {}}\n  /b: {<<: *a, post: {security: [{k: []}]}}\n", []openapi.Operation{
			{Method: "GET", Path: "/a", Access: public},
			{Method: "POST", Path: "/a", Access: public},
			{Method: "GET", Path: "/b", Access: public},
			{Method: "POST", Path: "/b", Access: protected},
		}},
		"references that lead nowhere, or in circles": {
			`{"openapi": "3.0.3", "paths": {"/b": {"post": {"requestBody": {"$ref": "#/components/requestBodies/no"}}}, "/a": {"post": {"parameters": [{"$ref": "#/components/parameters/no"}, {"$ref": "#/components/parameters/a"}],
			"requestBody": {"$ref": "#/components/requestBodies/a"}}}}, "components": {"parameters": {"a": {"$ref": "#/components/parameters/b"}, "b": {"$ref": "#/components/parameters/a"}},
			"requestBodies": {"a": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}},
			"schemas": {"A": {"allOf": [{"$ref": "#/components/schemas/B"}], "properties": {"a": {"type": "string"}, "b": {"$ref": "#/components/schemas/No"}}}, "B": {"allOf": [{"$ref": "#/components/schemas/A"}], "properties": {"self": {"$ref": "#/components/schemas/B"}}}}}}`,
			[]openapi.Operation{{Method: "POST", Path: "/a", Fields: []string{"a"}}, {Method: "POST", Path: "/b"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := read(t, test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, doc.Operations); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// bomb is a list of nine, each of which is a list of nine, and so on.
func bomb() string {
	var b strings.Builder
	b.WriteString("openapi: 3.0.3\npaths: {/a: {get: {}}}\nx0: &x0 [a,a,a,a,a,a,a,a,a]\n")
	for i := range 12 {
		fmt.Fprintf(&b, "x%d: &x%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i), 9), ","))
	}
	return b.String()
}

func TestHostileDocumentsAreRefusedWithinBounds(t *testing.T) {
	for name, test := range map[string]struct{ text, why string }{
		"nothing":                    {"", "neither a JSON object nor a YAML mapping"},
		"a page":                     {"<!DOCTYPE html><title>Log in</title>", "neither a JSON object nor a YAML mapping"},
		"a list":                     {"[1, 2]", "neither a JSON object nor a YAML mapping"},
		"another document":           {`{"asyncapi": "3.0.0"}`, "neither openapi: 3.x nor swagger"},
		"a version to come":          {`{"openapi": "4.0.0", "paths": {"/a": {"get": {}}}}`, "neither openapi: 3.x nor swagger"},
		"no paths":                   {`{"openapi": "3.0.0", "paths": {}}`, "no paths"},
		"too large":                  {`{"openapi": "3.0.0", "x": "` + strings.Repeat("x", openapi.MaxBytes) + `"}`, "larger than 1 MiB"},
		"deep JSON":                  {`{"openapi": "3.0.0", "x": ` + strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000) + `}`, ""},
		"JSON that is somewhat deep": {`{"openapi": "3.0.0", "x": ` + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000) + `}`, "deeper than 100"},
		"deep YAML":                  {"openapi: 3.0.0\nx: " + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000), "deeper than 100"},
		"many values":                {`{"openapi": "3.0.0", "x": [` + strings.Repeat("0,", 250_000) + `0]}`, "more than 200,000 values"},
		"many values of YAML":        {"openapi: 3.0.0\nx: [" + strings.Repeat("a,", 250_000) + "a]", "more than 200,000 values"},
		"a bomb of aliases":          {bomb(), "more than 200,000 values"},
		"an alias of itself":         {"openapi: 3.0.0\nx: &x [*x]\n", ""},
		"a long text, many times":    {"openapi: 3.0.0\nx: &x " + strings.Repeat("x", 100_000) + "\ny: [" + strings.Repeat("*x,", 1000) + "*x]\n", "4 MiB of texts"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := read(t, test.text)
			runtime.ReadMemStats(&after)
			if spent := (after.TotalAlloc - before.TotalAlloc) >> 20; spent > 64 {
				t.Errorf("%d MiB were allocated", spent)
			}
			var unreadable *openapi.UnreadableError
			if !errors.As(err, &unreadable) || !strings.Contains(err.Error(), test.why) {
				t.Errorf("%v, want %q", err, test.why)
			}
		})
	}
}

func TestLargeDocumentsAreReadWithinBounds(t *testing.T) {
	var paths, allOf strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&paths, `,"/p%d/{id}":{"get":{},"parameters":[{"name":"id","in":"path","required":true}]}`, i)
	}
	for range 5_000 {
		allOf.WriteString(`,{"$ref":"#/components/schemas/A"}`)
	}
	for name, test := range map[string]struct {
		text string
		want int
		// most is how many MiB may be allocated in all.
		most uint64
	}{
		"ten thousand paths": {`{"openapi":"3.0.3","paths":{` + paths.String()[1:] + `}}`, 10_000, 96},
		"a schema made of itself, often": {`{"openapi":"3.0.3","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}},
			"components":{"schemas":{"A":{"allOf":[` + allOf.String()[1:] + `]}}}}`, 1, 64},
		"many fields": {`{"openapi":"3.0.3","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"properties":{` +
			strings.TrimSuffix(manyFields(), ",") + `}}}}}}}}}`, 1, 128},
	} {
		t.Run(name, func(t *testing.T) {
			if len(test.text) > openapi.MaxBytes {
				t.Fatalf("%d bytes", len(test.text))
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			doc, err := read(t, test.text)
			if err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			t.Logf("%d KiB allocated in all, %d KiB in use", (after.TotalAlloc-before.TotalAlloc)>>10, after.HeapInuse>>10)
			if spent := (after.TotalAlloc - before.TotalAlloc) >> 20; spent > test.most {
				t.Errorf("%d MiB were allocated", spent)
			}
			if len(doc.Operations) != test.want {
				t.Errorf("%d operations, want %d", len(doc.Operations), test.want)
			}
		})
	}
}

func manyFields() string {
	var b strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&b, `"f%d":{"type":"string"},`, i)
	}
	return b.String()
}

func TestNothingOutsideTheDocumentIsFetched(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked for", r.URL)
	}))
	defer server.Close()
	refs := func(ref string) string {
		return fmt.Sprintf(`{"openapi": "3.1.0", "servers": [{"url": %[1]q}], "paths": {"/a": {"$ref": %[1]q}, "/b": {"parameters": [{"$ref": %[1]q}], "post":
			{"requestBody": {"$ref": %[1]q}, "responses": {"200": {"$ref": %[1]q}}}}},
			"components": {"schemas": {"a": {"$ref": %[1]q}, "b": {"$id": %[1]q, "$dynamicRef": %[1]q}}, "pathItems": {"x": {"$ref": %[1]q}}, "examples": {"e": {"externalValue": %[1]q}}}}`, ref)
	}
	for _, ref := range []string{server.URL + "/x.json", server.URL + "/x.json#/a", "/etc/passwd", "file:///etc/passwd", "doc.go", "//" + server.Listener.Addr().String() + "/x"} {
		doc, err := read(t, refs(ref))
		if err != nil || len(doc.Operations) != 2 {
			t.Errorf("%s: %v %v", ref, doc, err)
		}
		doc, err = read(t, strings.NewReplacer(`"openapi": "3.1.0"`, `"swagger": "2.0"`).Replace(refs(ref)))
		if err != nil || len(doc.Operations) != 2 {
			t.Errorf("Swagger, %s: %v %v", ref, doc, err)
		}
	}
}

func TestHowExactlyATemplateIsADescribedPath(t *testing.T) {
	for _, test := range []struct {
		template, described string
		want                int
	}{
		{"/a/{id}", "/a/$(id)", 0},
		{"/a/{id}", "/a/$(id)?x=$(query)", 0},
		{"/a/{id}/", "/a/$(id)", 0},
		{"/a/{id}.json", "/a/$(id).json", 0},
		{"/a/{id}", "/a/batch", 1},
		{"/a/batch", "/a/$(id)", -1},
		{"/a", "/a/$(id)", -1},
		{"/A", "/a", -1},
		{"/t/{tenant}/a/{id}", "/t/acme/a/$(id)", 1},
		{"/a/{id}.json", "/a/$(id)", -1},
	} {
		if got := openapi.Distance(test.template, test.described); got != test.want {
			t.Errorf("%s as %s: %d, want %d", test.template, test.described, got, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{modern, old, bomb(), `{"openapi":"3.0.0","paths":{"/{a}{b}/{}":{"get":{"servers":[null,{"url":"%zz"}]}}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := openapi.Read(t.Context(), data)
		if err != nil {
			if unreadable := (*openapi.UnreadableError)(nil); !errors.As(err, &unreadable) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		for _, o := range doc.Operations {
			whole := o.Prefix + o.Path
			if !strings.HasPrefix(whole, "/") || strings.HasPrefix(whole, "//") || strings.ContainsAny(whole, "$\r\n ?#\"\\<>") {
				t.Errorf("%q", whole)
			}
			filled := openapi.Fill(whole, func(string) string { return "7" })
			if openapi.Distance(whole, whole) != 0 || len(openapi.Parameters(filled)) > 0 {
				t.Errorf("%q is not %q", filled, whole)
			}
		}
	})
}
