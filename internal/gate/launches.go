// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/launchready/launchready/api/v1alpha1"
)

// collector is who deletes what has lost its owner.
const collector = "system:serviceaccount:kube-system:generic-garbage-collector"

// launchTable decides on LaunchReadinesses: who enforces a launch may not take it back, nor weaken what is proven of it; and
// who says that an app is exposed already needs to be trusted. It holds in every namespace, for a launch may be the first.
func launchTable() table {
	spec := func(object string) string { return "dyn(" + object + ").spec" }
	strength := func(object string) string {
		return "(dyn({'Off': 0, 'Audit': 1, 'Enforce': 2})[?" + spec(object) + ".?gate.?mode.orValue('Audit')].orValue(0))"
	}
	gone := func(list, id string) string {
		return spec("oldObject") + list + ".orValue([]).exists(o, !" + spec("object") + list + ".orValue([]).exists(n, " + id + "))"
	}
	hosts := func(object string) string {
		return "(" + spec(object) + ".?domains.?hosts.orValue([]) + [" + spec(object) + ".?domains.?canonical.orValue('')])"
	}
	return table{
		name:  "launchready-launches",
		kinds: []schema.GroupKind{{Group: v1alpha1.GroupVersion.Group, Kind: "LaunchReadiness"}},
		resources: []admissionregistrationv1.NamedRuleWithOperations{named(v1alpha1.GroupVersion.Group, []string{"*"},
			append(writes(), admissionregistrationv1.Delete), "launchreadinesses")},
		concerns: "object == null || oldObject == null || object.spec != oldObject.spec",
		variables: slices.Concat([]variable{
			{"terminating", "has(namespaceObject.metadata.deletionTimestamp)"},
			{"notes", "namespaceObject.metadata.?annotations.orValue({})"},
			{"ns", "object == null ? oldObject.metadata.namespace : object.metadata.namespace"},
			{"launch", "object == null ? oldObject.metadata.name : object.metadata.name"},
			{"subject", "variables.ns + '/' + variables.launch"},
			{"collected", expression("request.userInfo.username == '" + collector + "'")},
			{"record", expression("variables.notes[?" + keyCEL("variables.launch", "'"+kindLaunch+"'") + "].orValue('').split(';')")},
			{"adopts", expression("object != null && " + spec("object") + ".?gate.?adoption.orValue('') == 'Live' && (oldObject == null || " + spec("oldObject") + ".?gate.?adoption.orValue('') != 'Live')")},
			{"mayAdopt", expression(mayCEL(VerbAdopt, "launch"))},
			{"recordedMode", expression(fmt.Sprintf("variables.record.size() >= %d && variables.record[0] == '%s' ? variables.record[5] : 'Off'", recordFields, grammar))},
			{"mode", "variables.adopts ? 'Enforce' : variables.recordedMode"},
			{"exposedNow", expression("variables.notes.exists(k, k.contains('." + Domain + "/') && variables.notes[k] == '" + grammar + ";' + variables.launch + ';" + exposedMark + "')")},
			{"live", expression("variables.recordedMode == 'Enforce' && oldObject != null && (variables.record[2] != '" + string(StateNew) + "' || variables.exposedNow)")},
			{"deleted", "object == null"},
			{"appBefore", expression("oldObject == null ? {} : " + spec("oldObject") + ".?app.orValue({})")},
			{"appNow", expression("object == null ? {} : " + spec("object") + ".?app.orValue({})")},
			{"appWeakened", expression(appWeakenedCEL)},
		}, edgeVariables(), []variable{
			{"weakened", expression("object != null && oldObject != null && (" + strings.Join([]string{
				strength("object") + " < " + strength("oldObject"),
				spec("oldObject") + ".?gate.?rollouts.orValue('') == 'VerifiedOnly' && " + spec("object") + ".?gate.?rollouts.orValue('') != 'VerifiedOnly'",
				spec("oldObject") + ".?policyRef.hasValue() && " + spec("object") + ".?policyRef != " + spec("oldObject") + ".?policyRef",
				gone(".?workloads", "n.name == o.name && n.ref == o.ref && o.?services.orValue([]).all(s, s in n.?services.orValue([]))"),
				gone(".?logging.?sinks", "n.name == o.name"),
				hosts("oldObject") + ".exists(h, h != '' && !(h in " + hosts("object") + "))",
				"variables.appWeakened",
				"variables.edgeWeakened",
			}, " || ") + ")")},
			{"may", expression(mayCEL(VerbBypass, "launch"))},
		}),
		rules: []rule{
			{3, []string{"terminating"}, allow, nil},
			{3, []string{"collected"}, allow, nil},
			{11, []string{"adopts", "!mayAdopt"}, deny, message{"LaunchReadiness ", "$subject", ": spec.gate.adoption Live takes what is exposed already as exposed by right, which needs the verb adopt on it."}},
			{0, []string{"!live"}, allow, nil},
			{13, []string{"deleted", "!may"}, deny, message{"LaunchReadiness ", "$subject", " has launched or is exposed, and is enforced: deleting it needs the verb bypass on it. What it holds stays held until a new launch takes it over."}},
			{13, []string{"weakened", "!may"}, deny, message{"LaunchReadiness ", "$subject", " has launched or is exposed, and is enforced: this change takes away a part of what is proven (spec.gate, policyRef, cloudflare, or an entry of workloads, services, domains, email, app or logging.sinks), which needs the verb bypass on it."}},
			{13, nil, allow, nil},
		},
		mode:        "mode",
		unbreakable: true, everywhere: true,
		look: lookAtLaunch,
	}
}

