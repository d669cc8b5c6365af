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
	permanently      = 308
	permanentlyAsGet = 301
	hstsHeader       = "strict-transport-security"
)

// onlyReads selects requests that change nothing (RFC 9110 §9.2.1).
const onlyReads = `http.request.method in {"GET" "HEAD"}`

// redirects wants plain HTTP sent to HTTPS, and other names to the canonical one. On a host that strangers reached before, only
// what reads is sent on until launch: nobody knows what else speaks plain HTTP to it.
func (d *desired) redirects() {
	var fresh, existing served
	for _, l := range d.in.Launches {
		for _, h := range d.mine(l, v1alpha1.AreaRedirects, effectHTTPS, slices.Concat(l.Hosts(), l.Redirects())) {
			if d.careful(l, effectHTTPS+gently, h) {
				existing.add(l.LaunchID, h)
			} else {
				fresh.add(l.LaunchID, h)
			}
		}
	}
	to := redirectTo(permanently, `concat("https://", http.host, http.request.uri.path)`)
	d.rules(PhaseRedirect, effectHTTPS, fresh, all("not ssl", notACME), to, "send plain HTTP to HTTPS")
	d.rules(PhaseRedirect, effectHTTPS+gently, existing, all("not ssl", onlyReads, notACME), to, "send plain HTTP that reads to HTTPS")
	for _, l := range d.in.Launches {
		d.canonical(l)
	}
}

func redirectTo(status int, target string) Rule {
	return Rule{Action: actionRedirect, Parameters: parameters(map[string]any{"from_value": map[string]any{
		"status_code": status, "preserve_query_string": true, "target_url": map[string]any{"expression": target},
	}})}
}

func (d *desired) canonical(l Launch) {
	canonical := string(l.domains().Canonical)
	if canonical == "" || l.refused(canonical) {
		return
	}
	effect := effectCanonical + "-" + ShortID(canonical)
	var fresh, existing served
	for _, h := range d.mine(l, v1alpha1.AreaRedirects, effect, l.Redirects()) {
		if d.careful(l, effect+gently, h) {
			existing.add(l.LaunchID, h)
		} else {
			fresh.add(l.LaunchID, h)
		}
	}
	fresh.needed, existing.needed = true, true
	to := redirectTo(permanentlyAsGet, "concat("+quoted("https://"+canonical)+", http.request.uri.path)")
	d.rules(PhaseRedirect, effect, fresh, notACME, to, "redirect to "+canonical)
	d.rules(PhaseRedirect, effect+gently, existing, all(onlyReads, notACME), to, "redirect what reads to "+canonical)
}

// tls wants the edge to verify the origin's certificate, where it would stand the test: else visitors would meet error 526. What is
// verified stays so: nobody who stands between the two is to turn it off by failing the test.
func (d *desired) tls() {
	var strict served
	for _, l := range d.in.Launches {
		for _, h := range d.mine(l, v1alpha1.AreaTLS, effectTLS, l.Hosts()) {
			try, tried := l.Strict[h]
			verified := d.covered(effectTLS, h)
			if try.OK || verified || try.Unreachable && !d.existing(h) {
				strict.add(l.LaunchID, h)
			}
			if !tried || try.OK || try.Unreachable && (verified || !d.existing(h)) {
				continue
			}
			message := "The edge isn't told to verify the origin's certificate, since it would refuse it and visitors would meet error 526: " + try.Why
			if verified {
				message = "The edge verifies the origin's certificate, and refuses it, so that visitors meet error 526: " + try.Why
			}
			d.note(l.LaunchID, ReasonOriginNotTrusted, v1alpha1.SeverityHigh, h, message,
				"Give the origin a certificate for "+h+" of a public authority or of Cloudflare's Origin CA.")
		}
	}
	d.rules(PhaseConfig, effectTLS, strict, "",
		Rule{Action: actionSetConfig, Parameters: parameters(map[string]any{"ssl": "strict", "automatic_https_rewrites": true})},
		"verify the origin's certificate")
}

