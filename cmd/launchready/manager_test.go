// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

// patience is how long the operator may take over what should take it milliseconds.
const patience = time.Minute

// TestManagerWithItsOwnPermissions runs the whole operator as its ServiceAccount, with the roles of config/rbac and no
// other, and sees that each change that matters wakes it: the resync is far away.
func TestManagerWithItsOwnPermissions(t *testing.T) {
	m := startManager(t, rolloutDefinition())
	t.Run("a Deployment", m.watchesADeployment)
	t.Run("an Argo Rollout", m.watchesARollout)
	t.Run("the gate", m.keepsTheGate)
	t.Run("the webhook", m.servesTheWebhook)
	t.Run("nothing was refused to the operator", m.wasNeverRefused)
}

func (m *managed) watchesADeployment(t *testing.T) {
	lr := &v1alpha1.LaunchReadiness{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat"},
		Spec: v1alpha1.LaunchReadinessSpec{Workloads: []v1alpha1.Workload{{
			Name: "web", Ref: v1alpha1.WorkloadReference{Kind: v1alpha1.KindDeployment, Name: "chat"},
		}}},
	}
	m.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, lr)
	m.await(t, "the launch is there before its workload", "SecretsSafe", metav1.ConditionUnknown, v1alpha1.ReasonWorkloadNotFound)

	typed := corev1.EnvVar{Name: "DATABASE_URL", Value: "postgres://app:" + "Kd83hfQ0zLw7@db.example.com/app"}
	d := deployment(typed)
	m.create(t, d)
	m.await(t, "the workload comes, with a typed secret", "SecretsSafe", metav1.ConditionFalse, v1alpha1.ReasonTypedSecret)

	waiver := &v1alpha1.LaunchWaiver{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "for-now"}, Spec: v1alpha1.LaunchWaiverSpec{
		LaunchReadinessRef: v1alpha1.LaunchReadinessReference{Name: "chat"}, Row: v1alpha1.RowSecretsSafe,
		Reason: "The test needs an exception.", Owner: "test", ExpiresAt: metav1.NewTime(time.Now().Add(time.Hour)),
	}}
	m.create(t, waiver)
	m.await(t, "a waiver comes", "SecretsSafe", metav1.ConditionFalse, v1alpha1.ReasonWaived)
	m.awaitWaiver(t, waiver, v1alpha1.ReasonWaiving)

	policy := &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: "strict"}, Spec: v1alpha1.LaunchPolicySpec{
		NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"tier": "public"}},
		Base:              "starter-2026-11", Waivers: &v1alpha1.WaiverRules{NonWaivable: []v1alpha1.Row{v1alpha1.RowSecretsSafe}},
	}}
	m.create(t, policy)
	m.update(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, func(obj client.Object) {
		obj.SetLabels(map[string]string{"tier": "public"})
	})
	m.await(t, "a label brings the namespace under a policy that allows no such waiver", "SecretsSafe", metav1.ConditionFalse, v1alpha1.ReasonTypedSecret)
	m.awaitWaiver(t, waiver, v1alpha1.ReasonRowNotWaivable)
	m.poll(t, "the policy counts what it binds", func(ctx context.Context) (bool, error) {
		err := m.client.Get(ctx, client.ObjectKeyFromObject(policy), policy)
		return policy.Status.Launches != nil && *policy.Status.Launches == 1, err
	})

	m.update(t, d, func(client.Object) {
		d.Spec.Template.Spec.Containers[0].Env[0] = corev1.EnvVar{Name: typed.Name, ValueFrom: &corev1.EnvVarSource{
			ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "chat"}, Key: "url"},
		}}
	})
	m.await(t, "the reference leads nowhere", "SecretsSafe", metav1.ConditionFalse, v1alpha1.ReasonSecretReferenceBroken)
	m.create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat"}, Data: map[string]string{"url": "postgres://db.example.com/app"}})
	m.await(t, "the ConfigMap comes", "SecretsSafe", metav1.ConditionTrue, v1alpha1.ReasonPassed)

	m.scrape(t)
}

