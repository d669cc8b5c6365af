// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
)

// Memory is the resident memory of the process in bytes.
func (p *Process) Memory() (int64, error) {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(p.PID())).Output() //nolint:gosec,noctx // a number; returns at once
	if err != nil {
		return 0, fmt.Errorf("memory of %s: %w", p.Name(), err)
	}
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(out)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("memory of %s: %w", p.Name(), err)
	}
	return kib << 10, nil
}
