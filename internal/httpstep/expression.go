// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	// responseType is the CEL name of the type of response.
	responseType = "launchready.Response"
	// costLimit bounds the evaluation of an expression: about ten times what looking at each of 10,000 list items takes. The
	// API server's limit for one expression is 10,000,000 (k8s.io/apiserver/pkg/apis/cel: PerCallLimit is 1,000,000).
	costLimit = 1_000_000
	// maxDepth bounds how deep an expression nests, and how long a chain of + or . is. cel-go's own bound is 250: there 1024
	// characters compile for 2.7 s and take 960 MB, for the type of a list in lists is written out at each level. With 50 it is
	// at most 15 ms.
	maxDepth = 50
	// interruptEvery is after how many steps of a comprehension the context is looked at.
	interruptEvery = 100
)

// Result is the type that an expression has to give.
type Result string

const (
	// Bool is for expectations.
	Bool Result = "bool"
	// Text is for captures and replies: a string, or a number or boolean, of which its text is taken.
	Text Result = "text"
	// Texts is for lists of names.
	Texts Result = "texts"
)

// maxTexts bounds a list of names.
const maxTexts = 256

// Expression is a compiled CEL expression over a response. It may be used by several goroutines at once.
type Expression struct {
	source  string
	program cel.Program
}

// environment is made once: it takes milliseconds, and nobody changes it.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	return cel.NewEnv(
		cel.CustomTypeProvider(provider{registry}),
		cel.CustomTypeAdapter(registry),
		cel.Variable("response", cel.ObjectType(responseType)),
		// Optional types bring optMap and optFlatMap, which copy what they are called on: each link of a chain doubles the
		// expression, and 170 characters compile for more than a minute. The macros go; has, orValue and .? do without.
		cel.OptionalTypes(), cel.ClearMacros(), cel.Macros(cel.StandardMacros...), cel.ParserRecursionLimit(maxDepth),
		ext.Strings(ext.StringsVersion(4)), ext.Encoders(), ext.Lists(ext.ListsVersion(3)), ext.Math(), ext.Regex(),
	)
})

// Compile compiles an expression that has to give the result. The error names line and column.
func Compile(source v1alpha1.CELExpression, result Result) (*Expression, error) {
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("making the CEL environment: %w", err)
	}
	ast, issues := env.Compile(string(source))
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("%s", oneLine(issues))
	}
	if !gives(ast.OutputType(), result) {
		return nil, fmt.Errorf("gives %s, where %s is wanted", ast.OutputType(), wanted(result))
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.InterruptCheckFrequency(interruptEvery))
	if err != nil {
		return nil, fmt.Errorf("planning the expression: %w", err)
	}
	return &Expression{source: string(source), program: program}, nil
}

// oneLine gives what is wrong without the drawing that cel-go puts under it.
func oneLine(issues *cel.Issues) string {
	var all []string
	for _, e := range issues.Errors() {
		said := strings.Join(strings.Fields(e.Message), " ")
		if e.Location.Line() > 0 { // what is wrong with the whole has no place
			said = fmt.Sprintf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, said)
		}
		all = append(all, said)
	}
	return strings.Join(all, "; ")
}

func gives(t *cel.Type, result Result) bool {
	switch t.Kind() {
	case types.DynKind, types.AnyKind:
		return true
	case types.BoolKind:
		return result != Texts
	case types.StringKind, types.IntKind, types.UintKind, types.DoubleKind:
		return result == Text
	case types.ListKind:
		return result == Texts && gives(t.Parameters()[0], Text)
	default:
		return false
	}
}

func wanted(result Result) string {
	switch result {
	case Bool:
		return "true or false"
	case Texts:
		return "a list of texts"
	default:
		return "a text"
	}
}

// Bool evaluates an expectation.
func (e *Expression) Bool(ctx context.Context, r *Response) (bool, error) {
	v, err := e.eval(ctx, r)
	if err != nil {
		return false, err
	}
	b, ok := v.Value().(bool)
	if !ok {
		return false, fmt.Errorf("%s gave %s, where true or false is wanted", e.source, v.Type().TypeName())
	}
	return b, nil
}

