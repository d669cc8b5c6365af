// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// layout names the files of a control plane within its folder.
type layout struct{ dir string }

const (
	pkiDir        = "pki"
	etcdDir       = "etcd"
	logDir        = "log"
	kubeconfigDir = "kubeconfig"
)

func (l layout) pki(name string) string  { return filepath.Join(l.dir, pkiDir, name) }
func (l layout) etcd() string            { return filepath.Join(l.dir, etcdDir) }
func (l layout) node(name string) string { return filepath.Join(l.dir, "node", name) }
func (l layout) log(name string) string  { return filepath.Join(l.dir, logDir, name+".log") }

// kubeconfig is named after the user, less the prefix that makes it one of the system's: a colon parts paths in KUBECONFIG.
func (l layout) kubeconfig(user string) string {
	return filepath.Join(l.dir, kubeconfigDir, strings.TrimPrefix(user, "system:")+".json")
}

// clear removes what an earlier control plane left, and only that, and makes empty folders.
func (l layout) clear() error {
	for _, name := range []string{pkiDir, etcdDir, logDir, kubeconfigDir} {
		path := filepath.Join(l.dir, name)
		if err := errors.Join(os.RemoveAll(path), os.MkdirAll(path, 0o700)); err != nil {
			return fmt.Errorf("preparing the folder of the control plane: %w", err)
		}
	}
	return nil
}

// write writes a file that only we may read.
func (l layout) write(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing to the folder of the control plane: %w", err)
	}
	return nil
}
