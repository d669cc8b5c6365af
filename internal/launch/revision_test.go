// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var (
	one = "sha256:" + strings.Repeat("1", 64)
	two = "sha256:" + strings.Repeat("2", 64)
)

func envFrom(secret, configMap string) []corev1.EnvFromSource {
	return []corev1.EnvFromSource{
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}},
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: configMap}}},
	}
}

// change changes the first object of a type.
func change[T client.Object](c *cluster, do func(T)) {
	for _, o := range c.objects {
		if typed, ok := o.(T); ok {
			do(typed)
			return
		}
	}
	c.t.Fatalf("there is no such object")
}

func (c *cluster) change(do func(*appsv1.Deployment)) { change(c, do) }

// pod runs an image of the Deployment chat.
func pod(name, image, imageID string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": "chat"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: image}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "web", ImageID: imageID}}},
	}
}

// full has a Secret, a ConfigMap and a pod.
func full(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s", ResourceVersion: "5"}, Data: map[string][]byte{"k": []byte("v")}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "m", ResourceVersion: "5"}, Data: map[string]string{"k": "v"}},
		pod("chat-1", "shop/chat:1", "docker.io/shop/chat@"+one))
	c.change(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].EnvFrom = envFrom("s", "m") })
	return c
}

func TestWhatChangesARevision(t *testing.T) {
	before := full(t).resolved(lr("chat")).Revision
	if !before.Resolved || before.Hash == before.Configuration || len(before.Hash) != 16 || !slices.Equal(before.Images, []string{one}) {
		t.Fatalf("got %+v", before)
	}
	for _, test := range []struct {
		name                string
		do                  func(c *cluster)
		configuration, hash bool
	}{
		{"nothing", func(*cluster) {}, false, false},
		{"the template", func(c *cluster) {
			c.change(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Args = []string{"-v"} })
		}, true, true},
		{"an annotation of the template", func(c *cluster) {
			c.change(func(d *appsv1.Deployment) { d.Spec.Template.Annotations = map[string]string{"restartedAt": "now"} })
		}, true, true},
		{"a ConfigMap's data", func(c *cluster) { change(c, func(m *corev1.ConfigMap) { m.Data["k"] = "w" }) }, true, true},
		{"a ConfigMap's binary data", func(c *cluster) { change(c, func(m *corev1.ConfigMap) { m.BinaryData = map[string][]byte{"b": {1}} }) }, true, true},
		{"a ConfigMap's version alone", func(c *cluster) {
			change(c, func(m *corev1.ConfigMap) { m.ResourceVersion, m.Labels = "6", map[string]string{"a": "b"} })
		}, false, false},
		{"a Secret's version", func(c *cluster) { change(c, func(s *corev1.Secret) { s.ResourceVersion = "6" }) }, true, true},
		{"a Secret that is gone", func(c *cluster) { change(c, func(s *corev1.Secret) { s.Name = "other" }) }, true, true},
		{"a ConfigMap that is gone", func(c *cluster) { change(c, func(m *corev1.ConfigMap) { m.Name = "other" }) }, true, true},
		{"the status", func(c *cluster) {
			c.change(func(d *appsv1.Deployment) { d.Status.Replicas, d.Status.ObservedGeneration = 9, 9 })
		}, false, false},
		{"the replicas", func(c *cluster) { c.change(func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](9) }) }, false, false},
		{"labels of the workload", func(c *cluster) { c.change(func(d *appsv1.Deployment) { d.Labels = map[string]string{"a": "b"} }) }, false, false},
		{"the digest", func(c *cluster) {
			change(c, func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ImageID = "shop/chat@" + two })
		}, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := full(t)
			test.do(c)
			after := c.resolved(lr("chat")).Revision
			if got := after.Configuration != before.Configuration; got != test.configuration {
				t.Errorf("the configuration changed: %v", got)
			}
			if got := after.Hash != before.Hash; got != test.hash {
				t.Errorf("the hash changed: %v", got)
			}
		})
	}
}

