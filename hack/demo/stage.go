// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// operatorPatience is how long the operator may take to end once it was asked to.
const operatorPatience = 10 * time.Second

// stage is what the story needs: a cluster and the operator.
type stage struct {
	// dir holds the manifests and logs of the story, and the state of the cluster.
	dir      string
	started  time.Time
	binaries string
	// tools is the folder of the command that users have.
	tools      string
	kubeconfig string
	// node is the one that runs pods; with none there is a control plane alone, and the operator runs beside it.
	node     string
	operator *exec.Cmd
	// ended is closed when the operator has ended.
	ended chan struct{}
}

// set starts a cluster and the operator in it, with the permissions that it has in production.
func (s *stage) set(ctx context.Context) error {
	args := []string{"start", "--dir", s.clusterDir()}
	node, why := s.bestNode(ctx)
	s.node = node
	if node == noNode {
		fmt.Printf("# No node can run here (%s). The operator runs beside a control plane, and what needs pods is left out: the probes.\n", why)
	} else {
		args = append(args, "--node="+node)
	}
	fmt.Println("# Starting Kubernetes: etcd, API server, controller manager, scheduler" + map[string]string{
		noNode: ".", "real": ", and a real node.", "process": ", and a node whose pods are processes.",
	}[node])
	path, err := s.controlPlane(ctx, "path")
	if err != nil {
		return err
	}
	s.binaries = strings.TrimSpace(path)
	if s.tools, err = filepath.Abs("bin"); err != nil {
		return err
	}
	said, err := s.controlPlane(ctx, args...)
	if err != nil {
		return err
	}
	if s.kubeconfig, err = kubeconfigIn(said); err != nil {
		return err
	}
	fmt.Printf("# It is ready after %s. Installing LaunchReady: its CRDs, roles and policies, and the operator with its own ServiceAccount.\n", time.Since(s.started).Round(100*time.Millisecond))
	if s.node != noNode {
		if err := s.loadImages(ctx); err != nil {
			return err
		}
	}
	if err := s.install(ctx); err != nil || s.node != noNode {
		return err
	}
	return s.startOperator(ctx)
}

// noNode is what there is where no node can run.
const noNode = ""

// bestNode gives the best node that can run here, or why there is none.
func (s *stage) bestNode(ctx context.Context) (node, why string) {
	said, err := s.controlPlane(ctx, "node-available")
	said = strings.TrimSpace(said)
	if err != nil {
		return noNode, cmp.Or(said, err.Error())
	}
	return said, ""
}

func (s *stage) clusterDir() string { return filepath.Join(s.dir, "cluster") }

// controlPlane runs the program of hack/controlplane and gives what it prints.
func (s *stage) controlPlane(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"-C", filepath.Join("hack", "controlplane"), "run", "."}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("control plane, %s: %w", args[0], err)
	}
	return string(out), nil
}

// kubeconfigIn finds the administrator's kubeconfig in what the control plane's program prints for a shell to evaluate.
func kubeconfigIn(said string) (string, error) {
	for line := range strings.Lines(said) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "export KUBECONFIG="); found {
			return strings.Trim(path, "'\""), nil
		}
	}
	return "", fmt.Errorf("the control plane did not say where its kubeconfig is: %q", said)
}

// returnOperator brings the operator back after it was killed.
func (s *stage) returnOperator(ctx context.Context) error {
	if s.node != noNode {
		t := &terminal{stage: s}
		t.typed(ctx, "kubectl scale -n launchready-system deployment/launchready-manager --replicas=1")
		awaitOperator(ctx, t)
		return t.err
	}
	return s.startOperator(ctx)
}

