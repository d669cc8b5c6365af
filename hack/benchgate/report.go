// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what was measured.
type report struct {
	tables []table
	flips  []time.Duration
	// memory of the API server for the gate, in MiB.
	memory float64
}

type table struct {
	clients int
	results []*result
}

// write prints the report as a page of the documentation.
func (r report) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# What the gate costs

Written by `+"`make bench-gate`"+`, which takes a few minutes. Machine: %s, %d processors, Linux %s; %s; Kubernetes of hack/controlplane.

Method: dry-run updates (PUT) of a Deployment's pod template, which change one of twenty variables in each of two containers, to namespaces that differ
in how many launches they hold. Launches are of ordinary size: a workload, a Service, a host, five verified revisions of two images; all are open and
enforced. The namespaces take turns in each of %d rounds of %d requests. "Added" is the median over the rounds of the difference to the namespace without
a launch in the same round, of the medians and of the 99th percentiles. "State decision" is the shipped policies without the rule on typed secrets.

The budgets are +0.15 ms for the state decision and +0.3 ms for the whole table with one client, +1 ms at the 99th percentile, and 20 MiB. They were set
on a machine on which the request itself took 1.5 ms.
`, processor(), runtime.NumCPU(), kernel(), runtime.Version(), rounds, perRound)
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n## %d client(s)\n\n| namespace | median ms | p99 ms | added median ms | added p99 ms |\n| --- | --- | --- | --- | --- |\n", t.clients)
		for _, res := range t.results {
			all := slices.Concat(res.rounds[:]...)
			fmt.Fprintf(&b, "| %s | %.2f | %.2f | %s | %s |\n", res.scenario.name, quantile(all, 0.5), quantile(all, 0.99),
				added(res, t.results[0], 0.5), added(res, t.results[0], 0.99))
		}
	}
	fmt.Fprintf(&b, "\n## From the verdict to the refused request\n\n%d flips of a launch's record: median %.1f ms, p99 %.1f ms, slowest %.1f ms, the request itself included.\n",
		len(r.flips), quantile(r.flips, 0.5), quantile(r.flips, 0.99), quantile(r.flips, 1))
	fmt.Fprintf(&b, "\n## Memory\n\nThe shipped policies and a namespace with 500 launches add %.1f MiB to what lives on the API server's heap after a garbage collection, measured after\nas many requests without them as with them.\n", r.memory)
	_, err := io.WriteString(w, b.String())
	return err
}

// added is the median over the rounds of the difference of a quantile to the baseline's.
func added(r, baseline *result, q float64) string {
	if r == baseline {
		return ""
	}
	var differences []float64
	for i := range r.rounds {
		differences = append(differences, quantile(r.rounds[i], q)-quantile(baseline.rounds[i], q))
	}
	slices.Sort(differences)
	return fmt.Sprintf("%+.2f", differences[len(differences)/2])
}

func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}
