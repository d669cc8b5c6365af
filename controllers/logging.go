// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/logging"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/scorecard"
)

const (
	// maxAppLog is how much is read of a container's log from the run on: 256 MiB take about a second.
	maxAppLog = 256 << 20
	// logsPatience is how long the logs of an app may take in all.
	logsPatience = time.Minute
)

// logged searches the logs of the app's containers for what the Job has sent through it, and judges what is there.
func (s suiteRun) logged(ctx context.Context, last v1alpha1.Probe, collected probe.Collected) scorecard.Outcome {
	markers, err := logmark.NewMarkers([]byte(s.nonce(last)))
	if err != nil {
		return scorecard.Unmeasured(v1alpha1.RowLoggingSafe, v1alpha1.FaultOperator, v1alpha1.ReasonProbeError, err.Error())
	}
	searcher, err := logmark.NewSearcher(markers, len(collected.Result.Marked))
	if err != nil {
		return scorecard.Unmeasured(v1alpha1.RowLoggingSafe, v1alpha1.FaultOperator, v1alpha1.ReasonProbeError, err.Error())
	}
	in := logging.Input{
		Key: s.r.Key, Namespace: s.app.Launch.Namespace, Described: true, Absent: s.takesNone(collected.Result.Marked), Variables: variables(s.app),
		Access: s.access(ctx), RunsAs: runsAs(s.app),
	}
	ctx, cancel := context.WithTimeout(ctx, logsPatience)
	defer cancel()
	for _, m := range collected.Result.Marked {
		request := logging.Request{Number: m.Number, Name: m.Name, Answered: m.Answered}
		for _, kind := range m.Kinds {
			request.Kinds = append(request.Kinds, logmark.Kind(kind))
		}
		in.Requests = append(in.Requests, request)
	}
	if declared := s.app.Launch.Spec.Logging; declared != nil {
		in.Sinks.Declared, in.Expected = true, declared.Readers
		in.Sinks.List = seenIn(declared.Sinks, collected.Result.Sinks)
	}
	for _, w := range s.app.Workloads {
		pods, err := s.podsOf(ctx, w)
		if err != nil {
			ctrl.LoggerFrom(ctx).Info("the pods of a workload can't be listed for their logs", "workload", w.String(), "err", err.Error())
			in.Containers = append(in.Containers, logging.Container{Workload: w.String(), Name: "any", Problem: logging.Unreadable})
			continue
		}
		for _, pod := range pods {
			in.Pods = append(in.Pods, pod.Name)
			in.Containers = append(in.Containers, s.searched(ctx, w, pod, searcher, last.StartedAt.Time)...)
		}
	}
	return logging.Judge(in)
}

// seenIn gives what the Job saw in the sinks that are declared.
func seenIn(declared []v1alpha1.LogSink, seen []probe.SeenSink) []logging.Sink {
	var all []logging.Sink
	for _, d := range declared {
		sink := logging.Sink{Name: d.Name}
		if i := slices.IndexFunc(seen, func(s probe.SeenSink) bool { return s.Name == d.Name }); d.Query != nil && i >= 0 {
			s := seen[i]
			sink.Asked, sink.Seen, sink.Problem, sink.Status, sink.Detail = true, s.Seen(), logging.Problem(s.Problem), s.Status, s.Detail
		}
		all = append(all, sink)
	}
	return all
}

// takesNone gives the kinds of values that this app takes nowhere, as it is described: those of a login where it has none.
func (s suiteRun) takesNone(marked []probe.Marked) []logmark.Kind {
	var absent []logmark.Kind
	for _, kind := range []logmark.Kind{logmark.Password, logmark.Prompt, logmark.Email, logmark.CardNumber} {
		sent := slices.ContainsFunc(marked, func(m probe.Marked) bool { return slices.Contains(m.Kinds, string(kind)) })
		app := s.app.Launch.Spec.App
		if !sent && ((kind == logmark.Password && app.Login == nil) || (kind != logmark.Password && app.Chat == nil)) {
			absent = append(absent, kind)
		}
	}
	return absent
}

// podsOf gives the pods of a workload.
func (s suiteRun) podsOf(ctx context.Context, w launch.Workload) ([]corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(w.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of %s: %w", w, err)
	}
	var pods corev1.PodList
	if err := s.r.Resolver.Live.List(ctx, &pods, client.InNamespace(w.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("listing the pods of %s: %w", w, err)
	}
	return pods.Items, nil
}

// searched searches the logs of a workload's pod from a time on.
func (s suiteRun) searched(ctx context.Context, w launch.Workload, pod corev1.Pod, searcher *logmark.Searcher, since time.Time) []logging.Container {
	var found []logging.Container
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses) {
		if status.State.Running == nil && status.State.Terminated == nil && status.LastTerminationState.Terminated == nil {
			continue // it has not begun, and logged nothing
		}
		c := logging.Container{Workload: w.String(), Name: status.Name}
		c.Seen, c.Problem = s.logOf(ctx, searcher, pod, status.Name, since, false)
		found = append(found, c)
		if before := status.LastTerminationState.Terminated; before != nil && before.FinishedAt.After(since) {
			c.Seen, c.Problem = s.logOf(ctx, searcher, pod, status.Name, since, true)
			if c.Problem == logging.Unreadable {
				c.Problem = logging.Restarted
			}
			found = append(found, c)
		}
	}
	return found
}

// logOf searches one log.
func (s suiteRun) logOf(ctx context.Context, searcher *logmark.Searcher, pod corev1.Pod, container string, since time.Time, previous bool) (logmark.Seen, logging.Problem) {
	stream, err := s.r.Probes.Logs.Since(ctx, pod.Namespace, pod.Name, container, since, previous)
	if err != nil {
		return logmark.Seen{}, problemOf(err)
	}
	defer stream.Close() //nolint:errcheck // it was read
	limited := &io.LimitedReader{R: stream, N: maxAppLog}
	seen, err := searcher.Search(ctx, limited)
	switch {
	case err != nil:
		return seen, problemOf(err)
	case limited.N == 0:
		return seen, logging.TooLong
	}
	return seen, logging.Complete
}

func problemOf(err error) logging.Problem {
	var status apierrors.APIStatus
	if errors.As(err, &status) && apierrors.IsForbidden(err) {
		return logging.Forbidden
	}
	return logging.Unreadable
}

// variables gives the names of the environment variables of an app's containers.
func variables(app *launch.App) []logging.Variable {
	var all []logging.Variable
	for _, w := range app.Workloads {
		for _, c := range slices.Concat(w.Template.Spec.InitContainers, w.Template.Spec.Containers) {
			for _, e := range c.Env {
				all = append(all, logging.Variable{Workload: w.String(), Container: c.Name, Name: e.Name})
			}
		}
	}
	return all
}
