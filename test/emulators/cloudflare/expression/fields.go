// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// field of a request or a response.
type field struct {
	typ Type
	// plan is the least that has the field.
	plan Plan
	// phases that have the field; none for all.
	phases []Phase
	get    func(*Request) (any, error)
}

// Where fields are to be had, by the notes in developers.cloudflare.com/ruleset-engine/rules-language/fields/reference/.
var (
	// Bodies are inspected by the WAF.
	bodyPhases = []Phase{PhaseFirewallCustom, PhaseRateLimit, PhaseRateLimitCounting, PhaseRateLimitCharacteristic, PhaseFirewallManaged}
	// "The availability of HTTP response fields depends on the exact Cloudflare feature": those whose pages name them.
	responsePhases = []Phase{PhaseResponseHeaders, PhaseCustomErrors, PhaseRateLimitCounting}
	errorPhases    = []Phase{PhaseResponseHeaders, PhaseCustomErrors}
)

func plain(t Type, get func(*Request) any) field {
	return field{typ: t, get: func(r *Request) (any, error) { return get(r), nil }}
}

func from(plan Plan, f field) field {
	f.plan = plan
	return f
}

func only(phases []Phase, f field) field {
	f.phases = phases
	return f
}

func list[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

// fields by name. Names, types and plans: developers.cloudflare.com/ruleset-engine/rules-language/fields/reference/
var fields = gathered(requestFields(), uriFields("", func(r *Request) (string, string) { return r.Path, r.Query }),
	uriFields("raw.", func(r *Request) (string, string) { return r.RawPath, r.RawQuery }), detectionFields(), bodyFields(), responseFields())

func gathered(groups ...map[string]field) map[string]field {
	all := map[string]field{}
	for _, g := range groups {
		maps.Copy(all, g)
	}
	return all
}

func requestFields() map[string]field {
	headers, names, values := headerFields(func(r *Request) (http.Header, string) { return r.Header, r.Host })
	return map[string]field{
		"http.cookie":                    header("Cookie", "; "),
		"http.host":                      plain(Text, func(r *Request) any { return r.Host }),
		"http.referer":                   header("Referer", ", "),
		"http.user_agent":                header("User-Agent", ", "),
		"http.x_forwarded_for":           header("X-Forwarded-For", ", "),
		"http.request.method":            plain(Text, func(r *Request) any { return r.Method }),
		"http.request.version":           plain(Text, func(r *Request) any { return r.Proto }),
		"http.request.cookies":           from(Pro, plain(mapOf(arrayOf(Text)), cookies)),
		"http.request.timestamp.sec":     plain(Integer, func(r *Request) any { return r.Time.Unix() }),
		"http.request.timestamp.msec":    plain(Integer, func(r *Request) any { return int64(r.Time.Nanosecond() / 1e6) }),
		"http.request.headers":           headers,
		"http.request.headers.names":     names,
		"http.request.headers.values":    values,
		"http.request.headers.truncated": plain(Boolean, func(*Request) any { return false }),
		"ip.src":                         plain(Address, address),
		"ssl":                            plain(Boolean, func(r *Request) any { return r.TLS }),
		"cf.edge.server_port":            plain(Integer, func(r *Request) any { return int64(r.Port) }),
		"cf.edge.client_tcp":             plain(Boolean, func(*Request) any { return true }),
		"cf.ray_id":                      plain(Text, func(r *Request) any { return r.RayID }),
		"cf.tls_version":                 plain(Text, func(r *Request) any { return r.TLSVersion }),
		"cf.tls_cipher":                  plain(Text, func(r *Request) any { return r.TLSCipher }),
		"cf.worker.upstream_zone":        plain(Text, func(*Request) any { return "" }),
		"cf.colo.id":                     only([]Phase{PhaseRateLimitCharacteristic}, plain(Text, func(r *Request) any { return r.Colo })),
		// "Now, the threat score is always 0 (zero)."
		"cf.threat_score": plain(Integer, func(*Request) any { return int64(0) }),
	}
}

func address(r *Request) any {
	if !r.Source.IsValid() {
		return nil
	}
	return r.Source.Unmap()
}

func header(name, separator string) field {
	return plain(Text, func(r *Request) any { return strings.Join(r.Header.Values(name), separator) })
}

// uriFields of a request; the raw ones are not changed by rules.
func uriFields(prefix string, get func(*Request) (path, query string)) map[string]field {
	uri := func(r *Request) string {
		path, query := get(r)
		if query != "" {
			path += "?" + query
		}
		return path
	}
	scheme := func(r *Request) string {
		if r.TLS {
			return "https://"
		}
		return "http://"
	}
	part := func(i int) func(*Request) any {
		return func(r *Request) any {
			_, query := get(r)
			var out []any
			for _, pair := range pairs(query) {
				out = append(out, pair[i])
			}
			return out
		}
	}
	at := prefix + "http.request."
	return map[string]field{
		at + "uri":                plain(Text, func(r *Request) any { return uri(r) }),
		at + "full_uri":           plain(Text, func(r *Request) any { return scheme(r) + r.Host + uri(r) }),
		at + "uri.path":           plain(Text, func(r *Request) any { path, _ := get(r); return path }),
		at + "uri.path.extension": plain(Text, func(r *Request) any { path, _ := get(r); return Extension(path) }),
		at + "uri.query":          plain(Text, func(r *Request) any { _, query := get(r); return query }),
		at + "uri.args": plain(mapOf(arrayOf(Text)), func(r *Request) any {
			_, query := get(r)
			return tableOf(pairs(query))
		}),
		at + "uri.args.names":  plain(arrayOf(Text), part(0)),
		at + "uri.args.values": plain(arrayOf(Text), part(1)),
	}
}

// Extension of a path, in lower case and without the dot; a dot that begins a name makes none.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/fields/reference/http.request.uri.path.extension/
func Extension(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 {
		return ""
	}
	return lower(name[dot+1:])
}

// pairs of a query or a form, undecoded and in order.
func pairs(query string) [][2]string {
	var out [][2]string
	for part := range strings.SplitSeq(query, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			out = append(out, [2]string{name, value})
		}
	}
	return out
}

