// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/namespaces"
)

// requirements are the machine's programs that a node needs, and Debian's packages that have them.
var requirements = [...]struct{ program, pkg string }{
	{"containerd", "containerd"},
	{"containerd-shim-runc-v2", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"ip", "iproute2"},
	{"nft", "nftables"},
	{"iptables", "iptables"},
	{"ipset", "ipset"},
}

const pluginPackage = "containernetworking-plugins"

// Available says why no node can run on this machine, or nil. It changes nothing. The command calls Check.
func Available(ctx context.Context, check []string) error {
	if os.Geteuid() != 0 {
		return &UnavailableError{"it needs root"}
	}
	if missing := missingPackages(); len(missing) > 0 && !isDebian() {
		return &UnavailableError{"this is no Debian, on which these packages could be installed: " + strings.Join(missing, " ")}
	}
	// Two at the same time must not meet.
	group := cgroupPrefix + "check-" + strconv.Itoa(os.Getpid())
	if err := errors.Join(makeCgroup(group), removeCgroup(ctx, group)); err != nil {
		return &UnavailableError{err.Error()}
	}
	out, err := namespaces.Try(ctx, check, &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
	})
	if err != nil {
		return &UnavailableError{fmt.Sprintf("namespaces can't be made ready: %v: %s", err, out)}
	}
	return nil
}

// Check tries, in new namespaces, what a node will do with them.
func Check(dir string) error {
	if err := cluster.ClearNode(dir); err != nil {
		return err
	}
	if err := prepareMounts(dir); err != nil {
		return err
	}
	if _, err := find("ip"); err != nil {
		return nil //nolint:nilerr // it is installed before the first start, which then tells the rest
	}
	return prepareNetwork()
}

// Install installs the machine's programs that are missing, and says so before it does.
func Install(ctx context.Context, out io.Writer) error {
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	command := append([]string{"apt-get", "install", "--yes", "--no-install-recommends", "--option=DPkg::Lock::Timeout=300"}, missing...)
	_, _ = fmt.Fprintf(out, "installing what a node needs of Debian: %s\n", strings.Join(command, " "))
	// A package list that is missing or old is mended, once.
	err := apt(ctx, command)
	if err != nil {
		_, _ = fmt.Fprintln(out, "that failed; updating the package list first: apt-get update")
		if err = apt(ctx, []string{"apt-get", "update"}); err == nil {
			err = apt(ctx, command)
		}
	}
	if err != nil {
		return &UnavailableError{fmt.Sprintf("packages can't be installed: %v", err)}
	}
	if missing := missingPackages(); len(missing) > 0 {
		return &UnavailableError{"programs are missing although these packages are installed: " + strings.Join(missing, " ")}
	}
	return nil
}

func apt(ctx context.Context, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "PATH="+searchPath())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

func missingPackages() []string {
	var missing []string
	for _, r := range requirements {
		if _, err := find(r.program); err != nil && !slices.Contains(missing, r.pkg) {
			missing = append(missing, r.pkg)
		}
	}
	if _, err := pluginFolder(); err != nil {
		missing = append(missing, pluginPackage)
	}
	return missing
}

func isDebian() bool {
	_, errVersion := os.Stat("/etc/debian_version")
	_, errApt := find("apt-get")
	return errVersion == nil && errApt == nil
}

// find finds a program of the machine, also where the user's path does not have the system's folders.
func find(name string) (string, error) {
	for _, dir := range filepath.SplitList(searchPath()) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// pluginFolder finds the plugins that make pods' interfaces: Debian's, or where others put them.
func pluginFolder() (string, error) {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin"} {
		if _, err := os.Stat(filepath.Join(dir, "ptp")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no plugins for pods' interfaces")
}
