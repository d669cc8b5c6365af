// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package binaries builds etcd and Kubernetes from source, once, into a folder that survives fresh clones.
//
// It must not need anything but the go command and the module proxy, and must not know how the programs are run.
package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/filelock"
)

// kubernetesModule is the module whose version is stamped into the Kubernetes programs: their clients parse it.
const kubernetesModule = "k8s.io/kubernetes"

// cacheVariable names the folder in which we cache, if the user's cache folder is not wanted.
const cacheVariable = "LAUNCHREADY_CACHE_DIR"

// Target is a program to build.
type Target struct {
	// Name is the file's name: envtest expects etcd, kube-apiserver and kubectl by theirs.
	Name    string
	Package string
}

// Targets are the programs of a control plane. The slowest comes second, so that the first line is soon followed by another.
func Targets() []Target {
	return []Target{
		{Name: "etcd", Package: "go.etcd.io/etcd/server/v3"},
		{Name: "kube-apiserver", Package: "k8s.io/kubernetes/cmd/kube-apiserver"},
		{Name: "kube-controller-manager", Package: "k8s.io/kubernetes/cmd/kube-controller-manager"},
		{Name: "kube-scheduler", Package: "k8s.io/kubernetes/cmd/kube-scheduler"},
		{Name: "kubectl", Package: "k8s.io/kubernetes/cmd/kubectl"},
	}
}

// NodeTargets are the programs of a node, each list by the module in hack/node that pins it.
func NodeTargets() map[string][]Target {
	return map[string][]Target{
		"kubernetes": {
			{Name: "kubelet", Package: "k8s.io/kubernetes/cmd/kubelet"},
			{Name: "kube-proxy", Package: "k8s.io/kubernetes/cmd/kube-proxy"},
		},
		"network": {{Name: "dns", Package: "./dns"}, {Name: "firewall", Package: "./firewall"}},
		"image":   ImageTargets(),
		"process": {{Name: "process-node", Package: "."}},
	}
}

// ImageTargets are the programs of the module "image".
func ImageTargets() []Target {
	return []Target{{Name: "make-image", Package: "./make"}, {Name: "pause", Package: "./pause"}}
}

// Set is a set of programs and where they are built.
type Set struct {
	targets []Target
	// module is a folder with go.mod and go.sum; home holds bin and the lock.
	module string
	home   string
	// kubernetes is the version of Kubernetes, if that is what is built.
	kubernetes string
}

// Open finds the folder for the programs that this go.mod, go.sum and go command make. It builds nothing.
func Open(ctx context.Context, goMod, goSum []byte, targets []Target) (*Set, error) {
	version, err := requiredVersion(goMod, kubernetesModule)
	if err != nil {
		return nil, err
	}
	return openModule(ctx, version, []file{{"go.mod", goMod}, {"go.sum", goSum}}, targets)
}

// openModule finds the folder for the programs that these files of a module make.
func openModule(ctx context.Context, version string, files []file, targets []Target) (*Set, error) {
	root, err := cacheRoot()
	if err != nil {
		return nil, err
	}
	// The go command is asked, and run, in a module of its own: which toolchain it takes depends on go.mod, and the caller's
	// working folder, workspace or vendor folder must not matter.
	contents := make([][]byte, 0, len(files))
	for _, f := range files {
		contents = append(contents, f.content)
	}
	module := filepath.Join(root, "module-"+shortHash(contents...))
	if err := writeModule(module, files); err != nil {
		return nil, err
	}
	settings, err := goSettings(ctx, module)
	if err != nil {
		return nil, err
	}
	recipe, err := json.Marshal(targets)
	if err != nil {
		return nil, fmt.Errorf("naming the folder of the programs: %w", err)
	}
	flags := strings.Join(buildFlags(version), "\n")
	key := shortHash(append(contents, settings, recipe, []byte(flags))...)
	return &Set{targets: targets, module: module, home: filepath.Join(root, key), kubernetes: version}, nil
}

// Dir is the folder of the programs, which need not exist yet.
func (s *Set) Dir() string { return filepath.Join(s.home, "bin") }

// Missing lists the targets that are not built.
func (s *Set) Missing() []Target {
	return slices.DeleteFunc(slices.Clone(s.targets), func(t Target) bool {
		info, err := os.Stat(filepath.Join(s.Dir(), t.Name))
		// Programs are renamed into place once they are whole.
		return err == nil && info.Mode().IsRegular()
	})
}

