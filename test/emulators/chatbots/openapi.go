// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"cmp"
	"net/http"
	"regexp"
	"strings"
)

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// openAPI describes the routes (OpenAPI 3.1).
func (a *App) openAPI(c *call) error {
	paths := map[string]fields{}
	for _, rt := range a.routes {
		path := strings.TrimSuffix(rt.path, "{$}")
		if paths[path] == nil {
			paths[path] = fields{}
		}
		paths[path][strings.ToLower(cmp.Or(rt.method, http.MethodGet))] = operation(rt)
	}
	// The one route that is more than read from without a method of its own.
	put := route{op: opAdmin, path: "/api/admin/settings", summary: "Changes settings", body: fields{"settings": fields{}}}
	paths[put.path]["put"] = operation(put)
	return a.giveDocument(c, fields{
		"openapi": "3.1.0",
		"info":    fields{"title": "Chatbot", "version": a.cfg.Version},
		"components": fields{"securitySchemes": fields{
			"token":  fields{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
			"cookie": fields{"type": "apiKey", "in": "cookie", "name": sessionCookie},
		}},
	}, paths)
}

func operation(rt route) fields {
	described := fields{
		"summary":   rt.summary,
		"responses": fields{"default": fields{"description": "The reply, or an error"}},
	}
	if rt.op != opOpen {
		described["security"] = []any{fields{"token": []string{}}, fields{"cookie": []string{}}}
	}
	var parameters []any
	for _, found := range placeholder.FindAllStringSubmatch(rt.path, -1) {
		parameters = append(parameters, fields{
			"name": found[1], "in": "path", "required": true, "schema": fields{"type": "string"},
		})
	}
	if parameters != nil {
		described["parameters"] = parameters
	}
	if rt.body != nil {
		properties := fields{}
		for name, example := range rt.body {
			properties[name] = fields{"type": jsonType(example)}
		}
		described["requestBody"] = fields{"required": true, "content": fields{"application/json": fields{
			"schema": fields{"type": "object", "properties": properties},
		}}}
	}
	return described
}

func jsonType(example any) string {
	switch example.(type) {
	case string:
		return "string"
	case []any:
		return "array"
	case int:
		return "integer"
	}
	return "object"
}
