// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"slices"
	"strings"
)

// methods are those that a path item may have. OpenAPI 3.1.1 §4.8.9. TRACE is never sent: it shows credentials.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch"}

const (
	// maxSchemaDepth is how deep schemas are looked into: the fields of a body stand at the top, or in parts that it is made of.
	maxSchemaDepth = 3
	// maxSchemas is how many are looked at: the library takes about 1 KiB for each.
	maxSchemas = 5_000
	// maxPaths is how many are looked at: of the others only the paths are kept.
	maxPaths = 2_000
)

// object is a value of JSON.
type object = map[string]any

// reduction leaves of a document what is used of it, and only where it has the type that it should have. A slip in an example
// would otherwise make the whole unreadable, and each part that is not needed is one that may be hostile.
type reduction struct {
	doc object
	// elsewhere are the paths that are described in another document, and those that are too many.
	elsewhere []string
	// schemas counts those that were looked at.
	schemas int
}

// reduce gives what is used of a document, and the paths of which it tells nothing more.
func reduce(doc object) (reduced object, elsewhere []string) {
	r := &reduction{doc: doc}
	reduced = r.all()
	return reduced, r.elsewhere
}

func (r *reduction) all() object {
	out := object{"info": object{"title": "app", "version": "1"}}
	put(out, r.doc, "security", requirements)
	put(out, r.doc, "servers", servers)
	paths := object{}
	given, _ := r.doc["paths"].(object)
	for _, path := range sorted(given) {
		switch {
		case strings.HasPrefix(path, "x-"):
		case len(paths) == maxPaths:
			r.elsewhere = append(r.elsewhere, path)
		default:
			if reduced := r.item(path, given[path]); reduced != nil {
				paths[path] = reduced
			}
		}
	}
	out["paths"] = paths
	if _, old := r.doc["swagger"]; old {
		out["swagger"] = "2.0"
		putText(out, r.doc, "basePath")
		put(out, r.doc, "consumes", texts)
		put(out, r.doc, "definitions", each(r.topSchema))
		put(out, r.doc, "parameters", each(r.parameter))
	} else {
		out["openapi"], _ = r.doc["openapi"].(string)
		given, _ := r.doc["components"].(object)
		components := object{}
		put(components, given, "schemas", each(r.topSchema))
		put(components, given, "parameters", each(r.parameter))
		put(components, given, "requestBodies", each(r.requestBody))
		out["components"] = components
	}
	leadSomewhere(out, out)
	return out
}

// item reduces what a path has. One that is described in another document is noted, and never fetched.
func (r *reduction) item(path string, v any) object {
	item, ok := v.(object)
	if !ok {
		return nil
	}
	if ref, refers := item["$ref"].(string); refers {
		if item, ok = lookUp(r.doc, ref).(object); !ok {
			r.elsewhere = append(r.elsewhere, path)
			return nil
		}
	}
	out := object{}
	put(out, item, "parameters", list(r.parameter))
	put(out, item, "servers", servers)
	for _, method := range methods {
		put(out, item, method, r.operation)
	}
	return out
}

func (r *reduction) operation(v any) any {
	given, ok := v.(object)
	if !ok {
		return nil
	}
	out := object{"responses": object{"default": object{"description": ""}}}
	put(out, given, "parameters", list(r.parameter))
	put(out, given, "requestBody", r.requestBody)
	put(out, given, "security", requirements)
	put(out, given, "servers", servers)
	put(out, given, "consumes", texts)
	return out
}

func (r *reduction) parameter(v any) any {
	given, ok := v.(object)
	if !ok {
		return nil
	}
	if ref := local(given); ref != nil {
		return ref
	}
	out := object{}
	putText(out, given, "name")
	putText(out, given, "in")
	putBool(out, given, "required")
	switch given["in"] {
	case "body": // Swagger 2.0
		put(out, given, "schema", r.topSchema)
	case "formData":
		putText(out, given, "type")
	case "path", "query", "header", "cookie":
	default:
		return nil
	}
	return out
}

func (r *reduction) requestBody(v any) any {
	given, ok := v.(object)
	if !ok {
		return nil
	}
	if ref := local(given); ref != nil {
		return ref
	}
	out := object{}
	putBool(out, given, "required")
	put(out, given, "content", each(func(v any) any {
		mediaType, _ := v.(object)
		out := object{}
		put(out, mediaType, "schema", r.topSchema)
		return out
	}))
	return out
}

func (r *reduction) topSchema(v any) any { return r.schema(v, maxSchemaDepth) }

