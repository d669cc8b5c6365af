// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/filelock"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/sandbox"
)

const (
	// startTimeout and stopTimeout bound the wait for a detached supervisor. They are longer than what all components together
	// may take, so that the supervisor itself says what was wrong.
	startTimeout = 15 * time.Minute
	stopTimeout  = 3 * time.Minute
	// killTimeout bounds the wait for the kernel to end a supervisor.
	killTimeout = 10 * time.Second
	// reportFD is the file on which a detached supervisor reports to its starter: the first after the standard ones.
	reportFD = 3
)

var (
	// ErrNotRunning says that no control plane runs in the folder.
	ErrNotRunning = errors.New("no control plane is running there")
	// errGivenUp is the cause when a supervisor took too long.
	errGivenUp = fmt.Errorf("not done within %s", startTimeout)
)

// report is what a detached supervisor tells its starter, once.
type report struct {
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Error      string `json:"error,omitempty"`
}

// Start runs a supervisor that outlives this process, and returns the kubeconfig of its control plane once that is of use.
// The command must call Detached.
func Start(ctx context.Context, dir string, command []string) (string, error) {
	dir, err := makeFolder(dir)
	if err != nil {
		return "", fmt.Errorf("folder of the control plane: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errGivenUp)
	defer cancel()
	cmd, in, err := detach(filepath.Join(dir, logName), command)
	if err != nil {
		return "", fmt.Errorf("starting a supervisor: %w", err)
	}
	defer func() { _ = in.Close() }()
	// It then ends what it has started, and itself, and with that our reading.
	giveUp := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	var r report
	err = json.NewDecoder(in).Decode(&r)
	if giveUp() && err == nil && r.Error == "" {
		return r.Kubeconfig, cmd.Process.Release()
	}
	// A supervisor that has failed, or was told to end, ends; how is said by its report.
	_ = cmd.Wait()
	if r.Error != "" {
		err = errors.New(r.Error)
	}
	return "", fmt.Errorf("no control plane was started in %s: %w", dir, errors.Join(context.Cause(ctx), err))
}

// detach starts the supervisor in a session of its own, away from our terminal, and returns the end of the pipe from which its
// report is read.
func detach(logFile string, command []string) (*exec.Cmd, *os.File, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // in the caller's own folder
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = log.Close() }()
	in, out, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = out.Close() }()
	// Not CommandContext: it shall live on.
	cmd := exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // our own program, which is to outlive us
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{out}
	if err := cmd.Start(); err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return cmd, in, nil
}

// Detached is what the process that Start made does: it runs a control plane until ctx is over.
func Detached(ctx context.Context, config Config) error {
	// The components must not hold the pipe.
	syscall.CloseOnExec(reportFD)
	out := os.NewFile(reportFD, "report")
	defer func() { _ = out.Close() }()
	reported := false
	err := Run(ctx, config, func(ctx context.Context, _ *process.Launcher, c Plane) error {
		reported = true
		// A starter that is gone has told nobody how to reach or stop us: then there is no use in staying.
		if err := json.NewEncoder(out).Encode(report{Kubeconfig: c.Kubeconfig()}); err != nil {
			return fmt.Errorf("reporting to the starter: %w", err)
		}
		return UntilOver(ctx)
	})
	if err != nil && !reported {
		err = errors.Join(err, json.NewEncoder(out).Encode(report{Error: err.Error()}))
	}
	return err
}

// Stop ends the control plane in a folder, however it was started, and returns when it has ended.
func Stop(ctx context.Context, dir string) error {
	lock := filepath.Join(dir, lockName)
	if _, err := os.Stat(lock); err != nil {
		return fmt.Errorf("not the folder of a control plane: %w", err)
	}
	pid, err := filelock.Holder(lock)
	if err != nil {
		return err
	}
	if pid == 0 {
		return fmt.Errorf("%s: %w", dir, ErrNotRunning)
	}
	// On Linux the process is held by a descriptor from here on, so the signal cannot reach another one that gets its number;
	// and it is ours, since it still holds the lock after we have got hold of it.
	supervisor, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("stopping process %d: %w", pid, err)
	}
	if again, err := filelock.Holder(lock); err != nil || again != pid {
		return errors.Join(err, fmt.Errorf("%s: %w", dir, ErrNotRunning))
	}
	return end(ctx, supervisor, lock)
}

// Load imports images from tarballs into the node of the control plane in a folder.
func Load(ctx context.Context, dir string, tarballs []string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	pid, err := filelock.Holder(filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	if pid == 0 {
		return fmt.Errorf("%s: %w", dir, ErrNotRunning)
	}
	if folder := cluster.ProcessImages(dir); folder != "" {
		return hand(folder, tarballs)
	}
	return sandbox.Load(ctx, dir, pid, tarballs)
}

// hand gives tarballs to the process node, which finds them whole or not at all.
func hand(folder string, tarballs []string) error {
	for _, tarball := range tarballs {
		if err := handOne(folder, tarball); err != nil {
			return fmt.Errorf("loading %s: %w", tarball, err)
		}
	}
	return nil
}

func handOne(folder, tarball string) error {
	from, err := os.Open(tarball) //nolint:gosec // the caller names the file
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := os.CreateTemp(folder, "loading-")
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	return os.Rename(to.Name(), to.Name()+".tar")
}

// end asks the supervisor to end, and kills it if it does not: its children then end with it.
func end(ctx context.Context, supervisor *os.Process, lock string) error {
	if err := send(supervisor, syscall.SIGTERM); err != nil {
		return err
	}
	err := awaitRelease(ctx, supervisor.Pid, lock, stopTimeout)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if err := send(supervisor, syscall.SIGKILL); err != nil {
		return err
	}
	return errors.Join(fmt.Errorf("killed process %d: %w", supervisor.Pid, err), awaitRelease(ctx, supervisor.Pid, lock, killTimeout))
}

func send(p *os.Process, sig os.Signal) error {
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping process %d: %w", p.Pid, err)
	}
	return nil
}

func awaitRelease(ctx context.Context, pid int, lock string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("process %d has not ended within %s", pid, timeout))
	defer cancel()
	return process.Poll(ctx, func(context.Context) (bool, error) {
		holder, err := filelock.Holder(lock)
		return holder != pid, err
	})
}
