// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	names "k8s.io/apimachinery/pkg/util/validation"
)

func TestPoliciesHaveNoParametersAndFailClosed(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range PoliciesFor(DefaultOperator).Policies {
		if seen[p.Name] || len(names.IsDNS1123Subdomain(p.Name)) > 0 {
			t.Errorf("%s is there twice, or no name", p.Name)
		}
		seen[p.Name] = true
		if p.Spec.ParamKind != nil {
			t.Errorf("%s has a paramKind: its absence would fail open or refuse every write", p.Name)
		}
		if p.Spec.FailurePolicy == nil || *p.Spec.FailurePolicy != admissionregistrationv1.Fail {
			t.Errorf("%s does not fail closed", p.Name)
		}
		if p.APIVersion != "admissionregistration.k8s.io/v1" || p.Kind != "ValidatingAdmissionPolicy" || p.Labels["app.kubernetes.io/part-of"] != "launchready" {
			t.Errorf("%s is %s %s, labelled %v: uninstalling would not find it", p.Name, p.APIVersion, p.Kind, p.Labels)
		}
		if len(p.Spec.Validations) == 0 || p.Spec.MatchConstraints == nil || len(p.Spec.MatchConstraints.ResourceRules) == 0 || len(p.Spec.MatchConditions) == 0 {
			t.Errorf("%s looks at nothing, or at everything", p.Name)
		}
	}
}

func TestEveryBindingIsOfAPolicyThatDeniesOrWarns(t *testing.T) {
	p := PoliciesFor(DefaultOperator)
	bound, seen := map[string]bool{}, map[string]bool{}
	for _, b := range p.Bindings {
		if seen[b.Name] {
			t.Errorf("%s is there twice", b.Name)
		}
		seen[b.Name] = true
		bound[b.Spec.PolicyName] = true
		if b.Spec.ParamRef != nil {
			t.Errorf("%s has parameters", b.Name)
		}
		if b.APIVersion != "admissionregistration.k8s.io/v1" || b.Kind != "ValidatingAdmissionPolicyBinding" || b.Labels["app.kubernetes.io/part-of"] != "launchready" {
			t.Errorf("%s is %s %s, labelled %v: uninstalling would not find it", b.Name, b.APIVersion, b.Kind, b.Labels)
		}
		want := []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
		if strings.HasSuffix(b.Spec.PolicyName, "-warnings") || strings.HasSuffix(b.Spec.PolicyName, "-overrides") {
			want = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit}
		}
		if !slices.Equal(b.Spec.ValidationActions, want) {
			t.Errorf("%s does %v, want %v", b.Name, b.Spec.ValidationActions, want)
		}
	}
	for _, policy := range p.Policies {
		if !bound[policy.Name] {
			t.Errorf("%s is bound to nothing", policy.Name)
		}
		delete(bound, policy.Name)
	}
	if len(bound) > 0 {
		t.Errorf("bindings of no policy: %v", bound)
	}
}

// No Namespace without a launch may ever be looked at, for what is not evaluated can't fail: kube-system least of all. The
// exceptions are the launch itself, the state and the probes, which are guarded everywhere, and what demands a launch.
func TestPoliciesAreBoundToGatedNamespaces(t *testing.T) {
	gated := &metav1.LabelSelector{MatchLabels: map[string]string{"launchready.dev/gated": "true"}}
	required := &metav1.LabelSelector{
		MatchLabels:      map[string]string{"launchready.dev/gate": "required"},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "launchready.dev/gated", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"true"}}},
	}
	got := map[string]*metav1.LabelSelector{}
	for _, b := range PoliciesFor(DefaultOperator).Bindings {
		if !slices.Equal(b.Spec.ValidationActions, []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}) {
			if b.Spec.MatchResources == nil || b.Spec.MatchResources.NamespaceSelector == nil {
				t.Errorf("%s warns everywhere", b.Name)
			}
			continue
		}
		got[b.Name] = nil
		if b.Spec.MatchResources != nil {
			got[b.Name] = b.Spec.MatchResources.NamespaceSelector
		}
	}
	want := map[string]*metav1.LabelSelector{
		"launchready-rollouts":  gated,
		"launchready-secrets":   gated,
		"launchready-ingresses": gated, "launchready-ingresses-required": required,
		"launchready-routes": gated, "launchready-routes-required": required,
		"launchready-services": gated, "launchready-services-required": required,
		"launchready-launches": nil, "launchready-namespaces": nil,
		"launchready-probes": nil, "launchready-probes-by-name": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what denies is bound to other Namespaces (-want +got):\n%s", diff)
	}
}

