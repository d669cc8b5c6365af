// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"slices"
	"strings"
	"testing"

	fielderrors "k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
)

// What `launchready check` finds without a cluster, the API server refuses too, about the same field; and of the edge's contradictions
// it finds all.
func TestCheckAndTheAPIServerRefuseTheSameOfTheEdge(t *testing.T) {
	for name, c := range manifests(t, "testdata/good/edge.yaml") {
		if lr, ok := launchOf(t, c); ok {
			for _, err := range launch.ValidateEdge(&lr.Spec) {
				t.Errorf("%s: the API server accepts it, and `launchready check` says %v", name, err)
			}
		}
	}
	const least = 30
	found := 0
	for name, c := range manifests(t, "testdata/wrong/edge.yaml") {
		lr, ok := launchOf(t, c)
		if !ok {
			continue
		}
		wrong := launch.ValidateEdge(&lr.Spec)
		contradicts := slices.ContainsFunc(contradictions(), func(words string) bool {
			return slices.ContainsFunc(c.Want, func(want string) bool { return strings.Contains(want, words) })
		})
		if contradicts && len(wrong) == 0 {
			t.Errorf("%s: `launchready check` finds nothing wrong", name)
		}
		// Some are about a list here and about an entry of it there, or about the block that lacks something.
		part, _, _ := strings.Cut(c.Want[0], ":")
		part = strings.TrimSuffix(strings.Join(strings.SplitN(part, ".", 3)[:2], "."), "[0]")
		about := func(err *fielderrors.Error) bool {
			return strings.HasPrefix(err.Field, part) || part == "spec.cloudflare" && strings.HasPrefix(err.Field, "spec.domains")
		}
		if len(wrong) > 0 && !slices.ContainsFunc(wrong, about) {
			t.Errorf("%s: %v, and the API server says %v", name, wrong, c.Want)
		}
		if len(wrong) > 0 {
			found++
		}
	}
	if found < least {
		t.Errorf("`launchready check` finds %d of the wrong manifests, want at least %d", found, least)
	}
}

// contradictions are words of the refusals that are about more than one field.
func contradictions() []string {
	return []string{
		"cloudflare.zone itself", "listed a second time", "from hosts or from redirects", "remove it from retired", "set canonical", "lead to itself",
		"list them in spec.domains", "set spec.domains.origin", "two limits count the same", "static or private", "can't be locked",
	}
}

// launchOf gives the LaunchReadiness of a case that is about one alone.
func launchOf(t *testing.T, c manifest) (v1alpha1.LaunchReadiness, bool) {
	t.Helper()
	var lr v1alpha1.LaunchReadiness
	var kind identity
	if err := yaml.Unmarshal([]byte(c.Manifest), &kind); err != nil {
		t.Fatal(err)
	}
	if c.Before != "" || kind.Kind != "LaunchReadiness" {
		return lr, false
	}
	if err := yaml.Unmarshal([]byte(c.Manifest), &lr); err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return lr, true
}
