// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/launchready/launchready/hack/controlplane/internal/binaries"
	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/processnode"
	"github.com/launchready/launchready/hack/controlplane/internal/sandbox"
	"github.com/launchready/launchready/hack/controlplane/internal/supervisor"
)

func (a app) nodeAvailable(ctx context.Context, args []string) error {
	if err := a.parse(a.flags("node-available"), args); err != nil {
		return err
	}
	kind, why, err := choose(ctx, nodeAuto)
	if reason, ok := errors.AsType[*sandbox.UnavailableError](err); ok {
		a.print("%s\n", reason.Reason)
		return errUnavailable
	}
	if err != nil {
		return err
	}
	a.print("%s\n", kind)
	if why != "" {
		a.tell("%s\n", why)
	}
	return nil
}

// checkNode says why no node can run on this machine, or nil.
func checkNode(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	return sandbox.Available(ctx, []string{self, nodeCheckCommand})
}

func (a app) load(ctx context.Context, args []string) error {
	flags := a.flags("load")
	dir := flags.String("dir", "", "folder of the state")
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	if *dir == "" || flags.NArg() == 0 {
		return a.wrong("load needs --dir and tarballs")
	}
	return supervisor.Load(ctx, *dir, flags.Args())
}

// image hands its arguments to a program of its own, which has the library for it.
func (a app) image(ctx context.Context, args []string) error {
	set, err := binaries.OpenNodeModule(ctx, "image")
	if err != nil {
		return err
	}
	if _, err := set.Ensure(ctx, a.Stderr); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(set.Dir(), "make-image"), args...)
	cmd.Stdout, cmd.Stderr = a.Stdout, a.Stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		return &supervisor.ExitError{Code: exit.ExitCode()}
	}
	return err
}

// buildNode builds the programs of a node that are missing, and says whether there was anything to do.
func (a app) buildNode(ctx context.Context) (dirs []string, built bool, err error) {
	sets, err := binaries.OpenNode(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, set := range sets {
		some, err := set.Ensure(ctx, a.Stderr)
		if err != nil {
			return nil, false, err
		}
		built = built || some
		dirs = append(dirs, set.Dir())
	}
	return dirs, built, nil
}

// realNode prepares the machine for a real node: programs that are missing are installed and built, the pause image is made.
func (a app) realNode(ctx context.Context) (*sandbox.Config, error) {
	if err := sandbox.Install(ctx, a.Stderr); err != nil {
		return nil, err
	}
	dirs, _, err := a.buildNode(ctx)
	if err != nil {
		return nil, err
	}
	pause, err := pauseImage(ctx, dirs)
	if err != nil {
		return nil, fmt.Errorf("making the pause image: %w", err)
	}
	return nodeConfig(dirs, pause)
}

func nodeConfig(dirs []string, pause string) (*sandbox.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	return &sandbox.Config{
		NodeBin: dirs, Pause: pause, Init: []string{self, nodeInitCommand}, Inside: []string{self, nodeInsideCommand},
	}, nil
}

// pauseImage makes the image beside the program that is in it, once.
func pauseImage(ctx context.Context, dirs []string) (string, error) {
	for _, dir := range dirs {
		binary, tarball := filepath.Join(dir, "pause"), filepath.Join(dir, "pause.tar")
		if _, err := os.Stat(binary); err != nil {
			continue
		}
		if _, err := os.Stat(tarball); err == nil {
			return tarball, nil
		}
		return tarball, makePause(ctx, dir, binary, tarball)
	}
	return "", fmt.Errorf("no program pause in %s", strings.Join(dirs, " "))
}

// makePause puts the tarball in place once it is whole, since several may make it at the same time.
func makePause(ctx context.Context, dir, binary, tarball string) error {
	staging, err := os.MkdirTemp(dir, ".pause-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(staging) }()
	staged := filepath.Join(staging, "pause.tar")
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "make-image"), "--binary", binary, "--name", cluster.PauseImage, "--output", staged)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return os.Rename(staged, tarball)
}

// oneArgument gives the argument of a hidden command.
func oneArgument(args []string) (string, error) {
	if len(args) != 1 {
		return "", errUsage
	}
	return args[0], nil
}

// hidden runs what only this program calls, in the namespaces of a node.
func hidden(ctx context.Context, name string, args []string) error {
	argument, err := oneArgument(args)
	if err != nil {
		return err
	}
	switch name {
	case nodeInitCommand:
		code, err := sandbox.Init(argument)
		if err == nil && code != 0 {
			err = &supervisor.ExitError{Code: code}
		}
		return err
	case nodeInsideCommand:
		return sandbox.Inside(ctx, argument)
	case processCheckCommand:
		return processnode.Check(argument)
	default:
		return sandbox.Check(argument)
	}
}
