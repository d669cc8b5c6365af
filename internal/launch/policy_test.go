// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	secretsSafe   = v1alpha1.RowSecretsSafe
	rollbackReady = v1alpha1.RowRollbackReady
)

func TestBuiltInPoliciesAreFrozen(t *testing.T) {
	frozen := map[string]string{
		"marketplace-2026-11": "eb089e87ff0f123c",
		"starter-2026-11":     "8739176597609712",
	}
	policies, err := BuiltInPolicies()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := policies[DefaultPolicy]; !ok {
		t.Errorf("the default policy %s is not built in", DefaultPolicy)
	}
	for name := range policies {
		data, err := builtInFiles.ReadFile("policies/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if got := hex.EncodeToString(sum[:8]); got != frozen[name] {
			t.Errorf("built-in policy %s has the hash %s, not %q. Built-in policies are frozen: put it back as it was, and add a policy with a new name and its hash", name, got, frozen[name])
		}
		delete(frozen, name)
	}
	if len(frozen) > 0 {
		t.Errorf("built-in policies are gone, though apps may name them: %v", frozen)
	}
}

// complete gives the defaults with changes.
func complete(change func(*v1alpha1.LaunchPolicySpec)) v1alpha1.LaunchPolicySpec {
	p := defaults()
	change(&p)
	return p
}

func demands(enforcement v1alpha1.Enforcement, validFor *int32, from time.Time) v1alpha1.LaunchPolicySpec {
	return v1alpha1.LaunchPolicySpec{Rows: []v1alpha1.RowDemand{
		{Row: secretsSafe, Enforcement: enforcement, ValidForSeconds: validFor, RequiredFrom: metav1.NewTime(from)},
	}}
}

