// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

// decode gives to next what a text holds in an encoding.
func (f *finder) decode(text string, r *streams, next func(kind, decoded string)) {
}
