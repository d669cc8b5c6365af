// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e_test runs the operator in a cluster with a real node, where pods run, Services lead somewhere and NetworkPolicies
// are enforced. Where no node can run it is skipped, and says so.
package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	operatorImage = "launchready.dev/launchready:e2e"
	chatbotImage  = "launchready.dev/chatbot:e2e"
	// patience is how long something may take that follows by itself.
	patience = 90 * time.Second
)

// cluster is the one of all tests; nil where no node can run.
var cluster *realCluster

// realCluster is a cluster with a node and the operator in it.
type realCluster struct {
	root, dir, kubeconfig, binaries string
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return 1, err
	}
	c := &realCluster{root: root}
	ctx := context.Background()
	if said, err := c.controlPlane(ctx, "node-available"); err != nil || strings.TrimSpace(said) != "real" {
		fmt.Fprintf(os.Stderr, "SKIPPED: no node can run here, so that nothing is tested end to end: %s\n", strings.TrimSpace(said))
		return m.Run(), nil
	}
	if c.dir, err = os.MkdirTemp("", "launchready-e2e-"); err != nil {
		return 1, err
	}
	defer func() {
		_, stopErr := c.controlPlane(ctx, "stop", "--dir", filepath.Join(c.dir, "cluster"))
		if err == nil {
			err = stopErr
		}
		_ = os.RemoveAll(c.dir)
	}()
	if err := c.start(ctx); err != nil {
		return 1, err
	}
	cluster = c
	return m.Run(), nil
}

// start starts the cluster, makes the images, and deploys the operator as config/default has it.
func (c *realCluster) start(ctx context.Context) error {
	path, err := c.controlPlane(ctx, "path")
	if err != nil {
		return err
	}
	c.binaries = strings.TrimSpace(path)
	state := filepath.Join(c.dir, "cluster")
	if _, err := c.controlPlane(ctx, "start", "--node", "--dir", state); err != nil {
		return err
	}
	c.kubeconfig = filepath.Join(state, "kubeconfig", "admin.json")
	load := []string{"load", "--dir", state}
	for _, image := range []struct{ module, pkg, name, path string }{
		{".", "./cmd/launchready", operatorImage, "/launchready"},
		{"test/emulators", "./chatbots/cmd/chatbot", chatbotImage, "/chatbot"},
	} {
		binary := filepath.Join(c.dir, filepath.Base(image.path))
		if _, err := c.command(ctx, "go", "-C", filepath.Join(c.root, image.module), "build", "-ldflags", "-s -w", "-o", binary, image.pkg); err != nil {
			return err
		}
		if _, err := c.controlPlane(ctx, "image", "--binary", binary, "--name", image.name, "--path", image.path, "--output", binary+".tar"); err != nil {
			return err
		}
		load = append(load, binary+".tar")
	}
	if _, err := c.controlPlane(ctx, load...); err != nil {
		return err
	}
	return c.deploy(ctx)
}

func (c *realCluster) deploy(ctx context.Context) error {
	overlay := filepath.Join(c.dir, "operator")
	if err := os.Mkdir(overlay, 0o700); err != nil {
		return err
	}
	base, err := filepath.Rel(overlay, filepath.Join(c.root, "config", "manager"))
	if err != nil {
		return err
	}
	name, tag, _ := strings.Cut(operatorImage, ":")
	kustomization := fmt.Sprintf("resources: [%s]\nimages: [{name: ghcr.io/launchready/launchready, newName: %s, newTag: %s}]\nreplicas: [{name: launchready-manager, count: 1}]\n", base, name, tag)
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"create", "namespace", "launchready-system"},
		{"apply", "--server-side", "-k", filepath.Join(c.root, "config", "crd")},
		{"wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/part-of=launchready", "--timeout=30s"},
		{"apply", "--server-side", "-k", filepath.Join(c.root, "config", "rbac")},
		{"apply", "--server-side", "-k", filepath.Join(c.root, "config", "admission")},
		{"apply", "--server-side", "-k", overlay},
		{"rollout", "status", "-n", "launchready-system", "deployment/launchready-manager", "--timeout=90s"},
	} {
		if _, err := c.kubectl(ctx, "", args...); err != nil {
			return err
		}
	}
	return nil
}

func (c *realCluster) controlPlane(ctx context.Context, args ...string) (string, error) {
	return c.command(ctx, "go", append([]string{"-C", filepath.Join(c.root, "hack", "controlplane"), "run", "."}, args...)...)
}

// command runs a program, without the race detector's cgo, and gives what it prints.
func (c *realCluster) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}

func (c *realCluster) kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.binaries, "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// namespace is one of a test's own.
type namespace struct {
	t    *testing.T
	name string
}

// newNamespace makes a namespace of restricted Pod Security.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if cluster == nil {
		t.Skip("no node can run here")
	}
	ns := &namespace{t: t, name: strings.ToLower(strings.TrimPrefix(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()), "Test"))}
	ns.must("create", "namespace", ns.name)
	ns.must("label", "namespace", ns.name, "pod-security.kubernetes.io/enforce=restricted")
	t.Cleanup(func() {
		// What runs there would only slow the next test down.
		_, _ = cluster.kubectl(context.WithoutCancel(t.Context()), "", "delete", "namespace", ns.name, "--wait=false")
	})
	return ns
}

func (n *namespace) must(args ...string) string { return n.mustWith("", args...) }

func (n *namespace) mustWith(stdin string, args ...string) string {
	n.t.Helper()
	out, err := cluster.kubectl(n.t.Context(), stdin, append([]string{"-n", n.name}, args...)...)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

func (n *namespace) apply(manifest string) {
	n.t.Helper()
	n.mustWith(manifest, "apply", "-f", "-")
}

// condition gives the status, reason and message of a row's condition.
func (n *namespace) condition(row string) (status, reason, message string) {
	n.t.Helper()
	out, err := cluster.kubectl(n.t.Context(), "", "-n", n.name, "get", "lr", "chat", "-o",
		fmt.Sprintf(`jsonpath={range .status.conditions[?(@.type=="%s")]}{.status}|{.reason}|{.message}{end}`, row))
	if err != nil {
		return "", "", err.Error()
	}
	parts := append(strings.SplitN(out, "|", 3), "", "")
	return parts[0], parts[1], parts[2]
}

// until waits for a row's condition to have a status and a reason; an empty one is whatever it is.
func (n *namespace) until(row, status, reason string) string {
	n.t.Helper()
	var s, r, message string
	ok := n.eventually(func() bool {
		s, r, message = n.condition(row)
		return s == status && (reason == "" || r == reason)
	})
	if !ok {
		n.t.Fatalf("%s is %s %s (%s), not %s %s\n%s", row, s, r, message, status, reason, n.must("get", "lr,jobs,pods,events", "-o", "wide"))
	}
	return message
}

// eventually says whether something comes true in time.
func (n *namespace) eventually(holds func() bool) bool {
	return wait.PollUntilContextTimeout(n.t.Context(), 200*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return holds(), nil
	}) == nil
}
