// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
)

// writeStatus applies a status as a whole, under our field owner, where it differs from what the object has, and says
// whether it did. It applies it to the version of the object that was read: if somebody wrote in between, the API
// server answers with a conflict.
func writeStatus[S any](ctx context.Context, c client.Client, obj client.Object, kind string, have, want S) (bool, error) {
	if equality.Semantic.DeepEqual(have, want) {
		return false, nil
	}
	data, err := json.Marshal(want)
	if err != nil {
		return false, fmt.Errorf("encoding the status: %w", err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return false, fmt.Errorf("encoding the status: %w", err)
	}
	u := identified(obj, kind)
	u.SetResourceVersion(obj.GetResourceVersion())
	u.Object["status"] = fields
	if err := c.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), FieldOwner, client.ForceOwnership); err != nil {
		return false, fmt.Errorf("writing the status: %w", err)
	}
	return true, nil
}

// identified gives an empty apply configuration for an object.
func identified(obj client.Object, kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(v1alpha1.GroupVersion.String())
	u.SetKind(kind)
	u.SetNamespace(obj.GetNamespace())
	u.SetName(obj.GetName())
	return u
}
