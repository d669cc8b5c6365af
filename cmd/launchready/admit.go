// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/controllers"
)

func newAdmitCommand() *cobra.Command {
	var k kubeconfigFlags
	cmd := &cobra.Command{
		Use:   "admit NAME",
		Short: "Print the NetworkPolicy that lets the probes of a launch in, where its namespace lets nothing in by default",
		Long: `Reads the LaunchReadiness and its Service, and prints a NetworkPolicy for you to look at and apply. Nothing is written.
Apply it only where another NetworkPolicy selects these pods already.`,
		Example: "  launchready admit chat -n shop | kubectl apply -f -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, namespace, err := k.config()
			if err != nil {
				return err
			}
			scheme := runtime.NewScheme()
			utilruntime.Must(clientgoscheme.AddToScheme(scheme))
			utilruntime.Must(v1alpha1.AddToScheme(scheme))
			c, err := client.New(config, client.Options{Scheme: scheme})
			if err != nil {
				return fmt.Errorf("connecting to the cluster: %w", err)
			}
			text, err := controllers.AdmittingNetworkPolicy(cmd.Context(), c, client.ObjectKey{Namespace: namespace, Name: args[0]})
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	k.add(cmd)
	cmd.Flags().StringVarP(&k.namespace, "namespace", "n", "", "namespace of the launch (default: that of the context)")
	return cmd
}
