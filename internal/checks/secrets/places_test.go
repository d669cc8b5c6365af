// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets_test

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
)

// A GitHub token's shape, put together here so that no scanner of this repository takes it for one.
var typedToken = "ghp_" + "Zq3vK8mWd5RtY1nBx7Lc" + "2HjS9gPf4TkQ6wVb"

// clean is an ordinary setting.
const clean = "blue-green"

// place is one place of a workload that can carry a secret.
type place struct {
	name string
	// put puts a value there.
	put func(w *launch.Workload, value string)
	// want is where a finding says that it is.
	want string
}

func container(w *launch.Workload) *corev1.Container { return &w.Template.Spec.Containers[0] }

func httpGet(path, header string) *corev1.HTTPGetAction {
	get := &corev1.HTTPGetAction{Path: path}
	if header != "" {
		get.HTTPHeaders = []corev1.HTTPHeader{{Name: "Accept", Value: "text/plain"}, {Name: "X-Custom", Value: header}}
	}
	return get
}

func shell(value string) *corev1.ExecAction {
	return &corev1.ExecAction{Command: []string{"sh", "-c", "check --quiet " + value}}
}

func env(value string) []corev1.EnvVar {
	return []corev1.EnvVar{{Name: "MODE", Value: "production"}, {Name: "SETTING", Value: value}}
}

func places() []place {
	return []place{
		{"env", func(w *launch.Workload, v string) { container(w).Env = env(v) }, "containers[web].env[SETTING]"},
		{"command", func(w *launch.Workload, v string) { container(w).Command = []string{"serve", v} }, "containers[web].command[1]"},
		{"args", func(w *launch.Workload, v string) { container(w).Args = []string{"--verbose", "--setting=" + v} }, "containers[web].args[1]"},
		{"a flag that only the program explains", func(w *launch.Workload, v string) {
			container(w).Command = []string{"mysql"}
			container(w).Args = []string{"-h", "db", "-p" + strings.TrimPrefix(v, "ghp_")}
			if v == clean {
				container(w).Args = []string{"-h", "db", "-pchangeme"}
			}
		}, "containers[web].args[2]"},
		{"a script in args", func(w *launch.Workload, v string) {
			container(w).Command = []string{"sh", "-c"}
			container(w).Args = []string{"set -e\nexport SETTING=" + v + "\nexec serve\n"}
		}, "containers[web].args[0]"},
		{"liveness probe, exec", func(w *launch.Workload, v string) {
			container(w).LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: shell(v)}}
		}, "containers[web].livenessProbe.exec.command[2]"},
		{"readiness probe, header", func(w *launch.Workload, v string) {
			container(w).ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: httpGet("/healthz", v)}}
		}, "containers[web].readinessProbe.httpGet.httpHeaders[X-Custom]"},
		{"startup probe, path", func(w *launch.Workload, v string) {
			container(w).StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: httpGet("/healthz?q="+v, "")}}
		}, "containers[web].startupProbe.httpGet.path"},
		{"probe, host", func(w *launch.Workload, v string) {
			container(w).StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Host: v}}}
		}, "containers[web].startupProbe.httpGet.host"},
		{"probe, tcp host", func(w *launch.Workload, v string) {
			container(w).StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: v}}}
		}, "containers[web].startupProbe.tcpSocket.host"},
		{"probe, grpc service", func(w *launch.Workload, v string) {
			container(w).LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Service: &v}}}
		}, "containers[web].livenessProbe.grpc.service"},
		{"postStart, exec", func(w *launch.Workload, v string) {
			container(w).Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: shell(v)}}
		}, "containers[web].lifecycle.postStart.exec.command[2]"},
		{"preStop, header", func(w *launch.Workload, v string) {
			container(w).Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: httpGet("/bye", v)}}
		}, "containers[web].lifecycle.preStop.httpGet.httpHeaders[X-Custom]"},
		{"preStop, path", func(w *launch.Workload, v string) {
			container(w).Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: httpGet("/bye?q="+v, "")}}
		}, "containers[web].lifecycle.preStop.httpGet.path"},
		{"preStop, tcp host", func(w *launch.Workload, v string) {
			container(w).Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{TCPSocket: &corev1.TCPSocketAction{Host: v}}}
		}, "containers[web].lifecycle.preStop.tcpSocket.host"},
		{"init container", func(w *launch.Workload, v string) {
			w.Template.Spec.InitContainers = []corev1.Container{{Name: "migrate", Env: env(v)}}
		}, "initContainers[migrate].env[SETTING]"},
		{"sidecar", func(w *launch.Workload, v string) {
			always := corev1.ContainerRestartPolicyAlways
			w.Template.Spec.InitContainers = []corev1.Container{{Name: "proxy", RestartPolicy: &always, Args: []string{v}}}
		}, "initContainers[proxy].args[0]"},
		{"second container", func(w *launch.Workload, v string) {
			w.Template.Spec.Containers = append(w.Template.Spec.Containers, corev1.Container{Name: "log", Env: env(v)})
		}, "containers[log].env[SETTING]"},
		{"ephemeral container", func(w *launch.Workload, v string) {
			w.Template.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Env: env(v)}}}
		}, "ephemeralContainers[debug].env[SETTING]"},
		{"template annotation", func(w *launch.Workload, v string) { w.Template.Annotations = map[string]string{"example.com/note": v} }, "template.metadata.annotations[example.com/note]"},
		{"template label", func(w *launch.Workload, v string) { w.Template.Labels = map[string]string{"app": "web", "note": v} }, "template.metadata.labels[note]"},
		{"workload annotation", func(w *launch.Workload, v string) { w.Annotations = map[string]string{"example.com/note": v} }, "metadata.annotations[example.com/note]"},
		{"CSI attributes", func(w *launch.Workload, v string) {
			w.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{VolumeAttributes: map[string]string{"option": v}}}}}
		}, "volumes[data].csi.volumeAttributes[option]"},
		{"flexVolume options", func(w *launch.Workload, v string) {
			w.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{FlexVolume: &corev1.FlexVolumeSource{Options: map[string]string{"option": v}}}}}
		}, "volumes[data].flexVolume.options[option]"},
		{"gitRepo", func(w *launch.Workload, v string) {
			w.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{GitRepo: &corev1.GitRepoVolumeSource{Repository: "https://git.example.com/shop/" + v}}}}
		}, "volumes[data].gitRepo.repository"},
		{"ephemeral volume's annotation", func(w *launch.Workload, v string) {
			claim := &corev1.PersistentVolumeClaimTemplate{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"note": v}}}
			w.Template.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: claim}}}}
		}, "volumes[data].ephemeral.volumeClaimTemplate.metadata.annotations[note]"},
		{"the name of a variable", func(w *launch.Workload, v string) {
			container(w).Env = []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: v, Value: "on"}}
		}, "containers[web].env[#1]"},
		{"the key of an annotation", func(w *launch.Workload, v string) { w.Annotations = map[string]string{v: "on"} }, "metadata.annotations[#0]"},
		{
			"an earlier manifest", func(w *launch.Workload, v string) { w.Annotations = lastApplied(w, v) },
			"metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
		},
	}
}