// Ensure builds what is missing and reports to out. It says whether there was anything to do.
func (s *Set) Ensure(ctx context.Context, out io.Writer) (built bool, err error) {
	if len(s.Missing()) == 0 {
		return false, nil
	}
	if err := os.MkdirAll(s.Dir(), 0o755); err != nil { //nolint:gosec // programs, not secrets
		return false, fmt.Errorf("making the folder of the programs: %w", err)
	}
	lock, err := filelock.Acquire(ctx, filepath.Join(s.home, "lock"), func(held *filelock.HeldError) {
		_, _ = fmt.Fprintf(out, "another build is running (process %d), waiting for it\n", held.PID)
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	// Another build may have made some while we waited.
	missing := s.Missing()
	if len(missing) == 0 {
		return false, nil
	}
	return true, s.build(ctx, missing, out)
}

func (s *Set) build(ctx context.Context, missing []Target, out io.Writer) error {
	// We hold the lock, so whatever lies there is from a build that was killed.
	staging := filepath.Join(s.home, "staging")
	if err := errors.Join(os.RemoveAll(staging), os.Mkdir(staging, 0o755)); err != nil { //nolint:gosec // programs, not secrets
		return fmt.Errorf("making a folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(staging) }()
	begun := time.Now()
	for i, target := range missing {
		_, _ = fmt.Fprintf(out, "building %s (%d of %d, %d left after it, %s so far)\n",
			target.Name, i+1, len(missing), len(missing)-i-1, rounded(time.Since(begun)))
		staged := filepath.Join(staging, target.Name)
		if err := s.buildOne(ctx, target, staged, newReporter(out, target.Name)); err != nil {
			return err
		}
		if err := os.Rename(staged, filepath.Join(s.Dir(), target.Name)); err != nil {
			return fmt.Errorf("putting %s in place: %w", target.Name, err)
		}
	}
	_, _ = fmt.Fprintf(out, "built %d programs in %s\n", len(missing), rounded(time.Since(begun)))
	return nil
}

func (s *Set) buildOne(ctx context.Context, target Target, output string, report *reporter) error {
	args := append([]string{"build", "-v", "-o", output}, buildFlags(s.kubernetes)...)
	cmd := goCommand(ctx, s.module, append(args, target.Package)...)
	cmd.Stdout, cmd.Stderr = report, report
	// The go command ends its compilers when it is interrupted, not when it is killed.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	stop := report.start()
	err := cmd.Run()
	stop()
	if ctx.Err() != nil {
		return fmt.Errorf("building %s: %w", target.Name, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("building %s: %w\n%s", target.Name, err, report.tail())
	}
	return nil
}

// buildFlags are the flags of every build. -trimpath and no cgo are what the project's other builds use, so that the go
// command's cache is shared: with -trimpath, what is compiled does not depend on where. etcd has none of the stamped variables,
// which the linker then leaves.
func buildFlags(version string) []string {
	if version == "" {
		return []string{"-trimpath", "-mod=readonly", "-ldflags=-s -w"}
	}
	major, minor, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	linker := []string{"-s", "-w"}
	// component-base's is what /version and "kubectl version" say, client-go's the User-Agent of clients.
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		linker = append(linker, "-X "+pkg+".gitVersion="+version, "-X "+pkg+".gitMajor="+major, "-X "+pkg+".gitMinor="+minor)
	}
	return []string{"-trimpath", "-mod=readonly", "-ldflags=" + strings.Join(linker, " ")}
}

// requiredVersion is the version that a go.mod requires of a module.
func requiredVersion(goMod []byte, module string) (string, error) {
	for line := range strings.Lines(string(goMod)) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == module && strings.HasPrefix(fields[1], "v") {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("go.mod requires no %s", module)
}

// goSettings is what of the go command's environment determines the programs.
func goSettings(ctx context.Context, module string) ([]byte, error) {
	cmd := goCommand(ctx, module, "env", "-json", "GOVERSION", "GOOS", "GOARCH", "GOAMD64", "GOARM", "GOARM64", "GOEXPERIMENT",
		"GOFIPS140")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, fmt.Errorf("asking the go command for its settings: %w\n%s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("asking the go command for its settings: %w", err)
	}
	return out, nil
}

func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	// GOFLAGS of the caller (make has some, a shell has others) would give a folder of programs for each.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off", "PWD="+dir)
	return cmd
}

func cacheRoot() (string, error) {
	base := os.Getenv(cacheVariable)
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no cache folder, set %s: %w", cacheVariable, err)
		}
		base = filepath.Join(user, "launchready")
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return "", fmt.Errorf("%s: %w", cacheVariable, err)
	}
	return filepath.Join(base, "controlplane"), nil
}

// writeModule writes files that never change under their folder's name, so that it does not matter who writes them.
func writeModule(dir string, files []file) error {
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // no secrets
			return fmt.Errorf("making the module to build: %w", err)
		}
		if err := writeAtomically(path, f.content); err != nil {
			return fmt.Errorf("making the module to build: %w", err)
		}
	}
	return nil
}

func writeAtomically(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// shortHash hashes the parts, each with its length, so that no two lists of parts run into one.
func shortHash(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:", len(part))
		_, _ = h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
