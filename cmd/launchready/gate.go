// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/internal/gate/bundle"
	"github.com/launchready/launchready/internal/gate/removal"
)

var (
	// errHeld says that something would be refused; what was said.
	errHeld = errors.New("the gate holds this release")
	// errUntold says that the gate could not be asked.
	errUntold = errors.New("it can't be told what the gate says")
)

// kubeconfigFlags say which cluster is meant, as kubectl's do.
type kubeconfigFlags struct {
	file, context, namespace string
}

func (k *kubeconfigFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "kubeconfig", "", "kubeconfig file (default $KUBECONFIG, ~/.kube/config, or the cluster that this runs in)")
	cmd.Flags().StringVar(&k.context, "context", "", "context of the kubeconfig (default: the current one)")
}

// config gives the connection, and the namespace that the context or the flag names.
func (k *kubeconfigFlags) config() (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = k.file
	overrides := &clientcmd.ConfigOverrides{CurrentContext: k.context}
	overrides.Context.Namespace = k.namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("finding the cluster: %w", err)
	}
	config.UserAgent = "launchready/" + version
	namespace, _, err := loader.Namespace()
	return config, namespace, err
}

func newGateCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "gate", Short: "Ask the gate"}
	cmd.AddCommand(newGateCheckCommand())
	return cmd
}

func newGateCheckCommand() *cobra.Command {
	var k kubeconfigFlags
	var files []string
	cmd := &cobra.Command{
		Use:   "check -f FILE",
		Short: "Say what the gate would refuse of a release, before it is applied",
		Long: `Asks the API server, by dry runs, what applying the manifests would meet at the gate. Nothing is written.
It needs the permissions that applying them needs.

Exit codes: 0 everything passes, 1 something is held, 2 it can't be told.`,
		Example: "  launchready gate check -f release.yaml\n  helm template chat ./chart | launchready gate check -n shop -f -",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, namespace, err := k.config()
			if err == nil {
				err = checkFiles(cmd.Context(), config, namespace, files, cmd.InOrStdin(), cmd.OutOrStdout())
			}
			if err != nil && !errors.Is(err, errHeld) {
				return fmt.Errorf("%w: %w", errUntold, err)
			}
			return err
		},
	}
	k.add(cmd)
	cmd.Flags().StringVarP(&k.namespace, "namespace", "n", "", "namespace of the objects that name none")
	cmd.Flags().StringSliceVarP(&files, "filename", "f", nil, "manifests; - for standard input")
	if err := cmd.MarkFlagRequired("filename"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// checkFiles asks the gate about every object of the files, and tells what it says.
func checkFiles(ctx context.Context, config *rest.Config, namespace string, files []string, in io.Reader, out io.Writer) error {
	warnings := &bundle.Warnings{}
	config.WarningHandler = warnings
	c, err := client.New(config, client.Options{})
	if err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	held := false
	for _, file := range files {
		objects, err := readManifests(file, in)
		if err != nil {
			return err
		}
		for _, object := range objects {
			v, err := bundle.Ask(ctx, c, warnings, object, namespace)
			if err != nil {
				return err
			}
			held = held || v.Held != ""
			tellVerdict(out, v)
		}
	}
	if held {
		return errHeld
	}
	return nil
}

func readManifests(file string, in io.Reader) ([]*unstructured.Unstructured, error) {
	if file != "-" {
		opened, err := os.Open(file) //nolint:gosec // the user names the file
		if err != nil {
			return nil, err
		}
		defer opened.Close() //nolint:errcheck // only read
		in = opened
	}
	objects, err := bundle.Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return objects, nil
}

func tellVerdict(out io.Writer, v bundle.Verdict) {
	switch {
	case v.Held != "":
		_, _ = fmt.Fprintf(out, "held     %s: %s\n", v.Object, v.Held)
	case v.Skipped != "":
		_, _ = fmt.Fprintf(out, "skipped  %s: %s\n", v.Object, v.Skipped)
	default:
		_, _ = fmt.Fprintf(out, "passes   %s\n", v.Object)
	}
	for _, warning := range v.Warnings {
		_, _ = fmt.Fprintf(out, "warning  %s: %s\n", v.Object, warning)
	}
}

func newUninstallCommand() *cobra.Command {
	var k kubeconfigFlags
	var o removal.Options
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Take LaunchReady out of a cluster: the gate first, then the operator, then what it wrote on Namespaces",
		Long: `Takes LaunchReady out of a cluster. From the first step on nothing is held. It can be run again at any time.
LaunchReadinesses, policies, waivers and reports stay, unless --crds is given: after a new installation, apps that had
launched are launched. The operator's namespace and its fingerprint key stay too.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, _, err := k.config()
			if err != nil {
				return err
			}
			scheme := runtime.NewScheme()
			if err := clientgoscheme.AddToScheme(scheme); err != nil {
				return err
			}
			c, err := client.New(config, client.Options{Scheme: scheme})
			if err != nil {
				return fmt.Errorf("connecting to the cluster: %w", err)
			}
			prefix := ""
			if o.DryRun {
				prefix = "would "
			}
			o.Tell = func(what string) { _, _ = fmt.Fprintln(cmd.OutOrStdout(), prefix+what) }
			return removal.Run(cmd.Context(), c, o)
		},
	}
	k.add(cmd)
	cmd.Flags().StringVarP(&o.Namespace, "namespace", "n", "launchready-system", "namespace of the operator")
	cmd.Flags().BoolVar(&o.CRDs, "crds", false, "delete the CRDs too, and every LaunchReadiness, LaunchPolicy, LaunchWaiver and LaunchReport with them")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "only tell what would be done")
	return cmd
}
