// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

// measured is when everything here was measured: half a day ago, so that ages are in whole hours however slow the machine is.
func measured() metav1.Time {
	return metav1.NewTime(time.Now().Add(-12 * time.Hour).Truncate(time.Second))
}

func TestKubectlGetShowsTheVerdict(t *testing.T) {
	namespace := shop(t)
	tests := []struct {
		args string
		want [][]string
	}{
		{"get lr", [][]string{
			{"NAME", "LAUNCHABLE", "EXPOSABLE", "SUMMARY", "LAUNCHED", "AGE"},
			{"chat", "False", "False", "1/2 passed, 1 failing: SecretsSafe", "12h", "0s"},
		}},
		{"get launchreadiness chat -o wide", [][]string{
			{"NAME", "LAUNCHABLE", "EXPOSABLE", "SUMMARY", "LAUNCHED", "AGE", "POLICIES", "MEASURED", "READY"},
			{"chat", "False", "False", "1/2 passed, 1 failing: SecretsSafe", "12h", "0s", "marketplace-2026-11, shop-apps", "12h", "True"},
		}},
		{"get lpol", [][]string{
			{"NAME", "BASE", "LAUNCHES", "READY", "AGE"},
			{"shop-apps", "starter-2026-11", "1", "True", "0s"},
		}},
		{"get lw", [][]string{
			{"NAME", "LAUNCH", "ROW", "ACTIVE", "OWNER", "EXPIRES", "AGE"},
			{"one-replica", "chat", "RollbackReady", "True", "shop team", "2026-12-15T00:00:00Z", "0s"},
			{"test-keys", "chat", "SecretsSafe", "False", "shop team", "2026-12-15T00:00:00Z", "0s"},
		}},
		{"get lw -o wide --field-selector spec.row=RollbackReady", [][]string{
			{"NAME", "LAUNCH", "ROW", "ACTIVE", "OWNER", "EXPIRES", "AGE", "REASON"},
			{"one-replica", "chat", "RollbackReady", "True", "shop team", "2026-12-15T00:00:00Z", "0s", "The database allows one writer."},
		}},
		{"get lrep", [][]string{
			{"NAME", "CRITICAL", "HIGH", "MEDIUM", "LOW", "AGE"},
			{"chat", "1", "2", "0", "3", "0s"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			output := mustKubectl(t, "", append([]string{"-n", namespace}, strings.Fields(tt.args)...)...)
			have := table(output)
			age := slices.Index(tt.want[0], "AGE")
			for _, row := range have[1:] {
				// The one thing that depends on how fast the machine is.
				if age < len(row) && regexp.MustCompile(`^\d+(s|m|m\d+s)$`).MatchString(row[age]) {
					row[age] = "0s"
				}
			}
			if diff := cmp.Diff(tt.want, have); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, output)
			}
		})
	}
}

