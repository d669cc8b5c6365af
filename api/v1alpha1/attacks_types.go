// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Attacks are a team's own, besides those that are built in.
type Attacks struct {
	// configMapRefs name ConfigMaps of the same namespace. Each key that ends in .yaml is a file of attacks, as docs/attacks.md
	// describes it; other keys are left alone. Together they hold at most 1,000 attacks in 1 MiB.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	ConfigMapRefs []ConfigMapReference `json:"configMapRefs,omitempty"`
}

// ConfigMapReference names a ConfigMap of the same namespace.
type ConfigMapReference struct {
	// name of the ConfigMap.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a ConfigMap: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`
}
