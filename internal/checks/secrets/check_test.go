// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/secrets"
	"github.com/launchready/launchready/internal/detect"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

var key = []byte("the operator's own key, of 32 bytes")

// newDetector is built once: it compiles a hundred regular expressions.
var newDetector = onceDetector()

func onceDetector() func(testing.TB) *detect.Detector {
	d, err := detect.New()
	return func(tb testing.TB) *detect.Detector {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return d
	}
}

func deployment() launch.Workload {
	w := launch.Workload{Name: "web", Namespace: "shop", Template: corev1.PodTemplateSpec{
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: "registry.example.com/chat@sha256:" + strings.Repeat("0f", 32),
			Env: []corev1.EnvVar{{Name: "LOG_LEVEL", Value: "info"}},
		}}},
	}}
	w.Ref.APIVersion, w.Ref.Kind, w.Ref.Name = "apps/v1", "Deployment", "chat"
	return w
}

func appOf(workloads ...launch.Workload) *launch.App { return &launch.App{Workloads: workloads} }

func secretOf(name string, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Data: map[string][]byte{}}
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	return s
}

func configMapOf(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Data: data}
}

func measure(tb testing.TB, app *launch.App, objects ...client.Object) scorecard.Outcome {
	tb.Helper()
	return newCheck(tb, objects...).Measure(tb.Context(), app)
}

func newCheck(tb testing.TB, objects ...client.Object) *secrets.Check {
	tb.Helper()
	return secrets.New(fake.NewClientBuilder().WithObjects(objects...).Build(), newDetector(tb), key)
}

// placesOf gives the places of the findings, without the workload.
func placesOf(o scorecard.Outcome) []string {
	var all []string
	for _, f := range o.Findings {
		all = append(all, strings.TrimPrefix(f.API().Place, "Deployment shop/chat: "))
	}
	return all
}

// told gives the findings as "Severity Rule at place".
func told(o scorecard.Outcome) []string {
	var all []string
	for i, place := range placesOf(o) {
		f := o.Findings[i].API()
		all = append(all, fmt.Sprintf("%s %s at %s", f.Severity, f.Rule, place))
	}
	return all
}

// using gives a deployment whose container is changed.
func using(change func(c *corev1.Container, s *corev1.PodSpec)) launch.Workload {
	w := deployment()
	change(&w.Template.Spec.Containers[0], &w.Template.Spec)
	return w
}

func local(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

func fromSecret(variable, name, key string, optional bool) corev1.EnvVar {
	return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local(name), Key: key, Optional: ptr.To(optional)},
	}}
}

func fromConfigMap(variable, name, key string, optional bool) corev1.EnvVar {
	return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local(name), Key: key, Optional: ptr.To(optional)},
	}}
}

func envOf(vars ...corev1.EnvVar) launch.Workload {
	return using(func(c *corev1.Container, _ *corev1.PodSpec) { c.Env = vars })
}

func wholeSecret(name string, optional bool) launch.Workload {
	return using(func(c *corev1.Container, _ *corev1.PodSpec) {
		c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local(name), Optional: ptr.To(optional)}}}
	})
}

func wholeConfigMap(name string) launch.Workload {
	return using(func(c *corev1.Container, _ *corev1.PodSpec) {
		c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local(name)}}}
	})
}

func volume(source corev1.VolumeSource) launch.Workload {
	return using(func(_ *corev1.Container, s *corev1.PodSpec) {
		s.Volumes = []corev1.Volume{{Name: "data", VolumeSource: source}}
	})
}

func pulling(name string) launch.Workload {
	return using(func(_ *corev1.Container, s *corev1.PodSpec) {
		s.ImagePullSecrets = []corev1.LocalObjectReference{local(name)}
	})
}

func typedAs(s *corev1.Secret, kind corev1.SecretType) *corev1.Secret {
	s.Type = kind
	return s
}

