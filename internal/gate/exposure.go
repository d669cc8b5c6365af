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

// solverPath is the path of an HTTP-01 challenge (RFC 8555 §8.3), and of nothing else: a pattern in it would let an
// ingress controller that reads regular expressions serve more.
const solverPath = `^/\.well-known/acme-challenge/[A-Za-z0-9_-]*$`

var solverPattern = regexp.MustCompile(solverPath)

// ingressTable decides on Ingresses, routeTable on the routes of the Gateway API.
func ingressTable() table {
	return exposureTable("launchready-ingresses",
		[]schema.GroupKind{{Group: "networking.k8s.io", Kind: "Ingress"}},
		[]admissionregistrationv1.NamedRuleWithOperations{named("networking.k8s.io", []string{"v1"}, writes(), "ingresses")},
		ingressVariables("object", ""), ingressVariables("oldObject", "old"), ingressOf)
}

func routeTable() table {
	return exposureTable("launchready-routes",
		[]schema.GroupKind{
			{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"},
			{Group: "gateway.networking.k8s.io", Kind: "GRPCRoute"},
			{Group: "gateway.networking.k8s.io", Kind: "TLSRoute"},
		},
		[]admissionregistrationv1.NamedRuleWithOperations{named("gateway.networking.k8s.io", []string{"*"}, writes(), "httproutes", "grpcroutes", "tlsroutes")},
		routeVariables("object", ""), routeVariables("oldObject", "old"), routeOf)
}

// exposureTable decides on objects that lead strangers to hosts and Services.
//
// A host that a launch declares is judged by itself; any other host, a wildcard and no host at all are judged by the
// Services behind them. What an object exposed before this request is not judged again: nothing that serves is taken away.
func exposureTable(name string, kinds []schema.GroupKind, resources []admissionregistrationv1.NamedRuleWithOperations,
	now, before []variable, read func(any, string, func(string) bool) exposure,
) table {
	return table{
		name: name, kinds: kinds, resources: resources,
		concerns: "oldObject == null || dyn(object).spec != dyn(oldObject).spec",
		variables: slices.Concat([]variable{
			{"terminating", "has(namespaceObject.metadata.deletionTimestamp)"},
			{"notes", "namespaceObject.metadata.?annotations.orValue({})"},
			{"codes", expression(codesCEL())},
			{"ns", "object.metadata.namespace"},
			{"required", expression(requiredCEL)},
		}, now, before, []variable{
			{"exposed", subjectsCEL("")},
			{"oldexposed", subjectsCEL("old")},
		}, exposureVariables(), breakGlassVariables("authority")),
		rules:       exposureRules(),
		overridable: breakGlassOnly(),
		remarks:     []rule{foreignRemark()},
		mode:        "mode",
		look:        func(r Request) findings { return lookAtExposure(r, read) },
	}
}

// requiredCEL says that the namespace demands a launch for what is exposed in it.
const requiredCEL = "namespaceObject.metadata.?labels[?'" + v1alpha1.GateLabel + "'].orValue('') == '" + v1alpha1.GateRequired + "'"

func exposureRules() []rule {
	return []rule{
		{3, []string{"terminating"}, allow, nil},
		{10, []string{"undeclared"}, deny, message{"Namespace ", "$ns", " is labelled ", v1alpha1.GateLabel + "=" + v1alpha1.GateRequired, ", and no LaunchReadiness declares ", "$stray", ": declare it in spec.domains or spec.workloads[].services of one.", "$glassRemark"}},
		{10, []string{"claimed"}, deny, message{"LaunchReadiness ", "$subject", " holds the exposure of ", "$about", ": a LaunchReadiness of another namespace declares that host too, and launched earlier or is older. Remove it from spec.domains of one of them.", "$glassRemark"}},
		{10, []string{"held"}, deny, message{"LaunchReadiness ", "$subject", " holds the exposure of ", "$about", ", which is not Exposable yet: ", "$holds", ".", "$glassRemark", "$next"}},
		{12, []string{"foreignBackend"}, deny, message{"LaunchReadiness ", "$subject", " holds this change: it leads a host of the launch to ", "$about", ", which is no Service of its workloads. Declare it in spec.workloads[].services.", "$glassRemark"}},
		{11, nil, allow, nil},
	}
}

func foreignRemark() rule {
	return rule{0, []string{"foreign"}, warn, message{"The gate's state of what this object exposes is written in a grammar that the installed policies can't read, so it is not held: upgrade the policies of LaunchReady."}}
}

// hostKeyCEL and the like give the key of what an expression names.
func hostKeyCEL(host string) string       { return keyCEL(host, "'"+kindHost+"'") }
func serviceKeyCEL(service string) string { return keyCEL(service, "'"+kindService+"'") }

// declaredCEL says that a launch declares a host.
func declaredCEL(host string) string { return "(" + hostKeyCEL(host) + ") in variables.notes" }

func solverCEL(path string) string { return path + ".matches(r'" + solverPath + "')" }

// ingressVariables read the hosts of an Ingress, and the Services that are judged in place of one.
func ingressVariables(object, prefix string) []variable {
	rules := "variables." + prefix + "rules"
	paths := func(r string) string {
		return r + ".?http.?paths.orValue([]).filter(p, !" + solverCEL("p.?path.orValue('')") + ")"
	}
	service := ".map(p, p.backend.?service.?name.orValue(''))"
	opens := "(!has(r.http) || " + paths("r") + ".size() > 0)"
	fallback := "dyn(" + object + ").spec.?defaultBackend.?service.?name.orValue('')"
	specs := "dyn(" + object + ").spec.?rules.orValue([])"
	if prefix != "" {
		specs = object + " == null ? [] : " + specs
		fallback = object + " == null ? '' : " + fallback
	}
	return []variable{
		{prefix + "rules", expression(specs)},
		{prefix + "fallback", expression(fallback)},
		{prefix + "hosts", expression(rules + ".filter(r, " + opens + " && r.?host.orValue('') != '' && !r.host.startsWith('*')).map(r, r.host)")},
		{prefix + "services", expression(rules + ".filter(r, !(" + declaredCEL("r.?host.orValue('')") + ")).map(r, " + paths("r") + service + ").flatten() + " +
			"(variables." + prefix + "fallback == '' ? [] : [variables." + prefix + "fallback])")},
		// Where a rule has no paths, all of its host's requests go to the default backend.
		{prefix + "backends", expression(rules + ".filter(r, " + declaredCEL("r.?host.orValue('')") + ").map(r, (has(r.http) ? " + paths("r") + service + " : [variables." + prefix + "fallback]).map(s, [r.host, s])).flatten(1)")},
	}
}

// routeVariables read the same of a route of the Gateway API. Its hostnames hold for all of its rules.
func routeVariables(object, prefix string) []variable {
	rules, hostnames := "variables."+prefix+"rules", "variables."+prefix+"hostnames"
	solver := "(r.?matches.orValue([]).size() > 0 && r.matches.all(m, " + solverCEL("m.?path.?value.orValue('')") + "))"
	local := "r.?backendRefs.orValue([]).filter(b, b.?kind.orValue('Service') == 'Service' && b.?namespace.orValue(variables.ns) == variables.ns).map(b, b.name)"
	specs, names := "dyn("+object+").spec.?rules.orValue([])", "dyn("+object+").spec.?hostnames.orValue([])"
	if prefix != "" {
		specs, names = object+" == null ? [] : "+specs, object+" == null ? [] : "+names
	}
	declared := hostnames + ".filter(h, " + declaredCEL("h") + ")"
	return []variable{
		{prefix + "rules", expression("(" + specs + ").filter(r, !" + solver + ")")},
		{prefix + "hostnames", expression(names)},
		{prefix + "hosts", expression(rules + ".size() == 0 ? [] : " + hostnames + ".filter(h, !h.startsWith('*'))")},
		{prefix + "services", expression(hostnames + ".size() == 0 || " + hostnames + ".exists(h, !(" + declaredCEL("h") + ")) ? " + rules + ".map(r, " + local + ").flatten() : []")},
		{prefix + "backends", expression(declared + ".map(h, " + rules + ".map(r, " + local + ").flatten().map(s, [h, s])).flatten(1)")},
	}
}

// subjectsCEL gives what is exposed, as pairs of a name and a key.
func subjectsCEL(prefix string) expression {
	return expression(fmt.Sprintf("variables.%[1]shosts.map(h, ['host ' + h, %[2]s]) + variables.%[1]sservices.filter(s, s != '').map(s, ['Service ' + s, %[3]s])",
		prefix, hostKeyCEL("h"), serviceKeyCEL("s")))
}

// exposureVariables find what this request newly exposes and newly leads a host to, and the record of the launch that has
// something against it: its fields, and what it is about behind them.
func exposureVariables() []variable {
	record := func(launch string) string {
		return "variables.notes[?" + keyCEL(launch, "'"+kindLaunch+"'") + "].orValue('').split(';')"
	}
	readable := fmt.Sprintf("j.size() > %d && j[0] == '%s'", recordFields+1, grammar)
	return []variable{
		{"newly", "variables.exposed.filter(e, !(e in variables.oldexposed))"},
		{"pointers", "variables.newly.filter(e, e[1] in variables.notes).map(e, variables.notes[e[1]].split(';') + [e[0]])"},
		{"judged", expression(fmt.Sprintf("variables.pointers.filter(p, p[0] == '%s' && p.size() > 2 && p[2] != '%s').map(p, %s + [p.size() > 3 && p[2] == '%s' ? 'claim' : 'exposure', p[p.size() - 1]])", grammar, exposedMark, record("p[1]"), claimedMark))},
		{"foreign", expression(fmt.Sprintf("variables.pointers.exists(p, p[0] != '%[1]s') || variables.judged.exists(j, j[0] != '' && j[0] != '%[1]s')", grammar))},
		{"closed", expression("variables.judged.filter(j, " + readable + " && (j[4] != '' || j[j.size() - 2] == 'claim') && !(oldObject == null && !variables.required && !dyn(namespaceObject).metadata.uid.startsWith(j[7])))")},
		{"strays", "variables.required ? variables.newly.filter(e, e[0].startsWith('Service ') && !(e[1] in variables.notes)) : []"},
		{"undeclared", "variables.strays.size() > 0"},
		{"stray", "variables.strays.size() > 0 ? variables.strays[0][0] : ''"},
		{"led", expression(fmt.Sprintf("variables.backends.filter(b, b[1] != '' && !(b in variables.oldbackends)).map(b, variables.notes[?%s].orValue('').split(';') + [b[1]])"+
			".filter(p, p.size() > 2 && p[0] == '%[2]s' && !(variables.notes[?%[3]s].orValue('') in ['%[2]s;' + p[1], '%[2]s;' + p[1] + ';%[4]s']))"+
			".map(p, %[5]s + ['backend', 'Service ' + p[p.size() - 1]]).filter(j, %[6]s && j[2] != '%[7]s' && j[10] != '')",
			hostKeyCEL("b[0]"), grammar, serviceKeyCEL("p[p.size() - 1]"), exposedMark, record("p[1]"), readable, StateNew))},
		{"against", "(variables.closed + variables.led).filter(j, j[5] == 'Enforce') + (variables.closed + variables.led).filter(j, j[5] == 'Audit')"},
		{"record", "variables.undeclared || variables.against.size() == 0 ? [''] : variables.against[0]"},
		{"held", fmtRecord("variables.record[variables.record.size() - 2] == 'exposure'")},
		{"claimed", fmtRecord("variables.record[variables.record.size() - 2] == 'claim'")},
		{"foreignBackend", fmtRecord("variables.record[variables.record.size() - 2] == 'backend'")},
		{"about", expression(fmt.Sprintf("variables.record.size() > %d ? variables.record[variables.record.size() - 1] : ''", recordFields))},
		{"launch", expression(fmt.Sprintf("variables.record.size() > %d ? variables.record[1] : ''", recordFields))},
		{"mode", expression(fmt.Sprintf("variables.undeclared ? 'Enforce' : variables.record.size() > %d ? variables.record[5] : 'Off'", recordFields))},
		// Whoever breaks the glass needs the verb on all launches that have something against it.
		{"authority", "variables.against.all(j, j[1] == variables.launch) ? variables.launch : ''"},
		{"subject", "variables.ns + '/' + variables.launch"},
		{"next", nextCEL(fmt.Sprintf("variables.record.size() > %d && variables.record[4]", recordFields))},
		{"holds", expression(fmt.Sprintf("variables.record.size() > %d ? %s : ''", recordFields, holdsCEL("variables.record[4]")))},
	}
}

// fmtRecord says something of the record that the decision is about, where there is one.
func fmtRecord(condition string) expression {
	return expression(fmt.Sprintf("variables.record.size() > %d && %s", recordFields, condition))
}

// exposure is what an object exposes.
type exposure struct {
	hosts, services []string
	// backends are the Services that declared hosts are led to: pairs of a host and a Service.
	backends [][2]string
}

// ingressOf reads an Ingress.
func ingressOf(object any, _ string, declared func(host string) bool) exposure {
	var e exposure
	fallback := textAt(object, "spec", "defaultBackend", "service", "name")
	for _, rule := range listAt(object, "spec", "rules") {
		host := textAt(rule, "host")
		if at(rule, "http") == nil && declared(host) {
			e.backends = append(e.backends, [2]string{host, fallback})
		}
		open := slices.DeleteFunc(slices.Clone(listAt(rule, "http", "paths")), func(p any) bool { return solverPattern.MatchString(textAt(p, "path")) })
		if (at(rule, "http") == nil || len(open) > 0) && host != "" && !strings.HasPrefix(host, "*") {
			e.hosts = append(e.hosts, host)
		}
		for _, path := range open {
			service := textAt(path, "backend", "service", "name")
			if declared(host) {
				e.backends = append(e.backends, [2]string{host, service})
			} else {
				e.services = append(e.services, service)
			}
		}
	}
	if fallback != "" {
		e.services = append(e.services, fallback)
	}
	return e
}

// routeOf reads a route of the Gateway API.
func routeOf(object any, namespace string, declared func(host string) bool) exposure {
	var e exposure
	var services []string
	rules := slices.DeleteFunc(slices.Clone(listAt(object, "spec", "rules")), isSolverRule)
	for _, rule := range rules {
		for _, b := range listAt(rule, "backendRefs") {
			kind, there := textAt(b, "kind"), textAt(b, "namespace")
			if (kind == "" || kind == "Service") && (there == "" || there == namespace) {
				services = append(services, textAt(b, "name"))
			}
		}
	}
	hostnames := listAt(object, "spec", "hostnames")
	inPlace := len(hostnames) == 0
	for _, h := range hostnames {
		host, _ := h.(string)
		if len(rules) > 0 && !strings.HasPrefix(host, "*") {
			e.hosts = append(e.hosts, host)
		}
		if !declared(host) {
			inPlace = true
			continue
		}
		for _, service := range services {
			e.backends = append(e.backends, [2]string{host, service})
		}
	}
	if inPlace {
		e.services = services
	}
	return e
}

func isSolverRule(rule any) bool {
	matches := listAt(rule, "matches")
	return len(matches) > 0 && !slices.ContainsFunc(matches, func(m any) bool { return !solverPattern.MatchString(textAt(m, "path", "value")) })
}

// target is something that is exposed: what it is called, and the key under which its launch stands.
type target struct{ name, key string }

func (e exposure) targets() []target {
	var targets []target
	for _, host := range e.hosts {
		targets = append(targets, target{"host " + host, key(host, kindHost)})
	}
	for _, service := range e.services {
		if service != "" {
			targets = append(targets, target{"Service " + service, key(service, kindService)})
		}
	}
	return targets
}

// lookAtExposure finds the facts and texts of a write of an object that exposes something.
func lookAtExposure(r Request, read func(any, string, func(string) bool) exposure) findings {
	f := findings{facts: map[string]bool{}, texts: map[string]string{}}
	f.concerned = r.Old == nil || !equal(at(r.Object, "spec"), at(r.Old, "spec"))
	notes, namespace := r.Namespace.Annotations, textAt(r.Object, "metadata", "namespace")
	declared := func(host string) bool { _, found := notes[key(host, kindHost)]; return found }
	now, before := read(r.Object, namespace, declared), exposure{}
	if r.Old != nil {
		before = read(r.Old, namespace, declared)
	}
	l := exposureLook{Request: r, required: r.Namespace.Labels[v1alpha1.GateLabel] == v1alpha1.GateRequired}
	for _, t := range now.targets() {
		if !slices.Contains(before.targets(), t) {
			l.expose(t)
		}
	}
	for _, b := range now.backends {
		if b[1] != "" && !slices.Contains(before.backends, b) {
			l.lead(b[0], b[1])
		}
	}
	f.facts["terminating"] = r.Namespace.DeletionTimestamp != nil
	f.facts["undeclared"] = len(l.strays) > 0
	f.facts["foreign"] = l.foreign
	f.texts["ns"] = namespace
	f.mode = v1alpha1.GateOff
	against := byMode(slices.Concat(l.closed, l.led))
	if len(l.strays) > 0 {
		f.texts["stray"], f.mode = l.strays[0], v1alpha1.GateEnforce
	} else if len(against) > 0 {
		record := against[0]
		why := record[len(record)-2]
		f.facts["claimed"], f.facts["held"], f.facts["foreignBackend"] = why == "claim", why == "exposure", why == "backend"
		f.texts["launch"], f.texts["about"], f.texts["holds"] = record[1], record[len(record)-1], holdsInWords(record[4])
		f.texts["next"] = next(record[4], record[1], namespace)
		f.mode = v1alpha1.GateMode(record[5])
	}
	f.texts["subject"] = namespace + "/" + f.texts["launch"]
	authority := f.texts["launch"]
	if slices.ContainsFunc(against, func(record []string) bool { return record[1] != authority }) {
		authority = ""
	}
	lookForBreakGlass(r, authority, &f)
	return f
}

// exposureLook gathers what stands against an exposure.
type exposureLook struct {
	Request
	required bool
	foreign  bool
	// closed and led are records of launches that have something against the request, with what it is about behind them.
	closed, led [][]string
	strays      []string
}

// expose looks at something that is newly exposed.
func (l *exposureLook) expose(t target) {
	value, found := l.Namespace.Annotations[t.key]
	if !found {
		if l.required && strings.HasPrefix(t.name, "Service ") {
			l.strays = append(l.strays, t.name)
		}
		return
	}
	pointer := strings.Split(value, ";")
	if pointer[0] != grammar {
		l.foreign = true
		return
	}
	if len(pointer) < 2 || len(pointer) > 2 && pointer[2] == exposedMark {
		return
	}
	why := "exposure"
	if len(pointer) > 2 && pointer[2] == claimedMark {
		why = "claim"
	}
	record := append(strings.Split(l.Namespace.Annotations[launchKey(pointer[1])], ";"), why, t.name)
	l.foreign = l.foreign || record[0] != "" && record[0] != grammar
	restoring := func() bool {
		return l.Old == nil && !l.required && !strings.HasPrefix(string(l.Namespace.UID), record[7])
	}
	if len(record) > recordFields+1 && record[0] == grammar && (record[4] != "" || why == "claim") && !restoring() {
		l.closed = append(l.closed, record)
	}
}

// lead looks at a Service that a declared host is newly led to.
func (l *exposureLook) lead(host, service string) {
	pointer := strings.Split(l.Namespace.Annotations[key(host, kindHost)], ";")
	if pointer[0] != grammar || len(pointer) < 2 {
		return
	}
	own := grammar + ";" + pointer[1]
	if there := l.Namespace.Annotations[key(service, kindService)]; there == own || there == own+";"+exposedMark {
		return
	}
	record := append(strings.Split(l.Namespace.Annotations[launchKey(pointer[1])], ";"), "backend", "Service "+service)
	if len(record) > recordFields+1 && record[0] == grammar && State(record[2]) != StateNew && record[10] != "" {
		l.led = append(l.led, record)
	}
}

// byMode gives the records of launches that enforce, then those that audit.
func byMode(records [][]string) [][]string {
	var sorted [][]string
	for _, mode := range []v1alpha1.GateMode{v1alpha1.GateEnforce, v1alpha1.GateAudit} {
		for _, record := range records {
			if v1alpha1.GateMode(record[5]) == mode {
				sorted = append(sorted, record)
			}
		}
	}
	return sorted
}
