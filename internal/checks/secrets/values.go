// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect"
	"github.com/launchready/launchready/internal/scorecard"
)

// secret judges a Secret by every place that refers to it. Only the keys that are used are looked at, each once.
func (m *measurement) secret(o *object, secret *corev1.Secret) {
	judged := map[string]bool{}
	for _, u := range demandingFirst(o.uses) {
		switch {
		case u.pull():
			m.pullSecret(u, secret)
		case u.Driver:
			m.cases++ // its keys are the driver's business
		case u.Key == "":
			m.wholeSecret(u, secret, judged)
		default:
			m.secretKeyOf(o, u, secret, judged)
		}
	}
}

// demandingFirst puts optional references last: what several places take is told once, by the one that needs it most.
func demandingFirst(uses []use) []use {
	sorted := slices.Clone(uses)
	slices.SortStableFunc(sorted, func(a, b use) int {
		switch {
		case a.Optional == b.Optional:
			return 0
		case b.Optional:
			return -1
		default:
			return 1
		}
	})
	return sorted
}

// secretKeyOf judges one key that a reference names.
func (m *measurement) secretKeyOf(o *object, u use, secret *corev1.Secret, judged map[string]bool) {
	m.cases++
	value, ok := secret.Data[u.Key]
	switch {
	case !ok && u.Optional:
	case !ok:
		if !judged[u.Key] {
			judged[u.Key] = true
			m.keyMissing(o, u)
		}
	case len(strings.TrimSpace(string(value))) == 0:
		// Optional and empty is how charts switch a setting off.
		if !u.Optional && !judged[u.Key] {
			judged[u.Key] = true
			m.unusable(u, secret, u.Key, ruleValueEmpty)
		}
	case !judged[u.Key] && m.unfilled(string(value), u.names()...):
		judged[u.Key] = true
		m.unusable(u, secret, u.Key, ruleValuePlaceholder)
	}
}

// wholeSecret judges all keys of a Secret that is taken as a whole. Nobody named a key here, and Secrets hold ordinary
// settings too, so an empty value is no finding; a Secret without any value is.
func (m *measurement) wholeSecret(u use, secret *corev1.Secret, judged map[string]bool) {
	filled := false
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		m.cases++
		value := strings.TrimSpace(string(secret.Data[key]))
		if value == "" {
			continue
		}
		filled = true
		if !judged[key] && m.unfilled(value, key) {
			judged[key] = true
			m.unusable(u, secret, key, ruleValuePlaceholder)
		}
	}
	if !filled && !u.Optional && !judged[""] {
		judged[""] = true
		m.cases++
		m.unusable(u, secret, "", ruleValueEmpty)
	}
}

// unusable reports a value that is empty or a placeholder. A placeholder is High since it is a known value that the app
// would accept from anybody, and Medium where the app says that it can do without.
func (m *measurement) unusable(u use, secret *corev1.Secret, key, rule string) {
	name := m.tell(secret.Name, "(name withheld)")
	what := fmt.Sprintf("It takes the key %q of the Secret %q", m.tell(key, "(name withheld)"), name)
	if key == "" {
		what = fmt.Sprintf("It takes all keys of the Secret %q", name)
	}
	d := scorecard.Draft{
		Rule: rule, Severity: v1alpha1.SeverityHigh, Place: m.usePlace(u), Identity: secret.Name + "/" + key,
		Remedy: fmt.Sprintf("Put the real value there: `kubectl -n %s create secret generic %s --from-file=%s=/dev/stdin --dry-run=client -o yaml | kubectl apply -f -` (name every key of the Secret), then restart the pods.",
			m.objectName(secret.Namespace, "NAMESPACE"), m.objectName(secret.Name, "NAME"), m.secretKey(key)),
	}
	if rule == ruleValueEmpty {
		d.Message = what + ", and there is no value."
		d.Remedy += " If the app can do without it, set `optional: true`."
	} else {
		d.Message = what + ", whose value is a placeholder that somebody has yet to replace."
		if u.Optional {
			d.Severity = v1alpha1.SeverityMedium
		}
	}
	m.add(d)
}

// unfilled says whether a value waits to be filled in. Under a name that says "credential", any placeholder word does
// (test, none, password). Under another name those are ordinary settings (ENV: test), and only what nobody writes for
// anything else counts.
func (m *measurement) unfilled(value string, names ...string) bool {
	if u, err := url.Parse(value); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok {
			return password != "" && unmistakable(password)
		}
	}
	if !detect.Placeholder(value) {
		return false
	}
	return unmistakable(value) || slices.ContainsFunc(names, m.saysCredential)
}

// saysCredential asks the detector, which knows the grammar of names: a random value convicts under no other name.
func (m *measurement) saysCredential(name string) bool {
	return len(m.detector.Value(name, m.token)) > 0
}

// unmistakable tells placeholders that are nothing else, whatever the name.
func unmistakable(value string) bool {
	if !detect.Placeholder(value) {
		return false
	}
	v := strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_.", r) {
			return -1
		}
		return r
	}, value))
	if v == "todo" || v == "fixme" || v == "tbd" || strings.HasPrefix(v, "<") && strings.HasSuffix(v, ">") {
		return true
	}
	return slices.ContainsFunc([]string{
		"changeme", "changeit", "changethis", "replaceme", "replacethis", "replacewith", "setme", "fillme", "fillin", "xxxx",
		"placeholder", "yourapi", "yourkey", "yourtoken", "yoursecret", "yourpassword", "inserty", "insertkey", "puty", "addyour",
	}, func(mark string) bool { return strings.Contains(v, mark) })
}

// pullSecret judges a Secret as the kubelet does that pulls images with it.
// https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
func (m *measurement) pullSecret(u use, secret *corev1.Secret) {
	m.cases++
	problem := pullProblem(secret)
	if problem == "" {
		return
	}
	m.add(scorecard.Draft{
		Rule: rulePullSecretInvalid, Severity: v1alpha1.SeverityMedium, Place: m.usePlace(u), Identity: secret.Name,
		Message: fmt.Sprintf("The Secret %q %s, so the kubelet pulls without it, and a private image fails on every node that does not have it yet.",
			m.tell(secret.Name, "(name withheld)"), problem),
		Remedy: fmt.Sprintf("Replace it: `kubectl -n %s create secret docker-registry %s --from-file=.dockerconfigjson=config.json`, with the config.json that `docker login` writes, or remove the entry if the images are public.",
			m.objectName(secret.Namespace, "NAMESPACE"), m.objectName(secret.Name, "NAME")),
	})
}

// pullProblem says why the kubelet gets no credential from the Secret; empty if it does.
func pullProblem(secret *corev1.Secret) string {
	var auths map[string]json.RawMessage
	switch secret.Type {
	case corev1.SecretTypeDockerConfigJson:
		var config struct {
			Auths map[string]json.RawMessage `json:"auths"`
		}
		if json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config) != nil {
			return "holds no JSON under .dockerconfigjson"
		}
		auths = config.Auths
	case corev1.SecretTypeDockercfg:
		if json.Unmarshal(secret.Data[corev1.DockerConfigKey], &auths) != nil {
			return "holds no JSON under .dockercfg"
		}
	default:
		return "has neither the type kubernetes.io/dockerconfigjson nor kubernetes.io/dockercfg"
	}
	if len(auths) == 0 {
		return "names no registry"
	}
	return ""
}