func TestKubectlFindsAllKindsByTheirCategory(t *testing.T) {
	namespace := shop(t)
	output := mustKubectl(t, "", "-n", namespace, "get", "launch", "-o", "name")
	want := []string{
		"launchpolicy.launchready.dev/shop-apps", "launchreadiness.launchready.dev/chat",
		"launchreport.launchready.dev/chat", "launchwaiver.launchready.dev/one-replica", "launchwaiver.launchready.dev/test-keys",
	}
	have := strings.Fields(output)
	slices.Sort(have)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKubectlSelectsByField(t *testing.T) {
	namespace := shop(t)
	tests := []struct {
		kind, selector string
		want           []string
	}{
		{"lw", "spec.row=SecretsSafe", []string{"launchwaiver.launchready.dev/test-keys"}},
		{"lw", "spec.row=TLSEnforced", nil},
		{"lw", "spec.launchReadinessRef.name=chat,spec.row!=SecretsSafe", []string{"launchwaiver.launchready.dev/one-replica"}},
		{"lr", "spec.policyRef.name=marketplace-2026-11", []string{"launchreadiness.launchready.dev/chat"}},
		{"lpol", "spec.base=starter-2026-11", []string{"launchpolicy.launchready.dev/shop-apps"}},
		{"lpol", "spec.base=marketplace-2026-11", nil},
	}
	for _, tt := range tests {
		t.Run(tt.kind+" "+tt.selector, func(t *testing.T) {
			output := mustKubectl(t, "", "-n", namespace, "get", tt.kind, "--field-selector", tt.selector, "-o", "name")
			if diff := cmp.Diff(tt.want, slices.Collect(strings.FieldsSeq(output))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKubectlColumnNamesEveryPolicyInForce(t *testing.T) {
	tests := []struct {
		policies []string
		want     string
	}{
		{[]string{"a"}, "a"},
		{[]string{"a", "b"}, "a, b"},
		{[]string{"a", "b", "c", "d", "e"}, "a, b, c and 2 more"},
	}
	namespace := newNamespace(t)
	for i, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			lr := newLaunch(t, namespace, fmt.Sprintf("app-%d", i))
			var inForce []v1alpha1.PolicyInForce
			for _, name := range tt.policies {
				inForce = append(inForce, v1alpha1.PolicyInForce{Name: name})
			}
			writeStatus(t, lr, func() {
				lr.Status = scorecard.Of(scorecard.Situation{Now: time.Now(), Generation: 1, Policies: inForce}).Status
			})
			output := mustKubectl(t, "", "-n", namespace, "get", "lr", lr.Name, "-o", "wide")
			rows := table(output)
			if have := rows[1][slices.Index(rows[0], "POLICIES")]; have != tt.want {
				t.Errorf("POLICIES is %q, want %q:\n%s", have, tt.want, output)
			}
		})
	}
}

func TestKubectlWaitSeesARow(t *testing.T) {
	namespace := newNamespace(t)
	lr := newLaunch(t, namespace, "chat")
	status := func(verdict metav1.ConditionStatus, reason string) {
		writeStatus(t, lr, func() {
			meta.SetStatusCondition(&lr.Status.Conditions, metav1.Condition{
				Type: string(v1alpha1.RowSecretsSafe), Status: verdict, Reason: reason, Message: "Said by a test.", ObservedGeneration: lr.Generation,
			})
		})
	}

	status(metav1.ConditionFalse, v1alpha1.ReasonTypedSecret)
	if output, err := kubectl(t, "", "-n", namespace, "wait", "--for=condition=SecretsSafe", "lr/chat", "--timeout=1s"); err == nil {
		t.Errorf("kubectl wait is content with a row that fails: %s", output)
	}
	mustKubectl(t, "", "-n", namespace, "wait", "--for=condition=SecretsSafe=False", "lr/chat", "--timeout=5s")

	done := make(chan error, 1)
	go func() {
		_, err := kubectl(t, "", "-n", namespace, "wait", "--for=condition=SecretsSafe", "lr/chat", "--timeout=50s")
		done <- err
	}()
	status(metav1.ConditionTrue, v1alpha1.ReasonPassed)
	if err := <-done; err != nil {
		t.Errorf("kubectl wait does not see the row pass: %v", err)
	}
}

func TestKubectlDescribeTellsWhatFailsAndWhy(t *testing.T) {
	namespace := shop(t)
	output := strings.Join(strings.Fields(mustKubectl(t, "", "-n", namespace, "describe", "lr", "chat")), " ")
	for _, want := range []string{
		"Name: chat",
		"Policy Ref: Name: marketplace-2026-11",
		"Workloads: Name: api Ref: API Version: apps/v1 Kind: Deployment Name: chat",
		"Message: A secret is typed into the pod template. Observed Generation: 1 Reason: TypedSecret Status: False Type: SecretsSafe",
		"Reason: RowsFailing Status: False Type: Launchable",
		"Summary: 1/2 passed, 1 failing: SecretsSafe",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("kubectl describe lacks %q:\n%s", want, output)
		}
	}
}

func TestKubectlExplainKnowsEveryField(t *testing.T) {
	for _, kind := range slices.Sorted(maps.Keys(server.crds)) {
		crd := server.crds[kind]
		short := crd.Spec.Names.ShortNames[0]
		for _, part := range []string{"spec", "status"} {
			schema, has := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties[part]
			if !has {
				continue
			}
			t.Run(short+"."+part, func(t *testing.T) {
				var output string
				eventually(t, func() string { // the API server publishes a new CRD's schema a moment later
					var err error
					if output, err = kubectl(t, "", "explain", short+"."+part, "--recursive"); err != nil {
						return output
					}
					return ""
				})
				words := strings.Fields(output)
				if !strings.Contains(strings.Join(words, " "), "DESCRIPTION: "+part) {
					t.Errorf("no description of %s:\n%s", part, output)
				}
				walk(field{path: part, name: part, schema: schema}, func(f field) {
					if f.name != "" && f.name != part && !slices.Contains(words, f.name) {
						t.Errorf("%s is missing", f.path)
					}
				})
			})
		}
	}
	output := strings.Join(strings.Fields(mustKubectl(t, "", "explain", "lr.spec.workloads.ref.kind")), " ")
	for _, want := range []string{"ENUM: Deployment StatefulSet DaemonSet Rollout", "kind of the object."} {
		if !strings.Contains(output, want) {
			t.Errorf("kubectl explain lr.spec.workloads.ref.kind lacks %q:\n%s", want, output)
		}
	}
}

// shop is a namespace with one object of each kind and statuses as the operator writes them.
func shop(t *testing.T) (namespace string) {
	t.Helper()
	namespace = newNamespace(t)
	shopLaunch(t, namespace)

	policy := &v1alpha1.LaunchPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "shop-apps"},
		Spec:       v1alpha1.LaunchPolicySpec{NamespaceSelector: &v1alpha1.NamespaceSelector{}, Base: "starter-2026-11"},
	}
	create(t, policy)
	writeStatus(t, policy, func() {
		policy.Status = v1alpha1.LaunchPolicyStatus{
			ObservedGeneration: ptr.To(policy.Generation), Launches: ptr.To[int32](1),
			Conditions: []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonBinding, "It binds one launch.")},
		}
	})

	for name, row := range map[string]v1alpha1.Row{"one-replica": v1alpha1.RowRollbackReady, "test-keys": v1alpha1.RowSecretsSafe} {
		waiver := &v1alpha1.LaunchWaiver{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: v1alpha1.LaunchWaiverSpec{
				LaunchReadinessRef: v1alpha1.LaunchReadinessReference{Name: "chat"}, Row: row, Owner: "shop team",
				Reason: "The database allows one writer.", ExpiresAt: metav1.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC),
			},
		}
		create(t, waiver)
		active := condition(v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonWaiving, "It lets the row off.")
		if row == v1alpha1.RowSecretsSafe {
			active = condition(v1alpha1.ConditionActive, metav1.ConditionFalse, v1alpha1.ReasonRowNotWaivable, "A policy forbids it.")
		}
		writeStatus(t, waiver, func() { waiver.Status.Conditions = []metav1.Condition{active} })
	}

	report := &v1alpha1.LaunchReport{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "chat"}}
	create(t, report)
	writeStatus(t, report, func() {
		report.Status.Counts = &v1alpha1.SeverityCounts{Critical: 1, High: 2, Low: 3}
	})
	return namespace
}