func TestCombineTakesTheStrictest(t *testing.T) {
	type spec = v1alpha1.LaunchPolicySpec
	early, late := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	needs, advises, off := v1alpha1.EnforcementRequired, v1alpha1.EnforcementAdvisory, v1alpha1.EnforcementOff
	row := func(e v1alpha1.Enforcement, validFor int32, from time.Time) spec {
		return complete(func(p *spec) { p.Rows = demands(e, &validFor, from).Rows })
	}
	for _, test := range []struct {
		name string
		in   []spec
		want spec
	}{
		{"none", nil, defaults()},
		{"an empty one", []spec{{}}, defaults()},
		{"Required over Advisory", []spec{demands(advises, nil, time.Time{}), demands(needs, nil, time.Time{})}, row(needs, 86400, time.Time{})},
		{"Advisory over Off", []spec{demands(off, nil, time.Time{}), demands(advises, nil, time.Time{})}, row(advises, 86400, time.Time{})},
		{"Off alone demands nothing", []spec{demands(off, nil, time.Time{})}, defaults()},
		{"the earlier date", []spec{demands(needs, nil, late), demands(needs, nil, early)}, row(needs, 86400, early)},
		{"no date over a date", []spec{demands(needs, nil, late), demands(needs, nil, time.Time{})}, row(needs, 86400, time.Time{})},
		{"a date over Advisory", []spec{demands(needs, nil, late), demands(advises, nil, time.Time{})}, row(needs, 86400, late)},
		{"the shorter validity", []spec{demands(needs, ptr.To[int32](600), time.Time{}), demands(advises, ptr.To[int32](300), time.Time{})}, row(needs, 300, time.Time{})},
		{"a long validity alone", []spec{demands(needs, ptr.To[int32](2592000), time.Time{})}, row(needs, 2592000, time.Time{})},
		{"a long validity loosens none", []spec{demands(needs, nil, time.Time{}), demands(advises, ptr.To[int32](2592000), time.Time{})}, row(needs, 86400, time.Time{})},
		{"a shorter window", []spec{{RemeasureWithinSeconds: ptr.To[int32](60)}, {}}, complete(func(p *spec) { p.RemeasureWithinSeconds = ptr.To[int32](60) })},
		{"a longer window alone", []spec{{RemeasureWithinSeconds: ptr.To[int32](7200)}}, complete(func(p *spec) { p.RemeasureWithinSeconds = ptr.To[int32](7200) })},
		{"a longer window loosens none", []spec{{RemeasureWithinSeconds: ptr.To[int32](7200)}, {}}, defaults()},
		{"a shorter grace", []spec{{Gate: &v1alpha1.GateRules{GraceSeconds: ptr.To[int32](0)}}, {}}, complete(func(p *spec) { p.Gate.GraceSeconds = ptr.To[int32](0) })},
		{"a longer grace loosens none", []spec{{Gate: &v1alpha1.GateRules{GraceSeconds: ptr.To[int32](604800)}}, {}}, defaults()},
		{"more history", []spec{{Thresholds: &v1alpha1.Thresholds{MinimumRevisionHistory: ptr.To[int32](5)}}, {}}, complete(func(p *spec) { p.Thresholds.MinimumRevisionHistory = ptr.To[int32](5) })},
		{"less history alone", []spec{{Thresholds: &v1alpha1.Thresholds{MinimumRevisionHistory: ptr.To[int32](1)}}}, complete(func(p *spec) { p.Thresholds.MinimumRevisionHistory = ptr.To[int32](1) })},
		{"less history loosens none", []spec{{Thresholds: &v1alpha1.Thresholds{MinimumRevisionHistory: ptr.To[int32](1)}}, {}}, defaults()},
		{"shorter waivers", []spec{{Waivers: &v1alpha1.WaiverRules{MaxDurationSeconds: ptr.To[int32](3600)}}, {}}, complete(func(p *spec) { p.Waivers.MaxDurationSeconds = ptr.To[int32](3600) })},
		{"waivers forbidden", []spec{{Waivers: &v1alpha1.WaiverRules{Mode: v1alpha1.WaiversForbidden}}, {Waivers: &v1alpha1.WaiverRules{Mode: v1alpha1.WaiversAllowed}}}, complete(func(p *spec) { p.Waivers.Mode = v1alpha1.WaiversForbidden })},
		{"longer claims", []spec{{Edge: &v1alpha1.EdgeRules{ClaimTTLSeconds: ptr.To[int32](604801)}}, {}}, complete(func(p *spec) { p.Edge.ClaimTTLSeconds = ptr.To[int32](604801) })},
		{"shorter claims alone", []spec{{Edge: &v1alpha1.EdgeRules{ClaimTTLSeconds: ptr.To[int32](0)}}}, complete(func(p *spec) { p.Edge.ClaimTTLSeconds = ptr.To[int32](0) })},
		{"shorter claims loosen none", []spec{{Edge: &v1alpha1.EdgeRules{ClaimTTLSeconds: ptr.To[int32](0)}}, {}}, defaults()},
		{"rows that nobody may waive", []spec{{Waivers: &v1alpha1.WaiverRules{NonWaivable: []v1alpha1.Row{secretsSafe, rollbackReady}}}, {Waivers: &v1alpha1.WaiverRules{NonWaivable: []v1alpha1.Row{secretsSafe}}}}, complete(func(p *spec) { p.Waivers.NonWaivable = []v1alpha1.Row{rollbackReady, secretsSafe} })},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, in := range [][]spec{test.in, reversed(test.in)} {
				if diff := cmp.Diff(test.want, Combine(in)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func reversed(in []v1alpha1.LaunchPolicySpec) (out []v1alpha1.LaunchPolicySpec) {
	for i := range in {
		out = append(out, in[len(in)-1-i])
	}
	return out
}

// anyPolicy draws a policy.
func anyPolicy() *rapid.Generator[v1alpha1.LaunchPolicySpec] {
	number := rapid.OneOf(rapid.Just[*int32](nil), rapid.Custom(func(t *rapid.T) *int32 { return ptr.To(rapid.Int32Range(1, 100_000).Draw(t, "number")) }))
	return rapid.Custom(func(t *rapid.T) v1alpha1.LaunchPolicySpec {
		p := v1alpha1.LaunchPolicySpec{RemeasureWithinSeconds: number.Draw(t, "window")}
		for _, row := range rapid.Permutation([]v1alpha1.Row{secretsSafe, rollbackReady, v1alpha1.RowAuthEnforced}).Draw(t, "rows")[:rapid.IntRange(0, 3).Draw(t, "n")] {
			d := v1alpha1.RowDemand{Row: row, ValidForSeconds: number.Draw(t, "valid"), Enforcement: rapid.SampledFrom([]v1alpha1.Enforcement{
				v1alpha1.EnforcementRequired, v1alpha1.EnforcementAdvisory, v1alpha1.EnforcementOff,
			}).Draw(t, "enforcement")}
			if n := rapid.IntRange(0, 3).Draw(t, "from"); d.Enforcement == v1alpha1.EnforcementRequired && n > 0 {
				d.RequiredFrom = metav1.NewTime(time.Date(2027, 1, n, 0, 0, 0, 0, time.UTC))
			}
			p.Rows = append(p.Rows, d)
		}
		if rapid.Bool().Draw(t, "edge") {
			p.Edge = &v1alpha1.EdgeRules{ClaimTTLSeconds: number.Draw(t, "claim"), Credentials: []v1alpha1.EdgeCredential{{Name: "apps"}}}
		}
		if rapid.Bool().Draw(t, "parts") {
			p.Thresholds = &v1alpha1.Thresholds{MinimumRevisionHistory: number.Draw(t, "history"), MaxUndescribedPercent: number.Draw(t, "undescribed")}
			p.Gate = &v1alpha1.GateRules{GraceSeconds: number.Draw(t, "grace")}
			p.Probes = &v1alpha1.ProbeRules{MaxRequestsPerRun: number.Draw(t, "requests"), MaxChatsPerDay: number.Draw(t, "chats"), MaxSignUpsPerDay: number.Draw(t, "sign-ups")}
			p.Waivers = &v1alpha1.WaiverRules{
				Mode:               rapid.SampledFrom([]v1alpha1.WaiverMode{"", v1alpha1.WaiversAllowed, v1alpha1.WaiversForbidden}).Draw(t, "mode"),
				MaxDurationSeconds: number.Draw(t, "duration"),
				NonWaivable:        rapid.SliceOfNDistinct(rapid.SampledFrom([]v1alpha1.Row{secretsSafe, rollbackReady}), -1, 2, rapid.ID).Draw(t, "non-waivable"),
			}
		}
		return p
	})
}

func TestCombineIsCommutativeIdempotentAndAssociative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(anyPolicy(), 1, 4).Draw(t, "policies")
		all := Combine(in)
		for what, other := range map[string]v1alpha1.LaunchPolicySpec{
			"in another order":  Combine(rapid.Permutation(in).Draw(t, "order")),
			"twice":             Combine(append(in, in...)),
			"combined again":    Combine([]v1alpha1.LaunchPolicySpec{all}),
			"combined in parts": Combine([]v1alpha1.LaunchPolicySpec{Combine(in[:1]), all}),
		} {
			if diff := cmp.Diff(all, other); diff != "" {
				t.Fatalf("%s:\n%s", what, diff)
			}
		}
	})
}

// One more policy, such as that of a policyRef, never makes anything laxer.
func TestOneMorePolicyOnlyAddsStrictness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(anyPolicy(), 1, 3).Draw(t, "policies")
		before, after := Combine(in), Combine(append(in, anyPolicy().Draw(t, "one more")))
		atMost := func(what string, a, b *int32) {
			if *a > *b {
				t.Fatalf("%s rose from %d to %d", what, *b, *a)
			}
		}
		atMost("window", after.RemeasureWithinSeconds, before.RemeasureWithinSeconds)
		atMost("undescribed", after.Thresholds.MaxUndescribedPercent, before.Thresholds.MaxUndescribedPercent)
		atMost("requests", after.Probes.MaxRequestsPerRun, before.Probes.MaxRequestsPerRun)
		atMost("chats", after.Probes.MaxChatsPerDay, before.Probes.MaxChatsPerDay)
		atMost("sign-ups", after.Probes.MaxSignUpsPerDay, before.Probes.MaxSignUpsPerDay)
		atMost("grace", after.Gate.GraceSeconds, before.Gate.GraceSeconds)
		atMost("waivers' duration", after.Waivers.MaxDurationSeconds, before.Waivers.MaxDurationSeconds)
		atMost("time of claims, negated", before.Edge.ClaimTTLSeconds, after.Edge.ClaimTTLSeconds)
		atMost("required history, negated", before.Thresholds.MinimumRevisionHistory, after.Thresholds.MinimumRevisionHistory)
		if len(after.Edge.Credentials) > 0 {
			t.Fatal("a credential was granted by combining")
		}
		if before.Waivers.Mode == v1alpha1.WaiversForbidden && after.Waivers.Mode != before.Waivers.Mode {
			t.Fatal("waivers became allowed")
		}
		rows := map[v1alpha1.Row]v1alpha1.RowDemand{}
		for _, d := range after.Rows {
			rows[d.Row] = d
		}
		for _, was := range before.Rows {
			is, there := rows[was.Row]
			if !there || was.Enforcement == v1alpha1.EnforcementRequired && (is.Enforcement != was.Enforcement || was.RequiredFrom.Before(&is.RequiredFrom)) {
				t.Fatalf("%s: %+v became %+v", was.Row, was, is)
			}
			atMost("validity", is.ValidForSeconds, was.ValidForSeconds)
		}
	})
}

