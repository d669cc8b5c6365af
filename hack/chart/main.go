// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command chart writes the parts of the Helm chart that have a source elsewhere: the CRDs (config/crd/bases), the roles
// (config/rbac) and the gate's policies (internal/gate). hack/generate.sh runs it at the root of the repository, after
// controller-gen.
//
//	go run ./hack/chart charts/launchready/templates/generated
package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/internal/gate"
)

// operatorMark stands for the operator's user name until the YAML is written: only a template knows the name, and CEL or
// YAML might quote a template.
const operatorMark = "launchready-operator-mark"

// webhookMark is the name of the webhook in config/rbac. The chart names it by the release.
const webhookMark = "- launchready-webhook\n"

// object is a Kubernetes object, as YAML gives it.
type object = map[string]any

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chart FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1], "config"); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// write writes every template to a folder.
func write(folder, config string) error {
	crds, err := crdTemplates(filepath.Join(config, "crd", "bases"))
	if err != nil {
		return err
	}
	manager, err := managerTemplate(filepath.Join(config, "rbac", "role.yaml"))
	if err != nil {
		return err
	}
	users, err := usersTemplate(filepath.Join(config, "rbac", "users.yaml"))
	if err != nil {
		return err
	}
	reader, err := readerTemplate(filepath.Join(config, "rbac", "metrics_reader.yaml"))
	if err != nil {
		return err
	}
	policies, err := policiesTemplate()
	if err != nil {
		return err
	}
	templates := map[string]string{"roles-manager.yaml": manager, "roles-users.yaml": users, "role-metrics.yaml": reader, "policies.yaml": policies}
	maps.Copy(templates, crds)

	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // a chart may be read by all
		return err
	}
	for name, text := range templates {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil { //nolint:gosec // a chart may be read by all
			return err
		}
	}
	return nil
}

// crdTemplates gives a template for each CRD.
func crdTemplates(folder string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no CRD in %s", folder)
	}
	templates := map[string]string{}
	for _, file := range files {
		crds, err := read(file)
		if err != nil {
			return nil, err
		}
		t := template{source: "config/crd/bases", when: ".Values.crds.enabled"}
		for _, crd := range crds {
			if err := t.add(crd, wrapping{
				name: nameOf(crd), component: "crds",
				annotations: []string{"{{- if .Values.crds.keep }}", "helm.sh/resource-policy: keep", "{{- end }}"},
			}); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		_, resource, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".yaml"), "_")
		templates["crd-"+resource+".yaml"] = t.String()
	}
	return templates, nil
}

// policiesTemplate gives the policies before their bindings.
func policiesTemplate() (string, error) {
	p := gate.PoliciesFor(operatorMark)
	var objects []object
	for _, policy := range p.Policies {
		o, err := toObject(policy)
		if err != nil {
			return "", err
		}
		objects = append(objects, o)
	}
	for _, binding := range p.Bindings {
		o, err := toObject(binding)
		if err != nil {
			return "", err
		}
		objects = append(objects, o)
	}
	t := template{source: "internal/gate", when: ".Values.gate.enabled"}
	for _, o := range objects {
		delete(o, "status")
		if err := t.add(o, wrapping{name: nameOf(o), component: "gate"}); err != nil {
			return "", err
		}
	}
	text := t.String()
	if !strings.Contains(text, operatorMark) {
		return "", errors.New("no policy names the operator: the chart would have nothing to put its user name into")
	}
	return strings.ReplaceAll(text, operatorMark, `{{ include "launchready.operatorUser" . }}`), nil
}

// managerTemplate gives the operator's own roles, and the role for what lies in no namespace: it is what remains to be
// granted in the whole cluster when the operator watches some namespaces only.
func managerTemplate(file string) (string, error) {
	roles, err := read(file)
	if err != nil {
		return "", err
	}
	t := template{source: "config/rbac/role.yaml", when: ".Values.rbac.create"}
	for _, role := range roles {
		w := wrapping{name: `{{ include "launchready.managerName" . }}`, component: "manager"}
		if role["kind"] == "Role" {
			w.namespace = "{{ .Release.Namespace }}"
		}
		if err := t.add(role, w); err != nil {
			return "", err
		}
		if role["kind"] != "ClusterRole" {
			continue
		}
		rules, err := clusterScoped(role["rules"])
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		t.open(".Values.watchNamespaces")
		if err := t.add(object{"apiVersion": role["apiVersion"], "kind": role["kind"], "rules": rules}, wrapping{
			name: `{{ include "launchready.managerName" . }}-cluster`, component: "manager",
		}); err != nil {
			return "", err
		}
		t.close()
	}
	text := t.String()
	if !strings.Contains(text, webhookMark) {
		return "", fmt.Errorf("%s: no rule names %q: the operator could not keep its webhook's certificate", file, webhookMark)
	}
	text = strings.ReplaceAll(text, webhookMark, "- {{ include \"launchready.webhookName\" . }}\n")
	return strings.ReplaceAll(text, watchedMark, "{{- range .Values.watchNamespaces }}\n  - {{ . | quote }}\n  {{- end }}"), nil
}

// usersTemplate gives the roles for people. Their names stand in the documentation and are bound by name.
func usersTemplate(file string) (string, error) {
	roles, err := read(file)
	if err != nil {
		return "", err
	}
	t := template{source: "config/rbac/users.yaml", when: ".Values.rbac.userRoles.create"}
	for _, role := range roles {
		w := wrapping{name: nameOf(role), component: "users"}
		if labels := labelsOf(role); len(labels) > 0 {
			w.labels = append(w.labels, "{{- if .Values.rbac.userRoles.aggregate }}")
			for _, label := range slices.Sorted(maps.Keys(labels)) {
				w.labels = append(w.labels, fmt.Sprintf("%s: %q", label, labels[label]))
			}
			w.labels = append(w.labels, "{{- end }}")
		}
		if err := t.add(role, w); err != nil {
			return "", err
		}
	}
	return t.String(), nil
}

// readerTemplate gives the role of whoever scrapes the metrics.
func readerTemplate(file string) (string, error) {
	roles, err := read(file)
	if err != nil {
		return "", err
	}
	t := template{source: "config/rbac/metrics_reader.yaml", when: "and .Values.rbac.userRoles.create .Values.metrics.enabled"}
	for _, role := range roles {
		if err := t.add(role, wrapping{name: nameOf(role), component: "metrics"}); err != nil {
			return "", err
		}
	}
	return t.String(), nil
}

// read gives the objects of a YAML file.
func read(file string) ([]object, error) {
	text, err := os.ReadFile(file) //nolint:gosec // a file of this repository
	if err != nil {
		return nil, err
	}
	var objects []object
	for _, document := range bytes.Split(append([]byte("\n"), text...), []byte("\n---\n")) {
		var o object
		if err := yaml.Unmarshal(document, &o); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(o) > 0 {
			objects = append(objects, o)
		}
	}
	return objects, nil
}

func toObject(typed any) (object, error) {
	text, err := yaml.Marshal(typed)
	if err != nil {
		return nil, err
	}
	var o object
	return o, yaml.Unmarshal(text, &o)
}
