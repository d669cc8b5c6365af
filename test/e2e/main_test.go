// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e_test runs the operator, installed by its Helm chart, in a cluster whose node runs pods and whose Services lead
// somewhere. On a real node NetworkPolicies are enforced, too; on the process node what needs them is skipped, and says so. Where
// no node can run all of it is skipped. LAUNCHREADY_NODE names the node to take.
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
	operatorSpace = "launchready-system"
	realNode      = "real"
	chatbotImage  = "launchready.dev/chatbot:e2e"
	// patience is how long something may take that follows by itself.
	patience = 90 * time.Second
)

// cluster is the one of all tests; nil where no node can run.
var cluster *nodeCluster

// nodeCluster is a cluster with a node and the operator in it.
type nodeCluster struct {
	root, dir, kubeconfig, binaries string
	// node is "real" or "process".
	node string
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// sourceEnv says which source is under test. Go keeps the results of tests by what they import, and by the variables that they look
// at: what runs in the cluster is built beside, and would not be tested again without it.
const sourceEnv = "LAUNCHREADY_SOURCE"

func run(m *testing.M) (code int, err error) {
	_ = os.Getenv(sourceEnv)
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return 1, err
	}
	c := &nodeCluster{root: root}
	ctx := context.Background()
	said, err := c.controlPlane(ctx, "node-available")
	if err != nil {
		fmt.Fprintf(os.Stderr, "SKIPPED: no node can run here, so that nothing is tested end to end: %s\n", strings.TrimSpace(said))
		return m.Run(), nil
	}
	c.node = strings.TrimSpace(said)
	if c.node != realNode {
		fmt.Fprintf(os.Stderr, "The %s node runs the pods: no NetworkPolicy, no limit and no eviction is tested end to end.\n", c.node)
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

// start starts the cluster, makes the images, and installs the operator.
func (c *nodeCluster) start(ctx context.Context) error {
	path, err := c.controlPlane(ctx, "path")
	if err != nil {
		return err
	}
	c.binaries = strings.TrimSpace(path)
	state := filepath.Join(c.dir, "cluster")
	if _, err := c.controlPlane(ctx, "start", "--node="+c.node, "--dir", state); err != nil {
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
	return c.install(ctx)
}

// install installs the Helm chart.
func (c *nodeCluster) install(ctx context.Context) error {
	name, tag, _ := strings.Cut(operatorImage, ":")
	values := fmt.Sprintf("image: {repository: %s, tag: %s}\nreplicas: 1\n", name, tag)
	manifest, err := c.commandWith(ctx, values, "go", "-C", filepath.Join(c.root, "test", "chart"), "run", "./render")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		input string
		args  []string
	}{
		{"", []string{"create", "namespace", operatorSpace}},
		{"", []string{"label", "namespace", operatorSpace, "pod-security.kubernetes.io/enforce=restricted"}},
		{manifest, []string{"apply", "--server-side", "-f", "-"}},
		{"", []string{"wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/part-of=launchready", "--timeout=30s"}},
		{"", []string{"wait", "-n", operatorSpace, "--for=jsonpath={.status.readyReplicas}=1", "deployment/launchready-manager", "--timeout=90s"}},
	} {
		if _, err := c.kubectl(ctx, step.input, step.args...); err != nil {
			return err
		}
	}
	return nil
}

func (c *nodeCluster) controlPlane(ctx context.Context, args ...string) (string, error) {
	return c.command(ctx, "go", append([]string{"-C", filepath.Join(c.root, "hack", "controlplane"), "run", "."}, args...)...)
}

// command runs a program, without the race detector's cgo, and gives what it prints.
func (c *nodeCluster) command(ctx context.Context, name string, args ...string) (string, error) {
	return c.commandWith(ctx, "", name, args...)
}

func (c *nodeCluster) commandWith(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}

func (c *nodeCluster) kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	return c.asAdmin(ctx, stdin, filepath.Join(c.binaries, "kubectl"), args...)
}

// launchready runs the operator's own commands, as its users do.
func (c *nodeCluster) launchready(ctx context.Context, args ...string) (string, error) {
	return c.asAdmin(ctx, "", filepath.Join(c.dir, "launchready"), args...)
}

func (c *nodeCluster) asAdmin(ctx context.Context, stdin, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, out)
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

// needsReal skips a test of what only a real node has, aloud.
func needsReal(t *testing.T, what string) {
	t.Helper()
	if cluster != nil && cluster.node != realNode {
		fmt.Fprintf(os.Stderr, "SKIPPED %s: it needs %s, which the %s node does not have\n", t.Name(), what, cluster.node)
		t.Skipf("it needs %s, which the %s node does not have", what, cluster.node)
	}
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
