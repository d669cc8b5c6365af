// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const aggregate = "rbac.authorization.k8s.io/aggregate-to-"

// role is a Role or ClusterRole as config/default has it.
type role struct {
	rbacv1.ClusterRole
	// only is the namespace of a Role.
	only string
}

func TestRolesAddThemselvesToTheClustersOwn(t *testing.T) {
	want := map[string]string{
		"launchready-view":           "admin edit view",
		"launchready-edit":           "admin edit",
		"launchready-admin":          "admin",
		"launchready-waivers":        "", // whoever may change an app may not for that reason excuse it
		"launchready-policies":       "",
		"launchready-manager":        "",
		"launchready-metrics-reader": "",
	}
	have := map[string]string{}
	for _, r := range roles(t) {
		var to []string
		for label, value := range r.Labels {
			if name, is := strings.CutPrefix(label, aggregate); is && value == "true" {
				to = append(to, name)
			}
		}
		slices.Sort(to)
		if r.only == "" {
			have[r.Name] = strings.Join(to, " ")
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("aggregation (-want +got):\n%s", diff)
	}
}

// dangers are what no role of ours may hold, with what it would allow.
func dangers(r role) []string {
	var found []string
	for _, rule := range r.Rules {
		everything := slices.Concat(rule.Verbs, rule.APIGroups, rule.Resources, rule.NonResourceURLs)
		if slices.ContainsFunc(everything, func(s string) bool { return strings.Contains(s, "*") }) {
			found = append(found, "a wildcard, which grants what does not exist yet")
		}
		for _, verb := range []string{"escalate", "bind", "impersonate"} {
			if slices.Contains(rule.Verbs, verb) {
				found = append(found, verb+", which grants other roles")
			}
		}
		for _, verb := range []string{"list", "watch", "deletecollection", "update", "patch", "delete"} {
			// A Secret of the operator's own, by its name and in its namespace, it may keep up to date.
			own := verb == "update" && r.only == operatorNamespace && len(rule.ResourceNames) > 0
			if slices.Contains(rule.Verbs, verb) && slices.Contains(rule.Resources, "secrets") && !own {
				found = append(found, verb+" of secrets, where reading one by its name is enough")
			}
		}
		for _, resource := range []string{"pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "nodes/proxy", "services/proxy", "serviceaccounts/token", "pods/ephemeralcontainers"} {
			if slices.Contains(rule.Resources, resource) {
				found = append(found, resource+", which leads into other people's processes")
			}
		}
	}
	return found
}

func TestNoRoleHoldsADangerousPermission(t *testing.T) {
	const least = 7
	all := roles(t)
	if len(all) < least {
		t.Errorf("only %d roles were read", len(all))
	}
	for _, r := range all {
		for _, danger := range dangers(r) {
			t.Errorf("%s has %s", r.Name, danger)
		}
	}
	for name, bad := range map[string]rbacv1.PolicyRule{
		"every verb":         {Verbs: []string{"*"}, APIGroups: []string{""}, Resources: []string{"pods"}},
		"every group":        {Verbs: []string{"get"}, APIGroups: []string{"*"}, Resources: []string{"pods"}},
		"every subresource":  {Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"*/status"}},
		"every path":         {Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics/*"}},
		"escalation":         {Verbs: []string{"escalate"}, APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"roles"}},
		"listing of secrets": {Verbs: []string{"get", "list"}, APIGroups: []string{""}, Resources: []string{"configmaps", "secrets"}},
		"writing of secrets": {Verbs: []string{"update"}, APIGroups: []string{""}, Resources: []string{"secrets"}},
		"writing everywhere": {Verbs: []string{"update"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"launchready-webhook"}},
		"a shell":            {Verbs: []string{"create"}, APIGroups: []string{""}, Resources: []string{"pods/exec"}},
	} {
		if len(dangers(role{ClusterRole: rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{bad}}})) == 0 {
			t.Errorf("%s goes unnoticed", name)
		}
	}
}

// Every permission of the operator, and what it needs it for. A new one is entered here by somebody who has thought of it.
func TestTheOperatorHasNoPermissionThatNobodyExplained(t *testing.T) {
	read := "get list watch"
	want := map[string]string{
		"everywhere configmaps": read,                   // what a pod template refers to, and a team's own attacks
		"everywhere namespaces": "get list patch watch", // selectors of policies; the state of the gate is written there
		// What exposes an app, to hold it and to know what is exposed by right. The gate's state stands on the Namespace (patch, above).
		"everywhere services":                             "get list watch",
		"everywhere ingresses.networking.k8s.io":          "get list watch",
		"everywhere httproutes.gateway.networking.k8s.io": "get list watch",
		"everywhere grpcroutes.gateway.networking.k8s.io": "get list watch",
		"everywhere tlsroutes.gateway.networking.k8s.io":  "get list watch",
		// Who may read the app's logs.
		"everywhere roles.rbac.authorization.k8s.io":               "list",
		"everywhere rolebindings.rbac.authorization.k8s.io":        "list",
		"everywhere clusterroles.rbac.authorization.k8s.io":        "list",
		"everywhere clusterrolebindings.rbac.authorization.k8s.io": "list",
		// Whether launches go because their kind does.
		"everywhere customresourcedefinitions.apiextensions.k8s.io launchreadinesses.launchready.dev": "get",
		// What the API server trusts of the webhook: its caBundle.
		"everywhere validatingwebhookconfigurations.admissionregistration.k8s.io launchready-webhook": "get patch",
		"everywhere pods":                                         read,                   // digests of what runs
		"everywhere secrets":                                      "get",                  // whether a reference resolves to a real value; never list or watch
		"everywhere deployments.apps":                             read,                   // workloads
		"everywhere statefulsets.apps":                            read,                   // workloads
		"everywhere daemonsets.apps":                              read,                   // workloads
		"everywhere replicasets.apps":                             read,                   // revisions
		"everywhere controllerrevisions.apps":                     read,                   // revisions
		"everywhere rollouts.argoproj.io":                         read,                   // workloads
		"everywhere tokenreviews.authentication.k8s.io":           "create",               // who reads the metrics
		"everywhere subjectaccessreviews.authorization.k8s.io":    "create",               // whether they may
		"everywhere events.events.k8s.io":                         "create patch",         // transitions
		"everywhere gateways.gateway.networking.k8s.io":           "get",                  // the origin's address
		"everywhere launchreadinesses.launchready.dev":            "get list patch watch", // patch: the time of the launch, as an annotation
		"everywhere launchreadinesses/finalizers.launchready.dev": "update",               // to own a report, where OwnerReferencesPermissionEnforcement is on
		"everywhere launchreadinesses/status.launchready.dev":     "patch",
		"everywhere launchpolicies.launchready.dev":               read,
		"everywhere launchpolicies/status.launchready.dev":        "patch",
		"everywhere launchwaivers.launchready.dev":                read,
		"everywhere launchwaivers/status.launchready.dev":         "patch",
		"everywhere launchreports.launchready.dev":                "create get list patch watch",
		"everywhere launchreports/status.launchready.dev":         "patch",
		"everywhere jobs.batch":                                   "create delete get list watch", // probes
		"everywhere endpointslices.discovery.k8s.io":              "list",                         // whether a Service leads to the app alone
		"everywhere networkpolicies.networking.k8s.io":            "create get update",            // what confines the probes
		"everywhere pods/log":                                     "get",                          // the evidence of probes
		"everywhere events":                                       "list",                         // why a probe's pod does not start
		"launchready-system pods":                                 "get",                          // the image that probes run: the operator's own
		"launchready-system secrets":                              "create get",                   // the key of fingerprints; the webhook's certificate; tokens of policies' credentials
		"launchready-system secrets launchready-webhook":          "update",                       // the webhook's certificate, renewed
		"launchready-system configmaps":                           "create get update",            // the ledgers of zones
		"launchready-system events":                               "create patch",                 // of the election, still of the old kind
		"launchready-system leases.coordination.k8s.io":           "create get patch update",      // which replica leads
	}
	have := map[string]string{}
	for _, r := range roles(t) {
		if r.Name == "launchready-manager" {
			maps.Copy(have, granted(r))
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("permissions of launchready-manager (-want +got):\n%s", diff)
	}
}

// granted lists what a role grants: verbs by place, resource and names.
func granted(r role) map[string]string {
	place := "everywhere"
	if r.only != "" {
		place = r.only
	}
	verbs := map[string][]string{}
	for _, rule := range r.Rules {
		for _, url := range rule.NonResourceURLs {
			verbs[place+" "+url] = rule.Verbs
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				key := strings.TrimSuffix(fmt.Sprintf("%s %s.%s", place, resource, group), ".")
				key = strings.Join(append([]string{key}, rule.ResourceNames...), " ")
				verbs[key] = append(verbs[key], rule.Verbs...)
			}
		}
	}
	all := map[string]string{}
	for key, list := range verbs {
		slices.Sort(list)
		all[key] = strings.Join(slices.Compact(list), " ")
	}
	return all
}

func TestWhoMayDoWhat(t *testing.T) {
	const (
		read = "get list watch"
		all  = "create delete deletecollection get list patch update watch"
	)
	bindRoles(t)
	tests := []struct {
		user string
		// may is what the user may do, by resource; with the rest, statuses among it, nothing.
		may map[string]string
	}{
		{"view", map[string]string{"launchreadinesses": read, "launchwaivers": read, "launchpolicies": read}},
		{"edit", map[string]string{"launchreadinesses": all, "launchwaivers": read, "launchpolicies": read, "launchreports": read}},
		{"admin", map[string]string{"launchreadinesses": all, "launchwaivers": read, "launchpolicies": read, "launchreports": "delete deletecollection get list watch"}},
		{"launchready-waivers", map[string]string{"launchwaivers": all}},
		{"launchready-policies", map[string]string{"launchpolicies": all}},
		{"launchready-metrics-reader", nil},
		{"nobody", nil},
	}
	for _, tt := range tests {
		t.Run(tt.user, func(t *testing.T) {
			for _, kind := range []string{"launchreadinesses", "launchpolicies", "launchwaivers", "launchreports"} {
				for _, sub := range []string{"", "status", "finalizers"} {
					want := ""
					if sub == "" {
						want = tt.may[kind]
					}
					var have []string
					for verb := range strings.FieldsSeq(all) {
						if allowed(t, tt.user, authorizationv1.ResourceAttributes{Namespace: "shop", Verb: verb, Group: "launchready.dev", Resource: kind, Subresource: sub}) {
							have = append(have, verb)
						}
					}
					if got := strings.Join(have, " "); got != want {
						t.Errorf("%s %s: may %q, want %q", kind, sub, got, want)
					}
				}
			}
		})
	}
}

func TestWhatTheOperatorMayDo(t *testing.T) {
	bindRoles(t)
	operator := "system:serviceaccount:" + operatorNamespace + ":launchready-manager"
	tests := []struct {
		// what is asked: verb, resource with its group, and namespace; none is the whole cluster.
		verb, resource, namespace string
		want                      bool
	}{
		{"get", "secrets", "shop", true},
		{"get", "secrets", operatorNamespace, true},
		{"list", "secrets", "", false},
		{"list", "secrets", "shop", false},
		{"list", "secrets", operatorNamespace, false},
		{"watch", "secrets", "", false},
		{"watch", "secrets", "shop", false},
		{"watch", "secrets", operatorNamespace, false},
		{"create", "secrets", operatorNamespace, true},
		{"create", "secrets", "shop", false},
		{"update", "secrets", operatorNamespace, false},
		{"patch", "secrets", "shop", false},
		{"delete", "secrets", operatorNamespace, false},
		{"list", "configmaps", "", true},
		{"update", "configmaps", "shop", false},
		{"watch", "deployments.apps", "", true},
		{"patch", "deployments.apps", "shop", false},
		{"create", "pods", "shop", false},
		{"create", "pods/exec", "shop", false},
		{"watch", "launchreadinesses.launchready.dev", "", true},
		{"patch", "launchreadinesses/status.launchready.dev", "shop", true},
		{"create", "launchreadinesses.launchready.dev", "shop", false},
		{"delete", "launchreadinesses.launchready.dev", "shop", false},
		{"create", "launchreports.launchready.dev", "shop", true},
		{"delete", "launchreports.launchready.dev", "shop", false},
		{"create", "launchwaivers.launchready.dev", "shop", false},
		{"patch", "launchwaivers.launchready.dev", "shop", false},
		{"patch", "launchwaivers/status.launchready.dev", "shop", true},
		{"patch", "launchpolicies.launchready.dev", "", false},
		{"patch", "launchpolicies/status.launchready.dev", "", true},
		{"update", "leases.coordination.k8s.io", operatorNamespace, true},
		{"update", "leases.coordination.k8s.io", "shop", false},
		{"create", "events.events.k8s.io", "shop", true},
		{"create", "events", operatorNamespace, true},
		{"create", "events", "shop", false},
		{"create", "subjectaccessreviews.authorization.k8s.io", "", true},
		{"list", "clusterroles.rbac.authorization.k8s.io", "", true},
		{"list", "rolebindings.rbac.authorization.k8s.io", "shop", true},
		{"watch", "rolebindings.rbac.authorization.k8s.io", "shop", false},
		{"create", "rolebindings.rbac.authorization.k8s.io", "shop", false},
		{"bind", "clusterroles.rbac.authorization.k8s.io", "", false},
		{"escalate", "clusterroles.rbac.authorization.k8s.io", "", false},
		{"impersonate", "users", "", false},
		{"create", "serviceaccounts/token", operatorNamespace, false},
	}
	for _, tt := range tests {
		t.Run(strings.Join([]string{tt.verb, tt.resource, tt.namespace}, " "), func(t *testing.T) {
			name, group, _ := strings.Cut(tt.resource, ".")
			name, sub, _ := strings.Cut(name, "/")
			asked := authorizationv1.ResourceAttributes{Namespace: tt.namespace, Verb: tt.verb, Group: group, Resource: name, Subresource: sub}
			if have := allowed(t, operator, asked); have != tt.want {
				t.Errorf("allowed: %t, want %t", have, tt.want)
			}
		})
	}
}

// The same by real requests, for a review only says what the answer would be.
func TestTheOperatorGetsASecretByNameAndNoList(t *testing.T) {
	bindRoles(t)
	config := rest.CopyConfig(server.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + operatorNamespace + ":launchready-manager"}
	operator, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	namespace := newNamespace(t)
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "db"}})

	if _, err := operator.CoreV1().Secrets(namespace).Get(t.Context(), "db", metav1.GetOptions{}); err != nil {
		t.Errorf("getting a Secret by its name: %v", err)
	}
	if _, err := operator.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing Secrets: want forbidden, got %v", err)
	}
	if _, err := operator.CoreV1().Secrets("").Watch(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("watching Secrets: want forbidden, got %v", err)
	}
}

// roles are all that config/default would install.
func roles(t *testing.T) []role {
	t.Helper()
	var all []role
	for _, u := range kustomize(t, repository+"/config/default") {
		if u.GetKind() != "Role" && u.GetKind() != "ClusterRole" {
			continue
		}
		r := role{only: u.GetNamespace()}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &r.ClusterRole); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// bindRoles installs config/rbac, and gives each role to a user of its name. The controller that fills the roles view,
// edit and admin does not run here, so that what it would do is done by hand: their users get every role with the label.
// It returns when the API server has taken notice.
func bindRoles(t *testing.T) {
	t.Helper()
	ensureNamespace(t, operatorNamespace)
	mustKubectl(t, "", "apply", "--server-side", "-k", repository+"/config/rbac")
	for _, r := range roles(t) {
		if r.only != "" || r.Name == "launchready-manager" {
			continue
		}
		bind(t, r.Name, r.Name)
		for _, user := range []string{"view", "edit", "admin"} {
			if r.Labels[aggregate+user] == "true" {
				bind(t, user, r.Name)
			}
		}
	}
	read := func(resource string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{Namespace: "shop", Verb: "get", Group: "launchready.dev", Resource: resource}
	}
	operator := "system:serviceaccount:" + operatorNamespace + ":launchready-manager"
	lease := authorizationv1.ResourceAttributes{Namespace: operatorNamespace, Verb: "get", Group: "coordination.k8s.io", Resource: "leases"}
	deletion := authorizationv1.ResourceAttributes{Namespace: "shop", Verb: "delete", Group: "launchready.dev", Resource: "launchreports"}
	eventually(t, func() string {
		for _, known := range []struct {
			user string
			may  authorizationv1.ResourceAttributes
		}{
			{"view", read("launchreadinesses")},
			{"edit", read("launchreports")},
			{"edit", read("launchwaivers")},
			{"admin", deletion},
			{"admin", read("launchreports")},
			{"admin", read("launchwaivers")},
			{"launchready-waivers", read("launchwaivers")},
			{"launchready-policies", read("launchpolicies")},
			{operator, read("launchreadinesses")},
			{operator, lease},
		} {
			if !allowed(t, known.user, known.may) {
				return fmt.Sprintf("%s may not yet %s %s", known.user, known.may.Verb, known.may.Resource)
			}
		}
		return ""
	})
}

func bind(t *testing.T, user, name string) {
	t.Helper()
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "test-" + user + "-" + name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	if err := server.client.Create(t.Context(), binding); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// allowed asks the API server.
func allowed(t *testing.T, user string, what authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &what}}
	if err := server.client.Create(t.Context(), review); err != nil {
		t.Fatalf("asking whether %s may %s %s: %v", user, what.Verb, what.Resource, err)
	}
	return review.Status.Allowed
}
