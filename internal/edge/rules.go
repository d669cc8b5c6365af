// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// permanently is the status of redirects. To HTTPS it keeps the method and the body (RFC 9110 §15.4.9).
const (
	permanently         = 308
	permanentlyAsGet    = 301
	hstsHeader          = "strict-transport-security"
	securityLevelMedium = "medium"
)

// redirects wants plain HTTP sent to HTTPS, and other names to the canonical one. On a host that strangers reached before,
// only what reads is sent on: nobody knows what else speaks plain HTTP to it.
func (d *desired) redirects() {
	var fresh, existing served
	for _, l := range d.in.Launches {
		for _, h := range d.mine(l, v1alpha1.AreaRedirects, slices.Concat(l.Hosts(), l.Redirects())) {
			if d.existing(h) && !l.Launched {
				existing.add(l.LaunchID, h)
			} else {
				fresh.add(l.LaunchID, h)
			}
		}
	}
	to := parameters(map[string]any{"from_value": map[string]any{
		"status_code": permanently, "preserve_query_string": true,
		"target_url": map[string]any{"expression": `concat("https://", http.host, http.request.uri.path)`},
	}})
	rule := Rule{Action: actionRedirect, Parameters: to}
	d.rules(PhaseRedirect, effectHTTPS, v1alpha1.AreaRedirects, fresh, all("not ssl", notACME), rule, "send plain HTTP to HTTPS")
	d.rules(PhaseRedirect, effectHTTPS+"-reads", v1alpha1.AreaRedirects, existing,
		all("not ssl", `http.request.method in {"GET" "HEAD"}`, notACME), rule, "send plain HTTP that reads to HTTPS")
	for _, l := range d.in.Launches {
		d.canonical(l)
	}
}

func (d *desired) canonical(l Launch) {
	canonical := string(l.domains().Canonical)
	if canonical == "" || l.refused(canonical) {
		return
	}
	var from served
	from.add(l.LaunchID, d.mine(l, v1alpha1.AreaRedirects, l.Redirects())...)
	to := parameters(map[string]any{"from_value": map[string]any{
		"status_code": permanentlyAsGet, "preserve_query_string": true,
		"target_url": map[string]any{"expression": `concat("https://` + canonical + `", http.request.uri.path)`},
	}})
	d.rules(PhaseRedirect, effectCanonical+"-"+ShortID(canonical), v1alpha1.AreaRedirects, from, notACME,
		Rule{Action: actionRedirect, Parameters: to}, "redirect to "+canonical)
}

// tls wants the edge to verify the origin's certificate, where it would stand the test: else visitors would meet error 526. An origin
// that couldn't be tried gets the benefit of the doubt on a new host alone, where nobody is cut off.
func (d *desired) tls() {
	var strict served
	for _, l := range d.in.Launches {
		for _, h := range d.mine(l, v1alpha1.AreaTLS, l.Hosts()) {
			try, tried := l.Strict[h]
			switch {
			case try.OK, l.Retained, try.Unreachable && !d.existing(h):
				strict.add(l.LaunchID, h)
			case tried:
				d.note(l.LaunchID, ReasonOriginNotTrusted, v1alpha1.SeverityHigh, h,
					"The edge isn't told to verify the origin's certificate, since it would refuse it and visitors would meet error 526: "+try.Why,
					"Give the origin a certificate for "+h+" of a public authority or of Cloudflare's Origin CA.")
			}
		}
	}
	d.rules(PhaseConfig, effectTLS, v1alpha1.AreaTLS, strict, "",
		Rule{Action: actionSetConfig, Parameters: parameters(map[string]any{"ssl": "strict", "automatic_https_rewrites": true})},
		"verify the origin's certificate")
}