// waf wants what nobody may ask for refused, and Cloudflare's managed rules.
func (d *desired) waf() {
	var refuse alike
	var managed, mild served
	for _, l := range d.in.Launches {
		waf := l.cloudflare().WAF
		if waf == nil {
			waf = &v1alpha1.EdgeWAF{}
		}
		paths := []string{`(starts_with(http.request.uri.path, "/.") and not starts_with(http.request.uri.path, "/.well-known/"))`}
		paths = append(paths, pathBegins(texts(waf.BlockedPaths))...)
		if hosts := d.mine(l, v1alpha1.AreaWAF, effectWAF, l.Hosts()); len(hosts) > 0 {
			refuse.add(l.LaunchID, hosts, conditions(hosts, paths))
		}
		if waf.ManagedRules == v1alpha1.SwitchOff {
			continue
		}
		for _, h := range d.mine(l, v1alpha1.AreaWAF, effectManaged, l.Hosts()) {
			if d.careful(l, effectManaged+gently, h) {
				mild.add(l.LaunchID, h)
			} else {
				managed.add(l.LaunchID, h)
			}
		}
	}
	d.add(PhaseCustomWAF, effectWAF, refuse.served, chunks(refuse.conditions, " and "+notACME), Rule{Action: actionBlock},
		"refuse paths that nobody may ask for, such as /.git")
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
		d.rules(PhaseManagedWAF, set.effect, block, notACME,
			Rule{Action: actionExecute, Parameters: parameters(map[string]any{"id": set.id})}, "run "+set.name)
		d.rules(PhaseManagedWAF, set.effect+gently, mild, notACME,
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
	var private alike
	kept := map[int32]*alike{}
	for _, l := range d.in.Launches {
		files.add(l.LaunchID, d.mine(l, v1alpha1.AreaCache, effectStatic, l.Hosts())...)
		if hosts := d.mine(l, v1alpha1.AreaCache, effectPrivate, l.Hosts()); len(hosts) > 0 {
			private.add(l.LaunchID, hosts, conditions(hosts, append(pathBegins(privatePaths(l)), `any(http.request.headers["authorization"][*] ne "")`)))
		}
		cache := l.cloudflare().Cache
		if cache == nil || len(cache.StaticPaths) == 0 {
			continue
		}
		if hosts := d.mine(l, v1alpha1.AreaCache, effectPaths, l.Hosts()); len(hosts) > 0 {
			seconds := int32(DefaultStaticSeconds)
			if cache.StaticSeconds != nil {
				seconds = *cache.StaticSeconds
			}
			gather(kept, max(seconds, d.limits.MinCacheSeconds)).add(l.LaunchID, hosts, conditions(hosts, pathBegins(texts(cache.StaticPaths))))
		}
	}
	// Cache deception armour keeps a page that ends in .css by a trick from being kept.
	d.rules(PhaseCache, effectStatic, files, "http.request.uri.path.extension in "+set(staticExtensions[:]), Rule{
		Action: actionSetCache, Parameters: parameters(map[string]any{
			"cache":     true,
			"cache_key": map[string]any{"cache_deception_armor": true},
		}),
	}, "keep static files")
	for _, seconds := range sortedKeys(kept) {
		d.add(PhaseCache, effectPaths, kept[seconds].served, chunks(kept[seconds].conditions, ""), Rule{
			Action: actionSetCache, Parameters: parameters(map[string]any{
				"cache": true, "edge_ttl": map[string]any{"mode": "override_origin", "default": seconds, "status_code_ttl": successAlone()},
			}),
		}, fmt.Sprintf("keep static paths for %d seconds", seconds))
	}
	d.add(PhaseCache, effectPrivate, private.served, chunks(private.conditions, ""),
		Rule{Action: actionSetCache, Parameters: parameters(map[string]any{"cache": false})}, "never keep what is private")
}

// successAlone keeps redirects and errors from being kept as long as what they stand for.
func successAlone() []any {
	const noStore = -1
	return []any{map[string]any{"status_code_range": map[string]any{"from": 300, "to": 599}, "value": noStore}}
}

// privatePaths are the beginnings of paths whose replies are never kept.
func privatePaths(l Launch) []string {
	paths := []string{"/api/"}
	if cache := l.cloudflare().Cache; cache != nil {
		paths = append(paths, texts(cache.PrivatePaths)...)
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
	steps := map[int32]*served{}
	s := settling{in: d.in, state: d.state}
	for _, l := range d.in.Launches {
		for _, h := range d.mine(l, v1alpha1.AreaHeaders, effectHSTS, l.Hosts()) {
			age := int32(0)
			if c := d.in.Ledger.claim(h); l.frozen() {
				age = s.sentHSTS(h)
			} else if c != nil && c.HSTS != nil {
				age = c.HSTS.MaxAgeSeconds
			}
			if age == 0 {
				continue
			}
			if steps[age] == nil {
				steps[age] = &served{}
			}
			steps[age].add(l.LaunchID, h)
		}
	}
	for _, age := range sortedKeys(steps) {
		headers := map[string]any{"headers": map[string]any{
			hstsHeader:               map[string]any{"operation": "set", "value": "max-age=" + strconv.Itoa(int(age))},
			"x-content-type-options": map[string]any{"operation": "set", "value": "nosniff"},
		}}
		d.rules(PhaseResponseHeaders, effectHSTS, *steps[age], "ssl", Rule{Action: actionRewrite, Parameters: parameters(headers)},
			fmt.Sprintf("send HSTS with max-age %d", age))
	}
}

func texts[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
