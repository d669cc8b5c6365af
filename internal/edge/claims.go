// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Input is everything about a zone that doesn't come from Cloudflare: what the launches of one credential want, and what is
// remembered.
type Input struct {
	Marker Marker
	// Launches in order of their claim: who comes first keeps a host that two declare.
	Launches []Launch
	Ledger   Ledger
	// ManageSettings says that settings of the whole zone may be tightened.
	ManageSettings bool
	// Elsewhere are hosts that launches of other credentials have.
	Elsewhere []string
	// ClaimTTL is how long a host stays with the namespace that had it.
	ClaimTTL time.Duration
	Now      time.Time
}

// Settle decides who has which host and what is locked, and gives the ledger that says so. Launches that only observe claim
// nothing. What a launch may not have is added to its refusals.
func Settle(in Input, state State) Input {
	out := in
	out.Ledger = in.Ledger.clone()
	out.Launches = slices.Clone(in.Launches)
	s := settling{in: in, state: state, ledger: &out.Ledger, taken: map[string]LaunchID{}}
	for i := range out.Launches {
		s.launch(&out.Launches[i])
	}
	s.tombstones()
	return out
}

type settling struct {
	in     Input
	state  State
	ledger *Ledger
	// taken are the hosts that a launch of this pass has.
	taken map[string]LaunchID
}

func (s *settling) launch(l *Launch) {
	refused := slices.Clone(l.Refused)
	for _, host := range slices.Concat(l.Hosts(), l.Redirects()) {
		if r := s.refusal(*l, host); r != nil {
			refused = append(refused, *r)
			continue
		}
		s.taken[host] = l.LaunchID
	}
	l.Refused = refused
	if l.Mode() != v1alpha1.EdgeEnforce || l.Leaving {
		return
	}
	for _, host := range slices.Concat(l.Hosts(), l.Redirects()) {
		c := s.claim(*l, host)
		if slices.Contains(l.Hosts(), host) {
			c.Lock = s.lock(*l, *c)
			c.HSTS = hstsStep(*l, *c, s.in.Now)
		}
	}
}

// refusal says why a launch may not have a host that it declares.
func (s *settling) refusal(l Launch, host string) *Refusal {
	if !InZone(host, s.state.Zone.Name) {
		return &Refusal{host, ReasonHostNotInZone, host + " is not in the zone " + s.state.Zone.Name + ": correct it in spec.domains, or give the launch the zone that it is in."}
	}
	if slices.Contains(s.in.Elsewhere, host) {
		return &Refusal{host, ReasonHostConflict, host + " belongs to a LaunchReadiness of another credential, which has the older claim: remove it from one of the two."}
	}
	if other, ok := s.taken[host]; ok && other != l.LaunchID {
		return &Refusal{host, ReasonHostConflict, host + " belongs to the LaunchReadiness " + other.String() + ", which has the older claim: remove it from one of the two."}
	}
	if c := s.ledger.claim(host); c != nil && c.Namespace != l.Namespace && !s.expired(*c) {
		return &Refusal{host, ReasonHostConflict, host + " belongs to the namespace " + c.Namespace + ", and stays with it for a while after its launch is gone (edge.claimTTLSeconds of the LaunchPolicy): remove it there, or wait."}
	}
	for _, r := range s.addressRecords(host) {
		if s.in.Marker.otherInstallation(r) {
			return &Refusal{host, ReasonHostConflict, host + " is set up by another installation of LaunchReady: remove it there, or here."}
		}
	}
	return nil
}

// expired says whether a claim is no longer anybody's.
func (s *settling) expired(c Claim) bool {
	return c.LeftAt != nil && s.in.Now.Sub(*c.LeftAt) >= s.in.ClaimTTL
}

// claim finds or makes a launch's claim on a host.
func (s *settling) claim(l Launch, host string) *Claim {
	c := s.ledger.claim(host)
	if c == nil {
		return s.ledger.set(Claim{Host: host, Namespace: l.Namespace, Name: l.Name, UID: l.UID, Existing: s.reachable(l, host)})
	}
	c.Namespace, c.Name, c.UID, c.LeftAt = l.Namespace, l.Name, l.UID, nil
	return c
}

// reachable says whether strangers could reach a host before we did anything: unless it is proven not to exist, they could.
func (s *settling) reachable(l Launch, host string) bool {
	if records := s.addressRecords(host); len(records) > 0 {
		return !slices.ContainsFunc(records, s.in.Marker.OwnsRecord)
	}
	return !slices.Contains(l.Nonexistent, host)
}

