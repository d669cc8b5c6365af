// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/scorecard"
)

// ownAttacks are the attacks that a team has written for a suite, as one pass has read them.
type ownAttacks struct {
	// kind is what is known of the suite with them; without them where anything is wrong.
	kind probe.Kind
	// hash tells what was read from anything else; empty where the launch names none, and where anything is wrong.
	hash string
	// wrong says what is wrong with them and what to write; empty where nothing is.
	wrong string
}

// ownAttacks reads the ConfigMaps with the team's own attacks, by get, as they are now.
func (r *LaunchReadinessReconciler) ownAttacks(ctx context.Context, app *launch.App, suite probe.Suite, kind probe.Kind) (ownAttacks, error) {
	names := suite.AttackConfigMaps(app.Launch.Spec.App)
	if len(names) == 0 || kind.Own == nil {
		return ownAttacks{kind: kind}, nil
	}
	ns := app.Launch.Namespace
	var files []probe.AttackFile
	for _, name := range names {
		var m corev1.ConfigMap
		err := r.Resolver.Live.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, &m)
		switch {
		case apierrors.IsNotFound(err):
			return refusedAttacks(kind, fmt.Sprintf(
				"ConfigMap %s/%s of spec.app.chat.attacks does not exist. Create it, or take it out of spec.app.chat.attacks.configMapRefs.", ns, name)), nil
		case apierrors.IsForbidden(err):
			return refusedAttacks(kind, fmt.Sprintf(
				"The operator may not read ConfigMap %s/%s of spec.app.chat.attacks: grant it get on configmaps there.", ns, name)), nil
		case err != nil:
			return ownAttacks{}, fmt.Errorf("reading ConfigMap %s/%s: %w", ns, name, err)
		}
		more, err := probe.AttackFiles(&m)
		if err != nil {
			return refusedAttacks(kind, toldMistakes(err)), nil
		}
		files = append(files, more...)
	}
	with, err := kind.Own(files)
	if err != nil {
		return refusedAttacks(kind, toldMistakes(err)), nil
	}
	return ownAttacks{kind: with, hash: probe.HashAttacks(files)}, nil
}

// refusedAttacks are attacks with which no run is made. They have no hash, which tells them from all that a verdict was given on.
func refusedAttacks(kind probe.Kind, wrong string) ownAttacks {
	return ownAttacks{kind: kind, wrong: wrong}
}

// toldMistakes gives the first mistake, and says that there are more.
func toldMistakes(err error) string {
	mistakes := strings.Split(err.Error(), "\n")
	text := mistakes[0] + "."
	if n := len(mistakes) - 1; n > 0 {
		text += fmt.Sprintf(" There are %d more mistakes: launchready attacks lint tells each.", n)
	}
	return scorecard.Bounded(text)
}
