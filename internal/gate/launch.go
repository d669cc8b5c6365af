// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// Observed is what the cluster says besides the score.
type Observed struct {
	NamespaceUID string
	// Notes are the annotations of the Namespace.
	Notes Notes
	// Exposed are the subjects that strangers reach now.
	Exposed []Subject
	// Claimed are the hosts to which a launch of another namespace has the better claim.
	Claimed []Subject
	// Alive says whether a launch of the namespace exists.
	Alive func(launch string) bool
}

// known gives what the Namespace says of a launch, or of a deleted one that it takes over from.
func (o Observed) known(launch string, subjects []Subject) (Record, bool) {
	if r, found := o.Notes.Record(launch); found {
		return r, true
	}
	return o.Notes.Predecessor(launch, subjects, o.Alive)
}

// For gives what the gate is to be told of an app.
func For(app *launch.App, score scorecard.Score, o Observed) Launch {
	lr := app.Launch
	l := Launch{Subjects: Subjects(app), Claimed: o.Claimed}
	before, known := o.known(lr.Name, l.Subjects)
	l.Record = Record{
		Launch: lr.Name, NamespaceUID: o.NamespaceUID, State: stateOf(lr, score), Exposure: exposureHolds(score),
		LaunchedAt: score.Status.LaunchedAt.Time, Running: app.Revision.Images, Verified: verifiedOf(score, before), Pods: podsOf(app),
	}
	if l.State == StateFailing {
		l.Rollouts = holdsOf(score, func(scorecard.Standing) bool { return true })
	}
	if !app.Measurable() && known {
		// The workloads are not there (yet): a restored Namespace stays one, and pods are known as they were.
		l.NamespaceUID, l.Running, l.Pods = before.NamespaceUID, before.Running, before.Pods
	}
	rules := ptr.Deref(app.Policy.Gate, v1alpha1.GateRules{})
	if glass := rules.BreakGlass; glass != nil {
		for _, user := range glass.ExcludedUsers {
			l.ExcludedUsers = append(l.ExcludedUsers, string(user))
		}
		for _, group := range glass.ExcludedGroups {
			l.ExcludedGroups = append(l.ExcludedGroups, string(group))
		}
	}
	l.Mode, _ = modeOf(lr, rules, score, before, known)
	wasOpen := known && len(before.Exposure) == 0
	for _, s := range o.Exposed {
		if slices.Contains(l.Subjects, s) && !slices.Contains(o.Claimed, s) && (wasOpen || len(l.Exposure) == 0 || adoptsLive(lr)) {
			l.Exposed = append(l.Exposed, s)
		}
	}
	return l
}

// Subjects are the workloads, hosts and Services that a launch declares.
func Subjects(app *launch.App) []Subject {
	var subjects []Subject
	for _, w := range app.Launch.Spec.Workloads {
		subjects = append(subjects, WorkloadSubject(string(w.Ref.Kind), w.Ref.Name))
		for _, service := range w.Services {
			subjects = append(subjects, ServiceSubject(service))
		}
	}
	for _, w := range app.Workloads {
		if w.TemplateFrom != "" {
			subjects = append(subjects, WorkloadSubject(string(v1alpha1.KindDeployment), w.TemplateFrom))
		}
	}
	for _, host := range Hosts(app.Launch) {
		subjects = append(subjects, HostSubject(host))
	}
	return subjects
}

// Hosts are the names that a launch declares.
func Hosts(lr *v1alpha1.LaunchReadiness) []string {
	domains := ptr.Deref(lr.Spec.Domains, v1alpha1.Domains{})
	var hosts []string
	for _, host := range append([]v1alpha1.HostName{domains.Canonical}, domains.Hosts...) {
		if host != "" && !slices.Contains(hosts, string(host)) {
			hosts = append(hosts, string(host))
		}
	}
	return hosts
}

// HasBetterClaim says whether a launch has the better claim to a host than one of another namespace that declares it too: who
// launched earlier, and among those who did not the older one.
func HasBetterClaim(a, b *v1alpha1.LaunchReadiness) bool {
	if x, y := a.Status.LaunchedAt, b.Status.LaunchedAt; !x.Equal(&y) {
		return y.IsZero() || !x.IsZero() && x.Before(&y)
	}
	if x, y := a.CreationTimestamp, b.CreationTimestamp; !x.Equal(&y) {
		return x.Before(&y)
	}
	return a.Namespace < b.Namespace
}