func tableOf(pairs [][2]string) table {
	return func(key string) any {
		var out []any
		for _, p := range pairs {
			if p[0] == key {
				out = append(out, p[1])
			}
		}
		if out == nil {
			return nil
		}
		return out
	}
}

// cookies have URL-decoded names and values as they came.
func cookies(r *Request) any {
	var out [][2]string
	for _, line := range r.Header.Values("Cookie") {
		for part := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if decoded, err := url.PathUnescape(name); err == nil {
				name = decoded
			}
			if name != "" {
				out = append(out, [2]string{name, value})
			}
		}
	}
	return tableOf(out)
}

// headerFields gives the map of headers, whose keys are in lower case, and the lists of their names and values.
func headerFields(get func(*Request) (h http.Header, host string)) (all, names, values field) {
	all = plain(mapOf(arrayOf(Text)), func(r *Request) any {
		h, host := get(r)
		return table(func(key string) any {
			if key == "host" && host != "" {
				return []any{host}
			}
			found := h[http.CanonicalHeaderKey(key)]
			if key != lower(key) || len(found) == 0 {
				return nil
			}
			return list(found)
		})
	})
	part := func(i int) field {
		return plain(arrayOf(Text), func(r *Request) any {
			h, host := get(r)
			var out []any
			for _, pair := range headerPairs(h, host, r.Proto) {
				out = append(out, pair[i])
			}
			return out
		})
	}
	return all, part(0), part(1)
}

// headerPairs are names and values. In HTTP/2 names are in lower case; else net/http has given them its usual case.
func headerPairs(h http.Header, host, proto string) [][2]string {
	var out [][2]string
	if host != "" {
		out = append(out, [2]string{"Host", host})
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			out = append(out, [2]string{name, v})
		}
	}
	if !strings.HasPrefix(proto, "HTTP/1") {
		for i := range out {
			out[i][0] = lower(out[i][0])
		}
	}
	return out
}

