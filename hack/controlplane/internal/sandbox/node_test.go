// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/filelock"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/programs"
)

const (
	testImage = "launchready.dev/test-app:dev"
	patience  = time.Minute
)

// program is this module's program, as its users have it.
type program struct {
	path string
	// bin is the folder of kubectl.
	bin string
}

// theProgram builds the program, and skips the test, aloud, where no node can run.
func theProgram(t *testing.T) program {
	t.Helper()
	p := program{path: filepath.Join(t.TempDir(), "controlplane"), bin: programs.Dir(t)}
	goBuild(t, p.path, "../..")
	out, err := p.run(t, "node-available")
	exit, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil && out == "real\n":
	case err == nil && out == "process\n":
		t.Log("NO REAL NODE WAS TESTED, because only the process node can run here")
		fmt.Fprintln(os.Stderr, "NO REAL NODE WAS TESTED, because only the process node can run here")
		t.Skip("only the process node can run here")
	case failed && exit.ExitCode() == 3 && out != "":
		t.Logf("NO NODE WAS TESTED, because none can run here: %s", out)
		fmt.Fprintf(os.Stderr, "NO NODE WAS TESTED, because none can run here: %s", out)
		t.Skip(out)
	default:
		t.Fatalf("node-available: %q, %v", out, err)
	}
	// Not while the test looks at what changes on the machine.
	if err := Install(t.Context(), os.Stderr); err != nil {
		t.Fatal(err)
	}
	return p
}

func goBuild(t *testing.T, output, pkg string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", output, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v: %s", pkg, err, out)
	}
}

// run runs the program and gives what it prints on its standard output.
func (p program) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.path, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if stderr.Len() > 0 {
		t.Logf("%s: %s", args[0], stderr.String())
	}
	return string(out), err
}

// start starts a node in a folder, and gives the id of its supervisor.
func (p program) start(t *testing.T, dir string) int {
	t.Helper()
	out, err := p.run(t, "start", "--node=real", "--dir", dir)
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, logFile))
		t.Fatalf("start: %v\n%s", err, log)
	}
	t.Cleanup(func() { _ = exec.Command(p.path, "stop", "--dir", dir).Run() }) //nolint:noctx // the test's context is over by then
	if want := "export KUBECONFIG=" + filepath.Join(dir, "kubeconfig", "admin.json") + "\n"; out != want {
		t.Errorf("start printed %q, want %q", out, want)
	}
	supervisor, err := filelock.Holder(filepath.Join(dir, "controlplane.lock"))
	if err != nil || supervisor == 0 {
		t.Fatalf("the supervisor is %d, %v", supervisor, err)
	}
	return supervisor
}

// kubectl runs kubectl on the machine, outside of the namespaces.
func (p program) kubectl(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	args = append([]string{"--kubeconfig", filepath.Join(dir, "kubeconfig", "admin.json")}, args...)
	out, err := exec.CommandContext(t.Context(), filepath.Join(p.bin, "kubectl"), args...).CombinedOutput()
	return string(out), err
}

func (p program) must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := p.kubectl(t, dir, args...)
	if err != nil {
		state, _ := p.kubectl(t, dir, "get", "pods,events", "--all-namespaces", "--output=wide")
		t.Fatalf("kubectl %q: %v: %s\n%s", args, err, out, state)
	}
	return out
}

// loadApp makes the image of the test's app and loads it.
func (p program) loadApp(t *testing.T, dir string) {
	t.Helper()
	app, tarball := filepath.Join(t.TempDir(), "app"), filepath.Join(t.TempDir(), "app.tar")
	goBuild(t, app, "./testdata/app")
	if _, err := p.run(t, "image", "--binary", app, "--name", testImage, "--output", tarball); err != nil {
		t.Fatal(err)
	}
	if _, err := p.run(t, "load", "--dir", dir, tarball); err != nil {
		t.Fatal(err)
	}
}

