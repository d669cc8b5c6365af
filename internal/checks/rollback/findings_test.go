// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	deployment  = v1alpha1.KindDeployment
	statefulSet = v1alpha1.KindStatefulSet
	daemonSet   = v1alpha1.KindDaemonSet
	rollout     = v1alpha1.KindRollout

	passed     = v1alpha1.ReasonPassed
	impossible = v1alpha1.ReasonRollbackImpossible
	unsafe     = v1alpha1.ReasonRollbackUnsafe
)

// findingCase changes a healthy world, and says what is found in it then.
type findingCase struct {
	name   string
	kinds  []v1alpha1.WorkloadKind
	change func(w *world)
	reason string
	want   []string
}

func runFindings(t *testing.T, cases []findingCase) {
	t.Helper()
	for _, c := range cases {
		for _, kind := range c.kinds {
			t.Run(c.name+"/"+string(kind), func(t *testing.T) { c.run(t, kind) })
		}
	}
}

func (c findingCase) run(t *testing.T, kind v1alpha1.WorkloadKind) {
	w := healthy(kind)
	c.change(w)
	o := w.measure(t)
	if diff := cmp.Diff(c.lines(kind), told(o)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	verdict := v1alpha1.VerdictFail
	if c.reason == passed {
		verdict = v1alpha1.VerdictPass
	}
	if o.Verdict != verdict || o.Reason != c.reason {
		t.Errorf("%s %s, want %s %s: %s", o.Verdict, o.Reason, verdict, c.reason, o.Message)
	}
	for _, f := range o.Findings {
		if a := f.API(); a.Message == "" || a.Remedy == "" {
			t.Errorf("a finding without message or remedy: %+v", a)
		}
	}
}

// lines are the findings that are wanted of a workload of a kind.
func (c findingCase) lines(kind v1alpha1.WorkloadKind) []string {
	keeper := "ReplicaSet"
	if kind == statefulSet || kind == daemonSet {
		keeper = "ControllerRevision"
	}
	var lines []string
	for _, line := range c.want {
		lines = append(lines, strings.NewReplacer("KIND", string(kind), "KEEPER", keeper).Replace(line))
	}
	return lines
}

func all() []v1alpha1.WorkloadKind {
	return []v1alpha1.WorkloadKind{deployment, statefulSet, daemonSet, rollout}
}

func only(kinds ...v1alpha1.WorkloadKind) []v1alpha1.WorkloadKind { return kinds }

func TestMeasure_JudgesTheHistory(t *testing.T) {
	runFindings(t, []findingCase{
		{"a healthy workload has no findings", all(), func(*world) {}, passed, nil},
		{"history of exactly the minimum", all(), func(w *world) { w.limit = 2 }, passed, nil},
		{
			"history shorter than the minimum", all(), func(w *world) { w.limit = 1 }, unsafe,
			[]string{"Medium HistoryTooShort KIND shop/chat: spec.revisionHistoryLimit"},
		},
		{
			"no history", all(), func(w *world) { w.limit = 0 }, impossible,
			[]string{"High HistoryDisabled KIND shop/chat: spec.revisionHistoryLimit"},
		},
		{
			"a policy asks for more", only(deployment), func(w *world) { w.limit, w.minimum = 4, ptr.To[int32](5) }, unsafe,
			[]string{"Medium HistoryTooShort Deployment shop/chat: spec.revisionHistoryLimit"},
		},
		{
			"a policy asks for less", only(deployment), func(w *world) { w.limit, w.minimum = 1, ptr.To[int32](1) }, passed, nil,
		},
		{
			"the first revision ever", all(), func(w *world) { w.kept, w.running = []kept{{number: 1, template: &w.now}}, 1 }, passed,
			[]string{"Low FirstRevision KIND shop/chat"},
		},
		{
			"the first revision ever, where something else is wrong", only(deployment), func(w *world) {
				w.kept, w.limit = []kept{{number: 1, template: &w.now}}, 0
			}, impossible,
			[]string{"High HistoryDisabled Deployment shop/chat: spec.revisionHistoryLimit", "Low FirstRevision Deployment shop/chat"},
		},
		{
			"older revisions are gone", all(), func(w *world) { w.kept = w.kept[1:] }, impossible,
			[]string{"High NoPreviousRevision KIND shop/chat"},
		},
		{
			"the older revision belongs to another", all(), func(w *world) { w.kept[0].foreign = true }, impossible,
			[]string{"High NoPreviousRevision KIND shop/chat"},
		},
		{
			"the older revision is being deleted", all(), func(w *world) { w.kept[0].deleting = true }, impossible,
			[]string{"High NoPreviousRevision KIND shop/chat"},
		},
		{
			"the older revision can't be read", only(statefulSet, daemonSet), func(w *world) { w.kept[0].raw = `{"spec":{"template":[]}}` }, impossible,
			[]string{"High NoPreviousRevision KIND shop/chat"},
		},
		{
			"the older revision has no containers", only(statefulSet, daemonSet), func(w *world) { w.kept[0].raw = `{"spec":{"template":{"metadata":{"labels":{"app":"chat"}}}}}` }, impossible,
			[]string{"High NoPreviousRevision KIND shop/chat"},
		},
		{
			"the older revision's fields are none of Kubernetes'", only(statefulSet, daemonSet), func(w *world) {
				w.kept[0].raw = `{"Spec":{"Template":{"Spec":{"Containers":[{"Name":"web","Image":"chat:1"}]}}}}`
			}, impossible,
			[]string{"High NoPreviousRevision KIND shop/chat"},
		},
		{
			"an unreadable revision between two that can be read", only(statefulSet, daemonSet), func(w *world) {
				w.kept, w.running = []kept{{number: 1, template: &w.then}, {number: 2, raw: "{}"}, {number: 3, template: &w.now}}, 3
			}, passed, nil,
		},
		{
			"only ever restarted", all(), func(w *world) { w.then = template("b"); restarted(&w.now) }, passed,
			[]string{"Low FirstRevision KIND shop/chat"},
		},
		{
			"restarts have pushed the others out", all(), func(w *world) {
				w.then = template("b")
				restarted(&w.now)
				w.kept[0].number, w.kept[1].number, w.running = 4, 5, 5
			}, impossible,
			[]string{"High NoPreviousRevision KIND shop/chat"},
		},
		{
			"a restart lies between", all(), func(w *world) {
				again := template("b")
				restarted(&again)
				w.kept, w.running = []kept{{number: 1, template: &w.then}, {number: 2, template: &w.now}, {number: 3, template: &again}}, 3
				w.now = again
				w.kept[1].template = ptr.To(template("b"))
			}, passed,
			[]string{"Low UndoNeedsRevision KIND shop/chat"},
		},
		{
			"rolled back once, and only ever restarted", only(deployment, rollout), func(w *world) {
				w.then = template("b")
				restarted(&w.then)
				w.kept, w.running = []kept{{number: 2, template: &w.then}, {number: 3, template: &w.now, earlier: "1"}}, 3
			}, passed,
			[]string{"Low FirstRevision KIND shop/chat"},
		},
		{
			"only another annotation", all(), func(w *world) {
				w.now = template("a")
				w.now.Annotations = map[string]string{"checksum/config": "9f86d081"}
			}, passed,
			[]string{"Low OnlyAnnotationsDiffer KIND shop/chat"},
		},
		{
			"another label", all(), func(w *world) { w.now = template("a"); w.now.Labels["version"] = "2" }, passed, nil,
		},
		{
			"paused", only(deployment, rollout), func(w *world) { w.paused = true }, impossible,
			[]string{"Medium Paused KIND shop/chat: spec.paused"},
		},
	})
}

func restarted(t *corev1.PodTemplateSpec) {
	t.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-11-24T10:00:00Z"}
}

func TestMeasure_JudgesWhatThePreviousRevisionRefersTo(t *testing.T) {
	secretEnv := func(name, key string, optional *bool) corev1.EnvVar {
		return corev1.EnvVar{Name: "EXTRA", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: optional,
		}}}
	}
	before := func(edit func(c *corev1.Container)) func(w *world) {
		return func(w *world) { edit(&w.then.Spec.Containers[0]) }
	}
	volume := func(source corev1.VolumeSource) func(w *world) {
		return func(w *world) { w.then.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: source}} }
	}
	configMapItem := func(key string) func(w *world) {
		return volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}, Items: []corev1.KeyToPath{{Key: key, Path: "x"}},
		}})
	}
	pull := []corev1.LocalObjectReference{{Name: "regcred"}}
	runFindings(t, []findingCase{
		{
			"a Secret is gone", all(), before(func(c *corev1.Container) { c.Env[0] = secretEnv("old-llm", "token", nil) }), impossible,
			[]string{"High PreviousReferenceMissing KEEPER shop/chat-1: containers[web].env[EXTRA]"},
		},
		{
			"an optional Secret is gone", only(deployment), before(func(c *corev1.Container) { c.Env[0] = secretEnv("old-llm", "token", ptr.To(true)) }), passed, nil,
		},
		{
			"a Secret's key is gone", all(), before(func(c *corev1.Container) { c.Env[0] = secretEnv("llm", "old-token", nil) }), impossible,
			[]string{"High PreviousKeyMissing KEEPER shop/chat-1: containers[web].env[EXTRA]"},
		},
		{
			"an optional key is gone", only(deployment), before(func(c *corev1.Container) { c.Env[0] = secretEnv("llm", "old-token", ptr.To(true)) }), passed, nil,
		},
		{
			"a name that no Secret can have", only(deployment), before(func(c *corev1.Container) { c.Env[0] = secretEnv("a/b", "token", nil) }), impossible,
			[]string{"High PreviousReferenceMissing ReplicaSet shop/chat-1: containers[web].env[EXTRA]"},
		},
		{
			"the Secret that only the present revision needs is gone", only(deployment), func(w *world) {
				w.now.Spec.Containers[0].Env[0] = secretEnv("new-llm", "token", nil)
			}, passed, nil,
		},
		{
			"a ConfigMap is gone", all(), before(func(c *corev1.Container) { c.EnvFrom[0].ConfigMapRef.Name = "old-settings" }), impossible,
			[]string{"High PreviousReferenceMissing KEEPER shop/chat-1: containers[web].envFrom[0]"},
		},
		{
			"a ConfigMap's key is gone", only(deployment), configMapItem("old.env"), impossible,
			[]string{"High PreviousKeyMissing ReplicaSet shop/chat-1: volumes[v].configMap.items[old.env]"},
		},
		{"a ConfigMap's key of text is there", only(deployment), configMapItem("app.env"), passed, nil},
		{"a ConfigMap's key of bytes is there", only(deployment), configMapItem("logo"), passed, nil},
		{
			"a storage driver's Secret is gone", only(deployment), volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{
				Driver: "s3", NodePublishSecretRef: &corev1.LocalObjectReference{Name: "bucket"},
			}}), impossible,
			[]string{"High PreviousReferenceMissing ReplicaSet shop/chat-1: volumes[v]"},
		},
		{
			"a pull secret is gone", only(deployment), func(w *world) { w.then.Spec.ImagePullSecrets = pull }, impossible,
			[]string{"Medium PreviousPullSecretMissing ReplicaSet shop/chat-1: imagePullSecrets[regcred]"},
		},
		{
			"a pull secret was never there", only(deployment), func(w *world) {
				w.then.Spec.ImagePullSecrets, w.now.Spec.ImagePullSecrets = pull, pull
			}, passed,
			[]string{"Low PreviousPullSecretMissing ReplicaSet shop/chat-1: imagePullSecrets[regcred]"},
		},
		{
			"a pull secret is there", only(deployment), func(w *world) {
				w.then.Spec.ImagePullSecrets = pull
				w.objects = append(w.objects, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "regcred"}})
			}, passed, nil,
		},
		{
			"the Secret is in another namespace", only(deployment), func(w *world) { w.objects[0].SetNamespace("elsewhere") }, impossible,
			[]string{"High PreviousReferenceMissing ReplicaSet shop/chat-1: containers[web].env[TOKEN]"},
		},
	})
}

