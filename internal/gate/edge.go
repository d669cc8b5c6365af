// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// What the edge does where a launch does not say: see api/v1alpha1.Cloudflare.
const (
	defaultHSTSSeconds   = 31_536_000
	defaultLimitRequests = 10
	defaultPeriodSeconds = 60
)

// Weakest first. An unknown value is the weakest.
func edgeModes() []string {
	return []string{string(v1alpha1.EdgeRevert), string(v1alpha1.EdgeObserve), string(v1alpha1.EdgeEnforce)}
}

func edgeLocks() []string {
	return []string{string(v1alpha1.EdgeLockOff), string(v1alpha1.EdgeLockedUntilLaunched), string(v1alpha1.EdgeLockedWhileFailing)}
}

func dmarcPolicies() []string { return []string{"none", "quarantine", "reject"} }

// edgeVariables are what edgeWeakenedCEL looks at. The launch's own limits count, or those that come of the app as it is described now:
// how a request of it is written may change freely.
func edgeVariables() []variable {
	spec := func(object string) string { return "(" + object + " == null ? {} : dyn(" + object + ").spec)" }
	limits := func(edge string) expression {
		return expression("variables." + edge + ".?rateLimits.orValue(variables.appLimits)")
	}
	names := func(spec string) expression {
		return expression("variables." + spec + ".?domains.?hosts.orValue([]) + variables." + spec + ".?domains.?redirects.orValue([]) + [variables." + spec + ".?domains.?canonical.orValue('')]")
	}
	// The API server wants all values of a literal to be of one type.
	limit := "{'paths': dyn([%[1]s.request.path]), 'methods': dyn([%[1]s.request.?method.orValue('GET')]), 'requests': dyn(%[2]s)}"
	return []variable{
		{"specBefore", expression(spec("oldObject"))},
		{"specNow", expression(spec("object"))},
		{"edgeBefore", "variables.specBefore.?cloudflare.orValue({})"},
		{"edgeNow", "variables.specNow.?cloudflare.orValue({})"},
		{"appLimits", expression("variables.appNow.?login.?steps.orValue([]).filter(s, !has(s.request.host) && s.request.path.startsWith('/'))" +
			".map(s, " + fmt.Sprintf(limit, "s", fmt.Sprint(defaultLimitRequests)) + ") + " +
			"(variables.appNow.?chat.?ratePerMinute.hasValue() && variables.appNow.chat.request.path.startsWith('/') ? [" +
			fmt.Sprintf(limit, "variables.appNow.chat", "variables.appNow.chat.ratePerMinute") + "] : [])")},
		{"limitsBefore", limits("edgeBefore")},
		{"limitsNow", limits("edgeNow")},
		{"namesNow", names("specNow")},
		{"edgeWeakened", expression(edgeWeakenedCEL())},
	}
}

// rankCEL gives the place of a value in a list, the weakest first.
func rankCEL(ranks []string, value string) string {
	var places []string
	for i, name := range ranks {
		places = append(places, fmt.Sprintf("'%s': %d", name, i))
	}
	return "dyn({" + strings.Join(places, ", ") + "})[?" + value + "].orValue(0)"
}

