// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
)

// Annotations and labels by which controllers number and tell apart the ReplicaSets of their workloads.
const (
	deploymentRevision = "deployment.kubernetes.io/revision"
	// deploymentHistory lists, comma-separated, the numbers that a ReplicaSet had before it was rolled back to.
	deploymentHistory = "deployment.kubernetes.io/revision-history"
	rolloutRevision   = "rollout.argoproj.io/revision"
	rolloutHistory    = "rollout.argoproj.io/revision-history"
	rolloutHash       = "rollouts-pod-template-hash"
)

// revision is one that is kept of a workload: a ReplicaSet or a ControllerRevision.
type revision struct {
	// number is 0 where the controller has given none.
	number int64
	// earlier are the numbers that it had before it was rolled back to.
	earlier []int64
	// kind and name of the object that keeps it.
	kind, name string
	// podHash is the label by which a Rollout knows its own ReplicaSet.
	podHash string
	// template is nil where the object's data can't be read as one.
	template *corev1.PodTemplateSpec
}

// revisions gives the revisions that are kept of a workload, the newest first. Those that are being deleted are gone
// already.
func (m *measurement) revisions(ctx context.Context, w launch.Workload) ([]revision, error) {
	selector := labels.Everything()
	if w.Selector != nil {
		var err error
		if selector, err = metav1.LabelSelectorAsSelector(w.Selector); err != nil {
			return nil, &unmeasuredError{fault: v1alpha1.FaultApp, reason: v1alpha1.ReasonWorkloadInvalid, message: fmt.Sprintf("The selector of %s can't be read: correct it.", w)}
		}
	}
	// The controllers look for their own among what the selector matches, and release what it does not.
	opts := []client.ListOption{client.InNamespace(w.Namespace), client.MatchingLabelsSelector{Selector: selector}}
	var all []revision
	var err error
	switch w.Ref.Kind {
	case v1alpha1.KindStatefulSet, v1alpha1.KindDaemonSet:
		all, err = m.controllerRevisions(ctx, w, opts)
	default:
		all, err = m.replicaSets(ctx, w, opts)
	}
	slices.SortFunc(all, func(a, b revision) int {
		return cmp.Or(cmp.Compare(b.number, a.number), cmp.Compare(a.name, b.name))
	})
	return all, err
}

func (m *measurement) replicaSets(ctx context.Context, w launch.Workload, opts []client.ListOption) ([]revision, error) {
	number, history := deploymentRevision, deploymentHistory
	if w.Ref.Kind == v1alpha1.KindRollout {
		number, history = rolloutRevision, rolloutHistory
	}
	var list appsv1.ReplicaSetList
	if err := m.cached.List(ctx, &list, opts...); err != nil {
		return nil, access{verb: "list", group: appsv1.GroupName, resource: "replicasets", what: "the revisions of " + w.String()}.failed(err)
	}
	var kept []revision
	for i := range list.Items {
		rs := &list.Items[i]
		if !ownedBy(rs, w) {
			continue
		}
		r := revision{kind: "ReplicaSet", name: rs.Name, podHash: rs.Labels[rolloutHash], template: &rs.Spec.Template}
		r.number, _ = strconv.ParseInt(rs.Annotations[number], 10, 64)
		for _, text := range strings.Split(rs.Annotations[history], ",") {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				r.earlier = append(r.earlier, n)
			}
		}
		kept = append(kept, r)
	}
	return kept, nil
}

func (m *measurement) controllerRevisions(ctx context.Context, w launch.Workload, opts []client.ListOption) ([]revision, error) {
	var list appsv1.ControllerRevisionList
	if err := m.cached.List(ctx, &list, opts...); err != nil {
		return nil, access{verb: "list", group: appsv1.GroupName, resource: "controllerrevisions", what: "the revisions of " + w.String()}.failed(err)
	}
	var kept []revision
	for i := range list.Items {
		cr := &list.Items[i]
		if !ownedBy(cr, w) {
			continue
		}
		r := revision{kind: "ControllerRevision", name: cr.Name, number: cr.Revision}
		// What can't be read can't be applied either: it is kept as a revision without a template.
		r.template, _ = parseTemplate(cr.Data.Raw)
		kept = append(kept, r)
	}
	return kept, nil
}

func ownedBy(o metav1.Object, w launch.Workload) bool {
	owner := metav1.GetControllerOf(o)
	return owner != nil && owner.UID == w.UID && o.GetDeletionTimestamp().IsZero()
}

// parseTemplate reads the data of a ControllerRevision: a strategic merge patch that replaces spec.template
// (k8s.io/kubernetes, pkg/controller/statefulset and pkg/controller/daemon, getPatch).
func parseTemplate(data []byte) (*corev1.PodTemplateSpec, error) {
	var patch struct {
		Spec struct {
			Template *corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &patch); err != nil {
		return nil, fmt.Errorf("reading a ControllerRevision: %w", err)
	}
	if patch.Spec.Template == nil || len(patch.Spec.Template.Spec.Containers) == 0 {
		return nil, errors.New("reading a ControllerRevision: it holds no pod template with containers")
	}
	return patch.Spec.Template, nil
}
