// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/checks/logging"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/launch"
)

// readsLogs is the rule that lets read logs.
func readsLogs(names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods/log"}, ResourceNames: names}
}

// bindHere binds a new Role with the rules in the test's namespace.
func (h *harness) bindHere(name string, subjects []rbacv1.Subject, rules ...rbacv1.PolicyRule) {
	h.Helper()
	h.create(
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules},
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}},
	)
}

// inCluster creates what lies in no namespace, until the test ends.
func (h *harness) inCluster(objects ...client.Object) {
	h.Helper()
	for _, obj := range objects {
		if err := h.client.Create(h.Context(), obj); err != nil {
			h.Fatal(err)
		}
		h.Cleanup(func() {
			if err := h.client.Delete(context.WithoutCancel(h.Context()), obj); err != nil {
				h.Error(err)
			}
		})
	}
}

// accessSeen gives what the operator sees of RBAC, through a client.
func (h *harness) accessSeen(c client.Client) logging.Access {
	h.restart(c)
	lr := newLaunch("chat", "chat")
	lr.Namespace = h.namespace
	return suiteRun{r: h.reconciler, app: &launch.App{Launch: lr}}.access(h.Context())
}

func subjectsOf(names ...string) []rbacv1.Subject {
	var subjects []rbacv1.Subject
	for _, name := range names {
		kind, name, _ := strings.Cut(name, " ")
		s := rbacv1.Subject{Kind: kind, Name: name, APIGroup: rbacv1.GroupName}
		if kind == rbacv1.ServiceAccountKind {
			s.APIGroup = ""
			s.Namespace, s.Name, _ = strings.Cut(name, "/")
		}
		subjects = append(subjects, s)
	}
	return subjects
}

// mayRead asks the API server whether an account may read a pod's log.
func (h *harness) mayRead(a logging.Account, pod string) bool {
	h.Helper()
	spec := authorizationv1.SubjectAccessReviewSpec{User: "nobody", ResourceAttributes: &authorizationv1.ResourceAttributes{
		Namespace: h.namespace, Verb: "get", Resource: "pods", Subresource: "log", Name: pod,
	}}
	switch a.Kind {
	case v1alpha1.ReaderUser:
		spec.User = a.Name
	case v1alpha1.ReaderGroup:
		spec.Groups = []string{a.Name}
	case v1alpha1.ReaderServiceAccount:
		spec.User = "system:serviceaccount:" + a.Namespace + ":" + a.Name
	}
	review := &authorizationv1.SubjectAccessReview{Spec: spec}
	if err := h.client.Create(h.Context(), review); err != nil {
		h.Fatal(err)
	}
	return review.Status.Allowed
}

// soon says whether something comes true within twenty seconds.
func soon(t *testing.T, is func() bool) bool {
	t.Helper()
	return wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) { return is(), nil }) == nil
}

// rulesToTry are rules about logs, and such as look like it, by a name.
func rulesToTry() map[string][]rbacv1.PolicyRule {
	rule := func(verbs, groups, resources string, names ...string) []rbacv1.PolicyRule {
		return []rbacv1.PolicyRule{{Verbs: strings.Split(verbs, " "), APIGroups: strings.Split(groups, " "), Resources: strings.Split(resources, " "), ResourceNames: names}}
	}
	return map[string][]rbacv1.PolicyRule{
		"plain": rule("get", "", "pods/log"), "among-others": rule("list get", "apps ", "pods pods/log"), "every-verb": rule("*", "", "pods/log"),
		"every-group": rule("get", "*", "pods/log"), "every-resource": rule("get", "", "*"), "every-log": rule("get", "", "*/log"), "everything": rule("*", "*", "*"),
		"star-behind": rule("get", "", "pods/*"), "stars": rule("get", "", "*/*"), "no-slash": rule("get", "", "*log"), "longer": rule("get", "", "*/blog */logs"),
		"pods": rule("*", "", "pods"), "other-group": rule("*", "apps", "*"), "other-verbs": rule("list watch create", "", "pods/log"),
		"prefix-of-verb": rule("ge* get*", "", "pods/log"), "one-pod": rule("get", "", "pods/log", "chat-0"), "other-pod": rule("get", "", "pods/log", "blog-0"),
		"star-as-name": rule("get", "", "pods/log", "*"), "two-rules": append(rule("get", "", "pods/log", "chat-1"), rule("get", "", "*/log", "chat-0")...),
		"one-and-all": append(rule("get", "", "pods/log", "chat-1"), rule("*", "", "*")...), "nothing": nil,
	}
}