// lastApplied gives the annotation of `kubectl apply` for the workload with a variable of the given value.
func lastApplied(w *launch.Workload, value string) map[string]string {
	template := w.Template.DeepCopy()
	template.Spec.Containers[0].Env = env(value)
	data, err := json.Marshal(map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": w.Ref.Name},
		"spec": map[string]any{"template": template},
	})
	if err != nil {
		panic(err)
	}
	return map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(data)}
}

func TestEveryPlaceOfATemplateIsLookedAt(t *testing.T) {
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			w := deployment()
			p.put(&w, typedToken)
			o := measure(t, appOf(w))
			if len(o.Findings) != 1 {
				t.Fatalf("want one finding, got %d: %+v", len(o.Findings), o)
			}
			f := o.Findings[0].API()
			if want := "Deployment shop/chat: " + p.want; f.Place != want {
				t.Errorf("place:\n got %s\nwant %s", f.Place, want)
			}
			if o.Verdict != v1alpha1.VerdictFail || o.Reason != v1alpha1.ReasonTypedSecret || f.Rule != "TypedSecret" {
				t.Errorf("verdict %s, reason %s, rule %s, severity %s", o.Verdict, o.Reason, f.Rule, f.Severity)
			}
			byShape := strings.Contains(f.Message, "GitHub") && f.Severity == v1alpha1.SeverityCritical
			byFlag := strings.Contains(f.Message, "password") && f.Severity == v1alpha1.SeverityHigh
			if !byShape && !byFlag || !strings.Contains(f.Remedy, "otate the secret") {
				t.Errorf("the kind or the rotation is missing: %s %s", f.Message, f.Remedy)
			}

			w = deployment()
			p.put(&w, clean)
			if o := measure(t, appOf(w)); o.Verdict != v1alpha1.VerdictPass || len(o.Findings) > 0 || o.Cases == 0 {
				t.Errorf("a clean value: %+v", o)
			}
		})
	}
}

