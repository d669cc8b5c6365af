// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
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
// nothing. What a launch may not have is added to its refusals. Launches that are gone and left what they made come after the
// live ones.
func Settle(in Input, state State) Input {
	out := in
	out.Ledger = in.Ledger.clone()
	out.Launches = slices.DeleteFunc(slices.Clone(in.Launches), func(l Launch) bool { return l.Retained })
	s := settling{in: in, state: state, records: byName(state.Records), ledger: &out.Ledger, taken: map[string]LaunchID{}, kept: map[string]bool{}}
	for i := range out.Launches {
		s.launch(&out.Launches[i])
	}
	for i := range out.Launches {
		s.retired(&out.Launches[i])
	}
	out.Launches = append(out.Launches, s.retained(out.Launches)...)
	s.tombstones()
	s.forget(out.Launches)
	return out
}

type settling struct {
	in      Input
	state   State
	records names
	ledger  *Ledger
	// taken are the hosts that a live launch of this pass has, kept those that one has that is gone.
	taken map[string]LaunchID
	kept  map[string]bool
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
	if !l.enforces() {
		return
	}
	hosts := l.Hosts()
	for _, host := range slices.Concat(hosts, l.Redirects()) {
		c := s.claim(*l, host)
		if slices.Contains(hosts, host) {
			c.Lock = s.lock(*l, *c)
			c.HSTS = s.hstsStep(*l, *c)
		}
	}
}

// retired refuses names that a launch wants gone and that are another's.
func (s *settling) retired(l *Launch) {
	for _, r := range l.domains().Retired {
		host := string(r.Host)
		if host == "" || l.refused(host) {
			continue
		}
		if refusal := s.refusal(*l, host); refusal != nil {
			l.Refused = append(slices.Clone(l.Refused), *refusal)
		}
	}
}

// retained gives the launches that are gone and left what they made, without the hosts that live launches have by now. One that
// is back, or that has no host left, is forgotten. One that was set up with another token is remembered, and left alone.
func (s *settling) retained(live []Launch) []Launch {
	var out []Launch
	var entries []Retained
	for _, e := range s.ledger.Retained {
		id := LaunchID{e.Namespace, e.Name}
		if slices.ContainsFunc(live, func(l Launch) bool { return l.LaunchID == id }) {
			continue
		}
		e.Spec = *e.Spec.DeepCopy()
		l := Launch{LaunchID: id, UID: e.UID, Spec: e.Spec, Targets: e.Targets, Launched: e.Launched, Retained: true}
		for _, host := range slices.Concat(l.Hosts(), l.Redirects()) {
			if _, taken := s.taken[host]; taken || s.kept[host] {
				e.drop(host)
				continue
			}
			s.kept[host] = true
		}
		if l.Spec = e.Spec; len(l.Hosts())+len(l.Redirects()) == 0 {
			continue
		}
		entries = append(entries, e)
		if e.Group == s.in.Marker.Group {
			out = append(out, l)
		}
	}
	s.ledger.Retained = entries
	return out
}

// drop takes a host out of what is retained.
func (r *Retained) drop(host string) {
	d := r.Spec.Domains
	is := func(h v1alpha1.HostName) bool { return string(h) == host }
	d.Hosts, d.Redirects = slices.DeleteFunc(d.Hosts, is), slices.DeleteFunc(d.Redirects, is)
	if is(d.Canonical) {
		d.Canonical = ""
	}
}

