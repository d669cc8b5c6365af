// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// call is a function call that is being parsed.
type call struct {
	p    *parser
	name string
	at   int
	args []node
}

// function of the language.
type function struct {
	// phases that have it; none for all. values says that it may only stand in value expressions.
	phases []Phase
	values bool
	// check says what the function gives for its arguments, and how.
	check func(*call) (Type, func(args []any) any, error)
	// missing says that the function is called for missing values too; else it gives a missing value.
	missing bool
}

// Where functions may be used, by the notes in developers.cloudflare.com/ruleset-engine/rules-language/functions/.
var (
	limits     = []Phase{PhaseFirewallCustom, PhaseRateLimit, PhaseRateLimitCounting, PhaseRateLimitCharacteristic}
	rewrites   = []Phase{PhaseTransform, PhaseLateTransform, PhaseResponseHeaders}
	rewritesTo = []Phase{PhaseTransform, PhaseLateTransform, PhaseResponseHeaders, PhaseRedirect}
)

var functions = map[string]function{
	"any":                 {check: quantifier(slices.Contains[[]bool]), missing: true},
	"all":                 {check: quantifier(func(b []bool, _ bool) bool { return !slices.Contains(b, false) }), missing: true},
	"cidr":                {check: checkCIDR, phases: limits},
	"cidr6":               {check: checkCIDR6, phases: limits},
	"concat":              {check: checkConcat, missing: true},
	"decode_base64":       {check: textual(true, decodeBase64), phases: slices.Concat(rewrites, limits)},
	"ends_with":           {check: affix(strings.HasSuffix)},
	"starts_with":         {check: affix(strings.HasPrefix)},
	"join":                {check: checkJoin, phases: slices.Concat(rewrites, []Phase{PhaseFirewallCustom, PhaseCustomErrors})},
	"len":                 {check: checkLen},
	"lookup_json_integer": {check: lookup(Integer, jsonInteger)},
	"lookup_json_string":  {check: lookup(Text, jsonString)},
	"lower":               {check: textual(false, func(s string) any { return lower(s) })},
	"upper":               {check: textual(false, func(s string) any { return upper(s) })},
	"regex_replace":       {check: checkRegexReplace, phases: rewritesTo, values: true},
	"remove_bytes":        {check: checkRemoveBytes},
	"remove_query_args":   {check: checkRemoveQueryArgs, phases: rewrites, values: true},
	"split":               {check: checkSplit, phases: errorPhases},
	"substring":           {check: checkSubstring},
	"to_string":           {check: checkToString, phases: rewritesTo, values: true},
	"url_decode":          {check: checkURLDecode},
	"wildcard_replace":    {check: checkWildcardReplace, phases: []Phase{PhaseTransform, PhaseRedirect}, values: true},
}

// foreignFunctions are Cloudflare's, but not to be had here.
var foreignFunctions = [...]string{
	"bit_slice", "is_timed_hmac_valid_v0", "uuidv4", "encode_base64", "sha256", "sha512", "has_key", "has_value",
}

