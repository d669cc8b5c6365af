// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"fmt"
	"regexp"
	"strings"
)

// maxPath is how long a path may be, as that of a request in the API.
const maxPath = 2048

// pathBytes are what a path may have, and braces. RFC 3986 §3.3. The dollar sign is not among them: to a described request it means a name.
const pathBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!&'()*+,;=:@%/{}"

// clean gives a path of the document in characters that a path may have, so that it can be sent and shown.
func clean(path string) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	var b strings.Builder
	b.WriteByte('/')
	path = strings.TrimLeft(path, "/")
	for i := range len(path) {
		if b.Len() >= maxPath {
			break
		}
		if c := path[i]; strings.IndexByte(pathBytes, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// named is what stands in a path for something else: {id} in a document, $(id) in a description.
var named = regexp.MustCompile(`\{[^{}/]+\}|\$\([^()/]*\)`)

// Parameters gives the names in braces, in their order.
func Parameters(path string) []string {
	var names []string
	for _, found := range named.FindAllString(path, -1) {
		if strings.HasPrefix(found, "{") {
			names = append(names, found[1:len(found)-1])
		}
	}
	return names
}

// Fill puts something into the place of each parameter.
func Fill(path string, with func(name string) string) string {
	return named.ReplaceAllStringFunc(path, func(found string) string {
		if !strings.HasPrefix(found, "{") {
			return found
		}
		return with(found[1 : len(found)-1])
	})
}

// anything takes the place of a name.
const anything = "\x00"

// Segments gives the parts of a path, with Any in the place of names; without query, and without a slash at its end.
func Segments(path string) []string {
	path, _, _ = strings.Cut(path, "?")
	path = named.ReplaceAllString(path, anything)
	return strings.Split(strings.Trim(path, "/"), "/")
}

// Any says whether a segment stands for whatever is there.
func Any(segment string) bool { return segment == anything }

// Distance says how exactly a template is a described path: 0 where they are alike but for the names, more for each parameter in the
// place of which the description has a text, and -1 where they are not the same.
func Distance(template, described string) int {
	a, b := Segments(template), Segments(described)
	if len(a) != len(b) {
		return -1
	}
	distance := 0
	for i := range a {
		switch {
		case a[i] == b[i]:
		case Any(a[i]):
			distance++
		default:
			return -1
		}
	}
	return distance
}
