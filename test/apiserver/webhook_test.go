// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/internal/webhook"
)

const described = `apiVersion: launchready.dev/v1alpha1
kind: LaunchReadiness
metadata: {name: chat}
spec:
  workloads: [{name: web, ref: {kind: Deployment, name: chat}}]
  app:
    chat:
      request: {method: POST, path: /chat, json: {message: $(prompt)}}
      reply: REPLY
`

// refusal is what kubectl prints: as of a field that the schema refuses.
const refusal = `The LaunchReadiness "chat" is invalid: spec.app.chat.reply: Invalid value: "response.jsn.reply": line 1, column 9: undefined field 'jsn'`

// rightly and wrongly describe the same app.
func rightly() string { return strings.Replace(described, "REPLY", "response.json.reply", 1) }
func wrongly() string { return strings.Replace(described, "REPLY", "response.jsn.reply", 1) }

// hooked is a namespace for which the API server asks a webhook of the test's own: as config/webhook has it, by a Service that
// leads out of the cluster, for here are no pods.
type hooked struct {
	namespace string
	address   string
	config    *admissionregistrationv1.ValidatingWebhookConfiguration
}

func newHooked(t *testing.T) *hooked {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hooked{namespace: newNamespace(t), address: listener.Addr().String()}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	h.config = shippedWebhook(t)
	h.config.Name = h.namespace
	hook := &h.config.Webhooks[0]
	_, port, err := webhook.ParseAddress(h.address)
	if err != nil {
		t.Fatal(err)
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: h.namespace, Name: h.namespace},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}
	if err := server.client.Create(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	hook.ClientConfig.Service.Namespace, hook.ClientConfig.Service.Name, hook.ClientConfig.Service.Port = service.Namespace, service.Name, new(int32(port))
	hook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: h.namespace}}
	if err := server.client.Create(t.Context(), h.config); err != nil {
		t.Fatalf("the API server does not take the configuration: %v", err)
	}
	t.Cleanup(func() {
		if err := server.client.Delete(context.WithoutCancel(t.Context()), h.config); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return h
}

// shippedWebhook is the configuration of config/webhook.
func shippedWebhook(t *testing.T) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	for _, u := range kustomize(t, repository+"/config/webhook") {
		if u.GetKind() != "ValidatingWebhookConfiguration" {
			continue
		}
		config := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, config, true); err != nil {
			t.Fatal(err)
		}
		return config
	}
	t.Fatal("config/webhook has no ValidatingWebhookConfiguration")
	return nil
}

