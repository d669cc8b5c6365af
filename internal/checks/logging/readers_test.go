// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/logging"
)

// logs is the rule that lets read logs.
func logs(names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods/log"}, ResourceNames: names}
}

func role(namespace, name string, rules ...rbacv1.PolicyRule) rbacv1.Role {
	return rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: rules}
}

func clusterRole(name string, rules ...rbacv1.PolicyRule) rbacv1.ClusterRole {
	return rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

// binding binds "Role dev" in a namespace.
func binding(namespace, name, ref string, subjects ...rbacv1.Subject) rbacv1.RoleBinding {
	kind, to, _ := strings.Cut(ref, " ")
	return rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Subjects: subjects, RoleRef: rbacv1.RoleRef{Kind: kind, Name: to}}
}

func clusterBinding(name, ref string, subjects ...rbacv1.Subject) rbacv1.ClusterRoleBinding {
	b := binding("", name, ref, subjects...)
	return rbacv1.ClusterRoleBinding{ObjectMeta: b.ObjectMeta, Subjects: subjects, RoleRef: b.RoleRef}
}

func user(name string) rbacv1.Subject  { return rbacv1.Subject{Kind: "User", Name: name} }
func group(name string) rbacv1.Subject { return rbacv1.Subject{Kind: "Group", Name: name} }
func account(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name}
}

func TestGrantsLogs_StarsMeanWhatTheAPIServerSays(t *testing.T) {
	for name, test := range map[string]struct {
		change func(r *rbacv1.PolicyRule)
		want   bool
	}{
		"as it is":            {func(*rbacv1.PolicyRule) {}, true},
		"every verb":          {func(r *rbacv1.PolicyRule) { r.Verbs = []string{"*"} }, true},
		"list and watch":      {func(r *rbacv1.PolicyRule) { r.Verbs = []string{"list", "watch"} }, false},
		"among other verbs":   {func(r *rbacv1.PolicyRule) { r.Verbs = []string{"list", "get"} }, true},
		"no verb":             {func(r *rbacv1.PolicyRule) { r.Verbs = nil }, false},
		"every group":         {func(r *rbacv1.PolicyRule) { r.APIGroups = []string{"*"} }, true},
		"another group":       {func(r *rbacv1.PolicyRule) { r.APIGroups = []string{"apps"} }, false},
		"among other groups":  {func(r *rbacv1.PolicyRule) { r.APIGroups = []string{"apps", ""} }, true},
		"no group":            {func(r *rbacv1.PolicyRule) { r.APIGroups = nil }, false},
		"every resource":      {func(r *rbacv1.PolicyRule) { r.Resources = []string{"*"} }, true},
		"every log":           {func(r *rbacv1.PolicyRule) { r.Resources = []string{"*/log"} }, true},
		"pods":                {func(r *rbacv1.PolicyRule) { r.Resources = []string{"pods"} }, false},
		"pods with a star":    {func(r *rbacv1.PolicyRule) { r.Resources = []string{"pods/*"} }, false},
		"stars on both sides": {func(r *rbacv1.PolicyRule) { r.Resources = []string{"*/*"} }, false},
		"another subresource": {func(r *rbacv1.PolicyRule) { r.Resources = []string{"pods/status", "*/logs", "*/catalog"} }, false},
		"one pod":             {func(r *rbacv1.PolicyRule) { r.ResourceNames = []string{"chat-0"} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			rule := logs()
			test.change(&rule)
			if got := logging.GrantsLogs([]rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"*"}}, rule}); got != test.want {
				t.Errorf("%t, want %t: %+v", got, test.want, rule)
			}
		})
	}
}