// call reads the arguments of a function, behind its opening parenthesis.
func (p *parser) call(name string, at int) (node, error) {
	f, ok := functions[name]
	switch {
	case slices.Contains(foreignFunctions[:], name):
		return node{}, p.unsupported(at, "the function %s", name)
	case !ok:
		return node{}, p.invalid(at, "there is no function %s", name)
	case f.phases != nil && !slices.Contains(f.phases, p.phase):
		return node{}, p.invalid(at, "the function %s isn't available in %s", name, p.phase)
	case f.values && !p.value:
		return node{}, p.invalid(at, "the function %s may only be used in the expression of a value", name)
	}
	if p.depth++; p.depth > maxDepth {
		return node{}, p.unsupported(at, "nesting deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	c := &call{p: p, name: name, at: at}
	for !p.take(")") {
		if len(c.args) > 0 && !p.take(",") {
			return node{}, p.invalid(p.pos, "a comma or a closing parenthesis is missing")
		}
		arg, err := p.or()
		if err != nil {
			return node{}, err
		}
		c.args = append(c.args, arg)
	}
	return c.node(f)
}

func (c *call) node(f function) (node, error) {
	for i, a := range c.args {
		if a.each && i > 0 {
			return node{}, c.p.invalid(a.at, "[*] may only be used in the first argument of a function")
		}
	}
	typ, apply, err := f.check(c)
	if err != nil {
		return node{}, err
	}
	one := func(values []any) any {
		if !f.missing && slices.Contains(values, nil) {
			return nil
		}
		return apply(values)
	}
	if len(c.args) > 0 && c.args[0].each {
		return node{typ: arrayOf(typ), at: c.at, eval: evaluated(c.args, func(values []any) any { return mapped(values, one) })}, nil
	}
	return node{typ: typ, at: c.at, eval: evaluated(c.args, one)}, nil
}

// evaluated applies a function to the values of its arguments.
func evaluated(args []node, apply func([]any) any) func(*Request) (any, error) {
	return func(r *Request) (any, error) {
		values := make([]any, len(args))
		for i, a := range args {
			v, err := a.eval(r)
			if err != nil {
				return nil, err
			}
			values[i] = v
		}
		return apply(values), nil
	}
}

// mapped applies a function to each element of the first argument.
func mapped(values []any, apply func([]any) any) any {
	items, ok := values[0].([]any)
	if !ok {
		return nil
	}
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = apply(append([]any{item}, values[1:]...))
	}
	return out
}

// want checks the number and the types of the arguments. The last type may be left out from least on.
func (c *call) want(least int, types ...Type) error {
	if len(c.args) < least || len(c.args) > len(types) {
		return c.p.invalid(c.at, "%s has %d arguments, which is not what it takes", c.name, len(c.args))
	}
	for i, t := range types[:len(c.args)] {
		if a := c.args[i]; a.typ != t {
			return c.p.invalid(a.at, "argument %d of %s is a %s, not a %s", i+1, c.name, a.typ, t)
		}
	}
	return nil
}

// wantField says that the first argument can't be a literal.
func (c *call) wantField() error {
	if c.args[0].literal {
		return c.p.invalid(c.args[0].at, "the first argument of %s can't be a literal", c.name)
	}
	return nil
}

// literal gives the value of an argument that has to be known when the expression is parsed.
func (c *call) literal(i int) (any, error) {
	if !c.args[i].literal {
		return nil, c.p.invalid(c.args[i].at, "argument %d of %s is a literal", i+1, c.name)
	}
	return c.args[i].eval(nil)
}

func (c *call) literalText(i int) (string, error) {
	v, err := c.literal(i)
	s, _ := v.(string)
	return s, err
}

func quantifier(holds func([]bool, bool) bool) func(*call) (Type, func([]any) any, error) {
	return func(c *call) (Type, func([]any) any, error) {
		if len(c.args) == 1 && c.args[0].each && c.args[0].typ == Boolean {
			return "", nil, c.p.unsupported(c.args[0].at, "[*] on a list of Booleans")
		}
		if err := c.want(1, arrayOf(Boolean)); err != nil {
			return "", nil, err
		}
		return Boolean, func(args []any) any {
			items, _ := args[0].([]any)
			found := make([]bool, len(items))
			for i, item := range items {
				found[i], _ = item.(bool)
			}
			return holds(found, true)
		}, nil
	}
}

// textual is a function from a String to a String.
func textual(field bool, apply func(string) any) func(*call) (Type, func([]any) any, error) {
	return func(c *call) (Type, func([]any) any, error) {
		if err := c.want(1, Text); err != nil {
			return "", nil, err
		}
		if field {
			if err := c.wantField(); err != nil {
				return "", nil, err
			}
		}
		return Text, func(args []any) any { return apply(as[string](args[0])) }, nil
	}
}

// lower and upper convert ASCII alone.
func lower(s string) string { return asciiMap(s, 'A', 'Z', 'a'-'A') }
func upper(s string) string { return asciiMap(s, 'a', 'z', 256-('a'-'A')) }

func asciiMap(s string, from, to byte, shift int) string {
	b := []byte(s)
	for i, c := range b {
		if c >= from && c <= to {
			b[i] = byte(int(c) + shift) //nolint:gosec // wraps around on purpose
		}
	}
	return string(b)
}

func decodeBase64(s string) any {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return string(b)
}

func affix(has func(s, part string) bool) func(*call) (Type, func([]any) any, error) {
	return func(c *call) (Type, func([]any) any, error) {
		if err := c.want(2, Text, Text); err != nil {
			return "", nil, err
		}
		if err := c.wantField(); err != nil {
			return "", nil, err
		}
		return Boolean, func(args []any) any { return has(as[string](args[0]), as[string](args[1])) }, nil
	}
}

func checkConcat(c *call) (Type, func([]any) any, error) {
	if len(c.args) == 0 {
		return "", nil, c.p.invalid(c.at, "concat takes arguments")
	}
	for _, a := range c.args {
		if _, ok := a.typ.item(); ok && !a.each {
			return "", nil, c.p.unsupported(a.at, "concat of arrays")
		}
		if a.typ != Text {
			return "", nil, c.p.invalid(a.at, "concat joins Strings: %s isn't one", a.typ)
		}
	}
	return Text, func(args []any) any {
		var b strings.Builder
		for _, a := range args {
			s, _ := a.(string) // a missing value counts as an empty one
			b.WriteString(s)
		}
		return b.String()
	}, nil
}

func checkJoin(c *call) (Type, func([]any) any, error) {
	if err := c.want(2, arrayOf(Text), Text); err != nil {
		return "", nil, err
	}
	return Text, func(args []any) any {
		items := as[[]any](args[0])
		texts := make([]string, len(items))
		for i, item := range items {
			s, ok := item.(string)
			if !ok {
				return nil
			}
			texts[i] = s
		}
		return strings.Join(texts, as[string](args[1]))
	}, nil
}

func checkSplit(c *call) (Type, func([]any) any, error) {
	const most = 128
	if err := c.want(3, Text, Text, Integer); err != nil {
		return "", nil, err
	}
	separator, err := c.literalText(1)
	if err != nil {
		return "", nil, err
	}
	v, err := c.literal(2)
	if err != nil {
		return "", nil, err
	}
	limit := as[int64](v)
	if separator == "" || limit < 1 || limit > most {
		return "", nil, c.p.invalid(c.at, "split takes a separator and a limit between 1 and %d", most)
	}
	return arrayOf(Text), func(args []any) any {
		return list(strings.SplitN(as[string](args[0]), separator, int(limit)))
	}, nil
}

func checkLen(c *call) (Type, func([]any) any, error) {
	if len(c.args) != 1 {
		return "", nil, c.p.invalid(c.at, "len takes one argument")
	}
	a := c.args[0]
	if _, isList := a.typ.item(); a.typ != Text && !isList {
		return "", nil, c.p.invalid(a.at, "a %s has no length", a.typ)
	}
	return Integer, func(args []any) any {
		if items, ok := args[0].([]any); ok {
			return int64(len(items))
		}
		return int64(len(as[string](args[0])))
	}, nil
}

func checkRemoveBytes(c *call) (Type, func([]any) any, error) {
	if err := c.want(2, Text, Text); err != nil {
		return "", nil, err
	}
	return Text, func(args []any) any {
		unwanted := []byte(as[string](args[1]))
		return string(slices.DeleteFunc([]byte(as[string](args[0])), func(b byte) bool { return slices.Contains(unwanted, b) }))
	}, nil
}

func checkSubstring(c *call) (Type, func([]any) any, error) {
	if err := c.want(2, Text, Integer, Integer); err != nil {
		return "", nil, err
	}
	return Text, func(args []any) any {
		s := as[string](args[0])
		n := int64(len(s))
		clamp := func(i int64) int64 {
			if i < 0 {
				i += n
			}
			return min(max(i, 0), n)
		}
		start, end := clamp(as[int64](args[1])), n
		if len(args) > 2 {
			end = clamp(as[int64](args[2]))
		}
		return s[min(start, end):end]
	}, nil
}

func checkToString(c *call) (Type, func([]any) any, error) {
	if len(c.args) != 1 {
		return "", nil, c.p.invalid(c.at, "to_string takes one argument")
	}
	if a := c.args[0]; a.typ != Integer && a.typ != Boolean && a.typ != Address {
		return "", nil, c.p.invalid(a.at, "to_string takes an Integer, a Boolean or an IP address, not a %s", a.typ)
	}
	return Text, func(args []any) any { return written(args[0]) }, nil
}

func written(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case netip.Addr:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = strconv.Quote(written(item))
		}
		return strings.Join(parts, ",")
	}
	return ""
}

