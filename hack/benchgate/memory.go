// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/kubernetes"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

// memory installs the shipped policies, and gives how much of the API server's memory they and a namespace with 500 launches
// take, in MiB.
func memory(ctx context.Context, c *kubernetes.Clientset) (float64, error) {
	const requests = 1000
	before, err := makeNamespace(ctx, c, "without", 0, "")
	if err != nil {
		return 0, err
	}
	if _, err := burst(ctx, []*kubernetes.Clientset{c}, before, requests); err != nil {
		return 0, err
	}
	without, err := liveHeap(ctx, c)
	if err != nil {
		return 0, err
	}
	if err := install(ctx, c, gate.PoliciesFor(gate.DefaultOperator)); err != nil {
		return 0, err
	}
	after, err := makeNamespace(ctx, c, "with", 500, v1alpha1.GatedLabel)
	if err != nil {
		return 0, err
	}
	if _, err := burst(ctx, []*kubernetes.Clientset{c}, after, requests); err != nil {
		return 0, err
	}
	with, err := liveHeap(ctx, c)
	return with - without, err
}

// liveHeap gives what lives on the API server's heap, in MiB. The first request makes it collect garbage.
func liveHeap(ctx context.Context, c *kubernetes.Clientset) (float64, error) {
	if _, err := c.RESTClient().Get().AbsPath("/debug/pprof/heap").Param("gc", "1").DoRaw(ctx); err != nil {
		return 0, err
	}
	text, err := c.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	family := families["go_memstats_heap_alloc_bytes"]
	if family == nil || len(family.GetMetric()) != 1 {
		return 0, errors.New("the API server does not tell of its heap")
	}
	return family.GetMetric()[0].GetGauge().GetValue() / (1 << 20), nil
}
