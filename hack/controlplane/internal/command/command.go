// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package command is the command line: it reads arguments, handles signals and prints.
//
// It must not do any of the work itself.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/binaries"
	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/sandbox"
	"github.com/launchready/launchready/hack/controlplane/internal/supervisor"
)

const usage = `Builds and runs a Kubernetes control plane: etcd, API server, controller manager, scheduler. With --node also a node that
runs pods: --node=real (Linux, root), --node=process (Linux, any user), or the best of them that works; LAUNCHREADY_NODE names one
where --node does not.

  build [--node]               build the programs (once; minutes when nothing is cached)
  path                         print the folder of the programs, for KUBEBUILDER_ASSETS; builds nothing
  run [--node] [--dir DIR] [--chdir DIR] [-- COMMAND ARGS...]
                               run a control plane while the command runs, or until Ctrl-C
  start --dir DIR [--node]     start a control plane that stays, and print how to reach it
  stop --dir DIR               stop it
  node-available               print "real" or "process", whichever node can run here, else why none can (exit code 3)
  image --binary FILE --name NAME:TAG --output TARBALL [--path PATH]
                               make an image of a static binary
  load --dir DIR TARBALL...    load images into the node
  bench [-n 5]                 measure the time until "kubectl get nodes" has answered, and the memory

Everything but path and stop builds the programs first if they are missing. Without --dir, the state lies in a temporary folder
and is removed in the end. COMMAND gets KUBECONFIG, and kubectl in its PATH.
`

// Exit codes. "go run" turns all but success into 1.
const (
	exitFailure = 1
	exitUsage   = 2
	// exitUnavailable says that no node can run on this machine.
	exitUnavailable = 3
)

// Hidden subcommands, which only this program calls.
const (
	superviseCommand = "supervise"
	guardCommand     = "guard"

	nodeInitCommand   = "node-init"
	nodeInsideCommand = "node-inside"
	nodeCheckCommand  = "node-check"
	// processCheckCommand tries what the process node will do.
	processCheckCommand = "process-check"
)

// Environment is what the program is given.
type Environment struct {
	// GoMod and GoSum pin what is built.
	GoMod, GoSum   []byte
	Stdout, Stderr io.Writer
}

// errUsage says that the command line is wrong; what is wrong was printed.
var errUsage = errors.New("wrong usage")

// errUnavailable says that no node can run on this machine; why was printed.
var errUnavailable = errors.New("no node can run on this machine")

// Main runs the program and returns its exit code.
func Main(args []string, env Environment) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// The second signal ends us at once; our children with us.
	context.AfterFunc(ctx, stop)
	err := app{env}.dispatch(ctx, args)
	exit, isExit := errors.AsType[*supervisor.ExitError](err)
	unavailable, isUnavailable := errors.AsType[*sandbox.UnavailableError](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return exitUsage
	case isExit && error(exit) == err: //nolint:errorlint // wrapped or joined, it is not the only thing to report
		return exit.Code
	case errors.Is(err, errUnavailable):
		return exitUnavailable
	case isUnavailable:
		_, _ = fmt.Fprintln(env.Stderr, "controlplane:", unavailable)
		return exitUnavailable
	default:
		_, _ = fmt.Fprintln(env.Stderr, "controlplane:", err)
		return exitFailure
	}
}

type app struct{ Environment }

func (a app) dispatch(ctx context.Context, args []string) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "build":
		return a.build(ctx, args)
	case "path":
		return a.path(ctx, args)
	case "run":
		return a.run(ctx, args)
	case "start":
		return a.start(ctx, args)
	case "stop":
		return a.stop(ctx, args)
	case "bench":
		return a.bench(ctx, args)
	case "node-available":
		return a.nodeAvailable(ctx, args)
	case "image":
		return a.image(ctx, args)
	case "load":
		return a.load(ctx, args)
	case nodeInitCommand, nodeInsideCommand, nodeCheckCommand, processCheckCommand:
		return hidden(ctx, name, args)
	case superviseCommand:
		return a.supervise(ctx, args)
	case guardCommand:
		return process.Guard(os.Stdin)
	case "help", "-h", "--help":
		a.print(usage)
		return nil
	default:
		a.tell("%s", usage)
		return errUsage
	}
}

func (a app) build(ctx context.Context, args []string) error {
	flags := a.flags("build")
	node := nodeFlag(flags, "build the programs of a node too")
	if err := a.parse(flags, args); err != nil {
		return err
	}
	set, err := a.open(ctx)
	if err != nil {
		return err
	}
	built, err := set.Ensure(ctx, a.Stdout)
	if err == nil && *node != nodeNone {
		var some bool
		some, err = a.buildFor(ctx, *node)
		built = built || some
	}
	if err == nil && !built {
		a.print("nothing to build, the programs are in %s\n", set.Dir())
	}
	return err
}

