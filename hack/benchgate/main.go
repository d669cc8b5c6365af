// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command benchgate measures what the gate adds to a request, on a real API server, and prints docs/benchmarks.md.
//
// Dry-run updates of a Deployment's pod template are sent to namespaces that differ in what the gate knows of them. All take
// turns in every round, so that what disturbs the machine disturbs all of them; what is reported is the difference to the
// namespace without a launch, round by round.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	rounds   = 15
	perRound = 220 // requests a scenario and round: 3,300 in all
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "benchgate:", err)
		os.Exit(1)
	}
}

// run starts an API server, measures, and prints.
func run(ctx context.Context) (err error) {
	environment := &envtest.Environment{ControlPlaneStartTimeout: 2 * time.Minute}
	defer func() {
		if stopErr := environment.Stop(); err == nil {
			err = stopErr
		}
	}()
	config, err := environment.Start()
	if err != nil {
		return fmt.Errorf("starting an API server (make bench-gate sets KUBEBUILDER_ASSETS): %w", err)
	}
	config.QPS = -1
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var r report
	if r.memory, err = memory(ctx, clientset); err != nil {
		return fmt.Errorf("measuring memory: %w", err)
	}
	scenarios, err := prepare(ctx, clientset)
	if err != nil {
		return err
	}
	for _, clients := range []int{1, 8} {
		fmt.Fprintf(os.Stderr, "%d client(s): %d rounds of %d requests to each of %d namespaces\n", clients, rounds, perRound, len(scenarios))
		results, err := measure(ctx, config, scenarios, clients)
		if err != nil {
			return err
		}
		r.tables = append(r.tables, table{clients: clients, results: results})
	}
	if r.flips, err = flips(ctx, clientset); err != nil {
		return err
	}
	return r.write(os.Stdout)
}

// result are the durations of a scenario's requests, by round.
type result struct {
	scenario scenario
	rounds   [rounds][]time.Duration
}

// measure sends every scenario's requests in turns.
func measure(ctx context.Context, config *rest.Config, scenarios []scenario, clients int) ([]*result, error) {
	var results []*result
	for _, s := range scenarios {
		results = append(results, &result{scenario: s})
	}
	writers := make([]*kubernetes.Clientset, clients)
	for i := range writers {
		c, err := kubernetes.NewForConfig(rest.CopyConfig(config))
		if err != nil {
			return nil, err
		}
		writers[i] = c
	}
	for round := range rounds + 1 { // the first warms up
		for i := range results {
			turn := results[(i+round)%len(results)]
			took, err := burst(ctx, writers, turn.scenario, perRound)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", turn.scenario.name, err)
			}
			if round > 0 {
				turn.rounds[round-1] = took
			}
		}
	}
	return results, nil
}

// burst sends requests from all writers side by side, and gives how long each took.
func burst(ctx context.Context, writers []*kubernetes.Clientset, s scenario, requests int) ([]time.Duration, error) {
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var all sync.WaitGroup
	for w, c := range writers {
		all.Go(func() {
			for i := range requests / len(writers) {
				body := s.body(w*requests + i)
				start := time.Now()
				err := c.AppsV1().RESTClient().Put().Namespace(s.namespace).Resource("deployments").Name("chat-0").Param("dryRun", "All").Body(body).Do(ctx).Error()
				elapsed := time.Since(start)
				mu.Lock()
				took = append(took, elapsed)
				if err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return took, failed
}

// quantile gives a quantile of durations, in milliseconds.
func quantile(durations []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(durations))
	return float64(sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]) / float64(time.Millisecond)
}
