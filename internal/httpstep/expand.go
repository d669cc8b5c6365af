// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"fmt"
	"strings"
)

// Vars are the texts that $(name) stands for, by name.
type Vars map[string]string

// With gives the variables and those of more, which win.
func (v Vars) With(more Vars) Vars {
	all := make(Vars, len(v)+len(more))
	for name, text := range v {
		all[name] = text
	}
	for name, text := range more {
		all[name] = text
	}
	return all
}

// Expand puts in what $(name) stands for, as Kubernetes does in a container's command: $$ gives a dollar sign, and a dollar
// sign before anything else stands for itself. Unlike there, a name that stands for nothing is an error.
func (v Vars) Expand(text string) (string, error) {
	var missing []string
	expanded := walk(text, func(name string) string {
		value, ok := v[name]
		if !ok {
			missing = append(missing, name)
		}
		return value
	})
	if len(missing) > 0 {
		return "", &MissingError{Name: missing[0]}
	}
	return expanded, nil
}

// MissingError says that a $(name) stands for nothing.
type MissingError struct{ Name string }

func (e *MissingError) Error() string {
	if key, ok := strings.CutPrefix(e.Name, credentialsPrefix); ok {
		return fmt.Sprintf("$(%s) stands for nothing: add the key %s to the identity's Secret", e.Name, key)
	}
	return fmt.Sprintf("$(%s) stands for nothing: capture it in an earlier step", e.Name)
}

// credentialsPrefix is how the names begin under which the keys of an identity's Secret are found.
const credentialsPrefix = "credentials."

// reference is how a text refers to a name.
func reference(name string) string { return "$(" + name + ")" }

// References gives the names that a text refers to, in their order.
func References(text string) []string {
	var names []string
	walk(text, func(name string) string { names = append(names, name); return "" })
	return names
}

// walk gives the text with each reference replaced.
func walk(text string, value func(name string) string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		text = after
		switch name, rest, closed := strings.Cut(strings.TrimPrefix(after, "("), ")"); {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "(") && closed:
			if _, call := strings.CutPrefix(name, "totp("); call && strings.HasPrefix(rest, ")") {
				name, rest = name+")", rest[1:]
			}
			b.WriteString(value(name))
			text = rest
		default:
			b.WriteByte('$')
		}
	}
}
