// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	repository        = "../.."
	operatorNamespace = "launchready-system"
)

// deployer is as whom the tools sync. It may write everything, but has none of our verbs: what would take the gate's state
// off a Namespace is refused, and does not go unnoticed because the operator writes it again.
const deployer = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: deployer}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch, create, update, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: deployer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: deployer}
subjects: [{kind: User, name: deployer}]
`

// server is the API server of this package, as the deployer sees it. It is written by TestMain alone, before any test runs.
var server struct {
	config *rest.Config
	client client.Client
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run sets the stage, runs the tests and ends everything that it started, whatever happened in between.
func run(m *testing.M) (code int, err error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return 0, errors.New("KUBEBUILDER_ASSETS is not set, so there is no API server to test against: run `make test`, which builds one and sets it")
	}
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	environment := &envtest.Environment{ControlPlaneStartTimeout: 2 * time.Minute} // a machine that compiles beside the tests is slow
	defer func() { err = errors.Join(err, environment.Stop()) }()
	if _, err := environment.Start(); err != nil {
		return 0, fmt.Errorf("starting an API server: %w", err)
	}
	folder, err := os.MkdirTemp("", "launchready-gitops-")
	if err != nil {
		return 0, fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	s := &stage{folder: folder, kubeconfig: filepath.Join(folder, "kubeconfig"), operatorConfig: filepath.Join(folder, "operator.kubeconfig")}
	defer s.strike()
	if err := s.set(environment); err != nil {
		return 0, err
	}
	if code = m.Run(); code != 0 {
		s.tellOperatorsLog()
	}
	return code, nil
}

// stage is what stands beside the API server: LaunchReady as it is installed, the operator, and what makes ReplicaSets.
type stage struct {
	folder                     string
	kubeconfig, operatorConfig string
	children                   []*exec.Cmd
}

func (s *stage) set(environment *envtest.Environment) error {
	for _, file := range []string{s.kubeconfig, s.operatorConfig} {
		if err := os.WriteFile(file, environment.KubeConfig, 0o600); err != nil {
			return fmt.Errorf("writing a kubeconfig: %w", err)
		}
	}
	user, err := environment.AddUser(envtest.User{Name: "deployer"}, nil)
	if err != nil {
		return fmt.Errorf("making the deployer: %w", err)
	}
	server.config = user.Config()
	server.config.QPS, server.config.WarningHandler = -1, rest.NoWarnings{}
	if server.client, err = client.New(server.config, client.Options{}); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if err := s.install(); err != nil {
		return err
	}
	return s.startChildren()
}

// install does what `kubectl apply --server-side -k config/default` does, less the operator's Deployment: nothing runs pods.
func (s *stage) install() error {
	config := filepath.Join(repository, "config")
	for _, command := range [][]string{
		{"create", "namespace", operatorNamespace},
		{"apply", "--server-side", "-k", filepath.Join(config, "crd")},
		{"apply", "--server-side", "-k", filepath.Join(config, "rbac")},
		{"wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/part-of=launchready", "--timeout=1m"},
		{"apply", "--server-side", "-k", filepath.Join(config, "admission")},
		{"apply", "--server-side", "-f", "-"},
	} {
		if _, err := s.kubectl(s.kubeconfig, command...); err != nil {
			return err
		}
	}
	return nil
}

// kubectl runs kubectl, with the deployer's role on its standard input, and gives what it prints.
func (s *stage) kubectl(kubeconfig string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program("kubectl"), append([]string{"--kubeconfig", kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(deployer)
	cmd.Env = append(os.Environ(), "HOME="+s.folder, "KUBECACHEDIR=") // a cache in the home folder would outlive this API server
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// startChildren builds the operator and starts it with the permissions that it has in production, and the controllers
// without which a Deployment is never up to date.
func (s *stage) startChildren() error {
	operator := filepath.Join(s.folder, "launchready")
	build := exec.Command("go", "build", "-p", "1", "-trimpath", "-o", operator, "./cmd/launchready") //nolint:noctx // go test's deadline ends it
	build.Dir, build.Env = repository, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the operator: %w: %s", err, out)
	}
	token, err := s.kubectl(s.kubeconfig, "create", "token", "launchready-manager", "-n", operatorNamespace, "--duration=1h")
	if err != nil {
		return err
	}
	for _, command := range [][]string{{"set-credentials", "operator", "--token=" + token}, {"set-context", "--current", "--user=operator"}} {
		if _, err := s.kubectl(s.operatorConfig, append([]string{"config"}, command...)...); err != nil {
			return err
		}
	}
	return errors.Join(
		s.start("controllers", s.kubeconfig, program("kube-controller-manager"), "--kubeconfig", s.kubeconfig, "--leader-elect=false",
			"--controllers=deployment-controller,replicaset-controller", "--secure-port=0"),
		s.start("operator", s.operatorConfig, operator, "manager", "--namespace", operatorNamespace,
			"--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "127.0.0.1:0"))
}

// start starts a child that writes into a log of its own.
func (s *stage) start(name, kubeconfig string, command ...string) error {
	out, err := os.Create(filepath.Join(s.folder, name+".log"))
	if err != nil {
		return fmt.Errorf("making a log: %w", err)
	}
	defer out.Close()                                 //nolint:errcheck // the child has its own descriptor
	child := exec.Command(command[0], command[1:]...) //nolint:noctx // it is ended by strike
	child.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	child.Stdout, child.Stderr = out, out
	if err := child.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	s.children = append(s.children, child)
	return nil
}

// strike ends the children.
func (s *stage) strike() {
	for _, child := range s.children {
		_ = child.Process.Signal(syscall.SIGTERM) // one that ended by itself is what the tests have noticed
		kill := time.AfterFunc(10*time.Second, func() { _ = child.Process.Kill() })
		_ = child.Wait()
		kill.Stop()
	}
}

func (s *stage) tellOperatorsLog() {
	text, err := os.ReadFile(filepath.Join(s.folder, "operator.log"))
	if err != nil {
		return // the operator was never started, and that was said
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	fmt.Fprintf(os.Stderr, "the operator's last words:\n%s\n", strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

// program gives one of those that hack/controlplane has built.
func program(name string) string { return filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), name) }
