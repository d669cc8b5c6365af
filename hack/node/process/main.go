// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command process is a node that needs no root: its pods are processes in namespaces of their own, with addresses, names and
// Services of their own. hack/controlplane starts it; README.md beside this says what it can't show.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/launchready/launchready/hack/node/process/internal/agent"
	"github.com/launchready/launchready/hack/node/process/internal/container"
	"github.com/launchready/launchready/hack/node/process/internal/rootless"
)

// Hidden commands, which only this program calls.
const (
	insideCommand    = "inside"
	containerCommand = "container"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "process node:", err)
		os.Exit(1)
	}
}

// run takes the API server's address and an agent.Config as JSON. The working folder is the node's own.
func run(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == containerCommand {
		return container.Init()
	}
	// The kernel shows this file whatever the root is.
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return errors.New("it needs the API server's address and its configuration as JSON: hack/controlplane gives both")
	}
	var config agent.Config
	if err := json.Unmarshal([]byte(args[1]), &config); err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	if args[0] == insideCommand {
		return agent.Run(ctx, config, []string{self, containerCommand})
	}
	if err := os.MkdirAll(agent.Memory, 0o700); err != nil {
		return fmt.Errorf("in %s: %w", strconv.Quote("."), err)
	}
	return rootless.Run(ctx, rootless.Config{Command: []string{self, insideCommand, args[1]}, Port: config.Port, APIServer: args[0]})
}
