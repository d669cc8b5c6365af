// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// fingerprintSecret holds the key of the fingerprints, in the operator's namespace.
	fingerprintSecret = "launchready-fingerprint-key"
	fingerprintField  = "key"
	// fingerprintKeyBytes is the key's length: that of the hash's output (RFC 2104 §3).
	fingerprintKeyBytes = 32
)

// FingerprintKey gives the key with which findings are fingerprinted, and makes it where there is none. Whoever lacks
// it can't guess a secret and compare. Losing it changes every fingerprint, so that waivers of single findings have
// to be written anew.
func FingerprintKey(ctx context.Context, c client.Client, namespace string) ([]byte, error) {
	key := client.ObjectKey{Namespace: namespace, Name: fingerprintSecret}
	var secret corev1.Secret
	err := c.Get(ctx, key, &secret)
	if apierrors.IsNotFound(err) {
		material := make([]byte, fingerprintKeyBytes)
		if _, err := rand.Read(material); err != nil {
			return nil, fmt.Errorf("making the fingerprint key: %w", err)
		}
		secret = corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fingerprintSecret},
			Data:       map[string][]byte{fingerprintField: material},
		}
		err = c.Create(ctx, &secret)
		if apierrors.IsAlreadyExists(err) {
			// Another replica was faster: its key counts.
			err = c.Get(ctx, key, &secret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("getting the fingerprint key, Secret %s: %w", key, err)
	}
	return keyOf(&secret)
}

// ReadFingerprintKey gives the key of an operator that runs already.
func ReadFingerprintKey(ctx context.Context, c client.Reader, namespace string) ([]byte, error) {
	var secret corev1.Secret
	key := client.ObjectKey{Namespace: namespace, Name: fingerprintSecret}
	if err := c.Get(ctx, key, &secret); err != nil {
		return nil, fmt.Errorf("reading the operator's key, Secret %s: %w", key, err)
	}
	return keyOf(&secret)
}

func keyOf(secret *corev1.Secret) ([]byte, error) {
	if len(secret.Data[fingerprintField]) < fingerprintKeyBytes {
		return nil, fmt.Errorf("the fingerprint key, Secret %s, has fewer than %d bytes in %q: delete it, and a new one is made", client.ObjectKeyFromObject(secret), fingerprintKeyBytes, fingerprintField)
	}
	return secret.Data[fingerprintField], nil
}
