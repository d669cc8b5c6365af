// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

// grammar is the version of the annotations' values. A reader of grammar N reads N and N-1; what it can't read holds
// nothing back and is warned of.
const grammar = "v1"

const (
	// digestLength is how many hexadecimal characters of an image's digest are kept: 64 bits of it.
	digestLength = 16
	// maxRevisions is how many verified revisions are kept.
	maxRevisions = 5
	// uidLength is how many characters of the Namespace's UID are kept: they tell a restored Namespace, not an attacker.
	uidLength = 8
	// recordFields is how many fields a record has.
	recordFields = 12
	// launchedAtLayout is ISO 8601's basic format, in UTC.
	launchedAtLayout = "20060102T150405Z"
	// exposedMark says of a host or a Service that it was exposed before.
	exposedMark = "exposed"
	// claimedMark says of a host that a launch of another namespace has the better claim to it.
	claimedMark = "claimed"
)

// State is where a launch stands with its rollouts.
type State string

const (
	// StateNew launches were never Launchable.
	StateNew State = "New"
	// StateOpen launches may be rolled forward.
	StateOpen State = "Open"
	// StateOpenVerifiedOnly launches may be rolled to verified images alone.
	StateOpenVerifiedOnly State = "OpenVerifiedOnly"
	// StateFailing launches have a required row that is known to fail.
	StateFailing State = "Failing"
)

// Hold is a row that holds something back, and why: how many findings fail it, or the reason why it has no verdict that
// counts.
type Hold struct {
	Row v1alpha1.Row
	Why string
}

// Record is what the gate knows of a launch. It is one annotation of the Namespace.
type Record struct {
	Launch string
	State  State
	// Rollouts are the rows that hold rollouts.
	Rollouts []Hold
	// Exposure are the rows that hold exposure: an app without any is Exposable.
	Exposure []Hold
	Mode     v1alpha1.GateMode
	// LaunchedAt is when the app was Launchable for the first time; zero where it was not.
	LaunchedAt time.Time
	// NamespaceUID is the UID of the Namespace for which the record was written, or its beginning.
	NamespaceUID string
	// Running are the digests of the images that run now (sha256:...).
	Running []string
	// Verified are the digests of the images of each verified revision, newest first.
	Verified [][]string
	// Pods are the labels of the pods of each workload, where the launch declares Services.
	Pods []map[string]string
	// ExcludedUsers and ExcludedGroups can't break the glass.
	ExcludedUsers, ExcludedGroups []string
}

// String gives the annotation's value. The same record gives the same value.
func (r Record) String() string {
	var launchedAt string
	if !r.LaunchedAt.IsZero() {
		launchedAt = r.LaunchedAt.UTC().Format(launchedAtLayout)
	}
	var verified, pods, excluded []string
	for _, revision := range r.Verified[:min(len(r.Verified), maxRevisions)] {
		if digests := shortened(revision); digests != "" {
			verified = append(verified, digests)
		}
	}
	for _, labels := range r.Pods {
		pods = append(pods, joinedLabels(labels))
	}
	slices.Sort(pods)
	for _, user := range r.ExcludedUsers {
		excluded = append(excluded, "u:"+user)
	}
	for _, group := range r.ExcludedGroups {
		excluded = append(excluded, "g:"+group)
	}
	slices.Sort(excluded)
	return strings.Join([]string{
		grammar, r.Launch, string(r.State), holdsText(r.Rollouts), holdsText(r.Exposure), string(r.Mode), launchedAt,
		r.NamespaceUID[:min(len(r.NamespaceUID), uidLength)], shortened(r.Running), strings.Join(verified, "|"),
		strings.Join(slices.Compact(pods), "|"), strings.Join(slices.Compact(excluded), ","),
	}, ";")
}

// Annotation gives the record as an annotation of the Namespace.
func (r Record) Annotation() (key, value string) { return launchKey(r.Launch), r.String() }

