// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// planted is how many secrets and placeholders the control plants. A walk that comes to fewer places has lost some.
const planted = 21

// control plants a secret at every kind of place of a made-up app, and sends it the way that the real one goes. Only
// if all are found does a clean result mean anything. The secret is new each time and is forgotten at once.
func (c *Check) control(ctx context.Context) (string, bool) {
	// A deadline that has passed is told as such by the measurement, not as a control that failed.
	ctx = context.WithoutCancel(ctx)
	m := c.begin()
	places := map[string]bool{}
	m.add = func(d scorecard.Draft) { places[d.Place] = true }
	app := plantedApp(m.token)
	w := &app.Workloads[0]
	m.workload(w)
	for _, o := range objects(app) {
		switch o.kind {
		case launch.ConfigMapReference:
			m.configMap(ctx, o, &corev1.ConfigMap{
				Data:       map[string]string{"app.env": "DB_PASSWORD=" + m.token},
				BinaryData: map[string][]byte{"app.bin": []byte("DB_PASSWORD=" + m.token)},
			})
		case launch.SecretReference:
			m.secret(o, &corev1.Secret{Data: map[string][]byte{"DB_PASSWORD": []byte("changeme")}})
		}
	}
	return fmt.Sprintf("A secret planted at each of %d kinds of place of a made-up app was found at all of them.", planted), len(places) == planted
}

// plantedApp has a secret at every kind of place that the walk knows. It must not hold anything else that could be
// found.
func plantedApp(token string) *launch.App {
	shaped := "ghp_" + token + "1234" // a GitHub token's shape: 36 characters behind the prefix
	env := []corev1.EnvVar{
		{Name: "DB_PASSWORD", Value: token},
		{Name: "SETTING", Value: shaped},
	}
	args := []string{"--password=" + token}
	http := &corev1.HTTPGetAction{
		Path: "/healthz?access_token=" + shaped, Port: intstr.FromInt32(80),
		HTTPHeaders: []corev1.HTTPHeader{{Name: "Authorization", Value: "Bearer " + shaped}},
	}
	probe := func(h corev1.ProbeHandler) *corev1.Probe { return &corev1.Probe{ProbeHandler: h} }
	all := corev1.Container{
		Name: "all", Env: env, Command: args, Args: []string{"--setting=" + shaped},
		EnvFrom: []corev1.EnvFromSource{
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "planted"}}},
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "planted"}}},
		},
		LivenessProbe:  probe(corev1.ProbeHandler{HTTPGet: http}),
		ReadinessProbe: probe(corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: args}}),
		StartupProbe:   probe(corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: args}}),
		Lifecycle: &corev1.Lifecycle{
			PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: args}},
			PreStop:   &corev1.LifecycleHandler{HTTPGet: http},
		},
	}
	one := corev1.EnvVar{Name: "SETTING", Value: shaped}
	values := map[string]string{"setting": shaped}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Annotations: values, Labels: values},
		Spec: corev1.PodSpec{
			InitContainers:      []corev1.Container{{Name: "init", Env: []corev1.EnvVar{one}}},
			Containers:          []corev1.Container{all},
			EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Env: []corev1.EnvVar{one}}}},
			Volumes: []corev1.Volume{
				{Name: "csi", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{VolumeAttributes: values}}},
				{Name: "flex", VolumeSource: corev1.VolumeSource{FlexVolume: &corev1.FlexVolumeSource{Options: values}}},
			},
		},
	}
	w := launch.Workload{Namespace: "planted", Template: template, Annotations: values, UID: types.UID("planted")}
	w.Ref.Kind, w.Ref.Name = "Deployment", "planted"
	return &launch.App{Workloads: []launch.Workload{w}}
}

// alphabet lacks vowels and x, so that no word, and no placeholder, comes about by chance.
const alphabet = "bcdfghjklmnpqrstvwzBCDFGHJKLMNPQRSTVWZ23456789"

// randomText gives n random characters, digits among them.
func randomText(n int) string {
	bytes := make([]byte, n)
	// crypto/rand.Read never returns an error: https://pkg.go.dev/crypto/rand#Read
	_, _ = rand.Read(bytes)
	for i, b := range bytes {
		bytes[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(bytes)
}
