// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/internal/checks/logging"
)

// The command of a finding, typed as it stands, says the same as the finding.
func TestCommandsOfFindingsSayWhoMayReadLogs(t *testing.T) {
	namespace := newNamespace(t)
	role := func(name string, pods ...string) *rbacv1.Role {
		return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: []rbacv1.PolicyRule{
			{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods/log"}, ResourceNames: pods},
		}}
	}
	binding := func(role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
		return &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role}, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
		}
	}
	all, one := role("all"), role("one", "chat-0")
	toAll := binding("all",
		rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: "dana@example.com"}, rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "oidc:dev"},
		rbacv1.Subject{Kind: "ServiceAccount", Namespace: "logging", Name: "shipper"}, rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "system:unauthenticated"},
	)
	toOne := binding("one", rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: "eve"})
	create(t, all)
	create(t, one)
	o := logging.Judge(logging.Input{Key: []byte("key"), Namespace: namespace, Described: true, Pods: []string{"chat-0"}, Access: logging.Access{
		Roles: []rbacv1.Role{*all, *one}, RoleBindings: []rbacv1.RoleBinding{*toAll, *toOne},
	}})
	var commands [][]string
	for _, f := range o.Findings {
		if words := strings.Fields(f.API().Reproduce); len(words) > 0 { // strangers may not ask
			commands = append(commands, words[1:])
		}
	}
	const askers = 4
	if len(commands) != askers {
		t.Fatalf("%d commands: %+v", len(commands), o.Findings)
	}
	say := func(want string) func() string {
		return func() string {
			for _, args := range commands {
				// It ends with 1 where the answer is no.
				if answer, err := kubectl(t, "", args...); !strings.HasPrefix(answer, want) {
					return fmt.Sprintf("%v answers %q (%v), want %s", args, answer, err, want)
				}
			}
			return ""
		}
	}
	eventually(t, say("no"))
	create(t, toAll)
	create(t, toOne)
	eventually(t, say("yes"))
}
