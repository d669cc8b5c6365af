// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package secrets measures the row SecretsSafe on the pod templates of a launch: no secret is typed into them or into
// the ConfigMaps that they use, and every Secret that they refer to is there, with its keys, and holds real values.
//
// It reads Secrets and ConfigMaps one by one, by get, never by list or watch, and keeps nothing of them. It must never
// hand out a secret's value, its length or a part of it: a finding tells two secrets apart by a keyed fingerprint.
package secrets
