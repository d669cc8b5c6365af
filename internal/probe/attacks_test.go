// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

// withAttacks makes it a Job of SuiteInjection with a canary and two ConfigMaps of attacks.
func withAttacks(o *JobOptions) {
	o.Spec.Suite = SuiteInjection
	o.Spec.InputsHashes = map[v1alpha1.Row]string{v1alpha1.RowPromptInjectionResistant: "cccc"}
	o.Spec.AttacksSHA256 = HashAttacks([]AttackFile{{"chat-attacks", "team.yaml", "attacks: []"}})
	o.Spec.App.Chat = &v1alpha1.Chat{
		Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/api/chat"}, Reply: "response.text",
		SystemPrompt: &v1alpha1.SystemPrompt{CanarySecretRef: v1alpha1.SecretReference{Name: "chat-canary"}},
		Attacks:      &v1alpha1.Attacks{ConfigMapRefs: []v1alpha1.ConfigMapReference{{Name: "chat-attacks"}, {Name: "attacks.of.all"}}},
	}
}

func TestAttacksAreMounted(t *testing.T) {
	job := testJob(t, withAttacks)
	golden(t, "job-with-attacks.golden.yaml", asYAML(t, job))
	pod := testPod(t, job, "job")
	if err := SameSpec(job, &pod); err != nil {
		t.Error(err)
	}
	last := len(pod.Spec.Volumes) - 1
	pod.Spec.Volumes[last].ConfigMap.Name = "easier-attacks"
	if err := SameSpec(job, &pod); err == nil || !strings.Contains(err.Error(), "volumes") {
		t.Errorf("other attacks: %v", err)
	}
	other := testJob(t, withAttacks, func(o *JobOptions) { o.Spec.Suite = SuiteAccess })
	for _, v := range other.Spec.Template.Spec.Volumes {
		if v.ConfigMap != nil {
			t.Errorf("the suite access mounts %s", v.ConfigMap.Name)
		}
	}
}

func TestAttackFilesAreKeysInYAML(t *testing.T) {
	for name, test := range map[string]struct {
		data   map[string]string
		binary []string
		want   []string
		says   string
	}{
		"two, and a note beside": {data: map[string]string{"b.yaml": "x", "a.yaml": "y", "README.md": "z"}, want: []string{"a.yaml", "b.yaml"}},
		"none":                   {data: map[string]string{"attacks": "x"}, says: "ConfigMap mine: no key ends in .yaml: put the attacks into one, such as attacks.yaml"},
		"nothing at all":         {says: "no key ends in .yaml"},
		"another ending":         {data: map[string]string{"a.yaml": "x", "b.yml": "x"}, says: "ConfigMap mine, key b.yml: only keys that end in .yaml are read: rename it to b.yaml"},
		"capitals":               {data: map[string]string{"a.YAML": "x"}, says: "ConfigMap mine, key a.YAML: only keys that end in .yaml are read: rename it to a.yaml"},
		"binary data":            {data: map[string]string{"a.yaml": "x"}, binary: []string{"c.yaml"}, says: "ConfigMap mine, key c.yaml: stands in binaryData"},
		"a picture beside":       {data: map[string]string{"a.yaml": "x"}, binary: []string{"c.png"}, want: []string{"a.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}, Data: test.data, BinaryData: map[string][]byte{}}
			for _, key := range test.binary {
				m.BinaryData[key] = []byte{0xff}
			}
			files, err := AttackFiles(m)
			if (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) {
				t.Fatalf("error %v, want %q", err, test.says)
			}
			var keys []string
			for _, f := range files {
				keys = append(keys, f.Key)
				if f.ConfigMap != "mine" || f.Text != test.data[f.Key] {
					t.Errorf("%+v", f)
				}
			}
			if diff := cmp.Diff(test.want, keys); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOtherAttacksHaveAnotherHash(t *testing.T) {
	files := func(texts ...string) (all []AttackFile) {
		for one := range slices.Chunk(texts, 3) {
			all = append(all, AttackFile{one[0], one[1], one[2]})
		}
		return all
	}
	hash := HashAttacks(files("m", "a", "1", "m", "b", "2"))
	if HashAttacks(files("m", "b", "2", "m", "a", "1")) != hash {
		t.Error("the order of the files changes the hash, and a folder has none")
	}
	for name, other := range map[string][]AttackFile{
		"none":             nil,
		"one less":         files("m", "a", "1"),
		"another text":     files("m", "a", "1", "m", "b", "3"),
		"another key":      files("m", "a", "1", "m", "c", "2"),
		"another name":     files("n", "a", "1", "m", "b", "2"),
		"a border shifted": files("m", "a", "11:m1:b", "m", "b", "2"),
		"an empty one":     files("m", "a", "1", "m", "b", "2", "m", "c", ""),
	} {
		if HashAttacks(other) == hash {
			t.Errorf("%s: it has the same hash", name)
		}
	}
}
