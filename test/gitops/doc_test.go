// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gitops shows that what docs/gitops.md says is so: Flux's and Argo CD's own libraries sync an app under the gate to
// a real API server, beside the real operator. It is a module of its own, so that their dependencies do not become the
// operator's. It needs KUBEBUILDER_ASSETS: see hack/controlplane.
//
//	go -C test/gitops test .
package gitops
