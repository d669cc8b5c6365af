// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	// AttacksDir is where a team's own attacks are mounted: AttacksDir/<name of the ConfigMap>/<key>, a file a key.
	AttacksDir = "/etc/launchready/attacks"
	// AttacksExtension is how the keys end that hold attacks.
	AttacksExtension = ".yaml"
)

// AttackFile is a key of a ConfigMap that holds a team's own attacks.
type AttackFile struct {
	ConfigMap, Key, Text string
}

// String says where it stands, as people look for it.
func (f AttackFile) String() string { return fmt.Sprintf("ConfigMap %s, key %s", f.ConfigMap, f.Key) }

// AttackConfigMaps gives the names of the ConfigMaps with attacks that a probe of the suite mounts, in their order.
func (s Suite) AttackConfigMaps(app *v1alpha1.App) []string {
	if s != SuiteInjection || app == nil || app.Chat == nil || app.Chat.Attacks == nil {
		return nil
	}
	var names []string
	for _, ref := range app.Chat.Attacks.ConfigMapRefs {
		names = append(names, ref.Name)
	}
	return names
}

// AttackFiles gives the files of attacks in a ConfigMap, by key. What looks like one and would be left alone is an error: nobody would
// miss attacks that are never made.
func AttackFiles(m *corev1.ConfigMap) ([]AttackFile, error) {
	var files []AttackFile
	for _, key := range slices.Sorted(maps.Keys(m.Data)) {
		file := AttackFile{ConfigMap: m.Name, Key: key, Text: m.Data[key]}
		switch {
		case path.Ext(key) == AttacksExtension:
			files = append(files, file)
		case isYAML(key):
			return nil, fmt.Errorf("%s: only keys that end in %s are read: rename it to %s", file, AttacksExtension,
				strings.TrimSuffix(key, path.Ext(key))+AttacksExtension)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.BinaryData)) {
		if isYAML(key) {
			return nil, fmt.Errorf("%s: stands in binaryData: write it as text in UTF-8, into data", AttackFile{ConfigMap: m.Name, Key: key})
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("ConfigMap %s: no key ends in %s: put the attacks into one, such as attacks%s", m.Name, AttacksExtension, AttacksExtension)
	}
	return files, nil
}

func isYAML(key string) bool {
	extension := strings.ToLower(path.Ext(key))
	return extension == AttacksExtension || extension == ".yml"
}

// HashAttacks tells files of attacks from any others: the probe makes those alone that the operator has planned for.
func HashAttacks(files []AttackFile) string {
	sorted := slices.SortedFunc(slices.Values(files), func(a, b AttackFile) int {
		return cmp.Or(cmp.Compare(a.ConfigMap, b.ConfigMap), cmp.Compare(a.Key, b.Key))
	})
	sum := sha256.New()
	for _, f := range sorted {
		// The length in front keeps what stands in one from looking like the other.
		_, _ = fmt.Fprintf(sum, "%d:%s%d:%s%d:%s", len(f.ConfigMap), f.ConfigMap, len(f.Key), f.Key, len(f.Text), f.Text) // never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// attackVolumes mounts the ConfigMaps with attacks. One that is gone by then is mounted empty, so that the probe can tell.
func attackVolumes(names []string) ([]corev1.Volume, []corev1.VolumeMount) {
	var volumes []corev1.Volume
	var mounts []corev1.VolumeMount
	for i, name := range names {
		volume := fmt.Sprintf("attacks-%d", i)
		volumes = append(volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, DefaultMode: ptr.To[int32](0o440), Optional: ptr.To(true),
		}}})
		mounts = append(mounts, corev1.VolumeMount{Name: volume, MountPath: path.Join(AttacksDir, name), ReadOnly: true})
	}
	return volumes, mounts
}
