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
	"strconv"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
)

// ErrNoNode says that no node runs in the folder.
var ErrNoNode = errors.New("no node is running there")

// Load imports images from tarballs into the node that the supervisor with the given process id runs in a folder.
func Load(ctx context.Context, dir string, supervisor int, tarballs []string) error {
	text, err := os.ReadFile(filepath.Join(dir, pidFile)) //nolint:gosec // the caller's own folder
	if err != nil {
		return fmt.Errorf("%s: %w", dir, ErrNoNode)
	}
	// A stale number may be another process by now.
	if parent, err := parentOf(string(text)); err != nil || parent != supervisor {
		return errors.Join(fmt.Errorf("%s: %w", dir, ErrNoNode), err)
	}
	ctr, err := find("ctr")
	if err != nil {
		return err
	}
	// The socket is in the node's mounts, to which the kernel shows a way.
	socket := filepath.Join("/proc", string(text), "root", cluster.ContainerdSocket)
	for _, tarball := range tarballs {
		cmd := exec.CommandContext(ctx, ctr, "--address", socket, "--namespace", cluster.ContainerdNamespace, "images", "import", tarball)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("loading %s: %w: %s", tarball, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// parentOf is who started a process.
func parentOf(pid string) (int, error) {
	stat, err := processStat(pid)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(stat[1])
}