var readVariable = regexp.MustCompile(`\bvariables\.(\w+)`)

// The API server shows an expression that fails, and kubectl a policy as YAML: each stands on one line.
func TestExpressionsStandOnOneLine(t *testing.T) {
	for _, p := range PoliciesFor(DefaultOperator).Policies {
		variables := map[string]bool{}
		check := func(place, expression string) {
			if strings.TrimSpace(expression) == "" || strings.ContainsAny(expression, "\n\r\t") {
				t.Errorf("%s, %s: %q", p.Name, place, expression)
			}
			for _, read := range readVariable.FindAllStringSubmatch(expression, -1) {
				if !variables[read[1]] {
					t.Errorf("%s, %s reads variable %s, which does not stand before it", p.Name, place, read[1])
				}
			}
		}
		for _, c := range p.Spec.MatchConditions {
			check("condition "+c.Name, c.Expression)
			if strings.Contains(c.Expression, "variables.") || strings.Contains(c.Expression, "namespaceObject") {
				t.Errorf("%s, condition %s uses what a match condition does not have: %s", p.Name, c.Name, c.Expression)
			}
		}
		for _, v := range p.Spec.Variables {
			check("variable "+v.Name, v.Expression)
			if variables[v.Name] {
				t.Errorf("%s has variable %s twice", p.Name, v.Name)
			}
			variables[v.Name] = true
		}
		for _, v := range p.Spec.Validations {
			check("validation", v.Expression)
			check("message", v.MessageExpression)
			if strings.Contains(v.MessageExpression, "authorizer") {
				t.Errorf("%s: a message uses the authorizer, which it does not have: %s", p.Name, v.MessageExpression)
			}
			if v.Reason == nil || *v.Reason != metav1.StatusReasonForbidden {
				t.Errorf("%s refuses by reason %v", p.Name, v.Reason)
			}
		}
	}
}

func TestPoliciesLookAtWritesOfTheirResources(t *testing.T) {
	got := map[string]string{}
	for _, p := range PoliciesFor(DefaultOperator).Policies {
		var rules []string
		for _, r := range p.Spec.MatchConstraints.ResourceRules {
			var operations []string
			for _, o := range r.Operations {
				operations = append(operations, string(o))
			}
			rules = append(rules, strings.Join(operations, ",")+" "+strings.Join(r.APIGroups, ",")+"/"+strings.Join(r.APIVersions, ",")+" "+strings.Join(r.Resources, ","))
		}
		name := strings.TrimSuffix(strings.TrimSuffix(p.Name, "-warnings"), "-overrides")
		if rules := strings.Join(rules, "; "); got[name] != "" && got[name] != rules {
			t.Errorf("%s looks at %s, and what denies at %s", p.Name, rules, got[name])
		} else {
			got[name] = rules
		}
	}
	want := map[string]string{
		"launchready-rollouts":   "CREATE,UPDATE apps/v1 deployments,statefulsets,daemonsets; CREATE,UPDATE argoproj.io/v1alpha1 rollouts",
		"launchready-secrets":    "CREATE,UPDATE apps/v1 deployments,statefulsets,daemonsets; CREATE,UPDATE argoproj.io/v1alpha1 rollouts",
		"launchready-ingresses":  "CREATE,UPDATE networking.k8s.io/v1 ingresses",
		"launchready-routes":     "CREATE,UPDATE gateway.networking.k8s.io/* httproutes,grpcroutes,tlsroutes",
		"launchready-services":   "CREATE,UPDATE /v1 services",
		"launchready-launches":   "CREATE,UPDATE,DELETE launchready.dev/* launchreadinesses",
		"launchready-namespaces": "UPDATE /v1 namespaces,namespaces/status,namespaces/finalize",
		"launchready-probes": "CREATE,UPDATE /v1 pods,pods/status,pods/ephemeralcontainers,pods/resize; UPDATE batch/v1 jobs/status; " +
			"CREATE,UPDATE batch/v1 jobs; CONNECT /v1 pods/exec,pods/attach,pods/portforward,pods/proxy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the policies look at something else (-want +got):\n%s", diff)
	}
}