// serve starts the webhook as the operator runs it, and ends it with the test.
func (h *hooked) serve(t *testing.T) {
	t.Helper()
	handler, err := webhook.NewHandler()
	if err != nil {
		t.Fatal(err)
	}
	keeper := &webhook.Keeper{Client: server.client, Namespace: h.namespace, Name: h.namespace, Clock: clock.RealClock{}}
	served, err := webhook.NewServer(webhook.ServerOptions{Address: h.address, GetCertificate: keeper.GetCertificate}, handler)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, start := range []func(context.Context) error{keeper.Start, served.Start} {
		running.Go(func() {
			if err := start(ctx); err != nil {
				t.Errorf("the webhook ended with %v", err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	eventually(t, func() string {
		if err := send(t, h.namespace, wrongly(), sending{dryRun: true}); err == nil {
			return "the API server does not ask the webhook yet"
		}
		return ""
	})
}

func (h *hooked) kubectl(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	return kubectl(t, stdin, append([]string{"-n", h.namespace}, args...)...)
}

func TestAWrongDescriptionIsRefusedWhereItIsApplied(t *testing.T) {
	h := newHooked(t)
	h.serve(t)
	for name, apply := range map[string][]string{
		"kubectl apply":               {"apply", "-f", "-"},
		"kubectl apply --server-side": {"apply", "--server-side", "-f", "-"},
		"kubectl create":              {"create", "-f", "-"},
		"a dry run":                   {"apply", "--dry-run=server", "-f", "-"},
	} {
		if output, err := h.kubectl(t, wrongly(), apply...); err == nil || !strings.Contains(output, refusal) {
			t.Errorf("%s: %v, %s\nwant %s", name, err, output, refusal)
		}
	}
	err := send(t, h.namespace, wrongly(), sending{})
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || len(status.Status().Details.Causes) != 1 || status.Status().Details.Causes[0].Field != "spec.app.chat.reply" {
		t.Errorf("it is not Invalid with the field as its cause: %#v", err)
	}

	if output, err := h.kubectl(t, rightly(), "apply", "-f", "-"); err != nil {
		t.Fatalf("a right one: %v\n%s", err, output)
	}
	if output, err := h.kubectl(t, wrongly(), "apply", "-f", "-"); err == nil || !strings.Contains(output, "column 9: undefined field 'jsn'") {
		t.Errorf("a right one made wrong: %v\n%s", err, output)
	}
	undescribed, _, _ := strings.Cut(rightly(), "  app:")
	if output, err := h.kubectl(t, strings.Replace(undescribed, "name: chat}\nspec", "name: other}\nspec", 1), "apply", "-f", "-"); err != nil {
		t.Errorf("one without a description: %v\n%s", err, output)
	}
	asking := strings.Replace(undescribed, "name: chat}\nspec", "name: other}\nspec", 1) +
		"  logging: {sinks: [{name: tracker, query: {host: tracker.example.com, request: {path: /$(id)}}}]}\n"
	if output, err := h.kubectl(t, asking, "apply", "-f", "-"); err == nil || !strings.Contains(output, "spec.logging.sinks[tracker].query.request.path") {
		t.Errorf("a wrong query of a sink comes: %v\n%s", err, output)
	}
}

func TestWithTheWebhookDownEverythingPassesAtOnceAndWhatIsThereCanBeChangedWhenItIsBack(t *testing.T) {
	h := newHooked(t)
	before := time.Now()
	if output, err := h.kubectl(t, wrongly(), "apply", "-f", "-"); err != nil {
		t.Fatalf("it can't be created: %v\n%s", err, output)
	}
	// kubectl's own start and a busy machine are in this; a webhook that is waited for would take its timeout on top.
	if took, most := time.Since(before), 10*time.Second; took > most {
		t.Errorf("it took %s", took)
	}

	h.serve(t)
	for name, args := range map[string][]string{
		"suspend":     {"patch", "lr", "chat", "--type=merge", "-p", `{"spec":{"suspend":true}}`},
		"label":       {"label", "lr", "chat", "a=b"},
		"annotate":    {"annotate", "lr", "chat", "a=b"},
		"a finalizer": {"patch", "lr", "chat", "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/a"]}}`},
		"its status":  {"patch", "lr", "chat", "--subresource=status", "--type=merge", "-p", `{"status":{"summary":"1/2 passed"}}`},
	} {
		if output, err := h.kubectl(t, "", args...); err != nil || strings.Contains(output, "Warning") {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
	if output, err := h.kubectl(t, "", "patch", "lr", "chat", "--type=merge", "-p", `{"spec":{"app":{"rateLimited":"response.status == 429"}}}`); err != nil || !strings.Contains(output, "Warning: spec.app.chat.reply") {
		t.Errorf("another field of the description, where a warning is wanted: %v\n%s", err, output)
	}
	if output, err := h.kubectl(t, "", "patch", "lr", "chat", "--type=merge", "-p", `{"spec":{"app":{"rateLimited":"response.sttus == 429"}}}`); err == nil || !strings.Contains(output, "spec.app.rateLimited") {
		t.Errorf("wrong in another field too: %v\n%s", err, output)
	}
	if output, err := h.kubectl(t, "", "delete", "lr", "chat", "--wait=false"); err != nil {
		t.Errorf("delete: %v\n%s", err, output)
	}
	if output, err := h.kubectl(t, "", "patch", "lr", "chat", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`); err != nil {
		t.Errorf("taking the finalizer away: %v\n%s", err, output)
	}
}

// A webhook that takes a request and never answers is the worst that can happen.
func TestAWebhookThatHangsHoldsARequestNoLongerThanItsTimeout(t *testing.T) {
	h := newHooked(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // nobody ever accepts
	before := time.Now()
	if err := send(t, h.namespace, wrongly(), sending{dryRun: true}); err != nil {
		t.Errorf("it is refused: %v", err)
	}
	timeout := time.Duration(*h.config.Webhooks[0].TimeoutSeconds) * time.Second
	if took := time.Since(before); took > timeout+2*time.Second {
		t.Errorf("it took %s, with a timeout of %s", took, timeout)
	}
}

// The API server compares descriptions for us: that must not cost more than it allows, or the webhook is never asked.
func TestTheLargestDescriptionsAreCompared(t *testing.T) {
	h := newHooked(t)
	h.serve(t)
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(rightly()), &object); err != nil {
		t.Fatal(err)
	}
	spec, _ := object["spec"].(map[string]any)
	app, _ := spec["app"].(map[string]any)
	body := strings.Repeat("x", 16384)
	steps := make([]any, 8)
	for i := range steps {
		capture := map[string]any{}
		for j := range 8 {
			capture[fmt.Sprintf("c%d", j)] = "response.json.a" + strings.Repeat(" ", 1000)
		}
		steps[i] = map[string]any{"request": map[string]any{"path": "/login", "body": body}, "expect": "response.status == 200", "capture": capture}
	}
	app["login"] = map[string]any{"steps": steps}
	large, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := send(t, h.namespace, string(large), sending{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, h.namespace, wrongly()) })
	steps[7].(map[string]any)["expect"] = "response.sttus == 200" //nolint:errcheck,forcetypeassert // it was made above
	change, err := json.Marshal(map[string]any{"kind": "LaunchReadiness", "metadata": map[string]any{"name": "chat"}, "spec": spec})
	if err != nil {
		t.Fatal(err)
	}
	err = send(t, h.namespace, string(change), sending{patch: true})
	if err == nil || !strings.Contains(err.Error(), "spec.app.login.steps[7].expect") {
		t.Errorf("a change for the worse at its end: %v", err)
	}
}

// Two replicas with the operator's rights and no others make a certificate, and write the caBundle and nothing else.
func TestTheOperatorMayKeepItsWebhooksCertificate(t *testing.T) {
	ensureNamespace(t, operatorNamespace)
	mustKubectl(t, "", "apply", "--server-side", "--force-conflicts", "-k", repository+"/config/rbac")
	mustKubectl(t, "", "apply", "--server-side", "-k", repository+"/config/webhook")
	t.Cleanup(func() {
		config := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "launchready-webhook"}}
		if err := server.client.Delete(context.WithoutCancel(t.Context()), config); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	operator := rest.CopyConfig(server.config)
	operator.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + operatorNamespace + ":launchready-manager",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + operatorNamespace, "system:authenticated"},
	}
	direct, err := client.New(operator, client.Options{Scheme: server.client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	replica := func() *webhook.Keeper {
		return &webhook.Keeper{Client: direct, Namespace: operatorNamespace, Name: "launchready-webhook", Clock: clock.RealClock{}}
	}
	one, two := replica(), replica()
	eventually(t, func() string { // a role that was just written is not in force at once
		if err := errors.Join(one.Keep(t.Context()), two.Keep(t.Context())); err != nil {
			return err.Error()
		}
		return ""
	})
	bundle := func() string {
		config := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		if err := server.client.Get(t.Context(), client.ObjectKey{Name: "launchready-webhook"}, config); err != nil {
			t.Fatal(err)
		}
		return string(config.Webhooks[0].ClientConfig.CABundle)
	}
	first := bundle()
	if first == "" {
		t.Fatal("the API server was told nothing")
	}

	// Who applies the manifests again takes nothing away, by either way, and has no conflict.
	mustKubectl(t, "", "apply", "--server-side", "-k", repository+"/config/webhook")
	if output, err := kubectl(t, "", "diff", "--server-side", "-k", repository+"/config/webhook"); err != nil {
		t.Errorf("the caBundle is a difference: %v\n%s", err, output)
	}
	mustKubectl(t, "", "apply", "-k", repository+"/config/webhook")
	mustKubectl(t, "", "apply", "-k", repository+"/config/webhook")
	if bundle() != first {
		t.Error("applying the manifests again took the caBundle away")
	}

	// Renewed by who may: the Secret can be written.
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: operatorNamespace, Name: "launchready-webhook"}
	if err := server.client.Get(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}
	secret.Data[corev1.TLSPrivateKeyKey] = []byte("garbage")
	if err := server.client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(two.Keep(t.Context()), one.Keep(t.Context())); err != nil {
		t.Fatal(err)
	}
	if second := bundle(); second == first || !strings.Contains(second, first) {
		t.Error("the new authority is not trusted, or the one before no longer is")
	}
	if err := direct.Delete(t.Context(), secret); !apierrors.IsForbidden(err) {
		t.Errorf("it may delete: %v", err)
	}
}
