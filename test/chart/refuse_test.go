// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"testing"
)

// TestRefusals: wrong values are refused, and the message says which and why.
func TestRefusals(t *testing.T) {
	for values, want := range map[string][]string{
		// Misspelt or misplaced.
		`{replicaCount: 2}`:                   {"additional properties 'replicaCount' not allowed"},
		`{image: {registry: ghcr.io}}`:        {"at '/image'", "'registry' not allowed"},
		`{crds: {install: true}}`:             {"at '/crds'", "'install' not allowed"},
		`{gate: {mode: Enforce}}`:             {"at '/gate'", "'mode' not allowed"},
		`{rbac: {aggregate: true}}`:           {"at '/rbac'", "'aggregate' not allowed"},
		`{metrics: {serviceMonitor: {x: 1}}}`: {"at '/metrics/serviceMonitor'", "'x' not allowed"},
		`{affinity: {nodeAfinity: {}}}`:       {"at '/affinity'", "'nodeAfinity' not allowed"},
		`{extraEnv: [{name: A, vlaue: b}]}`:   {"at '/extraEnv/0'", "'vlaue' not allowed"},

		// Of a wrong type.
		`{replicas: "2"}`:                                {"at '/replicas'", "got string, want integer"},
		`{replicas: -1}`:                                 {"at '/replicas'", "minimum"},
		`{gate: {enabled: "false"}}`:                     {"at '/gate/enabled'", "got string, want boolean"},
		`{crds: {keep: 1}}`:                              {"at '/crds/keep'", "got number, want boolean"},
		`{watchNamespaces: "shop,blog"}`:                 {"at '/watchNamespaces'", "got string, want array"},
		`{watchNamespaces: [Shop]}`:                      {"at '/watchNamespaces/0'", "'Shop' does not match pattern"},
		`{watchNamespaces: [shop, shop]}`:                {"at '/watchNamespaces'", "equal"},
		`{extraArgs: "--resync=1m"}`:                     {"at '/extraArgs'", "got string, want array"},
		`{extraArgs: [resync]}`:                          {"at '/extraArgs/0'", "does not match pattern"},
		`{podAnnotations: {a: true}}`:                    {"at '/podAnnotations/a'", "got boolean, want string"},
		`{nodeSelector: {a: 1}}`:                         {"at '/nodeSelector/a'", "got number, want string"},
		`{image: {repository: ""}}`:                      {"at '/image/repository'"},
		`{image: {repository: "ghcr.io/a/b:v1"}}`:        {"at '/image/repository'", "does not match pattern"},
		`{image: {digest: v1}}`:                          {"at '/image/digest'", "does not match pattern"},
		`{image: {pullPolicy: always}}`:                  {"at '/image/pullPolicy'", "'Always', 'IfNotPresent', 'Never'"},
		`{imagePullSecrets: [registry]}`:                 {"at '/imagePullSecrets/0'", "got string, want object"},
		`{serviceAccount: {name: "a'b"}}`:                {"at '/serviceAccount/name'", "does not match pattern"},
		`{fullnameOverride: Launch}`:                     {"at '/fullnameOverride'", "does not match pattern"},
		`{podDisruptionBudget: {maxUnavailable: half}}`:  {"at '/podDisruptionBudget/maxUnavailable'", "does not match pattern"},
		`{networkPolicy: {apiServerPorts: []}}`:          {"at '/networkPolicy/apiServerPorts'", "minItems"},
		`{networkPolicy: {apiServerPorts: [70000]}}`:     {"at '/networkPolicy/apiServerPorts/0'", "maximum"},
		`{metrics: {serviceMonitor: {interval: often}}}`: {"at '/metrics/serviceMonitor/interval'", "does not match pattern"},
		`{topologySpreadConstraints: [{maxSkew: 1}]}`:    {"at '/topologySpreadConstraints/0'", "missing properties 'topologyKey', 'whenUnsatisfiable'"},

		`{webhook: {certManager: {issuerRef: {kind: Issuer}}}}`: {"at '/webhook/certManager/issuerRef'", "name"},
		`{webhook: {failurePolicy: Fail}}`:                      {"at '/webhook'", "'failurePolicy' not allowed"},

		// Right each, but not together: the templates say so.
		`{extraArgs: ["--watch-namespaces=shop"]}`:                              {"extraArgs: set --watch-namespaces by the value watchNamespaces"},
		`{extraArgs: ["--metrics-bind-address", ":1"]}`:                         {"at '/extraArgs/1'"},
		`{extraArgs: ["--metrics-cert-dir=/tls"]}`:                              {"set --metrics-cert-dir by the value metrics.certSecret"},
		`{extraArgs: ["--webhook-bind-address=0"]}`:                             {"set --webhook-bind-address by the value webhook.enabled"},
		`{extraArgs: ["--webhook-cert-dir=/tls"]}`:                              {"set --webhook-cert-dir by the value webhook.certManager.enabled"},
		`{extraArgs: ["--webhook-name=other"]}`:                                 {"--webhook-name is the chart's"},
		`{extraArgs: ["--namespace=elsewhere"]}`:                                {"--namespace is the chart's"},
		`{extraArgs: ["--leader-elect=false"]}`:                                 {"--leader-elect is the chart's"},
		`{extraEnv: [{name: POD_NAMESPACE, value: a}]}`:                         {"POD_NAMESPACE is the chart's"},
		`{commonLabels: {app.kubernetes.io/part-of: mine}}`:                     {"commonLabels: the label app.kubernetes.io/part-of is the chart's"},
		`{podLabels: {app.kubernetes.io/component: manager2}}`:                  {"podLabels: the label app.kubernetes.io/component is the chart's"},
		`{commonLabels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}`: {"is the chart's"},
	} {
		_, err := tryToRender(t, valuesFrom(t, values))
		if err == nil {
			t.Errorf("%s is let in", values)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the message lacks %q: %v", values, part, err)
			}
		}
	}
}

// TestOldCluster: a Kubernetes that can't compile the policies is refused before anything is written.
func TestOldCluster(t *testing.T) {
	install := newInstall("launchready", namespace)
	install.KubeVersion.Version, install.KubeVersion.Minor = "v1.34.9", "34"
	if _, err := install.Run(load(t), object{}); err == nil || !strings.Contains(err.Error(), "kubeVersion") {
		t.Errorf("Kubernetes 1.34: %v", err)
	}
}

// TestUmbrella: an umbrella chart may pass its globals and its condition.
func TestUmbrella(t *testing.T) {
	render(t, valuesFrom(t, `{global: {imageRegistry: registry.example.com}, enabled: true}`))
}
