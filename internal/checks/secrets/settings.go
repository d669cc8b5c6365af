// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/launchready/launchready/internal/detect"
	"github.com/launchready/launchready/internal/launch"
)

// minSecretName is how long a name must be to hold a secret itself: no known shape is shorter.
const minSecretName = 16

// workload looks at a pod template, and at the annotations of the object that holds it.
func (m *measurement) workload(w *launch.Workload) {
	// What stands in the template now, so that a copy of the manifest in an annotation does not tell it twice.
	current := map[string]bool{}
	look := func(s setting) {
		switch found := m.look(&s); {
		case len(found) > 0:
			m.report(w, &s, found, current)
		case s.home == inEnv && detect.Unchanged(s.name, s.value):
			m.unchanged(m.place(w, &s), m.remedy(w, &s))
		}
	}
	walkTemplate(&w.Template, look)
	type stored struct {
		at      setting
		earlier *manifest
	}
	var copies []stored
	for i, name := range slices.Sorted(maps.Keys(w.Annotations)) {
		s := setting{home: inAnnotation, field: "metadata.annotations", name: name, index: i, value: w.Annotations[name]}
		if earlier, ok := copyOf(string(w.Ref.Kind), s.value); ok {
			copies = append(copies, stored{s, earlier})
			continue
		}
		look(s)
	}
	for _, c := range copies {
		m.earlier(w, c.at, c.earlier, current)
	}
}

// look finds the secrets of a setting: in the value, in the name itself, and in what $(NAME) makes of the value.
func (m *measurement) look(s *setting) []detect.Match {
	var found []detect.Match
	if s.args != nil {
		m.cases += int32(min(len(s.args), 1<<16))
		found = m.detector.Args(s.args)
	} else {
		m.cases++
		found = m.detector.Value(s.name, s.value)
	}
	if len(s.name) >= minSecretName {
		found = append(found, m.detector.Value("", s.name)...)
	}
	if s.env == nil {
		return found
	}
	for _, match := range found {
		s.env.reported[match.Fingerprint(m.key())] = true
	}
	if s.env.typed == nil {
		return found
	}
	return append(found, m.lookExpanded(s)...)
}

// lookExpanded finds what only the expansion brings together: a password typed into one variable and the URL around it
// in another. What was found in its own variable already is not told again.
func (m *measurement) lookExpanded(s *setting) []detect.Match {
	var expanded []detect.Match
	switch {
	case s.args != nil:
		args := make([]string, len(s.args))
		for i, a := range s.args {
			args[i] = s.env.expand(a)
		}
		if slices.Equal(args, s.args) {
			return nil
		}
		expanded = m.detector.Args(args)
	default:
		value := s.env.expand(s.value)
		if value == s.value {
			return nil
		}
		expanded = m.detector.Value(s.name, value)
	}
	var found []detect.Match
	for _, match := range expanded {
		if hash := match.Fingerprint(m.key()); !s.env.reported[hash] {
			s.env.reported[hash] = true
			found = append(found, match)
		}
	}
	return found
}

// report makes findings of what was found in a setting. Each argument of a command line is a place of its own.
func (m *measurement) report(w *launch.Workload, s *setting, found []detect.Match, current map[string]bool) {
	for _, match := range found {
		current[match.Fingerprint(m.key())] = true
	}
	remedy := m.remedy(w, s)
	if s.args == nil {
		m.typed(m.place(w, s), "", remedy, found)
		return
	}
	perArgument := map[int][]detect.Match{}
	for _, match := range found {
		perArgument[match.Arg] = append(perArgument[match.Arg], match)
	}
	for _, i := range slices.Sorted(maps.Keys(perArgument)) {
		at := s.argument(i)
		m.typed(m.place(w, &at), "", remedy, perArgument[i])
	}
}

// argument gives the place of one word of a command line.
func (s *setting) argument(i int) setting {
	at := setting{home: s.home, container: s.container}
	switch {
	case s.home != inArgs:
		at.field = fmt.Sprintf("%s[%d]", s.field, i)
	case i < s.command:
		at.field = fmt.Sprintf("command[%d]", i)
	default:
		at.field = fmt.Sprintf("args[%d]", i-s.command)
	}
	return at
}

// manifest is as much of a workload's manifest as can carry a secret.
type manifest struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Template corev1.PodTemplateSpec `json:"template"`
	} `json:"spec"`
}

// copyOf reads an annotation that holds an earlier manifest of the object itself, as `kubectl apply`
// (kubectl.kubernetes.io/last-applied-configuration) and kapp (kapp.k14s.io/original) write it.
func copyOf(kind, value string) (*manifest, bool) {
	if len(value) == 0 || value[0] != '{' {
		return nil, false
	}
	var earlier manifest
	if err := json.Unmarshal([]byte(value), &earlier); err != nil || earlier.Kind != kind {
		return nil, false
	}
	return &earlier, true
}

// earlier looks at a copy of the manifest. What the template holds now is told there, and goes from the copy by itself
// when the mended manifest is applied; what is left was mended otherwise, and the copy still gives it away.
func (m *measurement) earlier(w *launch.Workload, s setting, earlier *manifest, current map[string]bool) {
	left := map[string]bool{}
	collect := func(inner setting) {
		var stale []detect.Match
		for _, match := range m.look(&inner) {
			if hash := match.Fingerprint(m.key()); !current[hash] && !left[hash] {
				left[hash] = true
				stale = append(stale, match)
			}
		}
		if len(stale) > 0 {
			if inner.args != nil {
				inner = inner.argument(stale[0].Arg)
			}
			note := fmt.Sprintf(", in an earlier manifest's %s", m.field(&inner))
			m.typed(m.place(w, &s), note, m.copyRemedy(w, s.name), stale)
		}
	}
	walkMap(setting{home: inAnnotation, field: "metadata.annotations"}, earlier.Metadata.Annotations, collect)
	walkTemplate(&earlier.Spec.Template, collect)
}

// copyRemedy says how to get a secret out of a copy of the manifest.
func (m *measurement) copyRemedy(w *launch.Workload, annotation string) string {
	const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
	if annotation != lastApplied {
		return "Apply the mended manifest again with the tool that keeps this copy, or remove the annotation. " + rotate(w.Ref.Kind)
	}
	return fmt.Sprintf("Apply the mended manifest again with `kubectl apply`, which rewrites the copy, or remove it: `kubectl -n %s annotate %s %s %s-`. %s",
		m.objectName(w.Namespace, "NAMESPACE"), m.objectName(string(w.Ref.Kind), "KIND"), m.objectName(w.Ref.Name, "NAME"), lastApplied, rotate(w.Ref.Kind))
}
