// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
)

// DefaultPolicy is the built-in policy that binds where no LaunchPolicy selects the namespace.
const DefaultPolicy = "marketplace-2026-11"

// What is demanded where no policy says.
const (
	defaultValidForSeconds        = 86_400
	defaultMinimumRevisionHistory = 2
	defaultMaxUndescribedPercent  = 20
	defaultMaxDurationSeconds     = 2_592_000
	defaultGraceSeconds           = 86_400
	defaultRemeasureWithinSeconds = 900
	// About ten times what a suite needs for an app with two kinds of resources.
	defaultMaxRequestsPerRun = 20_000
	// Two full catalogues of attacks a day, and a rollout or two; some dollars where a large model answers.
	defaultMaxChatsPerDay = 3000
	// Thirty runs.
	defaultMaxSignUpsPerDay = 100
	// A week: a namespace that is restored or made anew finds its hosts, and one that is gone for good gives them back.
	defaultClaimTTLSeconds = 604_800
)

//go:embed policies/*.yaml
var builtInFiles embed.FS

// BuiltInPolicies are the policies that are part of the operator, by name. Each is frozen: an upgrade adds others,
// and changes none.
func BuiltInPolicies() (map[string]v1alpha1.LaunchPolicySpec, error) {
	files, err := builtInFiles.ReadDir("policies")
	if err != nil {
		return nil, fmt.Errorf("reading the built-in policies: %w", err)
	}
	policies := make(map[string]v1alpha1.LaunchPolicySpec, len(files))
	for _, f := range files {
		data, err := builtInFiles.ReadFile(path.Join("policies", f.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading built-in policy %s: %w", f.Name(), err)
		}
		var spec v1alpha1.LaunchPolicySpec
		if err := yaml.UnmarshalStrict(data, &spec); err != nil {
			return nil, fmt.Errorf("reading built-in policy %s: %w", f.Name(), err)
		}
		policies[strings.TrimSuffix(f.Name(), ".yaml")] = spec
	}
	return policies, nil
}

// based puts what a policy says over what its base says. edge.credentials are no part of it: they are grants, and Credentials
// alone says whose.
func based(base, spec v1alpha1.LaunchPolicySpec) v1alpha1.LaunchPolicySpec {
	rows := slices.Clone(spec.Rows)
	for _, d := range base.Rows {
		if !slices.ContainsFunc(spec.Rows, func(own v1alpha1.RowDemand) bool { return own.Row == d.Row }) {
			rows = append(rows, d)
		}
	}
	thresholds, baseThresholds := ptr.Deref(spec.Thresholds, v1alpha1.Thresholds{}), ptr.Deref(base.Thresholds, v1alpha1.Thresholds{})
	waivers, baseWaivers := ptr.Deref(spec.Waivers, v1alpha1.WaiverRules{}), ptr.Deref(base.Waivers, v1alpha1.WaiverRules{})
	gate, baseGate := ptr.Deref(spec.Gate, v1alpha1.GateRules{}), ptr.Deref(base.Gate, v1alpha1.GateRules{})
	if waivers.NonWaivable == nil {
		waivers.NonWaivable = baseWaivers.NonWaivable
	}
	return v1alpha1.LaunchPolicySpec{
		Rows:                   rows,
		RemeasureWithinSeconds: either(spec.RemeasureWithinSeconds, base.RemeasureWithinSeconds),
		Thresholds: &v1alpha1.Thresholds{
			MinimumRevisionHistory: either(thresholds.MinimumRevisionHistory, baseThresholds.MinimumRevisionHistory),
			MaxUndescribedPercent:  either(thresholds.MaxUndescribedPercent, baseThresholds.MaxUndescribedPercent),
		},
		Probes: probesBased(ptr.Deref(spec.Probes, v1alpha1.ProbeRules{}), ptr.Deref(base.Probes, v1alpha1.ProbeRules{})),
		Edge: &v1alpha1.EdgeRules{
			ClaimTTLSeconds: either(ptr.Deref(spec.Edge, v1alpha1.EdgeRules{}).ClaimTTLSeconds, ptr.Deref(base.Edge, v1alpha1.EdgeRules{}).ClaimTTLSeconds),
		},
		Gate: &v1alpha1.GateRules{
			GraceSeconds: either(gate.GraceSeconds, baseGate.GraceSeconds),
			MinimumMode:  cmp.Or(gate.MinimumMode, baseGate.MinimumMode),
			BreakGlass:   cmp.Or(gate.BreakGlass, baseGate.BreakGlass),
		},
		Waivers: &v1alpha1.WaiverRules{
			Mode:               cmp.Or(waivers.Mode, baseWaivers.Mode),
			MaxDurationSeconds: either(waivers.MaxDurationSeconds, baseWaivers.MaxDurationSeconds),
			NonWaivable:        waivers.NonWaivable,
		},
	}
}

func probesBased(spec, base v1alpha1.ProbeRules) *v1alpha1.ProbeRules {
	rules := v1alpha1.ProbeRules{
		Image: cmp.Or(spec.Image, base.Image), ImagePullSecrets: spec.ImagePullSecrets, Mesh: cmp.Or(spec.Mesh, base.Mesh),
		MaxRequestsPerRun: either(spec.MaxRequestsPerRun, base.MaxRequestsPerRun),
		MaxChatsPerDay:    either(spec.MaxChatsPerDay, base.MaxChatsPerDay),
		MaxSignUpsPerDay:  either(spec.MaxSignUpsPerDay, base.MaxSignUpsPerDay),
	}
	if rules.ImagePullSecrets == nil {
		rules.ImagePullSecrets = base.ImagePullSecrets
	}
	return &rules
}

// defaults are what a policy demands where it does not say.
func defaults() v1alpha1.LaunchPolicySpec {
	return v1alpha1.LaunchPolicySpec{
		RemeasureWithinSeconds: ptr.To[int32](defaultRemeasureWithinSeconds),
		Thresholds: &v1alpha1.Thresholds{
			MinimumRevisionHistory: ptr.To[int32](defaultMinimumRevisionHistory), MaxUndescribedPercent: ptr.To[int32](defaultMaxUndescribedPercent),
		},
		Gate:    &v1alpha1.GateRules{GraceSeconds: ptr.To[int32](defaultGraceSeconds), MinimumMode: v1alpha1.GateOff},
		Waivers: &v1alpha1.WaiverRules{Mode: v1alpha1.WaiversAllowed, MaxDurationSeconds: ptr.To[int32](defaultMaxDurationSeconds)},
		Probes: &v1alpha1.ProbeRules{
			MaxRequestsPerRun: ptr.To[int32](defaultMaxRequestsPerRun), MaxChatsPerDay: ptr.To[int32](defaultMaxChatsPerDay),
			MaxSignUpsPerDay: ptr.To[int32](defaultMaxSignUpsPerDay),
		},
		Edge: &v1alpha1.EdgeRules{ClaimTTLSeconds: ptr.To[int32](defaultClaimTTLSeconds)},
	}
}

// Combine gives what policies demand together: the strictest of each demand wins. What a policy does not say counts as
// said at its default, so that one more policy, such as that of a policyRef, can only add strictness. What a policy grants
// (edge.credentials) is not in it.
func Combine(policies []v1alpha1.LaunchPolicySpec) v1alpha1.LaunchPolicySpec {
	if len(policies) == 0 {
		return defaults()
	}
	all := v1alpha1.LaunchPolicySpec{
		Thresholds: &v1alpha1.Thresholds{}, Waivers: &v1alpha1.WaiverRules{}, Gate: &v1alpha1.GateRules{},
		Probes: &v1alpha1.ProbeRules{}, Edge: &v1alpha1.EdgeRules{},
	}
	for _, p := range policies {
		p = based(defaults(), p)
		for _, d := range p.Rows {
			all.Rows = demand(all.Rows, d)
		}
		all.RemeasureWithinSeconds = smaller(all.RemeasureWithinSeconds, p.RemeasureWithinSeconds)
		all.Thresholds.MinimumRevisionHistory = larger(all.Thresholds.MinimumRevisionHistory, p.Thresholds.MinimumRevisionHistory)
		all.Thresholds.MaxUndescribedPercent = smaller(all.Thresholds.MaxUndescribedPercent, p.Thresholds.MaxUndescribedPercent)
		all.Gate = stricterGate(*all.Gate, *p.Gate)
		all.Waivers = stricterWaivers(*all.Waivers, *p.Waivers)
		all.Probes = stricterProbes(*all.Probes, *p.Probes)
		// The longer a claim holds, the longer nobody else gets the host.
		all.Edge.ClaimTTLSeconds = larger(all.Edge.ClaimTTLSeconds, p.Edge.ClaimTTLSeconds)
	}
	slices.SortFunc(all.Rows, func(a, b v1alpha1.RowDemand) int { return strings.Compare(string(a.Row), string(b.Row)) })
	return all
}

// demand adds what one more policy demands of a row. A policy in which the row is Off demands nothing of it.
func demand(rows []v1alpha1.RowDemand, d v1alpha1.RowDemand) []v1alpha1.RowDemand {
	if d.Enforcement == v1alpha1.EnforcementOff {
		return rows
	}
	d.ValidForSeconds = either(d.ValidForSeconds, ptr.To[int32](defaultValidForSeconds))
	i := slices.IndexFunc(rows, func(r v1alpha1.RowDemand) bool { return r.Row == d.Row })
	if i < 0 {
		return append(rows, d)
	}
	have := &rows[i]
	have.ValidForSeconds = smaller(have.ValidForSeconds, d.ValidForSeconds)
	switch {
	case d.Enforcement != v1alpha1.EnforcementRequired:
	case have.Enforcement != v1alpha1.EnforcementRequired:
		have.Enforcement, have.RequiredFrom = d.Enforcement, d.RequiredFrom
	case d.RequiredFrom.Before(&have.RequiredFrom):
		have.RequiredFrom = d.RequiredFrom
	}
	return rows
}

func stricterWaivers(a, b v1alpha1.WaiverRules) *v1alpha1.WaiverRules {
	if a.Mode != v1alpha1.WaiversForbidden {
		a.Mode = b.Mode
	}
	a.MaxDurationSeconds = smaller(a.MaxDurationSeconds, b.MaxDurationSeconds)
	a.NonWaivable = union(a.NonWaivable, b.NonWaivable)
	return &a
}

// stricterProbes keeps what the first policy says of what is neither strict nor lenient.
func stricterProbes(a, b v1alpha1.ProbeRules) *v1alpha1.ProbeRules {
	combined := probesBased(a, b)
	combined.MaxRequestsPerRun = smaller(a.MaxRequestsPerRun, b.MaxRequestsPerRun)
	combined.MaxChatsPerDay = smaller(a.MaxChatsPerDay, b.MaxChatsPerDay)
	combined.MaxSignUpsPerDay = smaller(a.MaxSignUpsPerDay, b.MaxSignUpsPerDay)
	return combined
}

func stricterGate(a, b v1alpha1.GateRules) *v1alpha1.GateRules {
	a.GraceSeconds = smaller(a.GraceSeconds, b.GraceSeconds)
	a.MinimumMode = v1alpha1.StricterMode(a.MinimumMode, b.MinimumMode)
	if b.BreakGlass != nil {
		have := ptr.Deref(a.BreakGlass, v1alpha1.BreakGlassRules{})
		a.BreakGlass = &v1alpha1.BreakGlassRules{
			ExcludedUsers:  union(have.ExcludedUsers, b.BreakGlass.ExcludedUsers),
			ExcludedGroups: union(have.ExcludedGroups, b.BreakGlass.ExcludedGroups),
		}
	}
	return &a
}

// union gives what is in either list, once and sorted.
func union[T cmp.Ordered](a, b []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// Selects says whether a LaunchPolicy binds a namespace with these labels.
func Selects(p *v1alpha1.LaunchPolicy, namespaceLabels map[string]string) (bool, error) {
	selects, err := selectedBy(p.Spec.NamespaceSelector, namespaceLabels)
	if err != nil {
		return false, fmt.Errorf("reading spec.namespaceSelector of LaunchPolicy %s: %w", p.Name, err)
	}
	return selects, nil
}

// selectedBy says whether a selector selects a namespace. Where there is none, it selects nothing.
func selectedBy(selector *v1alpha1.NamespaceSelector, namespaceLabels map[string]string) (bool, error) {
	if selector == nil {
		return false, nil
	}
	read, err := metav1.LabelSelectorAsSelector(selector.LabelSelector())
	if err != nil {
		return false, err
	}
	return read.Matches(labels.Set(namespaceLabels)), nil
}

// Demands says whether a policy asks anything of an app. One that only grants credentials does not.
func Demands(p v1alpha1.LaunchPolicySpec) bool {
	return p.Base != "" || len(p.Rows) > 0 || p.Thresholds != nil || p.Waivers != nil || p.Gate != nil || p.Probes != nil ||
		p.RemeasureWithinSeconds != nil
}

// RequiresLaunch says whether a policy demands a launch for what is exposed in a namespace with these labels. No built-in
// policy does, so that bases have no say.
func RequiresLaunch(policies []v1alpha1.LaunchPolicy, namespaceLabels map[string]string) (bool, error) {
	for i := range policies {
		p := &policies[i]
		if ptr.Deref(p.Spec.Gate, v1alpha1.GateRules{}).RequireLaunch != v1alpha1.RequireForExposure || !p.DeletionTimestamp.IsZero() {
			continue
		}
		if selects, err := Selects(p, namespaceLabels); selects || err != nil {
			return selects, err
		}
	}
	return false, nil
}

func either(a, b *int32) *int32 {
	if a != nil {
		return a
	}
	return b
}

func smaller(a, b *int32) *int32 {
	if a == nil || (b != nil && *b < *a) {
		return b
	}
	return a
}

func larger(a, b *int32) *int32 {
	if a == nil || (b != nil && *b > *a) {
		return b
	}
	return a
}