// edgeWeakenedCEL says whether a change asks less of the edge than before: what strangers meet there is then less than what was measured.
// What may change freely is where the app is (origin), by which token, what a page says, the keys that sign mail, and who sends it: these
// are measured as they are declared.
func edgeWeakenedCEL() string {
	mode := func(edge string) string {
		return rankCEL(edgeModes(), "variables."+edge+".?mode.orValue('"+string(v1alpha1.EdgeObserve)+"')")
	}
	hsts := func(edge string) string {
		return fmt.Sprintf("(variables.%[1]s.?tls.?hsts.?mode.orValue('On') == 'Off' ? 0 : variables.%[1]s.?tls.?hsts.?maxAgeSeconds.orValue(%[2]d))", edge, defaultHSTSSeconds)
	}
	lock := func(spec string) string { return rankCEL(edgeLocks(), "variables."+spec+".?gate.?edge.orValue('Off')") }
	dmarc := func(entry string) string {
		return rankCEL(dmarcPolicies(), entry+".dmarc.?policy.orValue('quarantine')")
	}
	// Each of the list's beginnings of paths must begin with one of the other's.
	within := func(list, other string) string {
		return list + ".orValue([]).exists(p, !" + other + ".orValue([]).exists(q, p.startsWith(q)))"
	}
	period := func(limit string) string {
		return fmt.Sprintf("%s.?periodSeconds.orValue(%d)", limit, defaultPeriodSeconds)
	}
	edge := strings.Join([]string{
		"variables.edgeNow.size() == 0",
		mode("edgeNow") + " < " + mode("edgeBefore"),
		"variables.edgeBefore.?adopt.orValue([]).exists(a, !(a in variables.edgeNow.?adopt.orValue([])))",
		"variables.edgeBefore.?waf.?managedRules.orValue('On') == 'On' && variables.edgeNow.?waf.?managedRules.orValue('On') != 'On'",
		within("variables.edgeBefore.?waf.?blockedPaths", "variables.edgeNow.?waf.?blockedPaths"),
		hsts("edgeNow") + " < " + hsts("edgeBefore"),
		within("variables.edgeBefore.?cache.?privatePaths", "variables.edgeNow.?cache.?privatePaths"),
		// One path too many, and a page of one tenant is kept for all: as with openAPI.public, more of it is less.
		within("variables.edgeNow.?cache.?staticPaths", "variables.edgeBefore.?cache.?staticPaths"),
		// By what is counted, not by name: a limit may be renamed, or count more together. As many requests in a longer time are
		// fewer a second, but more of them in a longer time can come at once.
		"variables.limitsBefore.exists(o, o.paths.exists(p, !variables.limitsNow.exists(n, " +
			"n.paths.exists(q, p.startsWith(q)) && (!n.?methods.hasValue() || o.?methods.hasValue() && o.methods.all(m, m in n.methods)) && " +
			"n.requests <= o.requests && n.requests * " + period("o") + " <= o.requests * " + period("n") + ")))",
	}, " || ")
	return strings.Join([]string{
		// One that reverts has given up all that it did there already.
		"variables.edgeBefore.size() > 0 && variables.edgeBefore.?mode.orValue('') != '" + string(v1alpha1.EdgeRevert) + "' && (" + edge + ")",
		lock("specNow") + " < " + lock("specBefore"),
		// A name that redirects may serve the app, or retire. That one that served it does neither is a host less.
		"variables.specBefore.?domains.?redirects.orValue([]).exists(h, !(h in variables.namesNow) && !variables.specNow.?domains.?retired.orValue([]).exists(n, n.host == h))",
		// A record that was left behind of a retired name is anybody's who takes what it leads to.
		"variables.specBefore.?domains.?retired.orValue([]).exists(o, !(o.host in variables.namesNow) && !variables.specNow.?domains.?retired.orValue([]).exists(n, n.host == o.host))",
		// Without it nobody asks whether the app answers past the edge.
		"variables.specBefore.?domains.?origin.hasValue() && !variables.specNow.?domains.?origin.hasValue()",
		"variables.specBefore.?email.orValue([]).exists(o, !variables.specNow.?email.orValue([]).exists(n, n.domain == o.domain && " +
			"['spf', 'dkim', 'dmarc'].all(f, !(f in o) || f in n) && (!('dmarc' in o) || " + dmarc("n") + " >= " + dmarc("o") + ")))",
	}, " || ")
}

// edgeWeakened says the same as edgeWeakenedCEL.
func edgeWeakened(now, old map[string]any) bool {
	lock := func(spec map[string]any) int {
		return rank(edgeLocks(), textAt(spec, "gate", "edge"), string(v1alpha1.EdgeLockOff))
	}
	before := fieldsAt(old, "cloudflare")
	return len(before) > 0 && textAt(before, "mode") != string(v1alpha1.EdgeRevert) && zoneWeakened(now, before) ||
		lock(now) < lock(old) || namesWeakened(now, old) || mailWeakened(now, old)
}

// rank gives the place of a value in a list, the weakest first; of a default where there is none.
func rank(ranks []string, value, otherwise string) int {
	if value == "" {
		value = otherwise
	}
	return max(slices.Index(ranks, value), 0)
}

func zoneWeakened(spec, before map[string]any) bool {
	now := fieldsAt(spec, "cloudflare")
	mode := func(edge map[string]any) int {
		return rank(edgeModes(), textAt(edge, "mode"), string(v1alpha1.EdgeObserve))
	}
	managed := func(edge map[string]any) bool {
		value := textAt(edge, "waf", "managedRules")
		return value == "" || value == string(v1alpha1.SwitchOn)
	}
	hsts := func(edge map[string]any) int64 {
		if textAt(edge, "tls", "hsts", "mode") == string(v1alpha1.SwitchOff) {
			return 0
		}
		return numberAt(edge, defaultHSTSSeconds, "tls", "hsts", "maxAgeSeconds")
	}
	return len(now) == 0 || mode(now) < mode(before) ||
		!eachIn(listAt(before, "adopt"), listAt(now, "adopt")) ||
		managed(before) && !managed(now) ||
		!within(listAt(before, "waf", "blockedPaths"), listAt(now, "waf", "blockedPaths")) ||
		hsts(now) < hsts(before) ||
		!within(listAt(before, "cache", "privatePaths"), listAt(now, "cache", "privatePaths")) ||
		!within(listAt(now, "cache", "staticPaths"), listAt(before, "cache", "staticPaths")) ||
		limitsWeakened(limitsOf(now, spec), limitsOf(before, spec))
}

