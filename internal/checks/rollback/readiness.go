// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// seesReadiness looks whether a rollout could tell a pod that works from one that has merely started. Without that, a
// revision that is broken replaces one that works, pod by pod, in either direction.
//
// One ordinary container with a readiness probe is enough to make a pod's readiness mean something; which of several
// serves can't be told, for ports need not be declared. A sidecar's probe speaks for the sidecar.
func (m *measurement) seesReadiness(s state, h history) {
	m.cases++
	if !readinessKnown(&s.Template.Spec, s.watched) {
		m.noReadiness(s)
		return
	}
	if h.previous != nil && !readinessKnown(&h.previous.template.Spec, s.watched) {
		m.add(scorecard.Draft{
			Rule: rulePreviousNoReadiness, Severity: v1alpha1.SeverityLow, Place: s.keptAt(h.previous, "containers"),
			Message: "The revision to go back to has no readiness probe, so whether it works again will not be seen by the rollout.",
			Remedy:  "Watch the app itself when you go back to it. The next rollout makes a revision with a probe the one to go back to.",
		})
	}
	if !probed(&s.Template.Spec) || len(s.Template.Spec.ReadinessGates) > 0 {
		return
	}
	for _, c := range s.Template.Spec.Containers {
		m.cases++
		if c.ReadinessProbe == nil && len(c.Ports) > 0 {
			m.add(scorecard.Draft{
				Rule: ruleContainerNoReadiness, Severity: v1alpha1.SeverityLow, Place: s.place(fmt.Sprintf("containers[%s].readinessProbe", c.Name)),
				Message: "The container has ports and no readiness probe: the pod counts as ready without it.",
				Remedy:  "If others depend on it, add a readinessProbe: " + probeYAML(c),
			})
		}
	}
}

func (m *measurement) noReadiness(s state) {
	if len(s.Template.Spec.Containers) == 0 {
		return
	}
	c := s.Template.Spec.Containers[max(0, slices.IndexFunc(s.Template.Spec.Containers, hasPorts))]
	d := scorecard.Draft{
		Rule: ruleNoReadiness, Severity: v1alpha1.SeverityMedium, Place: s.place(fmt.Sprintf("containers[%s].readinessProbe", c.Name)),
		Message: "No container of the pod has a readiness probe: a pod counts as ready as soon as it has started, so a rollout, and the way back, replaces pods that work by pods that may not.",
		Remedy:  "Add to the container: " + probeYAML(c),
	}
	if !declaresPorts(&s.Template.Spec) {
		d.Remedy += fmt.Sprintf(" If it serves nobody, as a worker does, let a rollout wait for it to stay up instead: %s", s.patch(`{"minReadySeconds":30}`))
	}
	m.add(d)
}

// readinessKnown says whether a pod's readiness means more than that it has started. A pod that declares no ports may
// be one that serves nobody, and has nothing to probe: there, a start that is watched for a while will do.
func readinessKnown(spec *corev1.PodSpec, watched bool) bool {
	if probed(spec) || len(spec.ReadinessGates) > 0 {
		return true
	}
	watched = watched || slices.ContainsFunc(spec.Containers, func(c corev1.Container) bool { return c.StartupProbe != nil })
	return watched && !declaresPorts(spec)
}

func probed(spec *corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.Containers, func(c corev1.Container) bool { return c.ReadinessProbe != nil })
}

func hasPorts(c corev1.Container) bool { return len(c.Ports) > 0 }

func declaresPorts(spec *corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.Containers, hasPorts) || slices.ContainsFunc(spec.InitContainers, hasPorts)
}

// probeYAML is a probe as it may be pasted, with the container's own port where it declares one.
func probeYAML(c corev1.Container) string {
	port := int32(8080)
	if len(c.Ports) > 0 {
		port = c.Ports[0].ContainerPort
	}
	return fmt.Sprintf("`readinessProbe: {httpGet: {path: /healthz, port: %d}, periodSeconds: 5}`, with a path that answers 200 only when the app can do its work.", port)
}