// lock decides about strangers on a host. Only a host that is proven not to exist is locked for the first time, and one whose
// lock somebody took away is not locked again: an error, or something lost, locks no live app.
func (s *settling) lock(l Launch, c Claim) LockState {
	covered := s.locked(c.Host)
	switch lock := edgeLock(l); {
	case lock == v1alpha1.EdgeLockOff:
		return lifted(c.Lock)
	case lock == v1alpha1.EdgeLockedWhileFailing && l.Launched:
		if l.Failing {
			return LockHeld
		}
		return lifted(c.Lock)
	case l.Launched:
		return lifted(c.Lock)
	case covered:
		return LockHeld
	case c.Lock == LockLifted || len(s.addressRecords(c.Host)) > 0:
		return lifted(c.Lock)
	case c.Lock == LockHeld || slices.Contains(l.Nonexistent, c.Host):
		return LockHeld
	default:
		return c.Lock
	}
}

func lifted(before LockState) LockState {
	if before == LockNone {
		return LockNone
	}
	return LockLifted
}

func edgeLock(l Launch) v1alpha1.EdgeLock {
	if l.Spec.Gate == nil || l.Spec.Gate.Edge == "" {
		return v1alpha1.EdgeLockOff
	}
	return l.Spec.Gate.Edge
}

// locked says whether a lock of ours covers a host now.
func (s *settling) locked(host string) bool {
	return slices.ContainsFunc(s.state.Rulesets[PhaseCustomWAF].Rules, func(r Rule) bool {
		return r.Enabled && strings.HasPrefix(r.Ref, s.in.Marker.RuleRef(effectLock)) && r.Action == actionBlock && namesHost(r.Expression, host)
	})
}

// addressRecords are the records that make a name lead somewhere.
func (s *settling) addressRecords(host string) []Record { return addressRecords(s.state, host) }

func addressRecords(state State, host string) []Record {
	var found []Record
	for _, r := range state.Records {
		if r.Name == host && (r.Type == "A" || r.Type == "AAAA" || r.Type == "CNAME") {
			found = append(found, r)
		}
	}
	return found
}

// tombstones notes the time of claims that no launch has any more, and forgets those whose time is over and of which nothing
// is left in the zone.
func (s *settling) tombstones() {
	s.ledger.Claims = slices.DeleteFunc(s.ledger.Claims, func(c Claim) bool {
		return s.expired(c) && s.taken[c.Host] == (LaunchID{}) && !slices.ContainsFunc(s.addressRecords(c.Host), s.in.Marker.OwnsRecord)
	})
	for i := range s.ledger.Claims {
		c := &s.ledger.Claims[i]
		if _, ok := s.taken[c.Host]; !ok && c.LeftAt == nil && !slices.Contains(s.in.Elsewhere, c.Host) {
			c.LeftAt = &s.in.Now
		}
	}
}

// hstsSteps are the values of max-age on the way to what is wanted: five minutes, a day.
var hstsSteps = [...]int32{300, 86400}

// DefaultHSTSSeconds is a year: the least that the scorecard accepts (and that preload lists ask for).
const DefaultHSTSSeconds = 31_536_000

// hstsStep raises max-age by a step once TLS has held for as long as browsers remember the step before.
func hstsStep(l Launch, c Claim, now time.Time) *HSTSStep {
	goal := hstsGoal(l)
	if goal == 0 || c.Lock == LockHeld {
		return c.HSTS
	}
	if c.HSTS == nil {
		return &HSTSStep{MaxAgeSeconds: min(hstsSteps[0], goal), Since: now}
	}
	if c.HSTS.MaxAgeSeconds >= goal || l.TLSHeldSince.IsZero() {
		return c.HSTS
	}
	since := c.HSTS.Since
	if l.TLSHeldSince.After(since) {
		since = l.TLSHeldSince
	}
	if now.Sub(since) < time.Duration(c.HSTS.MaxAgeSeconds)*time.Second {
		return c.HSTS
	}
	for _, step := range hstsSteps {
		if step > c.HSTS.MaxAgeSeconds && step < goal {
			return &HSTSStep{MaxAgeSeconds: step, Since: now}
		}
	}
	return &HSTSStep{MaxAgeSeconds: goal, Since: now}
}

// hstsGoal is the max-age that is wanted in the end; 0 where none is.
func hstsGoal(l Launch) int32 {
	if l.Spec.Cloudflare == nil || l.Spec.Cloudflare.TLS == nil || l.Spec.Cloudflare.TLS.HSTS == nil {
		return DefaultHSTSSeconds
	}
	hsts := l.Spec.Cloudflare.TLS.HSTS
	switch {
	case hsts.Mode == v1alpha1.SwitchOff:
		return 0
	case hsts.MaxAgeSeconds != nil:
		return *hsts.MaxAgeSeconds
	default:
		return DefaultHSTSSeconds
	}
}
