// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package suites knows all suites of probes.
package suites

import (
	"fmt"

	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/access"
	"github.com/launchready/launchready/internal/probe/suites/injection"
	"github.com/launchready/launchready/internal/probe/suites/logs"
)

// Kinds gives what is known of each suite without running it. An error is in the catalogue of attacks.
func Kinds() (map[probe.Suite]probe.Kind, error) {
	catalogue, err := injection.NewCatalogue()
	if err != nil {
		return nil, fmt.Errorf("loading the attacks: %w", err)
	}
	return KindsWith(catalogue), nil
}

// KindsWith does the same with a catalogue of attacks that is loaded already.
func KindsWith(catalogue *injection.Catalogue) map[probe.Suite]probe.Kind {
	return map[probe.Suite]probe.Kind{
		probe.SuiteAccess: access.Kind(), probe.SuiteInjection: catalogue.Kind(), probe.SuiteLogging: logs.Kind(),
	}
}
