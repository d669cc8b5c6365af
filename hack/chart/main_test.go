// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSameEachTime: what is generated depends on its sources alone.
func TestSameEachTime(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, folder := range []string{a, b} {
		if err := write(folder, "../../config"); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(a)
	if err != nil || len(files) < 8 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		one, err := os.ReadFile(filepath.Join(a, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(b, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if string(one) != string(other) {
			t.Errorf("%s differs from one time to the next", file.Name())
		}
	}
}

// TestNothingIsTakenForAnAction: text with the marks of the template language is text, in annotations too.
func TestNothingIsTakenForAnAction(t *testing.T) {
	var out template
	o := object{
		"apiVersion": "v1", "kind": "A", "spec": object{"description": "write {{ .Values.x }}"},
		"metadata": object{"annotations": object{"note": "{{ fail }}"}},
	}
	if err := out.add(o, wrapping{name: "a", component: "c"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`description: write {{ "{{" }} .Values.x }}`, `note: '{{ "{{" }} fail }}'`} {
		if !strings.Contains(out.body.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.body.String())
		}
	}
}

// TestClusterScoped: what lies in no namespace is kept, Namespaces are written by name, and what is new has to be judged.
func TestClusterScoped(t *testing.T) {
	rule := func(group string, resources []any, verbs ...any) any {
		return object{"apiGroups": []any{group}, "resources": resources, "verbs": verbs}
	}
	got, err := clusterScoped([]any{
		rule("", []any{"pods", "secrets"}, "get"),
		rule("", []any{"namespaces"}, "get", "patch"),
		rule("launchready.dev", []any{"launchpolicies", "launchwaivers"}, "list"),
	})
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	writes, _ := got[1].(object)
	if len(asList(writes["verbs"])) != 1 || asList(writes["verbs"])[0] != "patch" || len(asList(writes["resourceNames"])) != 1 {
		t.Errorf("Namespaces are written by %v", writes)
	}
	policies, _ := got[2].(object)
	if len(asList(policies["resources"])) != 1 {
		t.Errorf("kept %v", policies)
	}
	if _, err := clusterScoped([]any{rule("", []any{"nodes"}, "get")}); err == nil || !strings.Contains(err.Error(), "nodes is new") {
		t.Errorf("a new resource: %v", err)
	}
	if _, err := clusterScoped([]any{rule("*", []any{"*"}, "*")}); err == nil {
		t.Error("a rule for everything is let through")
	}
}
