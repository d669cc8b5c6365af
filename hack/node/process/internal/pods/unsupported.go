// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// reasonUnsupported is that of a pod's status where the node would run another pod than was asked for.
const reasonUnsupported = "ProcessNodeUnsupported"

// unsupported names the first field of a pod that this node does not do; empty if there is none.
func unsupported(s corev1.PodSpec) string {
	for _, f := range []struct {
		field string
		used  bool
	}{
		{"spec.initContainers", len(s.InitContainers) > 0},
		{"spec.ephemeralContainers", len(s.EphemeralContainers) > 0},
		{"spec.hostNetwork", s.HostNetwork},
		{"spec.hostPID", s.HostPID},
		{"spec.hostIPC", s.HostIPC},
		{"spec.shareProcessNamespace", isTrue(s.ShareProcessNamespace)},
		{"spec.hostAliases", len(s.HostAliases) > 0},
		{"spec.dnsConfig", s.DNSConfig != nil},
		{"spec.dnsPolicy", s.DNSPolicy != corev1.DNSClusterFirst && s.DNSPolicy != corev1.DNSClusterFirstWithHostNet},
		{"spec.readinessGates", len(s.ReadinessGates) > 0},
		{"spec.resourceClaims", len(s.ResourceClaims) > 0},
		{"spec.runtimeClassName", s.RuntimeClassName != nil},
		{"spec.setHostnameAsFQDN", isTrue(s.SetHostnameAsFQDN)},
	} {
		if f.used {
			return f.field
		}
	}
	for _, v := range s.Volumes {
		if v.EmptyDir == nil && v.Secret == nil && v.ConfigMap == nil && v.DownwardAPI == nil && v.Projected == nil {
			return fmt.Sprintf("spec.volumes[%s]", v.Name)
		}
	}
	for _, c := range s.Containers {
		if field := unsupportedContainer(c); field != "" {
			return fmt.Sprintf("spec.containers[%s].%s", c.Name, field)
		}
	}
	return ""
}

func unsupportedContainer(c corev1.Container) string {
	if s := c.SecurityContext; s != nil {
		switch {
		case isTrue(s.Privileged):
			return "securityContext.privileged"
		case s.Capabilities != nil && len(s.Capabilities.Add) > 0:
			return "securityContext.capabilities.add"
		}
	}
	switch {
	case c.Lifecycle != nil:
		return "lifecycle"
	case len(c.VolumeDevices) > 0:
		return "volumeDevices"
	case c.Stdin || c.TTY:
		return "stdin"
	case c.RestartPolicy != nil:
		return "restartPolicy"
	}
	for field, probe := range map[string]*corev1.Probe{"livenessProbe": c.LivenessProbe, "readinessProbe": c.ReadinessProbe, "startupProbe": c.StartupProbe} {
		if probe != nil && probe.HTTPGet == nil && probe.TCPSocket == nil {
			return field
		}
	}
	return unsupportedItem(c)
}

// unsupportedItem looks at what a container has a list of.
func unsupportedItem(c corev1.Container) string {
	for _, m := range c.VolumeMounts {
		if m.SubPath != "" || m.SubPathExpr != "" {
			return fmt.Sprintf("volumeMounts[%s].subPath", m.MountPath)
		}
	}
	for _, port := range c.Ports {
		if port.HostPort != 0 {
			return "ports.hostPort"
		}
	}
	for _, e := range c.Env {
		if from := e.ValueFrom; from != nil && from.FieldRef == nil && from.SecretKeyRef == nil && from.ConfigMapKeyRef == nil {
			return fmt.Sprintf("env[%s].valueFrom", e.Name)
		}
	}
	return ""
}
