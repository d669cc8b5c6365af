// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func TestFingerprintKeyIsMadeOnceAndKept(t *testing.T) {
	c := fake.NewClientBuilder().WithScheme(newScheme(t)).Build()
	made, err := FingerprintKey(t.Context(), c, "launchready-system")
	if err != nil {
		t.Fatal(err)
	}
	again, err := FingerprintKey(t.Context(), c, "launchready-system")
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != fingerprintKeyBytes || !bytes.Equal(made, again) {
		t.Errorf("the key has %d bytes, and is the same the second time: %v", len(made), bytes.Equal(made, again))
	}
	other, err := FingerprintKey(t.Context(), fake.NewClientBuilder().WithScheme(newScheme(t)).Build(), "launchready-system")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(made, other) {
		t.Error("two installations have the same key")
	}
}

func TestFingerprintKeyOfTheFasterReplicaCounts(t *testing.T) {
	theirs := bytes.Repeat([]byte{7}, fingerprintKeyBytes)
	c := fake.NewClientBuilder().WithScheme(newScheme(t)).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, _ ...client.CreateOption) error {
			faster := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: obj.GetNamespace(), Name: obj.GetName()},
				Data:       map[string][]byte{fingerprintField: theirs},
			}
			if err := c.Create(ctx, faster); err != nil {
				return err
			}
			return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "secrets"}, obj.GetName())
		},
	}).Build()
	key, err := FingerprintKey(t.Context(), c, "launchready-system")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key, theirs) {
		t.Error("the key is not that of the replica that was faster")
	}
}

func TestFingerprintKeyThatIsTooShortIsRefused(t *testing.T) {
	short := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "launchready-system", Name: fingerprintSecret},
		Data:       map[string][]byte{fingerprintField: []byte("short")},
	}
	c := fake.NewClientBuilder().WithScheme(newScheme(t)).WithObjects(short).Build()
	_, err := FingerprintKey(t.Context(), c, "launchready-system")
	if err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("the error does not say what to do: %v", err)
	}
}