// waf wants what nobody may ask for refused, and Cloudflare's managed rules.
func (d *desired) waf() {
	var refuse []string
	var who, managed, mild served
	for _, l := range d.in.Launches {
		hosts := d.mine(l, v1alpha1.AreaWAF, l.Hosts())
		if len(hosts) == 0 {
			continue
		}
		waf := l.Spec.Cloudflare.WAF
		paths := []string{`(starts_with(http.request.uri.path, "/.") and not starts_with(http.request.uri.path, "/.well-known/"))`}
		if waf != nil {
			for _, p := range waf.BlockedPaths {
				paths = append(paths, pathBegins([]string{string(p)})...)
			}
		}
		refuse = append(refuse, "("+all(hostIn(hosts), anyOf(paths))+")")
		who.add(l.LaunchID, hosts...)
		if waf != nil && waf.ManagedRules == v1alpha1.SwitchOff {
			continue
		}
		for _, h := range hosts {
			if d.existing(h) && !l.Launched {
				mild.add(l.LaunchID, h)
			} else {
				managed.add(l.LaunchID, h)
			}
		}
	}
	const words = "refuse paths that nobody may ask for, such as /.git"
	for i, expression := range chunks(refuse, "") {
		d.want.Rules[PhaseCustomWAF] = append(d.want.Rules[PhaseCustomWAF], WantRule{
			Rule: d.rule(effectWAF, i, expression, actionBlock, nil, words),
			Area: v1alpha1.AreaWAF, Launches: who.launches, Words: words + " on " + listed(who.sorted()),
		})
	}
	d.managed(managed, mild)
}

// Cloudflare's managed rulesets. Source: developers.cloudflare.com/waf/managed-rules/reference/
const (
	managedCloudflare = "efb7b8c949ac4650a09736fc376e9aee"
	managedOWASP      = "4814384a9e5d4991b9815dcfc25d2f1f"
)

// managed wants the managed rulesets deployed, unless somebody deploys them for the whole zone already. On hosts that strangers
// reached before launch, they start in the mildest way that the plan has.
func (d *desired) managed(block, mild served) {
	if !d.limits.ManagedRules {
		return // Cloudflare deploys the Free Managed Ruleset by itself.
	}
	mildest := "managed_challenge"
	if d.limits.Log {
		mildest = "log"
	}
	sets := []struct{ effect, id, name string }{
		{effectManaged, managedCloudflare, "Cloudflare's managed rules"}, {effectOWASP, managedOWASP, "the OWASP core rules"},
	}
	for _, set := range sets {
		if d.deployed(set.id) {
			continue
		}
		d.rules(PhaseManagedWAF, set.effect, v1alpha1.AreaWAF, block, "",
			Rule{Action: actionExecute, Parameters: parameters(map[string]any{"id": set.id})}, "run "+set.name)
		d.rules(PhaseManagedWAF, set.effect+"-mild", v1alpha1.AreaWAF, mild, "",
			Rule{Action: actionExecute, Parameters: parameters(map[string]any{"id": set.id, "overrides": map[string]any{"action": mildest}})},
			"run "+set.name+" in their mildest way ("+mildest+")")
	}
}

// deployed says whether somebody else runs a managed ruleset for the whole zone, unweakened.
func (d *desired) deployed(id string) bool {
	return slices.ContainsFunc(d.state.Rulesets[PhaseManagedWAF].Rules, func(r Rule) bool {
		return r.Enabled && !d.in.Marker.OwnsRule(r) && r.Action == actionExecute && strings.TrimSpace(r.Expression) == "true" &&
			covers(parameters(map[string]any{"id": id}), r.Parameters)
	})
}

// staticExtensions are files that are the same for everybody.
var staticExtensions = [...]string{
	"avif", "css", "eot", "gif", "ico", "jpeg", "jpg", "js", "mjs", "otf", "png", "svg", "ttf", "webp", "woff", "woff2",
}

// DefaultStaticSeconds is a day.
const DefaultStaticSeconds = 86_400

