// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Resolver resolves launches.
type Resolver struct {
	// Cached reads launches, policies, waivers, namespaces, workloads and pods.
	Cached client.Reader
	// Live reads what is never cached, by get alone: Secrets, ConfigMaps, and Rollouts of Argo.
	Live client.Reader
	// BuiltIn are the built-in policies by name.
	BuiltIn map[string]v1alpha1.LaunchPolicySpec
}

// Resolve gives the app that a launch describes. The App is there even with an error, as far as it got: a missing
// policy does not keep the workloads from being measured. The error is the weightiest of all that were met: a
// TransientError before a StalledError before a WaitingError.
// Where the App is not Measurable, no row can be.
func (r *Resolver) Resolve(ctx context.Context, lr *v1alpha1.LaunchReadiness) (*App, error) {
	app := &App{Launch: lr}
	errs := []error{r.resolvePolicies(ctx, app), r.resolveWaivers(ctx, app)}
	workloads := r.resolveConflicts(ctx, app)
	if workloads == nil {
		workloads = r.resolveWorkloads(ctx, app)
	}
	if workloads == nil {
		workloads = r.resolveRevision(ctx, app)
	}
	return app, weightiest(append(errs, workloads))
}

// weightiest gives the error that decides what happens next.
func weightiest(errs []error) error {
	var stalled *StalledError
	var waiting *WaitingError
	joined := errors.Join(errs...)
	for _, err := range errs {
		if err != nil && !errors.As(err, &stalled) && !errors.As(err, &waiting) {
			return err
		}
	}
	if stalled != nil {
		return stalled
	}
	if waiting != nil {
		return waiting
	}
	return joined
}

// resolvePolicies sets the policies in force, and what they demand together.
func (r *Resolver) resolvePolicies(ctx context.Context, app *App) error {
	var missing error
	var demands []v1alpha1.LaunchPolicySpec
	binding, err := r.binding(ctx, app.Launch.Namespace)
	if err != nil {
		return err
	}
	// A policy that only grants credentials of the edge puts none out of force: it would take the built-in one from a namespace.
	if !slices.ContainsFunc(binding, func(p v1alpha1.LaunchPolicy) bool { return Demands(p.Spec) }) {
		demands = append(demands, r.BuiltIn[DefaultPolicy])
		app.Policies = append(app.Policies, v1alpha1.PolicyInForce{Name: DefaultPolicy})
	}
	for _, p := range binding {
		demands = append(demands, r.demands(p.Spec))
		app.Policies = append(app.Policies, v1alpha1.PolicyInForce{Name: p.Name, Generation: &p.Generation})
	}
	if ref := app.Launch.Spec.PolicyRef; ref != nil && !app.boundBy(ref.Name) {
		spec, generation, err := r.named(ctx, ref.Name)
		var stalled *StalledError
		if errors.As(err, &stalled) {
			missing = err
		} else if err != nil {
			return err
		} else {
			demands = append(demands, spec)
			app.Policies = append(app.Policies, v1alpha1.PolicyInForce{Name: ref.Name, Generation: generation})
		}
	}
	slices.SortFunc(app.Policies, func(a, b v1alpha1.PolicyInForce) int { return strings.Compare(a.Name, b.Name) })
	app.Policy = Combine(demands)
	return missing
}

// Rules gives what policies demand together in a namespace of a launch that names the given policy, or none.
func (r *Resolver) Rules(ctx context.Context, lr *v1alpha1.LaunchReadiness) (v1alpha1.LaunchPolicySpec, error) {
	app := &App{Launch: lr}
	err := r.resolvePolicies(ctx, app)
	return app.Policy, err
}

