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

// records wants the proxied records of hosts and redirects, and none at retired names.
func (d *desired) records() {
	for _, l := range d.in.Launches {
		adopt := slices.Contains(l.Spec.Cloudflare.Adopt, v1alpha1.AreaDNS)
		if l.Leaving || l.Mode() == v1alpha1.EdgeRevert {
			continue
		}
		for _, h := range d.mine(l, v1alpha1.AreaDNS, l.Hosts()) {
			d.want.Names[h] = l.LaunchID
			d.host(l, h, adopt)
		}
		for _, h := range d.mine(l, v1alpha1.AreaDNS, l.Redirects()) {
			d.want.Names[h] = l.LaunchID
			comment := d.in.Marker.RecordComment(l.UID, claimRedirect)
			for _, t := range []Target{{"A", nowhereV4}, {"AAAA", nowhereV6}} {
				d.record(l, h, t, comment, adopt)
			}
		}
		for _, r := range l.domains().Retired {
			if !l.refused(string(r.Host)) && InZone(string(r.Host), d.state.Zone.Name) {
				d.want.Retired = append(d.want.Retired, WantRetired{Name: string(r.Host), Launch: l.LaunchID, Foreign: r.OnForeign == v1alpha1.ForeignDelete})
			}
		}
	}
}

// host wants the records of one host, unless its lock or its origin are missing.
func (d *desired) host(l Launch, host string, adopt bool) {
	if why, held := d.want.Held[host]; held {
		d.note(l.LaunchID, ReasonDegradedByPlan, v1alpha1.SeverityHigh, host, "The record is held back, since its lock can't be put up: "+why,
			"Make room for the lock, or set spec.gate.edge to Off.")
		return
	}
	if len(l.Targets) == 0 {
		if l.NoTargets != "" {
			d.note(l.LaunchID, ReasonOriginUnknown, v1alpha1.SeverityHigh, host, l.NoTargets, "See spec.domains.origin.")
		}
		return
	}
	for _, t := range l.Targets {
		d.record(l, host, t, d.in.Marker.RecordComment(l.UID, claimHost), adopt)
	}
}

func (d *desired) record(l Launch, name string, t Target, comment string, adopt bool) {
	d.want.Records = append(d.want.Records, WantRecord{
		Record: Record{Name: name, Type: t.Type, Content: t.Content, Proxied: true, TTL: automaticTTL, Comment: comment},
		Launch: l.LaunchID, Adopt: adopt,
	})
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
