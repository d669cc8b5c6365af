// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/launchready/launchready/hack/controlplane/internal/binaries"
	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
	"github.com/launchready/launchready/hack/controlplane/internal/processnode"
	"github.com/launchready/launchready/hack/controlplane/internal/sandbox"
)

// nodeVariable names the node to take where the command line leaves it open: for trying the process node where a real one
// could run.
const nodeVariable = "LAUNCHREADY_NODE"

// nodeKind is a kind of node, as --node names it.
type nodeKind string

const (
	nodeNone    nodeKind = ""
	nodeAuto    nodeKind = "auto"
	nodeReal    nodeKind = "real"
	nodeProcess nodeKind = "process"
)

// nodeFlag defines --node, which alone means the best node that works.
func nodeFlag(flags *flag.FlagSet, usage string) *nodeKind {
	kind := nodeNone
	flags.Var(&kind, "node", usage+": auto, real or process")
	return &kind
}

// String gives it as it was set.
func (k *nodeKind) String() string { return string(*k) }

// IsBoolFlag lets --node stand alone.
func (k *nodeKind) IsBoolFlag() bool { return true }

// Set takes a value.
func (k *nodeKind) Set(value string) error {
	switch value {
	case "true", string(nodeAuto):
		*k = nodeAuto
	case string(nodeReal), string(nodeProcess):
		*k = nodeKind(value)
	case "false":
		*k = nodeNone
	default:
		return errors.New("it is auto, real or process")
	}
	return nil
}

// saidOf is what a node is and what it can't show, for whoever relies on it.
func saidOf(kind nodeKind) string {
	if kind == nodeReal {
		return "node: real (kubelet, containerd, runc, kube-proxy, CoreDNS, NetworkPolicies by kube-router). " +
			"It can't show: a NetworkPolicy in a pod's first second or two, a second node, anything outside of the machine."
	}
	return "node: process (virtual-kubelet; pods are processes in user namespaces, without root). " +
		"It can't show: NetworkPolicies (none is enforced), limits of memory and CPU, evictions, seccomp, users other than one a pod, " +
		"kubectl exec and port-forward, init containers, a changed Secret in a pod that runs, who is the client behind a Service."
}

// choose finds the node to run, and why it is not the real one where that was not asked for. An *sandbox.UnavailableError says
// why there is none: what was named is never replaced by another.
func choose(ctx context.Context, kind nodeKind) (chosen nodeKind, why string, err error) {
	if kind == nodeAuto {
		if named := os.Getenv(nodeVariable); named != "" {
			if err := kind.Set(named); err != nil || kind == nodeNone {
				return nodeNone, "", fmt.Errorf("%s=%s: it is auto, real or process", nodeVariable, named)
			}
		}
	}
	var noReal *sandbox.UnavailableError
	if kind != nodeProcess {
		err := checkNode(ctx)
		if err == nil {
			return nodeReal, "", nil
		}
		var ok bool
		if noReal, ok = errors.AsType[*sandbox.UnavailableError](err); !ok || kind == nodeReal {
			return nodeNone, "", err
		}
		why = "the real node can't run here: " + noReal.Reason
	}
	if err := checkProcessNode(ctx); err != nil {
		reason := fmt.Sprintf("the process node can't run here: %v", err)
		if why != "" {
			reason = why + "; " + reason
		}
		return nodeNone, "", &sandbox.UnavailableError{Reason: reason}
	}
	return nodeProcess, why, nil
}

// checkProcessNode says why the process node can't run on this machine, or nil.
func checkProcessNode(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	return processnode.Available(ctx, []string{self, processCheckCommand})
}

// node prepares the machine for a node, and says which one runs and what it can't show. At most one of both is given.
func (a app) node(ctx context.Context, kind nodeKind) (*sandbox.Config, *cluster.ProcessNode, error) {
	if kind == nodeNone {
		return nil, nil, nil
	}
	chosen, why, err := choose(ctx, kind)
	if err != nil {
		return nil, nil, err
	}
	if why != "" {
		a.tell("%s\n", why)
	}
	a.tell("%s\n", saidOf(chosen))
	if chosen == nodeReal {
		config, err := a.realNode(ctx)
		return config, nil, err
	}
	set, _, err := a.buildProcessNode(ctx)
	if err != nil {
		return nil, nil, err
	}
	return nil, &cluster.ProcessNode{Program: filepath.Join(set.Dir(), "process-node")}, nil
}

// buildFor builds the programs of a kind of node that are missing, and says whether there was anything to do.
func (a app) buildFor(ctx context.Context, kind nodeKind) (built bool, err error) {
	chosen, why, err := choose(ctx, kind)
	if err != nil {
		return false, err
	}
	if chosen == nodeReal {
		_, built, err = a.buildNode(ctx)
		return built, err
	}
	if why != "" {
		a.tell("%s\n", why)
	}
	_, built, err = a.buildProcessNode(ctx)
	return built, err
}

func (a app) buildProcessNode(ctx context.Context) (set *binaries.Set, built bool, err error) {
	if set, err = binaries.OpenNodeModule(ctx, "process"); err != nil {
		return nil, false, err
	}
	built, err = set.Ensure(ctx, a.Stderr)
	return set, built, err
}
