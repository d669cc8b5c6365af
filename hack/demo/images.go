// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	operatorImage = "launchready.dev/launchready"
	chatbotImage  = "launchready.dev/chatbot"
)

// loadImages makes images of the operator and of the chatbot, and gives them to the node: there is no registry.
func (s *stage) loadImages(ctx context.Context) error {
	fmt.Println("# Making the images: the operator, and a chatbot in two versions.")
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	chatbot := filepath.Join(s.dir, "chatbot")
	build := exec.CommandContext(ctx, "go", "-C", filepath.Join("test", "emulators"), "build", "-ldflags", "-s -w", "-o", chatbot, "./chatbots/cmd/chatbot")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the chatbot: %w", err)
	}
	load := []string{"load", "--dir", s.clusterDir()}
	for _, image := range [][]string{
		{filepath.Join(here, "bin", "launchready"), operatorImage + ":demo", "/launchready"},
		{chatbot, chatbotImage + ":1", "/chatbot"},
		{chatbot, chatbotImage + ":2", "/chatbot"},
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

// deployOperator runs the operator as config/manager has it. It looks at Secrets every 5 s, so that nobody has to wait here.
func (s *stage) deployOperator(ctx context.Context) error {
	overlay := filepath.Join(s.dir, "operator")
	if err := os.Mkdir(overlay, 0o700); err != nil {
		return err
	}
	config, err := filepath.Abs("config")
	if err != nil {
		return err
	}
	base, err := filepath.Rel(overlay, filepath.Join(config, "manager"))
	if err != nil {
		return err
	}
	kustomization := fmt.Sprintf(`resources: [%s]
images: [{name: ghcr.io/launchready/launchready, newName: %s, newTag: demo}]
replicas: [{name: launchready-manager, count: 1}]
patches:
- patch: '[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--resync=5s"}]'
  target: {kind: Deployment}
`, base, operatorImage)
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		return err
	}
	t := &terminal{stage: s}
	t.typed(ctx, "kubectl apply --server-side -k operator")
	t.typed(ctx, "kubectl rollout status -n launchready-system deployment/launchready-manager --timeout=60s")
	return t.err
}