// servesTheWebhook calls it as the API server does, which can't reach it here.
func (m *managed) servesTheWebhook(t *testing.T) {
	config := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "launchready-webhook"}}
	m.poll(t, "the caBundle is written", func(ctx context.Context) (bool, error) {
		err := m.client.Get(ctx, client.ObjectKeyFromObject(config), config)
		return err == nil && len(config.Webhooks[0].ClientConfig.CABundle) > 0, err
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(config.Webhooks[0].ClientConfig.CABundle)
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		RootCAs: roots, ServerName: "launchready-webhook.launchready-system.svc", MinVersion: tls.VersionTLS12,
	}}
	defer transport.CloseIdleConnections()
	review := `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE",
		"resource":{"group":"launchready.dev","version":"v1alpha1","resource":"launchreadinesses"},
		"object":{"apiVersion":"launchready.dev/v1alpha1","kind":"LaunchReadiness","metadata":{"name":"chat"},
		"spec":{"app":{"rateLimited":"response.sttus == 429"}}}}}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+m.webhook+*config.Webhooks[0].ClientConfig.Service.Path, strings.NewReader(review))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.ProtoMajor != 1 || !strings.Contains(string(answer), `"allowed":false`) || !strings.Contains(string(answer), "spec.app.rateLimited") {
		t.Errorf("%s %s: %s, %v", response.Proto, response.Status, answer, err)
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	good := managerOptions{namespace: "launchready-system", resync: time.Minute, checkTimeout: time.Second, concurrentReconciles: 1, maxConcurrentProbes: 1, edge: edgeOptions{interval: time.Minute}}
	if err := good.validate(); err != nil {
		t.Fatalf("good flags are refused: %v", err)
	}
	for flag, spoil := range map[string]func(*managerOptions){
		"--namespace":             func(o *managerOptions) { o.namespace = "" },
		"--resync":                func(o *managerOptions) { o.resync = 0 },
		"--check-timeout":         func(o *managerOptions) { o.checkTimeout = time.Millisecond },
		"--concurrent-reconciles": func(o *managerOptions) { o.concurrentReconciles = 0 },
		"--max-concurrent-probes": func(o *managerOptions) { o.maxConcurrentProbes = 0 },
		"--edge-interval":         func(o *managerOptions) { o.edge.interval = time.Second },
		"--cloudflare-api-url":    func(o *managerOptions) { o.edge.apiURL = "api.cloudflare.com" },
		"--edge-name-server":      func(o *managerOptions) { o.edge.nameServer = "127.0.0.1" },
		"--webhook-bind-address":  func(o *managerOptions) { o.webhook.address = ":0" }, // nobody would find it
		"--webhook-cert-dir":      func(o *managerOptions) { o.webhook.certDir = "/tls" },
		"--webhook-name":          func(o *managerOptions) { o.webhook = webhookOptions{address: ":9443", name: "A b"} },
		"--verbosity":             func(o *managerOptions) { o.logLevel = 8 }, // client-go logs the bodies of answers from there on
	} {
		bad := good
		spoil(&bad)
		if err := bad.validate(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// managed is an operator that runs, and a client with all rights beside it.
type managed struct {
	client   client.Client
	config   *rest.Config
	metrics  string
	webhook  string
	ca       *x509.CertPool
	auditLog string
}

// newCluster starts an API server, which serves foreign kinds too, with all that the operator needs, and ends it with the
// test.
func newCluster(t *testing.T, foreign ...*apiextensionsv1.CustomResourceDefinition) *managed {
	t.Helper()
	ctrl.SetLogger(zap.New(zap.UseDevMode(true)))
	environment := &envtest.Environment{
		CRDs:              foreign,
		CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute, // a machine that compiles beside the tests is slow
	}
	auditLog := audited(t, environment)
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Errorf("stopping the API server: %v", err)
		}
	})
	config, err := environment.Start()
	if err != nil {
		t.Fatalf("this test needs an API server: run it with make test, which builds one: %v", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	m := &managed{client: c, config: config, auditLog: auditLog}
	m.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "launchready-system"}})
	for _, file := range []string{"service_account.yaml", "role.yaml", "role_binding.yaml", "metrics_reader.yaml"} {
		m.apply(t, filepath.Join("..", "..", "config", "rbac", file))
	}
	m.applyPolicies(t)
	return m
}

// asOperator is a configuration by which a client is the operator, with its roles.
func (m *managed) asOperator() *rest.Config {
	config := rest.CopyConfig(m.config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: gate.DefaultOperator,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:launchready-system", "system:authenticated"},
	}
	return config
}

// startManager starts a cluster and the operator against it, and ends both with the test.
func startManager(t *testing.T, foreign ...*apiextensionsv1.CustomResourceDefinition) *managed {
	t.Helper()
	m := newCluster(t, foreign...)
	m.apply(t, filepath.Join("..", "..", "config", "webhook", "webhook.yaml"))
	o := managerOptions{
		namespace: "launchready-system", leaderElect: true, resync: time.Hour, checkTimeout: 30 * time.Second, concurrentReconciles: 2,
		edge:           edgeOptions{interval: time.Hour},
		metricsAddress: freeAddress(t), metricsCertDir: m.certificate(t), probeAddress: "0",
		webhook: webhookOptions{address: freeAddress(t), name: "launchready-webhook"},
	}
	m.metrics, m.webhook = o.metricsAddress, o.webhook.address
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runManager(ctx, m.asOperator(), o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the operator ended with: %v", err)
		}
	})
	return m
}

// freeAddress gives a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it was only asked for its address
	return l.Addr().String()
}

// certificate makes a certificate for the metrics endpoint, and gives its folder.
func (m *managed) certificate(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "tls.crt"), certificate, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	m.ca = x509.NewCertPool()
	m.ca.AppendCertsFromPEM(certificate)
	return dir
}

// apply creates the objects of a manifest.
func (m *managed) apply(t *testing.T, file string) {
	t.Helper()
	data, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close() //nolint:errcheck // only read
	for decoder := yaml.NewYAMLOrJSONDecoder(data, 4096); ; {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		m.create(t, u)
	}
}

func (m *managed) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, obj := range objects {
		if err := m.client.Create(t.Context(), obj); err != nil {
			t.Fatalf("creating %T %s: %v", obj, obj.GetName(), err)
		}
	}
}

// update reads an object anew, changes it, and writes it.
func (m *managed) update(t *testing.T, obj client.Object, change func(client.Object)) {
	t.Helper()
	if err := m.client.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
		t.Fatal(err)
	}
	change(obj)
	if err := m.client.Update(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
}

func (m *managed) poll(t *testing.T, what string, condition wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// await waits until a condition of the launch in the namespace shop has a status and reason.
func (m *managed) await(t *testing.T, what, condition string, status metav1.ConditionStatus, reason string) {
	t.Helper()
	m.awaitIn(t, "shop", what, condition, status, reason)
}

func (m *managed) awaitIn(t *testing.T, namespace, what, condition string, status metav1.ConditionStatus, reason string) {
	t.Helper()
	last := "no condition"
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		lr := &v1alpha1.LaunchReadiness{}
		if err := m.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "chat"}, lr); err != nil {
			return false, err
		}
		c := meta.FindStatusCondition(lr.Status.Conditions, condition)
		if c == nil {
			return false, nil
		}
		last = fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
		return c.Status == status && c.Reason == reason, nil
	})
	if err != nil {
		t.Fatalf("%s: %s did not become %s %s, it is %s", what, condition, status, reason, last)
	}
}

func (m *managed) awaitWaiver(t *testing.T, w *v1alpha1.LaunchWaiver, reason string) {
	t.Helper()
	m.poll(t, "the waiver becomes "+reason, func(ctx context.Context) (bool, error) {
		err := m.client.Get(ctx, client.ObjectKeyFromObject(w), w)
		c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionActive)
		return c != nil && c.Reason == reason, err
	})
}

// scrape reads the metrics as nobody, as a stranger, and as who may.
func (m *managed) scrape(t *testing.T) {
	t.Helper()
	if status, _ := m.metricsAs(t.Context(), t, ""); status != http.StatusUnauthorized {
		t.Errorf("metrics without a token: %d", status)
	}
	m.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "scraper"}})
	token := &authenticationv1.TokenRequest{}
	err := m.client.SubResource("token").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "scraper"}}, token)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := m.metricsAs(t.Context(), t, token.Status.Token); status != http.StatusForbidden {
		t.Errorf("metrics with a stranger's token: %d", status)
	}
	m.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scraper"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "launchready-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "shop", Name: "scraper"}},
	})
	var body string
	m.poll(t, "metrics for who may read them", func(ctx context.Context) (bool, error) {
		status, text := m.metricsAs(ctx, t, token.Status.Token)
		body = text
		return status == http.StatusOK, nil
	})
	for _, want := range []string{
		`launchready_row_state{name="chat",namespace="shop",reason="Passed",row="SecretsSafe",state="True"} 1`,
		`launchready_condition{`, `launchready_row_measurement_age_seconds{name="chat",namespace="shop",row="SecretsSafe"}`,
		`launchready_check_duration_seconds_bucket{row="SecretsSafe"`, `launchready_reconcile_total{outcome="success"}`,
		`launchready_waiver_expiry_timestamp_seconds{active="False",launch="chat",name="for-now",namespace="shop",row="SecretsSafe"}`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// metricsAs reads the metrics with a token, or without one.
func (m *managed) metricsAs(ctx context.Context, t *testing.T, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+m.metrics+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: m.ca, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// deployment is an app with one variable.
func deployment(env corev1.EnvVar) *appsv1.Deployment {
	labels := map[string]string{"app": "chat"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "example.com/chat:1", Env: []corev1.EnvVar{env}}}},
			},
		},
	}
}
