// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays the other programs too.
const (
	roleVariable = "CONTROLPLANE_TEST_ROLE"
	roleParent   = "parent"   // starts children with the tether of the system
	roleGuarded  = "guarded"  // starts children with a guard process
	roleGuard    = "guard"    // is that guard process
	roleChild    = "child"    // answers lines until SIGTERM
	roleStubborn = "stubborn" // ignores SIGTERM
	roleChatty   = "chatty"   // prints a long log and fails
)

// patience bounds every wait; it is only reached by a failing test.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(role string) error {
	switch role {
	case roleParent:
		launcher, err := NewLauncher([]string{os.Args[0]})
		if err != nil {
			return err
		}
		return beParent(launcher)
	case roleGuarded:
		if err := os.Setenv(roleVariable, roleGuard); err != nil {
			return err
		}
		guard, err := newGuardTether([]string{os.Args[0]})
		if err != nil {
			return err
		}
		return beParent(newLauncher(guard))
	case roleGuard:
		return Guard(os.Stdin)
	case roleStubborn:
		signal.Ignore(syscall.SIGTERM)
		return beChild()
	case roleChild:
		return beChild()
	case roleChatty:
		for i := range 1000 {
			fmt.Println("line", i)
		}
		return errors.New("out of luck")
	default:
		return fmt.Errorf("no role %q", role)
	}
}

// beParent starts three children, prints their process ids, and waits to be killed.
func beParent(launcher *Launcher) error {
	for i := range 3 {
		p, err := launcher.Start(childSpec(fmt.Sprintf("child-%d", i), roleChild, os.DevNull))
		if err != nil {
			return err
		}
		fmt.Println(p.PID())
	}
	fmt.Println("end")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// beChild says that it is there, and stays.
func beChild() error {
	// Asked for first, for a signal that never comes: with nothing to wait for, the runtime would call it a deadlock.
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR1)
	fmt.Println("up")
	<-never
	return nil
}

func childSpec(name, role, log string) Spec {
	return Spec{Name: name, Path: os.Args[0], Env: append(os.Environ(), roleVariable+"="+role), LogFile: log}
}

func startChild(t *testing.T, launcher *Launcher, role string) *Process {
	t.Helper()
	p, err := launcher.Start(childSpec(role, role, filepath.Join(t.TempDir(), "log")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Signal(syscall.SIGKILL); <-p.Done() })
	return p
}

func systemLauncher(t *testing.T) *Launcher {
	t.Helper()
	t.Setenv(roleVariable, roleGuard)
	launcher, err := NewLauncher([]string{os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := launcher.Close(); err != nil {
			t.Error(err)
		}
	})
	return launcher
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := Poll(ctx, func(context.Context) (bool, error) { return check(), nil }); err != nil {
		t.Fatalf("not %s: %v", what, err)
	}
}

// gone says that a process has ended, reaped or not: who inherits orphans may take its time, or never do it.
func gone(t *testing.T, pid int) bool {
	t.Helper()
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	out, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err != nil || strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func TestChildrenEndWhenTheirParentIsKilled(t *testing.T) {
	for name, role := range map[string]string{"with the system's means": roleParent, "with a guard process": roleGuarded} {
		t.Run(name, func(t *testing.T) {
			parent := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test binary
			parent.Env = append(os.Environ(), roleVariable+"="+role)
			stdin, errIn := parent.StdinPipe()
			stdout, errOut := parent.StdoutPipe()
			if err := errors.Join(errIn, errOut, parent.Start()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stdin.Close() }()
			children := readPIDs(t, stdout)
			for _, pid := range children {
				if gone(t, pid) {
					t.Fatalf("child %d was not there to begin with", pid)
				}
				defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
			}
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait()
			for _, pid := range children {
				eventually(t, fmt.Sprintf("gone: child %d", pid), func() bool { return gone(t, pid) })
			}
		})
	}
}

func readPIDs(t *testing.T, in io.Reader) []int {
	t.Helper()
	var pids []int
	lines := bufio.NewScanner(in)
	for lines.Scan() && lines.Text() != "end" {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if len(pids) != 3 {
		t.Fatalf("the parent has started %d children, want 3: %v", len(pids), lines.Err())
	}
	return pids
}

func TestChildSurvivesTheThreadThatAskedForIt(t *testing.T) {
	launcher := systemLauncher(t)
	spec := childSpec("child", roleChild, filepath.Join(t.TempDir(), "log"))
	started, thread := make(chan *Process, 1), make(chan int, 1)
	onDyingThread(func() {
		thread <- threadID()
		p, err := launcher.Start(spec)
		if err != nil {
			t.Error(err)
		}
		started <- p
	})
	tid, p := <-thread, <-started
	if p == nil {
		return
	}
	t.Cleanup(func() { _ = p.Signal(syscall.SIGKILL); <-p.Done() })
	eventually(t, "rid of the thread", func() bool { return !threadExists(tid) })
	// A death signal would have been sent when the thread ended; the child reports after it was delivered.
	eventually(t, "up", func() bool { return p.LogTail() == "up" || gone(t, p.PID()) })
	select {
	case <-p.Done():
		t.Fatalf("the child ended with the thread: %v", p.Err())
	default:
	}
}

// onDyingThread runs f on a thread that ends with it.
func onDyingThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// A goroutine that ends while locked takes its thread with it, unless that is the main one.
		runtime.LockOSThread()
		if threadID() == os.Getpid() {
			onDyingThread(f)
			return
		}
		f()
	}()
	<-done
}

