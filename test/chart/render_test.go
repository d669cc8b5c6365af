// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"sigs.k8s.io/yaml"
)

const (
	folder    = "../../charts/launchready"
	config    = "../../config"
	namespace = "launchready-system"
	partOf    = "app.kubernetes.io/part-of"

	crdKind, policyKind, bindingKind = "CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
	hookKind                         = "ValidatingWebhookConfiguration"
)

// object is what a document of YAML holds.
type object = map[string]any

// load reads the chart.
func load(t *testing.T) *chartv2.Chart {
	t.Helper()
	c, err := loader.LoadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newInstall gives an installation that renders and does nothing more.
func newInstall(name, namespace string) *action.Install {
	install := action.NewInstall(&action.Configuration{})
	install.ReleaseName, install.Namespace = name, namespace
	install.DryRunStrategy = action.DryRunClient
	install.KubeVersion = &common.KubeVersion{Version: "v1.37.0", Major: "1", Minor: "37"}
	return install
}

// tryToRender renders the chart as `helm template` does, for a release launchready.
func tryToRender(t *testing.T, values object) (*releasev1.Release, error) {
	t.Helper()
	return run(newInstall("launchready", namespace), load(t), values)
}

// run runs an installation.
func run(install *action.Install, c *chartv2.Chart, values object) (*releasev1.Release, error) {
	release, err := install.Run(c, values)
	if err != nil {
		return nil, err
	}
	v1, ok := release.(*releasev1.Release)
	if !ok {
		return nil, fmt.Errorf("a release of type %T", release)
	}
	return v1, nil
}

// render renders what is right.
func render(t *testing.T, values object) *releasev1.Release {
	t.Helper()
	release, err := tryToRender(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// documents gives a YAML file's documents as text.
func documents(text string) []string {
	var found []string
	for _, document := range strings.Split("\n"+text, "\n---\n") {
		if strings.TrimSpace(document) != "" {
			found = append(found, document)
		}
	}
	return found
}

// parse gives the objects of a YAML file.
func parse(t *testing.T, text string) []object {
	t.Helper()
	var objects []object
	for _, document := range documents(text) {
		var o object
		if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if len(o) > 0 {
			objects = append(objects, o)
		}
	}
	return objects
}

// parseFile gives the objects of a YAML file below config.
func parseFile(t *testing.T, file string) []object {
	t.Helper()
	text, err := os.ReadFile(config + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

// valuesOf reads a file of values from testdata.
func valuesOf(t *testing.T, file string) object {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return valuesFrom(t, string(text))
}

func valuesFrom(t *testing.T, text string) object {
	t.Helper()
	values := object{}
	if err := yaml.UnmarshalStrict([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// settings are the values that the tests of all objects go through.
func settings(t *testing.T) map[string]object {
	t.Helper()
	return map[string]object{
		"default": {}, "everything": valuesOf(t, "everything.values.yaml"), "nothing": valuesOf(t, "nothing.values.yaml"),
	}
}

func kindOf(o object) string { return fmt.Sprint(o["kind"]) }

func nameOf(o object) string { return fmt.Sprint(at(o, "metadata", "name")) }

func refOf(o object) string { return kindOf(o) + " " + nameOf(o) }

// at gives what stands at a path, or nil.
func at(o object, path ...string) any {
	var value any = o
	for _, name := range path {
		m, _ := value.(object)
		value = m[name]
	}
	return value
}

// ofKind gives the objects of some kinds, by kind and name.
func ofKind(objects []object, kinds ...string) map[string]object {
	found := map[string]object{}
	for _, o := range objects {
		for _, kind := range kinds {
			if kindOf(o) == kind {
				found[refOf(o)] = o
			}
		}
	}
	return found
}

// asYAML gives an object as text that compares.
func asYAML(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(text))
}

// withoutMetadata gives what an object says besides its metadata.
func withoutMetadata(o object) object {
	o = maps.Clone(o)
	delete(o, "metadata")
	return o
}