func checkCIDR(c *call) (Type, func([]any) any, error) {
	if err := c.want(3, Address, Integer, Integer); err != nil {
		return "", nil, err
	}
	return c.network(1, 2)
}

func checkCIDR6(c *call) (Type, func([]any) any, error) {
	if err := c.want(2, Address, Integer); err != nil {
		return "", nil, err
	}
	return c.network(0, 1)
}

// network cuts an address down to the bits that literal arguments say; without one for IPv4, such an address is left as it is.
func (c *call) network(four, six int) (Type, func([]any) any, error) {
	bits := map[bool]int{true: 32, false: 128}
	for is4, i := range map[bool]int{true: four, false: six} {
		if i == 0 {
			continue
		}
		v, err := c.literal(i)
		if err != nil {
			return "", nil, err
		}
		n := as[int64](v)
		if n < 1 || n > int64(bits[is4]) {
			return "", nil, c.p.invalid(c.args[i].at, "%d is no number of network bits", n)
		}
		bits[is4] = int(n)
	}
	return Address, func(args []any) any {
		a := as[netip.Addr](args[0])
		p, err := a.Prefix(bits[a.Is4()])
		if err != nil {
			return nil
		}
		return p.Addr()
	}, nil
}

// lookup finds a value in a JSON document by attribute names and positions.
func lookup(t Type, get func(any) any) func(*call) (Type, func([]any) any, error) {
	return func(c *call) (Type, func([]any) any, error) {
		if len(c.args) < 2 || c.args[0].typ != Text {
			return "", nil, c.p.invalid(c.at, "%s takes a String and keys", c.name)
		}
		for _, a := range c.args[1:] {
			if a.typ != Text && a.typ != Integer {
				return "", nil, c.p.invalid(a.at, "a key is a String or an Integer")
			}
		}
		return t, func(args []any) any {
			var v any
			d := json.NewDecoder(strings.NewReader(as[string](args[0])))
			d.UseNumber()
			if err := d.Decode(&v); err != nil || d.More() {
				return nil
			}
			for _, key := range args[1:] {
				v = below(v, key)
			}
			return get(v)
		}, nil
	}
}

