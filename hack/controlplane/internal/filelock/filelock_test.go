// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package filelock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// holdVariable makes the test binary hold the named lock until its input ends.
const holdVariable = "CONTROLPLANE_TEST_HOLD"

func TestMain(m *testing.M) {
	path := os.Getenv(holdVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	lock, err := Try(path)
	if err == nil {
		fmt.Println("held")
		_, err = io.Copy(io.Discard, os.Stdin)
		err = errors.Join(err, lock.Release())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type otherProcess struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

func hold(t *testing.T, path string) otherProcess {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test binary
	cmd.Env = append(os.Environ(), holdVariable+"="+path)
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = stdin.Close(), cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process does not hold the lock: %q, %v", line, err)
	}
	return otherProcess{cmd: cmd, stdin: stdin}
}

func TestHeldLockIsRefusedAndNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	other := hold(t, path)
	_, err := Try(path)
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.PID != other.cmd.Process.Pid || held.Path != path {
		t.Errorf("Try: %v, want it held by %d", err, other.cmd.Process.Pid)
	}
	pid, err := Holder(path)
	if err != nil || pid != other.cmd.Process.Pid {
		t.Errorf("Holder: %d, %v, want %d", pid, err, other.cmd.Process.Pid)
	}
}

func TestLockEndsWithItsHolderHoweverThatEnds(t *testing.T) {
	for name, end := range map[string]func(otherProcess) error{
		"released": func(h otherProcess) error { return h.stdin.Close() },
		"killed":   func(h otherProcess) error { return h.cmd.Process.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lock")
			other := hold(t, path)
			if err := end(other); err != nil {
				t.Fatal(err)
			}
			_ = other.cmd.Wait()
			if pid, err := Holder(path); pid != 0 || err != nil {
				t.Errorf("Holder: %d, %v, want none", pid, err)
			}
			lock, err := Try(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := lock.Release(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAcquireWaitsAndSaysForWhom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	other := hold(t, path)
	waited := 0
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	lock, err := Acquire(ctx, path, func(held *HeldError) {
		if waited++; held.PID != other.cmd.Process.Pid {
			t.Errorf("it waits for %d, want %d", held.PID, other.cmd.Process.Pid)
		}
		_ = other.stdin.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
	if waited != 1 {
		t.Errorf("it told %d times that it waits, want once", waited)
	}
}

func TestAcquireGivesUpWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	hold(t, path)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Acquire(ctx, path, func(*HeldError) { cancel(cause) })
	if _, held := errors.AsType[*HeldError](err); !errors.Is(err, cause) || !held {
		t.Errorf("Acquire: %v, want the cause and the holder", err)
	}
}

func TestNoFileHasNoHolder(t *testing.T) {
	if pid, err := Holder(filepath.Join(t.TempDir(), "none")); pid != 0 || err != nil {
		t.Errorf("Holder: %d, %v", pid, err)
	}
}
