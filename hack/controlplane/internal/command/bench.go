// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package command

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/supervisor"
)

// sample is one measured run.
type sample struct {
	// answered is the time from nothing until "kubectl get nodes" has answered, ready until everything else is there too.
	answered, ready time.Duration
	// stopped is the time that stopping takes.
	stopped time.Duration
	// memory is the sum of the components' resident memory, in bytes.
	memory int64
}

func (a app) bench(ctx context.Context, args []string) error {
	flags := a.flags("bench")
	n := flags.Int("n", 5, "how often to measure")
	if err := a.parse(flags, args); err != nil {
		return err
	}
	if *n < 1 {
		return a.wrong("-n must be at least 1")
	}
	bin, err := a.programs(ctx)
	if err != nil {
		return err
	}
	samples := make([]sample, 0, *n)
	for i := range *n {
		s, err := measure(ctx, bin)
		if err != nil {
			return err
		}
		samples = append(samples, s)
		a.print("%d of %d: kubectl get nodes %.2f s, all ready %.2f s, memory %d MiB, stop %.2f s\n",
			i+1, *n, s.answered.Seconds(), s.ready.Seconds(), mib(s.memory), s.stopped.Seconds())
	}
	a.summarise("kubectl get nodes", "s", samples, func(s sample) float64 { return s.answered.Seconds() })
	a.summarise("all ready", "s", samples, func(s sample) float64 { return s.ready.Seconds() })
	a.summarise("memory", "MiB", samples, func(s sample) float64 { return float64(mib(s.memory)) })
	a.summarise("stop", "s", samples, func(s sample) float64 { return s.stopped.Seconds() })
	return nil
}

func (a app) summarise(what, unit string, samples []sample, value func(sample) float64) {
	values := make([]float64, 0, len(samples))
	for _, s := range samples {
		values = append(values, value(s))
	}
	a.print("%-18s median %7.2f %s, max %7.2f %s\n", what, median(values), unit, slices.Max(values), unit)
}

// measure starts a control plane in a new folder, asks it for its nodes, and stops it.
func measure(ctx context.Context, bin string) (s sample, err error) {
	config, err := supervised(bin, "")
	if err != nil {
		return s, err
	}
	begun := time.Now()
	config.Serving = func(ctx context.Context, kubeconfig string) error {
		err := getNodes(ctx, bin, kubeconfig)
		s.answered = time.Since(begun)
		return err
	}
	var ready time.Time
	err = supervisor.Run(ctx, config, func(_ context.Context, _ *process.Launcher, c supervisor.Plane) error {
		ready = time.Now()
		for _, p := range c.Components() {
			memory, err := p.Memory()
			if err != nil {
				return err
			}
			s.memory += memory
		}
		return nil
	})
	s.ready, s.stopped = ready.Sub(begun), time.Since(ready)
	return s, err
}

func getNodes(ctx context.Context, bin, kubeconfig string) error {
	kubectl := exec.CommandContext(ctx, filepath.Join(bin, "kubectl"), "--kubeconfig", kubeconfig, "get", "nodes")
	if out, err := kubectl.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl get nodes: %w: %s", err, out)
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func mib(bytes int64) int64 { return bytes >> 20 }
