// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/launchready/launchready/internal/launch"
)

// home is the kind of place in which a value stands: it decides on the remedy.
type home int

const (
	inEnv home = iota
	inArgs
	inProbe
	inHook
	inAnnotation
	inLabel
	inVolume
	inGitURL
)

// setting is a value or a command line of a pod template, and where it stands. The place is put together only when
// something is found there.
type setting struct {
	home home
	// container holds it, such as containers[web]; empty outside of containers.
	container string
	// field in the container or pod, such as env or livenessProbe.httpGet.path.
	field string
	// name of the value in a field that holds several, and its number there.
	name  string
	index int
	value string
	// args is a command line; value is empty then. A container's is its command, of the given number of words, and its
	// args together, for only the program says what a flag means (mysql -p).
	args    []string
	command int
	// env is what $(NAME) expands to here; nil where the kubelet expands nothing.
	env *environment
}

// walkTemplate visits everything in a pod template that can carry a typed secret.
func walkTemplate(t *corev1.PodTemplateSpec, visit func(setting)) {
	walkMap(setting{home: inAnnotation, field: "template.metadata.annotations"}, t.Annotations, visit)
	walkMap(setting{home: inLabel, field: "template.metadata.labels"}, t.Labels, visit)
	for _, c := range launch.Containers(&t.Spec) {
		walkContainer(&c, visit)
	}
	for i := range t.Spec.Volumes {
		walkVolume(i, &t.Spec.Volumes[i], visit)
	}
}

func walkMap(s setting, values map[string]string, visit func(setting)) {
	for i, name := range slices.Sorted(maps.Keys(values)) {
		s.name, s.index, s.value = name, i, values[name]
		visit(s)
	}
}

func walkContainer(c *launch.NamedContainer, visit func(setting)) {
	env := newEnvironment(&c.Container)
	for i := range c.Env {
		v := &c.Env[i]
		if v.ValueFrom == nil {
			visit(setting{home: inEnv, container: c.Place, field: "env", name: v.Name, index: i, value: v.Value, env: env})
		}
		env.define(v)
	}
	walkArgs(setting{home: inArgs, container: c.Place, args: slices.Concat(c.Command, c.Args), command: len(c.Command), env: env}, visit)
	walkProbe(c.Place, "livenessProbe", c.LivenessProbe, visit)
	walkProbe(c.Place, "readinessProbe", c.ReadinessProbe, visit)
	walkProbe(c.Place, "startupProbe", c.StartupProbe, visit)
	if l := c.Lifecycle; l != nil {
		walkHook(c.Place, "lifecycle.postStart", l.PostStart, visit)
		walkHook(c.Place, "lifecycle.preStop", l.PreStop, visit)
	}
}

func walkArgs(s setting, visit func(setting)) {
	if len(s.args) > 0 {
		visit(s)
	}
}

func walkProbe(container, field string, p *corev1.Probe, visit func(setting)) {
	if p == nil {
		return
	}
	at := setting{home: inProbe, container: container, field: field}
	walkExec(at, p.Exec, visit)
	walkHTTP(at, p.HTTPGet, visit)
	if p.TCPSocket != nil {
		walkText(at, ".tcpSocket.host", p.TCPSocket.Host, visit)
	}
	if p.GRPC != nil && p.GRPC.Service != nil {
		walkText(at, ".grpc.service", *p.GRPC.Service, visit)
	}
}

func walkHook(container, field string, h *corev1.LifecycleHandler, visit func(setting)) {
	if h == nil {
		return
	}
	at := setting{home: inHook, container: container, field: field}
	walkExec(at, h.Exec, visit)
	walkHTTP(at, h.HTTPGet, visit)
	if h.TCPSocket != nil {
		walkText(at, ".tcpSocket.host", h.TCPSocket.Host, visit)
	}
}

// The kubelet does not expand $(NAME) in probes and hooks, so there is no environment in them.
func walkExec(at setting, e *corev1.ExecAction, visit func(setting)) {
	if e == nil {
		return
	}
	at.field += ".exec.command"
	at.args = e.Command
	walkArgs(at, visit)
}

func walkHTTP(at setting, h *corev1.HTTPGetAction, visit func(setting)) {
	if h == nil {
		return
	}
	walkText(at, ".httpGet.host", h.Host, visit)
	walkText(at, ".httpGet.path", h.Path, visit)
	headers := at
	headers.field += ".httpGet.httpHeaders"
	for i, header := range h.HTTPHeaders {
		headers.name, headers.index, headers.value = header.Name, i, header.Value
		visit(headers)
	}
}

// walkText visits a value that has no name of its own.
func walkText(s setting, field, value string, visit func(setting)) {
	if value == "" {
		return
	}
	s.field += field
	s.value = value
	visit(s)
}

func walkVolume(i int, v *corev1.Volume, visit func(setting)) {
	at := setting{home: inVolume, container: "volumes[" + v.Name + "]", index: i}
	if v.CSI != nil {
		at.field = "csi.volumeAttributes"
		walkMap(at, v.CSI.VolumeAttributes, visit)
	}
	if v.FlexVolume != nil {
		at.field = "flexVolume.options"
		walkMap(at, v.FlexVolume.Options, visit)
	}
	if v.GitRepo != nil {
		at.home, at.field = inGitURL, "gitRepo"
		walkText(at, ".repository", v.GitRepo.Repository, visit)
	}
	if v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil {
		at.home, at.field = inAnnotation, "ephemeral.volumeClaimTemplate.metadata.annotations"
		walkMap(at, v.Ephemeral.VolumeClaimTemplate.Annotations, visit)
	}
}

// maxExpanded bounds an expanded value: the kubelet expands what is expanded already, so a few dozen variables could
// double it each time.
const maxExpanded = 64 << 10

// environment is what $(NAME) expands to in a container: the typed values of the variables defined so far. Variables
// that come from a reference stay $(NAME), which is what makes an expansion of them a reference.
type environment struct {
	// typed is nil in a container that expands nothing.
	typed map[string]string
	// reported are the fingerprints of what was found in the container.
	reported map[string]bool
}

func newEnvironment(c *corev1.Container) *environment {
	e := &environment{reported: map[string]bool{}}
	expands := func(s string) bool { return strings.Contains(s, "$(") }
	if slices.ContainsFunc(c.Command, expands) || slices.ContainsFunc(c.Args, expands) ||
		slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return expands(v.Value) }) {
		e.typed = map[string]string{}
	}
	return e
}

func (e *environment) define(v *corev1.EnvVar) {
	switch {
	case e.typed == nil:
	case v.ValueFrom != nil:
		delete(e.typed, v.Name)
	default:
		e.typed[v.Name] = e.expand(v.Value)
	}
}

// expand replaces $(NAME) by the typed value of NAME as the kubelet does: $$ is a dollar sign that begins nothing, and
// an unknown name is left as it is.
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func (e *environment) expand(value string) string {
	if e == nil || e.typed == nil || !strings.Contains(value, "$(") {
		return value
	}
	var b strings.Builder
	for rest := value; ; {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if b.Len() > maxExpanded {
			return value
		}
		// $$ stays as it is: $$(NAME) is text, and looks like it.
		if strings.HasPrefix(after, "$") {
			b.WriteString("$$")
			rest = after[1:]
			continue
		}
		name, behind, closed := strings.Cut(strings.TrimPrefix(after, "("), ")")
		typed, known := e.typed[name]
		if !closed || !known || !strings.HasPrefix(after, "(") {
			b.WriteString("$")
			rest = after
			continue
		}
		b.WriteString(typed)
		rest = behind
	}
}
