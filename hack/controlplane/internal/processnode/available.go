// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package processnode says whether the process node of hack/node/process can run on this machine. It must not start it: package
// cluster does.
package processnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/launchready/launchready/hack/controlplane/internal/namespaces"
)

// Available says why the process node can't run on this machine, or nil. It changes nothing, and needs no root. The command
// calls Check.
func Available(ctx context.Context, check []string) error {
	out, err := namespaces.Try(ctx, check, &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	})
	if err != nil {
		return fmt.Errorf("user namespaces can't be used: %w: %s", err, out)
	}
	return nil
}

// Check tries, in new namespaces, what the process node will do with them, as far as that can be done without its libraries.
func Check(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	lower, memory := filepath.Join(dir, "lower"), filepath.Join(dir, "memory")
	if err := errors.Join(os.Mkdir(lower, 0o700), os.Mkdir(memory, 0o700)); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", memory, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mounting memory: %w", err)
	}
	upper, work, root := filepath.Join(memory, "upper"), filepath.Join(memory, "work"), filepath.Join(memory, "root")
	if err := errors.Join(os.Mkdir(upper, 0o700), os.Mkdir(work, 0o700), os.Mkdir(root, 0o700)); err != nil {
		return err
	}
	options := fmt.Sprintf("userxattr,lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work)
	if err := unix.Mount("overlay", root, "overlay", 0, options); err != nil {
		return fmt.Errorf("laying memory over files (overlayfs): %w", err)
	}
	return nil
}
