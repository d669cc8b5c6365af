// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"cmp"
	"slices"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Ledger is what is remembered of a zone beyond what the zone itself tells: who has which host, and what stood there before.
// It is written before the zone is, so that a crash between the two leaves nothing forgotten. Without it, less is done: a host
// that isn't in it counts as one that strangers could reach before.
type Ledger struct {
	// Claims are the hosts that are somebody's, by host.
	Claims []Claim `json:"claims,omitempty"`
	// Previous is what stood in the zone before it was changed.
	Previous []Previous `json:"previous,omitempty"`
	// Retained are launches that are gone and whose hosts stay set up as they were.
	Retained []Retained `json:"retained,omitempty"`
	// Groups are those by whose tokens the zone was ever changed, as the marks of rules name them, sorted.
	Groups []string `json:"groups,omitempty"`
}

// Retained is as much of a launch that is gone as keeps its hosts set up.
type Retained struct {
	Namespace string                       `json:"namespace"`
	Name      string                       `json:"name"`
	UID       string                       `json:"uid"`
	Spec      v1alpha1.LaunchReadinessSpec `json:"spec"`
	Targets   []Target                     `json:"targets,omitempty"`
	Launched  bool                         `json:"launched,omitempty"`
	// Group of the token that it was set up with: with another, it would be set up twice.
	Group string `json:"group,omitempty"`
}

