// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// What is read of logs: the verb, and the resource in the API group "".
const (
	readVerb     = "get"
	readResource = "pods/log"
	// anyLog is the resource of all logs, whatever they are of.
	anyLog = "*/log"
	// saPrefix begins the user name of a ServiceAccount: system:serviceaccount:shop:chat.
	saPrefix = "system:serviceaccount:"
	// systemPrefix begins the names that Kubernetes keeps to itself.
	systemPrefix = "system:"
)

// Access is what RBAC says in a namespace: its own roles and bindings, and those of the cluster.
type Access struct {
	Roles               []rbacv1.Role
	RoleBindings        []rbacv1.RoleBinding
	ClusterRoles        []rbacv1.ClusterRole
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	// Unlisted are the kinds that could not be listed, so that nothing is known of theirs.
	Unlisted []string
	// Operator is the user name by which the API server knows the operator, and OperatorGroups are its groups.
	Operator       string
	OperatorGroups []string
}

// Account is somebody whom a binding names.
type Account struct {
	Kind v1alpha1.LogReaderKind
	// Namespace of a ServiceAccount.
	Namespace string
	Name      string
}

// String gives "ServiceAccount shop/chat" or "Group dev".
func (a Account) String() string {
	if a.Namespace != "" {
		return fmt.Sprintf("%s %s/%s", a.Kind, a.Namespace, a.Name)
	}
	return fmt.Sprintf("%s %s", a.Kind, a.Name)
}

// Reader may read logs.
type Reader struct {
	Account
	// Bindings that say so: "RoleBinding dev of ClusterRole view".
	Bindings []string
	// Pods are the names of the only ones whose logs it may read; none where it may read those of all.
	Pods []string
}

// Readers gives those who may read the logs of at least one of the pods in the namespace, by the rules of Kubernetes' RBAC authorizer
// (k8s.io/kubernetes/pkg/registry/rbac/validation). The rules of aggregated ClusterRoles stand in them, as their controller put them there.
func (a Access) Readers(namespace string, pods []string) []Reader {
	found := map[Account]*Reader{}
	all := map[Account]bool{}
	add := func(binding string, subjects []rbacv1.Subject, home string, s scope) {
		for _, subject := range subjects {
			account, ok := accountOf(subject, home)
			if !ok {
				continue
			}
			if found[account] == nil {
				found[account] = &Reader{Account: account}
			}
			r := found[account]
			r.Bindings = append(r.Bindings, binding)
			r.Pods = append(r.Pods, s.pods...)
			all[account] = all[account] || s.all
		}
	}
	for _, b := range a.RoleBindings {
		if s := a.granted(b.RoleRef, namespace, pods); b.Namespace == namespace && s.some() {
			add(fmt.Sprintf("RoleBinding %s of %s %s", b.Name, b.RoleRef.Kind, b.RoleRef.Name), b.Subjects, namespace, s)
		}
	}
	for _, b := range a.ClusterRoleBindings {
		if s := a.granted(b.RoleRef, "", pods); s.some() {
			add(fmt.Sprintf("ClusterRoleBinding %s of %s %s", b.Name, b.RoleRef.Kind, b.RoleRef.Name), b.Subjects, "", s)
		}
	}
	var readers []Reader
	for account, r := range found {
		r.Bindings, r.Pods = sorted(r.Bindings), sorted(r.Pods)
		if all[account] {
			r.Pods = nil
		}
		readers = append(readers, *r)
	}
	slices.SortFunc(readers, func(x, y Reader) int { return cmp.Compare(x.String(), y.String()) })
	return readers
}

// scope is whose logs a role lets read: those of all pods, or of some.
type scope struct {
	all  bool
	pods []string
}

func (s scope) some() bool { return s.all || len(s.pods) > 0 }

// granted gives what a binding's role grants. Bindings of the cluster have no namespace, and no roles of one.
func (a Access) granted(ref rbacv1.RoleRef, namespace string, pods []string) scope {
	switch ref.Kind {
	case "Role":
		for _, r := range a.Roles {
			if namespace != "" && r.Namespace == namespace && r.Name == ref.Name {
				return scopeOf(r.Rules, pods)
			}
		}
	case "ClusterRole":
		for _, r := range a.ClusterRoles {
			if r.Name == ref.Name {
				return scopeOf(r.Rules, pods)
			}
		}
	}
	return scope{}
}

// GrantsLogs says whether rules let somebody read a log, be it that of one pod.
func GrantsLogs(rules []rbacv1.PolicyRule) bool { return slices.ContainsFunc(rules, readsLogs) }

