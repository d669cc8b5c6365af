// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/launchready/launchready/api/v1alpha1"
)

// rolloutTable decides on what runs pods from a template.
func rolloutTable() table {
	holdsRollout := message{"LaunchReadiness ", "$subject", " holds this rollout: ", "$holds", "."}
	more := message{"$remedyRemark", "$glassRemark", "$next"}
	return table{
		name:  "launchready-rollouts",
		kinds: workloadKinds(), resources: workloads(), concerns: templateChanges,
		variables: slices.Concat(recordVariables("object.metadata.name", "object.kind.lowerAscii()"), templateVariables(),
			suspectVariables(), breakGlassVariables("launch"), remediationVariables()),
		// What costs little and decides much comes first. Row 4 has a table of its own.
		rules: []rule{
			{3, []string{"terminating"}, allow, nil},
			{0, []string{"!gated"}, allow, nil},
			{3, []string{"restoring"}, allow, nil},
			{5, []string{"new"}, allow, nil},
			{6, []string{"open"}, allow, nil},
			{1, []string{"same"}, allow, nil},
			{2, []string{"verified"}, allow, nil},
			{7, []string{"verifiedOnly"}, deny, append(message{"LaunchReadiness ", "$subject", " holds this rollout: it lets through verified images only (spec.gate.rollouts is VerifiedOnly)."}, more[1:]...)},
			{9, []string{"failing", "remediated"}, warn, message{"LaunchReadiness ", "$subject", " lets this rollout through as a remedy for ", "$holds", "; the app is measured anew at once."}},
			{8, []string{"failing"}, deny, append(holdsRollout, more...)},
		},
		overridable: []string{v1alpha1.BreakGlassAnnotation, v1alpha1.RemediatesAnnotation},
		remarks: []rule{
			{0, []string{"foreign"}, warn, message{"The gate's state of this object is written in a grammar that the installed policies can't read, so nothing is held: upgrade the policies of LaunchReady."}},
			{4, []string{"gated", "suspicious"}, warn, message{"$suspect", " has the name of a secret and a typed value: if it is one, put it into a Secret and refer to it (valueFrom.secretKeyRef)."}},
		},
		mode: "mode",
		look: lookAtRollout,
	}
}

// templateChanges says that a request changes a template, or where it is taken from.
const templateChanges = "oldObject == null || dyn(object).spec.?template != dyn(oldObject).spec.?template || dyn(object).spec.?workloadRef != dyn(oldObject).spec.?workloadRef"

func workloadKinds() []schema.GroupKind {
	return []schema.GroupKind{
		{Group: "apps", Kind: "Deployment"},
		{Group: "apps", Kind: "StatefulSet"},
		{Group: "apps", Kind: "DaemonSet"},
		{Group: "argoproj.io", Kind: "Rollout"},
	}
}

func workloads() []admissionregistrationv1.NamedRuleWithOperations {
	return []admissionregistrationv1.NamedRuleWithOperations{
		named("apps", []string{"v1"}, writes(), "deployments", "statefulsets", "daemonsets"),
		named("argoproj.io", []string{"v1alpha1"}, writes(), "rollouts"),
	}
}

func writes() []admissionregistrationv1.OperationType {
	return []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
}

// recordVariables read the record of the launch that an object of a name and a kind belongs to, both given as expressions.
func recordVariables(name, kind string) []variable {
	return []variable{
		{"terminating", "has(namespaceObject.metadata.deletionTimestamp)"},
		{"notes", "namespaceObject.metadata.?annotations.orValue({})"},
		{"codes", expression(codesCEL())},
		{"ns", "object.metadata.namespace"},
		{"pointer", expression("variables.notes[?" + keyCEL(name, kind) + "].orValue('').split(';')")},
		{"record", expression("variables.pointer.size() >= 2 && variables.pointer[0] == '" + grammar + "' ? variables.notes[?" + keyCEL("variables.pointer[1]", "'"+kindLaunch+"'") + "].orValue('').split(';') : ['']")},
		{"known", expression(fmt.Sprintf("variables.record.size() >= %d && variables.record[0] == '%s'", recordFields, grammar))},
		{"foreign", expression("!variables.known && (variables.pointer[0] != '' && variables.pointer[0] != '" + grammar + "' || variables.record[0] != '' && variables.record[0] != '" + grammar + "')")},
		{"launch", "variables.known ? variables.record[1] : ''"},
		{"mode", "variables.known ? variables.record[5] : 'Off'"},
		{"gated", "variables.known && variables.mode != 'Off'"},
		{"subject", "variables.ns + '/' + variables.launch"},
		{"holds", expression("variables.known ? " + holdsCEL("variables.record[3]") + " : ''")},
		{"next", nextCEL("variables.known && variables.record[3]")},
		{"restoring", "variables.known && oldObject == null && !dyn(namespaceObject).metadata.uid.startsWith(variables.record[7])"},
	}
}