func stateOf(lr *v1alpha1.LaunchReadiness, score scorecard.Score) State {
	switch {
	case score.Status.LaunchedAt.IsZero():
		return StateNew
	case !meta.IsStatusConditionTrue(score.Status.Conditions, v1alpha1.ConditionLaunchable):
		return StateFailing
	case lr.Spec.Gate != nil && lr.Spec.Gate.Rollouts == v1alpha1.RolloutsVerifiedOnly:
		return StateOpenVerifiedOnly
	default:
		return StateOpen
	}
}

// exposureHolds are the rows for which the app is not Exposable.
func exposureHolds(score scorecard.Score) []Hold {
	if meta.IsStatusConditionTrue(score.Status.Conditions, v1alpha1.ConditionExposable) {
		return nil
	}
	holds := holdsOf(score, func(st scorecard.Standing) bool { return st.Stage == scorecard.BeforeExposure })
	if len(holds) == 0 {
		holds = []Hold{{Row: holdNothingRequired, Why: "0"}}
	}
	return holds
}

// holdsOf gives the rows that count and do not pass, of those that are asked for.
func holdsOf(score scorecard.Score, asked func(scorecard.Standing) bool) []Hold {
	var holds []Hold
	for _, st := range score.Rows {
		if !asked(st) {
			continue
		}
		switch st.Effect {
		case scorecard.CountsFailed:
			holds = append(holds, Hold{Row: st.Name, Why: failing(score, st)})
		case scorecard.CountsUnknown:
			holds = append(holds, Hold{Row: st.Name, Why: st.Reason})
		case scorecard.NotCounted, scorecard.NotYetCounted, scorecard.CountsPassed, scorecard.CountsWaived, scorecard.KeepsPassed:
		}
	}
	return holds
}

// failing says how many findings fail a row.
func failing(score scorecard.Score, st scorecard.Standing) string {
	for _, m := range score.Status.Measurements {
		if m.Row == st.Name && ptr.Deref(m.Failing, 0) > 0 {
			return strconv.Itoa(int(*m.Failing))
		}
	}
	return st.Reason
}

// verifiedOf gives the images of the verified revisions, newest first. Those that only the Namespace still knows stay.
func verifiedOf(score scorecard.Score, before Record) [][]string {
	var verified [][]string
	known := map[string]bool{}
	add := func(images []string) {
		if short := shortened(images); short != "" && !known[short] && len(verified) < maxRevisions {
			known[short] = true
			verified = append(verified, images)
		}
	}
	for _, v := range score.Status.Verified {
		add(v.Images)
	}
	for _, images := range before.Verified {
		add(images)
	}
	return verified
}

// podsOf gives the labels of the pods of each workload, where the launch declares Services.
func podsOf(app *launch.App) []map[string]string {
	declares := slices.ContainsFunc(app.Launch.Spec.Workloads, func(w v1alpha1.Workload) bool { return len(w.Services) > 0 })
	if !declares {
		return nil
	}
	var pods []map[string]string
	for _, w := range app.Workloads {
		pods = append(pods, w.Template.Labels)
	}
	return pods
}

// Reasons of a gate's mode.
const (
	ReasonAsDeclared     = "AsDeclared"
	ReasonPolicyMinimum  = "PolicyMinimum"
	ReasonNotMeasuredYet = "NotMeasuredYet"
	ReasonStateFull      = "StateFull"
	ReasonConflict       = "Conflict"
	ReasonHostConflict   = "HostConflict"
)

// modeOf gives the mode that is in force, and why. Until every Required row was measured once nothing is refused; what was
// enforced once stays so.
func modeOf(lr *v1alpha1.LaunchReadiness, rules v1alpha1.GateRules, score scorecard.Score, before Record, known bool) (v1alpha1.GateMode, string) {
	declared := v1alpha1.GateAudit
	if lr.Spec.Gate != nil && lr.Spec.Gate.Mode != "" {
		declared = lr.Spec.Gate.Mode
	}
	mode, reason := v1alpha1.StricterMode(declared, rules.MinimumMode), ReasonAsDeclared
	if mode != declared {
		reason = ReasonPolicyMinimum
	}
	if mode == v1alpha1.GateEnforce && !(known && before.Mode == v1alpha1.GateEnforce) && !measuredOnce(score) {
		return v1alpha1.GateAudit, ReasonNotMeasuredYet
	}
	return mode, reason
}