// TestNode looks at one node from several sides, as each costs seconds.
func TestNode(t *testing.T) {
	p := theProgram(t)
	dir := t.TempDir()
	before := look(t)
	supervisor := p.start(t, dir)
	p.loadApp(t, dir)
	begun := time.Now()
	p.must(t, dir, "apply", "--filename", "testdata/shop.yaml")
	p.must(t, dir, "--namespace=shop", "wait", "--for=condition=complete", "job/probe", "--timeout=60s")
	t.Logf("the job was complete %.1f s after its application", time.Since(begun).Seconds())

	t.Run("a job reaches a Service by its name", func(t *testing.T) {
		const said = "hello from the chat"
		if log := p.must(t, dir, "--namespace=shop", "logs", "job/probe"); !strings.Contains(log, said) {
			t.Errorf("the log is %q", log)
		}
		message := p.must(t, dir, "--namespace=shop", "get", "pods", "--selector=job-name=probe",
			"--output=jsonpath={.items[*].status.containerStatuses[*].state.terminated.message}")
		if message != said {
			t.Errorf("the termination message is %q", message)
		}
	})
	t.Run("a NetworkPolicy is enforced", func(t *testing.T) {
		// One client gets to the other app, the confined one does not any more.
		p.must(t, dir, "--namespace=shop", "wait", "--for=condition=complete", "job/free", "job/confined", "--timeout=60s")
	})
	t.Run("a limit of memory is enforced", func(t *testing.T) {
		// The reason is OOMKilled most times: containerd may miss the kernel's event of a container that has just been started.
		const code = "{.status.containerStatuses[0].state.terminated.exitCode}"
		p.must(t, dir, "--namespace=shop", "wait", "--for=jsonpath="+code+"=137", "pod/hog", "--timeout=60s")
	})
	t.Run("Pod Security is enforced", func(t *testing.T) {
		out, err := p.kubectl(t, dir, "--namespace=shop", "run", "loose", "--image="+testImage)
		if err == nil || !strings.Contains(out, "violates PodSecurity") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("the kubeconfig verifies", func(t *testing.T) {
		content, err := os.ReadFile(filepath.Join(dir, "kubeconfig", "admin.json"))
		if err != nil || !strings.Contains(string(content), "certificate-authority-data") || strings.Contains(string(content), "insecure") {
			t.Errorf("%v: %s", err, content)
		}
		out, err := p.kubectl(t, dir, "--certificate-authority="+filepath.Join(dir, "pki", "etcd-ca.crt"), "get", "nodes")
		if err == nil || !strings.Contains(out, "unknown authority") {
			t.Errorf("it would trust another: %v, %s", err, out)
		}
	})
	stopped(t, p, dir, supervisor)
	if changed := before.differences(look(t)); len(changed) > 0 {
		t.Errorf("the machine is not as it was:\n%s", strings.Join(changed, "\n"))
	}
}

func stopped(t *testing.T, p program, dir string, supervisor int) {
	t.Helper()
	pids := descendants(t, supervisor)
	// The control plane's four, the node's five, init and its child, and for each pod a shim, a pause and an app.
	if len(pids) < 11+3*3 {
		t.Errorf("only %d processes are below the supervisor", len(pids))
	}
	if _, err := p.run(t, "stop", "--dir", dir); err != nil {
		t.Error(err)
	}
	for _, pid := range append(pids, supervisor) {
		if alive(pid) {
			command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			t.Errorf("process %d still runs: %q", pid, command)
		}
	}
	if _, err := p.run(t, "load", "--dir", dir, "x.tar"); err == nil {
		t.Error("images can be loaded into a node that was stopped")
	}
}

func TestNodeEndsWhenItsSupervisorIsKilled(t *testing.T) {
	p := theProgram(t)
	dir := t.TempDir()
	before := look(t)
	supervisor := p.start(t, dir)
	pids := descendants(t, supervisor)
	if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := process.Poll(ctx, func(context.Context) (bool, error) {
		return !slices.ContainsFunc(pids, func(pid int) bool { return alive(pid) }), nil
	})
	if err != nil {
		t.Errorf("some of %v still run: %v", pids, err)
	}
	// The next one that starts, wherever, does this.
	if err := sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if changed := before.differences(look(t)); len(changed) > 0 {
		t.Errorf("the machine is not as it was:\n%s", strings.Join(changed, "\n"))
	}
}

func TestWithoutRootThereIsNoRealNode(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it needs root to become somebody else")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "controlplane")
	goBuild(t, path, "../..")
	// Others may enter the folders on the way, but not the one of this test alone.
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	tests := map[string]struct {
		named, out, said string
		code             int
	}{
		"the best that works":            {"", "process\n", "the real node can't run here: it needs root\n", 0},
		"the process node":               {"process", "process\n", "", 0},
		"what was named is not replaced": {"real", "it needs root\n", "", 3},
		"no node of that name":           {"none", "", "LAUNCHREADY_NODE=none: it is auto, real or process", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			cmd := exec.CommandContext(t.Context(), path, "node-available")
			cmd.Env, cmd.Stderr = append(os.Environ(), "LAUNCHREADY_NODE="+test.named), &said
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			out, err := cmd.Output()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			}
			if code != test.code || string(out) != test.out || !strings.Contains(said.String(), test.said) {
				t.Errorf("node-available: exit code %d, %q, %q", code, out, said.String())
			}
		})
	}
}