// holdsCEL gives holds in words: TenantIsolated (2), RateLimited (NotMeasured).
func holdsCEL(holds string) string {
	return holds + ".split(',').map(h, variables.codes[?h.split('=')[0]].orValue(h.split('=')[0]) + (h.contains('=') ? ' (' + h.split('=')[1] + ')' : '')).join(', ')"
}

func holdsInWords(holds string) string {
	var words []string
	for _, hold := range strings.Split(holds, ",") {
		f := strings.Split(hold, "=")
		word := string(rowOf(f[0]))
		if len(f) > 1 {
			word += " (" + f[1] + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// templateVariables compare the pod template with the one before, and with what was verified.
//
// A template is the same although a reloader or a mutator of images wrote into it: Reloader's environment variables
// (stakater/Reloader, STAKATER_<NAME>_CONFIGMAP or _SECRET, a SHA-1 of the data), and a tag that became the digest that
// runs now.
func templateVariables() []variable {
	return slices.Concat(contentVariables(), []variable{
		{"restarted", expression(equalButCEL("variables.spec", "variables.oldSpec", "['containers', 'initContainers']") +
			" && " + namesCEL("variables.spec", "containers") + " == " + namesCEL("variables.oldSpec", "containers") + " && " + namesCEL("variables.spec", "initContainers") + " == " + namesCEL("variables.oldSpec", "initContainers") +
			" && variables.containers.all(c, variables.oldContainers.exists(o, o.?name == c.?name && " +
			equalButCEL("c", "o", "['env', 'image']") + " && " + ownSettingsCEL("c") + " == " + ownSettingsCEL("o") + " && (c.?image == o.?image || " + pinnedCEL + ")))")},
		{"same", "oldObject != null && dyn(variables.template).?metadata.?labels == dyn(variables.oldTemplate).?metadata.?labels && " +
			"dyn(object).spec.?workloadRef == dyn(oldObject).spec.?workloadRef && (variables.spec == variables.oldSpec || variables.restarted)"},
		{"digests", "variables.containers.map(c, " + digestCEL("c.?image.orValue('')") + ")"},
		{"imagesChanged", "variables.containers.exists(c, !variables.oldContainers.exists(o, o.?name == c.?name && o.?image == c.?image))"},
		{"verified", "variables.known && variables.imagesChanged && variables.record[9].split('|').exists(r, r != '' && variables.digests.all(d, d != '' && d in r.split(',')))"},
		{"new", stateCEL(StateNew)},
		{"open", stateCEL(StateOpen)},
		{"verifiedOnly", stateCEL(StateOpenVerifiedOnly)},
		{"failing", stateCEL(StateFailing)},
	})
}

// namesCEL gives the names of a list of containers, and namesOf the same in Go.
func namesCEL(spec, list string) string {
	return "dyn(" + spec + ").?" + list + ".orValue([]).map(c, c.?name.orValue(''))"
}

func namesOf(spec map[string]any, list string) []string {
	var names []string
	for _, c := range listAt(spec, list) {
		names = append(names, textAt(c, "name"))
	}
	return names
}

// contentVariables take the pod template apart, and the one before.
func contentVariables() []variable {
	return []variable{
		{"template", "dyn(object).spec.?template.orValue(dyn({}))"},
		{"spec", "dyn(variables.template).?spec.orValue(dyn({}))"},
		{"containers", expression(containersCEL("object"))},
		{"oldTemplate", "oldObject == null ? dyn({}) : dyn(oldObject).spec.?template.orValue(dyn({}))"},
		{"oldSpec", "dyn(variables.oldTemplate).?spec.orValue(dyn({}))"},
		{"oldContainers", expression("oldObject == null ? [] : " + containersCEL("oldObject"))},
	}
}

// containersCEL gives the containers of an object's template.
func containersCEL(object string) string {
	spec := "dyn(" + object + ").spec.?template.?spec"
	return "(" + spec + ".?containers.orValue([]) + " + spec + ".?initContainers.orValue([])).filter(c, has(c.name))"
}

// stateCEL says that a launch is in a state.
func stateCEL(state State) expression {
	return expression("variables.known && variables.record[2] == '" + string(state) + "'")
}

const (
	reloaderName  = `^STAKATER_[A-Z0-9_]+_(CONFIGMAP|SECRET)$`
	reloaderValue = `^[0-9a-f]{40}$`
	// pinnedCEL says that container c has the image of container o, pinned to the digest that runs now.
	pinnedCEL = "variables.known && c.?image.orValue('').contains('@sha256:') && variables.record[8] != '' && " +
		"(" + digestOfC + ") in variables.record[8].split(',') && !o.?image.orValue('').contains('@') && " +
		"(o.?image.orValue('') == c.image.split('@')[0] || o.?image.orValue('').startsWith(c.image.split('@')[0] + ':') && !o.image.substring(c.image.split('@')[0].size()).contains('/'))"
	digestOfC = "c.image.split('@sha256:').size() == 2 && c.image.split('@sha256:')[1].size() == 64 ? c.image.split('@sha256:')[1].substring(0, 16) : '-'"
)

// ownSettingsCEL gives a container's variables but those of Reloader.
func ownSettingsCEL(container string) string {
	return container + ".?env.orValue([]).filter(e, !(e.?name.orValue('').startsWith('STAKATER_') && e.?name.orValue('').matches(r'" + reloaderName + "') && e.?value.orValue('').matches(r'" + reloaderValue + "')))"
}

// digestCEL gives the beginning of an image's digest, or nothing.
func digestCEL(image string) expression {
	return expression(fmt.Sprintf("%[1]s.split('@sha256:').size() == 2 && %[1]s.split('@sha256:')[1].size() == 64 ? %[1]s.split('@sha256:')[1].substring(0, %[2]d) : ''", image, digestLength))
}

func digestOf(image string) string {
	f := strings.Split(image, "@sha256:")
	if len(f) != 2 || len([]rune(f[1])) != 64 {
		return ""
	}
	return string([]rune(f[1])[:digestLength])
}

// rollout is a write of a workload, in Go.
type rollout struct {
	lookup
	containers, oldContainers []any
}

// lookAtRollout finds the facts and texts of a write of a workload.
func lookAtRollout(r Request) findings {
	f, _ := lookAtTemplate(r)
	return f
}

// lookAtTemplate finds the facts and texts of a write of a workload, and gives its containers.
func lookAtTemplate(r Request) (findings, rollout) {
	template, oldTemplate := fieldsAt(r.Object, "spec", "template"), fieldsAt(r.Old, "spec", "template")
	f := findings{facts: map[string]bool{}, texts: map[string]string{}}
	f.concerned = r.Old == nil || !equal(at(r.Object, "spec", "template"), at(r.Old, "spec", "template")) ||
		!equal(at(r.Object, "spec", "workloadRef"), at(r.Old, "spec", "workloadRef"))
	w := rollout{
		lookup:     lookUp(r, key(textAt(r.Object, "metadata", "name"), strings.ToLower(textAt(r.Object, "kind"))), &f),
		containers: containersOf(template), oldContainers: containersOf(oldTemplate),
	}
	f.texts["ns"] = textAt(r.Object, "metadata", "namespace")
	f.texts["subject"] = f.texts["ns"] + "/" + w.launch

	f.facts["same"] = r.Old != nil && equal(at(template, "metadata", "labels"), at(oldTemplate, "metadata", "labels")) &&
		equal(at(r.Object, "spec", "workloadRef"), at(r.Old, "spec", "workloadRef")) &&
		(equal(at(template, "spec"), at(oldTemplate, "spec")) || w.restarted(fieldsAt(template, "spec"), fieldsAt(oldTemplate, "spec")))
	f.facts["verified"] = w.known && w.imagesChanged() && w.verified()
	for fact, state := range map[string]State{"new": StateNew, "open": StateOpen, "verifiedOnly": StateOpenVerifiedOnly, "failing": StateFailing} {
		f.facts[fact] = w.known && State(w.record[2]) == state
	}
	suspects := w.suspects()
	f.facts["suspicious"], f.texts["suspect"] = len(suspects) > 0, firstOf(suspects)
	lookForBreakGlass(r, w.launch, &f)
	lookForRemedy(r, w, &f)
	return f, w
}

// lookup is the record of the launch that an object belongs to: its fields, where it is known.
type lookup struct {
	launch string
	record []string
	known  bool
}

// lookUp finds the record of the launch that the object under a key belongs to, and the facts that follow from it.
func lookUp(r Request, key string, f *findings) lookup {
	notes := r.Namespace.Annotations
	pointer := strings.Split(notes[key], ";")
	w := lookup{record: []string{""}}
	if len(pointer) >= 2 && pointer[0] == grammar {
		w.record = strings.Split(notes[launchKey(pointer[1])], ";")
	}
	w.known = len(w.record) >= recordFields && w.record[0] == grammar
	unread := func(first string) bool { return first != "" && first != grammar }
	f.mode = v1alpha1.GateOff
	if w.known {
		w.launch, f.mode = w.record[1], v1alpha1.GateMode(w.record[5])
		f.texts["holds"] = holdsInWords(w.record[3])
		f.texts["next"] = next(w.record[3], w.launch, textAt(r.Object, "metadata", "namespace"))
	}
	f.facts["terminating"] = r.Namespace.DeletionTimestamp != nil
	f.facts["known"], f.facts["gated"] = w.known, w.known && f.mode != v1alpha1.GateOff
	f.facts["foreign"] = !w.known && (unread(pointer[0]) || unread(w.record[0]))
	f.facts["restoring"] = w.known && r.Old == nil && !strings.HasPrefix(string(r.Namespace.UID), w.record[7])
	f.texts["launch"] = w.launch
	return w
}

func launchKey(launch string) string { return key(launch, kindLaunch) }

func containersOf(template map[string]any) []any {
	all := slices.Concat(listAt(template, "spec", "containers"), listAt(template, "spec", "initContainers"))
	return slices.DeleteFunc(all, func(c any) bool { return at(c, "name") == nil })
}

// restarted says whether nothing but a reloader or a mutator of images wrote into the template.
func (w *rollout) restarted(spec, old map[string]any) bool {
	if !equalBut(spec, old, "containers", "initContainers") || !slices.Equal(namesOf(spec, "containers"), namesOf(old, "containers")) ||
		!slices.Equal(namesOf(spec, "initContainers"), namesOf(old, "initContainers")) {
		return false
	}
	return !slices.ContainsFunc(w.containers, func(c any) bool {
		return !slices.ContainsFunc(w.oldContainers, func(o any) bool {
			return equal(at(c, "name"), at(o, "name")) && equalBut(fieldsAt(c), fieldsAt(o), "env", "image") && equal(ownSettings(c), ownSettings(o)) &&
				(equal(at(c, "image"), at(o, "image")) || w.pinned(textAt(c, "image"), textAt(o, "image")))
		})
	})
}

var (
	reloaderNamePattern  = regexp.MustCompile(reloaderName)
	reloaderValuePattern = regexp.MustCompile(reloaderValue)
)

// ownSettings gives a container's variables but those of Reloader.
func ownSettings(container any) []any {
	return slices.DeleteFunc(slices.Clone(listAt(container, "env")), func(e any) bool {
		return reloaderNamePattern.MatchString(textAt(e, "name")) && reloaderValuePattern.MatchString(textAt(e, "value"))
	})
}

// pinned says whether an image is another one, pinned to the digest that runs now.
func (w *rollout) pinned(image, old string) bool {
	repository, _, _ := strings.Cut(image, "@")
	if !w.known || w.record[8] == "" || digestOf(image) == "" || !slices.Contains(strings.Split(w.record[8], ","), digestOf(image)) || strings.Contains(old, "@") {
		return false
	}
	tag, tagged := strings.CutPrefix(old, repository+":")
	return old == repository || tagged && !strings.Contains(tag, "/")
}

func (w *rollout) imagesChanged() bool {
	return slices.ContainsFunc(w.containers, func(c any) bool {
		return !slices.ContainsFunc(w.oldContainers, func(o any) bool {
			return equal(at(o, "name"), at(c, "name")) && equal(at(o, "image"), at(c, "image"))
		})
	})
}

// verified says whether all images belong to one verified revision.
func (w *rollout) verified() bool {
	return slices.ContainsFunc(strings.Split(w.record[9], "|"), func(revision string) bool {
		digests := strings.Split(revision, ",")
		return revision != "" && !slices.ContainsFunc(w.containers, func(c any) bool {
			digest := digestOf(textAt(c, "image"))
			return digest == "" || !slices.Contains(digests, digest)
		})
	})
}