func TestReferencesToSecrets(t *testing.T) {
	for _, tt := range []struct {
		name    string
		app     launch.Workload
		objects []client.Object
		want    []string
		reason  string
	}{
		{"a real value", envOf(fromSecret("API_KEY", "chat", "key", false)), []client.Object{secretOf("chat", map[string]string{"key": typedToken})}, nil, "Passed"},
		{"a Secret that is missing", envOf(fromSecret("API_KEY", "chat", "key", false)), nil, []string{"High ReferenceMissing at containers[web].env[API_KEY]"}, "SecretReferenceBroken"},
		{"a missing Secret is told once", envOf(fromSecret("A", "chat", "a", false), fromSecret("B", "chat", "b", false)), nil, []string{"High ReferenceMissing at containers[web].env[A]"}, "SecretReferenceBroken"},
		{"a missing Secret, where it is not optional", envOf(fromSecret("A", "chat", "a", true), fromSecret("B", "chat", "b", false)), nil, []string{"High ReferenceMissing at containers[web].env[B]"}, "SecretReferenceBroken"},
		{"an optional Secret that is missing", envOf(fromSecret("API_KEY", "chat", "key", true)), nil, nil, "Passed"},
		{"a reference without a name", envOf(fromSecret("API_KEY", "", "key", false)), nil, []string{"High ReferenceMissing at containers[web].env[API_KEY]"}, "SecretReferenceBroken"},
		{"a key that is missing", envOf(fromSecret("API_KEY", "chat", "kee", false)), []client.Object{secretOf("chat", map[string]string{"key": typedToken})}, []string{"High KeyMissing at containers[web].env[API_KEY]"}, "SecretReferenceBroken"},
		{"an optional key that is missing", envOf(fromSecret("API_KEY", "chat", "kee", true)), []client.Object{secretOf("chat", map[string]string{"key": typedToken})}, nil, "Passed"},
		{"an empty value", envOf(fromSecret("API_KEY", "chat", "key", false)), []client.Object{secretOf("chat", map[string]string{"key": " \n"})}, []string{"High ValueEmpty at containers[web].env[API_KEY]"}, "SecretValueUnusable"},
		{"an optional empty value is switched off", envOf(fromSecret("API_KEY", "chat", "key", true)), []client.Object{secretOf("chat", map[string]string{"key": ""})}, nil, "Passed"},
		{"a placeholder", envOf(fromSecret("API_KEY", "chat", "key", false)), []client.Object{secretOf("chat", map[string]string{"key": "changeme\n"})}, []string{"High ValuePlaceholder at containers[web].env[API_KEY]"}, "SecretValueUnusable"},
		{"an optional placeholder is in use", envOf(fromSecret("API_KEY", "chat", "key", true)), []client.Object{secretOf("chat", map[string]string{"key": "your-api-key"})}, []string{"Medium ValuePlaceholder at containers[web].env[API_KEY]"}, "SecretValueUnusable"},
		{"what several places take is told once, by the one that needs it", envOf(fromSecret("A", "chat", "key", true), fromSecret("B", "chat", "key", false), fromSecret("C", "chat", "key", false)), []client.Object{secretOf("chat", map[string]string{"key": "changeme"})}, []string{"High ValuePlaceholder at containers[web].env[B]"}, "SecretValueUnusable"},
		{"a placeholder by the variable's name", envOf(fromSecret("DB_PASSWORD", "chat", "db", false)), []client.Object{secretOf("chat", map[string]string{"db": "password"})}, []string{"High ValuePlaceholder at containers[web].env[DB_PASSWORD]"}, "SecretValueUnusable"},
		{"a placeholder in a URL", envOf(fromSecret("DATABASE_URL", "chat", "url", false)), []client.Object{secretOf("chat", map[string]string{"url": "postgres://app:changeme@db/app"})}, []string{"High ValuePlaceholder at containers[web].env[DATABASE_URL]"}, "SecretValueUnusable"},
		{"ordinary settings in a Secret", wholeSecret("chat", false), []client.Object{secretOf("chat", map[string]string{
			"ENV": "test", "DEBUG": "true", "LOG_LEVEL": "info", "MODE": "default", "PROXY": "none", "DB_NAME": "test", "DB_USER": "user", "REDIS_PASSWORD": "",
			"PASSWORD_MIN_LENGTH": "0", "TOKEN_URL": "https://login.example.com/token", "FEATURE": "null", "API_KEY": typedToken,
		})}, nil, "Passed"},
		{
			"placeholders in a whole Secret", wholeSecret("chat", false),
			[]client.Object{secretOf("chat", map[string]string{"SMTP_PASSWORD": "test", "GREETING": "TODO", "REGION": "replace-me", "LOG_LEVEL": "info"})},
			[]string{"High ValuePlaceholder at containers[web].envFrom[0]", "High ValuePlaceholder at containers[web].envFrom[0]", "High ValuePlaceholder at containers[web].envFrom[0]"},
			"SecretValueUnusable",
		},
		{"a whole Secret without a value", wholeSecret("chat", false), []client.Object{secretOf("chat", map[string]string{"API_KEY": ""})}, []string{"High ValueEmpty at containers[web].envFrom[0]"}, "SecretValueUnusable"},
		{"an optional Secret without a value", wholeSecret("chat", true), []client.Object{secretOf("chat", nil)}, nil, "Passed"},
		{"a Secret volume", volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "chat"}}), []client.Object{secretOf("chat", map[string]string{"tls.key": typedToken})}, nil, "Passed"},
		{"an item of a Secret volume", volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "chat", Items: []corev1.KeyToPath{{Key: "kee", Path: "p"}}}}), []client.Object{secretOf("chat", map[string]string{"key": typedToken})}, []string{"High KeyMissing at volumes[data].secret.items[kee]"}, "SecretReferenceBroken"},
		{"a projected volume", volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}, {Secret: &corev1.SecretProjection{LocalObjectReference: local("chat")}},
		}}}), []client.Object{secretOf("chat", map[string]string{"key": typedToken})}, nil, "Passed"},
		{"the secrets store", volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "secrets-store.csi.k8s.io", VolumeAttributes: map[string]string{"secretProviderClass": "chat-secrets"}}}), nil, nil, "Passed"},
		{"a driver's Secret", volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "nfs.example.com", NodePublishSecretRef: ptr.To(local("nfs"))}}), nil, []string{"High ReferenceMissing at volumes[data]"}, "SecretReferenceBroken"},
		{"a driver's keys are its own", volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "nfs.example.com", NodePublishSecretRef: ptr.To(local("nfs"))}}), []client.Object{secretOf("nfs", map[string]string{"password": "changeme"})}, nil, "Passed"},
		{"a typed password that everybody knows", envOf(corev1.EnvVar{Name: "POSTGRES_PASSWORD", Value: "changeme"}), nil, []string{"High ValuePlaceholder at containers[web].env[POSTGRES_PASSWORD]"}, "SecretValueUnusable"},
		{"a typed key that opens nothing", envOf(corev1.EnvVar{Name: "OPENAI_API_KEY", Value: "dummy"}, corev1.EnvVar{Name: "SMTP_PASSWORD", Value: "none"}, corev1.EnvVar{Name: "DB_PASSWORD", Value: "<your-password>"}), nil, nil, "Passed"},
		{"the downward API", envOf(corev1.EnvVar{Name: "AUTH_TOKEN", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}), nil, nil, "Passed"},
		{"a pull secret", pulling("regcred"), []client.Object{typedAs(secretOf("regcred", map[string]string{".dockerconfigjson": `{"auths":{"r.example.com":{"auth":"eA=="}}}`}), corev1.SecretTypeDockerConfigJson)}, nil, "Passed"},
		{"an old pull secret", pulling("regcred"), []client.Object{typedAs(secretOf("regcred", map[string]string{".dockercfg": `{"r.example.com":{"auth":"eA=="}}`}), corev1.SecretTypeDockercfg)}, nil, "Passed"},
		{"a pull secret that is missing", pulling("regcred"), nil, []string{"Medium ReferenceMissing at imagePullSecrets[regcred]"}, "SecretReferenceBroken"},
		{"a pull secret without a name", pulling(""), nil, nil, "Passed"},
		{"a pull secret of another type", pulling("regcred"), []client.Object{secretOf("regcred", map[string]string{".dockerconfigjson": `{"auths":{"r.example.com":{}}}`})}, []string{"Medium PullSecretInvalid at imagePullSecrets[regcred]"}, "SecretReferenceBroken"},
		{"a pull secret that is no JSON", pulling("regcred"), []client.Object{typedAs(secretOf("regcred", map[string]string{".dockerconfigjson": "x"}), corev1.SecretTypeDockerConfigJson)}, []string{"Medium PullSecretInvalid at imagePullSecrets[regcred]"}, "SecretReferenceBroken"},
		{"an old pull secret that is no JSON", pulling("regcred"), []client.Object{typedAs(secretOf("regcred", nil), corev1.SecretTypeDockercfg)}, []string{"Medium PullSecretInvalid at imagePullSecrets[regcred]"}, "SecretReferenceBroken"},
		{"a pull secret without a registry", pulling("regcred"), []client.Object{typedAs(secretOf("regcred", map[string]string{".dockerconfigjson": `{"auths":{}}`}), corev1.SecretTypeDockerConfigJson)}, []string{"Medium PullSecretInvalid at imagePullSecrets[regcred]"}, "SecretReferenceBroken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := measure(t, appOf(tt.app), tt.objects...)
			if diff := cmp.Diff(tt.want, told(o)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if o.Reason != tt.reason {
				t.Errorf("reason %s, want %s: %s", o.Reason, tt.reason, o.Message)
			}
		})
	}
}

