// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/launchready/launchready/hack/controlplane/internal/filelock"
)

const (
	// lockName is the file that marks a folder as ours, and is locked by the process that runs a control plane in it.
	lockName = "controlplane.lock"
	// logName is what a detached supervisor prints.
	logName = "supervisor.log"
)

// ErrRunning says that a control plane runs in the folder already.
var ErrRunning = errors.New("a control plane is running there, stop it first")

// folder is the state folder of a control plane, held by this process.
type folder struct {
	path      string
	temporary bool
	lock      *filelock.Lock
}

// claim takes the folder, or a new temporary one if path is empty.
func claim(path string) (*folder, error) {
	f := &folder{temporary: path == ""}
	var err error
	if f.temporary {
		f.path, err = os.MkdirTemp("", "launchready-controlplane-")
	} else {
		f.path, err = makeFolder(path)
	}
	if err != nil {
		return nil, fmt.Errorf("folder of the control plane: %w", err)
	}
	if f.lock, err = filelock.Try(filepath.Join(f.path, lockName)); err != nil {
		if held, ok := errors.AsType[*filelock.HeldError](err); ok {
			return nil, fmt.Errorf("%s: %w (process %d)", f.path, ErrRunning, held.PID)
		}
		return nil, err
	}
	return f, nil
}

// makeFolder makes the folder and returns its absolute path. It refuses one with other things in it, because a control plane
// starts empty, and so removes what an earlier one left.
func makeFolder(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	foreign := ""
	for _, entry := range entries {
		switch entry.Name() {
		case lockName:
			return path, nil
		case logName:
		default:
			foreign = entry.Name()
		}
	}
	if foreign != "" {
		return "", fmt.Errorf("%s holds %s, which is not an earlier control plane's: name an empty or new folder", path, foreign)
	}
	return path, nil
}

// release gives the folder up; a temporary one is removed.
func (f *folder) release() error {
	var err error
	if f.temporary {
		err = os.RemoveAll(f.path)
	}
	return errors.Join(err, f.lock.Release())
}
