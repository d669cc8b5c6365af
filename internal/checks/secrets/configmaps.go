// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect"
)

const (
	// maxValue bounds the bytes of one ConfigMap's value that are looked at. The API server holds a whole ConfigMap to
	// as much, so that nothing real is cut.
	maxValue = 1 << 20
	// maxScanned bounds the bytes of all ConfigMaps together, so that an app can't run the check into its deadline: the
	// text that costs most is read at about 1 MB/s (BenchmarkHostile).
	maxScanned = 8 << 20
)

// configMap looks at the keys of a ConfigMap that the app uses, each once however many workloads use it.
func (m *measurement) configMap(ctx context.Context, o *object, c *corev1.ConfigMap) {
	told := map[string]bool{}
	for _, u := range o.uses {
		if u.Key == "" || u.Optional || has(c, u.Key) || told[u.Key] {
			continue
		}
		told[u.Key] = true
		m.cases++
		m.keyMissing(o, u)
	}
	names := usedNames(o, c)
	for i, key := range slices.Sorted(maps.Keys(names)) {
		field, value := "data", c.Data[key]
		if binary, ok := c.BinaryData[key]; ok {
			field, value = "binaryData", string(binary)
		}
		place := fmt.Sprintf("ConfigMap %s: %s[%s]", m.tell(o.key.String(), "(name withheld)"), field, m.tell(key, fmt.Sprintf("#%d", i)))
		if ctx.Err() != nil {
			m.unread = append(m.unread, timedOut(place))
			return
		}
		if len(value) > maxValue || m.scanned+len(value) > maxScanned {
			m.unread = append(m.unread, unread{
				place: place, fault: v1alpha1.FaultApp, reason: v1alpha1.ReasonNotConfigured, lasting: true,
				message: fmt.Sprintf("The ConfigMaps of the app hold more than the %d MiB that are looked at in one measurement. Ship large files in the image or on a volume.", maxScanned>>20),
			})
			return
		}
		m.scanned += len(value)
		m.cases++
		switch found := m.lookAtKey(names[key], value); {
		case len(found) > 0:
			used := o.uses[slices.IndexFunc(o.uses, func(u use) bool { return u.Key == "" || u.Key == key })]
			m.typed(place, ", used at "+m.usePlace(used), m.configMapRemedy(o, key), found)
		case slices.ContainsFunc(names[key], func(name string) bool { return detect.Unchanged(name, value) }):
			m.unchanged(place, m.configMapRemedy(o, key))
		}
	}
}

func has(c *corev1.ConfigMap, key string) bool {
	_, text := c.Data[key]
	_, binary := c.BinaryData[key]
	return text || binary
}

// usedNames gives each key that is used, with what the app calls its value: the key, and the variables that take it.
func usedNames(o *object, c *corev1.ConfigMap) map[string][]string {
	names := map[string][]string{}
	add := func(key string, called ...string) {
		for _, name := range called {
			if !slices.Contains(names[key], name) {
				names[key] = append(names[key], name)
			}
		}
	}
	for _, u := range o.uses {
		if u.Key != "" {
			if has(c, u.Key) {
				add(u.Key, u.names()...)
			}
			continue
		}
		for key := range c.Data {
			add(key, key)
		}
		for key := range c.BinaryData {
			add(key, key)
		}
	}
	return names
}

// lookAtKey finds the secrets of a value under each of its names, and in the key itself.
func (m *measurement) lookAtKey(names []string, value string) []detect.Match {
	var found []detect.Match
	known := map[string]bool{}
	add := func(matches []detect.Match) {
		for _, match := range matches {
			if hash := match.Fingerprint(m.key()); !known[hash] {
				known[hash] = true
				found = append(found, match)
			}
		}
	}
	for _, name := range names {
		add(m.detector.Value(name, value))
	}
	if len(names[0]) >= minSecretName {
		add(m.detector.Value("", names[0]))
	}
	return found
}

func (m *measurement) configMapRemedy(o *object, key string) string {
	namespace, secret, word := m.objectName(o.key.Namespace, "NAMESPACE"), m.objectName(o.key.Name, "NAME")+"-secrets", m.secretKey(key)
	return fmt.Sprintf("%s Take it with `secretKeyRef: {name: %s, key: %s}`, or with a volume of type secret, and remove it from the ConfigMap. %s",
		create(namespace, secret, word), secret, word, rotate("ConfigMap"))
}