// Text evaluates a capture or a reply.
func (e *Expression) Text(ctx context.Context, r *Response) (string, error) {
	v, err := e.eval(ctx, r)
	if err != nil {
		return "", err
	}
	switch v.Type() {
	case types.StringType, types.IntType, types.UintType, types.BoolType:
	case types.DoubleType:
		// A JSON number is a double: 17 is not to become 17.000000 or 1.7e+01.
		return jsonNumber(v), nil
	default:
		return "", fmt.Errorf("%s gave %s, where a text is wanted", e.source, v.Type().TypeName())
	}
	text, ok := v.ConvertToType(types.StringType).Value().(string)
	if !ok {
		return "", fmt.Errorf("%s gave %s, which has no text", e.source, v.Type().TypeName())
	}
	return text, nil
}

// Texts evaluates a list of names.
func (e *Expression) Texts(ctx context.Context, r *Response) ([]string, error) {
	v, err := e.eval(ctx, r)
	if err != nil {
		return nil, err
	}
	list, ok := v.(traits.Lister)
	if !ok {
		return nil, fmt.Errorf("%s gave %s, where a list of texts is wanted", e.source, v.Type().TypeName())
	}
	var names []string
	for it := list.Iterator(); it.HasNext() == types.True && len(names) < maxTexts; {
		name, ok := it.Next().Value().(string)
		if !ok {
			return nil, fmt.Errorf("%s gave a list with something else than texts", e.source)
		}
		names = append(names, name)
	}
	return names, nil
}

func (e *Expression) eval(ctx context.Context, r *Response) (ref.Val, error) {
	v, _, err := e.program.ContextEval(ctx, map[string]any{"response": r})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.source, err)
	}
	return v, nil
}

// provider adds the type of response to CEL's own, so that a misspelt field is found before anything is sent.
type provider struct{ *types.Registry }

// fields of a response: what each gives, and of which type.
func fields() map[string]*types.FieldType {
	field := func(t *types.Type, get func(*Response) any) *types.FieldType {
		return &types.FieldType{
			Type:  t,
			IsSet: func(any) bool { return true },
			GetFrom: func(target any) (any, error) {
				r, ok := target.(*Response)
				if !ok {
					return nil, fmt.Errorf("no response: %s", reflect.TypeOf(target))
				}
				return get(r), nil
			},
		}
	}
	return map[string]*types.FieldType{
		"status":    field(types.IntType, func(r *Response) any { return r.Status }),
		"headers":   field(types.NewMapType(types.StringType, types.StringType), func(r *Response) any { return r.headers() }),
		"text":      field(types.StringType, func(r *Response) any { return r.Text() }),
		"json":      field(types.DynType, func(r *Response) any { return r.JSON() }),
		"events":    field(types.NewListType(types.DynType), func(r *Response) any { return r.Events() }),
		"closeCode": field(types.IntType, func(r *Response) any { return int(r.Closed.Code) }),
		"duration":  field(types.DurationType, func(r *Response) any { return r.Duration }),
		"url":       field(types.StringType, func(r *Response) any { return r.URL }),

		"form":       field(types.NewMapType(types.StringType, types.StringType), func(r *Response) any { return r.Form() }),
		"formAction": field(types.StringType, func(r *Response) any { return r.FormAction() }),
	}
}

var responseFields = sync.OnceValue(fields)

func (p provider) FindStructType(name string) (*types.Type, bool) {
	if name == responseType {
		return types.NewTypeTypeWithParam(types.NewObjectType(responseType)), true
	}
	return p.Registry.FindStructType(name)
}

func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if name != responseType {
		return p.Registry.FindStructFieldNames(name)
	}
	var names []string
	for field := range responseFields() {
		names = append(names, field)
	}
	return names, true
}

func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if name == responseType {
		t, ok := responseFields()[field]
		return t, ok
	}
	return p.Registry.FindStructFieldType(name, field)
}