// ParseRecord reads an annotation's value. Of digests it gives what was kept of them.
func ParseRecord(value string) (Record, error) {
	f := strings.Split(value, ";")
	if f[0] != grammar || len(f) < recordFields {
		return Record{}, fmt.Errorf("the gate's record %q is not of grammar %s: upgrade LaunchReady's policies and operator together", value, grammar)
	}
	r := Record{Launch: f[1], State: State(f[2]), Mode: v1alpha1.GateMode(f[5]), NamespaceUID: f[7], Running: parts(f[8], ",")}
	var err error
	if r.Rollouts, err = parseHolds(f[3]); err == nil {
		r.Exposure, err = parseHolds(f[4])
	}
	if err == nil && f[6] != "" {
		r.LaunchedAt, err = time.Parse(launchedAtLayout, f[6])
	}
	if err != nil {
		return Record{}, fmt.Errorf("the gate's record %q: %w", value, err)
	}
	for _, revision := range parts(f[9], "|") {
		r.Verified = append(r.Verified, parts(revision, ","))
	}
	for _, pod := range parts(f[10], "|") {
		labels := map[string]string{}
		for _, label := range parts(pod, ",") {
			name, value, _ := strings.Cut(label, "=")
			labels[name] = value
		}
		r.Pods = append(r.Pods, labels)
	}
	for _, who := range parts(f[11], ",") {
		if user, is := strings.CutPrefix(who, "u:"); is {
			r.ExcludedUsers = append(r.ExcludedUsers, user)
		} else {
			r.ExcludedGroups = append(r.ExcludedGroups, strings.TrimPrefix(who, "g:"))
		}
	}
	return r, nil
}

// parts splits a text that may be empty.
func parts(text, separator string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, separator)
}

// holdsText gives holds as codes: TI=2,RL=NotMeasured.
func holdsText(holds []Hold) string {
	var texts []string
	for _, h := range holds {
		texts = append(texts, codeOf(h.Row)+"="+strings.Map(plain, h.Why))
	}
	return strings.Join(texts, ",")
}

// plain drops what has a meaning in the grammar: a condition's reason may hold commas and colons.
func plain(r rune) rune {
	if strings.ContainsRune(",;=|", r) {
		return -1
	}
	return r
}

func parseHolds(text string) ([]Hold, error) {
	var holds []Hold
	for _, part := range parts(text, ",") {
		code, why, found := strings.Cut(part, "=")
		if !found {
			return nil, fmt.Errorf("%q is no row that holds: want a code and a reason, such as TI=2", part)
		}
		holds = append(holds, Hold{Row: rowOf(code), Why: why})
	}
	return holds, nil
}

// shortened gives the beginnings of digests, sorted.
func shortened(digests []string) string {
	var short []string
	for _, d := range digests {
		d = strings.TrimPrefix(d, "sha256:")
		short = append(short, d[:min(len(d), digestLength)])
	}
	slices.Sort(short)
	return strings.Join(slices.Compact(short), ",")
}

func joinedLabels(labels map[string]string) string {
	var pairs []string
	for name, value := range labels {
		pairs = append(pairs, name+"="+value)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// pointer is what a workload, a host or a Service says: whose it is, whether it was exposed before, and, of a host that was
// not, whether another namespace has the better claim to it.
type pointer struct {
	launch  string
	exposed bool
	claimed bool
}

func (p pointer) String() string {
	value := grammar + ";" + p.launch
	switch {
	case p.exposed:
		value += ";" + exposedMark
	case p.claimed:
		value += ";" + claimedMark
	}
	return value
}

// Pointer gives the annotation that says whose a workload, a host or a Service is, and whether it was exposed before.
func Pointer(s Subject, launch string, exposed bool) (annotation, value string) {
	return key(s.name, s.kind), pointer{launch: launch, exposed: exposed}.String()
}

// Claimed gives the annotation that says of a launch's host that another namespace has the better claim to it.
func Claimed(s Subject, launch string) (annotation, value string) {
	return key(s.name, s.kind), pointer{launch: launch, claimed: true}.String()
}

// parsePointer reads a pointer; ok is false for one of another grammar.
func parsePointer(value string) (p pointer, ok bool) {
	f := strings.Split(value, ";")
	if f[0] != grammar || len(f) < 2 {
		return pointer{}, false
	}
	return pointer{launch: f[1], exposed: len(f) > 2 && f[2] == exposedMark, claimed: len(f) > 2 && f[2] == claimedMark}, true
}
