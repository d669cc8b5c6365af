// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestEveryKindIsServedAsTheDesignSays(t *testing.T) {
	type kind struct {
		Scope      apiextensionsv1.ResourceScope
		ShortNames []string
		Categories []string
		Status     bool
		Selectable []string
	}
	launch := []string{"launch"}
	want := map[string]kind{
		"LaunchReadiness": {"Namespaced", []string{"lr"}, launch, true, []string{".spec.policyRef.name"}},
		"LaunchPolicy":    {"Cluster", []string{"lpol"}, launch, true, []string{".spec.base"}},
		"LaunchWaiver":    {"Namespaced", []string{"lw"}, launch, true, []string{".spec.launchReadinessRef.name", ".spec.row"}},
		"LaunchReport":    {"Namespaced", []string{"lrep"}, launch, true, nil},
	}
	have := map[string]kind{}
	for name, crd := range server.crds {
		served := &apiextensionsv1.CustomResourceDefinition{}
		if err := server.client.Get(t.Context(), client.ObjectKey{Name: crd.Name}, served); err != nil {
			t.Fatal(err)
		}
		if len(served.Spec.Versions) != 1 {
			t.Fatalf("%s has %d versions, and this test looks at one", name, len(served.Spec.Versions))
		}
		for _, problem := range []apiextensionsv1.CustomResourceDefinitionConditionType{apiextensionsv1.NonStructuralSchema, apiextensionsv1.NamesAccepted} {
			for _, c := range served.Status.Conditions {
				if c.Type == problem && (c.Status == apiextensionsv1.ConditionTrue) != (problem == apiextensionsv1.NamesAccepted) {
					t.Errorf("%s: %s is %s: %s", name, c.Type, c.Status, c.Message)
				}
			}
		}
		v := served.Spec.Versions[0]
		k := kind{
			Scope: served.Spec.Scope, ShortNames: served.Status.AcceptedNames.ShortNames, Categories: served.Status.AcceptedNames.Categories,
			Status: v.Subresources != nil && v.Subresources.Status != nil,
		}
		for _, f := range v.SelectableFields {
			k.Selectable = append(k.Selectable, f.JSONPath)
		}
		have[name] = k
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// fieldTest judges one field of a schema; it gives what is wrong, or nothing.
type fieldTest struct {
	name  string
	judge func(f field) string
}

type field struct {
	path, name string
	schema     apiextensionsv1.JSONSchemaProps
}

// The rules that hold for every field of every kind.
func fieldTests() []fieldTest {
	named := regexp.MustCompile(`^[a-z][A-Za-z]*\b`)
	return []fieldTest{
		{"is described, in a sentence that starts with its name", func(f field) string {
			switch first := named.FindString(f.schema.Description); {
			case f.name == "" || f.path == "metadata":
				return "" // an item, or Kubernetes' own
			case f.schema.Description == "":
				return "has no description"
			case first != f.name:
				return fmt.Sprintf("is described as %q, which does not start with its name", f.schema.Description)
			case !strings.HasSuffix(f.schema.Description, "."):
				return fmt.Sprintf("is described as %q, which is no sentence", f.schema.Description)
			}
			return ""
		}},
		{"has a bound, if it is a list, a map or a string", func(f field) string {
			s := f.schema
			switch {
			case s.Type == "array" && s.MaxItems == nil:
				return "is a list without maxItems"
			case s.Type == "object" && s.AdditionalProperties != nil && s.MaxProperties == nil:
				return "is a map without maxProperties"
			case s.Type == "string" && s.MaxLength == nil && len(s.Enum) == 0 && s.Format != "date-time":
				return "is a string without maxLength, enum or format"
			case s.Type == "integer" && s.Minimum == nil:
				return "is a number without minimum"
			}
			return ""
		}},
		{"is typed, and keeps nothing that it does not know", func(f field) string {
			s := f.schema
			switch {
			case f.name == "json" && (strings.HasPrefix(f.path, "spec.app.") || strings.HasPrefix(f.path, "spec.logging.sinks[].query.")):
				// The body of a described request: whatever the app, or the sink, takes.
				return ""
			case strings.HasPrefix(f.path, "spec.app.chat.history."):
				return "" // a part of one
			case s.XPreserveUnknownFields != nil:
				return "keeps unknown fields"
			case s.XIntOrString:
				return "is a number or a string"
			case !slices.Contains([]string{"object", "array", "string", "integer", "boolean"}, s.Type):
				return fmt.Sprintf("has the type %q", s.Type)
			}
			return ""
		}},
		{"says how it merges, if it is a list", func(f field) string {
			if f.schema.Type == "array" && f.schema.XListType == nil {
				return "is a list without x-kubernetes-list-type"
			}
			return ""
		}},
		{"refuses with words, if it has a rule, and never by a bare pattern", func(f field) string {
			if f.schema.Pattern != "" {
				return "has a pattern: a rule with a message can say what to write instead"
			}
			for _, rule := range f.schema.XValidations {
				if len(rule.Message) < len("must be x") && rule.MessageExpression == "" {
					return fmt.Sprintf("has the rule %s without a message", rule.Rule)
				}
			}
			return ""
		}},
	}
}

func TestEveryFieldOfEveryKind(t *testing.T) {
	const least = 100 // so that a walk that loses its way is seen
	for _, test := range fieldTests() {
		t.Run(test.name, func(t *testing.T) {
			seen := 0
			for _, kind := range slices.Sorted(maps.Keys(server.crds)) {
				walk(field{schema: *server.crds[kind].Spec.Versions[0].Schema.OpenAPIV3Schema}, func(f field) {
					seen++
					if problem := test.judge(f); problem != "" {
						t.Errorf("%s: %s %s", kind, f.path, problem)
					}
				})
			}
			if seen < least {
				t.Errorf("only %d fields were looked at", seen)
			}
		})
	}
}

// Each of the rules must be able to fail: here is a field for each that breaks it.
func TestTheFieldRulesBite(t *testing.T) {
	yes := true
	bad := []field{
		{name: "name", schema: apiextensionsv1.JSONSchemaProps{Type: "string", Description: "the name."}},
		{name: "rows", schema: apiextensionsv1.JSONSchemaProps{Type: "array"}},
		{name: "any", schema: apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &yes}},
		{name: "rows", schema: apiextensionsv1.JSONSchemaProps{Type: "array"}},
		{name: "zone", schema: apiextensionsv1.JSONSchemaProps{Type: "string", Pattern: "^[a-z]+$"}},
	}
	for i, test := range fieldTests() {
		if test.judge(bad[i]) == "" {
			t.Errorf("a field passes that breaks %q: %+v", test.name, bad[i])
		}
	}
}

