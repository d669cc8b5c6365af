// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/api/v1alpha1"
)

// stage selects the namespaces with that label; an empty one selects all.
func stage(value string) *v1alpha1.NamespaceSelector {
	if value == "" {
		return &v1alpha1.NamespaceSelector{}
	}
	return &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"stage": v1alpha1.LabelValue(value)}}
}

func granting(name string, selector *v1alpha1.NamespaceSelector, credentials ...v1alpha1.EdgeCredential) v1alpha1.LaunchPolicy {
	return v1alpha1.LaunchPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.LaunchPolicySpec{
		NamespaceSelector: selector, Edge: &v1alpha1.EdgeRules{Credentials: credentials},
	}}
}

func credential(name string, selector *v1alpha1.NamespaceSelector, patterns ...v1alpha1.HostPattern) v1alpha1.EdgeCredential {
	return v1alpha1.EdgeCredential{Name: name, Zones: []v1alpha1.HostName{"example.com"}, Hosts: patterns, NamespaceSelector: selector}
}

func TestACredentialIsGrantedWhereThePolicyAndItSelect(t *testing.T) {
	all, prod, dev := stage(""), stage("prod"), stage("dev")
	broken := &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.LabelRequirement{{Key: "a", Operator: "Near"}}}
	going := granting("going", all, credential("a", all))
	now := metav1.NewTime(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	going.DeletionTimestamp = &now
	for _, test := range []struct {
		name     string
		policies []v1alpha1.LaunchPolicy
		want     string
		wrong    string
	}{
		{"none", nil, "", ""},
		{"both select", []v1alpha1.LaunchPolicy{granting("p", prod, credential("a", prod))}, "p/a", ""},
		{"both select all", []v1alpha1.LaunchPolicy{granting("p", all, credential("a", all))}, "p/a", ""},
		{"the policy doesn't", []v1alpha1.LaunchPolicy{granting("p", dev, credential("a", all))}, "", ""},
		{"the credential doesn't", []v1alpha1.LaunchPolicy{granting("p", all, credential("a", dev))}, "", ""},
		{"a policy that binds by its name alone", []v1alpha1.LaunchPolicy{granting("p", nil, credential("a", all))}, "", ""},
		{"a credential without a selector", []v1alpha1.LaunchPolicy{granting("p", all, credential("a", nil))}, "", ""},
		{"a policy that is being deleted", []v1alpha1.LaunchPolicy{going}, "", ""},
		{"a policy without an edge", []v1alpha1.LaunchPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1alpha1.LaunchPolicySpec{NamespaceSelector: all}}}, "", ""},
		{"one of several", []v1alpha1.LaunchPolicy{granting("p", all, credential("a", dev), credential("b", prod), credential("c", dev))}, "p/b", ""},
		{"several, by policy and name", []v1alpha1.LaunchPolicy{granting("q", all, credential("b", all), credential("a", all)), granting("p", prod, credential("a", all))}, "p/a q/a q/b", ""},
		{"beside a policy that can't be read", []v1alpha1.LaunchPolicy{granting("bad", broken, credential("a", all)), granting("p", all, credential("a", all))}, "p/a", "LaunchPolicy bad"},
		{"beside a credential that can't be read", []v1alpha1.LaunchPolicy{granting("p", all, credential("bad", broken), credential("a", all))}, "p/a", "spec.edge.credentials[bad].namespaceSelector of LaunchPolicy p"},
	} {
		t.Run(test.name, func(t *testing.T) {
			granted, err := Credentials(test.policies, map[string]string{"stage": "prod"})
			var names []string
			for _, c := range granted {
				names = append(names, c.Policy+"/"+c.Name)
			}
			if got := strings.Join(names, " "); got != test.want {
				t.Errorf("granted %q, want %q", got, test.want)
			}
			if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("error %v, want %q", err, test.wrong)
			}
		})
	}
}

