// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/rollback"
	"github.com/launchready/launchready/internal/checks/secrets"
	"github.com/launchready/launchready/internal/detect"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// planter invents secrets and remembers them.
type planter struct {
	testing.TB
	planted []string
}

// random gives n characters of an alphabet.
func (p *planter) random(n int) string {
	p.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	data := make([]byte, n)
	if _, err := rand.Read(data); err != nil {
		p.Fatal(err)
	}
	for i, b := range data {
		data[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(data)
}

// secret plants one secret: its prefix is a provider's and known to everybody, the rest must never be seen again.
func (p *planter) secret(prefix string, n int) string {
	rest := p.random(n)
	p.planted = append(p.planted, rest)
	return prefix + rest
}

// TestPlantedSecretsAreNowhere plants 50 secrets in everything that the operator reads, and looks for each of them,
// and for parts of them, raw and encoded, in everything that it writes.
func TestPlantedSecretsAreNowhere(t *testing.T) {
	p := &planter{TB: t}
	h := newHarness(t)
	detector, err := detect.New()
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("a key of the test, 32 bytes long.")
	leaky := &scripted{row: v1alpha1.RowDNSConfigured, measure: func(context.Context, *launch.App) scorecard.Outcome {
		panic(fmt.Errorf("with a secret: %s", p.planted[0]))
	}}
	h.checks = []Check{secrets.New(h.client, detector, key), rollback.New(h.client, h.client, key), leaky}
	h.restart(h.client)

	h.create(plantedObjects(p)...)
	lr := newLaunch("chat", "chat")
	lr.Spec.PolicyRef = &v1alpha1.PolicyReference{Name: h.namespace}
	h.create(lr, &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: h.namespace}, Spec: v1alpha1.LaunchPolicySpec{
		Rows: []v1alpha1.RowDemand{{Row: v1alpha1.RowDNSConfigured, Enforcement: v1alpha1.EnforcementAdvisory}},
	}})
	if len(p.planted) < 50 {
		t.Fatalf("only %d secrets are planted", len(p.planted))
	}

	var written bytes.Buffer
	// The most that the manager's --verbosity allows: from 8 on, client-go logs the bodies of all answers.
	ctx := ctrl.LoggerInto(t.Context(), zap.New(zap.WriteTo(&written), zap.Level(zapcore.Level(-2))))
	for range 2 {
		_, err := h.reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(lr)})
		fmt.Fprintln(&written, err)
	}
	status := h.get("chat")
	c := h.expect(status, "SecretsSafe", metav1.ConditionFalse, v1alpha1.ReasonTypedSecret)
	if !strings.Contains(c.Message, "chat") {
		t.Errorf("the message names no place: %s", c.Message)
	}
	report := &v1alpha1.LaunchReport{}
	if err := h.client.Get(t.Context(), client.ObjectKeyFromObject(status), report); err != nil {
		t.Fatal(err)
	}
	if n := len(report.Status.Rows[0].Findings); n < 30 {
		t.Errorf("only %d findings: was it looked at all?", n)
	}
	for _, part := range []any{status, report, h.events.notes} {
		if err := json.NewEncoder(&written).Encode(part); err != nil {
			t.Fatal(err)
		}
	}
	scrape(t, h.client, &written)
	if !strings.Contains(written.String(), "a check panicked") || !strings.Contains(written.String(), "launchready_row_state") {
		t.Fatal("log or metrics were not caught")
	}
	for i, secret := range p.planted {
		if found := leaked(written.String(), secret); found != "" {
			t.Errorf("secret %d came out, as %s", i, found)
		}
	}
}

// TestSearchFindsWhatLeaks is the control of the search: each encoding of a secret, and a part of it, is found.
func TestSearchFindsWhatLeaks(t *testing.T) {
	p := &planter{TB: t}
	secret := p.random(40)
	for i, encoded := range encodings(secret) {
		if leaked(`{"message":"before `+encoded+` after"}`, secret) == "" {
			t.Errorf("encoding %d is not found", i)
		}
	}
	if leaked("a part of it: "+secret[10:22], secret) == "" {
		t.Error("a part of it is not found")
	}
	if leaked("something else: "+p.random(4_000), secret) != "" {
		t.Error("is found where it is not")
	}
}

// leaked says how a secret stands in a text, or nothing.
func leaked(text, secret string) string {
	for i, encoded := range encodings(secret) {
		if strings.Contains(text, encoded) {
			return fmt.Sprintf("encoding %d, behind: %s", i, text[max(0, strings.Index(text, encoded)-80):strings.Index(text, encoded)])
		}
	}
	// Eight characters in a row of 62 possible ones do not come about by chance.
	for i := 0; i+8 <= len(secret); i++ {
		if at := strings.Index(text, secret[i:i+8]); at >= 0 {
			return "a part, behind: " + text[max(0, at-80):at]
		}
	}
	return ""
}

