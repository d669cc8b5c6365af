// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cluster

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/launchready/launchready/hack/controlplane/internal/process"
)

const (
	// processNode is the component that is the process node.
	processNode = "process-node"
	// watcherUser may read Services and EndpointSlices, which a node's user may not.
	watcherUser = "launchready:process-node"
	tarballs    = "tarballs"
)

// ProcessNode says that pods run as processes beside the control plane, without root.
type ProcessNode struct {
	// Program is that of hack/node/process.
	Program string
}

//go:embed process.yaml
var processObjects []byte

// processConfig is that of the program.
func (c *Cluster) processConfig() object {
	l := c.layout
	return object{
		"NodeName": nodeName, "Kubeconfig": l.kubeconfig(nodeUser), "Watcher": l.kubeconfig(watcherUser),
		"CertFile": l.pki("kubelet.crt"), "KeyFile": l.pki("kubelet.key"), "ClientCA": l.pki("ca.crt"), "ClientName": kubeletClient,
		"Images": l.node(tarballs), "Pods": podRange, "Services": serviceRange, "APIServer": firstServiceIP, "Domain": dnsDomain,
		"Port": c.endpoints.kubelet, "HostIP": loopback,
	}
}

// clearProcessNode removes what an earlier node left, and makes the folder of this one, if there is to be one.
func clearProcessNode(l layout, wanted bool) error {
	err := os.RemoveAll(l.node(""))
	if wanted {
		err = errors.Join(err, os.MkdirAll(l.node(tarballs), 0o700))
	}
	if err != nil {
		return fmt.Errorf("preparing the folder of the node: %w", err)
	}
	return nil
}

// startProcessNode starts the process node and waits until pods can run.
func (c *Cluster) startProcessNode(ctx context.Context, client *http.Client) error {
	if err := c.tool(ctx, processObjects, "kubectl", "--kubeconfig="+c.Kubeconfig(), "apply", "--server-side", "--filename=-"); err != nil {
		return err
	}
	config, err := json.Marshal(c.processConfig())
	if err != nil {
		return err
	}
	p, err := c.start(process.Spec{
		Name: processNode, Path: c.config.Process.Program, Args: []string{Address(c.endpoints.apiServer), string(config)},
		Dir: c.layout.node(""), LogFile: c.layout.log(processNode),
	})
	if err != nil {
		return err
	}
	return c.await(ctx, p, nodeProbe{probe{client, c.Server() + "/api/v1/nodes/" + nodeName}})
}

// ProcessImages is the folder in which the process node of a control plane looks for images; empty if there is none.
func ProcessImages(dir string) string {
	folder := layout{dir}.node(tarballs)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return ""
	}
	return filepath.Clean(folder)
}
