// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// zone is a Zone that was read: what doesn't change with a request is worked out once.
type zone struct {
	Zone
	records  map[string][]Record
	rules    map[string][]*rule
	settings settings
	bots     bots
}

// rule with its expressions parsed. filterErr makes every request fail that comes to it, paramErr those that it matches.
type rule struct {
	Rule
	phase     string
	filter    *expression.Expression
	filterErr error
	params    parameters
	limit     *rateLimit
	paramErr  error
}

// name for people.
func (r *rule) name() string {
	if r.Ref != "" {
		return r.Ref
	}
	return r.ID
}

// supported are the phases whose rules are evaluated. An enabled rule of another phase makes requests fail.
var supported = []string{
	string(expression.PhaseRedirect), string(expression.PhaseTransform), string(expression.PhaseConfig), string(expression.PhaseFirewallCustom),
	string(expression.PhaseRateLimit), string(expression.PhaseFirewallManaged), string(expression.PhaseLateTransform),
	string(expression.PhaseCache), string(expression.PhaseCustomErrors), string(expression.PhaseResponseHeaders),
}

// find gives the zone of a host and its proxied record.
func (e *Edge) find(host string) (*zone, Record, bool) {
	var best *Zone
	zones := e.options.Source.Zones()
	for i := range zones {
		name := zones[i].Name
		if (host == name || strings.HasSuffix(host, "."+name)) && (best == nil || len(name) > len(best.Name)) {
			best = &zones[i]
		}
	}
	if best == nil {
		return nil, Record{}, false
	}
	z := e.compiled(best)
	record, ok := z.proxied(host)
	return z, record, ok
}

// compiled gives what was worked out for this version of a zone.
func (e *Edge) compiled(in *Zone) *zone {
	e.mu.Lock()
	defer e.mu.Unlock()
	if z := e.zones[in.ID]; z != nil && z.Version == in.Version && z.Name == in.Name {
		return z
	}
	z := compile(*in)
	e.zones[in.ID] = z
	return z
}

func compile(in Zone) *zone {
	z := &zone{Zone: in, records: map[string][]Record{}, rules: map[string][]*rule{}}
	if z.Plan == "" {
		z.Plan = string(expression.Free)
	}
	for _, r := range in.Records {
		z.records[r.Name] = append(z.records[r.Name], r)
	}
	for phase, rules := range in.Rules {
		for _, r := range rules {
			if r.Enabled {
				z.rules[phase] = append(z.rules[phase], z.compileRule(phase, r))
			}
		}
	}
	z.settings = readSettings(in.Settings)
	z.bots = readBots(in.Bots)
	return z
}

func (z *zone) compileRule(phase string, in Rule) *rule {
	r := &rule{Rule: in, phase: phase}
	if !slices.Contains(supported, phase) {
		r.filterErr = fmt.Errorf("the phase %s isn't evaluated here", phase)
		return r
	}
	if phase == string(expression.PhaseCustomErrors) && z.Plan == string(expression.Free) {
		// developers.cloudflare.com/rules/custom-errors/#availability
		r.filterErr = fmt.Errorf("custom error rules need a paid plan")
		return r
	}
	r.filter, r.filterErr = expression.Parse(expression.Phase(phase), expression.Plan(z.Plan), in.Expression)
	r.params, r.paramErr = readParameters(z, phase, in)
	if r.paramErr == nil && phase == string(expression.PhaseRateLimit) {
		r.limit, r.paramErr = readRateLimit(z, in)
	}
	return r
}

// proxied gives the record that serves a host: its own, or a wildcard's where the name has no record at all (RFC 4592 §2.2.1).
func (z *zone) proxied(host string) (Record, bool) {
	for name := host; ; {
		if records, ok := z.records[name]; ok {
			i := slices.IndexFunc(records, func(r Record) bool {
				return r.Proxied && slices.Contains([]string{"A", "AAAA", "CNAME"}, r.Type)
			})
			if i < 0 {
				return Record{}, false
			}
			return records[i], true
		}
		under, wildcard := strings.CutPrefix(name, "*.")
		_, parent, ok := strings.Cut(under, ".")
		if !ok || len(parent) < len(z.Name) || wildcard && len(z.records[under]) > 0 {
			return Record{}, false
		}
		name = "*." + parent
	}
}

// portless is a Host header without the edge's own port, which stands for 80 or 443.
func portless(host, own string) string {
	if name, port, err := net.SplitHostPort(host); err == nil && (port == own || port == "80" || port == "443") {
		return name
	}
	return host
}

// bareHost is a name as records have it.
func bareHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// settings of a zone that bear on requests.
type settings struct {
	ssl, securityLevel     string
	alwaysHTTPS, developer bool
	minTLS, maxTLS         uint16
	hsts                   hsts
	browserTTL             int64
	websockets             bool
	// errs are settings that can't be read.
	errs []error
}

// hsts as in the setting security_header.
type hsts struct {
	Enabled           bool  `json:"enabled"`
	MaxAge            int64 `json:"max_age"`
	IncludeSubdomains bool  `json:"include_subdomains"`
	Preload           bool  `json:"preload"`
	NoSniff           bool  `json:"nosniff"`
}

var tlsVersions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// readSettings reads what a zone sets over Cloudflare's defaults: SSL mode full, TLS 1.0 to 1.3, all else off.
// Source: developers.cloudflare.com/ssl/origin-configuration/ssl-modes/ and /ssl/edge-certificates/additional-options/minimum-tls/
func readSettings(in map[string]json.RawMessage) settings {
	s := settings{ssl: "full", securityLevel: "medium", minTLS: tls.VersionTLS10, maxTLS: tls.VersionTLS13, websockets: true}
	read := func(name string, into any) {
		if raw, ok := in[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				s.errs = append(s.errs, fmt.Errorf("reading the setting %s: %w", name, err))
			}
		}
	}
	on := func(name string, value *bool) {
		var text string
		if read(name, &text); text != "" {
			*value = text == "on"
		}
	}
	read("ssl", &s.ssl)
	read("security_level", &s.securityLevel)
	on("always_use_https", &s.alwaysHTTPS)
	on("development_mode", &s.developer)
	on("websockets", &s.websockets)
	var version, tls13 string
	read("min_tls_version", &version)
	if v, ok := tlsVersions[version]; ok {
		s.minTLS = v
	}
	if read("tls_1_3", &tls13); tls13 == "off" && s.minTLS < tls.VersionTLS13 {
		s.maxTLS = tls.VersionTLS12
	}
	var header struct {
		HSTS hsts `json:"strict_transport_security"`
	}
	read("security_header", &header)
	s.hsts = header.HSTS
	read("browser_cache_ttl", &s.browserTTL)
	if !slices.Contains(sslModes, s.ssl) {
		s.errs = append(s.errs, fmt.Errorf("ssl mode %q isn't emulated", s.ssl))
	}
	return s
}

// strictly reads JSON whose every field is known here: what isn't would be ignored else.
func strictly(raw json.RawMessage, into any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("parameters that aren't emulated: %w", err)
	}
	return nil
}