// What is computed from roles and bindings is held against what the API server says itself.
func TestReadersAreThoseWhomTheAPIServerLets(t *testing.T) {
	h := newHarness(t)
	pods := []string{"chat-0", "chat-1"}
	var accounts []string
	for name, rules := range rulesToTry() {
		own := []string{"User user-" + name, "Group group-" + name, "ServiceAccount " + h.namespace + "/" + name, "ServiceAccount elsewhere/" + name}
		accounts = append(accounts, own...)
		h.bindHere(name, subjectsOf(own...), rules...)
		inCluster := []string{"User anywhere-" + name, "ServiceAccount anywhere/" + name}
		accounts = append(accounts, inCluster...)
		full := h.namespace + "-" + name
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: full}
		byCluster := []string{"User here-" + name}
		accounts = append(accounts, byCluster...)
		h.inCluster(
			&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: full}, Rules: rules},
			&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: full}, RoleRef: ref, Subjects: subjectsOf(inCluster...)},
		)
		h.create(&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "by-cluster-" + name}, RoleRef: ref, Subjects: subjectsOf(byCluster...)})
	}
	h.create(
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "gone"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "gone"}, Subjects: subjectsOf("User of-nothing")},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "user-name"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "plain"},
			Subjects: subjectsOf("User system:serviceaccount:" + h.namespace + ":by-user-name"),
		},
	)
	accounts = append(accounts, "User of-nothing", "ServiceAccount "+h.namespace+"/by-user-name")

	readers := h.accessSeen(h.client).Readers(h.namespace, pods)
	compare := func() []string {
		var wrong []string
		for _, s := range subjectsOf(accounts...) {
			a := logging.Account{Kind: v1alpha1.LogReaderKind(s.Kind), Namespace: s.Namespace, Name: s.Name}
			i := slices.IndexFunc(readers, func(r logging.Reader) bool { return r.Account == a })
			for _, pod := range append(pods, "another") {
				says := i >= 0 && (len(readers[i].Pods) == 0 || slices.Contains(readers[i].Pods, pod))
				if lets := h.mayRead(a, pod); says != lets {
					wrong = append(wrong, fmt.Sprintf("%s and %s: %t, the API server says %t", a, pod, says, lets))
				}
			}
		}
		return wrong
	}
	// The API server itself takes notice of new roles a little later.
	var wrong []string
	if !soon(t, func() bool { wrong = compare(); return len(wrong) == 0 }) {
		t.Errorf("%d differ:\n%s", len(wrong), strings.Join(wrong, "\n"))
	}
	if n := len(readers); n < 40 || n > len(accounts) {
		t.Errorf("%d of %d accounts are readers, so that this shows little", n, len(accounts))
	}
}

func TestTheClustersOwnRolesAreNoFinding(t *testing.T) {
	h := newHarness(t)
	var names []string
	for _, r := range h.accessSeen(h.client).Readers(h.namespace, nil) {
		names = append(names, r.String())
	}
	want := []string{"Group system:masters", "ServiceAccount kube-system/generic-garbage-collector", "ServiceAccount kube-system/namespace-controller"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("who may read logs in a new cluster (-want +got):\n%s", diff)
	}
	p := newProbed(t)
	o, _ := p.logged(t, "default", func(_ logmark.Markers, id logmark.RequestID) string { return id.UUID })
	if len(o.Findings) > 0 || strings.Contains(o.Control, "not known") {
		t.Errorf("%s: %+v", o.Control, o.Findings)
	}
}

