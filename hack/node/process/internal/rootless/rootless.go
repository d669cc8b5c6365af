// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package rootless runs this program a second time, in user, mount, network, process and IPC namespaces that any user may make.
// There it is root of what it makes itself, and nothing of that is seen outside. When either of the two ends, the kernel ends
// the inner one and all that it has started.
//
// Two things lead in and out: the socket for the kubelet's API is opened outside and handed in, and a Unix socket in the
// working folder leads to the API server.
package rootless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// APISocket leads from the inside to the API server. It is relative to the working folder of both: the path of a socket may
	// only have 107 bytes.
	APISocket = "api.sock"
	// listenerFD is the socket of the kubelet's API, handed to the inner program.
	listenerFD = 3
	// stopGrace is longer than pods are given to end.
	stopGrace = 20 * time.Second
)

// Config says what to run.
type Config struct {
	// Command is the inner program.
	Command []string
	// Port of the kubelet's API on the loopback address. It may be reserved by somebody who lets us share it.
	Port int
	// APIServer is its address on this machine.
	APIServer string
}

// Run runs the inner program until it ends, or ctx is over. Its working folder is ours.
func Run(ctx context.Context, config Config) error {
	api, err := listen(ctx, config.Port)
	if err != nil {
		return err
	}
	defer api.Close() //nolint:errcheck // the inner program has its own
	if err := os.Remove(APISocket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "unix", APISocket)
	if err != nil {
		return fmt.Errorf("listening for the inner program: %w", err)
	}
	defer socket.Close()                                                                    //nolint:errcheck // we end
	go Relay(socket, func() (net.Conn, error) { return net.Dial("tcp", config.APIServer) }) //nolint:noctx // it is this machine
	return runInside(ctx, config.Command, api)
}

func listen(ctx context.Context, port int) (*os.File, error) {
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var errShare error
		err := c.Control(func(fd uintptr) { errShare = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(err, errShare)
	}}
	listener, err := share.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("listening for the kubelet's API: %w", err)
	}
	defer listener.Close() //nolint:errcheck // the file is a copy
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("unexpected listener %T", listener)
	}
	return tcp.File()
}

// runInside starts the inner program and waits for it.
func runInside(ctx context.Context, command []string, api *os.File) error {
	// The kernel ends the child when the thread that made it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := Command(ctx, command)
	cmd.ExtraFiles = []*os.File{api}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil // it was told to end
	}
	if err != nil {
		return fmt.Errorf("in the namespaces: %w", err)
	}
	return errors.New("the program in the namespaces has ended")
}

// Command is a command in new namespaces, in which it is root. Start it from a thread that lasts.
func Command(ctx context.Context, command []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
		Setpgid:     true,
	}
	return cmd
}

// Prepare makes the namespaces of the inner program ready, with a file system in memory over a folder.
func Prepare(memory string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	// What pods are given lies there: no Secret is written to a disk.
	if err := unix.Mount("tmpfs", memory, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=700"); err != nil {
		return fmt.Errorf("mounting memory: %w", err)
	}
	return nil
}

// Listener is the socket of the kubelet's API, in the inner program.
func Listener() (net.Listener, error) {
	unix.CloseOnExec(listenerFD)
	file := os.NewFile(listenerFD, "listener")
	listener, err := net.FileListener(file)
	return listener, errors.Join(err, file.Close())
}

// DialAPI connects the inner program to the API server.
func DialAPI(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", APISocket)
}

// Relay hands each connection on to another one.
func Relay(listener net.Listener, dial func() (net.Conn, error)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close() //nolint:errcheck // both sides have seen the end
			other, err := dial()
			if err != nil {
				return
			}
			defer other.Close() //nolint:errcheck // as above
			join(conn, other)
		}()
	}
}

// join copies both ways, and tells each side when the other has said all.
func join(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(b, a)
	}()
	pass(a, b)
	<-done
}

func pass(to, from net.Conn) {
	// What ends a connection is seen by both sides.
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
