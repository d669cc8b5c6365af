// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestEveryFolderOfConfigIsAcceptedByTheAPIServer(t *testing.T) {
	// Kinds that others bring, and that are not here.
	foreign := map[string]string{"prometheus": `no matches for kind "ServiceMonitor" in version "monitoring.coreos.com/v1"`}
	folders, err := filepath.Glob(repository + "/config/*/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const least = 6
	if len(folders) < least {
		t.Errorf("only %d folders of config have a kustomization.yaml: %v", len(folders), folders)
	}
	ensureNamespace(t, operatorNamespace)
	ensureNamespace(t, "shop")
	for _, file := range folders {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			objects := kustomize(t, folder)
			output, err := kubectl(t, "", "apply", "--server-side", "--dry-run=server", "--validate=strict", "-k", folder)
			if missing, known := foreign[filepath.Base(folder)]; known {
				if err == nil || !strings.Contains(output, missing) {
					t.Errorf("want %q, got %v:\n%s", missing, err, output)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			if accepted := strings.Count(output, "serverside-applied (server dry run)"); accepted != len(objects) {
				t.Errorf("%d of %d objects were accepted:\n%s", accepted, len(objects), output)
			}
		})
	}
}

func TestTheDefaultHoldsAllThatTheOperatorNeeds(t *testing.T) {
	have := map[string]int{}
	for _, u := range kustomize(t, repository+"/config/default") {
		have[u.GetKind()]++
	}
	for kind, least := range map[string]int{
		"CustomResourceDefinition": len(server.crds), "Namespace": 1, "ServiceAccount": 1, "Deployment": 1,
		"ClusterRole": 2, "ClusterRoleBinding": 1, "Role": 1, "RoleBinding": 1,
	} {
		if have[kind] < least {
			t.Errorf("%d objects of kind %s, want at least %d", have[kind], kind, least)
		}
	}
}

// kustomize builds a folder by the real kubectl.
func kustomize(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for _, text := range strings.Split(mustKubectl(t, "", "kustomize", folder), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			t.Fatalf("reading what kustomize made of %s: %v", folder, err)
		}
		objects = append(objects, u)
	}
	return objects
}

func ensureNamespace(t *testing.T, name string) {
	t.Helper()
	err := server.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}