// shopLaunch is the launch of shop: scored by the operator's own code, with one row that fails and one that passes.
func shopLaunch(t *testing.T, namespace string) {
	t.Helper()
	lr := newLaunch(t, namespace, "chat")
	at := measured()
	outcome := func(row v1alpha1.Row, verdict v1alpha1.Verdict, reason, message string) scorecard.Outcome {
		return scorecard.Outcome{Row: row, Verdict: verdict, Reason: reason, Message: message, Revision: "r1", InputsHash: "i1"}
	}
	demand := func(row v1alpha1.Row) v1alpha1.RowDemand {
		return v1alpha1.RowDemand{Row: row, Enforcement: v1alpha1.EnforcementRequired, ValidForSeconds: ptr.To[int32](86400)}
	}
	situation := scorecard.Situation{
		Now: at.Time, Generation: lr.Generation, LaunchedAt: at.Time,
		Policy: v1alpha1.LaunchPolicySpec{
			Rows:                   []v1alpha1.RowDemand{demand(v1alpha1.RowSecretsSafe), demand(v1alpha1.RowRollbackReady)},
			RemeasureWithinSeconds: ptr.To[int32](900),
			Gate:                   &v1alpha1.GateRules{GraceSeconds: ptr.To[int32](86400)},
			Waivers:                &v1alpha1.WaiverRules{Mode: v1alpha1.WaiversAllowed, MaxDurationSeconds: ptr.To[int32](86400)},
		},
		Policies: []v1alpha1.PolicyInForce{{Name: "marketplace-2026-11"}, {Name: "shop-apps", Generation: ptr.To[int64](1)}},
		Revision: scorecard.Revision{Hash: "r1", Configuration: "c1", Resolved: true},
		Inputs:   map[v1alpha1.Row]string{v1alpha1.RowSecretsSafe: "i1", v1alpha1.RowRollbackReady: "i1"},
		Outcomes: []scorecard.Outcome{
			outcome(v1alpha1.RowSecretsSafe, v1alpha1.VerdictFail, v1alpha1.ReasonTypedSecret, "A secret is typed into the pod template."),
			outcome(v1alpha1.RowRollbackReady, v1alpha1.VerdictPass, v1alpha1.ReasonPassed, "Two revisions are there."),
		},
	}
	writeStatus(t, lr, func() { lr.Status = scorecard.Of(situation).Status })
}

