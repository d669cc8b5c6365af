// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package binaries

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
	"testing/synctest"
	"time"
)

// buildVariable makes the test binary build the small set and report, as another process.
const buildVariable = "CONTROLPLANE_TEST_BUILD"

// smallModule stands in for the real one: the go command's own tools build from it without any download, in seconds.
const smallModule = "module example.com/small\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.37.2\n"

func smallTargets() []Target {
	return []Target{{Name: "first", Package: "cmd/test2json"}, {Name: "second", Package: "cmd/test2json"}}
}

func TestMain(m *testing.M) {
	if os.Getenv(buildVariable) == "" {
		os.Exit(m.Run())
	}
	set, err := Open(context.Background(), []byte(smallModule), nil, smallTargets())
	if err == nil {
		_, err = set.Ensure(context.Background(), os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func open(t *testing.T, targets []Target) *Set {
	t.Helper()
	set, err := Open(t.Context(), []byte(smallModule), nil, targets)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func ensure(t *testing.T, set *Set) (built bool, output string) {
	t.Helper()
	var out bytes.Buffer
	built, err := set.Ensure(t.Context(), &out)
	if err != nil {
		t.Fatal(err)
	}
	return built, out.String()
}

func TestSecondBuildDoesNothing(t *testing.T) {
	t.Setenv(cacheVariable, t.TempDir())
	set := open(t, smallTargets())
	if len(set.Missing()) != 2 {
		t.Fatalf("missing before the build: %v", set.Missing())
	}
	built, output := ensure(t, set)
	for _, want := range []string{
		"building first (1 of 2, 1 left after it, 0s so far)\n", "building second (2 of 2, 0 left after it, ", "built 2 programs in ",
	} {
		if !built || !strings.Contains(output, want) {
			t.Errorf("the first build does not print %q:\n%s", want, output)
		}
	}
	before := modified(t, set)
	if built, output := ensure(t, open(t, smallTargets())); built || output != "" {
		t.Errorf("the second build does something: %v\n%s", built, output)
	}
	if after := modified(t, set); after != before {
		t.Errorf("the second build touches the programs: %s, before %s", after, before)
	}
}

func modified(t *testing.T, set *Set) string {
	t.Helper()
	var times []string
	for _, target := range smallTargets() {
		info, err := os.Stat(filepath.Join(set.Dir(), target.Name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o111 == 0 {
			t.Errorf("%s is no program: %s", target.Name, info.Mode())
		}
		times = append(times, info.ModTime().String())
	}
	return strings.Join(times, " ")
}

func TestBuildMakesOnlyWhatIsMissing(t *testing.T) {
	t.Setenv(cacheVariable, t.TempDir())
	set := open(t, smallTargets())
	ensure(t, set)
	if err := os.Remove(filepath.Join(set.Dir(), "first")); err != nil {
		t.Fatal(err)
	}
	if built, output := ensure(t, set); !built || strings.Contains(output, "second") || !strings.Contains(output, "building first (1 of 1, ") {
		t.Errorf("built %v:\n%s", built, output)
	}
}

func TestTwoBuildsAtOnceBuildOnce(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(cacheVariable, cache)
	var outputs [2]bytes.Buffer
	var commands [2]*exec.Cmd
	for i := range commands {
		commands[i] = exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test binary
		commands[i].Env = append(os.Environ(), buildVariable+"=1")
		commands[i].Stdout, commands[i].Stderr = &outputs[i], &outputs[i]
		if err := commands[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range commands {
		if err := commands[i].Wait(); err != nil {
			t.Errorf("build %d: %v\n%s", i, err, outputs[i].String())
		}
	}
	all := outputs[0].String() + outputs[1].String()
	for _, target := range smallTargets() {
		if n := strings.Count(all, "building "+target.Name+" "); n != 1 {
			t.Errorf("%s was built %d times, want once:\n%s", target.Name, n, all)
		}
	}
}

func TestFailedBuildSaysWhyAndLeavesNoProgram(t *testing.T) {
	t.Setenv(cacheVariable, t.TempDir())
	set := open(t, []Target{{Name: "first", Package: "cmd/test2json"}, {Name: "broken", Package: "internal/syscall/windows"}})
	var out bytes.Buffer
	built, err := set.Ensure(t.Context(), &out)
	if !built || err == nil || !strings.Contains(err.Error(), "building broken: ") || !strings.Contains(err.Error(), "internal/syscall/windows") {
		t.Errorf("the build says: %v, %v", built, err)
	}
	if missing := set.Missing(); len(missing) != 1 || missing[0].Name != "broken" {
		t.Errorf("missing after the build: %v, want the broken one only", missing)
	}
	entries, err := os.ReadDir(set.home)
	if err != nil || len(entries) != 2 {
		t.Errorf("left in the folder: %v, %v, want bin and lock only", entries, err)
	}
}

func TestBuildEndsWithItsContext(t *testing.T) {
	t.Setenv(cacheVariable, t.TempDir())
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := open(t, smallTargets()).Ensure(ctx, &bytes.Buffer{}); !errors.Is(err, cause) {
		t.Errorf("the build says: %v", err)
	}
}

func TestFolderDependsOnWhatDeterminesThePrograms(t *testing.T) {
	t.Setenv(cacheVariable, t.TempDir())
	dir := func(goMod, goSum string, targets []Target) string {
		set, err := Open(t.Context(), []byte(goMod), []byte(goSum), targets)
		if err != nil {
			t.Fatal(err)
		}
		return set.Dir()
	}
	base := dir(smallModule, "", smallTargets())
	if again := dir(smallModule, "", smallTargets()); again != base {
		t.Errorf("the same input gives %s and %s", base, again)
	}
	t.Setenv("GOFLAGS", "-trimpath -modcacherw")
	if again := dir(smallModule, "", smallTargets()); again != base {
		t.Errorf("the caller's GOFLAGS give another folder than %s: %s", base, again)
	}
	others := map[string]string{
		"go.mod":    dir(strings.Replace(smallModule, "v1.37.2", "v1.37.1", 1), "", smallTargets()),
		"go.sum":    dir(smallModule, "example.com/a v1.0.0 h1:x=\n", smallTargets()),
		"targets":   dir(smallModule, "", smallTargets()[:1]),
		"the parts": dir(smallModule[:len(smallModule)-1], "\n", smallTargets()),
	}
	t.Setenv("GOARCH", "riscv64")
	others["GOARCH"] = dir(smallModule, "", smallTargets())
	seen := map[string]string{base: "nothing"}
	for what, other := range others {
		if earlier, ok := seen[other]; ok {
			t.Errorf("changing %s gives the folder of changing %s", what, earlier)
		}
		seen[other] = what
	}
}

func TestVersionComesFromTheModule(t *testing.T) {
	tests := map[string]struct{ goMod, want string }{
		"in a block":    {"require (\n\tk8s.io/kubernetes v1.37.2 // indirect\n)\n", "v1.37.2"},
		"on a line":     {"require k8s.io/kubernetes v1.40.0-rc.1\n", "v1.40.0-rc.1"},
		"replaced only": {"replace (\n\tk8s.io/kubernetes => ../x\n)\n", ""},
		"a tool only":   {"tool (\n\tk8s.io/kubernetes/cmd/kubectl\n)\n", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := requiredVersion([]byte(test.goMod), kubernetesModule)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%q, %v, want %q", got, err, test.want)
			}
		})
	}
	flags := strings.Join(buildFlags("v1.37.2"), " ")
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.37.2", "-X k8s.io/component-base/version.gitMajor=1",
		"-X k8s.io/component-base/version.gitMinor=37", "-X k8s.io/client-go/pkg/version.gitVersion=v1.37.2",
	} {
		if !strings.Contains(flags, want) {
			t.Errorf("no %q in %s", want, flags)
		}
	}
}

func TestLongBuildSaysThatItIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := newReporter(&out, "kube-apiserver")
		stop := r.start()
		for _, chunk := range []string{"go: downloading k8s.io/api v0.37.2\nk8s.io/a", "pi/core/v1\nk8s.io/client-go/rest\n", "# k8s.io/x\nx.go:1:2: no\n"} {
			if _, err := r.Write([]byte(chunk)); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(2*heartbeat + time.Second) // Of the test's own clock.
		stop()
		want := "  still kube-apiserver: 15s, 2 packages compiled, 1 modules downloaded\n" +
			"  still kube-apiserver: 30s, 2 packages compiled, 1 modules downloaded\n" +
			"  kube-apiserver: 31s, 2 packages compiled, 1 modules downloaded\n"
		if out.String() != want {
			t.Errorf("printed\n%swant\n%s", out.String(), want)
		}
		if tail := r.tail(); tail != "# k8s.io/x\nx.go:1:2: no" {
			t.Errorf("the reason of a failure is %q", tail)
		}
	})
}