// limitsOf gives the limits that an edge has: its own, or those that come of the app.
func limitsOf(edge, spec map[string]any) []any {
	if own, there := edge["rateLimits"].([]any); there {
		return own
	}
	var limits []any
	limit := func(request map[string]any, requests int64) {
		path, method := textAt(request, "path"), textAt(request, "method")
		if !strings.HasPrefix(path, "/") {
			return
		}
		if method == "" {
			method = "GET"
		}
		limits = append(limits, map[string]any{"paths": []any{path}, "methods": []any{method}, "requests": requests})
	}
	for _, step := range listAt(spec, "app", "login", "steps") {
		if request := fieldsAt(step, "request"); !has(request, "host") {
			limit(request, defaultLimitRequests)
		}
	}
	if chat := fieldsAt(spec, "app", "chat"); has(chat, "ratePerMinute") {
		limit(fieldsAt(chat, "request"), numberAt(chat, 0, "ratePerMinute"))
	}
	return limits
}

func limitsWeakened(now, old []any) bool {
	return slices.ContainsFunc(old, func(o any) bool {
		return slices.ContainsFunc(listAt(o, "paths"), func(p any) bool {
			return !slices.ContainsFunc(now, func(n any) bool { return limits(n, o) && within([]any{p}, listAt(n, "paths")) })
		})
	})
}

// limits says whether a limit lets through no more than another one.
func limits(now, old any) bool {
	counted, counts := at(old, "methods") != nil, at(now, "methods") != nil
	few, many := numberAt(now, 0, "requests"), numberAt(old, 0, "requests")
	return (!counts || counted && eachIn(listAt(old, "methods"), listAt(now, "methods"))) && few <= many &&
		few*numberAt(old, defaultPeriodSeconds, "periodSeconds") <= many*numberAt(now, defaultPeriodSeconds, "periodSeconds")
}

func namesWeakened(now, old map[string]any) bool {
	used := slices.Concat(listAt(now, "domains", "hosts"), listAt(now, "domains", "redirects"), []any{textAt(now, "domains", "canonical")})
	known := slices.Clone(used)
	for _, r := range listAt(now, "domains", "retired") {
		known = append(known, textAt(r, "host"))
	}
	return !eachIn(listAt(old, "domains", "redirects"), known) ||
		slices.ContainsFunc(listAt(old, "domains", "retired"), func(o any) bool { return !slices.Contains(known, at(o, "host")) }) ||
		at(old, "domains", "origin") != nil && at(now, "domains", "origin") == nil
}

func mailWeakened(now, old map[string]any) bool {
	policy := func(entry any) int { return rank(dmarcPolicies(), textAt(entry, "dmarc", "policy"), "quarantine") }
	return slices.ContainsFunc(listAt(old, "email"), func(o any) bool {
		return !slices.ContainsFunc(listAt(now, "email"), func(n any) bool {
			return textAt(n, "domain") == textAt(o, "domain") &&
				!slices.ContainsFunc([]string{"spf", "dkim", "dmarc"}, func(f string) bool { return at(o, f) != nil && at(n, f) == nil }) &&
				(at(o, "dmarc") == nil || policy(n) >= policy(o))
		})
	})
}

// within says whether each of some paths begins with one of others.
func within(paths, others []any) bool {
	return !slices.ContainsFunc(paths, func(p any) bool {
		path, _ := p.(string)
		return !slices.ContainsFunc(others, func(q any) bool {
			other, ok := q.(string)
			return ok && strings.HasPrefix(path, other)
		})
	})
}

// eachIn says whether each of a list is in another.
func eachIn(list, in []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { return !slices.Contains(in, v) })
}

// numberAt gives a number of an object, as the API server and as a manifest have it.
func numberAt(content any, otherwise int64, path ...string) int64 {
	switch n := at(content, path...).(type) {
	case int64:
		return n
	case int:
		return int64(n)
	case float64:
		return int64(n)
	case json.Number:
		if n, err := n.Int64(); err == nil {
			return n
		}
	}
	return otherwise
}
