// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/launch"
)

const (
	zoneOfTest = "example.com"
	hostOfTest = "app.example.com"
)

// launchInZone is a launch that enforces what it wants, since a day before the others if it is older.
func launchInZone(name string, older bool, changes ...func(*v1alpha1.LaunchReadiness)) *v1alpha1.LaunchReadiness {
	created := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	if older {
		created = created.Add(-24 * time.Hour)
	}
	lr := &v1alpha1.LaunchReadiness{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns-" + name, Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(created)},
		Spec: v1alpha1.LaunchReadinessSpec{
			Domains:    &v1alpha1.Domains{Canonical: hostOfTest, Origin: &v1alpha1.Origin{Addresses: []v1alpha1.OriginAddress{"203.0.113.7"}}},
			Cloudflare: &v1alpha1.Cloudflare{Zone: zoneOfTest, Mode: v1alpha1.EdgeEnforce},
		},
	}
	for _, change := range changes {
		change(lr)
	}
	return lr
}

func grant(host v1alpha1.HostPattern) *v1alpha1.LaunchPolicy {
	return &v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: "edge"}, Spec: v1alpha1.LaunchPolicySpec{
		NamespaceSelector: &v1alpha1.NamespaceSelector{},
		Edge: &v1alpha1.EdgeRules{Credentials: []v1alpha1.EdgeCredential{{
			Name: "c", Zones: []v1alpha1.HostName{zoneOfTest}, Hosts: []v1alpha1.HostPattern{host},
			NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"granted": "yes"}},
		}}},
	}}
}

func zonesOf(t *testing.T, objects ...client.Object) *ZoneReconciler {
	t.Helper()
	objects = append(objects,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns-chat", Labels: map[string]string{"granted": "yes"}}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns-thief"}},
	)
	c := fake.NewClientBuilder().WithScheme(newScheme(t)).WithObjects(objects...).Build()
	return &ZoneReconciler{
		Client: c, Live: c, Namespace: "operator", Clock: clocktesting.NewFakePassiveClock(time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)),
		Events: events.NewFakeRecorder(10), Book: NewEdgeBook(), Key: []byte("key"), Interval: time.Minute,
		Installation: func(context.Context) (string, error) { return "here", nil },
	}
}

// TestWhatNobodyGaveKeepsNobodyFromAHost: an older launch that may not have a host doesn't take it from whom it was given to.
func TestWhatNobodyGaveKeepsNobodyFromAHost(t *testing.T) {
	thief, owner := launchInZone("thief", true), launchInZone("chat", false)
	r := zonesOf(t, grant("*.example.com"))
	groups, err := r.groups(t.Context(), zoneOfTest, []*v1alpha1.LaunchReadiness{thief, owner}, edge.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if g.obstacle == nil && slices.Contains(g.elsewhere, hostOfTest) {
			t.Error("the host is kept from the launch that it was given to")
		}
		if g.groups != nil {
			t.Error("rules of others are taken over while it isn't known whose they are")
		}
	}
}

// TestMailOfADomainNeedsAGrant: a host below a domain gives nobody the domain's mail.
func TestMailOfADomainNeedsAGrant(t *testing.T) {
	for pattern, kept := range map[v1alpha1.HostPattern][]string{"*.example.com": {zoneOfTest}, hostOfTest: {zoneOfTest}} {
		lr := launchInZone("chat", false, func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Email = []v1alpha1.EmailDomain{{Domain: zoneOfTest}} })
		groups, err := zonesOf(t, grant(pattern)).groups(t.Context(), zoneOfTest, []*v1alpha1.LaunchReadiness{lr}, edge.Ledger{})
		if err != nil {
			t.Fatal(err)
		}
		if got := groups[0].members[0].noMail; !slices.Equal(got, kept) {
			t.Errorf("%s: kept from the mail of %v, want %v", pattern, got, kept)
		}
	}
}