func TestMeasure_JudgesImages(t *testing.T) {
	both := func(then, now string) func(w *world) {
		return func(w *world) {
			w.then.Spec.Containers[0].Image, w.now.Spec.Containers[0].Image = then, now
			w.now.Labels["version"] = "2"
		}
	}
	digest := "chat:1@sha256:" + strings.Repeat("c", 64)
	tagged := []string{"Low ImageNotPinned KIND shop/chat: containers[web].image"}
	moving := []string{"Medium MovingTag KIND shop/chat: containers[web].image"}
	runFindings(t, []findingCase{
		{"both by tag", all(), both("chat:1", "chat:2"), passed, tagged},
		{"the same tag of a version in both", all(), both("chat:1.4.2", "chat:1.4.2"), passed, tagged},
		{"the same moving tag in both", all(), both("chat:latest", "chat:latest"), impossible, moving},
		{"no tag in both, behind a registry's port", only(deployment), both("registry:5000/chat", "registry:5000/chat"), impossible, moving},
		{"a moving tag, and another before", only(deployment), both("chat:1", "chat:latest"), passed, tagged},
		{"a moving tag with its digest", only(deployment), both("chat:latest@sha256:"+strings.Repeat("c", 64), "chat:latest@sha256:"+strings.Repeat("d", 64)), passed, nil},
		{"a digest that is none", only(deployment), both(digest, "chat@sha256:abc"), passed, tagged},
		{
			"mended since", all(), both("chat:latest", digest), passed,
			[]string{"Low PreviousImageNotPinned KEEPER shop/chat-1: containers[web].image"},
		},
		{
			"the previous revision names no image", only(statefulSet, rollout), both("", digest), impossible,
			[]string{"High PreviousImageEmpty KEEPER shop/chat-1: containers[web].image"},
		},
		{
			"a moving tag in the first revision", only(deployment), func(w *world) {
				w.now.Spec.Containers[0].Image = "chat:latest"
				w.kept = []kept{{number: 1, template: &w.now}}
			}, passed,
			[]string{"Low FirstRevision Deployment shop/chat", "Low ImageNotPinned Deployment shop/chat: containers[web].image"},
		},
		{
			"an init container by tag", only(deployment), func(w *world) {
				init := corev1.Container{Name: "migrate", Image: "migrate:3"}
				w.now.Spec.InitContainers, w.then.Spec.InitContainers = []corev1.Container{init}, []corev1.Container{init}
			}, passed,
			[]string{"Low ImageNotPinned Deployment shop/chat: initContainers[migrate].image"},
		},
	})
}

