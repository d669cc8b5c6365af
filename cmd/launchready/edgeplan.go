// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/controllers"
)

func newEdgeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "edge", Short: "Look at the edge in front of an app"}
	cmd.AddCommand(newEdgePlanCommand())
	return cmd
}

func newEdgePlanCommand() *cobra.Command {
	var k kubeconfigFlags
	var o edgeOptions
	var operator string
	cmd := &cobra.Command{
		Use:   "plan NAME",
		Short: "Show what would be changed in the zone of a LaunchReadiness, as a diff",
		Long: `Reads the zone from Cloudflare, compares it with what the LaunchReadiness wants, and shows each change, whatever its mode.
Nothing is written, neither to Cloudflare nor to the cluster.

It reads the API token's Secret, the LaunchPolicies and the operator's namespace: run it as somebody who may.`,
		Example: "  launchready edge plan chat -n shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			config, namespace, err := k.config()
			if err != nil {
				return err
			}
			return planEdge(cmd.Context(), config, o, operator, client.ObjectKey{Namespace: namespace, Name: args[0]}, cmd.OutOrStdout())
		},
	}
	k.add(cmd)
	o.bindStandIns(cmd.Flags())
	o.interval = minEdgeInterval
	cmd.Flags().StringVarP(&k.namespace, "namespace", "n", "", "namespace of the LaunchReadiness (default: that of the context)")
	cmd.Flags().StringVar(&operator, "operator-namespace", "launchready-system", "namespace of the operator")
	return cmd
}

// planEdge writes the plan for one launch.
func planEdge(ctx context.Context, config *rest.Config, o edgeOptions, operator string, key client.ObjectKey, out io.Writer) error {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	secret, err := controllers.ReadFingerprintKey(ctx, direct, operator)
	if err != nil {
		return err
	}
	zones, err := o.reconciler(direct, direct, operator, secret, nil)
	if err != nil {
		return err
	}
	preview, err := zones.Preview(ctx, key)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, shownPreview(key, preview))
	return err
}

// shownPreview writes a plan as people read it: what, then line by line what goes (-) and what comes (+).
func shownPreview(key client.ObjectKey, p controllers.Preview) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Zone %s (plan %s), LaunchReadiness %s, mode %s\n", p.Zone.Name, p.Zone.Plan, key, p.Mode)
	for i, c := range p.Changes {
		fmt.Fprintf(&b, "\n%d. %s: %s\n", i+1, c.Area, c.Words)
		for _, line := range c.Diff {
			fmt.Fprintf(&b, "   %s\n", line)
		}
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "\n! %s: %s: %s %s\n", n.Reason, n.Place, n.Message, n.Remedy)
	}
	switch {
	case len(p.Changes) == 0:
		b.WriteString("\nNothing would be changed.\n")
	case p.Mode == v1alpha1.EdgeObserve:
		fmt.Fprintf(&b, "\n%d changes. None is made: the mode is Observe.\n", len(p.Changes))
	default:
		fmt.Fprintf(&b, "\n%d changes. The operator makes them at its next look.\n", len(p.Changes))
	}
	return b.String()
}
