// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/internal/checks/logging"
	"github.com/launchready/launchready/internal/launch"
)

const (
	// accessPage is how many roles or bindings are in memory at once: one may have hundreds of rules.
	accessPage = 500
	// accessPatience is how long it may take to list them.
	accessPatience = 10 * time.Second
)

// access gives what RBAC says of the app's namespace. It is read anew for each run, page by page, and of the roles those alone are kept that
// let read logs: a cache of the cluster's roles would cost memory all the time for what is asked twice an hour.
func (s suiteRun) access(ctx context.Context) logging.Access {
	ctx, cancel := context.WithTimeout(ctx, accessPatience)
	defer cancel()
	var a logging.Access
	unknown := func(what string, err error) {
		ctrl.LoggerFrom(ctx).Info("who may read the logs of the app is not known as a whole", "missing", what, "err", err.Error())
		a.Unlisted = append(a.Unlisted, what)
	}
	var self authenticationv1.SelfSubjectReview
	if err := s.r.Client.Create(ctx, &self); err != nil {
		// Without it the operator would find itself.
		unknown("roles, for it does not know its own account", err)
		return a
	}
	a.Operator, a.OperatorGroups = self.Status.UserInfo.Username, self.Status.UserInfo.Groups
	here := client.InNamespace(s.app.Launch.Namespace)
	for _, kind := range []struct {
		name string
		list func() error
	}{
		{"Roles", func() error {
			return eachPage(ctx, s.r.Resolver.Live, func() *rbacv1.RoleList { return &rbacv1.RoleList{} }, func(l *rbacv1.RoleList) {
				a.Roles = append(a.Roles, slices.DeleteFunc(l.Items, func(r rbacv1.Role) bool { return !logging.GrantsLogs(r.Rules) })...)
			}, here)
		}},
		{"RoleBindings", func() error {
			return eachPage(ctx, s.r.Resolver.Live, func() *rbacv1.RoleBindingList { return &rbacv1.RoleBindingList{} }, func(l *rbacv1.RoleBindingList) {
				a.RoleBindings = append(a.RoleBindings, l.Items...)
			}, here)
		}},
		{"ClusterRoles", func() error {
			return eachPage(ctx, s.r.Resolver.Live, func() *rbacv1.ClusterRoleList { return &rbacv1.ClusterRoleList{} }, func(l *rbacv1.ClusterRoleList) {
				a.ClusterRoles = append(a.ClusterRoles, slices.DeleteFunc(l.Items, func(r rbacv1.ClusterRole) bool { return !logging.GrantsLogs(r.Rules) })...)
			})
		}},
		{"ClusterRoleBindings", func() error {
			return eachPage(ctx, s.r.Resolver.Live, func() *rbacv1.ClusterRoleBindingList { return &rbacv1.ClusterRoleBindingList{} }, func(l *rbacv1.ClusterRoleBindingList) {
				a.ClusterRoleBindings = append(a.ClusterRoleBindings, l.Items...)
			})
		}},
	} {
		if err := kind.list(); err != nil {
			unknown(kind.name, err)
		}
	}
	return a
}

// eachPage lists objects page by page.
func eachPage[L client.ObjectList](ctx context.Context, reader client.Reader, empty func() L, take func(L), options ...client.ListOption) error {
	next := ""
	for {
		page := empty() // a new one: what an answer leaves out would stay from the page before
		if err := reader.List(ctx, page, append(slices.Clone(options), client.Limit(accessPage), client.Continue(next))...); err != nil {
			return fmt.Errorf("listing who may do what: %w", err)
		}
		take(page)
		if next = page.GetContinue(); next == "" {
			return nil
		}
	}
}

// runsAs gives the ServiceAccounts of an app's workloads.
func runsAs(app *launch.App) []logging.RunsAs {
	var all []logging.RunsAs
	for _, w := range app.Workloads {
		all = append(all, logging.RunsAs{Workload: w.String(), ServiceAccount: cmp.Or(w.Template.Spec.ServiceAccountName, "default")})
	}
	return all
}
