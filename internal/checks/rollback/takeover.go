// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// takesOver looks at how the pods of one revision give way to those of another.
func (m *measurement) takesOver(s state) {
	m.cases++
	switch s.Ref.Kind {
	case v1alpha1.KindDeployment:
		m.deploymentTakesOver(s)
	case v1alpha1.KindStatefulSet:
		m.statefulSetTakesOver(s)
	case v1alpha1.KindDaemonSet:
		m.onDelete(s)
	case v1alpha1.KindRollout:
		// Canary and blue-green bring up the successor first.
	}
}

// deploymentTakesOver: with Recreate, or a rolling update that may take away all pods, nobody is served between the
// end of the old pods and the readiness of the new ones. One replica fails the row; with more, capacity and data
// usually are the reason, and the interruption is told.
func (m *measurement) deploymentTakesOver(s state) {
	recreate := s.Strategy == string(appsv1.RecreateDeploymentStrategyType)
	all := s.Replicas > 0 && s.unavailable >= int(s.Replicas)
	if !recreate && !all {
		return
	}
	d := scorecard.Draft{
		Rule: ruleUpdateInterrupts, Severity: v1alpha1.SeverityLow, Place: s.place("spec.strategy"),
		Message: "All pods are taken away before the new ones are ready, so going back interrupts the service.",
		Remedy:  "Let the new pods come up first: " + s.patch(`{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":0,"maxSurge":1}}}`),
	}
	if s.Replicas == 1 {
		d.Rule, d.Severity = ruleSingleReplicaReplaced, v1alpha1.SeverityMedium
		d.Message = "The one pod is taken away before the new one is ready, so going back interrupts the service, for good if the new one does not start."
		d.Remedy += " If a volume that only one pod may mount stands in the way, a StatefulSet, or ReadWriteMany storage, is the way out."
	}
	m.add(d)
}

func (m *measurement) statefulSetTakesOver(s state) {
	m.onDelete(s)
	if s.partition > 0 && s.Strategy != string(appsv1.OnDeleteStatefulSetStrategyType) {
		m.add(scorecard.Draft{
			Rule: ruleUpdateHeldByPartition, Severity: v1alpha1.SeverityLow, Place: s.place("spec.updateStrategy.rollingUpdate.partition"),
			Message: fmt.Sprintf("Pods with an ordinal below %d keep their revision, so going back does not reach them.", s.partition),
			Remedy:  "When a rollout is through, or when you go back: " + s.patch(`{"updateStrategy":{"rollingUpdate":{"partition":0}}}`),
		})
	}
	if s.Replicas == 1 {
		m.add(scorecard.Draft{
			Rule: ruleUpdateInterrupts, Severity: v1alpha1.SeverityLow, Place: s.place("spec.replicas"),
			Message: "A StatefulSet takes a pod away before its successor comes, and there is one pod, so going back interrupts the service.",
			Remedy:  "If the app can run as several: " + s.patch(`{"replicas":2}`),
		})
	}
}

// onDelete: the way back is there, but it does not begin by itself.
func (m *measurement) onDelete(s state) {
	if s.Strategy != string(appsv1.OnDeleteStatefulSetStrategyType) {
		return
	}
	m.add(scorecard.Draft{
		Rule: ruleUpdateOnDelete, Severity: v1alpha1.SeverityLow, Place: s.place("spec.updateStrategy.type"),
		Message: "Pods take another revision only when somebody deletes them: after going back, those that run stay as they are.",
		Remedy:  fmt.Sprintf("Write into the runbook to delete the pods after %s, or: %s", s.undo(0), s.patch(`{"updateStrategy":{"type":"RollingUpdate"}}`)),
	})
}
