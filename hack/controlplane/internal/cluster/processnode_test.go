// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/binaries"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/programs"
)

const (
	// preparedVariable names a folder with all programs and images, for the test that runs as somebody else.
	preparedVariable = "CONTROLPLANE_TEST_PREPARED"
	nobody           = 65534
	appImage         = "launchready.dev/test-app:dev"
	// podPatience is how long something may take that follows by itself.
	podPatience = time.Minute
)

// TestProcessNode proves that the process node needs no root: where the test has it, it gives it up.
func TestProcessNode(t *testing.T) {
	prepared := os.Getenv(preparedVariable)
	if prepared == "" {
		prepared = prepare(t)
	}
	if os.Geteuid() != 0 {
		runsPods(t, prepared)
		return
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(prepared, "test"), "-test.run=^TestProcessNode$", "-test.v") //nolint:gosec // ourselves
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", preparedVariable + "=" + prepared, "TMPDIR=" + filepath.Join(prepared, "tmp")}
	cmd.Dir = prepared
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGTERM}
	out, err := cmd.CombinedOutput()
	t.Logf("as user %d:\n%s", nobody, out)
	if bytes.Contains(out, []byte("--- SKIP: TestProcessNode")) {
		fmt.Fprintf(os.Stderr, "NO PROCESS NODE WAS TESTED, because none can run here:\n%s", out)
		t.Skip("no process node can run here")
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestProcessNode")) {
		t.Errorf("without root: %v", err)
	}
}

// prepare gathers what the test needs where anybody may read it.
func prepare(t *testing.T) string {
	t.Helper()
	// Nobody but root may enter the folders of t.TempDir.
	dir, err := os.MkdirTemp("", "process-node-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "tmp"), 0o700), os.Chmod(filepath.Join(dir, "tmp"), 0o1777)); err != nil { //nolint:gosec // anybody may read it
		t.Fatal(err)
	}
	bin := programs.Dir(t)
	for _, target := range binaries.Targets() {
		place(t, filepath.Join(bin, target.Name), filepath.Join(dir, target.Name))
	}
	for module, name := range map[string]string{"process": "process-node", "image": "make-image"} {
		set, err := binaries.OpenNodeModule(t.Context(), module)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Ensure(t.Context(), os.Stderr); err != nil {
			t.Fatal(err)
		}
		place(t, filepath.Join(set.Dir(), name), filepath.Join(dir, name))
	}
	place(t, os.Args[0], filepath.Join(dir, "test"))
	manifest, err := os.ReadFile("testdata/process.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "process.yaml"), manifest, 0o644); err != nil { //nolint:gosec // anybody may read it
		t.Fatal(err)
	}
	app := filepath.Join(dir, "app")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", app, "./testdata/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	made := exec.CommandContext(t.Context(), filepath.Join(dir, "make-image"), "--binary", app, "--name", appImage, "--output", filepath.Join(dir, "app.tar"))
	for _, cmd := range []*exec.Cmd{build, made} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", cmd.Args[0], err, out)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "app.tar"), 0o644); err != nil { //nolint:gosec // anybody may read it
		t.Fatal(err)
	}
	return dir
}

// place links a program, or copies it where the folder is on another disk.
func place(t *testing.T, from, to string) {
	t.Helper()
	if os.Link(from, to) == nil {
		return
	}
	in, err := os.Open(from) //nolint:gosec // a program of ours
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()                                            //nolint:errcheck // only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755) //nolint:gosec // anybody may run it
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// processCluster is a control plane with the process node.
type processCluster struct {
	*Cluster
	bin string
}

func (c processCluster) kubectl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	args = append([]string{"--kubeconfig", c.Kubeconfig(), "--namespace=shop"}, args...)
	out, err := exec.CommandContext(t.Context(), filepath.Join(c.bin, "kubectl"), args...).CombinedOutput() //nolint:gosec // our own program
	return string(out), err
}

func (c processCluster) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.kubectl(t, args...)
	if err != nil {
		state, _ := c.kubectl(t, "get", "pods", "--output=wide")
		log, _ := c.kubectl(t, "logs", "job/ask", "--tail=20")
		t.Fatalf("kubectl %q: %v: %s\n%s\n%s", args, err, out, state, log)
	}
	return out
}

// await waits until what kubectl prints has something in it.
func (c processCluster) await(t *testing.T, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), podPatience)
	defer cancel()
	last := ""
	err := process.Poll(ctx, func(context.Context) (bool, error) {
		last, _ = c.kubectl(t, args...) //nolint:contextcheck // it has the test's
		return strings.Contains(last, want), nil
	})
	if err != nil {
		state, _ := c.kubectl(t, "get", "pods,events", "--output=wide")
		t.Errorf("kubectl %q never printed %q, but %s\n%s", args, want, last, state)
	}
}

