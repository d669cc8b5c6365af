// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package process starts child processes that never outlive this program, and stops them.
//
// It knows nothing of Kubernetes: it must not decide what to start, in which order to stop it, or where files live.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// logTailBytes bounds how much of a log an error may quote.
const logTailBytes = 4 << 10

// ErrKilled says that a process did not end within its grace period and was killed.
var ErrKilled = errors.New("did not stop in time and was killed")

// Spec describes a process to start.
type Spec struct {
	// Name is how errors and reports call the process.
	Name string
	// Path is the program, and Args are its arguments without the program's name.
	Path string
	Args []string
	// Env is the whole environment; nil means this program's own.
	Env []string
	// Dir is the folder it runs in; empty means this program's own.
	Dir string
	// Attributes, if set, adds to how the kernel starts it.
	Attributes func(*syscall.SysProcAttr)
	// Files are handed on, as file descriptors from 3 on.
	Files []*os.File
	// LogFile receives both outputs. If it is empty, the process shares this program's terminal: all three standard
	// streams, and the process group, so that Ctrl-C reaches it too.
	LogFile string
}

// Process is a started process.
type Process struct {
	spec  Spec
	cmd   *exec.Cmd
	done  chan struct{}
	err   error
	ended time.Time
}

// Name is the name given in the Spec.
func (p *Process) Name() string { return p.spec.Name }

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended and was reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the process ended, nil for exit status 0. It is only valid after Done.
func (p *Process) Err() error { return p.err }

// Ended is when the process was seen to have ended. It is only valid after Done.
func (p *Process) Ended() time.Time { return p.ended }

// Signal sends a signal; a process that has ended is no error.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signalling %s: %w", p.spec.Name, err)
	}
	return nil
}

// Stop asks the process to end and kills it when ctx is over; either way it has ended when Stop returns.
// The error is ErrKilled if it had to be killed.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return fmt.Errorf("%s: %w", p.spec.Name, ErrKilled)
}

// LogTail is the end of the process's log, starting at a line's beginning; empty if it has no log.
func (p *Process) LogTail() string {
	if p.spec.LogFile == "" {
		return ""
	}
	tail, err := readTail(p.spec.LogFile)
	if err != nil {
		return fmt.Sprintf("(log unreadable: %v)", err)
	}
	return tail
}

func readTail(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the caller's own log file
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	start := max(info.Size()-logTailBytes, 0)
	data := make([]byte, info.Size()-start)
	n, err := f.ReadAt(data, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return wholeLines(data[:n], start > 0), nil
}

// wait reaps the process. It runs in a goroutine of its own for as long as the process lives.
func (p *Process) wait(ended func()) {
	p.err = p.cmd.Wait()
	p.ended = time.Now()
	ended()
	close(p.done)
}

func newCommand(spec Spec) (*exec.Cmd, io.Closer, error) {
	// Not CommandContext: a cancelled context must not kill the API server's store before the API server.
	cmd := exec.Command(spec.Path, spec.Args...) //nolint:noctx // see above
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	cmd.SysProcAttr, cmd.ExtraFiles = &syscall.SysProcAttr{}, spec.Files
	if spec.Attributes != nil {
		spec.Attributes(cmd.SysProcAttr)
	}
	if spec.LogFile == "" {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd, io.NopCloser(nil), nil
	}
	log, err := os.OpenFile(spec.LogFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own keeps Ctrl-C in the terminal from ending everything at once, in no order.
	cmd.SysProcAttr.Setpgid = true
	return cmd, log, nil
}

// PollInterval is how often a condition that sends no notice is looked at.
const PollInterval = 50 * time.Millisecond

// Poll calls check until it reports true or fails, or ctx is over.
func Poll(ctx context.Context, check func(context.Context) (bool, error)) error {
	ticker := time.NewTicker(PollInterval)
	defer ticker.Stop()
	for {
		done, err := check(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