func TestCredentialsDoNotDependOnTheOrderOfPolicies(t *testing.T) {
	selectors := []*v1alpha1.NamespaceSelector{nil, stage(""), stage("prod"), stage("dev")}
	rapid.Check(t, func(t *rapid.T) {
		var policies []v1alpha1.LaunchPolicy
		for _, name := range []string{"p", "q", "r"} {
			a := credential("a", rapid.SampledFrom(selectors).Draw(t, "selector"), "*.example.com")
			b := credential("b", rapid.SampledFrom(selectors).Draw(t, "selector"), "example.com")
			policies = append(policies, granting(name, rapid.SampledFrom(selectors).Draw(t, "policy"), a, b))
		}
		namespace := map[string]string{"stage": rapid.SampledFrom([]string{"prod", "dev", "test"}).Draw(t, "namespace")}
		want, err := Credentials(policies, namespace)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Credentials(rapid.Permutation(policies).Draw(t, "order"), namespace)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		// One policy less never grants more.
		fewer, err := Credentials(policies[1:], namespace)
		if err != nil || len(fewer) > len(want) {
			t.Fatalf("%d of %d, %v", len(fewer), len(want), err)
		}
	})
}

func TestAPatternCoversNothingButWhatItSays(t *testing.T) {
	for _, test := range []struct {
		pattern v1alpha1.HostPattern
		covers  []string
		not     []string
	}{
		{"app.example.com", []string{"app.example.com", "APP.Example.com", "app.example.com."}, []string{
			"example.com", "a.app.example.com", "xapp.example.com", "app.example.com.evil.com", "app.example.comx", "app.example.com..", "app-example.com", "appxexample.com", "*.example.com", "", ".", ".app.example.com", " app.example.com", "app.example.com:443", "app.example.com/",
		}},
		{"*.example.com", []string{"a.example.com", "a.b.example.com", "A.EXAMPLE.COM", "a.example.com.", "xn--bcher-kva.example.com"}, []string{
			"example.com", "example.com.", "evilexample.com", "a.evilexample.com", "-example.com", ".example.com", "..example.com", "a..example.com", "*.example.com", "*.a.example.com", "a.example.com.evil.com", "example.com.a", "a.example.comx", "a.example.com..", "com", "a.com", "a.examplexcom", "a_b.example.com", "a.example.com\x00", "a\n.example.com", "a.example.com#", "user@a.example.com", "a.example.com:80",
		}},
		{"*.apps.example.com", []string{"a.apps.example.com"}, []string{"apps.example.com", "a.example.com", "evilapps.example.com", "a.evilapps.example.com"}},
		{"*.Example.com", []string{"a.example.com"}, []string{"example.com"}},
		// No CRD lets these in. They cover nothing.
		{"*", nil, []string{"a.example.com", "example.com", "*"}},
		{"*.", nil, []string{"a.example.com", "a."}},
		{"*.com", nil, []string{"example.com", "a.example.com", "com"}},
		{"*.*.example.com", nil, []string{"a.b.example.com", "a.*.example.com"}},
		{"a.*.example.com", nil, []string{"a.b.example.com", "a.*.example.com"}},
		{"*example.com", nil, []string{"example.com", "evilexample.com", "a.example.com", "*example.com"}},
		{"", nil, []string{"", "example.com", "a.example.com"}},
		{".example.com", nil, []string{"a.example.com", "example.com"}},
		// A letter that lower case makes an ASCII one of: K is the Kelvin sign.
		{"kelvin.example.com", []string{"kelvin.example.com", "KELVIN.example.com"}, []string{"\u212Aelvin.example.com"}},
	} {
		c := Credential{EdgeCredential: credential("a", stage(""), test.pattern)}
		for _, host := range test.covers {
			if !c.CoversHost(host) {
				t.Errorf("%q doesn't cover %q", test.pattern, host)
			}
		}
		for _, host := range test.not {
			if c.CoversHost(host) {
				t.Errorf("%q covers %q", test.pattern, host)
			}
		}
	}
}

