// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestMeasurableSinceTellsAnAbsenceFromARestart(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	lease := func(renewed *metav1.MicroTime) *coordinationv1.Lease {
		return &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: "launchready-system", Name: leaseName},
			Spec:       coordinationv1.LeaseSpec{RenewTime: renewed},
		}
	}
	ago := func(d time.Duration) *metav1.MicroTime { return &metav1.MicroTime{Time: now.Add(-d)} }
	tests := map[string]struct {
		lease *coordinationv1.Lease
		want  time.Time
	}{
		"first installation":        {nil, now},
		"ordinary restart":          {lease(ago(20 * time.Second)), time.Time{}},
		"two days away":             {lease(ago(48 * time.Hour)), now},
		"lease without a time":      {lease(nil), now},
		"just below the threshold":  {lease(ago(absence - time.Second)), time.Time{}},
		"just at the threshold":     {lease(ago(absence)), now},
		"clock of the last is fast": {lease(ago(-time.Minute)), time.Time{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme)
			if test.lease != nil {
				b = b.WithObjects(test.lease)
			}
			got, err := measurableSince(t.Context(), b.Build(), "launchready-system", now)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(test.want) {
				t.Errorf("measurable since %s, want %s", got, test.want)
			}
		})
	}
}

func TestWatchNamespacesLimitTheCache(t *testing.T) {
	all := managerOptions{}.cacheOptions()
	if len(all.DefaultNamespaces) != 0 {
		t.Errorf("without the flag only %v are watched", all.DefaultNamespaces)
	}
	some := managerOptions{watchNamespaces: []string{"shop", "desk"}}.cacheOptions()
	_, shop := some.DefaultNamespaces["shop"]
	_, desk := some.DefaultNamespaces["desk"]
	if !shop || !desk || len(some.DefaultNamespaces) != 2 {
		t.Errorf("watched are %v", some.DefaultNamespaces)
	}
}
