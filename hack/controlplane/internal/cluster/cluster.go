// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package cluster starts and stops a Kubernetes control plane of one machine: etcd, API server, controller manager, scheduler.
//
// It owns the order of things, the flags and the credentials. It must not build programs, choose or remove the state folder,
// or handle signals.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/ports"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
)

const (
	// stopGrace bounds the wait for a component to end by itself.
	stopGrace = 30 * time.Second
	// attempts bounds how often a start is repeated because a port was taken after all.
	attempts = 3
)

// Config says what to start.
type Config struct {
	// Bin is the folder of the programs.
	Bin string
	// Dir is the folder for the state, which is this control plane's alone. What an earlier one left there is removed.
	Dir string
	// Launcher starts the processes.
	Launcher *process.Launcher
	// Node, if set, lets pods run, and so does Process, in its own way. Only one of them is set.
	Node    *Node
	Process *ProcessNode
	// Serving, if set, is called with the administrator's kubeconfig once the API server is ready and before the rest is started.
	Serving func(ctx context.Context, kubeconfig string) error

	// What tests replace: the reservation of ports, the time that a component has, and who hears of a start.
	reserve      func() (*ports.Reservation, error)
	readyTimeout time.Duration
	started      func(*process.Process)
}

// Delay is the time that passed until a component was ready, since the one before it was.
type Delay struct {
	Component string
	Duration  time.Duration
}

// Cluster is a running control plane.
type Cluster struct {
	config      Config
	layout      layout
	reservation *ports.Reservation
	endpoints   endpoints
	credentials *credentials

	// components are in the order in which they were started, delays in that in which they became ready.
	components []*process.Process
	delays     []Delay
	// last is when the last of them became ready, or the start began.
	last     time.Time
	failed   chan error
	stopping chan struct{}
	stopOnce sync.Once
	stopErr  error
}

// Start starts a control plane and waits until it is of use. If it fails, nothing is left running.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	if config.reserve == nil {
		config.reserve = func() (*ports.Reservation, error) { return ports.Reserve(portCount) }
	}
	if config.Node != nil {
		config.reserve = func() (*ports.Reservation, error) { return ports.ReserveWith(portCount, config.Node.Port) }
	}
	if config.readyTimeout == 0 {
		config.readyTimeout = readyTimeout
	}
	if config.Serving == nil {
		config.Serving = func(context.Context, string) error { return nil }
	}
	if config.started == nil {
		config.started = func(*process.Process) {}
	}
	for attempt := 1; ; attempt++ {
		c, err := startOnce(ctx, config)
		if err == nil {
			return c, nil
		}
		if attempt == attempts || !portTaken(err) {
			return nil, fmt.Errorf("starting a control plane: %w", err)
		}
	}
}

func startOnce(ctx context.Context, config Config) (*Cluster, error) {
	reservation, err := config.reserve()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		config: config, layout: layout{dir: config.Dir}, reservation: reservation, endpoints: newEndpoints(reservation.Ports()),
		failed: make(chan error, 1), stopping: make(chan struct{}), last: time.Now(),
	}
	if err := c.startAll(ctx); err != nil {
		return nil, errors.Join(err, c.Stop(ctx))
	}
	for _, p := range c.components {
		go c.watch(p)
	}
	return c, nil
}

func (c *Cluster) startAll(ctx context.Context) error {
	if err := c.prepare(); err != nil {
		return err
	}
	etcdClient, err := newClient(c.credentials.etcdCA, c.credentials.etcdClient)
	if err != nil {
		return err
	}
	defer etcdClient.CloseIdleConnections()
	client, err := newClient(c.credentials.kubeCA, c.credentials.users[adminUser])
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()

	l, e := c.layout, c.endpoints
	var runtime *process.Process
	if c.config.Node != nil {
		if runtime, err = c.launchNode(containerd, "--config="+l.node("containerd.toml")); err != nil {
			return err
		}
	}
	store, err := c.launch(etcd, etcdArgs(l, e))
	if err != nil {
		return err
	}
	// The API server takes longer to come to its store than the store to be there, and waits for it if need be.
	args := apiServerArgs(l, e)
	// The last of a flag wins.
	if c.hasNode() {
		args = append(args, kubeletClientArgs(l)...)
	}
	if c.config.Node != nil {
		args = append(args, nodeAPIServerArgs()...)
	}
	api, err := c.launch(apiServer, args)
	if err != nil {
		return err
	}
	if err := c.await(ctx, store, probe{etcdClient, address(e.etcdClient) + "/readyz"}); err != nil {
		return err
	}
	if err := c.await(ctx, api, probe{client, c.Server() + "/readyz"}); err != nil {
		return err
	}
	if err := c.config.Serving(ctx, c.Kubeconfig()); err != nil {
		return err
	}
	// These two would give up if they found no API server. Neither needs the other.
	m, err := c.launch(manager, managerArgs(l, e))
	if err != nil {
		return err
	}
	s, err := c.launch(scheduler, schedulerArgs(l, e))
	if err != nil {
		return err
	}
	if err := c.await(ctx, s, probe{client, address(e.scheduler) + "/healthz"}); err != nil {
		return err
	}
	// Without the account no pod can be made: it is the last thing that a new namespace gets.
	err = c.await(ctx, m, probe{client, address(e.manager) + "/healthz"},
		probe{client, c.Server() + "/api/v1/namespaces/default/serviceaccounts/default"})
	switch {
	case err != nil:
		return err
	case c.config.Node != nil:
		return c.startNode(ctx, client, runtime)
	case c.config.Process != nil:
		return c.startProcessNode(ctx, client)
	}
	return nil
}

