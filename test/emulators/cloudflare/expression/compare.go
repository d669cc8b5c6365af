// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"net/netip"
	"regexp"
	"strings"
)

// operators by their notations. The longer of two that begin alike comes first.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/operators/#comparison-operators
var operators = [...]struct{ name, word, sign string }{
	{"eq", "eq", "=="},
	{"ne", "ne", "!="},
	{"le", "le", "<="},
	{"ge", "ge", ">="},
	{"lt", "lt", "<"},
	{"gt", "gt", ">"},
	{"contains", "contains", ""},
	{"strict wildcard", "strict", ""},
	{"wildcard", "wildcard", ""},
	{"matches", "matches", "~"},
	{"in", "in", ""},
}

func (p *parser) operator() string {
	for _, o := range operators {
		if p.takeWord(o.word) || o.sign != "" && p.take(o.sign) {
			return o.name
		}
	}
	return ""
}

// comparison reads an operand and, if there is one, an operator and what it compares with.
func (p *parser) comparison() (node, error) {
	left, err := p.operand()
	if err != nil {
		return node{}, err
	}
	p.space()
	at := p.pos
	op := p.operator()
	if op == "" {
		return left, nil
	}
	if op == "strict wildcard" && !p.takeWord("wildcard") {
		return node{}, p.invalid(at, "strict is followed by wildcard")
	}
	if left.literal {
		return node{}, p.invalid(left.at, "a literal can't stand before an operator")
	}
	p.space()
	test, err := p.test(op, left.typ, at)
	if err != nil {
		return node{}, err
	}
	return compared(left, test), nil
}

// compared applies a test to a value, or to each of several. A missing value passes no test.
func compared(left node, test func(any) bool) node {
	if !left.each {
		return node{typ: Boolean, at: left.at, eval: func(r *Request) (any, error) {
			v, err := left.eval(r)
			return v != nil && err == nil && test(v), err
		}}
	}
	return node{typ: arrayOf(Boolean), at: left.at, eval: func(r *Request) (any, error) {
		v, err := left.eval(r)
		list, _ := v.([]any)
		out := make([]any, len(list))
		for i, e := range list {
			out[i] = e != nil && test(e)
		}
		return out, err
	}}
}

// test reads the right side of an operator, whose form depends on the type of the left.
func (p *parser) test(op string, t Type, at int) (func(any) bool, error) {
	if p.pos >= len(p.text) {
		return nil, p.invalid(at, "%s is followed by nothing", op)
	}
	switch t {
	case Text:
		return p.textTest(op)
	case Integer:
		return p.integerTest(op, at)
	case Address:
		return p.addressTest(op, at)
	}
	return nil, p.invalid(at, "%s can't be used on a value of type %s", op, t)
}

func (p *parser) textTest(op string) (func(any) bool, error) {
	at := p.pos
	if op == "in" {
		return p.textSet()
	}
	if !p.atString() {
		return nil, p.notLiteral(at, Text)
	}
	if op == "matches" {
		return p.matches()
	}
	s, err := p.str()
	if err != nil {
		return nil, err
	}
	switch op {
	case "contains":
		return func(v any) bool { return strings.Contains(as[string](v), s) }, nil
	case "wildcard", "strict wildcard":
		w, err := p.wildcard(s, op == "strict wildcard", at)
		if err != nil {
			return nil, err
		}
		return func(v any) bool { return w.MatchString(as[string](v)) }, nil
	}
	return func(v any) bool { return ordered(op, strings.Compare(as[string](v), s)) }, nil
}

func ordered(op string, c int) bool {
	switch op {
	case "eq":
		return c == 0
	case "ne":
		return c != 0
	case "lt":
		return c < 0
	case "le":
		return c <= 0
	case "gt":
		return c > 0
	}
	return c >= 0
}

func (p *parser) notLiteral(at int, t Type) error {
	if p.text[p.pos] == '$' {
		return p.unsupported(at, "lists")
	}
	return p.invalid(at, "%q is no literal of type %s", excerpt(p.text[at:]), t)
}

// matches reads a regular expression. Source: developers.cloudflare.com/ruleset-engine/rules-language/operators/#regular-expression-matching
func (p *parser) matches() (func(any) bool, error) {
	at := p.pos
	if p.plan.rank() < Business.rank() {
		return nil, p.invalid(at, "matches needs the plan Business or Enterprise")
	}
	text, err := p.pattern()
	if err != nil {
		return nil, err
	}
	re, err := p.regex(text, at)
	if err != nil {
		return nil, err
	}
	return func(v any) bool { return re.MatchString(as[string](v)) }, nil
}

// regex compiles with RE2, whose syntax is nearly that of the Rust engine.
func (p *parser) regex(text string, at int) (*regexp.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, p.unsupported(at, "regular expression: %v", err)
	}
	return re, nil
}

func (p *parser) integerTest(op string, at int) (func(any) bool, error) {
	switch op {
	case "in":
		return p.integerSet()
	case "contains", "matches", "wildcard", "strict wildcard":
		return nil, p.invalid(at, "%s can't be used on a value of type %s", op, Integer)
	}
	if c := p.text[p.pos]; c != '-' && (c < '0' || c > '9') {
		return nil, p.notLiteral(p.pos, Integer)
	}
	n, err := p.integer()
	if err != nil {
		return nil, err
	}
	return func(v any) bool {
		i := as[int64](v)
		switch {
		case i < n:
			return ordered(op, -1)
		case i > n:
			return ordered(op, 1)
		}
		return ordered(op, 0)
	}, nil
}

