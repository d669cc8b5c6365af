// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/filelock"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/programs"
)

// The test binary is the detached supervisor too, and the guard process on systems that need one.
const (
	roleVariable = "CONTROLPLANE_TEST_ROLE"
	roleDetached = "detached"
	roleGuard    = "guard"
	binVariable  = "CONTROLPLANE_TEST_BIN"
	dirVariable  = "CONTROLPLANE_TEST_DIR"
	patience     = 2 * time.Minute
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case roleDetached:
		err = beDetached()
	case roleGuard:
		err = process.Guard(os.Stdin)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func beDetached() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	config := Config{Bin: os.Getenv(binVariable), Dir: os.Getenv(dirVariable), Guard: []string{os.Args[0]}}
	if err := os.Setenv(roleVariable, roleGuard); err != nil {
		return err
	}
	return Detached(ctx, config)
}

// startDetached starts a control plane in another process, as the start command does.
func startDetached(t *testing.T, bin, dir string) (string, error) {
	t.Helper()
	t.Setenv(roleVariable, roleDetached)
	t.Setenv(binVariable, bin)
	t.Setenv(dirVariable, dir)
	return Start(t.Context(), dir, []string{os.Args[0]})
}

func testConfig(t *testing.T, bin, dir string) Config {
	t.Helper()
	t.Setenv(roleVariable, roleGuard)
	return Config{Bin: bin, Dir: dir, Guard: []string{os.Args[0]}}
}

func gone(t *testing.T, pid int) bool {
	t.Helper()
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	out, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err != nil || strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := process.Poll(ctx, func(context.Context) (bool, error) { return check(), nil }); err != nil {
		t.Fatalf("not %s: %v", what, err)
	}
}

func kubectl(t *testing.T, bin, kubeconfig string, args ...string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl"), append([]string{"--kubeconfig", kubeconfig}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %q: %w: %s", args, err, out)
	}
	return nil
}

// components are the processes that run programs in a folder's control plane, found by the folder in their command line.
func components(ctx context.Context, t *testing.T, dir string) map[string]int {
	t.Helper()
	out, err := exec.CommandContext(ctx, "ps", "-axww", "-o", "pid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.Contains(line, "="+dir+"/") {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(fields[1])] = pid
	}
	return found
}

func TestDetachedControlPlane(t *testing.T) {
	bin, dir := programs.Dir(t), t.TempDir()
	kubeconfig, err := startDetached(t, bin, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Stop(context.Background(), dir) })
	pids := components(t.Context(), t, dir)
	if len(pids) != 4 {
		t.Errorf("the components are %v, want four", pids)
	}
	if err := kubectl(t, bin, kubeconfig, "create", "configmap", "kept"); err != nil {
		t.Error(err)
	}
	if _, err := startDetached(t, bin, dir); err == nil || !strings.Contains(err.Error(), ErrRunning.Error()) {
		t.Errorf("a second start in the same folder: %v", err)
	}
	if err := kubectl(t, bin, kubeconfig, "get", "configmap", "kept"); err != nil {
		t.Errorf("after the second start was refused: %v", err)
	}
	if err := Stop(t.Context(), dir); err != nil {
		t.Error(err)
	}
	for name, pid := range pids {
		if !gone(t, pid) {
			t.Errorf("%s still runs", name)
		}
	}
	if err := Stop(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("stopping it again: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "log", "kube-apiserver.log")); err != nil {
		t.Errorf("the folder is not kept: %v", err)
	}
}

func TestComponentsEndWhenTheirSupervisorIsKilled(t *testing.T) {
	bin, dir := programs.Dir(t), t.TempDir()
	if _, err := startDetached(t, bin, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Stop(context.Background(), dir) })
	pids := components(t.Context(), t, dir)
	if len(pids) != 4 {
		t.Fatalf("the components are %v, want four", pids)
	}
	supervisor, err := filelock.Holder(filepath.Join(dir, lockName))
	if err != nil || supervisor == 0 {
		t.Fatalf("the supervisor is %d, %v", supervisor, err)
	}
	if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for name, pid := range pids {
		eventually(t, name+" gone", func() bool { return gone(t, pid) })
	}
	if err := Stop(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("stopping what was killed: %v", err)
	}
	// What a killed one leaves does not hinder the next.
	kubeconfig, err := startDetached(t, bin, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := kubectl(t, bin, kubeconfig, "get", "nodes"); err != nil {
		t.Error(err)
	}
}

func TestFailedDetachedStartSaysWhyAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	_, err := startDetached(t, programs.With(t, "kube-apiserver", "echo the reason; exit 3"), dir)
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver: ended: exit status 3") || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("Start: %v", err)
	}
	if left := components(t.Context(), t, dir); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	log, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil || !strings.Contains(string(log), "the reason") {
		t.Errorf("the supervisor's log does not say why: %q, %v", log, err)
	}
}

func TestStartInAForeignFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errStart := startDetached(t, t.TempDir(), dir)
	errRun := Run(t.Context(), testConfig(t, t.TempDir(), dir), nil)
	for name, err := range map[string]error{"Start": errStart, "Run": errRun} {
		if err == nil || !strings.Contains(err.Error(), "thesis.txt") {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has changed: %v, %v", entries, err)
	}
	if err := Stop(t.Context(), dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stop: %v", err)
	}
}

// TestStopSignalsNobodyElse has another process's id where a record of it would be trusted.
func TestStopSignalsNobodyElse(t *testing.T) {
	bystander := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bystander.Process.Kill(); _ = bystander.Wait() })
	dir := t.TempDir()
	content := strconv.AppendInt(nil, int64(bystander.Process.Pid), 10)
	if err := os.WriteFile(filepath.Join(dir, lockName), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Stop(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Stop: %v", err)
	}
	if gone(t, bystander.Process.Pid) {
		t.Error("it has ended a process that is none of ours")
	}
}

// TestRun looks at one control plane from several sides, as each costs seconds.
func TestRun(t *testing.T) {
	bin := programs.Dir(t)
	var dir string
	var pids map[string]int
	failure := errors.New("the use failed")
	err := Run(t.Context(), testConfig(t, bin, ""), func(ctx context.Context, launcher *process.Launcher, c Plane) error {
		dir = filepath.Dir(filepath.Dir(c.Kubeconfig()))
		pids = components(ctx, t, dir)
		t.Run("command", func(t *testing.T) { runsCommands(ctx, t, bin, launcher, c) })
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("Run: %v, want the error of its use", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
	if len(pids) != 4 {
		t.Errorf("the components were %v, want four", pids)
	}
	for name, pid := range pids {
		if !gone(t, pid) {
			t.Errorf("%s still runs", name)
		}
	}
}

func runsCommands(ctx context.Context, t *testing.T, bin string, launcher *process.Launcher, c Plane) {
	out := filepath.Join(t.TempDir(), "out")
	tests := map[string]struct {
		script string
		code   int
	}{
		"succeeds":               {"exit 0", 0},
		"fails":                  {"exit 7", 7},
		"is ended by a signal":   {"kill -9 $$", 137},
		"gets the kubeconfig":    {`test "$KUBECONFIG" = ` + c.Kubeconfig(), 0},
		"has our kubectl":        {`test "$(command -v kubectl)" = ` + filepath.Join(bin, "kubectl"), 0},
		"reaches the API server": {"kubectl get nodes", 0},
		"runs in its folder":     {"pwd > " + out + `; test "$PWD" = ` + filepath.Dir(out), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := Execute(ctx, launcher, c, bin, Command{Args: []string{"sh", "-c", test.script}, Dir: filepath.Dir(out)})
			exit, ok := errors.AsType[*ExitError](err)
			if test.code == 0 && err != nil || test.code != 0 && (!ok || exit.Code != test.code) {
				t.Errorf("Execute: %v, want exit code %d", err, test.code)
			}
		})
	}
	t.Run("is missing", func(t *testing.T) {
		if err := Execute(ctx, launcher, c, bin, Command{Args: []string{"no-such-program"}}); !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("Execute: %v", err)
		}
	})
	t.Run("ends with the context", func(t *testing.T) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(cause)
		if err := Execute(ctx, launcher, c, bin, Command{Args: []string{"sleep", "1000"}}); !errors.Is(err, cause) {
			t.Errorf("Execute: %v", err)
		}
	})
}

func TestComponentThatEndsByItselfEndsTheUse(t *testing.T) {
	var left map[string]int
	err := Run(t.Context(), testConfig(t, programs.Dir(t), ""), func(ctx context.Context, _ *process.Launcher, c Plane) error {
		left = components(ctx, t, filepath.Dir(filepath.Dir(c.Kubeconfig())))
		// 0 would be ourselves.
		if left["etcd"] == 0 {
			return fmt.Errorf("no etcd among %v", left)
		}
		if err := syscall.Kill(left["etcd"], syscall.SIGKILL); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return UntilOver(ctx)
	})
	failed, ok := errors.AsType[*cluster.ComponentError](err)
	if !ok || failed.Component != "etcd" {
		t.Errorf("Run: %v, want etcd to have failed", err)
	}
	for name, pid := range left {
		if !gone(t, pid) {
			t.Errorf("%s still runs", name)
		}
	}
}