// measuredOnce says whether every row that counts has a verdict, fresh or not.
func measuredOnce(score scorecard.Score) bool {
	for _, st := range score.Rows {
		if st.Effect == scorecard.NotCounted || st.Effect == scorecard.CountsWaived {
			continue
		}
		if !slices.ContainsFunc(score.Status.Measurements, func(m v1alpha1.Measurement) bool { return m.Row == st.Name && !m.MeasuredAt.IsZero() }) {
			return false
		}
	}
	return true
}

func adoptsLive(lr *v1alpha1.LaunchReadiness) bool {
	return lr.Spec.Gate != nil && lr.Spec.Gate.Adoption == v1alpha1.AdoptLive
}

// Status gives what the launch's status says of the gate, when the Namespace says want.
func Status(app *launch.App, score scorecard.Score, o Observed, want Notes, conflicts []Subject, full bool) *v1alpha1.GateStatus {
	rules := ptr.Deref(app.Policy.Gate, v1alpha1.GateRules{})
	before, known := o.known(app.Launch.Name, Subjects(app))
	mode, reason := modeOf(app.Launch, rules, score, before, known)
	status := &v1alpha1.GateStatus{Mode: mode, Reason: reason, Message: modeMessage(mode, reason), Exposure: v1alpha1.ExposureNone}
	switch {
	case full:
		status.Mode, status.Reason = v1alpha1.GateOff, ReasonStateFull
		status.Message = "The Namespace has no room for this launch's state (256 KiB of annotations), so nothing is held: move it to another namespace, or remove annotations that are not LaunchReady's."
	case len(o.Claimed) > 0:
		status.Reason = ReasonHostConflict
		status.Message = scorecard.Bounded("A LaunchReadiness of another namespace declares what this one does, and launched earlier or is older, so that it may not be exposed here: remove it from spec.domains here, or from the other. It is: " + listed(o.Claimed))
	case len(conflicts) > 0:
		status.Reason = ReasonConflict
		status.Message = scorecard.Bounded("An older LaunchReadiness of this namespace keeps what both declare: remove it here or there. It is: " + listed(conflicts))
	}
	for _, s := range o.Exposed {
		if !slices.Contains(Subjects(app), s) {
			continue
		}
		if !want.Exposed(s) {
			status.Exposure = v1alpha1.ExposureUnverified
			break
		}
		status.Exposure = v1alpha1.ExposureVerified
	}
	return status
}

func listed(subjects []Subject) string {
	var names []string
	for _, s := range subjects {
		names = append(names, s.kind+" "+s.name)
	}
	const shown = 5
	if more := len(names) - shown; more > 0 {
		names = append(names[:shown], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

func modeMessage(mode v1alpha1.GateMode, reason string) string {
	switch {
	case reason == ReasonNotMeasuredYet:
		return "What would be refused passes with a warning until every Required row was measured once; then the gate enforces."
	case reason == ReasonPolicyMinimum:
		return "A policy in force demands more than spec.gate.mode: its gate.minimumMode counts."
	case mode == v1alpha1.GateOff:
		return "Nothing is held."
	case mode == v1alpha1.GateAudit:
		return "What would be refused passes with a warning: set spec.gate.mode to Enforce to hold it."
	default:
		return "What is not ready is held."
	}
}

// Override gives the overrides that stand on an object. When they were seen is for the caller to say.
func Override(kind, name string, annotations map[string]string) []v1alpha1.Override {
	var found []v1alpha1.Override
	for _, annotation := range []string{v1alpha1.BreakGlassAnnotation, v1alpha1.RemediatesAnnotation} {
		if value := strings.TrimSpace(annotations[annotation]); value != "" && len([]rune(value)) <= maxOverride {
			found = append(found, v1alpha1.Override{Kind: kind, Name: name, Annotation: annotation, Value: value})
		}
	}
	return found
}