func TestMeasure_JudgesReadiness(t *testing.T) {
	probe := template("a").Spec.Containers[0].ReadinessProbe
	now := func(edit func(w *world, c *corev1.Container)) func(w *world) {
		return func(w *world) { edit(w, &w.now.Spec.Containers[0]) }
	}
	missing := []string{"Medium NoReadinessProbe KIND shop/chat: containers[web].readinessProbe"}
	runFindings(t, []findingCase{
		{"no probe", all(), now(func(_ *world, c *corev1.Container) { c.ReadinessProbe = nil }), unsafe, missing},
		{"a liveness probe alone", only(deployment), now(func(_ *world, c *corev1.Container) {
			c.LivenessProbe, c.ReadinessProbe = c.ReadinessProbe, nil
		}), unsafe, missing},
		{"no probe and no ports", all(), now(func(_ *world, c *corev1.Container) { c.ReadinessProbe, c.Ports = nil, nil }), unsafe, missing},
		{"a worker that is watched as it starts", all(), now(func(w *world, c *corev1.Container) {
			c.ReadinessProbe, c.Ports, w.minReady = nil, nil, 30
			w.then.Spec.Containers[0].Ports = nil
		}), passed, nil},
		{"a worker with a startup probe", only(deployment), now(func(_ *world, c *corev1.Container) {
			c.StartupProbe, c.ReadinessProbe, c.Ports = c.ReadinessProbe, nil, nil
		}), passed, nil},
		{"a server that is watched as it starts", all(), now(func(w *world, c *corev1.Container) { c.ReadinessProbe, w.minReady = nil, 30 }), unsafe, missing},
		{"a readiness gate", only(deployment), now(func(w *world, c *corev1.Container) {
			c.ReadinessProbe = nil
			w.now.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/target-health"}}
		}), passed, nil},
		{"a sidecar's probe speaks for the sidecar", only(deployment), now(func(w *world, c *corev1.Container) {
			c.ReadinessProbe = nil
			sidecar := corev1.Container{Name: "proxy", Image: c.Image, ReadinessProbe: probe, RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}
			w.now.Spec.InitContainers = []corev1.Container{sidecar}
		}), unsafe, missing},
		{"a second container with ports and no probe", only(deployment), now(func(w *world, c *corev1.Container) {
			w.now.Spec.Containers = append(w.now.Spec.Containers, corev1.Container{Name: "metrics", Image: c.Image, Ports: []corev1.ContainerPort{{ContainerPort: 9100}}})
		}), passed, []string{"Low ContainerWithoutReadinessProbe Deployment shop/chat: containers[metrics].readinessProbe"}},
		{"a second container without ports", only(deployment), now(func(w *world, c *corev1.Container) {
			w.now.Spec.Containers = append(w.now.Spec.Containers, corev1.Container{Name: "logs", Image: c.Image})
		}), passed, nil},
		{"the finding names the container with ports", only(deployment), now(func(w *world, c *corev1.Container) {
			c.ReadinessProbe = nil
			w.now.Spec.Containers = []corev1.Container{{Name: "logs", Image: c.Image}, *c}
		}), unsafe, missing},
		{
			"the previous revision had none", all(), func(w *world) { w.then.Spec.Containers[0].ReadinessProbe = nil }, passed,
			[]string{"Low PreviousWithoutReadinessProbe KEEPER shop/chat-1: containers"},
		},
	})
}

