// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// aspect is one thing about a pod that decides what runs in it or what it can reach.
type aspect struct {
	name  string
	value any
}

// SameSpec says whether a pod is what the wanted Job would make: nil, or which fields differ. It compares what decides what
// runs and what it can reach, and nothing that the API server, the scheduler or a default adds in a sound cluster:
// tolerations, priority, the node, the pull policy and secrets, further resources. With MeshJoin more containers and volumes
// may stand beside ours.
func SameSpec(want *batchv1.Job, pod *corev1.Pod) error {
	return sameSpec(want.Spec.Template, pod.Spec)
}

// SameJob says whether a Job that is there already, by the name of the wanted one, is the wanted one: nil, or what differs.
func SameJob(want, job *batchv1.Job) error {
	owner, owned := metav1.GetControllerOfNoCopy(want), metav1.GetControllerOfNoCopy(job)
	if owner == nil || owned == nil || owner.UID != owned.UID {
		return errors.New("other than created: metadata.ownerReferences")
	}
	type limits struct {
		Parallelism, Completions, BackoffLimit *int32
		ActiveDeadlineSeconds                  *int64
		PodReplacementPolicy                   *batchv1.PodReplacementPolicy
		ManagedBy                              *string
		PodFailurePolicy                       *batchv1.PodFailurePolicy
		SuccessPolicy                          *batchv1.SuccessPolicy
	}
	of := func(s batchv1.JobSpec) limits {
		return limits{
			s.Parallelism, s.Completions, s.BackoffLimit, s.ActiveDeadlineSeconds, s.PodReplacementPolicy, s.ManagedBy,
			s.PodFailurePolicy, s.SuccessPolicy,
		}
	}
	if !alike(of(want.Spec), of(job.Spec)) {
		return errors.New("other than created: limits of the Job")
	}
	for _, l := range []string{ManagedByLabel, LaunchLabel, SuiteLabel} {
		if job.Labels[l] != want.Labels[l] || job.Spec.Template.Labels[l] != want.Spec.Template.Labels[l] {
			return fmt.Errorf("other than created: label %s", l)
		}
	}
	return sameSpec(want.Spec.Template, job.Spec.Template.Spec)
}

func sameSpec(want corev1.PodTemplateSpec, spec corev1.PodSpec) error {
	joined := want.Annotations[MeshAnnotation] == string(v1alpha1.MeshJoin)
	var differ []string
	if names := namesBeside(want.Spec, spec, joined); names != "" {
		differ = append(differ, names)
	}
	ours, theirs := container(want.Spec), container(spec)
	if ours == nil || theirs == nil {
		return fmt.Errorf("other than created: there is no container %s", ContainerName)
	}
	wanted, found := shape(want.Spec, *ours), shape(spec, *theirs)
	for i, a := range wanted {
		if !alike(a.value, found[i].value) {
			differ = append(differ, a.name)
		}
	}
	if !alike(volumes(want.Spec, want.Spec, joined), volumes(want.Spec, spec, joined)) {
		differ = append(differ, "volumes")
	}
	if len(differ) == 0 {
		return nil
	}
	return fmt.Errorf("other than created: %s", strings.Join(differ, ", "))
}

// shape gives the aspects of a pod and of our container in it, in a fixed order.
func shape(s corev1.PodSpec, c corev1.Container) []aspect {
	security := s.SecurityContext.DeepCopy()
	if security != nil {
		// OpenShift gives each namespace its own level.
		security.SELinuxOptions = nil
	}
	resources := func(l corev1.ResourceList) [2]string {
		return [2]string{l.Cpu().String(), l.Memory().String()}
	}
	return []aspect{
		{"hostNetwork, hostPID or hostIPC", [3]bool{s.HostNetwork, s.HostPID, s.HostIPC}},
		{"shareProcessNamespace", s.ShareProcessNamespace != nil && *s.ShareProcessNamespace},
		{"hostAliases", s.HostAliases},
		{"dnsPolicy", s.DNSPolicy},
		{"dnsConfig", s.DNSConfig},
		{"restartPolicy", s.RestartPolicy},
		{"terminationGracePeriodSeconds", s.TerminationGracePeriodSeconds},
		{"automountServiceAccountToken", s.AutomountServiceAccountToken},
		{"enableServiceLinks", s.EnableServiceLinks},
		{"securityContext", security},
		{"ephemeralContainers", len(s.EphemeralContainers)},
		{"containers[probe].image", c.Image},
		{"containers[probe].command", c.Command},
		{"containers[probe].args", c.Args},
		{"containers[probe].workingDir", c.WorkingDir},
		{"containers[probe].env", c.Env},
		{"containers[probe].envFrom", c.EnvFrom},
		{"containers[probe].volumeMounts", c.VolumeMounts},
		{"containers[probe].volumeDevices", c.VolumeDevices},
		{"containers[probe].lifecycle", c.Lifecycle},
		{"containers[probe] has a health check", []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe}},
		{"containers[probe].restartPolicy", c.RestartPolicy},
		{"containers[probe].terminationMessagePath", c.TerminationMessagePath},
		{"containers[probe].terminationMessagePolicy", c.TerminationMessagePolicy},
		{"containers[probe].securityContext", c.SecurityContext},
		{"containers[probe].resources", [2][2]string{resources(c.Resources.Requests), resources(c.Resources.Limits)}},
		{"containers[probe].stdin or tty", [2]bool{c.Stdin, c.TTY}},
	}
}

// namesBeside names the containers that stand beside those wanted.
func namesBeside(want, spec corev1.PodSpec, joined bool) string {
	if joined {
		return ""
	}
	var more []string
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if !slices.ContainsFunc(want.Containers, func(w corev1.Container) bool { return w.Name == c.Name }) {
			more = append(more, c.Name)
		}
	}
	switch {
	case len(more) > 0:
		return fmt.Sprintf("containers (%s was added)", scorecard.Foreign(strings.Join(more, ", ")))
	case len(spec.Containers) != len(want.Containers) || len(spec.InitContainers) > 0:
		return "containers"
	}
	return ""
}

// volumes gives those of a pod, less what a mesh may have added to those wanted.
func volumes(want, spec corev1.PodSpec, joined bool) []corev1.Volume {
	if !joined {
		return spec.Volumes
	}
	return slices.DeleteFunc(slices.Clone(spec.Volumes), func(v corev1.Volume) bool {
		return !slices.ContainsFunc(want.Volumes, func(w corev1.Volume) bool { return w.Name == v.Name })
	})
}

func container(s corev1.PodSpec) *corev1.Container {
	i := slices.IndexFunc(s.Containers, func(c corev1.Container) bool { return c.Name == ContainerName })
	if i < 0 {
		return nil
	}
	return &s.Containers[i]
}

// alike compares by what would go over the wire, where an empty list and none are one.
func alike(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	if errX != nil || errY != nil {
		return false
	}
	empty := func(d []byte) []byte {
		if string(d) == "[]" || string(d) == "{}" {
			return []byte("null")
		}
		return d
	}
	return bytes.Equal(empty(x), empty(y))
}
