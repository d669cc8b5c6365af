// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe/listener"
)

const (
	// ContainerName is the name of the container in a probe's pod.
	ContainerName = "probe"

	// ManagedByLabel and ManagedBy mark what the operator creates.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of ManagedByLabel.
	ManagedBy = "launchready"
	// LaunchLabel holds LaunchLabelValue of the launch that a Job and its pod belong to.
	LaunchLabel = "launchready.dev/launch"
	// SuiteLabel holds the suite that a Job and its pod run.
	SuiteLabel = "launchready.dev/suite"
	// RevisionAnnotation tells people which revision of the app a Job measures.
	RevisionAnnotation = "launchready.dev/revision"
	// RunAnnotation counts the measurements of the suite.
	RunAnnotation = "launchready.dev/run"
	// AttemptAnnotation counts the Jobs of a measurement.
	AttemptAnnotation = "launchready.dev/attempt"
	// MeshAnnotation is Join on the pod of a probe that joins a service mesh.
	MeshAnnotation = "launchready.dev/mesh"

	// DefaultTTL keeps a finished Job for as long as an operator may be away.
	DefaultTTL = time.Hour
	// StartupAllowance is what a Job gets besides its deadline, to be scheduled and to pull its image. It is longer than
	// DefaultPatience, so that what holds a pod back is told before the Job's deadline removes the pod.
	StartupAllowance = 5 * time.Minute

	// maxNameLength is the length of a DNS label: a Job's name becomes a label of its pod.
	maxNameLength = 63
	// nameHashDigits tell the Jobs of one launch and suite apart.
	nameHashDigits = 8
	// userID of the image, which is nobody's; the group reads the credentials.
	userID = 65532
	// graceSeconds is what the container gets to write down what it has when it is stopped.
	graceSeconds = 5
)

// JobOptions say what a Job is made of.
type JobOptions struct {
	Launch *v1alpha1.LaunchReadiness
	Spec   Spec
	// Image of the operator, and the Secrets to pull it with, which are in the namespace of the launch.
	Image       string
	PullSecrets []v1alpha1.SecretName
	// Mesh is MeshExclude where it is empty: a Job with a sidecar may never end.
	Mesh v1alpha1.Mesh
	// TTL of the finished Job; DefaultTTL where it is 0.
	TTL time.Duration
}

// Job gives the Job that runs a suite once. The same options give the same Job.
func Job(o JobOptions) (*batchv1.Job, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("describing the Job of suite %s: %w", o.Spec.Suite, err)
	}
	pod, err := podTemplate(o)
	if err != nil {
		return nil, fmt.Errorf("describing the Job of suite %s: %w", o.Spec.Suite, err)
	}
	return &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{
			Name:            JobName(o.Spec),
			Namespace:       o.Launch.Namespace,
			Labels:          probeLabels(o.Spec),
			OwnerReferences: ownedBy(o.Launch),
			Annotations: map[string]string{
				RevisionAnnotation: o.Spec.Revision,
				RunAnnotation:      strconv.FormatInt(o.Spec.Run, 10),
				AttemptAnnotation:  strconv.FormatInt(int64(o.Spec.Attempt), 10),
			},
		},
		Spec: batchv1.JobSpec{
			Parallelism:             ptr.To[int32](1),
			Completions:             ptr.To[int32](1),
			BackoffLimit:            ptr.To[int32](0),
			ActiveDeadlineSeconds:   ptr.To(o.Spec.DeadlineSeconds + int64(StartupAllowance/time.Second)),
			TTLSecondsAfterFinished: ptr.To(int32(cmp.Or(o.TTL, DefaultTTL) / time.Second)), //nolint:gosec // validate bounds it.
			// A replacement beside a pod that still ends would be a second attacker.
			PodReplacementPolicy: ptr.To(batchv1.Failed),
			Template:             pod,
		},
	}, nil
}

func (o JobOptions) validate() error {
	switch {
	case o.Launch == nil || o.Launch.UID == "":
		return errors.New("the launch has no uid")
	case o.Spec.Namespace != o.Launch.Namespace || o.Spec.Launch != o.Launch.Name || o.Spec.LaunchUID != string(o.Launch.UID):
		return errors.New("the spec is another launch's")
	case o.Image == "":
		return errors.New("there is no image")
	case o.TTL < 0 || o.TTL > 7*24*time.Hour:
		return fmt.Errorf("a TTL of %s is not between 0 and a week", o.TTL)
	case o.Spec.DeadlineSeconds > 24*60*60:
		return fmt.Errorf("a deadline of %d s is longer than a day", o.Spec.DeadlineSeconds)
	case o.Mesh != "" && o.Mesh != v1alpha1.MeshExclude && o.Mesh != v1alpha1.MeshJoin:
		return fmt.Errorf("mesh %q is neither empty nor Join", o.Mesh)
	}
	seen := map[string]bool{}
	for _, i := range o.Spec.App.Identities {
		if i.Name == "" || i.Name != path.Base(i.Name) || i.Name == "." || i.Name == ".." || seen[i.Name] {
			return fmt.Errorf("identity %q has no name of its own", i.Name)
		}
		seen[i.Name] = true
		if i.CredentialsSecretRef.Name == "" {
			return fmt.Errorf("identity %s has no Secret", i.Name)
		}
	}
	return nil
}