func (r *reduction) schema(v any, depth int) any {
	given, ok := v.(object)
	if r.schemas++; r.schemas > maxSchemas {
		return nil
	}
	if !ok || depth == 0 {
		return object{}
	}
	if ref := local(given); ref != nil {
		return ref
	}
	out := object{}
	switch types := given["type"].(type) {
	case string:
		out["type"] = types
	case []any:
		out["type"] = texts(types)
	}
	putText(out, given, "format")
	putBool(out, given, "readOnly")
	put(out, given, "required", texts)
	put(out, given, "enum", func(v any) any {
		values, _ := v.([]any)
		return values
	})
	inner := func(v any) any { return r.schema(v, depth-1) }
	put(out, given, "properties", each(inner))
	put(out, given, "allOf", list(inner))
	return out
}

// servers keeps the URLs, and what stands in them for variables.
func servers(v any) any {
	return list(func(v any) any {
		given, ok := v.(object)
		if !ok {
			return nil
		}
		out := object{}
		putText(out, given, "url")
		put(out, given, "variables", each(func(v any) any {
			variable, _ := v.(object)
			out := object{}
			putText(out, variable, "default")
			return out
		}))
		return out
	})(v)
}

// requirements keeps the names of the schemes, without their scopes.
func requirements(v any) any {
	return list(func(v any) any {
		given, ok := v.(object)
		if !ok {
			return nil
		}
		return each(func(any) any { return []any{} })(given)
	})(v)
}

// put reduces a field, if it is there and of its type.
func put(out, given object, name string, reduce func(any) any) {
	v, there := given[name]
	if !there {
		return
	}
	if reduced := reduce(v); reduced != nil {
		out[name] = reduced
	}
}

func putText(out, given object, name string) {
	if text, ok := given[name].(string); ok {
		out[name] = text
	}
}

func putBool(out, given object, name string) {
	if truth, ok := given[name].(bool); ok {
		out[name] = truth
	}
}

func each(reduce func(any) any) func(any) any {
	return func(v any) any {
		given, ok := v.(object)
		if !ok {
			return nil
		}
		out := object{}
		for name := range given {
			put(out, given, name, reduce)
		}
		return out
	}
}

func list(reduce func(any) any) func(any) any {
	return func(v any) any {
		given, ok := v.([]any)
		if !ok {
			return nil
		}
		out := []any{}
		for _, inner := range given {
			if reduced := reduce(inner); reduced != nil {
				out = append(out, reduced)
			}
		}
		return out
	}
}

func texts(v any) any {
	return list(func(v any) any {
		if text, ok := v.(string); ok {
			return text
		}
		return nil
	})(v)
}

// local keeps a reference within the document. What lies outside of it is never fetched, and stands for anything.
func local(given object) any {
	ref, ok := given["$ref"].(string)
	switch {
	case !ok:
		return nil
	case strings.HasPrefix(ref, "#/"):
		return object{"$ref": ref}
	default:
		return object{}
	}
}

// leadSomewhere leaves out what refers to nothing, or to a reference that does.
func leadSomewhere(root object, v any) {
	switch v := v.(type) {
	case object:
		for name, inner := range v {
			if dangles(root, inner) {
				delete(v, name)
				continue
			}
			leadSomewhere(root, inner)
		}
	case []any:
		for i, inner := range v {
			if dangles(root, inner) {
				v[i] = object{}
				continue
			}
			leadSomewhere(root, inner)
		}
	}
}

func dangles(root object, v any) bool {
	given, _ := v.(object)
	ref, refers := given["$ref"].(string)
	return refers && !ends(root, ref)
}

// maxChain is how many references may lead from one to the next.
const maxChain = 8

// ends says whether a reference leads to an object that is not a reference itself.
func ends(root object, ref string) bool {
	for range maxChain {
		found, ok := lookUp(root, ref).(object)
		if !ok {
			return false
		}
		if ref, ok = found["$ref"].(string); !ok {
			return true
		}
	}
	return false
}

// lookUp gives what a reference within the document leads to. RFC 6901 §4.
func lookUp(root object, ref string) any {
	if !strings.HasPrefix(ref, "#/") {
		return nil
	}
	var at any = root
	for token := range strings.SplitSeq(ref[2:], "/") {
		inner, ok := at.(object)
		if !ok {
			return nil
		}
		at = inner[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	}
	return at
}

// sorted gives the names of an object in their order.
func sorted(o object) []string {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