// startOperator starts bin/launchready as the ServiceAccount launchready-manager: what the roles do not allow, it
// can't do here either.
func (s *stage) startOperator(ctx context.Context) error {
	kubeconfig := filepath.Join(s.dir, "operator.kubeconfig")
	t := &terminal{stage: s}
	script := strings.Join([]string{
		"cp '" + s.kubeconfig + "' '" + kubeconfig + "'",
		"token=$(kubectl create token launchready-manager -n launchready-system --duration=24h)",
		"export KUBECONFIG='" + kubeconfig + "'",
		`kubectl config set-credentials operator --token="$token"`,
		"kubectl config set-context --current --user=operator",
	}, " && ")
	if out, err := t.shell(ctx, script).CombinedOutput(); err != nil {
		return fmt.Errorf("making the operator's kubeconfig: %w: %s", err, out)
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()                                                                                              //nolint:errcheck // the operator has its own descriptor
	s.operator = exec.Command(filepath.Join("bin", "launchready"), "manager", "--namespace", "launchready-system", //nolint:noctx // it outlives the demo with KEEP=1
		"--metrics-bind-address", "127.0.0.1:0", "--resync", "5s", "--health-probe-bind-address", "127.0.0.1:0")
	s.operator.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	s.operator.Stdout, s.operator.Stderr = log, log
	// A group of its own, so that an interrupt at the terminal ends the story before the stage.
	s.operator.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.operator.Start(); err != nil {
		return fmt.Errorf("starting the operator (make build makes it): %w", err)
	}
	s.ended = make(chan struct{})
	go func() {
		_ = s.operator.Wait() // how it ended is in its log
		close(s.ended)
	}()
	return nil
}

// killOperator ends the operator as a lost machine would.
func (s *stage) killOperator(ctx context.Context) error {
	if s.node != noNode {
		t := &terminal{stage: s}
		t.typed(ctx, "kubectl scale -n launchready-system deployment/launchready-manager --replicas=0")
		t.typed(ctx, "kubectl wait -n launchready-system --for=delete pod -l app.kubernetes.io/name=launchready --timeout=60s")
		return t.err
	}
	fmt.Printf("$ kill -9 %d\n", s.operator.Process.Pid)
	if err := s.operator.Process.Kill(); err != nil {
		return fmt.Errorf("killing the operator: %w", err)
	}
	<-s.ended
	return nil
}

func (s *stage) logFile() string { return filepath.Join(s.dir, "operator.log") }

// operatorLog gives the end of the operator's log as an error, for whoever wants to know why the story failed.
func (s *stage) operatorLog(ctx context.Context) error {
	if s.node != noNode {
		t := &terminal{stage: s}
		t.typed(ctx, "kubectl logs -n launchready-system deployment/launchready-manager --tail=20")
		return t.err
	}
	data, err := os.ReadFile(s.logFile())
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return fmt.Errorf("the operator's last words:\n%s", strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

// strike ends everything and removes the folder.
func (s *stage) strike(ctx context.Context) error {
	var errs []error
	if s.operator != nil && s.operator.Process != nil {
		errs = append(errs, s.operator.Process.Signal(syscall.SIGTERM))
		select {
		case <-s.ended:
		case <-time.After(operatorPatience):
			errs = append(errs, s.operator.Process.Kill())
			<-s.ended
		}
	}
	if _, err := os.Stat(s.clusterDir()); err == nil {
		_, err := s.controlPlane(ctx, "stop", "--dir", s.clusterDir())
		errs = append(errs, err)
	}
	errs = append(errs, os.RemoveAll(s.dir))
	return errors.Join(errs...)
}

// sayHowToGoOn tells how to use the cluster that stays up, and how to end it.
func (s *stage) sayHowToGoOn() {
	if s.node != noNode {
		fmt.Printf(`
The cluster and the operator in it stay up.
  export KUBECONFIG=%s PATH=%s:$PATH
  kubectl get lr -A
  kubectl logs -n launchready-system deployment/launchready-manager
To end it:
  go -C hack/controlplane run . stop --dir %s
  rm -r %s
`, s.kubeconfig, s.binaries, s.clusterDir(), s.dir)
		return
	}
	fmt.Printf(`
The cluster and the operator stay up.
  export KUBECONFIG=%s PATH=%s:$PATH
  kubectl get lr -A
The operator's log is %s. To end both:
  kill %d
  go -C hack/controlplane run . stop --dir %s
  rm -r %s
`, s.kubeconfig, s.binaries, s.logFile(), s.operator.Process.Pid, s.clusterDir(), s.dir)
}