func TestPoliciesKnowTheOperatorByItsName(t *testing.T) {
	const operator = "system:serviceaccount:elsewhere:manager"
	for _, p := range PoliciesFor(operator).Policies {
		text := p.Spec.MatchConditions[0].Expression
		for _, v := range p.Spec.Variables {
			text += v.Expression
		}
		if strings.Contains(text, DefaultOperator) {
			t.Errorf("%s knows an operator that is not here", p.Name)
		}
		if p.Name == "launchready-namespaces" && strings.Count(text, "'"+operator+"'") != 2 {
			t.Errorf("%s does not know the operator", p.Name)
		}
		if p.Name == "launchready-probes" && strings.Count(text, "'"+operator+"'") != 1 {
			t.Errorf("%s does not know the operator", p.Name)
		}
	}
}

// Whatever a rule asks for, the table has in both judges, and every rule has its words.
func TestEveryRuleAsksForWhatTheTableHas(t *testing.T) {
	for _, table := range append(tables(DefaultOperator), probeTable(DefaultOperator)) {
		variables := map[string]bool{}
		for _, v := range table.variables {
			variables[v.name] = true
		}
		check := func(r rule) {
			for _, fact := range r.when {
				if !variables[strings.TrimPrefix(fact, "!")] {
					t.Errorf("%s, row %d: %s is no variable", table.name, r.row, fact)
				}
			}
			for _, part := range r.message {
				if text, is := strings.CutPrefix(part, "$"); is && !variables[text] {
					t.Errorf("%s, row %d: %s is no variable", table.name, r.row, text)
				}
			}
			if (r.effect == allow) != (len(r.message) == 0) {
				t.Errorf("%s, row %d: %s says %q", table.name, r.row, r.effect, r.message)
			}
		}
		for _, r := range table.rules {
			check(r)
		}
		for _, r := range table.remarks {
			check(r)
		}
		if !variables[table.mode] {
			t.Errorf("%s: its mode %s is no variable", table.name, table.mode)
		}
	}
}

func TestAMessageIsQuotedForCEL(t *testing.T) {
	m := message{"LaunchReadiness ", "$subject", "'s gate"}
	if got, want := string(m.cel()), `'LaunchReadiness ' + variables.subject + '\'s gate'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := m.text(map[string]string{"subject": "shop/chat"}), "LaunchReadiness shop/chat's gate"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEveryKindIsJudgedByItsTables(t *testing.T) {
	got := map[string][]string{}
	for _, table := range tables(DefaultOperator) {
		for _, kind := range table.kinds {
			got[kind.String()] = append(got[kind.String()], strings.TrimPrefix(table.name, "launchready-"))
		}
	}
	workload, route := []string{"rollouts", "secrets"}, []string{"routes"}
	want := map[string][]string{
		"Deployment.apps": workload, "StatefulSet.apps": workload, "DaemonSet.apps": workload, "Rollout.argoproj.io": workload,
		"Ingress.networking.k8s.io": {"ingresses"}, "Service": {"services"}, "Namespace": {"namespaces"}, "LaunchReadiness.launchready.dev": {"launches"},
		"HTTPRoute.gateway.networking.k8s.io": route, "GRPCRoute.gateway.networking.k8s.io": route, "TLSRoute.gateway.networking.k8s.io": route,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds are judged by other tables (-want +got):\n%s", diff)
	}
}