func TestConfigMapsThatAreUsed(t *testing.T) {
	typed := configMapOf("chat-config", map[string]string{"LOG_LEVEL": "info", "SETTING": typedToken, "app.yaml": "log:\n  level: info\nnote: " + typedToken + "\n"})
	binary := configMapOf("chat-config", nil)
	binary.BinaryData = map[string][]byte{"store": []byte("\x00\x01\nnote: " + typedToken + "\n\xff")}
	const at = "Critical TypedSecret at ConfigMap shop/chat-config: "
	for _, tt := range []struct {
		name    string
		app     launch.Workload
		objects []client.Object
		want    []string
	}{
		{"as a whole", wholeConfigMap("chat-config"), []client.Object{typed}, []string{at + "data[SETTING]", at + "data[app.yaml]"}},
		{"by key", envOf(fromConfigMap("A", "chat-config", "SETTING", false)), []client.Object{typed}, []string{at + "data[SETTING]"}},
		{"a password that everybody knows", wholeConfigMap("chat-config"), []client.Object{configMapOf("chat-config", map[string]string{"POSTGRES_PASSWORD": "changeme"})}, []string{"High ValuePlaceholder at ConfigMap shop/chat-config: data[POSTGRES_PASSWORD]"}},
		{"by another key", envOf(fromConfigMap("A", "chat-config", "LOG_LEVEL", false)), []client.Object{typed}, nil},
		{"as a file", volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("chat-config"), Items: []corev1.KeyToPath{{Key: "app.yaml", Path: "app.yaml"}}}}), []client.Object{typed}, []string{at + "data[app.yaml]"}},
		{"projected", volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local("chat-config")}}}}}), []client.Object{typed}, []string{at + "data[SETTING]", at + "data[app.yaml]"}},
		{"binary", wholeConfigMap("chat-config"), []client.Object{binary}, []string{at + "binaryData[store]"}},
		{"by the variable's name", envOf(fromConfigMap("DB_PASSWORD", "chat-config", "db", false)), []client.Object{configMapOf("chat-config", map[string]string{"db": "hunter2-correct"})}, []string{"High TypedSecret at ConfigMap shop/chat-config: data[db]"}},
		{"a secret in the key", wholeConfigMap("chat-config"), []client.Object{configMapOf("chat-config", map[string]string{"a": "b", typedToken: "on"})}, []string{at + "data[#1]"}},
		{"ordinary settings", wholeConfigMap("chat-config"), []client.Object{configMapOf("chat-config", map[string]string{
			"PASSWORD_MIN_LENGTH": "12", "TOKEN_URL": "https://login.example.com/token", "SECRET_NAME": "chat-secrets", "DATABASE_URL": "postgres://app:$(DB_PASSWORD)@db/app",
		})}, nil},
		{"missing", wholeConfigMap("chat-config"), nil, []string{"High ReferenceMissing at containers[web].envFrom[0]"}},
		{"a missing key that two places take", envOf(fromConfigMap("A", "chat-config", "NONE", true), fromConfigMap("B", "chat-config", "NONE", false), fromConfigMap("C", "chat-config", "NONE", false)), []client.Object{typed}, []string{"High KeyMissing at containers[web].env[B]"}},
		{"a missing key", envOf(fromConfigMap("A", "chat-config", "NONE", false)), []client.Object{typed}, []string{"High KeyMissing at containers[web].env[A]"}},
		{"an optional missing key", envOf(fromConfigMap("A", "chat-config", "NONE", true)), []client.Object{typed}, nil},
		{"optional and missing", envOf(fromConfigMap("A", "chat-config", "NONE", true)), nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, told(measure(t, appOf(tt.app), tt.objects...))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASharedConfigMapIsToldOnce(t *testing.T) {
	worker := wholeConfigMap("chat-config")
	worker.Ref.Name = "worker"
	o := measure(t, appOf(wholeConfigMap("chat-config"), worker), configMapOf("chat-config", map[string]string{"SETTING": typedToken}))
	if len(o.Findings) != 1 || !strings.Contains(o.Findings[0].API().Message, "used at Deployment shop/chat: containers[web].envFrom[0]") {
		t.Errorf("want one finding that names the first use: %+v", o.Findings)
	}
}

// brokenReader fails with an error instead of reading.
type brokenReader struct {
	client.Reader
	err error
}

func (r brokenReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return r.err
}

func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	resource := schema.GroupResource{Resource: "secrets"}
	reset := &url.Error{Op: "Get", URL: "https://127.0.0.1:6443", Err: &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}}
	for _, tt := range []struct {
		name    string
		err     error
		reason  string
		message string
	}{
		{"forbidden", apierrors.NewForbidden(resource, "chat", errors.New("no")), v1alpha1.ReasonNotConfigured, "verbs: [get]"},
		{"unauthorised", apierrors.NewUnauthorized("who?"), v1alpha1.ReasonNotConfigured, "verbs: [get]"},
		{"internal", apierrors.NewInternalError(errors.New("etcd has \x1b[31mgone\u202e")), v1alpha1.ReasonProbeError, `etcd has \u{1B}[31mgone\u{202E}`},
		{"a connection that was reset", reset, v1alpha1.ReasonTargetUnreachable, "for the Secret shop/chat: connection reset by peer. It is tried again."},
		{"a deadline", fmt.Errorf("get: %w", context.DeadlineExceeded), v1alpha1.ReasonTimeout, "ran out of time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check := secrets.New(brokenReader{err: tt.err}, newDetector(t), key)
			o := check.Measure(t.Context(), appOf(envOf(fromSecret("API_KEY", "chat", "key", false))))
			if o.Verdict != v1alpha1.VerdictUnknown || o.Reason != tt.reason || o.Fault != v1alpha1.FaultOperator || len(o.Findings) > 0 {
				t.Errorf("%s %s %s %v", o.Verdict, o.Reason, o.Fault, o.Findings)
			}
			if !strings.Contains(o.Message, tt.message) {
				t.Errorf("message %q lacks %q", o.Message, tt.message)
			}
		})
	}
}