// binding gives the LaunchPolicies that select the namespace.
func (r *Resolver) binding(ctx context.Context, namespace string) ([]v1alpha1.LaunchPolicy, error) {
	var ns corev1.Namespace
	if err := r.Cached.Get(ctx, client.ObjectKey{Name: namespace}, &ns); err != nil {
		return nil, &TransientError{Doing: "reading namespace " + namespace, Err: err}
	}
	var policies v1alpha1.LaunchPolicyList
	if err := r.Cached.List(ctx, &policies); err != nil {
		return nil, &TransientError{Doing: "listing LaunchPolicies", Err: err}
	}
	var binding []v1alpha1.LaunchPolicy
	for _, p := range policies.Items {
		selects, err := Selects(&p, ns.Labels)
		if err != nil {
			return nil, err
		}
		if selects {
			binding = append(binding, p)
		}
	}
	slices.SortFunc(binding, func(a, b v1alpha1.LaunchPolicy) int { return strings.Compare(a.Name, b.Name) })
	return binding, nil
}

// named gives the policy of that name, built in or from the cluster.
func (r *Resolver) named(ctx context.Context, name string) (v1alpha1.LaunchPolicySpec, *int64, error) {
	if spec, ok := r.BuiltIn[name]; ok {
		return spec, nil, nil
	}
	var p v1alpha1.LaunchPolicy
	err := r.Cached.Get(ctx, client.ObjectKey{Name: name}, &p)
	if apierrors.IsNotFound(err) {
		return v1alpha1.LaunchPolicySpec{}, nil, &StalledError{
			Reason:  v1alpha1.ReasonPolicyNotFound,
			Message: fmt.Sprintf("LaunchPolicy %q does not exist: create it, or change spec.policyRef. Until then the other policies in force decide.", name),
		}
	}
	if err != nil {
		return v1alpha1.LaunchPolicySpec{}, nil, &TransientError{Doing: "reading LaunchPolicy " + name, Err: err}
	}
	return r.demands(p.Spec), &p.Generation, nil
}

// demands gives a policy with its base worked in.
func (r *Resolver) demands(spec v1alpha1.LaunchPolicySpec) v1alpha1.LaunchPolicySpec {
	if spec.Base == "" {
		return spec
	}
	return based(r.BuiltIn[spec.Base], spec)
}

func (a *App) boundBy(policy string) bool {
	return slices.ContainsFunc(a.Policies, func(p v1alpha1.PolicyInForce) bool { return p.Name == policy })
}

// resolveWaivers sets the waivers of the launch, by name.
func (r *Resolver) resolveWaivers(ctx context.Context, app *App) error {
	var waivers v1alpha1.LaunchWaiverList
	if err := r.Cached.List(ctx, &waivers, client.InNamespace(app.Launch.Namespace)); err != nil {
		return &TransientError{Doing: "listing LaunchWaivers", Err: err}
	}
	for _, w := range waivers.Items {
		if w.Spec.LaunchReadinessRef.Name == app.Launch.Name && w.DeletionTimestamp.IsZero() {
			app.Waivers = append(app.Waivers, w)
		}
	}
	slices.SortFunc(app.Waivers, func(a, b v1alpha1.LaunchWaiver) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// resolveConflicts refuses a launch whose workload an older one has: the older keeps it.
func (r *Resolver) resolveConflicts(ctx context.Context, app *App) error {
	var launches v1alpha1.LaunchReadinessList
	if err := r.Cached.List(ctx, &launches, client.InNamespace(app.Launch.Namespace)); err != nil {
		return &TransientError{Doing: "listing LaunchReadinesses", Err: err}
	}
	for _, other := range launches.Items {
		if other.Name == app.Launch.Name || !other.DeletionTimestamp.IsZero() || !older(&other, app.Launch) {
			continue
		}
		for _, theirs := range other.Spec.Workloads {
			for i, ours := range app.Launch.Spec.Workloads {
				if theirs.Ref.Kind == ours.Ref.Kind && theirs.Ref.Name == ours.Ref.Name {
					return &StalledError{
						Reason: v1alpha1.ReasonWorkloadConflict,
						Message: fmt.Sprintf("%s %s of spec.workloads[%d] belongs to LaunchReadiness %s, which is older: remove it here or there.",
							ours.Ref.Kind, ours.Ref.Name, i, other.Name),
					}
				}
			}
		}
	}
	return nil
}

// older says whether a came before b.
func older(a, b *v1alpha1.LaunchReadiness) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}
