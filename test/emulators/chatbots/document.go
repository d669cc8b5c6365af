// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

var previewPage = template.Must(template.New("preview").Parse(`<!DOCTYPE html><title>Preview</title><h1>{{.Title}}</h1><p>{{.Text}}</p>
`))

// giveDocument answers with the OpenAPI document, in the way that the oddities want.
func (a *App) giveDocument(c *call, doc fields, paths map[string]fields) error {
	if a.odd(OpenAPILoginOnly) && c.user == nil {
		return errAnonymous
	}
	a.changeOperations(paths)
	if a.odd(OpenAPIParameterNames) {
		paths = renamed(paths)
	}
	if a.odd(OpenAPIGlobalSecurity) {
		doc["security"] = secured
	}
	if a.odd(OpenAPIReferences) {
		refer(doc, paths)
	}
	switch {
	case a.odd(OpenAPIServers) || a.odd(OpenAPISwagger):
		doc["servers"] = []any{fields{"url": "https://{host}/{base}", "variables": fields{"host": fields{"default": "app.example.com"}, "base": fields{"default": "api"}}}}
		paths = below(paths, "/api", a.odd(OpenAPISwagger))
	case a.odd(OpenAPIStripped):
		doc["servers"] = []any{fields{"url": "https://edge.example.com/chat"}}
	}
	doc["paths"] = paths
	if a.odd(OpenAPISwagger) {
		doc = swagger(paths)
	}
	if a.odd(OpenAPIYAML) {
		// The types of the maps are those of JSON afterwards.
		data, err := json.Marshal(doc)
		var plain any
		if err == nil {
			err = json.Unmarshal(data, &plain)
		}
		if err != nil {
			return fmt.Errorf("write the document: %w", err)
		}
		return a.write(c, http.StatusOK, "application/yaml", []byte("---\n"+yamlOf(plain, "")))
	}
	return a.json(c, http.StatusOK, doc)
}

// secured is what needs credentials.
var secured = []any{fields{"token": []string{}}, fields{"cookie": []string{}}}

// changeOperations does what is done to each operation, or adds some.
func (a *App) changeOperations(paths map[string]fields) {
	if a.odd(OpenAPIDead) {
		for _, path := range []string{"/api/reports/daily", "/api/invoices", "/api/documents/{id}/thumbnail", "/api/conversations/{id}/summary", "/v2/teapot"} {
			paths[path] = fields{"get": operation(route{op: opMe, path: path})}
		}
	}
	for path, item := range paths {
		for _, v := range item {
			op, ok := v.(fields)
			if !ok {
				continue
			}
			if a.odd(OpenAPIDeprecated) {
				op["deprecated"] = true
			}
			_, guarded := op["security"]
			switch {
			case a.odd(OpenAPIHealthGuarded) && (path == "/healthz" || path == "/version"):
				op["security"] = secured
			case a.odd(OpenAPIGlobalSecurity) && guarded:
				delete(op, "security")
			case a.odd(OpenAPIGlobalSecurity):
				op["security"] = []any{}
			}
		}
	}
}

// renamed gives the id of each kind a name of its own.
func renamed(paths map[string]fields) map[string]fields {
	all := map[string]fields{}
	for path, item := range paths {
		name := "{itemId}"
		for _, k := range []kind{conversations, documents} {
			if strings.Contains(path, k.table) {
				name = "{" + k.name + "Id}"
			}
		}
		all[strings.Replace(path, "{id}", name, 1)] = item
		for _, v := range item {
			if op, ok := v.(fields); ok && strings.Contains(path, "{id}") {
				op["parameters"] = []any{fields{"name": strings.Trim(name, "{}"), "in": "path", "required": true, "schema": fields{"type": "string"}}}
			}
		}
	}
	return all
}

// below writes paths as they are below a base, and gives those that are not a server of their own. Swagger 2.0 has none: they are left out.
func below(paths map[string]fields, base string, leaveOut bool) map[string]fields {
	all := map[string]fields{}
	for path, item := range paths {
		if short, ok := strings.CutPrefix(path, base); ok && strings.HasPrefix(short, "/") {
			all[short] = item
		} else if !leaveOut {
			item = maps.Clone(item)
			item["servers"] = []any{fields{"url": "/"}}
			all[path] = item
		}
	}
	return all
}

// refer puts references in the place of parameters and bodies.
func refer(doc fields, paths map[string]fields) {
	for _, item := range paths {
		for _, v := range item {
			op, ok := v.(fields)
			if !ok {
				continue
			}
			if _, ok := op["parameters"]; ok {
				delete(op, "parameters")
				item["parameters"] = []any{fields{"$ref": "#/components/parameters/id"}, fields{"$ref": "#/components/parameters/missing"}}
			}
			if _, ok := op["requestBody"]; ok {
				op["requestBody"] = fields{"content": fields{"application/json": fields{"schema": fields{"$ref": "#/components/schemas/Thing"}}}}
			}
			op["responses"] = fields{"200": fields{"$ref": "https://schemas.example.org/responses.json#/ok"}}
		}
	}
	components, ok := doc["components"].(fields)
	if !ok {
		return
	}
	components["parameters"] = fields{
		"id":   fields{"name": "id", "in": "path", "required": true, "schema": fields{"$ref": "#/components/schemas/Thing"}},
		"loop": fields{"$ref": "#/components/parameters/pool"}, "pool": fields{"$ref": "#/components/parameters/loop"},
	}
	components["schemas"] = fields{
		"Thing": fields{
			"type": "object", "allOf": []any{fields{"$ref": "#/components/schemas/Thing"}, fields{"$ref": "https://schemas.example.org/thing.json"}},
			"properties": fields{"title": fields{"type": "string"}, "text": fields{"type": "string"}, "parent": fields{"$ref": "#/components/schemas/Thing"}},
		},
	}
}

// swagger writes the document as Swagger 2.0 does.
func swagger(paths map[string]fields) fields {
	for _, item := range paths {
		for _, v := range item {
			op, ok := v.(fields)
			if !ok {
				continue
			}
			parameters, _ := op["parameters"].([]any)
			for _, p := range parameters {
				if p, ok := p.(fields); ok {
					delete(p, "schema")
					p["type"] = "string"
				}
			}
			if body, ok := op["requestBody"].(fields); ok {
				delete(op, "requestBody")
				content, _ := body["content"].(fields)
				media, _ := content["application/json"].(fields)
				parameters = append(parameters, fields{"name": "body", "in": "body", "schema": media["schema"]})
			}
			op["parameters"] = parameters
		}
	}
	return fields{
		"swagger": "2.0", "info": fields{"title": "Chatbot", "version": "1"}, "host": "app.example.com", "basePath": "/api",
		"consumes": []any{"application/json"}, "paths": paths,
		"securityDefinitions": fields{
			"token":  fields{"type": "apiKey", "in": "header", "name": "Authorization"},
			"cookie": fields{"type": "apiKey", "in": "header", "name": "Cookie"},
		},
	}
}

// yamlOf writes what JSON has as YAML in block style.
func yamlOf(v any, indent string) string {
	var b strings.Builder
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return indent + "{}\n"
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%s%q:\n%s", indent, name, yamlOf(v[name], indent+"  "))
		}
	case []any:
		if len(v) == 0 {
			return indent + "[]\n"
		}
		for _, inner := range v {
			fmt.Fprintf(&b, "%s-\n%s", indent, yamlOf(inner, indent+"  "))
		}
	case string:
		fmt.Fprintf(&b, "%s%q\n", indent, v)
	default:
		fmt.Fprintf(&b, "%s%v\n", indent, v)
	}
	return b.String()
}