func TestStopLetsAProcessEndByItself(t *testing.T) {
	p := startChild(t, systemLauncher(t), roleChild)
	eventually(t, "up", func() bool { return p.LogTail() == "up" })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if !gone(t, p.PID()) {
		t.Error("it still runs after Stop")
	}
	if err := p.Stop(ctx); err != nil {
		t.Errorf("stopping it again: %v", err)
	}
}

func TestStopKillsAProcessThatDoesNotEnd(t *testing.T) {
	p := startChild(t, systemLauncher(t), roleStubborn)
	eventually(t, "up", func() bool { return p.LogTail() == "up" })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Stop(ctx); !errors.Is(err, ErrKilled) {
		t.Errorf("Stop: %v, want ErrKilled", err)
	}
	if !gone(t, p.PID()) {
		t.Error("it still runs after Stop")
	}
}

func TestLogTailIsTheBoundedEndOfTheLog(t *testing.T) {
	p := startChild(t, systemLauncher(t), roleChatty)
	<-p.Done()
	if p.Err() == nil {
		t.Error("the child failed, but Err is nil")
	}
	tail := p.LogTail()
	if !strings.HasPrefix(tail, "line ") || !strings.HasSuffix(tail, "line 999\nout of luck") {
		t.Errorf("the tail is not the last whole lines: %q", tail)
	}
	if len(tail) > logTailBytes {
		t.Errorf("the tail has %d bytes, more than %d", len(tail), logTailBytes)
	}
}

func TestStartFails(t *testing.T) {
	launcher := systemLauncher(t)
	_, err := launcher.Start(Spec{Name: "nothing", Path: filepath.Join(t.TempDir(), "nothing"), LogFile: os.DevNull})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "starting nothing") {
		t.Errorf("a missing program: %v", err)
	}
	_, err = launcher.Start(Spec{Name: "mute", Path: os.Args[0], LogFile: filepath.Join(t.TempDir(), "no", "log")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a log that cannot be written: %v", err)
	}
	if err := launcher.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err = launcher.Start(childSpec("late", roleChild, os.DevNull)); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestMemoryOfAProcess(t *testing.T) {
	p := startChild(t, systemLauncher(t), roleChild)
	eventually(t, "up", func() bool { return p.LogTail() == "up" })
	memory, err := p.Memory()
	if err != nil {
		t.Fatal(err)
	}
	// A Go program takes some MiB, and not a GiB.
	if memory < 1<<20 || memory > 1<<30 {
		t.Errorf("memory is %d bytes", memory)
	}
}

func TestGuardKillsOnlyWhatIsAlive(t *testing.T) {
	launcher := systemLauncher(t)
	ended, alive := startChild(t, launcher, roleChild), startChild(t, launcher, roleChild)
	input := fmt.Sprintf("+%d\n+%d\nnonsense\n+1\n+-5\n-%d\n", ended.PID(), alive.PID(), ended.PID())
	err := Guard(strings.NewReader(input))
	for _, want := range []string{`"nonsense"`, `"+1"`, `"+-5"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no complaint about %s: %v", want, err)
		}
	}
	<-alive.Done()
	if gone(t, ended.PID()) {
		t.Error("it killed a process that it was told to forget")
	}
}

func TestPollEndsWithItsContext(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	calls := 0
	err := Poll(ctx, func(context.Context) (bool, error) {
		if calls++; calls == 3 {
			cancel(cause)
		}
		return false, nil
	})
	if !errors.Is(err, cause) || calls != 3 {
		t.Errorf("Poll: %v after %d calls, want the cause after 3", err, calls)
	}
}
