// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// ReferenceKind is the kind of object that a pod template refers to.
type ReferenceKind string

const (
	// SecretReference is a reference to a Secret.
	SecretReference ReferenceKind = "Secret"
	// ConfigMapReference is a reference to a ConfigMap.
	ConfigMapReference ReferenceKind = "ConfigMap"
)

// Reference is one place in a pod template that takes data from a Secret or a ConfigMap.
type Reference struct {
	Kind ReferenceKind
	Name string
	// Key is the one key that is taken; empty where the whole object is.
	Key string
	// Optional references may lead to nothing: the kubelet starts the pod all the same.
	Optional bool
	// Driver references are read by the kubelet or a storage driver (imagePullSecrets, storage credentials), not by
	// the app; their keys are the driver's business.
	Driver bool
	// Place is the field, such as containers[web].env[TOKEN].
	Place string
}

// NamedContainer is a container of any kind, with the field that holds it.
type NamedContainer struct {
	// Place is the field, such as containers[web] or initContainers[migrate].
	Place string
	corev1.Container
}

// Containers are those of a pod, of every kind: init and sidecar, ordinary, ephemeral.
func Containers(spec *corev1.PodSpec) []NamedContainer {
	var all []NamedContainer
	for _, c := range spec.InitContainers {
		all = append(all, NamedContainer{Place: fmt.Sprintf("initContainers[%s]", c.Name), Container: c})
	}
	for _, c := range spec.Containers {
		all = append(all, NamedContainer{Place: fmt.Sprintf("containers[%s]", c.Name), Container: c})
	}
	for _, c := range spec.EphemeralContainers {
		all = append(all, NamedContainer{
			Place:     fmt.Sprintf("ephemeralContainers[%s]", c.Name),
			Container: corev1.Container(c.EphemeralContainerCommon),
		})
	}
	return all
}

// References are all places in a pod that take data from Secrets and ConfigMaps, in the order of the pod's fields.
func References(spec *corev1.PodSpec) []Reference {
	var refs []Reference
	for _, s := range spec.ImagePullSecrets {
		// A missing imagePullSecret does not keep the kubelet from trying, and the pull fails only where the registry asks.
		refs = append(refs, Reference{Kind: SecretReference, Name: s.Name, Driver: true, Place: fmt.Sprintf("imagePullSecrets[%s]", s.Name)})
	}
	for _, c := range Containers(spec) {
		refs = append(refs, containerReferences(c)...)
	}
	for _, v := range spec.Volumes {
		refs = append(refs, volumeReferences(v)...)
	}
	return refs
}

func containerReferences(c NamedContainer) []Reference {
	var refs []Reference
	for i, from := range c.EnvFrom {
		place := fmt.Sprintf("%s.envFrom[%d]", c.Place, i)
		if s := from.SecretRef; s != nil {
			refs = append(refs, Reference{Kind: SecretReference, Name: s.Name, Optional: isTrue(s.Optional), Place: place})
		}
		if m := from.ConfigMapRef; m != nil {
			refs = append(refs, Reference{Kind: ConfigMapReference, Name: m.Name, Optional: isTrue(m.Optional), Place: place})
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom == nil {
			continue
		}
		place := fmt.Sprintf("%s.env[%s]", c.Place, e.Name)
		if s := e.ValueFrom.SecretKeyRef; s != nil {
			refs = append(refs, Reference{Kind: SecretReference, Name: s.Name, Key: s.Key, Optional: isTrue(s.Optional), Place: place})
		}
		if m := e.ValueFrom.ConfigMapKeyRef; m != nil {
			refs = append(refs, Reference{Kind: ConfigMapReference, Name: m.Name, Key: m.Key, Optional: isTrue(m.Optional), Place: place})
		}
	}
	return refs
}

func volumeReferences(v corev1.Volume) []Reference {
	place := fmt.Sprintf("volumes[%s]", v.Name)
	var refs []Reference
	if s := v.Secret; s != nil {
		refs = append(refs, keyed(Reference{Kind: SecretReference, Name: s.SecretName, Optional: isTrue(s.Optional), Place: place + ".secret"}, s.Items)...)
	}
	if m := v.ConfigMap; m != nil {
		refs = append(refs, keyed(Reference{Kind: ConfigMapReference, Name: m.Name, Optional: isTrue(m.Optional), Place: place + ".configMap"}, m.Items)...)
	}
	if p := v.Projected; p != nil {
		refs = append(refs, projectedReferences(place, p)...)
	}
	for _, name := range driverSecrets(v.VolumeSource) {
		refs = append(refs, Reference{Kind: SecretReference, Name: name, Driver: true, Place: place})
	}
	return refs
}

func projectedReferences(place string, p *corev1.ProjectedVolumeSource) []Reference {
	var refs []Reference
	for i, source := range p.Sources {
		at := fmt.Sprintf("%s.projected.sources[%d]", place, i)
		if s := source.Secret; s != nil {
			refs = append(refs, keyed(Reference{Kind: SecretReference, Name: s.Name, Optional: isTrue(s.Optional), Place: at}, s.Items)...)
		}
		if m := source.ConfigMap; m != nil {
			refs = append(refs, keyed(Reference{Kind: ConfigMapReference, Name: m.Name, Optional: isTrue(m.Optional), Place: at}, m.Items)...)
		}
	}
	return refs
}

// keyed gives one reference a key where a volume lists items, else the reference to the whole object.
func keyed(whole Reference, items []corev1.KeyToPath) []Reference {
	if len(items) == 0 {
		return []Reference{whole}
	}
	refs := make([]Reference, 0, len(items))
	for _, item := range items {
		one := whole
		one.Key = item.Key
		one.Place = fmt.Sprintf("%s.items[%s]", whole.Place, item.Key)
		refs = append(refs, one)
	}
	return refs
}

// driverSecrets are the Secrets of the same namespace that a storage driver reads to mount the volume.
func driverSecrets(v corev1.VolumeSource) []string {
	var names []string
	local := func(ref *corev1.LocalObjectReference) {
		if ref != nil && ref.Name != "" {
			names = append(names, ref.Name)
		}
	}
	if v.CSI != nil {
		local(v.CSI.NodePublishSecretRef)
	}
	if v.AzureFile != nil {
		local(&corev1.LocalObjectReference{Name: v.AzureFile.SecretName})
	}
	if v.CephFS != nil {
		local(v.CephFS.SecretRef)
	}
	if v.Cinder != nil {
		local(v.Cinder.SecretRef)
	}
	if v.FlexVolume != nil {
		local(v.FlexVolume.SecretRef)
	}
	if v.ISCSI != nil {
		local(v.ISCSI.SecretRef)
	}
	if v.RBD != nil {
		local(v.RBD.SecretRef)
	}
	if v.ScaleIO != nil {
		local(v.ScaleIO.SecretRef)
	}
	if v.StorageOS != nil {
		local(v.StorageOS.SecretRef)
	}
	return names
}

func isTrue(b *bool) bool { return b != nil && *b }
