// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
	"github.com/launchready/launchready/internal/launch"
)

// launchedAt reads when the app was Launchable for the first time: from the annotation, which outlives a lost status,
// from the status where the annotation could not be written yet, or from the Namespace, which outlives both and also knows
// it of a deleted launch that this one takes over from. An annotation that the operator did not sign for this very app
// counts for nothing: whoever may edit a launch could write one, and a copied manifest brings one along.
func (r *LaunchReadinessReconciler) launchedAt(app *launch.App, around *surroundings) time.Time {
	lr := app.Launch
	at := launchedAt(r.Key, lr)
	notes := around.observed.Notes
	if record, ok := notes.Record(lr.Name); at.IsZero() && ok {
		at = record.LaunchedAt
	}
	if record, ok := notes.Predecessor(lr.Name, gate.Subjects(app), around.observed.Alive); at.IsZero() && ok {
		at = record.LaunchedAt
	}
	return at
}

// launchedAt is what the launch itself tells: its annotation, if the operator signed it, else its status.
func launchedAt(key []byte, lr *v1alpha1.LaunchReadiness) time.Time {
	value := lr.Annotations[v1alpha1.LaunchedAtAnnotation]
	written, _, _ := strings.Cut(value, ",")
	at, err := time.Parse(time.RFC3339, written)
	if err != nil || !hmac.Equal([]byte(value), []byte(signedLaunch(key, lr, at))) {
		return lr.Status.LaunchedAt.Time
	}
	return at
}

// signedLaunch gives the annotation's value for an app and a time: the time, and an HMAC-SHA-256 of it and the app's name.
func signedLaunch(key []byte, lr *v1alpha1.LaunchReadiness, at time.Time) string {
	written := at.UTC().Format(time.RFC3339)
	mac := hmac.New(sha256.New, key)
	mac.Write(fmt.Appendf(nil, "launchready launched-at v1\n%s/%s\n%s", lr.Namespace, lr.Name, written))
	return written + "," + hex.EncodeToString(mac.Sum(nil)[:16])
}

// keepLaunchedAt writes the time of the launch on the object itself, where a lost status can't take it.
func (r *LaunchReadinessReconciler) keepLaunchedAt(ctx context.Context, lr *v1alpha1.LaunchReadiness, at metav1.Time) error {
	if at.IsZero() || lr.Annotations[v1alpha1.LaunchedAtAnnotation] == signedLaunch(r.Key, lr, at.Time) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]any{v1alpha1.LaunchedAtAnnotation: signedLaunch(r.Key, lr, at.Time)},
	}})
	if err != nil {
		return err
	}
	return r.Client.Patch(ctx, lr.DeepCopy(), client.RawPatch(client.Merge.Type(), patch), FieldOwner)
}
