// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	operatorImage = "launchready.dev/launchready"
	chatbotImage  = "launchready.dev/chatbot"
	// operatorNamespace is where the chart is installed.
	operatorNamespace = "launchready-system"
)

// loadImages makes images of the operator and of the chatbot, and gives them to the node: there is no registry.
func (s *stage) loadImages(ctx context.Context) error {
	fmt.Println("# Making the images: the operator, a chatbot in two versions, and an emulated Cloudflare.")
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	chatbot, cloudflare := filepath.Join(s.dir, "chatbot"), filepath.Join(s.dir, "cloudflare")
	for binary, source := range map[string]string{chatbot: "./chatbots/cmd/chatbot", cloudflare: "./cloudflare/cmd/whole"} {
		build := exec.CommandContext(ctx, "go", "-C", filepath.Join("test", "emulators"), "build", "-ldflags", "-s -w", "-o", binary, source)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building %s: %w", source, err)
		}
	}
	load := []string{"load", "--dir", s.clusterDir()}
	for _, image := range [][]string{
		{filepath.Join(here, "bin", "launchready"), operatorImage + ":demo", "/launchready"},
		{chatbot, chatbotImage + ":1", "/chatbot"},
		{chatbot, chatbotImage + ":2", "/chatbot"},
		{cloudflare, cloudflareImage + ":1", "/cloudflare"},
	} {
		tarball := filepath.Join(s.dir, fmt.Sprintf("image-%d.tar", len(load)))
		if _, err := s.controlPlane(ctx, "image", "--binary", image[0], "--name", image[1], "--path", image[2], "--output", tarball); err != nil {
			return err
		}
		load = append(load, tarball)
	}
	_, err = s.controlPlane(ctx, load...)
	return err
}

// install installs the Helm chart, in which replicas of the operator run where pods do. It looks at Secrets every 5 s, so that nobody
// has to wait here.
func (s *stage) install(ctx context.Context) error {
	replicas := 0
	if s.node != noNode {
		replicas = 1
	}
	values := fmt.Sprintf("image: {repository: %s, tag: demo}\nreplicas: %d\nextraArgs: [--resync=5s, %s]\n", operatorImage, replicas, edgeArgs)
	cmd := exec.CommandContext(ctx, "go", "-C", filepath.Join("test", "chart"), "run", "./render")
	cmd.Stdin, cmd.Stderr = strings.NewReader(values), os.Stderr
	manifest, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("rendering the chart: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "launchready.yaml"), manifest, 0o600); err != nil {
		return err
	}
	fmt.Printf("# launchready.yaml is the Helm chart charts/launchready, rendered with these values:\n%s", values)
	t := &terminal{stage: s}
	t.typed(ctx, "kubectl create namespace "+operatorNamespace)
	t.typed(ctx, "kubectl label namespace "+operatorNamespace+" pod-security.kubernetes.io/enforce=restricted")
	t.typed(ctx, "kubectl apply --server-side -f launchready.yaml")
	t.typed(ctx, "kubectl wait --for=condition=Established crd -l app.kubernetes.io/part-of=launchready --timeout=30s")
	if s.node != noNode {
		awaitOperator(ctx, t)
	}
	return t.err
}

// awaitOperator waits until the operator is ready. A rollout would take minReadySeconds longer.
func awaitOperator(ctx context.Context, t *terminal) {
	t.typed(ctx, "kubectl wait -n "+operatorNamespace+" --for=jsonpath='{.status.readyReplicas}'=1 deployment/launchready-manager --timeout=60s")
}