// runsPods looks at one node from several sides, as each costs seconds.
func runsPods(t *testing.T, prepared string) {
	if os.Geteuid() == 0 {
		t.Fatal("this is root, and would prove nothing")
	}
	needsNamespaces(t)
	config := newConfig(t, prepared)
	config.Process = &ProcessNode{Program: filepath.Join(prepared, "process-node")}
	c := processCluster{start(t, config), prepared}
	tarball, err := os.ReadFile(filepath.Join(prepared, "app.tar")) //nolint:gosec // ours
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ProcessImages(config.Dir), "app.tar"), tarball, 0o600); err != nil { //nolint:gosec // the test's own
		t.Fatal(err)
	}
	begun := time.Now()
	c.must(t, "apply", "--filename", filepath.Join(prepared, "process.yaml"))
	t.Run("a Job reaches a Service by its name", func(t *testing.T) {
		c.must(t, "wait", "--for=condition=complete", "job/ask", "--timeout=60s")
		t.Logf("the Job was complete %.1f s after its application", time.Since(begun).Seconds())
		c.reachesService(t)
	})
	t.Run("each pod has an address of its own", func(t *testing.T) {
		c.must(t, "rollout", "status", "deployment/chat", "--timeout=60s")
		addresses := strings.Fields(c.must(t, "get", "pods", "--selector=app=chat", "--output=jsonpath={.items[*].status.podIP}"))
		if len(addresses) != 2 || addresses[0] == addresses[1] {
			t.Errorf("the addresses are %q", addresses)
		}
	})
	t.Run("a container sees what it was given, and nothing else", c.seesWhatItWasGiven)
	t.Run("a Job that fails says so", c.tellsFailure)
	t.Run("logs are cut as asked", c.cutsLogs)
	t.Run("what is missing is waited for", c.waitsForWhatIsMissing)
	t.Run("what is not supported is refused", func(t *testing.T) {
		c.await(t, "Failed ProcessNodeUnsupported spec.initContainers", "get", "pod", "prepared", "--output=jsonpath={.status.phase} {.status.reason} {.status.message}")
	})
	t.Run("Pod Security is enforced", func(t *testing.T) {
		out, err := c.kubectl(t, "run", "loose", "--image="+appImage, `--overrides={"spec":{"hostNetwork":true}}`)
		if err == nil || !strings.Contains(out, "violates PodSecurity") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("a pod ends in time", c.endsInTime)
	t.Run("its end ends the pods", c.endsWithItsNode)
}

// needsNamespaces skips the test where the machine keeps them from ordinary users.
func needsNamespaces(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^$")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("user namespaces can't be used: %v: %s", err, out)
	}
}

func (c processCluster) reachesService(t *testing.T) {
	const said = "hello from 10.244.0."
	if log := c.must(t, "logs", "job/ask"); !strings.Contains(log, said) {
		t.Errorf("the log is %q", log)
	}
	got := c.must(t, "get", "pods", "--selector=job-name=ask",
		"--output=jsonpath={.items[*].status.containerStatuses[*].state.terminated.message} {.items[*].status.containerStatuses[*].imageID}")
	if !strings.HasPrefix(got, said) || !strings.Contains(got, " sha256:") {
		t.Errorf("the termination message and image id are %q", got)
	}
}

// sight is what the test's app prints of what it sees.
type sight struct {
	UID, GID, Processes                               int
	Hostname, Capabilities, Bounding, API             string
	NoNewPrivileges                                   string
	Env                                               []string
	Files                                             map[string]string
	SeesHost, WritesRoot, WritesScratch, WritesSecret bool
}