func newLaunch(t *testing.T, namespace, name string) *v1alpha1.LaunchReadiness {
	t.Helper()
	lr := &v1alpha1.LaunchReadiness{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.LaunchReadinessSpec{
			PolicyRef: &v1alpha1.PolicyReference{Name: "marketplace-2026-11"},
			Workloads: []v1alpha1.Workload{{Name: "api", Ref: v1alpha1.WorkloadReference{Kind: v1alpha1.KindDeployment, Name: "chat"}}},
		},
	}
	create(t, lr)
	return lr
}

// create makes an object, and deletes it when the test ends.
func create(t *testing.T, obj client.Object) {
	t.Helper()
	if err := server.client.Create(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context has ended when this runs.
		if err := server.client.Delete(context.WithoutCancel(t.Context()), obj); client.IgnoreNotFound(err) != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
}

// writeStatus writes the status that set puts into an object.
func writeStatus(t *testing.T, obj client.Object, set func()) {
	t.Helper()
	set()
	if err := server.client.Status().Update(t.Context(), obj); err != nil {
		t.Fatalf("writing a status: %v", err)
	}
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: 1, LastTransitionTime: measured()}
}

// table splits what kubectl prints into cells. Columns begin where their headings do; a cell may be empty.
func table(output string) [][]string {
	var rows [][]string
	var starts []int
	for line := range strings.Lines(output) {
		if starts == nil {
			for _, at := range regexp.MustCompile(`\S+`).FindAllStringIndex(line, -1) {
				starts = append(starts, at[0])
			}
		}
		var row []string
		for i, start := range starts {
			end := len(line)
			if i+1 < len(starts) {
				end = min(end, starts[i+1])
			}
			row = append(row, strings.TrimSpace(line[min(start, end):end]))
		}
		rows = append(rows, row)
	}
	return rows
}
