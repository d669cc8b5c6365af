// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/internal/checks/secrets"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// unlikely gives n random letters and digits without vowels, so that no piece of them is a word of ours.
func unlikely(r *rand.Rand, n int) string {
	const alphabet = "bcdfghjklmnpqrstvwzBCDFGHJKLMNPQRSTVWZ23456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// encodings in which a secret may be typed, or may leak.
var encodings = map[string]func(string) string{
	"raw":    func(s string) string { return s },
	"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"hex":    func(s string) string { return hex.EncodeToString([]byte(s)) },
	"URL":    url.QueryEscape,
}

// requireNothingOf fails if any piece of six characters of a planted text stands in the outcome, however it is printed.
func requireNothingOf(tb testing.TB, o scorecard.Outcome, planted ...string) {
	tb.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		tb.Fatal(err)
	}
	var findings strings.Builder
	for _, f := range o.Findings {
		fmt.Fprintf(&findings, "%+v %#v\n", f.API(), f.API())
	}
	printed := fmt.Sprintf("%+v %#v %s %s", o, o, data, findings.String())
	// Fingerprints are hexadecimal digits, and six of a thousand plants' digits turn up among them by chance.
	for _, f := range o.Findings {
		printed = strings.ReplaceAll(printed, f.API().Fingerprint, "")
	}
	for i, secret := range planted {
		for name, encode := range encodings {
			text := encode(secret)
			for at := 0; at+6 <= len(text); at++ {
				if strings.Contains(printed, text[at:at+6]) {
					tb.Fatalf("a piece of planted secret %d (%s) stands in the outcome", i, name)
				}
			}
		}
	}
}

func TestNothingOfAPlantedSecretIsInTheOutcome(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var planted []string
	fresh := func() string {
		planted = append(planted, unlikely(r, 36))
		return planted[len(planted)-1]
	}
	var workloads []launch.Workload
	for i, p := range places() {
		for _, encoding := range slices.Sorted(maps.Keys(encodings)) {
			w := deployment()
			w.Ref.Name = fmt.Sprintf("w%d-%s", i, strings.ToLower(encoding))
			p.put(&w, encodings[encoding]("ghp_"+fresh()))
			workloads = append(workloads, w)
		}
	}
	vars := make([]corev1.EnvVar, 0, 50)
	for i := range 50 {
		vars = append(vars, corev1.EnvVar{Name: fmt.Sprintf("DB_%d_PASSWORD", i), Value: fresh()})
	}
	workloads = append(workloads, envOf(vars...))
	objects := []client.Object{
		configMapOf("chat-config", map[string]string{"a.env": "SMTP_PASSWORD=" + fresh(), "SETTING": "ghp_" + fresh(), "ghp_" + fresh(): "on"}),
		secretOf("chat", map[string]string{"KEY": fresh(), "ghp_" + fresh(): "changeme", "url": "postgres://app:changeme@db/" + fresh()}),
	}
	workloads = append(workloads, wholeConfigMap("chat-config"), wholeSecret("chat", false),
		envOf(fromSecret("ghp_"+fresh(), "gone", "ghp_"+fresh(), false), fromSecret("A", "chat", "ghp_"+fresh(), false)))

	o := measure(t, appOf(workloads...), objects...)
	if len(planted) < 50 || len(o.Findings) < 100 {
		t.Fatalf("the plants were not found: %d plants, %d findings", len(planted), len(o.Findings))
	}
	requireNothingOf(t, o, planted...)
}

func FuzzMeasure(f *testing.F) {
	f.Add("DB_PASSWORD", "hunter2-correct")
	f.Add("URL", "postgres://app:gravel-7-otter@$(HOST)/$$(X)$(")
	f.Add(typedToken, typedToken)
	f.Add("A\u202e\x1b", `{"kind":"Deployment","spec":{"template":{"spec":{"containers":[{"env":[{"name":"P","value":"x"}]}]}}}}`)
	detector := newDetector(f)
	f.Fuzz(func(t *testing.T, name, value string) {
		secret := unlikely(rand.New(rand.NewPCG(3, uint64(len(value)))), 36)
		if strings.Contains(name+value, secret[:6]) {
			t.Skip("the input holds the plant")
		}
		w := wholeConfigMap("chat-config")
		container(&w).Env = []corev1.EnvVar{{Name: name, Value: value}, {Name: "B", Value: "$(" + name + ")" + value}, {Name: name + "ghp_" + secret, Value: value + " ghp_" + secret}}
		container(&w).Args = []string{value, "--" + name, value, "ghp_" + secret}
		w.Annotations = map[string]string{name: value}
		reader := oneConfigMap{data: map[string]string{"a": value, name: value + "\nghp_" + secret}}
		o := secrets.New(reader, detector, key).Measure(t.Context(), appOf(w))
		requireNothingOf(t, o, secret)
	})
}

// oneConfigMap is all that there is to read. A fake API server would take most of the fuzzer's time.
type oneConfigMap struct {
	client.Reader
	data map[string]string
}

func (r oneConfigMap) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	c, ok := obj.(*corev1.ConfigMap)
	if !ok {
		return errors.New("only a ConfigMap is here")
	}
	c.Data = r.data
	return nil
}

func BenchmarkSecretsSafe(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	ordinary := []string{
		"info", "https://api.example.com/v1/chat", "postgres://app:$(DB_PASSWORD)@db.shop.svc:5432/chat?sslmode=require", "8080",
		"/var/lib/chat/data", "true", "30s", "eu-central-1", "chat-7f9c6d5b8-x2x4z", "production", `{"retries":3,"backoff":"2s"}`,
		"registry.example.com/shop/chat@sha256:" + strings.Repeat("0f", 32),
	}
	names := []string{"LOG_LEVEL", "API_BASE_URL", "DATABASE_URL", "HTTP_PORT", "DATA_DIRECTORY", "FEATURE_CHAT_ENABLED", "TOKEN_TTL", "AWS_REGION", "POD_NAME", "APP_ENVIRONMENT", "RETRY_POLICY", "SIDECAR_IMAGE"}
	w := deployment()
	w.Template.Spec.Containers = nil
	for i := range 10 {
		c := corev1.Container{Name: fmt.Sprintf("c%d", i), Args: []string{"--config=/etc/chat/config.yaml", "--listen=:8080"}}
		for j := range 40 {
			n := r.IntN(len(ordinary))
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("%s_%d", names[n], j), Value: ordinary[n]})
		}
		w.Template.Spec.Containers = append(w.Template.Spec.Containers, c)
	}
	check := newCheck(b)
	app := appOf(w)
	b.ReportAllocs()
	for b.Loop() {
		if o := check.Measure(b.Context(), app); o.Verdict != "Pass" {
			b.Fatalf("%+v", o)
		}
	}
}
