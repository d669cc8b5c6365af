// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/programs"
)

// The test binary plays other programs too.
const (
	roleVariable = "CONTROLPLANE_TEST_ROLE"
	roleMiddle   = "middle" // starts an orphan and ends
	roleOrphan   = "orphan" // ends when its parent has ended
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleMiddle:
		os.Exit(beMiddle())
	case roleOrphan:
		ctx, cancel := followParent(context.Background())
		defer cancel()
		fmt.Println("following")
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
	default:
		os.Exit(m.Run())
	}
}

// beMiddle starts an orphan that shares our output, and ends when told to.
func beMiddle() int {
	if err := os.Setenv(roleVariable, roleOrphan); err != nil {
		return 1
	}
	orphan := exec.Command(os.Args[0]) //nolint:gosec,noctx // this test binary, which is to outlive us
	orphan.Stdout = os.Stdout
	if orphan.Start() != nil {
		return 1
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	return 0
}

// call runs the program in this process.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	goMod, goSum := programs.Module(t)
	code = Main(args, Environment{GoMod: goMod, GoSum: goSum, Stdout: &out, Stderr: &err})
	return code, out.String(), err.String()
}

func TestWrongUsageIsExplained(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"nothing":              {nil, "start --dir DIR"},
		"unknown subcommand":   {[]string{"boil"}, "start --dir DIR"},
		"unknown flag":         {[]string{"run", "--boil"}, "-boil"},
		"argument too many":    {[]string{"build", "all"}, `build takes no "all"`},
		"start without folder": {[]string{"start"}, "start needs --dir"},
		"stop without folder":  {[]string{"stop"}, "stop needs --dir"},
		"load without folder":  {[]string{"load", "x.tar"}, "load needs --dir and tarballs"},
		"load of nothing":      {[]string{"load", "--dir", "x"}, "load needs --dir and tarballs"},
		"no measurement":       {[]string{"bench", "-n", "0"}, "-n must be at least 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(t, test.args...)
			if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("code %d, stdout %q, stderr %q, want %q", code, stdout, stderr, test.want)
			}
		})
	}
}

func TestPathPrintsOneFolderAndBuildsNothing(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("LAUNCHREADY_CACHE_DIR", cache)
	code, stdout, stderr := call(t, "path")
	dir := strings.TrimSuffix(stdout, "\n")
	if code != 0 || stderr != "" || strings.Contains(dir, "\n") || !strings.HasPrefix(dir, cache) || filepath.Base(dir) != "bin" {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has made the folder: %v", err)
	}
}

func TestSecondBuildSaysInOneLineThatThereIsNothingToDo(t *testing.T) {
	dir := programs.Dir(t)
	code, stdout, stderr := call(t, "build")
	if want := "nothing to build, the programs are in " + dir + "\n"; code != 0 || stdout != want || stderr != "" {
		t.Errorf("code %d, stdout %q, stderr %q, want %q", code, stdout, stderr, want)
	}
}

func TestRunPassesTheExitCodeOn(t *testing.T) {
	programs.Dir(t)
	kept := t.TempDir()
	out := filepath.Join(t.TempDir(), "version")
	code, stdout, stderr := call(t, "run", "--dir", kept, "--", "sh", "-c", "kubectl version > "+out+"; exit 5")
	if code != 5 || stdout != "" || !strings.Contains(stderr, "control plane ready after ") {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	version, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(version), "Client Version: v1.37.2\n") || !strings.Contains(string(version), "Server Version: v1.37.2\n") {
		t.Errorf("the programs say %q, %v", version, err)
	}
	if _, err := os.Stat(filepath.Join(kept, "log", "etcd.log")); err != nil {
		t.Errorf("the folder is not kept: %v", err)
	}
}

func TestRunEndsWithTheProcessThatStartedIt(t *testing.T) {
	middle := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test binary
	middle.Env = append(os.Environ(), roleVariable+"="+roleMiddle)
	stdin, err := middle.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	middle.Stdout = out
	if err := errors.Join(middle.Start(), out.Close(), in.SetReadDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 100)
	n, err := in.Read(said)
	if string(said[:n]) != "following\n" {
		t.Fatalf("it says %q, %v", said[:n], err)
	}
	// The middle one ends, the orphan notices.
	if err := errors.Join(stdin.Close(), middle.Wait()); err != nil {
		t.Fatal(err)
	}
	if n, err = in.Read(said); string(said[:n]) != errOrphaned.Error()+"\n" {
		t.Errorf("it says %q, %v", said[:n], err)
	}
}

func TestPathsAreQuotedForShells(t *testing.T) {
	for path, want := range map[string]string{
		"/tmp/a-b_c.1/x": "/tmp/a-b_c.1/x",
		"/tmp/a b":       "'/tmp/a b'",
		"/tmp/it's":      `'/tmp/it'\''s'`,
		"/tmp/$(rm x)":   "'/tmp/$(rm x)'",
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("%s becomes %s, want %s", path, got, want)
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellQuote(path)).Output()
		if err != nil || string(out) != path {
			t.Errorf("the shell reads %q, %v, want %q", out, err, path)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{5, 1, 3}, 3}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %g, want %g", test.values, got, test.want)
		}
	}
}
