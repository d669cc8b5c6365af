// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// The rules, each a kind of finding of docs/rows/RollbackReady.md.
const (
	ruleHistoryDisabled       = "HistoryDisabled"
	ruleHistoryTooShort       = "HistoryTooShort"
	ruleNoPreviousRevision    = "NoPreviousRevision"
	ruleFirstRevision         = "FirstRevision"
	ruleUndoNeedsRevision     = "UndoNeedsRevision"
	ruleOnlyAnnotationsDiffer = "OnlyAnnotationsDiffer"
	rulePaused                = "Paused"
	ruleReferenceMissing      = "PreviousReferenceMissing"
	ruleKeyMissing            = "PreviousKeyMissing"
	rulePullSecretMissing     = "PreviousPullSecretMissing"
	ruleImageEmpty            = "PreviousImageEmpty"
	ruleMovingTag             = "MovingTag"
	ruleImageNotPinned        = "ImageNotPinned"
	rulePreviousNotPinned     = "PreviousImageNotPinned"
	ruleNoReadiness           = "NoReadinessProbe"
	ruleContainerNoReadiness  = "ContainerWithoutReadinessProbe"
	rulePreviousNoReadiness   = "PreviousWithoutReadinessProbe"
	ruleSingleReplicaReplaced = "SingleReplicaReplaced"
	ruleUpdateInterrupts      = "UpdateInterrupts"
	ruleUpdateOnDelete        = "UpdateOnDelete"
	ruleUpdateHeldByPartition = "UpdateHeldByPartition"
)

// reasonFor gives the reason of a Fail by its worst finding.
func reasonFor(worst v1alpha1.Finding) string {
	switch worst.Rule {
	case ruleHistoryTooShort, ruleNoReadiness, ruleSingleReplicaReplaced:
		return v1alpha1.ReasonRollbackUnsafe
	default:
		return v1alpha1.ReasonRollbackImpossible
	}
}

// place names a field of the workload's own object.
func (s state) place(field string) string { return fmt.Sprintf("%s: %s", s, field) }

// keptAt names a field in the object that keeps a revision.
func (s state) keptAt(r *revision, field string) string {
	return fmt.Sprintf("%s %s/%s: %s", r.kind, s.Namespace, r.name, scorecard.Foreign(field))
}

// target names the workload as kubectl takes it.
func (s state) target() string {
	if s.Ref.Kind == v1alpha1.KindRollout {
		return "rollout.argoproj.io " + s.Ref.Name
	}
	return strings.ToLower(string(s.Ref.Kind)) + " " + s.Ref.Name
}

// patch is the command that sets fields of the workload's spec.
func (s state) patch(spec string) string {
	return fmt.Sprintf("`kubectl -n %s patch %s --type merge -p '{\"spec\":%s}'`", s.Namespace, s.target(), spec)
}

// undo is the command that goes back to a revision, or to the one before for number 0.
func (s state) undo(number int64) string {
	to := ""
	if number > 0 {
		to = fmt.Sprintf(" --to-revision=%d", number)
	}
	if s.Ref.Kind == v1alpha1.KindRollout {
		return fmt.Sprintf("`kubectl argo rollouts -n %s undo %s%s`", s.Namespace, s.Ref.Name, to)
	}
	return fmt.Sprintf("`kubectl -n %s rollout undo %s%s`", s.Namespace, s.target(), to)
}

// resume is the command that lets a paused workload go on.
func (s state) resume() string {
	if s.Ref.Kind == v1alpha1.KindRollout {
		return s.patch(`{"paused":false}`)
	}
	return fmt.Sprintf("`kubectl -n %s rollout resume %s`", s.Namespace, s.target())
}

// objectName gives a name that others wrote as it may stand in a command that somebody copies into a shell.
func objectName(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "NAME"
	}
	return name
}
