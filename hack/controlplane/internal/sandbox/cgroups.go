// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/process"
)

const (
	// cgroupRoot is where control groups are.
	cgroupRoot = "/sys/fs/cgroup"
	// cgroupPrefix and the id of the outer process name a node's control group.
	cgroupPrefix = "launchready-node-"
	// emptyTimeout bounds the wait for the kernel to see that a group is empty.
	emptyTimeout = 10 * time.Second
)

// makeCgroup makes a control group in each hierarchy: version 1 has one for each kind, version 2 one for all.
func makeCgroup(name string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	made := 0
	for line := range strings.Lines(string(mounts)) {
		// proc_pid_mountinfo(5): the place is the fifth field, the kind comes after a dash.
		left, right, _ := strings.Cut(line, " - ")
		place := strings.Fields(left)
		if len(place) < 5 || !strings.HasPrefix(place[4], cgroupRoot) || !strings.HasPrefix(right, "cgroup") {
			continue
		}
		if err := makeGroup(place[4], filepath.Join(place[4], name)); err != nil {
			return fmt.Errorf("making a control group: %w", err)
		}
		made++
	}
	if made == 0 {
		return errors.New("no control groups are mounted in " + cgroupRoot)
	}
	return nil
}

func makeGroup(parent, group string) error {
	if err := os.Mkdir(group, 0o755); err != nil { //nolint:gosec // as all control groups are
		return err
	}
	// A new group of this kind has nothing to run on until it is told.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, file)) //nolint:gosec // a file of the kernel's
		if err != nil || len(bytes.TrimSpace(value)) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(group, file), value, 0o600); err != nil { //nolint:gosec // below the kernel's folder
			return err
		}
	}
	return nil
}

// cgroupFolders finds control groups by their names, in all hierarchies.
func cgroupFolders(matches func(name string) bool) ([]string, error) {
	var found []string
	err := filepath.WalkDir(cgroupRoot, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // Others come and go.
			return nil
		case err != nil:
			return err
		case !entry.IsDir() || !matches(entry.Name()):
			return nil
		default:
			found = append(found, path)
			return filepath.SkipDir
		}
	})
	return found, err
}

// removeCgroup removes a node's control groups, whose processes have ended.
func removeCgroup(ctx context.Context, name string) error {
	folders, err := cgroupFolders(func(other string) bool { return other == name })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), emptyTimeout, errors.New("not empty in time"))
	defer cancel()
	for _, folder := range folders {
		var last error
		err := process.Poll(ctx, func(context.Context) (bool, error) {
			last = removeTree(folder)
			return last == nil, nil
		})
		if err != nil {
			return fmt.Errorf("removing control groups: %w", errors.Join(err, last))
		}
	}
	return nil
}

// removeTree removes a folder of folders, the innermost first. Their files are not real and can't be removed.
func removeTree(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, folder := range slices.Backward(folders) {
		if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	return nil
}

// alive says whether a process runs: one that has ended, and that nobody has asked about, does not.
func alive(pid int) bool {
	stat, err := processStat(strconv.Itoa(pid))
	return err == nil && stat[0] != "Z" && stat[0] != "X"
}

// processStat reads what the kernel tells of a process after its name, which ends with the last parenthesis: its state, who
// started it (proc_pid_stat(5)).
func processStat(pid string) ([]string, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat")) //nolint:gosec // a file of the kernel's
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return nil, fmt.Errorf("unexpected state of process %s", pid)
	}
	return fields, nil
}

// sweep removes what nodes left whose outer process was killed: the kernel ended all else then.
func sweep(ctx context.Context) error {
	folders, err := cgroupFolders(func(name string) bool {
		pid, err := strconv.Atoi(strings.TrimPrefix(name, cgroupPrefix))
		return strings.HasPrefix(name, cgroupPrefix) && err == nil && !alive(pid)
	})
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := removeCgroup(ctx, filepath.Base(folder)); err != nil {
			return fmt.Errorf("of a node that was killed: %w", err)
		}
	}
	return nil
}