// walk visits a schema and all that it holds, but for Kubernetes' own types, which we can't better.
func walk(f field, visit func(field)) {
	visit(f)
	for _, name := range slices.Sorted(maps.Keys(f.schema.Properties)) {
		schema := f.schema.Properties[name]
		root := f.path == ""
		if root && (name == "apiVersion" || name == "kind") {
			continue
		}
		child := field{path: strings.TrimPrefix(f.path+"."+name, "."), name: name, schema: schema}
		if name == "conditions" {
			visit(child) // its items are metav1.Condition
			continue
		}
		walk(child, visit)
	}
	if f.schema.Items != nil {
		walk(field{path: f.path + "[]", schema: *f.schema.Items.Schema}, visit)
	}
	if f.schema.AdditionalProperties != nil {
		walk(field{path: f.path + "{}", schema: *f.schema.AdditionalProperties.Schema}, visit)
	}
}

// readCRDs reads the generated files, by kind.
func readCRDs() (map[string]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := filepath.Glob(crdFolder + "/*.yaml")
	if err != nil {
		return nil, err
	}
	crds := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a generated CRD: %w", err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		crds[crd.Spec.Names.Kind] = crd
	}
	return crds, nil
}

// replaceCRD puts another schema in force. Callers wait until it is.
func replaceCRD(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	now := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: crd.Name}}
	ctx := context.WithoutCancel(t.Context()) // for cleanups, which run when the test's own has ended
	if err := server.client.Get(ctx, client.ObjectKeyFromObject(now), now); err != nil {
		t.Fatal(err)
	}
	now.Spec = crd.DeepCopy().Spec
	if err := server.client.Update(ctx, now); err != nil {
		t.Fatal(err)
	}
}