func detectionFields() map[string]field {
	verified := plain(Boolean, func(r *Request) any { return r.Scores.VerifiedBot })
	no := plain(Boolean, func(*Request) any { return false })
	return map[string]field{
		"cf.client.bot":                           verified,
		"cf.verified_bot_category":                plain(Text, func(r *Request) any { return r.Scores.VerifiedBotCategory }),
		"cf.bot_management.verified_bot":          from(Enterprise, verified),
		"cf.bot_management.score":                 from(Enterprise, plain(Integer, func(r *Request) any { return int64(r.Scores.Bot) })),
		"cf.bot_management.corporate_proxy":       from(Enterprise, no),
		"cf.bot_management.signed_agent":          from(Enterprise, no),
		"cf.waf.score":                            from(Enterprise, plain(Integer, func(r *Request) any { return scored(r.Scores.Attack) })),
		"cf.waf.score.class":                      from(Business, plain(Text, func(r *Request) any { return r.Scores.AttackClass })),
		"cf.waf.credential_check.password_leaked": plain(Boolean, func(r *Request) any { return r.Scores.PasswordLeaked }),
		"cf.llm.prompt.detected":                  from(Enterprise, plain(Boolean, func(r *Request) any { return r.Scores.LLM.Detected })),
		"cf.llm.prompt.injection_score":           from(Enterprise, plain(Integer, func(r *Request) any { return scored(r.Scores.LLM.InjectionScore) })),
		"cf.llm.prompt.pii_detected":              from(Enterprise, plain(Boolean, func(r *Request) any { return len(r.Scores.LLM.PIICategories) > 0 })),
		"cf.llm.prompt.pii_categories":            from(Enterprise, plain(arrayOf(Text), func(r *Request) any { return list(r.Scores.LLM.PIICategories) })),
		"cf.llm.prompt.unsafe_topic_detected":     from(Enterprise, plain(Boolean, func(r *Request) any { return len(r.Scores.LLM.UnsafeTopics) > 0 })),
		"cf.llm.prompt.unsafe_topic_categories":   from(Enterprise, plain(arrayOf(Text), func(r *Request) any { return list(r.Scores.LLM.UnsafeTopics) })),
		"cf.llm.prompt.token_count":               from(Enterprise, plain(Integer, func(r *Request) any { return int64(r.Scores.LLM.TokenCount) })),
	}
}

func bodyFields() map[string]field {
	body := func(t Type, get func(body []byte, truncated bool, r *Request) any) field {
		return only(bodyPhases, from(Enterprise, field{typ: t, get: func(r *Request) (any, error) {
			if r.Body == nil {
				return get(nil, false, r), nil
			}
			b, truncated, err := r.Body()
			if err != nil {
				return nil, fmt.Errorf("reading the request's body: %w", err)
			}
			return get(b, truncated, r), nil
		}}))
	}
	form := func(b []byte, r *Request) [][2]string {
		media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if lower(strings.TrimSpace(media)) != "application/x-www-form-urlencoded" {
			return nil
		}
		return pairs(string(b))
	}
	part := func(i int) func([]byte, bool, *Request) any {
		return func(b []byte, _ bool, r *Request) any {
			var out []any
			for _, p := range form(b, r) {
				out = append(out, p[i])
			}
			return out
		}
	}
	return map[string]field{
		"http.request.body.raw":       body(Text, func(b []byte, _ bool, _ *Request) any { return string(b) }),
		"http.request.body.truncated": body(Boolean, func(_ []byte, truncated bool, _ *Request) any { return truncated }),
		"http.request.body.size": body(Integer, func(b []byte, truncated bool, r *Request) any {
			if truncated && r.BodySize > int64(len(b)) {
				return r.BodySize
			}
			return int64(len(b))
		}),
		"http.request.body.form":        body(mapOf(arrayOf(Text)), func(b []byte, _ bool, r *Request) any { return tableOf(form(b, r)) }),
		"http.request.body.form.names":  body(arrayOf(Text), part(0)),
		"http.request.body.form.values": body(arrayOf(Text), part(1)),
	}
}