// JobName gives the name of the Job: the same for the same attempt, so that it is created once however often the operator
// is killed.
func JobName(s Spec) string {
	sum := sha256.Sum256(attemptOf(s))
	tail := fmt.Sprintf("-%s-%s", s.Suite, hex.EncodeToString(sum[:])[:nameHashDigits])
	// A dot is allowed in a Job's name, but not in the host name that its pod gets from it.
	return bounded("launchready-probe-"+strings.ReplaceAll(s.Launch, ".", "-"), maxNameLength-len(tail)) + tail
}

// Nonce gives the nonce of a Job: nobody without the operator's key can tell it, and the operator can tell it again.
func Nonce(key []byte, s Spec) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(append([]byte("launchready probe v1\x00"), attemptOf(s)...))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// LaunchLabelValue gives the name of a launch as a label's value, which is shorter than a name may be.
func LaunchLabelValue(launch string) string {
	if len(launch) <= maxNameLength {
		return launch
	}
	sum := sha256.Sum256([]byte(launch))
	tail := "-" + hex.EncodeToString(sum[:])[:nameHashDigits]
	return bounded(launch, maxNameLength-len(tail)) + tail
}

// attemptOf tells an attempt from all others.
func attemptOf(s Spec) []byte {
	parts := []string{string(s.Suite), s.LaunchUID, s.Revision, strconv.FormatInt(s.Run, 10), strconv.FormatInt(int64(s.Attempt), 10)}
	for _, row := range slices.Sorted(maps.Keys(s.InputsHashes)) {
		parts = append(parts, string(row), s.InputsHashes[row])
	}
	var b []byte
	for _, p := range parts {
		// The length in front keeps ("ab", "c") apart from ("a", "bc").
		b = fmt.Appendf(b, "%d:%s", len(p), p)
	}
	return b
}

// bounded cuts a name, so that it does not end in what no name may end in.
func bounded(name string, limit int) string {
	return strings.TrimRight(name[:min(len(name), limit)], "-.")
}

func ownedBy(l *v1alpha1.LaunchReadiness) []metav1.OwnerReference {
	return []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "LaunchReadiness", Name: l.Name, UID: l.UID,
		Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(false),
	}}
}

func probeLabels(s Spec) map[string]string {
	return map[string]string{ManagedByLabel: ManagedBy, LaunchLabel: LaunchLabelValue(s.Launch), SuiteLabel: string(s.Suite)}
}

