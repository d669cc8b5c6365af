// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Parts of spec.app that may go without less being proven: a measure of time, the looks of a refusal, the form of the credentials
// (no identity gets in without), and what an app is said to lack.
var (
	looseAppFields      = []string{"absent", "authenticate", "indexingSeconds", "rateLimited"}
	looseResourceFields = []string{"sharing", "inChat"}
)

// appWeakenedCEL says whether a description of the app covers less than the one before: probes then attack less, or elsewhere.
// How a request is written may change freely, for each has its positive control.
var appWeakenedCEL = "variables.appBefore.size() > 0 && (" + strings.Join([]string{
	fmt.Sprintf("variables.appBefore.exists(k, !(k in variables.appNow) && !(k in %s))", celTexts(looseAppFields)),
	"variables.appNow.?service != variables.appBefore.?service",
	fmt.Sprintf("variables.appBefore.?writes.orValue('') == '%[1]s' && variables.appNow.?writes.orValue('') != '%[1]s'", v1alpha1.WritesSandbox),
	"variables.appNow.?absent.orValue([]).exists(f, !(f in variables.appBefore.?absent.orValue([])))",
	"variables.appBefore.?adminPaths.orValue([]).exists(p, !(p in variables.appNow.?adminPaths.orValue([])))",
	"variables.appBefore.?identities.orValue([]).exists(o, !variables.appNow.?identities.orValue([]).exists(n, " +
		"n.name == o.name && n.?tenant == o.?tenant && n.?role.orValue('User') == o.?role.orValue('User')))",
	"variables.appBefore.?resources.orValue([]).exists(o, !variables.appNow.?resources.orValue([]).exists(n, n.name == o.name && " +
		fmt.Sprintf("o.all(k, k in n || k in %s) && ", celTexts(looseResourceFields)) +
		fmt.Sprintf("(n.?inChat.orValue('') == '%[1]s' || o.?inChat.orValue('') != '%[1]s') && ", v1alpha1.InChatExpected) +
		fmt.Sprintf("(n.?sharing.orValue('') != '%[1]s' || o.?sharing.orValue('') == '%[1]s')))", v1alpha1.SharingTenant),
	"variables.appBefore.?openAPI.?path.hasValue() && !variables.appNow.?openAPI.?path.hasValue()",
	"['public', 'untested'].exists(f, variables.appNow.?openAPI[?f].orValue([])" +
		".exists(p, !(p in variables.appBefore.?openAPI[?f].orValue([]))))",
	"variables.appBefore.?login.?refresh.hasValue() && !variables.appNow.?login.?refresh.hasValue()",
	"variables.appBefore.?profile.?update.hasValue() && !variables.appNow.?profile.?update.hasValue()",
	"variables.appBefore.?chat.?tools.?guarded.orValue([]).exists(t, !(t in variables.appNow.?chat.?tools.?guarded.orValue([])))",
	"variables.appNow.?chat.?fetches.orValue([]).exists(h, !(h in variables.appBefore.?chat.?fetches.orValue([])))",
	// A client that brings the conversation has no need to refer to one.
	"variables.appBefore.?chat.?conversation.hasValue() && !variables.appNow.?chat.?conversation.hasValue() && " +
		"!variables.appNow.?chat.?history.hasValue()",
	"variables.appBefore.?chat.?history.hasValue() && !variables.appNow.?chat.?history.hasValue()",
	"variables.appBefore.?chat.?systemPrompt.?textSecretRef.hasValue() && !variables.appNow.?chat.?systemPrompt.?textSecretRef.hasValue()",
	"variables.appBefore.?chat.?sources.orValue([])" +
		".exists(o, !variables.appNow.?chat.?sources.orValue([]).exists(n, n.name == o.name && n.kind == o.kind))",
	"variables.appBefore.?chat.?attacks.?configMapRefs.orValue([])" +
		".exists(o, !variables.appNow.?chat.?attacks.?configMapRefs.orValue([]).exists(n, n.name == o.name))",
}, " || ") + ")"

// appWeakened says the same as appWeakenedCEL.
func appWeakened(now, old map[string]any) bool {
	if len(old) == 0 {
		return false
	}
	lost := func(now, old map[string]any, loose []string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(old)), func(k string) bool { return !has(now, k) && !slices.Contains(loose, k) })
	}
	misses := func(same func(n, o map[string]any) bool, list ...string) bool {
		return slices.ContainsFunc(listAt(old, list...), func(o any) bool {
			return !slices.ContainsFunc(listAt(now, list...), func(n any) bool {
				return textAt(n, "name") == textAt(o, "name") && same(fieldsAt(n), fieldsAt(o))
			})
		})
	}
	role := func(identity map[string]any) string {
		if role := textAt(identity, "role"); role != "" {
			return role
		}
		return string(v1alpha1.RoleUser)
	}
	sandbox := func(app map[string]any) bool { return textAt(app, "writes") == string(v1alpha1.WritesSandbox) }
	shared := func(resource map[string]any) bool {
		return textAt(resource, "sharing") == string(v1alpha1.SharingTenant)
	}
	expected := func(resource map[string]any) bool {
		return textAt(resource, "inChat") == string(v1alpha1.InChatExpected)
	}
	gone := func(path ...string) bool { return at(old, path...) != nil && at(now, path...) == nil }
	listed := func(list, in []any) bool {
		return !slices.ContainsFunc(list, func(v any) bool { return !slices.Contains(in, v) })
	}
	return lost(now, old, looseAppFields) || !equal(at(now, "service"), at(old, "service")) || sandbox(old) && !sandbox(now) ||
		!listed(listAt(now, "absent"), listAt(old, "absent")) || !listed(listAt(old, "adminPaths"), listAt(now, "adminPaths")) ||
		misses(func(n, o map[string]any) bool {
			return textAt(n, "tenant") == textAt(o, "tenant") && role(n) == role(o)
		}, "identities") ||
		misses(func(n, o map[string]any) bool {
			return !lost(n, o, looseResourceFields) && (!shared(n) || shared(o)) && (expected(n) || !expected(o))
		}, "resources") ||
		gone("openAPI", "path") ||
		slices.ContainsFunc([]string{"public", "untested"}, func(f string) bool {
			return !listed(listAt(now, "openAPI", f), listAt(old, "openAPI", f))
		}) ||
		gone("login", "refresh") || gone("profile", "update") || gone("chat", "conversation") && at(now, "chat", "history") == nil || gone("chat", "history") || gone("chat", "systemPrompt", "textSecretRef") ||
		misses(func(n, o map[string]any) bool { return textAt(n, "kind") == textAt(o, "kind") }, "chat", "sources") ||
		!listed(listAt(old, "chat", "tools", "guarded"), listAt(now, "chat", "tools", "guarded")) ||
		!listed(listAt(now, "chat", "fetches"), listAt(old, "chat", "fetches")) ||
		misses(func(_, _ map[string]any) bool { return true }, "chat", "attacks", "configMapRefs")
}

// has says whether a field is there.
func has(fields map[string]any, name string) bool {
	_, there := fields[name]
	return there
}

// celTexts gives a list of texts as CEL writes it.
func celTexts(texts []string) string { return "['" + strings.Join(texts, "', '") + "']" }
