// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/hack/node/process/internal/network"
)

const (
	// firstRetry and lastRetry are how long to wait before what a pod lacks is looked for again.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
	// reasonDeadline is the kubelet's (pkg/kubelet/active_deadline.go).
	reasonDeadline = "DeadlineExceeded"
)

// pod is one that was given to this node.
type pod struct {
	provider *Provider
	// ctx is over when the pod is to end, and kill is closed when it gets no more time for it.
	ctx      context.Context //nolint:containedctx // a pod's life is no request's
	end      context.CancelFunc
	kill     chan struct{}
	killOnce sync.Once
	// done is closed when nothing of it runs any more.
	done    chan struct{}
	network *network.Pod
	// given is the pod as it came, and stays so.
	given *corev1.Pod

	// telling keeps the order of what is told.
	telling sync.Mutex
	mu      sync.Mutex
	pod     *corev1.Pod
	// reason and message say why the node ends it, if the node does.
	reason, message string
	// running has a channel for each container that has been started, which is closed when it has ended; starts counts them.
	running []chan struct{}
	starts  []int
}

func newPod(p *Provider, wanted *corev1.Pod) *pod {
	n := len(wanted.Spec.Containers)
	created := &pod{
		provider: p, kill: make(chan struct{}), done: make(chan struct{}), given: wanted.DeepCopy(), pod: wanted,
		running: make([]chan struct{}, n), starts: make([]int, n),
	}
	created.ctx, created.end = context.WithCancel(context.Background())
	now := metav1.Now()
	wanted.Status.Phase, wanted.Status.StartTime, wanted.Status.HostIP = corev1.PodPending, &now, p.HostIP
	wanted.Status.HostIPs = []corev1.HostIP{{IP: p.HostIP}}
	wanted.Status.ContainerStatuses = nil
	for _, c := range wanted.Spec.Containers {
		wanted.Status.ContainerStatuses = append(wanted.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Started: new(bool),
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
		})
	}
	return created
}

// copy is the pod as it is now.
func (p *pod) copy() *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pod.DeepCopy()
}

// runOf gives the number of a container's last start, or the one before, and a channel if it runs. -1 is none.
func (p *pod) runOf(name string, previous bool) (run int, running <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range p.pod.Spec.Containers {
		switch {
		case c.Name != name:
		case previous:
			return p.starts[i] - 2, nil
		default:
			return p.starts[i] - 1, p.running[i]
		}
	}
	return -1, nil
}

// stop ends the pod within a grace: the shortest that was ever given counts. It is called with the lock held.
func (p *pod) stop(grace time.Duration, reason, message string) {
	if p.reason == "" {
		p.reason, p.message = reason, message
	}
	p.end()
	kill := func() { p.killOnce.Do(func() { close(p.kill) }) }
	if grace == 0 {
		kill()
		return
	}
	time.AfterFunc(grace, kill)
}

// run runs the pod to its end.
func (p *pod) run(ctx context.Context) {
	defer close(p.done)
	defer p.cleanUp(ctx)
	spec := p.given.Spec
	if field := unsupported(spec); field != "" {
		p.mu.Lock()
		p.stop(0, reasonUnsupported, field+" is not supported by the process node: it would run another pod than was asked for")
		p.mu.Unlock()
		p.finish()
		return
	}
	if seconds := spec.ActiveDeadlineSeconds; seconds != nil {
		deadline := time.AfterFunc(time.Duration(*seconds)*time.Second, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.stop(graceOf(spec), reasonDeadline, "Pod was active on the node longer than the specified deadline")
		})
		defer deadline.Stop()
	}
	if p.retry("FailedCreatePodSandBox", p.attach) && p.retry("FailedMount", p.prepareVolumes) {
		var all sync.WaitGroup
		for i := range spec.Containers {
			all.Go(func() { p.keep(i, spec.Containers[i]) }) //nolint:contextcheck // a container lives as long as its pod does
		}
		all.Wait()
	}
	p.finish()
}

func graceOf(s corev1.PodSpec) time.Duration {
	if s.TerminationGracePeriodSeconds == nil {
		return corev1.DefaultTerminationGracePeriodSeconds * time.Second
	}
	return time.Duration(*s.TerminationGracePeriodSeconds) * time.Second
}

// retry does something until it succeeds, and says whether it did before the pod's end. What fails is told in an Event.
func (p *pod) retry(reason string, do func(context.Context) error) bool {
	told := ""
	for delay := firstRetry; ; delay = min(2*delay, lastRetry) {
		err := do(p.ctx)
		if err == nil {
			return true
		}
		if p.ctx.Err() != nil {
			return false
		}
		if err.Error() != told {
			told = err.Error()
			p.provider.Recorder.Event(p.copy(), corev1.EventTypeWarning, reason, told)
		}
		if !p.sleep(delay) {
			return false
		}
	}
}

