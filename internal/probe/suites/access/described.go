// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
)

// describedEnough sees which rows the description allows to measure, and says which lines of YAML would measure the others. It
// says whether there is anything to log in for.
func (r *run) describedEnough(ctx context.Context) bool {
	switch {
	case slices.Contains(r.App.Absent, v1alpha1.FeatureLogin) && len(r.App.Identities) == 0:
		r.withoutLogin(ctx)
		return false
	case len(r.App.Identities) == 0:
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
			"Nobody said how to log in. Set spec.app.identities (two of different tenants and an administrator), spec.app.login and spec.app.resources; docs/probes.md has an example to copy.", both...)
		return false
	case len(r.App.Resources) == 0:
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
			"Nobody said what belongs to whom. Set spec.app.resources, with create and item of what a user has, such as conversations.", both...)
	}
	if len(r.tenants()) < 2 {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
			"There is nobody to ask for what belongs to others. Add a user of a second tenant to spec.app.identities.", v1alpha1.RowTenantIsolated)
	}
	return true
}

// tenants are those of which there is a user.
func (r *run) tenants() []string {
	var found []string
	for _, identity := range r.App.Identities {
		if identity.Role != v1alpha1.RoleAdmin && !slices.Contains(found, identity.Tenant) {
			found = append(found, identity.Tenant)
		}
	}
	return found
}

// withoutLogin is for an app in which nobody has an account: nothing applies, if no administration is found.
func (r *run) withoutLogin(ctx context.Context) {
	r.counterCheckAdmin(ctx)
	na := "spec.app.absent says Login: nobody has an account, and no administration was found."
	r.rows[v1alpha1.RowAuthEnforced].NotApplicable = na
	r.rows[v1alpha1.RowTenantIsolated].NotApplicable = na
	if unknowns := r.rows[v1alpha1.RowAuthEnforced].Unknowns; len(unknowns) > 0 {
		r.rows[v1alpha1.RowTenantIsolated].Unknowns = unknowns
	}
	for _, name := range both {
		r.control(name, "Where administration usually is, nothing was found.")
	}
}
