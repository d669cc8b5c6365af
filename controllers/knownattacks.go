// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/scorecard"
)

// maxKnownAttacks is the MaxItems of status.knownAttacks.
const maxKnownAttacks = 64

// withFailures adds the attacks that have succeeded in a run. Where there are too many, those go that have not for the longest time.
func withFailures(known []v1alpha1.KnownAttack, outcomes []scorecard.Outcome, at metav1.Time) []v1alpha1.KnownAttack {
	all := slices.Clone(known)
	counted := map[probe.KnownAttack]bool{}
	for _, o := range outcomes {
		for _, finding := range o.Findings {
			f := finding.API()
			attack, ok := probe.NewKnownAttack(o.Row, f.Rule, f.Place)
			if !ok || o.Verdict != v1alpha1.VerdictFail || f.Severity == v1alpha1.SeverityLow || counted[attack] {
				continue
			}
			counted[attack] = true
			i := slices.IndexFunc(all, func(k v1alpha1.KnownAttack) bool { return attackOf(k) == attack })
			if i < 0 {
				all = append(all, v1alpha1.KnownAttack{Row: o.Row, Rule: f.Rule, Request: attack.Request})
				i = len(all) - 1
			}
			all[i].Failures++
			all[i].LastFailedAt = at
		}
	}
	slices.SortFunc(all, func(a, b v1alpha1.KnownAttack) int {
		return cmp.Or(-a.LastFailedAt.Compare(b.LastFailedAt.Time), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Request, b.Request))
	})
	return all[:min(len(all), maxKnownAttacks)]
}

func attackOf(k v1alpha1.KnownAttack) probe.KnownAttack {
	return probe.KnownAttack{Row: k.Row, Rule: k.Rule, Request: k.Request}
}

// knownTo gives the attacks that a suite has to try again.
func knownTo(suite probe.Suite, known []v1alpha1.KnownAttack) []probe.KnownAttack {
	var list []probe.KnownAttack
	for _, k := range known {
		if slices.Contains(suite.Rows(), k.Row) {
			list = append(list, attackOf(k))
		}
	}
	return list
}