// encodings are the forms in which a secret could come out.
func encodings(secret string) []string {
	reversed := []byte(secret)
	slices.Reverse(reversed)
	quoted, _ := json.Marshal(secret)
	return []string{
		secret,
		base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.RawURLEncoding.EncodeToString([]byte(secret)),
		// Behind one or two other bytes base64 reads otherwise; the borders depend on the neighbours.
		base64.StdEncoding.EncodeToString([]byte("x" + secret))[2:len(secret)],
		base64.StdEncoding.EncodeToString([]byte("xx" + secret))[3:len(secret)],
		hex.EncodeToString([]byte(secret)),
		strings.ToUpper(hex.EncodeToString([]byte(secret))),
		url.QueryEscape(secret),
		string(reversed),
		strings.Trim(string(quoted), `"`),
		strings.ToLower(secret),
		strings.ToUpper(secret),
	}
}

// scrape writes all metrics of the package.
func scrape(t *testing.T, reader client.Reader, to *bytes.Buffer) {
	t.Helper()
	elected := make(chan struct{})
	close(elected)
	registry := prometheus.NewRegistry()
	collector := &Collector{Reader: reader, Elected: elected, Now: metav1.Now().UTC}
	if err := collector.Register(registry); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(to, family); err != nil {
			t.Fatal(err)
		}
	}
}

// plantedObjects are an app with secrets in all places.
func plantedObjects(p *planter) []client.Object {
	var env []corev1.EnvVar
	for i, prefix := range []string{"sk-proj-", "sk-ant-api03-", "ghp_", "glpat-", "xoxb-123456789012-123456789012-", "AKIA", "sk_live_", "hf_", "SG.", "npm_"} {
		env = append(env, corev1.EnvVar{Name: fmt.Sprintf("SERVICE_%d_API_KEY", i), Value: p.secret(prefix, 40)})
	}
	for i := range 8 {
		env = append(env, corev1.EnvVar{Name: fmt.Sprintf("DATABASE_%d_URL", i), Value: "postgres://app:" + p.secret("", 20) + "@db.example.com/app"})
	}
	for i := range 4 {
		env = append(env, corev1.EnvVar{Name: fmt.Sprintf("ENCODED_%d_TOKEN", i), Value: base64.StdEncoding.EncodeToString([]byte("password=" + p.secret("", 30)))})
	}
	// A secret where a name should stand.
	env = append(env, corev1.EnvVar{Name: p.secret("ghp_", 36), Value: "x"})
	d := newDeployment("chat", env...)
	d.Annotations = map[string]string{"example.com/token": p.secret("ghp_", 36)}
	pod := &d.Spec.Template
	pod.Annotations = map[string]string{"example.com/api-key": p.secret("sk-ant-api03-", 60)}
	main := &pod.Spec.Containers[0]
	main.Args = []string{"--password=" + p.secret("", 24), "--token", p.secret("ghp_", 36)}
	main.Command = []string{"sh", "-c", "export DB_PASSWORD=" + p.secret("", 24) + "; curl -u admin:" + p.secret("", 24) + " https://example.com"}
	header := func() []corev1.HTTPHeader {
		return []corev1.HTTPHeader{{Name: "Authorization", Value: "Bearer " + p.secret("", 40)}}
	}
	probe := func() *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: "/ready?token=" + p.secret("ghp_", 36), Port: intstr.FromInt32(8080), HTTPHeaders: header(),
		}}}
	}
	main.LivenessProbe, main.ReadinessProbe, main.StartupProbe = probe(), probe(), probe()
	main.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{
		Command: []string{"sh", "-c", "curl -H 'X-Api-Key: " + p.secret("sk_live_", 30) + "' https://example.com"},
	}}}
	pod.Spec.InitContainers = []corev1.Container{{
		Name: "migrate", Image: "example.com/migrate:1", Args: []string{"mysql", "-p" + p.secret("", 24)},
		Env: []corev1.EnvVar{{Name: "ADMIN_PASSWORD", Value: p.secret("", 24)}},
	}}
	data := map[string]string{}
	for i := range 10 {
		data[fmt.Sprintf("app-%d.properties", i)] = "spring.datasource.password=" + p.secret("", 24) + "\n"
	}
	data["key.pem"] = "-----BEGIN PRIVATE KEY-----\n" + p.secret("MII", 64) + "\n" + p.secret("", 64) + "\n-----END PRIVATE KEY-----\n"
	main.EnvFrom = []corev1.EnvFromSource{
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "chat"}}},
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "chat"}}},
	}
	return []client.Object{
		d,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "chat"}, Data: data},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "chat"}, StringData: map[string]string{
			"API_TOKEN": p.secret("", 32), "DB_PASSWORD": p.secret("changeme-", 20), "EMPTY_PASSWORD": "",
		}},
	}
}
