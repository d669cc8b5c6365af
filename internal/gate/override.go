// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// maxOverride is how long a reason or a list of rows may be, in characters: it is quoted in messages, which the API server
// bounds to 5 KiB.
const maxOverride = 512

// Why break-glass or a remediation does not count. Both judges use these words.
const (
	becauseUnchanged = "stands there from before: it counts only in the request that adds or changes it"
	becauseTooLong   = "is longer than 512 characters"
	becauseNoReason  = "gives no reason: write one as its value"
	becauseExcluded  = "does not count for you: a LaunchPolicy excludes you in gate.breakGlass, which leaves it to people"
	becauseNoBypass  = "needs the verb bypass on this LaunchReadiness, which you lack" //nolint:gosec // no credential
	becauseNoVerb    = "needs the verb remediate on this LaunchReadiness, which you lack"
	becauseUntied    = "does not say what it is for: end it with ;image=<an image that is new> or ;generation=<the new metadata.generation>"
)

// breakGlassVariables read the annotation that breaks the glass; they need notes, ns and launch. Whom one launch of the
// namespace excludes is excluded for all of them.
func breakGlassVariables(authority string) []variable {
	return []variable{
		{"glass", annotationCEL("object", v1alpha1.BreakGlassAnnotation)},
		{"glassSet", annotationSetCEL("object", v1alpha1.BreakGlassAnnotation)},
		{"glassNew", expression(overriddenCEL(v1alpha1.BreakGlassAnnotation))},
		{"exclusions", expression(fmt.Sprintf("variables.notes.map(k, k).filter(k, k.contains('.%s.%s/')).map(k, variables.notes[k].split(';')).filter(r, r.size() >= %d && r[0] == '%s').map(r, r[11].split(',')).flatten()",
			kindLaunch, Domain, recordFields, grammar))},
		{"excluded", "('u:' + request.userInfo.username) in variables.exclusions || request.userInfo.?groups.orValue([]).exists(g, ('g:' + g) in variables.exclusions)"},
		{"glassProblem", expression(fmt.Sprintf("!variables.glassSet ? '' : !variables.glassNew ? '%s' : variables.glass.trim() == '' ? '%s' : variables.glass.size() > %d ? '%s' : "+
			"variables.excluded ? '%s' : ''",
			becauseUnchanged, becauseNoReason, maxOverride, becauseTooLong, becauseExcluded))},
		{factBypassed, expression("variables.glassSet && variables.glassProblem == '' && " + mayCEL(VerbBypass, authority))},
		{"glassRemark", remarkCEL(v1alpha1.BreakGlassAnnotation, "variables.glassSet", "glassProblem", becauseNoBypass)},
	}
}

func breakGlassOnly() []string { return []string{v1alpha1.BreakGlassAnnotation} }

// overriddenCEL says that a request adds or changes an annotation, and overridden says the same in Go.
func overriddenCEL(annotation string) string {
	return fmt.Sprintf("(%[1]s && (oldObject == null || !(%[2]s) || %[3]s != %[4]s))", annotationSetCEL("object", annotation), annotationSetCEL("oldObject", annotation),
		annotationCEL("oldObject", annotation), annotationCEL("object", annotation))
}

func overridden(r Request, annotation string) bool {
	now, set := fieldsAt(r.Object, "metadata", "annotations")[annotation]
	old, before := fieldsAt(r.Old, "metadata", "annotations")[annotation]
	return set && (!before || old != now)
}

// annotationCEL gives the value of an annotation of an object that may be null.
func annotationCEL(object, annotation string) expression {
	return expression(fmt.Sprintf("%s.metadata.?annotations[?'%s'].orValue('')", object, annotation))
}

func annotationSetCEL(object, annotation string) expression {
	return expression(fmt.Sprintf("%s.metadata.?annotations[?'%s'].hasValue()", object, annotation))
}

// mayCEL asks the API server's authorizer for a verb on the launch that a variable names, or on all of the namespace's where it
// is empty. Each such question costs a third of what an expression may cost.
func mayCEL(verb Verb, launch string) string {
	return fmt.Sprintf("authorizer.group('launchready.dev').resource('launchreadinesses').namespace(variables.ns).name(variables.%s).check('%s').allowed()", launch, verb)
}

// remarkCEL says why an annotation that is set does not count. A message is made without the authorizer (the API server
// has none for it): where nothing else is wrong and it is needed all the same, the verb is what lacks.
func remarkCEL(annotation, set, problem, lacksVerb string) expression {
	return expression(fmt.Sprintf("!(%[2]s) ? '' : ' Annotation %[1]s ' + (variables.%[3]s == '' ? '%[4]s' : variables.%[3]s) + '.'", annotation, set, problem, lacksVerb))
}

func remark(annotation, problem string) string {
	if problem == "" {
		return ""
	}
	return " Annotation " + annotation + " " + problem + "."
}

