// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package process

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// errClosed answers a Start after Close.
var errClosed = errors.New("the launcher is closed")

// tether binds the life of a child to that of this program.
type tether interface {
	// prepare is called before the child is started, on the thread that will start it.
	prepare(attr *syscall.SysProcAttr, shared bool)
	// started and ended tell of a child's life.
	started(pid int)
	ended(pid int)
	// close gives up the tether, once no child is left.
	close() error
}

// Launcher starts processes that end when this program ends, however that happens.
type Launcher struct {
	tether   tether
	requests chan request
	closed   chan struct{}
	once     sync.Once
}

type request struct {
	cmd    *exec.Cmd
	shared bool
	reply  chan error
}

// NewLauncher makes a Launcher. Where the kernel cannot end children with their parent, it starts the guard command, which
// must call Guard.
func NewLauncher(guard []string) (*Launcher, error) {
	t, err := newTether(guard)
	if err != nil {
		return nil, err
	}
	return newLauncher(t), nil
}

func newLauncher(t tether) *Launcher {
	l := &Launcher{tether: t, requests: make(chan request), closed: make(chan struct{})}
	go l.fork()
	return l
}

// fork starts all children from one thread that lives as long as the Launcher. Linux sends the parent death signal when the
// *thread* that forked ends (prctl(2), PR_SET_PDEATHSIG), and the Go runtime ends threads as it likes
// (https://go.dev/issue/27505): without the lock, children would die at random.
func (l *Launcher) fork() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case r := <-l.requests:
			l.tether.prepare(r.cmd.SysProcAttr, r.shared)
			r.reply <- r.cmd.Start()
		case <-l.closed:
			return
		}
	}
}

// Start starts a process.
func (l *Launcher) Start(spec Spec) (*Process, error) {
	cmd, log, err := newCommand(spec)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	// The child has its own copy of the file by then.
	defer func() { _ = log.Close() }()
	r := request{cmd: cmd, shared: spec.LogFile == "", reply: make(chan error, 1)}
	select {
	case l.requests <- r:
	case <-l.closed:
		return nil, fmt.Errorf("starting %s: %w", spec.Name, errClosed)
	}
	if err := <-r.reply; err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	p := &Process{spec: spec, cmd: cmd, done: make(chan struct{})}
	l.tether.started(p.PID())
	go p.wait(func() { l.tether.ended(p.PID()) })
	return p, nil
}

// Close releases the Launcher. Call it after all its processes have ended: those that have not are killed.
func (l *Launcher) Close() error {
	var err error
	l.once.Do(func() {
		close(l.closed)
		err = l.tether.close()
	})
	return err
}

// wholeLines drops the first, cut line if the text was cut.
func wholeLines(text []byte, cut bool) string {
	if cut {
		if _, rest, found := bytes.Cut(text, []byte("\n")); found {
			text = rest
		}
	}
	return string(bytes.TrimSpace(text))
}
