// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

// ValidateEdge finds what contradicts itself in spec.domains, cloudflare, email and gate.edge. The rules of the CRD refuse the same
// (test/apiserver compares them); these need no cluster, and name the very entry.
func ValidateEdge(spec *v1alpha1.LaunchReadinessSpec) field.ErrorList {
	at := field.NewPath("spec")
	domains := ptr.Deref(spec.Domains, v1alpha1.Domains{})
	wrong := validateNames(domains, at.Child("domains"))
	if spec.Domains != nil && domains.Origin != nil {
		wrong = append(wrong, validateOrigin(domains, at.Child("domains", "origin"))...)
	}
	if spec.Cloudflare != nil {
		wrong = append(wrong, validateZone(spec, at)...)
		wrong = append(wrong, validateCloudflare(*spec.Cloudflare, at.Child("cloudflare"))...)
	} else if gate := ptr.Deref(spec.Gate, v1alpha1.Gate{}); gate.Edge != "" && gate.Edge != v1alpha1.EdgeLockOff {
		wrong = append(wrong, field.Invalid(at.Child("gate", "edge"), gate.Edge,
			"the edge can't be locked without spec.cloudflare: add it, with the zone of the hosts, or set edge to Off"))
	}
	return wrong
}

// listed is a name and where it stands.
type listed struct {
	at   *field.Path
	name v1alpha1.HostName
}

// names lists all names of an app, in the order in which a second one is the one too many.
func names(d v1alpha1.Domains, at *field.Path) []listed {
	var all []listed
	if d.Canonical != "" {
		all = append(all, listed{at.Child("canonical"), d.Canonical})
	}
	for i, h := range d.Hosts {
		all = append(all, listed{at.Child("hosts").Index(i), h})
	}
	for i, h := range d.Redirects {
		all = append(all, listed{at.Child("redirects").Index(i), h})
	}
	for i, r := range d.Retired {
		all = append(all, listed{at.Child("retired").Index(i).Child("host"), r.Host})
	}
	return all
}

func validateNames(d v1alpha1.Domains, at *field.Path) field.ErrorList {
	var wrong field.ErrorList
	seen := map[v1alpha1.HostName]*field.Path{}
	for _, n := range names(d, at) {
		if first, twice := seen[n.name]; twice {
			wrong = append(wrong, field.Invalid(n.at, n.name, fmt.Sprintf("is listed in %s already: remove it here or there", first)))
			continue
		}
		seen[n.name] = n.at
	}
	if len(d.Redirects) > 0 && d.Canonical == "" {
		wrong = append(wrong, field.Invalid(at.Child("redirects"), d.Redirects[0], "redirects lead to the canonical host: set canonical, such as canonical: app.example.com"))
	}
	return wrong
}

func validateOrigin(d v1alpha1.Domains, at *field.Path) field.ErrorList {
	var wrong field.ErrorList
	if own := names(d, nil); d.Origin.Hostname != "" && slices.ContainsFunc(own, func(n listed) bool { return n.name == d.Origin.Hostname }) {
		wrong = append(wrong, field.Invalid(at.Child("hostname"), d.Origin.Hostname,
			"is one of the app's own hosts, so that the edge would lead to itself: write the load balancer's name, such as lb.example.net"))
	}
	// Shared behind a carrier's NAT, or a cluster's own. RFC 6598 §7.
	shared := netip.MustParsePrefix("100.64.0.0/10")
	for i, address := range d.Origin.Addresses {
		ip, err := netip.ParseAddr(string(address))
		switch {
		case err != nil:
			wrong = append(wrong, field.Invalid(at.Child("addresses").Index(i), address, "must be an IPv4 or IPv6 address such as 203.0.113.7, without a port"))
		case !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip):
			wrong = append(wrong, field.Invalid(at.Child("addresses").Index(i), address,
				"must be a public address: Cloudflare can't reach one that is private, link-local or loopback; write that of the load balancer, or name what has it in ingressRef, gatewayRef or serviceRef"))
		}
	}
	return wrong
}

// validateZone sees that all hosts and mail are in the zone.
func validateZone(spec *v1alpha1.LaunchReadinessSpec, at *field.Path) field.ErrorList {
	var wrong field.ErrorList
	zone := spec.Cloudflare.Zone
	all := names(ptr.Deref(spec.Domains, v1alpha1.Domains{}), at.Child("domains"))
	if len(all) == 0 {
		wrong = append(wrong, field.Required(at.Child("domains"), "cloudflare is about hosts, and there are none: list them, such as domains: {canonical: app.example.com}"))
	}
	for i, e := range spec.Email {
		all = append(all, listed{at.Child("email").Index(i).Child("domain"), e.Domain})
	}
	for _, n := range all {
		if !InZone(string(n.name), string(zone)) {
			wrong = append(wrong, field.Invalid(n.at, n.name, fmt.Sprintf("must be %s (cloudflare.zone) or a name below it: list what is in another zone in a launch of its own, or change zone", zone)))
		}
	}
	d := ptr.Deref(spec.Domains, v1alpha1.Domains{})
	if spec.Cloudflare.Mode == v1alpha1.EdgeEnforce && d.Origin == nil && (d.Canonical != "" || len(d.Hosts) > 0) {
		wrong = append(wrong, field.Required(at.Child("domains", "origin"), "cloudflare.mode Enforce makes the records of the hosts, and has to know where they lead: set it, such as origin: {hostname: lb.example.net}"))
	}
	return wrong
}

func validateCloudflare(c v1alpha1.Cloudflare, at *field.Path) field.ErrorList {
	var wrong field.ErrorList
	for i, b := range c.RateLimits {
		for _, a := range c.RateLimits[:i] {
			if countsTheSame(a, b) {
				wrong = append(wrong, field.Invalid(at.Child("rateLimits").Index(i), b.Name, fmt.Sprintf("counts the same as %s, with the same paths, methods and periodSeconds: keep the one with fewer requests", a.Name)))
			}
		}
	}
	if c.Cache != nil {
		for i, p := range c.Cache.StaticPaths {
			if slices.Contains(c.Cache.PrivatePaths, p) {
				wrong = append(wrong, field.Invalid(at.Child("cache", "staticPaths").Index(i), p, "a path is static or private: remove it here if its replies are not the same for everybody, else from privatePaths"))
			}
		}
	}
	return wrong
}

// DefaultPeriodSeconds is what a rate limit counts in where it does not say.
const DefaultPeriodSeconds = 60

func countsTheSame(a, b v1alpha1.EdgeRateLimit) bool {
	return sameSet(a.Paths, b.Paths) && sameSet(a.Methods, b.Methods) &&
		ptr.Deref(a.PeriodSeconds, DefaultPeriodSeconds) == ptr.Deref(b.PeriodSeconds, DefaultPeriodSeconds)
}

func sameSet[T comparable](a, b []T) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(v T) bool { return !slices.Contains(b, v) })
}
