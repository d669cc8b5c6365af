// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package container starts a program as a container is started, without root: in user, mount, process, IPC and host name
// namespaces of its own, on the files of its image and the volumes that are mounted there, and with no capability left.
//
// It must not know pods. What a container of a real node has besides and this one lacks: control groups (so no limits), a
// seccomp profile, and more than one user.
package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Mount shows a file or folder of ours to the container.
type Mount struct {
	Source, Target string
	ReadOnly       bool
}

// Spec says what to start.
type Spec struct {
	// Root is the folder with the image's files, which stay as they are: what the container writes is kept in memory.
	Root     string
	ReadOnly bool
	// Scratch is an empty folder, over which the container's file systems are mounted where only it sees them.
	Scratch  string
	Hostname string
	Mounts   []Mount
	Args     []string
	Env      []string
	// Dir is where the program starts.
	Dir string
}

// Options are how it is started.
type Options struct {
	// Init is the command that calls Init.
	Init []string
	// User and Group are what the program sees itself as. To the machine it is the user that runs us, whichever they are.
	User, Group int
	// Network is an open network namespace; 0 is ours.
	Network int
	// Output gets what it prints.
	Output *os.File
}

// Container is a started program.
type Container struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// The files that are handed on to Init, the first after the standard ones.
const (
	specFD  = 3
	errorFD = 4
)

// Start starts a container. An error of its start is told here, as long as its program has not taken over.
func Start(spec Spec, o Options) (*Container, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	specReader, specWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer specReader.Close() //nolint:errcheck // the child has its own
	errReader, errWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, specWriter.Close())
	}
	defer errReader.Close()                       //nolint:errcheck // only read
	cmd := exec.Command(o.Init[0], o.Init[1:]...) //nolint:noctx // it is ended by Signal
	cmd.Env = []string{}
	cmd.Stdout, cmd.Stderr = o.Output, o.Output
	cmd.ExtraFiles = []*os.File{specReader, errWriter}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: o.User, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: o.Group, HostID: os.Getgid(), Size: 1}},
		// What Init needs, and gives up before the program starts. overlayfs works in a folder that its mounter may not enter
		// without CAP_DAC_OVERRIDE.
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER},
		Setsid:      true,
	}
	err = startIn(o.Network, cmd)
	err = errors.Join(err, errWriter.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the container's first process: %w", err), specWriter.Close())
	}
	c := &Container{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // Status tells how it ended
		close(c.done)
	}()
	// A child that has ended tells why below.
	_, errWrite := specWriter.Write(text)
	_ = specWriter.Close()
	told, err := io.ReadAll(errReader)
	if err == nil && len(told) > 0 {
		err = errors.New(string(told))
	}
	if err = errors.Join(err, errWrite); err != nil {
		c.Signal(unix.SIGKILL)
		<-c.done
		return nil, err
	}
	return c, nil
}

// startIn starts a command in a network namespace: a child gets that of the thread that makes it.
func startIn(network int, cmd *exec.Cmd) error {
	if network == 0 {
		return cmd.Start()
	}
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close() //nolint:errcheck // only read
	err = unix.Setns(network, unix.CLONE_NEWNET)
	if err == nil {
		err = cmd.Start()
	}
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		// The thread stays locked, so that nobody else gets it.
		return errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return err
}

// Done is closed once it has ended.
func (c *Container) Done() <-chan struct{} { return c.done }

// Signal sends a signal to the program.
func (c *Container) Signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) }

// ExitCode is how it ended, as runtimes tell it: 128 and the number of the signal that ended it. It is only valid after Done.
func (c *Container) ExitCode() int32 {
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int32(status.Signal()) //nolint:gosec // a signal's number is small
	}
	return int32(c.cmd.ProcessState.ExitCode()) //nolint:gosec // it is a byte
}
