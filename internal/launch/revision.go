// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
)

// digestPattern finds an image's digest in a reference (name@sha256:...) or an imageID. OCI image specification,
// descriptor, "Digests": algorithm ":" encoded.
var digestPattern = regexp.MustCompile(`sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})`)

// configured is the part of the app's identity that is known before any pod runs.
type configured struct {
	Workloads  []configuredWorkload
	ConfigMaps map[string]string
	Secrets    map[string]string
}

type configuredWorkload struct {
	Kind     v1alpha1.WorkloadKind
	Name     string
	Template corev1.PodTemplateSpec
}

// resolveRevision sets the identity of what runs.
func (r *Resolver) resolveRevision(ctx context.Context, app *App) error {
	c := configured{ConfigMaps: map[string]string{}, Secrets: map[string]string{}}
	for _, w := range app.Workloads {
		c.Workloads = append(c.Workloads, configuredWorkload{Kind: w.Ref.Kind, Name: w.Ref.Name, Template: w.Template})
		for _, ref := range References(&w.Template.Spec) {
			if err := r.version(ctx, app.Launch.Namespace, ref, &c); err != nil {
				return err
			}
		}
	}
	images, resolved, err := r.images(ctx, app)
	if err != nil {
		return err
	}
	app.Revision = Revision{Images: images, Resolved: resolved}
	if app.Revision.Configuration, err = hashed(c); err != nil {
		return err
	}
	app.Revision.Hash = app.Revision.Configuration
	if resolved {
		app.Revision.Hash, err = hashed([]any{c, images})
	}
	return err
}

func hashed(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("hashing a revision: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}

// version notes what a reference leads to: the data of a ConfigMap, the resourceVersion of a Secret, "absent", or
// "unreadable" where the operator may not look, which is for a check to report.
func (r *Resolver) version(ctx context.Context, namespace string, ref Reference, c *configured) error {
	versions := c.ConfigMaps
	if ref.Kind == SecretReference {
		versions = c.Secrets
	}
	if _, known := versions[ref.Name]; known || ref.Name == "" {
		return nil
	}
	key := client.ObjectKey{Namespace: namespace, Name: ref.Name}
	var err error
	if ref.Kind == SecretReference {
		// The metadata alone: the value is none of a revision's business.
		secret := metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
		err = r.Live.Get(ctx, key, &secret)
		versions[ref.Name] = secret.ResourceVersion
	} else {
		var m corev1.ConfigMap
		if err = r.Live.Get(ctx, key, &m); err == nil {
			versions[ref.Name], err = hashed([]any{m.Data, m.BinaryData})
		}
	}
	switch {
	case apierrors.IsNotFound(err):
		versions[ref.Name] = "absent"
	case apierrors.IsForbidden(err):
		versions[ref.Name] = "unreadable"
	case err != nil:
		return &TransientError{Doing: fmt.Sprintf("reading %s %s", ref.Kind, key), Err: err}
	}
	return nil
}

// images gives the digests of the app's images, sorted, and whether all of them are known.
func (r *Resolver) images(ctx context.Context, app *App) ([]string, bool, error) {
	var digests []string
	resolved := true
	for _, w := range app.Workloads {
		running, err := r.running(ctx, w)
		if err != nil {
			return nil, false, err
		}
		for _, c := range Containers(&w.Template.Spec) {
			found := running[c.Name+"\x00"+c.Image]
			if pinned := digestPattern.FindString(c.Image); pinned != "" {
				found = []string{pinned}
			}
			resolved = resolved && len(found) > 0
			digests = append(digests, found...)
		}
	}
	slices.Sort(digests)
	return slices.Compact(digests), resolved, nil
}

// running gives the digests that run for each container's name and image, by the status of the workload's pods.
func (r *Resolver) running(ctx context.Context, w Workload) (map[string][]string, error) {
	selector, err := metav1.LabelSelectorAsSelector(w.Selector)
	if err != nil {
		return nil, &StalledError{Reason: v1alpha1.ReasonWorkloadInvalid, Message: fmt.Sprintf("The selector of %s can't be read: correct it.", w)}
	}
	var pods corev1.PodList
	if err := r.Cached.List(ctx, &pods, client.InNamespace(w.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, &TransientError{Doing: "listing the pods of " + w.String(), Err: err}
	}
	running := map[string][]string{}
	for _, pod := range pods.Items {
		if !pod.DeletionTimestamp.IsZero() || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			// It runs no more: an evicted pod can lie there for weeks with what its image's tag meant then.
			continue
		}
		ids := map[string]string{}
		for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			ids[s.Name] = digestPattern.FindString(s.ImageID)
		}
		for _, c := range Containers(&pod.Spec) {
			if id := ids[c.Name]; id != "" {
				running[c.Name+"\x00"+c.Image] = append(running[c.Name+"\x00"+c.Image], id)
			}
		}
	}
	return running, nil
}
