// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/engine"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// TestLabels: every object says to what it belongs.
func TestLabels(t *testing.T) {
	standard := map[string]string{
		"app.kubernetes.io/name": "launchready", "app.kubernetes.io/instance": "launchready", partOf: "launchready",
		"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/version": "*", "app.kubernetes.io/component": "*", "helm.sh/chart": "*",
	}
	for name, values := range settings(t) {
		for _, o := range parse(t, render(t, values).Manifest) {
			labels, _ := at(o, "metadata", "labels").(object)
			for label, want := range standard {
				if got, _ := labels[label].(string); got == "" || want != "*" && got != want {
					t.Errorf("%s: %s: label %s is %q, want %q", name, refOf(o), label, got, want)
				}
			}
			for label, want := range asObject(values["commonLabels"]) {
				if labels[label] != want {
					t.Errorf("%s: %s: label %s is %v, want %v", name, refOf(o), label, labels[label], want)
				}
			}
		}
	}
}

// TestCRDs: they are those of config, and stay when the release goes.
func TestCRDs(t *testing.T) {
	got := ofKind(parse(t, render(t, object{}).Manifest), crdKind)
	files := []string{"launchpolicies", "launchreadinesses", "launchreports", "launchwaivers"}
	if len(got) != len(files) {
		t.Errorf("%d CRDs, want %d", len(got), len(files))
	}
	for _, file := range files {
		want := parseFile(t, "crd/bases/launchready.dev_"+file+".yaml")[0]
		crd := got[refOf(want)]
		if asYAML(t, crd["spec"]) != asYAML(t, want["spec"]) {
			t.Errorf("%s is not that of config: run make generate", refOf(want))
		}
		if keep := at(crd, "metadata", "annotations", "helm.sh/resource-policy"); keep != "keep" {
			t.Errorf("%s: helm.sh/resource-policy is %v", refOf(want), keep)
		}
	}
	for _, crd := range ofKind(parse(t, render(t, object{"crds": object{"keep": false}}).Manifest), crdKind) {
		if keep := at(crd, "metadata", "annotations", "helm.sh/resource-policy"); keep != nil {
			t.Errorf("%s: helm.sh/resource-policy is %v", refOf(crd), keep)
		}
	}
}

// TestRoles: what may be done is what config says, to the letter.
func TestRoles(t *testing.T) {
	got := ofKind(parse(t, render(t, object{}).Manifest), "ClusterRole", "Role")
	want := ofKind(slices.Concat(parseFile(t, "rbac/role.yaml"), parseFile(t, "rbac/users.yaml"), parseFile(t, "rbac/metrics_reader.yaml")), "ClusterRole", "Role")
	if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		t.Errorf("roles %q, want %q", a, b)
	}
	for ref, role := range want {
		if asYAML(t, withoutMetadata(got[ref])) != asYAML(t, withoutMetadata(role)) {
			t.Errorf("%s is not that of config: run make generate", ref)
		}
		labels, _ := at(role, "metadata", "labels").(object)
		for label, value := range labels {
			if at(got[ref], "metadata", "labels", label) != value {
				t.Errorf("%s lacks the label %s", ref, label)
			}
		}
		if a, b := at(got[ref], "metadata", "namespace"), at(role, "metadata", "namespace"); a != b {
			t.Errorf("%s is in namespace %v, want %v", ref, a, b)
		}
	}
}

// TestRolesAreNotAggregated: without the switch nobody gets more by the cluster's own roles.
func TestRolesAreNotAggregated(t *testing.T) {
	values := valuesFrom(t, `{rbac: {userRoles: {aggregate: false}}}`)
	if manifest := render(t, values).Manifest; strings.Contains(manifest, "aggregate-to") || !strings.Contains(manifest, "name: launchready-edit") {
		t.Error("the roles are aggregated, or not there")
	}
}

// TestWatchedNamespaces: in namespaces that are not watched, and in the cluster, the operator may do no more than read
// Namespaces and policies, and ask who somebody is.
func TestWatchedNamespaces(t *testing.T) {
	objects := parse(t, render(t, object{"watchNamespaces": []any{"shop", "blog"}}).Manifest)
	bindings := ofKind(objects, "ClusterRoleBinding", "RoleBinding")
	var bound []string
	for _, o := range objects {
		if ref := refOf(o); bindings[ref] != nil {
			bound = append(bound, fmt.Sprintf("%s in %v: %v %v", kindOf(o), at(o, "metadata", "namespace"), at(o, "roleRef", "kind"), at(o, "roleRef", "name")))
		}
	}
	want := []string{
		"ClusterRoleBinding in <nil>: ClusterRole launchready-manager-cluster",
		"RoleBinding in launchready-system: Role launchready-manager",
		"RoleBinding in shop: ClusterRole launchready-manager",
		"RoleBinding in blog: ClusterRole launchready-manager",
	}
	if !slices.Equal(bound, want) {
		t.Errorf("bindings:\n%s\nwant:\n%s", strings.Join(bound, "\n"), strings.Join(want, "\n"))
	}
	compare(t, "cluster-role.golden.yaml", asYAML(t, ofKind(objects, "ClusterRole")["ClusterRole launchready-manager-cluster"]["rules"])+"\n")
}

