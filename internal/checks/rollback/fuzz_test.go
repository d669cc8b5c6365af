// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
)

// FuzzParseTemplate: whatever stands in a ControllerRevision, reading it ends without a panic, and what was read as a
// template has containers and is read the same again.
func FuzzParseTemplate(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"chat"}},"spec":{"containers":[{"name":"web","image":"a:1","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"500m"}},"readinessProbe":{"httpGet":{"path":"/","port":"http"}}}]}}}}`,
		`{"spec":{"template":{"spec":{"containers":[]}}}}`,
		`{"spec":{"template":null}}`, `{"Spec":{"Template":{"spec":{"containers":[{}]}}}}`, `{}`, `null`, `[]`, `"`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := parseTemplate(data)
		if err != nil {
			if first != nil {
				t.Fatal("an error came with a template")
			}
			return
		}
		if len(first.Spec.Containers) == 0 {
			t.Fatal("a template without containers was accepted")
		}
		again, err := json.Marshal(map[string]any{"spec": map[string]any{"template": first}})
		if err != nil {
			t.Skip("holds a value that Kubernetes' own types can't write, such as a year beyond 9999")
		}
		second, err := parseTemplate(again)
		if err != nil {
			t.Fatalf("what was read once could not be read again: %v", err)
		}
		if !equality.Semantic.DeepEqual(first, second) {
			t.Fatalf("read differently the second time:\n%v\n%v", first, second)
		}
	})
}