// lookAtLaunch finds the facts and texts of a write of a LaunchReadiness.
func lookAtLaunch(r Request) findings {
	f := findings{facts: map[string]bool{}, texts: map[string]string{}}
	f.concerned = r.Object == nil || r.Old == nil || !equal(at(r.Object, "spec"), at(r.Old, "spec"))
	object := r.Object
	if object == nil {
		object = r.Old
	}
	namespace, launch := textAt(object, "metadata", "namespace"), textAt(object, "metadata", "name")
	f.texts["subject"] = namespace + "/" + launch
	notes := r.Namespace.Annotations
	record := strings.Split(notes[launchKey(launch)], ";")
	recorded := v1alpha1.GateOff
	if len(record) >= recordFields && record[0] == grammar {
		recorded = v1alpha1.GateMode(record[5])
	}
	adopts := func(launch map[string]any) bool {
		return textAt(launch, "spec", "gate", "adoption") == string(v1alpha1.AdoptLive)
	}
	f.facts["adopts"], f.facts["mayAdopt"] = adopts(r.Object) && !adopts(r.Old), r.May(VerbAdopt, launch)
	f.mode = recorded
	if f.facts["adopts"] {
		f.mode = v1alpha1.GateEnforce
	}
	exposed := false
	for name, value := range notes {
		exposed = exposed || strings.Contains(name, "."+Domain+"/") && value == pointer{launch: launch, exposed: true}.String()
	}
	f.facts["terminating"] = r.Namespace.DeletionTimestamp != nil
	f.facts["collected"] = r.User.Name == collector
	f.facts["live"] = recorded == v1alpha1.GateEnforce && r.Old != nil && (State(record[2]) != StateNew || exposed)
	f.facts["deleted"] = r.Object == nil
	f.facts["weakened"] = r.Object != nil && r.Old != nil && weakened(r.Object, r.Old)
	f.facts["may"] = r.May(VerbBypass, launch)
	return f
}

// weakened says whether a change takes away a part of what is proven.
func weakened(now, old map[string]any) bool {
	strength := func(launch map[string]any) int {
		mode := textAt(launch, "spec", "gate", "mode")
		if mode == "" {
			mode = string(v1alpha1.GateAudit)
		}
		return max(slices.Index([]string{string(v1alpha1.GateOff), string(v1alpha1.GateAudit), string(v1alpha1.GateEnforce)}, mode), 0)
	}
	verifiedOnly := func(launch map[string]any) bool {
		return textAt(launch, "spec", "gate", "rollouts") == string(v1alpha1.RolloutsVerifiedOnly)
	}
	hosts := func(launch map[string]any) []any {
		return append(slices.Clone(listAt(launch, "spec", "domains", "hosts")), textAt(launch, "spec", "domains", "canonical"))
	}
	policy := at(old, "spec", "policyRef")
	return strength(now) < strength(old) || verifiedOnly(old) && !verifiedOnly(now) ||
		policy != nil && !equal(policy, at(now, "spec", "policyRef")) ||
		slices.ContainsFunc(listAt(old, "spec", "workloads"), func(o any) bool {
			return !slices.ContainsFunc(listAt(now, "spec", "workloads"), func(n any) bool { return sameWorkload(o, n) })
		}) ||
		slices.ContainsFunc(listAt(old, "spec", "logging", "sinks"), func(o any) bool {
			return !slices.ContainsFunc(listAt(now, "spec", "logging", "sinks"), func(n any) bool { return textAt(n, "name") == textAt(o, "name") })
		}) ||
		slices.ContainsFunc(hosts(old), func(h any) bool { return h != "" && !slices.Contains(hosts(now), h) }) ||
		appWeakened(fieldsAt(now, "spec", "app"), fieldsAt(old, "spec", "app")) ||
		edgeWeakened(fieldsAt(now, "spec"), fieldsAt(old, "spec"))
}

// sameWorkload says whether an entry of a launch is another one, with at least its Services.
func sameWorkload(old, now any) bool {
	return textAt(old, "name") == textAt(now, "name") && equal(at(old, "ref"), at(now, "ref")) &&
		!slices.ContainsFunc(listAt(old, "services"), func(s any) bool { return !slices.Contains(listAt(now, "services"), s) })
}
