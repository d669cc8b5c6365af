// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"bytes"
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
)

// manifest is a case of testdata/wrong or testdata/good: something that a person might apply.
type manifest struct {
	Name string `json:"name"`
	// Before is applied first, where the manifest is about a change.
	Before   string `json:"before,omitempty"`
	Manifest string `json:"manifest"`
	// Subresource to which the manifest goes.
	Subresource string `json:"subresource,omitempty"`
	// Want are the parts that the API server's refusal must have: the field, and what to write instead.
	Want []string `json:"want,omitempty"`
}

// identity is as much of a manifest as is needed to know where it goes.
type identity struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

// sentByAPIServer is what the API server adds to some refusals. It is not ours to better.
const sentByAPIServer = "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"

func TestWrongManifestsAreRefusedWithWhatToWriteInstead(t *testing.T) {
	const least = 60
	cases := manifests(t, "testdata/wrong/*.yaml")
	if len(cases) < least {
		t.Errorf("%d wrong manifests, want at least %d", len(cases), least)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := apply(t, c)
			if err == nil {
				t.Fatalf("the API server accepts it:\n%s", c.Manifest)
			}
			message := strings.ReplaceAll(err.Error(), sentByAPIServer, "")
			if len(c.Want) == 0 {
				t.Error("the case does not say what the refusal must say")
			}
			for _, want := range c.Want {
				if !strings.Contains(message, want) {
					t.Errorf("the refusal lacks %q:\n%s", want, message)
				}
			}
			// What an unnamed rule, a bare pattern or a rule on nothing in particular leaves behind.
			for _, poor := range []string{"failed rule:", "should match '", "Invalid value: null", "Invalid value: \"null\"", "no such key", "evaluating rule"} {
				if strings.Contains(message, poor) {
					t.Errorf("the refusal says %q, which tells nobody what to write:\n%s", poor, message)
				}
			}
		})
	}
}

func TestGoodManifestsAreAccepted(t *testing.T) {
	const least = 15
	cases := manifests(t, "testdata/good/*.yaml")
	for file, text := range samples(t) {
		cases["sample/"+file] = manifest{Manifest: text}
	}
	if len(cases) < least {
		t.Errorf("%d good manifests, want at least %d", len(cases), least)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if err := apply(t, c); err != nil {
				t.Errorf("%v\n%s", err, c.Manifest)
			}
		})
	}
}

// A rule that comes later must not lock the objects that are there: what breaks it may stay, as long as nobody touches it.
func TestAnObjectThatARuleCameTooLateForCanStillBeChanged(t *testing.T) {
	crd := server.crds["LaunchWaiver"]
	loose := crd.DeepCopy()
	spec := loose.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	owner := spec.Properties["owner"]
	owner.MinLength, owner.XValidations = nil, nil
	spec.Properties["owner"] = owner
	replaceCRD(t, loose)
	t.Cleanup(func() { replaceCRD(t, crd) })

	const waiver = "apiVersion: launchready.dev/v1alpha1\nkind: LaunchWaiver\nmetadata: {name: old}\nspec:\n" +
		"  launchReadinessRef: {name: chat}\n  row: RollbackReady\n  reason: The database allows one writer.\n" +
		"  owner: \" \"\n  expiresAt: \"2026-12-15T00:00:00Z\"\n"
	namespace := newNamespace(t)
	eventually(t, func() string {
		if err := send(t, namespace, waiver, sending{}); err != nil {
			return err.Error()
		}
		return ""
	})
	replaceCRD(t, crd)
	eventually(t, func() string {
		if err := send(t, namespace, strings.Replace(waiver, "old", "new", 1), sending{dryRun: true}); err == nil {
			return "the rule is not in force again"
		}
		return ""
	})

	if err := send(t, namespace, "kind: LaunchWaiver\nmetadata: {name: old}\nspec: {expiresAt: \"2026-12-31T00:00:00Z\"}\n", sending{patch: true}); err != nil {
		t.Errorf("changing another field: %v", err)
	}
	err := send(t, namespace, "kind: LaunchWaiver\nmetadata: {name: old}\nspec: {owner: \"  \"}\n", sending{patch: true})
	if err == nil || !strings.Contains(err.Error(), "name the person or team") {
		t.Errorf("changing the field itself to another wrong value: %v", err)
	}
}

