// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/launchready/launchready/api/v1alpha1"
)

// restartedAt is what kubectl rollout restart writes into the template, and nothing else.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// history is what is kept of a workload, with its sense.
type history struct {
	// current is the revision that runs, or that is being rolled out.
	current revision
	// previous is the newest other one that is not the same but for a restart; nil where there is none.
	previous *revision
	// restarts says that newer ones lie between the two, which kubectl rollout undo would choose.
	restarts bool
	// whole says that no revision has been dropped: every number from 1 on is accounted for.
	whole bool
	// unreadable is how many others could not be read.
	unreadable int
}

// history finds the revision that runs among those that are kept, and the one to go back to. Without the first, what
// is said of the second would mean nothing.
func (s state) history(kept []revision) (history, error) {
	at := -1
	for i, r := range kept {
		if r.number > 0 && s.runs(r) {
			at = i
			break
		}
	}
	switch {
	case at < 0 && s.paused:
		return history{}, &unmeasuredError{
			fault: v1alpha1.FaultApp, reason: v1alpha1.ReasonNoPositiveControl,
			message: fmt.Sprintf("%s is paused with a change that is not rolled out, so the revision to go back from is not there yet. Resume it: %s", s, s.resume()),
		}
	case at < 0:
		return history{}, lagging("The revision of %s that runs was not found among those that are kept, so the search for an older one would prove nothing; it is measured again.", s)
	}
	h := history{current: kept[at], whole: isWhole(kept)}
	for i, r := range kept {
		switch {
		case i == at:
		case r.template == nil:
			h.unreadable++
		case isRestart(r.template, h.current.template):
			h.restarts = true
		default:
			h.previous = &kept[i]
			return h, nil
		}
	}
	return h, nil
}

// runs says whether a revision is the one that the workload asks for, as its controller decides it.
func (s state) runs(r revision) bool {
	switch s.Ref.Kind {
	case v1alpha1.KindStatefulSet:
		return r.template != nil && r.name == s.updateRevision
	case v1alpha1.KindRollout:
		return s.podHash != "" && r.podHash == s.podHash
	default:
		// Deployments and DaemonSets compare templates (deployment/util, FindNewReplicaSet; daemon, Match).
		return r.template != nil && equality.Semantic.DeepEqual(bare(r.template), bare(&s.Template))
	}
}

// first says that the workload has never had another revision than the one that runs.
func (h history) first() bool { return h.previous == nil && h.whole && h.unreadable == 0 }

// tell says what was found, for the control.
func (h history) tell(s state) string {
	if h.previous == nil {
		return fmt.Sprintf("%s runs revision %d", s, h.current.number)
	}
	return fmt.Sprintf("%s runs revision %d and can go back to %d, kept by %s %s", s, h.current.number, h.previous.number, h.previous.kind, h.previous.name)
}

// isWhole says whether every number from 1 to the newest is, or was, the number of one that is kept. A ReplicaSet lists
// the numbers that it had before it was rolled back to; a ControllerRevision does not.
func isWhole(kept []revision) bool {
	numbers := map[int64]bool{}
	newest := int64(0)
	for _, r := range kept {
		for _, n := range append([]int64{r.number}, r.earlier...) {
			if n > 0 {
				numbers[n] = true
				newest = max(newest, n)
			}
		}
	}
	return int64(len(numbers)) == newest
}

// bare gives a template without the labels that a controller adds to tell its ReplicaSets apart.
func bare(t *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	c := t.DeepCopy()
	delete(c.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	delete(c.Labels, rolloutHash)
	return c
}

// isRestart says whether two templates are the same but for a restart.
func isRestart(a, b *corev1.PodTemplateSpec) bool {
	x, y := bare(a), bare(b)
	delete(x.Annotations, restartedAt)
	delete(y.Annotations, restartedAt)
	return equality.Semantic.DeepEqual(x, y)
}

// differInAnnotations says whether two templates are the same but for their annotations.
func differInAnnotations(a, b *corev1.PodTemplateSpec) bool {
	x, y := bare(a), bare(b)
	x.Annotations, y.Annotations = nil, nil
	return equality.Semantic.DeepEqual(x, y)
}
