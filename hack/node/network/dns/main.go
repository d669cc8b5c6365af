// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command dns is CoreDNS with the few plugins that a cluster's DNS needs: all of them would be four times the modules.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	// In the order in which a query passes them.
	dnsserver.Directives = []string{"bind", "ready", "errors", "kubernetes"} //nolint:reassign // the way that CoreDNS gives
	coremain.Run()
}