// podTemplate sets each field that shape compares, also where Kubernetes would default it.
func podTemplate(o JobOptions) (corev1.PodTemplateSpec, error) {
	env, err := o.Spec.Env()
	if err != nil {
		return corev1.PodTemplateSpec{}, err
	}
	volumes, mounts := credentials(o.Spec.App.Identities)
	if name, ok := o.Spec.Suite.CanarySecret(&o.Spec.App); ok {
		volumes = append(volumes, secretVolume("canary", name, corev1.KeyToPath{Key: CanaryKey, Path: CanaryKey}))
		mounts = append(mounts, corev1.VolumeMount{Name: "canary", MountPath: CanaryDir, ReadOnly: true})
	}
	attacks, attackMounts := attackVolumes(o.Spec.Suite.AttackConfigMaps(&o.Spec.App))
	volumes, mounts = append(volumes, attacks...), append(mounts, attackMounts...)
	if ref, ok := o.Spec.Suite.PromptText(&o.Spec.App); ok {
		volumes = append(volumes, secretVolume("prompt", ref.Name, corev1.KeyToPath{Key: ref.Key, Path: PromptKey}))
		mounts = append(mounts, corev1.VolumeMount{Name: "prompt", MountPath: PromptDir, ReadOnly: true})
	}
	for i, sink := range o.Spec.Sinks {
		if ref := sink.Query.CredentialsSecretRef; ref != nil {
			name := fmt.Sprintf("sink-%d", i)
			volumes = append(volumes, secretVolume(name, ref.Name))
			mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: path.Join(SinksDir, sink.Name), ReadOnly: true})
		}
	}
	pullSecrets := make([]corev1.LocalObjectReference, 0, len(o.PullSecrets))
	for _, name := range o.PullSecrets {
		pullSecrets = append(pullSecrets, corev1.LocalObjectReference{Name: string(name)})
	}
	labels, annotations := probeLabels(o.Spec), map[string]string{
		// A probe that is moved starts over, and attacks twice.
		"cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
		"karpenter.sh/do-not-disrupt":                    "true",
	}
	if o.Mesh == v1alpha1.MeshJoin {
		annotations[MeshAnnotation] = string(v1alpha1.MeshJoin)
	} else {
		keepSidecarsOut(labels, annotations)
	}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: annotations},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To[int64](graceSeconds),
			DNSPolicy:                     corev1.DNSClusterFirst,
			ImagePullSecrets:              pullSecrets,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				RunAsUser:      ptr.To[int64](userID),
				RunAsGroup:     ptr.To[int64](userID),
				FSGroup:        ptr.To[int64](userID),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				Sysctls:        hearsNames(o.Spec.Suite),
			},
			Containers: []corev1.Container{{
				Name:                     ContainerName,
				Image:                    o.Image,
				Args:                     []string{"probe"},
				Env:                      append([]corev1.EnvVar{{Name: SpecEnv, Value: env}}, listens(o.Spec.Suite)...),
				VolumeMounts:             mounts,
				TerminationMessagePath:   TerminationMessagePath,
				TerminationMessagePolicy: corev1.TerminationMessageReadFile,
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("128Mi")},
				},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
					ReadOnlyRootFilesystem:   ptr.To(true),
				},
			}},
			Volumes: volumes,
		},
	}, nil
}

// listens tells a probe on which address it hears, where its suite does.
func listens(suite Suite) []corev1.EnvVar {
	if suite != SuiteInjection {
		return nil
	}
	return []corev1.EnvVar{{Name: ListenEnv, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "status.podIP"},
	}}}
}

// hearsNames lets a probe without privileges hear where names are looked up, where its suite does. The sysctl is of the pod's own network,
// safe for every kubelet, and among those that the Pod Security profile restricted allows. The capability NET_BIND_SERVICE would do nothing
// for a user that is not root: Kubernetes gives no ambient ones.
func hearsNames(suite Suite) []corev1.Sysctl {
	if suite != SuiteInjection {
		return nil
	}
	return []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: strconv.Itoa(listener.UsualPort)}}
}

// credentials mounts the Secret of each identity. A value never stands in the environment, where children, crash reports
// and `kubectl describe` would see it.
func credentials(identities []v1alpha1.Identity) ([]corev1.Volume, []corev1.VolumeMount) {
	var volumes []corev1.Volume
	var mounts []corev1.VolumeMount
	for i, identity := range identities {
		// By number: the name of an identity may be as long as that of a volume.
		name := fmt.Sprintf("credentials-%d", i)
		volumes = append(volumes, secretVolume(name, identity.CredentialsSecretRef.Name))
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: path.Join(CredentialsDir, identity.Name), ReadOnly: true})
	}
	return volumes, mounts
}

// secretVolume holds all keys of a Secret, or the given ones.
func secretVolume(name, secret string, keys ...corev1.KeyToPath) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
		SecretName: secret, Items: keys, DefaultMode: ptr.To[int32](0o440),
	}}}
}

// keepSidecarsOut marks a pod as each mesh and injector wants it marked that is to be left alone. Most have had it as an
// annotation once, and now as a label.
func keepSidecarsOut(labels, annotations map[string]string) {
	// https://istio.io/latest/docs/reference/config/labels/ and .../annotations/
	labels["sidecar.istio.io/inject"] = "false"
	annotations["sidecar.istio.io/inject"] = "false"
	labels["istio.io/dataplane-mode"] = "none"
	// https://linkerd.io/2/reference/proxy-configuration/
	annotations["linkerd.io/inject"] = "disabled"
	// https://kuma.io/docs/latest/reference/kubernetes-annotations/
	labels["kuma.io/sidecar-injection"] = "disabled"
	annotations["kuma.io/sidecar-injection"] = "disabled"
	// https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels
	annotations["consul.hashicorp.com/connect-inject"] = "false"
	// https://release-v1-2.docs.openservicemesh.io/docs/guides/app_onboarding/sidecar_injection/
	annotations["openservicemesh.io/sidecar-injection"] = "disabled"
	// https://docs.datadoghq.com/containers/cluster_agent/admission_controller/
	labels["admission.datadoghq.com/enabled"] = "false"
}
