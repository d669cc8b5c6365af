// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// patience is how long a document may take to be read.
const patience = 10 * time.Second

// Access is what a document says of who may use an operation.
type Access int

const (
	// Unsaid is where no operation of the document says anything.
	Unsaid Access = iota
	// Public is for everybody.
	Public
	// Protected needs credentials.
	Protected
)

// Operation is a method of a path.
type Operation struct {
	// Method in capitals.
	Method string
	// Prefix is what servers, host and basePath put in front of the path: empty, or a path without a slash at its end.
	Prefix string
	// Path as the document writes it, with parameters in braces, in characters that a path may have.
	Path string
	// Needs are the parameters besides those of the path without which it can't be asked, such as "query q".
	Needs []string
	// Access is who may use it, as the document says.
	Access Access
	// Fields are those of a JSON body that take any text.
	Fields []string
	// Opaque says that it needs a body that can't be made of texts.
	Opaque bool
	// Elsewhere says that it is described in another document, or behind two thousand paths, so that nothing more is known of it,
	// not even its method.
	Elsewhere bool
}

// Document is what was read.
type Document struct {
	// Version is that of the specification, such as 3.1.0.
	Version string
	// Operations in the order of their paths.
	Operations []Operation
}

// Read reads a document. Errors are of type *UnreadableError, or the context's.
func Read(ctx context.Context, data []byte) (*Document, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errTooLong)
	defer cancel()
	type outcome struct {
		doc *Document
		err error
	}
	// The library knows no deadline: what takes too long is left behind, and ends with the probe.
	done := make(chan outcome, 1)
	go func() {
		doc, err := read(data)
		done <- outcome{doc, err}
	}()
	select {
	case o := <-done:
		return o.doc, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func read(data []byte) (doc *Document, err error) {
	defer func() {
		// A panic of the library is one more way in which a document is malformed.
		if recover() != nil {
			doc, err = nil, errMalformed
		}
	}()
	given, err := decode(data)
	if err != nil {
		return nil, err
	}
	version, err := versionOf(given)
	if err != nil {
		return nil, err
	}
	reduced, elsewhere := reduce(given)
	// What was given is no longer used from here on: a large document fits into the probe's memory once, not twice.
	typed, err := typed(reduced)
	if err != nil {
		return nil, err
	}
	doc = &Document{Version: version, Operations: operations(typed, reduced["security"] != nil)}
	for _, path := range elsewhere {
		doc.Operations = append(doc.Operations, Operation{Method: "ANY", Path: clean(path), Elsewhere: true})
	}
	if len(doc.Operations) == 0 {
		return nil, errNoPaths
	}
	slices.SortFunc(doc.Operations, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Prefix+a.Path, b.Prefix+b.Path), cmp.Compare(a.Method, b.Method))
	})
	return doc, nil
}

// versionOf gives the version of the specification. YAML writers leave the quotes of "2.0" out.
func versionOf(given object) (string, error) {
	if version, _ := given["openapi"].(string); strings.HasPrefix(version, "3.") {
		return version[:min(len(version), len("3.1.0"))], nil
	}
	if version := fmt.Sprint(given["swagger"]); version == "2.0" || version == "2" {
		return "2.0", nil
	}
	return "", errNoVersion
}

// typed resolves references and brings both generations of the specification into one form.
func typed(reduced object) (*openapi3.T, error) {
	data, err := json.Marshal(reduced)
	if err != nil {
		return nil, errMalformed
	}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	loader.ReadFromURIFunc = func(*openapi3.Loader, *url.URL) ([]byte, error) { return nil, errMalformed }
	if reduced["swagger"] != nil {
		var old openapi2.T
		if json.Unmarshal(data, &old) != nil {
			return nil, errMalformed
		}
		doc, err := openapi2conv.ToV3WithLoader(&old, loader, nil)
		if err != nil {
			return nil, errMalformed
		}
		return doc, nil
	}
	doc := &openapi3.T{}
	if json.Unmarshal(data, doc) != nil || loader.ResolveRefsIn(doc, nil) != nil {
		return nil, errMalformed
	}
	return doc, nil
}

