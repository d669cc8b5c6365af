// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// deathSignal lets the kernel end the children.
type deathSignal struct{}

func newTether([]string) (tether, error) { return deathSignal{}, nil }

func (deathSignal) prepare(attr *syscall.SysProcAttr, shared bool) {
	// A command that shares our terminal may have something to put away; a component has not.
	attr.Pdeathsig = syscall.SIGKILL
	if shared {
		attr.Pdeathsig = syscall.SIGTERM
	}
}

func (deathSignal) started(int)  {}
func (deathSignal) ended(int)    {}
func (deathSignal) close() error { return nil }