func TestMeasure_JudgesHowPodsGiveWay(t *testing.T) {
	rolling := func(replicas int32, unavailable, surge string) func(w *world) {
		return func(w *world) {
			u, s := intstr.Parse(unavailable), intstr.Parse(surge)
			w.replicas = replicas
			w.deployment.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: &u, MaxSurge: &s}
		}
	}
	recreate := func(replicas int32) func(w *world) {
		return func(w *world) {
			w.replicas, w.deployment = replicas, appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		}
	}
	partition := func(n int32, kind appsv1.StatefulSetUpdateStrategyType) func(w *world) {
		return func(w *world) {
			w.statefulSet.Type, w.statefulSet.RollingUpdate = kind, &appsv1.RollingUpdateStatefulSetStrategy{Partition: &n}
		}
	}
	onDelete := func(w *world) {
		w.statefulSet.Type, w.daemonSet.Type = appsv1.OnDeleteStatefulSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType
	}
	single := []string{"Medium SingleReplicaReplaced Deployment shop/chat: spec.strategy"}
	interrupts := []string{"Low UpdateInterrupts Deployment shop/chat: spec.strategy"}
	runFindings(t, []findingCase{
		{"one replica with Recreate", only(deployment), recreate(1), unsafe, single},
		{"two replicas with Recreate", only(deployment), recreate(2), passed, interrupts},
		{"one replica, rolling as by default", only(deployment), rolling(1, "25%", "25%"), passed, nil},
		{"one replica that may be away", only(deployment), rolling(1, "1", "1"), unsafe, single},
		{"one replica, nothing may move", only(deployment), rolling(1, "25%", "0"), unsafe, single},
		{"four replicas, one may be away", only(deployment), rolling(4, "25%", "0"), passed, nil},
		{"four replicas that may all be away", only(deployment), rolling(4, "100%", "0"), passed, interrupts},
		{
			"one replica of a StatefulSet", only(statefulSet), func(w *world) { w.replicas = 1 }, passed,
			[]string{"Low UpdateInterrupts StatefulSet shop/chat: spec.replicas"},
		},
		{
			"a partition", only(statefulSet), partition(2, appsv1.RollingUpdateStatefulSetStrategyType), passed,
			[]string{"Low UpdateHeldByPartition StatefulSet shop/chat: spec.updateStrategy.rollingUpdate.partition"},
		},
		{"a partition of nothing", only(statefulSet), partition(0, appsv1.RollingUpdateStatefulSetStrategyType), passed, nil},
		{
			"on delete", only(statefulSet, daemonSet), onDelete, passed,
			[]string{"Low UpdateOnDelete KIND shop/chat: spec.updateStrategy.type"},
		},
		{"one replica of a Rollout", only(rollout), func(w *world) { w.replicas = 1 }, passed, nil},
	})
}
