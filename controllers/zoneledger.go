// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/internal/edge"
)

const (
	// ledgerPrefix begins the names of the ConfigMaps that hold ledgers, in the operator's namespace.
	ledgerPrefix = "launchready-zone-"
	// ledgerField is the key that holds the ledger, as JSON.
	ledgerField = "ledger.json"
	// ledgerNote tells people what they look at.
	ledgerNote = "What LaunchReady remembers of a zone of Cloudflare's: whose each host is, what is locked, what stood there before. Don't edit it."
)

// zoneLedger is a ledger with the ConfigMap that holds it.
type zoneLedger struct {
	edge.Ledger
	object *corev1.ConfigMap
}

// readLedger reads a zone's ledger. One that can't be read as such is an error, and not an empty one: it would be overwritten.
func (r *ZoneReconciler) readLedger(ctx context.Context, zone string) (*zoneLedger, error) {
	l := &zoneLedger{object: &corev1.ConfigMap{}}
	key := client.ObjectKey{Namespace: r.Namespace, Name: ledgerPrefix + zone}
	err := r.Live.Get(ctx, key, l.object)
	if apierrors.IsNotFound(err) {
		l.object = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: key.Name, Annotations: map[string]string{"kubernetes.io/description": ledgerNote},
		}}
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the zone's ledger: %w", err)
	}
	if err := json.Unmarshal([]byte(l.object.Data[ledgerField]), &l.Ledger); err != nil {
		return nil, fmt.Errorf("reading the zone's ledger, ConfigMap %s: %w: restore it, or delete it, and every host counts as one that strangers could reach before", key, err)
	}
	return l, nil
}

// writeLedger writes a ledger where it has changed, in the version that was read: another replica's word isn't overwritten.
func (r *ZoneReconciler) writeLedger(ctx context.Context, l *zoneLedger, next edge.Ledger) error {
	data, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return fmt.Errorf("writing the zone's ledger: %w", err)
	}
	if l.object.Data[ledgerField] == string(data) || l.object.UID == "" && next.IsEmpty() {
		return nil
	}
	object := l.object.DeepCopy()
	object.Data = map[string]string{ledgerField: string(data)}
	if object.UID == "" {
		err = r.Client.Create(ctx, object, FieldOwner)
	} else {
		err = r.Client.Update(ctx, object, FieldOwner)
	}
	if err != nil {
		return fmt.Errorf("writing the zone's ledger: %w", err)
	}
	l.object, l.Ledger = object, next
	return nil
}
