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
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/hack/node/process/internal/container"
	"github.com/launchready/launchready/hack/node/process/internal/images"
)

const (
	// The kubelet's: containers that end are started again after ten seconds, then twice as many, up to five minutes, and after
	// ten minutes that went well from the beginning.
	firstBackoff = 10 * time.Second
	lastBackoff  = 5 * time.Minute
	wellAfter    = 10 * time.Minute
	// maxMessage is how many bytes of a termination message the kubelet takes, maxLog and maxLines how much of a log in its place.
	maxMessage = 4096
	maxLog     = 2048
	maxLines   = 80
	// startError is the exit code of a program that could not be started, as containerd tells it.
	startError = 128
)

// keep starts a container as often as its pod's restart policy wants.
func (p *pod) keep(i int, c corev1.Container) {
	backoff := firstBackoff
	for run := 0; ; run++ {
		begun := time.Now()
		end := p.once(i, run, c)
		if end == nil {
			return // it did not come to a start before the pod's end
		}
		again := p.ctx.Err() == nil && p.startsAgain(end.ExitCode)
		p.update(func(s *corev1.PodStatus) {
			status := &s.ContainerStatuses[i]
			status.Ready, status.Started = false, new(bool)
			status.State = corev1.ContainerState{Terminated: end}
			if again {
				status.LastTerminationState = status.State
				status.RestartCount++
				status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
					Reason: "CrashLoopBackOff", Message: fmt.Sprintf("back-off %s restarting failed container", backoff),
				}}
			}
		})
		if !again {
			return
		}
		if time.Since(begun) > wellAfter {
			backoff = firstBackoff
		}
		if !p.sleep(backoff) {
			p.update(func(s *corev1.PodStatus) { s.ContainerStatuses[i].State = corev1.ContainerState{Terminated: end} })
			return
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

func (p *pod) startsAgain(code int32) bool {
	policy := p.given.Spec.RestartPolicy
	return policy == corev1.RestartPolicyAlways || policy == corev1.RestartPolicyOnFailure && code != 0
}

// once starts a container and waits for its end; nil if the pod is to end before the start.
func (p *pod) once(i, run int, c corev1.Container) *corev1.ContainerStateTerminated {
	message := p.memory("message-" + c.Name + "-" + strconv.Itoa(run))
	started, ok := p.start(i, run, c, message)
	if !ok {
		return nil
	}
	end := &corev1.ContainerStateTerminated{ContainerID: p.containerID(c.Name, run), StartedAt: metav1.Now()}
	if started.err != nil {
		end.ExitCode, end.Reason, end.Message, end.FinishedAt = startError, "StartError", started.err.Error(), metav1.Now()
		return end
	}
	done := make(chan struct{})
	p.mu.Lock()
	p.running[i] = done
	p.starts[i] = run + 1
	p.mu.Unlock()
	p.update(func(s *corev1.PodStatus) {
		status := &s.ContainerStatuses[i]
		status.ImageID, status.ContainerID = started.image.ID, end.ContainerID
		status.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: end.StartedAt}}
	})
	p.watch(i, c, started.container)
	close(done)
	p.mu.Lock()
	p.running[i] = nil
	p.mu.Unlock()
	end.ExitCode, end.Reason, end.FinishedAt = started.container.ExitCode(), "Error", metav1.Now()
	if end.ExitCode == 0 {
		end.Reason = "Completed"
	}
	end.Message = p.terminationMessage(c, message, p.logFile(c.Name, run), end.ExitCode)
	return end
}

// watch waits for a container's end, or ends it: with its pod, or because it is not well.
func (p *pod) watch(i int, c corev1.Container, running *container.Container) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	unwell := make(chan struct{}, 2)
	go p.health(ctx, i, c, unwell)
	var late <-chan time.Time
	select {
	case <-running.Done():
		return
	case <-p.ctx.Done():
	case <-unwell:
		timer := time.NewTimer(graceOf(p.given.Spec))
		defer timer.Stop()
		late = timer.C
	}
	running.Signal(unix.SIGTERM)
	select {
	case <-running.Done():
		return
	case <-p.kill:
	case <-late:
	}
	running.Signal(unix.SIGKILL)
	<-running.Done()
}

// started is a container that was started, or why it could not be.
type started struct {
	container *container.Container
	image     *images.Image
	err       error
}