func TestWhatAPolicySaysReplacesItsBase(t *testing.T) {
	base := complete(func(p *v1alpha1.LaunchPolicySpec) {
		p.Rows = []v1alpha1.RowDemand{{Row: secretsSafe, Enforcement: v1alpha1.EnforcementRequired}, {Row: rollbackReady, Enforcement: v1alpha1.EnforcementRequired}}
		p.Waivers.NonWaivable = []v1alpha1.Row{secretsSafe}
		p.Probes.Image, p.Probes.ImagePullSecrets, p.Probes.Mesh = "base", []v1alpha1.SecretName{"base"}, v1alpha1.MeshExclude
	})
	if diff := cmp.Diff(base, based(base, v1alpha1.LaunchPolicySpec{})); diff != "" {
		t.Errorf("an empty policy is its base:\n%s", diff)
	}
	own := v1alpha1.LaunchPolicySpec{
		Rows:                   []v1alpha1.RowDemand{{Row: rollbackReady, Enforcement: v1alpha1.EnforcementOff}},
		RemeasureWithinSeconds: ptr.To[int32](1), Thresholds: &v1alpha1.Thresholds{MinimumRevisionHistory: ptr.To[int32](1), MaxUndescribedPercent: ptr.To[int32](1)},
		Gate: &v1alpha1.GateRules{
			GraceSeconds: ptr.To[int32](1), MinimumMode: v1alpha1.GateAudit,
			BreakGlass: &v1alpha1.BreakGlassRules{ExcludedUsers: []v1alpha1.Subject{"robot"}},
		},
		Waivers: &v1alpha1.WaiverRules{Mode: v1alpha1.WaiversForbidden, MaxDurationSeconds: ptr.To[int32](1), NonWaivable: []v1alpha1.Row{rollbackReady}},
		Probes: &v1alpha1.ProbeRules{
			Image: "own", ImagePullSecrets: []v1alpha1.SecretName{"own"}, Mesh: v1alpha1.MeshJoin,
			MaxRequestsPerRun: ptr.To[int32](1), MaxChatsPerDay: ptr.To[int32](1), MaxSignUpsPerDay: ptr.To[int32](1),
		},
		Edge: &v1alpha1.EdgeRules{ClaimTTLSeconds: ptr.To[int32](1)},
	}
	want := own
	want.Rows = []v1alpha1.RowDemand{own.Rows[0], base.Rows[0]}
	if diff := cmp.Diff(want, based(base, own)); diff != "" {
		t.Error(diff)
	}
	if len(own.Rows) != 1 {
		t.Error("the policy itself was changed")
	}
}