func TestAFindingStandsWhateverElseCannotBeRead(t *testing.T) {
	w := envOf(corev1.EnvVar{Name: "SETTING", Value: typedToken}, fromSecret("API_KEY", "chat", "key", false))
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "chat", errors.New("no"))
	o := secrets.New(brokenReader{err: forbidden}, newDetector(t), key).Measure(t.Context(), appOf(w))
	want := []string{"Critical TypedSecret at containers[web].env[SETTING]", "Medium WithheldReference at containers[web].env[API_KEY]"}
	if diff := cmp.Diff(want, told(o)); diff != "" || o.Reason != v1alpha1.ReasonTypedSecret {
		t.Errorf("a waiver of the first must not cover what was not read: %s %s", o.Reason, diff)
	}

	o = secrets.New(brokenReader{err: apierrors.NewInternalError(errors.New("etcd"))}, newDetector(t), key).Measure(t.Context(), appOf(w))
	if o.Verdict != v1alpha1.VerdictUnknown || !strings.Contains(o.Message, "Already found: Deployment shop/chat: containers[web].env[SETTING]") {
		t.Errorf("what a retry mends is waited for: %s %s", o.Verdict, o.Message)
	}
}

func TestADeadlineIsToldAsOne(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	o := secrets.New(fake.NewClientBuilder().Build(), newDetector(t), key).Measure(ctx, appOf(deployment()))
	if o.Verdict != v1alpha1.VerdictUnknown || o.Reason != v1alpha1.ReasonTimeout || o.Fault != v1alpha1.FaultOperator {
		t.Errorf("%s %s %s", o.Verdict, o.Reason, o.Fault)
	}
}