func (a app) path(ctx context.Context, args []string) error {
	if err := a.parse(a.flags("path"), args); err != nil {
		return err
	}
	set, err := a.open(ctx)
	if err != nil {
		return err
	}
	a.print("%s\n", set.Dir())
	return nil
}

func (a app) start(ctx context.Context, args []string) error {
	flags := a.flags("start")
	dir := flags.String("dir", "", "folder for the state")
	node := nodeFlag(flags, "with a node that runs pods")
	if err := a.parse(flags, args); err != nil {
		return err
	}
	if *dir == "" {
		return a.wrong("start needs --dir")
	}
	bin, err := a.programs(ctx)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	command := []string{self, superviseCommand, "--dir", *dir, "--bin", bin}
	inSandbox, asProcesses, err := a.node(ctx, *node)
	switch {
	case err != nil:
		return err
	case inSandbox != nil:
		command = append(command, "--pause", inSandbox.Pause, "--node-bin", strings.Join(inSandbox.NodeBin, string(os.PathListSeparator)))
	case asProcesses != nil:
		command = append(command, "--process-node", asProcesses.Program)
	}
	begun := time.Now()
	kubeconfig, err := supervisor.Start(ctx, *dir, command)
	if err != nil {
		return err
	}
	a.tell("control plane ready after %.1f s; it runs until: controlplane stop --dir %s\n", time.Since(begun).Seconds(), *dir)
	a.print("export KUBECONFIG=%s\n", shellQuote(kubeconfig))
	return nil
}

func (a app) supervise(ctx context.Context, args []string) error {
	flags := a.flags(superviseCommand)
	dir := flags.String("dir", "", "folder for the state")
	bin := flags.String("bin", "", "folder of the programs")
	nodeBin := flags.String("node-bin", "", "folders of the node's programs")
	pause := flags.String("pause", "", "tarball of the pause image")
	asProcesses := flags.String("process-node", "", "program of the process node")
	if err := a.parse(flags, args); err != nil {
		return err
	}
	config, err := supervised(*bin, *dir)
	if err != nil {
		return err
	}
	if *nodeBin != "" {
		if config.Node, err = nodeConfig(filepath.SplitList(*nodeBin), *pause); err != nil {
			return err
		}
	}
	if *asProcesses != "" {
		config.Process = &cluster.ProcessNode{Program: *asProcesses}
	}
	return supervisor.Detached(ctx, config)
}

func (a app) stop(ctx context.Context, args []string) error {
	flags := a.flags("stop")
	dir := flags.String("dir", "", "folder of the state")
	if err := a.parse(flags, args); err != nil {
		return err
	}
	if *dir == "" {
		return a.wrong("stop needs --dir")
	}
	err := supervisor.Stop(ctx, *dir)
	if errors.Is(err, supervisor.ErrNotRunning) {
		// What was asked for is so.
		a.tell("%v\n", err)
		return nil
	}
	return err
}

// programs returns the folder of the programs, building those that are missing.
func (a app) programs(ctx context.Context) (string, error) {
	set, err := a.open(ctx)
	if err != nil {
		return "", err
	}
	// Standard output belongs to what was asked for.
	_, err = set.Ensure(ctx, a.Stderr)
	return set.Dir(), err
}

func (a app) open(ctx context.Context) (*binaries.Set, error) {
	return binaries.Open(ctx, a.GoMod, a.GoSum, binaries.Targets())
}

// supervised is the configuration of a supervisor in this process.
func supervised(bin, dir string) (supervisor.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return supervisor.Config{}, fmt.Errorf("finding this program: %w", err)
	}
	return supervisor.Config{Bin: bin, Dir: dir, Guard: []string{self, guardCommand}}, nil
}

func (a app) flags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(a.Stderr)
	return flags
}

// parse reads flags, where nothing else may follow.
func (a app) parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	if flags.NArg() > 0 {
		return a.wrong("%s takes no %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

func (a app) wrong(format string, args ...any) error {
	a.tell(format+"\n", args...)
	return errUsage
}

// print writes what was asked for, tell what a person may want to know.
func (a app) print(format string, args ...any) { _, _ = fmt.Fprintf(a.Stdout, format, args...) }
func (a app) tell(format string, args ...any)  { _, _ = fmt.Fprintf(a.Stderr, format, args...) }
