// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package filelock locks a file between processes, and tells which process holds it.
//
// The locks are POSIX record locks (fcntl(2)): the kernel gives them up when the holder ends, however it ends, does not hand
// them on to children, and says the holder's process id, which a file could only claim. They do not exclude within one
// process, and a process gives up its lock when it closes *any* descriptor of the file: it must not ask for the holder of a
// lock that it holds itself.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// retryInterval is how often a held lock is tried again.
const retryInterval = 100 * time.Millisecond

// HeldError says that another process holds the lock.
type HeldError struct {
	Path string
	// PID is the holder; 0 if it ended meanwhile or lives where we cannot see it.
	PID int
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is locked by process %d", e.Path, e.PID)
}

// Lock is a held lock.
type Lock struct{ file *os.File }

// Try takes the lock or returns a *HeldError at once.
func Try(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's own lock file
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	err = control(f, syscall.F_SETLK, whole(syscall.F_WRLCK))
	if err == nil {
		return &Lock{file: f}, nil
	}
	defer func() { _ = f.Close() }()
	if !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES) {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	pid, err := holder(f)
	if err != nil {
		return nil, err
	}
	return nil, &HeldError{Path: path, PID: pid}
}

// Acquire takes the lock, waiting for it; it calls waiting once, with the holder, if it has to.
func Acquire(ctx context.Context, path string, waiting func(*HeldError)) (*Lock, error) {
	ticker := time.NewTicker(retryInterval)
	defer ticker.Stop()
	for first := true; ; first = false {
		lock, err := Try(path)
		held, ok := errors.AsType[*HeldError](err)
		if !ok {
			return lock, err
		}
		if first {
			waiting(held)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for a lock: %w", errors.Join(context.Cause(ctx), err))
		case <-ticker.C:
		}
	}
}

// Holder returns the process id of the holder, 0 if there is none or no such file.
func Holder(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the caller's own lock file
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the holder of a lock: %w", err)
	}
	defer func() { _ = f.Close() }()
	return holder(f)
}

// Release gives the lock up. The file stays: removing it would let two processes lock two files of one name.
func (l *Lock) Release() error { return l.file.Close() }

func holder(f *os.File) (int, error) {
	lk := whole(syscall.F_WRLCK)
	if err := control(f, syscall.F_GETLK, lk); err != nil {
		return 0, fmt.Errorf("looking for the holder of %s: %w", f.Name(), err)
	}
	if lk.Type == syscall.F_UNLCK {
		return 0, nil
	}
	return int(lk.Pid), nil
}

func whole(kind int16) *syscall.Flock_t {
	return &syscall.Flock_t{Type: kind, Whence: io.SeekStart}
}

func control(f *os.File, command int, lk *syscall.Flock_t) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = syscall.FcntlFlock(fd, command, lk) }); err != nil {
		return err
	}
	return inner
}
