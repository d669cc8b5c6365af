// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package pods runs pods as processes: what a kubelet does, in little. What it does not do it refuses, naming the field, rather
// than to run a pod that is another one than was asked for.
package pods

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/virtual-kubelet/virtual-kubelet/errdefs"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"

	"github.com/launchready/launchready/hack/node/process/internal/images"
	"github.com/launchready/launchready/hack/node/process/internal/network"
)

// Config is what pods need.
type Config struct {
	// Memory is a folder in memory, Logs one on the disk.
	Memory, Logs string
	// Init is the command that calls container.Init.
	Init      []string
	Images    *images.Store
	Network   *network.Network
	Addresses network.Config
	// HostIP is the node's address for others than pods.
	HostIP string
	// Domain is the cluster's, APIServer the address of the Service kubernetes.
	Domain, APIServer string
	// Client is the node's own user.
	Client   kubernetes.Interface
	Recorder record.EventRecorder
}

// Provider runs the pods of a node. It is what the virtual-kubelet library calls PodLifecycleHandler and PodNotifier.
type Provider struct {
	Config

	mu     sync.Mutex
	pods   map[types.NamespacedName]*pod
	notify func(*corev1.Pod)
}

// New makes a provider without pods.
func New(config Config) *Provider {
	return &Provider{Config: config, pods: map[types.NamespacedName]*pod{}, notify: func(*corev1.Pod) {}}
}

// NotifyPods sets who hears of changes.
func (p *Provider) NotifyPods(_ context.Context, notify func(*corev1.Pod)) { p.notify = notify }

// CreatePod starts a pod.
func (p *Provider) CreatePod(ctx context.Context, wanted *corev1.Pod) error {
	key := types.NamespacedName{Namespace: wanted.Namespace, Name: wanted.Name}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pods[key] != nil {
		return errdefs.InvalidInputf("pod %s is there already", key)
	}
	created := newPod(p, wanted.DeepCopy())
	p.pods[key] = created
	// A pod outlives the request.
	go created.run(context.WithoutCancel(ctx))
	return nil
}

// UpdatePod takes what may change in a pod. Another image would mean another container, which is refused.
func (p *Provider) UpdatePod(_ context.Context, wanted *corev1.Pod) error {
	found := p.find(wanted.Namespace, wanted.Name)
	if found == nil {
		return errdefs.NotFoundf("no pod %s/%s", wanted.Namespace, wanted.Name)
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	for i, c := range wanted.Spec.Containers {
		if i < len(found.pod.Spec.Containers) && c.Image != found.pod.Spec.Containers[i].Image {
			found.stop(0, reasonUnsupported, "spec.containers: the process node does not change the image of a running pod")
		}
	}
	status := found.pod.Status
	found.pod = wanted.DeepCopy()
	found.pod.Status = status
	return nil
}

// DeletePod ends a pod: at once where it has no grace (any more), else within it.
func (p *Provider) DeletePod(ctx context.Context, deleted *corev1.Pod) error {
	found := p.find(deleted.Namespace, deleted.Name)
	if found == nil || found.given.UID != deleted.UID {
		return errdefs.NotFoundf("no pod %s/%s", deleted.Namespace, deleted.Name)
	}
	grace := time.Duration(0)
	if deleted.DeletionTimestamp != nil && deleted.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*deleted.DeletionGracePeriodSeconds) * time.Second
	}
	found.mu.Lock()
	found.stop(grace, "", "")
	found.mu.Unlock()
	if grace > 0 {
		go p.forget(context.WithoutCancel(ctx), found)
		return nil
	}
	p.forget(ctx, found)
	return nil
}

// forget waits for a pod's end, and takes it out of the API server, as a kubelet does.
func (p *Provider) forget(ctx context.Context, ended *pod) {
	<-ended.done
	p.mu.Lock()
	key := types.NamespacedName{Namespace: ended.given.Namespace, Name: ended.given.Name}
	if p.pods[key] == ended {
		delete(p.pods, key)
	}
	p.mu.Unlock()
	ended.deleteObject(ctx)
}

func (p *Provider) find(namespace, name string) *pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pods[types.NamespacedName{Namespace: namespace, Name: name}]
}

// GetPod gives a pod as it is.
func (p *Provider) GetPod(_ context.Context, namespace, name string) (*corev1.Pod, error) {
	if found := p.find(namespace, name); found != nil {
		return found.copy(), nil
	}
	return nil, errdefs.NotFoundf("no pod %s/%s", namespace, name)
}

// GetPodStatus gives a pod's status.
func (p *Provider) GetPodStatus(ctx context.Context, namespace, name string) (*corev1.PodStatus, error) {
	found, err := p.GetPod(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	return &found.Status, nil
}

// GetPods gives all pods.
func (p *Provider) GetPods(context.Context) ([]*corev1.Pod, error) {
	p.mu.Lock()
	all := make([]*pod, 0, len(p.pods))
	for _, found := range p.pods {
		all = append(all, found)
	}
	p.mu.Unlock()
	copies := make([]*corev1.Pod, 0, len(all))
	for _, found := range all {
		copies = append(copies, found.copy())
	}
	return copies, nil
}

// ContainerLogs gives what a container has printed.
func (p *Provider) ContainerLogs(ctx context.Context, namespace, name, container string, o corev1.PodLogOptions) (io.ReadCloser, error) {
	if o.Timestamps || o.SinceSeconds != nil || o.SinceTime != nil {
		return nil, errdefs.InvalidInput("the process node does not know when a line was printed: timestamps, sinceSeconds and sinceTime are not supported")
	}
	found := p.find(namespace, name)
	if found == nil {
		return nil, errdefs.NotFoundf("no pod %s/%s", namespace, name)
	}
	run, running := found.runOf(container, o.Previous)
	if run < 0 {
		return nil, errdefs.NotFoundf("container %s of pod %s/%s has not started, or not that often", container, namespace, name)
	}
	return openLog(ctx, found.logFile(container, run), o, running)
}

// logFile is where a container's output goes, by how often it was started before.
func (p *pod) logFile(container string, run int) string {
	return filepath.Join(p.provider.Logs, string(p.given.UID), fmt.Sprintf("%s-%d.log", container, run))
}

// memory is a folder of the pod's own.
func (p *pod) memory(parts ...string) string {
	return filepath.Join(append([]string{p.provider.Memory, string(p.given.UID)}, parts...)...)
}
