// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command launchready keeps an AI chatbot off the public internet until it has proved that it is ready for strangers.
// This package holds flags and wiring only, a file a subcommand.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
)

// version is stamped in by the linker (-X main.version=...).
var version = "dev"

func main() {
	root := &cobra.Command{
		Use:           "launchready",
		Short:         "Keeps an AI chatbot off the public internet until it has proved that it is ready for strangers",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newManagerCommand(), newProbeCommand(), newCanaryCommand(), newCheckCommand(), newAttacksCommand(), newAdmitCommand(), newGateCommand(), newEdgeCommand(), newUninstallCommand())
	if err := root.ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "launchready:", err)
		os.Exit(exitCode(err))
	}
}

// exitCode is 2 where it can't be told what the gate says, and 1 for whatever else goes wrong, a held release included.
func exitCode(err error) int {
	if errors.Is(err, errUntold) {
		return 2
	}
	return 1
}