func scopeOf(rules []rbacv1.PolicyRule, pods []string) scope {
	var s scope
	for _, rule := range rules {
		if !readsLogs(rule) {
			continue
		}
		if len(rule.ResourceNames) == 0 {
			return scope{all: true}
		}
		for _, pod := range pods {
			if slices.Contains(rule.ResourceNames, pod) {
				s.pods = append(s.pods, pod)
			}
		}
	}
	return s
}

// readsLogs is VerbMatches, APIGroupMatches and ResourceMatches of k8s.io/kubernetes/pkg/apis/rbac/v1/evaluation_helpers.go. A star
// stands for everything when it stands alone, and in front of a subresource, but not behind a resource: "pods/*" is nothing.
func readsLogs(rule rbacv1.PolicyRule) bool {
	has := func(list []string, one ...string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return slices.Contains(one, s) })
	}
	return has(rule.Verbs, readVerb, rbacv1.VerbAll) && has(rule.APIGroups, "", rbacv1.APIGroupAll) &&
		has(rule.Resources, readResource, anyLog, rbacv1.ResourceAll)
}

// accountOf gives whom a subject names. A ServiceAccount without a namespace is that of its binding's. By its user name it is the same.
func accountOf(s rbacv1.Subject, home string) (Account, bool) {
	switch s.Kind {
	case rbacv1.UserKind:
		return userOf(s.Name), true
	case rbacv1.GroupKind:
		return Account{Kind: v1alpha1.ReaderGroup, Name: s.Name}, true
	case rbacv1.ServiceAccountKind:
		a := Account{Kind: v1alpha1.ReaderServiceAccount, Namespace: cmp.Or(s.Namespace, home), Name: s.Name}
		return a, a.Namespace != ""
	}
	return Account{}, false
}

// userOf gives who has a user name.
func userOf(name string) Account {
	if rest, is := strings.CutPrefix(name, saPrefix); is {
		if namespace, own, ok := strings.Cut(rest, ":"); ok && namespace != "" && own != "" && !strings.Contains(own, ":") {
			return Account{Kind: v1alpha1.ReaderServiceAccount, Namespace: namespace, Name: own}
		}
	}
	return Account{Kind: v1alpha1.ReaderUser, Name: name}
}

// crowd is a subject that is everybody.
type crowd struct {
	severity v1alpha1.Severity
	who      string
}

// crowdOf gives what crowd an account is, if it is one. Somebody without credentials is a stranger.
func crowdOf(a Account) (crowd, bool) {
	switch a {
	case Account{Kind: v1alpha1.ReaderUser, Name: "system:anonymous"}, Account{Kind: v1alpha1.ReaderGroup, Name: "system:unauthenticated"}:
		return crowd{v1alpha1.SeverityHigh, "everybody who reaches the API server, if it lets requests in without credentials"}, true
	case Account{Kind: v1alpha1.ReaderGroup, Name: "system:authenticated"}:
		return crowd{v1alpha1.SeverityMedium, "everybody with an account of the cluster, each of its pods with a token among them"}, true
	case Account{Kind: v1alpha1.ReaderGroup, Name: "system:serviceaccounts"}:
		return crowd{v1alpha1.SeverityMedium, "each of the cluster's pods with a token"}, true
	}
	return crowd{}, false
}

// ofTheCluster says whether an account is the cluster's own: administrators that no role can stop, the control plane, and nodes,
// which have the logs. Other groups of systemPrefix hold accounts of all kinds.
func ofTheCluster(a Account) bool {
	switch a.Kind {
	case v1alpha1.ReaderUser:
		return strings.HasPrefix(a.Name, systemPrefix)
	case v1alpha1.ReaderGroup:
		return a.Name == "system:masters" || a.Name == "system:nodes"
	case v1alpha1.ReaderServiceAccount:
		// The two controllers of kube-controller-manager that may get whatever there is. Others in this namespace are add-ons.
		return a.Namespace == "kube-system" && (a.Name == "generic-garbage-collector" || a.Name == "namespace-controller")
	}
	return false
}

// expects says whether an account reads logs by right.
func (j *judgement) expects(a Account) bool {
	return ofTheCluster(a) || a == userOf(j.Access.Operator) || slices.ContainsFunc(j.Expected, func(r v1alpha1.LogReader) bool {
		listed := Account{Kind: r.Kind, Name: r.Name}
		if r.Kind == v1alpha1.ReaderServiceAccount {
			listed.Namespace = cmp.Or(r.Namespace, j.Namespace)
		}
		return a == listed
	})
}

