// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// The test's binary is also the first process of a container, and its program.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "container":
		_ = Init()
		os.Exit(1)
	case len(os.Args) > 1 && os.Args[1] == "program":
		program(os.Args[2:])
	default:
		os.Exit(m.Run())
	}
}

// seen is what the program sees.
type seen struct {
	UID, GID, PID                      int
	Hostname, Dir, Given, Status       string
	Args                               []string
	WritesRoot, WritesGiven, WritesOwn bool
	Roots                              []string
}

func program(args []string) {
	switch args[0] {
	case "exit":
		os.Exit(7) //nolint:revive // it is a program of its own
	case "stay":
		<-time.After(time.Hour)
	}
	given, _ := os.ReadFile("/given/file")
	status, _ := os.ReadFile("/proc/self/status")
	hostname, _ := os.Hostname()
	dir, _ := os.Getwd()
	s := seen{
		UID: os.Getuid(), GID: os.Getgid(), PID: os.Getpid(), Hostname: hostname, Dir: dir, Given: string(given), Status: string(status), Args: args,
		WritesRoot: os.WriteFile("/written", nil, 0o600) == nil, WritesGiven: os.WriteFile("/given/file", nil, 0o600) == nil,
		WritesOwn: os.WriteFile("/own/file", []byte("from within"), 0o600) == nil,
	}
	entries, _ := os.ReadDir("/")
	for _, e := range entries {
		s.Roots = append(s.Roots, e.Name())
	}
	_ = json.NewEncoder(os.Stdout).Encode(s)
}

// withoutRoot runs a test as nobody, where it was started by root.
func withoutRoot(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	// Nobody but root may enter the folders of t.TempDir.
	dir, err := os.MkdirTemp("", "container-test-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary := filepath.Join(dir, "test")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err := errors.Join(err, os.WriteFile(binary, content, 0o755), os.Chmod(dir, 0o777)); err != nil { //nolint:gosec // anybody may use it
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, []string{"TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("as user %d: %v\n%s", nobody, err, out)
	}
	return false
}

// newSpec is a container of the test's own binary.
func newSpec(t *testing.T, args ...string) Spec {
	t.Helper()
	dir := t.TempDir()
	s := Spec{
		Root: filepath.Join(dir, "image"), Scratch: filepath.Join(dir, "scratch"), Hostname: "within", Dir: "/",
		Args: append([]string{"/program", "program"}, args...),
	}
	if err := errors.Join(os.Mkdir(s.Root, 0o700), os.Mkdir(s.Scratch, 0o700)); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.Mounts = []Mount{{Source: binary, Target: "/program", ReadOnly: true}}
	return s
}

// run runs a container to its end, and gives what it printed.
func run(t *testing.T, s Spec, user int) (output string, code int32, err error) {
	t.Helper()
	c, path, err := begin(t, s, user)
	if err != nil {
		return "", 0, err
	}
	<-c.Done()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), c.ExitCode(), nil
}

func begin(t *testing.T, s Spec, user int) (*Container, string, error) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // the container has its own
	c, err := Start(s, Options{Init: []string{"/proc/self/exe", "container"}, User: user, Group: user, Output: file})
	return c, file.Name(), err
}

func TestContainerSeesItsImageItsMountsAndNothingElse(t *testing.T) {
	if !withoutRoot(t) {
		return
	}
	s := newSpec(t, "look", "twice")
	given, own := t.TempDir(), t.TempDir()
	// A link in the image must not lead a mount out of it.
	if err := errors.Join(os.WriteFile(filepath.Join(given, "file"), []byte("for you"), 0o600), os.Symlink(t.TempDir(), filepath.Join(s.Root, "link")),
		os.Mkdir(filepath.Join(s.Root, "etc"), 0o700)); err != nil {
		t.Fatal(err)
	}
	s.Mounts = append(s.Mounts, Mount{given, "/given", true}, Mount{own, "/own", false})
	s.ReadOnly, s.Dir = true, "/etc"
	out, code, err := run(t, s, 1234)
	if err != nil || code != 0 {
		t.Fatalf("%v, exit code %d: %s", err, code, out)
	}
	var got seen
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for what, holds := range map[string]bool{
		"user":             got.UID == 1234 && got.GID == 1234,
		"process":          got.PID == 1,
		"host name":        got.Hostname == "within",
		"working folder":   got.Dir == "/etc",
		"arguments":        strings.Join(got.Args, " ") == "look twice",
		"what it is given": got.Given == "for you" && !got.WritesGiven,
		"what is its own":  got.WritesOwn,
		"read-only root":   !got.WritesRoot,
		"files":            strings.Join(got.Roots, " ") == "dev etc given link own proc program",
		"capabilities":     strings.Contains(got.Status, "CapEff:\t0000000000000000\n") && strings.Contains(got.Status, "CapBnd:\t0000000000000000\n") && strings.Contains(got.Status, "CapAmb:\t0000000000000000\n"),
		"new privileges":   strings.Contains(got.Status, "NoNewPrivs:\t1\n"),
	} {
		if !holds {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if text, err := os.ReadFile(filepath.Join(own, "file")); err != nil || string(text) != "from within" {
		t.Errorf("outside it is %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(s.Root, "own")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the image was changed: %v", err)
	}
}

func TestContainerThatCanNotStartSaysWhy(t *testing.T) {
	if !withoutRoot(t) {
		return
	}
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"no program":        {func(s *Spec) { s.Args = nil }, "no entry point"},
		"an absent program": {func(s *Spec) { s.Args = []string{"/absent"} }, "starting /absent: no such file"},
		"a name in no PATH": {func(s *Spec) { s.Args = []string{"absent"} }, `"absent": executable file not found in $PATH`},
		"an absent mount":   {func(s *Spec) { s.Mounts[0].Source = "/absent" }, "mounting /program"},
		"a link out of the root": {func(s *Spec) {
			if err := os.Symlink("/", filepath.Join(s.Root, "out")); err != nil {
				t.Fatal(err)
			}
			s.Mounts = append(s.Mounts, Mount{Source: s.Root, Target: "/out/etc"})
		}, "mounting /out/etc"},
		"an absent folder": {func(s *Spec) { s.Dir = "/absent" }, "working folder"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpec(t, "look")
			c.change(&s)
			if out, _, err := run(t, s, 0); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it started: %v, want %q: %s", err, c.want, out)
			}
		})
	}
}

func TestContainerEndsWithACode(t *testing.T) {
	if !withoutRoot(t) {
		return
	}
	if out, code, err := run(t, newSpec(t, "exit"), 0); err != nil || code != 7 {
		t.Errorf("%v, exit code %d, want 7: %s", err, code, out)
	}
	c, _, err := begin(t, newSpec(t, "stay"), 0)
	if err != nil {
		t.Fatal(err)
	}
	c.Signal(unix.SIGKILL)
	<-c.Done()
	if code := c.ExitCode(); code != 137 {
		t.Errorf("killed, its exit code is %d, want 137", code)
	}
}
