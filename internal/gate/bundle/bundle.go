// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bundle asks the gate about manifests before they are applied. The judge is the API server itself, by dry runs of
// what applying them would do: what it says here it says then. Nothing is written.
package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Verdict is what the gate says of one object.
type Verdict struct {
	// Object in words: Deployment shop/chat.
	Object string
	// Held is why it would be refused; empty where it would pass.
	Held string
	// Warnings are what the gate would say although it lets it pass.
	Warnings []string
	// Skipped is why there is nothing to ask, such as a namespace that does not exist yet.
	Skipped string
}

// Read reads manifests. Lists are taken apart; an object without a namespace gets the given one when it is asked for.
func Read(r io.Reader) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(r, 4096)
	for n := 1; ; n++ {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(&u.Object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("document %d is no YAML of an object: %w", n, err)
		case len(u.Object) == 0:
			continue
		case u.GetKind() == "" || u.GetAPIVersion() == "":
			return nil, fmt.Errorf("document %d has no kind or no apiVersion: is it a manifest?", n)
		case !u.IsList():
			objects = append(objects, u)
			continue
		}
		err = u.EachListItem(func(item runtime.Object) error {
			one, ok := item.(*unstructured.Unstructured)
			if !ok {
				return fmt.Errorf("document %d: an item is no object", n)
			}
			objects = append(objects, one)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
}

// Warnings gathers what the API server warns of. It is the WarningHandler of the client that Ask is given.
type Warnings struct {
	mu   sync.Mutex
	said []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *Warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

func (w *Warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.said
	w.said = nil
	return said
}

// Ask asks the gate what it would say of an object. An error says why it can't be asked.
func Ask(ctx context.Context, c client.Client, w *Warnings, u *unstructured.Unstructured, namespace string) (Verdict, error) {
	u = u.DeepCopy()
	namespaced, err := c.IsObjectNamespaced(u)
	if meta.IsNoMatchError(err) {
		return Verdict{Object: named(u), Skipped: "its kind is not served (yet)"}, nil
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("asking for the kind of %s: %w", named(u), err)
	}
	if namespaced && u.GetNamespace() == "" {
		u.SetNamespace(namespace)
	}
	v := Verdict{Object: named(u)}
	w.take()
	err = try(ctx, c, u)
	for _, text := range w.take() {
		if said, ours := said(text); ours {
			v.Warnings = append(v.Warnings, said)
		}
	}
	switch {
	case err == nil:
		return v, nil
	case apierrors.IsNotFound(err):
		v.Skipped = "its namespace does not exist yet"
		return v, nil
	}
	if held, ours := said(err.Error()); ours {
		v.Held = held
		return v, nil
	}
	return Verdict{}, fmt.Errorf("%s can't be tried: %w", v.Object, err)
}

// try makes a dry run of what applying the object would do: it is created, or takes the place of what is there.
func try(ctx context.Context, c client.Client, u *unstructured.Unstructured) error {
	live := u.DeepCopy()
	err := c.Get(ctx, client.ObjectKeyFromObject(u), live)
	if apierrors.IsNotFound(err) {
		return c.Create(ctx, u, client.DryRunAll)
	}
	if err != nil {
		return err
	}
	for name, value := range u.Object {
		if name != "metadata" && name != "status" {
			live.Object[name] = value
		}
	}
	live.SetLabels(merged(live.GetLabels(), u.GetLabels()))
	live.SetAnnotations(merged(live.GetAnnotations(), u.GetAnnotations()))
	return c.Update(ctx, live, client.DryRunAll)
}

func merged(have, want map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, have)
	maps.Copy(all, want)
	return all
}

// said gives what one of the gate's policies said, without what the API server puts before it.
func said(text string) (string, bool) {
	_, after, ours := strings.Cut(text, "ValidatingAdmissionPolicy 'launchready-")
	if !ours {
		return "", false
	}
	for _, separator := range []string{" denied request: ", "': "} {
		if _, message, found := strings.Cut(after, separator); found {
			return message, true
		}
	}
	return after, true
}

func named(u *unstructured.Unstructured) string {
	name := u.GetName()
	if u.GetNamespace() != "" {
		name = u.GetNamespace() + "/" + name
	}
	return u.GetKind() + " " + name
}