// readers tells of those who may read the logs. Single ones fail nothing: it is for the team to know whom a leak would reach.
func (j *judgement) readers() {
	var unexpected []Reader
	for _, r := range j.Access.Readers(j.Namespace, j.Pods) {
		c, everybody := crowdOf(r.Account)
		switch {
		case everybody:
			j.readable(ruleEverybody, c.severity, r, fmt.Sprintf(", that is %s,", c.who),
				"Take the binding away, and bind those alone whose work is to read logs.")
		case !j.expects(r.Account):
			unexpected = append(unexpected, r)
		}
	}
	for i, r := range unexpected {
		if i == maxReaders {
			j.add(scorecard.Draft{
				Rule: ruleReaders, Severity: v1alpha1.SeverityLow, Identity: "more", Place: j.placeOfReaders(),
				Message: fmt.Sprintf("%d more may read logs here.", len(unexpected)-maxReaders),
				Remedy:  "See who has the bindings of the others, and those of ClusterRoles view, edit and admin.",
			})
			return
		}
		j.readable(ruleReaders, v1alpha1.SeverityLow, r, j.runs(r.Account), fmt.Sprintf(
			"Take `get` on `pods/log` away from it; or, if its work is to read logs, list it in spec.logging.readers: `%s`.", asListed(r.Account)))
	}
}

func (j *judgement) readable(rule string, severity v1alpha1.Severity, r Reader, aside, remedy string) {
	whose := "all pods"
	if len(r.Pods) > 0 {
		whose = "the pods " + scorecard.Foreign(listed(r.Pods)) + " alone"
	}
	j.add(scorecard.Draft{
		Rule: rule, Severity: severity, Identity: r.String(), Place: j.placeOfReaders(), Remedy: remedy, Reproduce: j.asked(r),
		Message: fmt.Sprintf("%s%s may read the logs of %s here, by %s.", scorecard.Foreign(r.String()), aside, whose, scorecard.Foreign(listed(r.Bindings))),
	})
}

// plain names mean nothing to a shell.
var plain = regexp.MustCompile(`^[A-Za-z0-9@.:/_-]+$`)

// asked gives the command that asks the API server the same of one reader; none where a shell might take its name for more, and of
// strangers, who may not ask.
func (j *judgement) asked(r Reader) string {
	if c, _ := crowdOf(r.Account); c.severity == v1alpha1.SeverityHigh {
		return ""
	}
	what := "pods"
	if len(r.Pods) > 0 {
		what += "/" + r.Pods[0]
	}
	as := "--as=" + r.Name
	switch r.Kind {
	case v1alpha1.ReaderGroup:
		as = "--as=nobody --as-group=" + r.Name
	case v1alpha1.ReaderServiceAccount:
		as = "--as=" + saPrefix + r.Namespace + ":" + r.Name
	case v1alpha1.ReaderUser:
	}
	for _, word := range []string{what, r.Name, j.Namespace} {
		if !plain.MatchString(word) {
			return ""
		}
	}
	return fmt.Sprintf("kubectl auth can-i get %s --subresource=log -n %s %s", what, j.Namespace, as)
}

func (j *judgement) placeOfReaders() string {
	return fmt.Sprintf("Namespace %s: pods/log", scorecard.Foreign(j.Namespace))
}

// runs says which of the app's workloads run as an account: whoever takes them over reads the logs of all.
func (j *judgement) runs(a Account) string {
	var workloads []string
	for _, r := range j.RunsAs {
		if a == (Account{Kind: v1alpha1.ReaderServiceAccount, Namespace: j.Namespace, Name: r.ServiceAccount}) {
			workloads = append(workloads, r.Workload)
		}
	}
	if len(workloads) == 0 {
		return ""
	}
	return fmt.Sprintf(", as which %s runs,", scorecard.Foreign(listed(workloads)))
}

// asListed gives an account as it stands in spec.logging.readers.
func asListed(a Account) string {
	if a.Namespace != "" {
		return fmt.Sprintf("{kind: %s, name: %s, namespace: %s}", a.Kind, scorecard.Foreign(a.Name), scorecard.Foreign(a.Namespace))
	}
	return fmt.Sprintf("{kind: %s, name: %s}", a.Kind, scorecard.Foreign(a.Name))
}

// unknownReaders says why it is not known who may read the logs; nothing where it is. The operator may, for it has read them: roles
// by which it may not are not all that decides.
func (j *judgement) unknownReaders() string {
	if len(j.Access.Unlisted) > 0 {
		return "Who may read the logs is not known as a whole: the operator could not list " + strings.Join(j.Access.Unlisted, ", ") + ", and its own log says why."
	}
	isOperator := func(r Reader) bool {
		return r.Account == userOf(j.Access.Operator) || (r.Kind == v1alpha1.ReaderGroup && slices.Contains(j.Access.OperatorGroups, r.Name))
	}
	if !slices.ContainsFunc(j.Access.Readers(j.Namespace, j.Pods), isOperator) {
		return "Who may read the logs is not known as a whole: no role says that the operator may, who did, so that something else than RBAC decides it too."
	}
	return ""
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
