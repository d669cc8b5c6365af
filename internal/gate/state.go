// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/launchready/launchready/api/v1alpha1"
)

// maxNotes is how much room a Namespace has for annotations, keys and values together, in bytes
// (k8s.io/apimachinery, api/validation: TotalAnnotationSizeLimitB).
const maxNotes = 256 << 10

// Notes are the annotations of a Namespace.
type Notes map[string]string

// Launch is what the gate is told of a launch.
type Launch struct {
	Record
	// Subjects are the launch's workloads, hosts and Services.
	Subjects []Subject
	// Exposed are those of them that strangers reach by right: they stay so.
	Exposed []Subject
	// Claimed are the hosts to which a launch of another namespace has the better claim.
	Claimed []Subject
}

// Record gives what the Namespace says of a launch; ok is false where it says nothing that can be read.
func (n Notes) Record(launch string) (r Record, ok bool) {
	value, found := n[launchKey(launch)]
	if !found {
		return Record{}, false
	}
	r, err := ParseRecord(value)
	return r, err == nil
}

// Launches are the names of the launches that the Namespace says something of.
func (n Notes) Launches() []string {
	names := map[string]bool{}
	for name, value := range n {
		s, ours := subjectOf(name)
		switch {
		case !ours:
		case s.kind == kindLaunch:
			names[s.name] = true
		default:
			if p, ok := parsePointer(value); ok {
				names[p.launch] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Exposed says whether strangers reach something by right.
func (n Notes) Exposed(s Subject) bool {
	p, ok := parsePointer(n[key(s.name, s.kind)])
	return ok && p.exposed
}

// Predecessor gives the record of a deleted launch that had one of the subjects: whoever declares the subject takes it
// over. alive says whether a launch exists.
func (n Notes) Predecessor(launch string, subjects []Subject, alive func(launch string) bool) (Record, bool) {
	for _, s := range subjects {
		p, ok := parsePointer(n[key(s.name, s.kind)])
		if ok && p.launch != launch && !alive(p.launch) {
			if r, found := n.Record(p.launch); found {
				return r, true
			}
		}
	}
	return Record{}, false
}

// With gives the annotations with those of one launch as they are to be. What another launch that is alive has is left to it,
// and named in conflicts. full is true where the Namespace has no room for a launch that is new to it: then nothing changes.
func (n Notes) With(l Launch, alive func(launch string) bool) (want Notes, conflicts []Subject, full bool) {
	want = maps.Clone(n)
	if want == nil {
		want = Notes{}
	}
	predecessors := map[string]bool{}
	declared := map[string]bool{}
	for _, s := range l.Subjects {
		name := key(s.name, s.kind)
		before, known := parsePointer(n[name])
		if known && before.launch != l.Launch {
			if alive(before.launch) {
				conflicts = append(conflicts, s)
				continue
			}
			predecessors[before.launch] = true
		}
		declared[name] = true
		want[name] = pointer{launch: l.Launch, exposed: known && before.exposed || slices.Contains(l.Exposed, s), claimed: slices.Contains(l.Claimed, s)}.String()
	}
	for _, name := range n.pointersOf(l.Launch) {
		if !declared[name] {
			delete(want, name)
		}
	}
	for predecessor := range predecessors {
		if len(want.pointersOf(predecessor)) == 0 {
			delete(want, launchKey(predecessor))
		}
	}
	_, before := n[launchKey(l.Launch)]
	return want.fitted(l.Record, n, before, conflicts)
}

// fitted adds the record, with as many verified revisions as there is room for.
func (n Notes) fitted(r Record, have Notes, known bool, conflicts []Subject) (Notes, []Subject, bool) {
	for {
		n[launchKey(r.Launch)] = r.String()
		if n.size() <= maxNotes {
			return n, conflicts, false
		}
		if len(r.Verified) == 0 {
			break
		}
		r.Verified = r.Verified[:len(r.Verified)-1]
	}
	if !known {
		return have, conflicts, true
	}
	// What is there already loses nothing of its meaning: the API server decides whether the rest still fits.
	return n, conflicts, false
}

func (n Notes) size() int {
	size := 0
	for name, value := range n {
		size += len(name) + len(value)
	}
	return size
}

// Without gives the annotations after a launch was deleted. Where it had launched or something of it is exposed, what it
// held stays held, until a new launch takes it over.
func (n Notes) Without(launch string) Notes {
	want := maps.Clone(n)
	r, known := n.Record(launch)
	exposed := slices.ContainsFunc(slices.Collect(maps.Values(n)), func(value string) bool { return value == pointer{launch: launch, exposed: true}.String() })
	if !known || r.State == StateNew && !exposed {
		want.forget(launch)
		return want
	}
	deleted := []Hold{{Row: holdDeleted, Why: "1"}}
	r.State, r.Rollouts, r.Exposure = StateFailing, deleted, deleted
	want[launchKey(launch)] = r.String()
	return want
}

// forget takes away all that is said of a launch.
func (n Notes) forget(launch string) {
	delete(n, launchKey(launch))
	for _, name := range n.pointersOf(launch) {
		delete(n, name)
	}
}

// pointersOf gives the annotations by which something belongs to a launch.
func (n Notes) pointersOf(launch string) []string {
	var names []string
	for name, value := range n {
		p, ok := parsePointer(value)
		if s, ours := subjectOf(name); ok && p.launch == launch && ours && s.kind != kindLaunch {
			names = append(names, name)
		}
	}
	return names
}

// Labels are those that a Namespace with these annotations is to have: whether anything is held or warned of in it at all,
// and whether it holds a launch that is new or in mode Audit, so that requests are looked at for warnings.
func (n Notes) Labels() (gated, audited bool) {
	for name, value := range n {
		s, ours := subjectOf(name)
		if !ours || s.kind != kindLaunch {
			continue
		}
		r, err := ParseRecord(value)
		on := err != nil || r.Mode != v1alpha1.GateOff
		gated = gated || on
		audited = audited || err != nil || on && (r.Mode == v1alpha1.GateAudit || r.State == StateNew)
	}
	return gated, audited
}

// Closing gives the annotations that want asks for as far as they hold more than these do: what has to be written before
// anything else tells of it. What is opened comes after.
func (n Notes) Closing(want Notes, launch string) Notes {
	closing := maps.Clone(n)
	if closing == nil {
		closing = Notes{}
	}
	to, ok := want.Record(launch)
	if !ok {
		return closing
	}
	for _, name := range want.pointersOf(launch) {
		if p, _ := parsePointer(want[name]); n[name] == "" || p.claimed {
			closing[name] = want[name]
		}
	}
	from, known := n.Record(launch)
	if !known {
		closing[launchKey(launch)] = to.String()
		return closing
	}
	if held := stricter(from, to); held.String() != from.String() {
		// Of verified images there is room for those that are wanted.
		held.Verified = to.Verified
		closing[launchKey(launch)] = held.String()
	}
	return closing
}

// stricter gives the first record, with whatever the second one holds more. That a new launch has launched is no part of it:
// what this adds is held a moment later, when the status says so.
func stricter(from, to Record) Record {
	strictness := map[State]int{StateNew: 0, StateOpen: 0, StateOpenVerifiedOnly: 1, StateFailing: 2}
	if strictness[to.State] > strictness[from.State] {
		from.State, from.LaunchedAt, from.Rollouts = to.State, to.LaunchedAt, to.Rollouts
	} else if to.State == StateFailing {
		from.Rollouts = both(from.Rollouts, to.Rollouts)
	}
	if len(to.Exposure) > 0 {
		from.Exposure = both(from.Exposure, to.Exposure)
	}
	from.Mode = v1alpha1.StricterMode(from.Mode, to.Mode)
	from.ExcludedUsers = slices.Concat(from.ExcludedUsers, to.ExcludedUsers)
	from.ExcludedGroups = slices.Concat(from.ExcludedGroups, to.ExcludedGroups)
	return from
}

// both gives the holds of either list, a row once.
func both(a, b []Hold) []Hold {
	all := slices.Clone(b)
	for _, hold := range a {
		if !slices.ContainsFunc(b, func(h Hold) bool { return h.Row == hold.Row }) {
			all = append(all, hold)
		}
	}
	return all
}

// Exposes gives the hosts and Services that an object leads strangers to: an Ingress, a route of the Gateway API, or a
// public Service. A path that answers a certificate's challenge leads nobody anywhere.
func Exposes(kind schema.GroupKind, object map[string]any) []Subject {
	nobody := func(string) bool { return false }
	var e exposure
	switch kind.Kind {
	case "Service":
		if public(object) {
			return []Subject{ServiceSubject(textAt(object, "metadata", "name"))}
		}
		return nil
	case "Ingress":
		e = ingressOf(object, textAt(object, "metadata", "namespace"), nobody)
	default:
		e = routeOf(object, textAt(object, "metadata", "namespace"), nobody)
	}
	var subjects []Subject
	for _, host := range e.hosts {
		subjects = append(subjects, HostSubject(host))
	}
	for _, service := range e.services {
		subjects = append(subjects, ServiceSubject(service))
	}
	return subjects
}

// RouteKinds are the kinds of the Gateway API that expose.
func RouteKinds() []schema.GroupKind { return routeTable().kinds }
