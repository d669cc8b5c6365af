// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/hack/node/process/internal/images"
)

// environment gives a container's variables in the order in which later ones win: the image's, the node's, envFrom, env.
func (p *pod) environment(ctx context.Context, c corev1.Container, image *images.Image) ([]string, error) {
	v := &variables{values: map[string]string{}}
	v.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	for _, text := range image.Config.Env {
		name, value, _ := strings.Cut(text, "=")
		v.set(name, value)
	}
	v.set("HOSTNAME", p.hostname())
	v.set("KUBERNETES_SERVICE_HOST", p.provider.APIServer)
	v.set("KUBERNETES_SERVICE_PORT", "443")
	for _, from := range c.EnvFrom {
		if err := p.setAll(ctx, v, from); err != nil {
			return nil, err
		}
	}
	for _, e := range c.Env {
		value, found, err := p.value(ctx, e, v)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", e.Name, err)
		}
		if found {
			v.set(e.Name, value)
		}
	}
	return v.list(), nil
}

// setAll takes all keys of a ConfigMap or a Secret.
func (p *pod) setAll(ctx context.Context, v *variables, from corev1.EnvFromSource) error {
	data := map[string][]byte{}
	var err error
	switch {
	case from.ConfigMapRef != nil:
		data, err = p.configMap(ctx, from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
	case from.SecretRef != nil:
		data, err = p.secret(ctx, from.SecretRef.Name, from.SecretRef.Optional)
	}
	if err != nil {
		return fmt.Errorf("envFrom: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		v.set(from.Prefix+name, string(data[name]))
	}
	return nil
}

// value gives that of one variable, and whether it has one: a reference that is optional may lead nowhere.
func (p *pod) value(ctx context.Context, e corev1.EnvVar, v *variables) (value string, found bool, err error) {
	if e.ValueFrom == nil {
		return expand(e.Value, v.values), true, nil
	}
	var data map[string][]byte
	var key string
	var optional *bool
	switch from := e.ValueFrom; {
	case from.FieldRef != nil:
		value, err = p.field(from.FieldRef.FieldPath)
		return value, err == nil, err
	case from.SecretKeyRef != nil:
		key, optional = from.SecretKeyRef.Key, from.SecretKeyRef.Optional
		data, err = p.secret(ctx, from.SecretKeyRef.Name, optional)
	case from.ConfigMapKeyRef != nil:
		key, optional = from.ConfigMapKeyRef.Key, from.ConfigMapKeyRef.Optional
		data, err = p.configMap(ctx, from.ConfigMapKeyRef.Name, optional)
	default:
		return "", false, errors.New("the process node does not know this source of a value")
	}
	if err != nil {
		return "", false, err
	}
	text, found := data[key]
	if !found && !isTrue(optional) {
		return "", false, fmt.Errorf("there is no key %s in what it refers to", key)
	}
	return string(text), found, nil
}

// field gives a field of the pod by the path of the downward API.
func (p *pod) field(path string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for prefix, values := range map[string]map[string]string{"metadata.labels": p.pod.Labels, "metadata.annotations": p.pod.Annotations} {
		if key, is := strings.CutPrefix(path, prefix+"['"); is {
			return values[strings.TrimSuffix(key, "']")], nil
		}
	}
	switch path {
	case "metadata.name":
		return p.pod.Name, nil
	case "metadata.namespace":
		return p.pod.Namespace, nil
	case "metadata.uid":
		return string(p.pod.UID), nil
	case "metadata.labels":
		return lines(p.pod.Labels), nil
	case "metadata.annotations":
		return lines(p.pod.Annotations), nil
	case "spec.nodeName":
		return p.pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return p.pod.Spec.ServiceAccountName, nil
	case "status.podIP", "status.podIPs":
		return p.pod.Status.PodIP, nil
	case "status.hostIP", "status.hostIPs":
		return p.provider.HostIP, nil
	default:
		return "", fmt.Errorf("the process node does not know the field %s", path)
	}
}

// lines writes labels as the downward API has them in a file.
func lines(values map[string]string) string {
	all := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, fmt.Sprintf("%s=%q", name, values[name]))
	}
	return strings.Join(all, "\n")
}

func (p *pod) secret(ctx context.Context, name string, optional *bool) (map[string][]byte, error) {
	found, err := p.provider.Client.CoreV1().Secrets(p.given.Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && isTrue(optional):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading Secret %s: %w", name, err)
	}
	return found.Data, nil
}

func (p *pod) configMap(ctx context.Context, name string, optional *bool) (map[string][]byte, error) {
	found, err := p.provider.Client.CoreV1().ConfigMaps(p.given.Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && isTrue(optional):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading ConfigMap %s: %w", name, err)
	}
	data := map[string][]byte{}
	for key, text := range found.Data {
		data[key] = []byte(text)
	}
	maps.Copy(data, found.BinaryData)
	return data, nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// variables keep the order in which they were first set.
type variables struct {
	names  []string
	values map[string]string
}

func (v *variables) set(name, value string) {
	if _, there := v.values[name]; !there {
		v.names = append(v.names, name)
	}
	v.values[name] = value
}

func (v *variables) list() []string {
	all := make([]string, 0, len(v.names))
	for _, name := range v.names {
		all = append(all, name+"="+v.values[name])
	}
	return all
}

// expand replaces $(NAME) by what stands there, and leaves it where there is no such name; $$ is a dollar sign
// (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
func expand(text string, values map[string]string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, rest, closed := strings.Cut(after, ")")
		switch {
		case strings.HasPrefix(after, "$"):
			out.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "(") && closed:
			if value, known := values[name[1:]]; known {
				out.WriteString(value)
			} else {
				out.WriteString("$" + name + ")")
			}
			text = rest
		default:
			out.WriteByte('$')
			text = after
		}
	}
}