// TestGroupsThatAreNoMore: only where each launch has a token it is known which groups are gone.
func TestGroupsThatAreNoMore(t *testing.T) {
	g := group{secret: client.ObjectKey{Namespace: "a", Name: "b"}, key: "c"}
	if got := g.former([]string{"old"}); got != nil {
		t.Errorf("unknown: %v", got)
	}
	g.groups = []string{g.id()}
	if got := g.former([]string{g.id(), "old"}); !slices.Equal(got, []string{"old"}) {
		t.Errorf("former: %v", got)
	}
}

// TestALaunchGoesThoughTheZoneRefusesSomething: after its patience, and what keeps its hosts as they are is remembered.
func TestALaunchGoesThoughTheZoneRefusesSomething(t *testing.T) {
	now := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	lr := launchInZone("chat", false, func(lr *v1alpha1.LaunchReadiness) {
		lr.Finalizers = []string{EdgeFinalizer}
		at := metav1.NewTime(now.Add(-patienceOfLeaving))
		lr.DeletionTimestamp = &at
	})
	r := zonesOf(t, lr)
	if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(lr), lr); err != nil {
		t.Fatal(err)
	}
	ledger, err := r.readLedger(t.Context(), zoneOfTest)
	if err != nil {
		t.Fatal(err)
	}
	ledger.Claims = []edge.Claim{{Host: hostOfTest, Namespace: lr.Namespace, Name: lr.Name, Lock: edge.LockHeld}}
	refused := &edge.APIError{Kind: edge.KindInvalid, Doing: "changing a neighbour's rule", Status: 400}
	g := group{zone: zoneOfTest, members: []member{{launch: lr}}}
	if err := r.notApplied(t.Context(), g, ledger, edge.Evaluation{}, refused); err != nil {
		t.Fatal(err)
	}
	if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(lr), lr); !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
	if after, err := r.readLedger(t.Context(), zoneOfTest); err != nil || len(after.Retained) != 1 {
		t.Errorf("its hosts aren't kept: %v, %v", after, err)
	}
}

// TestAVerdictIsOfTheLaunchThatIsThereNow: not of one of its name, nor of what it wanted before.
func TestAVerdictIsOfTheLaunchThatIsThereNow(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC))
	seen := launchInZone("chat", false)
	id := edge.LaunchID{Namespace: seen.Namespace, Name: seen.Name}
	in := edge.Input{Launches: []edge.Launch{{LaunchID: id, UID: string(seen.UID), Spec: *seen.Spec.DeepCopy()}}}
	book := NewEdgeBook()
	e := edge.Evaluate(in, edge.State{Zone: edge.Zone{Name: zoneOfTest, Status: "active"}})
	book.write(t.Context(), group{members: []member{{launch: seen}}}, clock.Now(), func(member) Found { return Found{Evaluation: &e} })
	c := &EdgeProtected{Book: book, Key: []byte("key"), Stale: time.Hour, Clock: clock}
	for name, test := range map[string]struct {
		change func(*v1alpha1.LaunchReadiness)
		judged bool
	}{
		"as it was":           {func(*v1alpha1.LaunchReadiness) {}, true},
		"another of its name": {func(lr *v1alpha1.LaunchReadiness) { lr.UID = "another" }, false},
		"one more host":       {func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Domains.Hosts = []v1alpha1.HostName{"b.example.com"} }, false},
		"another lock":        {func(lr *v1alpha1.LaunchReadiness) { lr.Spec.Gate = &v1alpha1.Gate{Mode: v1alpha1.GateAudit} }, true},
	} {
		lr := seen.DeepCopy()
		test.change(lr)
		outcome := c.Measure(t.Context(), &launch.App{Launch: lr})
		if judged := outcome.Verdict != v1alpha1.VerdictUnknown; judged != test.judged {
			t.Errorf("%s: %+v", name, outcome)
		}
	}
}