// lookForBreakGlass finds the facts and texts of break-glass.
func lookForBreakGlass(r Request, launch string, f *findings) {
	glass, set := fieldsAt(r.Object, "metadata", "annotations")[v1alpha1.BreakGlassAnnotation].(string)
	var problem string
	switch {
	case !set:
	case !overridden(r, v1alpha1.BreakGlassAnnotation):
		problem = becauseUnchanged
	case strings.TrimSpace(glass) == "":
		problem = becauseNoReason
	case len([]rune(glass)) > maxOverride:
		problem = becauseTooLong
	case excluded(r.User, r.Namespace.Annotations):
		problem = becauseExcluded
	case !r.May(VerbBypass, launch):
		problem = becauseNoBypass
	}
	f.facts[factBypassed] = set && problem == ""
	f.texts["glass"], f.texts["glassRemark"] = glass, remark(v1alpha1.BreakGlassAnnotation, problem)
}

func excluded(user User, notes map[string]string) bool {
	var exclusions []string
	for name, value := range notes {
		if r := strings.Split(value, ";"); strings.Contains(name, "."+kindLaunch+"."+Domain+"/") && len(r) >= recordFields && r[0] == grammar {
			exclusions = append(exclusions, strings.Split(r[11], ",")...)
		}
	}
	return slices.Contains(exclusions, "u:"+user.Name) || slices.ContainsFunc(user.Groups, func(g string) bool { return slices.Contains(exclusions, "g:"+g) })
}

// remediationVariables read the annotation that names the rows that a rollout mends.
func remediationVariables() []variable {
	problem := []string{
		"variables.remedy == '' ? ''",
		fmt.Sprintf("!variables.remedyNew ? '%s'", becauseUnchanged),
		fmt.Sprintf("variables.remedy.size() > %d ? '%s'", maxOverride, becauseTooLong),
		"variables.remedyRows.exists(n, !(n in variables.failingRows)) ? 'names ' + variables.remedyRows.filter(n, !(n in variables.failingRows)).join(', ') + ', which does not hold this rollout'",
		"variables.failingRows.exists(n, !(n in variables.remedyRows)) ? 'leaves out ' + variables.failingRows.filter(n, !(n in variables.remedyRows)).join(', ')",
		fmt.Sprintf("!variables.remedyTied ? '%s'", becauseUntied),
		"''",
	}
	return []variable{
		{"remedy", annotationCEL("object", v1alpha1.RemediatesAnnotation)},
		{"remedyNew", expression(overriddenCEL(v1alpha1.RemediatesAnnotation))},
		{"remedyRows", "variables.remedy.split(';')[0].split(',').map(n, n.trim())"},
		{"remedyTie", "variables.remedy.split(';').size() == 2 ? variables.remedy.split(';')[1].trim() : ''"},
		{"remedyTied", "variables.remedyTie == 'generation=' + string(object.metadata.generation) || variables.containers.exists(c, " +
			"'image=' + c.?image.orValue('') == variables.remedyTie && !variables.oldContainers.exists(o, o.?image.orValue('') == c.?image.orValue('')))"},
		{"failingRows", "variables.known ? variables.record[3].split(',').map(h, variables.codes[?h.split('=')[0]].orValue(h.split('=')[0])) : []"},
		{"remedyProblem", expression(strings.Join(problem, " : "))},
		{"remediated", expression("variables.remedy != '' && variables.remedyProblem == '' && " + mayCEL(VerbRemediate, "launch"))},
		{"remedyRemark", remarkCEL(v1alpha1.RemediatesAnnotation, "variables.remedy != ''", "remedyProblem", becauseNoVerb)},
	}
}

// lookForRemedy finds the facts and texts of a remediation.
func lookForRemedy(r Request, w rollout, f *findings) {
	annotation := textAt(r.Object, "metadata", "annotations", v1alpha1.RemediatesAnnotation)
	clauses := strings.Split(annotation, ";")
	var rows, failing []string
	for _, name := range strings.Split(clauses[0], ",") {
		rows = append(rows, strings.TrimSpace(name))
	}
	if w.known {
		for _, hold := range strings.Split(w.record[3], ",") {
			failing = append(failing, string(rowOf(strings.Split(hold, "=")[0])))
		}
	}
	extra := without(rows, failing)
	missing := without(failing, rows)
	var problem string
	switch {
	case annotation == "":
	case !overridden(r, v1alpha1.RemediatesAnnotation):
		problem = becauseUnchanged
	case len([]rune(annotation)) > maxOverride:
		problem = becauseTooLong
	case len(extra) > 0:
		problem = "names " + strings.Join(extra, ", ") + ", which does not hold this rollout"
	case len(missing) > 0:
		problem = "leaves out " + strings.Join(missing, ", ")
	case len(clauses) != 2 || !tied(strings.TrimSpace(clauses[1]), r, w):
		problem = becauseUntied
	case !r.May(VerbRemediate, w.launch):
		problem = becauseNoVerb
	}
	f.facts["remediated"] = annotation != "" && problem == ""
	f.texts["remedy"], f.texts["remedyRemark"] = annotation, remark(v1alpha1.RemediatesAnnotation, problem)
}

// tied says whether a remediation names something that is new in this request.
func tied(tie string, r Request, w rollout) bool {
	if tie == fmt.Sprintf("generation=%d", at(r.Object, "metadata", "generation")) {
		return true
	}
	return slices.ContainsFunc(w.containers, func(c any) bool {
		image := textAt(c, "image")
		return "image="+image == tie && !slices.ContainsFunc(w.oldContainers, func(o any) bool { return textAt(o, "image") == image })
	})
}

// without gives what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