// sleep says whether the pod still is to run after a while.
func (p *pod) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// attach gives the pod its address.
func (p *pod) attach(context.Context) error {
	attached, err := p.provider.Network.Attach()
	if err != nil {
		return err
	}
	p.network = attached
	p.update(func(s *corev1.PodStatus) {
		s.PodIP = attached.Addr.String()
		s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	})
	return nil
}

// update changes the status, and tells of it.
func (p *pod) update(change func(*corev1.PodStatus)) {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	change(&p.pod.Status)
	derive(&p.pod.Status)
	told := p.pod.DeepCopy()
	p.mu.Unlock()
	p.provider.notify(told)
}

// finish tells how the pod has ended.
func (p *pod) finish() {
	p.mu.Lock()
	reason, message := p.reason, p.message
	p.mu.Unlock()
	p.update(func(s *corev1.PodStatus) {
		s.Phase = corev1.PodSucceeded
		for _, c := range s.ContainerStatuses {
			if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 {
				s.Phase = corev1.PodFailed
			}
		}
		if reason != "" {
			s.Phase, s.Reason, s.Message = corev1.PodFailed, reason, message
		}
	})
}

// cleanUp leaves the logs, which are read after the end.
func (p *pod) cleanUp(ctx context.Context) {
	var errs []error
	if p.network != nil {
		errs = append(errs, p.network.Close())
	}
	errs = append(errs, os.RemoveAll(p.memory()))
	if err := errors.Join(errs...); err != nil {
		slog.ErrorContext(ctx, "something of a pod is left", "pod", p.given.Namespace+"/"+p.given.Name, "error", err)
	}
	p.end()
}

// deleteObject writes the pod's last status and takes it out of the API server.
func (p *pod) deleteObject(ctx context.Context) {
	last := p.copy()
	all := p.provider.Client.CoreV1().Pods(last.Namespace)
	current, err := all.Get(ctx, last.Name, metav1.GetOptions{})
	if err == nil && current.UID == last.UID {
		current.Status = last.Status
		_, err = all.UpdateStatus(ctx, current, metav1.UpdateOptions{})
		if err == nil || apierrors.IsConflict(err) {
			err = all.Delete(ctx, last.Name, metav1.DeleteOptions{
				GracePeriodSeconds: new(int64), Preconditions: metav1.NewUIDPreconditions(string(last.UID)),
			})
		}
	}
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		slog.ErrorContext(ctx, "a pod that has ended can't be deleted", "pod", last.Namespace+"/"+last.Name, "error", err)
	}
	if err := os.RemoveAll(filepath.Join(p.provider.Logs, string(last.UID))); err != nil {
		slog.ErrorContext(ctx, "the logs of a pod are left", "error", err)
	}
}

// derive sets what follows from the containers' states: the phase, as long as the pod has not ended, and conditions.
func derive(s *corev1.PodStatus) {
	ready, started := true, false
	for _, c := range s.ContainerStatuses {
		ready = ready && c.Ready
		started = started || c.State.Running != nil || c.State.Terminated != nil || c.RestartCount > 0
	}
	ended := s.Phase == corev1.PodSucceeded || s.Phase == corev1.PodFailed
	if started && !ended {
		s.Phase = corev1.PodRunning
	}
	reason := ""
	switch {
	case s.Phase == corev1.PodSucceeded:
		reason = "PodCompleted"
	case s.Phase == corev1.PodFailed:
		reason = "PodFailed"
	case !ready:
		reason = "ContainersNotReady"
	}
	setCondition(s, corev1.PodInitialized, true, "")
	setCondition(s, corev1.ContainersReady, ready && !ended, reason)
	setCondition(s, corev1.PodReady, ready && !ended, reason)
}

func setCondition(s *corev1.PodStatus, kind corev1.PodConditionType, holds bool, reason string) {
	status := corev1.ConditionFalse
	if holds {
		status = corev1.ConditionTrue
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if c.Type != kind {
			continue
		}
		if c.Status != status {
			c.LastTransitionTime = metav1.Now()
		}
		c.Status, c.Reason = status, reason
		return
	}
	s.Conditions = append(s.Conditions, corev1.PodCondition{Type: kind, Status: status, Reason: reason, LastTransitionTime: metav1.Now()})
}

// containerID names a start of a container.
func (p *pod) containerID(name string, run int) string {
	return fmt.Sprintf("process://%s-%s-%d", p.given.UID, name, run)
}
