// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Credential is an API token that a namespace may have used for its hosts. Only a LaunchPolicy that selects the namespace grants one:
// spec.policyRef is chosen by whoever writes the launch, and gives none.
type Credential struct {
	// Policy that grants it. Together with Name it identifies the credential.
	Policy string
	v1alpha1.EdgeCredential
}

// Credentials gives what the policies grant to a namespace with these labels, by policy and name. A selector that can't be read
// grants nothing and is an error; what the others grant is there all the same.
func Credentials(policies []v1alpha1.LaunchPolicy, namespaceLabels map[string]string) ([]Credential, error) {
	var granted []Credential
	var unreadable []error
	for i := range policies {
		p := &policies[i]
		if p.Spec.Edge == nil || !p.DeletionTimestamp.IsZero() {
			continue
		}
		binds, err := Selects(p, namespaceLabels)
		if err != nil {
			unreadable = append(unreadable, err)
		}
		if !binds {
			continue
		}
		for _, c := range p.Spec.Edge.Credentials {
			selects, err := selectedBy(c.NamespaceSelector, namespaceLabels)
			if err != nil {
				unreadable = append(unreadable, fmt.Errorf("reading spec.edge.credentials[%s].namespaceSelector of LaunchPolicy %s: %w", c.Name, p.Name, err))
			}
			if selects {
				granted = append(granted, Credential{Policy: p.Name, EdgeCredential: c})
			}
		}
	}
	slices.SortStableFunc(granted, func(a, b Credential) int {
		return cmp.Or(strings.Compare(a.Policy, b.Policy), strings.Compare(a.Name, b.Name))
	})
	return granted, errors.Join(unreadable...)
}

// ZoneIsManaged says whether any LaunchPolicy has a credential for a zone, be it for this namespace or for others. Tokens of launches
// are refused for such a zone: two that write it know nothing of each other.
func ZoneIsManaged(policies []v1alpha1.LaunchPolicy, zone string) bool {
	for i := range policies {
		p := &policies[i]
		if p.Spec.Edge == nil || p.Spec.NamespaceSelector == nil || !p.DeletionTimestamp.IsZero() {
			continue
		}
		if slices.ContainsFunc(p.Spec.Edge.Credentials, func(c v1alpha1.EdgeCredential) bool { return coversZone(c, zone) }) {
			return true
		}
	}
	return false
}

// ForHost gives the credential by which a host of a zone is claimed: the first that covers both.
func ForHost(credentials []Credential, zone, host string) (Credential, bool) {
	i := slices.IndexFunc(credentials, func(c Credential) bool { return c.Covers(zone, host) })
	if i < 0 {
		return Credential{}, false
	}
	return credentials[i], true
}

// Covers says whether the credential is for the zone, the host is in it, and it may be claimed.
func (c Credential) Covers(zone, host string) bool {
	return c.CoversZone(zone) && InZone(host, zone) && c.CoversHost(host)
}

// CoversZone says whether the token is for a zone.
func (c Credential) CoversZone(zone string) bool { return coversZone(c.EdgeCredential, zone) }

func coversZone(c v1alpha1.EdgeCredential, zone string) bool {
	zone, ok := plainHost(zone)
	return ok && slices.ContainsFunc(c.Zones, func(own v1alpha1.HostName) bool {
		name, ok := plainHost(string(own))
		return ok && name == zone
	})
}

// CoversHost says whether a host may be claimed: it is one of those that are named, or below one that is named with *. (one label or
// more; the name itself is not below itself).
func (c Credential) CoversHost(host string) bool {
	host, ok := plainHost(host)
	return ok && slices.ContainsFunc(c.Hosts, func(pattern v1alpha1.HostPattern) bool { return matches(pattern, host) })
}

// matches says whether a host, as plainHost gives it, is what a pattern means.
func matches(pattern v1alpha1.HostPattern, host string) bool {
	domain, wild := strings.CutPrefix(string(pattern), "*.")
	domain, ok := plainHost(domain)
	switch {
	case !ok:
		return false
	case wild:
		return strings.HasSuffix(host, "."+domain)
	default:
		return host == domain
	}
}

// InZone says whether a host is a zone's own name or below it.
func InZone(host, zone string) bool {
	host, hostOK := plainHost(host)
	zone, zoneOK := plainHost(zone)
	return hostOK && zoneOK && (host == zone || strings.HasSuffix(host, "."+zone))
}

// plainHost gives a host name as it is compared: lower case, without a trailing dot. What is no host name of two labels or more is
// refused, so that nothing that DNS would read otherwise matches: an empty label, a wildcard, a letter that only looks like another.
func plainHost(name string) (string, bool) {
	// Of ASCII alone (RFC 4343 §3): the Kelvin sign is no k.
	name = strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, strings.TrimSuffix(name, "."))
	return name, strings.Contains(name, ".") && len(validation.IsDNS1123Subdomain(name)) == 0
}