// TestPolicies: they are those of config, for another operator.
func TestPolicies(t *testing.T) {
	text := asYAML(t, parseFile(t, "admission/policies.yaml"))
	const operator, other = "system:serviceaccount:launchready-system:launchready-manager", "system:serviceaccount:elsewhere:somebody"
	if n := strings.Count(text, operator); n != 3 {
		t.Errorf("config names the operator %d times", n)
	}
	var want []object
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, operator, other)), &want); err != nil {
		t.Fatal(err)
	}
	release, err := run(newInstall("other", "elsewhere"), load(t), object{"serviceAccount": object{"name": "somebody"}})
	if err != nil {
		t.Fatal(err)
	}
	got := ofKind(parse(t, release.Manifest), policyKind, bindingKind)
	if len(got) != len(want) {
		t.Errorf("%d policies and bindings, want %d", len(got), len(want))
	}
	for _, o := range want {
		if asYAML(t, withoutMetadata(got[refOf(o)])) != asYAML(t, withoutMetadata(o)) {
			t.Errorf("%s is not that of config: run make generate", refOf(o))
		}
	}
}

// TestWebhook: it is that of config, which can't hold up a cluster, under the release's own name and for the watched namespaces.
func TestWebhook(t *testing.T) {
	want := ofKind(parseFile(t, "webhook/webhook.yaml"), hookKind, "Service")
	got := ofKind(parse(t, render(t, object{}).Manifest), hookKind, "Service")
	for _, ref := range []string{hookKind + " launchready-webhook", "Service launchready-webhook"} {
		if asYAML(t, withoutMetadata(got[ref])["webhooks"]) != asYAML(t, withoutMetadata(want[ref])["webhooks"]) || want[ref] == nil {
			t.Errorf("%s is not that of config", ref)
		}
	}
	hook := hookOf(t, want[hookKind+" launchready-webhook"])
	if seconds, _ := hook["timeoutSeconds"].(float64); hook["failurePolicy"] != "Ignore" || hook["sideEffects"] != "None" || seconds < 1 || seconds > 5 {
		t.Errorf("it can hold up a cluster: %v", hook)
	}
	if at(hook, "clientConfig", "caBundle") != nil {
		t.Error("the caBundle is the operator's to write")
	}

	// Two operators with namespaces of their own: neither is asked about the other's, nor may touch the other's configuration.
	release, err := run(newInstall("other", "elsewhere"), load(t), object{"watchNamespaces": []any{"blog", "123"}})
	if err != nil {
		t.Fatal(err)
	}
	objects := parse(t, release.Manifest)
	other := hookOf(t, ofKind(objects, hookKind)[hookKind+" other-launchready-webhook"])
	if got := at(other, "clientConfig", "service", "namespace"); got != "elsewhere" {
		t.Errorf("the Service is looked for in %v", got)
	}
	if got, want := asYAML(t, other["namespaceSelector"]), "matchExpressions:\n- key: kubernetes.io/metadata.name\n  operator: In\n  values:\n  - blog\n  - \"123\""; got != want {
		t.Errorf("it is asked about\n%s\nwant\n%s", got, want)
	}
	roles := asYAML(t, ofKind(objects, "ClusterRole", "Role"))
	if !strings.Contains(roles, "- other-launchready-webhook") || strings.Contains(roles, "- launchready-webhook") {
		t.Error("the roles do not name this release's webhook alone")
	}
	if !strings.Contains(release.Manifest, "- --webhook-name=other-launchready-webhook\n") {
		t.Error("the operator is not told the webhook's name")
	}

	managed := render(t, object{"webhook": object{"certManager": object{"enabled": true}}}).Manifest
	for _, part := range []string{
		"cert-manager.io/inject-ca-from: launchready-system/launchready-webhook\n", "secretName: launchready-webhook-tls\n", "selfSigned: {}",
		"--webhook-cert-dir=/etc/launchready/webhook", "secret: {secretName: launchready-webhook-tls}",
	} {
		if !strings.Contains(managed, part) {
			t.Errorf("with cert-manager there is no %s", part)
		}
	}
}