func TestACopyOfTheManifestDoesNotTellTheSameSecretTwice(t *testing.T) {
	w := deployment()
	container(&w).Env = env(typedToken)
	w.Annotations = lastApplied(&w, typedToken)
	o := measure(t, appOf(w))
	if len(o.Findings) != 1 || o.Findings[0].API().Place != "Deployment shop/chat: containers[web].env[SETTING]" {
		t.Errorf("want the variable alone: %+v", o.Findings)
	}
}

func TestAnAnnotationThatHoldsAnotherManifestIsReadAsText(t *testing.T) {
	w := deployment()
	w.Annotations = map[string]string{"example.com/backup": `{"kind":"Secret","stringData":{"token":"` + typedToken + `"}}`}
	if o := measure(t, appOf(w)); len(o.Findings) != 1 {
		t.Errorf("want one finding: %+v", o)
	}
}

func TestTheSameSecretAtTwoPlacesIsTwoFindings(t *testing.T) {
	w := deployment()
	container(&w).Env = []corev1.EnvVar{{Name: "A", Value: typedToken}, {Name: "B", Value: typedToken}}
	if o := measure(t, appOf(w)); len(o.Findings) != 2 {
		t.Errorf("want two findings: %+v", o)
	}
}

func TestExpansionsOfVariables(t *testing.T) {
	reference := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "chat"}, Key: "password"}}
	const url = "postgres://app:$(PIECE)@db/chat"
	for _, tt := range []struct {
		name string
		env  []corev1.EnvVar
		args []string
		want []string
	}{
		{"of a reference is a reference", []corev1.EnvVar{{Name: "PIECE", ValueFrom: reference}, {Name: "URL", Value: url}, {Name: "DB_PASSWORD", Value: "$(PIECE)"}}, []string{"--password=$(PIECE)"}, nil},
		{"of nothing is text", []corev1.EnvVar{{Name: "URL", Value: url}}, nil, nil},
		{"of what is defined later is text", []corev1.EnvVar{{Name: "URL", Value: url}, {Name: "PIECE", Value: "gravel-7-otter"}}, nil, nil},
		{"of a typed value that only the URL gives away", []corev1.EnvVar{{Name: "PIECE", Value: "gravel-7-otter"}, {Name: "URL", Value: url}}, nil, []string{"containers[web].env[URL]"}},
		{"of a typed value in args", []corev1.EnvVar{{Name: "PIECE", Value: "gravel-7-otter"}}, []string{"--db", url}, []string{"containers[web].args[1]"}},
		{"of a value that is found by itself", []corev1.EnvVar{{Name: "PIECE", Value: typedToken}, {Name: "URL", Value: url}}, nil, []string{"containers[web].env[PIECE]"}},
		{"that is escaped is text", []corev1.EnvVar{{Name: "PIECE", Value: "gravel-7-otter"}, {Name: "NOTE", Value: "use $$(PIECE) here"}}, nil, nil},
		{"that a reference overrides", []corev1.EnvVar{{Name: "PIECE", Value: "gravel-7-otter"}, {Name: "PIECE", ValueFrom: reference}, {Name: "URL", Value: url}}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := deployment()
			container(&w).Env, container(&w).Args = tt.env, tt.args
			o := measure(t, appOf(w), secretOf("chat", map[string]string{"password": typedToken}))
			if got := placesOf(o); strings.Join(got, " ") != strings.Join(tt.want, " ") {
				t.Errorf("findings at %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExpansionsCannotGrowWithoutBound(t *testing.T) {
	w := deployment()
	vars := []corev1.EnvVar{{Name: "A", Value: strings.Repeat("a", 100)}}
	for range 60 {
		vars = append(vars, corev1.EnvVar{Name: "A", Value: "$(A)$(A)"})
	}
	container(&w).Env = vars
	if o := measure(t, appOf(w)); o.Verdict != v1alpha1.VerdictPass {
		t.Errorf("%+v", o)
	}
}

func TestManySecretsInOnePlaceAreOneFindingThatANewOneChanges(t *testing.T) {
	script := func(n int) launch.Workload {
		var b strings.Builder
		for i := range n {
			b.WriteString("export T" + string(rune('a'+i%26)) + "=ghp_" + strings.Repeat(string(rune('A'+i%26))+"7k", 11) + string(rune('a'+i/26)) + "z9\n")
		}
		w := deployment()
		container(&w).Command = []string{"sh", "-c", b.String()}
		return w
	}
	first, second := measure(t, appOf(script(40))), measure(t, appOf(script(41)))
	if len(first.Findings) != 1 || len(second.Findings) != 1 {
		t.Fatalf("want one finding each, got %d and %d", len(first.Findings), len(second.Findings))
	}
	if first.Findings[0].API().Fingerprint == second.Findings[0].API().Fingerprint {
		t.Error("a waiver of forty secrets would cover the forty-first")
	}
}
