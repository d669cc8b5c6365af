// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/supervisor"
)

// parentInterval is how often we look whether the process that started us is still there.
const parentInterval = 200 * time.Millisecond

// errOrphaned is the cause when the process that started us has ended.
var errOrphaned = errors.New("the process that started this one has ended")

func (a app) run(ctx context.Context, args []string) error {
	flags := a.flags("run")
	dir := flags.String("dir", "", "folder for the state, which is kept (default: a temporary one)")
	node := nodeFlag(flags, "with a node that runs pods")
	chdir := flags.String("chdir", "", "folder to run the command in")
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	command := supervisor.Command{Args: flags.Args()}
	if *chdir != "" {
		var err error
		if command.Dir, err = filepath.Abs(*chdir); err != nil {
			return err
		}
	}
	ctx, cancel := followParent(ctx)
	defer cancel()
	bin, err := a.programs(ctx)
	if err != nil {
		return err
	}
	config, err := supervised(bin, *dir)
	if err != nil {
		return err
	}
	if config.Node, config.Process, err = a.node(ctx, *node); err != nil {
		return err
	}
	begun := time.Now()
	return supervisor.Run(ctx, config, func(ctx context.Context, launcher *process.Launcher, c supervisor.Plane) error {
		a.tell("control plane ready after %.1f s (%s)\n", time.Since(begun).Seconds(), delays(c))
		if len(command.Args) > 0 {
			return supervisor.Execute(ctx, launcher, c, bin, command)
		}
		a.print("export KUBECONFIG=%s\n", shellQuote(c.Kubeconfig()))
		a.tell("Ctrl-C stops it\n")
		return supervisor.UntilOver(ctx)
	})
}

func delays(c supervisor.Plane) string {
	parts := make([]string, 0, len(c.Delays()))
	for _, delay := range c.Delays() {
		parts = append(parts, fmt.Sprintf("%s %.1f", delay.Component, delay.Duration.Seconds()))
	}
	return strings.Join(parts, ", ")
}

// followParent makes a context that is also over when the process that started us has ended. "go run" does not hand on the
// signal that ends it, and would leave a control plane behind.
func followParent(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	parent := os.Getppid()
	go func() {
		ticker := time.NewTicker(parentInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if os.Getppid() != parent {
					cancel(errOrphaned)
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// shellQuote quotes a path for a shell, if it needs to be.
func shellQuote(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+,:@%=", r)
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