func TestReaders(t *testing.T) {
	for name, test := range map[string]struct {
		access logging.Access
		want   []string
	}{
		"nobody is bound": {logging.Access{Roles: []rbacv1.Role{role("shop", "dev", logs())}}, nil},
		"a Role of the namespace": {logging.Access{
			Roles:        []rbacv1.Role{role("shop", "dev", logs())},
			RoleBindings: []rbacv1.RoleBinding{binding("shop", "devs", "Role dev", user("bob"), group("dev"), account("ci", "bot"))},
		}, []string{"Group dev: RoleBinding devs of Role dev", "ServiceAccount ci/bot: RoleBinding devs of Role dev", "User bob: RoleBinding devs of Role dev"}},
		"a ClusterRole, in the namespace": {logging.Access{
			ClusterRoles: []rbacv1.ClusterRole{clusterRole("view", logs())},
			RoleBindings: []rbacv1.RoleBinding{binding("shop", "devs", "ClusterRole view", user("bob"))},
		}, []string{"User bob: RoleBinding devs of ClusterRole view"}},
		"a ClusterRole, in the cluster": {logging.Access{
			ClusterRoles:        []rbacv1.ClusterRole{clusterRole("view", logs())},
			ClusterRoleBindings: []rbacv1.ClusterRoleBinding{clusterBinding("all", "ClusterRole view", user("bob"))},
		}, []string{"User bob: ClusterRoleBinding all of ClusterRole view"}},
		"another namespace": {logging.Access{
			Roles:        []rbacv1.Role{role("blog", "dev", logs())},
			ClusterRoles: []rbacv1.ClusterRole{clusterRole("view", logs())},
			RoleBindings: []rbacv1.RoleBinding{
				binding("blog", "devs", "Role dev", user("bob")), binding("blog", "more", "ClusterRole view", user("bob")), binding("shop", "devs", "Role dev", user("bob")),
			},
		}, nil},
		"a Role, bound in the cluster": {logging.Access{
			Roles:               []rbacv1.Role{role("shop", "dev", logs()), role("", "dev", logs())},
			ClusterRoleBindings: []rbacv1.ClusterRoleBinding{clusterBinding("all", "Role dev", user("bob"))},
		}, nil},
		"a role that is gone, and of another kind": {logging.Access{
			Roles: []rbacv1.Role{role("shop", "view", logs())},
			RoleBindings: []rbacv1.RoleBinding{
				binding("shop", "a", "ClusterRole view", user("bob")), binding("shop", "b", "Role gone", user("bob")), binding("shop", "c", "User view", user("bob")),
			},
		}, nil},
		"a role that grants something else": {logging.Access{
			Roles:        []rbacv1.Role{role("shop", "dev", rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}})},
			RoleBindings: []rbacv1.RoleBinding{binding("shop", "devs", "Role dev", user("bob"))},
		}, nil},
		"ServiceAccounts by all their names": {logging.Access{
			ClusterRoles: []rbacv1.ClusterRole{clusterRole("view", logs())},
			RoleBindings: []rbacv1.RoleBinding{
				binding("shop", "a", "ClusterRole view", user("system:serviceaccount:shop:chat")),
				binding("shop", "b", "ClusterRole view", account("", "chat")),
				binding("shop", "c", "ClusterRole view", user("system:serviceaccount:shop"), user("system:serviceaccount:shop:chat:x"), user("system:serviceaccount::chat")),
			},
			ClusterRoleBindings: []rbacv1.ClusterRoleBinding{clusterBinding("d", "ClusterRole view", account("shop", "chat"), account("", "nowhere"))},
		}, []string{
			"ServiceAccount shop/chat: ClusterRoleBinding d of ClusterRole view, RoleBinding a of ClusterRole view, RoleBinding b of ClusterRole view",
			"User system:serviceaccount::chat: RoleBinding c of ClusterRole view",
			"User system:serviceaccount:shop: RoleBinding c of ClusterRole view",
			"User system:serviceaccount:shop:chat:x: RoleBinding c of ClusterRole view",
		}},
		"some pods alone": {logging.Access{
			Roles:        []rbacv1.Role{role("shop", "dev", logs("chat-1", "other"), logs("chat-0")), role("shop", "other", logs("other"))},
			RoleBindings: []rbacv1.RoleBinding{binding("shop", "devs", "Role dev", user("bob")), binding("shop", "others", "Role other", user("eve"))},
		}, []string{"User bob: RoleBinding devs of Role dev; chat-0 chat-1"}},
		"some pods, and elsewhere all": {logging.Access{
			Roles:        []rbacv1.Role{role("shop", "dev", logs("chat-1"))},
			ClusterRoles: []rbacv1.ClusterRole{clusterRole("view", logs("chat-0"), logs())},
			RoleBindings: []rbacv1.RoleBinding{binding("shop", "b", "ClusterRole view", user("bob")), binding("shop", "a", "Role dev", user("bob"))},
		}, []string{"User bob: RoleBinding a of Role dev, RoleBinding b of ClusterRole view"}},
		"a kind of subject that nobody knows": {logging.Access{
			ClusterRoles: []rbacv1.ClusterRole{clusterRole("view", logs())},
			RoleBindings: []rbacv1.RoleBinding{binding("shop", "a", "ClusterRole view", rbacv1.Subject{Kind: "Robot", Name: "bob"})},
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range test.access.Readers("shop", []string{"chat-0", "chat-1"}) {
				line := r.String() + ": " + strings.Join(r.Bindings, ", ")
				if len(r.Pods) > 0 {
					line += "; " + strings.Join(r.Pods, " ")
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// bound makes the subjects, and the operator, readers of all logs.
func bound(subjects ...rbacv1.Subject) logging.Access {
	const operator = "launchready-manager"
	return logging.Access{
		Operator:     "system:serviceaccount:launchready-system:" + operator,
		ClusterRoles: []rbacv1.ClusterRole{clusterRole("view", logs())},
		RoleBindings: []rbacv1.RoleBinding{binding("shop", "devs", "ClusterRole view", append(subjects, account("launchready-system", operator))...)},
	}
}

func TestJudge_TellsWhoMayReadTheLogs(t *testing.T) {
	const low, medium, high = v1alpha1.SeverityLow, v1alpha1.SeverityMedium, v1alpha1.SeverityHigh
	for name, test := range map[string]struct {
		subject  rbacv1.Subject
		severity v1alpha1.Severity // none where it is expected
		words    []string
	}{
		"a user":                      {user("bob"), low, []string{"User bob may read the logs of all pods here", "RoleBinding devs of ClusterRole view", "`{kind: User, name: bob}`"}},
		"a group":                     {group("dev"), low, []string{"Group dev"}},
		"administrators":              {group("system:masters"), "", nil},
		"nodes":                       {group("system:nodes"), "", nil},
		"the scheduler":               {user("system:kube-scheduler"), "", nil},
		"a node":                      {user("system:node:one"), "", nil},
		"kubeadm's administrators":    {group("kubeadm:cluster-admins"), low, nil},
		"another group of the system": {group("system:monitoring"), low, nil},
		"a namespace's accounts":      {group("system:serviceaccounts:shop"), low, nil},
		"a controller":                {account("kube-system", "namespace-controller"), "", nil},
		"the garbage collector":       {account("kube-system", "generic-garbage-collector"), "", nil},
		"an add-on":                   {account("kube-system", "dashboard"), low, []string{"ServiceAccount kube-system/dashboard"}},
		"one of a controller's name":  {account("shop", "namespace-controller"), low, nil},
		"the app itself": {account("shop", "chat"), low, []string{
			"ServiceAccount shop/chat, as which Deployment shop/chat, Deployment shop/web runs, may read", "`{kind: ServiceAccount, name: chat, namespace: shop}`",
		}},
		"an app elsewhere":           {account("blog", "chat"), low, []string{"ServiceAccount blog/chat may read"}},
		"everybody":                  {group("system:authenticated"), medium, []string{"everybody with an account", "bind those alone"}},
		"all pods":                   {group("system:serviceaccounts"), medium, []string{"each of the cluster's pods"}},
		"strangers":                  {group("system:unauthenticated"), high, []string{"without credentials"}},
		"strangers by name":          {user("system:anonymous"), high, []string{"without credentials"}},
		"a group of a user's name":   {group("system:anonymous"), low, nil},
		"a listed group":             {group("platform"), "", nil},
		"a user of a group's name":   {user("platform"), low, nil},
		"a listed account":           {account("logging", "shipper"), "", nil},
		"by its user name":           {user("system:serviceaccount:logging:shipper"), "", nil},
		"one listed without its own": {account("shop", "debugger"), "", nil},
		"of the same name elsewhere": {account("blog", "debugger"), low, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			w.in.Access = bound(test.subject)
			w.in.RunsAs = []logging.RunsAs{{Workload: "Deployment shop/web", ServiceAccount: "chat"}, {Workload: "Deployment shop/chat", ServiceAccount: "chat"}}
			w.in.Expected = []v1alpha1.LogReader{
				{Kind: v1alpha1.ReaderGroup, Name: "platform"},
				{Kind: v1alpha1.ReaderServiceAccount, Namespace: "logging", Name: "shipper"},
				{Kind: v1alpha1.ReaderServiceAccount, Name: "debugger"},
				{Kind: v1alpha1.ReaderGroup, Name: "system:authenticated"},
			}
			o := w.judge()
			if test.severity == "" {
				if len(o.Findings) > 0 {
					t.Errorf("%+v", o.Findings)
				}
				return
			}
			if len(o.Findings) != 1 {
				t.Fatalf("%d findings: %+v", len(o.Findings), o.Findings)
			}
			f, rule, verdict, reason, fault := o.Findings[0].API(), "LogsReadableByAll", v1alpha1.VerdictFail, "LogsReadableByAll", v1alpha1.Fault("")
			if test.severity == low {
				rule, verdict, reason = "LogsReadable", v1alpha1.VerdictPass, v1alpha1.ReasonPassed
			}
			expect(t, o, verdict, reason, fault)
			if f.Severity != test.severity || f.Rule != rule || f.Place != "Namespace shop: pods/log" {
				t.Errorf("%s %s at %s", f.Severity, f.Rule, f.Place)
			}
			if (f.Reproduce == "") != (test.severity == high) {
				t.Errorf("the command is %q", f.Reproduce)
			}
			for _, word := range test.words {
				if !strings.Contains(f.Message+" "+f.Remedy, word) {
					t.Errorf("%q is not in %q, %q", word, f.Message, f.Remedy)
				}
			}
		})
	}
}

func TestJudge_TellsTwentyReaders(t *testing.T) {
	w := healthy(t)
	many := func(n int) []rbacv1.Subject {
		subjects := []rbacv1.Subject{group("system:unauthenticated"), group("system:masters")}
		for i := range n {
			subjects = append(subjects, user(fmt.Sprintf("u%02d", i)))
		}
		return subjects
	}
	var fingerprints []string
	for _, n := range []int{20, 21, 40} {
		w.in.Access = bound(many(n)...)
		o := w.judge()
		if want := min(n, 21) + 1; len(o.Findings) != want {
			t.Errorf("%d findings of %d readers, want %d", len(o.Findings), n, want)
		}
		for _, f := range o.Findings {
			if a := f.API(); strings.HasPrefix(a.Message, fmt.Sprint(n-20)+" more may read logs here.") {
				fingerprints = append(fingerprints, a.Fingerprint)
			}
		}
	}
	if len(fingerprints) != 2 || fingerprints[0] != fingerprints[1] {
		t.Errorf("the rest is told as %v", fingerprints)
	}
}

func TestJudge_ReadersAreForeignText(t *testing.T) {
	w := healthy(t)
	w.in.Access = bound(user("\u202eevil"))
	w.in.Access.RoleBindings[0].Name = "\x1b[2J"
	o := w.judge()
	if command := o.Findings[0].API().Reproduce; command != "" {
		t.Errorf("%q is to be typed into a shell", command)
	}
	if text := fmt.Sprintf("%+v", o.Findings); !strings.Contains(text, `\u{202E}evil`) || strings.ContainsAny(text, "\u202e\x1b") {
		t.Errorf("%q", text)
	}
	// However long it is, there is room for the rest.
	w.in.Access = bound(user(strings.Repeat("u", 2000)))
	w.in.Access.RoleBindings[0].Name = strings.Repeat("b", 2000)
	if m := w.judge().Findings[0].API().Message; !strings.Contains(m, "… may read the logs of all pods here, by RoleBinding bbb") || !strings.HasSuffix(m, "….") {
		t.Errorf("%s", m)
	}
}

func TestJudge_ReadersOfSomePods(t *testing.T) {
	w := healthy(t)
	w.in.Pods = []string{"chat-0", "chat-1"}
	w.in.Access = bound()
	w.in.Access.Roles = []rbacv1.Role{role("shop", "one", logs("chat-1")), role("shop", "other", logs("blog-0"))}
	w.in.Access.RoleBindings = append(w.in.Access.RoleBindings, binding("shop", "one", "Role one", user("bob")), binding("shop", "other", "Role other", user("eve")))
	o := w.judge()
	if len(o.Findings) != 1 || !strings.Contains(o.Findings[0].API().Message, "User bob may read the logs of the pods chat-1 alone here") {
		t.Errorf("%+v", o.Findings)
	}
}

func TestJudge_SaysWhenItIsNotKnownWhoMayReadTheLogs(t *testing.T) {
	const unknown = "Who may read the logs is not known"
	for name, test := range map[string]struct {
		change   func(a *logging.Access)
		words    []string // none where it is known
		findings int
	}{
		"all is known":     {func(*logging.Access) {}, nil, 1},
		"by the own group": {func(a *logging.Access) { a.Operator, a.OperatorGroups = "root", []string{"dev", "ops"} }, nil, 2},
		"no role names the operator": {func(a *logging.Access) {
			a.RoleBindings[0].Subjects = a.RoleBindings[0].Subjects[:1]
		}, []string{"something else than RBAC"}, 1},
		"another has its name": {func(a *logging.Access) { a.Operator = "launchready-manager" }, []string{"something else than RBAC"}, 2},
		"some could not be listed": {func(a *logging.Access) {
			a.Unlisted = []string{"ClusterRoles", "ClusterRoleBindings"}
		}, []string{"could not list ClusterRoles, ClusterRoleBindings"}, 1},
		"nothing could be listed": {func(a *logging.Access) { *a = logging.Access{Unlisted: []string{"Roles"}} }, []string{"could not list Roles"}, 0},
		"nothing was listed":      {func(a *logging.Access) { *a = logging.Access{} }, []string{"something else than RBAC"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			w.in.Access = bound(group("dev"))
			test.change(&w.in.Access)
			o := w.judge()
			expect(t, o, v1alpha1.VerdictPass, v1alpha1.ReasonPassed, "", test.words...)
			if strings.Contains(o.Message, unknown) != (test.words != nil) || strings.Contains(o.Control, unknown) != (test.words != nil) {
				t.Errorf("%s", o.Message)
			}
			if len(o.Findings) != test.findings {
				t.Errorf("%d findings, want %d: %v", len(o.Findings), test.findings, told(o))
			}
		})
	}
}

func TestJudge_ThatEverybodyMayReadFailsWhatCouldNotBeMeasured(t *testing.T) {
	w := healthy(t)
	w.logs = nil
	w.in.Access = bound(group("system:authenticated"), group("dev"))
	expect(t, w.judge(), v1alpha1.VerdictFail, "LogsReadableByAll", "", "Group system:authenticated", "Besides", "No log has the id")
	w.in.Access = bound(group("dev"))
	expect(t, w.judge(), v1alpha1.VerdictUnknown, v1alpha1.ReasonNoPositiveControl, v1alpha1.FaultApp)
}

func TestReaders_AreTheSameInAnyOrder(t *testing.T) {
	a := bound(user("bob"), group("dev"), account("shop", "chat"))
	a.RoleBindings = append(a.RoleBindings, binding("shop", "again", "ClusterRole view", group("dev"), user("bob")))
	b := a
	b.RoleBindings = slices.Clone(a.RoleBindings)
	slices.Reverse(b.RoleBindings)
	if diff := cmp.Diff(a.Readers("shop", nil), b.Readers("shop", nil)); diff != "" {
		t.Errorf("(-one +other):\n%s", diff)
	}
}