func (p *parser) addressTest(op string, at int) (func(any) bool, error) {
	switch op {
	case "in":
		return p.addressSet()
	case "eq", "ne":
	default:
		return nil, p.invalid(at, "%s can't be used on a value of type %s", op, Address)
	}
	start := p.pos
	span, single, err := p.span()
	if err != nil {
		return nil, err
	}
	if !single {
		return nil, p.invalid(start, "%s compares with one address: use in {...} for ranges", op)
	}
	return func(v any) bool { return (as[netip.Addr](v) == span.from) == (op == "eq") }, nil
}

// openSet reads { and says no where something else stands.
func (p *parser) openSet() error {
	at := p.pos
	if p.take("{") {
		return nil
	}
	if p.text[p.pos] == '$' {
		return p.unsupported(at, "lists")
	}
	return p.invalid(at, "in is followed by {...}")
}

// members reads the elements of a set, of which there is at least one.
func (p *parser) members(member func() error) error {
	if err := p.openSet(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if p.take("}") {
			if n == 0 {
				return p.invalid(p.pos, "a set isn't empty")
			}
			return nil
		}
		if p.pos >= len(p.text) {
			return p.invalid(p.pos, "a set doesn't end")
		}
		before := p.pos
		if n > 0 && before > 0 && strings.IndexByte(" \t\r\n", p.text[before-1]) < 0 {
			return p.invalid(before, "a set's elements are separated by spaces")
		}
		if err := member(); err != nil {
			return err
		}
	}
}

func (p *parser) textSet() (func(any) bool, error) {
	set := map[string]bool{}
	err := p.members(func() error {
		if !p.atString() {
			return p.invalid(p.pos, "%q is no String", excerpt(p.text[p.pos:]))
		}
		s, err := p.str()
		set[s] = true
		return err
	})
	return func(v any) bool { return set[as[string](v)] }, err
}

func (p *parser) integerSet() (func(any) bool, error) {
	type span struct{ from, to int64 }
	var set []span
	err := p.members(func() error {
		at := p.pos
		from, err := p.integer()
		if err != nil {
			return err
		}
		to := from
		if strings.HasPrefix(p.text[p.pos:], "..") {
			p.pos += len("..")
			if to, err = p.integer(); err != nil {
				return err
			}
			if to < from {
				return p.invalid(at, "a range ends before it begins")
			}
		}
		set = append(set, span{from, to})
		return nil
	})
	return func(v any) bool {
		n := as[int64](v)
		for _, s := range set {
			if n >= s.from && n <= s.to {
				return true
			}
		}
		return false
	}, err
}

func (p *parser) addressSet() (func(any) bool, error) {
	var set []span
	err := p.members(func() error {
		s, _, err := p.span()
		set = append(set, s)
		return err
	})
	return func(v any) bool {
		a := as[netip.Addr](v)
		for _, s := range set {
			if s.holds(a) {
				return true
			}
		}
		return false
	}, err
}

// span is a range of addresses.
type span struct{ from, to netip.Addr }

func (s span) holds(a netip.Addr) bool {
	return a.Is4() == s.from.Is4() && a.Compare(s.from) >= 0 && a.Compare(s.to) <= 0
}

// span reads an address, a CIDR range or an explicit range.
func (p *parser) span() (s span, single bool, err error) {
	at := p.pos
	for p.pos < len(p.text) && (wordByte(p.text[p.pos]) || p.text[p.pos] == ':' || p.text[p.pos] == '/') {
		p.pos++
	}
	text := p.text[at:p.pos]
	if text == "" {
		return span{}, false, p.notLiteral(at, Address)
	}
	if from, to, ok := strings.Cut(text, ".."); ok {
		a, err1 := netip.ParseAddr(from)
		b, err2 := netip.ParseAddr(to)
		if err1 != nil || err2 != nil || a.Is4() != b.Is4() || b.Less(a) {
			return span{}, false, p.invalid(at, "%q is no range of addresses", excerpt(text))
		}
		return span{a, b}, false, nil
	}
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return span{}, false, p.invalid(at, "%q is no range of addresses", excerpt(text))
		}
		return span{prefix.Masked().Addr(), last(prefix)}, false, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return span{}, false, p.invalid(at, "%q is no address", excerpt(text))
	}
	return span{a, a}, true, nil
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// wildcard compiles a text with * for any characters into a regular expression for the whole value, with a group for each *.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/operators/#wildcard-matching
func (p *parser) wildcard(text string, strict bool, at int) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s`)
	if !strict {
		b.WriteString(`i`)
	}
	b.WriteString(`)\A`)
	star := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '*' {
			if star {
				return nil, p.invalid(at, "** can't be used in a wildcard")
			}
			star = true
			b.WriteString(`(.*?)`)
			continue
		}
		star = false
		if c == '\\' {
			i++
			if i == len(text) || text[i] != '*' && text[i] != '\\' {
				return nil, p.invalid(at, `a wildcard's only escapes are \* and \\`)
			}
			c = text[i]
		}
		if c >= 0x80 {
			return nil, p.unsupported(at, "characters other than ASCII in a wildcard")
		}
		b.WriteString(regexp.QuoteMeta(string(rune(c))))
	}
	b.WriteString(`\z`)
	return p.regex(b.String(), at)
}