func TestWhoMayReadTheLogsIsAFinding(t *testing.T) {
	p := newProbed(t)
	p.launch.Spec.Logging = &v1alpha1.Logging{Sinks: []v1alpha1.LogSink{}, Readers: []v1alpha1.LogReader{{Kind: v1alpha1.ReaderGroup, Name: "platform-team"}}}
	p.bindHere("readers", subjectsOf("Group platform-team", "User dana", "ServiceAccount "+p.namespace+"/chat"), readsLogs())
	p.bindHere("one-pod", subjectsOf("User eve"), readsLogs("chat-logged"))
	p.bindHere("other-pod", subjectsOf("User mallory"), readsLogs("chat"))
	judge := func() map[string]v1alpha1.Severity {
		o, _ := p.logged(t, "chat", func(_ logmark.Markers, id logmark.RequestID) string { return id.UUID })
		messages := map[string]v1alpha1.Severity{}
		for _, f := range o.Findings {
			messages[strings.ReplaceAll(f.API().Message, p.namespace, "shop")] = f.API().Severity
		}
		if err := p.client.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace(p.namespace), client.GracePeriodSeconds(0)); err != nil {
			t.Fatal(err)
		}
		return messages
	}
	want := map[string]v1alpha1.Severity{
		"User dana may read the logs of all pods here, by RoleBinding readers of Role readers.":                                                     v1alpha1.SeverityLow,
		"User eve may read the logs of the pods chat-logged alone here, by RoleBinding one-pod of Role one-pod.":                                    v1alpha1.SeverityLow,
		"ServiceAccount shop/chat, as which Deployment shop/chat runs, may read the logs of all pods here, by RoleBinding readers of Role readers.": v1alpha1.SeverityLow,
	}
	if diff := cmp.Diff(want, judge()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The role view holds nothing here: what fills it from this one does not run.
	p.inCluster(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: p.namespace}, Subjects: subjectsOf("Group system:authenticated"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:aggregate-to-view"},
	})
	want["Group system:authenticated, that is everybody with an account of the cluster, each of its pods with a token among them, may read the logs of all pods here, by ClusterRoleBinding shop of ClusterRole system:aggregate-to-view."] = v1alpha1.SeverityMedium
	if diff := cmp.Diff(want, judge()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnOperatorThatMayNotReadRolesSaysSo(t *testing.T) {
	h := newHarness(t)
	h.bindHere("readers", subjectsOf("User dana"), readsLogs())
	config := rest.CopyConfig(apiServer)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + h.namespace + ":operator"}
	c, err := client.New(config, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	a := h.accessSeen(c)
	if diff := cmp.Diff([]string{"Roles", "RoleBindings", "ClusterRoles", "ClusterRoleBindings"}, a.Unlisted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := "system:serviceaccount:" + h.namespace + ":operator"; a.Operator != want || !slices.Contains(a.OperatorGroups, "system:serviceaccounts") {
		t.Errorf("it is %s of %v, want %s", a.Operator, a.OperatorGroups, want)
	}
	if readers := a.Readers(h.namespace, nil); len(readers) > 0 {
		t.Errorf("%+v", readers)
	}

	// In the namespaces that it watches alone it may list what is in them.
	h.bindHere("operator", subjectsOf("ServiceAccount "+h.namespace+"/operator"), readsLogs(),
		rbacv1.PolicyRule{Verbs: []string{"list"}, APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings"}})
	soon(t, func() bool { a = h.accessSeen(c); return len(a.Unlisted) == 2 })
	if diff := cmp.Diff([]string{"ClusterRoles", "ClusterRoleBindings"}, a.Unlisted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var names []string
	for _, r := range a.Readers(h.namespace, nil) {
		names = append(names, r.String())
	}
	if diff := cmp.Diff([]string{"ServiceAccount " + h.namespace + "/operator", "User dana"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheOperatorsOwnRoleIsEnoughToKnowWhoReads(t *testing.T) {
	h := newHarness(t)
	text, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(string(text), "---\n"), "\n---\n")
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict([]byte(first), role); err != nil {
		t.Fatal(err)
	}
	role.Name = h.namespace
	operator := "ServiceAccount " + h.namespace + "/operator"
	h.inCluster(role, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: h.namespace}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: h.namespace}, Subjects: subjectsOf(operator),
	})
	config := rest.CopyConfig(apiServer)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + h.namespace + ":operator"}
	c, err := client.New(config, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	var a logging.Access
	if !soon(t, func() bool { a = h.accessSeen(c); return len(a.Unlisted) == 0 }) {
		t.Fatalf("it may not list %v", a.Unlisted)
	}
	if !slices.ContainsFunc(a.Readers(h.namespace, nil), func(r logging.Reader) bool { return r.String() == operator }) {
		t.Errorf("%s does not find itself", operator)
	}
}

// nameless is a client of an API server that does not say who somebody is.
type nameless struct{ client.Client }

func (nameless) Create(context.Context, client.Object, ...client.CreateOption) error {
	return errors.New("refused")
}

func TestAnOperatorThatDoesNotKnowItselfFindsNobody(t *testing.T) {
	h := newHarness(t)
	h.bindHere("readers", subjectsOf("User dana"), readsLogs())
	a := h.accessSeen(nameless{h.client})
	if len(a.Unlisted) != 1 || len(a.Readers(h.namespace, nil)) > 0 {
		t.Errorf("%+v", a)
	}
}

// pages gives one Role a page, three in all, or fails at one.
type pages struct {
	client.Reader
	failAt string
	asked  *int
}

func (p pages) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	next := map[string]string{"": "b", "b": "c", "c": ""}
	if *p.asked++; *p.asked > len(next) || o.Limit != accessPage || o.Namespace != "shop" || o.Continue == p.failAt {
		return fmt.Errorf("asked for %d of %s from %q", o.Limit, o.Namespace, o.Continue)
	}
	roles, ok := list.(*rbacv1.RoleList)
	if !ok {
		return fmt.Errorf("asked for %T", list)
	}
	roles.Items = []rbacv1.Role{{ObjectMeta: metav1.ObjectMeta{Name: "role-" + o.Continue}}}
	if to := next[o.Continue]; to != "" {
		roles.Continue = to // as on the wire, where nothing is said of what is empty
	}
	return nil
}

func TestRolesAreReadToTheLastPage(t *testing.T) {
	for failAt, want := range map[string][]string{"none": {"role-", "role-b", "role-c"}, "c": {"role-", "role-b"}} {
		var names []string
		err := eachPage(t.Context(), pages{failAt: failAt, asked: new(int)}, func() *rbacv1.RoleList { return &rbacv1.RoleList{} }, func(l *rbacv1.RoleList) {
			for _, r := range l.Items {
				names = append(names, r.Name)
			}
		}, client.InNamespace("shop"))
		if (err != nil) != (failAt == "c") {
			t.Errorf("fails at %s: %v", failAt, err)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("fails at %s (-want +got):\n%s", failAt, diff)
		}
	}
}
