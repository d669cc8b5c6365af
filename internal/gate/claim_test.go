// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

func TestHasBetterClaim(t *testing.T) {
	at := func(minute int) metav1.Time {
		if minute == 0 {
			return metav1.Time{}
		}
		return metav1.NewTime(time.Date(2026, 11, 1, 9, minute, 0, 0, time.UTC))
	}
	claim := func(namespace string, created, launched int) *v1alpha1.LaunchReadiness {
		return &v1alpha1.LaunchReadiness{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, CreationTimestamp: at(created)},
			Status:     v1alpha1.LaunchReadinessStatus{LaunchedAt: at(launched)},
		}
	}
	for what, test := range map[string]struct{ better, worse *v1alpha1.LaunchReadiness }{
		"launched, and not":                {claim("b", 9, 10), claim("a", 1, 0)},
		"launched earlier":                 {claim("b", 9, 10), claim("a", 1, 11)},
		"launched at once, and older":      {claim("b", 1, 10), claim("a", 2, 10)},
		"not launched, and older":          {claim("b", 1, 0), claim("a", 2, 0)},
		"the same age, by their namespace": {claim("a", 1, 0), claim("b", 1, 0)},
	} {
		if !HasBetterClaim(test.better, test.worse) || HasBetterClaim(test.worse, test.better) {
			t.Errorf("%s: the other one keeps the host", what)
		}
	}
}
