// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	// maxErrors is how many errors are told: more than anybody mends in one go.
	maxErrors = 10
	// maxText bounds each part of a message, in characters: a field, a value, what is wrong with it. A key in a path, and what
	// CEL repeats of an expression, are the writer's text and of any length.
	maxText = 200
	// maxDetail bounds what is wrong: it tells what to write instead.
	maxDetail = 400
	// maxWarning is less than what an API server sends of a warning where there are many
	// (k8s.io/apiserver/pkg/endpoints/filters/warning.go: 256 characters).
	maxWarning = 240
)

// bounded gives the first errors, by field, in a form that is fit for messages and audit logs.
func bounded(errs field.ErrorList) field.ErrorList {
	errs = slices.Clone(errs)
	// Some come from maps: the same object gets the same answer.
	slices.SortStableFunc(errs, func(a, b *field.Error) int {
		return cmp.Or(strings.Compare(a.Field, b.Field), strings.Compare(a.Detail, b.Detail))
	})
	more := len(errs) - maxErrors
	if more > 0 {
		errs = errs[:maxErrors]
	}
	told := make(field.ErrorList, 0, len(errs))
	for _, err := range errs {
		told = append(told, &field.Error{Type: err.Type, Field: plain(err.Field, maxText), BadValue: value(err), Detail: plain(err.Detail, maxDetail)})
	}
	if more > 0 {
		last := told[len(told)-1]
		last.Detail += fmt.Sprintf("; %d more are wrong, and `launchready check -f` tells which", more)
	}
	return told
}

// value is what the message repeats of a field's value. That is an expression, which is in question itself, and nothing of a
// request: a header or a body may hold what is nobody's business.
func value(err *field.Error) any {
	text, isText := err.BadValue.(string)
	if err.Type != field.ErrorTypeInvalid || !isText || inRequest(err.Field) {
		return field.OmitValueType{}
	}
	if utf8.RuneCountInString(text) > maxText {
		text = string([]rune(text)[:maxText]) + "…"
	}
	return text // the error quotes it, and shows what can't be seen
}

// inRequest says whether a field is a part of a request and no expression. Keys are the writer's, and may read like a field: when
// in doubt, it is a request.
func inRequest(name string) bool {
	for _, part := range []string{"path", "body", "query", "headers", "form", "multipart", "json"} {
		if strings.Contains(name, "."+part) {
			return true
		}
	}
	return false
}

// plain makes text visible and short: control, bidi and zero-width characters become escapes.
func plain(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n == most {
			b.WriteString("…")
			break
		}
		n++
		if r != utf8.RuneError && strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

// apart parts the errors into those that are new and those that were there before.
func apart(now, before field.ErrorList) (fresh, stayed field.ErrorList) {
	known := sets.New[string]()
	for _, err := range before {
		known.Insert(identity(err))
	}
	for _, err := range now {
		if known.Has(identity(err)) {
			stayed = append(stayed, err)
		} else {
			fresh = append(fresh, err)
		}
	}
	return fresh, stayed
}

// identity of an error is its place and the value that stands there. What it says besides depends on the rest of the object, such
// as names that could be meant; what is missing has no value, and only its words to be told by.
func identity(err *field.Error) string {
	id := fmt.Sprintf("%s\n%s\n%v", err.Type, err.Field, err.BadValue)
	if err.Type == field.ErrorTypeRequired {
		id += "\n" + err.Detail
	}
	return id
}

// warnings tell what is wrong and was so before.
func warnings(errs field.ErrorList) []string {
	var all []string
	for _, err := range bounded(errs) {
		all = append(all, plain(err.Error(), maxWarning))
	}
	return all
}
