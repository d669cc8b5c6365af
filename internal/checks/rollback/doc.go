// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollback measures the static part of the row RollbackReady: each workload of a launch keeps a previous
// revision, that revision could be started again with everything that it refers to, and going back to it would neither
// interrupt the service nor go unseen.
//
// It reads, and never rolls anything back. Secrets and ConfigMaps are read one by one, by get, never by list or watch;
// of each only the names of its keys are kept, and those for the length of one measurement.
package rollback