// Claim is a host that is a launch's.
type Claim struct {
	Host      string `json:"host"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	// Existing says that strangers could reach the host before it was claimed.
	Existing bool `json:"existing,omitempty"`
	// Lock is what was done about strangers.
	Lock LockState `json:"lock,omitempty"`
	// HSTS is how far the header has been raised.
	HSTS *HSTSStep `json:"hsts,omitempty"`
	// LeftAt is when the launch was gone, or no longer named the host.
	LeftAt *time.Time `json:"leftAt,omitempty"`
}

// LockState is what was done about strangers on a host.
type LockState string

const (
	// LockNone is a host that was never locked.
	LockNone LockState = ""
	// LockHeld is a host that is locked, or about to be.
	LockHeld LockState = "Held"
	// LockLifted is a host whose lock was taken away, by launch or by somebody's hand. It isn't locked again by default.
	LockLifted LockState = "Lifted"
)

// HSTSStep is a value of max-age that is sent since a time.
type HSTSStep struct {
	MaxAgeSeconds int32     `json:"maxAgeSeconds"`
	Since         time.Time `json:"since"`
}

// Previous is what stood in the zone before it was changed: a record, or a setting of the whole zone.
type Previous struct {
	// Record as it was, with the id that it has.
	Record *Record `json:"record,omitempty"`
	// Setting and its value, and what it was set to.
	Setting Setting `json:"setting,omitempty"`
	Value   string  `json:"value,omitempty"`
	Set     string  `json:"set,omitempty"`
	// Launch that it was changed for; empty for the whole zone.
	Launch string `json:"launch,omitempty"`
}

// IsEmpty says whether nothing is remembered.
func (l Ledger) IsEmpty() bool { return len(l.Claims)+len(l.Previous)+len(l.Retained) == 0 }

// HeldBy says whether a host is a namespace's, or nobody's: a claim outlasts its launch for a while, and counts more than age.
func (l Ledger) HeldBy(namespace, host string, now time.Time, ttl time.Duration) bool {
	c := l.claim(host)
	return c == nil || c.Namespace == namespace || c.LeftAt != nil && now.Sub(*c.LeftAt) >= ttl
}

// RetainedElsewhere gives the names that launches which are gone left to groups other than this one: what is set up for them stays.
func (l Ledger) RetainedElsewhere(group string) []string {
	var names []string
	for _, e := range l.Retained {
		if e.Group != group {
			names = append(names, Launch{Spec: e.Spec}.Names()...)
		}
	}
	return names
}

// WithGroup gives the ledger with a group noted.
func (l Ledger) WithGroup(group string) Ledger {
	i, known := slices.BinarySearch(l.Groups, group)
	if known {
		return l
	}
	out := l.clone()
	out.Groups = slices.Insert(out.Groups, i, group)
	return out
}

// claim finds the claim on a host.
func (l *Ledger) claim(host string) *Claim {
	i, found := slices.BinarySearchFunc(l.Claims, host, func(c Claim, h string) int { return cmp.Compare(c.Host, h) })
	if !found {
		return nil
	}
	return &l.Claims[i]
}

// set adds or replaces a claim.
func (l *Ledger) set(c Claim) *Claim {
	i, found := slices.BinarySearchFunc(l.Claims, c.Host, func(c Claim, h string) int { return cmp.Compare(c.Host, h) })
	if found {
		l.Claims[i] = c
	} else {
		l.Claims = slices.Insert(l.Claims, i, c)
	}
	return &l.Claims[i]
}

// clone copies a ledger, so that what was read is never changed.
func (l Ledger) clone() Ledger {
	c := Ledger{Claims: slices.Clone(l.Claims), Previous: slices.Clone(l.Previous), Retained: slices.Clone(l.Retained), Groups: slices.Clone(l.Groups)}
	for i := range c.Claims {
		if h := c.Claims[i].HSTS; h != nil {
			step := *h
			c.Claims[i].HSTS = &step
		}
		if at := c.Claims[i].LeftAt; at != nil {
			t := *at
			c.Claims[i].LeftAt = &t
		}
	}
	return c
}

// remembers says whether a record's former self is kept already: the first one counts.
func (l Ledger) remembers(recordID string) bool {
	return slices.ContainsFunc(l.Previous, func(p Previous) bool { return p.Record != nil && p.Record.ID == recordID })
}

func (l Ledger) setting(s Setting) (Previous, bool) {
	for _, p := range l.Previous {
		if p.Record == nil && p.Setting == s {
			return p, true
		}
	}
	return Previous{}, false
}

// Retain keeps as much of a launch that goes as keeps the hosts set up that it claimed, and nothing secret. One that reverted has nothing to
// keep. The group is the marker's.
func (l Ledger) Retain(launch Launch, group string) Ledger {
	out := l.clone()
	out.Retained = slices.DeleteFunc(out.Retained, func(r Retained) bool { return r.Namespace == launch.Namespace && r.Name == launch.Name })
	claimed := func(hosts []string) []string {
		return slices.DeleteFunc(hosts, func(h string) bool {
			c := l.claim(h)
			return c == nil || c.Namespace != launch.Namespace || c.Name != launch.Name
		})
	}
	hosts, redirects := claimed(launch.Hosts()), claimed(launch.Redirects())
	if launch.Mode() == v1alpha1.EdgeRevert || len(hosts)+len(redirects) == 0 {
		return out
	}
	spec := v1alpha1.LaunchReadinessSpec{Domains: &v1alpha1.Domains{}, Cloudflare: launch.Spec.Cloudflare.DeepCopy(), App: retainedApp(launch.Spec.App)}
	spec.Cloudflare.APITokenSecretRef = nil
	for _, h := range hosts {
		if h == string(launch.domains().Canonical) {
			spec.Domains.Canonical = v1alpha1.HostName(h)
		} else {
			spec.Domains.Hosts = append(spec.Domains.Hosts, v1alpha1.HostName(h))
		}
	}
	for _, h := range redirects {
		spec.Domains.Redirects = append(spec.Domains.Redirects, v1alpha1.HostName(h))
	}
	out.Retained = append(out.Retained, Retained{
		Namespace: launch.Namespace, Name: launch.Name, UID: launch.UID, Spec: spec, Targets: slices.Clone(launch.Targets), Launched: launch.Launched, Group: group,
	})
	return out
}

// retainedApp is what rate limits and cache rules are made of: methods and paths alone, since the rest may hold secrets.
func retainedApp(app *v1alpha1.App) *v1alpha1.App {
	if app == nil {
		return nil
	}
	bare := func(r v1alpha1.HTTPRequest) v1alpha1.HTTPRequest {
		return v1alpha1.HTTPRequest{Method: r.Method, Host: r.Host, Path: r.Path}
	}
	out := &v1alpha1.App{}
	if app.Login != nil {
		out.Login = &v1alpha1.Login{}
		for _, s := range app.Login.Steps {
			out.Login.Steps = append(out.Login.Steps, v1alpha1.HTTPStep{Request: bare(s.Request)})
		}
	}
	if app.Chat != nil {
		out.Chat = &v1alpha1.Chat{Request: bare(app.Chat.Request)}
		if n := app.Chat.RatePerMinute; n != nil {
			rate := *n
			out.Chat.RatePerMinute = &rate
		}
	}
	return out
}