// start gathers what a container needs, waiting for what is missing, and starts it. It says whether the pod still is to run.
func (p *pod) start(i, run int, c corev1.Container, message string) (started, bool) {
	var s started
	var o container.Options
	spec := container.Spec{Hostname: p.hostname(), ReadOnly: c.SecurityContext != nil && isTrue(c.SecurityContext.ReadOnlyRootFilesystem)}
	ok := p.await(i, "ImagePullBackOff", func(context.Context) (err error) {
		if c.ImagePullPolicy == corev1.PullAlways {
			return fmt.Errorf("image %s is to be pulled always, and there is no registry here", c.Image)
		}
		s.image, err = p.provider.Images.Find(c.Image)
		return err
	}) && p.await(i, "CreateContainerConfigError", func(ctx context.Context) (err error) {
		if o.User, o.Group, err = userOf(p.given.Spec, c, s.image.Config.User); err != nil {
			return err
		}
		spec.Env, err = p.environment(ctx, c, s.image)
		return err
	})
	if !ok {
		return s, false
	}
	spec.Root, spec.Args, spec.Dir = s.image.Root, p.arguments(c, s.image, spec.Env), workingDir(c, s.image)
	spec.Scratch = p.memory("scratch", c.Name, strconv.Itoa(run))
	if spec.Mounts, s.err = p.mounts(c, message); s.err != nil {
		return s, true
	}
	log := p.logFile(c.Name, run)
	if s.err = errors.Join(os.MkdirAll(spec.Scratch, 0o700), os.MkdirAll(filepath.Dir(log), 0o700)); s.err != nil {
		return s, true
	}
	if o.Output, s.err = os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); s.err != nil { //nolint:gosec // our own folder
		return s, true
	}
	defer o.Output.Close() //nolint:errcheck // the container has its own
	o.Init, o.Network = p.provider.Init, p.network.FD()
	s.container, s.err = container.Start(spec, o)
	return s, true
}

// await tries until something is there, and tells meanwhile what is missing. It says whether the pod still is to run.
func (p *pod) await(i int, reason string, try func(context.Context) error) bool {
	told := ""
	for delay := firstRetry; p.ctx.Err() == nil; delay = min(2*delay, lastRetry) {
		err := try(p.ctx)
		if err == nil {
			return true
		}
		if text := err.Error(); text != told && p.ctx.Err() == nil {
			told = text
			p.update(func(s *corev1.PodStatus) {
				s.ContainerStatuses[i].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: text}}
			})
		}
		p.sleep(delay)
	}
	return false
}

// arguments are the pod's command and arguments, and the image's where the pod has none
// (https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/).
func (p *pod) arguments(c corev1.Container, image *images.Image, env []string) []string {
	values := map[string]string{}
	for _, text := range env {
		name, value, _ := strings.Cut(text, "=")
		values[name] = value
	}
	var all []string
	for _, text := range append(append([]string{}, c.Command...), c.Args...) {
		all = append(all, expand(text, values))
	}
	switch {
	case len(c.Command) > 0:
		return all
	case len(c.Args) > 0:
		return append(append([]string{}, image.Config.Entrypoint...), all...)
	default:
		return append(append([]string{}, image.Config.Entrypoint...), image.Config.Cmd...)
	}
}

func workingDir(c corev1.Container, image *images.Image) string {
	for _, dir := range []string{c.WorkingDir, image.Config.WorkingDir} {
		if dir != "" {
			return dir
		}
	}
	return "/"
}

// userOf gives the user and group that a container runs as: its own, its pod's or its image's. A kubelet refuses the same.
func userOf(s corev1.PodSpec, c corev1.Container, image string) (user, group int, err error) {
	var userID, groupID *int64
	nonRoot := false
	if o := s.SecurityContext; o != nil {
		userID, groupID, nonRoot = o.RunAsUser, o.RunAsGroup, isTrue(o.RunAsNonRoot)
	}
	if o := c.SecurityContext; o != nil {
		if o.RunAsUser != nil {
			userID = o.RunAsUser
		}
		if o.RunAsGroup != nil {
			groupID = o.RunAsGroup
		}
		if o.RunAsNonRoot != nil {
			nonRoot = *o.RunAsNonRoot
		}
	}
	name, groupName, _ := strings.Cut(image, ":")
	if user, err = number(userID, name); err != nil {
		return 0, 0, fmt.Errorf("the image's user: %w", err)
	}
	if group, err = number(groupID, groupName); err != nil {
		return 0, 0, fmt.Errorf("the image's group: %w", err)
	}
	if nonRoot && user == 0 {
		return 0, 0, errors.New("container has runAsNonRoot and would run as root")
	}
	return user, group, nil
}

// number gives an id that was chosen, or the image's, which has to be a number; none is 0.
func number(chosen *int64, image string) (int, error) {
	if chosen != nil {
		return int(*chosen), nil
	}
	if image == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(image)
	if err != nil {
		return 0, fmt.Errorf("%q is a name, and the process node looks none up: name it by its number", image)
	}
	return n, nil
}

// terminationMessage reads what a container has left to say.
func (p *pod) terminationMessage(c corev1.Container, path, log string, code int32) string {
	text, err := os.ReadFile(path) //nolint:gosec // our own file
	if err == nil && len(text) > 0 {
		return string(text[:min(len(text), maxMessage)])
	}
	if code == 0 || c.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		return ""
	}
	if text, err = os.ReadFile(log); err != nil { //nolint:gosec // our own file
		return ""
	}
	text = text[max(0, len(text)-maxLog):]
	all := strings.SplitAfter(string(text), "\n")
	return strings.Join(all[max(0, len(all)-maxLines):], "")
}
