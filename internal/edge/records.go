// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"cmp"
	"maps"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Addresses that stand for "no origin": a proxied record has to lead somewhere, and these lead nowhere (RFC 5737, RFC 6666).
const (
	nowhereV4 = "192.0.2.1"
	nowhereV6 = "100::"
)

// automaticTTL is Cloudflare's TTL of proxied records.
const automaticTTL = 1

// addresses wants the proxied records of hosts and redirects, and none at retired names.
func (d *desired) addresses() {
	for _, l := range d.in.Launches {
		if !l.enforces() {
			continue
		}
		for _, h := range d.mine(l, v1alpha1.AreaDNS, "", l.Hosts()) {
			d.host(l, h, l.Targets)
		}
		for _, h := range d.mine(l, v1alpha1.AreaDNS, "", l.Redirects()) {
			d.host(l, h, []Target{{"A", nowhereV4}, {"AAAA", nowhereV6}})
		}
		for _, r := range l.domains().Retired {
			if name := string(r.Host); name != "" && !l.refused(name) {
				d.want.Retired = append(d.want.Retired, WantRetired{Name: name, Launch: l.LaunchID, Foreign: r.OnForeign == v1alpha1.ForeignDelete})
			}
		}
	}
}

// host wants the records of one host, unless a rule that has to stand before it, or its origin, are missing.
func (d *desired) host(l Launch, host string, targets []Target) {
	if why, held := d.want.Held[host]; held {
		d.note(l.LaunchID, ReasonDegradedByPlan, v1alpha1.SeverityHigh, host, "The record is held back, since a rule that has to stand before it can't be put up: "+why,
			"Make room for the rule, or give the token the permission. A lock isn't needed where spec.gate.edge is Off.")
		return
	}
	if len(targets) == 0 && l.NoTargets != "" {
		d.note(l.LaunchID, ReasonOriginUnknown, v1alpha1.SeverityHigh, host, l.NoTargets, "See spec.domains.origin.")
	}
	claim := claimHost
	switch {
	case d.existing(host):
		claim = claimExisting
	case slices.Contains(l.Redirects(), host):
		claim = claimRedirect
	}
	for _, t := range targets {
		d.want.Records = append(d.want.Records, WantRecord{
			Record: Record{Name: host, Type: t.Type, Content: t.Content, Proxied: true, TTL: automaticTTL, Comment: d.in.Marker.RecordComment(l.UID, claim)},
			Launch: l.LaunchID, Adopt: l.adopts(v1alpha1.AreaDNS),
		})
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