func responseFields() map[string]field {
	none := &Response{}
	reply := func(r *Request) *Response {
		if r.Response == nil {
			return none
		}
		return r.Response
	}
	headers, names, values := headerFields(func(r *Request) (http.Header, string) { return reply(r).Header, "" })
	out := map[string]field{
		"http.response.code":           only(responsePhases, plain(Integer, func(r *Request) any { return int64(reply(r).Code) })),
		"http.response.headers":        only(responsePhases, headers),
		"http.response.headers.names":  only(responsePhases, names),
		"http.response.headers.values": only(responsePhases, values),
		"http.response.content_type.media_type": only(responsePhases, plain(Text, func(r *Request) any {
			media, _, _ := strings.Cut(reply(r).Header.Get("Content-Type"), ";")
			return lower(strings.TrimSpace(media))
		})),
		"cf.response.error_type": only(errorPhases, plain(Text, func(r *Request) any { return reply(r).ErrorType })),
		"cf.response.1xxx_code":  only(errorPhases, plain(Integer, func(r *Request) any { return int64(reply(r).Code1xxx) })),
	}
	return out
}

// foreign fields are Cloudflare's, but show what isn't known here: where an address is, what a client's certificate says, ...
var foreign = [...]string{
	"ip.src.", "ip.geoip.", "cf.tls_", "cf.timings.", "cf.edge.", "cf.api_gateway.", "cf.schema_validation.", "cf.waf.", "cf.llm.",
	"cf.bot_management.", "cf.hostname.metadata", "cf.random_seed", "cf.unique_visitor_id", "http.request.jwt.", "http.request.body.",
	"http.request.accepted_languages", "raw.http.response.", "cf.colo.", "cf.fraud", "cf.intel",
}

// rateFields are what a rate limit's expression may name, by plan; Enterprise may name all.
// Source: developers.cloudflare.com/waf/rate-limiting-rules/#availability
var rateFields = map[string]Plan{
	"http.request.uri.path": Free, "cf.client.bot": Free, "cf.bot_management.verified_bot": Free,
	"http.host": Pro, "http.request.uri": Pro, "http.request.full_uri": Pro, "http.request.uri.query": Pro,
	"http.request.method": Business, "ip.src": Business, "http.user_agent": Business,
}

func (p *parser) fieldNamed(name string, at int) (node, error) {
	f, ok := fields[name]
	if !ok {
		for _, prefix := range foreign {
			if strings.HasPrefix(name, prefix) {
				return node{}, p.unsupported(at, "the field %s", name)
			}
		}
		return node{}, p.invalid(at, "there is no field %s", name)
	}
	if err := p.available(name, f, at); err != nil {
		return node{}, err
	}
	p.uses[name] = true
	return node{typ: f.typ, field: name, at: at, eval: f.get}, nil
}

func (p *parser) available(name string, f field, at int) error {
	if f.phases != nil && !slices.Contains(f.phases, p.phase) {
		return p.invalid(at, "the field %s isn't available in %s", name, p.phase)
	}
	counting := p.phase == PhaseRateLimitCounting
	if counting && p.plan.rank() < Business.rank() {
		return p.invalid(at, "a counting expression needs the plan Business or Enterprise")
	}
	if (counting || p.phase == PhaseRateLimit) && p.plan.rank() < Enterprise.rank() && !strings.HasPrefix(name, "http.response.") {
		least, ok := rateFields[name]
		if !ok {
			least = Enterprise
		}
		if p.plan.rank() < least.rank() {
			return p.invalid(at, "the field %s needs the plan %s in a rate limit", name, least)
		}
		return nil
	}
	if p.plan.rank() < f.plan.rank() {
		return p.invalid(at, "the field %s needs the plan %s", name, f.plan)
	}
	return nil
}