func TestOfWhatIsNeitherStrictNorLaxTheFirstPolicyCounts(t *testing.T) {
	says := func(image string, mesh v1alpha1.Mesh, secrets ...v1alpha1.SecretName) v1alpha1.LaunchPolicySpec {
		return v1alpha1.LaunchPolicySpec{Probes: &v1alpha1.ProbeRules{Image: image, Mesh: mesh, ImagePullSecrets: secrets}}
	}
	got := Combine([]v1alpha1.LaunchPolicySpec{{}, says("a", ""), says("b", v1alpha1.MeshExclude, "b"), says("c", v1alpha1.MeshJoin, "c")}).Probes
	want := complete(func(p *v1alpha1.LaunchPolicySpec) {
		p.Probes.Image, p.Probes.Mesh, p.Probes.ImagePullSecrets = "a", v1alpha1.MeshExclude, []v1alpha1.SecretName{"b"}
	}).Probes
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSelects(t *testing.T) {
	for _, test := range []struct {
		name     string
		selector *v1alpha1.NamespaceSelector
		want     bool
	}{
		{"no selector selects nothing", nil, false},
		{"an empty one selects all", &v1alpha1.NamespaceSelector{}, true},
		{"labels that match", &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"stage": "prod"}}, true},
		{"labels that don't", &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"stage": "dev"}}, false},
		{"an expression", &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.LabelRequirement{{Key: "stage", Operator: "NotIn", Values: []v1alpha1.LabelValue{"prod"}}}}, false},
	} {
		p := &v1alpha1.LaunchPolicy{Spec: v1alpha1.LaunchPolicySpec{NamespaceSelector: test.selector}}
		if got, err := Selects(p, map[string]string{"stage": "prod"}); got != test.want || err != nil {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
	}
	p := &v1alpha1.LaunchPolicy{Spec: v1alpha1.LaunchPolicySpec{NamespaceSelector: &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.LabelRequirement{{Key: "a", Operator: "Near"}}}}}
	if _, err := Selects(p, nil); err == nil {
		t.Error("a selector that can't be read gives no error")
	}
}