func hookOf(t *testing.T, config object) object {
	t.Helper()
	hooks, _ := config["webhooks"].([]any)
	if len(hooks) != 1 {
		t.Fatalf("%d webhooks in %v", len(hooks), config)
	}
	return asObject(hooks[0])
}

// TestOrder: what templates/deployment.yaml and README.md say of the order holds.
func TestOrder(t *testing.T) {
	var kinds []string
	objects := parse(t, render(t, object{}).Manifest)
	for _, o := range objects {
		kinds = append(kinds, kindOf(o))
		for name := range asObject(at(o, "metadata", "annotations")) {
			if strings.HasPrefix(name, "helm.sh/hook") {
				t.Errorf("%s is a hook", refOf(o))
			}
		}
	}
	want := []string{crdKind, "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Deployment", policyKind, bindingKind}
	kinds = slices.DeleteFunc(slices.Compact(kinds), func(kind string) bool { return !slices.Contains(want, kind) })
	if !slices.Equal(kinds, want) {
		t.Errorf("order %q, want %q", kinds, want)
	}
	deployment := ofKind(objects, "Deployment")["Deployment launchready-manager"]
	if seconds, _ := at(deployment, "spec", "minReadySeconds").(float64); seconds < 10 {
		t.Errorf("minReadySeconds is %v: a new operator would write before the policies are new", seconds)
	}
	if unavailable := at(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable"); unavailable != 0.0 {
		t.Errorf("maxUnavailable is %v: the old leader would go before the policies are new", unavailable)
	}
}

// TestPodSecurity: the pods fit into a namespace of the level restricted.
func TestPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range settings(t) {
		for _, deployment := range ofKind(parse(t, render(t, values).Manifest), "Deployment") {
			var template corev1.PodTemplateSpec
			if err := yaml.UnmarshalStrict([]byte(asYAML(t, at(deployment, "spec", "template"))), &template); err != nil {
				t.Fatal(err)
			}
			level := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
			for _, result := range evaluator.EvaluatePod(level, &metav1.ObjectMeta{}, &template.Spec) {
				if !result.Allowed {
					t.Errorf("%s: %s: %s", name, result.ForbiddenReason, result.ForbiddenDetail)
				}
			}
		}
	}
}

// TestNoEmptyDocument: a template that has nothing to say says nothing.
func TestNoEmptyDocument(t *testing.T) {
	for name, values := range settings(t) {
		c := load(t)
		all, err := util.ToRenderValues(c, values, common.ReleaseOptions{Name: "launchready", Namespace: namespace}, common.DefaultCapabilities.Copy())
		if err != nil {
			t.Fatal(err)
		}
		files, err := engine.Render(c, all)
		if err != nil {
			t.Fatal(err)
		}
		for file, text := range files {
			if !strings.HasSuffix(file, ".yaml") || strings.TrimSpace(text) == "" {
				continue
			}
			for i, document := range strings.Split("\n"+text, "\n---\n") {
				if i == 0 && strings.TrimSpace(document) == "" {
					continue
				}
				var o object
				if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil || len(o) == 0 {
					t.Errorf("%s: %s: document %d is empty or broken: %v", name, file, i, err)
				}
			}
		}
	}
}

// TestLint does what `helm lint --strict` does.
func TestLint(t *testing.T) {
	for name, values := range settings(t) {
		lint := action.NewLint()
		lint.Strict, lint.Namespace = true, namespace
		lint.KubeVersion = &common.KubeVersion{Version: "v1.37.0", Major: "1", Minor: "37"}
		for _, message := range lint.Run([]string{folder}, values).Messages {
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %s", name, message)
			}
		}
	}
}

func asObject(value any) object {
	o, _ := value.(object)
	return o
}

// TestReadmeNamesEveryValue: the table has a row for each value, and no other.
func TestReadmeNamesEveryValue(t *testing.T) {
	text, err := os.ReadFile(folder + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z.]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		named = append(named, row[1])
	}
	slices.Sort(named)
	if values := leaves("", load(t).Values); !slices.Equal(named, values) {
		t.Errorf("README.md names\n%q\nvalues.yaml has\n%q", named, values)
	}
}

// leaves gives the paths of values, those of objects that are given as a whole among them.
func leaves(prefix string, values object) []string {
	whole := []string{"resources", "metrics.serviceMonitor.authorization", "metrics.serviceMonitor.tlsConfig"}
	var paths []string
	for name, value := range values {
		inner, _ := value.(object)
		if len(inner) == 0 || slices.Contains(whole, prefix+name) {
			paths = append(paths, prefix+name)
		} else {
			paths = append(paths, leaves(prefix+name+".", inner)...)
		}
	}
	slices.Sort(paths)
	return paths
}
