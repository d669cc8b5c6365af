// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package command

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/supervisor"
)

// sample is one measured run.
type sample struct {
	// answered is the time from nothing until "kubectl get nodes" has answered, after the whole control plane is of use.
	answered time.Duration
	stopped  time.Duration
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
		a.print("%d of %d: kubectl get nodes after %.2f s, %d MiB, stopped in %.2f s\n",
			i+1, *n, s.answered.Seconds(), mib(s.memory), s.stopped.Seconds())
	}
	a.summarise(samples)
	return nil
}

func (a app) summarise(samples []sample) {
	var answered, stopped []float64
	var memory []int64
	for _, s := range samples {
		answered, stopped = append(answered, s.answered.Seconds()), append(stopped, s.stopped.Seconds())
		memory = append(memory, mib(s.memory))
	}
	a.print("kubectl get nodes: median %.2f s, max %.2f s\n", median(answered), slices.Max(answered))
	a.print("memory:            median %d MiB, max %d MiB\n", median(memory), slices.Max(memory))
	a.print("stop:              median %.2f s, max %.2f s\n", median(stopped), slices.Max(stopped))
}

// measure starts a control plane in a new folder, asks it for its nodes, and stops it.
func measure(ctx context.Context, bin string) (s sample, err error) {
	config, err := supervised(bin, "")
	if err != nil {
		return s, err
	}
	begun := time.Now()
	var answered time.Time
	err = supervisor.Run(ctx, config, func(ctx context.Context, launcher *process.Launcher, c *cluster.Cluster) error {
		if err := getNodes(ctx, launcher, c, bin); err != nil {
			return err
		}
		answered = time.Now()
		for _, p := range c.Components() {
			memory, err := p.Memory()
			if err != nil {
				return err
			}
			s.memory += memory
		}
		return nil
	})
	s.answered, s.stopped = answered.Sub(begun), time.Since(answered)
	return s, err
}

func getNodes(ctx context.Context, launcher *process.Launcher, c *cluster.Cluster, bin string) error {
	p, err := launcher.Start(process.Spec{
		Name: "kubectl", Path: filepath.Join(bin, "kubectl"), Args: []string{"--kubeconfig", c.Kubeconfig(), "get", "nodes"},
		LogFile: filepath.Join(filepath.Dir(c.Kubeconfig()), "kubectl.log"),
	})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return errors.Join(context.Cause(ctx), p.Stop(grace))
	}
	if p.Err() != nil {
		return fmt.Errorf("kubectl get nodes: %w: %s", p.Err(), p.LogTail())
	}
	return nil
}

func median[N int64 | float64](values []N) N {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func mib(bytes int64) int64 { return bytes >> 20 }