func TestNothingToLookAtIsNoPass(t *testing.T) {
	empty := deployment()
	empty.Template.Spec.Containers = nil
	many := using(func(c *corev1.Container, _ *corev1.PodSpec) {
		for i := range 129 {
			c.Env = append(c.Env, fromSecret(fmt.Sprintf("A%d", i), fmt.Sprintf("s%d", i), "key", true))
		}
	})
	large := wholeConfigMap("chat-config")
	for _, tt := range []struct {
		name    string
		app     *launch.App
		objects []client.Object
		message string
	}{
		{"no workload", appOf(), nil, "has no workload"},
		{"no container", appOf(deployment(), empty), nil, "has no containers"},
		{"too many references", appOf(many), nil, "more than 128"},
		{"too much data", appOf(large), []client.Object{configMapOf("chat-config", map[string]string{"a": strings.Repeat("a\n", 600_000)})}, "8 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := measure(t, tt.app, tt.objects...)
			if o.Verdict != v1alpha1.VerdictUnknown || o.Fault != v1alpha1.FaultApp || o.Reason != v1alpha1.ReasonNotConfigured || !strings.Contains(o.Message, tt.message) {
				t.Errorf("%s %s %s: %s", o.Verdict, o.Fault, o.Reason, o.Message)
			}
		})
	}
}