func (c processCluster) seesWhatItWasGiven(t *testing.T) {
	c.must(t, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/look", "--timeout=60s")
	var s sight
	if err := json.Unmarshal([]byte(c.must(t, "logs", "look")), &s); err != nil {
		t.Fatal(err)
	}
	for what, holds := range map[string]bool{
		"it is another user":             s.UID == 65532 && s.GID == 65532,
		"it has capabilities":            s.Capabilities == "0000000000000000" && s.Bounding == "0000000000000000" && s.NoNewPrivileges == "1",
		"it sees other processes":        s.Processes == 1,
		"it sees the host's files":       !s.SeesHost,
		"it writes where it must not":    !s.WritesRoot && !s.WritesSecret,
		"it can't write where it may":    s.WritesScratch,
		"it has another host name":       s.Hostname == "look",
		"the API server takes it wrong":  s.API == "system:serviceaccount:shop:looker",
		"its Secret is another":          s.Files["/secret/password"] == "hunter2",
		"its labels are others":          s.Files["/labels/all"] == `colour="green"`,
		"it asks others for names":       strings.Contains(s.Files["/etc/resolv.conf"], "nameserver 10.244.0.1\n"),
		"it lacks what is in its Secret": contains(s.Env, "PASSWORD=hunter2"),
		"it lacks what refers to it":     contains(s.Env, "GREETING=hunter2 and $(NOBODY) and $(PASSWORD)"),
		"it lacks its ConfigMap":         contains(s.Env, "FROM_colour=green"),
	} {
		if !holds {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if got := strings.Join(s.Env, "\n"); strings.Contains(got, "UNSET") || strings.Contains(got, "KUBECONFIG") {
		t.Errorf("the environment is %s", got)
	}
}

func contains(all []string, want string) bool {
	for _, s := range all {
		if s == want {
			return true
		}
	}
	return false
}

func (c processCluster) tellsFailure(t *testing.T) {
	c.must(t, "wait", "--for=condition=failed", "job/fail", "--timeout=60s")
	const path = "{.items[0].status.phase} {.items[0].status.containerStatuses[0].state.terminated.exitCode} {.items[0].status.containerStatuses[0].state.terminated.reason} {.items[0].status.containerStatuses[0].state.terminated.message}"
	got := c.must(t, "get", "pods", "--selector=job-name=fail", "--output=jsonpath="+path)
	if want := "Failed 3 Error first line\nthe last words\n"; got != want {
		t.Errorf("the pod says %q, want %q", got, want)
	}
}

func (c processCluster) cutsLogs(t *testing.T) {
	const whole = "first line\nthe last words\n"
	for want, args := range map[string][]string{
		whole:              {},
		"the last words\n": {"--tail=1"},
		"":                 {"--tail=0"},
		"first":            {"--limit-bytes=5"},
		"the":              {"--tail=1", "--limit-bytes=3"},
	} {
		if got := c.must(t, append([]string{"logs", "job/fail"}, args...)...); got != want {
			t.Errorf("%q gives %q, want %q", args, got, want)
		}
	}
	if got := c.must(t, "logs", "job/fail", "--follow"); got != whole {
		t.Errorf("followed, it is %q", got)
	}
	if out, err := c.kubectl(t, "logs", "job/fail", "--timestamps"); err == nil || !strings.Contains(out, "does not know when") {
		t.Errorf("with times that nobody knows: %v, %s", err, out)
	}
}

func (c processCluster) waitsForWhatIsMissing(t *testing.T) {
	const waiting = "--output=jsonpath={.status.containerStatuses[0].state.waiting.reason} {.status.containerStatuses[0].state.waiting.message}"
	c.await(t, "CreateContainerConfigError env TOKEN: reading Secret later", "get", "pod", "needy", waiting)
	c.await(t, "ImagePullBackOff image example.com/nowhere:1: no such image was loaded", "get", "pod", "imageless", waiting)
	c.must(t, "create", "secret", "generic", "later", "--from-literal=token=t")
	c.must(t, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/needy", "--timeout=60s")
}

// endsInTime ends programs that do not want to end: by their deadline, and at once where there is no grace.
func (c processCluster) endsInTime(t *testing.T) {
	c.await(t, "Failed DeadlineExceeded 137", "get", "pod", "late", "--output=jsonpath={.status.phase} {.status.reason} {.status.containerStatuses[0].state.terminated.exitCode}")
	c.must(t, "wait", "--for=condition=Ready", "pod/stays", "--timeout=60s")
	c.must(t, "delete", "pod", "stays", "--grace-period=1", "--timeout=30s")
	c.must(t, "delete", "pod", "needy", "imageless", "--grace-period=0", "--force", "--timeout=30s")
	// One that heeds the signal does not take its thirty seconds.
	begun := time.Now()
	c.must(t, "delete", "deployment", "chat")
	c.must(t, "wait", "--for=delete", "pod", "--selector=app=chat", "--timeout=25s")
	t.Logf("pods that heed the signal were gone after %.1f s", time.Since(begun).Seconds())
}

func (c processCluster) endsWithItsNode(t *testing.T) {
	c.must(t, "run", "last", "--image="+appImage, "--restart=Never", "--", "stay")
	c.must(t, "wait", "--for=condition=Ready", "pod/last", "--timeout=60s")
	node := c.components[len(c.components)-1]
	below := append(childrenOf(t, node.PID()), node.PID())
	for i := 0; i < len(below); i++ {
		below = append(below, childrenOf(t, below[i])...)
	}
	if len(below) < 4 { // the inner program and a pod, beside the node itself, twice counted
		t.Fatalf("only %v are below the node", below)
	}
	if err := node.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.Failed():
		if failed, ok := errors.AsType[*ComponentError](err); !ok || failed.Component != processNode {
			t.Errorf("what is told is %v", err)
		}
	case <-time.After(podPatience):
		t.Error("its end was not told")
	}
	ctx, cancel := context.WithTimeout(t.Context(), podPatience)
	defer cancel()
	for _, pid := range below {
		if err := process.Poll(ctx, func(context.Context) (bool, error) { return gone(pid), nil }); err != nil {
			t.Errorf("process %d still runs", pid)
		}
	}
}

// gone says that a process has ended, if perhaps nobody has asked how.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z")
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			var child int
			if _, err := fmt.Sscan(field, &child); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}
