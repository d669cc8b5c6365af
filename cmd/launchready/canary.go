// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/injection"
)

func newCanaryCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "canary", Short: "The text in a system prompt by which a leak is known"}
	cmd.AddCommand(newCanaryPrintCommand())
	return cmd
}

func newCanaryPrintCommand() *cobra.Command {
	var k kubeconfigFlags
	cmd := &cobra.Command{
		Use:   "print NAME",
		Short: "Print the lines to paste into the system prompt of a launch's chatbot",
		Long: `Prints the lines that a chatbot's system prompt has to hold, so that probes know that they reach it and see when it leaks. Paste them
wherever the prompt lives: in the code, a ConfigMap, or a vendor's console. They are kept in the Secret NAME-canary, which is made where
it is not there; prompts that can be read from a file may mount its key canary.txt.`,
		Example: "  launchready canary print chat -n shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, namespace, err := k.config()
			if err != nil {
				return err
			}
			c, err := client.New(config, client.Options{})
			if err != nil {
				return fmt.Errorf("connecting to the cluster: %w", err)
			}
			key := client.ObjectKey{Namespace: namespace, Name: args[0] + "-canary"}
			handshake, made, err := canarySecret(cmd.Context(), c, key)
			if err != nil {
				return err
			}
			if made {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Secret %s made. Name it in the LaunchReadiness: spec.app.chat.systemPrompt: {canarySecretRef: {name: %s}}\nPaste this into the system prompt:\n",
					key, key.Name)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), handshake.Lines())
			return err
		},
	}
	k.add(cmd)
	cmd.Flags().StringVarP(&k.namespace, "namespace", "n", "", "namespace of the launch (default: that of the context)")
	return cmd
}

// canarySecret reads the canary of a Secret, and makes the Secret where it is not there.
func canarySecret(ctx context.Context, c client.Client, key client.ObjectKey) (handshake *injection.Handshake, made bool, err error) {
	var secret corev1.Secret
	err = c.Get(ctx, key, &secret)
	if apierrors.IsNotFound(err) {
		seed := injection.NewSeed()
		if handshake, err = injection.NewHandshake(seed); err != nil {
			return nil, false, err
		}
		err = c.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
			Immutable:  new(true), // another canary needs other lines in the prompt
			StringData: map[string]string{probe.CanaryKey: seed, injection.LinesKey: handshake.Lines()},
		})
		if err != nil {
			return nil, false, fmt.Errorf("making Secret %s: %w", key, err)
		}
		return handshake, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading Secret %s: %w", key, err)
	}
	handshake, err = injection.NewHandshake(string(secret.Data[probe.CanaryKey]))
	if err != nil {
		return nil, false, fmt.Errorf("reading Secret %s: %w", key, err)
	}
	return handshake, false, nil
}
