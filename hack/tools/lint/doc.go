// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lint pins golangci-lint, with the Kubernetes API linter inside, in a module of its own, and proves that the
// project's .golangci.yml holds the import arrows of the house. It holds no code but that proof.
package lint