// operations lists them. stated says that the document as a whole has a security.
func operations(doc *openapi3.T, stated bool) []Operation {
	var all []Operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if method == "TRACE" || method == "OPTIONS" {
				continue // about how others are asked
			}
			stated = stated || op.Security != nil
			o := Operation{Method: method, Path: clean(path), Prefix: prefixOf(doc.Servers, item.Servers, op.Servers)}
			o.Needs = needs(item.Parameters, op.Parameters)
			o.Fields, o.Opaque = fields(op.RequestBody)
			o.Access = accessOf(doc.Security, op.Security)
			all = append(all, o)
		}
	}
	for i := range all {
		if !stated {
			all[i].Access = Unsaid
		}
	}
	return all
}

// accessOf says who may use an operation: what it says itself takes the place of what the document says.
func accessOf(whole openapi3.SecurityRequirements, own *openapi3.SecurityRequirements) Access {
	if own != nil {
		whole = *own
	}
	for _, requirement := range whole {
		if len(requirement) == 0 {
			return Public // optional: OpenAPI 3.1.1 §4.8.30
		}
	}
	if len(whole) == 0 {
		return Public
	}
	return Protected
}

// prefixOf gives the path of the first server: the operation's, the path's or the document's.
func prefixOf(whole openapi3.Servers, item openapi3.Servers, own *openapi3.Servers) string {
	all := whole
	if len(item) > 0 {
		all = item
	}
	if own != nil && len(*own) > 0 {
		all = *own
	}
	if len(all) == 0 || all[0] == nil {
		return ""
	}
	text := all[0].URL
	for name, variable := range all[0].Variables {
		if variable != nil {
			text = strings.ReplaceAll(text, "{"+name+"}", variable.Default)
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Path == "" || u.Path == "/" {
		return ""
	}
	return strings.TrimRight(clean(u.EscapedPath()), "/")
}

// needs lists the parameters that have to be given beside those of the path.
func needs(all ...openapi3.Parameters) []string {
	var found []string
	for _, parameters := range all {
		for _, ref := range parameters {
			if p := ref.Value; p != nil && p.Required && (p.In == "query" || p.In == "header" || p.In == "cookie") {
				found = append(found, p.In+" "+clean(p.Name)[1:])
			}
		}
	}
	return found
}

// fields gives those fields of a JSON body that take any text, and says whether it needs others.
func fields(ref *openapi3.RequestBodyRef) (names []string, opaque bool) {
	if ref == nil || ref.Value == nil {
		return nil, false
	}
	for kind, media := range ref.Value.Content {
		if !strings.Contains(kind, "json") && kind != "*/*" {
			continue
		}
		if media == nil || media.Schema == nil {
			return nil, true
		}
		found := gathering{take: object{}, need: object{}}
		found.add(media.Schema, maxSchemaDepth)
		for name := range found.need {
			opaque = opaque || found.take[name] == nil
		}
		return sorted(found.take), opaque
	}
	return nil, len(ref.Value.Content) > 0
}

// fieldName is how the fields look that are of use.
var fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)

// maxParts is how many schemas one body may be made of.
const maxParts = 100

// gathering is what the fields of a body are found to be.
type gathering struct {
	// take are those that take any text, need those that have to be there.
	take, need object
	parts      int
}

// add takes the fields of a schema and of the parts that it is made of.
func (g *gathering) add(ref *openapi3.SchemaRef, depth int) {
	g.parts++
	if ref == nil || ref.Value == nil || depth == 0 || g.parts > maxParts {
		return
	}
	for _, name := range ref.Value.Required {
		g.need[name] = true
	}
	for name, property := range ref.Value.Properties {
		if property == nil {
			continue
		}
		p := property.Value
		// A name that is none in a programming language might mean something to a shell, where a finding is tried by hand.
		if p != nil && fieldName.MatchString(name) && p.Type.Includes("string") && p.Format == "" && len(p.Enum) == 0 && !p.ReadOnly {
			g.take[name] = true
		}
	}
	for _, part := range ref.Value.AllOf {
		g.add(part, depth-1)
	}
}
