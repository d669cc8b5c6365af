// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import "k8s.io/apimachinery/pkg/api/equality"

// at gives what stands at a path of an object's content, or nil.
func at(content any, path ...string) any {
	for _, name := range path {
		fields, ok := content.(map[string]any)
		if !ok {
			return nil
		}
		content = fields[name]
	}
	return content
}

func fieldsAt(content any, path ...string) map[string]any {
	fields, _ := at(content, path...).(map[string]any)
	return fields
}

func listAt(content any, path ...string) []any {
	list, _ := at(content, path...).([]any)
	return list
}

func textAt(content any, path ...string) string {
	text, _ := at(content, path...).(string)
	return text
}

func equal(a, b any) bool { return equality.Semantic.DeepEqual(a, b) }

// equalBut says whether two objects are equal but for some fields.
func equalBut(a, b map[string]any, but ...string) bool {
	skip := map[string]bool{}
	for _, name := range but {
		skip[name] = true
	}
	for name, value := range a {
		other, there := b[name]
		if !skip[name] && (!there || !equal(value, other)) {
			return false
		}
	}
	for name := range b {
		if _, there := a[name]; !there && !skip[name] {
			return false
		}
	}
	return true
}

// equalButCEL is equalBut as an expression.
func equalButCEL(a, b string, but string) string {
	return "dyn(" + a + ").all(f, f in " + but + " || (f in dyn(" + b + ") && dyn(" + a + ")[f] == dyn(" + b + ")[f])) && " +
		"dyn(" + b + ").all(f, f in " + but + " || f in dyn(" + a + "))"
}
