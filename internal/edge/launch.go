// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// LaunchID names a launch.
type LaunchID struct {
	Namespace, Name string
}

// String is namespace/name.
func (l LaunchID) String() string { return l.Namespace + "/" + l.Name }

// Launch is what a zone needs to know of one launch.
type Launch struct {
	LaunchID
	UID  string
	Spec v1alpha1.LaunchReadinessSpec
	// Launched says that it was Launchable once, Failing that a Required row fails now (and isn't just unmeasured).
	Launched, Failing bool
	// TLSHeldSince is since when TLSEnforced is True; zero where it isn't.
	TLSHeldSince time.Time
	// Leaving says that the launch is being deleted.
	Leaving bool
	// Retained says that it is gone, and that its hosts stay set up.
	Retained bool
	// Refused are the hosts that it declares and may not have, with what is said of each.
	Refused []Refusal
	// NoMail are the domains whose mail records it may not publish.
	NoMail []string
	// Targets are the records that lead to its origin; empty with NoTargets, which says why.
	Targets   []Target
	NoTargets string
	// Secret lets the probe through the edge lock. It stands in a rule's expression, and nowhere else.
	Secret string
	// Nonexistent are the hosts of which every authoritative server says that they don't exist.
	Nonexistent []string
	// Strict says of each host whether the origin's certificate would be accepted: absent where it wasn't tried.
	Strict map[string]Preflight
}

// Preflight is what came of trying an origin before the edge is told to be strict.
type Preflight struct {
	OK bool
	// Unreachable says that the origin didn't answer here: it may let in the edge alone, as it should.
	Unreachable bool
	// Why not, in our own words.
	Why string
}

// Refusal is a host that a launch declares and may not have.
type Refusal struct {
	Host, Reason, Message string
}

// Target is a record that leads to an origin.
type Target struct {
	// Type is A, AAAA or CNAME.
	Type    string `json:"type"`
	Content string `json:"content"`
}

// Mode is what may be done for the launch.
func (l Launch) Mode() v1alpha1.EdgeMode {
	if l.Spec.Cloudflare == nil || l.Spec.Cloudflare.Mode == "" {
		return v1alpha1.EdgeObserve
	}
	return l.Spec.Cloudflare.Mode
}

// cloudflare is what it says of its zone; nothing where it says nothing.
func (l Launch) cloudflare() v1alpha1.Cloudflare {
	if l.Spec.Cloudflare == nil {
		return v1alpha1.Cloudflare{}
	}
	return *l.Spec.Cloudflare
}

// observes says that nothing is done for it but look.
func (l Launch) observes() bool { return l.Mode() == v1alpha1.EdgeObserve && !l.Retained }

// takesBack says that all that is its goes: it reverts, or is deleted with what it made.
func (l Launch) takesBack() bool {
	if l.Retained {
		return false
	}
	if l.Leaving {
		return l.cloudflare().DeletionPolicy == v1alpha1.EdgeDelete
	}
	return l.Mode() == v1alpha1.EdgeRevert
}

// frozen says that nothing may be changed for its sake, and that what is there for it stays: it only observes, or did so when it went,
// or is being deleted and leaves what it made.
func (l Launch) frozen() bool {
	return !l.takesBack() && (l.Leaving || l.Mode() == v1alpha1.EdgeObserve)
}

// enforces says that what it wants is brought about, and kept.
func (l Launch) enforces() bool { return !l.takesBack() && !l.frozen() }

// adopts says whether an area is enforced on hosts that strangers could reach before.
func (l Launch) adopts(area v1alpha1.EdgeArea) bool {
	return slices.Contains(l.cloudflare().Adopt, area)
}

// Hosts are those that the app serves and that it may have, in order.
func (l Launch) Hosts() []string {
	d := l.domains()
	return l.allowed(append([]v1alpha1.HostName{d.Canonical}, d.Hosts...))
}

// Redirects are the names that lead to the canonical one and that it may have, in order.
func (l Launch) Redirects() []string { return l.allowed(l.domains().Redirects) }

// Names are all names that it declares, those that it may not have among them.
func (l Launch) Names() []string {
	d := l.domains()
	names := append([]v1alpha1.HostName{d.Canonical}, d.Hosts...)
	names = append(names, d.Redirects...)
	for _, r := range d.Retired {
		names = append(names, r.Host)
	}
	var all []string
	for _, n := range names {
		if n != "" && !slices.Contains(all, string(n)) {
			all = append(all, string(n))
		}
	}
	return all
}

// Claimed are the names that it may have, retired ones among them.
func (l Launch) Claimed() []string { return slices.DeleteFunc(l.Names(), l.refused) }

func (l Launch) domains() v1alpha1.Domains {
	if l.Spec.Domains == nil {
		return v1alpha1.Domains{}
	}
	return *l.Spec.Domains
}

// allowed gives each host that may be had once, sorted.
func (l Launch) allowed(hosts []v1alpha1.HostName) []string {
	var out []string
	for _, h := range hosts {
		if h != "" && !l.refused(string(h)) {
			out = append(out, string(h))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (l Launch) refused(host string) bool {
	return slices.ContainsFunc(l.Refused, func(r Refusal) bool { return r.Host == host })
}