// below is what stands under a name or at a position of a JSON value.
func below(v, key any) any {
	switch key := key.(type) {
	case string:
		return as[map[string]any](v)[key]
	case int64:
		if items := as[[]any](v); key >= 0 && key < int64(len(items)) {
			return items[key]
		}
	}
	return nil
}

func jsonString(v any) any {
	if s, ok := v.(string); ok {
		return s
	}
	return nil
}

func jsonInteger(v any) any {
	n, _ := v.(json.Number)
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		return nil
	}
	return i
}

// once says that of regex_replace and wildcard_replace an expression has one.
func (c *call) once() error {
	if c.p.replaced {
		return c.p.invalid(c.at, "regex_replace and wildcard_replace can be used once in an expression")
	}
	c.p.replaced = true
	return nil
}

// maxReferences to groups in a replacement.
const maxReferences = 8

// reference to a group in a replacement, or an escaped $.
var reference = regexp.MustCompile(`\$(\$|\{[0-9]+\})?`)

// template checks a replacement and gives what fills its references.
func (c *call) template(i int) (func(groups []string) string, error) {
	text, err := c.literalText(i)
	if err != nil {
		return nil, err
	}
	references := 0
	for _, m := range reference.FindAllString(text, -1) {
		switch m {
		case "$":
			return nil, c.p.invalid(c.args[i].at, "a $ in a replacement is written $$")
		case "$$":
		default:
			references++
		}
	}
	if references > maxReferences {
		return nil, c.p.invalid(c.args[i].at, "a replacement has at most %d references", maxReferences)
	}
	return func(groups []string) string {
		return reference.ReplaceAllStringFunc(text, func(m string) string {
			if m == "$$" {
				return "$"
			}
			n, err := strconv.Atoi(strings.Trim(m, "${}"))
			if err != nil || n >= len(groups) {
				return ""
			}
			return groups[n]
		})
	}, nil
}

