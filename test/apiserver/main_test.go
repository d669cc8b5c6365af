// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apiserver_test shows on a real API server how our resources meet the people and tools that use them: what is
// refused and with which words, what kubectl prints, what kstatus reads, and who may do what. No controller runs here:
// statuses are written by the tests, so that nothing but the API and its manifests is judged.
package apiserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	repository = "../.."
	crdFolder  = repository + "/config/crd/bases"
	// operatorNamespace is where config/default puts the operator.
	operatorNamespace = "launchready-system"
	// settle is how long the API server may take to act on what it was told: a new role, a new CRD's OpenAPI.
	settle = time.Minute
)

// server is the API server of this package. It is written by TestMain alone, before any test runs.
var server struct {
	config     *rest.Config
	client     client.Client
	kubectl    string
	kubeconfig string
	crds       map[string]*apiextensionsv1.CustomResourceDefinition // by kind
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run starts the API server, runs the tests and stops the API server, whatever happened in between.
func run(m *testing.M) (code int, err error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return 0, errors.New("KUBEBUILDER_ASSETS is not set, so there is no API server to test against: run `make test`, which builds one and sets it")
	}
	log.SetLogger(logr.Discard()) // envtest tells of its own progress, which is of no interest here
	server.kubectl = filepath.Join(assets, "kubectl")
	if server.crds, err = readCRDs(); err != nil {
		return 0, err
	}

	environment := &envtest.Environment{
		CRDInstallOptions:        envtest.CRDInstallOptions{Paths: []string{crdFolder}, ErrorIfPathMissing: true, MaxTime: time.Minute},
		ControlPlaneStartTimeout: 2 * time.Minute, // a machine that compiles beside the tests is slow
	}
	defer func() { err = errors.Join(err, environment.Stop()) }()
	if server.config, err = environment.Start(); err != nil {
		return 0, fmt.Errorf("starting an API server from KUBEBUILDER_ASSETS=%s (`make test` sets it): %w", assets, err)
	}
	folder, err := os.MkdirTemp("", "launchready-apiserver-")
	if err != nil {
		return 0, fmt.Errorf("making a folder for the kubeconfig: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	server.kubeconfig = filepath.Join(folder, "kubeconfig")
	if err := os.WriteFile(server.kubeconfig, environment.KubeConfig, 0o600); err != nil {
		return 0, fmt.Errorf("writing the kubeconfig: %w", err)
	}

	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return 0, fmt.Errorf("making the scheme: %w", err)
	}
	if server.client, err = client.New(server.config, client.Options{Scheme: scheme}); err != nil {
		return 0, fmt.Errorf("making a client: %w", err)
	}
	return m.Run(), nil
}

// newNamespace makes a namespace of the test's own. Nothing runs here that would empty it when it is deleted, so it
// stays until the API server goes.
func newNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := server.client.Create(t.Context(), ns); err != nil {
		t.Fatalf("creating a namespace: %v", err)
	}
	return ns.Name
}

// kubectl runs the real kubectl and gives what it prints to either stream.
func kubectl(t *testing.T, stdin string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, server.kubectl, append([]string{"--kubeconfig", server.kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	// A cache of discovery in the home folder would outlive this API server.
	cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(server.kubeconfig), "KUBECACHEDIR=")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// mustKubectl is kubectl where a failure ends the test.
func mustKubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	output, err := kubectl(t, stdin, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return output
}

// eventually polls until ready says "", and ends the test with what it said last when it takes too long.
func eventually(t *testing.T, ready func() string) {
	t.Helper()
	deadline := time.NewTimer(settle)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		missing := ready()
		if missing == "" {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("still not so after %s: %s", settle, missing)
		case <-tick.C:
		}
	}
}