// cache wants static files kept, and what is private never. Private comes last, since the last cache rule that matches counts.
func (d *desired) cache() {
	var files served
	kept := map[int32]*lockedHosts{}
	var private []string
	var who served
	for _, l := range d.in.Launches {
		hosts := d.mine(l, v1alpha1.AreaCache, l.Hosts())
		if len(hosts) == 0 {
			continue
		}
		files.add(l.LaunchID, hosts...)
		cache := l.Spec.Cloudflare.Cache
		if cache != nil && len(cache.StaticPaths) > 0 {
			seconds := int32(DefaultStaticSeconds)
			if cache.StaticSeconds != nil {
				seconds = *cache.StaticSeconds
			}
			seconds = max(seconds, d.limits.MinCacheSeconds)
			condition := "(" + all(hostIn(hosts), anyOf(pathBegins(texts(cache.StaticPaths)))) + ")"
			gather(kept, seconds).add(l.LaunchID, hosts, condition)
		}
		conditions := append(pathBegins(privatePaths(l)), `any(http.request.headers.names[*] eq "authorization")`)
		private = append(private, "("+all(hostIn(hosts), anyOf(conditions))+")")
		who.add(l.LaunchID, hosts...)
	}
	// Cache deception armor keeps a page that ends in .css by a trick from being kept.
	d.rules(PhaseCache, effectStatic, v1alpha1.AreaCache, files, "http.request.uri.path.extension in "+set(staticExtensions[:]), Rule{
		Action: actionSetCache, Parameters: parameters(map[string]any{"cache": true, "cache_key": map[string]any{"cache_deception_armor": true}}),
	}, "keep static files")
	d.cachePaths(kept)
	const words = "never keep what is private"
	for i, expression := range chunks(private, "") {
		d.want.Rules[PhaseCache] = append(d.want.Rules[PhaseCache], WantRule{
			Rule: d.rule(effectPrivate, i, expression, actionSetCache, map[string]any{"cache": false}, words),
			Area: v1alpha1.AreaCache, Launches: who.launches, Words: words + " on " + listed(who.sorted()),
		})
	}
}

func (d *desired) cachePaths(kept map[int32]*lockedHosts) {
	n := 0
	for _, seconds := range sortedKeys(kept) {
		h := kept[seconds]
		words := fmt.Sprintf("keep static paths for %d seconds", seconds)
		for _, expression := range chunks(h.conditions, "") {
			d.want.Rules[PhaseCache] = append(d.want.Rules[PhaseCache], WantRule{
				Rule: d.rule(effectPaths, n, expression, actionSetCache, map[string]any{
					"cache": true, "edge_ttl": map[string]any{"mode": "override_origin", "default": seconds, "status_code_ttl": successAlone()},
				}, words),
				Area: v1alpha1.AreaCache, Launches: h.launches, Words: words + " on " + listed(h.sorted()),
			})
			n++
		}
	}
}

// successAlone keeps redirects and errors from being kept as long as what they stand for.
func successAlone() []any {
	const noStore = -1
	return []any{map[string]any{"status_code_range": map[string]any{"from": 300, "to": 599}, "value": noStore}}
}

// privatePaths are the beginnings of paths whose replies are never kept.
func privatePaths(l Launch) []string {
	paths := []string{"/api/"}
	if l.Spec.Cloudflare.Cache != nil {
		paths = append(paths, texts(l.Spec.Cloudflare.Cache.PrivatePaths)...)
	}
	for _, r := range appRequests(l) {
		if p := fixedBeginning(r.path); len(p) > 1 {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// headers wants HSTS on every reply, at the step that it has reached.
func (d *desired) headers() {
	steps := map[int32]*lockedHosts{}
	for _, l := range d.in.Launches {
		for _, h := range d.mine(l, v1alpha1.AreaHeaders, l.Hosts()) {
			if c := d.in.Ledger.claim(h); c != nil && c.HSTS != nil && hstsGoal(l) > 0 {
				gather(steps, c.HSTS.MaxAgeSeconds).add(l.LaunchID, []string{h}, "")
			}
		}
	}
	for _, age := range sortedKeys(steps) {
		headers := map[string]any{"headers": map[string]any{
			hstsHeader:               map[string]any{"operation": "set", "value": "max-age=" + strconv.Itoa(int(age))},
			"x-content-type-options": map[string]any{"operation": "set", "value": "nosniff"},
		}}
		d.rules(PhaseResponseHeaders, effectHSTS+"-"+strconv.Itoa(int(age)), v1alpha1.AreaHeaders, steps[age].served, "ssl",
			Rule{Action: actionRewrite, Parameters: parameters(headers)}, fmt.Sprintf("send HSTS with max-age %d", age))
	}
}

func texts[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
