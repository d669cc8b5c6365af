// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const everyReference = `
imagePullSecrets: [{name: pull}]
initContainers:
- name: migrate
  envFrom: [{secretRef: {name: s1}}]
containers:
- name: web
  envFrom:
  - {secretRef: {name: s2, optional: true}}
  - {configMapRef: {name: m1}}
  - {configMapRef: {name: m2, optional: true}}
  env:
  - {name: PLAIN, value: x}
  - {name: FIELD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: TOKEN, valueFrom: {secretKeyRef: {name: s3, key: k}}}
  - {name: MAYBE, valueFrom: {secretKeyRef: {name: s4, key: k, optional: true}}}
  - {name: MODE, valueFrom: {configMapKeyRef: {name: m3, key: k}}}
ephemeralContainers:
- name: debug
  env: [{name: T, valueFrom: {secretKeyRef: {name: s5, key: k}}}]
volumes:
- {name: whole, secret: {secretName: s6}}
- {name: keys, secret: {secretName: s7, optional: true, items: [{key: a, path: a}, {key: b, path: b}]}}
- {name: conf, configMap: {name: m4, items: [{key: a, path: a}]}}
- name: all
  projected:
    sources:
    - {serviceAccountToken: {path: t}}
    - {secret: {name: s8, items: [{key: a, path: a}]}}
    - {configMap: {name: m5, optional: true}}
- {name: csi, csi: {driver: d, nodePublishSecretRef: {name: d1}}}
- {name: azure, azureFile: {secretName: d2, shareName: s}}
- {name: ceph, cephfs: {monitors: [m], secretRef: {name: d3}}}
- {name: cinder, cinder: {volumeID: v, secretRef: {name: d4}}}
- {name: flex, flexVolume: {driver: d, secretRef: {name: d5}}}
- {name: iscsi, iscsi: {targetPortal: p, iqn: i, lun: 0, secretRef: {name: d6}}}
- {name: rbd, rbd: {monitors: [m], image: i, secretRef: {name: d7}}}
- {name: scaleio, scaleIO: {gateway: g, system: s, secretRef: {name: d8}}}
- {name: storageos, storageos: {secretRef: {name: d9}}}
- {name: nameless, azureFile: {secretName: "", shareName: s}}
- {name: none, emptyDir: {}}
`

func TestReferencesOfEveryKind(t *testing.T) {
	var spec corev1.PodSpec
	if err := yaml.UnmarshalStrict([]byte(everyReference), &spec); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range References(&spec) {
		line := fmt.Sprintf("%s %s/%s at %s", r.Kind, r.Name, r.Key, r.Place)
		if r.Optional {
			line += " optional"
		}
		if r.Driver {
			line += " driver"
		}
		got = append(got, line)
	}
	want := []string{
		"Secret pull/ at imagePullSecrets[pull] driver",
		"Secret s1/ at initContainers[migrate].envFrom[0]",
		"Secret s2/ at containers[web].envFrom[0] optional",
		"ConfigMap m1/ at containers[web].envFrom[1]",
		"ConfigMap m2/ at containers[web].envFrom[2] optional",
		"Secret s3/k at containers[web].env[TOKEN]",
		"Secret s4/k at containers[web].env[MAYBE] optional",
		"ConfigMap m3/k at containers[web].env[MODE]",
		"Secret s5/k at ephemeralContainers[debug].env[T]",
		"Secret s6/ at volumes[whole].secret",
		"Secret s7/a at volumes[keys].secret.items[a] optional",
		"Secret s7/b at volumes[keys].secret.items[b] optional",
		"ConfigMap m4/a at volumes[conf].configMap.items[a]",
		"Secret s8/a at volumes[all].projected.sources[1].items[a]",
		"ConfigMap m5/ at volumes[all].projected.sources[2] optional",
		"Secret d1/ at volumes[csi] driver", "Secret d2/ at volumes[azure] driver", "Secret d3/ at volumes[ceph] driver",
		"Secret d4/ at volumes[cinder] driver", "Secret d5/ at volumes[flex] driver", "Secret d6/ at volumes[iscsi] driver",
		"Secret d7/ at volumes[rbd] driver", "Secret d8/ at volumes[scaleio] driver", "Secret d9/ at volumes[storageos] driver",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var places []string
	for _, c := range Containers(&spec) {
		places = append(places, c.Place+" "+c.Name)
	}
	if diff := cmp.Diff([]string{"initContainers[migrate] migrate", "containers[web] web", "ephemeralContainers[debug] debug"}, places); diff != "" {
		t.Error(diff)
	}
}
