// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
)

// Inside runs the control plane and the node, in the namespaces, until ctx is over.
func Inside(ctx context.Context, text string) error {
	// Those of the components that we start must not hold them.
	syscall.CloseOnExec(listenerFD)
	syscall.CloseOnExec(reportFD)
	reports := json.NewEncoder(os.NewFile(reportFD, "report"))
	err := inside(ctx, text, reports)
	if err == nil {
		return nil
	}
	r := report{Error: err.Error()}
	if failed, ok := errors.AsType[*cluster.ComponentError](err); ok {
		r = report{Component: failed.Component, Error: failed.Err.Error(), Log: failed.Log}
	}
	return errors.Join(err, reports.Encode(r))
}

func inside(ctx context.Context, text string, reports *json.Encoder) (err error) {
	var config Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return err
	}
	socket := os.NewFile(listenerFD, "listener")
	listener, err := net.FileListener(socket)
	if err := errors.Join(err, socket.Close()); err != nil {
		return err
	}
	plugins, err := pluginFolder()
	if err != nil {
		return err
	}
	launcher, err := process.NewLauncher(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, launcher.Close()) }()
	c, err := cluster.Start(ctx, cluster.Config{
		Bin: config.Bin, Dir: config.Dir, Launcher: launcher,
		Node: &cluster.Node{
			Programs: config.program, Port: config.Port, Cgroup: config.Cgroup, Pause: config.Pause, CNI: plugins,
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop(ctx)) }()
	go forward(listener, cluster.Address(config.Port))
	if err := reports.Encode(report{Delays: c.Delays()}); err != nil {
		return err
	}
	select {
	case failure := <-c.Failed():
		return failure
	case <-ctx.Done():
		return nil
	}
}

// program finds a program of the node: ours, or the machine's.
func (c Config) program(name string) (string, error) {
	for _, dir := range c.NodeBin {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return find(name)
}

// forward hands connections on. The listener was opened on the machine, and a socket stays where it was opened, whoever
// accepts from it; what we open ourselves is in the namespace.
func forward(listener net.Listener, address string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			server, err := (&net.Dialer{}).Dial("tcp", address)
			if err != nil {
				return
			}
			defer func() { _ = server.Close() }()
			join(conn, server)
		}()
	}
}

// join copies both ways, and tells each side when the other has said all.
func join(client, server net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(server, client)
	}()
	pass(client, server)
	<-done
}

func pass(to, from net.Conn) {
	// What ends a connection is seen by both sides.
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
