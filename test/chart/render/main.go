// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command render prints what `helm template` would of the chart of this repository, for a release launchready in the namespace
// launchready-system. It reads values from its standard input. `make demo` and the end-to-end tests install with it: they need no
// helm, and the main module not its library.
//
//	echo 'replicas: 1' | go -C test/chart run ./render
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"sigs.k8s.io/yaml"
)

const (
	// folder is the chart's, from that of this module.
	folder    = "../../charts/launchready"
	release   = "launchready"
	namespace = "launchready-system"
)

func main() {
	if err := render(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func render(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	values := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		return fmt.Errorf("reading values: %w", err)
	}
	chart, err := loader.LoadDir(folder)
	if err != nil {
		return fmt.Errorf("reading the chart (run this as go -C test/chart run ./render): %w", err)
	}
	install := action.NewInstall(&action.Configuration{})
	install.ReleaseName, install.Namespace, install.DryRunStrategy = release, namespace, action.DryRunClient
	// That of hack/controlplane: the chart says which it needs.
	install.KubeVersion = &common.KubeVersion{Version: "v1.37.0", Major: "1", Minor: "37"}
	made, err := install.Run(chart, values)
	if err != nil {
		return fmt.Errorf("rendering the chart: %w", err)
	}
	v1, ok := made.(*releasev1.Release)
	if !ok {
		return fmt.Errorf("a release of type %T", made)
	}
	if len(v1.Hooks) > 0 {
		return errors.New("the chart has hooks, which only helm itself would run")
	}
	_, err = io.WriteString(out, v1.Manifest)
	return err
}
