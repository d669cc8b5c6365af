// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chart tests charts/launchready with Helm's own library. It is a module of its own, so that Helm's dependencies
// do not become the operator's.
//
//	go -C test/chart test .              # with KUBEBUILDER_ASSETS set, on a real API server too
//	go -C test/chart test . -run Golden -update
package chart