// manifests reads the cases of the files that match the pattern, by file and name.
func manifests(t *testing.T, pattern string) map[string]manifest {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	all := map[string]manifest{}
	for _, file := range files {
		text := template.Must(template.New(filepath.Base(file)).
			Funcs(template.FuncMap{"repeat": func(n int, s string) string { return strings.Repeat(s, n) }, "words": strings.Fields}).
			ParseFiles(file))
		var out bytes.Buffer
		if err := text.Execute(&out, nil); err != nil {
			t.Fatal(err)
		}
		var cases []manifest
		if err := yaml.UnmarshalStrict(out.Bytes(), &cases); err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		for _, c := range cases {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml") + "/" + c.Name
			if _, twice := all[name]; twice {
				t.Fatalf("%s has two cases %q", file, c.Name)
			}
			all[name] = c
		}
	}
	return all
}

// samples are the manifests that people start from.
func samples(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(repository + "/config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(file) != "kustomization.yaml" {
			// They name a namespace of their own; the cases have one each.
			all[filepath.Base(file)] = strings.Replace(string(text), "  namespace: shop\n", "", 1)
		}
	}
	if len(all) == 0 {
		t.Fatal("config/samples is empty")
	}
	return all
}

// apply sends a case to the API server as kubectl apply does, and gives the API server's refusal of the manifest.
func apply(t *testing.T, c manifest) error {
	t.Helper()
	namespace := newNamespace(t)
	if c.Before == "" {
		return send(t, namespace, c.Manifest, sending{dryRun: true})
	}
	if err := send(t, namespace, c.Before, sending{}); err != nil {
		t.Fatalf("what should be changed is refused itself: %v\n%s", err, c.Before)
	}
	t.Cleanup(func() { remove(t, namespace, c.Before) })
	return send(t, namespace, c.Manifest, sending{patch: true, subresource: c.Subresource})
}

// sending says how a manifest goes: as a new object, or as a change of one that is there.
type sending struct {
	dryRun, patch bool
	subresource   string
}

// send sends a manifest as it is written, so that the API server sees fields that are unknown or given twice.
func send(t *testing.T, namespace, text string, how sending) error {
	t.Helper()
	api := raw(t)
	where, name := location(t, namespace, text)
	request := api.Post().AbsPath(where).SetHeader("Content-Type", "application/yaml").Body([]byte(text))
	if how.patch {
		change, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatalf("the manifest is no YAML: %v\n%s", err, text)
		}
		request = api.Patch(types.MergePatchType).AbsPath(path.Join(where, name, how.subresource)).Body(change)
	}
	if how.dryRun {
		request = request.Param("dryRun", "All")
	}
	return request.Param("fieldValidation", "Strict").Do(t.Context()).Error()
}

// remove deletes what a manifest made. Not everything goes with a namespace.
func remove(t *testing.T, namespace, text string) {
	t.Helper()
	where, name := location(t, namespace, text)
	// The test's own context has ended when this runs.
	if err := raw(t).Delete().AbsPath(path.Join(where, name)).Do(context.WithoutCancel(t.Context())).Error(); err != nil {
		t.Errorf("cleaning up: %v", err)
	}
}

// location is where the manifest's kind is served, and the manifest's name.
func location(t *testing.T, namespace, text string) (collection, name string) {
	t.Helper()
	var id identity
	if err := yaml.Unmarshal([]byte(text), &id); err != nil {
		t.Fatalf("the manifest is no YAML: %v\n%s", err, text)
	}
	crd, known := server.crds[id.Kind]
	if !known {
		t.Fatalf("the manifest's kind is %q, which is none of ours", id.Kind)
	}
	collection = path.Join("/apis", v1alpha1.GroupVersion.String())
	if crd.Spec.Scope == "Namespaced" {
		collection = path.Join(collection, "namespaces", namespace)
	}
	return path.Join(collection, crd.Spec.Names.Plural), id.Metadata.Name
}

// raw is a client that sends what it is given.
func raw(t *testing.T) *rest.RESTClient {
	t.Helper()
	config := rest.CopyConfig(server.config)
	config.GroupVersion = &schema.GroupVersion{}
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{} // what is wrong already and stays so is only warned of
	api, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	return api
}