func (c *Cluster) prepare() error {
	if err := c.layout.clear(); err != nil {
		return err
	}
	var err error
	if c.credentials, err = writeCredentials(c.layout, time.Now(), c.hasNode()); err != nil {
		return fmt.Errorf("making credentials: %w", err)
	}
	if c.config.Node != nil {
		if err := c.nodeFiles(); err != nil {
			return err
		}
	}
	if c.config.Node == nil {
		if err := clearProcessNode(c.layout, c.config.Process != nil); err != nil {
			return err
		}
	}
	return c.credentials.writeKubeconfigs(c.layout, c.Server())
}

// hasNode says whether pods run.
func (c *Cluster) hasNode() bool { return c.config.Node != nil || c.config.Process != nil }

func (c *Cluster) launch(name string, args []string) (*process.Process, error) {
	return c.launchProgram(name, program(c.config.Bin, name), args)
}

func (c *Cluster) launchProgram(name, path string, args []string) (*process.Process, error) {
	return c.start(process.Spec{Name: name, Path: path, Args: args, Dir: c.layout.dir, LogFile: c.layout.log(name)})
}

func (c *Cluster) start(spec process.Spec) (*process.Process, error) {
	p, err := c.config.Launcher.Start(spec)
	if err != nil {
		return nil, err
	}
	c.components = append(c.components, p)
	c.config.started(p)
	return p, nil
}

// watch reports a component that ends although nobody stopped it.
func (c *Cluster) watch(p *process.Process) {
	select {
	case <-c.stopping:
		return
	case <-p.Done():
	}
	select {
	case <-c.stopping:
		return
	default:
	}
	select {
	case c.failed <- &ComponentError{Component: p.Name(), Err: endedError(p), Log: p.LogTail()}:
	default: // One is enough: when etcd ends, the others follow.
	}
}

// Failed receives a *ComponentError if a component ends by itself.
func (c *Cluster) Failed() <-chan error { return c.failed }

// Kubeconfig is the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.layout.kubeconfig(adminUser) }

// Server is the address of the API server.
func (c *Cluster) Server() string { return address(c.endpoints.apiServer) }

// Components are the processes, in the order in which they were started.
func (c *Cluster) Components() []*process.Process { return c.components }

// Delays say what the start took its time for.
func (c *Cluster) Delays() []Delay { return c.delays }

// Stop ends the components: first the clients of the API server, then the API server, then its store. Each gets some time
// to end by itself, also when ctx is over, and is then killed. Nothing runs any more when Stop returns.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stopOnce.Do(func() {
		close(c.stopping)
		c.stopErr = errors.Join(stopStages(context.WithoutCancel(ctx), stages(c.components)), c.reservation.Close())
	})
	return c.stopErr
}

// stopper is what Stop needs of a process.
type stopper interface {
	Name() string
	Stop(ctx context.Context) error
}

// stages groups processes by when they are stopped.
func stages[S stopper](components []S) [][]S {
	stages := make([][]S, 3)
	for _, p := range components {
		switch p.Name() {
		case etcd:
			stages[2] = append(stages[2], p)
		case apiServer, containerd: // Nobody may start pods any more.
			stages[1] = append(stages[1], p)
		default:
			stages[0] = append(stages[0], p)
		}
	}
	return stages
}

// stopStages stops the processes of a stage together, and a stage after the one before it has ended.
func stopStages[S stopper](ctx context.Context, stages [][]S) error {
	var errs []error
	for _, stage := range stages {
		stopped := make(chan error, len(stage))
		for _, p := range stage {
			go func() {
				ctx, cancel := context.WithTimeout(ctx, stopGrace)
				defer cancel()
				stopped <- p.Stop(ctx)
			}()
		}
		for range stage {
			errs = append(errs, <-stopped)
		}
	}
	return errors.Join(errs...)
}

// portTaken says that a component ended because of its port.
func portTaken(err error) bool {
	failed, ok := errors.AsType[*ComponentError](err)
	return ok && strings.Contains(failed.Log, "address already in use")
}
