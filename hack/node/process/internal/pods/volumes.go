// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/hack/node/process/internal/container"
)

// defaultMode is what the API server sets where a volume says nothing.
const defaultMode = 0o644

// prepareVolumes writes what the pod's volumes hold. They stay as they are: a change of a Secret is not seen by a pod that runs.
func (p *pod) prepareVolumes(ctx context.Context) error {
	for _, volume := range p.given.Spec.Volumes {
		files, err := p.filesOf(ctx, volume.VolumeSource)
		if err == nil {
			err = write(p.memory("volumes", volume.Name), files)
		}
		if err != nil {
			return fmt.Errorf("volume %s: %w", volume.Name, err)
		}
	}
	return nil
}

// file is one of a volume.
type file struct {
	path    string
	content []byte
	mode    int32
}

// filesOf gives a volume's files; an emptyDir has none.
func (p *pod) filesOf(ctx context.Context, v corev1.VolumeSource) ([]file, error) {
	switch {
	case v.EmptyDir != nil:
		return nil, nil
	case v.Secret != nil:
		data, err := p.secret(ctx, v.Secret.SecretName, v.Secret.Optional)
		return chosen(data, err, v.Secret.Items, v.Secret.DefaultMode, v.Secret.Optional)
	case v.ConfigMap != nil:
		data, err := p.configMap(ctx, v.ConfigMap.Name, v.ConfigMap.Optional)
		return chosen(data, err, v.ConfigMap.Items, v.ConfigMap.DefaultMode, v.ConfigMap.Optional)
	case v.DownwardAPI != nil:
		return p.downward(v.DownwardAPI.Items, v.DownwardAPI.DefaultMode)
	case v.Projected != nil:
		var all []file
		for _, source := range v.Projected.Sources {
			files, err := p.projected(ctx, source, v.Projected.DefaultMode)
			if err != nil {
				return nil, err
			}
			all = append(all, files...)
		}
		return all, nil
	default:
		return nil, errors.New("the process node does not know volumes of this type")
	}
}

func (p *pod) projected(ctx context.Context, s corev1.VolumeProjection, mode *int32) ([]file, error) {
	switch {
	case s.ServiceAccountToken != nil:
		token, err := p.token(ctx, s.ServiceAccountToken)
		return []file{{s.ServiceAccountToken.Path, token, modeOr(nil, mode)}}, err
	case s.Secret != nil:
		data, err := p.secret(ctx, s.Secret.Name, s.Secret.Optional)
		return chosen(data, err, s.Secret.Items, mode, s.Secret.Optional)
	case s.ConfigMap != nil:
		data, err := p.configMap(ctx, s.ConfigMap.Name, s.ConfigMap.Optional)
		return chosen(data, err, s.ConfigMap.Items, mode, s.ConfigMap.Optional)
	case s.DownwardAPI != nil:
		return p.downward(s.DownwardAPI.Items, mode)
	default:
		return nil, errors.New("the process node does not know this projection")
	}
}

// token asks for a token of the pod's ServiceAccount, which ends with the pod. It is not renewed: the API server gives clients
// that ask for the usual hour a year (--service-account-extend-token-expiration).
func (p *pod) token(ctx context.Context, s *corev1.ServiceAccountTokenProjection) ([]byte, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: s.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: p.given.Name, UID: p.given.UID},
	}}
	if s.Audience != "" {
		request.Spec.Audiences = []string{s.Audience}
	}
	made, err := p.provider.Client.CoreV1().ServiceAccounts(p.given.Namespace).CreateToken(ctx, p.given.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("asking for a token of ServiceAccount %s: %w", p.given.Spec.ServiceAccountName, err)
	}
	return []byte(made.Status.Token), nil
}

func (p *pod) downward(items []corev1.DownwardAPIVolumeFile, mode *int32) ([]file, error) {
	var files []file
	for _, item := range items {
		if item.FieldRef == nil {
			return nil, fmt.Errorf("%s: the process node does not know this source", item.Path)
		}
		value, err := p.field(item.FieldRef.FieldPath)
		if err != nil {
			return nil, err
		}
		files = append(files, file{item.Path, []byte(value), modeOr(item.Mode, mode)})
	}
	return files, nil
}

// chosen gives the keys that a volume names, or all.
func chosen(data map[string][]byte, err error, items []corev1.KeyToPath, mode *int32, optional *bool) ([]file, error) {
	if err != nil {
		return nil, err
	}
	var files []file
	if len(items) == 0 {
		for key, content := range data {
			files = append(files, file{key, content, modeOr(nil, mode)})
		}
		return files, nil
	}
	for _, item := range items {
		content, found := data[item.Key]
		if !found && !isTrue(optional) {
			return nil, fmt.Errorf("there is no key %s in what it refers to", item.Key)
		}
		if found {
			files = append(files, file{item.Path, content, modeOr(item.Mode, mode)})
		}
	}
	return files, nil
}

func modeOr(mode, otherwise *int32) int32 {
	for _, m := range []*int32{mode, otherwise} {
		if m != nil {
			return *m
		}
	}
	return defaultMode
}

// write writes files below a folder, which is made.
func write(folder string, files []file) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // the pod reads it; those above are ours alone
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // what was written was closed
	for _, f := range files {
		if err := root.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(f.mode) & os.ModePerm //nolint:gosec // the API server checked it
		if err := errors.Join(root.WriteFile(f.path, f.content, 0o600), root.Chmod(f.path, mode)); err != nil {
			return err
		}
	}
	return nil
}

// mounts gives what a container sees beside its image: its volumes, and what a node writes for every container.
func (p *pod) mounts(c corev1.Container, message string) ([]container.Mount, error) {
	etc := p.memory("etc", c.Name)
	own := map[string]string{
		"resolv.conf": p.provider.Addresses.ResolvConf(p.given.Namespace, p.provider.Domain),
		"hostname":    p.hostname() + "\n",
		"hosts":       fmt.Sprintf("127.0.0.1\tlocalhost\n%s\t%s\n", p.network.Addr, p.hostname()),
	}
	var files []file
	var all []container.Mount
	for name, text := range own {
		files = append(files, file{name, []byte(text), defaultMode})
		all = append(all, container.Mount{Source: filepath.Join(etc, name), Target: "/etc/" + name})
	}
	if err := write(etc, files); err != nil {
		return nil, err
	}
	for _, m := range c.VolumeMounts {
		// What the API server fills in a volume is read-only on any node.
		readOnly := m.ReadOnly || !p.isEmptyDir(m.Name)
		all = append(all, container.Mount{Source: p.memory("volumes", m.Name), Target: m.MountPath, ReadOnly: readOnly})
	}
	if err := os.WriteFile(message, nil, 0o600); err != nil {
		return nil, err
	}
	path := c.TerminationMessagePath
	if path == "" {
		path = corev1.TerminationMessagePathDefault
	}
	return append(all, container.Mount{Source: message, Target: path}), nil
}

func (p *pod) isEmptyDir(name string) bool {
	for _, v := range p.given.Spec.Volumes {
		if v.Name == name {
			return v.EmptyDir != nil
		}
	}
	return false
}

func (p *pod) hostname() string {
	name := p.given.Spec.Hostname
	if name == "" {
		name = p.given.Name
	}
	// sethostname(2) takes 64 bytes, and a kubelet cuts at 63.
	return strings.TrimRight(name[:min(len(name), 63)], "-.")
}
