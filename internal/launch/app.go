// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/launchready/launchready/api/v1alpha1"
)

// App is one launch, resolved. Checks read it side by side, so nobody changes it.
type App struct {
	// Launch is the resource as it was read.
	Launch *v1alpha1.LaunchReadiness
	// Policies are in force, by name; Policy is what they demand together, with nothing left out.
	Policies []v1alpha1.PolicyInForce
	Policy   v1alpha1.LaunchPolicySpec
	// Waivers of this launch, in force or not.
	Waivers []v1alpha1.LaunchWaiver
	// Workloads are those of the spec, in its order.
	Workloads []Workload
	// Revision is the identity of what runs.
	Revision Revision
}

// Workload is one part of the app, read from the object that runs it.
type Workload struct {
	// Name is the entry's name in spec.workloads.
	Name string
	Ref  v1alpha1.WorkloadReference
	// UID of the object, by which its children know it.
	UID       types.UID
	Namespace string
	// Annotations of the object itself, which the pods do not get.
	Annotations map[string]string
	Template    corev1.PodTemplateSpec
	// TemplateFrom is the Deployment that a Rollout takes its template from (spec.workloadRef); empty where it has its own.
	TemplateFrom string
	Selector     *metav1.LabelSelector
	// Replicas wanted; 1 where the object does not say, and 0 for a DaemonSet on no node.
	Replicas int32
	// RevisionHistoryLimit as the API server defaults it (10 for apps/v1).
	RevisionHistoryLimit int32
	// Strategy of the update: Recreate, RollingUpdate, OnDelete, or for a Rollout Canary or BlueGreen.
	Strategy string
}

// String names the object as messages do.
func (w Workload) String() string {
	return fmt.Sprintf("%s %s/%s", w.Ref.Kind, w.Namespace, w.Ref.Name)
}

// Revision is the identity of what runs.
type Revision struct {
	// Hash is over everything: templates with images as digests, data of referenced ConfigMaps, resourceVersions of
	// referenced Secrets. 16 hexadecimal digits.
	Hash string
	// Configuration is the same without the digests, known before any pod runs.
	Configuration string
	// Images are the digests, sorted; complete only if Resolved.
	Images []string
	// Resolved says that the digest of every image is known. A tag without its digest is never verified.
	Resolved bool
}
