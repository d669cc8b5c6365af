// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"slices"
	"strings"
)

// secretTable decides on secrets that are typed into a template and were not there before: row 4. It is a table of its own so
// that the search, which costs more than all the rest, is made once, as a condition on which everything else waits.
func secretTable() table {
	return table{
		name:  "launchready-secrets",
		kinds: workloadKinds(), resources: workloads(),
		concerns: expression("(" + templateChanges + ") && [" + containersCEL("object") + "].exists(now, [oldObject == null ? [] : " + containersCEL("oldObject") + "].exists(before, " +
			"(" + textsCEL() + ").exists(x, " + literalSecretCEL("x[1]", "x[2]") + ")))"),
		variables: slices.Concat(recordVariables("object.metadata.name", "object.kind.lowerAscii()"), templateVariables(), []variable{
			{"literals", bindContainers("(" + textsCEL() + ").filter(x, " + literalSecretCEL("x[1]", "x[2]") + ").map(x, x[0])")},
			{"literal", firstCEL("literals")},
		}, breakGlassVariables("launch")),
		rules: []rule{
			{3, []string{"terminating"}, allow, nil},
			{0, []string{"!gated"}, allow, nil},
			{3, []string{"restoring"}, allow, nil},
			{4, []string{"new"}, warn, message{"$literal", " holds a secret as text: once launched, this is refused. Put it into a Secret and refer to it (valueFrom.secretKeyRef)."}},
			{2, []string{"verified"}, allow, nil},
			{4, nil, deny, message{"LaunchReadiness ", "$subject", " holds this rollout: ", "$literal", " holds a secret as text: put it into a Secret and refer to it (valueFrom.secretKeyRef).", "$glassRemark"}},
		},
		overridable: breakGlassOnly(),
		mode:        "mode",
		look:        lookForSecrets,
	}
}

// lookForSecrets finds the facts and texts of a template into which secrets are typed.
func lookForSecrets(r Request) findings {
	f, w := lookAtTemplate(r)
	literals := w.literals(fieldsAt(r.Object, "spec", "template"), fieldsAt(r.Old, "spec", "template"))
	f.concerned = f.concerned && len(literals) > 0
	f.texts["literal"] = firstOf(literals)
	return f
}

// suspectVariables look for what has the name of a secret and is typed, and was not there before.
func suspectVariables() []variable {
	return []variable{
		{"suspects", bindContainers(settingsCEL(changedCEL, "x.value != ''") + ".filter(x, x[2].trim() != '' && !x[2].contains('$(') && !" + literalSecretCEL("x[1]", "x[2]") + " && " + secretNameCEL("x[1]") + ").map(x, x[0])")},
		{"suspicious", "variables.suspects.size() > 0"},
		{"suspect", firstCEL("suspects")},
	}
}

// The texts of a template that are new are triples of a place, a name and a text. A word of a command and an annotation have
// no name; a flag has that before its "=". The expressions need two lists of containers, now and before. They run over every
// variable of a pod, so that what lets most of them go comes first.
const (
	placeCEL   = "'containers[' + c.name + ']"
	changedCEL = "now.filter(c, !(c in before))"
)

func bindContainers(list string) expression {
	return expression("[variables.containers].map(now, [variables.oldContainers].map(before, " + list + "))[0][0]")
}

// textsCEL gives all that may be secrets.
func textsCEL() string {
	return "[" + changedCEL + "].map(changed, " + settingsCEL("changed", candidateCEL("x.value")) + " + " + wordsCEL("changed") + ")[0] + " + remarksCEL()
}

// blockSize is how many variables are compared at once with those that stood at their place: about the root of how many a
// container has.
const blockSize = 5

// settingsCEL gives the new variables of containers whose values meet a condition on x.value. Most are as they were, and at
// their place: only the blocks that differ are looked through.
func settingsCEL(containers, condition string) string {
	block := fmt.Sprintf(".slice(b * %[1]d, b * %[1]d + %[1]d > env.size() ? env.size() : b * %[1]d + %[1]d)", blockSize)
	differing := fmt.Sprintf("lists.range((env.size() + %d) / %d).filter(b, was.size() < env.size() || was%s != env%s).map(b, env%s).flatten()", blockSize-1, blockSize, block, block, block)
	return containers + ".map(c, [has(c.env) ? c.env : []].map(env, [before.filter(o, o.name == c.name && has(o.env)).map(o, o.env).flatten()].map(was, " +
		differing + ".filter(x, has(x.value) && " + condition + " && !(x in was)).map(x, [" + placeCEL + ".env[' + x.name + ']', string(x.name), string(x.value)])))).flatten(3)"
}