// blindDetector does not see values of one kind.
type blindDetector struct {
	*detect.Detector
	value func(name string) bool
	args  bool
}

func (d blindDetector) Value(name, value string) []detect.Match {
	if d.value != nil && d.value(name) {
		return nil
	}
	return d.Detector.Value(name, value)
}

func (d blindDetector) Args(args []string) []detect.Match {
	if d.args {
		return nil
	}
	return d.Detector.Args(args)
}

func TestWithoutItsControlTheRowIsUnknown(t *testing.T) {
	named := func(want string) func(string) bool { return func(name string) bool { return name == want } }
	for name, d := range map[string]blindDetector{
		"blind":                {value: func(string) bool { return true }, args: true},
		"blind in args":        {args: true},
		"blind in names":       {value: named("DB_PASSWORD")},
		"blind in headers":     {value: named("Authorization")},
		"blind in paths":       {value: named("")},
		"blind in files":       {value: named("app.env")},
		"blind in known forms": {value: named("SETTING")},
	} {
		t.Run(name, func(t *testing.T) {
			d.Detector = newDetector(t)
			o := secrets.New(fake.NewClientBuilder().Build(), d, key).Measure(t.Context(), appOf(deployment()))
			if o.Verdict != v1alpha1.VerdictUnknown || o.Reason != v1alpha1.ReasonNoPositiveControl || o.Fault != v1alpha1.FaultOperator {
				t.Errorf("%s %s %s", o.Verdict, o.Reason, o.Fault)
			}
		})
	}
	if o := measure(t, appOf(deployment())); o.Verdict != v1alpha1.VerdictPass || o.Cases != 1 || o.Control == "" {
		t.Errorf("with it, it passes: %+v", o)
	}
}