// What a pattern with *. covers ends in the dot and its domain, whatever the host looks like, and has a label before that.
func TestAWildcardCoversHostsBelowItsDomainAlone(t *testing.T) {
	c := Credential{EdgeCredential: credential("a", stage(""), "*.example.com")}
	host := rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`([a-zA-Z0-9*-]{0,3}\.){0,3}[a-z]{0,4}[.-]?(example\.com|Example\.COM|example\.com\.)`),
	)
	covered := 0
	rapid.Check(t, func(t *rapid.T) {
		h := host.Draw(t, "host")
		if !c.CoversHost(h) {
			return
		}
		covered++
		below, ok := strings.CutSuffix(strings.TrimSuffix(strings.ToLower(h), "."), ".example.com")
		if !ok || below == "" || strings.ContainsAny(below, "*/:@ \n\x00") || strings.Contains("."+below+".", "..") {
			t.Fatalf("covers %q", h)
		}
	})
	if covered == 0 {
		t.Error("no host was covered")
	}
}

func TestZones(t *testing.T) {
	c := Credential{EdgeCredential: v1alpha1.EdgeCredential{
		Zones: []v1alpha1.HostName{"example.com", "example.org"}, Hosts: []v1alpha1.HostPattern{"*.example.com", "example.com", "app.example.org"},
	}}
	for zone, want := range map[string]bool{
		"example.com": true, "EXAMPLE.com.": true, "example.org": true, "app.example.com": false, "com": false, "evilexample.com": false, "": false, "*.example.com": false,
	} {
		if got := c.CoversZone(zone); got != want {
			t.Errorf("covers the zone %q: %t", zone, got)
		}
	}
	for _, test := range []struct {
		zone, host string
		want       bool
	}{
		{"example.com", "a.example.com", true},
		{"example.com", "example.com", true},
		{"example.org", "app.example.org", true},
		{"example.org", "a.example.org", false},   // not granted
		{"example.org", "a.example.com", false},   // granted, and in another zone
		{"example.net", "a.example.net", false},   // another zone
		{"a.example.com", "a.example.com", false}, // a zone below is another one
		{"example.com", "evilexample.com", false},
	} {
		if got := c.Covers(test.zone, test.host); got != test.want {
			t.Errorf("in %s, covers %s: %t", test.zone, test.host, got)
		}
		_, got := ForHost([]Credential{{}, c}, test.zone, test.host)
		if got != test.want {
			t.Errorf("in %s, one of several covers %s: %t", test.zone, test.host, got)
		}
	}
	for _, test := range []struct {
		host, zone string
		want       bool
	}{
		{"example.com", "example.com", true},
		{"A.example.com", "example.COM", true},
		{"a.b.example.com.", "example.com", true},
		{"evilexample.com", "example.com", false},
		{"example.com", "a.example.com", false},
		{"example.com", "com", false},
		{"a..example.com", "example.com", false},
		{"", "", false},
	} {
		if got := InZone(test.host, test.zone); got != test.want {
			t.Errorf("%q in %q: %t", test.host, test.zone, got)
		}
	}
}

func TestForHostGivesTheFirstThatCovers(t *testing.T) {
	credentials, err := Credentials([]v1alpha1.LaunchPolicy{
		granting("q", stage(""), credential("all", stage(""), "*.example.com")),
		granting("p", stage(""), credential("other", stage(""), "b.example.com"), credential("app", stage(""), "a.example.com")),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"a.example.com": "p/app", "b.example.com": "p/other", "c.example.com": "q/all"} {
		if c, ok := ForHost(credentials, "example.com", host); !ok || c.Policy+"/"+c.Name != want {
			t.Errorf("%s: %s/%s, want %s", host, c.Policy, c.Name, want)
		}
	}
}

func TestAZoneIsManagedByACredentialOfAnyNamespace(t *testing.T) {
	policies := []v1alpha1.LaunchPolicy{granting("p", stage("dev"), credential("a", stage("prod"), "*.example.com"))}
	if !ZoneIsManaged(policies, "Example.com.") {
		t.Error("a zone with a credential is not managed")
	}
	if ZoneIsManaged(policies, "example.org") || ZoneIsManaged(nil, "example.com") {
		t.Error("a zone without a credential is managed")
	}
	if ZoneIsManaged([]v1alpha1.LaunchPolicy{granting("p", nil, credential("a", stage(""), "*.example.com"))}, "example.com") {
		t.Error("a zone is managed by a policy that binds nothing")
	}
}