// wordsCEL gives the new words of containers' commands that may be secrets.
func wordsCEL(containers string) string {
	const flag = "w.startsWith('-') && w.contains('=') ? [w.substring(0, w.indexOf('=')).replace('-', '_'), w.substring(w.indexOf('=') + 1)] : ['', string(w)]"
	lines := func(c string) string {
		return fmt.Sprintf("((has(%[1]s.command) ? %[1]s.command : []) + (has(%[1]s.args) ? %[1]s.args : []))", c)
	}
	return containers + ".map(c, " + lines("c") + ".filter(w, " + candidateCEL("string(w)") + " && !before.exists(o, o.name == c.name && w in " + lines("o") + "))" +
		".map(w, [" + placeCEL + ".args'] + (" + flag + "))).flatten(1)"
}

// remarksCEL gives the new annotations of the template that may be secrets.
func remarksCEL() string {
	const now, before = "dyn(object).spec.?template.?metadata.?annotations", "dyn(oldObject).spec.?template.?metadata.?annotations"
	value := "string(" + now + "[?a].orValue(''))"
	return now + ".orValue(dyn({})).map(a, a).filter(a, " + candidateCEL(value) + " && (oldObject == null || " + before + "[?a].orValue('') != " + now + "[?a].orValue('')))" +
		".map(a, ['annotations', '', " + value + "])"
}

// firstCEL names the first of a variable's places, and how many more there are.
func firstCEL(list string) expression {
	return expression(fmt.Sprintf("variables.%[1]s.size() > 0 ? variables.%[1]s[0] + (variables.%[1]s.size() > 1 ? ' and ' + string(variables.%[1]s.size() - 1) + ' more' : '') : ''", list))
}

// text is something in a pod template: where it stands, what it is called, and what it says.
type text struct{ place, name, value string }

// literals gives the places of secrets that are typed into the template and were not there before.
func (w *rollout) literals(template, oldTemplate map[string]any) []string {
	var places []string
	for _, x := range slices.Concat(w.settings(), w.words(), remarks(template, oldTemplate)) {
		if literalSecret(x.name, x.value) {
			places = append(places, x.place)
		}
	}
	return places
}

// suspects gives the places of what has the name of a secret and is typed, and was not there before.
func (w *rollout) suspects() []string {
	var places []string
	for _, x := range w.settings() {
		if strings.TrimSpace(x.value) != "" && !strings.Contains(x.value, "$(") && !literalSecret(x.name, x.value) && secretName(x.name) {
			places = append(places, x.place)
		}
	}
	return places
}

// changed calls a function for each container that is not as it was, with its place and what it was.
func (w *rollout) changed(look func(c any, place string, was []any)) {
	without := func(containers, others []any) []any {
		return slices.DeleteFunc(slices.Clone(containers), func(c any) bool {
			return slices.ContainsFunc(others, func(o any) bool { return equal(o, c) })
		})
	}
	gone := without(w.oldContainers, w.containers)
	for _, c := range without(w.containers, w.oldContainers) {
		was := slices.DeleteFunc(slices.Clone(gone), func(o any) bool { return !equal(at(o, "name"), at(c, "name")) })
		look(c, "containers["+textAt(c, "name")+"]", was)
	}
}

// settings gives the variables that are new, or have another value than before.
func (w *rollout) settings() []text {
	var found []text
	w.changed(func(c any, place string, was []any) {
		for _, e := range listAt(c, "env") {
			x := text{place + ".env[" + textAt(e, "name") + "]", textAt(e, "name"), textAt(e, "value")}
			before := slices.ContainsFunc(was, func(o any) bool {
				return slices.ContainsFunc(listAt(o, "env"), func(v any) bool { return textAt(v, "name") == x.name && textAt(v, "value") == x.value })
			})
			if x.value != "" && !before {
				found = append(found, x)
			}
		}
	})
	return found
}

// words gives the words of commands that are new.
func (w *rollout) words() []text {
	var found []text
	w.changed(func(c any, place string, was []any) {
		for _, word := range slices.Concat(listAt(c, "command"), listAt(c, "args")) {
			before := slices.ContainsFunc(was, func(o any) bool {
				return slices.Contains(slices.Concat(listAt(o, "command"), listAt(o, "args")), word)
			})
			if before {
				continue
			}
			x := text{place: place + ".args"}
			x.value, _ = word.(string)
			if name, value, assigned := strings.Cut(x.value, "="); assigned && strings.HasPrefix(name, "-") {
				x.name, x.value = strings.ReplaceAll(name, "-", "_"), value
			}
			found = append(found, x)
		}
	})
	return found
}

// remarks gives the annotations of the template that are new, or have another value than before.
func remarks(template, oldTemplate map[string]any) []text {
	var found []text
	old := fieldsAt(oldTemplate, "metadata", "annotations")
	for name, value := range fieldsAt(template, "metadata", "annotations") {
		if textAt(old, name) != value {
			found = append(found, text{place: "annotations", value: fmt.Sprint(value)})
		}
	}
	return found
}

func firstOf(places []string) string {
	switch len(places) {
	case 0:
		return ""
	case 1:
		return places[0]
	default:
		return fmt.Sprintf("%s and %d more", places[0], len(places)-1)
	}
}