// countingReader counts what is read, and has nothing but get.
type countingReader struct {
	client.Reader
	t    *testing.T
	gets map[string]int
}

func (r countingReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	r.gets[fmt.Sprintf("%T %s", obj, key)]++
	return r.Reader.Get(ctx, key, obj, opts...)
}

func (r countingReader) List(context.Context, client.ObjectList, ...client.ListOption) error {
	r.t.Error("the check lists")
	return errors.New("no list")
}

func TestEachObjectIsReadOnceByGet(t *testing.T) {
	w := using(func(c *corev1.Container, s *corev1.PodSpec) {
		c.Env = []corev1.EnvVar{fromSecret("A", "chat", "a", false), fromSecret("B", "chat", "b", false), fromConfigMap("C", "chat", "c", false), fromSecret("D", "gone", "d", true)}
		c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("chat")}}}
		s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "chat"}}}}
	})
	worker := w
	worker.Ref.Name = "worker"
	reader := countingReader{
		Reader: fake.NewClientBuilder().WithObjects(secretOf("chat", map[string]string{"a": typedToken, "b": typedToken}), configMapOf("chat", map[string]string{"c": "1"})).Build(),
		t:      t, gets: map[string]int{},
	}
	o := secrets.New(reader, newDetector(t), key).Measure(t.Context(), appOf(w, worker))
	if o.Verdict != v1alpha1.VerdictPass {
		t.Errorf("%+v", o)
	}
	want := map[string]int{"*v1.Secret shop/chat": 1, "*v1.ConfigMap shop/chat": 1, "*v1.Secret shop/gone": 1}
	if diff := cmp.Diff(want, reader.gets); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
}

func TestRemediesAreSafeToCopy(t *testing.T) {
	w := envOf(corev1.EnvVar{Name: "X$(reboot);`id`", Value: typedToken}, corev1.EnvVar{Name: "OPENAI_API_KEY", Value: typedToken})
	o := measure(t, appOf(w))
	if len(o.Findings) != 2 {
		t.Fatalf("want two findings: %+v", o)
	}
	for _, f := range o.Findings {
		if strings.Contains(f.API().Remedy, "reboot") {
			t.Errorf("a foreign name stands in a command: %s", f.API().Remedy)
		}
		if strings.Contains(f.API().Remedy, "--from-literal") {
			t.Errorf("the remedy leads into the shell's history: %s", f.API().Remedy)
		}
	}
	if want := "secretKeyRef: {name: chat-secrets, key: OPENAI_API_KEY}"; !strings.Contains(o.Findings[0].API().Remedy, want) {
		t.Errorf("the remedy lacks the YAML to write, %s: %s", want, o.Findings[0].API().Remedy)
	}
}

func TestForeignTextIsMadeHarmless(t *testing.T) {
	o := measure(t, appOf(envOf(corev1.EnvVar{Name: "A\u202e\x1b[2J", Value: typedToken})))
	if got := placesOf(o); len(got) != 1 || got[0] != `containers[web].env[A\u{202E}\u{1B}[2J]` {
		t.Errorf("place %q", got)
	}
}

func TestTheCheckTellsWhatItUses(t *testing.T) {
	check := secrets.New(fake.NewClientBuilder().Build(), newDetector(t), key)
	if check.Row() != v1alpha1.RowSecretsSafe {
		t.Errorf("row %s", check.Row())
	}
	data, err := json.Marshal(check.Inputs(appOf(deployment())))
	if err != nil || !strings.Contains(string(data), "rules") {
		t.Errorf("inputs %s, %v", data, err)
	}
	if dump := fmt.Sprintf("%+v %#v", check, check); strings.Contains(dump, string(key)) {
		t.Error("a dump of the check shows the key")
	}
}
