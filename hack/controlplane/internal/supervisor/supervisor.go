// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package supervisor runs a control plane in a folder for as long as it is wanted: until a context is over, a command has
// ended, or somebody stops it from outside.
//
// It must not know the components or their flags, nor read command lines.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/sandbox"
)

// commandGrace is how long a command may take to end after it was told to.
const commandGrace = 15 * time.Second

// Config says what to run and where.
type Config struct {
	// Bin is the folder of the programs.
	Bin string
	// Dir is the folder of the state; empty means a temporary one, which is removed in the end.
	Dir string
	// Guard is the command line of the guard process, for systems that need one.
	Guard []string
	// Node, if set, lets pods run. Dir, Bin and Launcher are set by Run.
	Node *sandbox.Config
	// Process, if set, lets pods run as processes.
	Process *cluster.ProcessNode
	// Serving is cluster.Config's, without a node.
	Serving func(ctx context.Context, kubeconfig string) error
}

// Plane is a running control plane, with a node or without.
type Plane interface {
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig() string
	// Components are the processes that we started.
	Components() []*process.Process
	// Delays say what the start took its time for.
	Delays() []cluster.Delay
	// Failed receives a *cluster.ComponentError if a component ends by itself.
	Failed() <-chan error
	// Stop ends all of it.
	Stop(ctx context.Context) error
}

// Run starts a control plane, calls use with it, and stops it when use returns. The context of use is over when the given one
// is, or when a component has ended by itself, which is then its cause.
func Run(ctx context.Context, config Config, use func(context.Context, *process.Launcher, Plane) error) (err error) {
	folder, err := claim(config.Dir)
	if err != nil {
		return err
	}
	defer closing(&err, folder.release)
	launcher, err := process.NewLauncher(config.Guard)
	if err != nil {
		return err
	}
	defer closing(&err, launcher.Close)
	c, err := config.start(ctx, folder.path, launcher)
	if err != nil {
		return err
	}
	defer closing(&err, func() error { return c.Stop(ctx) })

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case failure := <-c.Failed():
			cancel(failure)
		case <-ctx.Done():
		}
	}()
	return use(ctx, launcher, c)
}

// start starts a control plane, with a node or without.
func (c Config) start(ctx context.Context, dir string, launcher *process.Launcher) (Plane, error) {
	if c.Node == nil {
		return cluster.Start(ctx, cluster.Config{Bin: c.Bin, Dir: dir, Launcher: launcher, Serving: c.Serving, Process: c.Process})
	}
	node := *c.Node
	node.Bin, node.Dir, node.Launcher = c.Bin, dir, launcher
	return sandbox.Start(ctx, node)
}

// closing adds the error of an ending to one that is there already. Without one, it leaves that as it is.
func closing(err *error, end func() error) {
	if failure := end(); failure != nil {
		*err = errors.Join(*err, failure)
	}
}

// UntilOver waits until ctx is over. Only a component that has ended by itself is an error.
func UntilOver(ctx context.Context) error {
	<-ctx.Done()
	if failure, ok := errors.AsType[*cluster.ComponentError](context.Cause(ctx)); ok {
		return failure
	}
	return nil
}

// Command is a command to run against a control plane.
type Command struct {
	Args []string
	// Dir is the folder it runs in.
	Dir string
}

// ExitError carries the exit code of a command that has done what it was asked to, if not well.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.Code) }

// Execute runs a command with the control plane's kubeconfig, and its programs first in the path. A command that fails is an
// *ExitError.
func Execute(ctx context.Context, launcher *process.Launcher, c Plane, bin string, command Command) error {
	path, err := lookPath(bin, command.Args[0])
	if err != nil {
		return err
	}
	// Later entries win.
	env := append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if command.Dir != "" {
		env = append(env, "PWD="+command.Dir)
	}
	p, err := launcher.Start(process.Spec{
		Name: filepath.Base(path), Path: path, Args: command.Args[1:], Env: env, Dir: command.Dir,
	})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
		return exitError(p.Err())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandGrace)
	defer cancel()
	return errors.Join(context.Cause(ctx), p.Stop(grace))
}

// lookPath finds a program as the command itself would, with our programs first.
func lookPath(bin, name string) (string, error) {
	if filepath.Base(name) == name {
		if own := filepath.Join(bin, name); isProgram(own) {
			return own, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("the command to run: %w", err)
	}
	return path, nil
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

func exitError(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	// As shells do it for a command that a signal ended.
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &ExitError{Code: 128 + int(status.Signal())}
	}
	return &ExitError{Code: exit.ExitCode()}
}
