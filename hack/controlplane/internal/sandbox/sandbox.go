// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package sandbox runs a control plane with a node in namespaces of their own: mounts, network, processes. What the node does
// to the machine it does to those, and it ends with them.
//
// Three processes take part. The outer one, which Start is called in, stays on the machine. Init is the first in the
// namespaces; it makes them ready and reaps. Its child, Inside, runs the cluster, and hands connections to the API server on
// from a socket that the outer one opened on the machine.
//
// It must not know the components, and must change nothing on the machine but control groups below one that it removes.
package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
)

const (
	// component is how errors call all of what runs in the namespaces.
	component = "node"
	// stopGrace is longer than what all components together may take.
	stopGrace = 2 * time.Minute
	// pidFile has the id of the first process in the namespaces.
	pidFile = "node.pid"
	logFile = "node.log"
)

// The files that are handed on to the processes in the namespaces, the first after the standard ones.
const (
	listenerFD = 3
	reportFD   = 4
)

// Config says what to run.
type Config struct {
	// Bin is the folder of the control plane's programs, NodeBin are those of the node's.
	Bin     string
	NodeBin []string
	// Dir is the folder of the state.
	Dir string
	// Pause is the tarball of the image that holds a pod's namespaces.
	Pause string
	// Init and Inside are the commands that call the functions of that name.
	Init, Inside []string
	Launcher     *process.Launcher `json:"-"`

	// Port and Cgroup are set by Start.
	Port   int
	Cgroup string
}

// Sandbox is a running control plane with a node.
type Sandbox struct {
	config  Config
	process *process.Process
	delays  []cluster.Delay
	reports *json.Decoder
	pipe    io.Closer
	failed  chan error
	ending  chan struct{}
	once    sync.Once
	stopErr error
}

// report is what the processes in the namespaces tell: that all is ready, or that something has failed.
type report struct {
	Delays    []cluster.Delay
	Component string
	Error     string
	Log       string
}

func (r report) failure() error {
	switch {
	case r.Error == "":
		return nil
	case r.Component == "":
		return errors.New(r.Error)
	default:
		return &cluster.ComponentError{Component: r.Component, Err: errors.New(r.Error), Log: r.Log}
	}
}

// Start starts a control plane with a node and waits until pods can run. If it fails, nothing is left.
func Start(ctx context.Context, config Config) (*Sandbox, error) {
	if err := sweep(ctx); err != nil {
		return nil, err
	}
	if err := cluster.ClearNode(config.Dir); err != nil {
		return nil, err
	}
	config.Cgroup = cgroupPrefix + strconv.Itoa(os.Getpid())
	s := &Sandbox{config: config, failed: make(chan error, 1), ending: make(chan struct{})}
	err := makeCgroup(config.Cgroup)
	if err == nil {
		err = s.launch(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("starting a node: %w", errors.Join(err, removeCgroup(ctx, config.Cgroup)))
	}
	stop := context.AfterFunc(ctx, func() { _ = s.process.Signal(syscall.SIGTERM) })
	first, err := s.next()
	if !stop() {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return nil, fmt.Errorf("starting a node: %w", errors.Join(err, s.Stop(ctx)))
	}
	s.delays = first.Delays
	go s.watch()
	return s, nil
}

func (s *Sandbox) launch(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return fmt.Errorf("unexpected listener %T", listener)
	}
	socket, err := tcp.File()
	if err != nil {
		return err
	}
	defer func() { _ = socket.Close() }()
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	if s.config.Port, err = strconv.Atoi(port); err != nil {
		return err
	}
	text, err := json.Marshal(s.config)
	if err != nil {
		return err
	}
	s.pipe, s.reports = in, json.NewDecoder(bufio.NewReader(in))
	s.process, err = s.config.Launcher.Start(process.Spec{
		Name: component, Path: s.config.Init[0], Args: append(s.config.Init[1:], string(text)), Dir: s.config.Dir,
		LogFile: filepath.Join(s.config.Dir, logFile), Files: []*os.File{socket, out},
		Attributes: func(attributes *syscall.SysProcAttr) {
			attributes.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC
		},
	})
	if err != nil {
		return errors.Join(err, in.Close())
	}
	if err := os.WriteFile(filepath.Join(s.config.Dir, pidFile), []byte(strconv.Itoa(s.process.PID())), 0o600); err != nil {
		// Nothing has begun in there that would need an order.
		return errors.Join(err, s.process.Signal(syscall.SIGKILL), in.Close())
	}
	return nil
}

// next reads a report. Without one the processes have ended, unasked.
func (s *Sandbox) next() (report, error) {
	var r report
	if err := s.reports.Decode(&r); err != nil {
		<-s.process.Done()
		return r, &cluster.ComponentError{Component: component, Err: fmt.Errorf("ended: %w", s.process.Err()), Log: s.process.LogTail()}
	}
	return r, r.failure()
}

func (s *Sandbox) watch() {
	_, err := s.next()
	select {
	case <-s.ending:
	default:
		s.failed <- err
	}
}

// Failed receives a *cluster.ComponentError if a component ends by itself.
func (s *Sandbox) Failed() <-chan error { return s.failed }

// Kubeconfig is the path of the administrator's kubeconfig, which serves on the machine and in the namespaces.
func (s *Sandbox) Kubeconfig() string { return cluster.Kubeconfig(s.config.Dir) }

// Components is the process that all others end with.
func (s *Sandbox) Components() []*process.Process { return []*process.Process{s.process} }

// Delays say what the start took its time for.
func (s *Sandbox) Delays() []cluster.Delay { return s.delays }

// Stop ends all processes, and with them the namespaces, and removes the control groups.
func (s *Sandbox) Stop(ctx context.Context) error {
	s.once.Do(func() {
		close(s.ending)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		s.stopErr = errors.Join(s.process.Stop(ctx), s.pipe.Close(), removeCgroup(ctx, s.config.Cgroup),
			os.Remove(filepath.Join(s.config.Dir, pidFile)))
	})
	return s.stopErr
}