// refusal says why a launch may not have a host that it declares.
func (s *settling) refusal(l Launch, host string) *Refusal {
	if !launch.InZone(host, s.state.Zone.Name) {
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
	for _, r := range s.records.addresses(host) {
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

// provenGone says whether nothing is left of a host: neither in the zone nor in DNS.
func (s *settling) provenGone(l Launch, host string) bool {
	return !s.unread(PartRecords) && len(s.records.addresses(host)) == 0 && s.records.wildcard(host) == nil && slices.Contains(l.Nonexistent, host)
}

// unread says whether a part of the zone could not be read: that nothing is seen there proves nothing.
func (s *settling) unread(part Part) bool {
	return slices.ContainsFunc(s.state.Denied, func(d Denied) bool { return d.Part == part })
}

// claim finds or makes a launch's claim on a host. What was noted of it for a launch that is gone, host and all, or for another
// namespace, is not the new one's.
func (s *settling) claim(l Launch, host string) *Claim {
	c := s.ledger.claim(host)
	if c == nil || c.Namespace != l.Namespace || c.LeftAt != nil && c.UID != l.UID && s.provenGone(l, host) {
		return s.ledger.set(Claim{Host: host, Namespace: l.Namespace, Name: l.Name, UID: l.UID, Existing: s.reachable(l, host)})
	}
	c.Namespace, c.Name, c.UID, c.LeftAt = l.Namespace, l.Name, l.UID, nil
	return c
}

// reachable says whether strangers could reach a host before we did anything: unless it is proven not to exist, they could. The
// marks of our records say so where the ledger is lost.
func (s *settling) reachable(l Launch, host string) bool {
	existing, ours := false, false
	records := s.records.addresses(host)
	for _, r := range records {
		if _, claim, owned := s.in.Marker.owner(r); owned {
			ours, existing = true, existing || claim == claimAdopted || claim == claimExisting
		}
	}
	if len(records) > 0 {
		return !ours || existing
	}
	return !s.provenGone(l, host)
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
	case c.Lock == LockHeld && s.unread(PartOf(PhaseCustomWAF)):
		return LockHeld // nobody knows that it was taken away
	case c.Lock == LockLifted || s.unread(PartRecords) || len(s.records.addresses(c.Host)) > 0 || s.records.wildcard(c.Host) != nil:
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
		return r.Enabled && s.in.Marker.effects(r, effectLock) && r.Action == actionBlock && namesHost(r.Expression, host)
	})
}

// tombstones notes the time of claims that no launch has any more, and forgets those whose time is over and of which nothing
// is left in the zone.
func (s *settling) tombstones() {
	s.ledger.Claims = slices.DeleteFunc(s.ledger.Claims, func(c Claim) bool {
		return s.expired(c) && s.taken[c.Host] == (LaunchID{}) && !s.kept[c.Host] && !slices.ContainsFunc(s.records.addresses(c.Host), s.in.Marker.OwnsRecord)
	})
	for i := range s.ledger.Claims {
		c := &s.ledger.Claims[i]
		if _, ok := s.taken[c.Host]; !ok && c.LeftAt == nil && !slices.Contains(s.in.Elsewhere, c.Host) {
			now := s.in.Now
			c.LeftAt = &now
		}
	}
}

// forget drops what is remembered of what stood in the zone before, where it stands there again.
func (s *settling) forget(launches []Launch) {
	enforcing := slices.ContainsFunc(launches, Launch.enforces)
	s.ledger.Previous = slices.DeleteFunc(s.ledger.Previous, func(p Previous) bool {
		if p.Record == nil {
			return !enforcing && zoneValue(s.state, p.Setting) != p.Set
		}
		back := slices.ContainsFunc(launches, func(l Launch) bool { return l.String() == p.Launch && l.takesBack() })
		return back && slices.ContainsFunc(s.records[p.Record.Name], func(r Record) bool {
			return !s.in.Marker.OwnsRecord(r) && sameRecord(r, *p.Record)
		})
	})
}

// sameRecord says whether a record is what another was.
func sameRecord(a, b Record) bool {
	return a.Type == b.Type && a.Content == b.Content && a.Proxied == b.Proxied
}

// hstsSteps are the values of max-age on the way to what is wanted: five minutes, a day.
var hstsSteps = [...]int32{300, 86400}

// DefaultHSTSSeconds is a year: the least that the scorecard accepts (and that preload lists ask for).
const DefaultHSTSSeconds = 31_536_000

// hstsStep raises max-age by a step once TLS has held for as long as browsers remember the step before. What is sent already
// counts where the ledger is lost.
func (s *settling) hstsStep(l Launch, c Claim) *HSTSStep {
	goal := hstsGoal(l)
	if goal == 0 || c.Existing && !l.adopts(v1alpha1.AreaHeaders) {
		return nil
	}
	zone := s.zoneHSTS()
	goal = max(goal, zone) // what is stricter already stays
	have := c.HSTS
	if have == nil {
		if sent := max(s.sentHSTS(c.Host), zone); sent > 0 {
			have = &HSTSStep{MaxAgeSeconds: sent, Since: s.in.Now}
		}
	}
	switch {
	case have != nil && have.MaxAgeSeconds > goal:
		return &HSTSStep{MaxAgeSeconds: goal, Since: s.in.Now}
	case c.Lock == LockHeld:
		return have
	case have == nil:
		return &HSTSStep{MaxAgeSeconds: min(hstsSteps[0], goal), Since: s.in.Now}
	case have.MaxAgeSeconds == goal || l.TLSHeldSince.IsZero():
		return have
	}
	since := have.Since
	if l.TLSHeldSince.After(since) {
		since = l.TLSHeldSince
	}
	if s.in.Now.Sub(since) < time.Duration(have.MaxAgeSeconds)*time.Second {
		return have
	}
	for _, step := range hstsSteps {
		if step > have.MaxAgeSeconds && step < goal {
			return &HSTSStep{MaxAgeSeconds: step, Since: s.in.Now}
		}
	}
	return &HSTSStep{MaxAgeSeconds: goal, Since: s.in.Now}
}

// zoneHSTS is the max-age that the whole zone sends by its settings.
func (s *settling) zoneHSTS() int32 {
	var v struct {
		HSTS struct {
			Enabled bool  `json:"enabled"`
			MaxAge  int32 `json:"max_age"`
		} `json:"strict_transport_security"`
	}
	if json.Unmarshal(s.state.Settings[SettingSecurityHeader].Value, &v) != nil || !v.HSTS.Enabled {
		return 0
	}
	return v.HSTS.MaxAge
}

// sentHSTS is the max-age that a rule of ours sends for a host.
func (s *settling) sentHSTS(host string) int32 {
	for _, r := range s.state.Rulesets[PhaseResponseHeaders].Rules {
		if !s.in.Marker.effects(r, effectHSTS) || !namesHost(r.Expression, host) {
			continue
		}
		var p struct {
			Headers map[string]struct{ Value string } `json:"headers"`
		}
		if json.Unmarshal(r.Parameters, &p) != nil {
			continue
		}
		age, _ := strings.CutPrefix(p.Headers[hstsHeader].Value, "max-age=")
		if n, err := strconv.ParseInt(age, 10, 32); err == nil && n > 0 {
			return int32(n)
		}
	}
	return 0
}

// hstsGoal is the max-age that is wanted in the end; 0 where none is.
func hstsGoal(l Launch) int32 {
	tls := l.cloudflare().TLS
	switch {
	case tls == nil || tls.HSTS == nil:
		return DefaultHSTSSeconds
	case tls.HSTS.Mode == v1alpha1.SwitchOff:
		return 0
	case tls.HSTS.MaxAgeSeconds != nil:
		return *tls.HSTS.MaxAgeSeconds
	default:
		return DefaultHSTSSeconds
	}
}