func checkRegexReplace(c *call) (Type, func([]any) any, error) {
	if err := c.want(3, Text, Text, Text); err != nil {
		return "", nil, err
	}
	if err := c.once(); err != nil {
		return "", nil, err
	}
	text, err := c.literalText(1)
	if err != nil {
		return "", nil, err
	}
	re, err := c.p.regex(text, c.args[1].at)
	if err != nil {
		return "", nil, err
	}
	fill, err := c.template(2)
	if err != nil {
		return "", nil, err
	}
	return Text, func(args []any) any {
		s := as[string](args[0])
		m := re.FindStringSubmatchIndex(s)
		if m == nil {
			return s
		}
		return s[:m[0]] + fill(re.FindStringSubmatch(s)) + s[m[1]:]
	}, nil
}

func checkWildcardReplace(c *call) (Type, func([]any) any, error) {
	if err := c.want(3, Text, Text, Text, Text); err != nil {
		return "", nil, err
	}
	if err := c.wantField(); err != nil {
		return "", nil, err
	}
	if err := c.once(); err != nil {
		return "", nil, err
	}
	pattern, err := c.literalText(1)
	if err != nil {
		return "", nil, err
	}
	flags := ""
	if len(c.args) > 3 {
		if flags, err = c.literalText(3); err != nil {
			return "", nil, err
		}
		if flags != "" && flags != "s" {
			return "", nil, c.p.invalid(c.args[3].at, "the only flag is s")
		}
	}
	re, err := c.p.wildcard(pattern, flags == "s", c.args[1].at)
	if err != nil {
		return "", nil, err
	}
	fill, err := c.template(2)
	if err != nil {
		return "", nil, err
	}
	return Text, func(args []any) any {
		s := as[string](args[0])
		groups := re.FindStringSubmatch(s)
		if groups == nil {
			return s
		}
		return fill(groups)
	}, nil
}

func checkRemoveQueryArgs(c *call) (Type, func([]any) any, error) {
	if len(c.args) < 2 || !strings.HasSuffix(c.args[0].field, "http.request.uri.query") {
		return "", nil, c.p.invalid(c.at, "remove_query_args takes http.request.uri.query, or the raw one, and names")
	}
	for _, a := range c.args[1:] {
		if a.typ != Text {
			return "", nil, c.p.invalid(a.at, "a parameter's name is a String")
		}
	}
	return Text, func(args []any) any {
		parts := strings.Split(as[string](args[0]), "&")
		return strings.Join(slices.DeleteFunc(parts, func(part string) bool {
			name, _, _ := strings.Cut(part, "=")
			return slices.Contains(args[1:], any(name))
		}), "&")
	}, nil
}

func checkURLDecode(c *call) (Type, func([]any) any, error) {
	if err := c.want(1, Text, Text); err != nil {
		return "", nil, err
	}
	if err := c.wantField(); err != nil {
		return "", nil, err
	}
	options := ""
	if len(c.args) > 1 {
		var err error
		if options, err = c.literalText(1); err != nil {
			return "", nil, err
		}
		if strings.Trim(options, "ru") != "" {
			return "", nil, c.p.invalid(c.args[1].at, "the only options are r and u")
		}
	}
	unicode, recursive := strings.Contains(options, "u"), strings.Contains(options, "r")
	return Text, func(args []any) any {
		s := as[string](args[0])
		for {
			decoded := urlDecoded(s, unicode)
			if !recursive || decoded == s {
				return decoded
			}
			s = decoded
		}
	}, nil
}

// urlDecoded replaces + and %XX, and %uXXXX if wanted; what is not well-formed is left as it is.
func urlDecoded(s string, unicode bool) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
			continue
		case s[i] != '%':
		case i+3 <= len(s) && isHex(s[i+1:i+3]):
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			b = append(b, byte(n))
			i += 2
			continue
		case unicode && i+6 <= len(s) && s[i+1] == 'u' && isHex(s[i+2:i+6]):
			n, _ := strconv.ParseUint(s[i+2:i+6], 16, 16)
			b = utf8.AppendRune(b, rune(n))
			i += 5
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