func TestASecretThatMayNotBeReadIsForACheckToReport(t *testing.T) {
	before := full(t).resolved(lr("chat")).Revision
	c := full(t)
	c.refuse = func(call string) error {
		if strings.Contains(call, "PartialObjectMetadata") {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "s", nil)
		}
		return nil
	}
	if after := c.resolved(lr("chat")).Revision; after.Configuration == before.Configuration {
		t.Error("the revision is the same as with it")
	}
}

func TestDigests(t *testing.T) {
	gone := pod("gone", "shop/chat:1", "shop/chat@"+two)
	gone.DeletionTimestamp, gone.Finalizers = &created, []string{"example.com/f"}
	evicted, done := pod("evicted", "shop/chat:1", "shop/chat@"+two), pod("done", "shop/chat:1", "shop/chat@"+two)
	evicted.Status.Phase, done.Status.Phase = corev1.PodFailed, corev1.PodSucceeded
	foreign := pod("foreign", "shop/chat:1", "shop/chat@"+two)
	foreign.Labels = map[string]string{"app": "other"}
	long := "sha512:" + strings.Repeat("a", 128)
	for _, test := range []struct {
		name     string
		image    string
		pods     []client.Object
		images   []string
		resolved bool
	}{
		{"containerd", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", "docker.io/shop/chat@"+one)}, []string{one}, true},
		{"docker", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", "docker://"+one)}, []string{one}, true},
		{"docker-pullable", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", "docker-pullable://shop/chat@"+one)}, []string{one}, true},
		{"an image without a repository", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", one)}, []string{one}, true},
		{"SHA-512", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", "shop/chat@"+long)}, []string{long}, true},
		{"pinned, without a pod", "shop/chat@" + one, nil, []string{one}, true},
		{"pinned with a tag, and a pod that names the platform's", "shop/chat:1@" + one, []client.Object{pod("a", "shop/chat:1@"+one, "shop/chat@"+two)}, []string{one}, true},
		{"no pod", "shop/chat:1", nil, nil, false},
		{"a pod that pulls", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", "")}, nil, false},
		{"an imageID without a digest", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", "shop/chat:1")}, nil, false},
		{"pods of the revision before", "shop/chat:2", []client.Object{pod("a", "shop/chat:1", "shop/chat@"+one)}, nil, false},
		{"a tag that moved between two pods", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", "shop/chat@"+two), pod("b", "shop/chat:1", "shop/chat@"+one)}, []string{one, two}, true},
		{"pods that run no more, and another app's", "shop/chat:1", []client.Object{pod("a", "shop/chat:1", "shop/chat@"+one), gone, evicted, done, foreign}, []string{one}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t, test.pods...)
			c.change(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = test.image })
			got := c.resolved(lr("chat")).Revision
			if diff := cmp.Diff(test.images, got.Images); diff != "" || got.Resolved != test.resolved {
				t.Errorf("resolved: %v\n%s", got.Resolved, diff)
			}
			if (got.Hash == got.Configuration) == test.resolved {
				t.Errorf("hash %s, configuration %s", got.Hash, got.Configuration)
			}
		})
	}
}

func TestEveryContainerNeedsItsDigest(t *testing.T) {
	p := pod("a", "shop/chat:1", "shop/chat@"+one)
	c := newCluster(t, p)
	c.change(func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "migrate", Image: "shop/migrate:1"}}
	})
	if r := c.resolved(lr("chat")).Revision; r.Resolved {
		t.Errorf("resolved without the init container: %+v", r)
	}
	p.Spec.InitContainers = []corev1.Container{{Name: "migrate", Image: "shop/migrate:1"}}
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "migrate", ImageID: "shop/migrate@" + two}}
	if r := c.resolved(lr("chat")).Revision; !r.Resolved || !slices.Equal(r.Images, []string{one, two}) {
		t.Errorf("got %+v", r)
	}
}
